"""Householder's reflections I - tau v v^H, with v's first element 1, in LAPACK's form; composed of other operations."""

from __future__ import annotations

from typing import Any

from ...dtypes import is_complex
from ..contract import transposed
from ..elementwise import abs, complex_abs, equal, less, real_part, sqrt, where
from ..reduce import sum
from ..shape import concat, pad, stack
from .matrices import adjoint, as_complex, conjugate, identity, lower


def reflection(x: Any) -> tuple[Any, Any]:
    """v and tau with (I - conj(tau) v v^H) x = (beta, 0, ..., 0) and a real beta; tau = 0 where x is that already."""
    first, rest = x[..., 0], x[..., 1:]
    size: Any = complex_abs(x) if is_complex(x.dtype) else abs(x)
    others = sum(size[..., 1:] * size[..., 1:], axes=(x.ndim - 1,))
    alone: Any = equal(others, 0)
    if is_complex(x.dtype):
        alone = alone & equal(first.imag, 0)
    squares = where(alone, 1, others + size[..., 0] * size[..., 0])
    length = where(less(real_part(first), 0), 1, -1) * sqrt(squares)
    beta = as_complex(length.astype(size.dtype), x.dtype)
    tau = where(alone, 0, (beta - first) / beta)
    below = rest / where(alone, 1, first - beta)[..., None]
    one = (first * 0 + 1)[..., None]
    return concatenated(one, where(alone[..., None], 0, below)), tau


def concatenated(first: Any, second: Any) -> Any:
    """Along the last axis."""
    return concat(first, second, axis=first.ndim - 1)


def applied(vectors: Any, taus: Any, c: Any, left: bool, adjoint_: bool) -> Any:
    """Q c, Q^H c, c Q or c Q^H, of the product Q of the reflections whose vectors are columns."""
    order = range(taus.shape[-1])
    forward = left == adjoint_
    for i in order if forward else reversed(order):
        v, tau = vectors[..., :, i : i + 1], taus[..., i, None, None]
        tau = conjugate(tau) if adjoint_ else tau
        c = c - tau * (v @ (adjoint(v) @ c)) if left else c - (c @ v) @ adjoint(v) * tau
    return c


def unit_columns(a: Any) -> Any:
    """The vectors that a factorization leaves below its diagonal."""
    m, n = a.shape[-2:]
    return lower(a, k=-1) + identity(m, a)[:, :n]


def hessenberg(a: Any) -> tuple[Any, Any, Any]:
    """H = Q^H a Q with zeros below its first subdiagonal, the reflections' vectors as columns, and their factors."""
    n = a.shape[-1]
    front = ((0, 0),) * (a.ndim - 2)
    columns, factors = [], []
    for i in range(n - 1):
        v, tau = reflection(a[..., i + 1 :, i])
        column = pad(v, widths=(*front, (i + 1, 0)))[..., :, None]
        tau_ = tau[..., None, None]
        a = a - (a @ column) @ adjoint(column) * tau_
        a = a - conjugate(tau_) * (column @ (adjoint(column) @ a))
        columns.append(column[..., 0])
        factors.append(tau)
    keep = transposed(lower(transposed(a), k=1))  # what is below is zero but for rounding
    if not columns:
        return keep, a[..., :, :0], a[..., 0, :0] if n else a[..., :0].reshape((*a.shape[:-2], 0))
    return keep, stack(columns, a.ndim - 1), stack(factors, a.ndim - 2)
