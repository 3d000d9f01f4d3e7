"""Samples of `funcgrad/ops/linalg`; the expected values are NumPy's or SciPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy

from . import Sample, complexes, uniform


def plane(*shape: int, seed: int = 0) -> Any:
    """Complex numbers from the whole plane around zero."""
    return uniform(*shape, seed=seed) + 1j * uniform(*shape, seed=seed + 500)


def hermitian(x: Any) -> Any:
    """The Hermitian parts of matrices."""
    return (x + x.conj().swapaxes(-1, -2)) / 2


def regular(x: Any) -> Any:
    """Square matrices, far from singular."""
    return x + 3 * np.eye(x.shape[-1])


def positive(x: Any) -> Any:
    """Positive definite matrices made of any."""
    return x @ x.conj().swapaxes(-1, -2) + np.eye(x.shape[-1])


def _packed(x: Any, *parts: Any) -> Any:
    lead = x.shape[:-2]
    return np.concatenate([np.reshape(p, (*lead, -1)) for p in parts], axis=-1)


def _eig(x: Any, dtype: Any) -> Any:
    w, v = np.linalg.eig(x)
    return _packed(x, w, v).astype(dtype)


def _lu(x: Any) -> Any:
    stack = x.reshape(-1, *x.shape[-2:])
    found = [scipy.linalg.lapack.get_lapack_funcs(("getrf",), (m,))[0](m) for m in stack]
    factors = np.reshape([f[0] for f in found], x.shape)
    pivots = np.reshape([f[1] for f in found], (*x.shape[:-2], -1))
    return _packed(x, factors, pivots.astype(x.dtype))


def _permutation(pivots: Any, rows: int) -> Any:
    found = np.zeros((*pivots.shape[:-1], rows), "int64")
    for at in np.ndindex(pivots.shape[:-1]):
        order = np.arange(rows)
        for k, other in enumerate(pivots[at]):
            order[[k, other]] = order[[other, k]]
        found[at] = order
    return found


def _adjugate(x: Any) -> Any:
    out = np.zeros_like(x)
    n = x.shape[-1]
    for *at, i, j in np.ndindex(x.shape):
        minor = np.delete(np.delete(x[tuple(at)], j, 0), i, 1)
        out[(*at, i, j)] = (-1) ** (i + j) * (np.linalg.det(minor) if n > 1 else 1)
    return out


def _tridiagonal(lower: Any, diagonal: Any, upper: Any, b: Any) -> Any:
    out = np.zeros_like(b)
    for at in np.ndindex(diagonal.shape[:-1]):
        m = np.diag(diagonal[at]) + np.diag(lower[at][1:], -1) + np.diag(upper[at][:-1], 1)
        out[at] = np.linalg.solve(m, b[at])
    return out


def _triangle(a: Any, b: Any, lower: bool, unit: bool) -> Any:
    a = np.tril(a) if lower else np.triu(a)
    if unit:
        a = a - np.eye(a.shape[-1]) * a + np.eye(a.shape[-1])
    return np.linalg.solve(a, b)


def _each(function: Any) -> Any:
    """A function of one matrix on a stack."""
    return lambda x: np.reshape([function(m) for m in x.reshape(-1, *x.shape[-2:])], x.shape).astype(x.dtype)


_root, _logarithm = _each(scipy.linalg.sqrtm), _each(scipy.linalg.logm)

# Vectors that are free, up to a phase or to turn among each other, are not LAPACK's next to where they are derived:
# such samples have order 0, and test_linalg.py takes derivatives of what does not depend on the choice.
_SQUARE = [uniform(3, 3), plane(3, 3), uniform(2, 2, 2, seed=3), uniform(1, 1)]
_TALL, _WIDE = [uniform(4, 2), plane(4, 2), uniform(2, 3, 2)], [uniform(2, 3), plane(2, 4)]

SAMPLES = [
    *[
        Sample("lower_triangle", (x,), lambda x, k: np.tril(x, k), {"k": k})
        for x in (_TALL[0], _WIDE[1])
        for k in (0, -1, 1)
    ],
    *[
        Sample("upper_triangle", (x,), lambda x, k: np.triu(x, k), {"k": k})
        for x in (_TALL[0], _WIDE[1])
        for k in (0, -1, 1)
    ],
    *[Sample("matrix_diagonal", (x,), lambda x: np.diagonal(x, axis1=-2, axis2=-1)) for x in _SQUARE],
    *[Sample("diagonal_matrix", (x,), lambda x: x[..., None] * np.eye(x.shape[-1])) for x in _SQUARE],
    *[
        Sample("solve", (a + 2 * np.eye(a.shape[-1]), b), np.linalg.solve)
        for a, b in [
            (uniform(3, 3), uniform(3, 2, seed=1)),
            (plane(3, 3), plane(3, 1, seed=1)),
            (uniform(2, 2, 2), uniform(2, 3, seed=1)),
            (uniform(2, 2), uniform(3, 2, 1, seed=1)),
            (uniform(2, 1, 2, 2), uniform(3, 2, 1, seed=1)),
        ]
    ],
    *[Sample("inv", (x + 2 * np.eye(x.shape[-1]),), np.linalg.inv) for x in _SQUARE],
    *[
        Sample("triangular_solve", (a, b), _triangle, {"lower": lower, "unit": unit}, portable=False)
        for a, b in [
            (uniform(3, 3, low=0.5), uniform(3, 2, seed=1)),
            (complexes(3, 3), complexes(3, 1, seed=1)),
            (uniform(2, 2, 2, low=0.5), uniform(2, 3, seed=1)),
        ]
        for lower in (True, False)
        for unit in (True, False)
    ],
    *[
        Sample("tridiagonal_solve", tuple(parts), _tridiagonal, portable=False)
        for parts in [
            [uniform(4, seed=1), uniform(4, seed=2), uniform(4, seed=3), uniform(4, 2, seed=4)],
            [plane(3, seed=1), plane(3, seed=2), plane(3, seed=3), plane(3, 1, seed=4)],
            [uniform(2, 3, seed=1), uniform(2, 3, seed=2), uniform(2, 3, seed=3), uniform(2, 3, 1, seed=4)],
            [uniform(1, seed=1), uniform(1, seed=2), uniform(1, seed=3), uniform(1, 2, seed=4)],
        ]
    ],
    *[
        Sample("sylvester", tuple(parts), scipy.linalg.solve_sylvester, rtol=1e-10, portable=False)
        for parts in [
            [uniform(3, 3), uniform(2, 2, seed=1) + 3 * np.eye(2), uniform(3, 2, seed=2)],
            [plane(2, 2), plane(3, 3, seed=1), plane(2, 3, seed=2)],
        ]
    ],
    *[Sample("pinv", (x, 1e-9), np.linalg.pinv, rtol=1e-11) for x in [*_TALL, *_WIDE, uniform(3, 3)]],
    *[Sample("det", (x,), np.linalg.det, rtol=1e-11) for x in _SQUARE],
    *[Sample("adjugate", (x,), _adjugate, rtol=1e-11) for x in _SQUARE],
    *[Sample("slogdet", (x,), lambda x: _packed(x, *np.linalg.slogdet(x))) for x in _SQUARE],
    *[Sample("cholesky", (positive(x),), lambda x: np.linalg.cholesky(hermitian(x))) for x in _SQUARE],
    *[
        Sample(
            "qr",
            (x,),
            lambda x, mode: _packed(x, *np.linalg.qr(x, mode)),
            {"mode": mode},
            order=0 if mode == "complete" and x.shape[-2] > x.shape[-1] else 2,
        )
        for x in [*_TALL, uniform(3, 3), plane(2, 2)]
        for mode in ("reduced", "complete")
    ],
    *[Sample("lu", (x,), _lu, portable=False) for x in [*_SQUARE, *_TALL, *_WIDE]],
    *[
        Sample("lu_pivots_to_permutation", (p,), _permutation, {"rows": 4}, portable=False)
        for p in (np.asarray([2, 3, 2]), np.asarray([[2, 3, 2, 3], [1, 2, 3, 3]]))
    ],
    *[
        Sample("inverse_permutation", (p,), lambda p: np.argsort(p, axis=-1))
        for p in (np.asarray([2, 0, 1]), np.asarray([[2, 0, 1], [1, 2, 0]]))
    ],
    *[
        Sample(
            "eigh",
            (hermitian(x),),
            lambda x: _packed(x, *np.linalg.eigh(hermitian(x))),
            order=0 if np.iscomplexobj(x) else 2,
        )
        for x in _SQUARE
    ],
    *[Sample("eigvalsh", (hermitian(x),), lambda x: np.linalg.eigvalsh(hermitian(x))) for x in _SQUARE],
    *[
        Sample(
            "svd",
            (x,),
            lambda x, full: _packed(x, *np.linalg.svd(x, full)),
            {"full": full},
            order=0 if np.iscomplexobj(x) or (full and x.shape[-1] != x.shape[-2]) else 2,
            rtol=1e-11,
        )
        for x in [*_TALL, *_WIDE, uniform(3, 3), plane(2, 2)]
        for full in (False, True)
    ],
    *[Sample("svdvals", (x,), np.linalg.svdvals) for x in [*_TALL, *_WIDE, uniform(3, 3), plane(2, 2)]],
    *[Sample("eig", (x,), _eig, {"dtype": np.dtype("complex128")}, rtol=1e-11, portable=False) for x in _SQUARE],
    *[
        Sample(
            "eigvals",
            (x,),
            lambda x, dtype: np.linalg.eigvals(x).astype(dtype),
            {"dtype": np.dtype("complex128")},
            rtol=1e-11,
            portable=False,
        )
        for x in _SQUARE
    ],
    *[Sample("expm", (scale * x,), scipy.linalg.expm, rtol=1e-11) for x in _SQUARE for scale in (0.3, 3.0)],
    *[Sample("sqrtm", (positive(x) + x / 4,), _root, rtol=1e-10) for x in _SQUARE],
    *[Sample("logm", (positive(x) + x / 4,), _logarithm, rtol=1e-10) for x in _SQUARE],
]
