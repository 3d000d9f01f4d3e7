"""Grids of coordinates, indices of their points, and indices that are written like slices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..config import default_dtype
from ..core import SCALARS, Array, Tracer
from ..dtypes import is_boolean, is_floating, is_integer
from ..errors import ArrayIndexError, DtypeError, OptionError, ShapeError
from ..ops.create import asarray, promote_all
from ..ops.elementwise import astype
from ..rules import broadcast_shapes
from .creation import arange, linspace, parse_shape
from .elementwise import clip, floor_divide, nonzero, remainder
from .manipulation import broadcast_to, concat, reshape
from .reductions import any as any_

__all__ = [
    "c_",
    "fromfunction",
    "index_exp",
    "indices",
    "ix_",
    "mgrid",
    "ogrid",
    "r_",
    "ravel_multi_index",
    "s_",
    "unravel_index",
]

index_exp, s_ = np.index_exp, np.s_
"""What stands in `x[...]` as a value: `s_[1:, ::2]`; `index_exp` makes a tuple of it in any case."""


def ix_(*args: Any) -> tuple[Array, ...]:
    """Indices of all combinations: `x[ix_(rows, columns)]` is a block of x.

    Args:
        *args: vectors of integers, or of booleans for the places of the true ones.

    Returns:
        The vectors, the k-th along axis k.

    Raises:
        ShapeError: one is no vector.

    >>> from funcgrad import numpy as fnp
    >>> fnp.arange(9).reshape(3, 3)[fnp.ix_([0, 2], [1, 2])].tolist()
    [[1, 2], [7, 8]]
    """
    found = []
    for k, given in enumerate(args):
        x = asarray(given)
        if x.ndim != 1:
            raise ShapeError(f"ix_: the indices must be vectors, not {x.aval}")
        if is_boolean(x.dtype):
            (x,) = nonzero(x)
        elif not x.size:  # [] is an array of floats
            x = astype(x, "int64")
        found.append(reshape(x, (1,) * k + (-1,) + (1,) * (len(args) - k - 1)))
    return tuple(found)


def indices(dimensions: Sequence[int], dtype: Any = int, sparse: bool = False) -> Any:
    """The coordinates of the elements of an array: out[k][i, j, ...] is the index along axis k.

    Args:
        dimensions: the array's shape.
        dtype: of the result.
        sparse: one array an axis instead, of size one along the others.

    Returns:
        Shape (len(dimensions), *dimensions), or a tuple of arrays.

    >>> from funcgrad import numpy as fnp
    >>> fnp.indices((2, 2)).tolist()
    [[[0, 0], [1, 1]], [[0, 1], [0, 1]]]
    """
    shape = parse_shape(dimensions)
    found: Any = np.indices(shape, np.int64, sparse=bool(sparse))  # type: ignore[call-overload]
    if sparse:
        return tuple(asarray(i, dtype) for i in found)
    return asarray(found, dtype)


def fromfunction(function: Callable[..., Any], shape: Sequence[int], *, dtype: Any = float, **kwargs: Any) -> Any:
    """function(i, j, ...) of the coordinates of all elements at once.

    Args:
        function: of one array an axis.
        shape: of each of them.
        dtype: of the coordinates.
        **kwargs: passed on.

    >>> from funcgrad import numpy as fnp
    >>> fnp.fromfunction(lambda i, j: i + 2 * j, (2, 2), dtype=int).tolist()
    [[0, 2], [1, 3]]
    """
    return function(*indices(shape, dtype), **kwargs)


# ---- objects that are indexed ------------------------------------------------------------------


def _in_default(x: np.ndarray[Any, Any]) -> Array:
    """NumPy's array with its floats in the default dtype."""
    return asarray(x, default_dtype() if is_floating(x.dtype) else None)


class _Grid:
    """`mgrid` and `ogrid`: coordinates by slices, `[0:2, 0:1:3j]`; an imaginary step is a number of points."""

    def __init__(self, sparse: bool):
        self._numpy: Any = np.ogrid if sparse else np.mgrid

    def __getitem__(self, key: Any) -> Any:
        found = self._numpy[key]
        return tuple(map(_in_default, found)) if isinstance(found, tuple | list) else _in_default(found)


mgrid, ogrid = _Grid(False), _Grid(True)


class _Along:
    """`r_` and `c_`: arrays, numbers and slices joined along an axis.

    >>> from funcgrad import numpy as fnp
    >>> fnp.r_[1:4, 9, fnp.asarray([7, 8])]
    Array([1, 2, 3, 9, 7, 8], dtype=int64)
    >>> fnp.c_[fnp.asarray([1, 2]), fnp.asarray([3, 4])].tolist()
    [[1, 3], [2, 4]]
    """

    def __init__(self, axis: int, ndim: int, start: int):
        self._defaults = axis, ndim, start

    def __getitem__(self, key: Any) -> Array:
        axis, ndim, start = self._defaults
        parts = list(key) if isinstance(key, tuple) else [key]
        if parts and isinstance(parts[0], str):
            axis, ndim, start = self._directive(parts.pop(0))
        arrays = [x if type(x) in SCALARS else _placed(x, ndim, start) for x in map(_part, parts)]
        met = promote_all(arrays)
        return concat([reshape(x, (1,) * max(ndim, 1)) if not x.ndim else x for x in met], axis=axis)

    def _directive(self, text: str) -> tuple[int, int, int]:
        """'axis,ndim,start': three numbers, of which the last ones may be left out; 'r' and 'c' make matrices."""
        axis, ndim, start = self._defaults
        if text in ("r", "c"):
            return -1 if text == "r" else 0, 2, -1 if text == "r" else 0
        try:
            numbers = [int(n) for n in text.split(",")]
        except ValueError:
            numbers = []
        if not 1 <= len(numbers) <= 3:
            raise OptionError(f"a directive must be 'axis', 'axis,ndim', 'axis,ndim,start', 'r' or 'c', not {text!r}")
        axis, ndim, start = (*numbers, *(axis, ndim, start)[len(numbers) :])
        return axis, ndim, start


