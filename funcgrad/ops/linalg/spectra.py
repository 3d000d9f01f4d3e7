"""Eigenvalues and singular values, with derivatives that stay finite where some of them coincide.

With E = V^H dA V the eigenvectors of a Hermitian matrix move by V (F * E), where F_ij = 1 / (w_j - w_i). Where two
eigenvalues are equal to rounding, F_ij is 0: the vectors of equal values may be turned among each other, so nothing
that means anything asks how they do. Sums of functions of the eigenvalues, and projectors on the span of the vectors of
equal ones, have the right derivative. That of V diag(f(w)) V^H needs f' between two equal values, which no rule on w
and V can know; what is left is finite, and right where f' is 0 there or E is diagonal (`expm`, `sqrtm`, `logm` and
`inv` are operations of their own, which are right).

Vectors are free up to a phase, where they are complex: only losses that do not depend on it have a meaning.

Sources: M. Giles, Collected matrix derivative results for forward and reverse mode AD, 2008; J. Townsend,
Differentiating the singular value decomposition, 2016; C. Boeddeker et al., On the computation of complex-valued
gradients, arXiv:1701.00392. Cotangents are conjugated on the way in and out, to pair by Re tr(a^H b) in between.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core import Aval
from ...dtypes import canonical, is_complex
from ...kernels import linalg as kernels
from ...rules import general, iota
from ..contract import transposed
from ..elementwise import abs, complex_abs, convert, equal, imag, less_equal, real_part, stop_gradient, where
from ..reduce import argmax, max, sum
from .matrices import (
    adjoint,
    as_complex,
    completed,
    conjugate,
    diagonal,
    diagonal_matrix,
    folded,
    hermitian_part,
    in_front,
    matrix,
    pack,
    packed_size,
    real_diagonal,
    scaled_columns,
    skew_part,
    split,
    square,
    unpack,
)
from .solve import inv


def real_dtype(dtype: Any) -> Any:
    """The dtype of a modulus."""
    return np.dtype(f"f{dtype.itemsize // 2}") if is_complex(dtype) else dtype


def complex_dtype(dtype: Any) -> Any:
    """The complex dtype with such parts."""
    return dtype if is_complex(dtype) else canonical("complex128" if dtype.itemsize == 8 else "complex64")


def _rounding(values: Any) -> Any:
    """What rounding may make of zero beside these values: (..., 1).

    LAPACK's eigenvalues of Q diag(1, ..., 1, 2, ..., 2) Q^T differ by 2 sqrt(n) of the last bit of the largest one;
    twice that is below the gaps of a random matrix, also in float32, up to some hundred rows.
    """
    n, size = values.shape[-1], _modulus(stop_gradient(values))
    if not n:
        return size
    eps = float(np.finfo(size.dtype).eps) if size.dtype.itemsize > 2 else 2.0**-8
    return 4 * math.sqrt(n) * eps * max(size, axes=(size.ndim - 1,))[..., None]


def _reciprocals(differences: Any, values: Any) -> Any:
    """1 / d, and 0 where d is no more than rounding makes of zero beside those values."""
    d = differences
    nothing = less_equal(_modulus(stop_gradient(d)), _rounding(values)[..., None])
    return where(nothing, 0, 1 / where(nothing, 1, d))


def _modulus(x: Any) -> Any:
    return complex_abs(x) if is_complex(x.dtype) else abs(x)


def _pairs(values: Any) -> tuple[Any, Any]:
    """The values as a column and as a row."""
    return values[..., :, None], values[..., None, :]


# ---- Hermitian matrices ------------------------------------------------------------------------


def eigen(x: Any) -> tuple[Any, Any]:
    """Eigenvalues, in ascending order, and eigenvectors of the Hermitian part."""
    n = x.shape[-1]
    w, v = unpack(eigh(x), (n,), (n, n))
    return real_part(w), v


def _inverse_gaps(w: Any, dtype: Any) -> Any:
    column, row = _pairs(w)
    return as_complex(_reciprocals(row - column, w), dtype)


def _eigh_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any) -> Any:
    n = primals[0].shape[-1]
    w, v = unpack(out, (n,), (n, n))
    e = adjoint(v) @ hermitian_part(tangents[0]) @ v
    return pack(e.ndim - 2, real_diagonal(e), v @ (_inverse_gaps(real_part(w), e.dtype) * e))


def _eigh_pull(g: Any, out: Any, *, shapes: Sequence[Any]) -> tuple[Any]:
    n = shapes[0][-1]
    (w, v), (gw, gv) = unpack(out, (n,), (n, n)), unpack(conjugate(g), (n,), (n, n))
    inner = diagonal_matrix(as_complex(real_part(gw), v.dtype))
    inner = inner + _inverse_gaps(real_part(w), v.dtype) * (adjoint(v) @ gv)
    return (conjugate(hermitian_part(v @ inner @ adjoint(v))),)


def _infer_eigh(x: Aval) -> Aval:
    square("eigh", x)
    n = x.shape[-1]
    return Aval((*x.shape[:-2], packed_size([(n,), (n, n)])), x.dtype)


eigh = general(
    "eigh(x)",
    impl=kernels.eigh,
    infer=_infer_eigh,
    jvp=_eigh_jvp,
    pull=_eigh_pull,
    batch=in_front(lambda: eigh),
)


def _infer_values(name: str) -> Any:
    def infer(x: Aval) -> Aval:
        square(name, x)
        return Aval(x.shape[:-1], real_dtype(x.dtype))

    return infer


def _eigvalsh_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any) -> Any:
    _, v = eigen(primals[0])
    return real_diagonal(adjoint(v) @ hermitian_part(tangents[0]) @ v)


def _eigvalsh_pull(g: Any, x: Any) -> Any:
    _, v = eigen(x)
    return conjugate(scaled_columns(v, g) @ adjoint(v))


eigvalsh = general(
    "eigvalsh(x)",
    impl=kernels.eigvalsh,
    infer=_infer_values("eigvalsh"),
    jvp=_eigvalsh_jvp,
    x=_eigvalsh_pull,
    batch=in_front(lambda: eigvalsh),
)

# ---- singular values ---------------------------------------------------------------------------
# With P = U^H dA V = H + K, a Hermitian and a skew part, U^H dU = H / (s_j - s_i) + K / (s_j + s_i) and
# V^H dV = H / (s_j - s_i) - K / (s_j + s_i). The K are right where singular values coincide, so the polar factor U V^H,
# which is the derivative of the nuclear norm, has its derivative there.


def singular_values(x: Any, full: bool = False) -> tuple[Any, Any, Any]:
    """U, the singular values in descending order, V^H."""
    u, s, vh = unpack(svd(x, full=full), *_svd_shapes(x.shape, full))
    return u, real_part(s), vh


def _svd_shapes(shape: Sequence[int], full: bool) -> list[tuple[int, ...]]:
    m, n = shape[-2:]
    k = m if m < n else n
    return [(m, m if full else k), (k,), (n if full else k, n)]


def _positive(derivative: Any, s: Any) -> Any:
    """The derivative of singular values, which have a kink where they are zero: 0 there, as |x| has it."""
    return where(less_equal(s, _rounding(s)), 0, derivative)


def _svd_weights(s: Any, dtype: Any) -> tuple[Any, Any, Any]:
    """1 / (s_j - s_i), 1 / (s_j + s_i), 1 / s, with 0 where that is no number."""
    column, row = _pairs(s)
    zero = less_equal(stop_gradient(s), _rounding(s))
    inverse = where(zero, 0, 1 / where(zero, 1, s))
    return as_complex(_reciprocals(row - column, s), dtype), as_complex(_reciprocals(row + column, s), dtype), inverse


def _svd_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any, *, full: bool) -> Any:
    (x,), (t,) = primals, tangents
    u, s, vh = unpack(out, *_svd_shapes(x.shape, full))
    k, v = s.shape[-1], adjoint(vh)
    (u, more_u), (v, more_v) = split(u, k), split(v, k)
    minus, plus, inverse = _svd_weights(real_part(s), x.dtype)
    tv = t @ v
    p = adjoint(u) @ tv
    h, skew = hermitian_part(p) * minus, skew_part(p) * plus
    du, dv = u @ (h + skew), v @ (h - skew)
    if x.shape[-2] > k:
        du = du + scaled_columns(tv - u @ p, inverse)
    if x.shape[-1] > k:
        dv = dv + scaled_columns(adjoint(t) @ u - v @ adjoint(p), inverse)
    ds = _positive(real_diagonal(p), real_part(s))
    return pack(x.ndim - 2, completed(u, more_u, du), ds, adjoint(completed(v, more_v, dv)))


def _svd_pull(g: Any, out: Any, *, full: bool, shapes: Sequence[Any]) -> tuple[Any]:
    parts = _svd_shapes(shapes[0], full)
    (u, s, vh), (gu, gs, gvh) = unpack(out, *parts), unpack(conjugate(g), *parts)
    k, v, gv = s.shape[-1], adjoint(vh), adjoint(gvh)
    (u, more_u), (v, more_v) = split(u, k), split(v, k)
    gu, gv = folded(u, more_u, gu), folded(v, more_v, gv)
    minus, plus, inverse = _svd_weights(real_part(s), u.dtype)
    in_u, in_v = adjoint(u) @ gu, adjoint(v) @ gv
    inner = diagonal_matrix(as_complex(_positive(real_part(gs), real_part(s)), u.dtype))
    inner = inner + hermitian_part((in_u + in_v) * minus) + skew_part((in_u - in_v) * plus)
    ct = u @ inner @ adjoint(v)
    if u.shape[-2] > k:
        ct = ct + scaled_columns(gu - u @ in_u, inverse) @ adjoint(v)
    if v.shape[-2] > k:
        ct = ct + u @ adjoint(scaled_columns(gv - v @ in_v, inverse))
    return (conjugate(ct),)


def _infer_svd(x: Aval, *, full: bool) -> Aval:
    matrix("svd", x)
    return Aval((*x.shape[:-2], packed_size(_svd_shapes(x.shape, full))), x.dtype)


svd = general(
    "svd(x)",
    impl=kernels.svd,
    infer=_infer_svd,
    jvp=_svd_jvp,
    pull=_svd_pull,
    batch=in_front(lambda: svd),
)


def _infer_svdvals(x: Aval) -> Aval:
    matrix("svdvals", x)
    m, n = x.shape[-2:]
    return Aval((*x.shape[:-2], m if m < n else n), real_dtype(x.dtype))


def _svdvals_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any) -> Any:
    u, s, vh = singular_values(primals[0])
    return _positive(real_diagonal(adjoint(u) @ tangents[0] @ adjoint(vh)), s)


def _svdvals_pull(g: Any, x: Any) -> Any:
    u, s, vh = singular_values(x)
    return conjugate(scaled_columns(u, _positive(g, s)) @ vh)


svdvals = general(
    "svdvals(x)",
    impl=kernels.svdvals,
    infer=_infer_svdvals,
    jvp=_svdvals_jvp,
    x=_svdvals_pull,
    batch=in_front(lambda: svdvals),
)

# ---- matrices of any kind ----------------------------------------------------------------------
# A V = V diag(w): with M = V^-1 dA V, dw = diag(M) and dV = V (F * M), then moved along V so that the columns keep
# LAPACK's norm (1) and phase (the largest component is real).


def eigen_general(x: Any) -> tuple[Any, Any]:
    """Eigenvalues and right eigenvectors, complex."""
    n, dtype = x.shape[-1], complex_dtype(x.dtype)
    w, v = unpack(eig(x, dtype=dtype), (n,), (n, n))
    return w, v


def _largest(v: Any) -> Any:
    """1 at the largest component of each column, else 0."""
    n = v.shape[-1]
    if not n:
        return v
    place = argmax(complex_abs(stop_gradient(v)), axis=v.ndim - 2)
    rows: Any = iota(n, v)
    return equal(rows.reshape((n, 1)), place[..., None, :]).astype(v.dtype)


def _column_sums(x: Any) -> Any:
    return sum(x, axes=(x.ndim - 2,))[..., None, :]


def _real(x: Any) -> Any:
    return convert(real_part(x), dtype=x.dtype)


def _imaginary(x: Any) -> Any:
    return convert(imag(x), dtype=x.dtype)


def _eig_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any, *, dtype: Any) -> Any:
    n = primals[0].shape[-1]
    w, v = unpack(out, (n,), (n, n))
    m = inv(v) @ as_complex(tangents[0], dtype) @ v
    column, row = _pairs(w)
    free = v @ (_reciprocals(row - column, w) * m)
    largest = _largest(v)
    length = _real(_column_sums(conjugate(v) * free))
    turn = _imaginary(_column_sums(largest * free) / _column_sums(largest * v))
    return pack(m.ndim - 2, diagonal(m), free - v * (length + turn * 1j))


def _eig_pull(g: Any, x: Any, out: Any, *, dtype: Any) -> tuple[Any]:
    n = x.shape[-1]
    (w, v), (gw, gv) = unpack(out, (n,), (n, n)), unpack(g, (n,), (n, n))
    largest = _largest(v)
    along = _column_sums(gv * v)
    free = gv - conjugate(v) * _real(along) - largest * (_imaginary(along) * 1j / _column_sums(largest * v))
    column, row = _pairs(w)
    inner = diagonal_matrix(gw) + _reciprocals(row - column, w) * (transposed(v) @ free)
    ct = transposed(inv(v)) @ inner @ transposed(v)
    return (ct if is_complex(x.dtype) else as_complex(real_part(ct), x.dtype),)


def _infer_eig(x: Aval, *, dtype: Any) -> Aval:
    square("eig", x)
    n = x.shape[-1]
    return Aval((*x.shape[:-2], packed_size([(n,), (n, n)])), dtype)


eig = general(
    "eig(x)",
    impl=kernels.eig,
    infer=_infer_eig,
    jvp=_eig_jvp,
    pull=_eig_pull,
    batch=in_front(lambda: eig),
)


def _infer_eigvals(x: Aval, *, dtype: Any) -> Aval:
    square("eigvals", x)
    return Aval(x.shape[:-1], dtype)


def _eigvals_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any, *, dtype: Any) -> Any:
    _, v = eigen_general(primals[0])
    return diagonal(inv(v) @ as_complex(tangents[0], dtype) @ v)


def _eigvals_pull(g: Any, x: Any, *, dtype: Any) -> tuple[Any]:
    _, v = eigen_general(x)
    ct = transposed(inv(v)) @ (transposed(v) * g[..., :, None])
    return (ct if is_complex(x.dtype) else real_part(ct),)


eigvals = general(
    "eigvals(x)",
    impl=kernels.eigvals,
    infer=_infer_eigvals,
    jvp=_eigvals_jvp,
    pull=_eigvals_pull,
    batch=in_front(lambda: eigvals),
)
