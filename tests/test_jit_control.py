"""Loops under jit: one operation of the record whatever the number of steps, and the values of eager runs."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import array_api_strict
import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import config, random
from funcgrad.codegen.numpy_program import numpy_program
from funcgrad.core import wrap
from funcgrad.graph.check import GraphError, check
from funcgrad.graph.ir import Eqn, Graph, GraphCall, Var
from funcgrad.graph.loops import ScanCall
from funcgrad.graph.render import to_dot

rng = np.random.default_rng(0)


def array(*shape: int) -> Any:
    return fnp.asarray(rng.standard_normal(shape))


def recorded(jitted: Any) -> list[Any]:
    """The ends of all paths; none of them may run without a program."""
    trees = [tree for unit in jitted.units.values() for tree in unit.trees.values()]
    assert trees
    assert all(unit.eager == "" for unit in jitted.units.values())
    roots = [tree.root for tree in trees]
    assert all(root.question is None and root.eager == "" for root in roots)
    return roots


def agrees(f: Callable[..., Any], *args: Any, rtol: float = 1e-9, eager: Any = None) -> Any:
    """Hold the recordings and the program of f against f itself, or another f, and return the jitted function."""
    expected = fg.tree.leaves((eager or f)(*args))
    jitted = fg.jit(f)
    for _ in range(3):
        found = fg.tree.leaves(jitted(*args))
        assert len(found) == len(expected)
        for x, y in zip(found, expected, strict=True):
            assert x.dtype == y.dtype
            np.testing.assert_allclose(x, y, rtol=rtol, atol=1e-13)
    (end,) = recorded(jitted)
    assert end.hits == 1
    return jitted


def loops(graph: Graph) -> list[str]:
    """The names of the calls of graphs in a graph, those in its bodies behind them."""
    found = []
    for eqn in graph.eqns:
        if isinstance(eqn.op, GraphCall):
            found.append(eqn.op.name)
            for body in eqn.op.graphs.values():
                found += loops(body)
    return found


def size(graph: Graph) -> int:
    """How many equations, those of bodies included."""
    bodies = [b for e in graph.eqns if isinstance(e.op, GraphCall) for b in e.op.graphs.values()]
    return len(graph.eqns) + sum(map(size, bodies))


# ---- every transform ----------------------------------------------------------------------------


def rnn(w: Any, xs: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        h = fnp.tanh(h @ w + x)
        return h, (h * h).sum()

    h, ys = fg.scan(step, fnp.zeros(3, "float64"), xs)
    return h.sum() + (ys * ys).sum()


def newton(a: Any) -> Any:
    return fg.while_loop(lambda x: abs(x * x - a) > 1e-9, lambda x: 0.5 * (x + a / x), a)


def power(n: Any, x: Any, w: Any) -> Any:
    return fg.fori_loop(0, n, lambda i, y: fnp.sin(y * w) + i * y * x, x)


def piecewise(w: Any, xs: Any) -> Any:
    def step(c: Any, x: Any) -> Any:
        y = fg.cond(x > 0, lambda: fnp.sqrt(x) * w * c, lambda: fnp.sin(c) - x)
        cases = [lambda a: a * w, lambda a: a + 1.0, lambda a: fnp.zeros((), "float64")]
        return y, fg.switch((x * 3).astype("int64"), cases, y)

    c, ys = fg.scan(step, w, xs)
    return c + (ys * ys).sum()


def settle(w: Any, xs: Any) -> Any:
    def step(c: Any, x: Any) -> Any:
        n = fg.while_loop(lambda v: v < 5.0, lambda v: v * 1.5 + w * w, x * x + 1)
        return c * 0.5 + n, n * c

    c, ys = fg.scan(step, w, xs)
    return c + ys.sum()


def table(w: Any, rows: Any) -> Any:
    def outer(c: Any, row: Any) -> Any:
        return fg.scan(lambda c, x: (fnp.tanh(c * w + x) * c.sum(), c[0]), c, row, reverse=True)

    c, ys = fg.scan(outer, w, rows)
    return c.sum() + (ys * ys).sum()


n20, few = fnp.asarray(20), fnp.asarray([3, 20, 0])
PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], tuple[Any, ...]]] = {
    "scan": (rnn, (array(3, 3), array(30, 3)), (array(4, 3, 3), array(4, 30, 3))),
    "while": (newton, (fnp.asarray(7.0, "float64"),), (fnp.asarray([4.0, 100.0, 1e6], "float64"),)),
    "fori": (lambda x, w: power(20, x, w), (array(), array()), (array(4), array(4))),
    "branches": (piecewise, (array(), array(30)), (array(4), array(4, 30))),
    "while in scan": (settle, (array(), array(6)), (array(4), array(4, 6))),
    "nested": (table, (array(2), array(5, 7)), (array(4, 2), array(4, 5, 7))),
}
every_program = pytest.mark.parametrize("name", PROGRAMS)


@every_program
def test_value(name: str) -> None:
    f, args, _ = PROGRAMS[name]
    agrees(f, *args)


@every_program
def test_gradient(name: str) -> None:
    f, args, _ = PROGRAMS[name]
    agrees(fg.value_and_grad(f, tuple(range(len(args)))), *args)


@every_program
def test_jvp(name: str) -> None:
    f, args, _ = PROGRAMS[name]
    agrees(lambda *xs: fg.jvp(f, xs, xs), *args)


@every_program
def test_vmap(name: str) -> None:
    f, _, args = PROGRAMS[name]
    agrees(fg.vmap(f), *args)


@every_program
def test_vmap_of_one_argument(name: str) -> None:
    f, args, batch = PROGRAMS[name]
    agrees(fg.vmap(f, in_axes=(0, *[None] * (len(args) - 1))), batch[0], *args[1:])


@every_program
def test_gradients_of_a_batch(name: str) -> None:
    f, _, args = PROGRAMS[name]
    numbers = tuple(range(len(args)))
    agrees(fg.vmap(fg.grad(f, numbers)), *args)
    agrees(fg.grad(lambda *xs: fnp.sum(fg.vmap(f)(*xs)), numbers), *args)


@pytest.mark.parametrize("name", [n for n in PROGRAMS if "while" not in n])
def test_second_derivatives(name: str) -> None:
    f, args, _ = PROGRAMS[name]
    agrees(fg.hessian(f), *args)
    agrees(fg.grad(lambda *xs: fnp.sum(fg.grad(f)(*xs) ** 2)), *args)


@every_program
@pytest.mark.parametrize("around", [fg.grad, fg.vmap], ids=["grad", "vmap"])
def test_transforms_of_a_compiled_function(name: str, around: Any) -> None:
    f, args, batch = PROGRAMS[name]
    args = batch if around is fg.vmap else args
    jitted = fg.jit(f)
    for _ in range(3):
        np.testing.assert_allclose(around(jitted)(*args), around(f)(*args), rtol=1e-9, atol=1e-13)


def test_the_backward_pass_of_a_compiled_loop_is_linear() -> None:
    """A pullback may be called under a transform when its forward pass is over."""
    a, ct = fnp.asarray(7.0, "float64"), fnp.asarray(3.0, "float64")
    for f in (newton, lambda a: power(fnp.asarray(4), a, a), PROGRAMS["fori"][0]):
        args = (a, a) if f is PROGRAMS["fori"][0] else (a,)
        slope = float(fg.vjp(f, *args)[1](1.0)[0])
        pull = fg.vjp(fg.jit(f), *args)[1]
        np.testing.assert_allclose(fg.grad(lambda ct, pull=pull: pull(ct)[0] ** 2)(ct), 6 * slope**2, rtol=1e-9)
        np.testing.assert_allclose(fg.jvp(pull, (ct,), (ct,))[1][0], 3 * slope, rtol=1e-9)
        rows = fg.vmap(lambda ct, pull=pull: pull(ct)[0])(fnp.asarray([1.0, 2.0], "float64"))
        np.testing.assert_allclose(rows, [slope, 2 * slope], rtol=1e-9)


def test_bounds_that_are_values() -> None:
    args = n20, array(), array()
    agrees(power, *args)
    agrees(fg.grad(power, (1, 2)), *args)
    agrees(fg.vmap(power), few, array(3), array(3))
    agrees(fg.vmap(fg.grad(power, (1, 2)), (0, 0, None)), few, array(3), array())
    jitted = fg.jit(fg.value_and_grad(power, (1, 2)))
    for n in range(70):  # more than there could be paths
        for found, expected in zip(
            fg.tree.leaves(jitted(fnp.asarray(n), *args[1:])),
            fg.tree.leaves(fg.value_and_grad(power, (1, 2))(fnp.asarray(n), *args[1:])),
            strict=True,
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert len(recorded(jitted)) == 1


@pytest.mark.parametrize(
    "f",
    [
        fg.vmap(fg.vmap(newton)),
        fg.vmap(fg.vmap(fg.grad(newton))),
        fg.vmap(fg.grad(lambda row: fg.vmap(newton)(row).sum())),
        fg.grad(lambda a: fg.vmap(fg.vmap(newton))(a).sum()),
        lambda a: (fg.jacfwd(fg.vmap(newton))(a[0]), fg.jacrev(fg.vmap(newton))(a[0])),
    ],
)
def test_batches_of_batches_that_end_each_for_itself(f: Any) -> None:
    agrees(f, fnp.asarray(np.random.default_rng(5).uniform(1, 100, (3, 4))))


def test_examples_that_have_ended_are_not_computed_on() -> None:
    """The root of a negative number would warn, and its NaN would spoil the derivative."""

    def roots(x: Any) -> Any:
        return fg.while_loop(lambda x: x > 0.5, lambda x: fnp.sqrt(x - 0.5) * 0.6, x)

    xs = fnp.asarray([0.6, 3.0, 100.0], "float64")
    agrees(fg.vmap(roots), xs)
    agrees(fg.vmap(fg.grad(roots)), xs)
    agrees(fg.grad(lambda xs: fg.vmap(roots)(xs).sum()), xs)


def test_examples_that_choose_each_for_itself() -> None:
    root = lambda x: fg.cond(x > 0, lambda: fnp.sqrt(x), lambda: -x)  # noqa: E731
    xs = fnp.asarray([-1.0, 4.0, -9.0, 2.0], "float64")
    agrees(fg.vmap(root), xs)
    agrees(fg.vmap(fg.grad(root)), xs)
    agrees(fg.grad(lambda xs: fg.vmap(root)(xs).sum()), xs)
    cases = lambda i, x: fg.switch(i, [lambda: x, lambda: x * x, lambda: fnp.sin(x)])  # noqa: E731
    agrees(fg.vmap(cases), fnp.asarray([0, 5, 1, -1]), xs)
    agrees(fg.vmap(fg.grad(cases, 1), (0, None)), fnp.asarray([0, 5, 1, -1]), xs[1])


@pytest.mark.parametrize("n", [0, 4])
def test_a_number_takes_the_dtype_of_the_first_step_if_there_is_one(n: int) -> None:
    f = lambda n, x: fg.fori_loop(0, n, lambda i, c: c + x * i, 0.0)  # noqa: E731
    jitted, x = fg.jit(f), array()
    for _ in range(3):
        found, expected = jitted(fnp.asarray(n), x), f(fnp.asarray(n), x)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    agrees(lambda x: fg.scan(lambda c, x: (c + x, c), 0, x), array(5))


def test_second_derivative_of_a_loop_that_values_end() -> None:
    """There is no history of a history: such a loop is unrolled along the path that the values take."""
    f, a = fg.grad(fg.grad(newton)), fnp.asarray(7.0, "float64")
    jitted = fg.jit(f)
    for _ in range(4):
        np.testing.assert_allclose(jitted(a), f(a), rtol=1e-9)
    agrees(lambda w: fg.jvp(lambda w: fg.jvp(newton, (w,), (w,))[1], (w,), (w,)), a)


# ---- what a scan may be -------------------------------------------------------------------------


def lstm(params: dict[str, Any], xs: Any) -> Any:
    def step(carry: Any, x: Any) -> Any:
        h, c = carry["h"], carry["c"]
        i, f, o, g = fnp.split(x @ params["w"] + h @ params["u"] + params["b"], 4, axis=-1)
        sigmoid = lambda x: 1 / (1 + fnp.exp(-x))  # noqa: E731
        c = sigmoid(f) * c + sigmoid(i) * fnp.tanh(g)
        h = sigmoid(o) * fnp.tanh(c)
        return {"h": h, "c": c}, (h, c.sum())

    zero = fnp.zeros(4, "float64")
    last, (hs, sums) = fg.scan(step, {"h": zero, "c": zero}, xs)
    return (hs * hs).mean() + sums.mean() + last["h"].sum()


def lstm_params() -> dict[str, Any]:
    return {"w": array(3, 16), "u": array(4, 16) / 2, "b": array(16)}


def test_lstm_of_1000_steps() -> None:
    params, xs = lstm_params(), array(1000, 3)
    agrees(lstm, params, xs)
    agrees(fg.grad(lstm), params, xs)


@pytest.mark.parametrize("f", [lstm, fg.grad(lstm), fg.hessian(lambda p, xs: lstm({**lstm_params(), "b": p["b"]}, xs))])
def test_graph_does_not_grow_with_the_steps(f: Any) -> None:
    params = lstm_params()
    graphs = [fg.make_graph(f)(params, array(n, 3)) for n in (5, 50)]
    for graph in graphs:
        check(graph)
    assert size(graphs[0]) == size(graphs[1])
    assert set(loops(graphs[1])) == {"scan"}


def test_recording_does_not_run_the_body_at_each_step() -> None:
    calls = itertools.count()

    def f(x: Any, xs: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            next(calls)
            return c * x, None

        return fg.scan(step, x, xs)[0]

    jitted, x, xs = fg.jit(fg.grad(f)), fnp.asarray(1.0, "float64"), 1 + array(1000) / 1e3
    for _ in range(5):
        jitted(x, xs)
    assert next(calls) == 2  # once in each recording
    np.testing.assert_allclose(jitted(x, xs), fg.grad(f)(x, xs), rtol=1e-9)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("unroll", [1, 3, True])
@pytest.mark.parametrize("steps", [0, 1, 2, 7])
def test_options_of_scan(reverse: bool, unroll: Any, steps: int) -> None:
    def f(w: Any, xs: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            (n, a), (p, q) = c, x
            return (n + 1, fnp.sin(a * w) + p["x"]), {"n": n, "a": a * q, "one": 1}

        (n, a), ys = fg.scan(step, (0, w), xs, reverse=reverse, unroll=unroll)
        return a + (ys["a"] * ys["n"]).sum() + n, ys

    xs = ({"x": array(steps)}, fnp.asarray(rng.integers(0, 9, steps)))
    agrees(f, array(), xs)
    agrees(fg.grad(f, has_aux=True), array(), xs)


def test_scan_without_arrays() -> None:
    agrees(lambda x: fg.scan(lambda c, _: (c * 2 + 1, c), x, length=5), array(3))
    agrees(fg.grad(lambda x: fg.scan(lambda c, _: (c * c, None), x, length=5)[0]), fnp.asarray(0.9, "float64"))


def test_map_and_associative_scan() -> None:
    xs = array(6, 3)
    agrees(lambda xs: fg.map(lambda x: x * x.sum(), xs), xs)
    agrees(fg.grad(lambda xs: (fg.map(lambda x: x * x.sum(), xs) ** 2).sum()), xs)
    agrees(fg.grad(lambda xs: fg.associative_scan(lambda a, b: a * b, xs).sum()), xs)


def test_keys_in_the_carry() -> None:
    def walk(key: Any, x: Any) -> Any:
        def step(carry: Any, _: Any) -> Any:
            key, x = carry
            key, own = random.split(key)
            return (key, x + x * random.normal(own, (3,))), x

        (key, x), ys = fg.scan(step, (key, x), length=8)
        return ys + random.uniform(key, (3,))

    agrees(walk, random.key(1), array(3))
    agrees(fg.grad(lambda x: walk(random.key(2), x).sum()), array(3))
    agrees(fg.vmap(walk), random.split(random.key(3), 4), array(4, 3))


def test_rules_of_the_user_stay_in_the_body() -> None:
    @fg.custom_jvp
    def pushed(x: Any) -> Any:
        return x * x

    pushed.defjvp(lambda primals, tangents: (primals[0] * primals[0], 7 * tangents[0]))

    @fg.custom_vjp
    def pulled(x: Any) -> Any:
        return x * x

    pulled.defvjp(lambda x: (x * x, x), lambda x, ct: (9 * ct * x,))

    def step(w: Any, c: Any, x: Any) -> Any:
        return pushed(c) * 0.1 + pulled(x) * w, pulled(c)

    def f(w: Any, xs: Any) -> Any:
        c, ys = fg.scan(lambda c, x: step(w, c, x), w, xs)
        return c + ys.sum()

    def by_python(w: Any, xs: Any) -> Any:
        c, total = w, 0.0
        for x in xs:
            c, y = step(w, c, x)
            total = total + y
        return c + total

    args = array(), array(6)
    agrees(f, *args)
    agrees(fg.grad(f, (0, 1)), *args)
    agrees(lambda *xs: fg.jvp(f, xs, xs), *args)
    agrees(fg.vmap(fg.grad(f, (0, 1)), (0, None)), array(3), args[1])
    # rules that are not the derivative: what is differentiated twice is what they do, as in Python's loop
    agrees(fg.grad(fg.grad(f)), *args, eager=fg.grad(fg.grad(by_python)))
    agrees(lambda *xs: fg.jvp(fg.grad(f), xs, xs), *args, eager=lambda *xs: fg.jvp(fg.grad(by_python), xs, xs))

    def nested(w: Any, xs: Any) -> Any:
        return fg.scan(
            lambda c, x: (f(c, xs) * x, fg.while_loop(lambda a: a < 9.0, lambda a: pulled(a) + 1.0, x)), w, xs
        )[0]

    agrees(fg.grad(nested, (0, 1)), *args)
    for function in (f, fg.grad(f), nested, fg.grad(nested, (0, 1))):
        assert "custom" not in str(fg.make_graph(function)(*args))  # what is recorded is what they do


def test_constants_to_derivatives_stay_constants() -> None:
    """The passes drop `stop_gradient`, which keeps every value; a body is still to be differentiated."""

    def f(x: Any, xs: Any) -> Any:
        return fg.scan(lambda c, x: (fg.stop_gradient(c) * x + fnp.sin(c), fg.stop_gradient(x) * c), x, xs)[1].sum()

    args = array(), array(5)
    agrees(fg.grad(f, (0, 1)), *args)
    agrees(fg.hessian(f), *args)
    grow = lambda x: fg.while_loop(lambda c: c < 9.0, lambda c: c + fg.stop_gradient(c) * c, x)  # noqa: E731
    agrees(lambda x: fg.jvp(grow, (x,), (x,)), args[0] ** 2)
    agrees(fg.grad(grow), args[0] ** 2)


def test_transforms_inside_of_a_body() -> None:
    def f(w: Any, xs: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            energy = lambda c: fnp.sum(fnp.sin(c * w) * x)  # noqa: E731
            force = fg.grad(fg.checkpoint(energy))(c)
            return c - 0.1 * force, fg.vmap(lambda a: a * w + c.sum())(x)

        c, ys = fg.scan(step, fnp.ones(3, "float64"), xs)
        return c.sum() + (ys * ys).sum()

    agrees(f, array(), array(5, 3))
    agrees(fg.grad(f, (0, 1)), array(), array(5, 3))


def test_arrays_around_a_loop_are_not_built_in() -> None:
    box = {"w": array(40, 40) / 10}  # larger than what a body may hold itself
    small = {"b": array(40)}

    def f(x: Any) -> Any:
        noise = fnp.linspace(0.0, 1.0, 1600, dtype="float64").reshape(40, 40)
        step = lambda x, _: (fnp.tanh(x @ box["w"] @ noise + small["b"]), None)  # noqa: E731
        return fg.scan(step, x, length=4)[0]

    jitted, x = fg.jit(f), array(40)
    for _ in range(3):
        np.testing.assert_allclose(jitted(x), f(x), rtol=1e-9)
    box["w"], small["b"] = array(40, 40) / 10, array(40)
    np.testing.assert_allclose(jitted(x), f(x), rtol=1e-9)
    (end,) = recorded(jitted)
    assert end.runs == 2  # the new arrays needed no new program


def test_numbers_around_a_loop() -> None:
    def f(x: Any, rate: float) -> Any:
        return fg.scan(lambda x, _: (x - rate * fnp.sin(x) * (1 - rate), x), x, length=5)

    jitted, x = fg.jit(f), fnp.asarray(0.5, "float32")
    for rate in (0.1, 0.2, 0.3, 0.4):
        for found, expected in zip(jitted(x, rate), f(x, rate), strict=True):
            assert found.dtype == expected.dtype == np.float32
            np.testing.assert_array_equal(found, expected)
    (end,) = recorded(jitted)
    assert end.runs == 2


def test_eval_shape_knows_loops() -> None:
    shape = fg.eval_shape(fg.grad(rnn, (0, 1)), fg.ShapeDtypeStruct((3, 3), "float64"), array(7, 3))
    assert [x.shape for x in shape] == [(3, 3), (7, 3)]


# ---- where a loop cannot be one operation -------------------------------------------------------


def test_a_body_that_asks_python_for_values_is_unrolled() -> None:
    def f(x: Any, xs: Any) -> Any:
        return fg.scan(lambda c, x: (c * x if x > 0 else c - x, c), x, xs)

    jitted, x = fg.jit(f), array()
    for xs in (array(5), array(5)):
        for _ in range(3):
            for found, expected in zip(jitted(x, xs), f(x, xs), strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-12)
    with pytest.raises(AssertionError):
        recorded(jitted)  # it has questions


def test_a_body_that_communicates_is_unrolled() -> None:
    f = fg.vmap(lambda xs: fg.scan(lambda c, x: (c + fg.psum(x, "i"), c), 0.0 * xs[0], xs), axis_name="i")
    agrees(f, array(3, 4))


def test_branches_of_different_dtypes_are_python_s() -> None:
    f = lambda xs: fg.scan(  # noqa: E731
        lambda c, x: (c + fg.cond(x > 0, lambda: x.astype("float32"), lambda: x).astype("float64"), None),
        0.0 * xs[0],
        xs,
    )[0]
    jitted, xs = fg.jit(f), array(4)
    for _ in range(3):
        np.testing.assert_allclose(jitted(xs), f(xs), rtol=1e-12)


def test_a_number_in_one_branch_takes_the_other_s_dtype() -> None:
    agrees(lambda xs: fg.scan(lambda c, x: (c + fg.cond(x > 0, lambda: x, lambda: 0), None), 0.0 * xs[0], xs), array(6))


def test_effects_happen_at_each_step() -> None:
    seen: Any = SimpleQueue()  # a list that changes would be noticed

    def f(xs: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            fg.debug.callback(lambda v: seen.put(float(v)), x)
            return c + x, None

        return fg.scan(step, 0.0 * xs[0], xs)[0]

    jitted, xs = fg.jit(f), fnp.asarray([1.0, 2.0, 3.0])
    for _ in range(3):
        assert float(jitted(xs)) == 6.0
    assert [seen.get() for _ in range(seen.qsize())] == [1.0, 2.0, 3.0] * 3


@pytest.mark.parametrize(
    ("f", "error"),
    [
        (lambda x: fg.scan(lambda c, _: (c[:1], None), x, length=3), fg.errors.ShapeError),
        (lambda x: fg.scan(lambda c, _: ((c, c), None), x, length=3), fg.errors.TreeError),
        (lambda x: fg.scan(lambda c, _: c, x, length=3), fg.errors.TreeError),
        (lambda x: fg.while_loop(lambda c: c > 0, lambda c: c - 1, x), fg.errors.ShapeError),
        (lambda x: fg.fori_loop(0, 3, lambda i, c: c.astype("float32"), x), fg.errors.DtypeError),
        (lambda x: fg.fori_loop(0, 3, lambda i, c: c + c[i + 7], x), IndexError),
    ],
)
def test_errors_are_those_of_eager_loops(f: Any, error: type[Exception]) -> None:
    x = array(2)
    with pytest.raises(error) as eager:
        f(x)
    with pytest.raises(error) as jitted:
        fg.jit(f)(x)
    words = [str(e.value).splitlines()[0].partition(", not ")[0] for e in (jitted, eager)]  # not the class of a value
    assert words[0] == words[1]


# ---- text ---------------------------------------------------------------------------------------


def running_sum(w: Any, xs: Any) -> Any:
    return fg.scan(lambda c, x: (c * w + x, c), fnp.zeros(()), xs)


def test_text_of_a_loop() -> None:
    assert str(fg.make_graph(running_sum)(fnp.ones(()), fnp.ones(4))) == (
        "{ lambda a:float32[] b:float32[4]. let\n"
        "    c:float32[] d:float32[4] = scan[consts=1, carry=1, length=4, reverse=False] a 0.0:float32[] b\n"
        "        body { lambda a:float32[] b:float32[] c:float32[]. let\n"
        "            d:float32[] = multiply b a\n"
        "            e:float32[] = add d c\n"
        "          in (e, b) }\n"
        "  in (c, d) }"
    )


def test_text_of_a_while_loop_and_of_a_branch() -> None:
    f = lambda x: fg.while_loop(  # noqa: E731
        lambda c: c < 9.0, lambda c: fg.cond(c > 2.0, lambda: c * c, lambda: c + 1.0), x
    )
    assert str(fg.make_graph(f)(fnp.ones(()))) == (
        "{ lambda a:float32[]. let\n"
        "    b:float32[] = while[consts=0] a\n"
        "        condition { lambda a:float32[]. let\n"
        "            b:bool[] = less a 9.0\n"
        "          in (b,) }\n"
        "        body { lambda a:float32[]. let\n"
        "            b:bool[] = greater a 2.0\n"
        "            c:float32[] = branch b a\n"
        "                case 0 { lambda a:float32[]. let\n"
        "                    b:float32[] = add a 1.0\n"
        "                  in (b,) }\n"
        "                case 1 { lambda a:float32[]. let\n"
        "                    b:float32[] = multiply a a\n"
        "                  in (b,) }\n"
        "          in (c,) }\n"
        "  in (b,) }"
    )


def program_text(f: Any, *args: Any) -> str:
    """The source of the one program of f, without the comments."""
    jitted = fg.jit(f)
    for _ in range(3):
        jitted(*args)
    (tree,) = [tree for unit in jitted.units.values() for tree in unit.trees.values()]
    (known,) = tree.programs.values()
    return "\n".join(line for line in known[2].source.splitlines() if not line.strip().startswith("#"))


def test_program_of_a_loop() -> None:
    assert program_text(running_sum, fnp.ones(()), fnp.ones(4)) == (
        "def body0(a, b, c):\n"
        "    return (b * a + c, b)\n"
        "\n"
        "def program(a, b):\n"
        "    c = c0\n"
        "    d = np.empty((4,), float32)\n"
        "    for step in range(4):\n"
        "        c, d[step] = body0(a, c, b[step])\n"
        "    return (c, d)"
    )


def test_program_of_a_loop_that_values_end() -> None:
    f = fg.grad(lambda w, x: fg.while_loop(lambda c: c < 9.0, lambda c: c * w, x))
    assert program_text(f, fnp.asarray(2.0), fnp.asarray(1.0)) == (
        "def condition0(a, b):\n"
        "    return (b < 9.0,)\n"
        "\n"
        "def body1(a, b):\n"
        "    return (b * a,)\n"
        "\n"
        "def body2(a, b, c, d, e):\n"
        "    return (d + e * c, e * a)\n"
        "\n"
        "def program(a, b):\n"
        "    c = b\n"
        "    d = []\n"
        "    e = []\n"
        "    while (flags := condition0(a, c))[0]:\n"
        "        d.append(flags[-1])\n"
        "        e.append(c)\n"
        "        (c,) = body1(a, c)\n"
        "    d = history(d, ())\n"
        "    e = history(e, ())\n"
        "    f, g = c0, c1\n"
        "    for entry in zip(reversed(entries(d)), reversed(entries(e))):\n"
        "        f, g = body2(a, *entry, f, g)\n"
        "    return (f,)"
    )


def test_bodies_plan_their_memory() -> None:
    """Large values are written over and deleted in a body too, if its arrays are in C's order; they may not be."""

    def f(x: Any, xs: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            y = fnp.sin(c * 1.5) * x + c.T
            return fnp.tanh(y - 0.5), (y * y).sum(axis=0)

        return fg.scan(step, x, xs)

    x, xs = array(100, 100), array(3, 100, 100)
    text = program_text(f, x, xs)
    assert "out=" in text
    assert "plain_body0(" in text
    agrees(f, x, xs)
    agrees(f, x, xs.transpose(0, 2, 1))
    agrees(fg.grad(lambda x, xs: f(x, xs)[1].sum()), x, xs)
    agrees(fg.vmap(f), array(2, 100, 100), array(2, 3, 100, 100))


# ---- checkpoint ---------------------------------------------------------------------------------


def deep(x: Any, decorate: Callable[..., Any]) -> Any:
    def layer(x: Any) -> Any:
        for _ in range(6):
            x = fnp.cumulative_sum(fnp.sin(x), axis=0)
        return x

    for _ in range(6):
        x = decorate(layer)(x)
    return (x * x).sum()


def test_the_second_run_of_a_checkpoint_stays_one() -> None:
    graph = fg.make_graph(fg.grad(lambda x: fg.checkpoint(lambda x: fnp.sin(fnp.sin(x)))(x) ** 2), simplified=True)
    assert str(graph(fnp.ones(()))) == (
        "{ lambda a:float32[]. let\n"
        "    b:float32[] = sin a\n"
        "    c:float32[] = sin b\n"
        "    d:float32[] = multiply 2 c\n"
        "    e:float32[] = barrier a\n"
        "    f:float32[] = sin e\n"
        "    g:float32[] = cos f\n"
        "    h:float32[] = multiply d g\n"
        "    i:float32[] = cos e\n"
        "    j:float32[] = multiply h i\n"
        "  in (j,) }"
    )


def test_checkpoint_saves_memory_under_jit() -> None:
    x = array(256, 256)
    peaks, found = [], []
    for decorate in (fg.checkpoint, lambda f: f):
        jitted = fg.jit(fg.grad(lambda x, decorate=decorate: deep(x, decorate)))
        with config.c_compiler("never"):  # it would be one of the two whose values have other last bits
            jitted(x), jitted(x)
            tracemalloc.start()
            found.append(jitted(x))
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    np.testing.assert_array_equal(*found)
    assert peaks[0] < peaks[1] / 2  # 12 arrays beside 38


@pytest.mark.parametrize(
    "around", [fg.grad, lambda f: fg.vmap(fg.grad(f)), fg.hessian], ids=["grad", "vmap", "hessian"]
)
def test_transforms_of_a_checkpoint_under_jit(around: Any) -> None:
    agrees(around(lambda x: fnp.sum(fg.checkpoint(lambda x: fnp.sin(fnp.sin(x)) * x)(x))), array(3))


# ---- other array modules ------------------------------------------------------------------------


def either(w: Any, xs: Any) -> Any:
    def step(c: Any, x: Any) -> Any:
        return fg.cond(x > 0, lambda: fnp.sqrt(x) * w * c, lambda: fnp.sin(c) - x), c

    c, ys = fg.scan(step, w, xs, reverse=True)
    return c + (ys * ys).sum()


@pytest.mark.parametrize(
    ("f", "shapes"), [(newton, [()]), (table, [(2,), (5, 2)]), (settle, [(), (6,)]), (either, [(), (6,)])]
)
def test_loops_of_other_array_modules(f: Any, shapes: Any) -> None:
    args = [array(*shape) ** 2 for shape in shapes]
    others = [wrap(array_api_strict.asarray(np.asarray(x))) for x in args]
    batch = fg.vmap(lambda *xs: f(*xs))
    for function, rows in ((f, False), (fg.grad(f), False), (batch, True)):
        given, expected = [[fnp.stack([x, 2 * x]) for x in xs] if rows else xs for xs in (others, args)]
        graph = fg.make_graph(function, simplified=True)(*given)
        assert loops(graph)
        (out,) = numpy_program(graph, numpy=False)(*[x._data for x in given])
        assert type(out) is type(others[0]._data)
        np.testing.assert_allclose(np.from_dlpack(out), function(*expected), rtol=1e-9, atol=1e-13)


# ---- the graph's own view -----------------------------------------------------------------------


def scan_call(factor: float = 2.0, steps: int = 4) -> Any:
    graph = fg.make_graph(lambda xs: fg.scan(lambda c, x: (c * factor + x, None), xs[0], xs)[0])(fnp.ones(steps))
    (call,) = [eqn.op for eqn in graph.eqns if isinstance(eqn.op, GraphCall)]
    return call


def test_calls_of_equal_graphs_are_equal() -> None:
    assert scan_call().key == scan_call().key
    assert len({scan_call().key, scan_call(3.0).key, scan_call(2).key, scan_call(steps=5).key}) == 4
    twice = lambda xs: [fg.scan(lambda c, x: (c + x, None), xs[0], xs)[0] for _ in range(2)]  # noqa: E731
    assert loops(fg.make_graph(twice)(fnp.ones(3))) == ["scan", "scan"]
    assert loops(fg.make_graph(twice, simplified=True)(fnp.ones(3))) == ["scan"]


def test_a_loop_of_other_operands_is_no_graph() -> None:
    call = scan_call()
    good = call.alone()
    check(good)
    (eqn,) = good.eqns
    with pytest.raises(GraphError, match=r"its graphs take \[float32\[\], float32\[4\]\]"):
        check(Graph(good.inputs, (eqn.replaced(eqn.operands[::-1]),), good.outputs))
    with pytest.raises(GraphError, match=r"the results are \[float32\[\]\] and its variables say \[float32\[4\]\]"):
        check(Graph(good.inputs, (eqn.replaced(eqn.operands, [Var(good.inputs[1].type)]),), ()))
    broken = ScanCall(Graph(call.body.inputs, (), call.body.outputs), 0, 1, 4, False)
    with pytest.raises(GraphError, match="is a variable that nothing has made"):
        check(Graph(good.inputs, (Eqn(broken, eqn.operands, {}, eqn.outs, eqn.origin),), good.outputs))


def test_what_nobody_reads_of_a_loop_is_not_computed() -> None:
    def f(w: Any, u: Any, xs: Any) -> Any:
        def step(carry: Any, x: Any) -> Any:
            n, c, dead, feeds = carry
            return (n + 1, c * w + feeds, fnp.sin(dead * u), feeds + 1.0), (c * x, fnp.exp(dead))

        (_, c, _, _), (ys, _) = fg.scan(step, (0, w, u, w), xs)
        return c, ys

    graph = fg.make_graph(f, simplified=True)(fnp.ones(()), fnp.ones(()), fnp.ones(3))
    assert str(graph) == (
        "{ lambda a:float32[] b:float32[] c:float32[3]. let\n"
        "    d:float32[] e:float32[] f:float32[3] = scan[consts=1, carry=2, length=3, reverse=False] a a a c\n"
        "        body { lambda a:float32[] b:float32[] c:float32[] d:float32[]. let\n"
        "            e:float32[] = multiply b a\n"
        "            f:float32[] = add e c\n"
        "            g:float32[] = add c 1.0\n"
        "            h:float32[] = multiply b d\n"
        "          in (f, g, h) }\n"
        "  in (d, f) }"
    )
    agrees(f, array(), array(), array(3))
    agrees(fg.grad(lambda *xs: f(*xs)[0], (0, 1, 2)), array(), array(), array(3))


def test_a_loop_that_may_raise_stays() -> None:
    def f(i: Any, xs: Any) -> Any:
        fg.scan(lambda c, x: (c, xs[i] + x), xs[0], xs)
        return xs[0]

    jitted, xs = fg.jit(f), array(3)
    for _ in range(3):
        jitted(fnp.asarray(1), xs)
    with pytest.raises(IndexError):
        jitted(fnp.asarray(7), xs)


def test_a_loop_in_a_picture() -> None:
    graph = fg.make_graph(lambda xs: fg.scan(lambda c, x: (c + x, None), xs[0], xs)[0])(fnp.ones(3))
    assert "consts=0, carry=1, length=3, reverse=False" in to_dot(graph)
