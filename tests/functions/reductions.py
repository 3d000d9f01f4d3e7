"""Uses of `funcgrad/numpy/reductions.py`, `averages.py` and `nan_reductions.py`."""

from __future__ import annotations

import numpy as np
from samples import booleans, complexes, integers, uniform

from . import Use

X, Z, Y = uniform(2, 3), complexes(2, 3), uniform(3, 2, 2)
MASK = np.array([[True, False, True], [False, True, True]])
HOLES = np.where(MASK, uniform(2, 3, seed=2), np.nan)
TRUTH, WHOLE = "its result is a truth value", "its result is a whole number"
DIFFERENCES = "differences of NaN are NaN"

USES = [
    use
    for name in ("sum", "prod")
    for use in (
        Use(f"numpy.{name}", (X,)),
        Use(f"numpy.{name}", (X,), {"axis": 0}),
        Use(f"numpy.{name}", (Y,), {"axis": (0, -1), "keepdims": True}),
        Use(f"numpy.{name}", (Z,), {"axis": 1}),
        Use(f"numpy.{name}", (X,), {"axis": 1, "initial": 1.5, "where": MASK}),
        Use(f"numpy.{name}", (X,), {"where": MASK[0], "keepdims": True}),
        Use(f"numpy.{name}", (integers(2, 3, dtype="int32"),), {"axis": 0}, order=0),
        Use(f"numpy.{name}", (integers(2, 3, low=0, dtype="uint8"),), order=0),
        Use(f"numpy.{name}", (booleans(2, 3),), {"axis": 1}, order=0),
        Use(f"numpy.{name}", (integers(2, 3),), {"dtype": "float64"}, order=0),
        Use(f"numpy.nan{name}", (X,), {"axis": 1, "keepdims": True}),
        Use(f"numpy.nan{name}", (Z,)),
        Use(f"numpy.nan{name}", (HOLES,), {"axis": 0}, order=0, why=DIFFERENCES),
        Use(f"numpy.nan{name}", (HOLES,), {"initial": 2.0, "where": MASK[0]}, order=0, why=DIFFERENCES),
        Use(f"numpy.nan{name}", (integers(2, 3),), {"axis": 1}, order=0),
    )
]
USES += [
    use
    for name in ("max", "min")
    for use in (
        Use(f"numpy.{name}", (X,)),
        Use(f"numpy.a{name}", (X,), {"axis": 1}),
        Use(f"numpy.{name}", (Y,), {"axis": (0, -1), "keepdims": True}),
        Use(f"numpy.{name}", (X,), {"axis": 1, "initial": 0.1, "where": MASK}),
        Use(f"numpy.{name}", (X,), {"axis": 0, "initial": 0.1}),
        Use(f"numpy.{name}", (integers(2, 3),), {"axis": 0, "initial": 2, "where": MASK}, order=0),
        Use(f"numpy.{name}", (np.zeros((2, 0)),), {"axis": 1, "initial": 2.0}),
        Use(f"numpy.{name}", (booleans(2, 3),), {"axis": 0}, order=0),
        Use(f"numpy.arg{name}", (X,), order=0, why=WHOLE),
        Use(f"numpy.arg{name}", (X,), {"axis": 1, "keepdims": True}, order=0, why=WHOLE),
        Use(f"numpy.nan{name}", (X,), {"axis": 1}),
        Use(f"numpy.nan{name}", (HOLES,), {"axis": 0, "keepdims": True}, order=0, why=DIFFERENCES),
        Use(f"numpy.nan{name}", (HOLES,), {"initial": 0.1, "where": MASK[1]}, order=0, why=DIFFERENCES),
        Use(f"numpy.nan{name}", (integers(2, 3),), {"axis": 0}, order=0),
        Use(f"numpy.nanarg{name}", (HOLES,), order=0, why=WHOLE),
        Use(f"numpy.nanarg{name}", (HOLES,), {"axis": 1, "keepdims": True}, order=0, why=WHOLE),
        Use(f"numpy.nanarg{name}", (integers(2, 3),), {"axis": 0}, order=0),
    )
]
USES += [
    Use("numpy.ptp", (X,)),
    Use("numpy.ptp", (Y,), {"axis": 1, "keepdims": True}),
    Use("numpy.any", (booleans(2, 3),), {"axis": 1}, order=0),
    Use("numpy.any", (booleans(2, 3),), {"where": MASK, "keepdims": True}, order=0),
    Use("numpy.any", (X,), order=0, why=TRUTH),
    Use("numpy.all", (booleans(2, 3),), {"axis": 0}, order=0),
    Use("numpy.all", (booleans(2, 3),), {"axis": 1, "where": MASK}, order=0),
    Use("numpy.all", (X,), {"axis": (0, 1)}, order=0, why=TRUTH),
    Use("numpy.count_nonzero", (integers(2, 3, low=0, high=2),), order=0),
    Use("numpy.count_nonzero", (X,), {"axis": 1, "keepdims": True}, order=0, why=WHOLE),
]
USES += [
    Use("numpy.mean", (X,)),
    Use("numpy.mean", (Y,), {"axis": (1, 0), "keepdims": True}),
    Use("numpy.mean", (Z,), {"axis": 0}),
    Use("numpy.mean", (X,), {"axis": 1, "where": MASK}),
    Use("numpy.mean", (Z,), {"axis": 0, "where": MASK, "keepdims": True}),
    Use("numpy.mean", (integers(2, 3),), {"axis": 0}, order=0),
    Use("numpy.nanmean", (X,), {"axis": 0}),
    Use("numpy.nanmean", (HOLES,), {"axis": 0, "keepdims": True}, order=0, why=DIFFERENCES),
    Use("numpy.nanmean", (HOLES,), {"where": MASK[1]}, order=0, why=DIFFERENCES),
    Use("numpy.average", (X,), {"axis": 0}),
    Use("numpy.average", (X,), {"weights": uniform(2, 3, low=0.5, seed=1)}),
    Use("numpy.average", (X, 1, uniform(3, low=0.5, seed=1)), {"returned": True, "keepdims": True}),
    Use("numpy.average", (Y,), {"axis": (2, 0), "weights": uniform(2, 3, low=0.5, seed=1)}),
    Use("numpy.average", (Z,), {"axis": 1, "weights": uniform(3, low=0.5, seed=1)}),
    Use("numpy.average", (X,), {"axis": 1, "returned": True}),
    Use("numpy.average", (integers(2, 3),), {"axis": 1, "weights": integers(3, low=1, seed=1)}, order=0),
]
USES += [
    use
    for name in ("var", "std")
    for use in (
        Use(f"numpy.{name}", (X,)),
        Use(f"numpy.{name}", (Y,), {"axis": (1, 0), "keepdims": True, "ddof": 1}),
        Use(f"numpy.{name}", (X,), {"axis": 1, "correction": 1.5}),
        Use(f"numpy.{name}", (Z,), {"axis": 0}),
        Use(f"numpy.{name}", (Z,), {"axis": 1, "ddof": 0.5, "where": MASK}),
        Use(f"numpy.{name}", (X,), {"axis": 1, "where": MASK, "keepdims": True}),
        Use(f"numpy.{name}", (X,), {"axis": 0, "mean": uniform(1, 3, seed=2)}, jax=False),
        Use(f"numpy.{name}", (integers(2, 3),), {"axis": 0}, order=0),
        Use(f"numpy.nan{name}", (X,), {"axis": 1, "ddof": 1}),
        Use(f"numpy.nan{name}", (HOLES,), {"axis": 1, "keepdims": True}, order=0, why=DIFFERENCES),
        Use(f"numpy.nan{name}", (Z,), {"axis": 1}),
    )
]
USES += [
    Use("numpy.logsumexp", (X,), {}, oracle=lambda x: np.log(np.sum(np.exp(x))), jax=False),
    Use(
        "numpy.logsumexp",
        (Y,),
        {"axis": (0, 2), "keepdims": True},
        oracle=lambda x, axis, keepdims: np.log(np.sum(np.exp(x), axis, keepdims=keepdims)),
        jax=False,
    ),
]
USES += [
    Use("numpy.cumsum", (X,)),
    Use("numpy.cumsum", (Z,), {"axis": 1}),
    Use("numpy.cumsum", (integers(2, 3, dtype="int32"),), {"axis": 0}, order=0),
    Use("numpy.cumulative_sum", (uniform(4),)),
    Use("numpy.cumulative_sum", (Y,), {"axis": 1, "include_initial": True}),
]
