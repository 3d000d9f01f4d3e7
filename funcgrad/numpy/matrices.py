"""Matrices made of vectors and of other matrices: `outer`, `vander`, `kron`."""

from __future__ import annotations

import operator
from typing import Any

from ..core import Array
from ..dtypes import is_inexact, promote_types
from ..errors import ShapeError
from ..ops.create import asarray, promote_all
from ..ops.elementwise import astype
from .creation import ones_like
from .manipulation import reshape, stack

__all__ = ["kron", "outer", "vander"]


def outer(x: Any, y: Any, /) -> Array:
    """All products of an element of x and one of y.

    Args:
        x, y: arrays, taken row by row.

    Returns:
        Shape (x.size, y.size).

    >>> from funcgrad import numpy as fnp
    >>> fnp.outer(fnp.asarray([1, 2]), fnp.asarray([3, 4])).tolist()
    [[3, 4], [6, 8]]
    """
    x, y = promote_all((x, y))
    return reshape(x, (-1, 1)) * reshape(y, (1, -1))


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Array:
    """The powers of numbers as the rows of a matrix: x^(N-1), ..., x, 1.

    Args:
        x: shape (n,).
        N: how many powers; as many as numbers where None.
        increasing: begin with 1 instead.

    Returns:
        Shape (n, N).

    Raises:
        ShapeError: x has not one dimension.

    >>> from funcgrad import numpy as fnp
    >>> fnp.vander(fnp.asarray([1, 2, 3]), 3).tolist()
    [[1, 1, 1], [4, 2, 1], [9, 3, 1]]
    """
    a: Any = asarray(x)
    if a.ndim != 1:
        raise ShapeError(f"vander needs one dimension, got {a.aval}")
    a = a if is_inexact(a.dtype) else astype(a, promote_types(a.dtype, "int64"))  # those of small ones overflow
    count = a.shape[0] if N is None else operator.index(N)
    if count < 0:
        raise ShapeError(f"vander: N must not be negative, got {count}")
    powers = [ones_like(a)]
    while len(powers) < count:  # by products: the derivative of a power at 0 would need care
        powers.append(powers[-1] * a)  # type: ignore[operator]
    if not count:
        return reshape(a[:0], (a.shape[0], 0)) if not a.size else stack(powers, 1)[:, :0]  # type: ignore[index]
    return stack(powers if increasing else powers[::-1], 1)


def kron(a: Any, b: Any) -> Array:
    """The Kronecker product: a copy of b for each element of a, multiplied by it.

    Args:
        a, b: arrays; the one with fewer dimensions gets new ones in front.

    Returns:
        An array whose sizes are the products of theirs.

    >>> from funcgrad import numpy as fnp
    >>> fnp.kron(fnp.asarray([1, 10]), fnp.asarray([1, 2]))
    Array([ 1,  2, 10, 20], dtype=int64)
    """
    x, y = promote_all((a, b))
    rank = max(x.ndim, y.ndim)
    in_x, in_y = ((1,) * (rank - z.ndim) + z.shape for z in (x, y))
    wide_x: Any = reshape(x, tuple(s for n in in_x for s in (n, 1)))
    wide_y: Any = reshape(y, tuple(s for n in in_y for s in (1, n)))
    return reshape(wide_x * wide_y, tuple(n * m for n, m in zip(in_x, in_y, strict=True)))
