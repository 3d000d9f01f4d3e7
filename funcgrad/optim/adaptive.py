"""Transformations that divide the updates by what their squares have been: Adam, RMSProp, AdaGrad.

Every pass over the elements counts here, since a large weight is many times the size of a cache: the factors of a
leaf are worked out as numbers first, so that each pass does one thing that only an array can do, and what is needed
for one leaf only is made and dropped there (the generators below). Letters in the formulas are those of `scaling.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from .. import tree
from ..core import Array
from ..dtypes import NARROW, WIDE, DType, is_complex
from ..numpy import asarray, full_like, imag, real, sqrt, square, where, zeros_like
from .hyperparams import Number, Tunable, beside, real_dtype, require
from .scaling import dtype_or_none
from .transformation import aligned, floating_leaves, rebuilt

__all__ = [
    "ScaleByAdamState",
    "ScaleByRmsState",
    "ScaleByRssState",
    "ScaleByStddevState",
    "scale_by_adam",
    "scale_by_rms",
    "scale_by_rss",
    "scale_by_stddev",
]


def in_float32(leaves: Sequence[Array]) -> list[Array]:
    """Leaves of 16 bits as float32: in float16 an eps of 1e-8 and the square of 1e-4 are 0."""
    return [x.astype(WIDE) if x.dtype in NARROW else x for x in leaves]


def square_dtype(dtype: DType) -> DType:
    """What means of squares are kept in: 16 bits would lose a decay of 0.999, and squares below 1e-7."""
    return WIDE if dtype in NARROW else real_dtype(dtype)


def running_means(
    means: Sequence[Array], gs: Sequence[Array], decay: Array, of: Callable[[Array], Array] = asarray
) -> list[Array]:
    """decay mean + (1 - decay) of(g), leaf by leaf."""
    rows = zip(means, gs, beside(gs, decay, 1 - decay), strict=True)
    return [d * mean + rest * of(g) for mean, g, (d, rest) in rows]


def squared_magnitude(x: Array) -> Array:
    """|x|^2, real also where x is complex."""
    return square(real(x)) + square(imag(x)) if is_complex(x.dtype) else square(x)


class ScaleByAdamState(NamedTuple):
    """The state of `scale_by_adam`.

    Args:
        count: how many updates were made.
        mu: mean of the updates, a tree like the parameters.
        nu: mean of their squares, likewise (real where they are complex, float32 where they have 16 bits).
        hyperparams: b1, b2, eps.
    """

    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    mu: Any
    nu: Any
    hyperparams: dict[str, Array | None]


@dataclass(frozen=True)
class scale_by_adam(Tunable):  # noqa: N801
    """Mean of the updates over the root of the mean of their squares: Adam, without its learning rate.

        m_t = b1 m_(t-1) + (1 - b1) g_t
        v_t = b2 v_(t-1) + (1 - b2) |g_t|^2
        u_t = m^_t / (sqrt(v^_t + eps_root) + eps)

    The means begin at 0, and the hats take that out again:

        m^_t = m_t / (1 - b1^t),   v^_t = v_t / (1 - b2^t)

    and with nesterov  m^_t = b1 m_t / (1 - b1^(t+1)) + (1 - b1) g_t / (1 - b1^t).

    Args:
        b1, b2, eps: numbers or schedules; in the state under these names.
        eps_root: a number. More than 0 where a derivative shall go through the update: that of the root is infinite
            at v = 0.
        mu_dtype: of m in the state; that of the parameters where None.
        nesterov: whether to look one step ahead (Nadam).

    Raises:
        ValueError: b1 or b2 outside [0, 1), or a negative eps or eps_root.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale_by_adam()
    >>> updates, state = opt.update(fnp.asarray([3.0, -0.01]), opt.init(fnp.zeros(2)))
    >>> fnp.round(updates, 3), int(state.count)
    (Array([ 1., -1.], dtype=float32), 1)

    Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015, arXiv:1412.6980; with nesterov, Dozat,
    Incorporating Nesterov Momentum into Adam, 2016, without that paper's further factor b2.
    """

    b1: Number = 0.9
    b2: Number = 0.999
    eps: Number = 1e-8
    eps_root: float = 0.0
    mu_dtype: Any = None
    nesterov: bool = field(default=False, kw_only=True)
    tunable: ClassVar = {"b1": "b1", "b2": "b2", "eps": "eps"}
    state_type: ClassVar = ScaleByAdamState

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "mu_dtype", dtype_or_none(self.mu_dtype))
        for name in ("b1", "b2"):
            require(lambda b: 0 <= b < 1, self, name, "in [0, 1)")
        for name in ("eps", "eps_root"):
            require(lambda e: e >= 0, self, name, "0 or more")

    def init(self, params: Any) -> ScaleByAdamState:
        leaves, structure = floating_leaves(self, "params", params)
        mu = tree.unflatten(structure, [zeros_like(p, self.mu_dtype) for p in leaves])
        nu = tree.unflatten(structure, [zeros_like(p, square_dtype(p.dtype)) for p in leaves])
        count = self.first_count(leaves, always=True)
        assert count is not None
        return ScaleByAdamState(count, mu, nu, self.first_hyperparams(leaves))

    def update(self, updates: Any, state: ScaleByAdamState, params: Any = None) -> tuple[Any, ScaleByAdamState]:
        b1, b2, eps = self.current(state)
        state = self.following(state)
        given, structure = aligned(self, {"updates": updates, "state.mu": state.mu, "state.nu": state.nu})
        gs, mus, nus = map(in_float32, given)
        # Fraction and hats are one: with c1 = 1 - b1^t and c2 = 1 - b2^t,
        #   (m / c1) / (sqrt(v / c2 + eps_root) + eps) = m / (c1 / sqrt(c2) sqrt(v + c2 eps_root) + c1 eps)
        # which divides arrays once and not three times.
        c1, c2 = 1 - b1**state.count, 1 - b2**state.count
        new_mus = running_means(mus, gs, b1)
        new_nus = running_means(nus, gs, b2, squared_magnitude)
        tops: Iterable[Array] = new_mus
        roots: Iterable[Array] = new_nus
        if self.nesterov:
            weights = beside(gs, b1 * c1 / (1 - b1 ** (state.count + 1)), 1 - b1)
            tops = (a * m + b * g for m, g, (a, b) in zip(new_mus, gs, weights, strict=True))
        if self.eps_root:
            roots = (v + e for v, (e,) in zip(new_nus, beside(gs, c2 * self.eps_root), strict=True))
        rows = zip(tops, roots, beside(gs, c1 / sqrt(c2), c1 * eps), strict=True)
        out = [top / (c * sqrt(v) + e) for top, v, (c, e) in rows]
        state = state._replace(mu=rebuilt(structure, new_mus, given[1]), nu=rebuilt(structure, new_nus, given[2]))
        return rebuilt(structure, out, given[0]), state


@dataclass(frozen=True)
class _MeanOfSquares(Tunable):
    """What `scale_by_rms` and `scale_by_stddev` have in common: their settings."""

    decay: Number = 0.9
    eps: Number = 1e-8
    initial_scale: float = 0.0
    eps_in_sqrt: bool = True
    bias_correction: bool = False
    tunable: ClassVar = {"decay": "decay", "eps": "eps"}

    def __post_init__(self) -> None:
        super().__post_init__()
        require(lambda b: 0 <= b <= 1, self, "decay", "in [0, 1]")
        for name in ("eps", "initial_scale"):
            require(lambda v: v >= 0, self, name, "0 or more")

    def unbiased(self, means: Sequence[Array], decay: Array, state: Any) -> Iterable[Array]:
        """Running means that began at 0, as they would be without that beginning."""
        if not self.bias_correction:
            return means
        factors = beside(means, 1 / (1 - decay**state.count))
        return (m * c for m, (c,) in zip(means, factors, strict=True))

    def divided(self, structure: tree.Structure, given: Sequence[Array], squares: Iterable[Array], eps: Array) -> Any:
        """The updates over the roots of the squares, with eps inside or outside of them."""
        gs = in_float32(given)
        rows = zip(gs, squares, beside(gs, eps), strict=True)
        out = [g / (sqrt(v + e) if self.eps_in_sqrt else sqrt(v) + e) for g, v, (e,) in rows]
        return rebuilt(structure, out, given)


class ScaleByRmsState(NamedTuple):
    """The state of `scale_by_rms`.

    Args:
        nu: mean of the squared updates, a tree like the parameters.
        hyperparams: decay, eps.
        count: how many updates were made; `None` where it is not needed.
    """

    nu: Any
    hyperparams: dict[str, Array | None]
    count: Array | None  # type: ignore[assignment]  # optax's name; it hides tuple.count


@dataclass(frozen=True)
class scale_by_rms(_MeanOfSquares):  # noqa: N801
    """Updates over the root of the mean of their squares: RMSProp, without its learning rate.

        v_t = decay v_(t-1) + (1 - decay) |g_t|^2
        u_t = g_t / sqrt(v_t + eps), or without eps_in_sqrt  g_t / (sqrt(v_t) + eps)

    Args:
        decay, eps: numbers or schedules; in the state under these names.
        initial_scale: v_0.
        eps_in_sqrt: where eps stands; PyTorch and the lecture have it outside of the root.
        bias_correction: whether to divide v_t by 1 - decay^t, as Adam does.

    Raises:
        ValueError: decay outside [0, 1], or a negative eps or initial_scale.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale_by_rms(decay=0.75)
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.1]), opt.init(fnp.zeros(2)))[0], 3)
    Array([ 2., -2.], dtype=float32)

    Source: Tieleman and Hinton, Lecture 6.5: RMSProp, COURSERA: Neural Networks for Machine Learning, 2012.
    """

    state_type: ClassVar = ScaleByRmsState

    def init(self, params: Any) -> ScaleByRmsState:
        leaves, structure = floating_leaves(self, "params", params)
        nu = tree.unflatten(structure, [full_like(p, self.initial_scale, square_dtype(p.dtype)) for p in leaves])
        count = self.first_count(leaves, always=self.bias_correction)
        return ScaleByRmsState(nu, self.first_hyperparams(leaves), count)

    def update(self, updates: Any, state: ScaleByRmsState, params: Any = None) -> tuple[Any, ScaleByRmsState]:
        decay, eps = self.current(state)
        state = self.following(state)
        (gs, nus), structure = aligned(self, {"updates": updates, "state.nu": state.nu})
        new_nus = running_means(in_float32(nus), in_float32(gs), decay, squared_magnitude)
        squares = self.unbiased(new_nus, decay, state)
        return self.divided(structure, gs, squares, eps), state._replace(nu=rebuilt(structure, new_nus, nus))


class ScaleByStddevState(NamedTuple):
    """The state of `scale_by_stddev`.

    Args:
        mu: mean of the updates, a tree like the parameters.
        nu: mean of their squares, likewise.
        hyperparams: decay, eps.
        count: how many updates were made; `None` where it is not needed.
    """

    mu: Any
    nu: Any
    hyperparams: dict[str, Array | None]
    count: Array | None  # type: ignore[assignment]  # optax's name; it hides tuple.count


@dataclass(frozen=True)
class scale_by_stddev(_MeanOfSquares):  # noqa: N801
    """Updates over their standard deviation: centered RMSProp, without its learning rate.

        m_t = decay m_(t-1) + (1 - decay) g_t
        v_t = decay v_(t-1) + (1 - decay) |g_t|^2
        u_t = g_t / sqrt(v_t - |m_t|^2 + eps), or without eps_in_sqrt  g_t / (sqrt(v_t - |m_t|^2) + eps)

    Args, Raises: as for `scale_by_rms`; `bias_correction` divides m_t and v_t by 1 - decay^t.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale_by_stddev(decay=0.5)
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.1]), opt.init(fnp.zeros(2)))[0], 3)
    Array([ 2., -2.], dtype=float32)

    Source: Graves, Generating Sequences With Recurrent Neural Networks, 2013, arXiv:1308.0850, section 4.2.
    """

    state_type: ClassVar = ScaleByStddevState

    def init(self, params: Any) -> ScaleByStddevState:
        leaves, structure = floating_leaves(self, "params", params)
        mu = tree.unflatten(structure, [zeros_like(p) for p in leaves])
        nu = tree.unflatten(structure, [full_like(p, self.initial_scale, square_dtype(p.dtype)) for p in leaves])
        count = self.first_count(leaves, always=self.bias_correction)
        return ScaleByStddevState(mu, nu, self.first_hyperparams(leaves), count)

    def update(self, updates: Any, state: ScaleByStddevState, params: Any = None) -> tuple[Any, ScaleByStddevState]:
        decay, eps = self.current(state)
        state = self.following(state)
        (gs, mus, nus), structure = aligned(self, {"updates": updates, "state.mu": state.mu, "state.nu": state.nu})
        wide = in_float32(gs)
        new_mus = running_means(in_float32(mus), wide, decay)
        new_nus = running_means(in_float32(nus), wide, decay, squared_magnitude)
        means, squares = self.unbiased(new_mus, decay, state), self.unbiased(new_nus, decay, state)
        variances = (v - squared_magnitude(m) for m, v in zip(means, squares, strict=True))
        held = state._replace(mu=rebuilt(structure, new_mus, mus), nu=rebuilt(structure, new_nus, nus))
        return self.divided(structure, gs, variances, eps), held


class ScaleByRssState(NamedTuple):
    """The state of `scale_by_rss`.

    Args:
        sum_of_squares: of the updates, a tree like the parameters.
        hyperparams: eps.
        count: how many updates were made; `None` where nothing follows a schedule.
    """

    sum_of_squares: Any
    hyperparams: dict[str, Array | None]
    count: Array | None  # type: ignore[assignment]  # optax's name; it hides tuple.count


@dataclass(frozen=True)
class scale_by_rss(Tunable):  # noqa: N801
    """Updates over the root of the sum of their squares: AdaGrad, without its learning rate.

        s_t = s_(t-1) + |g_t|^2
        u_t = g_t / sqrt(s_t + eps), and 0 where s_t is 0

    Args:
        initial_accumulator_value: s_0.
        eps: a number or a schedule; in the state under this name.

    Raises:
        ValueError: a negative number.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale_by_rss(initial_accumulator_value=0.0)
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.1]), opt.init(fnp.zeros(2)))[0], 3)
    Array([ 1., -1.], dtype=float32)

    Source: Duchi, Hazan and Singer, Adaptive Subgradient Methods for Online Learning and Stochastic Optimization,
    JMLR 12, 2011.
    """

    initial_accumulator_value: float = 0.1
    eps: Number = 1e-7
    tunable: ClassVar = {"eps": "eps"}
    state_type: ClassVar = ScaleByRssState

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("initial_accumulator_value", "eps"):
            require(lambda v: v >= 0, self, name, "0 or more")

    def init(self, params: Any) -> ScaleByRssState:
        leaves, structure = floating_leaves(self, "params", params)
        sums = [full_like(p, self.initial_accumulator_value, square_dtype(p.dtype)) for p in leaves]
        return ScaleByRssState(
            tree.unflatten(structure, sums), self.first_hyperparams(leaves), self.first_count(leaves)
        )

    def update(self, updates: Any, state: ScaleByRssState, params: Any = None) -> tuple[Any, ScaleByRssState]:
        (eps,) = self.current(state)
        given, structure = aligned(self, {"updates": updates, "state.sum_of_squares": state.sum_of_squares})
        gs, sums = map(in_float32, given)
        new_sums = [s + squared_magnitude(g) for s, g in zip(sums, gs, strict=True)]
        # Where the sum is 0 so is g: 0 / 1 is the 0 that the formula asks for, also with eps = 0
        rows = zip(gs, new_sums, beside(gs, eps), strict=True)
        out = [g / sqrt(where(s > 0, s + e, 1)) for g, s, (e,) in rows]
        following = self.following(state)._replace(sum_of_squares=rebuilt(structure, new_sums, given[1]))
        return rebuilt(structure, out, given[0]), following
