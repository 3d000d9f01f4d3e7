"""Samples of `funcgrad/ops/reduce.py`; the expected values are by a loop over the lines that are reduced."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import Sample, booleans, complexes, integers, uniform


def _by_line(f: Callable[[list[Any]], Any], dtype: str | None = None) -> Callable[..., Any]:
    """f of the list of elements along the reduced axes."""

    def oracle(x: Any, *, axes: tuple[int, ...]) -> Any:
        rest = [i for i in range(x.ndim) if i not in axes]
        lines = np.transpose(x, (*rest, *axes)).reshape(*[x.shape[i] for i in rest], -1 if x.size else 0)
        out = np.empty(lines.shape[:-1], dtype or x.dtype)
        for at in np.ndindex(out.shape):
            out[at] = f(lines[at].tolist())
        return out

    return oracle


def _running(x: Any, *, axis: int, reverse: bool) -> Any:
    out = np.moveaxis(x.copy(), axis, 0)
    rows = range(out.shape[0] - 1)
    for i in list(rows)[::-1] if reverse else rows:
        if reverse:
            out[i] += out[i + 1]
        else:
            out[i + 1] += out[i]
    return np.moveaxis(out, 0, axis)


_SHAPES: list[tuple[tuple[int, ...], tuple[int, ...]]] = [  # shape, reduced axes
    ((4,), (0,)),
    ((2, 3), (0,)),
    ((2, 3), (1,)),
    ((2, 3), (0, 1)),
    ((2, 3, 2), (0, 2)),
    ((2, 3, 2), (2, 1)),
    ((3, 1), (1,)),
    ((0, 3), (1,)),
]
_EMPTY: list[tuple[tuple[int, ...], tuple[int, ...]]] = [((0, 3), (0,)), ((0,), (0,))]  # of nothing

SAMPLES = [
    Sample(name, (uniform(*shape),), _by_line(f), {"axes": axes})
    for name, f in {"sum": math.fsum, "prod": math.prod, "max": max, "min": min}.items()
    for shape, axes in _SHAPES + (_EMPTY if name in ("sum", "prod") else [])
]
SAMPLES += [
    Sample(name, (x,), _by_line(f), {"axes": axes})
    for name, f in {"sum": sum, "prod": math.prod}.items()
    for x, axes in [(complexes(2, 3), (0,)), (complexes(3), (0,)), (integers(2, 3), (1,))]
]
SAMPLES += [
    Sample(name, (integers(2, 5),), _by_line(f), {"axes": (1,)}) for name, f in {"max": max, "min": min}.items()
]
SAMPLES += [  # no zero, one and two: a derivative that divides by the factor itself would be lost
    Sample(
        "prod", (np.array([[0.0, 2.0, 3.0, 0.5], [0.0, 2.0, 0.0, 0.5], [1.5, 2.0, 3.0, 0.5]]),), _by_line(math.prod), p
    )
    for p in [{"axes": (1,)}, {"axes": (0, 1)}]
]
SAMPLES += [
    Sample(name, (x,), _by_line(f, "bool"), {"axes": axes})
    for name, f in {"any": any, "all": all}.items()
    for x, axes in [
        (booleans(2, 3), (0,)),
        (booleans(2, 3), (0, 1)),
        (booleans(2, 3, 2), (1, 2)),
        (booleans(0, 2), (0,)),
        (booleans(2, 1), (1,)),
    ]
]
SAMPLES += [
    Sample(name, (booleans(),), lambda x, *, axes: x, {"axes": ()})  # the truth of one number
    for name in ("any", "all")
]
SAMPLES += [
    Sample(name, (x,), functools.partial(lambda f, x, *, axis: np.apply_along_axis(f, axis, x).astype("int64"), f), p)
    for name, f in {
        "argmax": lambda line: line.tolist().index(max(line)),
        "argmin": lambda line: line.tolist().index(min(line)),
    }.items()
    for x in [uniform(2, 3), uniform(2, 3, 2), integers(3, 4, high=-6)]
    for p in [{"axis": 0}, {"axis": 1}]
]
SAMPLES += [Sample(name, (uniform(1),), lambda x, *, axis: np.int64(0), {"axis": 0}) for name in ("argmax", "argmin")]
SAMPLES += [
    Sample("cumulative_sum", (x,), _running, {"axis": axis, "reverse": reverse})
    for x, axis in [
        (uniform(4), 0),
        (uniform(2, 3), 0),
        (uniform(2, 3, 2), 1),
        (uniform(0, 2), 0),
        (uniform(1), 0),
        (complexes(3), 0),
        (integers(2, 3), 1),
    ]
    for reverse in (False, True)
]
_holes = np.where(booleans(3, 4), np.nan, uniform(3, 4)) + np.where(
    np.arange(4) == 2, np.array([[1.0], [-2.0], [0.5]]), 0
)
_holes[:, 1] = uniform(3, seed=1)
SAMPLES += [
    Sample(name, (_holes,), lambda x, *, axis, f=f: f(x, axis), {"axis": axis})
    for name, f in {"nanargmax": np.nanargmax, "nanargmin": np.nanargmin}.items()
    for axis in (0, 1)
]
