"""Loops of 1,000 steps under jit: `python benchmarks/loops.py [--save FILE]`.

An LSTM with a scan over its steps, value and gradient: eager, under `jit`, and beside `jax.jit` of the same function
where JAX is installed; and how long the first call takes, which records, and the second, which makes the program.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from saving import save

import funcgrad as fg
import funcgrad.numpy as fnp

STEPS = 1000
SIZES = ((1, 8), (8, 32), (32, 128))
"""(batch, hidden) of each row."""


def seconds(work: Callable[[], Any]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def lstm_loss(np_like: Any, scan: Any, sigmoid: Any) -> Callable[..., Any]:
    """The mean square of an LSTM's states, in the words of one library."""

    def loss(w: Any, u: Any, b: Any, xs: Any) -> Any:
        hidden = u.shape[0]

        def step(carry: Any, x: Any) -> Any:
            h, c = carry
            gates = x @ w + h @ u + b
            i, f, o = (sigmoid(gates[..., k * hidden : (k + 1) * hidden]) for k in range(3))
            c = f * c + i * np_like.tanh(gates[..., 3 * hidden :])
            h = o * np_like.tanh(c)
            return (h, c), h

        zero = np_like.zeros((xs.shape[1], hidden), dtype=xs.dtype)
        _, hs = scan(step, (zero, zero), xs)
        return np_like.mean(hs * hs)

    return loss


def lstm_rows(batch: int, hidden: int) -> dict[str, float]:
    """Milliseconds, by turns, so that a machine that slows down does so for all."""
    rng = np.random.default_rng(0)
    shapes = (hidden, 4 * hidden), (hidden, 4 * hidden), (4 * hidden,), (STEPS, batch, hidden)
    raws = [(rng.standard_normal(s) / hidden**0.5).astype("float32") for s in shapes]
    args = [fnp.asarray(x) for x in raws]
    loss = lstm_loss(fnp, fg.scan, lambda x: 1 / (1 + fnp.exp(-x)))
    both = fg.value_and_grad(loss, (0, 1, 2))
    compiled, compiled_both = fg.jit(loss), fg.jit(both)
    found = {
        "jit of the gradient, first call": 1e3 * seconds(lambda: compiled_both(*args)),
        "jit of the gradient, second call": 1e3 * seconds(lambda: compiled_both(*args)),
    }
    works = {
        "value, eager": lambda: loss(*args),
        "value, jit": lambda: compiled(*args),
        "gradient, eager": lambda: both(*args),
        "gradient, jit": lambda: compiled_both(*args),
    }
    try:
        import jax
    except ImportError:
        pass
    else:
        theirs = lstm_loss(jax.numpy, jax.lax.scan, jax.nn.sigmoid)
        given = [jax.numpy.asarray(x) for x in raws]
        jax_value, jax_both = jax.jit(theirs), jax.jit(jax.value_and_grad(theirs, (0, 1, 2)))
        works["value, jax.jit"] = lambda: jax.block_until_ready(jax_value(*given))
        works["gradient, jax.jit"] = lambda: jax.block_until_ready(jax_both(*given))
    times: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
        work()
    for _ in range(7):
        for name, work in works.items():
            times[name].append(1e3 * seconds(work))
    found |= {name: statistics.median(ms) for name, ms in times.items()}
    for what in ("value", "gradient"):
        found[f"{what}, eager / jit"] = found[f"{what}, eager"] / found[f"{what}, jit"]
        if f"{what}, jax.jit" in found:
            found[f"{what}, jit / jax.jit"] = found[f"{what}, jit"] / found[f"{what}, jax.jit"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save", metavar="FILE", help="write the results as JSON")
    options = parser.parse_args()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    results: dict[str, Any] = {}
    for batch, hidden in SIZES:
        title = f"LSTM of {STEPS} steps, batch {batch}, hidden {hidden}, milliseconds"
        results[title] = lstm_rows(batch, hidden)
        print(title)
        for name, value in results[title].items():
            print(f"  {name:<34}{value:,.2f}")
    if options.save:
        save(options.save, ["jax"], results)


if __name__ == "__main__":
    main()
