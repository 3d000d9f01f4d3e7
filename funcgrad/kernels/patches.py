"""What the windows of a convolution see, as a matrix of patches, a tile of the output at a time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy

__all__ = [
    "FEW_CHANNELS",
    "Padding",
    "Raw",
    "Sizes",
    "Tile",
    "itemsize",
    "patch_tiles",
    "tiles",
    "window_offsets",
    "window_slices",
]

Raw = Any
Sizes = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]

# A tile has to stay in cache between the copy and the product: float32 100x26x26x32 by 3x3x32x64 takes 13 ms
# in tiles of 3 or 4 MiB, 21 in one piece, and 18 in tiles of 256 KiB, too small for BLAS's threads to share.
# Elsewhere (GPUs) fewer, larger launches win, and the budget only bounds memory.
_NUMPY_TILE_BYTES = 4 << 20
_OTHER_TILE_BYTES = 256 << 20

# Up to this many channels a group, a matrix of patches is stored column by column: copying then runs along
# rows of the image, not along the few channels (float32 100x28x28x1 by 3x3x1x32: 0.5 ms against 1.2; with 8
# channels it loses).  And with this few channels, scaling them one by one does not pay.
FEW_CHANNELS = 4


class Tile(NamedTuple):
    """A run of images, and of output positions along the first spatial axis."""

    images: slice
    rows: slice

    @property
    def where(self) -> tuple[Any, ...]:
        """What picks the tile out of (N, *S_out, O)."""
        return (self.images, self.rows, ...)


def window_offsets(window: Sizes) -> Iterator[tuple[int, ...]]:
    """The offsets of a window, in row-major order."""
    return itertools.product(*(range(count) for count in window))


def window_slices(
    offset: Sizes, spatial: Sizes, sizes: Sizes, stride: Sizes, padding: Padding, dilation: Sizes
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Which windows see data, not padding, at one offset: slices of those windows, and of that data."""
    seen, source = [], []
    for k, size, count, step, (low, _), spread in zip(offset, spatial, sizes, stride, padding, dilation, strict=True):
        start = k * spread - low  # what window 0 sees; window r sees start + r * step
        first = max(0, -(start // step))
        stop = min(count, (size - 1 - start) // step + 1)
        if first < stop:
            seen.append(slice(first, stop))
            source.append(slice(start + first * step, start + (stop - 1) * step + 1, step))
        else:
            seen.append(slice(0, 0))
            source.append(slice(0, 0))
    return tuple(seen), tuple(source)


def itemsize(dtype: Any) -> int:
    """Bytes an element; only sizes tiles, so modules whose dtypes do not tell count as eight."""
    return int(getattr(dtype, "itemsize", 8))


def tiles(xp: Any, batch: int, sizes: Sizes, position_bytes: int) -> Iterator[Tile]:
    """Cut the output into runs of images or, where one image is over the budget, of rows of one image."""
    budget = _NUMPY_TILE_BYTES if xp is numpy else _OTHER_TILE_BYTES
    rows = sizes[0]
    row_bytes = max(1, math.prod(sizes[1:]) * position_bytes)
    images = max(1, budget // (rows * row_bytes))
    rows_each = max(1, min(rows, budget // row_bytes))
    for n in range(0, batch, images):
        for r in range(0, rows, rows_each):
            yield Tile(slice(n, min(n + images, batch)), slice(r, min(r + rows_each, rows)))


def patch_tiles(
    xp: Any,
    x: Raw,
    window: Sizes,
    sizes: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    groups: int,
) -> Iterator[tuple[Tile, Raw]]:
    """For each tile of the output, the patches of x its windows see: (G, positions, K * C // G).

    A tile's patches are good until the next tile is asked for.
    """
    x = _pad(xp, x, padding)
    copy = _NumpyPatches(x, window, stride, dilation, groups) if xp is numpy else None
    position_bytes = math.prod(window) * x.shape[-1] * itemsize(x.dtype)
    for tile in tiles(xp, x.shape[0], sizes, position_bytes):
        part = x[tile.images, tile.rows.start * stride[0] :, ...]
        tile_sizes = (tile.rows.stop - tile.rows.start, *sizes[1:])
        if copy is not None:
            yield tile, copy(part, tile_sizes)
        else:
            yield tile, _stack_patches(xp, part, window, tile_sizes, stride, dilation, groups)


def _pad(xp: Any, x: Raw, padding: Padding) -> Raw:
    """x with zeros around its spatial axes."""
    if not any(map(any, padding)):
        return x
    spatial = x.shape[1:-1]
    padded = tuple(low + size + high for size, (low, high) in zip(spatial, padding, strict=True))
    out = xp.zeros((x.shape[0], *padded, x.shape[-1]), dtype=x.dtype, device=x.device)
    inner = tuple(slice(low, low + size) for size, (low, _) in zip(spatial, padding, strict=True))
    out[(slice(None), *inner, ...)] = x
    return out


def _stack_patches(xp: Any, x: Raw, window: Sizes, sizes: Sizes, stride: Sizes, dilation: Sizes, groups: int) -> Raw:
    """The patches of x, already padded, as (G, positions, K * C // G): one strided slice an offset."""
    unpadded = tuple((0, 0) for _ in window)
    channels = x.shape[-1] // groups
    positions = x.shape[0] * math.prod(sizes)
    slices = []
    for offset in window_offsets(window):
        _, source = window_slices(offset, x.shape[1:-1], sizes, stride, unpadded, dilation)
        slices.append(xp.reshape(x[(slice(None), *source, ...)], (positions, groups, channels)))
    patches = xp.permute_dims(xp.stack(slices, axis=1), (2, 0, 1, 3))
    return xp.reshape(patches, (groups, positions, len(slices) * channels))


class _NumpyPatches:
    """The patches of parts of a padded NumPy array, as (G, positions, K * C // G), in a buffer used again.

    A single copy out of an overlapping view lets NumPy merge the innermost window axis with the channels:
    2.1 ms, where a copy an offset takes 3.5 (float32 100x26x26x32, window 3x3).
    """

    def __init__(self, x: Raw, window: Sizes, stride: Sizes, dilation: Sizes, groups: int) -> None:
        self._window, self._stride, self._dilation, self._groups = window, stride, dilation, groups
        self._channels = x.shape[-1] // groups
        self._columns_first = self._channels <= FEW_CHANNELS
        self._buffer = numpy.empty(0, dtype=x.dtype)

    def __call__(self, part: Raw, sizes: Sizes) -> Raw:
        view = self._overlapping_view(part, sizes)
        rank, axes = len(sizes), range(view.ndim)
        position_axes, window_axes = axes[: rank + 1], axes[rank + 1 : 2 * rank + 1]
        group_axis, channel_axis = axes[-2:]
        if self._columns_first:
            order = (group_axis, *window_axes, channel_axis, *position_axes)
        else:
            order = (group_axis, *position_axes, *window_axes, channel_axis)
        view = view.transpose(order)
        if self._buffer.size < view.size:
            self._buffer = numpy.empty(view.size, dtype=view.dtype)
        copied = self._buffer[: view.size].reshape(view.shape)
        numpy.copyto(copied, view)
        positions, columns = part.shape[0] * math.prod(sizes), math.prod(self._window) * self._channels
        if self._columns_first:
            return copied.reshape(self._groups, columns, positions).transpose(0, 2, 1)
        return copied.reshape(self._groups, positions, columns)

    def _overlapping_view(self, part: Raw, sizes: Sizes) -> Raw:
        """(images, *sizes, *window, G, C // G), over the memory of part."""
        batch_step, *steps, channel_step = part.strides
        return numpy.lib.stride_tricks.as_strided(
            part,
            (part.shape[0], *sizes, *self._window, self._groups, self._channels),
            (
                batch_step,
                *(a * b for a, b in zip(steps, self._stride, strict=True)),
                *(a * b for a, b in zip(steps, self._dilation, strict=True)),
                self._channels * channel_step,
                channel_step,
            ),
            writeable=False,
        )
