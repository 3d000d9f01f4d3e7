"""Linear systems of matrices of every form."""

from __future__ import annotations

from typing import Any

from ...core import Array
from ...errors import OptionError, ShapeError
from ...numpy import linalg as _linalg
from ...numpy.manipulation import diagonal
from ...ops.contract import transposed
from ...ops.create import asarray, promote_all, to_inexact
from ...ops.elementwise import astype, stop_gradient
from ...ops.linalg import solve as systems
from ...ops.linalg.factorizations import inverse_permutation, permutation, permuted
from ...ops.linalg.matrices import adjoint, conjugate, hermitian_part, square
from ...ops.precision import widened
from ...ops.shape import pad
from ...rules import broadcast_shapes
from .decompositions import cholesky

__all__ = [
    "cho_solve",
    "det",
    "inv",
    "lstsq",
    "lu_solve",
    "pinv",
    "pinvh",
    "solve",
    "solve_triangular",
]

_FORMS = {
    "gen": "general",
    "general": "general",
    "sym": "general",
    "symmetric": "general",
    "her": "general",
    "hermitian": "general",
    "banded": "general",
    "pos": "positive",
    "positive definite": "positive",
    "diagonal": "diagonal",
    "tridiagonal": "tridiagonal",
    "upper triangular": "upper",
    "lower triangular": "lower",
}
_TRANSPOSES = {0: 0, "N": 0, 1: 1, "T": 1, 2: 2, "C": 2}


