"""Creation, indexing, rearranging, searching and reductions are array_api_strict's, on arrays and on tracers."""

from __future__ import annotations

import itertools
import operator
from typing import Any

import numpy as np
import pytest
from against_strict import ALL, FLOATS, INTEGERS, NUMERIC, REAL, arrays, check, few, quick, shapes, strict, with_axes
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tracers import KINDS, call

import funcgrad as fg
import funcgrad.numpy as fnp

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy tells of the NaN that are drawn
kinds = pytest.mark.parametrize("kind", KINDS)
dtypes = st.sampled_from(ALL)


def axis_of(ndim: int) -> Any:
    return st.integers(-ndim, ndim - 1)


@st.composite
def array_and_axis(draw: Any, choice: tuple[str, ...] = ALL, special: bool = True) -> tuple[Any, int]:
    x = draw(arrays(draw(st.sampled_from(choice)), with_axes, special))
    return x, draw(axis_of(x.ndim))


def some_axes(draw: Any, ndim: int) -> Any:
    """None, an axis, or several of them."""
    axes = draw(st.lists(st.integers(0, ndim - 1), unique=True, max_size=ndim)) if ndim else []
    signed = tuple(a - ndim if draw(st.booleans()) else a for a in axes)
    return draw(st.sampled_from([None, signed, *signed[:1]]))


# ---- creation ----------------------------------------------------------------------------------


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


# ---- rearranging -------------------------------------------------------------------------------


@kinds
@few
@given(st.data())
def test_shapes_and_axes(kind: str, data: Any) -> None:
    x, axis = data.draw(array_and_axis())
    other = data.draw(axis_of(x.ndim))
    order = tuple(data.draw(st.permutations(range(x.ndim))))
    target = tuple(data.draw(st.permutations(x.shape)))
    new = data.draw(axis_of(x.ndim + 1))
    check(kind, lambda xp, x: xp.reshape(x, (-1, *target[1:])), x)
    check(kind, lambda xp, x: xp.reshape(x, target, copy=True), x)
    check(kind, lambda xp, x: xp.permute_dims(x, order), x)
    check(kind, lambda xp, x: xp.moveaxis(x, axis, other), x)
    check(kind, lambda xp, x: xp.expand_dims(x, axis=new), x)
    check(kind, lambda xp, x: xp.squeeze(xp.expand_dims(x, axis=new), axis=new), x)
    check(kind, lambda xp, x: xp.flip(x, axis=axis), x)
    check(kind, lambda xp, x: xp.flip(x), x)
    if x.ndim > 1:
        check(kind, lambda xp, x: (xp.matrix_transpose(x), x.mT), x)


@kinds
@few
@given(st.data())
def test_roll_repeat_and_tile(kind: str, data: Any) -> None:
    x, axis = data.draw(array_and_axis())
    shift, times = data.draw(st.integers(-9, 9)), data.draw(st.integers(0, 3))
    counts = data.draw(arrays("int64", (x.shape[axis],), special=False)) % 4
    repetitions = tuple(data.draw(st.lists(st.integers(0, 3), max_size=4)))
    axes = some_axes(data.draw, x.ndim)
    check(kind, lambda xp, x: xp.roll(x, shift, axis=axis), x)
    check(kind, lambda xp, x: xp.roll(x, shift), x)
    if isinstance(axes, tuple) and axes:
        shifts = tuple(data.draw(st.integers(-5, 5)) for _ in axes)
        check(kind, lambda xp, x: xp.roll(x, shifts, axis=axes), x)
    check(kind, lambda xp, x: xp.repeat(x, times, axis=axis), x)
    check(kind, lambda xp, x: xp.repeat(x, times), x)
    check(kind, lambda xp, x, counts: xp.repeat(x, counts, axis=axis), x, counts)
    check(kind, lambda xp, x: xp.tile(x, repetitions), x)


