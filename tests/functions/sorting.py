"""Uses of `funcgrad/numpy/sorting.py`, `searching.py` and `cumulative.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
from samples import complexes, integers, uniform

from . import Use

_PLACES = "its result is whole numbers"


def _sort(a: Any, axis: int | None = -1, descending: bool = False, **_: Any) -> Any:
    out = np.sort(a, axis)
    return np.flip(out, -1 if axis is None else axis) if descending else out


def _argsort(a: Any, axis: int | None = -1, descending: bool = False, **_: Any) -> Any:
    a = a.ravel() if axis is None else a
    return np.argsort(-a if descending else a, -1 if axis is None else axis, kind="stable")


def _top_k(operand: Any, k: int, axis: int = -1) -> Any:
    places = np.take(np.argsort(-operand, axis, kind="stable"), range(k), axis)
    return np.take_along_axis(operand, places, axis), places


def _sized(f: Any) -> Any:
    """f filled up to a size."""

    def oracle(*args: Any, size: int, fill_value: Any = 0) -> Any:
        return _padded(f(*args), size, fill_value)

    return oracle


def _padded(out: Any, size: int, fill: Any) -> Any:
    return np.concatenate([out[:size], np.full((max(size - len(out), 0), *out.shape[1:]), fill, out.dtype)])


def _nonzero(a: Any, size: int | None = None, fill_value: int = 0) -> Any:
    return tuple(i if size is None else _padded(i, size, fill_value) for i in np.nonzero(a))


def _compress(condition: Any, a: Any, axis: int, size: int, fill_value: Any = 0) -> Any:
    return np.moveaxis(_padded(np.moveaxis(np.compress(condition, a, axis), axis, 0), size, fill_value), 0, axis)


_MASK = np.array([[True, False, True], [False, False, True]])

USES = [
    Use("numpy.sort", (uniform(5),)),
    Use("numpy.sort", (uniform(3, 4),), {"axis": 0}),
    Use("numpy.sort", (uniform(2, 3),), {"axis": None}),
    Use("numpy.sort", (uniform(2, 3, 2),), {"axis": 1, "descending": True}, _sort),
    Use("numpy.sort", (uniform(3, 4),), {"axis": 1, "kind": "stable"}, jax=False),
    Use("numpy.sort", (complexes(4),)),
    Use("numpy.sort", (integers(2, 5),), {"descending": True, "stable": False}, _sort),
    Use("numpy.argsort", (uniform(5),), order=0, why=_PLACES),
    Use("numpy.argsort", (uniform(3, 4),), {"axis": 0, "descending": True}, _argsort, order=0, why=_PLACES),
    Use("numpy.argsort", (uniform(3, 4),), {"axis": None}, order=0, why=_PLACES),
    Use("numpy.argsort", (integers(9, high=-6),), {"descending": True}, _argsort),
    Use("numpy.argsort", (integers(9, high=-6),), {"kind": "stable"}, jax=False),
    Use("numpy.partition", (uniform(3, 4), 2), {}, lambda a, kth: np.sort(a)),
    Use("numpy.partition", (uniform(3, 4), 1), {"axis": 0}, lambda a, kth, axis: np.sort(a, axis), jax=False),
    Use("numpy.partition", (uniform(2, 3), (0, 3)), {"axis": None}, lambda a, kth, axis: np.sort(a, axis), jax=False),
    Use("numpy.argpartition", (uniform(4), 1), {}, lambda a, kth: np.argsort(a), order=0, why=_PLACES, jax=False),
    Use(
        "numpy.argpartition",
        (uniform(3, 4), -1),
        {"axis": 0},
        lambda a, kth, axis: np.argsort(a, axis),
        order=0,
        why=_PLACES,
        jax=False,
    ),
    Use("numpy.top_k", (uniform(5), 3), {}, _top_k, jax=False),
    Use("numpy.top_k", (uniform(2, 4, 3), 2), {"axis": 1}, _top_k, jax=False),
    Use("numpy.top_k", (integers(9, high=-6), 4), {}, _top_k, jax=False),
    Use("numpy.lexsort", ((integers(6, high=-7), integers(6, high=-7, seed=1)),)),
    Use("numpy.lexsort", (integers(2, 3, 4, high=-7),), {"axis": 0}),
    Use("numpy.lexsort", (uniform(2, 4),), order=0, why=_PLACES),
    Use("numpy.sort_complex", (complexes(4),), jax=False),
    Use("numpy.sort_complex", (uniform(2, 3),), jax=False),
    Use("numpy.searchsorted", (np.sort(uniform(5)), uniform(2, 3, seed=1)), order=0, why=_PLACES),
    Use("numpy.searchsorted", (np.sort(uniform(5)), 0.3), {"side": "right"}, order=0, why=_PLACES),
    Use(
        "numpy.searchsorted",
        (uniform(5), uniform(3, seed=1)),
        {"sorter": np.argsort(uniform(5))},
        order=0,
        why=_PLACES,
        vmap=False,
        jax=False,
    ),
    Use("numpy.digitize", (uniform(2, 3), np.linspace(-2, 2, 5)), order=0, why=_PLACES),
    Use("numpy.digitize", (uniform(4), np.linspace(2, -2, 5)), {"right": True}, order=0, why=_PLACES),
    Use("numpy.nonzero", (_MASK,)),
    Use("numpy.nonzero", (_MASK,), {"size": 5, "fill_value": 7}, _nonzero),
    Use("numpy.nonzero", (integers(2, 3),), {"size": 2}, _nonzero),
    Use("numpy.argwhere", (_MASK,)),
    Use("numpy.argwhere", (_MASK,), {"size": 4}, _sized(np.argwhere)),
    Use("numpy.flatnonzero", (_MASK,)),
    Use(
        "numpy.flatnonzero",
        (_MASK,),
        {"size": 4, "fill_value": -1},
        _sized(np.flatnonzero),
    ),
    Use("numpy.extract", (_MASK, uniform(2, 3))),
    Use(
        "numpy.extract",
        (_MASK, uniform(2, 3)),
        {"size": 5, "fill_value": 1.5},
        _sized(np.extract),
    ),
    Use("numpy.compress", (_MASK[0], uniform(2, 3)), {"axis": 1}),
    Use("numpy.compress", (_MASK[0], complexes(4, 2)), {"axis": 0}),
    Use("numpy.compress", ([True, False, True, True], uniform(2, 3)), jax=False),
    Use("numpy.compress", (_MASK[0], uniform(2, 3)), {"axis": 1, "size": 4, "fill_value": 2.0}, _compress, jax=False),
]
USES += [
    Use(f"numpy.{name}", (x,), {"axis": axis, **kwargs})
    for name in ("cumprod", "cumsum", "nancumprod", "nancumsum")
    for x, axis, kwargs in [
        (uniform(4), None, {}),
        (uniform(2, 3), None, {}),
        (uniform(2, 3), 1, {}),
        (uniform(2, 3, 2), -2, {"dtype": "float64"}),
        (complexes(3), 0, {}),
        (integers(2, 3), 0, {}),
    ]
]
USES += [
    Use("numpy.cumulative_prod", (uniform(4),)),
    Use("numpy.cumulative_prod", (uniform(2, 3),), {"axis": 1, "include_initial": True}),
    Use("numpy.cumulative_prod", (complexes(2, 3),), {"axis": 0}),
    Use("numpy.cumulative_sum", (uniform(4),)),
    Use("numpy.cumulative_sum", (complexes(2, 3),), {"axis": 1, "include_initial": True}),
    Use("numpy.cumulative_sum", (integers(4, dtype="int8"),), {"dtype": "float64"}),
    Use("numpy.cumulative_prod", (integers(4, dtype="int32"),), {"dtype": "float64"}),
]
