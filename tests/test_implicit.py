"""Implicit differentiation, against unrolled solvers, closed forms and linear algebra, at every order and nesting."""

import functools

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import ConvergenceError, DtypeError, LeakedTracerError, OptionError, ShapeError, TreeError
from funcgrad.transforms import implicit

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
    with pytest.raises(ConvergenceError, match="no convergence in 20 iterations"):
        fg.fixed_point(lambda x: 2 * x, 1.0, max_iterations=20)
    for wrong in (0, 1.5, True, "many"):
        with pytest.raises(OptionError, match="max_iterations must be a positive int"):
            fg.fixed_point(lambda x: x / 2, 1.0, max_iterations=wrong)
    for wrong in (-1.0, float("nan"), True, "small"):
        with pytest.raises(OptionError, match="tol must be a number"):
            fg.fixed_point(lambda x: x / 2, 1.0, tol=wrong)


def test_what_grows_to_infinity_is_no_fixed_point():
    """A step from 1e200 to infinity was within a part of infinity, and infinity the result."""
    with np.errstate(over="ignore", invalid="ignore"), pytest.raises(ConvergenceError, match="no convergence"):
        fg.fixed_point(lambda x: x * x, fnp.asarray([0.5, 3.0]), max_iterations=50)


# ---- what the solvers may be --------------------------------------------------------------------


def test_aux_comes_back_as_it_is():
    def counted(f, x):
        n = 0
        while abs(f(x)) > 1e-12:
            x, n = x - f(x) / fg.grad(f)(x), n + 1
        return x, {"steps": n, "last": f(x)}

    def sqrt(a):
        x, aux = fg.custom_root(lambda x: x * x - a, 1.0 + 0 * a, counted, lambda g, y: y / g(1.0), has_aux=True)
        return x + 0 * aux["last"], aux["steps"]

    g, steps = fg.grad(sqrt, has_aux=True)(fg.asarray(9.0, dtype="float64"))
    close(g, 1 / 6)
    assert steps == sqrt(fg.asarray(9.0, dtype="float64"))[1] > 3

    def solved(a, b):
        solve = lambda _, b: (b / a, "solved")  # noqa: E731
        return fg.custom_linear_solve(lambda x: a * x, b, solve, solve, has_aux=True)

    assert solved(2.0, 6.0)[1] == "solved"
    g, word = fg.grad(solved, has_aux=True)(2.0, 6.0)
    assert (float(g), word) == (-1.5, "solved")
    assert float(fg.grad(lambda a: fg.grad(lambda a: solved(a, 6.0)[0])(a))(2.0)) == 1.5
    with pytest.raises(TreeError, match="has_aux=True"):
        fg.custom_root(lambda x: x, 1.0, lambda f, x: x, lambda g, y: y, has_aux=True)


def test_solvers_may_leave_funcgrad():
    def f(a, b):
        solve = lambda _, b: np.linalg.solve(A, np.asarray(b))  # noqa: E731
        back = lambda _, b: np.linalg.solve(A.T, np.asarray(b))  # noqa: E731
        return fg.custom_linear_solve(lambda x: a @ x, b, solve, back)

    a, b = fg.asarray(A), fg.asarray(B)
    direction = (fg.asarray(ROWS[:3]), fg.asarray(ROWS[3]))
    close(fg.jvp(f, (a, b), direction)[1], fg.jvp(elimination, (a, b), direction)[1])
    for x, y in zip(fg.vjp(f, a, b)[1](ROWS[0]), fg.vjp(elimination, a, b)[1](ROWS[0]), strict=True):
        close(x, y)


def test_a_solver_leaves_nothing_on_a_tape():
    kinds = set()

    def solve(f, x):
        for _ in range(40):
            x = x - 0.2 * f(x)
            kinds.add(type(x))
        return x

    def sqrt(a):
        return fg.custom_root(lambda x: x * x - a, 1.0 + 0 * a, solve, lambda g, y: y / g(1.0))

    a = fg.asarray(2.0, dtype="float64")
    close(fg.grad(fg.grad(sqrt))(a), -0.25 * 2**-1.5, rtol=1e-6)
    close(fg.grad(sqrt, memory=64)(a), 0.5 * 2**-0.5, rtol=1e-6)
    assert kinds == {fg.Array}


def lower_solve(matrix, b):
    """By a lower triangle alone, whatever stands above."""
    x = []
    for i in range(3):
        x.append((b[i] - sum(matrix[i, j] * x[j] for j in range(i))) / matrix[i, i])
    return fnp.stack(x)


