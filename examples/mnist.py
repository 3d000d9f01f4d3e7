"""Train a network to read handwritten digits: `python examples/mnist.py`.

Without options a convolutional network learns from the 4,000 digits beside this script and is tested on 1,000 others.
`--data DIR` takes any folder of the four MNIST files instead (also Fashion-MNIST's); what is missing in it is fetched.
"""

from __future__ import annotations

import argparse
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad import data, layers, optim, random

HERE = Path(__file__).parent
MEAN, STD = 0.1307, 0.3081  # of the pixels of MNIST's training images

MODELS = {
    "cnn": layers.Sequential(
        layers.Conv2d(1, 32, 3),
        F.relu,
        layers.Conv2d(32, 64, 3),
        F.relu,
        layers.MaxPool2d(2),
        layers.Dropout(0.25),
        layers.Flatten(),
        layers.Linear(9216, 128),
        F.relu,
        layers.Dropout(0.5),
        layers.Linear(128, 10),
    ),
    "mlp": layers.Sequential(layers.Flatten(), layers.Linear(784, 256), F.relu, layers.Linear(256, 10)),
    "softmax": layers.Sequential(layers.Flatten(), layers.Linear(784, 10)),
}


def prepare(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels as floats around 0, channels last; labels as the integers that cross entropy takes."""
    return data.normalize(data.to_float(images), MEAN, STD), labels.astype(np.int64)


def make_loss(model: layers.Layer) -> Any:
    """The loss of a batch, and the model's new running state."""

    def loss_fn(params: Any, state: Any, images: Any, labels: Any, key: Any) -> Any:
        logits, state = model.apply(params, state, images, key=key, train=True)
        return F.cross_entropy(logits, labels), state

    return loss_fn


def make_step(model: layers.Layer, optimiser: Any) -> Any:
    """One step of training: a pure function from (params, optimiser's state) to new ones, and the loss."""
    loss_and_grad = fg.value_and_grad(make_loss(model), has_aux=True)

    @fg.jit
    def step(params: Any, state: Any, opt_state: Any, batch: Any, key: Any) -> Any:
        (loss, state), grads = loss_and_grad(params, state, *batch, key)
        updates, opt_state = optimiser.update(grads, opt_state, params)
        return optim.apply_updates(params, updates), state, opt_state, loss

    return step


def predict(model: layers.Layer, params: Any, state: Any, images: Any, batch_size: int = 500) -> np.ndarray:
    """The most likely digit of each image."""
    found = []
    for batch in data.batches(images, batch_size):
        logits, _ = model.apply(params, state, fg.device_put(batch))
        found.append(fg.device_get(fnp.argmax(logits, axis=-1)))
    return np.concatenate(found)


class Progress:
    """An epoch's bar with its mean loss; where the output is no terminal, only the finished line."""

    def __init__(self, title: str, total: int):
        self.title, self.total, self.losses, self.start = title, total, [], time.perf_counter()

    def update(self, loss: float) -> None:
        self.losses.append(loss)
        done = len(self.losses)
        if sys.stdout.isatty() or done == self.total:
            filled = 30 * done // self.total
            bar = "#" * filled + "." * (30 - filled)
            seconds = time.perf_counter() - self.start
            end = "\n" if done == self.total else ""
            start = "\r" if sys.stdout.isatty() else ""
            mean = sum(self.losses) / done
            text = f"{self.title} [{bar}] {done}/{self.total}  loss {mean:.4f}  {seconds:.1f} s"
            print(start + text, end=end, flush=True)


def train(options: argparse.Namespace, digits: tuple[np.ndarray, ...]) -> float:
    """The share of test digits that the trained network reads rightly."""
    train_images, train_labels, test_images, test_labels = digits
    training, testing = prepare(train_images, train_labels), prepare(test_images, test_labels)
    model = MODELS[options.model]
    optimiser = optim.sgd(options.learning_rate, momentum=0.9)
    step = make_step(model, optimiser)
    init_key, key = random.split(random.key(options.seed))
    params, state = model.init(init_key)
    opt_state = optimiser.init(params)
    curve: list[float] = []
    for epoch in range(options.epochs):
        shuffle_key, dropout_key = random.split(random.fold_in(key, epoch))
        batches = data.batches(training, options.batch_size, key=shuffle_key)
        progress = Progress(f"epoch {epoch + 1}/{options.epochs}", len(batches))
        for i, batch in enumerate(batches):
            batch = fg.device_put(batch)
            params, state, opt_state, loss = step(params, state, opt_state, batch, random.fold_in(dropout_key, i))
            curve.append(float(loss))
            progress.update(curve[-1])
    predicted = predict(model, params, state, testing[0])
    if options.plot:
        plot(options.plot, curve, len(curve) // options.epochs, test_images, testing[1], predicted)
    return float(np.mean(predicted == testing[1]))


def plot(
    file: str, curve: list[float], steps: int, images: np.ndarray, labels: np.ndarray, predicted: np.ndarray
) -> None:
    """The training curve, and the first digits that the network got wrong."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    wrong = np.flatnonzero(predicted != labels)[:24]
    figure = plt.figure(figsize=(12, 5), layout="constrained")
    left, right = figure.subfigures(1, 2)
    axes = left.subplots()
    axes.plot(np.arange(1, len(curve) + 1) / steps, curve, alpha=0.3, label="batch")
    means = np.reshape(curve, (-1, steps)).mean(1)
    axes.plot(np.arange(1, len(means) + 1), means, marker="o", label="mean of the epoch")
    axes.set(xlabel="epoch", ylabel="cross entropy", yscale="log", title="training loss")
    axes.legend()
    right.suptitle(f"{np.sum(predicted != labels)} of {len(labels)} read wrongly (as what : what it is)")
    cells = list(right.subplots(4, 6).flat)
    for cell in cells:
        cell.axis("off")
    for cell, i in zip(cells, wrong, strict=False):
        cell.imshow(images[i], cmap="gray_r")
        cell.set_title(f"{predicted[i]} : {labels[i]}", fontsize=9)
    figure.savefig(file, dpi=120)
    print(f"wrote {file}")


def at_least_one(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE / "data", help="folder of the four IDX files")
    parser.add_argument("--model", choices=list(MODELS), default="cnn")
    parser.add_argument("--epochs", type=at_least_one, default=12)
    parser.add_argument("--batch-size", type=at_least_one, default=100)
    parser.add_argument("--learning-rate", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same numbers on every run")
    parser.add_argument("--device", default="cpu", help="'cpu', 'cuda' or 'cuda:1'")
    parser.add_argument("--plot", metavar="FILE", help="draw the training curve and the digits read wrongly")
    options = parser.parse_args(arguments)
    if options.plot and not find_spec("matplotlib"):  # now, not after the training
        parser.error("--plot needs matplotlib: pip install matplotlib")
    try:
        device, digits = fg.device(options.device), data.mnist(options.data)
    except (fg.errors.DeviceError, fg.errors.DataError) as error:
        parser.error(error.message)
    with fg.default_device(device):
        accuracy = train(options, digits)
    print(f"test accuracy: {accuracy:.4f}")
    return accuracy


if __name__ == "__main__":
    main()
