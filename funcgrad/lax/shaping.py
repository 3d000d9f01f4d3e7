"""Shapes: broadcasting, padding, reversing, joining, under `jax.lax`'s names and with its arguments."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from .. import numpy as fnp
from ..core import SCALARS, Array
from ..dtypes import canonical
from ..errors import AxisError, ShapeError
from ..numpy.creation import arange, asarray, parse_shape
from ..numpy.indexing import fitting
from ..ops import shape as ops
from ..ops.elementwise import astype, where

__all__ = [
    "broadcast",
    "broadcast_in_dim",
    "broadcast_like",
    "broadcast_shapes",
    "broadcast_to_rank",
    "broadcasted_iota",
    "collapse",
    "concatenate",
    "empty",
    "expand_dims",
    "full",
    "full_like",
    "iota",
    "pad",
    "reshape",
    "rev",
    "split",
    "squeeze",
    "stack",
    "tile",
    "transpose",
    "unstack",
]

broadcast_shapes, stack, tile, unstack, empty = fnp.broadcast_shapes, fnp.stack, fnp.tile, fnp.unstack, fnp.empty


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Array:
    """An array of one value: `numpy.full`.

    >>> from funcgrad import lax
    >>> lax.full((2,), 7.0)
    Array([7., 7.], dtype=float32)
    """
    return fnp.full(shape, fill_value, dtype)


def full_like(x: Any, fill_value: Any, dtype: Any = None, shape: Any = None) -> Array:
    """An array of one value, in the shape and dtype of another unless told otherwise.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.full_like(fnp.ones(3), 2, shape=(2,))
    Array([2., 2.], dtype=float32)
    """
    like = asarray(x)
    return fnp.full(
        like.shape if shape is None else shape, fill_value, like.dtype if dtype is None else dtype, device=like.device
    )


def iota(dtype: Any, size: int) -> Array:
    """0, 1, ..., size - 1.

    Args:
        dtype: of the result.
        size: how many.

    >>> from funcgrad import lax
    >>> lax.iota("float32", 3)
    Array([0., 1., 2.], dtype=float32)

    Source: jax.lax.iota.
    """
    return arange(operator.index(size), dtype=canonical(dtype))


def broadcasted_iota(dtype: Any, shape: Sequence[int], dimension: int) -> Array:
    """The index along one axis, at each place of an array.

    Args:
        dtype: of the result.
        shape: of the result.
        dimension: which axis.

    >>> from funcgrad import lax
    >>> lax.broadcasted_iota("int32", (2, 3), 1).tolist()
    [[0, 1, 2], [0, 1, 2]]

    Source: jax.lax.broadcasted_iota.
    """
    sizes = parse_shape(tuple(shape))
    axis = ops.normalize_axis(dimension, len(sizes), "broadcasted_iota")
    ramp = iota(dtype, sizes[axis]).reshape((-1,) + (1,) * (len(sizes) - axis - 1))
    return fnp.broadcast_to(ramp, sizes)


def broadcast(operand: Any, sizes: Sequence[int]) -> Array:
    """The array repeated along new axes in front.

    Args:
        operand: an array.
        sizes: of the new axes.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.broadcast(fnp.ones(2), (3,)).shape
    (3, 2)

    Source: jax.lax.broadcast.
    """
    x = asarray(operand)
    return fnp.broadcast_to(x, (*parse_shape(tuple(sizes)), *x.shape))


def broadcast_in_dim(operand: Any, shape: Sequence[int], broadcast_dimensions: Sequence[int]) -> Array:
    """The array repeated to a shape in which its own axes stand where one says.

    Args:
        operand: an array.
        shape: of the result.
        broadcast_dimensions: for each axis of the operand, in order, which axis of the result it is.

    Raises:
        ShapeError: an axis is neither of size one nor of the result's size.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.broadcast_in_dim(fnp.asarray([1, 2]), (2, 3), (0,)).tolist()
    [[1, 1, 1], [2, 2, 2]]

    Source: jax.lax.broadcast_in_dim.
    """
    x, sizes = asarray(operand), parse_shape(tuple(shape))
    places = [operator.index(d) for d in broadcast_dimensions]
    if len(places) != x.ndim or any(not 0 <= d < len(sizes) for d in places) or sorted(set(places)) != places:
        raise AxisError(f"broadcast_in_dim: {tuple(places)} does not place each axis of {x.aval}, in order, in {sizes}")
    middle = [1] * len(sizes)
    for d, n in zip(places, x.shape, strict=True):
        middle[d] = n
    return fnp.broadcast_to(fnp.reshape(x, tuple(middle)), sizes)


def broadcast_to_rank(x: Any, rank: int) -> Array:
    """The array with new axes of size one in front, to have that many.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.broadcast_to_rank(fnp.ones(2), 3).shape
    (1, 1, 2)
    """
    found, rank = asarray(x), operator.index(rank)
    if rank < found.ndim:
        raise ShapeError(f"broadcast_to_rank: {found.aval} has more than {rank} axes")
    return fnp.reshape(found, (1,) * (rank - found.ndim) + found.shape)


def broadcast_like(arr: Any, like_arr: Any) -> Array:
    """The array repeated to another one's shape.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.broadcast_like(fnp.ones(2), fnp.zeros((3, 2))).shape
    (3, 2)
    """
    return fnp.broadcast_to(arr, asarray(like_arr).shape)


def collapse(operand: Any, start_dimension: int, stop_dimension: int | None = None) -> Array:
    """Axes laid flat into one.

    Args:
        operand: an array.
        start_dimension: the first of them.
        stop_dimension: the one behind the last; all from the first on where None.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.collapse(fnp.ones((2, 3, 4)), 1).shape
    (2, 12)

    Source: jax.lax.collapse.
    """
    x = asarray(operand)
    low, high, _ = slice(start_dimension, stop_dimension).indices(x.ndim)
    if high <= low:
        raise AxisError(f"collapse: there are no axes from {start_dimension} to {stop_dimension} in {x.aval}")
    return fnp.reshape(x, (*x.shape[:low], prod(x.shape[low:high]), *x.shape[high:]))


def rev(operand: Any, dimensions: Sequence[int]) -> Array:
    """The elements in reverse along some axes.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.rev(fnp.arange(3), (0,))
    Array([2, 1, 0], dtype=int64)
    """
    return fnp.flip(operand, tuple(dimensions))


def expand_dims(array: Any, dimensions: Sequence[int]) -> Array:
    """The array with axes of size one at those places of the result.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.expand_dims(fnp.ones(2), (0, 2)).shape
    (1, 2, 1)
    """
    return fnp.expand_dims(array, tuple(dimensions))


def squeeze(array: Any, dimensions: Sequence[int]) -> Array:
    """The array without those axes, which are of size one.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.squeeze(fnp.ones((1, 2)), (0,)).shape
    (2,)
    """
    return fnp.squeeze(array, tuple(dimensions))


def transpose(operand: Any, permutation: Sequence[int]) -> Array:
    """The axes in another order.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.transpose(fnp.ones((2, 3)), (1, 0)).shape
    (3, 2)
    """
    return fnp.permute_dims(operand, tuple(int(d) for d in permutation))


def reshape(operand: Any, new_sizes: Sequence[int], dimensions: Sequence[int] | None = None) -> Array:
    """The same elements in another shape, with the axes first in another order if one is given.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.reshape(fnp.arange(4).reshape(2, 2), (4,), (1, 0))
    Array([0, 2, 1, 3], dtype=int64)
    """
    x = operand if dimensions is None else transpose(operand, dimensions)
    return fnp.reshape(x, tuple(new_sizes))


def concatenate(operands: Any, dimension: int) -> Array:
    """Arrays joined along an axis.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.concatenate([fnp.ones(1), fnp.zeros(2)], 0)
    Array([1., 0., 0.], dtype=float32)
    """
    return fnp.concat(list(operands), axis=dimension)


def split(operand: Any, sizes: Sequence[int], axis: int = 0) -> list[Array]:
    """The array cut along an axis into parts of those sizes.

    Raises:
        ShapeError: they are not those of the axis in all.

    >>> from funcgrad import lax, numpy as fnp
    >>> [part.tolist() for part in lax.split(fnp.arange(3), (1, 2))]
    [[0], [1, 2]]
    """
    x = asarray(operand)
    along = ops.normalize_axis(axis, x.ndim, "split")
    counts = [operator.index(n) for n in sizes]
    if sum(counts) != x.shape[along] or any(n < 0 for n in counts):
        raise ShapeError(f"split: parts of {counts} are not axis {along} of {x.aval}")
    return fnp.split(x, [sum(counts[:k]) for k in range(1, len(counts))], along) if counts else []


def pad(operand: Any, padding_value: Any, padding_config: Sequence[tuple[int, int, int]]) -> Array:
    """The array with a value around it and between its elements.

    Args:
        operand: an array.
        padding_value: a number, or an array without dimensions.
        padding_config: (low, high, interior) for each axis: how many to add before and after, where negative ones take
            away, and how many to put between neighbours before that.

    Raises:
        ShapeError: there is not one triple an axis, or more is taken away than there is.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.pad(fnp.asarray([1.0, 2.0, 3.0]), 0.0, [(1, -1, 1)])
    Array([0., 1., 0., 2., 0.], dtype=float32)

    Source: jax.lax.pad.
    """
    x = asarray(operand)
    config = [tuple(operator.index(v) for v in triple) for triple in padding_config]
    if len(config) != x.ndim or any(len(c) != 3 or c[2] < 0 for c in config):
        raise ShapeError(f"pad: {padding_config!r} does not give (low, high, interior >= 0) for each axis of {x.aval}")
    value = fitting(x, padding_value)
    if value.ndim:
        raise ShapeError(f"pad: the value must have no dimensions, not {value.aval}")
    if any(n + max(n - 1, 0) * k + low + high < 0 for n, (low, high, k) in zip(x.shape, config, strict=True)):
        raise ShapeError(f"pad: {padding_config!r} takes away more than there is of {x.aval}")
    place, crop, shape, inside = [], [], [], []
    for n, (low, high, interior) in zip(x.shape, config, strict=True):
        spread = max(n + (n - 1) * interior, 0)
        size = spread + max(low, 0) + max(high, 0)
        start = max(low, 0)
        stop = size - max(high, 0)
        place.append(slice(start, stop, interior + 1))
        crop.append(slice(min(max(-low, 0), size), max(size - max(-high, 0), 0)))
        shape.append(size)
        line = np.zeros(size, bool)
        line[place[-1]] = True
        inside.append(line[crop[-1]])
    wide = ops.unslice(x, key=tuple(place), shape=tuple(shape)) if tuple(shape) != x.shape else x
    out = ops.slice_(wide, key=tuple(crop)) if any(min(c[:2]) < 0 for c in config) else wide
    if type(padding_value) in SCALARS and padding_value == 0:
        return out
    mask = np.ones(out.shape, bool)
    for axis, line in enumerate(inside):
        mask &= line.reshape((-1,) + (1,) * (out.ndim - axis - 1))
    return out if mask.all() else where(asarray(mask, device=x.device), out, astype(value, x.dtype))
