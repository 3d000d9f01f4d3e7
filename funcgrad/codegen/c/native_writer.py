"""Writes a graph down as a NumPy program that calls loop nests in C.

    c = np.empty((4096, 1024), float32)
    nest0(a, b, c) and mend(nest0, a, b, c)

A nest returns 0 if all went well. Else `mend` says what is wrong: an operand in another order than C's is copied, an
index that is out of range is an error.
"""

from __future__ import annotations

from os.path import basename
from typing import Any

from ...graph.ir import Atom, Eqn, Var
from ...provenance import location
from ..expressions import dtype_name
from ..memory import Memory
from ..writer import Writer
from .nest import Nest, is_alias, is_one_hot, is_pick
from .nest_writer import NestWriter
from .scheduling import schedule
from .spelling import expression, speaks

__all__ = ["NativeWriter"]

_INDENT = "    "
_KEYWORDS = frozenset({
    "asm", "auto", "bool", "case", "char", "const", "default", "do", "double", "else", "enum", "extern", "float", "for",
    "goto", "if", "inline", "int", "long", "main", "register", "restrict", "return", "short", "signed", "sizeof",
    "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "bad",
})  # fmt: skip


class NativeWriter(Writer):
    """The text of a program and of the nests that it calls."""

    plans_small = True

    def __init__(self, *args: Any, **options: Any):
        caller = options.get("caller") or (args[5] if len(args) > 5 else None)
        self.nests: list[NestWriter] = [] if caller is None else caller.nests
        super().__init__(*args, **options)

    def arranged(self, memory: Memory) -> list[Any]:
        return schedule(self.graph, memory, speaks)

    def _safe(self) -> int:
        """As in NumPy; a nest that indexes may raise, too."""
        if not self.given:
            return 0
        places = [i for i, s in enumerate(self.steps) if not isinstance(s, Eqn) and any(map(_indexes, s.eqns))]
        return max(super()._safe(), 1 + max(places, default=-1))

    def _write_group(self, i: int, group: Nest) -> None:  # type: ignore[override]
        self._flush(i)
        after = [e.outs[0] for e in group.eqns if self.last[e.outs[0]] > i]
        nest = NestWriter(group, f"nest{len(self.nests)}", self._c_names(group), after, expression, _comments())
        self.nests.append(nest)
        for v in nest.leaves:
            over = self._dead_operand(i, nest, v)
            if over is not None:
                self.trust(over)
                nest.over[v] = over
        lines = []
        for v in nest.leaves:
            if v in nest.over:
                self.names[v] = self.names[nest.over[v]]  # type: ignore[index]
                self.take(nest.over[v], v)  # type: ignore[arg-type]
            else:
                lines.append(f"{self.names[v]} = np.empty({v.type.shape}, {dtype_name(v.type.dtype)})")  # type: ignore[union-attr]
        self.bound[nest.name] = None  # the function, once the C is compiled
        given = ", ".join(self._given(declaration, a) for declaration, a, _ in nest.parameters())
        lines.append(f"{nest.name}({given}) and mend({nest.name}, {given})")
        lines += [f"{self.names[v]} = {self.names[v]}[()]" for v in nest.leaves if not v.type.shape]
        for e in group.eqns:
            if is_alias(e) and e.outs[0] in after:
                lines.append(f"{self.names[e.outs[0]]} = {self.expression(e, [self.read(e.operands[0])]).text}")
        self._begin()
        self.lines += [_INDENT + line for line in lines]
        self._release(i, list(dict.fromkeys([*after, *nest.leaves])))

    def _given(self, declaration: str, a: Atom) -> str:
        """An argument: an array by name, an array of one element as a number."""
        text = self.read(a).text
        return f"{text}.item()" if "*" not in declaration and a.type.shape else text

    def _c_names(self, nest: Nest) -> dict[Var, str]:
        """The names that values have in the program, but for those that mean something in C."""
        found = {}
        for v in (v for e in nest.eqns for v in (*e.operands, *e.outs) if isinstance(v, Var)):
            name = self.names[v]
            found[v] = name + "_" if name in _KEYWORDS else name
        return found

    def _dead_operand(self, i: int, nest: NestWriter, out: Var) -> Var | None:
        """An operand like the value, which nobody reads after the nest, nor in it once the value is written."""
        assert self.memory is not None
        for a in self.donated_first(nest.arrays):
            if (
                isinstance(a, Var)
                and a.type == out.type
                and a not in nest.over.values()
                and nest.nest.axes[a] == nest.nest.axes[out]
                and self.memory.contiguous(a) is not None
                and self.is_dead(a, i)
                and nest.last_read(a) <= nest.phase[out]
                and not any(a in self.memory.owners(b) for b in nest.arrays if b is not a)
            ):
                return a
        return None


def _indexes(eqn: Eqn) -> bool:
    return is_pick(eqn) or is_one_hot(eqn)


def _comments() -> Any:
    """What says the user's line of an equation, unless it is that of the one before."""
    said = ""

    def say(eqn: Eqn) -> str | None:
        nonlocal said
        file, line = location(eqn.origin)
        before, said = said, f"// {basename(file)}:{line}"
        return None if said == before else said

    return say
