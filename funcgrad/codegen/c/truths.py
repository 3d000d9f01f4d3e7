"""Whether any or all of some truths hold is their maximum or minimum, which loops know.

b = any[axes=(0,)] a          b = max[axes=(0,)] a
"""

from __future__ import annotations

from ...core import PRIMITIVES, Primitive
from ...dtypes import is_boolean
from ...graph.ir import Eqn, Graph
from ..memory import size_of

__all__ = ["truths_as_extremes"]

_EXTREMES = {"any": "max", "all": "min"}


def truths_as_extremes(graph: Graph) -> Graph:
    """The same graph in those words, where there is at least one truth."""
    eqns = tuple(map(_reworded, graph.eqns))
    same = all(a is b for a, b in zip(eqns, graph.eqns, strict=True))
    return graph if same else Graph(graph.inputs, eqns, graph.outputs, graph.name)


def _reworded(eqn: Eqn) -> Eqn:
    if not isinstance(eqn.op, Primitive) or eqn.op.name not in _EXTREMES:
        return eqn
    (x,) = eqn.operands
    if not is_boolean(x.type.dtype) or not size_of(x):  # type: ignore[union-attr]
        return eqn
    return Eqn(PRIMITIVES[_EXTREMES[eqn.op.name]], eqn.operands, eqn.params, eqn.outs, eqn.origin)
