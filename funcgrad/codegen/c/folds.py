"""The C types of values and numbers, and what reductions begin with, add, and end with."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import Aval
from ...dtypes import is_boolean, is_floating
from ...graph.ir import Atom, Eqn, Number
from ..expressions import ATOM
from .expressions import CTYPES, constant

__all__ = [
    "accumulator",
    "c_type",
    "has_nan",
    "is_float",
    "is_truth",
    "onto",
    "result",
    "typed_number",
    "value_type",
]


def c_type(a: Atom) -> str:
    """The type of a value's elements in memory."""
    return CTYPES[a.type.dtype.name]  # type: ignore[union-attr]


def value_type(a: Atom) -> str:
    """The type of one element that is computed with; truth is an int."""
    if isinstance(a.type, Number):
        return "double" if a.type.kind is float else "long long"
    return "int" if is_boolean(a.type.dtype) else c_type(a)


def is_float(a: Atom) -> bool:
    """Is it a floating-point number?"""
    return a.type.kind is float if isinstance(a.type, Number) else is_floating(a.type.dtype)


def is_truth(a: Atom) -> bool:
    """Is it true or false?"""
    return isinstance(a.type, Aval) and bool(is_boolean(a.type.dtype))


def typed_number(value: Any, dtype: Any) -> str:
    """A number of some dtype."""
    found = constant(value.item() if isinstance(value, np.generic) else value, dtype)
    assert found is not None
    return found.inside(ATOM)


# ---- reductions ----------------------------------------------------------------------------------


def has_nan(e: Eqn) -> bool:
    """Must NaN be looked for apart? A maximum that is compiled to the machine's own loses it."""
    return e.op.name in ("max", "min") and is_floating(e.outs[0].type.dtype)  # type: ignore[union-attr]


def accumulator(e: Eqn) -> tuple[str, str]:
    """The type of what is added up, and what it begins with."""
    out = e.outs[0]
    dtype = out.type.dtype  # type: ignore[union-attr]
    if e.op.name == "sum":
        return ("double" if is_floating(dtype) else c_type(out)), "0"
    if is_floating(dtype):
        suffix = "f" if dtype.itemsize == 4 else ""
        return c_type(out), f"{'-' if e.op.name == 'max' else ''}__builtin_inf{suffix}()"
    if is_boolean(dtype):
        return "int", "0" if e.op.name == "max" else "1"
    info = np.iinfo(dtype)
    return c_type(out), typed_number(info.min if e.op.name == "max" else info.max, dtype)


def onto(e: Eqn, total: str, x: str) -> str:
    """The statement that adds x to a total."""
    if e.op.name == "sum":
        return f"{total} += {x};"
    sign = ">" if e.op.name == "max" else "<"
    if is_floating(e.outs[0].type.dtype):  # type: ignore[union-attr]
        return f"{total} = ({x} {sign} {total} || {x} != {x}) ? {x} : {total};"
    return f"{total} = {x} {sign} {total} ? {x} : {total};"


def result(e: Eqn, total: str, nan: str) -> str:
    """A total as the reduction's result."""
    kind = value_type(e.outs[0])
    if has_nan(e):
        suffix = "f" if kind == "float" else ""
        return f'{nan} ? __builtin_nan{suffix}("") : {total}'
    return f"({kind}) {total}" if e.op.name == "sum" else total
