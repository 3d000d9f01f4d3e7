"""NaN and infinities are not hidden, and stay where they belong: what functions make of them is NumPy's and SciPy's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.special
import scipy.stats

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.scipy import linalg, special, stats
from funcgrad.scipy.sparse import linalg as sparse

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy tells of them
NAN, INF = math.nan, math.inf


def same(found: Any, expected: Any, rtol: float = 1e-12) -> None:
    np.testing.assert_allclose(np.asarray(found), expected, rtol=rtol)


@pytest.mark.parametrize("function", ["expm", "logm", "sqrtm"])
@pytest.mark.parametrize("bad", [NAN, INF])
def test_a_bad_matrix_spoils_no_other_of_its_stack(function: str, bad: float) -> None:
    good = np.array([[9.0, 1.0], [2.0, 30.0]]) / (10 if function == "expm" else 1)
    stack = np.stack([good, np.full((2, 2), bad), good])
    for f in (getattr(linalg, function), fg.vmap(getattr(linalg, function))):
        found = np.asarray(f(fg.asarray(stack)))
        expected = getattr(scipy.linalg, function)(good)
        same(found[0], expected)
        same(found[2], expected)
        assert np.isnan(found[1]).all()


@pytest.mark.parametrize("solver", [sparse.cg, sparse.bicgstab, sparse.gmres])
@pytest.mark.parametrize("jitted", [False, True])
def test_solvers_do_not_hide_nan(solver: Callable[..., Any], jitted: bool) -> None:
    f = fg.jit(solver) if jitted else solver
    for _ in range(3):
        x, info = f(fg.asarray(np.array([[NAN, 1.0], [1.0, 2.0]])), fg.asarray(np.ones(2)))
        assert fnp.isnan(x).all()
        assert int(info) > 0
        x, info = f(fg.asarray(np.array([[3.0, 1.0], [1.0, 2.0]])), fg.asarray(np.ones(2)), rtol=1e-12)
        same(x, [0.2, 0.4], 1e-10)
        assert int(info) == 0


@pytest.mark.parametrize("name", ["boxcox", "boxcox1p", "inv_boxcox", "inv_boxcox1p"])
def test_powers_of_the_ends(name: str) -> None:
    start = {"boxcox": 0.0, "boxcox1p": -1.0}.get(name, -INF)
    x = np.array([NAN, INF, start, 0.5])[:, None]
    power = np.array([-0.6, 0.0, 0.7, NAN])
    expected = getattr(scipy.special, name)(x, power)
    if start == -INF:
        x, expected = x[[0, 1, 3]], expected[[0, 1, 3]]
    same(getattr(special, name)(x, power), expected)


def test_special_functions_at_infinity_and_of_nan() -> None:
    same(special.zeta(np.array([INF, NAN, 2.0])), [1.0, NAN, math.pi**2 / 6])
    same(special.comb(np.array([NAN, 5.0, 5.0]), np.array([2.0, NAN, 2.0])), [NAN, NAN, 10.0])
    same(special.comb(np.array([NAN]), 2.0, repetition=True), [NAN])


def test_logsumexp_of_infinities_and_factors() -> None:
    x = np.array([1.0, INF, 2.0])
    for b in ([1.0, 2.0, 3.0], [1.0, 0.0, 3.0], [0.0, 0.0, 0.0]):
        expected = math.inf if b[1] else np.log(b[0] * np.exp(1) + b[2] * np.exp(2))
        same(special.logsumexp(x, b=np.array(b)), expected)
    same(special.logsumexp(x, where=np.array([True, False, True])), np.logaddexp(1, 2))
    slope = fg.grad(lambda x: special.logsumexp(x, b=np.array([1.0, 0.0, 1.0])))(np.array([1.0, INF, 1.0]))
    same(slope, [0.5, 0.0, 0.5])


def test_logsumexp_of_nothing_is_the_logarithm_of_zero() -> None:
    x = np.zeros((2, 0))
    same(fnp.logsumexp(x, axis=1), [-INF, -INF])
    same(fnp.logsumexp(x), -INF)
    same(fnp.logsumexp(x, axis=0), np.zeros(0))
    assert fnp.logsumexp(x, axis=1, keepdims=True).shape == (2, 1)


def test_densities_of_nan_are_nan() -> None:
    shares = np.array([[NAN, 0.2, 0.2], [0.8, 0.8, 0.9]])
    same(stats.dirichlet.logpdf(shares, np.array([1.0, 2.0])), [NAN, math.log(2 * 0.8), -INF])
    assert fnp.isnan(stats.dirichlet.pdf(shares[:, 0], np.array([1.0, 2.0])))


def test_matrices_of_a_vector_with_nan() -> None:
    c = np.array([1.0, INF, NAN])
    same(linalg.hankel(c), scipy.linalg.hankel(c))


def test_the_count_of_an_average_is_no_nan() -> None:
    x = np.array([[1.0, NAN, 2.0], [1.0, INF, 2.0]])
    same(fnp.average(x, axis=1, returned=True)[1], [3.0, 3.0])


@pytest.mark.parametrize("mode", ["median", "mean", "maximum", "minimum"])
@pytest.mark.parametrize("count", [3, 4])
def test_pads_of_nan(mode: str, count: int) -> None:
    x = np.array([[1.0, NAN, 3.0, 2.0], [5.0, 1.0, 3.0, 4.0]])[:, :count]
    same(fnp.pad(x, ((0, 0), (2, 1)), mode=mode), np.pad(x, ((0, 0), (2, 1)), mode=mode))
