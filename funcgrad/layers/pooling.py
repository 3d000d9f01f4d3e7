"""Pooling of one to three dimensions. These layers have no parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ..functional import avg_pool1d, avg_pool2d, avg_pool3d, max_pool1d, max_pool2d, max_pool3d
from ..functional.windows import Padding, Sizes
from .layer import Layer, Run
from .windows import check_windows

__all__ = ["AvgPool1d", "AvgPool2d", "AvgPool3d", "MaxPool1d", "MaxPool2d", "MaxPool3d"]


class _MaxPool(Layer):
    kernel_size: Sizes
    stride: Sizes | None = None
    padding: Padding = 0
    dilation: Sizes = 1
    return_indices: bool = False
    ceil_mode: bool = False
    layout: str = ""

    _rank: ClassVar[int]
    _function: ClassVar[Callable[..., Any]]

    def __post_init__(self) -> None:
        check_windows(self, self._rank)

    def forward(self, run: Run, x: Any) -> Any:
        function = type(self)._function
        moves = self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        return function(x, *moves, self.return_indices, self.layout)


class MaxPool1d(_MaxPool):
    """The maximum of each window of a sequence; arguments as for `functional.max_pool1d`."""

    layout: str = "NWC"
    _rank = 1
    _function = staticmethod(max_pool1d)


class MaxPool2d(_MaxPool):
    """The maximum of each window of an image.

    Args:
        kernel_size: size of the window: an int, or one an axis.
        stride: steps between windows; the window's size where None.
        padding, dilation, return_indices, ceil_mode: as for `functional.max_pool2d`.
        layout: "NHWC" or "NCHW".

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.MaxPool2d(2)({}, fnp.arange(16.0).reshape(4, 4, 1))[..., 0]
    Array([[ 5.,  7.],
           [13., 15.]], dtype=float32)
    """

    layout: str = "NHWC"
    _rank = 2
    _function = staticmethod(max_pool2d)


class MaxPool3d(_MaxPool):
    """The maximum of each window of a volume; arguments as for `functional.max_pool3d`."""

    layout: str = "NDHWC"
    _rank = 3
    _function = staticmethod(max_pool3d)


class AvgPool1d(Layer):
    """The mean of each window of a sequence; arguments as for `functional.avg_pool1d`."""

    kernel_size: Sizes
    stride: Sizes | None = None
    padding: Padding = 0
    ceil_mode: bool = False
    count_include_pad: bool = True
    layout: str = "NWC"

    _function: ClassVar[Callable[..., Any]] = staticmethod(avg_pool1d)

    def __post_init__(self) -> None:
        check_windows(self, 1)

    def forward(self, run: Run, x: Any) -> Any:
        moves = self.kernel_size, self.stride, self.padding, self.ceil_mode
        return type(self)._function(x, *moves, self.count_include_pad, self.layout)


class _AvgPool(Layer):
    kernel_size: Sizes
    stride: Sizes | None = None
    padding: Padding = 0
    ceil_mode: bool = False
    count_include_pad: bool = True
    divisor_override: int | None = None
    layout: str = ""

    _rank: ClassVar[int]
    _function: ClassVar[Callable[..., Any]]

    def __post_init__(self) -> None:
        check_windows(self, self._rank)

    def forward(self, run: Run, x: Any) -> Any:
        function, moves = type(self)._function, (self.kernel_size, self.stride, self.padding, self.ceil_mode)
        return function(x, *moves, self.count_include_pad, self.divisor_override, self.layout)


class AvgPool2d(_AvgPool):
    """The mean of each window of an image.

    Args:
        kernel_size: size of the window: an int, or one an axis.
        stride: steps between windows; the window's size where None.
        padding, ceil_mode, count_include_pad, divisor_override: as for `functional.avg_pool2d`.
        layout: "NHWC" or "NCHW".

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.AvgPool2d(2)({}, fnp.arange(16.0).reshape(4, 4, 1))[..., 0]
    Array([[ 2.5,  4.5],
           [10.5, 12.5]], dtype=float32)
    """

    layout: str = "NHWC"
    _rank = 2
    _function = staticmethod(avg_pool2d)


class AvgPool3d(_AvgPool):
    """The mean of each window of a volume; arguments as for `functional.avg_pool3d`."""

    layout: str = "NDHWC"
    _rank = 3
    _function = staticmethod(avg_pool3d)
