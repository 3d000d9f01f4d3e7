"""Transformations that divide an update by what the squares were before it: ADOPT and ACProp.

Letters in the formulas are those of `funcgrad.optim.scaling`, hats those of `scale_by_adam`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ...core import Array
from ...numpy import maximum, minimum, sqrt, where
from ...ops.create import to_inexact
from ..adam_variants import ScaleByBeliefState
from ..adaptive import ScaleByAdamState
from ..combining import chain
from ..hyperparams import Number, beside, require_fractions, require_not_negative
from ..moments import Accumulating, dtype_or_none, running_means, squared_magnitude
from ..scaling import add_decayed_weights, scale_by_learning_rate
from .informed import need_order

__all__ = ["acprop", "adopt", "fourth_root", "scale_by_acprop", "scale_by_adopt"]


def fourth_root(step: Any) -> Any:
    """x^(1/4): how far ADOPT lets an element go after that many updates.

    >>> from funcgrad import optim
    >>> optim.contrib.fourth_root(16.0)
    2.0
    """
    return step**0.25


@dataclass(frozen=True)
class scale_by_adopt(Accumulating):  # noqa: N801  # transformations have optax's names
    """Updates over the root of the mean of the squares before them, and then the mean of that: ADOPT.

        c_t = g_t / max(sqrt(v_(t-1)), eps), with use_clipping between -clip_value_fn(t - 1) and clip_value_fn(t - 1)
        m_t = b1 m_(t-1) + (1 - b1) c_t
        u_t = m_t, or with nesterov  b1 m_t + (1 - b1) c_t
        v_t = b2 v_(t-1) + (1 - b2) g_t^2

    At the first step v_1 = g_1^2 and u_1 = 0.

    Args:
        b1, b2, eps: numbers or schedules; in the state under these names.
        mu_dtype: of m in the state; that of the parameters where None.
        nesterov: whether to look one step ahead.
        use_clipping: whether elements are bounded.
        clip_value_fn: the bound, a function of the number of updates before this one, or a number.

    Raises:
        ValueError: b1 or b2 outside [0, 1), or a negative eps.
        DtypeError: complex parameters, with `use_clipping`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.contrib.scale_by_adopt(b1=0.5)
    >>> first, state = opt.update(fnp.asarray([3.0, -0.01]), opt.init(fnp.zeros(2)))
    >>> first, opt.update(fnp.asarray([1.5, -0.01]), state)[0]
    (Array([0., 0.], dtype=float32), Array([ 0.25, -0.5 ], dtype=float32))

    Source: Taniguchi et al., ADOPT: Modified Adam Can Converge with Any beta2 with the Optimal Rate, 2024,
    arXiv:2411.02853.
    """

    b1: Number = 0.9
    b2: Number = 0.9999
    eps: Number = 1e-6
    mu_dtype: Any = None
    nesterov: bool = field(default=False, kw_only=True)
    use_clipping: bool = field(default=True, kw_only=True)
    clip_value_fn: Callable[[Any], Any] | float = field(default=fourth_root, kw_only=True)
    tunable: ClassVar = {"b1": "b1", "b2": "b2", "eps": "eps"}
    state_type: ClassVar = ScaleByAdamState
    held: ClassVar = ("mu", "nu")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "mu_dtype", dtype_or_none(self.mu_dtype))
        require_fractions(self, "b1", "b2")
        require_not_negative(self, "eps")

    def first(self, name: str, p: Array) -> Array:
        if self.use_clipping:
            need_order(self, p, "with use_clipping,")
        return super().first(name, p)

    def step(self, hyperparams: list[Any], count: Any, gs: list[Array], held: list[list[Array]]) -> Sequence[Any]:
        b1, b2, eps = hyperparams
        mus, nus = held
        is_first = count == 1
        # The bound of the first step, which goes nowhere, may be 0: the powers of a count begin at 1
        given = self.clip_value_fn
        bound = given(maximum(count - 1, 1).astype(b1.dtype)) if callable(given) else given
        out, new_mus = [], []
        for g, m, v, (d, rest, e, most) in zip(
            gs, mus, nus, beside(gs, b1, 1 - b1, eps, to_inexact(bound)), strict=True
        ):
            c = g / sqrt(maximum(where(is_first, 1, v), e * e))
            c = minimum(maximum(c, -most), most) if self.use_clipping else c
            c = where(is_first, 0, c)
            new_mus.append(d * m + rest * c)
            out.append(d * new_mus[-1] + rest * c if self.nesterov else new_mus[-1])
        squares = running_means(nus, gs, where(is_first, 0, b2), squared_magnitude)
        return out, new_mus, squares


def adopt(
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.9999,
    eps: Number = 1e-6,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
    use_clipping: bool = True,
    clip_value_fn: Callable[[Any], Any] | float = fourth_root,
) -> chain:
    """ADOPT, an Adam that converges with any b2: `scale_by_adopt`, then `scale_by_learning_rate`.

    Args:
        learning_rate: a number or a schedule; in the state under this name.
        b1, b2, eps, mu_dtype, nesterov, use_clipping, clip_value_fn: of `scale_by_adopt`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.adopt(0.5, b1=0.0)
    >>> _, state = opt.update(fnp.asarray([2.0]), opt.init(fnp.zeros(1)))
    >>> opt.update(fnp.asarray([1.0]), state)[0]
    Array([-0.25], dtype=float32)
    """
    scaled = scale_by_adopt(
        b1, b2, eps, mu_dtype, nesterov=nesterov, use_clipping=use_clipping, clip_value_fn=clip_value_fn
    )
    return chain(scaled, scale_by_learning_rate(learning_rate))


@dataclass(frozen=True)
class scale_by_acprop(Accumulating):  # noqa: N801
    """Updates over how far those before them were from their running mean: ACProp.

        u_t = g_t / (sqrt(s^_(t-1)) + eps),   at the first step  g_1 / (1 + eps)
        s_t = b2 s_(t-1) + (1 - b2) |g_t - m_(t-1)|^2 + eps_root,   s^_t = s_t / (1 - b2^t)
        m_t = b1 m_(t-1) + (1 - b1) g_t

    Args:
        b1, b2, eps, eps_root: numbers or schedules; in the state under these names.

    Raises:
        ValueError: b1 or b2 outside [0, 1), or a negative eps or eps_root.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.contrib.scale_by_acprop()
    >>> _, state = opt.update(fnp.asarray([2.0]), opt.init(fnp.zeros(1)))
    >>> fnp.round(opt.update(fnp.asarray([1.0]), state)[0], 3)
    Array([0.5], dtype=float32)

    Source: Zhuang et al., Momentum Centering and Asynchronous Update for Adaptive Gradient Methods, 2021,
    arXiv:2110.05454.
    """

    b1: Number = 0.9
    b2: Number = 0.999
    eps: Number = 1e-16
    eps_root: Number = 1e-16
    tunable: ClassVar = {"b1": "b1", "b2": "b2", "eps": "eps", "eps_root": "eps_root"}
    state_type: ClassVar = ScaleByBeliefState
    held: ClassVar = ("mu", "nu")

    def __post_init__(self) -> None:
        super().__post_init__()
        require_fractions(self, "b1", "b2")
        require_not_negative(self, "eps", "eps_root")

    def step(self, hyperparams: list[Any], count: Any, gs: list[Array], held: list[list[Array]]) -> Sequence[Any]:
        b1, b2, eps, eps_root = hyperparams
        mus, nus = held
        is_first = count == 1
        scale = 1 / where(is_first, 1, 1 - b2 ** (count - 1))
        rows = zip(gs, nus, beside(gs, scale, eps), strict=True)
        out = [g / (sqrt(where(is_first, 1, v * c)) + e) for g, v, (c, e) in rows]
        columns = zip(gs, mus, nus, beside(gs, b2, 1 - b2, eps_root), strict=True)
        squares = [d * v + rest * squared_magnitude(g - m) + e for g, m, v, (d, rest, e) in columns]
        return out, running_means(mus, gs, b1), squares


def acprop(
    learning_rate: Number,
    b1: Number = 0.9,
    b2: Number = 0.999,
    eps: Number = 1e-16,
    eps_root: Number = 1e-16,
    weight_decay: Number = 0.0,
    mask: Any = None,
) -> chain:
    """ACProp: `scale_by_acprop`, `add_decayed_weights`, `scale_by_learning_rate`.

    Args:
        learning_rate: a number or a schedule; in the state under this name.
        b1, b2, eps, eps_root: of `scale_by_acprop`.
        weight_decay, mask: of `add_decayed_weights`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.acprop(0.5), fnp.zeros(1)
    >>> _, state = opt.update(fnp.asarray([2.0]), opt.init(params), params)
    >>> fnp.round(opt.update(fnp.asarray([1.0]), state, params)[0], 3)
    Array([-0.25], dtype=float32)
    """
    return chain(
        scale_by_acprop(b1, b2, eps, eps_root),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
