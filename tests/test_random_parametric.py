"""Samplers with parameters: their distributions against SciPy's, and derivatives against those of the quantile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import config, random
from funcgrad.errors import OptionError, ShapeError
from funcgrad.testing import check_grads

KEY = random.key(0)
N = 40_000


# name: sampler of (key, *parameters, shape), SciPy's distribution of the parameters, sets of parameters
REAL: dict[str, tuple[Callable[..., Any], Callable[..., Any], list[tuple[float, ...]]]] = {
    "gamma": (random.gamma, stats.gamma, [(0.1,), (0.9,), (1.0,), (4.5,), (1000.0,)]),
    "loggamma": (random.loggamma, stats.loggamma, [(0.05,), (2.0,), (30.0,)]),
    "chisquare": (random.chisquare, stats.chi2, [(1.0,), (7.0,)]),
    "beta": (random.beta, stats.beta, [(0.2, 0.3), (1.0, 1.0), (3.0, 0.5), (40.0, 70.0)]),
    "f": (random.f, stats.f, [(2.0, 5.0), (30.0, 9.0)]),
    "t": (random.t, stats.t, [(0.7,), (3.0,), (100.0,)]),
    "lognormal": (random.lognormal, stats.lognorm, [(0.3,), (2.0,)]),
    "pareto": (random.pareto, stats.pareto, [(0.5,), (4.0,)]),
    "rayleigh": (random.rayleigh, lambda s: stats.rayleigh(scale=s), [(0.5,), (3.0,)]),
    "wald": (random.wald, lambda m: stats.invgauss(m), [(0.2,), (1.0,), (30.0,)]),
    "triangular": (
        random.triangular,
        lambda a, c, b: stats.triang((c - a) / (b - a), a, b - a),
        [(-1.0, 0.5, 2.0), (0.0, 0.0, 1.0), (0.0, 3.0, 3.0)],
    ),
    "weibull_min": (
        lambda k, s, c, shape=(): random.weibull_min(k, s, c, shape),
        lambda s, c: stats.weibull_min(c, scale=s),
        [(2.0, 0.7), (0.5, 3.0)],
    ),
    "generalized_normal": (random.generalized_normal, stats.gennorm, [(0.8,), (2.0,), (6.0,)]),
    "maxwell": (lambda k, shape=(): random.maxwell(k, shape), lambda: stats.maxwell(), [()]),
}
CASES = [pytest.param(name, params, id=f"{name}{params}") for name, (_, _, sets) in REAL.items() for params in sets]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "params"), CASES)
def test_real_samplers_have_their_distributions(name: str, params: Any, dtype: str) -> None:
    draw, distribution, _ = REAL[name]
    with config.default_dtype(dtype):
        x = draw(KEY, *params, shape=(N,))
    assert (x.dtype, x.shape) == (dtype, (N,))
    assert stats.kstest(np.asarray(x, np.float64), distribution(*params).cdf).pvalue > 1e-3


COUNTS = {
    "poisson": (random.poisson, stats.poisson, [(0.3,), (9.99,), (10.0,), (37.0,), (1e6,)]),
    "binomial": (
        random.binomial,
        stats.binom,
        [(1, 0.3), (20, 0.5), (19, 0.95), (100, 0.5), (5000, 0.003), (1000, 0.7), (10**8, 0.9)],
    ),
    "geometric": (random.geometric, stats.geom, [(0.01,), (0.5,), (0.9,)]),
}
COUNT_CASES = [pytest.param(n, params, id=f"{n}{params}") for n, (_, _, sets) in COUNTS.items() for params in sets]


@pytest.mark.parametrize(("name", "params"), COUNT_CASES)
def test_counts_have_their_distributions(name: str, params: Any) -> None:
    """Chi-square over some 30 ranges of equal probability."""
    draw, make, _ = COUNTS[name]
    x, distribution = np.asarray(draw(KEY, *params, shape=(N,)), np.float64), make(*params)
    edges = np.unique(distribution.ppf(np.linspace(0.0, 1.0, 31)[1:-1]))
    expected = np.diff([0.0, *distribution.cdf(edges), 1.0]) * N
    counts = np.bincount(np.searchsorted(edges, x), minlength=len(edges) + 1)
    kept = expected > 5  # what remains goes to one of the others
    counts, expected = np.append(counts[kept], counts[~kept].sum()), np.append(expected[kept], expected[~kept].sum())
    if expected[-1] == 0:
        assert counts[-1] == 0
        counts, expected = counts[:-1], expected[:-1]
    assert len(expected) == 1 or stats.chisquare(counts, expected).pvalue > 1e-3


def test_what_always_succeeds_takes_one_trial() -> None:
    assert random.geometric(KEY, 1.0, (3,)).tolist() == [1, 1, 1]


@pytest.mark.parametrize("n", [7, 1000])
def test_multinomial_counts_sum_to_n_and_are_binomial(n: int) -> None:
    p = np.array([0.1, 0.0, 0.5, 0.4])
    x = np.asarray(random.multinomial(KEY, n, p, shape=(N // 4,)))
    np.testing.assert_array_equal(x.sum(-1), n)
    assert (x[:, 1] == 0).all()
    assert np.abs(x.mean(0) - n * p).max() < 5 * np.sqrt(n / (N // 4))
    covariance = n * (np.diag(p) - np.outer(p, p))
    assert np.abs(np.cov(x.T) - covariance).max() < 0.06 * n
    assert random.multinomial(KEY, fnp.asarray([3, 5]), p).tolist() == random.multinomial(KEY, [3, 5], 7 * p).tolist()


def test_dirichlet_is_gamma_numbers_over_their_sum() -> None:
    alpha = np.array([0.05, 0.5, 3.0])
    x = np.asarray(random.dirichlet(KEY, alpha, (N,), "float64"))
    np.testing.assert_allclose(x.sum(-1), 1, rtol=1e-12)
    for i in range(3):
        assert stats.kstest(x[:, i], stats.beta(alpha[i], alpha.sum() - alpha[i]).cdf).pvalue > 1e-3
    tiny = np.asarray(random.dirichlet(KEY, np.full(3, 1e-4), (100,)))  # where the gamma numbers all vanish
    assert np.isfinite(tiny).all()


@pytest.mark.parametrize("method", ["cholesky", "eigh", "svd"])
def test_multivariate_normal_has_its_mean_and_covariance(method: str) -> None:
    mean, root = np.array([1.0, -2.0, 0.5]), np.random.default_rng(0).normal(size=(3, 3))
    x = np.asarray(random.multivariate_normal(KEY, mean, root @ root.T, (N,), "float64", method))
    whitened = np.linalg.solve(root, (x - mean).T)
    assert np.abs(whitened.mean(1)).max() < 0.03
    assert np.abs(np.cov(whitened) - np.eye(3)).max() < 0.03
    assert stats.kstest(whitened[0], stats.norm.cdf).pvalue > 1e-3
    singular = random.multivariate_normal(KEY, mean, np.ones((3, 3)), (5,), "float64", "eigh")
    np.testing.assert_allclose(np.ptp(np.asarray(singular) - mean, axis=1), 0, atol=1e-6)


def test_orthogonal_matrices_have_no_direction() -> None:
    q = np.asarray(random.orthogonal(KEY, 3, (4000,), "float64"))
    np.testing.assert_allclose(q @ q.swapaxes(1, 2), np.broadcast_to(np.eye(3), q.shape), atol=1e-12)
    assert np.abs(q.mean(0)).max() < 0.05
    assert abs((np.linalg.det(q) > 0).mean() - 0.5) < 0.05
    assert stats.kstest(q[:, 0, 0], stats.uniform(-1, 2).cdf).pvalue > 1e-3  # Archimedes: a coordinate of the sphere
    tall, wide = random.orthogonal(KEY, 4, m=2), random.orthogonal(KEY, 2, m=4)
    np.testing.assert_allclose(np.asarray(tall.T @ tall), np.eye(2), atol=1e-6)
    np.testing.assert_allclose(np.asarray(wide @ wide.T), np.eye(2), atol=1e-6)
    u = random.orthogonal(KEY, 3, (), "complex128")
    np.testing.assert_allclose(np.asarray(u @ u.conj().T), np.eye(3), atol=1e-12)


@pytest.mark.parametrize("p", [1.0, 2.0, 5.0])
def test_points_of_a_ball(p: float) -> None:
    x = np.asarray(random.ball(KEY, 3, p, (N,), "float64"))
    radius = (np.abs(x) ** p).sum(-1) ** (1 / p)
    assert stats.kstest(radius, lambda r: r**3).pvalue > 1e-3
    assert np.abs(x.mean(0)).max() < 0.02


def test_categorical_without_replacement_draws_one_after_the_other() -> None:
    p = np.array([0.5, 0.3, 0.2])
    x = np.asarray(random.categorical(KEY, np.log(p), shape=(2,), replace=False))
    assert x.shape == (2,)
    keys = random.split(KEY, N // 4)
    both = np.asarray(fg.vmap(lambda k: random.categorical(k, np.log(p), shape=(2,), replace=False))(keys))
    assert (both[:, 0] != both[:, 1]).all()
    expected = [p[i] * p[j] / (1 - p[i]) for i in range(3) for j in range(3) if i != j]
    counts = [((both == [i, j]).all(1)).sum() for i in range(3) for j in range(3) if i != j]
    assert stats.chisquare(counts, np.array(expected) * len(both)).pvalue > 1e-3
    rows = random.categorical(KEY, fnp.zeros((4, 5)), axis=0, shape=(3, 5), replace=False)
    assert all(len(set(column)) == 3 for column in np.asarray(rows).T.tolist())
    with pytest.raises(ShapeError, match="4 different draws"):
        random.categorical(KEY, np.log(p), shape=(4,), replace=False)


# ---- derivatives -------------------------------------------------------------------------------

SMOOTH = ["gamma", "loggamma", "chisquare", "beta", "f", "t", "lognormal", "pareto", "rayleigh", "weibull_min"]
SMOOTH += ["generalized_normal", "triangular", "wald"]
SMOOTH_CASES = [p for p in CASES if p.values[0] in SMOOTH and p.values[1] not in ((1000.0,), (30.0,))]


@pytest.mark.parametrize(("name", "params"), SMOOTH_CASES)
def test_derivatives_are_those_of_the_quantile(name: str, params: Any) -> None:
    """First and second ones, at 200 numbers, by differences of SciPy's ppf at the same probability."""
    draw, make, _ = REAL[name]
    if name == "triangular" and params[1] in (params[0], params[2]):
        pytest.skip("differences would leave the order of the parameters")
    with config.default_dtype("float64"):
        x = np.asarray(draw(KEY, *params, shape=(200,)))
        for i, value in enumerate(params):
            u = make(*params).cdf(x)

            def quantile(v: float, i: int = i, u: Any = u) -> Any:
                return make(*params[:i], v, *params[i + 1 :]).ppf(u)

            def ours(v: Any, i: int = i) -> Any:
                return draw(KEY, *params[:i], v, *params[i + 1 :], shape=(200,))

            settled = (u > 1e-3) & (u < 0.999)  # where ppf of the rounded u has its digits
            h = 1e-4 * value if value else 1e-4
            slope = (quantile(value + h) - quantile(value - h)) / (2 * h)
            one, first = fg.jvp(ours, (value,), (1.0,))
            np.testing.assert_allclose(one, x, rtol=1e-12)
            np.testing.assert_allclose(np.asarray(first)[settled], slope[settled], rtol=2e-4, atol=1e-6)
            h = 3e-3 * value if value else 3e-3
            curve = (quantile(value + h) - 2 * quantile(value) + quantile(value - h)) / h**2
            _, second = fg.jvp(lambda v, ours=ours: fg.jvp(ours, (v,), (1.0,))[1], (value,), (1.0,))
            scale = np.abs(curve[settled]).max() + 1e-3
            np.testing.assert_allclose(np.asarray(second)[settled], curve[settled], rtol=0.02, atol=3e-3 * scale)


