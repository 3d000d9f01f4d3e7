"""Logarithms of sums, of probabilities and of odds, and the divergences made of them."""

from __future__ import annotations

import math
from typing import Any

from ...core import Array
from ...dtypes import is_complex
from ...functional import activations
from ...numpy.elementwise import abs, where
from ...numpy.manipulation import broadcast_arrays
from ...ops import reduce
from ...ops import special as ops
from ...ops.activations import sigmoid
from ...ops.create import asarray, promote_all, to_inexact
from ...ops.elementwise import astype, equal, exp, expm1, isfinite, isinf, log, log1p, real_part, sign, stop_gradient
from ...ops.precision import widened
from ...ops.shape import normalize_axes
from .operands import real, reals

__all__ = [
    "boxcox",
    "boxcox1p",
    "entr",
    "expit",
    "inv_boxcox",
    "inv_boxcox1p",
    "kl_div",
    "log_expit",
    "log_softmax",
    "logit",
    "logsumexp",
    "rel_entr",
    "softmax",
    "xlog1py",
    "xlogy",
]

_choose = where  # `logsumexp` has an argument of that name

# ---- sums --------------------------------------------------------------------------------------


@widened
def logsumexp(
    a: Any,
    axis: int | tuple[int, ...] | None = None,
    b: Any = None,
    keepdims: bool = False,
    return_sign: bool = False,
    *,
    where: Any = None,
) -> Any:
    """log(sum(b exp(a))), without overflow.

    Args:
        a: real or complex numbers.
        axis: which axes to sum over; all where None.
        b: factors, 1 where not given; of a zero it does not matter how large a is.
        keepdims: whether the axes stay, at size one.
        return_sign: whether to return log(|sum|) and the sum's sign (of complex numbers, its phase exp(i phi)) instead.
            Without it a negative sum gives NaN.
        where: which elements take part; all where not given.

    Returns:
        An array without those axes; -inf where the sum is 0.

    >>> import funcgrad.scipy.special as special
    >>> special.logsumexp([1000.0, 1000.0])
    Array(1000.6932, dtype=float32)
    >>> special.logsumexp([1.0, 2.0], b=[1.0, -1.0], return_sign=True)
    (Array(1.541325, dtype=float32), Array(-1., dtype=float32))
    """
    x: Any
    x, weights = (to_inexact(a), None) if b is None else map(to_inexact, promote_all([a, b]))
    taken: Any = None if where is None else astype(asarray(where), bool)
    present = [v for v in (x, weights, taken) if v is not None]
    shared: Any = iter(broadcast_arrays(*present))
    x, weights, taken = (None if v is None else next(shared) for v in (x, weights, taken))
    axes = normalize_axes(axis, x.ndim, "logsumexp")
    level: Any = stop_gradient(real_part(x))
    heights = level if weights is None else _choose(equal(weights, 0), -math.inf, level)
    heights = heights if taken is None else _choose(taken, heights, -math.inf)
    empty = not all(x.shape[i] for i in axes)
    peak: Any = reduce.sum(heights, axes=axes) if empty else reduce.max(heights, axes=axes) if axes else heights
    shift: Any = _choose(isfinite(peak), peak, 0)
    kept = reduce.kept(shift, x, axes)
    terms: Any = x - kept
    if (
        weights is not None or taken is not None
    ):  # what a zero leaves out may be so far above the rest that exp overflows
        above: Any = (level > kept) & equal(heights, -math.inf)
        ends = isinf(level)
        terms = _choose(above & ends, 0, terms - _choose(above & ~ends, level - kept, 0))
    terms = exp(terms)
    terms = terms if weights is None else terms * weights
    terms = terms if taken is None else _choose(taken, terms, 0)
    total: Any = reduce.sum(terms, axes=axes) if axes else terms
    nothing: Any = equal(total, 0)
    safe: Any = _choose(nothing, 1, total)
    if return_sign:
        size: Any = abs(safe)
        signs = _choose(nothing, 0, safe / size if is_complex(safe.dtype) else sign(safe))
        out: Any = _choose(nothing, -math.inf, log(size) + shift)
        return (reduce.kept(out, x, axes), reduce.kept(signs, x, axes)) if keepdims else (out, signs)
    if is_complex(safe.dtype):
        logarithm: Any = log(safe)
    else:
        logarithm = _choose(safe < 0, math.nan, log(_choose(safe < 0, 1, safe)))
    out = _choose(nothing, -math.inf, logarithm + shift)
    return reduce.kept(out, x, axes) if keepdims else out


