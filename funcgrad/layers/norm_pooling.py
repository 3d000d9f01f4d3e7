"""Pooling by p-norms. These layers have no parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ..functional import lp_pool1d, lp_pool2d, lp_pool3d
from ..functional.norm_pooling import check_norm
from ..functional.windows import Sizes
from .layer import Layer, Run
from .windows import check_windows

__all__ = ["LPPool1d", "LPPool2d", "LPPool3d"]


class _LPPool(Layer):
    norm_type: float
    kernel_size: Sizes
    stride: Sizes | None = None
    ceil_mode: bool = False
    layout: str = ""

    _rank: ClassVar[int]
    _function: ClassVar[Callable[..., Any]]

    def __post_init__(self) -> None:
        check_norm(type(self).__name__, self.norm_type)
        check_windows(self, self._rank)

    def forward(self, run: Run, x: Any) -> Any:
        return type(self)._function(x, self.norm_type, self.kernel_size, self.stride, self.ceil_mode, self.layout)


class LPPool1d(_LPPool):
    """The root of the sum of powers of each window of a sequence; arguments as for `functional.lp_pool1d`."""

    layout: str = "NWC"
    _rank = 1
    _function = staticmethod(lp_pool1d)


class LPPool2d(_LPPool):
    """The root of the sum of powers of each window of an image: (sum of x^p)^(1/p).

    Args:
        norm_type: p, above 0.
        kernel_size, stride, ceil_mode: as for `functional.lp_pool2d`.
        layout: "NHWC" or "NCHW".

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.LPPool2d(2, (1, 2))({}, fnp.asarray([[3.0, 4.0], [5.0, 12.0]])[..., None])[..., 0].tolist()
    [[5.0], [13.0]]
    """

    layout: str = "NHWC"
    _rank = 2
    _function = staticmethod(lp_pool2d)


class LPPool3d(_LPPool):
    """The root of the sum of powers of each window of a volume; arguments as for `functional.lp_pool3d`."""

    layout: str = "NDHWC"
    _rank = 3
    _function = staticmethod(lp_pool3d)
