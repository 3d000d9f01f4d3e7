"""Gradients of several batches as one: `MultiSteps`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from .. import tree
from ..core import Array
from ..dtypes import DType, is_complex, promote_types
from ..errors import OptionError
from ..numpy import asarray, isfinite, sum, zeros_like
from ..ops.elementwise import astype
from ..transforms.control import cond
from .hyperparams import real_dtype, scalar
from .moments import dtype_or_none, squared_magnitude
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

__all__ = ["MultiSteps", "MultiStepsState", "ShouldSkipUpdateFunction", "skip_large_updates", "skip_not_finite"]

ShouldSkipUpdateFunction: TypeAlias = Callable[[Any, Any, Any], tuple[Any, Any]]
"""From (updates, number of updates made, parameters) to whether to leave them out, and what to report of it."""


def skip_not_finite(updates: Any, gradient_step: Any, params: Any) -> tuple[Array, dict[str, Array]]:
    """Whether some of the updates are NaN or infinite, for `MultiSteps`.

    Args:
        updates: a tree of arrays.
        gradient_step, params: not used.

    Returns:
        (should_skip, {"should_skip": the same, "num_not_finite": how many elements are not finite}).

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.skip_not_finite({"w": fnp.asarray([1.0, float("nan")])}, 0, None)[1]
    {'should_skip': Array(True, dtype=bool), 'num_not_finite': Array(1, dtype=int64)}
    """
    number = asarray(0)
    for x in floating_leaves("skip_not_finite", "updates", updates)[0]:
        number = number + sum(~isfinite(x))
    return number > 0, {"should_skip": number > 0, "num_not_finite": number}


def skip_large_updates(
    updates: Any, gradient_step: Any, params: Any, max_squared_norm: float
) -> tuple[Array, dict[str, Array]]:
    """Whether the squared norm of all updates together reaches a bound, or is NaN, for `MultiSteps`.

    Args:
        updates: a tree of arrays.
        gradient_step, params: not used.
        max_squared_norm: the bound; given first, by `functools.partial`.

    Returns:
        (should_skip, {"should_skip": the same, "norm_squared": the squared norm}).

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.skip_large_updates({"w": fnp.asarray([3.0, 4.0])}, 0, None, max_squared_norm=20.0)[1]
    {'should_skip': Array(True, dtype=bool), 'norm_squared': Array(25., dtype=float32)}
    """
    squares = [sum(squared_magnitude(x)) for x in floating_leaves("skip_large_updates", "updates", updates)[0]]
    norm = functools.reduce(lambda a, b: a + b, squares, asarray(0.0))
    skip = ~(norm < max_squared_norm)  # also where it is NaN
    return skip, {"should_skip": skip, "norm_squared": norm}


class MultiStepsState(NamedTuple):
    """The state of `MultiSteps`.

    Args:
        mini_step: how many gradients there are in the present sum.
        gradient_step: how many updates were made of sums.
        inner_opt_state: of the transformation.
        acc_grads: the mean or sum so far, a tree like the parameters.
        skip_state: what `should_skip_update_fn` reported of the last gradient; () without one.
    """

    mini_step: Array
    gradient_step: Array
    inner_opt_state: Any
    acc_grads: Any
    skip_state: Any


@dataclass(frozen=True)
class MultiSteps(GradientTransformationExtraArgs):
    """A transformation of the mean of several successive gradients; between, the updates are zeros.

    Args:
        opt: the transformation.
        every_k_schedule: of how many gradients; a number, or a function of the number of updates made.
        use_grad_mean: False for the sum.
        should_skip_update_fn: from (updates, number of updates made, parameters) to (skip, report): a gradient that it
            skips is as if it had not been; the report, a tree of arrays, is in the state. See `skip_not_finite`.
        accumulator_dtype: of the mean; complex of that precision where the gradients are complex. None for the dtype
            of the gradients.

    Raises:
        OptionError: `every_k_schedule` is a number below 1, or a broken one, of which no sum would ever be whole.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.MultiSteps(optim.sgd(0.5), every_k_schedule=2)
    >>> state = opt.init(fnp.zeros(1))
    >>> for g in (1.0, 3.0, 5.0):
    ...     updates, state = opt.update(fnp.asarray([g]), state)
    ...     print(updates, bool(opt.has_updated(state)))
    [0.] False
    [-1.] True
    [0.] False
    """

    opt: GradientTransformation
    every_k_schedule: int | Callable[[Any], Any]
    use_grad_mean: bool = True
    should_skip_update_fn: ShouldSkipUpdateFunction | None = None
    accumulator_dtype: Any = "float32"

    def __post_init__(self) -> None:
        checked(self, self.opt)
        object.__setattr__(self, "accumulator_dtype", dtype_or_none(self.accumulator_dtype))
        every = self.every_k_schedule
        if not callable(every) and not (every >= 1 and every == int(every)):
            raise OptionError(f"MultiSteps: every_k_schedule must be a whole number from 1 on, not {every}")

    @property
    def inner_opt(self) -> GradientTransformation:
        """The transformation inside."""
        return self.opt

    def gradient_transformation(self) -> GradientTransformationExtraArgs:
        """The transformation itself, which optax's is not."""
        return self

    def has_updated(self, state: MultiStepsState) -> Array:
        """Whether the update that returned this state was one of a whole sum."""
        return (state.mini_step == 0) & (state.gradient_step > 0)

    def init(self, params: Any) -> MultiStepsState:
        leaves, structure = floating_leaves(self, "params", params)
        sums = tree.unflatten(structure, [zeros_like(p, self._dtype(p.dtype)) for p in leaves])
        zero = scalar(0, np.dtype(np.int64), leaves)
        report: Any = ()
        if self.should_skip_update_fn is not None:
            _, report = self.should_skip_update_fn(tree.map(zeros_like, params), zero, params)
        return MultiStepsState(zero, zero, self.opt.init(params), sums, report)

    def update(
        self, updates: Any, state: MultiStepsState, params: Any = None, **extra_args: Any
    ) -> tuple[Any, MultiStepsState]:
        need_state(self, state, MultiStepsState)
        fitting(self, updates, params)
        (gs, sums), structure = aligned(self, {"updates": updates, "state.acc_grads": state.acc_grads})
        every, step = self.every_k_schedule, state.gradient_step
        k = asarray(every(step)) if callable(every) else every

        def none(state: MultiStepsState) -> tuple[Any, MultiStepsState]:
            return tree.unflatten(structure, [zeros_like(g) for g in gs]), state

        def added(state: MultiStepsState) -> tuple[Any, MultiStepsState]:
            if self.use_grad_mean:
                n = state.mini_step + 1
                new = [a + (g - a) / astype(n, real_dtype(g.dtype)) for g, a in zip(gs, sums, strict=True)]
            else:
                new = [a + g for g, a in zip(gs, sums, strict=True)]
            acc = tree.unflatten(structure, new)  # not yet in the accumulator's dtype, for the last need not be
            return cond(state.mini_step == k - 1, whole, more, acc)

        def more(acc: Any) -> tuple[Any, MultiStepsState]:
            held = rebuilt(structure, tree.leaves(acc), sums)
            return none(state._replace(mini_step=state.mini_step + 1, acc_grads=held))

        def whole(acc: Any) -> tuple[Any, MultiStepsState]:
            found, inner = updated(self.opt, acc, state.inner_opt_state, params, extra_args)
            (us,), _ = aligned(self, {"updates": found})
            return rebuilt(structure, us, gs), state._replace(
                mini_step=zeros_like(state.mini_step),
                gradient_step=step + 1,
                inner_opt_state=inner,
                acc_grads=tree.map(zeros_like, state.acc_grads),
            )

        if self.should_skip_update_fn is None:
            return added(state)
        skip, report = self.should_skip_update_fn(updates, step, params)
        found, state = cond(skip, none, added, state)
        return found, state._replace(skip_state=report)

    def _dtype(self, dtype: DType) -> DType:
        given = self.accumulator_dtype
        if given is None:
            return dtype
        return promote_types(given, np.dtype(np.complex64)) if is_complex(dtype) else given
