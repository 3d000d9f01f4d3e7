"""What of a graph can be written in C, and how: `expressions.py` for equations, with the numbers beside arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...core import Aval, Primitive
from ...dtypes import is_boolean, is_floating
from ...graph.ir import Atom, Eqn, Literal, Number, Var
from ...rules import common_dtype
from ..expressions import Expr
from ..memory import size_of
from . import expressions
from .expressions import CTYPES, UNARY
from .kinds import BOXES, RANDOM, REDUCTIONS, WINDOWS, is_one_hot, is_pick
from .nest import Nest

__all__ = ["c_names", "expression", "speaks"]

_KEYWORDS = frozenset({
    "asm", "auto", "bool", "case", "char", "const", "default", "do", "double", "else", "enum", "extern", "float", "for",
    "goto", "if", "inline", "int", "long", "main", "register", "restrict", "return", "short", "signed", "sizeof",
    "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "bad",
})  # fmt: skip


def speaks(eqn: Eqn) -> bool:
    """Can the equation, an elementwise one, a reduction or a look at one element a row, be a part of a nest?"""
    if not isinstance(eqn.op, Primitive) or not _is_known(eqn.outs[0]) or not all(map(_is_known, eqn.operands)):
        return False
    if eqn.op.name in REDUCTIONS:
        dtype = eqn.outs[0].type.dtype  # type: ignore[union-attr]
        return dtype == eqn.operands[0].type.dtype and (not is_boolean(dtype) or eqn.op.name != "sum")  # type: ignore[union-attr]
    if is_pick(eqn) or is_one_hot(eqn) or eqn.op.name in RANDOM | WINDOWS | BOXES:
        return True
    if not eqn.op.elementwise and eqn.op.name not in ("convert", "cast", "copy"):
        return False
    return _spelled(eqn, ["x"] * len(eqn.operands)) is not None


def expression(eqn: Eqn, texts: Sequence[str]) -> str:
    """The equation's operation on operands, of which numbers have no text yet."""
    found = _spelled(eqn, texts)
    assert found is not None
    return found


def _spelled(eqn: Eqn, texts: Sequence[str]) -> str | None:
    types = [a.type for a in (eqn.operands[1:] if eqn.op.name == "where" else eqn.operands)]
    met = common_dtype([t if isinstance(t, Aval) else t.kind() for t in types])
    operands: list[Expr] = []
    for place, (a, text) in enumerate(zip(eqn.operands, texts, strict=True)):
        dtype = _BOOL if place == 0 and eqn.op.name == "where" else met
        found = _operand(a, text, dtype)
        if found is None:
            return None
        operands.append(found)
    spelled = expressions.expression(eqn, operands)
    return None if spelled is None else spelled.text


def _operand(a: Atom, text: str, dtype: Any) -> Expr | None:
    """An operand in the dtype in which all meet."""
    if not isinstance(a.type, Number):
        return Expr(text)
    if isinstance(a, Literal):
        return expressions.constant(a.value, dtype)
    if not is_floating(dtype) and (a.type.kind is not int or dtype.name != "int64"):
        return None  # NumPy raises an error where the number does not fit
    return Expr(f"({CTYPES[dtype.name]}) {text}", UNARY)


_BOOL = common_dtype([True])


def _is_known(a: Atom) -> bool:
    """Has C a type for it?"""
    if isinstance(a.type, Number):
        return a.type.kind in (int, float, bool)
    if a.type.dtype.name not in CTYPES:
        return False
    return not (isinstance(a, Var) and size_of(a) == 1 and a.type.dtype.name == "uint64")  # no way to pass it


def c_names(nest: Nest, names: Mapping[Var, str]) -> dict[Var, str]:
    """The names that a nest's values have in the program, but for those that mean something in C, as `exp` does."""
    found = {}
    for v in (v for e in nest.eqns for v in (*e.operands, *e.outs) if isinstance(v, Var)):
        name = names[v]
        found[v] = name + "_" if name in _KEYWORDS or len(name) > 2 else name
    return found
