"""Sorting and sets where the table of uses does not go: NaN, ties, nothing at all, dtypes, wrong arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import AxisError, OptionError, ShapeError

NAN = float("nan")
_FLOATS = st.lists(st.sampled_from([0.0, -0.0, 1.0, 2.5, -3.0, NAN, np.inf, -np.inf]), max_size=9)
_DTYPES = ["bool", "int8", "uint8", "int64", "float32", "float64", "complex64"]


def test_nan_is_last_and_first_when_descending() -> None:
    x = fnp.asarray([1.0, NAN, 3.0, 3.0, 0.0])
    assert fnp.argsort(x).tolist() == [4, 0, 2, 3, 1]
    assert fnp.argsort(x, descending=True).tolist() == [1, 2, 3, 0, 4]
    np.testing.assert_array_equal(fnp.sort(x), [0.0, 1.0, 3.0, 3.0, NAN])
    np.testing.assert_array_equal(fnp.top_k(x, 2)[0], [NAN, 3.0])


@settings(max_examples=60, deadline=None)
@given(_FLOATS, st.booleans())
def test_sort_is_take_by_argsort(values: list[float], descending: bool) -> None:
    x = np.array(values, "float64")
    order = fnp.argsort(x, descending=descending)
    np.testing.assert_array_equal(fnp.sort(x, descending=descending), fnp.asarray(x)[order])
    if not descending:
        np.testing.assert_array_equal(order, np.argsort(x, kind="stable"))


@pytest.mark.parametrize("dtype", _DTYPES)
def test_dtypes_stay(dtype: str) -> None:
    x = np.array([3, 0, 1, 1]).astype(dtype)
    assert fnp.sort(x).dtype == x.dtype
    np.testing.assert_array_equal(fnp.sort(x), np.sort(x))
    np.testing.assert_array_equal(fnp.unique(x), np.unique(x))
    np.testing.assert_array_equal(fnp.searchsorted(np.sort(x), x), np.searchsorted(np.sort(x), x))
    np.testing.assert_array_equal(fnp.isin(x, x[:1]), np.isin(x, x[:1]))


def test_equal_elements_keep_their_own_derivatives() -> None:
    x = fnp.asarray([2.0, 1.0, 2.0])
    assert fg.jacrev(fnp.sort)(x).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    assert fg.jacfwd(lambda x: fnp.top_k(x, 2)[0])(x).tolist() == [[1, 0, 0], [0, 0, 1]]


def test_nothing_to_sort() -> None:
    nothing = fnp.zeros((0, 3))
    assert fnp.sort(nothing, axis=0).shape == (0, 3)
    assert fnp.argsort(nothing, axis=1).shape == (0, 3)
    assert fnp.unique(nothing).shape == (0,)
    assert [part.shape for part in fnp.unique_all(nothing)] == [(0,), (0,), (0, 3), (0,)]
    assert fnp.searchsorted(fnp.zeros(0), fnp.ones(2)).tolist() == [0, 0]
    assert fnp.isin(fnp.ones(2), fnp.zeros(0)).tolist() == [False, False]
    assert fnp.union1d([], []).shape == fnp.intersect1d([], [1.0]).shape == (0,)
    assert fnp.unique(nothing, size=2, fill_value=7.0).tolist() == [7.0, 7.0]
    assert fnp.argwhere(nothing).shape == (0, 2)
    assert fnp.cumprod(nothing, axis=0).shape == (0, 3)


def test_wrong_arguments() -> None:
    x = fnp.ones((2, 3))
    with pytest.raises(AxisError):
        fnp.sort(x, axis=2)
    with pytest.raises(AxisError):
        fnp.sort(fnp.asarray(1.0))
    with pytest.raises(OptionError, match="kind"):
        fnp.sort(x, kind="bogo")
    with pytest.raises(OptionError, match="lexsort"):
        fnp.argsort(x, order="name")  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="kth"):
        fnp.partition(x, 3)
    with pytest.raises(ShapeError, match="k=4"):
        fnp.top_k(x, 4)
    with pytest.raises(ShapeError, match="vmap"):
        fnp.searchsorted(x, 1.0)
    with pytest.raises(OptionError, match="side"):
        fnp.searchsorted(x[0], 1.0, side="middle")
    with pytest.raises(ShapeError, match="no keys"):
        fnp.lexsort(())
    with pytest.raises(ShapeError, match="fill"):
        fnp.unique(fnp.zeros(0), size=1)
    with pytest.raises(ShapeError, match="dimensions"):
        fnp.nonzero(fnp.asarray(1.0))


# ---- sets --------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(_FLOATS, st.booleans())
def test_unique_is_numpys(values: list[float], equal_nan: bool) -> None:
    x = np.array(values, "float64")
    found = fnp.unique(x, True, True, True, equal_nan=equal_nan)
    for mine, theirs in zip(found, np.unique(x, True, True, True, equal_nan=equal_nan), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@settings(max_examples=60, deadline=None)
@given(*[st.lists(st.integers(-3, 3), max_size=6)] * 2)
def test_sets_of_two_are_pythons(a: list[int], b: list[int]) -> None:
    x, y = np.array(a, "int64"), np.array(b, "int64")
    assert fnp.union1d(x, y).tolist() == sorted({*a} | {*b})
    assert fnp.intersect1d(x, y).tolist() == sorted({*a} & {*b})
    assert fnp.setdiff1d(x, y).tolist() == sorted({*a} - {*b})
    assert fnp.setxor1d(x, y).tolist() == sorted({*a} ^ {*b})
    assert fnp.isin(x, y).tolist() == [n in b for n in a]
    values, at_x, at_y = fnp.intersect1d(x, y, return_indices=True)
    assert [(a.index(v), b.index(v)) for v in values.tolist()] == list(zip(at_x.tolist(), at_y.tolist(), strict=True))


def test_nan_equals_nan_in_unique_and_not_in_the_standards_functions() -> None:
    x = fnp.asarray([NAN, 1.0, NAN])
    assert fnp.unique(x).shape == (2,)
    assert fnp.unique_values(x).shape == (3,)
    assert fnp.unique_counts(x).counts.tolist() == [1, 1, 1]
    assert fnp.isin(x, x).tolist() == [False, True, False]


def test_results_have_names() -> None:
    found = fnp.unique_all(fnp.asarray([[2, 1], [2, 2]]))
    assert found._fields == ("values", "indices", "inverse_indices", "counts")
    assert found.values[found.inverse_indices].tolist() == [[2, 1], [2, 2]]


def test_a_size_keeps_batches_together_and_programs_whole() -> None:
    rows = fnp.asarray([[3, 1, 3], [5, 5, 5]])
    assert fg.vmap(lambda row: fnp.unique(row, size=3, fill_value=0))(rows).tolist() == [[1, 3, 0], [5, 0, 0]]

    def f(row: Any) -> Any:
        return fnp.nonzero(row > 2, size=2, fill_value=-1)[0]

    assert fg.eval_shape(f, rows[0]).shape == (2,)  # by shapes alone
    compiled = fg.jit(f)
    for row, expected in [(rows[0], [0, 2]), (rows[1], [0, 1]), (rows[0] - 3, [-1, -1]), (rows[0], [0, 2])] * 2:
        assert compiled(row).tolist() == expected


def test_without_a_size_each_example_finds_its_own() -> None:
    rows = fnp.asarray([[3, 1, 3], [5, 5, 5], [2, 1, 0]])
    assert fg.vmap(lambda row: fnp.unique(row).sum())(rows).tolist() == [4, 5, 3]


def test_running_products_pass_zeros() -> None:
    x = fnp.asarray([2.0, 0.0, 3.0, 0.0])
    assert fg.jacrev(fnp.cumprod)(x).tolist() == fg.jacfwd(fnp.cumprod)(x).tolist()
    assert fg.jacrev(fnp.cumprod)(x)[2].tolist() == [0.0, 6.0, 0.0, 0.0]
    assert fnp.cumprod(fnp.asarray([100, 100], dtype="int8")).tolist() == [100, 10000]
    assert fnp.cumulative_prod(fnp.asarray([True, True])).dtype == "int64"
    assert fnp.cumulative_prod(fnp.asarray([2, 3], dtype="uint8"), include_initial=True).dtype == "uint64"
