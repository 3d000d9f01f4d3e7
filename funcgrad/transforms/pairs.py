"""Two batches, one in the other, as one of all pairs of their examples.

outer rows 0 1, inner rows 0 1 2        pairs 00 01 02 10 11 12
"""

from __future__ import annotations

from typing import Any

from ..rules import move_axis
from .batch_tracer import BatchTracer

__all__ = ["in_pairs"]


def in_pairs(outer: Any, x: Any, dim: int | None, size: int) -> Any:
    """A value of the inner batch with a row for each pair in front; one that has no part in it stays as it is.

    Args:
        outer: the trace of the outer batch, whose parent is current.
        x: as the outer batch knows it.
        dim: the inner batch's axis.
        size: of that.
    """
    x = outer.paired(x)
    if dim is None:
        return x
    rows = len(outer.ids)
    if type(x) is BatchTracer and x.owner is outer:
        x = move_axis(move_axis(outer.read(x), x.dim, 0), dim + 1, 1)
        return x.reshape((rows * size, *x.shape[2:]))
    x = move_axis(x, dim, 0)
    return x.broadcast_to((rows, *x.shape)).reshape((rows * size, *x.shape[1:]))