@widened
def inv(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """The inverse of a square matrix; see `funcgrad.numpy.linalg.inv`."""
    return _linalg.inv(a)


@widened
def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """The determinant of a square matrix; see `funcgrad.numpy.linalg.det`."""
    return _linalg.det(a)


@widened
def pinv(
    a: Any,
    *,
    atol: float | None = None,
    rtol: float | None = None,
    return_rank: bool = False,
    check_finite: bool = True,
) -> Any:
    """The pseudo-inverse of a matrix; see `funcgrad.numpy.linalg.pinv`.

    Args:
        a: shape (..., m, n).
        atol, rtol: singular values up to atol + rtol times the largest one count as zero; by default 0 and max(m, n)
            times the dtype's rounding.
        return_rank: how many are left, as well.

    Returns:
        Shape (..., n, m), or (that, rank).

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.pinv(fnp.asarray([[2.0], [0.0]]), return_rank=True)
    (Array([[0.5, 0. ]], dtype=float32), Array(1, dtype=int64))
    """
    x = to_inexact(a)
    relative: Any = rtol
    if atol is not None:
        largest: Any = _linalg.matrix_norm(stop_gradient(x), ord=2)
        relative = atol / largest + (0.0 if rtol is None else rtol)
    found = _linalg.pinv(x, rtol=relative)
    return (found, _linalg.matrix_rank(x, rtol=relative)) if return_rank else found


@widened
def lstsq(
    a: Any,
    b: Any,
    cond: float | None = None,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    lapack_driver: str | None = None,
) -> tuple[Array, Array, Array, Array]:
    """The least-squares solution of a x = b, with residuals, rank and singular values.

    See `funcgrad.numpy.linalg.lstsq`; `cond` is its `rcond`.
    """
    return _linalg.lstsq(a, b, cond)


def _system(name: str, a: Any, b: Any) -> tuple[Any, Any, bool]:
    """Matrix and right-hand sides of one dtype, and whether those were a vector."""
    a, b = (to_inexact(v) for v in promote_all((a, b)))
    square(name, a)
    vector = b.ndim == 1
    if b.ndim == 0 or b.shape[-1 if vector else -2] != a.shape[-1]:
        raise ShapeError(f"{name}: the matrix {a.shape} and the right-hand side {b.shape} do not fit")
    return a, b.reshape((-1, 1)) if vector else b, vector


def _turned(name: str, trans: Any) -> int:
    try:
        return _TRANSPOSES[trans]
    except (KeyError, TypeError):
        raise OptionError(f"{name}: trans is 0 or 'N', 1 or 'T', 2 or 'C', not {trans!r}") from None


@widened
def solve(
    a: Any,
    b: Any,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: str | None = None,
    transposed: bool = False,
) -> Array:
    """The solution of a x = b.

    Args:
        a: shape (..., n, n), not singular.
        b: shape (n,) or (..., n, k).
        lower: of SciPy, which reads one triangle of a symmetric matrix; the whole one is read here.
        assume_a: the form of a: "pos" is solved by Cholesky's factor of (a + a^H) / 2; "diagonal", "tridiagonal",
            "upper triangular" and "lower triangular" read nothing else; all others ("gen", "sym", "her", "banded") are
            solved as general ones.
        transposed: solve a^T x = b.

    Raises:
        ShapeError: a matrix that is not square, or sizes that do not fit.
        LinearAlgebraError: a singular matrix, or one that is not positive as it should be.
        OptionError: an unknown form.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.solve(2 * fnp.eye(2), fnp.ones(2), assume_a="pos").round(3)
    Array([0.5, 0.5], dtype=float32)
    """
    form = _FORMS.get("gen" if assume_a is None else assume_a)
    if form is None:
        raise OptionError(f"solve: assume_a is one of {', '.join(map(repr, _FORMS))}, not {assume_a!r}")
    matrix, columns, vector = _system("solve", a, b)
    if transposed:
        matrix = matrix.swapaxes(-1, -2)
        form = {"upper": "lower", "lower": "upper"}.get(form, form)
    if form == "positive":
        factor = cholesky(matrix, lower=True)
        x = _by_cholesky(factor, columns)
    elif form in ("upper", "lower"):
        x = systems.triangular_solve(matrix, columns, lower=form == "lower", unit=False)
    elif form == "diagonal":
        x = columns / diagonal(matrix, 0, -2, -1)[..., None]
    elif form == "tridiagonal":
        x = _tridiagonal(matrix, columns)
    else:
        x = _linalg.solve(matrix, columns)
    return x[..., 0] if vector else x


def _by_cholesky(factor: Any, b: Any) -> Any:
    half = systems.triangular_solve(factor, b, lower=True, unit=False)
    return systems.triangular_solve(adjoint(factor), half, lower=False, unit=False)


def _tridiagonal(a: Any, b: Any) -> Any:
    front = ((0, 0),) * (a.ndim - 2)
    lower = pad(diagonal(a, -1, -2, -1), widths=(*front, (1, 0)))
    upper = pad(diagonal(a, 1, -2, -1), widths=(*front, (0, 1)))
    lead = broadcast_shapes("solve", a.shape[:-2], b.shape[:-2])
    parts = [v.broadcast_to((*lead, a.shape[-1])) for v in (lower, diagonal(a, 0, -2, -1), upper)]
    return systems.tridiagonal_solve(*parts, b.broadcast_to((*lead, *b.shape[-2:])))


@widened
def solve_triangular(
    a: Any,
    b: Any,
    trans: int | str = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Array:
    """The solution of a x = b of a triangular matrix, of which the other triangle is not read.

    Args:
        a: shape (..., n, n).
        b: shape (n,) or (..., n, k).
        trans: 0 or "N" for a, 1 or "T" for its transpose, 2 or "C" for the conjugate of that.
        lower: which triangle a is.
        unit_diagonal: the diagonal is not read either, but taken as ones.

    Raises:
        ShapeError: a matrix that is not square, or sizes that do not fit.
        LinearAlgebraError: a zero on the diagonal.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.solve_triangular(fnp.asarray([[2.0, 0.0], [1.0, 1.0]]), fnp.asarray([2.0, 3.0]), lower=True)
    Array([1., 2.], dtype=float32)
    """
    turned = _turned("solve_triangular", trans)
    matrix, columns, vector = _system("solve_triangular", a, b)
    if turned:
        matrix = adjoint(matrix) if turned == 2 else transposed(matrix)
    x = systems.triangular_solve(matrix, columns, lower=bool(lower) != bool(turned), unit=bool(unit_diagonal))
    return x[..., 0] if vector else x


@widened
def cho_solve(c_and_lower: tuple[Any, bool], b: Any, overwrite_b: bool = False, check_finite: bool = True) -> Array:
    """The solution of a x = b by the factor of a that `cho_factor` has found.

    Args:
        c_and_lower: the factor, and whether it is the lower one.
        b: shape (n,) or (..., n, k).

    Raises:
        ShapeError: sizes that do not fit.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.cho_solve(linalg.cho_factor(4 * fnp.eye(2)), fnp.ones(2))
    Array([0.25, 0.25], dtype=float32)
    """
    c, lower = c_and_lower
    factor, columns, vector = _system("cho_solve", c, b)
    x = _by_cholesky(factor if lower else adjoint(factor), columns)
    return x[..., 0] if vector else x


@widened
def lu_solve(
    lu_and_piv: tuple[Any, Any], b: Any, trans: int = 0, overwrite_b: bool = False, check_finite: bool = True
) -> Array:
    """The solution of a x = b by the factors of a that `lu_factor` has found.

    Args:
        lu_and_piv: what `lu_factor` returned.
        b: shape (n,) or (..., n, k).
        trans: 0 for a, 1 for its transpose, 2 for the conjugate of that.

    Raises:
        ShapeError: sizes that do not fit.
        LinearAlgebraError: a singular matrix.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.lu_solve(linalg.lu_factor(4 * fnp.eye(2)), fnp.ones(2))
    Array([0.25, 0.25], dtype=float32)
    """
    factors, pivots = lu_and_piv
    turned = _turned("lu_solve", trans)
    factors, columns, vector = _system("lu_solve", factors, b)
    lead = broadcast_shapes("lu_solve", factors.shape[:-2], columns.shape[:-2])
    columns = columns.broadcast_to((*lead, *columns.shape[-2:]))
    order = permutation(astype(asarray(pivots), "int64"), rows=factors.shape[-1])
    order = order.broadcast_to((*lead, factors.shape[-1]))
    if not turned:
        x = systems.triangular_solve(factors, permuted(columns, order), lower=True, unit=True)
        x = systems.triangular_solve(factors, x, lower=False, unit=False)
    else:
        factors = transposed(conjugate(factors) if turned == 2 else factors)
        x = systems.triangular_solve(factors, columns, lower=True, unit=False)
        x = systems.triangular_solve(factors, x, lower=False, unit=True)
        x = permuted(x, inverse_permutation(order))
    return x[..., 0] if vector else x


@widened
def pinvh(
    a: Any,
    atol: float | None = None,
    rtol: float | None = None,
    lower: bool = True,
    return_rank: bool = False,
    check_finite: bool = True,
) -> Any:
    """The pseudo-inverse of a Hermitian matrix, that of (a + a^H) / 2; other arguments as for `pinv`.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.linalg as linalg
    >>> linalg.pinvh(2 * fnp.eye(1))
    Array([[0.5]], dtype=float32)
    """
    x = to_inexact(a)
    square("pinvh", x)
    return pinv(hermitian_part(x), atol=atol, rtol=rtol, return_rank=return_rank)
