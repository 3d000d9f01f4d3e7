"""Losses that ask for a margin between what is right and what is wrong, and no more.

`reduction.py` says what `reduction` and `where` mean. All but the smooth ones have a kink at the margin; there the
derivative is 0.
"""

from __future__ import annotations

from typing import Any

from ..core import Array
from ..dtypes import is_integer
from ..errors import ArrayIndexError, DtypeError, ShapeError
from ..numpy.creation import arange
from ..numpy.elementwise import where as choose
from ..numpy.indexing import take_along_axis
from ..ops import activations
from ..ops.create import asarray, promote_inexact, to_inexact
from ..ops.elementwise import astype
from ..ops.precision import widened
from .activations import one_hot
from .options import check_positive
from .reduction import (
    Reduction,
    check_reduction,
    mask_of,
    pair,
    reduced_by_count,
    screened,
    screened_pair,
    shape_of,
    spread,
)

__all__ = [
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "soft_margin_loss",
]


@widened
def hinge_embedding_loss(
    input: Any, target: Any, margin: float = 1.0, reduction: Reduction = "mean", *, where: Any = None
) -> Array:
    """A distance itself where the target is 1, what it lacks of a margin where the target is -1.

        loss = x  where t = 1,    max(0, margin - x)  where t = -1

    Args:
        input: the distances x, any shape.
        target: t, 1 for pairs that belong together and -1 for others, of that shape.
        margin: how far apart others should be.
        reduction: "mean", "sum" or "none".
        where: which elements count, booleans that broadcast with the input.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.hinge_embedding_loss(fnp.asarray([0.25, 0.25]), fnp.asarray([1, -1]), reduction="none")
    Array([0.25, 0.75], dtype=float32)
    """
    name = "hinge_embedding_loss"
    check_reduction(name, reduction)
    x, t, counts = screened_pair(name, input, target, where)
    x = to_inexact(x)
    losses: Any = choose(t != 1, activations.relu(margin - x), 0) + choose(t != -1, x, 0)
    return reduced_by_count(losses, None, counts, reduction)


@widened
def margin_ranking_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: Reduction = "mean", *, where: Any = None
) -> Array:
    """max(0, margin - t (x1 - x2)): nothing where the pair is in the right order by the margin.

    Args:
        input1, input2: the scores x1 and x2, of one shape.
        target: t, 1 where x1 should be the larger one and -1 where x2; broadcasts with the scores.
        margin: by how much.
        reduction: "mean", "sum" or "none".
        where: which pairs count, booleans that broadcast with the scores.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> scores = fnp.asarray([1.0, 1.0]), fnp.asarray([0.5, 2.0])
    >>> F.margin_ranking_loss(*scores, fnp.asarray([1, 1]), reduction="none")
    Array([0., 1.], dtype=float32)
    """
    name = "margin_ranking_loss"
    check_reduction(name, reduction)
    x1, x2 = pair(name, input1, input2)
    shape = shape_of(x1, x2)
    counts = mask_of(name, where, shape)
    x1, x2 = screened(counts, x1, x2)
    difference, sign = promote_inexact(asarray(x1 - x2), spread(name, "target", asarray(target), shape))
    losses = activations.relu(margin - sign * difference)
    return reduced_by_count(losses, None, counts, reduction)


@widened
def soft_margin_loss(input: Any, target: Any, reduction: Reduction = "mean", *, where: Any = None) -> Array:
    """log(1 + exp(-t x)): the logistic loss of targets 1 and -1, without overflow.

    Args:
        input: the scores x, any shape.
        target: t, 1 or -1, of that shape.
        reduction: "mean", "sum" or "none".
        where: which elements count, booleans that broadcast with the input.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.soft_margin_loss(fnp.asarray([0.0, 1000.0]), fnp.asarray([1, -1]), reduction="none").round(3)
    Array([6.93e-01, 1.00e+03], dtype=float32)
    """
    check_reduction("soft_margin_loss", reduction)
    x, t, counts = screened_pair("soft_margin_loss", input, target, where)
    x = to_inexact(x)
    return reduced_by_count(activations.softplus(-(t * x)), None, counts, reduction)


# ---- of several classes ------------------------------------------------------------------------


def _scores(name: str, input: Any) -> Any:
    x = to_inexact(input)
    if not x.ndim:
        raise ShapeError(f"{name}: the input must be (..., C), with one score a class; got {x.aval}")
    return x


def _scores_of(name: str, x: Any, classes: Any) -> Any:
    """The scores x (..., C) of classes (..., k), of which each must be one."""
    count = x.shape[-1]
    try:
        return take_along_axis(x, choose(classes < 0, count, classes), -1)  # -1 would count from the end
    except ArrayIndexError:
        raise ArrayIndexError(f"{name}: a target is outside of the classes 0 to {count - 1}") from None


