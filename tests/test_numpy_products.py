"""Products of vectors, matrices and tensors are NumPy's, whatever their ranks; `einsum` on every form of its string."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.testing import check_grads

quick = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).uniform(-2, 2, shape)


def assert_same(found: Any, expected: Any) -> None:
    assert found.shape == np.shape(expected)
    assert found.dtype == np.asarray(expected).dtype
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-12, atol=1e-13)


_LEFT = [(3,), (2, 3), (4, 2, 3), (1, 2, 3), (5, 1, 2, 3), (0, 3)]
_RIGHT = [(3,), (3, 4), (4, 3, 2), (1, 3, 2), (5, 4, 3, 2), (3, 0)]


@pytest.mark.parametrize("left", _LEFT, ids=str)
@pytest.mark.parametrize("right", _RIGHT, ids=str)
def test_matmul(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    x, y = numbers(*left), numbers(*right, seed=1)
    assert_same(fnp.matmul(x, y), np.matmul(x, y))
    assert_same(fg.asarray(x) @ y, x @ y)
    assert_same(x @ fg.asarray(y), x @ y)
    check_grads(fnp.matmul, (x, y), order=1)


@pytest.mark.parametrize("size", [2, 4, 40], ids="{}".format)  # NumPy's own, and those that are shared out
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_stacks_of_products_are_in_the_order_of_c(size: int, dtype: str) -> None:
    x = numbers(3, size, 5, size).astype(dtype).transpose(0, 2, 1, 3)
    y = numbers(size, 5, 3, size).astype(dtype).transpose(2, 1, 3, 0)
    found = fnp.matmul(x, y)
    assert np.asarray(found).flags.c_contiguous
    assert np.asarray(fg.jit(fnp.matmul)(x, y)).flags.c_contiguous
    np.testing.assert_allclose(found, np.matmul(x, y), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("left", [(), *_LEFT], ids=str)
@pytest.mark.parametrize("right", [(), *_RIGHT], ids=str)
def test_dot(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    x, y = numbers(*left), numbers(*right, seed=1)
    assert_same(fnp.dot(x, y), np.dot(x, y))
    assert_same(fg.asarray(x).dot(y), np.dot(x, y))


def test_sizes_that_do_not_fit_are_a_shape_error() -> None:
    for left, right in [((2, 3), (2, 3)), ((3,), (2,)), ((2, 3), (2,)), ((3,), (2, 3)), ((2, 2, 3), (4, 3, 2))]:
        with pytest.raises(fg.errors.ShapeError, match="matmul"):
            fnp.ones(left) @ fnp.ones(right)
    with pytest.raises(fg.errors.ShapeError, match=r"by `\*`, not `@`"):
        fnp.ones(3) @ 2
    with pytest.raises(fg.errors.ShapeError, match="differ along"):
        fnp.tensordot(fnp.ones((2, 3)), fnp.ones((2, 3)), 1)
    with pytest.raises(fg.errors.AxisError, match="3 axes"):
        fnp.tensordot(fnp.ones((2, 3)), fnp.ones((2, 3)), 3)


@quick
@given(st.lists(st.integers(1, 3), min_size=1, max_size=4), st.data())
def test_tensordot(shape: list[int], data: Any) -> None:
    ndim = len(shape)
    in_x = data.draw(st.lists(st.integers(0, ndim - 1), unique=True))
    rest = data.draw(st.lists(st.integers(1, 3), max_size=2))
    order = data.draw(st.permutations(range(len(in_x) + len(rest))))
    unordered = [shape[a] for a in in_x] + rest
    x, y = numbers(*shape), numbers(*[unordered[i] for i in order], seed=1)
    in_y = [order.index(i) for i in range(len(in_x))]
    signed = [a - ndim if data.draw(st.booleans()) else a for a in in_x]
    assert_same(fnp.tensordot(x, y, (signed, in_y)), np.tensordot(x, y, (in_x, in_y)))
    n = data.draw(st.integers(0, ndim))
    other = numbers(*shape[ndim - n :], 2, seed=2)
    assert_same(fnp.tensordot(x, other, n), np.tensordot(x, other, n))


def test_other_products() -> None:
    x, y, m = numbers(3), numbers(3, seed=1), numbers(2, 3, seed=2)
    assert_same(fnp.outer(m, y), np.outer(m, y))
    assert_same(fnp.inner(m, y), np.inner(m, y))
    assert_same(fnp.inner(m, m), np.inner(m, m))
    assert_same(fnp.inner(x, 2.0), np.inner(x, 2.0))
    assert_same(fnp.vecdot(m, y), np.vecdot(m, y))
    z = x + 1j * y
    assert_same(fnp.vecdot(z, y), np.vecdot(z, y))
    assert_same(fnp.vecdot(m, m, axis=0), np.vecdot(m, m, axis=0))
    for dtype in ("int32", "uint8", "bool"):
        x = np.ones((2, 3), dtype)
        assert_same(fnp.vecdot(x, x), np.vecdot(x, x))
    check_grads(lambda x, y: [fnp.outer(x, y), fnp.inner(x, y), fnp.vecdot(x, y)], (x, y))


# ---- einsum ------------------------------------------------------------------------------------

_EINSUMS: list[tuple[str, list[tuple[int, ...]]]] = [
    # one operand: transposes, sums, diagonals
    ("ij->ji", [(2, 3)]),
    ("ij", [(2, 3)]),
    ("ji", [(2, 3)]),
    ("ij->", [(2, 3)]),
    ("ij->j", [(2, 3)]),
    ("ii", [(3, 3)]),
    ("ii->i", [(3, 3)]),
    ("iji->j", [(2, 3, 2)]),
    ("iji->ij", [(2, 3, 2)]),
    ("iii->i", [(2, 2, 2)]),
    ("iijj->ij", [(2, 2, 3, 3)]),
    ("->", [()]),
    ("i->i", [(0,)]),
    # two: products, with letters alone in one of them
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("ij,jk", [(2, 3), (3, 4)]),
    ("ij,jk->ki", [(2, 3), (3, 4)]),
    ("ij,kj->ik", [(2, 3), (4, 3)]),
    ("i,i->", [(3,), (3,)]),
    ("i,i", [(3,), (3,)]),
    ("i,i->i", [(3,), (3,)]),
    ("i,j->ij", [(2,), (3,)]),
    ("i,j->ji", [(2,), (3,)]),
    ("i,j->", [(2,), (3,)]),
    (",i->i", [(), (3,)]),
    ("bij,bjk->bik", [(4, 2, 3), (4, 3, 2)]),
    ("bij,bjk->ikb", [(4, 2, 3), (4, 3, 2)]),
    ("ijk,ilk->jl", [(2, 3, 4), (2, 2, 4)]),
    ("ij,ij->", [(2, 3), (2, 3)]),
    ("ij,ij->j", [(2, 3), (2, 3)]),
    ("ijk,j->ik", [(2, 3, 4), (3,)]),
    ("ii,i->i", [(3, 3), (3,)]),
    ("ii,jj->ij", [(2, 2), (3, 3)]),
    ("ijij,jk->ik", [(2, 3, 2, 3), (3, 2)]),
    (" i j , j k -> i k ", [(2, 3), (3, 2)]),
    ("Ab,bC->AC", [(2, 3), (3, 2)]),
    ("bA,Ab", [(2, 3), (3, 2)]),
    ("ij,jk->ik", [(0, 3), (3, 2)]),
    ("ij,jk->ik", [(2, 0), (0, 3)]),
    # ellipses
    ("...", [(2, 3)]),
    ("...ij->...ji", [(4, 2, 3)]),
    ("i...->...i", [(2, 3, 4)]),
    ("...i->...", [(2, 3)]),
    ("...ij,...jk->...ik", [(4, 2, 3), (4, 3, 2)]),
    ("...ij,...jk->...ik", [(5, 4, 2, 3), (4, 3, 2)]),
    ("...ij,...jk", [(5, 1, 2, 3), (4, 3, 2)]),
    ("i...j,j...->i...", [(2, 4, 3), (3, 4)]),
    ("...i,i->...", [(2, 4, 3), (3,)]),
    ("...,...->...", [(2, 3), (3,)]),
    ("...ii->...i", [(4, 3, 3)]),
    ("b...,b->...", [(2, 3, 4), (2,)]),
    # three and more
    ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 2)]),
    ("i,ij,j->", [(2,), (2, 3), (3,)]),
    ("i,i,i->i", [(3,), (3,), (3,)]),
    ("i,j,k->kji", [(2,), (3,), (4,)]),
    ("bi,ij,bj->b", [(4, 2), (2, 3), (4, 3)]),
    ("ab,bc,cd,da->", [(2, 3), (3, 2), (2, 4), (4, 2)]),
    ("...i,ij,...j->...", [(4, 2), (2, 3), (4, 3)]),
]


@pytest.mark.parametrize(("subscripts", "shapes"), _EINSUMS, ids=[f"{s}-{n}" for n, (s, _) in enumerate(_EINSUMS)])
def test_einsum(subscripts: str, shapes: list[tuple[int, ...]]) -> None:
    operands = [numbers(*shape, seed=k) for k, shape in enumerate(shapes)]
    assert_same(fnp.einsum(subscripts, *operands), np.einsum(subscripts, *operands))
    check_grads(lambda *xs: fnp.einsum(subscripts, *xs), operands, order=1)
    batch = [np.stack([x, -2 * x]) for x in operands]
    found = fg.vmap(lambda *xs: fnp.einsum(subscripts, *xs))(*batch)
    np.testing.assert_allclose(found[1], np.einsum(subscripts, *[x[1] for x in batch]), rtol=1e-12, atol=1e-12)


def test_einsum_of_integers_and_of_two_dtypes() -> None:
    x, y = np.arange(6).reshape(2, 3), np.arange(3)
    assert_same(fnp.einsum("ij,j->i", x, y), np.einsum("ij,j->i", x, y))
    assert fnp.einsum("i,i->", fnp.ones(2, "float32"), fnp.ones(2, "float64")).dtype == "float64"
    check_grads(lambda a, b: fnp.einsum("ij,jk->ik", a, b), (numbers(2, 2) + 1j, numbers(2, 2) * 1j))


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ij,jk->ik", [(2, 3)]),
        ("ij->", [(2,)]),
        ("ij,jk->ik", [(2, 3), (4, 2)]),
        ("ij->k", [(2, 3)]),
        ("ij->ii", [(2, 3)]),
        ("ii->i", [(2, 3)]),
        ("i1->i", [(2, 3)]),
        ("...ijk->i", [(2, 3)]),
    ],
)
def test_einsum_refuses_what_does_not_fit(subscripts: str, shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(fg.errors.ShapeError, match="einsum"):
        fnp.einsum(subscripts, *[fnp.ones(s) for s in shapes])
