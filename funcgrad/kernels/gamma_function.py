"""The gamma function, its logarithm and that one's derivatives, for real arguments.

* log Gamma(2 + z) = z P(z) for |z| <= 1/2: a polynomial with the zero taken out, so that it is exact relative to itself
  around both zeros. Arguments from 1/2 to 8 are brought there by Gamma(x + 1) = x Gamma(x), in the direction in which
  nothing cancels. From 8 on Stirling's series; below -1/2 the reflection Gamma(x) Gamma(1 - x) = pi / sin(pi x),
  with -x Gamma(-x) for Gamma(1 - x), since 1 - x would be rounded.
* digamma(x) = (x - root) P(x) for 1 <= x <= 2, where the root is known to twice the digits; elsewhere alike.
* zeta(s, q) = sum over k >= 0 of (q + k)^-s: the first terms, and the Euler-Maclaurin sum of the others.

The polynomials are this project's own: interpolation at Chebyshev points in 50-digit arithmetic, with errors below a
twentieth of a rounding.

Sources: NIST Digital Library of Mathematical Functions, chapter 5 (5.5.3, 5.11.1, 5.11.2, 5.15) and 25.11.
"""

from __future__ import annotations

import math
from typing import Any

from .in_double import Raw, in_double, polynomial

_LGAMMA = (
    6.379047507619774e-08, -1.3412819758517287e-07, 2.0304806751615227e-07, -4.303558760359961e-07,
    9.578663334114758e-07, -2.0449201467015115e-06, 4.374374916915131e-06, -9.438458716242811e-06,
    2.050726741605779e-05, -4.4926351103833334e-05, 9.945750909889392e-05, -0.00022315475074520367,
    0.0005096695248853096, -0.0011927539120010226, 0.002890510330738737, -0.0073855510286681535,
    0.02058080842778457, -0.06735230105319814, 0.3224670334241132, 0.42278433509846713,
)  # fmt: skip
_DIGAMMA = (
    0.00011881232908510335, -0.0001782188548855923, 9.653646261410062e-05, -0.00014480643368061614,
    0.00032395945401345196, -0.00048595039220036254, 0.0006909255761282986, -0.0010364584817312839,
    0.0015633696313653504, -0.0023454947397380833, 0.003518106563802472, -0.005279937255532708,
    0.007927021796868154, -0.011908220105959716, 0.017907248317313294, -0.026975796659787055, 0.040760833940846085,
    -0.06192213327548831, 0.09498872445289039, -0.14840492305388092, 0.24054248424078697, -0.4236274212814606,
    0.9510558760318328,
)  # fmt: skip
_STIRLING = (
    -1.3924322169059011, 0.17964437236883057, -0.029550653594771242, 0.00641025641025641, -0.0019175269175269176,
    0.0008417508417508417, -0.0005952380952380953, 0.0007936507936507937, -0.002777777777777778,
    0.08333333333333333,
)  # fmt: skip
_PSI = (
    -26.456212121212122, 3.0539543302701198, -0.4432598039215686, 0.08333333333333333, -0.021092796092796094,
    0.007575757575757576, -0.004166666666666667, 0.003968253968253968, -0.008333333333333333, 0.08333333333333333,
)  # fmt: skip
EULER_MACLAURIN = (
    0.08333333333333333, -0.001388888888888889, 3.306878306878307e-05, -8.267195767195768e-07, 2.08767569878681e-08,
    -5.284190138687493e-10, 1.3382536530684679e-11, -3.3896802963225827e-13, 8.586062056277845e-15,
    -2.174868698558062e-16, 5.5090028283602295e-18, -1.3954464685812522e-19, 3.534707039629467e-21,
)  # fmt: skip
_ROOT = (1.4616321449683622, 9.549995429965697e-17)
_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)
FAR = 8.0
"""From here on Stirling's series has all digits."""


def correction(w: Raw) -> Raw:
    """log Gamma(w) - ((w - 1/2) log(w) - w + log(2 pi) / 2) for w >= FAR, by Stirling's series."""
    return polynomial((1 / w) * (1 / w), _STIRLING) / w


def _down(xp: Any, y: Raw, steps: int) -> tuple[Raw, Raw]:
    """y less 1 as often as it takes to come down to 2.5, and the product of what it was lowered to."""
    product = xp.ones_like(y)
    for _ in range(steps):
        above = y > 2.5
        y = xp.where(above, y - 1, y)
        product = xp.where(above, product * y, product)
    return y, product


def _sine(xp: Any, x: Raw) -> Raw:
    """|sin(pi x)|, from the distance to the nearest integer, which is exact."""
    return xp.sin(math.pi * xp.abs(x - xp.round(x)))


def log_gamma(xp: Any, x: Raw) -> Raw:
    """log |Gamma(x)| of float64 numbers."""
    reflected = x <= -0.5
    y = xp.where(reflected, -x, x)
    small, middle = xp.abs(y) < 0.5, y < 1.5
    lowered, product = _down(xp, xp.clip(y, 1.5, FAR), 6)
    z = xp.where(small, y, xp.where(middle, xp.clip(y, 0.5, 1.5) - 1, lowered - 2))
    moved = xp.where(small, xp.log(xp.abs(y) * (1 + y)), xp.where(middle, xp.log1p(z), -xp.log(product)))
    near = z * polynomial(z, _LGAMMA) - moved
    w = xp.where(y < FAR, xp.full_like(y, FAR), y)
    far = (w - 0.5) * (xp.log(w) - 1) + (correction(w) + (_HALF_LOG_TAU - 0.5))
    out = xp.where(y < FAR, near, far)
    out = xp.where(reflected, xp.log(math.pi / (y * _sine(xp, x))) - out, out)
    pole = (x <= 0) & (xp.floor(x) == x)
    return xp.where(pole, xp.full_like(x, math.inf), out)


