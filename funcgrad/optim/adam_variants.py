"""Transformations that vary what Adam divides by: AMSGrad, AdaMax, AdaBelief, Yogi, RAdam, Adan.

Letters in the formulas are those of `scaling.py`, hats those of `scale_by_adam`: m^_t = m_t / (1 - b1^t).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from ..core import Array
from ..numpy import full_like, maximum, ones_like, sign, sqrt, where
from .adaptive import ScaleByAdamState, look_ahead, quotients
from .hyperparams import Number, beside, require, require_fractions, require_not_negative
from .moments import (
    Accumulating,
    decayed_maxima,
    dtype_or_none,
    given,
    running_means,
    squared_magnitude,
    unbiased,
)

__all__ = [
    "ScaleByAdanState",
    "ScaleByAmsgradState",
    "ScaleByBeliefState",
    "scale_by_adamax",
    "scale_by_adan",
    "scale_by_amsgrad",
    "scale_by_belief",
    "scale_by_radam",
    "scale_by_yogi",
]


@dataclass(frozen=True)
class _Checked(Accumulating):
    """What the variants have in common: which settings make sense."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("b1", "b2", "b3"):
            if hasattr(self, name):
                require_fractions(self, name)
        for name in ("eps", "eps_root", "initial_accumulator_value"):
            if hasattr(self, name):
                require_not_negative(self, name)
        if hasattr(self, "mu_dtype"):
            object.__setattr__(self, "mu_dtype", dtype_or_none(self.mu_dtype))


@dataclass(frozen=True)
class _Moments(_Checked):
    """Those with two means, and mostly Adam's state."""

    b1: Number = 0.9
    b2: Number = 0.999
    eps: Number = 1e-8
    tunable: ClassVar = {"b1": "b1", "b2": "b2", "eps": "eps"}
    state_type: ClassVar[Any] = ScaleByAdamState
    held: ClassVar[tuple[str, ...]] = ("mu", "nu")


class ScaleByAmsgradState(NamedTuple):
    """The state of `scale_by_amsgrad`.

    Args:
        count: how many updates were made.
        mu: mean of the updates, a tree like the parameters.
        nu: mean of their squares, likewise.
        nu_max: the largest that was.
        hyperparams: b1, b2, eps.
    """

    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    mu: Any
    nu: Any
    nu_max: Any
    hyperparams: dict[str, Array | None]


@dataclass(frozen=True)
class scale_by_amsgrad(_Moments):  # noqa: N801  # transformations have optax's names
    """Adam whose denominator never becomes smaller: AMSGrad, without its learning rate.

        m_t, v_t as in `scale_by_adam`
        w_t = max(w_(t-1), v^_t)
        u_t = m^_t / (sqrt(w_t + eps_root) + eps)

    Args:
        b1, b2, eps: numbers or schedules; in the state under these names.
        eps_root, mu_dtype: as for `scale_by_adam`.
        bias_correction_mu, bias_correction_nu: False for m_t in place of m^_t, v_t in place of v^_t, as in the paper.

    Raises:
        ValueError: b1 or b2 outside [0, 1), or a negative eps or eps_root.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale_by_amsgrad(b1=0.0)
    >>> first, state = opt.update(fnp.asarray([3.0, -0.1]), opt.init(fnp.zeros(2)))
    >>> second, _ = opt.update(fnp.asarray([1.5, -0.1]), state)
    >>> fnp.round(first, 3), fnp.round(second, 3)
    (Array([ 1., -1.], dtype=float32), Array([ 0.5, -1. ], dtype=float32))

    Source: Reddi, Kale and Kumar, On the Convergence of Adam and Beyond, 2018, arXiv:1904.09237.
    """

    eps_root: float = 0.0
    mu_dtype: Any = None
    bias_correction_mu: bool = True
    bias_correction_nu: bool = True
    state_type: ClassVar = ScaleByAmsgradState
    held: ClassVar = ("mu", "nu", "nu_max")

    def first(self, name: str, p: Array) -> Array:
        return super().first("nu" if name == "nu_max" else name, p)

    def step(self, hyperparams: list[Any], count: Any, gs: list[Array], held: list[list[Array]]) -> Sequence[Any]:
        b1, b2, eps = hyperparams
        mus = running_means(held[0], gs, b1)
        nus = running_means(held[1], gs, b2, squared_magnitude)
        found = unbiased(nus, b2, count) if self.bias_correction_nu else nus
        largest = [maximum(w, v) for w, v in zip(held[2], found, strict=True)]
        c1 = 1 - b1**count if self.bias_correction_mu else ones_like(b1)
        return quotients(gs, mus, largest, c1, ones_like(b2), eps, self.eps_root), mus, nus, largest


