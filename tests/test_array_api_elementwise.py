"""Elementwise functions and operators have the array API standard's dtypes and values, on arrays and on tracers."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterator
from typing import Any

import array_api_strict as strict
import mpmath
import numpy as np
import pytest
from against_strict import ALL, COMPLEX, FLOATS, INTEGERS, arrays, check, few, shapes
from hypothesis import given
from hypothesis import strategies as st
from tracers import KINDS, call

import funcgrad as fg
import funcgrad.numpy as fnp

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy tells of the NaN that are drawn
kinds = pytest.mark.parametrize("kind", KINDS)

UNARY = (
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "bitwise_invert", "ceil", "conj", "cos", "cosh", "exp",
    "expm1", "floor", "imag", "isfinite", "isinf", "isnan", "log", "log1p", "log2", "log10", "logical_not", "negative",
    "positive", "real", "reciprocal", "round", "sign", "signbit", "sin", "sinh", "square", "sqrt", "tan", "tanh",
    "trunc",
)  # fmt: skip
BINARY = (
    "add", "atan2", "bitwise_and", "bitwise_left_shift", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "copysign",
    "divide", "equal", "floor_divide", "greater", "greater_equal", "hypot", "less", "less_equal", "logaddexp",
    "logical_and", "logical_or", "logical_xor", "maximum", "minimum", "multiply", "nextafter", "not_equal", "pow",
    "remainder", "subtract",
)  # fmt: skip
OPERATORS = (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor", "lshift", "rshift", "eq",
    "ne", "lt", "le", "gt", "ge",
)  # fmt: skip
IN_PLACE = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift")
DTYPE_KINDS = ("bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric")
SCALARS = (True, 2, 2.5, 1 + 2j)

INEXACT = {*UNARY[1:7], *UNARY[10:14], *UNARY[19:23], "reciprocal", "sign", *UNARY[-8:-1], "abs"}
"""Functions of which last digits may differ from one loop of NumPy's to the other."""


def some(dtype: str, shape: tuple[int, ...] = (3,)) -> Any:
    """Numbers of a dtype that every function takes: small, and not 0."""
    random = np.random.default_rng(len(dtype))
    if dtype == "bool":
        return np.array([True, False, True])[: shape[0]] if shape else np.array(True)
    if dtype in INTEGERS:
        return random.integers(1, 5, shape).astype(dtype)
    x = random.uniform(0.2, 0.9, shape)
    return (x + 1j * random.uniform(0.2, 0.9, shape) if dtype in COMPLEX else x).astype(dtype)


def taken(function: Any, *args: Any) -> bool:
    """Does the standard define that call? array_api_strict refuses all others."""
    try:
        function(strict, *[strict.asarray(x.copy()) if isinstance(x, np.ndarray) else x for x in args])
    except (TypeError, OverflowError, ValueError):
        return False
    return True


def pairs() -> Iterator[tuple[Any, Any]]:
    """Operands of all dtypes beside each other, and beside Python numbers."""
    for a, b in itertools.product(ALL, ALL):
        yield some(a), some(b)
    for dtype, scalar in itertools.product(ALL, SCALARS):
        yield some(dtype), scalar
        yield scalar, some(dtype)


@kinds
@pytest.mark.parametrize("name", UNARY)
def test_dtypes_of_functions_of_one(name: str, kind: str) -> None:
    for dtype, shape in itertools.product(ALL, [(), (3,), (0, 2)]):
        x = some(dtype, shape)
        if taken(lambda xp, x: getattr(xp, name)(x), x):
            check(kind, lambda xp, x: getattr(xp, name)(x), x, rtol=1e-6)


@pytest.mark.parametrize("kind", ["plain", "vmap", "jit"])
@pytest.mark.parametrize("name", BINARY)
def test_dtypes_of_functions_of_two(name: str, kind: str) -> None:
    for x, y in pairs():
        if taken(lambda xp, x, y: getattr(xp, name)(x, y), x, y):
            check(kind, lambda xp, x, y: getattr(xp, name)(x, y), x, y, rtol=1e-6)


@pytest.mark.parametrize("kind", ["plain", "vmap", "jit"])
@pytest.mark.parametrize("name", OPERATORS)
def test_dtypes_of_operators(name: str, kind: str) -> None:
    operate = getattr(operator, name)
    for x, y in pairs():
        if taken(lambda xp, x, y: operate(x, y), x, y):
            check(kind, lambda xp, x, y: operate(x, y), x, y, rtol=1e-6)


@kinds
@pytest.mark.parametrize("name", IN_PLACE)
def test_operators_in_place(name: str, kind: str) -> None:
    operate = getattr(operator, f"i{name}")
    for x, y in pairs():
        if isinstance(x, np.ndarray) and (name != "matmul" or isinstance(y, np.ndarray)):
            x, y = (np.ones((3, 3), v.dtype) if name == "matmul" else v for v in (x, y))
            if taken(lambda xp, x, y: operate(x, y), x, y):
                check(kind, lambda xp, x, y: operate(x, y), x, y, rtol=1e-6)


