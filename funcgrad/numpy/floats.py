"""Roots, powers of two, remainders, and the parts and neighbours of floats; angles in degrees and radians."""

from __future__ import annotations

import math
from typing import Any

from ..core import Array
from ..dtypes import is_boolean, is_complex, is_inexact
from ..errors import DtypeError
from ..ops import elementwise as basic
from ..ops import floats as ops
from ..ops import special
from ..ops.create import asarray, promote, promote_inexact, to_inexact
from ..ops.precision import widened
from .creation import ones_like
from .data_types import finfo
from .elementwise import (
    _binary,
    _floating,
    abs,
    atan2,
    imag,
    isfinite,
    isinf,
    isnan,
    maximum,
    minimum,
    power,
    real,
    round,
    signbit,
    where,
)

__all__ = [
    "angle",
    "around",
    "cbrt",
    "deg2rad",
    "degrees",
    "exp2",
    "fabs",
    "float_power",
    "fmax",
    "fmin",
    "fmod",
    "frexp",
    "heaviside",
    "i0",
    "ldexp",
    "logaddexp2",
    "modf",
    "nan_to_num",
    "rad2deg",
    "radians",
    "rint",
    "sinc",
    "spacing",
]

cbrt = _floating(ops.cbrt, "Cube root, of negative numbers too.")
exp2 = _floating(ops.exp2, "Power of two, 2 ** x.")
logaddexp2 = _binary(ops.logaddexp2, "log2(2**x + 2**y) without overflow.", promote_inexact)


@widened
def i0(x: Any, /) -> Array:
    """The modified Bessel function of the first kind of order 0; its derivative is that of order 1.

    Args:
        x: a real array or number. Integers are taken as the default float.

    >>> from funcgrad import numpy as fnp
    >>> fnp.i0(fnp.asarray([0.0, 1.0]))
    Array([1.       , 1.2660658], dtype=float32)
    """
    return special.i0(_real("i0", x))


def _real(name: str, x: Any) -> Array:
    """The operand as a floating array; a complex one is an error."""
    x = to_inexact(x)
    if is_complex(x.dtype):
        raise DtypeError(f"{name}: {x.aval} is complex; take the real and the imaginary part by themselves")
    return x


def _reals(name: str, x: Any, y: Any) -> tuple[Array, Array]:
    """Two operands as floating arrays of one dtype."""
    x, y = promote_inexact(x, y)
    dtype = (x if isinstance(x, Array) else y).dtype
    return _real(name, asarray(x, dtype)), _real(name, asarray(y, dtype))


def float_power(x: Any, y: Any, /) -> Array:
    """Power x ** y of floats: integers are taken as the default float, so that 2 ** -1 is a half.

    Args:
        x, y: arrays or numbers whose shapes broadcast.

    >>> from funcgrad import numpy as fnp
    >>> fnp.float_power(fnp.asarray([2, 4]), -1)
    Array([0.5 , 0.25], dtype=float32)
    """
    return power(*promote_inexact(x, y))


def fabs(x: Any, /) -> Array:
    """Absolute value as a float; the derivative at 0 is 0.

    Args:
        x: a real array or number. Integers are taken as the default float.

    Raises:
        DtypeError: x is complex.

    >>> from funcgrad import numpy as fnp
    >>> fnp.fabs(-2)
    Array(2., dtype=float32)
    """
    return abs(_real("fabs", x))


def fmax(x: Any, y: Any, /) -> Array:
    """The larger of x and y; where one is NaN the other. At a tie each gets half the derivative.

    Args:
        x, y: arrays or numbers whose shapes broadcast.

    >>> from funcgrad import numpy as fnp
    >>> fnp.fmax(fnp.asarray([1.0, fnp.nan]), 0.5)
    Array([1. , 0.5], dtype=float32)
    """
    return maximum(*_numbers_first(x, y))


def fmin(x: Any, y: Any, /) -> Array:
    """The smaller of x and y; where one is NaN the other. At a tie each gets half the derivative.

    Args:
        x, y: arrays or numbers whose shapes broadcast.

    >>> from funcgrad import numpy as fnp
    >>> fnp.fmin(fnp.asarray([1.0, fnp.nan]), 0.5)
    Array([0.5, 0.5], dtype=float32)
    """
    return minimum(*_numbers_first(x, y))


