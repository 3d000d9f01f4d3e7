"""Before a loop: what is the same at each turn once, and products of rows and constants for all turns at once."""

from __future__ import annotations

from math import prod

from ...codegen.memory import nbytes
from ...core import Aval, Primitive
from ...graph.ir import Eqn, Var
from .loop_parts import PRODUCTS, Loop, all_at_once, is_worth_moving

__all__ = ["alike_at_each_turn", "products_of_rows"]


def alike_at_each_turn(loop: Loop) -> list[Eqn]:
    """Take out of a loop what is the same at each turn, but for what makes larger arrays of smaller ones.

    Here and below: what may raise an error raises it before the loop as it would in its turns, of which there are some.

    Returns:
        The equations that do it before the loop.
    """
    found, left = [], []
    for eqn in loop.eqns:
        if isinstance(eqn.op, Primitive) and all(map(loop.is_invariant, eqn.operands)):
            (var,) = eqn.outs
            smaller = prod(var.type.shape) <= max(prod(a.type.shape) for a in eqn.operands)
            if smaller or eqn.op.name in PRODUCTS:
                outside = Var(var.type)
                operands = [loop.consts[a] if isinstance(a, Var) else a for a in eqn.operands]
                found.append(eqn.replaced(operands, [outside]))
                loop.consts[var] = outside
                continue
        left.append(eqn)
    loop.eqns = left
    return found


def products_of_rows(loop: Loop) -> list[Eqn]:
    """Take out of a loop products with constants that do not depend on the carry, and what makes their operands.

    Returns:
        The equations that do it before the loop.
    """
    free = _free(loop)
    moving: set[Eqn] = set()
    for eqn in free.values():
        if loop.is_product(eqn):
            more = moving | _made_for(eqn, free)
            _with_smaller(loop, more, free)
            if is_worth_moving(loop, [eqn], _memory(loop, more)):
                moving = more
    if not moving:
        return []
    rows = dict(loop.rows)
    found = all_at_once([eqn for eqn in loop.eqns if eqn in moving], loop.length, rows, loop.consts)
    made = {eqn.outs[0] for eqn in moving if eqn.outs[0] in rows}  # but for what depends on no row
    loop.elsewhere |= {out: rows[a] for a, out in loop.ys if a in made}  # type: ignore[index]
    loop.ys = [(a, out) for a, out in loop.ys if a not in made]
    loop.rows |= {v: rows[v] for v in _given(loop, made)}
    loop.eqns = [eqn for eqn in loop.eqns if made.isdisjoint(eqn.outs)]
    loop.trim()
    return found


def _free(loop: Loop) -> dict[Var, Eqn]:
    """The equations that depend on rows and constants alone, by what they make."""
    known = {*loop.consts, *loop.rows}
    found: dict[Var, Eqn] = {}
    for eqn in loop.eqns:
        op = eqn.op
        if not isinstance(op, Primitive) or op.batch is None or not isinstance(eqn.outs[0].type, Aval):
            continue
        if known.issuperset(a for a in eqn.operands if isinstance(a, Var)):
            found[eqn.outs[0]] = eqn
            known.add(eqn.outs[0])
    return found


def _made_for(eqn: Eqn, free: dict[Var, Eqn]) -> set[Eqn]:
    """The equation, and those among others that make its operands."""
    found, waiting = set(), [eqn]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += [free[a] for a in one.operands if isinstance(a, Var) and a in free]
    return found


def _with_smaller(loop: Loop, moving: set[Eqn], free: dict[Var, Eqn]) -> None:
    """Add what makes less than it reads of these equations, such as the sum of two products."""
    made = {eqn.outs[0] for eqn in moving}
    for eqn in free.values():
        if eqn not in moving and not made.isdisjoint(eqn.operands):
            more = moving | _made_for(eqn, free)
            if _memory(loop, more) < _memory(loop, moving):
                moving |= more
                made.update(e.outs[0] for e in more)


def _given(loop: Loop, made: set[Var]) -> list[Var]:
    """Those of these values that what is left in the loop reads."""
    read = {a for eqn in loop.eqns if made.isdisjoint(eqn.outs) for a in eqn.operands}
    read.update(part[2] for part in loop.carry)
    return [v for v in loop.makers if v in made and v in read]


def _memory(loop: Loop, moving: set[Eqn]) -> int:
    """Bytes of the rows that the loop is given of what these equations make."""
    return loop.length * sum(map(nbytes, _given(loop, {eqn.outs[0] for eqn in moving})))
