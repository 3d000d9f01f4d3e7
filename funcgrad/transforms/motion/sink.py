"""After a loop: sums over all turns, and products that no other turn needs.

A carry that only has something added to it, as the gradient of a weight has, is a sum. Where what is added is a product
of rows, x^T y, it is one product of all rows, which adds up as it goes.

Sums over all turns are of one term each, and apart only for products that are added. What comes and goes again, as in
the sum of a window that moves on, c + new - old, is small in each turn, and the sums of all that came and of all that
went are large: their difference would have few right digits, or be NaN. In whole numbers nothing is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...codegen.memory import nbytes
from ...core import PRIMITIVES, Array, Aval, Primitive
from ...dtypes import NARROW, is_boolean, is_integer
from ...graph.ir import Atom, Eqn, Literal, Var, used_by
from .loop_parts import PRODUCTS, Loop, all_at_once, is_worth_moving

__all__ = ["sunk"]


def sunk(loop: Loop) -> list[Eqn]:
    """Take out of a loop what can be done after it.

    Returns:
        The equations that do it.
    """
    found = _sums(loop)
    return [*_results(loop), *found]


# ---- sums over all turns -------------------------------------------------------------------------


def _sums(loop: Loop) -> list[Eqn]:
    """The parts of the carry that only add up: first those that add products, then what is cheap beside them."""
    found: list[Eqn] = []
    for with_products in (True, False):
        for part in list(loop.carry):
            var, start, after, out = part
            total = Total(loop)
            last = total.of_carry(var, after, start)
            if last is None or bool(total.products) is not with_products:
                continue
            more = sum(nbytes(v) for v in total.collected.values())
            if is_worth_moving(loop, total.products, more) if with_products else not more:
                loop.carry.remove(part)
                loop.ys += list(total.collected.items())
                loop.elsewhere[out] = last
                found += total.eqns
                loop.trim(checked=total.products)  # after the loop they check the same
    return found


class Total:
    """A sum over all turns, as equations for after the loop.

    `eqns` are those equations, `products` the products of the body that they stand for, and `collected` the arrays of
    rows that the loop would have to give.
    """

    def __init__(self, loop: Loop):
        self.loop = loop
        self.uses = used_by(loop.eqns, loop.results())
        self.eqns: list[Eqn] = []
        self.products: list[Eqn] = []
        self.collected: dict[Atom, Var] = {}
        self.is_exact = False  # whether sums are the same in any order
        self.origin = loop.eqn.origin

    def of_carry(self, carry: Var, after: Atom, start: Atom) -> Atom | None:
        """The last value of a carry that begins with `start`; None if it does more than add up."""
        dtype = carry.type.dtype  # type: ignore[union-attr]
        self.is_exact = is_integer(dtype)
        if self.uses.get(carry) != 1 or is_boolean(dtype) or dtype in NARROW:
            return None
        terms = self.terms(carry, after)
        if not terms or terms[0] is not None:
            return None
        is_alone = len(terms) == 2 or self.is_exact
        found = start
        for term in terms[1:]:
            assert term is not None
            self.origin = term[1].origin
            products = len(self.products)
            total = self.of(term[0])
            if total is None or not (is_alone or (len(self.products) > products and term[1].op.name == "add")):
                return None
            found = self.make(term[1].op.name, [found, total], carry.type)
        return found

    def terms(self, carry: Var, atom: Atom) -> list[tuple[Atom, Eqn] | None] | None:
        """What is added to a carry, and by which equation; None for the carry, which comes first."""
        if atom is carry:
            return [None]
        eqn = self.maker(atom, "add", "subtract")
        if eqn is None:
            return None
        x, y = eqn.operands
        if not x.type == y.type == carry.type:
            return None
        for inner, other in ((x, y), (y, x)):
            if inner is y and eqn.op.name == "subtract":
                continue
            before = self.terms(carry, inner)
            if before is not None:
                return [*before, (other, eqn)]
        return None

    def maker(self, atom: Atom, *names: str) -> Eqn | None:
        """The equation that makes a value, if nobody else reads that, and it is one of these operations."""
        eqn = self.loop.makers.get(atom) if isinstance(atom, Var) else None
        if eqn is None or eqn.op.name not in names or self.uses.get(atom) != 1:  # type: ignore[arg-type]
            return None
        return eqn

    def of(self, atom: Atom) -> Atom | None:
        """The sum of a value over all turns; None where it is better made turn by turn."""
        linear = self.maker(atom, "reshape", "permute_dims", "negative")
        if linear is not None:
            inner = self.of(linear.operands[0])
            return None if inner is None else self.make(linear.op.name, [inner], atom.type, **linear.params)
        both = self.maker(atom, *(("add", "subtract") if self.is_exact else ("add",)))
        if both is not None and all(x.type == atom.type for x in both.operands):
            eqns, products, collected = len(self.eqns), len(self.products), dict(self.collected)
            x = self.of(both.operands[0])
            between = len(self.products)
            y = self.of(both.operands[1])
            if products < between < len(self.products) and x is not None and y is not None:
                return self.make(both.op.name, [x, y], atom.type)
            del self.eqns[eqns:], self.products[products:]  # one array of rows instead of two
            self.collected = collected
        product = self.maker(atom, "matmul")
        if product is not None:
            return self.of_product(product)
        product = self.maker(atom, "conv_weights")
        if product is not None:
            return self.of_convolution(product)
        scattered = self.maker(atom, "scatter_add")
        if scattered is not None and _is_zero(scattered.operands[0]):
            return self.of_scattered(scattered)
        reduced = self.maker(atom, "sum")
        if reduced is not None:
            rows = self.column(reduced.operands[0])
            axes = (0, *(axis + 1 for axis in reduced.params["axes"]))
        else:
            rows, axes = self.column(atom), (0,)
        return None if rows is None else self.make("sum", [rows], atom.type, axes=axes)

    def of_product(self, eqn: Eqn) -> Atom | None:
        """A product of two values that change, by one that contracts over the turns as well."""
        x, y = eqn.operands
        if self.loop.is_invariant(x) or self.loop.is_invariant(y):
            return None
        if x.type.shape[:-2] != y.type.shape[:-2]:
            return None
        first, second = self.folded(x, -1), self.folded(y, -2)
        if first is None or second is None:
            return None
        self.products.append(eqn)
        return self.make("matmul", [first, second], eqn.outs[0].type)

    def folded(self, atom: Atom, axis: int) -> Atom | None:
        """A column of matrices as one matrix, in which the turns are a part of one of the two axes."""
        eqn = self.loop.makers.get(atom) if isinstance(atom, Var) else None
        n = len(atom.type.shape)
        swap = (*range(n - 2), n - 1, n - 2)
        if eqn is not None and eqn.op.name == "permute_dims" and tuple(eqn.params["axes"]) == swap:
            inner = self.folded(eqn.operands[0], -3 - axis)  # of a transpose, so that no row need be transposed
            return None if inner is None else self.permuted(inner, swap)
        column = self.column(atom)
        if column is None:
            return None
        shape = list(atom.type.shape)
        place = n + axis  # the turns go in front of that axis, behind those before it
        column = self.permuted(column, (*range(1, place + 1), 0, *range(place + 1, n + 1)))
        shape[place] *= self.loop.length
        return self.make("reshape", [column], Aval(tuple(shape), atom.type.dtype), shape=tuple(shape))  # type: ignore[union-attr]

    def of_convolution(self, eqn: Eqn) -> Atom | None:
        """What the images of all turns contribute to the weights of a convolution."""
        columns = [self.column(a) for a in eqn.operands]
        if None in columns:
            return None
        self.products.append(eqn)
        images = []
        for column in columns:
            turns, count, *rest = column.type.shape  # type: ignore[union-attr]
            shape = (turns * count, *rest)
            images.append(self.make("reshape", [column], Aval(shape, column.type.dtype), shape=shape))  # type: ignore[union-attr,list-item]
        return self.make("conv_weights", images, eqn.outs[0].type, **eqn.params)

    def of_scattered(self, eqn: Eqn) -> Atom | None:
        """Rows added up at their places, as the gradient of an embedding is: no turn need write a whole table."""
        table, *others = eqn.operands
        columns = [self.column(a) for a in others]
        if None in columns:
            return None
        self.products.append(eqn)
        return self.make("scatter_add", [table, *columns], eqn.outs[0].type)  # type: ignore[list-item]

    def column(self, atom: Atom) -> Atom | None:
        """The array of a value's rows, as a result of the loop if there is none yet; None for what has no rows."""
        if self.loop.is_invariant(atom):
            return None
        assert isinstance(atom, Var)
        found = self.known(atom)
        if found is None:
            found = self.collected[atom] = Var(self.loop.rows_of(atom))
        return found

    def known(self, atom: Atom) -> Atom | None:
        """The same, where it is there already, perhaps in another shape."""
        if not isinstance(atom, Var):
            return None
        found = self.loop.column(atom) or self.collected.get(atom)
        eqn = self.loop.makers.get(atom)
        if found is not None or eqn is None or eqn.op.name not in ("reshape", "permute_dims"):
            return found
        inner = self.known(eqn.operands[0])
        if inner is None:
            return None
        if eqn.op.name == "permute_dims":
            return self.permuted(inner, (0, *(axis + 1 for axis in eqn.params["axes"])))
        rows = self.loop.rows_of(atom)
        return self.make("reshape", [inner], rows, shape=rows.shape)

    def permuted(self, x: Any, axes: Sequence[int]) -> Var:
        """An array with its axes in another order."""
        shape = tuple(x.type.shape[i] for i in axes)
        return self.make("permute_dims", [x], Aval(shape, x.type.dtype), axes=tuple(axes))

    def make(self, name: str, operands: Sequence[Atom], type: Any, **params: Any) -> Var:
        """The result of one more equation."""
        out = Var(type)
        self.eqns.append(Eqn(PRIMITIVES[name], operands, params, (out,), self.origin))
        return out


