"""Activation functions, and the normalised exponentials."""

from __future__ import annotations

import math
from typing import Any

from ..core import Array
from ..dtypes import canonical, is_boolean, is_complex, is_integer
from ..errors import DtypeError, OptionError
from ..numpy.creation import arange
from ..numpy.elementwise import exp, expm1, log, tanh, where
from ..numpy.manipulation import broadcast_to, expand_dims
from ..numpy.reductions import logsumexp
from ..ops import activations as ops
from ..ops import elementwise, reduce
from ..ops.create import asarray, to_inexact
from ..ops.precision import widened
from ..ops.shape import normalize_axes, normalize_axis

__all__ = [
    "elu",
    "gelu",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "one_hot",
    "relu",
    "relu6",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "swish",
    "tanh",
]


def real(name: str, x: Any) -> Array:
    """The operand as an array, which must not be complex."""
    x = x if isinstance(x, Array) else asarray(x)
    if is_complex(x.dtype):
        raise DtypeError(f"{name}: complex numbers have no order; apply it to x.real and x.imag, not to {x.aval}")
    return x


def relu(x: Any) -> Array:
    """max(x, 0), with derivative 0 at 0.

    Args:
        x: real numbers of any shape.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.relu(fnp.asarray([-1.0, 0.0, 2.0]))
    Array([0., 0., 2.], dtype=float32)

    Source: V. Nair and G. Hinton, Rectified linear units improve restricted Boltzmann machines, 2010.
    """
    return ops.relu(real("relu", x))


def relu6(x: Any) -> Array:
    """min(max(x, 0), 6), with derivative 0 at 0 and at 6.

    Args:
        x: real numbers of any shape.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.relu6(fnp.asarray([-1.0, 2.0, 7.0]))
    Array([0., 2., 6.], dtype=float32)
    """
    return ops.relu6(real("relu6", x))


@widened
def leaky_relu(x: Any, negative_slope: float = 0.01) -> Array:
    """x where x > 0, negative_slope * x elsewhere (at 0 too, for the derivative).

    Args:
        x: real numbers of any shape.
        negative_slope: the slope below 0.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.leaky_relu(fnp.asarray([-1.0, 2.0]), 0.5)
    Array([-0.5,  2. ], dtype=float32)
    """
    x = to_inexact(real("leaky_relu", x))
    return where(x > 0, x, x * negative_slope)


@widened
def elu(x: Any, alpha: float = 1.0) -> Array:
    """x where x > 0, alpha * (exp(x) - 1) elsewhere.

    Args:
        x: real numbers of any shape.
        alpha: minus the limit at minus infinity.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.elu(fnp.asarray([-1.0, 2.0])).round(4)
    Array([-0.6321,  2.    ], dtype=float32)

    Source: D. Clevert, T. Unterthiner and S. Hochreiter, Fast and accurate deep network learning by exponential
    linear units, 2016.
    """
    x = to_inexact(real("elu", x))
    positive = x > 0
    return where(positive, x, expm1(where(positive, 0, x)) * alpha)  # exp of a large x would overflow


def sigmoid(x: Any) -> Array:
    """1 / (1 + exp(-x)), the logistic function.

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.sigmoid(fnp.asarray([-1000.0, 0.0, 1000.0]))
    Array([0. , 0.5, 1. ], dtype=float32)
    """
    return ops.sigmoid(to_inexact(real("sigmoid", x)))


@widened
def log_sigmoid(x: Any) -> Array:
    """log(sigmoid(x)) = -softplus(-x), without underflow.

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.log_sigmoid(fnp.asarray([-100.0, 0.0])).round(3)
    Array([-100.   ,   -0.693], dtype=float32)
    """
    return -softplus(-to_inexact(real("log_sigmoid", x)))


def softplus(x: Any, beta: float = 1.0, threshold: float | None = None) -> Array:
    """log(1 + exp(beta x)) / beta, without overflow; its derivative is sigmoid(beta x).

    Args:
        x: real numbers of any shape; integers are taken as the default float.
        beta: how sharp the bend at 0 is.
        threshold: x itself where beta x is above it. PyTorch's is 20; by default there is none, and the function and
            its derivatives have no jump.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.softplus(fnp.asarray([0.0, 100.0])).round(3)
    Array([  0.693, 100.   ], dtype=float32)
    """
    x = to_inexact(real("softplus", x))
    if beta == 1 and threshold is None:
        return ops.softplus(x)
    return _softplus(x, beta, threshold)


@widened
def _softplus(x: Any, beta: float, threshold: float | None) -> Array:
    scaled = x * beta
    if threshold is None:
        return ops.softplus(scaled) / beta
    above = scaled > threshold
    return where(above, x, ops.softplus(where(above, 0, scaled)) / beta)


@widened
def silu(x: Any) -> Array:
    """x * sigmoid(x), also known as swish.

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.silu(fnp.asarray([-1.0, 0.0, 1.0])).round(4)
    Array([-0.2689,  0.    ,  0.7311], dtype=float32)

    Source: S. Elfwing, E. Uchibe and K. Doya, Sigmoid-weighted linear units, 2017.
    """
    x = to_inexact(real("silu", x))
    return x * ops.sigmoid(x)


