"""Samples of `funcgrad/ops/correlation.py`; the expected values come from a plain loop."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Sample, complexes, integers, uniform


def _by_loop(x: Any, v: Any) -> Any:
    m = v.shape[-1]
    return np.stack([(x[..., k : k + m] * v).sum(-1, dtype=x.dtype) for k in range(x.shape[-1] - m + 1)], -1)


SAMPLES = [
    Sample("correlate", args, _by_loop)
    for args in [
        (uniform(5), uniform(3, seed=1)),
        (uniform(5), uniform(1, seed=1)),
        (uniform(4), uniform(4, seed=1)),
        (uniform(2, 5), uniform(2, 2, seed=1)),
        (uniform(4, 5), uniform(4, 4, seed=1)),
        (uniform(9, 6), uniform(9, 3, seed=1)),
        (complexes(5), complexes(2, seed=1)),
        (integers(6), integers(3, seed=1)),
    ]
]
