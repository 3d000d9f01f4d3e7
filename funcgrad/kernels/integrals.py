"""Sine, cosine, Fresnel's and Dawson's integrals, and the dilogarithm, for real arguments.

    Si(x) = integral from 0 to x of sin(t) / t;    Ci(x) = gamma + log(x) + integral from 0 to x of (cos(t) - 1) / t
    S(x) = integral from 0 to x of sin(pi t^2 / 2);    C(x) = the same of cos
    dawsn(x) = exp(-x^2) times the integral from 0 to x of exp(t^2)
    spence(x) = -integral from 1 to x of log(t) / (t - 1)

The integrals are computed as they stand where they do not oscillate much; else by the auxiliary functions f and g,
which do not at all, being integrals of exponentials:

    f(x) + i g(x) = integral over t from 0 to infinity of e^(-x t) (1 + i t) / (1 + t^2)
    Si(x) = pi / 2 - f cos(x) - g sin(x),    Ci(x) = f sin(x) - g cos(x)
    S(x) = 1/2 - f cos(u) - g sin(u),    C(x) = 1/2 + f sin(u) - g cos(u),    u = pi x^2 / 2

spence is a series in log(x) for x in [1/2, 2], and elsewhere by its functional equations.

Sources: NIST Digital Library of Mathematical Functions, 6.2, 6.7, 7.2, 7.7.10, 7.7.11; D. Zagier, The dilogarithm
function, 2007.
"""

from __future__ import annotations

import math
from typing import Any

from .gamma_function import EULER_MACLAURIN
from .in_double import Raw, in_double
from .quadrature import RULE

_EULER = 0.5772156649015329
_FALL = 42.0
_TURN = 8.0
"""From here on Si and Ci are by auxiliary functions, and from 2 on Fresnel's."""


def _auxiliary(xp: Any, x: Raw) -> tuple[Raw, Raw]:
    """f and g of the sine integral."""
    end = _FALL / x
    f, g = xp.zeros_like(x), xp.zeros_like(x)
    for place, share in RULE:
        t = end * place
        part = share * xp.exp(-x * t) / (1 + t * t)
        f = f + part
        g = g + t * part
    return end * f, end * g


def _sine_integral(xp: Any, x: Raw) -> Raw:
    size = xp.abs(x)
    c = xp.clip(x, -_TURN, _TURN)
    near = xp.zeros_like(x)
    for place, share in RULE:
        near = near + (share / place) * xp.sin(c * place)
    w = xp.clip(size, _TURN, 1e300)
    f, g = _auxiliary(xp, w)
    far = math.pi / 2 - f * xp.cos(w) - g * xp.sin(w)
    out = xp.where(size < _TURN, near, xp.where(x < 0, -far, far))
    return xp.where(xp.isnan(x), x, out)


def _cosine_integral(xp: Any, x: Raw) -> Raw:
    size = xp.abs(x)
    c = xp.clip(size, 0.0, _TURN)
    total = xp.zeros_like(x)
    for place, share in RULE:
        sine = xp.sin(c * (place / 2))
        total = total + (share / place) * (sine * sine)
    near = _EULER + xp.log(c) - 2 * total
    w = xp.clip(size, _TURN, 1e300)
    f, g = _auxiliary(xp, w)
    far = f * xp.sin(w) - g * xp.cos(w)
    out = xp.where(size < _TURN, near, far)
    return xp.where(xp.isnan(x) | (x == -math.inf), xp.full_like(x, math.nan), out)


def _fresnel(xp: Any, x: Raw) -> tuple[Raw, Raw]:
    size = xp.abs(x)
    c = xp.clip(x, -2.0, 2.0)
    sine, cosine = xp.zeros_like(x), xp.zeros_like(x)
    for place, share in RULE:
        u = (math.pi / 2 * place * place) * (c * c)
        sine, cosine = sine + share * xp.sin(u), cosine + share * xp.cos(u)
    w = xp.clip(size, 2.0, 1e150)
    end = math.sqrt(2 * _FALL / math.pi) / w
    f, g = xp.zeros_like(x), xp.zeros_like(x)
    for place, share in RULE:
        t = end * place
        square = t * t
        part = share * math.exp(-_FALL * place * place) / (1 + square * square) * xp.ones_like(x)
        f, g = f + part, g + square * part
    f, g = (math.sqrt(2) / math.pi) * end * f, (math.sqrt(2) / math.pi) * end * g
    phase = w * w % 4 * (math.pi / 2)  # whole turns less, while the square is exact enough to know them
    far_sine = 0.5 - f * xp.cos(phase) - g * xp.sin(phase)
    far_cosine = 0.5 + f * xp.sin(phase) - g * xp.cos(phase)
    inside = size < 2
    return (
        xp.where(inside, c * sine, xp.where(x < 0, -far_sine, far_sine)),
        xp.where(inside, c * cosine, xp.where(x < 0, -far_cosine, far_cosine)),
    )


def _dawson(xp: Any, x: Raw) -> Raw:
    """x times the integral over s from 0 to 1 of exp(-x^2 s (2 - s)), up to where that is below a rounding."""
    square = xp.clip(x * x, 0.0, 1e300)
    rest = xp.clip(_FALL / xp.clip(square, _FALL, 1e300), 0.0, 1.0)
    end = rest / (1 + xp.sqrt(1 - rest))  # 1 - sqrt(1 - rest)
    total = xp.zeros_like(x)
    for place, share in RULE:
        s = end * place
        total = total + share * xp.exp(-square * s * (2 - s))
    far = xp.abs(x) > 1e8
    return xp.where(far, 0.5 / xp.where(far, x, xp.ones_like(x)), x * end * total)


def _spence_near(xp: Any, x: Raw) -> Raw:
    """spence of [1/2, 2]: the sum of Bernoulli's numbers B_n u^(n+1) / (n+1)!, u = -log(x)."""
    u = -xp.log(x)
    square = u * u
    total = xp.zeros_like(u)
    for k in range(len(EULER_MACLAURIN) - 1, -1, -1):
        total = total * square + EULER_MACLAURIN[k] / (2 * k + 3)
    return u - square / 4 + u * square * total


def _spence(xp: Any, x: Raw) -> Raw:
    ones = xp.ones_like(x)
    large = x > 2
    y = xp.where(large, 1 / xp.where(large, x, ones), x)
    low = y < 0.5
    inner = xp.where(low, 1 - y, y)
    near = _spence_near(xp, xp.where(inner >= 0.5, inner, ones))
    level = xp.log(xp.where(low, xp.clip(y, 0.0, 1.0), ones))
    product = xp.where(y == 0, 0 * ones, level * xp.log1p(xp.where(low, -y, 0 * ones)))
    out = xp.where(low, math.pi**2 / 6 - product - near, near)
    # log(x) of a large x is minus that of y
    out = xp.where(large, -0.5 * xp.log(xp.where(large, x, ones)) ** 2 - out, out)
    return xp.where(x >= 0, out, math.nan * ones)


sine_integral, cosine_integral = in_double(_sine_integral), in_double(_cosine_integral)
fresnel_sine = in_double(lambda xp, x: _fresnel(xp, x)[0])
fresnel_cosine = in_double(lambda xp, x: _fresnel(xp, x)[1])
dawsn, spence = in_double(_dawson), in_double(_spence)
