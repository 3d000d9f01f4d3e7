"""Functions that rearrange elements: shapes, axes, joining, splitting, repeating."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from ..core import Array, Aval
from ..dtypes import is_integer
from ..errors import AxisError, DtypeError, OptionError, ShapeError
from ..ops import shape as ops
from ..ops.create import asarray, promote_all
from ..ops.elementwise import astype, minimum, where
from ..ops.index import gather, scatter_add
from ..ops.reduce import cumulative_sum
from ..rules import broadcast_shapes as meeting_shape
from ..rules import move_axis, zeros
from .creation import arange, ones_like, parse_shape

__all__ = [
    "broadcast_arrays",
    "broadcast_shapes",
    "broadcast_to",
    "concat",
    "concatenate",
    "diagonal",
    "expand_dims",
    "flip",
    "hstack",
    "matrix_transpose",
    "moveaxis",
    "permute_dims",
    "ravel",
    "repeat",
    "reshape",
    "roll",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "tile",
    "transpose",
    "tril",
    "triu",
    "unstack",
    "vstack",
]

normalize_axis, normalize_axes = ops.normalize_axis, ops.normalize_axes


def reshape(x: Any, /, shape: int | Sequence[int], order: str = "C", *, copy: bool | None = None) -> Array:
    """The same elements, row by row, in another shape.

    Args:
        x: an array.
        shape: the new shape; one size may be -1 and follows from the others.
        order: "C" reads and fills row by row, "F" column by column.
        copy: there for the standard: an array that cannot change needs none.

    Raises:
        ShapeError: the shape holds another number of elements.

    >>> from funcgrad import numpy as fnp
    >>> fnp.reshape(fnp.arange(6), (2, -1))
    Array([[0, 1, 2],
           [3, 4, 5]], dtype=int64)
    """
    x = asarray(x)
    sizes = [operator.index(n) for n in (shape if isinstance(shape, tuple | list) else (shape,))]
    if sizes.count(-1) > 1 or any(n < -1 for n in sizes):
        raise ShapeError(f"reshape: one size may be -1, the others not negative: {tuple(sizes)}")
    if -1 in sizes:
        known = prod(n for n in sizes if n != -1)
        if known == 0 or x.size % known:
            raise ShapeError(f"reshape: {x.aval} has {x.size} elements, which do not fill the shape {tuple(sizes)}")
        sizes[sizes.index(-1)] = x.size // known
    found = tuple(sizes)
    if order == "F":
        return permute_dims(ops.reshape(permute_dims(x), shape=found[::-1]))
    if order not in ("C", "A"):
        raise OptionError(f"reshape: the order is 'C' or 'F', not {order!r}")
    return x if found == x.shape else ops.reshape(x, shape=found)


def ravel(x: Any, /, order: str = "C") -> Array:
    """All elements in one axis: row by row, or with order "F" column by column."""
    return reshape(x, -1, order)


def permute_dims(x: Any, /, axes: Sequence[int] | None = None) -> Array:
    """The axes in another order; reversed where none is given.

    Args:
        x: an array.
        axes: axis i of the result is axis axes[i] of x.
    """
    x = asarray(x)
    order = tuple(reversed(range(x.ndim))) if axes is None else normalize_axes(tuple(axes), x.ndim, "permute_dims")
    if len(order) != x.ndim:
        raise AxisError(f"permute_dims: {tuple(axes or ())} does not name each of the {x.ndim} axes")
    return ops.permute_dims(x, axes=order)


def swapaxes(x: Any, /, axis1: int, axis2: int) -> Array:
    """The array with two axes exchanged."""
    x = asarray(x)
    order = list(range(x.ndim))
    i, j = (normalize_axis(a, x.ndim, "swapaxes") for a in (axis1, axis2))
    order[i], order[j] = j, i
    return ops.permute_dims(x, axes=tuple(order))


def matrix_transpose(x: Any, /) -> Array:
    """The last two axes exchanged."""
    x = asarray(x)
    if x.ndim < 2:
        raise ShapeError(f"matrix_transpose needs at least two dimensions, got the shape {x.shape}")
    return swapaxes(x, -1, -2)


def moveaxis(x: Any, /, source: Any, destination: Any) -> Array:
    """Axes taken from `source` and put at `destination`, the others in their order.

    Args:
        x: an array.
        source, destination: an int or equally long sequences of ints.
    """
    x = asarray(x)
    taken = normalize_axes(source, x.ndim, "moveaxis")
    put = normalize_axes(destination, x.ndim, "moveaxis")
    if len(taken) != len(put):
        raise AxisError(f"moveaxis: {len(taken)} axes cannot go to {len(put)} places")
    order = [a for a in range(x.ndim) if a not in taken]
    for place, axis in sorted(zip(put, taken, strict=True)):
        order.insert(place, axis)
    return ops.permute_dims(x, axes=tuple(order))


def expand_dims(x: Any, /, axis: int | Sequence[int] = 0) -> Array:
    """The array with axes of size one put in at those places of the result."""
    x = asarray(x)
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    ndim = x.ndim + len(axes)
    new, sizes = normalize_axes(tuple(axes), ndim, "expand_dims"), iter(x.shape)
    return reshape(x, tuple(1 if i in new else next(sizes) for i in range(ndim)))


def squeeze(x: Any, /, axis: int | Sequence[int] | None = None) -> Array:
    """The array without axes of size one: those given, or all."""
    x = asarray(x)
    if axis is None:
        return reshape(x, tuple(n for n in x.shape if n != 1))
    axes = normalize_axes(axis, x.ndim, "squeeze")
    if any(x.shape[a] != 1 for a in axes):
        raise ShapeError(f"squeeze: axis {axis} of the shape {x.shape} has not size 1")
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in axes))


def broadcast_to(x: Any, /, shape: int | Sequence[int]) -> Array:
    """The array repeated along new axes and axes of size one, without a copy."""
    x, found = asarray(x), parse_shape(shape)
    return x if found == x.shape else ops.broadcast_to(x, shape=found)


def broadcast_arrays(*arrays: Any) -> tuple[Array, ...]:
    """Arrays broadcast to the shape they meet in."""
    found = [asarray(x) for x in arrays]
    shape = meeting_shape("broadcast_arrays", *[x.shape for x in found])
    return tuple([broadcast_to(x, shape) for x in found])


def broadcast_shapes(*shapes: int | Sequence[int]) -> tuple[int, ...]:
    """The shape in which arrays of these shapes meet.

    Raises:
        ShapeError: they do not broadcast.

    >>> from funcgrad import numpy as fnp
    >>> fnp.broadcast_shapes((3, 1), (4,))
    (3, 4)
    """
    return meeting_shape("broadcast_shapes", *[parse_shape(shape) for shape in shapes])


def _meet(arrays: Sequence[Any], axis: Any, name: str, dtype: Any) -> list[Array]:
    """Arrays in one dtype: that one, or the one in which they meet."""
    if getattr(axis, "shape", ()) or isinstance(axis, list | tuple) or not isinstance(arrays, Iterable):
        raise DtypeError(f"{name} takes a sequence of arrays: {name}([a, b])")
    found = list(arrays)
    if not found:
        raise ShapeError("there must be at least one array to join")
    return promote_all(found) if dtype is None else [asarray(x, dtype) for x in found]


def concat(arrays: Sequence[Any], /, axis: int | None = 0, *, dtype: Any = None) -> Array:
    """Arrays joined along an axis that they have; with axis=None all of them raveled.

    Args:
        arrays: arrays whose shapes are equal elsewhere.
        axis: where to join.
        dtype: of the result; by default the one in which they meet.

    >>> from funcgrad import numpy as fnp
    >>> fnp.concat([fnp.zeros((1, 2)), fnp.ones((2, 2))]).shape
    (3, 2)
    """
    found = _meet(arrays, axis, "concat", dtype)
    if axis is None:
        found, axis = [ravel(x) for x in found], 0
    return ops.concat(*found, axis=normalize_axis(axis, found[0].ndim, "concat"))


def stack(arrays: Sequence[Any], /, axis: int = 0, *, dtype: Any = None) -> Array:
    """Arrays of one shape side by side along a new axis, in the dtype asked for or that in which they meet.

    >>> from funcgrad import numpy as fnp
    >>> fnp.stack([fnp.arange(2), fnp.arange(2)], axis=1).tolist()
    [[0, 0], [1, 1]]
    """
    found = _meet(arrays, axis, "stack", dtype)
    return ops.stack(found, normalize_axis(axis, found[0].ndim + 1, "stack"))


def unstack(x: Any, /, axis: int = 0) -> tuple[Array, ...]:
    """The slices along an axis, without it: the inverse of `stack`."""
    moved = moveaxis(x, axis, 0)
    return tuple(moved)


def hstack(arrays: Sequence[Any], /) -> Array:
    """Arrays joined along the second axis (the first where they have one)."""
    found = [x if x.ndim else reshape(x, 1) for x in map(asarray, arrays)]
    return concat(found, axis=0 if found and found[0].ndim == 1 else 1)


def vstack(arrays: Sequence[Any], /) -> Array:
    """Arrays joined as rows."""
    return concat([x if x.ndim > 1 else reshape(x, (1, -1)) for x in map(asarray, arrays)], axis=0)


def split(x: Any, /, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Array]:
    """The array cut along an axis.

    Args:
        x: an array.
        indices_or_sections: how many equal parts, or the places to cut at.
        axis: which axis to cut.
    """
    x = asarray(x)
    axis = normalize_axis(axis, x.ndim, "split")
    n = x.shape[axis]
    if isinstance(indices_or_sections, int | np.integer):
        if indices_or_sections < 1 or n % indices_or_sections:
            raise ShapeError(f"split: an axis of size {n} has no {indices_or_sections} equal parts")
        step = n // int(indices_or_sections)
        cuts = [step * k for k in range(1, int(indices_or_sections))]
    elif isinstance(indices_or_sections, float | complex | str):
        raise DtypeError(f"split: a number of parts or the places to cut at, not {indices_or_sections!r}")
    else:
        cuts = [operator.index(c) for c in indices_or_sections]
    edges = [0, *cuts, n]
    return [ops.slice_(x, key=(slice(None),) * axis + (slice(a, b),)) for a, b in pairwise(edges)]


def flip(x: Any, /, axis: int | Sequence[int] | None = None) -> Array:
    """The elements in reverse along the axes given, or along all."""
    x = asarray(x)
    axes = normalize_axes(axis, x.ndim, "flip")
    key = tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(x.ndim))
    return ops.slice_(x, key=key)


def roll(x: Any, /, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Array:
    """The elements moved along axes, the last ones coming round to the front; without an axis of the raveled array."""
    x = asarray(x)
    if axis is None:
        return reshape(roll(ravel(x), shift, axis=0), x.shape)
    axes = [normalize_axis(a, x.ndim, "roll") for a in (axis if isinstance(axis, tuple | list) else (axis,))]
    shifts = list(shift) if isinstance(shift, tuple | list) else [shift] * len(axes)
    for a, s in zip(axes, shifts, strict=True):
        n = x.shape[a]
        if n and s % n:
            tail, head = split(x, [n - s % n], a)[::-1]
            x = ops.concat(tail, head, axis=a)
    return x


def tile(x: Any, /, reps: int | Sequence[int]) -> Array:
    """The array repeated as a whole, so many times along each axis (counted from the last)."""
    x = asarray(x)
    counts = parse_shape(reps)
    ndim = max(x.ndim, len(counts))
    shape = (1,) * (ndim - x.ndim) + x.shape
    counts = (1,) * (ndim - len(counts)) + counts
    inner = reshape(x, tuple(m for n in shape for m in (1, n)))
    repeated = broadcast_to(inner, tuple(m for c, n in zip(counts, shape, strict=True) for m in (c, n)))
    return reshape(repeated, tuple(c * n for c, n in zip(counts, shape, strict=True)))


def repeat(x: Any, /, repeats: Any, axis: int | None = None, *, total_repeat_length: int | None = None) -> Array:
    """Each element repeated along an axis (of the raveled array where none is given).

    Args:
        x: an array.
        repeats: how often: an int, or integers, one for each element (or one for all).
        axis: along which.
        total_repeat_length: how long the axis shall be, if you know it: then nothing is asked of `repeats` under `vmap`
            and `jit`. What is too much is cut off, what lacks is the last element.

    Raises:
        ShapeError: there are not as many `repeats` as elements, or one is negative.

    >>> from funcgrad import numpy as fnp
    >>> fnp.repeat(fnp.asarray([5, 7]), fnp.asarray([1, 3])).tolist()
    [5, 7, 7, 7]
    """
    x = ravel(x) if axis is None else asarray(x)
    axis = normalize_axis(0 if axis is None else axis, x.ndim, "repeat")
    n = x.shape[axis]
    if not hasattr(repeats, "__index__") or len(getattr(repeats, "shape", ())) > 0:
        return _repeat_each(x, asarray(repeats, device=x.device), axis, total_repeat_length)
    count = operator.index(repeats)
    if count < 0:
        raise ShapeError(f"repeat: {count} times is less than none")
    wide = broadcast_to(expand_dims(x, axis + 1), (*x.shape[: axis + 1], count, *x.shape[axis + 1 :]))
    return reshape(wide, (*x.shape[:axis], n * count, *x.shape[axis + 1 :]))


def tril(x: Any, /, k: int = 0) -> Array:
    """The matrix with zeros above its k-th diagonal."""
    return _triangle(x, lambda row, column: column <= row + k)


def triu(x: Any, /, k: int = 0) -> Array:
    """The matrix with zeros below its k-th diagonal."""
    return _triangle(x, lambda row, column: column >= row + k)


def _repeat_each(x: Any, repeats: Any, axis: int, total: int | None) -> Array:
    """Each element along an axis so often as the integer beside it says."""
    n = x.shape[axis]
    if not is_integer(repeats.dtype) or repeats.ndim > 1 or repeats.size not in (1, n):
        raise ShapeError(f"repeat: {repeats.aval} does not say how often to repeat each of {n} elements")
    counts = broadcast_to(astype(repeats, "int64"), (n,))
    if total is None and bool((counts < 0).any()):
        raise ShapeError("repeat: less than no times")
    length = int(counts.sum()) if total is None else operator.index(total)
    # the i-th of the result is the element before which fewer than i + 1 are: count the ends that have come by
    ends: Any = cumulative_sum(counts, axis=0, reverse=False)
    passed = scatter_add(zeros(Aval((length + 1,), counts.dtype), x), ones_like(ends), minimum(ends, length))
    index: Any = cumulative_sum(passed, axis=0, reverse=False)[:length]
    return move_axis(gather(move_axis(x, axis, 0), minimum(index, n - 1)), 0, axis)


def _triangle(x: Any, inside: Any) -> Array:
    x = asarray(x)
    if x.ndim < 2:
        raise ShapeError(f"a triangle needs at least two dimensions, got the shape {x.shape}")
    rows, columns = x.shape[-2:]
    row: Any = arange(rows, device=x.device)
    return where(inside(row.reshape(rows, 1), arange(columns, device=x.device)), x, zeros(Aval((), x.dtype), x))


def diagonal(x: Any, /, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """The diagonals of the matrices that two axes hold, along a last axis of the result.

    Args:
        x: an array of at least two dimensions.
        offset: how far above the main diagonal.
        axis1, axis2: the axes of rows and of columns.
    """
    x = asarray(x)
    if x.ndim < 2:
        raise ShapeError(f"diagonal needs at least two dimensions, got the shape {x.shape}")
    turned: Any = moveaxis(x, (axis1, axis2), (0, 1))
    rows, columns = turned.shape[:2]
    low = max(-offset, 0)
    n = max(min(rows - low, columns - max(offset, 0)), 0)
    i: Any = arange(low, low + n, device=x.device)
    return move_axis(gather(turned, i, i + offset), 0, x.ndim - 2)


transpose, concatenate = permute_dims, concat
