"""Convolutions whose window has weights of its own at every place."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ..errors import ShapeError
from ..functional import unfold
from ..functional.layouts import LAYOUTS_BY_RANK, check_layout, from_channels_last, to_channels_last
from ..functional.windows import Padding, Sizes, pairs, per_axis
from ..kernels.convolution import conv_output_sizes
from ..numpy.creation import asarray
from ..numpy.linear_algebra import matmul
from ..numpy.manipulation import moveaxis
from .initializers import Initializer, weight_and_bias
from .layer import Layer, Run

__all__ = ["ConvLocal1d", "ConvLocal2d", "ConvLocal3d"]


class _ConvLocal(Layer):
    in_channels: int
    out_channels: int
    kernel_size: Sizes
    input_size: Sizes
    stride: Sizes = 1
    padding: Padding = 0
    dilation: Sizes = 1
    bias: bool = True
    layout: str = ""
    weight_init: Initializer | None = None
    bias_init: Initializer | None = None

    _layouts: ClassVar[tuple[str, str]]

    def __post_init__(self) -> None:
        check_layout(type(self).__name__, self.layout, self._layouts)
        self._places()

    def _each(self, option: str) -> tuple[int, ...]:
        return per_axis(type(self).__name__, option, getattr(self, option), len(self.layout) - 2)

    def _places(self) -> tuple[int, ...]:
        """How many windows there are along each axis."""
        name, sizes, window = type(self).__name__, self._each("input_size"), self._each("kernel_size")
        stride, dilation = self._each("stride"), self._each("dilation")
        widths = pairs(name, self.padding, sizes, window, stride, dilation)
        try:
            return conv_output_sizes(sizes, window, stride=stride, padding=widths, dilation=dilation)
        except ValueError as error:
            raise ShapeError(f"{name}: {error}") from None

    def parameters(self, key: Any) -> dict[str, Any]:
        places, fan_in = self._places(), math.prod(self._each("kernel_size")) * self.in_channels
        biases = (*places, self.out_channels) if self.bias else 0
        shape = (*places, fan_in, self.out_channels)
        return weight_and_bias(key, shape, biases, self.weight_init, self.bias_init, fan_in)

    def forward(self, run: Run, x: Any) -> Any:
        x, rank, sizes = asarray(x), len(self.layout) - 2, self._each("input_size")
        last = self._layouts[0]
        shape = (*sizes, self.in_channels) if self.layout == last else (self.in_channels, *sizes)
        if x.ndim not in (rank + 1, rank + 2) or x.shape[-rank - 1 :] != shape:
            raise ShapeError(f"expected {shape}, or (N, ...) of these, got {x.shape}")
        images: Any = to_channels_last(type(self).__name__, x, self.layout, rank)
        patches = unfold(images, self.kernel_size, self.dilation, self.padding, self.stride, last)
        weight = run.weight
        flat = weight.reshape((-1, *weight.shape[-2:]))
        out = moveaxis(matmul(moveaxis(patches, 1, 0), flat), 0, 1)  # at each place a product of all examples
        out = out.reshape((out.shape[0], *weight.shape[:rank], self.out_channels))
        return from_channels_last(out + run.bias if self.bias else out, x, self.layout, rank)


class ConvLocal2d(_ConvLocal):
    """A convolution without shared weights: at every place of the image the window has weights of its own.

        y[n, r, o] = b[r, o] + sum over offsets k and channels c of  x[n, r s + k d - p, c] w[r, (k, c), o]

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: size of the window: an int, or one an axis.
        input_size: the image's height and width: an int, or one an axis.
        stride, padding, dilation: as for `functional.conv2d`.
        bias: whether a number is added to each channel of each place.
        layout: of the images: "NHWC" or "NCHW".
        weight_init: for the weight; by default U(-r, r) with r = 1 / sqrt(height * width * in_channels).
        bias_init: for the bias; by default U(-r, r) with the same r.

    Parameters:
        weight: (H_out, W_out, height * width * in_channels, out_channels), in either layout.
        bias: (H_out, W_out, out_channels)

    Raises:
        ShapeError: no window fits; when applied: the input has not that size.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.ConvLocal2d(1, 4, 3, input_size=8, stride=2)
    >>> params, _ = model.init(random.key(0))
    >>> params["weight"].shape, model(params, fnp.ones((5, 8, 8, 1))).shape
    ((3, 3, 9, 4), (5, 3, 3, 4))
    """

    layout: str = "NHWC"
    _layouts = LAYOUTS_BY_RANK[2]


class ConvLocal1d(_ConvLocal):
    """A convolution of sequences without shared weights; arguments as for `ConvLocal2d`.

    Args:
        layout: "NWC" or "NCW".

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.ConvLocal1d(2, 4, 3, input_size=10)
    >>> model(model.init(random.key(0))[0], fnp.ones((10, 2))).shape
    (8, 4)
    """

    layout: str = "NWC"
    _layouts = LAYOUTS_BY_RANK[1]


class ConvLocal3d(_ConvLocal):
    """A convolution of volumes without shared weights; arguments as for `ConvLocal2d`.

    Args:
        layout: "NDHWC" or "NCDHW".

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.ConvLocal3d(1, 2, 2, input_size=3)
    >>> model(model.init(random.key(0))[0], fnp.ones((3, 3, 3, 1))).shape
    (2, 2, 2, 2)
    """

    layout: str = "NDHWC"
    _layouts = LAYOUTS_BY_RANK[3]
