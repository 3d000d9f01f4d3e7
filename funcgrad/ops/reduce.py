"""Reductions over a tuple of axes, and the running ones. Axes are counted from the front and disappear."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import Aval
from ..device import Raw
from ..errors import ShapeError
from ..operations import Operation
from ..rules import general, linear, move_axis, zeros
from .elementwise import cast, equal
from .shape import broadcast_to, concat, inverse, reshape, stack

Axes = tuple[int, ...]


def _reduced(x: Aval, axes: Axes) -> tuple[int, ...]:
    return tuple(n for i, n in enumerate(x.shape) if i not in axes)


def kept(x: Any, like: Any, axes: Axes) -> Any:
    """A reduced array with its axes put back at size one, so that it broadcasts against what it was made from."""
    shape = tuple([1 if i in axes else n for i, n in enumerate(like.shape)])
    return x if shape == x.shape else reshape(x, shape=shape)


def _batch(primitive: Operation) -> Any:
    def batch(size: int, xs: Any, dims: Any, *, axes: Axes) -> tuple[Any, int]:
        return primitive(move_axis(xs[0], dims[0], 0), axes=tuple(a + 1 for a in axes)), 0

    return batch


def _infer_same(x: Aval, *, axes: Axes) -> Aval:
    return Aval(_reduced(x, axes), x.dtype)


sum = linear(
    "sum(x)",
    impl=lambda xp, x, *, axes: xp.sum(x, axis=axes, dtype=x.dtype),
    infer=_infer_same,
    transpose=lambda g, x, *, axes: broadcast_to(kept(g, x, axes), shape=x.shape),
    batch=lambda size, xs, dims, *, axes: _batch(sum)(size, xs, dims, axes=axes),
)

# ---- extremes: ties share the cotangent --------------------------------------------------------


def _infer_extreme(x: Aval, *, axes: Axes) -> Aval:
    if 0 in [x.shape[a] for a in axes]:
        raise ShapeError(f"max or min over no elements: {x} is empty along the reduced axes {axes}")
    return _infer_same(x, axes=axes)


def _shares(x: Any, out: Any, axes: Axes) -> Any:
    """1/n at the n places that hold the extreme, 0 elsewhere."""
    hit = cast(equal(x, kept(out, x, axes)), dtype=x.dtype)
    return hit / kept(sum(hit, axes=axes), x, axes)


def _extreme(name: str) -> Operation:
    primitive = general(
        f"{name}(x)",
        impl=lambda xp, x, *, axes: getattr(xp, name)(x, axis=axes),
        infer=_infer_extreme,
        jvp=lambda primals, tangents, out, *, axes: sum(tangents[0] * _shares(primals[0], out, axes), axes=axes),
        x=lambda g, x, out, *, axes: kept(g, x, axes) * _shares(x, out, axes),
        batch=lambda size, xs, dims, *, axes: _batch(primitive)(size, xs, dims, axes=axes),
    )
    return primitive


max = _extreme("max")
min = _extreme("min")


# ---- products ----------------------------------------------------------------------------------


def _others(x: Any, axes: Axes) -> Any:
    """For each element the product of all others along the axes.

    Without a division, and by products alone: so zeros spoil neither it nor its own derivatives.
    """
    order = (*axes, *[i for i in range(len(x.shape)) if i not in axes])
    turned = x.transpose(order)
    flat = turned.reshape((math.prod(turned.shape[: len(axes)]), *turned.shape[len(axes) :]))
    return _other_rows(flat).reshape(turned.shape).transpose(inverse(order))


def _other_rows(x: Any) -> Any:
    """For each row the product of all others: of the partner in its pair, and of all other pairs."""
    n = x.shape[0]
    if n < 2:
        return zeros(x, x) + 1
    even, odd = x[0 : n - 1 : 2], x[1::2]
    pairs = even * odd if n % 2 == 0 else concat(even * odd, x[n - 1 :], axis=0)
    others = _other_rows(pairs)
    paired = others[: n // 2]
    both = stack([paired * odd, paired * even], 1).reshape((n - n % 2, *x.shape[1:]))
    return both if n % 2 == 0 else concat(both, others[n // 2 :], axis=0)


prod = general(
    "prod(x)",
    impl=lambda xp, x, *, axes: xp.prod(x, axis=axes, dtype=x.dtype),
    infer=_infer_same,
    jvp=lambda primals, tangents, out, *, axes: sum(tangents[0] * _others(primals[0], axes), axes=axes),
    x=lambda g, x, *, axes: kept(g, x, axes) * _others(x, axes),
    batch=lambda size, xs, dims, *, axes: _batch(prod)(size, xs, dims, axes=axes),
)

# ---- constant to a derivative ------------------------------------------------------------------


def _logical(name: str) -> Operation:
    primitive = general(
        f"{name}(x)",
        impl=lambda xp, x, *, axes: getattr(xp, name)(x, axis=axes),
        infer=lambda x, *, axes: Aval(_reduced(x, axes), np.dtype(bool)),
        batch=lambda size, xs, dims, *, axes: _batch(primitive)(size, xs, dims, axes=axes),
    )
    return primitive


any = _logical("any")
all = _logical("all")


def _position(name: str) -> Operation:
    primitive = general(
        f"{name}(x)",
        impl=lambda xp, x, *, axis: getattr(xp, name)(x, axis=axis),
        infer=lambda x, *, axis: Aval(_infer_extreme(x, axes=(axis,)).shape, np.dtype(np.int64)),
        batch=lambda size, xs, dims, *, axis: (primitive(move_axis(xs[0], dims[0], 0), axis=axis + 1), 0),
    )
    return primitive


argmax = _position("argmax")
argmin = _position("argmin")


def _position_of_number(name: str, extreme: str) -> Operation:
    """The place of the first extreme element that is not NaN; NaN alone is an error."""

    def impl(xp: Any, x: Raw, *, axis: int) -> Raw:
        nan = xp.isnan(x)
        if bool(xp.any(xp.all(nan, axis=axis))):
            raise ShapeError(f"{name}: there is nothing but NaN along axis {axis}")
        # NaN as the worst number would come first where that number is the best one there is
        numbers = xp.where(nan, xp.asarray(worst, dtype=x.dtype, device=x.device), x)
        found = getattr(xp, extreme)(numbers, axis=axis, keepdims=True)
        return xp.argmax(xp.astype((x == found) & ~nan, xp.int8), axis=axis)

    worst = -math.inf if extreme == "max" else math.inf
    primitive = general(
        f"{name}(x)",
        impl=impl,
        infer=lambda x, *, axis: Aval(_infer_extreme(x, axes=(axis,)).shape, np.dtype(np.int64)),
        batch=lambda size, xs, dims, *, axis: (primitive(move_axis(xs[0], dims[0], 0), axis=axis + 1), 0),
    )
    primitive.primitive.checks = True
    return primitive


nanargmax = _position_of_number("nanargmax", "max")
nanargmin = _position_of_number("nanargmin", "min")

# ---- running -----------------------------------------------------------------------------------


def _running_sum(xp: Any, x: Raw, *, axis: int, reverse: bool) -> Raw:
    if not reverse:
        return xp.cumulative_sum(x, axis=axis, dtype=x.dtype)
    return xp.flip(xp.cumulative_sum(xp.flip(x, axis=axis), axis=axis, dtype=x.dtype), axis=axis)


cumulative_sum = linear(
    "cumulative_sum(x)",
    impl=_running_sum,
    infer=lambda x, *, axis, reverse: x,
    transpose=lambda g, x, *, axis, reverse: cumulative_sum(g, axis=axis, reverse=not reverse),
    batch=lambda size, xs, dims, *, axis, reverse: (
        cumulative_sum(move_axis(xs[0], dims[0], 0), axis=axis + 1, reverse=reverse),
        0,
    ),
)
