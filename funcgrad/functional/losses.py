"""Losses: how far predictions are from targets, and a reduction to one number.

`reduction` is "mean" over all elements (by weight where there are weights), "sum", or "none" for each one's own.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from ..core import SCALARS, Array
from ..dtypes import is_floating, is_integer
from ..errors import ArrayIndexError, DtypeError, OptionError, ShapeError
from ..numpy.elementwise import abs, clip, exp, log, where
from ..ops import activations, reduce
from ..ops.create import as_operand, asarray, promote_inexact, to_inexact
from ..ops.elementwise import astype
from ..ops.index import gather
from ..ops.precision import widened
from ..ops.shape import normalize_axis
from ..rules import iota, move_axis
from .activations import below_peak

__all__ = [
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "nll_loss",
    "smooth_l1_loss",
]

Reduction: TypeAlias = Literal["none", "mean", "sum"]

# ---- classes -----------------------------------------------------------------------------------


@widened
def cross_entropy(
    logits: Any,
    targets: Any,
    weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
    axis: int = -1,
) -> Array:
    """The cross-entropy of softmax(logits) against classes or probabilities.

        loss = -sum over classes c of  weight[c] p[c] log_softmax(logits)[c]

    with p the targets, or 1 at the target class and 0 elsewhere.

    Args:
        logits: (..., C), or with the classes at `axis`; integers are taken as the default float.
        targets: integers, the class of each example, of the logits' shape without `axis`; or floats of the logits'
            shape, the probability of each class.
        weight: (C,), how much each class counts; 1 where None.
        ignore_index: class targets of this value count for nothing, in the mean neither.
        label_smoothing: p becomes (1 - label_smoothing) p + label_smoothing / C.
        reduction: "mean" divides the sum by the number of examples, for class targets by the sum of the weights of
            those that count (NaN where none does).
        axis: where the classes are.

    Returns:
        One number, or one an example with reduction="none".

    Raises:
        ShapeError: targets or weight do not fit the logits.
        ArrayIndexError: a target is no class.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> logits = fnp.asarray([[2.0, 0.0], [0.0, 0.0]])
    >>> F.cross_entropy(logits, fnp.asarray([0, 1]), reduction="none").round(4)
    Array([0.1269, 0.6931], dtype=float32)
    >>> round(float(F.cross_entropy(logits, fnp.asarray([[1.0, 0.0], [0.5, 0.5]]))), 4)
    0.41
    """
    _check_reduction("cross_entropy", reduction)
    if not 0 <= label_smoothing <= 1:
        raise OptionError(f"cross_entropy: label_smoothing must be between 0 and 1, not {label_smoothing!r}")
    logits, targets = to_inexact(logits), asarray(targets)
    axis = normalize_axis(axis, logits.ndim, "cross_entropy")
    classes = logits.shape[axis]
    weight = _class_weight("cross_entropy", weight, logits, axis)
    shifted = below_peak(logits, (axis,))
    log_total: Any = log(reduce.sum(exp(shifted), axes=(axis,)))  # log_softmax is shifted - log_total
    if is_floating(targets.dtype) and targets.shape == logits.shape:
        if ignore_index is not None:
            raise DtypeError(
                f"cross_entropy: ignore_index is for classes; the targets are probabilities, {targets.aval}"
            )
        if label_smoothing:
            targets = targets * (1 - label_smoothing) + label_smoothing / classes
        if weight is not None:
            targets = targets * _along(weight, logits, axis)
        log_probs = shifted - reduce.kept(log_total, logits, (axis,))
        return _reduce(-(targets * log_probs).sum(axis), reduction)
    chosen, counts = _classes("cross_entropy", targets, logits, axis, ignore_index)
    losses = log_total - _pick("cross_entropy", shifted, chosen, axis, ignore_index)
    share = None if weight is None else gather(weight, chosen)
    losses = losses if share is None else losses * share
    if label_smoothing:
        if weight is None:
            others = log_total - shifted.mean(axis)
        else:
            others = log_total * weight.mean() - (shifted * _along(weight, logits, axis)).mean(axis)
        losses = losses * (1 - label_smoothing) + others * label_smoothing
    return _reduce_counted(losses, share, counts, reduction)


@widened
def nll_loss(
    log_probs: Any,
    targets: Any,
    weight: Any = None,
    ignore_index: int | None = None,
    reduction: Reduction = "mean",
    axis: int = -1,
) -> Array:
    """The negative logarithm of the target class's probability: `cross_entropy` after `log_softmax`.

    Args:
        log_probs: (..., C), or with the classes at `axis`.
        targets: integers, the class of each example, of the shape of `log_probs` without `axis`.
        weight, ignore_index, reduction, axis: as for `cross_entropy`.

    Returns:
        One number, or one an example with reduction="none".

    Raises:
        ShapeError, ArrayIndexError: as for `cross_entropy`.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> round(float(F.nll_loss(fnp.log(fnp.asarray([[0.5, 0.5], [0.25, 0.75]])), fnp.asarray([0, 0]))), 4)
    1.0397
    """
    _check_reduction("nll_loss", reduction)
    log_probs = to_inexact(log_probs)
    axis = normalize_axis(axis, log_probs.ndim, "nll_loss")
    weight = _class_weight("nll_loss", weight, log_probs, axis)
    chosen, counts = _classes("nll_loss", asarray(targets), log_probs, axis, ignore_index)
    losses = -_pick("nll_loss", log_probs, chosen, axis, ignore_index)
    share = None if weight is None else gather(weight, chosen)
    return _reduce_counted(losses if share is None else losses * share, share, counts, reduction)


def _class_weight(name: str, weight: Any, values: Array, axis: int) -> Any:
    if weight is None:
        return None
    weight = to_inexact(weight)
    if weight.shape != (values.shape[axis],):
        raise ShapeError(
            f"{name}: weight must have one element for each of {values.shape[axis]} classes, not {weight.aval}"
        )
    return weight


def _along(weight: Any, values: Array, axis: int) -> Any:
    """One weight a class, shaped to broadcast with values that have the classes at an axis."""
    return weight.reshape((-1,) + (1,) * (values.ndim - axis - 1))


def _classes(name: str, targets: Any, values: Array, axis: int, ignore_index: int | None) -> tuple[Any, Any]:
    """Class targets, made such that `_pick` refuses what is no class; and which of them count (None: all)."""
    expected = values.shape[:axis] + values.shape[axis + 1 :]
    if not is_integer(targets.dtype):
        raise DtypeError(
            f"{name}: targets must be integers of shape {expected}, one class an example"
            + (f", or probabilities of shape {values.shape}" if name == "cross_entropy" else "")
            + f"; got {targets.aval}"
        )
    if targets.shape != expected:
        raise ShapeError(
            f"{name}: {values.aval} has its {values.shape[axis]} classes along axis {axis}, so targets must have "
            f"the shape {expected}; got {targets.aval}"
            + ("; probabilities must be floats" if targets.shape == values.shape else "")
        )
    targets = astype(targets, "int64")  # the number of classes need not fit an int8
    counts = None if ignore_index is None else targets != ignore_index
    targets = where(targets < 0, values.shape[axis], targets)  # -1 would count from the end
    return (targets if counts is None else where(counts, targets, 0)), counts


def _pick(name: str, values: Any, chosen: Any, axis: int, ignore_index: int | None) -> Any:
    """From each line of values along an axis, the one of the chosen class."""
    classes = values.shape[axis]
    flat = values.ndim == 2 and axis == 1  # nearly always: then there is nothing to rearrange
    rows = values if flat else move_axis(values, axis, values.ndim - 1).reshape((chosen.size, classes))
    index = chosen if flat else chosen.reshape((chosen.size,))
    try:
        found = gather(rows, iota(chosen.size, values), index)
    except ArrayIndexError:
        raise ArrayIndexError(
            f"{name}: a target is outside of the classes 0 to {classes - 1}"
            + (" (ignore_index=... names a value that marks examples without a class)" if ignore_index is None else "")
        ) from None
    return found if flat else found.reshape(chosen.shape)


# ---- reductions --------------------------------------------------------------------------------


def _check_reduction(name: str, reduction: str, *more: str) -> None:
    if reduction not in ("none", "mean", "sum", *more):
        raise OptionError(f"{name}: reduction must be one of {('none', 'mean', 'sum', *more)}, not {reduction!r}")


def _reduce(losses: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


def _reduce_counted(losses: Any, share: Any, counts: Any, reduction: str) -> Any:
    """Reduced losses of examples of which only some count, each with its share in the mean."""
    if counts is not None:
        losses = where(counts, losses, 0)
    if reduction != "mean" or (share is None and counts is None):
        return _reduce(losses, reduction)
    if share is None:
        total = counts.sum().astype(losses.dtype)
    else:
        total = (share if counts is None else where(counts, share, 0)).sum()
    return losses.sum() / total


# ---- differences -------------------------------------------------------------------------------


@widened
def mse_loss(predictions: Any, targets: Any, reduction: Reduction = "mean") -> Array:
    """The squared difference, (predictions - targets)^2.

    Args:
        predictions, targets: of one shape; either may be a Python number.
        reduction: "mean", "sum" or "none".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> float(F.mse_loss(fnp.asarray([1.0, 2.0]), fnp.asarray([0.0, 4.0])))
    2.5
    """
    difference = _difference("mse_loss", predictions, targets, reduction)
    return _reduce(difference * difference, reduction)


@widened
def l1_loss(predictions: Any, targets: Any, reduction: Reduction = "mean") -> Array:
    """The absolute difference, |predictions - targets|, with derivative 0 at 0.

    Args:
        predictions, targets: of one shape; either may be a Python number.
        reduction: "mean", "sum" or "none".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> float(F.l1_loss(fnp.asarray([1.0, 2.0]), fnp.asarray([0.0, 4.0])))
    1.5
    """
    return _reduce(abs(_difference("l1_loss", predictions, targets, reduction)), reduction)


@widened
def huber_loss(predictions: Any, targets: Any, delta: float = 1.0, reduction: Reduction = "mean") -> Array:
    """Half the squared difference d where |d| <= delta, and delta (|d| - delta / 2) beyond: its tangent there.

    Args:
        predictions, targets: of one shape; either may be a Python number.
        delta: where the parabola ends, above 0.
        reduction: "mean", "sum" or "none".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.huber_loss(fnp.asarray([0.5, 3.0]), 0.0, reduction="none")
    Array([0.125, 2.5  ], dtype=float32)

    Source: P. Huber, Robust estimation of a location parameter, 1964.
    """
    if not delta > 0:
        raise OptionError(f"huber_loss: delta must be above 0, not {delta!r}")
    difference = _difference("huber_loss", predictions, targets, reduction)
    # with c = clip(d, -delta, delta) both branches are c^2 / 2 + delta (|d| - |c|); no product has d as a factor, so
    # the derivative of an infinite d is delta, where that of c (d - c / 2) is 0 * inf
    clipped: Any = clip(difference, -delta, delta)
    return _reduce(clipped * clipped * 0.5 + (abs(difference) - abs(clipped)) * delta, reduction)


@widened
def smooth_l1_loss(predictions: Any, targets: Any, beta: float = 1.0, reduction: Reduction = "mean") -> Array:
    """`huber_loss` with delta=beta, divided by beta: d^2 / (2 beta) where |d| <= beta, and |d| - beta / 2 beyond.

    Args:
        predictions, targets: of one shape; either may be a Python number.
        beta: where the parabola ends; with 0 it is `l1_loss`.
        reduction: "mean", "sum" or "none".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.smooth_l1_loss(fnp.asarray([1.0, 3.0]), 0.0, beta=2.0, reduction="none")
    Array([0.25, 2.  ], dtype=float32)

    Source: R. Girshick, Fast R-CNN, 2015, section 2.3.
    """
    if beta == 0:
        return l1_loss(predictions, targets, reduction)
    return huber_loss(predictions, targets, beta, reduction) / beta


def _difference(name: str, predictions: Any, targets: Any, reduction: str) -> Any:
    _check_reduction(name, reduction)
    predictions, targets = _pair(name, predictions, targets)
    return predictions - targets


def _pair(name: str, predictions: Any, targets: Any) -> tuple[Any, Any]:
    """Both in one dtype; that shapes broadcast, (n, 1) with (n,), is nearly always a mistake here."""
    if not any(type(x) in SCALARS for x in (predictions, targets)):
        predictions, targets = asarray(predictions), asarray(targets)
        if predictions.shape != targets.shape:
            raise ShapeError(
                f"{name}: predictions {predictions.aval} and targets {targets.aval} must have one shape; reshape or "
                "broadcast_to says which one is meant"
            )
    return promote_inexact(predictions, targets)


# ---- probabilities -----------------------------------------------------------------------------


@widened
def binary_cross_entropy_with_logits(
    logits: Any, targets: Any, weight: Any = None, pos_weight: Any = None, reduction: Reduction = "mean"
) -> Array:
    """The cross-entropy of sigmoid(logits) against probabilities, without overflow.

        loss = -weight (pos_weight t log(sigmoid(x)) + (1 - t) log(1 - sigmoid(x)))

    Args:
        logits: x, any shape.
        targets: t, of that shape, between 0 and 1; booleans and integers too.
        weight: how much each element counts, broadcasts with the logits; 1 where None. The mean is over elements.
        pos_weight: how much the first term counts, broadcasts with the logits; 1 where None.
        reduction: "mean", "sum" or "none".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> logits, targets = fnp.asarray([0.0, 100.0]), fnp.asarray([1.0, 0.0])
    >>> F.binary_cross_entropy_with_logits(logits, targets, reduction="none").round(3)
    Array([  0.693, 100.   ], dtype=float32)
    """
    name = "binary_cross_entropy_with_logits"
    _check_reduction(name, reduction)
    x, t = _pair(name, logits, targets)
    x = to_inexact(x)
    fall: Any = activations.softplus(-x)  # -log(sigmoid(x)); -log(1 - sigmoid(x)) is x more
    if pos_weight is not None:
        fall = fall * ((as_operand(pos_weight) - 1) * t + 1)
    losses = (1 - t) * x + fall
    if weight is not None:
        losses = losses * as_operand(weight)
    if losses.shape != x.shape:
        raise ShapeError(f"{name}: weight and pos_weight must broadcast to the logits' shape {x.shape}")
    return _reduce(losses, reduction)


@widened
def kl_div(
    log_probs: Any,
    targets: Any,
    log_target: bool = False,
    reduction: Literal["none", "mean", "sum", "batchmean"] = "mean",
) -> Array:
    """The terms of the Kullback-Leibler divergence of q from p: p (log p - log q).

    Args:
        log_probs: log q.
        targets: p, of that shape, or log p with `log_target`; where p is 0 the term is 0.
        log_target: whether the targets are logarithms.
        reduction: "sum" is the divergence of one distribution, "batchmean" divides it by the size of the first axis;
            "mean" is over all elements, or "none".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> p, q = fnp.asarray([1.0, 0.0]), fnp.asarray([0.5, 0.5])
    >>> round(float(F.kl_div(fnp.log(q), p, reduction="sum")), 4)
    0.6931

    Source: S. Kullback and R. Leibler, On information and sufficiency, 1951.
    """
    _check_reduction("kl_div", reduction, "batchmean")
    log_q, p = _pair("kl_div", log_probs, targets)
    log_q = to_inexact(log_q)
    if log_target:
        terms = exp(p) * (p - log_q)
    else:
        p = to_inexact(p)
        terms = p * (log(where(p > 0, p, 1)) - log_q)
    if reduction != "batchmean":
        return _reduce(terms, reduction)
    if not terms.ndim:
        raise ShapeError("kl_div: reduction='batchmean' needs a first axis, and the operands have none")
    return terms.sum() / terms.shape[0]
