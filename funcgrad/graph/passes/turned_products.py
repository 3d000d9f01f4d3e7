"""Products that are transposed are products of the transposed, so that their rows lie as they are read.

    c = matmul a b                          d = permute_dims[axes=(1, 0)] b
    e = permute_dims[axes=(1, 0)] c         f = permute_dims[axes=(1, 0)] a
                                            e = matmul d f

A product finds its operands as they lie, transposed or not; what reads e would have to go across the rows of c. In
attention the gradient of the keys is such a product. The values are the same but for their last bits.
"""

from __future__ import annotations

from typing import Any

from ...core import PRIMITIVES, Aval, Primitive
from ..ir import Atom, Eqn, Graph, Var, used_by

__all__ = ["turned_products"]


def turned_products(graph: Graph) -> Graph:
    """The graph without products that are read only with rows and columns in each other's place."""
    uses = used_by(graph.eqns, graph.outputs)
    readers = {a: e for e in graph.eqns for a in e.operands if uses.get(a) == 1}  # type: ignore[arg-type]
    turned: dict[Any, Eqn] = {}  # by reader, the product that it reads
    for eqn in graph.eqns:
        reader = readers.get(eqn.outs[0]) if _is(eqn, "matmul") else None
        if reader is not None and _is(reader, "permute_dims"):
            rank = len(reader.params["axes"])
            if reader.params["axes"][-1] == rank - 2:
                turned[reader] = eqn
    if not turned:
        return graph
    gone = set(turned.values())
    eqns: list[Eqn] = []
    for eqn in graph.eqns:
        if eqn in turned:
            eqns += _turned(turned[eqn], eqn)
        elif eqn not in gone:
            eqns.append(eqn)
    return Graph(graph.inputs, tuple(eqns), graph.outputs, graph.name)


def _is(eqn: Eqn, name: str) -> bool:
    return isinstance(eqn.op, Primitive) and eqn.op.name == name


def _turned(product: Eqn, reader: Eqn) -> list[Eqn]:
    """The product with its operands transposed, and what is left to do for its reader."""
    found: list[Eqn] = []

    def new(name: str, operands: tuple[Atom, ...], shape: tuple[int, ...], **params: Any) -> Var:
        out = Var(Aval(shape, product.outs[0].type.dtype))  # type: ignore[union-attr]
        found.append(Eqn(PRIMITIVES[name], operands, params, (out,), product.origin))
        return out

    def transposed(a: Atom) -> Var:
        *ahead, rows, columns = a.type.shape
        last = len(ahead)
        return new("permute_dims", (a,), (*ahead, columns, rows), axes=(*range(last), last + 1, last))

    x, y = product.operands
    *ahead, rows, columns = product.outs[0].type.shape
    both = new("matmul", (transposed(y), transposed(x)), (*ahead, columns, rows))
    last = len(ahead)
    other = {last: last + 1, last + 1: last}
    axes = tuple(other.get(axis, axis) for axis in reader.params["axes"])
    return [*found, Eqn(reader.op, (both,), {"axes": axes}, reader.outs, reader.origin)]
