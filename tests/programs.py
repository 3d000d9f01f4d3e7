"""What the tests of NumPy programs share: a graph, numbers, and the statements of a program."""

from __future__ import annotations

from typing import Any

import numpy as np
from graphs import Build

import funcgrad.functional  # noqa: F401  # it registers operations of its own
from funcgrad.codegen.numpy_program import numpy_program
from funcgrad.graph.ir import Graph


def run(graph: Graph, *raws: Any, **options: Any) -> Any:
    return numpy_program(graph, **options).function(*raws)


def text(graph: Graph, **options: Any) -> list[str]:
    """The statements of the program."""
    lines = numpy_program(graph, **options).source.splitlines()
    return [line[4:] for line in lines[1:] if not line.strip().startswith("#")]


def numbers(*shape: int, dtype: str = "float32") -> Any:
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def gelu(shape: str, bias: str) -> Graph:
    g = Build(f"float32[{shape}]", f"float32[{bias}]", f"float32[{shape}]")
    x, b, m = g.inputs
    c = g("add", x, b)
    inner = g("multiply", 0.7978845608, g("add", c, g("multiply", 0.044715, g("multiply", g("multiply", c, c), c))))
    factor = g("add", 1, g("tanh", inner))
    return g.graph(g("multiply", g("multiply", g("multiply", 0.5, c), factor), m))
