"""Continuous distributions; what their methods take and give, `families.Continuous` says.

Source: N. Johnson, S. Kotz and N. Balakrishnan, Continuous univariate distributions, 1994.
"""

from __future__ import annotations

import math
from typing import Any

from ...numpy.elementwise import where
from ...ops.activations import sigmoid, softplus
from ...ops.elementwise import abs, atan2, cos, equal, exp, expm1, less, log, log1p, sign, tan
from ..special import (
    betainc,
    betaln,
    gammainc,
    gammaincc,
    gammaln,
    i0e,
    log_ndtr,
    logit,
    ndtr,
    ndtri,
    xlog1py,
    xlogy,
)
from .families import Continuous, log_less

__all__ = [
    "beta",
    "cauchy",
    "chi2",
    "expon",
    "gamma",
    "gennorm",
    "gumbel_l",
    "gumbel_r",
    "laplace",
    "logistic",
    "norm",
    "pareto",
    "t",
    "truncnorm",
    "uniform",
    "vonmises",
    "wrapcauchy",
]

_LOG_ROOT_TAU = 0.5 * math.log(2 * math.pi)


def _line(*shapes: Any) -> tuple[Any, Any]:
    return -math.inf, math.inf


def _half_line(*shapes: Any) -> tuple[Any, Any]:
    return 0, math.inf


def _unit(*shapes: Any) -> tuple[Any, Any]:
    return 0, 1


norm = Continuous(
    "norm",
    support=_line,
    logpdf=lambda z: -0.5 * (z * z) - _LOG_ROOT_TAU,
    cdf=ndtr,
    sf=lambda z: ndtr(-z),
    logcdf=log_ndtr,
    logsf=lambda z: log_ndtr(-z),
    ppf=ndtri,
    isf=lambda q: -ndtri(q),  # type: ignore[operator]
)
expon = Continuous(
    "expon",
    support=_half_line,
    logpdf=lambda z: -z,
    cdf=lambda z: -expm1(-z),
    sf=lambda z: exp(-z),
    logsf=lambda z: -z,
    ppf=lambda q: -log1p(-q),
    isf=lambda q: -log(q),
)
uniform = Continuous(
    "uniform",
    support=_unit,
    logpdf=lambda z: 0 * z,
    cdf=lambda z: z,
    sf=lambda z: 1 - z,
    ppf=lambda q: q,
    isf=lambda q: 1 - q,
)
gamma = Continuous(
    "gamma",
    ["a"],
    support=_half_line,
    logpdf=lambda z, a: xlogy(a - 1, z) - z - gammaln(a),
    cdf=lambda z, a: gammainc(a, z),
    sf=lambda z, a: gammaincc(a, z),
)
chi2 = Continuous(  # gamma with a = df / 2, of z / 2
    "chi2",
    ["df"],
    support=_half_line,
    logpdf=lambda z, df: xlogy(df / 2 - 1, z / 2) - z / 2 - gammaln(df / 2) - math.log(2),
    cdf=lambda z, df: gammainc(df / 2, z / 2),
    sf=lambda z, df: gammaincc(df / 2, z / 2),
)
beta = Continuous(
    "beta",
    ["a", "b"],
    support=_unit,
    logpdf=lambda z, a, b: xlogy(a - 1, z) + xlog1py(b - 1, -z) - betaln(a, b),
    cdf=lambda z, a, b: betainc(a, b, z),
    sf=lambda z, a, b: betainc(b, a, 1 - z),
)
cauchy = Continuous(
    "cauchy",
    support=_line,
    logpdf=lambda z: -math.log(math.pi) - log1p(z * z),
    cdf=lambda z: atan2(0 * z + 1, -z) / math.pi,
    sf=lambda z: atan2(0 * z + 1, z) / math.pi,
    ppf=lambda q: -1 / tan(math.pi * q),
    isf=lambda q: 1 / tan(math.pi * q),
)


def _laplace_below(z: Any) -> Any:
    half = 0.5 * exp(-abs(z))
    return where(z < 0, half, 1 - half)


def _laplace_quantile(q: Any) -> Any:
    low = less(q, 0.5)
    tail = log(2 * where(low, q, 1 - q))
    return where(low, tail, -tail)


