"""Pooling by the size of the result: bins that cover each axis, and one bin for all of it.

Bin i of m over n elements reaches from floor(i n / m) to ceil((i + 1) n / m): bins of one size where m divides n, and
else of two sizes, some with a common element. Each axis is pooled by itself.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ..core import Array
from ..errors import ShapeError
from ..kernels.resample import Taps
from ..numpy.indexing import take_along_axis
from ..numpy.reductions import argmax
from ..ops.create import to_inexact
from ..ops.precision import widened
from ..ops.reduce import sum as sum_
from ..ops.resample import resample
from ..ops.shape import permute_dims, reshape
from .layouts import layout_rank, spatial_axes
from .pooling import maximum, places, real_numbers
from .resampling import bin_edges, bin_taps

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "global_avg_pool",
    "global_max_pool",
]

OutputSize = int | None | Sequence[int | None]

# Up to so many elements plain max pooling is as fast, and in a program it joins the loops around it.
_FEW = 64


@widened
def adaptive_avg_pool1d(x: Any, output_size: OutputSize, layout: str = "NWC") -> Array:
    """The mean of each of so many bins of a sequence: `adaptive_avg_pool2d` with one spatial axis.

    Args:
        x: (N, W, C) or (W, C); with layout="NCW" (N, C, W) or (C, W).
        output_size: how many bins.
        layout: "NWC" or "NCW".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.adaptive_avg_pool1d(fnp.asarray([[1.0, 3.0, 2.0, 6.0]]), 3, layout="NCW").tolist()
    [[2.0, 2.5, 4.0]]
    """
    return _average("adaptive_avg_pool1d", 1, x, output_size, layout)


@widened
def adaptive_avg_pool2d(x: Any, output_size: OutputSize, layout: str = "NHWC") -> Array:
    """The mean of each of so many bins of an image, whatever its size.

    Args:
        x: (N, H, W, C), or (H, W, C) for one image; with layout="NCHW" (N, C, H, W) or (C, H, W). Integers are taken
            as the default float.
        output_size: how many bins along each axis: an int, or one an axis; None keeps the size of an axis.
        layout: "NHWC" or "NCHW".

    Returns:
        (N, H_out, W_out, C), or as x is laid out.

    Raises:
        ShapeError: output_size is no such thing, or x has no elements.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.adaptive_avg_pool2d(fnp.arange(16.0).reshape(4, 4, 1), (2, None))[..., 0]
    Array([[ 2.,  3.,  4.,  5.],
           [10., 11., 12., 13.]], dtype=float32)

    Source: torch.nn.functional.adaptive_avg_pool2d.
    """
    return _average("adaptive_avg_pool2d", 2, x, output_size, layout)


@widened
def adaptive_avg_pool3d(x: Any, output_size: OutputSize, layout: str = "NDHWC") -> Array:
    """The mean of each of so many bins of a volume: `adaptive_avg_pool2d` with three spatial axes.

    Args:
        x: (N, D, H, W, C) or (D, H, W, C); with layout="NCDHW" (N, C, D, H, W) or (C, D, H, W).
        output_size: as for `adaptive_avg_pool2d`.
        layout: "NDHWC" or "NCDHW".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.adaptive_avg_pool3d(fnp.arange(8.0).reshape(2, 2, 2, 1), 1).tolist()
    [[[[3.5]]]]
    """
    return _average("adaptive_avg_pool3d", 3, x, output_size, layout)


def adaptive_max_pool1d(x: Any, output_size: OutputSize, return_indices: bool = False, layout: str = "NWC") -> Any:
    """The maximum of each of so many bins of a sequence: `adaptive_max_pool2d` with one spatial axis.

    Args:
        x: (N, W, C) or (W, C); with layout="NCW" (N, C, W) or (C, W).
        output_size, return_indices: as for `adaptive_max_pool2d`.
        layout: "NWC" or "NCW".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.adaptive_max_pool1d(fnp.asarray([[1.0, 3.0, 2.0, 6.0]]), 3, layout="NCW").tolist()
    [[3.0, 3.0, 6.0]]
    """
    return _maximum("adaptive_max_pool1d", 1, x, output_size, return_indices, layout)


def adaptive_max_pool2d(x: Any, output_size: OutputSize, return_indices: bool = False, layout: str = "NHWC") -> Any:
    """The maximum of each of so many bins of an image, whatever its size.

    Args:
        x: (N, H, W, C), or (H, W, C) for one image; with layout="NCHW" (N, C, H, W) or (C, H, W). Real numbers.
        output_size: how many bins along each axis: an int, or one an axis; None keeps the size of an axis.
        return_indices: whether to tell where the maxima are, too, as `max_pool2d` does.
        layout: "NHWC" or "NCHW".

    Returns:
        (N, H_out, W_out, C), or as x is laid out; NaN where a bin holds NaN. The first of equal maxima has the
        derivative. With return_indices a pair of that and of integers of the same shape: the place of each maximum in
        its image and channel, row by row (h W + w).

    Raises:
        ShapeError: output_size is no such thing, or x has no elements.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.adaptive_max_pool2d(fnp.arange(16.0).reshape(4, 4, 1), (2, None))[..., 0]
    Array([[ 4.,  5.,  6.,  7.],
           [12., 13., 14., 15.]], dtype=float32)

    Source: torch.nn.functional.adaptive_max_pool2d.
    """
    return _maximum("adaptive_max_pool2d", 2, x, output_size, return_indices, layout)


def adaptive_max_pool3d(x: Any, output_size: OutputSize, return_indices: bool = False, layout: str = "NDHWC") -> Any:
    """The maximum of each of so many bins of a volume: `adaptive_max_pool2d` with three spatial axes.

    Args:
        x: (N, D, H, W, C) or (D, H, W, C); with layout="NCDHW" (N, C, D, H, W) or (C, D, H, W).
        output_size, return_indices: as for `adaptive_max_pool2d`.
        layout: "NDHWC" or "NCDHW".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.adaptive_max_pool3d(fnp.arange(8.0).reshape(2, 2, 2, 1), 1).tolist()
    [[[[7.0]]]]
    """
    return _maximum("adaptive_max_pool3d", 3, x, output_size, return_indices, layout)


@widened
def global_avg_pool(x: Any, keepdims: bool = False, layout: str = "NHWC") -> Array:
    """The mean of each channel over all of the image.

    Args:
        x: (N, H, W, C), or (H, W, C) for one image; as `layout` says.
        keepdims: whether the spatial axes stay, of size 1.
        layout: "NHWC" or "NCHW"; for one or three spatial axes "NWC", "NCW", "NDHWC" or "NCDHW".

    Returns:
        (N, C), or (C,) for one image.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.global_avg_pool(fnp.arange(16.0).reshape(4, 4, 1))
    Array([7.5], dtype=float32)
    """
    rank = layout_rank("global_avg_pool", layout)
    return _without_space(_average("global_avg_pool", rank, x, 1, layout), keepdims, layout)


def global_max_pool(x: Any, keepdims: bool = False, layout: str = "NHWC") -> Array:
    """The maximum of each channel over all of the image.

    Args:
        x, keepdims, layout: as for `global_avg_pool`.

    Returns:
        (N, C), or (C,) for one image. The first of equal maxima has the derivative.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.global_max_pool(fnp.arange(16.0).reshape(4, 4, 1))
    Array([15.], dtype=float32)
    """
    rank = layout_rank("global_max_pool", layout)
    return _without_space(_maximum("global_max_pool", rank, x, 1, False, layout), keepdims, layout)


def _without_space(out: Any, keepdims: bool, layout: str) -> Any:
    if keepdims:
        return out
    axes = spatial_axes("global pooling", out, layout)
    return reshape(out, shape=tuple(n for i, n in enumerate(out.shape) if i not in axes))


def _average(name: str, rank: int, x: Any, output_size: Any, layout: str) -> Any:
    x = to_inexact(x)
    axes = _axes(name, rank, x, layout)
    sizes = _sizes(name, output_size, x, axes)
    out, count = x, 1
    for axis, m in zip(axes, sizes, strict=True):
        n = out.shape[axis]
        if n == m:
            continue
        if n % m:
            out = resample(out, axis=axis, taps=bin_taps(n, m))
        else:
            split = reshape(out, shape=(*out.shape[:axis], m, n // m, *out.shape[axis + 1 :]))
            out, count = sum_(split, axes=(axis + 1,)), count * (n // m)
    return out if count == 1 else out * (1 / count)


def _maximum(name: str, rank: int, x: Any, output_size: Any, return_indices: bool, layout: str) -> Any:
    """Each bin's elements laid flat, row by row, and the first maximum of those."""
    x = real_numbers(name, x)
    axes = _axes(name, rank, x, layout)
    sizes = _sizes(name, output_size, x, axes)
    spatial, start, stop = x.shape[axes.start : axes.stop], axes.start, axes.stop
    edges = [bin_edges(n, m) for n, m in zip(spatial, sizes, strict=True)]
    window = tuple(int((last - first).max()) for first, last in edges)
    if prod(window) <= _FEW and not any(n % m for n, m in zip(spatial, sizes, strict=True)):
        return maximum(name, rank, x, window, None, 0, 1, False, return_indices, layout)
    bins = x
    for axis, n, m in zip(axes, spatial, sizes, strict=True):
        if n % m:
            bins = resample(bins, axis=axis, taps=_bins_apart(n, m))
    split = [size for pair in zip(sizes, window, strict=True) for size in pair]
    bins = reshape(bins, shape=(*x.shape[:start], *split, *x.shape[stop:]))
    behind = range(start + 2 * rank, bins.ndim)
    order = (*range(start), *range(start, behind.start, 2), *range(start + 1, behind.start, 2), *behind)
    bins = permute_dims(bins, axes=order)
    bins = reshape(bins, shape=(*x.shape[:start], *sizes, prod(window), *x.shape[stop:]))
    index = argmax(bins, axis=stop, keepdims=True)
    shape = (*x.shape[:start], *sizes, *x.shape[stop:])
    out = reshape(take_along_axis(bins, index, stop), shape=shape)
    if not return_indices:
        return out
    return out, places(reshape(index, shape=shape), axes, spatial, window, [first for first, _ in edges], (1,) * rank)


