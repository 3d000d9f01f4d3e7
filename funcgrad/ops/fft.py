"""Discrete Fourier transforms along several axes: complex to complex, real to half a spectrum, and back.

    c2c   X[k] = sum over j of x[j] exp(-2 pi i j k / n)      (+2 pi i, where `inverse`)
    r2c   the same of real x, k = 0, ..., n // 2 along the last of the axes: the rest are conjugates
    c2r   the real x whose r2c is X, but for the scale; imaginary parts that such an x cannot have are not read

`norm` scales them as in NumPy: "backward" the inverse by 1 / n, "forward" the other one by 1 / n, "ortho" both by
1 / sqrt(n). Sizes are cut or padded before they come here.

The three are closed under differentiation. The matrix of c2c is symmetric, so it is its own transpose. Complex vectors
are paired without conjugation, so the transpose of r2c takes ct to the real part of sum over k of
ct[k] exp(-2 pi i j k / n), k over the half: that is c2r of conj(ct), which counts twice each k that has a conjugate.
"""

from __future__ import annotations

from typing import Any

from ..core import Array, Aval, backend_array, wrap
from ..device import Raw, backend_dtype, namespace
from ..dtypes import DType, canonical
from ..rules import linear
from .elementwise import conj

Axes = tuple[int, ...]

_COMPLEX = {"float32": canonical("complex64"), "float64": canonical("complex128")}
_REAL = {"complex64": canonical("float32"), "complex128": canonical("float64")}
OPPOSITE = {"backward": "forward", "ortho": "ortho", "forward": "backward"}
"""The norm by which the inverse has this norm's scale, and the other way round."""


def complex_of(dtype: DType) -> DType:
    """The complex dtype of a real one's spectrum."""
    return _COMPLEX[dtype.name]


def _c2c(xp: Any, x: Raw, *, axes: Axes, norm: str, inverse: bool) -> Raw:
    return (xp.fft.ifftn if inverse else xp.fft.fftn)(x, axes=axes, norm=norm)


def _r2c(xp: Any, x: Raw, *, axes: Axes, norm: str) -> Raw:
    return xp.fft.rfftn(x, axes=axes, norm=norm)


def _c2r(xp: Any, x: Raw, *, axes: Axes, norm: str, n: int) -> Raw:
    return xp.fft.irfftn(x, s=(*[x.shape[a] for a in axes[:-1]], n), axes=axes, norm=norm)


def _resized(x: Aval, axis: int, n: int, dtype: DType) -> Aval:
    return Aval((*x.shape[:axis], n, *x.shape[axis + 1 :]), dtype)


def _counts(n: int, inner: float, axis: int, beside: Any) -> Array:
    """1 for each frequency of the half that is its own conjugate (0, and n / 2), `inner` for those between."""
    data = backend_array(beside)
    xp = namespace(data)
    dtype = _REAL.get(beside.dtype.name, beside.dtype)
    counts = xp.full((n // 2 + 1,), inner, dtype=backend_dtype(xp, dtype), device=data.device)
    counts[0] = 1
    if n % 2 == 0:
        counts[n // 2] = 1
    return wrap(xp.reshape(counts, (-1,) + (1,) * (beside.ndim - 1 - axis)))


def _batch(primitive: Any) -> Any:
    """A batch stays where it is: the axes behind it move on."""

    def batch(size: int, xs: Any, dims: Any, *, axes: Axes, **params: Any) -> tuple[Any, int]:
        return primitive(xs[0], axes=tuple(a + (a >= dims[0]) for a in axes), **params), dims[0]

    return batch


c2c = linear(
    "fft_c2c(x)",
    impl=_c2c,
    infer=lambda x, **_: x,
    transpose=lambda g, x, **params: c2c(g, **params),
    batch=lambda *args, **params: _batch(c2c)(*args, **params),
)
r2c = linear(
    "fft_r2c(x)",
    impl=_r2c,
    infer=lambda x, *, axes, norm: _resized(x, axes[-1], x.shape[axes[-1]] // 2 + 1, complex_of(x.dtype)),
    transpose=lambda g, x, *, axes, norm: c2r(
        conj(g) * _counts(x.shape[axes[-1]], 0.5, axes[-1], g), axes=axes, norm=OPPOSITE[norm], n=x.shape[axes[-1]]
    ),
    batch=lambda *args, **params: _batch(r2c)(*args, **params),
)
c2r = linear(
    "fft_c2r(x)",
    impl=_c2r,
    infer=lambda x, *, axes, norm, n: _resized(x, axes[-1], n, _REAL[x.dtype.name]),
    transpose=lambda g, x, *, axes, norm, n: conj(r2c(g, axes=axes, norm=OPPOSITE[norm])) * _counts(n, 2, axes[-1], g),
    batch=lambda *args, **params: _batch(c2r)(*args, **params),
)