@kinds
@few
@given(st.data())
def test_joining(kind: str, data: Any) -> None:
    dtype = data.draw(dtypes)
    x, axis = data.draw(array_and_axis((dtype,)))
    longer = list(x.shape)
    longer[axis] = data.draw(st.integers(0, 3))
    y, z = data.draw(arrays(dtype, tuple(longer))), data.draw(arrays(dtype, x.shape))
    new = data.draw(axis_of(x.ndim + 1))
    check(kind, lambda xp, x, y: xp.concat([x, y], axis=axis), x, y)
    check(kind, lambda xp, x, y: xp.concat((x, y), axis=None), x, y)
    check(kind, lambda xp, x, z: xp.stack([x, z, x], axis=new), x, z)
    check(kind, lambda xp, x: xp.unstack(x, axis=axis), x)
    wide = (data.draw(st.integers(0, 2)), *x.shape)
    check(kind, lambda xp, x: xp.broadcast_to(x, wide), x)
    check(kind, lambda xp, x, y: tuple(xp.broadcast_arrays(x, y)), x, np.zeros((), dtype))


def test_broadcast_shapes() -> None:
    assert fnp.broadcast_shapes() == ()
    assert fnp.broadcast_shapes((2, 1), (3,), ()) == (2, 3)
    assert fnp.broadcast_shapes(3, (2, 1)) == (2, 3)
    with pytest.raises(fg.errors.ShapeError, match="broadcast"):
        fnp.broadcast_shapes((2,), (3,))


@kinds
def test_types_promote_where_arrays_are_joined(kind: str) -> None:
    for a, b in itertools.product(ALL, ALL):
        try:
            strict.result_type(getattr(strict, a), getattr(strict, b))
        except TypeError:
            continue
        x, y = np.ones(2, a), np.ones(2, b)
        check(kind, lambda xp, x, y: xp.concat([x, y]), x, y)
        check(kind, lambda xp, x, y: xp.stack([x, y]), x, y)
        check(kind, lambda xp, x, y: xp.where(xp.asarray([True, False]), x, y), x, y)


# ---- indexing ----------------------------------------------------------------------------------


@st.composite
def basic_index(draw: Any, shape: tuple[int, ...]) -> Any:
    """Ints, slices that may reach beyond, new axes, and an ellipsis."""
    key: list[Any] = []
    for n in shape:
        bound = st.one_of(st.none(), st.integers(-n, n))
        step = draw(st.sampled_from([None, 1, 2, -1, -2]))
        whole = slice(draw(bound), draw(bound), step) if step is None or step > 0 else slice(None, None, step)
        key.append(draw(st.integers(-n, n - 1)) if n and draw(st.booleans()) else whole)
    if draw(st.booleans()) and key:
        place = draw(st.integers(0, len(key) - 1))
        key[place : draw(st.integers(place, len(key)))] = [Ellipsis]
    for _ in range(draw(st.integers(0, 2))):
        key.insert(draw(st.integers(0, len(key))), None)
    if Ellipsis not in key and sum(k is not None for k in key) < len(shape):
        key.append(Ellipsis)
    return tuple(key) if len(key) != 1 or draw(st.booleans()) else key[0]


@kinds
@quick
@given(st.data())
def test_basic_index(kind: str, data: Any) -> None:
    x = data.draw(arrays(data.draw(dtypes)))
    key = data.draw(basic_index(x.shape))
    check(kind, lambda xp, x: x[key], x)


@kinds
@few
@given(st.data())
def test_masks(kind: str, data: Any) -> None:
    x = data.draw(arrays(data.draw(dtypes)))
    mask = data.draw(arrays("bool", x.shape))
    check(kind, lambda xp, x, mask: x[mask], x, mask)


@kinds
@few
@given(st.data())
def test_integer_arrays(kind: str, data: Any) -> None:
    x = data.draw(arrays(data.draw(dtypes), with_axes))
    shape = data.draw(hnp.array_shapes(max_dims=2, min_side=0, max_side=3))
    indices = [
        data.draw(hnp.arrays(data.draw(st.sampled_from(["int64", "int32"])), shape, elements=st.integers(-n, n - 1)))
        if i and data.draw(st.booleans())
        else data.draw(hnp.arrays("int64", shape, elements=st.integers(-n, n - 1)))
        for i, n in enumerate(x.shape)
    ]
    check(kind, lambda xp, x, *indices: x[indices], x, *indices)


