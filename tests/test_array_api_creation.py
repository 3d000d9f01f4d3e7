"""Arrays are made as the array API standard says: dtypes, values, copies, and those of other libraries by DLPack."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from against_strict import ALL, FLOATS, INTEGERS, arrays, check, few, quick, shapes, with_axes
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from hypothesis.extra.array_api import make_strategies_namespace
from tracers import KINDS

import funcgrad as fg
import funcgrad.numpy as fnp

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy tells of the NaN that are drawn
kinds = pytest.mark.parametrize("kind", KINDS)
dtypes = st.sampled_from(ALL)


@quick
@given(shapes, st.sampled_from([None, *ALL]))
def test_zeros_ones_and_full(shape: tuple[int, ...], dtype: str | None) -> None:
    for xp_shape in (shape, *shape[:1]):
        for name in ("zeros", "ones"):
            found = getattr(fnp, name)(xp_shape, dtype=dtype)
            assert found.dtype == (dtype or "float32")
            assert found.tolist() == np.full(xp_shape, name == "ones", found.dtype).tolist()
    assert fnp.empty(shape, dtype=dtype).shape == shape
    x = fnp.ones(shape, dtype=dtype)
    for name, value in (("zeros_like", 0), ("ones_like", 1)):
        assert getattr(fnp, name)(x).tolist() == np.full(shape, value, x.dtype).tolist()
        assert getattr(fnp, name)(x, dtype="int16").dtype == "int16"
    assert fnp.empty_like(x).shape == shape


@pytest.mark.parametrize(
    ("value", "dtype"), [(True, "bool"), (3, "int64"), (-2.5, "float32"), (1 + 2j, "complex64"), (2**62, "int64")]
)
def test_full_infers_the_dtype(value: Any, dtype: str) -> None:
    for shape in ((), 3, (2, 0), (2, 3)):
        found = fnp.full(shape, value)
        assert found.dtype == dtype
        assert found.tolist() == np.full(shape, value).tolist()
    assert fnp.full_like(fnp.zeros(2, dtype="float64"), 1).dtype == "float64"
    assert fnp.full((2,), 2**64 - 1, dtype="uint64").tolist() == [2**64 - 1] * 2


@quick
@given(st.data())
def test_arange(data: Any) -> None:
    whole = st.integers(-50, 50)
    number = st.one_of(whole, st.floats(-20, 20).map(lambda v: round(v, 2)))
    start, step = data.draw(number), data.draw(number.filter(lambda v: abs(v) > 0.4))
    stop = data.draw(st.one_of(st.none(), number))
    dtype = data.draw(st.sampled_from([None, *FLOATS, "int32", "int64"]))
    floats = any(isinstance(v, float) for v in (start, stop, step))
    dtype = None if floats and dtype and dtype[0] == "i" else dtype
    found = fnp.arange(start, stop, step, dtype=dtype)
    low, high = (0, start) if stop is None else (start, stop)
    assert found.dtype == (dtype or ("float32" if floats else "int64"))
    assert found.shape == (max(int(np.ceil((high - low) / step)), 0),)
    np.testing.assert_allclose(np.asarray(found), low + np.arange(found.size) * step, rtol=1e-5, atol=1e-4)


@quick
@given(st.data())
def test_linspace(data: Any) -> None:
    dtype = data.draw(st.sampled_from([None, *FLOATS, "complex64", "complex128"]))
    limit = 1e30 if dtype in (None, "float32", "complex64") else 1.7e308
    number: Any = st.one_of(st.integers(-100, 100), st.floats(-limit, limit))
    if dtype and dtype[0] == "c":
        number = st.one_of(number, st.builds(complex, st.floats(-9, 9), st.floats(-9, 9)))
    start, stop, num, endpoint = (
        data.draw(number),
        data.draw(number),
        data.draw(st.integers(0, 9)),
        data.draw(st.booleans()),
    )
    found = fnp.linspace(start, stop, num=num, dtype=dtype, endpoint=endpoint)
    assert found.dtype == (dtype or "float32")
    assert found.shape == (num,)
    values = np.asarray(found)
    assert np.isfinite(values).all()
    if num:
        assert values[0] == found.dtype.type(start)
    if num > 1 and endpoint:
        assert values[-1] == found.dtype.type(stop)
    parts = max(num - 1 if endpoint else num, 1)
    expected = [start * (1 - i / parts) + stop * (i / parts) for i in range(num)]
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-6 * max(abs(start), abs(stop), 1))


def test_linspace_infers_and_steps() -> None:
    assert fnp.linspace(0, 1j, 3).dtype == "complex64"
    assert fnp.linspace(0, 10, 4, dtype="int64").tolist() == [0, 3, 6, 10]
    found, step = fnp.linspace(0.0, 1.0, 5, retstep=True)
    assert (found.tolist(), float(step)) == ([0.0, 0.25, 0.5, 0.75, 1.0], 0.25)
    assert fnp.linspace(2, 5, 1).tolist() == [2.0]
    low, high = np.array([0.0, 1.0]), np.array([4.0, 5.0])
    for axis in (0, 1, -1):
        expected = np.linspace(low, high, 3, axis=axis)
        np.testing.assert_allclose(np.asarray(fnp.linspace(fg.asarray(low), fg.asarray(high), 3, axis=axis)), expected)
    with pytest.raises(fg.errors.ShapeError, match="num"):
        fnp.linspace(0, 1, -1)
    with pytest.raises(fg.errors.OptionError, match="step"):
        fnp.arange(0, 3, 0)


@few
@given(st.integers(0, 4), st.one_of(st.none(), st.integers(0, 4)), st.integers(-5, 5), st.sampled_from(ALL))
def test_eye(n: int, m: int | None, k: int, dtype: str) -> None:
    check("plain", lambda xp: xp.eye(n, m, k=k, dtype=getattr(xp, dtype)))


@kinds
@few
@given(st.data())
def test_tril_and_triu(kind: str, data: Any) -> None:
    x = data.draw(arrays(data.draw(dtypes), hnp.array_shapes(min_dims=2, max_dims=4, min_side=0, max_side=3)))
    k = data.draw(st.integers(-4, 4))
    check(kind, lambda xp, x: (xp.tril(x, k=k), xp.triu(x, k=k)), x)


@kinds
@few
@given(st.data())
def test_meshgrid(kind: str, data: Any) -> None:
    dtype, count = data.draw(dtypes), data.draw(st.integers(1, 4))
    xs = [data.draw(arrays(dtype, hnp.array_shapes(max_dims=1, min_side=0, max_side=3))) for _ in range(count)]
    for indexing in ("xy", "ij"):
        check(kind, lambda xp, *xs, i=indexing: xp.meshgrid(*xs, indexing=i), *xs)


def test_meshgrid_as_numpy_has_it() -> None:
    x, y = np.arange(2.0), np.arange(3.0)
    for indexing, sparse in itertools.product(("xy", "ij"), (False, True)):
        expected = np.meshgrid(x, y, indexing=indexing, sparse=sparse)
        found = fnp.meshgrid(x, y, indexing=indexing, sparse=sparse)
        assert [a.tolist() for a in found] == [a.tolist() for a in expected]
    assert fnp.meshgrid() == ()
    with pytest.raises(fg.errors.OptionError, match="indexing"):
        fnp.meshgrid(x, indexing="yx")
    with pytest.raises(fg.errors.ShapeError, match="one dimension"):
        fnp.meshgrid(np.zeros((2, 2)))


@quick
@given(st.data())
def test_asarray(data: Any) -> None:
    dtype = data.draw(dtypes)
    x = data.draw(arrays(dtype))
    check("plain", lambda xp: xp.asarray(x.tolist(), dtype=getattr(xp, dtype)))
    held = fnp.asarray(x, copy=True)
    assert held.tolist() == fnp.asarray(held, copy=True).tolist() or x.dtype.kind in "fc"
    assert fnp.asarray(held, copy=False) is held
    assert np.shares_memory(np.asarray(fnp.asarray(x, copy=False)), x) or not x.size


def test_asarray_infers_the_dtype() -> None:
    for value, dtype in [
        ([True, False], "bool"), ([1, True], "int64"), ([1, 2.5], "float32"), ([1, 2j], "complex64"), (3, "int64"),
        ([[1], [2]], "int64"), ([], "float32"), ((1.0, 2.0), "float32"), (memoryview(np.arange(3.0)), "float64"),
    ]:  # fmt: skip
        assert fnp.asarray(value).dtype == dtype
    for copy in (True, None):
        x = np.zeros(3)
        held = fnp.asarray(x, copy=copy)
        x[:] = 1
        assert held.tolist() == [0, 0, 0]
    with pytest.raises(ValueError, match="copy=False"):
        fnp.asarray(held, dtype="float32", copy=False)
    with pytest.raises(ValueError, match="copy=False"):
        fnp.asarray(np.zeros(2), dtype="int64", copy=False)


@quick
@given(st.data())
def test_hypothesis_draws_arrays(data: Any) -> None:
    namespace = make_strategies_namespace(fnp, api_version="2024.12")
    dtype = data.draw(namespace.scalar_dtypes())
    x = data.draw(namespace.arrays(dtype, namespace.array_shapes(min_dims=0, max_dims=3, min_side=0)))
    assert (type(x), x.dtype) == (fg.Array, dtype)
    key = data.draw(namespace.indices(x.shape, allow_newaxis=True))
    assert x[key].shape == np.zeros(x.shape)[key].shape


@few
@given(st.data())
def test_dlpack(data: Any) -> None:
    dtype = data.draw(dtypes)
    x = data.draw(arrays(dtype, with_axes))
    held = fnp.asarray(x)
    for copy in (None, True, False):
        back = fnp.from_dlpack(np.asarray(fnp.from_dlpack(x, copy=copy)), device="cpu", copy=copy)
        assert back.dtype == dtype
        assert back.tolist() == x.tolist() or x.dtype.kind in "fc"
        other = np.from_dlpack(held, copy=copy, device="cpu")
        np.testing.assert_array_equal(other, x)
        assert np.shares_memory(other, np.asarray(held)) is (copy is False)
    assert held.__dlpack_device__() == (1, 0)
    assert type(held.__dlpack__(max_version=(1, 0), dl_device=(1, 0), copy=True)).__name__ == "PyCapsule"
    with pytest.raises(BufferError, match="device"):
        held.__dlpack__(dl_device=(2, 0))
    with pytest.raises(AttributeError, match="__dlpack__"):
        fnp.from_dlpack([1, 2])


@pytest.mark.parametrize("dtype", INTEGERS)
def test_python_numbers_out_of_range(dtype: str) -> None:
    most = int(np.iinfo(dtype).max)
    x = fnp.ones(2, dtype=dtype)
    for function in (
        lambda x: x + (most + 1),
        lambda x: fnp.maximum(x, most + 1),
        lambda x: fnp.asarray([most + 1], dtype=dtype),
    ):
        for run in (function, fg.jit(function), fg.vmap(function)):
            with pytest.raises((OverflowError, fg.errors.DtypeError)):
                run(x)


def test_linspace_of_numbers_under_jit() -> None:
    spread = fg.jit(lambda start, stop: fnp.linspace(start, stop, 4))
    for _ in range(3):
        for start, stop in ((1, 3.0), (1.5, 3), (1, 5)):
            found = spread(start, stop)
            assert found.dtype == "float32"
            np.testing.assert_allclose(np.asarray(found), np.linspace(start, stop, 4), rtol=1e-6)
    assert fg.vmap(lambda start: fnp.linspace(start, 3, 3))(fnp.arange(2.0)).tolist() == [
        [0.0, 1.5, 3.0],
        [1.0, 2.0, 3.0],
    ]
    assert float(fg.grad(lambda start: fnp.linspace(start, 3.0, 3).sum())(1.0)) == 1.5
