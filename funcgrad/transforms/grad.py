"""Reverse mode: `vjp`, `grad`, `value_and_grad`.

Forward, every operation that touches a differentiated value runs under the parent trace and leaves a **node**: which
operation, which values its rule will read, and the nodes of its operands. No derivative is computed. Together the
nodes are the tape, a graph that only looks backwards: a branch whose result nobody holds any more is freed, as any
other Python object.

Backward, `backward` visits the nodes from the youngest to the oldest, so that each has its whole cotangent before it
passes it on. The rules are ordinary operations, so the backward pass is itself differentiable and batchable: `grad` of
`grad` needs no code.

    y = f(x)             x --> sin --> mul --> y                 nodes 0, 1, 2
    pull(ct)             x <-- cos(x) * . <-- z * . <-- ct       rules, 2, 1, 0
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import count
from operator import attrgetter
from typing import Any

from .. import tree
from ..core import Array, Call, Params, Primitive, Trace, Tracer, bind, bind_call, current_trace, use_trace
from ..dtypes import is_inexact
from ..numpy.creation import asarray, ones_like, zeros_like
from ..ops.elementwise import stop_gradient as constant
from ..provenance import describe, is_internal
from .arguments import Selection, as_arrays, directions, refuse_reals, scalar_output, select, split_aux

__all__ = ["GradTrace", "GradTracer", "grad", "stop_gradient", "value_and_grad", "vjp"]

_serial = count().__next__


class Node:
    """One operation of the forward pass, with what its rule reads; an input of the function is a node without one."""

    __slots__ = ("args", "code", "lasti", "out", "params", "parents", "primitive", "serial")

    def __init__(
        self,
        primitive: Primitive | None,
        args: Sequence[Any],
        params: Params,
        out: Any,
        parents: Sequence[Node | None],
    ):
        self.serial = _serial()
        self.primitive = primitive
        self.args = args
        self.params = params
        self.out = out
        self.parents = parents
        # `provenance.here`, without its call: this is on every operation's path. Frames 0 to 2 are this one,
        # `process`, and the operation
        frame: Any = sys._getframe(3)
        while is_internal[frame.f_code.co_filename] and frame.f_back is not None:
            frame = frame.f_back
        self.code, self.lasti = frame.f_code, frame.f_lasti


class GradTracer(Tracer):
    """A value and the node that made it."""

    __slots__ = ("inner", "node")

    def __init__(self, trace: GradTrace, inner: Array, node: Node):
        self.trace = trace
        self.inner = inner
        self.node = node
        self.dtype = inner.dtype

    aval: Any = property(lambda self: self.inner.aval)
    shape: Any = property(lambda self: self.inner.shape)


class GradTrace(Trace):
    """Runs each operation under the parent and appends a node."""

    __slots__ = ()
    name, carries = "grad", "derivative"

    def lift(self, x: Array) -> GradTracer:
        """An input of the differentiated function."""
        return GradTracer(self, x, Node(None, (), {}, None, ()))

    def process(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        parent = self.parent
        if len(args) == 1:  # the general case below in half the time: most operations have one operand
            (x,) = args
            if type(x) is not GradTracer or x.trace is not self:
                return bind(parent, primitive, args, params)
            inner = x.inner
            plain = parent is None and not params
            out = primitive.impl(inner) if plain else bind(parent, primitive, (inner,), params)
            if primitive.pull is None:
                return out
            reads_out, unread = primitive.unread[0b11]
            saved = inner.aval if unread else inner
            return GradTracer(self, out, Node(primitive, (saved,), params, out if reads_out else None, (x.node,)))
        primals: list[Any] = []
        parents: list[Node | None] = []
        wanted = 1
        for x in args:
            wanted += wanted
            if type(x) is GradTracer and x.trace is self:
                wanted += 1
                primals.append(x.inner)
                parents.append(x.node)
            else:
                primals.append(x)
                parents.append(None)
        out = bind(parent, primitive, primals, params)
        if primitive.pull is None or wanted == 1 << len(primals):
            return out
        reads_out, unread = primitive.unread[wanted]
        for i in unread:
            if isinstance(primals[i], Array):
                primals[i] = primals[i].aval
        return GradTracer(self, out, Node(primitive, primals, params, out if reads_out else None, parents))

    def process_call(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        mine = [_belongs(x, self) for x in args]
        if not any(mine):
            return bind_call(self.parent, call, args)
        with use_trace(self.parent):
            outs, pull = call.vjp([x.inner if m else x for x, m in zip(args, mine, strict=True)], mine)
        parents = [x.node if m else None for x, m in zip(args, mine, strict=True)]
        node = Node(_Pulled(call.name, len(outs), pull), (), {}, None, parents)  # type: ignore[arg-type]
        return [
            GradTracer(self, out, Node(_Result(i), (), {}, None, (node,))) if is_inexact(out.dtype) else out  # type: ignore[arg-type]
            for i, out in enumerate(outs)
        ]


class _Pulled:
    """What a call's node has in a primitive's place: its pullback, which takes the cotangents of all results."""

    __slots__ = ("name", "pull", "residuals")

    def __init__(self, name: str, count: int, pull: Callable[..., Sequence[Any]]):
        self.name = name
        self.residuals = getattr(pull, "residuals", ())  # (array, where it comes from), as far as the call tells
        self.pull = lambda ct, out, args, params, wanted: pull([ct.found.get(i) for i in range(count)])


class _Result:
    """What one result's node has in a primitive's place: it tells the call's node whose cotangent this is."""

    __slots__ = ("name", "pull")

    def __init__(self, index: int):
        self.name = "result"
        self.pull = lambda ct, out, args, params, wanted: (_Cotangents({index: ct}),)


