"""Batched image transforms: pixels to floats, normalisation per channel, and their composition.

They do what torchvision's ToTensor and Normalize do, on whole batches and with the channels last (NHWC):
https://docs.pytorch.org/vision/stable/transforms.html.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..dtypes import NARROW, WIDE, is_floating
from ..errors import DtypeError, OptionError, ShapeError

FloatArray = npt.NDArray[np.floating[Any]]


def to_float(images: npt.NDArray[Any], dtype: npt.DTypeLike = np.float32) -> FloatArray:
    """Turn images into floats with a trailing channel axis (NHWC), scaling uint8 0..255 to [0, 1].

    Only uint8 is scaled, since only there is the full range known. Floats are taken to be in [0, 1] already,
    or in whatever range the caller wants: they keep their values, but for the rounding to `dtype`.

    The channel axis is told from the number of dimensions alone:

        (H, W)        ->  (H, W, 1)      one grey image
        (N, H, W)     ->  (N, H, W, 1)   a batch of grey images
        (N, H, W, C)  ->  (N, H, W, C)   a batch that has its channels

    Three dimensions are therefore always a grey batch; pass one colour image, (H, W, C), as `image[None]`.

    Args:
        images: uint8 or floating, of one of the shapes above.
        dtype: the floating dtype of the result.

    Returns:
        A new array of `dtype`, of the shape above. A uint8 pixel p becomes p / 255, rounded once.

    Raises:
        DtypeError: `images` is neither uint8 nor floating, or `dtype` is not floating.
        ShapeError: `images` has fewer than 2 or more than 4 dimensions.

    Examples:
        >>> to_float(np.array([[0, 51], [102, 255]], dtype=np.uint8))[..., 0]
        array([[0. , 0.2],
               [0.4, 1. ]], dtype=float32)

    Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.ToTensor.html
    """
    if not is_floating(np.dtype(dtype)):
        raise DtypeError(f"dtype must be floating, got {np.dtype(dtype)}")
    if images.ndim not in (2, 3, 4):
        raise ShapeError(f"images must have shape (H, W), (N, H, W) or (N, H, W, C), got shape {images.shape}")
    floats = _unit_floats(images, dtype)
    return floats if images.ndim == 4 else floats[..., np.newaxis]


def normalize(images: FloatArray, mean: npt.ArrayLike, std: npt.ArrayLike) -> FloatArray:
    """Subtract the mean and divide by the standard deviation, per channel (the last axis).

    Args:
        images: floating, of shape (..., C), as `to_float` gives them.
        mean: a number, or one per channel: shape () or (C,).
        std: a number, or one per channel: shape () or (C,); above 0.

    Returns:
        `(images - mean) / std`, a new array of the shape and dtype of `images`.

    Raises:
        DtypeError: `images` is not floating.
        ShapeError: `mean` or `std` is neither a number nor one per channel.
        OptionError: `mean` is not finite, or `std` not finite and above 0, in the dtype of `images`.

    Examples:
        >>> normalize(np.array([[0.0, 1.0], [0.5, 3.0]]), mean=[0.5, 2.0], std=[0.5, 1.0])
        array([[-1., -1.],
               [ 0.,  1.]])

    Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.Normalize.html
    """
    if not is_floating(images.dtype):
        raise DtypeError(f"images must be floating, got {images.dtype}; apply to_float first")
    centre = _per_channel("mean", mean, images)
    scale = _per_channel("std", std, images)
    if not np.all(scale > 0):
        raise OptionError(f"std must be above 0 in {images.dtype}, got {std!r}")
    return (images - centre) / scale


def compose(*functions: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Chain functions of one argument, the first to be applied coming first.

    Args:
        *functions: any number of functions; none at all gives the identity.

    Returns:
        The function that maps x to `functions[-1](... functions[0](x))`.

    Examples:
        >>> prepare = compose(to_float, lambda images: normalize(images, mean=0.5, std=0.5))
        >>> prepare(np.array([[0, 255]], dtype=np.uint8)).tolist()
        [[[-1.0], [1.0]]]

    Source: https://docs.pytorch.org/vision/stable/generated/torchvision.transforms.Compose.html
    """

    def composed(value: Any) -> Any:
        for function in functions:
            value = function(value)
        return value

    return composed


def _unit_floats(images: npt.NDArray[Any], dtype: npt.DTypeLike) -> FloatArray:
    if images.dtype == np.uint8:
        narrow = np.dtype(dtype) in NARROW
        scaled: FloatArray = np.divide(images, 255, dtype=WIDE if narrow else dtype)
        return scaled.astype(dtype) if narrow else scaled
    if is_floating(images.dtype):
        return images.astype(dtype)
    raise DtypeError(f"images must be uint8 or floating, got {images.dtype}")


def _per_channel(name: str, statistic: npt.ArrayLike, images: FloatArray) -> FloatArray:
    # In the dtype of the images, so that float64 statistics do not widen a float32 batch.
    values = np.asarray(statistic, dtype=images.dtype)
    if values.shape not in ((), images.shape[-1:]):
        raise ShapeError(
            f"{name} must be a number or one per channel, shape {images.shape[-1:]}, got shape {values.shape}"
        )
    if not np.all(np.isfinite(values)):
        raise OptionError(f"{name} must be finite, got {statistic!r}")
    return values
