"""The gamma function and its family."""

from __future__ import annotations

import math
import operator
from typing import Any

from ...core import Array
from ...errors import OptionError
from ...ops import special as ops
from ...ops.elementwise import astype, equal, exp, floor, isfinite, isnan, remainder, signbit, sin, stop_gradient, where
from ...ops.precision import widened
from .operands import real, reals

__all__ = [
    "digamma",
    "factorial",
    "gamma",
    "gammainc",
    "gammaincc",
    "gammaln",
    "gammasgn",
    "loggamma",
    "multigammaln",
    "poch",
    "polygamma",
    "psi",
    "rgamma",
    "zeta",
]


@widened
def gamma(z: Any) -> Array:
    """The gamma function, integral over t from 0 to infinity of t^(z-1) e^-t; (n - 1)! at a whole number n.

    Args:
        z: real numbers of any shape; integers are taken as the default float.

    Returns:
        An array of that shape; infinite at 0, NaN at negative integers.

    >>> import funcgrad.scipy.special as special
    >>> special.gamma([0.5, 1.0, 5.0])
    Array([ 1.7724539,  1.       , 24.       ], dtype=float32)
    """
    return ops.gamma(real("gamma", z))


@widened
def gammaln(x: Any) -> Array:
    """log |gamma(x)|, without overflow; its derivative is `digamma`.

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    Returns:
        An array of that shape; infinite at 0 and at negative integers.

    >>> import funcgrad.scipy.special as special
    >>> special.gammaln([0.5, 1.0, 100.0])
    Array([  0.5723649,   0.       , 359.13422  ], dtype=float32)
    """
    return ops.gammaln(real("gammaln", x))


@widened
def loggamma(z: Any) -> Array:
    """log(gamma(z)) of real numbers: `gammaln` of positive ones, NaN of negative ones.

    Args:
        z: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.scipy.special as special
    >>> special.loggamma([0.5, -0.5])
    Array([0.5723649,       nan], dtype=float32)
    """
    x = real("loggamma", z)
    negative: Any = x < 0
    return where(negative, math.nan, ops.gammaln(where(negative, 1, x)))


@widened
def gammasgn(x: Any) -> Array:
    """The sign of the gamma function: 1, -1, and NaN at negative integers.

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.scipy.special as special
    >>> special.gammasgn([0.5, -0.5, -1.5])
    Array([ 1., -1.,  1.], dtype=float32)
    """
    x = real("gammasgn", x)
    finite: Any = where(isfinite(x), x, -1)
    below: Any = floor(finite)
    signs: Any = 1 - 2 * remainder(below, 2)
    at_negative = where(equal(below, finite), math.nan, signs)
    at_zero = 1 - 2 * astype(signbit(x), x.dtype)
    out = where(equal(x, 0), at_zero, where(signbit(x), at_negative, 1 + 0 * finite))
    return where(isnan(x), math.nan, out)


@widened
def rgamma(z: Any) -> Array:
    """1 / gamma(z), which is 0 at 0 and at negative integers.

    Args:
        z: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.scipy.special as special
    >>> special.rgamma([-1.0, 4.0])
    Array([0.        , 0.16666667], dtype=float32)
    """
    x = real("rgamma", z)
    pole: Any = (x <= 0) & (floor(x) == x)
    return where(pole, 0, 1 / ops.gamma(where(pole, 1, x)))


@widened
def digamma(z: Any) -> Array:
    """The derivative of log(gamma(z)).

    Args:
        z: real numbers of any shape; integers are taken as the default float.

    Returns:
        An array of that shape; an infinity at 0, NaN at negative integers.

    >>> import funcgrad.scipy.special as special
    >>> special.digamma([1.0, 10.0])
    Array([-0.5772157,  2.2517526], dtype=float32)
    """
    return ops.digamma(real("digamma", z))


@widened
def polygamma(n: Any, x: Any) -> Array:
    """The n-th derivative of `digamma`: (-1)^(n+1) n! zeta(n + 1, x) for n > 0.

    Args:
        n: whole numbers, not negative; constants to a derivative.
        x: real numbers; the shapes broadcast.

    >>> import funcgrad.scipy.special as special
    >>> special.polygamma(1, [1.0, 2.0])
    Array([1.644934  , 0.64493406], dtype=float32)
    """
    if isinstance(n, int) and n == 0:
        return digamma(x)
    order, x = reals("polygamma", n, x)
    order = stop_gradient(order)
    first: Any = equal(order, 0)
    safe = where(first, 1, order)
    sign = 2 * remainder(safe, 2) - 1
    higher = sign * ops.gamma(safe + 1) * ops.zeta(safe + 1, x)
    return higher if isinstance(n, int) else where(first, ops.digamma(x), higher)