@kinds
@few
@given(st.data())
def test_take(kind: str, data: Any) -> None:
    x, axis = data.draw(array_and_axis())
    n = x.shape[axis]
    count = data.draw(st.integers(0, 5))
    index = data.draw(hnp.arrays("int64", (count,), elements=st.integers(-n, n - 1)))
    check(kind, lambda xp, x, i: xp.take(x, i, axis=axis), x, index)
    shape = list(x.shape)
    shape[axis] = count
    along = data.draw(hnp.arrays("int64", tuple(shape), elements=st.integers(-n, n - 1)))
    check(kind, lambda xp, x, i: xp.take_along_axis(x, i, axis=axis), x, along)


def test_take_out_of_range() -> None:
    x = np.arange(12.0).reshape(3, 4)
    index = np.array([[5, -1], [-7, 2]])
    for mode in ("wrap", "clip"):
        found = fnp.take(x, fg.asarray(index), axis=1, mode=mode)
        assert found.tolist() == np.take(x, index, axis=1, mode=mode).tolist()
    with pytest.raises(IndexError, match="out of range"):
        fnp.take(x, fg.asarray(index), axis=1)
    with pytest.raises(fg.errors.OptionError, match="mode"):
        fnp.take(x, index, mode="fill")


# ---- searching ---------------------------------------------------------------------------------


@kinds
@few
@given(st.data())
def test_searching(kind: str, data: Any) -> None:
    x, axis = data.draw(array_and_axis(REAL, special=False))
    for name, keepdims in itertools.product(("argmax", "argmin"), (False, True)):
        check(kind, lambda xp, x, n=name, k=keepdims: getattr(xp, n)(x, axis=axis, keepdims=k), x)
        check(kind, lambda xp, x, n=name, k=keepdims: getattr(xp, n)(x, keepdims=k), x)
    y = data.draw(arrays(data.draw(dtypes), with_axes))
    axes = some_axes(data.draw, y.ndim)
    check(kind, lambda xp, y: xp.count_nonzero(y, axis=axes, keepdims=True), y)
    check(kind, lambda xp, y: xp.count_nonzero(y, axis=axes), y)
    check(kind, lambda xp, y: xp.nonzero(y), y)


@kinds
@few
@given(st.data())
def test_where(kind: str, data: Any) -> None:
    dtype = data.draw(st.sampled_from(NUMERIC))
    shape = data.draw(with_axes)
    mask, x, y = data.draw(arrays("bool", shape)), data.draw(arrays(dtype, shape)), data.draw(arrays(dtype, shape[1:]))
    check(kind, lambda xp, mask, x, y: xp.where(mask, x, y), mask, x, y)
    check(kind, lambda xp, mask, x: (xp.where(mask, x, 2), xp.where(mask, 3, x)), mask, x)


def test_nonzero_of_no_dimensions() -> None:
    for x in (fnp.asarray(3.0), fnp.asarray(True)):
        for function in (fnp.nonzero, fg.jit(fnp.nonzero)):
            with pytest.raises(fg.errors.ShapeError, match="without dimensions"):
                function(x)


# ---- reductions --------------------------------------------------------------------------------


@kinds
@few
@given(st.data())
def test_sums_and_products(kind: str, data: Any) -> None:
    x = data.draw(arrays(data.draw(st.sampled_from(NUMERIC)), special=False))
    axes, keepdims = some_axes(data.draw, x.ndim), data.draw(st.booleans())
    for name in ("sum", "prod"):
        check(kind, lambda xp, x, n=name: getattr(xp, n)(x, axis=axes, keepdims=keepdims), x, rtol=1e-4)
    wide = {"i": "int64", "u": "uint64", "f": "float64", "c": "complex128"}[x.dtype.kind]
    check(kind, lambda xp, x: xp.sum(x, axis=axes, dtype=getattr(xp, wide)), x, rtol=1e-12)
    check(kind, lambda xp, x: xp.prod(x, axis=axes, dtype=getattr(xp, wide)), x, rtol=1e-12)


