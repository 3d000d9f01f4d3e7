"""Windows: numbers that fall to both ends, by which parts of a signal are multiplied before they are transformed.

Each has n points; where `sym` is False, the first n of n + 1, which repeat with period n, as spectra want them.

Source: F. Harris, On the use of windows for harmonic analysis with the discrete Fourier transform, 1978.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ...core import Array
from ...dtypes import canonical
from ...errors import OptionError, ShapeError
from ...numpy.creation import asarray

__all__ = [
    "barthann",
    "bartlett",
    "blackman",
    "blackmanharris",
    "boxcar",
    "cosine",
    "flattop",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "get_window",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
    "triang",
    "tukey",
]


def _window(name: str, M: Any, sym: bool, values: Callable[[Any, int], Any]) -> Any:
    """A window of M points from its values at 0, ..., m - 1, as float64 numbers of NumPy's."""
    count = operator.index(M)
    if count < 0:
        raise ShapeError(f"{name}: a window has no negative number of points: {M}")
    m = count if sym else count + 1
    return np.ones(count) if count <= 1 else values(np.arange(m, dtype=np.float64), m)[:count]


def _cosines(M: Any, a: Any, sym: bool) -> Any:
    def values(k: Any, m: int) -> Any:
        turn = 2 * math.pi * k / (m - 1)
        return sum((-1) ** j * c * np.cos(j * turn) for j, c in enumerate(a))

    return _window("general_cosine", M, sym, values)


def _made(sample: Callable[..., Any]) -> Callable[..., Array]:
    """A function that samples a window as one that makes an array of the default float dtype."""

    @wraps(sample)
    def window(*args: Any, **kwargs: Any) -> Array:
        return asarray(sample(*args, **kwargs), canonical(float))

    return window


@_made
def boxcar(M: int, sym: bool = True) -> Any:
    """Ones.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.windows.boxcar(3)
    Array([1., 1., 1.], dtype=float32)
    """
    return _window("boxcar", M, sym, lambda k, m: np.ones(m))


@_made
def triang(M: int, sym: bool = True) -> Any:
    """A triangle that does not come down to 0 at its ends.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.windows.triang(3)
    Array([0.5, 1. , 0.5], dtype=float32)
    """
    return _window("triang", M, sym, lambda k, m: 1 - np.abs(2 * k - (m - 1)) / (m + m % 2))


@_made
def bartlett(M: int, sym: bool = True) -> Any:
    """A triangle that comes down to 0 at its ends.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.windows.bartlett(3)
    Array([0., 1., 0.], dtype=float32)
    """
    return _window("bartlett", M, sym, lambda k, m: 1 - np.abs(2 * k / (m - 1) - 1))


@_made
def barthann(M: int, sym: bool = True) -> Any:
    """Bartlett's window modified by Hann's: 0.62 - 0.48 |t| + 0.38 cos(2 pi t), t from -1/2 to 1/2.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.windows.barthann(3).round(4)
    Array([0., 1., 0.], dtype=float32)
    """

    def values(k: Any, m: int) -> Any:
        t = np.abs(k / (m - 1) - 0.5)
        return 0.62 - 0.48 * t + 0.38 * np.cos(2 * math.pi * t)

    return _window("barthann", M, sym, values)


@_made
def general_cosine(M: int, a: Any, sym: bool = True) -> Any:
    """A sum of cosines, sum over j of (-1)^j a[j] cos(2 pi j k / (M - 1)).

    Args:
        M: how many points.
        a: the coefficients, Python numbers.
        sym: whether it is symmetric; else periodic.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.windows.general_cosine(3, [0.5, 0.5])
    Array([0., 1., 0.], dtype=float32)
    """

    return _cosines(M, a, sym)


@_made
def general_hamming(M: int, alpha: float, sym: bool = True) -> Any:
    """alpha - (1 - alpha) cos(2 pi k / (M - 1)).

    >>> import funcgrad.scipy.signal as signal
    >>> signal.windows.general_hamming(3, 0.5)
    Array([0., 1., 0.], dtype=float32)
    """
    return _cosines(M, [alpha, 1 - alpha], sym)


@_made
def hann(M: int, sym: bool = True) -> Any:
    """Half of 1 - cos(2 pi k / (M - 1)).

    >>> import funcgrad.scipy.signal as signal
    >>> signal.windows.hann(4, sym=False)
    Array([0. , 0.5, 1. , 0.5], dtype=float32)
    """
    return _cosines(M, [0.5, 0.5], sym)


@_made
def hamming(M: int, sym: bool = True) -> Any:
    """0.54 - 0.46 cos(2 pi k / (M - 1)).

    >>> import funcgrad.scipy.signal as signal
    >>> signal.windows.hamming(3)
    Array([0.08, 1.  , 0.08], dtype=float32)
    """
    return _cosines(M, [0.54, 1 - 0.54], sym)


@_made
def blackman(M: int, sym: bool = True) -> Any:
    """0.42 - 0.5 cos(2 pi k / (M - 1)) + 0.08 cos(4 pi k / (M - 1)).

    >>> import funcgrad.scipy.signal as signal
    >>> signal.windows.blackman(3).round(4)
    Array([-0.,  1., -0.], dtype=float32)
    """
    return _cosines(M, [0.42, 0.5, 0.08], sym)


