"""Linear algebra on stacks of matrices: LAPACK by the array module, and what NumPy has no function for.

NumPy reaches Cholesky, QR, eigenvalues, singular values and general solves. Triangular solves and the LU factors are
written here on products of blocks, so that they run on NumPy and CuPy alike, and SciPy need not be there.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy

from ..core import SCALARS
from ..device import CPU, Raw, backend_dtype, device_of, dtype_of, move
from ..dtypes import is_complex
from ..errors import LinearAlgebraError

_BLOCK = 64
"""Up to this size a triangular solve is a general one, which finds its factors at once."""
_PANEL = 32
_ELEMENTS = 400
"""Sylvester's equation of more elements than these is SciPy's, if it is installed: a system of n^2 takes n^6 steps."""

Kernel = Callable[..., Raw]


def lapack(name: str, advice: str) -> Callable[[Kernel], Kernel]:
    """A kernel whose failure is a `LinearAlgebraError` with advice, and which computes 16-bit floats in float32."""

    def decorate(kernel: Kernel) -> Kernel:
        def run(xp: Any, *args: Raw, **params: Any) -> Raw:
            given = dtype_of(args[0])
            half = given.itemsize == 2  # LAPACK has no 16-bit floats
            operands = [a if isinstance(a, SCALARS) else xp.astype(a, xp.float32) for a in args] if half else args
            try:
                out = kernel(xp, *operands, **params)
            except numpy.linalg.LinAlgError as error:
                shapes = " and ".join(str(tuple(a.shape)) for a in args if getattr(a, "shape", ()))
                raise LinearAlgebraError(f"{name} of shape {shapes}: {str(error).lower()}. {advice}") from None
            return xp.astype(out, backend_dtype(xp, given)) if half else out

        return run

    return decorate


def pack(xp: Any, lead: Sequence[int], *parts: Raw) -> Raw:
    """Several results as one array, whose last axis holds one after the other, since a primitive has one result.

    Real parts beside complex ones become complex.
    """
    common = next((a.dtype for a in parts if is_complex(dtype_of(a))), parts[0].dtype)
    flat = [xp.reshape(a, (*lead, prod(a.shape[len(lead) :]))) for a in parts]
    return xp.concat([a if a.dtype == common else xp.astype(a, common) for a in flat], axis=-1)


def adjoint(xp: Any, x: Raw) -> Raw:
    """The conjugate transpose."""
    turned = xp.matrix_transpose(x)
    return xp.conj(turned) if is_complex(dtype_of(x)) else turned


def hermitian_part(xp: Any, x: Raw) -> Raw:
    """(x + x^H) / 2, so that either triangle counts as much as the other."""
    return (x + adjoint(xp, x)) / 2


def eye_like(xp: Any, x: Raw) -> Raw:
    """The identity of x's size, dtype and device."""
    return xp.eye(x.shape[-1], dtype=x.dtype, device=x.device)


# ---- solving -----------------------------------------------------------------------------------

_SINGULAR = "A singular matrix has no inverse: `lstsq` and `pinv` have the solution of least squares."


@lapack("solve", _SINGULAR)
def solve(xp: Any, a: Raw, b: Raw) -> Raw:
    """a^-1 b; leading axes broadcast."""
    return _side_by_side(xp, a, b, lambda b: _general_solve(xp, a, b))


def _side_by_side(xp: Any, a: Raw, b: Raw, solve: Callable[[Raw], Raw]) -> Raw:
    """The solution of one matrix and a stack of right-hand sides, as columns of one: its factors are found once."""
    if a.ndim > 2 or b.ndim == 2:
        return solve(b)
    last = b.ndim - 1
    rows = xp.permute_dims(b, (last - 1, *range(last - 1), last))
    x = solve(xp.reshape(rows, (b.shape[-2], prod(b.shape[:-2]) * b.shape[-1])))
    return xp.permute_dims(xp.reshape(x, rows.shape), (*range(1, last), 0, last))


def _general_solve(xp: Any, a: Raw, b: Raw) -> Raw:
    if xp is not numpy and a.shape[:-2] != b.shape[:-2]:  # CuPy's broadcasts nothing
        lead = numpy.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        a, b = (xp.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (a, b))
    return xp.linalg.solve(a, b)


