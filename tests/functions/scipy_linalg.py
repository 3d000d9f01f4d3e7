"""Uses of `funcgrad/scipy/linalg` and `funcgrad/lax/linalg`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy
from samples import complexes, uniform

from . import Use

_CONSTANT = "it is made of no array"
_PHASE = "its vectors are free up to a phase; derivatives of what does not depend on it: tests/test_linalg.py"
_TURN = "some of its vectors may turn among each other; derivatives of what does not depend on it: tests/test_linalg.py"


def _complex(*shape: int, seed: int = 0) -> Any:
    return uniform(*shape, seed=seed) + 1j * uniform(*shape, seed=seed + 500)


def _regular(x: Any) -> Any:
    return x + 3 * np.eye(x.shape[-1])


def _hermitian(x: Any) -> Any:
    return (x + x.conj().swapaxes(-1, -2)) / 2


def _positive(x: Any) -> Any:
    return x @ x.conj().swapaxes(-1, -2) + np.eye(x.shape[-1])


def _of_hermitian_parts(function: Any) -> Any:
    """SciPy's function, which reads one triangle, on what ours reads."""
    return lambda *matrices, **kwargs: function(*map(_hermitian, matrices), **kwargs)


def _factor(a: Any, lower: bool = False) -> Any:
    """SciPy's `cho_factor` with zeros in the other triangle."""
    return scipy.linalg.cholesky(_hermitian(a), lower=lower), lower


def _lu_factor(a: Any) -> Any:
    factors, pivots = scipy.linalg.lu_factor(a)
    return factors, pivots.astype("int64")


def _with_indices(a: Any, p_indices: bool) -> Any:
    p, left, right = scipy.linalg.lu(a, p_indices=p_indices)
    return p.astype("int64"), left, right


def _lax_lu(x: Any) -> Any:
    factors, pivots = scipy.linalg.lu_factor(x)
    order = np.arange(x.shape[0])
    for i, other in enumerate(pivots):
        order[[i, other]] = order[[other, i]]
    return factors, pivots.astype("int64"), order


def _eig(a: Any, b: Any = None, right: bool = True) -> Any:
    found = scipy.linalg.eig(a, b, right=right)
    return (found[0], found[1].astype("complex128")) if right else found


def _polar(a: Any, side: str = "right") -> Any:
    return scipy.linalg.polar(a, side)


def _pinv(a: Any, **kwargs: Any) -> Any:
    found = scipy.linalg.pinv(a, **kwargs)
    return (found[0], np.asarray(found[1], "int64")) if isinstance(found, tuple) else found


def _lstsq(a: Any, b: Any) -> Any:
    x, residuals, rank, s = scipy.linalg.lstsq(a, b)
    return x, np.reshape(residuals, -1), np.asarray(rank, "int64"), s


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
    a = _hermitian(a)
    kind = "hetrd" if np.iscomplexobj(a) else "sytrd"
    (reduce,) = scipy.linalg.lapack.get_lapack_funcs((kind,), (a,))
    out, d, e, taus, _ = reduce(a, lower=1)
    return np.tril(out, -2) + np.diag(d) + np.diag(e, -1) + np.diag(e, 1), d, e, taus


def _left_and_right(x: Any) -> Any:
    w, right = np.linalg.eig(x)
    left = np.linalg.inv(right).conj().T
    np.testing.assert_allclose(left.conj().T @ x, w[:, None] * left.conj().T, atol=1e-12)
    return w, left / np.linalg.norm(left, axis=0), right


def _logm(x: Any) -> Any:
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # its own estimate of its error
        return scipy.linalg.logm(x)


def _banded(n: int, seed: int = 0) -> Any:
    """A tridiagonal matrix."""
    return np.triu(np.tril(_regular(uniform(n, n, seed=seed)), 1), -1)


_SQUARE = [_regular(uniform(3, 3)), _regular(_complex(2, 2))]
_ANY = [uniform(4, 2), uniform(2, 3), _complex(3, 2), uniform(3, 3)]

