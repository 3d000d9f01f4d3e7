"""The incomplete gamma and beta functions, regularised, with their derivatives in the parameters.

In the right variable both densities decay exponentially and are smooth, so that one rule serves all arguments:

    P(a, x) = 1 / Gamma(a) * integral over t from 0 to x of t^(a-1) e^-t         with t = x e^-v, v from 0 to infinity
    Q(a, x) = 1 - P(a, x)                                                        with t = x e^v
    I(a, b, x) = 1 / B(a, b) * integral from 0 to x of t^(a-1) (1-t)^(b-1)       with t / (1 - t) = x / (1 - x) e^-v

The integral is the density at v = 0 times that of exp(h(v)), h(0) = 0, where h is concave. Of the two tails the one
that falls from its end is computed, by Gauss-Legendre quadrature up to where exp(h) is below a rounding; the other is
1 minus it. Where a is small the lower tails fall slowly; there the first terms of

    P(a, x) = P(a + 1, x) + x^a e^-x / Gamma(a + 1)

are taken apart first, which are positive like the rest, and for the beta function likewise.

A derivative in a multiplies the density by a polynomial: with p = exp(l(a)), p' = p l', p'' = p (l'^2 + l'') and so on.
So derivatives are as exact as the functions. Largest errors found: 60 ulp where the result is not tiny.

Sources: NIST Digital Library of Mathematical Functions, chapter 8 (8.2, 8.8, 8.17, 8.7.3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .gamma_function import FAR, correction, hurwitz, log_gamma, log_gamma_above_one, psi, true_gamma
from .in_double import Raw, in_double, in_two
from .quadrature import RULE

_FALL = 42.0
"""exp(-42) is half a percent of a rounding."""
_LEAST = float(np.finfo(np.float64).tiny)
_STEEP = 8.0
"""Lower tails are computed from a parameter of this size on."""


def _end(xp: Any, v: Raw, fall: Any) -> Raw:
    """Where h falls to -_FALL, by Newton's method from a v that is behind it: h is concave, so it stays behind.

    `fall(v)` gives h(v) and h'(v).
    """
    for _ in range(8):
        value, slope = fall(v)
        v = v - (value + _FALL) / slope
    return v


def _powers_of_slopes(logarithms: Sequence[Raw], order: int) -> Raw:
    """The derivative of exp(l) of that order, divided by exp(l), from those of l: l', l'', ..."""
    found: list[Any] = [1.0]
    for n in range(order):
        found.append(sum(math.comb(n, j) * logarithms[n - j] * found[j] for j in range(n + 1)))
    return found[order]


def _polygammas(xp: Any, a: Raw, order: int) -> list[Raw]:
    """digamma(a) and its derivatives, as many as there are orders."""
    found = [psi(xp, a)] if order else []
    for n in range(1, order):
        found.append((-1) ** (n + 1) * math.factorial(n) * hurwitz(xp, xp.full_like(a, n + 1.0), a))
    return found


def _excess(xp: Any, u: Raw, ratio: Raw) -> Raw:
    """u - log(1 + u), without cancellation: with r = u / (2 + u), log(1 + u) = 2 (r + r^3 / 3 + ...).

    `ratio` is 1 + u, where u is not small: near u = -1 it has digits that u has not.
    """
    near = xp.abs(u) < 0.5
    c = xp.where(near, u, xp.zeros_like(u))
    r = c / (2 + c)
    square = r * r
    total = xp.full_like(u, 1 / 35)
    for k in range(33, 1, -2):
        total = total * square + 1 / k
    return xp.where(near, c * r - 2 * r * square * total, u - xp.log(ratio))


# ---- gamma -------------------------------------------------------------------------------------


