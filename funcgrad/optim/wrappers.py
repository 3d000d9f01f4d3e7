"""Transformations that decide about another one: whether it works at this step, and on what.

Only the one way that is taken runs, also in a program that `jit` makes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from .. import tree
from ..core import Array
from ..errors import DtypeError, OptionError, TreeError
from ..flatten_util import ravel_pytree
from ..numpy import all, asarray, isfinite, where, zeros_like
from ..transforms.control import cond
from .hyperparams import scalar
from .transformation import (
    GradientTransformation,
    GradientTransformationExtraArgs,
    aligned,
    checked,
    fitting,
    floating_leaves,
    need_state,
    rebuilt,
    updated,
)

__all__ = [
    "ApplyIfFiniteState",
    "ConditionallyMaskState",
    "ConditionallyTransformState",
    "LookaheadParams",
    "LookaheadState",
    "apply_if_finite",
    "conditionally_mask",
    "conditionally_transform",
    "flatten",
    "lookahead",
]


# ---- whether it works at this step -------------------------------------------------------------


class ApplyIfFiniteState(NamedTuple):
    """The state of `apply_if_finite`.

    Args:
        notfinite_count: how many updates in a row, up to the last, were not finite.
        last_finite: whether the last was.
        total_notfinite: how many were not.
        inner_state: of the transformation.
    """

    notfinite_count: Array
    last_finite: Array
    total_notfinite: Array
    inner_state: Any


@dataclass(frozen=True)
class apply_if_finite(GradientTransformationExtraArgs):  # noqa: N801  # transformations have optax's names
    """A transformation that sees no NaN and no infinity, unless there are too many in a row.

    Updates that are not finite in some element become zeros, and the transformation's state stays.

    Args:
        inner: the transformation.
        max_consecutive_errors: after so many in a row the next is let through.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.apply_if_finite(optim.sgd(0.5), max_consecutive_errors=3)
    >>> updates, state = opt.update(fnp.asarray([1.0, float("inf")]), opt.init(fnp.zeros(2)))
    >>> updates, int(state.total_notfinite)
    (Array([0., 0.], dtype=float32), 1)
    """

    inner: GradientTransformation
    max_consecutive_errors: int

    def __post_init__(self) -> None:
        checked(self, self.inner)

    def init(self, params: Any) -> ApplyIfFiniteState:
        leaves, _ = floating_leaves(self, "params", params)
        zero = scalar(0, np.dtype(np.int64), leaves)
        return ApplyIfFiniteState(zero, zero == 0, zero, self.inner.init(params))

    def update(
        self, updates: Any, state: ApplyIfFiniteState, params: Any = None, **extra_args: Any
    ) -> tuple[Any, ApplyIfFiniteState]:
        need_state(self, state, ApplyIfFiniteState)
        gs, _ = fitting(self, updates, params)
        finite = functools.reduce(lambda a, b: a & b, [all(isfinite(g)) for g in gs], asarray(True))
        bad = where(finite, 0, state.notfinite_count + 1)
        new, inner_state = cond(
            finite | (bad > self.max_consecutive_errors),
            lambda inner_state: updated(self.inner, updates, inner_state, params, extra_args),
            lambda inner_state: (tree.map(zeros_like, updates), inner_state),
            state.inner_state,
        )
        total = where(finite, state.total_notfinite, state.total_notfinite + 1)
        return new, ApplyIfFiniteState(bad, finite, total, inner_state)


class ConditionallyTransformState(NamedTuple):
    """The state of `conditionally_transform`.

    Args:
        inner_state: of the transformation.
        step: how many updates were made.
    """

    inner_state: Any
    step: Array


class ConditionallyMaskState(NamedTuple):
    """The state of `conditionally_mask`.

    Args:
        step: how many updates were made.
        inner_state: of the transformation.
    """

    step: Array
    inner_state: Any


@dataclass(frozen=True)
class conditionally_transform(GradientTransformationExtraArgs):  # noqa: N801
    """A transformation at certain steps; at others the updates pass as they are, and its state stays.

    Args:
        inner: the transformation.
        should_transform_fn: from the number of updates made so far, an int64 array without dimensions, to a boolean.
        forward_extra_args: whether it is given the extra arguments too, by name.

    Raises:
        DtypeError: `should_transform_fn` is no function.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.conditionally_transform(optim.scale(-1.0), lambda step: step % 2 == 1)
    >>> first, state = opt.update(fnp.ones(2), opt.init(fnp.zeros(2)))
    >>> first, opt.update(fnp.ones(2), state)[0]
    (Array([1., 1.], dtype=float32), Array([-1., -1.], dtype=float32))
    """

    inner: GradientTransformation
    should_transform_fn: Callable[..., Any]
    forward_extra_args: bool = False
    state_type: ClassVar[Any] = ConditionallyTransformState

    def __post_init__(self) -> None:
        checked(self, self.inner)
        if not callable(self.should_transform_fn):
            raise DtypeError(
                f"{type(self).__name__}: should_transform_fn is a function of the step, not "
                f"{self.should_transform_fn!r:.60}"
            )

    def _otherwise(self, updates: Any) -> Any:
        return updates

    def init(self, params: Any) -> Any:
        leaves, _ = floating_leaves(self, "params", params)
        return self.state_type(inner_state=self.inner.init(params), step=scalar(0, np.dtype(np.int64), leaves))

    def update(self, updates: Any, state: Any, params: Any = None, **extra_args: Any) -> tuple[Any, Any]:
        need_state(
            self, state, ConditionallyMaskState if type(self) is conditionally_mask else ConditionallyTransformState
        )
        gs, structure = fitting(self, updates, params)
        new, inner_state = cond(
            self.should_transform_fn(state.step, **(extra_args if self.forward_extra_args else {})),
            lambda inner_state: updated(self.inner, updates, inner_state, params, extra_args),
            lambda inner_state: (self._otherwise(tree.unflatten(structure, gs)), inner_state),
            state.inner_state,
        )
        return new, self.state_type(inner_state=inner_state, step=state.step + 1)


@dataclass(frozen=True)
class conditionally_mask(conditionally_transform):  # noqa: N801
    """A transformation at certain steps; at others the updates are zeros, and its state stays.

    Args:
        inner, should_transform_fn, forward_extra_args: see `conditionally_transform`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.conditionally_mask(optim.scale(-1.0), lambda step: step % 2 == 1)
    >>> first, state = opt.update(fnp.ones(2), opt.init(fnp.zeros(2)))
    >>> first, opt.update(fnp.ones(2), state)[0]
    (Array([0., 0.], dtype=float32), Array([-1., -1.], dtype=float32))
    """

    state_type: ClassVar[Any] = ConditionallyMaskState

    def _otherwise(self, updates: Any) -> Any:
        return tree.map(zeros_like, updates)


# ---- what it works on --------------------------------------------------------------------------


@dataclass(frozen=True)
class flatten(GradientTransformationExtraArgs):  # noqa: N801
    """A transformation of all leaves as one vector, which saves time where there are many small ones.

    It changes what transformations do that go leaf by leaf (`clip_by_block_rms`), and all leaves have the dtype of
    that vector inside, the one that theirs meet in.

    Args:
        inner: the transformation.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.flatten(optim.trace(0.9))
    >>> params = {"w": fnp.ones((2, 2)), "b": fnp.ones(1)}
    >>> state = opt.init(params)
    >>> state.trace
    Array([0., 0., 0., 0., 0.], dtype=float32)
    >>> opt.update(params, state)[0]["b"]
    Array([1.], dtype=float32)
    """

    inner: GradientTransformation

    def __post_init__(self) -> None:
        checked(self, self.inner)

    def init(self, params: Any) -> Any:
        floating_leaves(self, "params", params)
        return self.inner.init(ravel_pytree(params)[0])

    def update(self, updates: Any, state: Any, params: Any = None, **extra_args: Any) -> tuple[Any, Any]:
        fitting(self, updates, params)
        flat, unravel = ravel_pytree(updates)
        new, state = updated(self.inner, flat, state, None if params is None else ravel_pytree(params)[0], extra_args)
        return unravel(new), state


class LookaheadParams(NamedTuple):
    """The parameters of `lookahead`.

    Args:
        fast: those at which gradients are taken.
        slow: those that are good in the end.
    """

    fast: Any
    slow: Any

    @classmethod
    def init_synced(cls, params: Any) -> LookaheadParams:
        """The same parameters as both.

        >>> from funcgrad import optim
        >>> optim.LookaheadParams.init_synced({"w": 1.0})
        LookaheadParams(fast={'w': 1.0}, slow={'w': 1.0})
        """
        return cls(params, params)


class LookaheadState(NamedTuple):
    """The state of `lookahead`.

    Args:
        fast_state: of the transformation of the fast parameters.
        steps_since_sync: how many updates they had since they met the slow ones.
    """

    fast_state: Any
    steps_since_sync: Array


@dataclass(frozen=True)
class lookahead(GradientTransformationExtraArgs):  # noqa: N801
    """Fast parameters that run ahead, and slow ones that follow a part of the way every so many steps.

    With the fast parameters x, their updates u, and the slow ones y, every k-th step has

        y_t = y_(t-1) + a (x_(t-1) + u_t - y_(t-1)),   x_t = y_t

    and each other one  x_t = x_(t-1) + u_t,  y_t = y_(t-1).

    Args:
        fast_optimizer: makes u of the gradients at the fast parameters.
        sync_period: k.
        slow_step_size: a.
        reset_state: whether the state of `fast_optimizer` begins anew every k steps.

    `init` and `update` are given `LookaheadParams`, and updates of that kind come back; the gradients are those of
    `params.fast` alone.

    Raises:
        OptionError: a period below 1.
        TreeError: the parameters are no `LookaheadParams`.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.lookahead(optim.sgd(0.25), sync_period=2, slow_step_size=0.5)
    >>> params = optim.LookaheadParams.init_synced(fnp.asarray([1.0]))
    >>> state = opt.init(params)
    >>> for _ in range(2):
    ...     updates, state = opt.update(fg.grad(lambda x: (x * x).sum())(params.fast), state, params)
    ...     params = optim.apply_updates(params, updates)
    ...     print(params.fast, params.slow)
    [0.5] [1.]
    [0.625] [0.625]

    Source: Zhang et al., Lookahead Optimizer: k steps forward, 1 step back, 2019, arXiv:1907.08610.
    """

    fast_optimizer: GradientTransformation
    sync_period: int
    slow_step_size: float
    reset_state: bool = False

    def __post_init__(self) -> None:
        checked(self, self.fast_optimizer)
        if not self.sync_period >= 1:
            raise OptionError(f"lookahead: sync_period must be 1 or more, not {self.sync_period}")

    def init(self, params: Any) -> LookaheadState:
        fast = self._both(params).fast
        leaves, _ = floating_leaves(self, "params.fast", fast)
        return LookaheadState(self.fast_optimizer.init(fast), scalar(0, np.dtype(np.int64), leaves))

    def update(
        self, updates: Any, state: LookaheadState, params: Any = None, **extra_args: Any
    ) -> tuple[LookaheadParams, LookaheadState]:
        need_state(self, state, LookaheadState)
        fast, slow = self._both(params)
        ahead, fast_state = updated(self.fast_optimizer, updates, state.fast_state, fast, extra_args)
        (us, xs, ys), structure = aligned(self, {"updates": ahead, "params.fast": fast, "params.slow": slow})
        meet = state.steps_since_sync == self.sync_period - 1
        followed = [self.slow_step_size * (x + u - y) for u, x, y in zip(us, xs, ys, strict=True)]
        of_fast = [where(meet, y + v - x, u) for u, x, y, v in zip(us, xs, ys, followed, strict=True)]
        of_slow = [where(meet, v, zeros_like(v)) for v in followed]
        if self.reset_state:
            fast_state = cond(meet, lambda: self.fast_optimizer.init(fast), lambda: fast_state)
        both = LookaheadParams(rebuilt(structure, of_fast, xs), rebuilt(structure, of_slow, ys))
        return both, LookaheadState(fast_state, (state.steps_since_sync + 1) % self.sync_period)

    def _both(self, params: Any) -> LookaheadParams:
        if not isinstance(params, LookaheadParams):
            raise TreeError(
                "lookahead: the parameters must be LookaheadParams, of which optim.LookaheadParams.init_synced(params) "
                "makes the first"
            )
        return params
