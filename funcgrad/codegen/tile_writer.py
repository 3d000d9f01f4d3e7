"""Writes a group of elementwise equations as a function of one tile, and the loop over the tiles.

    d = np.empty((4096, 1024), float32)

    def tile(rows, t0):
        np.add(a[rows], b, out=t0)
        np.tanh(t0, out=d[rows])

    run(tile, 4096, 128, 8388608, ((1024,), float32))

Values that only the group reads live in the tile's own memory (t0, ...), which is used again as soon as they are read
for the last time. The others are written to where they belong: to new arrays, or over operands that nobody reads after
the group.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from ..core import Primitive
from ..graph.ir import Atom, Eqn, Var
from .expressions import Expr, dtype_name, is_ufunc, is_widened, ufunc
from .fusion import Group

if TYPE_CHECKING:
    from .writer import Writer

__all__ = ["TileWriter"]

_INDENT = "    "


class TileWriter:
    """The text of one group, which is step i of the program."""

    def __init__(self, writer: Writer, group: Group, i: int):
        self.writer, self.group, self.i = writer, group, i
        self.count, self.step, self.row = group.rows()
        self.inside = {out for eqn in group.eqns for out in eqn.outs}
        self.made = {out: k for k, eqn in enumerate(group.eqns) for out in eqn.outs}
        self.last = {a: k for k, eqn in enumerate(group.eqns) for a in (*eqn.outs, *eqn.operands) if isinstance(a, Var)}
        self.reads = self._reads()
        self.outer: list[str] = []  # statements before the function
        self.looks: list[str] = []  # names of views that they make
        self.body: list[str] = []
        self.text: dict[Atom, str] = {}  # of each value inside of the tile
        self.home: dict[Var, str] = {}  # the tile's memory that a value is in
        self.free: dict[str, list[str]] = {}  # by dtype
        self.buffers: list[str] = []  # dtypes
        self.taken: set[Var] = set()  # operands that a result is written over

    def lines(self) -> list[str]:
        """The statements of the group, inside of the program."""
        for a in self.group.operands():
            self._write_operand(a)
        for k, eqn in enumerate(self.group.eqns):
            if comment := self.writer.say(eqn.origin):
                self.body.append(comment)
            self._write_eqn(k, eqn)
        parameters = ", ".join(["rows", *(f"t{n}" for n in range(len(self.buffers)))])
        work = len(self.group.eqns) * prod(self.group.shape)
        shape = _tuple(self.row)
        arguments = ["tile", self.count, self.step, work, *(f"({shape}, {dtype})" for dtype in self.buffers)]
        lines = [*self.outer, "", f"def tile({parameters}):", *(_INDENT + line for line in self.body), ""]
        lines.append(f"run({', '.join(map(str, arguments))})")
        if self.looks and self.i + 1 < len(self.writer.steps):
            lines.append(f"del {', '.join(self.looks)}")
        return [_INDENT + line if line else "" for line in lines]

    def _reads(self) -> dict[Any, int]:
        """How often each operand from outside is read."""
        found: dict[Any, int] = {}
        for eqn in self.group.eqns:
            for a in eqn.operands:
                if a not in self.inside:
                    found[a] = found.get(a, 0) + 1
        return found

    def _look(self, name: str, text: str) -> None:
        """Another look at an array, for the time of the group."""
        self.outer.append(f"{name} = {text}")
        self.looks.append(name)

    # ---- operands --------------------------------------------------------------------------------

    def _write_operand(self, a: Atom) -> None:
        """Its text inside of a tile: the tile's rows, or all of it where it has none."""
        name, sizes = self.writer.read(a).text, [self.count, *self.row]
        merged, has_rows = self._merged(a)
        if merged != list(a.type.shape):
            rows = f"{name}_flat" if len(merged) == 1 else f"{name}_rows"
            self._look(rows, f"{name}.reshape({', '.join(map(str, merged))})")
            name_rows = rows
        else:
            name_rows = name
        if not has_rows:
            self.text[a] = name_rows
        elif self.reads[a] == 1:
            self.text[a] = f"{name_rows}[rows]"
        else:
            self.text[a] = f"{name}_tile"
            self.body.append(f"{name}_tile = {name_rows}[rows]")
        assert len(merged) <= len(sizes)

    def _merged(self, a: Atom) -> tuple[list[int], bool]:
        """Its shape in the group's merged axes, and whether the tiles cut it."""
        shape = (1,) * (len(self.group.shape) - len(a.type.shape)) + a.type.shape
        merged: list[int] = []
        axis = 0
        for n in (self.count, *self.row):
            size = along = 1
            while size < n:
                size *= self.group.shape[axis]
                along *= shape[axis]
                axis += 1
            merged.append(along)
        has_rows = merged[0] > 1
        while len(merged) > 1 and merged[0] == 1:
            del merged[0]
        return merged, has_rows

    def _value(self, a: Atom) -> str:
        if a not in self.text:  # a number, or an array of one element
            self.text[a] = self._single(a)
        return self.text[a]

    def _single(self, a: Atom) -> str:
        """An array of one element may have more axes than a tile has."""
        name = self.writer.read(a).text
        if len(a.type.shape) <= 1 + len(self.row):
            return name
        self._look(f"{name}_one", f"{name}.reshape(())")
        return f"{name}_one"

    # ---- equations -------------------------------------------------------------------------------

    def _write_eqn(self, k: int, eqn: Eqn) -> None:
        assert isinstance(eqn.op, Primitive)
        name, out = eqn.op.name, eqn.outs[0]
        texts = [self._value(a) for a in eqn.operands]
        leaves = self.writer.last[out] > self.i
        if is_ufunc(name) and not is_widened(eqn):
            self._set_free(k, eqn)  # it may write over what it is the last to read
            function, arguments = ufunc(eqn, texts)
            self.body.append(f"{function}({', '.join(arguments)}, out={self._target(k, out, leaves)})")
            return
        if name in ("convert", "cast"):
            self.body.append(f'np.copyto({self._target(k - 1, out, leaves)}, {texts[0]}, casting="unsafe")')
        elif name == "where" and not is_widened(eqn):
            self.body.append(f"select({', '.join([*texts, self._target(k - 1, out, leaves)])})")
        else:
            value = self.writer.expression(eqn, [Expr(text) for text in texts]).text
            if leaves:
                self.body.append(f"{self._target(k - 1, out, leaves)}[...] = {value}")
            else:
                self.text[out] = self.writer.names[out]
                self.body.append(f"{self.text[out]} = {value}")
        self._set_free(k, eqn)

    def _target(self, k: int, out: Var, leaves: bool) -> str:
        """Memory for a value, which may be that of an operand that is not read after equation k."""
        return self._output(k, out) if leaves else self._buffer(out)

    def _set_free(self, k: int, eqn: Eqn) -> None:
        """The memory of values that are read for the last time."""
        for a in dict.fromkeys(eqn.operands):
            if isinstance(a, Var) and a in self.home and self.last[a] == k:
                self.free.setdefault(_dtype(a), []).append(self.home.pop(a))

    def _buffer(self, out: Var) -> str:
        """Memory of the tile's own for a value."""
        dtype = _dtype(out)
        free = self.free.get(dtype)
        if free:
            name = free.pop()
        else:
            name = f"t{len(self.buffers)}"
            self.buffers.append(dtype)
        self.text[out] = self.home[out] = name
        return name

    def _output(self, k: int, out: Var) -> str:
        """Where a value goes that is read after the group: a tile of an array."""
        writer, sizes = self.writer, [self.count, *self.row]
        over = self._dead_operand(k, out)
        if over is None:
            name = writer.names[out]
            self.outer += writer.memory_for(self.i, out)
        else:
            self.taken.add(over)
            name = writer.names[out] = writer.names[over]
            writer.take(over, out)
        rows = name
        if list(out.type.shape) != sizes:
            rows = f"{name}_flat" if len(sizes) == 1 else f"{name}_rows"
            if over is None:
                self._look(rows, f"{name}.reshape({', '.join(map(str, sizes))})")
        if self.last[out] == self.made[out]:
            return f"{rows}[rows]"
        if over is None or self.reads[over] == 1:
            self.body.append(f"{name}_tile = {rows}[rows]")
        self.text[out] = f"{name}_tile"
        return f"{name}_tile"

    def _dead_operand(self, k: int, out: Var) -> Var | None:
        """An operand like the value, whose memory is read by nobody after this equation."""
        for a in self.writer.donated_first(self.group.operands()):
            if (
                isinstance(a, Var)
                and a.type == out.type
                and a not in self.taken
                and self.last[a] <= k
                and self.writer.is_dead(a, self.i)
                and self.writer.frame.may_take(a, out)
                and not any(a in self.writer.memory.owners(b) for b in self.group.operands() if b is not a)  # type: ignore[union-attr]
            ):
                return a
        return None


def _dtype(a: Atom) -> str:
    return dtype_name(a.type.dtype)  # type: ignore[union-attr]


def _tuple(sizes: list[int]) -> str:
    return f"({', '.join(map(str, sizes))}{',' if len(sizes) == 1 else ''})"
