"""Products of which only the transpose is read."""

from __future__ import annotations

import numpy as np
import pytest
from graphs import Build
from test_graph_thin_products import names, values_of

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad.graph.check import check
from funcgrad.graph.ir import evaluate
from funcgrad.graph.passes import simplify, turned_products
from funcgrad.transforms.finishing import finished


@pytest.mark.parametrize("axes", [(1, 0, 3, 2), (0, 3, 1, 2), (3, 0, 1, 2), (0, 1, 3, 2)], ids=str)
@pytest.mark.parametrize(
    "shapes", [("2,3,4,5", "2,3,5,6"), ("3,4,5", "2,3,5,6"), ("2,1,4,5", "5,6"), ("4,5", "2,3,5,6")]
)
@pytest.mark.parametrize("dtype", ["float32", "int32", "complex64"])
def test_the_same_values(dtype, shapes, axes):
    types = [f"{dtype}[{s}]" for s in shapes]
    g = Build(*types)
    product = g("matmul", *g.inputs)
    rank = len(product.type.shape)
    axes = tuple(a - (4 - rank) for a in axes if a >= 4 - rank)
    graph = g.graph(g("permute_dims", product, axes=axes))
    better = turned_products(graph)
    check(better)
    assert (better is not graph) == (axes[-1] == rank - 2)
    values = values_of(types)
    (a,), (b,) = evaluate(graph, values), evaluate(better, values)
    assert (a.shape, a.dtype) == (b.shape, b.dtype)
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-5, atol=1e-4)


def test_a_transposed_product_is_one_of_transposes():
    g = Build("float32[4,5]", "float32[5,6]")
    graph = g.graph(g("permute_dims", g("matmul", *g.inputs), axes=(1, 0)))
    assert names(simplify(turned_products(graph))) == ["permute_dims", "permute_dims", "matmul"]


def test_products_that_are_read_as_they_are_stay():
    g = Build("float32[4,5]", "float32[5,6]")
    product = g("matmul", *g.inputs)
    turned = g("permute_dims", product, axes=(1, 0))
    for outputs in ([turned, product], [turned, g("negative", product)], [g("permute_dims", product, axes=(0, 1))]):
        graph = g.graph(*outputs)
        assert turned_products(graph) is graph


def test_the_gradient_of_attentions_keys_comes_out_in_rows():
    def loss(q, k, v):
        return (F.scaled_dot_product_attention(q, k, v).swapaxes(1, 2) ** 2).sum()

    args = [fnp.asarray(np.random.default_rng(i).normal(size=(2, 3, 8, 4)).astype("float32")) for i in range(3)]
    gradient = lambda *args: [g.swapaxes(1, 2).reshape(2, 8, 12) for g in fg.grad(loss, (0, 1, 2))(*args)]  # noqa: E731
    graph = finished(fg.make_graph(gradient)(*args))
    made = {e.outs[0]: e for e in graph.eqns}
    for eqn in graph.eqns:
        if eqn.op.name == "permute_dims" and made.get(eqn.operands[0]) is not None:
            assert made[eqn.operands[0]].op.name != "matmul" or eqn.params["axes"][-1] == len(eqn.params["axes"]) - 1
    for a, b in zip(evaluate(graph, args), gradient(*args), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
