"""Convolutions of one to three dimensions, and their transposes.

At every output position r and channel o, with stride s, dilation d and low padding p,

    out[n, r, o] = b[o] + sum over offsets k and channels c of  x[n, r s + k d - p, c] w[k, c, o]

where x counts as zero outside of its bounds: cross-correlation, as everywhere in deep learning. With G groups the
channels of x and of the result are cut into G equal runs, and run i of the result sees run i of x only.

A transposed convolution takes **the weights of the convolution that it transposes**, in the same layout: with the
same options `conv_transpose2d(y, w)` is the vector-Jacobian product of `conv2d(x, w)` in x.
"""

from __future__ import annotations

from typing import Any

from ..core import Array
from ..errors import ShapeError
from ..ops import convolution as ops
from ..ops.create import asarray, promote_inexact, to_inexact
from ..ops.shape import pad, permute_dims
from .layouts import from_channels_last, is_channels_last, other_layout, to_channels_last
from .windows import Padding, Sizes, pairs, per_axis, window_counts

__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]

_WEIGHTS = {1: ("WIO", "OIW"), 2: ("HWIO", "OIHW"), 3: ("DHWIO", "OIDHW")}


def conv1d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    layout: str = "NWC",
) -> Array:
    """Convolution of sequences: `conv2d` with one spatial axis.

    Args:
        x: (N, W, C) or (W, C); with layout="NCW" (N, C, W) or (C, W).
        w: WIO, (width, C / groups, O); with layout="NCW" OIW.
        b, stride, padding, dilation, groups: as for `conv2d`.
        layout: "NWC" or "NCW".

    Returns:
        (N, W_out, O), or as x is laid out.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.conv1d(fnp.asarray([[1.0], [2.0], [4.0]]), fnp.asarray([[[-1.0]], [[1.0]]])).tolist()
    [[1.0], [2.0]]
    """
    return _conv("conv1d", 1, x, w, b, stride, padding, dilation, groups, layout)


def conv2d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    layout: str = "NHWC",
) -> Array:
    """Convolution of images (cross-correlation: the window is not flipped).

    An axis of size n padded by (low, high) has (n + low + high - d (k - 1) - 1) // s + 1 positions of a window of k.

    Args:
        x: (N, H, W, C), or (H, W, C) for one image; with layout="NCHW" (N, C, H, W) or (C, H, W). Integers are taken
            as the default float, and x and w meet in one dtype.
        w: HWIO, (height, width, C / groups, O); with layout="NCHW" OIHW as in PyTorch, (O, C / groups, height, width).
        b: (O,), added to every position; none where None.
        stride: steps between windows: an int, or one an axis.
        padding: zeros around x: an int, one an axis, a pair (low, high) an axis, "VALID" (none), or "SAME" (as much
            as makes ceil(size / stride) positions); small letters will do.
        dilation: steps between the elements of a window: an int, or one an axis.
        groups: how many runs the channels are cut into; with groups=C every channel has its own windows.
        layout: "NHWC" or "NCHW". The first is the faster one.

    Returns:
        (N, H_out, W_out, O), or as x is laid out.

    Raises:
        ShapeError: x has not w's channels, groups does not divide the channels, or no window fits.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> x = fnp.arange(9.0).reshape(3, 3, 1)
    >>> F.conv2d(x, fnp.ones((2, 2, 1, 1)))[:, :, 0]
    Array([[ 8., 12.],
           [20., 24.]], dtype=float32)
    >>> F.conv2d(x, fnp.ones((3, 3, 1, 8)), stride=2, padding="SAME").shape
    (2, 2, 8)
    """
    return _conv("conv2d", 2, x, w, b, stride, padding, dilation, groups, layout)


def conv3d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    dilation: Sizes = 1,
    groups: int = 1,
    layout: str = "NDHWC",
) -> Array:
    """Convolution of volumes: `conv2d` with three spatial axes.

    Args:
        x: (N, D, H, W, C) or (D, H, W, C); with layout="NCDHW" (N, C, D, H, W) or (C, D, H, W).
        w: DHWIO, (depth, height, width, C / groups, O); with layout="NCDHW" OIDHW.
        b, stride, padding, dilation, groups: as for `conv2d`.
        layout: "NDHWC" or "NCDHW".

    Returns:
        (N, D_out, H_out, W_out, O), or as x is laid out.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.conv3d(fnp.ones((4, 4, 4, 1)), fnp.ones((2, 2, 2, 1, 3))).shape
    (3, 3, 3, 3)
    """
    return _conv("conv3d", 3, x, w, b, stride, padding, dilation, groups, layout)


