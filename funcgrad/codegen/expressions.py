"""How an operation is written in a NumPy program: the one table of spellings.

A spelling runs the same array function as the eager operation, with the operands in the same order, so a program has
eager's bits. Operations that are not in the table are calls of their kernels (`numpy_program.py`).

Infix on NumPy's own scalars, which is what NumPy answers with where there are no dimensions, is ten times as fast as
the function. But it warns where whole numbers wrap around and the function does not, so they are spelled apart.
"""

from __future__ import annotations

import builtins
import keyword
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..core import PRIMITIVES, SCALARS, Aval, Primitive
from ..dtypes import ALL, is_inexact
from ..graph.ir import Atom, Eqn, Graph, Literal, Names, Number
from ..kernels import products

__all__ = [
    "ATOM",
    "DTYPES",
    "FRESH",
    "OPERATORS",
    "RESERVED",
    "VIEWS",
    "Expr",
    "array_text",
    "dtype_name",
    "into_text",
    "is_ufunc",
    "is_widened",
    "number_text",
    "param_text",
    "portable_text",
    "python_names",
    "takes_no_memory",
    "ufunc",
    "writes",
]

ATOM, UNARY, PRODUCT, SUM, SHIFT, AND, XOR, OR, COMPARISON = range(9, 0, -1)


class Expr(NamedTuple):
    """A piece of source.

    Args:
        text: the expression.
        binds: how strongly its outermost operator binds; ATOM needs no parentheses anywhere.
        home: the name of an array in it, whose module is that of the whole.
        depth: how many calls and operators stand in one another.
    """

    text: str
    binds: int = ATOM
    home: str = ""
    depth: int = 0

    def inside(self, binds: int) -> str:
        """The text where an operator of that strength stands beside it."""
        return self.text if self.binds >= binds else f"({self.text})"


OPERATORS: dict[str, tuple[str, int]] = {
    "add": ("+", SUM),
    "subtract": ("-", SUM),
    "multiply": ("*", PRODUCT),
    "divide": ("/", PRODUCT),
    "remainder": ("%", PRODUCT),
    "bitwise_left_shift": ("<<", SHIFT),
    "bitwise_right_shift": (">>", SHIFT),
    "bitwise_and": ("&", AND),
    "bitwise_xor": ("^", XOR),
    "bitwise_or": ("|", OR),
    "equal": ("==", COMPARISON),
    "not_equal": ("!=", COMPARISON),
    "less": ("<", COMPARISON),
    "less_equal": ("<=", COMPARISON),
    "greater": (">", COMPARISON),
    "greater_equal": (">=", COMPARISON),
}
_UNARY = {"negative": "-", "bitwise_invert": "~"}
_ON_SCALARS = {"add", "subtract", "multiply", "divide", "negative"} | {
    name for name, (_, binds) in OPERATORS.items() if binds == COMPARISON
}
"""Infix on NumPy's float32 and float64 scalars has the function's bits and the function's warnings."""

FUNCTIONS = frozenset({
    "add", "subtract", "multiply", "divide", "remainder", "negative", "square", "sqrt",
    "reciprocal", "pow", "exp", "expm1", "log", "log1p", "log2", "log10", "logaddexp", "sin", "cos", "tan",
    "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "hypot", "maximum",
    "minimum", "abs", "copysign", "nextafter", "sign", "floor", "ceil", "trunc", "equal", "not_equal", "less",
    "less_equal", "greater", "greater_equal", "isnan", "isinf", "isfinite", "signbit", "logical_and", "logical_or",
    "logical_xor", "logical_not", "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_invert",
    "bitwise_left_shift", "bitwise_right_shift", "conj",
})  # fmt: skip
"""The operations that are the array module's function of the same name, in NumPy a ufunc."""

_UFUNCS: dict[str, tuple[str, tuple[str, ...]]] = {
    "relu": ("maximum", ("0",)),
    "complex_abs": ("abs", ()),
    **{name: (name, ()) for name in ("cbrt", "exp2", "logaddexp2", "fmod", "gcd", "lcm")},
}
"""Other operations that are one ufunc: its name, and operands behind the operation's own."""

