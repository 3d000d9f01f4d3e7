"""From a graph as it was recorded to the graph of a program."""

from __future__ import annotations

from ..graph.ir import Graph
from ..graph.passes import simplify, thin_products, turned_products
from .motion import moved

__all__ = ["finished"]


def finished(graph: Graph, numpy: bool = True) -> Graph:
    """The graph as programs are made of it.

    It is simplified, which keeps every bit, and what products there are is done at once for all turns of a loop
    (`motion`) and for all of a stack (`thin_products`), and comes out as it is read (`turned_products`): that keeps all
    but the last ones.

    Args:
        graph: of which no transform will be asked any more.
        numpy: whether all arrays are NumPy's; those of other modules are looped over as the graph says.
    """
    graph = simplify(graph)
    better = turned_products(thin_products(moved(graph) if numpy else graph))
    return graph if better is graph else simplify(better)
