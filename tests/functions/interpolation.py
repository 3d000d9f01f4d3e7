"""Uses of `funcgrad.scipy.integrate` and `funcgrad.scipy.ndimage`."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Use

_random = np.random.default_rng(4)


def _real(*shape: int) -> Any:
    return _random.uniform(-1, 1, shape)


def _rising(*shape: int) -> Any:
    return np.cumsum(_random.uniform(0.5, 1.5, shape), axis=-1)


USES = [
    Use(f"scipy.integrate.{name}", (_real(2, n), *places), kwargs, jax=name == "trapezoid")
    for name in ("trapezoid", "cumulative_trapezoid", "simpson")
    for n, places, kwargs in [
        (5, (), {}),
        (4, (), {"dx": 0.5}),
        (5, (_rising(5),), {}),
        (4, (_rising(2, 4),), {}),
        (3, (_rising(2),), {"axis": 0}),
        (6, (), {"axis": 0}),
    ]
]
USES += [Use("scipy.integrate.simpson", (_real(n),), {}, jax=False) for n in (1, 2, 3)]
USES += [Use("scipy.integrate.cumulative_trapezoid", (_real(2, 4),), {"initial": 0, "axis": 0}, jax=False)]

_IN_JAX = {"nearest", "mirror", "reflect"}
_image, _places = _real(4, 3), np.stack([np.array([0.3, 1.4, 2.6]), np.array([1.7, 0.2, 1.1])])
_far = np.stack([np.array([-1.7, 4.3, -5.2, 8.4, -0.3]), np.array([3.6, -2.2, 0.4, -4.7, 2.4])])
USES += [
    Use("scipy.ndimage.map_coordinates", (_image, places), {"order": order, "mode": mode}, jax=mode in _IN_JAX)
    for mode in ("constant", "grid-constant", "nearest", "reflect", "grid-mirror", "mirror", "grid-wrap", "wrap")
    for order in (0, 1)
    for places in (_places, _far)
]
USES += [
    Use("scipy.ndimage.map_coordinates", (_real(5), _real(1, 2, 3) * 2 + 2), {"order": 1, "cval": 2.5}, jax=False),
    Use("scipy.ndimage.map_coordinates", (_image, _far), {"order": 1, "mode": "grid-constant", "cval": 2.5}, jax=False),
]
