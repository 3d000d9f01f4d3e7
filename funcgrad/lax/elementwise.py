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
from ..dtypes import is_floating, is_inexact
from ..errors import DtypeError, OptionError
from ..functional.activations import sigmoid
from ..numpy.creation import asarray
from ..ops import elementwise as ops
from ..ops.create import promote, promote_inexact, to_inexact

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
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "cbrt",
    "ceil",
    "clamp",
    "complex",
    "conj",
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
    "ne",
    "neg",
    "nextafter",
    "optimization_barrier",
    "pow",
    "real",
    "reciprocal",
    "rem",
    "round",
    "rsqrt",
    "shift_left",
    "shift_right_arithmetic",
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
    return fnp.power(asarray(x) if exponent >= 0 else to_inexact(x), exponent)


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
