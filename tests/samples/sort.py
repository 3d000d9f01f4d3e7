"""Samples of `funcgrad/ops/sort.py`; the expected values are Python's own sorting of each line."""

from __future__ import annotations

import bisect
from typing import Any

import numpy as np

from . import Sample, complexes, integers, uniform


def _key(value: Any) -> Any:
    return (value.real, value.imag) if isinstance(value, complex) else value


def _sort(x: Any, *, axis: int, descending: bool) -> Any:
    def of_line(line: Any) -> Any:
        return np.array(sorted(line.tolist(), key=_key, reverse=descending), x.dtype)

    return np.apply_along_axis(of_line, axis, x)


def _argsort(x: Any, *, axis: int, descending: bool) -> Any:
    def of_line(line: Any) -> Any:
        values = [_key(v) for v in line.tolist()]
        return np.array(sorted(range(len(values)), key=values.__getitem__, reverse=descending), "int64")

    return np.apply_along_axis(of_line, axis, x)


def _searchsorted(x: Any, values: Any, *, side: str) -> Any:
    find = {"left": bisect.bisect_left, "right": bisect.bisect_right}[side]
    out = np.empty(values.shape, "int64")
    for at in np.ndindex(values.shape):
        out[at] = find((x if x.ndim == 1 else x[at[:-1]]).tolist(), values[at])
    return out


SAMPLES = [
    Sample(name, (x,), oracle, {"axis": axis, "descending": descending}, portable=x.dtype.kind != "c")
    for name, oracle in {"sort": _sort, "argsort": _argsort}.items()
    for x, axis in [
        (uniform(5), 0),
        (uniform(3, 4), 0),
        (uniform(3, 4), 1),
        (uniform(2, 3, 2), 1),
        (uniform(1), 0),
        (complexes(4), 0),
        (integers(9, high=-6), 0),  # equal ones among them
    ]
    for descending in (False, True)
]
_SORTED, _TIED = np.sort(uniform(5)), np.array([1.0, 2.0, 2.0, 2.0, 5.0, 7.0])
_LINES = np.array([[0.0, 1.0, 1.0, 2.0, 3.0], [-2.0, -1.0, 0.0, 0.0, 5.0]])
SAMPLES += [
    Sample("searchsorted", args, _searchsorted, {"side": side})
    for args in [
        (_SORTED, uniform(4, seed=1)),
        (_SORTED, uniform(2, 3, seed=1)),
        (_SORTED, np.asarray(uniform(seed=1))),
        (_TIED, np.array([[0.0, 1.0, 2.0], [3.0, 7.0, 9.0]])),
        (np.sort(uniform(2, 5)), uniform(2, 3, seed=1)),
        (_LINES, np.array([[1.0, -1.0, 3.0], [0.0, 9.0, -2.0]])),
        (np.sort(uniform(2, 2, 3)), uniform(2, 2, 2, seed=1)),
    ]
    for side in ("left", "right")
]
