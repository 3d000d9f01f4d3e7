"""Every operation under `jit`, from the table of samples: as without, NaN and infinities included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from samples import ALL, Sample

import funcgrad as fg
from funcgrad.core import PRIMITIVES

_SINGLE = {"float64": "float32", "complex128": "complex64"}

every_sample = pytest.mark.parametrize("sample", ALL, ids=str)


def operands(sample: Sample, single: bool) -> list[Any]:
    args = [fg.asarray(a) if isinstance(a, np.ndarray) else a for a in sample.args]
    if single:
        args = [a.astype(_SINGLE.get(a.dtype.name, a.dtype)) if isinstance(a, fg.Array) else a for a in args]
    return args


def assert_within_8_ulp(found: Any, expected: Any) -> None:
    assert found.aval == expected.aval
    a, b = np.asarray(found), np.asarray(expected)
    if a.dtype.kind not in "fc":
        np.testing.assert_array_equal(a, b)
        return
    parts = [(a.real, b.real), (a.imag, b.imag)] if a.dtype.kind == "c" else [(a, b)]
    for x, y in parts:
        finite = np.isfinite(y)
        np.testing.assert_array_equal(x[~finite], y[~finite])
        assert (np.abs(x[finite] - y[finite]) <= 8 * np.spacing(np.abs(y[finite]))).all()


@every_sample
@pytest.mark.parametrize("single", [False, True], ids=["float64", "float32"])
def test_jit_gives_what_eager_gives(sample: Sample, single: bool) -> None:
    args = operands(sample, single)
    primitive = PRIMITIVES[sample.primitive]
    places = [i for i, a in enumerate(args) if isinstance(a, fg.Array)]

    def f(*xs: Any) -> Any:
        full = list(args)
        for i, x in zip(places, xs, strict=True):
            full[i] = x
        return primitive(*full, **sample.params)

    jitted = fg.jit(f)
    expected = f(*[args[i] for i in places])
    for _ in range(3):
        assert_within_8_ulp(jitted(*[args[i] for i in places]), expected)
    assert not any(unit.eager for unit in jitted.units.values())


SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 2.5, 1e-310, 1e300])
ARITY = {sample.primitive: len(sample.args) for sample in ALL}
ELEMENTWISE = sorted(name for name, p in PRIMITIVES.items() if p.elementwise)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
def test_special_values(name: str, dtype: str) -> None:
    primitive = PRIMITIVES[name]
    values = SPECIAL if dtype[0] == "f" else np.nan_to_num(SPECIAL, posinf=3, neginf=-3).clip(-9, 9)
    x = fg.asarray(values.astype(dtype))
    args = [x, x[::-1], x][: ARITY[name]]
    if name == "where":
        args[0] = args[0] > 0
    try:
        expected = primitive(*args)
    except (TypeError, ValueError):  # not of that dtype, or not of these values
        return
    if primitive.infer_of(args, {}) != expected.aval:  # the functions of funcgrad.numpy make floats of these first
        return
    jitted = fg.jit(lambda *xs: primitive(*xs))
    for _ in range(3):
        found = jitted(*args)
        assert found.aval == expected.aval
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
        if found.dtype.kind == "f":
            np.testing.assert_array_equal(np.signbit(np.asarray(found)), np.signbit(np.asarray(expected)))
