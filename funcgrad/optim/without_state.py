"""Transformations that are a function of the updates, without a state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import tree
from ..errors import DtypeError
from .transformation import EmptyState, GradientTransformation

__all__ = ["init_empty_state", "stateless", "stateless_with_tree_map"]


def init_empty_state(params: Any) -> EmptyState:
    """The `init` of a transformation that remembers nothing.

    >>> from funcgrad import optim
    >>> optim.init_empty_state({"w": 1.0})
    EmptyState()
    """
    return EmptyState()


@dataclass(frozen=True)
class stateless(GradientTransformation):  # noqa: N801  # transformations have optax's names
    """A function of the updates and the parameters as a transformation.

    Args:
        f: from (updates, params) to updates; params is None where `update` was called without them.

    Raises:
        DtypeError: f is no function.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim, tree
    >>> opt = optim.stateless(lambda updates, params: tree.map(lambda g: 2 * g, updates))
    >>> opt.update({"w": fnp.ones(2)}, opt.init({"w": fnp.zeros(2)}))[0]
    {'w': Array([2., 2.], dtype=float32)}
    """

    f: Callable[[Any, Any], Any]

    def __post_init__(self) -> None:
        if not callable(self.f):
            raise DtypeError(f"{type(self).__name__} takes a function of (updates, params), not {self.f!r:.60}")

    def init(self, params: Any) -> EmptyState:
        return EmptyState()

    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        return self.f(updates, params), state


@dataclass(frozen=True)
class stateless_with_tree_map(stateless):  # noqa: N801
    """A function of one update and its parameter as a transformation of all.

    Args:
        f: from (update, parameter), two arrays, to an array; the parameter is None where `update` was called without
            parameters.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.stateless_with_tree_map(lambda g, p: g + 0.5 * p)
    >>> params = {"w": fnp.ones(2)}
    >>> opt.update({"w": fnp.zeros(2)}, opt.init(params), params)[0]
    {'w': Array([0.5, 0.5], dtype=float32)}
    """

    f: Callable[[Any, Any], Any]

    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        if params is None:
            return tree.map(lambda g: self.f(g, None), updates), state
        return tree.map(self.f, updates, params), state
