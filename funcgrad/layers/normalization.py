"""Normalisation: over the batch with running statistics, and over the features of each example."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ..dtypes import NARROW, WIDE
from ..errors import OptionError, ShapeError
from ..functional import batch_norm, layer_norm
from ..numpy.creation import ones, zeros
from ..ops.create import to_inexact
from .layer import Layer, Run
from .torch_entry import TorchEntry

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "LayerNorm"]


class _BatchNorm(Layer):
    num_features: int
    eps: float = 1e-5
    momentum: float | None = 0.1
    affine: bool = True
    track_running_stats: bool = True
    layout: str = ""

    _layouts: ClassVar[tuple[str, str]]

    def __post_init__(self) -> None:
        if self.layout not in self._layouts:
            last, first = self._layouts
            raise OptionError(f"{type(self).__name__}: layout must be {last!r} or {first!r}, not {self.layout!r}")

    def parameters(self, key: Any) -> dict[str, Any]:
        return {"weight": ones(self.num_features), "bias": zeros(self.num_features)} if self.affine else {}

    def state(self) -> dict[str, Any]:
        if not self.track_running_stats:
            return {}
        running = {"mean": zeros(self.num_features), "var": ones(self.num_features)}
        return running if self.momentum is not None else running | {"count": zeros(())}

    def torch_layout(self) -> dict[str, TorchEntry]:
        names = {"mean": "running_mean", "var": "running_var", "count": "num_batches_tracked"}
        return {ours: TorchEntry(name) for ours, name in names.items()}

    def forward(self, run: Run, x: Any) -> Any:
        given = to_inexact(x)
        x = given.astype(WIDE) if given.dtype in NARROW else given  # means of 8 bits would tell little
        axis = self._channel_axis(x.shape)
        if run.train or not self.track_running_stats:
            mean, var = self._statistics(run, x, axis)
        else:
            mean, var = run.state["mean"], run.state["var"]
        weight, bias = (run.weight, run.bias) if self.affine else (None, None)
        out = batch_norm(x, mean, var, weight, bias, axis=axis, eps=self.eps)
        return out if x is given else out.astype(given.dtype if weight is None else weight.dtype)

    def _statistics(self, run: Run, x: Any, axis: int) -> tuple[Any, Any]:
        """Mean and variance of each channel in the batch, noted in the running ones."""
        axes = tuple(a for a in range(x.ndim) if a != axis)
        n = math.prod(x.shape[a] for a in axes)
        if run.train and n < 2:
            raise ShapeError(f"training needs more than one value in each channel, got {x.shape}")
        mean, var = x.mean(axes), x.var(axes)
        if run.train and self.track_running_stats:
            old, new = run.state, {}
            rate: Any = self.momentum
            if rate is None:
                new["count"] = old["count"] + 1
                rate = 1 / new["count"]
            new["mean"] = old["mean"] + rate * (mean - old["mean"])
            new["var"] = old["var"] + rate * (var * (n / (n - 1)) - old["var"])
            run.update(**{name: value.astype(old[name].dtype) for name, value in new.items()})
        return mean, var

    def _channel_axis(self, shape: tuple[int, ...]) -> int:
        rank, ndim = len(self.layout) - 2, len(shape)
        # with one spatial axis (N, C) is a batch of features in either layout, and (C,) one example of it
        batched = ndim == rank + 2 or (rank == 1 and ndim == 2)
        fits = batched or ndim == rank + 1 or (rank == 1 and ndim == 1)
        axis = ndim - 1 if self.layout == self._layouts[0] else int(batched)
        if not fits or shape[axis] != self.num_features:
            sizes = ", ".join(str(self.num_features) if c == "C" else c for c in self.layout)
            more = f" or (N, {self.num_features})" if rank == 1 else ""
            raise ShapeError(f"expected ({sizes}){more}, with or without N, got {shape}")
        return axis


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of features, (N, C), or of sequences; arguments as for `BatchNorm2d`.

    Args:
        layout: of sequences: "NWC" or "NCW".

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.BatchNorm1d(1, momentum=0.5)
    >>> params, state = model.init(random.key(0))
    >>> y, state = model.apply(params, state, fnp.asarray([[1.0], [3.0]]), train=True)
    >>> y.round(3).tolist(), state["mean"].tolist(), state["var"].tolist()
    ([[-1.0], [1.0]], [1.0], [1.5])
    """

    layout: str = "NWC"
    _layouts = ("NWC", "NCW")


