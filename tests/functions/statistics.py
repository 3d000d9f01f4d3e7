"""Uses of `funcgrad/numpy/statistics.py`."""

from __future__ import annotations

import numpy as np
from samples import complexes, integers, uniform

from . import Use

X, Z = uniform(2, 5), complexes(2, 5)
COUNTED, WEIGHTS = np.array([1, 2, 1, 3, 2]), uniform(5, low=0.5, seed=1)

USES = [
    Use("numpy.cov", (X,)),
    Use("numpy.cov", (uniform(5),)),
    Use("numpy.cov", (X, uniform(5, seed=2))),
    Use("numpy.cov", (uniform(5, 2),), {"rowvar": False, "bias": True}),
    Use("numpy.cov", (X,), {"ddof": 2}),
    Use("numpy.cov", (X,), {"fweights": COUNTED}),
    Use("numpy.cov", (X,), {"aweights": WEIGHTS}),
    Use("numpy.cov", (X,), {"fweights": COUNTED, "aweights": WEIGHTS, "ddof": 0}),
    Use("numpy.cov", (X,), {"fweights": COUNTED, "aweights": WEIGHTS}),
    Use("numpy.cov", (Z,)),
    Use("numpy.cov", (Z, complexes(1, 5, seed=1)), {"rowvar": True}),
    Use("numpy.cov", (integers(2, 4),), order=0),
    Use("numpy.corrcoef", (X,)),
    Use("numpy.corrcoef", (uniform(5), uniform(5, seed=2))),
    Use("numpy.corrcoef", (uniform(5, 2),), {"rowvar": False}),
    Use("numpy.corrcoef", (Z,)),
    Use("numpy.corrcoef", (integers(2, 4),), order=0),
]
