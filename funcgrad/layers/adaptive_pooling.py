"""Pooling by the size of the result, and of all of an image. These layers have no parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ..functional import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    global_avg_pool,
    global_max_pool,
)
from ..functional.adaptive_pooling import checked_bins
from ..functional.layouts import is_channels_last
from .layer import Layer, Run

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "GlobalAvgPool1d",
    "GlobalAvgPool2d",
    "GlobalAvgPool3d",
    "GlobalMaxPool1d",
    "GlobalMaxPool2d",
    "GlobalMaxPool3d",
]

OutputSize = int | None | tuple[int | None, ...]


class _Adaptive(Layer):
    output_size: OutputSize
    layout: str = ""

    _rank: ClassVar[int]
    _function: ClassVar[Callable[..., Any]]

    def __post_init__(self) -> None:
        checked_bins(type(self).__name__, self.output_size, self._rank)
        is_channels_last(type(self).__name__, self.layout, self._rank)

    def forward(self, run: Run, x: Any) -> Any:
        return type(self)._function(x, self.output_size, layout=self.layout)


class _AdaptiveMax(Layer):
    output_size: OutputSize
    return_indices: bool = False
    layout: str = ""

    _rank: ClassVar[int]
    _function: ClassVar[Callable[..., Any]]

    def __post_init__(self) -> None:
        checked_bins(type(self).__name__, self.output_size, self._rank)
        is_channels_last(type(self).__name__, self.layout, self._rank)

    def forward(self, run: Run, x: Any) -> Any:
        return type(self)._function(x, self.output_size, self.return_indices, self.layout)


class _Global(Layer):
    keepdims: bool = False
    layout: str = ""

    _rank: ClassVar[int]
    _function: ClassVar[Callable[..., Any]]

    def __post_init__(self) -> None:
        is_channels_last(type(self).__name__, self.layout, self._rank)

    def forward(self, run: Run, x: Any) -> Any:
        return type(self)._function(x, self.keepdims, self.layout)


class AdaptiveAvgPool1d(_Adaptive):
    """The mean of each of so many bins of a sequence; arguments as for `functional.adaptive_avg_pool1d`."""

    layout: str = "NWC"
    _rank = 1
    _function = staticmethod(adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_Adaptive):
    """The mean of each of so many bins of an image, whatever its size.

    Args:
        output_size: how many bins along each axis: an int, or one an axis; None keeps the size of an axis.
        layout: "NHWC" or "NCHW".

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.AdaptiveAvgPool2d(2)({}, fnp.arange(16.0).reshape(4, 4, 1))[..., 0].tolist()
    [[2.5, 4.5], [10.5, 12.5]]
    """

    layout: str = "NHWC"
    _rank = 2
    _function = staticmethod(adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_Adaptive):
    """The mean of each of so many bins of a volume; arguments as for `functional.adaptive_avg_pool3d`."""

    layout: str = "NDHWC"
    _rank = 3
    _function = staticmethod(adaptive_avg_pool3d)


class AdaptiveMaxPool1d(_AdaptiveMax):
    """The maximum of each of so many bins of a sequence; arguments as for `functional.adaptive_max_pool1d`."""

    layout: str = "NWC"
    _rank = 1
    _function = staticmethod(adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMax):
    """The maximum of each of so many bins of an image, whatever its size.

    Args:
        output_size: how many bins along each axis: an int, or one an axis; None keeps the size of an axis.
        return_indices: whether to tell where the maxima are, too, as `functional.max_pool2d` does.
        layout: "NHWC" or "NCHW".

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.AdaptiveMaxPool2d(2)({}, fnp.arange(16.0).reshape(4, 4, 1))[..., 0].tolist()
    [[5.0, 7.0], [13.0, 15.0]]
    """

    layout: str = "NHWC"
    _rank = 2
    _function = staticmethod(adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMax):
    """The maximum of each of so many bins of a volume; arguments as for `functional.adaptive_max_pool3d`."""

    layout: str = "NDHWC"
    _rank = 3
    _function = staticmethod(adaptive_max_pool3d)


class GlobalAvgPool1d(_Global):
    """The mean of each channel over all of a sequence; arguments as for `functional.global_avg_pool`."""

    layout: str = "NWC"
    _rank = 1
    _function = staticmethod(global_avg_pool)


class GlobalAvgPool2d(_Global):
    """The mean of each channel over all of an image: (N, H, W, C) becomes (N, C).

    Args:
        keepdims: whether the spatial axes stay, of size 1.
        layout: "NHWC" or "NCHW".

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.GlobalAvgPool2d()({}, fnp.arange(16.0).reshape(4, 4, 1)).tolist()
    [7.5]
    """

    layout: str = "NHWC"
    _rank = 2
    _function = staticmethod(global_avg_pool)


class GlobalAvgPool3d(_Global):
    """The mean of each channel over all of a volume; arguments as for `functional.global_avg_pool`."""

    layout: str = "NDHWC"
    _rank = 3
    _function = staticmethod(global_avg_pool)


class GlobalMaxPool1d(_Global):
    """The maximum of each channel over all of a sequence; arguments as for `functional.global_max_pool`."""

    layout: str = "NWC"
    _rank = 1
    _function = staticmethod(global_max_pool)


class GlobalMaxPool2d(_Global):
    """The maximum of each channel over all of an image: (N, H, W, C) becomes (N, C).

    Args:
        keepdims: whether the spatial axes stay, of size 1.
        layout: "NHWC" or "NCHW".

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.GlobalMaxPool2d()({}, fnp.arange(16.0).reshape(4, 4, 1)).tolist()
    [15.0]
    """

    layout: str = "NHWC"
    _rank = 2
    _function = staticmethod(global_max_pool)


class GlobalMaxPool3d(_Global):
    """The maximum of each channel over all of a volume; arguments as for `functional.global_max_pool`."""

    layout: str = "NDHWC"
    _rank = 3
    _function = staticmethod(global_max_pool)