@dataclass(frozen=True)
class scale_by_adamax(_Moments):  # noqa: N801
    """Mean of the updates over a decayed maximum of their absolute values: AdaMax, without its learning rate.

        m_t = b1 m_(t-1) + (1 - b1) g_t
        v_t = max(|g_t| + eps, b2 v_(t-1))
        u_t = m^_t / v_t

    Args:
        b1, b2, eps: numbers or schedules; in the state under these names.

    Raises:
        ValueError: b1 or b2 outside [0, 1), or a negative eps.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale_by_adamax()
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.01]), opt.init(fnp.zeros(2)))[0], 3)
    Array([ 1., -1.], dtype=float32)

    Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015, arXiv:1412.6980, section 7.1.
    """

    def step(self, hyperparams: list[Any], count: Any, gs: list[Array], held: list[list[Array]]) -> Sequence[Any]:
        b1, b2, eps = hyperparams
        mus = running_means(held[0], gs, b1)
        nus = decayed_maxima(held[1], gs, b2, eps)
        rows = zip(mus, nus, beside(gs, 1 / (1 - b1**count)), strict=True)
        return (c * m / v for m, v, (c,) in rows), mus, nus


class ScaleByBeliefState(NamedTuple):
    """The state of `scale_by_belief`.

    Args:
        count: how many updates were made.
        mu: mean of the updates, a tree like the parameters.
        nu: mean of their squared distances from it, likewise.
        hyperparams: b1, b2, eps.
    """

    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    mu: Any
    nu: Any
    hyperparams: dict[str, Array | None]


@dataclass(frozen=True)
class scale_by_belief(_Moments):  # noqa: N801
    """Mean of the updates over the root of their mean squared distance from it: AdaBelief, without its learning rate.

        m_t = b1 m_(t-1) + (1 - b1) g_t
        v_t = b2 v_(t-1) + (1 - b2) |g_t - m_t|^2 + eps_root
        u_t = m^_t / (sqrt(v^_t) + eps)

    Args:
        b1, b2, eps: numbers or schedules; in the state under these names.
        eps_root: a number.
        nesterov: as for `scale_by_adam`.

    Raises:
        ValueError: b1 or b2 outside [0, 1), or a negative eps or eps_root.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale_by_belief(b1=0.5, b2=0.5)
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.01]), opt.init(fnp.zeros(2)))[0], 3)
    Array([ 2., -2.], dtype=float32)

    Source: Zhuang et al., AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients, 2020,
    arXiv:2010.07468.
    """

    eps: Number = 1e-16
    eps_root: float = 1e-16
    nesterov: bool = field(default=False, kw_only=True)
    state_type: ClassVar = ScaleByBeliefState

    def step(self, hyperparams: list[Any], count: Any, gs: list[Array], held: list[list[Array]]) -> Sequence[Any]:
        b1, b2, eps = hyperparams
        mus = running_means(held[0], gs, b1)
        rows = zip(held[1], gs, mus, beside(gs, b2, 1 - b2), strict=True)
        nus = [d * v + (rest * squared_magnitude(g - m) + self.eps_root) for v, g, m, (d, rest) in rows]
        tops = look_ahead(gs, mus, b1, count) if self.nesterov else mus
        return quotients(gs, tops, nus, 1 - b1**count, 1 - b2**count, eps), mus, nus


