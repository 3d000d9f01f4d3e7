"""Turning arrays around: `rot90`, `fliplr`, `flipud`, `rollaxis`."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from ..core import Array
from ..errors import AxisError, ShapeError
from ..ops.create import asarray
from ..ops.shape import normalize_axes, normalize_axis
from ..rules import move_axis
from .manipulation import flip, swapaxes

__all__ = ["fliplr", "flipud", "rollaxis", "rot90"]


def rot90(m: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Array:
    """The array turned by 90 degrees, from the first of two axes towards the second.

    Args:
        m: an array of at least two dimensions.
        k: how many times.
        axes: the plane to turn in.

    Raises:
        AxisError: the two axes are not two different ones of m.

    >>> from funcgrad import numpy as fnp
    >>> fnp.rot90(fnp.asarray([[1, 2], [3, 4]])).tolist()
    [[2, 4], [1, 3]]
    """
    x = asarray(m)
    plane = normalize_axes(tuple(axes), x.ndim, "rot90")
    if len(plane) != 2:
        raise AxisError(f"rot90: a plane has two axes, not {len(plane)}: {tuple(axes)}")
    first, second = plane
    turns = operator.index(k) % 4
    if turns == 0:
        return x
    if turns == 2:
        return flip(x, plane)
    if turns == 1:
        return swapaxes(flip(x, second), first, second)
    return flip(swapaxes(x, first, second), second)


def fliplr(m: Any) -> Array:
    """The columns in reverse: `flip` along the second axis.

    >>> from funcgrad import numpy as fnp
    >>> fnp.fliplr(fnp.asarray([[1, 2], [3, 4]])).tolist()
    [[2, 1], [4, 3]]
    """
    x = asarray(m)
    if x.ndim < 2:
        raise ShapeError(f"fliplr needs at least two dimensions, got {x.aval}")
    return flip(x, 1)


def flipud(m: Any) -> Array:
    """The rows in reverse: `flip` along the first axis.

    >>> from funcgrad import numpy as fnp
    >>> fnp.flipud(fnp.asarray([[1, 2], [3, 4]])).tolist()
    [[3, 4], [1, 2]]
    """
    x = asarray(m)
    if x.ndim < 1:
        raise ShapeError("flipud needs at least one dimension, got a number")
    return flip(x, 0)


def rollaxis(a: Any, axis: int, start: int = 0) -> Array:
    """The array with one axis moved in front of another; `moveaxis` says it more plainly.

    Args:
        a: an array.
        axis: which axis to move.
        start: in front of which axis, as they are counted before the move; a.ndim for the end.

    >>> from funcgrad import numpy as fnp
    >>> fnp.rollaxis(fnp.ones((2, 3, 4)), 2).shape
    (4, 2, 3)
    """
    x = asarray(a)
    source = normalize_axis(axis, x.ndim, "rollaxis")
    target = x.ndim if start == x.ndim else normalize_axis(start, x.ndim, "rollaxis")
    return move_axis(x, source, target - 1 if source < target else target)
