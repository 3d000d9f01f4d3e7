"""Uses of `funcgrad/numpy/elementwise.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
from samples import booleans, complexes, integers, uniform

from . import Use

X, Y = uniform(2, 3), uniform(3, seed=1)
P, Q = uniform(2, 3, low=0.3, high=2), uniform(3, low=0.4, high=1.7, seed=1)
N, M = integers(2, 3), integers(3, low=1, seed=1)
A, B = booleans(2, 3), booleans(3, seed=1)
Z, W = complexes(2, 3), complexes(3, seed=1)
STEP, WHOLE, TRUTH = "its result is a step", "its result is a whole number", "its result is a truth value"

SMOOTH: dict[str, tuple[float, float]] = {  # where its derivatives are of moderate size
    "acos": (-0.8, 0.8), "acosh": (1.3, 3), "asin": (-0.8, 0.8), "asinh": (-2, 2), "atan": (-2, 2),
    "atanh": (-0.8, 0.8), "cos": (-2, 2), "cosh": (-2, 2), "exp": (-2, 2), "expm1": (-1, 2), "log": (0.3, 3),
    "log1p": (-0.5, 2), "log2": (0.3, 3), "log10": (0.3, 3), "negative": (-2, 2), "positive": (-2, 2),
    "reciprocal": (0.4, 2), "sin": (-2, 2), "sinh": (-2, 2), "sqrt": (0.3, 3), "square": (-2, 2), "tan": (-1, 1),
    "tanh": (-2, 2),
}  # fmt: skip
ALIASES = {
    "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan", "arctanh": "atanh",
}  # fmt: skip
STEPS = ("ceil", "floor", "trunc", "sign", "round")
ARITHMETIC = ("add", "subtract", "multiply", "divide", "true_divide")
COMPARISONS = ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
LOGIC = ("logical_and", "logical_or", "logical_xor")
BITS = ("bitwise_and", "bitwise_or", "bitwise_xor")

USES: list[Use] = []


def use(name: str, *args: Any, **more: Any) -> None:
    """One row more."""
    USES.append(Use(f"numpy.{name}", args, **more))


for name, (low, high) in SMOOTH.items():
    use(name, uniform(2, 3, low=low, high=high))
    use(name, Z, rtol=1e-11)
for name, first in ALIASES.items():
    low, high = SMOOTH[first]
    use(name, uniform(3, low=low, high=high))
for name in STEPS:
    use(name, X, order=0, why=STEP)
use("round", X, 1, order=0, why=STEP)
use("round", X, kwargs={"decimals": 2}, order=0, why=STEP)
use("sign", Z, rtol=1e-11, jax=False)  # of complex numbers JAX takes it for a step
for name in ("abs", "absolute"):
    use(name, X)
    use(name, Z)
    use(name, N, order=0)
for name in ("conj", "conjugate", "real", "imag"):
    use(name, Z)
    use(name, X)
for name in ARITHMETIC:
    use(name, P, Q)
    use(name, Z, W)
    use(name, X, 2.5)
    use(name, 2.5, P)
    use(name, N, M, order=0, why="operands are whole")
for name in ("power", "pow"):
    use(name, P, Y)
    use(name, X, 3)
    use(name, 1.5, X)
    use(name, Z, W, rtol=1e-11)
    use(name, N, M, order=0, why="operands are whole")
for name in ("floor_divide",):
    use(name, uniform(2, 3, low=-9, high=9), Q, order=0, why=STEP)
    use(name, N, M, order=0, why=WHOLE)
for name in ("remainder", "mod"):
    use(name, uniform(2, 3, low=-9, high=9), uniform(3, low=1.1, high=2, seed=1))
    use(name, N, M, order=0, why="operands are whole")
use("divmod", uniform(2, 3, low=-9, high=9), uniform(3, low=1.1, high=2, seed=1))
for name in ("atan2", "arctan2", "hypot", "logaddexp", "maximum", "minimum"):
    use(name, X, Y)
    use(name, X, 0.5)
use("copysign", X, Y)
use("nextafter", X, Y, order=0, why="differences of neighbours have no digits")
for name in COMPARISONS:
    use(name, X, Y, order=0, why=TRUTH)
    use(name, N, M, order=0)
    use(name, X, 0.5, order=0, why=TRUTH)
for name in LOGIC:
    use(name, A, B, order=0)
    use(name, N, B, order=0)
use("logical_not", A, order=0)
use("logical_not", X, order=0, why=TRUTH)
for name in ("isfinite", "isinf", "isnan"):
    use(name, np.array([1.0, np.nan, np.inf]), order=0, why=TRUTH)
    use(name, Z, order=0, why=TRUTH)
use("signbit", X, order=0, why=TRUTH)
for name in BITS:
    use(name, N, M, order=0)
    use(name, A, B, order=0)
    use(name, N, 3, order=0)
for name in ("bitwise_invert", "invert"):
    use(name, N, order=0)
    use(name, A, order=0)
for name in ("bitwise_left_shift", "bitwise_right_shift"):
    use(name, N, M, order=0)
    use(name, N, 2, order=0)
use("clip", X, -0.7, 0.6)
use("clip", X, uniform(3, low=-1, high=-0.5, seed=2), uniform(3, low=0.5, high=1, seed=3))
use("clip", X, kwargs={"min": -0.5})
use("clip", X, None, 0.5)
use("clip", N, -3, 4, order=0)
use("where", A, X, Y)
use("where", A, X, 1.5)
use("where", A, Z, X)
use("where", A, order=0)
use("nonzero", N, order=0)
use("nonzero", np.array([0.0, 1.5, 0.0, 2.5]), order=0, why=WHOLE)
use("select", [A, booleans(2, 3, seed=5)], [X, uniform(2, 3, seed=4)], kwargs={"default": 1.5})
