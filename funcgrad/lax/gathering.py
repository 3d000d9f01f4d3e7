"""Gather and scatter of whole slices, in XLA's general form.

    starts    shape (*batch, k): for each place of the batch, where a slice begins along k axes of the operand
    slices    one from each start, of fixed sizes; axes of size one may be left out ("collapsed", "inserted")
    result    the batch's axes, and those of the slices at the places that the dimension numbers say

An axis that a slice takes as a whole, from its beginning, stays out of the index arrays, so that rows of a matrix
are gathered as rows.
"""

from __future__ import annotations

import enum
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import numpy as fnp
from ..core import Array
from ..dtypes import is_integer
from ..errors import DtypeError, OptionError, ShapeError
from ..numpy.creation import asarray
from ..numpy.indexing import fitting
from ..ops import index as ops
from ..ops.bounds import checked_mode, default_fill, scatter_by
from ..ops.elementwise import cast, logical_and, maximum, minimum, where
from ..ops.shape import inverse
from ..rules import iota
from .slicing import beside

__all__ = [
    "GatherDimensionNumbers",
    "GatherScatterMode",
    "ScatterDimensionNumbers",
    "gather",
    "scatter",
    "scatter_add",
    "scatter_apply",
    "scatter_max",
    "scatter_min",
    "scatter_mul",
    "scatter_sub",
]


class GatherScatterMode(enum.Enum):
    """What becomes of a slice that does not lie in the operand as a whole.

    `CLIP` moves it until it fits: what `gather` does where it is not told otherwise. With `FILL_OR_DROP` a gather
    returns a fill value for it, and a scatter, by default, leaves it out. With `PROMISE_IN_BOUNDS` it is an error here.
    """

    CLIP = 0
    FILL_OR_DROP = 1
    PROMISE_IN_BOUNDS = 2

    @staticmethod
    def from_any(value: Any) -> GatherScatterMode:
        """A mode by its name; None is `FILL_OR_DROP`."""
        found = "drop" if value is None else checked_mode(value, "GatherScatterMode")
        named = {"clip": GatherScatterMode.CLIP, "drop": GatherScatterMode.FILL_OR_DROP}
        return GatherScatterMode.PROMISE_IN_BOUNDS if found is None else named[found]


class GatherDimensionNumbers(NamedTuple):
    """Which axis is which in `gather`.

    Args:
        offset_dims: the result's axes that are those of the slices.
        collapsed_slice_dims: the operand's axes along which slices have size one and are left out.
        start_index_map: the operand's axis that each number of a start is for.
        operand_batching_dims: the operand's axes that go along with axes of the batch.
        start_indices_batching_dims: those axes of the batch.
    """

    offset_dims: Sequence[int]
    collapsed_slice_dims: Sequence[int]
    start_index_map: Sequence[int]
    operand_batching_dims: Sequence[int] = ()
    start_indices_batching_dims: Sequence[int] = ()


class ScatterDimensionNumbers(NamedTuple):
    """Which axis is which in `scatter`.

    Args:
        update_window_dims: the updates' axes that are those of the slices.
        inserted_window_dims: the operand's axes along which slices have size one and are left out.
        scatter_dims_to_operand_dims: the operand's axis that each number of a start is for.
        operand_batching_dims: the operand's axes that go along with axes of the batch.
        scatter_indices_batching_dims: those axes of the batch.
    """

    update_window_dims: Sequence[int]
    inserted_window_dims: Sequence[int]
    scatter_dims_to_operand_dims: Sequence[int]
    operand_batching_dims: Sequence[int] = ()
    scatter_indices_batching_dims: Sequence[int] = ()


