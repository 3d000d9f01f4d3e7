"""Distances of vectors, with derivatives where they are 0."""

from __future__ import annotations

from typing import Any

from ..core import Array
from ..numpy.elementwise import maximum
from ..numpy.linalg.norms import vector_norm
from ..ops.create import asarray, promote_inexact
from ..ops.precision import widened

__all__ = ["cosine_similarity", "pairwise_distance"]

Axis = int | tuple[int, ...]


@widened
def cosine_similarity(x1: Any, x2: Any, axis: Axis = -1, eps: float = 1e-8) -> Array:
    """The cosine of the angle between vectors, x1 . x2 / (max(|x1|, eps) max(|x2|, eps)).

    Args:
        x1, x2: arrays that broadcast.
        axis: along which the vectors lie; PyTorch's dim, which is 1 there.
        eps: the least length that is divided by.

    Returns:
        The broadcast shape without that axis.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.cosine_similarity(fnp.asarray([[3.0, 4.0], [0.0, 0.0]]), fnp.asarray([1.0, 0.0]))
    Array([0.6, 0. ], dtype=float32)
    """
    a, b = promote_inexact(asarray(x1), asarray(x2))
    return (a * b).sum(axis) / (_length(a, axis, eps) * _length(b, axis, eps))


def _length(x: Any, axis: Axis, eps: float) -> Any:
    """The length of vectors, at least eps: there it is a constant."""
    return maximum(vector_norm(x, axis=axis), eps) if eps else vector_norm(x, axis=axis)


@widened
def pairwise_distance(
    x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False, axis: int = -1
) -> Array:
    """The p-norm of x1 - x2 + eps, (sum |x1 - x2 + eps|^p)^(1/p).

    Args:
        x1, x2: arrays that broadcast.
        p: the order of the norm; inf for the largest difference.
        eps: added to each difference, as in PyTorch, which keeps equal vectors off the kink at 0; with 0 the derivative
            there is 0.
        keepdims: whether the axis stays, at size one; PyTorch's keepdim.
        axis: along which the vectors lie.

    Returns:
        The broadcast shape without that axis.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.pairwise_distance(fnp.asarray([[3.0, 4.0]]), fnp.zeros((1, 2)), eps=0.0)
    Array([5.], dtype=float32)
    """
    a, b = promote_inexact(asarray(x1), asarray(x2))
    return vector_norm(a - b + eps, axis=axis, keepdims=keepdims, ord=p)