USES = [
    # matrices of a form
    Use("scipy.linalg.block_diag", (uniform(2, 3), uniform(2), uniform(1, 1))),
    Use("scipy.linalg.block_diag", (_complex(1, 2), uniform(2, 1))),
    Use("scipy.linalg.toeplitz", (uniform(3), uniform(2, seed=1))),
    Use("scipy.linalg.toeplitz", (_complex(3),)),
    Use("scipy.linalg.hankel", (uniform(3), uniform(2, seed=1)), jax=False),
    Use("scipy.linalg.hankel", (_complex(3),), jax=False),
    Use("scipy.linalg.circulant", (uniform(4),), jax=False),
    Use("scipy.linalg.companion", (1 + complexes(4),), jax=False),
    Use("scipy.linalg.leslie", (uniform(3), uniform(2, seed=1)), jax=False),
    Use("scipy.linalg.fiedler", (uniform(3),), jax=False),
    *[
        Use(f"scipy.linalg.{name}", args, kwargs, order=0, why=_CONSTANT, jax=False)
        for name, args, kwargs in [
            ("dft", (4,), {}),
            ("dft", (3,), {"scale": "sqrtn"}),
            ("dft", (3, "n"), {}),
            ("hadamard", (4,), {}),
            ("hadamard", (2,), {"dtype": "float32"}),
            ("helmert", (4,), {}),
            ("helmert", (3,), {"full": True}),
            ("hilbert", (3,), {}),
            ("invhilbert", (4,), {}),
            ("invhilbert", (5,), {"exact": True}),
            ("pascal", (4,), {}),
            ("pascal", (4, "lower"), {}),
            ("pascal", (3,), {"kind": "upper", "exact": False}),
        ]
    ],
    # factors
    *[
        Use("scipy.linalg.cholesky", (_positive(x),), kwargs, _of_hermitian_parts(scipy.linalg.cholesky), jax=False)
        for x in _SQUARE
        for kwargs in ({}, {"lower": True})
    ],
    Use("scipy.linalg.cho_factor", (_positive(uniform(3, 3)),), {"lower": True}, _factor, jax=False),
    Use("scipy.linalg.cho_factor", (_positive(_complex(2, 2)),), {}, _factor, jax=False),
    *[Use("scipy.linalg.qr", (x,), {"mode": "economic"}) for x in _ANY],
    *[Use("scipy.linalg.qr", (x,), {"mode": "r"}, jax=False) for x in _ANY],
    Use("scipy.linalg.qr", (uniform(2, 3),)),
    Use("scipy.linalg.qr", (uniform(3, 2),), order=0, why=_TURN),
    *[Use("scipy.linalg.lu", (x,)) for x in _ANY],
    *[Use("scipy.linalg.lu", (x,), {"permute_l": True}) for x in _ANY],
    Use("scipy.linalg.lu", (uniform(3, 2),), {"p_indices": True}, _with_indices, jax=False),
    *[Use("scipy.linalg.lu_factor", (x,), oracle=_lu_factor, jax=False) for x in _SQUARE],
    # spectra
    *[Use("scipy.linalg.svd", (x,), {"full_matrices": False}) for x in (uniform(4, 2), uniform(2, 3))],
    Use("scipy.linalg.svd", (uniform(2, 3),), order=0, why=_TURN),
    *[Use("scipy.linalg.svd", (x,), {"compute_uv": False}) for x in _ANY],
    *[Use("scipy.linalg.svdvals", (x,), jax=False) for x in _ANY],
    Use("scipy.linalg.eig", (uniform(3, 3),), oracle=_eig, rtol=1e-11, jax=False),
    Use(
        "scipy.linalg.eig",
        (uniform(3, 3), _regular(uniform(3, 3, seed=1))),
        {"right": False},
        _eig,
        rtol=1e-11,
        jax=False,
    ),
    Use("scipy.linalg.eigvals", (_complex(2, 2),), jax=False, rtol=1e-11),
    Use("scipy.linalg.eigh", (_hermitian(uniform(3, 3)),), oracle=lambda a: tuple(np.linalg.eigh(_hermitian(a)))),
    Use(
        "scipy.linalg.eigh",
        (_hermitian(_complex(2, 2)),),
        oracle=_of_hermitian_parts(scipy.linalg.eigh),
        order=0,
        why=_PHASE,
        jax=False,
    ),
    *[
        Use(
            "scipy.linalg.eigh",
            (_hermitian(x), _positive(y)),
            {"type": kind, "eigvals_only": True},
            _of_hermitian_parts(scipy.linalg.eigh),
            rtol=1e-11,
            jax=False,
        )
        for kind in (1, 2, 3)
        for x, y in [(uniform(3, 3), uniform(3, 3, seed=1)), (_complex(2, 2), _complex(2, 2, seed=1))]
    ],
    Use(
        "scipy.linalg.eigh",
        (_hermitian(uniform(3, 3)),),
        {"subset_by_index": [1, 2], "eigvals_only": True},
        _of_hermitian_parts(scipy.linalg.eigh),
        jax=False,
    ),
    Use(
        "scipy.linalg.eigvalsh",
        (_hermitian(_complex(3, 3)),),
        oracle=_of_hermitian_parts(scipy.linalg.eigvalsh),
        jax=False,
    ),
    Use(
        "scipy.linalg.eigh_tridiagonal", (uniform(4), uniform(3, seed=1)), {"eigvals_only": True}, rtol=1e-11, jax=False
    ),
    Use(
        "scipy.linalg.eigh_tridiagonal",
        (uniform(3), uniform(2, seed=1)),
        {"eigvals_only": True, "select": "i", "select_range": (0, 1)},
        rtol=1e-11,
        jax=False,
    ),
    *[
        Use("scipy.linalg.polar", (x,), {"side": side}, _polar, rtol=1e-11, jax=False)
        for x in _ANY
        for side in ("right", "left")
    ],
    Use("scipy.linalg.eigvalsh_tridiagonal", (uniform(3), uniform(2, seed=1)), rtol=1e-11, jax=False),
    *[
        Use("scipy.linalg.hessenberg", (x,), kwargs, rtol=1e-11, jax=False)
        for x in (uniform(4, 4), _complex(3, 3), uniform(2, 2))
        for kwargs in ({}, {"calc_q": True})
    ],
    # functions
    *[Use("scipy.linalg.expm", (x,), rtol=1e-11) for x in _SQUARE],
    Use("scipy.linalg.expm", (uniform(2, 2, 2),), rtol=1e-11),
    Use("scipy.linalg.expm_frechet", (uniform(2, 2), uniform(2, 2, seed=1)), rtol=1e-11),
    Use("scipy.linalg.expm_frechet", (_complex(2, 2), _complex(2, 2, seed=1)), {"compute_expm": False}, rtol=1e-11),
    *[Use("scipy.linalg.sqrtm", (_positive(x),), rtol=1e-10, jax=False) for x in _SQUARE],
    *[Use("scipy.linalg.logm", (_positive(x),), oracle=_logm, rtol=1e-10, jax=False) for x in _SQUARE],
    # solving
    *[Use(f"scipy.linalg.{name}", (x,)) for x in _SQUARE for name in ("inv", "det")],
    *[Use("scipy.linalg.pinv", (x,), rtol=1e-11, jax=False) for x in _ANY],
    Use(
        "scipy.linalg.pinv",
        (uniform(3, 2) @ uniform(2, 3, seed=1),),
        {"atol": 1e-3, "rtol": 1e-3, "return_rank": True},
        _pinv,
        order=1,  # the derivative is that among matrices of this rank, and the next one leaves them
        rtol=1e-11,
        jax=False,
    ),
    Use("scipy.linalg.lstsq", (uniform(4, 2), uniform(4, seed=1)), oracle=_lstsq, rtol=1e-11, jax=False),
    *[
        Use("scipy.linalg.solve", (a, b), kwargs, jax="assume_a" not in kwargs and not kwargs)
        for a, b, kwargs in [
            (_SQUARE[0], uniform(3), {}),
            (_SQUARE[1], _complex(2, 2), {"assume_a": "gen"}),
            (_SQUARE[0], uniform(3), {"transposed": True}),
            (_SQUARE[0], uniform(3), {"assume_a": "upper triangular"}),
            (_SQUARE[0], uniform(3), {"assume_a": "lower triangular"}),
            (_banded(4), uniform(4), {"assume_a": "tridiagonal"}),
            (_banded(4), uniform(4, 2), {"assume_a": "banded"}),
            (np.diag([1.0, 2.0]), uniform(2), {"assume_a": "diagonal"}),
        ]
    ],
    *[
        Use(
            "scipy.linalg.solve",
            (_positive(x), b),
            {"assume_a": "pos"},
            lambda a, b, **_: np.linalg.solve(_hermitian(a), b),
            jax=False,
        )
        for x, b in [(uniform(3, 3), uniform(3)), (_complex(2, 2), _complex(2, 1))]
    ],
    *[
        Use(
            "scipy.linalg.solve_triangular",
            (a, b),
            {"trans": trans, "lower": lower, "unit_diagonal": unit},
            jax=trans != 2,
        )
        for a, b in [(_SQUARE[0], uniform(3)), (_SQUARE[1], _complex(2, 2))]
        for trans in (0, 1, 2)
        for lower, unit in [(False, False), (True, False), (True, True)]
    ],
    Use("scipy.linalg.solve_sylvester", (uniform(3, 3), _regular(uniform(2, 2)), uniform(3, 2)), rtol=1e-10, jax=False),
    # lax
    Use("lax.linalg.cholesky", (_positive(uniform(3, 3)),), oracle=_of_hermitian_parts(np.linalg.cholesky)),
    Use(
        "lax.linalg.cholesky",
        (_positive(uniform(3, 3)),),
        {"symmetrize_input": False},
        lambda x, **_: np.linalg.cholesky(x),
        jax=False,
    ),
    Use(
        "lax.linalg.cholesky_update",
        (np.linalg.cholesky(_positive(uniform(3, 3))).T, uniform(3, seed=1)),
        oracle=lambda r, w: np.linalg.cholesky(r.T @ r + np.outer(w, w)).T,
        jax=False,
    ),
    Use("lax.linalg.eigh", (_hermitian(uniform(3, 3)),), oracle=lambda x: np.linalg.eigh(_hermitian(x))[::-1]),
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
        for x in (uniform(4, 4), _complex(3, 3), uniform(2, 2))
    ],
    *[
        Use("lax.linalg.tridiagonal", (_hermitian(x),), oracle=_trd, rtol=1e-11, jax=False)
        for x in (uniform(4, 4), _complex(3, 3))
    ],
    Use("lax.linalg.lu", (uniform(3, 3),), oracle=_lax_lu, jax=False),
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
        for x in (uniform(3, 2), _complex(2, 3))
    ],
    Use("lax.linalg.svd", (uniform(3, 2),), {"full_matrices": False}, lambda x, **_: tuple(np.linalg.svd(x, False))),
    Use("lax.linalg.svd", (uniform(3, 2),), {"compute_uv": False}, lambda x, **_: np.linalg.svdvals(x)),
    Use(
        "lax.linalg.symmetric_product",
        (uniform(2, 3), _hermitian(uniform(2, 2))),
        {"alpha": 2.0, "beta": 0.5, "symmetrize_output": True},
        lambda a, c, **_: 2 * a @ a.T + c / 2,
        jax=False,
    ),
    *[
        Use("lax.linalg.triangular_solve", (a, b), kwargs, _triangular)
        for a, b in [(_SQUARE[0], uniform(3, 3, seed=1)), (_SQUARE[1], _complex(2, 2, seed=1))]
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


# the factors are arguments of their own here, as what they are made of is no part of the use
USES += [
    Use(
        "scipy.linalg.cho_solve",
        ((np.linalg.cholesky(_positive(x)), True), b),
        oracle=lambda c, b: scipy.linalg.cho_solve(c, b),
    )
    for x, b in [(uniform(3, 3), uniform(3)), (_complex(2, 2), _complex(2, 2))]
]
USES += [
    Use(
        "scipy.linalg.lu_solve",
        (scipy.linalg.lu_factor(x), b),
        {"trans": trans},
        vmap=False,
        why="its exchanges of rows are places, which the test of batches would turn",
    )
    for x, b in [(_SQUARE[0], uniform(3)), (_SQUARE[1], _complex(2, 2))]
    for trans in (0, 1, 2)
]
USES += [
    Use(
        f"scipy.sparse.linalg.{name}",
        (_regular(x), b),
        {"rtol": 1e-14},
        lambda a, b, **_: (np.linalg.solve(a, b), np.asarray(0)),
        rtol=1e-11,
        jax=False,
    )
    for name in ("bicgstab", "gmres")
    for x, b in [(uniform(3, 3), uniform(3)), (_complex(2, 2), _complex(2))]
]
USES += [  # by the right-hand side alone: a neighbour of a Hermitian matrix is not, and is nothing for cg
    Use(
        "scipy.sparse.linalg.cg",
        (_positive(x), b),
        {"rtol": 1e-14},
        lambda a, b, **_: (np.linalg.solve(a, b), np.asarray(0)),
        fixed=(0,),
        rtol=1e-11,
        jax=False,
    )
    for x, b in [(uniform(3, 3), uniform(3)), (_complex(2, 2), _complex(2))]
]
