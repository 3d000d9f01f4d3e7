"""A function as a graph, without values: the bodies of loops and the branches inside of them.

Staging runs a function on real values. The body of a loop has others at each step, so it is written down on shapes
alone, and may not ask for values. What it reads from around it, tracers of running transforms included, are operands:

    scan(lambda h, x: (h @ w, x), h, xs)        body: (w, h, x) -> (h @ w, x), called with the tracer w

So a loop is one operation of every transform that it runs under, and each of them makes a new body of the old one
(`derived`), as it would of a user's function. A custom rule must outlast that: its call stays in the body as an
equation until no transform is left (`expanded`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..core import Array, Call, Params, Primitive, Trace, Tracer, backend_array, current_trace, is_running, use_trace
from ..dtypes import is_inexact
from ..graph.ir import Atom, Eqn, Graph, GraphCall, Literal, Number, Type, Var, evaluate
from ..graph.keys import MOST_BYTES
from ..graph.passes.dead_code import dead_code
from ..ops.collective import COLLECTIVES
from ..provenance import here
from .closure import CaptureTrace, SubstitutionTrace, resolve
from .number import StagedNumber
from .stage import Recording, ShapeTrace, StageTrace, StageTracer, Unknown

__all__ = [
    "BodyTrace",
    "Unrollable",
    "chain",
    "derived",
    "expanded",
    "has_derivative",
    "inside_body",
    "is_expanded",
    "lowered",
    "reached",
    "staged_body",
    "staging",
]

Flat = Callable[[Sequence[Any]], Sequence[Any]]
"""A function from a list of arrays to a list of arrays."""


class Unrollable(Exception):  # noqa: N818  # never seen by users: the function then runs step by step
    """A function that cannot be written down without values."""


class BodyTrace(ShapeTrace):
    """Writes down what is done to shapes, and notes what comes from outside.

    Args:
        parent: the trace that was current when it began, whose values the function may read.
        expands: whether custom rules are of no use any more, as no transform will ask for them.
    """

    __slots__ = ("around", "captured", "expands", "failed")
    name = "loop body"

    def __init__(self, parent: Trace | None, expands: bool):
        super().__init__()
        self.parent, self.expands = parent, expands
        self.captured: dict[int, tuple[Any, Any]] = {}  # by id: what comes from outside, and what stands for it
        self.failed = ""  # why it cannot be written down; the function may have caught the exception
        records = (t for t in chain(parent) if isinstance(t, StageTrace) and not isinstance(t, BodyTrace))
        self.around = next(records, None)

    def atom(self, x: Any) -> Atom:
        if type(x) in (StageTracer, StagedNumber) and x.owner is self:
            return x.variable  # type: ignore[no-any-return]
        if isinstance(x, Tracer | StagedNumber) or (isinstance(x, Array) and self.is_outside(x)):
            return self.capture(x).variable  # type: ignore[no-any-return]
        return Literal(x)

    def read(self, x: Any) -> Any:
        if type(x) in (StageTracer, StagedNumber) and x.owner is self:
            return x.inner
        found = self.captured.get(id(x))
        return x if found is None else found[1].inner

    def is_outside(self, x: Array) -> bool:
        """Is a plain array to be an operand? So are inputs of the record around, and what is too large for a body."""
        if self.parent is None:
            return False
        return x.nbytes > MOST_BYTES or (self.around is not None and id(x) in self.around.hidden)

    def capture(self, x: Any) -> Any:
        """The stand-in of a value from outside."""
        found = self.captured.get(id(x))
        if found is None:
            if isinstance(x, Tracer) and not is_running(x.owner) and resolve(x) is x:
                raise self.fail("it reads a value of a transform that has ended")
            found = self.captured[id(x)] = x, self.input(x)
        return found[1]

    def named(self, value: Any, var: Var) -> Any:
        if isinstance(value, Array) and not isinstance(value, Unknown):
            value = Unknown(value.aval, backend_array(value))
        return super().named(value, var)

    def compute(self, primitive: Primitive, values: Sequence[Any], params: Params) -> Array:
        beside = next((x._data for x in values if isinstance(x, Unknown)), None)
        if beside is None:
            return primitive.impl(*values, **params)  # type: ignore[no-any-return]
        return Unknown(primitive.infer_of(values, params), beside)

    def process(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        if primitive.name in COLLECTIVES:
            raise self.fail("it communicates between the examples of a batch")
        atoms = [self.atom(x) for x in args]
        out = self.compute(primitive, [self.read(x) for x in args], params)
        if not any(isinstance(a, Var) for a in atoms):
            return out
        var = Var(out.aval)
        self.record.eqns.append(Eqn(primitive, atoms, params, (var,), here()))
        return self.named(out, var)

    def process_call(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        if call.effect:
            raise self.fail(f"{call.name} has an effect")
        if call.opaque:
            return self.record_call(call.lowered() if self.expands else call, args)
        if self.expands or call.transparent:
            with use_trace(self):
                return call.evaluate(args)
        if not call.closed:
            raise self.fail(f"the rules of {call.name} read more than its operands")
        return self.keep(call, args)

    def keep(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        """A call with rules of its own as one equation; what it does is only looked at for its results' types."""
        atoms = [self.atom(x) for x in args]
        record, before = self.record, len(self.captured)
        self.record = Recording()
        try:
            with use_trace(self):
                outs = call.evaluate(args)
        finally:
            self.record = record
        if len(self.captured) > before:
            raise self.fail(f"{call.name} reads more than its operands")
        variables = [Var(x.aval) for x in outs]
        self.record.eqns.append(Eqn(call, atoms, {}, variables, here()))
        return [self.named(Unknown(x.aval, backend_array(x)), v) for x, v in zip(outs, variables, strict=True)]

    def ask(self, x: StageTracer) -> None:
        raise self.fail(f"it asks for a value ({x.aval})")

    def ask_number(self, x: StagedNumber) -> None:
        raise self.fail(f"it asks for a number ({x.kind.__name__})")

    def fail(self, why: str) -> Unrollable:
        """The exception for what cannot be written down."""
        self.failed = self.failed or why
        return Unrollable(why)


