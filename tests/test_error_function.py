"""erf, erfc and erfinv against SciPy's or mpmath's values, and their special values on other arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from funcgrad.kernels import error_function
from funcgrad.kernels.error_function import erf, erfc, erfinv

FLOATS = [np.float32, np.float64]
FUNCTIONS = [erf, erfc, erfinv]


@pytest.fixture(autouse=True)
def warnings_are_errors() -> Any:
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        yield


def ulps(actual: Any, expected: Any) -> Any:
    """The error in units of the last place of the actual's dtype."""
    spacing = np.spacing(np.abs(expected).astype(actual.dtype)).astype(np.float64)
    return np.abs(actual.astype(np.float64) - expected) / spacing


def arguments(dtype: Any, end: float, n: int = 20_000) -> Any:
    """Both signs: an even grid, with the places where the fits change, and many orders of magnitude."""
    even = np.linspace(0.0, end, n)
    joins = (np.linspace(join - 0.01, join + 0.01, 2001) for join in (0.75, 1.0))
    magnitudes = np.geomspace(1e-30, end, n)
    x = np.concatenate([even, *joins, magnitudes]).clip(0.0, end).astype(dtype)
    return np.concatenate([x, -x])


@pytest.mark.parametrize("dtype", FLOATS)
def test_erf_against_scipy(dtype: Any) -> None:
    scipy_special = pytest.importorskip("scipy.special")
    x = arguments(dtype, 7.0)
    assert ulps(erf(np, x), scipy_special.erf(x.astype(np.float64))).max() <= 2.0


def test_erfc_against_scipy_in_float32() -> None:
    scipy_special = pytest.importorskip("scipy.special")
    x = arguments(np.float32, 9.3)
    expected = scipy_special.erfc(x.astype(np.float64))
    normal = expected >= np.finfo(np.float32).tiny
    assert ulps(erfc(np, x), expected)[normal].max() <= 8.0


def test_erfc_against_mpmath_in_float64() -> None:
    """SciPy's own float64 erfc is wrong by hundreds of ulp far out, where the result is tiny."""
    mpmath = pytest.importorskip("mpmath")
    x = np.concatenate([np.linspace(-3.0, 26.54, 3000), np.linspace(0.7, 1.3, 1000)])
    expected = np.array([float(mpmath.erfc(value)) for value in x.tolist()])
    assert ulps(erfc(np, x), expected).max() <= 8.0


@pytest.mark.parametrize("dtype", FLOATS)
def test_erfinv_against_scipy(dtype: Any) -> None:
    scipy_special = pytest.importorskip("scipy.special")
    y = arguments(dtype, 1.0)
    y = np.concatenate([y, (1.0 - np.geomspace(1e-17, 0.3, 5000)).astype(dtype)])
    y = y[np.abs(y) < 1.0]
    assert ulps(erfinv(np, y), scipy_special.erfinv(y.astype(np.float64))).max() <= 8.0


@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        (erf, 0.5, 0.5204998778130465),
        (erf, 1.0, 0.8427007929497149),
        (erf, 2.5, 0.999593047982555),
        (erfc, 0.5, 0.4795001221869535),
        (erfc, 1.0, 0.15729920705028513),
        (erfc, 5.0, 1.537459794428035e-12),
        (erfc, 10.0, 2.088487583762545e-45),
        (erfc, 26.5, 2.2109076642637343e-307),
        (erfc, -2.0, 1.9953222650189528),
        (erfinv, 0.25, 0.2253120550121781),
        (erfinv, 0.5, 0.4769362762044699),
        (erfinv, 0.9, 1.1630871536766743),
        (erfinv, 1.0 - 2.0**-53, 5.8635847487551676),
    ],
)
def test_known_values(function: Callable[..., Any], x: float, expected: float) -> None:
    """Digits of erf and erfc from 40-digit arithmetic, without SciPy."""
    assert ulps(function(np, np.array(x)), np.array(expected)) <= 8.0


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        (erf, [np.inf, -np.inf, np.nan, 0.0, -0.0, 1e30, -1e30], [1.0, -1.0, np.nan, 0.0, -0.0, 1.0, -1.0]),
        (erfc, [np.inf, -np.inf, np.nan, 0.0, -0.0, 1e30, -1e30], [0.0, 2.0, np.nan, 1.0, 1.0, 0.0, 2.0]),
        (erfinv, [1.0, -1.0, np.nan, 0.0, -0.0], [np.inf, -np.inf, np.nan, 0.0, -0.0]),
        (erfinv, [1.5, -1.5, np.inf, -np.inf, 1e30], [np.nan] * 5),
    ],
)
def test_special_values(function: Callable[..., Any], x: Any, expected: Any, dtype: Any) -> None:
    actual = function(np, np.array(x, dtype))
    assert actual.dtype == dtype
    np.testing.assert_array_equal(actual, expected)
    zero = actual == 0.0
    np.testing.assert_array_equal(np.signbit(actual[zero]), np.signbit(np.array(expected)[zero]))


@pytest.mark.parametrize("dtype", FLOATS)
def test_tiny_arguments_keep_their_digits(dtype: Any) -> None:
    x = np.array([np.finfo(dtype).tiny, np.finfo(dtype).smallest_subnormal * 1000], dtype)
    np.testing.assert_allclose(erf(np, x), x * dtype(1.1283791670955126), rtol=1e-3)
    np.testing.assert_allclose(erfinv(np, x), x * dtype(0.886226925452758), rtol=1e-3)


@pytest.mark.parametrize("dtype", FLOATS)
def test_inverse_undoes_erf(dtype: Any) -> None:
    x = np.linspace(-1.5, 1.5, 1001).astype(dtype)
    np.testing.assert_allclose(erfinv(np, erf(np, x)), x, rtol=40 * np.finfo(dtype).eps, atol=1e-30)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_other_array_module_gives_the_same_numbers(function: Callable[..., Any], dtype: Any) -> None:
    strict = pytest.importorskip("array_api_strict")
    special = [np.inf, -np.inf, np.nan, -0.0, 1.0, -1.0, 1e30]
    x = np.concatenate([np.linspace(-3.0, 30.0, 500), special]).astype(dtype).reshape(3, -1)
    actual = function(strict, strict.asarray(x))
    assert actual.dtype == getattr(strict, np.dtype(dtype).name)
    np.testing.assert_array_equal(np.asarray(actual), function(np, x))
    assert function(strict, strict.asarray(x[0, 0])).shape == ()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_shapes_and_layouts(function: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.linspace(-0.9, 0.9, 60).reshape(3, 4, 5)
    expected = function(np, x)
    monkeypatch.setattr(error_function, "_BLOCK", 7)
    np.testing.assert_array_equal(function(np, x), expected)
    np.testing.assert_array_equal(function(np, x.T), expected.T)
    np.testing.assert_array_equal(function(np, x[:, ::2]), expected[:, ::2])
    assert function(np, x[0, 0, 0]).shape == ()
    assert function(np, np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_argument_is_left_alone_and_other_dtypes_are_refused(function: Callable[..., Any]) -> None:
    x = np.linspace(-0.5, 0.5, 11)
    copy = x.copy()
    function(np, x)
    np.testing.assert_array_equal(x, copy)
    with pytest.raises(TypeError, match="float32 or float64"):
        function(np, np.arange(3))
