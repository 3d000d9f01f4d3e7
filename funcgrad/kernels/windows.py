"""Pooling windows on channels-last arrays: where the maximum is, what is there, and sums.

At output position r, the window on x (N, *S, C) sees x[n, r * stride + k * dilation - low, c] at offset k.
`window_argmax` names the offset of each window's first maximum.  For given offsets, `window_gather` is linear
in x and `window_scatter` is its transpose; `window_sum` and `window_spread` are the like pair for sums.

Each is a loop over the offsets that takes one strided slice of x an offset.  Padding is never stored: at each
offset, the windows that see padding there are left out.  The loops run over a few images at a time, so that
what they pass over again and again stays in cache, and on NumPy several threads take their parts of the images.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy

from . import threads
from .convolution import conv_output_sizes, zeros
from .patches import Padding, Raw, Sizes, window_offsets, window_slices

# Bytes of pooled values in one tile, on NumPy: argmax of float32 32x56x56x64 by 3x3, stride 2, takes 15 ms,
# against 39 in one piece, and two threads take 9 ms; in smaller tiles they wait for Python's lock, and take 11.
# Elsewhere (GPUs) one large launch is best.
_NUMPY_TILE_BYTES = 1 << 20

# Indices up to this take a byte: there are many comparisons with them, and these are bound by memory.
MOST_BYTE_OFFSETS = 255

# By element size, the unsigned integers as which NumPy can read an element's bits.
_BITS = {1: numpy.uint8, 2: numpy.uint16, 4: numpy.uint32, 8: numpy.uint64}

_Index = tuple[Any, ...]


def window_argmax(
    xp: Any, x: Raw, *, window: Sizes, stride: Sizes, padding: Padding, dilation: Sizes, out: Raw | None = None
) -> Raw:
    """The row-major offset of the first maximum (or first NaN) in each window, as (N, *S_out, C) integers.

    Padding is never chosen; a window of nothing but padding raises ValueError.
    """
    spatial = x.shape[1:-1]
    sizes = conv_output_sizes(spatial, window, stride, padding, dilation)
    check_windows_hold_data(spatial, window, stride, padding, dilation)
    dtype = xp.uint8 if math.prod(window) <= MOST_BYTE_OFFSETS else xp.int32
    shape = (x.shape[0], *sizes, x.shape[-1])
    index = xp.empty(shape, dtype=dtype, device=x.device) if out is None else out
    slices = _slices(spatial, window, sizes, stride, padding, dilation)

    def choose(images: slice) -> None:
        index[images, ...] = _first_maximum(xp, x[images, ...], sizes, slices, dtype)

    _each_tile(xp, x, sizes, len(slices), choose)
    return index


def window_gather(
    xp: Any,
    x: Raw,
    index: Raw,
    *,
    window: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    out: Raw | None = None,
) -> Raw:
    """The element of x at the indexed offset of each window, unchanged, as (N, *S_out, C)."""
    sizes = index.shape[1:-1]
    out = zeros(xp, index.shape, x, out)
    slices = _slices(x.shape[1:-1], window, sizes, stride, padding, dilation)
    bits = _BITS.get(x.dtype.itemsize) if xp is numpy else None

    def gather(images: slice) -> None:
        chosen, source_part, part = index[images, ...], x[images, ...], out[images, ...]
        if bits is not None:
            _gather_bits(source_part.view(bits), chosen, part.view(bits), slices)
        else:
            out[images, ...] = _gather_where(xp, source_part, chosen, part, slices)

    _each_tile(xp, x, sizes, len(slices), gather)
    return out


def window_scatter(
    xp: Any,
    g: Raw,
    index: Raw,
    *,
    spatial: Sizes,
    window: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    out: Raw | None = None,
) -> Raw:
    """The transpose of `window_gather` in x: each g at its window's indexed offset, added where they meet."""
    sizes = g.shape[1:-1]
    out = zeros(xp, (g.shape[0], *spatial, g.shape[-1]), g, out)
    disjoint = all(
        step >= (count - 1) * spread + 1 for step, count, spread in zip(stride, window, dilation, strict=True)
    )
    slices = _slices(spatial, window, sizes, stride, padding, dilation)

    def scatter(images: slice) -> None:
        for offset, (seen, source) in enumerate(slices):
            part = (images, *seen[1:])
            values = _masked(xp, g[part], index[part] == offset)
            if disjoint:  # nothing there yet: 2 ms against 3 (float32 100x24x24x64 by 2x2)
                out[(images, *source[1:])] = values
            else:
                out[(images, *source[1:])] += values

    _each_tile(xp, g, sizes, len(slices), scatter)
    return out


def window_sum(
    xp: Any, x: Raw, *, window: Sizes, stride: Sizes, padding: Padding, dilation: Sizes, out: Raw | None = None
) -> Raw:
    """The sum of each window, as (N, *S_out, C); padding counts as zero."""
    spatial = x.shape[1:-1]
    sizes = conv_output_sizes(spatial, window, stride, padding, dilation)
    out = zeros(xp, (x.shape[0], *sizes, x.shape[-1]), x, out)
    slices = _slices(spatial, window, sizes, stride, padding, dilation)

    def add(images: slice) -> None:
        for seen, source in slices:
            out[(images, *seen[1:])] += x[(images, *source[1:])]

    _each_tile(xp, x, sizes, len(slices), add)
    return out


