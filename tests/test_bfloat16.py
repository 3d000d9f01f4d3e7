"""bfloat16, the dtype of ml_dtypes: promotion, values, derivatives, programs, and what leaves the package."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.functional as F
from funcgrad import dtypes, random
from funcgrad import numpy as fnp

ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
BF = np.dtype(ml_dtypes.bfloat16)


def numbers(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).uniform(-2, 2, shape).astype(BF)


@pytest.mark.parametrize(
    ("other", "met"),
    [
        ("bool", "bfloat16"),
        *((name, "bfloat16") for name in ["int8", "uint8", "int32", "uint32", "int64", "uint64"]),
        ("bfloat16", "bfloat16"),
        ("float16", "float32"),
        ("float32", "float32"),
        ("float64", "float64"),
        ("complex64", "complex64"),
        ("complex128", "complex128"),
    ],
)
def test_it_meets_other_dtypes(other: str, met: str) -> None:
    x, y = fnp.ones(3, BF), fnp.ones(3, other)
    assert fnp.promote_types("bfloat16", other) == fnp.promote_types(other, "bfloat16") == np.dtype(met)
    for z in (x + y, y * x, fnp.maximum(x, y), fnp.where(fnp.ones(3, bool), x, y), fnp.concat([x, y])):
        assert z.dtype == np.dtype(met)


def test_python_numbers_are_weak_beside_it() -> None:
    x = fnp.asarray([1.0, 2.0], "bfloat16")
    for y in (x + 1, 1 + x, x * 0.1, 0.1 * x, x**2, x**0.5, 2.0**x, fnp.maximum(x, 0), x / 3, True * x, x - 0.5, -x):
        assert y.dtype == BF
    for y in (fnp.where(x > 1, x, 0.5), fnp.clip(x, 0, 1.5), F.relu(x), x @ x, x.sum(), x.mean(), abs(x), round(x)):
        assert y.dtype == BF
    assert (x + 1j).dtype == np.complex64
    assert (x > 1.5).dtype == bool
    assert bool((x * 0.1 == x * fnp.asarray(0.1, "bfloat16")).all())  # the number is rounded first, as in NumPy


def test_names_and_kinds() -> None:
    assert dtypes.canonical("bfloat16") is dtypes.canonical(fnp.bfloat16) is BF
    assert dtypes.is_floating(BF)
    assert dtypes.is_inexact(BF)
    assert not dtypes.is_complex(BF)
    assert not dtypes.is_integer(BF)
    assert dtypes.finfo("bfloat16").eps == 2.0**-7
    with pytest.raises(dtypes.DtypeError, match="float8"):
        fnp.zeros(2, ml_dtypes.float8_e5m2)


def test_what_leaves_the_package() -> None:
    x = fnp.asarray([1.5, -2.0], "bfloat16")
    out = np.asarray(x)
    assert out.dtype is BF
    assert not out.flags.writeable
    assert repr(x) == "Array([1.5, -2], dtype=bfloat16)"
    back = pickle.loads(pickle.dumps(x))
    assert back.dtype is BF
    assert back.tolist() == [1.5, -2.0]
    assert fg.device_get({"x": x})["x"].dtype == BF
    assert x.astype("float32").dtype == np.float32
    assert x.astype(int).tolist() == [1, -2]


def test_an_array_from_outside_has_the_one_dtype_object() -> None:
    given = numbers(3)
    other = given.astype(BF.newbyteorder("="))
    assert fnp.asarray(other).dtype is BF
    assert (fnp.asarray(other) + 1.5).dtype is BF


def narrow_ulps(found: Any, expected: Any) -> Any:
    """How many bfloat16 numbers lie between."""
    bits = [np.asarray(a).astype(BF).view(np.int16).astype(int) for a in (found, expected)]
    lines = [np.where(b < 0, -(b & 0x7FFF), b) for b in bits]
    return np.abs(lines[0] - lines[1]).max(initial=0)


def test_a_sum_is_rounded_once() -> None:
    x = fnp.full((1000,), 0.01, BF)
    exact = np.asarray(x, np.float64)
    assert narrow_ulps(x.sum(), exact.sum()) <= 1  # added up in bfloat16 it stays at 4
    assert narrow_ulps(fnp.cumulative_sum(x), exact.cumsum()) <= 1
    assert narrow_ulps(x @ x, exact @ exact) <= 1


@pytest.mark.parametrize("rate", [0.5])
def test_a_small_model_learns(rate: float) -> None:
    x, y = numbers(64, 3), numbers(64, 3) @ np.array([1.0, -2.0, 0.5], BF)
    params = {"w": random.normal(random.key(0), (3, 8), dtype=BF), "v": random.normal(random.key(1), (8,), dtype=BF)}

    def loss(params: Any) -> Any:
        return fnp.mean((fnp.tanh(x @ params["w"]) @ params["v"] - y.astype(BF)) ** 2)

    step = fg.jit(fg.value_and_grad(loss))
    losses = []
    for _ in range(30):
        value, grads = step(params)
        assert all(g.dtype is BF for g in fg.tree.leaves(grads))
        params = fg.tree.map(lambda p, g: p - 0.1 * g, params, grads)
        losses.append(float(value))
    assert losses[-1] < losses[0] / 2
