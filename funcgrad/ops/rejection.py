"""Random numbers by trial, each with parameters of its own: operations on keys and parameters.

Keys of shape (*batch, 2) and parameters of shape (*batch, *shape) give numbers of the latter shape. As in `random.py`
the host makes them. Where a number is a smooth function of its parameters and of what was drawn, its derivative is that
of the quantile: with F(x; a) the distribution function and u held, F(x(a); a) = u gives

    dx/da = -(dF/da) / (dF/dx),

which needs F and not the way in which x was found. Source: M. Figurnov, S. Mohamed and A. Mnih, Implicit
reparameterization gradients, NeurIPS 2018.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import Aval
from ..device import CPU, Raw, default_device, move
from ..errors import ShapeError
from ..kernels import rejection
from ..operations import Operation
from ..rules import batch_to_front, general
from .elementwise import exp, less, minimum, sqrt, where
from .special import beta_density, betainc, digamma, erfcx, gamma_density, gammainc

__all__ = ["beta_log_odds", "binomial", "log_gamma", "poisson", "wald"]

_DOUBLE, _INT64 = np.dtype(np.float64), np.dtype(np.int64)


def _sampler(
    name: str, count: int, draw: Callable[..., Raw], dtype: Any, slopes: Callable[..., tuple[Any, ...]] | None = None
) -> Operation:
    """An operation on keys and on one or two float64 parameters of the result's shape.

    Args:
        name: of the operation.
        count: how many parameters there are.
        draw: (words of a key, *flat parameters) -> raw numbers.
        dtype: theirs.
        slopes: (result, *parameters) -> its derivative by each; None where it is a step.
    """

    def impl(xp: Any, keys: Raw, *params: Raw) -> Raw:
        keys, *params = (move(x, CPU) for x in (keys, *params))  # type: ignore[assignment]
        words = keys.reshape(-1, 2).tolist()
        result = np.empty(params[0].shape, dtype)
        each = len(words), result.size // max(len(words), 1)
        rows = zip(result.reshape(each), *[p.astype(_DOUBLE).reshape(each) for p in params], strict=True)
        for own, (row, *given) in zip(words, rows, strict=True):
            row[...] = draw(tuple(own), *given)
        return move(result, default_device())

    def infer(keys: Aval, *params: Aval) -> Aval:
        shape, lead = params[0].shape, keys.shape[:-1]
        fits = keys.shape[-1:] == (2,) and keys.dtype == np.uint64 and shape[: len(lead)] == lead
        if not fits or any(p.shape != shape for p in params):
            raise ShapeError(f"{name}: keys uint64[*batch, 2] and parameters [*batch, ...], not {keys} and {params}")
        return Aval(shape, dtype)

    def batch(size: int, args: Any, dims: Any) -> tuple[Any, int]:
        return operation(*batch_to_front(args, dims, size)), 0

    if slopes is None:
        signature = f"{name}(keys; {', '.join('ab'[:count])})"
        operation = general(signature, impl=impl, infer=infer, batch=batch)
        return operation

    def jvp(primals: Any, tangents: Any, out: Any) -> Any:
        terms = [t * s for t, s in zip(tangents[1:], slopes(out, *primals[1:]), strict=True) if t is not None]
        return terms[0] if len(terms) == 1 else terms[0] + terms[1]

    if count == 1:
        operation = general(
            f"{name}(keys, a)", impl=impl, infer=infer, batch=batch, jvp=jvp,
            a=lambda g, out, a: g * slopes(out, a)[0],
        )  # fmt: skip
    else:
        operation = general(
            f"{name}(keys, a, b)", impl=impl, infer=infer, batch=batch, jvp=jvp,
            a=lambda g, out, a, b: g * slopes(out, a, b)[0],
            b=lambda g, out, a, b: g * slopes(out, a, b)[1],
        )  # fmt: skip
    return operation


def _wald_slope(x: Any, mean: Any) -> tuple[Any]:
    """dx/dm of an inverse Gaussian number: 2 x^(3/2) / m^2 times Mills' ratio (1 - Phi) / phi at (x / m + 1) / sqrt(x).

    Of dF/dm the two terms of densities cancel, and -2 / m^2 exp(2 / m) Phi(-(x / m + 1) / sqrt(x)) is left.
    """
    root = sqrt(x)
    far = (x / mean + 1) / root
    return (2 * x * root / (mean * mean) * (math.sqrt(math.pi / 2) * erfcx(far * math.sqrt(0.5))),)


# Below this x the first terms of F's series in x have all digits
_SMALL = 1e-8


def _log_gamma_slope(y: Any, a: Any) -> tuple[Any]:
    """dy/da of y = log(x), x a gamma number of shape a.

    Where x is small, F = x^a / Gamma(a + 1) (1 - a x / (a + 1) + ...), whose logarithm has the derivatives
    y - digamma(a + 1) - x / (a + 1)^2 in a and a (1 - x / (a + 1)) in y; neither vanishes with x.
    """
    x = exp(y)
    small = less(x, _SMALL)
    safe = where(small, 1.0, x)
    near = -(y - digamma(a + 1) - x / ((a + 1) * (a + 1))) / (a * (1 - x / (a + 1)))
    return (where(small, near, -gammainc(a, safe, order=1) / (safe * gamma_density(a, safe, order=0))),)


def _log_odds_slopes(y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """dy/da and dy/db of y = log(x / (1 - x)), x a beta number.

    1 - x is a beta number of (b, a) with -y: of the two the smaller is looked at, so that nothing cancels.
    """
    mirrored = less(0.0, y)
    p, q = where(mirrored, b, a), where(mirrored, a, b)
    by_p, by_q = _lower_log_odds_slopes(minimum(y, -y), p, q)
    return where(mirrored, -by_q, by_p), where(mirrored, -by_p, by_q)


def _lower_log_odds_slopes(y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """The same for y <= 0.

    Where x is small, F = x^a / (a B(a, b)) (1 + ...), and log(F) has the derivatives
    y - digamma(a + 1) + digamma(a + b) in a, digamma(a + b) - digamma(b) in b, and a in y.
    """
    powers = exp(y)
    x = powers / (1 + powers)
    small = less(x, _SMALL)
    safe = where(small, 0.5, x)
    both = digamma(a + b)
    height = safe * (1 - safe) * beta_density(a, b, safe, orders=(0, 0))
    by_a = where(small, (digamma(a + 1) - both - y) / a, -betainc(a, b, safe, orders=(1, 0)) / height)
    by_b = where(small, (digamma(b) - both) / a, -betainc(a, b, safe, orders=(0, 1)) / height)
    return by_a, by_b


log_gamma = _sampler("random_log_gamma", 1, rejection.log_gamma_numbers, _DOUBLE, _log_gamma_slope)
beta_log_odds = _sampler("random_beta_log_odds", 2, rejection.beta_log_odds, _DOUBLE, _log_odds_slopes)
wald = _sampler("random_wald", 1, rejection.wald, _DOUBLE, _wald_slope)
poisson = _sampler("random_poisson", 1, rejection.poisson, _INT64)
binomial = _sampler("random_binomial", 2, rejection.binomial, _DOUBLE)
