"""check: what is no graph is refused, with the equation and the user's line."""

import numpy as np
import pytest
from graphs import Build, array, kind_of

import funcgrad as fg
from funcgrad.core import PRIMITIVES, Call
from funcgrad.graph.check import GraphError, check
from funcgrad.graph.ir import Eqn, Graph, Literal, Number, Var


class Two(Call):
    name = "two"


def small():
    g = Build("float32[3]", float)
    y = g("multiply", *g.inputs)
    return g, y


def with_eqn(g, op, operands, params, outs):
    op = PRIMITIVES[op] if isinstance(op, str) else op
    g.eqns.append(Eqn(op, operands, params, outs, g.origin))
    return g.graph(*outs[:1])


def test_graphs_that_are_right():
    g, y = small()
    z, w = g.call(Two(), [y, 2.0], ["float32[]", float])
    v = g("where", g("less", y, array([1, 2, 3])), g("broadcast_to", z, shape=(3,)), w)
    check(g.graph(v, y, 1, array([1.0])))
    check(Build().graph())
    g = Build(int, bool, complex)
    check(g.graph(g("add", g("multiply", array([1.0]), g.inputs[2]), g.inputs[0])))


def test_the_message_names_the_equation_and_the_line():
    g, y = small()
    g("sin", y)
    graph = with_eqn(g, "matmul", [y, y], {}, [Var(kind_of("float32[3]"))])
    with pytest.raises(GraphError) as caught:
        check(graph)
    assert str(caught.value) == (
        "the operands or parameters do not fit: IndexError: tuple index out of range\n"
        "  in equation 2, e:float32[3] = matmul c c\n"
        "  at model.py:1"
    )


X = Var(kind_of("float32[3]"))
VECTOR = r"the result is a float32\[3\] and its variable says "
WRONG = {
    "a variable that nothing has made": ("sin", [X], {}, [Var(X.type)]),
    "a primitive has one result, and this has 2": ("sin", [0], {}, [Var(X.type), Var(X.type)]),
    rf"{VECTOR}float64\[3\]": ("sin", [0], {}, [Var(kind_of("float64[3]"))]),
    rf"{VECTOR}float32\[1,3\]": (
        "sin",
        [0],
        {},
        [Var(kind_of("float32[1,3]"))],
    ),
    rf"{VECTOR}float": ("sin", [0], {}, [Var(Number(float))]),
    "reshape: .* has 3 elements": ("reshape", [0], {"shape": (2,)}, [Var(kind_of("float32[2]"))]),
    "unexpected keyword argument 'axes'": ("sin", [0], {"axes": ()}, [Var(X.type)]),
    r"missing .*'axes'": ("sum", [0], {}, [Var(kind_of("float32[]"))]),
    "do not broadcast": ("add", [0, Literal(array([1, 2]))], {}, [Var(X.type)]),
    "a call has no parameters": (Two(), [0], {"axis": 0}, [Var(X.type)]),
    "1 is a literal that is neither an array nor a number: None": (
        "add",
        [0, Literal(None)],
        {},
        [Var(X.type)],
    ),
    "a literal that is neither an array nor a number: array": ("add", [0, Literal(np.ones(3))], {}, [Var(X.type)]),
}


@pytest.mark.parametrize("words", WRONG)
def test_equations_that_are_wrong(words):
    op, operands, params, outs = WRONG[words]
    g, y = small()
    graph = with_eqn(g, op, [y if a == 0 else a for a in operands], params, outs)
    with pytest.raises(GraphError, match=words):
        check(graph)


def test_weak_numbers_are_typed_as_they_evaluate():
    g = Build("int32[2]", float)
    with pytest.raises(GraphError, match="the result is a float32"):
        check(with_eqn(g, "multiply", g.inputs, {}, [Var(kind_of("int32[2]"))]))


def test_variables_are_made_once_and_before_their_use():
    g, y = small()
    with pytest.raises(GraphError, match="made before"):
        check(with_eqn(g, "sin", [y], {}, [y]))
    g, y = small()
    with pytest.raises(GraphError, match="made before"):
        check(with_eqn(g, "sin", [y], {}, [g.inputs[0]]))
    g, y = small()
    with pytest.raises(GraphError, match="made before"):
        check(with_eqn(g, Two(), [y], {}, [X, X]))
    g, y = small()
    g("sin", y)
    graph = Graph(tuple(g.inputs), tuple(reversed(g.eqns)), ())
    with pytest.raises(GraphError, match=r"operand 0 \(a float32\[3\]\) .* nothing has made\n  in equation 0"):
        check(graph)
    with pytest.raises(GraphError, match="twice"):
        check(Graph((X, X), (), ()))


def test_outputs_are_defined():
    with pytest.raises(GraphError, match=r"output 1 \(a float32\[3\]\) is a variable that nothing has made"):
        check(Graph((), (), (Literal(1), X)))


def test_literals_are_values():
    with pytest.raises(GraphError, match="neither"):
        check(Graph((), (), (Literal("a"),)))
    lying = Literal(1.0)
    lying.type = Number(int)
    with pytest.raises(GraphError, match="whose type int is not that of its value, float"):
        check(Graph((), (), (lying,)))

    def f(x):
        with pytest.raises(GraphError, match="output 0 is a literal that belongs to a transform"):
            check(Graph((), (), (Literal(x),)))
        g, y = small()
        with pytest.raises(GraphError, match=r"operand 1 is .*transform.*\n.*multiply c const:float32\[\]"):
            check(with_eqn(g, "multiply", [y, Literal(x)], {}, [Var(y.type)]))
        return x

    fg.grad(f)(1.0)
