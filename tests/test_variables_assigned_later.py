"""What runs again in the backward pass closes over what its variables held at the call, whatever they hold by then."""
# ruff: noqa: B023  # that functions find variables which are assigned to later is what this is about

import functools

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp

X = fg.asarray(np.float64(1.1))
KEYS = (0.2, 0.4, 0.6)


def newton(f, x):
    for _ in range(30):
        x = x - f(x) / fg.grad(f)(x)
    return x


def checkpoint(x, keys):
    for i in keys:
        x = fg.checkpoint(lambda x: fnp.sin(x * i))(x)
    return x


def checkpoint_of_functions_in_functions(x, keys):
    for i in keys:
        inner = functools.partial(lambda x, y: x * y * i, y=x)
        layers = [inner, {"default": lambda x, f=inner: f(x) + i}, lambda x: layers[0](x) * x]
        x = fg.checkpoint(lambda x: layers[2](layers[1]["default"](x)))(x)
    return x


def checkpoint_of_arguments(x, keys):
    for i in keys:
        x = fg.checkpoint(lambda f, g, x, h: f(x) + g(x) * h(x), static_argnums=0, static_argnames="h")(
            lambda x: x * i, lambda x: x * x * i, x, h=lambda x: x + i
        )
    return x


def checkpoint_of_a_method(x, keys):
    class Layer:
        def square(self, x):
            return x * x * i

    for i in keys:
        x = fg.checkpoint(Layer().square)(x) + fg.checkpoint(fg.checkpoint(lambda x: x * i))(x)
    return x


def checkpoint_of_a_recursion(x, keys):
    for i in keys:

        def even(n, x):
            return x if n == 0 else odd(n - 1, x) * i

        def odd(n, x):
            return even(n - 1, fnp.sin(x))

        x = fg.checkpoint(lambda x: even(4, x))(x)
    return x


def checkpoint_of_rules(x, keys):
    for i in keys:

        @fg.custom_vjp
        def square(x):
            return x * x * i

        square.defvjp(lambda x: (x * x * i, x), lambda x, ct: (2 * x * i * ct,))

        @fg.custom_jvp
        def double(x):
            return x * i

        double.defjvp(lambda primals, tangents: (double(*primals), tangents[0] * i))
        x = fg.checkpoint(lambda x: double(square(x)))(x)
    return x


def sequential(x, keys):
    for i in keys:
        x = fg.checkpoint_sequential([lambda x: x * x * i, fnp.sin, lambda x: x + i], 3, x)
    return x


def scan(x, keys):
    for i in keys:
        x = fg.scan(lambda c, s: (c * c * i * s, None), x, fnp.ones(2))[0]
    return x


def scan_with_unroll(x, keys):
    for i in keys:
        x = fg.scan(lambda c, s: (fnp.sin(c * i) * s, c), x, fnp.ones(5), unroll=2)[0]
    return x


def rows(x, keys):
    total = 0.0
    for i in keys:
        total += fg.map(lambda r: fnp.sin(r * x * i), fnp.ones(2)).sum()
    return total


def fixed_point(x, keys):
    for i in keys:
        x = fg.fixed_point(lambda z: i * fnp.sin(z) + x, x)
    return x


def root(x, keys):
    for i in keys:
        x = fg.custom_root(lambda z: z**3 + i * z - x, x, newton, lambda g, y: y / g(fnp.ones_like(x)))
    return x


def linear_solve(x, keys):
    for i in keys:
        x = x + fg.custom_linear_solve(lambda z: i * X * z, x, lambda _, b: b / (i * X), lambda _, b: b / (i * X))
    return x


def rules(x, keys):
    for i in keys:

        @fg.custom_vjp
        def square(x):
            return x * x * i

        square.defvjp(lambda x: (x * x * i, x), lambda x, ct: (2 * x * i * ct,))
        x = square(x)
    return x


