"""Assignments against SciPy's, and against all permutations."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import DtypeError, ShapeError
from funcgrad.optim.assignment import hungarian_algorithm


def checked(cost: np.ndarray) -> float:
    """The sum of the costs, where the pairs are an assignment."""
    i, j = (np.asarray(x) for x in hungarian_algorithm(fnp.asarray(cost)))
    assert i.dtype == j.dtype == np.int64
    assert i.shape == j.shape == (min(cost.shape),)
    assert (np.diff(i) > 0).all()
    assert len(set(j.tolist())) == len(j)
    return float(cost[i, j].sum())


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (3, 3), (3, 5), (6, 4), (5, 5)])
@pytest.mark.parametrize("whole", [True, False])
def test_against_all_permutations(shape: tuple[int, int], whole: bool) -> None:
    rng = np.random.default_rng(sum(shape))
    cost = rng.integers(-3, 4, size=shape).astype("float64") if whole else rng.normal(size=shape)
    short = cost if shape[0] <= shape[1] else cost.T
    rows = np.arange(short.shape[0])
    least = min(short[rows, list(p[: len(rows)])].sum() for p in permutations(range(short.shape[1])))
    np.testing.assert_allclose(checked(cost), least, atol=1e-12)


@pytest.mark.parametrize("shape", [(20, 20), (12, 30), (25, 9)])
def test_against_scipy(shape: tuple[int, int]) -> None:
    optimize = pytest.importorskip("scipy.optimize")
    cost = np.random.default_rng(3).normal(size=shape)
    i, j = optimize.linear_sum_assignment(cost)
    np.testing.assert_allclose(checked(cost), cost[i, j].sum(), rtol=1e-10)


def test_under_transforms() -> None:
    costs = fnp.asarray(np.random.default_rng(4).normal(size=(4, 5, 5)))
    _, together = fg.vmap(hungarian_algorithm)(costs)
    _, jitted = fg.jit(hungarian_algorithm)(costs[2])
    for k in range(4):
        np.testing.assert_array_equal(np.asarray(together[k]), np.asarray(hungarian_algorithm(costs[k])[1]))
    np.testing.assert_array_equal(np.asarray(jitted), np.asarray(together[2]))

    def least(cost: fg.Array) -> fg.Array:
        return cost[hungarian_algorithm(cost)].sum()

    grads = np.asarray(fg.grad(least)(costs[0]))
    np.testing.assert_array_equal(grads.sum(0), 1)
    np.testing.assert_array_equal(grads.sum(1), 1)
    assert set(np.unique(grads)) == {0.0, 1.0}


def test_edges() -> None:
    assert [x.shape for x in hungarian_algorithm(fnp.zeros((0, 3)))] == [(0,), (0,)]
    assert [x.shape for x in hungarian_algorithm(fnp.zeros((3, 0)))] == [(0,), (0,)]
    with pytest.raises(ShapeError, match="a matrix"):
        hungarian_algorithm(fnp.zeros(3))
    with pytest.raises(DtypeError, match="complex"):
        hungarian_algorithm(fnp.zeros((2, 2), "complex64"))
