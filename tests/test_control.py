"""Control flow as functions, against Python's own loops and branches, under every transform."""

import gc
import itertools

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad.core import Array
from funcgrad.errors import AxisError, DtypeError, OptionError, PathError, ShapeError, TreeError

X = np.array([-1.5, 0.3, 2.0, -0.2, 0.9, 3.1, -2.2])
N = np.array([3, 0, 5, 1, 3, 2, 0])


def by_cond(x):
    return fg.cond(x > 0.5, lambda x: fnp.sin(x) * x, lambda x: fnp.exp(x) - fg.cond(x < -1, abs, fnp.cos, x), x)


def cond_in_python(x):
    if x > 0.5:
        return fnp.sin(x) * x
    return fnp.exp(x) - (abs(x) if x < -1 else fnp.cos(x))


def by_switch(x):
    return fg.switch((x * 2).astype("int64"), [lambda x: x, lambda x: x * x, lambda x: x**3 + 1], x)


def switch_in_python(x):
    k = min(max(int(x * 2), 0), 2)
    return [x, x * x, x**3 + 1][k]


def by_while(x):
    def body(p):
        return {"n": p["n"] * 1.5 + 0.1, "s": p["s"] + fnp.sin(p["n"])}

    return fg.while_loop(lambda p: p["n"] * p["n"] < 10, body, {"n": abs(x), "s": 0.0 * x})["s"]


def while_in_python(x):
    n, s = abs(x), 0.0 * x
    while n * n < 10:
        n, s = n * 1.5 + 0.1, s + fnp.sin(n)
    return s


def by_fori(x):
    return fg.fori_loop(0, (abs(x) * 2).astype("int64"), lambda i, y: y * x + i, x)


def fori_in_python(x):
    y = x
    for i in range(int(abs(x) * 2)):
        y = y * x + i
    return y


def by_branch_in_loop(x):
    def body(pair):
        i, y = pair
        return i + 1, fg.cond(y > 1, lambda y: y * 0.5, lambda y: y + x * x + 0.3, y)

    return fg.while_loop(lambda pair: pair[0] < 5, body, (0, x))[1]


def branch_in_loop_in_python(x):
    y = x
    for _ in range(5):
        y = y * 0.5 if y > 1 else y + x * x + 0.3
    return y


def by_python_in_loop(x):
    def body(pair):
        i, y = pair
        if y > 1:
            return i + 1, y * 0.5
        return i + 1, y + x * x + 0.3

    y = fg.while_loop(lambda pair: pair[0] < 5, body, (0, x))[1]
    return y * 2 if y > 0.8 else y


def python_in_loop(x):
    y = branch_in_loop_in_python(x)
    return y * 2 if y > 0.8 else y


PAIRS = {
    "cond": (by_cond, cond_in_python),
    "switch": (by_switch, switch_in_python),
    "while_loop": (by_while, while_in_python),
    "fori_loop": (by_fori, fori_in_python),
    "cond in while_loop": (by_branch_in_loop, branch_in_loop_in_python),
    "if in while_loop": (by_python_in_loop, python_in_loop),
}
every = pytest.mark.parametrize(("f", "g"), PAIRS.values(), ids=PAIRS)


def each(f, xs):
    return np.stack([np.asarray(f(fg.asarray(x))) for x in xs])


@every
def test_values_and_derivatives_are_those_of_python(f, g):
    for derivative in (lambda f: f, fg.grad, lambda f: fg.grad(fg.grad(f)), fg.jacfwd, fg.hessian):
        np.testing.assert_allclose(each(derivative(f), X), each(derivative(g), X), rtol=1e-12, atol=1e-12)


