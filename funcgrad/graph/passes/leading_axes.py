"""Compute without axes of one element in front: shapes that end alike are broadcast alike."""

from __future__ import annotations

import numpy as np

from ...core import PRIMITIVES, Aval, Primitive
from ..ir import Atom, Eqn, Graph, Var

__all__ = ["leading_axes"]


def leading_axes(graph: Graph) -> Graph:
    """The graph in which elementwise equations read arrays as they were before axes were put in front of them.

        m = sum[axes=(0, 1)] x              m = sum[axes=(0, 1)] x
        r = reshape[shape=(1, 1, 3)] m      c = multiply m 0.5
        c = multiply r 0.5                  d = subtract x c
        d = subtract x c

    So a mean that is taken twice, once with `keepdims`, is one mean, and so is all that is computed of it.
    """
    short: dict[Atom, Var] = {}  # by value what it is behind axes of one element
    eqns: list[Eqn] = []
    changed = False
    for eqn in graph.eqns:
        if eqn.op is PRIMITIVES["reshape"]:
            x, out = eqn.operands[0], eqn.outs[0]
            if isinstance(x, Var) and _is_longer(out.type, x.type):
                short[out] = short.get(x, x)
        elif isinstance(eqn.op, Primitive) and eqn.op.elementwise and any(a in short for a in eqn.operands):
            found = _shortened(eqn, short)
            changed = changed or found[-1] is not eqn
            eqns += found
            continue
        eqns.append(eqn)
    return Graph(graph.inputs, tuple(eqns), graph.outputs, graph.name) if changed else graph


def _is_longer(long: object, short: object) -> bool:
    """Is it the other shape behind axes of one element? An array without axes stays as it is: NumPy's are scalars."""
    if not isinstance(long, Aval) or not isinstance(short, Aval) or not short.shape:
        return False
    more = len(long.shape) - len(short.shape)
    return more > 0 and long.shape == (1,) * more + short.shape


def _shortened(eqn: Eqn, short: dict[Atom, Var]) -> list[Eqn]:
    """The equation on shorter operands, and if the result is shorter then, what makes it as long as it was."""
    operands = [short.get(a, a) if isinstance(a, Var) else a for a in eqn.operands]
    (out,) = eqn.outs
    assert isinstance(out.type, Aval)
    shape = np.broadcast_shapes(*[a.type.shape for a in operands if isinstance(a.type, Aval)])
    if shape == out.type.shape:
        return [eqn.replaced(operands)]
    inner = Var(Aval(shape, out.type.dtype))
    if not _is_longer(out.type, inner.type):
        return [eqn]
    short[out] = inner
    longer = Eqn(PRIMITIVES["reshape"], [inner], {"shape": out.type.shape}, eqn.outs, eqn.origin)
    return [eqn.replaced(operands, (inner,)), longer]
