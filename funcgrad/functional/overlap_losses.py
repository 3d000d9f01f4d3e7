"""Losses of regions: how far masks that are predicted and true ones overlap."""

from __future__ import annotations

from typing import Any

from ..core import Array
from ..ops.create import to_inexact
from ..ops.precision import widened
from ..ops.shape import normalize_axes
from .reduction import Reduction, check_reduction, pair, reduced

__all__ = ["dice_loss", "generalized_dice_loss"]

Axis = int | tuple[int, ...] | None


@widened
def dice_loss(
    input: Any,
    target: Any,
    smooth: float = 1.0,
    alpha: float = 0.5,
    beta: float = 0.5,
    reduction: Reduction = "mean",
    axis: Axis = None,
) -> Array:
    """1 minus the share of the overlap in both regions, for each example and class.

        loss = 1 - (I + smooth) / (I + alpha (P - I) + beta (T - I) + smooth),
        I = sum p t,    P = sum p,    T = sum t

    With alpha = beta = 1/2 it is Dice's coefficient; with others Tversky's, which counts what is predicted beside the
    region by alpha and what is missed by beta.

    Args:
        input: the probabilities p, (N, ..., C); take `sigmoid` or `softmax` of logits first.
        target: t, of that shape, 1 in the region and 0 elsewhere.
        smooth: keeps empty regions from 0 / 0.
        alpha, beta: see above.
        reduction: over examples and classes: "mean", "sum", or "none" for (N, C).
        axis: which axes to sum over; all but the first and the last where None.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> p, t = fnp.asarray([[[0.5], [1.0]]]), fnp.asarray([[[1.0], [1.0]]])
    >>> round(float(F.dice_loss(p, t, smooth=0.0)), 4)
    0.1429

    Source: F. Milletari, N. Navab and S.-A. Ahmadi, V-Net, 2016; S. Salehi and others, Tversky loss function, 2017.
    """
    check_reduction("dice_loss", reduction)
    p, t = pair("dice_loss", input, target)
    p = to_inexact(p)
    axes = tuple(range(1, p.ndim - 1)) if axis is None else normalize_axes(axis, p.ndim, "dice_loss")
    overlap, predicted, true = (p * t).sum(axes), p.sum(axes), t.sum(axes)
    whole = overlap + (predicted - overlap) * alpha + (true - overlap) * beta
    return reduced(1 - (overlap + smooth) / (whole + smooth), reduction)


@widened
def generalized_dice_loss(input: Any, target: Any, smooth: float = 1.0, reduction: Reduction = "mean") -> Array:
    """`dice_loss` with each class counting by 1 / size^2, so that small regions count as much as large ones.

    Args:
        input: the probabilities, (N, ..., C).
        target: of that shape, 1 in the region of the class and 0 elsewhere. The size of a class is its sum over all
            examples; the weights have the mean 1 over the classes.
        smooth: keeps empty regions from 0 / 0.
        reduction: over examples and classes: "mean", "sum", or "none" for (N, C).

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> p = fnp.asarray([[[0.8, 0.2], [0.4, 0.6], [0.3, 0.7]]])
    >>> t = fnp.asarray([[[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]])
    >>> round(float(F.generalized_dice_loss(p, t)), 4)
    0.1927

    Source: C. Sudre and others, Generalised Dice overlap as a deep learning loss function, 2017.
    """
    check_reduction("generalized_dice_loss", reduction)
    losses = dice_loss(input, target, smooth, reduction="none")
    return reduced(losses * class_shares(to_inexact(target)), reduction)


def class_shares(target: Any) -> Any:
    """For each class 1 / size^2, divided by the mean of these; a class that nothing belongs to has a tiny size."""
    size = target.sum(tuple(range(target.ndim - 1)))
    shares: Any = 1 / (size * size + 1e-7)
    return shares / shares.mean()
