"""AdamW without a learning rate to choose: the distance to the solution is estimated from below on the way.

Letters in the formulas are those of `funcgrad.optim.scaling`; <a, b> and sums go over all leaves as one vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from ...core import Array
from ...errors import OptionError
from ...numpy import abs, maximum, sqrt, sum, zeros_like
from ..hyperparams import Number, beside, require, require_fractions, require_not_negative, scalar
from ..moments import running_means, square_dtype, squared_magnitude
from ..transformation import GradientTransformation
from .informed import Informed, inner_product, number_dtype, ratio_or

__all__ = ["DAdaptAdamWState", "ProdigyState", "dadapt_adamw", "prodigy"]


def _l1_norm(leaves: Sequence[Array]) -> Array:
    """The sum of all absolute values."""
    total = sum(abs(leaves[0]))
    for x in leaves[1:]:
        total = total + sum(abs(x))
    return total


def _spread(transformation: GradientTransformation, betas: Any) -> None:
    """Sets the fields b1 and b2 to the pair of decays."""
    if not isinstance(betas, tuple | list) or len(betas) != 2:
        raise OptionError(f"{type(transformation).__name__}: betas must be a pair (b1, b2), not {betas!r:.60}")
    object.__setattr__(transformation, "betas", tuple(betas))
    for name, value in zip(("b1", "b2"), betas, strict=True):
        object.__setattr__(transformation, name, value)


@dataclass(frozen=True)
class _Adapting(Informed):
    """What both have in common: which settings make sense, and where the numbers start."""

    counts: ClassVar = True

    def __post_init__(self) -> None:
        _spread(self, getattr(self, "betas"))  # noqa: B009  # a field of the subclasses
        super().__post_init__()
        require_fractions(self, "b1", "b2")
        require_not_negative(self, "eps")
        require(lambda d: d > 0, self, "estim_lr0", "positive")

    def first(self, name: str, p: Array) -> Array:
        if name == "params0":
            return p
        if name == "exp_avg":
            return zeros_like(p)
        return zeros_like(p, square_dtype(p.dtype)) if name == "exp_avg_sq" else super().first(name, p)

    def first_number(self, name: str, leaves: Sequence[Array]) -> Array:
        first = getattr(self, "estim_lr0") if name == "estim_lr" else 0.0  # noqa: B009  # likewise
        return scalar(first, number_dtype(leaves), leaves)


class DAdaptAdamWState(NamedTuple):
    """The state of `dadapt_adamw`.

    Args:
        exp_avg: mean of the steps, a tree like the parameters.
        exp_avg_sq: mean of the squared updates, likewise.
        grad_sum: weighted mean of the updates times d, likewise.
        estim_lr: d, the estimate.
        numerator_weighted: what it is made of.
        count: how many updates were made.
        hyperparams: learning_rate, b1, b2, eps, weight_decay.
    """

    exp_avg: Any
    exp_avg_sq: Any
    grad_sum: Any
    estim_lr: Array
    numerator_weighted: Array
    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    hyperparams: dict[str, Array | None]


@dataclass(frozen=True)
class dadapt_adamw(_Adapting):  # noqa: N801  # optimisers have optax's names
    """AdamW whose learning rate is estimated by D-Adaptation.

        c_t = d_t learning_rate sqrt(1 - b2^t) / (1 - b1^t)
        r_(t+1) = q r_t + (1 - q) c_t <g_t, s_t / (sqrt(v_t) + eps)>   with   q = sqrt(b2)
        m_(t+1) = b1 m_t + (1 - b1) c_t g_t
        v_(t+1) = b2 v_t + (1 - b2) |g_t|^2
        s_(t+1) = q s_t + (1 - q) c_t g_t
        d_(t+1) = max(d_t, r_(t+1) / ((1 - q) sum |s_(t+1)|))
        u_t = -m_(t+1) / (sqrt(v_(t+1)) + eps) - weight_decay c_t p_t

    Args:
        learning_rate: a factor of the estimate, 1 or a schedule that falls from 1 to 0; in the state under this name.
        betas: (b1, b2), numbers or schedules; in the state as b1 and b2.
        eps, weight_decay: numbers or schedules; in the state under these names.
        estim_lr0: d_1, small: an estimate from below.

    Raises:
        ValueError: betas outside [0, 1), a negative eps, or estim_lr0 that is not positive.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.dadapt_adamw(), fnp.asarray([5.0])
    >>> state = opt.init(params)
    >>> for _ in range(100):
    ...     updates, state = opt.update(params - 3, state, params)
    ...     params = optim.apply_updates(params, updates)
    >>> fnp.round(params, 1)
    Array([3.], dtype=float32)

    Source: Defazio and Mishchenko, Learning-Rate-Free Learning by D-Adaptation, 2023, arXiv:2301.07733.
    """

    learning_rate: Number = 1.0
    betas: tuple[Number, Number] = (0.9, 0.999)
    eps: Number = 1e-8
    estim_lr0: float = 1e-6
    weight_decay: Number = 0.0
    b1: Number = field(init=False, repr=False, compare=False)
    b2: Number = field(init=False, repr=False, compare=False)
    tunable: ClassVar = {n: n for n in ("learning_rate", "b1", "b2", "eps", "weight_decay")}
    state_type: ClassVar = DAdaptAdamWState
    held: ClassVar = ("exp_avg", "exp_avg_sq", "grad_sum")
    numbers: ClassVar = ("estim_lr", "numerator_weighted")

    def step(
        self,
        hyperparams: list[Any],
        count: Any,
        gs: list[Array],
        ps: list[Array],
        held: list[list[Array]],
        numbers: list[Array],
    ) -> tuple[Sequence[Array], Sequence[Sequence[Array]], Sequence[Array]]:
        rate, b1, b2, eps, decay = hyperparams
        means, squares, sums = held
        d, top = numbers
        q = sqrt(b2)
        c = d * rate * sqrt(1 - b2**count) / (1 - b1**count)
        rows = zip(sums, squares, beside(gs, eps), strict=True)
        gain = inner_product(gs, [s / (sqrt(v) + e) for s, v, (e,) in rows])
        top = q * top + (1 - q) * c * gain
        means = _weighted(means, gs, b1, (1 - b1) * c)
        sums = _weighted(sums, gs, q, (1 - q) * c)
        squares = running_means(squares, gs, b2, squared_magnitude)
        d = maximum(d, ratio_or(top, (1 - q) * _l1_norm(sums), 0))
        columns = zip(means, squares, ps, beside(gs, eps, decay * c), strict=True)
        out = [-(m / (sqrt(v) + e) + w * p) for m, v, p, (e, w) in columns]
        return out, (means, squares, sums), (d, top)


def _weighted(olds: Sequence[Array], gs: Sequence[Array], decay: Array, weight: Array) -> list[Array]:
    """decay old + weight g, leaf by leaf."""
    return [a * x + b * g for x, g, (a, b) in zip(olds, gs, beside(gs, decay, weight), strict=True)]


class ProdigyState(NamedTuple):
    """The state of `prodigy`.

    Args:
        exp_avg: mean of the updates times d, a tree like the parameters.
        exp_avg_sq: mean of their squares, likewise.
        grad_sum: weighted sum of the updates, likewise.
        params0: the first parameters.
        estim_lr: d, the estimate.
        numerator_weighted: what it is made of.
        count: how many updates were made.
        hyperparams: learning_rate, b1, b2, beta3 (where it is given), eps, estim_lr_coef, weight_decay.
    """

    exp_avg: Any
    exp_avg_sq: Any
    grad_sum: Any
    params0: Any
    estim_lr: Array
    numerator_weighted: Array
    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    hyperparams: dict[str, Array | None]


@dataclass(frozen=True)
class prodigy(_Adapting):  # noqa: N801
    """AdamW whose learning rate is estimated by Prodigy, which is faster than D-Adaptation at it.

        c_t = d_t learning_rate sqrt(1 - b2^t) / (1 - b1^t)
        r_(t+1) = beta3 r_t + d_t / d_1 c_t <g_t, p_1 - p_t>
        m_(t+1) = b1 m_t + (1 - b1) d_t g_t
        v_(t+1) = b2 v_t + (1 - b2) d_t^2 |g_t|^2
        s_(t+1) = beta3 s_t + d_t / d_1 c_t g_t, with safeguard_warmup  d_t in the place of c_t
        d_(t+1) = max(d_t, estim_lr_coef r_(t+1) / sum |s_(t+1)|)
        u_t = -c_t (m_(t+1) / (sqrt(v_(t+1)) + d_(t+1) eps) + weight_decay p_t)

    Args:
        learning_rate: a factor of the estimate, 1 or a schedule that falls from 1 to 0; in the state under this name.
        betas: (b1, b2), numbers or schedules; in the state as b1 and b2.
        beta3: likewise, in the state under this name; sqrt(b2) where None.
        eps, estim_lr_coef, weight_decay: numbers or schedules; in the state under these names.
        estim_lr0: d_1, small: an estimate from below.
        safeguard_warmup: for a learning rate that begins small.

    Raises:
        ValueError: betas outside [0, 1), a negative eps, or estim_lr0 that is not positive.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.prodigy(), fnp.asarray([5.0])
    >>> state = opt.init(params)
    >>> for _ in range(100):
    ...     updates, state = opt.update(params - 3, state, params)
    ...     params = optim.apply_updates(params, updates)
    >>> fnp.round(params, 1)
    Array([3.], dtype=float32)

    Source: Mishchenko and Defazio, Prodigy: An Expeditiously Adaptive Parameter-Free Learner, 2023, arXiv:2306.06101.
    """

    learning_rate: Number = 1.0
    betas: tuple[Number, Number] = (0.9, 0.999)
    beta3: Number | None = None
    eps: Number = 1e-8
    estim_lr0: float = 1e-6
    estim_lr_coef: Number = 1.0
    weight_decay: Number = 0.0
    safeguard_warmup: bool = False
    b1: Number = field(init=False, repr=False, compare=False)
    b2: Number = field(init=False, repr=False, compare=False)
    state_type: ClassVar = ProdigyState
    held: ClassVar = ("exp_avg", "exp_avg_sq", "grad_sum", "params0")
    numbers: ClassVar = ("estim_lr", "numerator_weighted")

    @property
    def tunable(self) -> dict[str, str]:  # type: ignore[override]  # beta3 is one of them where it is given
        names = ("learning_rate", "b1", "b2", "eps", "estim_lr_coef", "weight_decay")
        return {name: name for name in (names if self.beta3 is None else (*names, "beta3"))}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beta3 is not None:
            require(lambda b: 0 <= b <= 1, self, "beta3", "in [0, 1]")

    def step(
        self,
        hyperparams: list[Any],
        count: Any,
        gs: list[Array],
        ps: list[Array],
        held: list[list[Array]],
        numbers: list[Array],
    ) -> tuple[Sequence[Array], Sequence[Sequence[Array]], Sequence[Array]]:
        rate, b1, b2, eps, coefficient, decay, *given = hyperparams
        means, squares, sums, starts = held
        d, top = numbers
        beta3 = given[0] if given else sqrt(b2)
        c = d * rate * sqrt(1 - b2**count) / (1 - b1**count)
        weight = d / self.estim_lr0
        ahead = inner_product(gs, [x - p for x, p in zip(starts, ps, strict=True)])
        top = beta3 * top + weight * c * ahead
        means = _weighted(means, gs, b1, (1 - b1) * d)
        squares = _weighted(squares, [squared_magnitude(g) for g in gs], b2, (1 - b2) * d * d)
        sums = _weighted(sums, gs, beta3, weight * (d if self.safeguard_warmup else c))
        d = maximum(d, ratio_or(coefficient * top, _l1_norm(sums), 0))
        columns = zip(means, squares, ps, beside(gs, c, eps * d, decay * c), strict=True)
        out = [-(a * m / (sqrt(v) + e) + w * p) for m, v, p, (a, e, w) in columns]
        return out, (means, squares, sums, starts), (d, top)
