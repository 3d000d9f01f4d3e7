"""Losses of regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import functional as F
from ...core import Array
from ...errors import OptionError
from ...functional.overlap_losses import class_shares
from ...numpy.creation import asarray
from ...ops.create import to_inexact
from ...ops.precision import widened
from .operands import aligned

__all__ = ["binary_dice_loss", "dice_loss", "multiclass_generalized_dice_loss"]


@widened
def dice_loss(
    predictions: Any,
    targets: Any,
    *,
    class_weights: Any = None,
    smooth: Any = 1.0,
    alpha: Any = 0.5,
    beta: Any = 0.5,
    apply_softmax: bool = True,
    reduction: str = "mean",
    ignore_background: bool = False,
    axis: int | Sequence[int] | None = None,
) -> Array:
    """1 minus the share of the overlap in both regions: `functional.dice_loss` of softmax(predictions).

    Args:
        predictions: logits, (N, ..., classes); with one class their sigmoid is taken.
        targets: of that shape, 1 in the region of the class and 0 elsewhere.
        class_weights: (classes,), what the losses of the classes are multiplied by.
        smooth, alpha, beta: as for `functional.dice_loss`.
        apply_softmax: False where the predictions are probabilities.
        reduction: over classes: "mean", "sum", or "none" for (N, classes).
        ignore_background: leave the first of several classes out.
        axis: which axes to sum over; all but the first and the last where None.

    Returns:
        One loss an example, (N,), or one for each of its classes.

    Raises:
        OptionError: no such reduction.

    >>> from funcgrad import optim, numpy as fnp
    >>> logits, targets = fnp.zeros((1, 4, 2)), fnp.asarray([[[1.0, 0.0]] * 4])
    >>> optim.losses.dice_loss(logits, targets, reduction="none").round(4)
    Array([[0.25, 0.5 ]], dtype=float32)
    """
    if reduction not in ("none", "mean", "sum"):
        raise OptionError(f"dice_loss: reduction must be 'none', 'mean' or 'sum', not {reduction!r}")
    p, t = aligned(predictions, targets)
    if apply_softmax:
        p = F.softmax(p) if p.shape[-1] > 1 else F.sigmoid(p)
    axes = tuple(axis) if isinstance(axis, Sequence) else axis
    losses: Any = F.dice_loss(p, t, smooth, alpha, beta, "none", axes)
    if class_weights is not None:
        losses = losses * asarray(class_weights)
    if ignore_background and losses.shape[-1] > 1:
        losses = losses[..., 1:]
    return losses if reduction == "none" else losses.mean(-1) if reduction == "mean" else losses.sum(-1)


@widened
def multiclass_generalized_dice_loss(
    predictions: Any, targets: Any, *, smooth: Any = 1.0, apply_softmax: bool = True, ignore_background: bool = False
) -> Array:
    """`dice_loss` with each class counting by 1 / size^2, and its mean: `functional.generalized_dice_loss`.

    Args:
        predictions, targets, smooth, apply_softmax, ignore_background: as for `dice_loss`.

    Returns:
        One number.

    >>> from funcgrad import optim, numpy as fnp
    >>> logits, targets = fnp.zeros((1, 3, 2)), fnp.asarray([[[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]])
    >>> round(float(optim.losses.multiclass_generalized_dice_loss(logits, targets)), 4)
    0.3212

    Source: C. Sudre and others, Generalised Dice overlap as a deep learning loss function, 2017.
    """
    losses: Any = dice_loss(
        predictions,
        targets,
        class_weights=class_shares(to_inexact(targets)),
        smooth=smooth,
        apply_softmax=apply_softmax,
        ignore_background=ignore_background,
    )
    return losses.mean()


@widened
def binary_dice_loss(predictions: Any, targets: Any, *, smooth: Any = 1.0, apply_sigmoid: bool = True) -> Array:
    """`dice_loss` of one class, with or without an axis for it.

    Args:
        predictions: logits, (N, ...) or (N, ..., 1).
        targets: of that shape, 1 in the region and 0 elsewhere.
        smooth: as for `dice_loss`.
        apply_sigmoid: False where the predictions are probabilities.

    Returns:
        One loss an example, (N,).

    >>> from funcgrad import optim, numpy as fnp
    >>> optim.losses.binary_dice_loss(fnp.zeros((1, 4)), fnp.ones((1, 4)))
    Array([0.25], dtype=float32)
    """
    p, t = aligned(predictions, targets)
    if p.ndim < 2 or p.shape[-1] != 1:
        p, t = p[..., None], t[..., None]
    return dice_loss(p, t, smooth=smooth, apply_softmax=apply_sigmoid)