@lapack("inv", _SINGULAR)
def inv(xp: Any, x: Raw) -> Raw:
    """x^-1."""
    return xp.linalg.inv(x)


@lapack("triangular_solve", "A triangular matrix with a zero on its diagonal is singular.")
def triangular_solve(xp: Any, a: Raw, b: Raw, *, lower: bool, unit: bool) -> Raw:
    """The x with a x = b, of a one triangle read."""
    inside = (-1 if lower else 1) if unit else 0
    a = xp.tril(a, k=inside) if lower else xp.triu(a, k=inside)
    a = a + eye_like(xp, a) if unit else a
    return _side_by_side(xp, a, b, lambda b: _substitute(xp, a, b, lower))


def _substitute(xp: Any, a: Raw, b: Raw, lower: bool) -> Raw:
    n = a.shape[-1]
    if n <= _BLOCK:
        if not lower:
            return _general_solve(xp, a, b)
        # turned around: of an upper triangle no rows are exchanged, so the solve is a substitution to the last bit
        return xp.flip(_general_solve(xp, xp.flip(a, axis=(-2, -1)), xp.flip(b, axis=-2)), axis=-2)
    h = n // 2
    if lower:
        first = _substitute(xp, a[..., :h, :h], b[..., :h, :], lower)
        second = _substitute(xp, a[..., h:, h:], b[..., h:, :] - xp.matmul(a[..., h:, :h], first), lower)
    else:
        second = _substitute(xp, a[..., h:, h:], b[..., h:, :], lower)
        first = _substitute(xp, a[..., :h, :h], b[..., :h, :] - xp.matmul(a[..., :h, h:], second), lower)
    return xp.concat([first, second], axis=-2)


@lapack("tridiagonal_solve", _SINGULAR)
def tridiagonal_solve(xp: Any, lower: Raw, diagonal: Raw, upper: Raw, b: Raw) -> Raw:
    """Gauss' elimination with exchanges of neighbours, on stacks of one shape in front; lower[0], upper[-1] unread."""
    n = diagonal.shape[-1]
    if not n:
        return b
    nothing = xp.zeros_like(diagonal[..., 0])
    pivots, rows = [], []
    p, q, y = diagonal[..., 0], upper[..., 0] if n > 1 else nothing, b[..., 0, :]
    for i in range(1, n):
        below = (lower[..., i], diagonal[..., i], upper[..., i] if i < n - 1 else nothing)
        swap = xp.abs(below[0]) > xp.abs(p)
        top = [xp.where(swap, u, v) for u, v in zip(below, (p, q, nothing), strict=True)]
        rest = [xp.where(swap, v, u) for u, v in zip(below, (p, q, nothing), strict=True)]
        high, low = (xp.where(swap[..., None], u, v) for u, v in ((b[..., i, :], y), (y, b[..., i, :])))
        pivots.append(top)
        rows.append(high)
        factor = rest[0] / _nonzero(xp, top[0])
        p, q, y = rest[1] - factor * top[1], rest[2] - factor * top[2], low - factor[..., None] * high
    pivots.append([_nonzero(xp, p), nothing, nothing])
    rows.append(y)
    for i in range(n - 1, -1, -1):
        first, second, third = pivots[i]
        for k, factor in enumerate((second, third), i + 1):
            if k < n:
                rows[i] = rows[i] - factor[..., None] * rows[k]
        rows[i] = rows[i] / first[..., None]
    return xp.stack(rows, axis=-2)


def _nonzero(xp: Any, pivot: Raw) -> Raw:
    if bool(xp.any(pivot == 0)):
        raise numpy.linalg.LinAlgError("singular matrix")
    return pivot


@lapack("solve_sylvester", "There is one solution where no eigenvalue of a is that of -b.")
def sylvester(xp: Any, a: Raw, b: Raw, q: Raw) -> Raw:
    """The x with a x + x b = q: of large matrices by SciPy where it is, else by the system of x's elements."""
    n, m = q.shape[-2:]
    if n * m > _ELEMENTS and xp is numpy and importlib.util.find_spec("scipy") is not None:
        scipy = importlib.import_module("scipy.linalg")
        stacks = [numpy.reshape(part, (-1, *part.shape[-2:])) for part in (a, b, q)]
        found = [scipy.solve_sylvester(*one) for one in zip(*stacks, strict=True)]
        return numpy.reshape(numpy.stack(found).astype(q.dtype), q.shape)
    left = a[..., :, None, :, None] * eye_like(xp, b)[:, None, :]
    right = eye_like(xp, a)[:, None, :, None] * xp.matrix_transpose(b)[..., None, :, None, :]
    system = xp.reshape(left + right, (*q.shape[:-2], n * m, n * m))
    return xp.reshape(xp.linalg.solve(system, xp.reshape(q, (*q.shape[:-2], n * m, 1))), q.shape)


