"""Convolutions by Winograd's algorithm in compiled programs, against our own kernels in double precision."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import run_alone

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad import config
from funcgrad.codegen.c import winograd
from funcgrad.codegen.c.toolchain import toolchain
from funcgrad.codegen.numpy_program import numpy_program
from funcgrad.core import raw
from funcgrad.graph.passes import simplify
from funcgrad.kernels import convolution as kernels

pytestmark = pytest.mark.skipif(toolchain() is None, reason="there is no C compiler")
RNG = np.random.default_rng(0)
STEP = {"stride": (1, 1), "dilation": (1, 1), "groups": 1}
SAME = ((1, 1), (1, 1))
NAMES = ["conv", "conv_data", "conv_weights"]


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape, np.float32)


def drawn(name: str, n: int, sizes: tuple[int, int], c: int, o: int, padding: Any) -> tuple[list[np.ndarray], Any]:
    """Operands of one of the three, and its parameters."""
    out = kernels.conv_output_sizes(sizes, (3, 3), (1, 1), padding, (1, 1))
    x, w, g = normal(n, *sizes, c), normal(3, 3, c, o), normal(n, *out, o)
    operands = {"conv": [x, w], "conv_data": [g, w], "conv_weights": [x, g]}[name]
    more = {"conv": {}, "conv_data": {"spatial": sizes}, "conv_weights": {"window": (3, 3)}}[name]
    return operands, {**STEP, **more, "padding": padding}


def by_winograd(name: str, *operands: np.ndarray, **params: Any) -> np.ndarray:
    return winograd.KERNELS[f"{name}_by_winograd"](np, *operands, **params)


def in_double(name: str, *operands: np.ndarray, **params: Any) -> np.ndarray:
    return getattr(kernels, name)(np, *(a.astype(np.float64) for a in operands), **params)


@contextmanager
def not_directly() -> Iterator[None]:
    """What falls back to the direct kernels inside is an error."""

    def direct(*args: Any, **params: Any) -> Any:
        raise AssertionError("the direct kernel was called")

    with pytest.MonkeyPatch.context() as patch:
        for name in NAMES:
            patch.setattr(kernels, name, direct)
        yield


def assert_close(found: np.ndarray, expected: np.ndarray) -> None:
    assert (found.dtype, found.shape) == (np.float32, expected.shape)
    assert np.abs(found - expected).max() <= 1e-5 * max(1e-3, expected.std())


def compared(name: str, *args: Any) -> None:
    operands, params = drawn(name, *args)
    expected = in_double(name, *operands, **params)
    with not_directly():
        assert_close(by_winograd(name, *operands, **params), expected)


sides = st.tuples(st.integers(0, 2), st.integers(0, 2))


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    st.sampled_from(NAMES), st.integers(1, 4), st.tuples(st.integers(3, 13), st.integers(3, 13)),
    st.sampled_from([32, 64, 96]), st.sampled_from([32, 64, 96, 128]), st.tuples(sides, sides),
)  # fmt: skip
def test_any_sizes_and_paddings(name: str, n: int, sizes: Any, c: int, o: int, padding: Any) -> None:
    compared(name, n, sizes, c, o, padding)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "args",
    [
        (8, (32, 32), 64, 64, SAME),
        (9, (4, 4), 512, 256, SAME),
        (1, (4, 4), 512, 512, SAME),
        (20, (26, 26), 32, 64, ((0, 0), (0, 0))),
    ],
    ids=str,
)
def test_many_tiles_and_many_channels(name: str, args: Any) -> None:
    compared(name, *args)


@pytest.mark.parametrize("name", NAMES)
def test_results_do_not_depend_on_threads_nor_on_what_scratch_memory_held(name: str) -> None:
    operands, params = drawn(name, 5, (9, 10), 64, 96, ((1, 1), (1, 2)))
    expected = by_winograd(name, *operands, **params)
    for threads in (1, 2, 3, 7):
        with config.threads(threads):
            winograd._scratch(1)[:] = np.nan
            np.testing.assert_array_equal(by_winograd(name, *operands, **params), expected)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: by_winograd(name, *operands, **params), range(20)):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("odd", [np.inf, -np.inf, np.nan, 3e38])
def test_numbers_that_are_not_finite_stay_where_they_are(name: str, odd: float) -> None:
    operands, params = drawn(name, 2, (8, 8), 32, 32, SAME)
    operands[0][1, 3, 4, 5] = odd
    with np.errstate(all="ignore"):
        found, expected = by_winograd(name, *operands, **params), getattr(kernels, name)(np, *operands, **params)
    np.testing.assert_array_equal(found, expected)


def test_operands_in_another_order_and_memory_that_is_given() -> None:
    for name in NAMES:
        operands, params = drawn(name, 2, (8, 8), 32, 64, SAME)
        expected = by_winograd(name, *operands, **params)
        turned = [np.asfortranarray(a) for a in operands]
        out = np.full_like(expected, 7)
        assert by_winograd(name, *turned, **params, out=out) is out
        np.testing.assert_array_equal(out, expected)
        with config.winograd(False):
            out[...] = 7
            assert by_winograd(name, *operands, **params, out=out) is out
        np.testing.assert_allclose(out, expected, rtol=1e-3, atol=1e-4)


def graph_of(f: Any, *args: Any) -> Any:
    return simplify(fg.make_graph(f)(*args))


def test_which_convolutions_of_a_program_are_computed_so() -> None:
    def source(x: Any, w: Any, *options: Any) -> str:
        f = fg.grad(lambda x, w: (F.conv2d(x, w, None, *options) ** 2).sum(), (0, 1))
        return numpy_program(graph_of(f, fnp.asarray(x), fnp.asarray(w)), native=True).source

    x, w = normal(4, 16, 16, 64), normal(3, 3, 64, 64)
    assert source(x, w, 1, 1).count("_by_winograd(") == 3
    others = [
        (x, w, 2, 1),  # its windows step over pixels
        (x, w, 1, 2, 2),  # or are spread out
        (x, w[:, :, :32], 1, 1, 1, 2),  # or see half of the channels
        (x, w[:1, :1], 1, 0),
        (x, w[..., :40], 1, 1),  # outputs that do not fill vectors
        (x[:1, :4, :4], w, 1, 1),  # too little to do
        (x[:1, :6, :4], normal(3, 3, 64, 512), 1, 1),  # too little to do with many weights
        (x.astype("d"), w.astype("d"), 1, 1),
    ]
    for x, w, *options in others:
        assert "_by_winograd" not in source(x, w, *options)


def test_a_program_agrees_with_eager() -> None:
    def loss(params: Any, x: Any) -> Any:
        for w in params:
            x = F.relu(F.conv2d(x, w, None, 1, 1))
        return (x * x).mean()

    params = [fnp.asarray(normal(3, 3, 64, 64) * 0.05) for _ in range(3)]
    x = fnp.asarray(normal(8, 16, 16, 64))
    both = fg.value_and_grad(loss)
    program = numpy_program(graph_of(both, params, x), native=True)
    assert program.source.count("_by_winograd(") == 8  # the images have no gradient
    with not_directly():
        value, *found = program(*map(raw, (*params, x)))
    expected_value, expected = both(params, x)
    assert abs(float(value) - float(expected_value)) <= 1e-5 * float(expected_value)
    for a, b in zip(found, map(raw, expected), strict=True):
        assert np.abs(a - b).max() <= 1e-5 * np.abs(b).max()


def test_after_a_fork() -> None:
    program = """
import os
import numpy as np
from test_winograd import SAME, by_winograd, drawn
operands, params = drawn("conv", 4, (16, 16), 64, 64, SAME)
expected = by_winograd("conv", *operands, **params)
child = os.fork()
assert np.array_equal(by_winograd("conv", *operands, **params), expected)
if child == 0:
    os._exit(0)
print(os.waitpid(child, 0)[1])
"""
    done = run_alone(program)
    assert done.stdout.strip() == "0", done.stderr
