"""A training step of a functional library: what funcgrad's and JAX's have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["repeated", "step_of"]


def step_of(both: Callable[..., Any], rule: Any, apply_updates: Callable[..., Any]) -> Callable[..., Any]:
    """(parameters, optimiser's memory, state, batch) -> the same after a step, and the loss.

    Args:
        both: (params, state, *batch) -> ((loss, state), gradients).
        rule: the optimiser.
        apply_updates: (params, updates) -> params.
    """

    def step(params: Any, memory: Any, state: Any, batch: Any) -> Any:
        (value, state), grads = both(params, state, *batch)
        updates, memory = rule.update(grads, memory, params)
        return apply_updates(params, updates), memory, state, value

    return step


def repeated(step: Callable[..., Any], held: list[Any], batch: Any) -> Callable[[], Any]:
    """One step further at each call, which returns the loss."""

    def run() -> Any:
        *held[:], value = step(*held, batch)
        return value

    return run