def _gamma_density(xp: Any, a: Raw, x: Raw) -> Raw:
    """x^a e^-x / Gamma(a)."""
    w = xp.where(a < FAR, xp.full_like(a, FAR), a)
    far = xp.sqrt(w / (2 * math.pi)) * xp.exp(-w * _excess(xp, (x - w) / w, x / w) - correction(w))
    near = x**a * xp.exp(-x) / true_gamma(xp, xp.clip(a, 0.0, FAR))
    return xp.where(a < FAR, near, far)


def _lower_gamma(xp: Any, a: Raw, x: Raw, order: int) -> Raw:
    """The derivative of P in a, for x <= a or x <= 1."""
    total = xp.zeros_like(a)
    slopes = _polygammas(xp, a + 1, order)
    log_x = xp.log(x) if order else x
    density = _gamma_density(xp, a, x)
    term = xp.where(a > 0, density / a, xp.exp(-x))  # x^a e^-x / Gamma(a + 1)
    for _ in range(int(_STEEP)):
        below = a < _STEEP
        weight = _weight(log_x, slopes, order)
        total = xp.where(below, total + term * weight, total)
        up = xp.where(below, a + 1, a)
        slopes = [_stepped(xp, below, s, up, k) for k, s in enumerate(slopes)]
        a, density = up, xp.where(below, term * x, density)
        term = density / a
    slopes = [_stepped(xp, a > 0, s, a, k, back=True) for k, s in enumerate(slopes)]

    def fall(v: Raw) -> tuple[Raw, Raw]:
        less = xp.expm1(-v)
        return -a * v - x * less, x * (less + 1) - a

    end = _end(xp, (_FALL + x) / a, fall)
    integral = xp.zeros_like(a)
    for place, share in RULE:
        v = end * place
        integral = integral + xp.exp(fall(v)[0]) * (share * _weight(log_x - v, slopes, order))
    return total + density * end * integral


def _weight(log_t: Raw, slopes: Sequence[Raw], order: int) -> Any:
    """What a derivative in a multiplies t^a / Gamma(c) by; `slopes` are digamma(c) and its derivatives."""
    if not order:
        return 1.0
    return _powers_of_slopes([log_t - slopes[0], *[-s for s in slopes[1:]]], order)


def _stepped(xp: Any, where: Raw, polygamma: Raw, c: Raw, n: int, back: bool = False) -> Raw:
    """polygamma(n, c + 1) from polygamma(n, c), or the other way round."""
    step = (-1) ** n * math.factorial(n) / c ** (n + 1)
    return xp.where(where, polygamma - step if back else polygamma + step, polygamma)


def _upper_gamma(xp: Any, a: Raw, x: Raw, order: int) -> Raw:
    """The derivative of Q in a, for x >= a and x >= 1."""

    def fall(v: Raw) -> tuple[Raw, Raw]:
        more = xp.expm1(v)
        return a * v - x * more, a - x * (more + 1)

    start = xp.minimum(xp.sqrt(2 * _FALL / x), 1 + xp.log1p(2 * _FALL / x))
    end = _end(xp, start, fall)
    slopes, log_x = _polygammas(xp, a, order), xp.log(x) if order else x
    integral = xp.zeros_like(a)
    for place, share in RULE:
        v = end * place
        integral = integral + xp.exp(fall(v)[0]) * (share * _weight(log_x + v, slopes, order))
    return _gamma_density(xp, a, x) * end * integral


def _upper_gamma_of_small(xp: Any, a: Raw, x: Raw) -> Raw:
    """Q for a <= 1 and x <= 1: 1 - x^a / Gamma(a + 1) and a quickly falling series, where 1 - P would cancel."""
    exponent = a * xp.log(x) - log_gamma_above_one(xp, a)
    total, power = xp.zeros_like(a), xp.ones_like(a)
    for n in range(1, 20):
        power = power * (-x / n)
        total = total + power / (a + n)
    return -xp.expm1(exponent) - a * xp.exp(exponent) * total


