"""A nest is taken apart into nests of what has nothing to do with the rest."""

from __future__ import annotations

from ...graph.ir import Atom, Eqn
from ..memory import size_of
from .nest import Nest

__all__ = ["components"]


def components(nest: Nest) -> list[Nest]:
    """The nests: so no loop walks through many arrays at a time."""
    groups: list[tuple[set[Atom], list[Eqn]]] = []
    for e in nest.eqns:
        touched = {a for a in (*e.operands, *e.outs) if size_of(a) > 1 or a in nest.made}
        met = [g for g in groups if g[0] & touched]
        groups = [g for g in groups if g not in met]
        groups.append((touched.union(*(g[0] for g in met)), [e2 for g in met for e2 in g[1]] + [e]))
    if len(groups) == 1:
        return [nest]
    found = []
    for _, eqns in groups:
        part = Nest(nest.shape, nest.speaks, nest.strides)
        part.fine, part.window = nest.fine, nest.window
        members = set(eqns)
        if not all(part.take(e) for e in nest.eqns if e in members):
            return [nest]
        found.append(part)
    return found