class _Cotangents:
    """The cotangents of some of a call's results, gathered as the walk meets them."""

    __slots__ = ("found",)

    def __init__(self, found: dict[int, Any]):
        self.found = found

    def __add__(self, other: _Cotangents) -> _Cotangents:
        self.found.update(other.found)  # each result has one node, which sends its whole cotangent once
        return self


def backward(roots: Sequence[Node], cts: Sequence[Any], inputs: Sequence[Node], last: bool = False) -> list[Any]:
    """Cotangents of the inputs (None where the roots do not depend on one) from those of the roots.

    The `last` walk frees the tape on its way.
    """
    waiting: dict[Node, Any] = {}
    for root, ct in zip(roots, cts, strict=True):
        waiting[root] = waiting[root] + ct if root in waiting else ct
    for node in reversed(oldest_first(waiting)):
        primitive, parents = node.primitive, node.parents
        if primitive is None or (ct := waiting.pop(node, None)) is None:
            continue
        try:
            found = primitive.pull(ct, node.out, node.args, node.params, parents)
        except Exception as error:
            error.add_note(f"in the backward pass of {primitive.name} at {describe((node.code, node.lasti))}")
            raise
        if last:  # nobody will walk here again: what was saved goes as soon as it has been used
            node.primitive, node.args, node.out, node.parents = None, (), None, ()
        for parent, g in zip(parents, found):  # noqa: B905  # as many, and this loop is on every operation's path
            if parent is not None and g is not None:
                waiting[parent] = waiting[parent] + g if parent in waiting else g
    return [waiting.get(node) for node in inputs]


