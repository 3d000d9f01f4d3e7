"""linearize, linear_transpose, products with Hessians and their diagonals, chunks of Jacobians, integers, complex."""

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import DtypeError, OptionError, ShapeError, TreeError

RNG = np.random.default_rng(0)
A, V = RNG.normal(size=(3, 3)), RNG.normal(size=3)
U = RNG.normal(size=3)


def field(x):
    return {"y": fnp.sin(fg.asarray(A) @ x) * x, "n": 3}


def energy(x):
    return fnp.sum(fnp.sin(fg.asarray(A) @ x) * x**2)


def jacobian(x):
    return np.cos(A @ x)[:, None] * A * x[:, None] + np.diag(np.sin(A @ x))


# ---- linearize and linear_transpose --------------------------------------------------------------


def test_a_linearisation_is_the_jacobian_and_runs_f_once():
    runs = []

    def f(x):
        runs.append(1)
        return field(x)

    y, push = fg.linearize(f, fg.asarray(V))
    np.testing.assert_allclose(y["y"], np.sin(A @ V) * V)
    for u in (U, V, np.zeros(3)):
        pushed = push(fg.asarray(u))
        np.testing.assert_allclose(pushed["y"], jacobian(V) @ u, rtol=1e-13, atol=1e-15)
        assert int(pushed["n"]) == 0
    assert runs == [1]
    rows = fg.vmap(lambda u: push(u)["y"])(fnp.eye(3, dtype="float64"))
    np.testing.assert_allclose(rows, jacobian(V).T, rtol=1e-13)
    slope = fg.grad(lambda u: (push(u)["y"] ** 2).sum())(fg.asarray(U))
    np.testing.assert_allclose(slope, 2 * jacobian(V).T @ jacobian(V) @ U, rtol=1e-12)


def test_linearize_under_the_other_transforms():
    def along(x):
        return fg.linearize(lambda x: energy(x), x)[1](fg.asarray(U))

    expected = fg.grad(lambda x: fg.jvp(energy, (x,), (fg.asarray(U),))[1])(fg.asarray(V))
    np.testing.assert_allclose(fg.grad(along)(fg.asarray(V)), expected, rtol=1e-12)
    rows = np.stack([V, U])
    np.testing.assert_allclose(fg.vmap(along)(rows), [fg.grad(energy)(fg.asarray(r)) @ U for r in rows], rtol=1e-12)
    y, push, aux = fg.linearize(lambda x, n: (x * n, {"n": n}), 2.0, 3, has_aux=True)
    assert (float(y), float(push(1.0, None)), int(aux["n"])) == (6.0, 3.0, 3)
    with pytest.raises(ShapeError, match="the tangent of the primal"):
        push(fnp.ones(2), None)
    with pytest.raises(TreeError):
        push(1.0)


def test_the_transpose_of_a_linear_function():
    def f(tree):
        return fnp.sum(fg.asarray(A) @ tree["x"][::-1]) + 2 * tree["y"]

    like = {"x": fg.asarray(V), "y": np.float64(0)}
    (found,) = fg.linear_transpose(f, like)(fg.asarray(3.0, dtype="float64"))
    np.testing.assert_allclose(found["x"], 3 * A.sum(0)[::-1])
    assert float(found["y"]) == 6.0
    transpose = fg.linear_transpose(lambda x: fg.asarray(A) @ x, fg.asarray(V))
    np.testing.assert_allclose(fg.vmap(transpose)(fg.asarray(A))[0], A @ A, rtol=1e-13)
    np.testing.assert_allclose(fg.linear_transpose(lambda ct: transpose(ct)[0], fg.asarray(V))(fg.asarray(U))[0], A @ U)
    by_form = fg.linear_transpose(lambda x: x * 2, fg.asarray(V).aval)
    np.testing.assert_allclose(by_form(fg.asarray(U))[0], 2 * U)


