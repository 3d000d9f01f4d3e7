"""Loop nests in C that read views as they stand in memory: transposed, in part, backwards."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from graphs import Build
from test_c_nests_random import check, every_nest  # noqa: F401  # a fixture

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad import config
from funcgrad.codegen.c.copies import with_copies
from funcgrad.codegen.c.toolchain import toolchain
from funcgrad.codegen.numpy_program import numpy_program

pytestmark = pytest.mark.skipif(toolchain() is None, reason="there is no C compiler")


def numpys(source: str) -> list[str]:
    """The statements of a program that are NumPy's, but for memory, views and products."""
    lines = (line.strip() for line in source.split("\n"))
    others = (line for line in lines if "np." in line and "np.empty" not in line and "np.matmul" not in line)
    return list(others)


def test_a_view_of_a_product_is_read_where_it_stands() -> None:
    g = Build("float32[8,6]", "float32[6,12]")
    product = g("matmul", *g.inputs)
    heads = g("permute_dims", g("reshape", product, shape=(2, 4, 3, 4)), axes=(0, 2, 1, 3))
    graph = g.graph(g("multiply", heads, 2.0))
    text = check(graph)
    assert "* 48" in text
    assert "multiply" not in numpy_program(graph, native=True).source


@pytest.mark.parametrize("what", ["fortran", "part", "backwards"])
def test_a_view_of_an_input_in_another_order(what: str) -> None:
    """What the program takes to be in C's order is copied by `mend`."""
    g = Build("float32[6,8]")
    turned = g("permute_dims", g("reshape", g.inputs[0], shape=(6, 2, 4)), axes=(2, 0, 1))
    graph = g.graph(g("negative", turned))
    x = np.random.default_rng(0).normal(size=(6, 8)).astype("float32")
    given = {
        "fortran": np.asfortranarray(x),
        "part": np.repeat(x, 2, axis=0)[::2],
        "backwards": np.ascontiguousarray(x[::-1])[::-1],
    }[what]
    assert check(graph, [given])
    (found,) = numpy_program(graph, native=True)(given)
    np.testing.assert_array_equal(found, -x.reshape(6, 2, 4).transpose(2, 0, 1))


@pytest.mark.parametrize("key", [(slice(None, None, -1), slice(2, 5)), (slice(None), slice(None, None, 3))], ids=str)
def test_parts_and_reversed_parts(key: Any) -> None:
    g = Build("float32[6,8]", "float32[8,9]")
    part = g("slice", g("matmul", *g.inputs), key=key)
    turned = g("permute_dims", part, axes=(1, 0))
    assert check(g.graph(g("negative", turned), g("sum", turned, axes=(0,))))


def test_nothing_is_written_over_what_a_view_still_reads() -> None:
    g = Build("float32[6,6]", "float32[6,6]")
    product = g("matmul", *g.inputs)
    turned = g("permute_dims", product, axes=(1, 0))
    assert check(g.graph(g("add", product, turned)))


def test_an_array_in_the_midst_of_zeros_from_a_view() -> None:
    g = Build("float32[4,6]", "float32[6,5]")
    turned = g("permute_dims", g("matmul", *g.inputs), axes=(1, 0))
    key = (slice(1, 6), slice(2, 6))
    assert check(g.graph(g("add", g("unslice", turned, key=key, shape=(7, 8)), 1.0)))


@pytest.mark.parametrize("sizes", ["0,5", "1,1"])
def test_nothing_and_one_number_in_the_midst_of_zeros(sizes: str) -> None:
    rows, columns = map(int, sizes.split(","))
    g = Build(f"float32[{sizes}]", "float32[4,5]")
    placed = g("unslice", g.inputs[0], key=(slice(2, 2 + rows), slice(0, columns)), shape=(4, 5))
    assert check(g.graph(g("add", placed, g.inputs[1])))


def test_copies_are_written_down_before_reshapes() -> None:
    g = Build("float32[16,4,64,32]")
    joined = g("reshape", g("permute_dims", g.inputs[0], axes=(0, 2, 1, 3)), shape=(16, 64, 128))
    graph = g.graph(joined)
    names = [e.op.name for e in with_copies(graph).eqns]
    assert names == ["permute_dims", "copy", "reshape"]
    assert with_copies(g.graph(g("permute_dims", g.inputs[0], axes=(0, 2, 1, 3)))).eqns[0].op.name == "permute_dims"
    assert check(graph)
    source = numpy_program(graph, native=True).source
    assert "copy(" not in source
    assert "nest0(" in source


def test_attention_is_products_and_loops() -> None:
    random = np.random.default_rng(0)
    x, w = random.normal(size=(4, 64, 64)).astype("float32"), random.normal(0, 0.1, (64, 192)).astype("float32")

    def loss(x: Any, w: Any) -> Any:
        q, k, v = ((x @ w)[..., i * 64 : i * 64 + 64].reshape(4, 64, 4, 16).swapaxes(1, 2) for i in range(3))
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return (seen.swapaxes(1, 2).reshape(4, 64, 64) ** 2).sum()

    both = fg.value_and_grad(loss, (0, 1))
    before = config.c_compiler()
    config.c_compiler("always")
    try:
        fast = fg.jit(both)
        for _ in range(3):
            found = fast(x, w)
    finally:
        config.c_compiler(before)
    expected = both(x, w)
    for a, b in zip(fg.tree.leaves(found), fg.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5 * np.abs(b).max())
    graph = fg.make_graph(both)(fnp.asarray(x), fnp.asarray(w))
    assert numpys(numpy_program(fg.graph.passes.simplify(graph), native=True).source) == []
