"""Kullback-Leibler divergences, summed over an axis."""

from __future__ import annotations

from typing import Any

from ... import functional as F
from ...core import Array
from ...numpy.elementwise import exp
from ...numpy.elementwise import where as choose
from ...ops.precision import widened
from .operands import aligned, mask_of

__all__ = ["convex_kl_divergence", "generalized_kl_divergence", "kl_divergence", "kl_divergence_with_log_targets"]

Axis = int | tuple[int, ...] | None


def _divergence(log_predictions: Any, targets: Any, axis: Axis, where: Any, log_target: bool, masses: bool) -> Any:
    q, p = aligned(log_predictions, targets)
    counts = mask_of(where, q.shape, axis)
    if counts is not None:
        q, p = choose(counts, q, 0), choose(counts, p, 0)
    terms: Any = F.kl_div(q, p, "none", log_target)
    if masses:
        terms = terms + (exp(q) - p)
    return (terms if counts is None else choose(counts, terms, 0)).sum(axis)


@widened
def kl_divergence(log_predictions: Any, targets: Any, axis: Axis = -1, where: Any = None) -> Array:
    """The divergence of predicted probabilities q from targets p, sum p (log p - log q): `functional.kl_div`.

    Args:
        log_predictions: log q.
        targets: p, what broadcasts with it; where p is 0 the term is 0.
        axis: what to sum over; everything where None.
        where: which elements, or which examples, count.

    >>> from funcgrad import optim, numpy as fnp
    >>> round(float(optim.kl_divergence(fnp.log(fnp.asarray([0.5, 0.5])), fnp.asarray([1.0, 0.0]))), 4)
    0.6931
    """
    return _divergence(log_predictions, targets, axis, where, log_target=False, masses=False)


@widened
def kl_divergence_with_log_targets(log_predictions: Any, log_targets: Any, axis: Axis = -1, where: Any = None) -> Array:
    """`kl_divergence` of logarithms of targets.

    >>> from funcgrad import optim, numpy as fnp
    >>> q, p = fnp.log(fnp.asarray([0.5, 0.5])), fnp.log(fnp.asarray([0.25, 0.75]))
    >>> round(float(optim.losses.kl_divergence_with_log_targets(q, p)), 4)
    0.1308
    """
    return _divergence(log_predictions, log_targets, axis, where, log_target=True, masses=False)


@widened
def convex_kl_divergence(log_predictions: Any, targets: Any, axis: Axis = -1, where: Any = None) -> Array:
    """`generalized_kl_divergence` by the name that optax gave it first: convex in both arguments.

    >>> from funcgrad import optim, numpy as fnp
    >>> float(optim.convex_kl_divergence(fnp.asarray([0.0, 0.0]), fnp.asarray([1.0, 0.0])))
    1.0
    """
    return _divergence(log_predictions, targets, axis, where, log_target=False, masses=True)


@widened
def generalized_kl_divergence(log_predictions: Any, targets: Any, axis: Axis = -1, where: Any = None) -> Array:
    """The divergence of measures that need not sum to 1: sum p (log p - log q) - p + q.

    Args:
        log_predictions, targets, axis, where: as for `kl_divergence`.

    >>> from funcgrad import optim, numpy as fnp
    >>> float(optim.generalized_kl_divergence(fnp.asarray([0.0, 0.0]), fnp.asarray([1.0, 0.0])))
    1.0

    Source: L. Bregman, The relaxation method of finding the common point of convex sets, 1967.
    """
    return _divergence(log_predictions, targets, axis, where, log_target=False, masses=True)
