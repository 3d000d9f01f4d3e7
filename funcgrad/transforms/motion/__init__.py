"""Work taken out of the loops of a graph: what is the same for all turns is done before or after them, all at once.

    for x in xs:                              a = xs @ w                    one product of all rows
        h = tanh(x @ w + h @ u)       ->      for x in a:
        y = h @ v                                 h = tanh(x + h @ u)
                                              ys = hs @ v

    share     the loop of a backward pass reads what that of the forward pass has computed
    sink      sums over all turns, and results that no other turn needs, come after the loop
    hoist     what depends on rows and constants alone comes before it

A scan is one equation of a graph (`graph/loops.py`), and what transforms make of a scan is one again: so this serves
values, gradients, tangents and batches alike. It is done when no transform is to come.

By it the terms of sums and products come in another order, so last bits may differ from those of a loop step by step.
"""

from __future__ import annotations

from ...graph.ir import Atom, Eqn, Graph, GraphCall, Var
from ...graph.loops import ScanCall
from .hoist import alike_at_each_turn, products_of_rows
from .loop_parts import Loop
from .share import shared
from .sink import sunk

__all__ = ["moved"]


def moved(graph: Graph) -> Graph:
    """The graph with less in its loops, and in those of the graphs that it calls.

    Args:
        graph: of which no transform will be asked any more.
    """
    if not any(isinstance(eqn.op, GraphCall) for eqn in graph.eqns):
        return graph
    eqns: list[Eqn] = []
    stands_for: dict[Var, Atom] = {}

    def now(atom: Atom) -> Atom:
        while isinstance(atom, Var) and atom in stands_for:
            atom = stands_for[atom]
        return atom

    def renamed(eqn: Eqn) -> Eqn:
        return eqn.replaced([now(a) for a in eqn.operands])

    for eqn in map(with_less_inside, shared(graph.eqns)):
        if not isinstance(eqn.op, ScanCall) or eqn.op.length < 2:
            eqns.append(renamed(eqn))
            continue
        loop = Loop(renamed(eqn))
        before = alike_at_each_turn(loop)
        after = sunk(loop)
        before += products_of_rows(loop)
        stands_for |= loop.elsewhere
        eqns += [*before, loop.whole(), *map(renamed, after)]
    return Graph(graph.inputs, tuple(eqns), tuple(map(now, graph.outputs)), graph.name)


def with_less_inside(eqn: Eqn) -> Eqn:
    """The equation, with less in the loops of the graphs that it calls."""
    if not isinstance(eqn.op, GraphCall):
        return eqn
    return Eqn(eqn.op.each(moved), eqn.operands, eqn.params, eqn.outs, eqn.origin)