def conv_transpose1d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
    layout: str = "NWC",
) -> Array:
    """Transposed convolution of sequences: `conv_transpose2d` with one spatial axis.

    Args:
        x: (N, W, C) or (W, C); with layout="NCW" (N, C, W) or (C, W).
        w: (width, O / groups, C); with layout="NCW" (C, O / groups, width).
        b, stride, padding, output_padding, groups, dilation: as for `conv_transpose2d`.
        layout: "NWC" or "NCW".

    Returns:
        (N, W_out, O), or as x is laid out.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.conv_transpose1d(fnp.asarray([[1.0], [2.0]]), fnp.asarray([[[1.0]], [[10.0]]]), stride=2).tolist()
    [[1.0], [10.0], [2.0], [20.0]]
    """
    return _conv_transpose("conv_transpose1d", 1, x, w, b, stride, padding, output_padding, groups, dilation, layout)


def conv_transpose2d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
    layout: str = "NHWC",
) -> Array:
    """Transposed convolution of images: every element of x adds its multiple of the window to the result.

        out[n, r s + k d - p, o] = b[o] + sum over r, k and c of  x[n, r, c] w[k, o, c]

    It goes the way of `conv2d` with the same weights and options backwards: an axis of size n becomes
    (n - 1) s - low - high + d (k - 1) + 1 + output_padding long.

    Args:
        x: (N, H, W, C), or (H, W, C) for one image; with layout="NCHW" (N, C, H, W) or (C, H, W).
        w: the weights of the convolution that is transposed, where the C channels of x came out: (height, width,
            O / groups, C); with layout="NCHW" (C, O / groups, height, width) as in PyTorch.
        b: (O,), added to every position; none where None.
        stride: steps between windows in the result: an int, or one an axis.
        padding: what is cut off the result's border, written as for `conv2d`. "SAME" makes an axis of n exactly
            n * stride long, "VALID" cuts nothing off.
        output_padding: how much longer the result is at its high side, since a strided convolution gives inputs of
            several sizes the same output: an int, or one an axis; below the stride or the dilation.
        groups: how many runs the channels are cut into.
        dilation: steps between the elements of a window: an int, or one an axis.
        layout: "NHWC" or "NCHW".

    Returns:
        (N, H_out, W_out, O), or as x is laid out.

    Raises:
        ShapeError: x has not w's channels, groups does not divide them, or nothing is left of the result.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.conv_transpose2d(fnp.ones((2, 2, 1)), fnp.ones((2, 2, 1, 1)))[:, :, 0]
    Array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]], dtype=float32)

    Source: V. Dumoulin and F. Visin, A guide to convolution arithmetic for deep learning, 2016, chapter 4.
    """
    return _conv_transpose("conv_transpose2d", 2, x, w, b, stride, padding, output_padding, groups, dilation, layout)


def conv_transpose3d(
    x: Any,
    w: Any,
    b: Any = None,
    stride: Sizes = 1,
    padding: Padding = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
    layout: str = "NDHWC",
) -> Array:
    """Transposed convolution of volumes: `conv_transpose2d` with three spatial axes.

    Args:
        x: (N, D, H, W, C) or (D, H, W, C); with layout="NCDHW" (N, C, D, H, W) or (C, D, H, W).
        w: (depth, height, width, O / groups, C); with layout="NCDHW" (C, O / groups, depth, height, width).
        b, stride, padding, output_padding, groups, dilation: as for `conv_transpose2d`.
        layout: "NDHWC" or "NCDHW".

    Returns:
        (N, D_out, H_out, W_out, O), or as x is laid out.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.conv_transpose3d(fnp.ones((2, 2, 2, 4)), fnp.ones((2, 2, 2, 3, 4)), stride=2).shape
    (4, 4, 4, 3)
    """
    return _conv_transpose("conv_transpose3d", 3, x, w, b, stride, padding, output_padding, groups, dilation, layout)


def _conv(
    name: str,
    rank: int,
    x: Any,
    w: Any,
    b: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    layout: str,
) -> Array:
    given, weights, images, kernel = _operands(name, rank, x, w, layout)
    channels, taken, out_channels = images.shape[-1], kernel.shape[-2], kernel.shape[-1]
    _check_groups(name, groups, channels, out_channels)
    if channels != taken * groups:
        raise ShapeError(
            f"{name}: x {given.aval} ({layout}) has {channels} channels, but w {weights.aval} "
            f"({_weights_layout(layout, rank)}) takes {taken} in each of {groups} groups, {taken * groups} in all"
            + other_layout(given.shape, layout, taken * groups)
        )
    spatial, window = images.shape[1:-1], kernel.shape[:-2]
    moves: dict[str, Any] = {
        "stride": per_axis(name, "stride", stride, rank),
        "dilation": per_axis(name, "dilation", dilation, rank),
    }
    moves["padding"] = pairs(name, padding, spatial, window, **moves)
    window_counts(name, given, spatial, window, **moves)
    out = _add_bias(name, ops.conv(images, kernel, groups=groups, **moves), b)
    return from_channels_last(out, given, layout, rank)


