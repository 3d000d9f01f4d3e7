"""Copies that NumPy makes to reshape are written down, so that loops make them, on all threads.

b = permute_dims[axes=(0, 2, 1, 3)] a         b = permute_dims[axes=(0, 2, 1, 3)] a
c = reshape[shape=(16, 64, 128)] b            d = copy b
                                              c = reshape[shape=(16, 64, 128)] d
"""

from __future__ import annotations

from ...core import PRIMITIVES, Primitive
from ...graph.ir import Eqn, Graph, Var
from ..memory import is_large
from ..strides import Strides, c_strides, of_view

__all__ = ["with_copies"]

_VIEWS = frozenset({"permute_dims", "slice", "reshape"})


def with_copies(graph: Graph) -> Graph:
    """The same graph, with a copy before each large reshape of a view that has other strides than C's."""
    strides: dict[Var, Strides] = {}  # of views of arrays that are in C's order, as most are
    eqns: list[Eqn] = []
    for eqn in graph.eqns:
        if not isinstance(eqn.op, Primitive) or eqn.op.name not in _VIEWS or not isinstance(eqn.operands[0], Var):
            eqns.append(eqn)
            continue
        x, out = eqn.operands[0], eqn.outs[0]
        before = strides.get(x, c_strides(x.type.shape))
        found = of_view(eqn.op.name, eqn.params, before, x.type.shape, out.type.shape)
        if found is not None:
            strides[out] = found
        elif eqn.op.name == "reshape" and is_large(x):
            copy = Var(x.type)
            eqns.append(Eqn(PRIMITIVES["copy"], (x,), {}, (copy,), eqn.origin))
            eqn = eqn.replaced([copy])
        eqns.append(eqn)
    return Graph(graph.inputs, tuple(eqns), graph.outputs, graph.name) if len(eqns) > len(graph.eqns) else graph
