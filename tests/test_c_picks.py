"""Elements of rows that are picked before what is computed of the rows."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import Build
from test_c_nests_random import check, every_nest  # noqa: F401  # a fixture

from funcgrad.codegen.c.picks import picks_of_operands
from funcgrad.codegen.c.toolchain import toolchain
from funcgrad.codegen.numpy_program import numpy_program
from funcgrad.core import Array
from funcgrad.graph.ir import Var

needs_compiler = pytest.mark.skipif(toolchain() is None, reason="there is no C compiler")
LABELS = np.array([3, -1, 0, 5, -6])


def picked(g: Build, x: Var, labels: Var) -> Var:
    return g("gather", x, Array(np.arange(x.type.shape[0])), labels)


def names(graph: object) -> list[str]:
    return [e.op.name for e in picks_of_operands(graph).eqns]  # type: ignore[arg-type]


def test_the_example() -> None:
    g = Build("float32[5,6]", "float32[5,1]", "int64[5]")
    a, c, labels = g.inputs
    assert names(g.graph(picked(g, g("subtract", a, c), labels))) == ["subtract", "gather", "reshape", "subtract"]


@needs_compiler
@pytest.mark.parametrize("other", ["float32[5,6]", "float32[5,1]", "float32[1,1]", "float32[1]", "float32[]", "float"])
@pytest.mark.parametrize("depth", [1, 3, 6])
def test_the_same_values(depth: int, other: str) -> None:
    g = Build("float32[5,6]", *([float] if other == "float" else [other]), "int64[5]")
    x, y, labels = g.inputs
    for k in range(depth):
        x = g(["subtract", "multiply"][k % 2], *((x, y) if k % 3 else (y, x)))
    graph = g.graph(picked(g, x, labels), g("negative", x))
    random = np.random.default_rng(0)
    values = [random.normal(size=v.type.shape).astype("float32") for v in g.inputs[:2]]
    values[1] = 0.75 if other == "float" else values[1]
    assert check(graph, [*values, LABELS])


@needs_compiler
def test_log_softmax_keeps_no_row_for_its_labels() -> None:
    g = Build("float32[5,6]", "int64[5]")
    x, labels = g.inputs
    rest = g("subtract", x, g("reshape", g("max", x, axes=(1,)), shape=(5, 1)))
    total = g("reshape", g("log", g("sum", g("exp", rest), axes=(1,))), shape=(5, 1))
    graph = g.graph(picked(g, g("subtract", rest, total), labels))
    text = check(graph, [np.random.default_rng(0).normal(size=(5, 6)).astype("float32"), LABELS])
    assert "row_" not in text


@needs_compiler
def test_an_index_that_is_out_of_range_is_an_error() -> None:
    g = Build("float32[5,6]", "float32[5,1]", "int64[5]")
    a, c, labels = g.inputs
    graph = g.graph(picked(g, g("subtract", a, c), labels), g("negative", a))
    values = np.ones((5, 6), "float32"), np.ones((5, 1), "float32"), np.array([0, 1, 2, 3, 6])
    with pytest.raises(IndexError):
        numpy_program(graph, native=True).function(*values)


def test_what_is_dear_or_no_number_of_the_row() -> None:
    def named(name: str, *of: int) -> list[str]:
        g = Build("float32[5,6]", "float32[1,6]", "int64[5]")
        return names(g.graph(picked(g, g(name, *(g.inputs[i] for i in of)), g.inputs[2])))

    assert named("exp", 0) == ["exp", "gather"]
    assert named("add", 0, 1) == ["add", "gather"]
    assert named("negative", 0) == ["negative", "gather", "negative"]
