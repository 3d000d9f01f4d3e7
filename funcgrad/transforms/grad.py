"""Reverse mode: `vjp`, `grad`, `value_and_grad`, on the tape of `tape.py`, or that of `memory.py`, which forgets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..core import current_trace, use_trace
from ..dtypes import is_inexact
from ..numpy.creation import asarray, ones_like, zeros_like
from ..ops.elementwise import stop_gradient as constant
from .arguments import (
    OF_ARGNUMS,
    OMITTED,
    Selection,
    as_arrays,
    byte_count,
    directions,
    refuse_reals,
    refuse_value,
    scalar_output,
    select,
    split_aux,
    takes_function,
)
from .memory import BudgetTrace
from .tape import GradTrace, GradTracer, backward, belongs

__all__ = ["grad", "stop_gradient", "value_and_grad", "vjp"]


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The value of f and its pullback: a function from cotangents of the output to those of the arguments.

    With J the Jacobian of f at the primals, the pullback is ct -> ct J. It may be called any number of times, and
    differentiated or batched itself.

    Args:
        f: a function of pytrees of arrays.
        *primals: its arguments.
        has_aux: f returns (output, auxiliary data); the data come back as they are.

    Returns:
        (output, pullback), or (output, pullback, aux). The pullback takes one cotangent of the output's structure,
        shapes and dtypes, and returns a tuple with a cotangent for each primal; integer and boolean leaves, which
        have no derivative, get None. A cotangent of None is zero.

    Raises:
        TreeError, ShapeError: the pullback's cotangent does not fit the output.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> y, pull = fg.vjp(lambda x, w: x * w, 3.0, 2.0)
    >>> float(y), [float(ct) for ct in pull(1.0)]
    (6.0, [2.0, 3.0])

    Source: Griewank and Walther, Evaluating Derivatives, 2nd ed., 2008, chapter 3.
    """
    refuse_value(f, "vjp")
    leaves, structure = tree.flatten(primals)
    leaves = as_arrays(leaves, "vjp")
    trace = GradTrace(current_trace())
    inputs = [trace.lift(x) if is_inexact(x.dtype) else x for x in leaves]
    with use_trace(trace):
        out = f(*tree.unflatten(structure, inputs))
    out, aux = split_aux(out, has_aux)
    out_leaves, out_structure = tree.flatten(out)
    nodes = [x.node if belongs(x, trace) else None for x in out_leaves]
    plain = [x.inner if belongs(x, trace) else x for x in out_leaves]
    avals = tree.unflatten(out_structure, [asarray(x).aval for x in plain])
    input_nodes = [x.node for x in inputs if isinstance(x, GradTracer) and x.owner is trace]

    def pullback(ct: Any) -> Any:
        cts = directions(avals, ct, "vjp", "output", "cotangent")
        pairs = [(n, c) for n, c in zip(nodes, cts, strict=True) if n is not None and c is not None]
        found = iter(backward([n for n, _ in pairs], [c for _, c in pairs], input_nodes))
        result = [
            None if not is_inexact(x.dtype) else zeros_like(x) if (g := next(found)) is None else g for x in leaves
        ]
        return tree.unflatten(structure, result)

    value = tree.unflatten(out_structure, plain)
    return (value, pullback, _drop(aux, trace)) if has_aux else (value, pullback)


