"""SciPy's minimisers of functions of trees."""

import importlib.util
from typing import Any

import numpy as np
import pytest

import funcgrad.numpy as fnp
from funcgrad import optim, tree
from funcgrad.errors import DtypeError, OptionError, TreeError

START = {"w": fnp.asarray([[0.5, -0.5]], "float64"), "b": [fnp.asarray(2.0, "float64"), None]}
TARGET = {"w": np.asarray([[1.0, 2.0]]), "b": [-1.0, None]}


def loss(params: Any, power: float = 2.0) -> Any:
    w, b = params["w"], params["b"][0]
    return ((w - fnp.asarray([[1.0, 2.0]], "float64")) ** 2).sum() + ((b + 1) ** 2) ** (power / 2)


def assert_found(x: Any, atol: float = 1e-4) -> None:
    assert tree.same_structure(x, START)
    for a, b in zip(tree.leaves(x), tree.leaves(TARGET), strict=True):
        assert a.dtype == "float64"
        np.testing.assert_allclose(np.asarray(a), b, atol=atol)


METHODS = ["BFGS", "L-BFGS-B", "CG", "Newton-CG", "TNC", "SLSQP", "trust-ncg", "trust-krylov", "trust-constr",
           "Nelder-Mead", "Powell", "COBYLA", None]  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_methods(method: str | None) -> None:
    result = optim.minimize(loss, START, method=method, tol=1e-8)
    assert result.success
    assert_found(result.x, 1e-3)
    assert result.fun == pytest.approx(0, abs=1e-6)
    if isinstance(result.get("jac"), dict):
        assert tree.same_structure(result.jac, START)


def test_gradients_are_not_differences() -> None:
    assert optim.minimize(loss, START, method="BFGS").nfev < 10
    assert optim.minimize(loss, START, method="trust-ncg").nhev > 0


@pytest.mark.parametrize("compiled", [True, False])
def test_arguments_and_options(compiled: bool) -> None:
    seen: list[Any] = []
    result = optim.minimize(
        loss, START, 2.0, method="L-BFGS-B", callback=seen.append, options={"maxiter": 50}, compiled=compiled
    )
    assert_found(result.x)
    assert_found(seen[-1])
    assert len(seen) == result.nit
    assert optim.minimize(loss, START, (2.0,), method="BFGS", options={"maxiter": 1}).nit == 1


@pytest.mark.parametrize("method", ["L-BFGS-B", "TNC", "SLSQP", "Nelder-Mead", None])
def test_bounds(method: str | None) -> None:
    bounds = ({"w": None, "b": 0.0}, {"w": np.asarray([[0.75, 3.0]]), "b": None})
    x = optim.minimize(loss, START, method=method, bounds=bounds, tol=1e-8).x
    np.testing.assert_allclose(np.asarray(x["w"]), [[0.75, 2.0]], atol=1e-3)
    np.testing.assert_allclose(np.asarray(x["b"][0]), 0.0, atol=1e-3)
    assert float(optim.minimize(loss, START, bounds=(0.0, None)).x["b"][0]) == 0.0


def test_float32_trees() -> None:
    start = tree.map(lambda x: x.astype("float32"), START)
    x = optim.minimize(lambda p: loss(p).astype("float32"), start).x
    assert {leaf.dtype for leaf in tree.leaves(x)} == {np.dtype("float32")}
    np.testing.assert_allclose(np.asarray(x["w"]), TARGET["w"], atol=1e-2)


def test_what_cannot_make_sense(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DtypeError, match=r"minimize: x0\['w'\] is int64\[3\]"):
        optim.minimize(loss, {"w": fnp.arange(3)})
    with pytest.raises(DtypeError, match=r"x0\['w'\] is complex64\[2\], and SciPy"):
        optim.minimize(loss, {"w": fnp.ones(2, "complex64")})
    with pytest.raises(OptionError, match="bounds is a pair"):
        optim.minimize(loss, START, bounds=[(0, 1)] * 3)
    with pytest.raises(TreeError, match="the upper bounds do not fit x0"):
        optim.minimize(loss, START, bounds=(0.0, {"v": 1.0}))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install scipy"):
        optim.minimize(loss, START)
