"""Images read at places given by a grid: `grid_sample`, and `affine_grid`, the grid of an affine map.

A grid holds places from -1 at the first edge of an axis to 1 at the last, x before y before z: along the image's last
spatial axis first. Derivatives are by the image and by the grid, so a network can learn where to look.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ..core import Array
from ..errors import OptionError, ShapeError
from ..numpy.creation import zeros_like
from ..numpy.elementwise import isfinite, isnan, maximum, minimum, where
from ..ops.create import asarray, promote_all, to_inexact
from ..ops.elementwise import astype, floor, remainder, round, stop_gradient
from ..ops.index import gather
from ..ops.precision import widened
from .layouts import from_channels_last, is_channels_last, layout_rank, to_channels_last
from .resampling import SHARPNESS, cubic_far, cubic_near

__all__ = ["affine_grid", "grid_sample"]


@widened
def affine_grid(theta: Any, size: Sequence[int], align_corners: bool = False, layout: str = "NHWC") -> Array:
    """The places that an affine map takes the elements of an image to, for `grid_sample`.

    Args:
        theta: (N, 2, 3), or (2, 3) for one image: out = theta (x, y, 1). (N, 3, 4) or (3, 4) for volumes.
        size: the shape of the image to be made, in the layout: (N, H, W, C), or (H, W, C) for one image.
        align_corners: whether -1 and 1 are the centres of the first and the last element, or their outer edges.
        layout: "NHWC" or "NCHW", for volumes "NDHWC" or "NCDHW".

    Returns:
        (N, H, W, 2), or (N, D, H, W, 3) for volumes; without N for one image.

    Raises:
        ShapeError: theta and size do not belong together.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.affine_grid(fnp.asarray([[1.0, 0.0, 0.5], [0.0, 1.0, 0.0]]), (1, 2, 3)).tolist()
    [[[0.0, 0.0], [1.0, 0.0]]]

    Source: M. Jaderberg and others, Spatial transformer networks, 2015.
    """
    rank = layout_rank("affine_grid", layout)
    matrix: Any = to_inexact(theta)
    last = is_channels_last("affine_grid", layout, rank)
    batch, spatial = len(size) - rank - 1, tuple(size[len(size) - 1 - rank : -1] if last else size[len(size) - rank :])
    expected = (*size[: max(batch, 0)], rank, rank + 1)
    if batch not in (0, 1) or matrix.shape != expected:
        raise ShapeError(
            f"affine_grid: for an image of shape {tuple(size)} ({layout}) theta must be {expected}, not {matrix.aval}"
        )
    out = matrix[..., rank].reshape(*matrix.shape[:-2], *[1] * rank, rank)
    for k, n in enumerate(spatial):
        ends = np.linspace(-1, 1, n) if align_corners and n > 1 else np.arange(1 - n, n, 2) / n
        at = asarray(ends, matrix.dtype, device=matrix.device).reshape(-1, *[1] * (rank - k))
        column = matrix[..., rank - 1 - k]
        out = out + at * column.reshape(*matrix.shape[:-2], *[1] * rank, rank)
    return out  # type: ignore[no-any-return]


@widened
def grid_sample(
    input: Any,
    grid: Any,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
    layout: str = "NHWC",
) -> Array:
    """The values of an image at the places of a grid.

    Args:
        input: (N, H, W, C), or (H, W, C) for one image; with layout="NCHW" (N, C, H, W) or (C, H, W).
        grid: (N, H_out, W_out, 2), or (H_out, W_out, 2) for one image: x and y between -1 and 1. For volumes
            (N, D_out, H_out, W_out, 3), with z. NaN counts as -1.
        mode: "bilinear" weighs the neighbours along each axis (of volumes, too), "nearest" takes the nearest element
            (of two the even one), and "bicubic" weighs 4 x 4 by Keys' cubic with a = -0.75; it is for images only.
        padding_mode: what lies beyond the image: "zeros", the elements of the "border", or the image mirrored at its
            edges ("reflection").
        align_corners: whether -1 and 1 are the centres of the first and the last element, or their outer edges, as
            where None.
        layout: "NHWC" or "NCHW", for volumes "NDHWC" or "NCDHW".

    Returns:
        (N, H_out, W_out, C), or as the input is laid out.

    Raises:
        OptionError: a mode that does not exist, or "bicubic" for volumes.
        ShapeError: input and grid do not belong together.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> image = fnp.asarray([[1.0, 2.0], [3.0, 4.0]])[..., None]
    >>> F.grid_sample(image, [[[0.0, 0.0], [1.0, -1.0]]], align_corners=True).ravel().tolist()
    [2.5, 2.0]

    Source: M. Jaderberg and others, Spatial transformer networks, 2015; torch.nn.functional.grid_sample.
    """
    rank = layout_rank("grid_sample", layout)
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise OptionError(f"grid_sample: mode is 'bilinear', 'nearest' or 'bicubic', not {mode!r}")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise OptionError(f"grid_sample: padding_mode is 'zeros', 'border' or 'reflection', not {padding_mode!r}")
    if mode == "bicubic" and rank != 2:
        raise OptionError(f"grid_sample: 'bicubic' is for images, not for {layout}")
    x, places = promote_all([to_inexact(input), to_inexact(grid)])
    images = to_channels_last("grid_sample", x, layout, rank)
    if places.ndim != x.ndim or places.shape[-1] != rank or places.shape[: x.ndim - rank - 1] != _batch(x, rank):
        raise ShapeError(
            f"grid_sample: for the input {x.aval} ({layout}) the grid must be (N, *sizes, {rank}), with its N, "
            f"not {places.aval}"
        )
    at: Any = places if x.ndim == rank + 2 else places.reshape(1, *places.shape)
    at = where(isfinite(at) if padding_mode == "reflection" else ~isnan(at), at, -1)
    spatial = images.shape[1:-1]
    axes = []
    for k, n in enumerate(spatial):
        c = at[..., rank - 1 - k]
        if not align_corners:
            c = (c + 1) * (n / 2) - 0.5
        else:  # of one element all places are the same, and times 0 those at infinity would be NaN
            c = (c + 1) * ((n - 1) / 2) if n > 1 else zeros_like(c)
        axes.append(_reads(c, n, mode, padding_mode, bool(align_corners)))
    rows = images.reshape(images.shape[0] * prod(spatial), images.shape[-1])
    first = asarray(np.arange(images.shape[0]).reshape(-1, *[1] * rank), device=x.device)
    total: Any = None
    for reads in itertools.product(*axes):
        index, factor = first, None
        for n, (place, weight) in zip(spatial, reads, strict=True):
            index = index * n + place
            factor = weight if factor is None else factor if weight is None else factor * weight
        value: Any = gather(rows, index)
        value = value if factor is None else value * factor[..., None]
        total = value if total is None else total + value
    return from_channels_last(total, x, layout, rank)  # type: ignore[no-any-return]


def _batch(x: Array, rank: int) -> tuple[int, ...]:
    return x.shape[: x.ndim - rank - 1]


def _reads(c: Any, n: int, mode: str, padding_mode: str, align_corners: bool) -> list[tuple[Any, Any]]:
    """The elements that a place c along an axis of n reads, each with its weight; None for a weight of 1."""
    if mode == "bicubic":
        c = c if padding_mode == "reflection" else _clipped(c, -2, n + 1)  # beyond, all four lie outside
        low = stop_gradient(floor(c))
        t: Any = c - low
        weights = [
            cubic_far(t + 1, SHARPNESS),
            cubic_near(t, SHARPNESS),
            cubic_near(1 - t, SHARPNESS),
            cubic_far(2 - t, SHARPNESS),
        ]
        return [_element(low + i - 1, w, n, padding_mode, align_corners) for i, w in enumerate(weights)]
    if padding_mode == "zeros":
        c = _clipped(c, -2, n + 1)  # there both neighbours lie outside
    else:
        c = _clipped(_reflected(c, n, align_corners) if padding_mode == "reflection" else c, 0, n - 1)
    if mode == "nearest":
        return [_element(stop_gradient(round(c)), None, n, padding_mode, align_corners)]
    low = stop_gradient(floor(c))
    t = c - low
    return [_element(low, 1 - t, n, padding_mode, align_corners), _element(low + 1, t, n, padding_mode, align_corners)]


def _element(place: Any, weight: Any, n: int, padding_mode: str, align_corners: bool) -> tuple[Any, Any]:
    """The index of a whole place, which may lie outside, and its weight: 0 where there is nothing."""
    if padding_mode == "reflection":
        place = round(_reflected(place, n, align_corners))
    index = astype(minimum(maximum(place, 0), n - 1), "int64")
    if padding_mode != "zeros":
        return index, weight
    there: Any = (place >= 0) & (place <= n - 1)
    return index, astype(there, place.dtype) if weight is None else where(there, weight, 0)


def _clipped(c: Any, low: int, high: int) -> Any:
    """c between two places; its derivative is 0 beyond and, as PyTorch has it, on them."""
    return where((c > low) & (c < high), c, stop_gradient(minimum(maximum(c, low), high)))


def _reflected(c: Any, n: int, align_corners: bool) -> Any:
    """A place brought into the image by mirrors at the centres or the outer edges of its ends."""
    low, span = (0.0, n - 1.0) if align_corners else (-0.5, float(n))
    if span == 0:
        return c * 0
    t: Any = remainder(c - low, 2 * span)
    return minimum(t, 2 * span - t) + low
