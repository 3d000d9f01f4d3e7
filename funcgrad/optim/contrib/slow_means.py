"""Adams with a memory for updates of long ago: AdEMAMix and its simplified form.

Letters in the formulas are those of `funcgrad.optim.scaling`, hats those of `scale_by_adam`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from ... import tree
from ...core import Array
from ...numpy import zeros_like
from ..adaptive import quotients
from ..combining import chain
from ..hyperparams import Number, beside, require, require_fractions, require_not_negative
from ..moments import Accumulating, dtype_or_none, running_means, square_dtype, squared_magnitude
from ..scaling import add_decayed_weights, scale_by_learning_rate
from ..transformation import floating_leaves
from .informed import wide_dtype

__all__ = [
    "ScaleByAdemamixState",
    "ScaleBySimplifiedAdEMAMixState",
    "ademamix",
    "scale_by_ademamix",
    "scale_by_simplified_ademamix",
    "simplified_ademamix",
]


class ScaleByAdemamixState(NamedTuple):
    """The state of `scale_by_ademamix`.

    Args:
        count: how many updates were made.
        count_m2: the same.
        m1: fast mean of the updates, a tree like the parameters.
        m2: slow mean of them, likewise.
        nu: mean of their squares, likewise.
        hyperparams: b1, b2, b3, alpha, eps, eps_root.
    """

    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    count_m2: Array
    m1: Any
    m2: Any
    nu: Any
    hyperparams: dict[str, Array | None]


@dataclass(frozen=True)
class scale_by_ademamix(Accumulating):  # noqa: N801  # transformations have optax's names
    """Adam with a second, slow mean of the updates: AdEMAMix, without its learning rate.

        m1_t = b1 m1_(t-1) + (1 - b1) g_t
        m2_t = b3 m2_(t-1) + (1 - b3) g_t
        v_t = b2 v_(t-1) + (1 - b2) |g_t|^2
        u_t = (m1^_t + alpha m2_t) / (sqrt(v^_t + eps_root) + eps)

    Args:
        b1, b2, b3, alpha, eps, eps_root: numbers or schedules; in the state under these names. The authors let b3 and
            alpha grow from b1 and 0.
        mu_dtype: of m1 in the state; that of the parameters where None.

    Raises:
        ValueError: b1 or b2 outside [0, 1), b3 outside [0, 1], or a negative eps or eps_root.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.contrib.scale_by_ademamix(b3=0.9, alpha=5.0)
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.01]), opt.init(fnp.zeros(2)))[0], 3)
    Array([ 1.5, -1.5], dtype=float32)

    Source: Pagliardini, Ablin and Grangier, The AdEMAMix Optimizer: Better, Faster, Older, 2024, arXiv:2409.03137.
    """

    b1: Number = 0.9
    b2: Number = 0.999
    b3: Number = 0.9999
    alpha: Number = 6.0
    eps: Number = 1e-8
    eps_root: Number = 0.0
    mu_dtype: Any = None
    tunable: ClassVar = {n: n for n in ("b1", "b2", "b3", "alpha", "eps", "eps_root")}
    state_type: ClassVar = ScaleByAdemamixState
    held: ClassVar = ("m1", "m2", "nu")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "mu_dtype", dtype_or_none(self.mu_dtype))
        require_fractions(self, "b1", "b2")
        require(lambda b: 0 <= b <= 1, self, "b3", "in [0, 1]")
        require_not_negative(self, "eps", "eps_root")

    def first(self, name: str, p: Array) -> Array:
        if name == "nu":
            return zeros_like(p, square_dtype(p.dtype))
        # 16 bits would lose a decay of 0.9999
        return zeros_like(p, self.mu_dtype) if name == "m1" else zeros_like(p, wide_dtype(p.dtype))

    def init(self, params: Any) -> ScaleByAdemamixState:
        leaves, structure = floating_leaves(self, "params", params)
        trees = {name: tree.unflatten(structure, [self.first(name, p) for p in leaves]) for name in self.held}
        count = self.first_count(leaves, always=True)
        assert count is not None
        return ScaleByAdemamixState(count, count, **trees, hyperparams=self.first_hyperparams(leaves))

    def following(self, state: Any) -> Any:
        return state._replace(count=state.count + 1, count_m2=state.count_m2 + 1)

    def step(self, hyperparams: list[Any], count: Any, gs: list[Array], held: list[list[Array]]) -> Sequence[Any]:
        b1, b2, b3, alpha, eps, eps_root = hyperparams
        m1s = running_means(held[0], gs, b1)
        m2s = running_means(held[1], gs, b3)
        nus = running_means(held[2], gs, b2, squared_magnitude)
        c1, c2 = 1 - b1**count, 1 - b2**count
        tops = (m + a * slow for m, slow, (a,) in zip(m1s, m2s, beside(gs, alpha * c1), strict=True))
        roots = (v + e for v, (e,) in zip(nus, beside(gs, c2 * eps_root), strict=True))
        return quotients(gs, tops, roots, c1, c2, eps), m1s, m2s, nus


def ademamix(
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    b3: Number = 0.9999,
    alpha: Number = 5.0,
    eps: Number = 1e-8,
    eps_root: Number = 0.0,
    mu_dtype: Any = None,
    weight_decay: Number = 0.0,
    mask: Any = None,
) -> chain:
    """AdEMAMix: `scale_by_ademamix`, `add_decayed_weights`, `scale_by_learning_rate`.

    Args:
        learning_rate: a number or a schedule; in the state under this name.
        b1, b2, b3, alpha, eps, eps_root, mu_dtype: of `scale_by_ademamix`.
        weight_decay, mask: of `add_decayed_weights`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.ademamix(0.5, b3=0.9), fnp.zeros(2)
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.01]), opt.init(params), params)[0], 3)
    Array([-0.75,  0.75], dtype=float32)
    """
    return chain(
        scale_by_ademamix(b1, b2, b3, alpha, eps, eps_root, mu_dtype),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )


class ScaleBySimplifiedAdEMAMixState(NamedTuple):
    """The state of `scale_by_simplified_ademamix`.

    Args:
        t: how many updates were made.
        m: sum of the updates, a tree like the parameters.
        n: mean of their squares, likewise.
        hyperparams: b1, b2, alpha, eps, eps_root.
    """

    t: Array
    m: Any
    n: Any
    hyperparams: dict[str, Array | None]

    @property
    def count(self) -> Array:  # type: ignore[override]
        """What schedules go by: t."""
        return self.t


@dataclass(frozen=True)
class scale_by_simplified_ademamix(Accumulating):  # noqa: N801
    """Adam with the sum of the updates, and the last of them once more: simplified AdEMAMix, without learning rate.

        m_t = b1 m_(t-1) + g_t
        v_t = b2 v_(t-1) + (1 - b2) |g_t|^2
        u_t = (m_t + alpha g_t) / (sqrt(v^_t + eps_root) + eps)

    Args:
        b1, b2, alpha, eps, eps_root: numbers or schedules; in the state under these names. The sum is 1 / (1 - b1)
            times as long as Adam's mean, and the learning rate that much smaller.

    Raises:
        ValueError: b1 or b2 outside [0, 1), or a negative eps or eps_root.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.contrib.scale_by_simplified_ademamix(alpha=1.0)
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.01]), opt.init(fnp.zeros(2)))[0], 3)
    Array([ 2., -2.], dtype=float32)

    Source: Morwani et al., Connections between Schedule-Free Optimizers, AdEMAMix, and Accelerated SGD Variants, 2025,
    arXiv:2502.02431.
    """

    b1: Number = 0.99
    b2: Number = 0.95
    alpha: Number = 0.0
    eps: Number = 1e-8
    eps_root: Number = 0.0
    tunable: ClassVar = {n: n for n in ("b1", "b2", "alpha", "eps", "eps_root")}
    state_type: ClassVar = ScaleBySimplifiedAdEMAMixState
    held: ClassVar = ("m", "n")
    counter: ClassVar = "t"

    def __post_init__(self) -> None:
        super().__post_init__()
        require_fractions(self, "b1", "b2")
        require_not_negative(self, "eps", "eps_root")

    def first(self, name: str, p: Array) -> Array:
        return zeros_like(p, square_dtype(p.dtype) if name == "n" else wide_dtype(p.dtype))

    def step(self, hyperparams: list[Any], count: Any, gs: list[Array], held: list[list[Array]]) -> Sequence[Any]:
        b1, b2, alpha, eps, eps_root = hyperparams
        rows = zip(gs, held[0], beside(gs, b1, alpha), strict=True)
        sums, tops = [], []
        for g, m, (d, a) in rows:
            sums.append(d * m + g)
            tops.append(sums[-1] + a * g)
        nus = running_means(held[1], gs, b2, squared_magnitude)
        c2 = 1 - b2**count
        roots = (v + e for v, (e,) in zip(nus, beside(gs, c2 * eps_root), strict=True))
        return quotients(gs, tops, roots, 1, c2, eps), sums, nus


def simplified_ademamix(
    learning_rate: Number,
    b1: Number = 0.99,
    b2: Number = 0.95,
    alpha: Number = 0.0,
    eps: Number = 1e-8,
    eps_root: Number = 0.0,
    weight_decay: Number = 0.0,
    mask: Any = None,
) -> chain:
    """Simplified AdEMAMix: `scale_by_simplified_ademamix`, `add_decayed_weights`, `scale_by_learning_rate`.

    Args:
        learning_rate: a number or a schedule; in the state under this name.
        b1, b2, alpha, eps, eps_root: of `scale_by_simplified_ademamix`.
        weight_decay, mask: of `add_decayed_weights`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.simplified_ademamix(0.5), fnp.zeros(2)
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.01]), opt.init(params), params)[0], 3)
    Array([-0.5,  0.5], dtype=float32)
    """
    return chain(
        scale_by_simplified_ademamix(b1, b2, alpha, eps, eps_root),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
