"""custom_jvp, custom_vjp, custom_vmap: the rule is used, and used once, under every nesting of the transforms."""

import functools

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import DtypeError, LeakedTracerError, OptionError, ShapeError, TreeError

X, Y = np.linspace(0.2, 1.5, 4), np.linspace(-1.0, 2.0, 4)
close = functools.partial(np.testing.assert_allclose, rtol=1e-12, atol=1e-14)


def plain(x, y):
    return fnp.sin(x) * y * y


def by_jvp():
    f = fg.custom_jvp(plain)

    @f.defjvp
    def rule(primals, tangents):
        (x, y), (tx, ty) = primals, tangents
        return f(x, y), 3 * (fnp.cos(x) * y * y * tx + 2 * fnp.sin(x) * y * ty)

    return f


def by_jvps():
    f = fg.custom_jvp(plain)
    f.defjvps(lambda t, out, x, y: 3 * t * fnp.cos(x) * y * y, lambda t, out, x, y: 6 * t * fnp.sin(x) * y)
    return f


def by_vjp():
    f = fg.custom_vjp(plain)

    def bwd(residuals, ct):
        x, y = residuals
        return 3 * ct * fnp.cos(x) * y * y, 6 * ct * fnp.sin(x) * y

    f.defvjp(lambda x, y: (f(x, y), (x, y)), bwd)
    return f


def by_gradient():
    return fg.custom_gradient(
        lambda x, y: (plain(x, y), lambda ct: (3 * ct * fnp.cos(x) * y * y, 6 * ct * fnp.sin(x) * y))
    )


# rules with three times the true derivative; where the rule calls f again, each order has a factor of its own
TRIPLE = {"jvp": by_jvp, "jvps": by_jvps, "vjp": by_vjp, "gradient": by_gradient}
every = pytest.mark.parametrize("make", TRIPLE.values(), ids=TRIPLE)


def in_x(x, y):
    return np.cos(x) * y * y


def in_y(x, y):
    return 2 * np.sin(x) * y


@every
def test_values_and_first_derivatives_under_every_transform(make):
    f, x, y = make(), fg.asarray(X), fg.asarray(Y)
    for i in range(4):
        close(f(x[i], y[i]), np.sin(X[i]) * Y[i] ** 2)
        close(fg.grad(f, (0, 1))(x[i], y[i]), [3 * in_x(X[i], Y[i]), 3 * in_y(X[i], Y[i])])
        close(fg.jvp(f, (x[i], y[i]), (1.0, 2.0))[1], 3 * in_x(X[i], Y[i]) + 6 * in_y(X[i], Y[i]))
    close(fg.vmap(f)(x, y), np.sin(X) * Y**2)
    close(fg.vmap(f, (0, None))(x, y[2]), np.sin(X) * Y[2] ** 2)
    close(fg.vmap(fg.vmap(f, (0, None)), (None, 0))(x, y), np.sin(X) * Y[:, None] ** 2)
    for derivative in (fg.grad, fg.jacfwd, fg.jacrev):
        close(fg.vmap(derivative(f))(x, y), 3 * in_x(X, Y))
        close(fg.vmap(derivative(f, 1), (0, None))(x, y[2]), 3 * in_y(X, Y[2]))
        close(np.diag(fg.jacrev(fg.vmap(f))(x, y)), 3 * in_x(X, Y))
    close(fg.grad(lambda x: fg.vmap(f)(x, y).sum())(x), 3 * in_x(X, Y))
    close(fg.grad(lambda y: fg.vmap(f, (0, None))(x, y).sum())(y[2]), 3 * in_y(X, Y[2]).sum())
    close(fg.jvp(lambda y: fg.vmap(f, (0, None))(x, y).sum(), (y[2],), (1.0,))[1], 3 * in_y(X, Y[2]).sum())


