"""Momentum whose step goes by the value of the loss and a bound below it: MoMo and MoMo-Adam.

Letters in the formulas are those of `funcgrad.optim.scaling`; <a, b> goes over all leaves as one vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from ...core import Array
from ...numpy import maximum, minimum, sqrt, where, zeros_like
from ..hyperparams import Number, beside, require_fractions, require_not_negative, scalar
from ..moments import running_means, square_dtype, squared_magnitude
from ..norms import squared_norm
from ..transformation import GradientTransformationExtraArgs
from .informed import Informed, inner_product, loss_of, number_dtype, ratio_or

__all__ = ["MomoAdamState", "MomoState", "momo", "momo_adam"]


@dataclass(frozen=True)
class _MomentumModel(Informed, GradientTransformationExtraArgs):
    """What both have in common: the model of the loss, and the step to where it has the value of its lower bound."""

    numbers: ClassVar = ("barf", "gamma", "lb")
    counts: ClassVar = True

    def first(self, name: str, p: Array) -> Array:
        return zeros_like(p, square_dtype(p.dtype) if name == "exp_avg_sq" else None)

    def first_number(self, name: str, leaves: Sequence[Array]) -> Array:
        bound: Any = getattr(self, "lower_bound") if name == "lb" else 0  # noqa: B009  # a field of the subclasses
        return scalar(bound, number_dtype(leaves), leaves)

    def update(
        self, updates: Any, state: Any, params: Any = None, *, value: Any = None, **extra_args: Any
    ) -> tuple[Any, Any]:
        return self.stepped(updates, state, params, value=loss_of(self, value))

    def length(
        self, rate: Any, decay: Any, seen: Any, height: Array, along: Array, square: Array, bound: Array
    ) -> tuple[Array, Array]:
        """The length of the step, and the lower bound for the next one.

        Args:
            rate, decay: the hyper-parameters.
            seen: rho, the share of the means that is not their beginning at 0.
            height: fbar - gamma.
            along: <m, p>.
            square: |m|^2, in the norm of the step.
            bound: the lower bound, times nothing.
        """
        adapts, least = getattr(self, "adapt_lower_bound"), getattr(self, "lower_bound")  # noqa: B009  # likewise
        shrunk = 1 + rate * decay
        above = shrunk * height + along
        if adapts:
            too_high = above < shrunk * seen * bound
            bound = where(too_high, maximum(above / (2 * shrunk * seen), least), bound)
        step = minimum(rate / seen, ratio_or(maximum(above - shrunk * seen * bound, 0), square, 0))
        if adapts:
            bound = maximum((height + along - step * square / 2) / seen, least)
        return step, bound


class MomoState(NamedTuple):
    """The state of `momo`.

    Args:
        exp_avg: mean of the updates, a tree like the parameters.
        barf: mean of the losses.
        gamma: mean of <g, p>.
        lb: the lower bound of the loss.
        count: how many updates were made.
        hyperparams: learning_rate, beta, weight_decay.
    """

    exp_avg: Any
    barf: Array
    gamma: Array
    lb: Array
    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    hyperparams: dict[str, Array | None]


@dataclass(frozen=True)
class momo(_MomentumModel):  # noqa: N801  # optimisers have optax's names
    """Gradient descent with momentum whose step is no longer than to where the loss would be at its lower bound.

        m_t = beta m_(t-1) + (1 - beta) g_t,   and fbar of the losses and gamma of <g, p> likewise; all begin with
              their first value
        s = 1 + learning_rate weight_decay
        c = min(learning_rate, max(s (fbar_t - gamma_t - lb) + <m_t, p_t>, 0) / |m_t|^2)
        u_t = -c m_t - learning_rate weight_decay / s p_t

    With adapt_lower_bound  lb = max((s (fbar - gamma) + <m, p>) / (2 s), lower_bound)  where it is above twice that,
    before the step, and  max(fbar - gamma + <m, p> - c |m|^2 / 2, lower_bound)  after it.

    Args:
        learning_rate, beta, weight_decay: numbers or schedules; in the state under these names. The learning rate may
            be large.
        lower_bound: of the loss; in the state as `lb`.
        adapt_lower_bound: whether to estimate a better one.

    Raises:
        ValueError: beta outside [0, 1); by `update`, no value.
        ShapeError: by `update`, a value with dimensions.

    `update` takes the value of the loss by name: `update(grads, state, params, value=loss)`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.momo(), fnp.asarray([1.0, 2.0])
    >>> opt.update(2 * params, opt.init(params), params, value=fnp.sum(params**2))[0]
    Array([-0.5, -1. ], dtype=float32)

    Source: Schaipp et al., MoMo: Momentum Models for Adaptive Learning Rates, 2023, arXiv:2305.07583.
    """

    learning_rate: Number = 1.0
    beta: Number = 0.9
    lower_bound: float = 0.0
    weight_decay: Number = 0.0
    adapt_lower_bound: bool = False
    tunable: ClassVar = {n: n for n in ("learning_rate", "beta", "weight_decay")}
    state_type: ClassVar = MomoState
    held: ClassVar = ("exp_avg",)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_fractions(self, "beta")

    def step(  # type: ignore[override]  # and the loss
        self,
        hyperparams: list[Any],
        count: Any,
        gs: list[Array],
        ps: list[Array],
        held: list[list[Array]],
        numbers: list[Array],
        value: Array,
    ) -> tuple[Sequence[Array], Sequence[Sequence[Array]], Sequence[Array]]:
        rate, beta, decay = hyperparams
        mean_loss, gamma, bound = numbers
        beta = where(count == 1, 0, beta)
        mean_loss = beta * mean_loss + (1 - beta) * value
        gamma = beta * gamma + (1 - beta) * inner_product(gs, ps)
        means = running_means(held[0], gs, beta)
        along, square = inner_product(means, ps), squared_norm(means)
        step, bound = self.length(rate, decay, 1, mean_loss - gamma, along, square, bound)
        rows = zip(means, ps, beside(gs, step, rate * decay / (1 + rate * decay)), strict=True)
        return [-(c * m + w * p) for m, p, (c, w) in rows], (means,), (mean_loss, gamma, bound)


class MomoAdamState(NamedTuple):
    """The state of `momo_adam`.

    Args:
        exp_avg: mean of the updates, a tree like the parameters.
        exp_avg_sq: mean of their squares, likewise.
        barf: mean of the losses.
        gamma: mean of <g, p>.
        lb: the lower bound of the loss.
        count: how many updates were made.
        hyperparams: learning_rate, b1, b2, eps, weight_decay.
    """

    exp_avg: Any
    exp_avg_sq: Any
    barf: Array
    gamma: Array
    lb: Array
    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    hyperparams: dict[str, Array | None]


@dataclass(frozen=True)
class momo_adam(_MomentumModel):  # noqa: N801
    """AdamW whose step is no longer than to where the loss would be at its lower bound.

        m_t = b1 m_(t-1) + (1 - b1) g_t,   and fbar of the losses and gamma of <g, p> likewise; all begin at 0
        v_t = b2 v_(t-1) + (1 - b2) |g_t|^2,   D = sqrt(v_t / (1 - b2^t)) + eps
        s = 1 + learning_rate weight_decay,   r = 1 - b1^t
        c = min(learning_rate / r, max(s (fbar_t - gamma_t - r lb) + <m_t, p_t>, 0) / <m_t, m_t / D>)
        u_t = -c m_t / D - learning_rate weight_decay / s p_t

    With adapt_lower_bound as for `momo`, with r lb in the place of lb.

    Args:
        learning_rate, b1, b2, eps, weight_decay: numbers or schedules; in the state under these names.
        lower_bound, adapt_lower_bound: as for `momo`.

    Raises:
        ValueError: b1 or b2 outside [0, 1), or a negative eps; by `update`, no value.
        ShapeError: by `update`, a value with dimensions.

    `update` takes the value of the loss by name: `update(grads, state, params, value=loss)`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.momo_adam(0.5), fnp.asarray([1.0, 2.0])
    >>> fnp.round(opt.update(2 * params, opt.init(params), params, value=fnp.sum(params**2))[0], 3)
    Array([-0.5, -0.5], dtype=float32)

    Source: Schaipp et al., MoMo: Momentum Models for Adaptive Learning Rates, 2023, arXiv:2305.07583.
    """

    learning_rate: Number = 1e-2
    b1: Number = 0.9
    b2: Number = 0.999
    eps: Number = 1e-8
    lower_bound: float = 0.0
    weight_decay: Number = 0.0
    adapt_lower_bound: bool = False
    tunable: ClassVar = {n: n for n in ("learning_rate", "b1", "b2", "eps", "weight_decay")}
    state_type: ClassVar = MomoAdamState
    held: ClassVar = ("exp_avg", "exp_avg_sq")

    def __post_init__(self) -> None:
        super().__post_init__()
        require_fractions(self, "b1", "b2")
        require_not_negative(self, "eps")

    def step(  # type: ignore[override]  # and the loss
        self,
        hyperparams: list[Any],
        count: Any,
        gs: list[Array],
        ps: list[Array],
        held: list[list[Array]],
        numbers: list[Array],
        value: Array,
    ) -> tuple[Sequence[Array], Sequence[Sequence[Array]], Sequence[Array]]:
        rate, b1, b2, eps, decay = hyperparams
        mean_loss, gamma, bound = numbers
        mean_loss = b1 * mean_loss + (1 - b1) * value
        gamma = b1 * gamma + (1 - b1) * inner_product(gs, ps)
        means = running_means(held[0], gs, b1)
        squares = running_means(held[1], gs, b2, squared_magnitude)
        scales = beside(gs, 1 / sqrt(1 - b2**count), eps)
        scaled = [m / (c * sqrt(v) + e) for m, v, (c, e) in zip(means, squares, scales, strict=True)]
        along, square = inner_product(means, ps), inner_product(means, scaled)
        step, bound = self.length(rate, decay, 1 - b1**count, mean_loss - gamma, along, square, bound)
        rows = zip(scaled, ps, beside(gs, step, rate * decay / (1 + rate * decay)), strict=True)
        return [-(c * m + w * p) for m, p, (c, w) in rows], (means, squares), (mean_loss, gamma, bound)
