"""NumPy programs: their text, who shares them, and what they answer."""

from __future__ import annotations

import gc
import math
import os
import struct
import threading
import traceback
import weakref
from typing import Any

import array_api_strict
import numpy as np
import pytest
from graphs import LINE, Build, bits
from processes import run_alone
from programs import gelu, numbers, run, text

from funcgrad.codegen import expressions
from funcgrad.codegen.numpy_program import Program, numpy_program
from funcgrad.core import PRIMITIVES, Array, Call, wrap
from funcgrad.device import Device
from funcgrad.graph.ir import Eqn, Graph, Literal, Var, evaluate
from funcgrad.provenance import here

# ---- text --------------------------------------------------------------------------------------


def test_the_text_of_a_program() -> None:
    assert numpy_program(gelu("4,8", "8")).source == (
        "def program(a, b, c):\n"
        "    # model.py:1\n"
        "    d = a + b\n"
        "    k = 1 + np.tanh(0.7978845608 * (d + 0.044715 * (d * d * d)))\n"
        "    return (0.5 * d * k * c,)\n"
    )


def test_a_comment_names_the_users_line_where_it_changes() -> None:
    code = compile("def f(x):\n    y = -x\n    return y + y", "/home/user/model.py", "exec").co_consts[0]
    lines = {line: start for start, _, line in code.co_lines()}
    g = Build("float32[3]")
    g.origin = (code, lines[2])
    y = g("negative", *g.inputs)
    z = g("multiply", y, 2)
    g.origin = (code, lines[3])
    assert numpy_program(g.graph(g("add", z, y))).source == (
        "def program(a):\n    # model.py:2\n    b = -a\n    # model.py:3\n    return (b * 2 + b,)\n"
    )


def test_operators_are_nested_with_the_parentheses_that_they_need() -> None:
    g = Build("int32[3]", "int32[3]")
    a, b = g.inputs
    assert text(g.graph(g("subtract", a, g("subtract", b, g("add", a, b)))))[-1] == "return (a - (b - (a + b)),)"
    assert text(g.graph(g("subtract", g("subtract", a, b), -1)))[-1] == "return (a - b - -1,)"
    assert text(g.graph(g("negative", g("negative", a))))[-1] == "return (--a,)"
    assert text(g.graph(g("equal", g("less", a, b), g("less", b, a))))[-1] == "return ((a < b) == (b < a),)"
    assert (
        text(g.graph(g("multiply", g("bitwise_or", a, b), g("bitwise_and", a, b))))[-1] == "return ((a | b) * (a & b),)"
    )
    assert (
        text(g.graph(g("cast", g("add", a, b), dtype=np.dtype("float32"))))[-1] == "return ((a + b).astype(float32),)"
    )


def test_long_expressions_are_broken_into_statements() -> None:
    g = Build("float32[3]")
    x = g.inputs[0]
    for _ in range(60):
        x = g("tanh", g("add", x, 1.5))
    lines = text(g.graph(x))
    assert len(lines) > 10
    assert max(map(len, lines)) <= 100
    assert max(line.count("(") for line in lines) <= 12


def test_what_stands_between_is_not_put_off() -> None:
    """b waits for its reader, but not past the statement of c: then things happen in the graph's order."""
    g = Build("float32[3]")
    b = g("tanh", *g.inputs)
    c = g("sin", *g.inputs)
    assert text(g.graph(g("add", g("multiply", c, c), b))) == ["b = np.tanh(a)", "c = np.sin(a)", "return (c * c + b,)"]


def test_names_that_mean_something_in_python_are_not_given_to_variables() -> None:
    g = Build("float32[3]")
    x = g.inputs[0]
    for _ in range(720):
        x = g("add", x, x)
    source = numpy_program(g.graph(x)).source
    assert "    if_ = ie + ie\n" in source
    assert "    is_ = ir + ir\n" in source
    np.testing.assert_array_equal(run(g.graph(x), np.zeros(3, np.float32))[0], 0)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, -0.0, 1e300, 5e-324, complex(-0.0, math.inf), complex(0.0, -0.0), 1j, True]
)
def test_numbers_are_written_exactly(value: Any) -> None:
    g = Build("complex128[2]")
    found = run(g.graph(value, g("add", g.inputs[0], value)), np.zeros(2, complex))
    assert type(found[0]) is type(value)
    assert repr(found[0]) == repr(value)


