"""Convolution of channels-last arrays and its two transposes: three operations, closed under differentiation.

`conv(x, w)` is linear in each operand; `conv_data(g, w)` is its transpose in x and `conv_weights(x, g)` its transpose
in w. Pairing any two of x, w and g by one of them gives a result of the third's shape, so each one's cotangents are
the other two. What they compute stands in `kernels/convolution.py`.

A batch needs no loop: a batch of images is more images, and a batch of weights is more channels, in as many more
groups where the images are batched with them.
"""

from __future__ import annotations

from typing import Any

from ..core import Aval
from ..errors import ShapeError
from ..kernels import convolution as kernels
from ..rules import move_axis, multilinear, zeros

Sizes = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]

# ---- shapes ------------------------------------------------------------------------------------


def output_sizes(
    name: str, x: Aval, window: Sizes, stride: Sizes, padding: Padding, dilation: Sizes, axes: slice = slice(1, -1)
) -> Sizes:
    """How many windows fit along each of the spatial axes of x; the error names x."""
    try:
        return kernels.conv_output_sizes(x.shape[axes], window, stride, padding, dilation)
    except ValueError as error:
        raise ShapeError(f"{name}: {error}; the input is {x}") from None


def _check_groups(name: str, channels: tuple[str, Aval], out_channels: tuple[str, Aval], groups: int) -> None:
    for role, a in (channels, out_channels):
        if groups < 1 or a.shape[-1] % groups:
            raise ShapeError(f"{name}: groups={groups} does not divide the {a.shape[-1]} channels of {role} {a}")


def _check_windows(name: str, spatial: Sizes, g: Aval, window: Sizes, **params: Any) -> None:
    """Does g hold a value for each window on those spatial sizes?"""
    sizes = output_sizes(name, Aval((1, *spatial, 1), g.dtype), window, **params)
    if g.shape[1:-1] != sizes:
        raise ShapeError(
            f"{name}: spatial sizes {spatial} have {sizes} windows of {window} (stride {params['stride']}, padding "
            f"{params['padding']}, dilation {params['dilation']}), but g is {g}"
        )


def _infer_conv(x: Aval, w: Aval, *, groups: int, **params: Any) -> Aval:
    if len(x.shape) != len(w.shape):
        raise ShapeError(f"conv: x {x} must be (N, *spatial, C) and w {w} (*window, C / groups, O), as many axes each")
    _check_groups("conv", ("x", x), ("w", w), groups)
    if x.shape[-1] != w.shape[-2] * groups:
        raise ShapeError(
            f"conv: x {x} has {x.shape[-1]} channels, but w {w} takes {w.shape[-2]} in each of {groups} groups, "
            f"{w.shape[-2] * groups} in all"
        )
    return Aval((x.shape[0], *output_sizes("conv", x, w.shape[:-2], **params), w.shape[-1]), x.dtype)


def _infer_data(g: Aval, w: Aval, *, spatial: Sizes, groups: int, **params: Any) -> Aval:
    if len(g.shape) != len(w.shape):
        raise ShapeError(f"conv_data: g {g} must be (N, *windows, O) and w {w} (*window, C / groups, O)")
    _check_groups("conv_data", ("g", g), ("w", w), groups)
    if g.shape[-1] != w.shape[-1]:
        raise ShapeError(f"conv_data: g {g} has {g.shape[-1]} channels, and w {w} gives {w.shape[-1]}")
    _check_windows("conv_data", spatial, g, w.shape[:-2], **params)
    return Aval((g.shape[0], *spatial, w.shape[-2] * groups), g.dtype)


