"""Uses of `funcgrad/numpy/creation.py`."""

from __future__ import annotations

import numpy as np
from samples import complexes, integers, uniform

from . import Use

X, Z = uniform(2, 3), complexes(2, 2)
CONSTANT = "its result does not depend on the values"


USES = [
    Use("numpy.arange", (5,), order=0),
    Use("numpy.arange", (2, 9, 3), order=0),
    Use("numpy.arange", (0.0, 1.0, 0.25), order=0),
    Use("numpy.arange", (5, -2, -2), {"dtype": "float64"}, order=0),
    Use("numpy.array", ([[1, 2], [3, 4]],), order=0),
    Use("numpy.array", (X,)),
    Use("numpy.asarray", (X,)),
    Use("numpy.asarray", (Z,)),
    Use("numpy.asarray", (integers(2, 3),), {"dtype": "float64"}, order=0),
    Use("numpy.asarray", ([1.5, 2.5],), order=0),
    Use("numpy.copy", (X,)),
    Use("numpy.empty", ((2, 3),), oracle=np.zeros, order=0),
    Use("numpy.empty_like", (X,), oracle=np.zeros_like, order=0, why=CONSTANT),
    Use("numpy.eye", (3,), order=0),
    Use("numpy.eye", (2, 4), {"k": 1, "dtype": "int64"}, order=0),
    Use("numpy.eye", (3, 2), {"k": -1}, order=0),
    Use("numpy.from_dlpack", (X,), jax=False),
    Use("numpy.full", ((2, 3), 1.5), order=0),
    Use("numpy.full", ((2, 3), uniform(3))),
    Use("numpy.full", (3, 7), {"dtype": "float64"}, order=0),
    Use("numpy.full_like", (X, 2.5), order=0, why=CONSTANT),
    Use("numpy.full_like", (integers(2, 3), 2), order=0),
    Use("numpy.identity", (3,), order=0),
    Use("numpy.linspace", (0.5, 2.0), {"num": 4}, order=0),
    Use("numpy.linspace", (0.5, 2.0, 4), {"endpoint": False}, order=0),
    Use("numpy.linspace", (uniform(2), uniform(2, seed=1), 3), rtol=1e-12),
    Use("numpy.linspace", (uniform(2), 3.5, 4), {"axis": 1, "endpoint": False}),
    Use("numpy.linspace", (0, 1, 5), {"retstep": True}, order=0),
    Use("numpy.meshgrid", (uniform(2), uniform(3, seed=1))),
    Use("numpy.meshgrid", (uniform(2), uniform(3, seed=1)), {"indexing": "ij"}),
    Use("numpy.meshgrid", (uniform(2), uniform(3, seed=1)), {"sparse": True}),
    Use("numpy.meshgrid", (uniform(2), uniform(3, seed=1), uniform(2, seed=2)), {"indexing": "xy"}),
    Use("numpy.ones", ((2, 3),), order=0),
    Use("numpy.ones", (2,), {"dtype": "int32"}, order=0),
    Use("numpy.ones_like", (X,), order=0, why=CONSTANT),
    Use("numpy.zeros", ((2, 3),), order=0),
    Use("numpy.zeros", ((),), {"dtype": "complex128"}, order=0),
    Use("numpy.zeros_like", (X,), order=0, why=CONSTANT),
    Use("numpy.full_like", (X, 1.5), {"shape": (3, 2), "dtype": "float32"}, order=0, why=CONSTANT),
    Use("numpy.array", (X,), {"ndmin": 4}),
    Use("numpy.eye", (3, 4, 1, "int64"), order=0),
    Use("numpy.zeros_like", (X,), {"dtype": "int64"}, order=0, why=CONSTANT),
]
