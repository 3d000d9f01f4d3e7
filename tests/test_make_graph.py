"""`make_graph` prints what a function does, word for word; `eval_shape` says what it returns without doing it."""

from __future__ import annotations

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import layers, random
from funcgrad.errors import TracedConversionError
from funcgrad.graph.check import check
from funcgrad.graph.ir import evaluate

X = fnp.asarray([1.0, 2.0, 3.0])
FORM = fg.ShapeDtypeStruct((3,), "float32")


def text(f, *args, **options):
    graph = fg.make_graph(f, **options)(*args)
    check(graph)
    return "\n".join(line.strip() for line in str(graph).splitlines())


def expect(found, *lines):
    assert found == "\n".join(lines)


def test_operations_literals_and_constants():
    expect(
        text(lambda x: fnp.exp(x) * 2.0 + fnp.asarray([1.0, 0.0, 1.0]), X),
        "{ lambda a:float32[3]. let",
        "b:float32[3] = exp a",
        "c:float32[3] = multiply b 2.0",
        "d:float32[3] = add c const:float32[3]",
        "in (d,) }",
    )


def test_a_python_number_is_an_input_and_weak():
    expect(
        text(lambda x, rate, n: x * (rate + 1) ** n, X, 0.5, 2),
        "{ lambda a:float32[3] b:float c:int. let",
        "d:float = add b 1",
        "e:float = pow d c",
        "f:float32[] = asarray e",
        "g:float32[3] = multiply a f",
        "in (g,) }",
    )


def test_trees_in_and_out_in_the_order_of_their_leaves():
    expect(
        text(lambda p: {"sum": p["w"] + p["b"], "w": p["w"]}, {"w": X, "b": fnp.asarray(1.0)}),
        "{ lambda a:float32[] b:float32[3]. let",
        "c:float32[3] = add b a",
        "in (c, b) }",
    )


def test_the_path_that_the_values_take():
    def f(x):
        if x.sum() > 0:
            return x * 2
        return -x

    expect(
        text(f, X),
        "{ lambda a:float32[3]. let",
        "b:float32[] = sum[axes=(0,)] a",
        "c:bool[] = greater b 0",
        "d:float32[3] = multiply a 2",
        "in (d,) }",
    )


def test_transforms_and_jitted_functions_are_part_of_it():
    inner = fg.jit(lambda x: fnp.sin(x).sum())
    expect(
        text(fg.grad(inner), X),
        "{ lambda a:float32[3]. let",
        "b:float32[3] = sin a",
        "c:float32[] = sum[axes=(0,)] b",
        "d:float32[3] = cos a",
        "e:float32[3] = multiply const:float32[3] d",
        "in (e,) }",
    )


def test_simplified():
    expect(
        text(lambda x: (x * 1.0, fnp.sin(x) + fnp.sin(x), fnp.cos(x))[:2], X, simplified=True),
        "{ lambda a:float32[3]. let",
        "b:float32[3] = sin a",
        "c:float32[3] = add b b",
        "in (a, c) }",
    )


def test_params_read_as_they_are_typed():
    expect(
        text(lambda x: x[None, ::2].astype("float64").sum(axis=0), X),
        "{ lambda a:float32[3]. let",
        "b:float32[1,2] = slice[key=(None, ::2)] a",
        "c:float64[1,2] = convert[dtype=float64] b",
        "d:float64[2] = sum[axes=(0,)] c",
        "in (d,) }",
    )


def test_a_graph_is_a_function_again():
    f = lambda x, y: fnp.tanh(x) @ y  # noqa: E731
    graph = fg.make_graph(fg.grad(f))(X, X + 1)
    np.testing.assert_array_equal(evaluate(graph, [X, X + 1])[0], fg.grad(f)(X, X + 1))


def test_the_same_text_on_every_run():
    model = layers.Sequential(layers.Linear(3, 4), layers.Linear(4, 1))
    params, _ = model.init(random.key(0))
    make = fg.make_graph(fg.grad(lambda p, x: model(p, x).sum()))
    assert str(make(params, X)) == str(make(params, X))


