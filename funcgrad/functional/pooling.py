"""Pooling: the maximum or the mean of each window, channel by channel.

The maximum takes its whole cotangent to the first element of the window that holds it, and is exact to any order of
differentiation. Padding is never a maximum; in a mean it counts as zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import Array
from ..dtypes import is_floating, is_integer
from ..errors import DtypeError, OptionError
from ..ops import pooling as ops
from ..ops.create import asarray, to_inexact
from ..ops.elementwise import astype, floor_divide, remainder
from ..ops.precision import widened
from .layouts import from_channels_last, to_channels_last
from .windows import Padding, Sizes, pairs, per_axis, window_counts

__all__ = ["avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool1d", "max_pool2d", "max_pool3d"]


def max_pool1d(
    x: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    layout: str = "NWC",
) -> Any:
    """The maximum of each window of a sequence: `max_pool2d` with one spatial axis.

    Args:
        x: (N, W, C) or (W, C); with layout="NCW" (N, C, W) or (C, W).
        kernel_size, stride, padding, dilation, ceil_mode, return_indices: as for `max_pool2d`.
        layout: "NWC" or "NCW".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.max_pool1d(fnp.asarray([[1.0, 3.0, 2.0, 5.0]]), 2, layout="NCW").tolist()
    [[3.0, 5.0]]
    """
    return maximum("max_pool1d", 1, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices, layout)


def max_pool2d(
    x: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    layout: str = "NHWC",
) -> Any:
    """The maximum of each window of an image.

    Args:
        x: (N, H, W, C), or (H, W, C) for one image; with layout="NCHW" (N, C, H, W) or (C, H, W). Real numbers.
        kernel_size: sizes of the window: an int, or one an axis.
        stride: steps between windows; the window's sizes where None, so that windows do not overlap.
        padding: how far windows reach beyond the border: an int, one an axis, a pair (low, high) an axis, "VALID"
            or "SAME". It is never chosen, and no window may hold nothing else.
        dilation: steps between the elements of a window: an int, or one an axis.
        ceil_mode: whether a last window that starts on the data (or its low padding) may reach over the high border.
        return_indices: whether to tell where the maxima are, too, for `max_unpool2d`.
        layout: "NHWC" or "NCHW".

    Returns:
        (N, H_out, W_out, C), or as x is laid out; NaN where a window holds NaN. The first of equal maxima has the
        derivative. With return_indices a pair of that and of integers of the same shape: the place of each maximum in
        its image and channel, row by row (h W + w).

    Raises:
        ShapeError: no window fits, or one holds only padding.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.max_pool2d(fnp.arange(16.0).reshape(4, 4, 1), 2)[:, :, 0]
    Array([[ 5.,  7.],
           [13., 15.]], dtype=float32)
    """
    return maximum("max_pool2d", 2, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices, layout)


def max_pool3d(
    x: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    layout: str = "NDHWC",
) -> Any:
    """The maximum of each window of a volume: `max_pool2d` with three spatial axes.

    Args:
        x: (N, D, H, W, C) or (D, H, W, C); with layout="NCDHW" (N, C, D, H, W) or (C, D, H, W).
        kernel_size, stride, padding, dilation, ceil_mode, return_indices: as for `max_pool2d`.
        layout: "NDHWC" or "NCDHW".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.max_pool3d(fnp.arange(8.0).reshape(2, 2, 2, 1), 2).tolist()
    [[[[7.0]]]]
    """
    return maximum("max_pool3d", 3, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices, layout)


@widened
def avg_pool1d(
    x: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    layout: str = "NWC",
) -> Array:
    """The mean of each window of a sequence: `avg_pool2d` with one spatial axis.

    Args:
        x: (N, W, C) or (W, C); with layout="NCW" (N, C, W) or (C, W).
        kernel_size, stride, padding, ceil_mode, count_include_pad: as for `avg_pool2d`.
        layout: "NWC" or "NCW".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.avg_pool1d(fnp.asarray([[1.0, 3.0, 2.0, 5.0]]), 2, layout="NCW").tolist()
    [[2.0, 3.5]]
    """
    return average("avg_pool1d", 1, x, kernel_size, stride, padding, ceil_mode, count_include_pad, None, layout)


@widened
def avg_pool2d(
    x: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    layout: str = "NHWC",
) -> Array:
    """The mean of each window of an image.

    Args:
        x: (N, H, W, C), or (H, W, C) for one image; with layout="NCHW" (N, C, H, W) or (C, H, W). Integers are taken
            as the default float.
        kernel_size: sizes of the window: an int, or one an axis.
        stride: steps between windows; the window's sizes where None.
        padding: zeros around x: an int, one an axis, a pair (low, high) an axis, "VALID" or "SAME".
        ceil_mode: whether a last window that starts on the data (or its low padding) may reach over the high border.
        count_include_pad: whether the padding counts as elements of the mean, or only what lies on x does. What
            ceil_mode reaches beyond the padding never counts.
        divisor_override: what sums are divided by instead of the number of elements.
        layout: "NHWC" or "NCHW".

    Returns:
        (N, H_out, W_out, C), or as x is laid out.

    Raises:
        ShapeError: no window fits.
        OptionError: divisor_override is 0.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.avg_pool2d(fnp.arange(16.0).reshape(4, 4, 1), 2)[:, :, 0]
    Array([[ 2.5,  4.5],
           [10.5, 12.5]], dtype=float32)
    """
    return average(
        "avg_pool2d", 2, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, layout
    )


@widened
def avg_pool3d(
    x: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    layout: str = "NDHWC",
) -> Array:
    """The mean of each window of a volume: `avg_pool2d` with three spatial axes.

    Args:
        x: (N, D, H, W, C) or (D, H, W, C); with layout="NCDHW" (N, C, D, H, W) or (C, D, H, W).
        kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override: as for `avg_pool2d`.
        layout: "NDHWC" or "NCDHW".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.avg_pool3d(fnp.arange(8.0).reshape(2, 2, 2, 1), 2).tolist()
    [[[[3.5]]]]
    """
    return average(
        "avg_pool3d", 3, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, layout
    )


def maximum(
    name: str,
    rank: int,
    x: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
    return_indices: bool,
    layout: str,
) -> Any:
    """Max pooling with that many spatial axes, for the function of that name."""
    x = real_numbers(name, x)
    images = to_channels_last(name, x, layout, rank)
    moves, _ = _moves(name, x, images.shape[1:-1], kernel_size, stride, padding, dilation, ceil_mode)
    index = ops.window_argmax(images, **moves)
    out = from_channels_last(ops.window_gather(images, index, **moves), x, layout, rank)
    if not return_indices:
        return out
    starts = [
        np.arange(n) * step - low
        for n, step, (low, _) in zip(index.shape[1:-1], moves["stride"], moves["padding"], strict=True)
    ]
    found = places(index, range(1, rank + 1), images.shape[1:-1], moves["window"], starts, moves["dilation"])
    return out, from_channels_last(found, x, layout, rank)


def real_numbers(name: str, x: Any) -> Array:
    """x as an array, if it has an order."""
    x = asarray(x)
    if not (is_integer(x.dtype) or is_floating(x.dtype)):
        raise DtypeError(f"{name}: only real numbers have a maximum, not {x.aval}")
    return x


def places(index: Any, axes: range, spatial: Any, window: Any, starts: list[Any], dilation: Any) -> Any:
    """Offsets in windows as places in the image, row by row.

    Args:
        index: offsets in each window, row by row.
        axes: the spatial axes of index.
        spatial, window: the sizes of the image and of the window.
        starts: for each axis, where its windows start.
        dilation: steps between the elements of a window.
    """
    left, place, size = astype(index, "int64"), 0, 1
    for axis, n, k, start, step in reversed(list(zip(axes, spatial, window, starts, dilation, strict=True))):
        first = asarray(start.reshape(-1, *[1] * (index.ndim - 1 - axis)), device=index.device)
        place = place + (first + remainder(left, k) * step) * size
        left, size = floor_divide(left, k), size * n
    return place


def average(
    name: str,
    rank: int,
    x: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
    layout: str,
) -> Any:
    """Sums of windows over the numbers of elements, for the function of that name."""
    x = to_inexact(x)
    images = to_channels_last(name, x, layout, rank)
    spatial = images.shape[1:-1]
    moves, given = _moves(name, x, spatial, kernel_size, stride, padding, 1, ceil_mode)
    total: Any = ops.window_sum(images, **moves)
    if divisor_override is not None:
        if not divisor_override:
            raise OptionError(f"{name}: divisor_override must not be 0")
        return from_channels_last(total / divisor_override, x, layout, rank)
    counts = np.ones((), np.int64)
    steps = zip(spatial, total.shape[1:-1], moves["window"], moves["stride"], given, strict=True)
    for n, windows, k, s, (low, high) in steps:
        start = np.arange(windows) * s - low
        first, last = (-low, n + high) if count_include_pad else (0, n)
        counts = np.multiply.outer(counts, np.minimum(start + k, last) - np.maximum(start, first))
    most = int(counts.max(initial=1))
    if (counts == most).all():
        return from_channels_last(total / most, x, layout, rank)
    divisor = asarray(np.maximum(counts, 1)[..., None], x.dtype, device=x.device)  # nothing but padding: 0 / 1
    return from_channels_last(total / divisor, x, layout, rank)


def _moves(
    name: str,
    x: Array,
    spatial: tuple[int, ...],
    kernel_size: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil_mode: bool,
) -> tuple[dict[str, Any], tuple[tuple[int, int], ...]]:
    """How the window moves, in one form; and the padding before ceil_mode made it longer."""
    rank = len(spatial)
    window = per_axis(name, "kernel_size", kernel_size, rank)
    stride = window if stride is None else per_axis(name, "stride", stride, rank)
    dilation = per_axis(name, "dilation", dilation, rank)
    given = found = pairs(name, padding, spatial, window, stride, dilation)
    if ceil_mode:
        found = tuple(
            (low, _ceil_padding(n, (k - 1) * d + 1, s, low, high))
            for n, k, s, d, (low, high) in zip(spatial, window, stride, dilation, given, strict=True)
        )
    window_counts(name, x, spatial, window, stride=stride, padding=found, dilation=dilation)
    return {"window": window, "stride": stride, "padding": found, "dilation": dilation}, given


def _ceil_padding(n: int, span: int, stride: int, low: int, high: int) -> int:
    """The high padding that lets a last window start wherever there is data or low padding."""
    last = -(-(n + low + high - span) // stride) * stride  # where it starts, counted from the low padding
    if last >= n + low:
        last -= stride
    return max(high, last + span - n - low)