def _numbers_first(x: Any, y: Any) -> tuple[Any, Any]:
    """Each operand, but the other one in its place where it is NaN."""
    x, y = promote(x, y)
    if not is_inexact((x if isinstance(x, Array) else y).dtype):
        return x, y
    return where(isnan(x), y, x), where(isnan(y), x, y)


def fmod(x: Any, y: Any, /) -> Array:
    """Remainder of division towards zero, with the sign of x: x - y * trunc(x / y).

    Args:
        x, y: real arrays or numbers whose shapes broadcast; booleans are counted as int8.

    >>> from funcgrad import numpy as fnp
    >>> fnp.fmod(fnp.asarray([-3.0, 3.0]), 2), fnp.remainder(fnp.asarray([-3.0, 3.0]), 2)
    (Array([-1.,  1.], dtype=float32), Array([1., 1.], dtype=float32))
    """
    x, y = promote(x, y)
    dtype = (x if isinstance(x, Array) else y).dtype
    if is_complex(dtype):
        raise DtypeError(f"fmod: complex numbers ({dtype}) have no remainder")
    if is_boolean(dtype):
        x, y = asarray(x, "int8"), asarray(y, "int8")
    return ops.fmod(x, y)


def heaviside(x: Any, h: Any, /) -> Array:
    """The unit step: 0 for x < 0, h for x = 0, 1 for x > 0, NaN for NaN.

    Args:
        x, h: real arrays or numbers whose shapes broadcast.

    Returns:
        An array of the broadcast shape. Its derivative in x is 0, in h 1 where x = 0.

    >>> from funcgrad import numpy as fnp
    >>> fnp.heaviside(fnp.asarray([-1.0, 0.0, 2.0]), 0.5)
    Array([0. , 0.5, 1. ], dtype=float32)
    """
    x, h = _reals("heaviside", x, h)
    x = basic.stop_gradient(x)
    step = where(x < 0, 0, where(x == 0, h, 1))  # type: ignore[operator]
    return where(isnan(x), x, step)


def ldexp(x: Any, n: Any, /) -> Array:
    """x * 2**n, exact unless it overflows or underflows.

    Args:
        x: a real array or number.
        n: integers whose shape broadcasts with x's.

    Raises:
        DtypeError: n holds no integers.

    >>> from funcgrad import numpy as fnp
    >>> fnp.ldexp(5.0, fnp.asarray([-1, 2]))
    Array([ 2.5, 20. ], dtype=float32)
    """
    x, n = _real("ldexp", x), asarray(n)
    if is_inexact(n.dtype):
        raise DtypeError(f"ldexp: the exponent must be integers, not {n.aval}; exp2 takes others")
    return ops.ldexp(x, basic.astype(n, "int64"))


def frexp(x: Any, /) -> tuple[Array, Array]:
    """Mantissa and exponent: x = m * 2**n with |m| at least a half and below 1.

    Args:
        x: a real array or number.

    Returns:
        m, floating, and n, int32; of zero, infinity and NaN m is the number itself. The derivative of m is 2**-n.

    >>> from funcgrad import numpy as fnp
    >>> fnp.frexp(fnp.asarray([6.0, -0.25]))
    (Array([ 0.75, -0.5 ], dtype=float32), Array([ 3, -1], dtype=int32))
    """
    x = _real("frexp", x)
    exponent = ops.frexp_exponent(x)
    return ops.ldexp(x, -basic.astype(exponent, "int64")), exponent


def modf(x: Any, /) -> tuple[Array, Array]:
    """Fraction and whole part, both with the sign of x.

    Args:
        x: a real array or number.

    Returns:
        x - trunc(x) and trunc(x); of an infinity 0 and the infinity.

    >>> from funcgrad import numpy as fnp
    >>> fnp.modf(fnp.asarray([2.5, -0.25]))
    (Array([ 0.5 , -0.25], dtype=float32), Array([ 2., -0.], dtype=float32))
    """
    x = _real("modf", x)
    finite: Any = where(isinf(x), 0, x)
    whole = basic.trunc(finite)
    # of a negative whole number the fraction is -0.0, which no difference of two equal numbers is
    return where(signbit(x), -(whole - finite), finite - whole), basic.trunc(x)


