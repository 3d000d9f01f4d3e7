"""Operations between the examples of a batch: what `vmap(f, axis_name="i")` lets f say.

Each names the batch that it runs over. To that batch's trace it is one of the `COLLECTIVES`, rules that see all
examples at once; to any other transform it is an ordinary operation, and to another batch one along axes of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeAlias

import numpy as np

from ..core import Array, Aval
from ..errors import AxisNameError
from ..rules import general, linear, move_axis
from .create import asarray
from .elementwise import cast, equal, same
from .index import gather
from .reduce import max as reduce_max
from .reduce import min as reduce_min
from .reduce import sum as reduce_sum
from .shape import broadcast_to

Batched: TypeAlias = tuple[Any, int | None]
"""A result and its batch axis, None for one that all examples share."""


def _unbound(xp: Any, *args: Any, axis_name: Any, **params: Any) -> NoReturn:
    raise AxisNameError(f"no vmap with axis_name={axis_name!r} is running here")


psum = linear(
    "psum(x)",
    impl=_unbound,
    infer=same,
    transpose=lambda g, x, *, axis_name: psum(g, axis_name=axis_name),
    batch=lambda size, xs, dims, *, axis_name: (psum(xs[0], axis_name=axis_name), dims[0]),
)
all_gather = linear(  # (*s) of each example -> (size, *s)
    "all_gather(x)",
    impl=_unbound,
    infer=lambda x, *, axis_name, size: Aval((size, *x.shape), x.dtype),
    transpose=lambda g, x, **params: psum_scatter(g, **params),
    batch=lambda n, xs, dims, **params: (all_gather(xs[0], **params), dims[0] + 1),
)
psum_scatter = linear(  # (size, *s) -> (*s): the sum of all examples' rows, each example its own row
    "psum_scatter(x)",
    impl=_unbound,
    infer=lambda x, *, axis_name, size: Aval(x.shape[1:], x.dtype),
    transpose=lambda g, x, **params: all_gather(g, **params),
    batch=lambda n, xs, dims, **params: (psum_scatter(move_axis(xs[0], dims[0], 1), **params), 0),
)
ppermute = linear(  # example `source` sends to example `target`; who gets nothing has zeros
    "ppermute(x)",
    impl=_unbound,
    infer=same,
    transpose=lambda g, x, *, axis_name, perm: ppermute(g, axis_name=axis_name, perm=tuple((t, s) for s, t in perm)),
    batch=lambda size, xs, dims, **params: (ppermute(xs[0], **params), dims[0]),
)
all_to_all = linear(  # row i of example j -> row j of example i, so it is its own transpose
    "all_to_all(x)",
    impl=_unbound,
    infer=same,
    transpose=lambda g, x, **params: all_to_all(g, **params),
    batch=lambda n, xs, dims, **params: (all_to_all(move_axis(xs[0], dims[0], 1), **params), 1),
)
axis_index = general(
    "axis_index()",
    impl=_unbound,
    infer=lambda *, axis_name: Aval((), np.dtype(np.int64)),
    batch=lambda size, xs, dims, **params: (axis_index(**params), None),
)


def _extreme(name: str) -> Any:
    """The largest or the smallest of the examples' values, elementwise; ties share the derivative."""

    def share(x: Any, out: Any, axis_name: Any) -> Any:
        mine: Any = cast(equal(x, out), dtype=out.dtype)
        return mine / psum(mine, axis_name=axis_name)

    made = general(
        f"{name}(x)",
        impl=_unbound,
        infer=same,
        batch=lambda size, xs, dims, *, axis_name: (made(xs[0], axis_name=axis_name), dims[0]),
        jvp=lambda primals, tangents, out, *, axis_name: (
            None if tangents[0] is None else psum(tangents[0] * share(primals[0], out, axis_name), axis_name=axis_name)
        ),
        x=lambda g, x, out, *, axis_name: psum(g, axis_name=axis_name) * share(x, out, axis_name),
    )
    return made


pmax, pmin = _extreme("pmax"), _extreme("pmin")


# ---- what each is to the batch it names ----------------------------------------------------------


def _sum(size: int, xs: Sequence[Any], dims: Sequence[int | None], params: Any) -> Batched:
    return (xs[0] * size if dims[0] is None else reduce_sum(xs[0], axes=(dims[0],))), None


def _reduced(reduce: Any) -> Callable[..., Batched]:
    def rule(size: int, xs: Sequence[Any], dims: Sequence[int | None], params: Any) -> Batched:
        return (xs[0] if dims[0] is None else reduce(xs[0], axes=(dims[0],))), None

    return rule


def _front(size: int, xs: Sequence[Any], dims: Sequence[int | None]) -> Any:
    """The operand with a row for each example in front."""
    x, dim = xs[0], dims[0]
    return broadcast_to(x, shape=(size, *x.shape)) if dim is None else move_axis(x, dim, 0)


def _permuted(size: int, xs: Sequence[Any], dims: Sequence[int | None], params: Any) -> Batched:
    x = _front(size, xs, dims)
    source, received = np.zeros(size, np.int64), np.zeros(size, bool)
    for s, t in params["perm"]:
        source[t], received[t] = s, True
    out: Any = gather(x, asarray(source, device=x.device))
    if received.all():
        return out, 0
    mask: Array = asarray(received.reshape(size, *[1] * (x.ndim - 1)), device=x.device)
    return out * cast(mask, dtype=x.dtype), 0


COLLECTIVES: dict[str, Callable[[int, Sequence[Any], Sequence[int | None], Any], Batched]] = {
    "psum": _sum,
    "pmax": _reduced(reduce_max),
    "pmin": _reduced(reduce_min),
    "all_gather": lambda size, xs, dims, params: (_front(size, xs, dims), None),
    "psum_scatter": lambda size, xs, dims, params: (
        (xs[0] * size, 0) if dims[0] is None else (reduce_sum(xs[0], axes=(dims[0],)), 0)
    ),
    "ppermute": _permuted,
    "all_to_all": lambda size, xs, dims, params: (_front(size, xs, dims), 1),  # nothing moves: two axes change places
    "axis_index": lambda size, xs, dims, params: (asarray(np.arange(size)), 0),
}
"""(number of examples, operands, their batch axes, params) -> the result and its batch axis."""
