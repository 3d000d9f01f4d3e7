"""Uses of `funcgrad/numpy/histograms.py`."""

from __future__ import annotations

import numpy as np
from samples import integers, uniform

from . import Use

X, W, POINTS = uniform(7), uniform(7, low=0.5, seed=1), uniform(6, 2)
EDGES, OTHER = np.array([-2.0, -1.1, 0.3, 2.0]), np.array([-1.5, 0.2, 2.0])
COUNTS, STEP = "its counts are whole numbers", "a step in the elements, linear in the weights: tests/test_histograms.py"
EXTREME = "the largest element is on an edge, where the count is a step"
RULE = "the number of bins depends on the values"

USES = [
    Use("numpy.bincount", (integers(6, low=0),), order=0),
    Use("numpy.bincount", (integers(6, low=0), uniform(6))),
    Use("numpy.bincount", (integers(6, low=0, high=4),), {"minlength": 6}, order=0),
    Use(
        "numpy.bincount",
        (integers(6, low=0, high=4), uniform(6)),
        {"length": 3},
        oracle=lambda x, w, length: np.bincount(x, w, length)[:length],
    ),
    Use("numpy.bincount", (integers(6, low=0, high=4, dtype="uint8"),), order=0),
    Use("numpy.histogram", (X,), {"bins": 3, "range": (-2.0, 2.0)}, order=0, why=COUNTS),
    Use("numpy.histogram", (X,), {"bins": 4}, jax=False),  # JAX counts in floats
    Use("numpy.histogram", (X, EDGES), {"density": True}, fixed=(1,), order=0, why=STEP),
    Use("numpy.histogram", (X,), {"bins": 3, "range": (-2, 2), "weights": W}),
    Use("numpy.histogram", (X, EDGES), {"weights": W}, fixed=(1,)),
    Use("numpy.histogram", (integers(6),), {"bins": 3}, order=0),
    Use("numpy.histogram", (integers(6),), {"bins": [-9, 0, 3, 9]}, order=0, jax=False),
    Use("numpy.histogram", (uniform(2, 4),), {"bins": 3, "range": (-1, 1), "density": True}, order=0, why=STEP),
    Use("numpy.histogram_bin_edges", (X,)),
    Use("numpy.histogram_bin_edges", (X, 4), {"range": (-1.0, 3.0)}, order=0, why="the edges do not depend on a"),
    Use("numpy.histogram_bin_edges", (integers(6), 3), order=0),
    *[
        Use("numpy.histogram_bin_edges", (uniform(9), rule), vmap=False, why=RULE, jax=False)
        for rule in ("auto", "sqrt", "sturges", "rice", "scott", "fd", "doane")
    ],
    Use("numpy.histogram_bin_edges", (integers(20), "auto"), order=0, vmap=False, why=RULE, jax=False),
    Use("numpy.histogram_bin_edges", (X, "rice"), {"range": (-1, 1)}, order=0, vmap=False, why=RULE, jax=False),
    Use("numpy.histogramdd", (POINTS, 3), {"range": ((-2, 2), (-2, 2))}, order=0, why=STEP),
    Use("numpy.histogramdd", (POINTS, [2, 3]), order=0, why=EXTREME),
    Use("numpy.histogramdd", (POINTS, [EDGES, OTHER]), {"density": True}, fixed=(1,), order=0, why=STEP),
    Use("numpy.histogramdd", (POINTS,), {"bins": 2, "range": [(-2, 2), (-2, 2)], "weights": uniform(6, seed=1)}),
    Use("numpy.histogram2d", (uniform(5), uniform(5, seed=1), 3), order=0, why=EXTREME),
    Use(
        "numpy.histogram2d",
        (uniform(5), uniform(5, seed=1), [2, 3]),
        {"range": [(-2, 2), (-2, 2)], "weights": uniform(5, seed=2)},
    ),
    Use("numpy.histogram2d", (uniform(5), uniform(5, seed=1), [EDGES, OTHER]), fixed=(2,), order=0, why=STEP),
    Use("numpy.histogram2d", (uniform(5), uniform(5, seed=1), EDGES), fixed=(2,), order=0, why=STEP),
]
