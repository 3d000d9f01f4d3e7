"""Sets: the different elements of arrays.

How many there are depends on the values; with `size` the result has that many whatever they are, so that a batch stays
together and a program asks nothing. Values are chosen elements and have their derivatives: of equal ones the first.
"""

from __future__ import annotations

import functools
import operator
from typing import Any, NamedTuple

import numpy as np

from ..core import Array
from ..dtypes import is_boolean, is_inexact
from ..errors import ShapeError
from ..ops import sort as ops
from ..ops.create import asarray, promote_all
from ..ops.elementwise import astype, cast, equal, logical_and, logical_not, logical_or, not_equal, where
from ..ops.index import scatter_max, scatter_min, scatter_set
from ..ops.key import of_mask
from ..ops.reduce import any as any_
from ..ops.reduce import cumulative_sum
from ..ops.shape import concat, normalize_axis, reshape
from ..rules import iota, move_axis
from .manipulation import ravel
from .searching import picked
from .sorting import lexsort

__all__ = [
    "intersect1d",
    "isin",
    "setdiff1d",
    "setxor1d",
    "union1d",
    "unique",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
]

_INT64 = np.dtype(np.int64)


class UniqueAllResult(NamedTuple):
    """What `unique_all` returns."""

    values: Array
    indices: Array
    inverse_indices: Array
    counts: Array


class UniqueCountsResult(NamedTuple):
    """What `unique_counts` returns."""

    values: Array
    counts: Array


class UniqueInverseResult(NamedTuple):
    """What `unique_inverse` returns."""

    values: Array
    inverse_indices: Array


# ---- runs of equal elements in a sorted array ---------------------------------------------------


