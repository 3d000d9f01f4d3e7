"""Differences and integrals along an axis, slopes on a grid, and values between its points."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from ..core import SCALARS, Array
from ..dtypes import is_boolean, is_complex, is_integer, weak
from ..errors import DtypeError, OptionError, ShapeError
from ..ops import sort as sorting
from ..ops.create import asarray, promote_all, to_inexact
from ..ops.precision import widened
from ..ops.shape import normalize_axes, normalize_axis, slice_
from .elementwise import abs, clip, equal, isnan, not_equal, remainder, where
from .manipulation import broadcast_to, concat, ravel, reshape
from .reductions import cumsum, sum

__all__ = [
    "diff",
    "ediff1d",
    "gradient",
    "interp",
    "trapezoid",
    "unwrap",
]


def _part(x: Array, axis: int, start: int | None, stop: int | None) -> Any:
    """x[start:stop] along an axis."""
    return slice_(x, key=(slice(None),) * axis + (slice(start, stop),))


# ---- differences and sums of them --------------------------------------------------------------


def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Array:
    """The differences of neighbours, a[i + 1] - a[i]; of booleans whether they differ.

    Args:
        a: an array.
        n: how many times to take differences.
        axis: along which axis.
        prepend, append: what to put before and behind a first: an array that fits elsewhere, or a number.

    Returns:
        An array that is shorter by n along the axis.

    Raises:
        ShapeError: a has no dimensions.
        OptionError: n is negative.

    >>> from funcgrad import numpy as fnp
    >>> fnp.diff(fnp.asarray([1, 4, 9]), prepend=0)
    Array([1, 3, 5], dtype=int64)
    """
    x, n = asarray(a), operator.index(n)
    if n < 0:
        raise OptionError(f"diff: n must not be negative, got {n}")
    if not x.ndim:
        raise ShapeError("diff: a number has no neighbours; the array must have a dimension")
    along = normalize_axis(axis, x.ndim, "diff")
    parts = [x if v is x else _beside(v, x, along) for v in (prepend, x, append) if v is not None]
    if len(parts) > 1:
        x = concat(parts, axis=along)
    for _ in range(n):
        after, before = _part(x, along, 1, None), _part(x, along, None, -1)
        x = not_equal(after, before) if is_boolean(x.dtype) else after - before
    return x


def _beside(value: Any, x: Array, axis: int) -> Array:
    """What stands before or behind x: a number is repeated along the other axes."""
    weakly = weak(x.dtype, value) if type(value) in SCALARS else None
    value = asarray(value, weakly, device=None if isinstance(value, Array) else x.device)
    return value if value.ndim else broadcast_to(value, (*x.shape[:axis], 1, *x.shape[axis + 1 :]))


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Array:
    """The differences of neighbours in the raveled array.

    Args:
        ary: an array.
        to_end, to_begin: numbers or arrays to put behind and before the differences.

    >>> from funcgrad import numpy as fnp
    >>> fnp.ediff1d(fnp.asarray([1, 2, 4]), to_begin=-9)
    Array([-9,  1,  2], dtype=int64)
    """
    x = ravel(ary)
    parts = [asarray(ravel(e), x.dtype, device=x.device) for e in (to_begin, to_end) if e is not None]
    parts.insert(0 if to_begin is None else 1, diff(x))
    return concat(parts)


@widened
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Array:
    """The integral along an axis by the trapezoidal rule: the sum of (x[i + 1] - x[i]) (y[i + 1] + y[i]) / 2.

    Args:
        y: the values, an array.
        x: where they are: one coordinate for each place along the axis, or an array that broadcasts with y.
        dx: the distance of places, where x is None.
        axis: along which axis to integrate.

    Returns:
        An array without the axis.

    >>> from funcgrad import numpy as fnp
    >>> fnp.trapezoid(fnp.asarray([1.0, 2.0, 3.0]), x=[4.0, 6.0, 8.0])
    Array(8., dtype=float32)
    """
    values = to_inexact(y)
    along = normalize_axis(axis, values.ndim, "trapezoid")
    if x is None:
        width: Any = dx
    else:
        places = asarray(x, device=None if isinstance(x, Array) else values.device)
        if places.ndim == 1:
            width = reshape(diff(places), (-1,) + (1,) * (values.ndim - along - 1))
        else:
            width = diff(places, axis=along - values.ndim)
    sums = _part(values, along, 1, None) + _part(values, along, None, -1)
    return sum(width * sums / 2, along - values.ndim)  # from behind: x may have more axes in front


def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * math.pi) -> Array:
    """Angles without jumps: multiples of the period are added so that neighbours differ by half of it at most.

    Args:
        p: a real array.
        discont: how far neighbours may differ, if more than half the period.
        axis: along which axis.
        period: of the angles; a Python int keeps integers whole.

    Returns:
        An array of p's shape. The derivative in p is the identity.

    Raises:
        DtypeError: p is complex.

    >>> from funcgrad import numpy as fnp
    >>> fnp.unwrap(fnp.asarray([0, 1, 2, -1, 0]), period=4)
    Array([0, 1, 2, 3, 4], dtype=int64)
    """
    x = asarray(p)
    if is_complex(x.dtype):
        raise DtypeError(f"unwrap: complex numbers ({x.aval}) do not come round: take their angle")
    along = normalize_axis(axis, x.ndim, "unwrap")
    steps: Any = diff(x, axis=along)
    whole = is_integer(x.dtype) and isinstance(period, int)
    if not whole:
        steps = to_inexact(steps)
    half = period // 2 if whole else period / 2
    folded: Any = remainder(steps + half, period) - half
    if not whole or period % 2 == 0:  # half a period is as far up as down: it goes as the step went
        folded = where(equal(folded, -half) & (steps > 0), half, folded)  # type: ignore[operator]
    jumps = where(abs(steps) < (half if discont is None else discont), 0, folded - steps)  # type: ignore[operator]
    rest = _part(x, along, 1, None) + cumsum(jumps, along)
    return concat([_part(x, along, None, 1), rest], axis=along)


# ---- slopes ------------------------------------------------------------------------------------


@widened
def gradient(f: Any, *varargs: Any, axis: int | Sequence[int] | None = None, edge_order: int = 1) -> Any:
    """The slope of values on a grid, by central differences inside and one-sided ones at the edges.

    Args:
        f: the values, an array.
        *varargs: the distances of the grid's points: nothing for 1, one number for all axes, or for each axis a number
            or the coordinates along it, shape (n,).
        axis: along which axes; all where None.
        edge_order: how many points more than one the edges use, 1 or 2.

    Returns:
        An array of f's shape for one axis, a tuple of them for several.

    Raises:
        ShapeError: another number of distances than of axes, or fewer points than edge_order + 1.

    >>> from funcgrad import numpy as fnp
    >>> fnp.gradient(fnp.asarray([1.0, 2.0, 4.0, 7.0]))
    Array([1. , 1.5, 2.5, 3. ], dtype=float32)
    """
    x = to_inexact(f)
    axes = normalize_axes(axis, x.ndim, "gradient")
    if edge_order not in (1, 2):
        raise OptionError(f"gradient: edge_order must be 1 or 2, not {edge_order!r}")
    given = [
        v if isinstance(v, int | float) else asarray(v, device=None if isinstance(v, Array) else x.device)
        for v in varargs
    ]
    if not given:
        given = [1.0] * len(axes)
    elif len(given) == 1 and not getattr(given[0], "ndim", 0):
        given *= len(axes)
    if len(given) != len(axes):
        raise ShapeError(f"gradient: {len(given)} distances for {len(axes)} axes")
    found = [_slope(x, h, a, edge_order) for h, a in zip(given, axes, strict=True)]
    return found[0] if len(found) == 1 else tuple(found)


def _slope(x: Any, h: Any, axis: int, edge_order: int) -> Array:
    n = x.shape[axis]
    if n <= edge_order:
        raise ShapeError(f"gradient: {n} points along axis {axis} are too few: at least {edge_order + 1} are needed")
    if getattr(h, "ndim", 0) and h.shape != (n,):
        raise ShapeError(f"gradient: coordinates of shape {h.shape} for {n} points along axis {axis}")
    if getattr(h, "ndim", 0):
        steps: Any = reshape(diff(to_inexact(h)), (-1,) + (1,) * (x.ndim - axis - 1))
        one, two = steps[:-1], steps[1:]
        weights = (-two / (one * (one + two)), (two - one) / (one * two), one / (two * (one + two)))
        first, last = steps[:1], steps[-1:]
    else:
        weights, first, last = (-0.5 / h, 0, 0.5 / h), h, h

    def at(i: int, j: int | None = None) -> Any:
        return _part(x, axis, i, j)

    before, after = at(0, -2), at(2)
    inner = weights[0] * before + weights[2] * after
    if getattr(h, "ndim", 0):
        inner = inner + weights[1] * at(1, -1)
    if edge_order == 1:
        left, right = (at(1, 2) - at(0, 1)) / first, (at(n - 1) - at(n - 2, n - 1)) / last
    else:
        near, far = (steps[1:2], steps[-2:-1]) if getattr(h, "ndim", 0) else (h, h)
        left = _edge([at(0, 1), at(1, 2), at(2, 3)], first, near)
        right = -_edge([at(n - 1, n), at(n - 2, n - 1), at(n - 3, n - 2)], last, far)
    return concat([left, inner, right], axis=axis)


def _edge(values: list[Any], one: Any, two: Any) -> Any:
    """The slope at the first of three points, by the parabola through them; `one` and `two` are their distances."""
    a, b, c = values
    whole = one + two
    return -(one + whole) / (one * whole) * a + whole / (one * two) * b - one / (two * whole) * c


# ---- values between points ---------------------------------------------------------------------


@widened
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Array:
    """Values between the points (xp, fp), on the straight lines that join them.

    Args:
        x: where to look, an array of any shape.
        xp: the points' places, increasing, shape (n,); in any order with a period.
        fp: the values there, shape (n,), real or complex.
        left, right: the values before the first and behind the last point; those of these points where None.
        period: that of x, with which the line begins again.

    Returns:
        An array of x's shape; it has derivatives in x, xp and fp.

    Raises:
        ShapeError: xp and fp are not of one dimension and one size, or there is no point.

    >>> from funcgrad import numpy as fnp
    >>> fnp.interp(2.5, [1.0, 2.0, 3.0], [3.0, 2.0, 0.0])
    Array(1., dtype=float32)
    """
    values = asarray(fp)
    places = asarray(xp, device=None if isinstance(xp, Array) else values.device)
    given = x if isinstance(x, Array | int | float) else asarray(x, device=values.device)
    at, places = (to_inexact(v) for v in promote_all([given, places]))
    values = to_inexact(values)
    if places.ndim != 1 or places.shape != values.shape or not places.shape[0]:
        raise ShapeError(f"interp: xp {places.aval} and fp {values.aval} must be of one dimension and of one size")
    if period is not None:
        left = right = None
        at, places, values = _periodic(at, places, values, period)
    first, last = values[0], values[-1]
    below, above = (first if left is None else left), (last if right is None else right)
    n = places.shape[0]
    if n == 1:
        between: Any = first
    else:
        index: Any = clip(sorting.searchsorted(places, at, side="right"), 1, n - 1)
        x0, x1, y0, y1 = places[index - 1], places[index], values[index - 1], values[index]
        width = x1 - x0
        between = y0 + (y1 - y0) * ((at - x0) / where(equal(width, 0), 1, width))
    found = where(at < places[0], below, where(at > places[-1], above, between))  # type: ignore[operator]
    return where(isnan(at), at, found)


def _periodic(at: Any, places: Any, values: Any, period: Any) -> tuple[Any, Any, Any]:
    """The points in the order of their places within one period, with one more on each side."""
    if not isinstance(period, Array) and period == 0:
        raise OptionError("interp: the period must not be 0")
    length = abs(asarray(period, at.dtype))
    at, places = remainder(at, length), remainder(places, length)
    order = sorting.argsort(places, axis=0, descending=False)
    places, values = places[order], values[order]
    places = concat([places[-1:] - length, places, places[:1] + length])
    return at, places, concat([values[-1:], values, values[:1]])