LOWER = np.tril(A)
TANGENT_SOLVERS = {
    "any matrix": lambda g, y: elimination(fg.jacobian(g)(y), y),
    "the matrix that it knows": lambda g, y: fg.asarray(np.linalg.inv(LOWER)) @ y,
    "a triangle": lambda g, y: lower_solve(fg.jacobian(g)(y), y),
    "a custom solve": lambda g, y: fg.custom_linear_solve(
        g, y, lambda _, y: lower_solve(LOWER, y), lambda _, y: elimination(fg.asarray(LOWER.T), y)
    ),
    "NumPy's": lambda g, y: np.linalg.solve(fg.jacobian(g)(y), y),
}


@pytest.mark.parametrize("which", TANGENT_SOLVERS)
@pytest.mark.parametrize("weak", [1.0, 1e-5])
def test_a_tangent_solver_need_not_know_the_transpose(which, weak):
    """Also where the matrix is so nearly diagonal that a wrong transpose would hardly show."""
    lower = np.diag(np.diag(LOWER)) + weak * np.tril(LOWER, -1)
    solvers = dict(TANGENT_SOLVERS)
    solvers["the matrix that it knows"] = lambda g, y: fg.asarray(np.linalg.inv(lower)) @ y
    solvers["a custom solve"] = lambda g, y: fg.custom_linear_solve(
        g, y, lambda _, y: lower_solve(lower, y), lambda _, y: elimination(fg.asarray(lower.T), y)
    )

    def f(t):
        return fg.custom_root(
            lambda x: fg.asarray(lower) @ x - t,
            0 * t,
            lambda _, x: fg.asarray(np.linalg.solve(lower, B)),
            solvers[which],
        )

    t = fg.asarray(B)
    close(f(t), np.linalg.solve(lower, B))
    _, pull = fg.vjp(f, t)
    for row in np.eye(3):  # one at a time: NumPy takes no batches
        close(fg.jvp(f, (t,), (row,))[1], np.linalg.inv(lower) @ row, rtol=1e-7)
        close(pull(row)[0], row @ np.linalg.inv(lower), rtol=1e-7)


def test_a_tangent_solver_without_a_transpose_is_an_error():
    def half(g, y):  # not linear, and no solver of the transposed system
        return fg.asarray(np.linalg.inv(LOWER)) @ fg.stop_gradient(y)

    f = lambda t: fg.custom_root(lambda x: LOWER @ x - t, B, lambda _, x: np.linalg.solve(LOWER, B), half).sum()  # noqa: E731
    with pytest.raises(OptionError, match="does not solve the transposed system"):
        fg.grad(f)(fg.asarray(B))


# ---- what they may close over -------------------------------------------------------------------


class Held:
    """A solver with a slot and an attribute."""

    __slots__ = ("__dict__", "matrix")

    def __init__(self, matrix):
        self.matrix, self.nested = matrix, {"again": [matrix]}

    def __call__(self, _, b):
        return elimination(self.matrix, b)

    def method(self, _, b):
        return elimination(self.nested["again"][0], b)


def inverse_of(matrix, _, b):
    return elimination(matrix, b)


