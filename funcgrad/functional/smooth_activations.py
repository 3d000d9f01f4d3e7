"""More activation functions: smooth ones, gates of two halves, and what is made of softmax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import random
from ..core import Array
from ..errors import DtypeError, OptionError, ShapeError
from ..numpy.elementwise import abs, expm1, hypot, tanh, where
from ..numpy.manipulation import split
from ..numpy.reductions import argmax
from ..ops import activations as ops
from ..ops.create import to_inexact
from ..ops.elementwise import stop_gradient
from ..ops.precision import widened
from ..ops.shape import normalize_axis
from .activations import gelu, log_sigmoid, one_hot, real, relu, sigmoid, silu, softmax
from .options import check_positive

__all__ = [
    "celu",
    "geglu",
    "glu",
    "gumbel_softmax",
    "logsigmoid",
    "mish",
    "quick_gelu",
    "reglu",
    "selu",
    "softmin",
    "softsign",
    "squareplus",
    "swiglu",
    "tanhshrink",
]

_SELU_SCALE = 1.0507009873554804934193349852946
_SELU_ALPHA = 1.6732632423543772848170429916717
"""The solution of the fixed point at mean 0 and variance 1: the paper's equation 14."""


@widened
def celu(x: Any, alpha: float = 1.0) -> Array:
    """x where x > 0, alpha * (exp(x / alpha) - 1) elsewhere: an `elu` with derivative 1 at 0 from both sides.

    Args:
        x: real numbers of any shape; integers are taken as the default float.
        alpha: minus the limit at minus infinity, above 0.

    Raises:
        OptionError: alpha is 0.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.celu(fnp.asarray([-1.0, 2.0]), 2.0).round(4)
    Array([-0.7869,  2.    ], dtype=float32)

    Source: J. Barron, Continuously differentiable exponential linear units, 2017.
    """
    if alpha == 0:
        raise OptionError("celu: alpha must not be 0")
    x = to_inexact(real("celu", x))
    positive = x > 0
    return where(positive, x, expm1(where(positive, 0, x) / alpha) * alpha)  # exp of a large x would overflow


@widened
def selu(x: Any) -> Array:
    """scale * elu(x, alpha), with the two constants that keep mean 0 and variance 1 from layer to layer.

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.selu(fnp.asarray([-1.0, 2.0])).round(4)
    Array([-1.1113,  2.1014], dtype=float32)

    Source: G. Klambauer and others, Self-normalizing neural networks, 2017.
    """
    x = to_inexact(real("selu", x))
    positive = x > 0
    return where(positive, x * _SELU_SCALE, expm1(where(positive, 0, x)) * (_SELU_SCALE * _SELU_ALPHA))


@widened
def mish(x: Any) -> Array:
    """x * tanh(softplus(x)).

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.mish(fnp.asarray([-1.0, 1.0])).round(4)
    Array([-0.3034,  0.8651], dtype=float32)

    Source: D. Misra, Mish: a self regularized non-monotonic activation function, 2019.
    """
    x = to_inexact(real("mish", x))
    return x * tanh(ops.softplus(x))


@widened
def softsign(x: Any) -> Array:
    """x / (1 + |x|).

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.softsign(fnp.asarray([-1.0, 3.0]))
    Array([-0.5 ,  0.75], dtype=float32)

    Source: J. Turian, J. Bergstra and Y. Bengio, Quadratic features and deep architectures for chunking, 2009.
    """
    x = to_inexact(real("softsign", x))
    return x / (abs(x) + 1)


@widened
def tanhshrink(x: Any) -> Array:
    """x - tanh(x).

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.tanhshrink(fnp.asarray([-1.0, 2.0])).round(4)
    Array([-0.2384,  1.036 ], dtype=float32)
    """
    x = to_inexact(real("tanhshrink", x))
    return x - tanh(x)


@widened
def squareplus(x: Any, b: Any = 4.0) -> Array:
    """(x + sqrt(x^2 + b)) / 2, a smooth `relu` without exponentials, and without overflow or cancellation.

    Args:
        x: real numbers of any shape; integers are taken as the default float.
        b: how wide the bend at 0 is, above 0.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.squareplus(fnp.asarray([-1e20, 0.0, 1e30]))
    Array([1.e-20, 1.e+00, 1.e+30], dtype=float32)

    Source: J. Barron, Squareplus: a softplus-like algebraic rectifier, 2021.
    """
    x = to_inexact(real("squareplus", x))
    b = b if isinstance(b, int | float) else to_inexact(real("squareplus", b))
    negative = x < 0
    size = where(negative, -x, x)  # not abs, whose derivative at 0 is 0
    larger: Any = (size + hypot(size, b**0.5)) / 2
    return where(negative, b / 4 / larger, larger)  # the product of the values at x and at -x is b / 4


@widened
def quick_gelu(x: Any) -> Array:
    """x * sigmoid(1.702 x), a cheap `gelu`, within 0.02 of it; the one of CLIP's weights.

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.quick_gelu(fnp.asarray([-1.0, 1.0])).round(4)
    Array([-0.1542,  0.8458], dtype=float32)

    Source: D. Hendrycks and K. Gimpel, Gaussian error linear units, 2016.
    """
    x = to_inexact(real("quick_gelu", x))
    return x * ops.sigmoid(x * 1.702)


