"""What Householder's reflections make: Q of a QR decomposition, Hessenberg and tridiagonal forms."""

from __future__ import annotations

from typing import Any

from ...core import Array
from ...errors import OptionError, ShapeError
from ...ops.create import promote_all, to_inexact
from ...ops.linalg import reflections
from ...ops.linalg.matrices import hermitian_part, identity, lower, matrix, real_diagonal, square
from ...ops.shape import pad

__all__ = ["hessenberg", "householder_product", "ormqr", "tridiagonal"]


def householder_product(a: Any, taus: Any) -> Array:
    """The first columns of the product of Householder's reflections, as LAPACK's orgqr: Q of a QR decomposition.

    Args:
        a: shape (..., m, n), n <= m: column i below its diagonal is the vector of reflection i, with 1 on the diagonal.
        taus: shape (..., k), k <= n: the reflections' factors, I - tau v v^H.

    Returns:
        Shape (..., m, n).

    Raises:
        ShapeError: sizes that do not fit.

    >>> import funcgrad.numpy as fnp, funcgrad.lax.linalg as linalg
    >>> linalg.householder_product(fnp.zeros((2, 1)), fnp.asarray([2.0]))
    Array([[-1.],
           [ 0.]], dtype=float32)
    """
    x, factors = (to_inexact(v) for v in promote_all((a, taus)))
    matrix("householder_product", x)
    m, n = x.shape[-2:]
    if n > m or factors.shape[:-1] != x.shape[:-2] or factors.shape[-1] > n:
        raise ShapeError(f"householder_product: the vectors {x.shape} and the factors {factors.shape} do not fit")
    one = identity(m, x)[:, :n]
    return reflections.applied(reflections.unit_columns(x), factors, one.broadcast_to(x.shape), True, False)


def ormqr(a: Any, taus: Any, c: Any, *, left: bool = True, transpose: bool = False) -> Array:
    """The product of Q, which Householder's reflections make, and a matrix, without Q itself.

    Args:
        a, taus: as for `householder_product`; Q is square here.
        c: shape (..., m, k), or (..., k, m) where `left` is False.
        left: Q c, else c Q.
        transpose: Q^H in place of Q.

    Raises:
        ShapeError: sizes that do not fit.

    >>> import funcgrad.numpy as fnp, funcgrad.lax.linalg as linalg
    >>> linalg.ormqr(fnp.zeros((2, 1)), fnp.asarray([2.0]), fnp.ones((2, 1)))
    Array([[-1.],
           [ 1.]], dtype=float32)
    """
    x, factors, other = (to_inexact(v) for v in promote_all((a, taus, c)))
    matrix("ormqr", x)
    matrix("ormqr", other)
    if factors.shape[-1] > x.shape[-1] or other.shape[-2 if left else -1] != x.shape[-2]:
        raise ShapeError(f"ormqr: vectors {x.shape}, factors {factors.shape} and the matrix {other.shape} do not fit")
    return reflections.applied(reflections.unit_columns(x), factors, other, left, transpose)


def hessenberg(a: Any) -> tuple[Array, Array]:
    """The reduction of a matrix to Hessenberg form H = Q^H a Q by Householder's reflections, in n steps.

    Args:
        a: shape (..., n, n).

    Returns:
        (a_out, taus): H on and above the first subdiagonal of a_out, and below it the reflections' vectors, whose first
        element 1 is left out; their n - 1 factors.

    >>> import funcgrad.numpy as fnp, funcgrad.lax.linalg as linalg
    >>> linalg.hessenberg(fnp.eye(3))[1]
    Array([0., 0.], dtype=float32)
    """
    x = to_inexact(a)
    square("hessenberg", x)
    reduced, vectors, factors = reflections.hessenberg(x)
    return reduced + _below(vectors, x), factors


def _below(vectors: Any, x: Any) -> Any:
    """The reflections' vectors, as LAPACK keeps them: in the columns that they have made zero."""
    n = x.shape[-1]
    if n < 2:
        return x * 0
    return lower(pad(vectors, widths=((0, 0),) * (x.ndim - 1) + ((0, 1),)), k=-2)


def tridiagonal(a: Any, *, lower: bool = True) -> tuple[Array, Array, Array, Array]:
    """The reduction of a Hermitian matrix to tridiagonal form Q^H a Q by Householder's reflections, in n steps.

    Args:
        a: shape (..., n, n); of (a + a^H) / 2.
        lower: the vectors are kept in the lower triangle; there is no other way here.

    Returns:
        (a_out, d, e, taus): the reflections' vectors below the first subdiagonal of a_out; the diagonal and the
        subdiagonal, real; the n - 1 factors.

    Raises:
        OptionError: the upper triangle is asked for.

    >>> import funcgrad.numpy as fnp, funcgrad.lax.linalg as linalg
    >>> linalg.tridiagonal(fnp.eye(2))[1]
    Array([1., 1.], dtype=float32)
    """
    if not lower:
        raise OptionError("tridiagonal: lower=True is the only form; it reads the whole matrix")
    x = to_inexact(a)
    square("tridiagonal", x)
    reduced, vectors, factors = reflections.hessenberg(hermitian_part(x))
    return reduced + _below(vectors, x), real_diagonal(reduced), real_diagonal(reduced[..., 1:, :-1]), factors
