"""Further losses of the scores of classes or items, and sparse probabilities.

`reduction.py` says what `reduction` and `where` mean.
"""

from __future__ import annotations

from math import prod
from typing import Any

from ..core import Array
from ..dtypes import is_integer
from ..errors import ShapeError
from ..numpy.creation import arange
from ..numpy.elementwise import where as choose
from ..numpy.sorting import sort
from ..ops.create import asarray, promote_inexact, to_inexact
from ..ops.elementwise import stop_gradient
from ..ops.precision import widened
from ..ops.shape import normalize_axes, normalize_axis
from .activations import log_softmax, one_hot, softmax
from .losses import cross_entropy
from .reduction import Reduction, check_reduction, mask_of, pair, reduced, reduced_by_count, screened

__all__ = [
    "poly_cross_entropy",
    "ranking_softmax_loss",
    "smooth_labels",
    "sparsemax",
    "sparsemax_loss",
]


@widened
def smooth_labels(labels: Any, alpha: Any, *, axis: int | tuple[int, ...] = -1, where: Any = None) -> Array:
    """(1 - alpha) labels + alpha / C: probabilities nearer to equal ones, so that nothing is asked to be certain.

    Args:
        labels: probabilities of C classes along the axis, one-hot for instance.
        alpha: between 0 and 1.
        axis: where the classes are, or several axes of them.
        where: which classes there are, booleans that broadcast with the labels; the others are not counted in C.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.smooth_labels(fnp.asarray([1.0, 0.0]), 0.5)
    Array([0.75, 0.25], dtype=float32)

    Source: R. Mueller, S. Kornblith and G. Hinton, When does label smoothing help?, 2019.
    """
    p = to_inexact(labels)
    axes = normalize_axes(axis, p.ndim, "smooth_labels")
    present = mask_of("smooth_labels", where, p.shape)
    count = prod(p.shape[a] for a in axes) if present is None else present.astype(p.dtype).sum(axes, keepdims=True)
    return p * (1 - alpha) + alpha / count


@widened
def poly_cross_entropy(
    input: Any, target: Any, epsilon: float = 2.0, reduction: Reduction = "mean", axis: int = -1
) -> Array:
    """The cross-entropy plus epsilon (1 - p), p the probability that the right class gets: its series' first term.

        loss = sum over classes of  target (-log(p) + epsilon (1 - p)),    p = softmax(input)

    Args:
        input: the logits, (..., C), or with the classes at `axis`.
        target: classes, or probabilities of the logits' shape, as for `cross_entropy`.
        epsilon: how much more the first term of the series counts.
        reduction: "mean", "sum" or "none".
        axis: where the classes are.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> round(float(F.poly_cross_entropy(fnp.asarray([0.0, 0.0]), fnp.asarray(1), epsilon=1.0)), 4)
    1.1931

    Source: Z. Leng and others, PolyLoss, 2022.
    """
    x, t = to_inexact(input), asarray(target)
    losses = cross_entropy(x, t, reduction="none", axis=axis)
    p = one_hot(t, x.shape[axis], axis, x.dtype) if is_integer(t.dtype) else t
    return reduced(losses + (p * (1 - softmax(x, axis))).sum(axis) * epsilon, reduction)


@widened
def ranking_softmax_loss(
    input: Any, target: Any, weight: Any = None, reduction: Reduction = "mean", *, where: Any = None
) -> Array:
    """The cross-entropy of the scores of a list's items against their relevance: -sum target log_softmax(input).

    Args:
        input: the scores, (..., items).
        target: relevances of that shape, which need not sum to 1.
        weight: what the relevances are multiplied by, of that shape or broadcast to it.
        reduction: over lists: "mean" of those that have an item that counts, "sum", or "none".
        where: which items there are, booleans that broadcast with the input; lists may be of several lengths so.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> scores, relevance = fnp.asarray([2.0, 0.0, 9.0]), fnp.asarray([1.0, 0.0, 5.0])
    >>> round(float(F.ranking_softmax_loss(scores, relevance, where=fnp.asarray([True, True, False]))), 4)
    0.1269

    Source: Z. Cao and others, Learning to rank: from pairwise approach to listwise approach, 2007.
    """
    name = "ranking_softmax_loss"
    check_reduction(name, reduction)
    x, t = pair(name, input, target)
    x = to_inexact(x)
    if not x.ndim:
        raise ShapeError(f"{name}: the scores must be (..., items), not one number")
    if weight is not None:
        t = t * asarray(weight)
    present = mask_of(name, where, x.shape)
    if present is None:
        return reduced(-(t * log_softmax(x)).sum(-1), reduction)
    (t,) = screened(present, t)
    losses = -(t * log_softmax_of_some(x, present, -1)).sum(-1)
    return reduced_by_count(losses, None, present.any(-1), reduction)


