"""Samples of `funcgrad/ops/running.py`; the expected values are by a loop along the axis."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from . import Sample, complexes, integers, uniform


def _running(f: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def oracle(x: Any, *, axis: int) -> Any:
        out = np.moveaxis(x.copy(), axis, 0)
        for i in range(1, out.shape[0]):
            out[i] = np.vectorize(f, otypes=[x.dtype])(out[i - 1], out[i])
        return np.moveaxis(out, 0, axis)

    return oracle


_FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "cumulative_prod": operator.mul,
    "cumulative_max": max,
    "cumulative_min": min,
    "cumulative_logsumexp": lambda a, b: math.log(math.exp(a) + math.exp(b)),
}
SAMPLES = [
    Sample(name, (x,), _running(f), {"axis": axis})
    for name, f in _FUNCTIONS.items()
    for x, axis in [
        (uniform(5), 0),
        (uniform(2, 3), 0),
        (uniform(2, 3), 1),
        (uniform(2, 3, 2), 1),
        (uniform(1), 0),
    ]
]
SAMPLES += [
    Sample("cumulative_prod", (complexes(3),), np.cumprod, {"axis": 0}),
    Sample("cumulative_prod", (np.array([2.0, 0.0, 3.0, 0.5, 0.0, 4.0]),), np.cumprod, {"axis": 0}),
    Sample("cumulative_prod", (integers(2, 3),), np.cumprod, {"axis": 1}),
    Sample("cumulative_max", (integers(2, 4),), np.maximum.accumulate, {"axis": 1}),
    Sample("cumulative_min", (integers(2, 4),), np.minimum.accumulate, {"axis": 1}),
]
