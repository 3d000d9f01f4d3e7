"""Line searches: how far to go along the updates, by further calls of the loss.

They come last in a chain whose updates u go downhill, and take by name the value of the loss f at the parameters p, its
gradient, and the loss itself; whatever other arguments of the loss they are given by name, they hand on to it:

    opt.update(grads, state, params, value=value, grad=grads, value_fn=loss, x=x, y=y)

The learning rate a that they find is in the state, and so are the value and the gradient where they end, so that a loss
that is the same at the next step need not be computed there again: `value_and_grad_from_state`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .. import tree
from ..core import Array
from ..dtypes import is_complex
from ..errors import OptionError, TreeError
from ..flatten_util import ravel_pytree
from ..numpy import all, asarray, isfinite, isnan, maximum, minimum, real, sum, where, zeros_like
from ..ops.elementwise import astype
from ..transforms.control import cond, while_loop
from ..transforms.grad import value_and_grad
from .hyperparams import real_dtype, scalar
from .transformation import GradientTransformationExtraArgs, aligned, floating_leaves, need_params, need_state, rebuilt

__all__ = [
    "BacktrackingLinesearchInfo",
    "ScaleByBacktrackingLinesearchState",
    "scale_by_backtracking_linesearch",
    "value_and_grad_from_state",
]


class BacktrackingLinesearchInfo(NamedTuple):
    """How a search went.

    Args:
        num_linesearch_steps: how often the loss was computed.
        decrease_error: by how much too little it fell; 0 where it fell enough.
    """

    num_linesearch_steps: Array
    decrease_error: Array


class ScaleByBacktrackingLinesearchState(NamedTuple):
    """The state of `scale_by_backtracking_linesearch`.

    Args:
        learning_rate: what was found.
        value, grad: of the loss where that led to; grad is None without `store_grad`.
        info: how the search went.
    """

    learning_rate: Array
    value: Array
    grad: Any
    info: BacktrackingLinesearchInfo


class Line:
    """The loss along the updates from the parameters, all leaves as one vector."""

    def __init__(self, caller: Any, updates: Any, params: Any, value: Any, grad: Any, value_fn: Any, extra_args: Any):
        need_params(caller, params)
        if value is None or grad is None or value_fn is None:
            raise TreeError(
                f"{type(caller).__name__}.update needs the loss by name: update(updates, state, params, value=value, "
                "grad=grad, value_fn=loss)"
            )
        columns, self.structure = aligned(caller, {"updates": updates, "params": params, "grad": grad})
        self.leaves = columns[0]
        self.start, self.unravel = ravel_pytree(params)
        self.way = astype(ravel_pytree(updates)[0], self.start.dtype)
        self.dtype = real_dtype(self.start.dtype)
        self.value = astype(asarray(value), self.dtype)
        self.slope = self.along(ravel_pytree(grad)[0])
        self.loss = _with_arguments(value_fn, extra_args)

    def along(self, grad: Array) -> Array:
        """The derivative of the loss along the updates."""
        return real(sum(grad * self.way)) if is_complex(grad.dtype) else sum(grad * self.way)

    def place(self, rate: Array) -> Array:
        return self.start + rate * self.way

    def value_at(self, rate: Array) -> Array:
        return astype(asarray(self.loss(self.unravel(self.place(rate)))), self.dtype)

    def both_at(self, rate: Array) -> tuple[Array, Array]:
        value, grad = value_and_grad(lambda flat: self.loss(self.unravel(flat)))(self.place(rate))
        return astype(value, self.dtype), grad

    def scaled(self, rate: Array) -> Any:
        return rebuilt(self.structure, [astype(rate, real_dtype(u.dtype)) * u for u in self.leaves], self.leaves)


def _with_arguments(value_fn: Callable[..., Any], extra_args: dict[str, Any]) -> Callable[[Any], Any]:
    """The loss as a function of the parameters alone, with those extra arguments that it has."""
    parameters = inspect.signature(value_fn).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return lambda params: value_fn(params, **extra_args)
    own = {name: x for name, x in extra_args.items() if name in list(parameters)[1:]}
    return lambda params: value_fn(params, **own)


def at_least_zero(x: Array) -> Array:
    """An error, infinite where the loss was no number."""
    return where(isnan(x), float("inf"), maximum(x, 0))


# ---- backtracking ------------------------------------------------------------------------------


@dataclass(frozen=True)
class scale_by_backtracking_linesearch(GradientTransformationExtraArgs):  # noqa: N801  # optax's names
    """Updates times the first of ever smaller learning rates with which the loss falls enough.

    Enough is, with the slope s = <g, u>,

        f(p + a u) <= (1 + rtol) f(p) + slope_rtol a s + atol

    The first a is the last one found times `increase_factor`, not above `max_learning_rate`; each further one is
    `decrease_factor` times the one before.

    Args:
        max_backtracking_steps: how often it is made smaller; then the last stays.
        slope_rtol, atol, rtol: see above.
        decrease_factor: in (0, 1).
        increase_factor: 1 or more; `math.inf` begins with `max_learning_rate` each time.
        max_learning_rate: also of the very first step.
        store_grad: whether the state has the gradient where the search ends, for `value_and_grad_from_state`.
        verbose: taken for optax's sake; the state's `info` says how the search went.

    Raises:
        OptionError: a factor out of its bounds.
        TreeError: `update` without params, value, grad or value_fn.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> loss = lambda x: 10 * (x * x).sum()
    >>> opt = optim.chain(optim.sgd(1.0), optim.scale_by_backtracking_linesearch(20, decrease_factor=0.5))
    >>> params = fnp.asarray([1.0, -2.0])
    >>> value, grad = fg.value_and_grad(loss)(params)
    >>> updates, state = opt.update(grad, opt.init(params), params, value=value, grad=grad, value_fn=loss)
    >>> float(state[-1].learning_rate), fnp.round(params + updates, 3)
    (0.0625, Array([-0.25,  0.5 ], dtype=float32))

    Source: Vaswani et al., Painless Stochastic Gradient, 2019, arXiv:1905.09997.
    """

    max_backtracking_steps: int
    slope_rtol: float = 1e-4
    decrease_factor: float = 0.8
    increase_factor: float = 1.5
    max_learning_rate: float = 1.0
    atol: float = 0.0
    rtol: float = 0.0
    store_grad: bool = False
    verbose: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.decrease_factor < 1 <= self.increase_factor:
            raise OptionError(
                f"{type(self).__name__}: decrease_factor must be in (0, 1) and increase_factor 1 or more, not "
                f"{self.decrease_factor} and {self.increase_factor}"
            )

    def init(self, params: Any) -> ScaleByBacktrackingLinesearchState:
        number, count, zeros = beginning(self, params)
        info = BacktrackingLinesearchInfo(count, number + float("inf"))
        return ScaleByBacktrackingLinesearchState(
            number + 1, number + float("inf"), zeros if self.store_grad else None, info
        )

    def update(
        self,
        updates: Any,
        state: ScaleByBacktrackingLinesearchState,
        params: Any = None,
        *,
        value: Any = None,
        grad: Any = None,
        value_fn: Any = None,
        **extra_args: Any,
    ) -> tuple[Any, ScaleByBacktrackingLinesearchState]:
        need_state(self, state, ScaleByBacktrackingLinesearchState)
        line = Line(self, updates, params, value, grad, value_fn, extra_args)

        def error(rate: Array, found: Array) -> Array:
            return at_least_zero(found - (1 + self.rtol) * line.value - self.slope_rtol * rate * line.slope - self.atol)

        first = minimum(astype(state.learning_rate, line.dtype) * self.increase_factor, self.max_learning_rate)
        found = line.value_at(first)

        def less(search: Any) -> Any:
            rate, _, _, count = search
            rate = rate * self.decrease_factor
            found = line.value_at(rate)
            return rate, found, error(rate, found), count + 1

        def goes_on(search: Any) -> Any:
            return (search[2] > 0) & (search[3] <= self.max_backtracking_steps)

        start = (first, found, error(first, found), zeros_like(state.info.num_linesearch_steps) + 1)
        rate, found, wrong, count = while_loop(goes_on, less, start)
        at_end = line.unravel(line.both_at(rate)[1]) if self.store_grad else None
        info = BacktrackingLinesearchInfo(count, wrong)
        return line.scaled(rate), ScaleByBacktrackingLinesearchState(rate, found, at_end, info)


def beginning(caller: Any, params: Any) -> tuple[Array, Array, Any]:
    """Zero as a number and as a count, and for each parameter."""
    leaves, _ = floating_leaves(caller, "params", params)
    dtype = real_dtype(ravel_pytree(params)[0].dtype)
    return scalar(0.0, dtype, leaves), scalar(0, np.dtype(np.int64), leaves), tree.map(zeros_like, params)


# ---- what the state has already ----------------------------------------------------------------


def value_and_grad_from_state(value_fn: Callable[..., Any]) -> Callable[..., tuple[Any, Any]]:
    """`fg.value_and_grad` of a loss that looks first whether a line search has computed both already.

    Args:
        value_fn: the loss, a function of the parameters and other arguments that are the same at each step.

    Returns:
        A function (params, *args, state=state, **kwargs) -> (value, grad). They are those in the state, and computed
        where these are not finite, as at the first step.

    Raises:
        OptionError: the function is called with a state that has no value and gradient, or several of them.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.chain(optim.sgd(1.0), optim.scale_by_zoom_linesearch(10))
    >>> params = fnp.asarray([1.0, 2.0])
    >>> optim.value_and_grad_from_state(lambda x: (x * x).sum())(params, state=opt.init(params))
    (Array(5., dtype=float32), Array([2., 4.], dtype=float32))
    """

    def value_and_grad_of(params: Any, *args: Any, state: Any, **kwargs: Any) -> tuple[Any, Any]:
        found = [s for s in _parts(state) if s.grad is not None]
        if len(found) != 1:
            raise OptionError(
                f"value_and_grad_from_state: the state has {len(found)} line searches with a value and a gradient, and "
                "must have one (of scale_by_backtracking_linesearch, only with store_grad=True)"
            )
        value, grad = found[0].value, found[0].grad
        return cond(
            all(isfinite(value)),
            lambda: (value, grad),
            lambda: _like(value_and_grad(value_fn)(params, *args, **kwargs), value),
        )

    return value_and_grad_of


def _like(found: tuple[Array, Any], value: Array) -> tuple[Array, Any]:
    return astype(found[0], value.dtype), found[1]


def _parts(state: Any) -> Iterator[Any]:
    """The states of line searches in a state."""
    if isinstance(state, tuple) and {"learning_rate", "value", "grad", "info"} <= set(getattr(state, "_fields", ())):
        yield state
    elif isinstance(state, tuple | dict):
        for part in state.values() if isinstance(state, dict) else state:
            yield from _parts(part)
