"""Uses of `funcgrad/scipy/linalg` and `funcgrad/scipy/sparse/linalg`."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import scipy
from samples import complexes, uniform
from samples.linalg import hermitian, plane, positive, regular

from . import Use

_CONSTANT = "it is made of no array"
_PHASE = "its vectors are free up to a phase; derivatives of what does not depend on it: tests/test_linalg.py"
_TURN = "some of its vectors may turn among each other; derivatives of what does not depend on it: tests/test_linalg.py"


def _of_hermitian_parts(function: Any) -> Any:
    """SciPy's function, which reads one triangle, on what ours reads."""
    return lambda *matrices, **kwargs: function(*map(hermitian, matrices), **kwargs)


def _factor(a: Any, lower: bool = False) -> Any:
    """SciPy's `cho_factor` with zeros in the other triangle."""
    return scipy.linalg.cholesky(hermitian(a), lower=lower), lower


def _lu_factor(a: Any) -> Any:
    factors, pivots = scipy.linalg.lu_factor(a)
    return factors, pivots.astype("int64")


def _with_indices(a: Any, p_indices: bool) -> Any:
    p, left, right = scipy.linalg.lu(a, p_indices=p_indices)
    return p.astype("int64"), left, right


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


def _logm(x: Any) -> Any:
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # its own estimate of its error
        return scipy.linalg.logm(x)


def _banded(n: int, seed: int = 0) -> Any:
    """A tridiagonal matrix."""
    return np.triu(np.tril(regular(uniform(n, n, seed=seed)), 1), -1)


_SQUARE = [regular(uniform(3, 3)), regular(plane(2, 2))]
_ANY = [uniform(4, 2), uniform(2, 3), plane(3, 2), uniform(3, 3)]

