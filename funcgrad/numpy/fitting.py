"""Polynomials by their zeros, and those that fit points best."""

from __future__ import annotations

import operator
from typing import Any

from ..core import Array
from ..dtypes import is_complex
from ..errors import OptionError, ShapeError
from ..ops.create import asarray, promote_all, to_inexact
from ..ops.elementwise import real_part
from ..ops.linalg.spectra import complex_dtype
from .creation import eye, ones, ones_like, zeros
from .data_types import finfo
from .elementwise import not_equal
from .filtering import convolve
from .linalg import eigvals, inv, lstsq
from .linear_algebra import matmul
from .manipulation import concat, matrix_transpose, reshape, stack
from .matrices import outer
from .reductions import sum

__all__ = [
    "poly",
    "polyfit",
    "roots",
]


def poly(seq_of_zeros: Any) -> Array:
    """The coefficients of the polynomial with these zeros, or of a matrix's characteristic polynomial.

    Args:
        seq_of_zeros: zeros, shape (n,), or a square matrix, shape (n, n).

    Returns:
        Shape (n + 1,), the coefficient of the highest power, 1, first. Of complex zeros they are complex, also where
        all imaginary parts are zero, as the dtype does not depend on the values.

    Raises:
        ShapeError: neither zeros nor a square matrix.

    >>> from funcgrad import numpy as fnp
    >>> fnp.poly(fnp.asarray([1.0, 2.0]))
    Array([ 1., -3.,  2.], dtype=float32)
    """
    given: Any = to_inexact(asarray(seq_of_zeros))
    zeros_of: Any = reshape(given, (-1,)) if given.ndim == 0 else given
    if given.ndim == 2 and given.shape[0] == given.shape[1]:
        zeros_of = eigvals(given)
    elif given.ndim > 1:
        raise ShapeError(f"poly: neither zeros, shape (n,), nor a square matrix: {given.aval}")
    found = ones(1, zeros_of.dtype, device=zeros_of.device)
    for k in range(zeros_of.shape[0]):
        found = convolve(found, concat([ones_like(zeros_of[:1]), -zeros_of[k : k + 1]]))
    return found if is_complex(given.dtype) else real_part(found)


def roots(p: Any, *, strip_zeros: bool = True) -> Array:
    """The zeros of a polynomial, the eigenvalues of its companion matrix.

    Args:
        p: coefficients, the one of the highest power first, shape (n,).
        strip_zeros: whether zeros in front are left out, and those at the end counted as zeros of the polynomial; how
            many zeros there are depends on the values then. Without it the first coefficient must not be 0.

    Returns:
        Complex numbers, in no order.

    Raises:
        ShapeError: p has not one dimension.

    >>> from funcgrad import numpy as fnp
    >>> fnp.roots(fnp.asarray([2.0, -6.0]))
    Array([3.+0.j], dtype=complex64)

    Source: R. A. Horn and C. R. Johnson, Matrix Analysis, 1985.
    """
    coefficients: Any = to_inexact(asarray(p))
    if coefficients.ndim != 1:
        raise ShapeError(f"roots: the coefficients must have one dimension, not {coefficients.aval}")
    trailing = 0
    if strip_zeros:
        first, last = 0, coefficients.shape[0]
        while first < last and not bool(not_equal(coefficients[first], 0)):
            first += 1
        while last > first and not bool(not_equal(coefficients[last - 1], 0)):
            last -= 1
        trailing = coefficients.shape[0] - last if last > first else 0
        coefficients = coefficients[first:last]
    n = max(coefficients.shape[0] - 1, 0)
    dtype, device = complex_dtype(coefficients.dtype), coefficients.device
    nothing = zeros(trailing, dtype, device=device)
    if not n:
        return nothing
    top = reshape(-coefficients[1:] / coefficients[0], (1, n))
    found = eigvals(concat([top, eye(n - 1, n, dtype=coefficients.dtype, device=device)]))
    return concat([found, nothing]) if trailing else found


def polyfit(
    x: Any, y: Any, deg: int, rcond: float | None = None, full: bool = False, w: Any = None, cov: bool | str = False
) -> Any:
    """The polynomial of a degree that fits points best: it minimizes the sum of w^2 (p(x) - y)^2.

    Args:
        x: places, shape (m,).
        y: values there, shape (m,), or (m, k) for k polynomials.
        deg: the degree.
        rcond: directions whose singular values are below this times the largest are left out; m times the dtype's
            rounding where None.
        full: whether the residuals, the rank, the singular values and rcond are wanted, too.
        w: how much each point counts, shape (m,).
        cov: whether the coefficients' covariances are wanted, too: scaled by the residuals, or not where "unscaled".

    Returns:
        The coefficients, the one of the highest power first, shape (deg + 1,) or (deg + 1, k); with `full` (them,
        residuals, rank, singular values, rcond), with `cov` (them, covariances). They have derivatives in x, y and w.

    Raises:
        ShapeError: shapes that do not fit.
        OptionError: a negative degree, or too few points for covariances.

    >>> from funcgrad import numpy as fnp
    >>> [f"{c:.2f}" for c in fnp.polyfit(fnp.asarray([0.0, 1.0, 2.0]), fnp.asarray([1.0, 3.0, 5.0]), 1).tolist()]
    ['2.00', '1.00']
    """
    order = operator.index(deg) + 1
    if order < 1:
        raise OptionError(f"polyfit: the degree must not be negative, got {deg}")
    at, values = (to_inexact(v) for v in promote_all((asarray(x), asarray(y))))
    if at.ndim != 1 or not at.shape[0] or values.ndim not in (1, 2) or values.shape[0] != at.shape[0]:
        raise ShapeError(f"polyfit: x {at.aval} must have one dimension, and y {values.aval} as many rows")
    n = at.shape[0]
    powers: list[Any] = [ones_like(at)]
    while len(powers) < order:
        powers.append(powers[-1] * at)
    columns: Any = stack(powers[::-1], 1)
    if w is not None:
        weights: Any = asarray(w, at.dtype, device=None if isinstance(w, Array) else at.device)
        if weights.shape != at.shape:
            raise ShapeError(f"polyfit: weights of shape {weights.shape} for {n} points")
        columns = columns * reshape(weights, (n, 1))
        values = values * reshape(weights, (n,) + (1,) * (values.ndim - 1))  # type: ignore[operator]
    scale: Any = sum(columns * columns, 0) ** 0.5  # type: ignore[operator]
    columns = columns / scale
    cut = n * float(finfo(at.dtype).eps) if rcond is None else rcond
    found, residuals, rank, singular = lstsq(columns, values, cut)
    found = found / reshape(scale, (order,) + (1,) * (values.ndim - 1))  # type: ignore[operator]
    if full:
        return found, residuals, rank, singular, cut
    if not cov:
        return found
    spread: Any = inv(matmul(matrix_transpose(columns), columns)) / outer(scale, scale)  # type: ignore[operator]
    factor: Any = ones(1, at.dtype, device=at.device)
    if cov != "unscaled":
        if n <= order:
            raise OptionError(f"polyfit: {n} points are too few for the covariances of {order} coefficients")
        factor = residuals / (n - order)  # type: ignore[operator]
    if values.ndim == 1:
        return found, spread * factor
    return found, reshape(spread, (order, order, 1)) * factor  # type: ignore[operator]
