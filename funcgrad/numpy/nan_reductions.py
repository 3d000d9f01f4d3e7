"""Reductions that pass over NaN. Where a NaN was passed over, the derivative is 0."""

from __future__ import annotations

import math
from typing import Any

from ..core import Array
from ..dtypes import is_complex, is_inexact
from ..errors import DtypeError
from ..operations import Operation
from ..ops import reduce as ops
from ..ops.create import asarray
from ..ops.elementwise import logical_and, logical_not
from ..ops.precision import widened
from .averages import mean, std, var
from .elementwise import isnan, where
from .reductions import Axis, all, argmax, argmin, mask_of, max, min, position, prod, refuse_out, sum

__all__ = [
    "nanargmax",
    "nanargmin",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanprod",
    "nanstd",
    "nansum",
    "nanvar",
]


def _numbers(name: str, x: Array, chosen: Any) -> Any:
    """Which elements count: those that are not NaN, of those that `where=` selects."""
    if not is_inexact(x.dtype):
        return chosen
    numbers = logical_not(isnan(x))
    if chosen is None or chosen is True:
        return numbers
    return logical_and(numbers, mask_of(name, x, chosen))


def nansum(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Array:
    """The sum of the elements that are not NaN; arguments as for `sum`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.nansum(fnp.asarray([1.0, fnp.nan, 2.0]))
    Array(3., dtype=float32)
    """
    refuse_out("nansum", out)
    x = asarray(a)
    return sum(x, axis, dtype, None, keepdims, initial, _numbers("nansum", x, where))


def nanprod(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Array:
    """The product of the elements that are not NaN; arguments as for `sum`."""
    refuse_out("nanprod", out)
    x = asarray(a)
    return prod(x, axis, dtype, None, keepdims, initial, _numbers("nanprod", x, where))


def nanmax(
    a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = None
) -> Array:
    """The largest element that is not NaN, NaN where there is none; arguments as for `max`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.nanmax(fnp.asarray([[1.0, fnp.nan], [fnp.nan, fnp.nan]]), axis=1)
    Array([ 1., nan], dtype=float32)
    """
    return _extreme("nanmax", max, -math.inf, a, axis, out, keepdims, initial, where)


def nanmin(
    a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = None
) -> Array:
    """The smallest element that is not NaN, NaN where there is none; arguments as for `min`."""
    return _extreme("nanmin", min, math.inf, a, axis, out, keepdims, initial, where)


def _extreme(
    name: str, function: Any, worst: float, a: Any, axis: Axis, out: None, keepdims: bool, initial: Any, chosen: Any
) -> Array:
    refuse_out(name, out)
    x = asarray(a)
    if is_complex(x.dtype):
        raise DtypeError(f"{name}: complex numbers ({x.aval}) have no order")
    if not is_inexact(x.dtype):
        return function(x, axis, None, keepdims, initial, chosen)
    nan = isnan(x)
    found = function(where(nan, worst, x), axis, None, keepdims, initial, chosen)
    if initial is not None:
        return found
    return where(all(nan, axis, keepdims=keepdims), math.nan, found)


def nanargmax(a: Any, axis: int | None = None, out: None = None, *, keepdims: bool = False) -> Array:
    """Where the largest element is that is not NaN, the first of equals.

    Args:
        a: a real array.
        axis: along which axis; an index into the raveled array where None.
        out: not taken, arrays do not change.
        keepdims: whether the axis stays, at size one.

    Raises:
        ShapeError: there is nothing but NaN somewhere along the axis.

    >>> from funcgrad import numpy as fnp
    >>> fnp.nanargmax(fnp.asarray([1.0, fnp.nan, 2.0]))
    Array(2, dtype=int64)
    """
    return _place(ops.nanargmax, argmax, a, axis, out, keepdims)


def nanargmin(a: Any, axis: int | None = None, out: None = None, *, keepdims: bool = False) -> Array:
    """Where the smallest element is that is not NaN, the first of equals; arguments as for `nanargmax`."""
    return _place(ops.nanargmin, argmin, a, axis, out, keepdims)


def _place(primitive: Operation, plain: Any, a: Any, axis: int | None, out: None, keepdims: bool) -> Array:
    x = asarray(a)
    if not is_inexact(x.dtype):
        return plain(x, axis, out, keepdims=keepdims)
    return position(primitive, x, axis, out, keepdims)


@widened
def nanmean(
    a: Any, axis: Axis = None, dtype: Any = None, out: None = None, keepdims: bool = False, *, where: Any = None
) -> Array:
    """The mean of the elements that are not NaN, NaN where there are none; arguments as for `mean`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.nanmean(fnp.asarray([1.0, fnp.nan, 2.0]))
    Array(1.5, dtype=float32)
    """
    refuse_out("nanmean", out)
    x = asarray(a)
    return mean(x, axis, dtype, None, keepdims, where=_numbers("nanmean", x, where))


@widened
def nanvar(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Any = None,
    mean: Any = None,
    correction: float = 0.0,
) -> Array:
    """The variance of the elements that are not NaN, NaN where there are too few; arguments as for `var`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.nanvar(fnp.asarray([1.0, fnp.nan, 2.0]))
    Array(0.25, dtype=float32)
    """
    refuse_out("nanvar", out)
    x = asarray(a)
    numbers = _numbers("nanvar", x, where)
    return var(x, axis, dtype, None, ddof, keepdims, where=numbers, mean=mean, correction=correction)


@widened
def nanstd(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Any = None,
    mean: Any = None,
    correction: float = 0.0,
) -> Array:
    """The standard deviation of the elements that are not NaN; arguments as for `var`."""
    refuse_out("nanstd", out)
    x = asarray(a)
    numbers = _numbers("nanstd", x, where)
    return std(x, axis, dtype, None, ddof, keepdims, where=numbers, mean=mean, correction=correction)
