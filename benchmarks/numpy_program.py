"""NumPy programs beside eager work, PyTorch and JAX: `python benchmarks/numpy_program.py [--save FILE]`.

Each row is a graph made by hand, as `jit` makes it of a function, run as a program; and the same function in funcgrad
without a graph, in PyTorch, and in `jax.jit`. The libraries take turns, many rounds in one process; medians are
compared, and the ratios are what counts.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from saving import save

import funcgrad.numpy as fnp
from funcgrad.codegen.numpy_program import numpy_program
from funcgrad.core import PRIMITIVES, Array, Aval
from funcgrad.graph.check import result_type
from funcgrad.graph.ir import Eqn, Graph, Literal, Var, evaluate
from funcgrad.provenance import here

CHAIN = 20
SLOPE = math.sqrt(2 / math.pi)
Row = dict[str, Callable[[], Any]]


class Build:
    """A graph in the making, an equation a call."""

    def __init__(self, *values: Any):
        self.inputs = [Var(Aval(v.shape, v.dtype)) for v in values]
        self.eqns: list[Eqn] = []

    def __call__(self, name: str, *operands: Any, **params: Any) -> Var:
        atoms = [x if isinstance(x, Var) else Literal(x) for x in operands]
        out = Var(result_type(PRIMITIVES[name], atoms, params))
        self.eqns.append(Eqn(PRIMITIVES[name], atoms, params, [out], here()))
        return out

    def graph(self, *outputs: Var) -> Graph:
        return Graph(tuple(self.inputs), tuple(self.eqns), outputs)


# ---- what is computed --------------------------------------------------------------------------


def gelu_graph(*values: Any) -> Graph:
    """gelu(x + b) * m, by tanh."""
    g = Build(*values)
    x, b, m = g.inputs
    c = g("add", x, b)
    cube = g("multiply", g("multiply", c, c), c)
    factor = g("add", 1, g("tanh", g("multiply", SLOPE, g("add", c, g("multiply", 0.044715, cube)))))
    return g.graph(g("multiply", g("multiply", g("multiply", 0.5, c), factor), m))


def softmax_graph(logits: Any, targets: Any) -> Graph:
    """The mean cross entropy of softmax(logits) with one-hot targets, and its gradient."""
    g = Build(logits, targets)
    x, t = g.inputs
    rows, n = (logits.shape[0], 1), logits.shape[0]
    shifted = g("subtract", x, g("reshape", g("max", x, axes=(1,)), shape=rows))
    e = g("exp", shifted)
    total = g("reshape", g("sum", e, axes=(1,)), shape=rows)
    loss = g("sum", g("multiply", t, g("subtract", g("log", total), shifted)), axes=(0, 1))
    gradient = g("multiply", g("subtract", g("divide", e, total), t), 1 / n)
    return g.graph(g("multiply", loss, 1 / n), gradient)


def chain_graph(x: Any) -> Graph:
    """Twenty operations on a few elements, each of which waits for the one before."""
    g = Build(x)
    y = g.inputs[0]
    for _ in range(CHAIN // 2):
        y = g("multiply", g("sin", y), 1.5)
    return g.graph(y)


def gelu_in(xp: Any, x: Any, b: Any, m: Any) -> Any:
    c = x + b
    return 0.5 * c * (1 + xp.tanh(SLOPE * (c + 0.044715 * (c * c * c)))) * m


def softmax_in(xp: Any, x: Any, t: Any) -> Any:
    largest = xp.amax(x, 1) if hasattr(xp, "amax") else xp.max(x, axis=1)
    shifted = x - largest[:, None]
    e = xp.exp(shifted)
    total = xp.sum(e, 1)[:, None]
    return (t * (xp.log(total) - shifted)).sum() / len(x), (e / total - t) * (1 / len(x))


def chain_in(xp: Any, x: Any) -> Any:
    for _ in range(CHAIN // 2):
        x = xp.sin(x) * 1.5
    return x


# ---- who computes it ---------------------------------------------------------------------------


def funcgrad_row(graph: Graph, function: Callable[..., Any], values: list[Any]) -> Row:
    program, arrays = numpy_program(graph).function, [Array(v) for v in values]
    for found, expected in zip(program(*values), evaluate(graph, arrays), strict=True):
        assert np.asarray(found).tobytes() == expected._data.tobytes()
    return {"program": lambda: program(*values), "eager": lambda: function(fnp, *arrays)}


def torch_row(function: Callable[..., Any], values: list[Any]) -> Row:
    import torch

    tensors = [torch.from_numpy(v.copy()) for v in values]
    return {"torch": lambda: function(torch, *tensors)}


def jax_row(function: Callable[..., Any], values: list[Any]) -> Row:
    import jax

    compiled = jax.jit(lambda *xs: function(jax.numpy, *xs))
    arrays = [jax.numpy.asarray(v) for v in values]
    return {"jax": lambda: jax.block_until_ready(compiled(*arrays))}


def compare(row: Row, repeats: int, rounds: int) -> dict[str, float]:
    """The median seconds of a call for each, taking turns."""
    times: dict[str, list[float]] = {name: [] for name in row}
    for work in row.values():
        work()
    for _ in range(rounds):
        for name, work in row.items():
            start = time.perf_counter()
            for _ in range(repeats):
                work()
            times[name].append((time.perf_counter() - start) / repeats)
    return {name: statistics.median(found) for name, found in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21, help="timed rounds a row (default 21)")
    parser.add_argument("--save", metavar="FILE", help="write the results as JSON")
    options = parser.parse_args()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    random = np.random.default_rng(0)
    x, b, m = (random.standard_normal(s, dtype=np.float32) for s in ((4096, 1024), 1024, (4096, 1024)))
    logits = random.standard_normal((4096, 1000), dtype=np.float32)
    targets = np.eye(1000, dtype=np.float32)[random.integers(0, 1000, 4096)]
    few = np.ones(8, np.float32)
    rows: list[tuple[str, Any, Any, list[Any], int, float]] = [
        ("gelu(x + b) * m, 4096x1024, ms", gelu_graph, gelu_in, [x, b, m], 1, 1e3),
        ("gelu(x + b) * m, 128x1024, ms", gelu_graph, gelu_in, [x[:128].copy(), b, m[:128].copy()], 20, 1e3),
        ("softmax cross entropy, 4096x1000, ms", softmax_graph, softmax_in, [logits, targets], 1, 1e3),
        (f"{CHAIN} operations on 8 elements, us an operation", chain_graph, chain_in, [few], 500, 1e6 / CHAIN),
    ]
    columns = ["program", "eager", "torch", "jax"]
    print(f"{'':<48}" + "".join(f"{name:>10}" for name in columns) + "   program / eager, torch, jax")
    results: dict[str, dict[str, float]] = {}
    missing: set[str] = set()
    for title, make, function, values, repeats, scale in rows:
        row = funcgrad_row(make(*values), function, values)
        for name, other in (("torch", torch_row), ("jax", jax_row)):
            try:
                row |= other(function, values)
            except ImportError:
                missing.add(name)
        found = {name: scale * seconds for name, seconds in compare(row, repeats, options.rounds).items()}
        results[title] = found
        cells = "".join(f"{found[name]:>10.3f}" if name in found else f"{'-':>10}" for name in columns)
        ratios = "".join(f"{found['program'] / found[name]:>8.2f}" for name in columns[1:] if name in found)
        print(f"{title:<48}{cells}{ratios}")
    if missing:
        print(f"(not installed: {', '.join(sorted(missing))})")
    if options.save:
        save(options.save, {"torch", "jax"} - missing, results)


if __name__ == "__main__":
    main()