def test_what_is_not_linear_is_refused_by_line():
    for f, name in ((fnp.sin, "sin"), (lambda x: x * x, "multiply"), (lambda x: 1 / x, "divide"), (fnp.exp, "exp")):
        with np.errstate(all="ignore"), pytest.raises(OptionError, match=f"not linear: {name} depends") as caught:
            fg.linear_transpose(f, 1.0)
        assert "test_derivative_family.py" in str(caught.value)
    with pytest.raises(OptionError, match=r"not linear: of zeros it is 1\.0"):
        fg.linear_transpose(lambda x: x + 1.0, 1.0)
    with pytest.raises(DtypeError, match="give floats"):
        fg.linear_transpose(lambda x: x, 1)


# ---- products of second derivatives --------------------------------------------------------------


def test_hessian_vector_products():
    h = np.asarray(fg.hessian(energy)(fg.asarray(V)))
    steps = [np.asarray(fg.grad(energy)(fg.asarray(V + s * U))) for s in (1e-6, -1e-6)]
    np.testing.assert_allclose(h @ U, (steps[0] - steps[1]) / 2e-6, rtol=1e-7)
    x, u = fg.asarray(V), fg.asarray(U)
    np.testing.assert_allclose(fg.hvp(energy, (x,), (u,))[0], h @ U, rtol=1e-12)
    every = fg.vmap(lambda u: fg.hvp(energy, (x,), (u,))[0])(fnp.eye(3, dtype="float64"))
    np.testing.assert_allclose(every, h, rtol=1e-12)
    product, aux = fg.hvp(lambda x, s: (energy(x) * s, {"s": s}), (x, 2.0), (u, 0.0), has_aux=True)
    np.testing.assert_allclose(product[0], 2 * h @ U, rtol=1e-12)
    np.testing.assert_allclose(product[1], fg.grad(energy)(x) @ u, rtol=1e-6)
    assert float(aux["s"]) == 2.0
    np.testing.assert_allclose(fg.grad(lambda u: fg.hvp(energy, (x,), (u,))[0] @ u)(u), 2 * h @ U, rtol=1e-12)
    np.testing.assert_allclose(fg.hessian_diag(energy)(x), np.diag(h), rtol=1e-12)
    tree = fg.hessian_diag(lambda t: energy(t["a"]) + t["b"] ** 3, chunk_size=2)({"a": x, "b": 2.0})
    np.testing.assert_allclose(tree["a"], np.diag(h), rtol=1e-12)
    assert float(tree["b"]) == 12.0


def test_gauss_newton_products():
    x, u = fg.asarray(V), fg.asarray(U)
    f, loss = lambda x: field(x)["y"], lambda y: fnp.sum(fnp.cosh(y))
    y = np.asarray(f(x))
    expected = jacobian(V).T @ (np.cosh(y) * (jacobian(V) @ U))
    np.testing.assert_allclose(fg.ggnvp(f, loss, (x,), (u,))[0], expected, rtol=1e-12)
    for product in (lambda: fg.hvp(energy, x, u), lambda: fg.ggnvp(f, loss, x, u)):
        with pytest.raises(TreeError, match="as tuples"):
            product()


@pytest.mark.parametrize("chunk_size", [None, 1, 3, 7, 100])
def test_the_diagonal_of_the_fisher_information(chunk_size):
    xs, labels = RNG.normal(size=(7, 3)), np.arange(7) % 2

    def nll(params, example, _):
        z = example["x"] @ params["w"] + params["b"]
        return fnp.log1p(fnp.exp(z)) - example["y"] * z

    params = {"w": fg.asarray(V), "b": fg.asarray(0.3, dtype="float64")}
    diagonal = fg.fisher_diag(nll, chunk_size=chunk_size)
    found = diagonal(params, {"x": xs, "y": labels}, None)
    misses = 1 / (1 + np.exp(-(xs @ V + 0.3))) - labels
    np.testing.assert_allclose(found["w"], np.mean((misses[:, None] * xs) ** 2, axis=0), rtol=1e-12)
    np.testing.assert_allclose(found["b"], np.mean(misses**2), rtol=1e-12)
    if chunk_size == 3:
        slope = fg.grad(lambda b: diagonal(params | {"b": b}, {"x": xs, "y": labels}, None)["b"])(params["b"])
        p = misses + labels
        np.testing.assert_allclose(slope, np.mean(2 * misses * p * (1 - p)), rtol=1e-12)


