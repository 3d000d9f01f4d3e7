"""Iterative solvers of linear systems whose matrix is a function: cg, bicgstab, gmres.

A solution is differentiated by the equation that it solves (`funcgrad.custom_linear_solve`), never through the steps of
the solver: with x = A^-1 b, dx = A^-1 (db - dA x). So a derivative costs one more solve, and no memory.

    >>> import funcgrad as fg, funcgrad.numpy as fnp, funcgrad.scipy.sparse.linalg as sparse
    >>> f = lambda a: sparse.cg(lambda x: a * x, fnp.ones(3))[0].sum()
    >>> round(float(f(2.0)), 4), round(float(fg.grad(f)(2.0)), 4)
    (1.5, -0.75)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ... import tree
from ...core import Array
from ...dtypes import is_complex
from ...errors import ShapeError
from ...flatten_util import ravel_pytree
from ...numpy.creation import asarray, zeros, zeros_like
from ...numpy.elementwise import conj, isnan, where
from ...numpy.linalg import pinv, vector_norm
from ...numpy.linear_algebra import vecdot
from ...numpy.manipulation import concat, stack
from ...ops.create import to_inexact
from ...ops.precision import widened
from ...ops.shape import pad
from ...transforms.control import while_loop
from ...transforms.linear_solve import custom_linear_solve

__all__ = ["bicgstab", "cg", "gmres"]

Linear = Callable[[Any], Any]


@widened
def cg(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    M: Any = None,
    tol: float | None = None,
) -> tuple[Any, Array]:
    """The solution of A x = b of a Hermitian positive definite A, by conjugate gradients.

    Args:
        A: a matrix (n, n), or a linear function of pytrees like b; what it closes over may be differentiated.
        b: a pytree of floating arrays; a vector where A is a matrix.
        x0: where to start; zeros where None.
        rtol, atol: it ends where |A x - b| <= max(rtol |b|, atol). `tol` is JAX's name for rtol.
        maxiter: the most steps; ten times as many as there are unknowns where None.
        M: an approximation of A's inverse, Hermitian and positive definite: a matrix, or a function.

    Returns:
        (x, info): of b's structure; 0 where it arrived, else how many steps were made, int64.

    Raises:
        ShapeError, TreeError: A returns other shapes or another structure than b's.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.sparse.linalg as sparse
    >>> x, info = sparse.cg(fnp.asarray([[2.0, 1.0], [1.0, 2.0]]), fnp.ones(2))
    >>> x.round(3), int(info)
    (Array([0.333, 0.333], dtype=float32), 0)

    Source: M. Hestenes and E. Stiefel, Methods of conjugate gradients for solving linear systems, 1952.
    """
    return _solved(_cg, A, b, x0, rtol if tol is None else tol, atol, maxiter, M, hermitian=True)


@widened
def bicgstab(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    M: Any = None,
    tol: float | None = None,
) -> tuple[Any, Array]:
    """The solution of A x = b of any A, by stabilised biconjugate gradients.

    Args, Returns, Raises: as for `cg`; A and M need not be Hermitian. A breakdown of the method is an info below zero.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.sparse.linalg as sparse
    >>> x, info = sparse.bicgstab(fnp.asarray([[2.0, 1.0], [0.0, 2.0]]), fnp.ones(2))
    >>> x.round(3), int(info)
    (Array([0.25, 0.5 ], dtype=float32), 0)

    Source: H. van der Vorst, Bi-CGSTAB, SIAM J. Sci. Stat. Comput. 13 (1992).
    """
    return _solved(_bicgstab, A, b, x0, rtol if tol is None else tol, atol, maxiter, M)


@widened
def gmres(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    restart: int | None = None,
    maxiter: int | None = None,
    M: Any = None,
    tol: float | None = None,
    solve_method: str = "batched",
) -> tuple[Any, Array]:
    """The solution of A x = b of any A, by generalised minimal residuals.

    Args:
        A, b, x0, rtol, atol, M, tol: as for `cg`; A and M need not be Hermitian.
        restart: after how many steps it starts again from what it has, 20 where None; they are all kept in memory.
        maxiter: the most such rounds.
        solve_method: of JAX; there is one way here.

    Returns, Raises: as for `cg`; info counts rounds.

    >>> import funcgrad.numpy as fnp, funcgrad.scipy.sparse.linalg as sparse
    >>> x, info = sparse.gmres(fnp.asarray([[2.0, 1.0], [0.0, 2.0]]), fnp.ones(2))
    >>> x.round(3), int(info)
    (Array([0.25, 0.5 ], dtype=float32), 0)

    Source: Y. Saad and M. Schultz, GMRES, SIAM J. Sci. Stat. Comput. 7 (1986).
    """
    method = partial(_gmres, restart=20 if restart is None else restart)
    return _solved(method, A, b, x0, rtol if tol is None else tol, atol, maxiter, M)


# ---- around the methods ------------------------------------------------------------------------


def _solved(
    method: Callable[..., Any],
    A: Any,
    b: Any,
    x0: Any,
    rtol: float,
    atol: float,
    maxiter: int | None,
    M: Any,
    hermitian: bool = False,
) -> tuple[Any, Any]:
    """The solution by a method on vectors, as a function of b and of what A closes over."""
    name = getattr(method, "__name__", "_gmres")[1:]
    b = tree.map(to_inexact, b)
    apply = _function(name, A, b)
    precondition = (lambda v: v) if M is None else _function(name, M, b)
    start = tree.map(zeros_like, b) if x0 is None else tree.map(to_inexact, x0)

    def run(matvec: Linear, target: Any, first: Any, inverse: Linear) -> tuple[Any, Any]:
        vector, unravel = ravel_pytree(target)
        steps = 10 * vector.shape[0] if maxiter is None else maxiter

        def flat(f: Linear) -> Linear:
            return lambda v: ravel_pytree(f(unravel(v)))[0]

        scale: Any = vector_norm(vector)
        bound = where(rtol * scale > atol, rtol * scale, atol)
        x, info = method(flat(matvec), vector, ravel_pytree(first)[0], bound, steps, flat(inverse))
        return unravel(x), info

    def solve(matvec: Linear, target: Any) -> tuple[Any, Any]:
        return run(matvec, target, start, precondition)

    def transpose_solve(vecmat: Linear, target: Any) -> tuple[Any, Any]:  # from zero and without M, of another matrix
        return run(vecmat, target, tree.map(zeros_like, target), lambda v: v)

    symmetric = hermitian and not any(is_complex(v.dtype) for v in tree.leaves(b))
    backward = None if symmetric else transpose_solve
    return custom_linear_solve(apply, b, solve, backward, symmetric=symmetric, has_aux=True)  # type: ignore[no-any-return]


def _function(name: str, A: Any, b: Any) -> Linear:
    """A matrix as a function; a function as it is."""
    if callable(A):
        return A  # type: ignore[no-any-return]
    matrix = to_inexact(A)
    if not isinstance(b, Array) or b.ndim != 1 or matrix.shape != (b.size, b.size):
        shown = b.shape if isinstance(b, Array) else "a pytree"
        raise ShapeError(f"{name}: a matrix (n, n) and a vector (n,) are needed, not {matrix.shape} and {shown}")
    return lambda v: matrix @ v


# ---- the methods, on vectors -------------------------------------------------------------------


def _cg(apply: Linear, b: Any, x: Any, bound: Any, steps: int, inverse: Linear) -> tuple[Any, Any]:
    r = b - apply(x)
    z = inverse(r)

    def going_on(state: Any) -> Any:
        _, r, _, _, k = state
        return (vector_norm(r) > bound) & (k < steps)

    def step(state: Any) -> Any:
        x, r, p, rho, k = state
        q = apply(p)
        alpha = rho / vecdot(p, q)
        x, r = x + alpha * p, r - alpha * q
        z = inverse(r)
        following = vecdot(r, z)
        return x, r, z + following / rho * p, following, k + 1

    x, r, _, _, k = while_loop(going_on, step, (x, r, z, vecdot(r, z), asarray(0)))
    return _outcome(x, r, bound, k)


def _outcome(x: Any, r: Any, bound: Any, k: Any) -> tuple[Any, Any]:
    """x, and the steps where it did not arrive. No method goes on from NaN: neither x nor the count may hide them."""
    size: Any = vector_norm(r)
    lost = isnan(size)
    missed = where(lost & (k == 0), 1, k)
    return where(lost, math.nan, x), where(lost | (size > bound) | (k < 0), missed, 0)


def _bicgstab(apply: Linear, b: Any, x: Any, bound: Any, steps: int, inverse: Linear) -> tuple[Any, Any]:
    shadow = b - apply(x)
    one = zeros_like(b[..., :1]).sum() + 1

    def going_on(state: Any) -> Any:
        r, k = state[1], state[-1]
        return (vector_norm(r) > bound) & (k >= 0) & (k < steps)

    def step(state: Any) -> Any:
        x, r, p, v, rho, alpha, omega, k = state
        following = vecdot(shadow, r)
        broken = (following == 0) | (omega == 0)
        beta = following / where(rho == 0, 1, rho) * (alpha / where(omega == 0, 1, omega))
        p = r + beta * (p - omega * v)
        direction = inverse(p)
        v = apply(direction)
        along = vecdot(shadow, v)
        broken = broken | (along == 0)
        alpha = following / where(along == 0, 1, along)
        half = r - alpha * v
        correction = inverse(half)
        t = apply(correction)
        length = vecdot(t, t)
        omega = where(length == 0, 0, vecdot(t, half) / where(length == 0, 1, length))
        x = x + where(broken, 0, alpha * direction + omega * correction)
        r = where(broken, r, half - omega * t)
        return x, r, p, v, following, alpha, omega, where(broken, -10, k + 1)

    state = (x, shadow, zeros_like(b), zeros_like(b), one, one, one, asarray(0))
    x, r, *_, k = while_loop(going_on, step, state)
    return _outcome(x, r, bound, k)


def _gmres(apply: Linear, b: Any, x: Any, bound: Any, steps: int, inverse: Linear, *, restart: int) -> tuple[Any, Any]:
    size = min(restart, b.shape[0])

    def going_on(state: Any) -> Any:
        _, r, k = state
        return (vector_norm(r) > bound) & (k < steps)

    def round_(state: Any) -> Any:
        x, r, k = state
        x = x + _minimal(apply, inverse, r, size)
        return x, b - apply(x), k + 1

    x, r, k = while_loop(going_on, round_, (x, b - apply(x), asarray(0)))
    return _outcome(x, r, bound, k)


def _minimal(apply: Linear, inverse: Linear, r: Any, size: int) -> Any:
    """The step with the smallest residual among combinations of r, A r, A^2 r, ...: `size` of them.

    Where they are not independent any more the next one is zero, and so is its part in the least squares.
    """
    n, eps = r.shape[0], float(np.finfo(r.dtype).eps)
    length: Any = vector_norm(r)
    basis, columns = [_direction(r, length)], []
    for j in range(size):
        w = apply(inverse(basis[j]))
        before: Any = vector_norm(w)
        known: Any = stack(basis)
        parts = zeros(j + 1, r.dtype, device=r.device)
        for _ in range(2):  # once more, for what rounding has left of them
            found = conj(known) @ w
            w, parts = w - found @ known, parts + found
        rest: Any = vector_norm(w)
        rest = where(rest <= 10 * n * eps * before, 0, rest)
        basis.append(_direction(w, rest))
        column = concat([parts, rest.astype(r.dtype).reshape((1,))])
        columns.append(pad(column, widths=((0, size - j - 1),)))
    hessenberg: Any = stack(columns, axis=1)
    weights: Any = pinv(hessenberg)[:, 0] * length.astype(r.dtype)
    return inverse(weights @ stack(basis[:-1]))


def _direction(v: Any, length: Any) -> Any:
    """v / |v|, or zero."""
    return where(length == 0, 0, v / where(length == 0, 1, length).astype(v.dtype))
