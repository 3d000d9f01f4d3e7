"""Layers around another one that compute one of its parameters: weight norm, spectral norm, weight standardisation.

They go around any layer that has a parameter of that name:

    layers.WeightNorm(layers.Conv2d(3, 8, 3))
    layers.SpectralNorm(layers.Linear(8, 1))
    layers.WeightNorm(layers.LSTM(8, 16), name="weight_hh_l0")

State dicts are those of `torch.nn.utils.parametrizations`; those of the older `torch.nn.utils.weight_norm` and
`spectral_norm` are read too.
"""

from __future__ import annotations

from typing import Any

from .. import random
from ..errors import LayerError
from ..functional import layer_norm, normalize, weight_norm
from ..functional.normalization import lengths
from ..functional.options import check_count
from ..ops.elementwise import stop_gradient
from .convolution import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .layer import Layer, Run
from .nesting import label, tag
from .torch_entry import TorchEntry

__all__ = ["SpectralNorm", "WeightNorm", "WeightStandardization"]

# iterations before the first use, after which the vectors are near the singular ones, as in PyTorch
_FIRST_ITERATIONS = 15


class _Around(Layer):
    layer: Layer
    name: str = "weight"

    def __post_init__(self) -> None:
        if not isinstance(self.layer, Layer):
            raise LayerError(f"{type(self).__name__}: the first argument is a layer, not {self.layer!r:.60}")

    def torch_layout(self) -> dict[str, TorchEntry]:
        return {"layer": TorchEntry("")}

    def forward(self, run: Run, *inputs: Any, **options: Any) -> Any:
        return run.layer.override(**{self.name: self._weight(run)})(*inputs, **options)

    def _weight(self, run: Run) -> Any:
        raise NotImplementedError

    def _without_weight(self, params: Any) -> tuple[dict[str, Any], Any]:
        """The inner layer's first params without the parameter, and the parameter."""
        if not isinstance(params, dict) or self.name not in params:
            raise LayerError(f"{type(self).__name__}: {label(self.layer)} has no parameter {self.name!r}")
        return {name: x for name, x in params.items() if name != self.name}, params[self.name]

    def _entry(self) -> TorchEntry:
        """How PyTorch holds the inner layer's parameter."""
        entry = self.layer.torch_layout().get(self.name, TorchEntry())
        return TorchEntry(entry.name or self.name, entry.axes)

    def _axis(self, dim: int) -> int:
        """The axis here that is axis `dim` of PyTorch's array."""
        axes = self._entry().axes
        return dim if axes is None else axes[dim]

    def _outputs(self) -> int:
        """The axis of the weight that counts outputs."""
        return self._axis(int(isinstance(self.layer, ConvTranspose1d | ConvTranspose2d | ConvTranspose3d)))


class WeightNorm(_Around):
    """A layer whose weight is a direction times a length for each output: w = g v / |v|.

    Args:
        layer: the layer whose parameter it is.
        name: of the parameter.
        axis: of the weight as it is here, along which lengths are counted. By default what is the first axis of
            PyTorch's array: the outputs of linear maps and convolutions, the inputs of transposed convolutions.

    Parameters:
        weight_g: the lengths, of the weight's shape but for sizes of 1, at first those of the layer's first weight.
        weight_v: the directions, of the weight's shape, at first the layer's first weight.
        layer: the other parameters of the layer.

    Raises:
        LayerError: in init: the layer has no such parameter.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.WeightNorm(layers.Linear(2, 3))
    >>> params, _ = model.init(random.key(0))
    >>> {name: x.shape for name, x in params.items() if name != "layer"}, list(params["layer"])
    ({'weight_g': (1, 3), 'weight_v': (2, 3)}, ['bias'])
    >>> model(params, fnp.ones((4, 2))).shape
    (4, 3)

    Source: Salimans and Kingma, Weight Normalization, https://arxiv.org/abs/1602.07868.
    """

    axis: int | None = None

    def init(self, key: Any) -> tuple[Any, Any]:
        params, state = super().init(key)
        inner, weight = self._without_weight(params["layer"])
        own = {f"{self.name}_g": lengths(weight, self._lengths()), f"{self.name}_v": weight}
        return {**own, "layer": inner}, state

    def torch_layout(self) -> dict[str, TorchEntry]:
        entry = self._entry()
        own = {f"{self.name}_g": "original0", f"{self.name}_v": "original1"}
        return super().torch_layout() | {
            ours: TorchEntry(f"parametrizations.{entry.name}.{theirs}", entry.axes, older=f"{entry.name}_{ours[-1]}")
            for ours, theirs in own.items()
        }

    def _weight(self, run: Run) -> Any:
        v, g = getattr(run, f"{self.name}_v"), getattr(run, f"{self.name}_g")
        return weight_norm(v, g, self._lengths())

    def _lengths(self) -> int:
        return self._axis(0) if self.axis is None else self.axis