@widened
def softmax(x: Any, axis: int | tuple[int, ...] | None = None) -> Array:
    """exp(x) / sum(exp(x)) along axes, all of them where none is given, without overflow.

    Args:
        x: numbers of any shape; integers are taken as the default float.
        axis: along which the results sum to 1.

    >>> import funcgrad.scipy.special as special
    >>> special.softmax([0.0, 0.0])
    Array([0.5, 0.5], dtype=float32)
    """
    x = to_inexact(x)
    return activations.softmax(x, normalize_axes(axis, x.ndim, "softmax"))


@widened
def log_softmax(x: Any, axis: int | tuple[int, ...] | None = None) -> Array:
    """log(softmax(x)), exact where softmax(x) underflows.

    Args:
        x: numbers of any shape; integers are taken as the default float.
        axis: along which the exponentials of the results sum to 1; all axes where not given.

    >>> import funcgrad.scipy.special as special
    >>> special.log_softmax([0.0, 1000.0])
    Array([-1000.,     0.], dtype=float32)
    """
    x = to_inexact(x)
    return activations.log_softmax(x, normalize_axes(axis, x.ndim, "log_softmax"))


# ---- odds --------------------------------------------------------------------------------------


@widened
def expit(x: Any) -> Array:
    """1 / (1 + exp(-x)), the logistic function, without overflow.

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.scipy.special as special
    >>> special.expit([-1000.0, 0.0, 1000.0])
    Array([0. , 0.5, 1. ], dtype=float32)
    """
    return sigmoid(real("expit", x))


@widened
def log_expit(x: Any) -> Array:
    """log(expit(x)), exact where expit underflows.

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.scipy.special as special
    >>> special.log_expit([-1000.0, 0.0])
    Array([-1.000000e+03, -6.931472e-01], dtype=float32)
    """
    return activations.log_sigmoid(real("log_expit", x))


@widened
def logit(x: Any) -> Array:
    """log(x / (1 - x)), the inverse of `expit`.

    Args:
        x: real numbers between 0 and 1, of any shape; of others NaN.

    >>> import funcgrad.scipy.special as special
    >>> special.logit([0.0, 0.5, 0.9])
    Array([     -inf, 0.       , 2.1972244], dtype=float32)
    """
    return ops.logit(real("logit", x))


# ---- entropies ---------------------------------------------------------------------------------


@widened
def xlogy(x: Any, y: Any) -> Array:
    """x log(y), and 0 where x is 0, whatever y (but NaN).

    Its derivative in y is x / y, and 0 where x is 0.

    Args:
        x, y: real numbers; the shapes broadcast.

    >>> import funcgrad.scipy.special as special
    >>> special.xlogy([0.0, 2.0], [0.0, 1.0])
    Array([0., 0.], dtype=float32)
    """
    x, y = reals("xlogy", x, y)
    return ops.xlogy(x, y)


@widened
def xlog1py(x: Any, y: Any) -> Array:
    """x log(1 + y), and 0 where x is 0, whatever y (but NaN).

    Args:
        x, y: real numbers; the shapes broadcast.

    >>> import funcgrad.scipy.special as special
    >>> special.xlog1py([0.0, 2.0], [-1.0, 0.0])
    Array([0., 0.], dtype=float32)
    """
    x, y = reals("xlog1py", x, y)
    return ops.xlog1py(x, y)


@widened
def entr(x: Any) -> Array:
    """-x log(x), 0 at 0, and -inf for negative x.

    Args:
        x: real numbers of any shape; integers are taken as the default float.

    >>> import funcgrad.scipy.special as special
    >>> special.entr([0.0, 0.5, 1.0])
    Array([0.       , 0.3465736, 0.       ], dtype=float32)
    """
    x = real("entr", x)
    negative: Any = x < 0
    inside: Any = where(negative, 1, x)
    return where(negative, -math.inf, 0 - ops.xlogy(inside, inside))  # and not -0 at 0


