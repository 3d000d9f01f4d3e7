"""Numbers, dtypes, and what is known about dtypes: NumPy's own objects; `bfloat16` where `ml_dtypes` is installed."""

from __future__ import annotations

from numpy import (
    bool,
    complex64,
    complex128,
    e,
    finfo,
    float16,
    float32,
    float64,
    iinfo,
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
from ..dtypes import promote_types

__all__ = [
    "bool",
    "complex64",
    "complex128",
    "e",
    "finfo",
    "float16",
    "float32",
    "float64",
    "iinfo",
    "inf",
    "int8",
    "int16",
    "int32",
    "int64",
    "nan",
    "newaxis",
    "pi",
    "promote_types",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]

if dtypes.BFLOAT16 is not None:
    bfloat16 = dtypes.BFLOAT16.type
    __all__ += ["bfloat16"]
