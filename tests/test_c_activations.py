"""Compiled, each activation function and its gradient are one loop, with eager's values."""

from __future__ import annotations

from typing import Any

import pytest
from test_c_nests import MASK, X, check, every_nest, normal, pytestmark  # noqa: F401  # a fixture, and when to skip

import funcgrad as fg
import funcgrad.functional as F

NAMES = [
    *("celu", "elu", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid", "mish"),
    *("quick_gelu", "relu", "relu6", "selu", "silu", "softplus", "softshrink", "softsign", "squareplus", "tanhshrink"),
]


@pytest.mark.parametrize("name", NAMES)
def test_an_activation_and_its_gradient_are_one_loop_each(name: str) -> None:
    f = getattr(F, name)
    for g in (f, fg.grad(lambda x: (f(x) * 2).sum())):
        program = check(g, X, rtol=1e-5)
        assert program.source.count("nest0") == 2  # the call, and what mends it
        assert "nest1" not in program.source
        assert "np." not in program.source.replace("np.empty", "")


@pytest.mark.parametrize("f", [F.swiglu, F.geglu, F.standardize], ids=["swiglu", "geglu", "standardize"])
def test_gates_and_standardize_are_one_loop(f: Any) -> None:
    assert "nest1" not in check(f, normal(50, 34), rtol=1e-5).source


@pytest.mark.parametrize("f", [F.softmax, F.log_softmax], ids=["softmax", "log_softmax"])
def test_a_masked_softmax_is_one_loop(f: Any) -> None:
    assert "nest1" not in check(lambda x, mask: f(x, where=mask), X, MASK).source
