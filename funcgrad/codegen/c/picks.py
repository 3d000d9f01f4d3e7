"""One element of each row of something cheap is computed of one element of each row of its operands.

    e = subtract a c                      of (4096, 1000) and (4096, 1)

    k = gather e rows labels              l = gather a rows labels
                                          m = reshape[shape=(4096,)] c
                                          k = subtract l m

So a loss that looks at the labels' elements keeps no row for them.
"""

from __future__ import annotations

from ...core import PRIMITIVES, Aval, Primitive
from ...graph.ir import Atom, Eqn, Graph, Var
from ..memory import size_of
from .kinds import cost_of, is_pick

__all__ = ["picks_of_operands"]

DEEPEST = 4
"""Through so many operations."""


def picks_of_operands(graph: Graph) -> Graph:
    """The same graph, in which elements of rows are picked as early as that is cheap."""
    makers = {out: e for e in graph.eqns for out in e.outs}
    eqns: list[Eqn] = []
    for eqn in graph.eqns:
        found = _of_operands(eqn, makers, DEEPEST) if is_pick(eqn) else None
        eqns += [eqn] if found is None else found
    return Graph(graph.inputs, tuple(eqns), graph.outputs, graph.name) if len(eqns) > len(graph.eqns) else graph


def _of_operands(pick: Eqn, makers: dict[Var, Eqn], depth: int) -> list[Eqn] | None:
    """The equations that say the same of what made the rows; None where that is no cheap operation."""
    x, rows, index = pick.operands
    made = makers.get(x)  # type: ignore[arg-type]
    if not depth or made is None or not isinstance(made.op, Primitive) or not made.op.elementwise or cost_of(made) > 1:
        return None
    count = x.type.shape[0]
    found: list[Eqn] = []
    operands: list[Atom] = []
    for a in made.operands:
        shape = a.type.shape
        if shape and not isinstance(a, Var):
            return None
        if shape == x.type.shape:
            out = Var(Aval((count,), a.type.dtype))  # type: ignore[union-attr]
            one = Eqn(pick.op, (a, rows, index), pick.params, (out,), pick.origin)
            found += _of_operands(one, makers, depth - 1) or [one]
        elif shape in ((count, 1), (1, 1), (1,)):
            flat = (count,) if shape == (count, 1) else ()
            out = Var(Aval(flat, a.type.dtype))  # type: ignore[union-attr]
            found.append(Eqn(PRIMITIVES["reshape"], (a,), {"shape": flat}, (out,), pick.origin))
        elif size_of(a) == 1:
            operands.append(a)
            continue
        else:
            return None
        operands.append(out)
    return [*found, Eqn(made.op, tuple(operands), made.params, pick.outs, made.origin)]
