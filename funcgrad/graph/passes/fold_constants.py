"""Evaluate what does not depend on the inputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core import Array, Primitive, wrap
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

    Arrays that elementwise operations read are put in C's order, in which loops walk through all that they read.
    """
    copies: dict[int, Literal] = {}

    def step(eqn: Eqn) -> Eqn | Sequence[Atom]:
        if isinstance(eqn.op, Primitive) and eqn.op.elementwise and any(map(_is_out_of_order, eqn.operands)):
            eqn = eqn.replaced([_in_order(a, copies) if _is_out_of_order(a) else a for a in eqn.operands])
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


def _is_out_of_order(atom: Atom) -> bool:
    """Is it an array in another order than C's, each of whose elements has its own place in memory?"""
    data = atom.value._data if isinstance(atom, Literal) and isinstance(atom.value, Array) else None
    if not isinstance(data, np.ndarray) or data.flags.c_contiguous:
        return False
    return all(step for step, n in zip(data.strides, data.shape, strict=True) if n > 1)


def _in_order(atom: Atom, copies: dict[int, Literal]) -> Literal:
    """A copy in C's order, the same one for each literal of that array."""
    assert isinstance(atom, Literal)
    found = copies.get(id(atom.value._data))
    if found is None:
        found = copies[id(atom.value._data)] = Literal(wrap(np.ascontiguousarray(atom.value._data)))
    return found
