"""SciPy with our arrays and derivatives: its solvers as they stand, its ufuncs, and its array API."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import integrate, optimize, special
from scipy.sparse import linalg as sparse

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.testing import check_grads

START = np.array([1.3, 0.7, 0.8])


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


gradient = fg.grad(rosenbrock)
hessian = fg.hessian(rosenbrock)


def hessian_product(x: Any, v: Any) -> Any:
    return fg.hvp(rosenbrock, (x,), (v,))[0]


METHODS = [
    ("BFGS", {}),
    ("CG", {}),
    ("TNC", {}),
    ("L-BFGS-B", {}),
    ("L-BFGS-B", {"bounds": [(0, 2)] * 3}),
    ("Newton-CG", {"hessp": hessian_product}),
    ("Newton-CG", {"hess": hessian}),
    ("trust-ncg", {"hess": hessian}),
    ("trust-ncg", {"hessp": hessian_product}),
    ("trust-krylov", {"hessp": hessian_product}),
    ("trust-exact", {"hess": hessian}),
    ("trust-constr", {"hess": hessian}),
    ("SLSQP", {}),
]


@pytest.mark.parametrize("transform", [lambda f: f, fg.jit], ids=["eager", "jit"])
@pytest.mark.parametrize(("method", "options"), METHODS, ids=[f"{m}-{'-'.join(o)}" for m, o in METHODS])
def test_minimize(method: str, options: dict[str, Any], transform: Any) -> None:
    found = optimize.minimize(transform(rosenbrock), START, method=method, jac=transform(gradient), **options)
    np.testing.assert_allclose(found.x, 1.0, atol=1e-3)


def test_minimize_with_constraints() -> None:
    def total(x: Any) -> Any:
        return np.sum(x) - 2.0

    def product(x: Any) -> Any:
        return x[0] * x[1] - 0.5

    constraints = [
        {"type": "eq", "fun": total, "jac": fg.grad(total)},
        {"type": "ineq", "fun": product, "jac": fg.grad(product)},
    ]
    found = optimize.minimize(rosenbrock, START, method="SLSQP", jac=gradient, constraints=constraints)
    assert found.success
    assert abs(total(found.x)) < 1e-8
    inside = optimize.NonlinearConstraint(
        lambda x: x @ x,
        1.0,
        2.0,
        jac=fg.grad(lambda x: x @ x),
        hess=lambda x, v: v[0] * np.asarray(fg.hessian(lambda y: y @ y)(x)),
    )
    other = optimize.minimize(
        rosenbrock, START, method="trust-constr", jac=gradient, hess=hessian, constraints=[inside]
    )
    assert other.x @ other.x <= 2.0 + 1e-6


def test_value_and_gradient_at_once() -> None:
    found = optimize.minimize(fg.value_and_grad(rosenbrock), START, jac=True)
    np.testing.assert_allclose(found.x, 1.0, atol=1e-3)
    assert optimize.check_grad(rosenbrock, gradient, START) < 1e-4


def residuals(x: Any) -> Any:
    return np.stack([x[0] ** 2 + x[1] - 1, x[0] - x[1]])


@pytest.mark.parametrize("transform", [lambda f: f, fg.jit], ids=["eager", "jit"])
def test_systems_of_equations(transform: Any) -> None:
    f, jacobian = transform(residuals), transform(fg.jacfwd(residuals))
    start = np.ones(2)
    found = [optimize.least_squares(f, start, jac=jacobian, method=m).x for m in ("trf", "dogbox", "lm")]
    found += [optimize.root(f, start, jac=jacobian, method=m).x for m in ("hybr", "lm")]
    found += [optimize.fsolve(f, start, fprime=jacobian), optimize.root(f, start, method="krylov").x]
    for x in found:
        np.testing.assert_allclose(x, (5**0.5 - 1) / 2, rtol=1e-5)


def wave(x: Any) -> Any:
    return np.cos(x) - x


@pytest.mark.parametrize("transform", [lambda f: f, fg.jit], ids=["eager", "jit"])
def test_one_equation(transform: Any) -> None:
    f, slope, curvature = transform(wave), transform(fg.grad(wave)), transform(fg.grad(fg.grad(wave)))
    assert optimize.brentq(f, 0.0, 1.0) == pytest.approx(0.7390851332)
    assert optimize.newton(f, 0.5, fprime=slope) == pytest.approx(0.7390851332)
    found = optimize.root_scalar(f, x0=0.5, fprime=slope, fprime2=curvature, method="halley")
    assert found.root == pytest.approx(0.7390851332)
    assert optimize.minimize_scalar(transform(lambda x: (x - 1.5) ** 2)).x == pytest.approx(1.5)


def test_integrals_and_differential_equations() -> None:
    assert integrate.quad(lambda t: fnp.exp(-fg.asarray(t)), 0.0, 1.0)[0] == pytest.approx(1 - np.exp(-1.0))
    assert integrate.quad(fg.grad(lambda t: np.exp(-t)), 0.0, 1.0)[0] == pytest.approx(np.exp(-1.0) - 1)

    def slope(t: Any, y: Any) -> Any:
        return np.stack([y[1], 50 * (1 - y[0] ** 2) * y[1] - y[0]])

    expected = integrate.solve_ivp(slope, (0.0, 1.0), [1.0, 0.0], method="Radau", rtol=1e-8, atol=1e-10).y[:, -1]
    for method in ("Radau", "BDF", "LSODA"):
        found = integrate.solve_ivp(
            lambda t, y: slope(t, fg.asarray(y)),
            (0.0, 1.0),
            [1.0, 0.0],
            method=method,
            jac=lambda t, y: fg.jacfwd(lambda v: slope(t, v))(y),
            rtol=1e-8,
            atol=1e-10,
        )
        np.testing.assert_allclose(found.y[:, -1], expected, rtol=1e-4)


def test_a_hessian_as_an_operator() -> None:
    x = np.ones(3)
    operator = sparse.LinearOperator((3, 3), matvec=lambda v: hessian_product(x, v.ravel()), dtype=np.float64)
    solution, _ = sparse.cg(operator, np.ones(3), rtol=1e-10)
    np.testing.assert_allclose(np.asarray(hessian(x)) @ solution, np.ones(3), rtol=1e-6)


def test_ufuncs_are_ours() -> None:
    x = np.array([0.3, 0.8])
    for f in (special.erf, special.gammaln, special.expit, special.ndtr, special.log_ndtr, special.digamma):
        ours = f(fg.asarray(x))
        assert isinstance(ours, fg.Array)
        np.testing.assert_allclose(np.asarray(ours), f(x), rtol=1e-12)
        check_grads(f, (x,), order=2)
        np.testing.assert_allclose(np.asarray(fg.vmap(f)(x)), f(x), rtol=1e-12)
    check_grads(lambda v: special.xlogy(v, v + 1) + special.beta(v, 2 * v), (x,), order=2)


def test_numpys_functions_that_scipy_calls_give_it_numpys_arrays() -> None:
    """But ours where a value is under a transform, and ours to everybody else."""
    names = {"np": np, "__name__": "scipy.made_up"}
    file = str(Path(optimize.__file__).parent / "made_up.py")
    exec(compile("def f(x): return np.atleast_1d(x)", file, "exec"), names)
    x = fg.asarray([1.0, 2.0])
    assert type(names["f"](x)) is np.ndarray
    assert fg.grad(lambda v: np.sum(names["f"](v) ** 2))(x).tolist() == [2.0, 4.0]
    assert isinstance(np.atleast_1d(x), fg.Array)


def test_the_array_api_of_scipy() -> None:
    here = Path(__file__).parent
    environment = {**os.environ, "SCIPY_ARRAY_API": "1", "PYTHONPATH": os.pathsep.join([str(here.parent), *sys.path])}
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", str(here / "scipy_programs.py")],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    assert not ran.stdout, ran.stdout
