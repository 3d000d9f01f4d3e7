"""The power of a signal by frequency, and what two signals have in common."""

from __future__ import annotations

from typing import Any

from ...core import Array
from ...dtypes import is_complex
from ...errors import DtypeError, OptionError
from ...numpy import fft
from ...numpy.creation import asarray
from ...numpy.elementwise import abs, atan2
from ...numpy.manipulation import broadcast_arrays, concat, moveaxis
from ...numpy.quantiles import median
from ...ops.create import promote_all, to_inexact
from ...ops.elementwise import astype, conj, imag, real
from ...ops.shape import normalize_axis, pad
from .frames import Plan, frequencies, plan, scale_of, spectra, times

__all__ = ["coherence", "csd", "hilbert", "periodogram", "spectrogram", "welch"]


def _pair(name: str, x: Any, y: Any, axis: int) -> tuple[Any, Any, int]:
    """Two signals along their last axes, the shorter one filled with zeros, and where that axis was."""
    x, y = map(to_inexact, promote_all([x, y]))
    axis = normalize_axis(axis, max(x.ndim, y.ndim), name)
    x, y = (moveaxis(v, min(axis, v.ndim - 1), -1) for v in (x, y))
    n = max(x.shape[-1], y.shape[-1])
    x, y = (pad(v, widths=((0, 0),) * (v.ndim - 1) + ((0, n - v.shape[-1]),)) if v.shape[-1] < n else v for v in (x, y))
    x, y = broadcast_arrays(x, y)
    return x, y, axis


def _powers(x: Any, y: Any, p: Plan, fs: Any, remove: Any, onesided: bool, scaling: str, name: str) -> tuple[Any, Any]:
    """Products of the spectra of two signals' frames, scaled, with frequencies along the last axis; and these."""
    X: Any = spectra(x, p, remove, onesided)
    Y: Any = X if y is x else spectra(y, p, remove, onesided)
    products = conj(X) * Y * scale_of(name, p, fs, scaling, "density", "spectrum")
    if onesided and p.points > 1:  # each frequency between the ends stands for its negative as well
        last = products.shape[-1] - (p.points % 2 == 0)
        parts = [products[..., :1], products[..., 1:last] * 2, products[..., last:]]
        products = concat(parts, axis=-1)
    return products, frequencies(p, fs, onesided)


def csd(
    x: Any,
    y: Any,
    fs: Any = 1.0,
    window: Any = "hann",
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: Any = "constant",
    return_onesided: bool = True,
    scaling: str = "density",
    axis: int = -1,
    average: str = "mean",
) -> tuple[Array, Array]:
    """The cross power of two signals by frequency, averaged over overlapping parts (Welch's method).

    Args:
        x, y: signals; the shorter one goes on with zeros.
        fs: how many elements there are in a unit of time.
        window: by which parts are multiplied: what `get_window` takes, or an array.
        nperseg: how long parts are; 256 where not given, or as long as a given window.
        noverlap: how many elements neighbours share; half of nperseg where not given.
        nfft: how many points are transformed; more than nperseg adds zeros.
        detrend: what to remove from each part first: "constant", "linear", a function of the parts, or False.
        return_onesided: of real signals only frequencies that are not negative, each with the power of its negative.
        scaling: "density" (power by unit of frequency) or "spectrum" (power).
        axis: along which.
        average: over the parts: "mean", or "median", which outliers do not move, divided by its bias.

    Returns:
        Frequencies, and the cross power, complex: conj(X) Y.

    Raises:
        ShapeError: lengths that do not fit each other or the signals.
        OptionError: another scaling or average.

    >>> import funcgrad.scipy.signal as signal
    >>> f, power = signal.csd([1.0, 0.0, -1.0, 0.0], [0.0, 1.0, 0.0, -1.0], window="boxcar")
    >>> f, power.round(4)
    (Array([0.  , 0.25, 0.5 ], dtype=float32), Array([0.+0.j, 0.-2.j, 0.+0.j], dtype=complex64))

    Source: P. Welch, The use of fast Fourier transform for the estimation of power spectra, 1967.
    """
    same = y is x
    x, y, axis = _pair("csd", x, y, axis)
    power, f = _averaged("csd", x, x if same else y, fs, window, nperseg, noverlap, nfft, detrend, return_onesided,
                         scaling, average)  # fmt: skip
    return f, moveaxis(power, -1, axis)