@every
def test_second_derivatives_differentiate_the_rule(make):
    f, x, y = make(), fg.asarray(X), fg.asarray(Y)
    expected = -3 * np.sin(X) * Y**2
    for second in (fg.hessian(f), fg.grad(fg.grad(f)), fg.jacfwd(fg.grad(f)), fg.jacrev(fg.jacfwd(f)),
                   fg.jacfwd(fg.jacfwd(f))):  # fmt: skip
        close(fg.vmap(second)(x, y), expected)
        close(second(x[1], y[1]), expected[1])
    close(fg.grad(lambda x: fg.vmap(fg.grad(f))(x, y).sum())(x), expected)


def test_a_rule_that_calls_its_function_is_used_again_at_the_next_order():
    @fg.custom_vjp
    def exp(x):
        return fnp.exp(x)

    exp.defvjp(lambda x: (exp(x), exp(x)), lambda y, ct: (2 * ct * y,))
    x = fg.asarray(0.5, dtype="float64")
    close(fg.grad(exp)(x), 2 * np.exp(0.5))
    close(fg.grad(fg.grad(exp))(x), 4 * np.exp(0.5))
    close(fg.grad(fg.grad(fg.grad(exp)))(x), 8 * np.exp(0.5))


def test_the_derivative_that_autodiff_loses():
    @fg.custom_jvp
    def log1pexp(x):
        return fnp.log(1.0 + fnp.exp(x))

    log1pexp.defjvps(lambda t, out, x: t * (1 - 1 / (1 + fnp.exp(x))))
    with np.errstate(over="ignore", invalid="ignore"):
        assert float(fg.grad(log1pexp)(100.0)) == 1.0
        assert fg.vmap(fg.grad(log1pexp))(fnp.asarray([0.0, 100.0])).tolist() == [0.5, 1.0]


def test_trees_keywords_and_defaults():
    @fg.custom_vjp
    def f(params, x=2.0, *, unused=None):
        return {"y": params["w"] * x, "n": 3}

    f.defvjp(lambda params, x: (f(params, x), None), lambda r, ct: ({"w": 7.0}, None))
    with pytest.raises(TreeError, match="keyword-only arguments"):
        fg.grad(lambda w: f({"w": w}, unused=1)["y"])(1.0)
    assert float(fg.grad(lambda w: f({"w": w})["y"])(1.0)) == 7.0  # a default needs no place

    @fg.custom_vjp
    def g(params, x=2.0):
        return {"y": params["w"] * x, "z": params["b"] - x}

    g.defvjp(
        lambda params, x: (g(params, x), {"w": params["w"], "x": x}),
        lambda r, ct: ({"w": 10 * ct["y"] * r["x"], "b": None}, ct["y"] * r["w"]),
    )

    def loss(params, x):
        out = g(params, x=x)
        return out["y"] + out["z"]

    found = fg.grad(loss, (0, 1))({"w": 3.0, "b": 1.0}, 5.0)
    assert fg.tree.map(float, found) == ({"w": 50.0, "b": 0.0}, 3.0)
    assert float(fg.grad(lambda w: g({"w": w, "b": 0.0})["y"])(1.0)) == 20.0


def test_arguments_that_are_not_differentiated():
    @functools.partial(fg.custom_jvp, nondiff_argnums=(0,))
    def app(f, x):
        return f(x)

    @app.defjvp
    def rule(f, primals, tangents):
        (x,), (t,) = primals, tangents
        return f(x), 2.0 * t

    assert float(app(lambda x: x**3, 3.0)) == 27.0
    assert float(fg.grad(app, 1)(lambda x: x**3, 3.0)) == 2.0

    @fg.custom_vjp(nondiff_argnames="mode")
    def scaled(x, mode):
        return x if mode == "same" else -x

    scaled.defvjp(lambda x, mode: (scaled(x, mode), None), lambda mode, _, ct: (ct * (5 if mode == "same" else 7),))
    assert float(fg.grad(scaled)(1.0, "same")) == 5.0
    assert float(fg.grad(scaled)(1.0, mode="other")) == 7.0
    assert fg.vmap(fg.grad(lambda x: scaled(x, "same")))(fnp.ones(2)).tolist() == [5.0, 5.0]


