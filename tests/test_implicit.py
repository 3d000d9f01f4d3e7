"""Implicit differentiation, against unrolled solvers, closed forms and linear algebra, at every order and nesting."""

import functools

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import OptionError, ShapeError, TreeError

RNG = np.random.default_rng(0)
A, B, ROWS = RNG.normal(size=(3, 3)) + 3 * np.eye(3), RNG.normal(size=3), RNG.normal(size=(4, 3))
close = functools.partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-10)


def elimination(a, b):
    """Gauss's, whose derivative by its own steps is what the implicit one must be."""
    n = b.shape[0]
    for i in range(n):
        for j in range(i + 1, n):
            m = a[j, i] / a[i, i]
            a, b = a.at[j].add(-m * a[i]), b.at[j].add(-m * b[i])
    x = [None] * n
    for i in range(n - 1, -1, -1):
        x[i] = (b[i] - sum(a[i, j] * x[j] for j in range(i + 1, n))) / a[i, i]
    return fnp.stack(x)


def conjugate_gradients(matvec, b):
    x, r = fnp.zeros_like(b), b
    p, rr = r, r @ r
    while rr > 1e-26:
        q = matvec(p)
        step = rr / (p @ q)
        x, r = x + step * p, r - step * q
        rr, old = r @ r, rr
        p = r + rr / old * p
    return x


def by_equation(a, b):
    return fg.custom_linear_solve(lambda x: a @ x, b, lambda _, b: elimination(a, b), lambda _, b: elimination(a.T, b))


def by_operator(a, b):
    spd = lambda v: a.T @ (a @ v) + v  # noqa: E731  # positive definite
    return fg.custom_linear_solve(spd, b, conjugate_gradients, symmetric=True)


def normal_equations(a, b):
    return elimination(a.T @ a + fnp.eye(3, dtype="float64"), b)


EVERY = {
    "value": lambda f: lambda a, b: f(a, b),
    "gradient": lambda f: fg.grad(lambda a, b: (f(a, b) ** 2).sum(), (0, 1)),
    "jacfwd": lambda f: fg.jacfwd(f, (0, 1)),
    "jacrev": lambda f: fg.jacrev(f, (0, 1)),
    "hessian": lambda f: fg.hessian(f),
    "third": lambda f: (
        lambda a, b: fg.grad(lambda b: fg.grad(lambda b: fg.grad(lambda a: (f(a, b) ** 3).sum())(a).sum())(b).sum())(b)
    ),
    "vmap in b": lambda f: lambda a, b: fg.vmap(f, (None, 0))(a, ROWS),
    "vmap in a": lambda f: lambda a, b: fg.vmap(f, (0, None))(a + 0.1 * fg.asarray(ROWS)[:, None], b),
    "vmap of grad": lambda f: lambda a, b: fg.vmap(fg.grad(lambda a, b: f(a, b).sum()), (None, 0))(a, ROWS),
    "grad of vmap": lambda f: lambda a, b: fg.grad(lambda a: fg.vmap(f, (None, 0))(a, ROWS).sum())(a),
    "vmap of hessian": lambda f: lambda a, b: fg.vmap(fg.hessian(lambda a, b: f(a, b).sum()), (None, 0))(a, ROWS),
}


@pytest.mark.parametrize("transform", EVERY)
def test_a_linear_solve_is_differentiated_by_its_equation(transform):
    pairs = [(by_equation, elimination)]
    if transform != "vmap in a":
        pairs.append((by_operator, normal_equations))
    for f, unrolled in pairs:
        found, expected = (EVERY[transform](g)(fg.asarray(A), fg.asarray(B)) for g in (f, unrolled))
        for x, y in zip(fg.tree.leaves(found), fg.tree.leaves(expected), strict=True):
            close(x, y, rtol=1e-7)


def test_linear_solves_of_trees():
    scale = fg.asarray(2.0, dtype="float64")

    def f(scale, b):
        divide = lambda _, b: fg.tree.map(lambda v: v / scale, b)  # noqa: E731
        return fg.custom_linear_solve(lambda x: fg.tree.map(lambda v: v * scale, x), b, divide, divide)

    b = {"u": fg.asarray(B), "v": (fg.asarray(A),)}
    close(f(scale, b)["v"][0], A / 2)
    close(fg.grad(lambda s: f(s, b)["u"].sum())(scale), -B.sum() / 4)


def newton(f, x):
    while abs(f(x)) > 1e-12:
        x = x - f(x) / fg.grad(f)(x)
    return x


def sqrt_by_root(a):
    return fg.custom_root(lambda x: x * x - a, a, newton, lambda g, y: y / g(1.0))


def sqrt_by_fixed_point(a):
    return fg.fixed_point(lambda x: 0.5 * (x + a / x), 1.0 + 0 * a)


