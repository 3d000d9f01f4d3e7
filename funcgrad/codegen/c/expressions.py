"""How an elementwise operation is written in C: the one table of spellings.

The values are eager's: exact where eager's are (arithmetic, comparisons, whole numbers that wrap around, casts), and
within 4 ulp of the true value where a function of the C library is called. NaN, infinities and denormals are kept. Of
two zeros `maximum` and `minimum` may answer with either, as NumPy's do.

A spelling reads each operand once. What would read one twice, or needs more than a line, is a function of the prelude
(`prelude.py`), which the compiler puts in place of its call. Nothing branches: `&` instead of `&&`, so that loops can
be vectorised.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from ...core import Primitive
from ...dtypes import DType, is_boolean, is_floating, is_integer
from ...graph.ir import Eqn, Literal, Number
from ...rules import common_dtype
from ..expressions import ATOM, Expr

__all__ = ["CTYPES", "constant", "ctype", "expression", "spelled"]

CTYPES = {
    "float32": "float", "float64": "double", "bool": "unsigned char",
    "int8": "signed char", "int16": "short", "int32": "int", "int64": "long long",
    "uint8": "unsigned char", "uint16": "unsigned short", "uint32": "unsigned int", "uint64": "unsigned long long",
}  # fmt: skip
"""The C type of each dtype that has one here: on all systems that we know these have NumPy's sizes."""

UNARY, PRODUCT, SUM, SHIFT, COMPARISON, AND, XOR, OR, CHOICE = range(ATOM - 1, ATOM - 10, -1)
"""How strongly C's operators bind."""


def ctype(dtype: DType) -> str | None:
    """The C type of a dtype; None for half precision, complex numbers and others."""
    return CTYPES.get(dtype.name)


def expression(eqn: Eqn, operands: Sequence[Expr]) -> Expr | None:
    """An equation's operation in C.

    Args:
        eqn: of an elementwise operation, or any.
        operands: in C, each in the dtype in which they meet (`constant` for numbers); the condition of `where` is bool.

    Returns:
        What has the value, in the C type of the result's dtype or one that holds the same numbers; None if the
        operation has no spelling for that dtype.
    """
    if not isinstance(eqn.op, Primitive):
        return None
    types = [a.type for a in eqn.operands]
    meeting = types[1:] if eqn.op.name == "where" else types
    met = common_dtype([t.kind() if isinstance(t, Number) else t for t in meeting])
    last = eqn.operands[-1]
    exponent = last.value if isinstance(last, Literal) and isinstance(last.value, int | float) else None
    return spelled(eqn.op.name, met, operands, eqn.params.get("dtype"), exponent)


def spelled(
    name: str, dtype: DType, operands: Sequence[Expr], target: DType | None = None, exponent: float | None = None
) -> Expr | None:
    """An operation in C.

    Args:
        name: of the primitive.
        dtype: of the operands (of the choices of `where`).
        operands: in C.
        target: the dtype of a cast.
        exponent: of `pow`, if it is a number that is known.

    Returns:
        The expression, or None.
    """
    if ctype(dtype) is None:
        return None
    depth = 1 + max((x.depth for x in operands), default=0)
    if name in _SAME:
        return operands[0]
    if name in ("convert", "cast"):
        text = _cast(dtype, target, operands[0])
    elif name == "pow" and exponent is not None:
        text = _power(dtype, operands[0], exponent)
    else:
        spelling = _TABLE.get((name, _KINDS[dtype.kind]))
        text = None if spelling is None else spelling(dtype, operands)
    return None if text is None else text._replace(depth=depth)


def constant(value: Any, dtype: DType) -> Expr | None:
    """A Python number beside arrays of a dtype; None if the dtype does not hold it, where NumPy raises an error."""
    if ctype(dtype) is None:
        return None
    if is_floating(dtype):
        try:
            with np.errstate(over="ignore"):
                number = np.asarray(value, dtype)[()]
        except (OverflowError, TypeError):  # a whole number beyond all floats, a complex one
            return None
        suffix = "f" if dtype.itemsize == 4 else ""
        if math.isnan(number):
            return Expr(f'__builtin_nan{suffix}("")')
        if math.isinf(number):
            return Expr(f"{'-' if number < 0 else ''}__builtin_inf{suffix}()", UNARY)
        text = str(number) + suffix  # the shortest that reads as the same number of that dtype
        return Expr(text, UNARY if text.startswith("-") else ATOM)
    if not isinstance(value, int):
        return None
    if is_boolean(dtype):
        return Expr(str(int(value))) if isinstance(value, bool) else None
    least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    if not least <= value <= most:
        return None
    suffix = {"int64": "LL", "uint64": "ULL", "uint32": "U"}.get(dtype.name, "")
    if value == least < 0 and dtype.itemsize >= 4:  # C has no negative numbers, and the positive one is too large
        return Expr(f"{value + 1}{suffix} - 1", SUM)
    return Expr(f"{int(value)}{suffix}", UNARY if value < 0 else ATOM)


