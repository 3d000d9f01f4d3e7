"""Sorting and searching in sorted arrays.

NaN counts as larger than all numbers, and complex numbers are ordered by their real parts, then by their imaginary
parts, as in NumPy. All sorting is stable: equal elements keep their order, and so each has a derivative of its own.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from ..core import Array
from ..dtypes import inexact, is_complex, is_integer, promote_types
from ..errors import DtypeError, OptionError, ShapeError
from ..ops import sort as ops
from ..ops.create import asarray, promote_all
from ..ops.elementwise import astype, where
from ..ops.shape import normalize_axis, slice_
from .manipulation import ravel

__all__ = [
    "argpartition",
    "argsort",
    "digitize",
    "lexsort",
    "partition",
    "searchsorted",
    "sort",
    "sort_complex",
    "top_k",
]

_KINDS = (None, "quicksort", "mergesort", "heapsort", "stable")


def _line(a: Any, axis: int | None, name: str) -> tuple[Array, int]:
    """The array and the axis to sort along, counted from the front; the raveled array where there is none."""
    x = ravel(a) if axis is None else asarray(a)
    return x, normalize_axis(-1 if axis is None else axis, x.ndim, name)


def _accept(name: str, kind: Any, order: Any) -> None:
    if kind not in _KINDS:
        raise OptionError(f"{name}: kind must be one of {', '.join(map(repr, _KINDS[1:]))}, not {kind!r}")
    if order is not None:
        raise OptionError(f"{name}: order= names fields of a structured array, which there are none of; use lexsort")


def sort(
    a: Any,
    axis: int | None = -1,
    kind: str | None = None,
    order: None = None,
    *,
    descending: bool = False,
    stable: bool | None = True,
) -> Array:
    """The elements in order along an axis.

    The derivative is the same choice of elements, so of equal ones each keeps its own.

    Args:
        a: an array.
        axis: along which to sort; the raveled array where None.
        kind: NumPy's name of a method; all give the same result.
        order: there for NumPy's users; must be None.
        descending: largest first, NaN before them.
        stable: it is, in either case.

    >>> import funcgrad as fg
    >>> from funcgrad import numpy as fnp
    >>> fnp.sort(fnp.asarray([3.0, 1.0, 2.0]))
    Array([1., 2., 3.], dtype=float32)
    >>> fg.grad(lambda x: fnp.sort(x)[-1])(fnp.asarray([1.0, 3.0, 3.0]))
    Array([0., 0., 1.], dtype=float32)

    Source: Python array API 2024.12; `kind` and `order` are NumPy's.
    """
    _accept("sort", kind, order)
    x, found = _line(a, axis, "sort")
    return ops.sort(x, axis=found, descending=bool(descending))


def argsort(
    a: Any,
    axis: int | None = -1,
    kind: str | None = None,
    order: None = None,
    *,
    descending: bool = False,
    stable: bool | None = True,
) -> Array:
    """The places of the elements in order along an axis: `take_along_axis(a, argsort(a), -1)` is sorted.

    Args:
        a, axis, kind, order, descending, stable: as for `sort`. Equal elements keep their order, also descending.

    Returns:
        int64 of a's shape.

    >>> from funcgrad import numpy as fnp
    >>> fnp.argsort(fnp.asarray([3, 1, 3, 2]), descending=True)
    Array([0, 2, 3, 1], dtype=int64)

    Source: Python array API 2024.12.
    """
    _accept("argsort", kind, order)
    x, found = _line(a, axis, "argsort")
    return ops.argsort(x, axis=found, descending=bool(descending))


def _check_kth(name: str, kth: Any, x: Array, axis: int) -> None:
    n = x.shape[axis]
    for k in kth if isinstance(kth, tuple | list) else (kth,):
        if not -n <= operator.index(k) < n:
            raise ShapeError(f"{name}: there is no place kth={k} along axis {axis} of {x.aval}, which has {n}")


def partition(
    a: Any, kth: int | Sequence[int], axis: int | None = -1, kind: str = "introselect", order: None = None
) -> Array:
    """The elements so arranged that the kth is the one that sorting puts there, no larger ones before it.

    NumPy leaves open how the others stand; here they are sorted, too.

    Args:
        a: an array.
        kth: a place, or several.
        axis: along which; the raveled array where None.
        kind, order: there for NumPy's users.

    Raises:
        ShapeError: there is no such place.

    >>> from funcgrad import numpy as fnp
    >>> fnp.partition(fnp.asarray([7, 1, 5, 3]), 1)[1]
    Array(3, dtype=int64)
    """
    _accept("partition", None if kind == "introselect" else kind, order)
    x, found = _line(a, axis, "partition")
    _check_kth("partition", kth, x, found)
    return ops.sort(x, axis=found, descending=False)


def argpartition(
    a: Any, kth: int | Sequence[int], axis: int | None = -1, kind: str = "introselect", order: None = None
) -> Array:
    """The places that `partition` takes the elements from; arguments as there.

    >>> from funcgrad import numpy as fnp
    >>> fnp.argpartition(fnp.asarray([7, 1, 5, 3]), 1)[1]
    Array(3, dtype=int64)
    """
    _accept("argpartition", None if kind == "introselect" else kind, order)
    x, found = _line(a, axis, "argpartition")
    _check_kth("argpartition", kth, x, found)
    return ops.argsort(x, axis=found, descending=False)


def top_k(operand: Any, k: int, *, axis: int = -1) -> tuple[Array, Array]:
    """The k largest elements along an axis, largest first, and where they stand; the first of equals comes first.

    Args:
        operand: an array.
        k: how many, an int.
        axis: along which.

    Returns:
        (values, indices), with k elements along that axis. The values have derivatives.

    Raises:
        ShapeError: the axis has not as many elements.

    >>> from funcgrad import numpy as fnp
    >>> fnp.top_k(fnp.asarray([1.0, 5.0, 3.0]), 2)
    (Array([5., 3.], dtype=float32), Array([1, 2], dtype=int64))

    Source: jax.lax.top_k.
    """
    x, found = _line(operand, operator.index(axis), "top_k")
    k = operator.index(k)
    if not 0 <= k <= x.shape[found]:
        raise ShapeError(f"top_k: k={k} must be from 0 to {x.shape[found]}, the size of axis {found} of {x.aval}")
    order = ops.argsort(x, axis=found, descending=True)
    best = slice_(order, key=(slice(None),) * found + (slice(0, k),))
    return ops.take_along(x, best, found), best


def lexsort(keys: Any, axis: int = -1) -> Array:
    """The places of the elements ordered by several keys: the last one decides, then the one before it, and so on.

    Args:
        keys: a sequence of arrays of one shape, or an array whose rows are the keys.
        axis: along which to sort each.

    Returns:
        int64 of a key's shape.

    Raises:
        ShapeError: there are no keys, or their shapes differ.

    >>> from funcgrad import numpy as fnp
    >>> names, ages = fnp.asarray([2, 1, 1]), fnp.asarray([30, 40, 20])
    >>> fnp.lexsort((ages, names))                                       # by name, then by age
    Array([2, 1, 0], dtype=int64)
    """
    found = [asarray(key) for key in keys] if isinstance(keys, list | tuple) or asarray(keys).ndim else []
    if not found:
        raise ShapeError("lexsort: there are no keys to sort by")
    if any(key.shape != found[0].shape for key in found):
        raise ShapeError(f"lexsort: the keys must have one shape, not {', '.join(str(k.aval) for k in found)}")
    if not found[0].ndim:
        return asarray(0, device=found[0].device)
    along = normalize_axis(axis, found[0].ndim, "lexsort")
    order = ops.argsort(found[0], axis=along, descending=False)
    for key in found[1:]:
        later = ops.argsort(ops.take_along(key, order, along), axis=along, descending=False)
        order = ops.take_along(order, later, along)
    return order


def sort_complex(a: Any) -> Array:
    """The elements as complex numbers, sorted along the last axis by their real parts, then by their imaginary parts.

    >>> from funcgrad import numpy as fnp
    >>> fnp.sort_complex(fnp.asarray([2.0, 1.0]))
    Array([1.+0.j, 2.+0.j], dtype=complex64)
    """
    x = sort(a)
    return x if is_complex(x.dtype) else astype(x, promote_types(inexact(x.dtype), "complex64"))


def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Array:
    """Where to put values into a sorted array so that it stays sorted.

        a[i - 1] < v <= a[i]    for side="left"
        a[i - 1] <= v < a[i]    for side="right"

    Args:
        a: sorted, shape (n,).
        v: values of any shape.
        side: before or behind elements that equal a value.
        sorter: places that sort a, as `argsort(a)` gives them, where it is not sorted itself.

    Returns:
        int64 of v's shape, from 0 to n.

    Raises:
        ShapeError: a has not one dimension.

    >>> from funcgrad import numpy as fnp
    >>> fnp.searchsorted(fnp.asarray([1, 3, 5]), fnp.asarray([0, 3, 9]))
    Array([0, 1, 3], dtype=int64)

    Source: Python array API 2024.12.
    """
    if side not in ("left", "right"):
        raise OptionError(f"searchsorted: side must be 'left' or 'right', not {side!r}")
    x, values = promote_all((asarray(a), v))
    if x.ndim != 1:
        raise ShapeError(f"searchsorted: the sorted array must have one dimension, not {x.aval}: use vmap for rows")
    if sorter is not None:
        places = asarray(sorter, device=None if isinstance(sorter, Array) else x.device)
        if places.shape != x.shape or not is_integer(places.dtype):
            raise ShapeError(f"searchsorted: sorter must hold a place for each of {x.shape[0]}, not {places.aval}")
        x = x[places]
    return ops.searchsorted(x, values, side=side)


def digitize(x: Any, bins: Any, right: bool = False) -> Array:
    """The number of the bin that each element lies in: i where bins[i - 1] <= x < bins[i].

    Of decreasing edges it is bins[i - 1] > x >= bins[i].

    Args:
        x: an array.
        bins: edges, increasing or decreasing, shape (n,).
        right: whether a bin holds its upper edge instead of its lower one.

    Returns:
        int64 of x's shape: 0 before the first edge, n behind the last.

    Raises:
        ShapeError: the edges have not one dimension.
        DtypeError: the elements are complex.

    >>> from funcgrad import numpy as fnp
    >>> fnp.digitize(fnp.asarray([0.2, 6.4, 3.0]), fnp.asarray([0.0, 1.0, 2.5, 4.0]))
    Array([1, 4, 3], dtype=int64)
    """
    edges, values = promote_all((asarray(bins), x))
    if edges.ndim != 1:
        raise ShapeError(f"digitize: the edges must have one dimension, not {edges.aval}")
    if is_complex(edges.dtype):
        raise DtypeError(f"digitize: complex numbers have no bins: {values.aval}")
    side = "left" if right else "right"
    up = ops.searchsorted(edges, values, side=side)
    if edges.shape[0] < 2:
        return up
    down = edges.shape[0] - ops.searchsorted(edges[::-1], values, side=side)
    return where(edges[0] <= edges[-1], up, down)
