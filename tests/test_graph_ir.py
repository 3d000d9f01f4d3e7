"""The graph: its text, character for character, its values, and what makes literals and keys the same."""

import math

import numpy as np
import pytest
from graphs import Build, array, kind_of

from funcgrad.core import Array, Aval, Call
from funcgrad.device import CPU
from funcgrad.graph.ir import Literal, Number, Var, evaluate, letters, type_of, used_by
from funcgrad.graph.keys import eqn_key, literal_key, value_key


class Split(Call):
    name = "split"

    def evaluate(self, args):
        return [Array(args[0]._data[:1]), Array(args[0]._data[1:])]


def test_a_graph_reads_from_top_to_bottom():
    g = Build("float32[3]", "float32[3]")
    a, b = g.inputs
    c = g("multiply", a, b)
    assert str(g.graph(g("sum", c, axes=(0,)))) == (
        "{ lambda a:float32[3] b:float32[3]. let\n"
        "    c:float32[3] = multiply a b\n"
        "    d:float32[] = sum[axes=(0,)] c\n"
        "  in (d,) }"
    )


def test_several_outputs_literals_and_numbers():
    g = Build("int64[]", float, bool)
    n, x, _ = g.inputs
    y = g("multiply", array([1.0, 2.0]), x)
    z = g("where", g("less", n, 3), y, array(-0.0))
    assert str(g.graph(z, n, 2, True, array(1.5), array([[1, 2]], "int8"), math.nan)) == (
        "{ lambda a:int64[] b:float c:bool. let\n"
        "    d:float32[2] = multiply const:float32[2] b\n"
        "    e:bool[] = less a 3\n"
        "    f:float32[2] = where e d -0.0:float32[]\n"
        "  in (f, a, 2, True, 1.5:float32[], const:int8[1,2], nan) }"
    )


def test_parameters_are_written_as_they_are_typed():
    g = Build("float32[4,5]")
    x = g("slice", *g.inputs, key=(slice(None, None, -1), None, slice(1, 3), ()[:0] or 2)[:3])
    y = g("convert", x, dtype=np.dtype("float64"))
    z = g("pad", y, widths=((0, 1), (0, 0), (2, 0)))
    w = g("device_put", z, source=CPU, target=CPU)
    assert str(g.graph(g("cumulative_sum", w, axis=0, reverse=True))) == (
        "{ lambda a:float32[4,5]. let\n"
        "    b:float32[4,1,2] = slice[key=(::-1, None, 1:3)] a\n"
        "    c:float64[4,1,2] = convert[dtype=float64] b\n"
        "    d:float64[5,1,4] = pad[widths=((0, 1), (0, 0), (2, 0))] c\n"
        "    e:float64[5,1,4] = device_put[source=Device('cpu'), target=Device('cpu')] d\n"
        "    f:float64[5,1,4] = cumulative_sum[axis=0, reverse=True] e\n"
        "  in (f,) }"
    )


def test_a_call_has_several_results():
    g = Build("float32[3]")
    head, tail = g.call(Split(), g.inputs, ["float32[1]", "float32[2]"])
    graph = g.graph(tail, head)
    assert str(graph) == ("{ lambda a:float32[3]. let\n    b:float32[1] c:float32[2] = split a\n  in (c, b) }")
    found = evaluate(graph, [array([1, 2, 3])])
    assert [x.tolist() for x in found] == [[2.0, 3.0], [1.0]]


def test_nothing_at_all_is_a_graph():
    assert str(Build().graph()) == "{ lambda. let\n  in () }"
    assert evaluate(Build().graph(), []) == []


def test_the_text_does_not_depend_on_which_objects_the_variables_are():
    def one():
        g = Build("float32[2]")
        return g.graph(g("sin", g("cos", *g.inputs)))

    assert str(one()) == str(one())
    assert one() != one()


def test_names_of_variables():
    assert [letters(n) for n in (0, 25, 26, 27, 26 * 26)] == ["a", "z", "ba", "bb", "baa"]


def test_evaluate_keeps_numbers_weak():
    g = Build("float16[2]", float)
    (out,) = evaluate(g.graph(g("multiply", *g.inputs)), [array([1, 2], "float16"), 0.5])
    assert out.dtype == np.float16
    assert out.tolist() == [0.5, 1.0]
    with pytest.raises(ValueError, match="zip"):
        evaluate(g.graph(), [1.0])


def test_how_often_variables_are_read():
    g = Build("float32[]", "float32[]")
    a, b = g.inputs
    c = g("multiply", a, a)
    assert used_by(g.eqns, [c, c, Literal(1)]) == {a: 2, c: 2}
    assert b not in used_by(g.eqns)


def test_types():
    assert type_of(True) == Number(bool) != Number(int)
    assert type_of(array([1, 2])) == Aval((2,), np.dtype("float32")) == kind_of("float32[2]")
    assert repr(Var(kind_of("int8[2,3]"))) == "Var(int8[2,3])"
    assert Literal(2.0).type == Number(float)
    assert hash(Number(int)) == hash(Number(int))


APART = [
    1,
    True,
    1.0,
    1 + 0j,
    0.0,
    -0.0,
    math.nan,
    array(1.0),
    array(1.0, "float64"),
    array(0.0),
    array(-0.0),
    array([1.0]),
]


@pytest.mark.parametrize("i", range(len(APART)))
def test_literals_are_the_same_only_with_the_same_bits(i):
    for j, other in enumerate(APART):
        assert Literal(APART[i]).same(Literal(other)) == (i == j)
        assert (literal_key(APART[i]) == literal_key(other)) == (i == j)


def test_equal_arrays_are_the_same_literal():
    x, y = array([1.0, math.nan]), array([1.0, math.nan])
    assert Literal(x).same(Literal(y))
    assert literal_key(x) == literal_key(y)
    big = np.zeros(1000)
    assert literal_key(Array(big)) == literal_key(Array(big))
    assert literal_key(Array(big)) != literal_key(Array(big.copy())), "large ones are not read through"


def test_keys_of_parameters():
    def f():
        pass

    values = [
        None, 0, False, 0.0, -0.0, "0", (0,), [0], (0.0,), slice(0, 1), slice(0, 1, None), slice(0, 1, 1),
        slice(False, 1), np.dtype("float32"), np.dtype("int32"), np.float32, CPU, f, lambda: 0, {"a": 1}, {"a": 1.0},
        np.zeros(2), np.zeros(2, int), math.nan, 1j, -1j,
    ]  # fmt: skip
    keys = [value_key(v) for v in values]
    assert [keys.index(k) for k in keys] == [i if i != 10 else 9 for i in range(len(values))]
    assert len(set(keys)) == len(values) - 1
    assert value_key((slice(1, 2), np.dtype("float32"))) == value_key((slice(1, 2), np.dtype("<f4")))
    unhashable = bytearray(2)
    assert value_key(unhashable) == value_key(unhashable) != value_key(bytearray(2))


def test_keys_of_equations():
    g = Build("float32[3]")
    (x,) = g.inputs
    for name, params in [
        ("sum", {"axes": (0,)}),
        ("sum", {"axes": ()}),
        ("max", {"axes": (0,)}),
        ("sum", {"axes": (0,)}),
    ]:
        g(name, x, **params)
    one, no_axes, largest, again = map(eqn_key, g.eqns)
    assert one == again
    assert len({one, no_axes, largest}) == 3
    g.call(Split(), [x], ["float32[1]", "float32[2]"])
    assert eqn_key(g.eqns[-1]) is None
