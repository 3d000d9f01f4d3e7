"""float16 and bfloat16: every operation computes in float32 and rounds its result once."""

from __future__ import annotations

from typing import Any

import functions
import numpy as np
import pytest
import uses
from samples import ALL, Sample

import funcgrad as fg
from funcgrad.core import PRIMITIVES
from funcgrad.dtypes import NARROW, finfo

NAMES = sorted(dtype.name for dtype in NARROW)
WITHOUT = {
    *("real", "imag", "complex_abs", "fft_r2c"),  # get no floats of 16 bits, or complex numbers
    *("device_put", "all_gather", "random_choice"),  # need a place to be at, or keys
    "nextafter",  # tells of the dtype
}
every_narrow = pytest.mark.parametrize("dtype", NAMES)


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
    primitive = PRIMITIVES[sample.primitive]
    with np.errstate(over="ignore"):  # of numbers beyond float16, as NumPy's own functions
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
        with np.errstate(over="ignore"):
            again = program({i: x for i, x in enumerate(operands) if i not in numbers})
        assert again.dtype == found.dtype
        assert np.array_equal(np.asarray(again), np.asarray(found), equal_nan=True)


OTHERWISE = {
    "numpy.fft.irfft": "takes complex numbers, whose parts are float32",
    "numpy.fft.hfft": "likewise",
    "numpy.spacing": "tells of the dtype",
}


def is_real(use: functions.Use) -> bool:
    if use.name in OTHERWISE:
        return False
    dtypes = [a.dtype for a in uses.Call(use).arrays]
    return np.float64 in dtypes and np.complex128 not in dtypes and "dtype" not in use.kwargs


@every_narrow
@pytest.mark.parametrize("use", [u for u in functions.ALL if is_real(u)], ids=str)
def test_functions_compute_in_float32(use: functions.Use, dtype: str) -> None:
    uses.narrow(use, dtype)
