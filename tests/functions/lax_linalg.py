"""Uses of `funcgrad/lax/linalg`."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy
from samples import uniform
from samples.linalg import hermitian, plane, positive, regular

from . import Use


def _lu(x: Any) -> Any:
    factors, pivots = scipy.linalg.lu_factor(x)
    order = np.arange(x.shape[0])
    for i, other in enumerate(pivots):
        order[[i, other]] = order[[other, i]]
    return factors, pivots.astype("int64"), order


def _triangular(
    a: Any,
    b: Any,
    left_side: bool = False,
    lower: bool = False,
    transpose_a: bool = False,
    conjugate_a: bool = False,
    unit_diagonal: bool = False,
) -> Any:
    a = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        a = a - np.diag(np.diag(a)) + np.eye(a.shape[0])
    a = a.T if transpose_a else a
    a = a.conj() if conjugate_a else a
    return np.linalg.solve(a, b) if left_side else np.linalg.solve(a.T, b.T).T


def _tridiagonal(dl: Any, d: Any, du: Any, b: Any) -> Any:
    return np.linalg.solve(np.diag(d) + np.diag(dl[1:], -1) + np.diag(du[:-1], 1), b)


def _reflections(a: Any, taus: Any) -> Any:
    m, n = a.shape
    q = np.eye(m)
    for i, tau in enumerate(taus):
        v = np.concatenate([np.zeros(i), [1], a[i + 1 :, i]])
        q = q @ (np.eye(m) - tau * np.outer(v, v.conj()))
    return q[:, :n]


def _by_reflections(a: Any, taus: Any, c: Any, left: bool = True, transpose: bool = False) -> Any:
    q = _reflections(np.pad(a, ((0, 0), (0, a.shape[0] - a.shape[1]))), taus)
    q = q.T if transpose else q
    return q @ c if left else c @ q


def _gehrd(a: Any) -> Any:
    (reduce,) = scipy.linalg.lapack.get_lapack_funcs(("gehrd",), (a,))
    return reduce(a)[:2]


def _trd(a: Any) -> Any:
    a = hermitian(a)
    kind = "hetrd" if np.iscomplexobj(a) else "sytrd"
    (reduce,) = scipy.linalg.lapack.get_lapack_funcs((kind,), (a,))
    out, d, e, taus, _ = reduce(a, lower=1)
    return np.tril(out, -2) + np.diag(d) + np.diag(e, -1) + np.diag(e, 1), d, e, taus


def _left_and_right(x: Any) -> Any:
    w, right = np.linalg.eig(x)
    left = np.linalg.inv(right).conj().T
    np.testing.assert_allclose(left.conj().T @ x, w[:, None] * left.conj().T, atol=1e-12)
    return w, left / np.linalg.norm(left, axis=0), right


_SQUARE = [regular(uniform(3, 3)), regular(plane(2, 2))]

USES = [
    Use("lax.linalg.cholesky", (positive(uniform(3, 3)),), oracle=lambda x: np.linalg.cholesky(hermitian(x))),
    Use(
        "lax.linalg.cholesky",
        (positive(uniform(3, 3)),),
        {"symmetrize_input": False},
        lambda x, **_: np.linalg.cholesky(x),
        jax=False,
    ),
    Use(
        "lax.linalg.cholesky_update",
        (np.linalg.cholesky(positive(uniform(3, 3))).T, uniform(3, seed=1)),
        oracle=lambda r, w: np.linalg.cholesky(r.T @ r + np.outer(w, w)).T,
        jax=False,
    ),
    Use("lax.linalg.eigh", (hermitian(uniform(3, 3)),), oracle=lambda x: np.linalg.eigh(hermitian(x))[::-1]),
    Use("lax.linalg.eig", (uniform(3, 3),), oracle=_left_and_right, rtol=1e-10, jax=False),
    Use("lax.linalg.householder_product", (uniform(3, 2), uniform(2, seed=1)), oracle=_reflections, jax=False),
    *[
        Use("lax.linalg.ormqr", (uniform(3, 2), uniform(2, seed=1), c), kwargs, _by_reflections, jax=False)
        for c, kwargs in [
            (uniform(3, 2, seed=2), {}),
            (uniform(3, 2, seed=2), {"transpose": True}),
            (uniform(2, 3, seed=2), {"left": False}),
            (uniform(2, 3, seed=2), {"left": False, "transpose": True}),
        ]
    ],
    *[
        Use("lax.linalg.hessenberg", (x,), oracle=_gehrd, rtol=1e-11, jax=False)
        for x in (uniform(4, 4), plane(3, 3), uniform(2, 2))
    ],
    *[
        Use("lax.linalg.tridiagonal", (hermitian(x),), oracle=_trd, rtol=1e-11, jax=False)
        for x in (uniform(4, 4), plane(3, 3))
    ],
    Use("lax.linalg.lu", (uniform(3, 3),), oracle=_lu, jax=False),
    Use(
        "lax.linalg.lu_pivots_to_permutation",
        (np.asarray([2, 3, 2], "int32"),),
        {"permutation_size": 4},
        lambda pivots, permutation_size: np.asarray([2, 3, 0, 1]),
        order=0,
        why="its result is whole numbers",
        vmap=False,
        jax=False,
    ),
    *[
        Use("lax.linalg.qr", (x,), {"full_matrices": False}, lambda x, **_: tuple(np.linalg.qr(x)))
        for x in (uniform(3, 2), plane(2, 3))
    ],
    Use("lax.linalg.svd", (uniform(3, 2),), {"full_matrices": False}, lambda x, **_: tuple(np.linalg.svd(x, False))),
    Use("lax.linalg.svd", (uniform(3, 2),), {"compute_uv": False}, lambda x, **_: np.linalg.svdvals(x)),
    Use(
        "lax.linalg.symmetric_product",
        (uniform(2, 3), hermitian(uniform(2, 2))),
        {"alpha": 2.0, "beta": 0.5, "symmetrize_output": True},
        lambda a, c, **_: 2 * a @ a.T + c / 2,
        jax=False,
    ),
    *[
        Use("lax.linalg.triangular_solve", (a, b), kwargs, _triangular)
        for a, b in [(_SQUARE[0], uniform(3, 3, seed=1)), (_SQUARE[1], plane(2, 2, seed=1))]
        for kwargs in [
            {},
            {"left_side": True, "lower": True},
            {"transpose_a": True, "lower": True},
            {"left_side": True, "transpose_a": True, "conjugate_a": True, "unit_diagonal": True},
        ]
    ],
    Use(
        "lax.linalg.tridiagonal_solve",
        (*[uniform(4, seed=i) for i in range(3)], uniform(4, 2, seed=3)),
        oracle=_tridiagonal,
        jax=False,
    ),
]
