"""Each pass on graphs that it is for, and on those that look alike and must stay."""

import math

import numpy as np
import pytest
from graphs import Build, array, bits, body, kind_of, ops

from funcgrad.core import Array, Call
from funcgrad.graph.check import check
from funcgrad.graph.ir import evaluate
from funcgrad.graph.passes import (
    common_subexpressions,
    dead_code,
    exact_algebra,
    fold_constants,
    leading_axes,
    simplify,
)
from funcgrad.graph.passes.fold_constants import MOST_ELEMENTS
from funcgrad.ops import random  # noqa: F401  (samplers are primitives once their module is there)
from funcgrad.transforms.callback import Callback
from funcgrad.transforms.rows import Stack, Unstack

PASSES = [common_subexpressions, dead_code, exact_algebra, fold_constants, leading_axes, simplify]


class Same(Call):
    name = "same"

    def __init__(self, key=None, acts=False):
        self.key, self.effect = key, acts

    def evaluate(self, args):
        return list(args)


@pytest.mark.parametrize("one", PASSES)
def test_a_graph_with_nothing_to_do_is_given_back(one):
    g = Build("float32[3]", "float32[3]", float)
    a, b, c = g.inputs
    graph = g.graph(g("sum", g("multiply", g("add", a, b), c), axes=(0,)), a, name="f")
    assert one(graph) is graph
    assert one(Build().graph()).eqns == ()


@pytest.mark.parametrize("one", PASSES)
def test_inputs_and_name_stay(one):
    g = Build("float32[3]", "float32[3]")
    a, _ = g.inputs
    y = g("multiply", g("sin", a), 1)
    g("sin", y)
    z = g("sin", g("reshape", a, shape=(1, 3)))
    graph = g.graph(y, g("add", g("sin", a), g("add", array(1), 2)), z, name="f")
    found = one(graph)
    assert found is not graph
    assert (found.inputs, found.name) == (graph.inputs, "f")
    check(found)


# ---- dead code ---------------------------------------------------------------------------------


def test_dead_code_goes_with_all_that_it_alone_read():
    g = Build("float32[3]")
    (x,) = g.inputs
    y = g("sin", x)
    g("exp", g("cos", y))
    g.call(Same("k"), [g("tan", x)], ["float32[3]"])
    assert ops(dead_code(g.graph(y))) == ["sin"]


def test_a_call_lives_by_any_of_its_results():
    g = Build("float32[3]")
    (x,) = g.inputs
    _, b = g.call(Same(), [g("sin", x), x], ["float32[3]"] * 2)
    assert ops(dead_code(g.graph(b))) == ["sin", "same"]


def test_what_acts_stays_in_its_order_with_what_it_reads():
    seen = []
    g = Build("float32[]")
    (x,) = g.inputs
    y = g("sin", x)
    for name in ("callback", "io_callback", "pure_callback"):
        g.call(Callback(name, lambda v, name=name: seen.append((name, float(v))) or [], [], None), [y], [])
    g("cos", y)
    graph = dead_code(g.graph(x))
    assert ops(graph) == ["sin", "callback", "io_callback"]
    evaluate(simplify(graph), [array(0.0)])
    assert seen == [("callback", 0.0), ("io_callback", 0.0)]


# ---- common subexpressions ---------------------------------------------------------------------


def test_equal_equations_are_one_and_so_are_those_made_of_them():
    g = Build("float32[3]")
    (x,) = g.inputs
    a, b = (g("sum", g("multiply", g("sin", x), 2.0), axes=(0,)) for _ in range(2))
    assert body(common_subexpressions(g.graph(g("add", a, b)))) == [
        "b:float32[3] = sin a",
        "c:float32[3] = multiply b 2.0",
        "d:float32[] = sum[axes=(0,)] c",
        "e:float32[] = add d d",
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("multiply", 2.0), ("multiply", 2)),
        (("multiply", 0.0), ("multiply", -0.0)),
        (("multiply", True), ("multiply", 1)),
        (("multiply", array(1.0)), ("multiply", 1.0)),
        (("multiply", array(1.0)), ("multiply", array([1.0]))),
        (("multiply", 2.0), ("add", 2.0)),
        (("slice", {"key": (slice(0, 2),)}), ("slice", {"key": (slice(0, 3),)})),
        (("cast", {"dtype": np.dtype("int32")}), ("cast", {"dtype": np.dtype("int64")})),
        (("cumulative_sum", {"axis": 0, "reverse": True}), ("cumulative_sum", {"axis": 0, "reverse": False})),
    ],
)
def test_equations_merge_only_if_all_is_equal(one, other):
    def pair(a, b):
        g = Build("float32[3]")
        for name, *rest in (a, b):
            params = rest.pop() if isinstance(rest[-1], dict) else {}
            g(name, *g.inputs, *rest, **params)
        return common_subexpressions(g.graph(*[v for e in g.eqns for v in e.outs]))

    assert len(pair(one, other).eqns) == 2
    assert len(pair(one, one).eqns) == len(pair(other, other).eqns) == 1


