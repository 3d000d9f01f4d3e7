"""Medians, quantiles and percentiles: sorted values, picked and interpolated.

The derivative goes to the elements that were picked, by their weights in the interpolation; of equal elements to those
that a stable sort puts there. It exists by q as well, where the method interpolates.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import SCALARS, Array
from ..dtypes import inexact, is_complex, promote_types
from ..errors import DtypeError, OptionError, ShapeError
from ..ops.create import asarray
from ..ops.elementwise import astype
from ..ops.shape import normalize_axes
from ..ops.sort import argsort, sort, take_along
from .averages import along_axes
from .elementwise import ceil, clip, floor, isfinite, isnan, round, where
from .manipulation import moveaxis, reshape
from .reductions import Axis, refuse_out, sum

__all__ = [
    "median",
    "nanmedian",
    "nanpercentile",
    "nanquantile",
    "percentile",
    "quantile",
]


def quantile(
    a: Any,
    q: Any,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
) -> Array:
    """The values below which the fraction q of the elements lies.

    Args:
        a: a real array; where there is a NaN, the result is NaN.
        q: a number or an array of numbers from 0 to 1.
        axis: along which axes; all where None.
        out: not taken, arrays do not change.
        overwrite_input: for NumPy's sake: arrays do not change.
        method: what lies between two elements. By place (n - 1) q: "linear", "lower", "higher", "midpoint", "nearest".
            As estimates of the distribution's quantile: "inverted_cdf", "averaged_inverted_cdf",
            "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased",
            "normal_unbiased".
        keepdims: whether the axes stay, at size one.
        weights: how often each element counts, in a's shape or in the sizes of `axis`; for "inverted_cdf" alone.

    Returns:
        An array of q's shape, then a's other axes, in the dtype where a and q meet.

    Raises:
        OptionError: no such method, or a number q that is not from 0 to 1 (in an array it gives NaN).
        ShapeError: there are no elements.

    >>> from funcgrad import numpy as fnp
    >>> fnp.quantile(fnp.asarray([1.0, 4.0, 2.0, 3.0]), [0.5, 0.9])
    Array([2.5, 3.7], dtype=float32)

    Source: R. J. Hyndman and Y. Fan, Sample quantiles in statistical packages, 1996.
    """
    return _quantile("quantile", a, q, 1, axis, out, method, keepdims, weights, False)


def percentile(
    a: Any,
    q: Any,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
) -> Array:
    """The values below which q percent of the elements lie; arguments as for `quantile`, q from 0 to 100.

    >>> from funcgrad import numpy as fnp
    >>> fnp.percentile(fnp.asarray([1.0, 4.0, 2.0, 3.0]), 50)
    Array(2.5, dtype=float32)
    """
    return _quantile("percentile", a, q, 100, axis, out, method, keepdims, weights, False)


def median(a: Any, axis: Axis = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False) -> Array:
    """The middle element, or the mean of the two in the middle; NaN where there is one.

    Args:
        a: a real array.
        axis: along which axes; all where None.
        out, overwrite_input: for NumPy's sake: arrays do not change.
        keepdims: whether the axes stay, at size one.

    >>> import funcgrad as fg
    >>> fg.grad(fg.numpy.median)(fg.asarray([5.0, 1.0, 3.0, 4.0]))
    Array([0. , 0. , 0.5, 0.5], dtype=float32)
    """
    return _quantile("median", a, 0.5, 1, axis, out, "linear", keepdims, None, False)


def nanquantile(
    a: Any,
    q: Any,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
) -> Array:
    """As `quantile`, of the elements that are not NaN; NaN where there are none.

    >>> from funcgrad import numpy as fnp
    >>> fnp.nanquantile(fnp.asarray([1.0, fnp.nan, 2.0]), 0.5)
    Array(1.5, dtype=float32)
    """
    return _quantile("nanquantile", a, q, 1, axis, out, method, keepdims, weights, True)


def nanpercentile(
    a: Any,
    q: Any,
    axis: Axis = None,
    out: None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
) -> Array:
    """As `percentile`, of the elements that are not NaN; NaN where there are none."""
    return _quantile("nanpercentile", a, q, 100, axis, out, method, keepdims, weights, True)


def nanmedian(
    a: Any, axis: Axis = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False
) -> Array:
    """As `median`, of the elements that are not NaN; NaN where there are none."""
    return _quantile("nanmedian", a, 0.5, 1, axis, out, "linear", keepdims, None, True)


# ---- places in the sorted array ----------------------------------------------------------------


def _estimate(alpha: float, beta: float) -> Callable[[Any, Any], tuple[Any, Any]]:
    """Hyndman and Fan's continuous methods: counted from 1, the place n q + alpha + q (1 - alpha - beta)."""
    return lambda n, q: _split(n * q + (alpha + q * (1 - alpha - beta)) - 1)


