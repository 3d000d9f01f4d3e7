"""Every transform inside every other: all ordered pairs and triples, against derivatives that funcgrad did not make.

Each transform becomes an operator from functions to functions: the derivative along a direction u, by this transform's
means; hessian is two derivatives at once, and vmap the weighted sum of the function at scaled points,

    (D f)(x) = d/dt f(x + t u) at t = 0            (V f)(x) = 2 f(x) - 3 f(1.1 x).

So a composition is a sum of terms w f^(n)(s x), whose weights, scales and orders follow by hand. The derivatives
themselves come from Cauchy's integral formula: f, evaluated by NumPy at complex points on a circle around x.
"""

import itertools
import math

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp

# ---- the functions: of a number or of a vector, to a number ------------------------------------

MATRIX = np.random.default_rng(0).normal(size=(3, 3))
VECTOR, DIRECTION = np.array([0.7, 0.3, 0.9]), np.array([0.5, -0.3, 0.2])


def quadratic(xp, x):
    return x @ (xp.asarray(MATRIX) @ x) * xp.sum(x)


def layer(xp, x):
    hidden = xp.sin(x[None, :] @ xp.asarray(MATRIX))
    return xp.sum(xp.exp(hidden) * x) / 3


def gathered(xp, x):
    return xp.sum(x[np.array([2, 0, 0])] ** 3) * x[1]


def updated(xp, x):
    if xp is fnp:
        y = x.at[1].multiply(x[0]).at[fnp.asarray([0, 2, 2])].add(x)
    else:
        y = np.stack([x[0] + x[0], x[1] * x[0], x[2] + x[1] + x[2]])
    return xp.sum(y * y * y)


def chosen(xp, x):
    if xp is fnp:
        return fnp.sum(fnp.where(x > 0.5, fnp.sin(x) * x, fnp.exp(x)) * x) + fnp.max(x) ** 3 * fnp.minimum(x[0], 2.0)
    return np.sum(np.where(x.real > 0.5, np.sin(x) * x, np.exp(x)) * x) + x[2] ** 3 * x[0]


def branched(xp, x):
    total, n = 0.0, 0
    while n < 3 and x[n].real < 2 * x[0].real:
        if x[n].real < x[0].real:
            total = total - x[n] ** 3
        else:
            total = total + xp.cos(x[n]) * x[1]
        n += 1
    return total * x[2]


def shaped(xp, x):
    grid = xp.reshape(xp.concat([x, x * x]), (2, 3))
    wide = xp.broadcast_to(grid[:, None, :], (2, 4, 3))
    return xp.sum(xp.prod(wide.T[0], axis=1)) + xp.sum(xp.cumulative_sum(xp.flip(x)) ** 2)


def windowed(xp, x):
    if xp is fnp:
        vector, unravel = fg.flatten_util.ravel_pytree({"x": x})
        x = unravel(vector)["x"]
        products = fg.reduce_window(x, 1.0, lambda a, b: a * b, (2,))
        picked = fg.select_n(fnp.asarray([1, 0]), products, fnp.sin(products))
        ends = fnp.vectorize(lambda p, i: p * p if i == 0 else p)(picked, np.arange(2))
        return fnp.sum(ends) * fg.reduce(x, 0.0, lambda a, b: a + b + a * b, (0,))
    return (np.sin(x[0] * x[1]) ** 2 + x[1] * x[2]) * (np.prod(1 + x) - 1)


FUNCTIONS = {
    "sin(x) x^3": (lambda xp, x: xp.sin(x) * x**3, 0.8, 1.0),
    "exp(sin x)": (lambda xp, x: xp.exp(xp.sin(x)), 0.8, 1.0),
    "x / (1 + x^2)": (lambda xp, x: x / (1 + x * x), 0.8, 1.0),
    "quadratic": (quadratic, VECTOR, DIRECTION),
    "layer": (layer, VECTOR, DIRECTION),
    "gathered": (gathered, VECTOR, DIRECTION),
    "updated": (updated, VECTOR, DIRECTION),
    "chosen": (chosen, VECTOR, DIRECTION),
    "branched": (branched, VECTOR, DIRECTION),
    "shaped": (shaped, VECTOR, DIRECTION),
    "windowed": (windowed, VECTOR, DIRECTION),
}

# ---- expected values ---------------------------------------------------------------------------

