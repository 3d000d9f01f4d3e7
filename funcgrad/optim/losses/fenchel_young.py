"""Losses made of a function that takes a maximum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core import Array
from ...ops.create import to_inexact
from ...transforms.vmap import vmap
from .operands import aligned

__all__ = ["make_fenchel_young_loss"]


def make_fenchel_young_loss(max_fun: Callable[..., Any]) -> Callable[..., Array]:
    """The Fenchel-Young loss max_fun(scores) - scores . targets of a convex function of scores.

    With logsumexp it is the cross-entropy, with the maximum the perceptron loss; its derivative is that of the function
    minus the targets.

    Args:
        max_fun: of a vector of scores (and of what else the loss is given), one number.

    Returns:
        (scores, targets, *args, **kwargs) -> losses, for vectors along the last axis.

    >>> from funcgrad import optim, numpy as fnp
    >>> loss = optim.losses.make_fenchel_young_loss(fnp.logsumexp)
    >>> loss(fnp.asarray([[2.0, 0.0], [0.0, 0.0]]), fnp.asarray([[1.0, 0.0], [0.0, 1.0]])).round(4)
    Array([0.1269, 0.6931], dtype=float32)

    Source: M. Blondel, A. Martins and V. Niculae, Learning with Fenchel-Young losses, 2020.
    """

    def fenchel_young_loss(scores: Any, targets: Any, *args: Any, **kwargs: Any) -> Array:
        x, t = aligned(to_inexact(scores), targets)

        def largest(vector: Any) -> Any:
            return max_fun(vector, *args, **kwargs)

        each: Callable[[Any], Any] = largest
        for _ in range(x.ndim - 1):
            each = vmap(each)
        return each(x) - (x * t).sum(-1)

    return fenchel_young_loss
