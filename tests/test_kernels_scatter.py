"""Rows added up at places, against NumPy's own slow way."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.kernels.scatter import accumulate_rows, put_rows

ELSEWHERE = SimpleNamespace(**{name: getattr(np, name) for name in dir(np) if not name.startswith("_")})
"""NumPy's functions in another module: what CuPy's arrays go through."""

PLACES = {
    "each once": lambda random, n, m: random.permutation(n)[: min(n, m)],
    "few alike": lambda random, n, m: random.integers(0, n, m),
    "all alike": lambda random, n, m: np.full(m, n - 1),
    "words": lambda random, n, m: np.minimum(random.zipf(1.3, m), n) - 1,  # some thousands of one, and many only once
    "few and many": lambda random, n, m: np.concatenate((np.zeros(m // 2, int), random.integers(0, n, m))),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "int8", "uint32", "bool", "complex64"])
@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize(
    "sizes", [(7, 500, (16,)), (3000, 700, (3, 5)), (40, 100, (2,)), (50, 10, (64,)), (9, 0, (8,))]
)
def test_the_same_sums_as_one_row_after_the_other(sizes, kind, dtype):
    n, m, width = sizes
    random = np.random.default_rng(0)
    places = PLACES[kind](random, n, m)
    rows = (random.integers(0, 4, (len(places), *width))).astype(dtype)  # small whole numbers: every order is exact
    found = random.integers(0, 4, (n, *width)).astype(dtype)
    expected = found.copy()
    accumulate_rows(np, "add", found, places, rows)
    np.add.at(expected, places, rows)
    np.testing.assert_array_equal(found, expected)


def test_few_of_each_are_added_in_their_order():
    random = np.random.default_rng(1)
    places = random.permutation(np.repeat(np.arange(200), 5))
    rows = random.normal(size=(1000, 32)).astype("float32")
    found, expected = np.ones((200, 32), "float32"), np.ones((200, 32), "float32")
    accumulate_rows(np, "add", found, places, rows)
    np.add.at(expected, places, rows)
    np.testing.assert_array_equal(found, expected)  # to the bit


def test_the_gradient_of_an_embedding():
    random = np.random.default_rng(2)
    words, weights = random.integers(-30, 30, (40, 25)), random.normal(size=(40, 25, 16))
    loss = lambda table: (table[words] * weights).sum()  # noqa: E731
    expected = np.zeros((30, 16))
    np.add.at(expected, words % 30, weights)
    np.testing.assert_allclose(fg.grad(loss)(fnp.zeros((30, 16), fnp.float64)), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["add", "multiply", "minimum", "maximum"])
@pytest.mark.parametrize("dtype", ["float64", "complex64", "int32", "bool"])
@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("sizes", [(7, 60, ()), (30, 70, (3, 5)), (4, 1, (2,)), (9, 0, (8,)), (5, 9, (0,))])
def test_other_modules_get_the_same(sizes, kind, dtype, name):
    n, m, width = sizes
    random = np.random.default_rng(0)
    places = PLACES[kind](random, n, m)
    rows = np.where(random.random((len(places), *width)) < 0.9, 1, random.integers(0, 3, (len(places), *width)))
    rows = rows.astype(dtype)
    found = random.integers(0, 4, (n, *width)).astype(dtype)
    expected = found.copy()
    accumulate_rows(ELSEWHERE, name, found, places, rows)
    getattr(np, name).at(expected, places, rows)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", PLACES)
def test_the_last_of_equal_places_stays(kind):
    random = np.random.default_rng(0)
    places = PLACES[kind](random, 20, 100)
    rows = random.random((len(places), 3))
    found, expected = np.zeros((20, 3)), np.zeros((20, 3))
    put_rows(ELSEWHERE, found, places, rows)
    for place, row in zip(places, rows, strict=True):
        expected[place] = row
    np.testing.assert_array_equal(found, expected)
