"""Numbers and dtypes: NumPy's own objects; `bfloat16` where `ml_dtypes` is installed."""

from __future__ import annotations

from numpy import (
    bool,
    complex64,
    complex128,
    e,
    float16,
    float32,
    float64,
    inf,
    int8,
    int16,
    int32,
    int64,
    nan,
    newaxis,
    pi,
    uint8,
    uint16,
    uint32,
    uint64,
)

from .. import dtypes

__all__ = [
    "bool",
    "complex64",
    "complex128",
    "e",
    "float16",
    "float32",
    "float64",
    "inf",
    "int8",
    "int16",
    "int32",
    "int64",
    "nan",
    "newaxis",
    "pi",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]

if dtypes.BFLOAT16 is not None:
    bfloat16 = dtypes.BFLOAT16.type
    __all__ += ["bfloat16"]