def test_both_modes_agree() -> None:
    with config.default_dtype("float64"):
        for draw in (random.gamma, random.loggamma, random.chisquare, random.t):

            def total(a: Any, draw: Any = draw) -> Any:
                return (draw(KEY, a, (7,)) * fnp.arange(1.0, 8.0)).sum()

            by_reverse = fg.grad(total)(1.3)
            np.testing.assert_allclose(by_reverse, fg.jvp(total, (1.3,), (1.0,))[1], rtol=1e-12)
            np.testing.assert_allclose(
                fg.grad(fg.grad(total))(1.3), fg.jvp(fg.grad(total), (1.3,), (1.0,))[1], rtol=1e-9
            )
        pair = fg.grad(lambda a, b: random.beta(KEY, a, b, (7,)).sum(), (0, 1))(0.6, 2.5)
        forward = [
            fg.jvp(lambda a, b: random.beta(KEY, a, b, (7,)).sum(), (0.6, 2.5), t)[1] for t in ((1.0, 0.0), (0.0, 1.0))
        ]
        np.testing.assert_allclose(pair, forward, rtol=1e-12)


@pytest.mark.parametrize("a", [1e-4, 1e-3, 0.02])
def test_derivatives_of_logarithms_of_vanishing_numbers(a: float) -> None:
    """For x -> 0 the distribution function is x^a / Gamma(a + 1), so log(x) = (log(u) + log Gamma(a + 1)) / a."""
    from scipy.special import digamma, gammaln

    with config.default_dtype("float64"):
        y, slope = fg.jvp(lambda a: random.loggamma(KEY, a, (500,)), (a,), (1.0,))
    y, slope = np.asarray(y), np.asarray(slope)
    small = y < -30
    assert small.sum() > 100
    log_u = a * y - gammaln(a + 1)
    expected = digamma(a + 1) / a - (log_u + gammaln(a + 1)) / a**2
    np.testing.assert_allclose(slope[small], expected[small], rtol=1e-9)


