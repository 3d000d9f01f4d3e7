"""Losses of numbers: how far predictions are from targets, element by element.

`reduction.py` says what `reduction` and `where` mean.
"""

from __future__ import annotations

import math
from typing import Any

from ..core import SCALARS, Array
from ..errors import OptionError
from ..numpy.elementwise import abs, clip, exp, log, maximum
from ..numpy.elementwise import where as choose
from ..ops import activations
from ..ops.create import asarray, to_inexact
from ..ops.elementwise import stop_gradient
from ..ops.precision import widened
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
    weighed,
    weights_of,
)

__all__ = [
    "gaussian_nll_loss",
    "huber_loss",
    "l1_loss",
    "log_cosh_loss",
    "mse_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
]


def _difference(name: str, input: Any, target: Any, reduction: str, where: Any) -> tuple[Any, Any]:
    """The difference, 0 where it does not count, and the mask of what counts."""
    check_reduction(name, reduction)
    x, t, counts = screened_pair(name, input, target, where)
    return asarray(x - t), counts


@widened
def mse_loss(input: Any, target: Any, reduction: Reduction = "mean", weight: Any = None, *, where: Any = None) -> Array:
    """The squared difference, (input - target)^2.

    Args:
        input, target: of one shape; either may be a Python number.
        reduction: "mean", "sum" or "none".
        weight: how much each element counts, broadcasts with the input; the mean divides by the sum of the weights.
        where: which elements count, booleans that broadcast with the input.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> float(F.mse_loss(fnp.asarray([1.0, 2.0]), fnp.asarray([0.0, 4.0])))
    2.5
    >>> float(F.mse_loss(fnp.asarray([1.0, fnp.nan]), 0.0, where=fnp.asarray([True, False])))
    1.0
    """
    difference, counts = _difference("mse_loss", input, target, reduction, where)
    return weighed("mse_loss", difference * difference, weight, counts, reduction)


@widened
def l1_loss(input: Any, target: Any, reduction: Reduction = "mean", weight: Any = None, *, where: Any = None) -> Array:
    """The absolute difference, |input - target|, with derivative 0 at 0.

    Args:
        input, target, reduction, weight, where: as for `mse_loss`.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> float(F.l1_loss(fnp.asarray([1.0, 2.0]), fnp.asarray([0.0, 4.0])))
    1.5
    """
    difference, counts = _difference("l1_loss", input, target, reduction, where)
    return weighed("l1_loss", abs(difference), weight, counts, reduction)


@widened
def huber_loss(
    input: Any,
    target: Any,
    reduction: Reduction = "mean",
    delta: float = 1.0,
    weight: Any = None,
    *,
    where: Any = None,
) -> Array:
    """Half the squared difference d where |d| <= delta, and delta (|d| - delta / 2) beyond: its tangent there.

    Args:
        input, target, reduction, where: as for `mse_loss`.
        delta: where the parabola ends, above 0.
        weight: how much each element counts, broadcasts with the input; the mean is over elements, as in PyTorch, which
            divides by the sum of the weights in its other losses of differences.

    Raises:
        OptionError: delta is not above 0.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.huber_loss(fnp.asarray([0.5, 3.0]), 0.0, reduction="none")
    Array([0.125, 2.5  ], dtype=float32)

    Source: P. Huber, Robust estimation of a location parameter, 1964.
    """
    check_positive("huber_loss", "delta", delta)
    difference, counts = _difference("huber_loss", input, target, reduction, where)
    # with c = clip(d, -delta, delta) both branches are c^2 / 2 + delta (|d| - |c|); no product has d as a factor, so
    # the derivative of an infinite d is delta, where that of c (d - c / 2) is 0 * inf
    clipped: Any = clip(difference, -delta, delta)
    losses = clipped * clipped * 0.5 + (abs(difference) - abs(clipped)) * delta
    if weight is not None:
        losses = losses * weights_of("huber_loss", weight, losses)
    return reduced_by_count(losses, None, counts, reduction)


@widened
def smooth_l1_loss(
    input: Any, target: Any, reduction: Reduction = "mean", beta: float = 1.0, *, where: Any = None
) -> Array:
    """`huber_loss` with delta=beta, divided by beta: d^2 / (2 beta) where |d| <= beta, and |d| - beta / 2 beyond.

    Args:
        input, target, reduction, where: as for `mse_loss`.
        beta: where the parabola ends; with 0 it is `l1_loss`.

    Raises:
        OptionError: beta is below 0.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.smooth_l1_loss(fnp.asarray([1.0, 3.0]), 0.0, beta=2.0, reduction="none")
    Array([0.25, 2.  ], dtype=float32)

    Source: R. Girshick, Fast R-CNN, 2015, section 2.3.
    """
    if not beta >= 0:
        raise OptionError(f"smooth_l1_loss: beta must be 0 or more, not {beta!r}")
    if beta == 0:
        return l1_loss(input, target, reduction, where=where)
    return huber_loss(input, target, reduction, beta, where=where) / beta


