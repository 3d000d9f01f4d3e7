"""Memory that programs use again call after call: large values that end with the program lie in one piece.

    def program(a, b):
        arena, (c, d) = borrow(plan0)  # 6.0 MiB
        np.matmul(a, b, out=c)
        nest0(c, d) and mend(nest0, c, d)
        e = np.matmul(d, a)
        give_back(arena)
        return (e,)

Fresh memory costs as much as the arithmetic on it: the system hands it out page by page, cleared, and takes it back at
once. On two cores that was 9 of the 34 ms of a small transformer's step.

A `Plan` says where each value lies; values whose lives do not meet may lie in the same place. Arenas wait in one pool
for whoever runs next. A call takes one out, so that programs in programs and in other threads have others, and puts it
back at its end; one that raises drops it. Between calls the pool holds as much as the largest plan needs, once for
each call that ran at the same time, until a program that used it is gone or `clear_caches` is called.
"""

from __future__ import annotations

import os
import threading
import weakref
from bisect import bisect
from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import count
from math import prod
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

import numpy as np

__all__ = ["LEAST", "Place", "Plan", "borrow", "empty_pool", "give_back", "peak", "planned"]

LEAST = 256 << 10
"""Bytes from which on an arena pays: less than that comes out of the process's own free memory."""
_ALIGNMENT = 64
_MOST_VIEWS = 256
"""So many plans have their views at hand in one arena."""


class Place(NamedTuple):
    """A value that wants a place.

    Args:
        shape, dtype: its own.
        start, end: the first and the last step at which it is there.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int
    end: int

    @property
    def nbytes(self) -> int:
        """Its memory, rounded up so that its neighbour is aligned."""
        return -(-prod(self.shape) * self.dtype.itemsize // _ALIGNMENT) * _ALIGNMENT


class Plan:
    """Where values lie in an arena.

    Args:
        layout: for each value its offset, shape and dtype.
        nbytes: of the arena.
    """

    __slots__ = ("__weakref__", "layout", "nbytes", "number")

    def __init__(self, layout: tuple[tuple[int, tuple[int, ...], np.dtype[Any]], ...], nbytes: int):
        self.layout, self.nbytes = layout, nbytes
        self.number = next(_numbers)  # arenas know it by that: they keep no plan alive, and an id may come again


_numbers = count()
_plans: WeakValueDictionary[Any, Plan] = WeakValueDictionary()
"""Equal plans are one, so that equal programs are."""
_lock = threading.Lock()


def peak(places: Sequence[Place]) -> int:
    """The most bytes that are needed at once."""
    steps: dict[int, int] = {}
    for place in places:
        steps[place.start] = steps.get(place.start, 0) + place.nbytes
        steps[place.end + 1] = steps.get(place.end + 1, 0) - place.nbytes
    most = now = 0
    for step in sorted(steps):
        now += steps[step]
        most = max(most, now)
    return most


def _add_gap(gaps: list[tuple[int, int]], low: int, high: int) -> None:
    """One more gap, together with those that it touches."""
    k = bisect(gaps, (low, high))
    if k < len(gaps) and gaps[k][0] == high:
        high = gaps.pop(k)[1]
    if k and gaps[k - 1][1] == low:
        k -= 1
        low = gaps.pop(k)[0]
    gaps.insert(k, (low, high))


def planned(places: Sequence[Place]) -> Plan:
    """A plan for the places: each, as they begin, in the tightest gap that others have left.

    Of networks' steps it takes hardly more than is needed at once, and of nonsense an eighth.
    """
    offsets = [0] * len(places)
    gaps: list[tuple[int, int]] = []  # from where to where, in order, no two of them side by side
    there: list[tuple[int, int]] = []  # a heap of those that have a place: when each ends, and which one it is
    total = 0
    for i in sorted(range(len(places)), key=lambda i: (places[i].start, -places[i].nbytes)):
        while there and there[0][0] < places[i].start:
            _, ended = heappop(there)
            _add_gap(gaps, offsets[ended], offsets[ended] + places[ended].nbytes)
        size = places[i].nbytes
        fits = [(high - low, low, high) for low, high in gaps if high - low >= size]
        if fits:
            _, low, high = min(fits)
        elif gaps and gaps[-1][1] == total:  # it begins in the last gap, and goes on behind the end
            low, high = gaps[-1]
        else:
            low = high = total
        if low < high:
            gaps.remove((low, high))
        if low + size < high:
            _add_gap(gaps, low + size, high)
        offsets[i] = low
        total = max(total, low + size)
        heappush(there, (places[i].end, i))
    layout = tuple((offset, p.shape, p.dtype) for offset, p in zip(offsets, places, strict=True))
    with _lock:
        found = _plans.get(layout)
        if found is None:
            found = _plans[layout] = Plan(layout, total)
            # whose memory is in the pool is not known: the next call makes what it needs
            weakref.finalize(found, _pool.clear).atexit = False
    return found


# ---- when programs run -------------------------------------------------------------------------


class Arena:
    """A piece of memory, and what plans make of it.

    Args:
        nbytes: its size.
    """

    __slots__ = ("memory", "views")

    def __init__(self, nbytes: int):
        memory = np.empty(nbytes + _ALIGNMENT, np.uint8)
        start = -memory.ctypes.data % _ALIGNMENT
        self.memory = memory[start : start + nbytes]
        self.views: dict[int, tuple[Any, ...]] = {}

    def viewed(self, plan: Plan) -> tuple[Any, ...]:
        """The arrays of a plan, from now on at hand."""
        if len(self.views) >= _MOST_VIEWS:
            self.views.clear()
        made = tuple(np.ndarray(shape, dtype, self.memory, offset) for offset, shape, dtype in plan.layout)
        self.views[plan.number] = made
        return made


_pool: list[Arena] = []
"""Arenas that nobody uses; to take one and to put one back is one step each, which no other thread comes between."""


def borrow(plan: Plan) -> tuple[Arena, tuple[Any, ...]]:
    """An arena, and the plan's arrays in it; they hold whatever was there."""
    try:
        arena = _pool.pop()
    except IndexError:
        arena = Arena(plan.nbytes)
    views = arena.views.get(plan.number)
    if views is None:
        if arena.memory.nbytes < plan.nbytes:
            del arena  # before there is another one
            arena = Arena(plan.nbytes)
        views = arena.viewed(plan)
    return arena, views


give_back = _pool.append
"""Put an arena back, none of whose arrays is read any more."""


def empty_pool() -> None:
    """Give the memory back to the system."""
    _pool.clear()


def _new_lock() -> None:
    """In a forked child the lock may be one that a thread of the parent's held."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock)