def log_gamma_above_one(xp: Any, a: Raw) -> Raw:
    """log Gamma(1 + a) for 0 <= a <= 1, exact relative to itself where 1 + a would lose the digits of a."""
    small = a < 0.5
    z = xp.where(small, a, xp.zeros_like(a))
    return xp.where(small, z * polynomial(z, _LGAMMA) - xp.log1p(z), log_gamma(xp, 1 + a))


def true_gamma(xp: Any, x: Raw) -> Raw:
    """Gamma(x) of float64 numbers; NaN at negative integers, and an infinity of zero's sign at zero."""
    reflected = x <= -0.5
    y = xp.where(reflected, -x, x)
    small, middle = xp.abs(y) < 0.5, y < 1.5
    lowered, product = _down(xp, xp.clip(y, 1.5, 13.0), 11)
    z = xp.where(small, y, xp.where(middle, xp.clip(y, 0.5, 1.5) - 1, lowered - 2))
    factor = xp.where(small, 1 / (y * (1 + y)), xp.where(middle, 1 / y, product))
    near = xp.exp(z * polynomial(z, _LGAMMA)) * factor
    w = xp.clip(y, 13.0, 200.0)
    root = w ** (w * 0.5)  # the half of the power, which does not overflow before the whole does
    far = (root * xp.exp(-w)) * root * (math.sqrt(2 * math.pi) * xp.exp(correction(w)) / xp.sqrt(w))
    out = xp.where(y < 13, near, far)
    odd = xp.floor(x) % 2 == 1  # where sin(pi x) is negative
    mirrored = math.pi / (_sine(xp, x) * y * xp.where(odd, -out, out))
    out = xp.where(reflected, mirrored, out)
    invalid = (x < 0) & (xp.floor(x) == x)
    return xp.where(invalid | xp.isnan(x), xp.full_like(x, math.nan), out)


def psi(xp: Any, x: Raw) -> Raw:
    """digamma(x) of float64 numbers."""
    reflected = x < 0
    y = xp.where(reflected, 1 - x, x)
    low = y < 1
    t, total = xp.clip(xp.where(low, y + 1, y), 1.0, FAR), xp.zeros_like(y)
    for _ in range(7):
        above = t >= 2
        t = xp.where(above, t - 1, t)
        total = xp.where(above, total + 1 / t, total)
    near = ((t - _ROOT[0]) - _ROOT[1]) * polynomial(t - 1.5, _DIGAMMA) + total
    near = xp.where(low, near - 1 / y, near)
    w = xp.where(y < FAR, xp.full_like(y, FAR), y)
    far = xp.log(w) - (0.5 / w + polynomial((1 / w) * (1 / w), _PSI) * ((1 / w) * (1 / w)))
    out = xp.where(y < FAR, near, far)
    mirrored = out - math.pi / xp.tan(math.pi * (x - xp.round(x)))
    invalid = reflected & (xp.round(x) == x)
    return xp.where(invalid, xp.full_like(x, math.nan), xp.where(reflected, mirrored, out))


TERMS = 9
"""Terms that `zeta` sums before the Euler-Maclaurin sum."""


def _zeta_of_positive(xp: Any, s: Raw, q: Raw) -> Raw:
    total = q**-s
    for k in range(1, TERMS):
        total = total + (q + k) ** -s
    end = q + TERMS
    power = end**-s
    total = total + power * (0.5 + end / (s - 1))
    factor = s * power / end
    for j, coefficient in enumerate(EULER_MACLAURIN):
        total = total + factor * coefficient
        factor = factor * ((s + 2 * j + 1) * (s + 2 * j + 2)) / (end * end)
    # of a large s the later terms are zero, and factors of them infinity times zero
    return xp.where(s > 600, q**-s + (q + 1) ** -s, total)


def hurwitz(xp: Any, s: Raw, q: Raw) -> Raw:
    """zeta(s, q) of float64 numbers; NaN for s < 1, and for q < 0 unless s is an integer."""
    total = _zeta_of_positive(xp, s, xp.abs(q))
    if bool(xp.any(q < 0)):
        below = xp.floor(q)
        up = q - below  # zeta(s, q) of q < 0: all terms of positive q + k, and the negative ones with their sign
        signed = xp.where(s % 2 == 1, -xp.ones_like(s), xp.ones_like(s))
        negative = _zeta_of_positive(xp, s, 1 - up) - _zeta_of_positive(xp, s, 1 - q)
        mirrored = _zeta_of_positive(xp, s, up) + signed * negative
        total = xp.where(q < 0, xp.where(s == xp.floor(s), mirrored, xp.full_like(s, math.nan)), total)
    pole = ((q <= 0) & (q == xp.floor(q))) | (s == 1)
    total = xp.where(pole, xp.full_like(total, math.inf), total)
    total = xp.where(xp.isinf(q), xp.zeros_like(total), total)
    return xp.where((s < 1) | xp.isnan(s) | xp.isnan(q), xp.full_like(total, math.nan), total)


gammaln, gamma, digamma, zeta = in_double(log_gamma), in_double(true_gamma), in_double(psi), in_double(hurwitz)
