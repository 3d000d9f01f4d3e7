"""Rows put into places, or combined with what is there, also where several go to one place.

As the gradient of an embedding is: `numpy.add.at` takes some 14 ns an element, and whole rows no faster. Sorted by
place they can be added many at once: those that come to few in a place turn by turn, the first of each place, then the
second; and the rest place by place.

CuPy lets any of several rows win a place, multiplies at none, compares float64 by their first half, and adds no complex
numbers: there rows are sorted by place as well, and what one place gets is combined by doubling.
"""

from __future__ import annotations

from typing import Any

import numpy

from ..device import Raw, dtype_of

__all__ = ["accumulate_rows", "put_rows"]

_ADDED = frozenset(map(numpy.dtype, ("int32", "int64", "uint32", "uint64", "float16", "float32", "float64")))
"""The dtypes that CuPy adds at places."""

_LEAST_WIDTH, _LEAST_ROWS = 8, 64  # below, sorting costs more than it saves
_MOST_TURNS = 8


def put_rows(xp: Any, out: Raw, places: Raw, rows: Raw) -> None:
    """out[places[i]] = rows[i] for one i after the other, so that the last of equal places stays.

    Args:
        xp: the array module.
        out: (n, ...), which is written to.
        places: (m,) whole numbers from 0 to n - 1, any number of them alike.
        rows: (m, ...).
    """
    if xp is not numpy and len(places) > 1:
        order = xp.argsort(places, stable=True)
        chosen = order[_ends(xp, places[order])]
        places, rows = places[chosen], rows[chosen]
    out[places] = rows


def accumulate_rows(xp: Any, name: str, out: Raw, places: Raw, rows: Raw) -> None:
    """out[places[i]] = function(out[places[i]], rows[i]) for all i; arguments as for `put_rows`.

    Args:
        name: "add", "multiply", "minimum" or "maximum", the function's in `xp`.
    """
    if xp is numpy:
        if name == "add":
            _add_rows(out, places, rows)
        else:
            getattr(numpy, name).at(out, places, rows)
    elif name == "add" and dtype_of(out) in _ADDED:
        xp.add.at(out, places, rows)
    elif rows.size:
        _combine_rows(xp, getattr(xp, name), out, places, rows)


def _combine_rows(xp: Any, function: Any, out: Raw, places: Raw, rows: Raw) -> None:
    """By the running values of `function` within each place: what is d apart is combined, for d = 1, 2, 4, ..."""
    order = xp.argsort(places, stable=True)
    places, rows = places[order], rows[order]
    distance = 1
    while distance < len(places):
        same = places[distance:] == places[:-distance]
        if not bool(same.any()):  # no place has more
            break
        same = same.reshape(-1, *[1] * (rows.ndim - 1))
        later = rows[distance:]
        rows = xp.concat([rows[:distance], xp.where(same, function(rows[:-distance], later), later)])
        distance *= 2
    ends = _ends(xp, places)
    out[places[ends]] = function(out[places[ends]], rows[ends])


def _ends(xp: Any, places: Raw) -> Raw:
    """Which are the last of their place, of sorted ones."""
    return xp.concat([places[1:] != places[:-1], xp.ones(1, dtype=bool)])


def _add_rows(out: Raw, places: Raw, rows: Raw) -> None:
    if len(rows) < _LEAST_ROWS or rows.size < _LEAST_WIDTH * len(rows):
        numpy.add.at(out, places, rows)
        return
    order = numpy.argsort(places, kind="stable")
    places = places[order]
    first = numpy.flatnonzero(numpy.concatenate(([True], places[1:] != places[:-1])))
    counts = numpy.diff(first, append=len(places))
    few = counts <= _MOST_TURNS
    for turn in range(int(counts[few].max(initial=0))):
        chosen = first[few & (counts > turn)] + turn
        out[places[chosen]] += rows[order[chosen]]
    if not few.all():
        many, counts = numpy.repeat(~few, counts), counts[~few]
        starts = numpy.cumsum(counts) - counts
        out[places[first[~few]]] += numpy.add.reduceat(rows[order[many]], starts, axis=0, dtype=out.dtype)
