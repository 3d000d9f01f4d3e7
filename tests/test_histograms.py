"""Histograms and counts: the derivative in the weights, sizes that do not depend on values, and wrong arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import ArrayIndexError, DtypeError, OptionError, ShapeError

X = np.array([0.1, 0.4, 0.9, 0.35, 0.4])
W = np.array([1.0, 2.0, 0.5, 4.0, 0.25])
EDGES = np.array([0.0, 0.3, 0.5, 1.0])


def test_the_derivative_in_the_weights_picks_each_elements_bin() -> None:
    pull = fg.vjp(lambda w: fnp.histogram(X, EDGES, weights=w)[0], W)[1]
    (g,) = pull(fg.asarray(np.array([10.0, 20.0, 30.0])))
    assert g.tolist() == [10.0, 20.0, 30.0, 20.0, 20.0]
    density = fg.jacrev(lambda w: fnp.histogram(X, EDGES, density=True, weights=w)[0])(W)
    by_hand = np.array([(np.digitize(X, EDGES) == k + 1) / np.diff(EDGES)[k] for k in range(3)])
    whole = W.sum()
    np.testing.assert_allclose(density, by_hand / whole - (by_hand @ W)[:, None] / whole**2, rtol=1e-12)
    assert fg.grad(lambda w: fnp.bincount([2, 0, 2, 2, 0], w)[2])(W).tolist() == [1, 0, 1, 1, 0]


def test_the_last_edge_belongs_to_the_last_bin_and_nan_to_none() -> None:
    counts, _ = fnp.histogram(np.array([-1.0, 0.0, 0.5, 1.0, 1.1, np.nan]), EDGES)
    assert counts.tolist() == [1, 0, 2]
    assert fnp.histogram([0.5, 0.5], 2)[1].tolist() == [0.0, 0.5, 1.0]
    assert fnp.histogram(fnp.zeros(0), 3)[0].tolist() == [0, 0, 0]
    counts, edges = fnp.histogramdd(np.array([[0.1, 7.0], [0.9, 0.2], [0.3, 0.3]]), [[0, 0.5, 1], [0, 1]])
    assert counts.tolist() == [[1.0], [1.0]]
    assert [e.shape for e in edges] == [(3,), (2,)]


def test_a_length_lets_a_batch_count_together() -> None:
    rows = np.array([[0, 1, 1], [5, 2, 0]])
    assert fg.vmap(lambda x: fnp.bincount(x, length=4))(rows).tolist() == [[1, 2, 0, 0], [1, 0, 1, 0]]
    counted = fg.jit(lambda x: fnp.bincount(x, length=3))
    assert [counted(fg.asarray(row)).tolist() for row in rows] == [[1, 2, 0], [1, 0, 1]]
    assert fnp.bincount(np.zeros(0, int), minlength=2).tolist() == [0, 0]
    with pytest.raises(ArrayIndexError):
        fnp.bincount([-1], length=3)


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (DtypeError, lambda: fnp.bincount([0.5])),
        (ShapeError, lambda: fnp.bincount([[1]])),
        (ShapeError, lambda: fnp.bincount([1, 2], [1.0])),
        (OptionError, lambda: fnp.bincount([1, -2])),
        (OptionError, lambda: fnp.histogram(X, 0)),
        (OptionError, lambda: fnp.histogram(X, [1.0, 0.0])),
        (OptionError, lambda: fnp.histogram(X, range=(1, 0))),
        (OptionError, lambda: fnp.histogram([1.0, np.nan])),
        (OptionError, lambda: fnp.histogram(X, "stone age")),
        (DtypeError, lambda: fnp.histogram(X, 2.5)),
        (DtypeError, lambda: fnp.histogram(X + 1j)),
        (ShapeError, lambda: fnp.histogram(X, weights=W[:2])),
        (ShapeError, lambda: fnp.histogram(X, [1.0])),
        (ShapeError, lambda: fnp.histogramdd(np.ones((4, 2)), [1, 2, 3])),
        (ShapeError, lambda: fnp.histogram2d(X, X[1:])),
    ],
)
def test_wrong_arguments(error: Any, call: Any) -> None:
    with pytest.raises(error):
        call()