@widened
def multi_margin_loss(
    input: Any,
    target: Any,
    p: float = 1,
    margin: float = 1.0,
    weight: Any = None,
    reduction: Reduction = "mean",
    *,
    where: Any = None,
) -> Array:
    """The hinge loss of several classes: how far others come within a margin of the target's score.

        loss = weight[y] / C  sum over classes c other than y of  max(0, margin - x[y] + x[c])^p

    Args:
        input: the scores x, (..., C).
        target: the classes y, integers of the shape (...).
        p: the power, above 0; PyTorch knows 1 and 2.
        margin: how far the others should stay below.
        weight: (C,), how much each class counts; the mean is over examples nevertheless.
        reduction: "mean", "sum" or "none".
        where: which examples count, booleans that broadcast to one an example.

    Raises:
        OptionError: p is not above 0.
        ShapeError: target or weight do not fit the input.
        DtypeError: the target is no integers.
        ArrayIndexError: a target is no class.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> float(F.multi_margin_loss(fnp.asarray([0.5, 0.0, -2.0, 0.25]), fnp.asarray(0)))
    0.3125

    Source: K. Crammer and Y. Singer, On the algorithmic implementation of multiclass kernel-based vector machines,
    2001.
    """
    name = "multi_margin_loss"
    check_reduction(name, reduction)
    check_positive(name, "p", p)
    x, y = _scores(name, input), asarray(target)
    classes = x.shape[-1]
    if not is_integer(y.dtype):
        raise DtypeError(f"{name}: the target must be integers of shape {x.shape[:-1]}, not {y.aval}")
    if y.shape != x.shape[:-1]:
        raise ShapeError(f"{name}: the target must have the shape {x.shape[:-1]} for scores {x.aval}, not {y.aval}")
    counts = mask_of(name, where, x.shape[:-1])
    if counts is not None:
        (x,) = screened(counts[..., None], x)
        y = choose(counts, y, 0)
    own: Any = one_hot(y, classes, dtype=bool)
    excess: Any = choose(own, 0, activations.relu(margin - _scores_of(name, x, y[..., None]) + x))
    if p != 1:  # of 0 itself a power below 1 has no derivative
        excess = excess * excess if p == 2 else choose(excess > 0, choose(excess > 0, excess, 1) ** p, 0)
    losses = excess.sum(-1) / classes
    if weight is not None:
        w = to_inexact(weight)
        if w.shape != (classes,):
            raise ShapeError(f"{name}: weight must have one element for each of {classes} classes, not {w.aval}")
        losses = losses * choose(own, w, 0).sum(-1)
    return reduced_by_count(losses, None, counts, reduction)


@widened
def multilabel_margin_loss(input: Any, target: Any, reduction: Reduction = "mean", *, where: Any = None) -> Array:
    """The hinge loss where several classes are right: how far wrong ones come within 1 of right ones.

        loss = 1 / C  sum over right classes y and wrong classes c of  max(0, 1 - x[y] + x[c])

    Args:
        input: the scores x, (..., C).
        target: the right classes, integers of the input's shape, in any order; the first negative number of a row ends
            its list.
        reduction: "mean", "sum" or "none".
        where: which examples count, booleans that broadcast to one an example.

    Raises:
        ShapeError: target and input have two shapes.
        DtypeError: the target is no integers.
        ArrayIndexError: a target is no class.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> scores, right = fnp.asarray([0.1, 0.2, 0.4, 0.8]), fnp.asarray([3, 0, -1, 1])
    >>> round(float(F.multilabel_margin_loss(scores, right)), 4)
    0.85
    """
    name = "multilabel_margin_loss"
    check_reduction(name, reduction)
    x, y = _scores(name, input), asarray(target)
    if not is_integer(y.dtype):
        raise DtypeError(f"{name}: the target must be integers, the right classes, not {y.aval}")
    if y.shape != x.shape:
        raise ShapeError(f"{name}: the target must have the input's shape {x.shape}, padded with -1; got {y.aval}")
    counts = mask_of(name, where, x.shape[:-1])
    if counts is not None:
        (x,) = screened(counts[..., None], x)
    y = astype(y, "int64")
    listed: Any = astype(y < 0, "int64").cumsum(-1) == 0
    places = choose(listed, y, -1)
    hits: Any = places[..., :, None] == arange(x.shape[-1], device=x.device)  # (entry of the list, class)
    right = hits.any(-2)
    own: Any = _scores_of(name, x, choose(listed, y, 0))
    pairs = activations.relu(1 - own[..., :, None] + x[..., None, :])
    losses = choose(listed[..., :, None] & ~right[..., None, :], pairs, 0).sum((-1, -2)) / x.shape[-1]
    return reduced_by_count(losses, None, counts, reduction)


@widened
def multilabel_soft_margin_loss(
    input: Any, target: Any, weight: Any = None, reduction: Reduction = "mean", *, where: Any = None
) -> Array:
    """The binary cross-entropy of each class with logits, and its mean over the classes.

        loss = -1 / C  sum over classes of  weight (t log(sigmoid(x)) + (1 - t) log(1 - sigmoid(x)))

    Args:
        input: the logits x, (..., C).
        target: t, of that shape, 1 for the right classes and 0 for others.
        weight: (C,), or what broadcasts with the input: how much each class counts.
        reduction: "mean", "sum" or "none", of examples.
        where: which examples count, booleans that broadcast to one an example.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> round(float(F.multilabel_soft_margin_loss(fnp.asarray([[0.0, 2.0]]), fnp.asarray([[1, 1]]))), 4)
    0.41
    """
    name = "multilabel_soft_margin_loss"
    check_reduction(name, reduction)
    x, t = pair(name, input, target)
    x = _scores(name, x)
    counts = mask_of(name, where, x.shape[:-1])
    if counts is not None:
        x, t = screened(counts[..., None], x, t)
    losses: Any = (1 - t) * x + activations.softplus(-x)
    if weight is not None:
        losses = losses * spread(name, "weight", to_inexact(weight), x.shape)
    return reduced_by_count(losses.sum(-1) / x.shape[-1], None, counts, reduction)
