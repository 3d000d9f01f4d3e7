"""Transformations that keep NaNs out of the updates, and parameters at 0 or above it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .. import tree
from ..dtypes import is_complex
from ..errors import DtypeError
from ..numpy import any, isnan, where, zeros_like
from .transformation import EmptyState, GradientTransformation, aligned, floating_leaves, need_params, rebuilt

__all__ = [
    "NonNegativeParamsState",
    "ZeroNansState",
    "keep_params_nonnegative",
    "zero_nans",
]

NonNegativeParamsState = EmptyState


class ZeroNansState(NamedTuple):
    """The state of `zero_nans`.

    Args:
        found_nan: for each parameter whether its last update held a NaN.
    """

    found_nan: Any


@dataclass(frozen=True)
class zero_nans(GradientTransformation):  # noqa: N801  # transformations have optax's names
    """Updates with 0 in the place of NaN; the state says where there were any.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.zero_nans()
    >>> opt.update({"w": fnp.asarray([float("nan"), 2.0])}, opt.init({"w": fnp.zeros(2)}))
    ({'w': Array([0., 2.], dtype=float32)}, ZeroNansState(found_nan={'w': Array(True, dtype=bool)}))
    """

    def init(self, params: Any) -> ZeroNansState:
        leaves, structure = floating_leaves(self, "params", params)
        return ZeroNansState(tree.unflatten(structure, [zeros_like(p, "bool", shape=()) for p in leaves]))

    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, ZeroNansState]:
        (gs,), structure = aligned(self, {"updates": updates})
        nans = [isnan(g) for g in gs]
        out = [where(found, 0, g) for found, g in zip(nans, gs, strict=True)]
        return rebuilt(structure, out, gs), ZeroNansState(tree.unflatten(structure, [any(found) for found in nans]))


@dataclass(frozen=True)
class keep_params_nonnegative(GradientTransformation):  # noqa: N801
    """Updates that take no parameter below 0: u = max(g, -p). The last member of a chain.

    Raises:
        DtypeError: complex updates, which have no order.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.keep_params_nonnegative(), fnp.asarray([1.0, 1.0])
    >>> opt.update(fnp.asarray([-3.0, -0.5]), opt.init(params), params)[0]
    Array([-1. , -0.5], dtype=float32)
    """

    def init(self, params: Any) -> EmptyState:
        floating_leaves(self, "params", params)
        return EmptyState()

    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        need_params(self, params)
        (gs, ps), structure = aligned(self, {"updates": updates, "params": params})
        for g in gs:
            if is_complex(g.dtype):
                raise DtypeError("keep_params_nonnegative: complex updates have no order")
        out = [where(p + g < 0, -p, g) for g, p in zip(gs, ps, strict=True)]
        return rebuilt(structure, out, gs), state
