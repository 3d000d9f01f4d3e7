"""A loop whose length the values decide, as one function in C, where nests and numbers are all that a turn has.

    long turns(const float *a, float *f0, float *f1, float *f2, double d_, float *i0, long long *where)
    {
        const float *in_b = a;                      // what a turn begins with
        float in_d = (float) d_;
        for (long turn = 0;; turn++) {
            float *f = turn % 3 == 0 ? f0 : turn % 3 == 1 ? f1 : f2;
            nest0(in_b, in_d, f);                   // f = a * b / d
            const float i = ...;                    // a number
            const int again = fabsf(i - in_d) > 1e-06f;
            in_b = f; in_d = i;                     // what the next one begins with
            if (!again) break;
        }
    }

An array that a turn makes goes into one of a ring of arrays, so long that none is written over before it has passed
through all places of the carry. After some milliseconds the function returns to Python, which calls it again, so that
the user can interrupt it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...core import Primitive
from ...graph.ir import Atom, Eqn, Graph, Literal, Number, Var
from ..comments import Comments
from ..expressions import dtype_name
from ..memory import Memory, nbytes, size_of
from .expressions import CTYPES, constant
from .folds import c_type, is_float, is_truth, typed_number, value_type
from .kinds import RANDOM, REDUCTIONS, WINDOWS
from .library import Entry, Parameter
from .nest import Nest
from .nest_writer import NestWriter
from .scheduling import schedule
from .spelling import c_names, expression, speaks

__all__ = ["TurnsWriter", "turns"]

A_WHILE = 5_000_000
"""About how many nanoseconds pass before Python may look for signals."""
A_NUMBER = 5
"""About how many nanoseconds an operation on numbers takes."""
_SAME_NUMBER = frozenset({
    "reshape", "broadcast_to", "permute_dims", "stop_gradient", "checkpoint_name", "copy", *REDUCTIONS,
})  # fmt: skip
_NOT_HERE = frozenset({"gather", "scatter_add", "slice", "unslice", *WINDOWS, *RANDOM})
_INDENT = "    "


def turns(graph: Graph, answer: Atom, names: Mapping[Var, str]) -> TurnsWriter | None:
    """The writer of a loop.

    Args:
        graph: of a turn, with as many outputs as inputs, which are the next inputs.
        answer: whether there is another turn.
        names: of values, in the program.

    Returns:
        None where there is something that no nest takes, or what would not be worth it.
    """
    if any(v.type != a.type for v, a in zip(graph.inputs, graph.outputs, strict=True)):
        return None
    if not all(_is_known(a) for a in (*graph.inputs, *graph.outputs, answer)) or not isinstance(answer, Var):
        return None
    steps = schedule(graph, Memory(graph), speaks, every=True)
    if not all(map(_is_written, steps)):
        return None
    found = TurnsWriter(graph, answer, steps, names)
    return found if found.is_whole() else None


def _is_known(a: Atom) -> bool:
    """Can it be passed, and come back? Whole numbers of Python's have no end, and no type here."""
    if isinstance(a.type, Number):
        return a.type.kind is float
    return a.type.dtype.name in CTYPES and a.type.dtype.name != "uint64" and size_of(a) > 0


def _is_written(step: Eqn | Nest) -> bool:
    if isinstance(step, Nest):
        # a view of what stands in another order is made by Python, and an index may be out of range
        return not step.views and not any(e.op.name in _NOT_HERE for e in step.eqns)  # type: ignore[union-attr]
    if len(step.outs) != 1 or not isinstance(step.op, Primitive):
        return False
    if step.op.name == "reshape":
        return True
    if any(size_of(a) != 1 for a in (*step.operands, *step.outs)) or not all(map(_is_known, step.outs)):
        return False
    return step.op.name in _SAME_NUMBER or (step.op.name not in _NOT_HERE and speaks(step))


