"""Uses of the functions that cut, join, turn, edit and place: `funcgrad/numpy/splitting.py` and those beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from samples import booleans, complexes, integers, uniform

from . import Use

_PLACES = "its result is whole numbers"
_COPY = {"inplace": False}
_X, _Z, _N = uniform(3, 4), complexes(3, 4), integers(3, 4)
_BYTES = integers(2, 3, low=0, high=256, dtype="uint8")
_BITS = booleans(3, 9)


def _changed(f: Callable[..., Any]) -> Callable[..., Any]:
    """What a function that changes its first argument leaves of it."""

    def oracle(a: Any, *args: Any, inplace: bool, **kwargs: Any) -> Any:
        out = np.array(a)
        f(out, *args, **kwargs)
        return out

    return oracle


def _nearest(a: Any, indices: Any, value: float, axis: int, mode: str, inplace: bool) -> Any:
    out = a.copy()
    np.put_along_axis(out, np.clip(indices, 0, a.shape[axis] - 1), value, axis)
    return out


def _dropped(a: Any, indices: Any, value: float, axis: int, mode: str, inplace: bool) -> Any:
    n = a.shape[axis]
    wide = np.pad(a, ((0, 0), (0, 1)))
    np.put_along_axis(wide, np.where((indices < -n) | (indices >= n), n, indices % n), value, axis)
    return wide[:, :n]


USES = [
    Use("numpy.array_split", (uniform(5), 3)),
    Use("numpy.array_split", (_X, [1, 3]), {"axis": 1}),
    Use("numpy.array_split", (_Z, 3), {"axis": -1}),
    Use("numpy.vsplit", (uniform(4, 2), 2)),
    Use("numpy.hsplit", (_X, 2)),
    Use("numpy.hsplit", (uniform(4), [1])),
    Use("numpy.dsplit", (uniform(2, 1, 4), [1, 2])),
    Use("numpy.atleast_1d", (np.asarray(uniform()), uniform(2, 2))),
    Use("numpy.atleast_2d", (uniform(3),)),
    Use("numpy.atleast_3d", (uniform(3), _X)),
    Use("numpy.dstack", ([uniform(2, 3), uniform(2, 3, seed=1)],)),
    Use("numpy.dstack", ([uniform(3), uniform(3, seed=1)],)),
    Use("numpy.column_stack", ([uniform(3), uniform(3, 2, seed=1)],)),
    Use("numpy.append", (uniform(2, 2), uniform(3, seed=1))),
    Use("numpy.append", (_X, uniform(1, 4, seed=1)), {"axis": 0}),
    Use("numpy.block", ([[uniform(2, 2), uniform(2, 1, seed=1)], [uniform(1, 3, seed=2)]],)),
    Use("numpy.block", ([uniform(2), 3.0],)),
    Use("numpy.block", (_X,)),
    Use("numpy.block", ([[uniform(2, 2, 2)], [uniform(2, 1, 2, seed=1)]],)),
    *[Use("numpy.rot90", (_X, k)) for k in (-1, 0, 1, 2, 3)],
    Use("numpy.rot90", (complexes(2, 3, 2), 1), {"axes": (2, 0)}),
    Use("numpy.fliplr", (_X,)),
    Use("numpy.flipud", (uniform(3),)),
    Use("numpy.rollaxis", (uniform(2, 3, 1), 2)),
    Use("numpy.rollaxis", (uniform(2, 3, 1), 0, 3)),
    Use("numpy.rollaxis", (uniform(2, 3, 1), -2, 1)),
    # insert, delete, resize, trim_zeros
    Use("numpy.insert", (_X, 1, uniform(seed=1)), {"axis": 0}),
    Use("numpy.insert", (_X, 4, uniform(3, seed=1)), {"axis": 1}),
    Use("numpy.insert", (_X, [1], uniform(3, 1, seed=1)), {"axis": 1}, jax=False),
    Use("numpy.insert", (_X, [0, 3, 3], uniform(3, seed=1)), jax=False),
    Use("numpy.insert", (_X, [-1, 0], uniform(2, 4, seed=1)), {"axis": 0}, jax=False),
    Use("numpy.insert", (_X, slice(0, 4, 2), 1.5), {"axis": 1}, jax=False),
    Use("numpy.insert", (_X, np.array([True, False, True]), 1.5), {"axis": 0}, jax=False),
    Use("numpy.insert", (integers(4), np.array([3, 1]), 7)),
    Use("numpy.delete", (_X, 1), {"axis": 0}),
    Use("numpy.delete", (_X, -1), {"axis": 1}),
    Use("numpy.delete", (_X, [0, 5, 5, -1]), jax=False),
    Use("numpy.delete", (_Z, slice(None, None, 2)), {"axis": 1}),
    Use("numpy.delete", (_X, [True, False, True]), {"axis": 0}, jax=False),
    Use(
        "numpy.delete",
        (_X, np.array([0, 2])),
        {"axis": 1, "assume_unique_indices": True},
        lambda a, i, axis, assume_unique_indices: np.delete(a, i, axis),
    ),
    Use("numpy.resize", (uniform(2, 3), (2, 4))),
    Use("numpy.resize", (uniform(2, 3), 3)),
    Use(
        "numpy.trim_zeros",
        (np.array([0.0, 0.0, 1.5, 0.0, 2.5, 0.0]),),
        order=0,
        why="a zero that moves is none",
        jax=False,
    ),
    Use("numpy.trim_zeros", (np.array([0, 1, 0, 2, 0, 0]), "f"), vmap=False, why="each example has its own length"),
    Use(
        "numpy.trim_zeros",
        (np.pad(_N, 2), "fb"),
        {"axis": 1},
        vmap=False,
        why="each example has its own length",
        jax=False,
    ),
    # diagonals and triangles
    *[Use("numpy.diag", (uniform(3),), {"k": k}) for k in (-2, 0, 1)],
    *[Use("numpy.diag", (_X,), {"k": k}) for k in (-1, 0, 2)],
    Use("numpy.diagflat", (complexes(2, 2), 1)),
    Use("numpy.fill_diagonal", (_X, 2.5), _COPY, _changed(np.fill_diagonal)),
    Use(
        "numpy.fill_diagonal",
        (uniform(5, 2), uniform(2, seed=1)),
        {"wrap": True, **_COPY},
        _changed(np.fill_diagonal),
        jax=False,
    ),
    Use("numpy.fill_diagonal", (uniform(5, 2), uniform(2, seed=1)), _COPY, _changed(np.fill_diagonal)),
    Use("numpy.fill_diagonal", (uniform(2, 2, 2), uniform(3, seed=1)), _COPY, _changed(np.fill_diagonal), jax=False),
    Use("numpy.diag_indices", (3,), {"ndim": 3}),
    Use("numpy.diag_indices_from", (uniform(2, 2),), order=0, why=_PLACES),
    Use("numpy.tri", (3, 4), {"k": 1}),
    Use("numpy.tri", (3,), {"dtype": "int32"}),
    Use("numpy.tril_indices", (3,), {"k": -1, "m": 4}),
    Use("numpy.triu_indices", (3,), {"k": 1, "m": 4}),
    Use("numpy.tril_indices_from", (_X,), {"k": 1}, order=0, why=_PLACES),
    Use("numpy.triu_indices_from", (_X,), {"k": -1}, order=0, why=_PLACES),
    Use("numpy.mask_indices", (3, np.triu), {"k": 1}, lambda n, f, k: np.mask_indices(n, np.triu, k), jax=False),
    # grids and flat indices
    Use("numpy.ix_", (np.array([0, 2]), np.array([True, False, True])), jax=False),
    Use("numpy.indices", ((2, 3),)),
    Use("numpy.indices", ((2, 3),), {"dtype": "float64", "sparse": True}),
    Use("numpy.fromfunction", (lambda i, j: i * 2 + j, (2, 3)), {"dtype": float}),
    Use("numpy.unravel_index", (np.array([[0, 5], [3, 2]]), (2, 3))),
    Use("numpy.unravel_index", (np.array(4), (2, 3)), {"order": "F"}, jax=False),
    Use("numpy.ravel_multi_index", ((np.array([0, 1]), np.array([2, 0])), (2, 3))),
    Use(
        "numpy.ravel_multi_index",
        ((np.array([[3], [-1]]), np.array([4, 0])), (2, 3)),
        {"mode": ("wrap", "clip")},
        jax=False,
    ),
    Use("numpy.ravel_multi_index", ((np.array([0, 1]), np.array([2, 0])), (2, 3)), {"order": "F"}),
    # placing and choosing
    Use(
        "numpy.put_along_axis",
        (_X, np.array([[0, 2], [1, 3], [2, 0]]), uniform(3, 2, seed=1)),
        {"axis": 1, **_COPY},
        _changed(np.put_along_axis),
    ),
    Use("numpy.put_along_axis", (_X, np.array([[2, 1, 0, 1]]), 1.5), {"axis": 0, **_COPY}, _changed(np.put_along_axis)),
    Use(
        "numpy.put_along_axis", (_X, np.array([7, 1]), uniform(2)), {"axis": None, **_COPY}, _changed(np.put_along_axis)
    ),
    *[
        Use("numpy.put_along_axis", (_X, np.array([[4], [1], [-9]]), 1.5), {"axis": 1, "mode": mode, **_COPY}, oracle)
        for mode, oracle in [("clip", _nearest), ("drop", _dropped)]
    ],
    Use("numpy.put", (_X, np.array([[1, 5], [-1, 2]]), uniform(3, seed=1)), _COPY, _changed(np.put)),
    Use("numpy.put", (_X, np.array([1, 14]), uniform(2, seed=1)), {"mode": "wrap", **_COPY}, _changed(np.put)),
    Use("numpy.put", (_X, np.array([1, 14, -3]), uniform(3, seed=1)), {"mode": "clip", **_COPY}, _changed(np.put)),
    Use("numpy.place", (_X, booleans(3, 4), uniform(2, seed=1)), _COPY, _changed(np.place)),
    Use("numpy.choose", (np.array([2, 0, 1]), [uniform(3), 1.5, uniform(3, seed=1)])),
    Use("numpy.choose", (np.array([[1], [0]]), uniform(2, 3))),
    Use("numpy.choose", (np.array([4, -1, 1]), [uniform(3), uniform(3, seed=1)]), {"mode": "wrap"}),
    Use("numpy.choose", (np.array([4, -1, 1]), [uniform(3), uniform(3, seed=1)]), {"mode": "clip"}),
    # bits
    Use("numpy.packbits", (_BITS,)),
    Use("numpy.packbits", (_BITS,), {"axis": 1, "bitorder": "little"}),
    Use("numpy.packbits", (_BITS.astype(int),), {"axis": 0}),
    Use("numpy.unpackbits", (_BYTES,)),
    Use("numpy.unpackbits", (_BYTES,), {"axis": 0, "count": 11, "bitorder": "little"}),
    Use("numpy.unpackbits", (_BYTES,), {"axis": 1, "count": 26}),
    Use("numpy.unpackbits", (_BYTES,), {"axis": 1, "count": -3}),
    # matrices
    Use("numpy.vander", (uniform(3),)),
    Use("numpy.vander", (complexes(3), 4), {"increasing": True}),
    Use("numpy.vander", (integers(3), 2)),
    Use("numpy.kron", (uniform(2, 2), uniform(3, 2, seed=1))),
    Use("numpy.kron", (complexes(2), uniform(2, 2, seed=1))),
    # questions
    Use("numpy.broadcast_shapes", ((2, 1), (3,), 1)),
    Use("numpy.shape", (_X,), order=0, why=_PLACES, jax=False),
    Use("numpy.ndim", (_X,), order=0, why=_PLACES, jax=False),
    Use("numpy.size", (_X,), {"axis": 1}, order=0, why=_PLACES, jax=False),
    *[
        Use("numpy.array_equiv", (_X, other), order=0, vmap=False, jit=False, why="its result is Python's", jax=False)
        for other in (_X, _X[:1], _X[:, :2])
    ],
    Use("numpy.isscalar", (3.5,)),
    Use("numpy.iterable", ([1],)),
    # functions of lines, axes and pieces
    Use("numpy.apply_along_axis", (lambda v: v[0] * v[1:], 0, _X)),
    Use("numpy.apply_along_axis", (lambda v: v[:2, None] * v[None, :2], 1, uniform(2, 3, 2)), jax=False),
    Use("numpy.apply_along_axis", (lambda v, p, q: (v * p).sum() + q, -1, _Z, 2.0), {"q": 1.0}),
    Use("numpy.apply_over_axes", (lambda a, axis: a.sum(axis), uniform(2, 3, 2), (0, 2))),
    Use("numpy.piecewise", (_X, [_X < -1, _X > 0.5], [lambda x: x * x, 2.5])),
    Use("numpy.piecewise", (_X, [_X < 0, _X < 1], [lambda x, k: -k * x, lambda x, k: x**3, lambda x, k: k * x], 2.0)),
    Use("numpy.piecewise", (_X[0], _X[0] < 0, [lambda x: -x, lambda x: x * x]), jax=False),
    Use("numpy.piecewise", (_N, [_N < 0, _N > 3], [lambda x: -x, 7])),
]
