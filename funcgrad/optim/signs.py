"""Transformations that go by the signs of the updates: signSGD, Lion, Rprop.

Letters in the formulas are those of `scaling.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from ..core import Array
from ..dtypes import is_complex
from ..errors import DtypeError, OptionError
from ..numpy import full_like, maximum, minimum, sign, tanh, where, zeros_like
from .hyperparams import Number, beside, require
from .moments import Accumulating, dtype_or_none, running_means
from .transformation import EmptyState, GradientTransformation, aligned, floating_leaves, rebuilt

__all__ = ["ScaleByLionState", "ScaleByRpropState", "scale_by_lion", "scale_by_rprop", "scale_by_sign"]


@dataclass(frozen=True)
class scale_by_sign(GradientTransformation):  # noqa: N801  # transformations have optax's names
    """The signs of the updates in their place: 1, -1 or 0, and g / |g| where they are complex.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale_by_sign()
    >>> opt.update(fnp.asarray([3.0, -0.1, 0.0]), opt.init(fnp.zeros(3)))[0]
    Array([ 1., -1.,  0.], dtype=float32)

    Source: Bernstein et al., signSGD: Compressed Optimisation for Non-Convex Problems, 2018, arXiv:1802.04434.
    """

    def init(self, params: Any) -> EmptyState:
        floating_leaves(self, "params", params)
        return EmptyState()

    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        (gs,), structure = aligned(self, {"updates": updates})
        return rebuilt(structure, [sign(g) for g in gs], gs), state


class ScaleByLionState(NamedTuple):
    """The state of `scale_by_lion`.

    Args:
        count: how many updates were made.
        mu: mean of the updates, a tree like the parameters.
        hyperparams: b1, b2.
    """

    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    mu: Any
    hyperparams: dict[str, Array | None]


@dataclass(frozen=True)
class scale_by_lion(Accumulating):  # noqa: N801
    """The signs of a mix of the update and the mean of those before: Lion, without its learning rate.

        c_t = b1 m_(t-1) + (1 - b1) g_t
        u_t = sign(c_t)
        m_t = b2 m_(t-1) + (1 - b2) g_t

    Args:
        b1, b2: numbers or schedules; in the state under these names.
        mu_dtype: of m in the state; that of the parameters where None.
        mode: "hard" for sign(c), "smooth" for tanh(smooth_beta c), "refined" for c between -1 and 1.
        smooth_beta: a number.

    Raises:
        ValueError: b1 or b2 outside [0, 1], or another mode.
        DtypeError: complex updates with the mode "refined".

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale_by_lion()
    >>> opt.update(fnp.asarray([3.0, -0.1]), opt.init(fnp.zeros(2)))[0]
    Array([ 1., -1.], dtype=float32)

    Source: Chen et al., Symbolic Discovery of Optimization Algorithms, 2023, arXiv:2302.06675.
    """

    b1: Number = 0.9
    b2: Number = 0.99
    mu_dtype: Any = None
    mode: str = field(default="hard", kw_only=True)
    smooth_beta: float = field(default=1.0, kw_only=True)
    tunable: ClassVar = {"b1": "b1", "b2": "b2"}
    state_type: ClassVar = ScaleByLionState
    held: ClassVar = ("mu",)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "mu_dtype", dtype_or_none(self.mu_dtype))
        for name in ("b1", "b2"):
            require(lambda b: 0 <= b <= 1, self, name, "in [0, 1]")
        if self.mode not in ("hard", "smooth", "refined"):
            raise OptionError(f"scale_by_lion: mode must be 'hard', 'smooth' or 'refined', not {self.mode!r}")

    def step(self, hyperparams: list[Any], count: Any, gs: list[Array], held: list[list[Array]]) -> Sequence[Any]:
        b1, b2 = hyperparams
        mixed = running_means(held[0], gs, b1)
        return [self._squashed(c) for c in mixed], running_means(held[0], gs, b2)

    def _squashed(self, c: Array) -> Array:
        if self.mode == "hard":
            return sign(c)
        if self.mode == "smooth":
            return tanh(self.smooth_beta * c)
        if is_complex(c.dtype):
            raise DtypeError("scale_by_lion: complex updates have no order: use mode='hard'")
        return minimum(maximum(c, -1), 1)


class ScaleByRpropState(NamedTuple):
    """The state of `scale_by_rprop`.

    Args:
        step_sizes: a tree like the parameters.
        prev_updates: the step that the next update makes, likewise.
        hyperparams: eta_minus, eta_plus, min_step_size, max_step_size.
        count: how many updates were made; `None` where nothing follows a schedule.
    """

    step_sizes: Any
    prev_updates: Any
    hyperparams: dict[str, Array | None]
    count: Array | None  # type: ignore[assignment]  # optax's name; it hides tuple.count


@dataclass(frozen=True)
class scale_by_rprop(Accumulating):  # noqa: N801
    """Steps by the signs of the updates, longer where a sign stays and shorter where it changes: Rprop.

        s_t = s_(t-1) times eta_plus where g_t d_(t-1) > 0, times eta_minus where g_t d_(t-1) < 0, then kept between
              min_step_size and max_step_size
        d_t = s_t sign(g_t), and 0 where g_t d_(t-1) < 0
        u_t = d_(t-1), and 0 where g_t d_(t-1) < 0

    These are the numbers of optax 0.2.8, whose updates are one behind the paper's: the first is 0, and d_t goes out
    with the next update, unless the sign changes there.

    Args:
        learning_rate: s_0, a number; it has no part in later updates, and so is not in the state.
        eta_minus, eta_plus, min_step_size, max_step_size: numbers or schedules; in the state under these names.

    Raises:
        ValueError: a number that is not positive.
        DtypeError: complex parameters.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale_by_rprop(0.5, eta_plus=2.0)
    >>> state = opt.init(fnp.zeros(2))
    >>> for grads in ([3.0, 1.0], [0.1, -1.0], [0.2, -1.0]):
    ...     updates, state = opt.update(fnp.asarray(grads), state)
    >>> updates, state.step_sizes
    (Array([1., 0.], dtype=float32), Array([2.  , 0.25], dtype=float32))

    Source: Riedmiller and Braun, A Direct Adaptive Method for Faster Backpropagation Learning: The RPROP Algorithm,
    1993; Igel and Huesken, Empirical Evaluation of the Improved Rprop Learning Algorithms, 2003.
    """

    learning_rate: float
    eta_minus: Number = 0.5
    eta_plus: Number = 1.2
    min_step_size: Number = 1e-6
    max_step_size: Number = 50.0
    tunable: ClassVar = {name: name for name in ("eta_minus", "eta_plus", "min_step_size", "max_step_size")}
    state_type: ClassVar = ScaleByRpropState
    held: ClassVar = ("step_sizes", "prev_updates")

    def __post_init__(self) -> None:
        super().__post_init__()
        if callable(self.learning_rate):
            raise OptionError("scale_by_rprop: learning_rate is the first step size, a number and not a schedule")
        if not isinstance(self.learning_rate, Array):  # those of `inject_hyperparams` are arrays
            object.__setattr__(self, "learning_rate", float(self.learning_rate))
        for name in ("learning_rate", *self.tunable):
            require(lambda v: v > 0, self, name, "positive")

    @property
    def counts(self) -> bool:
        return False

    def first(self, name: str, p: Array) -> Array:
        if is_complex(p.dtype):
            raise DtypeError("scale_by_rprop: complex parameters have updates without a sign that stays or changes")
        return full_like(p, self.learning_rate) if name == "step_sizes" else zeros_like(p)

    def step(self, hyperparams: list[Any], count: Any, gs: list[Array], held: list[list[Array]]) -> Sequence[Any]:
        out, sizes, steps = [], [], []
        for g, s, d, (down, up, least, most) in zip(gs, *held, beside(gs, *hyperparams), strict=True):
            same = g * d
            turned = same < 0
            size = s * where(same > 0, up, where(turned, down, 1))
            sizes.append(minimum(maximum(size, least), most))
            steps.append(where(turned, 0, sizes[-1] * sign(g)))
            out.append(where(turned, 0, d))
        return out, sizes, steps