def _infer_weights(x: Aval, g: Aval, *, window: Sizes, groups: int, **params: Any) -> Aval:
    if len(x.shape) != len(g.shape) or x.shape[0] != g.shape[0]:
        raise ShapeError(f"conv_weights: x {x} must be (N, *spatial, C) and g {g} (N, *windows, O), with one N")
    _check_groups("conv_weights", ("x", x), ("g", g), groups)
    _check_windows("conv_weights", x.shape[1:-1], g, window, **params)
    return Aval((*window, x.shape[-1] // groups, g.shape[-1]), x.dtype)


# ---- batches -----------------------------------------------------------------------------------


def fold(x: Any, dim: int) -> Any:
    """A batch of (N, ...) at an axis as (B N, ...)."""
    x = move_axis(x, dim, 0)
    return x.reshape((x.shape[0] * x.shape[1], *x.shape[2:]))


def unfold(x: Any, size: int, count: int) -> tuple[Any, int]:
    """(B N, ...) as a batch of (N, ...), N being `count`, and where the batch is."""
    return x.reshape((size, count, *x.shape[1:])), 0


def _into_channels(x: Any, dim: int, groups: int) -> Any:
    """A batch of (..., G C) as (..., G B C): each group has its channels once an example."""
    x = move_axis(x, dim, x.ndim - 2)
    *rest, size, channels = x.shape
    x = x.reshape((*rest, size, groups, channels // groups)).swapaxes(-3, -2)
    return x.reshape((*rest, size * channels))


def _out_of_channels(x: Any, size: int, groups: int) -> tuple[Any, int]:
    """(..., G B C) as a batch of (..., G C), and where the batch is."""
    *rest, channels = x.shape
    x = x.reshape((*rest, groups, size, channels // (size * groups))).swapaxes(-3, -2)
    return x.reshape((*rest, size, channels // size)), len(rest)


def _into_rows(w: Any, dim: int) -> Any:
    """A batch of weights (*K, C, O) as (*K, B C, O)."""
    w = move_axis(w, dim, w.ndim - 3)
    *window, size, rows, columns = w.shape
    return w.reshape((*window, size * rows, columns))


def _out_of_rows(w: Any, size: int) -> tuple[Any, int]:
    *window, rows, columns = w.shape
    return w.reshape((*window, size, rows // size, columns)), len(window)


def _no_examples(infer: Any, args: Any, dims: Any, params: Any) -> tuple[Any, int]:
    """A batch of none: there is no such thing as no groups."""
    shapes = [a.shape if d is None else a.shape[:d] + a.shape[d + 1 :] for a, d in zip(args, dims, strict=True)]
    out = infer(*[Aval(s, a.dtype) for s, a in zip(shapes, args, strict=True)], **params)
    return zeros(Aval((0, *out.shape), out.dtype), args[0]), 0


def _batch_conv(size: int, args: Any, dims: Any, *, groups: int, **params: Any) -> tuple[Any, int]:
    (x, w), (dim_x, dim_w) = args, dims
    if not size:
        return _no_examples(_infer_conv, args, dims, {"groups": groups, **params})
    if dim_w is None:
        folded = fold(x, dim_x)
        return unfold(conv(folded, w, groups=groups, **params), size, folded.shape[0] // size)
    if dim_x is None:
        return _out_of_channels(conv(x, _into_channels(w, dim_w, groups), groups=groups, **params), size, groups)
    out = conv(_into_channels(x, dim_x, 1), _into_channels(w, dim_w, 1), groups=size * groups, **params)
    return _out_of_channels(out, size, 1)


def _batch_data(size: int, args: Any, dims: Any, *, groups: int, **params: Any) -> tuple[Any, int]:
    (g, w), (dim_g, dim_w) = args, dims
    if not size:
        return _no_examples(_infer_data, args, dims, {"groups": groups, **params})
    if dim_w is None:
        folded = fold(g, dim_g)
        return unfold(conv_data(folded, w, groups=groups, **params), size, folded.shape[0] // size)
    if dim_g is None:
        return _out_of_channels(conv_data(g, _into_rows(w, dim_w), groups=groups, **params), size, groups)
    out = conv_data(_into_channels(g, dim_g, 1), _into_channels(w, dim_w, 1), groups=size * groups, **params)
    return _out_of_channels(out, size, 1)


def _batch_weights(size: int, args: Any, dims: Any, *, groups: int, **params: Any) -> tuple[Any, int]:
    (x, g), (dim_x, dim_g) = args, dims
    if not size:
        return _no_examples(_infer_weights, args, dims, {"groups": groups, **params})
    if dim_g is None:
        return _out_of_rows(conv_weights(_into_channels(x, dim_x, groups), g, groups=groups, **params), size)
    if dim_x is None:
        return _out_of_channels(
            conv_weights(x, _into_channels(g, dim_g, groups), groups=groups, **params), size, groups
        )
    out = conv_weights(_into_channels(x, dim_x, 1), _into_channels(g, dim_g, 1), groups=size * groups, **params)
    return _out_of_channels(out, size, 1)


# ---- the operations ----------------------------------------------------------------------------

conv = multilinear(  # x (N, *S, C), w (*K, C / groups, O)
    "conv(x, w)",
    impl=kernels.conv,
    infer=_infer_conv,
    x=lambda g, x, w, **params: conv_data(g, w, spatial=x.shape[1:-1], **params),
    w=lambda g, x, w, **params: conv_weights(x, g, window=w.shape[:-2], **params),
    batch=_batch_conv,
)
conv_data = multilinear(  # g (N, *windows, O), w (*K, C / groups, O) -> (N, *spatial, C)
    "conv_data(g, w)",
    impl=kernels.conv_data,
    infer=_infer_data,
    g=lambda ct, g, w, *, spatial, **params: conv(ct, w, **params),
    w=lambda ct, g, w, *, spatial, **params: conv_weights(ct, g, window=w.shape[:-2], **params),
    batch=_batch_data,
)
conv_weights = multilinear(  # x (N, *S, C), g (N, *windows, O) -> (*window, C / groups, O)
    "conv_weights(x, g)",
    impl=kernels.conv_weights,
    infer=_infer_weights,
    x=lambda ct, x, g, *, window, **params: conv_data(g, ct, spatial=x.shape[1:-1], **params),
    g=lambda ct, x, g, *, window, **params: conv(x, ct, **params),
    batch=_batch_weights,
)
