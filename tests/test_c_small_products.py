"""Products with one row or one column, as sums in loops in C."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from graphs import Build
from test_c_nests_random import check, every_nest  # noqa: F401  # a fixture

from funcgrad.codegen.c.small_products import MOST, products_as_sums
from funcgrad.codegen.c.toolchain import toolchain
from funcgrad.codegen.numpy_program import numpy_program

needs_compiler = pytest.mark.skipif(toolchain() is None, reason="there is no C compiler")


def names(graph: Any) -> list[str]:
    return [e.op.name for e in products_as_sums(graph).eqns]


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(100, 5, 1), (1, 5, 100), (1, 7, 1), (40, 1000, 1), (1, 3000, 20), (2, 2, 1)])
@pytest.mark.parametrize("turned", ["neither", "first", "second", "both"])
def test_the_same_values(turned: str, sizes: tuple[int, int, int], dtype: str) -> None:
    rows, inner, columns = sizes
    shapes = [[rows, inner], [inner, columns]]
    for i in {"neither": [], "first": [0], "second": [1], "both": [0, 1]}[turned]:
        shapes[i].reverse()
    g = Build(*[f"{dtype}[{a},{b}]" for a, b in shapes])
    x, y = g.inputs
    x = g("permute_dims", x, axes=(1, 0)) if turned in ("first", "both") else x
    y = g("permute_dims", y, axes=(1, 0)) if turned in ("second", "both") else y
    graph = g.graph(g("negative", g("matmul", x, y)))
    assert "matmul" not in names(graph)
    assert check(graph)


@pytest.mark.parametrize(
    "inputs", [("float32[4,3]", "float32[3,2]"), ("int32[4,3]", "int32[3,1]"), ("float32[2,4,3]", "float32[2,3,1]"),
               (f"float32[{MOST},2]", "float32[2,1]"), ("complex64[4,3]", "complex64[3,1]"),
               ("float32[4,1]", "float32[1,1]"), ("float32[0,3]", "float32[3,1]")],
)  # fmt: skip
def test_other_products_stay(inputs: tuple[str, ...]) -> None:
    g = Build(*inputs)
    graph = g.graph(g("matmul", *g.inputs))
    assert products_as_sums(graph) is graph


@needs_compiler
def test_a_least_squares_gradient_is_one_loop() -> None:
    g = Build("float32[100,5]", "float32[5,1]", "float32[100,1]")
    x, w, y = g.inputs
    rest = g("subtract", g("matmul", x, w), y)
    loss = g("sum", g("square", rest), axes=(0, 1))
    gradient = g("matmul", g("permute_dims", x, axes=(1, 0)), g("multiply", rest, 2.0))
    graph = g.graph(loss, gradient)
    text = check(graph)
    assert text.count("for (long i_") == 1  # all rows, once
    source = numpy_program(graph, native=True).source
    assert source.count("mend(") == 1
    assert "transpose" not in source
    found = numpy_program(graph, native=True)(*[np.ones(v.type.shape, "float32") for v in graph.inputs])
    np.testing.assert_array_equal(found[1], np.full((5, 1), 800, "float32"))
