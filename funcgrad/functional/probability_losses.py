"""Losses of probabilities: binary cross-entropies, the focal loss, the Kullback-Leibler divergence.

`reduction.py` says what `reduction` and `where` mean.
"""

from __future__ import annotations

from typing import Any, Literal

from ..core import SCALARS, Array
from ..errors import OptionError, ShapeError
from ..numpy.elementwise import exp, log, log1p, maximum, minimum
from ..numpy.elementwise import where as choose
from ..ops import activations
from ..ops.create import as_operand, asarray, to_inexact
from ..ops.elementwise import logaddexp, stop_gradient
from ..ops.precision import widened
from .reduction import (
    Reduction,
    check_reduction,
    reduced_by_count,
    screened_pair,
    spread,
)

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "kl_div",
    "sigmoid_focal_loss",
]


@widened
def binary_cross_entropy(
    input: Any, target: Any, weight: Any = None, reduction: Reduction = "mean", *, where: Any = None
) -> Array:
    """The cross-entropy of probabilities against probabilities.

        loss = -weight (t log(p) + (1 - t) log(1 - p))

    with each logarithm at least -100, as in PyTorch, and with the derivative (p - t) / max(p (1 - p), 1e-12), so that
    both are finite at 0 and 1. Where you have logits, `binary_cross_entropy_with_logits` is exact.

    Args:
        input: p, any shape, between 0 and 1.
        target: t, of that shape, between 0 and 1; booleans and integers too.
        weight: how much each element counts, broadcasts with the input; 1 where None. The mean is over elements.
        reduction: "mean", "sum" or "none".
        where: which elements count, booleans that broadcast with the input.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.binary_cross_entropy(fnp.asarray([0.5, 0.0]), fnp.asarray([1.0, 1.0]), reduction="none").round(3)
    Array([  0.693, 100.   ], dtype=float32)
    """
    name = "binary_cross_entropy"
    check_reduction(name, reduction)
    p, t, counts = screened_pair(name, input, target, where)
    p = to_inexact(p)
    q = 1 - p
    losses: Any = -(t * _bounded_log(p, p, log) + (1 - t) * _bounded_log(q, -p, log1p))
    if weight is not None:
        losses = losses * spread(name, "weight", asarray(weight, p.dtype), p.shape)
    return reduced_by_count(losses, None, counts, reduction)


def _bounded_log(x: Any, argument: Any, logarithm: Any) -> Any:
    """log(x) as a logarithm of an argument, at least -100, with the derivative (1 - x) / max(x (1 - x), 1e-12)."""
    inside = x > 0
    value = maximum(choose(inside, logarithm(choose(inside, argument, 0.5)), -100), -100)
    smooth = log(x + stop_gradient(maximum(x, 1e-12) - x)) * stop_gradient(minimum((1 - x) * 1e12, 1))
    return smooth + stop_gradient(value - smooth)


@widened
def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    reduction: Reduction = "mean",
    pos_weight: Any = None,
    *,
    where: Any = None,
) -> Array:
    """The cross-entropy of sigmoid(input) against probabilities, without overflow.

        loss = -weight (pos_weight t log(sigmoid(x)) + (1 - t) log(1 - sigmoid(x)))

    Args:
        input: the logits x, any shape.
        target: t, of that shape, between 0 and 1; booleans and integers too.
        weight: how much each element counts, broadcasts with the logits; 1 where None. The mean is over elements.
        reduction: "mean", "sum" or "none".
        pos_weight: how much the first term counts, broadcasts with the logits; 1 where None.
        where: which elements count, booleans that broadcast with the logits.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> logits, targets = fnp.asarray([0.0, 100.0]), fnp.asarray([1.0, 0.0])
    >>> F.binary_cross_entropy_with_logits(logits, targets, reduction="none").round(3)
    Array([  0.693, 100.   ], dtype=float32)
    """
    name = "binary_cross_entropy_with_logits"
    check_reduction(name, reduction)
    x, t, counts = screened_pair(name, input, target, where)
    x = to_inexact(x)
    fall: Any = activations.softplus(-x)  # -log(sigmoid(x)); -log(1 - sigmoid(x)) is x more
    if pos_weight is not None:
        fall = fall * ((as_operand(pos_weight) - 1) * t + 1)
    losses = (1 - t) * x + fall
    if weight is not None:
        losses = losses * as_operand(weight)
    if losses.shape != x.shape:
        raise ShapeError(f"{name}: weight and pos_weight must broadcast to the logits' shape {x.shape}")
    return reduced_by_count(losses, None, counts, reduction)