def test_an_argument_that_is_not_differentiated_is_a_constant_also_alone():
    """With no other argument traced f is a plain function, and its derivative by n was f's own."""
    f = fg.custom_jvp(lambda x, n: x * n["k"], nondiff_argnums=1)
    f.defjvp(lambda n, primals, tangents: (f(primals[0], n), 5.0 * n["k"] * tangents[0]))
    assert float(fg.grad(lambda n: f(2.0, {"k": n}))(3.0)) == 0.0
    assert float(fg.grad(lambda n: f(n, {"k": n}))(3.0)) == 15.0
    rows = fnp.asarray([1.0, 2.0])
    assert fg.vmap(fg.grad(f), (0, {"k": 0}))(rows, {"k": rows}).tolist() == [5.0, 10.0]
    assert fg.vmap(lambda n: fg.grad(f)(n, {"k": n if n > 1 else 3 * n}))(rows).tolist() == [15.0, 10.0]
    assert fg.vmap(lambda n: fg.grad(lambda x: f(x, {"k": n}) if n > 1 else x)(n))(rows).tolist() == [1.0, 10.0]


def test_numbers_keep_the_precision_of_the_arrays_beside_them():
    """0.1 was rounded to float32 on its way through, where a transform looked on."""
    f = fg.custom_jvp(lambda x, y: x * y)
    f.defjvps(lambda t, out, x, y: t * y, None)
    x = fg.asarray(1.0, dtype="float64")
    assert float(fg.grad(f)(x, 0.1)) == 0.1
    assert complex(fg.vmap(lambda x: f(x, 0.1j))(x[None])[0]) == 0.1j
    assert fg.grad(f)(1.0, 0.1).dtype == np.float32


def test_symbolic_zeros_tell_which_tangents_are_zero():
    seen = []

    @fg.custom_jvp
    def f(x, y):
        return x * y

    def rule(primals, tangents):
        seen.append([isinstance(t, fg.SymbolicZero) for t in tangents])
        (x, y), (tx, ty) = primals, tangents
        total = fnp.zeros(())
        if not isinstance(tx, fg.SymbolicZero):
            total = total + tx * y
        if not isinstance(ty, fg.SymbolicZero):
            total = total + x * ty
        return x * y, total

    f.defjvp(rule, symbolic_zeros=True)
    assert float(fg.grad(f)(2.0, 3.0)) == 3.0
    assert fg.jvp(f, (2.0, 3.0), (1.0, 1.0))[1].tolist() == 5.0
    assert seen == [[False, True], [False, False]]
    zero = fg.SymbolicZero((2,), np.dtype("float32"))
    assert zero.instantiate().tolist() == [0.0, 0.0]


def of_symbols(seen):
    """p["a"] * w and p["a"] * p["b"], whose rules write down what they are told."""

    @fg.custom_vjp
    def f(p, w, i):
        return {"y": p["a"] * w, "z": p["a"] * p["b"], "n": i}

    def fwd(p, w, i):
        seen.append((p["a"].perturbed, p["b"].perturbed, w.perturbed, i.perturbed))
        values = fg.tree.map(lambda leaf: leaf.value, (p, w, i))
        return f(*values), values[:2]

    def bwd(residuals, ct):
        p, w = residuals
        y, z, n = (ct[k] for k in "yzn")
        assert n is None
        seen.append((isinstance(y, fg.SymbolicZero), isinstance(z, fg.SymbolicZero)))
        by_y = y if isinstance(y, fg.SymbolicZero) else y * w
        by_z = z.instantiate() if isinstance(z, fg.SymbolicZero) else z * p["b"]
        by_a = by_z if isinstance(by_y, fg.SymbolicZero) else by_y + by_z
        return (
            {"a": by_a, "b": None if isinstance(z, fg.SymbolicZero) else z * p["a"]},
            (y if isinstance(y, fg.SymbolicZero) else y * p["a"]),
            None,
        )

    f.defvjp(fwd, bwd, symbolic_zeros=True)
    return f


