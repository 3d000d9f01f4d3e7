"""How many elements lie in each bin: counts, histograms of one and more dimensions, and the edges of bins."""

from __future__ import annotations

import builtins
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from ..core import Array, current_trace
from ..dtypes import canonical, inexact, is_boolean, is_complex, is_integer
from ..errors import DtypeError, OptionError, ShapeError
from ..ops.create import asarray
from ..ops.elementwise import astype, stop_gradient
from ..ops.index import scatter_add
from ..ops.sort import searchsorted
from .averages import mean, std
from .creation import linspace, ones, zeros
from .elementwise import abs, equal, isfinite, isnan, log2, maximum, minimum, where
from .manipulation import ravel, reshape, unstack
from .quantiles import percentile
from .reductions import all, max, min, ptp, sum

__all__ = [
    "bincount",
    "histogram",
    "histogram2d",
    "histogram_bin_edges",
    "histogramdd",
]

Range = tuple[Any, Any] | Sequence[Any] | None


def bincount(x: Any, weights: Any = None, minlength: int = 0, *, length: int | None = None) -> Array:
    """How often each whole number occurs, or the sum of the weights where it does.

    Args:
        x: whole numbers, none negative, shape (n,).
        weights: shape (n,); the derivative in them picks the cotangents of their bins.
        minlength: how many bins there are at least; their number is else max(x) + 1.
        length: how many bins there are, larger numbers being left out. Then no value of x decides on a shape, which
            lets `vmap` and `jit` run as one.

    Returns:
        int64 counts, or sums in the weights' dtype.

    Raises:
        DtypeError: x holds no integers.
        ShapeError: x has not one dimension, or the weights have another shape.
        OptionError: a number is negative.

    >>> from funcgrad import numpy as fnp
    >>> fnp.bincount(fnp.asarray([1, 3, 1]), weights=[0.5, 1.0, 0.25])
    Array([0.  , 0.75, 0.  , 1.  ], dtype=float32)
    """
    places = asarray(x)
    if not (is_integer(places.dtype) or is_boolean(places.dtype)) and places.size:
        raise DtypeError(f"bincount: the operand must hold integers, not {places.aval}")
    if places.ndim != 1:
        raise ShapeError(f"bincount: the operand must have one dimension, not {places.aval}: ravel it, or use vmap")
    places = astype(places, "int64")
    counted = _weights("bincount", places, weights)
    if length is None:
        if places.size and int(min(places)) < 0:
            raise OptionError("bincount: the numbers must not be negative")
        length = operator.index(minlength) if not places.size else builtins.max(int(max(places)) + 1, minlength)
        return scatter_add(_nothing((length,), counted), counted, places)
    length = operator.index(length)
    # larger numbers go to a place that is cut off, and negative ones out of range, which is an error
    places = where(places >= length, length, where(places < 0, length + 1, places))  # type: ignore[operator]
    return scatter_add(_nothing((length + 1,), counted), counted, places)[:length]


def _weights(name: str, x: Array, weights: Any) -> Array:
    """What each element adds to its bin."""
    if weights is None:
        return ones(x.shape, "int64", device=x.device)
    found = asarray(weights, device=None if isinstance(weights, Array) else x.device)
    if found.shape != x.shape:
        raise ShapeError(f"{name}: weights of shape {found.shape} for {x.aval}")
    return astype(found, inexact(found.dtype))


def _nothing(shape: tuple[int, ...], like: Array) -> Array:
    return zeros(shape, like.dtype, device=like.device)


# ---- edges -------------------------------------------------------------------------------------


