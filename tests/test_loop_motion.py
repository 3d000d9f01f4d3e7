"""Products that a compiled program does for all turns of a loop at once: where they stand, and eager values."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import random
from funcgrad.graph.check import check
from funcgrad.graph.ir import Graph, GraphCall
from funcgrad.graph.loops import ScanCall
from funcgrad.transforms.finishing import finished

STEPS, BATCH, SIZE, HIDDEN = 6, 3, 4, 5
rng = np.random.default_rng(0)


def array(*shape: int) -> Any:
    return fnp.asarray(rng.standard_normal(shape) * 0.5)


XS, H0 = array(STEPS, BATCH, SIZE), array(BATCH, HIDDEN)
W, U, B, V = array(SIZE, HIDDEN), array(HIDDEN, HIDDEN), array(HIDDEN), array(HIDDEN, SIZE)
PRODUCTS = ("matmul", "conv", "conv_data", "conv_weights")


def products(graph: Graph, inside: bool = False) -> Counter[str]:
    """How many products stand outside of the loops of a graph, and how many inside."""
    found: Counter[str] = Counter()
    for eqn in graph.eqns:
        if eqn.op.name in PRODUCTS:
            found["inside" if inside else "outside"] += 1
        if isinstance(eqn.op, GraphCall):
            for inner in eqn.op.graphs.values():
                found += products(inner, True)
    return found


def moved(f: Any, *args: Any) -> Graph:
    graph = finished(fg.make_graph(f)(*args))
    check(graph)
    return graph


def alike(found: Any, expected: Any) -> None:
    for a, b in zip(fg.tree.leaves(found), fg.tree.leaves(expected), strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        scale = float(np.abs(np.asarray(b)).max(initial=1.0))  # of the terms whose order has changed
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-8, atol=1e-10 * scale)


def as_eager(f: Any, *args: Any) -> None:
    expected, jitted = f(*args), fg.jit(f)
    for _ in range(3):
        alike(jitted(*args), expected)


# ---- cells --------------------------------------------------------------------------------------


def rnn(w: Any, u: Any, b: Any, xs: Any, h: Any, reverse: bool = False) -> Any:
    def step(h: Any, x: Any) -> Any:
        h = fnp.tanh(x @ w + h @ u + b)
        return h, h

    return fg.scan(step, h, xs, reverse=reverse)


def lstm(w: Any, u: Any, b: Any, xs: Any, h: Any) -> Any:
    def step(carry: Any, x: Any) -> Any:
        h, c = carry
        gates = fnp.concat([x @ w + h @ u + b] * 4, axis=-1) * fnp.arange(1.0, 4 * HIDDEN + 1, dtype="float64")
        i, f, g, o = (gates[..., k * HIDDEN : (k + 1) * HIDDEN] for k in range(4))
        c = fnp.tanh(f) * c + fnp.tanh(i) * fnp.tanh(g)
        h = fnp.tanh(o) * fnp.tanh(c)
        return (h, c), h

    return fg.scan(step, (h, h * 0.5), xs)


def gru(w: Any, u: Any, b: Any, xs: Any, h: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        z = fnp.tanh(x @ w + h @ u + b) * 0.5 + 0.5
        r = fnp.tanh(x @ (w * 0.5) + h @ (u * 0.25)) * 0.5 + 0.5
        n = fnp.tanh(x @ (w - 1.0) + r * (h @ (u + 0.5)))
        h = (1.0 - z) * n + z * h
        return h, h

    return fg.scan(step, h, xs)


def both_ways(w: Any, u: Any, b: Any, xs: Any, h: Any) -> Any:
    there, back = rnn(w, u, b, xs, h), rnn(w * 0.5, u, b, xs, h, reverse=True)
    return there[0] * back[0], fnp.concat([there[1], back[1]], axis=-1)


def projected(w: Any, u: Any, b: Any, xs: Any, h: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        h = fnp.tanh(x["a"][0] @ w + h @ u)
        return h, (fnp.tanh(h @ u.T + b), x["b"] @ w)

    return fg.scan(step, h, {"a": [xs], "b": xs * 0.5})


def without_rows(w: Any, u: Any, b: Any, xs: Any, h: Any) -> Any:
    return fg.scan(lambda h, _: (fnp.tanh(h @ u + xs[0] @ w + b), h @ u), h, length=STEPS)


def vectors(w: Any, u: Any, b: Any, xs: Any, h: Any) -> Any:
    return fg.scan(lambda h, x: ((v := fnp.tanh(w.T @ x + u @ h + b)), v), h[0], xs[:, 0])


def masked(w: Any, u: Any, b: Any, xs: Any, h: Any) -> Any:
    def step(h: Any, row: Any) -> Any:
        x, keep = row
        h = fnp.where(keep[:, None], fnp.tanh(x @ w + h @ u + b), h)
        return h, h * keep[:, None]

    return fg.scan(step, h, (xs, xs[..., 0] > 0.0))


def of_tokens(w: Any, u: Any, b: Any, xs: Any, h: Any) -> Any:
    def step(h: Any, tokens: Any) -> Any:
        h = fnp.tanh(u[tokens] @ u + h @ u + b)
        return h, h @ w.T

    return fg.scan(step, h, fnp.asarray(np.arange(STEPS * BATCH).reshape(STEPS, BATCH) % HIDDEN))


def nested(w: Any, u: Any, b: Any, xs: Any, h: Any) -> Any:
    def outer(h: Any, x: Any) -> Any:
        h, ys = rnn(w, u, b, fnp.stack([x, x * 0.5, -x]), h)
        return h, ys.sum(0) @ u

    return fg.scan(outer, h, xs)


def added_up(w: Any, u: Any, b: Any, xs: Any, h: Any) -> Any:
    def step(carry: Any, x: Any) -> Any:
        h, total, mean, count = carry
        h = fnp.tanh(x @ w + h @ u)
        return (h, total - x.T @ h + (h.T @ x).T, mean + (x @ w).sum(0) * b, count + 1), x.T @ h

    return fg.scan(step, (h, w * 0.0, b, fnp.asarray(0)), xs)


def two_of_a_carry(w: Any, u: Any, b: Any, xs: Any, h: Any) -> Any:
    def step(carry: Any, x: Any) -> Any:  # sums that are more than sums
        h, seen, halved, twice = carry
        h = fnp.tanh(x @ w + h @ u + seen.sum(0))
        grown = seen + x.T @ h
        return (h, grown, halved * 0.5 + x.T @ h, twice + twice * 0.1), grown

    return fg.scan(step, (h, w * 0.0, w, w), xs)


def kept(w: Any, u: Any, b: Any, xs: Any, h: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        return x @ w, (x, h, b, x @ w)  # the next carry is of the row alone

    return fg.scan(step, h, xs)


def random_rows(w: Any, u: Any, b: Any, xs: Any, h: Any) -> Any:
    def step(carry: Any, row: Any) -> Any:
        (x, key), (h, own) = row, carry
        own, now = random.split(own)
        x = x * random.bernoulli(key, 0.5, x.shape) * random.bernoulli(now, 0.75, x.shape)
        h = fnp.tanh(x @ w + h @ u)
        return (h, own), h

    (last, _), hs = fg.scan(step, (h, random.key(1)), (xs, random.split(random.key(0), STEPS)))
    return last, hs


def checkpointed(w: Any, u: Any, b: Any, xs: Any, h: Any) -> Any:
    step = fg.checkpoint(lambda h, x: fnp.tanh(x @ w + h @ u + b))
    return fg.scan(lambda h, x: (step(h, x),) * 2, h, xs)


CELLS = [
    rnn, lstm, gru, both_ways, projected, without_rows, vectors, masked, of_tokens, nested, added_up, two_of_a_carry,
    kept, random_rows, checkpointed,
]  # fmt: skip
OF_ONE_LENGTH = (without_rows, of_tokens, random_rows)
every_cell = pytest.mark.parametrize("cell", CELLS, ids=lambda f: f.__name__)


def loss_of(cell: Any) -> Any:
    def loss(*args: Any) -> Any:
        leaves = [x for x in fg.tree.leaves(cell(*args)) if x.dtype.kind == "f"]
        return sum((fnp.sin(x) * (k + 1.0)).sum() for k, x in enumerate(leaves))

    return loss


@every_cell
def test_value(cell: Any) -> None:
    as_eager(cell, W, U, B, XS, H0)


@every_cell
def test_gradient(cell: Any) -> None:
    as_eager(fg.value_and_grad(loss_of(cell), (0, 1, 2, 3, 4)), W, U, B, XS, H0)


@every_cell
def test_gradient_of_a_compiled_function(cell: Any) -> None:
    loss = loss_of(cell)
    expected, found = fg.grad(loss, (0, 1, 2, 3, 4))(W, U, B, XS, H0), fg.grad(fg.jit(loss), (0, 1, 2, 3, 4))
    for _ in range(4):
        alike(found(W, U, B, XS, H0), expected)


@every_cell
def test_tangents(cell: Any) -> None:
    args = (W, U, B, XS, H0)
    as_eager(lambda *args: fg.jvp(loss_of(cell), args, [x * 0.5 + 0.1 for x in args]), *args)


@every_cell
@pytest.mark.parametrize("axes", [(None, None, None, 0, 0), (0, None, 0, None, None), (0, 0, 0, 0, 0)])
def test_batches(cell: Any, axes: Any) -> None:
    args = [x if a is None else fnp.stack([x, x * 0.5]) for x, a in zip((W, U, B, XS, H0), axes, strict=True)]
    as_eager(fg.vmap(fg.value_and_grad(loss_of(cell), (0, 1, 3)), in_axes=axes), *args)


@every_cell
def test_second_derivatives(cell: Any) -> None:
    inner = fg.grad(loss_of(cell), (0, 1))
    as_eager(fg.grad(lambda *args: sum(fnp.sin(x).sum() for x in inner(*args)), (0, 1, 3)), W, U, B, XS, H0)


@pytest.mark.parametrize("length", [0, 1, 2])
@pytest.mark.parametrize("cell", [c for c in CELLS if c not in OF_ONE_LENGTH], ids=lambda f: f.__name__)
def test_few_turns(cell: Any, length: int) -> None:
    as_eager(fg.value_and_grad(loss_of(cell), (0, 1, 3)), W, U, B, XS[:length], H0)


@pytest.mark.parametrize("mode", ["always", "never"])
@every_cell
def test_with_and_without_a_compiler(cell: Any, mode: str) -> None:
    before = fg.config.c_compiler()
    fg.config.c_compiler(mode)
    try:
        as_eager(fg.value_and_grad(loss_of(cell), (0, 1)), W, U, B, XS, H0)
    finally:
        fg.config.c_compiler(before)


# ---- where the products are ----------------------------------------------------------------------


def gradient(cell: Any) -> Any:
    return fg.grad(loss_of(cell), (0, 1, 2))


@pytest.mark.parametrize(
    ("f", "outside", "inside"),
    [
        (rnn, 1, 1),  # x @ w
        (lstm, 1, 1),
        (gru, 3, 3),
        (both_ways, 2, 2),
        (projected, 3, 1),  # the projection after the loop
        (without_rows, 1, 1),  # two values, of which one is the product of constants, and the other a result
        (kept, 1, 0),
        (random_rows, 0, 2),  # by way of a key that is carried
        # x @ w, x^T dz and h^T dz; h @ u and dz @ u^T
        (gradient(rnn), 3, 2),
        (gradient(lstm), 3, 2),
        (gradient(both_ways), 6, 4),
        (gradient(added_up), 4, 7),  # what is added and taken off again stays
    ],
)
def test_where_the_products_are(f: Any, outside: int, inside: int) -> None:
    found = products(moved(f, W, U, B, XS, H0))
    assert (found["outside"], found["inside"]) == (outside, inside)


def bodies(graph: Graph) -> list[Graph]:
    return [eqn.op.body for eqn in graph.eqns if isinstance(eqn.op, ScanCall)]


def test_the_backward_pass_of_a_cell_computes_no_gate_again_and_carries_no_gradient_of_a_weight() -> None:
    forward, backward = bodies(moved(gradient(rnn), W, U, B, XS, H0))
    assert [v.type.shape for v in backward.outputs if v.type.shape in (W.shape, U.shape, B.shape)] == []
    assert [eqn.op.name for body in (forward, backward) for eqn in body.eqns if eqn.op.name == "tanh"] == ["tanh"]


def test_explain_shows_the_products_outside_of_the_loop(capsys: pytest.CaptureFixture[str]) -> None:
    jitted = fg.jit(rnn)
    for _ in range(3):
        jitted(W, U, B, XS, H0)
    fg.explain(jitted, source=True)
    body, program = capsys.readouterr().out.split("def program")
    before, after = program.split("for step in")
    assert [text.count("matmul(") for text in (body, before, after)] == [1, 1, 0]


def test_sums_over_images_are_one_convolution() -> None:
    xs, w, u = array(STEPS, 2, 6, 6, 3), array(3, 3, 3, 4), array(3, 3, 4, 4)

    def cell(w: Any, u: Any, xs: Any) -> Any:
        def step(h: Any, x: Any) -> Any:
            h = fnp.tanh(fg.functional.conv2d(x, w, padding=1) + fg.functional.conv2d(h, u, padding=1))
            return h, h

        return fg.scan(step, xs[0, ..., :1] * fnp.zeros((4,), dtype="float64"), xs)[1]

    both = fg.value_and_grad(lambda *args: fnp.sin(cell(*args)).sum(), (0, 1))
    as_eager(both, w, u, xs)
    assert products(moved(both, w, u, xs)) == {"outside": 3, "inside": 2}


def test_the_gradient_of_a_table_is_written_once() -> None:
    table, u, tokens = array(7, HIDDEN), U, fnp.asarray(np.arange(STEPS * BATCH).reshape(STEPS, BATCH) % 11 - 4)

    def cell(table: Any, u: Any, tokens: Any) -> Any:
        def step(h: Any, now: Any) -> Any:
            h = fnp.tanh(table[now] + h @ u)
            return h, (h, table[now[::-1]] * B)

        return fg.scan(step, H0, tokens)

    both = fg.value_and_grad(loss_of(cell), (0, 1))
    as_eager(both, table, u, tokens)
    as_eager(fg.vmap(both, in_axes=(None, 0, 0)), table, fnp.stack([u, -u]), fnp.stack([tokens, tokens[::-1]]))
    backward = bodies(moved(both, table, u, tokens))[1]
    assert [e.op.name for e in backward.eqns if e.op.name in ("gather", "scatter_add")] == []
    jitted = fg.jit(both)
    for _ in range(3):
        jitted(table, u, tokens)
    with pytest.raises(IndexError):
        jitted(table, u, tokens + 1)


def test_integers_and_halves() -> None:
    for dtype in ("int32", "uint8", "float16", "complex64"):
        xs, w = fnp.asarray(np.arange(24).reshape(4, 2, 3) % 5, dtype), fnp.asarray(np.arange(6).reshape(3, 2), dtype)

        def f(w: Any, xs: Any) -> Any:
            def step(total: Any, x: Any) -> Any:
                return total + x.T @ (x @ w), x @ w

            return fg.scan(step, w * 0, xs)

        as_eager(f, w, xs)
        assert products(moved(f, w, xs))["inside"] == (dtype == "float16")  # a sum of halves is made turn by turn
    yes = fnp.asarray(np.eye(3) > 0)
    as_eager(lambda xs: fg.scan(lambda c, x: (c | (x @ yes), x @ yes), yes, xs), fnp.stack([yes, ~yes]))


def test_errors_are_those_of_the_loop() -> None:
    table, u = array(4, 3), array(3, 3)

    def f(table: Any, tokens: Any) -> Any:
        return fg.scan(lambda h, i: (fnp.tanh(table[i] @ u + h @ u), h), fnp.zeros((2, 3), dtype="float64"), tokens)

    jitted, good = fg.jit(f), fnp.asarray([[0, 1], [2, 3], [1, 1]])
    for _ in range(3):
        alike(jitted(table, good), f(table, good))
    with pytest.raises(IndexError):
        jitted(table, good + 2)
    alike(jitted(table, good), f(table, good))


def counts(f: Any, steps: int, batch: int, size: int, hidden: int) -> Counter[str]:
    """Where a cell's products are, of arrays that need not be there."""
    shapes = (size, hidden), (hidden, hidden), (hidden,), (steps, batch, size), (batch, hidden)
    types = [fg.ShapeDtypeStruct(shape, np.dtype("float32")) for shape in shapes]
    return products(finished(fg.make_graph(f)(*types)))