laplace = Continuous(
    "laplace",
    support=_line,
    logpdf=lambda z: -abs(z) - math.log(2),
    cdf=_laplace_below,
    sf=lambda z: _laplace_below(-z),
    ppf=_laplace_quantile,
    isf=lambda q: -_laplace_quantile(q),
)
logistic = Continuous(
    "logistic",
    support=_line,
    logpdf=lambda z: -softplus(z) - softplus(-z),
    cdf=sigmoid,
    sf=lambda z: sigmoid(-z),
    logcdf=lambda z: -softplus(-z),
    logsf=lambda z: -softplus(z),
    ppf=logit,
    isf=lambda q: -logit(q),  # type: ignore[operator]
)
t = Continuous(
    "t",
    ["df"],
    support=_line,
    logpdf=lambda z, df: -betaln(df / 2, 0.5) - 0.5 * log(df) - (df + 1) / 2 * log1p(z * z / df),
)


def _size_power(z: Any, beta: Any) -> Any:
    """|z|^beta, with derivative 0 at 0."""
    origin = equal(z, 0)
    return where(origin, 0, abs(where(origin, 1, z)) ** beta)


gennorm = Continuous(
    "gennorm",
    ["beta"],
    support=_line,
    logpdf=lambda z, beta: log(beta / 2) - gammaln(1 / beta) - _size_power(z, beta),
    cdf=lambda z, beta: 0.5 * (1 + sign(z) * gammainc(1 / beta, _size_power(z, beta))),
)
pareto = Continuous(
    "pareto",
    ["b"],
    support=lambda b: (1, math.inf),
    logpdf=lambda z, b: log(b) - (b + 1) * log(z),
    cdf=lambda z, b: -expm1(-b * log(z)),
    sf=lambda z, b: exp(-b * log(z)),
    logsf=lambda z, b: -b * log(z),
    ppf=lambda q, b: exp(-log1p(-q) / b),
    isf=lambda q, b: exp(-log(q) / b),
)
gumbel_r = Continuous(
    "gumbel_r",
    support=_line,
    logpdf=lambda z: -z - exp(-z),
    cdf=lambda z: exp(-exp(-z)),
    sf=lambda z: -expm1(-exp(-z)),
    logcdf=lambda z: -exp(-z),
    ppf=lambda q: -log(-log(q)),
    isf=lambda q: -log(-log1p(-q)),
)
gumbel_l = Continuous(
    "gumbel_l",
    support=_line,
    logpdf=lambda z: z - exp(z),
    cdf=lambda z: -expm1(-exp(z)),
    sf=lambda z: exp(-exp(z)),
    logsf=lambda z: -exp(z),
    ppf=lambda q: log(-log1p(-q)),
    isf=lambda q: log(-log(q)),
)
vonmises = Continuous(
    "vonmises",
    ["kappa"],
    support=_line,
    logpdf=lambda z, kappa: kappa * (cos(z) - 1) - math.log(2 * math.pi) - log(i0e(kappa)),
)
wrapcauchy = Continuous(
    "wrapcauchy",
    ["c"],
    support=lambda c: (0, 2 * math.pi),
    valid=lambda c: (c > 0) & (c < 1),
    logpdf=lambda z, c: log1p(-c * c) - math.log(2 * math.pi) - log(1 + c * c - 2 * c * cos(z)),
)


def _log_mass(a: Any, b: Any) -> Any:
    """log(ndtr(b) - ndtr(a)) for a < b, from the side on which the tails are."""
    b = where(a < b, b, a + 1)  # there is no such distribution, and nobody reads this
    right: Any = a > 0
    low, high = where(right, -b, a), where(right, -a, b)
    upper = log_ndtr(high)
    one_sided: Any = high <= 0
    gap = where(one_sided, log_ndtr(low) - upper, -1)
    tail = upper + log_less(gap)
    both = where(one_sided, 0.25, ndtr(low) + ndtr(-high))  # type: ignore[operator]
    return where(one_sided, tail, log1p(-both))


def _log_share(part: Any, rest: Any, whole: Any) -> Any:
    """log(part / whole) of masses that are given by their logarithms; where it is near 0, by the rest."""
    found = part - whole
    near: Any = found > -0.1
    return where(near, log1p(-exp(where(near, rest - whole, -1))), found)  # type: ignore[operator]


truncnorm = Continuous(
    "truncnorm",
    ["a", "b"],
    support=lambda a, b: (a, b),
    valid=lambda a, b: a < b,
    logpdf=lambda z, a, b: -0.5 * (z * z) - _LOG_ROOT_TAU - _log_mass(a, b),
    cdf=lambda z, a, b: exp(_log_mass(a, z) - _log_mass(a, b)),
    sf=lambda z, a, b: exp(_log_mass(z, b) - _log_mass(a, b)),
    logcdf=lambda z, a, b: _log_share(_log_mass(a, z), _log_mass(z, b), _log_mass(a, b)),
    logsf=lambda z, a, b: _log_share(_log_mass(z, b), _log_mass(a, z), _log_mass(a, b)),
)
