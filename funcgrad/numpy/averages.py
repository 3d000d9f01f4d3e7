"""Means and variances: over all axes by default, over one, or over several."""

from __future__ import annotations

import math
from typing import Any

from ..core import Array
from ..dtypes import canonical, inexact, is_complex
from ..errors import ShapeError
from ..ops.create import asarray, promote_all, to_inexact
from ..ops.elementwise import astype, complex_abs, isfinite, real_part, stop_gradient
from ..ops.elementwise import where as select
from ..ops.precision import widened
from ..ops.shape import normalize_axes
from .creation import full_like
from .manipulation import broadcast_to, reshape
from .reductions import Axis, mask_of, masked, refuse_out, sum

__all__ = [
    "average",
    "mean",
    "std",
    "var",
]


@widened
def mean(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    keepdims: bool = False,
    *,
    where: Any = None,
) -> Array:
    """The arithmetic mean, sum(x) / n; of integers too a float.

    Args:
        a: an array.
        axis: which axes to average over; all where None.
        dtype: to compute in; by default a's own, and the default float for integers.
        out: not taken, arrays do not change.
        keepdims: whether the axes stay, at size one.
        where: booleans that broadcast to a's shape: the elements to average.

    Returns:
        An array without those axes; NaN where they have no elements.

    >>> from funcgrad import numpy as fnp
    >>> fnp.mean(fnp.asarray([[1, 2], [3, 6]]), axis=0)
    Array([2., 4.], dtype=float32)
    """
    refuse_out("mean", out)
    x = asarray(a)
    x = astype(x, inexact(x.dtype) if dtype is None else canonical(dtype))
    total: Any = sum(x, axis, None, None, keepdims, None, where)
    return total / (_size(x, axis) if where is None else _count("mean", x, axis, where, keepdims))


def _size(x: Array, axis: Axis) -> int:
    """How many elements there are along the axes."""
    n = 1
    for a in normalize_axes(axis, x.ndim, "mean"):
        n *= x.shape[a]
    return n


def _count(name: str, x: Array, axis: Axis, where: Any, keepdims: bool) -> Any:
    """How many elements there are: a number, or with a mask an array of x's dtype, real."""
    if where is None or where is True:
        return _size(x, axis)
    axes = normalize_axes(axis, x.ndim, name)
    mask = broadcast_to(astype(mask_of(name, x, where), "int64"), x.shape)
    return astype(sum(mask, axes, keepdims=keepdims), real_part(x).dtype)


@widened
def var(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Any = None,
    mean: Any = None,
    correction: float = 0.0,
) -> Array:
    """The variance: the mean of |x - mean(x)|^2.

    Args:
        a: an array.
        axis, keepdims: as for `sum`.
        dtype: to compute in; by default a's own, and the default float for integers.
        out: not taken, arrays do not change.
        correction: divide by n - correction instead of n: 0 for the variance of these numbers, 1 for an unbiased
            estimate of the variance they were drawn from. `ddof` is NumPy's name for it.
        where: booleans that broadcast to a's shape: the elements to take.
        mean: the mean, if it is known, with the axes kept at size one.

    Returns:
        A real array without those axes; NaN where there are no more elements than the correction.

    >>> from funcgrad import numpy as fnp
    >>> float(fnp.var(fnp.asarray([1.0, 2.0, 3.0, 4.0]), correction=1))
    1.6666666269302368
    """
    refuse_out("var", out)
    x = to_inexact(a) if dtype is None else astype(asarray(a), dtype)
    less = correction or ddof
    plain = where is None or where is True
    count = _count("var", x, axis, where, keepdims)
    n = count - less
    if not plain:
        n = select(n > 0, n, math.nan)
    elif n <= 0:
        n = math.nan  # so few numbers tell nothing of it
    middle: Any = _mean(x, axis, keepdims=True, where=where) if mean is None else mean
    if not plain or mean is not None or is_complex(x.dtype):
        deviation: Any = masked("var", x - middle, where, 0)  # before the square, whose derivative would be NaN of NaN
        if is_complex(x.dtype):
            deviation = complex_abs(deviation)
        return sum(deviation * deviation, axis, keepdims=keepdims) / n  # type: ignore[operator]
    # sum((x - mean)^2) is sum((x - c)^2) - count (mean - c)^2 for every c. With a constant that happens to be the mean
    # the derivative is (x - mean) at once, and not that minus its own mean, which is another walk through the array.
    fixed: Any = stop_gradient(middle)
    deviation, drift = x - fixed, select(isfinite(fixed), middle - fixed, 0)
    total: Any = sum(deviation * deviation, axis, None, None, keepdims)
    shift = drift * drift * (count / n)  # 0; by no number that float16 does not have
    return total / n - (shift if keepdims else shift.reshape(total.shape))


@widened
def std(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Any = None,
    mean: Any = None,
    correction: float = 0.0,
) -> Array:
    """The standard deviation, sqrt(var); arguments as for `var`."""
    refuse_out("std", out)
    found: Any = var(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction)
    return found**0.5


@widened
def average(a: Any, axis: Axis = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    """The weighted mean, sum(w x) / sum(w).

    Args:
        a: an array.
        axis: which axes to average over; all where None.
        weights: an array of a's shape, or of the sizes of the axes in their order; the plain mean where None.
        returned: whether the sum of the weights is wanted, too.
        keepdims: whether the axes stay, at size one.

    Returns:
        The average, or (average, sum of the weights), both of one shape.

    Raises:
        ShapeError: the weights fit neither a nor the axes.

    >>> from funcgrad import numpy as fnp
    >>> fnp.average(fnp.asarray([[1.0, 2.0], [3.0, 6.0]]), axis=1, weights=[3.0, 1.0])
    Array([1.25, 3.75], dtype=float32)
    """
    if weights is None:
        found = mean(a, axis, keepdims=keepdims)
        if not returned:
            return found
        return found, full_like(found, _count("average", asarray(a), axis, None, keepdims))
    a, w = promote_all((asarray(a), asarray(weights)))
    a, w = to_inexact(a), to_inexact(w)
    w = along_axes("average", a, w, axis)
    total: Any = sum(w, axis, keepdims=keepdims)
    found = sum(a * w, axis, keepdims=keepdims) / total  # type: ignore[operator]
    return (found, total) if returned else found


def along_axes(name: str, x: Array, weights: Array, axis: Axis) -> Array:
    """Weights for each element of x, given for all or for the axes alone."""
    if weights.shape == x.shape:
        return weights
    axes = normalize_axes(axis, x.ndim, name)
    if axis is None or weights.shape != tuple(x.shape[a] for a in axes):
        raise ShapeError(
            f"{name}: weights of shape {weights.shape} are neither of the array's shape {x.shape} nor of the sizes "
            "along `axis`, which must be given then"
        )
    order = sorted(range(len(axes)), key=axes.__getitem__)
    shape = tuple(n if i in axes else 1 for i, n in enumerate(x.shape))
    return broadcast_to(reshape(weights.transpose(order), shape), x.shape)


_mean = mean  # `var` has an argument of that name