def last_of(*args: Any) -> Any:
    return rnn(*args)[0]


def test_large_products_stay_in_the_loop() -> None:
    assert counts(last_of, 1000, 32, 256, 256) == {"outside": 1, "inside": 1}
    assert counts(last_of, 3, 4096, 1024, 1024) == {"inside": 2}  # of full speed in each turn
    assert counts(gradient(last_of), 3, 4096, 1024, 1024)["outside"] == 0


def test_rows_that_take_more_memory_than_the_loop_has_stay_in_it() -> None:
    assert counts(last_of, 1000, 64, 64, 64) == {"outside": 1, "inside": 1}
    assert counts(last_of, 10_000, 64, 64, 64) == {"outside": 1, "inside": 1}  # 160 MiB, as much as the rows
    assert counts(last_of, 10_000, 64, 16, 64) == {"inside": 2}  # four times what the rows take


def test_loops_of_other_modules_stay() -> None:
    graph = fg.make_graph(rnn)(W, U, B, XS, H0)
    assert products(finished(graph, numpy=False)) == products(graph)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_what_comes_and_goes_again_is_added_up_turn_by_turn(dtype):
    """All that came in sum, less all that went, would be NaN, or have few right digits."""
    numbers = (100 + rng.standard_normal(1050)).astype(dtype)
    come, gone = fnp.asarray(numbers[50:]), fnp.asarray(numbers[:-50])
    scale = 4e33 if dtype == "float32" else 1

    def window(start, come, gone):
        return fg.scan(lambda c, r: (c + r[0] - r[1], None), start, (come, gone))[0]

    def joined(start, come, gone):
        return fg.scan(lambda c, r: (c + (r[0] - r[1]), None), start, (come, gone))[0]

    for f in (window, joined):
        for by in (1, scale):
            args = fnp.asarray(numbers[:50].sum() * by, dtype=dtype), come * by, gone * by
            jitted = fg.jit(f)
            for _ in range(4):
                found = jitted(*args)
            np.testing.assert_allclose(
                np.asarray(found), np.asarray(f(*args)), rtol=2e-3 if dtype == "float16" else 2e-6
            )


def test_sums_of_whole_numbers_are_the_same_in_any_order():
    come, gone = (fnp.asarray(rng.integers(-100, 100, (300, 4)).astype("int32")) for _ in range(2))
    f = lambda come, gone: fg.scan(lambda c, r: (c + r[0] - r[1], None), fnp.zeros(4, fnp.int32), (come, gone))[0]  # noqa: E731
    jitted = fg.jit(f)
    for _ in range(4):
        np.testing.assert_array_equal(jitted(come, gone), f(come, gone))
