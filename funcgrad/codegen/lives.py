"""How long the values of a program live, and which of them lie in its arena."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core import Aval, Primitive
from ..graph.ir import Atom, Eqn, Var
from .arena import LEAST, Place, Plan, peak, planned
from .expressions import VIEWS
from .memory import Memory, is_large, stacked

__all__ = ["Frame", "Lives"]

_BYTE = np.dtype(np.uint8)


class Lives:
    """By which step each value is read for the last time, and its memory with it.

    Args:
        steps: equations, and groups of them.
        finals: what is read after all steps.
        memory: who shares the memory of what; None where nothing is planned.
        given: inputs whose memory is the program's own.
    """

    def __init__(self, steps: Sequence[Any], finals: Sequence[Atom], memory: Memory | None, given: Mapping[Var, Var]):
        self.steps, self.memory = steps, memory
        self.last: dict[Var, int] = {}
        """The step after which a value is read no more; outputs are read after all."""
        self.sharers: dict[Var, list[Var]] = {v: [v] for v in given}
        """For each value whose memory is its own, all that may look at it."""
        for i, eqn in self.eqns():
            self.last.update((out, i) for out in eqn.outs)
            self.last.update((a, i) for a in eqn.operands if isinstance(a, Var))
            for out in eqn.outs if memory is not None else ():
                for owner in memory.owners(out):  # type: ignore[union-attr]
                    self.sharers.setdefault(owner, []).append(out)
        self.last.update((a, len(steps)) for a in finals if isinstance(a, Var))

    def eqns(self) -> list[tuple[int, Eqn]]:
        """All equations, each with its step."""
        return [(i, e) for i, s in enumerate(self.steps) for e in ((s,) if isinstance(s, Eqn) else s.eqns)]

    def end(self, var: Var) -> int:
        """The last step at which a value's memory is looked at."""
        return max([self.last[v] for v in self.sharers.get(var, ()) if v in self.last], default=self.last.get(var, -1))


class Frame:
    """The large values of a program that lie in its arena, as they are written.

    That are those whose memory the program makes, and which nobody can look at behind it: no output shares it, and no
    call was shown it. A value that takes the memory of another is in the same place, so one that stays takes none
    that does not.

    Args:
        lives: of the program's values.
        writes: whether the operation of an equation can be told where its result goes.
        given: values in the memory of inputs.
    """

    def __init__(self, lives: Lives, writes: Callable[[Eqn], bool], given: Mapping[Var, Var]):
        self._lives, self._given = lives, given
        self._wanted: dict[Var, Place] = {}
        self._written: dict[Var, list[Var]] = {}  # by value, those that are one after the other in its place
        self._start: dict[Var, int] = {}
        self._moments: dict[int, int] = {}
        memory = lives.memory
        if memory is not None:
            for i, eqn in lives.eqns():
                rows = stacked(eqn)
                for out in rows or eqn.outs:
                    end = lives.end(out)
                    if not (is_large(out) and memory.is_own(out) and end < len(lives.steps)):
                        continue
                    if rows or lives.steps[i] is not eqn:
                        can_write = end > i
                    else:
                        can_write = writes(eqn) and memory.contiguous(out) is not None
                    if can_write:
                        self._wanted[out] = Place(out.type.shape, out.type.dtype, i, end)  # type: ignore[union-attr]
            self._leave_to_outputs(memory)
            if peak(list(self._wanted.values())) < LEAST:
                self._wanted.clear()

    def _leave_to_outputs(self, memory: Memory) -> None:
        """Keep out of the arena what an output can be written over: its memory is new anyway."""
        lives = self._lives
        for i, eqn in lives.eqns():
            step, out = lives.steps[i], eqn.outs[0] if eqn.outs else None
            if out is None or not getattr(eqn.op, "elementwise", False) or lives.end(out) < len(lives.steps):
                continue
            if is_large(out) and memory.is_own(out):
                operands = [a for e in ((eqn,) if step is eqn else step.eqns) for a in e.operands]
                if not any(a.type == out.type and a in self._given for a in operands):
                    like = (a for a in operands if a in self._wanted and a.type == out.type and lives.end(a) <= i)
                    self._wanted.pop(next(like, out), None)

    def holds(self, var: Var) -> bool:
        """Has it been placed there, or all that it may be a part of?"""
        memory = self._lives.memory
        return var in self._written or (
            bool(self._written) and memory is not None and memory.owners(var) <= self._written.keys()
        )

    def place(self, i: int, var: Var) -> bool:
        """Whether a value of step i lies in the arena from here on."""
        if var in self._wanted:
            self._written[var] = [var]
            self._start[var] = i
        return var in self._wanted

    def may_take(self, var: Var, out: Var) -> bool:
        """May a value have the memory of another?"""
        return var not in self._written or out in self._wanted

    def take(self, var: Var, out: Var) -> None:
        """A value has the memory of another."""
        if var in self._written:
            self._written[out] = self._written[var]
            self._written[out].append(out)

    def join(self, i: int, first: int) -> None:
        """Step i is done together with an earlier one."""
        self._moments[i] = first

    def is_used(self) -> bool:
        """Does any value lie in the arena?"""
        return bool(self._start)

    def placed(self) -> tuple[list[Var], Plan | None]:
        """What has been placed, and where it lies."""
        order = list(self._start)
        return order, planned([self._place(v) for v in order]) if order else None

    def _place(self, var: Var) -> Place:
        start, end = self._start[var], max(map(self._lives.end, self._written[var]))
        return Place(
            var.type.shape,  # type: ignore[union-attr]
            var.type.dtype,  # type: ignore[union-attr]
            self._moments.get(start, start),
            self._moments.get(end, end),
        )

    def beside(self, names: Mapping[Var, str], inner: Mapping[int, int]) -> int:
        """The most bytes that values take at once which are in nobody's memory but the program's, and not in the arena.

        Args:
            names: equal ones for values in one place.
            inner: by step, what the functions that it calls take.
        """
        lives, memory = self._lives, self._lives.memory
        found: dict[str, Place] = {}
        for i, eqn in lives.eqns():
            is_call = not isinstance(eqn.op, Primitive)
            for out in eqn.outs:
                if not isinstance(out.type, Aval) or out in self._written or out in self._given:
                    continue
                makes = is_call or (memory.is_own(out) if memory is not None else eqn.op.name not in VIEWS)  # type: ignore[union-attr]
                end = lives.end(out)
                if makes and (lives.steps[i] is eqn or end > i):
                    before = found.get(names[out])
                    start = i if before is None else before.start
                    found[names[out]] = Place(out.type.shape, out.type.dtype, start, end)
        calls = [Place((nbytes,), _BYTE, i, i) for i, nbytes in inner.items()]
        return peak([*found.values(), *calls])
