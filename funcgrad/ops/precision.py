"""Functions composed of several operations, computed in float32 for floats of 16 bits.

Each operation rounds its result once (`narrow.py`). A function of several would round in between: the sum that a mean
divides may be beyond float16's 65504, and the squares of a variance below its least number.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np

from .. import tree
from ..core import Array
from ..dtypes import NARROW, WIDE, DType, is_inexact, promote_types
from .elementwise import astype

__all__ = ["widened"]

F = TypeVar("F", bound=Callable[..., Any])


def widened(function: F) -> F:
    """The function with float16 and bfloat16 arrays among its arguments as float32, its result rounded once.

    Where they meet wider floats among the arguments, or a `dtype` is asked for, the result is not narrowed.
    """

    code: Any = function.__code__  # type: ignore[attr-defined]
    names = code.co_varnames[: code.co_argcount]
    place = names.index("dtype") if "dtype" in names else sys.maxsize

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        for x in args:
            if isinstance(x, _ARRAYS) and x.dtype in NARROW:
                return narrowed(args, kwargs)
        if kwargs and any(isinstance(x, _ARRAYS) and x.dtype in NARROW for x in kwargs.values()):
            return narrowed(args, kwargs)
        return function(*args, **kwargs)

    def narrowed(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        met = _met((*args, *kwargs.values()))
        out = function(*map(_wide, args), **{name: _wide(x) for name, x in kwargs.items()})
        asked = args[place] if place < len(args) else kwargs.get("dtype")
        if met not in NARROW or asked is not None:
            return out
        return tree.map(lambda y: astype(y, met) if isinstance(y, Array) and y.dtype == WIDE else y, out)

    return call  # type: ignore[return-value]


_ARRAYS = (Array, np.ndarray)


def _wide(x: Any) -> Any:
    if not isinstance(x, _ARRAYS) or x.dtype not in NARROW:
        return x
    return astype(x, WIDE) if isinstance(x, Array) else x.astype(WIDE)


def _met(arguments: Iterable[Any]) -> DType:
    """The dtype in which the floats among the arguments meet."""
    dtypes = [x.dtype for x in arguments if isinstance(x, _ARRAYS) and is_inexact(x.dtype)]
    return functools.reduce(promote_types, dtypes)
