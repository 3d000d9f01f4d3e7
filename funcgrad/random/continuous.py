"""Samplers of real numbers, and of raw bits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import SCALARS, Array
from ..dtypes import canonical, is_complex
from ..errors import DtypeError
from ..numpy import elementwise as fnp
from ..numpy.creation import asarray, parse_shape
from ..ops import random as ops
from ..ops.elementwise import astype, erf, erfinv, stop_gradient
from .keys import Key, sample
from .parameters import (
    Shape,
    check_below,
    common_shape,
    float_dtype,
    open_uniform,
    parameter,
    working_dtypes,
)

__all__ = [
    "bits",
    "cauchy",
    "exponential",
    "gumbel",
    "laplace",
    "logistic",
    "normal",
    "truncated_normal",
    "uniform",
]

_SINGLE, _DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


def bits(key: Key, shape: Shape = (), dtype: Any = np.uint32) -> Array:
    """Integers all of whose bits are random: the stream itself.

    Args:
        key: a single key.
        shape: of the result.
        dtype: uint32 or uint64; of uint8 and uint16 the numbers are the top bits of uint32.

    >>> from funcgrad import random
    >>> random.bits(random.key(0), (2,))
    Array([3459671023, 1740624938], dtype=uint32)
    """
    found = canonical(dtype)
    if found.kind != "u":
        raise DtypeError(f"bits: dtype must be an unsigned integer, not {found}")
    drawn = sample("bits", ops.bits, key, parse_shape(shape), width=max(8 * found.itemsize, 32))
    return drawn if found.itemsize >= 4 else astype(drawn >> (32 - 8 * found.itemsize), found)


def uniform(key: Key, shape: Shape = (), dtype: Any = None, minval: Any = 0.0, maxval: Any = 1.0) -> Array:
    """Uniform numbers u (maxval - minval) + minval, u in [0, 1).

    Differentiable in `minval` and `maxval`. Where the result is rounded, maxval itself can come out (never for the
    default bounds).

    Args:
        key: a single key.
        shape: of the result.
        dtype: bfloat16, float16, float32 or float64; by default `config.default_dtype()`.
        minval, maxval: numbers, or arrays that broadcast to the shape, minval < maxval.

    Raises:
        ShapeError: the bounds do not broadcast to the shape.
        OptionError: minval >= maxval.

    >>> from funcgrad import random
    >>> random.uniform(random.key(0), (3,), minval=-1.0)
    Array([ 0.61103475, -0.18945837, -0.647861  ], dtype=float32)
    """
    found, sizes = float_dtype("uniform", dtype), parse_shape(shape)
    u = sample("uniform", ops.uniform, key, sizes, dtype=found)
    if type(minval) in SCALARS and type(maxval) in SCALARS and minval == 0 and maxval == 1:
        return u
    low, high = (parameter("uniform", v, sizes, found) for v in (minval, maxval))
    check_below("uniform", minval, maxval)
    return u * (high - low) + low


def normal(key: Key, shape: Shape = (), dtype: Any = None) -> Array:
    """Standard normal numbers, mean 0 and variance 1: `mean + scale * normal(key, shape)` has others.

    Args:
        key: a single key.
        shape: of the result.
        dtype: bfloat16, float16, float32 or float64; by default `config.default_dtype()`. Of a complex dtype, real and
            imaginary parts are independent, of variance 1/2 each, and stand one behind the other in the stream.

    >>> from funcgrad import random
    >>> random.normal(random.key(0), (3,))
    Array([-0.50859684,  1.312183  ,  0.4567358 ], dtype=float32)
    """
    sizes = parse_shape(shape)
    if dtype is not None and is_complex(canonical(dtype)):
        found = canonical(dtype)
        part = _SINGLE if found.itemsize == 8 else _DOUBLE
        parts = sample("normal", ops.normal, key, (*sizes, 2), dtype=part) * math.sqrt(0.5)
        return astype(parts[..., 0] + 1j * parts[..., 1], found)
    found, work = working_dtypes("normal", dtype)
    return astype(sample("normal", ops.normal, key, sizes, dtype=work), found)


def truncated_normal(key: Key, lower: Any, upper: Any, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Standard normal numbers on condition that they lie in [lower, upper].

    By the inverse of the distribution function: sqrt(2) erfinv(v), v uniform between erf(lower / sqrt(2)) and
    erf(upper / sqrt(2)). Differentiable in the bounds. Far out, where the two values of erf are nearly equal, there
    are few numbers to draw: bounds should not both lie beyond 4 (float32) or 7 (float64).

    Args:
        key: a single key.
        lower, upper: numbers (infinite ones too) or arrays, lower < upper.
        shape: of the result; by default the one to which the bounds broadcast.
        dtype: bfloat16, float16, float32 or float64; by default `config.default_dtype()`.

    Raises:
        ShapeError: the bounds do not broadcast to the shape.
        OptionError: lower >= upper.

    >>> from funcgrad import random
    >>> random.truncated_normal(random.key(0), -2.0, 2.0, (3,)).round(3)
    Array([ 0.812, -0.229, -0.875], dtype=float32)
    """
    found, work = working_dtypes("truncated_normal", dtype)
    sizes = common_shape("truncated_normal", lower, upper) if shape is None else parse_shape(shape)
    low, high = (asarray(parameter("truncated_normal", v, sizes, work), work) for v in (lower, upper))
    check_below("truncated_normal", lower, upper)
    from_v, to_v = (erf(v * math.sqrt(0.5)) for v in (low, high))
    u = open_uniform("truncated_normal", key, sizes, work)
    z = math.sqrt(2) * erfinv(from_v + u * (to_v - from_v))
    return astype(fnp.minimum(fnp.maximum(z, stop_gradient(low)), stop_gradient(high)), found)