@widened
def rel_entr(x: Any, y: Any) -> Array:
    """x log(x / y); 0 where x is 0 and y is not negative, else infinite where one of them is not positive.

    Args:
        x, y: real numbers; the shapes broadcast.

    >>> import funcgrad.scipy.special as special
    >>> special.rel_entr([0.0, 0.5, 1.0], [0.5, 0.5, 0.5])
    Array([0.       , 0.       , 0.6931472], dtype=float32)
    """
    x, y = reals("rel_entr", x, y)
    inside = ((x >= 0) & (y > 0)) | (x != x) | (y != y)
    p, q = where(inside, x, 1), where(inside, y, 1)
    ratio: Any = p / q  # type: ignore[operator]
    near: Any = (ratio > 0.5) & (ratio < 2)
    # near 1 by the difference, which is exact, since the ratio is rounded
    out = where(near, ops.xlog1py(p, where(near, p - q, 0) / q), ops.xlogy(p, where(near, 1, ratio)))  # type: ignore
    return where(inside, out, where((x == 0) & (y == 0), 0 * p, math.inf))  # type: ignore[operator]


@widened
def kl_div(x: Any, y: Any) -> Array:
    """x log(x / y) - x + y, which is not negative; y where x is 0 and y is not negative, else infinite as `rel_entr`.

    Args:
        x, y: real numbers; the shapes broadcast.

    >>> import funcgrad.scipy.special as special
    >>> special.kl_div([0.0, 0.5, 1.0], [0.5, 0.5, 0.5])
    Array([0.5       , 0.        , 0.19314718], dtype=float32)
    """
    x, y = reals("kl_div", x, y)
    found: Any = rel_entr(x, y)
    return where(found == math.inf, math.inf, found - x + y)


# ---- Box and Cox's transform -------------------------------------------------------------------


@widened
def boxcox(x: Any, lmbda: Any) -> Array:
    """(x^lmbda - 1) / lmbda, and log(x) for lmbda = 0.

    Args:
        x, lmbda: real numbers, x not negative; the shapes broadcast.

    >>> import funcgrad.scipy.special as special
    >>> special.boxcox(2.0, [0.0, 1.0])
    Array([0.6931472, 1.       ], dtype=float32)
    """
    x, power = reals("boxcox", x, lmbda)
    return _box(log(x), power)


@widened
def boxcox1p(x: Any, lmbda: Any) -> Array:
    """((1 + x)^lmbda - 1) / lmbda, and log(1 + x) for lmbda = 0.

    Args:
        x, lmbda: real numbers, x not below -1; the shapes broadcast.

    >>> import funcgrad.scipy.special as special
    >>> special.boxcox1p(1.0, [0.0, 1.0])
    Array([0.6931472, 1.       ], dtype=float32)
    """
    x, power = reals("boxcox1p", x, lmbda)
    return _box(log1p(x), power)


def _box(level: Any, power: Any) -> Array:
    """(exp(power level) - 1) / power: level times exprel(power level), which is smooth at power 0."""
    ends: Any = isinf(level)  # of the numbers at them, 0 and infinity, the power that is not infinite is 0
    bounded: Any = where(ends, 0, level)
    vanishes: Any = (level > 0) == (power < 0)
    flat: Any = vanishes & (power != 0)
    at_end = where(flat, -1 / where(flat, power, 1), level + 0 * power)  # type: ignore[operator]
    return where(ends, at_end, bounded * ops.exprel(power * bounded, order=0))


@widened
def inv_boxcox(y: Any, lmbda: Any) -> Array:
    """The x whose boxcox(x, lmbda) is y: (1 + lmbda y)^(1 / lmbda), and exp(y) for lmbda = 0.

    Args:
        y, lmbda: real numbers; the shapes broadcast.

    >>> import funcgrad.scipy.special as special
    >>> special.inv_boxcox(1.0, [0.0, 1.0])
    Array([2.718282, 2.      ], dtype=float32)
    """
    y, power = reals("inv_boxcox", y, lmbda)
    return exp(_unbox(y, power))


@widened
def inv_boxcox1p(y: Any, lmbda: Any) -> Array:
    """The x whose boxcox1p(x, lmbda) is y.

    Args:
        y, lmbda: real numbers; the shapes broadcast.

    >>> import funcgrad.scipy.special as special
    >>> special.inv_boxcox1p(1.0, [0.0, 1.0])
    Array([1.7182819, 1.       ], dtype=float32)
    """
    y, power = reals("inv_boxcox1p", y, lmbda)
    return expm1(_unbox(y, power))


def _unbox(y: Any, power: Any) -> Any:
    """log(1 + power y) / power: y times log(1 + u) / u, u = power y, which is smooth at power 0."""
    ends: Any = isinf(y)
    inner: Any = where(ends, 0, y)
    at_end = where(power * y < 0, math.nan, y + 0 * power)
    return where(ends, at_end, inner / ops.exprel(log1p(power * inner), order=0))