@widened
def log_cosh_loss(input: Any, target: Any, reduction: Reduction = "mean", *, where: Any = None) -> Array:
    """log(cosh(d)) of the difference d: d^2 / 2 near 0, |d| - log(2) far from it, smooth everywhere.

    Args:
        input, target, reduction, where: as for `mse_loss`.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.log_cosh_loss(fnp.asarray([0.1, 1000.0]), 0.0, reduction="none").round(4)
    Array([5.000000e-03, 9.993068e+02], dtype=float32)

    Source: P. Chen and others, Log hyperbolic cosine loss improves variational auto-encoder, 2019.
    """
    difference, counts = _difference("log_cosh_loss", input, target, reduction, where)
    # log((e^d + e^-d) / 2) = d + log(1 + e^-2d) - log 2
    losses = difference + activations.softplus(difference * -2.0) - math.log(2)
    return reduced_by_count(losses, None, counts, reduction)


@widened
def gaussian_nll_loss(
    input: Any,
    target: Any,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: Reduction = "mean",
    *,
    where: Any = None,
) -> Array:
    """The negative log-likelihood of targets under normal distributions of these means and variances.

        loss = (log(v) + (input - target)^2 / v) / 2  (+ log(2 pi) / 2),    v = max(var, eps)

    Args:
        input: the means, any shape.
        target: of that shape; either may be a Python number.
        var: the variances: a number, or an array that broadcasts with the input; one of the input's shape without its
            last axis is one variance for each row.
        full: whether to add the constant.
        eps: the least variance; its derivative is that of v = var, as in PyTorch.
        reduction, where: as for `mse_loss`.

    Raises:
        OptionError: eps is not above 0.
        ShapeError: the shapes do not fit.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> round(float(F.gaussian_nll_loss(fnp.asarray([1.0, 2.0]), fnp.asarray([0.0, 2.0]), 4.0)), 4)
    0.7556

    Source: D. Nix and A. Weigend, Estimating the mean and variance of the target probability distribution, 1994.
    """
    name = "gaussian_nll_loss"
    check_positive(name, "eps", eps)
    difference, counts = _difference(name, input, target, reduction, where)
    variance = asarray(var, difference.dtype) if type(var) in SCALARS else to_inexact(var)
    if variance.ndim and variance.shape == difference.shape[:-1]:
        variance = variance[..., None]
    variance = spread(name, "var", variance, difference.shape)
    if counts is not None:
        variance = choose(counts, variance, 1)
    variance = variance + stop_gradient(maximum(variance, eps) - variance)  # the bound holds for the value alone
    losses: Any = (log(variance) + difference * difference / variance) * 0.5
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduced_by_count(losses, None, counts, reduction)


@widened
def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: Reduction = "mean",
    *,
    where: Any = None,
) -> Array:
    """The negative log-likelihood of counts under Poisson distributions, without log(target!) unless `full`.

        loss = exp(input) - target input,    or without log_input    input - target log(input + eps)

    Args:
        input: the logarithms of the rates, or with log_input=False the rates.
        target: counts, of that shape; either may be a Python number.
        log_input: whether the input is logarithms.
        full: whether to add Stirling's approximation of log(target!), t log(t) - t + log(2 pi t) / 2 for t > 1.
        eps: keeps log(input) finite at 0.
        reduction, where: as for `mse_loss`.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> round(float(F.poisson_nll_loss(fnp.asarray([0.0, 1.0]), fnp.asarray([2.0, 3.0]))), 4)
    0.3591
    """
    name = "poisson_nll_loss"
    check_reduction(name, reduction)
    x, t = pair(name, input, target)
    counts = mask_of(name, where, shape_of(x, t))
    x, t = screened(counts, x, t)
    x, t = to_inexact(x), asarray(t) if type(t) not in SCALARS else asarray(t, to_inexact(x).dtype)
    losses: Any = exp(x) - t * x if log_input else x - t * log(x + eps)
    if full:
        large = choose(t > 1, t, 2)
        stirling = large * log(large) - large + log(large * (2 * math.pi)) * 0.5
        losses = losses + choose(t > 1, stirling, 0)
    return reduced_by_count(losses, None, counts, reduction)
