"""Optimisers that optax has under this name too: newer ones, and what is built around others."""

from __future__ import annotations

from .averaged import (
    ScheduleFreeState,
    schedule_free,
    schedule_free_adamw,
    schedule_free_eval_params,
    schedule_free_sgd,
)
from .plateau import ReduceLROnPlateauState, reduce_on_plateau
from .sharpness import NormalizeState, SAMState, normalize, sam

__all__ = [
    "NormalizeState",
    "ReduceLROnPlateauState",
    "SAMState",
    "ScheduleFreeState",
    "normalize",
    "reduce_on_plateau",
    "sam",
    "schedule_free",
    "schedule_free_adamw",
    "schedule_free_eval_params",
    "schedule_free_sgd",
]