# ---- gates ---------------------------------------------------------------------------------------


def _gated(name: str, activation: Callable[[Any], Any], x: Any, axis: int) -> Array:
    x = to_inexact(real(name, x))
    axis = normalize_axis(axis, x.ndim, name)
    if x.shape[axis] % 2:
        raise ShapeError(f"{name}: axis {axis} of {x.aval} has no two halves")
    a, b = split(x, 2, axis)
    return a * activation(b)


@widened
def glu(x: Any, axis: int = -1) -> Array:
    """a * sigmoid(b), where a and b are the two halves of x along an axis.

    Args:
        x: real numbers; the axis has an even size.
        axis: which axis to halve.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.glu(fnp.asarray([1.0, 2.0, 0.0, 0.0]))
    Array([0.5, 1. ], dtype=float32)

    Source: Y. Dauphin and others, Language modeling with gated convolutional networks, 2017.
    """
    return _gated("glu", sigmoid, x, axis)


@widened
def swiglu(x: Any, axis: int = -1) -> Array:
    """a * silu(b), where a and b are the two halves of x along an axis.

    The second half is the gate, as it is in `glu`. Where the gate comes first, as in weights of LLaMA's kind, write
    `F.silu(gate) * up`.

    Args:
        x: real numbers; the axis has an even size.
        axis: which axis to halve.

    Raises:
        ShapeError: the axis has an odd size.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.swiglu(fnp.asarray([1.0, 2.0, 0.0, 100.0]))
    Array([  0., 200.], dtype=float32)

    Source: N. Shazeer, GLU variants improve Transformer, 2020.
    """
    return _gated("swiglu", silu, x, axis)


@widened
def geglu(x: Any, axis: int = -1, approximate: bool | str = True) -> Array:
    """a * gelu(b), where a and b are the two halves of x along an axis.

    Args:
        x: real numbers; the axis has an even size.
        axis: which axis to halve.
        approximate: as for `gelu`.

    Raises:
        ShapeError: the axis has an odd size.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.geglu(fnp.asarray([1.0, 2.0, 0.0, 100.0]))
    Array([  0., 200.], dtype=float32)

    Source: as `swiglu`.
    """
    return _gated("geglu", lambda b: gelu(b, approximate), x, axis)


@widened
def reglu(x: Any, axis: int = -1) -> Array:
    """a * relu(b), where a and b are the two halves of x along an axis.

    Args:
        x: real numbers; the axis has an even size.
        axis: which axis to halve.

    Raises:
        ShapeError: the axis has an odd size.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.reglu(fnp.asarray([1.0, 2.0, -3.0, 4.0]))
    Array([0., 8.], dtype=float32)

    Source: as `swiglu`.
    """
    return _gated("reglu", relu, x, axis)


# ---- of softmax ----------------------------------------------------------------------------------


def softmin(x: Any, axis: int | tuple[int, ...] = -1, where: Any = None) -> Array:
    """softmax(-x).

    Args:
        x: real numbers; integers are taken as the default float.
        axis: along which the results sum to 1; a tuple for several together.
        where: as for `softmax`.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.softmin(fnp.asarray([5.0, 5.0, fnp.inf]))
    Array([0.5, 0.5, 0. ], dtype=float32)
    """
    return softmax(-to_inexact(x), axis, where)


@widened
def gumbel_softmax(logits: Any, tau: float = 1.0, hard: bool = False, axis: int = -1, *, key: Any = None) -> Array:
    """A random choice among classes that can be differentiated: softmax((logits + g) / tau), g Gumbel noise.

    As tau goes to 0 the rows become one-hot rows of class c with probability softmax(logits)_c.

    Args:
        logits: real numbers; integers are taken as the default float.
        tau: the temperature, above 0.
        hard: whether the values are one-hot rows, while derivatives are those of the soft ones ("straight-through").
        axis: along which the results sum to 1.
        key: of `funcgrad.random`.

    Raises:
        DtypeError: no key was given.
        OptionError: tau is not above 0.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> from funcgrad import random
    >>> F.gumbel_softmax(fnp.asarray([0.0, 50.0, 0.0]), hard=True, key=random.key(0))
    Array([0., 1., 0.], dtype=float32)

    Source: E. Jang, S. Gu and B. Poole, Categorical reparameterization with Gumbel-softmax, 2017.
    """
    check_positive("gumbel_softmax", "tau", tau)
    if key is None:
        raise DtypeError("gumbel_softmax: it draws random numbers: pass key=random.key(seed), a new one at each call")
    x = to_inexact(real("gumbel_softmax", logits))
    noise: Any = random.gumbel(key, x.shape, x.dtype)
    soft: Any = softmax((x + noise) / tau, axis)
    if not hard:
        return soft  # type: ignore[no-any-return]
    chosen = one_hot(argmax(stop_gradient(soft), axis=axis), x.shape[axis], axis=axis, dtype=soft.dtype)
    return chosen + (soft - stop_gradient(soft))  # in brackets: they are zeros, and the values stay 0 and 1


logsigmoid = log_sigmoid
