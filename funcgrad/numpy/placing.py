"""Copies of arrays with other elements at some places, and elements chosen among several arrays.

NumPy's functions of these names change an array in place. Here they return the changed copy, and ask for
`inplace=False`, so that a program that drops their result is not wrong in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import Array
from ..dtypes import is_boolean, is_integer
from ..errors import DtypeError, ImmutableArrayError, OptionError, ShapeError
from ..ops import sort as along
from ..ops.bounds import checked_mode, scatter_by
from ..ops.create import asarray, promote_all
from ..ops.elementwise import astype, cast, where
from ..ops.index import gather, scatter_set
from ..ops.reduce import cumulative_sum
from ..ops.shape import normalize_axis
from ..rules import iota
from .grids import bounded
from .indexing import fitting
from .manipulation import broadcast_arrays, broadcast_to, ravel, reshape, stack
from .searching import truths

__all__ = ["choose", "place", "put", "put_along_axis"]


def _refuse_inplace(name: str, inplace: bool, call: str) -> None:
    if inplace:
        raise ImmutableArrayError(f"{name}: arrays do not change in place; write `a = {name}({call}, inplace=False)`")


def _index(x: Any, beside: Array, name: str) -> Any:
    index: Any = asarray(x, device=None if isinstance(x, Array) else beside.device)
    if not index.size and not is_integer(index.dtype):  # [] is an array of floats
        index = cast(index, dtype=np.dtype(np.int64))
    if not is_integer(index.dtype):
        raise DtypeError(f"{name}: indices must be integers, not {index.aval}")
    return astype(index, "int64")


def put_along_axis(
    arr: Any, indices: Any, values: Any, axis: int | None = -1, mode: str | None = None, *, inplace: bool = True
) -> Array:
    """The array with, in each line along an axis, other elements at its own places: the inverse of `take_along_axis`.

    Args:
        arr: an array.
        indices: integers of as many dimensions; sizes other than the axis broadcast with arr's.
        values: what to put there; they broadcast against the indices.
        axis: along which; of the raveled array where None.
        mode: what becomes of an index out of range, as for `x.at[...]`: an error where None.
        inplace: must be False.

    Raises:
        ImmutableArrayError: inplace is True.
        ShapeError: the shapes do not fit.
        ArrayIndexError: an index is out of range.

    >>> from funcgrad import numpy as fnp
    >>> fnp.put_along_axis(fnp.zeros((2, 2)), fnp.asarray([[0], [1]]), 7.0, axis=1, inplace=False).tolist()
    [[7.0, 0.0], [0.0, 7.0]]
    """
    _refuse_inplace("put_along_axis", inplace, "a, indices, values, axis")
    how = checked_mode(mode, "put_along_axis")
    x = asarray(arr)
    if axis is None:
        return reshape(put_along_axis(ravel(x), ravel(indices), values, 0, mode, inplace=False), x.shape)
    found = normalize_axis(axis, x.ndim, "put_along_axis")
    index = _index(indices, x, "put_along_axis")
    if index.ndim != x.ndim:
        raise ShapeError(f"put_along_axis: the shapes {x.shape} and {index.shape} have not as many dimensions")
    shape = (*x.shape[:found], index.shape[found], *x.shape[found + 1 :])
    index = broadcast_to(index, shape)
    new = broadcast_to(fitting(x, values), shape)

    def put(x: Any, updates: Any, *indices: Any) -> Any:
        return scatter_by(scatter_set, x, updates, indices, how)

    return along.put_along(put, x, new, index, found)


def put(a: Any, ind: Any, v: Any, mode: str | None = None, *, inplace: bool = True) -> Array:
    """The array with other elements at some places of the raveled array.

    Args:
        a: an array.
        ind: integers, any shape; negative ones count from the end.
        v: what to put there, one after the other, from the beginning again if there are too few.
        mode: what becomes of an index out of range: "raise" an error (the default), "wrap" or "clip" it.
        inplace: must be False.

    Raises:
        ImmutableArrayError: inplace is True.
        ArrayIndexError: an index is out of range.

    >>> from funcgrad import numpy as fnp
    >>> fnp.put(fnp.zeros(4), [0, 2], [5.0, 6.0], inplace=False)
    Array([5., 0., 6., 0.], dtype=float32)
    """
    _refuse_inplace("put", inplace, "a, ind, v")
    x = asarray(a)
    index, values = ravel(_index(ind, x, "put")), ravel(fitting(x, v))
    if mode in ("wrap", "clip"):
        index = bounded(index, x.size, mode, "put")
    elif mode not in (None, "raise"):
        raise OptionError(f"put: mode must be 'raise', 'wrap' or 'clip', not {mode!r}")
    if not index.size or not values.size:
        return x
    return reshape(scatter_set(ravel(x), values[np.arange(index.size) % values.size], index), x.shape)


def place(arr: Any, mask: Any, vals: Any, *, inplace: bool = True) -> Array:
    """The array with other elements where a mask is true: the first of them at the first such place, and so on.

    Args:
        arr: an array.
        mask: true where not zero, of arr's shape.
        vals: what to put there, from the beginning again if there are too few.
        inplace: must be False.

    Raises:
        ImmutableArrayError: inplace is True.
        ShapeError: the mask has another shape, or there are no values.

    >>> from funcgrad import numpy as fnp
    >>> fnp.place(fnp.asarray([1, 2, 3]), [True, False, True], [8, 9], inplace=False)
    Array([8, 2, 9], dtype=int64)
    """
    _refuse_inplace("place", inplace, "arr, mask, vals")
    x = asarray(arr)
    inside, values = truths(mask, x), ravel(fitting(x, vals))
    if inside.size != x.size:
        raise ShapeError(f"place: a mask of shape {inside.shape} for {x.aval}")
    if not values.size:
        raise ShapeError("place: there are no values to put anywhere")
    flat = ravel(inside)
    numbers = cumulative_sum(cast(flat, dtype=np.dtype(np.int64)), axis=0, reverse=False) - 1
    numbers = where(numbers < 0, 0, numbers % values.size)
    return reshape(where(flat, values[numbers], ravel(x)), x.shape)


def choose(a: Any, choices: Sequence[Any], out: None = None, mode: str = "raise") -> Array:
    """Each element from the array whose number stands there.

    Args:
        a: numbers of choices, integers.
        choices: arrays, or one array along whose first axis they are; all broadcast with a.
        out: must be None.
        mode: what becomes of a number out of range: "raise" an error, "wrap" or "clip" it.

    Raises:
        ArrayIndexError: there is no choice of that number.

    >>> from funcgrad import numpy as fnp
    >>> fnp.choose(fnp.asarray([1, 0, 1]), [fnp.asarray([1, 2, 3]), 9])
    Array([9, 2, 9], dtype=int64)
    """
    if out is not None:
        raise ImmutableArrayError("choose: arrays do not change, so there is no out=; take the result")
    rows: Any = choices if isinstance(choices, list | tuple) else asarray(choices)
    count = len(rows) if isinstance(rows, list | tuple) else sum(rows.shape[:1])
    if not count:
        raise ShapeError("choose: there are no choices")
    found = promote_all([rows[k] for k in range(count)])
    given = asarray(a)
    index, *wide = broadcast_arrays(
        astype(given, "int64") if is_boolean(given.dtype) else _index(a, found[0], "choose"), *found
    )
    index = bounded(index, len(found), mode, "choose")
    others: list[Any] = []
    for k, n in enumerate(index.shape):
        ramp: Any = iota(n, index)
        others.append(ramp.reshape((-1,) + (1,) * (index.ndim - k - 1)).broadcast_to(index.shape))
    return gather(stack(wide), index, *others)
