"""Integrals of exponentials over powers.

    expn(n, x) = integral over t from 1 to infinity of exp(-x t) / t^n;    exp1 = expn(1, x);    expi(x) = -exp1(-x)
    exprel(u, n) = integral over t from 0 to 1 of t^n exp(u t);            exprel(u, 0) = (exp(u) - 1) / u

From x = 1 on, and for large n, expn is e^-x times the integral of exp(-(n - 1) v - x (e^v - 1)) over v = log(t), by
Gauss-Legendre quadrature up to where that is below a rounding. Below 1, exp1 is its power series, and the others follow
by n expn(n + 1, x) = e^-x - x expn(n, x). expi is its power series, and from 40 on the asymptotic one.

Source: NIST Digital Library of Mathematical Functions, 6.6.1, 6.12.2, 8.19.12.
"""

from __future__ import annotations

import math
from typing import Any

from .in_double import Raw, in_double
from .quadrature import RULE

_EULER = 0.5772156649015329
_FALL = 42.0


def _by_quadrature(xp: Any, n: Raw, x: Raw) -> Raw:
    """expn for x >= 1, or n > 8."""
    v = xp.minimum(xp.log1p(_FALL / x), _FALL / (n - 1 + x))
    total = xp.zeros_like(x)
    for place, share in RULE:
        u = v * place
        total = total + share * xp.exp(-(n - 1) * u - x * xp.expm1(u))
    return xp.exp(-x) * v * total


def _power_series(xp: Any, x: Raw, terms: int) -> Raw:
    """The sum over k >= 1 of x^k / (k k!)."""
    total, power = xp.zeros_like(x), xp.ones_like(x)
    for k in range(1, terms):
        power = power * (x / k)
        total = total + power / k
    return total


_MOST = 8
"""Up to this n the small arguments go by recurrence."""


def _of_no_power(xp: Any, n: Raw, x: Raw, other: Raw) -> Raw:
    """expn where n is 0, -1, ..., as derivatives of exp1 need it: all terms of the recurrence are positive there."""
    lowest = int(xp.min(n)) if math.prod(n.shape) and bool(xp.any(n <= 0)) else 1
    falling = xp.exp(-x)
    level, out = falling / x, other
    for k in range(1 - lowest):
        level = (falling + k * level) / x if k else level
        out = xp.where(n == -k, level, out)
    return out


def _expn(xp: Any, n: Raw, x: Raw) -> Raw:
    ones = xp.ones_like(x)
    inside = x >= 0
    small = inside & (x < 1) & (n >= 1) & (n <= _MOST)
    c = xp.where(small & (x > 0), x, ones)
    level = -_EULER - xp.log(c) - _power_series(xp, -c, 22)
    near, falling = level, xp.exp(-c)
    for k in range(1, _MOST):
        level = (falling - c * level) / k
        near = xp.where(n == k + 1, level, near)
    large = inside & ~small & (n >= 1)
    far = _by_quadrature(xp, xp.where(large, n, ones), xp.where(large, x, ones))
    out = xp.where(small, near, far)
    out = _of_no_power(xp, n, x, out)
    at_zero = xp.where(n > 1, 1 / xp.where(n > 1, n - 1, ones), math.inf * ones)
    out = xp.where(x == 0, at_zero, xp.where(xp.isinf(x), 0 * ones, out))
    return xp.where(inside, out, math.nan * ones)


def _expi(xp: Any, x: Raw) -> Raw:
    ones = xp.ones_like(x)
    c = xp.clip(x, 5e-324, 40.0)
    near = _EULER + xp.log(c) + _power_series(xp, c, 120)
    w = xp.clip(x, 40.0, 1e3)
    total, term = xp.ones_like(w), xp.ones_like(w)
    for k in range(1, 38):
        term = term * (k / w)
        total = total + term
    half = xp.exp(0.5 * w)
    far = half * (total / w) * half
    negative = -_expn(xp, ones, xp.where(x < 0, -x, ones))
    out = xp.where(x < 0, negative, xp.where(x < 40, near, far))
    return xp.where(x == 0, -math.inf * ones, xp.where(xp.isnan(x), x, out))


def _exprel(xp: Any, u: Raw, order: int) -> Raw:
    near = xp.abs(u) < 2
    c = xp.where(near, u, xp.zeros_like(u))
    total, term = xp.zeros_like(u), xp.ones_like(u)  # the series of e^(u t), term by term
    for k in range(26):
        total = total + term / (order + k + 1)
        term = term * (c / (k + 1))
    w = xp.where(near, 2 * xp.ones_like(u), u)
    out = xp.expm1(w) / w
    for n in range(1, order + 1):
        out = xp.where(xp.isinf(w), xp.exp(w), (xp.exp(w) - n * out) / w)
    out = xp.where(xp.isinf(xp.exp(w)), math.inf * xp.ones_like(u), out)
    return xp.where(near, total, out)


expn = in_double(_expn)
expi = in_double(_expi)
exp1 = in_double(lambda xp, x: _expn(xp, xp.ones_like(x), x))
exprel = in_double(lambda xp, u, *, order=0: _exprel(xp, u, order))
