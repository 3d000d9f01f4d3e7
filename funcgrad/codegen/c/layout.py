"""How a nest is walked through: its loops, and in which walk through a row each value is computed.

A sum of a row is there when the row has been walked through. What needs it is computed in the next walk; what differs
within the row and was computed before is kept for the length of the row, or read again where it comes from outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from ...graph.ir import Atom, Eqn, Var
from ..strides import Strides, c_strides
from .kinds import REDUCTIONS, is_alias, is_pick
from .nest import Nest

__all__ = ["Dim", "Layout"]


class Dim:
    """A loop: its size, and the axes of the space that it walks through together."""

    def __init__(self, name: str, size: int, axes: list[int]):
        self.name, self.size, self.axes = name, size, axes


class Layout:
    """The loops of a nest, and its order.

    Args:
        nest: any.
        leaves: the values that are read after the nest.
    """

    def __init__(self, nest: Nest, leaves: Sequence[Var]):
        self.nest = nest
        self.eqns = [e for e in nest.eqns if not is_alias(e)]
        self.source_of: dict[Atom, Atom] = {}  # of an alias what it shows
        for e in nest.eqns:
            if is_alias(e):
                self.source_of[e.outs[0]] = self.root(e.operands[0])
        self.leaves: list[Any] = list(dict.fromkeys(self.root(v) for v in leaves))
        self.outer, self.row = self._dims()
        self.phase = self._phases()
        self.kept = self._kept()

    def root(self, a: Atom) -> Atom:
        """What an alias shows."""
        return self.source_of.get(a, a)

    # ---- loops ----

    def _dims(self) -> tuple[list[Dim], list[Dim]]:
        """The loops over the outer axes, and those over a row; axes that all arrays have together are one loop."""
        nest = self.nest
        split = nest.split
        placed = [nest.axes[a] for a in (*nest.outside(), *self.leaves)]
        dims: list[list[int]] = []
        before: Any = None
        for axis, n in enumerate(nest.shape):
            if n == 1:
                continue
            along = tuple(axis in axes for axes in placed), split is not None and axis >= split
            is_next = axis not in nest.seams and (not nest.window or axis < 2)  # one step further in each array
            if along == before and is_next:
                dims[-1].append(axis)
            else:
                dims.append([axis])
            before = along
        cut = len(dims) - 1 if split is None else sum(axes[0] < split for axes in dims)
        made = [
            Dim(f"i{k}" if k < cut else f"j{k - cut}", prod(nest.shape[a] for a in axes), axes)
            for k, axes in enumerate(dims)
        ]
        return made[:cut], made[cut:]

    def last_read(self, a: Atom) -> int:
        """In which walk through a row an operand is read for the last time."""
        return max(self.phase[e.outs[0]] for e in self.eqns if a in map(self.root, e.operands))

    def is_inner(self, a: Atom) -> bool:
        """Does the value differ within a row?"""
        if a not in self.nest.axes:
            return False
        row = {axis for dim in self.row for axis in dim.axes}
        return any(k in row for k in self.nest.axes[a])

    def is_repeated(self, a: Atom) -> bool:
        """Is the value computed again and again, along an axis of the row that it does not have?"""
        row = {axis for dim in self.row for axis in dim.axes}
        return self.is_inner(a) and not row.issubset(self.nest.axes[a])

    def strides(self, a: Atom) -> Strides:
        """By how many elements the value's axes go on in memory."""
        return self.nest.views.get(a) or c_strides(a.type.shape)

    def index(self, a: Atom, offset: int | None = None) -> str:
        """Where in its memory the value's element stands; for one that differs within windows, at which offset."""
        axes = self.nest.axes[a]
        strides = {k: step for k, step in zip(axes, self.strides(a), strict=True) if k is not None}
        ahead = 0
        if offset is not None:
            for d, n in reversed(list(enumerate(self.nest.window, 1))):
                ahead += strides.get(d, 0) * (offset % n)
                offset //= n
                strides[d] = strides.get(d, 0) * n
        terms = []
        for dim in [*self.outer, *self.row]:
            stride = strides.get(dim.axes[-1], 0)
            if stride:
                terms.append(dim.name if stride == 1 else f"{dim.name} * {stride}")
        if ahead:
            terms.append(str(ahead))
        return " + ".join(terms) or "0"

    # ---- when what is computed ----

    def _phases(self) -> dict[Var, int]:
        """In which walk through a row each value of it is computed, and before which walk each number of a row."""
        soonest: dict[Atom, int] = {}
        for e in self.eqns:
            out = e.outs[0]
            at = max((soonest.get(self.root(a), 0) for a in e.operands), default=0)
            soonest[out] = at + self.ends_a_walk(e)
        # what differs within a row waits for its first reader
        found: dict[Var, int] = {}
        wanted: dict[Atom, int] = {}
        for e in reversed(self.eqns):
            out = e.outs[0]
            inner = self.is_inner(out)
            if e.op.name in REDUCTIONS:  # in the walk before its result is there
                at = soonest[out] - self.ends_a_walk(e)
            elif inner:
                at = wanted.get(out, soonest[out])
            else:
                at = soonest[out]
            found[out] = at
            for a in map(self.root, e.operands):
                before = at - 1 if is_pick(e) and a is self.root(e.operands[0]) else at
                wanted[a] = min(wanted.get(a, before), before)
        return found

    def ends_a_walk(self, e: Eqn) -> bool:
        """Is the result there only when the whole row has been walked through?"""
        if is_pick(e):
            return self.root(e.operands[0]) in self.nest.made
        inner = e.op.name in REDUCTIONS and self.is_inner(self.root(e.operands[0]))
        return inner and e.outs[0] not in self.nest.finals

    def _kept(self) -> set[Var]:
        """Values of a row that a later walk reads than the one that computes them."""
        found: set[Var] = set()
        for e in self.eqns:
            for a in map(self.root, e.operands):
                is_late = a in self.phase and (self.phase[a] < self.phase[e.outs[0]] or is_pick(e))  # type: ignore[index]
                if isinstance(a, Var) and is_late and self.is_inner(a):
                    found.add(a)
        return found
