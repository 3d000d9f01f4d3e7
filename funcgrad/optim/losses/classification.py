"""Cross-entropies of classes, and of lists of items."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ... import functional as F
from ...core import Array
from ...errors import OptionError
from ...functional import smooth_labels
from ...functional.score_losses import log_softmax_of_some
from ...numpy.averages import mean as _mean
from ...numpy.creation import asarray
from ...numpy.elementwise import exp
from ...numpy.elementwise import where as choose
from ...numpy.indexing import take_along_axis
from ...numpy.manipulation import expand_dims, moveaxis
from ...numpy.reductions import logsumexp
from ...ops.create import to_inexact
from ...ops.precision import widened
from ...ops.shape import normalize_axes
from .operands import aligned, mask_of

__all__ = [
    "poly_loss_cross_entropy",
    "ranking_softmax_loss",
    "safe_softmax_cross_entropy",
    "sigmoid_binary_cross_entropy",
    "sigmoid_focal_loss",
    "smooth_labels",
    "softmax_cross_entropy",
    "softmax_cross_entropy_with_integer_labels",
]

Axis = int | tuple[int, ...]


def sigmoid_binary_cross_entropy(logits: Any, labels: Any) -> Array:
    """The cross-entropy of sigmoid(logits): `functional.binary_cross_entropy_with_logits`, not reduced.

    Args:
        logits: any shape.
        labels: probabilities that broadcast with them.

    >>> from funcgrad import optim, numpy as fnp
    >>> optim.sigmoid_binary_cross_entropy(fnp.asarray([0.0, 2.0]), fnp.asarray([1.0, 1.0])).round(4)
    Array([0.6931, 0.1269], dtype=float32)
    """
    return F.binary_cross_entropy_with_logits(*aligned(logits, labels), reduction="none")


def sigmoid_focal_loss(logits: Any, labels: Any, *, alpha: Any = None, gamma: Any = 2.0) -> Array:
    """The cross-entropy with less weight on what is predicted well: `functional.sigmoid_focal_loss`.

    Args:
        logits: any shape.
        labels: probabilities that broadcast with them.
        alpha: the share of positive examples; None for no such weight.
        gamma: how fast the weight falls.

    >>> from funcgrad import optim, numpy as fnp
    >>> optim.sigmoid_focal_loss(fnp.asarray([0.0, 2.0]), fnp.asarray([1.0, 1.0])).round(4)
    Array([0.1733, 0.0018], dtype=float32)
    """
    return F.sigmoid_focal_loss(*aligned(logits, labels), alpha=alpha, gamma=gamma)


@widened
def softmax_cross_entropy(logits: Any, labels: Any, axis: Axis = -1, where: Any = None) -> Array:
    """-sum labels log(softmax(logits)): the cross-entropy against probabilities.

    Args:
        logits: scores of classes along the axis, or along several axes together.
        labels: probabilities that broadcast with them.
        axis: where the classes are.
        where: which classes there are, or which examples count.

    >>> from funcgrad import optim, numpy as fnp
    >>> round(float(optim.softmax_cross_entropy(fnp.asarray([2.0, 0.0]), fnp.asarray([1.0, 0.0]))), 4)
    0.1269
    """
    x, p = aligned(logits, labels)
    counts = mask_of(where, x.shape, axis)
    if counts is None:
        return -(p * F.log_softmax(x, axis)).sum(axis)
    return -choose(counts, p * log_softmax_of_some(x, counts, axis), 0).sum(axis)


@widened
def safe_softmax_cross_entropy(logits: Any, labels: Any) -> Array:
    """`softmax_cross_entropy` along the last axis, where a label of 0 makes a term 0, though the logit be -inf.

    Args:
        logits: (..., classes).
        labels: probabilities that broadcast with them.

    >>> from funcgrad import optim, numpy as fnp
    >>> logits, labels = fnp.asarray([-fnp.inf, 0.0]), fnp.asarray([0.0, 1.0])
    >>> float(optim.safe_softmax_cross_entropy(logits, labels)) == 0
    True
    """
    x, p = aligned(logits, labels)
    nothing = p == 0
    return -choose(nothing, 0, p * choose(nothing, 0, F.log_softmax(x))).sum(-1)


@widened
def softmax_cross_entropy_with_integer_labels(logits: Any, labels: Any, axis: Axis = -1, where: Any = None) -> Array:
    """-log(softmax(logits)) of the class of each example: `functional.cross_entropy`, not reduced.

    Args:
        logits: scores of classes along the axis, or along several axes together.
        labels: integers, of the logits' shape without the axis; with several axes a class is a place in them laid flat.
        axis: where the classes are.
        where: which classes there are, or which examples count.

    Raises:
        ArrayIndexError: a label is no class (optax: NaN).

    >>> from funcgrad import optim, numpy as fnp
    >>> logits, labels = fnp.asarray([[2.0, 0.0], [0.0, 0.0]]), fnp.asarray([0, 1])
    >>> optim.softmax_cross_entropy_with_integer_labels(logits, labels).round(4)
    Array([0.1269, 0.6931], dtype=float32)
    """
    x, y = to_inexact(logits), asarray(labels)
    counts = mask_of(where, x.shape, axis)
    x, counts = _classes_last(x, axis), None if counts is None else _classes_last(counts, axis)
    if counts is None:
        return F.cross_entropy(x, y, reduction="none")
    some = counts.any(-1)
    total = logsumexp(choose(counts, x, choose(some[..., None], -math.inf, 0)), axis=-1)
    own = take_along_axis(x, expand_dims(y, -1), -1)[..., 0]
    return choose(some, total - own, 0)


def _classes_last(x: Any, axis: Axis) -> Any:
    """Several axes as one, which is the last."""
    if isinstance(axis, int):
        return x if axis in (-1, x.ndim - 1) else moveaxis(x, axis, -1)
    axes = normalize_axes(axis, x.ndim, "softmax_cross_entropy_with_integer_labels")
    moved = moveaxis(x, axes, tuple(range(x.ndim - len(axes), x.ndim)))
    return moved.reshape((*moved.shape[: x.ndim - len(axes)], math.prod(x.shape[a] for a in axes)))


@widened
def poly_loss_cross_entropy(
    logits: Any, labels: Any, *, epsilon: Any = 2.0, axis: Axis = -1, where: Any = None
) -> Array:
    """The cross-entropy plus epsilon times what the right class lacks of 1: `functional.poly_cross_entropy`.

    Args:
        logits, labels, axis, where: as for `softmax_cross_entropy`.
        epsilon: how much the second term counts.

    >>> from funcgrad import optim, numpy as fnp
    >>> logits, labels = fnp.asarray([0.0, 0.0]), fnp.asarray([0.0, 1.0])
    >>> round(float(optim.losses.poly_loss_cross_entropy(logits, labels, epsilon=1.0)), 4)
    1.1931
    """
    x, p = aligned(logits, labels)
    counts = mask_of(where, x.shape, axis)
    if counts is None and isinstance(axis, int):
        return F.poly_cross_entropy(x, p, epsilon, "none", axis)
    logs = F.log_softmax(x, axis) if counts is None else log_softmax_of_some(x, counts, axis)
    terms = p * ((1 - exp(logs)) * epsilon - logs)
    return (terms if counts is None else choose(counts, terms, 0)).sum(axis)


@widened
def ranking_softmax_loss(
    logits: Any,
    labels: Any,
    *,
    where: Any = None,
    weights: Any = None,
    reduce_fn: Callable[..., Any] | None = _mean,
) -> Array:
    """The cross-entropy of a list's scores against its items' relevance: `functional.ranking_softmax_loss`.

    Args:
        logits: (..., items).
        labels: the relevances, of that shape.
        where: which items there are.
        weights: what the relevances are multiplied by.
        reduce_fn: `fnp.mean`, of the lists that have an item (0 where none has), `fnp.sum`, another function of all
            losses, or None for the losses themselves.

    >>> from funcgrad import optim, numpy as fnp
    >>> scores, relevance = fnp.asarray([2.0, 0.0]), fnp.asarray([1.0, 0.0])
    >>> round(float(optim.losses.ranking_softmax_loss(scores, relevance)), 4)
    0.1269
    """
    x, t = aligned(logits, labels)
    if reduce_fn is not None and not callable(reduce_fn):
        raise OptionError(f"ranking_softmax_loss: reduce_fn must be a function or None, not {reduce_fn!r}")
    losses: Any = F.ranking_softmax_loss(x, t, weights, "none", where=where)
    if reduce_fn is None:
        return losses
    if where is None or reduce_fn is not _mean:
        return reduce_fn(losses)
    present: Any = asarray(where).broadcast_to(x.shape).any(-1)
    count = present.sum()
    return losses.sum() / choose(count > 0, count, 1).astype(losses.dtype)
