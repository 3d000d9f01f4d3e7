"""Read digits with one linear layer, written out without layers or optimisers: `python examples/softmax_regression.py`.

It also shows `vmap`: the gradient of every single example, from the same loss function.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad import data, random

Params = dict[str, fg.Array]


def logits(params: Params, x: fg.Array) -> fg.Array:
    """Scores of the ten digits for images x of shape (..., 784)."""
    return x @ params["w"] + params["b"]


def loss_fn(params: Params, x: fg.Array, labels: fg.Array) -> fg.Array:
    """The mean cross entropy."""
    return F.cross_entropy(logits(params, x), labels)


def load(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows of pixels in [0, 1] and labels, to train and to test."""
    train_x, train_y, test_x, test_y = data.mnist(folder)
    rows = [data.to_float(images).reshape(len(images), 784) for images in (train_x, test_x)]
    return rows[0], train_y.astype(np.int64), rows[1], test_y.astype(np.int64)


def train(folder: Path, epochs: int = 20, learning_rate: float = 0.3, seed: int = 0) -> float:
    """The share of test digits read rightly."""
    train_x, train_y, test_x, test_y = load(folder)
    params = {"w": fnp.zeros((784, 10)), "b": fnp.zeros(10)}
    value_and_grad = fg.value_and_grad(loss_fn)
    for epoch in range(epochs):
        losses = []
        for x, y in data.batches((train_x, train_y), 100, key=random.fold_in(random.key(seed), epoch)):
            loss, grads = value_and_grad(params, x, y)
            params = fg.tree.map(lambda p, g: p - learning_rate * g, params, grads)
            losses.append(float(loss))
        if epoch % 5 == 4:
            print(f"epoch {epoch + 1:2d}  loss {np.mean(losses):.4f}")
    each = fg.vmap(fg.grad(loss_fn), in_axes=(None, 0, 0))(params, test_x[:100], test_y[:100])
    norms = fnp.sqrt(fnp.sum(each["w"] ** 2, axis=(1, 2)))
    print(f"the test digit with the largest gradient is number {int(fnp.argmax(norms))}")
    return float(fnp.mean(fnp.argmax(logits(params, fg.asarray(test_x)), axis=-1) == test_y))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parent / "data")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"test accuracy: {train(options.data, options.epochs, seed=options.seed):.4f}")


if __name__ == "__main__":
    main()