def rules_of_functions(x, keys):
    @functools.partial(fg.custom_vjp, nondiff_argnums=0)
    def apply(f, x):
        return f(x)

    apply.defvjp(lambda f, x: (f(x), x), lambda f, x, ct: (ct * fg.grad(f)(x),))
    for i in keys:
        x = apply(lambda x: fnp.sin(x * i), x)
    return x


def pullback(x, keys):
    for i in keys:

        @fg.custom_gradient
        def square(x):
            return x * x * i, lambda ct: ct * 2 * x * i

        x = square(x)
    return x


def apart(x, keys):
    for i in keys:
        x = fg.where_apply(x > 0, lambda x: fnp.sin(x * i), lambda x: x * x * i, x)
    return x


LOOPS = [
    checkpoint, checkpoint_of_functions_in_functions, checkpoint_of_arguments, checkpoint_of_a_method,
    checkpoint_of_a_recursion, checkpoint_of_rules, sequential, scan, scan_with_unroll, rows, fixed_point, root,
    linear_solve, rules, rules_of_functions, pullback, apart,
]  # fmt: skip


@pytest.mark.parametrize("step", LOOPS)
def test_a_loop_that_assigns_to_what_its_steps_close_over(step):
    def f(x):
        return step(x, KEYS)

    h = 1e-5
    np.testing.assert_allclose(fg.grad(f)(X), (f(X + h) - f(X - h)) / (2 * h), rtol=1e-6)
    points = fnp.stack([X, 0.9 * X])
    expected = [fg.grad(f)(x) for x in points]
    np.testing.assert_allclose(fg.vmap(fg.grad(f))(points), expected, rtol=1e-8)
    np.testing.assert_allclose(fg.grad(lambda x: fg.vmap(f)(x).sum())(points), expected, rtol=1e-8)
    slope = (fg.grad(f)(X + h) - fg.grad(f)(X - h)) / (2 * h)
    np.testing.assert_allclose(fg.grad(fg.grad(f))(X), slope, rtol=1e-5)
    if step not in (rules_of_functions, pullback):
        np.testing.assert_allclose(fg.jvp(fg.grad(f), (X,), (fnp.ones_like(X),))[1], slope, rtol=1e-5)


@pytest.mark.parametrize("step", [checkpoint, scan, fixed_point, root])
def test_a_loop_over_values_that_are_differentiated(step):
    keys = fg.asarray(KEYS, dtype="float64")
    found = fg.grad(lambda x, keys: step(x, keys), (0, 1))(X, keys)
    for x, g in zip((X, keys), found, strict=True):
        h = 1e-5 * np.eye(x.size).reshape(-1, *x.shape)
        moved = [[(X + d, keys) if x is X else (X, keys + d) for d in (e, -e)] for e in h]
        expected = [(step(*a) - step(*b)) / 2e-5 for a, b in moved]
        np.testing.assert_allclose(np.ravel(g), expected, rtol=1e-6)


def test_a_variable_that_becomes_a_number():
    def f(x):
        a = x * 2
        y = fg.checkpoint(lambda t: t * a)(x)
        a = 5.0
        return y + 0 * a

    assert fg.grad(f)(3.0) == 12.0


def test_the_first_run_has_the_variables_themselves():
    def f(x):
        count, seen = 0, None

        @fg.checkpoint
        def layer(x):
            nonlocal count, seen
            count += 1
            seen = count
            return x * x * count

        y = layer(x) + layer(x)
        assert (count, seen) == (2, 2)
        return y

    assert fg.grad(f)(3.0) == 18.0


def test_a_variable_that_the_first_run_sets():
    class Lazy:
        def setup(self):
            nonlocal weight
            weight = 3.0

    def layer(x):
        lazy.setup()
        return weight * x * x

    lazy = Lazy()
    assert fg.grad(fg.checkpoint(layer))(2.0) == 12.0
    weight = 4.0
