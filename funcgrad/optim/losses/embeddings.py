"""Losses of embeddings."""

from __future__ import annotations

from typing import Any

from ... import functional as F
from ...core import Array
from ...numpy.elementwise import abs
from ...ops import activations
from ...ops.precision import widened
from .operands import aligned

__all__ = ["ntxent", "triplet_margin_loss"]


def ntxent(embeddings: Any, labels: Any, temperature: Any = 0.07) -> Array:
    """The mean over pairs of one label of their cross-entropy against those of two: `functional.ntxent_loss`.

    Args:
        embeddings: (N, D).
        labels: (N,) integers.
        temperature: above 0.

    >>> from funcgrad import optim, numpy as fnp
    >>> x = fnp.asarray([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> round(float(optim.ntxent(x, fnp.asarray([0, 0, 1]), temperature=1.0)), 4)
    0.3133
    """
    return F.ntxent_loss(embeddings, labels, temperature)


@widened
def triplet_margin_loss(
    anchors: Any,
    positives: Any,
    negatives: Any,
    axis: int = -1,
    norm_degree: Any = 2,
    margin: Any = 1.0,
    eps: Any = 1e-6,
) -> Array:
    """max(0, d(a, p) - d(a, n) + margin) with d(x, y) = (sum |x - y|^k + eps)^(1/k).

    `functional.triplet_margin_loss` is PyTorch's, which adds eps to each difference.

    Args:
        anchors, positives, negatives: vectors along the axis.
        axis: along which they lie.
        norm_degree: k.
        margin: by how much positives should be nearer.
        eps: keeps the root away from 0.

    >>> from funcgrad import optim, numpy as fnp
    >>> a, p, n = fnp.asarray([0.0, 0.0]), fnp.asarray([1.0, 0.0]), fnp.asarray([0.0, 1.5])
    >>> round(float(optim.losses.triplet_margin_loss(a, p, n)), 4)
    0.5

    Source: V. Balntas and others, Learning local feature descriptors with triplets and shallow convolutional neural
    networks, 2016.
    """

    def distance(x: Any, y: Any) -> Any:
        x, y = aligned(x, y)
        difference: Any = x - y
        powers = difference * difference if norm_degree == 2 else abs(difference) ** norm_degree
        return (powers.sum(axis) + eps) ** (1.0 / norm_degree)

    return activations.relu(distance(anchors, positives) - distance(anchors, negatives) + margin)
