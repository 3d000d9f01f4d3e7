"""The order of the last equations of a program that may write over its inputs.

An optimiser makes all updates, and then all new parameters. One after the other, each update is dead as soon as its
parameter is made, which goes into the memory of the old one: so a step needs memory for one update and not for all.

    u0 = ..., u1 = ..., p0 + u0, p1 + u1    -->    u0 = ..., p0 + u0, u1 = ..., p1 + u1
"""

from __future__ import annotations

from collections.abc import Collection

from ..core import Primitive
from ..graph.ir import Eqn, Graph, Var, used_by
from .memory import is_large, may_raise, nbytes

__all__ = ["dying_soon"]


def dying_soon(graph: Graph, donated: Collection[Var]) -> Graph:
    """The same graph in an order in which large values die soon.

    An elementwise equation comes as early as it can if that frees as much memory as it takes, or if it takes little.
    Behind the last equation that may raise an error: before that, nothing is written over inputs.

    Args:
        graph: any.
        donated: inputs that may be written over.
    """
    start = 1 + max((i for i, eqn in enumerate(graph.eqns) if may_raise(eqn.op)), default=-1)
    placed, tail = list(graph.eqns[:start]), graph.eqns[start:]
    left = used_by(tail, graph.outputs)  # how often each value is still to be read
    inputs = set(graph.inputs).difference(donated)
    missing = {v for eqn in tail for v in eqn.outs}
    readers: dict[Var, list[Eqn]] = {}
    for eqn in tail:
        for a in dict.fromkeys(eqn.operands):
            if isinstance(a, Var):
                readers.setdefault(a, []).append(eqn)
    done: set[Eqn] = set()

    def is_due(eqn: Eqn) -> bool:
        """May it come now, and does it free what it takes?"""
        op, out = eqn.op, eqn.outs[0]
        operands = {a for a in eqn.operands if isinstance(a, Var)}
        if not isinstance(op, Primitive) or not op.elementwise or eqn in done or not operands.isdisjoint(missing):
            return False
        if not is_large(out):
            return True
        dying = {a for a in operands if left[a] == eqn.operands.count(a)}
        if any(a in donated and a.type == out.type for a in operands - dying):  # a later place has its memory
            return False
        return any(a not in inputs and nbytes(a) >= nbytes(out) for a in dying)

    small = [eqn for eqn in tail if is_due(eqn) and not is_large(eqn.outs[0])]
    for first in (*small, *tail):
        waiting = [first]
        while waiting:
            eqn = waiting.pop()
            if eqn in done:
                continue
            done.add(eqn)
            placed.append(eqn)
            missing.difference_update(eqn.outs)
            for a in eqn.operands:
                if isinstance(a, Var):
                    left[a] -= 1
            waiting += [r for v in reversed(eqn.outs) for r in reversed(readers.get(v, ())) if is_due(r)]
    return Graph(graph.inputs, tuple(placed), graph.outputs, graph.name)
