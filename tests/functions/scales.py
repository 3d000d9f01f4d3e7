"""Uses of `funcgrad/numpy/scales.py`."""

from __future__ import annotations

import numpy as np
from samples import complexes, uniform

from . import Use

LOW, HIGH = uniform(2, low=0.3, high=1), uniform(3, 2, low=2, high=5, seed=1)

USES = [
    Use("numpy.logspace", (0, 2, 5), order=0),
    Use("numpy.logspace", (0, 2, 4), {"endpoint": False, "base": 2.0}, order=0),
    Use("numpy.logspace", (LOW, HIGH, 4)),
    Use("numpy.logspace", (LOW, HIGH, 4), {"axis": -1, "base": 2.0}),
    Use("numpy.logspace", (0.5, HIGH), {"num": 3, "endpoint": False}),
    Use("numpy.logspace", (0.0, 1.0, 4), {"base": np.array([2.0, 3.0])}, jax=False),
    Use("numpy.logspace", (0, 3, 4), {"dtype": "int64"}, order=0),
    Use("numpy.geomspace", (1, 256, 9), order=0),
    Use("numpy.geomspace", (-1, -100, 3), {"endpoint": False}, order=0),
    Use("numpy.geomspace", (LOW, HIGH, 4)),
    Use("numpy.geomspace", (-LOW, -HIGH, 4), {"axis": 1}),
    Use("numpy.geomspace", (LOW, 7.5), {"num": 3, "endpoint": False}),
    Use("numpy.geomspace", (complexes(2), complexes(2, seed=1), 3)),
]
