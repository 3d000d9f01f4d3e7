"""The optimisers by their usual names: chains of the transformations that do the work, whose documentation has it.

The others that descend from Adam are in `adam_aliases.py`.
"""

from __future__ import annotations

from typing import Any

from .adaptive import scale_by_adadelta, scale_by_adam, scale_by_rms, scale_by_rss, scale_by_stddev
from .combining import chain
from .factored import scale_by_sm3
from .hyperparams import Number
from .layerwise import descend_at_equal_norm, scale_by_novograd, scale_by_trust_ratio
from .masking import masked
from .moments import ema
from .noise import add_noise
from .polyak import scale_by_polyak
from .scaling import (
    add_decayed_weights,
    scale,
    scale_by_learning_rate,
    scale_by_optimistic_gradient,
    trace,
)
from .signs import scale_by_rprop, scale_by_sign
from .transformation import identity

__all__ = [
    "adadelta",
    "adagrad",
    "fromage",
    "lamb",
    "lars",
    "noisy_sgd",
    "novograd",
    "optimistic_gradient_descent",
    "polyak_sgd",
    "rmsprop",
    "rprop",
    "sgd",
    "sign_sgd",
    "signum",
    "sm3",
]


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


def adadelta(
    learning_rate: Number | None = None,
    rho: Number = 0.9,
    eps: Number = 1e-6,
    weight_decay: Number = 0.0,
    weight_decay_mask: Any = None,
) -> chain:
    """Adadelta: `add_decayed_weights`, `scale_by_adadelta`, `scale_by_learning_rate`.

    Args:
        learning_rate: a number or a schedule; 1.0 is the paper's. None leaves the updates as they are, as in optax,
            and so does not turn them into a descent.
        rho, eps: see `scale_by_adadelta`.
        weight_decay, weight_decay_mask: see `add_decayed_weights`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.adadelta(1.0, eps=1e-2), fnp.zeros(2)
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.1]), opt.init(params), params)[0], 3)
    Array([-0.314,  0.095], dtype=float32)
    """
    return chain(
        add_decayed_weights(weight_decay, weight_decay_mask),
        scale_by_adadelta(rho, eps),
        identity() if learning_rate is None else scale_by_learning_rate(learning_rate),
    )


def sign_sgd(learning_rate: Number) -> chain:
    """Steps of one length by the signs of the gradients: `scale_by_sign`, then `scale_by_learning_rate`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.sign_sgd(0.5)
    >>> opt.update(fnp.asarray([3.0, -0.1]), opt.init(fnp.zeros(2)))[0]
    Array([-0.5,  0.5], dtype=float32)
    """
    return chain(scale_by_sign(), scale_by_learning_rate(learning_rate))


def signum(learning_rate: Number, beta: Number = 0.9, accumulator_dtype: Any = None) -> chain:
    """Steps of one length by the signs of the mean gradients: `ema`, `scale_by_sign`, `scale_by_learning_rate`.

    Args:
        learning_rate: a number or a schedule.
        beta: the decay of `ema`; in the state as `decay`.
        accumulator_dtype: see `ema`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.signum(0.5)
    >>> opt.update(fnp.asarray([3.0, -0.1]), opt.init(fnp.zeros(2)))[0]
    Array([-0.5,  0.5], dtype=float32)
    """
    # A mean and the same without its beginning at 0 have one sign
    mean = ema(beta, debias=False, accumulator_dtype=accumulator_dtype)
    return chain(mean, scale_by_sign(), scale_by_learning_rate(learning_rate))


def rprop(
    learning_rate: float,
    eta_minus: Number = 0.5,
    eta_plus: Number = 1.2,
    min_step_size: Number = 1e-6,
    max_step_size: Number = 50.0,
) -> chain:
    """Rprop: `scale_by_rprop`, which has the formulas and the arguments, then `scale(-1)`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.rprop(0.5)
    >>> _, state = opt.update(fnp.asarray([3.0, -0.1]), opt.init(fnp.zeros(2)))
    >>> opt.update(fnp.asarray([3.0, -0.1]), state)[0]
    Array([-0.5,  0.5], dtype=float32)
    """
    return chain(scale_by_rprop(learning_rate, eta_minus, eta_plus, min_step_size, max_step_size), scale(-1.0))


def noisy_sgd(
    learning_rate: Number, eta: Number = 0.01, gamma: Number = 0.55, key: Any = None, *, seed: int | None = None
) -> chain:
    """Gradient descent with noise that becomes less: `add_noise`, which has the arguments, then `sgd`'s step.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim, random
    >>> opt = optim.noisy_sgd(0.5, eta=0.0, key=random.key(0))
    >>> opt.update(fnp.asarray([3.0, -0.1]), opt.init(fnp.zeros(2)))[0]
    Array([-1.5 ,  0.05], dtype=float32)
    """
    return chain(add_noise(eta, gamma, key, seed=seed), scale_by_learning_rate(learning_rate))


def optimistic_gradient_descent(learning_rate: Number, alpha: Number = 1.0, beta: Number = 1.0) -> chain:
    """Descent for games and saddle points: `scale_by_optimistic_gradient`, then `scale_by_learning_rate`.

    In the game x y of a descent in x and an ascent in y, plain descent turns in growing circles:

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.optimistic_gradient_descent(0.2)
    >>> p = {"x": fnp.asarray(1.0), "y": fnp.asarray(1.0)}
    >>> state = opt.init(p)
    >>> for _ in range(500):
    ...     updates, state = opt.update({"x": p["y"], "y": -p["x"]}, state)
    ...     p = optim.apply_updates(p, updates)
    >>> float(optim.global_norm(p)) < 1e-3
    True
    """
    return chain(scale_by_optimistic_gradient(alpha, beta), scale_by_learning_rate(learning_rate))


