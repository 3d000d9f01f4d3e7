"""Discrete cosine and sine transforms of the types 1 to 4, by Fourier transforms of the same size or twice that.

    dct, type 1:  y[k] = x[0] + (-1)^k x[N-1] + 2 sum over 0 < n < N - 1 of x[n] cos(pi k n / (N - 1))
    type 2:       y[k] = 2 sum over n of x[n] cos(pi k (2 n + 1) / (2 N))
    type 3:       y[k] = x[0] + 2 sum over n > 0 of x[n] cos(pi n (2 k + 1) / (2 N))
    type 4:       y[k] = 2 sum over n of x[n] cos(pi (2 k + 1) (2 n + 1) / (4 N))
    dst, type 1:  y[k] = 2 sum over n of x[n] sin(pi (k + 1) (n + 1) / (N + 1))
    type 2:       y[k] = 2 sum over n of x[n] sin(pi (k + 1) (2 n + 1) / (2 N))
    type 3:       y[k] = (-1)^k x[N-1] + 2 sum over n < N - 1 of x[n] sin(pi (2 k + 1) (n + 1) / (2 N))
    type 4:       y[k] = 2 sum over n of x[n] sin(pi (2 k + 1) (2 n + 1) / (4 N))

Types 1 and 4 are their own inverses, 2 and 3 each other's, but for the scale.

Source: J. Makhoul, A fast cosine transform in one and two dimensions, 1980.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...core import Array
from ...dtypes import is_complex
from ...errors import OptionError, ShapeError
from ...numpy import fft as fourier
from ...numpy.creation import asarray
from ...numpy.manipulation import concat, flip, moveaxis, stack
from ...ops.create import to_inexact
from ...ops.elementwise import astype, imag, real
from ...ops.fft import complex_of
from ...ops.shape import pad

__all__ = ["dct", "dctn", "dst", "dstn", "idct", "idctn", "idst", "idstn"]

_INVERSE = {1: 1, 2: 3, 3: 2, 4: 4}
_ROOT = math.sqrt(2)

# ---- the transforms along the last axis, unscaled ----------------------------------------------


def _phases(x: Any, angles: Any) -> Any:
    """exp(-i angles) in the complex dtype that belongs to x, on its device."""
    return asarray(np.exp(-1j * angles), complex_of(x.dtype), device=x.device)


def _signs(x: Any) -> Any:
    """1, -1, 1, ... along the last axis."""
    return asarray(1.0 - 2.0 * (np.arange(x.shape[-1]) % 2), x.dtype, device=x.device)


def _cosine1(x: Any) -> Any:
    if x.shape[-1] < 2:
        raise ShapeError(f"dct of type 1: there must be two points at least, and the array is {x.aval}")
    return real(fourier.rfft(concat([x, flip(x[..., 1:-1], -1)], axis=-1)))


def _cosine2(x: Any) -> Any:
    """By the spectrum of the even elements followed by the odd ones in reverse."""
    n = x.shape[-1]
    turned = concat([x[..., ::2], flip(x[..., 1::2], -1)], axis=-1)
    half = fourier.rfft(turned)
    spectrum: Any = half * _phases(x, math.pi * np.arange(half.shape[-1]) / (2 * n)) * 2
    return concat([real(spectrum), -flip(imag(spectrum)[..., 1 : (n + 1) // 2], -1)], axis=-1)


def _cosine3(x: Any) -> Any:
    """The steps of `_cosine2`, undone from the last to the first."""
    n = x.shape[-1]
    m = n // 2 + 1
    mirrored = flip(pad(x[..., 1:], widths=((0, 0),) * (x.ndim - 1) + ((0, 1),)), -1)  # y[N - k], 0 for k = 0
    whole = astype(x[..., :m], complex_of(x.dtype)) - astype(mirrored[..., :m], complex_of(x.dtype)) * 1j
    half = whole * _phases(x, -math.pi * np.arange(m) / (2 * n))
    turned: Any = fourier.irfft(half, n, norm="forward")
    even, odd = turned[..., : (n + 1) // 2], flip(turned[..., (n + 1) // 2 :], -1)
    if n % 2:
        odd = pad(odd, widths=((0, 0),) * (x.ndim - 1) + ((0, 1),))
    woven: Any = stack([even, odd], axis=-1)
    return woven.reshape((*x.shape[:-1], n + n % 2))[..., :n]


def _cosine4(x: Any) -> Any:
    n = x.shape[-1]
    places = np.arange(n)
    turned = x * _phases(x, math.pi * places / (2 * n))
    spectrum = fourier.fft(turned, 2 * n)[..., :n]  # type: ignore[index]
    return real(spectrum * _phases(x, math.pi * (2 * places + 1) / (4 * n))) * 2


def _sine1(x: Any) -> Any:
    none = x[..., :1] * 0
    return -imag(fourier.rfft(concat([none, x, none, -flip(x, -1)], axis=-1)))[..., 1 : x.shape[-1] + 1]


_COSINES: dict[int, Callable[[Any], Any]] = {1: _cosine1, 2: _cosine2, 3: _cosine3, 4: _cosine4}
_SINES: dict[int, Callable[[Any], Any]] = {
    1: _sine1,
    2: lambda x: flip(_cosine2(x * _signs(x)), -1),
    3: lambda x: _cosine3(flip(x, -1)) * _signs(x),
    4: lambda x: _cosine4(flip(x, -1)) * _signs(x),
}

# ---- scales ------------------------------------------------------------------------------------


def _weighted(x: Any, places: Sequence[int], factor: float) -> Any:
    """The array with those elements of the last axis multiplied."""
    weights = np.ones(x.shape[-1])
    weights[list(places)] = factor
    return x * asarray(weights, x.dtype, device=x.device)


def _transform(sine: bool, inverse: bool, x: Any, kind: int, axis: int, norm: str, orthogonalize: bool | None) -> Any:
    """One transform of a real array along an axis; its inverse is that of the opposite type, but for the scale."""
    kind = _INVERSE[kind] if inverse else kind
    x = moveaxis(x, axis, -1)
    n = x.shape[-1]
    points = 2 * (n - 1 if kind == 1 and not sine else n + 1 if kind == 1 else n)
    scaled = norm == ("backward" if inverse else "forward")
    even = (norm == "ortho") if orthogonalize is None else orthogonalize
    ends = {1: () if sine else (0, n - 1), 2: (n - 1 if sine else 0,), 3: (n - 1 if sine else 0,), 4: ()}[kind]
    if even and kind in (1, 3):
        x = _weighted(x, ends, _ROOT)
    y = (_SINES if sine else _COSINES)[kind](x)
    if even and kind in (1, 2):
        y = _weighted(y, ends, 1 / _ROOT)
    if scaled or norm == "ortho":
        y = y * (1 / points if scaled else 1 / math.sqrt(points))
    return moveaxis(y, -1, axis)


def _checked(name: str, x: Any, kind: Any, norm: str | None) -> tuple[Any, str]:
    if kind not in _INVERSE:
        raise OptionError(f"{name}: type is 1, 2, 3 or 4, not {kind!r}")
    if norm not in (None, "backward", "ortho", "forward"):
        raise OptionError(f'{name}: norm is "backward", "ortho" or "forward", not {norm!r}')
    return fourier.at_least_single(to_inexact(x)), norm or "backward"


def _along(
    name: str,
    x: Any,
    kind: int,
    s: Any,
    axes: Any,
    norm: str | None,
    orthogonalize: bool | None,
) -> Array:
    sine, inverse = "st" in name, name.startswith("i")
    x, scale = _checked(name, x, kind, norm)
    sizes, found = fourier.places(name, x, s, axes)
    x = fourier.sized(name, x, [fourier.size_of(name, n) for n in fourier.own_sizes(x, sizes, found)], found)
    for axis in found:
        if is_complex(x.dtype):
            parts = [_transform(sine, inverse, part, kind, axis, scale, orthogonalize) for part in (real(x), imag(x))]
            x = astype(parts[0], x.dtype) + astype(parts[1], x.dtype) * 1j
        else:
            x = _transform(sine, inverse, x, kind, axis, scale, orthogonalize)
    return x


# ---- for users -----------------------------------------------------------------------------------


def dct(
    x: Any,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    orthogonalize: bool | None = None,
) -> Array:
    """The discrete cosine transform along an axis.

    Args:
        x: real numbers, or complex ones, whose parts are transformed each by itself. Integers are taken as the default
            float.
        type: 1, 2, 3 or 4, as the module says.
        n: how many points are transformed: x is cut, or padded with zeros at its end, to that many.
        axis: along which to transform.
        norm: "backward" (no scale here, and that of the inverse there), "forward" (the other way round), or "ortho"
            (the root of it in both). The scale is 1 / (2 N); for type 1, 1 / (2 (N - 1)) of cosines and 1 / (2 (N + 1))
            of sines.
        overwrite_x, workers: accepted, and without effect.
        orthogonalize: whether the elements at the ends are weighted so that, but for the scale, the matrix is
            orthogonal; by default where norm is "ortho".

    Returns:
        An array of x's shape with n points along the axis.

    Raises:
        OptionError: another type or norm.
        AxisError: no such axis.
        ShapeError: there is no point to transform.

    >>> import funcgrad.scipy.fft as fft
    >>> fft.dct([1.0, 2.0])
    Array([ 6.       , -1.4142135], dtype=float32)
    """
    return _along("dct", x, type, (n,), axis, norm, orthogonalize)


def idct(
    x: Any,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    orthogonalize: bool | None = None,
) -> Array:
    """The inverse of `dct`.

    Args, Returns, Raises: as for `dct`.

    >>> import funcgrad.scipy.fft as fft
    >>> fft.idct([6.0, -1.4142135])
    Array([1., 2.], dtype=float32)
    """
    return _along("idct", x, type, (n,), axis, norm, orthogonalize)


def dst(
    x: Any,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    orthogonalize: bool | None = None,
) -> Array:
    """The discrete sine transform along an axis.

    Args, Returns, Raises: as for `dct`.

    >>> import funcgrad.scipy.fft as fft
    >>> fft.dst([1.0, 2.0])
    Array([ 4.2426405, -2.       ], dtype=float32)
    """
    return _along("dst", x, type, (n,), axis, norm, orthogonalize)


def idst(
    x: Any,
    type: int = 2,
    n: int | None = None,
    axis: int = -1,
    norm: str | None = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    orthogonalize: bool | None = None,
) -> Array:
    """The inverse of `dst`.

    Args, Returns, Raises: as for `dct`.

    >>> import funcgrad.scipy.fft as fft
    >>> fft.idst([4.2426405, -2.0]).round(4)
    Array([1., 2.], dtype=float32)
    """
    return _along("idst", x, type, (n,), axis, norm, orthogonalize)


def dctn(
    x: Any,
    type: int = 2,
    s: Sequence[int] | None = None,
    axes: int | Sequence[int] | None = None,
    norm: str | None = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Array:
    """`dct` along several axes.

    Args:
        x, type, norm, orthogonalize: as for `dct`.
        s: how many points are transformed along each of the axes; -1 for as many as there are.
        axes: which; all where not given, or the last len(s) ones.
        overwrite_x, workers: accepted, and without effect.

    >>> import funcgrad.scipy.fft as fft
    >>> fft.dctn([[1.0, 2.0]])
    Array([[12.      , -2.828427]], dtype=float32)
    """
    return _along("dctn", x, type, s, axes, norm, orthogonalize)


def idctn(
    x: Any,
    type: int = 2,
    s: Sequence[int] | None = None,
    axes: int | Sequence[int] | None = None,
    norm: str | None = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Array:
    """`idct` along several axes.

    Args: as for `dctn`.

    >>> import funcgrad.scipy.fft as fft
    >>> fft.idctn([[1.0, 2.0]])
    Array([[ 0.47855338, -0.22855338]], dtype=float32)
    """
    return _along("idctn", x, type, s, axes, norm, orthogonalize)


def dstn(
    x: Any,
    type: int = 2,
    s: Sequence[int] | None = None,
    axes: int | Sequence[int] | None = None,
    norm: str | None = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Array:
    """`dst` along several axes.

    Args: as for `dctn`.

    >>> import funcgrad.scipy.fft as fft
    >>> fft.dstn([[1.0, 2.0]])
    Array([[ 8.485281, -4.      ]], dtype=float32)
    """
    return _along("dstn", x, type, s, axes, norm, orthogonalize)


def idstn(
    x: Any,
    type: int = 2,
    s: Sequence[int] | None = None,
    axes: int | Sequence[int] | None = None,
    norm: str | None = None,
    overwrite_x: bool = False,
    workers: int | None = None,
    *,
    orthogonalize: bool | None = None,
) -> Array:
    """`idst` along several axes.

    Args: as for `dctn`.

    >>> import funcgrad.scipy.fft as fft
    >>> fft.idstn([[1.0, 2.0]])
    Array([[ 0.4267767 , -0.07322331]], dtype=float32)
    """
    return _along("idstn", x, type, s, axes, norm, orthogonalize)