class _Windows:
    """Slices of an operand, taken apart for the operations that index leading axes.

    Args:
        name: of the function, for errors.
        operand: the array.
        starts: integers, shape (*batch, k).
        sizes: of the slices, along each of the operand's axes.
        left_out: axes that slices do not keep, batching ones among them.
        start_map: the axis that each number of a start is for.
        batching: pairs of an axis of the operand and one of the batch.
        mode: "clip", "drop", or None where slices are known to fit.
    """

    def __init__(
        self,
        name: str,
        operand: Any,
        starts: Any,
        sizes: Sequence[int],
        left_out: Sequence[int],
        start_map: Sequence[int],
        batching: Sequence[tuple[int, int]],
        mode: str | None,
    ):
        if not is_integer(starts.dtype):
            raise DtypeError(f"{name}: the indices must be integers, not {starts.aval}")
        if not starts.ndim or starts.shape[-1] != len(start_map):
            raise ShapeError(f"{name}: the last axis of the indices {starts.aval} must have {len(start_map)} numbers")
        if len(sizes) != operand.ndim or any(not 0 <= s <= n for s, n in zip(sizes, operand.shape, strict=True)):
            raise ShapeError(f"{name}: slices of the sizes {tuple(sizes)} do not fit into {operand.aval}")
        if any(sizes[d] != 1 for d in left_out):
            raise ShapeError(f"{name}: axes {tuple(left_out)} are left out, so slices must have size one, not {sizes}")
        self.batch = starts.shape[:-1]
        self.valid: Any = None
        begins: dict[int, Any] = {}
        starts = cast(starts, dtype=np.dtype(np.int64))
        for k, axis in enumerate(start_map):
            start, room = starts[..., k], operand.shape[axis] - sizes[axis]
            if mode == "clip":
                start = maximum(minimum(start, room), 0)
            elif mode == "drop":
                inside = logical_and(start >= 0, start <= room)
                self.valid = inside if self.valid is None else logical_and(self.valid, inside)
                start = where(inside, start, 0)
            begins[axis] = start
        for axis, of_batch in batching:
            ramp: Any = iota(operand.shape[axis], operand)
            begins[axis] = ramp.reshape((-1,) + (1,) * (len(self.batch) - of_batch - 1)).broadcast_to(self.batch)
        kept = [d for d in range(operand.ndim) if d not in left_out]
        indexed = [d for d in range(operand.ndim) if d in begins or d in left_out or sizes[d] != operand.shape[d]]
        rest = [d for d in range(operand.ndim) if d not in indexed]
        inner = [d for d in indexed if d in kept]
        self.order = (*indexed, *rest)
        self.windows = [kept.index(d) for d in (*inner, *rest)]  # which of the kept axes each axis of a slice is
        self.grid = (*self.batch, *[sizes[d] for d in inner])
        self.shape = (*self.grid, *[sizes[d] for d in rest])
        zero = iota(1, operand).reshape(())
        self.indices: list[Any] = []
        for d in indexed:
            index = begins.get(d, zero)
            index = index.reshape((*index.shape, *(1,) * len(inner))) if d in begins else index
            if d in kept:
                ramp = iota(sizes[d], operand)
                index = index + ramp.reshape((-1,) + (1,) * (len(inner) - inner.index(d) - 1))
            self.indices.append(index.broadcast_to(self.grid))

        self.lone = not self.indices
        if self.lone:  # slices of all of the operand: there is one row, and each place of the batch takes it
            self.indices.append(zero.broadcast_to(self.batch))

    def source(self, operand: Any) -> Any:
        """The operand with the axes in front that the indices are for."""
        turned = operand.transpose(self.order)
        return turned[None] if self.lone else turned

    def placed(self, ndim: int, window_axes: Sequence[int]) -> tuple[int, ...]:
        """Where the axes (*batch, *slice) stand in an array whose axes of slices are those."""
        rest = [d for d in range(ndim) if d not in window_axes]
        return (*rest, *[window_axes[w] for w in self.windows])


