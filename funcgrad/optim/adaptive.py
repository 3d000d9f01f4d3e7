"""Transformations that divide the updates by what their squares have been: Adam, RMSProp, AdaGrad, Adadelta.

Letters in the formulas are those of `scaling.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from ..core import Array
from ..numpy import full_like, maximum, sqrt, where, zeros_like
from .hyperparams import Number, beside, require, require_fractions, require_not_negative
from .moments import Accumulating, dtype_or_none, given, running_means, square_dtype, squared_magnitude, unbiased

__all__ = [
    "ScaleByAdaDeltaState",
    "ScaleByAdamState",
    "ScaleByRStdDevState",
    "ScaleByRmsState",
    "ScaleByRssState",
    "scale_by_adadelta",
    "scale_by_adam",
    "scale_by_rms",
    "scale_by_rss",
    "scale_by_stddev",
]


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
class scale_by_adam(Accumulating):  # noqa: N801
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
    held: ClassVar = ("mu", "nu")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "mu_dtype", dtype_or_none(self.mu_dtype))
        require_fractions(self, "b1", "b2")
        require_not_negative(self, "eps", "eps_root")

    def step(self, hyperparams: list[Any], count: Any, gs: list[Array], held: list[list[Array]]) -> Sequence[Any]:
        b1, b2, eps = hyperparams
        mus = running_means(held[0], gs, b1)
        nus = running_means(held[1], gs, b2, squared_magnitude)
        tops = look_ahead(gs, mus, b1, count) if self.nesterov else mus
        return quotients(gs, tops, nus, 1 - b1**count, 1 - b2**count, eps, self.eps_root), mus, nus


def look_ahead(gs: Sequence[Array], mus: Sequence[Array], b1: Array, count: Array) -> Iterable[Array]:
    """Nesterov's m^_t times 1 - b1^t, leaf by leaf (see `scale_by_adam`)."""
    weights = beside(gs, b1 * (1 - b1**count) / (1 - b1 ** (count + 1)), 1 - b1)
    return (a * m + b * g for m, g, (a, b) in zip(mus, gs, weights, strict=True))


def quotients(
    gs: Sequence[Array],
    tops: Iterable[Array],
    squares: Iterable[Array],
    c1: Any,
    c2: Any,
    eps: Array,
    eps_root: float = 0.0,
) -> list[Array]:
    """(m / c1) / (sqrt(v / c2 + eps_root) + eps), leaf by leaf.

    Fraction and hats are one, m / (c1 / sqrt(c2) sqrt(v + c2 eps_root) + c1 eps), which divides arrays once and not
    three times.
    """
    if given(eps_root):
        squares = (v + e for v, (e,) in zip(squares, beside(gs, c2 * eps_root), strict=True))
    rows = zip(tops, squares, beside(gs, c1 / sqrt(c2), c1 * eps), strict=True)
    return [top / (c * sqrt(v) + e) for top, v, (c, e) in rows]


@dataclass(frozen=True)
class _MeanOfSquares(Accumulating):
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
        require_not_negative(self, "eps", "initial_scale")

    @property
    def counts(self) -> bool:
        return self.bias_correction

    def first(self, name: str, p: Array) -> Array:
        return full_like(p, self.initial_scale, square_dtype(p.dtype)) if name == "nu" else super().first(name, p)

    def corrected(self, means: Sequence[Array], decay: Array, count: Any) -> Iterable[Array]:
        """Running means that began at 0, as they would be without that beginning, if that is asked for."""
        return unbiased(means, decay, count) if self.bias_correction else means

    def divided(self, gs: Sequence[Array], squares: Iterable[Array], eps: Array) -> Iterable[Array]:
        """The updates over the roots of the squares, with eps inside or outside of them."""
        rows = zip(gs, squares, beside(gs, eps), strict=True)
        return (g / (sqrt(v + e) if self.eps_in_sqrt else sqrt(v) + e) for g, v, (e,) in rows)


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
    held: ClassVar = ("nu",)

    def step(self, hyperparams: list[Any], count: Any, gs: list[Array], held: list[list[Array]]) -> Sequence[Any]:
        decay, eps = hyperparams
        nus = running_means(held[0], gs, decay, squared_magnitude)
        return self.divided(gs, self.corrected(nus, decay, count), eps), nus


