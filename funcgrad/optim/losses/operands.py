"""What these losses take: arrays that broadcast, and masks."""

from __future__ import annotations

from typing import Any

from ...core import SCALARS
from ...dtypes import is_boolean
from ...numpy.creation import asarray
from ...numpy.manipulation import broadcast_arrays
from ...ops.create import promote_inexact

__all__ = ["aligned", "mask_of"]


def aligned(x: Any, y: Any) -> tuple[Any, Any]:
    """Both in one floating dtype and broadcast to one shape."""
    x, y = (v if type(v) in SCALARS else asarray(v) for v in (x, y))
    x, y = promote_inexact(x, y)
    a, b = asarray(x), asarray(y)
    if a.dtype != b.dtype:  # a number beside an array takes its dtype
        a, b = (a.astype(b.dtype), b) if type(x) in SCALARS else (a, b.astype(a.dtype))
    if a.shape != b.shape:
        a, b = broadcast_arrays(a, b)
    return a, b


def mask_of(where: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """A mask of elements; one of whole examples, without the axis, is spread along it. None where all count."""
    if where is None:
        return None
    where = asarray(where)
    where = where if is_boolean(where.dtype) else where != 0
    if isinstance(axis, int) and where.ndim == len(shape) - 1:
        place = axis % len(shape)
        if where.shape == (*shape[:place], *shape[place + 1 :]):
            where = where.reshape((*shape[:place], 1, *shape[place + 1 :]))
    return where.broadcast_to(shape)
