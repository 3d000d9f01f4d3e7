"""Cutting arrays into parts along the first three axes, or along any into parts that need not be equal."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from ..core import Array
from ..errors import ShapeError
from ..ops.create import asarray
from ..ops.shape import normalize_axis
from .manipulation import split

__all__ = ["array_split", "dsplit", "hsplit", "vsplit"]

Cuts = int | Sequence[int]


def array_split(ary: Any, indices_or_sections: Cuts, axis: int = 0) -> list[Array]:
    """The array cut along an axis, into parts that are as equal as can be: the first ones may be longer by one.

    Args:
        ary: an array.
        indices_or_sections: how many parts, or the places to cut at.
        axis: which axis to cut.

    Raises:
        ShapeError: there must be at least one part.

    >>> from funcgrad import numpy as fnp
    >>> [part.tolist() for part in fnp.array_split(fnp.arange(5), 2)]
    [[0, 1, 2], [3, 4]]
    """
    x = asarray(ary)
    axis = normalize_axis(axis, x.ndim, "array_split")
    if isinstance(indices_or_sections, Sequence) or hasattr(indices_or_sections, "__iter__"):
        return split(x, list(indices_or_sections), axis)
    count = operator.index(indices_or_sections)
    if count < 1:
        raise ShapeError(f"array_split: there must be at least one part, not {count}")
    size, longer = divmod(x.shape[axis], count)
    return split(x, [size * k + min(k, longer) for k in range(1, count)], axis)


def _split(name: str, ary: Any, cuts: Cuts, axis: int, least: int) -> list[Array]:
    x = asarray(ary)
    if x.ndim < least:
        raise ShapeError(f"{name} needs at least {least} dimensions, got {x.aval}")
    return split(x, cuts, axis)


def vsplit(ary: Any, indices_or_sections: Cuts) -> list[Array]:
    """`split` along the first axis, of arrays of at least two.

    >>> from funcgrad import numpy as fnp
    >>> [part.shape for part in fnp.vsplit(fnp.ones((4, 3)), 2)]
    [(2, 3), (2, 3)]
    """
    return _split("vsplit", ary, indices_or_sections, 0, 2)


def hsplit(ary: Any, indices_or_sections: Cuts) -> list[Array]:
    """`split` along the second axis, or along the only one.

    >>> from funcgrad import numpy as fnp
    >>> [part.shape for part in fnp.hsplit(fnp.ones((4, 3)), [1])]
    [(4, 1), (4, 2)]
    """
    x = asarray(ary)
    return _split("hsplit", x, indices_or_sections, 1 if x.ndim > 1 else 0, 1)


def dsplit(ary: Any, indices_or_sections: Cuts) -> list[Array]:
    """`split` along the third axis, of arrays of at least three.

    >>> from funcgrad import numpy as fnp
    >>> [part.shape for part in fnp.dsplit(fnp.ones((2, 2, 4)), 2)]
    [(2, 2, 2), (2, 2, 2)]
    """
    return _split("dsplit", ary, indices_or_sections, 2, 3)