def _incomplete_gamma(xp: Any, a: Raw, x: Raw, order: int, lower: bool) -> Raw:
    """P or Q, or a derivative in a."""
    inside, ones = (a >= 0) & (x >= 0), xp.ones_like(a)
    base = xp.where(inside, xp.clip(a, _LEAST, 1e300), ones)
    at = xp.where(inside, xp.clip(x, _LEAST, 1e300), ones)
    below = (at < base) | (at < 1)
    whole = 0.0 if order else 1.0

    # a branch gets arguments of its own kind in the other one's places, so that its loops see finite numbers
    def low() -> Raw:
        found = _lower_gamma(xp, base, xp.where(below, at, xp.clip(base, 0.0, 1.0)), order)
        return found if lower else whole - found

    def high() -> Raw:
        found = _upper_gamma(xp, xp.where(below, ones, base), xp.where(below, ones, at), order)
        return whole - found if lower else found

    out = in_two(xp, below, low, high)
    if not lower and not order:
        small = below & (at <= 1) & (base <= 1)
        direct = _upper_gamma_of_small(xp, xp.where(small, base, ones), xp.where(small, at, ones))
        out = xp.where(small, direct, out)
    zero, one = xp.zeros_like(a), xp.full_like(a, whole)
    at_zero, at_end = (zero, one) if lower else (one, zero)
    out = xp.where((x == 0) | xp.isinf(a), at_zero, out)
    if not order:
        out = xp.where((a == 0) & (x > 0), at_end, out)
    out = xp.where(xp.isinf(x), at_end, out)
    undefined = ~inside | ((a == 0) & (x == 0)) | (xp.isinf(a) & xp.isinf(x))
    return xp.where(undefined, xp.full_like(a, math.nan), out)


# ---- beta --------------------------------------------------------------------------------------


def log_beta(xp: Any, a: Raw, b: Raw) -> Raw:
    """log B(a, b) of positive numbers; of large ones by Stirling's series, whose large parts cancel on paper."""
    low, high = xp.minimum(a, b), xp.maximum(a, b)
    w, v = xp.clip(high, FAR, math.inf), xp.clip(low, FAR, math.inf)
    # log Gamma(high) - log Gamma(low + high)
    shift = correction(w) - correction(w + low)

    def direct() -> Raw:
        return log_gamma(xp, low) + log_gamma(xp, high) - log_gamma(xp, low + high)

    def mixed() -> Raw:
        drop = low - low * xp.log(w) - (low + w - 0.5) * xp.log1p(low / w) + shift
        return log_gamma(xp, low) + drop

    def both() -> Raw:
        total = 0.5 * (math.log(2 * math.pi) - xp.log(w)) + correction(v) + shift
        return total - (v - 0.5) * xp.log1p(w / v) - w * xp.log1p(v / w)

    return in_two(xp, high < FAR, direct, lambda: in_two(xp, low < FAR, mixed, both))


def _beta_density(xp: Any, a: Raw, b: Raw, x: Raw, y: Raw) -> Raw:
    """x^a y^b / B(a, b), y = 1 - x."""
    v, w = xp.clip(a, FAR, math.inf), xp.clip(b, FAR, math.inf)
    gap = x * w - y * v  # (a + b) (x - the mean)
    exponent = v * _excess(xp, gap / v, x * ((v + w) / v)) + w * _excess(xp, -gap / w, y * ((v + w) / w))
    scale = xp.sqrt(v / (2 * math.pi) * (w / (v + w)))
    far = scale * xp.exp(correction(v + w) - correction(v) - correction(w) - exponent)
    near = xp.exp(a * xp.log(x) + b * xp.where(x < 0.5, xp.log1p(-x), xp.log(y)) - log_beta(xp, a, b))
    return xp.where(xp.minimum(a, b) < FAR, near, far)