@kinds
@few
@given(st.data())
def test_values_of_functions_of_one(kind: str, data: Any) -> None:
    x = data.draw(arrays(data.draw(st.sampled_from([*ALL[:11], *FLOATS]))))
    for name in UNARY:
        if name == "abs" and x.dtype.kind == "i":  # of the least number it is open
            x = np.maximum(x, -np.iinfo(x.dtype).max)
        if taken(lambda xp, x, n=name: getattr(xp, n)(x), x):
            check(kind, lambda xp, x, n=name: getattr(xp, n)(x), x, rtol=1e-5 if name in INEXACT else 0)


def defined(name: str, x: Any, y: Any) -> Any:
    """The second operand, where the result is open another one: no division of whole numbers by 0, no shift by -1."""
    if x.dtype.kind not in "iu":
        return y
    if name in ("floor_divide", "remainder"):
        return np.where(y <= 0, 1, y).astype(y.dtype)  # the least number by -1 has no quotient
    if name == "pow" or "shift" in name:
        return np.where((y < 0) | (y > 7), 3, y).astype(y.dtype)
    return y


def without_minus_zero(x: Any) -> Any:
    return np.asarray(x + np.zeros((), x.dtype))


@kinds
@few
@given(st.data())
def test_values_of_functions_of_two(kind: str, data: Any) -> None:
    dtype = data.draw(st.sampled_from(ALL[:11]))
    shape = data.draw(shapes)
    x, y = data.draw(arrays(dtype, shape)), data.draw(arrays(dtype, shape[1:]))
    for name in BINARY:
        z = defined(name, x, y)
        # NumPy's floor_divide says NaN of infinities, and so does array_api_strict; the tables of special cases hold us
        if name == "floor_divide" and x.dtype.kind == "f" and not (np.isfinite(x).all() and np.isfinite(z).all()):
            continue
        if name in ("maximum", "minimum"):  # of two zeros either one
            x, z = without_minus_zero(x), without_minus_zero(z)
        if taken(lambda xp, x, z, n=name: getattr(xp, n)(x, z), x, z):
            rtol = 1e-5 if name in ("pow", "atan2", "hypot", "logaddexp") else 0
            check(kind, lambda xp, x, z, n=name: getattr(xp, n)(x, z), x, z, rtol=rtol)


@kinds
@few
@given(st.data())
def test_clip(kind: str, data: Any) -> None:
    dtype = data.draw(st.sampled_from(ALL[1:11]))
    shape = data.draw(shapes)
    x, low = data.draw(arrays(dtype, shape)), data.draw(arrays(dtype, shape[1:]))
    x, low = without_minus_zero(x), without_minus_zero(low)
    check(kind, lambda xp, x: (xp.clip(x), xp.clip(x, 1), xp.clip(x, max=3), xp.clip(x, min=1, max=4)), x)
    check(kind, lambda xp, x, low: xp.clip(x, low), x, low)
    check(kind, lambda xp, x, low: xp.clip(x, max=low), x, low)
    assert fnp.clip(x, a_min=1, a_max=3).tolist() == fnp.clip(x, 1, 3).tolist() or x.dtype.kind == "f"


@kinds
def test_casts(kind: str) -> None:
    for a, b in itertools.product(ALL, ALL):
        if a in COMPLEX and b not in COMPLEX:
            continue
        x = some(a)
        check(kind, lambda xp, x, b=b: xp.astype(x, getattr(xp, b)), x)
        check(kind, lambda xp, x, b=b: xp.astype(x, getattr(xp, b), copy=False), x)
    assert fnp.astype(fnp.ones(2), "int8", device="cpu").device == fg.device("cpu")
    check(kind, lambda xp, x: xp.astype(x, xp.bool), np.array([0.0, -0.0, np.nan, np.inf, 0.5]))
    truths = call(kind, lambda x: x.astype("bool"), fg.asarray(np.array([0, 1j, 1, complex(0, np.nan)])))
    assert truths.tolist() == [False, True, True, True]


# ---- dtypes ------------------------------------------------------------------------------------


def test_result_type() -> None:
    for a, b in itertools.product(ALL, ALL):
        try:
            wanted = strict.result_type(getattr(strict, a), getattr(strict, b))
        except TypeError:
            continue
        for x, y in itertools.product(
            (a, np.dtype(a), fnp.ones(2, dtype=a)), (b, getattr(fnp, b), fnp.ones(2, dtype=b))
        ):
            assert fnp.result_type(x, y) == str(wanted).rpartition(".")[2]
    for dtype, scalar in itertools.product(ALL, SCALARS):
        try:
            wanted = strict.result_type(getattr(strict, dtype), scalar)
        except TypeError:
            continue
        assert fnp.result_type(fnp.ones(2, dtype=dtype), scalar) == str(wanted).rpartition(".")[2]
        assert fnp.result_type(scalar, dtype) == str(wanted).rpartition(".")[2]
    assert fnp.result_type(1, 2.0) == "float32"
    with pytest.raises(fg.errors.DtypeError, match="at least one"):
        fnp.result_type()


