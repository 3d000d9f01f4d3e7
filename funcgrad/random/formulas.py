"""Samplers that are a formula of a uniform or normal number: the quantile function, where it is one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import Array
from ..errors import OptionError
from ..numpy import elementwise as fnp
from ..numpy.creation import asarray, parse_shape
from ..ops.elementwise import astype
from .continuous import exponential, normal
from .discrete import rademacher
from .keys import Key, split
from .parameters import Shape, check_positive, common_shape, known, open_uniform, parameter, working_dtypes

__all__ = [
    "double_sided_maxwell",
    "lognormal",
    "maxwell",
    "pareto",
    "rayleigh",
    "triangular",
    "weibull_min",
]


def lognormal(key: Key, sigma: Any = 1.0, shape: Shape | None = None, dtype: Any = None) -> Array:
    """exp(sigma z) with z standard normal.

    Args:
        key: a single key.
        sigma: the standard deviation of the logarithm: a number or an array.
        shape: of the result; by default sigma's.
        dtype: bfloat16, float16, float32 or float64; by default `config.default_dtype()`.

    >>> from funcgrad import random
    >>> random.lognormal(random.key(0), 0.5, (3,)).round(3)
    Array([0.775, 1.927, 1.257], dtype=float32)
    """
    found, work, sizes, (deviation,) = _given("lognormal", shape, dtype, sigma)
    return astype(fnp.exp(deviation * normal(key, sizes, work)), found)


def pareto(key: Key, b: Any, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Numbers from 1 on of density b / x^(b+1): exp(e / b) with e exponential.

    Args:
        key: a single key.
        b: above 0: a number or an array.
        shape: of the result; by default b's.
        dtype: bfloat16, float16, float32 or float64; by default `config.default_dtype()`.

    >>> from funcgrad import random
    >>> random.pareto(random.key(0), 2.0, (3,)).round(3)
    Array([2.268, 1.297, 1.102], dtype=float32)
    """
    check_positive("pareto", b)
    found, work, sizes, (power,) = _given("pareto", shape, dtype, b)
    return astype(fnp.exp(exponential(key, sizes, work) / power), found)


def rayleigh(key: Key, scale: Any, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Lengths of normal vectors in the plane, of density x / scale^2 exp(-x^2 / (2 scale^2)): scale sqrt(2 e).

    Args:
        key: a single key.
        scale: the deviation of each component: a number or an array.
        shape: of the result; by default scale's.
        dtype: bfloat16, float16, float32 or float64; by default `config.default_dtype()`.

    >>> from funcgrad import random
    >>> random.rayleigh(random.key(0), 1.0, (3,)).round(3)
    Array([1.81 , 1.019, 0.622], dtype=float32)
    """
    found, work, sizes, (factor,) = _given("rayleigh", shape, dtype, scale)
    return astype(factor * fnp.sqrt(2 * exponential(key, sizes, work)), found)


def weibull_min(key: Key, scale: Any, concentration: Any, shape: Shape = (), dtype: Any = None) -> Array:
    """Weibull numbers, scale e^(1 / concentration) with e exponential.

    Args:
        key: a single key.
        scale, concentration: above 0: numbers or arrays that broadcast to the shape.
        shape: of the result.
        dtype: bfloat16, float16, float32 or float64; by default `config.default_dtype()`.

    >>> from funcgrad import random
    >>> random.weibull_min(random.key(0), 2.0, 1.5, (3,)).round(3)
    Array([2.778, 1.293, 0.669], dtype=float32)
    """
    check_positive("weibull_min", scale, concentration)
    found, work, sizes, (factor, power) = _given("weibull_min", shape, dtype, scale, concentration)
    e = fnp.maximum(exponential(key, sizes, work), np.finfo(work).tiny)  # the derivative of a power of 0 is none
    return astype(factor * e ** (1 / power), found)


def maxwell(key: Key, shape: Shape = (), dtype: Any = None) -> Array:
    """Lengths of standard normal vectors in space, of density sqrt(2 / pi) x^2 exp(-x^2 / 2).

    Args:
        key: a single key.
        shape: of the result.
        dtype: bfloat16, float16, float32 or float64; by default `config.default_dtype()`.

    >>> from funcgrad import random
    >>> random.maxwell(random.key(0), (3,)).round(3)
    Array([1.48 , 0.645, 1.912], dtype=float32)
    """
    found, work = working_dtypes("maxwell", dtype)
    z = normal(key, (*parse_shape(shape), 3), work)
    return astype(fnp.sqrt((z * z).sum(-1)), found)


def double_sided_maxwell(key: Key, loc: Any, scale: Any, shape: Shape = (), dtype: Any = None) -> Array:
    """loc + scale times a `maxwell` number with a sign of probability 1/2.

    Args:
        key: a single key.
        loc, scale: numbers or arrays that broadcast to the shape.
        shape: of the result.
        dtype: bfloat16, float16, float32 or float64; by default `config.default_dtype()`.

    >>> from funcgrad import random
    >>> random.double_sided_maxwell(random.key(0), 0.0, 1.0, (3,)).round(3)
    Array([-1.458,  0.762, -2.211], dtype=float32)
    """
    found, work, sizes, (centre, factor) = _given("double_sided_maxwell", shape, dtype, loc, scale)
    sign_key, size_key = split(key)
    return astype(rademacher(sign_key, sizes, work) * maxwell(size_key, sizes, work) * factor + centre, found)


def triangular(key: Key, left: Any, mode: Any, right: Any, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Numbers whose density rises from 0 at left to its peak at mode, and falls to 0 at right.

    By the inverse of the distribution function, which is (x - left)^2 / ((right - left) (mode - left)) up to mode.

    Args:
        key: a single key.
        left, mode, right: left <= mode <= right and left < right: numbers or arrays.
        shape: of the result; by default the one to which they broadcast.
        dtype: bfloat16, float16, float32 or float64; by default `config.default_dtype()`.

    Raises:
        OptionError: they are not in that order.

    >>> from funcgrad import random
    >>> random.triangular(random.key(0), 0.0, 0.5, 1.0, (3,)).round(3)
    Array([0.688, 0.45 , 0.297], dtype=float32)
    """
    values = known(left), known(mode), known(right)
    if all(v is not None for v in values):
        low, peak, high = values
        if not bool(np.all((low <= peak) & (peak <= high) & (low < high))):
            raise OptionError(f"triangular: left <= mode <= right and left < right, not {left}, {mode}, {right}")
    found, work, sizes, (a, c, b) = _given("triangular", shape, dtype, left, mode, right)
    u = open_uniform("triangular", key, sizes, work)
    whole, first = b - a, c - a
    rises = u * whole < first
    # each root where it is taken, and 1 where it is not: its derivative is infinite at 0
    up = fnp.sqrt(fnp.where(rises, u * whole * first, 1.0))
    down = fnp.sqrt(fnp.where(rises, 1.0, (1 - u) * whole * (b - c)))
    return astype(fnp.where(rises, a + up, b - down), found)


def _given(name: str, shape: Shape | None, dtype: Any, *given: Any) -> tuple[Any, Any, tuple[int, ...], list[Any]]:
    """The dtypes of the result and of the computation, the shape, and the parameters."""
    found, work = working_dtypes(name, dtype)
    sizes = common_shape(name, *given) if shape is None else parse_shape(shape)
    return found, work, sizes, [asarray(parameter(name, x, sizes, work), work) for x in given]