def test_equal_literals_are_equal_operands():
    g = Build("float32[3]")
    (x,) = g.inputs
    one, again, nan = array([1.0, math.nan, -0.0]), array([1.0, math.nan, -0.0]), math.nan
    outs = [g("add", x, one), g("add", x, again), g("add", x, nan), g("add", x, float("nan"))]
    assert len(common_subexpressions(g.graph(*outs)).eqns) == 2


def test_random_numbers_are_functions_of_their_keys():
    g = Build("uint64[2]")
    (key,) = g.inputs
    draw = {"shape": (3,), "dtype": np.dtype("float32")}
    a, b = g("random_uniform", key, **draw), g("random_uniform", key, **draw)
    c = g("random_uniform", g("slice", g("random_split", key, num=2), key=(0,)), **draw)
    graph = g.graph(a, b, c, g("random_normal", key, **draw))
    found = common_subexpressions(graph)
    assert ops(found) == ["random_uniform", "random_split", "slice", "random_uniform", "random_normal"]
    values = [array([3, 4], "uint64")]
    assert [bits(x) for x in evaluate(found, values)] == [bits(x) for x in evaluate(graph, values)]


def test_calls_merge_if_they_say_that_they_are_equal():
    def merged(*calls):
        g = Build("float32[3]")
        outs = [v for call in calls for v in g.call(call, g.inputs, ["float32[3]"])]
        return len(common_subexpressions(g.graph(*outs)).eqns)

    one = Same()
    assert merged(one, one) == 2
    assert merged(Same("k"), Same("k")) == 1
    assert merged(Same("k"), Same("l")) == 2
    assert merged(Same("k", acts=True), Same("k", acts=True)) == 2
    assert merged(Stack(), Stack()) == 1
    assert merged(Same(()), Stack()) == 2
    assert merged(Unstack(1), Unstack(1)) == 1
    assert merged(Unstack(1), Unstack(2)) == 2


# ---- constants ---------------------------------------------------------------------------------


def test_constants_are_evaluated_by_the_operation_itself():
    g = Build("float32[3]")
    (x,) = g.inputs
    c = g("sum", g("exp", array([1, 2, 3])), axes=(0,))
    graph = fold_constants(g.graph(g("multiply", x, c), c))
    assert ops(graph) == ["multiply"]
    check(graph)
    expected = np.exp(np.array([1, 2, 3], "float32")).sum()
    assert bits(graph.outputs[1].value) == bits(Array(np.asarray(expected)))
    assert graph.eqns[0].operands[1] is graph.outputs[1]


def test_weak_numbers_beside_an_array_keep_its_dtype():
    g = Build()
    (literal,) = fold_constants(g.graph(g("multiply", array([1, 2], "float16"), 0.1))).outputs
    assert literal.type == kind_of("float16[2]")


def test_numbers_alone_are_left_since_numpy_gives_them_another_dtype():
    g = Build()
    graph = g.graph(g("multiply", 2.0, 0.1))
    assert graph.eqns[0].outs[0].type == kind_of("float32[]")
    assert fold_constants(graph) is graph