@widened
def zeta(x: Any, q: Any = None) -> Array:
    """The zeta function, sum over k >= 0 of (q + k)^-x.

    Args:
        x: real numbers, above 1 where q is given.
        q: real numbers (Hurwitz's zeta function), negative ones for whole x only; 1 (Riemann's) where not given.

    Returns:
        An array of the broadcast shape. Infinite at x = 1 and where q is 0 or a negative integer; NaN for x < 1,
        but for Riemann's, which is continued there.

    >>> import funcgrad.scipy.special as special
    >>> special.zeta([2.0, 4.0], 1)
    Array([1.644934 , 1.0823232], dtype=float32)
    >>> special.zeta(-1.0)
    Array(-0.08333334, dtype=float32)
    """
    if q is not None:
        x, q = reals("zeta", x, q)
        return ops.zeta(x, q)
    x = real("zeta", x)
    one = x**0  # of infinity, too
    # below 1/2 by the functional equation; between, where the sum does not converge, by the alternating one
    low: Any = x < 0
    between: Any = (x >= 0) & (x < 1)
    mirrored = where(low, 1 - x, 2)
    factor = 2 * exp(-mirrored * math.log(2 * math.pi)) * sin(where(low, x, 0) * (math.pi / 2))
    below = factor * ops.gamma(mirrored) * ops.zeta(mirrored, one)
    above = ops.zeta(where(low | between, 2, x), one)
    return where(low, below, where(between, _zeta_between(where(between, x, 0)), above))


def _zeta_between(s: Any) -> Any:
    """zeta(s) for 0 <= s < 1: the alternating sum of k^-s, divided by 1 - 2^(1-s).

    Source: H. Cohen, F. Rodriguez Villegas and D. Zagier, Convergence acceleration of alternating series, 2000.
    """
    n = 24
    d = (3 + math.sqrt(8)) ** n
    d = (d + 1 / d) / 2
    b, c = -1.0, -d
    total: Any = 0
    for k in range(n):
        c = b - c
        total = total + (c / d) * exp(-s * math.log(k + 1))
        b *= (k + n) * (k - n) / ((k + 0.5) * (k + 1))
    return total / (1 - 2 * exp(-s * math.log(2)))


@widened
def multigammaln(a: Any, d: int) -> Array:
    """The logarithm of the multivariate gamma function of d dimensions.

        d (d - 1) / 4 log(pi) + sum over j = 0, ..., d - 1 of gammaln(a - j / 2)

    Args:
        a: real numbers above (d - 1) / 2, of any shape.
        d: how many dimensions.

    >>> import funcgrad.scipy.special as special
    >>> special.multigammaln(3.0, 2)
    Array(1.550195, dtype=float32)
    """
    count = operator.index(d)
    if count < 1:
        raise OptionError(f"multigammaln: d must be positive, not {d}")
    x: Any = real("multigammaln", a)
    total = ops.gammaln(x)
    for j in range(1, count):
        total = total + ops.gammaln(x - j / 2)
    return total + count * (count - 1) / 4 * math.log(math.pi)


@widened
def gammainc(a: Any, x: Any) -> Array:
    """The regularised lower incomplete gamma function.

        P(a, x) = 1 / gamma(a) * integral over t from 0 to x of t^(a-1) e^-t

    Args:
        a, x: real numbers, not negative; the shapes broadcast. It is differentiable in both, to any order.

    >>> import funcgrad.scipy.special as special
    >>> special.gammainc(2.0, [0.0, 1.0, 10.0])
    Array([0.        , 0.26424113, 0.9995006 ], dtype=float32)
    """
    a, x = reals("gammainc", a, x)
    return ops.gammainc(a, x, order=0)


@widened
def gammaincc(a: Any, x: Any) -> Array:
    """The regularised upper incomplete gamma function, 1 - gammainc(a, x), exact where it is small.

    Args:
        a, x: as for `gammainc`.

    >>> import funcgrad.scipy.special as special
    >>> special.gammaincc(2.0, [0.0, 1.0, 10.0])
    Array([1.000000e+00, 7.357589e-01, 4.993992e-04], dtype=float32)
    """
    a, x = reals("gammaincc", a, x)
    return ops.gammaincc(a, x, order=0)


@widened
def poch(z: Any, m: Any) -> Array:
    """Pochhammer's symbol, gamma(z + m) / gamma(z): z (z + 1) ... (z + m - 1) for whole m.

    Args:
        z, m: real numbers; the shapes broadcast.

    >>> import funcgrad.scipy.special as special
    >>> special.poch(3.0, [0.0, 1.0, 2.0]).round(4)
    Array([ 1.,  3., 12.], dtype=float32)
    """
    z, m = reals("poch", z, m)
    signs = gammasgn(z + m) * gammasgn(z)
    return signs * exp(ops.gammaln(z + m) - ops.gammaln(z))


@widened
def factorial(n: Any, exact: bool = False) -> Array:
    """n! = gamma(n + 1); 0 for negative n.

    Args:
        n: numbers of any shape, taken as floats.
        exact: whether to compute in whole numbers, which arrays do not: only False.

    >>> import funcgrad.scipy.special as special
    >>> special.factorial([0, 3, 5])
    Array([  1.,   6., 120.], dtype=float32)
    """
    if exact:
        raise OptionError("factorial: arrays hold no whole numbers of any size; use math.factorial, or exact=False")
    x = real("factorial", n)
    negative: Any = x < 0
    return where(negative, 0, ops.gamma(where(negative, 1, x) + 1))


psi = digamma
