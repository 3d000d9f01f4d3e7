"""Holds calls of `funcgrad.numpy` against the same calls of `array_api_strict`, on plain arrays and on tracers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import array_api_strict as strict
import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from tracers import call

import funcgrad as fg
import funcgrad.numpy as fnp

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
FLOATS = ("float32", "float64")
COMPLEX = ("complex64", "complex128")
NUMERIC = (*INTEGERS, *FLOATS, *COMPLEX)
REAL = (*INTEGERS, *FLOATS)
ALL = ("bool", *NUMERIC)

quick = settings(max_examples=40, deadline=None, derandomize=True, database=None)
few = settings(max_examples=15, deadline=None, derandomize=True, database=None)
shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
with_axes = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)


def elements(dtype: str, special: bool = True) -> Any:
    """Numbers of a dtype, with ends of its range, or infinities, NaN and signed zeros, if `special`."""
    kind, bits = np.dtype(dtype).kind, 8 * np.dtype(dtype).itemsize
    if kind == "b":
        return st.booleans()
    if kind in "iu":
        limits = np.iinfo(dtype)
        small = st.integers(0 if kind == "u" else -5, 9)
        return st.one_of(small, st.integers(int(limits.min), int(limits.max))) if special else small
    width = bits // 2 if kind == "c" else bits
    if not special:
        real = st.floats(-4, 4, width=width).filter(lambda v: v == 0 or abs(v) > 1e-3)
    else:
        odd = st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan, 1.0, -1.0])
        real = st.one_of(odd, st.floats(-100, 100, width=width))
    return st.builds(complex, real, real) if kind == "c" else real


def arrays(dtype: str, shape: Any = shapes, special: bool = True) -> Any:
    """NumPy arrays of a dtype."""
    return hnp.arrays(dtype, shape, elements=elements(dtype, special), fill=st.nothing())


def converted(xp: Any, x: Any) -> Any:
    """NumPy arrays in a tree as arrays of a module, each with memory of its own."""
    if isinstance(x, list | tuple):
        return type(x)(converted(xp, item) for item in x)
    return xp.asarray(x.copy()) if isinstance(x, np.ndarray) else x


def check(kind: str, function: Callable[..., Any], *args: Any, rtol: float = 0.0) -> None:
    """function(module, *args) is the same with both modules: structure, dtypes, shapes, values, signs of zeros.

    Args:
        kind: of `tracers.KINDS`.
        function: what to call; its first argument is the module.
        args: NumPy arrays, which become the module's, and other values.
        rtol: how far values may be apart, relative to the larger.
    """
    wanted = function(strict, *[converted(strict, x) for x in args])
    found = call(kind, lambda *xs: function(fnp, *xs), *[converted(fnp, x) for x in args])
    assert_same(found, wanted, rtol)


def assert_same(found: Any, wanted: Any, rtol: float = 0.0) -> None:
    """An array of ours like one of array_api_strict's, or a tree of such."""
    if isinstance(wanted, list | tuple):
        assert isinstance(found, list | tuple)
        assert len(found) == len(wanted)
        for a, b in zip(found, wanted, strict=True):
            assert_same(a, b, rtol)
        return
    if not isinstance(wanted, type(strict.asarray(0))):
        assert type(found) is type(wanted)
        assert found == wanted
        return
    expected = np.asarray(wanted.__array__())
    assert type(found) is fg.Array
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    value = np.asarray(found)
    np.testing.assert_allclose(value, expected, rtol=rtol, atol=rtol)
    if expected.dtype.kind == "f" and not rtol:
        zero = expected == 0
        np.testing.assert_array_equal(np.signbit(value[zero]), np.signbit(expected[zero]))
