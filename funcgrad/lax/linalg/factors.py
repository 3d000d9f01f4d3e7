"""Factors, spectra, and triangular and tridiagonal systems."""

from __future__ import annotations

from typing import Any

from ...core import Array
from ...errors import OptionError, ShapeError
from ...numpy import linalg as _linalg
from ...numpy.elementwise import sign, where
from ...numpy.manipulation import concat
from ...ops.contract import transposed
from ...ops.create import asarray, promote_all, to_inexact
from ...ops.elementwise import astype
from ...ops.linalg import factorizations, spectra
from ...ops.linalg import solve as systems
from ...ops.linalg.matrices import adjoint, conjugate, diagonal, lower, matrix, square

__all__ = [
    "cholesky",
    "cholesky_update",
    "eig",
    "eigh",
    "lu",
    "lu_pivots_to_permutation",
    "qr",
    "svd",
    "symmetric_product",
    "triangular_solve",
    "tridiagonal_solve",
]


def cholesky(x: Any, *, symmetrize_input: bool = True) -> Array:
    """The lower factor L of a positive definite matrix, x = L L^H.

    Args:
        x: shape (..., n, n).
        symmetrize_input: the factor of (x + x^H) / 2; else only the lower triangle is read.

    Raises:
        ShapeError: the matrices are not square.
        LinearAlgebraError: a matrix is not positive definite.

    >>> import funcgrad.numpy as fnp, funcgrad.lax.linalg as linalg
    >>> linalg.cholesky(fnp.asarray([[4.0, 9.0], [2.0, 2.0]]), symmetrize_input=False)
    Array([[2., 0.],
           [1., 1.]], dtype=float32)
    """
    x = to_inexact(x)
    square("cholesky", x)
    return factorizations.cholesky(x if symmetrize_input else _of_triangle(x))


def _of_triangle(x: Any) -> Any:
    """The Hermitian matrix that has the lower triangle of x."""
    below = lower(x, k=-1)
    return lower(x, k=0) + adjoint(below)


def cholesky_update(r_matrix: Any, w_vector: Any) -> Array:
    """The upper factor of R^T R + w w^T, from R and w.

    Args:
        r_matrix: R, shape (n, n), upper triangular with a positive diagonal.
        w_vector: w, shape (n,).

    Raises:
        ShapeError: sizes that do not fit.

    >>> import funcgrad.numpy as fnp, funcgrad.lax.linalg as linalg
    >>> linalg.cholesky_update(fnp.asarray([[3.0]]), fnp.asarray([4.0])).round(3)
    Array([[5.]], dtype=float32)
    """
    r, w = (to_inexact(v) for v in promote_all((r_matrix, w_vector)))
    square("cholesky_update", r)
    if w.shape != r.shape[:-1]:
        raise ShapeError(f"cholesky_update: the factor {r.shape} and the vector {w.shape} do not fit")
    _, found = factorizations.orthogonal(concat([r, w[..., None, :]], axis=-2), complete=False)
    signs = sign(diagonal(found))
    return where(signs == 0, 1, signs)[..., :, None] * found


def eigh(
    x: Any,
    *,
    lower: bool = True,
    symmetrize_input: bool = True,
    sort_eigenvalues: bool = True,
    subset_by_index: tuple[int, int] | None = None,
) -> tuple[Array, Array]:
    """The eigenvectors of a Hermitian matrix and its eigenvalues, in this order.

    Args:
        x: shape (..., n, n).
        lower: which triangle is read, where x is not made symmetric first.
        symmetrize_input: of (x + x^H) / 2; else one triangle is read.
        sort_eigenvalues: they are in ascending order in any case.
        subset_by_index: those from the first to before the second number.

    Returns:
        (v, w): shape (..., n, n) and (..., n).

    >>> import funcgrad.numpy as fnp, funcgrad.lax.linalg as linalg
    >>> linalg.eigh(2 * fnp.eye(1))[1]
    Array([2.], dtype=float32)
    """
    if symmetrize_input:
        w, v = _linalg.eigh(x)
    else:
        w, v = _linalg.eigh(x, UPLO="L" if lower else "U")
    first, last = (0, w.shape[-1]) if subset_by_index is None else subset_by_index
    return v[..., :, first:last], w[..., first:last]


