"""Minima in flat surroundings: sharpness-aware minimisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ... import tree
from ...core import Array
from ...errors import OptionError, TreeError
from ...numpy import zeros_like
from ...transforms.collectives import pmean
from ...transforms.control import cond
from ..hyperparams import beside, scalar
from ..norms import global_norm
from ..transformation import (
    GradientTransformation,
    GradientTransformationExtraArgs,
    aligned,
    checked,
    fitting,
    floating_leaves,
    need_params,
    need_state,
    rebuilt,
    updated,
)

__all__ = ["NormalizeState", "SAMState", "normalize", "sam"]


class NormalizeState(NamedTuple):
    """The state of `normalize`, which remembers nothing."""


@dataclass(frozen=True)
class normalize(GradientTransformation):  # noqa: N801  # transformations have optax's names
    """Updates over the norm of them all together: u = g / |g|.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.contrib.normalize()
    >>> opt.update({"w": fnp.asarray([3.0, 4.0])}, opt.init({"w": fnp.zeros(2)}))[0]
    {'w': Array([0.6, 0.8], dtype=float32)}
    """

    def init(self, params: Any) -> NormalizeState:
        floating_leaves(self, "params", params)
        return NormalizeState()

    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        (gs,), structure = aligned(self, {"updates": updates})
        norm = global_norm(updates)
        return rebuilt(structure, [g / n for g, (n,) in zip(gs, beside(gs, norm), strict=True)], gs), state


class SAMState(NamedTuple):
    """The state of `sam`.

    Args:
        steps_since_sync: how many adversarial steps were made.
        opt_state: of the outer optimiser.
        adv_state: of the adversarial one.
        cache: the parameters where these steps began; None in opaque mode.
    """

    steps_since_sync: Array
    opt_state: Any
    adv_state: Any
    cache: Any


@dataclass(frozen=True)
class sam(GradientTransformationExtraArgs):  # noqa: N801
    """Sharpness-aware minimisation: steps up to a worse place near by, and the gradient there for the step down.

    The adversarial optimiser makes `sync_period` - 1 steps uphill from the parameters p to q; the outer one makes its
    update of the gradient at q, and it is added to p.

    Args:
        optimizer: the outer one.
        adv_optimizer: the adversarial one: `chain(normalize(), sgd(rho))` is the paper's, with a ball of radius rho.
        sync_period: every how many steps the outer one works.
        reset_state: whether the state of the adversarial one begins anew each time.
        opaque_mode: whether one `update` makes all these steps: it is then given a function by name,
            `update(grads, state, params, grad_fn=f)`, which gives the gradients of (parameters, number of the
            adversarial step). Otherwise each `update` makes one step, and the parameters are seen on their way.
        batch_axis_name: in opaque mode, the name of a mapped axis over which the gradients are averaged.

    `update` needs the parameters.

    Raises:
        OptionError: a period below 1.
        TreeError: opaque mode without `grad_fn`.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> rho_step = optim.chain(optim.contrib.normalize(), optim.sgd(0.25))
    >>> opt = optim.contrib.sam(optim.sgd(0.5), rho_step, opaque_mode=True)
    >>> grad = fg.grad(lambda p, step=0: (p * p).sum() / 2)
    >>> params = fnp.asarray([1.0])
    >>> opt.update(grad(params), opt.init(params), params, grad_fn=grad)[0]        # -0.5 (1 + 0.25)
    Array([-0.625], dtype=float32)

    Source: Foret et al., Sharpness-Aware Minimization for Efficiently Improving Generalization, 2021, arXiv:2010.01412.
    """

    optimizer: GradientTransformation
    adv_optimizer: GradientTransformation
    sync_period: int = 2
    reset_state: bool = True
    opaque_mode: bool = False
    batch_axis_name: str | None = None

    def __post_init__(self) -> None:
        for t in (self.optimizer, self.adv_optimizer):
            checked(self, t)
        if not self.sync_period >= 1:
            raise OptionError(f"sam: sync_period must be 1 or more, not {self.sync_period}")

    def init(self, params: Any) -> SAMState:
        leaves, _ = floating_leaves(self, "params", params)
        cache = None if self.opaque_mode else params
        zero = scalar(0, np.dtype(np.int64), leaves)
        return SAMState(zero, self.optimizer.init(params), self.adv_optimizer.init(params), cache)

    def update(
        self, updates: Any, state: SAMState, params: Any = None, *, grad_fn: Any = None, **extra_args: Any
    ) -> tuple[Any, SAMState]:
        need_params(self, params)
        need_state(self, state, SAMState)
        fitting(self, updates, params)
        if self.opaque_mode:
            if grad_fn is None:
                raise TreeError(
                    "sam.update: in opaque mode give grad_fn, a function (params, step) -> gradients, by name"
                )
            return self._all_steps(updates, state, params, grad_fn, extra_args)
        cache = cond(state.steps_since_sync == 0, lambda: params, lambda: state.cache)

        def down() -> tuple[Any, SAMState]:
            found, opt_state = updated(self.optimizer, updates, state.opt_state, cache, extra_args)
            (us, ps, qs), structure = aligned(self, {"updates": found, "params": params, "state.cache": cache})
            adv_state = self.adv_optimizer.init(cache) if self.reset_state else state.adv_state
            back = rebuilt(structure, [q - p + u for u, p, q in zip(us, ps, qs, strict=True)], us)
            return back, SAMState(zeros_like(state.steps_since_sync), opt_state, adv_state, cache)

        def up() -> tuple[Any, SAMState]:
            found, adv_state = updated(self.adv_optimizer, updates, state.adv_state, params, extra_args)
            return tree.map(lambda u: -u, found), SAMState(
                state.steps_since_sync + 1, state.opt_state, adv_state, cache
            )

        return cond(state.steps_since_sync == self.sync_period - 1, down, up)

    def _all_steps(
        self, grads: Any, state: SAMState, params: Any, grad_fn: Any, extra_args: dict[str, Any]
    ) -> tuple[Any, SAMState]:
        place, adv_state = params, state.adv_state
        for step in range(self.sync_period - 1):
            found, adv_state = updated(self.adv_optimizer, self._mean(grads), adv_state, place, extra_args)
            place = tree.map(lambda p, u: p - u, place, found)
            grads = grad_fn(place, step)
        found, opt_state = updated(self.optimizer, self._mean(grads), state.opt_state, params, extra_args)
        if self.reset_state:
            adv_state = self.adv_optimizer.init(params)
        return found, SAMState(state.steps_since_sync, opt_state, adv_state, None)

    def _mean(self, grads: Any) -> Any:
        return grads if self.batch_axis_name is None else pmean(grads, self.batch_axis_name)
