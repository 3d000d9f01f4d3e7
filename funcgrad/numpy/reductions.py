"""Reductions: over all axes by default, over one, or over several; `keepdims` leaves them at size one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import Array
from ..dtypes import DType, is_boolean, is_inexact, is_integer
from ..errors import DtypeError, ImmutableArrayError, OptionError, ShapeError
from ..operations import Operation
from ..ops import reduce as ops
from ..ops.create import asarray, to_inexact
from ..ops.elementwise import astype, equal, stop_gradient
from ..ops.elementwise import exp as _exp
from ..ops.elementwise import isfinite as _isfinite
from ..ops.elementwise import log as _log
from ..ops.elementwise import where as _where
from ..ops.precision import widened
from ..ops.shape import normalize_axes, normalize_axis, pad
from ..rules import broadcast_shapes
from .elementwise import maximum, minimum
from .manipulation import ravel

__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "cumsum",
    "cumulative_sum",
    "logsumexp",
    "max",
    "min",
    "prod",
    "ptp",
    "sum",
]

Axis = int | Sequence[int] | None


def refuse_out(name: str, out: Any) -> None:
    """NumPy's `out=` is an error: arrays never change."""
    if out is not None:
        raise ImmutableArrayError(f"{name}: out= is not taken, since arrays do not change: write y = {name}(...)")


def masked(name: str, x: Array, where: Any, neutral: Any) -> Array:
    """The array with a number that changes no result where `where=` leaves elements out."""
    if where is None or where is True:
        return x
    return _where(mask_of(name, x, where), x, neutral)


def mask_of(name: str, x: Array, where: Any) -> Array:
    """`where=` as booleans that broadcast to the array's shape."""
    mask = asarray(where, device=None if isinstance(where, Array) else x.device)
    if not is_boolean(mask.dtype):
        raise DtypeError(f"{name}: where= must be booleans, not {mask.aval}")
    if broadcast_shapes(name, mask.shape, x.shape) != x.shape:
        raise ShapeError(f"{name}: where= of shape {mask.shape} does not broadcast to the array's shape {x.shape}")
    return mask


def _reduce(primitive: Operation, x: Array, axis: Axis, keepdims: bool) -> Array:
    axes = normalize_axes(axis, x.ndim, primitive.__name__)
    out = primitive(x, axes=axes) if axes or primitive.__name__ in ("any", "all") else x
    return ops.kept(out, x, axes) if keepdims else out


def to_total(x: Array, dtype: Any) -> Array:
    """The operand in the dtype to sum or multiply in; booleans and small integers as int64, unsigned ones as uint64."""
    if dtype is not None:
        return astype(x, dtype)
    if is_inexact(x.dtype) or x.dtype.itemsize == 8:
        return x
    return astype(x, "uint64" if x.dtype.kind == "u" else "int64")


