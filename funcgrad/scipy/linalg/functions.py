"""Functions of matrices."""

from __future__ import annotations

from typing import Any

from ...core import Array
from ...errors import ShapeError
from ...ops.create import promote_all, to_inexact
from ...ops.linalg import functions
from ...ops.linalg.matrices import square
from ...ops.precision import widened

__all__ = ["expm", "expm_frechet", "logm", "sqrtm"]


def _accepted(name: str, A: Any) -> Any:
    x = to_inexact(A)
    square(name, x)
    return x


@widened
def expm(A: Any) -> Array:
    """The exponential of a matrix, the sum of A^k / k!.

    Args:
        A: shape (..., n, n).

    Raises:
        ShapeError: the matrices are not square.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.expm(fnp.asarray([[0.0, 1.0], [0.0, 0.0]]))
    Array([[1., 1.],
           [0., 1.]], dtype=float32)

    Source: N. Higham, The scaling and squaring method for the matrix exponential revisited, SIAM J. Matrix Anal. Appl.
    26 (2005).
    """
    return functions.expm(_accepted("expm", A))


@widened
def expm_frechet(A: Any, E: Any, method: Any = None, compute_expm: bool = True, check_finite: bool = True) -> Any:
    """The exponential of A, and its derivative along E.

    Args:
        A, E: shape (..., n, n).
        method: of SciPy; there is one way here.
        compute_expm: whether the exponential is returned.

    Returns:
        (expm(A), derivative), or the derivative.

    Raises:
        ShapeError: the matrices are not square, or not of one shape.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.expm_frechet(fnp.zeros((1, 1)), fnp.ones((1, 1)), compute_expm=False)
    Array([[1.]], dtype=float32)
    """
    a, e = (_accepted("expm_frechet", x) for x in promote_all((A, E)))
    if a.shape != e.shape:
        raise ShapeError(f"expm_frechet: A and E must have one shape, not {a.shape} and {e.shape}")
    change = functions.derivative(functions.expm, a, e)
    return (functions.expm(a), change) if compute_expm else change


@widened
def sqrtm(A: Any) -> Array:
    """The principal square root of a matrix: X with X X = A, whose eigenvalues have positive real parts.

    A real matrix has a real root here: where it has eigenvalues below zero, SciPy answers with a complex one, and this
    function asks you to give a complex matrix.

    Args:
        A: shape (..., n, n), without the eigenvalue 0.

    Raises:
        ShapeError: the matrices are not square.
        LinearAlgebraError: a singular matrix, or a real one without a real root.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.sqrtm(fnp.asarray([[4.0, 0.0], [0.0, 9.0]])).round(3)
    Array([[2., 0.],
           [0., 3.]], dtype=float32)

    Source: N. Higham, Functions of Matrices, SIAM 2008, chapter 6.
    """
    return functions.sqrtm(_accepted("sqrtm", A))


@widened
def logm(A: Any) -> Array:
    """The principal logarithm of a matrix: X with expm(X) = A.

    A real matrix has a real logarithm here, as with `sqrtm`.

    Args:
        A: shape (..., n, n), without the eigenvalue 0.

    Raises:
        ShapeError: the matrices are not square.
        LinearAlgebraError: a singular matrix, or a real one without a real logarithm.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.logm(fnp.eye(2)).round(3)
    Array([[0., 0.],
           [0., 0.]], dtype=float32)

    Source: N. Higham, Functions of Matrices, SIAM 2008, chapter 11.
    """
    return functions.logm(_accepted("logm", A))
