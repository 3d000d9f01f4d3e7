"""What a loop of a backward pass computes again, read from the loop of the forward pass.

Reverse mode through a scan keeps the carry of each turn, and its backward loop computes each turn again from there. In
one program both loops are there, and products cost more than the memory for what comes of them: so the forward loop has
them as results, and the backward loop as rows.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from ...codegen.memory import nbytes
from ...core import Primitive
from ...graph.ir import Atom, Eqn, Var
from ...graph.keys import atom_key, eqn_key
from ...graph.loops import ScanCall
from .loop_parts import PRODUCTS, Loop, is_worth_moving

__all__ = ["shared"]


def shared(eqns: Sequence[Eqn]) -> list[Eqn]:
    """Equations with the same values, in which loops read what earlier ones have computed of the same rows."""
    found = list(eqns)
    places = [i for i, eqn in enumerate(found) if isinstance(eqn.op, ScanCall)]
    for k, j in enumerate(places):
        for i in places[:k]:
            if found[i].op.length == found[j].op.length:  # type: ignore[union-attr]
                found[i], found[j] = _shared(found[i], found[j])
    return found


def _shared(first: Eqn, second: Eqn) -> tuple[Eqn, Eqn]:
    """Two loops, of which the second reads products of the first."""
    source, target = Loop(first), Loop(second)
    alike = _alike(source, target)
    read = {a for eqn in target.eqns for a in eqn.operands} | set(target.results())
    known = [eqn for eqn in target.eqns if eqn.outs[0] in alike]
    cover = {eqn for eqn in known if eqn.op.name in PRODUCTS and eqn.outs[0] in read}
    products = list(cover)
    memory = _memory(source, target, cover, alike)
    for eqn in known:
        if eqn not in cover:
            more = _memory(source, target, cover | {eqn}, alike)
            if more <= memory:
                cover.add(eqn)
                memory = more
    if not products or not is_worth_moving(target, products, memory):
        cover = set()
    for var in _given(target, cover):
        value = alike[var]
        assert isinstance(value, Var)
        target.rows[var] = source.column(value) or source.collect(value)
    target.eqns = [eqn for eqn in target.eqns if eqn not in cover]
    target.trim(checked=known)
    return source.whole(), target.whole()


def _alike(source: Loop, target: Loop) -> dict[Var, Atom]:
    """By variables of the second body, what in the first has the same value in the turn of the same row."""
    consts = {atom_key(outside): var for var, outside in source.consts.items()}
    rows: dict[Hashable, Atom] = {out: atom for atom, out in source.ys}
    rows |= {atom_key(outside): var for var, outside in source.rows.items()}
    alike: dict[Var, Atom] = {}
    for theirs, ours in ((target.consts, consts), (target.rows, rows)):
        alike |= {var: ours[atom_key(outside)] for var, outside in theirs.items() if atom_key(outside) in ours}
    made = {eqn_key(eqn): eqn.outs for eqn in source.eqns if isinstance(eqn.op, Primitive)}

    def operand(a: Atom) -> Hashable:
        return atom_key(alike.get(a, a) if isinstance(a, Var) else a)

    for eqn in target.eqns:
        outs = made.get(eqn_key(eqn, operand)) if isinstance(eqn.op, Primitive) else None
        if outs is not None:
            alike.update(zip(eqn.outs, outs, strict=True))
    return alike


def _given(target: Loop, cover: set[Eqn]) -> list[Var]:
    """What the equations that are not covered read of those that are."""
    made = dict.fromkeys(eqn.outs[0] for eqn in target.eqns if eqn in cover)
    read = {a for eqn in target.eqns if eqn not in cover for a in eqn.operands} | set(target.results())
    return [v for v in made if v in read]


def _memory(source: Loop, target: Loop, cover: set[Eqn], alike: dict[Var, Atom]) -> int:
    """Bytes of the rows that the first loop would have to keep."""
    return target.length * sum(nbytes(v) for v in _given(target, cover) if source.column(alike[v]) is None)
