"""Fit a line through noisy points by gradient descent: `python examples/linear_regression.py`.

The whole of training in funcgrad: a loss is an ordinary function, `grad` makes its gradient, and parameters are values
that are replaced, not changed.
"""

from __future__ import annotations

import argparse

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import random


def make_data(key: random.Key, rows: int = 100, columns: int = 5) -> tuple[fg.Array, fg.Array, dict[str, fg.Array]]:
    """Points x, targets y = x w + b with a little noise, and the parameters they were made from."""
    x_key, w_key, b_key, noise_key = random.split(key, 4)
    truth = {"w": random.normal(w_key, (columns,)), "b": random.normal(b_key)}
    x = random.normal(x_key, (rows, columns))
    return x, x @ truth["w"] + truth["b"] + 0.01 * random.normal(noise_key, (rows,)), truth


def loss_fn(params: dict[str, fg.Array], x: fg.Array, y: fg.Array) -> fg.Array:
    """The mean square of the residuals."""
    return fnp.mean((x @ params["w"] + params["b"] - y) ** 2)


def train(steps: int = 1000, learning_rate: float = 0.05, seed: int = 0) -> tuple[float, float]:
    """The last loss, and the largest error of a parameter."""
    x, y, truth = make_data(random.key(seed))
    params = fg.tree.map(fnp.zeros_like, truth)
    value_and_grad = fg.value_and_grad(loss_fn)
    for step in range(steps):
        loss, grads = value_and_grad(params, x, y)
        params = fg.tree.map(lambda p, g: p - learning_rate * g, params, grads)
        if step % 200 == 0:
            print(f"step {step:4d}  loss {loss:.6f}")
    errors = fg.tree.map(lambda p, t: float(fnp.max(abs(p - t))), params, truth)
    return float(loss_fn(params, x, y)), max(fg.tree.leaves(errors))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    loss, error = train(options.steps, seed=options.seed)
    print(f"loss {loss:.6f}, largest error of a parameter {error:.4f}")


if __name__ == "__main__":
    main()