def test_beta_near_its_ends() -> None:
    """Slopes are finite and smooth where x or 1 - x is below what a float64 can be away from 1."""
    with config.default_dtype("float64"):
        for a, b in ((1e-3, 2.0), (2.0, 1e-3), (1e-3, 1e-3)):
            x, slope = fg.jvp(lambda a, b: random.beta(KEY, a, b, (500,)), (a, b), (1.0, 1.0))
            assert bool(fnp.isfinite(x).all())
            assert bool(fnp.isfinite(slope).all())


def test_the_mean_of_a_gradient_is_the_gradient_of_the_mean() -> None:
    cases: list[tuple[Callable[[Any], Any], float, float]] = [
        (lambda a: random.gamma(KEY, a, (N,)).mean(), 1.7, 1.0),
        (lambda a: random.beta(KEY, a, 2.0, (N,)).mean(), 1.0, 2 / 9),
        (lambda a: (random.t(KEY, a, (N,)) ** 2).mean(), 12.0, -2 / 100),
        (lambda m: random.wald(KEY, m, (N,)).mean(), 2.0, 1.0),
        (lambda a: random.dirichlet(KEY, fnp.stack([a, 1.0, 1.0]), (N,))[:, 0].mean(), 2.0, 2 / 16),
    ]
    for f, at, expected in cases:
        assert abs(float(fg.grad(f)(at)) - expected) < 0.08 * max(abs(expected), 0.1)


