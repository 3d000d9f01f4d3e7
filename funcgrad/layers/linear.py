"""The affine map."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from ..functional import linear
from ..numpy.creation import asarray
from .initializers import Initializer, weight_and_bias
from .layer import Layer, Run
from .torch_entry import TorchEntry

__all__ = ["Linear"]


class Linear(Layer):
    """An affine map of the last axis, y = x W + b.

    Args:
        in_features: size of the input's last axis.
        out_features: size of the output's last axis.
        bias: whether there is a b.
        weight_init: for W; by default U(-r, r) with r = 1 / sqrt(in_features), as in PyTorch.
        bias_init: for b; by default U(-r, r) with the same r.

    Parameters:
        weight: (in_features, out_features), the transpose of PyTorch's.
        bias: (out_features,)

    Shapes:
        (..., in_features) -> (..., out_features)

    >>> from funcgrad import layers, numpy as fnp
    >>> params = {"weight": fnp.asarray([[1.0, 2.0], [3.0, 4.0]]), "bias": fnp.asarray([10.0, 20.0])}
    >>> layers.Linear(2, 2)(params, fnp.asarray([1.0, 1.0]))
    Array([14., 26.], dtype=float32)
    """

    in_features: int
    out_features: int
    bias: bool = True
    weight_init: Initializer | None = None
    bias_init: Initializer | None = None

    def parameters(self, key: Any) -> dict[str, Any]:
        shape = (self.in_features, self.out_features)
        return weight_and_bias(key, shape, self.out_features if self.bias else 0, self.weight_init, self.bias_init)

    def torch_layout(self) -> dict[str, TorchEntry]:
        return {"weight": TorchEntry(axes=(1, 0))}

    def forward(self, run: Run, x: Any) -> Any:
        x = asarray(x)
        shape = x.shape
        if not shape or shape[-1] != self.in_features:
            raise ShapeError(f"expected last size {self.in_features}, got {shape}")
        return linear(x, run.weight, run.bias if self.bias else None)
