"""All passes, until none finds anything to do."""

from __future__ import annotations

from collections.abc import Sequence

from ..ir import Atom, Eqn, Graph, GraphCall
from .common_subexpressions import common_subexpressions
from .dead_code import dead_code
from .exact_algebra import exact_algebra
from .fold_constants import fold_constants
from .leading_axes import leading_axes
from .rewrite import rewrite

__all__ = ["PASSES", "simplify"]


def called_graphs(graph: Graph) -> Graph:
    """The graph with those that it calls simplified."""

    def step(eqn: Eqn) -> Eqn | Sequence[Atom]:
        if not isinstance(eqn.op, GraphCall):
            return eqn
        call = eqn.op.each(simplify)
        if all(a is b for a, b in zip(eqn.op.graphs.values(), call.graphs.values(), strict=True)):
            return eqn
        return Eqn(call, eqn.operands, eqn.params, eqn.outs, eqn.origin)

    return rewrite(graph, step)


PASSES = (called_graphs, fold_constants, exact_algebra, leading_axes, common_subexpressions, dead_code)
"""In the order in which each round runs them."""


def simplify(graph: Graph) -> Graph:
    """The graph with the same values (as `passes` defines it), in as few equations as the passes find.

    Dead code goes first, so that nothing is done about it, and again in each round, as the others leave it behind.
    Literals that folding makes are what algebra looks for, and algebra makes equations equal. Each pass takes linear
    time, and no rule undoes what another has done, so it ends; two or three rounds are usual, the last of which finds
    nothing.
    """
    graph = dead_code(graph)
    while True:
        before = graph
        for one in PASSES:
            graph = one(graph)
        if graph is before:
            return graph