def test_symbolic_zeros_tell_which_cotangents_are_zero_and_which_are_wanted():
    seen = []
    f = of_symbols(seen)
    a, b, w = fg.asarray(X), fg.asarray(Y), fg.asarray(X + 1)
    by_a = fg.grad(lambda a, b, w: f({"a": a, "b": b}, w, 2)["y"].sum())
    close(by_a(a, b, w), X + 1)
    assert seen == [(True, False, False, False), (False, True)]
    seen.clear()
    close(fg.grad(lambda b: f({"a": a, "b": b}, w, 2)["z"].sum())(b), X)
    assert seen == [(False, True, False, False), (True, False)]
    seen.clear()
    close(
        fg.grad(lambda w: fg.vmap(f, ({"a": 0, "b": 0}, None, None))({"a": a, "b": b}, w, 2)["y"].sum())(w[0]), X.sum()
    )
    assert seen == [(False, False, True, False), (False, True)]
    close(fg.vmap(by_a)(a, b, w), X + 1)
    close(fg.grad(lambda w: by_a(a, b, w).sum())(w), np.ones(4))
    close(fg.jvp(lambda a: f({"a": a, "b": b}, w, 2)["z"], (a,), (a,))[1], X * Y)


def test_integers_pass_through():
    @fg.custom_vjp
    def pick(x, i):
        return x[i], i + 1

    pick.defvjp(lambda x, i: (pick(x, i), (x.shape, i)), lambda r, ct: (fnp.zeros(3).at[r[1]].add(ct[0]), None))
    value, found = fg.value_and_grad(lambda x: pick(x, 1)[0] * 2)(fnp.asarray([1.0, 2.0, 3.0]))
    assert (float(value), found.tolist()) == (4.0, [0.0, 2.0, 0.0])


def test_a_method_is_a_function_too():
    class Scale:
        factor = 4.0

        @functools.partial(fg.custom_vjp, nondiff_argnums=0)
        def __call__(self, x):
            return self.factor * x

        __call__.defvjp(lambda self, x: (self(x), None), lambda self, _, ct: (100 * ct,))

    assert float(fg.grad(Scale())(1.0)) == 100.0


def test_python_control_flow_inside_of_rules_under_vmap():
    @fg.custom_vjp
    def f(x):
        return x * x if x > 0 else -x

    f.defvjp(lambda x: (f(x), x), lambda x, ct: (ct * 10 if x > 1 else ct * 20,))
    x = np.array([-1.0, 0.5, 2.0])
    assert fg.vmap(f)(x).tolist() == [1.0, 0.25, 4.0]
    assert fg.vmap(fg.grad(f))(x).tolist() == [20.0, 20.0, 10.0]
    assert fg.grad(lambda x: fg.vmap(f)(x).sum())(fg.asarray(x)).tolist() == [20.0, 20.0, 10.0]


# ---- custom_vmap ---------------------------------------------------------------------------------


def marked():
    """A function whose batch rule adds a hundred, so that its use shows."""
    f = fg.custom_vmap(plain)

    @f.def_vmap
    def rule(size, batched, x, y):
        rules.append((size, batched))
        return plain(x if batched[0] else fnp.full((size,), x), y if batched[1] else fnp.full((size,), y)) * 2, True

    rules = []
    f.rules = rules
    return f


def test_the_batch_rule_is_used_on_both_sides_of_derivatives():
    f, x, y = marked(), fg.asarray(X), fg.asarray(Y)
    close(f(x[1], y[1]), plain(x[1], y[1]))
    close(fg.grad(f)(x[1], y[1]), in_x(X[1], Y[1]))
    close(fg.vmap(f)(x, y), 2 * np.sin(X) * Y**2)
    close(fg.vmap(f, (None, 0))(x[1], y), 2 * np.sin(X[1]) * Y**2)
    assert f.rules == [(4, (True, True)), (4, (False, True))]
    close(fg.grad(lambda x: fg.vmap(f)(x, y).sum())(x), 2 * in_x(X, Y))
    close(fg.vmap(fg.grad(f))(x, y), 2 * in_x(X, Y))
    close(fg.vmap(fg.grad(f, 1), (0, None))(x, y[1]), 2 * in_y(X, Y[1]))
    close(fg.vmap(lambda y: fg.jvp(lambda x: f(x, y), (x[1],), (1.0,))[1])(y), 2 * in_x(X[1], Y))
    close(fg.vmap(fg.hessian(f))(x, y), -2 * np.sin(X) * Y**2)
    close(fg.vmap(fg.grad(fg.grad(f)))(x, y), -2 * np.sin(X) * Y**2)