class _Runs:
    """The rows of an array (n, ...) in order, and where those that are equal begin.

    Args:
        x: an array of at least one dimension.
        equal_nan: whether NaN equals NaN.
    """

    def __init__(self, x: Any, equal_nan: bool):
        self.x, self.n = x, x.shape[0]
        self.sorted = ops.sort(x, axis=0, descending=False) if x.ndim == 1 else x[self.order]
        self.begins = self._begins(equal_nan)

    @functools.cached_property
    def order(self) -> Any:
        """From where each row in order comes; the values alone are sorted faster without it."""
        if self.x.ndim == 1:
            return ops.argsort(self.x, axis=0, descending=False)
        columns = reshape(self.x, shape=(self.n, self.x.size // self.n if self.n else 0))
        keys = [columns[:, k] for k in reversed(range(columns.shape[1]))]
        return lexsort(keys) if keys else iota(self.n, self.x)

    def _begins(self, equal_nan: bool) -> Any:
        rows = self.sorted
        differs = not_equal(rows[1:], rows[:-1])
        if equal_nan and is_inexact(rows.dtype):
            nan = not_equal(rows, rows)
            differs = logical_and(differs, logical_not(logical_and(nan[1:], nan[:-1])))
        if rows.ndim > 1:
            differs = any_(differs, axes=tuple(range(1, differs.ndim)))
        first = equal(iota(min(self.n, 1), rows), 0)
        return concat(first, differs, axis=0)

    def numbers(self) -> Any:
        """For each place in order, which run it is in."""
        return cumulative_sum(cast(self.begins, dtype=_INT64), axis=0, reverse=False) - 1

    def inverse(self) -> Any:
        """For each place of the array as it came, which run it is in."""
        return scatter_set(iota(self.n, self.sorted), self.numbers(), self.order)

    def has(self, mask: Any) -> Any:
        """For each place in order: is the mask, of the array as it came, true anywhere in its run?"""
        runs = self.numbers()
        return scatter_max(iota(self.n, runs) * 0, cast(mask[self.order], dtype=_INT64), runs)[runs] > 0

    def places(self, size: int | None) -> tuple[Any, Any]:
        """Where runs begin, and where each ends: in order. Where there are fewer than size, 0 and nothing."""
        end = iota(1, self.begins) + self.n
        if size is None:
            (places,) = of_mask(self.begins)
            return places, concat(places[1:], end, axis=0) if places.shape[0] else places
        places, there = ops.first_places(self.begins, size + 1)
        bounds = where(there, places, self.n)
        return where(there, places, 0)[:-1], bounds[1:] - bounds[:-1] + where(there, places, 0)[:-1]


# ---- unique ------------------------------------------------------------------------------------


def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    size: int | None = None,
    fill_value: Any = None,
    sorted: bool = True,
) -> Any:
    """The different elements of an array in order, or its different slices along an axis.

    Args:
        ar: an array.
        return_index: also where each of them stands first.
        return_inverse: also which of them each element is.
        return_counts: also how often each occurs.
        axis: whose slices to compare, in lexicographical order; elements of the raveled array where None.
        equal_nan: whether NaN equals NaN.
        size: how many to return: the first ones, and `fill_value` where there are fewer, counted 0 times.
        fill_value: of the values, the least of them where None.
        sorted: they are, in either case.

    Returns:
        The values, or a tuple of them and what was asked for: indices and counts of shape (count,), int64, and the
        inverse in ar's shape (along an axis: one for each slice).

    Raises:
        ShapeError: values of an empty array shall be filled up.

    >>> from funcgrad import numpy as fnp
    >>> fnp.unique(fnp.asarray([3, 1, 3]), return_counts=True)
    (Array([1, 3], dtype=int64), Array([1, 2], dtype=int64))
    >>> fnp.unique(fnp.asarray([3, 1, 3]), size=4, fill_value=-1)
    Array([ 1,  3, -1, -1], dtype=int64)

    Source: numpy.unique; size and fill_value are JAX's.
    """
    x: Any = asarray(ar)
    shape = x.shape
    place = 0 if axis is None else normalize_axis(axis, x.ndim, "unique")
    x = ravel(x) if axis is None else move_axis(x, place, 0)
    runs = _Runs(x, equal_nan)
    if size is not None:
        size = operator.index(size)
        if size and not runs.n and fill_value is None:
            raise ShapeError(f"unique: {x.aval} has nothing to fill {size} values with: give fill_value")
    begins, ends = runs.places(size)
    if size is None or runs.n:
        values = runs.sorted[begins]
    else:
        values = picked(runs.sorted, runs.begins, size, fill_value)
    if size is not None and fill_value is not None:
        filling = asarray(fill_value, x.dtype, device=x.device)
        values = where((ends > begins).reshape((-1,) + (1,) * (x.ndim - 1)), values, filling)
    found = [move_axis(values, 0, place)]
    if return_index:
        found.append(runs.order[begins] if runs.n else begins)
    if return_inverse:
        inverse = runs.inverse()
        found.append(reshape(inverse, shape=shape) if axis is None else inverse)
    if return_counts:
        found.append(ends - begins)
    return found[0] if len(found) == 1 else tuple(found)


def unique_all(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueAllResult:
    """The different elements in order, where each stands first, which of them each element is, how often each occurs.

    NaN does not equal NaN.

    Args:
        x: an array.
        size, fill_value: as for `unique`.

    Returns:
        A named tuple of values, indices, inverse_indices (of x's shape) and counts.

    >>> from funcgrad import numpy as fnp
    >>> fnp.unique_all(fnp.asarray([3, 1, 3])).indices
    Array([1, 0], dtype=int64)

    Source: Python array API 2024.12; size and fill_value are JAX's.
    """
    return UniqueAllResult(*unique(x, True, True, True, equal_nan=False, size=size, fill_value=fill_value))


def unique_counts(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueCountsResult:
    """The different elements in order, and how often each occurs; see `unique_all`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.unique_counts(fnp.asarray([3, 1, 3])).counts
    Array([1, 2], dtype=int64)

    Source: Python array API 2024.12.
    """
    found = unique(x, return_counts=True, equal_nan=False, size=size, fill_value=fill_value)
    return UniqueCountsResult(*found)


def unique_inverse(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> UniqueInverseResult:
    """The different elements in order, and which of them each element is; see `unique_all`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.unique_inverse(fnp.asarray([3, 1, 3])).inverse_indices
    Array([1, 0, 1], dtype=int64)

    Source: Python array API 2024.12.
    """
    found = unique(x, return_inverse=True, equal_nan=False, size=size, fill_value=fill_value)
    return UniqueInverseResult(*found)


def unique_values(x: Any, /, *, size: int | None = None, fill_value: Any = None) -> Array:
    """The different elements in order; see `unique_all`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.unique_values(fnp.asarray([3, 1, 3]))
    Array([1, 3], dtype=int64)

    Source: Python array API 2024.12.
    """
    return unique(x, equal_nan=False, size=size, fill_value=fill_value)


# ---- sets of two arrays ------------------------------------------------------------------------


def isin(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *, kind: str | None = None
) -> Array:
    """Which elements are among others.

    Args:
        element: an array, or a number.
        test_elements: the others, any shape.
        assume_unique, kind: there for NumPy's users; the result is the same.
        invert: ask instead which are not.

    Returns:
        Booleans of element's shape. NaN is not among any.

    >>> from funcgrad import numpy as fnp
    >>> fnp.isin(fnp.asarray([1, 2, 3]), fnp.asarray([3, 1]))
    Array([ True, False,  True], dtype=bool)

    Source: Python array API 2025.12; the other arguments are NumPy's.
    """
    x, others = promote_all((element, test_elements))
    if is_boolean(x.dtype):
        x, others = (cast(a, dtype=np.dtype(np.int8)) for a in (x, others))
    n = others.size
    if n:
        line: Any = ops.sort(ravel(others), axis=0, descending=False)
        at = ops.searchsorted(line, x, side="left")
        found = equal(line[where(at < n, at, n - 1)], x)
    else:
        found = logical_and(equal(x, x), False)
    return logical_not(found) if invert else found


def _joined(ar1: Any, ar2: Any, equal_nan: bool = False) -> tuple[_Runs, Any, Any]:
    """The runs of two raveled arrays together, and for each place in order whether its run has elements of each."""
    x, y = (ravel(a) for a in promote_all((ar1, ar2)))
    runs = _Runs(concat(x, y, axis=0), equal_nan)
    of_first = iota(runs.n, runs.sorted) < x.shape[0]
    return runs, runs.has(of_first), runs.has(logical_not(of_first))


def union1d(ar1: Any, ar2: Any, *, size: int | None = None, fill_value: Any = None) -> Array:
    """The different elements of two arrays together, in order.

    Args:
        ar1, ar2: arrays of any shape.
        size, fill_value: as for `unique`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.union1d(fnp.asarray([3, 1]), fnp.asarray([1, 2]))
    Array([1, 2, 3], dtype=int64)
    """
    return unique(concat(*[ravel(a) for a in promote_all((ar1, ar2))], axis=0), size=size, fill_value=fill_value)


def intersect1d(
    ar1: Any,
    ar2: Any,
    assume_unique: bool = False,
    return_indices: bool = False,
    *,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """The different elements that two arrays have in common, in order.

    Args:
        ar1, ar2: arrays of any shape.
        assume_unique: there for NumPy's users; the result is the same.
        return_indices: also where each stands first in the raveled arrays.
        size: how many to return, as for `unique`; the rest is `fill_value`, 0 where None.
        fill_value: of the values.

    Returns:
        The values, or (values, places in ar1, places in ar2).

    >>> from funcgrad import numpy as fnp
    >>> fnp.intersect1d(fnp.asarray([3, 1, 4]), fnp.asarray([4, 3, 5]))
    Array([3, 4], dtype=int64)
    """
    runs, in_first, in_second = _joined(ar1, ar2)
    mask = logical_and(runs.begins, logical_and(in_first, in_second))
    values = picked(runs.sorted, mask, size, fill_value)
    if not return_indices:
        return values
    n = asarray(ar1).size  # elements of ar1 stand before their equals of ar2, as sorting is stable
    numbers = runs.numbers()
    behind = where(runs.order >= n, runs.order - n, runs.n)
    first_behind = scatter_min(iota(runs.n, numbers) * 0 + runs.n, behind, numbers)[numbers]
    return values, picked(runs.order, mask, size, 0), picked(first_behind, mask, size, 0)


def setdiff1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, *, size: int | None = None, fill_value: Any = None
) -> Array:
    """The different elements of one array that are not in another, in order.

    Args:
        ar1, ar2: arrays of any shape.
        assume_unique: take ar1's elements as they stand, without sorting them.
        size: how many to return, as for `unique`; the rest is `fill_value`, 0 where None.
        fill_value: of the values.

    >>> from funcgrad import numpy as fnp
    >>> fnp.setdiff1d(fnp.asarray([3, 1, 4, 3]), fnp.asarray([4, 5]))
    Array([1, 3], dtype=int64)
    """
    first = asarray(ar1)
    x, y = (ravel(a) for a in promote_all((first, ar2)))
    if assume_unique:
        return astype(picked(x, isin(x, y, invert=True), size, fill_value), first.dtype)
    runs = _Runs(x, True)
    found = picked(runs.sorted, logical_and(runs.begins, isin(runs.sorted, y, invert=True)), size, fill_value)
    return astype(found, first.dtype)


def setxor1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, *, size: int | None = None, fill_value: Any = None
) -> Array:
    """The different elements that only one of two arrays has, in order.

    Args:
        ar1, ar2: arrays of any shape.
        assume_unique: there for NumPy's users; the result is the same.
        size: how many to return, as for `unique`; the rest is `fill_value`, 0 where None.
        fill_value: of the values.

    >>> from funcgrad import numpy as fnp
    >>> fnp.setxor1d(fnp.asarray([3, 1, 4]), fnp.asarray([4, 3, 5]))
    Array([1, 5], dtype=int64)
    """
    runs, in_first, in_second = _joined(ar1, ar2)
    only_one = logical_and(logical_or(in_first, in_second), logical_not(logical_and(in_first, in_second)))
    return picked(runs.sorted, logical_and(runs.begins, only_one), size, fill_value)
