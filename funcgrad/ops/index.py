"""Indexing by arrays of integers: gather, its transpose, and the scatters behind `x.at[...]`.

`gather(x, *indices)` indexes the leading axes of x by integer arrays of one shape: x of shape (n, m, *rest) with two
indices of shape s gives (*s, *rest). `key.py` brings every index that a user may write into this form.
"""

from __future__ import annotations

from math import prod
from typing import Any

from ..core import Aval
from ..device import Raw
from ..dtypes import canonical
from ..errors import ArrayIndexError
from ..kernels.scatter import accumulate_rows, put_rows
from ..rules import batch_to_front, general, iota, linear, move_axis, zeros
from .elementwise import cast, equal, greater, where


def _checked(xp: Any, shape: tuple[int, ...], indices: tuple[Raw, ...]) -> tuple[Raw, ...]:
    """The indices, counted from the front; out of range is an error, never a clamp."""
    found = []
    for axis, (n, index) in enumerate(zip(shape, indices, strict=False)):
        if index.dtype != xp.int64:  # int8 cannot count the places of a 20 by 20 matrix laid flat
            index = xp.astype(index, xp.int64)
        if index.size:
            low, high = int(xp.min(index)), int(xp.max(index))
            if low < -n or high >= n:
                wrong = low if low < -n else high
                raise ArrayIndexError(f"index {wrong} is out of range for axis {axis} of size {n}")
            if low < 0:
                index = xp.where(index < 0, index + n, index)
        found.append(index)
    return tuple(found)


def _flat(xp: Any, shape: tuple[int, ...], indices: tuple[Raw, ...]) -> Raw:
    """The indices of the leading axes as one index into those axes laid flat."""
    flat = None
    for n, index in zip(shape, indices, strict=False):
        flat = index if flat is None else flat * n + index
    return xp.reshape(flat, (-1,))


def _gather(xp: Any, x: Raw, *indices: Raw, out: Raw | None = None) -> Raw:
    indices, k = _checked(xp, x.shape, indices), len(indices)
    rows = xp.reshape(x, (prod(x.shape[:k]), *x.shape[k:]))
    if out is not None:  # NumPy would check once more, and meanwhile write to other memory
        xp.take(rows, _flat(xp, x.shape, indices), axis=0, out=out.reshape(-1, *x.shape[k:]), mode="clip")
        return out
    return xp.reshape(xp.take(rows, _flat(xp, x.shape, indices), axis=0), indices[0].shape + x.shape[k:])


def _batch_gather(size: int, args: Any, dims: Any) -> tuple[Any, int]:
    (x, *indices), (dim, *index_dims), k = args, dims, len(args) - 1
    if all(d is None for d in index_dims):  # the batch goes along behind the indexed axes
        return gather(move_axis(x, dim, k), *indices), indices[0].ndim
    indices = batch_to_front(indices, index_dims, size)
    if dim is None:
        return gather(x, *indices), 0
    return gather(move_axis(x, dim, 0), _rows(size, indices[0]), *indices), 0


def _rows(size: int, beside: Any) -> Any:
    """0, 1, ... along the first axis, in the shape of the indices."""
    ramp: Any = iota(size, beside)
    return ramp.reshape((size,) + (1,) * (beside.ndim - 1)).broadcast_to(beside.shape)


gather = linear(
    "gather(x; *indices)",
    impl=_gather,
    infer=lambda x, *indices: Aval(indices[0].shape + x.shape[len(indices) :], x.dtype),
    transpose=lambda g, x, *indices: scatter_add(zeros(x, g), g, *indices),
    batch=_batch_gather,
    moves=True,
)


def _scatter(name: str) -> Any:
    """x changed at the indexed places by the NumPy function of that name, duplicates accumulating."""

    def impl(xp: Any, x: Raw, updates: Raw, *indices: Raw, out: Raw | None = None) -> Raw:
        indices, k = _checked(xp, x.shape, indices), len(indices)
        if out is None:
            out = xp.asarray(x, copy=True)
        else:
            out[...] = x
        out = xp.reshape(out, (prod(x.shape[:k]), *x.shape[k:]))
        flat = _flat(xp, x.shape, indices)
        updates = xp.reshape(updates, (flat.shape[0], *x.shape[k:]))
        if name == "set":
            put_rows(xp, out, flat, updates)
        else:
            accumulate_rows(xp, name, out, flat, updates)
        return xp.reshape(out, x.shape)

    return impl


def _batch_scatter(primitive: Any) -> Any:
    def batch(size: int, args: Any, dims: Any) -> tuple[Any, int]:
        x, updates, *indices = batch_to_front(args, dims, size)
        return primitive(x, updates, _rows(size, indices[0]), *indices), 0

    return batch


def _infer_scatter(x: Aval, updates: Aval, *indices: Aval) -> Aval:
    return x


