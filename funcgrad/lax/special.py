"""Special functions under `jax.lax`'s names: those of `funcgrad.scipy.special`, and Fourier transforms by kind."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

from ..core import Array
from ..dtypes import is_complex
from ..errors import DtypeError, OptionError, ShapeError
from ..numpy import fft as _fft
from ..numpy.creation import asarray, ones_like
from ..numpy.manipulation import broadcast_arrays
from ..ops.create import promote_inexact
from ..scipy.special import betainc as _betainc
from ..scipy.special import digamma, gammainc, gammaincc, gammaln, i0e, i1e, polygamma, zeta
from ..transforms.jvp import jvp

__all__ = [
    "FftType",
    "bessel_i0e",
    "bessel_i1e",
    "betainc",
    "digamma",
    "fft",
    "igamma",
    "igamma_grad_a",
    "igammac",
    "lgamma",
    "polygamma",
    "zeta",
]

bessel_i0e, bessel_i1e, lgamma = i0e, i1e, gammaln


def igamma(a: Any, x: Any) -> Array:
    """The regularized lower incomplete gamma function: `scipy.special.gammainc`.

    >>> from funcgrad import lax
    >>> f"{float(lax.igamma(2.0, 1.0)):.4f}"
    '0.2642'
    """
    return gammainc(a, x)


def igammac(a: Any, x: Any) -> Array:
    """The regularized upper incomplete gamma function: `scipy.special.gammaincc`.

    >>> from funcgrad import lax
    >>> f"{float(lax.igammac(2.0, 1.0)):.4f}"
    '0.7358'
    """
    return gammaincc(a, x)


def igamma_grad_a(a: Any, x: Any) -> Array:
    """The derivative of `igamma` in its first argument.

    Args:
        a, x: arrays or numbers that broadcast.

    >>> from funcgrad import lax
    >>> f"{float(lax.igamma_grad_a(2.0, 1.0)):.4f}"
    '-0.2762'
    """
    wide_a, wide_x = broadcast_arrays(*[asarray(v) for v in promote_inexact(a, x)])
    return jvp(lambda a: gammainc(a, wide_x), (wide_a,), (ones_like(wide_a),))[1]


def betainc(a: Any, b: Any, x: Any) -> Array:
    """The regularized incomplete beta function: `scipy.special.betainc`.

    >>> from funcgrad import lax
    >>> f"{float(lax.betainc(2.0, 3.0, 0.5)):.4f}"
    '0.6875'
    """
    return _betainc(a, b, x)


class FftType(enum.IntEnum):
    """Which Fourier transform `fft` is."""

    FFT = 0
    IFFT = 1
    RFFT = 2
    IRFFT = 3


def fft(x: Any, fft_type: FftType | str, fft_lengths: int | Sequence[int]) -> Array:
    """The Fourier transform over the last axes.

    Args:
        x: an array: real for RFFT, complex for the others.
        fft_type: a `FftType`, or its name.
        fft_lengths: the sizes of those axes: what they are, or for IRFFT what they become.

    Raises:
        OptionError: no such transform.
        ShapeError: the lengths are not those of the axes.
        DtypeError: real and complex numbers are the wrong way round.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.fft(fnp.ones(4), "RFFT", 4).tolist()
    [(4+0j), 0j, 0j]

    Source: jax.lax.fft.
    """
    a = asarray(x)
    try:
        kind = FftType[fft_type.upper()] if isinstance(fft_type, str) else FftType(fft_type)
    except (KeyError, ValueError):
        names = ", ".join(t.name for t in FftType)
        raise OptionError(f"fft: fft_type must be one of {names}, not {fft_type!r}") from None
    sizes = tuple(fft_lengths) if isinstance(fft_lengths, list | tuple) else (fft_lengths,)
    if is_complex(a.dtype) is (kind is FftType.RFFT):
        raise DtypeError(
            f"fft: {kind.name} takes {'real' if kind is FftType.RFFT else 'complex'} numbers, not {a.aval}"
        )
    expected = (*sizes[:-1], sizes[-1] // 2 + 1) if kind is FftType.IRFFT else sizes
    if len(sizes) > a.ndim or a.shape[a.ndim - len(sizes) :] != expected:
        raise ShapeError(f"fft: {kind.name} of lengths {sizes} takes last axes of {expected}, not {a.aval}")
    axes = tuple(range(-len(sizes), 0))
    if kind in (FftType.FFT, FftType.IFFT):
        return (_fft.fftn if kind is FftType.FFT else _fft.ifftn)(a, axes=axes)
    return _fft.rfftn(a, axes=axes) if kind is FftType.RFFT else _fft.irfftn(a, s=sizes, axes=axes)
