"""Transformations that funcgrad and optax have under one name, with settings drawn at random.

Each case says how its settings are drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Draw = Callable[[np.random.Generator], Any]


def between(low: float, high: float) -> Draw:
    """A number, its logarithm uniform."""
    return lambda rng: float(np.exp(rng.uniform(np.log(low), np.log(high))))


def one_of(*values: Any) -> Draw:
    return lambda rng: values[rng.integers(len(values))]


def decay(rng: np.random.Generator) -> float:
    """Of a running mean, short or long. With none at all m / sqrt(v) is the sign of g, and what lies near 0 jumps."""
    return float(one_of(0.3, 0.5, 0.9, 0.99, 0.999, rng.uniform(0.3, 1))(rng))


def weights(p: Any) -> Any:
    """True for leaves with two axes or more."""
    if isinstance(p, dict):
        return {name: weights(x) for name, x in p.items()}
    if isinstance(p, list | tuple):
        return type(p)(weights(x) for x in p)
    return None if p is None else p.ndim > 1


def falling(start: float) -> Callable[[Any], Any]:
    return lambda count: start / (1 + 0.1 * count)


def rate(rng: np.random.Generator) -> Any:
    """A learning rate: mostly a number, sometimes a schedule, one of ours or a plain function."""
    value = between(1e-3, 0.1)(rng)
    return falling(value) if rng.integers(4) == 0 else value


small, mask, flag = between(1e-8, 1e-2), one_of(None, weights), one_of(False, True)
wd = one_of(0.0, 1e-2, 0.1)
EPS_ROOT = one_of(0.0, 1e-8, 1e-3)
ADAM: dict[str, Draw] = {"b1": decay, "b2": decay, "eps": small, "eps_root": EPS_ROOT}
NESTEROV: dict[str, Draw] = {"nesterov": flag}
DECAYED: dict[str, Draw] = {"weight_decay": wd, "mask": mask}


@dataclass(frozen=True)
class Case:
    """How a transformation is drawn, and what else is to be known of it.

    Args:
        settings: by name, how each is drawn; each is left at its default half of the time.
        always: those that have no default.
        optimiser: whether it is a whole one; else `scale(-0.05)` comes behind.
        scalars: whether it takes leaves without axes.
        is_complex: whether optax's numbers make sense for complex parameters.
        rtol: in float64.
    """

    settings: dict[str, Draw]
    always: dict[str, Draw] = field(default_factory=dict)
    optimiser: bool = False
    scalars: bool = True
    is_complex: bool = True
    rtol: float = 1e-8

    def draw(self, rng: np.random.Generator) -> dict[str, Any]:
        chosen = {name: d for name, d in self.settings.items() if rng.integers(2)}
        return {name: d(rng) for name, d in (self.always | chosen).items()}


def optimiser(settings: dict[str, Draw], **known: Any) -> Case:
    return Case(settings, {"learning_rate": rate}, optimiser=True, **known)


ALIASES = {
    "adabelief": optimiser({**ADAM, "eps_root": one_of(1e-16, 1e-6), **NESTEROV}),
    "adadelta": optimiser(
        {"rho": decay, "eps": between(1e-6, 1e-2), "weight_decay": wd, "weight_decay_mask": mask}, is_complex=False
    ),
    "adafactor": optimiser(
        {
            "min_dim_size_to_factor": one_of(2, 3, 128),
            "decay_rate": between(0.5, 1.0),
            "multiply_by_parameter_scale": flag,
            "clipping_threshold": one_of(None, 1.0, 2.0),
            "momentum": one_of(0.5, 0.9),
            "dtype_momentum": one_of("float64"),
            "weight_decay_rate": one_of(None, 1e-2),
            "eps": between(1e-30, 1e-4),
            "factored": flag,
            "weight_decay_mask": mask,
        },
        is_complex=False,  # the momentum is real in optax
        rtol=1e-5,  # and its decay float32
    ),
    "adagrad": optimiser({"initial_accumulator_value": one_of(0.0, 0.1, 1.0), "eps": small}),
    "adam": optimiser(ADAM | NESTEROV),
    "adamax": optimiser({"b1": decay, "b2": decay, "eps": small}),
    "adamaxw": optimiser({"b1": decay, "b2": decay, "eps": small, **DECAYED}),
    "adamw": optimiser(ADAM | DECAYED | NESTEROV),
    "adan": optimiser(ADAM | {"b3": decay} | DECAYED),
    "amsgrad": optimiser(ADAM | {"bias_correction_mu": flag, "bias_correction_nu": flag}),
    "fromage": optimiser({"min_norm": between(1e-6, 1.0)}),
    "lamb": optimiser(ADAM | DECAYED),
    "lars": optimiser(
        {
            "weight_decay": wd,
            "weight_decay_mask": one_of(True, False, weights),
            "trust_coefficient": between(1e-3, 1.0),
            "eps": one_of(0.0, 1e-3, 0.1),
            "trust_ratio_mask": one_of(True, False, weights),
            "momentum": decay,
            "nesterov": flag,
        }
    ),
    "lion": optimiser({"b1": decay, "b2": decay, **DECAYED}),
    "nadam": optimiser(ADAM | NESTEROV),
    "nadamw": optimiser(ADAM | DECAYED | NESTEROV),
    "novograd": optimiser(ADAM | {"weight_decay": wd}),
    "optimistic_gradient_descent": optimiser({"alpha": between(0.1, 1.0), "beta": between(0.1, 1.0)}),
    "optimistic_adam_v2": optimiser(ADAM | NESTEROV | {"alpha": between(0.1, 1.0), "beta": between(0.1, 1.0)}),
    "polyak_sgd": Case(
        {
            "max_learning_rate": between(1e-2, 1.0),
            "scaling": between(0.1, 1.0),
            "f_min": one_of(0.0, 0.5, 10.0),
            "eps": one_of(0.0, 1e-2),
            "variant": one_of("sps", "sps+"),
        },
        optimiser=True,
    ),
    "radam": optimiser(ADAM | {"threshold": one_of(4.5, 5.0, 7.5)} | NESTEROV),
    "rmsprop": Case(
        {
            "decay": decay,
            "eps": between(1e-4, 1e-2),
            "eps_in_sqrt": flag,
            "centered": flag,
            "momentum": decay,
            "nesterov": flag,
            "bias_correction": flag,
        },
        # Centered at 0 the first variance is 0 to rounding, and below 0 half of the time
        {"learning_rate": rate, "initial_scale": one_of(0.5, 1.0)},
        optimiser=True,
        rtol=1e-7,
    ),
    "rprop": Case(
        {
            "eta_minus": between(0.2, 0.9),
            "eta_plus": between(1.05, 1.5),
            "min_step_size": between(1e-6, 1e-2),
            "max_step_size": between(0.1, 50.0),
        },
        {"learning_rate": between(1e-3, 0.1)},
        optimiser=True,
        is_complex=False,
    ),
    "sgd": optimiser({"momentum": decay, "nesterov": flag}),
    "sign_sgd": optimiser({}),
    "signum": optimiser({"beta": decay}),
    "sm3": Case(
        {"momentum": decay}, {"learning_rate": between(1e-3, 0.1)}, optimiser=True, scalars=False, is_complex=False
    ),
    "yogi": optimiser({"b1": decay, "b2": decay, "eps": between(1e-4, 1e-2)}),
}
"""Every optimiser but `noisy_sgd`, whose noise is of our own keys, and `lbfgs`."""


def exact_power(count: Any, exponent: Any) -> Any:
    """Adafactor's decay in float64, which optax's own is not."""
    return 1 - (count + 1.0) ** (-exponent)


TRANSFORMATIONS = {
    "adaptive_grad_clip": Case({"eps": between(1e-3, 0.1)}, {"clipping": between(0.01, 1.0)}),
    "add_decayed_weights": Case(DECAYED),
    "apply_every": Case({"k": one_of(1, 2, 3)}),
    "centralize": Case({}),
    "clip": Case({}, {"max_delta": between(0.01, 1.0)}, is_complex=False),
    "clip_by_block_rms": Case({}, {"threshold": between(0.01, 1.0)}),
    "clip_by_global_norm": Case({}, {"max_norm": between(0.01, 10.0)}),
    "ema": Case({"debias": flag}, {"decay": decay}),
    "keep_params_nonnegative": Case({}, is_complex=False),
    "normalize_by_update_norm": Case({"scale_factor": between(0.1, 10.0), "eps": small}),
    "scale": Case({}, {"step_size": between(0.1, 2.0)}),
    "scale_by_adadelta": Case({"rho": decay, "eps": between(1e-6, 1e-2)}, is_complex=False),
    "scale_by_adam": Case(ADAM | NESTEROV),
    "scale_by_adamax": Case({"b1": decay, "b2": decay, "eps": small}),
    "scale_by_adan": Case(ADAM | {"b3": decay}),
    "scale_by_amsgrad": Case(ADAM | {"bias_correction_mu": flag, "bias_correction_nu": flag}),
    "scale_by_belief": Case({**ADAM, "eps_root": one_of(1e-16, 1e-6), **NESTEROV}),
    "scale_by_factored_rms": Case(
        {
            "factored": flag,
            "decay_rate": between(0.5, 1.0),
            "step_offset": one_of(0),
            "min_dim_size_to_factor": one_of(2, 3, 128),
            "epsilon": between(1e-30, 1e-4),
        },
        {"decay_rate_fn": one_of(exact_power)},
    ),
    "scale_by_learning_rate": Case({"flip_sign": flag}, {"learning_rate": rate}),
    "scale_by_lion": Case(
        {"b1": decay, "b2": decay, "mode": one_of("hard", "smooth", "refined"), "smooth_beta": between(0.1, 10.0)},
        is_complex=False,
    ),
    "scale_by_novograd": Case(ADAM | {"weight_decay": wd}),
    "scale_by_optimistic_gradient": Case({"alpha": between(0.1, 1.0), "beta": between(0.1, 1.0)}),
    "scale_by_param_block_norm": Case({"min_scale": between(1e-3, 10.0)}),
    "scale_by_param_block_rms": Case({"min_scale": between(1e-3, 10.0)}),
    "scale_by_polyak": Case(
        {
            "f_min": one_of(0.0, 0.5, 10.0),
            "max_learning_rate": between(1e-2, 1.0),
            "eps": one_of(0.0, 1e-2),
            "variant": one_of("sps", "sps+"),
        }
    ),
    "scale_by_radam": Case(ADAM | {"threshold": one_of(4.5, 5.0, 7.5)} | NESTEROV),
    "scale_by_rms": Case(
        {"decay": decay, "eps": small, "initial_scale": one_of(0.0, 1.0), "eps_in_sqrt": flag, "bias_correction": flag}
    ),
    "scale_by_rprop": Case(
        {"eta_minus": between(0.2, 0.9), "eta_plus": between(1.05, 1.5)},
        {"learning_rate": between(1e-3, 0.1)},
        is_complex=False,
    ),
    "scale_by_rss": Case({"initial_accumulator_value": one_of(0.0, 0.1), "eps": small}),
    "scale_by_sign": Case({}),
    "scale_by_sm3": Case({"b1": decay, "b2": one_of(1.0, 0.9), "eps": small}, scalars=False, is_complex=False),
    "scale_by_stddev": Case(
        {"decay": decay, "eps": between(1e-4, 1e-2), "eps_in_sqrt": flag, "bias_correction": flag},
        {"initial_scale": one_of(0.5, 1.0)},
        rtol=1e-7,
    ),
    "scale_by_trust_ratio": Case(
        {"min_norm": one_of(0.0, 1.0), "trust_coefficient": between(0.01, 1.0), "eps": one_of(0.0, 0.1)}
    ),
    "scale_by_yogi": Case({**ADAM, "initial_accumulator_value": between(1e-6, 0.1)}),
    "set_to_zero": Case({}),
    "trace": Case({"nesterov": flag}, {"decay": decay}),
    "zero_nans": Case({}),
}
