"""Linear systems, inverses, determinants, least squares."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from ...core import Array
from ...errors import ShapeError
from ...ops.create import asarray, promote_all, to_inexact
from ...ops.elementwise import real_part
from ...ops.linalg import determinants, spectra
from ...ops.linalg import solve as systems
from ...ops.linalg.matrices import hermitian_part, matrix, square, unpack
from ...ops.precision import widened
from ...ops.shape import normalize_axis
from ..elementwise import abs
from ..manipulation import moveaxis
from ..reductions import max, sum

__all__ = [
    "SlogdetResult",
    "det",
    "inv",
    "lstsq",
    "matrix_rank",
    "pinv",
    "slogdet",
    "solve",
    "tensorinv",
    "tensorsolve",
]


class SlogdetResult(NamedTuple):
    """What `slogdet` returns."""

    sign: Array
    logabsdet: Array


@widened
def solve(x: Any, y: Any, /) -> Array:
    """The solution of the linear systems x z = y.

    Args:
        x: shape (..., n, n), not singular.
        y: shape (n,), one right-hand side for all matrices; or (..., n, k), whose leading axes broadcast with x's.

    Returns:
        Shape (..., n) or (..., n, k).

    Raises:
        ShapeError: matrices that are not square, or sizes that do not fit.
        LinearAlgebraError: a singular matrix.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.solve(fnp.asarray([[2.0, 0.0], [0.0, 4.0]]), fnp.asarray([2.0, 2.0]))
    Array([1. , 0.5], dtype=float32)
    """
    a, b = (to_inexact(v) for v in promote_all((x, y)))
    square("solve", a)
    if b.ndim == 1:
        if b.shape[0] != a.shape[-1]:
            raise ShapeError(f"solve: the matrix {a.shape} and the right-hand side {b.shape} do not fit")
        return systems.solve(a, b.reshape((-1, 1)))[..., 0]
    if b.ndim == 0:
        raise ShapeError("solve: the right-hand side is a number; a vector or matrices are needed")
    return systems.solve(a, b)


@widened
def inv(x: Any, /) -> Array:
    """The inverse of a square matrix; to solve a system `solve` is faster and more exact.

    Args:
        x: shape (..., n, n), not singular.

    Raises:
        ShapeError: the matrices are not square.
        LinearAlgebraError: a singular matrix.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.inv(fnp.asarray([[2.0, 0.0], [0.0, 4.0]]))
    Array([[0.5 , 0.  ],
           [0.  , 0.25]], dtype=float32)
    """
    x = to_inexact(x)
    square("inv", x)
    return systems.inv(x)


@widened
def det(x: Any, /) -> Array:
    """The determinant of a square matrix; first and second derivatives are right for singular matrices, too.

    Args:
        x: shape (..., n, n).

    Returns:
        Shape (...).

    Raises:
        ShapeError: the matrices are not square.

    >>> import funcgrad as fg
    >>> fg.grad(fg.numpy.linalg.det)(fg.asarray([[1.0, 2.0], [2.0, 4.0]])).round(3)
    Array([[ 4., -2.],
           [-2.,  1.]], dtype=float32)
    """
    x = to_inexact(x)
    square("det", x)
    return determinants.det(x)


@widened
def slogdet(x: Any, /) -> SlogdetResult:
    """The determinant as a sign and the logarithm of its modulus, which neither overflows nor vanishes.

    Args:
        x: shape (..., n, n).

    Returns:
        `SlogdetResult(sign, logabsdet)`, det = sign * exp(logabsdet); the sign of a complex matrix has modulus one. A
        singular matrix has the sign 0 and the logarithm -inf.

    Raises:
        ShapeError: the matrices are not square.
        LinearAlgebraError: a singular matrix is differentiated.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.slogdet(fnp.asarray([[0.0, 1.0], [1.0, 0.0]])).sign
    Array(-1., dtype=float32)
    """
    x = to_inexact(x)
    square("slogdet", x)
    sign, logarithm = unpack(determinants.slogdet(x), (), ())
    return SlogdetResult(sign, real_part(logarithm))


def pinv(x: Any, /, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Array:
    """The pseudo-inverse of a matrix (Moore and Penrose).

    Its derivative is that among matrices of equal rank. So of a matrix of full rank all derivatives are right, and of
    another the first one is, if the singular values that count as zero are no more than rounding.

    Args:
        x: shape (..., m, n).
        rcond, rtol: two names of one thing: singular values up to this times the largest one count as zero; a number,
            or one for each matrix. By default max(m, n) times the dtype's rounding.
        hermitian: x is Hermitian: of (x + x^H) / 2, whose derivative is, too.

    Returns:
        Shape (..., n, m).

    Raises:
        ShapeError: fewer than two dimensions.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.pinv(fnp.asarray([[2.0, 0.0], [0.0, 0.0]])).round(3)
    Array([[0.5, 0. ],
           [0. , 0. ]], dtype=float32)
    """
    x = to_inexact(x)
    matrix("pinv", x)
    tolerance = rcond if rtol is None else rtol
    if tolerance is None:
        tolerance = rounding(x)
    if hermitian:
        square("pinv", x)
    return systems.pinv(hermitian_part(x) if hermitian else x, _constant(tolerance, x))


def rounding(x: Any) -> float:
    """max(m, n) times the rounding of the dtype: relative to the largest singular value, the next ones' noise."""
    return float(sorted((1, *x.shape[-2:]))[-1] * np.finfo(x.dtype if x.dtype.itemsize > 2 else np.float32).eps)


