"""A smaller learning rate when a loss no longer falls: `reduce_on_plateau`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ... import tree
from ...core import Array
from ...errors import OptionError
from ...numpy import asarray, maximum, where
from ...ops.elementwise import astype
from ..hyperparams import beside, float_dtype, scalar
from ..transformation import GradientTransformationExtraArgs, aligned, floating_leaves, need_state

__all__ = ["ReduceLROnPlateauState", "reduce_on_plateau"]


class ReduceLROnPlateauState(NamedTuple):
    """The state of `reduce_on_plateau`.

    Args:
        scale: what updates are multiplied by.
        best_value: the least mean so far.
        plateau_count: how many means in a row were no better.
        cooldown_count: how many means the next reduction waits for.
        count: how many values there are in the present mean.
        avg_value: the mean of these.
    """

    scale: Array
    best_value: Array
    plateau_count: Array
    cooldown_count: Array
    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    avg_value: Array


@dataclass(frozen=True)
class reduce_on_plateau(GradientTransformationExtraArgs):  # noqa: N801  # transformations have optax's names
    """Updates times a scale that is multiplied by a factor whenever a value has not improved for long enough.

    A mean v of `accumulation_size` values improves on the best one b if v < (1 - rtol) b - atol. After `patience` means
    in a row that do not, the scale is multiplied by `factor`, and the next `cooldown` means do not count.

    Args:
        factor: of the scale, in (0, 1).
        patience: of how many means.
        rtol, atol: what counts as better; one of them at most is positive in most uses.
        cooldown: how many means to wait for after a reduction.
        accumulation_size: of how many values a mean is: 1 for the loss of a validation set, more for that of a batch.
        min_scale: below which the scale does not fall.

    `update` takes the value by name: `opt.update(grads, state, params, value=loss)`.

    Raises:
        OptionError: a factor outside (0, 1), a negative tolerance, or a number of means below 1.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.chain(optim.sgd(1.0), optim.contrib.reduce_on_plateau(factor=0.5, patience=2))
    >>> state = opt.init(fnp.zeros(1))
    >>> for loss in (3.0, 2.0, 2.0, 2.5, 1.0):
    ...     updates, state = opt.update(fnp.ones(1), state, value=loss)
    ...     print(updates)
    [-1.]
    [-1.]
    [-1.]
    [-0.5]
    [-0.5]

    Source: torch.optim.lr_scheduler.ReduceLROnPlateau.
    """

    factor: float = 0.1
    patience: int = 10
    rtol: float = 1e-4
    atol: float = 0.0
    cooldown: int = 0
    accumulation_size: int = 1
    min_scale: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.factor < 1:
            raise OptionError(f"reduce_on_plateau: factor must be between 0 and 1, not {self.factor}")
        for name, least in (("rtol", 0), ("atol", 0), ("cooldown", 0), ("patience", 1), ("accumulation_size", 1)):
            if not getattr(self, name) >= least:
                raise OptionError(f"reduce_on_plateau: {name} must be {least} or more, not {getattr(self, name)}")

    def init(self, params: Any) -> ReduceLROnPlateauState:
        leaves, _ = floating_leaves(self, "params", params)
        zero, number = scalar(0, np.dtype(np.int64), leaves), scalar(0.0, float_dtype(leaves), leaves)
        return ReduceLROnPlateauState(number + 1, number + float("inf"), zero, zero, zero, number)

    def update(  # type: ignore[override]  # it cannot do without the value
        self, updates: Any, state: ReduceLROnPlateauState, params: Any = None, *, value: Any, **extra_args: Any
    ) -> tuple[Any, ReduceLROnPlateauState]:
        need_state(self, state, ReduceLROnPlateauState)
        (gs,), structure = aligned(self, {"updates": updates})
        count = state.count + 1
        found = astype(asarray(value), state.avg_value.dtype)
        mean = state.avg_value + (found - state.avg_value) / astype(count, found.dtype)
        whole = count == self.accumulation_size
        better = mean < (1 - self.rtol) * state.best_value - self.atol
        waits = state.cooldown_count > 0
        plateau = where(better | waits, 0, state.plateau_count + 1)
        reduced = plateau >= self.patience
        scale = where(reduced, maximum(state.scale * self.factor, self.min_scale), state.scale)
        cooldown = where(reduced, self.cooldown, maximum(state.cooldown_count - 1, 0))
        new = ReduceLROnPlateauState(
            scale, where(better, mean, state.best_value), where(reduced, 0, plateau), cooldown, 0 * count, 0 * mean
        )
        more = state._replace(count=count, avg_value=mean)
        state = tree.map(lambda a, b: where(whole, a, b), new, more)
        rows = zip(gs, beside(gs, state.scale), strict=True)
        return tree.unflatten(structure, [g * scale for g, (scale,) in rows]), state