def _split(place: Any) -> tuple[Any, Any]:
    below = floor(place)
    return below, place - below


def _whole(place: Any) -> tuple[Any, Any]:
    return place, place * 0


def _midpoint(n: Any, q: Any) -> tuple[Any, Any]:
    below, rest = _split((n - 1) * q)
    return below, where(rest > 0, 0.5, 0.0)


def _averaged(n: Any, q: Any) -> tuple[Any, Any]:
    below, rest = _split(n * q - 1)
    return below, where(rest > 0, 1.0, 0.5)


_METHODS: dict[str, Callable[[Any, Any], tuple[Any, Any]]] = {
    "linear": lambda n, q: _split((n - 1) * q),
    "lower": lambda n, q: _whole(floor((n - 1) * q)),
    "higher": lambda n, q: _whole(ceil((n - 1) * q)),
    "midpoint": _midpoint,
    "nearest": lambda n, q: _whole(round((n - 1) * q)),
    "inverted_cdf": lambda n, q: _whole(ceil(n * q) - 1),
    "averaged_inverted_cdf": _averaged,
    "closest_observation": lambda n, q: _whole(round(n * q) - 1),
    "interpolated_inverted_cdf": _estimate(0, 1),
    "hazen": _estimate(0.5, 0.5),
    "weibull": _estimate(0, 0),
    "median_unbiased": _estimate(1 / 3, 1 / 3),
    "normal_unbiased": _estimate(3 / 8, 3 / 8),
}
"""(n, q) -> the place below, counted from 0, and how far it is to the next one."""


def _quantile(
    name: str, a: Any, q: Any, whole: int, axis: Axis, out: None, method: str, keepdims: bool, weights: Any, nan: bool
) -> Array:
    refuse_out(name, out)
    if method not in _METHODS:
        raise OptionError(f"{name}: no method {method!r}; there are {', '.join(map(repr, _METHODS))}")
    if weights is not None and method != "inverted_cdf":
        raise OptionError(f"{name}: weights= is for method='inverted_cdf', not for {method!r}")
    x = asarray(a)
    if is_complex(x.dtype):
        raise DtypeError(f"{name}: complex numbers ({x.aval}) have no order")
    fraction = _fraction(name, q, whole)
    dtype = inexact(x.dtype)
    dtype = promote_types(dtype, asarray(q).dtype) if hasattr(q, "dtype") else dtype
    x = astype(x, dtype)
    axes = normalize_axes(axis, x.ndim, name)
    rows = _rows(x, axes)
    if not rows.shape[0]:
        raise ShapeError(f"{name}: {x.aval} has no elements along the axes {axes}")
    if weights is None:
        found = _interpolated(rows, fraction, _METHODS[method], nan)
    else:
        w = along_axes(name, x, asarray(weights, device=None if isinstance(weights, Array) else x.device), axis)
        found = _weighted(rows, astype(_rows(w, axes), "float64"), fraction, nan)
    if not keepdims:
        return found
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    return reshape(found, (*fraction.shape, *kept))


