"""Losses of classes: how far scores are from the class, or from the probabilities of the classes.

`reduction.py` says what `reduction` and `where` mean. The classes are along the last axis unless `axis` says otherwise;
PyTorch has them along axis 1, which is the same for two axes. Arguments come in PyTorch's order, without the deprecated
`size_average` and `reduce`.
"""

from __future__ import annotations

from typing import Any

from ..core import Array
from ..dtypes import is_floating, is_integer
from ..errors import ArrayIndexError, DtypeError, ShapeError
from ..numpy.elementwise import exp, log
from ..numpy.elementwise import where as choose
from ..ops import reduce
from ..ops.create import asarray, to_inexact
from ..ops.elementwise import astype
from ..ops.index import gather
from ..ops.precision import widened
from ..ops.shape import normalize_axis
from ..rules import iota, move_axis
from .activations import below_peak
from .options import check_probability
from .reduction import Reduction, check_reduction, mask_of, reduced, reduced_by_count, screened

__all__ = ["cross_entropy", "nll_loss"]


@widened
def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int | None = None,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    axis: int = -1,
    *,
    where: Any = None,
) -> Array:
    """The cross-entropy of softmax(input) against classes or probabilities.

        loss = -sum over classes c of  weight[c] p[c] log_softmax(input)[c]

    with p the target, or 1 at the target class and 0 elsewhere.

    Args:
        input: the logits, (..., C), or with the classes at `axis`; integers are taken as the default float.
        target: integers, the class of each example, of the logits' shape without `axis`; or floats of the logits'
            shape, the probability of each class.
        weight: (C,), how much each class counts; 1 where None.
        ignore_index: class targets of this value count for nothing, in the mean neither. PyTorch's default is -100;
            here no value is special unless it is named.
        reduction: "mean" divides the sum by the number of examples, for class targets by the sum of the weights of
            those that count (NaN where none does, as in PyTorch).
        label_smoothing: p becomes (1 - label_smoothing) p + label_smoothing / C.
        axis: where the classes are; PyTorch's is 1.
        where: which examples count, booleans that broadcast to one an example; None for all.

    Returns:
        One number, or one an example with reduction="none".

    Raises:
        ShapeError: target, weight or where do not fit the logits.
        ArrayIndexError: a target is no class.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> logits = fnp.asarray([[2.0, 0.0], [0.0, 0.0]])
    >>> F.cross_entropy(logits, fnp.asarray([0, 1]), reduction="none").round(4)
    Array([0.1269, 0.6931], dtype=float32)
    >>> round(float(F.cross_entropy(logits, fnp.asarray([[1.0, 0.0], [0.5, 0.5]]))), 4)
    0.41
    """
    check_reduction("cross_entropy", reduction)
    check_probability("cross_entropy", "label_smoothing", label_smoothing)
    logits, targets = to_inexact(input), asarray(target)
    axis = normalize_axis(axis, logits.ndim, "cross_entropy")
    classes = logits.shape[axis]
    weight = _class_weight("cross_entropy", weight, logits, axis)
    if where is not None:
        where, logits, targets = _examples("cross_entropy", where, logits, targets, axis)
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
        losses = -(targets * log_probs).sum(axis)
        return reduced(losses, reduction) if where is None else reduced_by_count(losses, None, where, reduction)
    chosen, counts = _classes("cross_entropy", targets, logits, axis, ignore_index, where)
    losses = log_total - _pick("cross_entropy", shifted, chosen, axis, ignore_index)
    share = None if weight is None else gather(weight, chosen)
    losses = losses if share is None else losses * share
    if label_smoothing:
        if weight is None:
            others = log_total - shifted.mean(axis)
        else:
            others = log_total * weight.mean() - (shifted * _along(weight, logits, axis)).mean(axis)
        losses = losses * (1 - label_smoothing) + others * label_smoothing
    return reduced_by_count(losses, share, counts, reduction)


@widened
def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int | None = None,
    reduction: Reduction = "mean",
    axis: int = -1,
    *,
    where: Any = None,
) -> Array:
    """The negative logarithm of the target class's probability: `cross_entropy` after `log_softmax`.

    Args:
        input: the logarithms of the probabilities, (..., C), or with the classes at `axis`.
        target: integers, the class of each example, of the input's shape without `axis`.
        weight, ignore_index, reduction, axis, where: as for `cross_entropy`.

    Returns:
        One number, or one an example with reduction="none".

    Raises:
        ShapeError, ArrayIndexError: as for `cross_entropy`.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> round(float(F.nll_loss(fnp.log(fnp.asarray([[0.5, 0.5], [0.25, 0.75]])), fnp.asarray([0, 0]))), 4)
    1.0397
    """
    check_reduction("nll_loss", reduction)
    log_probs, targets = to_inexact(input), asarray(target)
    axis = normalize_axis(axis, log_probs.ndim, "nll_loss")
    weight = _class_weight("nll_loss", weight, log_probs, axis)
    if where is not None:
        where, log_probs, targets = _examples("nll_loss", where, log_probs, targets, axis)
    chosen, counts = _classes("nll_loss", targets, log_probs, axis, ignore_index, where)
    losses = -_pick("nll_loss", log_probs, chosen, axis, ignore_index)
    share = None if weight is None else gather(weight, chosen)
    return reduced_by_count(losses if share is None else losses * share, share, counts, reduction)


def _examples(name: str, where: Any, values: Any, targets: Any, axis: int) -> tuple[Any, Any, Any]:
    """The mask of examples, and scores and targets with 0 at those that do not count."""
    shape = values.shape[:axis] + values.shape[axis + 1 :]
    counts = mask_of(name, where, shape)
    lines = counts.reshape((*shape[:axis], 1, *shape[axis:]))
    (values,) = screened(lines, values)
    (targets,) = screened(lines if targets.ndim == values.ndim else counts, targets)
    return counts, values, targets


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


def _classes(
    name: str, targets: Any, values: Array, axis: int, ignore_index: int | None, where: Any
) -> tuple[Any, Any]:
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
    targets = choose(targets < 0, values.shape[axis], targets)  # -1 would count from the end
    if counts is None:
        return targets, where
    return choose(counts, targets, 0), counts if where is None else counts & where


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
