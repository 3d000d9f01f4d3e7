"""Activation functions as layers, for fields and for those that have settings; `functional` says what they compute."""

from __future__ import annotations

from typing import Any

from ..functional import elu, gelu, leaky_relu, relu, sigmoid, silu, softmax, softplus, tanh
from .layer import Layer, Run

__all__ = ["ELU", "GELU", "LeakyReLU", "ReLU", "SiLU", "Sigmoid", "Softmax", "Softplus", "Tanh"]
__all__ += ["gelu", "relu", "sigmoid", "silu", "softmax", "tanh"]  # the plain functions, for `Sequential`


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
        approximate: by tanh, which is faster. PyTorch's GELU() is GELU(approximate=False).
    """

    approximate: bool = True

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
    """log(1 + exp(x)): `functional.softplus`."""

    def forward(self, run: Run, x: Any) -> Any:
        return softplus(x)


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
