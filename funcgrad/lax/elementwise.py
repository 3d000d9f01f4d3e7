"""Functions of each element by itself under `jax.lax`'s names, and those that `funcgrad.numpy` has not.

Where JAX takes operands of one dtype only, these let them meet as `funcgrad.numpy` does.
"""

from __future__ import annotations

import enum
import math
import operator
from typing import Any

import numpy as np

from .. import numpy as fnp
from .. import tree
from ..core import SCALARS, Array
from ..dtypes import is_floating, is_inexact, is_integer
from ..errors import DtypeError, OptionError, ShapeError
from ..functional.activations import sigmoid
from ..numpy.creation import asarray
from ..ops import elementwise as ops
from ..ops.bits import bitcast
from ..ops.bits import reduce_precision as _reduce_precision
from ..ops.create import promote, promote_all, promote_inexact, to_inexact

__all__ = [
    "RoundingMethod",
    "abs",
    "acos",
    "acosh",
    "add",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bitcast_convert_type",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "cbrt",
    "ceil",
    "clamp",
    "clz",
    "complex",
    "conj",
    "convert_element_type",
    "cos",
    "cosh",
    "div",
    "eq",
    "erf",
    "erf_inv",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "ge",
    "gt",
    "imag",
    "integer_pow",
    "is_finite",
    "le",
    "log",
    "log1p",
    "logistic",
    "lt",
    "max",
    "min",
    "mul",
    "mulhi",
    "ne",
    "neg",
    "nextafter",
    "optimization_barrier",
    "population_count",
    "pow",
    "real",
    "reciprocal",
    "reduce_precision",
    "rem",
    "round",
    "rsqrt",
    "shift_left",
    "shift_right_arithmetic",
    "shift_right_logical",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "sub",
    "tan",
    "tanh",
]

abs, neg, sign, floor, ceil = fnp.abs, fnp.negative, fnp.sign, fnp.floor, fnp.ceil
add, sub, mul, pow = fnp.add, fnp.subtract, fnp.multiply, fnp.power
max, min = fnp.maximum, fnp.minimum
exp, exp2, expm1, log, log1p, cbrt, nextafter = (
    fnp.exp, fnp.exp2, fnp.expm1, fnp.log, fnp.log1p, fnp.cbrt, fnp.nextafter,
)  # fmt: skip
sqrt, square, reciprocal = fnp.sqrt, fnp.square, fnp.reciprocal
sin, cos, tan, asin, acos, atan, atan2 = fnp.sin, fnp.cos, fnp.tan, fnp.asin, fnp.acos, fnp.atan, fnp.atan2
sinh, cosh, tanh, asinh, acosh, atanh = fnp.sinh, fnp.cosh, fnp.tanh, fnp.asinh, fnp.acosh, fnp.atanh
eq, ne, lt, le, gt, ge = fnp.equal, fnp.not_equal, fnp.less, fnp.less_equal, fnp.greater, fnp.greater_equal
real, imag, conj, is_finite = fnp.real, fnp.imag, fnp.conj, fnp.isfinite
bitwise_and, bitwise_or, bitwise_xor, bitwise_not = fnp.bitwise_and, fnp.bitwise_or, fnp.bitwise_xor, fnp.invert
shift_left, shift_right_arithmetic = fnp.bitwise_left_shift, fnp.bitwise_right_shift
logistic = sigmoid

# ---- special functions that are operations -------------------------------------------------------


def erf(x: Any) -> Array:
    """The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x.

    Args:
        x: an array or number.

    >>> from funcgrad import lax
    >>> f"{float(lax.erf(1.0)):.4f}"
    '0.8427'
    """
    return ops.erf(to_inexact(x))


def erfc(x: Any) -> Array:
    """1 - erf(x), accurate where that is small.

    >>> from funcgrad import lax
    >>> f"{float(lax.erfc(1.0)):.4f}"
    '0.1573'
    """
    return ops.erfc(to_inexact(x))


def erf_inv(x: Any) -> Array:
    """The inverse of the error function, for -1 <= x <= 1.

    >>> from funcgrad import lax
    >>> f"{float(lax.erf_inv(0.8427)):.3f}"
    '1.000'
    """
    return ops.erfinv(to_inexact(x))


def rsqrt(x: Any, *, accuracy: Any = None) -> Array:
    """1 / sqrt(x).

    Args:
        x: an array or number.
        accuracy: there for JAX's users.

    >>> from funcgrad import lax
    >>> lax.rsqrt(4.0)
    Array(0.5, dtype=float32)
    """
    return fnp.reciprocal(fnp.sqrt(x))


# ---- division and powers -------------------------------------------------------------------------


