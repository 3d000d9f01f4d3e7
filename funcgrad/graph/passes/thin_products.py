"""Products and sums that are none, and stacks of products that are one.

A product of a column and a row has no sum in it: it is a multiplication, which the loop nests around it take in. And a
matrix times a stack of vectors, as `vmap` makes of `w @ x`, is a product of two matrices. A sum of one element is that.

The values are those of the products but for their last bits, and for the sign of zeros: a product adds up from 0.0, and
so it has no -0.0.
"""

from __future__ import annotations

from collections.abc import Container
from math import prod

from ...core import PRIMITIVES, Aval, Primitive
from ..ir import Atom, Eqn, Graph, GraphCall, Var

__all__ = ["thin_products"]

MOST_ALONE = 1 << 20
"""Elements of a product of a column and a row that is a multiplication though nothing joins it."""


def thin_products(graph: Graph) -> Graph:
    """The graph, and those that it calls, without such products."""
    eqns: list[Eqn] = []
    fused = {a for eqn in graph.eqns if isinstance(eqn.op, Primitive) and eqn.op.elementwise for a in eqn.operands}
    for eqn in graph.eqns:
        if isinstance(eqn.op, GraphCall):
            eqns.append(_inside(eqn, eqn.op))
        elif eqn.op.name == "matmul":
            eqns += _multiplied(eqn, fused) or _stacked(eqn) or [eqn]
        elif eqn.op.name in ("sum", "prod", "max", "min"):
            eqns += _reshaped(eqn) or [eqn]
        else:
            eqns.append(eqn)
    if eqns == list(graph.eqns):
        return graph
    return Graph(graph.inputs, tuple(eqns), graph.outputs, graph.name)


def _inside(eqn: Eqn, call: GraphCall) -> Eqn:
    better = call.each(thin_products)
    same = all(a is b for a, b in zip(call.graphs.values(), better.graphs.values(), strict=True))
    return eqn if same else Eqn(better, eqn.operands, eqn.params, eqn.outs, eqn.origin)


def _multiplied(eqn: Eqn, fused: Container[Atom]) -> list[Eqn] | None:
    """(..., m, 1) @ (..., 1, n), which broadcasts.

    A large one that no elementwise operation reads stays: by itself it is written by threads as a product, and takes
    NumPy up to five times as long as a multiplication.
    """
    x, y = eqn.operands
    if x.type.shape[-1] != 1 or (prod(eqn.outs[0].type.shape) > MOST_ALONE and eqn.outs[0] not in fused):
        return None
    return [Eqn(PRIMITIVES["multiply"], (x, y), {}, eqn.outs, eqn.origin)]


def _reshaped(eqn: Eqn) -> list[Eqn] | None:
    """A sum or an extreme along axes of size one."""
    (x,), (out,) = eqn.operands, eqn.outs
    if prod(x.type.shape) != prod(out.type.shape) or not prod(out.type.shape):
        return None
    return [Eqn(PRIMITIVES["reshape"], [x], {"shape": out.type.shape}, [out], eqn.origin)]


def _stacked(eqn: Eqn) -> list[Eqn] | None:
    """(1, ..., m, k) @ (..., k, 1), by (vectors, k) @ (k, m)."""
    x, y = eqn.operands
    assert isinstance(x.type, Aval)
    assert isinstance(y.type, Aval)
    *leading, inner, columns = y.type.shape
    vectors, rows, dtype = prod(leading), x.type.shape[-2], x.type.dtype
    if columns != 1 or vectors < 2 or rows < 2 or prod(x.type.shape) != rows * inner or not inner:
        return None
    matrix, turned, stack, found = (
        Var(Aval(shape, dtype)) for shape in ((rows, inner), (inner, rows), (vectors, inner), (vectors, rows))
    )
    return [
        Eqn(PRIMITIVES["reshape"], [x], {"shape": matrix.type.shape}, [matrix], eqn.origin),
        Eqn(PRIMITIVES["permute_dims"], [matrix], {"axes": (1, 0)}, [turned], eqn.origin),
        Eqn(PRIMITIVES["reshape"], [y], {"shape": stack.type.shape}, [stack], eqn.origin),
        Eqn(PRIMITIVES["matmul"], [stack, turned], {}, [found], eqn.origin),
        Eqn(PRIMITIVES["reshape"], [found], {"shape": eqn.outs[0].type.shape}, eqn.outs, eqn.origin),
    ]
