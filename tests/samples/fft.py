"""Samples of `funcgrad/ops/fft.py`; the expected values are products with the matrix of the transform."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Sample, complexes, uniform


def _scale(n: int, norm: str, inverse: bool) -> float:
    return {"ortho": n**-0.5, "forward": 1 if inverse else 1 / n, "backward": 1 / n if inverse else 1}[norm]


def _c2c(x: Any, *, axes: Any, norm: str, inverse: bool) -> Any:
    for axis in axes:
        n = x.shape[axis]
        waves = np.exp((2j if inverse else -2j) * np.pi * np.outer(np.arange(n), np.arange(n)) / n)
        x = np.moveaxis(np.moveaxis(x, axis, -1) @ waves, -1, axis) * _scale(n, norm, inverse)
    return x


def _r2c(x: Any, *, axes: Any, norm: str) -> Any:
    whole = _c2c(x.astype(np.complex128), axes=axes, norm=norm, inverse=False)
    return np.take(whole, range(x.shape[axes[-1]] // 2 + 1), axes[-1])


def _c2r(x: Any, *, axes: Any, norm: str, n: int) -> Any:
    x = _c2c(x, axes=axes[:-1], norm=norm, inverse=True)
    half, j = np.arange(n // 2 + 1), np.arange(n)
    counts = np.where((half == 0) | (2 * half == n), 1, 2)
    waves = counts[:, None] * np.exp(2j * np.pi * np.outer(half, j) / n) * _scale(n, norm, True)
    return np.moveaxis((np.moveaxis(x, axes[-1], -1) @ waves).real, -1, axes[-1])


SAMPLES = [
    Sample("fft_c2c", (complexes(*shape),), _c2c, {"axes": axes, "norm": norm, "inverse": inverse})
    for shape, axes, norm, inverse in [
        ((4,), (0,), "backward", False),
        ((3, 5), (1,), "ortho", False),
        ((2, 3), (0, 1), "backward", True),
        ((2, 3, 2), (2, 0), "forward", True),
    ]
]
SAMPLES += [
    Sample("fft_r2c", (uniform(*shape),), _r2c, {"axes": axes, "norm": norm})
    for shape, axes, norm in [
        ((4,), (0,), "backward"),
        ((5, 2), (0,), "ortho"),
        ((2, 3), (0, 1), "forward"),
        ((2, 3, 4), (2, 0), "backward"),
        ((2, 1), (1,), "backward"),
    ]
]
SAMPLES += [
    Sample("fft_c2r", (complexes(*shape),), _c2r, {"axes": axes, "norm": norm, "n": n})
    for shape, axes, norm, n in [
        ((3,), (0,), "backward", 4),
        ((3,), (0,), "ortho", 5),
        ((3, 2), (1, 0), "forward", 4),
        ((2, 3), (0, 1), "backward", 5),
        ((2, 1), (1,), "backward", 1),
    ]
]
