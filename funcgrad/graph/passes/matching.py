"""What rewriting rules see of an equation: its operands, and the equations that made them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from ...core import PRIMITIVES, SCALARS, Aval, Scalar, wrap
from ...dtypes import is_floating
from ..ir import Atom, Eqn, Literal, Number, Type, Var

__all__ = ["Match", "Rule", "kind", "negated", "number"]


class Match:
    """An equation of a primitive, as a rule sees it.

    Args:
        eqn: the equation.
        made: the equation that made each variable so far.
        uses: how often each variable is read in the graph as it was before the pass.
    """

    __slots__ = ("eqn", "made", "uses")

    def __init__(self, eqn: Eqn, made: Mapping[Var, Eqn], uses: Mapping[Var, int]):
        self.eqn, self.made, self.uses = eqn, made, uses

    @property
    def out(self) -> Aval:
        """The result's type."""
        found = self.eqn.outs[0].type
        assert isinstance(found, Aval)
        return found

    def maker(self, atom: Atom, name: str) -> Eqn | None:
        """The equation that made the operand, if that was this operation."""
        eqn = self.made.get(atom) if isinstance(atom, Var) else None
        return eqn if eqn is not None and eqn.op.name == name else None

    def negated_by(self, atom: Atom) -> Atom | None:
        """x where the operand is negative(x), in the dtype that the result has.

        In another dtype the two could differ: int8's -(-128) is -128, and int32's is not.
        """
        eqn = self.maker(atom, "negative")
        if eqn is None or not isinstance(atom.type, Aval) or atom.type.dtype != self.out.dtype:
            return None
        (x,) = eqn.operands
        return x if x.type == atom.type else None

    def instead(self, atom: Atom) -> Atom | None:
        """The operand in place of the result, if it has the same type."""
        return atom if atom.type == self.out else None

    def becomes(self, name: str, *operands: Atom, **params: Any) -> Eqn:
        """Another operation for the same result, of the same line."""
        return Eqn(PRIMITIVES[name], operands, params, self.eqn.outs, self.eqn.origin)


Rule: TypeAlias = Callable[[Match], "Eqn | Atom | None"]
"""What to put in an equation's place: another, or an atom with the same value; None to leave it."""


def kind(type: Type) -> str:
    """NumPy's letter for an array's kind of dtype; a number has none."""
    return "" if isinstance(type, Number) else "f" if is_floating(type.dtype) else type.dtype.kind


def number(atom: Atom) -> Scalar | None:
    """The number that a literal is: a Python number, or a NumPy array without dimensions."""
    if not isinstance(atom, Literal):
        return None
    if type(atom.value) in SCALARS:
        return atom.value  # type: ignore[no-any-return]
    data = atom.value._data
    return data.item() if data.shape == () and isinstance(data, np.ndarray) else None


def negated(atom: Atom) -> Literal | None:
    """-c of a literal c that is one floating number; of Python's int 0 the sign would be lost."""
    if type(number(atom)) is not float:
        return None
    assert isinstance(atom, Literal)
    return Literal(-atom.value if type(atom.value) is float else wrap(-atom.value._data))
