"""Diagonals and triangles of matrices, and the indices of their elements."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import Array
from ..errors import ImmutableArrayError, ShapeError
from ..ops.create import asarray
from ..ops.elementwise import astype
from ..ops.shape import set_slice, unslice
from .creation import arange, ones
from .elementwise import nonzero, not_equal
from .manipulation import broadcast_to, diagonal, ravel

__all__ = [
    "diag",
    "diag_indices",
    "diag_indices_from",
    "diagflat",
    "fill_diagonal",
    "mask_indices",
    "tri",
    "tril_indices",
    "tril_indices_from",
    "triu_indices",
    "triu_indices_from",
]

Indices = tuple[Array, ...]


def diag(v: Any, k: int = 0) -> Array:
    """The matrix with a vector on a diagonal, or the diagonal of a matrix.

    Args:
        v: shape (n,) or (m, n).
        k: how far above the main diagonal.

    Raises:
        ShapeError: v has neither one dimension nor two.

    >>> from funcgrad import numpy as fnp
    >>> fnp.diag(fnp.asarray([1, 2])).tolist()
    [[1, 0], [0, 2]]
    >>> fnp.diag(fnp.asarray([[1, 2], [3, 4]]), k=1)
    Array([2], dtype=int64)
    """
    x, k = asarray(v), operator.index(k)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ShapeError(f"diag needs one dimension or two, got {x.aval}: numpy.diagonal has axes")
    n = x.shape[0] + abs(k)
    start = k if k >= 0 else -k * n
    places = slice(start, start + max(x.shape[0] - 1, 0) * (n + 1) + bool(x.shape[0]), n + 1)
    return unslice(x, key=(places,), shape=(n * n,)).reshape((n, n))


def diagflat(v: Any, k: int = 0) -> Array:
    """The matrix with the elements of the raveled array on a diagonal; arguments as for `diag`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.diagflat([[1], [2]]).tolist()
    [[1, 0], [0, 2]]
    """
    return diag(ravel(v), k)


def fill_diagonal(a: Any, val: Any, wrap: bool = False, *, inplace: bool = True) -> Array:
    """The array with other values on its main diagonal, a[i, i, ..., i].

    Args:
        a: an array of at least two dimensions; all sizes are equal where there are more than two.
        val: a number, or values that are taken one after the other, from the beginning again if there are too few.
        wrap: whether the diagonal of a tall matrix goes on after it has come to the last column.
        inplace: must be False: arrays do not change, and who drops the result would lose it.

    Raises:
        ImmutableArrayError: inplace is True.
        ShapeError: a has less than two dimensions, or sizes differ.

    >>> from funcgrad import numpy as fnp
    >>> fnp.fill_diagonal(fnp.zeros((2, 2)), 3.0, inplace=False).tolist()
    [[3.0, 0.0], [0.0, 3.0]]
    """
    if inplace:
        raise ImmutableArrayError(
            "fill_diagonal: arrays do not change in place; write `a = fill_diagonal(a, val, inplace=False)`"
        )
    x = asarray(a)
    if x.ndim < 2 or (x.ndim > 2 and len(set(x.shape)) > 1):
        raise ShapeError(f"fill_diagonal needs two dimensions, or more of one size, got {x.aval}")
    flat: Any = ravel(x)
    step = x.shape[1] + 1 if x.ndim == 2 else 1 + int(np.cumprod(x.shape[:-1]).sum())
    end = x.size if wrap or x.ndim > 2 else min(x.shape[1] * x.shape[1], x.size)
    count = len(range(0, end, step))
    values = ravel(asarray(val, x.dtype, device=None if isinstance(val, Array) else x.device))
    values = values[np.arange(count) % max(values.size, 1)]
    return set_slice(flat, values, key=(slice(0, end, step),)).reshape(x.shape)


# ---- indices -----------------------------------------------------------------------------------


def _on(indices: Any, device: Any = None) -> Indices:
    return tuple(asarray(i, device=device) for i in indices)


def _matrix(arr: Any, name: str) -> Array:
    x = asarray(arr)
    if x.ndim != 2:
        raise ShapeError(f"{name} needs a matrix, got {x.aval}")
    return x


def diag_indices(n: int, ndim: int = 2) -> Indices:
    """The indices of the main diagonal of an array of n along each of its axes.

    >>> from funcgrad import numpy as fnp
    >>> fnp.eye(3)[fnp.diag_indices(3)].tolist()
    [1.0, 1.0, 1.0]
    """
    return (arange(operator.index(n)),) * operator.index(ndim)


def diag_indices_from(arr: Any) -> Indices:
    """The indices of the main diagonal of an array; see `diag_indices`.

    Raises:
        ShapeError: it has less than two dimensions, or its sizes differ.

    >>> from funcgrad import numpy as fnp
    >>> fnp.diag_indices_from(fnp.eye(2))[0]
    Array([0, 1], dtype=int64)
    """
    x = asarray(arr)
    if x.ndim < 2 or len(set(x.shape)) > 1:
        raise ShapeError(f"diag_indices_from needs at least two dimensions of one size, got {x.aval}")
    return (arange(x.shape[0], device=x.device),) * x.ndim


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = float) -> Array:
    """Ones at and below a diagonal, zeros above it.

    Args:
        N, M: rows and columns; as many columns as rows where None.
        k: how far above the main diagonal.
        dtype: of the result.

    >>> from funcgrad import numpy as fnp
    >>> fnp.tri(2, 3, dtype=int).tolist()
    [[1, 0, 0], [1, 1, 0]]
    """
    rows: Any = arange(operator.index(N)).reshape((-1, 1))
    return astype(arange(operator.index(N if M is None else M)) <= rows + operator.index(k), dtype)  # type: ignore[operator]


def tril_indices(n: int, k: int = 0, m: int | None = None) -> Indices:
    """The indices of the elements at and below a diagonal of a matrix.

    Args:
        n, m: rows and columns; as many columns as rows where None.
        k: how far above the main diagonal.

    >>> from funcgrad import numpy as fnp
    >>> fnp.tril_indices(2)
    (Array([0, 1, 1], dtype=int64), Array([0, 0, 1], dtype=int64))
    """
    return _on(np.tril_indices(n, k, m))


def triu_indices(n: int, k: int = 0, m: int | None = None) -> Indices:
    """The indices of the elements at and above a diagonal of a matrix; arguments as for `tril_indices`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.triu_indices(2, k=1)
    (Array([0], dtype=int64), Array([1], dtype=int64))
    """
    return _on(np.triu_indices(n, k, m))


def tril_indices_from(arr: Any, k: int = 0) -> Indices:
    """`tril_indices` for the shape of a matrix.

    >>> from funcgrad import numpy as fnp
    >>> fnp.tril_indices_from(fnp.ones((1, 2)))
    (Array([0], dtype=int64), Array([0], dtype=int64))
    """
    x = _matrix(arr, "tril_indices_from")
    return _on(np.tril_indices(x.shape[0], k, x.shape[1]), x.device)


def triu_indices_from(arr: Any, k: int = 0) -> Indices:
    """`triu_indices` for the shape of a matrix.

    >>> from funcgrad import numpy as fnp
    >>> fnp.triu_indices_from(fnp.ones((1, 2)))
    (Array([0, 0], dtype=int64), Array([0, 1], dtype=int64))
    """
    x = _matrix(arr, "triu_indices_from")
    return _on(np.triu_indices(x.shape[0], k, x.shape[1]), x.device)


def mask_indices(n: int, mask_func: Callable[..., Any], k: Any = 0, *, size: int | None = None) -> Indices:
    """The indices of the elements of an (n, n) matrix that a function leaves.

    Args:
        n: rows and columns.
        mask_func: (matrix, k) -> a matrix with zeros elsewhere, such as `triu`.
        k: passed on.
        size: how many to return, as for `nonzero`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.mask_indices(2, fnp.triu)
    (Array([0, 0, 1], dtype=int64), Array([0, 1, 1], dtype=int64))
    """
    left = mask_func(ones((n, n), dtype="int64"), k)
    return nonzero(not_equal(left, broadcast_to(asarray(0), (n, n))), size=size)
