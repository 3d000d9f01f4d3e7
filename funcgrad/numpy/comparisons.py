"""Nearly equal, equal as a whole, and what kind of numbers an array holds."""

from __future__ import annotations

import math
from typing import Any

from ..core import Array
from ..dtypes import is_complex, is_inexact
from ..errors import DtypeError
from ..ops.create import asarray, promote
from ..rules import zeros
from .elementwise import abs, equal, imag, isfinite, isnan, where
from .reductions import all

__all__ = [
    "allclose",
    "array_equal",
    "array_equiv",
    "isclose",
    "iscomplex",
    "iscomplexobj",
    "isneginf",
    "isposinf",
    "isreal",
    "isrealobj",
]


def _both(x: Any, y: Any) -> tuple[Any, Any]:
    """Two arrays of one dtype, a Python number beside an array in the array's."""
    x, y = promote(x, y)
    dtype = (x if isinstance(x, Array) else y).dtype
    return asarray(x, dtype), asarray(y, dtype)


def isclose(x: Any, y: Any, /, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Array:
    """Is |x - y| <= atol + rtol |y|? Infinities are close to themselves alone.

    Args:
        x, y: arrays or numbers whose shapes broadcast; y is the reference.
        rtol, atol: the relative and the absolute tolerance, numbers or arrays.
        equal_nan: whether NaN is close to NaN.

    Returns:
        Booleans of the broadcast shape.

    >>> from funcgrad import numpy as fnp
    >>> fnp.isclose(fnp.asarray([1.0, 2.0]), fnp.asarray([1.000001, 2.1]))
    Array([ True, False], dtype=bool)
    """
    x, y = _both(x, y)
    if not is_inexact(x.dtype):  # differences of unsigned numbers would wrap around
        x, y = x.astype("float64"), y.astype("float64")
    finite: Any = isfinite(x) & isfinite(y)  # type: ignore[operator]
    a, b = where(finite, x, 0), where(finite, y, 0)
    near: Any = where(finite, abs(a - b) <= atol + rtol * abs(b), equal(x, y))
    return near | (isnan(x) & isnan(y)) if equal_nan else near


def allclose(x: Any, y: Any, /, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> bool:
    """Is |x - y| <= atol + rtol |y| everywhere? Arguments as for `isclose`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.allclose(fnp.asarray([1.0, 2.0]), 1.5, atol=0.5)
    True
    """
    return bool(all(isclose(x, y, rtol, atol, equal_nan)))


def array_equal(x: Any, y: Any, /, equal_nan: bool = False) -> bool:
    """Have two arrays one shape and equal elements?

    Args:
        x, y: arrays.
        equal_nan: whether NaN equals NaN.
    """
    x, y = _both(x, y)
    return x.shape == y.shape and _are_equal(x, y, equal_nan)


def array_equiv(a1: Any, a2: Any, /) -> bool:
    """Do two arrays broadcast, and are they equal then?

    >>> from funcgrad import numpy as fnp
    >>> fnp.array_equiv([1, 1], 1), fnp.array_equiv([1, 2], 1)
    (True, False)
    """
    x, y = _both(a1, a2)
    pairs = zip(reversed(x.shape), reversed(y.shape), strict=False)
    return not any(n != m and 1 not in (n, m) for n, m in pairs) and _are_equal(x, y, False)


def _are_equal(x: Array, y: Array, equal_nan: bool) -> bool:
    same: Any = equal(x, y)
    return bool(all(same | (isnan(x) & isnan(y)) if equal_nan else same))  # type: ignore[operator]


def _infinite(name: str, x: Any, which: float) -> Array:
    x = asarray(x)
    if is_complex(x.dtype):
        raise DtypeError(f"{name}: complex infinities ({x.aval}) have no sign; ask x.real or x.imag")
    return equal(x, which) if is_inexact(x.dtype) else _never(x)


def _never(x: Array) -> Array:
    return zeros(x, x).astype(bool)


def isposinf(x: Any, /) -> Array:
    """Is it positive infinity? Of integers never."""
    return _infinite("isposinf", x, math.inf)


def isneginf(x: Any, /) -> Array:
    """Is it negative infinity? Of integers never."""
    return _infinite("isneginf", x, -math.inf)


def iscomplex(x: Any, /) -> Array:
    """Is its imaginary part other than 0? (`iscomplexobj` asks for the dtype.)"""
    return imag(x) != 0  # type: ignore[return-value]


def isreal(x: Any, /) -> Array:
    """Is its imaginary part 0? (`isrealobj` asks for the dtype.)"""
    return imag(x) == 0  # type: ignore[return-value]


def iscomplexobj(x: Any, /) -> bool:
    """Is it a complex number, or an array of a complex dtype?"""
    return is_complex(asarray(x).dtype)


def isrealobj(x: Any, /) -> bool:
    """Is it neither a complex number nor an array of a complex dtype?"""
    return not iscomplexobj(x)