def _averaged(
    name: str, x: Any, y: Any, fs: Any, window: Any, nperseg: Any, noverlap: Any, nfft: Any, remove: Any,
    onesided: bool, scaling: str, average: str,
) -> tuple[Any, Any]:  # fmt: skip
    if average not in ("mean", "median"):
        raise OptionError(f'{name}: parts are averaged by "mean" or "median", not {average!r}')
    p = plan(name, x, x.shape[-1], window, nperseg, noverlap, nfft)
    products, f = _powers(x, y, p, fs, remove, onesided and not is_complex(x.dtype), scaling, name)
    return products.mean(-2) if average == "mean" else _middle(products), f


def _middle(products: Any) -> Any:
    """The median over the frames, of real and imaginary parts, divided by what it is of numbers with mean 1.

    Those are powers of noise, which are exponentially distributed: the median of n of them, n odd, is
    1 - 1/2 + 1/3 - ... + 1/n.
    """
    n = products.shape[-2]
    bias = sum((-1) ** (k + 1) / k for k in range(1, n + n % 2))
    middle: Any = astype(median(real(products), -2), products.dtype)
    return (middle + astype(median(imag(products), -2), products.dtype) * 1j) / bias


def welch(
    x: Any,
    fs: Any = 1.0,
    window: Any = "hann",
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: Any = "constant",
    return_onesided: bool = True,
    scaling: str = "density",
    axis: int = -1,
    average: str = "mean",
) -> tuple[Array, Array]:
    """The power of a signal by frequency, averaged over overlapping parts (Welch's method).

    Args, Raises: as for `csd`.

    Returns:
        Frequencies, and the power, real.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.welch([1.0, -1.0] * 4, nperseg=4, window="boxcar")[1]
    Array([0., 0., 4.], dtype=float32)

    Source: P. Welch, The use of fast Fourier transform for the estimation of power spectra, 1967.
    """
    x = to_inexact(x)
    axis = normalize_axis(axis, x.ndim, "welch")
    x = moveaxis(x, axis, -1)
    power, f = _averaged("welch", x, x, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling, average)
    return f, moveaxis(real(power), -1, axis)


def periodogram(
    x: Any,
    fs: Any = 1.0,
    window: Any = "boxcar",
    nfft: int | None = None,
    detrend: Any = "constant",
    return_onesided: bool = True,
    scaling: str = "density",
    axis: int = -1,
) -> tuple[Array, Array]:
    """The power of a signal by frequency, of all of it at once.

    Args, Returns, Raises: as for `welch`; a smaller nfft cuts the signal.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.periodogram([1.0, -1.0, 1.0, -1.0])[1]
    Array([0., 0., 4.], dtype=float32)
    """
    x = to_inexact(x)
    axis = normalize_axis(axis, x.ndim, "periodogram")
    x = moveaxis(x, axis, -1)
    n = x.shape[-1] if nfft is None else min(x.shape[-1], int(nfft))
    x = x[..., :n]
    window = "boxcar" if window is None else window
    f, power = welch(x, fs, window, n, 0, nfft, detrend, return_onesided, scaling)
    return f, moveaxis(power, -1, axis)