def oldest_first(roots: Sequence[Node] | dict[Node, Any]) -> list[Node]:
    """Every node that the roots depend on, in the order they were made."""
    seen, stack = set(roots), list(roots)
    while stack:
        for parent in stack.pop().parents:
            if parent is not None and parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return sorted(seen, key=attrgetter("serial"))


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
    leaves, structure = tree.flatten(primals)
    leaves = as_arrays(leaves, "vjp")
    trace = GradTrace(current_trace())
    inputs = [trace.lift(x) if is_inexact(x.dtype) else x for x in leaves]
    with use_trace(trace):
        out = f(*tree.unflatten(structure, inputs))
    out, aux = split_aux(out, has_aux)
    out_leaves, out_structure = tree.flatten(out)
    nodes = [x.node if _belongs(x, trace) else None for x in out_leaves]
    plain = [x.inner if _belongs(x, trace) else x for x in out_leaves]
    avals = tree.unflatten(out_structure, [asarray(x).aval for x in plain])
    input_nodes = [x.node for x in inputs if isinstance(x, GradTracer) and x.trace is trace]

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


def value_and_grad(
    f: Callable[..., Any],
    argnums: int | Sequence[int] | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    *,
    argnames: str | Sequence[str] | None = None,
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

    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        call = selection.bind(f, args, kwargs)
        leaves, structure = tree.flatten(call.chosen)
        leaves = as_arrays(leaves, "grad")
        smooth = [is_inexact(x.dtype) for x in leaves]
        if not allow_int:
            call.refuse_integers(leaves)
        if holomorphic:
            refuse_reals([x for x, s in zip(leaves, smooth, strict=True) if s], "grad", "an argument")
        trace = GradTrace(current_trace())
        inputs: list[Any] = [trace.lift(x) if s else x for x, s in zip(leaves, smooth, strict=True)]
        with use_trace(trace):
            out = call(tree.unflatten(structure, inputs))
        out, aux = split_aux(out, has_aux)
        value = scalar_output(out, holomorphic)
        if _belongs(value, trace):
            nodes = [x.node for x, s in zip(inputs, smooth, strict=True) if s]
            found = iter(backward([value.node], [ones_like(value.inner)], nodes, last=True))
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


def grad(
    f: Callable[..., Any],
    argnums: int | Sequence[int] | None = None,
    has_aux: bool = False,
    holomorphic: bool = False,
    allow_int: bool = False,
    *,
    argnames: str | Sequence[str] | None = None,
) -> Callable[..., Any]:
    """A function that returns the gradient of f, a function with one real number as its value.

    Args:
        f: a function of pytrees of arrays, whose output is an array of one element and no dimensions.
        argnums: which positional arguments to differentiate by: an int gives that gradient, a sequence a tuple of
            them. The first one where neither this nor `argnames` is given.
        has_aux: f returns (output, auxiliary data), and the new function (gradient, auxiliary data).
        holomorphic: f is a holomorphic function of complex arrays with one complex number as its value; the gradient
            is its complex derivative.
        allow_int: arguments may hold integers and booleans, whose gradient is None.
        argnames: which arguments to differentiate by, by name (also positional ones): a string or a sequence.
            With both, the result is (gradients by position, dict of gradients by name); with names alone, one
            gradient for a string and a dict for a sequence.

    Returns:
        A function of f's arguments; the gradient has the structure, shapes and dtypes of the argument.

    Raises:
        NonScalarError: the output has dimensions, or is a tree.
        DtypeError: an argument to differentiate by holds integers, or the output is not real.

    >>> import funcgrad as fg
    >>> float(fg.grad(lambda x: x ** 3)(2.0)), float(fg.grad(fg.grad(lambda x: x ** 3))(2.0))
    (12.0, 12.0)
    >>> {k: float(v) for k, v in fg.grad(lambda p, x: p["w"] * x + p["b"])({"w": 2.0, "b": 1.0}, 3.0).items()}
    {'w': 3.0, 'b': 1.0}
    """
    both = value_and_grad(f, argnums, has_aux, holomorphic, allow_int, argnames=argnames)

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


def _belongs(x: Any, trace: GradTrace) -> bool:
    return type(x) is GradTracer and x.trace is trace


def _drop(out: Any, trace: GradTrace) -> Any:
    """Auxiliary data without this trace's tracers."""
    return tree.map(lambda x: x.inner if _belongs(x, trace) else x, out)
