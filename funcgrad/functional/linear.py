"""The affine map."""

from __future__ import annotations

from typing import Any

from ..core import Array
from ..errors import ShapeError
from ..numpy.linear_algebra import matmul
from ..ops.create import asarray

__all__ = ["linear"]


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
