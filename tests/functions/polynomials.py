"""Uses of `funcgrad/numpy/polynomials.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
from samples import complexes, integers, uniform

from . import Use

P, Q, Z = uniform(4), uniform(3, seed=1), complexes(3)
SIZE = "its size depends on the values"


def _whole(u: Any, v: Any) -> Any:
    """NumPy's quotient, and its remainder with the zeros in front that it takes away."""
    q, r = np.polydiv(u, v)
    return q, np.concatenate([np.zeros(max(len(v) - 1, 1) - len(r)), r]) if len(u) >= len(v) else u


USES = [
    Use("numpy.polyval", (P, uniform(2, 3, seed=2))),
    Use("numpy.polyval", (Z, complexes(2, seed=2))),
    Use("numpy.polyval", (integers(3), integers(4, seed=2)), order=0),
    Use("numpy.polyval", ([1.5, 2.0], uniform(3)), jax=False),
    *[Use(f"numpy.{name}", (P, Q)) for name in ("polyadd", "polysub", "polymul")],
    *[Use(f"numpy.{name}", (Q, Z)) for name in ("polyadd", "polysub", "polymul")],
    *[Use(f"numpy.{name}", (integers(2), integers(3, seed=1)), order=0) for name in ("polyadd", "polysub", "polymul")],
    Use(
        "numpy.polymul",
        (np.array([0.0, 0.0, 1.5, 2.0]), Q),
        {"trim_leading_zeros": True},
        oracle=lambda a, b, trim_leading_zeros: np.polymul(a, b),
        order=0,
        vmap=False,
        why=SIZE,
        jax=False,
    ),
    Use("numpy.polydiv", (P, Q), oracle=_whole, jax=False),
    Use("numpy.polydiv", (uniform(5), uniform(1, seed=1)), oracle=_whole, jax=False),
    Use("numpy.polydiv", (Q, P), oracle=_whole, jax=False),
    Use("numpy.polydiv", (complexes(4, seed=1), Z), oracle=_whole, jax=False),
    Use(
        "numpy.polydiv",
        (np.array([1.0, 3.0, 2.0]), np.array([1.0, 1.0])),
        {"trim_leading_zeros": True},
        oracle=lambda a, b, trim_leading_zeros: np.polydiv(a, b),
        order=0,
        vmap=False,
        why=SIZE,
        jax=False,
    ),
    Use("numpy.polyder", (P,)),
    Use("numpy.polyder", (P, 2)),
    Use("numpy.polyder", (integers(4),), order=0),
    Use("numpy.polyint", (P,)),
    Use("numpy.polyint", (P, 2), {"k": [1.5, 2.5]}, jax=False),
    Use("numpy.polyint", (P, 2), {"k": uniform(2, seed=1)}),
    Use("numpy.polyint", (Z,), {"k": 2}),
    Use("numpy.polyint", (integers(3),), order=0),
]
