"""One walk from top to bottom that replaces equations: what most passes are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..ir import Atom, Eqn, Graph, Var

__all__ = ["rewrite"]


def rewrite(graph: Graph, step: Callable[[Eqn], Eqn | Sequence[Atom]]) -> Graph:
    """The graph with each equation replaced by what `step` makes of it.

    Args:
        graph: any.
        step: gets an equation whose operands have been replaced already. It returns the equation to put there, for the
            same results; or atoms that stand for the results, and then there is none.

    Returns:
        A graph with the same inputs; the same graph if `step` returned all it was given.
    """
    stands_for: dict[Var, Atom] = {}
    eqns: list[Eqn] = []
    changed = False

    def now(atom: Atom) -> Atom:
        return stands_for.get(atom, atom) if isinstance(atom, Var) else atom

    for eqn in graph.eqns:
        if any(a in stands_for for a in eqn.operands if isinstance(a, Var)):
            eqn = eqn.replaced([now(a) for a in eqn.operands])
        found = step(eqn)
        changed = changed or found is not eqn
        if isinstance(found, Eqn):
            eqns.append(found)
        else:
            stands_for.update(zip(eqn.outs, found, strict=True))
    if not changed:
        return graph
    return Graph(graph.inputs, tuple(eqns), tuple(now(a) for a in graph.outputs), graph.name)