def histogram_bin_edges(a: Any, bins: Any = 10, range: Range = None, weights: Any = None) -> Array:
    """The edges of the bins that `histogram` counts in.

    Args:
        a: the elements, a real array of any shape.
        bins: how many bins, all of one width; or their edges; or the name of a rule for their number, which depends on
            the values: "auto", "sqrt", "sturges", "rice", "scott", "fd" (Freedman and Diaconis), "doane".
        range: where the first bin begins and the last one ends; the least and the largest element where None.
        weights: there for NumPy: no rule reads them.

    Returns:
        Floats, one more than bins.

    Raises:
        DtypeError: complex elements, or bins are no number, edges or name.
        OptionError: no bins, no such rule, edges that decrease, or elements that are not finite.

    >>> from funcgrad import numpy as fnp
    >>> fnp.histogram_bin_edges(fnp.asarray([0, 0, 4, 8]), bins=4)
    Array([0., 2., 4., 6., 8.], dtype=float32)

    Source: NumPy's rules; H. A. Sturges 1926, D. W. Scott 1979, D. Freedman and P. Diaconis 1981, D. P. Doane 1976.
    """
    x, dtype = _elements("histogram_bin_edges", a)
    return _in_dtype(_edges("histogram_bin_edges", x, bins, range, is_integer(asarray(a).dtype)), bins, dtype)


def _elements(name: str, a: Any) -> tuple[Array, Any]:
    """The elements in one axis, and the dtype of the edges: integers are compared as float64."""
    x = ravel(asarray(a))
    if is_complex(x.dtype):
        raise DtypeError(f"{name}: complex numbers ({x.aval}) have no order")
    dtype = inexact(x.dtype)
    return (astype(x, "float64") if dtype != x.dtype else x), dtype


def _in_dtype(edges: Array, bins: Any, dtype: Any) -> Array:
    """Edges as they are returned: given ones as they are, others in the elements' dtype."""
    return edges if _are_edges(bins) else astype(edges, dtype)


def _are_edges(bins: Any) -> bool:
    return bool(getattr(bins, "ndim", 0)) or isinstance(bins, list | tuple)


def _edges(name: str, x: Array, bins: Any, range: Range, whole: bool) -> Array:
    """The edges of bins for those elements."""
    if _are_edges(bins):
        edges = asarray(bins, device=None if isinstance(bins, Array) else x.device)
        if edges.ndim != 1 or edges.shape[0] < 2:
            raise ShapeError(f"{name}: edges must be of one dimension, two at least, not {edges.aval}")
        if current_trace() is None and not bool(all(edges[1:] >= edges[:-1])):  # type: ignore[operator]
            raise OptionError(f"{name}: the edges must increase")
        return edges
    low, high = _bounds(name, x, range)
    count = _by_rule(name, x, bins, (low, high), whole) if isinstance(bins, str) else _count(name, bins)
    return linspace(low, high, count + 1)


def _count(name: str, bins: Any) -> int:
    try:
        n = operator.index(bins)
    except TypeError:
        raise DtypeError(f"{name}: bins must be an int, edges, or the name of a rule, not {bins!r:.60}") from None
    if n < 1:
        raise OptionError(f"{name}: there must be at least one bin, not {n}")
    return n


def _bounds(name: str, x: Array, range: Range) -> tuple[Array, Array]:
    """Where the first bin begins and the last one ends; half a unit around a single value."""
    if range is not None:
        first, last = (asarray(v, x.dtype, device=None if isinstance(v, Array) else x.device) for v in range)
    elif x.size:
        first, last = min(x), max(x)
    else:
        first, last = zeros((), x.dtype, device=x.device), ones((), x.dtype, device=x.device)
    if current_trace() is None and not bool((first <= last) & isfinite(first) & isfinite(last)):  # type: ignore[operator]
        raise OptionError(
            f"{name}: the range from {first} to {last} must be finite and increase: give range=(low, high)"
        )
    single = where(equal(first, last), 0.5, 0.0)
    return first - single, last + single  # type: ignore[operator]


def _by_quartiles(x: Any) -> Any:
    quarter, rest = percentile(x, [25, 75])
    return 2 * (rest - quarter) / x.size ** (1 / 3)  # type: ignore[operator]


