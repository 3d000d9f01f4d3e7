"""Models with weights copied from PyTorch give PyTorch's outputs, gradients and running statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
import ported
import pytest

import funcgrad as fg
from funcgrad import layers


@pytest.fixture
def torch() -> Any:
    found = pytest.importorskip("torch")
    found.manual_seed(0)
    return found


def close(found: Any, expected: Any, rtol: float, what: str = "") -> None:
    """Within rtol of the largest number there is."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, what
    np.testing.assert_allclose(found, expected, rtol=0, atol=rtol * np.abs(expected).max(initial=1e-30), err_msg=what)


def same(
    torch: Any, module: Any, model: layers.Layer, xs: Any, ours: Any = None, *, dtype: str, train: bool, rtol: float
) -> None:
    """Output, gradient of a random functional of it by every parameter, and running state.

    Args:
        xs: inputs of PyTorch's module.
        ours: the same for our model; xs where None.
    """
    module.to(getattr(torch, dtype)).train(train)
    params, state = layers.from_torch_state_dict(model, module.state_dict())
    out = module(*map(torch.tensor, xs))
    weight = np.random.default_rng(1).normal(size=tuple(out.shape)).astype(dtype)
    (out * torch.tensor(weight)).sum().backward()

    def f(params: Any) -> Any:
        y, after = model.apply(params, state, *(xs if ours is None else ours), train=train)
        return (y * weight).sum(), (y, after)

    (_, (y, after)), grads = fg.value_and_grad(f, has_aux=True)(params)
    assert y.dtype == dtype
    close(y, out.detach().numpy(), rtol)
    found = layers.to_torch_state_dict(model, grads, after)
    largest = max(float(p.grad.abs().max()) for p in module.parameters())
    for name, p in module.named_parameters():
        # sums that cancel, as those of a bias in front of a normalisation, are 0 but for the rounding of the others
        np.testing.assert_allclose(found[name], p.grad.numpy(), rtol=rtol, atol=rtol * largest, err_msg=name)
    for name, b in module.named_buffers():
        if name in found:
            close(found[name], b.numpy(), rtol, name)
    y, _ = fg.jit(lambda params, state: model.apply(params, state, *(xs if ours is None else ours)))(params, after)
    close(y, module.eval()(*map(torch.tensor, xs)).detach().numpy(), rtol, "compiled, eval")


PRECISIONS = pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-5), ("float64", 1e-10)])


@PRECISIONS
def test_lenet(torch: Any, dtype: str, rtol: float) -> None:
    x = np.random.default_rng(0).normal(size=(4, 1, 28, 28)).astype(dtype)
    same(torch, ported.torch_lenet(torch), ported.LeNet(), (x,), dtype=dtype, train=True, rtol=rtol)


@PRECISIONS
@pytest.mark.parametrize("train", [False, True])
def test_resnet18(torch: Any, dtype: str, rtol: float, train: bool) -> None:
    module = ported.torch_resnet18(torch)
    x = np.random.default_rng(0).normal(size=(2, 3, 64, 64)).astype(dtype)
    same(torch, module, ported.ResNet18(), (x,), (x.transpose(0, 2, 3, 1),), dtype=dtype, train=train, rtol=rtol)
