"""Transformations whose means of squares take less memory than the parameters: Adafactor, SM3.

Letters in the formulas are those of `scaling.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from .. import tree
from ..core import Array
from ..dtypes import is_complex
from ..errors import DtypeError
from ..numpy import expand_dims, max, maximum, mean, minimum, sqrt, where, zeros_like
from ..ops.create import to_inexact
from .hyperparams import Number, Tunable, beside, require, require_fractions, require_not_negative
from .moments import in_float32, leaves_like, square_dtype, squared_magnitude
from .transformation import aligned, floating_leaves, rebuilt

__all__ = ["FactoredState", "ScaleBySM3State", "power_decay_rate", "scale_by_factored_rms", "scale_by_sm3"]


# ---- Adafactor ---------------------------------------------------------------------------------


def power_decay_rate(count: Any, exponent: Any) -> Array:
    """How much of the mean of squares Adafactor keeps: 1 - t^(-exponent), with t = count + 1.

    Args:
        count: the updates made before this one.
        exponent: a number.

    >>> from funcgrad import optim
    >>> [round(float(optim.power_decay_rate(count, 1.0)), 2) for count in range(4)]
    [0.0, 0.5, 0.67, 0.75]

    Source: Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, 2018, arXiv:1804.04235,
    section 7.2.
    """
    # Counts before the first step count as that: a negative number has no power
    t = maximum(to_inexact(count) + 1, 1)
    return 1 - t ** (-exponent)


class FactoredState(NamedTuple):
    """The state of `scale_by_factored_rms`.

    Args:
        count: how many updates were made.
        v_row: means of the squares over the longest axis, for leaves that are factored; else one 0.
        v_col: over the second longest, likewise.
        v: means of the squares of the leaves that are not factored; else one 0.
        hyperparams: decay_rate, epsilon.
    """

    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    v_row: Any
    v_col: Any
    v: Any
    hyperparams: dict[str, Array | None]


@dataclass(frozen=True)
class scale_by_factored_rms(Tunable):  # noqa: N801  # transformations have optax's names
    """Updates over the root of the mean of their squares, of which rows and columns alone are kept: Adafactor.

        V_t = d_t V_(t-1) + (1 - d_t) (|g_t|^2 + epsilon)   with   d_t = 1 - t^(-decay_rate)
        u_t = g_t / sqrt(V_t)

    Of a leaf with two axes of `min_dim_size_to_factor` or more, only the means over each of the two longest, R_t and
    C_t, are kept, and V_t is then R_t C_t / mean(R_t), an outer product.

    Args:
        factored: False to keep all of V.
        decay_rate: a number or a schedule; in the state under this name.
        step_offset: the count at which d_t begins anew, for fine-tuning.
        min_dim_size_to_factor: how long two axes must be.
        epsilon: a number or a schedule; in the state under this name.
        decay_rate_fn: another d_t, a function of the updates made before this one, less the offset, and of
            `decay_rate`; by default `power_decay_rate`.

    Raises:
        ValueError: a negative `epsilon`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale_by_factored_rms(min_dim_size_to_factor=2)
    >>> state = opt.init(fnp.zeros((2, 3)))
    >>> state.v_row.shape, state.v_col.shape
    ((2,), (3,))
    >>> fnp.round(opt.update(fnp.asarray([[1.0, 1.0, 1.0], [5.0, 5.0, 5.0]]), state)[0], 3)
    Array([[1., 1., 1.],
           [1., 1., 1.]], dtype=float32)

    Source: Shazeer and Stern, Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, 2018, arXiv:1804.04235.
    """

    factored: bool = True
    decay_rate: Number = 0.8
    step_offset: int = 0
    min_dim_size_to_factor: int = 128
    epsilon: Number = 1e-30
    decay_rate_fn: Callable[[Any, Any], Any] = power_decay_rate
    tunable: ClassVar = {"decay_rate": "decay_rate", "epsilon": "epsilon"}
    state_type: ClassVar = FactoredState

    def __post_init__(self) -> None:
        super().__post_init__()
        require_not_negative(self, "epsilon")

    def axes(self, shape: tuple[int, ...]) -> tuple[int, int] | None:
        """The longest axis and the second longest, of a leaf that is factored; of equal ones the last is longer."""
        if not self.factored or len(shape) < 2:
            return None
        *_, second, longest = sorted(range(len(shape)), key=lambda i: shape[i])
        return (longest, second) if shape[second] >= self.min_dim_size_to_factor else None

    def init(self, params: Any) -> FactoredState:
        leaves, structure = floating_leaves(self, "params", params)
        held: tuple[list[Array], list[Array], list[Array]] = ([], [], [])
        for p in leaves:
            axes = self.axes(p.shape)
            shapes = [(1,), (1,), p.shape] if axes is None else [*(_without(p.shape, axis) for axis in axes), (1,)]
            for column, shape in zip(held, shapes, strict=True):
                column.append(zeros_like(p, square_dtype(p.dtype), shape=shape))
        count = self.first_count(leaves, always=True)
        assert count is not None
        v_row, v_col, v = (tree.unflatten(structure, column) for column in held)
        return FactoredState(count, v_row, v_col, v, self.first_hyperparams(leaves))

    def update(self, updates: Any, state: FactoredState, params: Any = None) -> tuple[Any, FactoredState]:
        rate, epsilon = self.current(state, updates)
        decay = to_inexact(self.decay_rate_fn(state.count - self.step_offset, rate))
        (given,), structure = aligned(self, {"updates": updates})
        held = [leaves_like(self, structure, f"state.{n}", getattr(state, n)) for n in ("v_row", "v_col", "v")]
        gs, out, new = in_float32(given), [], []
        for g, (d, rest, e), *old in zip(gs, beside(gs, decay, 1 - decay, epsilon), *held, strict=True):
            row, column, whole = old
            square = squared_magnitude(g) + e
            axes = self.axes(g.shape)
            if axes is None:
                whole = d * whole + rest * square
                out.append(g / sqrt(whole))
            else:
                longest, second = axes
                row, column = (d * v + rest * mean(square, axis=i) for v, i in ((row, longest), (column, second)))
                # V in the place of g's axes: the row has lost the longest one, of which the second may stand behind
                relative = row / mean(row, axis=second - (second > longest), keepdims=True)
                across, along = expand_dims(relative, longest), expand_dims(column, second)
                out.append(g * (1 / sqrt(across)) * (1 / sqrt(along)))
            new.append((row, column, whole))
        v_row, v_col, v = (rebuilt(structure, [x[i] for x in new], old) for i, old in enumerate(held))
        return rebuilt(structure, out, given), self.following(state)._replace(v_row=v_row, v_col=v_col, v=v)


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]


# ---- SM3 ---------------------------------------------------------------------------------------


class ScaleBySM3State(NamedTuple):
    """The state of `scale_by_sm3`.

    Args:
        mu: for each leaf a list, of each axis the largest mean of squares by index; of a leaf without axes, one.
        nu: mean of the updates that went out, a tree like the parameters.
        hyperparams: b1, b2, eps.
        count: how many updates were made; `None` where nothing follows a schedule.
    """

    mu: Any
    nu: Any
    hyperparams: dict[str, Array | None]
    count: Array | None  # type: ignore[assignment]  # optax's name; it hides tuple.count


@dataclass(frozen=True)
class scale_by_sm3(Tunable):  # noqa: N801
    """Updates over the root of the sum of their squares, of which maxima along each axis alone are kept: SM3-II.

        v_t = b2 min_r mu_(t-1)(r) + (1 - b2) g_t^2, and without the factor 1 - b2 where b2 is 1
        mu_t(r) = max of v_t over all axes but r
        m_t = b1 m_(t-1) + (1 - b1) g_t / sqrt(v_t + eps)
        u_t = m_t

    where mu(r) has one number for each index of the axis r, and g / sqrt(v + eps) is 0 where v is 0.

    Args:
        b1, b2, eps: numbers or schedules; in the state under these names.

    Raises:
        ValueError: b1 outside [0, 1), b2 outside [0, 1], or a negative eps.
        DtypeError: complex parameters.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale_by_sm3(b1=0.0)
    >>> state = opt.init(fnp.zeros((2, 2)))
    >>> updates, state = opt.update(fnp.asarray([[3.0, 1.0], [4.0, 0.0]]), state)
    >>> fnp.round(updates, 3), state.mu
    (Array([[1., 1.],
            [1., 0.]], dtype=float32), [Array([ 9., 16.], dtype=float32), Array([16.,  1.], dtype=float32)])

    Source: Anil, Gupta, Koren and Singer, Memory-Efficient Adaptive Optimization, 2019, arXiv:1901.11150.
    """

    b1: Number = 0.9
    b2: Number = 1.0
    eps: Number = 1e-8
    tunable: ClassVar = {"b1": "b1", "b2": "b2", "eps": "eps"}
    state_type: ClassVar = ScaleBySM3State

    def __post_init__(self) -> None:
        super().__post_init__()
        require_fractions(self, "b1")
        require(lambda b: 0 <= b <= 1, self, "b2", "in [0, 1]")
        require_not_negative(self, "eps")

    def init(self, params: Any) -> ScaleBySM3State:
        leaves, structure = floating_leaves(self, "params", params)
        if any(is_complex(p.dtype) for p in leaves):
            raise DtypeError("scale_by_sm3: complex parameters have squares without an order, of which it takes maxima")
        lists = [[zeros_like(p, square_dtype(p.dtype), shape=shape) for shape in _sides(p.shape)] for p in leaves]
        mu, nu = (tree.unflatten(structure, held) for held in (lists, [zeros_like(p) for p in leaves]))
        return ScaleBySM3State(mu, nu, self.first_hyperparams(leaves), self.first_count(leaves))

    def update(self, updates: Any, state: ScaleBySM3State, params: Any = None) -> tuple[Any, ScaleBySM3State]:
        b1, b2, eps = self.current(state, updates)
        given, structure = aligned(self, {"updates": updates, "state.nu": state.nu})
        gs, means = map(in_float32, given)
        parts = iter(tree.leaves(state.mu))
        new_mus, out = [], []
        scalars = beside(gs, b1, 1 - b1, b2, where(b2 == 1, 1, 1 - b2), eps)
        for g, m, (d1, rest1, d2, rest2, e) in zip(gs, means, scalars, strict=True):
            mus = [next(parts) for _ in _sides(g.shape)]
            if not g.size:  # no elements have no maximum
                new_mus.append(mus)
                out.append(m)
                continue
            least = mus[0]
            for i, mu in enumerate(mus):
                side = mu.reshape(tuple(n if j == i else 1 for j, n in enumerate(g.shape)))
                least = side if i == 0 else minimum(least, side)
            v = d2 * least + rest2 * (g * g)
            others = [tuple(j for j in range(g.ndim) if j != i) for i in range(g.ndim)]
            new_mus.append([max(v, axis=axes) if axes else v for axes in others] or [v])
            there = v > 0
            out.append(d1 * m + rest1 * where(there, g / sqrt(where(there, v + e, 1)), 0))
        held = rebuilt(structure, out, given[1])
        state = self.following(state)._replace(mu=tree.unflatten(structure, new_mus), nu=held)
        return rebuilt(structure, out, given[0]), state


def _sides(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The shapes of what is kept for a leaf: one vector for each axis, or one number."""
    return [(n,) for n in shape] or [()]
