"""Distributions of vectors.

Source: N. Johnson, S. Kotz and N. Balakrishnan, Discrete multivariate distributions, 1997; S. Kotz, N. Balakrishnan and
N. Johnson, Continuous multivariate distributions, 2000.
"""

from __future__ import annotations

import math
from typing import Any

from ...core import Array
from ...errors import OptionError, ShapeError
from ...numpy.elementwise import where
from ...numpy.linalg import cholesky
from ...numpy.manipulation import broadcast_to, concat, diagonal
from ...ops.create import promote_all, to_inexact
from ...ops.elementwise import abs, equal, exp, isnan, log
from ...rules import broadcast_shapes
from ..linalg import solve_triangular
from ..special import gammaln, xlogy

__all__ = ["dirichlet", "multinomial", "multivariate_normal"]


class _Dirichlet:
    """Of k shares, which sum to 1."""

    def logpdf(self, x: Any, alpha: Any) -> Array:
        """The logarithm of the density.

            log Gamma(sum of alpha) + sum over i of ((alpha[i] - 1) log x[i] - log Gamma(alpha[i]))

        Args:
            x: shares along the first axis, k of them, or all but the last.
            alpha: positive, of shape (k,).

        Returns:
            An array of shape x.shape[1:]; -inf where the shares are not positive or do not sum to 1.

        Raises:
            ShapeError: another number of shares.

        >>> import funcgrad.scipy.stats as stats
        >>> stats.dirichlet.logpdf([0.2, 0.8], [1.0, 2.0])
        Array(0.47000366, dtype=float32)
        """
        x, alpha = map(to_inexact, promote_all([x, alpha]))
        if alpha.ndim != 1 or x.ndim == 0 or x.shape[0] not in (alpha.shape[0], alpha.shape[0] - 1):
            raise ShapeError(
                f"dirichlet: k shares along the first axis, for alpha of shape (k,): {x.aval}, {alpha.aval}"
            )
        if x.shape[0] < alpha.shape[0]:
            x = concat([x, 1 - x.sum(0, keepdims=True)], axis=0)
        exponents: Any = alpha.reshape(alpha.shape + (1,) * (x.ndim - 1))
        low, high = x.min(0), x.sum(0)
        # of shares in float32 the sum is off by some roundings
        inside: Any = ((low > 0) | ((low == 0) & (exponents >= 1).all())) & (abs(high - 1) < 1e-5)
        shares = where(inside, x, 1 / alpha.shape[0])
        total: Any = xlogy(exponents - 1, shares)
        normal: Any = gammaln(alpha.sum()) - gammaln(alpha).sum()  # type: ignore[operator]
        return where(isnan(high), high, where(inside, total.sum(0) + normal, -math.inf))

    def pdf(self, x: Any, alpha: Any) -> Array:
        """The density; arguments as for `logpdf`."""
        return exp(self.logpdf(x, alpha))


class _Multinomial:
    """Of how often each of k results comes in n trials."""

    def logpmf(self, x: Any, n: Any, p: Any) -> Array:
        """The logarithm of the probability of counts.

            log n! + sum over i of (x[i] log p[i] - log x[i]!)

        Args:
            x: counts along the last axis.
            n: of trials.
            p: the probabilities of the results, along the last axis.

        Returns:
            An array of the broadcast shape without the last axis; -inf where the counts do not sum to n.

        >>> import funcgrad.scipy.stats as stats
        >>> stats.multinomial.logpmf([1.0, 2.0], 3, [0.5, 0.5])
        Array(-0.98082924, dtype=float32)
        """
        x, n, p = map(to_inexact, promote_all([x, n, p]))
        possible: Any = equal(x.sum(-1), n) & (x >= 0).all(-1)
        counts = where(possible[..., None], x, 0)  # type: ignore[index]
        terms: Any = xlogy(counts, p) - gammaln(counts + 1)  # type: ignore[operator]
        return where(possible, gammaln(n + 1) + terms.sum(-1), -math.inf)  # type: ignore[operator]

    def pmf(self, x: Any, n: Any, p: Any) -> Array:
        """The probability of counts; arguments as for `logpmf`."""
        return exp(self.logpmf(x, n, p))


class _MultivariateNormal:
    """Of d variables with given means and covariances."""

    def logpdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Array:
        """The logarithm of the density.

            -(x - mean)^T cov^-1 (x - mean) / 2 - log(det(cov)) / 2 - d log(2 pi) / 2

        Args:
            x: places, the variables along the last axis; where d is 1 that axis may be absent.
            mean: of shape (..., d), or one number for all; 0 where not given.
            cov: of shape (..., d, d), positive definite; or variances of shape (d,), or one number for all.
            allow_singular: only False.

        Returns:
            An array of the broadcast shape without the variables' axis.

        Raises:
            ShapeError: shapes that do not fit each other.
            OptionError: allow_singular.

        >>> import funcgrad.scipy.stats as stats
        >>> stats.multivariate_normal.logpdf([0.0, 1.0], cov=[[1.0, 0.0], [0.0, 2.0]])
        Array(-2.4344506, dtype=float32)
        """
        if allow_singular:
            raise OptionError("multivariate_normal: a singular covariance has no density; add a little to its diagonal")
        x, mean, cov = map(to_inexact, promote_all([x, 0 if mean is None else mean, cov]))
        if cov.ndim == 0 and mean.ndim == 0 and x.ndim == 0:
            x = x.reshape(1)
        if cov.ndim < 2:
            d = cov.shape[0] if cov.ndim else mean.shape[-1] if mean.ndim else x.shape[-1]
            if cov.ndim == 0 and mean.ndim == 0 and x.ndim == 1:
                d, x = 1, x.reshape((-1, 1))  # numbers of one variable
            variances = cov.broadcast_to((d,))
            gaps: Any = x - mean
            self._check(gaps, d, cov)
            return -0.5 * ((gaps * gaps / variances).sum(-1) + log(variances).sum() + d * math.log(2 * math.pi))
        d = cov.shape[-1]
        x = x.reshape((*x.shape, 1)) if d == 1 and (x.ndim == 0 or x.shape[-1] != 1) else x
        gaps = x - mean
        self._check(gaps, d, cov)
        root: Any = cholesky(cov)
        white: Any = solve_triangular(*_aligned(root, gaps), lower=True)[..., 0]
        size: Any = log(diagonal(root, 0, -2, -1)).sum(-1)
        return -0.5 * ((white * white).sum(-1) + d * math.log(2 * math.pi)) - size

    def _check(self, gaps: Any, d: int, cov: Any) -> None:
        if gaps.ndim == 0 or gaps.shape[-1] not in (1, d):
            raise ShapeError(f"multivariate_normal: places less means are {gaps.aval}, and the covariance {cov.aval}")

    def pdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Array:
        """The density; arguments as for `logpdf`."""
        return exp(self.logpdf(x, mean, cov, allow_singular))


def _aligned(root: Any, gaps: Any) -> tuple[Any, Any]:
    """Matrices and columns with equal leading axes."""
    leading = broadcast_shapes("multivariate_normal", root.shape[:-2], gaps.shape[:-1])
    d = root.shape[-1]
    return broadcast_to(root, (*leading, d, d)), broadcast_to(gaps, (*leading, d))[..., None]  # type: ignore[index]


dirichlet, multinomial, multivariate_normal = _Dirichlet(), _Multinomial(), _MultivariateNormal()
