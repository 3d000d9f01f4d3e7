"""NumPy's functions on our arrays: ours where there is one of that name, else theirs on the values."""

from __future__ import annotations

import io
import logging
import math
import operator
import statistics
import sys
import warnings
from typing import Any
from unittest.mock import Mock, patch

import numpy as np
import pytest
from scipy import special

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import (
    DtypeError,
    ImmutableArrayError,
    LostDerivativeWarning,
    OptionError,
    ShapeError,
    TracedConversionError,
)
from funcgrad.numpy import dispatch
from funcgrad.testing import check_grads


def test_functions_that_both_have_are_ours_and_differentiate() -> None:
    x = fg.asarray([1.0, 2.0])
    for f in (np.sin, np.sum, lambda v: np.concatenate([v, v]), lambda v: np.where(v > 1, v, 0.0)):
        assert isinstance(f(x), fg.Array)
    assert float(fg.grad(lambda v: np.sum(np.exp(v)))(x)[0]) == pytest.approx(np.e)


def test_functions_that_only_numpy_has_see_the_values() -> None:
    b = fg.asarray([0.2, 0.4])
    assert isinstance(np.real_if_close(b), np.ndarray)
    assert np.real_if_close(b).tolist() == b.tolist()
    np.testing.assert_allclose(special.ellipk(b), special.ellipk(b.tolist()), rtol=1e-6)


def test_a_value_under_a_transform_is_refused_there() -> None:
    x = fg.asarray([[2.0, 1.0], [0.0, 1.0]])
    for f in (np.real_if_close, lambda v: special.ellipk(v).sum()):
        for transformed in (fg.grad(f), fg.vmap(f)):
            with pytest.raises(TracedConversionError, match=r"funcgrad\.numpy has no .*pure_callback"):
                transformed(x)


def test_a_namesake_in_a_submodule_is_not_ours() -> None:
    """np.linalg.trace sums over the last two axes, np.trace and fnp.trace over the first two."""
    x = np.arange(12.0).reshape(3, 2, 2)
    assert np.linalg.trace(fg.asarray(x)).tolist() == np.linalg.trace(x).tolist()


def test_numpy_arrays_take_our_results_in_place() -> None:
    total = np.zeros(2)
    total += fg.asarray([1.0, 2.0])
    assert total.tolist() == [1.0, 2.0]


# ---- ufuncs: methods and keywords --------------------------------------------------------------

A = np.arange(1.0, 7.0).reshape(2, 3) / 4
B = np.array([[1.5, -2.0, 0.5], [3.0, 0.25, -1.0]])
M = np.array([[True, False, True], [True, True, False]])


def same(ours: Any, numpys: Any) -> None:
    """An array of ours with NumPy's values, shape and dtype; or several."""
    several = isinstance(numpys, tuple)
    for x, y in zip(ours if several else (ours,), numpys if several else (numpys,), strict=True):
        assert isinstance(x, fg.Array)
        np.testing.assert_allclose(np.asarray(x), y, rtol=1e-12)
        assert (x.shape, x.dtype) == (np.shape(y), y.dtype)


METHODS: dict[str, Any] = {
    "reduce": lambda x: np.add.reduce(x),
    "reduce by place": lambda x: np.add.reduce(x, 1, None, None, True),
    "reduce over all": lambda x: np.multiply.reduce(x, axis=None),
    "reduce over two": lambda x: np.add.reduce(x, axis=(0, 1), keepdims=True),
    "reduce where": lambda x: np.multiply.reduce(x, axis=1, where=M),
    "reduce initial": lambda x: np.add.reduce(x, initial=4.0),
    "maximum": lambda x: np.maximum.reduce(x, axis=1, where=M, initial=-9.0),
    "minimum": lambda x: np.minimum.reduce(x, axis=1, keepdims=True),
    "subtract": lambda x: np.subtract.reduce(x, axis=1),
    "hypot": lambda x: np.hypot.reduce(x, axis=1),
    "logaddexp": lambda x: np.logaddexp.reduce(x, axis=1),
    "accumulate": lambda x: np.add.accumulate(x),
    "accumulate products": lambda x: np.multiply.accumulate(x, axis=1),
    "accumulate maxima": lambda x: np.maximum.accumulate(x, axis=1),
    "accumulate in order": lambda x: np.subtract.accumulate(x, axis=1),
    "outer": lambda x: np.multiply.outer(x, x[0]),
    "reduceat": lambda x: np.add.reduceat(x, [0, 2, 1], axis=1),
    "where": lambda x: np.exp(x, where=M, out=np.zeros((2, 3)) if isinstance(x, np.ndarray) else None),
    "dtype": lambda x: np.multiply(x, x, dtype=np.float64),
    "divmod": lambda x: np.divmod(x, 0.7),
}


