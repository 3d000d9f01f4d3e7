"""Gradient descent whose step goes by how far the parameters have come: DoG and DoWG.

Letters in the formulas are those of `funcgrad.optim.scaling`; |x| is the norm of all leaves as one vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from ...core import Array
from ...errors import OptionError
from ...numpy import maximum, sqrt, where, zeros_like
from ..combining import chain
from ..hyperparams import Number, beside, require_not_negative, scalar
from ..norms import root, squared_norm
from ..scaling import add_decayed_weights, scale_by_learning_rate
from ..transformation import identity
from .informed import Informed, number_dtype

__all__ = ["DoGState", "DoWGState", "dog", "dowg", "scale_by_dog", "scale_by_dowg"]

INIT_STEPS = ("distance", "learning_rate", "heuristic")


def _squared_distance(ps: Sequence[Array], starts: Sequence[Array]) -> Array:
    return squared_norm([p - x for p, x in zip(ps, starts, strict=True)])


class DoGState(NamedTuple):
    """The state of `scale_by_dog`.

    Args:
        is_init_step: whether no update was made.
        init_params: the first parameters.
        max_dist: the largest distance from them.
        sum_sq_norm_grads: of the squared norms of the updates.
        hyperparams: eps.
        count: how many updates were made; `None` where nothing follows a schedule.
    """

    is_init_step: Array
    init_params: Any
    max_dist: Array
    sum_sq_norm_grads: Array
    hyperparams: dict[str, Array | None]
    count: Array | None  # type: ignore[assignment]  # optax's name; it hides tuple.count


@dataclass(frozen=True)
class scale_by_dog(Informed):  # noqa: N801  # transformations have optax's names
    """Updates times the distance come so far over the root of the gradients' squared norms: DoG.

        r_t = max(r_(t-1), |p_t - p_1|)
        G_t = G_(t-1) + |g_t|^2
        u_t = r_t / sqrt(G_t + eps) g_t

    Args:
        init_step: a pair (kind, value): ("distance", r_0); ("heuristic", a) for r_0 = a (1 + |p_1|); or
            ("learning_rate", c) for r_0 = 0 and u_1 = c g_1.
        eps: a number or a schedule; in the state under this name.

    Raises:
        ValueError: another kind of first step, or a negative number.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.scale_by_dog(("distance", 0.5)), fnp.zeros(2)
    >>> fnp.round(opt.update(fnp.asarray([3.0, 4.0]), opt.init(params), params)[0], 3)
    Array([0.3, 0.4], dtype=float32)

    Source: Ivgi, Hinder and Carmon, DoG is SGD's Best Friend: A Parameter-Free Dynamic Step Size Schedule, 2023,
    arXiv:2302.12022.
    """

    init_step: tuple[str, float] = ("heuristic", 1e-6)
    eps: Number = 1e-8
    tunable: ClassVar = {"eps": "eps"}
    state_type: ClassVar = DoGState
    held: ClassVar = ("init_params",)
    numbers: ClassVar = ("is_init_step", "max_dist", "sum_sq_norm_grads")

    def __post_init__(self) -> None:
        super().__post_init__()
        require_not_negative(self, "eps")
        step = self.init_step
        if not isinstance(step, tuple | list) or len(step) != 2 or step[0] not in INIT_STEPS:
            raise OptionError(
                f"scale_by_dog: init_step must be a pair of {', '.join(map(repr, INIT_STEPS))} and a number, not {step}"
            )
        if not step[1] >= 0:
            raise OptionError(f"scale_by_dog: the number of init_step must be 0 or more, not {step[1]}")
        object.__setattr__(self, "init_step", (step[0], float(step[1])))

    def first(self, name: str, p: Array) -> Array:
        return p

    def first_number(self, name: str, leaves: Sequence[Array]) -> Array:
        if name == "is_init_step":
            return scalar(0, number_dtype(leaves), leaves) == 0
        zero = super().first_number(name, leaves)
        kind, value = self.init_step
        if name != "max_dist" or kind == "learning_rate":
            return zero
        return zero + value * (1 + root(squared_norm(leaves)) if kind == "heuristic" else 1)

    def step(
        self,
        hyperparams: list[Any],
        count: Any,
        gs: list[Array],
        ps: list[Array],
        held: list[list[Array]],
        numbers: list[Array],
    ) -> tuple[Sequence[Array], Sequence[Sequence[Array]], Sequence[Array]]:
        (eps,) = hyperparams
        starts = held[0]
        is_first, distance, total = numbers
        distance = maximum(distance, root(_squared_distance(ps, starts)))
        total = total + squared_norm(gs)
        below = total + eps
        rate = distance / sqrt(where(below > 0, below, 1))  # where it is 0 so are all g
        if self.init_step[0] == "learning_rate":
            rate = where(is_first, self.init_step[1], rate)
        out = [g * c for g, (c,) in zip(gs, beside(gs, rate), strict=True)]
        return out, (starts,), (zeros_like(is_first), distance, total)


class DoWGState(NamedTuple):
    """The state of `scale_by_dowg`.

    Args:
        init_params: the first parameters.
        weighted_sq_norm_grads: the weighted sum of the squared norms of the updates.
        estim_sq_dist: the largest squared distance.
        hyperparams: eps.
        count: how many updates were made; `None` where nothing follows a schedule.
    """

    init_params: Any
    weighted_sq_norm_grads: Array
    estim_sq_dist: Array
    hyperparams: dict[str, Array | None]
    count: Array | None  # type: ignore[assignment]  # optax's name; it hides tuple.count


@dataclass(frozen=True)
class scale_by_dowg(Informed):  # noqa: N801
    """Updates by the squared distance come so far over the root of gradients' squared norms with that weight: DoWG.

        r_t = max(r_(t-1), |p_t - p_1|^2)
        v_t = v_(t-1) + r_t |g_t|^2
        u_t = r_t / (sqrt(v_t) + eps) g_t

    Args:
        init_estim_sq_dist: r_0; eps where None.
        eps: a number or a schedule; in the state under this name.

    Raises:
        ValueError: a negative number, or eps that is a schedule without `init_estim_sq_dist`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.scale_by_dowg(0.25), fnp.zeros(2)
    >>> fnp.round(opt.update(fnp.asarray([3.0, 4.0]), opt.init(params), params)[0], 3)
    Array([0.3, 0.4], dtype=float32)

    Source: Khaled, Mishchenko and Jin, DoWG Unleashed: An Efficient Universal Parameter-Free Gradient Descent Method,
    2023, arXiv:2305.16284.
    """

    init_estim_sq_dist: float | None = None
    eps: Number = 1e-4
    tunable: ClassVar = {"eps": "eps"}
    state_type: ClassVar = DoWGState
    held: ClassVar = ("init_params",)
    numbers: ClassVar = ("weighted_sq_norm_grads", "estim_sq_dist")

    def __post_init__(self) -> None:
        super().__post_init__()
        require_not_negative(self, "eps")
        if self.init_estim_sq_dist is None:
            if callable(self.eps):
                raise OptionError("scale_by_dowg: where eps is a schedule, give init_estim_sq_dist")
        elif not self.init_estim_sq_dist >= 0:
            raise OptionError(f"scale_by_dowg: init_estim_sq_dist must be 0 or more, not {self.init_estim_sq_dist}")

    def first(self, name: str, p: Array) -> Array:
        return p

    def first_number(self, name: str, leaves: Sequence[Array]) -> Array:
        guess: Any = self.eps if self.init_estim_sq_dist is None else self.init_estim_sq_dist
        return scalar(guess if name == "estim_sq_dist" else 0, number_dtype(leaves), leaves)

    def step(
        self,
        hyperparams: list[Any],
        count: Any,
        gs: list[Array],
        ps: list[Array],
        held: list[list[Array]],
        numbers: list[Array],
    ) -> tuple[Sequence[Array], Sequence[Sequence[Array]], Sequence[Array]]:
        (eps,) = hyperparams
        starts = held[0]
        total, square = numbers
        square = maximum(square, _squared_distance(ps, starts))
        total = total + square * squared_norm(gs)
        below = root(total) + eps
        rate = square / where(below > 0, below, 1)
        out = [g * c for g, (c,) in zip(gs, beside(gs, rate), strict=True)]
        return out, (starts,), (total, square)


def dog(
    learning_rate: Number = 1.0,
    init_step: tuple[str, float] = ("heuristic", 1e-6),
    eps: Number = 1e-8,
    weight_decay: Number | None = None,
    mask: Any = None,
) -> chain:
    """Distance over gradients: `scale_by_dog`, then `scale_by_learning_rate`.

    Args:
        learning_rate: a factor, 1 or a schedule; in the state under this name.
        init_step, eps: of `scale_by_dog`. Models with batch normalisation want ("heuristic", 1e-4).
        weight_decay, mask: of `add_decayed_weights`, before it; None for no decay.

    The authors evaluate at a mean of the parameters (`optim.ema` of them).

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.dog(), fnp.asarray([5.0])
    >>> state = opt.init(params)
    >>> for _ in range(100):
    ...     updates, state = opt.update(params - 3, state, params)
    ...     params = optim.apply_updates(params, updates)
    >>> fnp.round(params, 1)
    Array([3.], dtype=float32)
    """
    return _descent(scale_by_dog(init_step, eps), learning_rate, weight_decay, mask)


def dowg(
    learning_rate: Number = 1.0,
    init_estim_sq_dist: float | None = None,
    eps: Number = 1e-4,
    weight_decay: Number | None = None,
    mask: Any = None,
) -> chain:
    """Distance over weighted gradients: `scale_by_dowg`, then `scale_by_learning_rate`.

    Args:
        learning_rate: a factor, 1 or a schedule; in the state under this name.
        init_estim_sq_dist, eps: of `scale_by_dowg`.
        weight_decay, mask: of `add_decayed_weights`, before it; None for no decay.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.dowg(), fnp.asarray([5.0])
    >>> state = opt.init(params)
    >>> for _ in range(100):
    ...     updates, state = opt.update(params - 3, state, params)
    ...     params = optim.apply_updates(params, updates)
    >>> fnp.round(params, 1)
    Array([3.], dtype=float32)
    """
    return _descent(scale_by_dowg(init_estim_sq_dist, eps), learning_rate, weight_decay, mask)


def _descent(scaled: Informed, learning_rate: Number, weight_decay: Number | None, mask: Any) -> chain:
    decayed = identity() if weight_decay is None else add_decayed_weights(weight_decay, mask)
    return chain(decayed, scaled, scale_by_learning_rate(learning_rate))
