"""What windows see, as vectors, and convolutions with windows of their own at each place."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from .. import numpy as fnp
from ..core import Array
from ..errors import ShapeError
from ..functional.patches import window_keys
from ..functional.windows import window_counts
from ..numpy.creation import asarray
from ..ops.create import promote_inexact
from ..ops.elementwise import astype
from ..ops.shape import inverse, permute_dims, reshape, slice_, stack
from ..ops.shape import pad as zero_pad
from .convolution import Padding, channels_last, conv_dimension_numbers, per_axis, prepared

__all__ = ["conv_general_dilated_local", "conv_general_dilated_patches"]


def conv_general_dilated_patches(
    lhs: Any,
    filter_shape: Sequence[int],
    window_strides: Sequence[int],
    padding: Padding,
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Array:
    """The patches that a window sees, each as a vector (im2col).

    Args:
        lhs: images.
        filter_shape: the window's spatial sizes.
        window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers: as for `conv_general_dilated`.
        precision: there for JAX's users.
        preferred_element_type: the dtype of the result.

    Returns:
        An array laid out as the dimension numbers say, whose features are (features of lhs, *places of the window).

    Raises:
        ShapeError: no window fits.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.conv_general_dilated_patches(fnp.arange(4.0).reshape(1, 1, 4), (2,), (1,), "VALID").tolist()
    [[[0.0, 1.0, 2.0], [1.0, 2.0, 3.0]]]

    Source: jax.lax.conv_general_dilated_patches.
    """
    name = "conv_general_dilated_patches"
    x = asarray(lhs)
    if preferred_element_type is not None:
        x = astype(x, preferred_element_type)
    rank = x.ndim - 2
    window = per_axis(name, "filter_shape", filter_shape, rank)
    numbers = conv_dimension_numbers(x.shape, (1,) * x.ndim, dimension_numbers)
    stride = per_axis(name, "window_strides", window_strides, rank)
    spread = per_axis(name, "lhs_dilation", lhs_dilation, rank)
    dilation = per_axis(name, "rhs_dilation", rhs_dilation, rank)
    images = permute_dims(x, axes=channels_last(numbers.lhs_spec))
    images, border = prepared(name, images, window, stride, padding, spread, dilation)
    moves = {"stride": stride, "padding": border, "dilation": dilation}
    counts = window_counts(name, x, images.shape[1:-1], window, **moves)
    images = zero_pad(images, widths=((0, 0), *border, (0, 0)))
    seen = [slice_(images, key=(slice(None), *key)) for key in window_keys(window, counts, stride, dilation)]
    out = stack(seen, images.ndim)
    out = reshape(out, shape=(*out.shape[:-2], images.shape[-1] * prod(window)))
    return permute_dims(out, axes=inverse(channels_last(numbers.out_spec)))


def conv_general_dilated_local(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: Padding,
    filter_shape: Sequence[int],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    precision: Any = None,
) -> Array:
    """Convolution with windows of their own at each place of the result.

    Args:
        lhs: images.
        rhs: windows, laid out as the dimension numbers say: the axis of the features that go in has all elements of a
            patch, (features of lhs, *places of the window), and the spatial axes are the places of the result.
        window_strides, padding, lhs_dilation, rhs_dilation, dimension_numbers, precision: as for
            `conv_general_dilated`.
        filter_shape: the window's spatial sizes.

    Raises:
        ShapeError: there is not a window of the patches' size for each place.

    >>> from funcgrad import lax, numpy as fnp
    >>> x, w = fnp.ones((1, 1, 3)), fnp.asarray([[[1.0, 10.0], [2.0, 20.0]]])
    >>> lax.conv_general_dilated_local(x, w, (1,), "VALID", (2,)).tolist()
    [[[3.0, 30.0]]]

    Source: jax.lax.conv_general_dilated_local.
    """
    name = "conv_general_dilated_local"
    x, w = promote_inexact(asarray(lhs), asarray(rhs))
    numbers = conv_dimension_numbers(x.shape, w.shape, dimension_numbers)
    patches = conv_general_dilated_patches(
        x, filter_shape, window_strides, padding, lhs_dilation, rhs_dilation, numbers, precision
    )
    seen = permute_dims(patches, axes=channels_last(numbers.out_spec))  # (N, *places, patch)
    windows = permute_dims(w, axes=(*numbers.rhs_spec[2:], numbers.rhs_spec[1], numbers.rhs_spec[0]))
    if windows.shape[:-1] != seen.shape[1:]:
        raise ShapeError(f"{name}: the patches of {x.aval} are {seen.shape[1:]}, but the windows {w.aval} are not")
    rows = permute_dims(seen, axes=(*range(1, seen.ndim - 1), 0, seen.ndim - 1))
    out = fnp.moveaxis(fnp.matmul(rows, windows), -2, 0)
    return permute_dims(out, axes=inverse(channels_last(numbers.out_spec)))
