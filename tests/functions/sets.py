"""Uses of `funcgrad/numpy/sets.py`; JAX (0.10) takes the different elements of a set for constants."""

from __future__ import annotations

from typing import Any

import numpy as np
from samples import booleans, complexes, integers, uniform

from . import Use

_SAME = "a difference in one of two equal elements makes them two"
_COUNTS = "other elements have another number of different ones"
_TRUTHS = "its result is booleans"
_FEW = integers(2, 4, high=-5)
_OTHER = integers(5, high=-5, seed=1)


def _fixed(ar: Any, size: int, fill_value: Any = None, **kwargs: Any) -> Any:
    values, counts = np.unique(ar, return_counts=True)
    filling = values[0] if fill_value is None else fill_value
    short = max(size - len(values), 0)
    return (
        np.concatenate([values, np.full(short, filling, values.dtype)])[:size],
        np.concatenate([counts, np.zeros(short, int)])[:size],
    )


def _sized(f: Any) -> Any:
    def oracle(ar1: Any, ar2: Any, size: int, fill_value: Any) -> Any:
        values = f(ar1, ar2)
        return np.concatenate([values, np.full(max(size - len(values), 0), fill_value, values.dtype)])[:size]

    return oracle


USES = [
    Use("numpy.unique", (uniform(2, 3),), jax=False),
    Use("numpy.unique", (complexes(4),), jax=False),
    Use("numpy.unique", (_FEW,), {"return_index": True, "return_inverse": True, "return_counts": True}),
    Use("numpy.unique", (_FEW,), {"return_inverse": True}),
    Use("numpy.unique", (booleans(5),), {"return_counts": True}),
    Use("numpy.unique", (uniform(3, 2),), {"axis": 0, "return_index": True}, jax=False),
    Use("numpy.unique", (uniform(2, 3, 2),), {"axis": 1}, jax=False),
    Use(
        "numpy.unique",
        (np.array([[3, 1, 3], [2, 5, 2]]),),
        {"axis": 1, "return_inverse": True, "return_counts": True},
        vmap=False,
        why=_COUNTS,
    ),
    Use("numpy.unique", (_FEW,), {"size": 6, "return_counts": True}, _fixed),
    Use("numpy.unique", (_FEW,), {"size": 2, "return_counts": True}, _fixed),
    Use("numpy.unique", (uniform(3),), {"size": 5, "fill_value": 9.0, "return_counts": True}, _fixed),
    Use("numpy.unique_all", (uniform(3),), {}, lambda x: np.unique(x, True, True, True), jax=False),
    Use("numpy.unique_all", (_FEW,), {}, lambda x: np.unique(x, True, True, True)),
    Use("numpy.unique_counts", (_FEW,), {}, lambda x: np.unique(x, return_counts=True)),
    Use("numpy.unique_counts", (uniform(3),), {"size": 4}, _fixed),
    Use("numpy.unique_inverse", (_FEW,), {}, lambda x: np.unique(x, return_inverse=True)),
    Use("numpy.unique_values", (uniform(2, 2),), {}, np.unique, jax=False),
    Use("numpy.unique_values", (_FEW,), {}, np.unique),
    Use("numpy.isin", (_FEW, _OTHER)),
    Use("numpy.isin", (uniform(4), uniform(4)[:2]), {"invert": True}, order=0, why=_TRUTHS),
    Use("numpy.isin", (booleans(4), [True]), jax=False),
    Use("numpy.union1d", (uniform(3), uniform(2, seed=1)), jax=False),
    Use("numpy.union1d", (_FEW, _OTHER)),
    Use("numpy.union1d", (_FEW, _OTHER), {"size": 12, "fill_value": 0}, _sized(np.union1d)),
    Use("numpy.intersect1d", (_FEW, _OTHER)),
    Use("numpy.intersect1d", (_FEW.ravel(), _OTHER), {"return_indices": True}),
    Use("numpy.intersect1d", (_FEW.ravel(), _OTHER), {"size": 7, "fill_value": 3}, _sized(np.intersect1d)),
    Use("numpy.intersect1d", (uniform(4), uniform(4)[1:3]), order=0, vmap=False, why=_SAME),
    Use("numpy.setdiff1d", (uniform(4), uniform(2, seed=1)), jax=False),
    Use("numpy.setdiff1d", (_FEW, np.array([-9, -6]))),
    Use("numpy.setdiff1d", (np.array([5, 2, 4, 1]), np.array([2, 3])), {"assume_unique": True}),
    Use("numpy.setdiff1d", (_FEW, np.array([-9, -6])), {"size": 7, "fill_value": 1}, _sized(np.setdiff1d)),
    Use("numpy.setxor1d", (uniform(3), uniform(2, seed=1)), jax=False),
    Use("numpy.setxor1d", (_FEW, _OTHER)),
    Use("numpy.setxor1d", (_FEW, _OTHER), {"size": 8, "fill_value": 2}, _sized(np.setxor1d)),
]
