"""N-dimensional convolution on channels-last arrays, and its two transposes.

With stride s, dilation d and low padding p, at every output position r and channel o,

    out[n, r, o] = sum over offsets k and channels c of  x[n, r * s + k * d - p, c] * w[k, c, o]

where x counts as zero outside its bounds (cross-correlation: the window is not flipped).  `conv` is this
map; it is bilinear, `conv_data` is its transpose in x, and `conv_weights` its transpose in w.  The three are
closed under differentiation.  Complex values are never conjugated.  With G groups, the channels of x and of
out are cut into G equal runs, and run i of out sees run i of x only.

`conv` and `conv_weights` copy what the windows see into a matrix of patches, a tile of the output at a time,
and multiply that.  `conv_data` multiplies once an offset, and adds each product where that offset points.
With as many groups as channels there is nothing to sum over, and arrays are scaled once an offset instead.
That is for all array modules and dtypes; float32 on the CPU is oneDNN's (`onednn/`) where it is there and faster.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy

from . import products, threads
from .onednn import convolution as onednn
from .patches import FEW_CHANNELS, Padding, Raw, Sizes, itemsize, patch_tiles, tiles, window_offsets, window_slices

# The same for the elementwise loops of depthwise convolutions, which run on one core (float32 32x32x32x64 by
# 3x3, padded: 9 ms, against 18 in one piece).
_NUMPY_DEPTHWISE_TILE_BYTES = 1 << 20


def conv(
    xp: Any,
    x: Raw,
    w: Raw,
    *,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    groups: int,
    out: Raw | None = None,
) -> Raw:
    """The convolution of x (N, *S, C) with w (*K, C // groups, O), as (N, *S_out, O)."""
    window, spatial = w.shape[:-2], x.shape[1:-1]
    sizes = conv_output_sizes(spatial, window, stride, padding, dilation)
    shape = (x.shape[0], *sizes, w.shape[-1])
    geometry = onednn.Geometry(x.shape, w.shape, shape, stride, padding, dilation, groups)
    if xp is numpy and (found := onednn.conv(x, w, geometry, out=out)) is not None:
        return found
    weights = _group_weights(xp, w, groups)
    if _is_pointwise(window, stride, padding):
        return _product(xp, _to_grouped(xp, x, groups), weights, shape, groups, out)
    if _is_depthwise(x.shape[-1], w.shape[-1], groups):
        out = zeros(xp, shape, x, out)
        steps = _depthwise_steps(xp, x, window, spatial, sizes, stride, padding, dilation)
        for k, seen, source in steps:
            out[seen] += x[source] * _offset_scale(xp, w, k)
        return out
    result = xp.empty(shape, dtype=x.dtype, device=x.device) if out is None else out

    def fill(images: slice) -> None:
        part = result[images, ...]
        for tile, patches in patch_tiles(xp, x[images, ...], window, sizes, stride, padding, dilation, groups):
            target = part[tile.where]
            if xp is numpy:  # straight into the output: a tile is contiguous, so its grouped form is a view
                numpy.matmul(patches, weights, out=_to_grouped(xp, target, groups))
            else:
                part[tile.where] = _from_grouped(xp, xp.matmul(patches, weights), target.shape)

    threads.each_part(fill, _parts(xp, x.shape[0], math.prod(shape) * weights.shape[1]))
    return result


def conv_data(
    xp: Any,
    g: Raw,
    w: Raw,
    *,
    spatial: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    groups: int,
    out: Raw | None = None,
) -> Raw:
    """The transpose of `conv` in x: g (N, *S_out, O) to (N, *spatial, C), zero where no window reaches."""
    window, sizes = w.shape[:-2], g.shape[1:-1]
    shape = (g.shape[0], *spatial, w.shape[-2] * groups)
    geometry = onednn.Geometry(shape, w.shape, g.shape, stride, padding, dilation, groups)
    if xp is numpy and (found := onednn.conv_data(g, w, geometry, out=out)) is not None:
        return found
    weights = _offset_weights(xp, w, groups)
    if _is_pointwise(window, stride, padding):
        return _product(xp, _to_grouped(xp, g, groups), weights[0, ...], shape, groups, out)
    out = zeros(xp, shape, g, out)
    if _is_depthwise(shape[-1], g.shape[-1], groups):
        steps = _depthwise_steps(xp, g, window, spatial, sizes, stride, padding, dilation)
        for k, seen, source in steps:
            out[source] += g[seen] * _offset_scale(xp, w, k)
        return out

    def fill(images: slice) -> None:
        part, cts = out[images, ...], g[images, ...]
        for tile in tiles(xp, cts.shape[0], sizes, (shape[-1] + g.shape[-1]) * itemsize(g.dtype)):
            block = cts[tile.where]
            product_shape = (*block.shape[:-1], shape[-1])
            block = _to_grouped(xp, block, groups)
            product = xp.empty(product_shape, dtype=g.dtype, device=g.device)
            tile_padding = _shift_first(padding, tile.rows.start * stride[0])
            for k, offset in enumerate(window_offsets(window)):
                if xp is numpy:  # one buffer for all offsets stays in cache
                    numpy.matmul(block, weights[k], out=_to_grouped(xp, product, groups))
                else:
                    product = _from_grouped(xp, xp.matmul(block, weights[k, ...]), product_shape)
                seen, source = window_slices(offset, spatial, product_shape[1:-1], stride, tile_padding, dilation)
                part[(tile.images, *source, ...)] += product[(slice(None), *seen, ...)]

    threads.each_part(fill, _parts(xp, g.shape[0], math.prod(g.shape) * math.prod(w.shape[:-1])))
    return out


def conv_weights(
    xp: Any,
    x: Raw,
    g: Raw,
    *,
    window: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    groups: int,
    out: Raw | None = None,
) -> Raw:
    """The transpose of `conv` in w: x (N, *S, C) and g (N, *S_out, O) to (*window, C // groups, O)."""
    spatial, sizes = x.shape[1:-1], g.shape[1:-1]
    channels = x.shape[-1] // groups
    count = math.prod(window)
    shape = (*window, channels, g.shape[-1])
    geometry = onednn.Geometry(x.shape, shape, g.shape, stride, padding, dilation, groups)
    if xp is numpy and (found := onednn.conv_weights(x, g, geometry, out=out)) is not None:
        return found
    if _is_pointwise(window, stride, padding):
        left = xp.matrix_transpose(_to_grouped(xp, x, groups))
        return _product(xp, left, _to_grouped(xp, g, groups), shape, groups, out)
    if _is_depthwise(x.shape[-1], g.shape[-1], groups):
        total = zeros(xp, (count, g.shape[-1]), x, None if out is None else xp.reshape(out, (count, g.shape[-1])))
        steps = _depthwise_steps(xp, x, window, spatial, sizes, stride, padding, dilation)
        for k, seen, source in steps:
            total[k, ...] += xp.sum(x[source] * g[seen], axis=tuple(range(x.ndim - 1)), dtype=x.dtype)
        return xp.reshape(total, shape)
    grouped = (groups, count * channels, g.shape[-1] // groups)

    def summed(images: slice) -> Raw:
        total, cts = xp.zeros(grouped, dtype=x.dtype, device=x.device), g[images, ...]
        for tile, patches in patch_tiles(xp, x[images, ...], window, sizes, stride, padding, dilation, groups):
            total += xp.matmul(xp.matrix_transpose(patches), _to_grouped(xp, cts[tile.where], groups))
        return total

    first, *others = threads.each_part(summed, _parts(xp, x.shape[0], math.prod(g.shape) * count * channels))
    for other in others:
        first += other
    return placed(_from_grouped(xp, first, shape), out)


def conv_output_sizes(
    spatial: Sizes, window: Sizes, stride: Sizes, padding: Padding, dilation: Sizes
) -> tuple[int, ...]:
    """How many windows fit along each spatial axis; ValueError where none does."""
    sizes = []
    for axis, (size, count, step, (low, high), spread) in enumerate(
        zip(spatial, window, stride, padding, dilation, strict=True)
    ):
        span = (count - 1) * spread + 1
        if size + low + high < span:
            raise ValueError(
                f"no window fits along spatial axis {axis}: size {size} padded by ({low}, {high}) is "
                f"{size + low + high}, a window of {count} with dilation {spread} spans {span}"
            )
        sizes.append((size + low + high - span) // step + 1)
    return tuple(sizes)


def _is_pointwise(window: Sizes, stride: Sizes, padding: Padding) -> bool:
    """Whether the convolution is one product of matrices: a window of one, at every position of x."""
    return all(n == 1 for n in (*window, *stride)) and not any(map(any, padding))


def _parts(xp: Any, batch: int, work: int) -> list[slice]:
    """The images that each thread takes; all of them at once where the array module is not NumPy."""
    return threads.parts(batch, work) if xp is numpy else [slice(0, batch)]


def _shift_first(padding: Padding, by: int) -> Padding:
    """The padding as seen from `by` further along the first axis; its low side may turn negative."""
    (low, high), *rest = padding
    return ((low - by, high), *rest)


# --- groups: arrays (..., channels) as stacks of matrices, one matrix a group ---


def _to_grouped(xp: Any, a: Raw, groups: int) -> Raw:
    """(..., G * I) as (G, positions, I)."""
    positions = math.prod(a.shape[:-1])
    return xp.permute_dims(xp.reshape(a, (positions, groups, a.shape[-1] // groups)), (1, 0, 2))


def _from_grouped(xp: Any, a: Raw, shape: tuple[int, ...]) -> Raw:
    """(G, positions, I) as `shape`, which is (..., G * I)."""
    return xp.reshape(xp.permute_dims(a, (1, 0, 2)), shape)


def _product(xp: Any, x: Raw, y: Raw, shape: tuple[int, ...], groups: int, out: Raw | None) -> Raw:
    """A product of matrices, one a group, as `shape`."""
    if out is None or groups != 1:
        return placed(_from_grouped(xp, products.matmul(xp, x, y), shape), out)
    products.matmul(xp, x, y, out=_to_grouped(xp, out, 1))
    return out


def placed(result: Raw, out: Raw | None) -> Raw:
    """The result in the caller's memory, if he has given some."""
    if out is None:
        return result
    out[...] = result
    return out


def zeros(xp: Any, shape: tuple[int, ...], like: Raw, out: Raw | None) -> Raw:
    """Zeros in the caller's memory, or in new memory."""
    if out is None:
        return xp.zeros(shape, dtype=like.dtype, device=like.device)
    out[...] = 0
    return out


def _group_weights(xp: Any, w: Raw, groups: int) -> Raw:
    """w as (G, K * C // G, O // G), the right factor of the patch matrices."""
    rows = math.prod(w.shape[:-1])
    return xp.permute_dims(xp.reshape(w, (rows, groups, w.shape[-1] // groups)), (1, 0, 2))


def _offset_weights(xp: Any, w: Raw, groups: int) -> Raw:
    """w as (K, G, O // G, C // G), for each offset the right factor of g."""
    shape = (math.prod(w.shape[:-2]), w.shape[-2], groups, w.shape[-1] // groups)
    return xp.permute_dims(xp.reshape(w, shape), (0, 2, 3, 1))


# --- depthwise: one channel a group ---


def _is_depthwise(channels: int, channels_out: int, groups: int) -> bool:
    """Whether every channel is convolved with its own window, and there are enough to fill a loop."""
    return groups == channels == channels_out and groups > FEW_CHANNELS


def _offset_scale(xp: Any, w: Raw, k: int) -> Raw:
    """What depthwise weights multiply the channels with, at the k-th offset."""
    return xp.reshape(w, (-1, w.shape[-1]))[k, ...]


def _depthwise_steps(
    xp: Any,
    a: Raw,
    window: Sizes,
    spatial: Sizes,
    sizes: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
) -> Iterator[tuple[int, tuple[Any, ...], tuple[Any, ...]]]:
    """For each run of images and each offset k: k, what picks the windows, and what picks the data they see.

    float32 32x32x32x64 by 3x3, padded: 9 ms each, where products of matrices took 16, and 42 in `conv_data`.
    """
    batch = a.shape[0]
    image_bytes = max(1, math.prod(sizes) * a.shape[-1] * itemsize(a.dtype))
    images = max(1, _NUMPY_DEPTHWISE_TILE_BYTES // image_bytes) if xp is numpy else max(1, batch)
    for n in range(0, batch, images):
        run = slice(n, min(n + images, batch))
        for k, offset in enumerate(window_offsets(window)):
            seen, source = window_slices(offset, spatial, sizes, stride, padding, dilation)
            yield k, (run, *seen, ...), (run, *source, ...)
