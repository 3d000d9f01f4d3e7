"""Discrete Fourier transforms, with the names and arguments of `numpy.fft`.

    fft(a)[k]  = sum over j of a[j] exp(-2 pi i j k / n)
    ifft(A)[j] = 1/n sum over k of A[k] exp(2 pi i j k / n)

The functions whose names begin with `r` take real numbers, and leave the half of the spectrum out that is the
conjugate of the other one; those of `h` are their mirror: signals of which half is given, with a real spectrum. Each
is linear, and its derivatives are transforms of the same kind.

Results are as exact as their operands: complex64 of float32. Integers are taken as the default float, float16 as
float32. `norm` says which direction is scaled: "backward" (the default) the inverse by 1/n, "forward" the other one
by 1/n, "ortho" both by 1/sqrt(n). `out=` is refused, as arrays are immutable.

    >>> import funcgrad.numpy as fnp
    >>> fnp.fft.rfft(fnp.asarray([1.0, 0.0, -1.0, 0.0]))
    Array([0.+0.j, 2.+0.j, 0.+0.j], dtype=complex64)

Source: J. Cooley and J. Tukey, An algorithm for the machine calculation of complex Fourier series, 1965.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from ..core import Array
from ..dtypes import canonical, is_complex, is_floating
from ..errors import DtypeError, ImmutableArrayError, OptionError, ShapeError
from ..ops import fft as ops
from ..ops import shape
from ..ops.create import asarray, to_inexact
from ..ops.elementwise import astype, conj
from ..ops.shape import normalize_axes
from .creation import arange
from .manipulation import concat, roll

__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]

Axes = int | Sequence[int] | None

# ---- operands ----------------------------------------------------------------------------------


def _norm(name: str, norm: str | None, out: Any) -> str:
    if out is not None:
        raise ImmutableArrayError(f"{name}: out= cannot be filled, as arrays are immutable; use the result")
    if norm is None:
        return "backward"
    if norm not in ops.OPPOSITE:
        raise OptionError(f'{name}: norm is "backward", "ortho" or "forward", not {norm!r}')
    return norm


def _complex(x: Any) -> Array:
    x = at_least_single(to_inexact(x))
    return x if is_complex(x.dtype) else astype(x, ops.complex_of(x.dtype))


def _real(name: str, x: Any, instead: str) -> Array:
    x = at_least_single(to_inexact(x))
    if is_complex(x.dtype):
        raise DtypeError(f"{name}: takes real numbers, not {x.aval}; use {instead}, or x.real")
    return x


def at_least_single(x: Array) -> Array:
    """Floats of 16 bits as float32: there are no transforms of fewer bits."""
    narrow = is_floating(x.dtype) and x.dtype.itemsize < 4
    return astype(x, canonical("float32")) if narrow else x


def size_of(name: str, n: Any) -> int:
    """A number of points, which is an int and at least 1."""
    try:
        found = operator.index(n)
    except TypeError:
        raise DtypeError(f"{name}: the number of points is an int, not {n!r}") from None
    if found < 1:
        raise ShapeError(f"{name}: a transform has one point at least, not {found}")
    return found


def sized(name: str, x: Any, sizes: Sequence[int], axes: Sequence[int]) -> Array:
    """The array cut, or padded with zeros at the end, to those sizes."""
    key, widths = [slice(None)] * x.ndim, [(0, 0)] * x.ndim
    for n, axis in zip(sizes, axes, strict=True):
        there = x.shape[axis]
        if n < there:
            key[axis] = slice(0, n)
        elif n > there:
            widths[axis] = (0, n - there)
    if any(k != slice(None) for k in key):
        x = shape.slice_(x, key=tuple(key))
    return shape.pad(x, widths=tuple(widths)) if any(w != (0, 0) for w in widths) else x


def places(name: str, x: Array, s: Sequence[int] | None, axes: Axes) -> tuple[tuple[int | None, ...], tuple[int, ...]]:
    """The size along each transformed axis (None for the array's own), and those axes."""
    if s is not None and not isinstance(s, Sequence):
        raise DtypeError(f"{name}: s is a sequence of sizes, one an axis, not {s!r}")
    wanted = None if s is None else tuple(s)
    if axes is None and wanted is not None:
        axes = tuple(range(x.ndim - len(wanted), x.ndim))
    found = normalize_axes(axes, x.ndim, name)
    if wanted is None:
        return (None,) * len(found), found
    if len(wanted) != len(found):
        raise ShapeError(f"{name}: s={wanted} gives {len(wanted)} sizes for the {len(found)} axes {found}")
    return tuple(None if n is None or n == -1 else size_of(name, n) for n in wanted), found


def own_sizes(x: Array, sizes: Sequence[int | None], axes: Sequence[int]) -> list[int]:
    """The sizes asked for, and the array's own where none is."""
    return [x.shape[a] if n is None else n for n, a in zip(sizes, axes, strict=True)]


def _c2c(name: str, x: Any, s: Any, axes: Axes, norm: str, inverse: bool) -> Array:
    x = _complex(x)
    sizes, found = places(name, x, s, axes)
    if not found:
        return x
    x = sized(name, x, [size_of(name, n) for n in own_sizes(x, sizes, found)], found)
    return ops.c2c(x, axes=found, norm=norm, inverse=inverse)


def _r2c(name: str, x: Any, s: Any, axes: Axes, norm: str, instead: str) -> Array:
    x = _real(name, x, instead)
    sizes, found = places(name, x, s, axes)
    if not found:
        raise ShapeError(f"{name}: there must be an axis to transform; the array is {x.aval}, axes={axes}")
    x = sized(name, x, [size_of(name, n) for n in own_sizes(x, sizes, found)], found)
    return ops.r2c(x, axes=found, norm=norm)


def _c2r(name: str, x: Any, s: Any, axes: Axes, norm: str) -> Array:
    x = _complex(x)
    sizes, found = places(name, x, s, axes)
    if not found:
        raise ShapeError(f"{name}: there must be an axis to transform; the array is {x.aval}, axes={axes}")
    n = size_of(name, 2 * (x.shape[found[-1]] - 1) if sizes[-1] is None else sizes[-1])
    others = [size_of(name, k) for k in own_sizes(x, sizes[:-1], found[:-1])]
    x = sized(name, x, [*others, n // 2 + 1], found)
    return ops.c2r(x, axes=found, norm=norm, n=n)


def _one(n: int | None) -> tuple[int | None]:
    return (n,)


# ---- complex signals ---------------------------------------------------------------------------


def fft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = "backward", out: None = None) -> Array:
    """The discrete Fourier transform along an axis.

        fft(a)[k] = sum over j of a[j] exp(-2 pi i j k / n)

    Args:
        a: real or complex numbers.
        n: how many points are transformed: a is cut, or padded with zeros at its end, to that many. All of them where
            not given.
        axis: along which to transform.
        norm: "backward" (no scale here), "ortho" (by 1/sqrt(n)) or "forward" (by 1/n).
        out: refused, as arrays are immutable.

    Returns:
        A complex array of a's shape with n points along the axis.

    Raises:
        AxisError: no such axis.
        ShapeError: there is no point to transform.
        OptionError: another norm.

    >>> import funcgrad.numpy as fnp
    >>> fnp.fft.fft(fnp.asarray([1.0, 0.0, 0.0, 0.0]))
    Array([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j], dtype=complex64)
    """
    return _c2c("fft", a, _one(n), axis, _norm("fft", norm, out), False)


def ifft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = "backward", out: None = None) -> Array:
    """The inverse of `fft`: 1/n sum over k of a[k] exp(2 pi i j k / n).

    Args, Raises: as for `fft`; by "backward" the scale is 1/n here, by "forward" there is none.

    Returns:
        A complex array of a's shape with n points along the axis.

    >>> import funcgrad.numpy as fnp
    >>> fnp.fft.ifft(fnp.asarray([4.0, 0.0, 0.0, 0.0]))
    Array([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j], dtype=complex64)
    """
    return _c2c("ifft", a, _one(n), axis, _norm("ifft", norm, out), True)


def fftn(
    a: Any, s: Sequence[int] | None = None, axes: Axes = None, norm: str | None = "backward", out: None = None
) -> Array:
    """`fft` along several axes.

    Args:
        a: real or complex numbers.
        s: how many points are transformed along each of the axes; -1 for as many as there are.
        axes: which; all where not given, or the last len(s) ones.
        norm: as for `fft`, n being the product of the sizes.
        out: refused, as arrays are immutable.

    Returns:
        A complex array of a's shape with sizes s along the axes.

    Raises:
        AxisError: no such axis, or one named twice.
        ShapeError: sizes that do not fit the axes, or no point to transform.
        OptionError: another norm.

    >>> import funcgrad.numpy as fnp
    >>> fnp.fft.fftn(fnp.ones((2, 2)))
    Array([[4.+0.j, 0.+0.j],
           [0.+0.j, 0.+0.j]], dtype=complex64)
    """
    return _c2c("fftn", a, s, axes, _norm("fftn", norm, out), False)


def ifftn(
    a: Any, s: Sequence[int] | None = None, axes: Axes = None, norm: str | None = "backward", out: None = None
) -> Array:
    """`ifft` along several axes; arguments as for `fftn`.

    >>> import funcgrad.numpy as fnp
    >>> fnp.fft.ifftn(fnp.ones((1, 2)))
    Array([[1.+0.j, 0.+0.j]], dtype=complex64)
    """
    return _c2c("ifftn", a, s, axes, _norm("ifftn", norm, out), True)


def fft2(
    a: Any, s: Sequence[int] | None = None, axes: Axes = (-2, -1), norm: str | None = "backward", out: None = None
) -> Array:
    """`fft` along two axes, the last ones where not given; arguments as for `fftn`.

    >>> import funcgrad.numpy as fnp
    >>> fnp.fft.fft2(fnp.ones((3, 2, 2))).shape
    (3, 2, 2)
    """
    return _c2c("fft2", a, s, axes, _norm("fft2", norm, out), False)


def ifft2(
    a: Any, s: Sequence[int] | None = None, axes: Axes = (-2, -1), norm: str | None = "backward", out: None = None
) -> Array:
    """`ifft` along two axes, the last ones where not given; arguments as for `fftn`.

    >>> import funcgrad.numpy as fnp
    >>> fnp.fft.ifft2(fnp.ones((3, 2, 2)))[0, 0]
    Array([1.+0.j, 0.+0.j], dtype=complex64)
    """
    return _c2c("ifft2", a, s, axes, _norm("ifft2", norm, out), True)


# ---- real signals ------------------------------------------------------------------------------


def rfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = "backward", out: None = None) -> Array:
    """The half of the spectrum of real numbers that tells the other: fft(a)[k] for k = 0, ..., n // 2.

    Args:
        a: real numbers.
        n, axis, norm, out: as for `fft`.

    Returns:
        A complex array of a's shape with n // 2 + 1 elements along the axis.

    Raises:
        DtypeError: complex numbers.
        AxisError, ShapeError, OptionError: as for `fft`.

    >>> import funcgrad.numpy as fnp
    >>> fnp.fft.rfft(fnp.asarray([1.0, 2.0, 3.0, 4.0]))
    Array([10.+0.j, -2.+2.j, -2.+0.j], dtype=complex64)
    """
    return _r2c("rfft", a, _one(n), axis, _norm("rfft", norm, out), "fft")


def irfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = "backward", out: None = None) -> Array:
    """The inverse of `rfft`: real numbers from half of their spectrum.

    Args:
        a: half of a spectrum. Imaginary parts of a[0] and, for even n, of a[n / 2] are not read.
        n: how many numbers to give; 2 (m - 1) for the m elements of a where not given. a is cut, or padded with
            zeros, to n // 2 + 1 elements.
        axis, norm, out: as for `ifft`.

    Returns:
        A real array of a's shape with n elements along the axis.

    Raises:
        AxisError, ShapeError, OptionError: as for `fft`.

    >>> import funcgrad.numpy as fnp
    >>> fnp.fft.irfft(fnp.asarray([10.0, -2 + 2j, -2]))
    Array([1., 2., 3., 4.], dtype=float32)
    """
    return _c2r("irfft", a, _one(n), axis, _norm("irfft", norm, out))


def rfftn(
    a: Any, s: Sequence[int] | None = None, axes: Axes = None, norm: str | None = "backward", out: None = None
) -> Array:
    """`rfft` along the last of several axes, and `fft` along the others.

    Args:
        a: real numbers.
        s, axes, norm, out: as for `fftn`.

    Returns:
        A complex array; the last of the axes has n // 2 + 1 elements.

    Raises:
        DtypeError: complex numbers.
        AxisError, ShapeError, OptionError: as for `fftn`.

    >>> import funcgrad.numpy as fnp
    >>> fnp.fft.rfftn(fnp.ones((2, 4)))
    Array([[8.+0.j, 0.+0.j, 0.+0.j],
           [0.+0.j, 0.+0.j, 0.+0.j]], dtype=complex64)
    """
    return _r2c("rfftn", a, s, axes, _norm("rfftn", norm, out), "fftn")