def _by_skewness(x: Any) -> Any:
    n, spread = x.size, std(x)
    if n < 3:
        return x[0] * 0
    skewness: Any = mean((x - mean(x)) ** 3) / where(spread > 0, spread, 1) ** 3  # type: ignore[operator]
    bound = math.sqrt(6 * (n - 2) / ((n + 1) * (n + 3)))
    return ptp(x) / (1 + math.log2(n) + log2(1 + abs(skewness) / bound))  # type: ignore[operator]


def _automatic(x: Any) -> Any:
    """That of the quartiles, but no more bins than twice the square root of n, and no fewer than Sturges'."""
    return minimum(maximum(_by_quartiles(x), _WIDTHS["sqrt"](x) / 2), _WIDTHS["sturges"](x))


_WIDTHS: dict[str, Callable[[Any], Any]] = {
    "auto": _automatic,
    "sqrt": lambda x: ptp(x) / math.sqrt(x.size),
    "sturges": lambda x: ptp(x) / (math.log2(x.size) + 1),
    "rice": lambda x: ptp(x) / (2 * x.size ** (1 / 3)),
    "scott": lambda x: (24 * math.sqrt(math.pi) / x.size) ** (1 / 3) * std(x),
    "fd": _by_quartiles,
    "doane": _by_skewness,
}
"""How wide a bin should be, by rules with NumPy's names."""


def _by_rule(name: str, x: Array, rule: str, bounds: tuple[Any, Any], whole: bool) -> int:
    """How many bins a rule asks for."""
    if rule not in _WIDTHS:
        raise OptionError(f"{name}: no rule {rule!r} for bins; there are {', '.join(map(repr, _WIDTHS))}")
    x, low, high = (stop_gradient(asarray(v)) for v in (x, *bounds))  # a number of bins has no derivative
    inside: Any = x[(x >= low) & (x <= high)]  # type: ignore[operator]
    if not inside.size:
        return 1
    width = float(_WIDTHS[rule](inside))
    if whole:
        width = builtins.max(width, 1)
    return math.ceil(float(high - low) / width) if width else 1


# ---- histograms --------------------------------------------------------------------------------


def histogram(a: Any, bins: Any = 10, range: Range = None, density: bool | None = None, weights: Any = None) -> Any:
    """How many elements lie in each bin; a bin holds its left edge, the last one both.

    Args:
        a: the elements, a real array of any shape; what lies outside of all bins is left out.
        bins, range: as for `histogram_bin_edges`.
        density: whether to divide by the whole and by the bins' widths, so that the integral is 1.
        weights: what each element counts, in a's shape; the counts have derivatives in them.

    Returns:
        (counts, edges): int64 counts, or sums in the weights' dtype, or densities.

    Raises:
        ShapeError: the weights have another shape.
        DtypeError, OptionError: as for `histogram_bin_edges`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.histogram(fnp.asarray([1, 2, 1, 3]), bins=[0, 1, 2, 3])
    (Array([0, 2, 2], dtype=int64), Array([0, 1, 2, 3], dtype=int64))
    """
    array = asarray(a)
    x, dtype = _elements("histogram", array)
    edges = _edges("histogram", x, bins, range, is_integer(array.dtype))
    counted = ravel(_weights("histogram", array, weights))
    counts: Any = _counts(_bins_of(x, edges), counted, edges.shape[0] - 1)
    edges = _in_dtype(edges, bins, dtype)
    if density:
        counts = counts / (edges[1:] - edges[:-1]) / sum(counts)
    return counts, edges


def _bins_of(x: Array, edges: Array) -> Any:
    """The bin of each element, as many as there are bins for those outside."""
    n = edges.shape[0] - 1
    meet = canonical("float64") if edges.dtype != x.dtype else x.dtype
    x, edges = astype(x, meet), astype(edges, meet)
    found: Any = searchsorted(edges, x, side="right") - 1  # type: ignore[operator]
    found = where(equal(x, edges[-1]), n - 1, found)
    return where((found < 0) | isnan(x), n, found)  # type: ignore[operator]


