"""Uses of `funcgrad.scipy.fft`."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Use
from .fft import USES as OF_NUMPY

_random = np.random.default_rng(2)
_x, _y = _random.uniform(-1, 1, (3, 4)), _random.uniform(-1, 1, (2, 5))

USES = [
    Use(use.name.replace("numpy.", "scipy."), use.args, use.kwargs, order=use.order, why=use.why, jax=False)
    for use in OF_NUMPY[::3]
]
USES += [Use("scipy.fft.next_fast_len", (n,), {"real": real}, order=0, why="no array goes in", jax=False)
         for n, real in [(1, False), (13, True), (97, False)]]  # fmt: skip

USES += [Use("scipy.fft.fftfreq", (5,), {"d": 0.5}, order=0, why="no array goes in", jax=False)]

_BY_JAX: tuple[Any, ...] = (None, "ortho")
USES += [
    Use(f"scipy.fft.{name}", (a, kind), {"norm": norm}, jax=kind == 2 and norm in _BY_JAX and "c" in name)
    for name in ("dct", "idct", "dst", "idst")
    for kind in (1, 2, 3, 4)
    for norm, a in [(None, _x), ("ortho", _y), ("forward", _y)]
]
USES += [
    Use(f"scipy.fft.{name}", (_x,), kwargs, jax=False)
    for name in ("dct", "idst")
    for kwargs in [
        {"n": 3},
        {"n": 6, "axis": 0},
        {"orthogonalize": True},
        {"norm": "ortho", "orthogonalize": False, "type": 3},
    ]
]
USES += [Use("scipy.fft.dct", (_x + 1j * _x[::-1],), jax=False)]
USES += [
    Use(f"scipy.fft.{name}", (a,), kwargs, jax=False)
    for name in ("dctn", "idctn", "dstn", "idstn")
    for a, kwargs in [(_x, {}), (_y, {"type": 3, "norm": "ortho", "axes": 1}), (_x, {"s": (2, 5), "axes": (1, 0)})]
]