class ScaleByRStdDevState(NamedTuple):
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

    state_type: ClassVar = ScaleByRStdDevState
    held: ClassVar = ("mu", "nu")

    def step(self, hyperparams: list[Any], count: Any, gs: list[Array], held: list[list[Array]]) -> Sequence[Any]:
        decay, eps = hyperparams
        mus = running_means(held[0], gs, decay)
        nus = running_means(held[1], gs, decay, squared_magnitude)
        means, squares = self.corrected(mus, decay, count), self.corrected(nus, decay, count)
        # No less than 0, as rounding of two equal numbers may be
        variances = (maximum(v - squared_magnitude(m), 0) for m, v in zip(means, squares, strict=True))
        return self.divided(gs, variances, eps), mus, nus


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
class scale_by_rss(Accumulating):  # noqa: N801
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
    held: ClassVar = ("sum_of_squares",)

    def __post_init__(self) -> None:
        super().__post_init__()
        require_not_negative(self, "initial_accumulator_value", "eps")

    @property
    def counts(self) -> bool:
        return False

    def first(self, name: str, p: Array) -> Array:
        return full_like(p, self.initial_accumulator_value, square_dtype(p.dtype))

    def step(self, hyperparams: list[Any], count: Any, gs: list[Array], held: list[list[Array]]) -> Sequence[Any]:
        (eps,) = hyperparams
        sums = [s + squared_magnitude(g) for s, g in zip(held[0], gs, strict=True)]
        # Where the sum is 0 so is g: 0 / 1 is the 0 that the formula asks for, also with eps = 0
        rows = zip(gs, sums, beside(gs, eps), strict=True)
        return (g / sqrt(where(s > 0, s + e, 1)) for g, s, (e,) in rows), sums


class ScaleByAdaDeltaState(NamedTuple):
    """The state of `scale_by_adadelta`.

    Args:
        e_g: mean of the squares of the updates that come in, a tree like the parameters.
        e_x: of those that go out, likewise.
        hyperparams: rho, eps.
        count: how many updates were made; `None` where nothing follows a schedule.
    """

    e_g: Any
    e_x: Any
    hyperparams: dict[str, Array | None]
    count: Array | None  # type: ignore[assignment]  # optax's name; it hides tuple.count


@dataclass(frozen=True)
class scale_by_adadelta(Accumulating):  # noqa: N801
    """Updates by the ratio of what the root mean squares of steps and updates have been: Adadelta.

        E[g^2]_t = rho E[g^2]_(t-1) + (1 - rho) |g_t|^2
        u_t = sqrt(E[u^2]_(t-1) + eps) / sqrt(E[g^2]_t + eps) g_t
        E[u^2]_t = rho E[u^2]_(t-1) + (1 - rho) |u_t|^2

    Args:
        rho, eps: numbers or schedules; in the state under these names.

    Raises:
        ValueError: rho outside [0, 1], or a negative eps.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale_by_adadelta(eps=1e-2)
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.1]), opt.init(fnp.zeros(2)))[0], 3)
    Array([ 0.314, -0.095], dtype=float32)

    Source: Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012, arXiv:1212.5701.
    """

    rho: Number = 0.9
    eps: Number = 1e-6
    tunable: ClassVar = {"rho": "rho", "eps": "eps"}
    state_type: ClassVar = ScaleByAdaDeltaState
    held: ClassVar = ("e_g", "e_x")

    def __post_init__(self) -> None:
        super().__post_init__()
        require(lambda v: 0 <= v <= 1, self, "rho", "in [0, 1]")
        require_not_negative(self, "eps")

    @property
    def counts(self) -> bool:
        return False

    def first(self, name: str, p: Array) -> Array:
        return zeros_like(p, square_dtype(p.dtype))

    def step(self, hyperparams: list[Any], count: Any, gs: list[Array], held: list[list[Array]]) -> Sequence[Any]:
        rho, eps = hyperparams
        e_g = running_means(held[0], gs, rho, squared_magnitude)
        rows = zip(gs, e_g, held[1], beside(gs, eps), strict=True)
        out = [g * (sqrt(x + e) / sqrt(v + e)) for g, v, x, (e,) in rows]
        return out, e_g, running_means(held[1], out, rho, squared_magnitude)
