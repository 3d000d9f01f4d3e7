"""Affine maps: of the last axis, of several axes at once, of two inputs."""

from __future__ import annotations

import math
from typing import Any

from ..errors import OptionError, ShapeError
from ..functional import bilinear, linear
from ..numpy.creation import asarray
from ..numpy.linear_algebra import einsum, tensordot
from .initializers import Initializer, weight_and_bias
from .layer import Layer, Run
from .torch_entry import TorchEntry

__all__ = ["Bilinear", "Einsum", "Linear", "LinearGeneral"]


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
        check_last_size(x, self.in_features)
        return linear(x, run.weight, run.bias if self.bias else None)


def check_last_size(x: Any, size: int) -> None:
    """Refuse an array whose last axis has not that size."""
    if x.shape[-1:] != (size,):
        raise ShapeError(f"expected last size {size}, got {x.shape}")


class Bilinear(Layer):
    """A bilinear map of two inputs, y[k] = b[k] + sum over i and j of x1[i] W[i, j, k] x2[j].

    Args:
        in1_features, in2_features: sizes of the inputs' last axes.
        out_features: size of the output's last axis.
        bias: whether there is a b.
        weight_init: for W; by default U(-r, r) with r = 1 / sqrt(in1_features), as in PyTorch.
        bias_init: for b; by default U(-r, r) with the same r.

    Parameters:
        weight: (in1_features, in2_features, out_features): PyTorch's with its first axis last.
        bias: (out_features,)

    Shapes:
        (..., in1_features), (..., in2_features) -> (..., out_features)

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.Bilinear(3, 4, 2)
    >>> model(model.init(random.key(0))[0], fnp.ones((5, 3)), fnp.ones((5, 4))).shape
    (5, 2)
    """

    in1_features: int
    in2_features: int
    out_features: int
    bias: bool = True
    weight_init: Initializer | None = None
    bias_init: Initializer | None = None

    def parameters(self, key: Any) -> dict[str, Any]:
        shape = (self.in1_features, self.in2_features, self.out_features)
        biases = self.out_features if self.bias else 0
        return weight_and_bias(key, shape, biases, self.weight_init, self.bias_init, fan_in=self.in1_features)

    def torch_layout(self) -> dict[str, TorchEntry]:
        return {"weight": TorchEntry(axes=(2, 0, 1))}

    def forward(self, run: Run, x1: Any, x2: Any) -> Any:
        x1, x2 = asarray(x1), asarray(x2)
        sizes = (self.in1_features, self.in2_features)
        if not x1.ndim or not x2.ndim or (x1.shape[-1], x2.shape[-1]) != sizes:
            raise ShapeError(f"expected last sizes {sizes[0]} and {sizes[1]}, got {x1.shape} and {x2.shape}")
        return bilinear(x1, x2, run.weight, run.bias if self.bias else None)


class LinearGeneral(Layer):
    """An affine map of several axes at once, to several axes.

    Args:
        in_features: sizes of the axes that are mapped: an int or a tuple.
        out_features: sizes of the axes that they become, behind those that stay: an int or a tuple.
        axis: which axes are mapped, in the order of in_features; by default the last ones.
        bias: whether something is added.
        weight_init: for the weight, which it sees as the matrix of all inputs and all outputs; by default U(-r, r) with
            r = 1 / sqrt(number of inputs), as in `Linear`.
        bias_init: for the bias; by default U(-r, r) with the same r.

    Parameters:
        weight: (*in_features, *out_features)
        bias: out_features

    Raises:
        ShapeError: axis are not as many as in_features; when applied: the input has not those sizes.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> heads = layers.LinearGeneral(64, (8, 16))                  # 64 features to 8 heads of 16
    >>> heads(heads.init(random.key(0))[0], fnp.ones((5, 10, 64))).shape
    (5, 10, 8, 16)
    >>> joined = layers.LinearGeneral((8, 16), 64)
    >>> joined(joined.init(random.key(0))[0], fnp.ones((5, 10, 8, 16))).shape
    (5, 10, 64)
    """

    in_features: int | tuple[int, ...]
    out_features: int | tuple[int, ...]
    axis: int | tuple[int, ...] | None = None
    bias: bool = True
    weight_init: Initializer | None = None
    bias_init: Initializer | None = None

    def __post_init__(self) -> None:
        count = len(_tuple(self.in_features))
        if self.axis is not None and len(set(_tuple(self.axis))) != count:
            raise ShapeError(f"LinearGeneral: axis must be {count} different axes, one for each of in_features")

    def parameters(self, key: Any) -> dict[str, Any]:
        inputs, outputs = _tuple(self.in_features), _tuple(self.out_features)
        matrix = (math.prod(inputs), math.prod(outputs))
        params = weight_and_bias(key, matrix, matrix[1] if self.bias else 0, self.weight_init, self.bias_init)
        shapes = {"weight": inputs + outputs, "bias": outputs}
        return {name: p.reshape(shapes[name]) for name, p in params.items()}

    def forward(self, run: Run, x: Any) -> Any:
        x, sizes = asarray(x), _tuple(self.in_features)
        axes = tuple(range(-len(sizes), 0)) if self.axis is None else _tuple(self.axis)
        if any(not -x.ndim <= a < x.ndim for a in axes) or tuple(x.shape[a] for a in axes) != sizes:
            raise ShapeError(f"expected sizes {sizes} at axes {axes}, got {x.shape}")
        out: Any = tensordot(x, run.weight, (axes, tuple(range(len(sizes)))))
        return out + run.bias if self.bias else out