RADIUS, POINTS = 0.3, 64
CIRCLE = RADIUS * np.exp(2j * np.pi * np.arange(POINTS) / POINTS)
WEIGHTS, SCALES = (2.0, -3.0), (1.0, 1.1)


def cauchy(f, x, u):
    """The derivatives f^(0), ..., f^(6) along u, by n!/(2 pi i) times the integral of f(x + z u) / z^(n+1) dz."""
    values = np.array([f(np, x + z * u) for z in CIRCLE])
    return [math.factorial(n) * float(np.mean(values / CIRCLE**n).real) for n in range(7)]


TABLE = {
    (name, k): cauchy(f, 1.1**k * np.asarray(x), u)  # a triple meets x, 1.1 x, 1.1^2 x and 1.1^3 x
    for name, (f, x, u) in FUNCTIONS.items()
    for k in range(4)
}


def expected(triple, name):
    """The value of the composed operators, the last one applied first, at the function's point."""
    terms = [(1.0, 0, 0)]  # weight, power of the scale, order
    for transform in reversed(triple):
        if transform in ("vmap", "paths", "psum"):
            terms = [(w * v, k + j, n) for w, k, n in terms for j, v in enumerate(WEIGHTS)]
        else:  # d/dx f^(n)(s x) = s f^(n+1)(s x)
            times = 2 if transform in ("hessian", "hvp") else 1
            terms = [(w * 1.1 ** (k * times), k, n + times) for w, k, n in terms]
    return sum(w * TABLE[name, k][n] for w, k, n in terms)


# ---- the operators -----------------------------------------------------------------------------


def by_hessian(f, u):
    def second(x):
        return fnp.einsum("i,ij,j->", u, fg.hessian(f)(x), u) if u.ndim else fg.hessian(f)(x) * u * u

    return second


def by_vmap(f, u):
    def weighted(x):
        scaled = fg.vmap(lambda s, x: f(s * x), in_axes=(0, None))(fnp.asarray(np.array(SCALES)), x)
        return scaled @ fnp.asarray(np.array(WEIGHTS))

    return weighted


def by_paths(f, u):
    """The same with examples that part at a Python decision, before f and after it."""

    def of_one(s, x):
        if s > 1.05:
            y = f(s * x)
            return y * 1.0 if y > -1e9 else y
        return f(x * s)

    def weighted(x):
        scales = fnp.asarray(np.array(SCALES))
        return fg.vmap(of_one, in_axes=(0, None))(scales, x) @ fnp.asarray(np.array(WEIGHTS))

    return weighted


def by_custom_vjp(f, u):
    def custom(x):
        g = fg.custom_vjp(lambda x: f(x))
        g.defvjp(lambda x: (f(x), x), lambda x, ct: fg.vjp(f, x)[1](ct))
        return g(x)

    return lambda x: fnp.sum(fg.grad(custom)(x) * u)


def by_custom_jvp(f, u):
    def custom(x):
        g = fg.custom_jvp(lambda x: f(x))
        g.defjvp(lambda primals, tangents: fg.jvp(f, primals, tangents))
        return g(x)

    return lambda x: fnp.sum(fg.grad(custom)(x) * u)


def by_while_loop(f, u):
    def once(x):
        return fg.while_loop(lambda p: p[0] < 1, lambda p: (p[0] + 1, f(x)), (0, 0.0 * fnp.sum(x)))[1]

    return lambda x: fg.jvp(once, (x,), (u,))[1]


def by_scan(f, u):
    def once(x):
        return fg.scan(lambda c, t: (c + f(x * t), None), 0.0 * fnp.sum(x), fnp.ones(1, dtype="float64"))[0]

    return lambda x: fnp.sum(fg.grad(once)(x) * u)


def by_cond(f, u):
    return lambda x: fnp.sum(fg.grad(lambda x: fg.cond(fnp.sum(x) > -1e9, f, fnp.sum, x))(x) * u)


def by_custom_vmap(f, u):
    def custom(x):
        g = fg.custom_vmap(lambda x: f(x))
        g.def_vmap(lambda size, batched, x: (fg.vmap(f, in_axes=0 if batched[0] else None, axis_size=size)(x), True))
        return g(x)

    return lambda x: fnp.sum(fg.grad(custom)(x) * u)


def by_linear_solve(f, u):
    def once(x):
        halve = lambda _, b: b / 2.0  # noqa: E731
        return fg.custom_linear_solve(lambda v: v * 2.0, f(x) * 2.0, halve, halve)

    return lambda x: fnp.sum(fg.grad(once)(x) * u)


