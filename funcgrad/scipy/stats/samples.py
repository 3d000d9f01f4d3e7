"""Statistics of samples: ranks, the most frequent value, the error of a mean, and a density made of kernels."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ...core import Array
from ...dtypes import canonical
from ...errors import OptionError, ShapeError
from ...numpy.averages import std
from ...numpy.creation import asarray, full
from ...numpy.linalg import cholesky
from ...numpy.manipulation import concat, moveaxis
from ...numpy.reductions import argmax, cumsum
from ...numpy.sorting import argsort, searchsorted, sort
from ...numpy.statistics import cov
from ...ops.create import promote_all, to_inexact
from ...ops.elementwise import astype, exp, log
from ...ops.shape import normalize_axis
from ...transforms.vmap import vmap
from ..linalg import solve_triangular
from ..special import logsumexp, ndtr

__all__ = ["ModeResult", "gaussian_kde", "mode", "rankdata", "sem"]


class ModeResult(NamedTuple):
    """The most frequent values, and how often they are there."""

    mode: Any
    count: Any


def _by_rows(f: Any, x: Any) -> Any:
    """A function of one axis applied along the last one."""
    rows = x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))
    return rows, vmap(f)(rows)


def _row_mode(row: Any) -> Any:
    ordered = sort(row)
    count: Any = searchsorted(ordered, ordered, "right") - searchsorted(ordered, ordered, "left")  # type: ignore
    place = argmax(count)  # the first of them, and so the smallest value
    return ordered[place], count[place]


def mode(a: Any, axis: int | None = 0, nan_policy: str = "propagate", keepdims: bool = False) -> ModeResult:
    """The most frequent value along an axis, the smallest one of several.

    Args:
        a: an array, not empty along the axis.
        axis: along which; of all elements where None.
        nan_policy: only "propagate".
        keepdims: whether the axis stays, at size one.

    Returns:
        The values, and how often they are there.

    >>> import funcgrad.scipy.stats as stats
    >>> stats.mode([3, 1, 3, 1, 2])
    ModeResult(mode=Array(1, dtype=int64), count=Array(2, dtype=int64))
    """
    if nan_policy != "propagate":
        raise OptionError(f'mode: nan_policy is "propagate", not {nan_policy!r}')
    x: Any = asarray(a)
    ndim = x.ndim
    x, axis = (x.reshape(-1), 0) if axis is None else (x, normalize_axis(axis, ndim, "mode"))
    if x.shape[axis] == 0:
        raise ShapeError(f"mode: there are no elements along axis {axis} of {x.aval}")
    turned = moveaxis(x, axis, -1)
    values, counts = _by_rows(_row_mode, turned)[1]
    shape = turned.shape[:-1]
    if keepdims:
        shape = (1,) * ndim if x.ndim != ndim else (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    return ModeResult(values.reshape(shape), counts.reshape(shape))


_RANKS = ("average", "min", "max", "dense", "ordinal")


def rankdata(a: Any, method: str = "average", *, axis: int | None = None, nan_policy: str = "propagate") -> Array:
    """The places that elements have among all, counted from 1 for the smallest.

    Args:
        a: an array.
        method: what equal ones get: "average", the mean of their places; "min" or "max", the least or the largest
            of them; "dense", the least, and the next one gets the next number; "ordinal", each its own.
        axis: among which elements; among all where None, and the result has one axis then.
        nan_policy: only "propagate"; NaN come last.

    >>> import funcgrad.scipy.stats as stats
    >>> stats.rankdata([30, 10, 20, 10])
    Array([4. , 1.5, 3. , 1.5], dtype=float32)
    """
    if method not in _RANKS:
        raise OptionError(f"rankdata: method is one of {', '.join(_RANKS)}, not {method!r}")
    if nan_policy != "propagate":
        raise OptionError(f'rankdata: nan_policy is "propagate", not {nan_policy!r}')
    x: Any = asarray(a)
    x, axis = (x.reshape(-1), 0) if axis is None else (x, normalize_axis(axis, x.ndim, "rankdata"))
    turned = moveaxis(x, axis, -1)

    def of_row(row: Any) -> Any:
        order = argsort(row, stable=True)
        if method == "ordinal":
            return argsort(order) + 1  # type: ignore[operator]
        ordered = row[order]
        first = searchsorted(ordered, row, "left")
        if method == "min":
            return first + 1  # type: ignore[operator]
        if method == "dense":
            new = astype(ordered[1:] != ordered[:-1], "int64")
            return concat([first[:1] * 0, cumsum(new)])[first] + 1  # type: ignore[index,operator]
        last: Any = searchsorted(ordered, row, "right")
        return last if method == "max" else astype(first + 1 + last, canonical(float)) * 0.5  # type: ignore[operator]

    if not turned.size:
        return full(x.shape, 0.0)
    return moveaxis(_by_rows(of_row, turned)[1].reshape(turned.shape), -1, axis)


def sem(a: Any, axis: int | None = 0, ddof: int = 1, nan_policy: str = "propagate", *, keepdims: bool = False) -> Array:
    """The standard error of a mean: std(a) / sqrt(n).

    Args:
        a: samples.
        axis: along which; of all of them where None.
        ddof: the standard deviation's divisor is n - ddof.
        nan_policy: only "propagate".
        keepdims: whether the axis stays, at size one.

    >>> import funcgrad.scipy.stats as stats
    >>> stats.sem([1.0, 2.0, 3.0, 6.0])
    Array(1.0801234, dtype=float32)
    """
    if nan_policy != "propagate":
        raise OptionError(f'sem: nan_policy is "propagate", not {nan_policy!r}')
    x = to_inexact(a)
    n = x.size if axis is None else x.shape[normalize_axis(axis, x.ndim, "sem")]
    return std(x, axis, ddof=ddof, keepdims=keepdims) / math.sqrt(n)  # type: ignore[operator]


class gaussian_kde:  # noqa: N801  # SciPy's name
    """A density made of a normal density around each sample.

    Args:
        dataset: samples, of shape (n,) or, of d variables, (d, n).
        bw_method: how wide they are, in standard deviations of the samples: "scott", n^(-1 / (d + 4)); "silverman",
            ((d + 2) / 4 n)^(-1 / (d + 4)); a number; or a function of this object.
        weights: of the samples; equal where not given.

    Raises:
        ShapeError: fewer than two samples, or weights that do not fit.
        OptionError: another method.

    >>> import funcgrad.scipy.stats as stats
    >>> stats.gaussian_kde([0.0, 1.0, 3.0])([1.0]).round(4)
    Array([0.2149], dtype=float32)

    Source: D. Scott, Multivariate density estimation, 1992.
    """

    def __init__(self, dataset: Any, bw_method: Any = None, weights: Any = None):
        samples: Any = to_inexact(dataset)
        samples = samples.reshape((1, -1)) if samples.ndim < 2 else samples
        if samples.ndim != 2 or samples.shape[1] < 2:
            raise ShapeError(
                f"gaussian_kde: samples are of shape (n,) or (d, n), with n at least 2, not {samples.aval}"
            )
        self.d, self.n = samples.shape
        if weights is None:
            self.weights: Any = full((self.n,), 1 / self.n, dtype=samples.dtype, device=samples.device)
        else:
            samples, given = map(to_inexact, promote_all([samples, weights]))
            if given.shape != (self.n,):
                raise ShapeError(f"gaussian_kde: there are {self.n} samples, and weights {given.aval}")
            self.weights = given / given.sum()
        self.dataset = samples
        self.neff: Any = 1 / (self.weights * self.weights).sum()
        if bw_method is None or bw_method == "scott":
            self.factor = self.scotts_factor()
        elif bw_method == "silverman":
            self.factor = self.silverman_factor()
        elif callable(bw_method):
            self.factor = bw_method(self)
        elif isinstance(bw_method, str):
            raise OptionError(
                f'gaussian_kde: bw_method is "scott", "silverman", a number or a function, not {bw_method!r}'
            )
        else:
            self.factor = bw_method
        spread: Any = cov(samples, aweights=self.weights)
        self.covariance: Any = spread.reshape((self.d, self.d)) * self.factor**2
        self._root = cholesky(self.covariance)

    def scotts_factor(self) -> Any:
        """n^(-1 / (d + 4)), n being the effective number of samples."""
        return self.neff ** (-1 / (self.d + 4))

    def silverman_factor(self) -> Any:
        """(n (d + 2) / 4)^(-1 / (d + 4)), n being the effective number of samples."""
        return (self.neff * ((self.d + 2) / 4)) ** (-1 / (self.d + 4))

    def logpdf(self, x: Any) -> Array:
        """The logarithm of the density.

        Args:
            x: places, of shape (m,) or (d, m).

        Returns:
            An array of shape (m,).
        """
        places: Any = to_inexact(x)
        if places.ndim < 2:
            places = (
                places.reshape((self.d, 1)) if places.shape == (self.d,) and self.d > 1 else places.reshape((1, -1))
            )
        if places.ndim != 2 or places.shape[0] != self.d:
            raise ShapeError(
                f"gaussian_kde: places of {self.d} variables are of shape ({self.d}, m), not {places.aval}"
            )
        gaps: Any = places[:, :, None] - self.dataset[:, None, :]
        white: Any = solve_triangular(self._root, gaps.reshape((self.d, -1)), lower=True)
        exponents = -0.5 * (white * white).sum(0).reshape(gaps.shape[1:])
        size = self.d / 2 * math.log(2 * math.pi) + log(self._root.diagonal()).sum()  # type: ignore[attr-defined]
        return logsumexp(exponents, axis=1, b=self.weights) - size

    def evaluate(self, points: Any) -> Array:
        """The density; arguments as for `logpdf`."""
        return exp(self.logpdf(points))

    pdf = __call__ = evaluate

    def integrate_box_1d(self, low: Any, high: Any) -> Array:
        """The probability of a value between two bounds, of one variable."""
        if self.d != 1:
            raise ShapeError(f"gaussian_kde.integrate_box_1d: there are {self.d} variables")
        width = self._root[0, 0]
        low, high = ((to_inexact(b) - self.dataset[0]) / width for b in (low, high))  # type: ignore[operator]
        return (self.weights * (ndtr(high) - ndtr(low))).sum()  # type: ignore[operator]