def gather(
    operand: Any,
    start_indices: Any,
    dimension_numbers: GatherDimensionNumbers,
    slice_sizes: Sequence[int],
    *,
    unique_indices: bool = False,
    indices_are_sorted: bool = False,
    mode: Any = None,
    fill_value: Any = None,
) -> Array:
    """Slices of an array, one from each of many places.

    Args:
        operand: an array.
        start_indices: integers, shape (*batch, k).
        dimension_numbers: which axis is which.
        slice_sizes: of the slices, along each axis of the operand.
        unique_indices, indices_are_sorted: promises that nothing here needs.
        mode: what becomes of slices that do not fit, see `GatherScatterMode`.
        fill_value: what stands for them in mode "fill": where None NaN, the least integer, the largest unsigned one, or
            True.

    Returns:
        An array with the axes of the batch and of the slices.

    Raises:
        ShapeError: sizes, indices and dimension numbers do not fit each other.
        DtypeError: the indices are no integers.

    >>> from funcgrad import lax, numpy as fnp
    >>> rows = lax.GatherDimensionNumbers(offset_dims=(1,), collapsed_slice_dims=(0,), start_index_map=(0,))
    >>> lax.gather(fnp.arange(6).reshape(3, 2), fnp.asarray([[2], [0]]), rows, slice_sizes=(1, 2)).tolist()
    [[4, 5], [0, 1]]

    Source: jax.lax.gather; XLA's operation semantics, Gather.
    """
    x: Any = asarray(operand)
    numbers = GatherDimensionNumbers(*dimension_numbers)
    how = "clip" if mode is None else checked_mode(mode, "gather")
    pairs = list(zip(numbers.operand_batching_dims, numbers.start_indices_batching_dims, strict=True))
    sizes = [operator.index(n) for n in slice_sizes]
    left_out = sorted([*numbers.collapsed_slice_dims, *numbers.operand_batching_dims])
    w = _Windows("gather", x, beside(start_indices, x), sizes, left_out, numbers.start_index_map, pairs, how)
    if len(numbers.offset_dims) != len(w.windows):
        raise ShapeError(f"gather: {len(numbers.offset_dims)} offset_dims for the {len(w.windows)} axes of slices")
    found = ops.gather(w.source(x), *w.indices)
    if w.valid is not None:
        filling = default_fill(x.dtype) if fill_value is None else fitting(x, fill_value)
        found = where(w.valid.reshape((*w.batch, *(1,) * (found.ndim - len(w.batch)))), found, filling)
    return found.transpose(inverse(w.placed(found.ndim, tuple(numbers.offset_dims))))


def _scatter(
    name: str, primitive: Any, operand: Any, indices: Any, updates: Any, numbers: ScatterDimensionNumbers, mode: Any
) -> Array:
    x: Any = asarray(operand)
    new = fitting(x, updates)
    numbers = ScatterDimensionNumbers(*numbers)
    how = "drop" if mode is None else checked_mode(mode, name)
    pairs = list(zip(numbers.operand_batching_dims, numbers.scatter_indices_batching_dims, strict=True))
    left_out = sorted([*numbers.inserted_window_dims, *numbers.operand_batching_dims])
    window_axes = tuple(numbers.update_window_dims)
    if len(window_axes) + len(left_out) != x.ndim:
        raise ShapeError(f"{name}: {window_axes} and {tuple(left_out)} are not one for each axis of {x.aval}")
    of_windows = iter(new.shape[d] for d in window_axes)
    sizes = [1 if d in left_out else next(of_windows) for d in range(x.ndim)]
    w = _Windows(name, x, beside(indices, x), sizes, left_out, numbers.scatter_dims_to_operand_dims, pairs, how)
    turned = new.transpose(w.placed(new.ndim, window_axes))
    if turned.shape != w.shape:
        raise ShapeError(f"{name}: the updates {new.aval} do not have a slice for each place of {w.batch}")
    if w.valid is not None:
        valid = w.valid.reshape((*w.batch, *(1,) * (len(w.grid) - len(w.batch))))
        w.indices[0] = where(valid, w.indices[0], -1)
    out = scatter_by(primitive, w.source(x), turned, w.indices, "drop" if w.valid is not None else None, False)
    return out.reshape(tuple(x.shape[d] for d in w.order)).transpose(inverse(w.order))


