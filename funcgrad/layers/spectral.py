"""Convolution by the spectrum of its window, of one to three dimensions."""

from __future__ import annotations

from typing import Any, ClassVar

from .. import random
from ..errors import ShapeError
from ..functional import spectral_conv
from ..functional.layouts import is_channels_last
from ..functional.windows import per_axis
from .layer import Layer, Run

__all__ = ["SpectralConv1d", "SpectralConv2d", "SpectralConv3d"]


class _SpectralConv(Layer):
    in_channels: int
    out_channels: int
    modes: int | tuple[int, ...]
    layout: str = ""

    _rank: ClassVar[int]

    def __post_init__(self) -> None:
        name = type(self).__name__
        per_axis(name, "modes", self.modes, self._rank)
        is_channels_last(name, self.layout, self._rank)
        if min(self.in_channels, self.out_channels) < 1:
            raise ShapeError(f"{name}: there must be channels, not {self.in_channels} in and {self.out_channels} out")

    def parameters(self, key: Any) -> dict[str, Any]:
        *others, last = per_axis(type(self).__name__, "modes", self.modes, self._rank)
        shape = (*(2 * m for m in others), last, self.in_channels, self.out_channels, 2)
        return {"weight": random.uniform(key, shape) * (1 / (self.in_channels * self.out_channels))}

    def forward(self, run: Run, x: Any) -> Any:
        return spectral_conv(x, run.weight, self.layout)


class SpectralConv1d(_SpectralConv):
    """The lowest frequencies of sequences mixed by learned matrices; arguments as for `SpectralConv2d`.

    Parameters:
        weight: (modes, in_channels, out_channels, 2)

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.SpectralConv1d(3, 5, modes=2)
    >>> model(model.init(random.key(0))[0], fnp.ones((9, 3))).shape
    (9, 5)
    """

    layout: str = "NWC"
    _rank = 1


class SpectralConv2d(_SpectralConv):
    """The lowest frequencies of images mixed by learned matrices; the maths stands at `functional.spectral_conv`.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        modes: how many frequencies are kept along each axis, of each sign: an int, or one an axis.
        layout: "NHWC" or "NCHW".

    Parameters:
        weight: (2 modes, modes, in_channels, out_channels, 2), real and imaginary parts; first values are
            U(0, 1 / (in_channels out_channels)).

    Shapes:
        (N, H, W, in_channels) -> (N, H, W, out_channels), with or without N; or as the layout says.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.SpectralConv2d(3, 5, modes=4)
    >>> params, _ = model.init(random.key(0))
    >>> model(params, fnp.ones((8, 9, 3))).shape, model(params, fnp.ones((64, 64, 3))).shape
    ((8, 9, 5), (64, 64, 5))

    Source: Z. Li and others, Fourier neural operator for parametric partial differential equations, 2021.
    """

    layout: str = "NHWC"
    _rank = 2


class SpectralConv3d(_SpectralConv):
    """The lowest frequencies of volumes mixed by learned matrices; arguments as for `SpectralConv2d`.

    Parameters:
        weight: (2 modes, 2 modes, modes, in_channels, out_channels, 2)

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.SpectralConv3d(3, 5, modes=2)
    >>> model(model.init(random.key(0))[0], fnp.ones((4, 5, 6, 3))).shape
    (4, 5, 6, 5)
    """

    layout: str = "NDHWC"
    _rank = 3