def _part(given: Any) -> Any:
    if not isinstance(given, slice):
        return given if type(given) in SCALARS else asarray(given)
    start, step = 0 if given.start is None else given.start, 1 if given.step is None else given.step
    if isinstance(step, complex):
        return linspace(start, given.stop, int(abs(step)))
    return arange(start, given.stop, step)


def _placed(x: Array, ndim: int, start: int) -> Array:
    """The array with new axes to have ndim; its own begin at that place (the last possible one for -1)."""
    new = ndim - x.ndim
    if new <= 0 or not x.ndim:
        return x
    front = start if start >= 0 else new + 1 + start
    return reshape(x, (1,) * front + x.shape + (1,) * (new - front))


r_, c_ = _Along(0, 1, -1), _Along(-1, 2, 0)

# ---- flat indices ------------------------------------------------------------------------------


def _integers(x: Any, name: str) -> Any:
    found = asarray(x)
    if not is_integer(found.dtype):
        raise DtypeError(f"{name}: indices must be integers, not {found.aval}")
    return astype(found, "int64")


def _check(name: str, index: Any, n: int) -> None:
    """An error for an index out of range, where its value is at hand."""
    if not isinstance(index, Tracer) and index.size and bool(any_((index < 0) | (index >= n))):
        raise ArrayIndexError(f"{name}: an index in {index.tolist()} is out of range for {n}")


def _order(order: str, name: str) -> bool:
    if order not in ("C", "F"):
        raise OptionError(f"{name}: order must be 'C' or 'F', not {order!r}")
    return order == "C"


def unravel_index(indices: Any, shape: int | Sequence[int], order: str = "C") -> tuple[Array, ...]:
    """The coordinates of elements that are counted in the raveled array.

    Args:
        indices: integers of any shape.
        shape: the array's.
        order: "C" counts row by row, "F" column by column.

    Returns:
        An array for each axis, int64 of the shape of the indices.

    Raises:
        ArrayIndexError: an index is out of range; under a transform, where its value is not known, it is not looked at.

    >>> from funcgrad import numpy as fnp
    >>> fnp.unravel_index(fnp.asarray(5), (2, 3))
    (Array(1, dtype=int64), Array(2, dtype=int64))
    """
    sizes, flat = parse_shape(shape), _integers(indices, "unravel_index")
    rows_first = _order(order, "unravel_index")
    _check("unravel_index", flat, int(np.prod(sizes, dtype=np.int64)))
    found: list[Array] = []
    for n in reversed(sizes) if rows_first else sizes:
        found.append(remainder(flat, max(n, 1)))
        flat = floor_divide(flat, max(n, 1))
    return tuple(reversed(found)) if rows_first else tuple(found)


def ravel_multi_index(
    multi_index: Sequence[Any], dims: Sequence[int], mode: str | Sequence[str] = "raise", order: str = "C"
) -> Array:
    """How elements with some coordinates are counted in the raveled array: the inverse of `unravel_index`.

    Args:
        multi_index: integers for each axis; their shapes broadcast.
        dims: the array's shape.
        mode: what becomes of a coordinate out of range: "raise" an error, "wrap" it around, or "clip" it; one for all
            axes or one an axis. Under a transform, where its value is not known, "raise" does not look at it.
        order: "C" counts row by row, "F" column by column.

    Raises:
        ArrayIndexError: a coordinate is out of range.

    >>> from funcgrad import numpy as fnp
    >>> fnp.ravel_multi_index((1, 2), (2, 3))
    Array(5, dtype=int64)
    """
    sizes = parse_shape(tuple(dims))
    modes = (mode,) * len(sizes) if isinstance(mode, str) else tuple(mode)
    if len(multi_index) != len(sizes) or len(modes) != len(sizes):
        raise ShapeError(f"ravel_multi_index: {len(multi_index)} coordinates for the shape {sizes}")
    found = [
        bounded(_integers(i, "ravel_multi_index"), n, m, "ravel_multi_index")
        for i, n, m in zip(multi_index, sizes, modes, strict=True)
    ]
    pairs = list(zip(found, sizes, strict=True))
    flat: Any = asarray(0, device=found[0].device) if found else asarray(0)
    for index, n in pairs if _order(order, "ravel_multi_index") else reversed(pairs):
        flat = flat * n + index
    return broadcast_to(flat, broadcast_shapes("ravel_multi_index", *[i.shape for i in found]))


def bounded(index: Any, n: int, mode: str | None, name: str) -> Any:
    """An index into n things from 0 on, made so or refused as the mode says; None is "raise"."""
    if mode in (None, "raise"):
        _check(name, index, n)
        return index
    if mode == "wrap":
        return remainder(index, n)
    if mode == "clip":
        return clip(index, 0, n - 1)
    raise OptionError(f"{name}: mode must be 'raise', 'wrap' or 'clip', not {mode!r}")
