"""Convolutions and transposed convolutions of one to three dimensions, with weights of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ..errors import OptionError, ShapeError
from ..functional import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d, pad
from ..functional.layouts import channel_axis
from ..functional.windows import Padding, Sizes, pairs, per_axis
from ..numpy.creation import asarray
from .initializers import Initializer, weight_and_bias
from .layer import Layer, Run
from .torch_entry import TorchEntry
from .windows import check_windows

__all__ = ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

_MODES = ("zeros", "reflect", "replicate", "circular")


def _window(layer: Any) -> tuple[int, ...]:
    return per_axis(type(layer).__name__, "kernel_size", layer.kernel_size, layer._rank)


def _check(layer: Any) -> None:
    """Refuse at once what could fail only at the first call."""
    name = type(layer).__name__
    check_windows(layer, layer._rank)
    if layer.groups < 1 or layer.in_channels % layer.groups or layer.out_channels % layer.groups:
        raise ShapeError(
            f"{name}: groups={layer.groups} must divide the channels, {layer.in_channels} in and "
            f"{layer.out_channels} out"
        )


def _parameters(layer: Any, key: Any, channels: tuple[int, int]) -> dict[str, Any]:
    """First values; the weight is made as (*window, *channels) in either layout: one key makes one function."""
    rank, biases = layer._rank, layer.out_channels if layer.bias else 0
    shape = (*_window(layer), *channels)
    params = weight_and_bias(key, shape, biases, layer.weight_init, layer.bias_init)
    if layer.layout[1] == "C":
        params["weight"] = params["weight"].transpose((rank + 1, rank, *range(rank)))
    return params


def _torch_layout(layer: Any) -> dict[str, TorchEntry]:
    """PyTorch's weight has the channels first."""
    rank = layer._rank
    return {} if layer.layout[1] == "C" else {"weight": TorchEntry(axes=(rank + 1, rank, *range(rank)))}


def _apply(layer: Any, run: Run, x: Any, **options: Any) -> Any:
    """The layer's function of x with its parameters and settings."""
    x = asarray(x)
    channel_axis("", x.shape, layer.layout, layer.in_channels)
    padding = layer.padding
    if getattr(layer, "padding_mode", "zeros") != "zeros":
        x, padding = _bordered(layer, x), 0
    return type(layer)._function(
        x,
        run.weight,
        run.bias if layer.bias else None,
        stride=layer.stride,
        padding=padding,
        dilation=layer.dilation,
        groups=layer.groups,
        layout=layer.layout,
        **options,
    )


def _bordered(layer: Any, x: Any) -> Any:
    """The input with the border of a padding_mode other than zeros."""
    name, rank = type(layer).__name__, layer._rank
    last = layer.layout[-1] == "C"
    spatial = x.shape[-rank - 1 : -1] if last else x.shape[-rank:]
    stride, dilation = (per_axis(name, what, getattr(layer, what), rank) for what in ("stride", "dilation"))
    window = _window(layer)
    widths = pairs(name, layer.padding, spatial, window, stride, dilation)
    border = [n for pair in reversed(widths) for n in pair]
    return pad(x, [0, 0, *border] if last else border, layer.padding_mode)


