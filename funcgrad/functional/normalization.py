"""Normalisation: values minus their mean, divided by their standard deviation.

Variances are means of squared deviations. The difference mean(x^2) - mean(x)^2 loses everything where the mean is
large beside the deviation: in float32 it makes the variance of 10000, 10001, 10002 zero.
"""

from __future__ import annotations

import math
from typing import Any

from ..core import Array
from ..dtypes import finfo
from ..errors import OptionError, ShapeError
from ..numpy.elementwise import maximum, sqrt
from ..numpy.linalg.norms import vector_norm
from ..numpy.manipulation import broadcast_to, moveaxis
from ..ops import pooling
from ..ops.create import to_inexact
from ..ops.precision import widened
from ..ops.shape import normalize_axes, normalize_axis
from .options import check_count

__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "rms_norm",
    "weight_norm",
]


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
        OptionError: sizes of axes stand where the weight belongs, as in PyTorch.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.layer_norm(fnp.asarray([[1.0, 3.0], [10.0, 30.0]]), eps=0.0)
    Array([[-1.,  1.],
           [-1.,  1.]], dtype=float32)

    Source: J. Ba, J. Kiros and G. Hinton, Layer normalization, 2016.
    """
    x = to_inexact(x)
    axes = _normalized_axes("layer_norm", x, weight, axis)
    deviation: Any = x - x.mean(axes, keepdims=True)
    out = deviation * (1 / sqrt((deviation * deviation).mean(axes, keepdims=True) + eps))
    if weight is not None:
        out = out * _along("layer_norm", "weight", weight, x, axes)
    return out if bias is None else out + _along("layer_norm", "bias", bias, x, axes)


@widened
def rms_norm(x: Any, weight: Any = None, axis: int | tuple[int, ...] = -1, eps: float | None = None) -> Array:
    """Each example divided by its root mean square: x / sqrt(mean(x^2) + eps) * weight.

    Args:
        x: integers are taken as the default float.
        weight: of the sizes of the normalised axes, in their order; or None for 1.
        axis: over which axes the mean is taken: an int or a tuple.
        eps: added to the mean; where None what separates 1 from the next number of the dtype that is computed in, as
            in PyTorch.

    Returns:
        An array of x's shape.

    Raises:
        ShapeError: weight has not the shape of the normalised axes.
        OptionError: sizes of axes stand where the weight belongs, as in PyTorch.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.rms_norm(fnp.asarray([[1.0, -1.0], [10.0, 10.0]]))
    Array([[ 1., -1.],
           [ 1.,  1.]], dtype=float32)

    Source: B. Zhang and R. Sennrich, Root mean square layer normalization, 2019.
    """
    x = to_inexact(x)
    axes = _normalized_axes("rms_norm", x, weight, axis)
    squares: Any = (x * x).mean(axes, keepdims=True)
    out = x * (1 / sqrt(squares + (float(finfo(x.dtype).eps) if eps is None else eps)))
    return out if weight is None else out * _along("rms_norm", "weight", weight, x, axes)


@widened
def group_norm(
    x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, axis: int = -1
) -> Array:
    """Each example's groups of channels normalised by their own statistics, as `layer_norm` does all of an example.

        (x - mean) / sqrt(var + eps) * weight + bias, mean and var over all positions of the channels of one group

    Args:
        x: (N, ..., C), or with C at `axis`; the first axis counts examples. Integers are taken as the default float.
        num_groups: into how many groups of neighbours the channels are divided; 1 for all of them together.
        weight, bias: (C,), or None for 1 and 0.
        eps: added to the variance.
        axis: the channels' axis: -1 in NHWC, 1 in NCHW.

    Returns:
        An array of x's shape.

    Raises:
        ShapeError: num_groups does not divide the channels; weight or bias has not one element a channel; the channels
            are on the first axis.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.group_norm(fnp.asarray([[1.0, 3.0, 10.0, 30.0]]), 2, eps=0.0)
    Array([[-1.,  1., -1.,  1.]], dtype=float32)

    Source: Y. Wu and K. He, Group normalization, 2018.
    """
    return _by_groups("group_norm", to_inexact(x), num_groups, weight, bias, eps, axis)


@widened
def instance_norm(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, axis: int = -1) -> Array:
    """Each channel of each example normalised by its own statistics: `group_norm` with a group for each channel.

    With running statistics, outside of training, it is `batch_norm`.

    Args:
        x: (N, ..., C), or with C at `axis`, as for `group_norm`.
        weight, bias: (C,), or None for 1 and 0.
        eps: added to the variance.
        axis: the channels' axis: -1 in NHWC, 1 in NCHW.

    Returns:
        An array of x's shape.

    Raises:
        ShapeError: as for `group_norm`.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.instance_norm(fnp.asarray([[[1.0, 10.0], [3.0, 30.0]]]), eps=0.0)
    Array([[[-1., -1.],
            [ 1.,  1.]]], dtype=float32)

    Source: D. Ulyanov, A. Vedaldi and V. Lempitsky, Instance normalization, 2016.
    """
    return _by_groups("instance_norm", to_inexact(x), None, weight, bias, eps, axis)


@widened
def local_response_norm(
    x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0, axis: int = -1
) -> Array:
    """Each value divided by a power of the mean square of its neighbours in other channels.

        y[c] = x[c] / (k + alpha / size * sum of x[d]^2 over the `size` channels d around c)^beta

    Channels d run from c - size // 2 to c + (size - 1) // 2; what lies beyond the first or the last counts as zero.

    Args:
        x: integers are taken as the default float.
        size: how many channels there are in a window.
        alpha, beta, k: as in the formula.
        axis: the channels' axis: -1 in NHWC, 1 in NCHW.

    Returns:
        An array of x's shape.

    Raises:
        OptionError: size is below 1.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.local_response_norm(fnp.asarray([1.0, 2.0, 2.0]), 3, alpha=3.0, beta=1.0)
    Array([0.16666667, 0.2       , 0.22222222], dtype=float32)

    Source: A. Krizhevsky, I. Sutskever and G. Hinton, ImageNet classification with deep convolutional neural networks,
    2012, section 3.3.
    """
    check_count("local_response_norm", "size", size)
    x = to_inexact(x)
    at = normalize_axis(axis, x.ndim, "local_response_norm")
    before, channels, after = math.prod(x.shape[:at]), x.shape[at], math.prod(x.shape[at + 1 :])
    squares: Any = (x * x).reshape((before, channels, after))
    sums: Any = pooling.window_sum(
        squares, window=(size,), stride=(1,), padding=((size // 2, (size - 1) // 2),), dilation=(1,)
    )
    return x * (sums.reshape(x.shape) * (alpha / size) + k) ** -beta


@widened
def normalize(x: Any, p: float = 2.0, axis: int | tuple[int, ...] = -1, eps: float = 1e-12) -> Array:
    """Vectors divided by their p-norm: x / max(|x|_p, eps).

    Args:
        x: integers are taken as the default float.
        p: of the norm, as `ord` of `numpy.linalg.vector_norm`.
        axis: along which the vectors lie; an int or a tuple. (PyTorch's dim is 1 unless it is told otherwise.)
        eps: the least number that is divided by, so that zeros stay zeros.

    Returns:
        An array of x's shape.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.normalize(fnp.asarray([[3.0, 4.0], [0.0, 0.0]]))
    Array([[0.6, 0.8],
           [0. , 0. ]], dtype=float32)
    """
    x = to_inexact(x)
    norm: Any = vector_norm(x, axis=axis, keepdims=True, ord=p)
    return x / maximum(norm, eps)  # type: ignore[no-any-return, operator]


@widened
def weight_norm(v: Any, g: Any, axis: int | None = -1) -> Array:
    """Weights whose lengths and directions are apart: g v / |v|.

    Args:
        v: the directions; of any length but 0.
        g: the lengths; broadcasts with v: of size 1 along the axes that a length is taken over.
        axis: the one that counts lengths, such as the outputs of a linear map: each is taken over all others. None for
            one length of the whole.

    Returns:
        An array of v's shape.

    Raises:
        ShapeError: g has not the shape of the lengths.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.weight_norm(fnp.asarray([[3.0, 0.0], [4.0, 2.0]]), fnp.asarray([[10.0, 1.0]]))
    Array([[6., 0.],
           [8., 1.]], dtype=float32)

    Source: T. Salimans and D. Kingma, Weight normalization, 2016.
    """
    v, g = to_inexact(v), to_inexact(g)
    norm: Any = lengths(v, axis)
    if g.shape != norm.shape:
        raise ShapeError(f"weight_norm: g must have the shape {norm.shape} of the lengths of v {v.aval}, not {g.aval}")
    return v * (g / norm)  # type: ignore[no-any-return, operator]


def lengths(v: Any, axis: int | None) -> Any:
    """The 2-norm of each slice along an axis, or of the whole, with axes of size 1 in place of the others."""
    others = None
    if axis is not None:
        at = normalize_axis(axis, v.ndim, "weight_norm")
        others = tuple(a for a in range(v.ndim) if a != at)
        if not others:
            return abs(v)
    return vector_norm(v, axis=others, keepdims=True)


def _by_groups(name: str, x: Array, num_groups: int | None, weight: Any, bias: Any, eps: float, axis: int) -> Any:
    """x normalised by the statistics of each example's groups of channels; a group for each channel where None.

    The large array is looked at in two axes, positions and channels, as it lies in memory: its means are those of each
    channel, and a group's are small means of these. To divide the channels' axis in two instead takes NumPy ten times
    as long.
    """
    at = normalize_axis(axis, x.ndim, name)
    if at == 0:
        raise ShapeError(f"{name}: the first axis counts examples, so the channels are another; got {x.aval}")
    if 1 < at < x.ndim - 1:
        last = moveaxis(x, at, -1)
        return moveaxis(_by_groups(name, last, num_groups, weight, bias, eps, -1), -1, at)
    examples, channels = x.shape[0], x.shape[at]
    groups = channels if num_groups is None else num_groups
    if groups < 1 or channels % groups:
        raise ShapeError(f"{name}: {groups} groups do not divide the {channels} channels of {x.aval}")
    places = math.prod(x.shape[1:]) // max(channels, 1)
    first = at == 1
    rows: Any = x.reshape((examples, channels, places) if first else (examples, places, channels))
    along = 2 if first else 1
    each = (channels, 1) if first else (channels,)

    def mean(values: Any) -> Any:
        found = values.mean(along, keepdims=True)
        if groups == channels:
            return found
        parts = found.reshape((examples, groups, channels // groups))
        return broadcast_to(parts.mean(-1, keepdims=True), parts.shape).reshape(found.shape)

    deviation: Any = rows - mean(rows)
    scale: Any = 1 / sqrt(mean(deviation * deviation) + eps)
    if weight is not None:
        scale = scale * _along(name, "weight", weight, x, (at,)).reshape(each)
    out = deviation * scale
    if bias is not None:
        out = out + _along(name, "bias", bias, x, (at,)).reshape(each)
    return out.reshape(x.shape)


def _normalized_axes(name: str, x: Array, weight: Any, axis: Any) -> tuple[int, ...]:
    """The axes in ascending order. Arguments in PyTorch's order are told so: there sizes of axes come second."""
    given = weight if isinstance(weight, tuple | list) else (weight,)
    sizes = tuple(given) if all(type(n) is int for n in given) else ()
    axes = () if getattr(axis, "ndim", 0) else tuple(sorted(normalize_axes(axis, x.ndim, name)))
    is_weight = type(weight) is not int and (len(sizes),) == tuple(x.shape[a] for a in axes)
    if (sizes and sizes == x.shape[-len(sizes) :] and not is_weight) or getattr(axis, "ndim", 0):
        raise OptionError(
            f"{name}: after x comes the weight; the axes of PyTorch's normalized_shape are told by axis=, -1 for the "
            "last one, (-2, -1) for the last two"
        )
    return axes


def _along(name: str, role: str, values: Any, x: Array, axes: tuple[int, ...]) -> Any:
    """Values given for some axes of x (in ascending order), shaped to broadcast with it."""
    values = to_inexact(values)
    sizes = tuple(x.shape[a] for a in axes)
    if values.shape != sizes:
        raise ShapeError(f"{name}: {role} must have the shape {sizes} of axes {axes} of x {x.aval}, not {values.aval}")
    if axes[0] + len(axes) == x.ndim:
        return values
    return values.reshape(tuple(n if i in axes else 1 for i, n in enumerate(x.shape)))