def test_an_output_that_examples_share_is_said_to_be_unbatched():
    @fg.custom_vmap
    def f(x, c):
        return x * c, c + 1

    f.def_vmap(lambda size, batched, x, c: ((x * c, c + 1), (True, False)))
    product, shared = fg.vmap(f, (0, None), (0, None))(fnp.asarray([1.0, 2.0]), fnp.asarray(3.0))
    assert product.tolist() == [3.0, 6.0]
    assert float(shared) == 4.0


def test_sequential_vmap_runs_one_example_at_a_time():
    shapes = []

    @fg.sequential_vmap
    def f(x, scale):
        shapes.append(x.shape)
        return {"y": scale * x * x}

    found = fg.vmap(lambda x: f(x, 2.0))(fg.asarray(np.ones((3, 2))))
    assert found["y"].shape == (3, 2)
    assert shapes == [(2,)] * 3
    close(fg.vmap(fg.grad(lambda x: f(x, 2.0)["y"].sum()))(fg.asarray(X[:, None])), 4 * X[:, None])


# ---- what is wrong is said -----------------------------------------------------------------------


def test_missing_rules():
    for make, words in ((fg.custom_jvp, ".defjvp"), (fg.custom_vjp, ".defvjp"), (fg.custom_vmap, ".def_vmap")):
        f = make(plain)
        with pytest.raises(TreeError, match=rf"declare (one|them) by `\{words}"):
            f(1.0, 2.0)


def test_rules_that_do_not_fit():
    def rows(bwd):
        f = fg.custom_vjp(lambda x, y: x * y.sum())
        f.defvjp(lambda x, y: (x * y.sum(), None), bwd)
        return lambda: fg.grad(f, (0, 1))(1.0, fnp.ones(3))

    with pytest.raises(TreeError, match="one cotangent for each of the 2 differentiated arguments, not 1 entries"):
        rows(lambda r, ct: (ct,))()
    with pytest.raises(TreeError, match="must return a tuple"):
        rows(lambda r, ct: ct)()
    with pytest.raises(ShapeError, match=r"the cotangent of argument leaf 1 must have the shape .*float32\[3\], not"):
        rows(lambda r, ct: (ct, ct))()
    with pytest.raises(DtypeError, match="must have a dtype like that of"):
        rows(lambda r, ct: (ct, fnp.ones(3, dtype="int32")))()
    f = fg.custom_jvp(lambda x: x)
    f.defjvp(lambda primals, tangents: primals[0])
    with pytest.raises(TreeError, match=r"the rule must return \(output, tangent of the output\)"):
        fg.grad(f)(1.0)
    f.defjvp(lambda primals, tangents: (primals[0], fnp.ones(2)))
    with pytest.raises(ShapeError, match="the tangent of output 0 must have the shape"):
        fg.grad(f)(1.0)
    g = fg.custom_vmap(lambda x: x)
    g.def_vmap(lambda size, batched, x: (x.sum(), True))
    with pytest.raises(ShapeError, match="must have the 3 examples in front, not"):
        fg.vmap(g)(fnp.ones(3))
    with pytest.raises(TreeError, match="there is no argument 'z'"):
        fg.grad(_with_rules(fg.custom_vjp(plain, nondiff_argnames="z")))(1.0, 2.0)


def _with_rules(f):
    f.defvjp(lambda *a: None, lambda *a: None)
    return f


def scaled_by(kind, w):
    """x * w with ten times its derivative, closing over w."""
    if kind == "jvp":
        f = fg.custom_jvp(lambda x: x * w)
        f.defjvp(lambda primals, tangents: (f(*primals), 10 * tangents[0] * w))
    else:
        f = fg.custom_vjp(lambda x: x * w)
        f.defvjp(lambda x: (f(x), None), lambda _, ct: (10 * ct * w,))
    return f


