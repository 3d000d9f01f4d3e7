"""Arranging where the table of uses does not go: objects that are indexed, files, wrong arguments, nothing at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import (
    ArrayIndexError,
    AxisError,
    DtypeError,
    ImmutableArrayError,
    OptionError,
    ShapeError,
)

X = np.arange(12.0).reshape(3, 4)

# ---- grids -------------------------------------------------------------------------------------


def test_grids_are_numpys() -> None:
    for mine, theirs in [(fnp.mgrid, np.mgrid), (fnp.ogrid, np.ogrid)]:
        for key in [np.s_[0:3], np.s_[0:2, 1:4], np.s_[0:1:3j], np.s_[0:2, -1:1:5j], np.s_[0:1:0.25]]:
            found, expected = mine[key], theirs[key]
            parts = zip(found, expected, strict=True) if isinstance(expected, tuple) else [(found, expected)]
            for a, b in parts:
                assert isinstance(a, fg.Array)
                np.testing.assert_allclose(a, b, rtol=1e-6)
    assert fnp.mgrid[0:1:3j].dtype == "float32"
    assert fnp.mgrid[0:3].dtype == "int64"


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_r_and_c_are_numpys() -> None:
    a, b = np.array([1, 2, 3]), np.array([4, 5, 6])
    keys: list[Any] = [
        (a, 0, 0, b),
        (slice(1, 5), 9),
        (slice(0, 1, 3j), 5.0),
        ("0,2", a, b),
        ("1,2", a[:, None], b[:, None]),
        ("0,2,0", a, b),
        ("r", a, b),
        ("c", a, b),
        ("1,2,0", a, b),
        (X, X),
        (slice(None, 3),),
    ]
    for key in keys:
        found, expected = fnp.r_[key], np.asarray(np.r_[key])
        assert isinstance(found, fg.Array)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    for key in [(a, b), (X, X), (X, np.ones((3, 1)))]:
        np.testing.assert_array_equal(fnp.c_[key], np.c_[key])
    with pytest.raises(OptionError, match="directive"):
        fnp.r_["0,1,2,3", a]
    assert fg.grad(lambda x: fnp.r_[x, 2 * x][3])(fnp.ones(2)).tolist() == [0.0, 2.0]


def test_keys_as_values() -> None:
    assert fnp.s_[1:, ::2] == (slice(1, None), slice(None, None, 2))
    assert fnp.index_exp[1] == (1,)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.data(), st.sampled_from("CF"))
def test_flat_indices_and_coordinates_are_inverse(shape: list[int], data: Any, order: str) -> None:
    flat = np.array(data.draw(st.lists(st.integers(0, int(np.prod(shape)) - 1), max_size=5)), "int64")
    coordinates = fnp.unravel_index(flat, shape, order)
    for mine, theirs in zip(coordinates, np.unravel_index(flat, shape, order), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert fnp.ravel_multi_index(coordinates, shape, order=order).tolist() == flat.tolist()


# ---- files -------------------------------------------------------------------------------------


def test_files_are_numpys(tmp_path: Path) -> None:
    fnp.save(tmp_path / "x", fnp.asarray(X))
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), X)
    np.testing.assert_array_equal(fnp.load(tmp_path / "x.npy"), X)
    fnp.savez(os.fspath(tmp_path / "both.npz"), fnp.asarray(X), b=fnp.asarray([1, 2]))
    found = fnp.load(tmp_path / "both.npz")
    assert sorted(found) == ["arr_0", "b"]
    assert found["b"].tolist() == [1, 2]
    np.savez(tmp_path / "theirs.npz", a=X)
    np.testing.assert_array_equal(fnp.load(tmp_path / "theirs.npz")["a"], X)
    assert sorted(os.listdir(tmp_path)) == ["both.npz", "theirs.npz", "x.npy"]


def test_a_failed_save_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.npy"
    fnp.save(path, fnp.asarray(X))
    whole = np.save

    def breaks(out: Any, values: Any, **options: Any) -> None:
        whole(out, values[:1], **options)
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "save", breaks)
    with pytest.raises(OSError, match="no space"):
        fnp.save(path, fnp.zeros(5))
    monkeypatch.undo()
    np.testing.assert_array_equal(fnp.load(path), X)
    assert os.listdir(tmp_path) == ["x.npy"]


def test_files_that_could_run_code_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="allow_pickle"):
        fnp.load(tmp_path / "objects.npy")
    with pytest.raises(OptionError, match="pickle"):
        fnp.load(tmp_path / "objects.npy", allow_pickle=True)


def test_buffers_and_iterators() -> None:
    data = np.array([1, 2, 3], "int16").tobytes()
    assert fnp.frombuffer(data, "int16", count=1, offset=2).tolist() == [2]
    memory = bytearray(data)
    x = fnp.frombuffer(memory, "int16")
    memory[0] = 9
    assert x.tolist() == [1, 2, 3]
    assert fnp.fromiter(iter(range(5)), "float32", count=2).tolist() == [0.0, 1.0]


# ---- text and questions ------------------------------------------------------------------------


def test_text_of_arrays() -> None:
    x = fnp.asarray([1.23456, 0.0])
    assert fnp.array_repr(x) == repr(x)
    assert fnp.array_str(x) == str(x)
    assert fnp.array_repr(x, precision=2) == "Array([1.23, 0.  ], dtype=float32)"
    assert fnp.array_str(x, precision=2) == "[1.23 0.  ]"


def test_questions() -> None:
    assert fnp.isscalar(fnp.asarray(1.0))
    assert not fnp.isscalar(fnp.ones(1))
    assert fnp.iterable(fnp.ones(1))
    assert not fnp.iterable(fnp.asarray(1.0))
    assert fnp.size(X, (0, 1)) == 12
    assert (
        fg.vmap(lambda x: x * fnp.ndim(x) + fnp.size(x) + fnp.shape(x)[0])(fnp.ones((2, 3))).tolist() == [[7] * 3] * 2
    )


# ---- putting and taking out --------------------------------------------------------------------


def test_changed_copies_must_be_asked_for() -> None:
    x = fnp.zeros((2, 2))
    for call in [
        lambda: fnp.fill_diagonal(x, 1.0),
        lambda: fnp.put(x, [0], [1.0]),
        lambda: fnp.place(x, x > 0, [1.0]),
        lambda: fnp.put_along_axis(x, fnp.zeros((2, 1), int), 1.0, 1),
    ]:
        with pytest.raises(ImmutableArrayError, match="inplace=False"):
            call()
    with pytest.raises(ImmutableArrayError, match="out="):
        fnp.choose([0], [x], out=x)  # type: ignore[arg-type]


def test_out_of_range_is_an_error() -> None:
    x = fnp.arange(4.0)
    for call in [
        lambda: fnp.insert(x, 5, 1.0),
        lambda: fnp.delete(x, 4),
        lambda: fnp.delete(x, [0, -5]),
        lambda: fnp.put(x, [4], [1.0], inplace=False),
        lambda: fnp.choose([2], [x, x]),
        lambda: fnp.choose([-1], [x, x]),
        lambda: fnp.unravel_index([6], (2, 3)),
        lambda: fnp.ravel_multi_index(([2], [0]), (2, 3)),
        lambda: fnp.delete(x, [True, False]),
    ]:
        with pytest.raises(ArrayIndexError):
            call()


def test_values_that_do_not_fit_are_an_error() -> None:
    whole = fnp.arange(3)
    for call in [
        lambda: fnp.insert(whole, 1, 2.5),
        lambda: fnp.put(whole, [0], [2.5], inplace=False),
        lambda: fnp.place(whole, whole > 0, [2.5], inplace=False),
        lambda: fnp.insert(whole, 1.0, 2),
    ]:
        with pytest.raises((DtypeError, ArrayIndexError)):
            call()


def test_insert_and_delete_under_transforms() -> None:
    x = fnp.arange(4.0)
    places = fnp.asarray([0, 4, 2])
    assert fg.vmap(lambda i: fnp.insert(x, i, 9.0))(places).tolist() == [
        np.insert(x, i, 9.0).tolist() for i in (0, 4, 2)
    ]
    assert fg.jit(fnp.delete)(x, fnp.asarray(1)).tolist() == [0.0, 2.0, 3.0]
    pairs = fnp.asarray([[0, 1], [2, 2]])  # of the second pair one element goes
    assert fg.vmap(lambda i: fnp.delete(x, i).sum())(pairs).tolist() == [5.0, 4.0]
    assert fg.grad(lambda x: fnp.insert(x, 1, x[0])[1])(x).tolist() == [1.0, 0.0, 0.0, 0.0]


# ---- wrong shapes ------------------------------------------------------------------------------


def test_wrong_arguments() -> None:
    one, two = fnp.ones(3), fnp.ones((2, 3))
    for error, call in [
        (ShapeError, lambda: fnp.vsplit(one, 1)),
        (ShapeError, lambda: fnp.dsplit(two, 1)),
        (ShapeError, lambda: fnp.array_split(one, 0)),
        (ShapeError, lambda: fnp.block([[one], two])),
        (ShapeError, lambda: fnp.block([])),
        (ShapeError, lambda: fnp.fliplr(one)),
        (AxisError, lambda: fnp.rot90(two, axes=(0, 0))),
        (AxisError, lambda: fnp.rollaxis(two, 2)),
        (ShapeError, lambda: fnp.diag(fnp.ones((1, 1, 1)))),
        (ShapeError, lambda: fnp.fill_diagonal(fnp.ones((2, 2, 3)), 1.0, inplace=False)),
        (ShapeError, lambda: fnp.diag_indices_from(two)),
        (ShapeError, lambda: fnp.tril_indices_from(one)),
        (ShapeError, lambda: fnp.ix_(two)),
        (ShapeError, lambda: fnp.vander(two)),
        (OptionError, lambda: fnp.trim_zeros(one, "x")),
        (OptionError, lambda: fnp.packbits([1], bitorder="middle")),
        (DtypeError, lambda: fnp.packbits(one)),
        (DtypeError, lambda: fnp.unpackbits([1])),
        (ShapeError, lambda: fnp.piecewise(one, [one > 0], [1, 2, 3])),
        (ShapeError, lambda: fnp.apply_over_axes(lambda a, axis: a.sum(), two, (0,))),
        (ShapeError, lambda: fnp.place(one, [True], [1.0], inplace=False)),
        (ShapeError, lambda: fnp.place(one, one > 0, [], inplace=False)),
        (ShapeError, lambda: fnp.put_along_axis(two, fnp.asarray([0]), 1.0, 0, inplace=False)),
        (OptionError, lambda: fnp.choose([0], [one], mode="twist")),
    ]:
        with pytest.raises(error):
            call()


def test_pieces_see_their_own_elements_alone() -> None:
    def f(x: Any) -> Any:
        return fnp.piecewise(x, [x > 0], [fnp.log, lambda x: 0 * x])

    with np.errstate(all="raise"):
        assert fg.elementwise_grad(f)(fnp.asarray([2.0, 0.0, -1.0])).tolist() == [0.5, 0.0, 0.0]


# ---- padding -----------------------------------------------------------------------------------

_MODES = ["edge", "reflect", "symmetric", "wrap", "maximum", "minimum", "mean", "median", "linear_ramp", "constant"]


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=2),
    st.sampled_from(_MODES),
    st.sampled_from(["even", "odd"]),
    st.sampled_from(["float64", "int64"]),
    st.data(),
)
def test_padding_is_numpys(shape: list[int], mode: str, kind: str, dtype: str, data: Any) -> None:
    x = np.random.default_rng(0).normal(0, 9, shape).astype(dtype)
    widths = [tuple(data.draw(st.lists(st.integers(0, 9), min_size=2, max_size=2))) for _ in shape]
    options = {"reflect_type": kind} if mode in ("reflect", "symmetric") else {}
    if mode == "reflect" and 1 in shape:
        options = {}  # NumPy says itself that its odd reflection of one element is a mistake
    expected = np.pad(x, widths, mode, **options)  # type: ignore[call-overload]
    found = fnp.pad(x, widths, mode, **options)
    assert found.dtype == x.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_wrong_paddings() -> None:
    x = fnp.ones((2, 3))
    for error, call in [
        (OptionError, lambda: fnp.pad(x, 1, "mirror")),
        (OptionError, lambda: fnp.pad(x, 1, "edge", constant_values=1)),
        (OptionError, lambda: fnp.pad(x, 1, "reflect", reflect_type="strange")),
        (ShapeError, lambda: fnp.pad(x, ((1, 1), (1, 1), (1, 1)))),
        (ShapeError, lambda: fnp.pad(x, -1)),
        (DtypeError, lambda: fnp.pad(x, 1.5)),
        (ShapeError, lambda: fnp.pad(fnp.ones((0, 2)), 1, "edge")),
        (ShapeError, lambda: fnp.pad(x, 1, "mean", stat_length=0)),
        (AxisError, lambda: fnp.pad(x, {2: 1})),
    ]:
        with pytest.raises(error):
            call()


# ---- x.at[...] with modes ----------------------------------------------------------------------


def test_modes_of_indices_out_of_range() -> None:
    x = fnp.asarray([1.0, 2.0, 3.0])
    i = fnp.asarray([0, 5, -1, -9])
    assert x.at[i].get(mode="clip").tolist() == [1.0, 3.0, 3.0, 1.0]
    assert x.at[i].get(mode="fill", fill_value=0.5).tolist() == [1.0, 0.5, 3.0, 0.5]
    assert x.at[i].set(9.0, mode="drop").tolist() == [9.0, 2.0, 9.0]
    assert x.at[i].add(1.0, mode="clip").tolist() == [3.0, 2.0, 5.0]
    assert x.at[i].multiply(2.0, mode="fill").tolist() == [2.0, 2.0, 6.0]
    assert x.at[i].max(2.5, mode="drop").tolist() == [2.5, 2.0, 3.0]
    assert x.at[i].power(2.0, mode="drop").tolist() == [1.0, 2.0, 9.0]
    assert x.at[i].apply(lambda part: -part, mode="drop").tolist() == [-1.0, 2.0, -3.0]
    assert x.at[7].get(mode="clip").tolist() == 3.0
    assert x.at[7].set(0.0, mode="drop").tolist() == [1.0, 2.0, 3.0]
    for mode in (None, "promise_in_bounds"):
        with pytest.raises(ArrayIndexError):
            x.at[i].get(mode=mode)
        with pytest.raises(ArrayIndexError):
            x.at[7].set(0.0, mode=mode)
    with pytest.raises(OptionError, match="mode"):
        x.at[i].get(mode="wrap")
    assert x.at[i[:1]].add(1.0, indices_are_sorted=True, unique_indices=True).tolist() == [2.0, 2.0, 3.0]


def test_what_stands_for_elements_that_are_not_there() -> None:
    def missing(dtype: str) -> Any:
        return fnp.ones(1, dtype=dtype).at[fnp.asarray([3])].get(mode="fill").tolist()[0]

    assert np.isnan(missing("float32"))
    assert np.isnan(missing("complex64"))
    assert missing("int8") == -128
    assert missing("uint8") == 255
    assert missing("bool") is True
    assert fnp.zeros((0, 2)).at[fnp.asarray([1])].get(mode="fill", fill_value=4.0).tolist() == [[4.0, 4.0]]


def test_modes_with_several_indices_differentiate_and_batch() -> None:
    x = fnp.asarray(X)
    rows, columns = fnp.asarray([0, 5, 2]), fnp.asarray([1, 1, -7])

    def f(x: Any, v: Any) -> Any:
        return x.at[rows, columns].add(v, mode="drop")

    v = fnp.asarray([1.0, 2.0, 4.0], dtype="float64")
    assert fg.grad(lambda v: f(x, v).sum())(v).tolist() == [1.0, 0.0, 0.0]
    assert fg.vmap(f, in_axes=(None, 0))(x, fnp.stack([v, 2 * v]))[1, 0, 1] == x[0, 1] + 2
    assert fg.jit(f)(x, v).tolist() == f(x, v).tolist()
    found = x.at[:, fnp.asarray([3, 4])].get(mode="fill", fill_value=-1.0)
    assert found.tolist() == [[3.0, -1.0], [7.0, -1.0], [11.0, -1.0]]


def test_modes_are_jaxs() -> None:
    jnp = pytest.importorskip("jax.numpy", reason="jax is not installed")
    x, i = np.arange(4.0, dtype="float32"), np.array([0, 3, 4, -1, -4, -5, 9])
    for mode in ("clip", "fill", "drop"):
        for method, args in [("get", ()), ("set", (7.0,)), ("add", (7.0,)), ("min", (1.5,)), ("divide", (2.0,))]:
            mine = getattr(fnp.asarray(x).at[i], method)(*args, mode=mode)
            theirs = getattr(jnp.asarray(x).at[i], method)(*args, mode=mode)
            np.testing.assert_allclose(np.asarray(mine), np.asarray(theirs), rtol=1e-6)


def test_numpys_own_functions_take_their_keywords_here() -> None:
    x = fnp.arange(3.0)
    assert fg.grad(lambda x: np.pad(x, 1, mode="linear_ramp", end_values=2.0).sum())(x).tolist() == [1.0, 1.0, 1.0]
    assert fg.grad(lambda x: np.pad(x, 2, mode="reflect", reflect_type="odd")[0])(x).tolist() == [2.0, 0.0, -1.0]
    scaled = fg.jvp(lambda x: np.apply_along_axis(lambda v, q: v * q, 0, x, q=3.0), (x,), (x,))[1]
    assert scaled.tolist() == [0.0, 3.0, 6.0]
    for function in (np.sort, np.unique, lambda x: np.insert(x, 1, 5.0), lambda x: np.rot90(x[None])):
        assert isinstance(function(x), fg.Array)
