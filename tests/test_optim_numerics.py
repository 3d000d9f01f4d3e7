"""Counts, norms and gradients that stay within bounds."""

from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import optim
from funcgrad.errors import DtypeError


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int64", "float16", "float32"])
def test_safe_increment(dtype: str) -> None:
    most = (np.finfo if "float" in dtype else np.iinfo)(dtype).max
    found = optim.safe_increment(fnp.asarray(np.asarray([3, most], dtype)))
    assert found.dtype == dtype
    assert np.asarray(found).tolist() == [4, most]
    for wrong in (True, 1j):
        with pytest.raises(DtypeError, match="safe_increment counts in integers or floats"):
            optim.safe_increment(wrong)


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(("axis", "ord"), [(None, None), (0, None), (1, 1), (-1, np.inf), ((0, 1), None)])
def test_safe_norm(axis: Any, ord: Any, keepdims: bool) -> None:
    optax = pytest.importorskip("optax")
    x = np.asarray([[3.0, -4.0], [1e-3, 0.0]], "float32")
    for least in (1e-6, 1.0, 10.0):
        found = optim.safe_norm(fnp.asarray(x), least, ord, axis, keepdims)
        expected = np.asarray(optax.safe_norm(x, least, ord, axis, keepdims))
        assert found.shape == expected.shape
        np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-6)


def test_roots_have_a_derivative_at_zero() -> None:
    zeros = fnp.zeros((2, 3))
    for f in (lambda x: optim.safe_norm(x, 0.5, axis=0).sum(), lambda x: optim.safe_root_mean_squares(x, 0.5)):
        assert not np.asarray(fg.grad(f)(zeros)).any()
        assert not np.asarray(fg.jit(fg.grad(f))(zeros)).any()
        fg.testing.check_grads(f, (fnp.asarray([[1.0, -2.0, 3.0]], "float64"),), order=2)


def test_safe_root_mean_squares() -> None:
    assert float(optim.safe_root_mean_squares([3.0, 4.0], 1.0)) == pytest.approx(12.5**0.5)
    assert float(optim.safe_root_mean_squares([3.0 + 4.0j], 1.0)) == 5.0
    assert float(optim.safe_root_mean_squares([0.1], 1.0)) == 1.0


def test_scale_gradient() -> None:
    params = {"a": fnp.asarray([1.0, 2.0]), "b": fnp.asarray(3.0)}

    def loss(p: Any, scale: float) -> Any:
        p = optim.scale_gradient(p, scale)
        return (p["a"] ** 2).sum() * p["b"]

    assert float(loss(params, 0.5)) == 15.0
    for scale in (0.0, 0.5, -1.0):
        found = fg.grad(loss)(params, scale)
        assert found["a"].tolist() == [6.0 * scale, 12.0 * scale]
        assert float(found["b"]) == 5.0 * scale
