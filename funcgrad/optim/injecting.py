"""Hyper-parameters of any function that makes a transformation, in the state: `inject_hyperparams`.

The transformations here hold theirs in their states by themselves, and `set_hyperparams` changes them. This is for
programs that were written for optax, for schedules whose present value shall be seen in the state, and for functions
of yours whose arguments are not those of the transformations that they make.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

from .. import tree
from ..core import SCALARS, Array
from ..dtypes import DType
from ..errors import OptionError
from ..numpy import asarray
from ..ops.elementwise import astype
from .hyperparams import arrays_stay, at_count, float_dtype, scalar
from .moments import dtype_or_none
from .stateful_schedules import StatefulSchedule, WrappedSchedule, WrappedScheduleState
from .transformation import GradientTransformationExtraArgs, checked, floating_leaves, need_state, updated

__all__ = [
    "Hyperparams",
    "InjectHyperparamsState",
    "InjectStatefulHyperparamsState",
    "inject_hyperparams",
    "inject_stateful_hyperparams",
]


class Hyperparams(dict[str, Any]):
    """A dict of hyper-parameters, whose arrays keep their dtypes when others are put in their place.

    A number that is assigned becomes an array at once, so that a jitted function sees an input of the same kind.

    Raises:
        OptionError: a name that is not there.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> held = optim.Hyperparams(learning_rate=fnp.asarray(0.5))
    >>> held["learning_rate"] = 0.25
    >>> held
    {'learning_rate': Array(0.25, dtype=float32)}
    """

    def __setitem__(self, name: str, value: Any) -> None:
        if name not in self:
            raise OptionError(f"there is no hyper-parameter {name!r}; there are: {', '.join(sorted(self))}")
        old = self[name]
        if isinstance(old, Array):
            value = scalar(value, old.dtype, [old]) if type(value) in SCALARS else astype(asarray(value), old.dtype)
        super().__setitem__(name, value)

    def update(self, *args: Any, **values: Any) -> None:
        for name, value in dict(*args, **values).items():
            self[name] = value

    def copy(self) -> Hyperparams:
        return Hyperparams(self)

    def __reduce__(self) -> Any:
        return Hyperparams, (dict(self),)


tree.register_pytree_with_keys(
    Hyperparams,
    lambda x: ([(name, x[name]) for name in sorted(x)], tuple(sorted(x))),
    lambda names, values: Hyperparams(zip(names, values, strict=True)),
)


class InjectStatefulHyperparamsState(NamedTuple):
    """The state of what `inject_hyperparams` makes.

    Args:
        count: how many updates were made.
        hyperparams: the numeric arguments by name, arrays without dimensions: `state.hyperparams["b1"] = 0.5` sets
            one. Those that follow a schedule show the value of the last update, and setting them has no effect.
        hyperparams_states: the states of the schedules by name, a `WrappedScheduleState` for functions of the count.
        inner_state: of the transformation.
    """

    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    hyperparams: dict[str, Any]
    hyperparams_states: dict[str, Any]
    inner_state: Any


InjectHyperparamsState = InjectStatefulHyperparamsState
"""What the state was called before it held those of schedules."""


def inject_hyperparams(
    inner_factory: Callable[..., Any], static_args: str | Iterable[str] = (), hyperparam_dtype: Any = None
) -> Callable[..., GradientTransformationExtraArgs]:
    """A function that makes transformations, as one whose numeric arguments live in the state.

    Args:
        inner_factory: a function that returns a transformation.
        static_args: the name or names of arguments that stay what they are: functions that are no schedules, and
            numbers that Python's control flow depends on.
        hyperparam_dtype: of the Python floats among the arguments; where None `config.default_dtype()`, or float64
            where some parameter is.

    Returns:
        A function of the same arguments. Each that is a number (not a bool), also by default, is in
        `state.hyperparams` under its name; for each that is a function, a schedule of the step count or a
        `StatefulSchedule`, the present value is. Others stay what they are. `inner_factory` is called in each `update`
        with these values, so that changing one traces nothing again.

    Raises:
        OptionError: `static_args` has a name that is none of the arguments.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> def twice(rate, momentum=0.9):
    ...     return optim.sgd(2 * rate, momentum)
    >>> opt = optim.inject_hyperparams(twice)(rate=0.5)
    >>> state = opt.init(fnp.zeros(2))
    >>> sorted(state.hyperparams.items())
    [('momentum', Array(0.9, dtype=float32)), ('rate', Array(0.5, dtype=float32))]
    >>> state.hyperparams["rate"] = 0.125
    >>> updates, state = opt.update(fnp.ones(2), state)
    >>> updates, int(state.count)
    (Array([-0.25, -0.25], dtype=float32), 1)
    """
    signature = inspect.signature(inner_factory)
    static = frozenset([static_args] if isinstance(static_args, str) else static_args)
    unknown = static - set(signature.parameters)
    if unknown and not any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
        raise OptionError(
            f"inject_hyperparams: static_args has {', '.join(sorted(map(repr, unknown)))}, and the arguments are "
            f"{', '.join(signature.parameters)}"
        )

    def make(*args: Any, **kwargs: Any) -> GradientTransformationExtraArgs:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        named: dict[str, Any] = {}
        rest: tuple[Any, ...] = ()
        for name, value in bound.arguments.items():
            kind = signature.parameters[name].kind
            if kind is inspect.Parameter.VAR_POSITIONAL:
                rest = value
            else:
                named |= value if kind is inspect.Parameter.VAR_KEYWORD else {name: value}
        return _Injected(inner_factory, tuple(named.items()), rest, static, dtype_or_none(hyperparam_dtype), signature)

    return make


@dataclass(frozen=True, repr=False)
class _Injected(GradientTransformationExtraArgs):
    """What the functions that `inject_hyperparams` returns make."""

    factory: Callable[..., Any]
    arguments: tuple[tuple[str, Any], ...]
    rest: tuple[Any, ...]
    static: frozenset[str]
    dtype: Any
    signature: inspect.Signature = field(compare=False)

    def __repr__(self) -> str:
        shown = [*map(repr, self.rest), *(f"{name}={value!r}" for name, value in self.arguments)]
        return f"inject_hyperparams({getattr(self.factory, '__name__', self.factory)})({', '.join(shown)})"

    def _is_number(self, name: str, value: Any) -> bool:
        return name not in self.static and (
            isinstance(value, Array) or (hasattr(value, "__float__") and not isinstance(value, bool))
        )

    def _is_schedule(self, name: str, value: Any) -> bool:
        return name not in self.static and callable(value) and not isinstance(value, Array)

    def _value(self, value: Any, dtype: DType, beside: list[Array]) -> Array:
        if type(value) is float:
            return scalar(value, dtype, beside)
        return scalar(value, asarray(value).dtype, beside) if type(value) is int else asarray(value)

    def _made(self, hyperparams: Mapping[str, Any]) -> Any:
        named = {name: hyperparams.get(name, value) for name, value in self.arguments}
        args: list[Any] = []
        for name, parameter in self.signature.parameters.items():
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                args.append(named.pop(name))
            elif parameter.kind is parameter.VAR_POSITIONAL:
                args += self.rest
        with arrays_stay():
            return checked("inject_hyperparams", self.factory(*args, **named))

    def init(self, params: Any) -> InjectStatefulHyperparamsState:
        leaves, _ = floating_leaves("inject_hyperparams", "params", params)
        count, dtype = scalar(0, asarray(0).dtype, leaves), self.dtype or float_dtype(leaves)
        held: dict[str, Any] = {}
        states: dict[str, Any] = {}
        for name, value in self.arguments:
            if self._is_number(name, value):
                held[name] = self._value(value, dtype, leaves)
            elif self._is_schedule(name, value):
                schedule = _stateful(value)
                states[name] = WrappedScheduleState(count) if schedule is not value else value.init()
                held[name] = self._value(at_count(schedule, states[name], dtype), dtype, leaves)
        return InjectStatefulHyperparamsState(count, Hyperparams(held), states, self._made(held).init(params))

    def update(
        self, updates: Any, state: Any, params: Any = None, **extra_args: Any
    ) -> tuple[Any, InjectStatefulHyperparamsState]:
        need_state("inject_hyperparams", state, InjectStatefulHyperparamsState)
        dtype = self.dtype or float_dtype(tree.leaves(updates))
        held = {name: self._value(value, dtype, [state.count]) for name, value in state.hyperparams.items()}
        states: dict[str, Any] = {}
        for name, value in self.arguments:
            if self._is_schedule(name, value):
                schedule, old = _stateful(value), state.hyperparams_states[name]
                found = at_count(partial(schedule, **extra_args), old, dtype)
                held[name] = self._value(found, dtype, [state.count])
                states[name] = schedule.update(old, **extra_args)
        new, inner_state = updated(self._made(held), updates, state.inner_state, params, extra_args)
        return new, InjectStatefulHyperparamsState(state.count + 1, Hyperparams(held), states, inner_state)


def _stateful(schedule: Any) -> Any:
    return schedule if isinstance(schedule, StatefulSchedule) else WrappedSchedule(schedule)


def inject_stateful_hyperparams(
    inner_factory: Callable[..., Any], static_args: str | Iterable[str] = (), hyperparam_dtype: Any = None
) -> Callable[..., GradientTransformationExtraArgs]:
    """The same as `inject_hyperparams`, which takes schedules with a state too: optax's name before that did.

    Args, Returns, Raises: as there.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.inject_stateful_hyperparams(optim.sgd)(lambda count: 0.5 / (1 + count))
    >>> updates, state = opt.update(fnp.ones(1), opt.init(fnp.ones(1)))
    >>> opt.update(fnp.ones(1), state)[0], state.hyperparams_states
    (Array([-0.25], dtype=float32), {'learning_rate': WrappedScheduleState(count=Array(1, dtype=int64))})
    """
    return inject_hyperparams(inner_factory, static_args, hyperparam_dtype)
