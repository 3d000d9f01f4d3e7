"""Indexing: `x[...]`, `x.at[...]`, and the functions that gather."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..array_protocols import index_text
from ..core import SCALARS, Array, aval
from ..dtypes import is_inexact, is_integer, kind
from ..errors import ArrayIndexError, DtypeError, ImmutableArrayError, OptionError, ShapeError
from ..ops import index as ops
from ..ops.bounds import checked_mode
from ..ops.create import asarray
from ..ops.elementwise import astype
from ..ops.key import Key, parse
from ..ops.shape import normalize_axis
from ..rules import iota
from .elementwise import divide, maximum, minimum, multiply, power, remainder
from .manipulation import moveaxis, ravel, reshape

__all__ = [
    "take",
    "take_along_axis",
]


def getitem(x: Array, key: Any) -> Array:
    """x[key], by NumPy's rules; an index out of range is an error."""
    if not x.shape:
        (alone,) = key if isinstance(key, tuple) and len(key) == 1 else (key,)
        if isinstance(alone, bool | np.bool_) or getattr(alone, "dtype", None) == np.bool_:
            x, key = reshape(x, 1), reshape(alone, 1)  # a mask of the array's shape: its element, or nothing
    return parse(key, x).take(x)


class At:
    """`x.at`: index it to say where, then call a method to say what."""

    __slots__ = ("_x",)

    def __init__(self, x: Array):
        self._x = x

    def __getitem__(self, key: Any) -> Update:
        return Update(self._x, key)

    def __setitem__(self, key: Any, values: Any) -> None:
        raise _in_place(self._x, key, "=", "set")


def fitting(x: Array, values: Any) -> Any:
    """The values in x's dtype; what x cannot hold is an error, not a silent 1.5 -> 1."""
    found = values
    if type(values) not in SCALARS:
        found = asarray(values, device=None if isinstance(values, Array) else x.device)
    like = aval(found)
    if kind(like.dtype) > max(kind(x.dtype), 1) and like.size:  # [] is an array of floats
        raise DtypeError(
            f"x.at[...]: {x.aval} cannot hold values of {like}: write x.astype('{like.dtype}') first, or "
            f"values.astype('{x.dtype}') to cut them"
        )
    # numbers anew from Python: by way of the default float32 they would lose digits
    return astype(values, x.dtype) if isinstance(values, Array) else asarray(values, x.dtype, device=x.device)


class Update:
    """`x.at[key]`: each method returns a changed copy of x, and x stays as it was.

    Where an index occurs several times, `set` keeps the last value, and add, subtract, multiply, min and max take
    all of them one after the other. Values that x cannot hold, floats for integers and complex numbers for real ones,
    are a DtypeError.

    All methods take what those of JAX take:

    - `mode` says what becomes of an index out of range. By default, and for "promise_in_bounds", it is an error; "clip"
      takes the nearest place; with "drop" or "fill" nothing happens there, and `get` returns `fill_value` (where None:
      NaN, the least integer, the largest unsigned one, or True).
    - `indices_are_sorted` and `unique_indices` are promises that nothing here needs.

    >>> from funcgrad import numpy as fnp
    >>> x = fnp.zeros(3)
    >>> x.at[fnp.asarray([0, 0, 2])].add(1.0)
    Array([2., 0., 1.], dtype=float32)
    >>> x.at[fnp.asarray([1, 7])].set(5.0, mode="drop")
    Array([0., 5., 0.], dtype=float32)
    """

    __slots__ = ("_given", "_x")

    def __init__(self, x: Array, given: Any):
        self._x, self._given = x, given

    def _key(self, mode: str | None) -> Key:
        return parse(self._given, self._x, strict=mode is None)

    def _apply(self, values: Any, at_arrays: Any, at_slice: Callable[[Any, Any], Any], mode: Any) -> Array:
        """By a scatter where arrays index, by a function of the slice where each element occurs once."""
        mode = checked_mode(mode, "x.at[...]")
        key = self._key(mode)
        scatter = at_arrays if key.indices else at_slice
        return key.put(self._x, fitting(self._x, values), scatter, mode)

    def get(
        self,
        *,
        indices_are_sorted: bool = False,
        unique_indices: bool = False,
        mode: Any = None,
        fill_value: Any = None,
    ) -> Array:
        """x[key]"""
        mode = checked_mode(mode, "x.at[...]")
        filling = None if fill_value is None or mode is None else fitting(self._x, fill_value)
        return self._key(mode).take(self._x, mode, filling)

    def set(
        self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None
    ) -> Array:
        """x with x[key] = values."""
        return self._apply(values, ops.scatter_set, lambda old, new: new, mode)

    def add(
        self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None
    ) -> Array:
        """x with x[key] += values."""
        return self._apply(values, ops.scatter_add, lambda old, new: old + new, mode)

    def subtract(
        self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None
    ) -> Array:
        """x with x[key] -= values."""
        return self.add(-fitting(self._x, values), mode=mode)

    def multiply(
        self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None
    ) -> Array:
        """x with x[key] *= values."""
        return self._apply(values, ops.scatter_multiply, multiply, mode)

    mul = multiply

    def divide(
        self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None
    ) -> Array:
        """x with x[key] /= values."""
        if not is_inexact(self._x.dtype):
            raise DtypeError(f"x.at[...].divide: {self._x.aval} cannot hold quotients; use x.astype('float32') first")
        return self.multiply(divide(1, fitting(self._x, values)), mode=mode)

    def min(
        self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None
    ) -> Array:
        """x with x[key] = minimum(x[key], values)."""
        return self._apply(values, ops.scatter_min, minimum, mode)

    def max(
        self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None
    ) -> Array:
        """x with x[key] = maximum(x[key], values)."""
        return self._apply(values, ops.scatter_max, maximum, mode)

    def power(
        self, values: Any, *, indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None
    ) -> Array:
        """x with x[key] **= values; a place that is indexed twice is raised once, as in NumPy."""
        return self.set(power(self.get(mode=mode, fill_value=1), fitting(self._x, values)), mode=mode)

    def apply(
        self,
        function: Callable[[Array], Any],
        *,
        indices_are_sorted: bool = False,
        unique_indices: bool = False,
        mode: Any = None,
    ) -> Array:
        """x with x[key] = function(x[key])."""
        return self.set(function(self.get(mode=mode, fill_value=1)), mode=mode)

    def __iadd__(self, values: Any) -> Update:
        raise _in_place(self._x, self._given, "+=", "add")

    def __isub__(self, values: Any) -> Update:
        raise _in_place(self._x, self._given, "-=", "subtract")

    def __imul__(self, values: Any) -> Update:
        raise _in_place(self._x, self._given, "*=", "multiply")

    def __itruediv__(self, values: Any) -> Update:
        raise _in_place(self._x, self._given, "/=", "divide")


