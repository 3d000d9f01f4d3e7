"""Distributions out in the tails, at the ends of their support, and for parameters that they do not have."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from functions import distributions as uses
from scipy import stats as oracle

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import errors
from funcgrad.scipy import stats
from funcgrad.testing import check_grads

_PLACES = np.array([-np.inf, -3.0, -0.5, 0.0, 0.5, 1.0, 2.0, 7.0, np.inf, np.nan])
_PARAMETERS: dict[str, tuple[float, ...]] = {
    "norm": (), "expon": (), "uniform": (), "gamma": (2.5,), "chi2": (3.0,), "beta": (2.0, 1.0), "cauchy": (),
    "laplace": (), "logistic": (), "pareto": (1.5,), "gumbel_r": (), "gumbel_l": (), "truncnorm": (-0.5, 2.0),
    "gennorm": (1.5,), "t": (3.0,), "wrapcauchy": (0.4,),
}  # fmt: skip


@pytest.mark.parametrize("name", _PARAMETERS)
def test_ends_of_the_support_and_beyond(name: str) -> None:
    found, expected, args = getattr(stats, name), getattr(oracle, name), _PARAMETERS[name]
    with np.errstate(all="ignore"):
        for method in sorted({"logpdf", "pdf"} | set(found.formulas)):
            places = _PLACES if method not in ("ppf", "isf") else np.array([-0.1, 0.0, 0.3, 1.0, 1.1, np.nan])
            computed = np.asarray(getattr(found, method)(places, *args))
            np.testing.assert_allclose(computed, getattr(expected, method)(places, *args), rtol=1e-12, err_msg=method)


@pytest.mark.parametrize("name", [n for n in _PARAMETERS if getattr(stats, n).support(*_PARAMETERS[n])[0] != -math.inf])
def test_derivatives_outside_of_the_support_are_zero(name: str) -> None:
    f, args = getattr(stats, name), _PARAMETERS[name]
    for method in ("pdf", "cdf"):
        if method == "pdf" or "cdf" in f.formulas:
            slope = fg.grad(lambda x, m=method: getattr(f, m)(x, *args))
            assert float(slope(-0.7)) == 0
    if args:
        by_shape = fg.grad(lambda s: f.pdf(-0.7, s, *args[1:]))
        assert float(by_shape(args[0])) == 0


def test_tails_keep_their_digits() -> None:
    with fg.config.default_dtype("float64"):
        for name, x in [("norm", 30.0), ("expon", 700.0), ("logistic", 700.0), ("gumbel_r", 40.0), ("cauchy", 1e20)]:
            assert math.isclose(getattr(stats, name).sf(x), getattr(oracle, name).sf(x), rel_tol=1e-12)
        assert math.isclose(stats.norm.logcdf(-1e5), oracle.norm.logcdf(-1e5), rel_tol=1e-13)
        assert math.isclose(fg.grad(stats.norm.logsf)(1e5), -1e5, rel_tol=1e-9)
        assert math.isclose(stats.gamma.sf(200.0, 3.0), oracle.gamma.sf(200.0, 3.0), rel_tol=1e-12)
        for q in (1e-300, 1e-20, 0.3):
            for name in ("norm", "expon", "cauchy", "laplace", "logistic", "gumbel_r", "gumbel_l"):
                assert math.isclose(getattr(stats, name).isf(q), getattr(oracle, name).isf(q), rel_tol=1e-12)
        for a, b in [(10.0, 12.0), (-40.0, -35.0), (-0.2, 0.1)]:
            middle = (a + b) / 2
            for method in ("logpdf", "cdf", "sf", "logcdf", "logsf"):
                found = getattr(stats.truncnorm, method)(middle, a, b)
                assert math.isclose(found, getattr(oracle.truncnorm, method)(middle, a, b), rel_tol=1e-9), method


def test_parameters_without_a_distribution_give_nan() -> None:
    assert np.isnan(stats.norm.logpdf(0.0, 0.0, -1.0))
    assert np.isnan(stats.gamma.cdf(1.0, -2.0))
    assert np.isnan(stats.binom.logpmf(1, 2.5, 0.5))
    assert np.isnan(stats.poisson.pmf(1, -1.0))
    assert np.isnan(stats.truncnorm.cdf(0.0, 2.0, 1.0))


_KS = np.array([-1.0, 0.0, 0.5, 1.0, 3.0, 6.0, 8.0])


@pytest.mark.parametrize(("name", "args"), [
    ("bernoulli", (0.3,)), ("bernoulli", (0.0,)), ("binom", (6, 0.3)), ("binom", (0, 0.3)), ("geom", (0.3,)),
    ("nbinom", (2.5, 0.3)), ("poisson", (2.0,)), ("poisson", (0.0,)), ("betabinom", (6, 2.0, 3.0)),
])  # fmt: skip
def test_numbers_that_are_not_whole_or_not_possible(name: str, args: tuple[float, ...]) -> None:
    found, expected = getattr(stats, name), getattr(oracle, name)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(found.pmf(_KS, *args), expected.pmf(_KS, *args), rtol=1e-12, atol=1e-300)
        if "cdf" in found.formulas:
            np.testing.assert_allclose(found.cdf(_KS, *args), expected.cdf(_KS, *args), rtol=1e-12)
            np.testing.assert_allclose(found.sf(_KS, *args), expected.sf(_KS, *args), rtol=1e-12, atol=1e-300)


def test_shares_and_counts_that_do_not_add_up() -> None:
    assert stats.dirichlet.logpdf([0.5, 0.6], [1.0, 2.0]) == -math.inf
    assert stats.multinomial.logpmf([1, 1], 3, [0.5, 0.5]) == -math.inf
    slope = fg.grad(lambda p: stats.multinomial.logpmf(np.array([1.0, 2.0]), 3, p))(np.array([0.25, 0.75]))
    np.testing.assert_allclose(slope, [1 / 0.25, 2 / 0.75], rtol=1e-13)


def test_dtypes() -> None:
    assert stats.norm.logpdf(fnp.ones(2), 0, 1).dtype == "float32"
    assert stats.norm.logpdf(np.ones(2), 0, 1).dtype == "float64"
    assert stats.binom.pmf(3, 5, 0.5).dtype == "float32"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stats.gamma.logpdf(1.0), "parameters a are missing"),
        (lambda: stats.norm.logpdf(1.0, 0.0, 1.0, 2.0), "not 3 parameters"),
        (lambda: stats.norm.logpdf(1.0, shape=2.0), "'shape'"),
        (lambda: stats.norm.logpdf(1.0, 0.0, loc=1.0), "'loc'"),
        (lambda: stats.gamma.ppf(0.5, 2.0), "has no formula"),
        (lambda: stats.dirichlet.logpdf([0.5], [1.0, 1.0, 1.0]), "k shares"),
    ],
)
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises((errors.OptionError, errors.ShapeError), match=message):
        call()


def test_every_distribution_has_uses() -> None:
    elsewhere = {"ModeResult", "gaussian_kde"}  # classes
    assert {use.name.split(".")[2] for use in uses.USES} == set(stats.__all__) - elsewhere


# ---- samples -----------------------------------------------------------------------------------


@pytest.mark.parametrize("bandwidth", [None, "silverman", 0.4, lambda kde: 0.5 * kde.scotts_factor()])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("d", [1, 2])
def test_kernel_densities_are_scipy_s(bandwidth: Any, weighted: bool, d: int) -> None:
    random = np.random.default_rng(0)
    samples, weights = random.standard_normal((d, 7)), random.uniform(0.5, 1, 7) if weighted else None
    places = random.standard_normal((d, 4))
    found = stats.gaussian_kde(samples, bandwidth, weights)
    expected = oracle.gaussian_kde(samples, bandwidth, weights)
    np.testing.assert_allclose(found(places), expected(places), rtol=1e-11)
    np.testing.assert_allclose(found.logpdf(places), expected.logpdf(places), rtol=1e-11)
    np.testing.assert_allclose(found.covariance, expected.covariance, rtol=1e-11)
    if d == 1:
        assert math.isclose(found.integrate_box_1d(-1, 0.5), expected.integrate_box_1d(-1, 0.5), rel_tol=1e-11)


def test_kernel_densities_are_differentiable_in_samples_places_and_widths() -> None:
    random = np.random.default_rng(0)
    samples, places = random.standard_normal((2, 6)), random.standard_normal((2, 3))
    check_grads(lambda s, x, w: stats.gaussian_kde(s, w).pdf(x), (samples, places, np.array(0.7)), 2)


def test_the_multivariate_normal_distribution() -> None:
    square = np.random.default_rng(0).standard_normal((3, 3))
    cov, x = square @ square.T + np.eye(3), np.random.default_rng(1).standard_normal((4, 3))
    found = stats.multivariate_normal.logpdf(x, np.ones(3), cov)
    np.testing.assert_allclose(found, oracle.multivariate_normal.logpdf(x, np.ones(3), cov), rtol=1e-12)
    check_grads(
        lambda x, m, s: stats.multivariate_normal.logpdf(x, m, s @ s.T + fnp.eye(3, dtype="float64")),
        (x[0], np.ones(3), square),
        2,
    )
    assert math.isclose(stats.multivariate_normal.logpdf(0.5), oracle.multivariate_normal.logpdf(0.5), rel_tol=1e-6)
    one = stats.multivariate_normal.logpdf(np.array([0.5, 1.0]), np.zeros(1), np.array([[2.0]]))
    np.testing.assert_allclose(one, oracle.norm.logpdf([0.5, 1.0], 0, math.sqrt(2)), rtol=1e-12)
    with pytest.raises(errors.OptionError, match="singular"):
        stats.multivariate_normal.logpdf(x, np.ones(3), cov, allow_singular=True)
    with pytest.raises(errors.ShapeError, match="covariance"):
        stats.multivariate_normal.logpdf(x[:, :2], np.ones(2), cov)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: stats.gaussian_kde([1.0]), errors.ShapeError, "at least 2"),
        (lambda: stats.gaussian_kde([1.0, 2.0], "wide"), errors.OptionError, "'wide'"),
        (lambda: stats.gaussian_kde([1.0, 2.0], weights=[1.0]), errors.ShapeError, "weights"),
        (lambda: stats.mode([]), errors.ShapeError, "no elements"),
        (lambda: stats.mode([1], nan_policy="omit"), errors.OptionError, "'omit'"),
        (lambda: stats.rankdata([1], "mean"), errors.OptionError, "'mean'"),
        (lambda: stats.rankdata([1], nan_policy="omit"), errors.OptionError, "'omit'"),
        (lambda: stats.sem([1.0], nan_policy="omit"), errors.OptionError, "'omit'"),
    ],
)
def test_refusals_of_samples(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