def div(x: Any, y: Any) -> Array:
    """x / y; of integers the quotient without its fraction, as in C.

    Args:
        x, y: arrays or numbers.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.div(fnp.asarray([7, -7]), 2), lax.div(1.0, 4.0)
    (Array([ 3, -3], dtype=int64), Array(0.25, dtype=float32))

    Source: jax.lax.div.
    """
    a, b = promote(x, y)
    if is_inexact((a if isinstance(a, Array) else b).dtype):
        return ops.divide(a, b)
    down: Any = fnp.floor_divide(a, b)
    inexact = (a - down * b != 0) & fnp.logical_xor(a < 0, b < 0)
    return down + ops.astype(inexact, down.dtype)


def rem(x: Any, y: Any) -> Array:
    """What remains of the division without a fraction, x - y trunc(x / y), with the sign of x, as in C.

    Args:
        x, y: arrays or numbers.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.rem(fnp.asarray([7, -7]), 4)
    Array([ 3, -3], dtype=int64)

    Source: jax.lax.rem.
    """
    a, b = promote(x, y)
    if not is_inexact((a if isinstance(a, Array) else b).dtype):
        return a - div(a, b) * b  # type: ignore[operator]
    left: Any = fnp.remainder(*(v.__abs__() if type(v) in SCALARS else fnp.abs(v) for v in (a, b)))
    return ops.where(math.copysign(1.0, a) < 0 if type(a) in SCALARS else ops.signbit(a), -left, left)


def integer_pow(x: Any, y: int) -> Array:
    """x to the power of an int.

    Args:
        x: an array or number.
        y: a Python int.

    >>> from funcgrad import lax
    >>> lax.integer_pow(2.0, -2)
    Array(0.25, dtype=float32)

    Source: jax.lax.integer_pow.
    """
    exponent = operator.index(y)
    if exponent >= 0:
        return fnp.power(asarray(x), exponent)
    return fnp.reciprocal(fnp.power(to_inexact(x), -exponent))


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


def optimization_barrier(operand: Any) -> Any:
    """The operand, a pytree, itself: what JAX's compiler may not look across has no counterpart here.

    >>> from funcgrad import lax
    >>> lax.optimization_barrier((1.0, 2.0))
    (1.0, 2.0)
    """
    return tree.map(lambda leaf: leaf if type(leaf) in SCALARS else asarray(leaf), operand)


def clamp(min: Any, x: Any, max: Any) -> Array:
    """x, but at least min and at most max.

    Args:
        min, max: bounds: numbers, or arrays of x's shape.
        x: an array or number.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.clamp(-1.0, fnp.asarray([-2.0, 0.5, 3.0]), 1.0)
    Array([-1. ,  0.5,  1. ], dtype=float32)

    Source: jax.lax.clamp.
    """
    return fnp.minimum(fnp.maximum(x, min), max)


class RoundingMethod(enum.IntEnum):
    """Where halves go in `round`."""

    AWAY_FROM_ZERO = 0
    TO_NEAREST_EVEN = 1


def round(x: Any, rounding_method: RoundingMethod = RoundingMethod.AWAY_FROM_ZERO) -> Array:
    """The nearest whole number; halves away from zero unless told otherwise.

    Args:
        x: an array or number.
        rounding_method: `RoundingMethod.AWAY_FROM_ZERO` or `RoundingMethod.TO_NEAREST_EVEN`.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.round(fnp.asarray([0.5, -2.5]))
    Array([ 1., -3.], dtype=float32)

    Source: jax.lax.round.
    """
    found = asarray(x)
    if not is_floating(found.dtype):
        raise DtypeError(f"round takes floats, not {found.aval}")
    if rounding_method not in tuple(RoundingMethod):
        raise OptionError(f"round: no such rounding method: {rounding_method!r}")
    if RoundingMethod(rounding_method) is RoundingMethod.TO_NEAREST_EVEN:
        return ops.round(found)
    whole = ops.trunc(found)
    away = ops.greater_equal(ops.abs(found - whole), 0.5)
    return ops.copysign(ops.abs(whole) + ops.cast(away, dtype=found.dtype), found)


def complex(x: Any, y: Any) -> Array:
    """The complex numbers x + i y.

    Args:
        x, y: real arrays or numbers.

    Raises:
        DtypeError: one of them is complex.

    >>> from funcgrad import lax
    >>> lax.complex(1.0, 2.0)
    Array(1.+2.j, dtype=complex64)

    Source: jax.lax.complex.
    """
    a, b = (asarray(v) for v in promote_inexact(x, y))
    if not is_floating(a.dtype):
        raise DtypeError(f"complex takes real parts and imaginary parts, not {a.aval} and {b.aval}")
    target = np.result_type(a.dtype, np.complex64)
    return ops.astype(a, target) + ops.astype(b, target) * 1j


# ---- dtypes and bits -----------------------------------------------------------------------------


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
