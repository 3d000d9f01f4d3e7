"""`spectral_conv` against circular convolution, and against the whole spectrum by NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from samples import uniform

import funcgrad as fg
import funcgrad.functional as F
from funcgrad.errors import ShapeError
from funcgrad.testing import check_grads


def parts(z: Any) -> Any:
    return np.stack([z.real, z.imag], -1)


def test_all_frequencies_of_a_window_are_a_circular_convolution() -> None:
    x, window = uniform(2, 7, 3), uniform(7, 3, 2, seed=1)
    out = F.spectral_conv(x, parts(np.fft.rfft(window, axis=0)), layout="NWC")
    shifted = np.stack([np.roll(x, k, 1) for k in range(7)])
    np.testing.assert_allclose(np.asarray(out), np.einsum("knwc,kco->nwo", shifted, window))


def test_low_frequencies_of_an_image() -> None:
    x, w = uniform(2, 6, 5, 3), uniform(4, 2, 3, 2, 2, seed=1)
    seen, kept = np.fft.rfft2(x, axes=(1, 2)), np.zeros((2, 6, 3, 2), complex)
    for row, h in enumerate((0, 1, -2, -1)):
        for k in range(2):
            kept[:, h, k] = seen[:, h, k] @ (w[row, k, ..., 0] + 1j * w[row, k, ..., 1])
    expected = np.fft.irfft2(kept, (6, 5), axes=(1, 2))
    np.testing.assert_allclose(np.asarray(F.spectral_conv(x, w)), expected)
    first = F.spectral_conv(np.moveaxis(x, -1, 1), w, layout="NCHW")
    np.testing.assert_allclose(np.moveaxis(np.asarray(first), 1, -1), expected)
    np.testing.assert_allclose(np.asarray(F.spectral_conv(x[0], w)), expected[0])


def test_derivatives_and_batches() -> None:
    x, w = uniform(2, 4, 4, 2), uniform(2, 2, 2, 3, 2, seed=1)
    check_grads(F.spectral_conv, (x, w))
    ws = uniform(3, *w.shape)
    found = fg.vmap(F.spectral_conv, in_axes=(None, 0))(x, ws)
    np.testing.assert_allclose(np.asarray(found), np.stack([np.asarray(F.spectral_conv(x, w)) for w in ws]))
    assert F.spectral_conv(x.astype("float32"), w.astype("float32")).dtype == np.float32


@pytest.mark.parametrize("shape", [(6, 2, 2, 3, 2), (3, 2, 2, 3, 2), (2, 4, 2, 3, 2), (2, 2, 1, 3, 2), (2, 2, 2, 3)])
def test_weights_that_do_not_fit(shape: Any) -> None:
    message = r"float64\[1,4,5,2\] \(NHWC\) the weight must be \(2 m up to 4, m up to 3, 2, O, 2\), not float64"
    with pytest.raises(ShapeError, match=message):
        F.spectral_conv(np.ones((1, 4, 5, 2)), np.ones(shape))
