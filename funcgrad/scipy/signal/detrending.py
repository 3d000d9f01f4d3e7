"""Removing a constant or a line from a signal."""

from __future__ import annotations

import operator
from itertools import pairwise
from typing import Any

from ...core import Array
from ...errors import OptionError, ShapeError
from ...numpy.creation import arange
from ...numpy.manipulation import concat, moveaxis
from ...ops.create import to_inexact
from ...ops.shape import normalize_axis

__all__ = ["detrend"]


def detrend(data: Any, axis: int = -1, type: str = "linear", bp: Any = 0, overwrite_data: bool = False) -> Array:
    """The signal less the line that fits it best, or less its mean.

    Args:
        data: numbers.
        axis: along which.
        type: "linear" (or "l"), or "constant" ("c").
        bp: with "linear", places where another line begins: an int or a sequence of them.
        overwrite_data: accepted, and without effect.

    Raises:
        OptionError: another type.
        ShapeError: a place outside of the signal.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.detrend([1.0, 2.0, 3.0]).round(4), signal.detrend([1.0, 3.0], type="constant")
    (Array([0., 0., 0.], dtype=float32), Array([-1.,  1.], dtype=float32))
    """
    if type not in ("linear", "l", "constant", "c"):
        raise OptionError(f'detrend: type is "linear" or "constant", not {type!r}')
    x = to_inexact(data)
    axis = normalize_axis(axis, x.ndim, "detrend")
    if type in ("constant", "c"):
        return x - x.mean(axis, keepdims=True)
    x = moveaxis(x, axis, -1)
    n = x.shape[-1]
    given = [bp] if isinstance(bp, int) else bp
    cuts = sorted({0, n, *map(operator.index, given)})
    if cuts[0] < 0 or cuts[-1] > n:
        raise ShapeError(f"detrend: the places {bp} are not all within the {n} points of {x.aval}")
    parts = [_without_line(x[..., a:b]) for a, b in pairwise(cuts)]
    return moveaxis(concat(parts, axis=-1), -1, axis)


def _without_line(x: Any) -> Any:
    """x less mean + slope (t - mean of t): the two are orthogonal, so that each is fitted by itself."""
    n = x.shape[-1]
    t: Any = arange(n, dtype=x.dtype, device=x.device) - (n - 1) / 2  # type: ignore[operator]
    level = x - x.mean(-1, keepdims=True)
    if n == 1:
        return level
    slope = (level * t).sum(-1, keepdims=True) * (12 / (n * (n * n - 1)))
    return level - slope * t