@pytest.mark.parametrize("f", METHODS.values(), ids=METHODS)
def test_methods_and_keywords_of_ufuncs(f: Any) -> None:
    same(f(fg.asarray(B)), f(B))

    def loss(x: Any) -> Any:
        out = f(x)
        return sum(fnp.sum(part * (1 + part)) for part in (out if isinstance(out, tuple) else (out,)))

    check_grads(loss, (B,), order=2)
    column = fg.vmap(f)(np.stack([A, B]))
    for k, x in enumerate((A, B)):
        found = tuple(part[k] for part in column) if isinstance(column, tuple) else column[k]
        same(found, f(x))


@pytest.mark.parametrize("ufunc", [np.logical_and, np.logical_or, np.logical_xor, np.bitwise_or])
def test_reductions_of_truths(ufunc: Any) -> None:
    for axis in (0, 1):
        same(ufunc.reduce(fg.asarray(M), axis=axis), ufunc.reduce(M, axis=axis))
        same(ufunc.accumulate(fg.asarray(M), axis=axis), ufunc.accumulate(M, axis=axis))


def test_reductions_of_integers_and_of_nothing() -> None:
    n = np.array([3, 5, 6], dtype=np.int8)
    for f in (np.add.reduce, np.multiply.reduce, np.bitwise_and.reduce, np.add.accumulate, np.maximum.reduce):
        same(f(fg.asarray(n)), f(n))
    empty = np.zeros((0, 2))
    for f in (np.add.reduce, np.hypot.reduce, lambda x: np.maximum.reduce(x, initial=1.0), np.subtract.accumulate):
        same(f(fg.asarray(empty)), f(empty))
    for f in (np.subtract.reduce, np.maximum.reduce):
        with pytest.raises(ShapeError):
            f(fg.asarray(empty))
    with pytest.raises(OptionError, match=r"np.maximum.reduce: with where= say initial="):
        np.maximum.reduce(fg.asarray(A), where=M)


def test_elements_that_are_left_out_have_no_derivative() -> None:
    x = np.array([0.0, 4.0])
    for f, slope in ((np.log, 0.25), (np.sqrt, 0.25), (lambda v, where: np.divide(1.0, v, where=where), -1 / 16)):
        assert fg.grad(lambda v, f=f: f(v, where=x > 0).sum())(x).tolist() == [0.0, slope]
    assert fg.grad(lambda v: np.arcsin(v, where=x < 1).sum())(x).tolist() == [1.0, 0.0]


def test_results_go_to_arrays_of_numpys_but_not_to_ours() -> None:
    x, out = fg.asarray(A), np.zeros((2, 3))
    assert np.exp(x, out=out) is out
    np.testing.assert_allclose(out, np.exp(A))
    assert np.sum(x, axis=0, out=out[0]).tolist() == A.sum(0).tolist() == out[0].tolist()
    np.negative(x, out=out, where=M)
    assert (out < 0).tolist() == M.tolist()
    assert np.divmod(x, 1.0, out=(out, None))[1].tolist() == (A % 1.0).tolist()
    assert np.add.reduce(x, axis=0, out=out[1]).tolist() == A.sum(0).tolist()
    with pytest.raises(TypeError, match="same_kind"):
        np.exp(x, out=np.zeros((2, 3), int))
    for f in (lambda: np.exp(A, out=x), lambda: np.sum(x, axis=0, out=x[0]), lambda: np.spacing(A, out=x)):
        with pytest.raises(ImmutableArrayError, match=r"write `x = np\.\w+\(\.\.\.\)` without out="):
            f()


