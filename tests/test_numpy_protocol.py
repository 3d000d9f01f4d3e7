"""NumPy's and SciPy's functions on our arrays: ours where there is one of that name, else theirs on the values."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from scipy import optimize, special

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import TracedConversionError


def rosenbrock(x: Any) -> Any:
    return fnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def test_functions_that_both_have_are_ours_and_differentiate() -> None:
    x = fg.asarray([1.0, 2.0])
    for f in (np.sin, np.sum, lambda v: np.concatenate([v, v]), lambda v: np.where(v > 1, v, 0.0)):
        assert isinstance(f(x), fg.Array)
    assert float(fg.grad(lambda v: np.sum(np.exp(v)))(x)[0]) == pytest.approx(np.e)


def test_functions_that_only_numpy_has_see_the_values() -> None:
    a, b = fg.asarray([[2.0, 0.0], [0.0, 4.0]]), fg.asarray([2.0, 4.0])
    assert isinstance(np.linalg.solve(a, b), np.ndarray)
    assert np.linalg.solve(a, b).tolist() == [1.0, 1.0]
    assert np.atleast_1d(fg.asarray(1.0)).tolist() == [1.0]
    assert np.linalg.norm(b) == pytest.approx(20**0.5)
    assert np.float_power(b, 2).tolist() == [4.0, 16.0]
    assert np.add.reduce(b) == 6.0
    np.testing.assert_allclose(special.gammaln(b), special.gammaln([2.0, 4.0]))


def test_a_namesake_in_a_submodule_is_not_ours() -> None:
    """np.linalg.trace sums over the last two axes, np.trace and fnp.trace over the first two."""
    x = np.arange(12.0).reshape(3, 2, 2)
    assert np.linalg.trace(fg.asarray(x)).tolist() == np.linalg.trace(x).tolist()


def test_numpy_arrays_take_our_results_in_place() -> None:
    total = np.zeros(2)
    total += fg.asarray([1.0, 2.0])
    assert total.tolist() == [1.0, 2.0]


def test_a_value_under_a_transform_is_refused_there() -> None:
    x = fg.asarray([[2.0, 1.0], [0.0, 1.0]])
    for f in (np.linalg.det, lambda v: np.add.reduce(v.ravel()), lambda v: special.gammaln(v).sum()):
        for transformed in (fg.grad(f), fg.vmap(f)):
            with pytest.raises(TracedConversionError, match=r"funcgrad\.numpy has no .*pure_callback"):
                transformed(x)


def test_parameters_are_saved_by_numpy() -> None:
    params = {"w": fnp.ones((2, 3)), "b": fnp.zeros(3)}
    file = io.BytesIO()
    np.savez(file, **params)
    file.seek(0)
    loaded = np.load(file)
    assert {name: loaded[name].tolist() for name in loaded.files} == {k: v.tolist() for k, v in params.items()}


@pytest.mark.parametrize(
    ("method", "derivatives"),
    [
        ("BFGS", {"jac": fg.grad(rosenbrock)}),
        ("L-BFGS-B", {"jac": fg.grad(rosenbrock)}),
        ("Newton-CG", {"jac": fg.grad(rosenbrock), "hess": fg.hessian(rosenbrock)}),
        ("trust-exact", {"jac": fg.grad(rosenbrock), "hess": fg.hessian(rosenbrock)}),
    ],
)
def test_scipy_minimizes_with_our_derivatives(method: str, derivatives: dict[str, Any]) -> None:
    found = optimize.minimize(rosenbrock, np.array([1.3, 0.7, 0.8]), method=method, **derivatives)
    np.testing.assert_allclose(found.x, 1.0, atol=1e-3)


def test_scipy_takes_value_and_gradient_at_once_and_jacobians() -> None:
    found = optimize.minimize(fg.value_and_grad(rosenbrock), np.array([1.3, 0.7, 0.8]), jac=True)
    np.testing.assert_allclose(found.x, 1.0, atol=1e-3)

    def residuals(x: Any) -> Any:
        return fnp.stack([x[0] ** 2 + x[1] - 1, x[0] - x[1]])

    for solution in (
        optimize.root(residuals, np.ones(2), jac=fg.jacrev(residuals)),
        optimize.least_squares(residuals, np.ones(2), jac=fg.jacfwd(residuals)),
    ):
        np.testing.assert_allclose(solution.x, (5**0.5 - 1) / 2, rtol=1e-6)
