"""Loop nests in C that draw random bits, look into pooling windows, and read parts of arrays, against NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from test_c_nests import RNG, check, graph_of, native, normal, whole

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad import random
from funcgrad.codegen.arena import Plan
from funcgrad.codegen.c.nest import Nest
from funcgrad.codegen.c.toolchain import toolchain
from funcgrad.ops import random as ops

pytestmark = pytest.mark.skipif(toolchain() is None, reason="there is no C compiler")


@pytest.fixture(autouse=True)
def every_nest(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small."""
    monkeypatch.setattr(Nest, "pays", lambda self: True)


# ---- random bits ---------------------------------------------------------------------------------

DRAWS = {
    "below": lambda k, shape: ops.below(k, shape=shape, width=32, threshold=3 * 2**30),
    "below, of 64 bits": lambda k, shape: ops.below(k, shape=shape, width=64, threshold=2**63),
    "always": lambda k, shape: ops.below(k, shape=shape, width=32, threshold=2**32),
    "never": lambda k, shape: ops.below(k, shape=shape, width=32, threshold=0),
    "float32": lambda k, shape: ops.uniform(k, shape=shape, dtype=np.dtype("float32")),
    "float64": lambda k, shape: ops.uniform(k, shape=shape, dtype=np.dtype("float64")),
    "uint32": lambda k, shape: ops.bits(k, shape=shape, width=32),
    "uint64": lambda k, shape: ops.bits(k, shape=shape, width=64),
}
SHAPES = [(2,), (7,), (8,), (33,), (5, 33), (4, 64), (3, 1, 5), (2, 3, 4, 9), (1023,), (1024,), (1025,), (3, 2049)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", DRAWS)
def test_random_bits_are_those_of_the_stream(name: str, shape: tuple[int, ...]) -> None:
    draw = DRAWS[name]
    key = fnp.asarray(RNG.integers(0, 2**64, 2, "uint64"))
    program = check(lambda k: draw(k, shape) * 1, key, rtol=0.0)
    assert "philox" in program.compiled


@pytest.mark.parametrize("columns", [1, 2, 3, 8, 31, 64, 2049])
def test_random_bits_row_by_row(columns: int) -> None:
    """Where rows begin within a block of the stream."""
    f = lambda k, x, b: F.dropout(fnp.tanh(x + b), 0.3, key=k) / (x * x).sum(1, keepdims=True)  # noqa: E731
    program = check(f, random.key(5), normal(9, columns), normal(columns))
    assert "philox" in program.compiled


def test_the_backward_pass_keeps_a_byte_for_each_element_of_a_mask() -> None:
    f = lambda k, x, w: fg.grad(lambda x: (F.dropout(fnp.tanh(x), 0.3, key=k) @ w).sum())(x)  # noqa: E731
    program = check(f, random.key(5), normal(300, 200), normal(200, 200), rtol=1e-5)
    (plan,) = (c for c in program.constants if isinstance(c, Plan))
    assert [dtype.name for _, shape, dtype in plan.layout if shape == (300, 200)].count("bool") == 1
    assert "astype(float32)" not in program.source


def test_too_many_draws_for_one_nest() -> None:
    f = lambda k: sum(F.dropout(fnp.ones((40, 30)), 0.3, key=k) for k in random.split(k, 7))  # noqa: E731
    assert check(f, random.key(5)).compiled.count("long nest") > 1


# ---- windows -------------------------------------------------------------------------------------


def pooled(x: Any, b: Any, w: Any) -> Any:
    return fg.value_and_grad(lambda *a: (F.max_pool2d(F.relu(a[0] + a[1]), 2) * a[2]).sum(), (0, 1, 2))(x, b, w)


def test_pooling_with_its_gradient_is_one_loop() -> None:
    program = check(pooled, normal(3, 8, 12, 16), normal(16), normal(3, 4, 6, 16))
    assert "window" not in program.source
    assert program.compiled.count("long nest") == 1


POOLED = {
    "one image": (lambda x: F.max_pool2d(x * 2, 2), normal(1, 8, 12, 16)),
    "one window": (lambda x: F.max_pool2d(x * 2, 2), normal(2, 2, 2, 16)),
    "one row of windows": (lambda x: F.relu(F.max_pool2d(x * 2, 2)), normal(3, 2, 6, 9)),
    "windows of three by two": (lambda x: F.max_pool2d(x * 2, (3, 2)) + 1, normal(2, 6, 6, 16)),
    "one axis": (lambda x: F.max_pool1d(x * 2, 4) + 1, normal(3, 8, 17)),
    "whole numbers": (lambda x: F.max_pool2d(x + 2, 2) + 1, whole(2, 4, 6, 16, below=3)),
    "bytes": (lambda x: F.max_pool2d(x + 2, 2) + 1, whole(2, 4, 6, 16, below=3, dtype="uint8")),
    "ties": (lambda x, b: pooled(x, b, 1.0), whole(2, 4, 6, 16, below=2).astype("float32"), normal(16)),
    "the images, too": (lambda x: (fnp.tanh(x), F.max_pool2d(fnp.tanh(x), 2)), normal(2, 4, 6, 16)),
    "images and their sums": (
        lambda x, b: (F.max_pool2d(x + b, 2) * 2, (x + b).sum((0, 1, 2)), (x + b).max()),
        normal(2, 4, 6, 16), normal(16),
    ),
    "a number for each image": (lambda x, n: F.max_pool2d(x * n, 2) * n, normal(3, 4, 6, 16), normal(3, 1, 1, 1)),
    "a mask on places": (lambda x, m: F.max_pool2d(x * m, 2) + 1, normal(3, 4, 6, 16), normal(3, 4, 6, 1)),
    "softmax behind it": (lambda x: F.softmax(F.max_pool2d(x * 2, 2)), normal(3, 4, 6, 16)),
    "softmax before it": (lambda x: F.max_pool2d(F.softmax(x), 2), normal(3, 4, 6, 16)),
    "twice": (lambda x: F.max_pool2d(F.relu(F.max_pool2d(x * 2, 2)), 2), normal(3, 8, 12, 16)),
    "overlapping windows": (lambda x: F.max_pool2d(x * 2, 3, stride=2) + 1, normal(3, 9, 9, 16)),
    "a rest": (lambda x: F.max_pool2d(x * 2, 2) + 1, normal(3, 5, 7, 16)),
    "padding": (lambda x: F.max_pool2d(x * 2, 2, padding=1) + 1, normal(3, 4, 6, 16)),
    "few channels": (lambda x: F.max_pool2d(x * 2, 2) + 1, normal(3, 4, 6, 3)),
    "second derivatives": (
        lambda x, t: fg.jvp(fg.grad(lambda x: (F.max_pool2d(x * x, 2) ** 3).sum()), (x,), (t,)),
        normal(2, 4, 6, 16), normal(2, 4, 6, 16),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", POOLED)
def test_windows(name: str) -> None:
    f, *args = POOLED[name]
    check(f, *args)


@pytest.mark.parametrize("special", [math.nan, math.inf, -math.inf, -0.0, 0.0])
def test_special_values_in_windows(special: float) -> None:
    x = np.array(normal(2, 4, 6, 16))
    x[0, 1, :, :8] = special
    x[1, :, 3:5] = special
    x[:, ::2, :2, 5] = -special
    x[0, 0, 0, 5:7] = special, math.nan
    check(lambda x: fg.vjp(lambda x: F.max_pool2d(x * 1.0, 2), x)[1](x[:, ::2, ::2] * 1.0), fnp.asarray(x))
    check(lambda x: F.max_pool2d(x * 1.0, 2), fnp.asarray(x), rtol=0.0)


def test_the_sign_of_a_zero_that_is_a_maximum() -> None:
    x = np.zeros((1, 4, 4, 8), "float32")
    x[:, ::2, ::2] = -0.0
    program = native(graph_of(lambda x: F.max_pool2d(x * 1.0, 2), fnp.asarray(x)))
    assert np.signbit(program.function(x)[0]).all()


# ---- parts of arrays -----------------------------------------------------------------------------

PARTS = {
    "halves of rows": (lambda x: F.sigmoid(x[:, :6]) * x[:, 6:], normal(7, 12)),
    "rows": (lambda x: x[1:] - x[:-1], normal(7, 12)),
    "a part of each axis": (lambda x: fnp.tanh(x[1:3, 2:5, :4]) + 1, normal(4, 6, 9)),
    "one column": (lambda x: fnp.tanh(x[:, 3:4]) * x[:, 7:8], normal(9, 12)),
    "the middle axis": (lambda x: x[:, 1:4] * x[:, 2:5], normal(4, 6, 9)),
    "nothing is left out": (lambda x: x[:, :] * 2 + x[:4], normal(4, 6)),
    "steps": (lambda x: (x[::2] * 2 + x[1::2], x * 3), normal(4, 6)),
    "backwards": (lambda x: (x[::-1] * 2 + x, x * 3), normal(4, 6)),
    "a part that is read behind the loop, too": (lambda x: (x[:, 6:] * 2, x[:, 6:] @ x[:, :6].T), normal(7, 12)),
    "a part of what the function makes": (lambda x: fnp.exp(x[:, :6] * 2)[:, 1:4] + 1, normal(7, 12)),
    "sums of parts": (lambda x: ((x[:, 1:5] * 2).sum(1), (x[:, 1:5] * 3).sum(0), x[1:, 1:5].sum()), normal(7, 12)),
    "softmax of a part": (lambda x: F.softmax(x[2:, 3:]) * 2, normal(7, 12)),
    "gradients": (lambda x: fg.grad(lambda x: (F.sigmoid(x[1:, :6]) * x[:-1, 6:]).sum())(x), normal(7, 12)),
    "gradients of a part of three axes": (
        lambda x: fg.grad(lambda x: (x[1:3, :, 2:5] ** 3).sum() + (x[:, 1:2, 1:] ** 2).sum())(x) * 2, normal(4, 6, 9),
    ),
    "of one row": (lambda x: fg.grad(lambda x: (fnp.tanh(x[:, 2:5]) ** 2).sum())(x) + 1, normal(1, 12)),
    "integers": (lambda x: x[1:] - x[:-1] * 3, whole(9)),
}  # fmt: skip


@pytest.mark.parametrize("name", PARTS)
def test_parts_of_arrays(name: str) -> None:
    f, *args = PARTS[name]
    check(f, *args)


def test_a_cell_of_an_lstm_is_one_call_with_its_gradient() -> None:
    def cell(gates: Any, c: Any) -> Any:
        i, f, o = (F.sigmoid(gates[..., 6 * k : 6 * (k + 1)]) for k in range(3))
        c = f * c + i * fnp.tanh(gates[..., 18:])
        return (o * fnp.tanh(c) * c).sum()

    program = check(fg.value_and_grad(cell, (0, 1)), normal(5, 24), normal(5, 6))
    assert program.source.count("and mend(") == 1
    assert "unslice" not in program.source


def test_a_part_of_a_long_row_is_not_copied_for_a_product() -> None:
    program = check(lambda x, y: (x[:, 8:] @ y, y * 2), normal(8, 16), normal(8, 8), rtol=1e-5)
    assert "empty((8, 8)" in program.source
    assert program.source.count("empty((8, 8)") == 1
