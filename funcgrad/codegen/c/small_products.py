"""Small products with one row or one column are multiplications and sums, which join the loops around them.

    c = matmul a b                          of (100, 5) and (5, 1)

    d = reshape[shape=(1, 5)] b
    e = multiply a d
    f = sum[axes=(1,)] e
    c = reshape[shape=(100, 1)] f

A call of NumPy's product costs a microsecond, more than the work. A transposed matrix is read as it was before that:
X^T r runs through X in the loop that has made r.
"""

from __future__ import annotations

from typing import Any

from ...core import PRIMITIVES, Aval, Primitive
from ...graph.ir import Atom, Eqn, Graph, Var

__all__ = ["products_as_sums"]

MOST = 1 << 16
"""Up to how many elements the matrix has: what BLAS does with it on one thread, a loop does as well."""


def products_as_sums(graph: Graph) -> Graph:
    """The same graph without such products of float32 or float64."""
    makers = {out: e for e in graph.eqns for out in e.outs}
    eqns: list[Eqn] = []
    for eqn in graph.eqns:
        if isinstance(eqn.op, Primitive) and eqn.op.name == "matmul" and _is_small(eqn):
            eqns += _sum(eqn, makers)
        else:
            eqns.append(eqn)
    return Graph(graph.inputs, tuple(eqns), graph.outputs, graph.name) if len(eqns) > len(graph.eqns) else graph


def _is_small(eqn: Eqn) -> bool:
    x, y = (a.type for a in eqn.operands)
    if not isinstance(x, Aval) or not isinstance(y, Aval):
        return False
    if len(x.shape) != 2 or len(y.shape) != 2 or x.dtype != y.dtype or x.dtype.name not in ("float32", "float64"):
        return False
    rows, inner = x.shape
    columns = y.shape[1]
    return min(rows, columns) == 1 and inner > 1 and max(rows, columns) * inner <= MOST and rows * columns > 0


def _sum(eqn: Eqn, makers: dict[Var, Eqn]) -> list[Eqn]:
    """The product as a sum over the matrix's axis that the vector has."""
    x, y = eqn.operands
    out = eqn.outs[0]
    matrix, vector, axis = (x, y, 1) if y.type.shape[1] == 1 else (y, x, 0)
    maker = makers.get(matrix)  # type: ignore[arg-type]
    if maker is not None and maker.op is PRIMITIVES["permute_dims"] and tuple(maker.params["axes"]) == (1, 0):
        matrix, axis = maker.operands[0], 1 - axis
    size, inner = matrix.type.shape[1 - axis], matrix.type.shape[axis]
    found: list[Eqn] = []

    def new(name: str, sizes: tuple[int, ...], *operands: Atom, **params: Any) -> Var:
        made = Var(Aval(sizes, out.type.dtype))  # type: ignore[union-attr]
        found.append(Eqn(PRIMITIVES[name], operands, params, (made,), eqn.origin))
        return made

    along = (1, inner) if axis == 1 else (inner, 1)
    if vector.type.shape != along:
        vector = new("reshape", along, vector, shape=along)
    terms = new("multiply", matrix.type.shape, matrix, vector)
    total = new("sum", (size,), terms, axes=(axis,))
    found.append(Eqn(PRIMITIVES["reshape"], (total,), {"shape": out.type.shape}, (out,), eqn.origin))
    return found
