"""More operations on each element by itself: roots and powers of two, the parts of a float, whole numbers.

As in `elementwise.py`, operands have met in one dtype before they come here; that of `ldexp` is its first operand's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import Aval
from ..device import Raw, backend_dtype, dtype_of
from ..rules import elementwise, general
from .elementwise import equal, trunc, where

__all__ = [
    "bitwise_count",
    "cbrt",
    "exp2",
    "fmod",
    "frexp_exponent",
    "gcd",
    "lcm",
    "ldexp",
    "logaddexp2",
]

_INT32, _UINT8 = np.dtype(np.int32), np.dtype(np.uint8)

# ---- roots, powers of two ----------------------------------------------------------------------

cbrt = elementwise("cbrt(x)", x=lambda g, out: g / (3 * (out * out)))
exp2 = elementwise("exp2(x)", x=lambda g, out: g * (out * math.log(2)))
logaddexp2 = elementwise(
    "logaddexp2(x, y)", x=lambda g, x, out: g * _exp2_below(x, out), y=lambda g, y, out: g * _exp2_below(y, out)
)
fmod = elementwise("fmod(x, y)", x=lambda g: g, y=lambda g, x, y: -g * trunc(x / y))


def _exp2_below(x: Any, out: Any) -> Any:
    """2^(x - out) for x <= out; of two equal infinities, whose difference is NaN, each counts in full."""
    return exp2(where(equal(x, out), 0, x - out))


# ---- the parts of a float ----------------------------------------------------------------------

ldexp = elementwise("ldexp(x, n)", x=lambda g, n: ldexp(g, n))


def _exponent(xp: Any, x: Raw) -> Raw:
    return xp.astype(xp.frexp(x)[1], backend_dtype(xp, _INT32))


frexp_exponent = general(  # n with |x| = m 2^n, m at least a half and below 1
    "frexp_exponent(x)", impl=_exponent, infer=lambda x: Aval(x.shape, _INT32)
)

# ---- whole numbers -----------------------------------------------------------------------------

gcd = elementwise("gcd(x, y)")
lcm = elementwise("lcm(x, y)")


def _count_bits(xp: Any, x: Raw) -> Raw:
    if hasattr(xp, "bitwise_count"):
        return xp.bitwise_count(x)
    count = xp.zeros(x.shape, dtype=xp.uint8, device=x.device)
    rest = xp.abs(x)  # as NumPy counts; of the least number the bits are those of its absolute value, too
    for place in range(8 * dtype_of(x).itemsize):
        count = count + xp.astype((rest >> place) & 1, xp.uint8)
    return count


bitwise_count = elementwise("bitwise_count(x)", impl=_count_bits, dtype=lambda _: _UINT8)
