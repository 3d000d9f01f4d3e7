"""Integrals of sampled functions, with the names and arguments of `scipy.integrate`.

>>> import funcgrad.scipy.integrate as integrate
>>> integrate.simpson([0.0, 1.0, 4.0])
Array(2.6666667, dtype=float32)
"""

from __future__ import annotations

from typing import Any

from ..core import Array
from ..errors import OptionError, ShapeError
from ..numpy.calculus import trapezoid
from ..numpy.creation import asarray
from ..numpy.elementwise import where
from ..numpy.manipulation import concat, moveaxis
from ..numpy.reductions import cumulative_sum
from ..ops.create import promote_all, to_inexact
from ..ops.precision import widened
from ..ops.shape import normalize_axis

__all__ = ["cumulative_trapezoid", "simpson", "trapezoid"]


def _samples(name: str, y: Any, x: Any, dx: Any, axis: int) -> tuple[Any, Any, int]:
    """The samples with their axis last, the distances between their places, and where the axis was."""
    if x is None:
        y = to_inexact(y)
        axis = normalize_axis(axis, y.ndim, name)
        y = moveaxis(y, axis, -1)
        gaps = asarray(dx)
        if gaps.ndim:
            raise ShapeError(f"{name}: dx is one number, not {gaps.aval}; give the places as x")
        return y, gaps, axis
    y, x = map(to_inexact, promote_all([y, x]))
    axis = normalize_axis(axis, y.ndim, name)
    y = moveaxis(y, axis, -1)
    x = moveaxis(x, axis, -1) if x.ndim == y.ndim else x
    if x.ndim not in (1, y.ndim) or x.shape[-1] != y.shape[-1]:
        raise ShapeError(f"{name}: the places are an array of one axis, or of the samples' shape, unlike {x.aval}")
    return y, x[..., 1:] - x[..., :-1], axis


@widened
def cumulative_trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None) -> Array:
    """The integral up to each place by the trapezoidal rule.

    Args:
        y: samples.
        x: the places they were taken at, of one axis or of y's shape.
        dx: the distance between neighbours, where x is not given.
        axis: along which to integrate.
        initial: 0 for a first element of 0, which makes the result as long as y; without it there is one less.

    Raises:
        OptionError: another initial value.
        ShapeError: places that do not fit the samples.

    >>> import funcgrad.scipy.integrate as integrate
    >>> integrate.cumulative_trapezoid([0.0, 1.0, 4.0], initial=0)
    Array([0. , 0.5, 3. ], dtype=float32)
    """
    if not (initial is None or (isinstance(initial, int | float) and initial == 0)):
        raise OptionError(f"cumulative_trapezoid: initial is None or 0, not {initial!r}")
    y, gaps, place = _samples("cumulative_trapezoid", y, x, dx, axis)
    parts = gaps * (y[..., 1:] + y[..., :-1]) * 0.5
    out: Any = cumulative_sum(parts, axis=-1)
    if initial is not None:
        out = concat([y[..., :1] * 0, out], axis=-1)
    return moveaxis(out, -1, place)


@widened
def simpson(y: Any, x: Any = None, *, dx: Any = 1.0, axis: int = -1) -> Array:
    """The integral by Simpson's rule: that of the parabola through each three neighbours.

    Where the number of samples is even, the last interval is that of the parabola through the last three.

    Args:
        y, x, dx, axis: as for `cumulative_trapezoid`.

    Raises:
        ShapeError: places that do not fit the samples, or no samples.

    >>> import funcgrad.scipy.integrate as integrate
    >>> integrate.simpson([0.0, 1.0, 4.0, 9.0]).round(4)
    Array(9., dtype=float32)

    Source: K. Cartwright, Simpson's rule cumulative integration with MS Excel and irregularly-spaced data, 2017.
    """
    y, gaps, _ = _samples("simpson", y, x, dx, axis)
    n = y.shape[-1]
    if n == 0:
        raise ShapeError(f"simpson: there must be samples along the axis: {y.aval}")
    if n < 3:
        return (gaps * (y[..., 1:] + y[..., :-1]) * 0.5).sum(-1)
    h = gaps.broadcast_to((n - 1,)) if gaps.ndim == 0 else gaps
    whole = n - 1 + n % 2  # samples in triples
    first, second = h[..., 0 : whole - 1 : 2], h[..., 1 : whole - 1 : 2]
    both = first + second
    a, b, c = y[..., 0 : whole - 2 : 2], y[..., 1 : whole - 1 : 2], y[..., 2:whole:2]
    ratio = _over(first, second)
    inverse = _over(second, first)
    middle = _over(both * both, first * second)
    total = (both / 6 * (a * (2 - inverse) + b * middle + c * (2 - ratio))).sum(-1)
    if n % 2:
        return total
    last, before = h[..., -1], h[..., -2]
    weight = _over(2 * last * last + 3 * last * before, 6 * (last + before))
    at_middle = _over(last * last + 3 * last * before, 6 * before)
    at_first = _over(last * last * last, 6 * before * (last + before))
    return total + weight * y[..., -1] + at_middle * y[..., -2] - at_first * y[..., -3]


def _over(a: Any, b: Any) -> Any:
    """a / b, and 0 where b is 0: of two samples at one place."""
    none: Any = b == 0
    return where(none, 0, a / where(none, 1, b))  # type: ignore[operator]
