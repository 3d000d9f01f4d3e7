"""Operations that move elements without computing: all linear, and mostly views."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from ..core import Array, Aval
from ..device import Raw
from ..errors import AxisError, DtypeError, ShapeError
from ..rules import batch_to_front, linear, move_axis, unbroadcast, zeros

# ---- axes --------------------------------------------------------------------------------------


def normalize_axis(axis: Any, ndim: int, name: str) -> int:
    """An axis counted from the front."""
    try:
        found = axis.__index__()
    except (AttributeError, TypeError):  # NumPy's arrays have one that refuses them
        found = None
    if found is None or axis is True or axis is False:
        raise DtypeError(f"{name}: an axis must be an int, not {axis!r}") from None
    if not -ndim <= found < ndim:
        there = f"whose axes are {-ndim} to {ndim - 1}" if ndim else "which has no axes"
        raise AxisError(f"{name}: axis {found} is out of range for an array of {ndim} dimensions, {there}")
    return int(found % ndim)


def normalize_axes(axis: Any, ndim: int, name: str) -> tuple[int, ...]:
    """None, an int or a sequence as a tuple of axes counted from the front, without repeats."""
    if axis is None:
        return tuple(range(ndim))
    several = isinstance(axis, Sequence) and not isinstance(axis, str)
    axes = tuple(normalize_axis(a, ndim, name) for a in (axis if several else (axis,)))
    if len(set(axes)) != len(axes):
        raise AxisError(f"{name}: axes {axis} name one axis twice")
    return axes


# ---- primitives --------------------------------------------------------------------------------


def _infer_reshape(x: Aval, *, shape: tuple[int, ...]) -> Aval:
    if prod(shape) != x.size:
        raise ShapeError(f"reshape: {x} has {x.size} elements, which do not fill the shape {shape}")
    return Aval(shape, x.dtype)


reshape = linear(
    "reshape(x)",
    impl=lambda xp, x, *, shape: xp.reshape(x, shape),
    infer=_infer_reshape,
    transpose=lambda g, x, *, shape: reshape(g, shape=x.shape),
    batch=lambda size, xs, dims, *, shape: (reshape(move_axis(xs[0], dims[0], 0), shape=(size, *shape)), 0),
    moves=True,
)


def inverse(axes: Sequence[int]) -> tuple[int, ...]:
    """The permutation that undoes `axes`."""
    return tuple(sorted(range(len(axes)), key=axes.__getitem__))


def _batch_permute(size: int, xs: Any, dims: Any, *, axes: tuple[int, ...]) -> tuple[Any, int]:
    others = [i for i in range(xs[0].ndim) if i != dims[0]]
    return permute_dims(xs[0], axes=(dims[0], *[others[i] for i in axes])), 0


permute_dims = linear(
    "permute_dims(x)",
    impl=lambda xp, x, *, axes: xp.permute_dims(x, axes),
    infer=lambda x, *, axes: Aval(tuple(x.shape[i] for i in axes), x.dtype),
    transpose=lambda g, x, *, axes: permute_dims(g, axes=inverse(axes)),
    batch=_batch_permute,
    moves=True,
)


def _infer_broadcast(x: Aval, *, shape: tuple[int, ...]) -> Aval:
    tail = shape[len(shape) - len(x.shape) :]
    if len(x.shape) > len(shape) or any(n not in (1, m) for n, m in zip(x.shape, tail, strict=True)):
        raise ShapeError(f"broadcast_to: {x} does not broadcast to the shape {shape}")
    return Aval(shape, x.dtype)


def _batch_broadcast(size: int, xs: Any, dims: Any, *, shape: tuple[int, ...]) -> tuple[Any, int]:
    x = move_axis(xs[0], dims[0], 0)
    x = reshape(x, shape=(size,) + (1,) * (len(shape) - x.ndim + 1) + x.shape[1:])
    return broadcast_to(x, shape=(size, *shape)), 0


broadcast_to = linear(
    "broadcast_to(x)",
    impl=lambda xp, x, *, shape: xp.broadcast_to(x, shape),
    infer=_infer_broadcast,
    transpose=lambda g, x, *, shape: unbroadcast(g, x.shape),
    batch=_batch_broadcast,
    moves=True,
)


def _infer_concat(*xs: Aval, axis: int) -> Aval:
    first = xs[0].shape
    for x in xs[1:]:
        if len(x.shape) != len(first) or any(
            n != m for i, (n, m) in enumerate(zip(x.shape, first, strict=True)) if i != axis
        ):
            raise ShapeError(f"concat: the shapes {first} and {x.shape} differ elsewhere than along axis {axis}")
    return Aval((*first[:axis], sum(x.shape[axis] for x in xs), *first[axis + 1 :]), xs[0].dtype)


def _transpose_concat(g: Any, *xs: Aval, axis: int) -> tuple[Any, ...]:
    cts, start = [], 0
    for x in xs:
        cts.append(slice_(g, key=(slice(None),) * axis + (slice(start, start + x.shape[axis]),)))
        start += x.shape[axis]
    return tuple(cts)


concat = linear(
    "concat(*xs)",
    impl=lambda xp, *xs, axis: xp.concat(xs, axis=axis),
    infer=_infer_concat,
    transpose=_transpose_concat,
    batch=lambda size, xs, dims, *, axis: (concat(*batch_to_front(xs, dims, size), axis=axis + 1), 0),
    moves=True,
)

# ---- basic indexing: a tuple of ints, slices and None, without Ellipsis ------------------------


def sliced_shape(shape: tuple[int, ...], key: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape that a basic index leaves."""
    found, sizes = [], iter(shape)
    for k in key:
        if k is None:
            found.append(1)
        elif isinstance(k, slice):
            found.append(len(range(*k.indices(next(sizes)))))
        else:
            next(sizes)
    return (*found, *sizes)