def test_dtypes_of_ufuncs() -> None:
    x = fg.asarray(A)
    same(np.sin(x, dtype=np.float32), np.sin(A, dtype=np.float32).astype(np.float32))
    same(np.add(fg.asarray([1, 2]), 1, dtype=np.float64), np.array([2.0, 3.0]))
    same(np.less(x, 1, dtype=bool), A < 1)
    with pytest.raises(DtypeError, match="casting='unsafe'"):
        np.add(x, 1, dtype=np.int64)
    same(np.add(x, 1, dtype=np.int64, casting="unsafe"), A.astype(int) + 1)


def test_keywords_of_products_are_taken_and_others_refused() -> None:
    x = fg.asarray(A)
    same(np.vecdot(x, x, axis=0), np.vecdot(A, A, axis=0))
    swapped = [(0, 1), (1, 0), (0, 1)]
    np.testing.assert_allclose(np.matmul(x, x, axes=swapped), np.matmul(A, A, axes=swapped))
    with pytest.raises(TracedConversionError, match=r"np\.matmul of a value under grad .*: call it without axes"):
        fg.grad(lambda v: np.matmul(v, v, axes=swapped).sum())(A)


@pytest.mark.parametrize(
    ("f", "line"),
    [
        (lambda x: np.add.at(x, 0, 1.0), "x = x.at[i].add(v)"),
        (lambda x: np.maximum.at(x, 0, 1.0), "x = x.at[i].max(v)"),
        (lambda x: np.copyto(x, 1.0), "x = x.at[...].set(values)"),
        (lambda x: np.copyto(dst=x, src=1.0), "x = x.at[...].set(values)"),
        (lambda x: np.fill_diagonal(x, 1.0), "x = x.at[i, i].set(values)"),
        (lambda x: np.place(x, M, 1.0), "np.where(mask, values, x)"),
        (lambda x: np.putmask(x, M, 1.0), "np.where(mask, values, x)"),
        (lambda x: np.put(x, [0], 1.0), ".at[indices].set(values)"),
        (lambda x: np.put_along_axis(x, np.zeros((2, 1), int), 1.0, 1), ".at[indices].set(values)"),
    ],
)
def test_functions_that_change_an_array_say_what_to_write(f: Any, line: str) -> None:
    for transform in (lambda g: g, fg.grad, fg.vmap):
        with pytest.raises(ImmutableArrayError) as caught:
            transform(f)(fg.asarray(A) if transform is not fg.vmap else fg.asarray(np.stack([A, B])))
        assert line in caught.value.message


def test_in_place_functions_of_numpys_arrays_take_our_values() -> None:
    out = np.zeros(3)
    np.copyto(out, fg.asarray([1.0, 2.0, 3.0]))
    np.add.at(out, fg.asarray([0, 0]), fg.asarray([1.0, 2.0]))
    assert out.tolist() == [4.0, 2.0, 3.0]


# ---- operators and creation --------------------------------------------------------------------


def test_numpy_on_the_left_gives_ours() -> None:
    x = fg.asarray(A)
    for left in (B, np.float64(2), np.int64(3), B[0]):
        for f in (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.lt, operator.eq):
            same(f(np.abs(left), x), f(np.abs(left), A))
        assert fg.grad(lambda v, left=left: (left * v).sum())(A).tolist() == (left * np.ones((2, 3))).tolist()
    same(B @ x.T, B @ A.T)