def test_arrays_and_parameters_without_a_text_are_bound_by_name() -> None:
    g = Build("float32[3]")
    c = Array(numbers(3))
    out = g("device_put", g("add", g.inputs[0], c), source=Device("cpu"), target=Device("cpu"))
    program = numpy_program(g.graph(out, c))
    assert text(g.graph(out, c)) == ["return (device_put(np, a + c0, source=source_0, target=target_0), c0)"]
    assert any(x is c._data for x in program.constants)
    assert program.function(numbers(3))[1] is c._data


def test_every_function_of_the_table_is_a_ufunc_of_numpy() -> None:
    assert {type(getattr(np, name)) for name in expressions.FUNCTIONS} == {np.ufunc}
    assert set(PRIMITIVES) >= expressions.FUNCTIONS | expressions.FRESH | expressions.VIEWS


def test_on_numpys_scalars_whole_numbers_wrap_around_without_a_warning() -> None:
    g = Build("int64[]", "float32[]")
    a, b = g.inputs
    two = g("multiply", a, a)
    graph = g.graph(g("add", two, two), g("multiply", g("add", b, b), b), g("erf", g("sin", b)))
    assert text(graph) == [
        "c = np.multiply(a, a)",
        "return (np.add(c, c), (b + b) * b, erf(np, array(np.sin(b))))",
    ]
    values = [Array(np.array(2**62 + 1)), Array(np.array(0.5, np.float32))]
    assert list(map(bits, map(wrap, run(graph, values[0]._data, np.float32(0.5))))) == list(
        map(bits, evaluate(graph, values))
    )


# ---- sharing -----------------------------------------------------------------------------------


def test_the_same_text_and_constants_give_the_same_program() -> None:
    programs = []

    def made(c: Any) -> Program:
        g = Build("float32[3]")
        programs.append(numpy_program(g.graph(g("add", g.inputs[0], c))))
        return programs[-1]

    c = Array(numbers(3))
    assert made(c) is made(Array(c._data))
    assert numpy_program(gelu("128,1024", "1024")) is numpy_program(gelu("128,1024", "1024"))
    assert made(c) is not made(Array(c._data.copy()))
    assert made(1.5) is made(1.5)
    assert made(0.0) is not made(-0.0)
    assert made(1) is not made(True)


def test_a_program_that_nobody_has_keeps_no_arrays() -> None:
    c = Array(numbers(3))
    alive = weakref.ref(c._data)
    g = Build("float32[3]")
    function = numpy_program(g.graph(g("add", g.inputs[0], c))).function
    del c, g
    gc.collect()
    assert alive() is not None
    del function
    gc.collect()
    assert alive() is None


def test_threads_that_ask_at_once_get_one_program() -> None:
    found: list[Program] = []
    start = threading.Barrier(4)

    def ask() -> None:
        start.wait()
        found.extend(numpy_program(gelu(f"{n},8", "8")) for n in range(1, 30))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 4 * 29
    assert len(set(map(id, found))) == 1  # the text says nothing of small shapes


