"""Equations of matrices, and systems whose matrix has a form of its own."""

from __future__ import annotations

from typing import Any

from ...core import Array
from ...dtypes import is_complex
from ...errors import ShapeError
from ...numpy import fft
from ...numpy import linalg as _linalg
from ...ops.create import promote_all, to_inexact
from ...ops.linalg import solve as systems
from ...ops.linalg.matrices import adjoint, conjugate, identity, square
from ...ops.precision import widened
from .special_matrices import toeplitz

__all__ = [
    "orthogonal_procrustes",
    "solve_circulant",
    "solve_continuous_lyapunov",
    "solve_discrete_lyapunov",
    "solve_lyapunov",
    "solve_sylvester",
    "solve_toeplitz",
]


@widened
def solve_sylvester(a: Any, b: Any, q: Any) -> Array:
    """The solution x of a x + x b = q.

    Args:
        a: shape (..., n, n).
        b: shape (..., m, m).
        q: shape (..., n, m).

    Raises:
        ShapeError: sizes that do not fit.
        LinearAlgebraError: an eigenvalue of a is that of -b.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.solve_sylvester(fnp.eye(2), fnp.eye(2), fnp.ones((2, 2)))
    Array([[0.5, 0.5],
           [0.5, 0.5]], dtype=float32)
    """
    operands = [to_inexact(v) for v in promote_all((a, b, q))]
    systems.sylvester.primitive.infer_of(operands, {})  # whether they fit
    return systems.sylvester(*operands)


@widened
def solve_continuous_lyapunov(a: Any, q: Any) -> Array:
    """The solution x of a x + x a^H = q.

    Args:
        a, q: shape (..., n, n).

    Raises:
        ShapeError: sizes that do not fit.
        LinearAlgebraError: two eigenvalues of a whose conjugates add up to zero.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.solve_continuous_lyapunov(fnp.eye(1), fnp.ones((1, 1)))
    Array([[0.5]], dtype=float32)
    """
    matrix, right = promote_all((a, q))
    return solve_sylvester(matrix, adjoint(matrix), right)


solve_lyapunov = solve_continuous_lyapunov


@widened
def solve_discrete_lyapunov(a: Any, q: Any, method: str | None = None) -> Array:
    """The solution x of a x a^H - x + q = 0, by the system of its elements.

    Args:
        a, q: shape (n, n).
        method: of SciPy; there is one way here.

    Raises:
        ShapeError: sizes that do not fit.
        LinearAlgebraError: two eigenvalues of a, one conjugated, whose product is 1.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.solve_discrete_lyapunov(0.5 * fnp.eye(1), fnp.ones((1, 1))).round(3)
    Array([[1.333]], dtype=float32)
    """
    matrix, right = (to_inexact(v) for v in promote_all((a, q)))
    square("solve_discrete_lyapunov", matrix)
    n = matrix.shape[-1]
    if matrix.ndim != 2 or right.shape != matrix.shape:
        raise ShapeError(f"solve_discrete_lyapunov: the shapes {matrix.shape} and {right.shape} must be one (n, n)")
    pairs = (matrix[:, None, :, None] * conjugate(matrix)[None, :, None, :]).reshape((n * n, n * n))
    return _linalg.solve(identity(n * n, matrix) - pairs, right.reshape((n * n,))).reshape((n, n))


@widened
def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: bool = True) -> Array:
    """The solution x of toeplitz(c, r) x = b, as that of any matrix.

    Args:
        c_or_cr: the first column c, or (c, r) with the first row.
        b: shape (n,) or (n, k).

    Raises:
        ShapeError: sizes that do not fit.
        LinearAlgebraError: a singular matrix.

    >>> import funcgrad.scipy.linalg as linalg
    >>> linalg.solve_toeplitz([2.0, 0.0], [2.0, 4.0])
    Array([1., 2.], dtype=float32)
    """
    c, r = c_or_cr if isinstance(c_or_cr, tuple) else (c_or_cr, None)
    return _linalg.solve(toeplitz(c, r), b)


@widened
def solve_circulant(c: Any, b: Any) -> Array:
    """The solution x of circulant(c) x = b, by Fourier transforms.

    Args:
        c: shape (n,), whose transform has no zero.
        b: shape (n,) or (n, k).

    Raises:
        ShapeError: sizes that do not fit.

    >>> import funcgrad.scipy.linalg as linalg
    >>> linalg.solve_circulant([2.0, 0.0], [2.0, 4.0]).round(3)
    Array([1., 2.], dtype=float32)
    """
    first, right = (to_inexact(v) for v in promote_all((c, b)))
    if first.ndim != 1 or right.ndim not in (1, 2) or right.shape[0] != first.shape[0]:
        raise ShapeError(
            f"solve_circulant: c of (n,) and b of (n,) or (n, k) are needed, not {first.shape}, {right.shape}"
        )
    spectrum: Any = fft.fft(first)
    x: Any = fft.ifft(fft.fft(right, axis=0) / (spectrum if right.ndim == 1 else spectrum[:, None]), axis=0)
    return x if is_complex(right.dtype) else x.real


@widened
def orthogonal_procrustes(A: Any, B: Any, check_finite: bool = True) -> tuple[Array, Array]:
    """The orthogonal (unitary) R for which |A R - B| is smallest.

    Args:
        A, B: shape (m, n).

    Returns:
        (R, scale): shape (n, n), and the sum of the singular values of A^H B.

    Raises:
        ShapeError: other shapes.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.orthogonal_procrustes(fnp.eye(1), -fnp.eye(1))
    (Array([[-1.]], dtype=float32), Array(1., dtype=float32))

    Source: P. Schoenemann, A generalized solution of the orthogonal Procrustes problem, Psychometrika 31 (1966).
    """
    a, b = (to_inexact(v) for v in promote_all((A, B)))
    if a.ndim != 2 or a.shape != b.shape:
        raise ShapeError(f"orthogonal_procrustes: two matrices of one shape are needed, not {a.shape} and {b.shape}")
    u, s, vh = _linalg.svd(adjoint(a) @ b)
    return u @ vh, s.sum()
