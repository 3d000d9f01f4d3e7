"""The bits of numbers: the same memory read as another dtype, and floats with fewer bits."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import Aval
from ..device import Raw, backend_dtype
from ..dtypes import DType
from ..errors import ShapeError
from ..rules import general, move_axis

_FORMATS = {"float16": (5, 10), "bfloat16": (8, 7), "float32": (8, 23), "float64": (11, 52)}
"""Bits of the exponent and of the mantissa."""


def _cast_shape(x: Aval, dtype: DType) -> tuple[int, ...]:
    """A last axis comes for the parts of each element, or goes for elements that are parts of one."""
    own, new = x.dtype.itemsize, dtype.itemsize
    if own == new:
        return x.shape
    if own > new:
        return (*x.shape, own // new)
    if not x.shape or x.shape[-1] != new // own:
        raise ShapeError(f"bitcast: the last axis of {x} must have the {new // own} parts of each {dtype}")
    return x.shape[:-1]


def _bitcast(xp: Any, x: Raw, *, dtype: DType) -> Raw:
    shape = _cast_shape(Aval(tuple(x.shape), np.dtype(x.dtype)), dtype)
    lined = xp.ascontiguousarray(x)
    if not lined.ndim:
        lined = lined.reshape((1,))
    return xp.reshape(lined.view(backend_dtype(xp, dtype)), shape)


bitcast = general(
    "bitcast(x)",
    impl=_bitcast,
    infer=lambda x, *, dtype: Aval(_cast_shape(x, dtype), dtype),
    batch=lambda size, xs, dims, *, dtype: (bitcast(move_axis(xs[0], dims[0], 0), dtype=dtype), 0),
)


def _reduce_precision(xp: Any, x: Raw, *, exponent: int, mantissa: int) -> Raw:
    own_exponent, own_mantissa = _FORMATS[x.dtype.name]
    unsigned = np.dtype(f"u{x.dtype.itemsize}")
    word = unsigned.type
    bits = xp.ascontiguousarray(x).view(unsigned).reshape(x.shape)
    if mantissa < own_mantissa:  # to the nearest, ties to even
        drop = own_mantissa - mantissa
        last = (bits >> word(drop)) & word(1)
        bits = (bits + last + word((1 << (drop - 1)) - 1)) & word(~((1 << drop) - 1) & int(np.iinfo(unsigned).max))
    if exponent < own_exponent:  # what is too large becomes infinite, what is too small zero
        own_bias, bias = (1 << (own_exponent - 1)) - 1, (1 << (exponent - 1)) - 1
        field = (bits >> word(own_mantissa)) & word((1 << own_exponent) - 1)
        sign = bits & word(1 << (own_exponent + own_mantissa))
        infinite = word(((1 << own_exponent) - 1) << own_mantissa)
        bits = xp.where(field > own_bias + bias, sign | infinite, bits)
        bits = xp.where(field <= own_bias - bias, sign, bits)
    return xp.where(xp.isnan(x), x, xp.asarray(bits, dtype=unsigned).view(x.dtype).reshape(x.shape))


reduce_precision = general(  # to a derivative it is the identity: what it does to x is meant to be nothing
    "reduce_precision(x)",
    impl=_reduce_precision,
    infer=lambda x, *, exponent, mantissa: x,
    jvp=lambda primals, tangents, out, *, exponent, mantissa: tangents[0],
    x=lambda g, *, exponent, mantissa: g,
)