def _fraction(name: str, q: Any, whole: int) -> Array:
    """q as a fraction of float64, NaN where it is out of range."""
    found = asarray(q, "float64")
    if all(isinstance(v, (*SCALARS, np.generic, np.ndarray)) for v in (q if isinstance(q, list | tuple) else (q,))):
        known = np.asarray(q)
        if known.size and not (known.min() >= 0 and known.max() <= whole):
            raise OptionError(f"{name}: q must be from 0 to {whole}, not {q}")
    found = found / whole  # type: ignore[operator]
    return where((found >= 0) & (found <= 1), found, math.nan)  # type: ignore[operator]


def _rows(x: Array, axes: tuple[int, ...]) -> Array:
    """The array with those axes as one, in front."""
    turned: Any = moveaxis(x, axes, tuple(range(len(axes))))
    rest = turned.shape[len(axes) :]
    return reshape(turned, (math.prod(turned.shape[: len(axes)]), *rest))


def _interpolated(rows: Array, q: Array, places: Callable[[Any, Any], tuple[Any, Any]], nan: bool) -> Array:
    """The quantiles along the first axis: shape (*q's, *other axes)."""
    n, rest = rows.shape[0], rows.shape[1:]
    ordered = sort(rows, axis=0, descending=False)  # NaN at the end
    flat: Any = reshape(q, (-1,) + (1,) * len(rest))
    count: Any = sum(~isnan(rows), 0) if nan else n  # type: ignore[operator]
    below, weight = places(count, flat)
    last = count - 1
    weight = where((below < 0) | (below >= last), 0.0, weight)  # beyond the first or the last element it is that one
    lower = astype(clip(where(isnan(below), 0, below), 0, last), "int64")
    upper = clip(lower + 1, 0, last)  # type: ignore[operator]
    if nan:
        lower, upper = clip(lower, 0, n - 1), clip(upper, 0, n - 1)  # no element at all: the first, which is NaN
    found = _between(_pick(ordered, lower, rest), _pick(ordered, upper, rest), astype(weight, rows.dtype))
    found = where(isnan(flat), math.nan, found)
    if not nan:
        found = where(isnan(ordered[n - 1]), math.nan, found)
    return reshape(found, (*q.shape, *rest))


def _pick(ordered: Array, index: Any, rest: tuple[int, ...]) -> Any:
    """The elements at those places: the same ones of all columns, or for each column its own."""
    if index.shape[1:] != rest:
        return ordered[reshape(index, (-1,))]
    return take_along(ordered, index, 0)


def _between(low: Any, high: Any, weight: Any) -> Any:
    """low + (high - low) weight; infinities, whose difference is NaN, where the weight or the other leaves them."""
    finite = isfinite(low) & isfinite(high)  # type: ignore[operator]
    a, b = where(finite, low, 0), where(finite, high, 0)
    whole = where(weight == 0, low, where(weight == 1, high, low + high))
    return where(finite, a + (b - a) * weight, whole)


def _weighted(rows: Array, weights: Array, q: Array, nan: bool) -> Array:
    """The first element at which the running sum of the weights, in order, reaches q of the whole."""
    n, rest = rows.shape[0], rows.shape[1:]
    order = argsort(rows, axis=0, descending=False)
    ordered, mass = take_along(rows, order, 0), take_along(weights, order, 0)
    if nan:
        mass = where(isnan(ordered), 0, mass)
    running = mass.cumsum(0)
    share = running / running[n - 1]
    share = where(share == 0, -1, share)  # what weighs nothing is never the first
    flat: Any = reshape(q, (-1, 1) + (1,) * len(rest))
    index = clip(sum(share < flat, 1), 0, n - 1)
    found = _pick(ordered, index, rest)
    found = where(isnan(reshape(q, (-1,) + (1,) * len(rest))), math.nan, found)
    if not nan:
        found = where(isnan(ordered[n - 1]), math.nan, found)
    return reshape(found, (*q.shape, *rest))
