"""Layers that rearrange values."""

from __future__ import annotations

from typing import Any

from ..errors import AxisError
from ..numpy.creation import asarray
from .layer import Layer, Run

__all__ = ["Flatten"]


class Flatten(Layer):
    """Several neighbouring axes as one.

    Args:
        start_axis: the first of them; by default 1, after the batch.
        end_axis: the last of them.

    An input without a batch, as under `vmap`, is flattened by Flatten(0). With the channels last the values come in
    another order than in PyTorch, where the channels are first: rows of a Linear after it must be reordered when
    weights are taken from there.

    Raises:
        AxisError: when applied: the input has no such axes.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.Flatten()({}, fnp.ones((100, 12, 12, 64))).shape
    (100, 9216)
    """

    start_axis: int = 1
    end_axis: int = -1

    def forward(self, run: Run, x: Any) -> Any:
        x = asarray(x)
        n = x.ndim
        start, end = (a + n if a < 0 else a for a in (self.start_axis, self.end_axis))
        if not 0 <= start <= end < n:
            raise AxisError(f"no axes from {self.start_axis} to {self.end_axis} in an input of shape {x.shape}")
        shape, size = x.shape, 1
        for k in shape[start : end + 1]:
            size *= k
        return x.reshape((*shape[:start], size, *shape[end + 1 :]))
