"""Uses of `funcgrad/numpy/padding.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
from samples import booleans, complexes, integers, uniform

import funcgrad.numpy as fnp

from . import Use


def _double_border(vector: Any, width: Any, axis: int, kwargs: Any) -> Any:
    """What a border becomes: twice what stands next to it."""
    low, high = width
    middle = vector[low : vector.shape[0] - high]
    parts = [middle[:1] * 2] * low + [middle] + [middle[-1:] * 2] * high
    return parts[0] if len(parts) == 1 else kwargs["join"](parts)


def _in_place(vector: Any, width: Any, axis: int, kwargs: Any) -> None:
    vector[...] = _double_border(vector, width, axis, {"join": np.concatenate})


_WIDTHS: list[Any] = [((1, 2), (0, 3)), 2]
_MODES: list[tuple[str, dict[str, Any]]] = [
    ("edge", {}),
    ("reflect", {}),
    ("reflect", {"reflect_type": "odd"}),
    ("symmetric", {}),
    ("symmetric", {"reflect_type": "odd"}),
    ("wrap", {}),
    ("linear_ramp", {"end_values": ((0.5, 1.0), (-1.0, 2.0))}),
    ("linear_ramp", {}),
    ("maximum", {}),
    ("maximum", {"stat_length": 2}),
    ("minimum", {"stat_length": ((1, 2), (3, 4))}),
    ("mean", {}),
    ("mean", {"stat_length": (2, 1)}),
    ("median", {}),
    ("median", {"stat_length": 2}),
]

USES = [
    Use("numpy.pad", (uniform(3, 4),), {"pad_width": widths, "mode": mode, **kwargs})
    for mode, kwargs in _MODES
    for widths in _WIDTHS
]
USES += [  # borders longer than what they repeat
    Use("numpy.pad", (uniform(n), (7, 9)), {"mode": mode, **kwargs})
    for n in (1, 2, 3)
    for mode, kwargs in _MODES[1:6]
    if not (n == 1 and kwargs)
]
USES += [
    Use("numpy.pad", (integers(2, 3), ((1, 2), (0, 3))), {"mode": mode, **kwargs}, jax=mode != "linear_ramp")
    for mode, kwargs in _MODES
    if "end_values" not in kwargs
]
USES += [
    Use("numpy.pad", (uniform(2, 3), 1)),
    Use("numpy.pad", (complexes(2, 3), ((0, 1), (2, 0))), {"mode": "constant", "constant_values": 1.5}),
    Use("numpy.pad", (uniform(2, 3), (1, 2)), {"constant_values": ((1.0, 2.0), (3.0, 4.0))}),
    Use("numpy.pad", (uniform(3), [(2, 1)]), {"constant_values": (5.0, 6.0)}),
    Use("numpy.pad", (integers(3), (2,)), {"constant_values": 7}),
    Use("numpy.pad", (booleans(3), 1)),
    Use("numpy.pad", (uniform(2, 3), {-1: (1, 0)}), jax=False),
    Use("numpy.pad", (complexes(3), 4), {"mode": "reflect"}),
    Use("numpy.pad", (complexes(3), 4), {"mode": "linear_ramp", "end_values": 2.0}),
    Use("numpy.pad", (uniform(2), (1, 2)), {"mode": "empty"}, lambda a, widths, mode: np.pad(a, widths), jax=False),
    Use(
        "numpy.pad",
        (uniform(2, 3), ((1, 2), (0, 1)), _double_border),
        {"join": fnp.concat},
        lambda a, widths, mode, join: np.pad(a, widths, _in_place),
        jax=False,
    ),
]
