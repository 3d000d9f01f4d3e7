"""The beta function and its family."""

from __future__ import annotations

from typing import Any

from ...core import Array
from ...errors import OptionError
from ...ops import special as ops
from ...ops.elementwise import exp, isnan, log, where
from ...ops.precision import widened
from .gamma_functions import gammasgn
from .operands import reals

__all__ = ["beta", "betainc", "betaincc", "betaln", "comb"]


@widened
def beta(a: Any, b: Any) -> Array:
    """The beta function, gamma(a) gamma(b) / gamma(a + b).

    Args:
        a, b: real numbers; the shapes broadcast.

    >>> import funcgrad.scipy.special as special
    >>> special.beta(2.0, [1.0, 3.0])
    Array([0.5       , 0.08333334], dtype=float32)
    """
    a, b = reals("beta", a, b)
    return gammasgn(a) * gammasgn(b) * gammasgn(a + b) * exp(ops.betaln(a, b))


@widened
def betaln(a: Any, b: Any) -> Array:
    """log |beta(a, b)|, without overflow, and without cancellation of large a and b.

    Args:
        a, b: real numbers; the shapes broadcast.

    >>> import funcgrad.scipy.special as special
    >>> special.betaln(2.0, [1.0, 3.0])
    Array([-0.6931472, -2.4849067], dtype=float32)
    """
    a, b = reals("betaln", a, b)
    return ops.betaln(a, b)


@widened
def betainc(a: Any, b: Any, x: Any) -> Array:
    """The regularised incomplete beta function.

        I(a, b, x) = 1 / beta(a, b) * integral over t from 0 to x of t^(a-1) (1 - t)^(b-1)

    Args:
        a, b: real numbers, not negative.
        x: real numbers between 0 and 1; the shapes broadcast. It is differentiable in all three, to any order.

    >>> import funcgrad.scipy.special as special
    >>> special.betainc(2.0, 3.0, [0.0, 0.5, 1.0])
    Array([0.    , 0.6875, 1.    ], dtype=float32)
    """
    a, b, x = reals("betainc", a, b, x)
    return ops.betainc(a, b, x, orders=(0, 0))


@widened
def betaincc(a: Any, b: Any, x: Any) -> Array:
    """1 - betainc(a, b, x), as betainc(b, a, 1 - x).

    Args:
        a, b, x: as for `betainc`.

    >>> import funcgrad.scipy.special as special
    >>> special.betaincc(2.0, 3.0, [0.0, 0.5, 1.0])
    Array([1.    , 0.3125, 0.    ], dtype=float32)
    """
    a, b, x = reals("betaincc", a, b, x)
    return ops.betainc(b, a, 1 - x, orders=(0, 0))


@widened
def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> Array:
    """In how many ways k of N things can be chosen: gamma(N + 1) / (gamma(k + 1) gamma(N - k + 1)).

    Args:
        N, k: numbers, taken as floats; the shapes broadcast. 0 where k > N, or one of them is negative.
        exact: whether to compute in whole numbers, which arrays do not: only False.
        repetition: whether a thing may be chosen more than once.

    >>> import funcgrad.scipy.special as special
    >>> special.comb(5, [1, 2]).round(4)
    Array([ 5., 10.], dtype=float32)
    """
    if exact:
        raise OptionError("comb: arrays hold no whole numbers of any size; use math.comb, or exact=False")
    n, m = reals("comb", N, k)
    if repetition:
        n = where((n > 0) & (m > 0), n + m - 1, n)
    there: Any = (m <= n) & (n >= 0) & (m >= 0)
    top, low = where(there, n, 1), where(there, m, 0)
    ways = exp(-ops.betaln(top - low + 1, low + 1) - log(top + 1))
    return where(there, ways, where(isnan(n + m), n + m, 0))
