"""Layers that rearrange values."""

from __future__ import annotations

import math
import operator
from typing import Any

from ..errors import AxisError, ShapeError
from ..numpy.creation import asarray
from ..numpy.manipulation import moveaxis
from .layer import Layer, Run

__all__ = ["Flatten", "Unflatten"]


class Flatten(Layer):
    """Several neighbouring axes as one.

    Args:
        start_axis: the first of them; by default 1, after the batch.
        end_axis: the last of them.
        channels_first: whether the last of them, the channels of an image in NHWC, goes in front of the others first.
            So the values come in PyTorch's order, and the weights of a Linear that follows are those of PyTorch's.

    An input without a batch, as under `vmap`, is flattened by Flatten(0).

    Raises:
        AxisError: when applied: the input has no such axes.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.Flatten()({}, fnp.ones((100, 12, 12, 64))).shape
    (100, 9216)
    >>> image = fnp.asarray([[[1, 10], [2, 20]]])
    >>> layers.Flatten(0)({}, image).tolist(), layers.Flatten(0, channels_first=True)({}, image).tolist()
    ([1, 10, 2, 20], [1, 2, 10, 20])
    """

    start_axis: int = 1
    end_axis: int = -1
    channels_first: bool = False

    def forward(self, run: Run, x: Any) -> Any:
        x = asarray(x)
        n = x.ndim
        start, end = (a + n if a < 0 else a for a in (self.start_axis, self.end_axis))
        if not 0 <= start <= end < n:
            raise AxisError(f"no axes from {self.start_axis} to {self.end_axis} in an input of shape {x.shape}")
        if self.channels_first:
            x = moveaxis(x, end, start)
        shape = x.shape
        return x.reshape((*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


class Unflatten(Layer):
    """One axis as several, the inverse of `Flatten`.

    Args:
        axis: which; PyTorch's dim.
        unflattened_size: the sizes of the axes that it becomes; one of them may be -1, for what is left.
        channels_first: whether the values have the last of these axes, the channels of an image in NHWC, in front of
            the others, as in PyTorch: then it is moved to the end.

    Raises:
        ShapeError: there is more than one -1; when applied: the sizes do not make up the axis.
        AxisError: when applied: the input has no such axis.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.Unflatten(-1, (12, 12, 64))({}, fnp.ones((100, 9216))).shape
    (100, 12, 12, 64)
    """

    axis: int
    unflattened_size: tuple[int, ...]
    channels_first: bool = False

    def __post_init__(self) -> None:
        sizes = self.unflattened_size
        try:
            fits = isinstance(sizes, tuple) and all(operator.index(k) >= -1 for k in sizes) and sizes.count(-1) < 2
        except TypeError:
            fits = False
        if not fits or not sizes:
            raise ShapeError(f"Unflatten: unflattened_size must be sizes, one of which may be -1, not {sizes!r}")

    def forward(self, run: Run, x: Any) -> Any:
        x = asarray(x)
        axis, sizes = self.axis + x.ndim if self.axis < 0 else self.axis, self.unflattened_size
        if not 0 <= axis < x.ndim:
            raise AxisError(f"no axis {self.axis} in an input of shape {x.shape}")
        known = math.prod(k for k in sizes if k != -1)
        if -1 in sizes and known and not x.shape[axis] % known:
            sizes = tuple(x.shape[axis] // known if k == -1 else k for k in sizes)
        if math.prod(sizes) != x.shape[axis] or -1 in sizes:
            raise ShapeError(f"expected {self.unflattened_size} to make up axis {self.axis}, got {x.shape}")
        if not self.channels_first:
            return x.reshape((*x.shape[:axis], *sizes, *x.shape[axis + 1 :]))
        x = x.reshape((*x.shape[:axis], sizes[-1], *sizes[:-1], *x.shape[axis + 1 :]))
        return moveaxis(x, axis, axis + len(sizes) - 1)