def test_static_arguments_and_shapes():
    graph, out = fg.make_graph(lambda x, n: [x * n, n], static_argnums=1, return_shape=True)(X, 3)
    assert repr(out) == "[float32[3], 3]"
    assert [repr(v.type) for v in graph.inputs] == ["float32[3]"]


def test_a_graph_of_shapes_alone():
    f = lambda x: fnp.sum(fnp.exp(x))  # noqa: E731
    assert str(fg.make_graph(fg.grad(f))(FORM)) == str(fg.make_graph(fg.grad(f))(X))


@pytest.mark.parametrize(
    ("f", "args", "expected"),
    [
        (lambda x: x @ x, (FORM,), "float32[]"),
        (lambda x: {"y": x[:, None] * x, "n": 3}, (FORM,), "{'y': float32[3,3], 'n': 3}"),
        (lambda x: fg.vmap(fg.grad(fnp.sin))(x), (FORM,), "float32[3]"),
        (lambda x: fg.scan(lambda c, v: (c + v, c), fnp.asarray(0.0), x), (FORM,), "(float32[], float32[3])"),
        (lambda x: fnp.argmax(x), (FORM,), "int64[]"),
        (lambda k: random.normal(k, (2, 5)), (random.key(0),), "float32[2,5]"),
        (lambda x: x.astype("float64"), (np.ones(3, "float32"),), "float64[3]"),
        (lambda x, rate: x * rate, (FORM, 0.5), "float32[3]"),
        (lambda x: fg.pure_callback(np.sin, FORM, x), (FORM,), "float32[3]"),
        (lambda x: fg.checkpoint(lambda v: fnp.sin(v) * 2)(x), (FORM,), "float32[3]"),
    ],
)
def test_eval_shape(f, args, expected):
    assert repr(fg.eval_shape(f, *args)) == expected


def test_eval_shape_computes_nothing():
    huge = fg.ShapeDtypeStruct((1_000_000, 1_000_000), "float64")
    assert repr(fg.eval_shape(lambda x: (x @ x + 1).sum(axis=0), huge)) == "float64[1000000]"


@pytest.mark.parametrize("f", [lambda x: x if x.sum() > 0 else -x, lambda x: float(x[0]), lambda x: x[x > 0]])
def test_a_value_that_is_not_known(f):
    with pytest.raises(
        TracedConversionError, match=r"give an array instead of a ShapeDtypeStruct\n  at .*test_make_gr"
    ):
        fg.eval_shape(f, FORM)


def test_explain_prints_paths_lines_and_counts(capsys):
    def f(x):
        while x > 1:
            x = x * 0.5
        return x

    jitted = fg.jit(f)
    for value in (5.0, 3.0, 9.0, 17.0):
        jitted(fnp.asarray(value))
    fg.explain(jitted)
    line = f.__code__.co_firstlineno + 1
    place = f"test_make_graph.py:{line}"
    assert capsys.readouterr().out.splitlines() == [
        "jit of f: 1 kind of inputs, 2 paths, 2 recorded runs",
        "inputs float32[]",
        f"  recorded: the first run; a new path, on False at {place}",
        f"  1 operation, then asks at {place}",
        f"  True: 2 operations, then asks at {place}",
        "    True: again, as above",
        "    False: 0 operations, then returns (2 calls by program)",
    ]


def test_explain_says_why_a_function_was_recorded_anew(capsys):
    scale = 2.0
    jitted = fg.jit(lambda x: x * scale)
    jitted(X)
    scale = 3.0
    jitted(X)
    jitted(X[:2])
    fg.explain(jitted)
    printed = capsys.readouterr().out
    assert "3 kinds of inputs, 3 paths, 3 recorded runs" in printed
    assert "inputs float32[3] (scale changed around it)" in printed
    assert "inputs float32[2]" in printed


def test_explain_shows_programs(capsys):
    jitted = fg.jit(lambda x: fnp.tanh(x) * 2.0)
    for _ in range(3):
        jitted(X)
    fg.explain(jitted, source=True)
    assert "return (np.tanh(a) * 2.0,)" in capsys.readouterr().out


def test_explain_takes_jitted_functions():
    with pytest.raises(fg.errors.OptionError, match="a function made by jit, not function"):
        fg.explain(lambda x: x)
