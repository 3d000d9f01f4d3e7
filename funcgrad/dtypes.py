"""Which dtype does an operation answer with?

Arrays of one kind promote as in NumPy and the array API standard. Across kinds a float or complex dtype wins over
booleans and integers whatever their width (int64 with float32 is float32, as in JAX and torch: NumPy's float64 there
would slow a whole model down for one mask). Python scalars are weak: they take the array's dtype unless their kind is
higher. A float that no array decides is `config.default_dtype()`.

bfloat16 is the dtype of the package `ml_dtypes`, where it is installed (the extra `bfloat16`). It has the exponents of
float32 and 8 bits of significand, so beside float16 it becomes float32. To NumPy it is no number: its `kind` is "V", so
whoever asks for the kind of a dtype asks the functions below.

    >>> from funcgrad import dtypes
    >>> dtypes.promote_types("int64", "float32"), dtypes.promote_types("int8", "int16")
    (dtype('float32'), dtype('int16'))
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from .config import default_dtype, numpy_dtype_promotion
from .errors import DtypeError

try:
    import ml_dtypes
except ImportError:
    ml_dtypes = None  # type: ignore[assignment]

__all__ = [
    "BFLOAT16",
    "FLOAT16",
    "NARROW",
    "WIDE",
    "DType",
    "canonical",
    "default_complex",
    "finfo",
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

BFLOAT16: DType | None = None if ml_dtypes is None else np.dtype(ml_dtypes.bfloat16)
"""The dtype bfloat16, the same object on every array; None where `ml_dtypes` is not installed."""
WIDE: DType = np.dtype(np.float32)
"""What the CPU computes narrow floats in."""

_BOOLEAN = frozenset({np.dtype(bool)})
_INTEGER = frozenset(map(np.dtype, "bhilqBHILQ"))
FLOAT16: DType = np.dtype(np.float16)
NARROW: frozenset[DType] = frozenset({FLOAT16} | ({BFLOAT16} if BFLOAT16 is not None else set()))
"""Floats of 16 bits: they are stored so, and computed in `WIDE` on the CPU."""
_FLOATING = frozenset(map(np.dtype, "fdg")) | NARROW
_COMPLEX = frozenset(map(np.dtype, "FDG"))
_LEVELS: dict[DType, int] = {
    dtype: level for level, group in enumerate((_BOOLEAN, _INTEGER, _FLOATING, _COMPLEX)) for dtype in group
}
_KNOWN = {dtype: dtype for dtype in _LEVELS}  # of equal objects one, by which fast paths know bfloat16

INEXACT: frozenset[DType] = frozenset(map(np.dtype, "fdFD")) | NARROW
ALL: frozenset[DType] = _BOOLEAN | _INTEGER | INEXACT
_SCALARS = ((bool,), (int, bool), (float, int, bool), (complex, float, int, bool))
WEAK: dict[DType, tuple[type, ...]] = {
    dtype: () if dtype is BFLOAT16 else _SCALARS[_LEVELS[dtype]]  # beside bfloat16 NumPy's numbers are not weak
    for dtype in ALL
}
"""The Python scalars that an array of each dtype takes as they are, beside which nothing needs to be promoted."""

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
        advice = ""
        if isinstance(dtype, int | float):
            advice = " (a shape is one argument, a tuple such as (2, 3))"
        elif dtype == "bfloat16":
            advice = f" here: {INSTALL}"
        raise DtypeError(f"not a dtype: {dtype!r}{advice}") from error
    known = _KNOWN.get(found if found.isnative else found.newbyteorder("="))
    if known is None:
        advice = " (which bfloat16 is in NumPy's files: x.view(fnp.bfloat16) is what it was)" if found == "V2" else ""
        raise DtypeError(f"arrays hold booleans, integers, floats or complex numbers, not {found}{advice}")
    return known


INSTALL = "bfloat16 is the dtype of the package ml_dtypes: pip install 'funcgrad[bfloat16]'"


def default_complex() -> DType:
    """The complex dtype whose parts are `config.default_dtype()`."""
    return np.promote_types(default_dtype(), np.complex64)


def kind(dtype: DType) -> int:
    """0 boolean, 1 integer, 2 real floating, 3 complex."""
    return _LEVELS[dtype]


def is_boolean(dtype: DType) -> bool:
    """Truth values."""
    return dtype in _BOOLEAN


def is_integer(dtype: DType) -> bool:
    """Whole numbers, with a sign or without one."""
    return dtype in _INTEGER


def is_floating(dtype: DType) -> bool:
    """Real floating: bfloat16, float16, float32, float64."""
    return dtype in _FLOATING


def is_complex(dtype: DType) -> bool:
    """complex64 and complex128."""
    return dtype in _COMPLEX


def is_inexact(dtype: DType) -> bool:
    """Floating or complex: what has derivatives."""
    return dtype in _FLOATING or dtype in _COMPLEX


def inexact(dtype: DType) -> DType:
    """The dtype of a function whose values are not whole (sqrt, mean, divide): integers become the default float."""
    return dtype if is_inexact(dtype) else default_dtype()


def finfo(dtype: Any) -> Any:
    """NumPy's `finfo` of a floating or complex dtype, bfloat16 included."""
    found = canonical(dtype)
    if found is BFLOAT16:
        return ml_dtypes.finfo(found)  # type: ignore[no-untyped-call]
    if not is_inexact(found):
        raise DtypeError(f"finfo: {found} is not a floating or complex dtype; iinfo tells of integers")
    return np.finfo(found)


def promote_types(a: Any, b: Any) -> DType:
    """The dtype that two arrays meet in."""
    a, b = canonical(a), canonical(b)
    if a is b:
        return a
    if numpy_dtype_promotion() == "strict" and not _are_parts(a, b) and not _are_parts(b, a):
        raise _strict(f"{a} and {b}", "x.astype(y.dtype)")
    kind_a, kind_b = kind(a), kind(b)
    if kind_a >= 2 > kind_b:
        return a
    if kind_b >= 2 > kind_a:
        return b
    if {a, b} == NARROW:  # neither holds the other's numbers
        return WIDE
    found = np.promote_types(a, b)
    return default_dtype() if kind(found) == 2 > kind_a else found  # uint64 with int64


def weak(dtype: DType, scalar: bool | int | float | complex) -> DType:
    """The dtype that an array and a Python scalar meet in: the array's, unless the scalar's kind is higher.

    A `WeakNumber`, which stands for one, says its `kind`.
    """
    level = _WEAK[type(scalar)] if type(scalar) in _WEAK else _WEAK[scalar.kind]  # type: ignore[union-attr]
    if level <= kind(dtype):
        return dtype
    if numpy_dtype_promotion() == "strict" and not is_boolean(dtype):
        raise _strict(f"{dtype} and the number {scalar!r}", "x.astype('float32')")
    if level == 3:
        return np.promote_types(dtype, np.complex64) if is_floating(dtype) else default_complex()
    return default_dtype() if level == 2 else np.dtype(np.int64)


def _are_parts(real: DType, complex: DType) -> bool:
    """Are numbers of the one dtype the real parts of numbers of the other?"""
    return is_floating(real) and is_complex(complex) and 2 * real.itemsize == complex.itemsize


def _strict(operands: str, advice: str) -> DtypeError:
    return DtypeError(
        f"{operands} would be promoted, and config.numpy_dtype_promotion() is 'strict': write {advice} for one of them"
    )