_REDUCTIONS = {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum"}
_SAME = ("stop_gradient", "checkpoint_name")

VIEWS = frozenset({"reshape", "permute_dims", "broadcast_to", "slice", "real", "imag", *_SAME})
"""What gives another look at its operand's memory."""

FRESH = frozenset({
    *FUNCTIONS, *_UFUNCS, *_REDUCTIONS, "floor_divide", "copy", "where", "convert", "cast", "matmul", "gather",
    "erf", "erfc", "erfinv", "relu6", "sigmoid", "softplus", "multiply_high",
    "conv", "conv_data", "conv_weights",
    "resample", "window_argmax", "window_gather", "window_scatter", "window_sum", "window_spread",
    "unslice", "pad", "concat", "set_slice", "scatter_add", "scatter_set", "cumulative_sum",
    "random_bits", "random_below", "random_uniform", "random_normal",
})  # fmt: skip
"""What gives memory of its own, that no other value shares. (`round` gives back an array of integers as it is.)"""

DTYPES = {"bool_" if dtype.name == "bool" else dtype.name: np.dtype(dtype.name) for dtype in ALL}
"""The names of dtypes in a program."""

RESERVED = frozenset({
    *keyword.kwlist, *dir(builtins), *DTYPES,
    "np", "xp", "inf", "nan", "array", "call", "number", "run", "select", "plain", "program", "tile", "rows",
    "begun", "mend", "step", "entry", "flags", "history", "entries", "arena", "borrow", "give_back",
})  # fmt: skip
"""Names that no variable may have, nor the name of an operation."""


# ---- operations --------------------------------------------------------------------------------


def array_text(eqn: Eqn, operands: Sequence[Expr]) -> Expr | None:
    """The operation in NumPy's words; None if it has no words of its own."""
    assert isinstance(eqn.op, Primitive)
    name, depth = eqn.op.name, 1 + max((x.depth for x in operands), default=0)
    if name in _SAME:
        return operands[0]
    if is_widened(eqn):
        return None
    if _infix(eqn):
        text, binds = infix_text(name, operands)
        return Expr(text, binds, "", depth)
    if is_ufunc(name):
        function, texts = ufunc(eqn, [x.text for x in operands])
        return Expr(f"{function}({', '.join(texts)})", ATOM, "", depth)
    spell = _SPELLINGS.get(name)
    spelled = None if spell is None else spell(eqn, operands)
    return None if spelled is None else Expr(spelled, ATOM, "", depth)


def portable_text(eqn: Eqn, operands: Sequence[Expr], module: str) -> Expr | None:
    """The operation in the words that all array modules share; `module` is the source of the module's name."""
    assert isinstance(eqn.op, Primitive)
    name, depth = eqn.op.name, 1 + max((x.depth for x in operands), default=0)
    if name in _SAME:
        return operands[0]
    if name in OPERATORS or name in _UNARY:
        text, binds = infix_text(name, operands)
        return Expr(text, binds, "", depth)
    if name in FUNCTIONS:
        return Expr(f"{module}.{name}({', '.join(x.text for x in operands)})", ATOM, "", depth)
    return None


def infix_text(name: str, operands: Sequence[Expr]) -> tuple[str, int]:
    """The operator between its operands, and how strongly it binds."""
    if name in _UNARY:
        return _UNARY[name] + operands[0].inside(UNARY), UNARY
    sign, binds = OPERATORS[name]
    left, right = operands
    # comparisons chain, so none may stand bare beside another
    return f"{left.inside(binds + (binds == COMPARISON))} {sign} {right.inside(binds + 1)}", binds


def _infix(eqn: Eqn) -> bool:
    """May the operation be written as an operator?"""
    name = eqn.op.name
    if name not in OPERATORS and name not in _UNARY:
        return False
    types = [a.type for a in eqn.operands]
    if any(t.shape for t in types):
        return True
    floats = [t for t in types if not isinstance(t, Number)]
    small = all(_is_small(a) for a in eqn.operands if isinstance(a.type, Number))
    return (
        bool(floats) and small and name in _ON_SCALARS and all(t.dtype.name in ("float32", "float64") for t in floats)
    )


def _is_small(a: Atom) -> bool:
    """A Python number that NumPy's scalars and its functions convert alike: not a whole one beyond all floats."""
    if a.type == Number(float):
        return True
    return isinstance(a, Literal) and type(a.value) in (bool, int) and -(2**24) <= a.value <= 2**24


def is_widened(eqn: Eqn) -> bool:
    """Does the kernel compute in another dtype than that of its operands?"""
    narrow = getattr(eqn.op, "narrow", ())
    return bool(narrow) and any(isinstance(a.type, Aval) and a.type.dtype in narrow for a in eqn.operands)


def takes_no_memory(eqn: Eqn) -> bool:
    """Does it make no memory of its own?"""
    return isinstance(eqn.op, Primitive) and eqn.op.name in VIEWS


def is_ufunc(name: str) -> bool:
    """Is the operation one ufunc, which can write its result where it is told?"""
    return name in FUNCTIONS or name in _UFUNCS


def ufunc(eqn: Eqn, texts: Sequence[str]) -> tuple[str, list[str]]:
    """The ufunc of an operation, and its operands."""
    function, more = _UFUNCS.get(eqn.op.name, (eqn.op.name, ()))
    return f"np.{function}", [*texts, *more]


def writes(eqn: Eqn) -> bool:
    """Can the operation be told where its result goes?"""
    name = getattr(eqn.op, "name", "")
    return is_ufunc(name) or name in _INTO or name in ("convert", "cast", "where") or getattr(eqn.op, "writes", False)


def into_text(eqn: Eqn, texts: Sequence[str], out: str) -> str | None:
    """The statement that writes the result to an array of that name; None for an operation without words of its own."""
    name = eqn.op.name
    if is_widened(eqn):
        return None
    if is_ufunc(name):
        function, texts = ufunc(eqn, texts)
        return f"{function}({', '.join(texts)}, out={out})"
    if name in ("convert", "cast"):
        return f'np.copyto({out}, {texts[0]}, casting="unsafe")'
    if name == "where":
        return f"select({', '.join([*texts, out])})"
    spelled = array_text(eqn, [Expr(text) for text in texts]) if name in _INTO else None
    return None if spelled is None else f"{spelled.text[:-1]}, out={out})"


_INTO = frozenset({*_REDUCTIONS, "concat", "matmul"})
"""Other operations whose words are a call that takes `out`."""


def _reduction(eqn: Eqn, xs: Sequence[Expr]) -> str:
    dtype = eqn.operands[0].type.dtype  # type: ignore[union-attr]
    # by itself NumPy adds small integers up as int64
    wide = is_inexact(dtype) or dtype.itemsize == 8 or eqn.op.name in ("max", "min")
    tail = "" if wide else f", dtype={dtype_name(dtype)}"
    return f"np.{_REDUCTIONS[eqn.op.name]}.reduce({xs[0].text}, axis={eqn.params['axes']}{tail})"


def _matmul(eqn: Eqn, xs: Sequence[Expr]) -> str | None:
    """Small products are NumPy's; for large ones the kernel has threads."""
    x, y = (a.type for a in eqn.operands)
    size = math.prod(x.shape)
    flat = len(y.shape) == 2 and len(x.shape) > 2 and size
    if flat or size * y.shape[-1] >= products.SMALL:
        return None
    order = ', order="C"' if max(len(x.shape), len(y.shape)) > 3 else ""  # NumPy would keep that of stacked operands
    return f"np.matmul({xs[0].text}, {xs[1].text}{order})"


def _key_text(key: Sequence[Any]) -> str:
    return ", ".join(
        (":".join("" if v is None else str(v) for v in (k.start, k.stop)) + (f":{k.step}" if k.step else ""))
        if isinstance(k, slice)
        else str(k)
        for k in key
    )


def _slice(eqn: Eqn, xs: Sequence[Expr]) -> str:
    key = eqn.params["key"]
    whole = "..." if not key else ""
    # as many ints as axes would give a scalar where eager has an array
    ellipsis = ", ..." if key and not eqn.outs[0].type.shape else ""
    return f"{xs[0].inside(ATOM)}[{whole}{_key_text(key)}{ellipsis}]"


def _shaped(method: str, param: str, function: str) -> Callable[[Eqn, Sequence[Expr]], str]:
    """The method of arrays, which is faster than the function; where there are no dimensions the function."""

    def spell(eqn: Eqn, xs: Sequence[Expr]) -> str:
        value = eqn.params[param]
        if eqn.operands[0].type.shape and value:
            return f"{xs[0].inside(ATOM)}.{method}({', '.join(map(str, value))})"
        return f"np.{function}({xs[0].text}, {value})"

    return spell


def _astype(eqn: Eqn, xs: Sequence[Expr]) -> str:
    return f"{xs[0].inside(ATOM)}.astype({dtype_name(eqn.params['dtype'])})"


Speller: TypeAlias = Callable[[Eqn, Sequence[Expr]], str | None]
_SPELLINGS: dict[str, Speller] = {
    **dict.fromkeys(_REDUCTIONS, _reduction),
    "any": lambda eqn, xs: f"np.any({xs[0].text}, axis={eqn.params['axes']})",
    "all": lambda eqn, xs: f"np.all({xs[0].text}, axis={eqn.params['axes']})",
    "argmax": lambda eqn, xs: f"{xs[0].inside(ATOM)}.argmax({eqn.params['axis']})",
    "argmin": lambda eqn, xs: f"{xs[0].inside(ATOM)}.argmin({eqn.params['axis']})",
    "round": lambda eqn, xs: f"np.round({xs[0].text})",
    "relu6": lambda eqn, xs: f"np.minimum(np.maximum({xs[0].text}, 0), 6)",
    "where": lambda eqn, xs: f"np.where({', '.join(x.text for x in xs)})",
    "convert": _astype,
    "cast": _astype,
    "real": lambda eqn, xs: f"{xs[0].inside(ATOM)}.real",
    "imag": lambda eqn, xs: f"{xs[0].inside(ATOM)}.imag",
    "reshape": _shaped("reshape", "shape", "reshape"),
    "permute_dims": _shaped("transpose", "axes", "transpose"),
    "broadcast_to": lambda eqn, xs: f"np.broadcast_to({xs[0].text}, {eqn.params['shape']})",
    "slice": _slice,
    "concat": lambda eqn, xs: f"np.concat(({', '.join(x.text for x in xs)},), axis={eqn.params['axis']})",
    "matmul": _matmul,
}


# ---- values ------------------------------------------------------------------------------------


def number_text(value: Any) -> Expr:
    """A Python number as it is written; NaN and infinities by the names `nan` and `inf`."""
    if type(value) is complex:  # repr would lose the signs of zeros
        return Expr(f"complex({value.real!r}, {value.imag!r})")
    text = repr(value)
    return Expr(text, UNARY if text.startswith("-") else ATOM)


def param_text(value: Any) -> str | None:
    """The source of a parameter; None where it must be bound by name."""
    if value is None or type(value) in (*SCALARS, str):
        return number_text(value).text if type(value) in SCALARS else repr(value)
    if isinstance(value, np.dtype):
        return dtype_name(value) if value in ALL else None
    if type(value) is slice:
        parts = [param_text(v) for v in (value.start, value.stop, value.step)]
        return None if None in parts else f"slice({', '.join(map(str, parts))})"
    if type(value) is tuple:
        inside = [param_text(v) for v in value]
        if None in inside:
            return None
        return f"({', '.join(map(str, inside))}{',' if len(inside) == 1 else ''})"
    return None


def dtype_name(dtype: Any) -> str:
    """The name of a dtype in a program."""
    return "bool_" if dtype.name == "bool" else str(dtype.name)


def python_names(graph: Graph) -> Names:
    """The names that variables have in the graph's text, but for those that mean something in Python."""
    names = Names()
    for var in (*graph.inputs, *(out for eqn in graph.eqns for out in eqn.outs)):
        name = names[var]
        if name in RESERVED or name in PRIMITIVES:
            names[var] = name + "_"
    return names
