"""Losses with margins, and their kin: hinge, perceptron, sparsemax."""

from __future__ import annotations

from typing import Any

from ... import functional as F
from ...core import Array
from ...numpy.creation import asarray
from ...numpy.elementwise import where as choose
from ...ops import activations
from ...ops.create import to_inexact
from ...ops.precision import widened
from .operands import aligned

__all__ = [
    "hinge_loss",
    "multiclass_hinge_loss",
    "multiclass_perceptron_loss",
    "multiclass_sparsemax_loss",
    "perceptron_loss",
    "sparsemax_loss",
]


@widened
def hinge_loss(predictor_outputs: Any, targets: Any) -> Array:
    """max(0, 1 - score target).

    Args:
        predictor_outputs: the scores.
        targets: 1 or -1, what broadcasts with them.

    >>> from funcgrad import optim, numpy as fnp
    >>> optim.hinge_loss(fnp.asarray([0.5, 0.5]), fnp.asarray([1, -1]))
    Array([0.5, 1.5], dtype=float32)
    """
    x, t = aligned(predictor_outputs, targets)
    return activations.relu(1 - x * t)


@widened
def perceptron_loss(predictor_outputs: Any, targets: Any) -> Array:
    """max(0, -score target).

    Args:
        predictor_outputs: the scores.
        targets: 1 or -1, what broadcasts with them.

    >>> from funcgrad import optim, numpy as fnp
    >>> optim.losses.perceptron_loss(fnp.asarray([0.5, 0.5]), fnp.asarray([1, -1]))
    Array([0. , 0.5], dtype=float32)
    """
    x, t = aligned(predictor_outputs, targets)
    return activations.relu(-(x * t))


def _own(scores: Any, labels: Any) -> tuple[Any, Any]:
    """The scores, and 1 at the class of each example."""
    x = to_inexact(scores)
    return x, F.one_hot(asarray(labels), x.shape[-1], dtype=x.dtype)


@widened
def multiclass_hinge_loss(scores: Any, labels: Any) -> Array:
    """How far the best other class comes within 1 of the right one: max over c of (x[c] + 1 unless c = y) - x[y].

    Args:
        scores: x, (..., classes).
        labels: y, integers (...).

    >>> from funcgrad import optim, numpy as fnp
    >>> optim.losses.multiclass_hinge_loss(fnp.asarray([[2.0, 1.5, 0.0]]), fnp.asarray([0]))
    Array([0.5], dtype=float32)
    """
    x, own = _own(scores, labels)
    return (x + (1 - own)).max(-1) - (x * own).sum(-1)


@widened
def multiclass_perceptron_loss(scores: Any, labels: Any) -> Array:
    """How far the best class is above the right one: max over c of x[c] - x[y].

    Args:
        scores: x, (..., classes).
        labels: y, integers (...).

    >>> from funcgrad import optim, numpy as fnp
    >>> optim.losses.multiclass_perceptron_loss(fnp.asarray([[2.0, 1.5, 0.0]]), fnp.asarray([1]))
    Array([0.5], dtype=float32)

    Source: M. Collins, Discriminative training methods for hidden Markov models, 2002.
    """
    x, own = _own(scores, labels)
    return x.max(-1) - (x * own).sum(-1)


def multiclass_sparsemax_loss(scores: Any, labels: Any) -> Array:
    """The loss whose derivative is sparsemax(scores) - label: `functional.sparsemax_loss`, not reduced.

    Args:
        scores: (..., classes).
        labels: integers (...).

    >>> from funcgrad import optim, numpy as fnp
    >>> optim.losses.multiclass_sparsemax_loss(fnp.asarray([[1.0, 0.5, -1.0]]), fnp.asarray([0]))
    Array([0.0625], dtype=float32)
    """
    return F.sparsemax_loss(scores, labels, "none")


@widened
def sparsemax_loss(logits: Any, labels: Any) -> Array:
    """The sparsemax loss of two classes: 0 beyond a margin of 1, a parabola, and a straight line.

        loss = 0  where z <= -1,    (z + 1)^2 / 4,    z  where z >= 1;    z = -x for label 1, x for label 0

    Args:
        logits: x, any shape.
        labels: 0 or 1, what broadcasts with them.

    >>> from funcgrad import optim, numpy as fnp
    >>> optim.losses.sparsemax_loss(fnp.asarray([2.0, 0.0, -2.0]), fnp.asarray([1, 1, 1]))
    Array([0.  , 0.25, 2.  ], dtype=float32)

    Source: M. Blondel, A. Martins and V. Niculae, Learning with Fenchel-Young losses, 2020, section 4.4.
    """
    x, t = aligned(logits, labels)
    z = x * (1 - 2 * t)
    within = (z + 1).clip(0, 2)
    return within * within * 0.25 + choose(z > 1, z - 1, 0)
