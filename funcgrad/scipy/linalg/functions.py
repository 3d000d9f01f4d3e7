"""Functions of matrices."""

from __future__ import annotations

from typing import Any

from ...core import Array
from ...dtypes import is_complex
from ...errors import ShapeError
from ...numpy.elementwise import conj
from ...numpy.linalg import solve
from ...ops.create import promote_all, to_inexact
from ...ops.linalg import functions
from ...ops.linalg.matrices import square
from ...ops.precision import widened

__all__ = ["coshm", "cosm", "expm", "expm_frechet", "logm", "sinhm", "sinm", "sqrtm", "tanhm", "tanm"]


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


# ---- circular and hyperbolic functions ---------------------------------------------------------


def _turned(name: str, A: Any) -> tuple[Any, Any]:
    """exp(i A) and exp(-i A); of a real matrix they are conjugate."""
    x = _accepted(name, A)
    if is_complex(x.dtype):
        return functions.expm(x * 1j), functions.expm(x * -1j)
    found: Any = functions.expm(x * 1j)
    return found, conj(found)


def _real_if(x: Any, A: Any) -> Any:
    return x if is_complex(to_inexact(A).dtype) else x.real


@widened
def cosm(A: Any) -> Array:
    """The cosine of a matrix, (exp(i A) + exp(-i A)) / 2.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.cosm(fnp.zeros((1, 1)))
    Array([[1.]], dtype=float32)
    """
    above, below = _turned("cosm", A)
    return _real_if((above + below) / 2, A)


@widened
def sinm(A: Any) -> Array:
    """The sine of a matrix, (exp(i A) - exp(-i A)) / 2i.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.sinm(fnp.zeros((1, 1)))
    Array([[0.]], dtype=float32)
    """
    above, below = _turned("sinm", A)
    return _real_if((above - below) * -0.5j, A)


@widened
def tanm(A: Any) -> Array:
    """The tangent of a matrix, the solution x of cosm(A) x = sinm(A).

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.tanm(fnp.zeros((1, 1)))
    Array([[0.]], dtype=float32)
    """
    return solve(cosm(A), sinm(A))


@widened
def coshm(A: Any) -> Array:
    """The hyperbolic cosine of a matrix, (exp(A) + exp(-A)) / 2.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.coshm(fnp.zeros((1, 1)))
    Array([[1.]], dtype=float32)
    """
    x = _accepted("coshm", A)
    return (functions.expm(x) + functions.expm(-x)) / 2  # type: ignore[no-any-return]


@widened
def sinhm(A: Any) -> Array:
    """The hyperbolic sine of a matrix, (exp(A) - exp(-A)) / 2.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.sinhm(fnp.zeros((1, 1)))
    Array([[0.]], dtype=float32)
    """
    x = _accepted("sinhm", A)
    return (functions.expm(x) - functions.expm(-x)) / 2  # type: ignore[no-any-return]


@widened
def tanhm(A: Any) -> Array:
    """The hyperbolic tangent of a matrix, the solution x of coshm(A) x = sinhm(A).

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.tanhm(fnp.zeros((1, 1)))
    Array([[0.]], dtype=float32)
    """
    return solve(coshm(A), sinhm(A))