def scatter(
    operand: Any,
    scatter_indices: Any,
    updates: Any,
    dimension_numbers: ScatterDimensionNumbers,
    *,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    mode: Any = None,
) -> Array:
    """The array with slices at many places replaced; of several at one place the last stays.

    Args:
        operand: an array.
        scatter_indices: integers, shape (*batch, k).
        updates: the axes of the batch and of the slices.
        dimension_numbers: which axis is which.
        indices_are_sorted, unique_indices: promises that nothing here needs.
        mode: what becomes of slices that do not fit, see `GatherScatterMode`.

    Raises:
        ShapeError: updates, indices and dimension numbers do not fit each other.
        DtypeError: the indices are no integers, or the operand cannot hold the updates.

    >>> from funcgrad import lax, numpy as fnp
    >>> points = lax.ScatterDimensionNumbers((), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,))
    >>> lax.scatter(fnp.zeros(4), fnp.asarray([[2], [0]]), fnp.asarray([5.0, 6.0]), points)
    Array([6., 0., 5., 0.], dtype=float32)

    Source: jax.lax.scatter; XLA's operation semantics, Scatter.
    """
    return _scatter("scatter", ops.scatter_set, operand, scatter_indices, updates, dimension_numbers, mode)


def _accumulating(name: str, primitive: Any, what: str) -> Callable[..., Array]:
    def function(
        operand: Any,
        scatter_indices: Any,
        updates: Any,
        dimension_numbers: ScatterDimensionNumbers,
        *,
        indices_are_sorted: bool = False,
        unique_indices: bool = False,
        mode: Any = None,
    ) -> Array:
        return _scatter(name, primitive, operand, scatter_indices, updates, dimension_numbers, mode)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"The array with slices at many places {what}; arguments as for `scatter`."
    return function


scatter_add = _accumulating("scatter_add", ops.scatter_add, "added to it")
scatter_mul = _accumulating("scatter_mul", ops.scatter_multiply, "multiplied into it")
scatter_min = _accumulating("scatter_min", ops.scatter_min, "of which the lesser elements stay")
scatter_max = _accumulating("scatter_max", ops.scatter_max, "of which the larger elements stay")


def scatter_sub(
    operand: Any,
    scatter_indices: Any,
    updates: Any,
    dimension_numbers: ScatterDimensionNumbers,
    *,
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    mode: Any = None,
) -> Array:
    """The array with slices at many places subtracted from it; arguments as for `scatter`.

    >>> from funcgrad import lax, numpy as fnp
    >>> points = lax.ScatterDimensionNumbers((), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,))
    >>> lax.scatter_sub(fnp.zeros(3), fnp.asarray([[2], [2]]), fnp.asarray([5.0, 6.0]), points)
    Array([  0.,   0., -11.], dtype=float32)
    """
    new = fitting(asarray(operand), updates)
    return _scatter("scatter_sub", ops.scatter_add, operand, scatter_indices, -new, dimension_numbers, mode)


def scatter_apply(
    operand: Any,
    scatter_indices: Any,
    func: Callable[[Array], Any],
    dimension_numbers: ScatterDimensionNumbers,
    *,
    update_shape: Sequence[int] = (),
    indices_are_sorted: bool = False,
    unique_indices: bool = False,
    mode: Any = None,
) -> Array:
    """The array with a function applied to its elements at many places: once, however often a place is named.

    Args:
        operand: an array.
        scatter_indices, dimension_numbers, mode: as for `scatter`.
        func: of arrays, element by element; it sees all of the operand.
        update_shape: what the shape of updates would be.
        indices_are_sorted, unique_indices: promises that nothing here needs.

    Raises:
        OptionError: func does not return an array of the operand's shape.

    >>> from funcgrad import lax, numpy as fnp
    >>> points = lax.ScatterDimensionNumbers((), inserted_window_dims=(0,), scatter_dims_to_operand_dims=(0,))
    >>> x, i = fnp.asarray([1.0, 4.0, 9.0]), fnp.asarray([[2], [0]])
    >>> lax.scatter_apply(x, i, fnp.sqrt, points, update_shape=(2,))
    Array([1., 4., 3.], dtype=float32)

    Source: jax.lax.scatter_apply.
    """
    x = asarray(operand)
    ones = fnp.ones(tuple(update_shape), dtype="int64", device=x.device)
    nothing = fnp.zeros(x.shape, dtype="int64", device=x.device)
    named: Any = scatter(nothing, scatter_indices, ones, dimension_numbers, mode=mode)
    changed = fitting(x, func(x))
    if changed.shape != x.shape:
        raise OptionError(
            f"scatter_apply: the function must work element by element; of {x.aval} it made {changed.aval}"
        )
    return where(named > 0, changed, x)
