"""Evaluate what does not depend on the inputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core import Primitive
from ..ir import Atom, Eqn, Graph, Literal, Number, type_of
from .rewrite import rewrite

__all__ = ["MOST_ELEMENTS", "fold_constants"]

MOST_ELEMENTS = 1024
"""A result of so many is folded though it is larger than what it is made of."""


def fold_constants(graph: Graph) -> Graph:
    """The graph with literals in place of equations whose operands are all literals.

    The operation itself evaluates them, so they have the bits that they would have had. What stays: one that fails on
    its operands, so that it fails where it is run and not where it is compiled; one with a large result of small
    operands; and `broadcast_to`, which costs nothing, and hides from the other passes that it repeats one number.
    """

    def step(eqn: Eqn) -> Eqn | Sequence[Atom]:
        values = [a.value for a in eqn.operands if isinstance(a, Literal)]
        if not isinstance(eqn.op, Primitive) or not values or len(values) < len(eqn.operands):
            return eqn
        if eqn.op.name == "broadcast_to":
            return eqn
        (out,) = eqn.outs
        if isinstance(out.type, Number) or out.type.size > max(MOST_ELEMENTS, sum(map(_size, eqn.operands))):
            return eqn
        try:
            with np.errstate(all="ignore"):  # 1 / 0 has been warned of where it was traced
                result = eqn.op.impl(*values, **eqn.params)
        except Exception:
            return eqn
        # numbers alone meet in another dtype in NumPy than they do here
        return (Literal(result),) if type_of(result) == out.type else eqn

    return rewrite(graph, step)


def _size(atom: Atom) -> int:
    return 1 if isinstance(atom.type, Number) else atom.type.size