def spectrogram(
    x: Any,
    fs: Any = 1.0,
    window: Any = ("tukey", 0.25),
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: Any = "constant",
    return_onesided: bool = True,
    scaling: str = "density",
    axis: int = -1,
    mode: str = "psd",
) -> tuple[Array, Array, Array]:
    """The power of a signal by frequency and time.

    Args:
        x, fs, window, nperseg, nfft, detrend, return_onesided, scaling, axis: as for `csd`.
        noverlap: how many elements neighbours share; an eighth of nperseg where not given.
        mode: "psd" for powers, "complex" for spectra as `stft` makes them without extending the signal, "magnitude" or
            "angle" for theirs.

    Returns:
        Frequencies, the times of the parts' middles, and the powers, whose times stand last.

    >>> import funcgrad.scipy.signal as signal
    >>> f, t, S = signal.spectrogram([1.0, -1.0] * 8, nperseg=8)
    >>> t, S.shape
    (Array([ 4., 11.], dtype=float32), (5, 2))
    """
    if mode not in ("psd", "complex", "magnitude", "angle"):
        raise OptionError(f'spectrogram: mode is "psd", "complex", "magnitude" or "angle", not {mode!r}')
    x = to_inexact(x)
    axis = normalize_axis(axis, x.ndim, "spectrogram")
    x = moveaxis(x, axis, -1)
    p = plan("spectrogram", x, x.shape[-1], window, nperseg, noverlap, nfft, overlap=8)
    onesided = return_onesided and not is_complex(x.dtype)
    if mode == "psd":
        out: Any
        out, f = _powers(x, x, p, fs, detrend, onesided, scaling, "spectrogram")
        out = real(out)
    else:
        scale = scale_of("spectrogram", p, fs, scaling, "density", "spectrum")
        out, f = spectra(x, p, detrend, onesided) * scale**0.5, frequencies(p, fs, onesided)
        if mode == "magnitude":
            out = abs(out)
        elif mode == "angle":
            out = atan2(imag(out), real(out))
    return f, times(x.shape[-1], p, fs), moveaxis(out, -1, axis)


def coherence(
    x: Any,
    y: Any,
    fs: Any = 1.0,
    window: Any = "hann",
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: Any = "constant",
    axis: int = -1,
) -> tuple[Array, Array]:
    """How much of two signals' power is common, by frequency: |csd(x, y)|^2 / (welch(x) welch(y)), from 0 to 1.

    Args, Raises: as for `csd`.

    Returns:
        Frequencies, and the coherence.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.coherence([1.0, 2.0, 4.0, 1.0], [2.0, 4.0, 8.0, 2.0], nperseg=2)[1].round(4)
    Array([1., 1.], dtype=float32)
    """
    settings = (fs, window, nperseg, noverlap, nfft, detrend)
    f, of_x = welch(x, *settings, axis=axis)
    _, of_y = welch(y, *settings, axis=axis)
    common: Any = csd(x, y, *settings, axis=axis)[1]
    return f, (real(common) ** 2 + imag(common) ** 2) / of_x / of_y


def hilbert(x: Any, N: int | None = None, axis: int = -1) -> Array:
    """The analytic signal: x with i times its Hilbert transform, which has no negative frequencies.

    Args:
        x: real numbers.
        N: how many points are transformed: x is cut, or padded with zeros, to that many.
        axis: along which.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.hilbert([1.0, 0.0, -1.0, 0.0])
    Array([ 1.+0.j,  0.+1.j, -1.+0.j,  0.-1.j], dtype=complex64)
    """
    x = to_inexact(x)
    if is_complex(x.dtype):
        raise DtypeError(f"hilbert: takes real numbers, not {x.aval}; use x.real")
    axis = normalize_axis(axis, x.ndim, "hilbert")
    spectrum: Any = moveaxis(fft.fft(x, N, axis), axis, -1)
    n = spectrum.shape[-1]
    weights = [1.0] + [2.0] * ((n - 1) // 2) + [1.0] * (n > 1 and n % 2 == 0) + [0.0] * ((n - 1) // 2)
    kept = asarray(weights, x.dtype, device=x.device)
    return moveaxis(fft.ifft(spectrum * kept), -1, axis)
