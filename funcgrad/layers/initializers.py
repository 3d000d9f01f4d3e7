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

__all__ = [
    "Initializer",
    "VarianceScaling",
    "constant",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]

Initializer: TypeAlias = Callable[..., Any]
"""(key, shape, dtype=None) -> array; the default dtype where None."""

Mode: TypeAlias = Literal["fan_in", "fan_out", "fan_avg"]
Distribution: TypeAlias = Literal["uniform", "normal"]


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
        bound = math.sqrt(3) * deviation  # U(-r, r) has the variance r^2 / 3
        return _Uniform(-bound, bound)(key, shape, dtype)


def constant(value: float) -> Initializer:
    """All of one value."""
    return _Constant(value)


def normal(stddev: float = 0.01) -> Initializer:
    """Normal values of mean 0."""
    return _Normal(stddev)


def uniform(scale: float = 0.01) -> Initializer:
    """Uniform values in [0, scale), as in JAX; see `kaiming_uniform` and its like for what is centred at 0."""
    return _Uniform(0.0, scale)


def variance_scaling(scale: float, mode: Mode, distribution: Distribution) -> Initializer:
    """Values of mean 0 and variance scale / fan.

    Args:
        scale: above 0.
        mode: what `fan` is: "fan_in", "fan_out", or "fan_avg", the mean of the two.
        distribution: "normal", or "uniform" in [-r, r) with r = sqrt(3 scale / fan).

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


def glorot_normal() -> Initializer:
    """Normal, variance 2 / (fan_in + fan_out). Source: Glorot and Bengio, AISTATS 2010."""
    return VarianceScaling(1.0, "fan_avg", "normal")


def glorot_uniform() -> Initializer:
    """Uniform, variance 2 / (fan_in + fan_out). Source: as `glorot_normal`."""
    return VarianceScaling(1.0, "fan_avg", "uniform")


def he_normal(a: float = 0.0) -> Initializer:
    """Normal, variance 2 / ((1 + a^2) fan_in), for layers in front of a leaky relu of negative slope a.

    Source: He et al., Delving Deep into Rectifiers, https://arxiv.org/abs/1502.01852, equation 15.
    """
    return VarianceScaling(2 / (1 + a * a), "fan_in", "normal")


def he_uniform(a: float = 0.0) -> Initializer:
    """Uniform, variance 2 / ((1 + a^2) fan_in); a = sqrt(5) is PyTorch's default. Source: as `he_normal`."""
    return VarianceScaling(2 / (1 + a * a), "fan_in", "uniform")


kaiming_normal, kaiming_uniform = he_normal, he_uniform
xavier_normal, xavier_uniform = glorot_normal, glorot_uniform


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
    key: Any, shape: Sequence[int], biases: int, weight_init: Initializer | None, bias_init: Initializer | None
) -> dict[str, Any]:
    """The parameters of an affine layer, PyTorch's where no initializer is given: U(-r, r), r = 1 / sqrt(fan_in).

    Args:
        key: a random key.
        shape: of the weight.
        biases: how many there are; none for 0.
        weight_init, bias_init: initializers or None.
    """
    weight_key, bias_key = random.split(key)
    params = {"weight": (weight_init or he_uniform(math.sqrt(5)))(weight_key, shape)}
    if biases:
        bound = 1 / math.sqrt(max(fans(shape)[0], 1))
        params["bias"] = (bias_init or _Uniform(-bound, bound))(bias_key, (biases,))
    return params
