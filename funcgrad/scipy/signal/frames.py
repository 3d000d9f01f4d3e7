"""Transforms of short overlapping parts of a signal, its frames, and back."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core import Array
from ...dtypes import is_complex
from ...errors import OptionError, ShapeError
from ...numpy import fft
from ...numpy.creation import arange, asarray, zeros
from ...numpy.elementwise import where
from ...numpy.manipulation import concat, flip, moveaxis
from ...ops.create import to_inexact
from ...ops.elementwise import astype
from ...ops.fft import complex_of
from ...ops.shape import normalize_axis, pad
from .detrending import detrend as detrended
from .windows import sampled

__all__ = ["istft", "stft"]


@dataclass(frozen=True)
class Plan:
    """How a signal is cut into frames.

    Args:
        window: by which each frame is multiplied; its values are those of the signal's dtype.
        length: of a frame.
        overlap: how many elements two neighbours share.
        points: of each transform.
    """

    window: Any
    length: int
    overlap: int
    points: int

    @property
    def step(self) -> int:
        """From one frame's beginning to that of the next."""
        return self.length - self.overlap


def plan(name: str, x: Any, n: int, window: Any, nperseg: Any, noverlap: Any, nfft: Any, overlap: int = 2) -> Plan:
    """The plan for a signal of n elements; neighbours share one part in `overlap` of a frame by default."""
    real_dtype = x.real.dtype if is_complex(x.dtype) else x.dtype
    if isinstance(window, str | tuple | int | float):
        length = 256 if nperseg is None else int(nperseg)
        if length < 1:
            raise ShapeError(f"{name}: nperseg must be positive, not {nperseg}")
        if length > n:
            if nperseg is not None:
                warnings.warn(
                    f"{name}: nperseg={length} is more than the {n} elements; they are one frame", stacklevel=3
                )
            length = n
        shape = asarray(sampled(window, length), real_dtype, device=x.device)
    else:
        shape = asarray(window)
        if shape.ndim != 1 or shape.size > n:
            raise ShapeError(f"{name}: a window has one axis, not longer than the signal of {n}, unlike {shape.aval}")
        length = shape.size
        if nperseg is not None and int(nperseg) != length:
            raise ShapeError(f"{name}: nperseg={nperseg}, but the window has {length} elements")
    points = length if nfft is None else int(nfft)
    if points < length:
        raise ShapeError(f"{name}: nfft={nfft} is less than the {length} elements of a frame")
    shared = length // overlap if noverlap is None else int(noverlap)
    if not 0 <= shared < length:
        raise ShapeError(f"{name}: noverlap={noverlap} must be less than the {length} elements of a frame")
    return Plan(astype(shape, real_dtype), length, shared, points)


def _constant(x: Any, n: int, last: bool) -> Any:
    edge = x[..., -1:] if last else x[..., :1]
    return edge.broadcast_to((*x.shape[:-1], n))


_EXTENSIONS: dict[Any, Callable[[Any, int], Any]] = {
    "even": lambda x, n: concat([flip(x[..., 1 : n + 1], -1), x, flip(x[..., -n - 1 : -1], -1)], axis=-1),
    "odd": lambda x, n: concat(
        [2 * x[..., :1] - flip(x[..., 1 : n + 1], -1), x, 2 * x[..., -1:] - flip(x[..., -n - 1 : -1], -1)], axis=-1
    ),
    "constant": lambda x, n: concat([_constant(x, n, False), x, _constant(x, n, True)], axis=-1),
    "zeros": lambda x, n: pad(x, widths=((0, 0),) * (x.ndim - 1) + ((n, n),)),
}


def extended(name: str, x: Any, n: int, boundary: Any) -> Any:
    """The signal with n elements more at both ends of its last axis."""
    if boundary is None or n == 0:
        return x
    if boundary not in _EXTENSIONS:
        known = ", ".join(map(repr, _EXTENSIONS))
        raise OptionError(f"{name}: boundary is None or one of {known}, not {boundary!r}")
    if boundary in ("even", "odd") and n > x.shape[-1] - 1:
        raise ShapeError(f"{name}: {x.shape[-1]} elements cannot be mirrored by {n}")
    return _EXTENSIONS[boundary](x, n)


