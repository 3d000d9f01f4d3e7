"""Convolutions with any layout, dilation and padding: `conv_general_dilated` and what is made of it.

They are the operations behind `functional.conv2d`, which take images channels-last: here axes are put in that order,
and what those do not know (spread images, negative paddings, groups of the batch) is done to the images before.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

from .. import numpy as fnp
from ..core import Array
from ..errors import OptionError, ShapeError
from ..numpy.creation import asarray
from ..ops import convolution as ops
from ..ops.create import promote_inexact
from ..ops.elementwise import astype
from ..ops.shape import inverse, permute_dims, reshape
from .shaping import pad

__all__ = [
    "ConvDimensionNumbers",
    "conv",
    "conv_dimension_numbers",
    "conv_general_dilated",
    "conv_transpose",
    "conv_with_general_padding",
]

Padding = str | Sequence[tuple[int, int]]
Sizes = tuple[int, ...]


class ConvDimensionNumbers(NamedTuple):
    """Which axis is which in a convolution.

    Args:
        lhs_spec: the axes of the batch and of the features, then the spatial ones, in the images.
        rhs_spec: the axes of the features that come out and that go in, then the spatial ones, in the windows.
        out_spec: as lhs_spec, in the result.
    """

    lhs_spec: Sequence[int]
    rhs_spec: Sequence[int]
    out_spec: Sequence[int]


def conv_dimension_numbers(
    lhs_shape: Sequence[int], rhs_shape: Sequence[int], dimension_numbers: Any
) -> ConvDimensionNumbers:
    """Dimension numbers as users write them, as a `ConvDimensionNumbers`.

    Args:
        lhs_shape, rhs_shape: of the images and of the windows.
        dimension_numbers: such an object; three strings with a letter for each axis, ("NHWC", "HWIO", "NHWC"); or None
            for batch and features first, ("NCHW", "OIHW", "NCHW").

    Raises:
        OptionError: a string does not name each axis once.

    >>> from funcgrad import lax
    >>> lax.conv_dimension_numbers((1, 8, 8, 3), (3, 3, 3, 4), ("NHWC", "HWIO", "NHWC")).rhs_spec
    (3, 2, 0, 1)

    Source: jax.lax.conv_dimension_numbers.
    """
    if isinstance(dimension_numbers, ConvDimensionNumbers):
        return dimension_numbers
    rank = len(lhs_shape)
    if len(rhs_shape) != rank:
        raise ShapeError(f"conv: images {tuple(lhs_shape)} and windows {tuple(rhs_shape)} must have as many axes")
    if dimension_numbers is None:
        return ConvDimensionNumbers(*(tuple(range(rank)),) * 3)
    specs = tuple(dimension_numbers)
    if len(specs) == 3 and not all(isinstance(s, str) for s in specs):
        return ConvDimensionNumbers(*[tuple(s) for s in specs])
    if len(specs) != 3 or any(len(s) != rank or len(set(s)) != rank for s in specs):
        raise OptionError(f"conv: dimension_numbers must be three strings of {rank} different letters, not {specs!r}")
    lhs, rhs, out = specs
    if {"N", "C"} - set(lhs) or {"O", "I"} - set(rhs) or {"N", "C"} - set(out):
        raise OptionError(f"conv: images have axes N and C, windows O and I, the result N and C; not {specs!r}")
    spatial = [c for c in rhs if c not in "OI"]
    if {*spatial} != {*lhs} - {"N", "C"} or {*spatial} != {*out} - {"N", "C"}:
        raise OptionError(f"conv: the spatial axes of {specs!r} have different letters")
    return ConvDimensionNumbers(
        tuple(map(lhs.index, ("N", "C", *spatial))),
        tuple(map(rhs.index, ("O", "I", *spatial))),
        tuple(map(out.index, ("N", "C", *spatial))),
    )


def per_axis(name: str, option: str, value: Sequence[int] | None, rank: int) -> Sizes:
    """One positive int for each spatial axis; ones where nothing is given."""
    found = (1,) * rank if value is None else tuple(operator.index(v) for v in value)
    if len(found) != rank or min(found, default=1) < 1:
        raise ShapeError(f"{name}: {option} must be {rank} ints of at least 1, not {value!r}")
    return found


def _pairs(name: str, padding: Padding, spatial: Sizes, window: Sizes, stride: Sizes) -> list[tuple[int, int]]:
    """(low, high) an axis; `spatial` and `window` as they are after dilation."""
    if isinstance(padding, str):
        kind = padding.upper()
        if kind == "VALID":
            return [(0, 0)] * len(spatial)
        if kind not in ("SAME", "SAME_LOWER"):
            raise OptionError(f"{name}: padding must be 'SAME', 'SAME_LOWER', 'VALID' or pairs, not {padding!r}")
        totals = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(spatial, window, stride, strict=True)]
        halves = [(t // 2, t - t // 2) for t in totals]
        return halves if kind == "SAME" else [(high, low) for low, high in halves]
    found = [(operator.index(low), operator.index(high)) for low, high in padding]
    if len(found) != len(spatial):
        raise ShapeError(f"{name}: padding must have a pair for each of {len(spatial)} spatial axes, not {padding!r}")
    return found


def prepared(
    name: str, images: Any, window: Sizes, stride: Sizes, padding: Padding, spread: Sizes, dilation: Sizes
) -> tuple[Any, tuple[tuple[int, int], ...]]:
    """(N, *spatial, C) images spread and cut, and what is left to pad them by: no more than zeros around them."""
    wide = [max((n - 1) * s + 1, 0) for n, s in zip(images.shape[1:-1], spread, strict=True)]
    reach = tuple((k - 1) * d + 1 for k, d in zip(window, dilation, strict=True))
    widths = _pairs(name, padding, tuple(wide), reach, stride)
    cut = [(min(low, 0), min(high, 0), s - 1) for (low, high), s in zip(widths, spread, strict=True)]
    if any(map(any, cut)):
        images = pad(images, 0, [(0, 0, 0), *cut, (0, 0, 0)])
    return images, tuple((max(low, 0), max(high, 0)) for low, high in widths)


def channels_last(spec: Sequence[int]) -> Sizes:
    """The order of axes (batch, *spatial, features) for a spec (batch, features, *spatial)."""
    return (spec[0], *spec[2:], spec[1])


def conv_general_dilated(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: Padding,
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Array:
    """Convolution of images with windows (cross-correlation), in its most general form.

    Args:
        lhs: images.
        rhs: windows.
        window_strides: steps from window to window, one a spatial axis.
        padding: "SAME", "SAME_LOWER", "VALID", or a pair (low, high) a spatial axis; negative ones take away.
        lhs_dilation: that many minus one of zeros are put between neighbours of the images first; 1 where None.
        rhs_dilation: steps between the elements of a window; 1 where None.
        dimension_numbers: which axis is which, see `conv_dimension_numbers`; batch and features first where None.
        feature_group_count: how many runs the features are cut into; a run of the result sees one run of the images'.
        batch_group_count: how many runs the batch is cut into; a run of the result's features sees one of them.
        precision: there for JAX's users.
        preferred_element_type: the dtype to compute in, and of the result.

    Returns:
        An array laid out as the dimension numbers say.

    Raises:
        ShapeError: features or groups do not fit, or no window fits.

    >>> from funcgrad import lax, numpy as fnp
    >>> x, w = fnp.ones((1, 1, 4)), fnp.ones((1, 1, 3))
    >>> lax.conv_general_dilated(x, w, (1,), "SAME").tolist()
    [[[2.0, 3.0, 3.0, 2.0]]]

    Source: jax.lax.conv_general_dilated; XLA's operation semantics, Conv.
    """
    name = "conv_general_dilated"
    x, w = promote_inexact(asarray(lhs), asarray(rhs))
    if preferred_element_type is not None:
        x, w = astype(x, preferred_element_type), astype(w, preferred_element_type)
    numbers = conv_dimension_numbers(x.shape, w.shape, dimension_numbers)
    rank = x.ndim - 2
    stride = per_axis(name, "window_strides", window_strides, rank)
    spread = per_axis(name, "lhs_dilation", lhs_dilation, rank)
    dilation = per_axis(name, "rhs_dilation", rhs_dilation, rank)
    features, batches = operator.index(feature_group_count), operator.index(batch_group_count)
    if features > 1 and batches > 1:
        raise ShapeError(f"{name}: groups are of features or of the batch: {features} and {batches} are too many")
    images = permute_dims(x, axes=channels_last(numbers.lhs_spec))
    windows = permute_dims(w, axes=(*numbers.rhs_spec[2:], numbers.rhs_spec[1], numbers.rhs_spec[0]))
    images, border = prepared(name, images, windows.shape[:-2], stride, padding, spread, dilation)
    if batches > 1:
        n = images.shape[0]
        if batches < 1 or n % batches:
            raise ShapeError(f"{name}: batch_group_count={batches} does not divide the batch of {x.aval}")
        runs = reshape(images, shape=(batches, n // batches, *images.shape[1:]))
        runs = permute_dims(runs, axes=(*range(1, runs.ndim - 1), 0, runs.ndim - 1))
        images = reshape(runs, shape=(*runs.shape[:-2], batches * runs.shape[-1]))
    groups = features if batches == 1 else batches
    out = ops.conv(images, windows, stride=stride, padding=border, dilation=dilation, groups=groups)
    return permute_dims(out, axes=inverse(channels_last(numbers.out_spec)))


def conv(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: Padding,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Array:
    """Convolution with batch and features first; arguments as for `conv_general_dilated`.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.conv(fnp.ones((1, 1, 4)), fnp.ones((2, 1, 3)), (1,), "VALID").shape
    (1, 2, 2)
    """
    return conv_general_dilated(
        lhs, rhs, window_strides, padding, precision=precision, preferred_element_type=preferred_element_type
    )


def conv_with_general_padding(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: Padding,
    lhs_dilation: Sequence[int] | None,
    rhs_dilation: Sequence[int] | None,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Array:
    """Dilated convolution with batch and features first; arguments as for `conv_general_dilated`.

    >>> from funcgrad import lax, numpy as fnp
    >>> x, w = fnp.ones((1, 1, 4)), fnp.ones((1, 1, 2))
    >>> lax.conv_with_general_padding(x, w, (1,), [(0, 1)], None, (2,)).shape
    (1, 1, 3)
    """
    return conv_general_dilated(
        lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation, None, 1, 1, precision, preferred_element_type
    )


def _transpose_padding(k: int, s: int, padding: str) -> tuple[int, int]:
    """What makes a spread image, under windows that reach k, as long as what the convolution was of."""
    if padding == "SAME":
        total = k + s - 2
        low = k - 1 if s > k - 1 else -(-total // 2)
    else:
        total = k + s - 2 + max(k - s, 0)
        low = k - 1
    return low, total - low


def conv_transpose(
    lhs: Any,
    rhs: Any,
    strides: Sequence[int],
    padding: Padding,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: Any = None,
    transpose_kernel: bool = False,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Array:
    """Transposed convolution: a convolution of images that are spread by the strides.

    Args:
        lhs: images.
        rhs: windows.
        strides: by which the images are spread, one a spatial axis.
        padding: "SAME" for results as long as the images times the strides, "VALID" for all that windows reach, or a
            pair (low, high) a spatial axis for the spread images.
        rhs_dilation: steps between the elements of a window; 1 where None.
        dimension_numbers: which axis is which; channels last where None, ("NHWC", "HWIO", "NHWC").
        transpose_kernel: whether rhs is that of the convolution to be transposed: it is turned around, and its two axes
            of features are exchanged.
        precision, preferred_element_type: as for `conv_general_dilated`.

    Raises:
        ShapeError: features do not fit.
        OptionError: no such padding.

    >>> from funcgrad import lax, numpy as fnp
    >>> x, w = fnp.ones((1, 2, 1)), fnp.asarray([[[1.0]], [[2.0]]])
    >>> lax.conv_transpose(x, w, (2,), "SAME").ravel().tolist()
    [2.0, 1.0, 2.0, 1.0]

    Source: jax.lax.conv_transpose.
    """
    x, w = asarray(lhs), asarray(rhs)
    rank = x.ndim - 2
    if dimension_numbers is None and not 1 <= rank <= 3:
        raise ShapeError(f"conv_transpose: images {x.aval} of {rank} spatial axes need dimension_numbers")
    letters = "DHW"[3 - rank :] if 1 <= rank <= 3 else ""
    given = (f"N{letters}C", f"{letters}IO", f"N{letters}C") if dimension_numbers is None else dimension_numbers
    numbers = conv_dimension_numbers(x.shape, w.shape, given)
    stride = per_axis("conv_transpose", "strides", strides, rank)
    dilation = per_axis("conv_transpose", "rhs_dilation", rhs_dilation, rank)
    if isinstance(padding, str):
        if padding.upper() not in ("SAME", "VALID"):
            raise OptionError(f"conv_transpose: padding must be 'SAME', 'VALID' or pairs, not {padding!r}")
        reach = [(w.shape[a] - 1) * d + 1 for a, d in zip(numbers.rhs_spec[2:], dilation, strict=True)]
        padding = [_transpose_padding(k, s, padding.upper()) for k, s in zip(reach, stride, strict=True)]
    if transpose_kernel:
        out_axis, in_axis = numbers.rhs_spec[:2]
        w = fnp.swapaxes(fnp.flip(w, tuple(numbers.rhs_spec[2:])), out_axis, in_axis)
    ones = (1,) * rank
    return conv_general_dilated(x, w, ones, padding, stride, dilation, numbers, 1, 1, precision, preferred_element_type)
