"""NumPy's functions that take functions: of lines along an axis, of axes, of parts of the real line.

They are transforms, so the namespace, from further left, cannot import them; the top of the package sets them there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..core import SCALARS, Array
from ..dtypes import is_boolean
from ..errors import ShapeError
from ..numpy.creation import asarray
from ..numpy.elementwise import logical_or, not_equal
from ..numpy.manipulation import broadcast_to, expand_dims
from ..ops.elementwise import astype
from ..ops.shape import normalize_axis
from ..rules import move_axis
from .vmap import vmap
from .where_apply import where_apply

__all__ = ["apply_along_axis", "apply_over_axes", "piecewise"]


def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """A function of vectors, called for each line along an axis: `vmap` over all other axes.

    Args:
        func1d: (vector, *args, **kwargs) -> an array of any shape, or a pytree of them.
        axis: which axis the vectors lie along.
        arr: an array.
        *args, **kwargs: passed on.

    Returns:
        arr's shape with that axis replaced by the axes of what func1d returns.

    >>> from funcgrad import numpy as fnp
    >>> fnp.apply_along_axis(lambda v: v[0] + v[-1], 1, fnp.asarray([[1, 2, 3], [4, 5, 6]]))
    Array([ 4, 10], dtype=int64)
    """
    x = asarray(arr)
    found = normalize_axis(axis, x.ndim, "apply_along_axis")
    rank = x.ndim - 1

    def each(vector: Any) -> Any:
        return func1d(vector, *args, **kwargs)

    for _ in range(rank):
        each = vmap(each)
    outs = each(move_axis(x, found, rank))

    def placed(out: Any) -> Any:
        """Results have the other axes in front: their own go where the axis was."""
        own = list(range(rank, out.ndim))
        return out.transpose((*range(found), *own, *range(found, rank))) if own else out

    return tree.map(placed, outs)


def apply_over_axes(func: Callable[..., Any], a: Any, axes: int | Sequence[int]) -> Array:
    """A function that reduces one axis, applied to several in turn, which stay at size one.

    Args:
        func: (array, axis) -> an array with that axis gone, or with size one there.
        a: an array.
        axes: which axes.

    Raises:
        ShapeError: func returns another number of dimensions.

    >>> from funcgrad import numpy as fnp
    >>> fnp.apply_over_axes(fnp.sum, fnp.ones((2, 3)), (0, 1)).tolist()
    [[6.0]]
    """
    x = asarray(a)
    for axis in axes if isinstance(axes, list | tuple) else (axes,):
        found = normalize_axis(axis, x.ndim, "apply_over_axes")
        out = asarray(func(x, found))
        if out.ndim == x.ndim - 1:
            out = expand_dims(out, found)
        if out.ndim != x.ndim:
            raise ShapeError(f"apply_over_axes: the function returned {out.aval} for {x.aval} and axis {found}")
        x = out
    return x


def piecewise(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Array:
    """A function that is given by pieces: each computed on its own elements alone (see `where_apply`).

    Args:
        x: an array or number.
        condlist: booleans, an array of x's shape for each piece. Where several are true the last one holds.
        funclist: for each piece a function of vectors, which treats each element by itself, or a number; one more is
            for where no condition is true, else 0.
        *args, **kw: passed on to the functions.

    Returns:
        An array in x's shape and dtype.

    Raises:
        ShapeError: there are not as many functions as conditions, or one more.

    >>> import funcgrad as fg
    >>> from funcgrad import numpy as fnp
    >>> f = lambda x: fnp.piecewise(x, [x < 0, x > 0], [lambda x: -x, fnp.sqrt])
    >>> f(fnp.asarray([-2.0, 0.0, 4.0]))
    Array([2., 0., 2.], dtype=float32)
    >>> fg.elementwise_grad(f)(fnp.asarray([-2.0, 0.0, 4.0]))
    Array([-1.  ,  0.  ,  0.25], dtype=float32)
    """
    x = asarray(x)
    given = condlist if isinstance(condlist, Array) or not isinstance(condlist, list | tuple) else list(condlist)
    alone = not isinstance(given, list) or not given or type(given[0]) is bool
    if alone:
        array = asarray(given)
        given = list(array) if array.ndim > x.ndim else [array]
    conditions: list[Any] = []
    for c in map(asarray, given):
        conditions.append(broadcast_to(c if is_boolean(c.dtype) else not_equal(c, 0), x.shape))
    functions = list(funclist)
    if len(functions) == len(conditions):
        functions.append(0)
    if len(functions) != len(conditions) + 1:
        raise ShapeError(f"piecewise: {len(funclist)} functions for {len(conditions)} conditions, and one otherwise")

    def piece(function: Any) -> Any:
        if not callable(function):
            value = function if type(function) in SCALARS else asarray(function)
            return asarray(value, x.dtype, device=x.device)
        return lambda part: astype(asarray(function(part, *args, **kw)), x.dtype)

    others: Any = None
    for condition in conditions:
        others = condition if others is None else logical_or(others, condition)
    default = piece(functions[-1])
    if others is None:
        return broadcast_to(default(x) if callable(default) else default, x.shape)
    out = where_apply(others, asarray(0, x.dtype, device=x.device), default, x)
    for condition, function in zip(conditions, functions[:-1], strict=True):
        out = _replaced(condition, piece(function), out, x)
    return out


def _replaced(condition: Any, function: Any, out: Any, x: Any) -> Any:
    """The result so far, with that piece where its condition is true."""
    if not callable(function):
        return where_apply(condition, function, out, x)
    return where_apply(condition, lambda part, _: function(part), lambda _, kept: kept, x, out)
