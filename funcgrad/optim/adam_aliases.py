"""The optimisers of Adam's family by their usual names: chains of the transformations that do the work.

The documentation of those has the formulas.
"""

from __future__ import annotations

from typing import Any

from .adam_variants import (
    scale_by_adamax,
    scale_by_adan,
    scale_by_amsgrad,
    scale_by_belief,
    scale_by_radam,
    scale_by_yogi,
)
from .adaptive import scale_by_adam
from .clipping import clip_by_block_rms
from .combining import chain
from .factored import scale_by_factored_rms
from .hyperparams import Number
from .layerwise import scale_by_param_block_rms
from .moments import ema
from .scaling import add_decayed_weights, scale, scale_by_learning_rate, scale_by_optimistic_gradient
from .signs import scale_by_lion

__all__ = [
    "adabelief",
    "adafactor",
    "adam",
    "adamax",
    "adamaxw",
    "adamw",
    "adan",
    "amsgrad",
    "lion",
    "nadam",
    "nadamw",
    "optimistic_adam_v2",
    "radam",
    "yogi",
]


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
    *,
    nesterov: bool = True,
) -> chain:
    """Adam with Nesterov's look ahead: `adam(..., nesterov=True)`.

    >>> from funcgrad import optim
    >>> optim.nadam(1e-3) == optim.adam(1e-3, nesterov=True)
    True
    """
    return adam(learning_rate, b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov)


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


def nadamw(
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: Any = None,
    weight_decay: Number = 1e-4,
    mask: Any = None,
    *,
    nesterov: bool = True,
) -> chain:
    """`adamw` with Nesterov's look ahead: `adamw(..., nesterov=True)`.

    >>> from funcgrad import optim
    >>> optim.nadamw(1e-3) == optim.adamw(1e-3, nesterov=True)
    True
    """
    return adamw(learning_rate, b1, b2, eps, eps_root, mu_dtype, weight_decay, mask, nesterov=nesterov)


def adamax(learning_rate: Number, b1: Number = 0.9, b2: Number = 0.999, eps: Number = 1e-8) -> chain:
    """AdaMax: `scale_by_adamax`, which has the formulas and the arguments, then `scale_by_learning_rate`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.adamax(0.5)
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.01]), opt.init(fnp.zeros(2)))[0], 3)
    Array([-0.5,  0.5], dtype=float32)
    """
    return chain(scale_by_adamax(b1, b2, eps), scale_by_learning_rate(learning_rate))


def adamaxw(
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    weight_decay: Number = 1e-4,
    mask: Any = None,
) -> chain:
    """AdaMax with decoupled weight decay: `add_decayed_weights` between `scale_by_adamax` and the learning rate.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> params, opt = fnp.asarray([1.0, 100.0]), optim.adamaxw(0.5, weight_decay=0.01)
    >>> fnp.round(opt.update(fnp.ones(2), opt.init(params), params)[0], 3)
    Array([-0.505, -1.   ], dtype=float32)
    """
    return chain(
        scale_by_adamax(b1, b2, eps), add_decayed_weights(weight_decay, mask), scale_by_learning_rate(learning_rate)
    )


def amsgrad(
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: Any = None,
    bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
) -> chain:
    """AMSGrad: `scale_by_amsgrad`, which has the formulas and the arguments, then `scale_by_learning_rate`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.amsgrad(0.5)
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.01]), opt.init(fnp.zeros(2)))[0], 3)
    Array([-0.5,  0.5], dtype=float32)
    """
    return chain(
        scale_by_amsgrad(b1, b2, eps, eps_root, mu_dtype, bias_correction_mu, bias_correction_nu),
        scale_by_learning_rate(learning_rate),
    )


def adabelief(
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-16,
    eps_root: float = 1e-16,
    *,
    nesterov: bool = False,
) -> chain:
    """AdaBelief: `scale_by_belief`, which has the formulas and the arguments, then `scale_by_learning_rate`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.adabelief(0.5, b1=0.5)
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.01]), opt.init(fnp.zeros(2)))[0], 3)
    Array([-1.,  1.], dtype=float32)
    """
    return chain(scale_by_belief(b1, b2, eps, eps_root, nesterov=nesterov), scale_by_learning_rate(learning_rate))


def yogi(learning_rate: Number, b1: Number = 0.9, b2: Number = 0.999, eps: Number = 1e-3) -> chain:
    """Yogi: `scale_by_yogi`, which has the formulas and the arguments, then `scale_by_learning_rate`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.yogi(0.5)
    >>> fnp.round(opt.update(fnp.asarray([3.0, -1.0]), opt.init(fnp.zeros(2)))[0], 2)
    Array([-0.5,  0.5], dtype=float32)
    """
    return chain(scale_by_yogi(b1, b2, eps), scale_by_learning_rate(learning_rate))