class TurnsWriter:
    """The text of a loop; it stands for a program's writer, and for the only call of it.

    Args:
        graph, answer, names: see `turns`.
        steps: of a turn: nests, and equations of numbers.
    """

    name = "turns"

    def __init__(self, graph: Graph, answer: Var, steps: Sequence[Eqn | Nest], names: Mapping[Var, str]):
        self.graph, self.answer, self.steps, self.names = graph, answer, steps, names
        self.bound: dict[str, Any] = {self.name: None}
        self.trusted: frozenset[Var] = frozenset()
        self.taken: tuple[int, ...] = ()
        self.shown: dict[Atom, Atom] = {}  # by reshaped array what it shows
        self.constants: list[Literal] = []
        self.nests: list[NestWriter] = []
        for i, step in enumerate(steps):
            if isinstance(step, Nest):
                self._add_nest(i, step)
            elif step.op.name == "reshape" and size_of(step.outs[0]) > 1:
                self.shown[step.outs[0]] = self.root(step.operands[0])
        self.arrays = [v for v in graph.inputs if size_of(v) > 1]
        self.numbers = [v for v in graph.inputs if size_of(v) == 1]
        carried = {self.root(a) for a in graph.outputs}
        length = len(self.arrays) + 1  # an array that was made passes through all places of the carry, at most
        self.rings = {
            v: length if v in carried else 1 for nest in self.nests for v in nest.leaves if size_of(v) > 1
        }  # fmt: skip
        """By array that a turn makes the number of arrays that it goes into, one after the other."""
        self.nbytes = 0, sum(length * nbytes(v) for v, length in self.rings.items())

    def _add_nest(self, i: int, step: Nest) -> None:
        finals = (*self.graph.outputs, self.answer)
        later = {a for s in self.steps[i + 1 :] for e in ([s] if isinstance(s, Eqn) else s.eqns) for a in e.operands}
        after = [e.outs[0] for e in step.eqns if e.outs[0] in later or e.outs[0] in finals]
        say = Comments("//")
        nest = NestWriter(step, c_names(step, self.names), after, expression, lambda eqn: say(eqn.origin))
        self.nests.append(nest)
        self.shown.update((v, nest.root(v)) for v in after if nest.root(v) is not v)
        self.constants += [a for a in nest.arrays if isinstance(a, Literal)]

    def root(self, a: Atom) -> Atom:
        """What a reshaped array shows."""
        return self.shown.get(a, a)

    def is_whole(self) -> bool:
        """Is all that the text needs at hand?"""
        made = {*self.graph.inputs, *(v for nest in self.nests for v in nest.leaves)}
        made.update(e.outs[0] for e in self.steps if isinstance(e, Eqn))
        ends = [self.root(a) for a in self.graph.outputs]
        if any(size_of(a) != size_of(self.root(a)) for a in self.shown):  # one that repeats its elements
            return False
        return all(a in made if isinstance(a, Var) else size_of(a) == 1 for a in ends)

    # ---- the program -------------------------------------------------------------------------------

    def source(self) -> str:
        """The text in C, of `linking`; the program's is `program`."""
        nests = [nest.source(f"nest{i}", "own", "static ") for i, nest in enumerate(self.nests)]
        return "\n".join([*nests, *self._c_lines()])

    def entry(self) -> Entry:
        """How Python calls it."""
        return Entry(self.name, tuple(p for p, _ in self._parameters()))

    def program(self) -> str:
        """The text in Python."""
        inputs = [self.names[v] for v in self.graph.inputs]
        arrays, rings = [self.names[v] for v in self.arrays], self._ring_names()
        self.bound.update((f"constant{k}", a.value._data) for k, a in enumerate(self.constants))
        lines = [f"{name} = np.ascontiguousarray({name})" for name in arrays]
        turn = [f"{text} = np.empty({v.type.shape}, {dtype_name(v.type.dtype)})" for v, text in rings]
        for k, a in self._number_results():
            dtype = "float64" if isinstance(a.type, Number) else dtype_name(a.type.dtype)
            turn.append(f"out{k} = np.empty({a.type.shape}, {dtype})")
        turn.append(f"where = np.empty({len(inputs)}, int64)")
        turn.append(f"more = {self.name}({', '.join(text for _, text in self._parameters())})")
        if arrays:
            turn.append(f"found = ({', '.join([*arrays, *(text for _, text in rings)])},)")
        comma = "," * (len(inputs) == 1)
        carry = ", ".join(inputs) + comma
        turn.append(f"{carry} = {', '.join(map(self._result, range(len(inputs))))}{comma}")
        turn += ["if not more:", f"{_INDENT}return False, ({carry})"]
        lines += ["while True:", *(_INDENT + line for line in turn)]
        return "\n".join([f"def program({', '.join(inputs)}):", *(_INDENT + line for line in lines), ""])

    def _result(self, k: int) -> str:
        a = self.graph.outputs[k]
        if size_of(a) == 1:
            return f"out{k}.item()" if isinstance(a.type, Number) else f"out{k}" + "[()]" * (not a.type.shape)
        text = f"found[where[{k}]]"
        return text if self.root(a) is a else f"{text}.reshape({a.type.shape})"

    def _number_results(self) -> list[tuple[int, Atom]]:
        return [(k, a) for k, a in enumerate(self.graph.outputs) if size_of(a) == 1]

    def _ring_names(self) -> list[tuple[Any, str]]:
        return [(v, f"{self.names[v]}{k}") for v, length in self.rings.items() for k in range(length)]

    def _parameters(self) -> list[tuple[Parameter, str]]:
        """The parameters, and what the program has for them."""
        found = [(Parameter(f"const {c_type(v)} *", size_of(v)), self.names[v]) for v in self.arrays]
        found += [
            (Parameter(f"const {c_type(a)} *", size_of(a)), f"constant{k}") for k, a in enumerate(self.constants)
        ]  # fmt: skip
        found += [(Parameter(f"{c_type(v)} *", size_of(v)), text) for v, text in self._ring_names()]
        found += [(Parameter(f"{_kept_as(a)} *", 1), f"out{k}") for k, a in self._number_results()]
        found.append((Parameter("long long *", len(self.graph.inputs)), "where"))
        for v in self.numbers:
            kind = "double" if is_float(v) or is_truth(v) else "long long"
            found.append((Parameter(kind), self.names[v] + (".item()" if v.type.shape else "")))
        return found

    # ---- the function ------------------------------------------------------------------------------

    def _c_lines(self) -> list[str]:
        takes = []
        for p, text in self._parameters():
            takes.append(f"{p.ctype}{'' if p.is_array else ' '}p_{text.removesuffix('.item()')}")
        lines = [f"long {self.name}({', '.join(takes)}) {{"]
        places = {v: i for i, v in enumerate(self.arrays)}
        lines += [
            f"    const {c_type(v)} *x_{n} = p_{n}; long at_{n} = {places[v]};"
            for v in self.arrays for n in (self.names[v],)
        ]  # fmt: skip
        lines += [f"    {value_type(v)} x_{n} = p_{n};" for v in self.numbers for n in (self.names[v],)]
        lines += ["    int again;", "    for (long turn = 0;; turn++) {"]
        lines += ["        " + line for line in self._turn()]
        lines += [f"        if (!again || turn == {A_WHILE // self._nanoseconds()}) break;", "    }"]
        for k, (v, a) in enumerate(zip(self.graph.inputs, self.graph.outputs, strict=True)):
            name = self.names[v]
            lines.append(f"    p_out{k}[0] = x_{name};" if size_of(a) == 1 else f"    p_where[{k}] = at_{name};")
        return [*lines, "    return again;", "}", ""]

    def _nanoseconds(self) -> int:
        numbers = sum(isinstance(s, Eqn) for s in self.steps)
        return int(1 + A_NUMBER * numbers + sum(nest.nanoseconds() for nest in self.nests))

    def _turn(self) -> list[str]:
        """The statements of a turn."""
        lines, first, nests = [], len(self.arrays), iter(enumerate(self.nests))
        for v, length in self.rings.items():
            name = self.names[v]
            ring = ", ".join(f"p_{name}{k}" for k in range(length))
            lines.append(f"{c_type(v)} *const ring_{name}[] = {{{ring}}};")
            lines.append(f"{c_type(v)} *y_{name} = ring_{name}[turn % {length}];")
            lines.append(f"const long made_{name} = {first} + turn % {length};")
            first += length
        for step in self.steps:
            if isinstance(step, Nest):
                i, nest = next(nests)
                numbers = [v for v in nest.leaves if size_of(v) == 1]
                lines += [f"{c_type(v)} y_{self.names[v]}[1];" for v in numbers]
                lines.append(f"nest{i}({', '.join(self._given(a) for _, a, _ in nest.parameters())});")
                lines += [f"const {value_type(v)} n_{self.names[v]} = y_{self.names[v]}[0];" for v in numbers]
            elif step.outs[0] not in self.shown:
                lines.append(f"const {value_type(step.outs[0])} n_{self.names[step.outs[0]]} = {self._computed(step)};")
        lines.append(f"again = {self._number(self.answer)} != 0;")
        return lines + self._moves()

    def _moves(self) -> list[str]:
        """What the next turn begins with, all at once."""
        reads, writes = [], []
        for v, a in zip(self.graph.inputs, self.graph.outputs, strict=True):
            name, source = self.names[v], self.root(a)
            if source is v:
                continue
            if size_of(a) == 1:
                reads.append(f"const {value_type(v)} next_{name} = {self._number(a)};")
            else:
                is_input = source in self.arrays
                at = f"{'at' if is_input else 'made'}_{self.names[source]}"  # type: ignore[index]
                reads.append(f"const {c_type(v)} *next_{name} = {self._given(source)};")
                reads.append(f"const long next_at_{name} = {at};")
                writes.append(f"at_{name} = next_at_{name};")
            writes.append(f"x_{name} = next_{name};")
        return reads + writes

    def _given(self, a: Atom) -> str:
        """An argument of a nest."""
        a = self.root(a)
        if isinstance(a, Literal):
            return f"p_constant{next(k for k, b in enumerate(self.constants) if b is a)}"
        if a in self.graph.inputs:
            return f"x_{self.names[a]}"
        is_number = size_of(a) == 1 and not any(a in nest.leaves for nest in self.nests)
        return f"{'n' if is_number else 'y'}_{self.names[a]}"

    def _number(self, a: Atom) -> str:
        """A number as an operand."""
        if isinstance(a, Literal):
            if isinstance(a.type, Number):
                found = constant(a.value, _DOUBLE)
                assert found is not None
                return found.text
            return typed_number(a.value._data.flat[0], a.type.dtype)
        return f"{'x' if a in self.graph.inputs else 'n'}_{self.names[a]}"

    def _computed(self, e: Eqn) -> str:
        if e.op.name in _SAME_NUMBER:  # type: ignore[union-attr]
            return self._number(e.operands[0])
        is_bare = [isinstance(a, Literal) and isinstance(a.type, Number) for a in e.operands]
        return expression(e, ["" if bare else self._number(a) for a, bare in zip(e.operands, is_bare, strict=True)])


def _kept_as(a: Atom) -> str:
    return "double" if isinstance(a.type, Number) else c_type(a)


_DOUBLE = np.dtype("float64")
