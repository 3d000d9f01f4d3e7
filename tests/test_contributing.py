"""CONTRIBUTING.md's example of a new operation works as printed: its code blocks, put in the files that it names."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import samples.elementwise
import test_ops

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.core import PRIMITIVES
from funcgrad.numpy import elementwise as public
from funcgrad.ops import elementwise as ops

PAGE = Path(__file__).parent.parent / "CONTRIBUTING.md"


def blocks() -> list[str]:
    """The page's Python code."""
    return [inspect.cleandoc(block) for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)]


@pytest.fixture
def sech(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example's public function and its row, in copies of the files' names; what it registers is taken back."""
    before = set(PRIMITIVES)
    declaration, row, name = blocks()
    inside, table, outside = dict(vars(ops)), {**vars(samples.elementwise), "SAMPLES": []}, dict(vars(public))
    try:
        exec(declaration, inside)
        exec(row, table)
        monkeypatch.setattr(ops, "sech", inside["sech"], raising=False)
        exec(name, outside)
        yield outside["sech"], table["SAMPLES"][0]
    finally:
        for added in set(PRIMITIVES) - before:
            del PRIMITIVES[added]


def test_the_operation_passes_the_tests_of_every_operation(sech: Any) -> None:
    _, sample = sech
    test_ops.test_value(sample)
    test_ops.test_infer_tells_shape_and_dtype(sample, single=True)
    test_ops.test_derivatives(sample)
    test_ops.test_reverse_mode_is_the_transpose_of_forward_mode(sample)
    test_ops.test_vmap_is_the_loop(sample)
    test_ops.test_derivatives_of_vmap_and_vmap_of_derivatives(sample)


def test_the_public_function_is_what_the_page_says(sech: Any) -> None:
    function, _ = sech
    assert f"`fnp.sech(1.0)` is an `{function(1.0)!r}`" in PAGE.read_text()
    assert float(fg.grad(function)(1.0)) == pytest.approx(-np.tanh(1) / np.cosh(1))
    assert function.__doc__.startswith("Hyperbolic secant, 1 / cosh(x).")


def test_the_example_is_no_operation_yet() -> None:
    assert not hasattr(fnp, "sech")
