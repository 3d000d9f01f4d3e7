"""Uses of `funcgrad/numpy/calculus.py`."""

from __future__ import annotations

import numpy as np
from samples import booleans, complexes, integers, uniform

from . import Use

X, Y, Z = uniform(2, 4), uniform(3, 2, 4), complexes(2, 4)
PLACES = np.array([0.3, 0.9, 1.2, 2.1])
GRID = np.cumsum(uniform(2, 4, low=0.3, high=1, seed=1), 1)
FEW = "JAX takes one number for each axis, or for all, and the first edge order alone"

USES = [
    Use("numpy.diff", (X,)),
    Use("numpy.diff", (Y,), {"n": 2, "axis": 0}),
    Use("numpy.diff", (X,), {"axis": 0, "prepend": 0.5, "append": uniform(2, 4, seed=1)}),
    Use("numpy.diff", (Z,), {"append": complexes(2, 1, seed=1)}),
    Use("numpy.diff", (integers(4),), {"prepend": 0}, order=0),
    Use("numpy.diff", (booleans(4),), order=0),
    Use("numpy.diff", (X,), {"n": 0}),
    Use("numpy.ediff1d", (X,)),
    Use("numpy.ediff1d", (X,), {"to_begin": 1.5, "to_end": uniform(2, seed=1)}),
    Use("numpy.ediff1d", (integers(4),), {"to_begin": np.array([1, 2])}, order=0),
    Use("numpy.trapezoid", (X,)),
    Use("numpy.trapezoid", (Y,), {"dx": 0.5, "axis": 0}),
    Use("numpy.trapezoid", (X, PLACES)),
    Use("numpy.trapezoid", (uniform(4, 2), PLACES), {"axis": 0}),
    Use("numpy.trapezoid", (X, GRID), {"axis": 1}),
    Use("numpy.trapezoid", (Z, PLACES)),
    Use("numpy.trapezoid", (integers(4),), order=0),
    Use("numpy.gradient", (uniform(4),)),
    Use("numpy.gradient", (X,)),
    Use("numpy.gradient", (X, 0.5)),
    Use("numpy.gradient", (X, 0.5), {"axis": 1}),
    Use("numpy.gradient", (Y, 0.5, 2.0), {"axis": (2, 0)}),
    Use("numpy.gradient", (X, PLACES), {"axis": -1}, jax=False, why=FEW),
    Use("numpy.gradient", (uniform(3, 4), np.array([0.1, 0.4, 1.0]), PLACES), {"edge_order": 2}, jax=False, why=FEW),
    Use("numpy.gradient", (uniform(4), 0.5), {"edge_order": 2}, jax=False, why=FEW),
    Use("numpy.gradient", (Z,), {"axis": 1}),
    Use("numpy.gradient", (integers(5),), order=0),
    Use("numpy.unwrap", (uniform(5, low=-9, high=9),)),
    Use("numpy.unwrap", (uniform(2, 5, low=-9, high=9),), {"axis": 0, "discont": 4.0}),
    Use("numpy.unwrap", (uniform(5, low=-9, high=9),), {"period": 3.0}),
    Use("numpy.unwrap", (integers(6),), {"period": 5}, order=0),
    Use("numpy.unwrap", (integers(6),), {"period": 4}, order=0),
    Use("numpy.interp", (uniform(2, 3, low=0, high=3), PLACES, uniform(4, seed=1))),
    Use("numpy.interp", (uniform(5, low=0, high=3), PLACES, uniform(4, seed=1)), {"left": -1.0, "right": 9.0}),
    Use("numpy.interp", (uniform(5, low=-5, high=5), PLACES[::-1], uniform(4, seed=1)), {"period": 2.5}),
    Use("numpy.interp", (1.0, PLACES, uniform(4, seed=1))),
    Use("numpy.interp", (uniform(5, low=0, high=3), PLACES, complexes(4, seed=1)), jax=False),
    Use("numpy.interp", (uniform(3), np.array([0.1]), np.array([2.5]))),
]
