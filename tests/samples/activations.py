"""Activation functions."""

from __future__ import annotations

import numpy as np
from scipy import special

from . import Sample, uniform

X = uniform(3, 4) + np.copysign(0.1, uniform(3, 4))  # nothing within a step of the kink at 0

SAMPLES = [
    Sample("relu", (X,), lambda x: np.where(x > 0, x, 0)),
    Sample("relu6", (4 * X,), lambda x: np.clip(x, 0, 6)),
    Sample("sigmoid", (3 * X,), special.expit),
    Sample("softplus", (3 * X,), lambda x: np.logaddexp(x, 0)),
    Sample("softplus", (np.asarray([-40.0, 0.0, 40.0]),), lambda x: np.logaddexp(x, 0)),
]
