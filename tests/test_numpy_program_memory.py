"""What NumPy programs do with memory: what is written over, what is freed, and what runs in tiles."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import numpy as np
import pytest
from graphs import Build, bits
from programs import gelu, numbers, run, text

from funcgrad.codegen import fusion, memory
from funcgrad.codegen.numpy_program import numpy_program
from funcgrad.codegen.order import dying_soon
from funcgrad.core import Array, Call, wrap
from funcgrad.device import Device
from funcgrad.graph.ir import Graph, evaluate

# ---- memory ------------------------------------------------------------------------------------


def test_large_results_are_written_over_operands_that_nobody_reads_any_more() -> None:
    assert text(gelu("128,1024", "1024")) == [
        "if not a.flags.c_contiguous:  # the same without plans for memory",
        "    return plain(a, b, c)",
        "arena, (d, e) = borrow(plan0)  # 1 MiB",
        "np.add(a, b, out=d)",
        "np.multiply(d, d, out=e)",
        "e *= d",
        "np.multiply(0.044715, e, out=e)",
        "np.add(d, e, out=e)",
        "np.multiply(0.7978845608, e, out=e)",
        "np.tanh(e, out=e)",
        "np.add(1, e, out=e)",
        "np.multiply(0.5, d, out=d)",
        "m = d * e",
        "m *= c",
        "give_back(arena)",
        "return (m,)",
    ]


LARGE = "float32[100,200]"


def test_nothing_is_written_over_that_a_view_still_shows() -> None:
    for view in [
        {"name": "reshape", "shape": (200, 100)},
        {"name": "permute_dims", "axes": (1, 0)},
        {"name": "slice", "key": (slice(None, None, 2),)},
        {"name": "broadcast_to", "shape": (2, 100, 200)},
        {"name": "stop_gradient"},
    ]:
        g = Build(LARGE)
        b = g("tanh", *g.inputs)
        name, params = view["name"], {k: v for k, v in view.items() if k != "name"}
        seen = g(name, b, **params)
        graph = g.graph(g("square", b), g("sum", seen, axes=(0,)))
        assert "out=" not in numpy_program(graph).source, name
        # and where it has been read before
        g = Build(LARGE)
        b = g("tanh", *g.inputs)
        total = g("sum", g(name, b, **params), axes=(0,))
        graph = g.graph(g("square", b), total)
        assert "np.square(b, out=b)" in numpy_program(graph).source, name


def test_nothing_is_written_over_that_is_not_the_programs_own() -> None:
    class Same(Call):
        name = "same"

        def evaluate(self, args: Any) -> Any:
            return args

    x = Array(numbers(100, 200))
    g = Build(LARGE)
    a = g.inputs[0]
    (b,) = g.call(Same(), [a], [LARGE])
    outs = [
        g("add", a, 1), g("add", b, 1), g("add", x, 1), g("add", g("slice", a, key=()), 1),
        g("square", g("device_put", a, source=Device("cpu"), target=Device("cpu"))),
        g("negative", g("round", a)),
    ]  # fmt: skip
    source = numpy_program(g.graph(*outs)).source
    assert "out=" not in source
    assert "+=" not in source
    before = x._data.copy()
    run(g.graph(*outs), numbers(100, 200))
    np.testing.assert_array_equal(x._data, before)


def test_nothing_is_written_over_that_a_call_was_shown() -> None:
    class Keep(Call):
        name, opaque, effect = "keep", True, True

        def evaluate(self, args: Any) -> Any:
            kept.append(args[0]._data)
            return []

    kept: list[Any] = []
    for view in (False, True):
        g = Build(LARGE)
        b = g("tanh", *g.inputs)
        g.call(Keep(), [g("permute_dims", b, axes=(1, 0)) if view else b], [])
        (found,) = run(g.graph(g("square", b)), numbers(100, 200))
        np.testing.assert_array_equal(kept[-1].T if view else kept[-1], np.tanh(numbers(100, 200)))
        np.testing.assert_array_equal(found, np.square(np.tanh(numbers(100, 200))))


# ---- donated inputs ----------------------------------------------------------------------------


def test_results_are_written_over_donated_inputs_that_are_dead() -> None:
    g = Build(LARGE, LARGE, LARGE)
    p, m, grad = g.inputs
    m = g("add", g("multiply", 0.1, grad), g("multiply", 0.9, m))
    graph = g.graph(g("subtract", p, g("multiply", 0.01, m)), m)
    assert text(graph, donated=(0, 1))[2:] == [
        "d = 0.1 * c",
        "begun.append(True)  # from here on donated arrays are written over",
        "np.multiply(0.9, b, out=b)",
        "np.add(d, b, out=b)",
        "del d",
        "g = 0.01 * b",
        "a -= g",
        "return (a, b)",
    ]
    program = numpy_program(graph, donated=(0, 1))
    assert sorted(program.taken) == [0, 1]
    given, begun = [numbers(100, 200) + i for i in range(3)], []
    expected = run(graph, *[x.copy() for x in given])
    found = program.function(begun, *given)
    assert begun
    assert found[0] is given[0]
    assert found[1] is given[1]
    for x, y in zip(found, expected, strict=True):
        np.testing.assert_array_equal(x, y)


def test_donated_inputs_live_as_long_as_something_may_raise() -> None:
    g = Build(LARGE, LARGE, "int64[3]")
    x, y, index = g.inputs
    a = g("square", x)  # could be written over x
    row = g("gather", y, index)  # may raise
    b = g("multiply", y, g("sum", row, axes=(0, 1)))
    program = numpy_program(g.graph(a, b), donated=(0, 1))
    assert program.taken == (1,)
    begun: list[bool] = []
    with pytest.raises(IndexError):
        program.function(begun, numbers(100, 200), numbers(100, 200), np.array([0, 1, 900]))
    assert not begun


def test_updates_die_as_soon_as_they_can() -> None:
    g = Build(*[LARGE] * 6)
    ps, grads = g.inputs[:3], g.inputs[3:]
    steps = [g("multiply", 0.1, grad) for grad in grads]
    signs = [g("tanh", step) for step in steps]
    graph = g.graph(*[g("add", p, step) for p, step in zip(ps, signs, strict=True)])
    lines = text(graph, donated=(0, 1, 2))
    assert [line for line in lines if "begun" not in line][2:] == [
        "g = 0.1 * d", "np.tanh(g, out=g)", "a += g", "del g",
        "j = 0.1 * e", "np.tanh(j, out=j)", "b += j", "del j",
        "m = 0.1 * f", "np.tanh(m, out=m)", "c += m",
        "return (a, b, c)",
    ]  # fmt: skip
    # not where an input is still needed in the place that it had, and not before what may raise
    g = Build(LARGE, LARGE, "int64[3]")
    p, grad, index = g.inputs
    step = g("multiply", 0.1, grad)
    other = g("tanh", grad)
    new, late = g("add", p, step), g("multiply", p, other)
    row = g("gather", grad, index)
    order = dying_soon(g.graph(new, late, row), [p]).eqns
    assert list(order) == g.eqns


def test_small_donated_inputs_are_left_alone() -> None:
    g = Build("float32[3]")
    graph = g.graph(g("square", *g.inputs))
    program = numpy_program(graph, donated=(0,))
    assert program.taken == ()
    assert program is numpy_program(graph)


def test_results_that_are_given_out_are_not_written_over() -> None:
    g = Build(LARGE)
    b = g("tanh", *g.inputs)
    c = g("square", b)
    graph = g.graph(b, c, g("square", c))
    assert "out=" not in numpy_program(graph).source
    assert [bits(wrap(x)) for x in run(graph, numbers(100, 200))] == [
        bits(x) for x in evaluate(graph, [Array(numbers(100, 200))])
    ]


def test_large_values_are_freed_after_their_last_use() -> None:
    g = Build("float64[1000,100]")
    x = g.inputs[0]
    for _ in range(20):
        x = g("cumulative_sum", g("round", x), axis=0, reverse=False)
    program, data = numpy_program(g.graph(g("sum", x, axes=(0, 1)))), np.ones((1000, 100))
    gc.collect()
    tracemalloc.start()
    program.function(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * data.nbytes


def test_arrays_in_another_order_take_the_plain_program() -> None:
    """In which NumPy may not elide temporaries either: d * c goes into a new array in C's order, not over d."""
    graph = gelu("128,1024", "1024")
    values = [numbers(128, 1024), numbers(1024), numbers(128, 1024)]
    for place in (0, 2):
        turned = list(values)
        turned[place] = np.asfortranarray(values[place])
        (found,), (expected,) = run(graph, *turned), evaluate(graph, list(map(Array, turned)))
        assert found.strides == expected._data.strides
        assert bits(wrap(found)) == bits(expected)


