"""Uses of `funcgrad/numpy/fitting.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
from samples import complexes, integers, uniform

from . import Use

X, Y = np.array([-1.2, -0.3, 0.4, 0.9, 1.7]), uniform(5)
VALUES = "how many zeros are at the ends depends on the values"


def _complex(p: Any, strip_zeros: bool = True) -> Any:
    """NumPy's zeros, complex in any case."""
    return np.roots(p).astype("complex128")


def _full(*args: Any, full: bool) -> Any:
    """NumPy's answer, the rank in the dtype that ranks have here."""
    found, residuals, rank, singular, cut = np.polyfit(*args, full=full)
    return found, residuals, np.int64(rank), singular, cut


USES = [
    Use("numpy.poly", (uniform(3),)),
    Use("numpy.poly", (complexes(3),)),
    Use("numpy.poly", (uniform(3, 3),), rtol=1e-10, jax=False),  # JAX answers in complex numbers
    Use("numpy.poly", (integers(3),), order=0),
    Use("numpy.roots", (np.array([1.0, -6.1, 11.3, -6.2]),), oracle=_complex, rtol=1e-10),
    Use("numpy.roots", (np.array([1.0, 0.3, 1.2]),), {"strip_zeros": False}, oracle=_complex, rtol=1e-10),
    Use("numpy.roots", (complexes(3),), oracle=_complex, rtol=1e-10),
    Use("numpy.roots", (np.array([0.0, 2.0, 1.0, 0.0]),), oracle=_complex, order=0, why=VALUES, jax=False),
    Use("numpy.polyfit", (X, Y, 2), rtol=1e-10),
    Use("numpy.polyfit", (X, uniform(5, 2), 1), {"w": uniform(5, low=0.5, seed=1)}, rtol=1e-10),
    Use("numpy.polyfit", (X, Y, 1), {"full": True}, oracle=_full, rtol=1e-10, jax=False),
    Use("numpy.polyfit", (X, Y, 1), {"cov": True}, rtol=1e-10),
    Use("numpy.polyfit", (X, uniform(5, 2), 1), {"cov": "unscaled", "w": uniform(5, low=0.5, seed=1)}, rtol=1e-10),
    Use("numpy.polyfit", (integers(5), integers(5, seed=1), 1), order=0, rtol=1e-10, jax=False),
]
