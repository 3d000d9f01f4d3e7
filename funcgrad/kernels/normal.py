"""Standard normal numbers as a fixed function of the random stream: the same bits on every machine.

Each integer of the stream gives one number, by the inverse of the normal distribution function. With B = 32 or 64 the
width and s the integer read as a signed one, so that s + 1/2 is symmetric about 0,

    y = (s + 1/2) / 2^(B-1),  -1 < y < 1;    z = sqrt(2) erfinv(y):

* |y| <= 3/4:  z = y P(w) / Q(w), w = (3/4)^2 - y^2.
* |y| > 3/4:   z = sign(y) P(r) / Q(r), r = sqrt(-log(1 - |y|)). The distance 1 - |y| is made from the integer itself,
  so that nothing cancels: the tails reach 6.3 in float32 and 9.2 in float64.
* The logarithm of 2^e f, f in [sqrt(1/2), sqrt(2)), is e log(2) + 2 atanh((f - 1) / (f + 1)), by atanh's series.

There is nothing here but operations on integers and +, -, *, / and sqrt, which IEEE 754 rounds in one way only. A
library's log or cos has another last digit on each machine; these numbers have not, and a program in C or CUDA that
keeps the order of the operations (and fuses none of them) gives the same bits. The coefficients are part of the
stream: unlike those of `error_function` they never change.

They are this project's own: rational least squares in 50-digit arithmetic, reweighted towards the minimax fit (Lawson's
method), with a relative error below 4.4e-8 in float32 and 8.3e-17 in float64. With rounding, the largest errors found
are 6 ulp of z, out in the tails.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from . import philox
from .philox import Key, Raw


class _Format(NamedTuple):
    """What the formula is made of in one dtype; coefficients of the highest power first."""

    integer: Any
    width: int
    fraction: int  # bits of the significand behind the point
    root_half: int  # the bits of sqrt(1/2)
    series: tuple[float, ...]  # 2 atanh(s) / s in powers of s^2
    centre: tuple[tuple[float, ...], tuple[float, ...]]  # P, Q
    tail: tuple[tuple[float, ...], tuple[float, ...]]  # P, Q


_FLOAT32 = _Format(
    integer=np.int32,
    width=32,
    fraction=23,
    root_half=0x3F3504F3,
    series=tuple(2 / k for k in range(9, 0, -2)),
    centre=(
        (1.087407, 3.1365008, 1.533799),
        (0.082757734, 1.4197598, 2.5636623, 1.0),
    ),
    tail=(
        (0.6159983, 2.5302675, 0.61996454, 0.19591063, -0.026141483),
        (0.4352465, 1.8051577, 1.1307276, 1.0),
    ),
)

_FLOAT64 = _Format(
    integer=np.int64,
    width=64,
    fraction=52,
    root_half=0x3FE6A09E667F3BCD,
    series=tuple(2 / k for k in range(21, 0, -2)),
    centre=(
        (
            0.016833782279979375, 0.8264644055189406, 6.260490492961017, 16.166270814714736,
            17.836979643216786, 8.685768035762539, 1.5337991738346775,
        ),
        (
            0.0676150040215015, 1.3931622733396798, 7.277780494082891, 15.023382107214767,
            14.216642884065978, 6.18165896122428, 1.0,
        ),
    ),
    tail=(
        (
            0.0023438622738767892, 0.1193723879899407, 1.4562436920806527, 5.66805910910815,
            8.232916538139673, 6.612700151098869, 4.04245666602758, 1.1801599409607975,
            0.015086138191774076, -0.0014152494886034638,
        ),
        (
            0.001657339183235255, 0.08441629997964298, 1.0342452841812784, 4.16451466000537,
            7.112543449215343, 7.825615273794735, 6.066648603821055, 3.0594561310892314, 1.0,
        ),
    ),
)  # fmt: skip

# Numbers in a block, whose temporaries stay in the cache.
_BLOCK = 16384


def normal(key: Key, n: int, dtype: Any) -> Raw:
    """The first n standard normal numbers of the key's stream, float32 or float64."""
    found = np.dtype(dtype)
    if found not in (np.float32, np.float64):
        raise TypeError(f"normal numbers are float32 or float64, not {found}")
    return of_bits(philox.bits(key, n, 32 if found == np.float32 else 64))


def of_bits(bits: Raw) -> Raw:
    """A float32 number for each of the uint32, or a float64 number for each of the uint64."""
    form = _FLOAT32 if bits.dtype == np.uint32 else _FLOAT64
    integers = bits.view(form.integer)
    result = np.empty(bits.shape, np.dtype(f"f{bits.itemsize}"))
    for start in range(0, bits.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        _quantiles(integers[block], result[block], form)
    return result


def _quantiles(s: Raw, z: Raw, form: _Format) -> None:
    """z(s) into z: the centre's formula for all, then the tails' for those that are in them."""
    scale = 0.5 ** (form.width - 1)
    z[...] = s
    z += 0.5
    z *= scale
    outside = np.flatnonzero(np.abs(z) > 0.75)
    w = z * z
    np.subtract(0.5625, w, out=w)
    z *= _ratio(w, form.centre)
    if not outside.size:
        return

    tails = s[outside]
    distance = (~(tails ^ (tails >> (form.width - 1))) & np.iinfo(form.integer).max).astype(z.dtype)
    distance += 0.5
    distance *= scale
    r = np.sqrt(_minus_log(distance, form))
    z[outside] = np.copysign(_ratio(r, form.tail), z[outside])


def _minus_log(x: Raw, form: _Format) -> Raw:
    """-log(x) of normal numbers up to 1/2, in which the two terms do not cancel."""
    offset = x.view(form.integer) - form.root_half
    exponent = (offset >> form.fraction).astype(x.dtype)
    offset &= (1 << form.fraction) - 1
    offset += form.root_half
    f = offset.view(x.dtype)
    s = (f - 1.0) / (f + 1.0)
    exponent *= -math.log(2)
    exponent -= s * _polynomial(s * s, form.series)
    return exponent


def _ratio(x: Raw, fit: tuple[tuple[float, ...], tuple[float, ...]]) -> Raw:
    numerator = _polynomial(x, fit[0])
    numerator /= _polynomial(x, fit[1])
    return numerator


def _polynomial(x: Raw, coefficients: tuple[float, ...]) -> Raw:
    """Horner's rule, in place after the first step: the running value is private."""
    value = x * coefficients[0]
    value += coefficients[1]
    for coefficient in coefficients[2:]:
        value *= x
        value += coefficient
    return value
