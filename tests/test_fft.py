"""`funcgrad.numpy.fft`: what the table of uses does not show: dtypes, refusals, derivatives against formulas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import errors


@pytest.mark.parametrize(
    ("given", "spectrum"),
    [("float16", "complex64"), ("float32", "complex64"), ("float64", "complex128"), ("int32", "complex64")],
)
def test_results_are_as_exact_as_their_operands(given: str, spectrum: str) -> None:
    x = fnp.asarray([1, 2, 3, 4], given)
    for transform in (fnp.fft.fft, fnp.fft.ifft, fnp.fft.rfft, fnp.fft.ihfft, fnp.fft.fftn, fnp.fft.rfft2):
        out = transform(x if transform is not fnp.fft.rfft2 else x.reshape(2, 2))
        assert out.dtype == spectrum
    for transform in (fnp.fft.irfft, fnp.fft.hfft):
        assert transform(x).dtype == {"complex64": "float32", "complex128": "float64"}[spectrum]


def test_integers_follow_the_default_dtype() -> None:
    with fg.config.default_dtype("float64"):
        assert fnp.fft.fft([1, 2]).dtype == "complex128"
        assert fnp.fft.fftfreq(4).dtype == "float64"
    assert fnp.fft.rfftfreq(4, dtype="float64").dtype == "float64"


def test_the_last_axes_are_transformed_where_sizes_alone_are_given() -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    expected = np.fft.fftn(x, s=(2, 5), axes=(1, 2))
    np.testing.assert_allclose(fnp.fft.fftn(x, s=(2, 5)), expected, rtol=1e-12, atol=1e-12)
    expected = np.fft.fftn(x, s=(3, 5), axes=(1, 2))
    np.testing.assert_allclose(fnp.fft.fftn(x, s=(-1, 5)), expected, rtol=1e-12, atol=1e-12)


def test_no_axes() -> None:
    assert fnp.fft.fftn(fnp.ones((2, 2)), axes=()).tolist() == [[1, 1], [1, 1]]
    with pytest.raises(errors.ShapeError, match="an axis to transform"):
        fnp.fft.rfftn(fnp.ones((2, 2)), axes=())


def test_a_batch_of_nothing() -> None:
    assert fnp.fft.fft(fnp.zeros((0, 3))).shape == (0, 3)
    assert fnp.fft.rfft(fnp.zeros((0, 3))).shape == (0, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: fnp.fft.fft(fnp.zeros((2, 0))), errors.ShapeError, "one point at least"),
        (lambda: fnp.fft.fft(fnp.ones(3), n=0), errors.ShapeError, "one point at least"),
        (lambda: fnp.fft.fft(fnp.ones(3), n=1.5), errors.DtypeError, "is an int"),
        (lambda: fnp.fft.irfft(fnp.ones(1)), errors.ShapeError, "one point at least"),
        (lambda: fnp.fft.rfft(fnp.ones(3) * 1j), errors.DtypeError, "use fft"),
        (lambda: fnp.fft.fft(fnp.ones(3), norm="both"), errors.OptionError, "'both'"),
        (lambda: fnp.fft.fft(fnp.ones(3), axis=1), errors.AxisError, "axis 1"),
        (lambda: fnp.fft.fft2(fnp.ones(3)), errors.AxisError, "axis -2"),
        (lambda: fnp.fft.fftn(fnp.ones((2, 2)), s=(2,), axes=(0, 1)), errors.ShapeError, "2 axes"),
        (lambda: fnp.fft.fftn(fnp.ones((2, 2)), axes=(0, -2)), errors.AxisError, "twice"),
        (lambda: fnp.fft.fft(fnp.ones(3), out=np.ones(3, complex)), errors.ImmutableArrayError, "immutable"),
        (lambda: fnp.fft.fftfreq(4, dtype="int64"), errors.DtypeError, "int64"),
    ],
)
def test_refusals(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_the_gradient_of_the_spectrum_s_power_is_by_parseval() -> None:
    x = np.random.default_rng(0).standard_normal(7)
    found = fg.grad(lambda x: (fnp.abs(fnp.fft.fft(x)) ** 2).sum())(x)
    np.testing.assert_allclose(found, 2 * 7 * x, rtol=1e-12)


def test_the_spacing_is_differentiable() -> None:
    found = fg.grad(lambda d: fnp.fft.rfftfreq(4, d).sum())(0.5)
    np.testing.assert_allclose(found, -(0 + 1 + 2) / (4 * 0.5**2), rtol=1e-6)


def test_a_compiled_filter_is_the_eager_one() -> None:
    def smooth(x: Any) -> Any:
        keep = fnp.fft.rfftfreq(x.shape[-1]) < 0.2
        return (fnp.fft.irfft(fnp.where(keep, fnp.fft.rfft(x), 0), x.shape[-1]) ** 2).sum()

    x = fnp.asarray(np.random.default_rng(0).standard_normal(9))
    compiled = fg.jit(fg.grad(smooth))
    for _ in range(3):
        np.testing.assert_allclose(compiled(x), fg.grad(smooth)(x), rtol=1e-12)
