"""Activation functions made of straight pieces, with PyTorch's derivatives at their bends."""

from __future__ import annotations

from typing import Any

from .. import random
from ..core import Array
from ..errors import DtypeError, OptionError, ShapeError
from ..numpy.elementwise import abs, clip, sign, where
from ..ops import activations as ops
from ..ops.create import to_inexact
from ..ops.elementwise import stop_gradient
from ..ops.precision import widened
from ..ops.shape import normalize_axis
from .activations import real, relu

__all__ = [
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "prelu",
    "relu2",
    "rrelu",
    "softshrink",
    "threshold",
]


@widened
def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Array:
    """x between two bounds, and the nearer bound beyond them, with derivative 0 at the bounds.

    Args:
        x: real numbers of any shape; integers are taken as the default float.
        min_val, max_val: the bounds.

    Raises:
        OptionError: min_val is above max_val.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.hardtanh(fnp.asarray([-2.0, 0.5, 2.0]))
    Array([-1. ,  0.5,  1. ], dtype=float32)
    """
    if min_val > max_val:
        raise OptionError(f"hardtanh: min_val {min_val} must not be above max_val {max_val}")
    x = to_inexact(real("hardtanh", x))
    inside = (x > min_val) & (x < max_val)
    return where(inside, x, clip(stop_gradient(x), min_val, max_val))


@widened
def hardsigmoid(x: Any) -> Array:
    """min(max(x + 3, 0), 6) / 6: the logistic function of three straight pieces, with derivative 0 at -3 and 3.

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.hardsigmoid(fnp.asarray([-4.0, 0.0, 1.5, 4.0]))
    Array([0.  , 0.5 , 0.75, 1.  ], dtype=float32)

    Source: M. Courbariaux, Y. Bengio and J. David, BinaryConnect, 2015, whose pieces meet at -1 and 1.
    """
    return ops.relu6(to_inexact(real("hardsigmoid", x)) + 3) / 6


@widened
def hardswish(x: Any) -> Array:
    """x * hardsigmoid(x).

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.hardswish(fnp.asarray([-4.0, 1.5, 4.0]))
    Array([-0.   ,  1.125,  4.   ], dtype=float32)

    Source: A. Howard and others, Searching for MobileNetV3, 2019.
    """
    x = to_inexact(real("hardswish", x))
    return x * (ops.relu6(x + 3) / 6)


@widened
def hardshrink(x: Any, lambd: float = 0.5) -> Array:
    """x where |x| > lambd, 0 elsewhere.

    Args:
        x: real numbers of any shape; integers are taken as the default float.
        lambd: the threshold.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.hardshrink(fnp.asarray([-2.0, 0.3, 2.0]))
    Array([-2.,  0.,  2.], dtype=float32)

    Source: D. Donoho and I. Johnstone, Ideal spatial adaptation by wavelet shrinkage, 1994.
    """
    x = to_inexact(real("hardshrink", x))
    return where(abs(x) <= lambd, 0, x)


@widened
def softshrink(x: Any, lambd: float = 0.5) -> Array:
    """x moved towards 0 by lambd, and 0 where |x| <= lambd: the proximal map of lambd |x|.

    Args:
        x: real numbers of any shape; integers are taken as the default float.
        lambd: the threshold, at least 0.

    Raises:
        OptionError: lambd is negative.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.softshrink(fnp.asarray([-2.0, 0.3, 2.0]))
    Array([-1.5,  0. ,  1.5], dtype=float32)

    Source: D. Donoho, De-noising by soft-thresholding, 1995.
    """
    if lambd < 0:
        raise OptionError(f"softshrink: lambd must not be negative: {lambd}")
    x = to_inexact(real("softshrink", x))
    return where(abs(x) <= lambd, 0, x - sign(x) * lambd)


@widened
def threshold(x: Any, threshold: float, value: float) -> Array:
    """x where x > threshold, `value` elsewhere.

    Args:
        x: real numbers of any shape; integers are taken as the default float.
        threshold: what x must be above.
        value: what stands for the rest.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.threshold(fnp.asarray([-1.0, 0.5, 2.0]), 0.5, -7.0)
    Array([-7., -7.,  2.], dtype=float32)
    """
    x = to_inexact(real("threshold", x))
    return where(x <= threshold, value, x)


def relu2(x: Any) -> Array:
    """max(x, 0)^2.

    Args:
        x: real numbers of any shape.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.relu2(fnp.asarray([-1.0, 3.0]))
    Array([0., 9.], dtype=float32)

    Source: D. So and others, Primer: searching for efficient transformers for language modeling, 2021.
    """
    y: Any = relu(x)
    return y * y  # type: ignore[no-any-return]


@widened
def prelu(x: Any, weight: Any, axis: int = -1) -> Array:
    """x where x > 0, weight * x elsewhere (at 0 too, for the derivative).

    Args:
        x: real numbers of any shape; integers are taken as the default float.
        weight: slopes below 0: one number, or (C,), one a channel.
        axis: the channels' axis: -1 in NHWC, 1 in NCHW.

    Raises:
        ShapeError: weight is neither one number nor one a channel.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.prelu(fnp.asarray([[-1.0, -1.0], [2.0, 2.0]]), fnp.asarray([0.25, 0.5]))
    Array([[-0.25, -0.5 ],
           [ 2.  ,  2.  ]], dtype=float32)

    Source: He et al., Delving Deep into Rectifiers, https://arxiv.org/abs/1502.01852.
    """
    x, slopes = to_inexact(real("prelu", x)), to_inexact(real("prelu", weight))
    if slopes.size == 1 and slopes.ndim < 2:
        slopes = slopes.reshape(())
    else:
        place = normalize_axis(axis, x.ndim, "prelu")
        if slopes.shape != (x.shape[place],):
            raise ShapeError(
                f"prelu: weight must be one number or one for each of the {x.shape[place]} channels at axis {place} of "
                f"x {x.aval}, not {slopes.aval}"
            )
        slopes = slopes.reshape((-1, *(1,) * (x.ndim - place - 1)))
    return where(x > 0, x, x * slopes)


@widened
def rrelu(x: Any, lower: float = 1 / 8, upper: float = 1 / 3, *, key: Any = None, train: bool = True) -> Array:
    """x where x > 0, elsewhere x times a slope that is drawn for each element, uniformly in [lower, upper).

    Args:
        x: real numbers of any shape; integers are taken as the default float.
        lower, upper: the bounds of the slopes.
        key: of `funcgrad.random`; needed in training. Under `vmap` a key that all examples share draws the same slopes
            for each.
        train: where False, every slope is the mean of the bounds.

    Raises:
        DtypeError: in training, and no key was given.
        OptionError: lower is above upper.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.rrelu(fnp.asarray([-1.0, 2.0]), 0.2, 0.4, train=False)
    Array([-0.3,  2. ], dtype=float32)

    Source: B. Xu and others, Empirical evaluation of rectified activations in convolutional network, 2015.
    """
    if lower > upper:
        raise OptionError(f"rrelu: lower {lower} must not be above upper {upper}")
    x = to_inexact(real("rrelu", x))
    if not train:
        return where(x > 0, x, x * ((lower + upper) / 2))
    if key is None:
        raise DtypeError(
            "rrelu: training needs a key: pass key=random.key(seed), a new one at each call by random.split(key), or "
            "train=False for the mean slope"
        )
    slopes: Any = random.uniform(key, x.shape, x.dtype) * (upper - lower) + lower
    return where(x > 0, x, x * slopes)


hard_sigmoid, hard_silu, hard_swish, hard_tanh = hardsigmoid, hardswish, hardswish, hardtanh
