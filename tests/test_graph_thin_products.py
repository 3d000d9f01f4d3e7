"""Products and sums of one term, and stacks of products: other equations, with the same values."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import Build

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.core import wrap
from funcgrad.graph.check import check
from funcgrad.graph.ir import evaluate
from funcgrad.graph.passes import simplify, thin_products
from funcgrad.transforms.finishing import finished

rng = np.random.default_rng(0)


def names(graph):
    return [eqn.op.name for eqn in graph.eqns]


def values_of(types):
    shapes = [tuple(map(int, filter(None, t.split("[")[1][:-1].split(",")))) for t in types]
    dtypes = [t.split("[")[0] for t in types]
    return [wrap((rng.standard_normal(s) * 9).astype(d)) for s, d in zip(shapes, dtypes, strict=True)]


def hold(graph, *types):
    """What the pass makes of a graph has the same values."""
    better, values = thin_products(graph), values_of(types)
    check(better)
    for a, b in zip(evaluate(graph, values), evaluate(better, values), strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-5, atol=1e-5)
    return better


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "complex64", "int32", "uint8", "bool"])
@pytest.mark.parametrize(
    ("x", "y"),
    [((5, 1), (1, 3)), ((4, 1, 5, 1), (1, 3)), ((1, 5, 1), (4, 2, 1, 3)), ((1, 1), (1, 1)), ((0, 1), (1, 3))],
)
def test_a_product_of_a_column_and_a_row_is_a_multiplication(x, y, dtype):
    types = [f"{dtype}[{','.join(map(str, shape))}]" for shape in (x, y)]
    g = Build(*types)
    assert names(hold(g.graph(g("matmul", *g.inputs)), *types)) == ["multiply"]


def test_a_large_product_that_nothing_joins_stays():
    types = ["float32[4,800,1]", "float32[4,1,800]"]
    g = Build(*types)
    graph = g.graph(g("matmul", *g.inputs))
    assert thin_products(graph) is graph
    g = Build(*types)
    assert names(hold(g.graph(g("tanh", g("matmul", *g.inputs))), *types)) == ["multiply", "tanh"]


@pytest.mark.parametrize("shape", [(7, 4, 1), (2, 3, 4, 1), (1, 7, 4, 1)])
@pytest.mark.parametrize("matrix", [(3, 4), (1, 3, 4)])
def test_a_stack_of_vectors_is_a_matrix(matrix, shape):
    types = [f"float32[{','.join(map(str, s))}]" for s in (matrix, shape)]
    g = Build(*types)
    better = simplify(hold(g.graph(g("matmul", *g.inputs)), *types))
    (product,) = [eqn for eqn in better.eqns if eqn.op.name == "matmul"]
    assert [len(a.type.shape) for a in product.operands] == [2, 2]


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ((3, 4), (4, 1)),
        ((3, 4), (1, 4, 1)),
        ((1, 4), (7, 4, 1)),
        ((2, 3, 4), (2, 4, 1)),
        ((3, 4), (7, 4, 2)),
        ((3, 0), (7, 0, 1)),
    ],
)
def test_other_products_stay(x, y):
    types = [f"float32[{','.join(map(str, s))}]" for s in (x, y)]
    g = Build(*types)
    graph = g.graph(g("matmul", *g.inputs))
    assert hold(graph, *types) is graph


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min"])
def test_a_sum_of_one_element_is_that_element(name):
    types = ["float32[3,1,4,1]"]
    g = Build(*types)
    assert names(hold(g.graph(g(name, *g.inputs, axes=(1, 3))), *types)) == ["reshape"]
    assert names(hold(g.graph(g(name, *g.inputs, axes=(0, 1))), *types))[-1] == name
    empty = Build("float32[0,1]")
    graph = empty.graph(empty("sum", *empty.inputs, axes=(1,)))
    assert thin_products(graph) is graph


def test_inside_of_loops():
    u, xs = fnp.asarray(rng.standard_normal((1, 3))), fnp.asarray(rng.standard_normal((5, 3, 1)))

    def f(u, xs):
        return fg.scan(lambda h, x: (fnp.tanh(h + h[:, :1] @ u + x @ u), h.sum(0)), xs[0] @ u, xs)

    assert "matmul" in str(fg.make_graph(f)(u, xs))
    assert "matmul" not in str(finished(fg.make_graph(f)(u, xs)))
    jitted = fg.jit(f)
    for _ in range(3):
        for a, b in zip(jitted(u, xs), f(u, xs), strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-12)


def test_the_hessian_of_two_layers_has_no_products_of_rank_one():
    x, w = fnp.asarray(rng.standard_normal((30, 4))), fnp.asarray(rng.standard_normal(4 * 3 + 3))

    def loss(w):
        hidden = fnp.tanh(x @ w[:12].reshape(4, 3))
        return fnp.mean(fnp.tanh(hidden @ w[12:]))

    hessian = fg.hessian(loss)
    graph = finished(fg.make_graph(hessian)(w))
    assert all(eqn.operands[0].type.shape[-1] > 1 for eqn in graph.eqns if eqn.op.name == "matmul")
    jitted = fg.jit(hessian)
    for _ in range(3):
        np.testing.assert_allclose(np.asarray(jitted(w)), np.asarray(hessian(w)), rtol=1e-9, atol=1e-12)