# ---- factors -----------------------------------------------------------------------------------


@lapack("cholesky", "The matrix must be Hermitian with positive eigenvalues alone: add a multiple of the identity.")
def cholesky(xp: Any, x: Raw) -> Raw:
    """The lower factor of the Hermitian part."""
    return xp.linalg.cholesky(hermitian_part(xp, x))


@lapack("qr", "Infinities and NaN have no factors.")
def qr(xp: Any, x: Raw, *, mode: str) -> Raw:
    """Q and R, packed."""
    return pack(xp, x.shape[:-2], *xp.linalg.qr(x, mode=mode))


def lu(xp: Any, x: Raw) -> Raw:
    """Both factors in one matrix, and the row that each row was exchanged with, packed: right-looking, by panels."""
    m, n = x.shape[-2:]
    lead = x.shape[:-2]
    a = xp.reshape(xp.asarray(x, copy=True), (prod(lead), m, n))
    each = xp.arange(a.shape[0])
    pivots = xp.zeros((a.shape[0], min(m, n)), dtype=x.dtype)
    for start in range(0, min(m, n), _PANEL):
        stop = min(start + _PANEL, m, n)
        for k in range(start, stop):
            chosen = k + xp.argmax(_magnitude(xp, a[:, k:, k]), axis=1)
            pivots[:, k] = chosen
            rows = a[each, chosen]
            a[each, chosen] = a[:, k]
            a[:, k] = rows
            pivot = a[:, k, k]
            a[:, k + 1 :, k] /= xp.where(pivot == 0, 1, pivot)[:, None]  # a column of zeros stays one
            a[:, k + 1 :, k + 1 : stop] -= a[:, k + 1 :, k, None] * a[:, k, None, k + 1 : stop]
        if stop < n:
            block = triangular_solve(xp, a[:, start:stop, start:stop], a[:, start:stop, stop:], lower=True, unit=True)
            a[:, start:stop, stop:] = block
            a[:, stop:, stop:] -= xp.matmul(a[:, stop:, start:stop], block)
    return pack(xp, lead, xp.reshape(a, x.shape), xp.reshape(pivots, (*lead, min(m, n))))


def _magnitude(xp: Any, x: Raw) -> Raw:
    """The size by which LAPACK chooses pivots: of complex numbers |Re| + |Im|."""
    return xp.abs(xp.real(x)) + xp.abs(xp.imag(x)) if is_complex(dtype_of(x)) else xp.abs(x)


def permutation(xp: Any, pivots: Raw, *, rows: int) -> Raw:
    """The rows in the order in which exchanges one after the other put them."""
    lead, count = pivots.shape[:-1], pivots.shape[-1]
    swaps = xp.reshape(pivots, (prod(lead), count))
    each = xp.arange(swaps.shape[0])
    found = xp.zeros((swaps.shape[0], rows), dtype=xp.int64) + xp.arange(rows, dtype=xp.int64)
    for k in range(count):
        other = found[each, swaps[:, k]]
        found[each, swaps[:, k]] = found[:, k]
        found[:, k] = other
    return xp.reshape(found, (*lead, rows))


# ---- spectra -----------------------------------------------------------------------------------

_DIVERGED = "Infinities and NaN have no decomposition: look for them with config.debug_nans."


@lapack("eigh", _DIVERGED)
def eigh(xp: Any, x: Raw) -> Raw:
    """Eigenvalues and eigenvectors of the Hermitian part, packed."""
    return pack(xp, x.shape[:-2], *xp.linalg.eigh(hermitian_part(xp, x)))


@lapack("eigvalsh", _DIVERGED)
def eigvalsh(xp: Any, x: Raw) -> Raw:
    """The eigenvalues of the Hermitian part."""
    return xp.linalg.eigvalsh(hermitian_part(xp, x))


