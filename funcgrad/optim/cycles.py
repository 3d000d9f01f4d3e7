"""Schedules that go up and down again and again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..core import Array
from ..errors import OptionError
from ..numpy import asarray, cos, floor, power, remainder, sum, take, where
from ..ops.create import to_inexact
from .phases import join_schedules, require_positive, warmup_cosine_decay_schedule

__all__ = ["cosine_warm_restarts_schedule", "cyclic_schedule", "sgdr_schedule"]


def sgdr_schedule(cosine_kwargs: Iterable[Mapping[str, Any]]) -> join_schedules:
    """Cycles of `warmup_cosine_decay_schedule` one after another.

    Args:
        cosine_kwargs: for each cycle a dict of that schedule's arguments; `decay_steps` is the cycle's length.

    >>> from funcgrad import optim
    >>> cycle = dict(init_value=0.0, peak_value=1.0, warmup_steps=1, decay_steps=3)
    >>> schedule = optim.sgdr_schedule([cycle, {**cycle, "peak_value": 0.5}])
    >>> [round(float(schedule(count)), 4) for count in range(7)]
    [0.0, 1.0, 0.5, 0.0, 0.5, 0.25, 0.0]

    Source: Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, arXiv:1608.03983.
    """
    cycles = [dict(kwargs) for kwargs in cosine_kwargs]
    boundaries, step = [], 0
    for kwargs in cycles[:-1]:
        step += kwargs["decay_steps"]
        boundaries.append(step)
    return join_schedules([warmup_cosine_decay_schedule(**kwargs) for kwargs in cycles], boundaries)


@dataclass(frozen=True)
class cosine_warm_restarts_schedule:  # noqa: N801  # schedules have optax's names
    """Half waves of the cosine from one value down to another, again and again, each some times as long as the last.

    With the steps s since the last restart, of a cycle of length l,

        end_value + (init_value - end_value) (1 + cos(pi s / l)) / 2

    Args:
        init_value: at step 0 and at each restart.
        first_steps: the length of the first cycle.
        growth: how many times as long as the last each further cycle is, a whole number.
        end_value: what a cycle goes down to.

    Raises:
        OptionError: `first_steps` or `growth` is no positive whole number.

    >>> from funcgrad import optim
    >>> schedule = optim.cosine_warm_restarts_schedule(1.0, first_steps=2, growth=2)
    >>> [round(float(schedule(count)), 4) for count in range(7)]
    [1.0, 0.5, 1.0, 0.8536, 0.5, 0.1464, 1.0]

    Source: Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, arXiv:1608.03983; as
    torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.
    """

    init_value: float
    first_steps: int
    growth: int = 1
    end_value: float = 0.0

    def __post_init__(self) -> None:
        for name in ("first_steps", "growth"):
            value = getattr(self, name)
            if not (isinstance(value, int) and value >= 1):
                raise OptionError(f"cosine_warm_restarts_schedule: {name} must be a positive whole number, not {value}")

    def __call__(self, count: Any) -> Array:
        count = asarray(count)
        if self.growth == 1:
            part = to_inexact(remainder(count, self.first_steps)) / self.first_steps
        else:  # a logarithm would round to the wrong cycle where one begins
            lengths = [self.first_steps]
            while lengths[-1] < 2**61 // self.growth:
                lengths.append(lengths[-1] * self.growth)
            starts = [(length - self.first_steps) // (self.growth - 1) for length in lengths]
            cycle = sum(count[..., None] >= asarray(starts[1:]), -1)
            part = to_inexact(count - take(asarray(starts), cycle)) / to_inexact(take(asarray(lengths), cycle))
        return (1 + cos(math.pi * part)) * (0.5 * (self.init_value - self.end_value)) + self.end_value


@dataclass(frozen=True)
class cyclic_schedule:  # noqa: N801
    """Up and down between two values in straight lines, again and again.

    In cycle k (from 0), with h the height of the triangle at this step, from 0 to 1 and back,

        base_value + (max_value - base_value) h f

    where f is 1 for "triangular", 2^-k for "triangular2" and gamma^count for "exp_range".

    Args:
        base_value: where each cycle begins and ends.
        max_value: at the top of the first cycle.
        step_size_up: how many steps the way up takes.
        step_size_down: how many the way down takes; as many where None.
        mode: "triangular", "triangular2" or "exp_range".
        gamma: for "exp_range".

    Raises:
        OptionError: another mode, or a number of steps that is not positive.

    >>> from funcgrad import optim
    >>> schedule = optim.cyclic_schedule(0.0, 1.0, step_size_up=2, mode="triangular2")
    >>> [float(schedule(count)) for count in range(8)]
    [0.0, 0.5, 1.0, 0.5, 0.0, 0.25, 0.5, 0.25]

    Source: Smith, Cyclical Learning Rates for Training Neural Networks, 2017, arXiv:1506.01186; as
    torch.optim.lr_scheduler.CyclicLR.
    """

    base_value: float
    max_value: float
    step_size_up: int = 2000
    step_size_down: int | None = None
    mode: str = "triangular"
    gamma: float = 1.0

    def __post_init__(self) -> None:
        if self.mode not in ("triangular", "triangular2", "exp_range"):
            raise OptionError(f"cyclic_schedule: mode is 'triangular', 'triangular2' or 'exp_range', not {self.mode!r}")
        require_positive("cyclic_schedule", "step_size_up", self.step_size_up)
        if self.step_size_down is not None:
            require_positive("cyclic_schedule", "step_size_down", self.step_size_down)

    def __call__(self, count: Any) -> Array:
        up, down = self.step_size_up, self.step_size_up if self.step_size_down is None else self.step_size_down
        count = to_inexact(count)
        place = remainder(count, up + down)
        height = where(place <= up, place / up, (up + down - place) / down)
        if self.mode == "triangular2":
            height = height * power(0.5, floor(count / (up + down)))
        elif self.mode == "exp_range":
            height = height * power(self.gamma, count)
        return height * (self.max_value - self.base_value) + self.base_value