@lru_cache(512)
def _bins_apart(n: int, m: int) -> Taps:
    """The elements of each bin one after the other, for bins of one length: shorter ones repeat their last."""
    first, last = bin_edges(n, m)
    longest = int((last - first).max())
    places = np.minimum(first[:, None] + np.arange(longest), last[:, None] - 1).ravel()
    return Taps(n, len(places), np.arange(len(places)), places, 1)


def _axes(name: str, rank: int, x: Array, layout: str) -> range:
    axes = spatial_axes(name, x, layout, rank)
    if not prod(x.shape[a] for a in axes):
        raise ShapeError(f"{name}: there are no elements in {x.aval}")
    return axes


def checked_bins(name: str, output_size: Any, rank: int) -> list[int | None]:
    """How many bins along each axis; None where the axis keeps its size."""
    each = list(output_size) if isinstance(output_size, list | tuple) else [output_size] * rank
    try:
        found = [None if m is None else operator.index(m) for m in each]
    except TypeError:
        found = []
    if len(found) != rank or any(m is not None and m < 1 for m in found):
        raise ShapeError(
            f"{name}: output_size must be an int of at least 1, or one or None for each of {rank} axes; got "
            f"{output_size!r}"
        )
    return found


def _sizes(name: str, output_size: Any, x: Array, axes: range) -> list[int]:
    found = checked_bins(name, output_size, len(axes))
    return [x.shape[a] if m is None else m for a, m in zip(axes, found, strict=True)]
