"""Casts, and what is known of dtypes: which casts keep values, where operands meet, the limits of each dtype."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import dtypes
from ..core import SCALARS, Array, WeakNumber
from ..device import Device
from ..dtypes import (
    BFLOAT16,
    DType,
    canonical,
    is_boolean,
    is_complex,
    is_floating,
    is_inexact,
    is_integer,
    promote_types,
    weak,
)
from ..errors import DtypeError, OptionError
from ..ops.create import asarray

__all__ = [
    "astype",
    "can_cast",
    "finfo",
    "iinfo",
    "isdtype",
    "issubdtype",
    "promote_types",
    "result_type",
]


def _dtype_of(x: Any) -> DType:
    """The dtype of an array of any kind, or the dtype that is named."""
    if isinstance(x, Array | np.ndarray | np.generic):
        return canonical(x.dtype)  # NumPy's may have the other order of bytes
    if isinstance(x, SCALARS) or x is None:
        raise DtypeError(f"not a dtype or an array: {x!r}")
    return canonical(x)


class finfo:  # noqa: N801  # the name is NumPy's
    """The limits of a floating dtype; of a complex one, those of its parts.

    Args:
        type: a dtype, or an array (also one under a transform) for its dtype.

    Attributes:
        bits: how many bits a number takes.
        eps: the distance from 1 to the next larger number.
        max, min: the largest number, and its negative.
        smallest_normal (NumPy: tiny), smallest_subnormal: the smallest positive numbers with all digits, and with one.
        precision, resolution: how many decimals are right, and 10 to the minus that power.
        epsneg, nmant, nexp, maxexp, minexp, machep, negep, iexp: as in NumPy.
        dtype: the real dtype.

    All numbers are Python's.

    Raises:
        DtypeError: the dtype is not floating or complex.

    >>> from funcgrad import numpy as fnp
    >>> fnp.finfo("float32").eps
    1.1920928955078125e-07
    """

    __slots__ = (
        *("bits", "dtype", "eps", "epsneg", "iexp", "machep", "max", "maxexp", "min", "minexp", "negep", "nexp"),
        *("nmant", "precision", "resolution", "smallest_normal", "smallest_subnormal", "tiny"),
    )
    bits: int
    dtype: DType
    eps: float
    epsneg: float
    iexp: int
    machep: int
    max: float
    maxexp: int
    min: float
    minexp: int
    negep: int
    nexp: int
    nmant: int
    precision: int
    resolution: float
    smallest_normal: float
    smallest_subnormal: float
    tiny: float

    def __init__(self, type: Any, /):
        dtype = _dtype_of(type)
        if not is_inexact(dtype):
            raise DtypeError(f"finfo: {dtype} is not floating or complex; iinfo tells the limits of integers")
        known: Any = dtypes.finfo(dtype)
        self.dtype = np.dtype(known.dtype)
        for name in self.__slots__:
            if name != "dtype":
                value = getattr(known, name)
                setattr(self, name, value if isinstance(value, int) else value.item())

    def __repr__(self) -> str:
        return f"finfo(min={self.min}, max={self.max}, eps={self.eps}, dtype={self.dtype})"


class iinfo:  # noqa: N801  # the name is NumPy's
    """The limits of an integer dtype.

    Args:
        type: a dtype, or an array (also one under a transform) for its dtype.

    Attributes:
        bits: how many bits a number takes.
        max, min: the largest and the least number, Python ints.
        dtype: the dtype itself.

    Raises:
        DtypeError: the dtype is no integer one.

    >>> from funcgrad import numpy as fnp
    >>> fnp.iinfo(fnp.int8).max
    127
    """

    __slots__ = ("bits", "dtype", "max", "min")

    def __init__(self, type: Any, /):
        dtype = _dtype_of(type)
        if not is_integer(dtype):
            raise DtypeError(f"iinfo: {dtype} holds no integers; finfo tells the limits of floating dtypes")
        known = np.iinfo(dtype)
        self.dtype, self.bits = dtype, known.bits
        self.max, self.min = int(known.max), int(known.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


def astype(x: Any, dtype: Any, /, *, copy: builtins.bool = True, device: str | Device | None = None) -> Array:
    """The array in another dtype.

    Between floating dtypes this is differentiable; to or from integers and booleans it is a constant. From complex to
    real it takes the real part.

    Args:
        x: an array.
        dtype: of the result.
        copy: there for the standard: an array that cannot change needs none.
        device: where the result shall be; by default where x is.
    """
    return asarray(asarray(x), canonical(dtype), device=device)


def can_cast(from_: Any, to: Any, /, casting: str = "safe") -> builtins.bool:
    """Does the cast keep every value?

    Args:
        from_: a dtype, or an array for its dtype.
        to: a dtype.
        casting: NumPy's word for which casts are allowed: "no", "equiv", "safe", "same_kind" or "unsafe".

    >>> from funcgrad import numpy as fnp
    >>> fnp.can_cast(fnp.uint8, fnp.int16), fnp.can_cast(fnp.int16, fnp.uint8)
    (True, False)
    """
    if casting not in ("no", "equiv", "safe", "same_kind", "unsafe"):
        raise OptionError(f"can_cast: casting is 'no', 'equiv', 'safe', 'same_kind' or 'unsafe', not {casting!r}")
    return builtins.bool(np.can_cast(_dtype_of(from_), canonical(to), casting=casting))  # type: ignore[arg-type]


def result_type(*arrays_and_dtypes: Any) -> DType:
    """The dtype in which operands meet.

    Args:
        *arrays_and_dtypes: arrays, dtypes and Python numbers, at least one; a number is weak: it takes the dtype of
            the others unless its kind is higher.

    >>> from funcgrad import numpy as fnp
    >>> fnp.result_type(fnp.int8, fnp.int16), fnp.result_type(fnp.ones(2), 1)
    (dtype('int16'), dtype('float32'))
    """
    if not arrays_and_dtypes:
        raise DtypeError("result_type needs at least one array, dtype or number")
    found: DType | None = None
    numbers: list[Any] = []
    for x in arrays_and_dtypes:
        if isinstance(x, (*SCALARS, WeakNumber)) and not isinstance(x, np.generic):  # np.float64 is a float, too
            numbers.append(x)
        else:
            dtype = _dtype_of(x)
            found = dtype if found is None else promote_types(found, dtype)
    for number in numbers:
        found = weak(np.dtype(bool) if found is None else found, number)
    assert found is not None
    return found


_KINDS: dict[str, Callable[[DType], builtins.bool]] = {
    "bool": is_boolean,
    "signed integer": lambda dtype: is_integer(dtype) and dtype.kind == "i",
    "unsigned integer": lambda dtype: is_integer(dtype) and dtype.kind == "u",
    "integral": is_integer,
    "real floating": is_floating,
    "complex floating": is_complex,
    "numeric": lambda dtype: not is_boolean(dtype),
}


def isdtype(dtype: Any, kind: Any) -> builtins.bool:
    """Is a dtype of that kind?

    Args:
        dtype: a dtype.
        kind: "bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric",
            a dtype, or a tuple of such, of which one must do.

    Raises:
        OptionError: there is no such kind.

    >>> from funcgrad import numpy as fnp
    >>> fnp.isdtype(fnp.int8, "integral"), fnp.isdtype(fnp.int8, ("real floating", fnp.int16))
    (True, False)
    """
    found = canonical(dtype)
    if isinstance(kind, tuple):
        return any(isdtype(found, k) for k in kind)
    if not isinstance(kind, str):
        return found == canonical(kind)
    if kind not in _KINDS:
        raise OptionError(f"isdtype: there is no kind {kind!r}, but {', '.join(map(repr, _KINDS))}; or give a dtype")
    return _KINDS[kind](found)


def issubdtype(arg1: Any, arg2: Any) -> builtins.bool:
    """Is the first dtype the second, or below it in NumPy's tree of types (`np.floating`, `np.integer`)?

    >>> import numpy as np
    >>> from funcgrad import numpy as fnp
    >>> fnp.issubdtype(fnp.float32, np.floating)
    True
    """
    # to NumPy bfloat16 is below no class of its own
    if BFLOAT16 is not None and np.dtype(arg1) == BFLOAT16:
        return arg2 in (BFLOAT16, BFLOAT16.type, "bfloat16") or builtins.bool(np.issubdtype(np.floating, arg2))
    return builtins.bool(np.issubdtype(arg1, arg2))