def eig(x: Any, *, compute_left_eigenvectors: bool = True, compute_right_eigenvectors: bool = True) -> list[Array]:
    """The eigenvalues of a square matrix, and its left and right eigenvectors.

    Left ones are v with v^H x = w v^H, of norm 1: the columns of V^-H, with V the right ones.

    Args:
        x: shape (..., n, n), with n independent eigenvectors where the left ones are asked for.
        compute_left_eigenvectors, compute_right_eigenvectors: which of them the result has.

    Returns:
        [w], then the left and the right vectors that are asked for.

    >>> import funcgrad.numpy as fnp, funcgrad.lax.linalg as linalg
    >>> [part.shape for part in linalg.eig(fnp.eye(2))]
    [(2,), (2, 2), (2, 2)]
    """
    x = to_inexact(x)
    square("eig", x)
    if not (compute_left_eigenvectors or compute_right_eigenvectors):
        return [_linalg.eigvals(x)]
    w, v = spectra.eigen_general(x)
    found = [w]
    if compute_left_eigenvectors:
        left: Any = adjoint(systems.inv(v))
        found.append(left / _linalg.vector_norm(left, axis=-2, keepdims=True))
    return [*found, v] if compute_right_eigenvectors else found


def lu(x: Any) -> tuple[Array, Array, Array]:
    """The triangular factors of a matrix with its rows exchanged for the largest pivots: x[permutation] = L U.

    Args:
        x: shape (..., m, n).

    Returns:
        (lu, pivots, permutation): both factors in one matrix; row i was exchanged with row pivots[i]; the order of rows
        that comes of it.

    >>> import funcgrad.numpy as fnp, funcgrad.lax.linalg as linalg
    >>> linalg.lu(fnp.asarray([[1.0, 2.0], [2.0, 2.0]]))[2]
    Array([1, 0], dtype=int64)
    """
    x = to_inexact(x)
    matrix("lu", x)
    factors, pivots = factorizations.decomposed(x)
    return factors, pivots, factorizations.permutation(pivots, rows=x.shape[-2])


def lu_pivots_to_permutation(pivots: Any, permutation_size: int) -> Array:
    """The order of rows that exchanges one after the other make.

    Args:
        pivots: shape (..., k): row i is exchanged with row pivots[i].
        permutation_size: how many rows there are, at least k.

    Returns:
        int64, shape (..., permutation_size).

    Raises:
        ShapeError: more exchanges than rows.

    >>> import funcgrad.lax.linalg as linalg
    >>> linalg.lu_pivots_to_permutation([1, 2, 2], 3)
    Array([1, 2, 0], dtype=int64)
    """
    swaps = astype(asarray(pivots), "int64")
    if swaps.ndim < 1 or swaps.shape[-1] > permutation_size:
        raise ShapeError(f"lu_pivots_to_permutation: exchanges {swaps.shape} of {permutation_size} rows")
    return factorizations.permutation(swaps, rows=permutation_size)


def qr(x: Any, *, pivoting: bool = False, full_matrices: bool = True) -> tuple[Array, Array]:
    """The factors of x = Q R; see `funcgrad.numpy.linalg.qr`.

    Args:
        x: shape (..., m, n).
        pivoting: not to be had.
        full_matrices: Q square; else of min(m, n) columns.

    Raises:
        OptionError: pivoting.

    >>> import funcgrad.numpy as fnp, funcgrad.lax.linalg as linalg
    >>> linalg.qr(fnp.ones((3, 2)), full_matrices=False)[0].shape
    (3, 2)
    """
    if pivoting:
        raise OptionError("qr: pivoting is not to be had; the singular values (svd) tell the rank as well")
    return factorizations.orthogonal(to_inexact(x), complete=full_matrices)


