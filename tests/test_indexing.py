"""`x[...]` and `x.at[...]` are NumPy's indexing, for every mixture that an index may be; and they differentiate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.testing import check_grads

many = settings(max_examples=500, deadline=None, derandomize=True, database=None)
shapes = st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple)


@st.composite
def slices(draw: Any, n: int) -> slice:
    bound = st.one_of(st.none(), st.integers(-n - 2, n + 2))
    return slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 2, 3, -1, -2])))


@st.composite
def keys(draw: Any, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """An index into that shape: ints, slices, integer arrays, masks, new axes and an ellipsis in any mixture."""
    meeting = draw(st.sampled_from([(), (2,), (1,), (3, 1), (1, 2), (3, 2)]))  # the arrays broadcast to about this
    key: list[Any] = []
    axis = 0
    while axis < len(shape) and draw(st.integers(0, 5)):
        n = shape[axis]
        kind = draw(st.sampled_from(["int", "slice", "slice", "array", "mask", "new"]))
        if kind == "new":
            key.append(None)
            continue
        axis += 1
        if kind == "slice" or n == 0:
            key.append(draw(slices(n)))
        elif kind == "int":
            key.append(draw(st.integers(-n, n - 1)))
        elif kind == "mask":
            axes = draw(st.integers(1, len(shape) - axis + 1))
            chosen = np.random.default_rng(draw(st.integers(0, 99))).random(shape[axis - 1 : axis - 1 + axes]) < 0.5
            key.append(chosen)
            axis += axes - 1
        else:
            size = tuple(m if draw(st.booleans()) else 1 for m in meeting)[draw(st.integers(0, len(meeting))) :]
            dtype = draw(st.sampled_from(["int64", "int8", "uint16"]))
            low = 0 if dtype[0] == "u" else -n
            key.append(np.random.default_rng(draw(st.integers(0, 99))).integers(low, n, size, dtype))
    if draw(st.booleans()):
        key.insert(draw(st.integers(0, len(key))), Ellipsis)
    return tuple(key)


@st.composite
def indexed(draw: Any) -> tuple[Any, tuple[Any, ...]]:
    shape = draw(shapes)
    return np.arange(1.0, 1 + np.prod(shape)).reshape(shape), draw(keys(shape))


def numbers_in(*shape: int) -> Any:
    return np.arange(float(np.prod(shape))).reshape(shape)


def ours(key: Any) -> Any:
    """The index with arrays of this library."""
    return tuple(fg.asarray(e) if isinstance(e, np.ndarray) else e for e in key)


@many
@given(indexed(), st.booleans())
def test_getitem_is_numpys(case: tuple[Any, tuple[Any, ...]], converted: bool) -> None:
    x, key = case
    mine = ours(key) if converted else key
    try:
        expected = x[key]
    except (IndexError, ValueError):  # index arrays, or a mask's indices, that do not broadcast
        with pytest.raises((IndexError, ValueError)):
            fg.asarray(x)[mine]
        return
    found = fg.asarray(x)[mine]
    assert found.shape == np.shape(expected)
    assert found.dtype == x.dtype
    np.testing.assert_array_equal(found, expected)


def _divide_at(x: Any, key: Any, values: Any) -> None:
    np.divide.at(x, key, values)


def _set(x: Any, key: Any, values: Any) -> None:
    x[key] = values


def _power(x: Any, key: Any, values: Any) -> None:
    x[key] **= values


_UPDATES: dict[str, Callable[[Any, Any, Any], None]] = {
    "set": _set,
    "add": np.add.at,
    "subtract": np.subtract.at,
    "multiply": np.multiply.at,
    "divide": _divide_at,
    "min": np.minimum.at,
    "max": np.maximum.at,
    "power": _power,
}


@many
@given(indexed(), st.sampled_from(sorted(_UPDATES)), st.sampled_from(["number", "last axis", "all"]))
def test_at_is_numpys_update_in_place(case: tuple[Any, tuple[Any, ...]], method: str, form: str) -> None:
    x, key = case
    try:
        shape = x[key].shape
    except (IndexError, ValueError):
        with pytest.raises((IndexError, ValueError)):
            getattr(fg.asarray(x).at[key], method)(1.0)
        return
    size = {"number": (), "last axis": shape[-1:], "all": shape}[form]
    values = np.random.default_rng(0).uniform(0.5, 1.5, size)
    expected = x.copy()
    _UPDATES[method](expected, key, values)
    before = fg.asarray(x)
    found = getattr(before.at[ours(key)], method)(values)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_array_equal(before, x)


def test_an_ellipsis_that_stands_for_no_axis_still_sets_arrays_apart() -> None:
    x, index = numbers_in(2, 3, 4), np.array([3, 1, 0, 2, 1])
    assert x[:, 0, ..., index].shape == (5, 2)
    np.testing.assert_array_equal(fg.asarray(x)[:, 0, ..., index], x[:, 0, ..., index])
    np.testing.assert_array_equal(fg.asarray(x)[:, 0, index], x[:, 0, index])


def test_at_get_and_apply() -> None:
    x = fnp.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(x.at[:, 1].get(), [1.0, 4.0])
    np.testing.assert_array_equal(x.at[1].apply(lambda row: row * 10), [[0, 1, 2], [30, 40, 50]])
    assert float(x.at[1, 0].mul(5.0)[1, 0]) == 15.0


def test_at_casts_to_the_dtype_of_the_array() -> None:
    assert fnp.zeros(3).at[0].set(np.float64(1.5)).dtype == "float32"
    assert fnp.zeros(3, "int64").at[fnp.asarray([0, 0])].add(2).tolist() == [4, 0, 0]
    with pytest.raises(TypeError, match="cannot hold quotients"):
        fnp.ones(3, "int64").at[0].divide(2)


def test_at_refuses_values_that_the_array_cannot_hold() -> None:
    whole, mask, real = fnp.arange(3), fnp.arange(3) > 0, fnp.ones(3)
    for method in ("set", "add", "subtract", "multiply", "min", "max", "power"):
        for index in (0, fnp.asarray([0, 0])):
            for value in (1.5, np.float64(2), fnp.ones(()), 1j):
                with pytest.raises(TypeError, match=r"int64\[3\] cannot hold values of .* x\.astype\('"):
                    getattr(whole.at[index], method)(value)
    with pytest.raises(TypeError, match=r"x.at.*: float32\[3\] cannot hold values of complex64\[\]: .*'complex64'"):
        real.at[0].add(1j)
    with pytest.raises(TypeError, match=r"bool\[3\] cannot hold values of float32"):
        mask.at[0].set(1.0)
    with pytest.raises(TypeError, match="cannot hold"):
        whole.at[1].apply(fnp.sqrt)
    with pytest.raises(TypeError, match="cannot hold"):
        fg.vmap(lambda x: x.at[0].add(0.5))(whole.reshape(1, 3))
    assert whole.at[0].set(True).tolist() == [1, 1, 2]
    assert whole.at[0].add(np.uint8(7)).tolist() == [7, 1, 2]
    assert mask.at[0].set(1).tolist() == [True, True, True]
    assert real.astype("complex64").at[0].set(2.5).tolist() == [2.5, 1, 1]
    assert whole.at[[]].set([]).tolist() == [0, 1, 2]  # an empty list is an array of floats


_KEYS: list[Any] = [
    1,
    (slice(None, None, -2), 0),
    (..., None, slice(1, 3)),
    np.array([[1, 0], [2, 2]]),
    (np.array([2, 0, 2]), np.array([1, 1, 1])),
    (0, slice(None), np.array([3, 1])),
    (slice(None), np.array([0, -1]), None, 2),
    np.arange(24).reshape(3, 2, 4) % 3 == 1,
    (slice(1), np.array([[True, False, False, True], [False, True, False, False]])),
]


@pytest.mark.parametrize("key", _KEYS, ids=repr)
@pytest.mark.parametrize("method", [None, "set", "add", "multiply", "divide", "min", "max"])
def test_indexing_differentiates(key: Any, method: str | None) -> None:
    random = np.random.default_rng(0)
    x = random.uniform(0.5, 1.5, (3, 2, 4))
    if method is None:
        check_grads(lambda x: x[key] ** 2, (x,))
        return
    values = random.uniform(0.5, 1.5, x[key].shape)
    check_grads(lambda x, v: getattr(x.at[key], method)(v) ** 2, (x, values))
    check_grads(lambda v: getattr(fg.asarray(x).at[key], method)(v) ** 2, (values[..., :1].sum(),))


def test_set_gives_the_cotangent_to_the_last_of_equal_indices() -> None:
    index = fnp.asarray([1, 1, 0])
    _, pull = fg.vjp(lambda x, v: x.at[index].set(v), fnp.zeros(3), fnp.ones(3))
    of_x, of_v = pull(fnp.asarray([1.0, 2.0, 3.0]))
    assert of_x.tolist() == [0, 0, 3]
    assert of_v.tolist() == [0, 2, 1]


def test_an_index_may_be_a_traced_integer() -> None:
    x = fnp.arange(12.0).reshape(4, 3)
    at = fnp.asarray([3, 0])
    np.testing.assert_array_equal(fg.vmap(lambda i: x[i])(at), np.asarray(x)[[3, 0]])
    np.testing.assert_array_equal(fg.vmap(lambda i: x[:, i])(fnp.asarray([2, 1])), np.asarray(x).T[[2, 1]])
    set_at = fg.vmap(lambda i, v: fnp.zeros(3).at[i].add(v))(fnp.asarray([2, 0]), fnp.asarray([5.0, 7.0]))
    np.testing.assert_array_equal(set_at, [[0, 0, 5], [7, 0, 0]])


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (7, "out of range|out of bounds"),
        (np.array([0, 3]), "out of range for axis 0 of size 3"),
        (np.array([-4]), "index -4 is out of range for axis 0 of size 3"),
        ((0, 0, 0), "too many indices"),
        ((..., ...), "one ellipsis"),
        (np.array([1.0]), "must hold integers or booleans"),
        (np.array([True, False]), "mask of shape"),
        (True, "True or False"),
    ],
    ids=repr,
)
def test_a_wrong_index_is_an_index_error(key: Any, message: str) -> None:
    with pytest.raises(IndexError, match=message):
        fnp.ones((3, 2))[key]
    with pytest.raises(IndexError, match=message):
        fnp.ones((3, 2)).at[key].set(0)


def test_values_that_do_not_fit_are_a_shape_error() -> None:
    with pytest.raises(fg.errors.ShapeError, match=r"\(2,\)"):
        fnp.ones(3).at[:].set(fnp.ones(2))
    with pytest.raises(fg.errors.ShapeError):
        fnp.ones(3).at[0].set(fnp.ones(2))


def test_assignment_says_what_to_write() -> None:
    x = fnp.ones((2, 3))
    with pytest.raises(TypeError, match=r"x = x\.at\[0, 1:\]\.set\(v\)"):
        x[0, 1:] = 0.0
    with pytest.raises(TypeError, match=r"x\.at\[mask\]\.set"):
        x[x > 0] = 0.0


@many
@given(st.integers(1, 4), st.integers(0, 3), st.data())
def test_take_and_take_along_axis(n: int, ndim: int, data: Any) -> None:
    shape = (n,) * (ndim + 1)
    x = np.random.default_rng(0).random(shape)
    axis = data.draw(st.integers(-ndim - 1, ndim))
    index = np.random.default_rng(data.draw(st.integers(0, 9))).integers(-n, n, shape[: max(1, ndim)])
    np.testing.assert_array_equal(fnp.take(x, index, axis=axis), np.take(x, index, axis))
    np.testing.assert_array_equal(fnp.take(x, index), np.take(x, index))
    along = np.random.default_rng(1).integers(0, n, shape)
    np.testing.assert_array_equal(fnp.take_along_axis(x, along, axis=axis), np.take_along_axis(x, along, axis))
