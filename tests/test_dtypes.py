"""dtypes: promotion, weak Python numbers, the default dtype, integers that do not fit."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import promotion_table
import pytest

import funcgrad as fg
from funcgrad import config, dtypes, errors, random
from funcgrad import numpy as fnp

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
NAMES = ["bool", *INTEGERS, "float16", "float32", "float64", "complex64", "complex128"]


# ---- numbers of Python's that do not fit -------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x + 300,
        lambda x: 300 - x,
        lambda x: x * -1,
        lambda x: fnp.maximum(x, 256),
        lambda x: fnp.where(x > 1, x, 300),
        lambda x: fnp.where(x > 1, -1, x),
        lambda x: fnp.full_like(x, 300),
        lambda x: fnp.full(2, 300, "uint8"),
        lambda x: fnp.asarray([1, 300], "uint8"),
        lambda x: x.at[0].set(300),
    ],
)
def test_whole_numbers_that_do_not_fit_are_errors(f: Any) -> None:
    x = fnp.asarray([1, 2], "uint8")
    with pytest.raises(errors.IntegerRangeError, match="out of the range of uint8") as caught:
        f(x)
    assert isinstance(caught.value, OverflowError | TypeError)
    program = fg.jit(f)
    for _ in range(3):
        with pytest.raises(OverflowError):
            program(x)


def test_numbers_beyond_all_integers() -> None:
    with pytest.raises(OverflowError, match="all integer dtypes"):
        fnp.asarray(2**70)
    with pytest.raises(OverflowError, match="int64"):
        fnp.arange(2) + 2**70
    with pytest.raises(OverflowError, match="float32"):
        fnp.ones(2) + 10**400
    assert float(fnp.asarray(2**70, "float64")) == 2.0**70
    assert float((fnp.ones(1) + 2**70)[0]) == 2.0**70


def test_comparisons_take_any_number() -> None:
    x = fnp.asarray([1, 2], "uint8")
    assert (x < 300).tolist() == (x > -1).tolist() == (x != 2**70).tolist() == [True, True]


def test_integers_wrap_around_as_in_numpy() -> None:
    for dtype in INTEGERS:
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
        x = np.array([low, low + 1, 0, 3, high - 1, high], dtype)
        y = fnp.asarray(x)
        assert np.array_equal(np.asarray(y + y), x + x)
        assert np.array_equal(np.asarray(y * y), x * x)
        assert np.array_equal(np.asarray(y - y[::-1]), x - x[::-1])
        assert np.array_equal(np.asarray(y**3), x**3)
        assert np.array_equal(np.asarray(-y), -x)
        assert np.array_equal(np.asarray(abs(y)), abs(x))
        assert np.array_equal(np.asarray(y * 2), x * 2)
        assert all(z.dtype == dtype for z in (y + y, y * 2, -y, y**3, y // 3, y % 3, y + True))


# ---- promotion ---------------------------------------------------------------------------------


def test_pairs_that_the_standard_has_meet_as_it_says() -> None:
    strict = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    asked = 0
    for a, b in itertools.product([n for n in NAMES if n != "float16"], repeat=2):
        try:
            met = strict.result_type(getattr(strict, a), getattr(strict, b))
        except TypeError:  # of two kinds, or uint64 with a signed one: each library says for itself
            continue
        asked += 1
        name = str(met).rpartition(".")[2]
        assert fnp.promote_types(a, b) == name, (a, b)
        x, y = fnp.ones(2, a), fnp.ones(2, b)
        assert fnp.concat([x, y]).dtype == fnp.where(x > 0, x, y).dtype == name
        assert fnp.equal(x, y).dtype == bool
    assert asked > 60


def test_promotion_is_symmetric_and_a_lattice() -> None:
    names = [*NAMES, *(["bfloat16"] if dtypes.BFLOAT16 is not None else [])]
    for a, b, c in itertools.product(names, repeat=3):
        assert fnp.promote_types(a, b) == fnp.promote_types(b, a)
        left, right = (
            fnp.promote_types(fnp.promote_types(a, b), c),
            fnp.promote_types(a, fnp.promote_types(b, c)),
        )
        # int64 with uint64 is a float, which a narrower float beside them would not have made
        if not {"uint64", "uint32", "uint16", "uint8"} & {a, b, c}:
            assert left == right, (a, b, c)


def test_the_table_in_the_docs_is_what_addition_does() -> None:
    """`python tests/promotion_table.py --save` writes it anew."""
    pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    assert promotion_table.saved() == promotion_table.text()


# ---- strictness --------------------------------------------------------------------------------


def test_strict_promotion_is_an_error() -> None:
    x, n = fnp.ones(3), fnp.arange(3)
    f = fg.jit(lambda x, n: x * n)
    for _ in range(3):
        f(x, n)
    with config.numpy_dtype_promotion("strict"):
        for wrong in (lambda: x * n, lambda: fnp.concat([x, n]), lambda: fnp.where(n > 1, x, n), lambda: n * 1.5):
            with pytest.raises(errors.DtypeError, match="strict"):
                wrong()
        with pytest.raises(errors.DtypeError, match="int64"):
            f(x, n)
        assert (x * 2 + 1.5).dtype == np.float32
        assert (x * fnp.ones(3, "complex64")).dtype == np.complex64
        with pytest.raises(errors.DtypeError, match="strict"):
            x * fnp.ones(3, "complex128")
        assert (x * n.astype("float32")).dtype == np.float32
        assert n.mean().dtype == np.float32
        assert fg.grad(lambda x: fnp.var(x) + fnp.max(x))(x).shape == (3,)
    assert f(x, n).dtype == np.float32
    with pytest.raises(ValueError, match="'standard', 'strict'"):
        config.numpy_dtype_promotion("loose")


# ---- the default dtype -------------------------------------------------------------------------


def made() -> Iterator[Any]:
    yield fnp.asarray(1.5)
    yield fnp.asarray([1.5, 2])
    yield fnp.zeros(2)
    yield fnp.ones((2, 1))
    yield fnp.full(2, 0.5)
    yield fnp.eye(2)
    yield fnp.linspace(0, 1, 3)
    yield fnp.arange(0, 1, 0.5)
    yield fnp.arange(3) / 2
    yield fnp.sqrt(fnp.arange(3))
    yield fnp.arange(3).mean()
    yield fnp.arange(3) * 0.5
    yield random.normal(random.key(0), (2,))
    yield random.uniform(random.key(0))


@pytest.mark.parametrize("name", ["float16", "float32", "float64"])
def test_the_default_dtype_is_that_of_the_context(name: str) -> None:
    with config.default_dtype(name):
        assert {x.dtype.name for x in made()} == {name}
        part = {"float64": "complex128"}.get(name, "complex64")
        assert fnp.asarray(1j).dtype == part
        assert (fnp.arange(2) * 1j).dtype == part
        assert (fnp.ones(2, "float32") * 0.5).dtype == np.float32
        assert dtypes.canonical(float) == name
    assert fnp.zeros(2).dtype == np.float32


def test_programs_know_the_default_dtype() -> None:
    f = fg.jit(lambda n: n * 0.5 + fnp.zeros(3))
    n = fnp.arange(3)
    for _ in range(4):
        assert f(n).dtype == np.float32
        with config.default_dtype("float64"):
            assert f(n).dtype == np.float64


def test_without_ml_dtypes_the_names_say_what_to_install() -> None:
    code = (
        "import sys; sys.modules['ml_dtypes'] = None\n"
        "import funcgrad.numpy as fnp\n"
        "for f in (lambda: fnp.bfloat16, lambda: fnp.zeros(2, 'bfloat16')):\n"
        "    try: f()\n"
        "    except (AttributeError, TypeError) as error: print(\"pip install 'funcgrad[bfloat16]'\" in str(error))\n"
        "print(hasattr(fnp, 'bfloat16'), hasattr(fnp, 'sin'), (fnp.ones(2, 'float16') * 1.5).dtype)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["True", "True", "False", "True", "float16"]


def test_operations_that_a_dtype_has_not() -> None:
    x = fnp.ones(2)
    for wrong in (
        lambda: x & x,
        lambda: ~x,
        lambda: x << 1,
        lambda: fnp.floor(x * 1j),
        lambda: fnp.ones(2, "float16") ^ 1,
        lambda: fg.grad(lambda y: fnp.sum(fnp.arctan2(y * 1j, y).real))(x),
    ):
        with pytest.raises(errors.DtypeError, match=r"no such operation on (float|complex)"):
            wrong()
