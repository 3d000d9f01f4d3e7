"""Triangular factors: Cholesky's, QR, LU.

Sources: I. Murray, Differentiation of the Cholesky decomposition, arXiv:1602.07527; S. Walter and L. Lehmann,
Algorithmic differentiation of linear algebra functions, arXiv:1001.1654. Cotangents of the first two are conjugated on
the way in and out, to pair by Re tr(a^H b) in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from ...core import Aval
from ...device import backend_dtype
from ...dtypes import canonical, is_complex
from ...kernels import linalg as kernels
from ...rules import general, iota
from ..contract import transposed
from ..elementwise import cast, convert, real_part
from ..index import gather
from ..shape import concat, pad
from .matrices import (
    adjoint,
    completed,
    conjugate,
    diagonal,
    diagonal_matrix,
    folded,
    hermitian_part,
    identity,
    imaginary_diagonal,
    in_front,
    lower,
    matrix,
    pack,
    packed_size,
    split,
    square,
    unpack,
    upper,
)
from .solve import solve_right, triangular_solve

# ---- Cholesky ----------------------------------------------------------------------------------


def _half(x: Any) -> Any:
    """The lower triangle with half of the diagonal."""
    return lower(x, k=0) - diagonal_matrix(diagonal(x)) / 2


def _cholesky_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any) -> Any:
    left = triangular_solve(out, hermitian_part(tangents[0]), lower=True, unit=False)
    return out @ _half(solve_right(left, adjoint(out), lower=False))


def _cholesky_pull(g: Any, out: Any) -> Any:
    inner = hermitian_part(_half(adjoint(out) @ lower(conjugate(g), k=0)))
    left = triangular_solve(adjoint(out), inner, lower=False, unit=False)
    return conjugate(solve_right(left, out, lower=True))


def _infer_cholesky(x: Aval) -> Aval:
    square("cholesky", x)
    return x


cholesky = general(  # lower, of the Hermitian part
    "cholesky(x)",
    impl=kernels.cholesky,
    infer=_infer_cholesky,
    jvp=_cholesky_jvp,
    x=_cholesky_pull,
    batch=in_front(lambda: cholesky),
)

# ---- QR of matrices at least as high as wide ---------------------------------------------------
# With B = dA R^-1, C = Q^H B: Q^H dQ is skew and dR R^-1 upper with a real diagonal, and C is their sum.


def _qr_shapes(shape: Sequence[int], mode: str) -> list[tuple[int, int]]:
    m, n = shape[-2:]
    return [(m, m), (m, n)] if mode == "complete" else [(m, n), (n, n)]


def _qr_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any, *, mode: str) -> Any:
    x, n = primals[0], primals[0].shape[-1]
    q, r = unpack(out, *_qr_shapes(x.shape, mode))
    (q, rest), r = split(q, n), r[..., :n, :]
    b = solve_right(tangents[0], r, lower=False)
    c = adjoint(q) @ b
    below = lower(c, k=-1)
    change = c - below + adjoint(below)
    if is_complex(x.dtype):
        change = change - imaginary_diagonal(c)
    dr = change @ r
    if mode == "complete":
        dr = _rows_added(dr, x.shape[-2] - n)
    return pack(x.ndim - 2, completed(q, rest, b - q @ change), dr)


def _rows_added(r: Any, count: int) -> Any:
    """Rows of zeros below."""
    return pad(r, widths=((0, 0),) * (r.ndim - 2) + ((0, count), (0, 0)))


def _qr_pull(g: Any, out: Any, *, mode: str, shapes: Sequence[Any]) -> tuple[Any]:
    parts, n = _qr_shapes(shapes[0], mode), shapes[0][-1]
    (q, r), (gq, gr) = unpack(out, *parts), unpack(conjugate(g), *parts)
    (q, rest), r, gr = split(q, n), r[..., :n, :], gr[..., :n, :]
    gq = folded(q, rest, gq)
    inner = gr @ adjoint(r) - adjoint(q) @ gq
    above = upper(inner, k=1)
    inner = above + adjoint(above) + diagonal_matrix(diagonal(hermitian_part(inner)))
    return (conjugate(solve_right(gq + q @ inner, adjoint(r), lower=True)),)


def _infer_qr(x: Aval, *, mode: str) -> Aval:
    return Aval((*x.shape[:-2], packed_size(_qr_shapes(x.shape, mode))), x.dtype)


qr = general(
    "qr(x)",
    impl=kernels.qr,
    infer=_infer_qr,
    jvp=_qr_jvp,
    pull=_qr_pull,
    batch=in_front(lambda: qr),
)


def orthogonal(x: Any, complete: bool) -> tuple[Any, Any]:
    """Q and R of any matrix. Of a wide one the first square block has them all: R goes on with Q^H times the rest."""
    matrix("qr", x)
    m, n = x.shape[-2:]
    mode = "complete" if complete and m > n else "reduced"
    first = x if m >= n else x[..., :, :m]
    q, r = unpack(qr(first, mode=mode), *_qr_shapes(first.shape, mode))
    return (q, r) if m >= n else (q, concat(r, adjoint(q) @ x[..., :, m:], axis=x.ndim - 1))


# ---- LU ----------------------------------------------------------------------------------------
# Both factors are one matrix: L below its diagonal, and the diagonal and U above. Bordered by the identity to square
# ones, dLU = L lower(M) + upper(M) U with M = L^-1 P dA U^-1.


def _lu_shapes(shape: Sequence[int]) -> list[tuple[int, ...]]:
    m, n = shape[-2:]
    return [(m, n), (m if m < n else n,)]


def bordered(factors: Any) -> tuple[Any, Any]:
    """L and U as square matrices."""
    m, n = factors.shape[-2:]
    k = m if m < n else n
    left = lower(factors[..., :, :k], k=-1)
    right = upper(factors[..., :k, :], k=0)
    front = ((0, 0),) * (factors.ndim - 2)
    if m > k:
        left = pad(left, widths=(*front, (0, 0), (0, m - k)))
    if n > k:
        right = pad(right, widths=(*front, (0, n - k), (0, 0)))
        right = right + pad(identity(n - k, right), widths=((k, 0), (k, 0)))
    return left + identity(m, left), right


def _lu_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any) -> Any:
    x = primals[0]
    m = x.shape[-2]
    factors, pivots = unpack(out, *_lu_shapes(x.shape))
    left, right = bordered(factors)
    t = permuted(tangents[0], permutation(whole(pivots), rows=m))
    inner = solve_right(triangular_solve(left, t, lower=True, unit=True), right, lower=False)
    change = lower(left @ lower(inner, k=-1), k=-1) + upper(upper(inner, k=0) @ right, k=0)
    return pack(x.ndim - 2, change, pivots * 0)


def _lu_pull(g: Any, out: Any, *, shapes: Sequence[Any]) -> tuple[Any]:
    m = shapes[0][-2]
    (factors, pivots), (g, _) = unpack(out, *_lu_shapes(shapes[0])), unpack(g, *_lu_shapes(shapes[0]))
    left, right = bordered(factors)
    inner = lower(transposed(left) @ lower(g, k=-1), k=-1) + upper(upper(g, k=0) @ transposed(right), k=0)
    inner = solve_right(
        triangular_solve(transposed(left), inner, lower=False, unit=True), transposed(right), lower=True
    )
    return (permuted(inner, inverse_permutation(permutation(whole(pivots), rows=m))),)


def _infer_lu(x: Aval) -> Aval:
    matrix("lu", x)
    return Aval((*x.shape[:-2], packed_size(_lu_shapes(x.shape))), x.dtype)


lu = general(
    "lu(x)",
    impl=kernels.lu,
    infer=_infer_lu,
    jvp=_lu_jvp,
    pull=_lu_pull,
    batch=in_front(lambda: lu),
)


def whole(pivots: Any) -> Any:
    """The exchanges, which come packed with floats, as integers."""
    return cast(real_part(pivots), dtype=canonical("int64"))


permutation = general(
    "lu_pivots_to_permutation(pivots)",
    impl=kernels.permutation,
    infer=lambda pivots, *, rows: Aval((*pivots.shape[:-1], rows), canonical("int64")),
    batch=in_front(lambda: permutation),
)
inverse_permutation = general(
    "inverse_permutation(order)",
    impl=lambda xp, order: xp.astype(xp.argsort(order, axis=-1), backend_dtype(xp, canonical("int64"))),
    infer=lambda order: order,
    batch=in_front(lambda: inverse_permutation),
)


def permuted(x: Any, order: Any) -> Any:
    """The rows of each matrix in that order."""
    if x.ndim == 2:
        return gather(x, order)
    m, n = x.shape[-2:]
    size = prod(x.shape[:-2])
    each = iota(size, x).reshape((size, 1)).broadcast_to((size, m))
    return gather(x.reshape((size, m, n)), each, order.reshape((size, m))).reshape(x.shape)


def decomposed(x: Any) -> tuple[Any, Any]:
    """Both factors in one matrix, and the exchanges of rows: of 16-bit floats, which do not count far, in float32."""
    wide = x if x.dtype.itemsize > 2 else convert(x, dtype=canonical("float32"))
    factors, pivots = unpack(lu(wide), *_lu_shapes(x.shape))
    return factors if wide is x else convert(factors, dtype=x.dtype), whole(pivots)
