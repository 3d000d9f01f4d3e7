"""What an array is: immutable, with NumPy's dtypes and protocols, its methods the functions of the namespace."""

from __future__ import annotations

import ast
import copy
import inspect
import math
import pickle
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad import array_methods, config, dtypes, errors


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).uniform(-2, 2, shape)


def assert_same(found: Any, expected: Any) -> None:
    expected = np.asarray(expected)
    assert isinstance(found, fg.Array)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-13)


# ---- the array and its methods -----------------------------------------------------------------


def test_array_methods_lists_what_hangs_on_the_class() -> None:
    tree = ast.parse(inspect.getsource(array_methods))
    (stub,) = [c for n in tree.body if isinstance(n, ast.If) for c in n.body if isinstance(c, ast.ClassDef)]
    declared = {n.name for n in stub.body if isinstance(n, ast.FunctionDef)}
    declared |= {n.target.id for n in stub.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
    own = ast.parse(inspect.getsource(inspect.getmodule(fg.Array)))
    (array,) = [n for n in own.body if isinstance(n, ast.ClassDef) and n.name == "Array"]
    written = {n.name for n in array.body if isinstance(n, ast.FunctionDef)}
    written |= {n.target.id for n in array.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
    automatic = {"__module__", "__doc__", "__slots__", "__annotations__", "__hash__", *fg.Array.__slots__}
    assert declared == set(vars(fg.Array)) - written - automatic


def test_methods_take_the_arguments_that_are_declared() -> None:
    x = numbers(2, 3)
    a = fg.asarray(x)
    for method, args in [
        *[(m, ()) for m in ("sum", "prod", "max", "min", "mean", "var", "std", "argmax", "argmin", "cumsum", "ravel")],
        *[(m, (1,)) for m in ("sum", "prod", "max", "min", "mean", "argmax", "argmin", "cumsum")],
        *[("flatten", ()), ("transpose", (1, 0)), ("swapaxes", (0, 1)), ("squeeze", ()), ("repeat", (2, 1))],
        *[("take", (np.array([1, 0]), 1)), ("clip", (0, 1)), ("round", (1,)), ("dot", (x.T,)), ("conj", ())],
    ]:
        assert_same(getattr(a, method)(*args), getattr(x, method)(*args))
    assert_same(a.any(0), (x != 0).any(0))
    assert_same(a.all(), (x != 0).all())
    assert_same(a.nonzero()[0], x.nonzero()[0])
    assert a.astype("int32").dtype == "int32"
    assert_same(a.to_device("cpu"), x)
    assert_same(a.mT, x.mT)
    assert len(a) == 2
    assert [row.tolist() for row in a] == x.tolist()


@pytest.mark.parametrize("transform", ["none", "grad", "vmap"])
def test_round_and_divmod_are_those_of_python(transform: str) -> None:
    def f(x: Any) -> Any:
        quotient, rest = divmod(x, 2.0)
        other, left = divmod(7.0, x)
        np_quotient, np_rest = np.divmod(x, 2.0)
        return round(x) + 10 * round(x, 1) + quotient * rest + other * left + np_quotient * np_rest

    values = [1.26, 2.5, -3.75]
    expected = [round(x) + 10 * round(x, 1) + 2 * math.prod(divmod(x, 2.0)) + math.prod(divmod(7.0, x)) for x in values]
    x = fg.asarray(np.array(values))
    if transform == "vmap":
        found = fg.vmap(f)(x)
    elif transform == "none":
        found = f(x)
    else:
        found, slopes = fg.jvp(f, (x,), (fnp.ones(3),))
        np.testing.assert_allclose(slopes, [2 * (v // 2) - (7 // v) ** 2 for v in values], rtol=1e-12)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert round(fnp.asarray(2.5)).dtype == np.float32
    assert [part.tolist() for part in divmod(fnp.asarray([7, -7]), 2)] == [[3, -4], [1, 1]]


# ---- which dtype -------------------------------------------------------------------------------

_MEET = [  # two arrays of these dtypes meet in the third
    ("bool", "bool", "bool"),
    ("bool", "uint8", "uint8"),
    ("bool", "float16", "float16"),
    ("int8", "int16", "int16"),
    ("int8", "uint8", "int16"),
    ("int32", "uint32", "int64"),
    ("int64", "uint64", "float32"),  # no integer holds both: the default float
    ("int64", "float16", "float16"),  # NumPy says float64
    ("int64", "float32", "float32"),  # NumPy says float64
    ("uint64", "float32", "float32"),
    ("int64", "float64", "float64"),
    ("int64", "complex64", "complex64"),
    ("float16", "float32", "float32"),
    ("float32", "float64", "float64"),
    ("float32", "complex64", "complex64"),
    ("float64", "complex64", "complex128"),
    ("complex64", "complex128", "complex128"),
]


@pytest.mark.parametrize(("a", "b", "expected"), _MEET)
def test_two_dtypes_meet(a: str, b: str, expected: str) -> None:
    for first, second in [(a, b), (b, a)]:
        x, y = fnp.ones(2, first), fnp.ones(2, second)
        assert fnp.promote_types(first, second) == expected
        assert (x * y).dtype == expected
        assert fnp.maximum(x, y).dtype == expected
        assert fnp.where(fnp.asarray([True, False]), x, y).dtype == expected
        assert fnp.concat([x, y]).dtype == expected
        assert fnp.multiply(x, np.ones(2, second)).dtype == expected
        assert (x[None] @ y).dtype == expected


def test_arrays_of_one_kind_meet_as_in_numpy() -> None:
    for kinds in ["?", "bhilBHIL", "efd", "FD"]:
        for a in kinds:
            for b in kinds:
                if {a, b} != {"L", "l"} and not ("L" in (a, b) and {a, b} & set("bhi")):  # uint64 with a signed one
                    assert dtypes.promote_types(a, b) == np.promote_types(a, b)


@pytest.mark.parametrize(
    ("dtype", "scalar", "expected"),
    [
        ("float16", 2.5, "float16"),
        ("float32", 2, "float32"),
        ("float32", True, "float32"),
        ("float64", 2.5, "float64"),
        ("int8", 2, "int8"),
        ("int64", 2.5, "float32"),
        ("int8", 1j, "complex64"),
        ("float32", 1j, "complex64"),
        ("float64", 1j, "complex128"),
        ("bool", 2, "int64"),
        ("bool", 2.5, "float32"),
        ("complex64", 2.5, "complex64"),
        ("uint8", np.float64(2.5), "float64"),  # a NumPy scalar is no Python number: it has a dtype
        ("float32", np.float64(2.5), "float64"),
    ],
)
def test_python_scalars_are_weak(dtype: str, scalar: Any, expected: str) -> None:
    x = fnp.ones(3, dtype)
    for found in (x * scalar, scalar * x, fnp.add(x, scalar), fnp.where(x == 1, x, scalar)):
        assert found.dtype == expected
    if expected[0] in "fc":
        assert (x / scalar).dtype == expected


_TRUTHS = np.array([True, False, True])


@pytest.mark.parametrize(
    "name", ["floor_divide", "remainder", "power", "bitwise_left_shift", "bitwise_right_shift", "multiply", "maximum"]
)
def test_two_booleans_meet_as_in_numpy(name: str) -> None:
    ours, numpys = getattr(fnp, name), getattr(np, name)
    x, y = fnp.asarray(_TRUTHS), np.ones(3, bool)
    for found in (ours(x, y), ours(_TRUTHS, fnp.asarray(y)), ours(x, True), fg.vmap(ours)(x, y)):
        assert found.dtype == numpys(_TRUTHS, y).dtype
        np.testing.assert_array_equal(found, numpys(_TRUTHS, y))
    assert ours(True, True).dtype == numpys(True, True).dtype


def test_a_boolean_is_a_number_beside_numbers() -> None:
    x = fnp.asarray(_TRUTHS)
    for found in (x**2, x**3, 2**x, x // 1, x % 2, x << 1, 1 - x, x - 1, fnp.arange(3) - x):
        assert found.dtype == "int64"
    assert (x - 0.5).dtype == (0.5 - x).dtype == "float32"
    assert (x**2).tolist() == [1, 0, 1]
    assert fnp.square(x).dtype == np.square(_TRUTHS).dtype == "int8"
    assert fnp.square(True).dtype == "int8"
    assert fnp.round(x).dtype == fnp.round(x, 2).dtype == "bool"  # NumPy's is float16


def test_booleans_have_no_sign_and_no_difference() -> None:
    x = fnp.asarray(_TRUTHS)
    calls = [lambda: -x, lambda: x - x, lambda: x - True, lambda: True - x, lambda: x - _TRUTHS, lambda: fnp.sign(x)]
    calls += [lambda: fnp.negative(True), lambda: fnp.subtract(True, False), lambda: x.at[0].subtract(True)]
    calls += [lambda: fg.vmap(lambda a: -a)(x), lambda: fg.grad(lambda v: (v * -(v > 0)).sum())(fnp.ones(2))]
    for call in calls:
        with pytest.raises(errors.DtypeError, match=r"bool\[.*\] holds truth values.*x\.astype\('int64'\) for numbers"):
            call()


def test_a_complex_number_is_true_unless_both_parts_are_zero() -> None:
    x = fnp.asarray([1j, 0, 2])
    assert x.astype(bool).tolist() == [True, False, True]
    assert fnp.where(x, 1, 2).tolist() == [1, 2, 1]
    assert fnp.logical_and(x, True).tolist() == [True, False, True]
    assert int(fnp.count_nonzero(x)) == 2
    assert bool(fnp.any(x[:1]))
    assert not bool(fnp.all(x))
    assert x.astype("int64").tolist() == [0, 0, 2]


def test_clip_takes_bounds_beyond_the_dtype() -> None:
    x = fnp.asarray([0, 100, 255], "uint8")
    for bounds in ((-1, 1), (5, 1000), (-1, 256), (None, 300), (-7, None)):
        assert fnp.clip(x, *bounds).dtype == "uint8"
        np.testing.assert_array_equal(fnp.clip(x, *bounds), np.clip(np.asarray(x), *bounds))


def test_python_numbers_keep_their_digits_beside_float64() -> None:
    """By way of the default float32, 0.1 would be 0.10000000149."""
    x, one = fnp.zeros(2, "float64"), fnp.ones((), "float64")
    for found in (
        *(fnp.asarray([0.1], "float64"), fnp.asarray(0.1, "float64"), fnp.array([[0.1]], dtype="float64")),
        *(fnp.full(2, 0.1, "float64"), fnp.full_like(x, 0.1), fnp.linspace(0.1, 0.1, 2, dtype="float64")),
        *(x.at[:].set(0.1), x.at[:].add([0.1, 0.1]), x.at[fnp.asarray([0, 1])].max(0.1), x.at[:].apply(lambda a: 0.1)),
        *(fnp.pad(x[:0], (1, 0), constant_values=0.1), fnp.stack([x[0], 0.1])[1:], fnp.asarray([x[0], 0.1])[1:]),
        *(0.1**one, fnp.power(0.1, one), one * 0.1, fnp.maximum(0.1, x), fnp.where(x > 1, x, 0.1), fnp.clip(0.1, x)),
        *(fnp.dot(0.1, one), fnp.inner(x + 1, 0.1), fnp.outer(0.1, x + 1), fnp.tensordot(0.1, x + 1, 0)),
        *(fnp.einsum(",i->i", 0.1, x + 1), fg.vmap(lambda a: a.at[()].set(0.1))(x)),
        *(fg.jvp(lambda v: v * 1, (one,), (0.1,))[1], *fg.vjp(lambda v: v * 1, one)[1](0.1)),
        F.binary_cross_entropy_with_logits(x[:1], 1.0, pos_weight=0.1) / np.log(2),
        F.binary_cross_entropy_with_logits(x[:1], 1.0, weight=0.1) / np.log(2),
    ):
        assert found.dtype == "float64"
        np.testing.assert_allclose(found, 0.1, rtol=1e-15)
    assert fnp.asarray([0.1j], "complex128").tolist() == [0.1j]
    assert fnp.asarray([16777217.0], "int64").tolist() == [16777217]
    assert fnp.asarray(1e300, "float64").item() == 1e300
    assert fnp.array_equal(one * 0.1, 0.1)
    assert fnp.allclose(x + 0.1, 0.1, rtol=0, atol=1e-15)


def test_whole_numbers_out_of_a_dtypes_range_are_refused() -> None:
    x = fnp.zeros(2, "uint8")
    calls = [
        lambda: fnp.asarray(300, "uint8"),
        lambda: fnp.asarray([1, -1], "uint8"),
        lambda: fnp.full(2, 256, "uint8"),
    ]
    calls += [lambda: x.at[0].set(300), lambda: fnp.full((), -1, "uint64"), lambda: fnp.pad(x, 1, constant_values=-1)]
    for call in calls:
        with pytest.raises(errors.DtypeError, match=r"is out of the range of uint\d+, 0 to \d+"):
            call()
    assert fnp.asarray([0, 255], "uint8").tolist() == [0, 255]
    assert fnp.asarray(-(2**63), "int64").item() == -(2**63)


def test_allclose_and_array_equal_take_booleans_and_numbers() -> None:
    x = fnp.asarray(_TRUTHS)
    assert fnp.allclose(x, _TRUTHS)
    assert not fnp.allclose(x, ~x)
    assert fnp.array_equal(1, 1.0)
    assert fnp.allclose(1, 1.0)


def test_two_python_scalars_meet_without_an_array() -> None:
    assert fnp.add(1, 2).dtype == "int64"
    assert fnp.add(1, 2.5).dtype == "float32"
    assert fnp.add(1.5, 2).dtype == "float32"
    assert fnp.multiply(True, 2).dtype == "int64"
    assert fnp.add(1, 2j).dtype == "complex64"


def test_floats_without_a_dtype_are_of_the_default_one() -> None:
    made = [lambda: fnp.asarray(1.5), lambda: fnp.ones(2), lambda: fnp.linspace(0, 1, 3), lambda: fnp.arange(0.5)]
    made += [lambda: fnp.sqrt(fnp.arange(3)), lambda: fnp.arange(3) / 2, lambda: fnp.mean(fnp.arange(3))]
    made += [lambda: fnp.asarray([1, 2.5]), lambda: fnp.eye(2), lambda: fnp.astype(fnp.arange(3), float)]
    assert {f().dtype.name for f in made} == {"float32"}
    assert fnp.asarray(1j).dtype == "complex64"
    with config.default_dtype("float64"):
        assert {f().dtype.name for f in made} == {"float64"}
        assert fnp.asarray(1j).dtype == "complex128"
    assert {f().dtype.name for f in made} == {"float32"}
    with pytest.raises(TypeError, match="real floating"):
        config.default_dtype("int32")


def test_float64_given_is_float64_kept() -> None:
    x = fg.asarray(numbers(3))
    results = [x, x + 1, x * 2.5, fnp.exp(x), fnp.sum(x), fnp.mean(x), x @ x, fnp.var(x)]
    assert {y.dtype.name for y in results} == {"float64"}
    assert fg.grad(lambda x: fnp.sum(fnp.tanh(x) ** 2))(x).dtype == "float64"
    assert fg.asarray(np.float64(1.0)).dtype == "float64"


def test_what_is_no_array_is_refused() -> None:
    for value in ["abc", None, {"a": 1}, object(), [1, "a"], [[1], [1, 2]], np.array(["a"]), np.array([object()])]:
        with pytest.raises(fg.errors.DtypeError):
            fg.asarray(value)


# ---- immutability ------------------------------------------------------------------------------


def test_a_writable_array_is_copied_on_the_way_in() -> None:
    x = np.ones(3)
    for given in (x, x[::-1], x.reshape(1, 3)):
        held = fg.asarray(given)
        x[:] = 5
        assert held.ravel().tolist() == [1, 1, 1]
        x[:] = 1
    view = x.view()
    view.flags.writeable = False
    held = fg.asarray(view)  # nobody can write through the view, but through its base
    x[:] = 5
    assert held.tolist() == [1, 1, 1]


def test_a_read_only_array_is_shared() -> None:
    x = np.ones(3)
    x.flags.writeable = False
    assert np.shares_memory(np.asarray(fg.asarray(x)), x)
    y = np.ones(3)
    assert np.shares_memory(np.asarray(fg.asarray(y, copy=False)), y)
    assert not np.shares_memory(np.asarray(fg.asarray(x, copy=True)), x)


def test_what_goes_out_is_read_only() -> None:
    x = fnp.ones(3) * 2
    out = np.asarray(x)
    with pytest.raises(ValueError, match="read-only"):
        out[0] = 5
    copied = np.array(x)
    copied[0] = 5
    assert x.tolist() == [2, 2, 2]
    with pytest.raises(ValueError, match="needs a copy"):
        np.asarray(x, dtype="int32", copy=False)


def test_assignment_in_place_is_an_error() -> None:
    x = fnp.ones(3)
    with pytest.raises(fg.errors.ImmutableArrayError, match=r"x\.at\[0\]\.set"):
        x[0] = 1
    with pytest.raises((TypeError, AttributeError)):
        del x[0]
    y = x
    y += 1  # a new array under the same name
    assert x.tolist() == [1, 1, 1]
    assert y.tolist() == [2, 2, 2]


def test_copies_and_pickles() -> None:
    x = fnp.arange(3)
    assert copy.copy(x)._data is x._data  # it cannot change
    assert copy.deepcopy([x])[0]._data is x._data
    assert_same(pickle.loads(pickle.dumps(x)), np.arange(3))


# ---- NumPy's and other libraries' protocols ----------------------------------------------------


def test_numpys_functions_take_our_arrays() -> None:
    x, y = numbers(2, 3), numbers(2, 3, seed=1)
    a, b = fg.asarray(x), fg.asarray(y)
    for found, expected in [
        (np.sin(a), np.sin(x)),
        (np.add(a, y), x + y),
        (np.sum(a, axis=1, keepdims=True), np.sum(x, axis=1, keepdims=True)),
        (np.mean(a, axis=0), np.mean(x, axis=0)),
        (np.where(a > 0, a, 0.0), np.where(x > 0, x, 0.0)),
        (np.concatenate([a, y], axis=1), np.concatenate([x, y], axis=1)),
        (np.stack([a, b], 1), np.stack([x, y], 1)),
        (np.matmul(a, y.T), x @ y.T),
        (np.reshape(a, (3, 2)), x.reshape(3, 2)),
        (np.take(a, [1, 0], 1), np.take(x, [1, 0], 1)),
        (np.roll(a, 1, 0), np.roll(x, 1, 0)),
        (np.einsum("ij,ij->i", a, b), np.einsum("ij,ij->i", x, y)),
        (x - a, x - x),
        (y.T @ a, y.T @ x),
        (y[0] < a, y[0] < x),
        (np.float64(2) * a, 2 * x),
    ]:
        assert_same(found, expected)


def test_numpys_functions_differentiate() -> None:
    x = fg.asarray(numbers(3))
    assert_same(fg.grad(lambda x: np.sum(np.sin(x)))(x), np.cos(np.asarray(x)))


def test_numpys_functions_that_are_not_here_see_values_and_cut_no_derivative() -> None:
    x = fnp.ones(3)
    for function in [lambda x: np.sin(x, out=np.ones(3, np.float32)), np.fix, np.real_if_close]:
        found = function(x)
        assert not isinstance(found, fg.Array)
        np.testing.assert_array_equal(found, function(np.ones(3, np.float32)))
        with pytest.raises(TypeError, match="would cut it off from its derivative"):
            fg.grad(lambda x, f=function: f(x).sum())(x)


def test_array_namespace() -> None:
    assert fnp.ones(2).__array_namespace__() is fnp
    assert np.from_dlpack(fnp.arange(3)).tolist() == [0, 1, 2]


def test_conversions_to_python() -> None:
    x = fnp.asarray(2.5)
    assert (float(x), int(x), complex(x), bool(x), x.item(), f"{x:.2f}") == (2.5, 2, 2.5 + 0j, True, 2.5, "2.50")
    assert [10, 20, 30][fnp.asarray(1)] == 20
    with pytest.raises(TypeError, match="integer array without dimensions"):
        [10, 20][fnp.asarray(1.0)]
    with pytest.raises(fg.errors.ShapeError, match="ambiguous"):
        bool(fnp.ones(2))
    with pytest.raises(fg.errors.ShapeError, match="2 elements"):
        fnp.ones(2).item()
    with pytest.raises(TypeError):
        len(x)
    with pytest.raises(TypeError):
        iter(x)
    assert repr(fnp.asarray([1.0, 2.0])) == "Array([1., 2.], dtype=float32)"
    assert str(fnp.asarray([1, 2])) == "[1 2]"


def test_torch_by_dlpack() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.arange(6.0, dtype=torch.float64).reshape(2, 3)
    held = fg.asarray(tensor)
    assert_same(held, np.arange(6.0).reshape(2, 3))
    tensor[0, 0] = 9
    assert float(held[0, 0]) == 0
    assert_same(fnp.from_dlpack(tensor.T), tensor.numpy().T)
    back = torch.from_dlpack(fnp.arange(3.0) * 2)
    assert back.tolist() == [0, 2, 4]


def test_what_torch_gets_by_dlpack_is_its_own() -> None:
    torch = pytest.importorskip("torch")
    x = fnp.arange(3.0) * 2
    torch.from_dlpack(x)[0] = 9
    assert x.tolist() == [0, 2, 4]
    shared = np.arange(3.0)
    shared.flags.writeable = False
    assert torch.from_dlpack(fg.asarray(shared)).tolist() == [0, 1, 2]
    assert np.shares_memory(np.from_dlpack(x, copy=False), np.asarray(x))
    with pytest.raises(fg.errors.TracedConversionError, match="derivative"):
        fg.grad(lambda x: torch.from_dlpack(x).sum())(x)


def test_methods_that_numpy_users_call() -> None:
    x = numbers(3, 4)
    a = fg.asarray(x)
    for method, args in [
        *[(m, ()) for m in ("argsort", "sort", "copy", "conjugate", "cumprod", "diagonal", "flatten", "ravel")],
        *[("argsort", (0,)), ("sort", (0,)), ("cumprod", (1,)), ("diagonal", (1,))],
        *[("flatten", ("F",)), ("ravel", ("F",)), ("compress", ([True, False, True], 0)), ("searchsorted", ())],
        *[("repeat", ([1, 2, 0], 0)), ("take", ([1, 9], None))],
    ]:
        if method == "searchsorted":
            assert_same(fg.asarray(np.sort(x[0])).searchsorted(x[1]), np.sort(x[0]).searchsorted(x[1]))
        elif method == "sort":
            assert_same(a.sort(*args), np.sort(x, *args))
        else:
            assert_same(getattr(a, method)(*args), getattr(x, method)(*args))
    assert_same(a.partition(2).sort(), np.sort(x))
    assert_same(fnp.take_along_axis(a, a.argpartition(2), -1).sort(), np.sort(x))
    assert_same(a.reshape(6, 2, order="F"), x.reshape(6, 2, order="F"))
    assert_same(a.take([7, -1], 1, "clip"), x.take([7, -1], 1, mode="clip"))
    assert (a.itemsize, a.tobytes(), a.T.tobytes()) == (8, x.tobytes(), x.T.tobytes())
    assert (a.item(1, 2), a.item((1, 2)), a.item(5)) == (x[1, 2], x[1, 2], x[1, 1])
    assert x[1, 2] in a
    assert 7 not in a


def test_methods_of_traced_arrays() -> None:
    x = fg.asarray(numbers(4))
    for run in (fg.jit, fg.vmap):
        out = run(lambda x: (x.sort(), x.argsort(), x.cumprod(), x.copy(), x.conjugate()))
        given = x if run is fg.jit else x[None]
        for _ in range(3):
            found = out(given)
        plain = (x.sort(), x.argsort(), x.cumprod(), x.copy(), x.conjugate())
        for a, b in zip(found, plain, strict=True):
            assert_same(a if run is fg.jit else a[0], np.asarray(b))
    assert fg.grad(lambda x: x.sort()[0])(x).tolist() == [float(v == x.min()) for v in x]


def test_trace_is_a_method_under_every_transform() -> None:
    x = np.arange(1.0, 10.0).reshape(3, 3)
    for transformed in (lambda f: f, fg.jit):
        assert transformed(lambda v: v.trace(1) * 2)(fg.asarray(x)) == 2 * x.trace(1)
    assert fg.grad(lambda v: v.trace())(fg.asarray(x)).tolist() == np.eye(3).tolist()
    assert fg.jvp(lambda v: v.trace(offset=-1), (fg.asarray(x),), (fg.asarray(x),))[1] == x.trace(-1)
    assert fg.vmap(lambda v: v.trace())(fg.asarray([x, -x])).tolist() == [x.trace(), -x.trace()]
