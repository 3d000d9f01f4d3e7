"""SciPy's functions of arrays of the standard, run on ours: `SCIPY_ARRAY_API=1 python scipy_programs.py`.

SciPy reads that variable when it is imported, so `test_scipy.py` runs this in a process of its own, which prints what
went wrong.
"""

from __future__ import annotations

import os
import traceback
import warnings
from typing import Any

import numpy as np
from scipy import differentiate, fft, integrate, optimize, signal, special, stats
from scipy.spatial.transform import Rotation

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import ImmutableArrayError, LostDerivativeWarning, TracedConversionError
from funcgrad.testing import check_grads

X = np.array([0.35, 0.62, 0.21, 0.78, 0.44, 0.57])


def namespace(x: Any) -> Any:
    """The module of an array."""
    return np if isinstance(x, np.ndarray) else fnp


DIFFERENTIABLE: dict[str, Any] = {
    "erf": lambda x: special.erf(x),
    "gammaln": lambda x: special.gammaln(x),
    "expit": lambda x: special.expit(x),
    "logit": lambda x: special.logit(x),
    "entr": lambda x: special.entr(x),
    "ndtri": lambda x: special.ndtri(x),
    "betainc": lambda x: special.betainc(x + 1, x + 2, x),
    "i0": lambda x: special.i0(x),
    "xlogy": lambda x: special.xlogy(x, x),
    "softmax": lambda x: special.softmax(x),
    "fft": lambda x: abs(fft.fft(x)),
    "rfft": lambda x: abs(fft.rfft(x)) ** 2,
    "irfft": lambda x: fft.irfft(x + 0j),
    "hfft": lambda x: fft.hfft(x + 0j),
    "fftshift": lambda x: fft.fftshift(x),
    "fftfreq": lambda x: x * fft.fftfreq(6, xp=namespace(x)),
    "fftconvolve": lambda x: signal.fftconvolve(x, x),
    "oaconvolve": lambda x: signal.oaconvolve(x, x),
    "freqz": lambda x: abs(signal.freqz(x, worN=8)[1]),
    "zpk2tf": lambda x: signal.zpk2tf(x, x, 1.0)[0],
    "skew": lambda x: stats.skew(x),
    "kurtosis": lambda x: stats.kurtosis(x),
    "gmean": lambda x: stats.gmean(x),
    "hmean": lambda x: stats.hmean(x),
    "moment": lambda x: stats.moment(x, 2),
    "sem": lambda x: stats.sem(x),
    "entropy": lambda x: stats.entropy(x),
    "describe": lambda x: stats.describe(x).variance,
    "chisquare": lambda x: stats.chisquare(x, x[::-1]).statistic,
    "ttest": lambda x: stats.ttest_ind(x, x**2).statistic,
    "trapezoid": lambda x: integrate.trapezoid(x),
    "cumulative_trapezoid": lambda x: integrate.cumulative_trapezoid(x),
    "rosen": lambda x: optimize.rosen(x),
    "Rotation": lambda x: Rotation.from_rotvec(x[:3]).as_matrix(),
}
VALUES: dict[str, Any] = {
    "dct": lambda x: fft.dct(x),
    "detrend": lambda x: signal.detrend(x),
    "convolve": lambda x: signal.convolve(x, x),
    "correlate": lambda x: signal.correlate(x, x),
    "medfilt": lambda x: signal.medfilt(x),
}
"""SciPy computes these in compiled code on NumPy's arrays: they give our arrays, and no derivative."""
ASSIGNING: dict[str, Any] = {
    "logsumexp": lambda x: special.logsumexp(x),
    "zscore": lambda x: stats.zscore(x),
    "hilbert": lambda x: signal.hilbert(x),
    "derivative": lambda x: differentiate.derivative(lambda t: t**3, x).df,
}
"""SciPy assigns into arrays there, for all libraries but JAX, which it knows by name."""


def failures() -> list[str]:
    """What is not as it should be, each with its traceback."""
    found = []

    def expect(name: str, check: Any) -> None:
        try:
            check()
        except Exception:
            found.append(f"{name}: {traceback.format_exc()}")

    def values(f: Any) -> None:
        ours = f(fg.asarray(X))
        assert isinstance(ours, fg.Array), type(ours)
        np.testing.assert_allclose(np.asarray(ours), f(X), rtol=1e-9, atol=1e-12)

    def refuses(error: Any, f: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                f()
            except error:
                return
        raise AssertionError(f"no {error}")

    for name, f in (DIFFERENTIABLE | VALUES).items():
        expect(name, lambda f=f: values(f))
    for name, f in DIFFERENTIABLE.items():
        expect(f"gradient of {name}", lambda f=f: check_grads(f, (X,), order=1))
        expect(f"vmap of {name}", lambda f=f: np.testing.assert_allclose(fg.vmap(f)(X[None])[0], f(X), rtol=1e-9))
    for name, f in VALUES.items():
        lost = (TracedConversionError, LostDerivativeWarning)
        expect(name, lambda f=f, lost=lost: refuses(lost, lambda: fg.grad(lambda x: fnp.sum(f(x)))(X)))
    for name, f in ASSIGNING.items():
        expect(name, lambda f=f: refuses(ImmutableArrayError, lambda: f(fg.asarray(X))))
    return found


if __name__ == "__main__":
    assert os.environ["SCIPY_ARRAY_API"] == "1"
    with fg.config.default_dtype("float64"):
        print("\n".join(failures()), end="")
