"""Special functions: gamma, beta, error and Bessel functions, and the integrals of their kind.

Each derivative is another function of the family, so that they can be taken again. Where a derivative in a parameter
has no name (of the incomplete gamma function in a, for one), the operation has the number of derivatives among its
params, and its derivative is itself with one more.

What they compute stands in `kernels/`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy

from ..core import Aval, aval
from ..kernels import bessel, exponential_integral, gamma_function, incomplete, integrals, normal_tail
from ..operations import Operation
from ..rules import align, broadcast_shapes, common_dtype, elementwise, general, unbroadcast
from .elementwise import abs, cos, equal, erf, exp, greater, log, log1p, logical_and, sign, sin, where

# ---- gamma -------------------------------------------------------------------------------------

gammaln = elementwise("gammaln(x)", impl=gamma_function.gammaln, x=lambda g, x: g * digamma(x))
gamma = elementwise("gamma(x)", impl=gamma_function.gamma, x=lambda g, x, out: g * (out * digamma(x)))
digamma = elementwise("digamma(x)", impl=gamma_function.digamma, x=lambda g, x: g * zeta(2.0, x))
zeta = elementwise(
    "zeta(x, q)",
    impl=gamma_function.zeta,
    x=lambda g, x, q: g * _zeta_slope(x, q),
    q=lambda g, x, q: g * (-x * zeta(x + 1, q)),
)


def _zeta_slope(s: Any, q: Any) -> Any:
    """The derivative of zeta(s, q) in s for q > 0: that of the Euler-Maclaurin sum, in operations that can be derived.

    d/ds (q + k)^-s = -log(q + k) (q + k)^-s; each later term is a product of factors in s and a power.
    """
    terms = gamma_function.TERMS
    total: Any = 0
    for k in range(terms):
        base = q + k
        total = total - log(base) * base ** (-s)
    end = q + terms
    level = log(end)
    power = end ** (-s)
    total = total - power * (level / 2 + end * (level / (s - 1) + 1 / ((s - 1) * (s - 1))))
    factor, slope, power = s, 1, power / end
    for j, coefficient in enumerate(gamma_function.EULER_MACLAURIN):
        total = total + power * coefficient * (slope - level * factor)
        first, second = s + (2 * j + 1), s + (2 * j + 2)
        slope = slope * (first * second) + factor * (first + second)
        factor = factor * (first * second)
        power = power / (end * end)
    return total


# ---- with derivatives of any order in parameters -----------------------------------------------

_Rule = Callable[..., Any]

_READING: dict[tuple[str, ...], Callable[[_Rule, int], _Rule]] = {  # `general` reads the names of a rule's parameters
    ("x",): lambda rule, place: lambda g, x, **params: rule(g, x, **params),
    ("a", "x"): lambda rule, place: lambda g, a, x, **params: unbroadcast(rule(g, a, x, **params), (a, x)[place].shape),
    ("a", "b", "x"): lambda rule, place: (
        lambda g, a, b, x, **params: unbroadcast(rule(g, a, b, x, **params), (a, b, x)[place].shape)
    ),
}


def _parametric(name: str, impl: Callable[..., Any], **partials: _Rule) -> Operation:
    """An elementwise operation on arrays, with params.

    Args:
        name: of the operation.
        impl: as for `general`.
        **partials: for each operand (g, *operands, **params) -> g times the derivative in it.
    """
    operands = tuple(partials)

    def infer(*avals: Any, **params: Any) -> Aval:
        return Aval(broadcast_shapes(name, *[aval(a).shape for a in avals]), common_dtype(avals))

    def batch(size: int, args: Any, dims: Any, **params: Any) -> tuple[Any, int]:
        aligned, dim = align(size, args, dims)
        return function(*aligned, **params), dim

    def jvp(primals: Any, tangents: Any, out: Any, **params: Any) -> Any:
        terms = [
            rule(t, *primals, **params) for rule, t in zip(partials.values(), tangents, strict=True) if t is not None
        ]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total if total.shape == out.shape else total.broadcast_to(out.shape)

    pulls: dict[str, Any] = {o: _READING[operands](rule, place) for place, (o, rule) in enumerate(partials.items())}
    function = general(f"{name}({', '.join(operands)})", impl=impl, infer=infer, batch=batch, jvp=jvp, **pulls)
    return function


def _falling(n: int, of_less: Callable[[int], Any]) -> Any:
    """n times the derivative of one order less, where there is one."""
    return n * of_less(n - 1) if n else 0


gammainc = _parametric(  # with `order` derivatives in a
    "gammainc",
    incomplete.gammainc,
    a=lambda g, a, x, *, order: g * gammainc(a, x, order=order + 1),
    x=lambda g, a, x, *, order: g * gamma_density(a, x, order=order),
)
gammaincc = _parametric(
    "gammaincc",
    incomplete.gammaincc,
    a=lambda g, a, x, *, order: g * gammaincc(a, x, order=order + 1),
    x=lambda g, a, x, *, order: -g * gamma_density(a, x, order=order),
)
gamma_density = _parametric(  # x^(a-1) e^-x / Gamma(a)
    "gamma_density",
    incomplete.gamma_density,
    a=lambda g, a, x, *, order: g * gamma_density(a, x, order=order + 1),
    x=lambda g, a, x, *, order: g * (
        gamma_density(a, x, order=order) * ((a - 1) / x - 1)
        + _falling(order, lambda n: gamma_density(a, x, order=n) / x)
    ),
)  # fmt: skip
betainc = _parametric(  # with `orders` derivatives in a and in b
    "betainc",
    incomplete.betainc,
    a=lambda g, a, b, x, *, orders: g * betainc(a, b, x, orders=(orders[0] + 1, orders[1])),
    b=lambda g, a, b, x, *, orders: g * betainc(a, b, x, orders=(orders[0], orders[1] + 1)),
    x=lambda g, a, b, x, *, orders: g * beta_density(a, b, x, orders=orders),
)
beta_density = _parametric(  # x^(a-1) (1-x)^(b-1) / B(a, b)
    "beta_density",
    incomplete.beta_density,
    a=lambda g, a, b, x, *, orders: g * beta_density(a, b, x, orders=(orders[0] + 1, orders[1])),
    b=lambda g, a, b, x, *, orders: g * beta_density(a, b, x, orders=(orders[0], orders[1] + 1)),
    x=lambda g, a, b, x, *, orders: g * (
        beta_density(a, b, x, orders=orders) * ((a - 1) / x - (b - 1) / (1 - x))
        + _falling(orders[0], lambda n: beta_density(a, b, x, orders=(n, orders[1])) / x)
        - _falling(orders[1], lambda n: beta_density(a, b, x, orders=(orders[0], n)) / (1 - x))
    ),
)  # fmt: skip
betaln = elementwise(
    "betaln(a, b)",
    impl=incomplete.betaln,
    a=lambda g, a, b: g * (digamma(a) - digamma(a + b)),
    b=lambda g, a, b: g * (digamma(b) - digamma(a + b)),
)
exprel = _parametric(  # the integral of t^order exp(x t) over t from 0 to 1
    "exprel",
    exponential_integral.exprel,
    x=lambda g, x, *, order: g * exprel(x, order=order + 1),
)

# ---- exponential integrals ---------------------------------------------------------------------

exp1 = elementwise("exp1(x)", impl=exponential_integral.exp1, x=lambda g, x: -g * (exp(-x) / x))
expi = elementwise("expi(x)", impl=exponential_integral.expi, x=lambda g, x: g * (exp(x) / x))
expn = elementwise("expn(n, x)", impl=exponential_integral.expn, x=lambda g, n, x: -g * expn(n - 1, x))

# ---- other integrals ---------------------------------------------------------------------------


def _sinc(x: Any) -> Any:
    """sin(x) / x, 1 at 0."""
    origin = equal(x, 0)
    return where(origin, 1, sin(x) / where(origin, 1, x))


def _dawson_slope(x: Any, out: Any) -> Any:
    """1 - 2 x dawsn(x); of large x, where the two cancel, by the asymptotic series of dawsn."""
    far = greater(abs(x), 10)
    safe = where(far, x, 10)
    y = 0.5 / (safe * safe)
    series: Any = 1 + 0 * y
    for n in range(12, 1, -1):
        series = 1 + (2 * n - 1) * y * series
    return where(far, -y * series, 1 - 2 * where(far, 0, x) * where(far, 0, out))


sine_integral = elementwise("sine_integral(x)", impl=integrals.sine_integral, x=lambda g, x: g * _sinc(x))
cosine_integral = elementwise("cosine_integral(x)", impl=integrals.cosine_integral, x=lambda g, x: g * (cos(x) / x))
fresnel_sine = elementwise(
    "fresnel_sine(x)", impl=integrals.fresnel_sine, x=lambda g, x: g * sin(math.pi / 2 * (x * x))
)
fresnel_cosine = elementwise(
    "fresnel_cosine(x)", impl=integrals.fresnel_cosine, x=lambda g, x: g * cos(math.pi / 2 * (x * x))
)
dawsn = elementwise("dawsn(x)", impl=integrals.dawsn, x=lambda g, x, out: g * _dawson_slope(x, out))
spence = elementwise("spence(x)", impl=integrals.spence, x=lambda g, x: -g / exprel(log(x), order=0))

# ---- the normal distribution -------------------------------------------------------------------

_ROOT_TAU = math.sqrt(2 * math.pi)
_SLOPE = 2 / math.sqrt(math.pi)


def _erfcx_slope(x: Any, out: Any) -> Any:
    """2 x erfcx(x) - 2 / sqrt(pi); of large x, where the two cancel, by the asymptotic series of erfcx."""
    far = greater(x, 25)
    y = 0.5 / (where(far, x, 25) * where(far, x, 25))
    series: Any = 135135 * y
    for coefficient in (-10395, 945, -105, 15, -3, 1):
        series = (series + coefficient) * y
    return where(far, -_SLOPE * series, 2 * x * where(far, 0, out) - _SLOPE)


erfcx = elementwise("erfcx(x)", impl=normal_tail.erfcx, x=lambda g, x, out: g * _erfcx_slope(x, out))
ndtr = elementwise("ndtr(x)", impl=normal_tail.ndtr, x=lambda g, x: g * (exp(-0.5 * (x * x)) / _ROOT_TAU))
log_ndtr = elementwise(  # by erfcx, as both the density and the distribution may underflow
    "log_ndtr(x)",
    impl=normal_tail.log_ndtr,
    x=lambda g, x: g * (math.sqrt(2 / math.pi) / erfcx(x * -math.sqrt(0.5))),
)
owens_t = elementwise(
    "owens_t(h, a)",
    impl=normal_tail.owens_t,
    h=lambda g, h, a: -g * (exp(-0.5 * (h * h)) * erf(a * h * math.sqrt(0.5)) / (2 * _ROOT_TAU)),
    a=lambda g, h, a: g * (exp(-0.5 * (h * h) * (1 + a * a)) / (2 * math.pi * (1 + a * a))),
)
ndtri = elementwise("ndtri(p)", impl=normal_tail.ndtri, p=lambda g, out: g * (_ROOT_TAU * exp(0.5 * (out * out))))

# ---- Bessel functions --------------------------------------------------------------------------


def _over(out: Any, x: Any) -> Any:
    """out / x of an odd function with slope 1/2 at 0."""
    origin = equal(x, 0)
    return where(origin, 0.5, where(origin, 0, out) / where(origin, 1, x))


i0 = elementwise("i0(x)", impl=bessel.i0, x=lambda g, x: g * i1(x))
i1 = elementwise("i1(x)", impl=bessel.i1, x=lambda g, x, out: g * (i0(x) - _over(out, x)))
i0e = elementwise("i0e(x)", impl=bessel.i0e, x=lambda g, x, out: g * (i1e(x) - sign(x) * out))
i1e = elementwise("i1e(x)", impl=bessel.i1e, x=lambda g, x, out: g * (i0e(x) - sign(x) * out - _over(out, x)))

# ---- logarithms --------------------------------------------------------------------------------


def _xlogy(xp: Any, x: Any, y: Any) -> Any:
    with numpy.errstate(divide="ignore", invalid="ignore"):
        product = x * xp.log(y)
    return xp.where(xp.equal(x, 0) & ~xp.isnan(y), xp.zeros_like(product), product)


def _xlog1py(xp: Any, x: Any, y: Any) -> Any:
    with numpy.errstate(divide="ignore", invalid="ignore"):
        product = x * xp.log1p(y)
    return xp.where(xp.equal(x, 0) & ~xp.isnan(y), xp.zeros_like(product), product)


def _quotient(x: Any, y: Any) -> Any:
    """x / y, and 0 for 0 / 0, whose derivative in x is then 1 and not infinite."""
    return x / where(logical_and(equal(x, 0), equal(y, 0)), 1, y)


xlogy = elementwise(  # 0 for x = 0, whatever y
    "xlogy(x, y)", impl=_xlogy, x=lambda g, y: g * log(y), y=lambda g, x, y: g * _quotient(x, y)
)
xlog1py = elementwise(
    "xlog1py(x, y)", impl=_xlog1py, x=lambda g, y: g * log1p(y), y=lambda g, x, y: g * _quotient(x, y + 1)
)


def _logit(xp: Any, x: Any) -> Any:
    """log(x) - log(1 - x); near 1/2, where they cancel, with the distance from there."""
    with numpy.errstate(divide="ignore", invalid="ignore"):
        s = 2 * (x - 0.5)
        middle = xp.abs(s) < 0.5
        near = xp.log1p(xp.where(middle, s, xp.zeros_like(s))) - xp.log1p(xp.where(middle, -s, xp.zeros_like(s)))
        return xp.where(middle, near, xp.log(x) - xp.log1p(-x))


logit = elementwise("logit(x)", impl=_logit, x=lambda g, x: g / (x * (1 - x)))
