"""A graph in the words of loops: what they do not know, said by what they know."""

from __future__ import annotations

from ...graph.ir import Atom, Graph
from ...graph.passes.dead_code import dead_code
from .copies import with_copies
from .picks import picks_of_operands
from .recomputing import recomputed
from .small_products import products_as_sums
from .spelling import speaks
from .truths import truths_as_extremes

__all__ = ["in_words_of_loops"]


def in_words_of_loops(graph: Graph, ask: tuple[Atom, str] | None) -> tuple[Graph, tuple[Atom, str] | None]:
    """The graph, and the question that is asked of one of its values, as `numpy_program` has them."""
    asked = () if ask is None else (ask[0],)
    found = Graph(graph.inputs, graph.eqns, (*graph.outputs, *asked), graph.name)
    for reworded in (truths_as_extremes, picks_of_operands, products_as_sums):
        found = reworded(found)
    found = dead_code(found)  # transposes, and rows, that nobody reads any more
    found = with_copies(recomputed(found, speaks))
    outputs = found.outputs[: len(graph.outputs)]
    return Graph(found.inputs, found.eqns, outputs, found.name), None if ask is None else (found.outputs[-1], ask[1])