def _is_zero(atom: Atom) -> bool:
    """Is it an array of zeros?"""
    data = atom.value._data if isinstance(atom, Literal) and isinstance(atom.value, Array) else None
    return isinstance(data, np.ndarray) and not data.any()


# ---- results that no other turn needs ------------------------------------------------------------


def _results(loop: Loop) -> list[Eqn]:
    """Products of which no next turn needs anything, with all that is made of them."""
    carried = loop.made_for([part[2] for part in loop.carry])
    late = [eqn for eqn in loop.eqns if eqn not in carried]
    moving: set[Eqn] = set()
    for eqn in late:
        if loop.is_product(eqn) and eqn not in moving:
            more = moving | _with_readers(eqn, late)
            if all(map(_is_simple, more)) and is_worth_moving(loop, [eqn], _memory(loop, more)):
                moving = more
    if not moving:
        return []
    rows = {var: loop.column(var) or loop.collect(var) for var in _read(loop, moving)}
    found = all_at_once([eqn for eqn in loop.eqns if eqn in moving], loop.length, rows, loop.consts)
    made = {eqn.outs[0] for eqn in moving}
    loop.elsewhere |= {out: rows[a] for a, out in loop.ys if a in made}  # type: ignore[index]
    loop.ys = [(a, out) for a, out in loop.ys if a not in made]
    loop.eqns = [eqn for eqn in loop.eqns if eqn not in moving]
    return found


