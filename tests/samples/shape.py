"""Samples of `funcgrad/ops/shape.py`."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Sample, booleans, complexes, integers, uniform


def _unslice(g: Any, *, key: Any, shape: Any) -> Any:
    out = np.zeros(shape, g.dtype)
    out[key] = g
    return out


def _set_slice(x: Any, updates: Any, *, key: Any) -> Any:
    out = x.copy()
    out[key] = updates
    return out


_KEYS: list[tuple[Any, ...]] = [
    (),
    (1,),
    (slice(1, None),),
    (slice(None), -1),
    (slice(None, None, -1), slice(0, 4, 2)),
    (slice(3, None, -2), None, slice(None)),
    (2, 3),
    (slice(2, 2),),
    (None, -4, slice(-3, -1)),
]
_WIDTHS: list[tuple[tuple[int, int], ...]] = [((1, 2), (0, 0)), ((0, 1), (3, 0)), ((0, 0), (0, 0))]

SAMPLES = [
    Sample("reshape", (x,), lambda x, *, shape: np.array(x.ravel().tolist(), x.dtype).reshape(shape), {"shape": shape})
    for x, shape in [
        (uniform(2, 3), (3, 2)),
        (uniform(2, 3), (6,)),
        (uniform(4), (2, 1, 2)),
        (uniform(), (1, 1)),
        (uniform(1, 1), ()),
        (uniform(0, 3), (2, 0)),
        (complexes(2, 3), (3, 2)),
        (integers(4), (2, 2)),
    ]
]
SAMPLES += [
    Sample("permute_dims", (x,), lambda x, *, axes: np.transpose(x, axes), {"axes": axes})
    for x, axes in [
        (uniform(2, 3), (1, 0)),
        (uniform(2, 3, 4), (2, 0, 1)),
        (uniform(2, 3, 1), (0, 2, 1)),
        (uniform(), ()),
        (uniform(0, 2), (1, 0)),
        (complexes(2, 3), (1, 0)),
        (booleans(2, 3), (1, 0)),
    ]
]
SAMPLES += [
    Sample("broadcast_to", (x,), lambda x, *, shape: np.broadcast_to(x, shape), {"shape": shape})
    for x, shape in [
        (uniform(3), (2, 3)),
        (uniform(2, 1), (2, 4)),
        (uniform(1, 3), (2, 2, 3)),
        (uniform(), (2, 3)),
        (uniform(1), (0,)),
        (uniform(2, 3), (2, 3)),
        (complexes(2, 1), (2, 2)),
        (integers(2), (3, 2)),
    ]
]
SAMPLES += [
    Sample("concat", xs, lambda *xs, axis: np.concatenate(xs, axis), {"axis": axis})
    for xs, axis in [
        ((uniform(2, 3),), 0),
        ((uniform(2, 3), uniform(1, 3, seed=1)), 0),
        ((uniform(2, 3), uniform(2, 2, seed=1), uniform(2, 1, seed=2)), 1),
        ((uniform(3), uniform(0, seed=1)), 0),
        ((uniform(2, 2, 1), uniform(2, 2, 1, seed=1)), 2),
        ((complexes(2), complexes(1, seed=1)), 0),
        ((integers(2), integers(3, seed=1)), 0),
    ]
]
SAMPLES += [Sample("slice", (uniform(4, 5),), lambda x, *, key: x[key], {"key": key}) for key in _KEYS]
SAMPLES += [
    Sample("slice", (complexes(3, 2),), lambda x, *, key: x[key], {"key": (slice(1, None), 0)}),
    Sample("slice", (integers(5),), lambda x, *, key: x[key], {"key": (slice(None, None, 2),)}),
]
SAMPLES += [
    Sample("unslice", (np.zeros((4, 5))[key] + uniform(*np.zeros((4, 5))[key].shape),), _unslice, params)
    for key in _KEYS
    for params in [{"key": key, "shape": (4, 5)}]
]
SAMPLES += [Sample("unslice", (complexes(2),), _unslice, {"key": (slice(1, 3),), "shape": (4,)})]
SAMPLES += [
    Sample(
        "set_slice",
        (uniform(4, 5), np.asarray(uniform(*np.zeros((4, 5))[key].shape, seed=1))),
        _set_slice,
        {"key": key},
    )
    for key in _KEYS
]
SAMPLES += [
    Sample("set_slice", (complexes(4), complexes(2, seed=1)), _set_slice, {"key": (slice(1, 3),)}),
    Sample("set_slice", (integers(4), integers(2, seed=1)), _set_slice, {"key": (slice(1, 3),)}),
]
SAMPLES += [Sample("pad", (uniform(2, 3),), lambda x, *, widths: np.pad(x, widths), {"widths": w}) for w in _WIDTHS]
SAMPLES += [
    Sample("pad", (uniform(0, 2),), lambda x, *, widths: np.pad(x, widths), {"widths": ((1, 0), (0, 1))}),
    Sample("pad", (complexes(2),), lambda x, *, widths: np.pad(x, widths), {"widths": ((1, 1),)}),
    Sample("pad", (booleans(2),), lambda x, *, widths: np.pad(x, widths), {"widths": ((0, 2),)}),
]
SAMPLES += [Sample("checkpoint_name", (x,), lambda x, *, name: x, {"name": "h"}) for x in (uniform(3), integers(2))]