def test_a_fisher_information_needs_examples():
    diagonal = fg.fisher_diag(lambda w, *xs: abs(w) ** 2 * xs[0])
    np.testing.assert_allclose(diagonal(fnp.asarray(1 + 2j), fnp.asarray([1.0, 3.0])), 4 * 5 * 5, rtol=1e-6)
    for examples in ((), (fnp.zeros(0),), (2.0,), (fnp.ones(2), fnp.ones(3))):
        with pytest.raises(ShapeError, match="the examples are the first axis of all arrays after params"):
            diagonal(1.0, *examples)
    with pytest.raises(OptionError, match="chunk_size must be a positive int, not 0"):
        fg.fisher_diag(lambda w, x: w * x, chunk_size=0)(1.0, fnp.ones(2))


def test_elementwise_derivatives():
    x = RNG.normal(size=(2, 3))
    np.testing.assert_allclose(fg.elementwise_grad(fnp.sin)(x), np.cos(x), rtol=1e-13)
    third = fg.elementwise_grad(fg.elementwise_grad(fg.elementwise_grad(fnp.tanh)))(x)
    t = np.tanh(x)
    np.testing.assert_allclose(third, (6 * t**2 - 2) * (1 - t**2), rtol=1e-12)
    by_y = fg.elementwise_grad(lambda x, y: x * y**2, 1)(x, x[0])
    np.testing.assert_allclose(by_y, (2 * x * x[0]).sum(0), rtol=1e-13)
    assert [g.tolist() for g in fg.elementwise_grad(lambda a, b: a * b, (0, 1))(2.0, 3.0)] == [3.0, 2.0]
    with pytest.raises(DtypeError):
        fg.elementwise_grad(fnp.sin)(3)
    with pytest.raises(ShapeError, match="must return one array, not a tuple"):
        fg.elementwise_grad(lambda x: (x, x))(1.0)


# ---- Jacobians in chunks, Hessians in blocks -----------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 4, 100])
def test_jacobians_in_chunks_are_the_same(size):
    x = {"a": fg.asarray(V), "b": fg.asarray(A)}
    f = lambda t: {"y": t["b"] @ fnp.sin(t["a"]), "z": fnp.sum(t["b"] * t["a"])}  # noqa: E731
    for derivative in (fg.jacfwd, fg.jacrev, fg.hessian):
        whole, parts = derivative(f)(x), derivative(f, chunk_size=size)(x)
        assert fg.tree.structure(whole) == fg.tree.structure(parts)
        for a, b in zip(fg.tree.leaves(whole), fg.tree.leaves(parts), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13)


def test_hessians_come_in_blocks():
    f = lambda p: (p["w"] ** 2 * p["b"]).sum() + p["b"] ** 3  # noqa: E731
    h = fg.hessian(f)({"w": fg.asarray(V), "b": fg.asarray(2.0, dtype="float64")})
    np.testing.assert_allclose(h["w"]["w"], np.diag([4.0] * 3))
    np.testing.assert_allclose(h["w"]["b"], 2 * V)
    np.testing.assert_allclose(h["b"]["w"], 2 * V)
    np.testing.assert_allclose(h["b"]["b"], 12.0)


# ---- integers ------------------------------------------------------------------------------------