@dataclass(frozen=True)
class scale_by_yogi(_Moments):  # noqa: N801
    """Adam whose mean of squares moves by steps that do not depend on how far it has to go: Yogi, without its rate.

        m_t = b1 m_(t-1) + (1 - b1) g_t
        v_t = v_(t-1) - (1 - b2) sign(v_(t-1) - |g_t|^2) |g_t|^2
        u_t = m^_t / (sqrt(v^_t + eps_root) + eps)

    Args:
        b1, b2, eps: numbers or schedules; in the state under these names.
        eps_root: as for `scale_by_adam`.
        initial_accumulator_value: m_0 and v_0.

    Raises:
        ValueError: b1 or b2 outside [0, 1), or a negative number.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale_by_yogi()
    >>> fnp.round(opt.update(fnp.asarray([3.0, -1.0]), opt.init(fnp.zeros(2)))[0], 2)
    Array([ 1., -1.], dtype=float32)

    Source: Zaheer et al., Adaptive Methods for Nonconvex Optimization, 2018.
    """

    eps: Number = 1e-3
    eps_root: float = 0.0
    initial_accumulator_value: float = 1e-6

    def first(self, name: str, p: Array) -> Array:
        return full_like(p, self.initial_accumulator_value, super().first(name, p).dtype)

    def step(self, hyperparams: list[Any], count: Any, gs: list[Array], held: list[list[Array]]) -> Sequence[Any]:
        b1, b2, eps = hyperparams
        mus = running_means(held[0], gs, b1)
        squares = (squared_magnitude(g) for g in gs)
        rows = zip(held[1], squares, beside(gs, 1 - b2), strict=True)
        nus = [v - rest * (sign(v - s) * s) for v, s, (rest,) in rows]
        return quotients(gs, mus, nus, 1 - b1**count, 1 - b2**count, eps, self.eps_root), mus, nus


@dataclass(frozen=True)
class scale_by_radam(_Moments):  # noqa: N801
    """Adam that begins as momentum and divides once the mean of squares can be relied on: RAdam, without its rate.

        m_t, v_t as in `scale_by_adam`
        rho_t = rho - 2 t b2^t / (1 - b2^t)   with   rho = 2 / (1 - b2) - 1
        r_t = sqrt((rho_t - 4) (rho_t - 2) rho / ((rho - 4) (rho - 2) rho_t))
        u_t = r_t m^_t / (sqrt(v^_t + eps_root) + eps) where rho_t >= threshold, else m^_t

    Args:
        b1, b2, eps, threshold: numbers or schedules; in the state under these names.
        eps_root, nesterov: as for `scale_by_adam`.

    Raises:
        ValueError: b1 or b2 outside [0, 1), a negative eps or eps_root, or a threshold below 4, where the factor is
            no number.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale_by_radam()
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.01]), opt.init(fnp.zeros(2)))[0], 3)
    Array([ 3.  , -0.01], dtype=float32)

    Source: Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, 2020, arXiv:1908.03265.
    """

    eps_root: float = 0.0
    threshold: Number = 5.0
    nesterov: bool = field(default=False, kw_only=True)
    tunable: ClassVar = {"b1": "b1", "b2": "b2", "eps": "eps", "threshold": "threshold"}

    def __post_init__(self) -> None:
        super().__post_init__()
        require(lambda v: v >= 4, self, "threshold", "4 or more")

    def step(self, hyperparams: list[Any], count: Any, gs: list[Array], held: list[list[Array]]) -> Sequence[Any]:
        b1, b2, eps, threshold = hyperparams
        mus = running_means(held[0], gs, b1)
        nus = running_means(held[1], gs, b2, squared_magnitude)
        tops = look_ahead(gs, mus, b1, count) if self.nesterov else mus
        c1, c2 = 1 - b1**count, 1 - b2**count
        # float64, as rho_t is the small difference of two numbers of about 2 / (1 - b2)
        b = b2.astype("float64")
        rho = 2 / (1 - b) - 1
        rho_t = rho - 2 * count * b**count / (1 - b**count)
        rectified = rho_t >= threshold
        # Where it is not, any numbers with a root: that of a negative one would be NaN, and its derivative too
        rho, rho_t = where(rectified, rho, 6.0), where(rectified, rho_t, 5.0)
        r = sqrt((rho_t - 4) * (rho_t - 2) * rho / ((rho - 4) * (rho - 2) * rho_t))
        squares = ((v, c2 * self.eps_root) for v, (c2,) in zip(nus, beside(gs, c2), strict=True))
        roots = (sqrt(v + e) if given(self.eps_root) else sqrt(v) for v, e in squares)
        scalars = beside(gs, where(rectified, c1 / (sqrt(c2) * r), 0.0), where(rectified, c1 * eps / r, c1))
        return (top / (c * v + e) for top, v, (c, e) in zip(tops, roots, scalars, strict=True)), mus, nus