@lapack("eig", _DIVERGED)
def eig(xp: Any, x: Raw, *, dtype: Any) -> Raw:
    """Eigenvalues and right eigenvectors, complex, packed."""
    values, vectors = _on_host(xp, "eig", x)
    return pack(xp, x.shape[:-2], xp.astype(values, dtype), xp.astype(vectors, dtype))


@lapack("eigvals", _DIVERGED)
def eigvals(xp: Any, x: Raw, *, dtype: Any) -> Raw:
    """The eigenvalues, complex."""
    (values,) = _on_host(xp, "eigvals", x)
    return xp.astype(values, dtype)


def _on_host(xp: Any, name: str, x: Raw) -> tuple[Raw, ...]:
    """A function of the module's `linalg`; by NumPy where the module has none, as CuPy had none of eig before 14."""
    function = getattr(xp.linalg, name, None)
    there = device_of(x)
    if function is not None:
        found = function(x)
        return found if isinstance(found, tuple) else (found,)
    found = getattr(numpy.linalg, name)(move(x, CPU))
    return tuple(move(part, there) for part in (found if isinstance(found, tuple) else (found,)))


@lapack("svd", _DIVERGED)
def svd(xp: Any, x: Raw, *, full: bool) -> Raw:
    """U, the singular values, V^H, packed."""
    return pack(xp, x.shape[:-2], *xp.linalg.svd(x, full_matrices=full))


@lapack("svdvals", _DIVERGED)
def svdvals(xp: Any, x: Raw) -> Raw:
    """The singular values, the largest first."""
    return xp.linalg.svdvals(x)


# ---- determinants ------------------------------------------------------------------------------


@lapack("det", _DIVERGED)
def det(xp: Any, x: Raw) -> Raw:
    """The determinant."""
    return xp.linalg.det(x)


@lapack("slogdet", _DIVERGED)
def slogdet(xp: Any, x: Raw) -> Raw:
    """The determinant's sign (or phase) and the logarithm of its modulus, packed."""
    sign, logarithm = xp.linalg.slogdet(x)
    return pack(xp, x.shape[:-2], sign, logarithm)


@lapack("adjugate", _DIVERGED)
def adjugate(xp: Any, x: Raw) -> Raw:
    """The transpose of the cofactors, which is det(x) x^-1 where there is an inverse.

    Of x = U S V^H it is det(U) det(V^H) V adj(S) U^H, and adj(S) has the products of all other singular values.
    """
    if not x.shape[-1]:
        return x
    eps = float(numpy.finfo(dtype_of(x)).eps)
    try:
        inverse = xp.linalg.inv(x)
        condition = _size(xp, x) * _size(xp, inverse)
        if bool(xp.all(condition < eps**-0.25)):
            return xp.linalg.det(x)[..., None, None] * inverse
    except numpy.linalg.LinAlgError:
        pass  # singular: by the singular values, as where it is nearly so
    u, s, vh = xp.linalg.svd(x, full_matrices=False)
    whole = xp.eye(s.shape[-1], dtype=xp.bool, device=x.device)
    others = xp.prod(xp.where(whole, xp.ones_like(s)[..., None, :], s[..., None, :]), axis=-1)
    scale = xp.linalg.det(u) * xp.linalg.det(vh)
    v = adjoint(xp, vh) * xp.astype(others[..., None, :], x.dtype)
    return scale[..., None, None] * xp.matmul(v, adjoint(xp, u))


def _size(xp: Any, x: Raw) -> Raw:
    return xp.sqrt(xp.sum(xp.abs(x) ** 2, axis=(-2, -1)))


@lapack("pinv", _DIVERGED)
def pinv(xp: Any, x: Raw, rtol: Raw) -> Raw:
    """The pseudo-inverse; singular values up to rtol times the largest one count as zero."""
    u, s, vh = xp.linalg.svd(x, full_matrices=False)
    if not s.shape[-1]:
        return xp.matrix_transpose(x)
    limit = rtol if isinstance(rtol, SCALARS) else xp.astype(rtol, s.dtype)[..., None]
    zero = s <= limit * s[..., :1]
    inverse = xp.where(zero, xp.zeros_like(s), 1 / xp.where(zero, xp.ones_like(s), s))
    return xp.matmul(adjoint(xp, vh) * xp.astype(inverse[..., None, :], x.dtype), adjoint(xp, u))
