"""Factors, eigenvalues and singular values, in SciPy's form."""

from __future__ import annotations

from typing import Any

from ...core import Array
from ...errors import OptionError, ShapeError
from ...numpy import linalg as _linalg
from ...ops.create import promote_all, to_inexact
from ...ops.elementwise import real_part
from ...ops.linalg import factorizations, reflections, spectra
from ...ops.linalg.matrices import adjoint, diagonal_matrix, identity, matrix, square
from ...ops.linalg.matrices import lower as _lower
from ...ops.linalg.matrices import upper as _upper
from ...ops.linalg.solve import solve_right, triangular_solve
from ...ops.precision import widened
from ...ops.shape import pad

__all__ = [
    "cho_factor",
    "cholesky",
    "eig",
    "eigh",
    "eigh_tridiagonal",
    "eigvals",
    "eigvalsh",
    "eigvalsh_tridiagonal",
    "hessenberg",
    "lu",
    "lu_factor",
    "polar",
    "qr",
    "svd",
    "svdvals",
]


@widened
def cholesky(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """The triangular factor of a positive definite matrix: a = U^H U, or L L^H.

    Args:
        a: shape (..., n, n); the factor is that of (a + a^H) / 2.
        lower: L instead of U.

    Raises:
        ShapeError: the matrices are not square.
        LinearAlgebraError: a matrix is not positive definite.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.cholesky(fnp.asarray([[4.0, 2.0], [2.0, 2.0]]))
    Array([[2., 1.],
           [0., 1.]], dtype=float32)
    """
    return _linalg.cholesky(a, upper=not lower)


@widened
def cho_factor(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Array, bool]:
    """Cholesky's factor for `cho_solve`, and whether it is the lower one; arguments as for `cholesky`.

    The other triangle holds zeros, where SciPy leaves anything.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.cho_factor(fnp.asarray([[4.0]]))
    (Array([[2.]], dtype=float32), False)
    """
    return cholesky(a, lower), lower


@widened
def qr(
    a: Any,
    overwrite_a: bool = False,
    lwork: int | None = None,
    mode: str = "full",
    pivoting: bool = False,
    check_finite: bool = True,
) -> Any:
    """The factors of a = Q R; see `funcgrad.numpy.linalg.qr`.

    Args:
        a: shape (..., m, n).
        mode: "full" for a square Q, "economic" for min(m, n) columns, "r" for (R,) of the full form.
        pivoting: not to be had: with exchanges of columns Q and R jump where two columns change their order.

    Returns:
        (Q, R), or (R,).

    Raises:
        OptionError: another mode, or pivoting.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> q, r = linalg.qr(fnp.ones((3, 2)), mode="economic")
    >>> q.shape, r.shape
    ((3, 2), (2, 2))
    """
    if mode not in ("full", "economic", "r"):
        raise OptionError(f"qr: the mode is 'full', 'economic' or 'r', not {mode!r}")
    if pivoting:
        raise OptionError("qr: pivoting is not to be had; the singular values (svd) tell the rank as well")
    x = to_inexact(a)
    q, r = factorizations.orthogonal(x, complete=mode != "economic")
    return (r,) if mode == "r" else (q, r)


def _unit_lower(factors: Any) -> Any:
    """The factor L, (..., m, k)."""
    m, n = factors.shape[-2:]
    k = min(m, n)
    below = _lower(factors[..., :, :k], k=-1)
    one = pad(identity(k, factors), widths=((0, m - k), (0, 0)))
    return below + one


@widened
def lu(
    a: Any, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True, p_indices: bool = False
) -> Any:
    """The triangular factors of a = P L U, with rows exchanged for the largest pivots.

    The derivative is that without another exchange, and asks for independent columns (or rows) in front.

    Args:
        a: shape (..., m, n); k is the smaller of m and n.
        permute_l: (P L, U) instead of (P, L, U).
        p_indices: P as the indices p with a = L[p] U.

    Returns:
        P (..., m, m), L (..., m, k) with ones on its diagonal, U (..., k, n).

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> p, l, u = linalg.lu(fnp.asarray([[1.0, 2.0], [2.0, 2.0]]))
    >>> u
    Array([[2., 2.],
           [0., 1.]], dtype=float32)
    """
    x = to_inexact(a)
    matrix("lu", x)
    m, n = x.shape[-2:]
    factors, pivots = factorizations.decomposed(x)
    left, right = _unit_lower(factors), _upper(factors[..., : min(m, n), :], k=0)
    place = factorizations.inverse_permutation(factorizations.permutation(pivots, rows=m))
    if permute_l:
        return factorizations.permuted(left, place), right
    if p_indices:
        return place, left, right
    one = real_part(identity(m, x)).broadcast_to((*x.shape[:-2], m, m))
    return factorizations.permuted(one, place), left, right


@widened
def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Array, Array]:
    """The triangular factors of a in one matrix, and the exchanges of rows, for `lu_solve`.

    Args:
        a: shape (..., m, n).

    Returns:
        (lu, piv): L below the diagonal of lu (its own is of ones) and U on and above it; row i was exchanged with row
        piv[i], int64.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.lu_factor(fnp.asarray([[1.0, 2.0], [2.0, 2.0]]))[1]
    Array([1, 1], dtype=int64)
    """
    x = to_inexact(a)
    matrix("lu_factor", x)
    return factorizations.decomposed(x)