def test_large_results_of_small_constants_stay():
    g = Build()
    indices = array([0] * (MOST_ELEMENTS + 1), "int64")
    big = g("concat", *[array([1.0])] * (MOST_ELEMENTS // 2), axis=0)
    rows = g("gather", array([[1.0, 2.0]]), array([0] * MOST_ELEMENTS, "int64"))
    graph = g.graph(big, rows, g("gather", array([1.0]), indices))
    assert ops(fold_constants(graph)) == ["gather"]
    g = Build()
    graph = g.graph(g("broadcast_to", array(1.0), shape=(3,)))
    assert fold_constants(graph) is graph, "repeating costs nothing, and operations on elements do it themselves"
    g = Build()
    many = array(np.ones(MOST_ELEMENTS * 2))
    assert ops(fold_constants(g.graph(g("sin", many), g("sum", many, axes=(0,))))) == []


def test_what_fails_on_its_constants_fails_where_it_runs():
    g = Build()
    graph = g.graph(g("gather", array([1, 2]), array([5], "int64")))
    assert fold_constants(graph) is graph
    with pytest.raises(IndexError, match="out of range"):
        evaluate(graph, [])


def test_neither_calls_nor_operations_without_operands_are_folded():
    g = Build()
    (out,) = g.call(Same("k"), [1.0], [float])
    graph = g.graph(out, g("axis_index", axis_name="i"))
    assert fold_constants(graph) is graph


def test_folding_does_not_warn():
    g = Build()
    (found,) = fold_constants(g.graph(g("divide", array(1.0), 0))).outputs
    assert found.value.tolist() == math.inf


# ---- axes in front -----------------------------------------------------------------------------


def test_axes_of_one_element_in_front_are_put_there_last():
    g = Build("float32[5,3]", "float32[3]")
    x, m = g.inputs
    row = g("multiply", g("reshape", m, shape=(1, 3)), 0.5)
    graph = g.graph(g("subtract", x, row), row, g("subtract", x, g("multiply", m, 0.5)))
    found = simplify(graph)
    assert body(found) == [
        "c:float32[3] = multiply b 0.5",
        "d:float32[1,3] = reshape[shape=(1, 3)] c",
        "e:float32[5,3] = subtract a c",
    ]
    assert found.outputs[0] is found.outputs[2]
    check(found)


def test_other_axes_stay_where_they_are():
    g = Build("float32[5,3]", "float32[3]", "float32[]", "float32[1,3]")
    x, m, number, row = g.inputs
    graph = g.graph(
        g("add", g("reshape", m, shape=(3, 1)), 1),  # behind
        g("add", g("reshape", x, shape=(3, 5)), 1),
        g("add", g("reshape", number, shape=(1, 1)), 1),  # of none
        g("add", row, 1),  # that nobody has put there
        g("sum", g("reshape", x, shape=(1, 5, 3)), axes=(1,)),  # of what is not elementwise
    )
    assert leading_axes(graph) is graph


@pytest.mark.parametrize("seed", range(20))
def test_values_and_types_without_axes_in_front_are_the_same(seed):
    """Chains of operations on arrays with and without such axes, put there at any place."""
    rng = np.random.default_rng(seed)
    g = Build("float32[2,3]", "float32[3]", "float32[1,3]", "int32[3]", "float32[1]")
    values = list(g.inputs)
    for _ in range(25):
        a, b = (values[i] for i in rng.integers(len(values), size=2))
        match rng.integers(4):
            case 0:
                values.append(g("reshape", a, shape=(1,) * rng.integers(1, 3) + a.type.shape))
            case 1:
                values.append(g("negative", a))
            case 2:
                values.append(g(str(rng.choice(["add", "multiply", "subtract"])), a, b))
            case 3:
                values.append(g("multiply", a, 2))
        if len(values[-1].type.shape) > 6:
            values.pop()
    graph = g.graph(*values)
    found = leading_axes(graph)
    assert found is not graph
    check(found)
    given = [array(rng.integers(-4, 5, v.type.shape), v.type.dtype) for v in g.inputs]
    assert list(map(bits, evaluate(found, given))) == list(map(bits, evaluate(graph, given)))
    assert leading_axes(found) is found


# ---- all together ------------------------------------------------------------------------------


def test_simplify_runs_to_the_end():
    g = Build("float32[3]", "float32[3]")
    x, y = g.inputs
    one = g("broadcast_to", g("add", array(0.5), 0.5), shape=(3,))
    left = g("negative", g("negative", g("multiply", x, one)))
    right = g("add", y, g("negative", g("stop_gradient", x)))
    again = g("subtract", y, g("divide", left, 1))
    g("exp", right)
    found = simplify(g.graph(g("multiply", right, again), 1.0, left))
    assert str(found) == (
        "{ lambda a:float32[3] b:float32[3]. let\n"
        "    c:float32[3] = subtract b a\n"
        "    d:float32[3] = multiply c c\n"
        "  in (d, 1.0, a) }"
    )
    assert simplify(found) is found
