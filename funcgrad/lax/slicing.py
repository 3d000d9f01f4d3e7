"""Slices, also ones whose place is a value of the program: `slice`, `dynamic_slice` and `dynamic_update_slice`.

A place that is too large is moved back until the slice fits, and one below zero counts from the end, as JAX has it.
The size of a slice is known beforehand, so that batches stay together and programs ask for nothing.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import numpy as fnp
from ..core import Array
from ..dtypes import is_integer
from ..errors import DtypeError, ShapeError
from ..numpy.creation import asarray
from ..numpy.indexing import fitting
from ..ops import index as ops
from ..ops.elementwise import cast, maximum, minimum, where
from ..ops.shape import inverse, normalize_axis, slice_
from ..rules import iota

__all__ = [
    "dynamic_index_in_dim",
    "dynamic_slice",
    "dynamic_slice_in_dim",
    "dynamic_update_index_in_dim",
    "dynamic_update_slice",
    "dynamic_update_slice_in_dim",
    "index_in_dim",
    "index_take",
    "slice",
    "slice_in_dim",
]

_Slice = type(np.s_[:])


def beside(index: Any, operand: Array) -> Array:
    """An index as an array, where the operand is if nothing else says so."""
    return asarray(index, device=None if isinstance(index, Array) else operand.device)


def _along(axis: int, part: Any) -> tuple[Any, ...]:
    return (_Slice(None),) * axis + (part,)


# ---- static ------------------------------------------------------------------------------------


def slice(
    operand: Any, start_indices: Sequence[int], limit_indices: Sequence[int], strides: Sequence[int] | None = None
) -> Array:
    """The part of an array from one corner to another.

    Args:
        operand: an array.
        start_indices, limit_indices: for each axis where the part begins, and behind what it ends.
        strides: steps along each axis; 1 where None.

    Raises:
        ShapeError: there is not one an axis, or they are out of range.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.slice(fnp.arange(6), (1,), (6,), (2,))
    Array([1, 3, 5], dtype=int64)

    Source: jax.lax.slice.
    """
    x = asarray(operand)
    steps = (1,) * x.ndim if strides is None else tuple(strides)
    starts, limits, steps = (tuple(map(operator.index, v)) for v in (start_indices, limit_indices, steps))
    if not len(starts) == len(limits) == len(steps) == x.ndim or any(
        not 0 <= a <= b <= n or s < 1 for a, b, s, n in zip(starts, limits, steps, x.shape, strict=True)
    ):
        raise ShapeError(f"slice: {x.aval} has no part from {starts} to {limits} with strides {steps}")
    return slice_(x, key=tuple(_Slice(*k) for k in zip(starts, limits, steps, strict=True)))


def slice_in_dim(
    operand: Any, start_index: int | None, limit_index: int | None, stride: int = 1, axis: int = 0
) -> Array:
    """The part of an array along one axis: x[start:limit:stride] there.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.slice_in_dim(fnp.arange(6), 1, -1, 2)
    Array([1, 3], dtype=int64)
    """
    x = asarray(operand)
    found = normalize_axis(axis, x.ndim, "slice_in_dim")
    return slice_(x, key=_along(found, _Slice(start_index, limit_index, operator.index(stride))))


def index_in_dim(operand: Any, index: int, axis: int = 0, keepdims: bool = True) -> Array:
    """One slice along an axis, which stays at size one unless told otherwise.

    Raises:
        ArrayIndexError: there is no such slice.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.index_in_dim(fnp.arange(3), -1)
    Array([2], dtype=int64)
    """
    x = asarray(operand)
    found = normalize_axis(axis, x.ndim, "index_in_dim")
    out = x[_along(found, operator.index(index))]
    return fnp.expand_dims(out, found) if keepdims else out


def index_take(src: Any, idxs: Sequence[Any], axes: Sequence[int]) -> Array:
    """The slices at places of several axes: one for each number in the vectors of indices.

    Args:
        src: an array.
        idxs: for each of the axes a vector of integers, all of one length.
        axes: which axes they index.

    Returns:
        That length, then the other axes.

    >>> from funcgrad import lax, numpy as fnp
    >>> x = fnp.arange(6).reshape(2, 3)
    >>> lax.index_take(x, (fnp.asarray([0, 1]), fnp.asarray([2, 0])), (0, 1))
    Array([2, 3], dtype=int64)

    Source: jax.lax.index_take.
    """
    x = asarray(src)
    front = [normalize_axis(a, x.ndim, "index_take") for a in axes]
    indices = fnp.broadcast_arrays(*[beside(i, x) for i in idxs])
    order = (*front, *[a for a in range(x.ndim) if a not in front])
    return fnp.permute_dims(x, order)[tuple(indices)]


# ---- dynamic -----------------------------------------------------------------------------------


def _starts(operand: Any, start_indices: Any, sizes: Sequence[int], from_end: Any, name: str) -> list[Any]:
    """Where the slice begins along each axis, moved so that it fits: Python ints where that is known."""
    given = list(start_indices)
    if len(given) != operand.ndim or len(sizes) != operand.ndim:
        raise ShapeError(f"{name}: {len(given)} places and {len(sizes)} sizes for the axes of {operand.aval}")
    wraps = list(from_end) if isinstance(from_end, list | tuple) else [from_end] * operand.ndim
    found: list[Any] = []
    for start, size, n, wrap in zip(given, sizes, operand.shape, wraps, strict=True):
        if not 0 <= size <= n:
            raise ShapeError(f"{name}: a slice of size {size} does not fit into an axis of {operand.aval}")
        if isinstance(start, int | np.integer):
            at: Any = int(start) + (n if wrap and start < 0 else 0)
            found.append(max(0, min(at, n - size)))
            continue
        at = beside(start, operand)
        if not is_integer(at.dtype) or at.ndim:
            raise DtypeError(f"{name}: a place must be an integer without dimensions, not {at.aval}")
        at = cast(at, dtype=np.dtype(np.int64))
        if wrap:
            at = where(at < 0, at + n, at)
        found.append(maximum(minimum(at, n - size), 0))
    return found


def dynamic_slice(
    operand: Any, start_indices: Any, slice_sizes: Sequence[int], *, allow_negative_indices: Any = True
) -> Array:
    """A part of an array of fixed size, at a place that may be a value of the program.

    Args:
        operand: an array.
        start_indices: where it begins along each axis: integers, or one vector of them. It is moved so that it fits.
        slice_sizes: Python ints.
        allow_negative_indices: whether places below zero count from the end; one for all axes or one an axis.

    Raises:
        ShapeError: there is not one an axis, or a size is larger than its axis.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.dynamic_slice(fnp.arange(6), (fnp.asarray(5),), (3,))
    Array([3, 4, 5], dtype=int64)

    Source: jax.lax.dynamic_slice.
    """
    x: Any = asarray(operand)
    sizes = [operator.index(n) for n in slice_sizes]
    starts = _starts(x, start_indices, sizes, allow_negative_indices, "dynamic_slice")
    for axis, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        if size == x.shape[axis]:
            continue
        part = _Slice(start, start + size) if isinstance(start, int) else iota(size, x) + start
        x = x[_along(axis, part)]
    return x


def dynamic_update_slice(operand: Any, update: Any, start_indices: Any, *, allow_negative_indices: Any = True) -> Array:
    """The array with a part of it, at a place that may be a value of the program, replaced.

    Args:
        operand: an array.
        update: the new part, of as many dimensions.
        start_indices, allow_negative_indices: as for `dynamic_slice`.

    Raises:
        ShapeError: the part is larger than the array.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.dynamic_update_slice(fnp.zeros(4), fnp.ones(2), (fnp.asarray(1),))
    Array([0., 1., 1., 0.], dtype=float32)

    Source: jax.lax.dynamic_update_slice.
    """
    x: Any = asarray(operand)
    new = fitting(x, update)
    if new.ndim != x.ndim:
        raise ShapeError(f"dynamic_update_slice: the part {new.aval} has not as many dimensions as {x.aval}")
    starts = _starts(x, start_indices, new.shape, allow_negative_indices, "dynamic_update_slice")
    if all(isinstance(s, int) for s in starts):
        return x.at[tuple(_Slice(s, s + n) for s, n in zip(starts, new.shape, strict=True))].set(new)
    front = [k for k in range(x.ndim) if new.shape[k] != x.shape[k]]
    if not front:
        return new
    order = (*front, *[k for k in range(x.ndim) if k not in front])
    sizes = tuple(new.shape[k] for k in front)
    indices: list[Any] = []
    for place, k in enumerate(front):
        ramp: Any = iota(new.shape[k], x) + starts[k]
        indices.append(ramp.reshape((-1,) + (1,) * (len(front) - place - 1)).broadcast_to(sizes))
    return ops.scatter_set(x.transpose(order), new.transpose(order), *indices).transpose(inverse(order))


def _one_axis(x: Any, start: Any, axis: int) -> list[Any]:
    return [start if k == axis else 0 for k in range(x.ndim)]


def dynamic_slice_in_dim(
    operand: Any, start_index: Any, slice_size: int, axis: int = 0, *, allow_negative_indices: bool = True
) -> Array:
    """`dynamic_slice` along one axis.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.dynamic_slice_in_dim(fnp.arange(6), fnp.asarray(2), 3)
    Array([2, 3, 4], dtype=int64)
    """
    x = asarray(operand)
    found = normalize_axis(axis, x.ndim, "dynamic_slice_in_dim")
    sizes = [operator.index(slice_size) if k == found else n for k, n in enumerate(x.shape)]
    starts = _one_axis(x, start_index, found)
    return dynamic_slice(x, starts, sizes, allow_negative_indices=allow_negative_indices)


def dynamic_index_in_dim(
    operand: Any, index: Any, axis: int = 0, keepdims: bool = True, *, allow_negative_indices: bool = True
) -> Array:
    """One slice along an axis, which stays at size one unless told otherwise; an index too large takes the last.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.dynamic_index_in_dim(fnp.arange(3), fnp.asarray(7), keepdims=False)
    Array(2, dtype=int64)
    """
    found = normalize_axis(axis, asarray(operand).ndim, "dynamic_index_in_dim")
    out = dynamic_slice_in_dim(operand, index, 1, found, allow_negative_indices=allow_negative_indices)
    return out if keepdims else fnp.squeeze(out, found)


def dynamic_update_slice_in_dim(
    operand: Any, update: Any, start_index: Any, axis: int, *, allow_negative_indices: bool = True
) -> Array:
    """`dynamic_update_slice` along one axis.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.dynamic_update_slice_in_dim(fnp.zeros(4), fnp.ones(2), fnp.asarray(9), 0)
    Array([0., 0., 1., 1.], dtype=float32)
    """
    x = asarray(operand)
    found = normalize_axis(axis, x.ndim, "dynamic_update_slice_in_dim")
    starts = _one_axis(x, start_index, found)
    return dynamic_update_slice(x, update, starts, allow_negative_indices=allow_negative_indices)


def dynamic_update_index_in_dim(
    operand: Any, update: Any, index: Any, axis: int, *, allow_negative_indices: bool = True
) -> Array:
    """The array with one slice along an axis replaced.

    Args:
        operand: an array.
        update: the new slice, with the axis at size one or without it.
        index: which slice; one too large means the last.
        axis: which axis.
        allow_negative_indices: whether -1 means the last, too, or the first, as all that is too small.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.dynamic_update_index_in_dim(fnp.zeros(3), 1.0, fnp.asarray(1), 0)
    Array([0., 1., 0.], dtype=float32)
    """
    x = asarray(operand)
    found = normalize_axis(axis, x.ndim, "dynamic_update_index_in_dim")
    new = fitting(x, update)
    if new.ndim != x.ndim:
        new = fnp.expand_dims(new, found)
    return dynamic_update_slice_in_dim(x, new, index, found, allow_negative_indices=allow_negative_indices)