def _is_simple(eqn: Eqn) -> bool:
    """Can it be done for all turns at once?"""
    typed = all(isinstance(a.type, Aval) for a in (*eqn.operands, *eqn.outs) if isinstance(a, Var))
    return typed and isinstance(eqn.op, Primitive) and eqn.op.batch is not None


def _with_readers(eqn: Eqn, eqns: Sequence[Eqn]) -> set[Eqn]:
    """The equation, and those among others that need its result."""
    found, made = {eqn}, set(eqn.outs)
    for other in eqns:
        if not made.isdisjoint(other.operands):
            found.add(other)
            made.update(other.outs)
    return found


def _read(loop: Loop, moving: set[Eqn]) -> list[Var]:
    """What equations read of the loop, without what is the same at each turn."""
    made = {v for eqn in moving for v in eqn.outs}
    read = dict.fromkeys(a for eqn in loop.eqns if eqn in moving for a in eqn.operands if isinstance(a, Var))
    return [v for v in read if v not in made and not loop.is_invariant(v)]


def _memory(loop: Loop, moving: set[Eqn]) -> int:
    """Bytes of the rows that are kept for these equations, and of their products."""
    kept = sum(nbytes(v) for v in _read(loop, moving) if loop.column(v) is None)
    results = {a for a, _ in loop.ys}
    made = (eqn.outs[0] for eqn in moving if eqn.op.name in PRODUCTS)
    return loop.length * (kept + sum(nbytes(v) for v in made if v not in results))
