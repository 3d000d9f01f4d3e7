"""Transformations that go from the first parameters by a sum of all updates: MADGRAD and COCOB.

Letters in the formulas are those of `funcgrad.optim.scaling`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from ...core import Array
from ...numpy import abs, full_like, maximum, sqrt, where
from ..combining import chain
from ..hyperparams import Number, beside, require, require_fractions, require_not_negative
from ..scaling import add_decayed_weights, scale_by_learning_rate
from .informed import Informed, need_order, wide_dtype

__all__ = ["COCOBState", "MadgradState", "cocob", "madgrad", "scale_by_cocob", "scale_by_madgrad"]


class MadgradState(NamedTuple):
    """The state of `scale_by_madgrad`.

    Args:
        count: how many updates were made.
        grad_sum_sq: weighted sum of the squared updates, a tree like the parameters.
        s: weighted sum of the updates, likewise.
        x0: the first parameters.
        hyperparams: learning_rate, momentum, eps.
    """

    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    grad_sum_sq: Any
    s: Any
    x0: Any
    hyperparams: dict[str, Array | None]


@dataclass(frozen=True)
class scale_by_madgrad(Informed):  # noqa: N801  # transformations have optax's names
    """Dual averaging with the cube root of the sum of squares, and momentum: MADGRAD, its learning rate included.

        l_t = (learning_rate + eps) sqrt(t)
        s_t = s_(t-1) + l_t g_t
        v_t = v_(t-1) + l_t g_t^2
        z_t = p_1 - s_t / (cbrt(v_t) + eps)
        u_t = (1 - momentum) (z_t - p_t)

    Args:
        learning_rate, momentum, eps: numbers or schedules; in the state under these names.

    Raises:
        ValueError: momentum outside [0, 1), or a negative eps.
        DtypeError: complex parameters.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.scale_by_madgrad(1.0, momentum=0.0), fnp.zeros(1)
    >>> fnp.round(opt.update(fnp.asarray([8.0]), opt.init(params), params)[0], 3)
    Array([-2.], dtype=float32)

    Source: Defazio and Jelassi, Adaptivity without Compromise: A Momentumized, Adaptive, Dual Averaged Gradient Method
    for Stochastic Optimization, 2021, arXiv:2101.11075.
    """

    learning_rate: Number
    momentum: Number = 0.9
    eps: Number = 1e-6
    tunable: ClassVar = {n: n for n in ("learning_rate", "momentum", "eps")}
    state_type: ClassVar = MadgradState
    held: ClassVar = ("grad_sum_sq", "s", "x0")
    counts: ClassVar = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require_fractions(self, "momentum")
        require_not_negative(self, "eps")

    def first(self, name: str, p: Array) -> Array:
        need_order(self, p, "cube roots are taken, and")
        return p if name == "x0" else super().first(name, p)

    def step(
        self,
        hyperparams: list[Any],
        count: Any,
        gs: list[Array],
        ps: list[Array],
        held: list[list[Array]],
        numbers: list[Array],
    ) -> tuple[Sequence[Array], Sequence[Sequence[Array]], Sequence[Array]]:
        rate, momentum, eps = hyperparams
        squares, sums, starts = held
        out, new_squares, new_sums = [], [], []
        factors = beside(gs, (rate + eps) * sqrt(count.astype(rate.dtype)), 1 - momentum, eps)
        for g, p, v, s, start, (c, part, e) in zip(gs, ps, squares, sums, starts, factors, strict=True):
            step = c * g
            new_sums.append(s + step)
            new_squares.append(v + step * g)
            below = new_squares[-1]
            moved = below > 0  # where it is not, nothing was added up either; the root has no derivative at 0
            z = start - where(moved, new_sums[-1], 0) / (where(moved, below, 1) ** (1 / 3) + e)
            out.append(part * (z - p))
        return out, (new_squares, new_sums, starts), ()


def madgrad(learning_rate: Number, momentum: Number = 0.9, weight_decay: Number = 0.0, eps: Number = 1e-6) -> chain:
    """MADGRAD: `add_decayed_weights`, then `scale_by_madgrad`.

    Args:
        learning_rate, momentum, eps: of `scale_by_madgrad`.
        weight_decay: of `add_decayed_weights`: the gradient of a penalty.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.madgrad(1.0, momentum=0.5), fnp.zeros(1)
    >>> fnp.round(opt.update(fnp.asarray([8.0]), opt.init(params), params)[0], 3)
    Array([-1.], dtype=float32)
    """
    return chain(add_decayed_weights(weight_decay), scale_by_madgrad(learning_rate, momentum, eps))


class COCOBState(NamedTuple):
    """The state of `scale_by_cocob`.

    Args:
        init_particles: the first parameters.
        cumulative_gradients: minus the sum of the updates, a tree like the parameters.
        scale: their largest absolute values, likewise.
        subgradients: the sum of the absolute values, likewise.
        reward: what the bets have won, likewise.
        hyperparams: alpha.
        count: how many updates were made; `None` where nothing follows a schedule.
    """

    init_particles: Any
    cumulative_gradients: Any
    scale: Any
    subgradients: Any
    reward: Any
    hyperparams: dict[str, Array | None]
    count: Array | None  # type: ignore[assignment]  # optax's name; it hides tuple.count


@dataclass(frozen=True)
class scale_by_cocob(Informed):  # noqa: N801
    """Steps as bets on the next gradient, element by element, without a learning rate: COCOB.

        L_t = max(L_(t-1), |g_t|)                with L_0 = eps
        G_t = G_(t-1) + |g_t|
        R_t = max(R_(t-1) - (p_t - p_1) g_t, 0)
        theta_t = theta_(t-1) - g_t
        u_t = p_1 + theta_t / (L_t max(G_t + L_t, alpha L_t)) (L_t + R_t) - p_t

    Args:
        alpha: a number or a schedule; in the state under this name. The larger, the smaller the first steps.
        eps: a number.

    Raises:
        ValueError: `alpha` or `eps` not positive.
        DtypeError: complex parameters.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.scale_by_cocob(alpha=10.0), fnp.zeros(2)
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.01]), opt.init(params), params)[0], 3)
    Array([-0.1,  0.1], dtype=float32)

    Source: Orabona and Tommasi, Training Deep Networks without Learning Rates Through Coin Betting, 2017,
    arXiv:1705.07795, algorithm 2.
    """

    alpha: Number = 100.0
    eps: float = 1e-8
    tunable: ClassVar = {"alpha": "alpha"}
    state_type: ClassVar = COCOBState
    held: ClassVar = ("init_particles", "cumulative_gradients", "scale", "subgradients", "reward")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("alpha", "eps"):
            require(lambda v: v > 0, self, name, "positive")

    def first(self, name: str, p: Array) -> Array:
        need_order(self, p, "bets are won and lost, and")
        if name == "init_particles":
            return p
        return full_like(p, self.eps if name == "scale" else 0.0, wide_dtype(p.dtype))

    def step(
        self,
        hyperparams: list[Any],
        count: Any,
        gs: list[Array],
        ps: list[Array],
        held: list[list[Array]],
        numbers: list[Array],
    ) -> tuple[Sequence[Array], Sequence[Sequence[Array]], Sequence[Array]]:
        (alpha,) = hyperparams
        starts, thetas, scales, sums, rewards = held
        out: list[Array] = []
        new: tuple[list[Array], list[Array], list[Array], list[Array]] = ([], [], [], [])
        rows = zip(gs, ps, starts, thetas, scales, sums, rewards, beside(gs, alpha), strict=True)
        for g, p, start, theta, scale, total, reward, (a,) in rows:
            size = abs(g)
            theta, scale, total = theta - g, maximum(scale, size), total + size
            reward = maximum(reward - (p - start) * g, 0)
            bet = theta / (scale * maximum(total + scale, a * scale)) * (scale + reward)
            out.append(start + bet - p)
            for column, x in zip(new, (theta, scale, total, reward), strict=True):
                column.append(x)
        return out, (starts, *new), ()


def cocob(
    learning_rate: Number = 1.0,
    alpha: Number = 100.0,
    eps: float = 1e-8,
    weight_decay: Number = 0.0,
    mask: Any = None,
) -> chain:
    """COCOB, descent without a learning rate: `scale_by_cocob` of the gradients times `learning_rate`.

    Args:
        learning_rate: a factor of the gradients, 1 or a schedule; in the state under this name.
        alpha, eps: of `scale_by_cocob`.
        weight_decay, mask: of `add_decayed_weights`, before all else: the gradient of a penalty.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.cocob(), fnp.asarray([5.0])
    >>> state = opt.init(params)
    >>> for _ in range(300):
    ...     updates, state = opt.update(params - 3, state, params)
    ...     params = optim.apply_updates(params, updates)
    >>> fnp.round(params, 1)
    Array([3.], dtype=float32)
    """
    return chain(
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate, flip_sign=False),
        scale_by_cocob(alpha, eps),
    )