class BatchNorm2d(_BatchNorm):
    """Each channel minus its mean, divided by its standard deviation, over the batch and the pixels.

        y = (x - mean) / sqrt(var + eps) * weight + bias

    While training, mean and variance (of n values, divided by n) are the batch's, and the running ones move towards
    them, running <- (1 - momentum) running + momentum new, the new variance being divided by n - 1. Otherwise mean and
    variance are the running ones. All as in PyTorch.

    Args:
        num_features: number of channels C.
        eps: added to the variance.
        momentum: the weight of the new batch; None for the plain mean over all batches.
        affine: whether there are a weight and a bias.
        track_running_stats: whether there are running statistics; without them the batch's are used always.
        layout: "NHWC" or "NCHW".

    Parameters:
        weight, bias: (C,), at first 1 and 0.

    State:
        mean, var: (C,), at first 0 and 1. With momentum None also count, the number of batches.

    Shapes:
        (N, H, W, C) -> (N, H, W, C), with or without N; or as the layout says.

    Raises:
        ShapeError: when applied: the input has other channels; in training: one value a channel.
        LayerError: when applied: there are running statistics and no state was passed.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.Sequential(layers.Conv2d(1, 4, 3), layers.BatchNorm2d(4), layers.relu)
    >>> params, state = model.init(random.key(0))
    >>> y, state = model.apply(params, state, fnp.ones((2, 8, 8, 1)), train=True)
    >>> y.shape, state[1]["mean"].shape
    ((2, 6, 6, 4), (4,))

    Source: Ioffe and Szegedy, Batch Normalization, https://arxiv.org/abs/1502.03167.
    """

    layout: str = "NHWC"
    _layouts = ("NHWC", "NCHW")


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes; arguments as for `BatchNorm2d`.

    Args:
        layout: "NDHWC" or "NCDHW".
    """

    layout: str = "NDHWC"
    _layouts = ("NDHWC", "NCDHW")


class LayerNorm(Layer):
    """Each example's last axes minus their mean, divided by their standard deviation.

        y = (x - mean) / sqrt(var + eps) * weight + bias

    Args:
        normalized_shape: sizes of the last axes: an int for one, or a tuple.
        eps: added to the variance.
        elementwise_affine: whether there are a weight and a bias.
        bias: whether there is a bias beside the weight.

    Parameters:
        weight, bias: normalized_shape, at first 1 and 0.

    Shapes:
        (..., *normalized_shape) -> (..., *normalized_shape)

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.LayerNorm(2, elementwise_affine=False)({}, fnp.asarray([[1.0, 3.0], [10.0, 50.0]])).round(3)
    Array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)

    Source: Ba, Kiros and Hinton, Layer Normalization, https://arxiv.org/abs/1607.06450.
    """

    normalized_shape: int | tuple[int, ...]
    eps: float = 1e-5
    elementwise_affine: bool = True
    bias: bool = True

    def parameters(self, key: Any) -> dict[str, Any]:
        if not self.elementwise_affine:
            return {}
        return {"weight": ones(self._shape())} | ({"bias": zeros(self._shape())} if self.bias else {})

    def forward(self, run: Run, x: Any) -> Any:
        x, shape = to_inexact(x), self._shape()
        if x.shape[-len(shape) :] != shape:
            raise ShapeError(f"expected last sizes {shape}, got {x.shape}")
        weight = run.weight if self.elementwise_affine else None
        bias = run.bias if self.elementwise_affine and self.bias else None
        return layer_norm(x, weight, bias, axis=tuple(range(-len(shape), 0)), eps=self.eps)

    def _shape(self) -> tuple[int, ...]:
        return self.normalized_shape if isinstance(self.normalized_shape, tuple) else (self.normalized_shape,)
