"""Picking and placing along one axis, as in PyTorch; functions that change an array there return the changed copy."""

from __future__ import annotations

from typing import Any

from ..core import Array
from ..dtypes import is_boolean, is_integer
from ..errors import DtypeError, OptionError, ShapeError
from ..numpy.creation import ones
from ..numpy.indexing import fitting
from ..numpy.indexing import take as _take
from ..numpy.manipulation import broadcast_arrays, broadcast_to
from ..ops import index as ops
from ..ops.create import asarray
from ..ops.elementwise import astype, divide, equal, floor_divide, where
from ..ops.shape import normalize_axis, slice_
from ..ops.sort import put_along, take_along
from ..rules import move_axis

__all__ = [
    "gather",
    "index_add",
    "index_select",
    "masked_fill",
    "masked_select",
    "scatter",
    "scatter_add",
    "scatter_reduce",
]


def _index(x: Array, dim: int, index: Any, name: str) -> tuple[Any, int]:
    """The index as an array with x's number of axes, nowhere larger than x but along the axis; and that axis."""
    found: Any = asarray(index, device=None if isinstance(index, Array) else x.device)
    axis = normalize_axis(dim, x.ndim, name)
    if not is_integer(found.dtype):
        raise DtypeError(f"{name}: indices must be integers, not {found.aval}")
    if found.ndim != x.ndim or any(
        m > n for k, (m, n) in enumerate(zip(found.shape, x.shape, strict=True)) if k != axis
    ):
        raise ShapeError(f"{name}: the index {found.aval} must fit into {x.aval} but along axis {axis}")
    return found, axis


def _part(x: Any, shape: tuple[int, ...], axis: int) -> tuple[slice, ...]:
    """The key of the part of x that an index of that shape reaches."""
    return tuple(slice(None) if k == axis else slice(0, n) for k, n in enumerate(shape))


def gather(x: Any, dim: int, index: Any) -> Array:
    """For each line along an axis its own choice of elements: out[i, j] = x[i, index[i, j]] for the last of two axes.

    Args:
        x: an array.
        dim: along which axis to choose.
        index: integers of as many dimensions; along the other axes it may be smaller than x.

    Returns:
        An array in the shape of the index.

    Raises:
        ShapeError: the index does not fit.
        ArrayIndexError: an index is out of range.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.gather(fnp.asarray([[1, 2], [3, 4]]), 1, fnp.asarray([[0, 0], [1, 0]])).tolist()
    [[1, 1], [4, 3]]

    Source: torch.gather.
    """
    x = asarray(x)
    found, axis = _index(x, dim, index, "gather")
    return take_along(slice_(x, key=_part(x, found.shape, axis)), found, axis)


def _scattered(name: str, primitive: Any, x: Any, dim: int, index: Any, src: Any) -> Array:
    x = asarray(x)
    found, axis = _index(x, dim, index, name)
    values: Any = fitting(x, src)
    if not values.ndim:
        values = broadcast_to(values, found.shape)
    if values.ndim != found.ndim or any(n < m for n, m in zip(values.shape, found.shape, strict=True)):
        raise ShapeError(f"{name}: the values {values.aval} are fewer than the indices {found.aval}")
    values = slice_(values, key=tuple(slice(0, n) for n in found.shape))
    key = _part(x, found.shape, axis)
    part = put_along(primitive, slice_(x, key=key), values, found, axis)
    return part if part.shape == x.shape else x.at[key].set(part)


def scatter(x: Any, dim: int, index: Any, src: Any) -> Array:
    """x with, in each line along an axis, values put to its own places: out[i, index[i, j]] = src[i, j].

    Where an index occurs several times the last value stays.

    Args:
        x: an array.
        dim: along which axis.
        index: integers of as many dimensions; along the other axes it may be smaller than x.
        src: a number, or an array at least as large as the index everywhere; the rest of it is not used.

    Raises:
        ShapeError: index or src do not fit.
        ArrayIndexError: an index is out of range.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.scatter(fnp.zeros((2, 3)), 1, fnp.asarray([[2], [0]]), 5.0).tolist()
    [[0.0, 0.0, 5.0], [5.0, 0.0, 0.0]]

    Source: torch.scatter.
    """
    return _scattered("scatter", ops.scatter_set, x, dim, index, src)


def scatter_add(x: Any, dim: int, index: Any, src: Any) -> Array:
    """x with, in each line along an axis, values added at its own places; arguments as for `scatter`.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.scatter_add(fnp.ones(3), 0, fnp.asarray([0, 0, 2]), fnp.asarray([1.0, 2.0, 3.0]))
    Array([4., 1., 4.], dtype=float32)

    Source: torch.scatter_add.
    """
    return _scattered("scatter_add", ops.scatter_add, x, dim, index, src)


_REDUCTIONS: dict[str, Any] = {
    "sum": ops.scatter_add,
    "mean": ops.scatter_add,
    "prod": ops.scatter_multiply,
    "amax": ops.scatter_max,
    "amin": ops.scatter_min,
}