def test_multivariate_normal_is_differentiable() -> None:
    with config.default_dtype("float64"):
        root = np.random.default_rng(0).normal(size=(3, 3))
        cov = root @ root.T + 3 * np.eye(3)

        def f(mean: Any, cov: Any) -> Any:
            return random.multivariate_normal(KEY, mean, (cov + cov.T) / 2, (4,))

        check_grads(f, (np.ones(3), cov))


@pytest.mark.parametrize("lam", [1e11, 1e15, 4e18])
def test_poisson_numbers_of_large_means_are_as_good_as_normal(lam: float) -> None:
    x = np.asarray(random.poisson(KEY, lam, (N,)))
    deviations = (x - int(lam)) / np.sqrt(lam)
    assert stats.kstest(deviations, stats.norm.cdf).pvalue > 1e-3


# ---- parameters --------------------------------------------------------------------------------


def test_each_number_depends_on_its_own_parameter_alone() -> None:
    a = np.random.default_rng(0).uniform(0.1, 5, 1000)
    for draw, params in ((random.gamma, (a,)), (random.poisson, (9 * a,)), (random.binomial, (40, a / 5))):
        whole = np.asarray(draw(KEY, *params))
        changed = [p if np.ndim(p) == 0 else np.where(np.arange(1000) % 2, p, 0.3) for p in params]
        np.testing.assert_array_equal(np.asarray(draw(KEY, *changed))[1::2], whole[1::2])


