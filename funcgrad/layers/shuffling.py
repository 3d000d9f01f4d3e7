"""Channels that become space and back, and channels in another order. These layers have no parameters."""

from __future__ import annotations

from typing import Any

from ..functional import channel_shuffle, pixel_shuffle, pixel_unshuffle
from ..functional.layouts import is_channels_last, layout_rank
from ..functional.options import check_count
from .layer import Layer, Run

__all__ = ["ChannelShuffle", "PixelShuffle", "PixelUnshuffle"]


class PixelShuffle(Layer):
    """Each r x r channels as r x r pixels, as `functional.pixel_shuffle`.

    Args:
        upscale_factor: r.
        layout: "NHWC" or "NCHW".

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.PixelShuffle(2)({}, fnp.arange(4.0).reshape(1, 1, 4))[..., 0].tolist()
    [[0.0, 1.0], [2.0, 3.0]]
    """

    upscale_factor: int
    layout: str = "NHWC"

    def __post_init__(self) -> None:
        check_count("PixelShuffle", "upscale_factor", self.upscale_factor)
        is_channels_last("PixelShuffle", self.layout, 2)

    def forward(self, run: Run, x: Any) -> Any:
        return pixel_shuffle(x, self.upscale_factor, self.layout)


class PixelUnshuffle(Layer):
    """Each r x r pixels as r x r channels, as `functional.pixel_unshuffle`.

    Args:
        downscale_factor: r.
        layout: "NHWC" or "NCHW".

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.PixelUnshuffle(2)({}, fnp.arange(4.0).reshape(2, 2, 1)).tolist()
    [[[0.0, 1.0, 2.0, 3.0]]]
    """

    downscale_factor: int
    layout: str = "NHWC"

    def __post_init__(self) -> None:
        check_count("PixelUnshuffle", "downscale_factor", self.downscale_factor)
        is_channels_last("PixelUnshuffle", self.layout, 2)

    def forward(self, run: Run, x: Any) -> Any:
        return pixel_unshuffle(x, self.downscale_factor, self.layout)


class ChannelShuffle(Layer):
    """The channels of all groups in turn, as `functional.channel_shuffle`.

    Args:
        groups: into how many runs of channels they are divided.
        layout: "NHWC" or "NCHW"; for one or three spatial axes "NWC", "NCW", "NDHWC" or "NCDHW".

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.ChannelShuffle(2)({}, fnp.arange(4.0).reshape(1, 1, 4)).ravel().tolist()
    [0.0, 2.0, 1.0, 3.0]
    """

    groups: int
    layout: str = "NHWC"

    def __post_init__(self) -> None:
        check_count("ChannelShuffle", "groups", self.groups)
        layout_rank("ChannelShuffle", self.layout)

    def forward(self, run: Run, x: Any) -> Any:
        return channel_shuffle(x, self.groups, self.layout)
