"""The examples run, learn, repeat themselves by their seed, and say clearly what is wrong with their arguments."""

from __future__ import annotations

import importlib.util
import re
import urllib.request
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
from funcgrad import data, io, optim, random

EXAMPLES = Path(__file__).parent.parent / "examples"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


linear_regression, softmax_regression = map(load, ("linear_regression", "softmax_regression"))
mnist, finetune = map(load, ("mnist", "finetune"))


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **options: Any) -> Any:
        raise OSError("no network here")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines printed, without the seconds that they took."""
    return [re.sub(r"  \d+\.\d s$", "", line) for line in capsys.readouterr().out.splitlines()]


# ---- regressions -------------------------------------------------------------------------------


def test_linear_regression_finds_the_parameters_and_repeats_itself() -> None:
    loss, error = linear_regression.train(steps=300)
    assert loss < 2e-4  # the noise's variance is 1e-4
    assert error < 5e-3
    assert linear_regression.train(steps=300) == (loss, error)
    assert linear_regression.train(steps=300, seed=1) != (loss, error)


def test_softmax_regression_learns_and_repeats_itself(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(seed: int) -> list[str]:
        monkeypatch.setattr("sys.argv", ["softmax_regression.py", "--epochs", "5", "--seed", str(seed)])
        softmax_regression.main()
        return printed(capsys)

    found = run(0)
    assert float(re.fullmatch(r"test accuracy: (0\.\d{4})", found[-1]).group(1)) > 0.86  # type: ignore[union-attr]
    assert run(0) == found
    assert run(1) != found


# ---- MNIST -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "least"), [("softmax", 0.85), ("mlp", 0.85)])
def test_mnist_learns_and_repeats_itself(model: str, least: float, capsys: pytest.CaptureFixture[str]) -> None:
    def run(seed: int) -> tuple[float, list[str]]:
        return mnist.main(["--model", model, "--epochs", "2", "--seed", str(seed)]), printed(capsys)

    accuracy, lines = run(0)
    assert least < accuracy < 1
    assert lines[-1] == f"test accuracy: {accuracy:.4f}"
    assert re.fullmatch(r"test accuracy: 0\.\d{4}", lines[-1])
    assert [line.partition(" [")[0] for line in lines[:-1]] == ["epoch 1/2", "epoch 2/2"]
    assert run(0) == (accuracy, lines)
    assert run(1)[1] != lines


def test_steps_of_the_convolutional_network_lower_the_loss_and_repeat_themselves() -> None:
    images, labels, *_ = data.mnist(EXAMPLES / "data", download=False)
    batch = mnist.prepare(images[:32], labels[:32])
    model, optimiser = mnist.MODELS["cnn"], optim.sgd(0.01, momentum=0.9)
    step = mnist.make_step(model, optimiser)

    def run(seed: int) -> tuple[list[float], Any]:
        params, state = model.init(random.key(seed))
        opt_state, losses = optimiser.init(params), []
        for i in range(6):
            key = random.fold_in(random.key(seed), i)
            params, state, opt_state, loss = step(params, state, opt_state, fg.device_put(batch), key)
            losses.append(loss)
        return losses, mnist.predict(model, params, state, batch[0], batch_size=20)

    fg.clear_caches()  # each run is recorded, and becomes programs, after as many steps
    losses, predicted = run(0)
    assert losses[-1] < losses[0]
    assert predicted.shape == (32,)
    fg.clear_caches()
    again, predicted_again = run(0)
    assert again == losses
    assert np.array_equal(predicted, predicted_again)
    assert run(1)[0] != losses


def test_plot_writes_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    file = tmp_path / "curve.png"
    mnist.main(["--model", "softmax", "--epochs", "1", "--plot", str(file)])
    assert file.read_bytes().startswith(b"\x89PNG\r\n")
    assert f"wrote {file}" in printed(capsys)


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What a run says that stops at its arguments: the last paragraph on standard error."""
    with pytest.raises(SystemExit) as caught:
        mnist.main(["--model", "softmax", "--epochs", "1", *arguments])
    assert caught.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err.partition("error: ")[2]


@pytest.mark.parametrize("option", ["--epochs", "--batch-size"])
def test_counts_below_one_are_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert refused([option, "0"], capsys) == f"argument {option}: must be at least 1, got 0\n"


def test_a_batch_larger_than_the_data_is_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    mnist.main(["--model", "softmax", "--epochs", "1", "--batch-size", "5000"])
    assert "] 1/1  loss" in printed(capsys)[0]


def test_an_unknown_device_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused(["--device", "tpu"], capsys) == "unknown device 'tpu': use 'cpu', 'cuda' or 'cuda:N'\n"


@pytest.mark.usefixtures("no_network")
def test_a_folder_without_digits_is_named_and_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(["--data", str(tmp_path / "mistyped")], capsys)
    assert said.startswith(f"{tmp_path / 'mistyped'} lacks train-images-idx3-ubyte, ")
    assert "no network here" in said
    assert "Traceback" not in said
    assert not (tmp_path / "mistyped").exists()


def test_a_picture_without_matplotlib_is_refused_before_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mnist, "find_spec", lambda name: None)
    assert refused(["--plot", "curve.png"], capsys) == "--plot needs matplotlib: pip install matplotlib\n"


# ---- fine-tuning -------------------------------------------------------------------------------


def test_fine_tuning_learns_and_pytorch_loads_its_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    file = tmp_path / "tuned.safetensors"
    found = finetune.main(["--epochs", "2", "--output", str(file)])
    first, trained, before, *epochs, saved, last = printed(capsys)
    assert float(re.search(r"accuracy (0\.\d+)", first).group(1)) > 0.95  # type: ignore[union-attr]
    assert trained.startswith("training 2,181 of 29,093 parameters: fc1/lora_a, fc1/lora_b, head/")
    assert before.startswith("before: accuracy 0.")
    assert [line.partition(":")[0] for line in epochs] == ["epoch 1/2", "epoch 2/2"]
    assert found > 0.85
    assert saved == f"saved tuned.safetensors and read it again: accuracy {found:.3f} on the digits 5 to 9"
    difference = re.fullmatch(r"PyTorch loads it; the outputs differ by (\S+) at most", last)
    assert difference is not None
    assert float(difference.group(1)) < 1e-4  # of logits around 10
    given, tuned = io.load_torch(EXAMPLES / "data" / "digits_0_to_4.pth"), io.load_safetensors(file)
    assert sorted(given) == sorted(tuned)
    kept = [name for name in given if np.array_equal(given[name], tuned[name])]
    assert kept == ["conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias", "fc1.bias"]


def test_fine_tuning_repeats_itself_without_pytorch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(finetune, "find_spec", lambda name: None)

    def run(seed: int) -> list[str]:
        finetune.main(["--epochs", "1", "--seed", str(seed)])
        return printed(capsys)

    lines = run(0)
    assert lines[-1] == "PyTorch is not installed, so its outputs are not compared"
    assert run(0) == lines
    assert run(1) != lines