class SpectralNorm(_Around):
    """A layer whose weight is divided by its largest singular value, so that as a linear map it lengthens nothing.

        w = W / sigma, sigma = u^T W v

    While training u and v take a step of the power iteration, u <- W v / |W v|, v <- W^T u / |W^T u|, which brings them
    near the singular vectors over the steps. Derivatives take u and v for constants, of which they are 0 at the
    singular vectors.

    Args:
        layer: the layer whose parameter it is.
        name: of the parameter.
        n_power_iterations: how many such steps there are in one application.
        eps: the least length that is divided by.
        axis: of the weight as it is here, which counts the rows of the matrix W; all others are its columns. By default
            the outputs of linear maps and convolutions.

    Parameters:
        weight_orig: W, at first the layer's first weight.
        layer: the other parameters of the layer.

    State:
        weight_u, weight_v: (rows,) and (columns,), the columns in the order of PyTorch's array; at first after 15 steps
        from random numbers.
        layer: the state of the layer.

    Raises:
        LayerError: in init: the layer has no such parameter; when applied: no state was passed.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.SpectralNorm(layers.Linear(3, 3, bias=False))
    >>> params, state = model.init(random.key(0))
    >>> for step in range(30):
    ...     w, state = model.apply(params, state, fnp.eye(3), train=True)
    >>> fnp.linalg.svdvals(w)[0].round(4)
    Array(1., dtype=float32)

    Source: Miyato et al., Spectral Normalization for Generative Adversarial Networks, https://arxiv.org/abs/1802.05957.
    """

    n_power_iterations: int = 1
    eps: float = 1e-12
    axis: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("SpectralNorm", "n_power_iterations", self.n_power_iterations)

    def init(self, key: Any) -> tuple[Any, Any]:
        params, state = super().init(key)
        inner, weight = self._without_weight(params["layer"])
        matrix = self._matrix(weight)
        start = random.normal(random.fold_in(key, tag(f"{self.name}_v")), matrix.shape[1:], matrix.dtype)
        u, v = self._step(matrix, start, _FIRST_ITERATIONS)
        vectors = {f"{self.name}_u": u, f"{self.name}_v": v}
        return {f"{self.name}_orig": weight, "layer": inner}, {**vectors, **state}

    def torch_layout(self) -> dict[str, TorchEntry]:
        entry = self._entry()
        place = f"parametrizations.{entry.name}"
        return super().torch_layout() | {
            f"{self.name}_orig": TorchEntry(f"{place}.original", entry.axes, older=f"{entry.name}_orig"),
            f"{self.name}_u": TorchEntry(f"{place}.0._u", older=f"{entry.name}_u"),
            f"{self.name}_v": TorchEntry(f"{place}.0._v", older=f"{entry.name}_v"),
        }

    def _weight(self, run: Run) -> Any:
        weight = getattr(run, f"{self.name}_orig")
        matrix = self._matrix(weight)
        names = f"{self.name}_u", f"{self.name}_v"
        u, v = (run.state[name] for name in names)
        if run.train:
            u, v = self._step(stop_gradient(matrix), v, self.n_power_iterations)
            run.update(**dict(zip(names, (u, v), strict=True)))
        return weight / (u @ (matrix @ v))

    def _step(self, matrix: Any, v: Any, count: int) -> tuple[Any, Any]:
        u = None
        for _ in range(count):
            u = normalize(matrix @ v, eps=self.eps)
            v = normalize(u @ matrix, eps=self.eps)
        return u, v

    def _matrix(self, weight: Any) -> Any:
        """The weight as (rows, columns), with PyTorch's order of the columns."""
        rows = self._outputs() if self.axis is None else self.axis % weight.ndim
        order = self._entry().axes or range(weight.ndim)
        return weight.transpose((rows, *[a for a in order if a != rows])).reshape((weight.shape[rows], -1))


class WeightStandardization(_Around):
    """A layer whose weight has mean 0 and variance 1 in each output: w = (W - mean) / sqrt(var + eps).

    Args:
        layer: the layer whose parameter it is.
        name: of the parameter.
        axis: of the weight as it is here, which counts the outputs; by default that of linear maps and convolutions.
        eps: added to the variance.

    Parameters:
        layer: those of the layer, its weight W among them.

    >>> from funcgrad import layers, numpy as fnp
    >>> model = layers.WeightStandardization(layers.Linear(2, 1, bias=False), eps=0.0)
    >>> model({"layer": {"weight": fnp.asarray([[1.0], [3.0]])}}, fnp.eye(2)).tolist()
    [[-1.0], [1.0]]

    Source: Qiao et al., Micro-Batch Training with Batch-Channel Normalization and Weight Standardization,
    https://arxiv.org/abs/1903.10520.
    """

    axis: int | None = None
    eps: float = 1e-5

    def _weight(self, run: Run) -> Any:
        weight = getattr(run.layer, self.name)
        axis = self._outputs() if self.axis is None else self.axis % weight.ndim
        return layer_norm(weight, axis=tuple(a for a in range(weight.ndim) if a != axis), eps=self.eps)
