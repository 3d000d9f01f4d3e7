"""Samples of `funcgrad/ops/contract.py`; the expected values are by a loop over rows and columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Sample, booleans, complexes, integers, uniform


def _matmul(x: Any, y: Any) -> Any:
    leading = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    x, y = (np.broadcast_to(a, leading + a.shape[-2:]) for a in (x, y))
    out = np.zeros((*leading, x.shape[-2], y.shape[-1]), x.dtype)
    for *at, i, j in np.ndindex(out.shape):
        for a, b in zip(x[(*at, i)], y[(*at, slice(None), j)], strict=True):
            out[(*at, i, j)] += a * b
    return out


SAMPLES = [
    Sample("matmul", (uniform(*s), uniform(*t, seed=1)), _matmul)
    for s, t in [
        ((2, 3), (3, 4)),
        ((1, 3), (3, 1)),
        ((5, 2, 3), (3, 4)),
        ((2, 3), (5, 3, 4)),
        ((5, 2, 3), (5, 3, 4)),
        ((1, 2, 3), (5, 3, 4)),
        ((5, 1, 2, 3), (4, 3, 2)),
        ((2, 5, 2, 3), (3, 2)),
        ((0, 3), (3, 2)),
        ((2, 0), (0, 3)),
        ((3, 2, 0), (0, 2)),
    ]
]
SAMPLES += [
    Sample("matmul", (complexes(2, 3), complexes(3, 2, seed=1)), _matmul),
    Sample("matmul", (complexes(4, 2, 3), complexes(3, 2, seed=1)), _matmul),
    Sample("matmul", (integers(2, 3), integers(2, 3, 4, seed=1)), _matmul),
    Sample("matmul", (booleans(2, 3), booleans(3, 2, seed=1)), _matmul, portable=False),
]
