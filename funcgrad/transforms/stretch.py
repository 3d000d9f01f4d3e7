"""Reverse mode of one stretch of a path, from a question to the next: a program forward, and programs backward.

    forward     live values -> (live values after it, residuals), and the answer
    backward    residuals, cotangents of the values after it -> cotangents of the values before it

Both are written down once, on shapes alone, by a tape over a `StretchTrace`, and both depend on which values are
differentiated. A cotangent that is not there is no zero (zero times infinity is not zero), so there is a program
backward for each choice of those that are.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from ..codegen.numpy_program import numpy_program
from ..core import Array, Call, backend_array, use_trace
from ..dtypes import is_inexact
from ..graph.ir import Atom, Eqn, Graph, Number, Var, evaluate
from ..numpy.creation import zeros_like
from .body import BodyTrace, Unrollable
from .finishing import finished
from .stage import Unknown
from .tape import GradTrace, backward, belongs
from .trace_tree import asking

__all__ = ["Back", "Forward", "Stretch"]

Mask = tuple[bool, ...]


class StretchTrace(BodyTrace):
    """Writes a stretch down on shapes. What has an effect has it when the program runs."""

    __slots__ = ()
    name = "jit"

    def process_call(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        return self.record_call(call.lowered(), args) if call.effect else super().process_call(call, args)

    def compute_call(self, call: Call, values: Sequence[Any]) -> Sequence[Array]:
        if call.effect:
            return [Unknown(a) for a in call.infer([getattr(x, "aval", x) for x in values])]
        return super().compute_call(call, values)


class Stretch:
    """What is done between two questions, and its derivatives.

    Args:
        graph: from the live values to those after it, and behind them what is asked.
        kind: of the question; None where there is none, and the outputs are the function's results.
        numpy: whether all arrays are NumPy's.
    """

    function = None  # it never runs without its derivative

    def __init__(self, graph: Graph, kind: str | None, numpy: bool):
        self.graph, self.kind, self.numpy = graph, kind, numpy
        self.forwards: dict[Mask, Forward | None] = {}

    def forward(self, active: Mask, live: Sequence[Any]) -> Forward | None:
        """The forward pass where some of the live values are differentiated; None where it cannot be written down.

        Args:
            active: which of them.
            live: raw values, of which only the Python numbers are looked at.
        """
        if active not in self.forwards:
            try:
                found = Forward(self, active, live)
            except Exception:  # the function itself runs then, and raises what there is to raise
                found = None
            self.forwards[active] = found
        return self.forwards[active]

    compiled = ""
    """Its text in C: none is."""

    @property
    def source(self) -> str:
        """The text of its programs."""
        forwards = [f for f in self.forwards.values() if f is not None]
        return "\n".join(p.source for f in forwards for p in (f.program, *(b.program for b in f.backs.values())))


class Forward:
    """The forward pass of a stretch.

    `run` takes the live values, and returns `count` values after it, and the residuals; `active` says which of the
    values have cotangents.
    """

    __slots__ = (
        "active", "backs", "count", "inputs", "lock", "nodes", "numpy", "outs", "places", "program", "residuals", "run",
        "trace",
    )  # fmt: skip

    def __init__(self, stretch: Stretch, active: Mask, live: Sequence[Any]):
        graph = stretch.graph
        pairs = list(zip(graph.inputs, live, strict=True))
        beside = next((x for v, x in pairs if not isinstance(v.type, Number)), None)
        self.trace = trace = StretchTrace(None, True)
        inputs = [trace.input(x if isinstance(v.type, Number) else Unknown(v.type, beside)) for v, x in pairs]
        with use_trace(trace):
            tape = GradTrace(trace)
            lifted = [tape.lift(x) if a else x for x, a in zip(inputs, active, strict=True)]
            with use_trace(tape):
                outs = evaluate(graph, lifted)
        asked = [] if stretch.kind is None else [outs.pop()]
        moves = [belongs(x, tape) and is_inexact(x.dtype) for x in outs]
        values = [x.inner if belongs(x, tape) else x for x in outs]
        self.inputs = [x.node for x, a in zip(lifted, active, strict=True) if a]
        self.active, self.count, self.numpy = tuple(moves), len(outs), stretch.numpy
        self.places = [i for i, m in enumerate(moves) if m]
        self.nodes, self.outs = [outs[i].node for i in self.places], [values[i] for i in self.places]
        self.lock, self.backs = threading.Lock(), {}  # type: ignore[var-annotated]
        eqns, atoms = tuple(trace.record.eqns), [trace.atom(x) for x in values]
        last = [trace.atom(x.inner if belongs(x, tape) else x) for x in asked]
        self.residuals: tuple[Var, ...] = ()
        every = (True,) * len(self.places)
        parts = self.pulled(every)
        self.residuals = self.outside(*parts)
        self.backs[every] = self.back_of(every, *parts)
        if trace.failed or trace.captured:
            raise Unrollable(trace.failed or "it reads a value from outside")
        whole = Graph(tuple(x.variable for x in inputs), eqns, (*atoms, *self.residuals, *last))
        self.program = asking(finished(whole, stretch.numpy), stretch.kind, stretch.numpy)
        self.run = self.program.function

    def back(self, given: Mask) -> Back:
        """The backward pass from some of the cotangents."""
        found = self.backs.get(given)
        if found is None:
            with self.lock:
                parts = self.pulled(given)
                if not set(self.outside(*parts)) <= set(self.residuals):
                    # a rule has another way where it knows that a cotangent is zero, and needs what was not kept
                    parts = self.pulled(given, filled=True)
                found = self.backs[given] = self.back_of(given, *parts)
        return found

    def pulled(self, given: Mask, filled: bool = False) -> tuple[list[Eqn], list[Var], list[Atom | None]]:
        """Equations from cotangents to those of the inputs, or None: with `filled`, of zeros for those not given."""
        trace = self.trace
        trace.record.eqns = []
        with use_trace(trace):
            cts: list[Any] = [
                trace.input(Unknown(x.aval, backend_array(x))) if g else zeros_like(x) if filled else None
                for x, g in zip(self.outs, given, strict=True)
            ]
            pairs = [(n, c) for n, c in zip(self.nodes, cts, strict=True) if c is not None]
            found = backward([n for n, _ in pairs], [c for _, c in pairs], self.inputs)
            atoms = [None if x is None else trace.atom(x) for x in found]
        return trace.record.eqns, [x.variable for x, g in zip(cts, given, strict=True) if g], atoms

    def outside(self, eqns: list[Eqn], cts: list[Var], found: list[Atom | None]) -> tuple[Var, ...]:
        """The variables of the forward pass that the backward pass reads."""
        own = {*cts, *(v for e in eqns for v in e.outs)}
        read = [*(a for e in eqns for a in e.operands), *found]
        return tuple(dict.fromkeys(a for a in read if isinstance(a, Var) and a not in own))

    def back_of(self, given: Mask, eqns: list[Eqn], cts: list[Var], found: list[Atom | None]) -> Back:
        """The backward pass of these equations."""
        outputs = tuple(a for a in found if a is not None)
        graph = Graph((*self.residuals, *cts), tuple(eqns), outputs)
        return Back(graph, tuple(a is not None for a in found), self.numpy)


class Back:
    """The backward pass of a stretch: `run` takes residuals and cotangents, and `moves` says whose come out."""

    __slots__ = ("graph", "moves", "program", "run")

    def __init__(self, graph: Graph, moves: Mask, numpy: bool):
        self.graph, self.moves = graph, moves
        self.program = numpy_program(finished(graph, numpy), numpy=numpy)
        self.run = self.program.function
