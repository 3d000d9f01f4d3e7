"""Models with weights copied from PyTorch give PyTorch's outputs, gradients and running statistics, and go back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import ported
import ported_texts
import pytest

import funcgrad as fg
from funcgrad import io, layers

pytestmark = pytest.mark.filterwarnings("ignore:enable_nested_tensor")  # it says that it will not take a short cut


@dataclass(frozen=True)
class Case:
    """A model, PyTorch's module, and what both are applied to.

    Args:
        module: of the library.
        inputs: of the dtype of floats: what PyTorch's module is called with.
        ours: of those: what our model is called with.
        tied: names of PyTorch's that are copies, and whose.
        trained: whether training makes a difference.
    """

    model: Any
    module: Callable[[Any], Any]
    inputs: Callable[[str], tuple[np.ndarray, ...]]
    ours: Callable[..., tuple[np.ndarray, ...]] = lambda *xs: xs
    tied: dict[str, str] = field(default_factory=dict)
    trained: bool = False


def images(*shape: int) -> Callable[[str], tuple[np.ndarray, ...]]:
    return lambda dtype: (np.random.default_rng(0).normal(size=shape).astype(dtype),)


def texts(count: int, *shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, count, shape)


def padded(tokens: np.ndarray, lengths: list[int]) -> np.ndarray:
    return np.where(np.arange(tokens.shape[1]) < np.asarray(lengths)[:, None], tokens, 0)


LENGTHS = [7, 4, 1]


def translations(norm_first: bool) -> Case:
    return Case(
        ported_texts.translator(norm_first),
        lambda torch: ported_texts.torch_translator(torch, norm_first),
        lambda dtype: (padded(texts(13, 2, 6), [6, 3]), texts(15, 2, 4, seed=1)),
    )


CASES = {
    "LeNet": Case(ported.LeNet(), ported.torch_lenet, images(4, 1, 28, 28)),
    "ResNet-18": Case(
        ported.ResNet18(),
        ported.torch_resnet18,
        images(2, 3, 64, 64),
        lambda x: (x.transpose(0, 2, 3, 1),),
        trained=True,
    ),
    "2-layer LSTM": Case(
        ported_texts.LSTMClassifier(),
        ported_texts.torch_lstm_classifier,
        lambda dtype: (padded(texts(11, 3, 7), LENGTHS), np.asarray(LENGTHS)),
    ),
    "GPT": Case(
        ported_texts.gpt(),
        ported_texts.torch_gpt,
        lambda dtype: (texts(17, 2, 8),),
        tied={"lm_head.weight": "wte.weight"},
    ),
    "Transformer": translations(norm_first=False),
    "Transformer, norms first": translations(norm_first=True),
}


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


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-5), ("float64", 1e-10)])
@pytest.mark.parametrize(
    ("name", "train"), [(name, train) for name, case in CASES.items() for train in (True, False)[: 1 + case.trained]]
)
def test_outputs_gradients_and_running_statistics(torch: Any, name: str, train: bool, dtype: str, rtol: float) -> None:
    """Of a random functional of the output, by every parameter."""
    case = CASES[name]
    module = case.module(torch).to(getattr(torch, dtype)).train(train)
    params, state = layers.from_torch_state_dict(case.model, module.state_dict(), ignore=case.tied)
    xs = case.inputs(dtype)
    ours = case.ours(*xs)
    out = module(*map(torch.tensor, xs))
    weight = np.random.default_rng(1).normal(size=tuple(out.shape)).astype(dtype)
    (out * torch.tensor(weight)).sum().backward()

    def f(params: Any) -> Any:
        y, after = case.model.apply(params, state, *ours, train=train)
        return (y * weight).sum(), (y, after)

    (_, (y, after)), grads = fg.value_and_grad(f, has_aux=True)(params)
    assert y.dtype == dtype
    close(y, out.detach().numpy(), rtol)
    found = layers.to_torch_state_dict(case.model, grads, after)
    largest = max(float(p.grad.abs().max()) for p in module.parameters())
    for name, p in module.named_parameters():
        # sums that cancel, as those of a bias in front of a normalisation, are 0 but for the rounding of the others
        np.testing.assert_allclose(found[name], p.grad.numpy(), rtol=rtol, atol=rtol * largest, err_msg=name)
    for name, b in module.named_buffers():
        if name in found:
            close(found[name], b.numpy(), rtol, name)
    y, _ = fg.jit(lambda params, state: case.model.apply(params, state, *ours))(params, after)
    close(y, module.eval()(*map(torch.tensor, xs)).detach().numpy(), rtol, "compiled, eval")


@pytest.mark.parametrize("name", list(CASES))
def test_torch_loads_what_is_saved_here(torch: Any, tmp_path: Path, name: str) -> None:
    """From a file of torch.save to one of safetensors, which a new module loads, and is the same."""
    case = CASES[name]
    module = case.module(torch).eval()
    torch.save(module.state_dict(), tmp_path / "theirs.pth")
    given = layers.from_torch_state_dict(case.model, io.load_torch(tmp_path / "theirs.pth"), ignore=case.tied)
    weights = layers.to_torch_state_dict(case.model, *given)
    weights |= {name: weights[other] for name, other in case.tied.items()}
    io.save_safetensors(tmp_path / "ours.safetensors", weights)

    other = case.module(torch).eval()
    library = pytest.importorskip("safetensors.torch")
    other.load_state_dict(library.load_file(tmp_path / "ours.safetensors"), strict=True)
    xs = [torch.tensor(x) for x in case.inputs("float32")]
    assert torch.equal(other(*xs), module(*xs))