def test_a_constant_that_repeats_one_number_decides_no_order() -> None:
    one = np.broadcast_to(np.float32(1), (100, 200))
    for constant in (lambda g: Array(one), lambda g: g("reshape", Array(one), shape=(100, 200))):
        g = Build(LARGE, LARGE)
        graph = g.graph(g("multiply", g("add", constant(g), g.inputs[0]), g.inputs[1]))
        for first in (numbers(100, 200), np.asfortranarray(numbers(100, 200))):
            values = [first, numbers(100, 200)]
            (found,), (expected,) = run(graph, *values), evaluate(graph, list(map(Array, values)))
            assert found.strides == expected._data.strides


def test_a_large_where_chooses_by_bits() -> None:
    g = Build("bool[100,200]", LARGE, LARGE)
    graph = g.graph(g("where", *g.inputs), g("where", g.inputs[0], g.inputs[1], -0.0))
    assert text(graph)[2:] == [
        "d = select(a, b, c, np.empty((100, 200), float32))",
        "e = select(a, b, -0.0, np.empty((100, 200), float32))",
        "return (d, e)",
    ]
    x = numbers(100, 200)
    x[::3], x[1::3] = np.nan, -0.0
    values = [x > 0, x, -x]
    found, expected = run(graph, *values), evaluate(graph, list(map(Array, values)))
    assert [f.tobytes() for f in found] == [e._data.tobytes() for e in expected]


