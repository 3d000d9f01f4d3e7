"""Running products, and running sums and products that pass over NaN."""

from __future__ import annotations

from typing import Any

from ..core import Array
from ..dtypes import is_inexact
from ..errors import ShapeError
from ..ops import running
from ..ops.create import asarray
from ..ops.elementwise import astype, where
from ..ops.shape import concat, normalize_axis
from ..rules import zeros
from .manipulation import ravel
from .reductions import cumsum, to_total

__all__ = ["cumprod", "cumulative_prod", "nancumprod", "nancumsum"]


def cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Array:
    """Running products along an axis (needed where x has more than one). Zeros do not spoil its derivative.

    Args:
        x: an array.
        axis: along which to multiply.
        dtype: to multiply in; booleans and small integers are multiplied as int64, unsigned ones as uint64.
        include_initial: start with a 1, which makes the axis longer by one.

    Raises:
        ShapeError: x has several axes, and none is named.

    >>> from funcgrad import numpy as fnp
    >>> fnp.cumulative_prod(fnp.asarray([2, 3, 4]), include_initial=True)
    Array([ 1,  2,  6, 24], dtype=int64)

    Source: Python array API 2024.12.
    """
    found = to_total(asarray(x), dtype)
    if axis is None and found.ndim != 1:
        raise ShapeError(f"cumulative_prod: say which axis of the shape {found.shape}")
    along = normalize_axis(0 if axis is None else axis, found.ndim, "cumulative_prod")
    out: Any = running.cumulative_prod(found, axis=along)
    if not include_initial:
        return out
    shape = (*found.shape[:along], 1, *found.shape[along + 1 :])
    one: Any = zeros(found[:0].reshape(-1), found).sum() + 1
    return concat(astype(one, out.dtype).broadcast_to(shape), out, axis=along)


def cumprod(a: Any, axis: int | None = None, dtype: Any = None) -> Array:
    """Running products along an axis; of the raveled array without one.

    Args:
        a: an array.
        axis: along which to multiply.
        dtype: to multiply in, as for `cumulative_prod`.

    >>> import funcgrad as fg
    >>> from funcgrad import numpy as fnp
    >>> fnp.cumprod(fnp.asarray([2, 3, 4]))
    Array([ 2,  6, 24], dtype=int64)
    >>> fg.grad(lambda x: fnp.cumprod(x)[-1])(fnp.asarray([2.0, 0.0, 4.0]))
    Array([0., 8., 0.], dtype=float32)
    """
    return cumulative_prod(ravel(a) if axis is None else a, axis=0 if axis is None else axis, dtype=dtype)


def _without_nan(a: Any, instead: float) -> Any:
    x: Any = asarray(a)
    return where(x != x, instead, x) if is_inexact(x.dtype) else x


def nancumsum(a: Any, axis: int | None = None, dtype: Any = None) -> Array:
    """Running sums along an axis in which NaN counts as 0; arguments as for `cumsum`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.nancumsum(fnp.asarray([1.0, fnp.nan, 3.0]))
    Array([1., 1., 4.], dtype=float32)
    """
    return cumsum(_without_nan(a, 0), axis, dtype)


def nancumprod(a: Any, axis: int | None = None, dtype: Any = None) -> Array:
    """Running products along an axis in which NaN counts as 1; arguments as for `cumprod`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.nancumprod(fnp.asarray([2.0, fnp.nan, 3.0]))
    Array([2., 2., 6.], dtype=float32)
    """
    return cumprod(_without_nan(a, 1), axis, dtype)
