"""Compute once what is computed twice."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from ..ir import Atom, Eqn, Graph, Var
from ..keys import eqn_key
from .rewrite import rewrite

__all__ = ["common_subexpressions"]


def common_subexpressions(graph: Graph) -> Graph:
    """The graph in which equations of one operation, on the same operands with the same parameters, are one.

    Primitives are functions of their operands, samplers included: they get their key as an operand. Calls are one where
    they say so (`Call.key`).
    """
    found: dict[Hashable, tuple[Var, ...]] = {}

    def step(eqn: Eqn) -> Eqn | Sequence[Atom]:
        key = eqn_key(eqn)
        if key is None:
            return eqn
        outs = found.setdefault(key, eqn.outs)
        return eqn if outs is eqn.outs else outs

    return rewrite(graph, step)
