"""Linear algebra where it is delicate: equal eigenvalues, missing rank, free phases, singular matrices, bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy

import funcgrad as fg
import funcgrad.lax.linalg as lax
import funcgrad.numpy as fnp
import funcgrad.scipy.linalg as sp
from funcgrad import config
from funcgrad.errors import LinearAlgebraError
from funcgrad.testing import check_grads

la = fnp.linalg


def numbers(*shape: int, seed: int = 0, dtype: str = "float64") -> Any:
    random = np.random.default_rng(seed)
    x = random.standard_normal(shape)
    return x + 1j * random.standard_normal(shape) if dtype == "complex128" else x


def orthogonal(n: int, seed: int = 0, dtype: str = "float64") -> Any:
    return np.linalg.qr(numbers(n, n, seed=seed, dtype=dtype))[0]


def adjoint(x: Any) -> Any:
    return x.conj().swapaxes(-1, -2)


def hermitian(x: Any) -> Any:
    return (x + adjoint(x)) / 2


def gradient(f: Any, x: Any) -> Any:
    return np.asarray(fg.grad(f)(x))


both = pytest.mark.parametrize("dtype", ["float64", "complex128"])

# ---- equal eigenvalues -------------------------------------------------------------------------


def degenerate(dtype: str) -> Any:
    """A Hermitian matrix with the eigenvalues 1, 1, 1, 2, 2."""
    q = orthogonal(5, dtype=dtype)
    return hermitian(q * np.asarray([1.0, 1.0, 1.0, 2.0, 2.0]) @ adjoint(q))


@both
def test_sums_over_eigenvalues_that_coincide(dtype: str) -> None:
    x = degenerate(dtype)
    check_grads(lambda x: fnp.exp(la.eigvalsh(x)).sum(), (x,), order=1)
    check_grads(lambda x: fnp.exp(la.eigh(x).eigenvalues).sum(), (x,), order=1)
    check_grads(lambda x: la.eigvalsh(x).sum(), (x,), order=2)


@both
def test_projectors_on_eigenspaces(dtype: str) -> None:
    def projector(x: Any) -> Any:
        v = la.eigh(x).eigenvectors[:, :3]
        return v @ v.conj().mT

    check_grads(projector, (degenerate(dtype),), order=1)


@pytest.mark.parametrize("n", [10, 60])
def test_equal_eigenvalues_are_told_from_near_ones(n: int) -> None:
    q = orthogonal(n)
    equal = hermitian(q * np.repeat([1.0, 2.0], n // 2) @ q.T)
    near = hermitian(numbers(n, n)).astype("float32")  # gaps of some thousandths

    def projector(x: Any) -> Any:
        v = la.eigh(x).eigenvectors[:, : n // 2]
        return (v @ v.mT * numbers(n, n, seed=1).astype(x.dtype)).sum()

    check_grads(projector, (equal,), order=1)
    exact = gradient(projector, near.astype("float64"))
    np.testing.assert_allclose(gradient(projector, near), exact, rtol=1e-2, atol=1e-2 * np.abs(exact).max())


def test_derivatives_of_the_identitys_spectrum_are_finite() -> None:
    t = numbers(4, 4)

    def f(x: Any) -> Any:
        w, v = la.eigh(x)
        u, s, vh = la.svd(x)
        return (v * w) @ v.mT + (u * s) @ vh

    found = fg.jvp(f, (np.eye(4),), (t,))[1]
    assert np.isfinite(np.asarray(found)).all()
    assert np.isfinite(gradient(lambda x: (f(x) * t).sum(), np.eye(4))).all()


@both
def test_the_nuclear_norm_where_singular_values_coincide(dtype: str) -> None:
    u, v = orthogonal(4, 1, dtype)[:, :3], orthogonal(3, 2, dtype)
    x = u * np.asarray([2.0, 2.0, 1.0]) @ v
    check_grads(lambda x: la.matrix_norm(x, ord="nuc"), (x,), order=1)
    check_grads(lambda x: la.svd(x, full_matrices=False).S.sum(), (x,), order=2)  # by the polar factor's derivative
    np.testing.assert_allclose(gradient(lambda x: la.norm(x, "nuc"), x), (u @ v).conj(), atol=1e-12)


@both
def test_singular_values_that_are_zero_have_no_slope(dtype: str) -> None:
    u, v = orthogonal(4, 1, dtype), orthogonal(4, 2, dtype)
    x = u[:, :2] * np.asarray([2.0, 1.0]) @ v[:2]
    np.testing.assert_allclose(gradient(lambda x: la.svdvals(x).sum(), x), (u[:, :2] @ v[:2]).conj(), atol=1e-12)
    np.testing.assert_allclose(gradient(lambda x: la.svd(x).S.sum(), x), (u[:, :2] @ v[:2]).conj(), atol=1e-12)


@both
def test_the_polar_decomposition_where_singular_values_coincide(dtype: str) -> None:
    check_grads(lambda x: list(sp.polar(x)), (orthogonal(3, dtype=dtype),), order=1)
    check_grads(lambda x: list(sp.polar(x, "left")), (orthogonal(3, dtype=dtype)[:2],), order=1)


@pytest.mark.parametrize("name", ["expm", "sqrtm", "logm"])
@both
def test_functions_of_matrices_with_equal_eigenvalues(name: str, dtype: str) -> None:
    check_grads(getattr(sp, name), (degenerate(dtype),), order=2)
    jordan = np.asarray([[2.0, 1.0], [0.0, 2.0]]).astype(dtype)  # has no second eigenvector
    check_grads(getattr(sp, name), (jordan,), order=2)


# ---- free phases and turns ---------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 3), (2, 2, 2)], ids=str)
def test_eigenvectors_of_complex_matrices_but_for_their_phases(shape: tuple[int, ...]) -> None:
    weights = numbers(*shape, seed=1)

    def f(x: Any) -> Any:
        w, v = la.eigh(x)
        return [w, abs(v) ** 2, (v * weights[..., :1, :]) @ v.conj().mT]

    check_grads(f, (hermitian(numbers(*shape, dtype="complex128")),))


@pytest.mark.parametrize("full", [False, True], ids=["thin", "full"])
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2)], ids=str)
@both
def test_singular_vectors_but_for_their_phases(shape: tuple[int, ...], full: bool, dtype: str) -> None:
    k = min(shape[-2:])
    weights = numbers(k, seed=1)

    def f(x: Any) -> Any:
        u, s, vh = la.svd(x, full_matrices=full)
        rest, more = u[..., :, k:], vh[..., k:, :]
        middle = (u[..., :, :k] * weights) @ vh[..., :k, :]
        return [s, middle, rest @ rest.conj().mT, more.conj().mT @ more, abs(u[..., :, :k]), abs(vh[..., :k, :])]

    check_grads(f, (numbers(*shape, dtype=dtype),))


@both
def test_what_completes_q(dtype: str) -> None:
    def f(x: Any) -> Any:
        q, r = la.qr(x, mode="complete")
        return [q[:, :2], q[:, 2:] @ q[:, 2:].conj().mT, r]

    check_grads(f, (numbers(4, 2, dtype=dtype),))


def test_a_generalised_problem_has_its_vectors() -> None:
    a, b = hermitian(numbers(3, 3, dtype="complex128")), numbers(3, 3, seed=1, dtype="complex128")
    b = b @ adjoint(b) + np.eye(3)
    for kind in (1, 2, 3):
        w, v = map(np.asarray, sp.eigh(a, b, type=kind))
        left, right = {1: (a @ v, b @ v * w), 2: (a @ b @ v, v * w), 3: (b @ a @ v, v * w)}[kind]
        np.testing.assert_allclose(left, right, atol=1e-10)
        check_grads(lambda a, b, kind=kind: [sp.eigh(a, b, type=kind)[0], abs(sp.eigh(a, b, type=kind)[1])], (a, b), 1)


def test_the_eigenvectors_of_general_matrices_keep_their_form() -> None:
    for dtype in ("float64", "complex128"):
        x = numbers(4, 4, seed=3, dtype=dtype)
        w, v = map(np.asarray, la.eig(x))
        np.testing.assert_allclose(x @ v, v * w, atol=1e-12)
        check_grads(la.eig, (x,))
        check_grads(la.eigvals, (x,))


# ---- missing rank, and zeros -------------------------------------------------------------------


@both
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_determinant_of_any_rank(rank: int, dtype: str) -> None:
    x = numbers(3, rank, dtype=dtype) @ numbers(rank, 3, seed=1, dtype=dtype)
    check_grads(la.det, (x,))


@pytest.mark.parametrize(
    "x", [np.zeros((2, 2)), np.zeros((3, 3)), np.eye(3), np.ones((3, 3))], ids=["0", "00", "1", "J"]
)
def test_the_determinant_of_matrices_with_equal_singular_values(x: Any) -> None:
    check_grads(la.det, (x,))
    hessian = np.asarray(fg.hessian(la.det)(x))
    expected = np.zeros(x.shape * 2)
    n = x.shape[0]
    for i, j, k, m in np.ndindex(expected.shape):
        if i != k and j != m:
            rest = np.delete(np.delete(x, [i, k], 0), [j, m], 1)
            sign = (-1) ** (i + j + k + m) * (1 if (i < k) == (j < m) else -1)
            expected[i, j, k, m] = sign * (np.linalg.det(rest) if n > 2 else 1)
    np.testing.assert_allclose(hessian, expected, atol=1e-12)


def test_the_pseudo_inverse_of_missing_rank() -> None:
    x = numbers(4, 2) @ numbers(2, 3, seed=1)

    def along(t: Any) -> Any:  # a curve of matrices of rank 2
        return la.pinv((fnp.asarray(numbers(4, 2)) + t * numbers(4, 2, seed=2)) @ numbers(2, 3, seed=1), rtol=1e-9)

    check_grads(along, (0.0,))
    assert np.asarray(la.pinv(x)).shape == (3, 4)
    solution, residuals, rank, s = la.lstsq(x, numbers(4, seed=3))
    np.testing.assert_allclose(solution, np.linalg.pinv(x) @ numbers(4, seed=3), rtol=1e-10)
    assert (residuals.shape, int(rank), s.shape) == ((0,), 2, (3,))


@pytest.mark.parametrize("ord", [2, 1, 3, 1.5, np.inf, -np.inf, "fro", "nuc"])
def test_the_derivative_of_a_norm_that_is_zero_is_zero(ord: Any) -> None:
    x = np.zeros((2, 3)) if isinstance(ord, str) else np.zeros(3)
    found = gradient(lambda x: la.norm(x, ord), x)
    np.testing.assert_array_equal(found, 0 * x)


def test_the_second_derivative_of_a_norm_that_is_zero() -> None:
    np.testing.assert_array_equal(fg.hessian(la.vector_norm)(np.zeros(2)), np.zeros((2, 2)))


def test_matrices_without_elements() -> None:
    empty = np.zeros((0, 0))
    for name in ("inv", "det", "cholesky", "eigh", "eigvalsh", "svd", "svdvals", "qr", "slogdet", "eig", "eigvals"):
        found, expected = getattr(la, name)(empty), getattr(np.linalg, name)(empty)
        for a, b in zip(fg.tree.leaves(found), fg.tree.leaves(expected), strict=True):
            assert a.shape == np.shape(b)
    assert sp.expm(empty).shape == sp.sqrtm(empty).shape == (0, 0)
    assert la.pinv(np.zeros((2, 0))).shape == (0, 2)
    assert la.solve(np.zeros((3, 0, 0)), np.zeros((0, 2))).shape == (3, 0, 2)
    assert la.matrix_rank(np.zeros((2, 0))) == 0


@pytest.mark.parametrize("shape", [(0, 0), (0, 2, 2), (2, 0, 0)], ids=str)
@pytest.mark.parametrize(
    "name", ["inv", "det", "slogdet", "cholesky", "eigh", "eigvalsh", "eig", "eigvals", "svd", "qr"]
)
def test_derivatives_of_what_has_no_elements(name: str, shape: tuple[int, ...]) -> None:
    x = np.zeros(shape) + np.eye(shape[-1])

    def f(x: Any) -> Any:
        return fg.tree.leaves(getattr(la, name)(x))

    out, pull = fg.vjp(f, x)
    assert pull([fnp.ones_like(y) for y in out])[0].shape == shape
    assert [t.shape for t in fg.jvp(f, (x,), (x,))[1]] == [y.shape for y in out]


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 3, 2), (2, 0, 2), (2, 2, 0)], ids=str)
def test_derivatives_of_factors_without_elements(shape: tuple[int, ...]) -> None:
    for f in (la.svd, la.svdvals, la.pinv, la.qr, lambda x: la.qr(x, mode="complete"), sp.lu, la.matrix_norm):
        leaves = lambda x, f=f: [y for y in fg.tree.leaves(f(x)) if y.dtype.kind == "f"]  # noqa: E731
        out, pull = fg.vjp(leaves, np.zeros(shape))
        assert pull([fnp.ones_like(y) for y in out])[0].shape == shape


# ---- dtypes ------------------------------------------------------------------------------------

_POSITIVE = numbers(4, 4) @ numbers(4, 4).T + 4 * np.eye(4)


@pytest.mark.parametrize(
    "name",
    [
        *("inv", "det", "cholesky", "eigvalsh", "svdvals", "slogdet", "pinv", "cond", "norm", "eigvals"),
    ],
)
def test_single_precision_is_close_to_double(name: str) -> None:
    function = getattr(la, name)
    exact = [np.asarray(p) for p in fg.tree.leaves(function(_POSITIVE))]
    found = fg.tree.leaves(function(_POSITIVE.astype("float32")))
    for a, b in zip(found, exact, strict=True):
        assert a.dtype.itemsize * 2 == b.dtype.itemsize
        np.testing.assert_allclose(np.sort_complex(np.ravel(a)), np.sort_complex(np.ravel(b)), rtol=1e-4, atol=1e-5)
    real = lambda x: sum(abs(p).sum() for p in fg.tree.leaves(function(x)))  # noqa: E731
    np.testing.assert_allclose(
        gradient(real, _POSITIVE.astype("float32")), gradient(real, _POSITIVE), rtol=1e-2, atol=1e-3
    )


@pytest.mark.parametrize("name", ["inv", "det", "cholesky", "eigvalsh", "svdvals", "qr", "pinv", "norm", "eig"])
def test_integers_become_the_default_float(name: str) -> None:
    x = np.asarray([[4, 1], [1, 3]])
    for dtype in ("float32", "float64"):
        with config.default_dtype(dtype):
            found = fg.tree.leaves(getattr(la, name)(x))
            expected = fg.tree.leaves(getattr(la, name)(x.astype(dtype)))
        assert [a.dtype for a in found] == [a.dtype for a in expected]
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_half_precision_is_kept() -> None:
    x = (_POSITIVE / 4).astype("float16")
    for function in (la.inv, la.det, la.cholesky, la.svdvals, la.pinv, sp.expm, sp.sqrtm):
        assert function(x).dtype == "float16"
    factors, pivots = sp.lu_factor(x)
    assert (factors.dtype, pivots.dtype) == ("float16", "int64")
    np.testing.assert_allclose(la.inv(x), np.linalg.inv(_POSITIVE / 4), atol=5e-3)


def test_python_lists_and_numbers() -> None:
    np.testing.assert_allclose(la.solve([[2, 0], [0, 4]], [2, 2]), [1, 0.5])
    np.testing.assert_allclose(la.norm([3.0, 4.0]), 5)
    np.testing.assert_allclose(sp.block_diag(1, [[2.0]]), [[1, 0], [0, 2]])


# ---- stacks ------------------------------------------------------------------------------------


def test_one_matrix_is_factored_once_for_all_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = numbers(4, 4), numbers(3, 5, 4, 2, seed=1)
    shapes = []
    solve = np.linalg.solve
    monkeypatch.setattr(np.linalg, "solve", lambda a, b: shapes.append((a.shape, b.shape)) or solve(a, b))
    np.testing.assert_allclose(la.solve(a, b), solve(a, b), atol=1e-13)
    np.testing.assert_allclose(
        fg.vmap(la.solve, in_axes=(None, 0))(a, b[0, :, :, 0]), solve(a, b[0])[:, :, 0], atol=1e-13
    )
    lower = sp.solve_triangular(a, b, lower=True)
    np.testing.assert_allclose(lower, solve(np.tril(a), b), atol=1e-10)
    assert shapes == [((4, 4), (4, 30)), ((4, 4), (4, 5)), ((4, 4), (4, 30))]


@pytest.mark.parametrize(
    "shapes", [((2, 3, 3), (3,)), ((2, 3, 3), (3, 2)), ((3, 3), (4, 3, 2)), ((5, 1, 3, 3), (4, 3, 1))]
)
def test_solve_broadcasts_as_the_standard_says(shapes: Any) -> None:
    a, b = numbers(*shapes[0]), numbers(*shapes[1], seed=1)
    found = la.solve(a, b)
    expected = np.linalg.solve(a, b)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(np.linalg.solve(fg.asarray(a), fg.asarray(b)), expected, atol=1e-12)


def test_numpys_own_functions_are_these() -> None:
    def loss(x: Any) -> Any:
        w, v = np.linalg.eigh(x @ np.swapaxes(x, 0, 1))
        return np.linalg.norm(np.linalg.inv(x)) + np.linalg.slogdet(x)[1] + (w * v[0] ** 2).sum() + np.linalg.cond(x)

    check_grads(loss, (numbers(3, 3),))


# ---- what is not in NumPy ----------------------------------------------------------------------


@both
@pytest.mark.parametrize("n", [1, 5, 33, 70, 150])
def test_lu_and_triangular_solves_of_all_sizes(n: int, dtype: str) -> None:
    x, b = numbers(n, n, dtype=dtype), numbers(n, 3, seed=1, dtype=dtype)
    factors, pivots = sp.lu_factor(x)
    expected, places = scipy.linalg.lu_factor(x)
    np.testing.assert_array_equal(pivots, places)
    np.testing.assert_allclose(factors, expected, rtol=1e-8, atol=1e-10)
    for trans in (0, 1, 2):
        np.testing.assert_allclose(
            sp.lu_solve((factors, pivots), b, trans),
            scipy.linalg.lu_solve((expected, places), b, trans),
            rtol=1e-6,
            atol=1e-8,
        )
    well = np.tril(x) + 2 * n * np.eye(n)
    for lower, matrix in ((True, well), (False, well.T)):
        found = sp.solve_triangular(matrix, b, lower=lower)
        np.testing.assert_allclose(found, scipy.linalg.solve_triangular(matrix, b, lower=lower), rtol=1e-11, atol=1e-14)


def test_lu_of_a_singular_matrix_is_still_one() -> None:
    x = np.asarray([[0.0, 1.0], [0.0, 2.0]])
    p, left, right = map(np.asarray, sp.lu(x))
    np.testing.assert_array_equal(p @ left @ right, x)


def test_the_exponential_of_small_and_large_matrices() -> None:
    stack = np.stack([s * numbers(4, 4, seed=i) for i, s in enumerate((1e-8, 0.1, 1, 10))])
    np.testing.assert_allclose(sp.expm(stack), scipy.linalg.expm(stack), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(sp.expm(np.asarray([[0.0, 500.0], [0.0, 0.0]])), [[1, 500], [0, 1]])
    single = sp.expm(stack[:3].astype("float32"))
    assert single.dtype == "float32"
    np.testing.assert_allclose(single, scipy.linalg.expm(stack[:3]), rtol=1e-4, atol=1e-5)
    assert np.isnan(np.asarray(sp.expm(np.full((2, 2), np.inf)))).all()


def test_the_scale_of_a_tangent_does_not_matter_to_the_exponential() -> None:
    x, t = numbers(3, 3), numbers(3, 3, seed=1)
    expected = scipy.linalg.expm_frechet(x, t, compute_expm=False)
    for scale in (1e-200, 1.0, 1e12):
        found = fg.jvp(sp.expm, (x,), (scale * t,))[1]
        np.testing.assert_allclose(np.asarray(found) / scale, expected, rtol=1e-11, atol=1e-12)


def test_roots_and_logarithms_of_complex_matrices_on_the_negative_half_line() -> None:
    x = np.diag([-4.0, 9.0]).astype(complex)
    np.testing.assert_allclose(sp.sqrtm(x), np.diag([2j, 3]), atol=1e-12)
    np.testing.assert_allclose(sp.logm(x), np.diag([np.log(4) + np.pi * 1j, np.log(9)]), atol=1e-10)
    with pytest.raises(LinearAlgebraError, match="complex"):
        sp.sqrtm(x.real)


def test_tridiagonal_systems_exchange_rows() -> None:
    lower, middle, upper = np.asarray([0.0, 1, 1]), np.asarray([0.0, 0, 1]), np.asarray([2.0, 3, 0])
    b = numbers(3, 2)
    matrix = np.diag(middle) + np.diag(lower[1:], -1) + np.diag(upper[:-1], 1)
    np.testing.assert_allclose(lax.tridiagonal_solve(lower, middle, upper, b), np.linalg.solve(matrix, b), atol=1e-13)


def test_large_equations_of_sylvester() -> None:
    a, b, q = numbers(25, 25), numbers(20, 20, seed=1) + 9 * np.eye(20), numbers(25, 20, seed=2)
    x = np.asarray(sp.solve_sylvester(a, b, q))
    np.testing.assert_allclose(a @ x + x @ b, q, atol=1e-9)


# ---- in programs -------------------------------------------------------------------------------


def test_a_factor_is_one_equation_of_a_record() -> None:
    text = str(fg.make_graph(lambda x: la.eigh(x).eigenvalues)(np.eye(3)))
    assert text.count("eigh") == 1


@pytest.mark.parametrize("name", ["inv", "det", "cholesky", "eigh", "svd", "qr", "slogdet", "pinv"])
def test_gradients_in_programs(name: str) -> None:
    def loss(x: Any) -> Any:
        parts = fg.tree.leaves(getattr(la, name)(x @ x.mT + fnp.eye(3, dtype="float64")))
        return sum((abs(p) ** 2 * numbers(*p.shape)).sum() for p in parts)

    x = numbers(3, 3)
    compiled = fg.jit(fg.grad(loss))
    for _ in range(4):
        np.testing.assert_allclose(compiled(x), fg.grad(loss)(x), rtol=1e-10, atol=1e-11)
    hessian = fg.jit(fg.hessian(loss))
    for _ in range(3):
        np.testing.assert_allclose(hessian(x), fg.hessian(loss)(x), rtol=1e-8, atol=1e-8)


def test_examples_that_fail_fail_in_programs_too() -> None:
    f = fg.jit(la.inv)
    for _ in range(4):
        f(np.eye(2))
    with pytest.raises(LinearAlgebraError):
        f(np.ones((2, 2)))
