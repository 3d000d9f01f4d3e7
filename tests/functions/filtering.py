"""Uses of `funcgrad/numpy/filtering.py`."""

from __future__ import annotations

import numpy as np
from samples import booleans, complexes, integers, uniform

from . import Use

USES = [
    use
    for name in ("convolve", "correlate")
    for mode in ("full", "same", "valid")
    for use in (
        Use(f"numpy.{name}", (uniform(5), uniform(3, seed=1)), {"mode": mode}),
        Use(f"numpy.{name}", (uniform(2), uniform(5, seed=1)), {"mode": mode}),
        Use(f"numpy.{name}", (complexes(4), complexes(3, seed=1)), {"mode": mode}),
        Use(f"numpy.{name}", (complexes(2), complexes(3, seed=1)), {"mode": mode}),
        Use(f"numpy.{name}", (integers(4), integers(2, seed=1)), {"mode": mode}, order=0),
    )
]
USES += [
    Use("numpy.convolve", (booleans(4), booleans(2, seed=1)), order=0, jax=False),
    Use("numpy.i0", (uniform(2, 3, low=-5, high=5),)),
    Use("numpy.i0", (np.array([0.0, 1e-3, 20.0]),)),
    *[
        Use(f"numpy.{name}", (n,), order=0)
        for name in ("bartlett", "blackman", "hamming", "hanning")
        for n in (0, 1, 2, 5, 6)
    ],
    *[Use("numpy.kaiser", (n, 3.5), order=0) for n in (0, 1, 2, 5, 6)],
    Use("numpy.kaiser", (5, np.array(3.5)), jax=False),
]