def _beta_weight(a_logarithm: Raw, b_logarithm: Raw, slopes: Sequence[Sequence[Raw]], orders: tuple[int, int]) -> Any:
    """What derivatives in a and b multiply t^a (1 - t)^b / B(a, b) by."""
    of_a, of_b, of_sum = slopes
    total: Any = 1.0
    first, second = orders
    if not first and not second:
        return total
    # the derivatives of log Gamma(a + b) mix both parameters: by recursion on exp(l), one derivative at a time
    found: dict[tuple[int, int], Any] = {(0, 0): 1.0}

    def slope(i: int, j: int) -> Any:
        """The derivative of l, i times in a and j times in b."""
        common = of_sum[i + j - 1]
        if i and j:
            return common
        own, logarithm = (of_a, a_logarithm) if i else (of_b, b_logarithm)
        n = i + j
        return common - own[n - 1] + (logarithm if n == 1 else 0.0)

    for i in range(first + 1):
        for j in range(second + 1):
            if i:
                found[i, j] = sum(
                    math.comb(i - 1, p) * math.comb(j, q) * slope(i - p, j - q) * found[p, q]
                    for p in range(i)
                    for q in range(j + 1)
                )
            elif j:
                found[0, j] = sum(math.comb(j - 1, q) * slope(0, j - q) * found[0, q] for q in range(j))
    return found[first, second]


def _lower_beta(xp: Any, a: Raw, b: Raw, x: Raw, y: Raw, orders: tuple[int, int]) -> Raw:
    """The derivative of I in a and b, for x up to about a / (a + b)."""
    order = sum(orders)
    slopes = [_polygammas(xp, c, order) for c in (a + 1, b, a + b)]
    log_x, log_y = (xp.log(x), xp.where(x < 0.5, xp.log1p(-x), xp.log(y))) if order else (x, y)
    density = _beta_density(xp, a, b, x, y)
    total = xp.zeros_like(a)
    # x^a y^b / (a B(a, b)) is the term; in the next one a has grown by 1
    for _ in range(int(_STEEP)):
        below = a < _STEEP
        # 1 / (a B(a, b)) = Gamma(a + b) / (Gamma(a + 1) Gamma(b))
        total = xp.where(below, total + density / a * _beta_weight(log_x, log_y, slopes, orders), total)
        density = xp.where(below, density * x * ((a + b) / a), density)
        slopes = [
            [_stepped(xp, below, s, a + 1, k) for k, s in enumerate(slopes[0])],
            slopes[1],
            [_stepped(xp, below, s, a + b, k) for k, s in enumerate(slopes[2])],
        ]
        a = xp.where(below, a + 1, a)
    slopes[0] = [_stepped(xp, a > 0, s, a, k, back=True) for k, s in enumerate(slopes[0])]
    both = a + b

    def fall(v: Raw) -> tuple[Raw, Raw]:
        less = x * xp.expm1(-v)
        return -a * v - both * xp.log1p(less), both * (less + x) / (1 + less) - a

    end = _end(xp, (_FALL - both * xp.log1p(-x)) / a, fall)
    integral = xp.zeros_like(a)
    for place, share in RULE:
        v = end * place
        if order:
            change = xp.log1p(x * xp.expm1(-v))
            weight = _beta_weight(log_x - v - change, log_y - change, slopes, orders)
            integral = integral + xp.exp(fall(v)[0]) * (share * weight)
        else:
            integral = integral + xp.exp(fall(v)[0]) * share
    return total + density * end * integral