def by_custom_root(f, u):
    def once(x):  # the y with y - f(x) = 0
        return fg.custom_root(lambda y: y - f(x), 0.0 * fnp.sum(x), lambda g, y: y - g(y), lambda g, v: v / g(1.0))

    return lambda x: fnp.sum(fg.grad(once)(x) * u)


def by_where_apply(f, u):
    def once(x):
        y = f(x)
        return fg.where_apply(y > -1e9, lambda y: y * 1.0, 0.0, y)

    return lambda x: fnp.sum(fg.grad(once)(x) * u)


def by_linear_transpose(f, u):
    def derivative(x):
        pull = fg.linear_transpose(lambda t: fg.jvp(f, (x,), (t,))[1], u)
        return fnp.sum(pull(fg.asarray(1.0, dtype="float64"))[0] * u)

    return derivative


def by_psum(f, u):
    def weighted(x):
        scales, weights = fnp.asarray(np.array(SCALES)), fnp.asarray(np.array(WEIGHTS))
        return fg.vmap(lambda s, w: fg.psum(w * f(s * x), "i"), axis_name="i", out_axes=None)(scales, weights)

    return weighted


def once_by(wrap):
    """The derivative of f called by some function once."""
    return lambda f, u: lambda x: fnp.sum(fg.grad(lambda x: wrap(f, x))(x) * u)


SMOOTH = {  # each the derivative along u, or for hvp two of them, by means of its own
    "linearize": lambda f, u: lambda x: fg.linearize(f, x)[1](u),
    "hvp": lambda f, u: lambda x: fnp.sum(fg.hvp(f, (x,), (u,))[0] * u),
    "custom_jvp": by_custom_jvp,
    "custom_vjp": by_custom_vjp,
    "checkpoint": lambda f, u: lambda x: fnp.sum(fg.grad(fg.checkpoint(f))(x) * u),
    "memory": lambda f, u: lambda x: fnp.sum(fg.grad(f, memory="100kB")(x) * u),
    "while_loop": by_while_loop,
    "scan": by_scan,
    "cond": by_cond,
    "paths": by_paths,
    "psum": by_psum,
    "custom_vmap": by_custom_vmap,
    "custom_linear_solve": by_linear_solve,
    "custom_root": by_custom_root,
    "where_apply": by_where_apply,
    "linear_transpose": by_linear_transpose,
    "elementwise_grad": lambda f, u: lambda x: fnp.sum(fg.elementwise_grad(f)(x) * u),
    "fori_loop": once_by(lambda f, x: fg.fori_loop(0, 1, lambda i, y: f(x), 0.0 * fnp.sum(x))),
    "switch": once_by(lambda f, x: fg.switch(1, [fnp.sum, f], x)),
    "map": once_by(lambda f, x: fg.map(lambda t: f(x * t), fnp.ones(1, dtype="float64"))[0]),
    "associative_scan": once_by(
        lambda f, x: fg.associative_scan(lambda a, b: a + b, fnp.stack([f(x) * 0.25, f(x) * 0.75]))[1]
    ),
    "tap": once_by(lambda f, x: f(fg.tap(x, lambda ct: None))),
}

OPERATORS = {
    "grad": lambda f, u: lambda x: fnp.sum(fg.grad(f)(x) * u),
    "jvp": lambda f, u: lambda x: fg.jvp(f, (x,), (u,))[1],
    "vjp": lambda f, u: lambda x: fnp.sum(fg.vjp(f, x)[1](1.0)[0] * u),
    "vmap": by_vmap,
    "jacfwd": lambda f, u: lambda x: fnp.sum(fg.jacfwd(f)(x) * u),
    "jacrev": lambda f, u: lambda x: fnp.sum(fg.jacrev(f)(x) * u),
    "hessian": by_hessian,
}


ALL = OPERATORS | SMOOTH
PAIRS = [pair for pair in itertools.product(ALL, repeat=2) if set(pair) & set(SMOOTH)]
TRIPLES = [triple for triple in itertools.product(ALL, repeat=3) if set(triple) & set(SMOOTH)]


def composed(transforms, name):
    """The composition as a function of x, the last transform applied first."""
    f, _, u = FUNCTIONS[name]
    direction = fg.asarray(np.array(u))
    found = lambda x: f(fnp, x)  # noqa: E731
    for transform in reversed(transforms):
        found = ALL[transform](found, direction)
    return found