def filled(x: Any, p: Plan) -> Any:
    """The signal with zeros at its end, so that frames reach it."""
    missing = -(x.shape[-1] - p.length) % p.step if x.shape[-1] >= p.length else p.length - x.shape[-1]
    return pad(x, widths=((0, 0),) * (x.ndim - 1) + ((0, missing),)) if missing else x


def starts(n: int, p: Plan) -> Any:
    """Where frames begin."""
    return np.arange(0, n - p.length + 1, p.step)


def spectra(x: Any, p: Plan, remove: Any, onesided: bool) -> Any:
    """The transforms of the frames: shape (..., frames, frequencies)."""
    places = starts(x.shape[-1], p)[:, None] + np.arange(p.length)
    frames = x[..., asarray(places, device=x.device)]
    if callable(remove):
        frames = remove(frames)
    elif remove:
        frames = detrended(frames, -1, remove)
    frames = frames * p.window
    return (fft.rfft if onesided else fft.fft)(frames, p.points)


def frequencies(p: Plan, fs: Any, onesided: bool) -> Any:
    """The frequency of each element of a transform."""
    make = fft.rfftfreq if onesided else fft.fftfreq
    return make(p.points, 1 / fs, dtype=p.window.dtype, device=p.window.device)


def times(n: int, p: Plan, fs: Any) -> Any:
    """The middle of each frame."""
    middle: Any = asarray(starts(n, p) + p.length / 2, p.window.dtype, device=p.window.device)
    return middle / fs


def scale_of(name: str, p: Plan, fs: Any, scaling: str, density: str, spectrum: str) -> Any:
    """What powers are multiplied by."""
    if scaling == density:
        return 1 / (fs * (p.window * p.window).sum())
    if scaling == spectrum:
        return 1 / p.window.sum() ** 2
    raise OptionError(f"{name}: scaling is {density!r} or {spectrum!r}, not {scaling!r}")


