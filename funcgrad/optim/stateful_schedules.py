"""Schedules with a state of their own, for `inject_hyperparams`: the loss so far, the steps without progress."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, runtime_checkable

from ..core import Array
from ..numpy import asarray
from .schedules import Schedule

__all__ = ["StatefulSchedule", "WrappedSchedule", "WrappedScheduleState"]


@runtime_checkable
class StatefulSchedule(Protocol):
    """A hyper-parameter as a function of a state and of the extra arguments of `update`; a subclass of yours is one.

    It may stand for a number in a function that `inject_hyperparams` returned. In each update the value is
    `schedule(state, **extra_args)`, and the next state then `schedule.update(state, **extra_args)`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> class halved_when_worse(optim.StatefulSchedule):
    ...     def init(self):
    ...         return {"rate": fnp.asarray(0.5), "value": fnp.asarray(fnp.inf)}
    ...     def update(self, state, *, value, **extra_args):
    ...         rate = fnp.where(value < state["value"], state["rate"], state["rate"] / 2)
    ...         return {"rate": rate, "value": fnp.asarray(value)}
    ...     def __call__(self, state, **extra_args):
    ...         return state["rate"]
    >>> opt = optim.inject_hyperparams(optim.sgd)(halved_when_worse())
    >>> state = opt.init(fnp.zeros(1))
    >>> for value in [1.0, 2.0, 1.5]:
    ...     updates, state = opt.update(fnp.ones(1), state, value=value)
    >>> updates
    Array([-0.25], dtype=float32)
    """

    def init(self) -> Any:
        """The first state, a pytree of arrays."""
        raise NotImplementedError

    def update(self, state: Any, **extra_args: Any) -> Any:
        """The next state."""
        raise NotImplementedError

    def __call__(self, state: Any, **extra_args: Any) -> Any:
        """The value in this update."""
        raise NotImplementedError


class WrappedScheduleState(NamedTuple):
    """The state of `WrappedSchedule`: how many updates were made."""

    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count


class WrappedSchedule(StatefulSchedule):
    """A schedule of the count of updates as a stateful one.

    Args:
        schedule_fn: count -> value.

    >>> from funcgrad import optim
    >>> schedule = optim.WrappedSchedule(lambda count: 1 / (1 + count))
    >>> state = schedule.update(schedule.init())
    >>> state
    WrappedScheduleState(count=Array(1, dtype=int64))
    >>> float(schedule(state))
    0.5
    """

    def __init__(self, schedule_fn: Schedule):
        self.schedule_fn = schedule_fn

    def init(self) -> WrappedScheduleState:
        return WrappedScheduleState(asarray(0))

    def update(self, state: WrappedScheduleState, **extra_args: Any) -> WrappedScheduleState:
        return WrappedScheduleState(state.count + 1)

    def __call__(self, state: WrappedScheduleState, **extra_args: Any) -> Any:
        return self.schedule_fn(state.count)
