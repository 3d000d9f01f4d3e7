"""Algebra that is exact: for every value, signed zeros, infinities, NaN and denormals included.

A rule is here only if IEEE arithmetic, rounding to nearest, gives the same result for all operands; each says why. What
looks alike and is not: x + 0 turns -0.0 into 0.0, x * 0 is NaN for an infinite x, -(x - y) is -0.0 where y - x is 0.0,
x ** 2 may be rounded otherwise than x * x, and products of complex numbers by 1 or -1 meet inf * 0 in the other part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...core import Array, Aval, Primitive, wrap
from ...dtypes import finfo
from ...rules import broadcast_shapes
from ..ir import Atom, Eqn, Graph, Literal, Var, used_by
from .exact_shapes import SHAPE_RULES
from .matching import Match, Rule, kind, negated, number
from .rewrite import rewrite

__all__ = ["RULES", "exact_algebra"]


def exact_algebra(graph: Graph) -> Graph:
    """The graph with equations replaced by simpler ones of exactly the same value."""
    made: dict[Var, Eqn] = {}
    uses = used_by(graph.eqns, graph.outputs)

    def step(eqn: Eqn) -> Eqn | Sequence[Atom]:
        found: Eqn | Atom = eqn
        while isinstance(found, Eqn) and isinstance(found.op, Primitive):
            better = simpler(Match(found, made, uses))
            if better is None:
                made[found.outs[0]] = found
                break
            found = better
        return found if isinstance(found, Eqn) else (found,)

    return rewrite(graph, step)


def simpler(match: Match) -> Eqn | Atom | None:
    """What the first rule that fits puts in the equation's place."""
    rule = RULES.get(match.eqn.op.name)
    found = None if rule is None else rule(match)
    return without_broadcast(match) if found is None else found


def without_broadcast(m: Match) -> Eqn | None:
    """An elementwise operation on an operand before it was broadcast: it repeats operands as it needs them itself."""
    op = m.eqn.op
    assert isinstance(op, Primitive)
    if not op.elementwise:
        return None
    operands = list(m.eqn.operands)
    for i, atom in enumerate(operands):
        repeated = m.maker(atom, "broadcast_to")
        if repeated is not None and isinstance(repeated.operands[0].type, Aval):
            shorter = [*operands[:i], repeated.operands[0], *operands[i + 1 :]]
            if broadcast_shapes(op.name, *[a.type.shape for a in shorter]) == m.out.shape:
                operands = shorter
    return m.eqn.replaced(operands) if operands != list(m.eqn.operands) else None


# ---- sums --------------------------------------------------------------------------------------


def add(m: Match) -> Eqn | Atom | None:
    """Sums with a negative, and with a zero that changes nothing."""
    x, y = m.eqn.operands
    # x + (-y) = x - y: IEEE defines subtraction so; of integers both wrap alike
    opposite = m.negated_by(y)
    if opposite is not None:
        return m.becomes("subtract", x, opposite)
    # (-x) + y = y - x, since addition commutes
    opposite = m.negated_by(x)
    if opposite is not None:
        return m.becomes("subtract", y, opposite)
    # x + (-0.0) = x, also for x = 0.0 and -0.0; of integers there is one zero
    if _is_zero(y, -1.0, m):
        return m.instead(x)
    return m.instead(y) if _is_zero(x, -1.0, m) else None


def subtract(m: Match) -> Eqn | Atom | None:
    """Differences from a negative, and from a zero that changes nothing."""
    x, y = m.eqn.operands
    # x - (-y) = x + y: IEEE defines subtraction so
    opposite = m.negated_by(y)
    if opposite is not None:
        return m.becomes("add", x, opposite)
    # x - 0.0 = x + (-0.0) = x
    return m.instead(x) if _is_zero(y, 1.0, m) else None


def _is_zero(atom: Atom, sign: float, m: Match) -> bool:
    """Is it the literal zero of that sign? Complex zeros have two signs, and Python's int 0 is a positive one."""
    value = number(atom)
    if value is None or isinstance(value, complex) or value != 0:
        return False
    if kind(m.out) in "iu":
        return not isinstance(value, float)
    return kind(m.out) == "f" and math.copysign(1.0, value) == sign


def negative(m: Match) -> Eqn | Atom | None:
    """The negative of a negative, and of a multiple."""
    (x,) = m.eqn.operands
    # -(-x) = x: the sign bit is turned twice; of integers all is modulo 2^n
    opposite = m.negated_by(x)
    if opposite is not None:
        return opposite
    # -(x c) = x (-c): a product's sign is that of its factors, and rounding to nearest does not look at it. Only where
    # nobody else reads the product, which would have to be computed beside it
    product = m.maker(x, "multiply")
    if product is not None and isinstance(x, Var) and m.uses.get(x) == 1 and kind(m.out) == "f":
        for a, b in (product.operands, product.operands[::-1]):
            c = negated(b)
            if c is not None and kind(a.type) == "f":
                return m.becomes("multiply", a, c)
    return None


# ---- products ----------------------------------------------------------------------------------


