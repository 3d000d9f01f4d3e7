"""Which equations become one loop nest in C: elementwise ones over one space, with reductions that they feed or read.

    softmax of (rows, n):     m = max[axes=(1,)] x       for each row, on all threads
                              e = exp (x - m)                for each element: m = max(m, x)
                              s = sum[axes=(1,)] e           for each element: e = exp(x - m); s += e
                              y = e / s                      for each element: y = e / s

Each value of a nest runs along some axes of its space. The axes are cut in two: the outer ones, which threads share
out, and those of a row, which is walked through as often as there are sums or maxima of it that something else reads.
What is reduced over the outer axes, or over all, is known only after the nest: nothing in it reads that.

Where an equation looks into windows, as max pooling does, the space has one element for each window; a value of the
images in which they lie has as many for it as a window.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import prod

from ...core import Primitive
from ...graph.ir import Atom, Eqn, Var
from ..memory import size_of
from ..strides import Strides, is_c
from .kinds import (
    BOXES,
    RANDOM,
    REDUCTIONS,
    WINDOWS,
    box_of,
    cost_of,
    is_alias,
    is_one_hot,
    is_pick,
    is_random,
    is_view,
    is_window,
    read_by_element,
    repeats,
    window_of,
)

__all__ = ["Nest"]

LONGEST_ROW = 1 << 19
"""Up to how many elements a sum of rows has: each piece of the outer axes has one of its own."""

MOST_RANDOM = 4
"""How many operations may draw: each has a few kilobytes for the bits."""

Axes = tuple[int | None, ...]
"""For each axis of a value the axis of the space that it runs along, None where it repeats one element."""


class Nest:
    """Equations over one space.

    Args:
        shape: of the space.
        speaks: whether an equation has an expression in C.
        strides: those of a value from outside, in elements; None if they are not known.
    """

    def __init__(
        self, shape: tuple[int, ...], speaks: Callable[[Eqn], bool], strides: Callable[[Atom], Strides | None]
    ):
        self.shape, self.speaks, self.strides = shape, speaks, strides
        self.eqns: list[Eqn] = []
        self.axes: dict[Atom, Axes] = {}
        self.made: set[Var] = set()
        self.views: dict[Atom, Strides] = {}
        """What is read from outside and does not stand in C's order."""
        self.finals: set[Var] = set()
        """What is known only after the nest."""
        self.partials: set[Var] = set()
        """Those of them that are reduced over the first axes of a row: each row of the outer axes has its own."""
        self.split: int | None = None
        """The first axis of a row, if anything is reduced over rows or over the outer axes."""
        self.window: tuple[int, ...] = ()
        """How many elements of `fine`, along each axis but the first and the last, there are for one of the space."""
        self.fine: tuple[int, ...] = ()
        """The shape of images of which the space has one element a window."""
        self.seams: set[int] = set()
        """Axes that are not walked through together with the one before, as an array is longer along one of them."""
        self.windowed: set[Atom] = set()
        """The values of that shape, or of one that repeats along some of its axes."""

    # ---- taking equations ----

    def take(self, eqn: Eqn) -> bool:
        """Let the equation join, if it can."""
        if len(eqn.outs) != 1 or not isinstance(eqn.op, Primitive) or any(a in self.finals for a in eqn.operands):
            return False
        if is_alias(eqn):
            return self._take_alias(eqn)
        if not self.speaks(eqn):
            return False
        if is_pick(eqn):
            return self._take_pick(eqn)
        if is_one_hot(eqn):
            return self._take_one_hot(eqn)
        if eqn.op.name in RANDOM:
            return is_random(eqn) and self._take_random(eqn)
        if eqn.op.name in WINDOWS:
            return is_window(eqn) and self._take_window(eqn)
        if eqn.op.name in BOXES:
            return self._take_box(eqn)
        if eqn.op.name in REDUCTIONS:
            return self._take_reduction(eqn)
        if self.window and (eqn.outs[0].type.shape == self.fine or any(a in self.windowed for a in eqn.operands)):
            return self._take_each(eqn, self.fine)
        return self._take_each(eqn, self.shape)

    def _add(self, eqn: Eqn, axes: Axes, read: dict[Atom, Axes]) -> bool:
        out = eqn.outs[0]
        self.eqns.append(eqn)
        self.axes.update(read)
        self.axes[out] = axes
        self.made.add(out)
        return True

    def _take_each(self, eqn: Eqn, space: tuple[int, ...]) -> bool:
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
            if rank != len(space) or any(n not in (1, m) for n, m in zip(shape, space, strict=True)):
                return False
            if not inside and shape != space:
                return False
            own = [d if n != 1 else None for d, n in enumerate(shape)]
            if any(k not in (None, d) for k, d in zip(axes, own, strict=True)):
                return False
            axes = own  # type: ignore[assignment]
        elif not inside and shape != space:
            return False
        if not _increasing(axes):
            return False
        read: dict[Atom, Axes] = {}
        for a in eqn.operands:
            if a not in self.made and size_of(a) > 1:
                placed = tuple(
                    k if n != 1 else None for k, n in zip(axes[rank - len(a.type.shape) :], a.type.shape, strict=True)
                )
                if self.axes.get(a, placed) != placed or not self._finds(a, placed):
                    return False
                read[a] = placed
        if space == self.fine:
            self.windowed.update(a for a, along in (*read.items(), (out, axes)) if self._is_within(along))
        return self._add(eqn, tuple(axes), read)

    def contiguous(self, a: Atom) -> bool:
        """Does a value from outside stand in C's order?"""
        strides = self.strides(a)
        return strides is not None and is_c(a.type.shape, strides)

    def _finds(self, a: Atom, axes: Axes) -> bool:
        """Is it known where the elements of a value from outside stand? A view is kept in mind."""
        strides = self.strides(a)
        if strides is None or is_c(a.type.shape, strides):
            return strides is not None
        if self.window:
            return False
        self.views[a] = strides
        along = [(k, s) for k, s in zip(axes, strides, strict=True) if k is not None]
        for (_, before), (k, step) in pairwise(along):
            if before != step * a.type.shape[axes.index(k)]:  # the next element is not that of the next axis
                self.seams.add(k)
        return True

    def _is_within(self, axes: Sequence[int | None]) -> bool:
        """Does a value of these axes of `fine` differ within windows?"""
        return any(k in range(1, 1 + len(self.window)) for k in axes if k is not None)

    def _take_random(self, eqn: Eqn) -> bool:
        """Random numbers, one an element of the space."""
        key, shape = eqn.operands[0], eqn.outs[0].type.shape
        if sum(map(is_random, self.eqns)) == MOST_RANDOM:
            return False
        if shape != self.shape or key in self.made or self.axes.get(key, (None,)) != (None,):
            return False
        return self._add(eqn, _own_axes(shape), {key: (None,)})

    def _take_box(self, eqn: Eqn) -> bool:
        """A part of an array, or an array in the midst of zeros."""
        x, out, box = eqn.operands[0], eqn.outs[0], box_of(eqn)
        if box is None or self.window or out.type.shape != self.shape or size_of(x) < 2:
            return False
        axes = tuple(None if n == 1 else d for d, n in enumerate(self.shape))
        if not isinstance(x, Var) or x in self.made or self.axes.get(x, axes) != axes or not self._finds(x, axes):
            return False
        for d, (n, m) in enumerate(zip(x.type.shape, self.shape, strict=True)):
            if n != m:  # no loop goes on from here into the next axis that is one
                self.seams |= {d, next((k for k in range(d + 1, len(self.shape)) if self.shape[k] != 1), d)}
        return self._add(eqn, axes, {x: axes})

    def _take_window(self, eqn: Eqn) -> bool:
        """What looks into windows; from then on the nest takes equations over the images, too."""
        fine, shape = window_of(eqn)
        window = eqn.params["window"]
        if shape != self.shape or (self.window and (fine, window) != (self.fine, self.window)):
            return False
        if not self.window and (self.seams or not self._has_only_finals()):
            return False
        read: dict[Atom, Axes] = {}
        for a in eqn.operands:
            axes = _own_axes(a.type.shape)
            if self.axes.get(a, axes) != axes or (a not in self.made and not self.contiguous(a)):
                return False
            if a not in self.made:
                read[a] = axes
        self.fine, self.window = fine, window
        self.windowed.update(a for a in (*eqn.operands, *eqn.outs) if a.type.shape == fine)
        return self._add(eqn, _own_axes(eqn.outs[0].type.shape), read)

    def _has_only_finals(self) -> bool:
        """Is nothing reduced or picked within rows?"""
        reduced = (e.outs[0] in self.finals for e in self.eqns if e.op.name in REDUCTIONS)
        return all(reduced) and not any(is_pick(e) or is_one_hot(e) for e in self.eqns)

    def refined(self, eqn: Eqn) -> Nest | None:
        """This nest as one over the windows that an equation looks into, with that equation; None if it cannot be."""
        if not is_window(eqn) or self.window or window_of(eqn)[0] != self.shape:
            return None
        found = Nest(window_of(eqn)[1], self.speaks, self.strides)
        found.fine, found.window = self.shape, eqn.params["window"]
        return found if all(map(found.take, (*self.eqns, eqn))) else None

    def _take_alias(self, eqn: Eqn) -> bool:
        """The same values under another shape; only of what the nest makes."""
        x, out = eqn.operands[0], eqn.outs[0]
        if x not in self.made or (x in self.windowed and x.type.shape != out.type.shape):
            return False
        if x in self.windowed:
            self.windowed.add(out)
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
        elif x.type.shape in (self.shape, self.fine) and size_of(x) > 1:
            axes = _own_axes(x.type.shape)
            if self.axes.get(x, axes) != axes or not self._finds(x, axes):
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
        if any(k is None and n != 1 for k, n in zip(rest, out.type.shape, strict=True)):  # it would be broadcast, too
            return False
        found = self._cut(whole, gone, left)
        if found is None:
            return False
        split, final = found
        is_partial = final and bool(left) and min(left) < min(gone) and max(left) > max(gone)
        if self.window and (is_partial or not final):
            return False
        if is_partial:
            self.partials.add(out)
        if x.type.shape == self.fine:
            self.windowed.add(x)
        self.split = split
        if final:
            self.finals.add(out)
        return self._add(eqn, rest, read)

    def _take_pick(self, eqn: Eqn) -> bool:
        """One element of each row."""
        x, _, index = eqn.operands
        if x.type.shape != self.shape or 1 in self.shape or self.window or not self._agrees(1):
            return False
        if self.axes.get(x, (0, 1)) != (0, 1) or (x not in self.made and not self.contiguous(x)):
            return False
        read = self._number_of_a_row(index)
        if read is None:
            return False
        self.split = 1
        return self._add(eqn, (0,), read if x in self.made else {**read, x: (0, 1)})

    def _take_one_hot(self, eqn: Eqn) -> bool:
        """Zeros, but for one element of each row."""
        zeros, value, _, index = eqn.operands
        if zeros.type.shape != self.shape or 1 in self.shape or not self._agrees(1):
            return False
        if self.window:
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
            if not any(min(gone) < k < max(gone) for k in left):  # over the axes between others
                return (min(gone), True) if self._agrees(min(gone)) else None
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
        found = (
            a for e in self.eqns for a in read_by_element(e) if size_of(a) > 1 and a not in self.made and not repeats(a)
        )
        return list(dict.fromkeys(found))

    def scalars(self) -> list[Atom]:
        """What it reads from outside beside those, but for constants: Python numbers, and arrays of one element."""
        found = (a for e in self.eqns for a in e.operands if isinstance(a, Var) and size_of(a) == 1)
        return [a for a in dict.fromkeys(found) if a not in self.made]

    def work(self) -> int:
        """Additions of elements that take as long as all."""
        return sum(self._work_of(e) for e in self.eqns)

    def _work_of(self, e: Eqn) -> int:
        reads_more = e.op.name in REDUCTIONS or e.op.name in ("window_argmax", "window_gather")
        a = e.operands[0] if reads_more else e.outs[0]
        shape = self.fine if a in self.windowed else self.shape
        return cost_of(e) * prod(shape[k] for k in self.axes[a] if k is not None)

    def pays(self) -> bool:
        """Is one call in C faster than NumPy's? Each of these costs 0.4 us and a walk through memory, one in C 0.3."""
        count = sum(not is_view(e) for e in self.eqns)
        arrays = len(self.outside()) + 2
        return count > 0 and 0.4 * count + 1e-4 * self.work() > 0.3 + 0.05 * arrays


def _own_axes(shape: tuple[int, ...]) -> Axes:
    """Those of a value of the whole space."""
    return tuple(d if n != 1 else None for d, n in enumerate(shape))


def _increasing(axes: Sequence[int | None]) -> bool:
    found = [k for k in axes if k is not None]
    return all(a < b for a, b in pairwise(found))