@every
def test_batches_on_both_sides(f, g):
    slopes, second = each(fg.grad(g), X), each(fg.grad(fg.grad(g)), X)
    x = fg.asarray(X)
    np.testing.assert_allclose(fg.vmap(f)(x), each(g, X), rtol=1e-12)
    np.testing.assert_allclose(fg.vmap(fg.grad(f))(x), slopes, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(fg.grad(lambda x: fg.vmap(f)(x).sum())(x), slopes, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(fg.jvp(fg.vmap(f), (x,), (fnp.ones_like(x),))[1], slopes, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(fg.vmap(fg.hessian(f))(x), second, rtol=1e-11, atol=1e-11)
    found = fg.grad(lambda x: fg.vmap(fg.grad(f))(x).sum())(x)
    np.testing.assert_allclose(found, second, rtol=1e-11, atol=1e-11)
    grid = np.stack([X, X[::-1] * 0.7])
    expected = np.stack([each(g, row) for row in grid])
    np.testing.assert_allclose(fg.vmap(fg.vmap(f))(grid), expected, rtol=1e-12)
    np.testing.assert_allclose(fg.vmap(lambda s: fg.vmap(lambda x: f(x * s))(x))(fnp.asarray(np.array([1.0, 0.7]))),
                               np.stack([each(g, X), each(g, X * 0.7)]), rtol=1e-12)  # fmt: skip


def test_only_the_branch_that_is_taken_runs_and_on_its_own_examples():
    seen = []

    def branch(name, k):
        def f(x):
            seen.append((name, x.inner.shape[0] if hasattr(x, "inner") else 1))
            return x * k * 1.0

        return f

    f = lambda x: fg.cond(x > 0, branch("positive", 2), branch("negative", 3), x * 1.0)  # noqa: E731
    assert float(f(1.0)) == 2.0
    assert seen == [("positive", 1)]
    one = fg.vmap(lambda x: fg.cond(x > 0, lambda: 1.0, lambda: 0.0), explain=True)(X)
    assert one.tolist() == (X > 0).tolist()


def test_a_batch_that_decides_at_a_cond_stays_one_path(capsys):
    fg.vmap(lambda x: by_cond(x) + by_switch(x) + by_while(x) + by_fori(x), explain=True)(X)
    assert "1 path for 7 examples" in capsys.readouterr().out


def test_a_loop_computes_on_the_examples_that_are_not_done(capsys):
    sizes = []

    def body(n):
        sizes.append(len(n.ids))
        return n + 1

    found = fg.vmap(lambda n: fg.while_loop(lambda k: k < n, body, 0 * n))(N)
    assert found.tolist() == N.tolist()
    assert sizes[0] == 7
    assert len(sizes) == 5


def test_operands_and_captured_values_of_both_batches():
    a, b = np.array([1.0, 2.0, 3.0]), np.array([-1.0, 0.5])

    def f(x, y):
        return fg.cond(x + y > 2, lambda z: z * x, lambda z: z - y, x * y)

    expected = [[x * y * x if x + y > 2 else x * y - y for x in a] for y in b]
    np.testing.assert_allclose(fg.vmap(fg.vmap(f, (0, None)), (None, 0))(a, b), expected)
    np.testing.assert_allclose(fg.vmap(lambda y: fg.vmap(lambda x: f(x, y))(fg.asarray(a)))(b), expected)


def test_reverse_mode_through_a_loop_whose_length_the_values_decide():
    # the loop halves until below 1: x / 2^k, whose slope is 2^-k
    halve = lambda x: fg.while_loop(lambda y: y > 1, lambda y: y / 2, x)  # noqa: E731
    assert [float(fg.grad(halve)(x)) for x in (0.5, 3.0, 5.0, 100.0)] == [1.0, 0.25, 0.125, 2.0**-7]


# ---- scan ----------------------------------------------------------------------------------------


def lstm(params, carry, x):
    h, c = carry
    i, f, g, o = fnp.split(x @ params["x"] + h @ params["h"] + params["b"], 4)
    c = F.sigmoid(f) * c + F.sigmoid(i) * fnp.tanh(g)
    h = F.sigmoid(o) * fnp.tanh(c)
    return (h, c), h


def lstm_problem(steps):
    rng = np.random.default_rng(0)
    params = {k: fg.asarray(rng.normal(size=s) * 0.5) for k, s in (("x", (3, 16)), ("h", (4, 16)), ("b", (16,)))}
    return (
        params,
        (fnp.zeros(4, dtype="float64"), fnp.zeros(4, dtype="float64")),
        fg.asarray(rng.normal(size=(steps, 3))),
    )


def test_an_lstm_over_a_thousand_steps_is_the_unrolled_loop():
    params, start, xs = lstm_problem(1000)

    def by_scan(params, xs):
        (h, _), hs = fg.scan(lambda carry, x: lstm(params, carry, x), start, xs)
        return (h * hs[::100].sum(axis=0)).sum()

    def unrolled(params, xs):
        carry, hs = start, []
        for k in range(1000):
            carry, h = lstm(params, carry, xs[k])
            hs.append(h)
        return (carry[0] * fnp.stack(hs[::100]).sum(axis=0)).sum()

    value, found = fg.value_and_grad(by_scan, (0, 1))(params, xs)
    expected_value, expected = fg.value_and_grad(unrolled, (0, 1))(params, xs)
    np.testing.assert_allclose(value, expected_value, rtol=1e-12)
    for name in params:
        np.testing.assert_allclose(found[0][name], expected[0][name], rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("unroll", [1, 2, 3, 7, 50, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_scan_in_either_direction_and_in_groups(unroll, reverse):
    w, xs = fg.asarray(0.7, dtype="float64"), fg.asarray(X)

    def f(w, xs):
        last, ys = fg.scan(lambda c, x: (c * w + fnp.sin(x), {"y": c * x}), 0.5 * w, xs, reverse=reverse, unroll=unroll)
        return last + (ys["y"] * fnp.arange(7.0)).sum()

    def plain(w, xs):
        c, ys = 0.5 * w, [None] * 7
        for k in range(7)[:: -1 if reverse else 1]:
            ys[k] = c * xs[k]
            c = c * w + fnp.sin(xs[k])
        return c + sum(y * k for k, y in enumerate(ys))

    for derivative in (
        lambda f: f,
        fg.grad,
        lambda f: fg.grad(f, 1),
        fg.hessian,
        lambda f: fg.jacfwd(fg.grad(f, 1), 1),
    ):
        np.testing.assert_allclose(derivative(f)(w, xs), derivative(plain)(w, xs), rtol=1e-12, atol=1e-13)
    ws, rows = fg.asarray(np.array([0.1, 0.7])), fg.asarray(np.stack([X, X**2]))
    for derivative in (lambda f: f, fg.grad, lambda f: fg.grad(f, 1)):
        found = fg.vmap(derivative(f))(ws, rows)
        np.testing.assert_allclose(found, np.stack([derivative(plain)(ws[k], rows[k]) for k in range(2)]), rtol=1e-12)
    found = fg.grad(lambda ws: fg.vmap(f)(ws, rows).sum())(ws)
    np.testing.assert_allclose(found, [fg.grad(plain)(ws[k], rows[k]) for k in range(2)], rtol=1e-12)


def test_scan_without_rows_and_over_none():
    total, ys = fg.scan(lambda c, _: (c * 2, None), 1.0, length=5)
    assert (float(total), ys) == (32.0, None)
    last, ys = fg.scan(lambda c, x: (c + 1, (x["a"] * 2.0, c)), 3, {"a": fnp.zeros((0, 2), dtype="float64")})
    assert int(last) == 3
    assert [str(y.aval) for y in ys] == ["float64[0,2]", "int64[0]"]


def test_scan_keeps_the_carries_and_not_the_steps():
    def held(steps, inner):
        def f(c, x):
            for _ in range(inner):
                c = fnp.sin(c)
            return c, None

        gc.collect()
        before = sum(issubclass(type(o), Array) for o in gc.get_objects())
        _, pull = fg.vjp(lambda c: fg.scan(f, c, length=steps)[0], 0.3)
        gc.collect()
        after = sum(issubclass(type(o), Array) for o in gc.get_objects())
        assert pull(1.0)
        return after - before

    assert held(100, 20) == held(100, 1)
    assert held(200, 5) - held(100, 5) <= 3 * 100


def test_map_is_the_loop_and_the_batch():
    f = lambda row: {"y": row["x"] * row["n"], "m": row["x"] + 1}  # noqa: E731
    rows = {"x": fg.asarray(X), "n": fg.asarray(N)}
    for size in (None, 1, 3, 7, 20):
        found = fg.map(f, rows, batch_size=size)
        np.testing.assert_allclose(found["y"], X * N)
        np.testing.assert_allclose(found["m"], X + 1)
        slope = fg.grad(lambda x, size=size: fg.map(lambda v: fnp.sin(v), x, batch_size=size).sum())(rows["x"])
        np.testing.assert_allclose(slope, np.cos(X), rtol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8, 13])
@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scans(n, reverse):
    x = np.random.default_rng(n).uniform(0.5, 1.5, size=(n, 2))
    turn = (lambda y: y[::-1]) if reverse else (lambda y: y)
    prod = turn(np.cumprod(turn(x), axis=0))
    np.testing.assert_allclose(
        fg.associative_scan(lambda a, b: a * b, fg.asarray(x), reverse=reverse), prod, rtol=1e-12
    )
    by_axis = fg.associative_scan(lambda a, b: a + b, fg.asarray(x.T), reverse=reverse, axis=1)
    np.testing.assert_allclose(by_axis, turn(np.cumsum(turn(x), axis=0)).T, rtol=1e-12)
    # the linear recurrence h_t = a_t h_(t-1) + b_t, which is not commutative
    combine = lambda p, q: (p[0] * q[0], q[0] * p[1] + q[1])  # noqa: E731
    found = fg.associative_scan(combine, (fg.asarray(x[:, 0]), fg.asarray(x[:, 1])), reverse=reverse)[1]
    h, expected = 0.0, []
    for a, b in turn(x):
        h = a * h + b
        expected.append(h)
    np.testing.assert_allclose(found, turn(np.array(expected)), rtol=1e-12)
    slope = fg.grad(lambda x: fg.associative_scan(lambda a, b: a * b, x, reverse=reverse).sum())(fg.asarray(x[:, 0]))
    steps = [fg.testing.check_grads(lambda x: fg.associative_scan(lambda a, b: a * b, x, reverse=reverse), (x[:, 0],))]
    assert steps == [None]
    assert slope.shape == (n,)


# ---- what is wrong is said -----------------------------------------------------------------------


def test_a_carry_that_changes():
    for call, error, words in (
        (lambda: fg.while_loop(lambda x: x < 3, lambda x: x + 0.5, fnp.asarray(0)), DtypeError, "start from a float"),
        (
            lambda: fg.scan(lambda c, x: (c[:1], None), fnp.ones(2), length=2),
            ShapeError,
            r"the initial carry is float32\[2\], the carry that f returned float32\[1\]",
        ),
        (
            lambda: fg.fori_loop(0, 2, lambda i, c: (c, c), 1.0),
            TreeError,
            "init_val is a leaf, what body_fun returned a tuple",
        ),
        (
            lambda: fg.scan(lambda c, x: ({"a": c["a"] * 1j}, 0), {"a": fnp.ones(())}, length=1),
            DtypeError,
            r"the initial carry at \['a'\] is float32\[\], .* complex64\[\]",
        ),
        (
            lambda: fg.scan(lambda c, x: c, 1.0, length=2),
            TreeError,
            r"f must return a pair, not one array float32\[\]; f takes \(carry, x\) and returns \(next carry, y\)",
        ),
    ):
        with pytest.raises(error, match=words):
            call()


def test_results_of_steps_that_differ():
    for y, error, words in (
        (lambda k: {"a": k} if k < 2 else {"b": k}, TreeError, r"the y of row 0 \(the first\) and of row 2"),
        (lambda k: (k,) if k < 2 else k, TreeError, "the first is a tuple, the second a leaf"),
        (
            lambda k: (k, fnp.ones(2 if k < 2 else 3)),
            ShapeError,
            r"y\[1\] is float32\[2\] of row 0 and float32\[3\] of",
        ),
        (lambda k: k if k < 2 else 1.5, DtypeError, r"y is int64\[\] of row 0 and float32\[\] of row 2"),
    ):
        with pytest.raises(error, match=words):
            fg.scan(lambda c, k, y=y: (c, y(k)), 0, fnp.arange(4))


def test_wrong_arguments():
    for call, error, words in (
        (
            lambda: fg.cond(fnp.ones(2) > 0, abs, abs, 1.0),
            ShapeError,
            r"the predicate must have no dimensions, not bool\[2\]",
        ),
        (lambda: fg.switch(1.0, [abs]), DtypeError, "the index must be an integer"),
        (lambda: fg.switch(1, []), OptionError, "there are no branches"),
        (lambda: fg.while_loop(lambda x: x > 0, lambda x: x, fnp.ones(2)), ShapeError, "must have no dimensions"),
        (lambda: fg.fori_loop(0, 2.0, lambda i, x: x, 1.0), DtypeError, "the bounds must be integers"),
        (
            lambda: fg.scan(lambda c, x: (c, x), 0, (fnp.ones(2), fnp.ones(3))),
            ShapeError,
            r"xs\[0\] has 2; xs\[1\] has 3",
        ),
        (lambda: fg.scan(lambda c, x: (c, x), 0, fnp.ones(2), length=3), ShapeError, "length is 3, but .* have 2 rows"),
        (lambda: fg.scan(lambda c, x: (c, x), 0), ShapeError, "give xs, or the number of steps by length"),
        (lambda: fg.scan(lambda c, x: (c, x), 0, fnp.ones(())), ShapeError, "has no axis to scan along"),
        (lambda: fg.scan(lambda c, x: (c, x), 0, fnp.ones(2), unroll=-1), OptionError, "unroll must be"),
        (lambda: fg.scan(lambda c, x: (c, x), 0, fnp.ones(2), unroll=0), OptionError, "unroll must be a positive int"),
        (lambda: fg.scan(lambda c, x: (c, x), 0, fnp.ones(2), unroll=1.5), OptionError, "not 1.5"),
        (
            lambda: fg.scan(lambda c, x: (c, x), 0, length=-1),
            OptionError,
            "length must be an int of at least 0, not -1",
        ),
        (lambda: fg.scan(lambda c, x: (c, x), 0, length=2.5), OptionError, "not 2.5"),
        (
            lambda: fg.associative_scan(fnp.add, fnp.ones(2), axis=1),
            AxisError,
            r"axis 1 is out of range for float32\[2\]",
        ),
        (lambda: fg.associative_scan(fnp.add, 1.0), AxisError, r"axis 0 is out of range for float32\[\]"),
        (lambda: fg.associative_scan(lambda a, b: (a, b), fnp.ones(2)), TreeError, "what fn got"),
        (lambda: fg.associative_scan(lambda a, b: a.sum(), fnp.ones(4)), ShapeError, r"got float32\[2\] and returned"),
        (lambda: fg.associative_scan(lambda a, b: a * 1j, fnp.ones(4)), DtypeError, "and returned complex64"),
        (lambda: fg.associative_scan(abs, (fnp.ones(2), fnp.ones(3))), ShapeError, "must have one size along axis 0"),
        (lambda: fg.associative_scan(abs, ()), TreeError, "has no arrays"),
        (
            lambda: fg.vmap(lambda x: fg.cond(x > 0, lambda: (x, x), lambda: x))(X),
            PathError,
            "return different structures: at the top: that of example 0 is a leaf, that of example 1 a tuple",
        ),
    ):
        with pytest.raises(error, match=words):
            call()


def test_numbers_and_counters_stay_what_they_are():
    assert fg.while_loop(lambda p: p[0] < 3, lambda p: (p[0] + 1, p[1] * 2), (0, 1.0))[1].dtype == np.float32
    assert int(fg.switch(1, (f for f in (abs, lambda x: -x)), 2)) == -2
    assert [int(n) for n in itertools.islice(fg.scan(lambda c, _: (c + 1, c), 0, length=4)[1], 4)] == [0, 1, 2, 3]


def test_a_python_number_takes_the_dtype_that_the_first_step_gives_it():
    for init, dtype, expected in (
        (0.1, "float64", "float64"), (0, "float64", "float64"), (0, "int64", "int64"), (0.1, "float32", "float32"),
        (0.1, "complex128", "complex128"), (0.1, "int64", "float32"), (0, "float32", "float32"),
    ):  # fmt: skip
        xs = np.arange(3).astype(dtype)
        last, ys = fg.scan(lambda c, v: (c + v, c), init, xs)
        assert last.dtype == ys.dtype == expected
        assert (last, ys[0]) == (np.asarray(init, expected) + 3, np.asarray(init, expected))
        last = fg.fori_loop(0, 3, lambda i, c, xs=xs: c + xs[i], init)
        assert (last.dtype, last) == (expected, np.asarray(init, expected) + 3)
        found = fg.while_loop(lambda p: p[0] < 3, lambda p, xs=xs: (p[0] + 1, p[1] + xs[p[0]]), (0, init))
        assert (found[0].dtype, found[1].dtype) == ("int64", expected)
    assert fg.scan(lambda c, v: (c + v, c), 0.0, np.zeros(0))[0].dtype == "float64"
    total = lambda xs: fg.scan(lambda c, v: (c * c + v, None), 0.1, xs)[0]  # noqa: E731
    plain = lambda xs: (0.1 * 0.1 + xs[0]) ** 2 + xs[1]  # noqa: E731
    xs = fg.asarray([0.3, 0.4], dtype="float64")
    np.testing.assert_allclose(fg.grad(total)(xs), fg.grad(plain)(xs), rtol=1e-12)
    np.testing.assert_allclose(fg.vmap(fg.grad(total))(fnp.stack([xs, xs]))[1], fg.grad(plain)(xs), rtol=1e-12)
    with pytest.raises(DtypeError, match="is float64"):  # settled by the first step
        fg.fori_loop(0, 3, lambda i, c: c + (np.ones((), "complex128") if i else np.ones(())), 0.0)
    with pytest.raises(DtypeError, match="what body_fun returned bool"):
        fg.fori_loop(0, 3, lambda i, c: c > 1, 0)


def test_operands_by_the_keyword_of_older_programs():
    for flag in (True, False):
        assert fg.cond(flag, lambda x: x + 1, lambda x: x - 1, operand=3) == (4 if flag else 2)
        assert fg.cond(flag, lambda x: x, lambda x: x, operand=None) is None
    rows = fnp.asarray([0, 1, 1])
    assert fg.vmap(lambda i: fg.switch(i, [lambda x: x, lambda x: -x], operand=2.0))(rows).tolist() == [2, -2, -2]
    assert fg.vmap(lambda i: fg.cond(i > 0, lambda x: x, lambda x: -x, operand=i))(rows).tolist() == [0, 1, 1]
    with pytest.raises(OptionError, match="by position or by operand=, not both"):
        fg.cond(True, lambda x: x, lambda x: x, 1, operand=1)


def test_what_is_without_effect_and_integers_of_numpy():
    x, one = fnp.arange(4.0), np.int64(1)
    double = fg.custom_vjp(lambda x: 2 * x)
    double.defvjp(lambda x: (2 * x, None), lambda _, ct: (2 * ct,), optimize_remat=True)
    assert fg.vmap(fg.grad(double), spmd_axis_name="data", chunk_size=one)(x).tolist() == [2, 2, 2, 2]
    assert fg.grad(lambda a, b: (a * b).sum(), argnums=one, memory=np.int32(10_000))(x, x).tolist() == x.tolist()
    assert fg.fixed_point(lambda x: 0 * x, 0.0, max_iterations=one) == 0
    assert fg.checkpoint_sequential([fnp.sin], one, 0.0) == 0
    assert fg.grad(fg.checkpoint(lambda x, n: x * n, static_argnums=one))(1.0, 3) == 3
