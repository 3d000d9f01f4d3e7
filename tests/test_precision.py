"""float16 and bfloat16: every operation computes in float32 and rounds its result once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import functions
import numpy as np
import pytest
import uses
from samples import ALL, Sample

import funcgrad as fg
import funcgrad.functional as F
from funcgrad import numpy as fnp
from funcgrad.core import PRIMITIVES
from funcgrad.dtypes import NARROW, finfo

NAMES = sorted(dtype.name for dtype in NARROW)
WITHOUT = {
    *("real", "imag", "complex_abs", "fft_r2c"),  # get no floats of 16 bits, or complex numbers
    *("device_put", "all_gather", "random_choice"),  # need a place to be at, or keys
    "nextafter",  # tells of the dtype
    *(
        "random_log_gamma",
        "random_beta_log_odds",
        "random_wald",
        "random_binomial",
        "random_poisson",
    ),  # in double, always
}
every_narrow = pytest.mark.parametrize("dtype", NAMES)


@pytest.fixture(autouse=True)
def _numbers_beyond_float16() -> Iterator[None]:
    """They become infinite, of which NumPy warns."""
    with np.errstate(over="ignore"):
        yield


def is_float64(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype == np.float64


SAMPLES = [s for s in ALL if any(map(is_float64, s.args)) and s.primitive not in WITHOUT and "dtype" not in s.params]


def _varies(x: Any) -> bool:
    return isinstance(x, fg.Array | float)


def spacing(x: Any, dtype: str) -> Any:
    """The distance between neighbours in a dtype, at each of some numbers."""
    info = finfo(dtype)
    exponents = np.floor(np.log2(np.maximum(np.abs(x), float(info.smallest_normal))))
    return np.exp2(exponents) * float(info.eps)


def assert_rounded_once(found: Any, exact: Any, dtype: str) -> None:
    """Half a unit in the last place, and what float32 loses where numbers cancel."""
    found, exact = np.asarray(found, np.float64), np.asarray(exact, np.float64)
    finite = np.isfinite(exact) & (np.abs(exact) <= float(finfo(dtype).max))
    lost = 2e-6 * np.abs(exact[finite]).max(initial=0)
    off = np.abs(found[finite] - exact[finite])
    assert (off <= 0.501 * spacing(exact[finite], dtype) + lost).all(), (off / spacing(exact[finite], dtype)).max()


@every_narrow
@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_operations_round_once(sample: Sample, dtype: str) -> None:
    narrow = [fg.asarray(a).astype(dtype) if is_float64(a) else a for a in sample.args]
    operands = [fg.asarray(a) if isinstance(a, np.ndarray) else a for a in narrow]
    # Python's numbers are rounded before they count, as in NumPy
    wide = [fg.device_get(fg.asarray(a, dtype).astype("float64")) if _varies(a) else a for a in narrow]
    if any(np.isinf(a).any() != np.isinf(b).any() for a, b in zip(wide, sample.args, strict=True) if is_float64(b)):
        pytest.skip("its operands are beyond the dtype")
    primitive = PRIMITIVES[sample.primitive]
    found = primitive(*operands, **sample.params)
    expected = np.asarray(sample.oracle(*wide, **sample.params))
    assert found.dtype == primitive.infer_of(operands, sample.params).dtype
    if expected.dtype != np.float64:
        assert np.array_equal(np.asarray(found), expected)
        return
    assert found.dtype == np.dtype(dtype)
    assert_rounded_once(found, expected, dtype)
    numbers = {i: x for i, x in enumerate(operands) if not isinstance(x, fg.Array)}

    @fg.jit
    def program(arrays: dict[int, Any]) -> Any:
        return primitive(*[x for _, x in sorted({**numbers, **arrays}.items())], **sample.params)

    for _ in range(3):
        again = program({i: x for i, x in enumerate(operands) if i not in numbers})
        assert again.dtype == found.dtype
        assert np.array_equal(np.asarray(again), np.asarray(found), equal_nan=True)


TRIGONOMETRIC = ("dct", "idct", "dst", "idst", "dctn", "idctn", "dstn", "idstn")
OTHERWISE = {
    **dict.fromkeys(["numpy.fft.irfft", "numpy.fft.hfft", "scipy.fft.irfft", "scipy.fft.hfft"], "complex operands"),
    **dict.fromkeys([f"scipy.fft.{name}" for name in TRIGONOMETRIC], "SciPy's answer with float32"),
    **dict.fromkeys(["numpy.histogram2d", "numpy.histogramdd"], "counts are the default float"),
    **dict.fromkeys(
        ["numpy.polyval", "numpy.polyint", "numpy.poly", "numpy.kaiser"], "lists are floats of the default"
    ),
    "numpy.histogram_bin_edges": "as many edges as rounded numbers ask for",
    "numpy.astype": "says the dtype",
    "numpy.spacing": "tells of the dtype",
}
"""Functions whose results are of another dtype, or of others than float32's numbers; each with the reason."""


WIDENED = ("numpy.", "functional.", "scipy.special.", "scipy.integrate.", "scipy.sparse.")
"""Where functions compute in float32 as a whole; elsewhere each of their operations does."""


def is_real(use: functions.Use) -> bool:
    if use.name in OTHERWISE or use.fixed or not use.name.startswith(WIDENED):  # what is fixed stays float64
        return False
    dtypes = [a.dtype for a in uses.Call(use).arrays]
    return np.float64 in dtypes and np.complex128 not in dtypes and "dtype" not in use.kwargs


@every_narrow
@pytest.mark.parametrize("use", [u for u in functions.ALL if is_real(u)], ids=str)
def test_functions_compute_in_float32(use: functions.Use, dtype: str) -> None:
    uses.narrow(use, dtype)


@every_narrow
def test_a_dtype_that_is_asked_for_is_that_of_the_result(dtype: str) -> None:
    x = fnp.full(1000, 300.0, dtype)
    for y in (fnp.mean(x, None, "float32"), fnp.mean(x, dtype="float32"), fnp.sum(x, None, "float32")):
        assert y.dtype == np.float32
    assert float(fnp.sum(x, dtype="float32")) == 300_000
    assert fnp.mean(x).dtype == fnp.var(x).dtype == np.dtype(dtype)
    assert float(fnp.mean(x)) == 300  # the sum is beyond float16
    assert float(fnp.std(x * 100)) == 0


@every_narrow
def test_what_meets_wider_floats_is_not_narrowed(dtype: str) -> None:
    x, y = fnp.ones(3, dtype), fnp.ones(3, "float32")
    assert F.mse_loss(x, y).dtype == np.float32
    assert F.mse_loss(x, x).dtype == np.dtype(dtype)
    assert F.mse_loss(x, np.ones(3, dtype)).dtype == np.dtype(dtype)
    assert fnp.logspace(0.0, 1.0, 3, base=x).dtype == np.dtype(dtype)
