"""Uses of `funcgrad/numpy/floats.py`, `integers.py` and `comparisons.py`."""

from __future__ import annotations

import math

import numpy as np
from samples import booleans, complexes, integers, uniform

from . import Use

X, Y = uniform(2, 3), uniform(3, seed=1)
HOLES = np.array([[0.5, np.nan, -1.5], [np.inf, -np.inf, 2.5]])
STEP, WHOLE, TRUTH = "its result is a step", "its result is a whole number", "its result is a truth value"

USES = [
    Use("numpy.cbrt", (uniform(2, 3, low=0.3, high=3),)),
    Use("numpy.cbrt", (uniform(3, low=-3, high=-0.3),)),
    Use("numpy.exp2", (X,)),
    Use("numpy.logaddexp2", (X, Y)),
    Use("numpy.fabs", (X,)),
    Use("numpy.fmax", (X, Y)),
    Use("numpy.fmin", (X, Y)),
    Use("numpy.fmax", (integers(2, 3), integers(3, seed=1)), order=0),
    Use("numpy.fmod", (uniform(2, 3, low=-9, high=9), uniform(3, low=1.1, high=2, seed=1))),
    Use("numpy.fmod", (integers(2, 3), integers(3, low=1, seed=1)), order=0),
    Use("numpy.float_power", (uniform(2, 3, low=0.3), Y)),
    Use("numpy.float_power", (complexes(2, 3), complexes(3, seed=1))),
    Use("numpy.heaviside", (X, Y)),
    Use("numpy.ldexp", (X, integers(3))),
    Use("numpy.frexp", (uniform(2, 3, low=-50, high=50),)),
    Use("numpy.modf", (uniform(2, 3, low=-5, high=5),)),
    Use("numpy.spacing", (X,), order=0, why=STEP),
    Use("numpy.rint", (uniform(2, 3, low=-5, high=5),), order=0, why=STEP),
    Use("numpy.around", (uniform(2, 3, low=-5, high=5), 1), order=0, why=STEP),
    Use("numpy.sinc", (X,)),
    Use("numpy.sinc", (np.array([0.0, 1e-9, 0.1, 0.17, 1.0]),)),
    Use("numpy.sinc", (complexes(3),), rtol=1e-11),
    Use("numpy.nan_to_num", (X,)),
    Use("numpy.nan_to_num", (complexes(3),)),
    Use("numpy.nan_to_num", (HOLES,), {"nan": 1.0, "posinf": 2.0, "neginf": -3.0}, order=0, why="differences are NaN"),
    Use("numpy.deg2rad", (X,)),
    Use("numpy.rad2deg", (X,)),
    Use("numpy.radians", (X,)),
    Use("numpy.degrees", (X,)),
    Use("numpy.angle", (complexes(2, 3),)),
    Use("numpy.angle", (complexes(3),), {"deg": True}),
    Use("numpy.angle", (X,)),
    Use("numpy.gcd", (integers(2, 3), integers(3, seed=1)), order=0),
    Use("numpy.lcm", (integers(2, 3), integers(3, seed=1)), order=0),
    Use("numpy.bitwise_count", (integers(2, 5, low=0),), order=0),
    Use("numpy.bitwise_not", (integers(2, 5),), order=0),
    Use("numpy.left_shift", (integers(2, 3), integers(3, low=0, seed=1)), order=0),
    Use("numpy.right_shift", (integers(2, 3), integers(3, low=0, seed=1)), order=0),
    Use("numpy.isclose", (X, X + 1e-7), order=0, why=TRUTH),
    Use("numpy.isclose", (HOLES, HOLES), {"equal_nan": True}, order=0, why=TRUTH),
    Use("numpy.isclose", (X, Y), {"rtol": 0.5, "atol": 0.1}, order=0, why=TRUTH),
    Use("numpy.isclose", (complexes(3), complexes(3) + 1e-7j), order=0, why=TRUTH),
    Use("numpy.isneginf", (HOLES,), order=0, why=TRUTH),
    Use("numpy.isposinf", (HOLES,), order=0, why=TRUTH),
    Use("numpy.isreal", (complexes(3).real + 1j * np.array([0.0, 1.0, -0.0]),), order=0, why=TRUTH),
    Use("numpy.iscomplex", (complexes(3).real + 1j * np.array([0.0, 1.0, -0.0]),), order=0, why=TRUTH),
    Use("numpy.isreal", (booleans(3),), order=0),
    Use("numpy.isrealobj", (X,), order=0, vmap=False, jit=False, why="a Python bool, by the dtype"),
    Use("numpy.iscomplexobj", (X,), order=0, vmap=False, jit=False, why="a Python bool, by the dtype"),
    *[
        Use(f"numpy.{name}", (X, X * (1 + 1e-9)), {}, order=0, vmap=False, jit=False, why="a Python bool", jax=False)
        for name in ("allclose", "array_equal")
    ],
    Use("numpy.deg2rad", (math.pi,), order=0, jax=False),
]