scatter_add = linear(
    "scatter_add(x, updates; *indices)",
    impl=_scatter("add"),
    infer=_infer_scatter,
    transpose=lambda g, x, updates, *indices: (g, gather(g, *indices)),
    batch=lambda size, args, dims: _batch_scatter(scatter_add)(size, args, dims),
)


def _transpose_set(g: Any, x: Aval, updates: Aval, *indices: Any) -> tuple[Any, Any]:
    """What was overwritten has no influence: neither the old elements, nor all but the last of equal indices."""
    return scatter_set(g, zeros(updates, g), *indices), gather(g, *indices) * _last(x, updates, indices, g)


def _last(x: Aval, updates: Aval, indices: tuple[Any, ...], beside: Any) -> Any:
    """1 where an update is the last one for its place, else 0; in the dtype of the cotangent."""
    leading = indices[0].shape
    order: Any = iota(prod(leading), beside)
    order = order.reshape(leading)
    nobody = zeros(Aval(x.shape[: len(indices)], order.dtype), beside)
    winner = gather(scatter_set(nobody, order, *indices), *indices)
    mask = cast(equal(winner, order), dtype=beside.dtype)
    return mask.reshape(mask.shape + (1,) * (len(updates.shape) - mask.ndim))


scatter_set = linear(
    "scatter_set(x, updates; *indices)",
    impl=_scatter("set"),
    infer=_infer_scatter,
    transpose=_transpose_set,
    batch=lambda size, args, dims: _batch_scatter(scatter_set)(size, args, dims),
    moves=True,
)

# ---- extremes and products at indices ----------------------------------------------------------


def _extreme_shares(out: Any, x: Any, updates: Any, indices: tuple[Any, ...]) -> tuple[Any, Any]:
    """How much of the result's cotangent the old element and each update get: ties share it."""
    from_x = cast(equal(x, out), dtype=out.dtype)
    from_updates = cast(equal(updates, gather(out, *indices)), dtype=out.dtype)
    count = scatter_add(from_x, from_updates, *indices)
    return from_x / count, from_updates / gather(count, *indices)


def _product_shares(out: Any, x: Any, updates: Any, indices: tuple[Any, ...]) -> tuple[Any, Any]:
    """The product of all other factors: one zero factor leaves only its own derivative, two leave none.

    Its own derivatives are right where a place has at most one zero among its factors.
    """
    zero_x, zero_u = equal(x, 0), equal(updates, 0)
    rest = scatter_multiply(where(zero_x, 1, x), where(zero_u, 1, updates), *indices)
    zeros_there = scatter_add(cast(zero_x, dtype=out.dtype), cast(zero_u, dtype=out.dtype), *indices)

    def others(factor: Any, is_zero: Any, whole: Any, rest: Any, zeros_there: Any) -> Any:
        return where(is_zero, where(greater(zeros_there, 1.5), 0, rest), whole / where(is_zero, 1, factor))

    return others(x, zero_x, out, rest, zeros_there), others(
        updates, zero_u, *[gather(a, *indices) for a in (out, rest, zeros_there)]
    )


def _accumulate(name: str, function: str, shares: Any) -> Any:
    def jvp(primals: Any, tangents: Any, out: Any) -> Any:
        x, updates, *indices = primals
        share_x, share_u = shares(out, x, updates, indices)
        tx, tu = tangents[:2]
        total = None if tx is None else tx * share_x
        if tu is None:
            return total
        return scatter_add(zeros(out, out) if total is None else total, tu * share_u, *indices)

    def pull(g: Any, out: Any, x: Any, updates: Any, *indices: Any) -> tuple[Any, Any]:
        share_x, share_u = shares(out, x, updates, indices)
        return g * share_x, gather(g, *indices) * share_u

    primitive = general(
        f"{name}(x, updates; *indices)",
        impl=_scatter(function),
        infer=_infer_scatter,
        jvp=jvp,
        pull=pull,
        batch=lambda size, args, dims: _batch_scatter(primitive)(size, args, dims),
    )
    return primitive


scatter_multiply = _accumulate("scatter_multiply", "multiply", _product_shares)
scatter_min = _accumulate("scatter_min", "minimum", _extreme_shares)
scatter_max = _accumulate("scatter_max", "maximum", _extreme_shares)

# ---- places of true elements --------------------------------------------------------------------


def _batch_nonzero(size: int, args: Any, dims: Any, *, count: int) -> tuple[Any, int]:
    return flatnonzero(move_axis(args[0], dims[0], 0), count=count), 0


flatnonzero = general(  # (*batch, n) booleans, `count` of them true in each row: (*batch, count)
    "flatnonzero(mask)",
    impl=lambda xp, mask, *, count: xp.reshape(xp.nonzero(mask)[-1], (*mask.shape[:-1], count)),
    infer=lambda mask, *, count: Aval((*mask.shape[:-1], count), canonical("int64")),
    batch=_batch_nonzero,
)

for _indexed in (gather, scatter_add, scatter_set, scatter_multiply, scatter_min, scatter_max):
    _indexed.primitive.checks = True  # an index out of range is an error