def _incomplete_beta(xp: Any, a: Raw, b: Raw, x: Raw, orders: tuple[int, int]) -> Raw:
    """I, or a derivative in a and b."""
    inside = (a >= 0) & (b >= 0) & (x >= 0) & (x <= 1)
    ones = xp.ones_like(a)
    half = 0.5 * ones
    p, q = (xp.where(inside, xp.clip(c, _LEAST, 1e300), ones) for c in (a, b))
    at = xp.where(inside & (x > 0) & (x < 1), x, half)
    other = 1 - at
    below = at * q <= other * p
    whole = 0.0 if sum(orders) else 1.0

    # as above: in places of the other branch the mean of a symmetric density
    def low() -> Raw:
        c, d, x, y = (xp.where(below, v, w) for v, w in ((p, ones), (q, ones), (at, half), (other, half)))
        return _lower_beta(xp, c, d, x, y, orders)

    def high() -> Raw:
        c, d, x, y = (xp.where(below, w, v) for v, w in ((q, ones), (p, ones), (other, half), (at, half)))
        return whole - _lower_beta(xp, c, d, x, y, orders[::-1])

    out = in_two(xp, below, low, high)
    zero, one = xp.zeros_like(a), xp.full_like(a, whole)
    out = xp.where((a == 0) | xp.isinf(b), one, xp.where((b == 0) | xp.isinf(a), zero, out))
    out = xp.where(x == 0, zero, xp.where(x == 1, one, out))
    undefined = ~inside | ((a == 0) & (b == 0)) | (xp.isinf(a) & xp.isinf(b))
    return xp.where(undefined, xp.full_like(a, math.nan), out)


# ---- densities ---------------------------------------------------------------------------------


def _density_of_gamma(xp: Any, a: Raw, x: Raw, order: int) -> Raw:
    """The derivative in a of x^(a-1) e^-x / Gamma(a), 0 for negative x."""
    ones = xp.ones_like(a)
    inside = (x > 0) & (a > 0)
    p, at = xp.where(inside, a, ones), xp.where(inside, x, ones)
    weight = _weight(xp.log(at), _polygammas(xp, p, order), order)
    out = _gamma_density(xp, p, at) / at * weight
    edge = xp.where(a == 1, ones, xp.where(a < 1, math.inf * ones, 0 * ones)) if not order else 0 * ones
    out = xp.where(inside & (x < math.inf), out, xp.where(x == 0, edge, 0 * ones))
    return xp.where((a > 0) & ~xp.isnan(x), out, math.nan * ones)


def _density_of_beta(xp: Any, a: Raw, b: Raw, x: Raw, orders: tuple[int, int]) -> Raw:
    """The derivative in a and b of x^(a-1) (1-x)^(b-1) / B(a, b), 0 outside of [0, 1]."""
    ones = xp.ones_like(a)
    inside, valid = (x > 0) & (x < 1) & (a > 0) & (b > 0), (a > 0) & (b > 0) & ~xp.isnan(x)
    p, q, at = xp.where(inside, a, ones), xp.where(inside, b, ones), xp.where(inside, x, 0.5 * ones)
    other = 1 - at
    order = sum(orders)
    slopes = [_polygammas(xp, c, order) for c in (p, q, p + q)]
    weight = _beta_weight(xp.log(at), xp.where(at < 0.5, xp.log1p(-at), xp.log(other)), slopes, orders)
    out = _beta_density(xp, p, q, at, other) / at / other * weight

    def edge(own: Raw, opposite: Raw) -> Raw:
        return xp.where(own == 1, opposite, xp.where(own < 1, math.inf * ones, 0 * ones)) if not order else 0 * ones

    out = xp.where(inside, out, xp.where(x == 0, edge(a, b), xp.where(x == 1, edge(b, a), 0 * ones)))
    return xp.where(valid, out, math.nan * ones)


gamma_density = in_double(lambda xp, a, x, *, order=0: _density_of_gamma(xp, a, x, order))
beta_density = in_double(lambda xp, a, b, x, *, orders=(0, 0): _density_of_beta(xp, a, b, x, orders))
gammainc = in_double(lambda xp, a, x, *, order=0: _incomplete_gamma(xp, a, x, order, True))
gammaincc = in_double(lambda xp, a, x, *, order=0: _incomplete_gamma(xp, a, x, order, False))
betainc = in_double(lambda xp, a, b, x, *, orders=(0, 0): _incomplete_beta(xp, a, b, x, orders))
betaln = in_double(log_beta)