@pytest.mark.parametrize("kind", ["jvp", "vjp"])
def test_functions_and_rules_may_close_over_batches(kind):
    """The tracer of the batch was met when its vmap had ended."""
    x = fg.asarray(X)
    close(fg.vmap(lambda w: scaled_by(kind, w)(2 * w))(x), 2 * X**2)
    close(fg.vmap(lambda w: fg.grad(scaled_by(kind, w))(2 * w))(x), 10 * X)
    close(fg.vmap(lambda w: fg.jvp(scaled_by(kind, w), (w,), (2.0 * w,))[1])(x), 20 * X**2)
    close(fg.vmap(lambda w: fg.vmap(lambda v: fg.grad(scaled_by(kind, w * v))(v))(x))(x), 10 * np.outer(X, X))
    close(fg.grad(lambda x: fg.vmap(lambda x, w: scaled_by(kind, w)(x))(x, fg.asarray(Y)).sum())(x), 10 * Y)
    # examples that part: each path's rule sees its own rows
    close(fg.vmap(lambda w: fg.grad(scaled_by(kind, w))(w) if w > 1 else w)(x), np.where(X > 1, 10 * X, X))
    close(fg.scan(lambda c, w: (c + fg.grad(scaled_by(kind, w))(c), c), 1.0, x)[0], 1 + 10 * X.sum())
    # of an argument that is not differentiated, which is a function
    apply = fg.custom_jvp(lambda f, x: f(x), nondiff_argnums=0)
    apply.defjvp(lambda f, primals, tangents: (f(*primals), 3 * f(*primals) * tangents[0]))
    close(fg.vmap(lambda w: fg.grad(lambda x: apply(lambda x: x * w, x))(2 * w))(x), 6 * X**2)


@pytest.mark.parametrize("kind", ["jvp", "vjp"])
def test_what_is_differentiated_must_be_an_argument(kind):
    with pytest.raises(LeakedTracerError, match=r"custom_.+ closes over a value that is differentiated \(float32"):
        fg.grad(lambda w: scaled_by(kind, w)(w * 2))(3.0)
    with pytest.raises(LeakedTracerError, match=r"make it an argument, or close over fg\.stop_gradient of it"):
        fg.jvp(lambda w: scaled_by(kind, w)(w * 2), (3.0,), (1.0,))
    assert float(fg.grad(lambda w: scaled_by(kind, fg.stop_gradient(w))(w * 2))(3.0)) == 60.0
    # where no argument is differentiated the function is a plain one, and may close over anything
    assert float(fg.grad(lambda w: scaled_by(kind, w)(2.0))(3.0)) == 2.0
    assert float(fg.grad(lambda w: fg.vmap(scaled_by(kind, w))(fnp.ones(3)).sum())(3.0)) == 3.0
    assert float(fg.jvp(lambda w: fg.vmap(scaled_by(kind, w))(fnp.ones(3)).sum(), (3.0,), (1.0,))[1]) == 3.0
    assert float(fg.grad(lambda w: fg.grad(scaled_by(kind, w))(2.0))(3.0)) == 10.0  # of the rule itself


def test_a_global_that_a_rule_reads_must_be_an_argument():
    held = []
    f = fg.custom_vjp(lambda x: x * globals()["_held"][-1])
    f.defvjp(lambda x: (f(x), None), lambda r, ct: (ct * 2,))
    globals()["_held"] = held
    with pytest.raises(LeakedTracerError) as caught:
        fg.vmap(lambda w: held.append(w) or f(w * 2))(fnp.ones(2))
    assert any("must take all that they differentiate or batch as arguments" in note for note in caught.value.__notes__)


