"""Indexing, rearranging, searching and reductions are array_api_strict's, on arrays and on tracers."""

from __future__ import annotations

import itertools
import operator
from typing import Any

import numpy as np
import pytest
from against_strict import ALL, FLOATS, NUMERIC, REAL, arrays, check, few, quick, strict, with_axes
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


def test_repeat_to_a_known_length() -> None:
    x, counts = fnp.asarray([5.0, 6.0, 7.0]), fnp.asarray([[1, 0, 2], [3, 1, 1], [0, 0, 1]])
    found = fg.vmap(lambda c: fnp.repeat(x, c, total_repeat_length=4))(counts)
    assert found.tolist() == [[5, 7, 7, 7], [5, 5, 5, 6], [7, 7, 7, 7]]
    gradient = fg.grad(lambda x: fnp.repeat(x, counts[1]).sum())(x)
    assert gradient.tolist() == [3, 1, 1]
    for wrong in (fnp.asarray([1, 2]), fnp.asarray([1.0, 2.0, 3.0]), fnp.asarray([1, -1, 2]), -1):
        with pytest.raises(fg.errors.ShapeError, match="repeat"):
            fnp.repeat(x, wrong)