def _counts(places: Any, counted: Array, n: int) -> Array:
    return scatter_add(_nothing((n + 1,), counted), counted, places)[:n]


def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None
) -> tuple[Array, list[Array]]:
    """How many points lie in each box of a grid.

    Args:
        sample: points of d coordinates, shape (n, d), or a list of d arrays of n coordinates.
        bins: for each coordinate as for `histogram`; one number for all of them.
        range: for each coordinate a pair or None; None for all.
        density: whether to divide by the whole and by the boxes' volumes.
        weights: what each point counts, shape (n,).

    Returns:
        (counts, edges): floats with an axis for each coordinate, and the list of their edges.

    Raises:
        ShapeError: bins, ranges or weights do not fit the sample.

    >>> from funcgrad import numpy as fnp
    >>> counts, edges = fnp.histogramdd(fnp.asarray([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]]), bins=2)
    >>> counts.tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    return _grid("histogramdd", _coordinates(sample), bins, range, density, weights)


def _coordinates(sample: Any) -> list[Array]:
    if isinstance(sample, list | tuple):
        return [asarray(x) for x in sample]
    points = asarray(sample)
    return [points] if points.ndim == 1 else list(unstack(points, axis=1))


def _grid(name: str, xs: list[Array], bins: Any, range: Any, density: Any, weights: Any) -> tuple[Array, list[Array]]:
    d = len(xs)
    several = _are_edges(bins)
    each = list(bins) if several else [bins] * d
    ranges = [None] * d if range is None else list(range)
    if len(each) != d or len(ranges) != d or any(x.shape != xs[0].shape or x.ndim != 1 for x in xs):
        shapes = ", ".join(str(x.shape) for x in xs)
        raise ShapeError(f"{name}: {len(each)} bins and {len(ranges)} ranges for coordinates of the shapes {shapes}")
    counted: Any = _weights(name, xs[0], weights)
    counted = astype(counted, inexact(counted.dtype))
    flat: Any = None
    outside: Any = None
    edges = []
    for array, b, r in zip(xs, each, ranges, strict=True):
        x, dtype = _elements(name, array)
        own = _edges(name, x, b, r, is_integer(array.dtype))
        n, place = own.shape[0] - 1, _bins_of(x, own)
        away = place >= n
        flat = place if flat is None else flat * n + place
        outside = away if outside is None else outside | away
        edges.append(_in_dtype(own, b, dtype))
    shape = tuple(e.shape[0] - 1 for e in edges)
    size = math.prod(shape)
    counts: Any = reshape(_counts(where(outside, size, flat), counted, size), shape)
    if density:
        whole = sum(counts)
        for axis, e in enumerate(edges):
            counts = counts / reshape(e[1:] - e[:-1], (-1,) + (1,) * (d - axis - 1))  # type: ignore[operator]
        counts = counts / whole
    return counts, edges


def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: bool | None = None, weights: Any = None
) -> tuple[Array, Array, Array]:
    """How many points (x, y) lie in each cell of a grid.

    Args:
        x, y: coordinates, shape (n,).
        bins: how many bins, or edges, for both coordinates; or a pair of them.
        range, density, weights: as for `histogramdd`.

    Returns:
        (counts, edges of x, edges of y); the first axis of the counts is that of x.

    >>> from funcgrad import numpy as fnp
    >>> counts, _, _ = fnp.histogram2d(fnp.asarray([0.0, 1.0, 1.0]), fnp.asarray([0.0, 0.0, 1.0]), bins=2)
    >>> counts.tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    length = (bins.shape[0] if hasattr(bins, "shape") else len(bins)) if _are_edges(bins) else 0
    pair = bins if length == 2 else [bins, bins] if length not in (0, 1) else bins
    counts, (of_x, of_y) = _grid("histogram2d", [asarray(x), asarray(y)], pair, range, density, weights)
    return counts, of_x, of_y
