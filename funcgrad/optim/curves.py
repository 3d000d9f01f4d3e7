"""Schedules of one phase: a value that stays, or that goes from one to another along a curve, and what a schedule is.

Those of several phases are in `phases.py`, those that come back in `cycles.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..core import Array
from ..errors import OptionError
from ..numpy import asarray, clip, cos, floor, full_like, maximum, minimum, power, where
from ..ops.create import to_inexact

__all__ = [
    "Schedule",
    "constant_schedule",
    "cosine_decay_schedule",
    "exponential_decay",
    "linear_schedule",
    "piecewise_constant_schedule",
    "polynomial_schedule",
]

Schedule: TypeAlias = Callable[[Any], Any]
"""From the number of updates made so far to a number."""


@dataclass(frozen=True)
class constant_schedule:  # noqa: N801  # schedules have optax's names
    """The same value at every step.

    Args:
        value: a number.

    >>> from funcgrad import optim
    >>> float(optim.constant_schedule(0.5)(10))
    0.5
    """

    value: float

    def __call__(self, count: Any) -> Array:
        return constant(count, self.value)


@dataclass(frozen=True)
class polynomial_schedule:  # noqa: N801
    """From one value to another along a power of the steps that remain.

    With n = clip(count - transition_begin, 0, transition_steps),

        (init_value - end_value) * (1 - n / transition_steps) ** power + end_value

    Args:
        init_value: before and at step `transition_begin`.
        end_value: from step transition_begin + transition_steps on.
        power: 1 is a straight line.
        transition_steps: how many steps the way takes; with 0 or less the value stays `init_value`.
        transition_begin: the step at which it begins.

    >>> from funcgrad import optim
    >>> halves = optim.polynomial_schedule(1.0, 0.0, power=2, transition_steps=4)
    >>> [float(halves(count)) for count in range(6)]
    [1.0, 0.5625, 0.25, 0.0625, 0.0, 0.0]
    """

    init_value: float
    end_value: float
    power: float
    transition_steps: int
    transition_begin: int = 0

    def __call__(self, count: Any) -> Array:
        if self.transition_steps <= 0:
            return constant(count, self.init_value)
        left = (
            1
            - clip(to_inexact(count) - max(self.transition_begin, 0), 0, self.transition_steps) / self.transition_steps
        )
        if self.power != 1:
            left = power(left, self.power)
        return left * (self.init_value - self.end_value) + self.end_value


def linear_schedule(
    init_value: float, end_value: float, transition_steps: int, transition_begin: int = 0
) -> polynomial_schedule:
    """From one value to another in a straight line: `polynomial_schedule` with power 1.

    >>> from funcgrad import optim
    >>> warmup = optim.linear_schedule(0.0, 1.0, transition_steps=4)
    >>> [float(warmup(count)) for count in range(6)]
    [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    """
    return polynomial_schedule(init_value, end_value, 1, transition_steps, transition_begin)


@dataclass(frozen=True)
class exponential_decay:  # noqa: N801
    """A value multiplied by a rate every so many steps.

    With p = (count - transition_begin) / transition_steps, rounded down where `staircase`, and after
    `transition_begin`,

        init_value * decay_rate ** p

    Args:
        init_value: before and at step `transition_begin`.
        transition_steps: how many steps one factor `decay_rate` takes; with 0 or less the value stays `init_value`.
        decay_rate: the factor; with 0 the value stays `init_value`.
        transition_begin: the step at which it begins.
        staircase: whether the value changes only when a whole number of factors is reached.
        end_value: a bound which it does not cross: the least value for a decay rate below 1, else the largest.

    >>> from funcgrad import optim
    >>> decay = optim.exponential_decay(1.0, transition_steps=2, decay_rate=0.25)
    >>> [float(decay(count)) for count in range(4)]
    [1.0, 0.5, 0.25, 0.125]
    """

    init_value: float
    transition_steps: int
    decay_rate: float
    transition_begin: int = 0
    staircase: bool = False
    end_value: float | None = None

    def __call__(self, count: Any) -> Array:
        if self.transition_steps <= 0 or self.decay_rate == 0:
            return constant(count, self.init_value)
        p = maximum(to_inexact(count) - max(self.transition_begin, 0), 0.0) / self.transition_steps
        value = power(self.decay_rate, floor(p) if self.staircase else p) * self.init_value
        if self.end_value is None:
            return value
        return (maximum if self.decay_rate < 1 else minimum)(value, self.end_value)


@dataclass(frozen=True)
class cosine_decay_schedule:  # noqa: N801
    """Half a wave of the cosine, from a value down to a part of it.

    With n = min(count, decay_steps),

        init_value * ((1 - alpha) * (0.5 * (1 + cos(pi * n / decay_steps))) ** exponent + alpha)

    Args:
        init_value: at step 0.
        decay_steps: how many steps the way takes.
        alpha: the last value as a part of the first.
        exponent: more than 1 falls sooner.

    Raises:
        OptionError: `decay_steps` is not positive.

    >>> from funcgrad import optim
    >>> decay = optim.cosine_decay_schedule(1.0, decay_steps=4)
    >>> [round(float(decay(count)), 4) for count in range(6)]
    [1.0, 0.8536, 0.5, 0.1464, 0.0, 0.0]

    Source: Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, arXiv:1608.03983.
    """

    init_value: float
    decay_steps: int
    alpha: float = 0.0
    exponent: float = 1.0

    def __post_init__(self) -> None:
        if not self.decay_steps > 0:
            raise OptionError(f"cosine_decay_schedule: decay_steps must be positive, not {self.decay_steps}")

    def __call__(self, count: Any) -> Array:
        wave = (1 + cos(minimum(to_inexact(count), self.decay_steps) * (math.pi / self.decay_steps))) * 0.5
        if self.exponent != 1:
            wave = power(wave, self.exponent)
        return (wave * (1 - self.alpha) + self.alpha) * self.init_value


@dataclass(frozen=True)
class piecewise_constant_schedule:  # noqa: N801
    """A value that is multiplied by a factor at given steps.

    Args:
        init_value: before the first of these steps.
        boundaries_and_scales: a dict from steps to factors; from such a step on the value is multiplied by its
            factor, and by all those before.

    Raises:
        OptionError: a factor is negative.

    >>> from funcgrad import optim
    >>> steps = optim.piecewise_constant_schedule(1.0, {2: 0.5, 4: 0.5})
    >>> [float(steps(count)) for count in range(6)]
    [1.0, 1.0, 0.5, 0.5, 0.25, 0.25]
    """

    init_value: float
    boundaries_and_scales: Mapping[int, float] | tuple[tuple[int, float], ...] | None = None

    def __post_init__(self) -> None:
        pairs = tuple(sorted(dict(self.boundaries_and_scales or {}).items()))  # a dict would not hash
        if any(not scale >= 0 for _, scale in pairs):
            raise OptionError(f"piecewise_constant_schedule: the scales must not be negative: {dict(pairs)}")
        object.__setattr__(self, "boundaries_and_scales", pairs)

    def __call__(self, count: Any) -> Array:
        count, value = asarray(count), constant(count, self.init_value)
        for boundary, scale in dict(self.boundaries_and_scales or ()).items():
            value = where(count >= boundary, value * scale, value)
        return value


def constant(count: Any, value: Any) -> Array:
    """A value as a floating array where the count is."""
    return full_like(to_inexact(count), value)
