"""An optimiser in few dimensions of each matrix: GaLore."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from ... import tree
from ...core import Array
from ...numpy import asarray, zeros_like
from ...numpy.linalg import svd
from ...transforms.control import cond
from ..adaptive import scale_by_adam
from ..combining import chain
from ..hyperparams import Number, Tunable, beside
from ..moments import in_float32
from ..scaling import add_decayed_weights, scale_by_learning_rate
from ..transformation import (
    GradientTransformation,
    GradientTransformationExtraArgs,
    aligned,
    checked,
    floating_leaves,
    rebuilt,
    updated,
)
from .informed import whole, wide_dtype
from .matrices import GaLoreDimensionNumbers, Layout, Specs, specs_of

__all__ = ["GaLoreState", "galore", "scale_by_galore"]


class GaLoreState(NamedTuple):
    """The state of `scale_by_galore`.

    Args:
        count: how many updates were made.
        base_optimizer_state: of the transformation that sees the projected updates.
        projector: for each matrix the orthonormal columns that it is projected on, shape (the larger side, rank); of
            shape (0, 0) for the other leaves.
        hyperparams: scale.
    """

    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    base_optimizer_state: Any
    projector: Any
    hyperparams: dict[str, Array | None]


@dataclass(frozen=True)
class scale_by_galore(Tunable, GradientTransformationExtraArgs):  # noqa: N801  # transformations have optax's names
    """A transformation of matrices that are projected on a few of their singular vectors, for states that are small.

        r_t = P^T g_t,   u_t = scale P base(r_t)        for g of m rows and n <= m columns, P of shape (m, rank)
        r_t = g_t P,     u_t = scale base(r_t) P^T      for m < n, P of shape (n, rank)

    At the first step and every `update_proj_gap` steps the columns of P become the first singular vectors of g_t.
    Leaves that are no matrices go to the transformation as they are, and are not scaled.

    Args:
        rank: a positive integer; no more than the smaller side is used.
        update_proj_gap: a positive integer.
        scale: a number or a schedule; in the state under this name.
        base_optimizer: a transformation that needs no parameters, whose shapes are others; `scale_by_adam()` where
            None.
        weight_dimension_numbers: a tree of `GaLoreDimensionNumbers` and `None`, or one for all leaves, or a function
            from the parameters to one. Without it, matrices are the leaves with two axes.

    Raises:
        OptionError: `rank` or `update_proj_gap` is no positive integer.
        ShapeError: dimension numbers that do not fit.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.scale_by_galore(rank=1), fnp.zeros((3, 2))
    >>> state = opt.init(params)
    >>> state.base_optimizer_state.mu.shape
    (1, 2)
    >>> grads = fnp.asarray([[3.0, 0.0], [4.0, 0.0], [0.0, 0.0]])
    >>> fnp.round(fnp.abs(opt.update(grads, state)[0]), 3)[:, 0]
    Array([0.6, 0.8, 0. ], dtype=float32)

    Source: Zhao et al., GaLore: Memory-Efficient LLM Training by Gradient Low-Rank Projection, 2024, arXiv:2403.03507.
    """

    rank: int = 128
    update_proj_gap: int = 200
    scale: Number = 1.0
    base_optimizer: GradientTransformation | None = None
    weight_dimension_numbers: Any = None
    tunable: ClassVar = {"scale": "scale"}
    state_type: ClassVar = GaLoreState

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("rank", "update_proj_gap"):
            whole(self, name)
        base = scale_by_adam() if self.base_optimizer is None else checked(self, self.base_optimizer)
        object.__setattr__(self, "base_optimizer", base)
        specs = Specs.of("scale_by_galore", self.weight_dimension_numbers)
        object.__setattr__(self, "weight_dimension_numbers", specs)

    @property
    def _base(self) -> GradientTransformation:
        return self.base_optimizer  # type: ignore[return-value]  # __post_init__ puts one in the place of None

    def init(self, params: Any) -> GaLoreState:
        leaves, structure = floating_leaves(self, "params", params)
        projectors, small = [], []
        for p, layout in zip(leaves, self._layouts(params), strict=True):
            dtype = wide_dtype(p.dtype)
            if layout is None:
                projectors.append(zeros_like(p, dtype, shape=(0, 0)))
                small.append(p)
                continue
            rank = min(self.rank, layout.rows, layout.columns)
            tall = layout.rows >= layout.columns
            projectors.append(zeros_like(p, dtype, shape=(max(layout.rows, layout.columns), rank)))
            small.append(zeros_like(p, dtype, shape=(rank, layout.columns) if tall else (layout.rows, rank)))
        count = self.first_count(leaves, always=True)
        assert count is not None
        base = self._base.init(tree.unflatten(structure, small))
        return GaLoreState(count, base, tree.unflatten(structure, projectors), self.first_hyperparams(leaves))

    def update(
        self, updates: Any, state: GaLoreState, params: Any = None, **extra_args: Any
    ) -> tuple[Any, GaLoreState]:
        (factor,) = self.current(state)
        (given,), structure = aligned(self, {"updates": updates})
        layouts = self._layouts(updates)
        (olds,), _ = aligned(self, {"state.projector": state.projector})
        flat = [
            x if layout is None else layout.matrices(x) for x, layout in zip(in_float32(given), layouts, strict=True)
        ]

        def renewed(matrices: list[Array], projectors: list[Array]) -> list[Array]:
            rows = zip(matrices, projectors, layouts, strict=True)
            return [p if layout is None else _leading_vectors(x, p.shape[1]).astype(p.dtype) for x, p, layout in rows]

        due = state.count % self.update_proj_gap == 0
        projectors = cond(due, renewed, lambda matrices, projectors: projectors, flat, olds)
        small = [
            g if layout is None else _projected(x, p)
            for g, x, p, layout in zip(given, flat, projectors, layouts, strict=True)
        ]
        base, base_state = updated(
            self._base, tree.unflatten(structure, small), state.base_optimizer_state, None, extra_args
        )
        rows = zip(in_float32(tree.leaves(base)), flat, projectors, layouts, beside(flat, factor), strict=True)
        out = [u if layout is None else c * layout.array(_lifted(u, x, p)) for u, x, p, layout, (c,) in rows]
        state = self.following(state)._replace(
            base_optimizer_state=base_state, projector=rebuilt(structure, projectors, olds)
        )
        return rebuilt(structure, out, given), state

    def _layouts(self, full: Any) -> list[Layout | None]:
        found = specs_of("scale_by_galore", self.weight_dimension_numbers, GaLoreDimensionNumbers(), full)
        rows: Sequence[Any] = tree.flatten_with_path(full)[0]
        return [
            None if spec is None else Layout.of("scale_by_galore", path, asarray(x).shape, spec, stacks=False)
            for spec, (path, x) in zip(found, rows, strict=True)
        ]


def _leading_vectors(x: Array, rank: int) -> Array:
    """The first singular vectors of a matrix on its larger side, as columns."""
    left, _, right = svd(x, full_matrices=False)
    return left[:, :rank] if x.shape[0] >= x.shape[1] else right[:rank].T


def _projected(x: Array, projector: Array) -> Array:
    return projector.T @ x if x.shape[0] >= x.shape[1] else x @ projector


def _lifted(small: Array, x: Array, projector: Array) -> Array:
    """What the projected matrix became, in the shape of x."""
    return projector @ small if x.shape[0] >= x.shape[1] else small @ projector.T


def galore(
    learning_rate: Number,
    rank: int = 128,
    update_proj_gap: int = 200,
    scale: Number = 1.0,
    base_optimizer: GradientTransformation | None = None,
    weight_decay: Number = 0.0,
    mask: Any = None,
    weight_dimension_numbers: Any = None,
) -> chain:
    """GaLore, Adam with a small state: `scale_by_galore`, `add_decayed_weights`, `scale_by_learning_rate`.

    Args:
        learning_rate: a number or a schedule; in the state under this name.
        rank, update_proj_gap, scale, base_optimizer, weight_dimension_numbers: of `scale_by_galore`.
        weight_decay, mask: of `add_decayed_weights`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.galore(0.5, rank=1), fnp.zeros((2, 2))
    >>> fnp.round(opt.update(fnp.asarray([[2.0, 0.0], [0.0, 0.0]]), opt.init(params), params)[0], 3)[0, 0]
    Array(-0.5, dtype=float32)
    """
    return chain(
        scale_by_galore(rank, update_proj_gap, scale, base_optimizer, weight_dimension_numbers),
        add_decayed_weights(weight_decay, mask),
        scale_by_learning_rate(learning_rate),
    )
