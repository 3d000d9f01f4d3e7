"""Modified Bessel functions, and integrals of exponentials, sines and logarithms."""

from __future__ import annotations

from fractions import Fraction
from math import comb
from typing import Any

from ...core import Array
from ...dtypes import canonical
from ...errors import OptionError
from ...numpy.creation import asarray
from ...ops import special as ops
from ...ops.elementwise import stop_gradient
from ...ops.precision import widened
from .operands import real, reals

__all__ = ["bernoulli", "exp1", "expi", "expn", "exprel", "i0", "i0e", "i1", "i1e", "sici", "spence"]


@widened
def i0(x: Any) -> Array:
    """The modified Bessel function of the first kind, of order 0; its derivative is `i1`.

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.scipy.special as special
    >>> special.i0([0.0, 1.0])
    Array([1.       , 1.2660658], dtype=float32)
    """
    return ops.i0(real("i0", x))


@widened
def i1(x: Any) -> Array:
    """The modified Bessel function of the first kind, of order 1.

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.scipy.special as special
    >>> special.i1([0.0, 1.0])
    Array([0.       , 0.5651591], dtype=float32)
    """
    return ops.i1(real("i1", x))


@widened
def i0e(x: Any) -> Array:
    """exp(-|x|) i0(x), which does not overflow.

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.scipy.special as special
    >>> special.i0e([0.0, 1000.0])
    Array([1.        , 0.01261724], dtype=float32)
    """
    return ops.i0e(real("i0e", x))


@widened
def i1e(x: Any) -> Array:
    """exp(-|x|) i1(x), which does not overflow.

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.scipy.special as special
    >>> special.i1e([0.0, 1000.0])
    Array([0.        , 0.01261093], dtype=float32)
    """
    return ops.i1e(real("i1e", x))


@widened
def exp1(x: Any) -> Array:
    """The exponential integral, over t from 1 to infinity, of exp(-x t) / t.

    Args:
        x: real numbers, not negative, of any shape; of others NaN.

    >>> import funcgrad.scipy.special as special
    >>> special.exp1([0.5, 1.0])
    Array([0.5597736 , 0.21938394], dtype=float32)
    """
    return ops.exp1(real("exp1", x))


@widened
def expi(x: Any) -> Array:
    """The exponential integral, over t from -infinity to x, of exp(t) / t (its principal value).

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.scipy.special as special
    >>> special.expi([-1.0, 1.0])
    Array([-0.21938394,  1.8951178 ], dtype=float32)
    """
    return ops.expi(real("expi", x))


@widened
def expn(n: Any, x: Any) -> Array:
    """The integral over t from 1 to infinity of exp(-x t) / t^n.

    Args:
        n: whole numbers, not negative; constants to a derivative.
        x: real numbers, not negative; the shapes broadcast.

    >>> import funcgrad.scipy.special as special
    >>> special.expn([1, 2], 1.0)
    Array([0.21938394, 0.14849551], dtype=float32)
    """
    n, x = reals("expn", n, x)
    return ops.expn(stop_gradient(n), x)


@widened
def exprel(x: Any) -> Array:
    """(exp(x) - 1) / x, and 1 at 0, without cancellation; nor is there any in its derivatives.

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.scipy.special as special
    >>> special.exprel([0.0, 1.0])
    Array([1.       , 1.7182819], dtype=float32)
    """
    return ops.exprel(real("exprel", x), order=0)


@widened
def sici(x: Any) -> tuple[Array, Array]:
    """The integrals over t from 0 to x of sin(t) / t, and of (cos(t) - 1) / t with Euler's constant and log(|x|).

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    Returns:
        Two arrays of that shape, Si and Ci.

    >>> import funcgrad.scipy.special as special
    >>> special.sici(1.0)
    (Array(0.94608307, dtype=float32), Array(0.33740392, dtype=float32))
    """
    x = real("sici", x)
    return ops.sine_integral(x), ops.cosine_integral(x)


@widened
def spence(z: Any) -> Array:
    """The dilogarithm as minus the integral over t from 1 to z of log(t) / (t - 1).

    Args:
        z: real numbers, not negative, of any shape; of others NaN.

    >>> import funcgrad.scipy.special as special
    >>> special.spence([0.0, 1.0, 2.0])
    Array([ 1.644934, -0.      , -0.822467], dtype=float32)
    """
    return ops.spence(real("spence", z))


@widened
def bernoulli(n: int) -> Array:
    """Bernoulli's numbers B_0, ..., B_n, with B_1 = -1/2; B_m = -sum over k < m of binomial(m + 1, k) B_k / (m + 1).

    Args:
        n: which is the last.

    Returns:
        n + 1 numbers of the default float dtype.

    >>> import funcgrad.scipy.special as special
    >>> special.bernoulli(4)
    Array([ 1.        , -0.5       ,  0.16666667,  0.        , -0.03333334], dtype=float32)
    """
    if not isinstance(n, int) or n < 0:
        raise OptionError(f"bernoulli: n must be an int that is not negative, not {n!r}")
    found = [Fraction(1)]
    for m in range(1, n + 1):
        total = Fraction(0) if m > 1 and m % 2 else -sum((comb(m + 1, k) * found[k] for k in range(m)), Fraction(0))
        found.append(total / (m + 1))
    return asarray([float(b) for b in found], canonical(float))
