"""Which dtype does an operation answer with?

Arrays of one kind promote as in NumPy and the array API standard. Across kinds a float or complex dtype wins over
booleans and integers whatever their width (int64 with float32 is float32, as in JAX and torch: NumPy's float64 there
would slow a whole model down for one mask). Python scalars are weak: they take the array's dtype unless their kind is
higher. A float that no array decides is `config.default_dtype()`.

    >>> from funcgrad import dtypes
    >>> dtypes.promote_types("int64", "float32"), dtypes.promote_types("int8", "int16")
    (dtype('float32'), dtype('int16'))
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from .config import default_dtype
from .errors import DtypeError

__all__ = [
    "DType",
    "canonical",
    "default_complex",
    "inexact",
    "is_boolean",
    "is_complex",
    "is_floating",
    "is_inexact",
    "is_integer",
    "promote_types",
    "weak",
]

DType: TypeAlias = np.dtype[Any]

ALL: frozenset[DType] = frozenset(map(np.dtype, ["?", *"bhilqBHILQ", *"efd", *"FD"]))
INEXACT: frozenset[DType] = frozenset(dtype for dtype in ALL if dtype.kind in "fc")
_SCALARS = {"b": (bool,), "i": (int, bool), "u": (int, bool), "f": (float, int, bool), "c": (complex, float, int, bool)}
WEAK: dict[DType, tuple[type, ...]] = {dtype: _SCALARS[dtype.kind] for dtype in ALL}
"""The Python scalars that an array of each dtype takes as they are, beside which nothing needs to be promoted."""

_KINDS = {"b": 0, "i": 1, "u": 1, "f": 2, "c": 3}
_WEAK = {bool: 0, int: 1, float: 2, complex: 3}


def canonical(dtype: Any) -> DType:
    """The NumPy dtype of a name, a type or a dtype; Python's `float` and `complex` are the default ones."""
    if dtype is float:
        return default_dtype()
    if dtype is complex:
        return default_complex()
    try:
        found = np.dtype(dtype)
    except TypeError as error:
        advice = " (a shape is one argument, a tuple such as (2, 3))" if isinstance(dtype, int | float) else ""
        raise DtypeError(f"not a dtype: {dtype!r}{advice}") from error
    if found.kind not in _KINDS:
        raise DtypeError(f"arrays hold booleans, integers, floats or complex numbers, not {found}")
    return found


def default_complex() -> DType:
    """The complex dtype whose parts are `config.default_dtype()`."""
    return np.result_type(default_dtype(), np.complex64)


def kind(dtype: DType) -> int:
    """0 boolean, 1 integer, 2 real floating, 3 complex."""
    return _KINDS[dtype.kind]


def is_boolean(dtype: DType) -> bool:
    """Truth values."""
    return dtype.kind == "b"


def is_integer(dtype: DType) -> bool:
    """Whole numbers, with a sign or without one."""
    return dtype.kind in "iu"


def is_floating(dtype: DType) -> bool:
    """Real floating: float16, float32, float64."""
    return dtype.kind == "f"


def is_complex(dtype: DType) -> bool:
    """complex64 and complex128."""
    return dtype.kind == "c"


def is_inexact(dtype: DType) -> bool:
    """Floating or complex: what has derivatives."""
    return dtype.kind in "fc"


def inexact(dtype: DType) -> DType:
    """The dtype of a function whose values are not whole (sqrt, mean, divide): integers become the default float."""
    return dtype if dtype.kind in "fc" else default_dtype()


def promote_types(a: Any, b: Any) -> DType:
    """The dtype that two arrays meet in."""
    a, b = np.dtype(a), np.dtype(b)
    if a is b:
        return a
    kind_a, kind_b = kind(a), kind(b)
    if kind_a >= 2 > kind_b:
        return a
    if kind_b >= 2 > kind_a:
        return b
    found = np.promote_types(a, b)
    return default_dtype() if found.kind == "f" and kind_a < 2 else found  # uint64 with int64


def weak(dtype: DType, scalar: bool | int | float | complex) -> DType:
    """The dtype that an array and a Python scalar meet in: the array's, unless the scalar's kind is higher.

    A `WeakNumber`, which stands for one, says its `kind`.
    """
    level = _WEAK[type(scalar)] if type(scalar) in _WEAK else _WEAK[scalar.kind]  # type: ignore[union-attr]
    if level <= kind(dtype):
        return dtype
    if level == 3:
        return np.result_type(dtype, np.complex64) if dtype.kind == "f" else default_complex()
    return default_dtype() if level == 2 else np.dtype(np.int64)
