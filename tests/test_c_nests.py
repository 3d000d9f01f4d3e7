"""Programs with loop nests in C against the same programs in NumPy: fusion, reductions, indices, memory, threads."""

from __future__ import annotations

import math
import textwrap
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from processes import run_alone
from test_numpy_program_random import _ROUNDED, graphs, value

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad.codegen.c.nest import Nest
from funcgrad.codegen.c.toolchain import toolchain
from funcgrad.codegen.numpy_program import Program, numpy_program
from funcgrad.core import raw
from funcgrad.errors import ArrayIndexError
from funcgrad.graph.ir import Graph, evaluate
from funcgrad.graph.passes import simplify

pytestmark = pytest.mark.skipif(toolchain() is None, reason="there is no C compiler")
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def every_nest(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small."""
    monkeypatch.setattr(Nest, "pays", lambda self: True)


def normal(*shape: int, dtype: str = "float32") -> fg.Array:
    return fnp.asarray(RNG.normal(size=shape).astype(dtype))


def whole(*shape: int, below: int = 10, dtype: str = "int64") -> fg.Array:
    return fnp.asarray(RNG.integers(0, below, shape).astype(dtype))


def graph_of(f: Any, *args: Any) -> Graph:
    return simplify(fg.make_graph(f)(*args))


def native(graph: Graph) -> Program:
    program = numpy_program(graph, native=True)
    assert program.compiled, "nothing was compiled"
    return program


def assert_close(found: Any, expected: Any, rtol: float) -> None:
    found, expected = np.asarray(raw(found)), np.asarray(raw(expected))
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    if found.dtype.kind in "fc":
        scale = np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected))
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * scale)
    else:
        np.testing.assert_array_equal(found, expected)


def check(f: Any, *args: Any, rtol: float = 2e-6) -> Program:
    """Values like those of NumPy, twice, since memory may have been written over."""
    with np.errstate(all="ignore"):
        graph = graph_of(f, *args)
    program = native(graph)
    leaves = fg.tree.leaves(args)
    with np.errstate(all="ignore"):
        expected = evaluate(graph, leaves)
    for _ in range(2):
        with np.errstate(all="ignore"):
            found = program.function(*map(raw, leaves))
        for a, b in zip(found, expected, strict=True):
            assert_close(a, b, rtol)
    return program


X, ROW, COLUMN, MASK = normal(50, 33), normal(33), normal(50, 1), whole(50, 33, below=2, dtype="bool")
LABELS = whole(50, below=33)


def beside(a: Any, b: Any, c: Any) -> Any:
    """A sum of a middle axis that is like an operand that nobody reads any more."""
    product = (a @ b)[:, None]
    return (product * c).sum(1, keepdims=True) * 2


FUSED = {
    "gelu and its gradient": (lambda b, x: fg.value_and_grad(lambda b: (F.gelu(x + b) * x).sum())(b), ROW, X),
    "softmax": (F.softmax, X),
    "log softmax": (F.log_softmax, X),
    "cross entropy": (lambda x, y: fg.value_and_grad(lambda x: F.cross_entropy(x, y))(x), X, LABELS),
    "layer norm": (fg.grad(lambda *a: (F.layer_norm(*a) ** 2).sum(), argnums=(0, 1, 2)), X, ROW, ROW),
    "maximum of rows, three times": (lambda x: (x.max(1), (x - x.max(1, keepdims=True)).min(1), x.sum()), X),
    "a column beside a row": (lambda c, r: fnp.tanh(c * r + 1).sum(1), COLUMN, ROW),
    "sums over rows, columns and all": (lambda x: ((x * x).sum(0), (x * x).sum(1), (x * x).sum()), X),
    "maxima over rows, columns and all": (lambda x: ((x * x).max(0), (x * x).min(1), (x + x).max()), X),
    "three axes": (lambda x, b: (x * b).sum((1, 2)) + (x * 2).sum((1, 2)), normal(5, 6, 7), normal(6, 1)),
    "the first two of three axes": (lambda x: ((x * 2).sum((0, 1)), (x * 3).max((0, 1))), normal(5, 6, 7)),
    "the middle one of three axes": (lambda x: ((x * 2).sum(1), x.max(1), (x * 3).min(1) + 1), normal(5, 6, 7)),
    "the middle two of four axes": (lambda x: (x * x).mean((1, 2)) + x.sum((1, 2)), normal(5, 3, 4, 7)),
    "the middle axis beside others": (lambda x: ((x * 2).sum(1), (x * 2).sum((1, 2)), (x * 2).sum()), normal(5, 6, 7)),
    "the second of four axes": (lambda x: (x * 2).sum(1) + (x * 3).sum(1), normal(5, 6, 3, 4)),
    "axes that are not neighbours": (lambda x: (x * 2).sum((1, 3)), normal(5, 6, 3, 4)),
    "into memory like an operand's": (beside, normal(5, 6), normal(6, 7), normal(5, 3, 7)),
    "rows of rows": (lambda x: F.softmax(x) * 2, normal(5, 6, 7)),
    "masks": (lambda x, m: fnp.where(m, x, 0.0) * (x > 0) + fnp.where(x > 1, 1.0, x), X, MASK),
    "numbers": (lambda x, a, b: x * a + b, X, 0.5, 3),
    "one element": (lambda x, a, b: x * a + b, X, fnp.asarray([0.5]), fnp.asarray(3.0)),
    "whole numbers": (lambda x: (x * 3 - 1, (x + 1).sum(0), (x * x).max(1)), whole(20, 30, below=100, dtype="int32")),
    "bytes": (lambda x: (x * 3 + 250, (x + x).sum()), whole(20, 30, below=200, dtype="uint8")),
    "doubles": (lambda x: (fnp.exp(x).sum(1), fnp.exp(x) * 2), normal(20, 30, dtype="float64")),
    "many lines": (lambda x: (x * 2 + 1).sum(), normal(20_001)),
    "an optimiser": (lambda p, m, g: (p - 0.1 * (0.9 * m + g), 0.9 * m + g), X, X, X),
    "a value that is read in two walks": (lambda x: fnp.exp(x) / fnp.exp(x).sum(1, keepdims=True) + fnp.exp(x), X),
    "an operand that is written over, and read after that": (lambda a, b: over(a, a @ b), normal(9, 9), normal(9, 9)),
    "truth": (lambda x: ((x > 0).astype("float32").sum(), (x > 0) & (x < 1), ~(x > 0)), X),
}  # fmt: skip


def over(a: Any, product: Any) -> Any:
    """Nobody reads the product any more, and the first result goes into its memory."""
    return a * 2, product + a, product * a


@pytest.mark.parametrize("name", FUSED)
def test_fused_loops(name: str) -> None:
    f, *args = FUSED[name]
    check(f, *args)


def test_all_of_a_softmax_is_one_loop() -> None:
    program = check(F.softmax, X)
    assert program.source.count("nest") == 2  # the call, and what mends it
    assert "np." not in program.source.replace("np.empty", "")


@pytest.mark.parametrize("special", [math.nan, math.inf, -math.inf, 1e-42, -0.0])
@pytest.mark.parametrize(
    "f",
    [
        F.softmax,
        lambda x: x.reshape(5, 10, 33).max(1),
        lambda x: x.max(1),
        lambda x: x.min(0),
        lambda x: x.sum(1),
        F.relu,
    ],
    ids=["softmax", "max in the middle", "max", "min", "sum", "relu"],
)
def test_special_values(f: Any, special: float) -> None:
    x = np.array(X)
    x[3, 5] = special
    x[7] = special
    check(lambda x: f(x * 1.0) + 0.0, fnp.asarray(x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_exponential_of_which_nothing_remains(dtype: str) -> None:
    least = -104.0 if dtype == "float32" else -746.0
    x = np.array([least * f for f in (0.9, 0.98, 0.99, 0.999, 0.9999, 1.0, 1.00001, 1.1, 10.0, math.inf)] * 5, dtype)
    x[::7], x[3], x[17] = 0.5, math.nan, -math.nan
    (found,) = native(graph_of(fnp.exp, fnp.asarray(x))).function(x)
    smallest = np.finfo(dtype).smallest_subnormal
    np.testing.assert_allclose(found, np.exp(x), rtol=1e-6, atol=2 * smallest)
    assert (found[x < least] == 0).all()


def test_long_rows_are_kept_on_the_heap() -> None:
    check(F.softmax, normal(3, 50_000), rtol=1e-5)


def test_sums_are_as_exact_as_numpy() -> None:
    x = fnp.asarray(RNG.uniform(0, 1, (3, 1_000_000)).astype("float32"))
    program = native(graph_of(lambda x: ((x * 1.5).sum(1), (x * 1.5).sum()), x))
    rows, everything = program.function(raw(x))
    exact = (np.asarray(x) * np.float32(1.5)).astype("float64")
    np.testing.assert_allclose(rows, exact.sum(1), rtol=2e-7)
    np.testing.assert_allclose(everything, exact.sum(), rtol=2e-7)


@pytest.mark.parametrize("order", ["columns first", "reversed", "every other"])
def test_operands_in_another_order(order: str) -> None:
    x = np.array(X)
    x = {"columns first": np.asfortranarray(x), "reversed": x[::-1], "every other": np.repeat(x, 2, 1)[:, ::2]}[order]
    graph = graph_of(lambda x: (F.softmax(x), x * 2), X)
    for a, b in zip(native(graph).function(x), evaluate(graph, [fnp.asarray(x)]), strict=True):
        assert_close(a, b, 1e-6)


@pytest.mark.parametrize("label", [33, -34])
def test_an_index_that_is_out_of_range(label: int) -> None:
    f = lambda x, y: fg.value_and_grad(lambda x: F.log_softmax(x)[fnp.arange(50), y].sum())(x)  # noqa: E731
    program = check(f, X, LABELS - 33)
    labels = np.array(LABELS)
    labels[17] = label
    with pytest.raises(ArrayIndexError, match="out of range"):
        program.function(raw(X), labels)


def test_results_do_not_depend_on_the_number_of_threads() -> None:
    program = """
        import numpy as np, funcgrad as fg, funcgrad.numpy as fnp, hashlib
        from funcgrad.codegen.numpy_program import numpy_program
        from funcgrad.graph.passes import simplify
        x = fnp.asarray(np.random.default_rng(0).normal(size=(500, 301)).astype("float32"))
        f = lambda x: (fnp.tanh(x).sum(), fnp.tanh(x).sum(0), fnp.tanh(x).max(1))
        program = numpy_program(simplify(fg.make_graph(f)(x)), native=True)
        assert program.compiled
        print(hashlib.sha256(b"".join(np.asarray(v).tobytes() for v in program.function(x._data))).hexdigest())
    """
    found = {run_alone(textwrap.dedent(program), OMP_NUM_THREADS=str(n)).stdout for n in (1, 2, 3, 7)}
    assert len(found) == 1
    assert len(found.pop()) == 65


def close_to(graph: Graph, seed: int) -> None:
    values = [value(v.type, seed + i) for i, v in enumerate(graph.inputs)]
    program = numpy_program(graph, native=True)
    with np.errstate(all="ignore"):
        try:
            expected = evaluate(graph, values)
        except Exception as error:
            with pytest.raises(type(error)):
                program.function(*map(raw, values))
            return
        found = program.function(*map(raw, values))
    # products and sums are rounded as eager's are, but for the order of what is added up
    rtol = 1e-5 if any(e.op.name == "sum" for e in graph.eqns) else 0.0
    for a, b in zip(found, expected, strict=True):
        x, y = np.asarray(raw(a)), np.asarray(raw(b))
        assert (x.dtype, x.shape) == (y.dtype, y.shape), program.source
        same = (x == y) | ((x != x) & (y != y))
        if x.dtype.kind in "fc":
            with np.errstate(all="ignore"):
                same |= np.abs(x - y) <= rtol * np.abs(y) + 1e-30 * (rtol > 0)
        assert same.all(), f"{graph}\n{program.source}\n{program.compiled}"


EXACT = graphs(without=_ROUNDED | {"prod"})


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(EXACT, st.integers(0, 2**31))
def test_random_graphs(graph: Graph, seed: int) -> None:
    close_to(graph, seed)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(EXACT, st.integers(0, 2**31))
def test_many_random_graphs(graph: Graph, seed: int) -> None:
    close_to(graph, seed)
