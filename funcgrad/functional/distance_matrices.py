"""Distances of all pairs of points."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import Array
from ..errors import OptionError, ShapeError
from ..numpy.linalg.norms import vector_norm
from ..numpy.manipulation import expand_dims
from ..ops.create import asarray, promote_inexact, to_inexact
from ..ops.precision import widened

__all__ = ["cdist", "pdist"]


@widened
def cdist(x1: Any, x2: Any, p: float = 2.0) -> Array:
    """The distance of every point of one set to every point of another.

        out[i, j] = (sum_k |x1[i, k] - x2[j, k]|^p)^(1/p)

    It is made of the differences themselves: |a|^2 - 2 a.b + |b|^2 would be faster for many dimensions, but has no
    digits left for points that are close. Compiled, the differences are never in memory.

    Args:
        x1: (..., P, K), P points of K coordinates.
        x2: (..., R, K); the axes in front broadcast.
        p: the order of the norm, at least 0: inf for the largest difference, 0 for the number of those that are not 0.

    Returns:
        (..., P, R). Its derivative is 0 where a distance is 0.

    Raises:
        OptionError: p is negative.
        ShapeError: the arrays are no points of equally many coordinates.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.cdist(fnp.asarray([[0.0, 0.0], [3.0, 4.0]]), fnp.asarray([[0.0, 0.0]])).tolist()
    [[0.0], [5.0]]
    """
    if p < 0:
        raise OptionError(f"cdist: p must not be negative: {p}")
    a, b = promote_inexact(asarray(x1), asarray(x2))
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-1]:
        raise ShapeError(f"cdist: x1 must be (..., P, K) and x2 (..., R, K) with one K, not {a.aval} and {b.aval}")
    difference: Any = expand_dims(a, -2) - expand_dims(b, -3)
    return vector_norm(difference, axis=-1, ord=p)


@widened
def pdist(x: Any, p: float = 2.0) -> Array:
    """The distance of every pair of points of a set, once each: the upper triangle of `cdist(x, x)`, row by row.

    Args:
        x: (N, K), N points of K coordinates.
        p: as for `cdist`.

    Returns:
        (N (N - 1) / 2,). Its derivative is 0 where a distance is 0.

    Raises:
        OptionError: p is negative.
        ShapeError: x is no matrix.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.pdist(fnp.asarray([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])).round(3)
    Array([5.   , 1.   , 4.243], dtype=float32)
    """
    if p < 0:
        raise OptionError(f"pdist: p must not be negative: {p}")
    points: Any = to_inexact(x)
    if points.ndim != 2:
        raise ShapeError(f"pdist: x must be (N, K), not {points.aval}")
    first, second = np.triu_indices(points.shape[0], 1)
    return vector_norm(points[first] - points[second], axis=-1, ord=p)
