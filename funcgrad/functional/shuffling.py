"""Channels that become space and back, and channels in another order."""

from __future__ import annotations

from typing import Any

from ..core import Array
from ..errors import ShapeError
from ..ops.create import asarray
from .layouts import from_channels_last, layout_rank, to_channels_last
from .options import check_count

__all__ = ["channel_shuffle", "pixel_shuffle", "pixel_unshuffle"]


def pixel_shuffle(x: Any, upscale_factor: int, layout: str = "NHWC") -> Array:
    """Each r x r channels as r x r pixels: out[h r + i, w r + j, c] = x[h, w, c r^2 + i r + j].

    Args:
        x: (N, H, W, C r^2), or (H, W, C r^2) for one image; with layout="NCHW" (N, C r^2, H, W) or (C r^2, H, W).
        upscale_factor: r.
        layout: "NHWC" or "NCHW".

    Returns:
        (N, H r, W r, C), or as x is laid out.

    Raises:
        ShapeError: the channels are no multiple of r^2.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.pixel_shuffle(fnp.arange(8.0).reshape(1, 2, 4), 2)[..., 0]
    Array([[0., 1., 4., 5.],
           [2., 3., 6., 7.]], dtype=float32)

    Source: W. Shi and others, Real-time single image and video super-resolution using an efficient sub-pixel
    convolutional neural network, 2016.
    """
    x = asarray(x)
    images = to_channels_last("pixel_shuffle", x, layout, 2)
    n, height, width, channels = images.shape
    check_count("pixel_shuffle", "upscale_factor", upscale_factor)
    r = upscale_factor
    if channels % (r * r):
        raise ShapeError(f"pixel_shuffle: the channels of {layout} {x.aval} must be a multiple of {r}^2")
    parts = images.reshape(n, height, width, channels // (r * r), r, r).transpose(0, 1, 4, 2, 5, 3)
    return from_channels_last(parts.reshape(n, height * r, width * r, channels // (r * r)), x, layout, 2)  # type: ignore[no-any-return]


def pixel_unshuffle(x: Any, downscale_factor: int, layout: str = "NHWC") -> Array:
    """Each r x r pixels as r x r channels: the inverse of `pixel_shuffle`.

    Args:
        x: (N, H r, W r, C), or (H r, W r, C) for one image; with layout="NCHW" (N, C, H r, W r) or (C, H r, W r).
        downscale_factor: r.
        layout: "NHWC" or "NCHW".

    Returns:
        (N, H, W, C r^2), or as x is laid out.

    Raises:
        ShapeError: the spatial sizes are no multiples of r.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.pixel_unshuffle(fnp.arange(8.0).reshape(2, 4, 1), 2).tolist()
    [[[0.0, 1.0, 4.0, 5.0], [2.0, 3.0, 6.0, 7.0]]]
    """
    x = asarray(x)
    images = to_channels_last("pixel_unshuffle", x, layout, 2)
    n, height, width, channels = images.shape
    check_count("pixel_unshuffle", "downscale_factor", downscale_factor)
    r = downscale_factor
    if height % r or width % r:
        raise ShapeError(f"pixel_unshuffle: the spatial sizes of {layout} {x.aval} must be multiples of {r}")
    parts = images.reshape(n, height // r, r, width // r, r, channels).transpose(0, 1, 3, 5, 2, 4)
    return from_channels_last(parts.reshape(n, height // r, width // r, channels * r * r), x, layout, 2)  # type: ignore[no-any-return]


def channel_shuffle(x: Any, groups: int, layout: str = "NHWC") -> Array:
    """The channels of all groups in turn: the first of each group, then the second of each.

    Args:
        x: (N, H, W, C), or (H, W, C) for one image; as `layout` says.
        groups: into how many runs of channels they are divided.
        layout: "NHWC" or "NCHW"; for one or three spatial axes "NWC", "NCW", "NDHWC" or "NCDHW".

    Returns:
        An array of x's shape.

    Raises:
        ShapeError: groups does not divide the channels.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.channel_shuffle(fnp.arange(6.0).reshape(1, 1, 6), 2).ravel().tolist()
    [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]

    Source: X. Zhang and others, ShuffleNet, 2018.
    """
    rank = layout_rank("channel_shuffle", layout)
    x = asarray(x)
    images = to_channels_last("channel_shuffle", x, layout, rank)
    channels = images.shape[-1]
    check_count("channel_shuffle", "groups", groups)
    if channels % groups:
        raise ShapeError(f"channel_shuffle: groups={groups} does not divide the channels of {layout} {x.aval}")
    parts = images.reshape(*images.shape[:-1], groups, channels // groups).swapaxes(-1, -2)
    return from_channels_last(parts.reshape(images.shape), x, layout, rank)  # type: ignore[no-any-return]
