"""Transformations that scale the updates or add to them: by a number, by the parameters, by their running sum.

The formulas write g for the update that comes in (at first the gradient), u for the one that goes out, p for the
parameter, and t for the number of updates, this one included; products are elementwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from .. import tree
from ..core import Array
from ..errors import DtypeError, OptionError
from ..numpy import asarray, ones_like, where, zeros_like
from .curves import Schedule
from .hyperparams import HyperparamsState, Number, Tunable, beside
from .masking import Mask, flags_of
from .moments import dtype_or_none, in_float32, zeros_in
from .transformation import GradientTransformation, aligned, floating_leaves, need_params, rebuilt

__all__ = [
    "AddDecayedWeightsState",
    "ApplyEvery",
    "ScaleByOptimisticGradientState",
    "ScaleByScheduleState",
    "ScaleState",
    "TraceState",
    "add_decayed_weights",
    "apply_every",
    "scale",
    "scale_by_learning_rate",
    "scale_by_optimistic_gradient",
    "scale_by_schedule",
    "trace",
]

AddDecayedWeightsState = HyperparamsState
ScaleByScheduleState = HyperparamsState
ScaleState = HyperparamsState


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
        (factor,) = self.current(state, updates)
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
        (rate,) = self.current(state, updates)
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
        mask: True where the parameter decays: a tree of booleans, a function from the parameters to one, or patterns
            of paths (see `masked`). All do where it is None.

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
        need_params(self, params, updates)
        (decay,) = self.current(state, updates)
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
        zeros = [zeros_in(self.accumulator_dtype, p) for p in leaves]
        return TraceState(tree.unflatten(structure, zeros), self.first_hyperparams(leaves), self.first_count(leaves))

    def update(self, updates: Any, state: TraceState, params: Any = None) -> tuple[Any, TraceState]:
        (momentum,) = self.current(state, updates)
        (gs, ms), structure = aligned(self, {"updates": updates, "state.trace": state.trace})
        scalars = beside(gs, momentum)
        sums = [g + c * m for g, m, (c,) in zip(gs, ms, scalars, strict=True)]
        out = [g + c * m for g, m, (c,) in zip(gs, sums, scalars, strict=True)] if self.nesterov else sums
        held = rebuilt(structure, sums, ms)
        return rebuilt(structure, out, gs), self.following(state)._replace(trace=held)


class ScaleByOptimisticGradientState(NamedTuple):
    """The state of `scale_by_optimistic_gradient`.

    Args:
        is_initial_step: whether no update was made.
        previous_gradient: the last updates that came in, a tree like the parameters.
        hyperparams: alpha, beta.
        count: how many updates were made; `None` where nothing follows a schedule.
    """

    is_initial_step: Array
    previous_gradient: Any
    hyperparams: dict[str, Array | None]
    count: Array | None  # type: ignore[assignment]  # optax's name; it hides tuple.count


@dataclass(frozen=True)
class scale_by_optimistic_gradient(Tunable):  # noqa: N801
    """Updates less a part of the ones before: the optimistic gradient, for games and saddle points.

        u_t = (alpha + beta) g_t - beta g_(t-1)   with   g_0 = g_1

    Args:
        alpha, beta: numbers or schedules; in the state under these names.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale_by_optimistic_gradient()
    >>> first, state = opt.update(fnp.asarray([3.0]), opt.init(fnp.zeros(1)))
    >>> first, opt.update(fnp.asarray([1.0]), state)[0]
    (Array([3.], dtype=float32), Array([-1.], dtype=float32))

    Source: Mokhtari, Ozdaglar and Pattathil, A Unified Analysis of Extra-gradient and Optimistic Gradient Methods for
    Saddle Point Problems, 2020, arXiv:1901.08511.
    """

    alpha: Number = 1.0
    beta: Number = 1.0
    tunable: ClassVar = {"alpha": "alpha", "beta": "beta"}
    state_type: ClassVar = ScaleByOptimisticGradientState

    def init(self, params: Any) -> ScaleByOptimisticGradientState:
        leaves, structure = floating_leaves(self, "params", params)
        first = ones_like(leaves[0], "bool", shape=()) if leaves else asarray(True)
        zeros = tree.unflatten(structure, [zeros_like(p) for p in leaves])
        return ScaleByOptimisticGradientState(first, zeros, self.first_hyperparams(leaves), self.first_count(leaves))

    def update(
        self, updates: Any, state: ScaleByOptimisticGradientState, params: Any = None
    ) -> tuple[Any, ScaleByOptimisticGradientState]:
        alpha, beta = self.current(state, updates)
        trees = {"updates": updates, "state.previous_gradient": state.previous_gradient}
        (given, olds), structure = aligned(self, trees)
        gs = in_float32(given)
        rows = zip(gs, in_float32(olds), beside(gs, alpha, beta), strict=True)
        out = [a * g + b * (g - where(state.is_initial_step, g, old)) for g, old, (a, b) in rows]
        state = self.following(state)._replace(
            is_initial_step=zeros_like(state.is_initial_step), previous_gradient=rebuilt(structure, gs, olds)
        )
        return rebuilt(structure, out, given), state


class ApplyEvery(NamedTuple):
    """The state of `apply_every`.

    Args:
        count: how many updates the sum has, less than k.
        grad_acc: the sum, a tree like the parameters.
    """

    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    grad_acc: Any


@dataclass(frozen=True)
class apply_every(GradientTransformation):  # noqa: N801
    """The sum of k updates at every k-th, and zeros between.

    The other members of a chain see each update; `MultiSteps` is a whole optimiser that works at every k-th only.

    Args:
        k: a positive integer.

    Raises:
        OptionError: k is not one.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.apply_every(2)
    >>> first, state = opt.update(fnp.asarray([3.0]), opt.init(fnp.zeros(1)))
    >>> first, opt.update(fnp.asarray([1.0]), state)[0]
    (Array([0.], dtype=float32), Array([4.], dtype=float32))
    """

    k: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1:
            raise OptionError(f"apply_every: k must be a positive integer, not {self.k!r}")

    def init(self, params: Any) -> ApplyEvery:
        leaves, structure = floating_leaves(self, "params", params)
        count = zeros_like(leaves[0], "int64", shape=()) if leaves else asarray(0)
        return ApplyEvery(count, tree.unflatten(structure, [zeros_like(p) for p in leaves]))

    def update(self, updates: Any, state: ApplyEvery, params: Any = None) -> tuple[Any, ApplyEvery]:
        (gs, sums), structure = aligned(self, {"updates": updates, "state.grad_acc": state.grad_acc})
        fresh, full = state.count == 0, state.count == self.k - 1
        new = [g + where(fresh, 0, s) for g, s in zip(gs, sums, strict=True)]
        held = ApplyEvery((state.count + 1) % self.k, rebuilt(structure, new, sums))
        return rebuilt(structure, [where(full, s, 0) for s in new], gs), held