@widened
def gelu(x: Any, approximate: bool | str = True) -> Array:
    """x times the probability that a standard normal number is below x.

        gelu(x) = x erfc(-x / sqrt(2)) / 2
                ~ x (1 + tanh(u)) / 2 = x sigmoid(2 u),    u = sqrt(2 / pi) (x + 0.044715 x^3)

    Args:
        x: real numbers of any shape; integers are taken as the default float.
        approximate: use the second line, which is faster, and within 0.0005 of the first. PyTorch's "tanh" is True
            and its "none" is False.

    Raises:
        OptionError: `approximate` is another word.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> x = fnp.asarray([-1.0, 0.0, 1.0])
    >>> F.gelu(x).round(4)
    Array([-0.1588,  0.    ,  0.8412], dtype=float32)
    >>> F.gelu(x, approximate=False).round(4)
    Array([-0.1587,  0.    ,  0.8413], dtype=float32)

    Source: D. Hendrycks and K. Gimpel, Gaussian error linear units, 2016.
    """
    if isinstance(approximate, str) and approximate not in ("none", "tanh"):
        raise OptionError(f"gelu: approximate must be a bool, 'tanh' or 'none', not {approximate!r}")
    x = to_inexact(real("gelu", x))
    if approximate and approximate != "none":
        slope = 2 * math.sqrt(2 / math.pi)
        return x * ops.sigmoid(x * (x * x * (0.044715 * slope) + slope))
    return x * (elementwise.erfc(x * -math.sqrt(0.5)) * 0.5)


# ---- normalised exponentials -------------------------------------------------------------------


def below_peak(x: Array, axes: tuple[int, ...]) -> Any:
    """x minus its maximum along the axes: what can be exponentiated without overflow."""
    return x - reduce.kept(reduce.max(elementwise.stop_gradient(x), axes=axes), x, axes)


@widened
def softmax(x: Any, axis: int | tuple[int, ...] = -1, where: Any = None) -> Array:
    """exp(x) / sum(exp(x)) along an axis: positive numbers with sum 1, without overflow.

    Args:
        x: logits; integers are taken as the default float. -inf gives 0 (and NaN where all are -inf).
        axis: along which they sum to 1; a tuple for several together.
        where: booleans that broadcast to x: the elements that take part. The others are 0 whatever x has there, and a
            row without any is all zeros, with derivatives of zero.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.softmax(fnp.asarray([1000.0, 1000.0, -fnp.inf]))
    Array([0.5, 0.5, 0. ], dtype=float32)
    >>> F.softmax(fnp.asarray([3.0, 3.0, fnp.nan]), where=fnp.asarray([True, True, False]))
    Array([0.5, 0.5, 0. ], dtype=float32)
    """
    x = to_inexact(x)
    axes = normalize_axes(axis, x.ndim, "softmax")
    if where is not None:
        return _masked("softmax", x, axes, where)[0]
    if not x.size:
        return x
    powers: Any = exp(below_peak(x, axes))
    return powers / reduce.kept(reduce.sum(powers, axes=axes), x, axes)


@widened
def log_softmax(x: Any, axis: int | tuple[int, ...] = -1, where: Any = None) -> Array:
    """log(softmax(x)) = x - logsumexp(x), accurate where softmax(x) underflows.

    Args:
        x: logits; integers are taken as the default float.
        axis: along which their exponentials are to sum to 1; a tuple for several together.
        where: booleans that broadcast to x: the elements that take part; the others are -inf, with derivatives of zero.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.log_softmax(fnp.asarray([0.0, 1000.0]))
    Array([-1000.,     0.], dtype=float32)
    """
    x = to_inexact(x)
    axes = normalize_axes(axis, x.ndim, "log_softmax")
    if where is not None:
        return _masked("log_softmax", x, axes, where)[1]
    if not x.size:
        return x
    shifted = below_peak(x, axes)
    return shifted - reduce.kept(log(reduce.sum(exp(shifted), axes=axes)), x, axes)


def _masked(name: str, x: Array, axes: tuple[int, ...], mask: Any) -> tuple[Any, Any]:
    """softmax and log_softmax of the elements that the mask keeps; nothing of the others is computed with."""
    mask = asarray(mask)
    if not is_boolean(mask.dtype):
        raise DtypeError(f"{name}: where must be booleans, not {mask.aval}")
    mask = broadcast_to(mask, x.shape)
    some = reduce.any(mask, axes=axes)
    highest = reduce.max(elementwise.stop_gradient(where(mask, x, -math.inf)), axes=axes)
    peak: Any = reduce.kept(where(some, highest, 0), x, axes)
    shifted: Any = where(mask, x, peak) - peak
    powers: Any = where(mask, exp(shifted), 0)
    total: Any = reduce.kept(where(some, reduce.sum(powers, axes=axes), 1), x, axes)
    return powers / total, where(mask, shifted - log(total), -math.inf)


def one_hot(x: Any, num_classes: int = -1, axis: int = -1, dtype: Any = float) -> Array:
    """Class numbers as rows that hold a 1 at the class and 0 elsewhere.

    Args:
        x: integers of any shape. One outside of 0, ..., num_classes - 1 gives a row of zeros.
        num_classes: how long the rows are; with -1 one more than the greatest of x, a value that decides the shape.
        axis: where the result has the rows' axis.
        dtype: of the result; the default float where not given.

    Returns:
        x's shape with an axis of `num_classes` put in.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.one_hot(fnp.asarray([0, 2]), 3)
    Array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    x = asarray(x)
    if not is_integer(x.dtype):
        raise DtypeError(f"one_hot: classes are integers, not {x.aval}")
    place = normalize_axis(axis, x.ndim + 1, "one_hot")
    if num_classes < 0:
        if num_classes != -1 or not x.size:
            raise OptionError(f"one_hot: num_classes must be 0 or more, not {num_classes}, for {x.aval}")
        num_classes = max(int(reduce.max(x, axes=tuple(range(x.ndim)))) + 1, 0)
    classes: Any = arange(num_classes, device=x.device)
    hits: Any = expand_dims(x, place) == classes.reshape((num_classes,) + (1,) * (x.ndim - place))
    return hits.astype(canonical(dtype))


swish = silu
