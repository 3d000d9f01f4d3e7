"""L-BFGS: the inverse of the Hessian, as far as the last steps tell of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .. import tree
from ..core import Array
from ..dtypes import is_complex
from ..errors import OptionError
from ..flatten_util import ravel_pytree
from ..numpy import concatenate, conj, minimum, real, sqrt, sum, where, zeros_like
from .combining import chain
from .hyperparams import Number, real_dtype, scalar
from .scaling import scale, scale_by_learning_rate
from .transformation import (
    GradientTransformation,
    aligned,
    floating_leaves,
    identity,
    need_params,
    need_state,
)
from .zoom import scale_by_zoom_linesearch

__all__ = ["ScaleByLBFGSState", "lbfgs", "scale_by_lbfgs"]


class ScaleByLBFGSState(NamedTuple):
    """The state of `scale_by_lbfgs`.

    Args:
        count: how many updates were made.
        params, updates: those of the last update, trees like the parameters.
        diff_params_memory, diff_updates_memory: the last differences of each as rows of a matrix, oldest first.
        weights_memory: one over the inner product of each pair of rows; 0 where there is none yet.
    """

    count: Array  # type: ignore[assignment]  # optax's name; it hides tuple.count
    params: Any
    updates: Any
    diff_params_memory: Array
    diff_updates_memory: Array
    weights_memory: Array


@dataclass(frozen=True)
class scale_by_lbfgs(GradientTransformation):  # noqa: N801  # transformations have optax's names
    """Updates times an approximation of the inverse Hessian, of the last differences of parameters and updates.

    With s_i the differences of the parameters, y_i those of the updates and rho_i = 1 / <y_i, s_i>, over the last
    `memory_size` of them, oldest first, u = P g where

        P_(i+1) = (1 - rho_i s_i y_i^T) P_i (1 - rho_i y_i s_i^T) + rho_i s_i s_i^T

    begins as gamma times the identity. gamma is <s, y> / <y, y> of the last pair, and min(1, 1 / |g|) while there is
    none, so that the first step is no longer than 1.

    Args:
        memory_size: how many pairs are kept.
        scale_init_precond: False for gamma = 1.

    `update` needs the parameters. A line search after it (`lbfgs`) makes it an optimiser.

    Raises:
        OptionError: `memory_size` is below 1.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.scale_by_lbfgs(memory_size=2)
    >>> params, curvature = fnp.asarray([1.0, -2.0]), fnp.asarray([1.0, 4.0])
    >>> updates, state = opt.update(curvature * params, opt.init(params), params)
    >>> params = params - updates
    >>> updates, state = opt.update(curvature * params, state, params)
    >>> int(state.count), fnp.round(state.diff_params_memory[-1], 3)
    (2, Array([-0.124,  0.992], dtype=float32))

    Source: Nocedal and Wright, Numerical Optimization, 2006, algorithm 7.4.
    """

    memory_size: int = 10
    scale_init_precond: bool = True

    def __post_init__(self) -> None:
        if not self.memory_size >= 1:
            raise OptionError(f"scale_by_lbfgs: memory_size must be 1 or more, not {self.memory_size}")

    def init(self, params: Any) -> ScaleByLBFGSState:
        leaves, _ = floating_leaves(self, "params", params)
        zeros = tree.map(zeros_like, params)
        flat = ravel_pytree(zeros)[0]
        memory = flat[None].broadcast_to((self.memory_size, *flat.shape))
        count = scalar(0, np.dtype(np.int64), leaves)
        weights = scalar(0, real_dtype(flat.dtype), leaves).broadcast_to((self.memory_size,))
        return ScaleByLBFGSState(count, zeros, zeros, memory, memory, weights)

    def update(self, updates: Any, state: ScaleByLBFGSState, params: Any = None) -> tuple[Any, ScaleByLBFGSState]:
        need_params(self, params)
        need_state(self, state, ScaleByLBFGSState)
        aligned(self, {"updates": updates, "params": params, "state.params": state.params})
        g, unravel = ravel_pytree(updates)
        first = state.count == 0
        s = ravel_pytree(params)[0] - ravel_pytree(state.params)[0]
        y = g - ravel_pytree(state.updates)[0]
        s, y = where(first, zeros_like(s), s), where(first, zeros_like(y), y)
        product = inner(y, s)
        rho = where(product == 0, 0, 1 / where(product == 0, 1, product))
        ss, ys = pushed(state.diff_params_memory, s), pushed(state.diff_updates_memory, y)
        rhos = pushed(state.weights_memory, rho)
        gamma: Any = 1.0
        if self.scale_init_precond:
            square, norm = inner(y, y), sqrt(inner(g, g))
            later = where(square > 0, product / where(square > 0, square, 1), 1)
            gamma = where(first, minimum(1, 1 / where(norm > 0, norm, 1)), later)
        out = two_loops(g, ss, ys, rhos, gamma)
        return unravel(out), ScaleByLBFGSState(state.count + 1, params, updates, ss, ys, rhos)


def two_loops(g: Array, ss: Array, ys: Array, rhos: Array, gamma: Any) -> Array:
    """P g, newest pair first and then back."""
    parts = []
    for i in reversed(range(len(rhos))):
        part = rhos[i] * inner(ss[i], g)
        g = g - part * ys[i]
        parts.append(part)
    g = gamma * g
    for i, part in enumerate(reversed(parts)):
        g = g + (part - rhos[i] * inner(ys[i], g)) * ss[i]
    return g


def pushed(memory: Array, row: Array) -> Array:
    """The memory without its oldest row and with a new one."""
    return concatenate([memory[1:], row[None].astype(memory.dtype)])


def inner(a: Array, b: Array) -> Array:
    """The inner product of two vectors as one of real numbers."""
    return real(sum(conj(a) * b)) if is_complex(a.dtype) else sum(a * b)


ZOOM = scale_by_zoom_linesearch(20, initial_guess_strategy="one")
"""The line search of `lbfgs`: the whole step is mostly right there, so it is tried first."""


def lbfgs(
    learning_rate: Number | None = None,
    memory_size: int = 10,
    scale_init_precond: bool = True,
    linesearch: GradientTransformation | None = ZOOM,
) -> chain:
    """L-BFGS: `scale_by_lbfgs`, downhill, and a line search for the length of the step.

    Args:
        learning_rate: a number or a schedule that the step is multiplied by before the line search; 1 where None.
        memory_size, scale_init_precond: see `scale_by_lbfgs`.
        linesearch: what comes last; None for no line search, with a learning rate.

    The line search needs the parameters, and by name the value of the loss, its gradient and the loss itself:

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> loss = lambda x: (x[1] - x[0] ** 2) ** 2 + 0.1 * (1 - x[0]) ** 2
    >>> opt = optim.lbfgs()
    >>> params = fnp.asarray([-1.0, 1.5])
    >>> state = opt.init(params)
    >>> value_and_grad = optim.value_and_grad_from_state(loss)
    >>> for _ in range(20):
    ...     value, grad = value_and_grad(params, state=state)
    ...     updates, state = opt.update(grad, state, params, value=value, grad=grad, value_fn=loss)
    ...     params = optim.apply_updates(params, updates)
    >>> fnp.round(params, 2)
    Array([1., 1.], dtype=float32)

    Source: Liu and Nocedal, On the limited memory BFGS method for large scale optimization, 1989.
    """
    down = scale(-1.0) if learning_rate is None else scale_by_learning_rate(learning_rate)
    return chain(scale_by_lbfgs(memory_size, scale_init_precond), down, linesearch or identity())