def _constant(tolerance: Any, x: Any) -> Any:
    """A relative tolerance as an array with x's leading axes."""
    found = asarray(tolerance, spectra.real_dtype(x.dtype), device=x.device)
    return found.broadcast_to(x.shape[:-2]) if found.ndim else found


@widened
def matrix_rank(x: Any, /, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Array:
    """How many singular values of a matrix are not zero.

    Args:
        x: shape (..., m, n); NumPy's case of a vector: whether it has an element that is not zero.
        tol: up to this singular values count as zero.
        hermitian: x is Hermitian, so that its eigenvalues serve.
        rtol: the same, relative to the largest one; by default max(m, n) times the dtype's rounding.

    Returns:
        int64, shape (...); a constant to derivatives.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.matrix_rank(fnp.ones((3, 3)))
    Array(1, dtype=int64)
    """
    x = to_inexact(x)
    if x.ndim < 2:
        return (x != 0).any().astype("int64")
    if hermitian:
        square("matrix_rank", x)
    values: Any = abs(spectra.eigvalsh(x)) if hermitian else spectra.svdvals(x)
    if not values.shape[-1]:
        return sum(values != 0, -1)
    if tol is None:
        relative: Any = _constant(rounding(x) if rtol is None else rtol, x)
        tol = max(values, -1) * relative
    limit: Any = asarray(tol)
    return sum(values > limit[..., None], -1)


@widened
def lstsq(a: Any, b: Any, /, rcond: Any = None) -> tuple[Array, Array, Array, Array]:
    """The least-squares solution of a x = b, the shortest one where there are several.

    Args:
        a: shape (m, n).
        b: shape (m,) or (m, k).
        rcond: singular values of a up to this times the largest count as zero; by default max(m, n) times the dtype's
            rounding. -1 counts none.

    Returns:
        (x, residuals, rank, s): x of shape (n,) or (n, k); the sums of |a x - b|^2, shape (1,) or (k,), or empty where
        the rank is below n or m <= n; the rank, int64; the singular values of a.

    Raises:
        ShapeError: other dimensions, or sizes that do not fit.

    >>> from funcgrad import numpy as fnp
    >>> x, residuals, rank, s = fnp.linalg.lstsq(fnp.asarray([[1.0], [1.0]]), fnp.asarray([1.0, 3.0]))
    >>> x.round(3), residuals.round(3)
    (Array([2.], dtype=float32), Array([2.], dtype=float32))
    """
    a, b = (to_inexact(v) for v in promote_all((a, b)))
    if a.ndim != 2 or b.ndim not in (1, 2) or a.shape[0] != b.shape[0]:
        raise ShapeError(f"lstsq: a matrix (m, n) and (m,) or (m, k) are needed, not the shapes {a.shape}, {b.shape}")
    m, n = a.shape
    rcond = rounding(a) if rcond is None else rcond
    columns: Any = b.reshape((m, 1)) if b.ndim == 1 else b
    x: Any = pinv(a, rcond) @ columns
    s = spectra.svdvals(a)
    rank = matrix_rank(a, rtol=rcond)
    if m <= n or int(rank) < n:
        residuals: Any = columns[:0].reshape((0,))
    else:
        distance: Any = abs(a @ x - columns)
        residuals = sum(distance * distance, 0)
    return (x[:, 0] if b.ndim == 1 else x), real_part(residuals), rank, s


@widened
def tensorinv(a: Any, /, ind: int = 2) -> Array:
    """The inverse under `tensordot`: tensordot(tensorinv(a), a, ind) is the identity.

    Args:
        a: an array whose first `ind` axes have as many elements as the others.
        ind: how many axes are rows; positive.

    Raises:
        ShapeError: the two counts differ.
        LinearAlgebraError: a singular one.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.tensorinv(fnp.eye(6).reshape(2, 3, 6)).shape
    (6, 2, 3)
    """
    a = to_inexact(a)
    rows, columns = a.shape[:ind], a.shape[ind:]
    if ind <= 0 or prod(rows) != prod(columns):
        raise ShapeError(
            f"tensorinv: the first {ind} axes of the shape {a.shape} must have as many elements as the rest"
        )
    return inv(a.reshape((prod(rows), -1))).reshape((*columns, *rows))


@widened
def tensorsolve(a: Any, b: Any, /, axes: Any = None) -> Array:
    """The x with tensordot(a, x, x.ndim) = b.

    Args:
        a: shape (*b.shape, *x.shape), as many elements in the one as in the other part.
        b: an array.
        axes: axes of a that are moved to its end first.

    Raises:
        ShapeError: sizes that do not fit.
        LinearAlgebraError: a singular one.

    >>> from funcgrad import numpy as fnp
    >>> fnp.linalg.tensorsolve(fnp.eye(6).reshape(2, 3, 6), fnp.ones((2, 3)))
    Array([1., 1., 1., 1., 1., 1.], dtype=float32)
    """
    a, b = (to_inexact(v) for v in promote_all((a, b)))
    if axes is not None:
        given = [normalize_axis(axis, a.ndim, "tensorsolve") for axis in axes]
        a = moveaxis(a, tuple(given), tuple(range(a.ndim - len(given), a.ndim)))
    shape = a.shape[b.ndim :]
    if a.shape[: b.ndim] != b.shape or prod(shape) != b.size:
        raise ShapeError(f"tensorsolve: the shapes {a.shape} and {b.shape} do not fit: a must have {b.size} unknowns")
    return solve(a.reshape((b.size, b.size)), b.reshape((-1,))).reshape(shape)
