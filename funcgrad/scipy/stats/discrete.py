"""Discrete distributions; what their methods take and give, `families.Discrete` says.

Source: N. Johnson, A. Kemp and S. Kotz, Univariate discrete distributions, 2005.
"""

from __future__ import annotations

import math
from typing import Any

from ...numpy.elementwise import where
from ...ops.elementwise import equal, expm1, floor, log, log1p
from ..special import betainc, betaln, gammainc, gammaincc, gammaln, xlog1py, xlogy
from .families import Discrete

__all__ = ["bernoulli", "betabinom", "binom", "geom", "nbinom", "poisson"]


def _share(p: Any) -> Any:
    return (p >= 0) & (p <= 1)


def _whole(n: Any) -> Any:
    return (n >= 0) & equal(floor(n), n)


def _log_choices(n: Any, k: Any) -> Any:
    """The logarithm of the binomial coefficient."""
    return -log1p(n) - betaln(n - k + 1, k + 1)  # type: ignore[operator]


class _Bernoulli(Discrete):
    """Of one trial; it has an inverse as well."""

    def ppf(self, q: Any, *args: Any, **named: Any) -> Any:
        """The least number up to which there is a probability of q; -1 for q = 0, as in SciPy."""
        q, p, loc = self._arguments("ppf", q, args, named)
        found = where(q <= 1 - p, 0, 1) + loc
        found = where(q == 0, loc - 1, found)
        return self._checked(found, q, (p,), (q >= 0) & (q <= 1))


bernoulli = _Bernoulli(
    "bernoulli",
    ["p"],
    support=lambda p: (0, 1),
    valid=_share,
    logpmf=lambda k, p: xlogy(k, p) + xlog1py(1 - k, -p),  # type: ignore[operator]
    cdf=lambda k, p: 1 - p,
    sf=lambda k, p: p + 0 * k,
)
binom = Discrete(
    "binom",
    ["n", "p"],
    support=lambda n, p: (0, n),
    valid=lambda n, p: _whole(n) & _share(p),
    logpmf=lambda k, n, p: _log_choices(n, k) + xlogy(k, p) + xlog1py(n - k, -p),
    cdf=lambda k, n, p: betainc(n - k, k + 1, 1 - p),
    sf=lambda k, n, p: betainc(k + 1, n - k, p),
)
geom = Discrete(
    "geom",
    ["p"],
    support=lambda p: (1, math.inf),
    valid=lambda p: (p > 0) & (p <= 1),
    logpmf=lambda k, p: xlog1py(k - 1, -p) + log(p),
    cdf=lambda k, p: -expm1(xlog1py(k, -p)),
)
nbinom = Discrete(
    "nbinom",
    ["n", "p"],
    support=lambda n, p: (0, math.inf),
    valid=lambda n, p: (n > 0) & (p > 0) & (p <= 1),
    logpmf=lambda k, n, p: gammaln(k + n) - gammaln(n) - gammaln(k + 1) + xlogy(n, p) + xlog1py(k, -p),  # type: ignore
    cdf=lambda k, n, p: betainc(n, k + 1, p),
    sf=lambda k, n, p: betainc(k + 1, n, 1 - p),
)
poisson = Discrete(
    "poisson",
    ["mu"],
    support=lambda mu: (0, math.inf),
    valid=lambda mu: mu >= 0,
    logpmf=lambda k, mu: xlogy(k, mu) - gammaln(k + 1) - mu,
    cdf=lambda k, mu: gammaincc(k + 1, mu),
    sf=lambda k, mu: gammainc(k + 1, mu),
)
betabinom = Discrete(
    "betabinom",
    ["n", "a", "b"],
    support=lambda n, a, b: (0, n),
    valid=lambda n, a, b: _whole(n) & (a > 0) & (b > 0),
    logpmf=lambda k, n, a, b: _log_choices(n, k) + betaln(k + a, n - k + b) - betaln(a, b),
)
