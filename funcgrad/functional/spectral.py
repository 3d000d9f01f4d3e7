"""Convolution with a window as large as the image, given by its spectrum, as Fourier neural operators have it."""

from __future__ import annotations

from typing import Any

from ..core import Array
from ..errors import ShapeError
from ..numpy.creation import zeros
from ..numpy.fft import fft, ifft, irfft, rfft
from ..numpy.manipulation import concat, moveaxis
from ..ops.create import promote_all, to_inexact
from ..ops.precision import widened
from .layouts import from_channels_last, layout_rank, to_channels_last

__all__ = ["spectral_conv"]


@widened
def spectral_conv(x: Any, weight: Any, layout: str = "NHWC") -> Array:
    """The lowest frequencies of each channel mixed by a matrix for each frequency; the others are dropped.

    out = F^-1(R F(x)), where F is the Fourier transform over the spatial axes, and R is a complex (C, O) matrix for
    each of the frequencies kept: up to m - 1 along the last axis, whose negative ones are the conjugates, and from -m
    to m - 1 along the others. So one weight serves images of all resolutions.

    Args:
        x: (N, H, W, C), or (H, W, C) for one image; as `layout` says. Real.
        weight: (2 m, m', C, O, 2): frequencies 0, ..., m - 1, -m, ..., -1 of H, frequencies 0, ..., m' - 1 of W, and
            real and imaginary parts. In the same way (m, C, O, 2) for sequences, and (2 m, 2 m', m'', C, O, 2) for
            volumes.
        layout: "NHWC" or "NCHW"; for one or three spatial axes "NWC", "NCW", "NDHWC" or "NCDHW".

    Returns:
        (N, H, W, O), or as x is laid out.

    Raises:
        ShapeError: x has fewer frequencies than the weight, or another number of channels.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> x = fnp.asarray([1.0, 2.0, 3.0, 6.0])[:, None]
    >>> mean = fnp.asarray([1.0, 0.0]).reshape(1, 1, 1, 2)
    >>> F.spectral_conv(x, mean, layout="NWC").ravel().tolist()
    [3.0, 3.0, 3.0, 3.0]

    Source: Z. Li and others, Fourier neural operator for parametric partial differential equations, 2021.
    """
    rank = layout_rank("spectral_conv", layout)
    x, w = promote_all([to_inexact(x), to_inexact(weight)])
    images = to_channels_last("spectral_conv", x, layout, rank)
    spatial = images.shape[1:-1]
    kept = tuple(w.shape[:rank])
    fits = w.ndim == rank + 3 and w.shape[-1] == 2 and w.shape[-3] == images.shape[-1]
    fits = fits and not any(k % 2 or k > n for k, n in zip(kept[:-1], spatial[:-1], strict=True))
    if not fits or kept[-1] > spatial[-1] // 2 + 1:
        sizes = ", ".join([*(f"2 m up to {n}" for n in spatial[:-1]), f"m up to {spatial[-1] // 2 + 1}"])
        raise ShapeError(
            f"spectral_conv: for the input {x.aval} ({layout}) the weight must be ({sizes}, {images.shape[-1]}, O, 2), "
            f"not {w.aval}"
        )
    low: Any = _part(rfft(images, axis=rank), rank, 0, kept[-1])
    for axis in range(1, rank):
        m, found = kept[axis - 1] // 2, fft(low, axis=axis)
        low = concat([_part(found, axis, 0, m), _part(found, axis, spatial[axis - 1] - m, None)], axis)
    mixed = moveaxis(moveaxis(low, 0, -2) @ (w[..., 0] + 1j * w[..., 1]), -2, 0)
    for axis in range(1, rank):
        m = kept[axis - 1] // 2
        gap = (*mixed.shape[:axis], spatial[axis - 1] - 2 * m, *mixed.shape[axis + 1 :])
        blank = zeros(gap, mixed.dtype, device=mixed.device)
        mixed = ifft(concat([_part(mixed, axis, 0, m), blank, _part(mixed, axis, m, None)], axis), axis=axis)
    return from_channels_last(irfft(mixed, n=spatial[-1], axis=rank), x, layout, rank)  # type: ignore[no-any-return]


def _part(x: Any, axis: int, start: int, stop: int | None) -> Any:
    return x[(slice(None),) * axis + (slice(start, stop),)]
