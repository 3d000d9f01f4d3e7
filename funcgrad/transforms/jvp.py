"""Forward mode: every value carries a tangent along, and each operation pushes both forward.

    (x, t)  -->  sin  -->  (sin x, cos(x) t)

A tangent of None is zero: no rule runs for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..core import Array, Call, Params, Primitive, Trace, Tracer, bind, bind_call, current_trace, use_trace
from ..errors import TreeError
from ..numpy.creation import zeros_like
from .arguments import as_arrays, directions, refuse_value, split_aux

__all__ = ["JVPTrace", "JVPTracer", "jvp"]


class JVPTracer(Tracer):
    """A value and its tangent."""

    __slots__ = ("inner", "tangent")

    def __init__(self, trace: JVPTrace, inner: Array, tangent: Array):
        self.owner, self.inner, self.tangent, self.dtype = trace, inner, tangent, inner.dtype

    aval: Any = property(lambda self: self.inner.aval)


class JVPTrace(Trace):
    """Runs each operation under the parent, and its derivative rule beside it."""

    __slots__ = ()
    name, carries, differentiates = "jvp", "derivative", True

    def process(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        primals, tangents = [], []
        for x in args:
            mine = type(x) is JVPTracer and x.owner is self
            primals.append(x.inner if mine else x)
            tangents.append(x.tangent if mine else None)
        out = bind(self.parent, primitive, primals, params)
        if primitive.jvp is None or all(t is None for t in tangents):
            return out
        with use_trace(self.parent):
            tangent = primitive.jvp(primals, tangents, out, params)
        return out if tangent is None else JVPTracer(self, out, tangent)

    def process_call(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        mine = [_belongs(x, self) for x in args]
        if not any(mine):
            return bind_call(self.parent, call, args)
        primals = [x.inner if m else x for x, m in zip(args, mine, strict=True)]
        with use_trace(self.parent):
            outs, tangents = call.jvp(primals, [x.tangent if m else None for x, m in zip(args, mine, strict=True)])
        return [x if t is None else JVPTracer(self, x, t) for x, t in zip(outs, tangents, strict=True)]


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any], *, has_aux: bool = False) -> Any:
    """The value of f and its derivative in one direction.

    With J the Jacobian of f at the primals and t the tangents, it is (f(primals), J t), in one pass forward, at a
    small multiple of f's own cost and without memory for intermediate values.

    Args:
        f: a function of pytrees of arrays.
        primals: its arguments, a sequence.
        tangents: the direction: the primals' structure, shapes and dtypes; None for an integer leaf.
        has_aux: f returns (output, auxiliary data); the data come back as they are.

    Returns:
        (output, tangent of the output), or (output, tangent, aux).

    Raises:
        TreeError, ShapeError, DtypeError: primals and tangents do not fit each other.

    >>> import funcgrad as fg
    >>> y, t = fg.jvp(lambda x: x * x, (3.0,), (1.0,))
    >>> float(y), float(t)
    (9.0, 6.0)

    Source: Griewank and Walther, Evaluating Derivatives, 2nd ed., 2008, chapter 3.
    """
    refuse_value(f, "jvp")
    if not isinstance(primals, tuple | list) or not isinstance(tangents, tuple | list):
        raise TreeError("jvp takes the primals and the tangents as tuples: jvp(f, (x,), (t,))")
    leaves, structure = tree.flatten(tuple(primals))
    leaves = as_arrays(leaves, "jvp")
    found = directions(tree.unflatten(structure, leaves), tuple(tangents), "jvp", "primal", "tangent")
    trace = JVPTrace(current_trace())
    inputs = [x if t is None else JVPTracer(trace, x, t) for x, t in zip(leaves, found, strict=True)]
    with use_trace(trace):
        out = f(*tree.unflatten(structure, inputs))
    out, aux = split_aux(out, has_aux)

    def value(x: Any) -> Any:
        return x.inner if _belongs(x, trace) else x

    def tangent(x: Any) -> Any:
        return x.tangent if _belongs(x, trace) else zeros_like(x)

    result = tree.map(value, out), tree.map(tangent, out)
    return (*result, tree.map(value, aux)) if has_aux else result


def _belongs(x: Any, trace: JVPTrace) -> bool:
    return type(x) is JVPTracer and x.owner is trace
