"""Uses of `funcgrad/numpy/data_types.py`."""

from __future__ import annotations

import numpy as np
from samples import complexes, integers, uniform

from . import Use

X = uniform(2, 3)
KIND = "it tells of dtypes alone"

USES = [
    Use("numpy.astype", (X, "float32"), order=0, why="float32 has too few digits for differences"),
    Use("numpy.astype", (X, "float64")),
    Use("numpy.astype", (X, "complex128")),
    Use("numpy.astype", (X, "int64"), order=0, why="its result is a whole number"),
    Use("numpy.astype", (integers(2, 3), "float64"), order=0),
    Use("numpy.astype", (complexes(2), "complex128"), {"copy": False}),
    Use("numpy.can_cast", ("int8", "int16"), jax=False, order=0),
    Use("numpy.can_cast", ("float64", "float32"), {"casting": "same_kind"}, jax=False, order=0),
    Use("numpy.isdtype", (np.dtype("float32"), "real floating"), order=0),
    Use("numpy.isdtype", (np.dtype("int8"), ("bool", "integral")), order=0),
    Use("numpy.issubdtype", ("float32", np.floating), order=0),
    Use("numpy.promote_types", ("int8", "int16"), jax=False, order=0),
    Use("numpy.result_type", ("int8", "int16"), jax=False, order=0),
    Use("numpy.result_type", (X, 1), order=0, why=KIND, jax=False),
]
