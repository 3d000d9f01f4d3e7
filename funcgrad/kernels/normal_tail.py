"""The normal distribution function with its logarithm and its inverse, and the scaled error function behind them.

    erfcx(x) = exp(x^2) erfc(x);    ndtr(x) = erfc(-x / sqrt(2)) / 2

Far out erfc is exp(-x^2) times a slow function, which `error_function` has a fit of; here the two are kept apart, so
that logarithms do not underflow. Beyond the fit is the asymptotic series. Squares are split before they are
exponentiated, as rounding x^2 would cost x^2 roundings.

The inverse is that of the error function; where that one's fit ends, Newton's method on log(ndtr), which is concave.
Largest errors found: 8 ulp.

Owen's T(h, a), the integral over t from 0 to a of exp(-h^2 (1 + t^2) / 2) / (2 pi (1 + t^2)), is computed as it stands
for |a| <= 1, and elsewhere by the one of a h and 1 / a.

Sources: NIST Digital Library of Mathematical Functions, 7.12.1; D. Owen, Tables for computing bivariate normal
probabilities, 1956.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .error_function import erfc, erfinv, fits_of
from .in_double import Raw, in_double, in_two, polynomial
from .quadrature import RULE

_FITS = fits_of(np.dtype(np.float64))
_ASYMPTOTIC = tuple((-1.0) ** n * math.prod(range(1, 2 * n, 2)) for n in range(8, -1, -1))
"""erfcx(x) = 1 / (sqrt(pi) x) * the sum over n of these times (2 x^2)^-n."""


def _exp_of_square(xp: Any, x: Raw, factor: float) -> Raw:
    """exp(factor x^2), by the part of x whose square is exact, and the rest."""
    scaled = x * _FITS.splitter
    high = scaled - (scaled - x)
    return xp.exp(factor * (high * high)) * xp.exp(factor * ((x - high) * (x + high)))


def _scaled_erfc(xp: Any, x: Raw) -> Raw:
    t = xp.clip(x, 1.0, _FITS.erfc_end)
    k = _FITS.erfc_middle
    middle = polynomial((t - k) / (t + k), _FITS.erfc_tail) / (1 + 2 * t)
    w = xp.where(x < _FITS.erfc_end, xp.full_like(x, _FITS.erfc_end), x)
    far = polynomial(0.5 / w / w, _ASYMPTOTIC) / w / math.sqrt(math.pi)
    c = xp.where(x < 1, x, xp.ones_like(x))
    near = _exp_of_square(xp, xp.clip(c, -1e3, 1.0), 1.0) * erfc(xp, c)
    return xp.where(x < 1, near, xp.where(x < _FITS.erfc_end, middle, far))


_ROOT_HALF = math.sqrt(0.5)


def _normal(xp: Any, x: Raw) -> Raw:
    z = -x * _ROOT_HALF
    tail = _exp_of_square(xp, xp.clip(x, -40.0, 0.0), -0.5) * (0.5 * _scaled_erfc(xp, xp.clip(z, 0.0, math.inf)))
    return xp.where(x < -1, tail, 0.5 * erfc(xp, z))


def _log_normal(xp: Any, x: Raw) -> Raw:
    z = -x * _ROOT_HALF
    tail = xp.log(0.5 * _scaled_erfc(xp, xp.clip(z, 0.5, math.inf))) - 0.5 * (x * x)
    return xp.where(x < -1, tail, xp.log1p(-_normal(xp, -x)))


def _quantile(xp: Any, p: Raw) -> Raw:
    upper = p > 0.5
    q = xp.where(upper, 1 - p, p)  # exact where it is taken

    def centre() -> Raw:
        return math.sqrt(2) * erfinv(xp, 2 * xp.clip(q, 0.0625, 0.5) - 1)

    def tail() -> Raw:
        """By the fit of erfinv's tail, in 1 - |y| = 2 q itself."""
        r = xp.sqrt(-xp.log(xp.clip(2 * q, _FITS.least_gap, 0.25)))
        numerator, denominator = _FITS.inverse_tail
        return -math.sqrt(2) * (r - polynomial(r, numerator) / polynomial(r, denominator))

    def beyond() -> Raw:
        """From the first terms of the expansion log(ndtr(x)) ~ -x^2 / 2 - log(-x) - log(2 pi) / 2."""
        level = xp.log(xp.clip(q, 5e-324, 1e-15))
        x = -xp.sqrt(-2 * level - xp.log(-4 * math.pi * level))
        for _ in range(3):
            scaled = _scaled_erfc(xp, -x * _ROOT_HALF)
            x = x - (xp.log(0.5 * scaled) - 0.5 * x * x - level) * scaled * math.sqrt(math.pi / 2)
        return x

    out = in_two(xp, q > 0.125, centre, lambda: in_two(xp, 2 * q > _FITS.least_gap, tail, beyond))
    out = xp.where(q == 0, xp.full_like(p, -math.inf), out)
    out = xp.where(upper, -out, out)
    return xp.where((p >= 0) & (p <= 1), out, xp.full_like(p, math.nan))


def _owen(xp: Any, h: Raw, a: Raw) -> Raw:
    """Owen's T for 0 <= a <= 1: the integral ends where its density is below a rounding."""
    end = xp.minimum(a, 9.2 / xp.clip(xp.abs(h), 1e-300, math.inf))
    total = xp.zeros_like(h)
    for place, share in RULE:
        t = end * place
        total = total + share * xp.exp(-0.5 * (h * h) * (t * t)) / (1 + t * t)
    return _exp_of_square(xp, xp.clip(h, -40.0, 40.0), -0.5) * end * total / (2 * math.pi)


def _owens_t(xp: Any, h: Raw, a: Raw) -> Raw:
    size, steep = xp.clip(xp.abs(h), 0.0, 1e3), xp.abs(a)
    flat = steep <= 1
    product = xp.where(size == 0, xp.zeros_like(h), xp.clip(steep * size, 0.0, 1e3))  # not 0 times infinity

    def turned() -> Raw:
        """T(h, a) = (Q(h) + Q(a h)) / 2 - Q(h) Q(a h) - T(a h, 1 / a) with Q(h) = ndtr(-h), a > 0."""
        near, far = _normal(xp, -size), _normal(xp, -product)
        return 0.5 * (near + far) - near * far - _owen(xp, product, 1 / xp.clip(steep, 1.0, math.inf))

    out = in_two(xp, flat, lambda: _owen(xp, size, xp.clip(steep, 0.0, 1.0)), turned)
    out = xp.where(a < 0, -out, out)
    return xp.where(xp.isnan(h) | xp.isnan(a), xp.full_like(h, math.nan), out)


owens_t = in_double(_owens_t)
erfcx, ndtr = in_double(_scaled_erfc), in_double(_normal)
log_ndtr, ndtri = in_double(_log_normal), in_double(_quantile)
