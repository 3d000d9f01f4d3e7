"""The tape of reverse mode: what `grad` and `vjp` record forward, and how they walk it backward.

Forward, every operation that touches a differentiated value runs under the parent trace and leaves a **node**: which
operation, which values its rule will read, and the nodes of its operands. No derivative is computed. Together the
nodes are the tape, a graph that only looks backwards: a branch whose result nobody holds any more is freed, as any
other Python object.

Backward, `backward` visits the nodes from the youngest to the oldest, so that each has its whole cotangent before it
passes it on. The rules are ordinary operations, so the backward pass is itself differentiable and batchable: `grad` of
`grad` needs no code.

    y = sin(x) * z       x --> sin --> mul --> y                 nodes 0, 1, 2; z is a constant
    pull(ct)             x <-- cos(x) * . <-- z * . <-- ct       the rules of 2 and 1
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import count
from operator import attrgetter
from typing import Any

from ..core import Array, Call, Params, Primitive, Trace, Tracer, bind, bind_call, use_trace
from ..dtypes import is_inexact
from ..provenance import describe, innermost, is_foreign

__all__ = ["GradTrace", "GradTracer", "Node", "backward", "belongs", "call_nodes", "oldest_first"]

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
        while is_foreign[frame.f_code.co_filename]:
            frame = frame.f_back
            if frame is None:  # libraries alone
                frame = innermost(sys._getframe(3))
                break
        self.code, self.lasti = frame.f_code, frame.f_lasti


class GradTracer(Tracer):
    """A value and the node that made it."""

    __slots__ = ("inner", "node")

    def __init__(self, trace: GradTrace, inner: Array, node: Node):
        self.owner = trace
        self.inner = inner
        self.node = node
        self.dtype = inner.dtype

    aval: Any = property(lambda self: self.inner.aval)
    shape: Any = property(lambda self: self.inner.shape)


class GradTrace(Trace):
    """Runs each operation under the parent and appends a node."""

    __slots__ = ()
    name, carries, differentiates = "grad", "derivative", True

    def lift(self, x: Array) -> GradTracer:
        """An input of the differentiated function."""
        return GradTracer(self, x, Node(None, (), {}, None, ()))

    def process(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        parent = self.parent
        if len(args) == 1:  # the general case below in half the time: most operations have one operand
            (x,) = args
            if type(x) is not GradTracer or x.owner is not self:
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
        wanted = 1  # a leading 1 and a bit an operand, set where it is differentiated: the cheapest key of `unread`
        for x in args:
            wanted += wanted
            if type(x) is GradTracer and x.owner is self:
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
        mine = [belongs(x, self) for x in args]
        if not any(mine):
            return bind_call(self.parent, call, args)
        with use_trace(self.parent):
            outs, pull = call.vjp([x.inner if m else x for x, m in zip(args, mine, strict=True)], mine)
        nodes = call_nodes(call, outs, pull, [x.node if m else None for x, m in zip(args, mine, strict=True)])
        return [x if node is None else GradTracer(self, x, node) for x, node in zip(outs, nodes, strict=True)]

    def backward(self, root: Any, ct: Any, inputs: Sequence[Node]) -> list[Any]:
        """The one walk over a tape that nobody needs afterwards."""
        return backward([root.node], [ct], inputs, last=True)


def call_nodes(
    call: Call, outs: Sequence[Any], pull: Callable[..., Sequence[Any]], parents: Sequence[Node | None]
) -> list[Node | None]:
    """A node for each result of a call that has a derivative."""
    node = Node(_Pulled(call.name, len(outs), pull), (), {}, None, parents)  # type: ignore[arg-type]
    return [
        Node(_Result(i), (), {}, None, (node,))  # type: ignore[arg-type]
        if isinstance(x, Array) and is_inexact(x.dtype)  # of a jitted function it may be a Python number
        else None
        for i, x in enumerate(outs)
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
        """Those of both, in this one, which the walk alone holds: a copy a result would be quadratic in them."""
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
            found = primitive.pull(ct, node.out, node.args, node.params, parents)  # None in `parents`: not wanted
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


def value_readers(roots: Sequence[Node]) -> list[Node]:
    """The operations whose rules read a value that depends on the inputs: a linear function has none on its tape.

    A value of a call counts as depending on all of the call's operands.
    """
    found = []
    for node in oldest_first(roots):
        reads = [x for x, parent in zip(node.args, node.parents, strict=False) if parent is not None]
        if node.primitive is not None and any(isinstance(x, Array) for x in (node.out, *reads)):
            found.append(node)
    return found


def is_call(node: Node) -> bool:
    """Is this a call's node, not an operation's?"""
    return isinstance(node.primitive, _Pulled)


def belongs(x: Any, trace: Trace) -> bool:
    """Is x a tracer of that trace?"""
    return isinstance(x, Tracer) and x.owner is trace
