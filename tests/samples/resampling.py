"""Samples of `funcgrad/ops/resample.py`, with the taps as a matrix for an oracle."""

from __future__ import annotations

from typing import Any

import numpy as np

from funcgrad.kernels.resample import Taps

from . import Sample, uniform


def by_matrix(x: Any, *, axis: int, taps: Taps) -> Any:
    """The taps as a matrix that is multiplied with the axis."""
    weights = np.ones(taps.index.shape) if taps.weights is None else taps.weights
    matrix = np.zeros((taps.size_out, taps.size_in))
    for line, weight in zip(taps.index, weights, strict=True):
        np.add.at(matrix, (np.arange(taps.size_out), line), weight)
    return np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)


LINEAR = Taps(3, 5, [0, 1, 1, 2, 3, 4, 4], [0, 0, 1, 1, 2, 2, 1], [1, 0.25, 0.75, 1, 1, 0.5, 0.5])
NEAREST = Taps(3, 4, [0, 1, 2, 3], [0, 0, 1, 2], 1)
DROPPED = Taps(4, 2, [0, 1], [3, 0], 1)

SAMPLES = [
    *[Sample("resample", (uniform(3, 2),), by_matrix, {"axis": 0, "taps": t}) for t in (LINEAR, NEAREST)],
    *[Sample("resample", (uniform(2, 3, 20),), by_matrix, {"axis": 1, "taps": t}) for t in (LINEAR, NEAREST)],
    Sample("resample", (uniform(2, 3),), by_matrix, {"axis": 1, "taps": LINEAR}),
    Sample("resample", (uniform(2, 2, 4),), by_matrix, {"axis": 2, "taps": DROPPED}),
    Sample("resample", (uniform(1, 3, 600),), by_matrix, {"axis": 1, "taps": LINEAR}),
]