def window_spread(
    xp: Any,
    g: Raw,
    *,
    spatial: Sizes,
    window: Sizes,
    stride: Sizes,
    padding: Padding,
    dilation: Sizes,
    out: Raw | None = None,
) -> Raw:
    """The transpose of `window_sum`: each g at every offset of its window, added up where they meet."""
    sizes = g.shape[1:-1]
    out = zeros(xp, (g.shape[0], *spatial, g.shape[-1]), g, out)
    slices = _slices(spatial, window, sizes, stride, padding, dilation)

    def spread(images: slice) -> None:
        for seen, source in slices:
            out[(images, *source[1:])] += g[(images, *seen[1:])]

    _each_tile(xp, g, sizes, len(slices), spread)
    return out


def check_windows_hold_data(spatial: Sizes, window: Sizes, stride: Sizes, padding: Padding, dilation: Sizes) -> None:
    """ValueError if some window would hold only padding, and so have no maximum."""
    sizes = conv_output_sizes(spatial, window, stride, padding, dilation)
    for axis, (size, count, outputs, step, (low, high), spread) in enumerate(
        zip(spatial, window, sizes, stride, padding, dilation, strict=True)
    ):
        if not low and not high:
            continue
        for r in range(outputs):
            start = r * step - low
            # Where the window first comes past the low padding: on data, or past its end.
            first = start + max(0, -(start // spread)) * spread
            if first >= size or first > start + (count - 1) * spread:
                raise ValueError(
                    f"window {r} along spatial axis {axis} holds only padding: size {size} padded by "
                    f"({low}, {high}), a window of {count} with stride {step} and dilation {spread}"
                )


def _slices(
    spatial: Sizes, window: Sizes, sizes: Sizes, stride: Sizes, padding: Padding, dilation: Sizes
) -> list[tuple[_Index, _Index]]:
    """For each offset, what picks the windows that see data there, and what picks that data."""
    pairs = (window_slices(offset, spatial, sizes, stride, padding, dilation) for offset in window_offsets(window))
    return [((slice(None), *seen, ...), (slice(None), *source, ...)) for seen, source in pairs]


def _each_tile(xp: Any, a: Raw, sizes: Sizes, offsets: int, work: Callable[[slice], None]) -> None:
    """Call `work` for runs of images of a (N, *_, C) whose pooled values (*sizes, C) fit the tile budget."""
    batch, pooled = a.shape[0], math.prod(sizes) * a.shape[-1]
    if xp is not numpy:
        work(slice(0, batch))
        return
    images = max(1, _NUMPY_TILE_BYTES // max(1, pooled * a.dtype.itemsize))

    def in_tiles(part: slice) -> None:
        for n in range(part.start, part.stop, images):
            work(slice(n, min(n + images, part.stop)))

    threads.each_part(in_tiles, threads.parts(batch, batch * pooled * offsets))


def _first_maximum(xp: Any, x: Raw, sizes: Sizes, slices: list[tuple[_Index, _Index]], dtype: Any) -> Raw:
    """`window_argmax` of one tile.

    An index counts the offsets passed before the maximum is met, so that nothing branches on the data: 3 ms,
    where a `where` an offset takes 8 (float32 100x24x24x64 by 2x2).
    """
    shape = (x.shape[0], *sizes, x.shape[-1])
    floating = xp.isdtype(x.dtype, "real floating")
    lowest = -xp.inf if floating else xp.iinfo(x.dtype).min
    most = xp.full(shape, lowest, dtype=x.dtype, device=x.device)
    for seen, source in slices:
        most[seen] = xp.maximum(most[seen], x[source])
    # NumPy can ask for little; elsewhere that would wait for the device, so there NaNs are taken as possible.
    nan_possible = floating and (xp is not numpy or bool(xp.any(xp.isnan(most))))

    missing = xp.ones(shape, dtype=xp.bool, device=x.device)
    index = xp.zeros(shape, dtype=dtype, device=x.device)
    for seen, source in slices[:-1]:
        value = x[source]
        passed = value != most[seen]
        if nan_possible:  # a maximum of NaN equals nothing: it is met at the first NaN
            passed &= ~xp.isnan(value)
        missing[seen] &= passed
        index += xp.astype(missing, dtype)
    return index


def _gather_bits(x: Raw, index: Raw, out: Raw, slices: list[tuple[_Index, _Index]]) -> None:
    """`window_gather` on bit patterns, in NumPy: a pattern times 0 or 1 is exact, where infinity * 0 is not.

    2.5 ms, where `numpy.where` takes 8 and `numpy.copyto` 12, as they branch on each element (float32
    100x24x24x64 by 2x2).
    """
    for offset, (seen, source) in enumerate(slices):
        out[seen] |= x[source] * (index[seen] == offset)


def _gather_where(xp: Any, x: Raw, index: Raw, out: Raw, slices: list[tuple[_Index, _Index]]) -> Raw:
    """`window_gather` of one tile, in the array API."""
    for offset, (seen, source) in enumerate(slices):
        out[seen] = xp.where(index[seen] == offset, x[source], out[seen])
    return out


def _masked(xp: Any, a: Raw, mask: Raw) -> Raw:
    """a where the mask holds, and zero elsewhere."""
    bits = _BITS.get(a.dtype.itemsize) if xp is numpy else None
    if bits is not None:  # on bit patterns, as in `_gather_bits`
        return (a.view(bits) * mask).view(a.dtype)
    return xp.where(mask, a, xp.zeros_like(a))