@kinds
@few
@given(st.data())
def test_extremes_and_truths(kind: str, data: Any) -> None:
    x = data.draw(arrays(data.draw(st.sampled_from(REAL)), with_axes))
    axes, keepdims = some_axes(data.draw, x.ndim), data.draw(st.booleans())
    check(kind, lambda xp, x: abs(xp.max(x, axis=axes, keepdims=keepdims)), x)
    check(kind, lambda xp, x: abs(xp.min(x, axis=axes, keepdims=keepdims)), x)
    y = data.draw(arrays(data.draw(dtypes)))
    axes = some_axes(data.draw, y.ndim)
    check(kind, lambda xp, y: (xp.all(y, axis=axes), xp.any(y, axis=axes)), y)
    check(kind, lambda xp, y: (xp.all(y, axis=axes, keepdims=True), xp.any(y, axis=axes, keepdims=True)), y)


@kinds
@few
@given(st.data())
def test_moments(kind: str, data: Any) -> None:
    x = data.draw(arrays(data.draw(st.sampled_from(FLOATS)), with_axes, special=False))
    axes, keepdims = some_axes(data.draw, x.ndim), data.draw(st.booleans())
    correction = data.draw(st.sampled_from([0.0, 0.5, 1.0, 2.0, 5.0]))
    check(kind, lambda xp, x: xp.mean(x, axis=axes, keepdims=keepdims), x, rtol=1e-4)
    size = x.size // np.sum(x, axis=axes).size  # how many numbers are averaged
    for name in ("var", "std"):
        if size > correction:
            check(kind, lambda xp, x, n=name: getattr(xp, n)(x, axis=axes, correction=correction), x, rtol=1e-3)
        else:
            found = call(kind, lambda x, n=name: getattr(fnp, n)(x, axis=axes, correction=correction), fg.asarray(x))
            assert np.isnan(np.asarray(found)).all()


@kinds
@few
@given(st.data())
def test_cumulative_sum(kind: str, data: Any) -> None:
    x, axis = data.draw(array_and_axis(NUMERIC, special=False))
    for initial in (False, True):
        check(kind, lambda xp, x, i=initial: xp.cumulative_sum(x, axis=axis, include_initial=i), x, rtol=1e-4)
    if x.ndim == 1:
        check(kind, lambda xp, x: xp.cumulative_sum(x), x, rtol=1e-4)
    check(kind, lambda xp, x: xp.cumulative_sum(xp.abs(x), axis=axis, dtype=xp.float64), np.abs(x), rtol=1e-4)


# ---- the array object --------------------------------------------------------------------------


def test_conversions_to_python_numbers() -> None:
    assert (bool(fnp.asarray(0.0)), bool(fnp.asarray(-0.0)), bool(fnp.asarray(np.nan)), bool(fnp.asarray(1j))) == (
        *(False, False, True, True),
    )
    assert (int(fnp.asarray(-2.7)), float(fnp.asarray(True)), complex(fnp.asarray(2))) == (-2, 1.0, 2 + 0j)
    assert int(fnp.asarray(2**63 + 1, dtype="uint64")) == 2**63 + 1
    assert operator.index(fnp.asarray(3, dtype="uint8")) == 3
    for wrong in (fnp.asarray(1.0), fnp.asarray([1])):
        with pytest.raises(TypeError, match="index"):
            operator.index(wrong)
    with pytest.raises((OverflowError, ValueError)):
        int(fnp.asarray(np.inf))
    with pytest.raises(ValueError, match="ambiguous"):
        bool(fnp.zeros(2))


def test_the_namespace_of_an_array() -> None:
    x = fnp.zeros(2)
    for version in (None, "2021.12", "2022.12", "2023.12", "2024.12"):
        assert x.__array_namespace__(api_version=version) is fnp
    with pytest.raises(ValueError, match=r"2020\.10"):
        x.__array_namespace__(api_version="2020.10")


def test_arrays_do_not_change() -> None:
    x = y = fnp.zeros(2)
    y += 1
    assert (x.tolist(), y.tolist()) == ([0, 0], [1, 1])
    y @= fnp.ones((2, 2))
    assert y.tolist() == [2, 2]
    with pytest.raises(TypeError, match="do not change"):
        x[0] = 1


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
