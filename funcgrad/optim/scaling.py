"""Transformations that scale the updates or add to them: by a number, by the parameters, by their running sum.

The formulas write g for the update that comes in (at first the gradient), u for the one that goes out, p for the
parameter, and t for the number of updates, this one included; products are elementwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from .. import tree
from ..core import Array
from ..dtypes import canonical
from ..errors import DtypeError
from ..numpy import zeros_like
from .hyperparams import HyperparamsState, Number, Tunable, beside
from .masking import Mask, flags_of
from .schedules import Schedule
from .transformation import aligned, floating_leaves, need_params, rebuilt

__all__ = ["TraceState", "add_decayed_weights", "scale", "scale_by_learning_rate", "scale_by_schedule", "trace"]


# ---- by a number -------------------------------------------------------------------------------


@dataclass(frozen=True)
class scale(Tunable):  # noqa: N801  # transformations have optax's names
    """Updates times a number: u = step_size g.

    Args:
        step_size: a number or a schedule; in the state under this name.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale(-0.5)
    >>> opt.update(fnp.asarray([2.0, 4.0]), opt.init(fnp.zeros(2)))[0]
    Array([-1., -2.], dtype=float32)
    """

    step_size: Number
    tunable: ClassVar = {"step_size": "step_size"}

    def update(self, updates: Any, state: HyperparamsState, params: Any = None) -> tuple[Any, HyperparamsState]:
        (factor,) = self.current(state)
        return _times(self, updates, factor), self.following(state)


@dataclass(frozen=True)
class scale_by_learning_rate(Tunable):  # noqa: N801
    """Updates times the negative learning rate, the last member of most chains: u = -learning_rate g.

    Args:
        learning_rate: a number or a schedule; in the state under this name.
        flip_sign: False for an ascent, u = learning_rate g.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale_by_learning_rate(0.5)
    >>> opt.update(fnp.asarray([2.0, 4.0]), opt.init(fnp.zeros(2)))[0]
    Array([-1., -2.], dtype=float32)
    """

    learning_rate: Number
    flip_sign: bool = field(default=True, kw_only=True)
    tunable: ClassVar = {"learning_rate": "learning_rate"}

    def update(self, updates: Any, state: HyperparamsState, params: Any = None) -> tuple[Any, HyperparamsState]:
        (rate,) = self.current(state)
        return _times(self, updates, -rate if self.flip_sign else rate), self.following(state)


def scale_by_schedule(step_size_fn: Schedule) -> scale:
    """Updates times a schedule of the step count: `scale` with a schedule.

    Args:
        step_size_fn: from the number of updates made so far to a number.

    Raises:
        DtypeError: it is no function.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale_by_schedule(optim.linear_schedule(1.0, 0.0, 2))
    >>> first, state = opt.update(fnp.ones(2), opt.init(fnp.zeros(2)))
    >>> first, opt.update(fnp.ones(2), state)[0]
    (Array([1., 1.], dtype=float32), Array([0.5, 0.5], dtype=float32))
    """
    if not callable(step_size_fn):
        raise DtypeError(f"scale_by_schedule takes a function of the step count, not {step_size_fn!r}")
    return scale(step_size_fn)


def _times(transformation: Tunable, updates: Any, factor: Array) -> Any:
    (gs,), structure = aligned(transformation, {"updates": updates})
    return tree.unflatten(structure, [g * c for g, (c,) in zip(gs, beside(gs, factor), strict=True)])


# ---- by the parameters -------------------------------------------------------------------------


@dataclass(frozen=True)
class add_decayed_weights(Tunable):  # noqa: N801
    """The parameters added to the updates, which so pull towards zero: u = g + weight_decay p.

    Before the adaptive scaling of a chain this is the gradient of the penalty weight_decay/2 |p|^2; after it, as in
    `adamw`, the decay does not depend on the gradients' history.

    Args:
        weight_decay: a number or a schedule; in the state under this name.
        mask: True where the parameter decays: a tree of booleans, or a function from the parameters to one
            (see `masked`). All do where it is None.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> params = {"w": fnp.ones(2), "b": fnp.ones(1)}
    >>> opt = optim.add_decayed_weights(0.5, mask={"w": True, "b": False})
    >>> opt.update({"w": fnp.zeros(2), "b": fnp.zeros(1)}, opt.init(params), params)[0]
    {'w': Array([0.5, 0.5], dtype=float32), 'b': Array([0.], dtype=float32)}

    Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019, arXiv:1711.05101.
    """

    weight_decay: Number = 0.0
    mask: Any = None
    tunable: ClassVar = {"weight_decay": "weight_decay"}

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "mask", None if self.mask is None else Mask.of(self.mask))

    def update(self, updates: Any, state: HyperparamsState, params: Any = None) -> tuple[Any, HyperparamsState]:
        need_params(self, params)
        (decay,) = self.current(state)
        (gs, ps), structure = aligned(self, {"updates": updates, "params": params})
        flags = [True] * len(gs) if self.mask is None else flags_of(self.mask, params)
        rows = zip(gs, ps, flags, beside(gs, decay), strict=True)
        out = [g + c * p if flag else g for g, p, flag, (c,) in rows]
        return rebuilt(structure, out, gs), self.following(state)


# ---- by their history --------------------------------------------------------------------------


class TraceState(NamedTuple):
    """The state of `trace`.

    Args:
        trace: the sum of decayed updates, a tree like the parameters.
        hyperparams: momentum.
        count: how many updates were made; `None` where the momentum follows no schedule.
    """

    trace: Any
    hyperparams: dict[str, Array | None]
    count: Array | None  # type: ignore[assignment]  # optax's name; it hides tuple.count


@dataclass(frozen=True)
class trace(Tunable):  # noqa: N801
    """The sum of the updates so far, older ones decayed: momentum.

        m_t = g_t + decay m_(t-1)
        u_t = m_t, or with nesterov  g_t + decay m_t

    Args:
        decay: a number or a schedule; in the state under the name `momentum`.
        nesterov: whether to look one step ahead.
        accumulator_dtype: of the sum in the state; that of the parameters where None.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.trace(0.5)
    >>> first, state = opt.update(fnp.ones(2), opt.init(fnp.zeros(2)))
    >>> first, opt.update(fnp.ones(2), state)[0]
    (Array([1., 1.], dtype=float32), Array([1.5, 1.5], dtype=float32))

    Source: Sutskever et al., On the importance of initialization and momentum in deep learning, 2013.
    """

    decay: Number
    nesterov: bool = False
    accumulator_dtype: Any = None
    tunable: ClassVar = {"momentum": "decay"}
    state_type: ClassVar = TraceState

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "accumulator_dtype", dtype_or_none(self.accumulator_dtype))

    def init(self, params: Any) -> TraceState:
        leaves, structure = floating_leaves(self, "params", params)
        zeros = [zeros_like(p, self.accumulator_dtype) for p in leaves]
        return TraceState(tree.unflatten(structure, zeros), self.first_hyperparams(leaves), self.first_count(leaves))

    def update(self, updates: Any, state: TraceState, params: Any = None) -> tuple[Any, TraceState]:
        (momentum,) = self.current(state)
        (gs, ms), structure = aligned(self, {"updates": updates, "state.trace": state.trace})
        scalars = beside(gs, momentum)
        sums = [g + c * m for g, m, (c,) in zip(gs, ms, scalars, strict=True)]
        out = [g + c * m for g, m, (c,) in zip(gs, sums, scalars, strict=True)] if self.nesterov else sums
        held = rebuilt(structure, sums, ms)
        return rebuilt(structure, out, gs), self.following(state)._replace(trace=held)


def dtype_or_none(dtype: Any) -> Any:
    """The dtype of that name; None stays."""
    return None if dtype is None else canonical(dtype)
