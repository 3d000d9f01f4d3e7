"""A graph in the words of loops: what they do not know, said by what they know."""

from __future__ import annotations

from ...graph.ir import Atom, Graph
from .copies import with_copies
from .recomputing import recomputed
from .small_products import products_as_sums
from .spelling import speaks
from .truths import truths_as_extremes

__all__ = ["in_words_of_loops"]


def in_words_of_loops(graph: Graph, ask: tuple[Atom, str] | None) -> tuple[Graph, tuple[Atom, str] | None]:
    """The graph, and the question that is asked of one of its values, as `numpy_program` has them."""
    asked = () if ask is None else (ask[0],)
    found = Graph(graph.inputs, graph.eqns, (*graph.outputs, *asked), graph.name)
    found = with_copies(recomputed(products_as_sums(truths_as_extremes(found)), speaks))
    outputs = found.outputs[: len(graph.outputs)]
    return Graph(found.inputs, found.eqns, outputs, found.name), None if ask is None else (found.outputs[-1], ask[1])