def log_softmax_of_some(x: Any, present: Any, axis: int | tuple[int, ...]) -> Any:
    """log_softmax of the scores that are present; 0 for the others, of which nothing is read.

    Where none is present it is that of equal scores, since -inf - -inf has no derivative.
    """
    none = ~present.any(axis, keepdims=True)
    scores = choose(present, x, choose(none, 0, -float("inf")))
    return choose(present, log_softmax(scores, axis), 0)


@widened
def sparsemax(x: Any, axis: int = -1) -> Array:
    """The probabilities that are nearest to x: max(x - tau, 0) with tau such that they sum to 1.

    Like softmax it is monotone, and its results are exactly 0 for scores that are far below the largest one.

    Args:
        x: scores of any shape; integers are taken as the default float.
        axis: along which they sum to 1.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.sparsemax(fnp.asarray([1.0, 0.5, -1.0]))
    Array([0.75, 0.25, 0.  ], dtype=float32)

    Source: A. Martins and R. Astudillo, From softmax to sparsemax, 2016.
    """
    x = to_inexact(x)
    place = normalize_axis(axis, x.ndim, "sparsemax")
    return _support(x, place)[0]


def _support(x: Any, axis: int) -> tuple[Any, Any]:
    """sparsemax(x), and where it is not 0.

    The support is a constant to the derivative, and on it everything is affine, so all derivatives are right.
    """
    falling: Any = -sort(-stop_gradient(x), axis=axis)
    rank = arange(1, x.shape[axis] + 1, dtype=x.dtype, device=x.device).reshape((-1,) + (1,) * (x.ndim - axis - 1))
    size = (falling * rank - falling.cumsum(axis) > -1).astype(x.dtype).sum(axis, keepdims=True)
    least = choose(rank == size, falling, 0).sum(axis, keepdims=True)
    inside = stop_gradient(x) >= least
    count = inside.astype(x.dtype).sum(axis, keepdims=True)  # equal scores are all inside, as their excess is 0
    tau = (choose(inside, x, 0).sum(axis, keepdims=True) - 1) / count
    return choose(inside, x - tau, 0), inside


@widened
def sparsemax_loss(input: Any, target: Any, reduction: Reduction = "mean", axis: int = -1) -> Array:
    """The loss whose derivative is sparsemax(input) - target: 0 where the target's score is ahead of all by 1.

        loss = max over probabilities p of (p . x - |p|^2 / 2)  -  (t . x - |t|^2 / 2)

    Args:
        input: the scores x, (..., C), or with the classes at `axis`.
        target: t: classes, integers of that shape without the axis, or probabilities of that shape.
        reduction: "mean", "sum" or "none".
        axis: where the classes are.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.sparsemax_loss(fnp.asarray([[1.0, 0.5, -1.0], [2.0, 0.5, -1.0]]), fnp.asarray([0, 0]), reduction="none")
    Array([0.0625, 0.    ], dtype=float32)

    Source: A. Martins and R. Astudillo, From softmax to sparsemax, 2016.
    """
    check_reduction("sparsemax_loss", reduction)
    x, t = to_inexact(input), asarray(target)
    place = normalize_axis(axis, x.ndim, "sparsemax_loss")
    if is_integer(t.dtype):
        t = one_hot(t, x.shape[place], place, x.dtype)
    if t.shape != x.shape:
        raise ShapeError(f"sparsemax_loss: the target {asarray(target).aval} does not fit the scores {x.aval}")
    x, t = promote_inexact(x, t)
    p = _support(x, place)[0]
    return reduced(((p - t) * x - (p * p - t * t) * 0.5).sum(place), reduction)
