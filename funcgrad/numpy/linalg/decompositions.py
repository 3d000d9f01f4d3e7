"""Factors, eigenvalues and singular values."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...core import Array
from ...errors import OptionError
from ...ops.create import to_inexact
from ...ops.linalg import factorizations, spectra
from ...ops.linalg.matrices import adjoint, diagonal, diagonal_matrix, hermitian_part, lower, matrix, square, upper
from ...ops.precision import widened

__all__ = [
    "EigResult",
    "EighResult",
    "QRResult",
    "SVDResult",
    "cholesky",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "qr",
    "svd",
    "svdvals",
]


class EigResult(NamedTuple):
    """What `eig` returns."""

    eigenvalues: Array
    eigenvectors: Array


class EighResult(NamedTuple):
    """What `eigh` returns."""

    eigenvalues: Array
    eigenvectors: Array


class QRResult(NamedTuple):
    """What `qr` returns."""

    Q: Array
    R: Array


class SVDResult(NamedTuple):
    """What `svd` returns."""

    U: Array
    S: Array
    Vh: Array


@widened
def cholesky(x: Any, /, *, upper: bool = False) -> Array:
    """The triangular factor L of a positive definite matrix: x = L L^H.

    Args:
        x: shape (..., n, n), Hermitian (or symmetric) with positive eigenvalues. What it lacks of being Hermitian is
            taken away: the factor, and its derivative, are those of (x + x^H) / 2.
        upper: the upper factor U = L^H instead, with x = U^H U.

    Returns:
        Shape (..., n, n), zeros in the other triangle.

    Raises:
        LinearAlgebraError: a matrix is not positive definite.
        ShapeError: the matrices are not square.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.cholesky(fnp.asarray([[4.0, 2.0], [2.0, 2.0]]))
    Array([[2., 0.],
           [1., 1.]], dtype=float32)
    """
    x = to_inexact(x)
    square("cholesky", x)
    found = factorizations.cholesky(x)
    return adjoint(found) if upper else found


@widened
def qr(x: Any, /, mode: str = "reduced") -> Any:
    """The factors of x = Q R: Q has orthonormal columns, R is upper triangular.

    Args:
        x: shape (..., m, n); k is the smaller of m and n. The first k columns must be independent for a derivative.
        mode: "reduced": Q (..., m, k) and R (..., k, n); "complete": Q (..., m, m) and R (..., m, n), where the columns
            of Q beyond the first k are free to turn among each other; "r": R alone, of the reduced form.

    Returns:
        `QRResult(Q, R)`, or R.

    Raises:
        ShapeError: fewer than two dimensions.
        OptionError: another mode.

    >>> from funcgrad import numpy as fnp
    >>> q, r = fnp.linalg.qr(fnp.asarray([[3.0], [4.0]]))
    >>> abs(round(float(r[0, 0]), 3))
    5.0
    """
    if mode not in ("reduced", "complete", "r"):
        raise OptionError(f"qr: the mode {mode!r} is none of 'reduced', 'complete' and 'r'")
    q, r = factorizations.orthogonal(to_inexact(x), mode == "complete")
    return r if mode == "r" else QRResult(q, r)


def _triangle_read(x: Any, name: str, UPLO: str | None) -> Any:
    """The matrix as it is, or the Hermitian one that has this triangle of it."""
    square(name, x)
    if UPLO is None:
        return x
    if UPLO not in ("L", "U"):
        raise OptionError(f"{name}: UPLO is 'L' or 'U' (or None for the Hermitian part), not {UPLO!r}")
    strict = lower(x, k=-1) if UPLO == "L" else upper(x, k=1)
    return strict + adjoint(strict) + diagonal_matrix(diagonal(x))


@widened
def eigh(x: Any, /, UPLO: str | None = None) -> EighResult:
    """The eigenvalues and eigenvectors of a Hermitian (or symmetric) matrix: x V = V diag(w).

    The derivative is finite where eigenvalues coincide, and right for what does not ask how vectors of equal values
    turn among each other: sums of functions of the eigenvalues, the projector on their span. Complex vectors have no
    phase of their own, so it must not matter to a loss either.

    Args:
        x: shape (..., n, n).
        UPLO: "L" or "U" reads that triangle alone; by default the matrix is (x + x^H) / 2, whose derivative is
            symmetric, too.

    Returns:
        `EighResult(eigenvalues, eigenvectors)`: shape (..., n), real, in ascending order; and (..., n, n), of which
        column i belongs to eigenvalue i.

    Raises:
        ShapeError: the matrices are not square.
        LinearAlgebraError: the iteration does not converge.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.eigh(fnp.asarray([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
    Array([1., 2.], dtype=float32)
    """
    return EighResult(*spectra.eigen(_triangle_read(to_inexact(x), "eigh", UPLO)))


@widened
def eigvalsh(x: Any, /, UPLO: str | None = None) -> Array:
    """The eigenvalues of a Hermitian (or symmetric) matrix, real, in ascending order; arguments as for `eigh`.

    >>> import funcgrad as fg
    >>> fg.grad(lambda x: fg.numpy.linalg.eigvalsh(x)[1])(fg.asarray([[2.0, 0.0], [0.0, 1.0]]))
    Array([[1., 0.],
           [0., 0.]], dtype=float32)
    """
    return spectra.eigvalsh(_triangle_read(to_inexact(x), "eigvalsh", UPLO))


@widened
def eig(x: Any, /) -> EigResult:
    """The eigenvalues and right eigenvectors of a square matrix: x V = V diag(w).

    The derivative is that of distinct eigenvalues. Vectors have norm 1 and a real largest component, and the derivative
    keeps them so.

    Args:
        x: shape (..., n, n).

    Returns:
        `EigResult(eigenvalues, eigenvectors)`, complex also where all eigenvalues are real: shape (..., n), in no
        order; and (..., n, n), of which column i belongs to eigenvalue i.

    Raises:
        ShapeError: the matrices are not square.
        LinearAlgebraError: the iteration does not converge; or a matrix without n eigenvectors is differentiated.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.eig(fnp.asarray([[0.0, 1.0], [-1.0, 0.0]])).eigenvalues
    Array([0.+1.j, 0.-1.j], dtype=complex64)
    """
    x = to_inexact(x)
    square("eig", x)
    return EigResult(*spectra.eigen_general(x))


@widened
def eigvals(x: Any, /) -> Array:
    """The eigenvalues of a square matrix, complex, in no order; see `eig`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.eigvals(fnp.asarray([[2.0, 1.0], [0.0, 2.5]]))
    Array([2. +0.j, 2.5+0.j], dtype=complex64)
    """
    x = to_inexact(x)
    square("eigvals", x)
    return spectra.eigvals(x, dtype=spectra.complex_dtype(x.dtype))


@widened
def svd(x: Any, /, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """The singular value decomposition x = U diag(S) Vh, of orthonormal columns of U and rows of Vh.

    The derivative is finite where singular values coincide or are zero, and right for what does not ask how their
    vectors turn among each other: the singular values' sum, the polar factor U Vh.

    Args:
        x: shape (..., m, n); k is the smaller of m and n.
        full_matrices: U (..., m, m) and Vh (..., n, n); else U (..., m, k) and Vh (..., k, n). The vectors beyond the
            first k are any that complete a basis: a loss must not depend on which.
        compute_uv: the vectors as well; else the singular values alone.
        hermitian: x is Hermitian: of (x + x^H) / 2, whose derivative is, too.

    Returns:
        `SVDResult(U, S, Vh)`, S of shape (..., k) in descending order; or S.

    Raises:
        ShapeError: fewer than two dimensions.
        LinearAlgebraError: the iteration does not converge.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.svd(fnp.asarray([[0.0, 2.0], [1.0, 0.0]]), full_matrices=False).S
    Array([2., 1.], dtype=float32)
    """
    x = to_inexact(x)
    matrix("svd", x)
    if hermitian:
        square("svd", x)
        x = hermitian_part(x)
    if not compute_uv:
        return spectra.svdvals(x)
    return SVDResult(*spectra.singular_values(x, full=bool(full_matrices) and x.shape[-1] != x.shape[-2]))


@widened
def svdvals(x: Any, /) -> Array:
    """The singular values of a matrix, in descending order: shape (..., min(m, n)).

    Their sum is differentiable where they are positive, equal ones included.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.svdvals(fnp.asarray([[0.0, 2.0], [1.0, 0.0]]))
    Array([2., 1.], dtype=float32)
    """
    x = to_inexact(x)
    matrix("svdvals", x)
    return spectra.svdvals(x)
