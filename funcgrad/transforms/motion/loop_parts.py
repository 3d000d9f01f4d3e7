"""A scan taken apart, so that parts of its body can go elsewhere, and the rules by which that is worth it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

from ...codegen.memory import nbytes
from ...core import Aval, Primitive
from ...graph.ir import Atom, Eqn, Graph, GraphCall, Var
from ...graph.loops import ScanCall
from ...rules import move_axis
from ..body import derived
from ..loop import wide

__all__ = ["PRODUCTS", "Loop", "all_at_once", "is_worth_moving"]

PRODUCTS = frozenset({"matmul", "conv", "conv_data", "conv_weights"})
MOST_WORK = 1 << 26
MOST_BYTES = 1 << 26


class Loop:
    """A scan whose parts may change.

    Attributes:
        length: how many turns.
        consts: what stands outside for those variables of the body that are the same at each turn.
        carry: a variable of the body, its first value outside, what the body makes of it, and the result outside.
        rows: the arrays outside for those variables of the body that are their rows.
        ys: what the body makes, and the array of it outside.
        eqns: of the body.
        makers: the equations by what they make; those that have gone from the body as well.
        elsewhere: what stands outside for results that the loop has no more.
    """

    def __init__(self, eqn: Eqn):
        assert isinstance(eqn.op, ScanCall)
        op = self.op = eqn.op
        self.eqn, self.length = eqn, op.length
        body, first = op.body, op.consts + op.carry
        given = list(zip(body.inputs, eqn.operands, strict=True))
        made = list(zip(body.outputs, eqn.outs, strict=True))
        self.consts: dict[Var, Atom] = dict(given[: op.consts])
        self.carry = [(*a, *b) for a, b in zip(given[op.consts : first], made[: op.carry], strict=True)]
        self.rows: dict[Var, Atom] = dict(given[first:])
        self.ys = made[op.carry :]
        self.eqns = list(body.eqns)
        self.makers = {v: e for e in body.eqns for v in e.outs}
        self.elsewhere: dict[Var, Atom] = {}

    def whole(self) -> Eqn:
        """The scan of what is left."""
        inputs = (*self.consts, *(part[0] for part in self.carry), *self.rows)
        body = Graph(inputs, tuple(self.eqns), tuple(self.results()), self.op.body.name)
        call = type(self.op)(body, len(self.consts), len(self.carry), self.length, self.op.reverse)
        operands = [*self.consts.values(), *(part[1] for part in self.carry), *self.rows.values()]
        outs = [*(part[3] for part in self.carry), *(out for _, out in self.ys)]
        return Eqn(call, operands, self.eqn.params, outs, self.eqn.origin)

    def results(self) -> list[Atom]:
        """What the body makes: for the next turn, and as results."""
        return [*(part[2] for part in self.carry), *(atom for atom, _ in self.ys)]

    def is_invariant(self, atom: Atom) -> bool:
        """Is it given to the body, and the same at each turn?"""
        return not isinstance(atom, Var) or atom in self.consts

    def is_product(self, eqn: Eqn) -> bool:
        """Is it a product with a constant, so that those of all turns are one product?"""
        constant = [self.is_invariant(a) for a in eqn.operands]
        return eqn.op.name in PRODUCTS and any(constant) and not all(constant)

    def column(self, atom: Atom) -> Atom | None:
        """The array of a value's rows, where there is one outside already."""
        found = self.rows.get(atom) if isinstance(atom, Var) else None
        return found or next((out for made, out in self.ys if made is atom), None)

    def collect(self, var: Var) -> Var:
        """The array of a value's rows as one more result."""
        found = Var(self.rows_of(var))
        self.ys.append((var, found))
        return found

    def rows_of(self, atom: Atom) -> Aval:
        """The type of an array of such rows."""
        assert isinstance(atom.type, Aval)
        return Aval((self.length, *atom.type.shape), atom.type.dtype)

    def made_for(self, atoms: Iterable[Atom]) -> set[Eqn]:
        """The equations that values depend on."""
        wanted = set(atoms)
        found: set[Eqn] = set()
        for eqn in reversed(self.eqns):
            if not wanted.isdisjoint(eqn.outs):
                found.add(eqn)
                wanted.update(eqn.operands)
        return found

    def trim(self, checked: Sequence[Eqn] = ()) -> None:
        """Drop equations that nothing depends on any more, but for those that may raise an error.

        Args:
            checked: equations that would have raised theirs elsewhere.
        """
        checks = [e for e in self.eqns if isinstance(e.op, Primitive | GraphCall) and e.op.checks and e not in checked]
        kept = self.made_for([*self.results(), *(v for e in checks for v in e.outs)])
        self.eqns = [eqn for eqn in self.eqns if eqn in kept]


