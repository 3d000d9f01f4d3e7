"""First values of parameters: functions (key, shape, dtype) -> array, and the makers of such functions.

The names and conventions are those of `jax.nn.initializers`. Weights that map `fan_in` values to `fan_out` values keep
the size of activations, or of gradients, through a deep network if their variance is about 1 / fan_in, or
1 / fan_out. The last axis of a weight counts its outputs, the one before it its inputs, and any axes in front of those
are a window of a convolution: fan_in = window * inputs, fan_out = window * outputs.

    >>> from funcgrad import layers
    >>> layers.Linear(784, 10, weight_init=layers.initializers.glorot_uniform())
    Linear(784, 10, weight_init=VarianceScaling(scale=1.0, mode='fan_avg', distribution='uniform'))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from .. import random
from ..errors import OptionError, ShapeError
from ..numpy import creation
from .structured_initializers import delta_orthogonal, dirac, eye, orthogonal, sparse

__all__ = [
    "Initializer",
    "VarianceScaling",
    "calculate_gain",
    "constant",
    "delta_orthogonal",
    "dirac",
    "eye",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "sparse",
    "trunc_normal",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]

Initializer: TypeAlias = Callable[..., Any]
"""(key, shape, dtype=None) -> array; the default dtype where None."""

Mode: TypeAlias = Literal["fan_in", "fan_out", "fan_avg"]
Distribution: TypeAlias = Literal["uniform", "normal", "truncated_normal"]

_TRUNCATED = 0.87962566103423978
"""The standard deviation of normal values of variance 1 on condition that they lie in [-2, 2]."""


def zeros(key: Any, shape: Sequence[int], dtype: Any = None) -> Any:
    """All zeros."""
    return creation.zeros(tuple(shape), dtype=dtype)


def ones(key: Any, shape: Sequence[int], dtype: Any = None) -> Any:
    """All ones."""
    return creation.ones(tuple(shape), dtype=dtype)


@dataclass(frozen=True)
class _Constant:
    value: float

    def __call__(self, key: Any, shape: Sequence[int], dtype: Any = None) -> Any:
        return creation.full(tuple(shape), float(self.value), dtype=dtype)


@dataclass(frozen=True)
class _Normal:
    stddev: float

    def __call__(self, key: Any, shape: Sequence[int], dtype: Any = None) -> Any:
        return self.stddev * random.normal(key, tuple(shape), dtype)


@dataclass(frozen=True)
class _TruncatedNormal:
    mean: float
    stddev: float
    lower: float
    upper: float

    def __call__(self, key: Any, shape: Sequence[int], dtype: Any = None) -> Any:
        return self.stddev * random.truncated_normal(key, self.lower, self.upper, tuple(shape), dtype) + self.mean


@dataclass(frozen=True)
class _Uniform:
    low: float
    high: float

    def __call__(self, key: Any, shape: Sequence[int], dtype: Any = None) -> Any:
        return random.uniform(key, tuple(shape), dtype, self.low, self.high)


@dataclass(frozen=True)
class VarianceScaling:
    """Values of mean 0 and variance scale / fan; see `variance_scaling`."""

    scale: float
    mode: Mode
    distribution: Distribution

    def __call__(self, key: Any, shape: Sequence[int], dtype: Any = None) -> Any:
        fan_in, fan_out = fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        deviation = math.sqrt(self.scale / max(fan, 1))
        if self.distribution == "normal":
            return _Normal(deviation)(key, shape, dtype)
        if self.distribution == "truncated_normal":
            return _TruncatedNormal(0.0, deviation / _TRUNCATED, -2.0, 2.0)(key, shape, dtype)
        bound = math.sqrt(3) * deviation  # U(-r, r) has the variance r^2 / 3
        return _Uniform(-bound, bound)(key, shape, dtype)


def constant(value: float) -> Initializer:
    """All of one value."""
    return _Constant(value)


def normal(stddev: float = 0.01) -> Initializer:
    """Normal values of mean 0."""
    return _Normal(stddev)


def uniform(scale: float = 0.01, high: float | None = None) -> Initializer:
    """Uniform values in [0, scale), as in JAX; or with two bounds in [scale, high), as in PyTorch.

    >>> from funcgrad import layers, random
    >>> w = layers.initializers.uniform(-0.1, 0.1)(random.key(0), (1000,))
    >>> round(float(w.min()), 2), round(float(w.max()), 2)
    (-0.1, 0.1)
    """
    return _Uniform(0.0, scale) if high is None else _Uniform(scale, high)


def truncated_normal(stddev: float = 0.01, lower: float = -2.0, upper: float = 2.0) -> Initializer:
    """stddev times standard normal values on condition that those lie in [lower, upper], as in JAX.

    With the default bounds the standard deviation is 0.88 stddev.
    """
    return _TruncatedNormal(0.0, stddev, lower, upper)


def trunc_normal(mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0) -> Initializer:
    """Normal values of that mean and standard deviation on condition that they lie in [a, b], as in PyTorch."""
    return _TruncatedNormal(mean, std, (a - mean) / std, (b - mean) / std)


def variance_scaling(scale: float, mode: Mode, distribution: Distribution) -> Initializer:
    """Values of mean 0 and variance scale / fan.

    Args:
        scale: above 0.
        mode: what `fan` is: "fan_in", "fan_out", or "fan_avg", the mean of the two.
        distribution: "normal"; "truncated_normal", within two standard deviations, and divided by what that takes
            away; or "uniform" in [-r, r) with r = sqrt(3 scale / fan).

    Raises:
        OptionError: a mode or distribution of another name.
    """
    if mode not in get_args(Mode) or distribution not in get_args(Distribution):
        raise OptionError(
            f"variance_scaling: mode is one of {get_args(Mode)} and distribution of {get_args(Distribution)}, not "
            f"{mode!r} and {distribution!r}"
        )
    return VarianceScaling(scale, mode, distribution)


def lecun_normal() -> Initializer:
    """Normal, variance 1 / fan_in. Source: LeCun et al., Efficient BackProp, 1998, section 4.6."""
    return VarianceScaling(1.0, "fan_in", "normal")


def lecun_uniform() -> Initializer:
    """Uniform, variance 1 / fan_in. Source: as `lecun_normal`."""
    return VarianceScaling(1.0, "fan_in", "uniform")


def glorot_normal(gain: float = 1.0) -> Initializer:
    """Normal, variance 2 gain^2 / (fan_in + fan_out). Source: Glorot and Bengio, AISTATS 2010."""
    return VarianceScaling(float(gain) ** 2, "fan_avg", "normal")


def glorot_uniform(gain: float = 1.0) -> Initializer:
    """Uniform, variance 2 gain^2 / (fan_in + fan_out). Source: as `glorot_normal`."""
    return VarianceScaling(float(gain) ** 2, "fan_avg", "uniform")


def he_normal(a: float = 0.0, mode: Mode = "fan_in", nonlinearity: str = "leaky_relu") -> Initializer:
    """Normal, variance gain^2 / fan; by default 2 / ((1 + a^2) fan_in), for layers in front of a leaky relu.

    Args:
        a: its slope below 0.
        mode: what `fan` is, as for `variance_scaling`.
        nonlinearity: what `calculate_gain` makes the gain of.

    Raises:
        OptionError: a mode or nonlinearity of another name.

    Source: He et al., Delving Deep into Rectifiers, https://arxiv.org/abs/1502.01852, equation 15.
    """
    return variance_scaling(calculate_gain(nonlinearity, a) ** 2, mode, "normal")


def he_uniform(a: float = 0.0, mode: Mode = "fan_in", nonlinearity: str = "leaky_relu") -> Initializer:
    """Uniform, variance gain^2 / fan; a = sqrt(5) is PyTorch's default of linear maps and convolutions.

    Arguments and source are those of `he_normal`.
    """
    return variance_scaling(calculate_gain(nonlinearity, a) ** 2, mode, "uniform")


kaiming_normal, kaiming_uniform = he_normal, he_uniform
xavier_normal, xavier_uniform = glorot_normal, glorot_uniform
identity = eye

_GAINS = {
    **dict.fromkeys(("linear", "sigmoid", "conv1d", "conv2d", "conv3d"), 1.0),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1.0),
    "relu": math.sqrt(2.0),
    "selu": 0.75,
    "tanh": 5 / 3,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By what the deviation of weights is multiplied for the activation function behind them, as in PyTorch.

    1 for linear maps and "sigmoid", 5/3 for "tanh", sqrt(2) for "relu", sqrt(2 / (1 + a^2)) for "leaky_relu", 3/4 for
    "selu".

    Args:
        nonlinearity: its name.
        param: a, the slope below 0 of "leaky_relu", 0.01 where None; the others have none.

    Raises:
        OptionError: another name.

    >>> from funcgrad import layers
    >>> layers.initializers.calculate_gain("leaky_relu", 1.0)
    1.0
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2 / (1 + slope * slope))
    if nonlinearity not in _GAINS:
        raise OptionError(
            f"calculate_gain: nonlinearity must be one of 'leaky_relu', {', '.join(map(repr, _GAINS))}, not "
            f"{nonlinearity!r}"
        )
    return _GAINS[nonlinearity]


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """fan_in and fan_out of a weight of that shape.

    Raises:
        ShapeError: fewer than two axes.
    """
    if len(shape) < 2:
        raise ShapeError(f"a weight of shape {tuple(shape)} has no fan: its last two axes must be inputs and outputs")
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def weight_and_bias(
    key: Any,
    shape: Sequence[int],
    biases: int | Sequence[int],
    weight_init: Initializer | None,
    bias_init: Initializer | None,
    fan_in: int | None = None,
) -> dict[str, Any]:
    """The parameters of an affine layer, PyTorch's where no initializer is given: U(-r, r), r = 1 / sqrt(fan_in).

    Args:
        key: a random key.
        shape: of the weight.
        biases: how many there are, or their shape; none for 0.
        weight_init, bias_init: initializers or None.
        fan_in: how many inputs an output has, where the weight's shape does not say it.
    """
    weight_key, bias_key = random.split(key)
    bound = 1 / math.sqrt(max(fans(shape)[0] if fan_in is None else fan_in, 1))
    params = {"weight": (weight_init or _Uniform(-bound, bound))(weight_key, shape)}
    if biases:
        size = (biases,) if isinstance(biases, int) else tuple(biases)
        params["bias"] = (bias_init or _Uniform(-bound, bound))(bias_key, size)
    return params