def test_integers_are_allowed_on_request_and_have_no_gradient():
    f = lambda p: p["x"] ** 2 * p["n"]  # noqa: E731
    tree = {"x": 3.0, "n": 2, "flag": True}
    with pytest.raises(DtypeError, match=r"argument 0\['flag'\]"):
        fg.grad(f)(tree)
    found = fg.grad(f, allow_int=True)(tree)
    assert (float(found["x"]), found["n"], found["flag"]) == (12.0, None, None)
    assert fg.grad(lambda n: n * 1.5, allow_int=True)(2) is None
    value, found = fg.value_and_grad(lambda n, x: x * n, (0, 1), allow_int=True)(2, 4.0)
    assert (float(value), found[0], float(found[1])) == (8.0, None, 2.0)


# ---- complex numbers -----------------------------------------------------------------------------

Z = np.array([0.5 + 0.8j, -0.3 + 0.4j, 1.2 - 0.7j])
HOLOMORPHIC = {
    "exp": (fnp.exp, np.exp),
    "sin": (fnp.sin, np.cos),
    "cos": (fnp.cos, lambda z: -np.sin(z)),
    "tan": (fnp.tan, lambda z: 1 / np.cos(z) ** 2),
    "sqrt": (fnp.sqrt, lambda z: 0.5 / np.sqrt(z)),
    "log": (fnp.log, lambda z: 1 / z),
    "square": (lambda z: z * z, lambda z: 2 * z),
    "cube": (lambda z: z**3, lambda z: 3 * z**2),
    "power": (lambda z: z ** (1.5 + 0.5j), lambda z: (1.5 + 0.5j) * z ** (0.5 + 0.5j)),
    "reciprocal": (lambda z: 1 / z, lambda z: -1 / z**2),
    "tanh": (fnp.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "sinh": (fnp.sinh, np.cosh),
    "atan": (fnp.atan, lambda z: 1 / (1 + z * z)),
    "asinh": (fnp.asinh, lambda z: 1 / np.sqrt(1 + z * z)),
}


@pytest.mark.parametrize("name", HOLOMORPHIC)
def test_complex_derivatives_of_holomorphic_functions(name):
    f, slope = HOLOMORPHIC[name]
    np.testing.assert_allclose(fg.vmap(fg.grad(f, holomorphic=True))(Z), slope(Z), rtol=1e-12)
    for derivative in (fg.jacfwd, fg.jacrev):
        np.testing.assert_allclose(derivative(f, holomorphic=True)(fg.asarray(Z)), np.diag(slope(Z)), rtol=1e-12)
    second = fg.vmap(fg.grad(fg.grad(f, holomorphic=True), holomorphic=True))(Z)
    np.testing.assert_allclose(second, (slope(Z + 1e-5) - slope(Z - 1e-5)) / 2e-5, rtol=1e-7)
    hessian = fg.vmap(fg.hessian(f, holomorphic=True))(Z)
    np.testing.assert_allclose(hessian, second, rtol=1e-11)


REAL_VALUED = {
    "abs": abs,
    "abs squared": lambda z: fnp.real(z * fnp.conj(z)),
    "real part of a cube": lambda z: fnp.real(z**3),
    "imaginary part of an exponential": lambda z: fnp.imag(fnp.exp(z)),
    "a mixture": lambda z: fnp.real(z) * fnp.imag(z) ** 2 + abs(fnp.sin(z)),
    "a product": lambda z: fnp.real(fnp.conj(z) * fnp.exp(z) / (2 + z)),
}


@pytest.mark.parametrize("name", REAL_VALUED)
def test_the_gradient_of_a_real_function_of_a_complex_number(name):
    # the convention: du/dx - i du/dy, so that the steepest ascent is its conjugate
    f, h = REAL_VALUED[name], 1e-6
    for z in Z:
        value = lambda w: float(f(fg.asarray(w)))  # noqa: E731
        dx = (value(z + h) - value(z - h)) / (2 * h)
        dy = (value(z + 1j * h) - value(z - 1j * h)) / (2 * h)
        np.testing.assert_allclose(fg.grad(f)(fg.asarray(z)), dx - 1j * dy, rtol=1e-7, atol=1e-9)
        tangent = fg.jvp(f, (fg.asarray(z),), (fg.asarray(0.3 - 0.2j, dtype="complex128"),))[1]
        np.testing.assert_allclose(tangent, 0.3 * dx - 0.2 * dy, rtol=1e-7, atol=1e-9)


def test_complex_functions_of_real_numbers():
    f = lambda x: fnp.exp(1j * x) * (2 + 1j)  # noqa: E731
    x = fg.asarray(0.7, dtype="float64")
    value, tangent = fg.jvp(f, (x,), (1.0,))
    np.testing.assert_allclose(value, np.exp(0.7j) * (2 + 1j))
    np.testing.assert_allclose(tangent, 1j * np.exp(0.7j) * (2 + 1j))
    (pulled,) = fg.vjp(f, x)[1](fg.asarray(1.0 - 0.5j, dtype="complex128"))
    assert pulled.dtype == np.float64
    np.testing.assert_allclose(pulled, np.real((1.0 - 0.5j) * 1j * np.exp(0.7j) * (2 + 1j)))


def test_what_is_not_complex_is_refused():
    with pytest.raises(DtypeError, match="holomorphic=True: an argument is float32"):
        fg.grad(fnp.exp, holomorphic=True)(1.0)
    with pytest.raises(DtypeError, match="holomorphic=True: the value is float64"):
        fg.grad(abs, holomorphic=True)(fg.asarray(Z[0]))
    with pytest.raises(DtypeError, match="holomorphic=True: an output is float64"):
        fg.jacrev(abs, holomorphic=True)(fg.asarray(Z[0]))
    with pytest.raises(DtypeError, match="holomorphic=True: an argument is float64"):
        fg.jacfwd(fnp.exp, holomorphic=True)(fg.asarray(V))
    with pytest.raises(DtypeError, match="take its real part, or say holomorphic=True"):
        fg.grad(fnp.exp)(fg.asarray(Z[0]))


def test_jacobians_refuse_complex_numbers_of_which_they_would_see_half():
    """d(a + ib)/dx by rows had the real part alone, and d|z|^2/dz by columns the derivative by a alone."""
    z, x = fg.asarray(Z), fg.asarray(V)
    with pytest.raises(DtypeError, match="jacrev: an output is complex128"):
        fg.jacrev(lambda x: x * 2j)(x)
    with pytest.raises(DtypeError, match="jacfwd: an argument is complex128"):
        fg.jacfwd(lambda z: abs(z) ** 2)(z)
    with pytest.raises(DtypeError, match="hessian: an argument is complex128"):
        fg.hessian(lambda z: (abs(z) ** 2).sum())(z)
    np.testing.assert_allclose(fg.jacfwd(lambda x: x * 2j)(x), 2j * np.eye(len(V)))
    np.testing.assert_allclose(fg.jacrev(lambda z: abs(z) ** 2)(z), np.diag(2 * Z.conj()))


def test_the_same_numbers_as_jax():
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        for mine, theirs in (
            (lambda z: abs(z) ** 2 * fnp.real(z), lambda z: jnp.abs(z) ** 2 * jnp.real(z)),
            (lambda z: fnp.imag(fnp.sin(z) * fnp.conj(z)), lambda z: jnp.imag(jnp.sin(z) * jnp.conj(z))),
        ):
            for z in Z:
                np.testing.assert_allclose(fg.grad(mine)(fg.asarray(z)), jax.grad(theirs)(jnp.asarray(z)), rtol=1e-12)
        mine, theirs = (lambda z: fnp.conj(z) * fnp.exp(z)), (lambda z: jnp.conj(z) * jnp.exp(z))
        ct = 0.4 - 1.1j
        for z in Z:
            a = fg.vjp(mine, fg.asarray(z))[1](fg.asarray(ct, dtype="complex128"))[0]
            b = jax.vjp(theirs, jnp.asarray(z))[1](jnp.asarray(ct))[0]
            np.testing.assert_allclose(a, b, rtol=1e-12)
