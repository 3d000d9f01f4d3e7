"""Polyak's step size, which goes by the value of the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from .. import tree
from ..errors import OptionError, ShapeError
from ..numpy import maximum, minimum, where
from ..ops.create import to_inexact
from .hyperparams import HyperparamsState, Number, Tunable, beside, require_not_negative
from .norms import squared_norm
from .transformation import GradientTransformationExtraArgs, aligned

__all__ = ["scale_by_polyak"]


@dataclass(frozen=True)
class scale_by_polyak(Tunable, GradientTransformationExtraArgs):  # noqa: N801  # transformations have optax's names
    """Updates by how far the loss is above its least value: Polyak's step size.

        u = min((value - f_min) / (|g|^2 + eps), max_learning_rate) g

    with the norm of all leaves as one vector, and u = 0 where g is 0. The variant "sps+" takes max(value - f_min, 0).

    Args:
        f_min, max_learning_rate, eps: numbers or schedules; in the state under these names.
        variant: "sps" or "sps+".

    Raises:
        ValueError: another variant, or a negative `eps`; by `update`, no value.
        ShapeError: by `update`, a value with dimensions.

    `update` takes the value of the loss by name: `update(grads, state, params, value=loss)`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale_by_polyak()
    >>> opt.update(fnp.asarray([2.0, 0.0]), opt.init(fnp.zeros(2)), value=1.0)[0]
    Array([0.5, 0. ], dtype=float32)

    Source: Loizou et al., Stochastic Polyak Step-size for SGD: An Adaptive Learning Rate for Fast Convergence, 2021,
    arXiv:2002.10542; "sps+" by Garrigos, Gower and Schaipp, Function Value Learning, 2023, arXiv:2307.14528.
    """

    f_min: Number = 0.0
    max_learning_rate: Number = 1.0
    eps: Number = 0.0
    variant: str = "sps"
    tunable: ClassVar = {"f_min": "f_min", "max_learning_rate": "max_learning_rate", "eps": "eps"}

    def __post_init__(self) -> None:
        super().__post_init__()
        require_not_negative(self, "eps")
        if self.variant not in ("sps", "sps+"):
            raise OptionError(f"scale_by_polyak: variant must be 'sps' or 'sps+', not {self.variant!r}")

    def update(
        self, updates: Any, state: HyperparamsState, params: Any = None, *, value: Any = None, **extra_args: Any
    ) -> tuple[Any, HyperparamsState]:
        if value is None:
            raise OptionError("scale_by_polyak: update needs the loss: update(updates, state, params, value=loss)")
        least, most, eps = self.current(state, updates)
        (gs,), structure = aligned(self, {"updates": updates})
        if not gs:
            return updates, self.following(state)
        loss = to_inexact(value)
        if loss.shape != ():
            raise ShapeError(f"scale_by_polyak: value must be one number, not {loss.aval}")
        gap = loss - least
        if self.variant == "sps+":
            gap = maximum(gap, 0)
        square = squared_norm(gs) + eps
        positive = square > 0
        step = minimum(where(positive, gap / where(positive, square, 1), 0), most)
        out = [g * c for g, (c,) in zip(gs, beside(gs, step), strict=True)]
        return tree.unflatten(structure, out), self.following(state)
