"""Samples of `funcgrad/ops/floats.py`; the expected values come from Python's `math` and from NumPy."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from . import Sample, integers, uniform
from .elementwise import by_element

SAMPLES = [
    Sample(name, (uniform(*shape, low=low, high=high),), by_element(f), rtol=1e-11, portable=False)
    for name, f, low, high in [("cbrt", math.cbrt, 0.3, 3), ("cbrt", math.cbrt, -3, -0.3), ("exp2", math.exp2, -2, 2)]
    for shape in [(), (2, 3), (0, 2)]
]
SAMPLES += [
    Sample(
        name,
        (uniform(*s, low=low, high=9), uniform(*t, low=1.1, high=2, seed=1)),
        by_element(f),
        rtol=1e-11,
        portable=False,
    )
    for name, f, low in [
        ("fmod", math.fmod, -9),
        ("logaddexp2", lambda a, b: math.log2(2**a + 2**b), -2),
    ]
    for s, t in [((2, 3), (2, 3)), ((2, 1), (3,)), ((), (3,)), ((0, 3), (3,))]
]
SAMPLES += [
    Sample("fmod", (integers(2, 3), integers(3, low=1, seed=1)), by_element(lambda a, b: int(math.fmod(a, b)))),
    Sample("fmod", (uniform(3, low=-9, high=9), 1.3), by_element(math.fmod)),
    Sample("ldexp", (uniform(2, 3), integers(3)), by_element(math.ldexp, "float64")),
    Sample("ldexp", (uniform(3), 2), by_element(math.ldexp, "float64")),
    Sample("frexp_exponent", (uniform(2, 3, low=-50, high=50),), lambda x: np.frexp(x)[1]),
    Sample("gcd", (integers(2, 3), integers(3, seed=1)), by_element(math.gcd)),
    Sample("gcd", (integers(3), 6), by_element(math.gcd)),
    Sample("lcm", (integers(2, 3), integers(3, seed=1)), by_element(math.lcm)),
    Sample("bitwise_count", (integers(2, 5),), by_element(int.bit_count, "uint8")),
    Sample("bitwise_count", (integers(6, low=0, high=255, dtype="uint8"),), by_element(int.bit_count, "uint8")),
    Sample("bitwise_count", (np.array([-128, 127, -1], "int8"),), by_element(int.bit_count, "uint8")),
]
SAMPLES = [
    Sample(s.primitive, s.args, s.oracle, s.params, s.order, s.rtol, portable=s.primitive == "bitwise_count")
    for s in SAMPLES
]
SAMPLES += [
    Sample(name, (x,), f, rtol=1e-14, order=order)
    for name, f in {"i0": special.i0, "i1": special.i1}.items()
    for x, order in [
        (uniform(2, 3, low=-7, high=7), 2),
        (uniform(), 2),
        (np.array([-12.0, -3.5, 0.7, 9.0]), 2),
        (np.array([0.0, 1e-9, 8.0, 8.1, 80.0, -1e-30]), 0),
    ]
]