@pytest.mark.parametrize("sqrt", [sqrt_by_root, sqrt_by_fixed_point])
def test_the_square_root_at_every_order_and_nesting(sqrt):
    values = np.array([2.0, 5.0, 9.0])
    a, batch = fg.asarray(2.0, dtype="float64"), fg.asarray(values)
    close(sqrt(a), 2**0.5)
    close(fg.grad(sqrt)(a), 0.5 * 2**-0.5)
    for second in (fg.hessian(sqrt), fg.grad(fg.grad(sqrt)), fg.jacrev(fg.jacfwd(sqrt)), fg.jacfwd(fg.jacfwd(sqrt))):
        close(second(a), -0.25 * 2**-1.5)
    close(fg.grad(fg.grad(fg.grad(sqrt)))(a), 0.375 * 2**-2.5)
    close(fg.grad(fg.grad(fg.grad(fg.grad(sqrt))))(a), -0.9375 * 2**-3.5, rtol=1e-7)
    close(fg.vmap(sqrt)(batch), np.sqrt(values))
    close(fg.vmap(fg.grad(sqrt))(batch), 0.5 / np.sqrt(values))
    close(fg.grad(lambda a: fg.vmap(sqrt)(a).sum())(batch), 0.5 / np.sqrt(values))
    close(fg.vmap(fg.hessian(sqrt))(batch), -0.25 * values**-1.5)
    close(fg.jvp(fg.vmap(sqrt), (batch,), (fnp.ones_like(batch),))[1], 0.5 / np.sqrt(values))


def test_keplers_equation():
    def eccentric(mean, e):
        return fg.custom_root(lambda x: x - e * fnp.sin(x) - mean, mean, newton, lambda g, y: y / g(1.0))

    mean, e = fg.asarray(0.8, dtype="float64"), fg.asarray(0.6, dtype="float64")
    x = float(eccentric(mean, e))
    close(x - 0.6 * np.sin(x), 0.8)
    by_mean, by_e = fg.grad(eccentric, (0, 1))(mean, e)
    close(by_mean, 1 / (1 - 0.6 * np.cos(x)))
    close(by_e, np.sin(x) / (1 - 0.6 * np.cos(x)))
    # d2x/dM2 = -e sin x / (1 - e cos x)^3
    close(fg.grad(fg.grad(eccentric))(mean, e), -0.6 * np.sin(x) / (1 - 0.6 * np.cos(x)) ** 3)


def test_a_fixed_point_of_a_layer():
    w = fg.asarray(RNG.normal(size=(3, 3)) * 0.3)

    def f(w, b):
        return fg.fixed_point(lambda x: fnp.tanh(w @ x + b), 0 * b)

    b = fg.asarray(B)
    x = np.asarray(f(w, b))
    close(x, np.tanh(np.asarray(w) @ x + B))
    d = np.diag(1 - x**2)
    expected = np.linalg.solve(np.eye(3) - d @ np.asarray(w), d)
    close(fg.jacrev(f, 1)(w, b), expected)
    close(fg.jacfwd(f, 1)(w, b), expected)
    close(fg.vmap(fg.jacrev(f, 1), (None, 0))(w, ROWS)[2], fg.jacrev(f, 1)(w, fg.asarray(ROWS[2])))


def test_the_solver_is_not_differentiated():
    steps = []

    def solver(f, x):
        steps.append(1)
        return newton(f, x)

    def sqrt(a):
        return fg.custom_root(lambda x: x * x - a, a, solver, lambda g, y: y / g(1.0))

    close(fg.grad(sqrt)(fg.asarray(4.0, dtype="float64")), 0.25)
    assert steps == [1]
    assert float(fg.grad(lambda a: fg.custom_root(lambda x: x - 3.0, a, newton, lambda g, y: y / g(1.0)))(1.0)) == 0.0


def test_what_is_wrong_is_said():
    solve = lambda mv, b: b / 2.0  # noqa: E731
    with pytest.raises(OptionError, match="reverse mode needs transpose_solve"):
        fg.grad(lambda b: fg.custom_linear_solve(lambda x: x * 2.0, b, solve))(1.0)
    assert float(fg.jvp(lambda b: fg.custom_linear_solve(lambda x: x * 2.0, b, solve), (1.0,), (1.0,))[1]) == 0.5
    with pytest.raises(TreeError, match="what matvec returns"):
        fg.custom_linear_solve(lambda x: (x, x), 1.0, solve)
    with pytest.raises(ShapeError, match=r"solve returned float32\[2\] where b has float32\[3\]"):
        fg.custom_linear_solve(lambda x: x, fnp.ones(3), lambda mv, b: b[:2])
    with pytest.raises(OptionError, match="no convergence in 20 iterations"):
        fg.fixed_point(lambda x: 2 * x, 1.0, max_iterations=20)
