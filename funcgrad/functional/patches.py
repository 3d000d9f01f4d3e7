"""Patches of images as vectors, and images from patches: `unfold` (im2col) and its transpose `fold`."""

from __future__ import annotations

import itertools
from math import prod
from typing import Any

from ..core import Array
from ..errors import ShapeError
from ..ops.create import asarray
from ..ops.shape import pad, permute_dims, reshape, slice_, stack, unslice
from .layouts import is_channels_last, layout_rank, to_channels_last
from .windows import Padding, Sizes, pairs, per_axis, window_counts

__all__ = ["fold", "unfold"]


def window_keys(
    window: tuple[int, ...], counts: tuple[int, ...], stride: Any, dilation: Any
) -> list[tuple[slice, ...]]:
    """For each offset in a window, in row-major order, which elements all windows have there."""
    offsets = itertools.product(*(range(0, k * d, d) for k, d in zip(window, dilation, strict=True)))
    return [
        tuple(slice(o, o + (n - 1) * s + 1, s) for o, n, s in zip(at, counts, stride, strict=True)) for at in offsets
    ]


def unfold(
    x: Any,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Padding = 0,
    stride: Sizes = 1,
    layout: str = "NHWC",
) -> Array:
    """The patches that a window sees as it moves over images, each as a vector (im2col).

    `unfold(x, (3, 3)) @ w.reshape(-1, O)` is the convolution with w, whose windows are laid flat.

    Args:
        x: (N, H, W, C), or (H, W, C) for one image; with layout="NCHW" (N, C, H, W) or (C, H, W). Layouts of one and of
            three spatial axes are those of `conv1d` and `conv3d`.
        kernel_size: sizes of the window: an int, or one an axis.
        dilation, padding, stride: as for `conv2d`.
        layout: "NHWC" or "NCHW".

    Returns:
        (N, L, K C): a vector for each of the L places, whose elements are the window's K places with C channels each;
        with channels first, as in PyTorch, (N, C K, L). Without N if x had none.

    Raises:
        ShapeError: no window fits.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.unfold(fnp.arange(9.0).reshape(3, 3, 1), 2).tolist()
    [[0.0, 1.0, 3.0, 4.0], [1.0, 2.0, 4.0, 5.0], [3.0, 4.0, 6.0, 7.0], [4.0, 5.0, 7.0, 8.0]]

    Source: torch.nn.functional.unfold.
    """
    rank = layout_rank("unfold", layout)
    x = asarray(x)
    images = to_channels_last("unfold", x, layout, rank)
    window, spread, step = (
        per_axis("unfold", option, value, rank)
        for option, value in (("kernel_size", kernel_size), ("dilation", dilation), ("stride", stride))
    )
    widths = pairs("unfold", padding, images.shape[1:-1], window, step, spread)
    counts = window_counts("unfold", x, images.shape[1:-1], window, stride=step, padding=widths, dilation=spread)
    wide = pad(images, widths=((0, 0), *widths, (0, 0)))
    seen = [slice_(wide, key=(slice(None), *key)) for key in window_keys(window, counts, step, spread)]
    n, channels, places = images.shape[0], images.shape[-1], prod(counts)
    out = reshape(stack(seen, rank + 1), shape=(n, places, prod(window), channels))
    if is_channels_last("unfold", layout, rank):
        out = reshape(out, shape=(n, places, prod(window) * channels))
    else:
        out = reshape(permute_dims(out, axes=(0, 3, 2, 1)), shape=(n, channels * prod(window), places))
    return out if x.ndim == rank + 2 else reshape(out, shape=out.shape[1:])


def fold(
    x: Any,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Padding = 0,
    stride: Sizes = 1,
    layout: str = "NHWC",
) -> Array:
    """Images from patches, which are added where they overlap: the transpose of `unfold`.

    Args:
        x: what `unfold` returns: (N, L, K C), or (L, K C); with channels first (N, C K, L) or (C K, L).
        output_size: the images' spatial sizes: an int, or one an axis.
        kernel_size, dilation, padding, stride, layout: as for `unfold`.

    Returns:
        (N, H, W, C), or as the layout says.

    Raises:
        ShapeError: x does not have a vector of the window's size for each of the places.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> patches = F.unfold(fnp.ones((3, 3, 1)), 2)
    >>> F.fold(patches, 3, 2)[:, :, 0].tolist()
    [[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]

    Source: torch.nn.functional.fold.
    """
    rank = layout_rank("fold", layout)
    x = asarray(x)
    last = is_channels_last("fold", layout, rank)
    sizes, window, spread, step = (
        per_axis("fold", option, value, rank)
        for option, value in (
            ("output_size", output_size),
            ("kernel_size", kernel_size),
            ("dilation", dilation),
            ("stride", stride),
        )
    )
    widths = pairs("fold", padding, sizes, window, step, spread)
    counts = window_counts("fold", x, sizes, window, stride=step, padding=widths, dilation=spread)
    patches: Any = x if x.ndim == 3 else reshape(x, shape=(1, *x.shape)) if x.ndim == 2 else None
    places, k = prod(counts), prod(window)
    if patches is None or patches.shape[1 if last else 2] != places or patches.shape[2 if last else 1] % k:
        raise ShapeError(
            f"fold: images of {sizes} have {places} windows of {window}, so x must be "
            f"{f'(N, {places}, {k} C)' if last else f'(N, {k} C, {places})'}, not {x.aval}"
        )
    n, channels = patches.shape[0], patches.shape[2 if last else 1] // k
    if not last:
        patches = permute_dims(reshape(patches, shape=(n, channels, k, places)), axes=(0, 3, 2, 1))
    patches = reshape(patches, shape=(n, *counts, k, channels))
    wide = (n, *(low + size + high for size, (low, high) in zip(sizes, widths, strict=True)), channels)
    total: Any = None
    for i, key in enumerate(window_keys(window, counts, step, spread)):
        part = slice_(patches, key=(slice(None),) * (rank + 1) + (i,))
        added = unslice(part, key=(slice(None), *key), shape=wide)
        total = added if total is None else total + added
    inside = tuple(slice(low, low + size) for size, (low, _) in zip(sizes, widths, strict=True))
    out = slice_(total, key=(slice(None), *inside))
    if not last:
        out = permute_dims(out, axes=(0, rank + 1, *range(1, rank + 1)))
    return out if x.ndim == 3 else reshape(out, shape=out.shape[1:])