def scatter_reduce(x: Any, dim: int, index: Any, src: Any, reduce: str, include_self: bool = True) -> Array:
    """x with, in each line along an axis, values joined with what stands at its own places.

    Args:
        x, dim, index, src: as for `scatter`.
        reduce: "sum", "prod", "mean", "amax" or "amin". Extremes that tie share the derivative.
        include_self: whether what stands in x counts; if not, places that are indexed hold the values alone.

    Raises:
        OptionError: no such reduction.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> x, i, v = fnp.asarray([1.0, 2.0]), fnp.asarray([0, 0]), fnp.asarray([4.0, 7.0])
    >>> F.scatter_reduce(x, 0, i, v, "mean"), F.scatter_reduce(x, 0, i, v, "amin", include_self=False)
    (Array([4., 2.], dtype=float32), Array([4., 2.], dtype=float32))

    Source: torch.scatter_reduce.
    """
    if reduce not in _REDUCTIONS:
        raise OptionError(f"scatter_reduce: reduce must be one of {', '.join(map(repr, _REDUCTIONS))}, not {reduce!r}")
    x = asarray(x)
    start: Any = x
    if not include_self:
        if reduce in ("amax", "amin"):  # any of the values, which then cannot change the extreme
            start = scatter(x, dim, index, src)
        else:
            start = scatter(x, dim, index, 1 if reduce == "prod" else 0)
    out: Any = _scattered("scatter_reduce", _REDUCTIONS[reduce], start, dim, index, src)
    if reduce != "mean":
        return out
    counts: Any = scatter_add(ones(x.shape, "int64", device=x.device), dim, index, 1)
    if not include_self:
        counts = where(equal(counts, 1), 1, counts - 1)
    return floor_divide(out, astype(counts, x.dtype)) if is_integer(x.dtype) else divide(out, astype(counts, x.dtype))


def index_add(x: Any, dim: int, index: Any, source: Any, alpha: Any = 1) -> Array:
    """x with slices added at some places of an axis: out[index[k]] += alpha * source[k] for the first axis.

    Args:
        x: an array.
        dim: which axis.
        index: integers, shape (k,).
        source: x's shape, but k along the axis.
        alpha: a factor.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.index_add(fnp.ones(3), 0, fnp.asarray([0, 2]), fnp.asarray([1.0, 2.0]), alpha=10.0)
    Array([11.,  1., 21.], dtype=float32)

    Source: torch.index_add.
    """
    x = asarray(x)
    axis = normalize_axis(dim, x.ndim, "index_add")
    found = asarray(index, device=None if isinstance(index, Array) else x.device)
    values: Any = fitting(x, source)
    expected = (*x.shape[:axis], found.size, *x.shape[axis + 1 :])
    if found.ndim != 1 or not is_integer(found.dtype) or values.shape != expected:
        raise ShapeError(
            f"index_add: the index must be a vector of integers, not {found.aval}, and the source of shape {expected}, "
            f"not {values.aval}"
        )
    scaled = fitting(x, values * alpha)
    return move_axis(ops.scatter_add(move_axis(x, axis, 0), move_axis(scaled, axis, 0), found), 0, axis)


def index_select(x: Any, dim: int, index: Any) -> Array:
    """The slices at some places of an axis: `numpy.take`.

    Args:
        x: an array.
        dim: which axis.
        index: integers, shape (k,).

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.index_select(fnp.asarray([[1, 2], [3, 4]]), 1, fnp.asarray([1])).tolist()
    [[2], [4]]

    Source: torch.index_select.
    """
    return _take(x, index, axis=dim)


def _mask(mask: Any, x: Array, name: str) -> Array:
    found = asarray(mask, device=None if isinstance(mask, Array) else x.device)
    if not is_boolean(found.dtype):
        raise DtypeError(f"{name}: the mask must hold booleans, not {found.aval}")
    return found


def masked_fill(x: Any, mask: Any, value: Any) -> Array:
    """x with a value where a mask is true.

    Args:
        x: an array.
        mask: booleans that broadcast to x's shape.
        value: a number, or an array without dimensions.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.masked_fill(fnp.asarray([1.0, 2.0]), fnp.asarray([True, False]), -fnp.inf)
    Array([-inf,   2.], dtype=float32)

    Source: torch.Tensor.masked_fill.
    """
    x = asarray(x)
    filling = fitting(x, value)
    if filling.ndim:
        raise ShapeError(f"masked_fill: the value must have no dimensions, not {filling.aval}: numpy.where broadcasts")
    return where(broadcast_to(_mask(mask, x, "masked_fill"), x.shape), filling, x)


def masked_select(x: Any, mask: Any) -> Array:
    """The elements where a mask is true, in one axis; how many there are depends on the mask's values.

    Args:
        x: an array.
        mask: booleans; the two broadcast.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.masked_select(fnp.asarray([1.0, 2.0]), fnp.asarray([True, False]))
    Array([1.], dtype=float32)

    Source: torch.masked_select.
    """
    found = asarray(x)
    wide, inside = broadcast_arrays(found, _mask(mask, found, "masked_select"))
    return wide[inside]