# ---- spectra -----------------------------------------------------------------------------------


@widened
def svd(
    a: Any,
    full_matrices: bool = True,
    compute_uv: bool = True,
    overwrite_a: bool = False,
    check_finite: bool = True,
    lapack_driver: str = "gesdd",
) -> Any:
    """The singular value decomposition; see `funcgrad.numpy.linalg.svd`."""
    return _linalg.svd(a, full_matrices, compute_uv)


@widened
def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """The singular values of a matrix, in descending order."""
    return _linalg.svdvals(a)


@widened
def eig(
    a: Any,
    b: Any = None,
    left: bool = False,
    right: bool = True,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """The eigenvalues of a square matrix, and its right eigenvectors; see `funcgrad.numpy.linalg.eig`.

    Args:
        a: shape (..., n, n).
        b: a second matrix, not singular: the values and vectors of a v = w b v.
        right: whether the vectors are returned.
        left: not to be had: the left eigenvectors are the right ones of a^H.

    Returns:
        (w, v), or w.
    """
    if left:
        raise OptionError("eig: left eigenvectors are the right ones of the conjugate transpose: eig(a.conj().mT)")
    if b is not None:
        a = _linalg.solve(b, a)
    return tuple(_linalg.eig(a)) if right else _linalg.eigvals(a)


@widened
def eigvals(a: Any, b: Any = None, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """The eigenvalues of a square matrix, complex, in no order; arguments as for `eig`."""
    return eig(a, b, right=False)


@widened
def eigh(
    a: Any,
    b: Any = None,
    *,
    lower: bool = True,
    eigvals_only: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    type: int = 1,
    check_finite: bool = True,
    subset_by_index: Any = None,
    subset_by_value: Any = None,
    driver: str | None = None,
) -> Any:
    """The eigenvalues of a Hermitian matrix in ascending order, and its eigenvectors.

    Args:
        a: shape (..., n, n); the matrix is (a + a^H) / 2, so `lower` does not matter.
        b: a positive definite matrix, for the generalised problem.
        eigvals_only: without the vectors.
        type: 1 for a v = w b v, 2 for a b v = w v, 3 for b a v = w v. Vectors have v^H b v = 1 (types 1 and 2), or
            v^H b^-1 v = 1.
        subset_by_index: the first and the last of the values to return.
        subset_by_value: not to be had: how many values lie in an interval, the values decide.

    Returns:
        (w, v), or w.

    Raises:
        ShapeError: the matrices are not square.
        LinearAlgebraError: b is not positive definite.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.eigh(fnp.eye(2), 2 * fnp.eye(2), eigvals_only=True).round(3)
    Array([0.5, 0.5], dtype=float32)
    """
    if subset_by_value is not None:
        raise OptionError("eigh: no subset_by_value; compute all eigenvalues and choose among them by where")
    if type not in (1, 2, 3):
        raise OptionError(f"eigh: type is 1, 2 or 3, not {type!r}")
    factor = None
    if b is None:
        x = to_inexact(a)
        square("eigh", x)
    else:
        x, other = (to_inexact(v) for v in promote_all((a, b)))
        square("eigh", x)
        factor = _linalg.cholesky(other)
        if type == 1:
            x = solve_right(triangular_solve(factor, x, lower=True, unit=False), adjoint(factor), lower=False)
        else:
            x = adjoint(factor) @ x @ factor
    first, last = (0, x.shape[-1] - 1) if subset_by_index is None else subset_by_index
    if eigvals_only:
        return _linalg.eigvalsh(x)[..., first : last + 1]
    w, v = spectra.eigen(x)
    if factor is not None:
        v = factor @ v if type == 3 else triangular_solve(adjoint(factor), v, lower=False, unit=False)
    return w[..., first : last + 1], v[..., :, first : last + 1]


@widened
def eigvalsh(a: Any, b: Any = None, *, lower: bool = True, type: int = 1, subset_by_index: Any = None) -> Array:
    """The eigenvalues of a Hermitian matrix in ascending order; arguments as for `eigh`."""
    return eigh(a, b, lower=lower, eigvals_only=True, type=type, subset_by_index=subset_by_index)


@widened
def eigh_tridiagonal(
    d: Any,
    e: Any,
    eigvals_only: bool = False,
    select: str = "a",
    select_range: Any = None,
    check_finite: bool = True,
    tol: float = 0.0,
    lapack_driver: str = "auto",
) -> Any:
    """The eigenvalues of a real symmetric tridiagonal matrix in ascending order, and its eigenvectors.

    It is solved as a full matrix, in n^3 steps.

    Args:
        d: shape (..., n), the diagonal.
        e: shape (..., n - 1), the diagonals beside it.
        eigvals_only: without the vectors.
        select: "a" for all, "i" for those from select_range[0] to select_range[1].

    Returns:
        (w, v), or w.

    Raises:
        ShapeError: sizes that do not fit.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.eigh_tridiagonal(fnp.zeros(2), fnp.ones(1), eigvals_only=True).round(3)
    Array([-1.,  1.], dtype=float32)
    """
    if select not in ("a", "i"):
        raise OptionError(f"eigh_tridiagonal: select is 'a' or 'i', not {select!r}: choose among all values by where")
    middle, beside = (to_inexact(v) for v in promote_all((d, e)))
    if middle.ndim < 1 or beside.shape != (*middle.shape[:-1], middle.shape[-1] - 1):
        raise ShapeError(f"eigh_tridiagonal: d and e of n and n - 1 elements, not {middle.shape} and {beside.shape}")
    front = ((0, 0),) * (middle.ndim - 1)
    above = pad(diagonal_matrix(beside), widths=(*front, (0, 1), (1, 0)))
    x = diagonal_matrix(middle) + above + above.swapaxes(-1, -2)
    return eigh(x, eigvals_only=eigvals_only, subset_by_index=None if select == "a" else select_range)


def eigvalsh_tridiagonal(d: Any, e: Any, select: str = "a", select_range: Any = None) -> Array:
    """The eigenvalues of a real symmetric tridiagonal matrix; arguments as for `eigh_tridiagonal`."""
    return eigh_tridiagonal(d, e, eigvals_only=True, select=select, select_range=select_range)


@widened
def hessenberg(a: Any, calc_q: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The Hessenberg form H = Q^H a Q of a square matrix, with zeros below its first subdiagonal.

    Args:
        a: shape (..., n, n).
        calc_q: whether Q is returned.

    Returns:
        H, or (H, Q).

    Raises:
        ShapeError: the matrices are not square.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> h, q = linalg.hessenberg(fnp.ones((3, 3)), calc_q=True)
    >>> (q @ h @ q.mT).round(3)
    Array([[1., 1., 1.],
           [1., 1., 1.],
           [1., 1., 1.]], dtype=float32)
    """
    x = to_inexact(a)
    square("hessenberg", x)
    one = identity(x.shape[-1], x).broadcast_to(x.shape)
    if x.shape[-1] < 3:  # has no zeros to make, and stays, as with SciPy
        return (x, one) if calc_q else x
    reduced, vectors, factors = reflections.hessenberg(x)
    return (reduced, reflections.applied(vectors, factors, one, True, False)) if calc_q else reduced


@widened
def polar(a: Any, side: str = "right") -> tuple[Array, Array]:
    """The polar decomposition a = u p (or p u), of orthonormal columns or rows of u and a positive semidefinite p.

    Its derivative is right where singular values coincide.

    Args:
        a: shape (..., m, n).
        side: "right" for a = u p, "left" for a = p u.

    Returns:
        (u, p): u of a's shape, p (..., n, n) or (..., m, m).

    Raises:
        OptionError: another side.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.polar(fnp.asarray([[-2.0]]))
    (Array([[-1.]], dtype=float32), Array([[2.]], dtype=float32))
    """
    if side not in ("right", "left"):
        raise OptionError(f"polar: side is 'right' or 'left', not {side!r}")
    x = to_inexact(a)
    matrix("polar", x)
    left, _, right = spectra.singular_values(x)
    u = left @ right
    return u, (adjoint(u) @ x if side == "right" else x @ adjoint(u))
