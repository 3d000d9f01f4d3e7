"""Channels scaled by what the whole image, or something else, says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any

from ..errors import ShapeError
from ..functional import relu, sigmoid
from ..functional.layouts import LAYOUT_RANKS, channel_axis, check_layout
from ..numpy.creation import asarray
from ..numpy.manipulation import split
from .convolution import Conv2d
from .layer import Layer, Run
from .linear import Linear

__all__ = ["FiLM", "SqueezeExcite"]


class SqueezeExcite(Layer):
    """Channels weighted by what their means over the image say.

        y = x * gate(W2 activation(W1 mean(x) + b1) + b2)

    Args:
        channels: of the image.
        squeeze_channels: how many numbers stand between the two maps; often channels / 16 or / 4.
        activation: a function of an array.
        gate: a function of an array; `functional.hardsigmoid` in MobileNetV3.
        layout: "NHWC" or "NCHW".

    Parameters:
        fc1, fc2: those of convolutions of one pixel, as in torchvision's SqueezeExcitation.

    Shapes:
        (N, H, W, channels), or as the layout says, with or without N; the output's is the input's.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.SqueezeExcite(32, 8)
    >>> params, _ = model.init(random.key(0))
    >>> model(params, fnp.ones((5, 7, 7, 32))).shape
    (5, 7, 7, 32)

    Source: J. Hu, L. Shen and G. Sun, Squeeze-and-excitation networks, 2018.
    """

    channels: int
    squeeze_channels: int
    activation: Callable[[Any], Any] = relu
    gate: Callable[[Any], Any] = sigmoid
    layout: str = "NHWC"
    fc1: Conv2d = field(init=False)
    fc2: Conv2d = field(init=False)

    def __post_init__(self) -> None:
        self.fc1 = Conv2d(self.channels, self.squeeze_channels, 1, layout=self.layout)
        self.fc2 = Conv2d(self.squeeze_channels, self.channels, 1, layout=self.layout)

    def forward(self, run: Run, x: Any) -> Any:
        x = asarray(x)
        channel_axis("", x.shape, self.layout, self.channels)
        axes = (-3, -2) if self.layout == "NHWC" else (-2, -1)
        means = x.mean(axes, keepdims=True)
        return x * self.gate(run.fc2(self.activation(run.fc1(means))))


class FiLM(Layer):
    """Channels scaled and shifted by a linear map of something else: feature-wise linear modulation.

        y = (1 + gamma) * x + beta,   [gamma, beta] = condition W + b

    Args:
        num_features: channels of the input.
        condition_features: size of the condition.
        layout: where the input's channels are: last, as in "NHWC" and by default, or first, as in "NCHW".

    Parameters:
        linear: of the map, weight (condition_features, 2 num_features) and bias (2 num_features,)

    Inputs: x, (N, ..., num_features) or as the layout says, and condition, (N, condition_features); both with or
    without N.

    Raises:
        OptionError: an unknown layout.
        ShapeError: when applied: the sizes do not fit.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.FiLM(8, 3)
    >>> params, _ = model.init(random.key(0))
    >>> model(params, fnp.ones((5, 7, 7, 8)), fnp.ones((5, 3))).shape
    (5, 7, 7, 8)

    Source: E. Perez and others, FiLM: visual reasoning with a general conditioning layer, 2018.
    """

    num_features: int
    condition_features: int
    layout: str = "NHWC"
    linear: Linear = field(init=False)

    def __post_init__(self) -> None:
        check_layout("FiLM", self.layout, tuple(LAYOUT_RANKS))
        self.linear = Linear(self.condition_features, 2 * self.num_features)

    def forward(self, run: Run, x: Any, condition: Any) -> Any:
        x, condition = asarray(x), asarray(condition)
        batched = condition.ndim - 1
        axis = x.ndim - 1 if self.layout[-1] == "C" else batched
        if (
            batched not in (0, 1)
            or x.ndim <= batched
            or x.shape[axis] != self.num_features
            or (batched and x.shape[0] != condition.shape[0])
        ):
            raise ShapeError(
                f"expected x with {self.num_features} channels ({self.layout}) and a condition (N, "
                f"{self.condition_features}), both with or without N, got {x.shape} and {condition.shape}"
            )
        middle = (1,) * (axis - batched)
        after = (1,) * (x.ndim - axis - 1)
        gamma, beta = (
            part.reshape((*condition.shape[:-1], *middle, self.num_features, *after))
            for part in split(run.linear(condition), 2, axis=-1)
        )
        return x * (gamma + 1) + beta