def irfftn(
    a: Any, s: Sequence[int] | None = None, axes: Axes = None, norm: str | None = "backward", out: None = None
) -> Array:
    """The inverse of `rfftn`.

    Args:
        a: half of a spectrum.
        s: the sizes of the result along the axes; for the last one 2 (m - 1) where not given, as for `irfft`.
        axes, norm, out: as for `fftn`.

    Returns:
        A real array.

    >>> import funcgrad.numpy as fnp
    >>> fnp.fft.irfftn(fnp.fft.rfftn(fnp.asarray([[1.0, 2.0], [3.0, 4.0]])))
    Array([[1., 2.],
           [3., 4.]], dtype=float32)
    """
    return _c2r("irfftn", a, s, axes, _norm("irfftn", norm, out))


def rfft2(
    a: Any, s: Sequence[int] | None = None, axes: Axes = (-2, -1), norm: str | None = "backward", out: None = None
) -> Array:
    """`rfftn` along two axes, the last ones where not given; arguments as for `rfftn`.

    >>> import funcgrad.numpy as fnp
    >>> fnp.fft.rfft2(fnp.ones((3, 2, 4))).shape
    (3, 2, 3)
    """
    return _r2c("rfft2", a, s, axes, _norm("rfft2", norm, out), "fft2")


