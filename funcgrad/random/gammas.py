"""Gamma numbers and their like, differentiable in their parameters as their quantiles are.

A sample is a function of its parameters and of what was drawn. For one number that is the quantile function, whatever
way the number was found in, so its derivative is -(dF/da) / (dF/dx) with F the distribution function.

Source: M. Figurnov, S. Mohamed and A. Mnih, Implicit reparameterization gradients, NeurIPS 2018.
"""

from __future__ import annotations

from typing import Any

from ..core import SCALARS, Array
from ..errors import ShapeError
from ..numpy import elementwise as fnp
from ..numpy.creation import asarray, parse_shape
from ..numpy.reductions import max as largest
from ..numpy.reductions import sum as total
from ..ops import rejection
from ..ops.elementwise import astype, stop_gradient
from .discrete import rademacher
from .keys import Key, one_key_array, split
from .parameters import DOUBLE, Shape, check_broadcast, check_positive, float_dtype, in_double

__all__ = ["beta", "chisquare", "dirichlet", "f", "gamma", "generalized_normal", "loggamma", "t", "wald"]


def gamma(key: Key, a: Any, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Gamma numbers of density x^(a-1) e^-x / Gamma(a): `theta * gamma(key, a)` has the scale theta.

    Differentiable in a, as the quantile is. Where a is so small that numbers would vanish, `loggamma` has them still.

    Args:
        key: a single key.
        a: the shape parameter, above 0: a number or an array.
        shape: of the result; by default a's.
        dtype: bfloat16, float16, float32 or float64; by default `config.default_dtype()`.

    Raises:
        ShapeError: a does not broadcast to the shape.
        OptionError: an a is not positive. Under a transform, where it cannot be looked at, it gives NaN.

    >>> import funcgrad as fg
    >>> from funcgrad import random
    >>> random.gamma(random.key(0), 2.0, (3,)).round(3)
    Array([7.097, 0.728, 2.257], dtype=float32)
    >>> float(fg.grad(lambda a: random.gamma(random.key(0), a, (1000,)).mean())(2.0).round(2))
    1.0

    Source: G. Marsaglia and W. Tsang, A simple method for generating gamma variables, ACM TOMS 26, 2000.
    """
    found = float_dtype("gamma", dtype)
    return astype(fnp.exp(_log_gamma("gamma", key, a, shape)), found)


def loggamma(key: Key, a: Any, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Logarithms of gamma numbers, finite also where a is so small that the numbers themselves vanish.

    Args, Raises: as for `gamma`.

    >>> from funcgrad import random
    >>> random.loggamma(random.key(0), 0.001, (3,)).round(1)
    Array([-1609.9, -1512.2,  -641.9], dtype=float32)
    """
    found = float_dtype("loggamma", dtype)
    return astype(_log_gamma("loggamma", key, a, shape), found)


def chisquare(key: Key, df: Any, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Sums of df squares of standard normal numbers: 2 gamma(df / 2).

    Args:
        key: a single key.
        df: degrees of freedom, above 0: a number or an array.
        shape, dtype: as for `gamma`.

    >>> from funcgrad import random
    >>> random.chisquare(random.key(0), 4.0, (3,)).round(3)
    Array([14.194,  1.456,  4.514], dtype=float32)
    """
    found = float_dtype("chisquare", dtype)
    half = df / 2 if type(df) in SCALARS else asarray(df) / 2
    return astype(2 * fnp.exp(_log_gamma("chisquare", key, half, shape)), found)


def beta(key: Key, a: Any, b: Any, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Beta numbers of density x^(a-1) (1-x)^(b-1) / B(a, b).

    Differentiable in a and b, as the quantile is.

    Args:
        key: a single key.
        a, b: the shape parameters, above 0: numbers or arrays.
        shape: of the result; by default the one to which a and b broadcast.
        dtype: bfloat16, float16, float32 or float64; by default `config.default_dtype()`.

    Raises:
        ShapeError: a or b does not broadcast to the shape.
        OptionError: an a or b is not positive.

    >>> from funcgrad import random
    >>> random.beta(random.key(0), 2.0, 3.0, (3,)).round(3)
    Array([0.168, 0.267, 0.717], dtype=float32)
    """
    found = float_dtype("beta", dtype)
    return astype(fnp.exp(-fnp.logaddexp(0.0, -_log_odds("beta", key, a, b, shape))), found)


def f(key: Key, dfnum: Any, dfden: Any, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Ratios of two means of squares of normal numbers: (chisquare(dfnum) / dfnum) / (chisquare(dfden) / dfden).

    Differentiable in both, as the quantile is.

    Args:
        key: a single key.
        dfnum, dfden: degrees of freedom, above 0: numbers or arrays.
        shape, dtype: as for `beta`.

    >>> from funcgrad import random
    >>> random.f(random.key(0), 4.0, 6.0, (3,)).round(3)
    Array([0.303, 0.548, 3.793], dtype=float32)
    """
    found = float_dtype("f", dtype)
    check_positive("f", dfnum, dfden)
    n, d = in_double("f", shape, dfnum, dfden)
    return astype(fnp.exp(_log_odds("f", key, n / 2, d / 2, n.shape)) * (d / n), found)


def t(key: Key, df: Any, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Student's t: a normal number over the root of a mean of df squares of such numbers.

    With a sign of probability 1/2, its square is `f` of 1 and df degrees of freedom. Differentiable in df, as the
    quantile is.

    Args:
        key: a single key.
        df: degrees of freedom, above 0: a number or an array.
        shape, dtype: as for `gamma`.

    >>> from funcgrad import random
    >>> random.t(random.key(0), 3.0, (3,)).round(3)
    Array([-1.143,  0.149, -0.283], dtype=float32)
    """
    found = float_dtype("t", dtype)
    check_positive("t", df)
    (d,) = in_double("t", shape, df)
    sign_key, size_key = split(key)
    half_log = 0.5 * _log_odds("t", size_key, 0.5, d / 2, d.shape)
    return astype(rademacher(sign_key, d.shape, DOUBLE) * fnp.exp(half_log) * fnp.sqrt(d), found)


def dirichlet(key: Key, alpha: Any, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Points of the simplex, of density proportional to the product of x_i^(alpha_i - 1): gamma numbers over their sum.

    Differentiable in alpha.

    Args:
        key: a single key.
        alpha: (..., n), above 0.
        shape: of the result without its last axis, n; by default alpha's without its last axis.
        dtype: bfloat16, float16, float32 or float64; by default `config.default_dtype()`.

    Returns:
        (*shape, n), which sums to 1 along the last axis.

    Raises:
        ShapeError: alpha has no axis, or does not broadcast to the shape.
        OptionError: an alpha is not positive.

    >>> from funcgrad import random, numpy as fnp
    >>> random.dirichlet(random.key(0), fnp.asarray([1.0, 2.0, 3.0])).round(3)
    Array([0.557, 0.078, 0.365], dtype=float32)
    """
    found = float_dtype("dirichlet", dtype)
    weights = asarray(alpha)
    if not weights.ndim:
        raise ShapeError(f"dirichlet: alpha must have the axis of the parts, (..., n), not {weights.aval}")
    lead = weights.shape[:-1] if shape is None else parse_shape(shape)
    check_broadcast("dirichlet", weights.shape[:-1], lead)
    logs = _log_gamma("dirichlet", key, alpha, (*lead, weights.shape[-1]))
    powers = fnp.exp(logs - stop_gradient(largest(logs, -1, keepdims=True)))
    return astype(powers / total(powers, -1, keepdims=True), found)


def generalized_normal(key: Key, p: Any, shape: Shape = (), dtype: Any = None) -> Array:
    """Numbers of density proportional to exp(-|x|^p): 2 is a normal distribution of variance 1/2, 1 is Laplace's.

    gamma(1/p)^(1/p), with a sign of probability 1/2.

    Args:
        key: a single key.
        p: above 0.
        shape: of the result.
        dtype: bfloat16, float16, float32 or float64; by default `config.default_dtype()`.

    >>> from funcgrad import random
    >>> random.generalized_normal(random.key(0), 1.5, (3,)).round(3)
    Array([-0.284,  0.278, -0.514], dtype=float32)
    """
    found = float_dtype("generalized_normal", dtype)
    check_positive("generalized_normal", p)
    (power,) = in_double("generalized_normal", shape, p)
    sign_key, size_key = split(key)
    size = fnp.exp(_log_gamma("generalized_normal", size_key, 1 / power, power.shape) / power)
    return astype(rademacher(sign_key, power.shape, DOUBLE) * size, found)


def wald(key: Key, mean: Any, shape: Shape | None = None, dtype: Any = None) -> Array:
    """Inverse Gaussian numbers of that mean and of scale 1: times at which a Brownian motion with drift gets somewhere.

    Density sqrt(1 / (2 pi x^3)) exp(-(x - mean)^2 / (2 mean^2 x)). Differentiable in the mean, as the quantile is.

    Args:
        key: a single key.
        mean: above 0: a number or an array.
        shape, dtype: as for `gamma`.

    >>> from funcgrad import random
    >>> random.wald(random.key(0), 1.0, (3,)).round(3)
    Array([1.678, 1.781, 0.179], dtype=float32)

    Source: J. Michael, W. Schucany and R. Haas, Generating random variates using transformations with multiple roots,
    The American Statistician 30, 1976.
    """
    found = float_dtype("wald", dtype)
    check_positive("wald", mean)
    return astype(rejection.wald(one_key_array("wald", key), *in_double("wald", shape, mean)), found)


# ---- what they are made of ---------------------------------------------------------------------


def _log_gamma(name: str, key: Any, a: Any, shape: Shape | None) -> Any:
    check_positive(name, a)
    (found,) = in_double(name, shape, a)
    return rejection.log_gamma(one_key_array(name, key), found)


def _log_odds(name: str, key: Any, a: Any, b: Any, shape: Shape | None) -> Any:
    check_positive(name, a, b)
    first, second = in_double(name, shape, a, b)
    return rejection.beta_log_odds(one_key_array(name, key), first, second)