def exponential(key: Key, shape: Shape = (), dtype: Any = None) -> Array:
    """Exponential numbers of mean 1, -log(1 - u) with u uniform in [0, 1).

    Args:
        key: a single key.
        shape: of the result.
        dtype: bfloat16, float16, float32 or float64; by default `config.default_dtype()`.

    >>> from funcgrad import random
    >>> random.exponential(random.key(0), (3,)).round(3)
    Array([1.637, 0.52 , 0.194], dtype=float32)
    """
    found, work = working_dtypes("exponential", dtype)
    u = sample("exponential", ops.uniform, key, parse_shape(shape), dtype=work)
    return astype(-fnp.log1p(-u), found)


def gumbel(key: Key, shape: Shape = (), dtype: Any = None) -> Array:
    """Standard Gumbel numbers, -log(-log(u)) with u uniform in (0, 1).

    Args:
        key: a single key.
        shape: of the result.
        dtype: bfloat16, float16, float32 or float64; by default `config.default_dtype()`.

    >>> from funcgrad import random
    >>> random.gumbel(random.key(0), (3,)).round(3)
    Array([ 1.531,  0.102, -0.552], dtype=float32)
    """
    found, work = working_dtypes("gumbel", dtype)
    return astype(-fnp.log(-fnp.log(open_uniform("gumbel", key, parse_shape(shape), work))), found)


def laplace(key: Key, shape: Shape = (), dtype: Any = None) -> Array:
    """Standard Laplace numbers of density exp(-|x|) / 2: -sign(v) log(1 - |v|) with v uniform in (-1, 1).

    Args:
        key: a single key.
        shape: of the result.
        dtype: bfloat16, float16, float32 or float64; by default `config.default_dtype()`.

    >>> from funcgrad import random
    >>> random.laplace(random.key(0), (3,)).round(3)
    Array([ 0.944, -0.21 , -1.044], dtype=float32)
    """
    found, work = working_dtypes("laplace", dtype)
    v = 2 * open_uniform("laplace", key, parse_shape(shape), work) - 1
    return astype(-fnp.sign(v) * fnp.log1p(-fnp.abs(v)), found)


def logistic(key: Key, shape: Shape = (), dtype: Any = None) -> Array:
    """Standard logistic numbers, log(u) - log(1 - u) with u uniform in (0, 1).

    Args:
        key: a single key.
        shape: of the result.
        dtype: bfloat16, float16, float32 or float64; by default `config.default_dtype()`.

    >>> from funcgrad import random
    >>> random.logistic(random.key(0), (3,)).round(3)
    Array([ 1.421, -0.384, -1.543], dtype=float32)
    """
    found, work = working_dtypes("logistic", dtype)
    u = open_uniform("logistic", key, parse_shape(shape), work)
    return astype(fnp.log(u) - fnp.log1p(-u), found)


def cauchy(key: Key, shape: Shape = (), dtype: Any = None) -> Array:
    """Standard Cauchy numbers, tan(pi (u - 1/2)) with u uniform in (0, 1).

    Args:
        key: a single key.
        shape: of the result.
        dtype: bfloat16, float16, float32 or float64; by default `config.default_dtype()`.

    >>> from funcgrad import random
    >>> random.cauchy(random.key(0), (3,)).round(3)
    Array([ 1.428, -0.307, -1.62 ], dtype=float32)
    """
    found, work = working_dtypes("cauchy", dtype)
    u = open_uniform("cauchy", key, parse_shape(shape), work)
    return astype(fnp.tan(math.pi * (u - 0.5)), found)
