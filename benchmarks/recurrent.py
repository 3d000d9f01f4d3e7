"""LSTM and GRU beside PyTorch's and JAX's: `python benchmarks/recurrent.py [--threads 1,2] [--save FILE]`.

Two layers of 128 units, 64 steps, a batch of 32: the mean square of the outputs, and its gradient by all weights. Ours
are `layers.LSTM` and `layers.GRU`, eager and under `jit`, and for comparison `layers.Recurrent` with the cell, whose
derivative is that of `scan`; PyTorch's are its modules, JAX's a `lax.scan` with the products of all inputs in front of
it, under `jax.jit`. All start from PyTorch's weights, and their gradients must agree. They take turns, in one process
for each number of processors.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from saving import save

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import layers

LENGTH, BATCH, SIZE, LAYERS = 64, 32, 128, 2
ROUNDS = 9
Works = dict[str, Callable[[], Any]]
"""What to time by name, value and gradient of one library beside each other."""


class Stacked(layers.Layer):
    """Cells along a sequence, one after the other."""

    each: tuple[layers.Recurrent, ...]

    def forward(self, run: Any, x: Any) -> Any:
        for layer in run.each:
            x, _ = layer(x)
        return x, None


def of_funcgrad(name: str, weights: dict[str, Any], x: Any) -> tuple[Works, Any]:
    """Our works, and the gradient by PyTorch's names."""
    model = getattr(layers, name)(SIZE, SIZE, LAYERS)
    params, _ = layers.from_torch_state_dict(model, weights)
    cells = Stacked((layers.Recurrent(getattr(layers, f"{name}Cell")(SIZE, SIZE)),) * LAYERS)
    parts = {
        "each": tuple(
            {"cell": {key.removesuffix(f"_l{k}"): p for key, p in params.items() if key.endswith(f"_l{k}")}}
            for k in range(LAYERS)
        )
    }
    given = fnp.asarray(x)

    def value(run: Any) -> Any:
        return lambda params, x: fnp.mean(run(params, x)[0] ** 2)

    works: Works = {}
    for title, run, own in (("", model, params), (" of cells", cells, parts)):
        loss, both = value(run), fg.value_and_grad(value(run))
        for how, change in (("eager", lambda f: f), ("jit", fg.jit)):
            for what, f in (("value", change(loss)), ("gradient", change(both))):
                works[f"{what}, {how}{title}"] = lambda f=f, own=own: f(own, given)
    return works, layers.to_torch_state_dict(model, fg.grad(value(model))(params, given))


def of_torch(name: str, weights: dict[str, Any], x: Any, threads: int) -> tuple[Works, Any]:
    import torch

    torch.set_num_threads(threads)
    module, given = getattr(torch.nn, name)(SIZE, SIZE, LAYERS), torch.from_numpy(x)
    module.load_state_dict({key: torch.from_numpy(w) for key, w in weights.items()})

    def value() -> Any:
        with torch.no_grad():
            return (module(given)[0] ** 2).mean()

    def gradient() -> None:
        module.zero_grad()
        (module(given)[0] ** 2).mean().backward()

    gradient()
    found = {key: p.grad.numpy().copy() for key, p in module.named_parameters()}
    return {"value, torch": value, "gradient, torch": gradient}, found


