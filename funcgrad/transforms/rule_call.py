"""A function with a rule of its own for derivatives, as a record can hold it: its passes as graphs.

What a user's rule closes over is unknown, so two calls of it can never be told to be the same. Their graphs can. They
are written down on shapes alone; what the rule finds around it, arrays that are inputs of the record, are operands.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import Any

from ..core import Array, Call, Tracer, WeakNumber, backend_array, bind_call, current_trace, use_trace
from ..dtypes import is_inexact
from ..graph.ir import Graph, GraphCall, Var, evaluate
from ..graph.keys import graph_key
from ..numpy.creation import zeros_like
from .arguments import placed
from .body import BodyTrace, is_expanded
from .number import StagedNumber
from .stage import Unknown, Unstaged

__all__ = ["RuleCall", "as_graphs", "has_rules"]


class RuleCall(Call):
    """A call by the graphs of its passes.

    Args:
        name: of the function.
        alone: operands -> results, where no derivative is asked for; a rule may compute others.
        forward: operands -> (results, residuals).
        backward: residuals, cotangents of the results that have any -> cotangents of some operands.
        smooth: which results have cotangents.
        places: which operands.
    """

    closed = True

    def __init__(self, name: str, alone: Graph, forward: Graph, backward: Graph, smooth: list[int], places: list[int]):
        self.name, self.alone, self.forward, self.backward = name, alone, forward, backward
        self.smooth, self.places = smooth, places

    @cached_property
    def key(self) -> Hashable:  # type: ignore[override]
        """What two such calls have equal, or None."""
        keys = graph_key(self.alone), graph_key(self.forward), graph_key(self.backward)
        return None if None in keys else (*keys, *self.places, None, *self.smooth)

    def evaluate(self, args: Sequence[Any]) -> Sequence[Any]:
        return evaluate(self.alone, args)

    def vjp(self, primals: Sequence[Any], wanted: Sequence[bool]) -> tuple[Sequence[Any], Callable[..., Sequence[Any]]]:
        found, count = evaluate(self.forward, primals), len(self.alone.outputs)
        outs, residuals = found[:count], found[count:]

        def pullback(cts: Sequence[Any]) -> list[Any]:
            given = [zeros_like(outs[i]) if cts[i] is None else cts[i] for i in self.smooth]
            return placed([None] * len(primals), self.places, evaluate(self.backward, [*residuals, *given]))

        return outs, pullback


def has_rules(call: Call) -> bool:
    """Is it such a function, or a loop with one in its body?"""
    return call.closed or (isinstance(call, GraphCall) and not all(map(is_expanded, call.graphs.values())))


def as_graphs(call: Call, args: Sequence[Any]) -> tuple[RuleCall, list[Any]] | None:
    """A call by its graphs, and its operands then; None where its rule asks for values, acts, or cannot be told apart
    from what is around it.

    Args:
        call: whose rules read nothing but operands, by what it says.
        args: its operands.
    """
    if getattr(call, "read", 0) or getattr(call, "symbolic", False):
        return None  # its rule depends on which of the operands are differentiated
    trace = BodyTrace(current_trace(), True)
    values = [x.inner if isinstance(x, StagedNumber) else x for x in args]
    inputs = [trace.input(Unknown(x.aval, backend_array(x)) if isinstance(x, Array) else x) for x in values]
    wanted = [isinstance(x, Array) and is_inexact(x.dtype) for x in args]
    try:
        with use_trace(trace):
            own_results = [trace.atom(x) for x in bind_call(trace, call, inputs)]
            own = len(trace.record.eqns)
            outs, pull = call.vjp(inputs, wanted)
            done = len(trace.record.eqns)
            atoms = [trace.atom(x) for x in outs]
            smooth = [i for i, x in enumerate(outs) if is_inexact(x.dtype)]
            cts = [trace.input(Unknown(outs[i].aval, backend_array(outs[i]))) for i in smooth]
            found = pull(placed([None] * len(outs), smooth, cts))
            places = [i for i, (x, w) in enumerate(zip(found, wanted, strict=True)) if w and x is not None]
            results = [trace.atom(found[i]) for i in places]
    except (Exception, Unstaged):  # what there is to raise is raised by the call itself, which runs then
        return None
    around = [x for x, _ in trace.captured.values()]
    if trace.failed or any(isinstance(x, Tracer | WeakNumber) for x in around):
        return None
    eqns = trace.record.eqns
    inside = {v for e in eqns[done:] for v in e.outs} | {x.variable for x in cts}
    read = [*(a for e in eqns[done:] for a in e.operands), *results]
    residuals = tuple(dict.fromkeys(a for a in read if isinstance(a, Var) and a not in inside))
    operands = (*(x.variable for x in inputs), *(x.variable for _, x in trace.captured.values()))
    alone = Graph(operands, tuple(eqns[:own]), tuple(own_results))
    forward = Graph(operands, tuple(eqns[own:done]), (*atoms, *residuals))
    backward = Graph((*residuals, *(x.variable for x in cts)), tuple(eqns[done:]), tuple(results))
    made = RuleCall(call.name, alone, forward, backward, smooth, places)
    return None if made.key is None else (made, [*args, *around])  # without one nobody sees that another run differs
