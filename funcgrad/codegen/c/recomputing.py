"""What is made of bytes is made again where it is read later, instead of being kept: dropout's scales, for one.

    c = random_below b          c = random_below b
    d = cast[float32] c         d = cast[float32] c
    e = multiply d 2.0          e = multiply d 2.0
    f = multiply a e            f = multiply a e
    g = matmul f f              g = matmul f f
    h = multiply g e            i = cast[float32] c
                                j = multiply i 2.0
                                h = multiply g j

The forward pass then leaves a quarter of the memory to the backward pass, and both make their scales inside loops.
"""

from __future__ import annotations

from collections.abc import Callable

from ...core import Aval, Primitive
from ...graph.ir import Atom, Eqn, Graph, Literal, Var
from ..expressions import VIEWS
from ..memory import is_large, size_of

__all__ = ["recomputed"]


def recomputed(graph: Graph, speaks: Callable[[Eqn], bool]) -> Graph:
    """The same graph, in which large values made of bytes are not kept across what no nest takes.

    Args:
        graph: any.
        speaks: whether an equation may be a part of a nest.

    Returns:
        A graph of the same inputs and outputs.
    """
    made: dict[Var, tuple[Eqn, int]] = {}  # by value made of bytes: how, and in which stretch
    again: dict[Var, tuple[Var, int]] = {}  # what was made of it again, and where
    stretch = 0
    eqns: list[Eqn] = []

    def at_hand(a: Atom) -> Atom:
        """The value, made again if it comes from another stretch."""
        if not isinstance(a, Var) or a not in made:
            return a
        eqn, where = made[a]
        if where == stretch:
            return a
        copy, where = again.get(a, (a, -1))
        if where != stretch:
            copy = Var(a.type)
            eqns.append(eqn.replaced([at_hand(b) for b in eqn.operands], (copy,)))
            again[a] = copy, stretch
        return copy

    for eqn in graph.eqns:
        if not isinstance(eqn.op, Primitive) or not (speaks(eqn) or eqn.op.name in VIEWS):
            eqns.append(eqn)
            stretch += any(map(is_large, eqn.outs))
            continue
        eqns.append(eqn.replaced([at_hand(a) for a in eqn.operands]) if eqn.op.elementwise else eqn)
        if _is_of_bytes(eqn, made):
            made[eqn.outs[0]] = eqn, stretch
    return Graph(graph.inputs, tuple(eqns), graph.outputs, graph.name) if again else graph


def _is_of_bytes(eqn: Eqn, made: dict[Var, tuple[Eqn, int]]) -> bool:
    """Is a large result computed of one array of bytes, and of constants?"""
    if not is_large(eqn.outs[0]) or not (eqn.op.name == "cast" or getattr(eqn.op, "elementwise", False)):
        return False
    arrays = [a for a in eqn.operands if not (isinstance(a, Literal) and size_of(a) == 1)]
    if len(arrays) != 1 or eqn.outs[0].type.dtype.itemsize == 1:  # type: ignore[union-attr]
        return False
    source = arrays[0]
    if not isinstance(source, Var) or not isinstance(source.type, Aval):
        return False
    return source in made or (source.type.dtype.itemsize == 1 and source.type.shape == eqn.outs[0].type.shape)
