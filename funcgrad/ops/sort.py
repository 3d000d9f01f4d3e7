"""Sorting and searching: `sort`, `argsort`, `searchsorted`, and picking along an axis, which is their derivative.

The order of elements is a constant to a derivative: a sorted array is a choice of elements, so its tangent is the same
choice of tangents. Which of equal elements stands first is decided by their places, as sorting is stable.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import Aval
from ..device import Raw
from ..rules import batch_to_front, general, iota, move_axis, zeros
from .elementwise import cast, less, logical_not, same
from .index import gather, scatter_add
from .reduce import sum as sum_
from .shape import pad

_INT64 = np.dtype(np.int64)

# ---- along an axis -----------------------------------------------------------------------------


def along(index: Any, axis: int) -> list[Any]:
    """The indices of leading axes by which gather picks along one axis, moved to the front, for each line apart."""
    moved = move_axis(index, axis, 0)
    indices = [moved]
    for k in range(1, moved.ndim):
        ramp: Any = iota(moved.shape[k], moved)
        shape = (1,) * k + (-1,) + (1,) * (moved.ndim - k - 1)
        indices.append(ramp.reshape(shape).broadcast_to(moved.shape))
    return indices


def take_along(x: Any, index: Any, axis: int) -> Any:
    """For each line of x its own choice; the sizes elsewhere are equal."""
    return move_axis(gather(move_axis(x, axis, 0), *along(index, axis)), 0, axis)


def put_along(scatter: Any, x: Any, updates: Any, index: Any, axis: int) -> Any:
    """x with the updates scattered into each of its lines."""
    changed = scatter(move_axis(x, axis, 0), move_axis(updates, axis, 0), *along(index, axis))
    return move_axis(changed, 0, axis)


# ---- sorting -----------------------------------------------------------------------------------


def _sort(xp: Any, x: Raw, *, axis: int, descending: bool) -> Raw:
    ascending = xp.sort(x, axis=axis)
    return xp.flip(ascending, axis=axis) if descending else ascending


def _argsort(xp: Any, x: Raw, *, axis: int, descending: bool) -> Raw:
    if not descending:
        return xp.astype(xp.argsort(x, axis=axis, stable=True), xp.int64, copy=False)
    # turned around before and after, so that equal elements keep their order
    last_first = xp.argsort(xp.flip(x, axis=axis), axis=axis, stable=True)
    return xp.astype(x.shape[axis] - 1 - xp.flip(last_first, axis=axis), xp.int64, copy=False)


sort = general(
    "sort(x)",
    impl=_sort,
    infer=same,
    jvp=lambda primals, tangents, out, *, axis, descending: take_along(
        tangents[0], argsort(primals[0], axis=axis, descending=descending), axis
    ),
    x=lambda g, x, *, axis, descending: put_along(
        scatter_add, zeros(x, g), g, argsort(x, axis=axis, descending=descending), axis
    ),
    batch=lambda size, xs, dims, *, axis, descending: (
        sort(move_axis(xs[0], dims[0], 0), axis=axis + 1, descending=descending),
        0,
    ),
)
argsort = general(
    "argsort(x)",
    impl=_argsort,
    infer=lambda x, **_: Aval(x.shape, _INT64),
    batch=lambda size, xs, dims, *, axis, descending: (
        argsort(move_axis(xs[0], dims[0], 0), axis=axis + 1, descending=descending),
        0,
    ),
)

# ---- searching ---------------------------------------------------------------------------------


def _searchsorted(xp: Any, x: Raw, values: Raw, *, side: str) -> Raw:
    if x.ndim == 1:
        flat = xp.searchsorted(x, xp.reshape(values, (-1,)), side=side)
        return xp.astype(xp.reshape(flat, values.shape), xp.int64, copy=False)
    # for many lines at once: sort each with its values (before or after what they equal), and count what x has there
    n, m = x.shape[-1], values.shape[-1]
    first = side == "left"
    both = xp.concat((values, x) if first else (x, values), axis=-1)
    order = xp.argsort(both, axis=-1, stable=True)
    of_x = (order >= m) if first else (order < n)
    before = xp.cumulative_sum(xp.astype(of_x, xp.int64), axis=-1)
    back = xp.argsort(order, axis=-1, stable=True)
    counts = xp.take_along_axis(before, back, axis=-1)
    return counts[..., :m] if first else counts[..., n:]


def _batch_searchsorted(size: int, args: Any, dims: Any, *, side: str) -> tuple[Any, int]:
    (x, values), (dim_x, dim_v) = args, dims
    if dim_x is None and x.ndim == 1:
        return searchsorted(x, values, side=side), dim_v
    x, values = batch_to_front(args, dims, size)
    shape = values.shape
    if x.ndim == 2:  # one sorted line an example: its values are one line, too
        return searchsorted(x, values.reshape((size, math.prod(values.shape[1:]))), side=side).reshape(shape), 0
    return searchsorted(x, values, side=side), 0


searchsorted = general(  # x (n,) and values of any shape, or x (*batch, n) and values (*batch, m)
    "searchsorted(x, values)",
    impl=_searchsorted,
    infer=lambda x, values, *, side: Aval(values.shape, _INT64),
    batch=_batch_searchsorted,
)

# ---- a given number of places ------------------------------------------------------------------


def first_places(mask: Any, size: int) -> tuple[Any, Any]:
    """The places of the first `size` true elements of a mask (n,), and which of them there are.

    The shapes do not depend on the values, so a batch stays together and a program needs to ask nothing.
    """
    order = argsort(cast(logical_not(mask), dtype=np.dtype(np.int8)), axis=0, descending=False)
    n = order.shape[0]
    order = order[:size] if size <= n else pad(order, widths=((0, size - n),))
    count = sum_(cast(mask, dtype=_INT64), axes=(0,))
    return order, less(iota(size, mask), count)
