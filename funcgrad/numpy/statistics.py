"""Covariances and correlations of variables."""

from __future__ import annotations

import builtins
from typing import Any

from ..core import Array
from ..dtypes import is_complex
from ..errors import DtypeError, ShapeError
from ..ops.create import asarray, promote_all, to_inexact
from ..ops.elementwise import astype
from ..ops.precision import widened
from .averages import average
from .elementwise import clip, conj, imag, real, sqrt
from .linear_algebra import matmul
from .manipulation import concat, diagonal, matrix_transpose, reshape, squeeze
from .reductions import sum

__all__ = [
    "corrcoef",
    "cov",
]


@widened
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: float | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Array:
    """The covariances of variables: the mean of (x_i - mean(x_i)) conj(x_j - mean(x_j)) over the observations.

    Args:
        m: variables as rows and observations as columns, shape (k, n), or one variable, shape (n,).
        y: more variables, in the same form.
        rowvar: False if the columns are the variables.
        bias: whether to divide by n; by n - 1 where False.
        ddof: divide by n - ddof instead, whatever `bias` says.
        fweights: how often each observation was made, whole numbers of shape (n,).
        aweights: how much each observation counts, shape (n,).
        dtype: to compute in.

    Returns:
        Shape (k, k), without dimensions for one variable. Complex variables have complex covariances.

    Raises:
        ShapeError: more than two dimensions, or weights that do not fit.

    >>> from funcgrad import numpy as fnp
    >>> fnp.cov(fnp.asarray([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    Array([[ 1., -1.],
           [-1.,  1.]], dtype=float32)
    """
    if m is None:
        raise DtypeError("cov: there are no variables: m is None")
    given = [_variables(v, rowvar) for v in (m, y) if v is not None]
    x: Any = to_inexact(concat(promote_all(given)) if len(given) == 2 else given[0])
    x = x if dtype is None else astype(x, dtype)
    n = x.shape[1]
    less = ddof if ddof is not None else 0 if bias else 1
    kept = [_weights(w, n, x) for w in (fweights, aweights) if w is not None]
    if kept:
        weights: Any = kept[0] if len(kept) == 1 else kept[0] * kept[1]
        middle, total = average(x, 1, weights, True, keepdims=True)
        total = reshape(total[:1], ())
        share: Any = 1 if aweights is None else sum(weights * kept[-1]) / total  # type: ignore[operator]
        whole: Any = total - less * share if less else total
        weighted = (x - middle) * weights
    else:
        middle, whole = average(x, 1, keepdims=True), builtins.max(n - less, 0)
        weighted = x - middle
    found = matmul(x - middle, conj(matrix_transpose(weighted)))
    return squeeze(found / whole)  # type: ignore[operator]


def _variables(m: Any, rowvar: bool) -> Array:
    """Variables as rows."""
    x = asarray(m)
    if x.ndim > 2:
        raise ShapeError(f"cov: variables must have two dimensions at most, not {x.aval}")
    if x.ndim < 2:
        return reshape(x, (1, -1))
    return x if rowvar else matrix_transpose(x)


def _weights(given: Any, n: int, beside: Array) -> Array:
    w = asarray(given, device=None if isinstance(given, Array) else beside.device)
    if w.shape != (n,):
        raise ShapeError(f"cov: weights of shape {w.shape} for {n} observations")
    return astype(w, real(beside).dtype)


@widened
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Array:
    """The correlation coefficients of variables, cov_ij / sqrt(cov_ii cov_jj).

    Args:
        x, y, rowvar, dtype: as for `cov`.

    Returns:
        Shape (k, k), without dimensions for one variable; the parts of the numbers are from -1 to 1.

    >>> from funcgrad import numpy as fnp
    >>> fnp.corrcoef(fnp.asarray([[0.0, 1.0, 2.0], [4.0, 2.0, 0.0]]))
    Array([[ 1., -1.],
           [-1.,  1.]], dtype=float32)
    """
    c: Any = cov(x, y, rowvar, dtype=dtype)
    if not c.ndim:
        return c / c
    deviation: Any = sqrt(real(diagonal(c)))
    c = c / reshape(deviation, (-1, 1)) / deviation
    if is_complex(c.dtype):
        return astype(clip(real(c), -1, 1), c.dtype) + astype(clip(imag(c), -1, 1), c.dtype) * 1j
    return clip(c, -1, 1)
