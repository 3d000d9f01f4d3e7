"""Rows of a table by their indices, and bags of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import Array
from ..dtypes import is_integer
from ..errors import DtypeError, OptionError, ShapeError
from ..numpy.creation import arange, ones
from ..numpy.elementwise import equal, logical_or, maximum, where
from ..numpy.indexing import take
from ..numpy.linalg.norms import vector_norm
from ..numpy.sorting import searchsorted
from ..ops.create import asarray, to_inexact
from ..ops.elementwise import stop_gradient
from ..ops.precision import widened
from .segments import segment_max, segment_sum
from .sequences import within

__all__ = ["embedding", "embedding_bag"]

MODES = ("sum", "mean", "max")


def embedding(
    x: Any, weight: Any, padding_idx: int | None = None, max_norm: float | None = None, norm_type: float = 2.0
) -> Array:
    """The rows of a table that indices name: out[i] = weight[x[i]].

    Args:
        x: integers of any shape, from -n to n - 1.
        weight: the table, (n, D).
        padding_idx: an index, below 0 from the end, whose row gets no derivative here.
        max_norm: rows that are longer are shortened to it, w max_norm / |w|, before they are returned. PyTorch changes
            the table itself instead; here the table stays, and the derivative is that of the shortened row.
        norm_type: p of the norm that max_norm is about.

    Returns:
        (..., D), of the table's dtype.

    Raises:
        DtypeError: x holds no integers.
        ShapeError: the table has not two axes.
        ArrayIndexError: an index is out of range.
        OptionError: padding_idx is none of the table's.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.embedding(fnp.asarray([1, 0]), fnp.asarray([[1.0, 2.0], [30.0, 40.0]]), max_norm=5.0)
    Array([[3., 4.],
           [1., 2.]], dtype=float32)
    """
    index, table = _operands("embedding", x, weight)
    rows = _rows(index, table, max_norm, norm_type)
    if padding_idx is None:
        return rows
    return where(_is_padding("embedding", index, table, padding_idx)[..., None], stop_gradient(rows), rows)


def embedding_bag(
    x: Any,
    weight: Any,
    offsets: Any = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    mode: str = "mean",
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Array:
    """The sum, mean or maximum of the rows that each bag of indices names.

    Args:
        x: integers from -n to n - 1: (..., L), the last axis being a bag; or with offsets (M,), bags of any lengths one
            behind the other.
        weight: the table, (n, D).
        offsets: (B,), where each bag begins, in ascending order; what stands before the first belongs to none.
        max_norm, norm_type: as for `embedding`.
        mode: "sum", "mean" or "max", the largest element by element.
        per_sample_weights: of x's shape, what each row is multiplied by; for mode="sum" alone.
        include_last_offset: whether offsets has one more entry, at which the last bag ends.
        padding_idx: an index that counts as absent from its bag.

    Returns:
        (..., D), or (B, D) with offsets; zeros for an empty bag.

    Raises:
        DtypeError: x or offsets hold no integers.
        ShapeError: a shape does not fit.
        ArrayIndexError: an index or an offset is out of range, or offsets do not ascend.
        OptionError: an unknown mode; weights with another mode than "sum"; padding_idx is none of the table's.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> table = fnp.asarray([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> F.embedding_bag(fnp.asarray([[0, 1], [2, 2]]), table)
    Array([[2., 3.],
           [5., 6.]], dtype=float32)
    >>> F.embedding_bag(fnp.asarray([0, 1, 2, 2]), table, offsets=[0, 3], mode="sum")
    Array([[ 9., 12.],
           [ 5.,  6.]], dtype=float32)
    """
    name = "embedding_bag"
    index, table = _operands(name, x, weight)
    check_mode(name, mode, per_sample_weights)
    if not index.ndim or (offsets is not None and index.ndim != 1):
        raise ShapeError(f"{name}: x must be (..., L), or (M,) with offsets, not {index.aval}")
    weights: Any = None
    if per_sample_weights is not None:
        weights = to_inexact(per_sample_weights)
        if weights.shape != index.shape:
            raise ShapeError(f"{name}: per_sample_weights must have x's shape, {index.shape}, not {weights.shape}")
    absent = None if padding_idx is None else _is_padding(name, index, table, padding_idx)
    rows = _rows(index, table, max_norm, norm_type)
    if offsets is None:
        return _of_last_axis(rows, weights, absent, mode)
    starts = asarray(offsets, device=None if isinstance(offsets, Array) else index.device)
    if not is_integer(starts.dtype):
        raise DtypeError(f"{name}: offsets must be integers, not {starts.aval}")
    if starts.ndim != 1:
        raise ShapeError(f"{name}: offsets must be (B,), not {starts.aval}")
    starts = within(f"{name}: offsets", starts, index.shape[0])
    within(f"{name}: offsets must ascend, the sizes of bags by them", starts[1:] - starts[:-1], index.shape[0])
    return _of_segments(rows, weights, absent, mode, starts, starts.shape[0] - include_last_offset)


def check_mode(name: str, mode: str, per_sample_weights: Any = None) -> None:
    """Refuse an unknown mode, and weights where they have no meaning."""
    if mode not in MODES:
        raise OptionError(f"{name}: mode must be 'sum', 'mean' or 'max', not {mode!r}")
    if per_sample_weights is not None and mode != "sum":
        raise OptionError(f"{name}: per_sample_weights are for mode='sum', not {mode!r}")


def padding_row(name: str, padding_idx: int, count: int) -> int:
    """The row of a table that padding_idx names, from the front."""
    if not isinstance(padding_idx, int | np.integer) or not -count <= padding_idx < count:
        raise OptionError(f"{name}: padding_idx must be from {-count} to {count - 1}, not {padding_idx}")
    return padding_idx % count


def _operands(name: str, x: Any, weight: Any) -> tuple[Any, Any]:
    table = to_inexact(weight)
    index = asarray(x, device=None if isinstance(x, Array) else table.device)
    if not is_integer(index.dtype):
        raise DtypeError(f"{name}: expected integers, got {index.aval}")
    if table.ndim != 2:
        raise ShapeError(f"{name}: the table must be (n, D), not {table.aval}")
    return index, table


def _rows(index: Any, table: Any, max_norm: float | None, norm_type: float) -> Any:
    rows = take(table, index, axis=0)
    if max_norm is None:
        return rows
    norm: Any = vector_norm(rows, axis=-1, keepdims=True, ord=norm_type)
    return rows * where(norm > max_norm, max_norm / (norm + 1e-7), 1)  # PyTorch's guard


def _is_padding(name: str, index: Any, table: Any, padding_idx: int) -> Any:
    count = table.shape[0]
    row = padding_row(name, padding_idx, count)
    return logical_or(equal(index, row), equal(index, row - count))


@widened
def _of_last_axis(rows: Any, weights: Any, absent: Any, mode: str) -> Any:
    """Each bag (L, D) made one row."""
    if weights is not None:
        rows = rows * weights[..., None]
    length = rows.shape[-2]
    if not length:
        return rows.sum(-2)
    if mode == "max":
        if absent is None:
            return rows.max(-2)
        found = where(absent[..., None], -float("inf"), rows).max(-2)
        return where(absent.all(-1)[..., None], 0, found)
    if absent is None:
        return rows.mean(-2) if mode == "mean" else rows.sum(-2)
    total = where(absent[..., None], 0, rows).sum(-2)
    if mode == "sum":
        return total
    return total / maximum(length - absent.sum(-1), 1)[..., None]


@widened
def _of_segments(rows: Any, weights: Any, absent: Any, mode: str, starts: Any, bags: int) -> Any:
    """Each run of rows that begins at a start made one row; a row that belongs to none has a number out of range."""
    if weights is not None:
        rows = rows * weights[..., None]
    count, device = rows.shape[0], rows.device
    bag: Any = searchsorted(starts, arange(count, device=device), side="right") - 1
    if absent is not None:
        bag = where(absent, bags, bag)
    if mode == "sum":
        return segment_sum(rows, bag, bags)
    sizes = segment_sum(ones(count, dtype="int64", device=device), bag, bags)[:, None]
    if mode == "mean":
        return segment_sum(rows, bag, bags) / maximum(sizes, 1)
    return where(equal(sizes, 0), 0, segment_max(rows, bag, bags))
