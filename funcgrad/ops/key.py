"""What stands in `x[...]`: NumPy's index, taken apart into a slice, an order of axes, and index arrays.

NumPy's rules for mixed indices (basic ones, integer arrays and masks together) become three plain steps, each a linear
operation or its transpose: slice; bring the axes that arrays index to the front and gather there; put the new axes
where NumPy puts them (in place of the arrays if those stand side by side, else in front).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import Array, Tracer, seen, wrap
from ..device import namespace
from ..dtypes import is_boolean, is_integer
from ..errors import ArrayIndexError, DtypeError, ShapeError
from ..rules import broadcast_shapes
from .bounds import scatter_by, take
from .create import asarray
from .elementwise import cast, floor_divide, remainder
from .index import flatnonzero, gather
from .reduce import sum as sum_
from .shape import broadcast_to, inverse, permute_dims, reshape, set_slice, slice_, sliced_shape


@dataclass(frozen=True, slots=True)
class Key:
    """An index taken apart.

    Args:
        basic: ints, slices and None; where an array indexes an axis, the slice of all of it.
        order: axes of the sliced array, the ones that arrays index first.
        indices: one integer array for each of those; all of one shape.
        place: where in the result the axes of `indices` go.
    """

    basic: tuple[Any, ...]
    order: tuple[int, ...]
    indices: tuple[Any, ...]
    place: int

    def take(self, x: Any, mode: str | None = None, fill_value: Any = None) -> Any:
        """x[key]; the mode says what becomes of an index out of range (`bounds.py`), None that it is an error."""
        if not self.indices:
            return slice_(x, key=self.basic)
        turned = permute_dims(slice_(x, key=self.basic), axes=self.order)
        found = gather(turned, *self.indices) if mode is None else take(turned, self.indices, mode, fill_value)
        return permute_dims(found, axes=self._out_order(found.ndim))

    def put(self, x: Any, updates: Any, scatter: Any, mode: str | None = None) -> Any:
        """x with the result of `scatter(part, updates, *indices)` at the key's place; the mode as for `take`."""
        part = slice_(x, key=self.basic)
        shape = self.result_shape(part.shape)
        if broadcast_shapes("x.at[...]", updates.shape, shape) != shape:
            raise ShapeError(f"x.at[...]: values of shape {updates.shape} do not fit the indexed shape {shape}")
        updates = broadcast_to(updates, shape=shape)
        if self.indices:
            turned = permute_dims(part, axes=self.order)
            turned_updates = permute_dims(updates, axes=inverse(self._out_order(updates.ndim)))
            scattered = scatter_by(scatter, turned, turned_updates, self.indices, mode)
            changed = permute_dims(scattered, axes=inverse(self.order))
        else:
            changed = scatter(part, updates)
        return set_slice(x, changed, key=self.basic)

    def result_shape(self, sliced: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of x[key], given that of the sliced array."""
        if not self.indices:
            return sliced
        rest = [sliced[i] for i in self.order[len(self.indices) :]]
        return (*rest[: self.place], *self.indices[0].shape, *rest[self.place :])

    def _out_order(self, ndim: int) -> tuple[int, ...]:
        """Gather leaves the axes of the indices in front: where each axis of x[key] comes from."""
        k = self.indices[0].ndim
        rest = range(k, ndim)
        return (*rest[: self.place], *range(k), *rest[self.place :])


def parse(key: Any, x: Array, strict: bool = True) -> Key:
    """The index of that array, taken apart; not strict, ints out of range are left to the mode of `take` and `put`."""
    entries, dots = _expand(key if isinstance(key, tuple) else (key,), x, strict)
    if not any(isinstance(e, Array) for e in entries):
        return Key(tuple(entries), (), (), 0)
    return _advanced(entries, dots, x)


def _expand(key: tuple[Any, ...], x: Array, strict: bool) -> tuple[list[Any], int]:
    """One entry an axis, and None for new axes: no Ellipsis, no mask, as many axes as the array has.

    And before which entry the ellipsis stood.
    """
    given, shape = [_entry(entry, x) for entry in key], x.shape
    consumed = sum(map(_axes, given))
    if consumed > len(shape):
        raise ArrayIndexError(f"too many indices: {consumed} for an array of shape {shape}")
    dots = sum(entry is Ellipsis for entry in given)
    if dots > 1:
        raise ArrayIndexError("an index may hold one ellipsis ('...')")
    fill = [slice(None)] * (len(shape) - consumed)
    entries: list[Any] = []
    place = 0
    for entry in given if dots else [*given, Ellipsis]:
        axis = sum(e is not None for e in entries)
        if entry is Ellipsis:
            place = len(entries)
            entries += fill
        elif isinstance(entry, Array) and is_boolean(entry.dtype):
            if entry.shape != shape[axis : axis + entry.ndim]:
                raise ArrayIndexError(
                    f"a mask of shape {entry.shape} cannot index axes of the sizes {shape[axis : axis + entry.ndim]}"
                )
            entries += of_mask(entry)
        elif isinstance(entry, int) and not -shape[axis] <= entry < shape[axis]:
            if strict:
                raise ArrayIndexError(f"index {entry} is out of range for axis {axis} of size {shape[axis]}")
            entries.append(asarray(entry, device=x.device))
        else:
            entries.append(entry)
    return entries, place


def _axes(entry: Any) -> int:
    """How many axes an entry indexes: a mask as many as it has dimensions."""
    if entry is None or entry is Ellipsis:
        return 0
    return int(entry.ndim) if isinstance(entry, Array) and is_boolean(entry.dtype) else 1


def _entry(entry: Any, x: Array) -> Any:
    """One thing between the commas as an int, a slice, None, Ellipsis, or an array of integers or booleans."""
    if entry is None or entry is Ellipsis:
        return entry
    if isinstance(entry, slice):
        return slice(*[None if v is None else v.__index__() for v in (entry.start, entry.stop, entry.step)])
    if hasattr(entry, "__index__") and not isinstance(entry, Array | np.ndarray | bool | np.bool_):
        return entry.__index__()
    try:
        array = entry if isinstance(entry, Array) else asarray(entry, device=x.device)
    except DtypeError:
        raise ArrayIndexError(
            f"{entry!r:.60} is no index: use ints, slices, None, ..., and arrays or lists of integers or booleans"
        ) from None
    if is_boolean(array.dtype):
        if array.ndim:
            return array
        raise ArrayIndexError("a single True or False is no index: use a mask of the array's shape, or x[None]")
    if not is_integer(array.dtype):
        if array.size or isinstance(entry, Array):
            raise ArrayIndexError(f"an index must hold integers or booleans, not {array.aval}")
        array = cast(array, dtype=np.dtype(np.int64))  # an empty list is an array of floats
    array = seen(array)
    return int(array) if array.ndim == 0 and not isinstance(array, Tracer) else array


def of_mask(mask: Array) -> list[Any]:
    """A mask as the integer indices of its true elements, one array an axis; how many there are is read off.

    Of a value under a transform that number alone is read: examples of a batch that have as many stay together.
    """
    mask = seen(mask)
    if not isinstance(mask, Tracer):
        return [wrap(index) for index in namespace(mask._data).nonzero(mask._data)]
    flat = reshape(mask, shape=(mask.size,))
    places = flatnonzero(flat, count=int(sum_(cast(flat, dtype=np.dtype(np.int64)), axes=(0,))))
    indices: list[Any] = []
    for n in reversed(mask.shape[1:]):
        indices.insert(0, remainder(places, n))
        places = floor_divide(places, n)
    return [places, *indices]


def _advanced(entries: list[Any], dots: int, x: Array) -> Key:
    # beside an array NumPy takes an int for an array without dimensions
    advanced = [not (e is None or isinstance(e, slice)) for e in entries]
    first, last = advanced.index(True), len(advanced) - 1 - advanced[::-1].index(True)
    side_by_side = all(advanced[first : last + 1]) and not first < dots <= last  # x[:, 0, ..., i]: apart, as NumPy says
    basic = tuple(slice(None) if a else e for e, a in zip(entries, advanced, strict=True))
    front = [i for i, a in enumerate(advanced) if a]  # every entry leaves one axis: ints are among the arrays
    ndim = len(sliced_shape(x.shape, basic))
    order = (*front, *[i for i in range(ndim) if i not in front])
    arrays = [e if isinstance(e := entries[i], Array) else asarray(e, device=x.device) for i in front]
    common = broadcast_shapes("index", *[a.shape for a in arrays])
    indices = tuple(a if a.shape == common else broadcast_to(a, shape=common) for a in arrays)
    return Key(basic, order, indices, first if side_by_side else 0)
