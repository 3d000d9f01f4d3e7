"""Convolution and correlation, directly or by Fourier transforms.

convolve(x, y)[k] = sum over l of x[l] y[k - l];    correlate(x, y)[k] = sum over l of x[l] conj(y[l - k + N - 1])
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ...core import Array
from ...dtypes import is_complex, is_inexact
from ...errors import OptionError, ShapeError
from ...numpy import fft
from ...numpy.creation import asarray, full
from ...numpy.manipulation import concat, flip
from ...ops.convolution import conv
from ...ops.create import promote_all, to_inexact
from ...ops.elementwise import conj
from ...ops.shape import normalize_axes, slice_
from ..fft.fourier import next_fast_len

__all__ = ["convolve", "convolve2d", "correlate", "correlate2d", "fftconvolve", "oaconvolve"]

_MODES = ("full", "same", "valid")
_DIRECT = 100
"""Up to so many elements of the smaller operand products and sums are faster than transforms."""


def _operands(name: str, in1: Any, in2: Any, mode: str) -> tuple[Any, Any]:
    if mode not in _MODES:
        raise OptionError(f'{name}: mode is "full", "same" or "valid", not {mode!r}')
    x, y = promote_all([in1, in2])
    if x.ndim != y.ndim:
        raise ShapeError(f"{name}: operands have equally many dimensions, not {x.aval} and {y.aval}")
    if 0 in x.shape or 0 in y.shape:
        raise ShapeError(f"{name}: there must be elements: {x.aval} and {y.aval}")
    return x, y


def _ordered(name: str, x: Any, y: Any, axes: Sequence[int]) -> tuple[Any, Any]:
    """For "valid", the operand that the other one fits into first."""
    larger = [x.shape[a] >= y.shape[a] for a in axes]
    if all(larger):
        return x, y
    if any(x.shape[a] > y.shape[a] for a in axes):
        raise ShapeError(f"{name}: with mode='valid' one operand fits into the other, unlike {x.aval} and {y.aval}")
    return y, x


def _part(out: Any, sizes: Sequence[int], starts: Sequence[int], axes: Sequence[int]) -> Any:
    key = [slice(None)] * out.ndim
    for a, n, start in zip(axes, sizes, starts, strict=True):
        key[a] = slice(start, start + n)
    return slice_(out, key=tuple(key))


def _directly(x: Any, y: Any, before: Sequence[int], after: Sequence[int]) -> Any:
    """Convolution of x, padded by zeros, with y where it fits in."""
    images, windows = x.reshape((1, *x.shape, 1)), flip(y).reshape((*y.shape, 1, 1))
    ones = (1,) * x.ndim
    padding = tuple(zip(before, after, strict=True))
    out = conv(images, windows, stride=ones, padding=padding, dilation=ones, groups=1)
    return out.reshape(out.shape[1:-1])


def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: int | Sequence[int] | None = None) -> Array:
    """Convolution by Fourier transforms.

    Args:
        in1, in2: arrays of equally many dimensions; integers are taken as the default float.
        mode: "full", all places where they overlap; "same", the middle of that, as large as in1; "valid", where the
            smaller one lies within the other.
        axes: along which to convolve, all where not given; along the others the shapes broadcast.

    Raises:
        ShapeError: other numbers of dimensions, no elements, or shapes that do not fit.
        OptionError: another mode.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.fftconvolve([1.0, 2.0, 3.0], [1.0, 1.0]).round(4)
    Array([1., 3., 5., 3.], dtype=float32)
    """
    x, y = map(to_inexact, _operands("fftconvolve", in1, in2, mode))
    found = normalize_axes(axes, x.ndim, "fftconvolve")
    if mode == "valid":
        x, y = _ordered("fftconvolve", x, y, found)
    if not found:
        return x * y
    sizes = [x.shape[a] + y.shape[a] - 1 for a in found]
    whole = is_complex(x.dtype)
    fast = [next_fast_len(n, not whole) for n in sizes]
    forward, back = (fft.fftn, fft.ifftn) if whole else (fft.rfftn, fft.irfftn)
    spectrum: Any = forward(x, fast, found) * forward(y, fast, found)  # type: ignore[operator]
    out = back(spectrum, fast, found)
    kept, starts = _kept(mode, [x.shape[a] for a in found], [y.shape[a] for a in found])
    return _part(out, kept, starts, found).astype(x.dtype)


def _kept(mode: str, x: Sequence[int], y: Sequence[int]) -> tuple[list[int], list[int]]:
    """Which part of the full convolution a mode keeps: sizes and starts."""
    if mode == "full":
        return [n + k - 1 for n, k in zip(x, y, strict=True)], [0] * len(x)
    if mode == "same":
        return list(x), [(k - 1) // 2 for k in y]
    return [n - k + 1 for n, k in zip(x, y, strict=True)], [k - 1 for k in y]


def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Array:
    """Convolution of arrays of any number of dimensions.

    Args:
        in1, in2: arrays of equally many dimensions.
        mode: as for `fftconvolve`.
        method: "direct", by products and sums, which is exact for integers; "fft"; or "auto", the faster one.

    Raises:
        ShapeError: other numbers of dimensions, no elements, or with "valid" no operand that fits into the other.
        OptionError: another mode or method.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.convolve([1, 2, 3], [0, 1], mode="same")
    Array([0, 1, 2], dtype=int64)
    """
    x, y = _operands("convolve", in1, in2, mode)
    if method not in ("auto", "direct", "fft"):
        raise OptionError(f'convolve: method is "auto", "direct" or "fft", not {method!r}')
    if x.ndim == 0:
        return x * y
    if mode == "valid":
        x, y = _ordered("convolve", x, y, range(x.ndim))
    small = min(prod(x.shape), prod(y.shape)) <= _DIRECT
    if method == "fft" or (method == "auto" and is_inexact(x.dtype) and not small):
        return fftconvolve(x, y, mode)
    sizes, starts = _kept(mode, x.shape, y.shape)
    before = [k - 1 - s for k, s in zip(y.shape, starts, strict=True)]
    after = [n - m + s for n, m, s in zip(sizes, x.shape, starts, strict=True)]
    return _directly(x, y, before, after)


def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Array:
    """Correlation: convolution with the conjugate of in2 in reverse.

    Args, Raises: as for `convolve`.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.correlate([1, 2, 3], [0, 1, 2], mode="valid")
    Array([8], dtype=int64)
    """
    x, y = _operands("correlate", in1, in2, mode)
    return convolve(x, _reversed(y), mode, method)


def _reversed(y: Any) -> Any:
    turned = flip(y) if y.ndim else y
    return conj(turned) if is_complex(y.dtype) else turned


def oaconvolve(in1: Any, in2: Any, mode: str = "full", axes: int | Sequence[int] | None = None) -> Array:
    """`fftconvolve`, which SciPy has a second time for operands of very different sizes; arguments alike.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.oaconvolve([1.0, 2.0, 3.0], [1.0, 1.0], mode="valid").round(4)
    Array([3., 5.], dtype=float32)
    """
    return fftconvolve(in1, in2, mode, axes)


# ---- of two dimensions, with boundaries --------------------------------------------------------


def _extended(x: Any, axis: int, before: int, after: int, boundary: str, value: Any) -> Any:
    """The array with more elements at both ends of an axis."""
    n = x.shape[axis]
    if boundary == "fill":
        shape = list(x.shape)
        parts = []
        for count in (before, after):
            shape[axis] = count
            parts.append(full(tuple(shape), value, dtype=x.dtype, device=x.device))
        return concat([parts[0], x, parts[1]], axis=axis)
    places = np.arange(-before, n + after) % (n if boundary == "wrap" else 2 * n)
    if boundary == "symm":
        places = np.minimum(places, 2 * n - 1 - places)
    return x[(slice(None),) * axis + (asarray(places, device=x.device),)]


def _in_plane(name: str, x: Any, y: Any, mode: str, boundary: str, fillvalue: Any, late: bool) -> Any:
    if x.ndim != 2:
        raise ShapeError(f"{name}: operands are matrices, not {x.aval} and {y.aval}")
    if boundary not in ("fill", "wrap", "symm"):
        raise OptionError(f'{name}: boundary is "fill", "wrap" or "symm", not {boundary!r}')
    if mode == "valid":
        x, y = _ordered(name, x, y, (0, 1))
        return _directly(x, y, (0, 0), (0, 0))
    if mode == "full":
        before = after = tuple(k - 1 for k in y.shape)
    else:
        after = tuple((k if late else k - 1) // 2 for k in y.shape)
        before = tuple(k - 1 - a for k, a in zip(y.shape, after, strict=True))
    if boundary == "fill" and type(fillvalue) in (int, float) and fillvalue == 0:
        return _directly(x, y, before, after)
    for axis in (0, 1):
        x = _extended(x, axis, before[axis], after[axis], boundary, fillvalue)
    return _directly(x, y, (0, 0), (0, 0))


def convolve2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0) -> Array:
    """Convolution of matrices.

    Args:
        in1, in2: matrices.
        mode: as for `fftconvolve`.
        boundary: what lies around in1: "fill", a constant; "wrap", in1 again; "symm", in1 in mirrors.
        fillvalue: that constant.

    Raises:
        ShapeError: other numbers of dimensions, no elements, or with "valid" no operand that fits into the other.
        OptionError: another mode or boundary.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.convolve2d([[1, 2], [3, 4]], [[1, 1]], boundary="wrap", mode="same")
    Array([[3, 3],
           [7, 7]], dtype=int64)
    """
    x, y = _operands("convolve2d", in1, in2, mode)
    return _in_plane("convolve2d", x, y, mode, boundary, fillvalue, late=False)


def correlate2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: Any = 0) -> Array:
    """Correlation of matrices: convolution with the conjugate of in2 in reverse.

    Args, Raises: as for `convolve2d`.

    >>> import funcgrad.scipy.signal as signal
    >>> signal.correlate2d([[1, 2], [3, 4]], [[1, 1]], mode="valid")
    Array([[3],
           [7]], dtype=int64)
    """
    x, y = _operands("correlate2d", in1, in2, mode)
    return _in_plane("correlate2d", x, _reversed(y), mode, boundary, fillvalue, late=True)