def test_result_type_under_transforms() -> None:
    def check_dtype(x: Any) -> Any:
        assert fnp.result_type(x, 1, "float64") == "float64"
        assert fnp.can_cast(x, "float64")
        assert fnp.finfo(x).bits == 32
        assert fnp.isdtype(x.dtype, "real floating")
        return x

    for run in (fg.jit(check_dtype), fg.vmap(check_dtype), fg.grad(lambda x: check_dtype(x).sum())):
        run(fnp.ones(2))


def test_can_cast_follows_promotion() -> None:
    for a, b in itertools.product(ALL, ALL):
        try:
            met = strict.result_type(getattr(strict, a), getattr(strict, b))
        except TypeError:
            continue
        assert fnp.can_cast(a, b) is (str(met).rpartition(".")[2] == b)
        assert fnp.can_cast(fnp.ones(2, dtype=a), getattr(fnp, b)) is fnp.can_cast(a, b)
    assert fnp.can_cast("float64", "float32", casting="same_kind")
    with pytest.raises(fg.errors.OptionError, match="casting"):
        fnp.can_cast("float64", "float32", casting="maybe")


def test_isdtype() -> None:
    for dtype, kind in itertools.product(ALL, DTYPE_KINDS):
        wanted = strict.isdtype(getattr(strict, dtype), kind)
        assert fnp.isdtype(getattr(fnp, dtype), kind) is wanted
        assert fnp.isdtype(np.dtype(dtype), (kind, "bool")) is (wanted or dtype == "bool")
    assert fnp.isdtype("float32", fnp.float32)
    assert not fnp.isdtype("float32", (fnp.float64, "integral"))
    with pytest.raises(fg.errors.OptionError, match="no kind 'float'"):
        fnp.isdtype("float32", "float")


def test_finfo_and_iinfo_are_python_numbers() -> None:
    for dtype in (*FLOATS, *COMPLEX, "float16"):
        known, info = np.finfo(dtype), fnp.finfo(dtype)
        for name in ("eps", "max", "min", "smallest_normal", "tiny", "resolution"):
            assert type(getattr(info, name)) is float
            assert getattr(info, name) == getattr(known, name)
        assert (info.bits, info.dtype) == (known.bits, known.dtype)
        assert fnp.finfo(fnp.ones(2, dtype=dtype)).bits == known.bits
        assert f"dtype={known.dtype}" in repr(info)
    for dtype in INTEGERS:
        whole, limits = np.iinfo(dtype), fnp.iinfo(dtype)
        assert (limits.bits, limits.max, limits.min, limits.dtype) == (whole.bits, whole.max, whole.min, dtype)
        assert type(limits.max) is type(limits.min) is int
        assert f"max={whole.max}" in repr(limits)
    with pytest.raises(fg.errors.DtypeError, match="iinfo"):
        fnp.finfo("int8")
    with pytest.raises(fg.errors.DtypeError, match="finfo"):
        fnp.iinfo("bool")
    with pytest.raises(fg.errors.DtypeError, match="not a dtype"):
        fnp.finfo(1.0)


def test_inspection() -> None:
    info = fnp.__array_namespace_info__()
    assert fnp.__array_api_version__ == "2024.12"
    assert info.capabilities() == {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}
    assert info.default_device() == fg.default_device()
    assert fg.device("cpu") in info.devices()
    defaults = info.default_dtypes(device="cpu")
    assert defaults["real floating"] == fnp.zeros(2).dtype
    assert defaults["complex floating"] == fnp.asarray(1j).dtype
    assert defaults["integral"] == fnp.asarray(1).dtype
    assert defaults["indexing"] == fnp.argmax(fnp.zeros(2)).dtype
    with fg.config.default_dtype("float64"):
        assert info.default_dtypes()["complex floating"] == "complex128"
    assert sorted(info.dtypes()) == sorted(ALL)
    for kind in (
        "bool",
        "signed integer",
        "unsigned integer",
        "integral",
        "real floating",
        "complex floating",
        "numeric",
    ):
        wanted = strict.__array_namespace_info__().dtypes(kind=kind)
        assert sorted(info.dtypes(kind=kind)) == sorted(wanted)
    assert set(info.dtypes(kind=("bool", "real floating"))) == {"bool", *FLOATS}


@kinds
def test_complex_functions_near_zero(kind: str) -> None:
    z = np.array([1e-9, 1e-9j, 1e-9 + 1e-9j, -1e-12 + 1e-3j, 0.0, 0.4 - 0.3j, 3 + 2j, -0.2 + 5j, -2, 7])
    with mpmath.workdps(40):
        for name, function in (("expm1", mpmath.expm1), ("log1p", lambda v: mpmath.log(1 + v))):
            expected = np.array([complex(function(mpmath.mpc(v))) for v in z])
            found = np.asarray(call(kind, getattr(fnp, name), fg.asarray(z)))
            np.testing.assert_allclose(found.real, expected.real, rtol=1e-12)
            np.testing.assert_allclose(found.imag, expected.imag, rtol=1e-12)
            below = np.asarray(call(kind, getattr(fnp, name), fg.asarray(z.conj())))
            np.testing.assert_array_equal(np.signbit(below.imag), ~np.signbit(found.imag))
