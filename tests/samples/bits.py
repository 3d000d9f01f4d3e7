"""Samples of `funcgrad/ops/bits.py`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import Sample, integers, uniform


def _view(x: Any, *, dtype: Any) -> Any:
    data, shape = x.tobytes(), list(x.shape)
    if dtype.itemsize < x.itemsize:
        shape.append(x.itemsize // dtype.itemsize)
    elif dtype.itemsize > x.itemsize:
        shape.pop()
    return np.frombuffer(data, dtype).reshape(shape)


def _rounded(x: Any, *, exponent: int, mantissa: int) -> Any:
    """By arithmetic on each number: its mantissa to the nearest multiple of a power of two."""

    def one(value: float) -> float:
        fraction, power = math.frexp(value)
        scale = 2.0 ** (mantissa + 1)
        value = math.ldexp(round(fraction * scale) / scale, power)
        bias = 2 ** (exponent - 1) - 1
        if exponent < 11 and abs(value) >= 2.0 ** (bias + 1):
            return math.copysign(math.inf, value)
        return value if exponent == 11 or abs(value) >= 2.0 ** (1 - bias) else math.copysign(0.0, value)

    return np.vectorize(one, otypes=[x.dtype])(x)


SAMPLES = [
    Sample("bitcast", (x,), _view, {"dtype": np.dtype(dtype)}, portable=False)
    for x, dtype in [
        (integers(2, 3), "float64"),
        (integers(2, 3), "int16"),
        (integers(3, 4, dtype="int16"), "uint64"),
        (np.asarray(integers()), "uint32"),
        (integers(0, 2, dtype="int32"), "int64"),
    ]
]
SAMPLES += [
    Sample("reduce_precision", (x,), _rounded, {"exponent": e, "mantissa": m}, order=0, portable=False)
    for x, e, m in [
        (uniform(3, 4), 8, 7),
        (uniform(5), 5, 10),
        (np.array([1e-9, -1e9, 0.1, 3.5, -7.0]), 5, 2),
        (uniform(4), 11, 52),
    ]
]
