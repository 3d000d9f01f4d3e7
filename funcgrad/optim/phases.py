"""Schedules of several phases: warm-ups, one cycle, and any others one after another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core import Array
from ..errors import OptionError
from ..numpy import asarray, cos, where
from ..ops.create import to_inexact
from .curves import (
    Schedule,
    constant,
    cosine_decay_schedule,
    exponential_decay,
    linear_schedule,
    polynomial_schedule,
)

__all__ = [
    "cosine_onecycle_schedule",
    "join_schedules",
    "linear_onecycle_schedule",
    "piecewise_interpolate_schedule",
    "warmup_constant_schedule",
    "warmup_cosine_decay_schedule",
    "warmup_exponential_decay_schedule",
]


# ---- one after another -------------------------------------------------------------------------


@dataclass(frozen=True)
class join_schedules:  # noqa: N801
    """Schedules one after another, each counting from its own beginning.

    Args:
        schedules: in their order.
        boundaries: the steps at which the second, third, ... begin.

    Raises:
        OptionError: the boundaries are not one fewer than the schedules.

    >>> from funcgrad import optim
    >>> schedule = optim.join_schedules([optim.linear_schedule(0, 1, 2), optim.constant_schedule(0.25)], [3])
    >>> [float(schedule(count)) for count in range(5)]
    [0.0, 0.5, 1.0, 0.25, 0.25]
    """

    schedules: Sequence[Schedule]
    boundaries: Sequence[int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "schedules", tuple(self.schedules))
        object.__setattr__(self, "boundaries", tuple(self.boundaries))
        if len(self.boundaries) != len(self.schedules) - 1:
            raise OptionError(
                f"join_schedules: {len(self.schedules)} schedules have {len(self.schedules) - 1} boundaries between "
                f"them, not {len(self.boundaries)}"
            )

    def __call__(self, count: Any) -> Array:
        count = asarray(count)
        value = constant(count, self.schedules[0](count))
        for boundary, schedule in zip(self.boundaries, self.schedules[1:], strict=True):
            value = where(count < boundary, value, schedule(count - boundary))
        return value


# ---- up first ----------------------------------------------------------------------------------


def warmup_constant_schedule(init_value: float, peak_value: float, warmup_steps: int) -> polynomial_schedule:
    """Up in a straight line, and then the same value: `linear_schedule`.

    Args:
        init_value: at step 0.
        peak_value: from step `warmup_steps` on.
        warmup_steps: how many steps the way up takes.

    >>> from funcgrad import optim
    >>> schedule = optim.warmup_constant_schedule(0.0, 1.0, warmup_steps=2)
    >>> [float(schedule(count)) for count in range(4)]
    [0.0, 0.5, 1.0, 1.0]
    """
    return linear_schedule(init_value, peak_value, warmup_steps)


def warmup_cosine_decay_schedule(
    init_value: float,
    peak_value: float,
    warmup_steps: int,
    decay_steps: int,
    end_value: float = 0.0,
    exponent: float = 1.0,
) -> join_schedules:
    """Up in a straight line, then down by `cosine_decay_schedule`.

    Args:
        init_value: at step 0.
        peak_value: at step `warmup_steps`.
        warmup_steps: how many steps the way up takes.
        decay_steps: the length of the whole schedule, the way up included.
        end_value: from step `decay_steps` on.
        exponent: of the cosine.

    Raises:
        OptionError: `decay_steps` is not above `warmup_steps`.

    >>> from funcgrad import optim
    >>> schedule = optim.warmup_cosine_decay_schedule(0.0, 1.0, warmup_steps=2, decay_steps=6)
    >>> [round(float(schedule(count)), 4) for count in range(7)]
    [0.0, 0.5, 1.0, 0.8536, 0.5, 0.1464, 0.0]
    """
    if not decay_steps > warmup_steps:
        raise OptionError(
            f"warmup_cosine_decay_schedule: decay_steps counts the warm-up too, so it must be above warmup_steps; "
            f"got decay_steps {decay_steps} and warmup_steps {warmup_steps}"
        )
    alpha = 0.0 if peak_value == 0 else end_value / peak_value
    up = linear_schedule(init_value, peak_value, warmup_steps)
    down = cosine_decay_schedule(peak_value, decay_steps - warmup_steps, alpha, exponent)
    return join_schedules([up, down], [warmup_steps])


def warmup_exponential_decay_schedule(
    init_value: float,
    peak_value: float,
    warmup_steps: int,
    transition_steps: int,
    decay_rate: float,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: float | None = None,
) -> join_schedules:
    """Up in a straight line, then down by `exponential_decay`.

    Args:
        init_value: at step 0.
        peak_value: at step `warmup_steps`.
        warmup_steps: how many steps the way up takes.
        transition_steps, decay_rate, transition_begin, staircase, end_value: see `exponential_decay`, which counts
            from step `warmup_steps` on.

    >>> from funcgrad import optim
    >>> schedule = optim.warmup_exponential_decay_schedule(0.0, 1.0, 2, transition_steps=1, decay_rate=0.5)
    >>> [float(schedule(count)) for count in range(5)]
    [0.0, 0.5, 1.0, 0.5, 0.25]
    """
    up = linear_schedule(init_value, peak_value, warmup_steps)
    down = exponential_decay(peak_value, transition_steps, decay_rate, transition_begin, staircase, end_value)
    return join_schedules([up, down], [warmup_steps])


# ---- from point to point -----------------------------------------------------------------------


@dataclass(frozen=True)
class piecewise_interpolate_schedule:  # noqa: N801  # schedules have optax's names
    """From one value to the next by straight lines or half waves of the cosine, each the last one times a factor.

    With boundaries b_i, values v_i = v_(i-1) scale_i, and t = (count - b_(i-1)) / (b_i - b_(i-1)) between two of them,

        v_(i-1) + (v_i - v_(i-1)) t                           linear
        v_(i-1) + (v_i - v_(i-1)) (1 - cos(pi t)) / 2         cosine

    Args:
        interpolate_type: "linear" or "cosine".
        init_value: at step 0.
        boundaries_and_scales: a dict from steps to factors; at such a step the value is `init_value` times its factor
            and all those before, and after the last one it stays.

    Raises:
        OptionError: another `interpolate_type`, or a negative factor.

    >>> from funcgrad import optim
    >>> schedule = optim.piecewise_interpolate_schedule("linear", 1.0, {2: 0.5, 4: 3.0})
    >>> [float(schedule(count)) for count in range(6)]
    [1.0, 0.75, 0.5, 1.0, 1.5, 1.5]
    """

    interpolate_type: str
    init_value: float
    boundaries_and_scales: Mapping[int, float] | tuple[tuple[int, float], ...] | None = None

    def __post_init__(self) -> None:
        if self.interpolate_type not in ("linear", "cosine"):
            raise OptionError(
                f"piecewise_interpolate_schedule: interpolate_type is 'linear' or 'cosine', not "
                f"{self.interpolate_type!r}"
            )
        pairs = tuple(sorted(dict(self.boundaries_and_scales or {}).items()))  # a dict would not hash
        if any(not scale >= 0 for _, scale in pairs):
            raise OptionError(f"piecewise_interpolate_schedule: the scales must not be negative: {dict(pairs)}")
        object.__setattr__(self, "boundaries_and_scales", pairs)

    def __call__(self, count: Any) -> Array:
        points = [(0, self.init_value)]
        for boundary, scale in dict(self.boundaries_and_scales or ()).items():
            points.append((boundary, points[-1][1] * scale))
        count = asarray(count)
        value = constant(count, points[-1][1])
        for (start, before), (stop, after) in zip(points[-2::-1], points[:0:-1], strict=True):
            if stop > start:
                part = to_inexact(count - start) / (stop - start)
                if self.interpolate_type == "cosine":
                    part = (1 - cos(math.pi * part)) * 0.5
                value = where(count < stop, part * (after - before) + before, value)
        return value


def linear_onecycle_schedule(
    transition_steps: int,
    peak_value: float,
    pct_start: float = 0.3,
    pct_final: float = 0.85,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> piecewise_interpolate_schedule:
    """Up and down again in straight lines, and then down to nearly nothing.

    Args:
        transition_steps: the length of the whole schedule.
        peak_value: at step int(pct_start transition_steps).
        pct_start: the part of the steps for the way up.
        pct_final: the part of the steps after which the value is back at the first.
        div_factor: the first value is peak_value / div_factor.
        final_div_factor: the last value is the first one divided by this.

    Raises:
        OptionError: `transition_steps` is not positive.

    >>> from funcgrad import optim
    >>> schedule = optim.linear_onecycle_schedule(8, 1.0, pct_start=0.25, pct_final=0.75, div_factor=4.0)
    >>> [round(float(schedule(count)), 4) for count in range(9)]
    [0.25, 0.625, 1.0, 0.8125, 0.625, 0.4375, 0.25, 0.125, 0.0]

    Source: Smith and Topin, Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates, 2017,
    arXiv:1708.07120.
    """
    require_positive("linear_onecycle_schedule", "transition_steps", transition_steps)
    scales = [div_factor, 1.0 / div_factor, 1.0 / final_div_factor]
    steps = [int(pct_start * transition_steps), int(pct_final * transition_steps), transition_steps]
    return piecewise_interpolate_schedule("linear", peak_value / div_factor, dict(zip(steps, scales, strict=True)))


def cosine_onecycle_schedule(
    transition_steps: int,
    peak_value: float,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> piecewise_interpolate_schedule:
    """Up by half a wave of the cosine, and down by another to nearly nothing.

    Args:
        transition_steps: the length of the whole schedule.
        peak_value: at step int(pct_start transition_steps).
        pct_start: the part of the steps for the way up.
        div_factor: the first value is peak_value / div_factor.
        final_div_factor: the last value is the first one divided by this.

    Raises:
        OptionError: `transition_steps` is not positive.

    >>> from funcgrad import optim
    >>> schedule = optim.cosine_onecycle_schedule(6, 1.0, pct_start=0.34, div_factor=4.0)
    >>> [round(float(schedule(count)), 4) for count in range(7)]
    [0.25, 0.625, 1.0, 0.8536, 0.5, 0.1465, 0.0]

    Source: Smith and Topin, Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates, 2017,
    arXiv:1708.07120.
    """
    require_positive("cosine_onecycle_schedule", "transition_steps", transition_steps)
    scales = {int(pct_start * transition_steps): div_factor, transition_steps: 1.0 / (div_factor * final_div_factor)}
    return piecewise_interpolate_schedule("cosine", peak_value / div_factor, scales)


def require_positive(caller: str, name: str, value: Any) -> None:
    """An error for a number of steps that is not positive."""
    if not value > 0:
        raise OptionError(f"{caller}: {name} must be positive, not {value}")
