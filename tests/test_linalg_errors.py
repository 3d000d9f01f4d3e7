"""Linear algebra refuses what it cannot do: singular matrices, shapes that do not fit, options that there are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.lax.linalg as lax
import funcgrad.numpy as fnp
import funcgrad.scipy.linalg as sp
from funcgrad.errors import AxisError, DtypeError, LinearAlgebraError, OptionError, ShapeError

la = fnp.linalg


@pytest.mark.parametrize(
    "call",
    [
        lambda: la.inv(np.ones((2, 2))),
        lambda: la.solve(np.zeros((2, 2)), np.ones(2)),
        lambda: la.cholesky(-np.eye(2)),
        lambda: la.tensorinv(np.zeros((2, 2)), ind=1),
        lambda: la.matrix_power(np.zeros((2, 2)), -1),
        lambda: sp.solve_triangular(np.asarray([[0.0]]), np.ones(1)),
        lambda: sp.logm(np.zeros((2, 2))),
        lambda: sp.cho_factor(-np.eye(2)),
        lambda: lax.tridiagonal_solve(np.zeros(2), np.zeros(2), np.zeros(2), np.ones((2, 1))),
        lambda: sp.solve_sylvester(np.eye(2), -np.eye(2), np.eye(2)),
        lambda: fg.grad(lambda x: la.slogdet(x)[1])(np.zeros((2, 2))),
    ],
)
def test_matrices_that_have_not_what_is_asked_for(call: Any) -> None:
    with pytest.raises(LinearAlgebraError), np.errstate(all="ignore"):
        call()
    with pytest.raises(np.linalg.LinAlgError), np.errstate(all="ignore"):
        call()


@pytest.mark.parametrize(
    "name", ["inv", "det", "slogdet", "cholesky", "eigh", "eigvalsh", "eig", "eigvals", "matrix_power"]
)
@pytest.mark.parametrize("shape", [(2, 3), (3,), ()], ids=str)
def test_matrices_must_be_square(name: str, shape: tuple[int, ...]) -> None:
    more = (2,) if name == "matrix_power" else ()
    with pytest.raises(ShapeError, match=name):
        getattr(la, name)(np.ones(shape), *more)


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (ShapeError, lambda: la.solve(np.eye(2), np.ones(3))),
        (ShapeError, lambda: la.solve(np.eye(2), np.ones((3, 1)))),
        (ShapeError, lambda: la.solve(np.ones((2, 3)), np.ones(2))),
        (ShapeError, lambda: la.solve(np.eye(2), 1.0)),
        (ShapeError, lambda: la.solve(np.ones((2, 2, 2)), np.ones((3, 2, 1)))),
        (ShapeError, lambda: la.svd(np.ones(3))),
        (ShapeError, lambda: la.qr(np.ones(3))),
        (ShapeError, lambda: la.cross(np.ones(2), np.ones(2))),
        (ShapeError, lambda: la.outer(np.ones((2, 2)), np.ones(2))),
        (ShapeError, lambda: la.lstsq(np.ones((2, 2)), np.ones(3))),
        (ShapeError, lambda: la.multi_dot([np.ones((2, 3)), np.ones((2, 3))])),
        (ShapeError, lambda: la.multi_dot([np.ones((2, 3))])),
        (ShapeError, lambda: la.multi_dot([np.ones((2, 3)), np.ones(3), np.ones((3, 2))])),
        (ShapeError, lambda: la.tensorinv(np.ones((2, 3)))),
        (ShapeError, lambda: la.tensorsolve(np.ones((2, 3)), np.ones(2))),
        (ShapeError, lambda: la.norm(np.ones((2, 2, 2)), 2)),
        (ShapeError, lambda: la.matrix_norm(np.ones(2))),
        (ShapeError, lambda: la.cond(np.ones(2))),
        (AxisError, lambda: la.vector_norm(np.ones(2), axis=1)),
        (OptionError, lambda: la.qr(np.eye(2), mode="full")),
        (OptionError, lambda: la.eigh(np.eye(2), UPLO="X")),
        (OptionError, lambda: la.matrix_norm(np.eye(2), ord=3)),
        (OptionError, lambda: la.norm(np.ones(2), "fro")),
        (DtypeError, lambda: la.matrix_power(np.eye(2), 0.5)),
        (OptionError, lambda: sp.solve(np.eye(2), np.ones(2), assume_a="odd")),
        (OptionError, lambda: sp.solve_triangular(np.eye(2), np.ones(2), trans=3)),
        (OptionError, lambda: sp.qr(np.eye(2), pivoting=True)),
        (OptionError, lambda: sp.eig(np.eye(2), left=True)),
        (OptionError, lambda: sp.eigh(np.eye(2), subset_by_value=(0, 1))),
        (OptionError, lambda: sp.hadamard(3)),
        (OptionError, lambda: sp.pascal(40)),
        (OptionError, lambda: sp.invhilbert(20, exact=True)),
        (ShapeError, lambda: sp.solve_sylvester(np.eye(2), np.eye(3), np.ones((3, 2)))),
        (ShapeError, lambda: sp.leslie([1.0, 2.0], [1.0, 2.0])),
        (ShapeError, lambda: sp.companion([1.0])),
        (ShapeError, lambda: sp.khatri_rao(np.ones((2, 2)), np.ones((2, 3)))),
        (OptionError, lambda: sp.convolution_matrix(np.ones(2), 3, mode="half")),
        (ShapeError, lambda: sp.solve_circulant(np.ones(2), np.ones(3))),
        (ShapeError, lambda: sp.solve_discrete_lyapunov(np.eye(2), np.eye(3))),
        (ShapeError, lambda: sp.orthogonal_procrustes(np.eye(2), np.eye(3))),
        (OptionError, lambda: lax.tridiagonal(np.eye(2), lower=False)),
        (ShapeError, lambda: lax.ormqr(np.ones((3, 2)), np.ones(2), np.ones((2, 2)))),
        (ShapeError, lambda: lax.householder_product(np.ones((2, 3)), np.ones(3))),
        (ShapeError, lambda: lax.tridiagonal_solve(np.ones(2), np.ones(3), np.ones(3), np.ones((3, 1)))),
    ],
)
def test_bad_input_is_refused(error: Any, call: Any) -> None:
    with pytest.raises(error):
        call()
