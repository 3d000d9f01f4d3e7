"""Products of vectors and matrices, in the array API's form: matrices are the last two axes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ...core import Array
from ...errors import DtypeError, ShapeError
from ...ops.create import asarray, promote_all
from ...ops.linalg.matrices import identity, square
from ...ops.shape import normalize_axis
from ..linear_algebra import cross as _cross
from ..linear_algebra import matmul, tensordot, vecdot
from ..linear_algebra import trace as _trace
from ..manipulation import broadcast_arrays, matrix_transpose
from ..manipulation import diagonal as _diagonal
from ..matrices import outer as _outer
from .solving import inv

__all__ = [
    "cross",
    "diagonal",
    "matmul",
    "matrix_power",
    "matrix_transpose",
    "multi_dot",
    "outer",
    "tensordot",
    "trace",
    "vecdot",
]


def cross(x: Any, y: Any, /, *, axis: int = -1) -> Array:
    """The vector product of vectors of three components.

    Args:
        x, y: arrays that broadcast, of size 3 along the axis.
        axis: where the components are.

    Raises:
        ShapeError: another number of components.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.cross(fnp.asarray([1, 0, 0]), fnp.asarray([0, 1, 0]))
    Array([0, 0, 1], dtype=int64)
    """
    a, b = broadcast_arrays(*promote_all((x, y)))
    if a.shape[normalize_axis(axis, a.ndim, "cross")] != 3:
        raise ShapeError(f"cross: vectors of 3 components are needed along axis {axis} of the shape {a.shape}")
    return _cross(a, b, axis=axis)


def diagonal(x: Any, /, *, offset: int = 0) -> Array:
    """The diagonals of matrices: of shape (..., m, n) an array (..., k).

    Args:
        x: an array of at least two dimensions.
        offset: how far above the main diagonal.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.diagonal(fnp.asarray([[1, 2], [3, 4]]))
    Array([1, 4], dtype=int64)
    """
    return _diagonal(x, offset, -2, -1)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Array:
    """The sum of the diagonals of matrices: of shape (..., m, n) an array (...).

    Args:
        x: an array of at least two dimensions.
        offset: how far above the main diagonal.
        dtype: to sum in; booleans and small integers are summed as int64, unsigned ones as uint64.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.trace(fnp.asarray([[1, 2], [3, 4]]))
    Array(5, dtype=int64)
    """
    return _trace(x, offset, -2, -1, dtype=dtype)


def outer(x: Any, y: Any, /) -> Array:
    """All products of an element of one vector and one of another: shape (m, n).

    Raises:
        ShapeError: an operand is no vector; `funcgrad.numpy.outer` ravels it.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.outer(fnp.asarray([1, 2]), fnp.asarray([3, 4]))
    Array([[3, 4],
           [6, 8]], dtype=int64)
    """
    a, b = asarray(x), asarray(y)
    if a.ndim != 1 or b.ndim != 1:
        raise ShapeError(f"linalg.outer takes two vectors, not the shapes {a.shape} and {b.shape}")
    return _outer(a, b)


def matrix_power(x: Any, n: int, /) -> Array:
    """The n-th power of a square matrix, by repeated squaring; negative powers are those of its inverse.

    Args:
        x: shape (..., m, m).
        n: an int.

    Raises:
        ShapeError: the matrices are not square.
        LinearAlgebraError: a singular matrix, and n is negative.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.matrix_power(fnp.asarray([[1, 1], [0, 1]]), 5)
    Array([[1, 5],
           [0, 1]], dtype=int64)
    """
    a: Any = asarray(x)
    square("matrix_power", a)
    try:
        exponent = n.__index__()
    except AttributeError:
        raise DtypeError(f"matrix_power: the exponent must be an int, not {n!r}") from None
    if exponent == 0:
        return identity(a.shape[-1], a).broadcast_to(a.shape)
    if exponent < 0:
        a, exponent = inv(a), -exponent
    result = None
    while exponent:
        if exponent & 1:
            result = a if result is None else result @ a
        exponent >>= 1
        a = a @ a if exponent else a
    assert result is not None
    return result


def multi_dot(arrays: Sequence[Any], /) -> Array:
    """The product of two or more matrices, in the order that takes the fewest multiplications.

    Args:
        arrays: matrices whose inner sizes agree; the first may be a vector as a row, and the last one as a column.

    Returns:
        A matrix; without the axis of a vector.

    Raises:
        ShapeError: fewer than two arrays, other dimensions, or sizes that do not fit.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.multi_dot([fnp.ones((2, 3)), fnp.ones((3, 4)), fnp.ones(4)])
    Array([12., 12.], dtype=float32)

    Source: T. Cormen et al., Introduction to Algorithms, Matrix-chain multiplication.
    """
    given = promote_all(arrays)
    if len(given) < 2:
        raise ShapeError(f"multi_dot: a product needs two arrays at least, {len(given)} were given")
    last = len(given) - 1
    for i, a in enumerate(given):
        if a.ndim != 2 and not (a.ndim == 1 and i in (0, last)):
            raise ShapeError(f"multi_dot: matrices (vectors at the ends) are needed, array {i} has the shape {a.shape}")
    row, column = given[0].ndim == 1, given[-1].ndim == 1
    chain: list[Any] = list(given)
    chain[0] = chain[0].reshape((1, -1)) if row else chain[0]
    chain[-1] = chain[-1].reshape((-1, 1)) if column else chain[-1]
    for a, b in pairwise(chain):
        if a.shape[1] != b.shape[0]:
            raise ShapeError(f"multi_dot: the shapes {a.shape} and {b.shape} do not fit")
    product = _multiply(chain, _splits([chain[0].shape[0], *[a.shape[1] for a in chain]]), 0, last)
    kept = [n for n, gone in zip(product.shape, (row, column), strict=True) if not gone]
    return product.reshape(tuple(kept))


def _splits(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """For each stretch of the chain, behind which of its matrices it is best cut in two."""
    n = len(sizes) - 1
    cost = {(i, i): 0 for i in range(n)}
    best: dict[tuple[int, int], int] = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            price = {k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1] for k in range(i, j)}
            best[i, j] = min(price, key=price.__getitem__)
            cost[i, j] = price[best[i, j]]
    return best


def _multiply(chain: Sequence[Any], best: dict[tuple[int, int], int], i: int, j: int) -> Any:
    if i == j:
        return chain[i]
    k = best[i, j]
    return _multiply(chain, best, i, k) @ _multiply(chain, best, k + 1, j)