HOLDERS = {
    "closure": lambda m: lambda _, b: elimination(m, b),
    "nested closure": lambda m: (lambda inner: lambda _, b: inner(b))(lambda b: elimination(m, b)),
    "default": lambda m: lambda _, b, m=m: elimination(m, b),
    "partial": lambda m: functools.partial(inverse_of, m),
    "object": Held,
    "method": lambda m: Held(m).method,
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_transposed_solver_holds_what_it_reads(holder):
    def f(a, b):
        hold = HOLDERS[holder]
        return fg.custom_linear_solve(lambda x: a @ x, b, hold(a), hold(a.T))

    matrices, b, one = fg.asarray(np.stack([A, A + 1, 2 * A])), fg.asarray(B), fg.asarray(1.0, dtype="float64")
    for transform in (
        lambda f: fg.jacrev(f)(matrices[0], b),
        lambda f: fg.vmap(fg.grad(lambda a: f(a, b).sum()))(matrices),
        lambda f: fg.grad(lambda a: (fg.vmap(f, (0, None))(a, b) ** 2).sum())(matrices),
        lambda f: fg.hessian(lambda s: fg.vmap(f, (0, None))(matrices * s, b).sum())(one),
    ):
        close(transform(f), transform(elimination), rtol=1e-7)


def test_a_solver_that_hides_what_it_reads_is_an_error():
    def f(a):
        twice = 2 * a
        hidden = iter(lambda: twice, None)  # nobody can look into an iterator
        return fg.custom_linear_solve(lambda x: a * x, 6.0, lambda _, b: b / a, lambda _, b: 2 * b / next(hidden))

    with pytest.raises(LeakedTracerError) as caught:
        fg.grad(f)(2.0)
    assert any("transpose_solve runs for a derivative" in note for note in caught.value.__notes__)


def test_an_equation_with_branches_is_followed_where_the_root_is():
    def f(a, b):
        def pieces(x):
            return x * a - 4.0 if x > 1 else x * b - 1.0

        return fg.custom_root(pieces, 0.5, lambda f, x: newton(f, 3.0), lambda g, y: y / g(1.0))

    assert [float(g) for g in fg.grad(f, (0, 1))(2.0, 0.5)] == [-1.0, 0.0]
    found = fg.vmap(fg.grad(f, (0, 1)))(fnp.asarray([2.0, 1.0]), fnp.asarray([0.5, 4.0]))
    assert [g.tolist() for g in found] == [[-1.0, -4.0], [0.0, 0.0]]


def test_a_solution_that_all_examples_share_still_moves_with_each():
    f = lambda a: fg.custom_root(lambda x: a * x, 1.0, lambda f, x: 0 * x, lambda g, y: y / g(1.0))  # noqa: E731
    g = lambda b: fg.custom_root(lambda x: x - b + 3.0, 1.0, lambda f, x: 0 * x, lambda g, y: y / g(1.0))  # noqa: E731
    batch = fg.asarray(np.array([3.0, 3.0]))
    close(fg.grad(lambda b: fg.vmap(g)(b)[1])(batch), [0.0, 1.0])
    close(fg.vmap(fg.grad(g))(batch), [1.0, 1.0])
    close(fg.grad(lambda a: fg.vmap(f)(a).sum())(batch), [0.0, 0.0])


# ---- nesting ------------------------------------------------------------------------------------


def test_a_root_in_an_equation_of_a_root():
    def outer(a):  # x^3 = a^(3/2) by y = sqrt(a)
        return fg.custom_root(lambda x: x**3 - sqrt_by_root(a) ** 3, 1.0 + 0 * a, newton, lambda g, y: y / g(1.0))

    a, batch = fg.asarray(2.0, dtype="float64"), fg.asarray(np.array([2.0, 5.0]))
    close(fg.grad(outer)(a), 0.5 * 2**-0.5)
    close(fg.hessian(outer)(a), -0.25 * 2**-1.5, rtol=1e-7)
    close(fg.vmap(fg.grad(outer))(batch), 0.5 / np.sqrt([2.0, 5.0]))
    close(fg.grad(lambda b: fg.vmap(outer)(b).sum())(batch), 0.5 / np.sqrt([2.0, 5.0]))


def test_roots_under_checkpoint_and_nested_batches():
    a = fg.asarray(np.array([[2.0, 5.0, 9.0], [1.5, 3.0, 8.0]]))
    expected = 0.5 / np.sqrt(np.asarray(a))
    close(fg.vmap(fg.vmap(fg.grad(fg.checkpoint(sqrt_by_root))))(a), expected)
    close(fg.grad(lambda a: fg.vmap(fg.vmap(fg.checkpoint(sqrt_by_root)))(a).sum())(a), expected)
    close(fg.vmap(fg.grad(lambda row: fg.vmap(sqrt_by_root)(row).sum()))(a), expected)
    close(fg.grad(lambda a: fg.checkpoint(fg.checkpoint(fg.grad(sqrt_by_root)))(a))(a[0, 0]), -0.25 * 2**-1.5)
    push = fg.linearize(sqrt_by_root, a[0, 1])[1]
    close(push(1.0), expected[0, 1])


def test_examples_that_part_after_their_root():
    def f(a):
        def solve(f, x):
            return newton(f, x), {"half": 0.5}

        x, aux = fg.custom_root(lambda x: x * x - a, a, solve, lambda g, y: y / g(1.0), has_aux=True)
        return x * x * x if x > 2 else 2 * x * aux["half"]

    values = np.array([2.0, 5.0, 9.0, 1.0, 3.0])
    a, expected = fg.asarray(values), np.where(values > 4, 1.5 * values**0.5, 0.5 * values**-0.5)
    close(fg.vmap(fg.grad(f))(a), expected)
    close(fg.grad(lambda a: fg.vmap(f)(a).sum())(a), expected)
    close(fg.vmap(fg.hessian(f))(a), np.where(values > 4, 0.75 * values**-0.5, -0.25 * values**-1.5))


def test_a_solver_of_fixed_length_on_a_batch():
    """Per-example roots of a vector equation: x + w tanh x = t."""

    def f(w, t):
        def solve(f, x):
            for _ in range(12):
                x = x - elimination(fg.jacfwd(f)(x), f(x))
            return x

        tangent = lambda g, y: elimination(fg.jacfwd(g)(y), y)  # noqa: E731
        return fg.custom_root(lambda x: x + w @ fnp.tanh(x) - t, t, solve, tangent)

    w, rows = fg.asarray(0.3 * A), fg.asarray(ROWS)
    found = fg.vmap(fg.jacrev(f, 1), (None, 0))(w, rows)
    by_w = fg.grad(lambda w: fg.vmap(f, (None, 0))(w, rows).sum())(w)
    expected = np.zeros((3, 3))
    for t, jacobian in zip(ROWS, np.asarray(found), strict=True):
        x = np.asarray(f(w, fg.asarray(t)))
        close(x + np.asarray(w) @ np.tanh(x), t)
        inverse = np.linalg.inv(np.eye(3) + np.asarray(w) * (1 - np.tanh(x) ** 2))
        close(jacobian, inverse)
        expected -= np.outer(inverse.sum(axis=0), np.tanh(x))
    close(by_w, expected)


def test_complex_systems():
    z = A + 1j * RNG.normal(size=(3, 3))
    loss = lambda f: lambda a, b: (abs(f(a, b)) ** 2).sum()  # noqa: E731
    a, b = fg.asarray(z), fg.asarray(B + 0.5j)
    for found, expected in zip(
        fg.grad(loss(by_equation), (0, 1))(a, b), fg.grad(loss(elimination), (0, 1))(a, b), strict=True
    ):
        close(found, expected)
    # x = c conj(x) / 2 + b is linear over the reals alone: x = (b + c conj(b) / 2) / (1 - |c|^2 / 4)
    c = fg.asarray(0.6 + 0.3j, dtype="complex128")
    conjugate = lambda b: fg.fixed_point(lambda x: c * fnp.conj(x) / 2 + b, 0 * b)  # noqa: E731
    closed = lambda b: (b + c * fnp.conj(b) / 2) / (1 - abs(c) ** 2 / 4)  # noqa: E731
    b = fg.asarray(1.0 + 2.0j, dtype="complex128")
    close(conjugate(b), closed(b))
    close(fg.jvp(conjugate, (b,), (1j,))[1], fg.jvp(closed, (b,), (1j,))[1])
    close(fg.vjp(conjugate, b)[1](1.0 + 1j)[0], fg.vjp(closed, b)[1](1.0 + 1j)[0])


# ---- fixed points -------------------------------------------------------------------------------


def test_a_fixed_point_by_a_solver_need_not_attract():
    def solve(f, x):
        return newton(lambda x: f(x) - x, x)

    f = lambda a: fg.fixed_point(lambda x: a - 3 * x, 0.0 * a, solve=solve)  # noqa: E731  # x = a / 4
    a = fg.asarray(2.0, dtype="float64")
    assert float(f(a)) == 0.5
    assert float(fg.grad(f)(a)) == float(fg.jvp(f, (a,), (1.0,))[1]) == 0.25


def test_a_fixed_point_far_from_normal():
    """Its Neumann series first grows by 10^4."""
    j = np.diag(np.full(5, 0.5)) + np.diag(np.full(4, 10.0), 1)
    f = lambda b: fg.fixed_point(lambda x: j @ x + b, 0 * b)  # noqa: E731
    b = fg.asarray(RNG.normal(size=5))
    expected = np.linalg.inv(np.eye(5) - j)
    np.testing.assert_allclose(fg.jacrev(f)(b), expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(fg.jacfwd(f)(b), expected, rtol=1e-6, atol=1e-6)


def test_a_large_slow_fixed_point_in_single_precision():
    rng = np.random.default_rng(1)
    q = np.linalg.qr(rng.normal(size=(200, 200)))[0]
    w = (q * np.linspace(-0.95, 0.95, 200)) @ q.T
    b = rng.normal(size=200)
    f = lambda b: fg.fixed_point(lambda x: fg.asarray(w.astype("float32")) @ x + b, 0 * b)  # noqa: E731
    found = fg.grad(lambda b: f(b).sum())(fg.asarray(b.astype("float32")))
    np.testing.assert_allclose(found, np.linalg.solve(np.eye(200) - w.T, np.ones(200)), rtol=1e-3, atol=1e-4)


@pytest.mark.filterwarnings("error")
def test_a_large_fixed_point_has_second_derivatives():
    x = fg.asarray(np.random.default_rng(0).normal(size=(64, 64)))
    solve = lambda x: fg.fixed_point(lambda y: 0.1 * fnp.sin(y) + x, x)  # noqa: E731
    slope = fg.grad(lambda x: solve(x).sum())
    y = solve(x)
    g = 1 / (1 - 0.1 * fnp.cos(y))
    np.testing.assert_allclose(slope(x), g, rtol=1e-13)
    np.testing.assert_allclose(fg.grad(lambda x: (slope(x) ** 2).sum())(x), -0.2 * fnp.sin(y) * g**4, atol=1e-13)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_linear_solver_of_fixed_points(dtype):
    """Contractions, fast and slow, and what is none: rotations, a shift that stands still until the last step."""
    rng = np.random.default_rng(0)
    for n in (1, 5, 60):
        q = np.linalg.qr(rng.normal(size=(n, n)))[0]
        spread = (q * np.linspace(-0.999, 0.999, n)) @ q.T
        for j in (0.3 * q, 0.95 * q, spread, 0 * q, np.eye(n) - 5 * q, np.eye(n) - np.roll(np.eye(n), 1, 0)):
            a = fg.asarray((np.eye(n) - j).astype(dtype))
            for scale in (1, 1e-30, 1e25):
                y = fg.asarray((rng.normal(size=n) * scale).astype(dtype))
                x = implicit.least_residual(lambda v, a=a: a @ v, y, 10_000)
                assert abs(a @ x - y).max() <= 50 * np.finfo(dtype).eps * (abs(x).max() + abs(y).max())
    with pytest.raises(ConvergenceError, match="no derivative found"):
        implicit.least_residual(lambda v: v * fnp.asarray([1.0, 0.0]), fnp.ones(2), 10_000)


def test_a_fixed_point_of_a_tree():
    def f(a):
        step = lambda s: {"x": s["y"] / 2 + a, "y": (s["x"] / 2,)[0] * fnp.ones(2)}  # noqa: E731
        return fg.fixed_point(step, {"x": fnp.zeros(2), "y": fnp.zeros(2)})["x"].sum()

    # x = x / 4 + a
    assert abs(float(f(3.0)) - 8.0) < 1e-5
    assert abs(float(fg.grad(f)(3.0)) - 8 / 3) < 1e-5


def test_where_a_fixed_point_has_no_derivative():
    f = lambda a: fg.fixed_point(lambda x: x + a - 2.0, 1.0)  # noqa: E731
    assert float(f(2.0)) == 1.0
    for transform in (fg.grad, fg.jacfwd):
        with pytest.raises(ConvergenceError, match="no derivative found: 1 of y is left"):
            transform(f)(2.0)


def test_operands_are_checked():
    solve = lambda f, x: x  # noqa: E731
    with pytest.raises(DtypeError, match="b must hold floats"):
        fg.custom_linear_solve(lambda x: x, 1, solve)
    with pytest.raises(DtypeError, match="solve must return floats"):
        fg.custom_root(lambda x: x, 1, solve, solve)
    with pytest.raises(ShapeError, match=r"solve returned float32\[2\] where the initial guess has float32\[3\]"):
        fg.custom_root(lambda x: x, fnp.ones(3), lambda f, x: x[:2], solve)
    with pytest.raises(ShapeError, match=r"f returned float32\[\] where the root has float32\[3\]"):
        fg.custom_root(lambda x: x.sum(), fnp.ones(3), solve, solve)
    with pytest.raises(TreeError, match="what f returns"):
        fg.custom_root(lambda x: (x, x), fnp.ones(3), solve, solve)
    with pytest.raises(TreeError, match="what tangent_solve returns"):
        fg.grad(lambda a: fg.custom_root(lambda x: x - a, 1.0, solve, lambda g, y: (y, y)))(1.0)
    with pytest.raises(TreeError, match="what f returns"):
        fg.fixed_point(lambda x: (x, x), 1.0)