def test_creation_functions_like_an_array_make_ours() -> None:
    x = fg.asarray(A)
    for made, value in (
        (np.asarray([1, 2], like=x), np.asarray([1, 2])),
        (np.array([1.0, 2.0], dtype=np.float64, like=x), np.asarray([1.0, 2.0])),
        (np.zeros((2, 2), dtype=np.float64, like=x), np.zeros((2, 2))),
        (np.ones(3, dtype=np.int64, order="C", like=x), np.ones(3, int)),
        (np.full((2,), 7, like=x), np.full((2,), 7)),
        (np.empty((2, 1), np.float64, like=x), np.zeros((2, 1))),
        (np.arange(4, like=x), np.arange(4)),
        (np.arange(1, 8, 3, like=x), np.arange(1, 8, 3)),
        (np.eye(3, 3, 1, dtype=np.float64, like=x), np.eye(3, 3, 1)),
        (np.identity(2, dtype=np.float64, like=x), np.identity(2)),
        (np.zeros_like(x), np.zeros_like(A)),
        (np.ones_like(x, dtype=np.int64), np.ones_like(A, dtype=np.int64)),
        (np.full_like(x, 2.0, order="K"), np.full_like(A, 2.0)),
        (np.empty_like(x), np.zeros_like(A)),
    ):
        same(made, value)


def test_shapes_are_known_of_values_under_a_transform() -> None:
    assert fg.grad(lambda x: np.sum(x) * np.ndim(x) * np.size(x) * np.shape(x)[1] * np.size(x, 0))(A)[0, 0] == 72


def test_numpys_keywords_and_places_are_taken() -> None:
    x = fg.asarray(B)
    for f in (
        lambda v: np.sum(a=v, axis=0),
        lambda v: np.sum(v, 0, None, None, True),
        lambda v: np.max(v, 0, None),
        lambda v: np.clip(v, a_min=0.0, a_max=1.0),
        lambda v: np.clip(v, 0.0, 1.0, out=None),
        lambda v: np.concatenate((v, v), 1, None),
        lambda v: np.ravel(v, order="C"),
        lambda v: np.transpose(v, axes=(1, 0)),
    ):
        same(f(x), f(B))


# ---- files ---------------------------------------------------------------------------


def test_parameters_are_saved_by_numpy() -> None:
    params = {"w": fnp.ones((2, 3)), "b": fnp.zeros(3)}
    file = io.BytesIO()
    np.savez(file, **params)
    file.seek(0)
    loaded = np.load(file)
    assert {name: loaded[name].tolist() for name in loaded.files} == {k: v.tolist() for k, v in params.items()}


# ---- values that are being differentiated, as Python numbers -----------------------------------


def conversions() -> dict[str, Any]:
    return {
        "float": lambda x: x * float(x),
        "complex": lambda x: x * complex(x).real,
        "item": lambda x: x * x.item(),
        "tolist": lambda x: x * x.tolist(),
        "math": lambda x: x * math.sin(x),
        "a library of Python": lambda x: x * statistics.fmean([x, x]),
    }


@pytest.mark.parametrize("name", conversions())
def test_a_conversion_that_cuts_the_derivative_warns_with_the_line(name: str) -> None:
    f = conversions()[name]
    for transform in (fg.grad, lambda g: lambda x: fg.jvp(g, (x,), (1.0,)), lambda g: fg.jit(fg.grad(g)), fg.hessian):
        with pytest.warns(LostDerivativeWarning) as caught:
            transform(f)(0.5)
        (first, *_) = caught
        assert (first.filename, first.lineno) == (__file__, f.__code__.co_firstlineno)
        assert "fg.stop_gradient(x)" in str(first.message)
        assert f"{__file__}:{f.__code__.co_firstlineno}\n" in str(first.message)
    with pytest.warns(LostDerivativeWarning):
        fg.vmap(fg.grad(f))(fg.asarray([0.5, 0.5]))
    with pytest.warns(LostDerivativeWarning):
        fg.grad(lambda xs: fg.vmap(f)(xs).sum())(fg.asarray([0.5, 0.5]))


def test_a_line_warns_once() -> None:
    def loss(x: Any) -> Any:
        total = x * 0.0
        for _ in range(3):
            total = total + x * float(x)
        return total

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            fg.grad(loss)(2.0)
    assert len(caught) == 1


