"""Transformations that look at the updates of a chain and leave them as they are: `snapshot`, `monitor`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .. import tree
from ..errors import DtypeError
from ..numpy import asarray, zeros_like
from ..ops.create import to_inexact
from .hyperparams import Number
from .moments import EmaState, ema
from .transformation import EmptyState, GradientTransformation

__all__ = ["MonitorState", "SnapshotState", "measure_with_ema", "monitor", "snapshot"]


class SnapshotState(NamedTuple):
    """The state of `snapshot`.

    Args:
        measurement: the dict of the one measurement by its name.
    """

    measurement: dict[str, Any]


@dataclass(frozen=True)
class snapshot(GradientTransformation):  # noqa: N801  # transformations have optax's names
    """The updates as they are; the state holds what a function says of them.

    Args:
        measure_name: the name under which the state has it.
        measure: a function of the updates, which gives a pytree of arrays. `init` calls it with the parameters.

    Raises:
        DtypeError: `measure` is no function.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.chain(optim.sgd(0.5), optim.snapshot("norm", optim.global_norm))
    >>> updates, state = opt.update(fnp.asarray([6.0, 8.0]), opt.init(fnp.zeros(2)))
    >>> state[1].measurement
    {'norm': Array(5., dtype=float32)}
    """

    measure_name: str
    measure: Callable[[Any], Any]

    def __post_init__(self) -> None:
        _check_callable("snapshot", self.measure)

    def init(self, params: Any) -> SnapshotState:
        return SnapshotState({self.measure_name: tree.map(asarray, self.measure(params))})

    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, SnapshotState]:
        return updates, SnapshotState({self.measure_name: tree.map(asarray, self.measure(updates))})


@dataclass(frozen=True)
class measure_with_ema(GradientTransformation):  # noqa: N801
    """What a function says of the updates, in their place, as a running mean: a member of `monitor`.

    Args:
        measure: a function of the updates, which gives a pytree of arrays. `init` calls it with the parameters.
        decay, debias, accumulator_dtype: see `ema`; the decay is in the state under this name.

    Raises:
        DtypeError: `measure` is no function.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.measure_with_ema(optim.global_norm, decay=0.5)
    >>> first, state = opt.update(fnp.asarray([6.0, 8.0]), opt.init(fnp.zeros(2)))
    >>> first, fnp.round(opt.update(fnp.asarray([3.0, 4.0]), state)[0], 2)
    (Array(10., dtype=float32), Array(6.67, dtype=float32))
    """

    measure: Callable[[Any], Any]
    decay: Number
    debias: bool = True
    accumulator_dtype: Any = None

    def __post_init__(self) -> None:
        _check_callable("measure_with_ema", self.measure)
        object.__setattr__(self, "accumulator_dtype", self.mean.accumulator_dtype)
        object.__setattr__(self, "decay", self.mean.decay)

    @property
    def mean(self) -> ema:
        """The transformation of what is measured."""
        return ema(self.decay, self.debias, self.accumulator_dtype)

    def init(self, params: Any) -> tuple[EmptyState, EmaState]:
        return EmptyState(), self.mean.init(self._measured(params))

    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, tuple[EmptyState, EmaState]]:
        found, following = self.mean.update(self._measured(updates), state[1])
        return found, (EmptyState(), following)

    def _measured(self, updates: Any) -> Any:
        return tree.map(to_inexact, self.measure(updates))


class MonitorState(NamedTuple):
    """The state of `monitor`.

    Args:
        measurements: the last measurements by name; zeros before the first update.
        measure_states: of the transformations that measure, in their order.
    """

    measurements: dict[str, Any]
    measure_states: tuple[Any, ...]


@dataclass(frozen=True, init=False)
class monitor(GradientTransformation):  # noqa: N801
    """The updates as they are; the state holds what transformations make of them.

    Args:
        measures: a dict of transformations by name, such as `measure_with_ema`; what they return for updates is the
            measurement.

    Raises:
        DtypeError: something that is no dict of transformations.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.monitor({"norm": optim.measure_with_ema(optim.global_norm, decay=0.9)})
    >>> updates, state = opt.update(fnp.asarray([6.0, 8.0]), opt.init(fnp.zeros(2)))
    >>> updates, fnp.round(state.measurements["norm"], 3)
    (Array([6., 8.], dtype=float32), Array(10., dtype=float32))
    """

    measures: tuple[tuple[str, GradientTransformation], ...]

    def __init__(self, measures: Mapping[str, GradientTransformation]):
        if not isinstance(measures, Mapping):
            raise DtypeError(f"monitor takes a dict of transformations, not {measures!r:.60}")
        for name, t in measures.items():
            if not isinstance(t, GradientTransformation):
                raise DtypeError(f"monitor: {name!r} is no gradient transformation: {t!r:.60}")
        # A tuple, as a transformation compares and hashes by its fields
        object.__setattr__(self, "measures", tuple(measures.items()))

    def init(self, params: Any) -> MonitorState:
        states = tuple([t.init(params) for _, t in self.measures])
        seen, _ = self._measured(params, states, params)
        return MonitorState(tree.map(zeros_like, seen), states)

    def update(self, updates: Any, state: MonitorState, params: Any = None) -> tuple[Any, MonitorState]:
        return updates, MonitorState(*self._measured(updates, state.measure_states, params))

    def _measured(self, updates: Any, states: Any, params: Any) -> tuple[dict[str, Any], tuple[Any, ...]]:
        rows = [t.update(updates, s, params) for (_, t), s in zip(self.measures, states, strict=True)]
        return {name: found for (name, _), (found, _) in zip(self.measures, rows, strict=True)}, tuple(
            [s for _, s in rows]
        )


def _check_callable(name: str, measure: Any) -> None:
    if not callable(measure):
        raise DtypeError(f"{name}: measure must be a function of the updates, not {measure!r:.60}")
