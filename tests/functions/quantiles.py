"""Uses of `funcgrad/numpy/quantiles.py`."""

from __future__ import annotations

import numpy as np
from samples import uniform

from . import Use

X, Y = uniform(5), uniform(3, 2, 2)
HOLES = np.array([[0.5, np.nan, -1.5, 0.1], [np.nan, 1.2, 2.5, 0.2]])
DIFFERENCES = "differences of NaN are NaN"
OURS = (
    *("inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen"),
    *("weibull", "median_unbiased", "normal_unbiased"),
)

USES = [
    Use("numpy.median", (X,)),
    Use("numpy.median", (uniform(4),)),
    Use("numpy.median", (Y,), {"axis": (0, 2), "keepdims": True}),
    Use("numpy.nanmedian", (Y,), {"axis": 1}),
    Use("numpy.nanmedian", (HOLES,), {"axis": 1, "keepdims": True}, order=0, why=DIFFERENCES),
    Use("numpy.quantile", (X, 0.3)),
    Use("numpy.quantile", (X, np.array([0.1, 0.55]))),
    Use("numpy.quantile", (Y, np.array([[0.1, 0.55]])), {"axis": 0, "keepdims": True}, jax=False),
    Use("numpy.nanquantile", (X, 0.3)),
    Use("numpy.nanquantile", (HOLES, 0.3), {"axis": 1}, order=0, why=DIFFERENCES),
    Use("numpy.nanquantile", (HOLES, [0.3, 0.8]), {"axis": 0, "keepdims": True}, order=0, why=DIFFERENCES, jax=False),
    Use("numpy.percentile", (X, 30)),
    Use("numpy.percentile", (Y, np.array([10.0, 55.0])), {"axis": (1, 2)}),
    Use("numpy.nanpercentile", (HOLES, 45), order=0, why=DIFFERENCES),
    Use("numpy.nanpercentile", (Y, np.array([10.0, 55.0])), {"axis": 0}),
]
USES += [Use("numpy.quantile", (X, 0.37), {"method": m}) for m in ("lower", "higher", "midpoint", "nearest")]
USES += [Use("numpy.quantile", (X, 0.37), {"method": method}, jax=False) for method in OURS]
USES += [
    Use("numpy.quantile", (X, 0.37), {"method": "inverted_cdf", "weights": uniform(5, low=0.5, seed=1)}, jax=False),
    Use(
        "numpy.percentile",
        (Y, 61),
        {"axis": 0, "method": "inverted_cdf", "weights": uniform(3, low=0.5, seed=1)},
        jax=False,
    ),
    Use(
        "numpy.nanquantile",
        (HOLES, 0.61),
        {"axis": 1, "method": "inverted_cdf", "weights": uniform(2, 4, low=0.5, seed=1)},
        order=0,
        why=DIFFERENCES,
        jax=False,
    ),
]