def shown(x: Any) -> str:
    """Text of a value in every way that Python has."""
    logging.getLogger("test").warning("%f", x)
    return f"{x} {x:.3f} {x!r} " + "%.2f %s %d" % (x, x, x) + "{:.1e}".format(x) + str(x) + format(x, ".2f")  # noqa: UP031, UP032


def test_what_python_decides_or_shows_is_quiet() -> None:
    def f(x: Any, n: Any) -> Any:
        assert shown(x)
        if x > 0 and not x < 0 and x:
            x = x * int(x)
        x = x + round(x) + round(x, 1) + math.floor(x) + math.ceil(x) + math.trunc(x)
        steps = list(range(int(n))) + [0.5, 1.5][int(n) - 2 :]
        x = x * len(steps) + max(x, x / 2) + min([x, x * 2]) + sorted([x, x * 2], key=int)[0]
        return x + float(n) + float(fg.stop_gradient(x)) + fg.stop_gradient(x).item() + math.sqrt(n)

    for transform in (fg.grad, lambda g: lambda *args: fg.jvp(g, args, (1.0, None)), lambda g: fg.jit(fg.grad(g))):
        transform(f)(2.7, fg.asarray(2))
    fg.jit(lambda x: x * float(x))(2.0)  # no derivative is asked for
    fg.vmap(lambda x: x * float(x))(fg.asarray([2.0]))
    float(fg.asarray(2.0))


def assigned(x: Any) -> Any:
    out = np.zeros((2, *x.shape))
    out[0] = x
    return out.sum()


@pytest.mark.parametrize("x", [2.0, A[0]], ids=["number", "row"])
def test_assigning_to_numpys_arrays_is_refused(x: Any) -> None:
    for transform in (fg.grad, lambda g: lambda x: fg.jvp(g, (x,), (x,)), lambda g: fg.jit(fg.grad(g))):
        with pytest.raises((TracedConversionError, ValueError)) as caught:
            transform(assigned)(x)
        error = caught.value.__cause__ if type(caught.value) is ValueError else caught.value  # NumPy's, around ours
        assert isinstance(error, TracedConversionError)
        assert "fg.mutable(array)" in error.message


# ---- the price ---------------------------------------------------------------------------------


def test_nothing_is_imported_or_copied_on_the_way() -> None:
    x, read_only = fg.asarray(A), np.arange(3.0)
    read_only.flags.writeable = False
    calls = [
        lambda: np.sin(x),
        lambda: np.add(x, x),
        lambda: np.sum(x, axis=0),
        lambda: np.linalg.norm(x),
        lambda: np.zeros(3, like=x),
        lambda: B * x,
        lambda: fnp.zeros(3),
    ]
    for f in calls:
        f()
    before, finder = set(sys.modules), Mock(find_spec=Mock(return_value=None))
    with patch.object(sys, "meta_path", [finder, *sys.meta_path]), patch("importlib.import_module") as imported:
        for f in calls:
            f()
    assert set(sys.modules) == before
    assert not finder.find_spec.called
    assert not imported.called
    for made in (fg.asarray(read_only), fnp.asarray(read_only), np.asarray(read_only, like=x)):
        assert np.shares_memory(np.asarray(made), read_only)
    assert fnp.asarray(x) is x
    assert np.asarray(x, like=x) is x
    assert np.shares_memory(np.asarray(x), x._data)


def test_functions_are_found_once() -> None:
    x = fg.asarray(A)
    np.cbrt(x)
    with patch.object(dispatch, "_find", side_effect=AssertionError):
        np.cbrt(x)
        np.linalg.norm(np.cbrt(x))


def test_every_function_of_ours_answers_to_its_name_in_numpy() -> None:
    for ours, theirs in ((fnp, np), (fnp.linalg, np.linalg), (fnp.fft, np.fft)):
        for name in ours.__all__:
            function = getattr(theirs, name, None)
            dispatched = isinstance(function, np.ufunc) or hasattr(function, "_implementation")
            if dispatched and function not in dispatch.IN_PLACE:
                found = dispatch.OURS[function]
                assert found is not None, name
                assert found.call in {getattr(ours, other, None) for other in ours.__all__}, name