def of_jax(name: str, weights: dict[str, Any], x: Any) -> tuple[Works, Any]:
    import jax
    from jax import numpy as jnp

    def lstm(of_x: Any, carry: Any, w: Any, b: Any) -> Any:
        h, c = carry
        i, f, g, o = jnp.split(of_x + h @ w + b, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    def gru(of_x: Any, carry: Any, w: Any, b: Any) -> Any:
        (h, _), (r, z, n) = carry, jnp.split(of_x, 3, -1)
        of_h = jnp.split(h @ w + b, 3, -1)
        r, z = jax.nn.sigmoid(r + of_h[0]), jax.nn.sigmoid(z + of_h[1])
        n = jnp.tanh(n + r * of_h[2])
        h = n + z * (h - n)
        return (h, h), h

    cell = {"LSTM": lstm, "GRU": gru}[name]

    def loss(params: Any, x: Any) -> Any:
        zero = jnp.zeros((BATCH, SIZE), x.dtype)
        for k in range(LAYERS):
            w_ih, w_hh, b_ih, b_hh = (params[f"{p}_l{k}"] for p in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
            step = lambda carry, row, w=w_hh.T, b=b_hh: cell(row, carry, w, b)  # noqa: E731
            _, x = jax.lax.scan(step, (zero, zero), x @ w_ih.T + b_ih)
        return jnp.mean(x**2)

    params, given = {key: jnp.asarray(w) for key, w in weights.items()}, jnp.asarray(x)
    value, both = jax.jit(loss), jax.jit(jax.value_and_grad(loss))
    works = {
        "value, jax.jit": lambda: jax.block_until_ready(value(params, given)),
        "gradient, jax.jit": lambda: jax.block_until_ready(both(params, given)),
    }
    return works, both(params, given)[1]


def rows(name: str, threads: int) -> dict[str, float]:
    """Milliseconds, medians of turns; and how many times PyTorch's our gradients take."""
    rng = np.random.default_rng(0)
    sums, bound = {"LSTM": 4, "GRU": 3}[name] * SIZE, SIZE**-0.5
    shapes = {"weight_ih": (sums, SIZE), "weight_hh": (sums, SIZE), "bias_ih": (sums,), "bias_hh": (sums,)}
    weights = {
        f"{key}_l{k}": rng.uniform(-bound, bound, shape).astype("float32")
        for k in range(LAYERS)
        for key, shape in shapes.items()
    }
    x = rng.standard_normal((LENGTH, BATCH, SIZE)).astype("float32")
    works, expected = of_funcgrad(name, weights, x)
    for peer in (lambda: of_torch(name, weights, x, threads), lambda: of_jax(name, weights, x)):
        try:
            theirs, gradients = peer()
        except ImportError:
            continue
        works |= theirs
        for key, g in expected.items():
            np.testing.assert_allclose(np.asarray(gradients[key]), g, rtol=1e-3, atol=1e-6)
    times: dict[str, list[float]] = {title: [] for title in works}
    for work in works.values():
        for _ in range(3):
            work()
    for _ in range(ROUNDS):
        for title, work in works.items():
            start = time.perf_counter()
            work()
            times[title].append(1e3 * (time.perf_counter() - start))
    found = {title: statistics.median(ms) for title, ms in times.items()}
    found |= {f"{title}, least": min(ms) for title, ms in times.items()}
    for how in ("eager", "jit"):
        if "gradient, torch" in found:
            found[f"gradient, {how} / torch"] = found[f"gradient, {how}"] / found["gradient, torch"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", default="1,2", help="numbers of processors (default 1,2)")
    parser.add_argument("--save", metavar="FILE", help="write the results as JSON")
    parser.add_argument("--as-json", action="store_true", help=argparse.SUPPRESS)  # a process for one number of them
    options = parser.parse_args()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    if options.as_json:
        print(json.dumps({name: rows(name, int(options.threads)) for name in ("LSTM", "GRU")}))
        return
    results: dict[str, Any] = {}
    every = sorted(os.sched_getaffinity(0))
    for threads in options.threads.split(","):
        os.sched_setaffinity(0, every[: int(threads)])  # the process that starts has these processors alone
        command = [sys.executable, __file__, "--as-json", "--threads", threads]
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        for name, times in found.items():
            title = f"{name}, {LAYERS} layers, {SIZE} units, {LENGTH} steps, batch {BATCH}, {threads} processors, ms"
            results[title] = times
            print(title)
            for what, ms in times.items():
                print(f"  {what:<34}{ms:,.2f}")
    if options.save:
        save(options.save, ["jax", "torch"], results)


if __name__ == "__main__":
    main()