def test_numbers_that_take_many_rounds_are_the_same_one_by_one() -> None:
    """Few places look up their words, many run through the stream."""
    a = np.full(5000, 1.0)
    whole = np.asarray(random.gamma(KEY, a, dtype="float64"))
    padded = np.where(np.arange(5000) == 4321, 1.0, np.nan)
    from funcgrad.kernels import rejection

    words = tuple(random.key_data(KEY).tolist())
    alone = np.exp(rejection.log_gamma_numbers(words, padded))
    np.testing.assert_array_equal(alone[4321], whole[4321])


def test_vmap_over_keys_and_parameters_is_the_loop() -> None:
    keys, a = random.split(KEY, 4), fnp.asarray([0.5, 1.0, 2.0, 3.0])
    for draw in (random.gamma, random.poisson, random.t, random.wald, random.geometric):
        f = (
            (lambda k, a, draw=draw: draw(k, a / 4, (3,)))
            if draw is random.geometric
            else (lambda k, a, draw=draw: draw(k, a, (3,)))
        )
        loop = fnp.stack([f(keys[i], a[i]) for i in range(4)])
        for found in (fg.vmap(f)(keys, a), fg.jit(fg.vmap(f))(keys, a)):
            np.testing.assert_allclose(np.asarray(found), np.asarray(loop), rtol=1e-6)
        shared = fg.vmap(f, in_axes=(None, 0))(keys[0], a)
        np.testing.assert_allclose(np.asarray(shared[2]), np.asarray(f(keys[0], a[2])), rtol=1e-6)


def test_jit_draws_the_same() -> None:
    f = fg.jit(lambda k, a: (random.gamma(k, a, (5,)), random.poisson(k, 3 * a, (5,)), random.beta(k, a, 2.0, (5,))))
    for i in range(4):
        found, expected = f(random.fold_in(KEY, i), 0.7 + i), f.__wrapped__(random.fold_in(KEY, i), 0.7 + i)
        for x, y in zip(found, expected, strict=True):
            np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: random.gamma(KEY, -1.0), OptionError, "gamma: parameters must be above 0"),
        (lambda: random.gamma(KEY, fnp.ones(3), (2,)), ShapeError, "gamma: a parameter of shape"),
        (lambda: random.beta(KEY, 1.0, fnp.asarray([1.0, 0.0])), OptionError, "beta: parameters must be above 0"),
        (lambda: random.t(KEY, float("nan")), OptionError, "t: parameters must be above 0"),
        (lambda: random.poisson(KEY, 1e19), OptionError, "lam must be 0 or more and below 2"),
        (lambda: random.poisson(KEY, -1.0), OptionError, "poisson: lam must be 0 or more"),
        (lambda: random.poisson(KEY, 1.0, dtype="float32"), TypeError, "poisson: dtype must be an integer"),
        (lambda: random.binomial(KEY, -1, 0.5), OptionError, "binomial: n must be 0 or more"),
        (lambda: random.binomial(KEY, 1, 1.5), OptionError, "binomial: p must be from 0 to 1"),
        (lambda: random.geometric(KEY, 0.0), OptionError, "geometric: p must be above 0"),
        (lambda: random.multinomial(KEY, 5, 0.5), ShapeError, "multinomial: p must have the axis"),
        (lambda: random.multinomial(KEY, 5, [0.5, -0.5]), OptionError, "multinomial: p must be 0 or more"),
        (lambda: random.dirichlet(KEY, 1.0), ShapeError, "dirichlet: alpha must have the axis"),
        (lambda: random.triangular(KEY, 0.0, 2.0, 1.0), OptionError, "triangular: left <= mode <= right"),
        (lambda: random.multivariate_normal(KEY, fnp.zeros(2), fnp.eye(3)), ShapeError, "share n"),
        (lambda: random.multivariate_normal(KEY, fnp.zeros(2), fnp.eye(2), method="qr"), OptionError, "method must be"),
        (lambda: random.orthogonal(KEY, -1), ShapeError, "orthogonal: sizes must be 0 or more"),
    ],
)
def test_errors(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_invalid_parameters_under_a_transform_give_nan() -> None:
    found = fg.jit(lambda a: random.gamma(KEY, a))(fnp.asarray([-1.0, 0.0, 1.0, float("inf")]))
    assert fnp.isnan(found).tolist() == [True, True, False, False]
    assert float(found[3]) == float("inf")
    assert fg.vmap(lambda lam: random.poisson(KEY, lam))(fnp.asarray([-1.0, float("nan"), 2.0]))[:2].tolist() == [
        -1,
        -1,
    ]