@widened
def sigmoid_focal_loss(
    input: Any,
    target: Any,
    alpha: float | None = 0.25,
    gamma: float = 2.0,
    reduction: Reduction = "none",
    *,
    where: Any = None,
) -> Array:
    """The binary cross-entropy with less weight on what is predicted well already.

        loss = a (1 - q)^gamma  binary_cross_entropy_with_logits(x, t),
        q = p t + (1 - p) (1 - t),    a = alpha t + (1 - alpha) (1 - t),    p = sigmoid(x)

    Args:
        input: the logits x, any shape.
        target: t, of that shape, between 0 and 1; a constant to the derivative.
        alpha: the share of positive examples in the weight, between 0 and 1; None (or a negative number, as in
            torchvision) for no such weight.
        gamma: how fast the weight falls, at least 0.
        reduction: "none" by default, as in torchvision.
        where: which elements count, booleans that broadcast with the logits.

    Raises:
        OptionError: alpha above 1, or gamma below 0.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.sigmoid_focal_loss(fnp.asarray([0.0, 4.0, -4.0]), fnp.asarray([1.0, 1.0, 1.0])).round(4)
    Array([0.0433, 0.    , 0.9687], dtype=float32)

    Source: T.-Y. Lin and others, Focal loss for dense object detection, 2017.
    """
    name = "sigmoid_focal_loss"
    check_reduction(name, reduction)
    if alpha is not None and alpha > 1:
        raise OptionError(f"{name}: alpha must be at most 1, not {alpha!r}")
    if gamma < 0:
        raise OptionError(f"{name}: gamma must be at least 0, not {gamma!r}")
    x, t, counts = screened_pair(name, input, target, where)
    x = to_inexact(x)
    t = asarray(t, x.dtype) if type(t) in SCALARS else stop_gradient(to_inexact(t))
    losses: Any = (1 - t) * x + activations.softplus(-x)
    # by the logarithm of 1 - q = p (1 - t) + (1 - p) t, all of whose derivatives are bounded: those of (1 - q)^gamma
    # itself are 0 * inf where 1 - q is below the least number
    right = _log_share(1 - t) - activations.softplus(-x)
    wrong = _log_share(t) - activations.softplus(x)
    losses = losses * exp(logaddexp(right, wrong) * gamma)
    if alpha is not None and alpha >= 0:
        losses = losses * (alpha * t + (1 - alpha) * (1 - t))
    return reduced_by_count(losses, None, counts, reduction)


def _log_share(x: Any) -> Any:
    """log(x) of a constant, -inf at 0 without NumPy's warning."""
    return choose(x > 0, log(choose(x > 0, x, 1)), -float("inf"))


@widened
def kl_div(
    input: Any,
    target: Any,
    reduction: Literal["none", "mean", "sum", "batchmean"] = "mean",
    log_target: bool = False,
    *,
    where: Any = None,
) -> Array:
    """The terms of the Kullback-Leibler divergence of q from p: p (log p - log q).

    Args:
        input: log q.
        target: p, of that shape, or log p with `log_target`; where p is 0 the term is 0.
        reduction: "sum" is the divergence of one distribution, "batchmean" divides it by the size of the first axis;
            "mean" is over all elements, or "none".
        log_target: whether the targets are logarithms.
        where: which elements count, booleans that broadcast with the input.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> p, q = fnp.asarray([1.0, 0.0]), fnp.asarray([0.5, 0.5])
    >>> round(float(F.kl_div(fnp.log(q), p, reduction="sum")), 4)
    0.6931

    Source: S. Kullback and R. Leibler, On information and sufficiency, 1951.
    """
    check_reduction("kl_div", reduction, "batchmean")
    log_q, p, counts = screened_pair("kl_div", input, target, where)
    log_q = to_inexact(log_q)
    if log_target:
        terms = exp(p) * (p - log_q)
    else:
        p = to_inexact(p)
        terms = p * (log(choose(p > 0, p, 1)) - log_q)
    if reduction != "batchmean":
        return reduced_by_count(terms, None, counts, reduction)
    if not terms.ndim:
        raise ShapeError("kl_div: reduction='batchmean' needs a first axis, and the operands have none")
    return reduced_by_count(terms, None, counts, "sum") / terms.shape[0]