def is_worth_moving(loop: Loop, products: Iterable[Eqn], more: int) -> bool:
    """Is it worth it to do products for all turns at once?

    A product of 32 rows reads the whole matrix for them, copies it into blocks, and is called each turn: of 128x512
    floats it takes 60 us a turn, and 43 as a part of a product of all rows; of one row 4 us, and 1.2. What is large
    enough by itself gains nothing. And all turns at once need memory for rows that were not kept: up to some megabytes
    in any case, and beyond them no more than there is of the loop's rows and results.

    Args:
        loop: the loop.
        products: what would be done outside.
        more: bytes of rows that are kept for it.
    """
    if not any(_work(eqn) <= MOST_WORK for eqn in products):
        return False
    there = sum(map(nbytes, loop.rows.values())) + sum(nbytes(out) for _, out in loop.ys)
    return more <= max(MOST_BYTES, there)


def _work(eqn: Eqn) -> int:
    """How many multiplications a product takes; none where rows are only put in their places."""
    x, y, *_ = eqn.operands
    (out,) = eqn.outs
    if eqn.op.name == "scatter_add":
        return 0
    if eqn.op.name == "matmul":
        return prod(out.type.shape) * x.type.shape[-1]
    images, weights = {"conv": (out, y), "conv_data": (x, y), "conv_weights": (y, out)}[eqn.op.name]
    return prod(images.type.shape) * prod(weights.type.shape[:-1])  # each number of each window by all that it reads


def all_at_once(eqns: Iterable[Eqn], size: int, rows: dict[Var, Atom], consts: Mapping[Var, Atom]) -> list[Eqn]:
    """Equations of a body as equations outside of it, for all turns.

    Args:
        eqns: of primitives.
        size: how many turns.
        rows: arrays of rows, by the variables of the body; those that the equations make are added.
        consts: what is the same at each turn.
    """
    same = dict(consts)
    found: list[Eqn] = []
    for eqn in eqns:
        (result,) = eqn.outs
        variables = list(dict.fromkeys(a for a in eqn.operands if isinstance(a, Var)))
        if rows.keys().isdisjoint(variables):
            outside = same[result] = Var(result.type)
            found.append(eqn.replaced([same[a] if isinstance(a, Var) else a for a in eqn.operands], [outside]))
            continue
        graph = _batched(eqn, size, variables, [v in rows for v in variables])
        names: dict[Atom, Atom] = {
            inner: rows[v] if v in rows else same[v] for inner, v in zip(graph.inputs, variables, strict=True)
        }
        found += [Eqn(e.op, [names.get(a, a) for a in e.operands], e.params, e.outs, eqn.origin) for e in graph.eqns]
        rows[result] = names.get(graph.outputs[0], graph.outputs[0])
    return found


def _batched(eqn: Eqn, size: int, variables: Sequence[Var], rows: Sequence[bool]) -> Graph:
    """An equation for a whole batch, whose examples stand along the first axis, as a graph of its variables."""

    def run(xs: Sequence[Any]) -> list[Any]:
        assert isinstance(eqn.op, Primitive)
        values = {v: (x, 0 if r else None) for v, x, r in zip(variables, xs, rows, strict=True)}
        pairs = [values[a] if isinstance(a, Var) else (a.value, None) for a in eqn.operands]
        out, dim = eqn.op.batch(size, [x for x, _ in pairs], [d for _, d in pairs], eqn.params)
        return [move_axis(out, dim, 0)]

    return derived(run, [wide(v.type, size) if r else v.type for v, r in zip(variables, rows, strict=True)], None)
