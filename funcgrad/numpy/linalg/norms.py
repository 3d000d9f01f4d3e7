"""Norms of vectors and matrices; their derivative is 0 where the norm is 0 and has a kink."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...core import Array
from ...dtypes import is_complex
from ...errors import OptionError, ShapeError
from ...ops.create import to_inexact
from ...ops.elementwise import equal, where
from ...ops.linalg.spectra import svdvals
from ...ops.precision import widened
from ...ops.shape import normalize_axes
from ..elementwise import abs, sqrt
from ..manipulation import moveaxis
from ..reductions import max, min, sum
from .solving import inv

__all__ = ["cond", "matrix_norm", "norm", "vector_norm"]

Axis = int | Sequence[int] | None
Order = float | str | None


def _root_of_squares(x: Any, axes: Any) -> Any:
    """sqrt(sum |x|^2), with derivative 0 where that is 0."""
    size: Any = abs(x) if is_complex(x.dtype) else x
    total = sum(size * size, axes, keepdims=True)
    zero = equal(total, 0)
    return where(zero, 0, sqrt(where(zero, 1, total)))


def _power_mean(size: Any, axes: Any, order: float) -> Any:
    """(sum |x|^p)^(1/p), with derivative 0 where that is 0."""
    nothing = equal(size, 0)
    if order > 0:
        powers: Any = where(nothing, 0, where(nothing, 1, size) ** order)
    else:
        powers = size**order
    total = sum(powers, axes, keepdims=True)
    zero = equal(total, 0)
    return where(zero, 0 if order > 0 else math.inf, where(zero, 1, total) ** (1.0 / order))


def _largest(x: Any, axes: Any, keepdims: bool = False) -> Any:
    """The largest of numbers that are not negative; of none 0, as in NumPy."""
    return max(x, axes, keepdims=keepdims, initial=0 if 0 in x.shape else None)


def _vector(x: Any, axes: Any, order: Any) -> Any:
    """The norm along axes, which stay at size one."""
    if order == 2:
        return _root_of_squares(x, axes)
    size: Any = abs(x)
    if order == math.inf:
        return _largest(size, axes, keepdims=True)
    if order == -math.inf:
        return min(size, axes, keepdims=True)
    if order == 0:
        return sum((x != 0).astype(size.dtype), axes, keepdims=True)
    if order == 1:
        return sum(size, axes, keepdims=True)
    return _power_mean(size, axes, order)


def _finish(x: Any, axes: Sequence[int], keepdims: bool) -> Any:
    """Without the axes, unless they stay."""
    return x if keepdims else x.reshape(tuple(n for i, n in enumerate(x.shape) if i not in axes))


@widened
def vector_norm(x: Any, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> Array:
    """The p-norm of vectors, (sum |x|^p)^(1/p).

    Args:
        x: an array.
        axis: along which to go, one or several; all elements where None.
        keepdims: whether the axes stay, at size one.
        ord: p; inf and -inf for the largest and the smallest modulus, 0 for how many elements are not zero.

    Returns:
        Real. The derivative of a norm that is 0 is 0.

    Raises:
        AxisError: no such axis.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fnp.linalg.vector_norm(fnp.asarray([3.0, 4.0]))
    Array(5., dtype=float32)
    >>> fg.grad(fnp.linalg.vector_norm)(fnp.zeros(2))
    Array([0., 0.], dtype=float32)
    """
    x = to_inexact(x)
    axes = normalize_axes(axis, x.ndim, "vector_norm")
    if isinstance(ord, str):
        raise OptionError(f"vector_norm: ord is a number, not {ord!r}: matrix_norm has 'fro' and 'nuc'")
    return _finish(_vector(x, axes, ord), axes, keepdims)


@widened
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Order = "fro") -> Array:
    """The norm of matrices.

    Args:
        x: shape (..., m, n).
        keepdims: whether the two axes stay, at size one.
        ord: "fro" for sqrt(sum |x|^2); "nuc" for the sum of the singular values; 2 and -2 for the largest and the
            smallest of them; 1 and -1 for the largest and the smallest sum of a column's moduli; inf and -inf for
            those of a row.

    Returns:
        Real, shape (...).

    Raises:
        ShapeError: fewer than two dimensions.
        OptionError: another order.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.matrix_norm(fnp.asarray([[3.0, 0.0], [0.0, 4.0]]), ord="nuc")
    Array(7., dtype=float32)
    """
    x = to_inexact(x)
    if x.ndim < 2:
        raise ShapeError(f"matrix_norm: a matrix in the last two axes is needed, the shape is {x.shape}")
    return _finish(_matrix(x, ord), (x.ndim - 2, x.ndim - 1), keepdims)


def _matrix(x: Any, order: Any) -> Any:
    """The norm of the last two axes, which stay at size one."""
    if order in ("fro", "f"):
        return _root_of_squares(x, (-2, -1))
    if order in ("nuc", 2, -2):
        s: Any = svdvals(x)
        s = sum(s, -1) if order == "nuc" else _largest(s, -1) if order == 2 else min(s, -1)
        return s[..., None, None]
    along = {1: -2, -1: -2, math.inf: -1, -math.inf: -1}
    if isinstance(order, str) or order not in along:
        raise OptionError(f"matrix_norm: ord is 'fro', 'nuc', 1, -1, 2, -2, inf or -inf, not {order!r}")
    sums = sum(abs(x), along[order], keepdims=True)
    return (_largest if order > 0 else min)(sums, (-2, -1), keepdims=True)


@widened
def norm(x: Any, /, ord: Order = None, axis: Axis = None, keepdims: bool = False) -> Array:
    """The norm of a vector or of a matrix, as NumPy has it.

    Args:
        x: an array.
        ord: of vectors and of matrices as for `vector_norm` and `matrix_norm`; None for the 2-norm of all elements
            ("fro" of a matrix).
        axis: one axis of vectors, or the two of matrices. Without it and with an `ord` x is a vector or a matrix.
        keepdims: whether the axes stay, at size one.

    Raises:
        ShapeError: more than two dimensions, or two axes, with an `ord` that is neither's.
        OptionError: an `ord` that there is not.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.norm(fnp.asarray([[3.0, 0.0], [0.0, 4.0]]), axis=0)
    Array([3., 4.], dtype=float32)
    """
    x = to_inexact(x)
    axes = normalize_axes(axis, x.ndim, "norm")
    if axis is None and ord is None:
        return _finish(_root_of_squares(x, axes), axes, keepdims)
    if len(axes) == 1:
        if isinstance(ord, str):
            raise OptionError(f"norm: ord={ord!r} is one of matrices, and the axes {axes} are those of vectors")
        return _finish(_vector(x, axes, 2 if ord is None else ord), axes, keepdims)
    if len(axes) != 2:
        raise ShapeError(
            f"norm: vectors have one axis and matrices two, not {len(axes)} of the shape {x.shape}: give axis=, or "
            "vector_norm(x) for all elements"
        )
    moved = moveaxis(x, tuple(axes), (-2, -1))
    found = _matrix(moved, "fro" if ord is None else ord)
    found = moveaxis(found, (-2, -1), tuple(axes))
    return _finish(found, axes, keepdims)


@widened
def cond(x: Any, /, p: Order = None) -> Array:
    """The condition number of a matrix, |x| |x^-1|.

    Args:
        x: shape (..., m, n); square unless p is None, 2 or -2.
        p: the norm, as `ord` of `matrix_norm`; None for 2, the largest over the smallest singular value.

    Returns:
        Real, shape (...); inf for a singular matrix.

    Raises:
        ShapeError: fewer than two dimensions, or not square.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.cond(fnp.asarray([[4.0, 0.0], [0.0, 2.0]]))
    Array(2., dtype=float32)
    """
    x = to_inexact(x)
    if x.ndim < 2:
        raise ShapeError(f"cond: a matrix in the last two axes is needed, the shape is {x.shape}")
    if p in (None, 2, -2):
        s: Any = svdvals(x)
        largest, smallest = max(s, -1), min(s, -1)
        above, below = (smallest, largest) if p == -2 else (largest, smallest)
        zero = equal(below, 0)
        return where(zero, math.inf, above / where(zero, 1, below))
    return matrix_norm(x, ord=p) * matrix_norm(inv(x), ord=p)