def sum(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Array:
    """The sum of the elements.

    Args:
        a: an array.
        axis: which axes to sum over; all where None.
        dtype: to sum in; booleans and small integers are summed as int64, unsigned ones as uint64.
        out: not taken, arrays do not change.
        keepdims: whether the axes stay, at size one.
        initial: a number or array to begin with.
        where: booleans that broadcast to a's shape: the elements to sum.

    Returns:
        An array without those axes.

    Raises:
        AxisError: no such axis, or one named twice.
        ShapeError: `where` does not broadcast to a's shape.

    >>> from funcgrad import numpy as fnp
    >>> fnp.sum(fnp.asarray([[1, 2], [3, 4]]), axis=0)
    Array([4, 6], dtype=int64)
    """
    refuse_out("sum", out)
    x = to_total(asarray(a), dtype)
    if where is not None:
        x = masked("sum", x, where, 0)
    total: Any = _reduce(ops.sum, x, axis, keepdims)
    return total if initial is None else total + initial


def prod(
    a: Any,
    axis: Axis = None,
    dtype: Any = None,
    out: None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = None,
) -> Array:
    """The product of the elements; arguments as for `sum`. Zeros do not spoil its derivative.

    >>> import funcgrad as fg
    >>> fg.grad(fg.numpy.prod)(fg.asarray([0.0, 2.0, 3.0]))
    Array([6., 0., 0.], dtype=float32)
    """
    refuse_out("prod", out)
    x = to_total(asarray(a), dtype)
    total: Any = _reduce(ops.prod, masked("prod", x, where, 1), axis, keepdims)
    return total if initial is None else total * initial


def max(
    a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = None
) -> Array:
    """The largest element, NaN if there is one; elements that tie share the derivative equally.

    Args:
        a: an array with elements.
        axis: which axes to look along; all where None.
        out: not taken, arrays do not change.
        keepdims: whether the axes stay, at size one.
        initial: the least that the result can be, also where there are no elements.
        where: booleans that broadcast to a's shape: the elements to look at. It needs `initial`.

    Raises:
        AxisError: no such axis, or one named twice.
        ShapeError: there are no elements to choose from.
        OptionError: `where` without `initial`.

    >>> import funcgrad as fg
    >>> fg.grad(fg.numpy.max)(fg.asarray([1.0, 3.0, 3.0]))
    Array([0. , 0.5, 0.5], dtype=float32)
    """
    refuse_out("max", out)
    if initial is None and where is None:
        return _reduce(ops.max, asarray(a), axis, keepdims)
    return _bounded_extreme(ops.max, maximum, asarray(a), axis, keepdims, initial, where)


def min(
    a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, initial: Any = None, where: Any = None
) -> Array:
    """The smallest element, NaN if there is one; elements that tie share the derivative equally.

    Args, Raises: as for `max`; the result is at most `initial`.

    >>> import funcgrad as fg
    >>> fg.grad(fg.numpy.min)(fg.asarray([1.0, 3.0, 3.0]))
    Array([1., 0., 0.], dtype=float32)
    """
    refuse_out("min", out)
    if initial is None and where is None:
        return _reduce(ops.min, asarray(a), axis, keepdims)
    return _bounded_extreme(ops.min, minimum, asarray(a), axis, keepdims, initial, where)


def _bounded_extreme(
    primitive: Operation, meet: Any, x: Array, axis: Axis, keepdims: bool, initial: Any, where: Any
) -> Array:
    """The extreme of the elements that `where` selects and of `initial`."""
    name = primitive.__name__
    if initial is None:
        if where is True:
            return _reduce(primitive, x, axis, keepdims)
        raise OptionError(f"{name}: where= needs initial=, the result where no element is selected")
    lowest, highest = bounds(x.dtype)
    x = masked(name, x, where, lowest if name == "max" else highest)
    axes = normalize_axes(axis, x.ndim, name)
    if 0 in [x.shape[a] for a in axes]:
        shape = tuple(n for i, n in enumerate(x.shape) if i not in axes)
        start = asarray(initial, x.dtype, device=None if isinstance(initial, Array) else x.device)
        found = start.broadcast_to(shape)
        return ops.kept(found, x, axes) if keepdims else found
    return meet(_reduce(primitive, x, axes, keepdims), initial)


def bounds(dtype: DType) -> tuple[Any, Any]:
    """The least and the greatest value of a dtype: of floats the infinities."""
    if is_boolean(dtype):
        return False, True
    if is_integer(dtype):
        return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    return -math.inf, math.inf


def ptp(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False) -> Array:
    """From peak to peak: the largest element minus the smallest.

    Args, Raises: as for `max`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.ptp(fnp.asarray([[1.0, 4.0], [7.0, 5.0]]), axis=1)
    Array([3., 2.], dtype=float32)
    """
    refuse_out("ptp", out)
    x = asarray(a)
    return max(x, axis, keepdims=keepdims) - min(x, axis, keepdims=keepdims)  # type: ignore[operator]


def any(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, *, where: Any = None) -> Array:
    """Is any element true (not zero)?

    Args:
        a: an array.
        axis: which axes to look along; all where None.
        out: not taken, arrays do not change.
        keepdims: whether the axes stay, at size one.
        where: booleans that broadcast to a's shape: the elements to look at.
    """
    refuse_out("any", out)
    return _reduce(ops.any, masked("any", astype(asarray(a), bool), where, False), axis, keepdims)


def all(a: Any, axis: Axis = None, out: None = None, keepdims: bool = False, *, where: Any = None) -> Array:
    """Are all elements true (not zero)? Arguments as for `any`."""
    refuse_out("all", out)
    return _reduce(ops.all, masked("all", astype(asarray(a), bool), where, True), axis, keepdims)


def count_nonzero(a: Any, axis: Axis = None, keepdims: bool = False) -> Array:
    """How many elements are not zero.

    Args:
        a: an array.
        axis: which axes to count over; all where None.
        keepdims: whether the axes stay, at size one.
    """
    return sum(astype(asarray(a), bool), axis, keepdims=keepdims)


def position(primitive: Operation, x: Any, axis: int | None, out: None, keepdims: bool) -> Array:
    """The result of `argmax` or `argmin`: a place along an axis, or in the raveled array."""
    refuse_out(primitive.__name__, out)
    x = asarray(x)
    if axis is None:
        found = primitive(ravel(x), axis=0)
        return found.reshape((1,) * x.ndim) if keepdims else found
    along = normalize_axis(axis, x.ndim, primitive.__name__)
    found = primitive(x, axis=along)
    return ops.kept(found, x, (along,)) if keepdims else found


def argmax(a: Any, axis: int | None = None, out: None = None, *, keepdims: bool = False) -> Array:
    """Where the largest element is, the first of equals; an index into the raveled array without an axis.

    >>> from funcgrad import numpy as fnp
    >>> fnp.argmax(fnp.asarray([[1, 5], [7, 2]]), axis=1)
    Array([1, 0], dtype=int64)
    """
    return position(ops.argmax, a, axis, out, keepdims)


def argmin(a: Any, axis: int | None = None, out: None = None, *, keepdims: bool = False) -> Array:
    """Where the smallest element is, the first of equals."""
    return position(ops.argmin, a, axis, out, keepdims)


@widened
def logsumexp(x: Any, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """log(sum(exp(x))) without overflow: max(x) + log(sum(exp(x - max(x)))).

    Its derivative is softmax(x). Rows of -inf alone give -inf.

    Args:
        x: an array.
        axis, keepdims: as for `sum`.

    >>> from funcgrad import numpy as fnp
    >>> round(float(fnp.logsumexp(fnp.asarray([1000.0, 1000.0]))), 3)
    1000.693
    """
    x = to_inexact(x)
    axes = normalize_axes(axis, x.ndim, "logsumexp")
    if not axes:
        return x
    if 0 in [x.shape[a] for a in axes]:
        return sum(x, axes, keepdims=keepdims) - math.inf  # type: ignore[operator]  # log(0)
    peak: Any = stop_gradient(ops.max(x, axes=axes))
    nothing = equal(peak, -math.inf)  # log(0), which NumPy warns of and whose derivative is NaN
    shift: Any = _where(_isfinite(peak), peak, 0)
    total: Any = ops.sum(_exp(x - ops.kept(shift, x, axes)), axes=axes)
    out: Any = _where(nothing, -math.inf, _log(_where(nothing, 1, total)) + shift)
    return ops.kept(out, x, axes) if keepdims else out


def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Array:
    """Running sums along an axis (needed where x has more than one).

    Args:
        x: an array.
        axis: along which to sum.
        dtype: to sum in.
        include_initial: start with a 0, which makes the axis longer by one.
    """
    x = to_total(asarray(x), dtype)
    if axis is None and x.ndim != 1:
        raise ShapeError(f"cumulative_sum: say which axis of the shape {x.shape}")
    found = normalize_axis(0 if axis is None else axis, x.ndim, "cumulative_sum")
    out: Any = ops.cumulative_sum(x, axis=found, reverse=False)
    if not include_initial:
        return out
    widths = [(0, 0)] * x.ndim
    widths[found] = (1, 0)
    return pad(out, widths=tuple(widths))


def cumsum(x: Any, /, axis: int | None = None, dtype: Any = None) -> Array:
    """Running sums along an axis; of the raveled array without one, as NumPy."""
    return cumulative_sum(ravel(x) if axis is None else x, axis=0 if axis is None else axis, dtype=dtype)


amax, amin = max, min