USES = [
    # matrices of a form
    Use("scipy.linalg.block_diag", (uniform(2, 3), uniform(2), uniform(1, 1))),
    Use("scipy.linalg.block_diag", (plane(1, 2), uniform(2, 1))),
    Use("scipy.linalg.toeplitz", (uniform(3), uniform(2, seed=1))),
    Use("scipy.linalg.toeplitz", (plane(3),)),
    Use("scipy.linalg.hankel", (uniform(3), uniform(2, seed=1)), jax=False),
    Use("scipy.linalg.hankel", (plane(3),), jax=False),
    Use("scipy.linalg.circulant", (uniform(4),), jax=False),
    *[
        Use("scipy.linalg.convolution_matrix", (uniform(m), 3), {"mode": mode}, jax=False)
        for m in (2, 4)
        for mode in ("full", "same", "valid")
    ],
    Use("scipy.linalg.khatri_rao", (uniform(2, 3), plane(2, 3)), jax=False),
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
            ("invpascal", (4,), {}),
            ("invpascal", (3, "lower"), {}),
            ("invpascal", (3, "upper", False), {}),
            ("pascal", (4, "lower"), {}),
            ("pascal", (3,), {"kind": "upper", "exact": False}),
        ]
    ],
    # factors
    *[
        Use("scipy.linalg.cholesky", (positive(x),), kwargs, _of_hermitian_parts(scipy.linalg.cholesky), jax=False)
        for x in _SQUARE
        for kwargs in ({}, {"lower": True})
    ],
    Use("scipy.linalg.cho_factor", (positive(uniform(3, 3)),), {"lower": True}, _factor, jax=False),
    Use("scipy.linalg.cho_factor", (positive(plane(2, 2)),), {}, _factor, jax=False),
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
        (uniform(3, 3), regular(uniform(3, 3, seed=1))),
        {"right": False},
        _eig,
        rtol=1e-11,
        jax=False,
    ),
    Use("scipy.linalg.eigvals", (plane(2, 2),), jax=False, rtol=1e-11),
    Use("scipy.linalg.eigh", (hermitian(uniform(3, 3)),), oracle=lambda a: tuple(np.linalg.eigh(hermitian(a)))),
    Use(
        "scipy.linalg.eigh",
        (hermitian(plane(2, 2)),),
        oracle=_of_hermitian_parts(scipy.linalg.eigh),
        order=0,
        why=_PHASE,
        jax=False,
    ),
    *[
        Use(
            "scipy.linalg.eigh",
            (hermitian(x), positive(y)),
            {"type": kind, "eigvals_only": True},
            _of_hermitian_parts(scipy.linalg.eigh),
            rtol=1e-11,
            jax=False,
        )
        for kind in (1, 2, 3)
        for x, y in [(uniform(3, 3), uniform(3, 3, seed=1)), (plane(2, 2), plane(2, 2, seed=1))]
    ],
    Use(
        "scipy.linalg.eigh",
        (hermitian(uniform(3, 3)),),
        {"subset_by_index": [1, 2], "eigvals_only": True},
        _of_hermitian_parts(scipy.linalg.eigh),
        jax=False,
    ),
    Use(
        "scipy.linalg.eigvalsh",
        (hermitian(plane(3, 3)),),
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
        for x in (uniform(4, 4), plane(3, 3), uniform(2, 2))
        for kwargs in ({}, {"calc_q": True})
    ],
    # functions
    *[Use("scipy.linalg.expm", (x,), rtol=1e-11) for x in _SQUARE],
    Use("scipy.linalg.expm", (uniform(2, 2, 2),), rtol=1e-11),
    Use("scipy.linalg.expm_frechet", (uniform(2, 2), uniform(2, 2, seed=1)), rtol=1e-11),
    Use("scipy.linalg.expm_frechet", (plane(2, 2), plane(2, 2, seed=1)), {"compute_expm": False}, rtol=1e-11),
    *[Use("scipy.linalg.sqrtm", (positive(x),), rtol=1e-10, jax=False) for x in _SQUARE],
    *[Use("scipy.linalg.logm", (positive(x),), oracle=_logm, rtol=1e-10, jax=False) for x in _SQUARE],
    *[
        Use(f"scipy.linalg.{name}", (x,), rtol=1e-10, jax=False)
        for name in ("cosm", "sinm", "tanm", "coshm", "sinhm", "tanhm")
        for x in (uniform(3, 3) / 2, plane(2, 2) / 2)
    ],
    # solving
    *[
        Use(f"scipy.linalg.{name}", (regular(x) / 9, y), rtol=1e-10, jax=False)
        for name in ("solve_continuous_lyapunov", "solve_lyapunov", "solve_discrete_lyapunov")
        for x, y in [(uniform(3, 3), uniform(3, 3, seed=1)), (plane(2, 2), plane(2, 2, seed=1))]
    ],
    Use(
        "scipy.linalg.solve_toeplitz", ((1 + uniform(3), uniform(3, seed=1)), uniform(3, seed=2)), rtol=1e-10, jax=False
    ),
    Use("scipy.linalg.solve_toeplitz", (1 + plane(3), uniform(3, 2, seed=2)), rtol=1e-10, jax=False),
    Use("scipy.linalg.solve_circulant", (1 + uniform(3), uniform(3, seed=2)), rtol=1e-10, jax=False),
    Use("scipy.linalg.solve_circulant", (1 + plane(3), plane(3, 2, seed=2)), rtol=1e-10, jax=False),
    Use(
        "scipy.linalg.pinvh",
        (hermitian(plane(3, 3)),),
        oracle=_of_hermitian_parts(scipy.linalg.pinvh),
        rtol=1e-10,
        jax=False,
    ),
    Use("scipy.linalg.orthogonal_procrustes", (uniform(3, 2), uniform(3, 2, seed=1)), jax=False),
    Use("scipy.linalg.orthogonal_procrustes", (plane(2, 2), plane(2, 2, seed=1)), jax=False),
    *[Use(f"scipy.linalg.{name}", (x,)) for x in _SQUARE for name in ("inv", "det")],
    *[Use("scipy.linalg.pinv", (x,), rtol=1e-11, jax=False) for x in _ANY],
    Use(
        "scipy.linalg.pinv",
        (uniform(3, 2) @ uniform(2, 3, seed=1),),
        {"atol": 1e-3, "rtol": 1e-3, "return_rank": True},
        _pinv,
        order=1,
        why="below full rank the derivative is that among matrices of this rank, and the next one leaves them",
        rtol=1e-11,
        jax=False,
    ),
    Use("scipy.linalg.lstsq", (uniform(4, 2), uniform(4, seed=1)), oracle=_lstsq, rtol=1e-11, jax=False),
    *[
        Use("scipy.linalg.solve", (a, b), kwargs, jax="assume_a" not in kwargs and not kwargs)
        for a, b, kwargs in [
            (_SQUARE[0], uniform(3), {}),
            (_SQUARE[1], plane(2, 2), {"assume_a": "gen"}),
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
            (positive(x), b),
            {"assume_a": "pos"},
            lambda a, b, **_: np.linalg.solve(hermitian(a), b),
            jax=False,
        )
        for x, b in [(uniform(3, 3), uniform(3)), (plane(2, 2), plane(2, 1))]
    ],
    *[
        Use(
            "scipy.linalg.solve_triangular",
            (a, b),
            {"trans": trans, "lower": lower, "unit_diagonal": unit},
            jax=trans != 2,
        )
        for a, b in [(_SQUARE[0], uniform(3)), (_SQUARE[1], plane(2, 2))]
        for trans in (0, 1, 2)
        for lower, unit in [(False, False), (True, False), (True, True)]
    ],
    Use("scipy.linalg.solve_sylvester", (uniform(3, 3), regular(uniform(2, 2)), uniform(3, 2)), rtol=1e-10, jax=False),
]


# the factors are arguments of their own here, as what they are made of is no part of the use
USES += [
    Use(
        "scipy.linalg.cho_solve",
        ((np.linalg.cholesky(positive(x)), True), b),
        oracle=lambda c, b: scipy.linalg.cho_solve(c, b),
    )
    for x, b in [(uniform(3, 3), uniform(3)), (plane(2, 2), plane(2, 2))]
]
USES += [
    Use(
        "scipy.linalg.lu_solve",
        (scipy.linalg.lu_factor(x), b),
        {"trans": trans},
        vmap=False,
        why="its exchanges of rows are places, which the test of batches would turn",
    )
    for x, b in [(_SQUARE[0], uniform(3)), (_SQUARE[1], plane(2, 2))]
    for trans in (0, 1, 2)
]
USES += [
    Use(
        f"scipy.sparse.linalg.{name}",
        (regular(x), b),
        {"rtol": 1e-14},
        lambda a, b, **_: (np.linalg.solve(a, b), np.asarray(0)),
        rtol=1e-11,
        jax=False,
    )
    for name in ("bicgstab", "gmres")
    for x, b in [(uniform(3, 3), uniform(3)), (plane(2, 2), plane(2))]
]
USES += [  # by the right-hand side alone: a neighbour of a Hermitian matrix is not, and is nothing for cg
    Use(
        "scipy.sparse.linalg.cg",
        (positive(x), b),
        {"rtol": 1e-14},
        lambda a, b, **_: (np.linalg.solve(a, b), np.asarray(0)),
        fixed=(0,),
        rtol=1e-11,
        jax=False,
    )
    for x, b in [(uniform(3, 3), uniform(3)), (plane(2, 2), plane(2))]
]
