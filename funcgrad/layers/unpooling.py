"""The way back from max pooling. These layers have no parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ..functional import max_unpool1d, max_unpool2d, max_unpool3d
from ..functional.windows import Sizes, per_axis
from .layer import Layer, Run
from .windows import check_windows

__all__ = ["MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"]


class _MaxUnpool(Layer):
    kernel_size: Sizes
    stride: Sizes | None = None
    padding: Sizes = 0
    layout: str = ""

    _rank: ClassVar[int]
    _function: ClassVar[Callable[..., Any]]

    def __post_init__(self) -> None:
        check_windows(self, self._rank)
        per_axis(type(self).__name__, "padding", self.padding, self._rank, least=0)

    def forward(self, run: Run, x: Any, indices: Any, output_size: Sizes | None = None) -> Any:
        moves = self.kernel_size, self.stride, self.padding
        return type(self)._function(x, indices, *moves, output_size, self.layout)


class MaxUnpool1d(_MaxUnpool):
    """Values put back where they were the maximum of their window; as `functional.max_unpool1d`."""

    layout: str = "NWC"
    _rank = 1
    _function = staticmethod(max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """Values put back where they were the maximum of their window, in images of zeros.

    Args:
        kernel_size, stride, padding: what `MaxPool2d` was given.
        layout: "NHWC" or "NCHW".

    It is applied to what `MaxPool2d(..., return_indices=True)` returns, `run.unpool(x, indices)`, and takes
    `output_size` as `functional.max_unpool2d` does.

    >>> from funcgrad import layers, numpy as fnp
    >>> pooled = layers.MaxPool2d(2, return_indices=True)({}, fnp.arange(4.0).reshape(2, 2, 1))
    >>> layers.MaxUnpool2d(2)({}, *pooled)[..., 0].tolist()
    [[0.0, 0.0], [0.0, 3.0]]
    """

    layout: str = "NHWC"
    _rank = 2
    _function = staticmethod(max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """Values put back where they were the maximum of their window; as `functional.max_unpool3d`."""

    layout: str = "NDHWC"
    _rank = 3
    _function = staticmethod(max_unpool3d)
