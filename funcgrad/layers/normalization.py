"""Normalisation whose statistics are followed over the batches: of each channel, in the batch or in each example."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any, ClassVar

from ..dtypes import NARROW, WIDE
from ..errors import ShapeError
from ..functional import batch_norm, instance_norm
from ..functional.layouts import LAYOUTS_BY_RANK, channel_axis, check_layout, other_layout
from ..numpy.creation import ones, zeros
from ..ops.create import to_inexact
from ..transforms.collectives import axis_size, pmean
from ..transforms.vmap import vmap
from .example_normalization import scale_and_shift
from .layer import Layer, Run
from .torch_entry import TorchEntry

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"]


class _RunningNorm(Layer):
    """What normalisation by statistics that are also followed over the batches has in common."""

    num_features: int
    eps: float = 1e-5
    momentum: float | None = 0.1
    affine: bool = True
    track_running_stats: bool = True
    layout: str = ""
    bias: bool = True

    _layouts: ClassVar[tuple[str, str]]

    def __post_init__(self) -> None:
        check_layout(type(self).__name__, self.layout, self._layouts)

    def parameters(self, key: Any) -> dict[str, Any]:
        return scale_and_shift(self.num_features, self.affine, self.bias)

    def state(self) -> dict[str, Any]:
        if not self.track_running_stats:
            return {}
        running = {"mean": zeros(self.num_features), "var": ones(self.num_features)}
        return running if self.momentum is not None else running | {"count": zeros((), "int64")}

    def torch_layout(self) -> dict[str, TorchEntry]:
        names = {"mean": "running_mean", "var": "running_var", "count": "num_batches_tracked"}
        return {ours: TorchEntry(name) for ours, name in names.items()}

    def forward(self, run: Run, x: Any) -> Any:
        given = to_inexact(x)
        x = given.astype(WIDE) if given.dtype in NARROW else given  # means of 8 bits would tell little
        weight, bias = run.weight if self.affine else None, run.bias if self.affine and self.bias else None
        out = self._normalized(run, x, weight, bias)
        return out if x is given else out.astype(given.dtype if weight is None else weight.dtype)

    def _normalized(self, run: Run, x: Any, weight: Any, bias: Any) -> Any:
        raise NotImplementedError

    def _follow(self, run: Run, mean: Any, var: Any, n: int) -> None:
        """Move the running statistics towards those of a batch, of n values each."""
        old, new = run.state, {}
        rate: Any = self.momentum
        if rate is None:
            new["count"] = old["count"] + 1
            rate = 1 / new["count"].astype(mean.dtype)
        new["mean"] = old["mean"] + rate * (mean - old["mean"])
        new["var"] = old["var"] + rate * (var * (n / (n - 1)) - old["var"])
        run.update(**{name: value.astype(old[name].dtype) for name, value in new.items()})


class _BatchNorm(_RunningNorm):
    axis_name: Hashable = None

    def _normalized(self, run: Run, x: Any, weight: Any, bias: Any) -> Any:
        axis = self._channel_axis(x.shape)
        if run.train or not self.track_running_stats:
            mean, var = self._statistics(run, x, axis)
        else:
            mean, var = run.state["mean"], run.state["var"]
        return batch_norm(x, mean, var, weight, bias, axis=axis, eps=self.eps)

    def _statistics(self, run: Run, x: Any, axis: int) -> tuple[Any, Any]:
        """Mean and variance of each channel in the batch, noted in the running ones."""
        axes = tuple(a for a in range(x.ndim) if a != axis)
        n = math.prod(x.shape[a] for a in axes)
        if self.axis_name is None:
            mean, var = x.mean(axes), x.var(axes)
        else:
            n *= axis_size(self.axis_name)
            mean = pmean(x.mean(axes, keepdims=True), self.axis_name)
            var = pmean(((x - mean) ** 2).mean(axes), self.axis_name)  # squares of deviations from the mean of all
            mean = mean.reshape(self.num_features)
        if run.train and n < 2:
            raise ShapeError(f"training needs more than one value in each channel, got {x.shape}")
        if run.train and self.track_running_stats:
            self._follow(run, mean, var, n)
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
            hint = other_layout(shape, self.layout, self.num_features)
            raise ShapeError(f"expected ({sizes}){more}, with or without N, got {shape}{hint}")
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
    _layouts = LAYOUTS_BY_RANK[1]


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
        affine: whether there are a weight and a bias; with bias=False a weight alone.
        track_running_stats: whether there are running statistics; without them the batch's are used always.
        layout: "NHWC" or "NCHW".
        axis_name: of a `vmap`, or a tuple of such names, whose examples are one batch together with the input's own
            (PyTorch's SyncBatchNorm): statistics are theirs, and the running ones come out the same for all.

    Parameters:
        weight, bias: (C,), at first 1 and 0.

    State:
        mean, var: (C,), at first 0 and 1. With momentum None also count, the number of batches, int64.

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

    A function of one example, batched by `vmap`:

    >>> import funcgrad as fg
    >>> norm = layers.BatchNorm1d(1, momentum=0.5, axis_name="batch")
    >>> f = lambda x: norm.apply(*norm.init(random.key(0)), x, train=True)
    >>> y, state = fg.vmap(f, axis_name="batch", out_axes=(0, None))(fnp.asarray([[1.0], [3.0]]))
    >>> y.round(3).tolist(), state["mean"].tolist()
    ([[-1.0], [1.0]], [1.0])

    Source: Ioffe and Szegedy, Batch Normalization, https://arxiv.org/abs/1502.03167.
    """

    layout: str = "NHWC"
    _layouts = LAYOUTS_BY_RANK[2]


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes; arguments as for `BatchNorm2d`.

    Args:
        layout: "NDHWC" or "NCDHW".
    """

    layout: str = "NDHWC"
    _layouts = LAYOUTS_BY_RANK[3]


class _InstanceNorm(_RunningNorm):
    affine: bool = False
    track_running_stats: bool = False

    def _normalized(self, run: Run, x: Any, weight: Any, bias: Any) -> Any:
        axis = channel_axis("", x.shape, self.layout, self.num_features)
        if self.track_running_stats and not run.train:
            return batch_norm(x, run.state["mean"], run.state["var"], weight, bias, axis=axis, eps=self.eps)
        alone = x.ndim < len(self.layout)
        if alone:
            x, axis = x[None], axis + 1
        spatial = tuple(a for a in range(1, x.ndim) if a != axis)
        n = math.prod(x.shape[a] for a in spatial)
        if n < 2:
            raise ShapeError(f"statistics need more than one value in each channel of an example, got {x.shape}")
        if not self.track_running_stats:
            out = instance_norm(x, weight, bias, self.eps, axis)
        else:
            mean, var = x.mean(spatial), x.var(spatial)
            self._follow(run, mean.mean(0), var.mean(0), n)
            out = vmap(lambda x, mean, var: batch_norm(x, mean, var, weight, bias, axis - 1, self.eps))(x, mean, var)
        return out[0] if alone else out


class InstanceNorm1d(_InstanceNorm):
    """Normalisation of each channel of each sequence; arguments as for `InstanceNorm2d`.

    Args:
        layout: "NWC" or "NCW".

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.InstanceNorm1d(1)({}, fnp.asarray([[1.0], [3.0]])).round(3)
    Array([[-1.],
           [ 1.]], dtype=float32)
    """

    layout: str = "NWC"
    _layouts = LAYOUTS_BY_RANK[1]


class InstanceNorm2d(_InstanceNorm):
    """Each channel of each image minus its mean, divided by its standard deviation: `functional.instance_norm`.

    With track_running_stats the means of the examples' statistics are followed as `BatchNorm2d` follows the batch's,
    and are what normalises outside of training.

    Args:
        num_features: number of channels C.
        eps: added to the variance.
        momentum: the weight of the new batch; None for the plain mean over all batches.
        affine: whether there are a weight and a bias; with bias=False a weight alone.
        track_running_stats: whether there are running statistics.
        layout: "NHWC" or "NCHW".

    Parameters, State: as for `BatchNorm2d`.

    Shapes:
        (N, H, W, C) -> (N, H, W, C), with or without N; or as the layout says.

    Raises:
        ShapeError: when applied: the input has other channels, or one pixel an image.
        LayerError: when applied: there are running statistics and no state was passed.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.InstanceNorm2d(1)({}, fnp.asarray([[[1.0], [3.0]]])).round(3).tolist()
    [[[-1.0], [1.0]]]

    Source: Ulyanov, Vedaldi and Lempitsky, Instance Normalization, https://arxiv.org/abs/1607.08022.
    """

    layout: str = "NHWC"
    _layouts = LAYOUTS_BY_RANK[2]


class InstanceNorm3d(_InstanceNorm):
    """Normalisation of each channel of each volume; arguments as for `InstanceNorm2d`.

    Args:
        layout: "NDHWC" or "NCDHW".
    """

    layout: str = "NDHWC"
    _layouts = LAYOUTS_BY_RANK[3]