def svd(x: Any, *, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """The singular value decomposition (U, s, Vh), or s; see `funcgrad.numpy.linalg.svd`."""
    found = _linalg.svd(x, full_matrices, compute_uv)
    return tuple(found) if compute_uv else found


def symmetric_product(
    a_matrix: Any, c_matrix: Any, *, alpha: float = 1.0, beta: float = 0.0, symmetrize_output: bool = False
) -> Array:
    """alpha a a^T + beta c, of a symmetric c.

    Args:
        a_matrix: shape (..., n, k).
        c_matrix: shape (..., n, n).
        alpha, beta: numbers.
        symmetrize_output: the whole product is computed in any case.

    Raises:
        ShapeError: sizes that do not fit.

    >>> import funcgrad.numpy as fnp, funcgrad.lax.linalg as linalg
    >>> linalg.symmetric_product(fnp.ones((1, 2)), fnp.ones((1, 1)), beta=1.0)
    Array([[3.]], dtype=float32)
    """
    a, c = (to_inexact(v) for v in promote_all((a_matrix, c_matrix)))
    matrix("symmetric_product", a)
    if c.shape != (*a.shape[:-1], a.shape[-2]):
        raise ShapeError(f"symmetric_product: a {a.shape} and c {c.shape} do not fit")
    return alpha * (a @ transposed(a)) + beta * c


def triangular_solve(
    a: Any,
    b: Any,
    *,
    left_side: bool = False,
    lower: bool = False,
    transpose_a: bool = False,
    conjugate_a: bool = False,
    unit_diagonal: bool = False,
) -> Array:
    """The solution x of x a = b (or a x = b) of a triangular matrix, of which the other triangle is not read.

    Args:
        a: shape (..., n, n).
        b: shape (..., k, n), or (..., n, k) with `left_side`.
        left_side: a x = b.
        lower: which triangle a is.
        transpose_a, conjugate_a: a's transpose, its conjugate, or both, in place of a.
        unit_diagonal: the diagonal is taken as ones.

    Raises:
        ShapeError: sizes that do not fit.
        LinearAlgebraError: a zero on the diagonal.

    >>> import funcgrad.numpy as fnp, funcgrad.lax.linalg as linalg
    >>> linalg.triangular_solve(fnp.asarray([[2.0]]), fnp.asarray([[4.0]]))
    Array([[2.]], dtype=float32)
    """
    x, y = (to_inexact(v) for v in promote_all((a, b)))
    square("triangular_solve", x)
    if y.ndim < 2 or y.shape[-2 if left_side else -1] != x.shape[-1]:
        raise ShapeError(f"triangular_solve: the matrix {x.shape} and the right-hand sides {y.shape} do not fit")
    if transpose_a:
        x, lower = transposed(x), not lower
    x = conjugate(x) if conjugate_a else x
    if left_side:
        return systems.triangular_solve(x, y, lower=lower, unit=unit_diagonal)
    return systems.solve_right(y, x, lower=lower, unit=unit_diagonal)


def tridiagonal_solve(dl: Any, d: Any, du: Any, b: Any) -> Array:
    """The solution x of a tridiagonal system, in n steps.

    Args:
        dl: shape (..., n): below the diagonal; its first element is not read.
        d: shape (..., n): the diagonal.
        du: shape (..., n): above it; its last element is not read.
        b: shape (..., n, k).

    Raises:
        ShapeError: sizes that do not fit.
        LinearAlgebraError: a singular matrix.

    >>> import funcgrad.numpy as fnp, funcgrad.lax.linalg as linalg
    >>> linalg.tridiagonal_solve(fnp.ones(2), 2 * fnp.ones(2), fnp.ones(2), fnp.ones((2, 1))).round(3)
    Array([[0.333],
           [0.333]], dtype=float32)
    """
    operands = [to_inexact(v) for v in promote_all((dl, d, du, b))]
    systems.tridiagonal_solve.primitive.infer_of(operands, {})  # whether they fit
    return systems.tridiagonal_solve(*operands)
