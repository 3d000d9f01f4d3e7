"""Joining arrays of fewer dimensions than the result: columns, depths, blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..core import Array
from ..errors import ShapeError
from ..ops.create import asarray, promote_all
from .manipulation import concat, ravel, reshape

__all__ = ["append", "atleast_1d", "atleast_2d", "atleast_3d", "block", "column_stack", "dstack"]


def _each(arrays: tuple[Any, ...], widen: Any) -> Any:
    found = [widen(asarray(x)) for x in arrays]
    return found[0] if len(found) == 1 else tuple(found)


def atleast_1d(*arys: Any) -> Any:
    """Arrays with at least one dimension: a number becomes one element.

    Args:
        *arys: arrays or numbers.

    Returns:
        An array, or a tuple of them for several.

    >>> from funcgrad import numpy as fnp
    >>> fnp.atleast_1d(3.0)
    Array([3.], dtype=float32)
    """
    return _each(arys, lambda x: x if x.ndim else reshape(x, (1,)))


def atleast_2d(*arys: Any) -> Any:
    """Arrays with at least two dimensions, new ones in front: a vector becomes a row; see `atleast_1d`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.atleast_2d(fnp.ones(3)).shape
    (1, 3)
    """
    return _each(arys, lambda x: reshape(x, (1,) * (2 - x.ndim) + x.shape) if x.ndim < 2 else x)


def atleast_3d(*arys: Any) -> Any:
    """Arrays with at least three dimensions: (n,) becomes (1, n, 1), (m, n) becomes (m, n, 1); see `atleast_1d`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.atleast_3d(fnp.ones(3)).shape
    (1, 3, 1)
    """

    def widen(x: Array) -> Array:
        if x.ndim >= 3:
            return x
        return reshape(x, (*x.shape, 1) if x.ndim == 2 else (1, x.size, 1))

    return _each(arys, widen)


def dstack(tup: Sequence[Any], dtype: Any = None) -> Array:
    """Arrays joined along the third axis, after `atleast_3d`.

    Args:
        tup: arrays.
        dtype: of the result; the one they meet in where None.

    >>> from funcgrad import numpy as fnp
    >>> fnp.dstack([fnp.asarray([1, 2]), fnp.asarray([3, 4])]).tolist()
    [[[1, 3], [2, 4]]]
    """
    out = concat([atleast_3d(x) for x in tup], axis=2)
    return out if dtype is None else asarray(out, dtype)


def column_stack(tup: Sequence[Any]) -> Array:
    """Vectors and matrices side by side as columns.

    Args:
        tup: arrays of shape (n,) or (n, k).

    >>> from funcgrad import numpy as fnp
    >>> fnp.column_stack([fnp.asarray([1, 2]), fnp.asarray([3, 4])]).tolist()
    [[1, 3], [2, 4]]
    """
    return concat([x if x.ndim > 1 else reshape(x, (-1, 1)) for x in map(asarray, tup)], axis=1)


def append(arr: Any, values: Any, axis: int | None = None) -> Array:
    """The array with values behind it.

    Args:
        arr: an array.
        values: what to add; with an axis, of arr's shape elsewhere.
        axis: where to join; both are raveled where None.

    >>> from funcgrad import numpy as fnp
    >>> fnp.append(fnp.asarray([1, 2]), 3)
    Array([1, 2, 3], dtype=int64)
    """
    if axis is None:
        return concat([ravel(arr), ravel(values)])
    return concat([asarray(arr), asarray(values)], axis=axis)


def block(arrays: Any) -> Array:
    """An array put together from blocks, in nested lists: the innermost are joined along the last axis.

    Args:
        arrays: lists of lists, all as deep, of arrays or numbers; an array alone is itself.

    Raises:
        ShapeError: a list is empty, or lists are not equally deep.

    >>> from funcgrad import numpy as fnp
    >>> fnp.block([[fnp.eye(2), fnp.zeros((2, 1))], [fnp.ones((1, 3))]]).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 1.0]]
    """
    depth, rank = _depth(arrays)
    blocks = iter(promote_all(list(_leaves(arrays))))
    return _block(arrays, blocks, depth, max(depth, rank), 0)


def _leaves(arrays: Any) -> Iterator[Any]:
    """The blocks, in order."""
    if isinstance(arrays, list):
        for x in arrays:
            yield from _leaves(x)
    else:
        yield arrays


def _depth(arrays: Any) -> tuple[int, int]:
    """How deep the lists are, and the most dimensions of a block."""
    if not isinstance(arrays, list):
        return 0, asarray(arrays).ndim
    if not arrays:
        raise ShapeError("block: a list of blocks is empty")
    found = [_depth(x) for x in arrays]
    if len({depth for depth, _ in found}) > 1:
        raise ShapeError("block: all blocks must stand equally deep in lists")
    return found[0][0] + 1, max(rank for _, rank in found)


def _block(arrays: Any, blocks: Iterator[Array], depth: int, rank: int, level: int) -> Array:
    if level == depth:
        x = next(blocks)
        return reshape(x, (1,) * (rank - x.ndim) + x.shape)
    return concat([_block(x, blocks, depth, rank, level + 1) for x in arrays], axis=rank - depth + level)
