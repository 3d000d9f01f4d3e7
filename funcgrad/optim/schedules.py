"""Schedules: functions of the step count, to be given wherever a transformation takes a number.

A schedule is called with the number of updates made so far, an int or an integer array without dimensions, and
answers with a number. Those here, all of which are in `optim` too, are values that compare by their numbers; any
function of the count will do:

    sgd(learning_rate=lambda count: 0.1 / (1 + count))

though one that is defined anew on each call makes transformations that are not equal to one another.

Where PyTorch has an object that steps (torch.optim.lr_scheduler), `lr` being the optimiser's:

    LambdaLR(f)                                 lambda count: lr * f(count)
    StepLR(step_size, gamma)                    exponential_decay(lr, step_size, gamma, staircase=True)
    MultiStepLR([m, n], gamma)                  piecewise_constant_schedule(lr, {m: gamma, n: gamma})
    ConstantLR(factor, total_iters)             piecewise_constant_schedule(lr * factor, {total_iters: 1 / factor})
    LinearLR(start_factor, end_factor, n)       linear_schedule(lr * start_factor, lr * end_factor, n)
    ExponentialLR(gamma)                        exponential_decay(lr, 1, gamma)
    PolynomialLR(total_iters, power)            polynomial_schedule(lr, 0.0, power, total_iters)
    CosineAnnealingLR(T_max, eta_min)           cosine_decay_schedule(lr, T_max, eta_min / lr), which then stays
    CosineAnnealingWarmRestarts(T_0, T_mult, eta_min)   cosine_warm_restarts_schedule(lr, T_0, T_mult, eta_min)
    CyclicLR(base_lr, max_lr, ...)              cyclic_schedule(base_lr, max_lr, ...)
    OneCycleLR(max_lr, total_steps)             cosine_onecycle_schedule(total_steps, max_lr), whose phases begin a
                                                step later
    SequentialLR([a, b], [m])                   join_schedules([a, b], [m]), where b counts from 0 too
    ChainedScheduler([a, b])                    lambda count: a(count) * b(count), of factors
    ReduceLROnPlateau(...)                      contrib.reduce_on_plateau(...), a transformation
"""

from __future__ import annotations

from .curves import (
    Schedule,
    constant_schedule,
    cosine_decay_schedule,
    exponential_decay,
    linear_schedule,
    piecewise_constant_schedule,
    polynomial_schedule,
)
from .cycles import cosine_warm_restarts_schedule, cyclic_schedule, sgdr_schedule
from .injecting import InjectHyperparamsState, inject_hyperparams
from .phases import (
    cosine_onecycle_schedule,
    join_schedules,
    linear_onecycle_schedule,
    piecewise_interpolate_schedule,
    warmup_constant_schedule,
    warmup_cosine_decay_schedule,
    warmup_exponential_decay_schedule,
)

__all__ = [
    "InjectHyperparamsState",
    "Schedule",
    "constant_schedule",
    "cosine_decay_schedule",
    "cosine_onecycle_schedule",
    "cosine_warm_restarts_schedule",
    "cyclic_schedule",
    "exponential_decay",
    "inject_hyperparams",
    "join_schedules",
    "linear_onecycle_schedule",
    "linear_schedule",
    "piecewise_constant_schedule",
    "piecewise_interpolate_schedule",
    "polynomial_schedule",
    "sgdr_schedule",
    "warmup_constant_schedule",
    "warmup_cosine_decay_schedule",
    "warmup_exponential_decay_schedule",
]
