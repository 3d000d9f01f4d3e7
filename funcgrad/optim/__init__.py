"""Optimisers: gradient transformations, with the names and the numbers of optax.

An optimiser is a value with two pure functions: `init(params)` makes its state, `update(grads, state, params)` gives
what to add to the parameters and the next state.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> loss = lambda params, x, y: ((x * params["w"] + params["b"] - y) ** 2).mean()
    >>> x = fnp.asarray([0.0, 1.0, 2.0, 3.0])
    >>> y = 2 * x + 1
    >>> params = {"w": fnp.asarray(0.0), "b": fnp.asarray(0.0)}
    >>> opt = optim.sgd(learning_rate=0.05, momentum=0.9)
    >>> state = opt.init(params)
    >>> for step in range(200):
    ...     grads = fg.grad(loss)(params, x, y)
    ...     updates, state = opt.update(grads, state, params)
    ...     params = optim.apply_updates(params, updates)
    >>> {name: round(float(value), 2) for name, value in params.items()}
    {'w': 2.0, 'b': 1.0}

Hyper-parameters live in the state, so a change needs no new optimiser, and they can be batched and differentiated:

    >>> state = optim.set_hyperparams(state, learning_rate=0.01)

A schedule, a function of the number of updates made, may be given in place of a number:

    >>> opt = optim.adam(optim.warmup_cosine_decay_schedule(0.0, 1e-3, warmup_steps=100, decay_steps=1000))
"""

from __future__ import annotations

from .adaptive import (
    ScaleByAdamState,
    ScaleByRmsState,
    ScaleByRssState,
    ScaleByStddevState,
    scale_by_adam,
    scale_by_rms,
    scale_by_rss,
    scale_by_stddev,
)
from .aliases import adagrad, adam, adamw, nadam, rmsprop, sgd
from .clipping import adaptive_grad_clip, clip, clip_by_global_norm, global_norm
from .hyperparams import HyperparamsState, Number, Tunable, set_hyperparams
from .masking import MaskedState, freeze, masked
from .scaling import TraceState, add_decayed_weights, scale, scale_by_learning_rate, scale_by_schedule, trace
from .schedules import (
    Schedule,
    constant_schedule,
    cosine_decay_schedule,
    exponential_decay,
    join_schedules,
    linear_schedule,
    piecewise_constant_schedule,
    polynomial_schedule,
    warmup_cosine_decay_schedule,
)
from .transformation import (
    EmptyState,
    GradientTransformation,
    apply_updates,
    chain,
    identity,
    named_chain,
    set_to_zero,
)

__all__ = [
    "EmptyState",
    "GradientTransformation",
    "HyperparamsState",
    "MaskedState",
    "Number",
    "ScaleByAdamState",
    "ScaleByRmsState",
    "ScaleByRssState",
    "ScaleByStddevState",
    "Schedule",
    "TraceState",
    "Tunable",
    "adagrad",
    "adam",
    "adamw",
    "adaptive_grad_clip",
    "add_decayed_weights",
    "apply_updates",
    "chain",
    "clip",
    "clip_by_global_norm",
    "constant_schedule",
    "cosine_decay_schedule",
    "exponential_decay",
    "freeze",
    "global_norm",
    "identity",
    "join_schedules",
    "linear_schedule",
    "masked",
    "nadam",
    "named_chain",
    "piecewise_constant_schedule",
    "polynomial_schedule",
    "rmsprop",
    "scale",
    "scale_by_adam",
    "scale_by_learning_rate",
    "scale_by_rms",
    "scale_by_rss",
    "scale_by_schedule",
    "scale_by_stddev",
    "set_hyperparams",
    "set_to_zero",
    "sgd",
    "trace",
    "warmup_cosine_decay_schedule",
]
