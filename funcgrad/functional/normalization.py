"""Normalisation: values minus their mean, divided by their standard deviation.

Variances are means of squared deviations. The difference mean(x^2) - mean(x)^2 loses everything where the mean is
large beside the deviation: in float32 it makes the variance of 10000, 10001, 10002 zero.
"""

from __future__ import annotations

from typing import Any

from ..core import Array
from ..errors import ShapeError
from ..numpy.elementwise import sqrt
from ..ops.create import to_inexact
from ..ops.precision import widened
from ..ops.shape import normalize_axes, normalize_axis

__all__ = ["batch_norm", "layer_norm"]


@widened
def batch_norm(
    x: Any,
    mean: Any,
    var: Any,
    weight: Any = None,
    bias: Any = None,
    axis: int = -1,
    eps: float = 1e-5,
) -> Array:
    """Each channel normalised by given statistics: (x - mean) / sqrt(var + eps) * weight + bias.

    In training the statistics are those of the batch, `x.mean(axes)` and `x.var(axes)` over all axes but the
    channels', and derivatives pass through them; otherwise they are running averages.

    Args:
        x: (..., C), or with C at `axis`; integers are taken as the default float.
        mean, var: (C,), each channel's mean and variance.
        weight, bias: (C,), or None for 1 and 0.
        axis: the channels' axis: -1 in NHWC, 1 in NCHW.
        eps: added to the variance, so that a constant channel does not divide by zero.

    Returns:
        An array of x's shape.

    Raises:
        ShapeError: the statistics or parameters have not one element a channel.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> x = fnp.asarray([[1.0, 10.0], [3.0, 30.0]])
    >>> F.batch_norm(x, x.mean(0), x.var(0), eps=0.0)
    Array([[-1., -1.],
           [ 1.,  1.]], dtype=float32)

    Source: S. Ioffe and C. Szegedy, Batch normalization, 2015.
    """
    x = to_inexact(x)
    axes = (normalize_axis(axis, x.ndim, "batch_norm"),)
    scale: Any = 1 / sqrt(_along("batch_norm", "var", var, x, axes) + eps)
    if weight is not None:
        scale = scale * _along("batch_norm", "weight", weight, x, axes)
    out = (x - _along("batch_norm", "mean", mean, x, axes)) * scale
    return out if bias is None else out + _along("batch_norm", "bias", bias, x, axes)


@widened
def layer_norm(
    x: Any, weight: Any = None, bias: Any = None, axis: int | tuple[int, ...] = -1, eps: float = 1e-5
) -> Array:
    """Each example normalised by its own statistics: (x - mean(x)) / sqrt(var(x) + eps) * weight + bias.

    Args:
        x: integers are taken as the default float.
        weight, bias: of the sizes of the normalised axes, in their order; or None for 1 and 0.
        axis: over which axes mean and variance are taken: an int or a tuple.
        eps: added to the variance, so that a constant example does not divide by zero.

    Returns:
        An array of x's shape.

    Raises:
        ShapeError: weight or bias has not the shape of the normalised axes.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.layer_norm(fnp.asarray([[1.0, 3.0], [10.0, 30.0]]), eps=0.0)
    Array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)

    Source: J. Ba, J. Kiros and G. Hinton, Layer normalization, 2016.
    """
    x = to_inexact(x)
    axes = tuple(sorted(normalize_axes(axis, x.ndim, "layer_norm")))
    deviation: Any = x - x.mean(axes, keepdims=True)
    out = deviation * (1 / sqrt((deviation * deviation).mean(axes, keepdims=True) + eps))
    if weight is not None:
        out = out * _along("layer_norm", "weight", weight, x, axes)
    return out if bias is None else out + _along("layer_norm", "bias", bias, x, axes)


def _along(name: str, role: str, values: Any, x: Array, axes: tuple[int, ...]) -> Any:
    """Values given for some axes of x (in ascending order), shaped to broadcast with it."""
    values = to_inexact(values)
    sizes = tuple(x.shape[a] for a in axes)
    if values.shape != sizes:
        raise ShapeError(f"{name}: {role} must have the shape {sizes} of axes {axes} of x {x.aval}, not {values.aval}")
    if axes[0] + len(axes) == x.ndim:
        return values
    return values.reshape(tuple(n if i in axes else 1 for i, n in enumerate(x.shape)))
