"""Sorting and running reductions under `jax.lax`'s names."""

from __future__ import annotations

import operator
from typing import Any

from ..core import Array
from ..dtypes import canonical, is_complex, is_floating
from ..errors import DtypeError, ShapeError
from ..numpy import argmax as _argmax
from ..numpy import argmin as _argmin
from ..numpy import flip, lexsort, top_k
from ..numpy.creation import asarray
from ..ops import reduce as reductions
from ..ops import running
from ..ops.elementwise import astype
from ..ops.shape import normalize_axis
from ..ops.sort import sort as _sort
from ..ops.sort import take_along

__all__ = [
    "approx_max_k",
    "approx_min_k",
    "argmax",
    "argmin",
    "cumlogsumexp",
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "sort",
    "sort_key_val",
    "top_k",
]

# ---- sorting -----------------------------------------------------------------------------------


def sort(operand: Any, dimension: int = -1, is_stable: bool = True, num_keys: int = 1) -> Any:
    """The elements in order along an axis; of several arrays by the first ones, and the others along with them.

    Args:
        operand: an array, or a sequence of arrays of one shape.
        dimension: along which axis.
        is_stable: it is, in either case.
        num_keys: how many of the arrays decide: the first one, where it ties the second, and so on.

    Returns:
        The sorted array, or a tuple of arrays.

    Raises:
        ShapeError: shapes differ, or there are not as many arrays as keys.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.sort((fnp.asarray([2, 1, 2]), fnp.asarray([5.0, 6.0, 4.0])), num_keys=2)
    (Array([1, 2, 2], dtype=int64), Array([6., 4., 5.], dtype=float32))

    Source: jax.lax.sort.
    """
    if not isinstance(operand, list | tuple):
        x = asarray(operand)
        return _sort(x, axis=normalize_axis(dimension, x.ndim, "sort"), descending=False)
    found = [asarray(x) for x in operand]
    keys = operator.index(num_keys)
    if not 1 <= keys <= len(found) or any(x.shape != found[0].shape for x in found):
        raise ShapeError(f"sort: {keys} keys of arrays of one shape, not {', '.join(str(x.aval) for x in found)}")
    axis = normalize_axis(dimension, found[0].ndim, "sort")
    order = lexsort(found[keys - 1 :: -1] if keys == 1 else list(reversed(found[:keys])), axis)
    return tuple(take_along(x, order, axis) for x in found)


def sort_key_val(keys: Any, values: Any, dimension: int = -1, is_stable: bool = True) -> tuple[Array, Array]:
    """Keys in order along an axis, and values along with them.

    Args:
        keys, values: arrays of one shape.
        dimension, is_stable: as for `sort`.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.sort_key_val(fnp.asarray([2, 1]), fnp.asarray([5.0, 6.0]))
    (Array([1, 2], dtype=int64), Array([6., 5.], dtype=float32))

    Source: jax.lax.sort_key_val.
    """
    first, second = sort((keys, values), dimension)
    return first, second


def approx_max_k(
    operand: Any,
    k: int,
    reduction_dimension: int = -1,
    recall_target: float = 0.95,
    reduction_input_size_override: int = -1,
    aggregate_to_topk: bool = True,
) -> tuple[Array, Array]:
    """The k largest elements along an axis, largest first, and where they stand: all of them, `top_k`.

    Args:
        operand: an array.
        k: how many.
        reduction_dimension: along which axis.
        recall_target, reduction_input_size_override, aggregate_to_topk: there for JAX's users.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.approx_max_k(fnp.asarray([1.0, 5.0, 3.0]), 1)
    (Array([5.], dtype=float32), Array([1], dtype=int64))
    """
    return top_k(operand, k, axis=reduction_dimension)


def approx_min_k(
    operand: Any,
    k: int,
    reduction_dimension: int = -1,
    recall_target: float = 0.95,
    reduction_input_size_override: int = -1,
    aggregate_to_topk: bool = True,
) -> tuple[Array, Array]:
    """The k least elements along an axis, least first, and where they stand; arguments as for `approx_max_k`.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.approx_min_k(fnp.asarray([1.0, 5.0, 3.0]), 1)
    (Array([1.], dtype=float32), Array([0], dtype=int64))
    """
    values, places = top_k(-asarray(operand), k, axis=reduction_dimension)
    return -values, places


def argmax(operand: Any, axis: int, index_dtype: Any) -> Array:
    """Where the largest element along an axis is.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.argmax(fnp.asarray([1, 5, 2]), 0, "int32")
    Array(1, dtype=int32)
    """
    return astype(_argmax(operand, axis), canonical(index_dtype))


def argmin(operand: Any, axis: int, index_dtype: Any) -> Array:
    """Where the smallest element along an axis is.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.argmin(fnp.asarray([1, 5, 2]), 0, "int32")
    Array(0, dtype=int32)
    """
    return astype(_argmin(operand, axis), canonical(index_dtype))


# ---- running -----------------------------------------------------------------------------------


def _running(name: str, primitive: Any, operand: Any, axis: int, reverse: bool) -> Any:
    x = asarray(operand)
    found = normalize_axis(axis, x.ndim, name)
    return flip(primitive(flip(x, found), axis=found), found) if reverse else primitive(x, axis=found)


def cumsum(operand: Any, axis: int = 0, reverse: bool = False) -> Array:
    """Running sums along an axis, from the end if reversed, in the dtype of the operand.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.cumsum(fnp.asarray([1, 2, 3]), reverse=True)
    Array([6, 5, 3], dtype=int64)
    """
    x = asarray(operand)
    return reductions.cumulative_sum(x, axis=normalize_axis(axis, x.ndim, "cumsum"), reverse=bool(reverse))


def cumprod(operand: Any, axis: int = 0, reverse: bool = False) -> Array:
    """Running products along an axis, from the end if reversed, in the dtype of the operand.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.cumprod(fnp.asarray([1, 2, 3]))
    Array([1, 2, 6], dtype=int64)
    """
    return _running("cumprod", running.cumulative_prod, operand, axis, reverse)


def cummax(operand: Any, axis: int = 0, reverse: bool = False) -> Array:
    """The largest element so far along an axis; its derivative goes to the last place that holds it.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.cummax(fnp.asarray([1, 3, 2]))
    Array([1, 3, 3], dtype=int64)
    """
    return _running("cummax", running.cumulative_max, operand, axis, reverse)


def cummin(operand: Any, axis: int = 0, reverse: bool = False) -> Array:
    """The least element so far along an axis; its derivative goes to the last place that holds it.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.cummin(fnp.asarray([3, 1, 2]))
    Array([3, 1, 1], dtype=int64)
    """
    return _running("cummin", running.cumulative_min, operand, axis, reverse)


def cumlogsumexp(operand: Any, axis: int = 0, reverse: bool = False) -> Array:
    """log(sum(exp(x))) of the elements so far along an axis, without overflow.

    Args:
        operand: floats.
        axis: along which.
        reverse: from the end.

    Raises:
        DtypeError: the operand is complex, or holds no floats.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.cumlogsumexp(fnp.asarray([1000.0, -1000.0]))
    Array([1000., 1000.], dtype=float32)

    Source: jax.lax.cumlogsumexp.
    """
    x = asarray(operand)
    if not is_floating(x.dtype):
        instead = "its running sums of exp(x) have logarithms" if is_complex(x.dtype) else "write x.astype('float32')"
        raise DtypeError(f"cumlogsumexp takes floats, not {x.aval}: {instead}")
    return _running("cumlogsumexp", running.cumulative_logsumexp, x, axis, reverse)
