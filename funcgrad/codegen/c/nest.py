"""Which equations become one loop nest in C: elementwise ones over one space, with reductions that they feed or read.

    softmax of (rows, n):     m = max[axes=(1,)] x       for each row, on all threads
                              e = exp (x - m)                for each element: m = max(m, x)
                              s = sum[axes=(1,)] e           for each element: e = exp(x - m); s += e
                              y = e / s                      for each element: y = e / s

Each value of a nest runs along some axes of its space. The axes are cut in two: the outer ones, which threads share
out, and those of a row, which is walked through as often as there are sums or maxima of it that something else reads.
What is reduced over the outer axes, or over all, is known only after the nest: nothing in it reads that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod

import numpy as np

from ...core import Primitive
from ...graph.ir import Atom, Eqn, Literal, Var
from ..memory import size_of

__all__ = ["REDUCTIONS", "Nest", "is_alias", "is_one_hot", "is_pick"]

REDUCTIONS = frozenset({"sum", "max", "min"})
_SAME_VALUES = frozenset({"reshape", "broadcast_to", "stop_gradient", "checkpoint_name"})

LONGEST_ROW = 1 << 19
"""Up to how many elements a sum of rows has: each piece of the outer axes has one of its own."""

Axes = tuple[int | None, ...]
"""For each axis of a value the axis of the space that it runs along, None where it repeats one element."""


class Nest:
    """Equations over one space.

    Args:
        shape: of the space.
        speaks: whether an equation has an expression in C.
        contiguous: whether a value from outside stands in C's order.
    """

    def __init__(self, shape: tuple[int, ...], speaks: Callable[[Eqn], bool], contiguous: Callable[[Atom], bool]):
        self.shape, self.speaks, self.contiguous = shape, speaks, contiguous
        self.eqns: list[Eqn] = []
        self.axes: dict[Atom, Axes] = {}
        self.made: set[Var] = set()
        self.finals: set[Var] = set()
        """What is known only after the nest."""
        self.split: int | None = None
        """The first axis of a row, if anything is reduced over rows or over the outer axes."""

    # ---- taking equations ----

    def take(self, eqn: Eqn) -> bool:
        """Let the equation join, if it can."""
        if len(eqn.outs) != 1 or not isinstance(eqn.op, Primitive) or any(a in self.finals for a in eqn.operands):
            return False
        if is_alias(eqn):
            return self._take_alias(eqn)
        if is_pick(eqn):
            return self._take_pick(eqn)
        if is_one_hot(eqn):
            return self._take_one_hot(eqn)
        if not self.speaks(eqn):
            return False
        return self._take_reduction(eqn) if eqn.op.name in REDUCTIONS else self._take_each(eqn)

    def _add(self, eqn: Eqn, axes: Axes, read: dict[Atom, Axes]) -> bool:
        out = eqn.outs[0]
        self.eqns.append(eqn)
        self.axes.update(read)
        self.axes[out] = axes
        self.made.add(out)
        return True

    def _take_each(self, eqn: Eqn) -> bool:
        """An elementwise equation: its result runs along the axes of what it reads."""
        out = eqn.outs[0]
        shape, rank = out.type.shape, len(out.type.shape)
        axes: list[int | None] = [None] * rank
        inside = [x for x in eqn.operands if x in self.made]
        for x in inside:
            for d, k in enumerate(self.axes[x], rank - len(self.axes[x])):
                if k is not None:
                    if axes[d] not in (None, k):
                        return False
                    axes[d] = k
        if any(k is None and n != 1 for k, n in zip(axes, shape, strict=True)):
            # of a shape as the space's own, or one that repeats along some of its axes
            if rank != len(self.shape) or any(n not in (1, m) for n, m in zip(shape, self.shape, strict=True)):
                return False
            if not inside and shape != self.shape:
                return False
            own = [d if n != 1 else None for d, n in enumerate(shape)]
            if any(k not in (None, d) for k, d in zip(axes, own, strict=True)):
                return False
            axes = own  # type: ignore[assignment]
        elif not inside and shape != self.shape:
            return False
        if not _increasing(axes):
            return False
        read: dict[Atom, Axes] = {}
        for a in eqn.operands:
            if a not in self.made and size_of(a) > 1:
                placed = tuple(
                    k if n != 1 else None for k, n in zip(axes[rank - len(a.type.shape) :], a.type.shape, strict=True)
                )
                if self.axes.get(a, placed) != placed or not self.contiguous(a):
                    return False
                read[a] = placed
        return self._add(eqn, tuple(axes), read)

    def _take_alias(self, eqn: Eqn) -> bool:
        """The same values under another shape; only of what the nest makes."""
        x, out = eqn.operands[0], eqn.outs[0]
        if x not in self.made:
            return False
        along = [k for k in self.axes[x] if k is not None]
        if eqn.op.name == "broadcast_to":
            axes: Axes = (None,) * (len(out.type.shape) - len(self.axes[x])) + self.axes[x]
        elif eqn.op.name == "reshape":
            if [n for n in x.type.shape if n != 1] != [n for n in out.type.shape if n != 1]:
                return False
            if len(along) != sum(n != 1 for n in x.type.shape):  # one that was broadcast
                return False
            rest = iter(along)
            axes = tuple(None if n == 1 else next(rest) for n in out.type.shape)
        else:
            axes = self.axes[x]
        return self._add(eqn, axes, {})

    def _take_reduction(self, eqn: Eqn) -> bool:
        x, out = eqn.operands[0], eqn.outs[0]
        read: dict[Atom, Axes] = {}
        if x in self.made:
            axes = self.axes[x]
        elif x.type.shape == self.shape and size_of(x) > 1 and self.contiguous(x):
            axes = tuple(d if n != 1 else None for d, n in enumerate(self.shape))
            if self.axes.get(x, axes) != axes:
                return False
            read[x] = axes
        else:
            return False
        over = eqn.params["axes"]
        gone = {k for d, k in enumerate(axes) if d in over and k is not None}
        if any(axes[d] is None and x.type.shape[d] != 1 for d in over):  # of something that was broadcast
            return False
        left = {k for k in axes if k is not None} - gone
        whole = {d for d, n in enumerate(self.shape) if n != 1}
        rest = tuple(k for d, k in enumerate(axes) if d not in over)
        found = self._cut(whole, gone, left)
        if found is None:
            return False
        self.split, final = found
        if final:
            self.finals.add(out)
        return self._add(eqn, rest, read)

    def _take_pick(self, eqn: Eqn) -> bool:
        """One element of each row."""
        x, _, index = eqn.operands
        axes = self.axes.get(x, ())
        if x not in self.made or axes != tuple(range(len(self.shape))) or 1 in self.shape or not self._agrees(1):
            return False
        read = self._number_of_a_row(index)
        if read is None:
            return False
        self.split = 1
        return self._add(eqn, (0,), read)

    def _take_one_hot(self, eqn: Eqn) -> bool:
        """Zeros, but for one element of each row."""
        zeros, value, _, index = eqn.operands
        if zeros.type.shape != self.shape or 1 in self.shape or not self._agrees(1):
            return False
        read = self._number_of_a_row(index)
        more = self._number_of_a_row(value)
        if read is None or more is None:
            return False
        self.split = 1
        return self._add(eqn, (0, 1), {**read, **more})

    def _number_of_a_row(self, a: Atom) -> dict[Atom, Axes] | None:
        """Where a value from outside of one number a row stands; None if it is not such a value."""
        if a in self.made:
            return {} if self.axes[a] == (0,) else None
        if not self.contiguous(a) or self.axes.get(a, (0,)) != (0,):
            return None
        return {a: (0,)}

    def _cut(self, whole: set[int], gone: set[int], left: set[int]) -> tuple[int | None, bool] | None:
        """Where rows begin with this reduction, and whether its result is known only after the nest."""
        split = self.split
        if not gone:
            return None
        if gone == whole:
            return split, True
        if gone | left == whole:
            if min(gone) > max(left):  # of each row
                first = min(gone)
                return (first, False) if self._agrees(first) else None
            if max(gone) < min(left):  # over the outer axes
                first = min(left)
                if prod(self.shape[first:]) > LONGEST_ROW:
                    return None
                return (first, True) if self._agrees(first) else None
            return None
        if split is not None and not left and gone == {d for d in whole if d < split}:  # of one number a row
            return split, True
        return None

    def _agrees(self, first: int) -> bool:
        if self.split is None:
            # no value may run along a part of a row, or of the outer axes, that is told from the rest only now
            return True
        return self.split == first

    # ---- what it is ----

    def outside(self) -> list[Atom]:
        """What it reads from outside, arrays of more than one element, each once."""
        found = (a for e in self.eqns for a in _read(e) if size_of(a) > 1 and a not in self.made and not _repeats(a))
        return list(dict.fromkeys(found))

    def scalars(self) -> list[Atom]:
        """What it reads from outside beside those, but for constants: Python numbers, and arrays of one element."""
        found = (a for e in self.eqns for a in e.operands if isinstance(a, Var) and size_of(a) == 1)
        return [a for a in dict.fromkeys(found) if a not in self.made]

    def work(self) -> int:
        """Operations on elements, in all."""
        return sum(prod(self.shape[k] for k in self.axes[e.outs[0]] if k is not None) for e in self.eqns)

    def pays(self) -> bool:
        """Is one call in C faster than NumPy's? Each of these costs half a microsecond, and a walk through memory."""
        count = sum(not is_alias(e) for e in self.eqns)
        arrays = len(self.outside()) + 2
        return 0.5 * count + 1e-4 * self.work() > 1.0 + 0.2 * arrays


