"""The affine map, and the bilinear one."""

from __future__ import annotations

from typing import Any

from ..core import Array
from ..errors import ShapeError
from ..numpy.linear_algebra import matmul
from ..numpy.manipulation import expand_dims
from ..ops.create import asarray, promote_inexact

__all__ = ["bilinear", "linear"]


def linear(x: Any, w: Any, b: Any = None) -> Array:
    """x @ w + b.

    Args:
        x: (..., in).
        w: (in, out): the transpose of PyTorch's.
        b: (out,), or None.

    Returns:
        (..., out).

    Raises:
        ShapeError: the sizes do not fit.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.linear(fnp.asarray([1.0, 2.0]), fnp.asarray([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]), fnp.asarray([0.0, 0.0, 5.0]))
    Array([1., 2., 8.], dtype=float32)
    """
    x, w = asarray(x), asarray(w)
    if w.ndim != 2 or not x.ndim or x.shape[-1] != w.shape[0]:
        raise ShapeError(f"linear: x must be (..., in) and w (in, out) with one `in`; got x {x.aval} and w {w.aval}")
    out: Any = matmul(x, w)
    if b is None:
        return out
    b = asarray(b)
    if b.shape != w.shape[1:]:
        raise ShapeError(f"linear: b must have the shape {w.shape[1:]} for w {w.aval}, not {b.aval}")
    return out + b


def bilinear(x1: Any, x2: Any, w: Any, b: Any = None) -> Array:
    """y[k] = b[k] + sum over i and j of  x1[i] w[i, j, k] x2[j].

    Args:
        x1: (..., in1).
        x2: (..., in2); the axes in front are those of x1, or broadcast with them.
        w: (in1, in2, out): PyTorch's with its first axis last.
        b: (out,), or None.

    Returns:
        (..., out).

    Raises:
        ShapeError: the sizes do not fit.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> w = fnp.asarray([[[1.0], [2.0]], [[3.0], [4.0]]])
    >>> F.bilinear(fnp.asarray([1.0, 10.0]), fnp.asarray([1.0, 100.0]), w)
    Array([4231.], dtype=float32)
    """
    first, second = promote_inexact(asarray(x1), asarray(x2))
    w = asarray(w)
    if w.ndim != 3 or not first.ndim or not second.ndim or (first.shape[-1], second.shape[-1]) != w.shape[:2]:
        raise ShapeError(
            f"bilinear: x1 must be (..., in1), x2 (..., in2) and w (in1, in2, out); got x1 {first.aval}, x2 "
            f"{second.aval} and w {w.aval}"
        )
    pairs: Any = expand_dims(first, -1) * expand_dims(second, -2)
    rows, columns, out = w.shape
    flat = pairs.reshape((*pairs.shape[:-2], rows * columns))
    return linear(flat, w.reshape((rows * columns, out)), b)
