"""Finding elements by a condition. How many there are depends on the values, unless `size` says how many to return."""

from __future__ import annotations

import operator
from typing import Any

from ..core import Array
from ..dtypes import is_boolean
from ..errors import ShapeError
from ..ops.create import asarray
from ..ops.elementwise import astype
from ..ops.elementwise import where as where_
from ..ops.shape import normalize_axis
from ..ops.sort import first_places
from ..rules import move_axis
from .elementwise import nonzero, not_equal
from .manipulation import ravel, stack

__all__ = ["argwhere", "compress", "extract", "flatnonzero"]


def truths(condition: Any, beside: Array | None = None) -> Any:
    """The condition as booleans: what is not zero is true."""
    device = None if isinstance(condition, Array) or beside is None else beside.device
    found = asarray(condition, device=device)
    return found if is_boolean(found.dtype) else not_equal(found, 0)


def picked(x: Any, mask: Any, size: int | None = None, fill_value: Any = None) -> Any:
    """The slices of x, along its first axis, where a mask (n,) is true; with `size` the first so many, then a filling.

    The filling is 0 where None.
    """
    if size is None:
        return x[mask]
    places, there = first_places(mask, operator.index(size))
    if not x.shape[0]:
        places, x = places * 0, astype(asarray(0, device=x.device), x.dtype).broadcast_to((1, *x.shape[1:]))
    filling = asarray(0 if fill_value is None else fill_value, x.dtype, device=x.device)
    return where_(there.reshape((-1,) + (1,) * (x.ndim - 1)), x[places], filling)


def argwhere(a: Any, *, size: int | None = None, fill_value: Any = None) -> Array:
    """The indices of the elements that are not zero, a row for each.

    Args:
        a: an array.
        size, fill_value: as for `nonzero`.

    Returns:
        int64, shape (count, a.ndim).

    >>> from funcgrad import numpy as fnp
    >>> fnp.argwhere(fnp.asarray([[0, 3], [4, 0]])).tolist()
    [[0, 1], [1, 0]]
    """
    x = asarray(a)
    if x.ndim:
        return stack(nonzero(x, size=size, fill_value=fill_value), 1)
    rows: Any = nonzero(ravel(x), size=size)[0]
    return rows[:, None][:, :0]


def flatnonzero(a: Any, *, size: int | None = None, fill_value: Any = None) -> Array:
    """The places of the elements of the raveled array that are not zero.

    Args:
        a: an array.
        size, fill_value: as for `nonzero`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.flatnonzero(fnp.asarray([[0, 3], [4, 0]]))
    Array([1, 2], dtype=int64)
    """
    return nonzero(ravel(a), size=size, fill_value=fill_value)[0]


def extract(condition: Any, arr: Any, *, size: int | None = None, fill_value: Any = 0) -> Array:
    """The elements where a condition is true, in one axis.

    Args:
        condition: true where not zero; as many elements as arr.
        arr: an array.
        size: how many to return, as for `nonzero`.
        fill_value: what stands where there are fewer.

    >>> from funcgrad import numpy as fnp
    >>> x = fnp.asarray([[1, 2], [3, 4]])
    >>> fnp.extract(x > 2, x)
    Array([3, 4], dtype=int64)
    """
    return compress(ravel(condition), ravel(arr), 0, size=size, fill_value=fill_value)


def compress(condition: Any, a: Any, axis: int | None = None, *, size: int | None = None, fill_value: Any = 0) -> Array:
    """The slices along an axis where a condition is true.

    Args:
        condition: shape (n,), true where not zero; n may be less than the axis has, the rest then counts as false.
        a: an array.
        axis: along which; the raveled array where None.
        size: how many to return, as for `nonzero`.
        fill_value: what stands where there are fewer.

    Raises:
        ShapeError: the condition has not one dimension, or more elements than the axis.

    >>> from funcgrad import numpy as fnp
    >>> fnp.compress([False, True], fnp.asarray([[1, 2], [3, 4]]), axis=0)
    Array([[3, 4]], dtype=int64)
    """
    x: Any = ravel(a) if axis is None else asarray(a)
    found = normalize_axis(0 if axis is None else axis, x.ndim, "compress")
    mask = truths(condition, x)
    if mask.ndim != 1 or mask.shape[0] > x.shape[found]:
        raise ShapeError(f"compress: a condition of shape {mask.shape} for axis {found} of {x.aval}")
    moved = move_axis(x, found, 0)[: mask.shape[0]]
    return move_axis(picked(moved, mask, size, fill_value), 0, found)