# ---- tiles -------------------------------------------------------------------------------------


def test_the_text_of_a_chain_in_tiles() -> None:
    assert text(gelu("4096,1024", "1024")) == [
        "if not (a.flags.c_contiguous and c.flags.c_contiguous):  # the same without plans for memory",
        "    return plain(a, b, c)",
        "n = np.empty((4096, 1024), float32)",
        "",
        "def tile(rows, t0, t1):",
        "    np.add(a[rows], b, out=t0)",
        "    np.multiply(t0, t0, out=t1)",
        "    np.multiply(t1, t0, out=t1)",
        "    np.multiply(0.044715, t1, out=t1)",
        "    np.add(t0, t1, out=t1)",
        "    np.multiply(0.7978845608, t1, out=t1)",
        "    np.tanh(t1, out=t1)",
        "    np.add(1, t1, out=t1)",
        "    np.multiply(0.5, t0, out=t0)",
        "    np.multiply(t0, t1, out=t1)",
        "    np.multiply(t1, c[rows], out=n[rows])",
        "",
        "run(tile, 4096, 128, 46137344, ((1024,), float32), ((1024,), float32))",
        "return (n,)",
    ]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles of a KiB, and memory planned from a KiB on."""
    monkeypatch.setattr(memory, "LARGE", 1024)
    monkeypatch.setattr(fusion, "TILE", 1024)
    monkeypatch.setattr(fusion, "FEWEST", 2)


def assert_same(graph: Graph, *raws: Any) -> str:
    with np.errstate(all="ignore"):
        found, expected = run(graph, *raws), evaluate(graph, [wrap(x) for x in raws])
    assert [bits(wrap(x)) for x in found] == [bits(x) for x in expected]
    return numpy_program(graph).source


UNARY = [
    "sqrt", "exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "asin", "acos", "atan", "sinh",
    "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "erfc", "erfinv", "sigmoid", "softplus", "relu", "relu6", "round",
    "floor", "sign", "square", "reciprocal", "negative", "abs",
]  # fmt: skip


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(50, 40), (2011,), (1, 37, 64), (33, 3, 21)])
def test_functions_have_the_same_bits_in_tiles(shape: tuple[int, ...], dtype: str) -> None:
    for name in UNARY:
        g = Build(f"{dtype}[{','.join(map(str, shape))}]")
        source = assert_same(g.graph(g("multiply", g(name, *g.inputs), 1.0)), numbers(*shape, dtype=dtype) / 2)
        assert "run(tile" in source, name


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("shape", "other"),
    [
        ("50,40", "40"), ("50,40", "50,1"), ("50,40", "1,40"), ("50,40", "1"), ("50,40", "1,1,1"), ("50,40", ""),
        ("8,16,32", "32"), ("8,16,32", "16,1"), ("8,16,32", "8,1,32"), ("8,16,32", "8,1,1"), ("8,1,16,32", "8,1,1,32"),
        ("2000", "1"), ("2000,1", "2000,1"), ("2,1000", "2,1"),
    ],
)  # fmt: skip
def test_operands_are_broadcast_in_tiles(shape: str, other: str) -> None:
    g = Build(f"float32[{shape}]", f"float32[{other}]")
    a, b = g.inputs
    graph = g.graph(g("pow", g("abs", g("divide", g("add", a, b), b)), g("minimum", b, a)))
    source = assert_same(graph, *[numbers(*v.type.shape) for v in g.inputs])
    assert ("run(tile" in source) == (shape != "2,1000")  # whose rows are larger than two tiles


@pytest.mark.usefixtures("small")
def test_a_group_writes_over_dead_operands_and_keeps_what_is_read_later() -> None:
    g = Build("float32[64,64]", "float32[64,64]")
    a, b = g.inputs
    product = g("matmul", a, b)
    c = g("tanh", g("add", product, 1))
    d = g("multiply", c, c)
    e = g("less", d, 0.5)
    graph = g.graph(g("sum", g("where", e, d, product), axes=(1,)), c)
    source = assert_same(graph, numbers(64, 64), numbers(64, 64))
    assert "run(tile" in source
    assert source.count("np.empty") == 2  # c and the sum's operand: product is read to the end
    g = Build("float32[64,64]", "float32[64,64]")
    product = g("matmul", *g.inputs)
    graph = g.graph(g("tanh", g("add", product, 1)))
    source = assert_same(graph, numbers(64, 64), numbers(64, 64))
    assert "np.empty" not in source
    assert "out=c[rows]" in source or "out=c_flat[rows]" in source


@pytest.mark.usefixtures("small")
def test_equations_join_a_group_across_others() -> None:
    g = Build("float32[64,64]")
    (a,) = g.inputs
    b = g("tanh", a)
    total = g("sum", a, axes=(0, 1))
    c = g("multiply", b, total)  # waits for the sum, which reads nothing of the group
    d = g("add", b, 1)
    graph = g.graph(g("subtract", d, b), c)
    assert assert_same(graph, numbers(64, 64)).count("run(tile") == 1


@pytest.mark.usefixtures("small")
def test_equations_do_not_join_a_group_across_other_large_results() -> None:
    """The mask of the backward pass is not made, and kept, in the forward pass."""
    g = Build("float32[64,64]", "float32[64,64]")
    a, w = g.inputs
    b = g("relu", g("add", a, 1))
    c = g("matmul", b, w)
    mask = g("cast", g("greater", b, 0), dtype=np.dtype("float32"))
    source = assert_same(g.graph(g("multiply", c, mask), b), numbers(64, 64), numbers(64, 64))
    assert source.count("run(tile") == 2
    assert source.index("matmul") < source.index("np.greater")


@pytest.mark.usefixtures("small")
def test_casts_and_where_run_in_tiles() -> None:
    g = Build("float64[64,64]", "int32[64,64]")
    a, b = g.inputs
    c = g("convert", a, dtype=np.dtype("float32"))
    d = g("cast", b, dtype=np.dtype("float32"))
    e = g("where", g("logical_or", g("greater", c, d), g("isnan", c)), c, 2)
    graph = g.graph(g("cast", g("add", e, d), dtype=np.dtype("int64")), e)
    x = numbers(64, 64, dtype="float64")
    x[0, :5] = [np.nan, np.inf, -np.inf, -0.0, 0.0]
    assert "run(tile" in assert_same(graph, x, np.arange(64 * 64, dtype=np.int32).reshape(64, 64) % 3)


def test_tiles_are_shared_among_threads_under_the_callers_settings() -> None:
    graph = gelu("2048,1024", "1024")
    values = [numbers(2048, 1024), numbers(1024), numbers(2048, 1024)]
    (expected,) = evaluate(graph, list(map(Array, values)))
    (found,) = run(graph, *values)
    assert found.tobytes() == expected._data.tobytes()
    values[0][-1, -1] = np.inf
    values[2][-1, -1] = 0
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError):
        run(graph, *values)
    with np.errstate(invalid="ignore"):
        assert np.isnan(run(graph, *values)[0][-1, -1])
