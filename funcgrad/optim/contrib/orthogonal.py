"""Updates made orthogonal: Muon.

Letters in the formulas are those of `funcgrad.optim.scaling`, hats those of `scale_by_adam`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from ... import tree
from ...core import Array
from ...errors import ShapeError
from ...numpy import asarray, stack
from ..adaptive import look_ahead, scale_by_adam
from ..combining import chain, partition
from ..hyperparams import Number, beside, require_fractions, require_not_negative, scalar
from ..moments import Accumulating, dtype_or_none, in_float32, running_means, unbiased
from ..scaling import add_decayed_weights, scale_by_learning_rate
from ..transformation import EmptyState, GradientTransformation, aligned, floating_leaves, rebuilt
from .informed import inner_product, number_dtype, whole
from .matrices import Layout, MuonDimensionNumbers, Specs, specs_of
from .newton_schulz import COEFFICIENTS, check_preconditioning, coefficients_of, iterated

__all__ = ["MuonState", "muon", "scale_by_muon", "scale_by_shape"]

# ---- as transformations ------------------------------------------------------------------------


class MuonState(NamedTuple):
    """The state of `scale_by_muon`.

    Args:
        count: how many updates were made.
        mu: mean of the updates, a tree like the parameters.
        ns_coeffs: the coefficients of the Newton-Schulz iteration, shape (3,) or (steps, 3).
        hyperparams: beta, eps.
    """

    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    mu: Any
    ns_coeffs: Array
    hyperparams: dict[str, Array | None]


@dataclass(frozen=True)
class scale_by_muon(Accumulating):  # noqa: N801  # transformations have optax's names
    """The mean of the updates, made orthogonal: Muon, without its learning rate.

        m_t = beta m_(t-1) + (1 - beta) g_t
        u_t = orthogonalized(m^_t), with adaptive times <m^_t, u_t>

    with m^_t = m_t / (1 - beta^t), or with nesterov as `scale_by_adam` has it.

    Args:
        ns_coeffs: of `orthogonalized`; in the state.
        ns_steps: how many steps, where the coefficients are one row.
        beta, eps: numbers or schedules; in the state under these names.
        mu_dtype: of m in the state; that of the parameters where None.
        nesterov: whether to look one step ahead.
        adaptive: whether to multiply by the dual norm of m.
        preconditioning: of `orthogonalized`.
        weight_dimension_numbers: a tree of `MuonDimensionNumbers`, or one for all leaves, or a function from the
            parameters to one. Without it all leaves must have two axes.

    Raises:
        ValueError: beta outside [0, 1), a negative eps, another preconditioning, or another name of coefficients.
        ShapeError: a leaf is no matrix, or has no such axes.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.scale_by_muon(ns_steps=8), fnp.zeros((2, 2))
    >>> updates, _ = opt.update(fnp.asarray([[0.0, 5.0], [0.1, 0.0]]), opt.init(params))
    >>> bool(fnp.all(fnp.abs(updates - fnp.asarray([[0.0, 1.0], [1.0, 0.0]])) < 0.35))
    True

    Source: Jordan et al., Muon: An optimizer for hidden layers in neural networks, 2024,
    https://kellerjordan.github.io/posts/muon/; adaptive, Bernstein and Newhouse, Old Optimizer, New Norm: An
    Anthology, 2024, arXiv:2409.20325.
    """

    ns_coeffs: Any = COEFFICIENTS
    ns_steps: int = 5
    beta: Number = 0.95
    eps: Number = 1e-8
    mu_dtype: Any = None
    nesterov: bool = field(default=True, kw_only=True)
    adaptive: bool = field(default=False, kw_only=True)
    preconditioning: str = field(default="frobenius", kw_only=True)
    weight_dimension_numbers: Any = field(default=None, kw_only=True)
    tunable: ClassVar = {"beta": "beta", "eps": "eps"}
    state_type: ClassVar = MuonState
    held: ClassVar = ("mu",)

    def __post_init__(self) -> None:
        super().__post_init__()
        name = type(self).__name__
        whole(self, "ns_steps", 0)
        object.__setattr__(self, "ns_coeffs", coefficients_of(name, self.ns_coeffs))
        object.__setattr__(self, "mu_dtype", dtype_or_none(self.mu_dtype))
        object.__setattr__(self, "weight_dimension_numbers", Specs.of(name, self.weight_dimension_numbers))
        check_preconditioning(name, self.preconditioning)
        require_fractions(self, "beta")
        require_not_negative(self, "eps")

    def init(self, params: Any) -> MuonState:
        leaves, structure = floating_leaves(self, "params", params)
        self._layouts(params)
        count = self.first_count(leaves, always=True)
        assert count is not None
        coefficients = _on_device(self.ns_coeffs, leaves)
        means = tree.unflatten(structure, [self.first("mu", p) for p in leaves])
        return MuonState(count, means, coefficients, self.first_hyperparams(leaves))

    def update(self, updates: Any, state: MuonState, params: Any = None) -> tuple[Any, MuonState]:
        beta, eps = self.current(state)
        state = self.following(state)
        given, structure = aligned(self, {"updates": updates, "state.mu": state.mu})
        gs, olds = map(in_float32, given)
        means = running_means(olds, gs, beta)
        seen = 1 - beta**state.count
        corrected = (
            [x / c for x, (c,) in zip(look_ahead(gs, means, beta, state.count), beside(gs, seen), strict=True)]
            if self.nesterov
            else list(unbiased(means, beta, state.count))
        )
        out = []
        for m, layout, (e,) in zip(corrected, self._layouts(updates), beside(gs, eps), strict=True):
            coefficients = state.ns_coeffs.astype(m.dtype)
            u = layout.array(iterated(layout.matrices(m), coefficients, self.ns_steps, self.preconditioning, e))
            out.append(u * inner_product([m], [u]) if self.adaptive else u)
        return rebuilt(structure, out, given[0]), state._replace(mu=rebuilt(structure, means, given[1]))

    def _layouts(self, full: Any) -> list[Layout]:
        layouts = layouts_of("scale_by_muon", self.weight_dimension_numbers, full)
        found = []
        for layout, (path, x) in zip(layouts, tree.flatten_with_path(full)[0], strict=True):
            if layout is None:
                raise ShapeError(
                    f"scale_by_muon: {path or 'the parameter'} is {asarray(x).aval}, and no matrix: say which axes are "
                    "rows and columns by weight_dimension_numbers, or use muon, which leaves such leaves to Adam"
                )
            found.append(layout)
        return found


def _on_device(coefficients: tuple[Any, ...], leaves: Sequence[Array]) -> Array:
    """The coefficients as an array beside the parameters."""
    flat = [c for row in coefficients for c in row] if isinstance(coefficients[0], tuple) else coefficients
    found = stack([scalar(c, number_dtype(leaves), leaves) for c in flat])
    return found if flat is coefficients else found.reshape((-1, 3))


def layouts_of(caller: str, specs: Any, full: Any) -> list[Layout | None]:
    """How each leaf is read as matrices; None where it is none."""
    found = specs_of(caller, specs, MuonDimensionNumbers(), full)
    rows = zip(found, tree.flatten_with_path(full)[0], strict=True)
    return [
        None if spec is None else Layout.of(caller, path, asarray(x).shape, spec, stacks=True)
        for spec, (path, x) in rows
    ]


@dataclass(frozen=True)
class scale_by_shape(GradientTransformation):  # noqa: N801
    """Matrices times a number that goes by their shape, so that one learning rate fits all.

        u = sqrt(max(1, n / m)) g, with consistent_rms  sqrt(max(m, n)) consistent_rms g

    for m rows (inputs) and n columns (outputs).

    Args:
        weight_dimension_numbers: as for `scale_by_muon`; leaves that are no matrices stay what they are.
        consistent_rms: a number; 0.2 makes orthogonal updates about as large as those of AdamW.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.scale_by_shape(), fnp.zeros((1, 4))
    >>> opt.update(fnp.ones((1, 4)), opt.init(params))[0]
    Array([[2., 2., 2., 2.]], dtype=float32)

    Source: Liu et al., Muon is Scalable for LLM Training, 2025, arXiv:2502.16982.
    """

    weight_dimension_numbers: Any = None
    consistent_rms: float | None = None

    def __post_init__(self) -> None:
        specs = Specs.of("scale_by_shape", self.weight_dimension_numbers)
        object.__setattr__(self, "weight_dimension_numbers", specs)

    def init(self, params: Any) -> EmptyState:
        floating_leaves(self, "params", params)
        return EmptyState()

    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        (gs,), structure = aligned(self, {"updates": updates})
        layouts = layouts_of("scale_by_shape", self.weight_dimension_numbers, updates)
        out = [g if layout is None else g * self._factor(layout) for g, layout in zip(gs, layouts, strict=True)]
        return rebuilt(structure, out, gs), state

    def _factor(self, layout: Layout) -> float:
        m, n = layout.rows, layout.columns
        if self.consistent_rms is None:
            return math.sqrt(max(1.0, n / m)) if m else 1.0
        return math.sqrt(max(m, n)) * self.consistent_rms


# ---- the optimiser -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _MuonLabels:
    """Which leaves are matrices, for `partition`."""

    specs: Any

    def __call__(self, full: Any) -> Any:
        labels = ["adam" if layout is None else "muon" for layout in layouts_of("muon", self.specs, full)]
        return tree.unflatten(tree.structure(full), labels)


def muon(
    learning_rate: Number,
    ns_coeffs: Any = COEFFICIENTS,
    ns_steps: int = 5,
    beta: Number = 0.95,
    eps: Number = 1e-8,
    weight_decay: Number = 0.0,
    weight_decay_mask: Any = None,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
    adaptive: bool = False,
    preconditioning: str = "frobenius",
    adam_b1: Number = 0.9,
    adam_b2: Number = 0.999,
    adam_eps_root: float = 0.0,
    adam_weight_decay: Number = 0.0,
    adam_learning_rate: Number | None = None,
    muon_weight_dimension_numbers: Any = None,
    consistent_rms: float | None = None,
) -> chain:
    """Muon for matrices, momentum made orthogonal, and Adam for all else.

    Matrices see `scale_by_muon`, `scale_by_shape` and `add_decayed_weights`, the other leaves `scale_by_adam` and
    `add_decayed_weights`, in a `partition` with the labels "muon" and "adam"; `scale_by_learning_rate` is last.

    Args:
        learning_rate: a number or a schedule; in the state under this name.
        ns_coeffs, ns_steps, beta, adaptive, preconditioning: of `scale_by_muon`.
        eps, mu_dtype, nesterov: of `scale_by_muon` and of `scale_by_adam`.
        weight_decay, weight_decay_mask: of `add_decayed_weights` for the matrices.
        adam_b1, adam_b2, adam_eps_root: of `scale_by_adam`.
        adam_weight_decay: of `add_decayed_weights` for the others.
        adam_learning_rate: one of their own; then both parts have a `learning_rate` in the state, which
            `set_hyperparams(state, "muon", learning_rate=...)` tells apart.
        muon_weight_dimension_numbers: a tree of `MuonDimensionNumbers`, or a function from the parameters to one, with
            `None` for what is Adam's. Without it, matrices are the leaves with two axes. Embeddings and the last layer
            are better left to Adam.
        consistent_rms: of `scale_by_shape`; 0.2 lets it have the learning rate and weight decay of AdamW.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> params = {"weight": fnp.zeros((2, 2)), "bias": fnp.zeros(2)}
    >>> grads = {"weight": fnp.asarray([[0.0, 5.0], [5.0, 0.0]]), "bias": fnp.asarray([3.0, -0.1])}
    >>> opt = optim.muon(0.1, nesterov=False)
    >>> updates, state = opt.update(grads, opt.init(params), params)
    >>> fnp.round(updates["bias"], 2), fnp.round(updates["weight"][0, 1], 1)
    (Array([-0.1,  0.1], dtype=float32), Array(-0.1, dtype=float32))
    >>> state = optim.set_hyperparams(state, learning_rate=0.01)

    Source: as for `scale_by_muon` and `scale_by_shape`.
    """
    specs = Specs.of("muon", muon_weight_dimension_numbers)
    matrices: list[GradientTransformation] = [
        scale_by_muon(
            ns_coeffs,
            ns_steps,
            beta,
            eps,
            mu_dtype,
            nesterov=nesterov,
            adaptive=adaptive,
            preconditioning=preconditioning,
            weight_dimension_numbers=specs,
        ),
        scale_by_shape(specs, consistent_rms),
        add_decayed_weights(weight_decay, weight_decay_mask),
    ]
    others: list[GradientTransformation] = [
        scale_by_adam(adam_b1, adam_b2, eps, adam_eps_root, mu_dtype, nesterov=nesterov),
        add_decayed_weights(adam_weight_decay),
    ]
    last = [scale_by_learning_rate(learning_rate)]
    if adam_learning_rate is not None:
        matrices += last
        others.append(scale_by_learning_rate(adam_learning_rate))
        last = []
    parts = {"muon": chain(*matrices), "adam": chain(*others)}
    return chain(partition(parts, _MuonLabels(specs)), *last)