# ---- spellings ---------------------------------------------------------------------------------

Speller: TypeAlias = Callable[[DType, Sequence[Expr]], Expr | None]

_KINDS = {"f": "float", "i": "int", "u": "unsigned", "b": "bool"}
_SAME = frozenset({"copy", "stop_gradient", "checkpoint_name"})
_TABLE: dict[tuple[str, str], Speller] = {}
"""(operation, kind of dtype) -> its spelling."""


def _narrow(dtype: DType, text: Expr) -> Expr:
    """C computes with ints where the dtype is smaller: back to it, so that the number wraps around."""
    return Expr(f"({CTYPES[dtype.name]})({text.text})", UNARY) if is_integer(dtype) and dtype.itemsize < 4 else text


def _infix(sign: str, binds: int) -> Speller:
    def spell(dtype: DType, xs: Sequence[Expr]) -> Expr:
        x, y = xs
        if binds in (AND, XOR, OR, SHIFT):  # C lets them bind in ways that nobody remembers
            text = f"{x.inside(UNARY)} {sign} {y.inside(UNARY)}"
        elif binds == COMPARISON:
            return Expr(f"{x.inside(SHIFT)} {sign} {y.inside(SHIFT)}", binds)
        else:
            text = f"{x.inside(binds)} {sign} {y.inside(binds + 1)}"
        return _narrow(dtype, Expr(text, binds))

    return spell


def _prefix(sign: str) -> Speller:
    return lambda dtype, xs: _narrow(dtype, Expr(f"{sign}{xs[0].inside(ATOM)}", UNARY))


def _library(name: str) -> Speller:
    """A function of the C library; those for floats end in f."""
    return lambda dtype, xs: Expr(f"{name}{'f' if dtype.itemsize == 4 else ''}({', '.join(x.text for x in xs)})")


def _prelude(name: str, *more: int) -> Speller:
    """A function of the prelude, with these numbers behind the operands."""

    def spell(dtype: DType, xs: Sequence[Expr]) -> Expr:
        numbers = [constant(n, dtype) for n in more]
        return Expr(f"{name}_{dtype.name}({', '.join(x.text for x in (*xs, *filter(None, numbers)))})")

    return spell


def _truth(sign: str, binds: int) -> Speller:
    """A logical operation on numbers, which are true where they are not 0."""

    def spell(dtype: DType, xs: Sequence[Expr]) -> Expr:
        return Expr(f" {sign} ".join(f"({x.inside(SHIFT)} != 0)" for x in xs), binds)

    return spell


def _zero_test(template: str) -> Speller:
    return lambda dtype, xs: Expr(template.format(xs[0].inside(SHIFT)), COMPARISON)


def _always(value: str) -> Speller:
    return lambda dtype, xs: Expr(value)


def _itself(dtype: DType, xs: Sequence[Expr]) -> Expr:
    return xs[0]


def _one_over(dtype: DType, xs: Sequence[Expr]) -> Expr:
    one = "1.0f" if dtype.itemsize == 4 else "1.0"
    return Expr(f"{one} / {xs[0].inside(UNARY)}", PRODUCT)


def _choice(dtype: DType, xs: Sequence[Expr]) -> Expr:
    condition, x, y = (a.inside(OR) for a in xs)
    return Expr(f"{condition} ? {x} : {y}", CHOICE)


def _declare(kinds: str, rows: dict[str, Speller]) -> None:
    for kind in kinds.split():
        _TABLE.update({(name, kind): spelling for name, spelling in rows.items()})


_COMPARISONS = {
    "equal": "==",
    "not_equal": "!=",
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
}
_LIBRARY = (
    "sqrt", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin",
    "acos", "atan", "atan2", "asinh", "acosh", "atanh", "hypot", "copysign", "nextafter", "fmod", "floor", "ceil",
    "trunc", "pow",
)  # fmt: skip
_OWN = ("exp", "erf", "erfc", "erfinv", "sigmoid", "softplus", "logaddexp", "isnan", "isinf", "isfinite", "signbit")

