"""Reductions of the rows of an array by the segment that each belongs to.

    out[s] = reduction of data[i] over all i with segment_ids[i] == s

Rows whose number is out of range, below zero too, belong to no segment and are left out, as in JAX.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..core import Array
from ..dtypes import is_boolean, is_floating, is_integer
from ..errors import DtypeError, ShapeError
from ..numpy.creation import full
from ..numpy.reductions import max as max_
from ..ops import index as ops
from ..ops.bounds import checked_mode, scatter_by
from ..ops.create import asarray

__all__ = ["segment_max", "segment_min", "segment_prod", "segment_sum"]


def _segments(
    name: str, scatter: Any, data: Any, segment_ids: Any, num_segments: int | None, start: Any, mode: Any
) -> Array:
    x = asarray(data)
    ids = asarray(segment_ids, device=None if isinstance(segment_ids, Array) else x.device)
    if not is_integer(ids.dtype):
        raise DtypeError(f"{name}: the numbers of segments must be integers, not {ids.aval}")
    if not ids.ndim or ids.shape != x.shape[: ids.ndim]:
        raise ShapeError(f"{name}: {ids.aval} does not give a segment for each row of {x.aval}")
    if num_segments is None:
        num_segments = int(max_(ids)) + 1 if ids.size else 0
    count = operator.index(num_segments)
    if count < 0:
        raise ShapeError(f"{name}: num_segments must not be negative, got {count}")
    out = full((count, *x.shape[ids.ndim :]), start(x.dtype), x.dtype, device=x.device)
    how = "drop" if mode is None else checked_mode(mode, name)
    return scatter_by(scatter, out, x, [ids], how, from_end=how is None)


def _least(dtype: Any) -> Any:
    if is_floating(dtype):
        return -np.inf
    return False if is_boolean(dtype) else int(np.iinfo(dtype).min)


def _largest(dtype: Any) -> Any:
    if is_floating(dtype):
        return np.inf
    return True if is_boolean(dtype) else int(np.iinfo(dtype).max)


def segment_sum(
    data: Any,
    segment_ids: Any,
    num_segments: int | None = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    bucket_size: int | None = None,
    mode: Any = None,
) -> Array:
    """The sum of the rows of each segment; 0 for a segment without rows.

    Args:
        data: an array; the axes of segment_ids are its first ones.
        segment_ids: integers, the segment that each row belongs to.
        num_segments: how many segments there are; one more than the largest number where None, which is then read.
        indices_are_sorted, unique_indices, bucket_size: promises and wishes of JAX's users, which nothing here needs.
        mode: what becomes of a number out of range: by default the row is left out; see `x.at[...]`.

    Returns:
        Shape (num_segments, *rest), of data's dtype.

    Raises:
        ShapeError: there is not a number for each row.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.segment_sum(fnp.asarray([1.0, 2.0, 4.0]), fnp.asarray([0, 2, 0]), num_segments=3)
    Array([5., 0., 2.], dtype=float32)

    Source: jax.ops.segment_sum.
    """
    return _segments("segment_sum", ops.scatter_add, data, segment_ids, num_segments, lambda dtype: 0, mode)


def segment_prod(
    data: Any,
    segment_ids: Any,
    num_segments: int | None = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    bucket_size: int | None = None,
    mode: Any = None,
) -> Array:
    """The product of the rows of each segment; 1 for a segment without rows. Arguments as for `segment_sum`.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.segment_prod(fnp.asarray([1.0, 2.0, 4.0]), fnp.asarray([0, 2, 0]), num_segments=3)
    Array([4., 1., 2.], dtype=float32)
    """
    return _segments("segment_prod", ops.scatter_multiply, data, segment_ids, num_segments, lambda dtype: 1, mode)


def segment_max(
    data: Any,
    segment_ids: Any,
    num_segments: int | None = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    bucket_size: int | None = None,
    mode: Any = None,
) -> Array:
    """The largest of the rows of each segment, element by element; -inf, or the least integer, without rows.

    Elements that tie share the derivative. Arguments as for `segment_sum`.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.segment_max(fnp.asarray([1.0, 2.0, 4.0]), fnp.asarray([0, 1, 0]))
    Array([4., 2.], dtype=float32)
    """
    return _segments("segment_max", ops.scatter_max, data, segment_ids, num_segments, _least, mode)


def segment_min(
    data: Any,
    segment_ids: Any,
    num_segments: int | None = None,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    bucket_size: int | None = None,
    mode: Any = None,
) -> Array:
    """The least of the rows of each segment, element by element; inf, or the largest integer, without rows.

    Elements that tie share the derivative. Arguments as for `segment_sum`.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.segment_min(fnp.asarray([1.0, 2.0, 4.0]), fnp.asarray([0, 1, 0]))
    Array([1., 2.], dtype=float32)
    """
    return _segments("segment_min", ops.scatter_min, data, segment_ids, num_segments, _largest, mode)