def radam(
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    eps_root: float = 0.0,
    threshold: Number = 5.0,
    *,
    nesterov: bool = False,
) -> chain:
    """RAdam: `scale_by_radam`, which has the formulas and the arguments, then `scale_by_learning_rate`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.radam(0.5)
    >>> opt.update(fnp.asarray([3.0, -1.0]), opt.init(fnp.zeros(2)))[0]
    Array([-1.5,  0.5], dtype=float32)
    """
    return chain(
        scale_by_radam(b1, b2, eps, eps_root, threshold, nesterov=nesterov), scale_by_learning_rate(learning_rate)
    )


def adan(
    learning_rate: Number,
    b1: Number = 0.98,
    b2: Number = 0.92,
    b3: Number = 0.99,
    eps: Number = 1e-8,
    eps_root: float = 1e-8,
    weight_decay: Number = 0.0,
    mask: Any = None,
) -> chain:
    """Adan: `scale_by_adan`, `add_decayed_weights`, `scale_by_learning_rate`.

    Args:
        learning_rate: a number or a schedule.
        b1, b2, b3, eps, eps_root: see `scale_by_adan`.
        weight_decay, mask: see `add_decayed_weights`; the paper divides by 1 + learning_rate weight_decay instead.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.adan(0.5), fnp.zeros(2)
    >>> fnp.round(opt.update(fnp.asarray([3.0, -1.0]), opt.init(params), params)[0], 3)
    Array([-0.5,  0.5], dtype=float32)
    """
    return chain(
        scale_by_adan(b1, b2, b3, eps, eps_root),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )


def lion(
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.99,
    mu_dtype: Any = None,
    weight_decay: Number = 1e-3,
    mask: Any = None,
) -> chain:
    """Lion: `scale_by_lion`, `add_decayed_weights`, `scale_by_learning_rate`.

    Args:
        learning_rate: a number or a schedule, a third to a tenth of what is right for `adamw`.
        b1, b2, mu_dtype: see `scale_by_lion`.
        weight_decay, mask: see `add_decayed_weights`; three to ten times what is right for `adamw`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.lion(0.5, weight_decay=0.0), fnp.zeros(2)
    >>> opt.update(fnp.asarray([3.0, -0.1]), opt.init(params), params)[0]
    Array([-0.5,  0.5], dtype=float32)
    """
    return chain(
        scale_by_lion(b1, b2, mu_dtype),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )


def optimistic_adam_v2(
    learning_rate: Number,
    *,
    alpha: Number = 1.0,
    beta: Number = 1.0,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    eps_root: float = 0.0,
    mu_dtype: Any = None,
    nesterov: bool = True,
) -> chain:
    """Adam for games and saddle points: `scale_by_adam`, `scale_by_optimistic_gradient`, `scale_by_learning_rate`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.optimistic_adam_v2(0.5, nesterov=False)
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.01]), opt.init(fnp.zeros(2)))[0], 3)
    Array([-0.5,  0.5], dtype=float32)

    Source: Daskalakis et al., Training GANs with Optimism, 2018, arXiv:1711.00141.
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov),
        scale_by_optimistic_gradient(alpha, beta),
        scale_by_learning_rate(learning_rate),
    )


def adafactor(
    learning_rate: Number | None = None,
    min_dim_size_to_factor: int = 128,
    decay_rate: Number = 0.8,
    decay_offset: int = 0,
    multiply_by_parameter_scale: bool = True,
    clipping_threshold: Number | None = 1.0,
    momentum: Number | None = None,
    dtype_momentum: Any = "float32",
    weight_decay_rate: Number | None = None,
    eps: Number = 1e-30,
    factored: bool = True,
    weight_decay_mask: Any = None,
) -> chain:
    """Adafactor: `scale_by_factored_rms`, and what the arguments ask for of what follows it in the paper.

    Args:
        learning_rate: of `scale_by_learning_rate`, a number or a schedule; None is 1.
        min_dim_size_to_factor, decay_rate, factored: see `scale_by_factored_rms`.
        decay_offset, eps: its `step_offset` and `epsilon`.
        clipping_threshold: of `clip_by_block_rms`, in the state as `threshold`; None leaves it out.
        multiply_by_parameter_scale: whether to use `scale_by_param_block_rms`.
        momentum, dtype_momentum: the decay and the accumulator's dtype of `ema`; None leaves it out.
        weight_decay_rate, weight_decay_mask: of `add_decayed_weights`; None leaves it out. The decay does not go by
            the learning rate.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.adafactor(0.5), fnp.asarray([2.0, 2.0])
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.1]), opt.init(params), params)[0], 3)
    Array([-1.,  1.], dtype=float32)
    """
    members: list[Any] = [scale_by_factored_rms(factored, decay_rate, decay_offset, min_dim_size_to_factor, eps)]
    if clipping_threshold is not None:
        members.append(clip_by_block_rms(clipping_threshold))
    if learning_rate is not None:
        members.append(scale_by_learning_rate(learning_rate, flip_sign=False))
    if multiply_by_parameter_scale:
        members.append(scale_by_param_block_rms())
    if momentum is not None:
        members.append(ema(momentum, debias=False, accumulator_dtype=dtype_momentum))
    if weight_decay_rate is not None:
        members.append(add_decayed_weights(weight_decay_rate, weight_decay_mask))
    return chain(*members, scale(-1.0))
