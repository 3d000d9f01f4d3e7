"""Dtypes and the bits of numbers under `jax.lax`'s names."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from .. import numpy as fnp
from ..core import SCALARS, Array
from ..dtypes import is_floating, is_integer
from ..errors import DtypeError, ShapeError
from ..numpy.creation import asarray
from ..ops import elementwise as ops
from ..ops.bits import bitcast
from ..ops.bits import reduce_precision as _reduce_precision
from ..ops.create import promote, promote_all

__all__ = [
    "bitcast_convert_type",
    "clz",
    "convert_element_type",
    "mulhi",
    "population_count",
    "reduce_precision",
    "shift_right_logical",
]


def mulhi(x: Any, y: Any, /) -> Array:
    """The upper half of the bits of a product of integers, which has twice as many as they.

    Args:
        x, y: integers that meet in one dtype.

    Raises:
        DtypeError: they are no integers.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.mulhi(fnp.asarray([200], dtype="uint8"), fnp.asarray([200], dtype="uint8"))    # 40000 is 156 * 256 + 64
    Array([156], dtype=uint8)

    Source: jax.lax.mulhi.
    """
    a, b = promote_all((x, y))
    if not is_integer(a.dtype):
        raise DtypeError(f"mulhi takes integers, not {a.aval} and {b.aval}")
    size = 8 * a.dtype.itemsize
    if size < 64:
        wide = "int64" if a.dtype.kind == "i" else "uint64"
        product: Any = ops.multiply(ops.astype(a, wide), ops.astype(b, wide))
        return ops.astype(product >> size, a.dtype)
    low = (1 << 32) - 1
    (a_low, a_high), (b_low, b_high) = ((v & low, v >> 32) for v in (a, b))  # type: ignore[operator]
    as_unsigned = (ops.astype(v, "uint64") for v in (a_low, b_low))
    carry = ops.astype(ops.multiply(*as_unsigned) >> 32, a.dtype)
    middle = a_high * b_low + carry
    other = a_low * b_high + (middle & low)
    return a_high * b_high + (middle >> 32) + (other >> 32)


def convert_element_type(operand: Any, new_dtype: Any) -> Array:
    """The array in another dtype: `numpy.astype`.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.convert_element_type(fnp.asarray([1, 2]), "float32")
    Array([1., 2.], dtype=float32)
    """
    return fnp.astype(operand, new_dtype)


def bitcast_convert_type(operand: Any, new_dtype: Any) -> Array:
    """The same bits read as another dtype.

    Args:
        operand: an array.
        new_dtype: of any size; a last axis is added for the parts of each element, or taken away.

    Raises:
        ShapeError: elements of the new dtype are larger, and the last axis does not have the parts of one.

    >>> from funcgrad import lax, numpy as fnp
    >>> hex(int(lax.bitcast_convert_type(fnp.asarray(1.0), "uint32")))
    '0x3f800000'

    Source: jax.lax.bitcast_convert_type.
    """
    return bitcast(asarray(operand), dtype=np.dtype(new_dtype))


def _unsigned(x: Any, name: str) -> tuple[Any, np.dtype[Any]]:
    """The bits as an unsigned integer, and the dtype that the array came in."""
    found = asarray(x)
    if not is_integer(found.dtype):
        raise DtypeError(f"{name} takes integers, not {found.aval}")
    return ops.astype(found, f"uint{8 * found.dtype.itemsize}"), found.dtype


def shift_right_logical(x: Any, y: Any) -> Array:
    """x >> y with zeros coming in, also where x is negative.

    Args:
        x, y: integers.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.shift_right_logical(fnp.asarray([-2], dtype="int8"), 1)
    Array([127], dtype=int8)

    Source: jax.lax.shift_right_logical.
    """
    a, b = promote(x, y)
    bits, dtype = _unsigned(a if isinstance(a, Array) else asarray(a, b.dtype), "shift_right_logical")
    by = b if type(b) in SCALARS else ops.astype(b, bits.dtype)
    return ops.astype(ops.bitwise_right_shift(bits, by), dtype)


def population_count(x: Any) -> Array:
    """How many bits of each integer are set.

    Args:
        x: integers.

    Returns:
        Integers of x's dtype.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.population_count(fnp.asarray([0, 7, 8]))
    Array([0, 3, 1], dtype=int64)

    Source: jax.lax.population_count.
    """
    bits, dtype = _unsigned(x, "population_count")
    size = 8 * bits.dtype.itemsize
    whole = (1 << size) - 1
    step = 1
    while step < size:  # sums of neighbours: of single bits, of pairs, of fours, ...
        mask = whole // ((1 << step) + 1)
        bits = (bits & mask) + ((bits >> step) & mask)
        step *= 2
    return ops.astype(bits, dtype)


def clz(x: Any) -> Array:
    """How many zeros stand before the highest bit that is set.

    Args:
        x: integers.

    Returns:
        Integers of x's dtype; all of its bits for 0.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.clz(fnp.asarray([0, 1, 255], dtype="int32"))
    Array([32, 31, 24], dtype=int32)

    Source: jax.lax.clz.
    """
    bits, dtype = _unsigned(x, "clz")
    size, step = 8 * bits.dtype.itemsize, 1
    while step < size:  # all bits below the highest one
        bits = bits | (bits >> step)
        step *= 2
    return ops.astype(size - population_count(bits), dtype)  # type: ignore[operator]


def reduce_precision(operand: Any, exponent_bits: int, mantissa_bits: int) -> Array:
    """Floats rounded to what a format of fewer bits can hold, in the dtype that they have; the derivative is 1.

    Args:
        operand: floats.
        exponent_bits: of the format, at least 1; what is out of its range becomes infinite or zero.
        mantissa_bits: of the format.

    >>> from funcgrad import lax
    >>> lax.reduce_precision(3.14159, 8, 7)                                 # bfloat16
    Array(3.140625, dtype=float32)

    Source: jax.lax.reduce_precision.
    """
    x = asarray(operand)
    exponent, mantissa = operator.index(exponent_bits), operator.index(mantissa_bits)
    if not is_floating(x.dtype):
        raise DtypeError(f"reduce_precision takes floats, not {x.aval}")
    if exponent < 1 or mantissa < 0:
        raise ShapeError(
            f"reduce_precision: at least 1 bit of exponent and 0 of mantissa, not {exponent} and {mantissa}"
        )
    return _reduce_precision(x, exponent=exponent, mantissa=mantissa)
