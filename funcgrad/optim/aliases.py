"""The optimisers by their usual names: chains of the transformations that do the work, whose documentation has it."""

from __future__ import annotations

from typing import Any

from .adaptive import scale_by_adam, scale_by_rms, scale_by_rss, scale_by_stddev
from .hyperparams import Number
from .scaling import add_decayed_weights, scale_by_learning_rate, trace
from .transformation import chain, identity

__all__ = ["adagrad", "adam", "adamw", "nadam", "rmsprop", "sgd"]


def sgd(
    learning_rate: Number, momentum: Number | None = None, nesterov: bool = False, accumulator_dtype: Any = None
) -> chain:
    """Gradient descent, with or without momentum: `trace`, then `scale_by_learning_rate`.

    Args:
        learning_rate: a number or a schedule; in the state as `learning_rate`.
        momentum: the decay of `trace`, a number or a schedule; in the state as `momentum`. None is plain descent.
        nesterov, accumulator_dtype: see `trace`.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.sgd(0.1, momentum=0.9)
    >>> w = fnp.asarray([1.0, -2.0])
    >>> state = opt.init(w)
    >>> for _ in range(100):
    ...     updates, state = opt.update(fg.grad(lambda w: (w * w).sum())(w), state)
    ...     w = optim.apply_updates(w, updates)
    >>> fnp.abs(w) < 0.02
    Array([ True,  True], dtype=bool)
    """
    first = identity() if momentum is None else trace(momentum, nesterov, accumulator_dtype)
    return chain(first, scale_by_learning_rate(learning_rate))


def adam(
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
) -> chain:
    """Adam: `scale_by_adam`, which has the formulas and the arguments, then `scale_by_learning_rate`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.adam(0.5)
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.01]), opt.init(fnp.zeros(2)))[0], 3)
    Array([-0.5,  0.5], dtype=float32)
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov), scale_by_learning_rate(learning_rate)
    )


def nadam(
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: Any = None,
) -> chain:
    """Adam with Nesterov's look ahead: `adam(..., nesterov=True)`.

    >>> from funcgrad import optim
    >>> optim.nadam(1e-3) == optim.adam(1e-3, nesterov=True)
    True
    """
    return adam(learning_rate, b1, b2, eps, eps_root, mu_dtype, nesterov=True)


def adamw(
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: Any = None,
    weight_decay: Number = 1e-4,
    mask: Any = None,
    *,
    nesterov: bool = False,
) -> chain:
    """Adam with decoupled weight decay: `add_decayed_weights` between `scale_by_adam` and the learning rate.

    The decay is multiplied by the learning rate. `update` needs the parameters.

    Args:
        learning_rate, b1, b2, eps, eps_root, mu_dtype, nesterov: see `scale_by_adam`.
        weight_decay, mask: see `add_decayed_weights`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> params, opt = fnp.asarray([1.0, 100.0]), optim.adamw(0.5, weight_decay=0.01)
    >>> fnp.round(opt.update(fnp.ones(2), opt.init(params), params)[0], 3)
    Array([-0.505, -1.   ], dtype=float32)
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )


def rmsprop(
    learning_rate: Number,
    decay: Number = 0.9,
    eps: Number = 1e-8,
    initial_scale: float = 0.0,
    eps_in_sqrt: bool = True,
    centered: bool = False,
    momentum: Number | None = None,
    nesterov: bool = False,
    bias_correction: bool = False,
) -> chain:
    """RMSProp: `scale_by_rms` (centered: `scale_by_stddev`), `scale_by_learning_rate`, and `trace` for a momentum.

    Args:
        learning_rate: a number or a schedule.
        decay, eps, initial_scale, eps_in_sqrt, bias_correction: see `scale_by_rms`.
        centered: whether to divide by the standard deviation and not by the root of the mean square.
        momentum, nesterov: see `trace`, which comes after the learning rate here.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.rmsprop(0.5, decay=0.75)
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.1]), opt.init(fnp.zeros(2)))[0], 3)
    Array([-1.,  1.], dtype=float32)
    """
    scale_by = scale_by_stddev if centered else scale_by_rms
    return chain(
        scale_by(decay, eps, initial_scale, eps_in_sqrt, bias_correction),
        scale_by_learning_rate(learning_rate),
        identity() if momentum is None else trace(momentum, nesterov),
    )


def adagrad(learning_rate: Number, initial_accumulator_value: float = 0.1, eps: Number = 1e-7) -> chain:
    """AdaGrad: `scale_by_rss`, which has the formula and the arguments, then `scale_by_learning_rate`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.adagrad(0.5, initial_accumulator_value=0.0)
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.1]), opt.init(fnp.zeros(2)))[0], 3)
    Array([-0.5,  0.5], dtype=float32)
    """
    return chain(scale_by_rss(initial_accumulator_value, eps), scale_by_learning_rate(learning_rate))
