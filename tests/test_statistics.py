"""Reductions and statistics against NumPy, on shapes, axes, dtypes and special values drawn by hypothesis."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import config
from funcgrad.errors import AxisError, DtypeError, ImmutableArrayError, OptionError, ShapeError

quick = settings(max_examples=60, deadline=None, derandomize=True, database=None)
DTYPES = ["float64", "float32", "complex128", "int64", "int8", "uint16", "bool"]
REALS = [d for d in DTYPES if not d.startswith("complex")]
SPECIAL = [np.nan, np.inf, -np.inf, 0.0, -0.0]


@st.composite
def arrays(draw: Any, dtypes: list[str], special: bool = False, least: int = 0) -> Any:
    shape = tuple(draw(st.lists(st.integers(least, 4), max_size=3)))
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    if dtype.kind == "b":
        return random.random(shape) < 0.5
    if dtype.kind in "iu":
        return random.integers(0 if dtype.kind == "u" else -9, 10, shape).astype(dtype)
    x = random.uniform(-2, 2, shape) + (1j * random.uniform(-2, 2, shape) if dtype.kind == "c" else 0)
    if special and x.size and dtype.kind == "f":
        x = np.asarray(x)
        places = random.random(shape) < draw(st.sampled_from([0, 0.2, 0.7]))
        x[places] = random.choice(draw(st.sampled_from([SPECIAL, SPECIAL[:1]])), shape)[places]
    return np.asarray(x).astype(dtype)


@st.composite
def cases(draw: Any, dtypes: list[str], special: bool = False, least: int = 0) -> tuple[Any, Any, bool]:
    """An array, an axis argument, and whether the axes are kept."""
    x = draw(arrays(dtypes, special, least))
    some = draw(st.lists(st.integers(-x.ndim, x.ndim - 1), unique_by=lambda a: a % x.ndim)) if x.ndim else []
    axis = draw(st.sampled_from([None, tuple(some), *some]))
    return x, axis, draw(st.booleans())


def same(found: Any, expected: Any, rtol: float = 1e-12) -> None:
    expected = np.asarray(expected)
    assert isinstance(found, fg.Array)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    rtol = 2e-6 if expected.dtype in ("float32", "complex64") else rtol
    scale = np.max(np.abs(expected[np.isfinite(expected)]), initial=0) if expected.dtype.kind in "fc" else 0
    np.testing.assert_allclose(np.asarray(found), expected, rtol=rtol, atol=rtol * scale + 1e-15)


def both(name: str, *args: Any, rtol: float = 1e-12, **kwargs: Any) -> None:
    """The function of that name in both libraries; where NumPy refuses, so do we."""
    with warnings.catch_warnings(), config.default_dtype("float64"):
        warnings.simplefilter("ignore")
        try:
            expected = getattr(np, name)(*args, **kwargs)
        except ValueError:
            with pytest.raises((ShapeError, OptionError)):
                getattr(fnp, name)(*args, **kwargs)
            return
        same(getattr(fnp, name)(*args, **kwargs), expected, rtol)


@quick
@given(cases(DTYPES), st.sampled_from(["sum", "prod", "any", "all", "count_nonzero"]))
def test_reductions(case: Any, name: str) -> None:
    x, axis, keepdims = case
    both(name, x, axis=axis, keepdims=keepdims)


@quick
@given(cases(REALS, special=True), st.sampled_from(["max", "min", "ptp", "nanmax", "nanmin"]))
def test_extremes(case: Any, name: str) -> None:
    x, axis, keepdims = case
    if name == "ptp" and x.dtype == bool:
        with pytest.raises(DtypeError):
            fnp.ptp(fnp.ones(2, "bool"))
        return
    both(name, x, axis=axis, keepdims=keepdims)


@quick
@given(cases(DTYPES), st.data(), st.sampled_from(["sum", "prod", "max", "min", "any", "all", "mean", "var", "nansum"]))
def test_where_and_initial(case: Any, data: Any, name: str) -> None:
    x, axis, keepdims = case
    if name in ("max", "min") and x.dtype.kind == "c":
        x = x.real
    shape = tuple(n if data.draw(st.booleans()) else 1 for n in x.shape)
    mask = np.random.default_rng(data.draw(st.integers(0, 99))).random(shape) < 0.6
    options: dict[str, Any] = {"where": mask}
    if name in ("sum", "prod", "max", "min", "nansum"):
        options["initial"] = True if x.dtype == bool else 2
    if name in ("mean", "var") and x.size and not np.all(np.sum(np.broadcast_to(mask, x.shape), axis)):
        options["where"] = True
    both(name, x, axis=axis, keepdims=keepdims, **options)


@quick
@given(cases(DTYPES, special=True, least=1), st.sampled_from(["mean", "var", "std", "nanmean", "nanvar", "nanstd"]))
def test_means_and_variances(case: Any, name: str) -> None:
    x, axis, keepdims = case
    both(name, x, axis=axis, keepdims=keepdims, rtol=1e-11)


@quick
@given(cases([d for d in REALS if d != "bool"], special=True, least=1), st.data())
def test_quantiles(case: Any, data: Any) -> None:
    x, axis, keepdims = case
    finite = np.where(np.isinf(x), 1.5, x).astype(x.dtype)  # NumPy has NaN for some infinities that are well defined
    q = data.draw(st.sampled_from([0, 0.25, 0.4, 1.0, [0.1, 0.9], np.array([[0.3], [0.5]])]))
    method = data.draw(st.sampled_from(["linear", "lower", "higher", "midpoint", "nearest", "hazen", "inverted_cdf"]))
    if isinstance(q, np.ndarray) and finite.dtype == np.float32:
        q = q.astype("float32")
    for name in ("quantile", "nanquantile"):
        if name == "quantile" or np.ndim(q) < 2:  # of two axes NumPy's own nanquantile turns some around
            found = getattr(fnp, name)(finite, q, axis, method=method, keepdims=keepdims)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = getattr(np, name)(finite, q, axis, method=method, keepdims=keepdims)
            assert found.shape == np.shape(expected)
            np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-5, atol=1e-6)


@quick
@given(arrays([d for d in DTYPES if d != "bool"], least=1), st.data())
def test_along_an_axis(x: Any, data: Any) -> None:
    if not x.ndim:
        return
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    both("diff", x, n=data.draw(st.integers(0, 3)), axis=axis)
    both("ediff1d", x)
    both("trapezoid", x, dx=0.5, axis=axis)
    if x.dtype != np.dtype("uint16"):  # NumPy's differences of unsigned numbers wrap around
        with config.default_dtype("float64"):
            if x.shape[axis] > 1:
                same(fnp.gradient(x, axis=axis), np.gradient(x, axis=axis))
    if x.dtype.kind == "f":
        both("unwrap", x * 4, axis=axis)


@quick
@given(st.integers(1, 6), st.integers(1, 6), st.sampled_from(["full", "same", "valid"]), st.sampled_from(DTYPES))
def test_convolution(n: int, m: int, mode: str, dtype: str) -> None:
    random = np.random.default_rng(n * 10 + m)
    a, v = (random.integers(0, 5, k).astype(dtype) for k in (n, m))
    if dtype.startswith("complex"):
        a, v = a + 1j * a[::-1], v * 1j
    both("convolve", a, v, mode)
    if dtype != "bool":
        both("correlate", a, v, mode)


@quick
@given(
    st.integers(1, 5), st.lists(st.floats(-3, 8), max_size=5), st.sampled_from([None, -1.0]), st.sampled_from([None, 3])
)
def test_interpolation(n: int, x: list[float], left: Any, period: Any) -> None:
    places = np.cumsum(np.arange(1.0, n + 1))
    values = np.cos(places)
    if period is None:
        both("interp", np.array(x), places, values, left=left)
    else:
        both("interp", np.array(x), places, values, period=20.0)


@quick
@given(st.lists(st.integers(0, 6), max_size=9), st.integers(0, 9), st.sampled_from(["int64", "uint8", "float64"]))
def test_counts(x: list[int], minlength: int, dtype: str) -> None:
    values = np.array(x, dtype)
    if dtype != "float64":
        both("bincount", values, minlength=minlength)
        if x:  # of nothing NumPy sums up integers
            both("bincount", values, values * 0.5, minlength)
    for bins in (1, 3, [0, 2, 3, 6]):
        for density in (False, True):
            if density and not x:
                continue
            with config.default_dtype("float64"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for found, expected in zip(
                    fnp.histogram(values, bins, density=density),
                    np.histogram(values, bins, density=density),
                    strict=True,
                ):
                    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-12)


@quick
@given(st.integers(-40, 40), st.integers(-40, 40), st.sampled_from(["int64", "int8", "int32"]))
def test_whole_numbers(a: int, b: int, dtype: str) -> None:
    x, y = np.array([a], dtype), np.array(b, dtype)
    both("gcd", x, y)
    if dtype != "int8":
        both("lcm", x, y)
    both("bitwise_count", x)
    both("fmod", x, y) if b else None


VALUES = np.array([*SPECIAL, 1.0, -2.0, 0.5, -0.5, 3.5, -1e300, 5e-324, 1e-310])


@pytest.mark.parametrize(
    "name", ["modf", "frexp", "spacing", "rint", "cbrt", "nan_to_num", "fabs", "isneginf", "isposinf"]
)
def test_special_values_of_one(name: str) -> None:
    expected = getattr(np, name)(VALUES)
    found = getattr(fnp, name)(VALUES)
    for a, b in zip(*((v,) if not isinstance(v, tuple) else v for v in (found, expected)), strict=True):
        same(a, b)
        if name != "cbrt":
            np.testing.assert_array_equal(np.asarray(a), b)
        numbers = ~np.isnan(b)
        np.testing.assert_array_equal(np.signbit(np.asarray(a))[numbers], np.signbit(b)[numbers])


@pytest.mark.parametrize("name", ["fmax", "fmin", "fmod", "heaviside", "isclose", "logaddexp2"])
def test_special_values_of_two(name: str) -> None:
    x, y = VALUES[:, None], VALUES
    with np.errstate(all="ignore"):
        found, expected = getattr(fnp, name)(x, y), getattr(np, name)(x, y)
    same(found, expected)
    if name != "logaddexp2":
        np.testing.assert_array_equal(np.asarray(found), expected)


# ---- derivatives where they are easily wrong ---------------------------------------------------


def test_what_was_passed_over_has_no_derivative() -> None:
    x = np.array([1.0, np.nan, 3.0])
    for f, expected in [
        (fnp.nansum, [1, 0, 1]),
        (fnp.nanmean, [0.5, 0, 0.5]),
        (fnp.nanmax, [0, 0, 1]),
        (fnp.nanprod, [3, 0, 1]),
        (fnp.nanvar, [-1, 0, 1]),
        (fnp.nanmedian, [0.5, 0, 0.5]),
        (lambda v: fnp.nanquantile(v, 0.25), [0.75, 0, 0.25]),
        (lambda v: fnp.sum(v, where=[True, False, True]), [1, 0, 1]),
        (lambda v: fnp.mean(v, where=[True, False, True]), [0.5, 0, 0.5]),
        (lambda v: fnp.sum(fnp.nan_to_num(v)), [1, 0, 1]),
        (lambda v: fnp.sum(fnp.fmax(v, 2.0)), [0, 0, 1]),
    ]:
        assert fg.grad(f)(x).tolist() == expected


def test_quantiles_have_a_derivative_in_q_and_none_beyond_the_ends() -> None:
    x = np.array([1.0, 2.0, 4.0])
    slope = fg.grad(lambda q: fnp.quantile(x, q))
    assert [float(slope(q)) for q in (0.1, 0.7)] == pytest.approx([2.0, 4.0])
    assert np.isnan(fnp.quantile(x, fg.asarray([0.5, 1.5]))).tolist() == [False, True]
    assert fnp.quantile(np.array([-np.inf, 1.0, np.inf]), [0.0, 0.25, 0.5, 1.0]).tolist() == [
        -np.inf,
        -np.inf,
        1,
        np.inf,
    ]


def test_ties_of_a_sort_share_nothing_and_those_of_an_extreme_share_equally() -> None:
    x = fg.asarray([2.0, 2.0, 2.0])
    assert fg.grad(fnp.median)(x).tolist() == [0, 1, 0]
    assert fg.grad(fnp.max)(x).tolist() == pytest.approx([1 / 3] * 3)
    assert fg.grad(lambda v: fnp.max(v, initial=2.0))(x).tolist() == pytest.approx([1 / 6] * 3)


def test_methods_take_numpys_arguments() -> None:
    x = np.arange(6.0).reshape(2, 3)
    mask = x > 1
    a = fg.asarray(x)
    for method, options in [
        ("sum", {"axis": 0, "initial": 1.0, "where": mask}),
        ("max", {"axis": 1, "initial": 0.0, "where": mask}),
        ("mean", {"where": mask, "keepdims": True}),
        ("var", {"axis": 1, "ddof": 1}),
        ("std", {"axis": 0, "keepdims": True}),
        ("any", {"where": mask}),
        ("argmax", {"axis": 1, "keepdims": True}),
    ]:
        same(getattr(a, method)(**options), getattr(x, method)(**options))
    same(a.var(0, None, None, 1), x.var(0, None, None, 1))
    same(np.sum(a, axis=0, keepdims=True), x.sum(0, keepdims=True))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.median(x),
        lambda x: np.quantile(x, 0.3, axis=0, method="hazen", keepdims=True),
        lambda x: np.percentile(x, [20, 70], axis=1),
        lambda x: np.nanmean(x, axis=1, keepdims=True),
        lambda x: np.nansum(x, where=np.array([True, False, True]), initial=2.0),
        lambda x: np.average(x, axis=1, weights=np.array([1.0, 2.0, 3.0])),
        lambda x: np.var(x, ddof=1, axis=0),
        lambda x: np.ptp(x, axis=1),
        lambda x: np.diff(x, append=1.5),
        lambda x: np.gradient(x, axis=1, edge_order=2),
        lambda x: np.trapezoid(x, dx=0.5, axis=0),
        lambda x: np.interp(x, np.array([-2.0, 0.0, 3.0]), np.array([1.0, 4.0, -1.0]), left=0.0),
        lambda x: np.convolve(x[0], x[1], mode="same"),
        lambda x: np.cov(x, rowvar=False, bias=True),
        lambda x: np.corrcoef(x),
        lambda x: np.bincount(np.array([0, 2, 1]), weights=x[0], minlength=4),
        lambda x: np.histogram(np.array([0.5, 1.5, 2.5]), 3, weights=x[0])[0],
        lambda x: np.polyval(x[0], 1.5),
        lambda x: np.polymul(x[0], x[1]),
        lambda x: np.unwrap(x, period=1.0),
        lambda x: np.nan_to_num(x, nan=1.0),
        lambda x: np.clip(np.sinc(x), 0.0, 1.0),
        lambda x: np.fmax(x, 0.1) + np.cbrt(x) + np.exp2(x) + np.i0(x) + np.heaviside(x, 0.5),
    ],
)
def test_numpys_own_functions_are_ours(f: Any) -> None:
    x = np.random.default_rng(0).uniform(-2, 2, (2, 3))
    found = f(fg.asarray(x))
    same(found, f(x))
    (slope,) = fg.vjp(f, x)[1](fnp.ones_like(found))
    step = np.random.default_rng(1).uniform(-1, 1, x.shape) * 1e-6
    np.testing.assert_allclose(np.sum(slope * step), np.sum(f(x + step) - f(x - step)) / 2, rtol=1e-6, atol=1e-14)


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (ImmutableArrayError, lambda: fnp.sum(fnp.ones(2), out=np.zeros(()))),
        (ImmutableArrayError, lambda: fnp.median(fnp.ones(2), out=np.zeros(()))),
        (OptionError, lambda: fnp.max(fnp.ones(2), where=[True, False])),
        (ShapeError, lambda: fnp.sum(fnp.ones(2), where=np.ones((3, 2), bool))),
        (DtypeError, lambda: fnp.sum(fnp.ones(2), where=[1, 0])),
        (AxisError, lambda: fnp.nansum(fnp.ones(2), axis=1)),
        (ShapeError, lambda: fnp.nanargmax(np.array([[1.0], [np.nan]]), axis=1)),
        (ShapeError, lambda: fnp.median(fnp.zeros(0))),
        (OptionError, lambda: fnp.quantile(fnp.ones(2), 1.5)),
        (OptionError, lambda: fnp.percentile(fnp.ones(2), [50, 101])),
        (OptionError, lambda: fnp.percentile(fnp.ones(2), np.nan)),
        (OptionError, lambda: fnp.quantile(fnp.ones(2), 0.5, method="best")),
        (OptionError, lambda: fnp.quantile(fnp.ones(2), 0.5, weights=[1.0, 2.0])),
        (DtypeError, lambda: fnp.quantile(fnp.ones(2) * 1j, 0.5)),
        (ShapeError, lambda: fnp.average(fnp.ones((2, 3)), weights=fnp.ones(3))),
        (ShapeError, lambda: fnp.gradient(fnp.ones(1))),
        (ShapeError, lambda: fnp.gradient(fnp.ones((2, 2)), 1.0, 2.0, 3.0)),
        (OptionError, lambda: fnp.gradient(fnp.ones(3), edge_order=3)),
        (ShapeError, lambda: fnp.interp(0.5, [1.0, 2.0], [1.0])),
        (OptionError, lambda: fnp.convolve([1.0], [1.0], "all")),
        (ShapeError, lambda: fnp.convolve([], [1.0])),
        (OptionError, lambda: fnp.diff(fnp.ones(2), -1)),
        (DtypeError, lambda: fnp.gcd(1.5, 2)),
        (DtypeError, lambda: fnp.ldexp(1.0, 2.5)),
        (DtypeError, lambda: fnp.fabs(1j)),
        (DtypeError, lambda: fnp.isposinf(1j)),
        (OptionError, lambda: fnp.geomspace(0, 1)),
        (ShapeError, lambda: fnp.polyval(fnp.ones((2, 2)), 1.0)),
        (ShapeError, lambda: fnp.vdot([1.0], [1.0, 2.0])),
    ],
)
def test_wrong_arguments(error: Any, call: Any) -> None:
    with pytest.raises(error):
        call()
