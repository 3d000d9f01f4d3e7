"""Samples of `funcgrad/ops/special.py`; the expected values are SciPy's, or mpmath's where SciPy has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
from scipy import special

import funcgrad.scipy.special  # noqa: F401  # whose operations are

from . import Sample, uniform


def _by_mpmath(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of mpmath's numbers, of each element; whole params are passed on."""

    def oracle(*args: Any, **params: Any) -> Any:
        with mpmath.workdps(40):
            numbers = np.vectorize(lambda *xs: float(f(*map(mpmath.mpf, map(float, xs)), **params)), otypes=[float])
            return numbers(*args)

    return oracle


def _derivative(f: Callable[..., Any], *operands: Any, orders: tuple[int, ...]) -> Any:
    """A mixed derivative in the first operands."""
    if not any(orders):
        return f(*operands)
    rest = operands[len(orders) :]
    point = operands[: len(orders)]
    return mpmath.diff(lambda *xs: f(*xs, *rest), point if len(point) > 1 else point[0], _few(orders))


def _few(orders: tuple[int, ...]) -> Any:
    return orders if len(orders) > 1 else orders[0]


_ONE: dict[str, tuple[Callable[..., Any], float, float]] = {  # name: oracle, bounds
    "gammaln": (special.gammaln, 0.2, 12),
    "gamma": (special.gamma, 0.3, 5),
    "digamma": (special.digamma, 0.3, 12),
    "exp1": (special.exp1, 0.2, 4),
    "expi": (special.expi, 0.5, 4),
    "erfcx": (special.erfcx, -1, 3),
    "ndtr": (special.ndtr, -3, 3),
    "log_ndtr": (special.log_ndtr, -5, 3),
    "ndtri": (special.ndtri, 0.05, 0.95),
    "i0": (special.i0, -4, 12),
    "i1": (special.i1, -4, 12),
    "i0e": (special.i0e, 0.5, 12),
    "i1e": (special.i1e, 0.5, 12),
    "sine_integral": (lambda x: special.sici(x)[0], -12, 12),
    "cosine_integral": (lambda x: special.sici(x)[1], 0.5, 12),
    "fresnel_sine": (lambda x: special.fresnel(x)[0], -3, 3),
    "fresnel_cosine": (lambda x: special.fresnel(x)[1], -3, 3),
    "dawsn": (special.dawsn, -3, 13),
    "spence": (special.spence, 0.2, 5),
    "logit": (special.logit, 0.1, 0.9),
}
SAMPLES = [
    Sample(name, (uniform(2, 3, low=low, high=high, seed=i),), oracle, rtol=1e-13)
    for i, (name, (oracle, low, high)) in enumerate(_ONE.items())
]
SAMPLES += [
    Sample(name, (-uniform(2, 3, low=0.2, high=0.8) - np.arange(3.0),), oracle, rtol=1e-12)
    for name, oracle in [("gammaln", special.gammaln), ("gamma", special.gamma), ("digamma", special.digamma)]
]

_x, _y = uniform(2, 3, low=0.3, high=3), uniform(3, low=0.4, high=2, seed=1)
SAMPLES += [
    Sample("zeta", (_x + 1, _y), special.zeta),
    Sample("zeta", (3.0, _y), special.zeta),
    Sample("zeta", (2.0, -_y - 0.03), lambda s, q: special.polygamma(1, q)),
    Sample("betaln", (_x, _y), special.betaln, rtol=1e-13),
    Sample("betaln", (_x * 10, _y), special.betaln, rtol=1e-13),
    Sample("xlogy", (_x, _y), special.xlogy),
    Sample("xlog1py", (_x, _y), special.xlog1py),
    Sample("owens_t", (_x - 1, _y), special.owens_t, rtol=1e-13),
    Sample("expn", (3.0, _x), special.expn),
    Sample("expn", (2.0, _x + 1), special.expn),
]


def _lower(a: Any, x: Any) -> Any:
    return mpmath.gammainc(a, 0, x, regularized=True)


def _upper(a: Any, x: Any) -> Any:
    return mpmath.gammainc(a, x, mpmath.inf, regularized=True)


def _gamma_density(a: Any, x: Any) -> Any:
    return mpmath.exp((a - 1) * mpmath.log(x) - x) / mpmath.gamma(a)


def _beta(a: Any, b: Any, x: Any) -> Any:
    return mpmath.betainc(a, b, 0, x, regularized=True)


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    return x ** (a - 1) * (1 - x) ** (b - 1) / mpmath.beta(a, b)


SAMPLES += [
    Sample(
        name,
        (_x * scale, _y * scale),
        _by_mpmath(lambda a, x, order, f=f: _derivative(f, a, x, orders=(order,))),
        {"order": order},
        rtol=1e-12,
        order=2 if order < 2 else 1,
    )
    for name, f in [("gammainc", _lower), ("gammaincc", _upper), ("gamma_density", _gamma_density)]
    for order, scale in [(0, 1.0), (0, 9.0), (1, 1.0), (2, 4.0)]
]
_z = uniform(2, 3, low=0.2, high=0.8, seed=2)
SAMPLES += [
    Sample(
        name,
        (_x * scale, _y * scale, _z),
        _by_mpmath(lambda a, b, x, orders, f=f: _derivative(f, a, b, x, orders=orders)),
        {"orders": orders},
        rtol=1e-12,
        order=2 if sum(orders) < 2 else 1,
    )
    for name, f in [("betainc", _beta), ("beta_density", _beta_density)]
    for orders, scale in [((0, 0), 1.0), ((0, 0), 9.0), ((1, 0), 1.0), ((1, 1), 2.0), ((0, 2), 1.0)]
]
SAMPLES += [
    Sample(
        "exprel",
        (uniform(2, 3, low=-3, high=3),),
        _by_mpmath(lambda u, order: mpmath.quad(lambda t: t**order * mpmath.exp(u * t), [0, 1])),
        {"order": order},
        rtol=1e-13,
    )
    for order in (0, 2)
]
