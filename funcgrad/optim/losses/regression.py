"""Losses of numbers."""

from __future__ import annotations

from typing import Any

from ... import functional as F
from ...core import Array
from ...numpy.creation import asarray
from ...numpy.elementwise import where as choose
from ...ops.precision import widened
from .operands import aligned, mask_of

__all__ = ["cosine_distance", "cosine_similarity", "huber_loss", "l2_loss", "log_cosh", "squared_error"]


def _against(targets: Any) -> Any:
    return 0.0 if targets is None else targets


def squared_error(predictions: Any, targets: Any = None) -> Array:
    """(predictions - targets)^2: `functional.mse_loss`, not reduced.

    Args:
        predictions: any shape.
        targets: of that shape, or a number; 0 where None.

    >>> from funcgrad import optim, numpy as fnp
    >>> optim.squared_error(fnp.asarray([1.0, 3.0]), fnp.asarray([1.0, 1.0]))
    Array([0., 4.], dtype=float32)
    """
    return F.mse_loss(predictions, _against(targets), "none")


@widened
def l2_loss(predictions: Any, targets: Any = None) -> Array:
    """Half of `squared_error`.

    >>> from funcgrad import optim, numpy as fnp
    >>> optim.l2_loss(fnp.asarray([1.0, 3.0]), fnp.asarray([1.0, 1.0]))
    Array([0., 2.], dtype=float32)
    """
    loss: Any = squared_error(predictions, targets)
    return loss * 0.5


def huber_loss(predictions: Any, targets: Any = None, *, delta: Any = 1.0) -> Array:
    """Half the square of small differences, a tangent for large ones: `functional.huber_loss`, not reduced.

    Args:
        predictions: any shape.
        targets: what broadcasts with them; 0 where None.
        delta: where the parabola ends.

    >>> from funcgrad import optim, numpy as fnp
    >>> optim.huber_loss(fnp.asarray([0.5, 3.0]))
    Array([0.125, 2.5  ], dtype=float32)
    """
    return F.huber_loss(*aligned(predictions, _against(targets)), "none", delta)


def log_cosh(predictions: Any, targets: Any = None) -> Array:
    """The logarithm of the hyperbolic cosine of the difference: `functional.log_cosh_loss`, not reduced.

    Args:
        predictions: any shape.
        targets: what broadcasts with them; 0 where None.

    >>> from funcgrad import optim, numpy as fnp
    >>> optim.log_cosh(fnp.asarray([0.0, 2.0])).round(4)
    Array([0.   , 1.325], dtype=float32)
    """
    return F.log_cosh_loss(*aligned(predictions, _against(targets)), "none")


@widened
def cosine_similarity(
    predictions: Any, targets: Any, *, epsilon: Any = 0.0, axis: int | tuple[int, ...] = -1, where: Any = None
) -> Array:
    """The cosine of the angle between vectors: `functional.cosine_similarity`.

    Args:
        predictions, targets: arrays that broadcast.
        epsilon: the least square of a length that is divided by; with 0 the cosine of a vector of length 0 is NaN.
        axis: along which the vectors lie.
        where: which elements count.

    >>> from funcgrad import optim, numpy as fnp
    >>> round(float(optim.cosine_similarity(fnp.asarray([3.0, 4.0]), fnp.asarray([1.0, 0.0]))), 4)
    0.6
    """
    a, b = aligned(predictions, targets)
    counts = mask_of(where, a.shape, axis)
    if counts is not None:
        a, b = choose(counts, a, 0), choose(counts, b, 0)
    return F.cosine_similarity(a, b, axis, epsilon**0.5)


@widened
def cosine_distance(
    predictions: Any, targets: Any, *, epsilon: Any = 0.0, axis: int | tuple[int, ...] = -1, where: Any = None
) -> Array:
    """1 - `cosine_similarity`, with its arguments.

    >>> from funcgrad import optim, numpy as fnp
    >>> round(float(optim.cosine_distance(fnp.asarray([3.0, 4.0]), fnp.asarray([1.0, 0.0]))), 4)
    0.4
    """
    similarity: Any = cosine_similarity(predictions, targets, epsilon=epsilon, axis=axis, where=where)
    return asarray(1 - similarity)