@takes_function
def value_and_grad(
    f: Callable[..., Any] = OMITTED,
    argnums: int | Sequence[int] | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    *,
    argnames: str | Sequence[str] | None = None,
    memory: int | str | None = None,
) -> Callable[..., Any]:
    """A function that returns f's value and its gradient.

    Args, Raises: as for `grad`.

    Returns:
        A function of f's arguments returning (value, gradient), or ((value, aux), gradient) with `has_aux`.

    >>> import funcgrad as fg
    >>> value, g = fg.value_and_grad(lambda x: x * x)(3.0)
    >>> float(value), float(g)
    (9.0, 6.0)
    """
    selection = select(argnums, argnames, "grad")
    budget = None if memory is None else byte_count(memory, "grad: memory")

    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        call = selection.bind(f, args, kwargs)
        leaves, structure = tree.flatten(call.chosen)
        leaves = as_arrays(leaves, "grad", advice=OF_ARGNUMS)
        smooth = [is_inexact(x.dtype) for x in leaves]
        if not allow_int:
            call.refuse_integers(leaves)
        if holomorphic:
            refuse_reals([x for x, s in zip(leaves, smooth, strict=True) if s], "grad", "an argument")
        below = current_trace()
        trace = GradTrace(below) if budget is None else BudgetTrace(below, budget, memory)
        inputs: list[Any] = [trace.lift(x) if s else x for x, s in zip(leaves, smooth, strict=True)]
        with use_trace(trace):
            out = call(tree.unflatten(structure, inputs))
        out, aux = split_aux(out, has_aux)
        value = scalar_output(out, holomorphic)
        if belongs(value, trace):
            nodes = [x.node for x, s in zip(inputs, smooth, strict=True) if s]
            found = iter(trace.backward(value, ones_like(value.inner), nodes))
            value = value.inner
        else:
            found = iter([None] * sum(smooth))
        gradient = [
            None if not s else zeros_like(x) if (g := next(found)) is None else g
            for x, s in zip(leaves, smooth, strict=True)
        ]
        result = (value, _drop(aux, trace)) if has_aux else value
        return result, call.result(tree.unflatten(structure, gradient))

    return selection.named(value_and_gradient, f, "value_and_grad")


@takes_function
def grad(
    f: Callable[..., Any] = OMITTED,
    argnums: int | Sequence[int] | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    *,
    argnames: str | Sequence[str] | None = None,
    memory: int | str | None = None,
) -> Callable[..., Any]:
    """A function that returns the gradient of f, a function with one real number as its value.

    Args:
        f: a function of pytrees of arrays, whose output is an array of one element and no dimensions; without it, a
            decorator with the other arguments.
        argnums: which positional arguments to differentiate by: an int gives that gradient, a sequence a tuple of
            them. The first one where neither this nor `argnames` is given.
        has_aux: f returns (output, auxiliary data), and the new function (gradient, auxiliary data).
        holomorphic: f is a holomorphic function of complex arrays with one complex number as its value; the gradient
            is its complex derivative.
        allow_int: arguments may hold integers and booleans, whose gradient is None.
        argnames: which arguments to differentiate by, by name (also positional ones): a string or a sequence.
            With both, the result is (gradients by position, dict of gradients by name); with names alone, one
            gradient for a string and a dict for a sequence.
        memory: a budget for the values that are kept between the two passes, a number of bytes or "256MB": beyond it
            values are forgotten and computed again when they are needed (f runs once). The arguments, constants and
            gradients are not counted.

    Returns:
        A function of f's arguments; the gradient has the structure, shapes and dtypes of the argument.

    Raises:
        NonScalarError: the output has dimensions, or is a tree.
        DtypeError: an argument to differentiate by holds integers, or the output is not real.
        MemoryBudgetError: one operation alone, or what it takes to compute a value again, needs more than `memory`.

    >>> import funcgrad as fg
    >>> float(fg.grad(lambda x: x ** 3)(2.0)), float(fg.grad(fg.grad(lambda x: x ** 3))(2.0))
    (12.0, 12.0)
    >>> {k: float(v) for k, v in fg.grad(lambda p, x: p["w"] * x + p["b"])({"w": 2.0, "b": 1.0}, 3.0).items()}
    {'w': 3.0, 'b': 1.0}
    """
    both = value_and_grad(f, argnums, has_aux, holomorphic, allow_int, argnames=argnames, memory=memory)

    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return Selection.named(gradient, f, "grad")


def stop_gradient(x: Any) -> Any:
    """The values of a pytree as constants to every derivative.

    >>> import funcgrad as fg
    >>> float(fg.grad(lambda x: x * fg.stop_gradient(x))(3.0))
    3.0
    """
    return tree.map(lambda leaf: constant(asarray(leaf)), x)


# ---- inputs and outputs ------------------------------------------------------------------------


def _drop(out: Any, trace: GradTrace) -> Any:
    """Auxiliary data without this trace's tracers."""
    return tree.map(lambda x: x.inner if belongs(x, trace) else x, out)
