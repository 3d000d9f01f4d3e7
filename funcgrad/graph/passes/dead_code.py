"""Drop equations whose results nobody reads."""

from __future__ import annotations

from collections.abc import Collection

from ...core import Call, Primitive
from ..ir import Atom, Eqn, Graph, GraphCall, Var
from ..loops import ScanCall

__all__ = ["dead_code"]


def dead_code(graph: Graph) -> Graph:
    """The graph without equations that no output depends on.

    What acts (`Call.effect`) stays, and what may raise an error (`checks`), with all that they read. Of the
    body of a scan goes what only unread results depend on.
    """
    read = {a for a in graph.outputs if isinstance(a, Var)}
    kept: list[Eqn] = []
    changed = False
    for eqn in reversed(graph.eqns):
        if isinstance(eqn.op, ScanCall):
            whole, eqn = eqn, without_unread(eqn, eqn.op, read)
            changed = changed or eqn is not whole
        checks = isinstance(eqn.op, Primitive | GraphCall) and eqn.op.checks
        needed = checks or (isinstance(eqn.op, Call) and eqn.op.effect)
        if needed or not read.isdisjoint(eqn.outs):
            kept.append(eqn)
            read.update(a for a in eqn.operands if isinstance(a, Var))
    if len(kept) == len(graph.eqns) and not changed:
        return graph
    return Graph(graph.inputs, tuple(reversed(kept)), graph.outputs, graph.name)


def without_unread(eqn: Eqn, op: ScanCall, read: Collection[Atom]) -> Eqn:
    """A scan without the results that nobody reads, the parts of the carry that these alone need, and their operands.

    Args:
        eqn: the scan.
        op: its operation.
        read: what is read after it.
    """
    first, body = op.consts + op.carry, op.body
    live = [v in read for v in eqn.outs]
    while True:
        outputs = tuple(a for a, alive in zip(body.outputs, live, strict=True) if alive)
        less = dead_code(Graph(body.inputs, body.eqns, outputs, body.name))
        used = {a for e in less.eqns for a in e.operands} | set(outputs)
        # what the next step reads of the carry, this one must make
        more = [k for k in range(op.carry) if not live[k] and body.inputs[op.consts + k] in used]
        if not more:
            break
        for k in more:
            live[k] = True
    keeps = [live[i - op.consts] if op.consts <= i < first else v in used for i, v in enumerate(body.inputs)]
    if all(live) and all(keeps) and len(less.eqns) == len(body.eqns):
        return eqn
    inputs = tuple(v for v, keep in zip(body.inputs, keeps, strict=True) if keep)
    call = type(op)(
        Graph(inputs, less.eqns, outputs, body.name),
        sum(keeps[: op.consts]),
        sum(live[: op.carry]),
        op.length,
        op.reverse,
    )
    operands = [a for a, keep in zip(eqn.operands, keeps, strict=True) if keep]
    outs = [v for v, alive in zip(eqn.outs, live, strict=True) if alive]
    return Eqn(call, operands, eqn.params, outs, eqn.origin)