def irfft2(
    a: Any, s: Sequence[int] | None = None, axes: Axes = (-2, -1), norm: str | None = "backward", out: None = None
) -> Array:
    """`irfftn` along two axes, the last ones where not given; arguments as for `irfftn`.

    >>> import funcgrad.numpy as fnp
    >>> fnp.fft.irfft2(fnp.ones((3, 2, 3))).shape
    (3, 2, 4)
    """
    return _c2r("irfft2", a, s, axes, _norm("irfft2", norm, out))


# ---- signals with a real spectrum --------------------------------------------------------------


def hfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = "backward", out: None = None) -> Array:
    """The real spectrum of a signal whose second half is the conjugate of the first, which is given.

    Args:
        a: the half, of m elements.
        n: how many elements the spectrum has; 2 (m - 1) where not given.
        axis, norm, out: as for `fft`.

    Returns:
        A real array with n elements along the axis.

    >>> import funcgrad.numpy as fnp
    >>> fnp.fft.hfft(fnp.asarray([1.0, 2.0, 3.0]))
    Array([ 8., -2.,  0., -2.], dtype=float32)
    """
    opposite = ops.OPPOSITE[_norm("hfft", norm, out)]
    return _c2r("hfft", conj(_complex(a)), _one(n), axis, opposite)


def ihfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = "backward", out: None = None) -> Array:
    """The inverse of `hfft`: half of the signal that has a real spectrum.

    Args:
        a: real numbers.
        n, axis, norm, out: as for `ifft`.

    Returns:
        A complex array with n // 2 + 1 elements along the axis.

    >>> import funcgrad.numpy as fnp
    >>> fnp.fft.ihfft(fnp.asarray([8.0, -2.0, 0.0, -2.0]))
    Array([1.-0.j, 2.-0.j, 3.-0.j], dtype=complex64)
    """
    opposite = ops.OPPOSITE[_norm("ihfft", norm, out)]
    return conj(_r2c("ihfft", a, _one(n), axis, opposite, "ifft"))


# ---- frequencies -------------------------------------------------------------------------------


def fftfreq(n: int, d: Any = 1.0, *, dtype: Any = None, device: Any = None) -> Array:
    """The frequencies of the elements of `fft`: [0, 1, ..., -n/2, ..., -1] / (d n), in cycles per unit of d.

    Args:
        n: how many points.
        d: the distance between two of them.
        dtype: a real floating dtype, the default float where not given.
        device: where to make the array.

    >>> import funcgrad.numpy as fnp
    >>> fnp.fft.fftfreq(4)
    Array([ 0.  ,  0.25, -0.5 , -0.25], dtype=float32)
    """
    n = size_of("fftfreq", n)
    found = _float("fftfreq", dtype)
    middle = (n + 1) // 2
    waves = [arange(0, middle, dtype=found, device=device), arange(-(n // 2), 0, dtype=found, device=device)]
    return _scaled(concat(waves), n, d, found)


def rfftfreq(n: int, d: Any = 1.0, *, dtype: Any = None, device: Any = None) -> Array:
    """The frequencies of the elements of `rfft`: [0, 1, ..., n // 2] / (d n), in cycles per unit of d.

    Args: as for `fftfreq`.

    >>> import funcgrad.numpy as fnp
    >>> fnp.fft.rfftfreq(4)
    Array([0.  , 0.25, 0.5 ], dtype=float32)
    """
    n = size_of("rfftfreq", n)
    found = _float("rfftfreq", dtype)
    return _scaled(arange(0, n // 2 + 1, dtype=found, device=device), n, d, found)


def _float(name: str, dtype: Any) -> Any:
    found = canonical(float if dtype is None else dtype)
    if not is_floating(found):
        raise DtypeError(f"{name}: frequencies are real floating numbers, not {found}")
    return found


def _scaled(waves: Any, n: int, d: Any, dtype: Any) -> Array:
    return astype(waves / (d * n), dtype)


def fftshift(x: Any, axes: Axes = None) -> Array:
    """The spectrum with frequency zero in the middle: each axis rolled by half of its size.

    Args:
        x: an array.
        axes: which; all where not given.

    >>> import funcgrad.numpy as fnp
    >>> fnp.fft.fftshift(fnp.asarray([0, 1, 2, -2, -1]))
    Array([-2, -1,  0,  1,  2], dtype=int64)
    """
    x = asarray(x)
    found = normalize_axes(axes, x.ndim, "fftshift")
    return roll(x, [x.shape[a] // 2 for a in found], list(found))


def ifftshift(x: Any, axes: Axes = None) -> Array:
    """The inverse of `fftshift`; arguments alike.

    >>> import funcgrad.numpy as fnp
    >>> fnp.fft.ifftshift(fnp.asarray([-2, -1, 0, 1, 2]))
    Array([ 0,  1,  2, -2, -1], dtype=int64)
    """
    x = asarray(x)
    found = normalize_axes(axes, x.ndim, "ifftshift")
    return roll(x, [-(x.shape[a] // 2) for a in found], list(found))
