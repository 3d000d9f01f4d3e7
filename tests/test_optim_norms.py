"""Norms of trees, what bounds them, and means as functions: against formulas written out, and PyTorch's clipping."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import config, optim, tree
from funcgrad.errors import DtypeError, OptionError, ShapeError, TreeError
from funcgrad.testing import check_grads


def grads(seed: int = 0, dtype: Any = "float64") -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {"w": fnp.asarray(rng.normal(size=(3, 4)), dtype), "b": [fnp.asarray(rng.normal(size=4), dtype), None]}


def flat(tree_: Any) -> np.ndarray:
    return np.concatenate([np.asarray(x).ravel() for x in tree.leaves(tree_)])


# ---- one gradient ------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.5, 1, 2, 3.5, inf])
def test_total_norm(p: float) -> None:
    np.testing.assert_allclose(float(optim.get_total_norm(grads(), p)), np.linalg.norm(flat(grads()), p), rtol=1e-12)
    assert optim.get_total_norm(grads(dtype="float16"), p).dtype == np.float32
    assert float(optim.get_total_norm({}, p)) == 0.0
    assert float(optim.get_total_norm({"a": fnp.ones((0, 2)), "b": fnp.asarray([-2.0])}, p)) == pytest.approx(2.0)


@pytest.mark.parametrize("p", [0.5, 2, 3.5, inf])
@pytest.mark.parametrize("bound", [0.3, 100.0])
def test_clip_grad_norm(p: float, bound: float) -> None:
    clipped, norm = optim.clip_grad_norm(grads(), bound, p)
    expected = np.linalg.norm(flat(grads()), p)
    np.testing.assert_allclose(float(norm), expected, rtol=1e-12)
    np.testing.assert_allclose(flat(clipped), flat(grads()) * min(1, bound / (expected + 1e-6)), rtol=1e-12)
    assert tree.structure(clipped) == tree.structure(grads())


@pytest.mark.parametrize("p", [1.0, 2.0, inf])
def test_clipping_against_pytorch(p: float) -> None:
    torch = pytest.importorskip("torch")
    given = grads()
    parameters = [torch.nn.Parameter(torch.zeros(x.shape, dtype=torch.float64)) for x in tree.leaves(given)]
    for q, g in zip(parameters, tree.leaves(given), strict=True):
        q.grad = torch.tensor(np.asarray(g))
    norm = torch.nn.utils.clip_grad_norm_(parameters, 0.7, p)
    clipped, found = optim.clip_grad_norm(given, 0.7, p)
    np.testing.assert_allclose(float(found), norm.item(), rtol=1e-12)
    torch.nn.utils.clip_grad_value_(parameters, 0.05)
    for q, g in zip(parameters, tree.leaves(optim.clip_grad_value(clipped, 0.05)), strict=True):
        np.testing.assert_allclose(np.asarray(g), q.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("p", [1.5, 2, inf])
def test_clipping_has_derivatives(p: float) -> None:
    with config.default_dtype("float64"):
        check_grads(lambda g: optim.clip_grad_norm(g, 0.7, p)[0]["w"], (grads(),), order=2)
    zeros = tree.map(fnp.zeros_like, grads())
    slope = fg.grad(lambda g: optim.clip_grad_norm(g, 0.7, p)[0]["w"].sum())(zeros)
    np.testing.assert_array_equal(np.asarray(slope["w"]), 1.0)


def test_clipping_in_programs_and_batches() -> None:
    batch = tree.map(lambda x: fnp.stack([x, 2 * x, 0.1 * x]), grads())
    found, norms = fg.vmap(lambda g: optim.clip_grad_norm(g, 0.7))(batch)
    jitted = fg.jit(lambda g: optim.clip_grad_norm(g, 0.7))
    for i in range(3):
        one = tree.map(lambda x, i=i: x[i], batch)
        for clipped, norm in (optim.clip_grad_norm(one, 0.7), jitted(one)):
            np.testing.assert_allclose(float(norms[i]), float(norm), rtol=1e-12)
            np.testing.assert_allclose(flat(tree.map(lambda x, i=i: x[i], found)), flat(clipped), rtol=1e-12)


def test_what_clipping_refuses() -> None:
    with pytest.raises(OptionError, match="clip_grad_norm: norm_type must be positive, not 0"):
        optim.clip_grad_norm(grads(), 1.0, 0)
    with pytest.raises(OptionError, match="get_total_norm: norm_type must be positive, not nan"):
        optim.get_total_norm(grads(), float("nan"))
    with pytest.raises(DtypeError, match="complex gradients have no order: use clip_grad_norm"):
        optim.clip_grad_value([fnp.asarray([1j])], 1.0)
    with pytest.raises(DtypeError, match=r"clip_grad_norm: grads\['n'\] is int64"):
        optim.clip_grad_norm({"n": fnp.arange(3)}, 1.0)


# ---- one gradient of each example --------------------------------------------------------------


@pytest.mark.parametrize("bound", [0.0, 1.0, 2.5, 100.0])
def test_per_example_clipping(bound: float) -> None:
    rng = np.random.default_rng(0)
    w, b = rng.normal(size=(6, 3, 4)), rng.normal(size=(6, 4))
    w[2], b[2] = 0.0, 0.0
    norms = np.sqrt((w**2).sum((1, 2)) + (b**2).sum(1))
    scales = np.minimum(1, bound / np.where(norms, norms, 1))
    scales[2] = 1
    found, count = optim.per_example_global_norm_clip({"w": w, "b": b}, bound)
    np.testing.assert_allclose(np.asarray(found["w"]), np.einsum("i,ijk", scales, w), rtol=1e-12)
    np.testing.assert_allclose(np.asarray(found["b"]), scales @ b, rtol=1e-12)
    assert int(count) == (norms > bound).sum()
    for uniform, parts in ((True, (1 / 2, 1 / 2)), (False, (12 / 16, 4 / 16))):
        found, counts = optim.per_example_layer_norm_clip({"w": w, "b": b}, bound, uniform)
        for x, part, name in ((w, parts[0], "w"), (b, parts[1], "b")):
            own, limit = np.sqrt((x**2).reshape(6, -1).sum(1)), bound * part**0.5
            own_scales = np.where(own > limit, limit / np.where(own, own, 1), 1)
            np.testing.assert_allclose(np.asarray(found[name]), np.tensordot(own_scales, x, 1), rtol=1e-12)
            assert int(counts[name]) == (own > limit).sum()


def test_per_example_gradients_of_a_model() -> None:
    """What vmap(grad) makes goes in; the sum of examples that are all short is the gradient of their sum."""
    x = fnp.asarray(np.random.default_rng(0).normal(size=(5, 3)))
    params = {"w": fnp.ones(3, "float64"), "b": fnp.ones((), "float64")}

    def loss(params: Any, x: Any) -> Any:
        return (x @ params["w"] + params["b"]) ** 2

    each = fg.vmap(fg.grad(loss), in_axes=(None, 0))(params, x)
    found, count = optim.per_example_global_norm_clip(each, 1e6)
    expected = fg.grad(lambda p: sum(loss(p, row) for row in x))(params)
    np.testing.assert_allclose(flat(found), flat(expected), rtol=1e-12)
    assert int(count) == 0


def test_examples_are_checked() -> None:
    with pytest.raises(ShapeError, match=r"grads\['b'\] must have the 3 examples of the first leaf on its first axis"):
        optim.per_example_global_norm_clip({"a": fnp.ones((3, 2)), "b": fnp.ones(4)}, 1.0)
    with pytest.raises(ShapeError, match=r"per_example_layer_norm_clip: grads\[0\] must have the examples"):
        optim.per_example_layer_norm_clip([fnp.ones(())], 1.0)
    with pytest.raises(ShapeError, match="a tree without leaves"):
        optim.per_example_global_norm_clip({}, 1.0)


# ---- means as functions ------------------------------------------------------------------------


def test_means() -> None:
    g, m = np.asarray([1.0, -3.0]), np.asarray([0.5, 2.0])
    for order in (1, 2, 3):
        for f in (optim.update_moment, optim.update_moment_per_elem_norm):
            np.testing.assert_allclose(np.asarray(f(g, m, 0.9, order)), 0.9 * m + 0.1 * g**order, rtol=1e-14)
    np.testing.assert_allclose(
        np.asarray(optim.update_infinity_moment(g, m, 0.9, 1e-8)), np.maximum(np.abs(g) + 1e-8, 0.9 * m), rtol=1e-14
    )
    np.testing.assert_allclose(np.asarray(optim.bias_correction(m, 0.9, 3)), m / (1 - 0.9**3), rtol=1e-14)
    z = np.asarray([1 + 2j, -3.0])
    for order in (1, 2, 3):
        found = optim.update_moment_per_elem_norm(z, m, fnp.asarray(0.5, "float64"), order)
        np.testing.assert_allclose(np.asarray(found), 0.5 * m + 0.5 * np.abs(z) ** order, rtol=1e-14)
        assert found.dtype == np.float64


def test_means_are_checked() -> None:
    with pytest.raises(TreeError, match="update_moment: moments has another structure than updates"):
        optim.update_moment({"w": fnp.ones(2)}, {"v": fnp.ones(2)}, 0.9, 1)
    with pytest.raises(ShapeError, match=r"update_infinity_moment: updates has shape \(2,\) and moments has shape"):
        optim.update_infinity_moment(fnp.ones(2), fnp.ones(3), 0.9, 0.0)
    with pytest.raises(DtypeError, match="bias_correction: moment is int64"):
        optim.bias_correction(fnp.arange(3), 0.9, 1)
