"""Normalisation of each example by itself: over its last axes, over groups of its channels, over neighbours."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from ..functional import group_norm, layer_norm, local_response_norm, normalize, rms_norm
from ..functional.layouts import channel_axis, check_layout
from ..functional.options import check_count
from ..numpy.creation import full, ones, zeros
from ..ops.create import to_inexact
from .layer import Layer, Run

__all__ = ["GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm", "ScaleNorm"]


def _sizes(normalized_shape: int | tuple[int, ...]) -> tuple[int, ...]:
    return normalized_shape if isinstance(normalized_shape, tuple) else (normalized_shape,)


def _with_last(x: Any, shape: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
    """x, whose last sizes must be these, and the axes that they are on."""
    x = to_inexact(x)
    if x.shape[-len(shape) :] != shape:
        raise ShapeError(f"expected last sizes {shape}, got {x.shape}")
    return x, tuple(range(-len(shape), 0))


def scale_and_shift(shape: int | tuple[int, ...], affine: bool, bias: bool) -> dict[str, Any]:
    """The first weight and bias, of which there may be none, or no bias."""
    return ({"weight": ones(shape)} if affine else {}) | ({"bias": zeros(shape)} if affine and bias else {})


class LayerNorm(Layer):
    """Each example's last axes minus their mean, divided by their standard deviation.

        y = (x - mean) / sqrt(var + eps) * weight + bias

    Args:
        normalized_shape: sizes of the last axes: an int for one, or a tuple.
        eps: added to the variance.
        elementwise_affine: whether there are a weight and a bias.
        bias: whether there is a bias beside the weight.

    Parameters:
        weight, bias: normalized_shape, at first 1 and 0.

    Shapes:
        (..., *normalized_shape) -> (..., *normalized_shape)

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.LayerNorm(2, elementwise_affine=False)({}, fnp.asarray([[1.0, 3.0], [10.0, 50.0]])).round(3)
    Array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)

    Source: Ba, Kiros and Hinton, Layer Normalization, https://arxiv.org/abs/1607.06450.
    """

    normalized_shape: int | tuple[int, ...]
    eps: float = 1e-5
    elementwise_affine: bool = True
    bias: bool = True

    def parameters(self, key: Any) -> dict[str, Any]:
        return scale_and_shift(_sizes(self.normalized_shape), self.elementwise_affine, self.bias)

    def forward(self, run: Run, x: Any) -> Any:
        x, axes = _with_last(x, _sizes(self.normalized_shape))
        weight = run.weight if self.elementwise_affine else None
        bias = run.bias if self.elementwise_affine and self.bias else None
        return layer_norm(x, weight, bias, axis=axes, eps=self.eps)


class RMSNorm(Layer):
    """Each example's last axes divided by their root mean square: `functional.rms_norm`.

    Args:
        normalized_shape: sizes of the last axes: an int for one, or a tuple.
        eps: added to the mean of squares; where None the machine epsilon of the dtype.
        elementwise_affine: whether there is a weight.

    Parameters:
        weight: normalized_shape, at first 1.

    Shapes:
        (..., *normalized_shape) -> (..., *normalized_shape)

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.RMSNorm(2, elementwise_affine=False)({}, fnp.asarray([[1.0, -1.0], [10.0, 10.0]]))
    Array([[ 1., -1.],
           [ 1.,  1.]], dtype=float32)

    Source: Zhang and Sennrich, Root Mean Square Layer Normalization, https://arxiv.org/abs/1910.07467.
    """

    normalized_shape: int | tuple[int, ...]
    eps: float | None = None
    elementwise_affine: bool = True

    def parameters(self, key: Any) -> dict[str, Any]:
        return {"weight": ones(_sizes(self.normalized_shape))} if self.elementwise_affine else {}

    def forward(self, run: Run, x: Any) -> Any:
        x, axes = _with_last(x, _sizes(self.normalized_shape))
        return rms_norm(x, run.weight if self.elementwise_affine else None, axis=axes, eps=self.eps)


class ScaleNorm(Layer):
    """Each vector divided by its length and multiplied by one learned number: y = scale x / max(|x|, eps).

    Args:
        size: of the last axis.
        eps: the least length that is divided by.

    Parameters:
        scale: (), at first sqrt(size).

    Shapes:
        (..., size) -> (..., size)

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.ScaleNorm(2)({"scale": 10.0}, fnp.asarray([3.0, 4.0]))
    Array([6., 8.], dtype=float32)

    Source: Nguyen and Salazar, Transformers without Tears, https://arxiv.org/abs/1910.05895.
    """

    size: int
    eps: float = 1e-5

    def parameters(self, key: Any) -> dict[str, Any]:
        return {"scale": full((), self.size**0.5)}

    def forward(self, run: Run, x: Any) -> Any:
        x, _ = _with_last(x, (self.size,))
        return normalize(x, eps=self.eps) * run.scale


class GroupNorm(Layer):
    """Each example's groups of channels minus their mean, divided by their standard deviation.

    The maths stands at `functional.group_norm`.

    Args:
        num_groups: into how many groups of neighbours the channels are divided.
        num_channels: number of channels C.
        eps: added to the variance.
        affine: whether each channel has a weight and a bias; with bias=False a weight alone.
        layout: of the input, which says what is an example: "NHWC" or "NCHW" for images, "NWC" or "NCW" for sequences,
            "NDHWC" or "NCDHW" for volumes, "NC" for features. (PyTorch needs none, as its channels are on axis 1.)

    Parameters:
        weight, bias: (num_channels,), at first 1 and 0.

    Shapes:
        (N, H, W, C) -> (N, H, W, C), with or without N; or as the layout says.

    Raises:
        ShapeError: num_groups does not divide num_channels; when applied: the input has other axes or channels.
        OptionError: an unknown layout.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.GroupNorm(2, 4, affine=False, layout="NC")({}, fnp.asarray([[1.0, 3.0, 10.0, 50.0]])).round(3)
    Array([[-1.,  1., -1.,  1.]], dtype=float32)

    Source: Wu and He, Group Normalization, https://arxiv.org/abs/1803.08494.
    """

    num_groups: int
    num_channels: int
    eps: float = 1e-5
    affine: bool = True
    layout: str = "NHWC"
    bias: bool = True

    def __post_init__(self) -> None:
        check_layout("GroupNorm", self.layout)
        if self.num_groups < 1 or self.num_channels % self.num_groups:
            raise ShapeError(f"GroupNorm: {self.num_groups} groups do not divide {self.num_channels} channels")

    def parameters(self, key: Any) -> dict[str, Any]:
        return scale_and_shift(self.num_channels, self.affine, self.bias)

    def forward(self, run: Run, x: Any) -> Any:
        x = to_inexact(x)
        axis = channel_axis("", x.shape, self.layout, self.num_channels) - x.ndim
        weight, bias = run.weight if self.affine else None, run.bias if self.affine and self.bias else None
        batch = x if x.ndim == len(self.layout) else x[None]
        return group_norm(batch, self.num_groups, weight, bias, self.eps, axis).reshape(x.shape)


class LocalResponseNorm(Layer):
    """Each value divided by a power of the mean square of its neighbours in other channels.

    The maths stands at `functional.local_response_norm`.

    Args:
        size: how many channels there are in a window.
        alpha, beta, k: as for `functional.local_response_norm`.
        layout: as for `GroupNorm`.

    Shapes:
        (N, H, W, C) -> (N, H, W, C), with or without N; or as the layout says.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.LocalResponseNorm(3, alpha=3.0, beta=1.0, layout="NC")({}, fnp.asarray([1.0, 2.0, 2.0]))
    Array([0.16666667, 0.2       , 0.22222222], dtype=float32)

    Source: Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural Networks, 2012.
    """

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0
    layout: str = "NHWC"

    def __post_init__(self) -> None:
        check_layout("LocalResponseNorm", self.layout)
        check_count("LocalResponseNorm", "size", self.size)

    def forward(self, run: Run, x: Any) -> Any:
        x = to_inexact(x)
        axis = channel_axis("", x.shape, self.layout)
        return local_response_norm(x, self.size, self.alpha, self.beta, self.k, axis)
