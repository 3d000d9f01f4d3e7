"""Max pooling by a factor that need not be whole: windows lie at random, a little closer or further apart."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from .. import random
from ..core import Array
from ..errors import OptionError, ShapeError
from ..numpy.creation import asarray
from ..numpy.elementwise import floor
from ..numpy.indexing import take_along_axis
from ..numpy.manipulation import concat
from ..numpy.reductions import argmax
from ..ops.elementwise import astype, stop_gradient
from .layouts import from_channels_last, to_channels_last
from .pooling import real_numbers
from .windows import Sizes, per_axis

__all__ = ["fractional_max_pool2d", "fractional_max_pool3d"]


def fractional_max_pool2d(
    x: Any,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Any = None,
    key: Any = None,
    layout: str = "NHWC",
) -> Any:
    """The maximum of each of so many windows that lie at random over an image, in order.

    Along an axis of n elements window i of m starts at floor((i + u) a) - floor(u a), where a = (n - k) / (m - 1) for
    windows of k, and the last one at n - k. There is one u in [0, 1) for each image, channel and axis.

    Args:
        x: (N, H, W, C), or (H, W, C) for one image; with layout="NCHW" (N, C, H, W) or (C, H, W). Real numbers.
        kernel_size: sizes of the window: an int, or one an axis.
        output_size: how many windows along each axis. Either this or
        output_ratio: how many, as a part of the axis, between 0 and 1: a number, or one an axis.
        return_indices: whether to tell where the maxima are, too, as `max_pool2d` does.
        _random_samples: the u: (N, C, 2), or (C, 2) for one image. Either these or
        key: of `funcgrad.random`, to draw them.
        layout: "NHWC" or "NCHW".

    Returns:
        (N, H_out, W_out, C), or as x is laid out; with return_indices a pair of that and of places.

    Raises:
        OptionError: both of output_size and output_ratio or neither; neither key nor samples.
        ShapeError: so many windows do not fit.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> u = fnp.asarray([[0.5, 0.5]])
    >>> F.fractional_max_pool2d(fnp.arange(25.0).reshape(5, 5, 1), 2, 3, _random_samples=u)[..., 0]
    Array([[ 6.,  8.,  9.],
           [16., 18., 19.],
           [21., 23., 24.]], dtype=float32)

    Source: B. Graham, Fractional max-pooling, 2014; torch.nn.functional.fractional_max_pool2d.
    """
    return _fractional(
        *("fractional_max_pool2d", 2, x, kernel_size, output_size, output_ratio, return_indices),
        *(_random_samples, key, layout, (1, 0)),
    )


def fractional_max_pool3d(
    x: Any,
    kernel_size: Sizes,
    output_size: Sizes | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Any = None,
    key: Any = None,
    layout: str = "NDHWC",
) -> Any:
    """The maximum of each of so many windows that lie at random over a volume: `fractional_max_pool2d` in space.

    Args:
        x: (N, D, H, W, C) or (D, H, W, C); with layout="NCDHW" (N, C, D, H, W) or (C, D, H, W).
        kernel_size, output_size, output_ratio, return_indices, key: as for `fractional_max_pool2d`.
        _random_samples: (N, C, 3), or (C, 3) without a batch.
        layout: "NDHWC" or "NCDHW".

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> from funcgrad import random
    >>> F.fractional_max_pool3d(fnp.arange(64.0).reshape(4, 4, 4, 1), 2, 2, key=random.key(0))[1, 1].tolist()
    [[61.0], [63.0]]
    """
    return _fractional(
        *("fractional_max_pool3d", 3, x, kernel_size, output_size, output_ratio, return_indices),
        *(_random_samples, key, layout, (0, 1, 2)),
    )


def _fractional(
    name: str,
    rank: int,
    x: Any,
    kernel_size: Any,
    output_size: Any,
    output_ratio: Any,
    return_indices: bool,
    samples: Any,
    key: Any,
    layout: str,
    order: Sequence[int],
) -> Any:
    """`order`: which of the samples is whose axis; PyTorch's are in another order for images."""
    x = real_numbers(name, x)
    images = to_channels_last(name, x, layout, rank)
    n, spatial, channels = images.shape[0], images.shape[1:-1], images.shape[-1]
    window = per_axis(name, "kernel_size", kernel_size, rank)
    sizes = _sizes(name, x, spatial, window, output_size, output_ratio)
    if samples is None:
        if key is None:
            raise OptionError(f"{name}: windows lie at random: pass key=random.key(seed), or _random_samples")
        u: Any = random.uniform(key, (n, channels, rank))
    else:
        u = asarray(samples)
        u = u.reshape((1, *u.shape)) if u.ndim == 2 else u
        if u.shape != (n, channels, rank):
            raise ShapeError(f"{name}: _random_samples must be {(n, channels, rank)} for {x.aval}, not {u.aval}")
    place: Any = None
    for k, (size, m, width) in enumerate(zip(spatial, sizes, window, strict=True)):
        start = _starts(u[:, :, order[k]], size, m, width)
        offsets = asarray(np.arange(width), device=x.device)
        here = start.reshape(n, *[m if i == k else 1 for i in range(rank)], *[1] * rank, channels)
        here = here + offsets.reshape(*[width if i == k else 1 for i in range(rank)], 1)
        place = here if place is None else place * size + here
    count, spread = prod(sizes), prod(window)
    place = place.broadcast_to((n, *sizes, *window, channels)).reshape(n, count * spread, channels)
    plane = images.reshape(n, prod(spatial), channels)
    seen = take_along_axis(stop_gradient(plane), place, 1).reshape(n, count, spread, channels)
    best = argmax(seen, axis=2, keepdims=True)
    chosen = take_along_axis(place.reshape(n, count, spread, channels), best, 2).reshape(n, count, channels)
    outs = [take_along_axis(plane, chosen, 1), chosen]
    found = [from_channels_last(out.reshape(n, *sizes, channels), x, layout, rank) for out in outs]
    return tuple(found) if return_indices else found[0]


def _starts(u: Any, size: int, m: int, width: int) -> Any:
    """Where the windows along an axis start: (N, m, C) for samples (N, C)."""
    last = asarray(np.full((u.shape[0], 1, u.shape[1]), size - width), device=u.device)
    if m == 1:
        return last
    step = (size - width) / (m - 1)
    i = asarray(np.arange(m - 1)[:, None], u.dtype, device=u.device)
    u = stop_gradient(u)[:, None, :]
    return concat([astype(floor((i + u) * step), "int64") - astype(floor(u * step), "int64"), last], 1)


def _sizes(
    name: str, x: Array, spatial: tuple[int, ...], window: tuple[int, ...], output_size: Any, output_ratio: Any
) -> tuple[int, ...]:
    """How many windows along each axis."""
    rank = len(spatial)
    if (output_size is None) == (output_ratio is None):
        raise OptionError(f"{name}: give either output_size or output_ratio")
    if output_size is None:
        ratios = list(output_ratio) if isinstance(output_ratio, list | tuple) else [output_ratio] * rank
        if len(ratios) != rank or not all(0 < r < 1 for r in ratios):
            raise OptionError(
                f"{name}: output_ratio must be between 0 and 1, or {rank} such numbers; got {output_ratio!r}"
            )
        output_size = tuple(int(n * r) for n, r in zip(spatial, ratios, strict=True))
    sizes = per_axis(name, "output_size", output_size, rank)
    if any(m + k - 1 > n for n, m, k in zip(spatial, sizes, window, strict=True)):
        raise ShapeError(f"{name}: {sizes} windows of {window} do not fit the input {x.aval}")
    return sizes
