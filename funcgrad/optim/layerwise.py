"""Transformations that go by the norms of whole leaves: the trust ratio of LARS and LAMB, NovoGrad, Fromage.

Letters in the formulas are those of `scaling.py`; |p| is the Euclidean norm of a leaf, one number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from .. import tree
from ..core import Array
from ..numpy import maximum, mean, sqrt, stack, where, zeros_like
from .hyperparams import HyperparamsState, Number, Tunable, beside, require_fractions, require_not_negative
from .moments import dtype_or_none, in_float32, leaves_like, square_dtype, zeros_in
from .norms import leaf_square, mean_square, root, times_each
from .transformation import (
    EmptyState,
    GradientTransformation,
    aligned,
    floating_leaves,
    need_params,
    rebuilt,
)

__all__ = [
    "ScaleByNovogradState",
    "ScaleByTrustRatioState",
    "centralize",
    "scale_by_novograd",
    "scale_by_param_block_norm",
    "scale_by_param_block_rms",
    "scale_by_trust_ratio",
]

ScaleByTrustRatioState = HyperparamsState


@dataclass(frozen=True)
class scale_by_trust_ratio(Tunable):  # noqa: N801  # transformations have optax's names
    """Each leaf's updates by the ratio of the norms of parameters and updates.

        u = trust_coefficient max(|p|, min_norm) / (max(|g|, min_norm) + eps) g

    and u = g where the numerator or the norm in the denominator is 0.

    Args:
        min_norm, trust_coefficient, eps: numbers or schedules; in the state under these names, but for eps, which
            is `trust_eps` there, so that it is not that of Adam in `lamb`.

    Raises:
        ValueError: a negative `min_norm` or `eps`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.scale_by_trust_ratio(), fnp.asarray([30.0, 40.0])
    >>> fnp.round(opt.update(fnp.asarray([0.3, 0.4]), opt.init(params), params)[0], 3)
    Array([30., 40.], dtype=float32)

    Source: You, Gitman and Ginsburg, Large Batch Training of Convolutional Networks, 2017, arXiv:1708.03888.
    """

    min_norm: Number = 0.0
    trust_coefficient: Number = 1.0
    eps: Number = 0.0
    tunable: ClassVar = {"min_norm": "min_norm", "trust_coefficient": "trust_coefficient", "trust_eps": "eps"}

    def __post_init__(self) -> None:
        super().__post_init__()
        require_not_negative(self, "min_norm", "eps")

    def update(self, updates: Any, state: HyperparamsState, params: Any = None) -> tuple[Any, HyperparamsState]:
        need_params(self, params)
        numbers = self.current(state, updates)
        (given, ps), structure = aligned(self, {"updates": updates, "params": params})
        gs = in_float32(given)
        if not gs:
            return updates, self.following(state)
        least, coefficient, eps = numbers
        above, below = (maximum(root(stack([leaf_square(x) for x in xs])), least) for xs in (in_float32(ps), gs))
        usual = (above > 0) & (below > 0)
        factors = where(usual, coefficient * above / where(usual, below + eps, 1), 1)
        return rebuilt(structure, times_each(gs, factors), given), self.following(state)


@dataclass(frozen=True)
class _ByParams(Tunable):
    """What scales each leaf's updates by a size of its parameters."""

    min_scale: Number = 1e-3
    tunable: ClassVar = {"min_scale": "min_scale"}

    def __post_init__(self) -> None:
        super().__post_init__()
        require_not_negative(self, "min_scale")

    def squared_size(self, p: Array) -> Array:
        raise NotImplementedError

    def update(self, updates: Any, state: HyperparamsState, params: Any = None) -> tuple[Any, HyperparamsState]:
        need_params(self, params)
        (least,) = self.current(state, updates)
        (given, ps), structure = aligned(self, {"updates": updates, "params": params})
        if not given:
            return updates, self.following(state)
        sizes = maximum(root(stack([self.squared_size(p) for p in in_float32(ps)])), least)
        return rebuilt(structure, times_each(in_float32(given), sizes), given), self.following(state)


@dataclass(frozen=True)
class scale_by_param_block_norm(_ByParams):  # noqa: N801
    """Each leaf's updates times the norm of its parameters: u = max(|p|, min_scale) g.

    Args:
        min_scale: a number or a schedule; in the state under this name.

    Raises:
        ValueError: a negative `min_scale`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.scale_by_param_block_norm(), fnp.asarray([3.0, 4.0])
    >>> opt.update(fnp.asarray([1.0, -1.0]), opt.init(params), params)[0]
    Array([ 5., -5.], dtype=float32)
    """

    def squared_size(self, p: Array) -> Array:
        return leaf_square(p)


@dataclass(frozen=True)
class scale_by_param_block_rms(_ByParams):  # noqa: N801
    """Each leaf's updates times the root mean square of its parameters: u = max(rms(p), min_scale) g.

    Args:
        min_scale: a number or a schedule; in the state under this name.

    Raises:
        ValueError: a negative `min_scale`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.scale_by_param_block_rms(), fnp.asarray([2.0, -2.0])
    >>> opt.update(fnp.asarray([1.0, -1.0]), opt.init(params), params)[0]
    Array([ 2., -2.], dtype=float32)

    Source: Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, 2018, arXiv:1804.04235.
    """

    def squared_size(self, p: Array) -> Array:
        return mean_square(p)


class ScaleByNovogradState(NamedTuple):
    """The state of `scale_by_novograd`.

    Args:
        count: how many updates were made.
        mu: sum of the normalised updates, a tree like the parameters.
        nu: mean of the squared norms of the leaves, one number for each.
        hyperparams: b1, b2, eps, weight_decay.
    """

    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    mu: Any
    nu: Any
    hyperparams: dict[str, Array | None]


