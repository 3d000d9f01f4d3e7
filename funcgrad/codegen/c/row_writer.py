"""Writes what a nest does for one row of its space: numbers of the row, and walks through it.

float red_m = -inf;                             // a maximum of the row, in the first walk
for (long j0 = 0; j0 < 1000; j0++) { ... }
for (long j0 = 0; j0 < 1000; j0++) { ... }      // what needs it, in the second
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod

from ...core import Aval
from ...graph.ir import Atom, Eqn, Literal, Var
from ..memory import size_of
from .folds import accumulator, has_nan, onto, result, typed_number, value_type
from .kinds import BOXES, REDUCTIONS, WINDOWS, box_of, is_one_hot, is_pick, is_random
from .layout import Layout
from .nest import Nest
from .random_lines import fill_lines, number_text
from .window_lines import argmax_lines, gather_lines, scatter_text

__all__ = ["RUN", "RowWriter"]

STACK = 32 << 10
"""Up to how many bytes of a row are kept on the stack."""
RUN = 1024
"""How many floats are added up before the sum becomes a double; and how many random numbers are drawn at a time."""


class Walk:
    """The statements of one walk through a row, by where they stand."""

    def __init__(self) -> None:
        self.before: list[str] = []
        self.start: list[str] = []  # of each run of elements
        self.clauses: dict[str, list[str]] = {}  # by operator, what the elements are put together in
        self.body: list[str] = []
        self.end: list[str] = []  # of each run
        self.after: list[str] = []
        self.runs = False  # whether the row is cut in runs, if it is long
        self.draws = False  # whether there are random numbers

    def clause(self) -> str:
        """What the loop over elements reduces."""
        return "".join(f" reduction({sign}:{', '.join(names)})" for sign, names in self.clauses.items())


class RowWriter(Layout):
    """The text of what is done for a row; see `NestWriter`."""

    def __init__(
        self,
        nest: Nest,
        names: Mapping[Var, str],
        leaves: Sequence[Var],
        expression: Callable[[Eqn, Sequence[str]], str],
        say: Callable[[Eqn], str | None],
    ):
        super().__init__(nest, leaves)
        self.names, self.expression, self.say = names, expression, say
        self.over: dict[Var, Var] = {}
        """By value that leaves the operand whose memory it takes."""
        self.arrays = nest.outside()
        self.texts: dict[tuple[Atom, int | None], str] = {}
        """By value, and for one that differs within windows by offset: how it is written where it is known."""
        self.offset: int | None = None
        """Which element of a window is being computed."""
        self.checks = False  # whether an index may be out of range

    # ---- values ----

    def array_name(self, a: Atom) -> str:
        """The name of the pointer to a value's memory."""
        a = self.over.get(a, a) if isinstance(a, Var) else a
        if isinstance(a, Literal):
            return f"k{next(i for i, b in enumerate(self.arrays) if b is a)}"
        return f"p_{self.names[a]}"

    def at_each_offset(self, a: Atom) -> Iterator[None]:
        """Go through the elements of a window, where the value differs within it; else once."""
        for k in range(prod(self.nest.window)) if a in self.nest.windowed else (None,):
            self.offset = k
            yield
        self.offset = None

    def local(self, v: Var) -> str:
        """The name of one element of a value."""
        name = self.names[v]
        return name if v not in self.nest.windowed else f"{name}_{self.offset}"

    def element(self, a: Atom) -> str:
        """Where the value's element stands in memory."""
        return f"{self.array_name(a)}[{self.index(a, self.offset if a in self.nest.windowed else None)}]"

    def know(self, a: Atom, text: str) -> None:
        """From here on the value is written so."""
        self.texts[a, self.offset if a in self.nest.windowed else None] = text

    def value(self, a: Atom, lines: list[str]) -> str:
        """The text of an operand; one from memory is read first."""
        a = self.root(a)
        known = self.texts.get((a, self.offset if a in self.nest.windowed else None))
        if known is not None:
            return known
        if isinstance(a, Literal) and not isinstance(a.type, Aval):
            return ""  # a number is spelled beside the arrays whose dtype it takes
        if isinstance(a, Literal) and (size_of(a) == 1 or not any(a.value._data.strides)):
            return typed_number(a.value._data.flat[0], a.type.dtype)  # type: ignore[union-attr]
        if a in self.kept:
            assert isinstance(a, Var)
            name = self.local(a)
            text = self.element(a) if a in self.leaves else f"row_{name}[{self.in_row()}]"
        else:
            name, text = self.array_name(a), self.element(a)
            name = self.local(a) if isinstance(a, Var) else f"{name}_{'' if self.offset is None else self.offset}"
        lines.append(f"const {value_type(a)} {name} = {text};")
        self.know(a, name)
        return name

    def in_row(self) -> str:
        """Where in the row an element stands."""
        terms, step = [], 1
        for dim in reversed(self.row):
            terms.append(dim.name if step == 1 else f"{dim.name} * {step}")
            step *= dim.size
        return " + ".join(reversed(terms))

    def kept_in_memory(self) -> list[Var]:
        """What is kept of a row, and is not read again from where it is written anyway."""
        return [e.outs[0] for e in self.eqns if e.outs[0] in self.kept and e.outs[0] not in self.leaves]

    def on_heap(self) -> bool:
        """Are the values of a row that are kept too many for the stack?"""
        return 8 * len(self.kept) * prod(dim.size for dim in self.row) > STACK

    # ---- a row ----

    def row_lines(self, low: str = "0", high: str | None = None) -> list[str]:
        """All that is done for one row, or for the piece of one between two places."""
        lines: list[str] = []
        length = prod(dim.size for dim in self.row)
        if not self.on_heap():
            lines += [f"{value_type(v)} row_{self.names[v]}[{length}];" for v in self.kept_in_memory()]
        for phase in range(max(self.phase.values(), default=0) + 1):
            self._numbers(phase, lines)
            for e in self.eqns:
                if self.phase[e.outs[0]] == phase and is_one_hot(e):
                    self._place(e, e.operands[3], e.outs[0].type.shape[1], lines)
            lines += self._walk(phase, low, high)
        return lines

    def _numbers(self, phase: int, lines: list[str]) -> None:
        """What has one value a row, before a walk."""
        for e in self.eqns:
            if self.phase[e.outs[0]] != phase or self.is_inner(e.outs[0]):
                continue
            if is_pick(e):
                self._pick(e, lines)
            elif e.op.name not in REDUCTIONS:
                self._compute(e, lines)
            elif not self.is_inner(self.root(e.operands[0])):  # of one number a row, over all rows
                self._add_number(e, lines)

    def _add_number(self, e: Eqn, lines: list[str]) -> None:
        target = f"all_{self.names[e.outs[0]]}"
        for _ in self.at_each_offset(e.operands[0]):
            x = self.value(e.operands[0], lines)
            lines.append(onto(e, target, x))
            if has_nan(e):
                lines.append(f"nan_{target} |= {x} != {x};")

    def _place(self, e: Eqn, index: Atom, size: int, lines: list[str]) -> str:
        """Where in its row an index points, counted from the front; one that is out of range is told by `bad`."""
        self.checks = True
        at = f"at_{self.names[e.outs[0]]}"
        x = self.value(index, lines)
        lines += [
            f"long long {at} = {x} < 0 ? (long long) {x} + {size} : (long long) {x};",
            f"if ({at} < 0 || {at} >= {size}) {at} = 0, bad = 1;",
        ]
        return at

    def _pick(self, e: Eqn, lines: list[str]) -> None:
        """One element of the row."""
        out, x = e.outs[0], self.root(e.operands[0])
        at, name = self._place(e, e.operands[2], x.type.shape[1], lines), self.names[out]
        if x in self.nest.made and x not in self.leaves:
            source = f"row_{self.names[x]}[{at}]"  # type: ignore[index]
        else:
            source = f"{self.array_name(x)}[{self.index(x).replace(self.row[0].name, at)}]"
        lines.append(f"const {value_type(out)} {name} = {source};")
        self.know(out, name)
        if out in self.leaves:
            lines.append(f"{self.element(out)} = {name};")

    # ---- elements ----

    def _compute(self, e: Eqn, lines: list[str]) -> None:
        """One value, and where it goes."""
        out = e.outs[0]
        if comment := self.say(e):
            lines.append(comment)
        for _ in self.at_each_offset(out):
            name = self.local(out)
            lines.append(f"const {value_type(out)} {name} = {self._expression(e, lines)};")
            self.know(out, name)
            if out in self.leaves:
                if out in self.over:  # whoever reads that after this line must have read it before
                    self.value(self.over[out], lines)
                lines.append(f"{self.element(out)} = {name};")
            elif out in self.kept:
                lines.append(f"row_{name}[{self.in_row()}] = {name};")

    def _expression(self, e: Eqn, lines: list[str]) -> str:
        out = e.outs[0]
        if is_one_hot(e):
            return f"{self.row[0].name} == at_{self.names[out]} ? 0 + {self.value(e.operands[1], lines)} : 0"
        if is_random(e):
            return number_text(e, f"from_{self.names[out]}[{self.row[-1].name} - run_]")
        if e.op.name in WINDOWS:
            return self._window(e, lines)
        if e.op.name in BOXES:
            return self._box(e)
        return self.expression(e, [self.value(a, lines) for a in e.operands])

    def _box(self, e: Eqn) -> str:
        """An element of a part of an array, or of an array in the midst of zeros."""
        x, box = e.operands[0], box_of(e)
        assert box is not None
        ahead = sum(start * step for (start, _), step in zip(box, self.strides(x), strict=True))
        if e.op.name == "slice":
            return f"{self.array_name(x)}[{self.index(x)} + {ahead}]"
        tests = []
        for dim in (*self.outer, *self.row):
            if len(dim.axes) > 1:  # of none of them is anything left out
                continue
            start, stop = box[dim.axes[0]]
            tests += [f"({dim.name} >= {start})"] * (start > 0)
            tests += [f"({dim.name} < {stop})"] * (stop < dim.size)
        element = f"{self.array_name(x)}[{self.index(x)} - {ahead}]"
        return f"{' & '.join(tests)} ? {element} : 0" if tests else element

    def _window(self, e: Eqn, lines: list[str]) -> str:
        x, name = e.operands[0], self.names[e.outs[0]]
        if e.op.name == "window_scatter":
            return scatter_text(self.value(x, lines), self.value(e.operands[1], lines), self.offset)
        xs = self._of_window(x, lines)
        if e.op.name == "window_gather":
            lines += gather_lines(name, xs, self.value(e.operands[1], lines), x)
            return f"found_{name}"
        lines += argmax_lines(name, xs, x)
        return f"at_{name}"

    def _of_window(self, x: Atom, lines: list[str]) -> list[str]:
        """A value at each offset of the window."""
        found = []
        for _ in self.at_each_offset(self.root(x)):
            found.append(self.value(x, lines))
        return found

    # ---- walks ----

    def _walk(self, phase: int, low: str, high: str | None) -> list[str]:
        """One walk through the row: the values of it in this phase, and what is reduced."""
        eqns = [
            e for e in self.eqns
            if self.phase[e.outs[0]] == phase
            and (self.is_inner(e.outs[0]) or (e.op.name in REDUCTIONS and self.is_inner(self.root(e.operands[0]))))
        ]  # fmt: skip
        if not eqns:
            return []
        walk = Walk()
        for a in (self.root(a) for e in eqns for a in e.operands):
            if a in self.nest.axes and a not in self.nest.made and not self.is_inner(a) and not self.nest.window:
                self.value(a, walk.before)  # a number of the row, read once
        outside = dict(self.texts)
        for e in eqns:
            if is_random(e):
                self._draw(e, walk)
            if e.op.name in REDUCTIONS:
                self._reduce(e, walk)
            else:
                self._compute(e, walk.body)
        self.texts = outside
        for e in eqns:
            if e.op.name in REDUCTIONS and e.outs[0] not in self.nest.finals:
                self.know(e.outs[0], self.names[e.outs[0]])
        return self._loops(walk, low, high)

    def _draw(self, e: Eqn, walk: Walk) -> None:
        """The random bits of a run."""
        dim = self.row[-1]
        first = self.index(e.outs[0]).replace(dim.name, "run_")
        walk.draws = walk.runs = True
        most = min(RUN, dim.size)
        walk.start += fill_lines(e, self.names[e.outs[0]], self.array_name(e.operands[0]), first, most)

    def _reduce(self, e: Eqn, walk: Walk) -> None:
        """A sum or a maximum: of the row, of each column, or of all."""
        out, name = e.outs[0], self.names[e.outs[0]]
        is_column = out in self.nest.finals and size_of(out) > 1  # over the outer axes
        target = f"col_{name}[{self.in_row()}]" if is_column else f"run_{name}"
        if out in self.nest.partials:
            target = self.element(out)
            walk.before.append(self._started(e))
        for _ in self.at_each_offset(self.root(e.operands[0])):
            x = self.value(e.operands[0], walk.body)
            if is_column:
                walk.body.append(onto(e, target, x))
            elif e.op.name == "sum":
                walk.body.append(f"{target} += {x};")
            else:
                sign = ">" if e.op.name == "max" else "<"
                walk.body.append(f"{target} = {x} {sign} {target} ? {x} : {target};")
                if has_nan(e):
                    walk.body.append(f"nan_{target} |= {x} != {x};")
        if not is_column:
            self._put_together(e, walk)

    def _started(self, e: Eqn) -> str:
        """What a reduction over the first axes of a row begins with, in its place."""
        out, first = e.outs[0], self.index(e.outs[0])
        for dim in self.row:
            first = first.replace(dim.name, "0")
        count = prod(dim.size for dim in self.row if dim.axes[0] in self.nest.axes[out])
        return f"for (long z_ = 0; z_ < {count}; z_++) {self.array_name(out)}[{first} + z_] = {accumulator(e)[1]};"

    def _put_together(self, e: Eqn, walk: Walk) -> None:
        """The total of each run, and of all runs."""
        out, name = e.outs[0], self.names[e.outs[0]]
        kind, first = accumulator(e)
        narrow = value_type(out)
        target = f"all_{name}" if out in self.nest.finals else f"red_{name}"
        walk.runs = True
        walk.start.append(f"{narrow} run_{name} = {first};")
        walk.clauses.setdefault({"sum": "+"}.get(e.op.name, e.op.name), []).append(f"run_{name}")
        if has_nan(e):
            walk.start.append(f"int nan_run_{name} = 0;")
            walk.clauses.setdefault("|", []).append(f"nan_run_{name}")
            walk.end.append(f"nan_{target} |= nan_run_{name};")
        walk.end.append(onto(e, target, f"run_{name}"))
        if out not in self.nest.finals:
            walk.before.append(f"{kind} {target} = {first};")
            if has_nan(e):
                walk.before.append(f"int nan_{target} = 0;")
            walk.after.append(f"const {narrow} {name} = {result(e, target, f'nan_{target}')};")
            if out in self.leaves:
                walk.after.append(f"{self.element(out)} = {name};")

    def _loops(self, walk: Walk, low: str, high: str | None) -> list[str]:
        """The walk's statements in loops over the axes of the row."""
        lines = list(walk.before)
        indent = ""
        for dim in self.row[:-1]:
            lines.append(f"{indent}for (long {dim.name} = 0; {dim.name} < {dim.size}; {dim.name}++) {{")
            indent += "    "
        dim = self.row[-1]
        end = high or str(dim.size)
        inner = [*walk.start, f"#pragma omp simd{walk.clause()}"]
        if walk.runs and (high is not None or dim.size > (RUN if walk.draws else 2 * RUN)):
            lines.append(f"{indent}for (long run_ = {low}; run_ < {end}; run_ += {RUN}) {{")
            indent += "    "
            inner.insert(0, f"const long stop_ = run_ + {RUN} < {end} ? run_ + {RUN} : {end};")
            inner.append(f"for (long {dim.name} = run_; {dim.name} < stop_; {dim.name}++) {{")
        else:
            if walk.draws:
                inner.insert(0, f"const long run_ = {low}, stop_ = {end};")
            inner.append(f"for (long {dim.name} = {low}; {dim.name} < {end}; {dim.name}++) {{")
        inner += ["    " + line for line in walk.body] + ["}", *walk.end]
        lines += [indent + line for line in inner]
        while indent:
            indent = indent[4:]
            lines.append(indent + "}")
        return lines + walk.after
