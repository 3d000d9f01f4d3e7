"""Patches of images as vectors, and images from patches. These layers have no parameters."""

from __future__ import annotations

from typing import Any

from ..functional import fold, unfold
from ..functional.layouts import layout_rank
from ..functional.windows import Padding, Sizes
from .layer import Layer, Run
from .windows import check_windows

__all__ = ["Fold", "Unfold"]


class Unfold(Layer):
    """The patches that a window sees as it moves over images, each as a vector, as `functional.unfold`.

    Args:
        kernel_size, dilation, padding, stride: as for `functional.unfold`.
        layout: "NHWC" or "NCHW"; for one or three spatial axes "NWC", "NCW", "NDHWC" or "NCDHW".

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.Unfold(2)({}, fnp.arange(6.0).reshape(2, 3, 1)).tolist()
    [[0.0, 1.0, 3.0, 4.0], [1.0, 2.0, 4.0, 5.0]]
    """

    kernel_size: Sizes
    dilation: Sizes = 1
    padding: Padding = 0
    stride: Sizes = 1
    layout: str = "NHWC"

    def __post_init__(self) -> None:
        check_windows(self, layout_rank("Unfold", self.layout))

    def forward(self, run: Run, x: Any) -> Any:
        padding: Any = self.padding
        return unfold(x, self.kernel_size, self.dilation, padding, self.stride, self.layout)


class Fold(Layer):
    """Images from patches, which are added where they overlap, as `functional.fold`.

    Args:
        output_size, kernel_size, dilation, padding, stride: as for `functional.fold`.
        layout: "NHWC" or "NCHW"; for one or three spatial axes "NWC", "NCW", "NDHWC" or "NCDHW".

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.Fold((2, 3), 2)({}, fnp.ones((2, 4)))[..., 0].tolist()
    [[1.0, 2.0, 1.0], [1.0, 2.0, 1.0]]
    """

    output_size: Sizes
    kernel_size: Sizes
    dilation: Sizes = 1
    padding: Padding = 0
    stride: Sizes = 1
    layout: str = "NHWC"

    def __post_init__(self) -> None:
        check_windows(self, layout_rank("Fold", self.layout))

    def forward(self, run: Run, x: Any) -> Any:
        padding: Any = self.padding
        return fold(x, self.output_size, self.kernel_size, self.dilation, padding, self.stride, self.layout)