@dataclass(frozen=True)
class scale_by_novograd(Tunable):  # noqa: N801
    """Momentum of updates over the root of the mean square of their leaf's norm: NovoGrad, without its learning rate.

        v_t = b2 v_(t-1) + (1 - b2) |g_t|^2, one number for each leaf, and v_1 = |g_1|^2
        m_t = b1 m_(t-1) + g_t / (sqrt(v_t + eps_root) + eps) + weight_decay p_t
        u_t = m_t

    Args:
        b1, b2, eps, weight_decay: numbers or schedules; in the state under these names.
        eps_root: a number.
        mu_dtype: of m in the state; that of the parameters where None.

    Raises:
        ValueError: b1 or b2 outside [0, 1), or a negative eps or eps_root.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.scale_by_novograd(), fnp.zeros(2)
    >>> fnp.round(opt.update(fnp.asarray([3.0, 4.0]), opt.init(params), params)[0], 3)
    Array([0.6, 0.8], dtype=float32)

    Source: Ginsburg et al., Stochastic Gradient Methods with Layer-wise Adaptive Moments for Training of Deep
    Networks, 2019, arXiv:1905.11286.
    """

    b1: Number = 0.9
    b2: Number = 0.25
    eps: Number = 1e-8
    eps_root: float = 0.0
    weight_decay: Number = 0.0
    mu_dtype: Any = None
    tunable: ClassVar = {"b1": "b1", "b2": "b2", "eps": "eps", "weight_decay": "weight_decay"}
    state_type: ClassVar = ScaleByNovogradState

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "mu_dtype", dtype_or_none(self.mu_dtype))
        require_fractions(self, "b1", "b2")
        require_not_negative(self, "eps", "eps_root")

    def init(self, params: Any) -> ScaleByNovogradState:
        leaves, structure = floating_leaves(self, "params", params)
        mu = tree.unflatten(structure, [zeros_in(self.mu_dtype, p) for p in leaves])
        nu = tree.unflatten(structure, [zeros_like(p, square_dtype(p.dtype), shape=()) for p in leaves])
        count = self.first_count(leaves, always=True)
        assert count is not None
        return ScaleByNovogradState(count, mu, nu, self.first_hyperparams(leaves))

    def update(self, updates: Any, state: ScaleByNovogradState, params: Any = None) -> tuple[Any, ScaleByNovogradState]:
        need_params(self, params)
        b1, b2, eps, decay = self.current(state, updates)
        state = self.following(state)
        given, structure = aligned(self, {"updates": updates, "state.mu": state.mu, "params": params})
        nus = leaves_like(self, structure, "state.nu", state.nu)
        gs, mus, ps = map(in_float32, given)
        if not gs:
            return updates, state
        squares = stack([leaf_square(g) for g in gs])
        means = where(state.count == 1, squares, b2 * stack(nus) + (1 - b2) * squares)
        rows = zip(gs, mus, ps, beside(gs, b1, decay, 1 / (root(means + self.eps_root) + eps)), strict=True)
        new_mus = [d * m + (scales[i] * g + c * p) for i, (g, m, p, (d, c, scales)) in enumerate(rows)]
        new_nus = [means[i] for i in range(len(gs))]
        state = state._replace(mu=rebuilt(structure, new_mus, given[1]), nu=rebuilt(structure, new_nus, nus))
        return rebuilt(structure, new_mus, given[0]), state


@dataclass(frozen=True)
class centralize(GradientTransformation):  # noqa: N801
    """Updates less their mean over all axes but the first; leaves with fewer than two axes as they are.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.centralize(), fnp.zeros((2, 2))
    >>> opt.update(fnp.asarray([[1.0, 3.0], [5.0, 5.0]]), opt.init(params))[0]
    Array([[-1.,  1.],
           [ 0.,  0.]], dtype=float32)

    Source: Yong et al., Gradient Centralization: A New Optimization Technique for Deep Neural Networks, 2020,
    arXiv:2004.01461.
    """

    def init(self, params: Any) -> EmptyState:
        floating_leaves(self, "params", params)
        return EmptyState()

    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        (gs,), structure = aligned(self, {"updates": updates})
        out = [g - mean(g, axis=tuple(range(1, g.ndim)), keepdims=True) if g.ndim > 1 else g for g in gs]
        return rebuilt(structure, out, gs), state


# ---- the last step of Fromage ------------------------------------------------------------------


@dataclass(frozen=True)
class descend_at_equal_norm(Tunable):  # noqa: N801
    """A step whose result is scaled to the length that the parameters have, if the step is as long as they are.

        u = (p - learning_rate g) / sqrt(1 + learning_rate^2) - p

    Args:
        learning_rate: a number or a schedule; in the state under this name.

    It is the second half of `fromage`; the first, `scale_by_trust_ratio`, makes the updates as long as the parameters.
    """

    learning_rate: Number
    tunable: ClassVar = {"learning_rate": "learning_rate"}

    def update(self, updates: Any, state: HyperparamsState, params: Any = None) -> tuple[Any, HyperparamsState]:
        need_params(self, params)
        (rate,) = self.current(state, updates)
        (given, ps), structure = aligned(self, {"updates": updates, "params": params})
        gs = in_float32(given)
        # c - 1 with c = 1 / sqrt(1 + r^2), without the difference of two numbers close to 1
        length = sqrt(1 + rate * rate)
        scalars = beside(gs, rate / length, rate * rate / (length * (1 + length)))
        rows = zip(gs, in_float32(ps), scalars, strict=True)
        return rebuilt(structure, [-(c * g + d * p) for g, p, (c, d) in rows], given), self.following(state)