def _in_place(x: Array, key: Any, operator: str, method: str) -> ImmutableArrayError:
    """The error for an assignment to `x.at[key]`."""
    place = f"x.at[{index_text(key)}]"
    return ImmutableArrayError(
        f"arrays do not change in place; instead of `{place} {operator} v` write `x = {place}.{method}(v)`; here x "
        f"has shape {x.shape}"
    )


def _without_place(method: str) -> Callable[..., Any]:
    def refuse(self: At, values: Any = None) -> Any:
        raise ArrayIndexError(f"x.at.{method}(v) names no place: write `x = x.at[index].{method}(v)`")

    return refuse


for _method in ("set", "add", "subtract", "multiply", "divide", "min", "max", "power", "apply", "get"):
    setattr(At, _method, _without_place(_method))


def take(x: Any, /, indices: Any, axis: int | None = None, mode: str = "raise") -> Array:
    """The slices of x at these places of an axis.

    Args:
        x: an array.
        indices: integers, any shape.
        axis: which axis they index; without one the raveled array.
        mode: of an index out of range: "raise" an error, "wrap" it around, or "clip" it to the first or the last.

    Returns:
        x's shape with that axis replaced by the shape of the indices.

    >>> from funcgrad import numpy as fnp
    >>> fnp.take(fnp.asarray([10, 20, 30]), fnp.asarray([2, 0]))
    Array([30, 10], dtype=int64)
    """
    x = ravel(x) if axis is None else asarray(x)
    found = normalize_axis(0 if axis is None else axis, x.ndim, "take")
    index = asarray(indices, device=None if isinstance(indices, Array) else x.device)
    if not is_integer(index.dtype):
        raise DtypeError(f"take: indices must be integers, not {index.aval}")
    if mode not in ("raise", "wrap", "clip"):
        raise OptionError(f"take: the mode is 'raise', 'wrap' or 'clip', not {mode!r}")
    n = x.shape[found]
    if mode != "raise" and n:
        index = remainder(index, n) if mode == "wrap" else minimum(maximum(index, 0), n - 1)
    return x[(slice(None),) * found + (index,)]


def take_along_axis(x: Any, /, indices: Any, axis: int = -1) -> Array:
    """For each line along an axis its own choice of elements: out[i, j] = x[i, indices[i, j]] for the last axis.

    Args:
        x: an array.
        indices: integers of as many dimensions; sizes other than the axis broadcast with x's.
        axis: along which to choose.
    """
    x = asarray(x)
    index = asarray(indices, device=None if isinstance(indices, Array) else x.device)
    found = normalize_axis(axis, x.ndim, "take_along_axis")
    if index.ndim != x.ndim:
        raise ShapeError(f"take_along_axis: the shapes {x.shape} and {index.shape} have not as many dimensions")
    if not is_integer(index.dtype):
        raise DtypeError(f"take_along_axis: indices must be integers, not {index.aval}")
    x, index = _broadcast_but(found, x, index)
    return moveaxis(ops.gather(moveaxis(x, found, 0), moveaxis(index, found, 0), *_others(index, found)), 0, found)


def _broadcast_but(axis: int, x: Any, index: Any) -> tuple[Any, Any]:
    """Two arrays broadcast against each other along all axes but one."""
    sizes = [max(a, b) if min(a, b) else 0 for a, b in zip(x.shape, index.shape, strict=True)]
    try:
        return tuple(a.broadcast_to((*sizes[:axis], a.shape[axis], *sizes[axis + 1 :])) for a in (x, index))
    except ShapeError:
        raise ShapeError(f"take_along_axis: the shapes {x.shape} and {index.shape} do not broadcast") from None


def _others(index: Any, axis: int) -> list[Any]:
    """For the other axes, their own running index in the shape of the indices, the chosen axis first."""
    moved = moveaxis(index, axis, 0)
    out = []
    for k in range(1, moved.ndim):
        ramp: Any = iota(moved.shape[k], moved)
        out.append(ramp.reshape((1,) * k + (-1,) + (1,) * (moved.ndim - k - 1)).broadcast_to(moved.shape))
    return out
