"""Images of other sizes. These layers have no parameters."""

from __future__ import annotations

from typing import Any

from ..functional import interpolate
from ..functional.resizing import checked_resizing
from .layer import Layer, Run

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]

Size = int | tuple[int, ...] | None
Scale = float | tuple[float, ...] | None


class Upsample(Layer):
    """Images resized to other spatial sizes, larger or smaller.

    Args:
        size: the sizes of the result: an int, or one an axis. Either this or
        scale_factor: how many times as large: a number, or one an axis.
        mode, align_corners, recompute_scale_factor: as for `functional.interpolate`.
        layout: "NHWC" or "NCHW"; for one or three spatial axes "NWC", "NCW", "NDHWC" or "NCDHW".

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.Upsample(scale_factor=2)({}, fnp.asarray([[1.0, 2.0]])[..., None])[..., 0]
    Array([[1., 1., 2., 2.],
           [1., 1., 2., 2.]], dtype=float32)
    """

    size: Size = None
    scale_factor: Scale = None
    mode: str = "nearest"
    align_corners: bool | None = None
    recompute_scale_factor: bool | None = None
    layout: str = "NHWC"

    def __post_init__(self) -> None:
        options = self.align_corners, self.recompute_scale_factor, False
        checked_resizing(type(self).__name__, self.mode, self.layout, self.size, self.scale_factor, *options)

    def forward(self, run: Run, x: Any) -> Any:
        options = self.mode, self.align_corners, self.recompute_scale_factor
        return interpolate(x, self.size, self.scale_factor, *options, layout=self.layout)


class UpsamplingNearest2d(Layer):
    """Images resized by taking the nearest pixels: `Upsample` with mode="nearest".

    Args:
        size, scale_factor, layout: as for `Upsample`.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.UpsamplingNearest2d(size=(1, 4))({}, fnp.asarray([[1.0, 2.0]])[..., None])[..., 0].tolist()
    [[1.0, 1.0, 2.0, 2.0]]
    """

    size: Size = None
    scale_factor: Scale = None
    layout: str = "NHWC"

    def __post_init__(self) -> None:
        checked_resizing(type(self).__name__, "nearest", self.layout, self.size, self.scale_factor)

    def forward(self, run: Run, x: Any) -> Any:
        return interpolate(x, self.size, self.scale_factor, "nearest", layout=self.layout)


class UpsamplingBilinear2d(Layer):
    """Images resized by bilinear interpolation: `Upsample` with mode="bilinear" and align_corners=True.

    Args:
        size, scale_factor, layout: as for `Upsample`.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.UpsamplingBilinear2d(size=(1, 3))({}, fnp.asarray([[1.0, 2.0]])[..., None])[..., 0].tolist()
    [[1.0, 1.5, 2.0]]
    """

    size: Size = None
    scale_factor: Scale = None
    layout: str = "NHWC"

    def __post_init__(self) -> None:
        checked_resizing(type(self).__name__, "bilinear", self.layout, self.size, self.scale_factor, True)

    def forward(self, run: Run, x: Any) -> Any:
        return interpolate(x, self.size, self.scale_factor, "bilinear", True, layout=self.layout)
