"""Arrays with elements put in, taken out, repeated or cut off at the ends."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import SCALARS, Array, Tracer
from ..dtypes import is_boolean, is_integer, kind
from ..errors import ArrayIndexError, DtypeError, OptionError, ShapeError
from ..ops.create import asarray
from ..ops.elementwise import cast, where
from ..ops.index import scatter_set
from ..ops.shape import concat, normalize_axes, normalize_axis, slice_
from ..ops.sort import argsort, first_places
from ..rules import iota, move_axis
from .creation import arange, ones, parse_shape, zeros_like
from .elementwise import nonzero, not_equal
from .manipulation import broadcast_to, ravel, reshape
from .reductions import any as any_

__all__ = ["delete", "insert", "resize", "trim_zeros"]


def _places(obj: Any, n: int, name: str, x: Array) -> Any:
    """An index along an axis of n as integers: one without dimensions, or a vector."""
    if isinstance(obj, slice):
        return arange(*obj.indices(n), device=x.device)
    index: Any = asarray(obj, device=None if isinstance(obj, Array) else x.device)
    if is_boolean(index.dtype) and index.ndim:
        if index.shape != (n,):
            raise ArrayIndexError(f"{name}: a mask of shape {index.shape} for an axis of size {n}")
        return nonzero(index)[0]
    if not index.size and not is_integer(index.dtype):  # [] is an array of floats
        index = cast(index, dtype=np.dtype(np.int64))
    if not is_integer(index.dtype) or index.ndim > 1:
        raise ArrayIndexError(f"{name}: the places must be an integer, a vector of them, or a slice, not {index.aval}")
    return cast(index, dtype=np.dtype(np.int64))


def _check(name: str, index: Any, low: int, high: int, n: int) -> None:
    """An error for a place out of range, where its value is at hand."""
    if not isinstance(index, Tracer) and index.size and bool(any_((index < low) | (index > high))):
        raise ArrayIndexError(f"{name}: a place in {index.tolist()} is out of range for an axis of size {n}")


def _fitting(values: Any, x: Array, name: str) -> Any:
    found = values if type(values) in SCALARS else asarray(values)
    own = asarray(found)
    if kind(own.dtype) > max(kind(x.dtype), 1):
        raise DtypeError(f"{name}: {x.aval} cannot hold values of {own.aval}; write x.astype('{own.dtype}') first")
    return asarray(found, x.dtype, device=None if isinstance(found, Array) else x.device)


def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Array:
    """The array with values put in before some places of an axis.

    Args:
        arr: an array.
        obj: a place, places (counted in arr as it is), a slice, or a mask. At one place any number of values goes in.
        values: what to put in, in arr's dtype; they broadcast.
        axis: which axis; the raveled array where None.

    Raises:
        ArrayIndexError: there is no such place.
        DtypeError: arr cannot hold the values.

    >>> from funcgrad import numpy as fnp
    >>> fnp.insert(fnp.asarray([1, 2, 3]), 1, 9)
    Array([1, 9, 2, 3], dtype=int64)
    >>> fnp.insert(fnp.asarray([1, 2, 3]), [0, 3], [8, 9])
    Array([8, 1, 2, 3, 9], dtype=int64)
    """
    x: Any = ravel(arr) if axis is None else asarray(arr)
    along = normalize_axis(0 if axis is None else axis, x.ndim, "insert")
    n = x.shape[along]
    index = _places(obj, n, "insert", x)
    _check("insert", index, -n, n, n)
    index = where(index < 0, index + n, index)
    new: Any = _fitting(values, x, "insert")
    new = reshape(new, (1,) * (x.ndim - new.ndim) + new.shape)
    if index.ndim == 0:
        new = move_axis(new, 0, along)
    new = move_axis(new, along, 0)
    count = new.shape[0] if index.size == 1 else index.size
    moved = move_axis(x, along, 0)
    new = broadcast_to(new, (count, *moved.shape[1:]))
    index = broadcast_to(reshape(index, (-1,)), (count,))
    order = argsort(index, axis=0, descending=False)
    ramp = iota(count, x)
    taken = scatter_set(index, index[order] + ramp, order)  # where the new ones stand in the result
    free = scatter_set(
        ones(n + count, bool, device=x.device), broadcast_to(asarray(False, device=x.device), (count,)), taken
    )
    kept, _ = first_places(free, n)
    both = concat(kept, taken, axis=0)
    source = scatter_set(iota(n + count, x), iota(n + count, x), both)
    return move_axis(concat(moved, new, axis=0)[source], 0, along)


def delete(arr: Any, obj: Any, axis: int | None = None, *, assume_unique_indices: bool = False) -> Array:
    """The array without the slices at some places of an axis.

    Args:
        arr: an array.
        obj: a place, places, a slice, or a mask.
        axis: which axis; the raveled array where None.
        assume_unique_indices: your word that no place is named twice: then the result's shape does not depend on the
            values of obj.

    Raises:
        ArrayIndexError: there is no such place.

    >>> from funcgrad import numpy as fnp
    >>> fnp.delete(fnp.asarray([1, 2, 3, 4]), [0, -1])
    Array([2, 3], dtype=int64)
    """
    x: Any = ravel(arr) if axis is None else asarray(arr)
    along = normalize_axis(0 if axis is None else axis, x.ndim, "delete")
    n = x.shape[along]
    moved = move_axis(x, along, 0)
    if isinstance(obj, slice):
        keep = np.ones(n, bool)
        keep[obj] = False
        return move_axis(moved[np.flatnonzero(keep)], 0, along)
    index = reshape(_places(obj, n, "delete", x), (-1,))
    gone = broadcast_to(asarray(False, device=x.device), index.shape)
    free = scatter_set(ones(n, bool, device=x.device), gone, index)
    if assume_unique_indices or index.size <= 1:
        return move_axis(moved[first_places(free, n - index.size)[0]], 0, along)
    return move_axis(moved[free], 0, along)


def resize(a: Any, new_shape: int | Sequence[int]) -> Array:
    """The elements, row by row and from the beginning again, in another shape of any size.

    Args:
        a: an array.
        new_shape: an int or a sequence of ints.

    Returns:
        An array of that shape; zeros where a has no elements.

    >>> from funcgrad import numpy as fnp
    >>> fnp.resize(fnp.asarray([1, 2, 3]), (2, 2)).tolist()
    [[1, 2], [3, 1]]
    """
    x, shape = ravel(a), parse_shape(new_shape)
    count = int(np.prod(shape, dtype=np.int64))
    if not x.size:
        return broadcast_to(asarray(0, x.dtype, device=x.device), shape)
    return reshape(x[np.arange(count) % x.size], shape)


def trim_zeros(filt: Any, trim: str = "fb", axis: int | Sequence[int] | None = None) -> Array:
    """The array without the zeros at its ends; how long it is depends on the values.

    Args:
        filt: an array.
        trim: "f" to cut at the front, "b" at the back, "fb" at both.
        axis: which axes to cut; all where None. A slice is cut off if it is zero as a whole.

    Raises:
        OptionError: trim has other letters.

    >>> from funcgrad import numpy as fnp
    >>> fnp.trim_zeros(fnp.asarray([0, 0, 1, 0, 2, 0]))
    Array([1, 0, 2], dtype=int64)
    """
    if set(trim.lower()) - {"f", "b"}:
        raise OptionError(f"trim_zeros: trim must be 'f', 'b' or 'fb', not {trim!r}")
    x = asarray(filt)
    if not x.ndim:
        raise ShapeError("trim_zeros needs at least one dimension, got a number")
    axes, key = normalize_axes(axis, x.ndim, "trim_zeros"), [slice(None)] * x.ndim
    mask: Any = not_equal(x, zeros_like(x))
    for a in axes:
        others = tuple(k for k in range(x.ndim) if k != a)
        (places,) = nonzero(any_(mask, others) if others else mask)
        if not places.shape[0]:
            key[a] = slice(0, 0)
            continue
        first = operator.index(places[0]) if "f" in trim.lower() else 0
        last = operator.index(places[-1]) + 1 if "b" in trim.lower() else x.shape[a]
        key[a] = slice(first, last)
    return slice_(x, key=tuple(key))
