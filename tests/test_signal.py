"""`funcgrad.scipy.signal` and `scipy.fft`: round trips, dtypes, gradients by formulas, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import signal as oracle

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import errors
from funcgrad.scipy import fft, signal

_random = np.random.default_rng(0)


@pytest.mark.parametrize("window", ["hann", ("tukey", 0.25), np.hamming(8)])
@pytest.mark.parametrize("boundary", ["zeros", "even", "odd", "constant"])
@pytest.mark.parametrize("scaling", ["spectrum", "psd"])
def test_a_signal_comes_back(window: Any, boundary: str, scaling: str) -> None:
    x = _random.standard_normal((2, 37))
    _, _, Z = signal.stft(x, 2.0, window, 8, boundary=boundary, scaling=scaling)
    t, back = signal.istft(Z, 2.0, window, 8, scaling=scaling)
    np.testing.assert_allclose(np.asarray(back)[:, :37], x, rtol=1e-10, atol=1e-10)
    assert t[1] == 0.5


def test_long_operands_are_convolved_by_transforms_with_the_same_result() -> None:
    x, y = _random.standard_normal(500), _random.standard_normal(200)
    for mode in ("full", "same", "valid"):
        found = signal.convolve(x, y, mode)
        np.testing.assert_allclose(found, oracle.convolve(x, y, mode), rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(found, signal.convolve(x, y, mode, method="direct"), rtol=1e-9, atol=1e-10)


def test_the_gradient_of_a_convolution_is_a_correlation() -> None:
    x, y = _random.standard_normal(9), _random.standard_normal(4)
    w = _random.standard_normal(12)
    found = fg.grad(lambda x: (signal.convolve(x, y) * w).sum())(x)
    np.testing.assert_allclose(found, oracle.correlate(w, y, "valid"), rtol=1e-12)


def test_the_gradient_of_a_spectrum_s_sum_is_the_signal() -> None:
    x = _random.standard_normal(16)
    power = fg.grad(lambda x: signal.periodogram(x, detrend=False, scaling="spectrum")[1].sum())(x)
    np.testing.assert_allclose(power, 2 * x / 16, rtol=1e-12)


def test_the_window_and_the_sampling_rate_are_differentiable() -> None:
    x = _random.standard_normal(16)
    by_window = fg.grad(lambda w: fnp.abs(signal.stft(x, window=w, nperseg=4)[2]).sum())(np.hanning(6)[1:-1])
    assert by_window.shape == (4,)
    assert np.isfinite(by_window).all()
    by_rate = fg.grad(lambda fs: signal.welch(x, fs, nperseg=8)[1].sum())(2.0)
    total = float(signal.welch(x, 2.0, nperseg=8)[1].sum())
    assert np.isclose(by_rate, -total / 2.0, rtol=1e-5)


def test_dtypes_stay() -> None:
    x = fnp.asarray(_random.standard_normal(16), "float32")
    for leaf in fg.tree.leaves([signal.stft(x, nperseg=4), signal.welch(x, nperseg=4), signal.detrend(x)]):
        assert leaf.dtype in ("float32", "complex64")
    assert signal.fftconvolve(x, x).dtype == "float32"
    assert signal.convolve(fnp.asarray([1, 2]), fnp.asarray([3, 4])).dtype == "int64"
    assert fft.dct(x).dtype == "float32"
    assert fft.dct(x.astype("float16")).dtype == "float32"
    with fg.config.default_dtype("float64"):
        assert signal.get_window("hann", 4).dtype == "float64"


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize("n", [2, 5, 6])
def test_cosine_and_sine_transforms_come_back(kind: int, norm: str, n: int) -> None:
    x = _random.standard_normal((n, 3))
    np.testing.assert_allclose(fft.idct(fft.dct(x, kind, axis=0, norm=norm), kind, axis=0, norm=norm), x, rtol=1e-10)
    np.testing.assert_allclose(fft.idstn(fft.dstn(x, kind, norm=norm), kind, norm=norm), x, rtol=1e-10)


def test_a_signal_shorter_than_a_frame_is_one_frame_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="nperseg=16 is more than the 6 elements"):
        _, power = signal.welch(np.arange(6.0), nperseg=16)
    assert power.shape == (4,)
    assert signal.welch(np.arange(6.0))[1].shape == (4,)


_X = np.arange(8.0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: signal.convolve(_X, _X[None]), errors.ShapeError, "equally many dimensions"),
        (lambda: signal.convolve(_X, _X[:0]), errors.ShapeError, "elements"),
        (lambda: signal.convolve(_X, _X, "middle"), errors.OptionError, "'middle'"),
        (lambda: signal.convolve(_X, _X, method="fast"), errors.OptionError, "'fast'"),
        (lambda: signal.convolve(np.ones((2, 3)), np.ones((3, 2)), "valid"), errors.ShapeError, "fits into"),
        (lambda: signal.fftconvolve(np.ones((2, 3)), np.ones((3, 2)), "valid"), errors.ShapeError, "fits into"),
        (lambda: signal.convolve2d(_X, _X), errors.ShapeError, "matrices"),
        (lambda: signal.convolve2d(_X[None], _X[None], boundary="x"), errors.OptionError, "'x'"),
        (lambda: signal.detrend(_X, type="square"), errors.OptionError, "'square'"),
        (lambda: signal.detrend(_X, bp=9), errors.ShapeError, "within the 8 points"),
        (lambda: signal.get_window("x", 4), errors.OptionError, "no window 'x'"),
        (lambda: signal.get_window("hann", -1), errors.ShapeError, "negative"),
        (lambda: signal.stft(_X, nperseg=4, noverlap=4), errors.ShapeError, "noverlap"),
        (lambda: signal.stft(_X, nperseg=4, nfft=3), errors.ShapeError, "nfft"),
        (lambda: signal.stft(_X, window=_X[:3], nperseg=4), errors.ShapeError, "3 elements"),
        (lambda: signal.stft(_X, nperseg=4, boundary="x"), errors.OptionError, "'x'"),
        (lambda: signal.stft(_X, nperseg=4, scaling="x"), errors.OptionError, "'x'"),
        (lambda: signal.stft(_X[:2], nperseg=2, boundary="even", window=_X[:3]), errors.ShapeError, "window"),
        (lambda: signal.istft(_X), errors.ShapeError, "frequencies"),
        (lambda: signal.istft(np.ones((3, 3)), time_axis=0, freq_axis=0), errors.ShapeError, "axis 0"),
        (lambda: signal.welch(_X, nperseg=4, average="mode"), errors.OptionError, "'mode'"),
        (lambda: signal.spectrogram(_X, nperseg=4, mode="phase"), errors.OptionError, "'phase'"),
        (lambda: signal.hilbert(_X * 1j), errors.DtypeError, "real"),
        (lambda: fft.dct(_X, 5), errors.OptionError, "type"),
        (lambda: fft.dct(_X, norm="x"), errors.OptionError, "'x'"),
        (lambda: fft.dct(_X[:1], 1), errors.ShapeError, "two points"),
        (lambda: fft.fft(_X, plan=1), errors.OptionError, "plan"),
        (lambda: fft.next_fast_len(0), errors.OptionError, "positive"),
    ],
)
def test_refusals(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
