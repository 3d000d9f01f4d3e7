"""Networks that work on the last axis: affine maps with activations between them, and gated ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from ..errors import OptionError
from ..functional import gelu, relu, silu
from .dropout import Dropout
from .initializers import Initializer
from .layer import Layer, Run
from .linear import Linear

__all__ = ["GEGLU", "MLP", "SwiGLU"]


class MLP(Layer):
    """Affine maps of the last axis, with an activation between each two of them.

    Args:
        sizes: of the input, of each hidden layer, and of the output.
        activation: a function of an array, or a layer without parameters, after all maps but the last.
        last_activation: after the last map, or None.
        dropout: the rate of dropout after each activation but the last, while training.
        bias: whether the maps have biases.
        weight_init: for the weights; as in `Linear` where None.

    Parameters:
        layers: those of a `Linear` for each map.

    Shapes:
        (..., sizes[0]) -> (..., sizes[-1])

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.MLP((3, 8, 8, 1))
    >>> params, _ = model.init(random.key(0))
    >>> model(params, fnp.ones((5, 3))).shape
    (5, 1)
    """

    sizes: tuple[int, ...]
    activation: Callable[..., Any] = relu
    last_activation: Callable[..., Any] | None = None
    dropout: float = 0.0
    bias: bool = True
    weight_init: Initializer | None = None
    layers: tuple[Layer, ...] = dataclasses.field(init=False)
    dropouts: tuple[Layer, ...] = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.sizes, tuple) or len(self.sizes) < 2:
            raise OptionError(
                "MLP: sizes are those of the input, hidden layers and the output, as MLP([784, 128, 10]), not "
                f"{self.sizes}"
            )
        pairs = zip(self.sizes[:-1], self.sizes[1:], strict=True)
        self.layers = tuple(Linear(n, m, self.bias, self.weight_init) for n, m in pairs)
        self.dropouts = (Dropout(self.dropout),) * (len(self.layers) - 1)

    def forward(self, run: Run, x: Any) -> Any:
        *hidden, last = run.layers
        for linear, dropout in zip(hidden, run.dropouts, strict=True):
            x = dropout(run.activation(linear(x)))
        x = last(x)
        return x if run.last_activation is None else run.last_activation(x)


class _Gated(Layer):
    in_features: int
    hidden_features: int
    out_features: int | None = None
    bias: bool = False
    gate_proj: Layer = dataclasses.field(init=False)
    up_proj: Layer = dataclasses.field(init=False)
    down_proj: Layer = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        size = self.in_features if self.out_features is None else self.out_features
        self.gate_proj, self.up_proj = (Linear(self.in_features, self.hidden_features, self.bias) for _ in range(2))
        self.down_proj = Linear(self.hidden_features, size, self.bias)

    def forward(self, run: Run, x: Any) -> Any:
        return run.down_proj(self._activation(run.gate_proj(x)) * run.up_proj(x))

    def _activation(self, x: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no activation")


class SwiGLU(_Gated):
    """A network on the last axis whose hidden layer is a product: y = (silu(x W_gate) * x W_up) W_down.

    Args:
        in_features: size of the input's last axis.
        hidden_features: of the hidden layer; two thirds of what a network without a gate has are as many parameters.
        out_features: of the output; in_features where None.
        bias: whether the three maps have biases.

    Parameters:
        gate_proj, up_proj, down_proj: those of a `Linear`, by the names that Llama has.

    Shapes:
        (..., in_features) -> (..., out_features)

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.SwiGLU(4, 8)
    >>> params, _ = model.init(random.key(0))
    >>> model(params, fnp.ones((5, 4))).shape
    (5, 4)

    Source: N. Shazeer, GLU variants improve transformer, 2020.
    """

    def _activation(self, x: Any) -> Any:
        return silu(x)


class GEGLU(_Gated):
    """A network on the last axis whose hidden layer is a product: y = (gelu(x W_gate) * x W_up) W_down.

    Args:
        in_features, hidden_features, out_features, bias: as for `SwiGLU`.
        approximate: whether gelu is the one by tanh, as in T5.

    Parameters:
        gate_proj, up_proj, down_proj: those of a `Linear`.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.GEGLU(4, 8)
    >>> params, _ = model.init(random.key(0))
    >>> model(params, fnp.ones((5, 4))).shape
    (5, 4)

    Source: N. Shazeer, GLU variants improve transformer, 2020.
    """

    approximate: bool = True

    def _activation(self, x: Any) -> Any:
        return gelu(x, approximate=self.approximate)
