"""The error function, the normal distribution, and their relatives."""

from __future__ import annotations

import math
from typing import Any

from ...core import Array
from ...ops import special as ops
from ...ops.elementwise import erf as _erf
from ...ops.elementwise import erfc as _erfc
from ...ops.elementwise import erfinv as _erfinv
from ...ops.precision import widened
from .operands import real, reals

__all__ = ["dawsn", "erf", "erfc", "erfcinv", "erfcx", "erfinv", "fresnel", "log_ndtr", "ndtr", "ndtri", "owens_t"]


@widened
def erf(x: Any) -> Array:
    """The error function, 2 / sqrt(pi) times the integral over t from 0 to x of exp(-t^2).

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.scipy.special as special
    >>> special.erf([0.0, 1.0])
    Array([0.        , 0.84270084], dtype=float32)
    """
    return _erf(real("erf", x))


@widened
def erfc(x: Any) -> Array:
    """1 - erf(x), exact where it is small.

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.scipy.special as special
    >>> special.erfc([0.0, 5.0])
    Array([1.0000000e+00, 1.5374598e-12], dtype=float32)
    """
    return _erfc(real("erfc", x))


@widened
def erfcx(x: Any) -> Array:
    """exp(x^2) erfc(x), which does not underflow.

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.scipy.special as special
    >>> special.erfcx([0.0, 100.0])
    Array([1.        , 0.00564161], dtype=float32)
    """
    return ops.erfcx(real("erfcx", x))


@widened
def erfinv(y: Any) -> Array:
    """The x with erf(x) = y.

    Args:
        y: real numbers between -1 and 1, of any shape; of others NaN.

    >>> import funcgrad.scipy.special as special
    >>> special.erfinv([0.0, 0.5, 1.0])
    Array([0.        , 0.47693628,        inf], dtype=float32)
    """
    return _erfinv(real("erfinv", y))


@widened
def erfcinv(y: Any) -> Array:
    """The x with erfc(x) = y, exact for small y.

    Args:
        y: real numbers between 0 and 2, of any shape; of others NaN.

    >>> import funcgrad.scipy.special as special
    >>> special.erfcinv([1e-20, 0.5])
    Array([6.6015806 , 0.47693625], dtype=float32)
    """
    return ops.ndtri(real("erfcinv", y) * 0.5) * -math.sqrt(0.5)


@widened
def ndtr(x: Any) -> Array:
    """The probability that a standard normal number is below x: erfc(-x / sqrt(2)) / 2.

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.scipy.special as special
    >>> special.ndtr([-10.0, 0.0, 1.0])
    Array([7.619853e-24, 5.000000e-01, 8.413448e-01], dtype=float32)
    """
    return ops.ndtr(real("ndtr", x))


@widened
def log_ndtr(x: Any) -> Array:
    """log(ndtr(x)), where ndtr itself underflows too, as do its derivatives.

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.scipy.special as special
    >>> special.log_ndtr([-100.0, 0.0])
    Array([-5.0055244e+03, -6.9314718e-01], dtype=float32)
    """
    return ops.log_ndtr(real("log_ndtr", x))


@widened
def ndtri(p: Any) -> Array:
    """The x with ndtr(x) = p: the quantiles of the normal distribution.

    Args:
        p: probabilities, of any shape; of other numbers NaN.

    >>> import funcgrad.scipy.special as special
    >>> special.ndtri([0.0, 1e-30, 0.5, 0.975])
    Array([       -inf, -11.464025 ,   0.       ,   1.9599644], dtype=float32)
    """
    return ops.ndtri(real("ndtri", p))


@widened
def owens_t(h: Any, a: Any) -> Array:
    """Owen's T: the probability that X > h and 0 < Y < a X for independent standard normal X and Y.

    Args:
        h, a: real numbers; the shapes broadcast.

    >>> import funcgrad.scipy.special as special
    >>> special.owens_t([0.0, 1.0], 1.0)
    Array([0.125     , 0.06674188], dtype=float32)
    """
    h, a = reals("owens_t", h, a)
    return ops.owens_t(h, a)


@widened
def dawsn(x: Any) -> Array:
    """Dawson's integral, exp(-x^2) times the integral over t from 0 to x of exp(t^2).

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.scipy.special as special
    >>> special.dawsn([0.0, 1.0])
    Array([0.       , 0.5380795], dtype=float32)
    """
    return ops.dawsn(real("dawsn", x))


@widened
def fresnel(x: Any) -> tuple[Array, Array]:
    """Fresnel's integrals, over t from 0 to x, of sin(pi t^2 / 2) and of cos(pi t^2 / 2).

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    Returns:
        Two arrays of that shape, S and C.

    >>> import funcgrad.scipy.special as special
    >>> S, C = special.fresnel(1.0)
    >>> S, C
    (Array(0.43825915, dtype=float32), Array(0.7798934, dtype=float32))
    """
    x = real("fresnel", x)
    return ops.fresnel_sine(x), ops.fresnel_cosine(x)