def polyak_sgd(
    max_learning_rate: Number = 1.0,
    scaling: Number = 1.0,
    f_min: Number = 0.0,
    eps: Number = 0.0,
    variant: str = "sps",
) -> chain:
    """Gradient descent with Polyak's step size: `sgd(scaling)`, then `scale_by_polyak`.

    As in optax the step size is that of the scaled gradients, so a `scaling` below 1 makes it larger.

    Args:
        max_learning_rate, f_min, eps, variant: see `scale_by_polyak`.
        scaling: a number or a schedule; in the state as `learning_rate`.

    `update` takes the value of the loss by name: `update(grads, state, params, value=loss)`.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, w = optim.polyak_sgd(), fnp.asarray([1.0, -2.0])
    >>> state = opt.init(w)
    >>> for _ in range(20):
    ...     loss, grads = fg.value_and_grad(lambda w: (w * w).sum())(w)
    ...     updates, state = opt.update(grads, state, w, value=loss)
    ...     w = optim.apply_updates(w, updates)
    >>> fnp.abs(w) < 1e-4
    Array([ True,  True], dtype=bool)
    """
    return chain(sgd(scaling), scale_by_polyak(f_min, max_learning_rate, eps, variant))


def sm3(learning_rate: Number, momentum: Number = 0.9) -> chain:
    """SM3: `scale_by_sm3` with b1 = momentum, then `scale_by_learning_rate`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.sm3(0.5, momentum=0.0)
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.1]), opt.init(fnp.zeros(2)))[0], 3)
    Array([-0.5,  0.5], dtype=float32)
    """
    return chain(scale_by_sm3(momentum), scale_by_learning_rate(learning_rate))


def lars(
    learning_rate: Number,
    weight_decay: Number = 0.0,
    weight_decay_mask: Any = True,
    trust_coefficient: Number = 0.001,
    eps: Number = 0.0,
    trust_ratio_mask: Any = True,
    momentum: Number = 0.9,
    nesterov: bool = False,
) -> chain:
    """LARS: `add_decayed_weights`, `scale_by_trust_ratio`, `scale_by_learning_rate`, `trace`.

    Args:
        learning_rate: a number or a schedule.
        weight_decay, weight_decay_mask: see `add_decayed_weights`.
        trust_coefficient, eps: see `scale_by_trust_ratio`.
        trust_ratio_mask: True where the trust ratio is used, as for `masked`.
        momentum, nesterov: see `trace`, which comes after the learning rate here.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.lars(1.0), fnp.asarray([300.0, 400.0])
    >>> fnp.round(opt.update(fnp.asarray([3.0, 4.0]), opt.init(params), params)[0], 3)
    Array([-0.3, -0.4], dtype=float32)
    """
    return chain(
        add_decayed_weights(weight_decay, weight_decay_mask),
        masked(scale_by_trust_ratio(0.0, trust_coefficient, eps), trust_ratio_mask),
        scale_by_learning_rate(learning_rate),
        trace(momentum, nesterov),
    )


def fromage(learning_rate: Number, min_norm: Number = 1e-6) -> chain:
    """Fromage: steps as long as learning_rate times their leaf, which then gets back its length.

        p <- (p - learning_rate |p| / |g| g) / sqrt(1 + learning_rate^2)

    Args:
        learning_rate: a number or a schedule.
        min_norm: see `scale_by_trust_ratio`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.fromage(0.75), fnp.asarray([4.0, 0.0])
    >>> fnp.round(params + opt.update(fnp.asarray([0.0, 0.1]), opt.init(params), params)[0], 3)
    Array([ 3.2, -2.4], dtype=float32)

    Source: Bernstein et al., On the Distance between Two Neural Networks and the Stability of Learning, 2020,
    arXiv:2002.03432.
    """
    return chain(scale_by_trust_ratio(min_norm), descend_at_equal_norm(learning_rate))


def lamb(
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-6,
    eps_root: float = 0.0,
    weight_decay: Number = 0.0,
    mask: Any = None,
) -> chain:
    """LAMB: `scale_by_adam`, `add_decayed_weights`, `scale_by_trust_ratio`, `scale_by_learning_rate`.

    Args:
        learning_rate: a number or a schedule.
        b1, b2, eps, eps_root: see `scale_by_adam`.
        weight_decay, mask: see `add_decayed_weights`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.lamb(0.5), fnp.asarray([3.0, 4.0])
    >>> fnp.round(opt.update(fnp.asarray([2.0, -0.1]), opt.init(params), params)[0], 3)
    Array([-1.768,  1.768], dtype=float32)

    Source: You et al., Large Batch Optimization for Deep Learning: Training BERT in 76 Minutes, 2020,
    arXiv:1904.00962.
    """
    return chain(
        scale_by_adam(b1, b2, eps, eps_root),
        add_decayed_weights(weight_decay, mask),
        scale_by_trust_ratio(),
        scale_by_learning_rate(learning_rate),
    )


def novograd(
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.25,
    eps: Number = 1e-6,
    eps_root: float = 0.0,
    weight_decay: Number = 0.0,
) -> chain:
    """NovoGrad: `scale_by_novograd`, which has the formulas and the arguments, then `scale_by_learning_rate`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.novograd(0.5), fnp.zeros(2)
    >>> fnp.round(opt.update(fnp.asarray([3.0, 4.0]), opt.init(params), params)[0], 3)
    Array([-0.3, -0.4], dtype=float32)
    """
    return chain(scale_by_novograd(b1, b2, eps, eps_root, weight_decay), scale_by_learning_rate(learning_rate))
