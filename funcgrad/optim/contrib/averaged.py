"""Averages of the parameters in place of a schedule that ends: schedule-free learning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ... import tree
from ...core import Array
from ...errors import OptionError
from ...numpy import asarray, maximum, where
from ...ops.elementwise import astype
from ..adaptive import scale_by_rms
from ..aliases import sgd
from ..combining import chain
from ..hyperparams import Number, at_count, beside, float_dtype, scalar
from ..moments import dtype_or_none
from ..phases import warmup_constant_schedule
from ..scaling import add_decayed_weights, scale_by_learning_rate
from ..transformation import (
    GradientTransformation,
    GradientTransformationExtraArgs,
    aligned,
    checked,
    floating_leaves,
    need_params,
    need_state,
    rebuilt,
    updated,
)

__all__ = [
    "ScheduleFreeState",
    "schedule_free",
    "schedule_free_adamw",
    "schedule_free_eval_params",
    "schedule_free_sgd",
]


class ScheduleFreeState(NamedTuple):
    """The state of `schedule_free`.

    Args:
        b1: how near the gradients are taken to the average.
        weight_sum: of the weights of the average so far.
        step_count: the number of the next update, from 1 on.
        max_lr: the largest learning rate so far.
        base_optimizer_state: of the optimiser inside.
        z: the parameters that this one makes, a tree like the parameters.
    """

    b1: Array
    weight_sum: Array
    step_count: Array
    max_lr: Array
    base_optimizer_state: Any
    z: Any


@dataclass(frozen=True)
class schedule_free(GradientTransformationExtraArgs):  # noqa: N801  # transformations have optax's names
    """An optimiser z, a weighted average x of what it makes, and gradients taken at y between the two.

    The parameters are y. With the base optimiser's update u of the gradient at y, and w_t the largest learning rate so
    far to the power `weight_lr_power`,

        z_t = z_(t-1) + u_t
        x_t = (1 - c_t) x_(t-1) + c_t z_t,   c_t = w_t / (w_1 + ... + w_t)
        y_t = b1 x_t + (1 - b1) z_t

    x is not kept: `schedule_free_eval_params` makes it of y and z. It is what is good in the end.

    Args:
        base_optimizer: without momentum, which the average stands for.
        learning_rate: that of `base_optimizer`, for the weights: a number, or a schedule of warm-up alone, which is
            called with 1 at the first update.
        b1: more than 0 and at most 1; in the state under this name.
        weight_lr_power: 0 is the plain average.
        state_dtype: of z in the state; that of the parameters where None.

    `update` needs the parameters.

    Raises:
        OptionError: b1 is not in (0, 1].

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.contrib.schedule_free(optim.sgd(0.5), learning_rate=0.5)
    >>> params = fnp.asarray([1.0, -2.0])
    >>> state = opt.init(params)
    >>> for _ in range(50):
    ...     updates, state = opt.update(fg.grad(lambda p: (p * p).sum() / 2)(params), state, params)
    ...     params = optim.apply_updates(params, updates)
    >>> fnp.abs(optim.contrib.schedule_free_eval_params(state, params)) < 0.05
    Array([ True,  True], dtype=bool)

    Source: Defazio et al., The Road Less Scheduled, 2024, arXiv:2405.15682.
    """

    base_optimizer: GradientTransformation
    learning_rate: Number
    b1: float = 0.9
    weight_lr_power: float = 2.0
    state_dtype: Any = None

    def __post_init__(self) -> None:
        checked(self, self.base_optimizer)
        object.__setattr__(self, "state_dtype", dtype_or_none(self.state_dtype))
        if not isinstance(self.b1, Array) and not 0 < self.b1 <= 1:
            raise OptionError(f"schedule_free: b1 must be in (0, 1], not {self.b1}")

    def init(self, params: Any) -> ScheduleFreeState:
        leaves, structure = floating_leaves(self, "params", params)
        z = tree.unflatten(structure, [p if self.state_dtype is None else astype(p, self.state_dtype) for p in leaves])
        zero = scalar(0.0, float_dtype(leaves), leaves)
        first = scalar(1, np.dtype(np.int64), leaves)
        return ScheduleFreeState(zero + self.b1, zero, first, zero, self.base_optimizer.init(params), z)

    def update(
        self, updates: Any, state: ScheduleFreeState, params: Any = None, **extra_args: Any
    ) -> tuple[Any, ScheduleFreeState]:
        need_params(self, params)
        need_state(self, state, ScheduleFreeState)
        given, dtype = self.learning_rate, state.max_lr.dtype
        rate = at_count(given, state.step_count, dtype) if callable(given) else given
        # Directly in that dtype: 0.1 by way of float32 is another number in float64
        rate = astype(rate, dtype) if isinstance(rate, Array) else asarray(rate, dtype)
        max_lr = maximum(state.max_lr, rate)
        weight = max_lr**self.weight_lr_power
        total = state.weight_sum + weight
        part = where(total > 0, weight / where(total > 0, total, 1), 0)
        base, base_state = updated(self.base_optimizer, updates, state.base_optimizer_state, params, extra_args)
        (ys, us, zs), structure = aligned(self, {"params": params, "updates": base, "state.z": state.z})
        new_zs = [astype(z, y.dtype) + u for y, u, z in zip(ys, us, zs, strict=True)]
        out = []
        rows = zip(ys, zs, new_zs, beside(ys, state.b1, part), strict=True)
        for y, z, new_z, (b1, c) in rows:
            x = _averaged(y, z, b1)
            new_x = (1 - c) * x + c * new_z
            out.append(b1 * new_x + (1 - b1) * new_z - y)
        state = ScheduleFreeState(
            state.b1, total, state.step_count + 1, max_lr, base_state, rebuilt(structure, new_zs, zs)
        )
        return rebuilt(structure, out, ys), state


def _averaged(y: Array, z: Array, b1: Array) -> Array:
    return (y - (1 - b1) * astype(z, y.dtype)) / b1


def schedule_free_eval_params(state: ScheduleFreeState, params: Any) -> Any:
    """The average x of `schedule_free`, of its state and its parameters: what to evaluate and to keep.

    Args:
        state: after the last update.
        params: after the last update, a tree of arrays.

    Raises:
        TreeError: another state.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.contrib.schedule_free_sgd(0.5)
    >>> params = fnp.asarray([1.0])
    >>> updates, state = opt.update(params, opt.init(params), params)
    >>> optim.contrib.schedule_free_eval_params(state, optim.apply_updates(params, updates))
    Array([0.5], dtype=float32)
    """
    need_state("schedule_free_eval_params", state, ScheduleFreeState)
    (ys, zs), structure = aligned("schedule_free_eval_params", {"params": params, "state.z": state.z})
    rows = zip(ys, zs, beside(ys, state.b1), strict=True)
    return rebuilt(structure, [_averaged(y, z, b1) for y, z, (b1,) in rows], ys)


def _warmed_up(learning_rate: Number, warmup_steps: int | None) -> Number:
    if not warmup_steps:
        return learning_rate
    if callable(learning_rate):
        raise OptionError("schedule-free: warmup_steps goes with a number for the learning rate, not with a schedule")
    return warmup_constant_schedule(0.0, learning_rate, warmup_steps)


def schedule_free_sgd(
    learning_rate: Number = 1.0,
    warmup_steps: int | None = None,
    b1: float = 0.9,
    weight_decay: Number | None = None,
    weight_lr_power: float = 2.0,
    state_dtype: Any = None,
) -> schedule_free:
    """`schedule_free` of plain gradient descent.

    Args:
        learning_rate: a number or a schedule.
        warmup_steps: how many steps the learning rate takes to rise to this number from 0.
        b1, weight_lr_power, state_dtype: see `schedule_free`.
        weight_decay: of `add_decayed_weights` before the learning rate; none where None.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.schedule_free_sgd(0.5), fnp.asarray([1.0])
    >>> opt.update(params, opt.init(params), params)[0]
    Array([-0.5], dtype=float32)
    """
    rate = _warmed_up(learning_rate, warmup_steps)
    base = sgd(rate) if weight_decay is None else chain(add_decayed_weights(weight_decay), sgd(rate))
    return schedule_free(base, rate, b1, weight_lr_power, state_dtype)


def schedule_free_adamw(
    learning_rate: Number = 0.0025,
    warmup_steps: int | None = None,
    b1: float = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-8,
    weight_decay: Number = 0.0,
    weight_lr_power: float = 2.0,
    state_dtype: Any = None,
) -> schedule_free:
    """`schedule_free` of AdamW without its momentum: `scale_by_rms`, `add_decayed_weights`, the learning rate.

    Args:
        learning_rate: a number or a schedule.
        warmup_steps: how many steps the learning rate takes to rise to this number from 0.
        b1, weight_lr_power, state_dtype: see `schedule_free`.
        b2, eps: decay and eps of `scale_by_rms`.
        weight_decay: see `add_decayed_weights`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.schedule_free_adamw(0.5), fnp.asarray([1.0])
    >>> fnp.round(opt.update(params, opt.init(params), params)[0], 3)
    Array([-0.5], dtype=float32)
    """
    rate = _warmed_up(learning_rate, warmup_steps)
    base = chain(
        scale_by_rms(b2, eps, eps_in_sqrt=False, bias_correction=True),
        add_decayed_weights(weight_decay),
        scale_by_learning_rate(rate),
    )
    return schedule_free(base, rate, b1, weight_lr_power, state_dtype)