_declare("float int unsigned bool", {name: _infix(sign, COMPARISON) for name, sign in _COMPARISONS.items()})
_declare("float int unsigned bool", {"where": _choice})
_declare("float int unsigned", {
    "add": _infix("+", SUM), "subtract": _infix("-", SUM), "multiply": _infix("*", PRODUCT), "negative": _prefix("-"),
    "square": _prelude("square"), "maximum": _prelude("maximum"), "minimum": _prelude("minimum"),
    "sign": _prelude("sign"), "relu": _prelude("maximum", 0), "relu6": _prelude("relu6"),
    "floor_divide": _prelude("floor_divide"), "remainder": _prelude("remainder"),
    "logical_and": _truth("&", AND), "logical_or": _truth("|", OR), "logical_xor": _truth("^", XOR),
    "logical_not": _zero_test("{0} == 0"),
})  # fmt: skip
_declare("float", {
    **{name: _library(name) for name in _LIBRARY},
    **{name: _prelude(name) for name in _OWN},
    "divide": _infix("/", PRODUCT), "reciprocal": _one_over, "abs": _library("fabs"), "round": _library("rint"),
})  # fmt: skip
_declare("int unsigned", {
    "bitwise_and": _infix("&", AND), "bitwise_or": _infix("|", OR), "bitwise_xor": _infix("^", XOR),
    "bitwise_invert": _prefix("~"), "bitwise_left_shift": _prelude("left_shift"),
    "bitwise_right_shift": _prelude("right_shift"),
    **dict.fromkeys(("floor", "ceil", "trunc", "round"), _itself),
})  # fmt: skip
_declare("int", {"abs": _prelude("abs"), "signbit": _zero_test("{0} < 0")})
_declare("unsigned", {"abs": _itself, "pow": _prelude("power"), "signbit": _always("0")})
_declare("bool", {
    **dict.fromkeys(("add", "maximum", "logical_or", "bitwise_or"), _infix("|", OR)),
    **dict.fromkeys(("multiply", "minimum", "logical_and", "bitwise_and"), _infix("&", AND)),
    **dict.fromkeys(("logical_xor", "bitwise_xor"), _infix("^", XOR)),
    **dict.fromkeys(("logical_not", "bitwise_invert"), _prefix("!")),
    **dict.fromkeys(("abs", "floor", "ceil", "trunc"), _itself),
    "signbit": _always("0"),
})  # fmt: skip
_declare("int unsigned bool", {"isnan": _always("0"), "isinf": _always("0"), "isfinite": _always("1")})


def _multiply_high(dtype: DType, xs: Sequence[Expr]) -> Expr | None:
    return _prelude("multiply_high")(dtype, xs) if dtype.itemsize == 8 else None


_TABLE["multiply_high", "unsigned"] = _multiply_high


# ---- what depends on more than the dtype -------------------------------------------------------


def _cast(source: DType, target: DType | None, x: Expr) -> Expr | None:
    """As NumPy casts, beyond the target's range as well: there C leaves it open, and NumPy has what x86 makes of it."""
    if target is None or ctype(target) is None:
        return None
    if target == source:
        return x
    if is_boolean(target):
        return Expr(f"{x.inside(SHIFT)} != 0", COMPARISON)
    to = f"({CTYPES[target.name]})"
    if is_floating(source) and is_integer(target):
        if target.name in ("uint32", "uint64"):
            return Expr(f"{target.name}_of_{source.name}({x.text})")
        if target.itemsize < 4:  # by way of int, whose lowest bits remain
            to += "(int)"
    return Expr(to + x.inside(UNARY), UNARY)


def _power(dtype: DType, x: Expr, exponent: float) -> Expr | None:
    """x to a power that is known."""
    whole = int(exponent) if float(exponent).is_integer() and abs(exponent) <= 4 else None
    if whole in (2, 3, 4) and dtype.kind in "fiu":
        name = {2: "square", 3: "cube", 4: "fourth_power"}[whole]
        return Expr(f"{name}_{dtype.name}({x.text})")
    if whole == 1 and dtype.kind in "fiu":
        return x
    if is_floating(dtype):
        if whole == -1:
            return _one_over(dtype, [x])
        if exponent == 0.5:  # of minus infinity NaN, as NumPy has it; pow says infinity
            return _library("sqrt")(dtype, [x])
        number = constant(exponent, dtype)
        return None if number is None else _library("pow")(dtype, [x, number])
    number = constant(exponent, dtype) if isinstance(exponent, int) and exponent >= 0 else None
    return None if number is None or is_boolean(dtype) else _prelude("power")(dtype, [x, number])