def chain(trace: Trace | None) -> Iterator[Trace]:
    """That trace and those below it."""
    while trace is not None:
        yield trace
        trace = trace.parent


def staging() -> bool:
    """Is what happens now being recorded?"""
    return any(isinstance(t, StageTrace) for t in chain(current_trace()))


def inside_body() -> bool:
    """Is what happens now a part of the body of a loop that is being written down?"""
    return any(isinstance(t, BodyTrace) for t in chain(current_trace()))


def staged_body(f: Flat, types: Sequence[Type], beside: Any) -> tuple[Graph, list[Any]]:
    """A function as a graph of (what it reads from around it, its arguments), and what that is.

    Args:
        f: from a list of arrays to a list of arrays.
        types: of its arguments.
        beside: a backend's array on the device where its arguments are.

    Raises:
        Unrollable: it asks for values, or acts.
    """
    parent = current_trace()
    expands = all(isinstance(t, StageTrace | CaptureTrace | SubstitutionTrace) for t in chain(parent))
    return written(f, types, beside, BodyTrace(parent, expands))


def derived(f: Flat, types: Sequence[Type], beside: Any) -> Graph:
    """A function that reads nothing but its arguments as a graph; custom rules stay."""
    with use_trace(None):
        return written(f, types, beside, BodyTrace(None, False))[0]


def expanded(graph: Graph, beside: Any = None) -> Graph:
    """The graph with what custom rules belong to in the place of their calls."""
    with use_trace(None):
        types = [v.type for v in graph.inputs]
        return written(lambda xs: evaluate(graph, xs), types, beside, BodyTrace(None, True))[0]


def lowered(call: Any) -> Any:
    """A call of graphs without calls that are there for their rules."""
    return call if all(map(is_expanded, call.graphs.values())) else call.each(expanded)


def is_expanded(graph: Graph) -> bool:
    """Is there no call left that is there for its rules?"""
    calls = [e.op for e in graph.eqns if isinstance(e.op, Call)]
    return all(c.opaque and (not isinstance(c, GraphCall) or all(map(is_expanded, c.graphs.values()))) for c in calls)


def written(f: Flat, types: Sequence[Type], beside: Any, trace: BodyTrace) -> tuple[Graph, list[Any]]:
    """The graph of f under that trace, and the values from outside that are its first inputs."""
    inputs = [trace.input(t.kind(1) if isinstance(t, Number) else Unknown(t, beside)) for t in types]
    with use_trace(trace):
        outs = f(inputs)
        atoms = tuple(map(trace.atom, outs))
    if trace.failed:
        raise Unrollable(trace.failed)
    captured = list(trace.captured.values())
    variables = (*(stand_in.variable for _, stand_in in captured), *(x.variable for x in inputs))
    # no other pass: they keep values, and a derivative that is taken later may need what they drop (`stop_gradient`)
    return dead_code(Graph(variables, tuple(trace.record.eqns), atoms)), [x for x, _ in captured]


def reached(graph: Graph, moving: Sequence[bool], derivative: bool) -> list[bool]:
    """Which outputs depend on the inputs that move; for a derivative, by way of numbers that have one."""
    found = {v for v, m in zip(graph.inputs, moving, strict=True) if m}
    for eqn in graph.eqns:
        if not found.isdisjoint(eqn.operands):
            found.update(v for v in eqn.outs if not derivative or has_derivative(v.type))
    return [a in found for a in graph.outputs]


def has_derivative(t: Type) -> bool:
    """Has a value of that type tangents and cotangents?"""
    return not isinstance(t, Number) and is_inexact(t.dtype)
