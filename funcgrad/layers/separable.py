"""Convolutions in two steps, of each channel by itself and then of all channels at each place."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar

from ..functional.windows import Padding, Sizes
from .convolution import Conv1d, Conv2d, Conv3d
from .layer import Layer, Run

__all__ = ["SeparableConv1d", "SeparableConv2d", "SeparableConv3d"]


class _SeparableConv(Layer):
    in_channels: int
    out_channels: int
    kernel_size: Sizes
    stride: Sizes = 1
    padding: Padding = 0
    dilation: Sizes = 1
    depth_multiplier: int = 1
    bias: bool = True
    layout: str = ""
    depthwise: Layer = dataclasses.field(init=False)
    pointwise: Layer = dataclasses.field(init=False)

    _conv: ClassVar[Callable[..., Any]]

    def __post_init__(self) -> None:
        conv, between = type(self)._conv, self.in_channels * self.depth_multiplier
        moves = {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}
        self.depthwise = conv(
            *(self.in_channels, between, self.kernel_size),
            **moves,
            groups=self.in_channels,
            bias=False,
            layout=self.layout,
        )
        self.pointwise = conv(between, self.out_channels, 1, bias=self.bias, layout=self.layout)

    def forward(self, run: Run, x: Any) -> Any:
        return run.pointwise(run.depthwise(x))


class SeparableConv1d(_SeparableConv):
    """Convolution of sequences in two steps; arguments as for `SeparableConv2d`.

    Args:
        layout: "NWC" or "NCW".

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.SeparableConv1d(2, 4, 3)
    >>> model(model.init(random.key(0))[0], fnp.ones((10, 2))).shape
    (8, 4)
    """

    layout: str = "NWC"
    _conv = Conv1d


class SeparableConv2d(_SeparableConv):
    """Convolution of images in two steps: each channel with its own windows, then all channels at each place.

    With windows of k x k this takes k^2 + out_channels multiplications for each element and channel, where `Conv2d`
    takes k^2 out_channels.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: size of the window: an int, or one an axis.
        stride, padding, dilation: as for `functional.conv2d`.
        depth_multiplier: how many windows each channel has.
        bias: whether a number is added to each output channel, in the end.
        layout: "NHWC" or "NCHW".

    Parameters:
        depthwise: those of `Conv2d(in_channels, in_channels * depth_multiplier, ..., groups=in_channels, bias=False)`.
        pointwise: those of `Conv2d(in_channels * depth_multiplier, out_channels, 1)`.

    Shapes:
        (N, H, W, in_channels) -> (N, H_out, W_out, out_channels), with or without N; or as the layout says.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.SeparableConv2d(32, 64, 3, padding=1)
    >>> params, _ = model.init(random.key(0))
    >>> model(params, fnp.ones((5, 7, 7, 32))).shape, params["pointwise"]["weight"].shape
    ((5, 7, 7, 64), (1, 1, 32, 64))

    Source: F. Chollet, Xception: deep learning with depthwise separable convolutions, 2017.
    """

    layout: str = "NHWC"
    _conv = Conv2d


class SeparableConv3d(_SeparableConv):
    """Convolution of volumes in two steps; arguments as for `SeparableConv2d`.

    Args:
        layout: "NDHWC" or "NCDHW".

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.SeparableConv3d(2, 4, 2, stride=2)
    >>> model(model.init(random.key(0))[0], fnp.ones((4, 4, 4, 2))).shape
    (2, 2, 2, 4)
    """

    layout: str = "NDHWC"
    _conv = Conv3d
