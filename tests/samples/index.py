"""Samples of `funcgrad/ops/index.py`; the expected values are by a loop over the indices."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from . import Sample, complexes, integers, uniform


def _places(indices: tuple[Any, ...]) -> Any:
    """For each place in the shape of the indices, where it points."""
    return ((at, tuple(int(index[at]) for index in indices)) for at in np.ndindex(indices[0].shape))


def _gather(x: Any, *indices: Any) -> Any:
    out = np.empty(indices[0].shape + x.shape[len(indices) :], x.dtype)
    for at, place in _places(indices):
        out[at] = x[place]
    return out


def _flatnonzero(mask: Any, count: int) -> Any:
    rows = mask.reshape(-1, mask.shape[-1])
    return np.array([np.flatnonzero(row) for row in rows], np.int64).reshape(*mask.shape[:-1], count)


def _scatter(f: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def oracle(x: Any, updates: Any, *indices: Any) -> Any:
        out = x.copy()
        for at, place in _places(indices):
            out[place] = f(out[place], updates[at])
        return out

    return oracle


_INDICES: list[tuple[tuple[int, ...], tuple[Any, ...]]] = [  # shape of the array, indices of its leading axes
    ((5,), (np.array([4, 0, 2]),)),
    ((5, 2), (np.array([[1, 3], [3, -1]]),)),
    ((3, 4), (np.array([2, 0, 2]), np.array([1, 3, -3]))),
    ((3, 4, 2), (np.array([[2], [0]]), np.array([[1], [3]]))),
    ((4, 2), (np.array(3),)),
    ((4, 2), (np.zeros(0, "int64"),)),
    ((2, 0), (np.array([1, 0]),)),
    ((3, 2), (np.array([1, 1, 1, 2], "int32"),)),
]
_NARROW = (np.array([19, -1], "int8"), np.array([19, 18], "int8"))  # 19 * 20 + 19 is no int8
_SCATTERS: dict[str, Callable[[Any, Any], Any]] = {
    "scatter_add": operator.add,
    "scatter_set": lambda old, new: new,
    "scatter_multiply": operator.mul,
    "scatter_min": np.minimum,
    "scatter_max": np.maximum,
}

SAMPLES = [Sample("gather", (uniform(*shape), *indices), _gather) for shape, indices in _INDICES]
SAMPLES += [
    Sample("gather", (uniform(20, 20), *_NARROW), _gather),
    Sample("gather", (complexes(4), np.array([3, 1, 1])), _gather),
    Sample("gather", (integers(4), np.array([[3], [1]], "uint8")), _gather),
]
SAMPLES += [
    Sample(
        name,
        (uniform(*shape), np.asarray(uniform(*indices[0].shape, *shape[len(indices) :], seed=1)), *indices),
        _scatter(f),
        portable=False,
    )
    for name, f in _SCATTERS.items()
    for shape, indices in _INDICES
]
SAMPLES += [
    Sample(name, args, _scatter(_SCATTERS[name]), portable=False)
    for name in ("scatter_add", "scatter_set", "scatter_multiply")
    for args in [
        (complexes(4), complexes(3, seed=1), np.array([3, 1, 1])),
        (integers(4), integers(3, seed=1), np.array([3, 1, 1])),
        (uniform(20, 20), uniform(2, seed=1), *_NARROW),
    ]
]
# a factor of zero: its own derivative is the product of the others, theirs is zero
SAMPLES += [
    Sample(
        "scatter_multiply", (x, updates, np.array([0, 1, 1, 2])), _scatter(operator.mul), order=order, portable=False
    )
    for x, updates, order in [
        (np.array([0.0, 1.5, 2.0]), np.array([2.0, 0.0, 3.0, 0.5]), 2),
        (np.array([0.0, 1.5, 2.0]), np.array([0.0, 0.0, 0.0, 0.5]), 1),
    ]
]

SAMPLES += [
    Sample("flatnonzero", (mask,), _flatnonzero, {"count": count})
    for mask, count in [
        (np.array([False, True, True, False, True]), 3),
        (np.array([[True, False, False], [False, False, True]]), 1),
        (np.zeros((2, 4), bool), 0),
    ]
]
