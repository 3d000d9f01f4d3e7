"""A learning rate that is learned on the way, for any optimiser: Mechanic."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from ... import tree
from ...core import Array
from ...numpy import abs, maximum, minimum, stack, sum
from ..hyperparams import Number, Tunable, beside, require_not_negative, scalar
from ..moments import in_float32
from ..norms import root, squared_norm
from ..transformation import (
    GradientTransformation,
    GradientTransformationExtraArgs,
    aligned,
    checked,
    floating_leaves,
    need_params,
    rebuilt,
    updated,
)
from .informed import inner_product, number_dtype, whole

__all__ = ["MechanicState", "mechanize"]


class MechanicState(NamedTuple):
    """The state of `mechanize`.

    Args:
        base_optimizer_state: of the optimiser whose learning rate is learned.
        count: how many updates were made.
        r, m, v, s: reward, largest gradient, sum of squares and scale of each of the bettors, shape (num_betas,).
        x0: the first parameters.
        hyperparams: weight_decay, eps, s_init.
    """

    base_optimizer_state: Any
    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    r: Array
    m: Array
    v: Array
    s: Array
    x0: Any
    hyperparams: dict[str, Array | None]


@dataclass(frozen=True)
class mechanize(Tunable, GradientTransformationExtraArgs):  # noqa: N801  # optimisers have optax's names
    """An optimiser whose steps, from the first parameters on, are all scaled by one number, which is learned.

        d_t = (p_1 - p_t) / (S_(t-1) + eps),   S the sum of s over the bettors, beta = 0.9, 0.99 ...
        h_t = <d_t, g_t + weight_decay S_(t-1) |g_t| / (|p_t| + eps) p_t>

    and for each bettor

        r_t = beta r_(t-1) + s_(t-1) clip(h_t, -m_(t-1), m_(t-1))
        m_t = max(beta m_(t-1), |h_t| + eps)
        v_t = beta^2 v_(t-1) + h_t^2
        s_t = (s_init m_t / n + max(r_t, 0)) / (sqrt(v_t) + eps)

    so that the parameters become  p_1 + S_t (u_t - d_t)  with the optimiser's updates u_t. <a, b> and norms go over
    all leaves as one vector.

    Args:
        base_optimizer: the optimiser, with a learning rate of 1 or a schedule from it.
        weight_decay, eps, s_init: numbers or schedules; in the state under these names. This weight decay is
            Mechanic's own and not the optimiser's.
        num_betas: n.

    Raises:
        ValueError: a number below 0, or `num_betas` below 1.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.mechanize(optim.sgd(1.0)), fnp.asarray([5.0])
    >>> state = opt.init(params)
    >>> for _ in range(200):
    ...     updates, state = opt.update(params - 3, state, params)
    ...     params = optim.apply_updates(params, updates)
    >>> fnp.round(params, 1)
    Array([3.], dtype=float32)

    Source: Cutkosky, Defazio and Mehta, Mechanic: A Learning Rate Tuner, 2023, arXiv:2306.00144.
    """

    base_optimizer: GradientTransformation
    weight_decay: Number = 1e-2
    eps: Number = 1e-8
    s_init: Number = 1e-6
    num_betas: int = 6
    tunable: ClassVar = {n: n for n in ("weight_decay", "eps", "s_init")}
    state_type: ClassVar = MechanicState

    def __post_init__(self) -> None:
        super().__post_init__()
        checked(self, self.base_optimizer)
        require_not_negative(self, "weight_decay", "eps", "s_init")
        whole(self, "num_betas")

    def init(self, params: Any) -> MechanicState:
        leaves, structure = floating_leaves(self, "params", params)
        count = self.first_count(leaves, always=True)
        assert count is not None
        hyperparams = self.first_hyperparams(leaves)
        dtype = number_dtype(leaves)
        zeros = self._row([0.0] * self.num_betas, dtype, leaves)
        first = tree.unflatten(structure, leaves)
        state = MechanicState(self.base_optimizer.init(params), count, zeros, zeros, zeros, zeros, first, hyperparams)
        return state._replace(s=zeros + self.current(state)[2].astype(dtype))

    def _row(self, numbers: Sequence[float], dtype: Any, leaves: Sequence[Array]) -> Array:
        return stack([scalar(x, dtype, leaves) for x in numbers])

    def update(
        self, updates: Any, state: MechanicState, params: Any = None, **extra_args: Any
    ) -> tuple[Any, MechanicState]:
        need_params(self, params)
        hyperparams = self.current(state)
        base, base_state = updated(self.base_optimizer, updates, state.base_optimizer_state, params, extra_args)
        state = self.following(state)._replace(base_optimizer_state=base_state)
        trees = {"updates": updates, "params": params, "state.x0": state.x0, "the base optimizer's updates": base}
        given, structure = aligned(self, trees)
        if not given[0]:
            return updates, state
        gs, ps, starts, us = map(in_float32, given)
        dtype = state.s.dtype
        decay, eps, s_init = (x.astype(dtype) for x in hyperparams)
        betas = self._row([1 - 0.1 ** (i + 1) for i in range(self.num_betas)], dtype, [state.s])
        scale = sum(state.s)
        factors = beside(gs, 1 / (scale + eps))
        back = [(x - p) * c for x, p, (c,) in zip(starts, ps, factors, strict=True)]
        pull = decay * scale * root(squared_norm(gs)) / (root(squared_norm(ps)) + eps)
        gain = (inner_product(back, gs) + pull * inner_product(back, ps)).astype(dtype)
        r = betas * state.r + state.s * minimum(maximum(gain, -state.m), state.m)
        m = maximum(betas * state.m, abs(gain) + eps)
        v = betas**2 * state.v + gain * gain
        s = (s_init * m / self.num_betas + maximum(r, 0)) / (root(v) + eps)
        rows = zip(us, back, starts, ps, beside(gs, sum(s)), strict=True)
        out = [x + c * (u - b) - p for u, b, x, p, (c,) in rows]
        return rebuilt(structure, out, given[0]), state._replace(r=r, m=m, v=v, s=s)