def test_a_failing_line_shows_in_the_traceback_and_is_not_taken_for_the_users() -> None:
    origins = []

    class Look(Call):
        name = "look"

        def evaluate(self, args: Any) -> Any:
            origins.append(here())
            return args

    g = Build("float32[3]")
    (x,) = g.call(Look(), g.inputs, ["float32[3]"])
    graph = g.graph(g("gather", x, Array(np.array([7]))))
    with pytest.raises(IndexError) as caught:
        run(graph, numbers(3))
    assert "    return (gather(np, b, c0),)" in "".join(traceback.format_exception(caught.value))
    assert origins[0][0].co_filename == __file__


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_child_makes_and_runs_programs() -> None:
    """Also where a thread of its parent's was making one, and after tiles ran on the parent's threads."""
    program = (
        "import os, warnings\n"
        "from programs import gelu, numbers, numpy_program\n"
        "from funcgrad.codegen import numpy_program as module\n"
        "import funcgrad.kernels.threads as t\n"
        "t._Blas.threads = lambda self: 2\n"
        "warnings.simplefilter('ignore', DeprecationWarning)\n"  # Python 3.12's, of forks beside threads
        "values = [numbers(2048, 1024), numbers(1024), numbers(2048, 1024)]\n"
        "work = lambda: numpy_program(gelu('2048,1024', '1024')).function(*values)[0].tobytes()\n"
        "expected = work()\n"
        "with module._lock:\n"
        "    child = os.fork()\n"
        "if not child:\n"
        "    os._exit(7 if work() == expected else 1)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    shown = run_alone(program)
    assert shown.stdout == "7\n", shown.stderr


# ---- questions ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type", "value", "kind", "key"),
    [
        ("bool[]", np.array(True), "bool", True),
        ("bool[]", np.bool(False), "bool", False),
        ("float32[1,1]", np.ones((1, 1), np.float32), "bool", True),
        ("int32[]", np.int32(-3), "int", -3),
        ("int64[1]", np.array([5]), "int", 5),
        (int, 7, "int", 7),
        ("float32[]", np.array(-0.0, np.float32), "float", struct.pack("d", -0.0)),
        ("float64[1]", np.array([math.nan]), "float", struct.pack("d", math.nan)),
        (float, 0.5, "float", struct.pack("d", 0.5)),
        ("int8[2,2]", np.arange(4, dtype=np.int8).reshape(2, 2).T, "bytes", bytes([0, 2, 1, 3])),
    ],
)
@pytest.mark.parametrize("numpy", [False, True])
def test_a_question_is_answered_beside_the_outputs(type: Any, value: Any, kind: str, key: Any, numpy: bool) -> None:
    g = Build(type, "float32[2]")
    found, outputs = run(g.graph(g("negative", g.inputs[1])), value, numbers(2), ask=(g.inputs[0], kind), numpy=numpy)
    assert found == key
    assert found.__class__ is key.__class__
    np.testing.assert_array_equal(outputs[0], -numbers(2))


def test_questions_to_arrays_of_another_module() -> None:
    for dtype, kind, value, key in [
        ("bool", "bool", [[True]], True),
        ("int64", "int", [3], 3),
        ("float32", "float", -0.0, struct.pack("d", -0.0)),
        ("float64", "bytes", [1.0, -0.0], struct.pack("dd", 1.0, -0.0)),
    ]:
        data = array_api_strict.asarray(value, dtype=getattr(array_api_strict, dtype))
        g = Build(f"{dtype}[{','.join(map(str, data.shape))}]")
        assert run(g.graph(), data, ask=(g.inputs[0], kind), numpy=False) == (key, ())


def test_a_value_that_is_only_asked_for_is_written_in_the_answer() -> None:
    g = Build("float32[]")
    less = g("less", g.inputs[0], 0.5)
    program = numpy_program(g.graph(*g.inputs), ask=(less, "bool"))
    assert program.source.endswith("    return bool(a < 0.5), (a,)\n")


# ---- calls -------------------------------------------------------------------------------------


def test_calls_see_arrays_and_numbers() -> None:
    class Twice(Call):
        name = "twice"

        def evaluate(self, args: Any) -> Any:
            x, n = args
            assert isinstance(x, Array)
            assert type(n) is float
            return [Array(x._data * 2), x]

    g = Build("float32[]", float)
    b, c = g.call(Twice(), [g("negative", g.inputs[0]), g.inputs[1]], ["float32[]"] * 2)
    graph = g.graph(g("add", b, c), g.inputs[1])
    assert text(graph) == ["d, e = call(call_0, -a, b)", "return (d + e, b)"]
    assert run(graph, np.float32(2), 0.5) == (-6, 0.5)


def test_arrays_of_two_modules_meet_in_a_call_and_each_is_asked_for_its_module() -> None:
    class Move(Call):
        name = "move"

        def evaluate(self, args: Any) -> Any:
            return [wrap(array_api_strict.asarray(np.asarray(args[0])))]

    g = Build("float64[2]")
    (b,) = g.call(Move(), [g("sin", *g.inputs)], ["float64[2]"])
    c = g("reshape", g("exp", b), shape=(2, 1))
    (found,) = run(g.graph(c), np.zeros(2), numpy=False)
    assert type(found) is type(array_api_strict.asarray(0.0))
    assert found.shape == (2, 1)


def test_graphs_of_nothing() -> None:
    assert run(Graph((), (), ())) == ()
    v = Var(Array(numbers(2)).aval)
    assert run(Graph((v,), (), (v, v, Literal(1))), 5) == (5, 5, 1)
    unread = Graph((v,), (Eqn(PRIMITIVES["sin"], [v], {}, [Var(v.type)], LINE),), ())
    assert run(unread, numbers(2)) == ()