@_made
def nuttall(M: int, sym: bool = True) -> Any:
    """Four cosines, by Nuttall: the smallest sidelobes with that many.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.windows.nuttall(3).round(4)
    Array([4.e-04, 1.e+00, 4.e-04], dtype=float32)
    """
    return _cosines(M, [0.3635819, 0.4891775, 0.1365995, 0.0106411], sym)


@_made
def blackmanharris(M: int, sym: bool = True) -> Any:
    """Four cosines, by Blackman and Harris.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.windows.blackmanharris(3).round(4)
    Array([1.e-04, 1.e+00, 1.e-04], dtype=float32)
    """
    return _cosines(M, [0.35875, 0.48829, 0.14128, 0.01168], sym)


@_made
def flattop(M: int, sym: bool = True) -> Any:
    """Five cosines with a flat peak in the spectrum, for measuring amplitudes.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.windows.flattop(3).round(4)
    Array([-4.e-04,  1.e+00, -4.e-04], dtype=float32)
    """
    return _cosines(M, [0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368], sym)


@_made
def cosine(M: int, sym: bool = True) -> Any:
    """Half a wave, sin(pi (k + 1/2) / M).

    >>> import funcgrad.scipy.signal as signal
    >>> signal.windows.cosine(3)
    Array([0.5, 1. , 0.5], dtype=float32)
    """
    return _window("cosine", M, sym, lambda k, m: np.sin(math.pi / m * (k + 0.5)))


@_made
def gaussian(M: int, std: float, sym: bool = True) -> Any:
    """exp(-d^2 / (2 std^2)), d the distance from the middle.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.windows.gaussian(3, 1.0)
    Array([0.60653067, 1.        , 0.60653067], dtype=float32)
    """
    return _window("gaussian", M, sym, lambda k, m: np.exp(-((k - (m - 1) / 2) ** 2) / (2 * std * std)))


@_made
def kaiser(M: int, beta: float, sym: bool = True) -> Any:
    """I0(beta sqrt(1 - t^2)) / I0(beta), t from -1 to 1.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.windows.kaiser(3, 5.0)
    Array([0.03671089, 1.        , 0.03671089], dtype=float32)
    """

    def values(k: Any, m: int) -> Any:
        t = 2 * k / (m - 1) - 1
        return np.i0(beta * np.sqrt(np.maximum(1 - t * t, 0))) / np.i0(beta)

    return _window("kaiser", M, sym, values)


@_made
def tukey(M: int, alpha: float = 0.5, sym: bool = True) -> Any:
    """Ones, with half waves at both ends, which are the share alpha of it.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.windows.tukey(5)
    Array([0., 1., 1., 1., 0.], dtype=float32)
    """
    if alpha >= 1:
        return _cosines(M, [0.5, 0.5], sym)

    def values(k: Any, m: int) -> Any:
        if alpha <= 0:
            return np.ones(m)
        width = math.floor(alpha * (m - 1) / 2)
        edge = np.minimum(k, m - 1 - k)
        wave = 0.5 * (1 + np.cos(math.pi * (2 * edge / (alpha * (m - 1)) - 1)))
        return np.where(edge <= width, wave, 1.0)

    return _window("tukey", M, sym, values)


_BY_NAME: dict[str, Callable[..., Array]] = {
    "barthann": barthann,
    "bartlett": bartlett,
    "blackman": blackman,
    "blackmanharris": blackmanharris,
    "boxcar": boxcar,
    "box": boxcar,
    "ones": boxcar,
    "rect": boxcar,
    "rectangular": boxcar,
    "cosine": cosine,
    "halfcosine": cosine,
    "flattop": flattop,
    "gaussian": gaussian,
    "general_cosine": general_cosine,
    "general_hamming": general_hamming,
    "hamming": hamming,
    "hamm": hamming,
    "hann": hann,
    "han": hann,
    "kaiser": kaiser,
    "nuttall": nuttall,
    "triang": triang,
    "triangle": triang,
    "tri": triang,
    "tukey": tukey,
    "tuk": tukey,
}


def get_window(window: Any, Nx: int, fftbins: bool = True) -> Array:
    """A window by its name.

    Args:
        window: "hann" and other names of functions here; ("kaiser", 5.0) and other pairs of a name and its parameter;
            or a number, which is Kaiser's beta.
        Nx: how many points.
        fftbins: whether it is periodic, for spectra; else symmetric.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.get_window("hann", 4)
    Array([0. , 0.5, 1. , 0.5], dtype=float32)
    """
    return asarray(sampled(window, Nx, fftbins), canonical(float))


def sampled(window: Any, n: int, periodic: bool = True) -> Any:
    """A window by its name, as float64 numbers of NumPy's."""
    name, *parameters = ("kaiser", window) if isinstance(window, int | float) else _parts(window)
    if name not in _BY_NAME:
        raise OptionError(f"get_window: there is no window {name!r}; there are {', '.join(sorted(_BY_NAME))}")
    return _BY_NAME[name].__wrapped__(n, *parameters, sym=not periodic)  # type: ignore[attr-defined]


def _parts(window: Any) -> tuple[Any, ...]:
    return (window,) if isinstance(window, str) else tuple(window)
