"""What becomes of an index out of range where the user does not want an error: `clip`, `fill`, `drop`, as in JAX."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..dtypes import DType, is_inexact, is_integer
from ..errors import OptionError
from .elementwise import cast, greater_equal, less, logical_and, maximum, minimum, where
from .index import gather
from .shape import pad, reshape

__all__ = ["MODES", "checked_mode", "default_fill", "scatter_by", "take"]

MODES = ("promise_in_bounds", "clip", "fill", "drop")
_INT64 = np.dtype(np.int64)


def checked_mode(mode: Any, name: str) -> str | None:
    """None where an index out of range is an error, else "clip" or "drop"; an enumeration says its name."""
    text = getattr(mode, "name", mode)
    text = text.lower() if isinstance(text, str) else text
    if text in (None, "promise_in_bounds"):
        return None
    if text not in (*MODES, "fill_or_drop"):
        raise OptionError(
            f"{name}: mode must be one of {', '.join(map(repr, MODES))}, or None for an error; not {mode!r}"
        )
    return "clip" if text == "clip" else "drop"


def default_fill(dtype: DType) -> Any:
    """What stands for an element that is not there: NaN, the least integer, the largest unsigned one, True."""
    if is_inexact(dtype):
        return float("nan")
    if is_integer(dtype):
        bounds = np.iinfo(dtype)
        return int(bounds.min) if bounds.min else int(bounds.max)
    return True


def _bounded(index: Any, n: int, mode: str, from_end: bool) -> tuple[Any, Any]:
    """The index counted from the front and in range, and which of it was."""
    index = cast(index, dtype=_INT64)
    if from_end:
        index = where(less(index, 0), index + n, index)
    if mode == "clip":
        return minimum(maximum(index, 0), max(n - 1, 0)), None
    inside = logical_and(greater_equal(index, 0), less(index, n))
    return where(inside, index, 0), inside


def _all_bounded(x: Any, indices: Any, mode: str, from_end: bool) -> tuple[list[Any], Any]:
    found, valid = [], None
    for index, n in zip(indices, x.shape, strict=False):
        index, inside = _bounded(index, n, mode, from_end)
        found.append(index)
        if inside is not None:
            valid = inside if valid is None else logical_and(valid, inside)
    return found, valid


def take(x: Any, indices: Any, mode: str | None, fill_value: Any = None, from_end: bool = True) -> Any:
    """`gather(x, *indices)`, by that mode."""
    if mode is None:
        return gather(x, *indices)
    found, valid = _all_bounded(x, indices, mode, from_end)
    if valid is None:
        return gather(x, *found)
    empty = 0 in x.shape[: len(found)]  # nothing is in range, but there must be something to gather
    source = pad(x, widths=tuple((0, int(k < len(found) and not n)) for k, n in enumerate(x.shape))) if empty else x
    out = gather(source, *found)
    filling = default_fill(x.dtype) if fill_value is None else fill_value
    valid = reshape(valid, shape=(*valid.shape, *(1,) * (out.ndim - valid.ndim)))
    return where(valid, out, filling)


def scatter_by(scatter: Any, x: Any, updates: Any, indices: Any, mode: str | None, from_end: bool = True) -> Any:
    """`scatter(x, updates, *indices)`, by that mode."""
    if mode is None:
        return scatter(x, updates, *indices)
    found, valid = _all_bounded(x, indices, mode, from_end)
    if valid is None:
        return scatter(x, updates, *found)
    # into a row behind all others, which is dropped
    k, flat = len(found), found[0]
    for index, n in zip(found[1:], x.shape[1:], strict=False):
        flat = flat * n + index
    rows = prod(x.shape[:k])
    wide = pad(reshape(x, shape=(rows, *x.shape[k:])), widths=((0, 1), *((0, 0),) * (x.ndim - k)))
    out = scatter(wide, updates, where(valid, flat, rows))
    return reshape(out[:rows], shape=x.shape)