class Einsum(Layer):
    """A learned weight and the input in one of Einstein's sums.

    Args:
        equation: of the input and the weight, such as "...d,dhk->...hk"; `numpy.einsum` says how they are written.
        shape: of the weight.
        bias: whether something is added: a number for each index of the output that is one of the weight.
        weight_init: for the weight; by default U(-r, r) with r = 1 / sqrt(fan_in), where fan_in is the product of the
            sizes of the weight's axes that are summed over.
        bias_init: for the bias; by default U(-r, r) with the same r.

    Parameters:
        weight: shape
        bias: the sizes of the weight's axes that are in the output, in the output's order.

    Raises:
        OptionError: the equation is not of that form.
        ShapeError: the weight's shape has not the equation's number of axes; when applied: sizes do not fit.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.Einsum("...td,dhk->...htk", (64, 8, 16))
    >>> params, _ = model.init(random.key(0))
    >>> params["bias"].shape, model(params, fnp.ones((5, 10, 64))).shape
    ((8, 16), (5, 8, 10, 16))
    """

    equation: str
    shape: tuple[int, ...]
    bias: bool = True
    weight_init: Initializer | None = None
    bias_init: Initializer | None = None

    def __post_init__(self) -> None:
        _, kernel, out = self._terms()
        if not kernel.isalpha() or len(set(kernel)) != len(kernel):
            raise OptionError(f"Einsum: the weight's indices must be different letters, not {kernel!r}")
        if not isinstance(self.shape, tuple) or len(kernel) != len(self.shape):
            raise ShapeError(f"Einsum: the weight {kernel!r} has {len(kernel)} axes, and shape is {self.shape!r}")
        if self.bias and "..." in out and not out.startswith("..."):
            raise OptionError("Einsum: with a bias '...' stands in front of the output's indices")
        if self.bias and not set(kernel) & set(out):
            raise OptionError(f"Einsum: no index of the weight is in {out!r}, so there is no bias: bias=False")

    def _terms(self) -> tuple[str, str, str]:
        """The indices of the input, of the weight and of the output."""
        left, arrow, out = self.equation.replace(" ", "").partition("->")
        operands = left.split(",")
        if not arrow or len(operands) != 2:
            raise OptionError(f"Einsum: equation must be 'input,weight->output', not {self.equation!r}")
        return operands[0], operands[1], out

    def _sizes(self) -> dict[str, int]:
        """Those of the weight's indices."""
        return dict(zip(self._terms()[1], self.shape, strict=True))

    def parameters(self, key: Any) -> dict[str, Any]:
        sizes, out = self._sizes(), self._terms()[2]
        biases = tuple(sizes[i] for i in out if i in sizes) if self.bias else 0
        fan_in = math.prod(n for i, n in sizes.items() if i not in out)
        return weight_and_bias(key, self.shape, biases, self.weight_init, self.bias_init, fan_in)

    def forward(self, run: Run, x: Any) -> Any:
        out: Any = einsum(self.equation, x, run.weight)
        if not self.bias:
            return out
        sizes = self._sizes()
        return out + run.bias.reshape([sizes.get(i, 1) for i in self._terms()[2].replace("...", "")])


def _tuple(sizes: int | tuple[int, ...]) -> tuple[int, ...]:
    return sizes if isinstance(sizes, tuple) else (sizes,)
