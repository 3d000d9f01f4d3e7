"""Values minus their mean, divided by their standard deviation."""

from __future__ import annotations

from typing import Any

from ..core import Array
from ..numpy import averages
from ..numpy.elementwise import sqrt
from ..ops.create import to_inexact
from ..ops.precision import widened

__all__ = ["standardize"]


@widened
def standardize(
    x: Any,
    axis: int | tuple[int, ...] | None = -1,
    mean: Any = None,
    variance: Any = None,
    epsilon: float = 1e-5,
    where: Any = None,
) -> Array:
    """(x - mean) / sqrt(variance + epsilon).

    Args:
        x: real numbers; integers are taken as the default float.
        axis: over which axes mean and variance are taken; all where None.
        mean, variance: given ones, which broadcast to x; those of x where None, the variance around the mean that is
            subtracted.
        epsilon: added to the variance, so that constants do not divide by zero.
        where: booleans that broadcast to x: the elements of which mean and variance are taken; all where None.

    Returns:
        An array of x's shape; NaN where mean or variance are those of no elements.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.standardize(fnp.asarray([[1.0, 3.0], [10.0, 30.0]]), epsilon=0.0)
    Array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)

    Source: jax.nn.standardize.
    """
    values: Any = to_inexact(x)
    if mean is None:
        mean = averages.mean(values, axis, keepdims=True, where=where)
    difference = values - mean
    if variance is None:
        variance = averages.mean(difference * difference, axis, keepdims=True, where=where)
    return difference / sqrt(variance + epsilon)
