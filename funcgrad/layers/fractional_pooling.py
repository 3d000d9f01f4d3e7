"""Max pooling with windows that lie at random. These layers have no parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from ..errors import OptionError
from ..functional import fractional_max_pool2d, fractional_max_pool3d
from ..functional.windows import Sizes
from .layer import Layer, Run
from .windows import check_windows

__all__ = ["FractionalMaxPool2d", "FractionalMaxPool3d"]


class _FractionalMaxPool(Layer):
    kernel_size: Sizes
    output_size: Sizes | None = None
    output_ratio: float | tuple[float, ...] | None = None
    return_indices: bool = False
    layout: str = ""

    _rank: ClassVar[int]
    _function: ClassVar[Callable[..., Any]]

    def __post_init__(self) -> None:
        check_windows(self, self._rank)
        if (self.output_size is None) == (self.output_ratio is None):
            raise OptionError(f"{type(self).__name__}: give either output_size or output_ratio")

    def forward(self, run: Run, x: Any, _random_samples: Any = None) -> Any:
        return type(self)._function(
            *(x, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, _random_samples),
            key=run.key if _random_samples is None else None,
            layout=self.layout,
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    """The maximum of each of so many windows that lie at random over an image, in training and out of it.

    Args:
        kernel_size: sizes of the window: an int, or one an axis.
        output_size: how many windows along each axis. Either this or
        output_ratio: how many, as a part of the axis, between 0 and 1.
        return_indices: whether to tell where the maxima are, too.
        layout: "NHWC" or "NCHW".

    It needs a key, `apply(params, state, x, key=key)`, unless `_random_samples` are given to it as to
    `functional.fractional_max_pool2d`.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.FractionalMaxPool2d(2, output_ratio=0.5)
    >>> y, _ = model.apply({}, None, fnp.arange(49.0).reshape(7, 7, 1), key=random.key(0))
    >>> y.shape, float(y[2, 2, 0])
    ((3, 3, 1), 48.0)
    """

    layout: str = "NHWC"
    _rank = 2
    _function = staticmethod(fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPool):
    """The maximum of each of so many windows that lie at random over a volume; as `FractionalMaxPool2d`."""

    layout: str = "NDHWC"
    _rank = 3
    _function = staticmethod(fractional_max_pool3d)
