"""Reductions: over all axes by default, over one, or over several; `keepdims` leaves them at size one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..core import Array
from ..dtypes import canonical, inexact, is_boolean, is_complex, is_inexact
from ..errors import ShapeError
from ..operations import Operation
from ..ops import reduce as ops
from ..ops.create import asarray, promote, to_inexact
from ..ops.elementwise import astype, complex_abs, equal, stop_gradient, where
from ..ops.elementwise import exp as _exp
from ..ops.elementwise import isfinite as _isfinite
from ..ops.elementwise import log as _log
from ..ops.precision import widened
from ..ops.shape import normalize_axes, normalize_axis
from .manipulation import pad, ravel

__all__ = [
    "all",
    "allclose",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "array_equal",
    "count_nonzero",
    "cumsum",
    "cumulative_sum",
    "logsumexp",
    "max",
    "mean",
    "min",
    "prod",
    "std",
    "sum",
    "var",
]

Axis = int | Sequence[int] | None


def _reduce(primitive: Operation, x: Array, axis: Axis, keepdims: bool) -> Array:
    axes = normalize_axes(axis, x.ndim, primitive.__name__)
    out = primitive(x, axes=axes) if axes or primitive.__name__ in ("any", "all") else x
    return ops.kept(out, x, axes) if keepdims else out


def _whole(x: Array) -> Array:
    """Booleans and small integers are summed as int64, unsigned ones as uint64."""
    if is_inexact(x.dtype) or x.dtype.itemsize == 8:
        return x
    return astype(x, "uint64" if x.dtype.kind == "u" else "int64")


def sum(x: Any, /, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """The sum of the elements.

    Args:
        x: an array.
        axis: which axes to sum over; all where None.
        dtype: to sum in; booleans and small integers are summed as int64, unsigned ones as uint64.
        keepdims: whether the axes stay, at size one.

    Returns:
        An array without those axes.

    Raises:
        AxisError: no such axis, or one named twice.

    >>> from funcgrad import numpy as fnp
    >>> fnp.sum(fnp.asarray([[1, 2], [3, 4]]), axis=0)
    Array([4, 6], dtype=int64)
    """
    x = _whole(asarray(x)) if dtype is None else astype(asarray(x), dtype)
    return _reduce(ops.sum, x, axis, keepdims)


def prod(x: Any, /, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """The product of the elements; arguments as for `sum`. Zeros do not spoil its derivative.

    >>> import funcgrad as fg
    >>> fg.grad(fg.numpy.prod)(fg.asarray([0.0, 2.0, 3.0]))
    Array([6., 0., 0.], dtype=float32)
    """
    x = _whole(asarray(x)) if dtype is None else astype(asarray(x), dtype)
    return _reduce(ops.prod, x, axis, keepdims)


def max(x: Any, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """The largest element, NaN if there is one; elements that tie share the derivative equally.

    Args:
        x: an array with elements.
        axis: which axes to look along; all where None.
        keepdims: whether the axes stay, at size one.

    Raises:
        AxisError: no such axis, or one named twice.
        ShapeError: there are no elements to choose from.

    >>> import funcgrad as fg
    >>> fg.grad(fg.numpy.max)(fg.asarray([1.0, 3.0, 3.0]))
    Array([0. , 0.5, 0.5], dtype=float32)
    """
    return _reduce(ops.max, asarray(x), axis, keepdims)


def min(x: Any, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """The smallest element, NaN if there is one; elements that tie share the derivative equally.

    Args, Raises: as for `max`.

    >>> import funcgrad as fg
    >>> fg.grad(fg.numpy.min)(fg.asarray([1.0, 3.0, 3.0]))
    Array([1., 0., 0.], dtype=float32)
    """
    return _reduce(ops.min, asarray(x), axis, keepdims)


def any(x: Any, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """Is any element true (not zero)?"""
    return _reduce(ops.any, astype(asarray(x), bool), axis, keepdims)


def all(x: Any, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """Are all elements true (not zero)?"""
    return _reduce(ops.all, astype(asarray(x), bool), axis, keepdims)


def count_nonzero(x: Any, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """How many elements are not zero."""
    return sum(astype(asarray(x), bool), axis, keepdims=keepdims)


def _position(primitive: Operation, x: Any, axis: int | None, keepdims: bool) -> Array:
    x = asarray(x)
    if axis is None:
        out = primitive(ravel(x), axis=0)
        return out.reshape((1,) * x.ndim) if keepdims else out
    found = normalize_axis(axis, x.ndim, primitive.__name__)
    out = primitive(x, axis=found)
    return ops.kept(out, x, (found,)) if keepdims else out


def argmax(x: Any, /, axis: int | None = None, keepdims: bool = False) -> Array:
    """Where the largest element is, the first of equals; an index into the raveled array without an axis.

    >>> from funcgrad import numpy as fnp
    >>> fnp.argmax(fnp.asarray([[1, 5], [7, 2]]), axis=1)
    Array([1, 0], dtype=int64)
    """
    return _position(ops.argmax, x, axis, keepdims)


def argmin(x: Any, /, axis: int | None = None, keepdims: bool = False) -> Array:
    """Where the smallest element is, the first of equals."""
    return _position(ops.argmin, x, axis, keepdims)


@widened
def mean(x: Any, /, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Array:
    """The arithmetic mean, sum(x) / n; of integers too a float.

    Args:
        x: an array.
        axis: which axes to average over; all where None.
        dtype: to compute in; by default x's own, and the default float for integers.
        keepdims: whether the axes stay, at size one.

    Returns:
        An array without those axes; NaN where they have no elements.

    >>> from funcgrad import numpy as fnp
    >>> fnp.mean(fnp.asarray([[1, 2], [3, 6]]), axis=0)
    Array([2., 4.], dtype=float32)
    """
    x = asarray(x)
    x = astype(x, inexact(x.dtype) if dtype is None else canonical(dtype))
    return sum(x, axis, keepdims=keepdims) / _count(x, axis)


def _count(x: Array, axis: Axis) -> int:
    n = 1
    for a in normalize_axes(axis, x.ndim, "mean"):
        n *= x.shape[a]
    return n


@widened
def var(x: Any, /, axis: Axis = None, keepdims: bool = False, *, correction: float = 0, ddof: float = 0) -> Array:
    """The variance: the mean of |x - mean(x)|^2.

    Args:
        x: an array.
        axis, keepdims: as for `sum`.
        correction: divide by n - correction instead of n: 0 for the variance of these numbers, 1 for an unbiased
            estimate of the variance they were drawn from. `ddof` is NumPy's name for it.

    >>> from funcgrad import numpy as fnp
    >>> float(fnp.var(fnp.asarray([1.0, 2.0, 3.0, 4.0]), correction=1))
    1.6666666269302368
    """
    x = to_inexact(x)
    count = _count(x, axis)
    n = count - (correction or ddof)
    if n < 0:
        raise ShapeError(f"var: {count} elements are fewer than the correction {correction or ddof}")
    middle: Any = mean(x, axis, keepdims=True)
    if is_complex(x.dtype):
        return sum(complex_abs(x - middle) ** 2, axis, keepdims=keepdims) / n  # type: ignore[operator]
    # sum((x - mean)^2) is sum((x - c)^2) - count (mean - c)^2 for every c. With a constant that happens to be the mean
    # the derivative is (x - mean) at once, and not that minus its own mean, which is another walk through the array.
    fixed: Any = stop_gradient(middle)
    deviation, drift = x - fixed, where(_isfinite(fixed), middle - fixed, 0)
    total: Any = sum(deviation * deviation, axis, keepdims=keepdims)
    shift = drift * drift * (count / n if n else count)  # 0; by no number that float16 does not have
    return total / n - (shift if keepdims else shift.reshape(total.shape))


@widened
def std(x: Any, /, axis: Axis = None, keepdims: bool = False, *, correction: float = 0, ddof: float = 0) -> Array:
    """The standard deviation, sqrt(var)."""
    return var(x, axis, keepdims, correction=correction, ddof=ddof) ** 0.5


@widened
def logsumexp(x: Any, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """log(sum(exp(x))) without overflow: max(x) + log(sum(exp(x - max(x)))).

    Its derivative is softmax(x). Rows of -inf alone give -inf.

    Args:
        x: an array.
        axis, keepdims: as for `sum`.

    >>> from funcgrad import numpy as fnp
    >>> round(float(fnp.logsumexp(fnp.asarray([1000.0, 1000.0]))), 3)
    1000.693
    """
    x = to_inexact(x)
    axes = normalize_axes(axis, x.ndim, "logsumexp")
    if not axes:
        return x
    peak: Any = stop_gradient(ops.max(x, axes=axes))
    nothing = equal(peak, -math.inf)  # log(0), which NumPy warns of and whose derivative is NaN
    shift: Any = where(_isfinite(peak), peak, 0)
    total: Any = ops.sum(_exp(x - ops.kept(shift, x, axes)), axes=axes)
    out: Any = where(nothing, -math.inf, _log(where(nothing, 1, total)) + shift)
    return ops.kept(out, x, axes) if keepdims else out


def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Array:
    """Running sums along an axis (needed where x has more than one).

    Args:
        x: an array.
        axis: along which to sum.
        dtype: to sum in.
        include_initial: start with a 0, which makes the axis longer by one.
    """
    x = _whole(asarray(x)) if dtype is None else astype(asarray(x), dtype)
    if axis is None and x.ndim != 1:
        raise ShapeError(f"cumulative_sum: say which axis of the shape {x.shape}")
    found = normalize_axis(0 if axis is None else axis, x.ndim, "cumulative_sum")
    out: Any = ops.cumulative_sum(x, axis=found, reverse=False)
    if not include_initial:
        return out
    widths = [(0, 0)] * x.ndim
    widths[found] = (1, 0)
    return pad(out, tuple(widths))


def cumsum(x: Any, /, axis: int | None = None, dtype: Any = None) -> Array:
    """Running sums along an axis; of the raveled array without one, as NumPy."""
    return cumulative_sum(ravel(x) if axis is None else x, axis=0 if axis is None else axis, dtype=dtype)


def _both(x: Any, y: Any) -> tuple[Any, Any]:
    """Two arrays of one dtype, a Python number beside an array in the array's."""
    x, y = promote(x, y)
    dtype = (x if isinstance(x, Array) else y).dtype
    return asarray(x, dtype), asarray(y, dtype)


def array_equal(x: Any, y: Any, /) -> bool:
    """Have two arrays one shape and equal elements?"""
    x, y = _both(x, y)
    return x.shape == y.shape and bool(all(equal(x, y)))


def allclose(x: Any, y: Any, /, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> bool:
    """Is |x - y| <= atol + rtol |y| everywhere?"""
    x, y = _both(x, y)
    if is_boolean(x.dtype):
        return bool(all(equal(x, y)))
    near: Any = (x == y) | (abs(x - y) <= atol + rtol * abs(y))
    if equal_nan:
        near = near | ((x != x) & (y != y))
    return bool(all(near))


amax, amin = max, min