def multiply(m: Match) -> Eqn | Atom | None:
    """Products with 1 and -1, and of negatives."""
    x, y = m.eqn.operands
    for a, b in ((x, y), (y, x)):
        value = number(b)
        # x 1 = x: the exact product is x, which needs no rounding
        if value == 1 and kind(m.out) in "biuf" and m.instead(a) is not None:
            return a
        # x (-1) = -x: the same, with the sign turned; of an unsigned x there is no -1 to multiply by
        if value == -1 and kind(m.out) in "if" and m.instead(a) is not None:
            return m.becomes("negative", a)
        # (-x) c = x (-c): the signs alone differ
        opposite, c = m.negated_by(a), negated(b)
        if opposite is not None and c is not None and kind(m.out) == "f":
            return m.becomes("multiply", opposite, c)
    return _both_negative(m, "multiply")


def divide(m: Match) -> Eqn | Atom | None:
    """Quotients by 1 and by powers of two, and of negatives."""
    x, y = m.eqn.operands
    value = number(y)
    if kind(m.out) != "f":
        return None
    # x / 1 = x: the exact quotient is x, which needs no rounding
    if value == 1:
        return m.instead(x)
    # x / 2^k = x 2^-k: the two exact results are one number, and are rounded once
    inverse = _inverse_power_of_two(m, y)
    if inverse is not None and m.out.dtype == getattr(x.type, "dtype", None):
        return m.becomes("multiply", x, inverse)
    # (-x) / c = x / (-c): the signs alone differ
    opposite, c = m.negated_by(x), negated(y)
    if opposite is not None and c is not None:
        return m.becomes("divide", opposite, c)
    return _both_negative(m, "divide")


def _both_negative(m: Match, name: str) -> Eqn | None:
    """(-x) (-y) = x y and (-x) / (-y) = x / y: two turned signs cancel, before any rounding.

    Also of wrapping products of integers, and of complex products, whose four partial products keep their signs.
    """
    x, y = map(m.negated_by, m.eqn.operands)
    return m.becomes(name, x, y) if x is not None and y is not None else None


def _inverse_power_of_two(m: Match, atom: Atom) -> Literal | None:
    """2^-k of the literal 2^k, where both are normal numbers of the result's dtype."""
    value = number(atom)
    if not isinstance(atom, Literal) or not isinstance(value, int | float) or not abs(value) < 2**1023:
        return None
    mantissa, exponent = math.frexp(value)
    if abs(mantissa) != 0.5 or abs(exponent - 1) > -finfo(m.out.dtype).minexp:
        return None
    if not isinstance(atom.value, Array):
        return Literal(1 / value)
    return Literal(wrap(np.asarray(1 / value, m.out.dtype))) if atom.value.dtype == m.out.dtype else None


def power(m: Match) -> Eqn | Atom | None:
    """The first power."""
    x, y = m.eqn.operands
    # x^1 = x: the exact power is x, which needs no rounding
    return m.instead(x) if number(y) == 1 and kind(m.out) in "iuf" else None


# ---- choices, and functions of one operand -----------------------------------------------------


def where(m: Match) -> Eqn | Atom | None:
    """A choice that is known, and one between a thing and itself."""
    condition, x, y = m.eqn.operands
    if x is y:
        return m.instead(x)
    value = number(condition)
    return None if value is None else m.instead(x if value else y)


def idempotent_pair(m: Match) -> Eqn | Atom | None:
    """x & x = x and the like: of two equal operands the result is one of them, bit for bit."""
    x, y = m.eqn.operands
    return m.instead(x) if x is y else None


def idempotent(m: Match) -> Eqn | Atom | None:
    """f(f(x)) = f(x): what f gives, it leaves as it is; but a complex sign is a quotient, which is rounded."""
    (x,) = m.eqn.operands
    return m.instead(x) if m.maker(x, m.eqn.op.name) is not None and kind(m.out) != "c" else None


def involution(m: Match) -> Eqn | Atom | None:
    """f(f(x)) = x: the same bits are turned twice. Of the logical one only for booleans, by the type."""
    (x,) = m.eqn.operands
    inner = m.maker(x, m.eqn.op.name)
    return m.instead(inner.operands[0]) if inner is not None else None


def even(m: Match) -> Eqn | Atom | None:
    """f(-x) = f(x): the magnitude has no sign, and neither has a square; of integers -x wraps, and so does f."""
    (x,) = m.eqn.operands
    opposite = m.negated_by(x)
    # of an unsigned x, -x is 2^n - x, which is its own magnitude
    if opposite is not None and kind(m.out) in ("if" if m.eqn.op.name == "abs" else "iuf"):
        return m.eqn.replaced([opposite])
    return idempotent(m) if m.eqn.op.name == "abs" else None


RULES: dict[str, Rule] = {
    "add": add,
    "subtract": subtract,
    "negative": negative,
    "multiply": multiply,
    "divide": divide,
    "pow": power,
    "where": where,
    **dict.fromkeys(("maximum", "minimum", "logical_and", "logical_or", "bitwise_and", "bitwise_or"), idempotent_pair),
    **dict.fromkeys(("floor", "ceil", "trunc", "round", "sign"), idempotent),
    **dict.fromkeys(("conj", "logical_not", "bitwise_invert"), involution),
    **dict.fromkeys(("abs", "square"), even),
    **SHAPE_RULES,
}
"""The rule for each primitive that has one; the first that fits is applied, and then those of what it put there."""
