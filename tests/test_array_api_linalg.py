"""Linear algebra is array_api_strict's, on plain arrays and on tracers: shapes, dtypes, named results, values."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from against_strict import COMPLEX, FLOATS, NUMERIC, arrays, check, few, quick
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tracers import KINDS, call

import funcgrad as fg
import funcgrad.numpy as fnp

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of overflows in single precision
kinds = pytest.mark.parametrize("kind", KINDS)
stacks = hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3)
sizes = st.integers(1, 4)


def matrices(rows: int, columns: int, stack: tuple[int, ...], dtype: str, seed: int) -> Any:
    """Random matrices; square ones are far from singular."""
    random = np.random.default_rng(seed)
    x = random.uniform(-1, 1, (*stack, rows, columns))
    if dtype in COMPLEX:
        x = x + 1j * random.uniform(-1, 1, x.shape)
    if rows == columns:
        x = x + 3 * np.eye(rows)
    return x.astype(dtype)


@st.composite
def square(draw: Any, choice: tuple[str, ...] = (*FLOATS, *COMPLEX)) -> Any:
    n, stack, seed = draw(st.integers(0, 4)), draw(stacks), draw(st.integers(0, 99))
    return matrices(n, n, stack, draw(st.sampled_from(choice)), seed)


@st.composite
def oblong(draw: Any, choice: tuple[str, ...] = (*FLOATS, *COMPLEX)) -> Any:
    stack, seed = draw(stacks), draw(st.integers(0, 99))
    return matrices(draw(sizes), draw(sizes), stack, draw(st.sampled_from(choice)), seed)


def hermitian(x: Any) -> Any:
    return (x + np.conj(np.swapaxes(x, -1, -2))).astype(x.dtype)


def places(x: Any) -> float:
    """How far values may be apart."""
    return 1e-3 if x.dtype.name in ("float32", "complex64") else 1e-8


@kinds
@few
@given(st.data())
def test_products(kind: str, data: Any) -> None:
    dtype = data.draw(st.sampled_from(NUMERIC))
    n, m, k, stack = *(data.draw(st.integers(0, 3)) for _ in range(3)), data.draw(stacks)
    x = data.draw(arrays(dtype, (*stack, n, m), special=False))
    y = data.draw(arrays(dtype, (m, k), special=False))
    v = data.draw(arrays(dtype, (m,), special=False))
    check(kind, lambda xp, x, y: (xp.matmul(x, y), xp.linalg.matmul(x, y), x @ y), x, y, rtol=1e-3)
    check(kind, lambda xp, x, v: (xp.matmul(x, v), xp.matmul(v, xp.matrix_transpose(x))), x, v, rtol=1e-3)
    check(kind, lambda xp, x, v: (xp.vecdot(x, v), xp.linalg.vecdot(x, v, axis=-1)), x, v, rtol=1e-3)
    check(kind, lambda xp, v, y: (xp.linalg.outer(v, v), xp.tensordot(v, y, axes=1)), v, y, rtol=1e-3)
    check(kind, lambda xp, y: xp.tensordot(y, y, axes=((0, 1), (0, 1))), y, rtol=1e-3)
    check(kind, lambda xp, x: (xp.matrix_transpose(x), xp.linalg.matrix_transpose(x)), x)
    three = data.draw(arrays(dtype, (*stack, 3), special=False))
    if dtype[0] != "u":
        check(kind, lambda xp, x: xp.linalg.cross(x, x[..., ::-1]), three, rtol=1e-3)


@kinds
@few
@given(st.data())
def test_diagonals_and_traces(kind: str, data: Any) -> None:
    x = data.draw(arrays(data.draw(st.sampled_from(NUMERIC)), hnp.array_shapes(min_dims=2, max_dims=4), special=False))
    offset = data.draw(st.integers(-3, 3))
    check(kind, lambda xp, x: (xp.linalg.diagonal(x), xp.linalg.diagonal(x, offset=offset)), x)
    check(kind, lambda xp, x: (xp.linalg.trace(x), xp.linalg.trace(x, offset=offset)), x, rtol=1e-4)
    wide = {"i": "int64", "u": "uint64", "f": "float64", "c": "complex128"}[x.dtype.kind]
    check(kind, lambda xp, x: xp.linalg.trace(x, dtype=getattr(xp, wide)), x, rtol=1e-4)


@kinds
@few
@given(square(), st.integers(-2, 3))
def test_square_matrices(kind: str, x: Any, power: int) -> None:
    rtol = places(x)
    check(kind, lambda xp, x: (xp.linalg.det(x), xp.linalg.inv(x), xp.linalg.matrix_power(x, power)), x, rtol=rtol)
    check(kind, lambda xp, x: tuple(xp.linalg.slogdet(x)), x, rtol=rtol)
    n = x.shape[-1]
    rights = matrices(n, 2, x.shape[:-2], x.dtype.name, 5)
    check(kind, lambda xp, x, b: xp.linalg.solve(x, b), x, rights, rtol=rtol)
    one = matrices(n, 1, (), x.dtype.name, 6)[..., 0]
    check(kind, lambda xp, x, b: xp.linalg.solve(x, b), x, one, rtol=rtol)


@kinds
@few
@given(square())
def test_hermitian_matrices(kind: str, x: Any) -> None:
    x = hermitian(x)
    rtol = places(x)
    positive = x @ np.conj(np.swapaxes(x, -1, -2)) + np.eye(x.shape[-1], dtype=x.dtype)
    check(kind, lambda xp, x: (xp.linalg.cholesky(x), xp.linalg.cholesky(x, upper=True)), positive, rtol=rtol)
    check(kind, lambda xp, x: xp.linalg.eigvalsh(x), x, rtol=rtol)
    values, vectors = call(kind, fnp.linalg.eigh, fg.asarray(x))
    assert values.dtype == np.zeros(0, x.dtype).real.dtype
    assert vectors.dtype == x.dtype
    q = np.asarray(vectors)
    np.testing.assert_allclose(
        (q * np.asarray(values)[..., None, :]) @ np.conj(np.swapaxes(q, -1, -2)), x, atol=10 * rtol
    )


@kinds
@few
@given(oblong())
def test_oblong_matrices(kind: str, x: Any) -> None:
    rtol = places(x)
    check(kind, lambda xp, x: (xp.linalg.svdvals(x), xp.linalg.pinv(x), xp.linalg.matrix_rank(x)), x, rtol=rtol)
    check(kind, lambda xp, x: xp.linalg.matrix_rank(x, rtol=0.5), x)
    for full in (False, True):
        u, s, vh = call(kind, lambda x, f=full: fnp.linalg.svd(x, full_matrices=f), fg.asarray(x))
        m, n, k = *x.shape[-2:], min(x.shape[-2:])
        assert (u.shape[-2:], s.shape[-1], vh.shape[-2:]) == ((m, m if full else k), k, (n if full else k, n))
        a, b, c = (np.asarray(part) for part in (u, s, vh))
        np.testing.assert_allclose((a[..., :k] * b[..., None, :]) @ c[..., :k, :], x, atol=10 * rtol)
    for mode in ("reduced", "complete"):
        q, r = (np.asarray(part) for part in call(kind, lambda x, o=mode: fnp.linalg.qr(x, mode=o), fg.asarray(x)))
        assert q.dtype == r.dtype == x.dtype
        np.testing.assert_allclose(q @ r, x, atol=10 * rtol)


ORDERS = (0, 1, 2, 3, -1, 0.5, np.inf, -np.inf)


@kinds
@few
@given(st.data())
def test_norms(kind: str, data: Any) -> None:
    x = data.draw(oblong())
    rtol = places(x)
    for order, keepdims in itertools.product((*ORDERS[1:3], -1, -2, np.inf, -np.inf, "fro", "nuc"), (False, True)):
        check(kind, lambda xp, x, o=order, k=keepdims: xp.linalg.matrix_norm(x, ord=o, keepdims=k), x, rtol=rtol)
    check(kind, lambda xp, x: xp.linalg.matrix_norm(x), x, rtol=rtol)
    axis = data.draw(st.sampled_from([None, 0, -1, (0, -1)]))
    for order in ORDERS if x.size else ORDERS[:-1]:  # no smallest one of none
        check(kind, lambda xp, x, o=order: xp.linalg.vector_norm(x, axis=axis, ord=o), x, rtol=rtol)
        check(kind, lambda xp, x, o=order: xp.linalg.vector_norm(x, axis=axis, ord=o, keepdims=True), x, rtol=rtol)


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (0, 0), (2, 3, 0), (0, 2, 3)])
def test_norms_of_nothing(shape: tuple[int, ...]) -> None:
    x = np.zeros(shape)
    for order in ("fro", "nuc", 1, 2, np.inf):
        check("plain", lambda xp, x, o=order: xp.linalg.matrix_norm(x, ord=o), x)
    for order in (0, 1, 2, 3, np.inf):
        check("plain", lambda xp, x, o=order: xp.linalg.vector_norm(x, ord=o), x)


@quick
@given(square(FLOATS))
def test_results_have_names(x: Any) -> None:
    held = fg.asarray(hermitian(x))
    assert fnp.linalg.eigh(held)._fields == ("eigenvalues", "eigenvectors")
    assert fnp.linalg.slogdet(held)._fields == ("sign", "logabsdet")
    assert fnp.linalg.svd(held)._fields == ("U", "S", "Vh")
    assert fnp.linalg.qr(held)._fields == ("Q", "R")