def check(transforms, names=tuple(FUNCTIONS)):
    for name in names:
        x = FUNCTIONS[name][1]
        value = composed(transforms, name)(fg.asarray(np.array(x)))
        assert value.dtype == np.float64
        assert value.shape == ()
        np.testing.assert_allclose(float(value), expected(transforms, name), rtol=1e-7, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("pair", list(itertools.product(OPERATORS, repeat=2)), ids="-".join)
def test_every_pair_of_transforms_gives_the_derivative_of_the_summed_order(pair):
    check(pair)


@pytest.mark.parametrize("triple", list(itertools.product(OPERATORS, repeat=3)), ids="-".join)
def test_every_triple_of_transforms_gives_the_derivative_of_the_summed_order(triple):
    check(triple, [name for name in FUNCTIONS if name != "windowed"])  # it takes as long as the others together


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_every_pair_with_the_later_transforms(pair):
    check(pair)


@pytest.mark.parametrize("first", ALL)
def test_every_triple_with_the_later_transforms(first):
    # one function each, in turn, so that every function meets every transform in every place
    names = list(FUNCTIONS)
    for k, triple in enumerate(t for t in TRIPLES if t[0] == first):
        check(triple, (names[(k + k // len(names)) % len(names)],))


@pytest.mark.parametrize("pair", list(itertools.product(OPERATORS, repeat=2)), ids="-".join)
def test_a_batch_of_every_pair_is_the_loop_over_its_examples(pair):
    for name, (_, x, _) in FUNCTIONS.items():
        f = composed(pair, name)
        batch = fg.asarray(np.stack([np.asarray(x), 1.1 * np.asarray(x), 0.95 * np.asarray(x)]))
        loop = [float(f(x)) for x in batch]
        np.testing.assert_allclose(fg.vmap(f)(batch), loop, rtol=1e-9, atol=1e-9, err_msg=name)
        np.testing.assert_allclose(loop[0], expected(pair, name), rtol=1e-7, atol=1e-8, err_msg=name)


def test_the_expected_values_are_the_derivatives_of_known_functions():
    x = 0.8
    third = 6 * np.sin(x) + 18 * x * np.cos(x) - 9 * x**2 * np.sin(x) - x**3 * np.cos(x)
    np.testing.assert_allclose(TABLE["sin(x) x^3", 0][3], third, rtol=1e-10)
    u, v = DIRECTION, VECTOR
    quadratic_slope = (u @ MATRIX @ v + v @ MATRIX @ u) * v.sum() + v @ MATRIX @ v * u.sum()
    np.testing.assert_allclose(TABLE["quadratic", 0][1], quadratic_slope, rtol=1e-12)


# ---- perturbation confusion: inner and outer derivatives by the same names ---------------------


def by_jvp(f):
    return lambda x: fg.jvp(f, (x,), (1.0,))[1]


def by_vjp(f):
    return lambda x: fg.vjp(f, x)[1](1.0)[0]


def by_batched_grad(f):
    return lambda x: fg.vmap(fg.grad(f))(fnp.stack([x, x + 0.0]))[0]


DERIVATIVES = {
    "grad": fg.grad,
    "jvp": by_jvp,
    "vjp": by_vjp,
    "jacfwd": fg.jacfwd,
    "jacrev": fg.jacrev,
    "vmap(grad)": by_batched_grad,
}
each_pair = pytest.mark.parametrize(
    ("outer", "inner"),
    [pytest.param(a, b, id=f"{m}-{n}") for (m, a), (n, b) in itertools.product(DERIVATIVES.items(), repeat=2)],
)


@each_pair
def test_an_inner_derivative_does_not_see_the_outer_perturbation(outer, inner):
    # d/dx (x d/dy (x + y)) = d/dx (x * 1) = 1
    assert float(outer(lambda x: x * inner(lambda y: x + y)(1.0))(1.0)) == 1.0
    # d/dx (x d/dy (x y)) = d/dx x^2 = 2 x
    assert float(outer(lambda x: x * inner(lambda y: x * y)(2.0))(3.0)) == 6.0
    # d/dx d/dy (x y^2 at y = x) = d/dx 2 x^2 = 4 x, where x is both inside and outside of the inner function
    assert float(outer(lambda x: inner(lambda y: x * y * y)(x))(3.0)) == 12.0
    # d/dx d/dy x = 0: the inner function ignores its argument
    assert float(outer(lambda x: inner(lambda y: x)(x))(3.0)) == 0.0


@each_pair
def test_the_inner_function_may_be_made_outside_of_the_inner_transform(outer, inner):
    def curried(x):
        return lambda y: (x + 1) * y**2

    # d/dx (d/dy (x + 1) y^2 at y = x) = d/dx 2 x (x + 1) = 4 x + 2
    assert float(outer(lambda x: inner(curried(x))(x))(2.0)) == 10.0


@each_pair
def test_a_derivative_taken_of_an_outer_function_inside_does_not_mix_with_its_variable(outer, inner):
    # d/dx [x * d/dy (sin y at y = 2 x)] = cos 2x - 2 x sin 2x
    found = outer(lambda x: x * inner(fnp.sin)(2.0 * x))(fg.asarray(0.5, dtype="float64"))
    np.testing.assert_allclose(found, np.cos(1.0) - np.sin(1.0), rtol=1e-6)


def test_an_outer_variable_that_an_inner_function_returns_keeps_its_derivative():
    inner = {
        "grad": lambda y: fg.value_and_grad(lambda z: y * y)(1.0)[0],
        "aux of grad": lambda y: fg.grad(lambda z: (z, y * y), has_aux=True)(1.0)[1],
        "vjp": lambda y: fg.vjp(lambda z: y * y, 1.0)[0],
        "aux of vjp": lambda y: fg.vjp(lambda z: (z, y * y), 1.0, has_aux=True)[2],
        "jvp": lambda y: fg.jvp(lambda z: y * y, (1.0,), (1.0,))[0],
        "aux of jvp": lambda y: fg.jvp(lambda z: (z, y * y), (1.0,), (1.0,), has_aux=True)[2],
        "vmap": lambda y: fg.vmap(lambda z: y * y)(fnp.ones(3))[2],
        "vmap, not mapped": lambda y: fg.vmap(lambda z: y * y, out_axes=None)(fnp.ones(3)),
        "aux of jacfwd": lambda y: fg.jacfwd(lambda z: (z, y * y), has_aux=True)(1.0)[1],
        "aux of hessian": lambda y: fg.hessian(lambda z: (z * z, y * y), has_aux=True)(1.0)[1],
    }
    for name, f in inner.items():
        for derivative in DERIVATIVES.values():
            assert float(derivative(lambda x, f=f: f(x) * x)(3.0)) == 27.0, name  # d/dx x^3


def test_jvp_inside_grad_inside_jvp_with_shared_variables():
    # g(x, y) = d/dz (x y z^2) at z = x + y is 2 x y (x + y); dg/dy = 2 x^2 + 4 x y; d/dx of that = 4 x + 4 y
    def innermost(x, y):
        return by_jvp(lambda z: x * y * z * z)(x + y)

    def middle(x):
        return fg.grad(lambda y: innermost(x, y))(5.0)

    assert float(innermost(3.0, fg.asarray(5.0))) == 240.0
    assert float(middle(fg.asarray(3.0))) == 78.0
    assert float(by_jvp(middle)(3.0)) == 32.0


def test_three_levels_of_closures_over_the_same_variable():
    def f(x):
        def g(y):
            return fg.grad(lambda z: x * y * y * z * z * z)(x * y)  # 3 x y^2 (x y)^2 = 3 x^3 y^4

        return fg.grad(g)(x)  # 12 x^3 y^3 at y = x: 12 x^6

    assert float(fg.grad(f)(1.5)) == 72 * 1.5**5


TRANSFORMED = {
    "grad": lambda f: fg.grad(f)(2.0),
    "jvp": lambda f: fg.jvp(f, (2.0,), (1.0,))[1],
    "vjp": lambda f: fg.vjp(f, 2.0)[1](1.0)[0],
    "vmap": lambda f: fg.vmap(f)(fnp.asarray([2.0, 2.0])).sum() / 2,
    "jacfwd": lambda f: fg.jacfwd(f)(2.0),
    "jacrev": lambda f: fg.jacrev(f)(2.0),
    "hessian": lambda f: fg.hessian(f)(2.0),
}


@pytest.mark.parametrize("inner", TRANSFORMED)
@pytest.mark.parametrize("outer", TRANSFORMED)
def test_each_transform_inside_each_other_closes_over_the_outer_tracer(outer, inner):
    # f(x, y) = x^3 y^2, or its derivatives, at y = 2 and x = 2
    slope = {"vmap": [1, 0, 0, 0], "hessian": [0, 0, 1, 0]}
    in_x = np.polynomial.Polynomial([0, 0, 0, 1])
    in_y = np.polynomial.Polynomial([0, 0, 1])

    def at_two(polynomial, name):
        return polynomial.deriv(slope.get(name, [0, 1]).index(1))(2.0)

    found = TRANSFORMED[outer](lambda x: TRANSFORMED[inner](lambda y: x**3 * y**2))
    assert float(found) == at_two(in_x, outer) * at_two(in_y, inner)


# ---- per-example gradients ---------------------------------------------------------------------


def loss(params, x, y):
    hidden = fnp.tanh(x @ params["w"] + params["b"])
    return fnp.sum((hidden - y) ** 2)


def problem():
    rng = np.random.default_rng(3)
    params = {"w": fg.asarray(rng.normal(size=(4, 2))), "b": fg.asarray(rng.normal(size=2))}
    return params, fg.asarray(rng.normal(size=(5, 4))), fg.asarray(rng.normal(size=(5, 2)))


def test_vmap_of_grad_is_a_loop_of_grads():
    params, x, y = problem()
    found = fg.vmap(fg.grad(loss), in_axes=(None, 0, 0))(params, x, y)
    for i in range(5):
        one = fg.grad(loss)(params, x[i], y[i])
        for key in params:
            np.testing.assert_allclose(found[key][i], one[key], rtol=1e-12)


def test_grad_of_a_vmapped_mean_is_the_mean_of_the_per_example_gradients():
    params, x, y = problem()
    each = fg.vmap(fg.grad(loss), in_axes=(None, 0, 0))(params, x, y)
    mean = fg.grad(lambda p: fnp.mean(fg.vmap(loss, in_axes=(None, 0, 0))(p, x, y)))(params)
    for key in params:
        np.testing.assert_allclose(mean[key], np.mean(each[key], axis=0), rtol=1e-12)


def test_value_and_grad_batches_both_of_its_results():
    params, x, y = problem()
    value, found = fg.vmap(fg.value_and_grad(loss), in_axes=(None, 0, 0))(params, x, y)
    assert value.shape == (5,)
    assert found["w"].shape == (5, 4, 2)
    np.testing.assert_allclose(value[2], loss(params, x[2], y[2]), rtol=1e-12)


def test_gradients_of_gradient_norms():
    # d/dw |d/dx f|^2 for f = sum(w x^2): d/dx = 2 w x, the norm 4 sum(w^2 x^2), its derivative 8 w x^2
    w, x = np.array([1.0, -2.0]), np.array([0.5, 3.0])

    def penalty(w):
        slope = fg.grad(lambda x: fnp.sum(w * x * x))(fg.asarray(x))
        return fnp.sum(slope * slope)

    np.testing.assert_allclose(fg.grad(penalty)(fg.asarray(w)), 8 * w * x * x, rtol=1e-12)


def test_a_newton_step_inside_a_gradient():
    # one step on y^2 - a from y = 1 gives (1 + a) / 2, whose derivative in a is 1/2
    def step(a):
        def f(y):
            return y * y - a

        return 1.0 - f(1.0) / fg.grad(f)(1.0)

    assert float(fg.grad(step)(3.0)) == 0.5
    np.testing.assert_allclose(fg.vmap(fg.grad(step))(fnp.asarray([2.0, 3.0])), [0.5, 0.5])


def test_hessian_vector_products_in_all_modes_agree():
    f, x, v = (lambda x: fnp.sum(fnp.sin(x) * x[::-1] ** 2)), fg.asarray(VECTOR), fg.asarray(DIRECTION)
    expected = np.asarray(fg.hessian(f)(x)) @ DIRECTION
    modes = {
        "forward over reverse": fg.jvp(fg.grad(f), (x,), (v,))[1],
        "reverse over forward": fg.grad(lambda x: fg.jvp(f, (x,), (v,))[1])(x),
        "reverse over reverse": fg.vjp(fg.grad(f), x)[1](v)[0],
        "the gradient of a dot product": fg.grad(lambda x: fg.grad(f)(x) @ v)(x),
    }
    for name, found in modes.items():
        np.testing.assert_allclose(found, expected, rtol=1e-12, err_msg=name)
    steps = np.array([(np.asarray(fg.grad(f)(fg.asarray(VECTOR + h * DIRECTION)))) for h in (1e-5, -1e-5)])
    np.testing.assert_allclose(expected, (steps[0] - steps[1]) / 2e-5, rtol=1e-8)