def test_results_of_rules_that_do_not_fit_are_named():
    def by(rule, f=lambda x: x):
        f = fg.custom_jvp(f)
        f.defjvp(rule)
        return fg.jvp(f, (1.0,), (1.0,))

    # None in the output is no leaf: these failed in zip()
    assert by(lambda p, t: (None, None), lambda x: None) == (None, None)
    value, tangent = by(lambda p, t: ((p[0], None), (t[0], None)), lambda x: (x, None))
    assert (float(value[0]), value[1], float(tangent[0]), tangent[1]) == (1.0, None, 1.0, None)
    with pytest.raises(DtypeError, match=r"custom_jvp <lambda>: the output must be a pytree of arrays: .*'relu'"):
        by(lambda p, t: ("relu", None))
    with pytest.raises(DtypeError, match=r"its rule: the tangent of output 0 must be an array like float32.*'relu'"):
        by(lambda p, t: (p[0], "relu"))
    f = fg.custom_jvp(plain)
    f.defjvps(lambda t, out, x, y: t)
    with pytest.raises(TreeError, match="defjvps has 1 rules for 2 arguments"):
        fg.grad(f)(1.0, 2.0)
    with pytest.raises(TypeError, match="custom_jvp plain: too many positional arguments"):
        fg.grad(f)(1.0, 2.0, 3.0)
    for wrong in (lambda x: x, lambda x: (x, x)):
        with pytest.raises(TreeError, match=r"custom_gradient <lambda>: the function must return \(output, pullback\)"):
            fg.grad(fg.custom_gradient(wrong))(1.0)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (lambda p, t: (p[0] * 2, t[0] ** 2), r"square depends on a tangent's value\n  at .*test_custom_rules"),
        (lambda p, t: (p[0] * 2, fnp.maximum(t[0], 0)), "maximum depends on a tangent's value"),
        (lambda p, t: (p[0] * 2, t[0] * fnp.abs(t[0])), "depends on a tangent's value"),
        (lambda p, t: (p[0] * 2, 2.0 + 0 * p[0]), r"the tangent of output 0 does not depend on them .* slope \* t"),
        (lambda p, t: (p[0] * 2, fnp.cos(p[0])), "does not depend on them and is not zero"),
    ],
)
def test_a_rule_that_is_not_linear_has_no_reverse_mode(rule, words):
    @fg.custom_jvp
    def double(x):
        return x * 2

    double.defjvp(rule)
    x = fnp.asarray([1.0, 2.0])
    fg.jvp(double, (x,), (x,))
    for run in (
        lambda: fg.grad(lambda x: double(x).sum())(x),
        lambda: fg.vmap(fg.grad(double))(x),
        lambda: fg.grad(lambda x: fg.vmap(double)(x).sum())(x),
        lambda: fg.jacrev(double)(x),
    ):
        with pytest.raises(
            OptionError, match="custom_jvp double: its rule is not linear in the tangents(.|\n)*" + words
        ):
            run()


def test_rules_that_are_linear_by_other_ways():
    inner = fg.checkpoint(lambda x: fnp.sin(x) * x)
    rules = [
        lambda p, t: fg.jvp(lambda x: fnp.sin(x) * x, p, t),
        lambda p, t: fg.jvp(inner, p, t),
        lambda p, t: (inner(p[0]), fg.vjp(inner, p[0])[1](t[0])[0]),
        lambda p, t: (inner(p[0]), fg.linearize(inner, *p)[1](*t)),
        lambda p, t: (inner(p[0]), fnp.where(p[0] > 0, t[0], t[0] * 1) * (fnp.sin(p[0]) + p[0] * fnp.cos(p[0]))),
        lambda p, t: (inner(p[0]), fg.custom_linear_solve(
            lambda v: v / (fnp.sin(p[0]) + p[0] * fnp.cos(p[0])), t[0],
            *[lambda _, b: b * (fnp.sin(p[0]) + p[0] * fnp.cos(p[0]))] * 2,
        )),
    ]  # fmt: skip
    x = fnp.asarray([0.3, 1.2])
    expected = fnp.sin(x) + x * fnp.cos(x)
    for rule in rules:
        f = fg.custom_jvp(lambda x: fnp.sin(x) * x)
        f.defjvp(rule)
        forward = fg.jvp(f, (x,), (fnp.ones(2),))[1]
        for found in (forward, fg.grad(lambda x, f=f: f(x).sum())(x), fg.vmap(fg.grad(f))(x)):
            np.testing.assert_allclose(found, expected, rtol=1e-5)
    step = fg.custom_jvp(fnp.sign)
    step.defjvp(lambda p, t: (fnp.sign(p[0]), fnp.zeros_like(p[0])))
    assert fg.grad(lambda x: step(x).sum())(x).tolist() == [0, 0]