class ScaleByAdanState(NamedTuple):
    """The state of `scale_by_adan`.

    Args:
        m: mean of the updates, a tree like the parameters.
        v: mean of their differences, likewise.
        n: mean of the squares of what Nesterov's method would see, likewise.
        g: the last updates.
        t: how many updates were made.
        hyperparams: b1, b2, b3, eps.
    """

    m: Any
    v: Any
    n: Any
    g: Any
    t: Array
    hyperparams: dict[str, Array | None]

    @property
    def count(self) -> Array:  # type: ignore[override]
        """How many updates were made, under the name that other states have for it."""
        return self.t


@dataclass(frozen=True)
class scale_by_adan(_Checked):  # noqa: N801
    """Nesterov's momentum without the gradient at another point, over the root of a mean of squares: Adan.

        d_t = g_t - g_(t-1), and 0 at first
        m_t = b1 m_(t-1) + (1 - b1) g_t
        v_t = b2 v_(t-1) + (1 - b2) d_t
        n_t = b3 n_(t-1) + (1 - b3) |g_t + (1 - b2) d_t|^2
        u_t = (m^_t + (1 - b2) v^_t) / (sqrt(n^_t + eps_root) + eps)

    These are optax's numbers. The paper's betas are 1 - b1, 1 - b2, 1 - b3, and its factors of d_t and v^_t above are
    b2 in these letters.

    Args:
        b1, b2, b3, eps: numbers or schedules; in the state under these names.
        eps_root: as for `scale_by_adam`.

    Raises:
        ValueError: b1, b2 or b3 outside [0, 1), or a negative eps or eps_root.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale_by_adan()
    >>> fnp.round(opt.update(fnp.asarray([3.0, -0.01]), opt.init(fnp.zeros(2)))[0], 3)
    Array([ 1., -1.], dtype=float32)

    Source: Xie et al., Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models, 2022,
    arXiv:2208.06677.
    """

    b1: Number = 0.98
    b2: Number = 0.92
    b3: Number = 0.99
    eps: Number = 1e-8
    eps_root: float = 0.0
    tunable: ClassVar = {"b1": "b1", "b2": "b2", "b3": "b3", "eps": "eps"}
    state_type: ClassVar = ScaleByAdanState
    held: ClassVar = ("m", "v", "n", "g")
    counter: ClassVar = "t"

    def first(self, name: str, p: Array) -> Array:
        return super().first("nu" if name == "n" else name, p)

    def step(self, hyperparams: list[Any], count: Any, gs: list[Array], held: list[list[Array]]) -> Sequence[Any]:
        b1, b2, b3, eps = hyperparams
        ms, vs, ns, before = held
        ds = [where(count == 1, 0, g - old) for g, old in zip(gs, before, strict=True)]
        ms, vs = running_means(ms, gs, b1), running_means(vs, ds, b2)
        aheads = [g + c * d for g, d, (c,) in zip(gs, ds, beside(gs, 1 - b2), strict=True)]
        ns = running_means(ns, aheads, b3, squared_magnitude)
        c1, c2, c3 = 1 - b1**count, 1 - b2**count, 1 - b3**count
        rows = zip(ms, vs, beside(gs, c1 * (1 - b2) / c2), strict=True)
        tops = (m + c * v for m, v, (c,) in rows)
        return quotients(gs, tops, ns, c1, c3, eps, self.eps_root), ms, vs, ns, gs
