"""Special functions over wide ranges against mpmath and SciPy, at their special points, and far out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.special as oracle
from functions import special as uses

import funcgrad as fg
import funcgrad.numpy as fnp
import funcgrad.scipy.special as special
from funcgrad import errors
from funcgrad.testing import check_grads

_random = np.random.default_rng(0)
_OF_TWO = [use for use in uses.USES if len(use.args) == 2]


def spread(low: float, high: float, n: int = 60) -> Any:
    """Numbers of many orders of magnitude."""
    return 10 ** _random.uniform(low, high, n)


def between(low: float, high: float, n: int = 60) -> Any:
    return _random.uniform(low, high, n)


def by_mpmath(f: Callable[..., Any], *arrays: Any) -> Any:
    with mpmath.workdps(40):
        rows = zip(*[a.astype(float).tolist() for a in np.broadcast_arrays(*arrays)], strict=True)
        return np.array([float(f(*map(mpmath.mpf, row))) for row in rows])


def assert_ulps(found: Any, expected: Any, limit: float) -> None:
    found = np.asarray(found)
    spacing = np.spacing(np.abs(expected).astype(found.dtype)).astype(float)
    worst = np.max(np.abs(found.astype(float) - expected) / spacing)
    assert worst <= limit, f"{worst:.1f} ulp"


_normal = mpmath.ncdf
_EXACT: list[tuple[str, Callable[..., Any], tuple[Any, ...], float]] = [  # name, oracle, arguments, ulp
    ("gamma", mpmath.gamma, (np.concatenate([between(-30, 171), spread(-5, 1)]),), 12),
    ("gammaln", mpmath.loggamma, (np.concatenate([spread(-300, 300), between(0, 3), 1 + between(-0.01, 0.01)]),), 6),
    ("digamma", mpmath.digamma, (np.concatenate([spread(-300, 300), between(0, 3), between(1.46, 1.4632)]),), 6),
    ("zeta", mpmath.zeta, (1 + spread(-5, 1), spread(-5, 1.5)), 10),
    ("erfcx", lambda x: mpmath.exp(x * x) * mpmath.erfc(x), (np.concatenate([between(-26, 30), spread(-5, 6)]),), 8),
    ("ndtr", _normal, (between(-37, 8),), 8),
    ("log_ndtr", lambda x: mpmath.log(_normal(x)), (np.concatenate([between(-37, 3), -spread(0, 3)]),), 8),
    ("i0", lambda x: mpmath.besseli(0, x), (np.concatenate([between(-700, 700), between(-9, 9)]),), 12),
    ("i1", lambda x: mpmath.besseli(1, x), (np.concatenate([between(-700, 700), spread(-8, 1)]),), 16),
    ("i0e", lambda x: mpmath.besseli(0, x) * mpmath.exp(-abs(x)), (spread(-8, 4),), 12),
    ("i1e", lambda x: mpmath.besseli(1, x) * mpmath.exp(-abs(x)), (spread(-8, 4),), 16),
    ("exp1", mpmath.e1, (spread(-10, 2.8),), 12),
    ("expi", mpmath.ei, (np.concatenate([between(0.4, 700), -spread(-5, 2)]),), 12),
    ("expn", lambda n, x: mpmath.expint(int(n), x), (_random.integers(0, 30, 60), spread(-5, 2.8)), 16),
    ("dawsn", lambda x: mpmath.sqrt(mpmath.pi) / 2 * mpmath.exp(-x * x) * mpmath.erfi(x), (spread(-8, 2),), 12),
    ("spence", lambda x: mpmath.polylog(2, 1 - x).real, (spread(-8, 8),), 8),
    ("exprel", lambda x: mpmath.expm1(x) / x, (np.concatenate([between(-30, 30), spread(-12, 0)]),), 8),
    ("logit", lambda x: mpmath.log(x / (1 - x)), (np.concatenate([between(0.01, 0.99), spread(-300, -2)]),), 6),
    ("log_expit", lambda x: -mpmath.log1p(mpmath.exp(-x)), (between(-700, 30),), 6),
    ("polygamma", lambda n, x: mpmath.polygamma(int(n), x), (_random.integers(1, 9, 60), spread(-1, 2)), 60),
    ("betaln", lambda a, b: mpmath.log(mpmath.beta(a, b)), (spread(1, 6), spread(-2, -1)), 60),
]


@pytest.mark.parametrize(("name", "f", "args", "limit"), _EXACT, ids=[e[0] for e in _EXACT])
def test_values_are_exact_to_a_few_digits_in_the_last_place(
    name: str, f: Callable[..., Any], args: tuple[Any, ...], limit: float
) -> None:
    assert_ulps(getattr(special, name)(*args), by_mpmath(f, *args), limit)
    ordinary = np.logical_and.reduce([(np.abs(a) < 1e30) & (np.abs(a) > 1e-30) for a in args])
    single = tuple(a[ordinary].astype(np.float32) for a in args)
    expected = by_mpmath(f, *single)
    normal = (np.abs(expected) < 3e38) & (np.abs(expected) > 2e-38)
    kept = [a[normal] for a in single]
    assert_ulps(getattr(special, name)(*kept), expected[normal], 2)


def relative(found: Any, expected: Any) -> float:
    return float(np.max(np.abs(np.asarray(found) - expected) / np.abs(expected)))


def test_owens_t_is_scipy_s() -> None:
    h, a = np.meshgrid([0.0, 1e-8, 0.3, -1.7, 5.0, 12.0, np.inf, np.nan], [0.0, 1e-5, -0.4, 1.0, 3.0, 1e4, np.inf])
    expected = oracle.owens_t(h, a)
    np.testing.assert_allclose(special.owens_t(h, a), expected, rtol=1e-12, atol=1e-18)


_SHAPES = np.concatenate([between(0.05, 10), spread(-3, 2.5)])


def test_incomplete_gamma_functions_and_their_derivatives() -> None:
    a = _SHAPES[::3]
    x = a * np.exp(_random.standard_normal(a.size))
    for f, of in [
        (special.gammainc, lambda s, t: mpmath.gammainc(s, 0, t, regularized=True)),
        (special.gammaincc, lambda s, t: mpmath.gammainc(s, t, mpmath.inf, regularized=True)),
    ]:
        assert relative(f(a, x), by_mpmath(of, a, x)) < 5e-13
        slope = by_mpmath(lambda s, t, of=of: mpmath.diff(lambda v: of(v, t), s), a, x)
        assert relative(fg.elementwise_grad(lambda s, f=f, x=x: f(s, x))(a), slope) < 5e-13


def test_incomplete_gamma_functions_of_large_shapes_are_near_the_normal_distribution() -> None:
    a = 1e8
    assert math.isclose(special.gammainc(a, fnp.asarray(a, "float64")), 0.5000132980760, rel_tol=1e-11)
    # where SciPy's float64 result is wrong by a half
    a, x = 99878723.52728292, np.float64(99829908.94060133)
    tail = special.ndtr(np.float64((x - a) / math.sqrt(a)))
    assert math.isclose(special.gammainc(a, x), tail, rel_tol=0.02)


def test_incomplete_beta_function_and_its_derivatives() -> None:
    a, b = _SHAPES[::4], _random.permutation(_SHAPES)[::4]
    x = between(0.01, 0.99, a.size)

    def of(s: Any, t: Any, u: Any) -> Any:
        return mpmath.betainc(s, t, 0, u, regularized=True)

    expected = by_mpmath(of, a, b, x)
    kept = np.abs(expected) > 1e-250
    assert relative(np.asarray(special.betainc(a, b, x))[kept], expected[kept]) < 5e-13
    slope = by_mpmath(lambda s, t, u: mpmath.diff(lambda v: of(v, t, u), s), a, b, x)
    found = fg.elementwise_grad(lambda s: special.betainc(s, b, x))(a)
    assert relative(np.asarray(found)[kept], slope[kept]) < 5e-13


def test_mixed_derivatives_of_third_order() -> None:
    check_grads(special.gammainc, (fg.asarray(np.float64(2.3)), fg.asarray(np.float64(1.7))), 3)
    args = [fg.asarray(np.float64(v)) for v in (2.3, 1.2, 0.4)]
    check_grads(special.betainc, args, 3)


_POINTS = np.array([0.0, -0.0, 1.0, -1.0, -2.0, 0.5, -0.5, 2.0, 1e300, np.inf, np.nan, 1e-300])
_AT_POINTS = [
    "gamma", "gammaln", "loggamma", "digamma", "erf", "erfc", "erfcx", "erfinv", "ndtr", "log_ndtr", "ndtri",
    "dawsn", "exp1", "expi", "exprel", "expit", "log_expit", "logit", "entr", "gammasgn", "i0e", "factorial",
    "i0", "i1e", "i1",
]  # fmt: skip


@pytest.mark.parametrize("name", _AT_POINTS)
def test_special_points_are_scipy_s(name: str) -> None:
    points = _POINTS[np.isfinite(_POINTS)] if name in ("i0", "i1") else _POINTS  # of infinity SciPy's are NaN
    expected = getattr(oracle, name)(points)
    np.testing.assert_allclose(getattr(special, name)(points), expected, rtol=1e-13, atol=1e-310)


_ENDS = (0.0, 0.5, 1.0, 3.0, -1.0, np.inf, np.nan)
_PAIRS = np.array([[p, q] for p in _ENDS for q in _ENDS]).T


@pytest.mark.parametrize("name", ["gammainc", "gammaincc", "xlogy", "xlog1py", "rel_entr", "kl_div"])
def test_special_pairs_are_scipy_s(name: str) -> None:
    pairs = _PAIRS[:, np.isfinite(_PAIRS[0])] if name == "kl_div" else _PAIRS  # of infinity SciPy's are NaN
    expected = getattr(oracle, name)(*pairs)
    with np.errstate(invalid="ignore"):  # infinity by infinity
        np.testing.assert_allclose(getattr(special, name)(*pairs), expected, rtol=1e-13)


@pytest.mark.parametrize("x", [0.0, 0.3, 1.0, -0.1, 1.1, np.nan])
def test_special_points_of_betainc_are_scipy_s(x: float) -> None:
    a, b = _PAIRS
    np.testing.assert_allclose(special.betainc(a, b, x), oracle.betainc(a, b, x), rtol=1e-13)


# ---- derivatives at special points -------------------------------------------------------------


def slope(f: Callable[..., Any], *args: float, by: int = 0) -> float:
    with np.errstate(divide="ignore"):  # NumPy warns of infinite slopes
        return float(fg.grad(f, argnums=by)(*[fg.asarray(np.float64(a)) for a in args]))


def test_derivatives_where_one_factor_is_zero() -> None:
    assert slope(special.xlogy, 0, 0, by=1) == 0
    assert slope(special.xlogy, 0, 2) == math.log(2)
    assert slope(special.xlogy, 0, 2, by=1) == 0
    assert slope(special.xlog1py, 0, -1, by=1) == 0
    assert slope(lambda x, y: fg.grad(special.xlogy, argnums=1)(x, y), 0, 2) == 0.5
    assert slope(special.entr, 0) == math.inf
    assert slope(special.rel_entr, 0, 0.5, by=1) == 0
    assert slope(special.kl_div, 0, 0.5, by=1) == 1


def test_tails_neither_overflow_nor_vanish() -> None:
    assert slope(special.expit, -800) == 0
    assert slope(special.expit, 800) == 0
    assert slope(special.log_expit, -800) == 1
    assert math.isclose(slope(special.log_ndtr, -1e5), 1e5, rel_tol=1e-9)
    assert slope(special.log_ndtr, 50) == 0
    second = fg.grad(fg.grad(special.log_ndtr))
    assert math.isclose(float(second(fg.asarray(np.float64(-1e6)))), -1 + 1e-12, rel_tol=1e-12)
    assert math.isclose(float(second(fg.asarray(np.float64(-20.0)))), -0.997537, rel_tol=1e-5)
    third = fg.grad(fg.grad(special.erfcx))
    assert math.isclose(float(third(fg.asarray(np.float64(1e5)))), 2 / (math.sqrt(math.pi) * 1e15), rel_tol=1e-6)
    assert math.isclose(slope(special.dawsn, 1e4), -0.5e-8, rel_tol=1e-6)


def test_derivatives_at_the_origin() -> None:
    assert slope(special.i1, 0) == pytest.approx(0.5, rel=1e-15)
    assert slope(special.i0, 0) == 0
    assert slope(fg.grad(special.i0), 0) == pytest.approx(0.5, rel=1e-15)
    assert slope(fg.grad(special.i1), 0) == 0
    assert slope(special.exprel, 0) == 0.5
    assert slope(special.boxcox, 2.0, 0.0, by=1) == pytest.approx(math.log(2) ** 2 / 2, rel=1e-14)
    assert slope(fg.grad(special.boxcox, argnums=1), 2.0, 0.0, by=1) == pytest.approx(math.log(2) ** 3 / 3, rel=1e-13)
    assert slope(special.inv_boxcox, 2.0, 0.0, by=1) == pytest.approx(-2 * math.exp(2), rel=1e-13)
    assert slope(special.spence, 1.0) == -1
    assert slope(fg.grad(special.spence), 1.0) == 0.5
    assert slope(lambda x: special.sici(x)[0], 0) == 1


@pytest.mark.parametrize("x", [-0.5, -1.3, -2.7])
def test_the_derivative_of_gammaln_of_negative_numbers(x: float) -> None:
    assert math.isclose(slope(special.gammaln, x), float(mpmath.digamma(x)), rel_tol=1e-13)
    found = float(fg.grad(fg.grad(special.gammaln))(fg.asarray(np.float64(x))))
    assert math.isclose(found, float(mpmath.polygamma(1, x)), rel_tol=1e-13)


# ---- sums of exponentials ----------------------------------------------------------------------


def test_logsumexp_of_nothing() -> None:
    assert special.logsumexp(np.zeros((2, 0)), axis=1).tolist() == [-np.inf, -np.inf]
    assert special.logsumexp(2.0) == 2
    assert special.softmax(2.0) == 1
    nothing = fg.asarray(np.array([-np.inf, -np.inf]))
    assert special.logsumexp(nothing) == -np.inf
    assert not np.isnan(fg.grad(special.logsumexp)(nothing)).any()
    out, sign = special.logsumexp(nothing, return_sign=True)
    assert (float(out), float(sign)) == (-np.inf, 0)
    assert special.logsumexp(fg.asarray(np.array([-np.inf, 2.0]))) == 2
    assert special.logsumexp(fg.asarray(np.array([np.inf, 2.0]))) == np.inf


def test_logsumexp_of_factors_that_are_zero_or_negative() -> None:
    a, b = np.array([1000.0, 1.0, 2.0]), np.array([0.0, 1.0, 3.0])
    assert math.isclose(special.logsumexp(a, b=b), oracle.logsumexp(a, b=b), rel_tol=1e-14)
    assert fg.grad(lambda a: special.logsumexp(a, b=b))(a)[0] == 0
    a = np.array([0.5, 1.0, 2.0])
    by_b = fg.grad(lambda b: special.logsumexp(a, b=b))(b)
    np.testing.assert_allclose(by_b, np.exp(a) / (b * np.exp(a)).sum(), rtol=1e-14)
    assert np.isnan(special.logsumexp(a, b=-b))
    with np.errstate(divide="ignore"):
        assert special.logsumexp(a[:2], b=np.array([0.0, 0.0])) == -np.inf


# ---- dtypes and refusals -----------------------------------------------------------------------


def test_float32_stays_and_integers_follow_the_default() -> None:
    assert special.gammaln(fnp.ones(2)).dtype == "float32"
    assert special.gammainc(2, fnp.ones(2)).dtype == "float32"
    assert special.gammainc(2, 3).dtype == "float32"
    assert special.polygamma(1, np.ones(2)).dtype == "float64"
    assert special.ndtr(fnp.ones(2, dtype="float16")).dtype == "float16"
    assert special.logsumexp(np.ones(3), b=[1, 2, 3]).dtype == "float64"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_dtypes_of_two_bytes_stay(dtype: str) -> None:
    x = fnp.asarray([0.25, 0.5, 0.75], dtype)
    for name in set(special.__all__) - {"bernoulli", "multigammaln", "fresnel", "sici"}:
        f = getattr(special, name)
        count = {"betainc": 3, "betaincc": 3, "expn": 2, "polygamma": 2}.get(name, 0)
        given = [x] * (count or (2 if name in {use.name.rpartition(".")[2] for use in _OF_TWO} else 1))
        if name in ("expn", "polygamma"):
            given[0] = 2
        assert f(*given).dtype == dtype, name


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: special.gammaln(fnp.asarray([1j])), errors.DtypeError),
        (lambda: special.betaln(1.0, 1j), errors.DtypeError),
        (lambda: special.multigammaln(3.0, 0), errors.OptionError),
        (lambda: special.factorial(3, exact=True), errors.OptionError),
        (lambda: special.comb(3, 2, exact=True), errors.OptionError),
        (lambda: special.bernoulli(-1), errors.OptionError),
        (lambda: special.gammainc(fnp.ones(2), fnp.ones(3)), errors.ShapeError),
        (lambda: special.softmax(fnp.ones(2), axis=1), errors.AxisError),
    ],
)
def test_refusals(call: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        call()


def test_bernoulli_s_numbers() -> None:
    with fg.config.default_dtype("float64"):
        np.testing.assert_allclose(special.bernoulli(30), oracle.bernoulli(30), rtol=1e-11)


def test_every_function_has_a_use() -> None:
    used = {use.name.rpartition(".")[2] for use in uses.USES}
    assert set(special.__all__) == used