def _read(eqn: Eqn) -> Sequence[Atom]:
    """The operands that are read, element by element."""
    if is_pick(eqn):
        return eqn.operands[0], eqn.operands[2]
    return (eqn.operands[1], eqn.operands[3]) if is_one_hot(eqn) else eqn.operands


def _repeats(a: Atom) -> bool:
    """Is it a constant that repeats one element?"""
    return isinstance(a, Literal) and not any(a.value._data.strides)


def is_alias(eqn: Eqn) -> bool:
    """Are its results its operand's elements, in the same order?"""
    return isinstance(eqn.op, Primitive) and eqn.op.name in _SAME_VALUES


def is_pick(eqn: Eqn) -> bool:
    """Is it `x[arange(n), index]`?"""
    if not isinstance(eqn.op, Primitive) or eqn.op.name != "gather" or len(eqn.operands) != 3:
        return False
    x, rows, _ = eqn.operands
    return len(x.type.shape) == 2 and _counts(rows, x.type.shape[0])


def is_one_hot(eqn: Eqn) -> bool:
    """Is it `zeros.at[arange(n), index].add(value)`?"""
    if not isinstance(eqn.op, Primitive) or eqn.op.name != "scatter_add" or len(eqn.operands) != 4:
        return False
    zeros, _, rows, _ = eqn.operands
    if len(zeros.type.shape) != 2 or not isinstance(zeros, Literal) or not _counts(rows, zeros.type.shape[0]):
        return False
    return not zeros.value._data.any()


def _counts(a: Atom, n: int) -> bool:
    """Is it the constant 0, 1, ..., n - 1?"""
    return isinstance(a, Literal) and a.type.shape == (n,) and bool((a.value._data == np.arange(n)).all())


def _increasing(axes: Sequence[int | None]) -> bool:
    found = [k for k in axes if k is not None]
    return all(a < b for a, b in pairwise(found))
