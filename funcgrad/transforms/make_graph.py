"""What a function does, to look at: `make_graph`, and without computing it, `eval_shape`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..core import SCALARS, Array, Aval, WeakNumber, current_trace, use_trace
from ..errors import TracedConversionError
from ..graph.ir import Eqn, Graph
from ..graph.passes import simplify
from ..numpy.creation import asarray
from .callback import ShapeDtypeStruct
from .stage import ShapeTrace, StageTrace, Unknown

__all__ = ["eval_shape", "make_graph"]


def make_graph(
    f: Callable[..., Any],
    static_argnums: int | Sequence[int] = (),
    *,
    return_shape: bool = False,
    simplified: bool = False,
) -> Callable[..., Any]:
    """A function that returns the graph of f on its arguments: what f does, one equation an operation.

    Args:
        f: a function of pytrees of arrays. Where it branches on values, the graph is that of the path the values take.
        static_argnums: arguments that are no inputs of the graph.
        return_shape: return (graph, f's output with a `ShapeDtypeStruct` for each array).
        simplified: run the passes of `jit` that keep every bit.

    Returns:
        A function of f's arguments, which returns a graph: text when printed, and a drawing by `fg.graph.to_svg` or
        `fg.graph.to_dot`; where a `ShapeDtypeStruct` stands for an array nothing is computed, and f must
        not ask for values.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.make_graph(fg.grad(lambda x: fnp.sum(fnp.sin(x) ** 2)))(fnp.ones(3))
    { lambda a:float32[3]. let
        b:float32[3] = sin a
        c:float32[3] = square b
        d:float32[] = sum[axes=(0,)] c
        e:float32[3] = multiply 2 b
        f:float32[3] = multiply const:float32[3] e
        g:float32[3] = cos a
        h:float32[3] = multiply f g
      in (h,) }
    """
    static = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)

    @functools.wraps(f)
    def graph_of(*args: Any, **kwargs: Any) -> Any:
        graph, out = staged(f, args, kwargs, {n % len(args) for n in static})
        graph = simplify(graph) if simplified else graph
        return (graph, tree.map(_shape, out)) if return_shape else graph

    return graph_of


def eval_shape(f: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The shapes and dtypes of f's output, without computing it.

    Args:
        f: a function of pytrees of arrays, which must not ask for their values (`if`, `int(x)`, `x[mask]`).
        *args, **kwargs: arrays, or anything with a shape and a dtype in their places.

    Returns:
        f's output with a `ShapeDtypeStruct` for each array.

    Raises:
        TracedConversionError: f asks for a value.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.eval_shape(lambda x, w: {"y": x @ w}, fg.ShapeDtypeStruct((8, 3), "float32"), fnp.ones((3, 2)))
    {'y': float32[8,2]}
    """
    given, named = tree.map(_shape, (args, kwargs), is_leaf=_is_shape)
    return tree.map(_shape, staged(f, given, named, frozenset())[1])


def staged(f: Callable[..., Any], args: Any, kwargs: Any, static: Any) -> tuple[Graph, Any]:
    """The graph of f on these arguments, and its output on values or shapes."""
    moving = [None if i in static else x for i, x in enumerate(args)], kwargs
    leaves, structure = tree.flatten(moving, is_leaf=_is_shape)
    places = [i for i, x in enumerate(leaves) if _has_form(x) or type(x) in (int, float, complex)]
    values = [_value(leaves[i]) for i in places]
    trace = ShapeTrace() if any(isinstance(x, Unknown) for x in values) else StageTrace()
    inputs = [trace.input(x) for x in values]
    for i, x in zip(places, inputs, strict=True):
        leaves[i] = x
    given, named = tree.unflatten(structure, leaves)
    outer = current_trace()
    if outer is not None:
        raise TracedConversionError(f"make_graph and eval_shape cannot be called under {outer.name}")
    with use_trace(trace):
        out = f(*[args[i] if i in static else x for i, x in enumerate(given)], **named)
        outs = [x for x in tree.leaves(out) if isinstance(x, Array | WeakNumber) or type(x) in SCALARS]
    eqns: list[Eqn] = [e for segment in trace.record.segments for e in segment.eqns] + trace.record.eqns
    graph = Graph(tuple(x.variable for x in inputs), tuple(eqns), tuple(map(trace.atom, outs)))
    return graph, tree.map(trace.read, out)


def _has_form(x: Any) -> bool:
    return hasattr(x, "shape") and hasattr(x, "dtype")


def _is_shape(x: Any) -> bool:
    return isinstance(x, Aval)


def _value(x: Any) -> Any:
    """An input of the graph: a number, an array, or what has only its form."""
    if type(x) in (int, float, complex):
        return x
    return asarray(x) if hasattr(x, "__array__") else Unknown(Aval(tuple(x.shape), np.dtype(x.dtype)))


def _shape(x: Any) -> Any:
    return ShapeDtypeStruct(x.shape, x.dtype) if _has_form(x) else x