def spacing(x: Any, /) -> Array:
    """The distance from x to the next float away from zero, with the sign of x.

    Args:
        x: a real array or number.

    >>> from funcgrad import numpy as fnp
    >>> fnp.spacing(fnp.asarray([1.0, -4.0])) * 2.0**23
    Array([ 1., -4.], dtype=float32)
    """
    x = basic.stop_gradient(_real("spacing", x))
    bits = finfo(x.dtype)
    least = int(bits.minexp) + 1
    # by the exponent n of |x| = m 2**n and the number of digits; numbers below the least normal one, 0 among them, are
    # as far apart as that one and the next
    normal = isfinite(x) & (x != 0)  # type: ignore[operator]
    exponent = where(normal, maximum(ops.frexp_exponent(where(normal, x, 1)), least), least)
    step = ldexp(ones_like(x), exponent - (int(bits.nmant) + 1))
    return where(isfinite(x), where(x < 0, -step, step), math.nan)  # type: ignore[operator]


def rint(x: Any, /) -> Array:
    """The nearest whole number as a float, halves to even; integers are taken as the default float."""
    return round(to_inexact(x))


@widened
def sinc(x: Any, /) -> Array:
    """sin(pi x) / (pi x), and 1 at 0; all derivatives are right at 0 as well.

    Args:
        x: an array or number.

    >>> import funcgrad as fg
    >>> fg.numpy.sinc(fg.asarray([0.0, 0.5]))
    Array([1.        , 0.63661975], dtype=float32)
    >>> f"{float(fg.grad(fg.grad(fg.numpy.sinc))(0.0)):.4f}"      # -pi**2 / 3
    '-3.2899'
    """
    y: Any = to_inexact(x) * math.pi
    near = abs(y) < 0.5  # type: ignore[operator]
    # near 0 by the series: the derivative of the quotient is a difference of nearly equal numbers there
    square, series = where(near, y * y, 0), 0.0
    for k in range(9, 0, -1):
        series = (series + 1) * square * (-1 / (2 * k * (2 * k + 1)))
    away = where(near, 1, y)
    return where(near, 1 + series, basic.sin(away) / away)


def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Array:
    """The array with numbers in place of NaN and infinities.

    Args:
        x: an array or number; of complex numbers the two parts are treated by themselves.
        copy: for NumPy's sake: an immutable array is never changed in place.
        nan: what stands for NaN.
        posinf, neginf: what stands for the infinities; the largest and the least number of the dtype where None.

    Returns:
        An array of the same shape and dtype. Where a number was put in, the derivative is 0.

    >>> from funcgrad import numpy as fnp
    >>> fnp.nan_to_num(fnp.asarray([fnp.nan, 1.0, -fnp.inf]), neginf=-9)
    Array([ 0.,  1., -9.], dtype=float32)
    """
    x = asarray(x)
    if not is_inexact(x.dtype):
        return x
    if is_complex(x.dtype):
        re, im = (nan_to_num(part, copy, nan, posinf, neginf) for part in (basic.real(x), basic.imag(x)))
        return basic.astype(re, x.dtype) + basic.astype(im, x.dtype) * 1j
    largest = float(finfo(x.dtype).max)
    x = where(isnan(x), asarray(nan, x.dtype, device=x.device), x)
    for infinity, instead in ((math.inf, posinf), (-math.inf, neginf)):
        if instead is None:
            instead = math.copysign(largest, infinity)
        x = where(x == infinity, asarray(instead, x.dtype, device=x.device), x)
    return x


def deg2rad(x: Any, /) -> Array:
    """Degrees as radians, x * pi / 180."""
    return _real("deg2rad", x) * (math.pi / 180)  # type: ignore[operator]


def rad2deg(x: Any, /) -> Array:
    """Radians as degrees, x * 180 / pi."""
    return _real("rad2deg", x) * (180 / math.pi)  # type: ignore[operator]


def angle(z: Any, deg: bool = False) -> Array:
    """The angle of a complex number from the positive real axis, in (-pi, pi].

    Args:
        z: an array or number; the angle of a real number is 0 or pi.
        deg: whether it is to be in degrees.

    >>> from funcgrad import numpy as fnp
    >>> fnp.angle(fnp.asarray([1j, -1.0]), deg=True)
    Array([ 90., 180.], dtype=float32)
    """
    z = to_inexact(z)
    found = atan2(imag(z), real(z))
    return rad2deg(found) if deg else found


radians, degrees, around = deg2rad, rad2deg, round