def stft(
    x: Any,
    fs: Any = 1.0,
    window: Any = "hann",
    nperseg: int | None = 256,
    noverlap: int | None = None,
    nfft: int | None = None,
    detrend: Any = False,
    return_onesided: bool = True,
    boundary: str | None = "zeros",
    padded: bool = True,
    axis: int = -1,
    scaling: str = "spectrum",
) -> tuple[Array, Array, Array]:
    """The spectra of short overlapping parts of a signal: when which frequencies sound.

    Args:
        x: a signal, real or complex.
        fs: how many elements there are in a unit of time.
        window: by which parts are multiplied: what `get_window` takes, or an array.
        nperseg: how long parts are (as long as a given window).
        noverlap: how many elements neighbours share; half of nperseg where not given.
        nfft: how many points are transformed; more than nperseg adds zeros.
        detrend: what to remove from each part first: "constant", "linear", a function of the parts, or False.
        return_onesided: of real signals only frequencies that are not negative.
        boundary: how the signal goes on before its beginning and behind its end: "zeros", "even", "odd", "constant",
            or None if it does not, and nothing is centred at its ends.
        padded: whether zeros make the last part whole; else it is left out.
        axis: along which.
        scaling: "spectrum", so that a wave's height is its amplitude's; "psd", so that squares sum to the power.

    Returns:
        Frequencies; times of the parts' middles; and the spectra, whose frequencies stand at the axis and whose times
        stand last.

    Raises:
        ShapeError: lengths that do not fit each other or the signal.
        OptionError: another boundary or scaling.

    >>> import funcgrad.scipy.signal as signal
    >>> f, t, Z = signal.stft([1.0] * 8, nperseg=4)
    >>> f.tolist(), t.tolist(), Z.shape
    ([0.0, 0.25, 0.5], [0.0, 2.0, 4.0, 6.0, 8.0], (3, 5))
    """
    x = to_inexact(x)
    axis = normalize_axis(axis, x.ndim, "stft")
    x = moveaxis(x, axis, -1)
    p = plan("stft", x, x.shape[-1], window, nperseg, noverlap, nfft)
    onesided = return_onesided and not is_complex(x.dtype)
    x = extended("stft", x, p.length // 2, boundary)
    x = filled(x, p) if padded else x
    scale = scale_of("stft", p, fs, scaling, "psd", "spectrum")
    Z: Any = spectra(x, p, detrend, onesided) * scale**0.5
    t = times(x.shape[-1], p, fs)
    if boundary is not None:
        t = t - (p.length / 2) / fs
    return frequencies(p, fs, onesided), t, moveaxis(Z, -1, axis)


def istft(
    Zxx: Any,
    fs: Any = 1.0,
    window: Any = "hann",
    nperseg: int | None = None,
    noverlap: int | None = None,
    nfft: int | None = None,
    input_onesided: bool = True,
    boundary: bool = True,
    time_axis: int = -1,
    freq_axis: int = -2,
    scaling: str = "spectrum",
) -> tuple[Array, Array]:
    """The inverse of `stft`: the signal whose parts fit the spectra best, in the sense of least squares.

    Args:
        Zxx: spectra.
        fs, window, nperseg, noverlap, nfft, scaling: as they were given to `stft`.
        input_onesided: whether the spectra are those of frequencies that are not negative, of a real signal.
        boundary: whether the signal was extended at its ends.
        time_axis, freq_axis: where the axes of times and of frequencies are.

    Returns:
        Times, and the signal; the axis of times stands where it stood, that of frequencies is gone.

    Raises:
        ShapeError: lengths that do not fit each other or the spectra.
        OptionError: another scaling.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.signal as signal
    >>> f, t, Z = signal.stft(fnp.arange(8.0), nperseg=4)
    >>> signal.istft(Z)[1].round(4)
    Array([0., 1., 2., 3., 4., 5., 6., 7.], dtype=float32)

    Source: D. Griffin and J. Lim, Signal estimation from modified short-time Fourier transform, 1984.
    """
    Z = to_inexact(Zxx)
    Z = Z if is_complex(Z.dtype) else astype(Z, complex_of(Z.dtype))
    if Z.ndim < 2:
        raise ShapeError(f"istft: spectra have an axis of frequencies and one of times, unlike {Z.aval}")
    when, which = (normalize_axis(a, Z.ndim, "istft") for a in (time_axis, freq_axis))
    if when == which:
        raise ShapeError(f"istft: axis {time_axis} cannot be that of times and of frequencies")
    Z = moveaxis(Z, (when, which), (-2, -1))
    found = 2 * (Z.shape[-1] - 1) if input_onesided else Z.shape[-1]
    length = found if nperseg is None else int(nperseg)
    odd = input_onesided and length == found + 1
    points = (length if odd else found) if nfft is None else int(nfft)
    count = Z.shape[-2]
    like = Z.real
    p = plan("istft", like, max(length, 1), window, length, noverlap, max(points, length))
    frames: Any = (fft.irfft if input_onesided else fft.ifft)(Z, points)
    frames = frames[..., : p.length]
    scale = scale_of("istft", p, fs, scaling, "psd", "spectrum")
    frames = frames * p.window * scale**-0.5
    n = p.length + (count - 1) * p.step
    places = asarray(np.arange(count)[:, None] * p.step + np.arange(p.length), device=Z.device)
    blank: Any = zeros((*frames.shape[:-2], n), dtype=frames.dtype, device=Z.device)
    total = blank.at[..., places].add(frames)
    weights: Any = zeros((n,), dtype=p.window.dtype, device=Z.device)
    weights = weights.at[places].add((p.window * p.window).broadcast_to(places.shape))
    if boundary:
        inside = slice(p.length // 2, n - p.length // 2)
        total, weights = total[..., inside], weights[inside]
    out = total / where(weights > 1e-10, weights, 1)
    t: Any = arange(out.shape[-1], dtype=like.dtype, device=Z.device)
    return t / fs, moveaxis(out, -1, when - (which < when))
