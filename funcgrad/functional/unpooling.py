"""The way back from max pooling: `max_unpool1d` to `max_unpool3d`."""

from __future__ import annotations

from math import prod
from typing import Any

from ..core import Array
from ..dtypes import is_integer
from ..errors import DtypeError, ShapeError
from ..numpy.creation import zeros
from ..numpy.placing import put_along_axis
from ..ops.create import asarray
from .layouts import from_channels_last, spatial_axes, to_channels_last
from .windows import Sizes, per_axis

__all__ = ["max_unpool1d", "max_unpool2d", "max_unpool3d"]


def max_unpool1d(
    x: Any,
    indices: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sizes | None = None,
    layout: str = "NWC",
) -> Array:
    """Values put back where they were the maximum of their window: `max_unpool2d` with one spatial axis.

    Args:
        x, indices: (N, W, C) or (W, C); with layout="NCW" (N, C, W) or (C, W).
        kernel_size, stride, padding, output_size: as for `max_unpool2d`.
        layout: "NWC" or "NCW".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> y, indices = F.max_pool1d(fnp.asarray([[1.0, 3.0, 2.0, 5.0]]), 2, return_indices=True, layout="NCW")
    >>> F.max_unpool1d(y, indices, 2, layout="NCW").tolist()
    [[0.0, 3.0, 0.0, 5.0]]
    """
    return _unpool("max_unpool1d", 1, x, indices, kernel_size, stride, padding, output_size, layout)


def max_unpool2d(
    x: Any,
    indices: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sizes | None = None,
    layout: str = "NHWC",
) -> Array:
    """Values put back where they were the maximum of their window, in images of zeros.

    Args:
        x: (N, H, W, C), or (H, W, C) for one image; with layout="NCHW" (N, C, H, W) or (C, H, W).
        indices: what `max_pool2d` returned with return_indices: integers in the shape of x.
        kernel_size, stride, padding: what it was given.
        output_size: the spatial sizes of the result, or the shape of what was pooled, (N, H, W, C) in the layout; where
            None (n - 1) stride - 2 padding + kernel_size, the least that pooling takes to n.
        layout: "NHWC" or "NCHW".

    Returns:
        (N, H_out, W_out, C), or as x is laid out. Where several windows have one maximum, the last one's value stays.

    Raises:
        ShapeError: indices has another shape than x.
        ArrayIndexError: an index lies outside of the result.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> y, indices = F.max_pool2d(fnp.arange(16.0).reshape(4, 4, 1), 2, return_indices=True)
    >>> F.max_unpool2d(y, indices, 2)[..., 0]
    Array([[ 0.,  0.,  0.,  0.],
           [ 0.,  5.,  0.,  7.],
           [ 0.,  0.,  0.,  0.],
           [ 0., 13.,  0., 15.]], dtype=float32)

    Source: torch.nn.functional.max_unpool2d.
    """
    return _unpool("max_unpool2d", 2, x, indices, kernel_size, stride, padding, output_size, layout)


def max_unpool3d(
    x: Any,
    indices: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sizes | None = None,
    layout: str = "NDHWC",
) -> Array:
    """Values put back where they were the maximum of their window: `max_unpool2d` with three spatial axes.

    Args:
        x, indices: (N, D, H, W, C) or (D, H, W, C); with layout="NCDHW" (N, C, D, H, W) or (C, D, H, W).
        kernel_size, stride, padding, output_size: as for `max_unpool2d`.
        layout: "NDHWC" or "NCDHW".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> y, indices = F.max_pool3d(fnp.arange(8.0).reshape(2, 2, 2, 1), 2, return_indices=True)
    >>> F.max_unpool3d(y, indices, 2).ravel().tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 7.0]
    """
    return _unpool("max_unpool3d", 3, x, indices, kernel_size, stride, padding, output_size, layout)


def _unpool(
    name: str,
    rank: int,
    x: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    output_size: Any,
    layout: str,
) -> Any:
    x = asarray(x)
    index = asarray(indices, device=None if isinstance(indices, Array) else x.device)
    if not is_integer(index.dtype):
        raise DtypeError(f"{name}: indices must be integers, not {index.aval}")
    if index.shape != x.shape:
        raise ShapeError(f"{name}: indices must have the shape of the input {x.aval}, not {index.aval}")
    values, places = to_channels_last(name, x, layout, rank), to_channels_last(name, index, layout, rank)
    window = per_axis(name, "kernel_size", kernel_size, rank)
    step = window if stride is None else per_axis(name, "stride", stride, rank)
    width = per_axis(name, "padding", padding, rank, least=0)
    if output_size is None:
        moves = zip(values.shape[1:-1], window, step, width, strict=True)
        sizes = tuple((n - 1) * s - 2 * p + k for n, k, s, p in moves)
    else:
        if isinstance(output_size, list | tuple) and len(output_size) == rank + 2:
            axes = spatial_axes(name, x, layout, rank)
            output_size = output_size[axes.start - x.ndim : axes.stop - x.ndim or None]
        sizes = per_axis(name, "output_size", output_size, rank)
    n, channels = values.shape[0], values.shape[-1]
    blank = zeros((n, prod(sizes), channels), x.dtype, device=x.device)
    count = prod(values.shape[1:-1])
    filled = put_along_axis(
        blank, places.reshape(n, count, channels), values.reshape(n, count, channels), 1, inplace=False
    )
    return from_channels_last(filled.reshape(n, *sizes, channels), x, layout, rank)
