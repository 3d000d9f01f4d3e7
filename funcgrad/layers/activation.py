"""Activation functions as layers, for fields and for those that have settings; `functional` says what they compute."""

from __future__ import annotations

from typing import Any

from ..functional import (
    celu,
    elu,
    gelu,
    glu,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    quick_gelu,
    relu,
    selu,
    sigmoid,
    silu,
    softmax,
    softmin,
    softplus,
    softsign,
    squareplus,
    tanh,
    tanhshrink,
)
from ..functional.layouts import LAYOUTS_BY_RANK, channel_axis, check_layout
from ..numpy.creation import asarray
from .layer import Layer, Run

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "QuickGELU",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softsign",
    "Squareplus",
    "Tanh",
    "Tanhshrink",
]
# the plain functions, for `Sequential`
__all__ += ["gelu", "log_softmax", "mish", "quick_gelu", "relu", "selu", "sigmoid", "silu", "softmax", "tanh"]


class ReLU(Layer):
    """max(x, 0): `functional.relu`.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.ReLU()({}, fnp.asarray([-1.0, 2.0]))
    Array([0., 2.], dtype=float32)
    """

    def forward(self, run: Run, x: Any) -> Any:
        return relu(x)


class LeakyReLU(Layer):
    """x above 0, negative_slope * x below: `functional.leaky_relu`."""

    negative_slope: float = 0.01

    def forward(self, run: Run, x: Any) -> Any:
        return leaky_relu(x, self.negative_slope)


class ELU(Layer):
    """x above 0, alpha * (exp(x) - 1) below: `functional.elu`."""

    alpha: float = 1.0

    def forward(self, run: Run, x: Any) -> Any:
        return elu(x, self.alpha)


class GELU(Layer):
    """x times the normal distribution function of x: `functional.gelu`.

    Args:
        approximate: True or "tanh" for the approximation by tanh, which is faster and what `functional.gelu` does by
            default; False or "none", as PyTorch's layer has it by default, for the function itself.

    >>> from funcgrad import layers
    >>> round(float(layers.GELU()({}, 1.0)), 4), round(float(layers.GELU("tanh")({}, 1.0)), 4)
    (0.8413, 0.8412)
    """

    approximate: bool | str = "none"

    def __post_init__(self) -> None:
        gelu(0.0, self.approximate)  # a wrong word shall not wait for the first call

    def forward(self, run: Run, x: Any) -> Any:
        return gelu(x, approximate=self.approximate)


class SiLU(Layer):
    """x sigmoid(x), also called swish: `functional.silu`."""

    def forward(self, run: Run, x: Any) -> Any:
        return silu(x)


class Sigmoid(Layer):
    """1 / (1 + exp(-x)): `functional.sigmoid`."""

    def forward(self, run: Run, x: Any) -> Any:
        return sigmoid(x)


class Softplus(Layer):
    """log(1 + exp(beta x)) / beta: `functional.softplus`.

    Args:
        beta: how sharp the bend at 0 is.
        threshold: x itself where beta x is above it: 20 in PyTorch, by default never.
    """

    beta: float = 1.0
    threshold: float | None = None

    def forward(self, run: Run, x: Any) -> Any:
        return softplus(x, self.beta, self.threshold)


class Tanh(Layer):
    """The hyperbolic tangent: `functional.tanh`."""

    def forward(self, run: Run, x: Any) -> Any:
        return tanh(x)


class Softmax(Layer):
    """exp(x) / sum(exp(x)) along an axis: `functional.softmax`.

    Args:
        axis: the axis that sums to 1; PyTorch's dim.
    """

    axis: int = -1

    def forward(self, run: Run, x: Any) -> Any:
        return softmax(x, self.axis)


class LogSoftmax(Layer):
    """log(softmax(x)) along an axis: `functional.log_softmax`.

    Args:
        axis: the axis whose exponentials sum to 1; PyTorch's dim.
    """

    axis: int = -1

    def forward(self, run: Run, x: Any) -> Any:
        return log_softmax(x, self.axis)


class Softmin(Layer):
    """softmax(-x) along an axis: `functional.softmin`.

    Args:
        axis: the axis that sums to 1; PyTorch's dim.
    """

    axis: int = -1

    def forward(self, run: Run, x: Any) -> Any:
        return softmin(x, self.axis)


class Softmax2d(Layer):
    """`functional.softmax` over the channels of every pixel.

    Args:
        layout: "NHWC" or "NCHW"; with or without N.

    Raises:
        ShapeError: when applied: the input is no image.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.Softmax2d()({}, fnp.zeros((1, 1, 4))).tolist()
    [[[0.25, 0.25, 0.25, 0.25]]]
    """

    layout: str = "NHWC"

    def __post_init__(self) -> None:
        check_layout("Softmax2d", self.layout, LAYOUTS_BY_RANK[2])

    def forward(self, run: Run, x: Any) -> Any:
        x = asarray(x)
        return softmax(x, channel_axis("", x.shape, self.layout))


class LogSigmoid(Layer):
    """log(sigmoid(x)): `functional.log_sigmoid`."""

    def forward(self, run: Run, x: Any) -> Any:
        return log_sigmoid(x)


class CELU(Layer):
    """x above 0, alpha * (exp(x / alpha) - 1) below: `functional.celu`.

    Raises:
        OptionError: alpha is 0.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        celu(0.0, self.alpha)

    def forward(self, run: Run, x: Any) -> Any:
        return celu(x, self.alpha)


class SELU(Layer):
    """The `elu` that keeps mean 0 and variance 1: `functional.selu`."""

    def forward(self, run: Run, x: Any) -> Any:
        return selu(x)


class Mish(Layer):
    """x tanh(softplus(x)): `functional.mish`."""

    def forward(self, run: Run, x: Any) -> Any:
        return mish(x)


class QuickGELU(Layer):
    """x sigmoid(1.702 x): `functional.quick_gelu`."""

    def forward(self, run: Run, x: Any) -> Any:
        return quick_gelu(x)


class Softsign(Layer):
    """x / (1 + |x|): `functional.softsign`."""

    def forward(self, run: Run, x: Any) -> Any:
        return softsign(x)


class Squareplus(Layer):
    """(x + sqrt(x^2 + b)) / 2: `functional.squareplus`."""

    b: float = 4.0

    def forward(self, run: Run, x: Any) -> Any:
        return squareplus(x, self.b)


class Tanhshrink(Layer):
    """x - tanh(x): `functional.tanhshrink`."""

    def forward(self, run: Run, x: Any) -> Any:
        return tanhshrink(x)


class GLU(Layer):
    """a sigmoid(b), with the two halves of an axis: `functional.glu`.

    Args:
        axis: which axis to halve; PyTorch's dim.
    """

    axis: int = -1

    def forward(self, run: Run, x: Any) -> Any:
        return glu(x, self.axis)
