"""Running products, extremes and logarithms of sums along an axis; running sums stand in `reduce.py`.

The derivatives of products and of logarithms of sums are solutions of h[k] = a[k] h[k-1] + b[k], found by doubling:
with no division, so that a zero spoils nothing, and by ordinary operations, so that they have derivatives themselves.
"""

from __future__ import annotations

from typing import Any

import numpy

from ..device import Raw
from ..rules import general, iota, move_axis, zeros
from .elementwise import equal, exp, same, where
from .index import scatter_add
from .shape import concat
from .sort import put_along, take_along


def _batched(primitive: Any, x: Any, dim: int, axis: int) -> tuple[Any, int]:
    return primitive(move_axis(x, dim, 0), axis=axis + 1), 0


def recurrence(a: Any, b: Any) -> Any:
    """h of h[k] = a[k] h[k-1] + b[k] along the first axis; a[0] is not read."""
    step, n = 1, b.shape[0]
    while step < n:
        b = concat(b[:step], b[step:] + a[step:] * b[:-step], axis=0)
        if 2 * step < n:
            a = concat(a[:step], a[step:] * a[:-step], axis=0)
        step *= 2
    return b


def _delayed(x: Any) -> Any:
    """The elements one place later along the first axis; a one comes in."""
    return concat(zeros(x[:1], x) + 1, x[:-1], axis=0)


def _accumulate(function: str) -> Any:
    """(xp, x, axis) -> the running results of a function of two, the array module's of that name."""

    def impl(xp: Any, x: Raw, *, axis: int) -> Raw:
        join = getattr(xp, function)
        if xp is numpy:
            return join.accumulate(x, axis=axis)
        out, step = xp.moveaxis(x, axis, 0), 1
        while step < x.shape[axis]:
            out = xp.concat((out[:step, ...], join(out[step:, ...], out[:-step, ...])), axis=0)
            step *= 2
        return xp.moveaxis(out, 0, axis)

    return impl


# ---- products ----------------------------------------------------------------------------------


def _push_product(primals: Any, tangents: Any, out: Any, *, axis: int) -> Any:
    x, t, out = (move_axis(a, axis, 0) for a in (primals[0], tangents[0], out))
    return move_axis(recurrence(x, _delayed(out) * t), 0, axis)


def _pull_product(g: Any, x: Any, out: Any, *, axis: int) -> Any:
    g, x, out = (move_axis(a, axis, 0) for a in (g, x, out))
    later = recurrence(_delayed(x[::-1]), g[::-1])[::-1]
    return move_axis(_delayed(out) * later, 0, axis)


cumulative_prod = general(
    "cumulative_prod(x)",
    impl=lambda xp, x, *, axis: xp.cumulative_prod(x, axis=axis, dtype=x.dtype),
    infer=same,
    jvp=_push_product,
    x=_pull_product,
    batch=lambda size, xs, dims, *, axis: _batched(cumulative_prod, xs[0], dims[0], axis),
)

# ---- extremes ----------------------------------------------------------------------------------


def _places(x: Any, out: Any, axis: int) -> Any:
    """Where each running extreme stands: the last place so far that holds it, or a NaN."""
    ramp: Any = iota(x.shape[axis], x)
    ramp = ramp.reshape((-1,) + (1,) * (x.ndim - axis - 1))
    holds = equal(x, out) | (x != x)
    return cumulative_max(where(holds, ramp, 0), axis=axis)


def _extreme(name: str, function: str) -> Any:
    primitive = general(
        f"{name}(x)",
        impl=_accumulate(function),
        infer=same,
        jvp=lambda primals, tangents, out, *, axis: take_along(tangents[0], _places(primals[0], out, axis), axis),
        x=lambda g, x, out, *, axis: put_along(scatter_add, zeros(x, g), g, _places(x, out, axis), axis),
        batch=lambda size, xs, dims, *, axis: _batched(primitive, xs[0], dims[0], axis),
    )
    return primitive


cumulative_max = _extreme("cumulative_max", "maximum")
cumulative_min = _extreme("cumulative_min", "minimum")

# ---- logarithms of sums ------------------------------------------------------------------------


def _weights(x: Any, out: Any) -> tuple[Any, Any]:
    """exp(x[k] - out[k]) and exp(out[k-1] - out[k]): how much an element and those before it have of a sum."""
    earlier = concat(out[:1], out[:-1], axis=0)
    return tuple(exp(where(equal(a, out), 0, a - out)) for a in (x, earlier))  # type: ignore[return-value]


def _push_logsumexp(primals: Any, tangents: Any, out: Any, *, axis: int) -> Any:
    x, t, out = (move_axis(a, axis, 0) for a in (primals[0], tangents[0], out))
    own, earlier = _weights(x, out)
    return move_axis(recurrence(earlier, own * t), 0, axis)


def _pull_logsumexp(g: Any, x: Any, out: Any, *, axis: int) -> Any:
    g, x, out = (move_axis(a, axis, 0) for a in (g, x, out))
    own, earlier = _weights(x, out)
    return move_axis(own * recurrence(_delayed(earlier[::-1]), g[::-1])[::-1], 0, axis)


cumulative_logsumexp = general(
    "cumulative_logsumexp(x)",
    impl=_accumulate("logaddexp"),
    infer=same,
    jvp=_push_logsumexp,
    x=_pull_logsumexp,
    batch=lambda size, xs, dims, *, axis: _batched(cumulative_logsumexp, xs[0], dims[0], axis),
)
