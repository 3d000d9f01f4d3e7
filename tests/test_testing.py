"""`check_grads` passes where derivatives are right, and finds every kind of wrong one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.core import PRIMITIVES
from funcgrad.testing import check_grads, numerical_jvp


def product(params: Any, x: Any) -> Any:
    return {"y": fnp.sin(params["w"] * x), "z": [params["b"] ** 2, fnp.argmax(x)]}


ARGS = ({"w": np.array([0.5, 1.5]), "b": 2.0, "n": 3}, np.array([[1.0, 0.25], [0.5, 2.0]]))


def test_right_derivatives_pass() -> None:
    check_grads(product, ARGS, order=3)
    check_grads(lambda z: fnp.exp(z) * fnp.conj(z) + fnp.abs(z), (np.array([0.5 + 1j, 1 - 2j]),))
    check_grads(fnp.sin, (np.float32(0.3),))
    check_grads(fnp.sin, (fnp.ones((0, 3)),))


@pytest.fixture
def wrong_multiply(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Multiplication with one rule exchanged."""
    primitive = PRIMITIVES["multiply"]
    pull, jvp = primitive.pull, primitive.jvp

    def exchange(kind: str) -> None:
        if kind == "pull":
            monkeypatch.setattr(primitive, "pull", lambda *args: [g if g is None else g * 1.01 for g in pull(*args)])
        else:
            monkeypatch.setattr(primitive, "jvp", lambda *args: jvp(*args) + 0.01)

    return exchange


def scaled(params: Any, x: Any) -> Any:
    return fnp.exp(x) / params["w"] * x


def test_a_wrong_pull_is_found(wrong_multiply: Any) -> None:
    x = np.array([1.0, 2.0])
    wrong_multiply("pull")
    check_grads(scaled, ({"w": x}, x), order=1, modes=["fwd"])
    with pytest.raises(
        AssertionError, match=r"vjp of f \(order 1\) is wrong in argument 0\['w'\] \(float64\[2\]\)"
    ) as e:
        check_grads(scaled, ({"w": x}, x), order=1)
    assert "computed" in str(e.value)
    assert "by differences" in str(e.value)
    assert "error" in str(e.value)


def test_a_wrong_jvp_is_found(wrong_multiply: Any) -> None:
    x = np.array([1.0, 2.0])
    wrong_multiply("jvp")
    check_grads(scaled, ({"w": x}, x), order=1, modes=["rev"])
    with pytest.raises(
        AssertionError, match=r"jvp of f \(order 1\) is wrong in argument .*: output 0\[[01]\]: computed"
    ):
        check_grads(scaled, ({"w": x}, x), order=1)


def test_a_rule_that_is_right_but_not_differentiable_is_found_at_order_2(monkeypatch: pytest.MonkeyPatch) -> None:
    def constant_slope(ct: Any, out: Any, args: Any, params: Any, wanted: Any) -> Any:
        return [ct * fnp.cos(fg.stop_gradient(args[0]))]

    monkeypatch.setattr(PRIMITIVES["sin"], "pull", constant_slope)
    check_grads(fnp.sin, (0.5,), order=1)
    for inner, outer in [("jvp", "fwd"), ("vjp", "rev")]:
        with pytest.raises(AssertionError, match=rf"{inner} of the vjp of f \(order 2\) is wrong in argument 0"):
            check_grads(fnp.sin, (0.5,), order=2, modes=["rev"] if outer == "rev" else ["fwd", "rev"])


def test_nan_is_wrong() -> None:
    with pytest.raises(AssertionError, match="nan"):
        check_grads(lambda x: fnp.where(x > 0, fnp.log(x * 0 + fnp.nan), x), (2.0,), order=1)


def test_a_kink_is_found() -> None:
    with pytest.raises(AssertionError, match="wrong in argument 1"):
        check_grads(lambda n, x: n * fnp.abs(x - 1e-6), (2, 0.0))


def test_a_coarser_tolerance_lets_more_pass() -> None:
    def nearly(x: Any) -> Any:
        return fnp.sin(x) + 1e-3 * fg.stop_gradient(x)

    with pytest.raises(AssertionError, match=r"error 0\.000\d+ where"):
        check_grads(nearly, (0.5,), order=1, modes=["fwd"])
    check_grads(nearly, (0.5,), order=1, atol=1e-2)
    check_grads(nearly, (0.5,), order=1, rtol=1e-2)


def test_what_cannot_be_checked_is_refused() -> None:
    with pytest.raises(fg.errors.DtypeError, match=r"no argument has a derivative: int64\[\]"):
        check_grads(lambda n: n, (3,))
    with pytest.raises(fg.errors.DtypeError, match="no output"):
        check_grads(lambda x: x > 0, (3.0,))
    with pytest.raises(fg.errors.DtypeError, match="float32"):
        check_grads(lambda x: fnp.sin(x.astype("float32")), (3.0,))
    for options in ({"modes": ["forward"]}, {"modes": []}, {"order": 0}):
        with pytest.raises(ValueError, match="'fwd' and 'rev'"):
            check_grads(fnp.sin, (3.0,), **options)


def test_numerical_jvp() -> None:
    tangents = ({"w": np.array([1.0, 0.0]), "b": 1.0, "n": None}, np.zeros((2, 2)))
    slope = numerical_jvp(product, ARGS, tangents)
    exact = fg.jvp(product, ARGS, tangents)[1]
    assert slope["z"][1] is None
    assert float(slope["z"][0]) == pytest.approx(4.0)
    np.testing.assert_allclose(slope["y"], np.asarray(exact["y"]), rtol=1e-6)