class _Conv(Layer):
    in_channels: int
    out_channels: int
    kernel_size: Sizes
    stride: Sizes = 1
    padding: Padding = 0
    dilation: Sizes = 1
    groups: int = 1
    bias: bool = True
    padding_mode: str = "zeros"
    layout: str = ""
    weight_init: Initializer | None = None
    bias_init: Initializer | None = None

    _rank: ClassVar[int]
    _function: ClassVar[Callable[..., Any]]

    def __post_init__(self) -> None:
        _check(self)
        if self.padding_mode not in _MODES:
            raise OptionError(
                f"{type(self).__name__}: padding_mode must be one of {', '.join(map(repr, _MODES))}, not "
                f"{self.padding_mode!r}"
            )

    def torch_layout(self) -> dict[str, TorchEntry]:
        return _torch_layout(self)

    def parameters(self, key: Any) -> dict[str, Any]:
        return _parameters(self, key, (self.in_channels // self.groups, self.out_channels))

    def forward(self, run: Run, x: Any) -> Any:
        return _apply(self, run, x)


class Conv1d(_Conv):
    """Convolution of sequences; arguments as for `Conv2d`.

    Args:
        layout: "NWC" or "NCW".

    Parameters:
        weight: WIO, (width, in_channels / groups, out_channels); with layout="NCW" OIW.
        bias: (out_channels,)

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.Conv1d(2, 4, 3)
    >>> model(model.init(random.key(0))[0], fnp.ones((10, 2))).shape
    (8, 4)
    """

    layout: str = "NWC"
    _rank, _function = 1, staticmethod(conv1d)


class Conv2d(_Conv):
    """Convolution of images with learned windows; the maths stands at `functional.conv2d`.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: size of the window: an int, or one an axis.
        stride, padding, dilation, groups: as for `functional.conv2d`.
        bias: whether a number is added to each output channel.
        padding_mode: what the padding holds: "zeros", or as for `functional.pad` "reflect", "replicate" or "circular".
        layout: "NHWC" or "NCHW". The first is the faster one.
        weight_init: for the weight, which it sees as HWIO in either layout; by default U(-r, r) with
            r = 1 / sqrt(fan_in), fan_in = height * width * in_channels / groups, as in PyTorch.
        bias_init: for the bias; by default U(-r, r) with the same r.

    Parameters:
        weight: HWIO, (height, width, in_channels / groups, out_channels); with layout="NCHW" OIHW as in PyTorch.
        bias: (out_channels,)

    Shapes:
        (N, H, W, in_channels) -> (N, H_out, W_out, out_channels), with or without N; or as the layout says.

    Raises:
        ShapeError: groups does not divide the channels; when applied: the input has not in_channels channels.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.Conv2d(1, 32, 3, padding=1)
    >>> params, _ = model.init(random.key(0))
    >>> params["weight"].shape, model(params, fnp.ones((5, 28, 28, 1))).shape
    ((3, 3, 1, 32), (5, 28, 28, 32))
    """

    layout: str = "NHWC"
    _rank, _function = 2, staticmethod(conv2d)


class Conv3d(_Conv):
    """Convolution of volumes; arguments as for `Conv2d`.

    Args:
        layout: "NDHWC" or "NCDHW".

    Parameters:
        weight: DHWIO; with layout="NCDHW" OIDHW.
        bias: (out_channels,)

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.Conv3d(1, 2, 3)
    >>> model(model.init(random.key(0))[0], fnp.ones((4, 4, 4, 1))).shape
    (2, 2, 2, 2)
    """

    layout: str = "NDHWC"
    _rank, _function = 3, staticmethod(conv3d)


class _ConvTranspose(Layer):
    in_channels: int
    out_channels: int
    kernel_size: Sizes
    stride: Sizes = 1
    padding: Padding = 0
    output_padding: Sizes = 0
    groups: int = 1
    bias: bool = True
    dilation: Sizes = 1
    layout: str = ""
    weight_init: Initializer | None = None
    bias_init: Initializer | None = None

    _rank: ClassVar[int]
    _function: ClassVar[Callable[..., Any]]

    def __post_init__(self) -> None:
        _check(self)

    def torch_layout(self) -> dict[str, TorchEntry]:
        return _torch_layout(self)

    def parameters(self, key: Any) -> dict[str, Any]:
        return _parameters(self, key, (self.out_channels // self.groups, self.in_channels))

    def forward(self, run: Run, x: Any) -> Any:
        return _apply(self, run, x, output_padding=self.output_padding)


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution of sequences; arguments as for `ConvTranspose2d`.

    Args:
        layout: "NWC" or "NCW".

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.ConvTranspose1d(4, 2, 2, stride=2)
    >>> model(model.init(random.key(0))[0], fnp.ones((10, 4))).shape
    (20, 2)
    """

    layout: str = "NWC"
    _rank, _function = 1, staticmethod(conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution of images with learned windows; the maths stands at `functional.conv_transpose2d`.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: size of the window: an int, or one an axis.
        stride, padding, output_padding, groups, dilation: as for `functional.conv_transpose2d`.
        bias: whether a number is added to each output channel.
        layout: "NHWC" or "NCHW".
        weight_init: for the weight, which it sees in the NHWC order below in either layout; by default U(-r, r) with
            r = 1 / sqrt(height * width * out_channels / groups), as in PyTorch.
        bias_init: for the bias; by default U(-r, r) with the same r.

    Parameters:
        weight: (height, width, out_channels / groups, in_channels), the layout of the convolution that it transposes;
            with layout="NCHW" (in_channels, out_channels / groups, height, width) as in PyTorch.
        bias: (out_channels,)

    Shapes:
        (N, H, W, in_channels) -> (N, H_out, W_out, out_channels), with or without N; or as the layout says.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.ConvTranspose2d(8, 4, 2, stride=2)
    >>> model(model.init(random.key(0))[0], fnp.ones((5, 7, 7, 8))).shape
    (5, 14, 14, 4)
    """

    layout: str = "NHWC"
    _rank, _function = 2, staticmethod(conv_transpose2d)


class ConvTranspose3d(_ConvTranspose):
    """Transposed convolution of volumes; arguments as for `ConvTranspose2d`.

    Args:
        layout: "NDHWC" or "NCDHW".

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.ConvTranspose3d(4, 2, 2, stride=2)
    >>> model(model.init(random.key(0))[0], fnp.ones((3, 3, 3, 4))).shape
    (6, 6, 6, 2)
    """

    layout: str = "NDHWC"
    _rank, _function = 3, staticmethod(conv_transpose3d)