def _conv_transpose(
    name: str,
    rank: int,
    x: Any,
    w: Any,
    b: Any,
    stride: Any,
    padding: Any,
    output_padding: Any,
    groups: int,
    dilation: Any,
    layout: str,
) -> Array:
    given, weights, images, kernel = _operands(name, rank, x, w, layout)
    _check_groups(name, groups, images.shape[-1], kernel.shape[-2] * groups)
    if images.shape[-1] != kernel.shape[-1]:
        raise ShapeError(
            f"{name}: x {given.aval} ({layout}) has {images.shape[-1]} channels, but w {weights.aval} takes "
            f"{kernel.shape[-1]}: w has the layout of the convolution that is transposed "
            f"({_weights_layout(layout, rank)}), whose O are the channels of x"
        )
    sizes, window = images.shape[1:-1], kernel.shape[:-2]
    stride, dilation = per_axis(name, "stride", stride, rank), per_axis(name, "dilation", dilation, rank)
    extra = per_axis(name, "output_padding", output_padding, rank, least=0)
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise ShapeError(
            f"{name}: output_padding {extra} must be below the stride {stride} or the dilation {dilation}, axis by axis"
        )
    # "SAME" is for the size that the convolution would start from, and needs the rest of the last stride
    cut = pairs(name, padding, tuple(n * s for n, s in zip(sizes, stride, strict=True)), window, stride, dilation)
    if isinstance(padding, str) and padding.upper() == "SAME":
        if any(extra):
            raise ShapeError(f"{name}: padding='SAME' fixes the output's size: output_padding must be 0, not {extra}")
        spans = [(k - 1) * d + 1 for k, d in zip(window, dilation, strict=True)]
        extra = tuple(max(s - span, 0) for s, span in zip(stride, spans, strict=True))
    spatial, low_high, beyond = [], [], []
    for n, k, s, d, (low, high), e in zip(sizes, window, stride, dilation, cut, extra, strict=True):
        # what is longer cuts less off; past the border it is the rest of a stride, and past that only zeros
        rest = max(e - high, 0)
        kept = min(rest, s - 1)
        high = max(high - e, 0)
        spatial.append((n - 1) * s - low - high + d * (k - 1) + 1 + kept)
        low_high.append((low, high))
        beyond.append(rest - kept)
    if min(spatial) < 1 or not all(sizes):
        raise ShapeError(f"{name}: nothing is left of the output: x is {given.aval}, window {window}, padding {cut}")
    out = ops.conv_data(
        images,
        kernel,
        spatial=tuple(spatial),
        stride=stride,
        padding=tuple(low_high),
        dilation=dilation,
        groups=groups,
    )
    if any(beyond):
        out = pad(out, widths=((0, 0), *[(0, n) for n in beyond], (0, 0)))
    return from_channels_last(_add_bias(name, out, b), given, layout, rank)


def _operands(name: str, rank: int, x: Any, w: Any, layout: str) -> tuple[Array, Array, Any, Any]:
    """x and w in one dtype, as given; x as (N, *spatial, C); w with its window first."""
    x, w = promote_inexact(asarray(x), asarray(w))
    images = to_channels_last(name, x, layout, rank)
    if w.ndim != rank + 2:
        raise ShapeError(f"{name}: w must be {_weights_layout(layout, rank)}, {rank + 2} axes, not {w.aval}")
    last = is_channels_last(name, layout, rank)
    return x, w, images, w if last else permute_dims(w, axes=(*range(2, rank + 2), 1, 0))


def _weights_layout(layout: str, rank: int) -> str:
    return _WEIGHTS[rank][not is_channels_last("", layout, rank)]


def _check_groups(name: str, groups: Any, channels: int, out_channels: int) -> None:
    if not isinstance(groups, int) or groups < 1 or channels % groups or out_channels % groups:
        raise ShapeError(
            f"{name}: groups must be a positive int that divides the {channels} channels of x and the {out_channels} "
            f"of the result; got {groups!r}"
        )


def _add_bias(name: str, out: Any, b: Any) -> Any:
    if b is None:
        return out
    b = to_inexact(b)
    if b.shape != out.shape[-1:]:
        raise ShapeError(f"{name}: b must have one element for each of {out.shape[-1]} output channels, not {b.aval}")
    return out + b