def _unslice(xp: Any, g: Raw, *, key: tuple[Any, ...], shape: tuple[int, ...], out: Raw | None = None) -> Raw:
    if out is None:
        out = xp.zeros(shape, dtype=g.dtype, device=g.device)
    else:
        out[...] = 0
    _assign(xp, out, key, g)
    return out


def _assign(xp: Any, out: Raw, key: tuple[Any, ...], values: Raw) -> None:
    """out[key] = values, for array modules that take no new axes and no short keys there."""
    if None in key:
        key = tuple(k for k in key if k is not None)
        values = xp.reshape(values, sliced_shape(out.shape, key))
    out[(*key, ...)] = values


def _batched(primitive: Any, operand: Any, dim: int, key: tuple[Any, ...], **params: Any) -> tuple[Any, int]:
    return primitive(move_axis(operand, dim, 0), key=(slice(None), *key), **params), 0


slice_ = linear(
    "slice(x)",
    impl=lambda xp, x, *, key: x[(*key, ...)],
    infer=lambda x, *, key: Aval(sliced_shape(x.shape, key), x.dtype),
    transpose=lambda g, x, *, key: unslice(g, key=key, shape=x.shape),
    batch=lambda size, xs, dims, *, key: _batched(slice_, xs[0], dims[0], key),
    moves=True,
)
unslice = linear(  # zeros of that shape with g in the places of the index
    "unslice(g)",
    impl=_unslice,
    infer=lambda g, *, key, shape: Aval(shape, g.dtype),
    transpose=lambda g, x, *, key, shape: slice_(g, key=key),
    batch=lambda size, xs, dims, *, key, shape: _batched(unslice, xs[0], dims[0], key, shape=(size, *shape)),
    moves=True,
)


def _set_slice(xp: Any, x: Raw, updates: Raw, *, key: tuple[Any, ...], out: Raw | None = None) -> Raw:
    if out is None:
        out = xp.asarray(x, copy=True)
    else:
        out[...] = x
    _assign(xp, out, key, updates)
    return out


def _transpose_set_slice(g: Any, x: Aval, updates: Aval, *, key: tuple[Any, ...]) -> tuple[Any, Any]:
    return set_slice(g, zeros(updates, g), key=key), slice_(g, key=key)


set_slice = linear(
    "set_slice(x, updates)",
    impl=_set_slice,
    infer=lambda x, updates, *, key: x,
    transpose=_transpose_set_slice,
    batch=lambda size, xs, dims, *, key: (
        set_slice(*batch_to_front(xs, dims, size), key=(slice(None), *key)),
        0,
    ),
    moves=True,
)


def _pad(xp: Any, x: Raw, *, widths: tuple[tuple[int, int], ...], out: Raw | None = None) -> Raw:
    return _unslice(xp, x, key=_inside(x.shape, widths), shape=_padded(x.shape, widths), out=out)


pad = linear(  # with zeros; (before, after) for each axis, none negative
    "pad(x)",
    impl=_pad,
    infer=lambda x, *, widths: Aval(_padded(x.shape, widths), x.dtype),
    transpose=lambda g, x, *, widths: slice_(g, key=_inside(x.shape, widths)),
    batch=lambda size, xs, dims, *, widths: (pad(move_axis(xs[0], dims[0], 0), widths=((0, 0), *widths)), 0),
    moves=True,
)


def _padded(shape: tuple[int, ...], widths: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    return tuple(before + n + after for n, (before, after) in zip(shape, widths, strict=True))


def _inside(shape: tuple[int, ...], widths: tuple[tuple[int, int], ...]) -> tuple[slice, ...]:
    return tuple(slice(before, before + n) for n, (before, _) in zip(shape, widths, strict=True))


# ---- composed ----------------------------------------------------------------------------------


def expand_dims(x: Array, axis: int) -> Array:
    """The array with an axis of size one put in at that place of the result."""
    return reshape(x, shape=(*x.shape[:axis], 1, *x.shape[axis:]))


def stack(xs: Sequence[Array], axis: int = 0) -> Array:
    """Arrays of one shape side by side along a new axis."""
    for x in xs[1:]:
        if x.shape != xs[0].shape:
            raise ShapeError(f"stack: the shapes {xs[0].shape} and {x.shape} differ")
    return concat(*[expand_dims(x, axis) for x in xs], axis=axis)
