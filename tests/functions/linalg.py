"""Uses of `funcgrad/numpy/linalg`."""

from __future__ import annotations

from typing import Any

import numpy as np
from samples import uniform
from samples.linalg import hermitian, plane, positive, regular

from . import Use


def _of_hermitian_part(function: Any) -> Any:
    """NumPy's function, which reads one triangle, on what ours reads."""
    return lambda x, **kwargs: function(hermitian(x), **kwargs)


def _eigh_of_triangle(x: Any, UPLO: str) -> Any:
    """NumPy's, always of the lower triangle: the signs of vectors are others for the upper one."""
    return np.linalg.eigh(x if UPLO == "L" else x.T)


def _norm(x: Any, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    return np.linalg.vector_norm(x, axis=axis, keepdims=keepdims, ord=ord)


def _complex_results(function: Any) -> Any:
    """The results of a NumPy function that gives real ones where it can."""

    def oracle(x: Any) -> Any:
        found = function(x)
        parts = found if isinstance(found, tuple) else (found,)
        parts = tuple(p.astype("complex128") for p in parts)
        return parts if isinstance(found, tuple) else parts[0]

    return oracle


def _whole_rank(found: Any) -> Any:
    x, residuals, rank, s = found
    return x, residuals, np.asarray(rank, "int64"), s


_PHASE = "its vectors are free up to a phase; derivatives of what does not depend on it: tests/test_linalg.py"
_TURN = "some of its vectors may turn among each other; derivatives of what does not depend on it: tests/test_linalg.py"
_WHOLE = "its result is a whole number"
_SQUARE = [regular(uniform(3, 3)), regular(plane(2, 2)), regular(uniform(2, 2, 2))]
_ANY = [uniform(4, 2), uniform(2, 3), uniform(2, 2, 2), plane(3, 2), plane(2, 3)]
_INF = float("inf")


USES = [
    # factors
    *[
        Use("numpy.linalg.cholesky", (positive(x),), kwargs, _of_hermitian_part(np.linalg.cholesky), jax=not kwargs)
        for x in _SQUARE
        for kwargs in ({}, {"upper": True})
    ],
    *[Use("numpy.linalg.qr", (x,), {"mode": mode}) for x in _ANY for mode in ("reduced", "r")],
    *[Use("numpy.linalg.qr", (x,), {"mode": "complete"}) for x in _ANY if x.shape[-2] <= x.shape[-1]],
    Use("numpy.linalg.qr", (uniform(3, 2),), {"mode": "complete"}, order=0, why=_TURN),
    # eigenvalues
    Use("numpy.linalg.eigh", (hermitian(uniform(3, 3)),), oracle=_of_hermitian_part(np.linalg.eigh)),
    Use("numpy.linalg.eigh", (hermitian(uniform(2, 2, 2)),), oracle=_of_hermitian_part(np.linalg.eigh)),
    *[Use("numpy.linalg.eigh", (uniform(3, 3),), {"UPLO": uplo}, _eigh_of_triangle, jax=False) for uplo in ("L", "U")],
    Use(
        "numpy.linalg.eigh",
        (hermitian(plane(2, 2)),),
        oracle=_of_hermitian_part(np.linalg.eigh),
        order=0,
        why=_PHASE,
    ),
    *[Use("numpy.linalg.eigvalsh", (hermitian(x),), oracle=_of_hermitian_part(np.linalg.eigvalsh)) for x in _SQUARE],
    *[Use("numpy.linalg.eigvalsh", (uniform(3, 3),), {"UPLO": uplo}, jax=False) for uplo in ("L", "U")],
    *[
        Use(
            f"numpy.linalg.{name}",
            (x,),
            oracle=_complex_results(getattr(np.linalg, name)),
            rtol=1e-11,
            jax=name == "eigvals",
        )
        for x in (uniform(3, 3), plane(2, 2), uniform(2, 2, 2, seed=3))
        for name in ("eig", "eigvals")
    ],
    # singular values
    *[Use("numpy.linalg.svd", (x,), {"full_matrices": False}) for x in _ANY[:3]],
    *[Use("numpy.linalg.svd", (x,), {"compute_uv": False}) for x in _ANY],
    Use("numpy.linalg.svd", (uniform(2, 2),)),
    Use("numpy.linalg.svd", (uniform(2, 3),), order=0, why=_TURN),
    Use("numpy.linalg.svd", (plane(2, 3),), {"full_matrices": False}, order=0, why=_PHASE),
    Use("numpy.linalg.svd", (positive(uniform(2, 2)),), {"hermitian": True, "compute_uv": False}, jax=False),
    *[Use("numpy.linalg.svdvals", (x,)) for x in _ANY],
    *[Use("numpy.linalg.matrix_rank", (x,), order=0, why=_WHOLE) for x in (*_ANY, np.ones((3, 3)), uniform(3))],
    Use("numpy.linalg.matrix_rank", (uniform(2, 2, 2),), {"tol": 1.0}, order=0, why=_WHOLE, jax=False),
    Use("numpy.linalg.matrix_rank", (uniform(3, 3),), {"rtol": 0.5}, order=0, why=_WHOLE, jax=False),
    Use("numpy.linalg.matrix_rank", (hermitian(uniform(3, 3)),), {"hermitian": True}, order=0, why=_WHOLE, jax=False),
    *[Use("numpy.linalg.cond", (x,)) for x in _ANY],
    *[Use("numpy.linalg.cond", (x, p)) for x in _SQUARE for p in (2, -2, "fro", "nuc", 1, -1, _INF, -_INF)],
    # solving
    *[
        Use("numpy.linalg.solve", (a, b))
        for a, b in [
            (_SQUARE[0], uniform(3)),
            (_SQUARE[0], uniform(3, 2)),
            (_SQUARE[1], plane(2)),
            (_SQUARE[1], uniform(2, 3)),
            (_SQUARE[2], uniform(2)),
            (_SQUARE[2], uniform(2, 3)),
            (_SQUARE[2], uniform(3, 1, 2, 1)),
        ]
    ],
    *[Use(f"numpy.linalg.{name}", (x,)) for x in _SQUARE for name in ("inv", "det", "slogdet")],
    *[Use("numpy.linalg.pinv", (x,), rtol=1e-11) for x in _ANY],
    Use("numpy.linalg.pinv", (uniform(3, 2),), {"rcond": 1e-3}, rtol=1e-11, jax=False),
    Use(
        "numpy.linalg.pinv",
        (uniform(2, 3, 2), np.asarray([0.0, 0.1]).astype("float32")),
        fixed=(1,),
        rtol=1e-11,
        jax=False,
    ),
    Use(
        "numpy.linalg.pinv",
        (hermitian(uniform(3, 3)),),
        {"hermitian": True},
        _of_hermitian_part(np.linalg.pinv),
        rtol=1e-10,
    ),
    *[
        Use("numpy.linalg.lstsq", (a, b), oracle=lambda a, b: _whole_rank(np.linalg.lstsq(a, b)), rtol=1e-11, jax=False)
        for a, b in [
            (uniform(4, 2), uniform(4)),
            (uniform(4, 2), uniform(4, 2, seed=1)),
            (uniform(2, 3), uniform(2)),
            (plane(3, 2), plane(3, 1)),
        ]
    ],
    Use("numpy.linalg.tensorinv", (uniform(2, 3, 6),)),
    Use("numpy.linalg.tensorinv", (plane(4, 2, 2),), {"ind": 1}),
    Use("numpy.linalg.tensorsolve", (uniform(2, 3, 6), uniform(2, 3))),
    Use("numpy.linalg.tensorsolve", (uniform(2, 3, 3, 2), uniform(3, 2)), {"axes": (0, 1)}),
    # products
    Use("numpy.linalg.cross", (uniform(3), uniform(2, 3))),
    Use("numpy.linalg.cross", (plane(3, 2), uniform(3, 2)), {"axis": 0}),
    Use("numpy.linalg.diagonal", (uniform(2, 3, 2),)),
    Use("numpy.linalg.diagonal", (plane(2, 3),), {"offset": 1}),
    Use("numpy.linalg.trace", (uniform(2, 3, 3),), {"offset": -1}),
    Use("numpy.linalg.trace", (plane(2, 2),)),
    Use("numpy.linalg.trace", (uniform(2, 2),), {"dtype": "float32"}, order=0, why="summed in float32"),
    Use("numpy.linalg.matmul", (uniform(2, 3), uniform(2, 3, 2))),
    Use("numpy.linalg.matrix_transpose", (plane(2, 3, 2),)),
    Use("numpy.linalg.outer", (uniform(2), plane(3))),
    Use("numpy.linalg.tensordot", (uniform(2, 3), uniform(3, 2)), {"axes": 1}),
    Use("numpy.linalg.tensordot", (uniform(2, 3, 2), uniform(2, 3)), {"axes": ((0, -2), (0, 1))}),
    Use("numpy.linalg.vecdot", (plane(2, 3), plane(3))),
    Use("numpy.linalg.vecdot", (uniform(2, 3), uniform(2, 3, seed=1)), {"axis": 0}),
    *[Use("numpy.linalg.matrix_power", (x, n), rtol=1e-11) for x in _SQUARE for n in (-2, -1, 0, 1, 3)],
    *[
        Use("numpy.linalg.multi_dot", ([uniform(*s, seed=i) for i, s in enumerate(shapes)],))
        for shapes in [[(2, 3), (3, 2)], [(3,), (3, 2), (2, 4), (4,)], [(2, 3), (3, 4), (4, 2)], [(2,), (2,)]]
    ],
    # norms
    *[
        Use("numpy.linalg.vector_norm", (x,), {"ord": ord, **kwargs}, oracle=_norm)
        for ord in (2, 1, _INF, -_INF, 3, 1.5, -1)
        for x, kwargs in [(uniform(2, 3), {"axis": 1}), (plane(3), {"keepdims": True}), (uniform(2, 3), {})]
    ],
    Use("numpy.linalg.vector_norm", (uniform(2, 3, 2),), {"axis": (0, 2), "keepdims": True}),
    Use("numpy.linalg.vector_norm", (np.asarray([0.0, 2.0, 3.0]),), {"ord": 0}, order=0, why=_WHOLE),
    *[
        Use("numpy.linalg.matrix_norm", (x,), {"ord": ord, "keepdims": keepdims})
        for ord in ("fro", "nuc", 1, -1, 2, -2, _INF, -_INF)
        for x, keepdims in [(uniform(2, 3), True), (plane(2, 3, 2), False)]
    ],
    *[
        Use("numpy.linalg.norm", (x,), kwargs)
        for x, kwargs in [
            (uniform(3), {}),
            (plane(2, 3), {}),
            (uniform(2, 3, 2), {}),
            (uniform(2, 3, 2), {"keepdims": True}),
            (uniform(3), {"ord": 1}),
            (uniform(3), {"ord": 3, "keepdims": True}),
            (uniform(2, 3), {"axis": 0}),
            (uniform(2, 3), {"axis": 1, "ord": _INF, "keepdims": True}),
            (uniform(2, 3), {"ord": "nuc"}),
            (uniform(2, 3), {"ord": "f", "keepdims": True}),
            (uniform(2, 3), {"ord": 2}),
            (uniform(2, 3, 2), {"axis": (2, 0), "ord": 1}),
            (uniform(2, 3, 2), {"axis": (0, 1), "ord": "fro", "keepdims": True}),
            (uniform(2, 3, 2), {"axis": (1, 2)}),
        ]
    ],
]
