"""One training step of examples/mnist.py's network (batch 100, dropout, SGD with momentum), beside PyTorch and JAX.

    python benchmarks/mnist_step.py [--save FILE]
    python benchmarks/mnist_step.py --batches 10,30,100,300,1000 [--save FILE] [--plot FILE]

Each library runs in a process of its own, in turn, several rounds; the medians over the rounds are compared, and the
peak of the whole process's memory. Libraries that are not installed are left out. "plain" is funcgrad without oneDNN.
With several batch sizes: the time of a step should grow as the batch does.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from saving import save

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))

BATCH = 100


def batch() -> tuple[Any, Any]:
    """Noise in the shape of images, and labels."""
    generator = np.random.default_rng(0)
    return generator.standard_normal((BATCH, 28, 28, 1)).astype(np.float32), generator.integers(0, 10, BATCH)


def funcgrad_step() -> Callable[[], Any]:
    import mnist

    import funcgrad as fg
    from funcgrad import optim, random

    model, optimiser = mnist.MODELS["cnn"], optim.sgd(0.01, momentum=0.9)
    step = mnist.make_step(model, optimiser)
    params, state = model.init(random.key(0))
    held = [params, state, optimiser.init(params)]
    images, labels = fg.device_put(batch())

    def run() -> float:
        *held[:], loss = step(*held, (images, labels), random.key(1))
        return loss

    return run


def plain_step() -> Callable[[], Any]:
    import funcgrad as fg

    fg.config.onednn(False)
    return funcgrad_step()


def torch_step(channels_last: bool = True, compiled: Callable[[Any], Any] = lambda model: model) -> Callable[[], Any]:
    import torch
    import torch.nn.functional as functional
    from torch import nn

    torch.set_num_threads(2)
    layers = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)]
    head = [nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)]
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    model = compiled(nn.Sequential(*layers, *head).to(memory_format=memory_format))
    optimiser = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9, fused=True)
    images, labels = batch()
    x = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).to(memory_format=memory_format)
    y = torch.from_numpy(labels)

    def run() -> float:
        optimiser.zero_grad()
        loss = functional.cross_entropy(model(x), y)
        loss.backward()
        optimiser.step()
        return loss.item()

    return run


def jax_step() -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp
    import optax

    def convolve(x: Any, w: Any, b: Any) -> Any:
        numbers = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=numbers) + b

    def drop(x: Any, rate: float, key: Any) -> Any:
        return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0)

    def loss_fn(params: Any, x: Any, y: Any, key: Any) -> Any:
        first, second = jax.random.split(key)
        (w1, b1), (w2, b2), (w3, b3), (w4, b4) = params
        x = jax.nn.relu(convolve(jax.nn.relu(convolve(x, w1, b1)), w2, b2))
        x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        x = drop(x, 0.25, first).reshape(len(x), -1)
        x = drop(jax.nn.relu(x @ w3 + b3), 0.5, second)
        return optax.softmax_cross_entropy_with_integer_labels(x @ w4 + b4, y).mean()

    optimiser = optax.sgd(0.01, momentum=0.9)

    @jax.jit
    def step(params: Any, state: Any, x: Any, y: Any, key: Any) -> Any:
        loss, grads = jax.value_and_grad(loss_fn)(params, x, y, key)
        updates, state = optimiser.update(grads, state)
        return optax.apply_updates(params, updates), state, loss

    shapes = [(3, 3, 1, 32), (3, 3, 32, 64), (9216, 128), (128, 10)]
    generator = np.random.default_rng(0)
    params = [(jnp.asarray(0.05 * generator.standard_normal(s), jnp.float32), jnp.zeros(s[-1])) for s in shapes]
    held = [params, optimiser.init(params)]
    x, y = map(jnp.asarray, batch())

    def run() -> float:
        *held[:], loss = step(*held, x, y, jax.random.key(1))
        return float(loss)

    return run


LIBRARIES = {"funcgrad": funcgrad_step, "plain": plain_step, "torch": torch_step, "jax": jax_step}


def median_seconds(run: Callable[[], Any], steps: int) -> float:
    """The median time of a step, after three that are not counted."""
    for _ in range(3):
        run()
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure(name: str, batch: int, steps: int) -> tuple[float, float] | None:
    """Milliseconds a step, and the process's peak in MiB; None where the library is not installed."""
    command = [sys.executable, __file__, "--library", name, "--steps", str(steps), "--batches", str(batch)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode == 0:
        seconds, peak = map(float, done.stdout.split()[-2:])
        return 1e3 * seconds, peak
    if "ModuleNotFoundError" in done.stderr:
        return None
    raise RuntimeError(f"{name} failed:\n{done.stderr}")


def medians(batch: int, options: argparse.Namespace) -> dict[str, tuple[float, float]]:
    """Of each library the median time of a step over the rounds, and the median peak."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in LIBRARIES}
    for _ in range(options.rounds):
        for name, measured in found.items():
            if (one := measure(name, batch, options.steps)) is not None:
                measured.append(one)
    return {
        name: (statistics.median(t for t, _ in measured), statistics.median(p for _, p in measured))
        for name, measured in found.items()
        if measured
    }


def plot(file: str, results: dict[int, dict[str, tuple[float, float]]]) -> None:
    """Time of a step by batch size, both on logarithmic scales: a straight line of slope one is linear."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    batches = sorted(results)
    _, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name in LIBRARIES:
        times = [results[b][name][0] if name in results[b] else None for b in batches]
        axes.loglog(batches, times, marker="o", label=name)
    axes.set(xlabel="images in a batch", ylabel="milliseconds a step", title="MNIST CNN, training step")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend()
    plt.savefig(file, dpi=110)


def main() -> None:
    global BATCH
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", choices=list(LIBRARIES), help="time this one, in this process")
    parser.add_argument("--batches", default=str(BATCH), help="sizes, with commas between them")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--save", metavar="FILE", help="write the results as JSON")
    parser.add_argument("--plot", metavar="FILE", help="draw time by batch size (needs matplotlib)")
    options = parser.parse_args()
    batches = [int(b) for b in options.batches.split(",")]
    if options.library:
        (BATCH,) = batches
        seconds = median_seconds(LIBRARIES[options.library](), options.steps)
        print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        return
    results = {b: medians(b, options) for b in batches}
    for b, found in results.items():
        print(f"batch {b}")
        for name, (ms, peak) in found.items():
            ratio = ms / found["funcgrad"][0]
            print(f"  {name:<10} {ms:8.1f} ms a step   {ratio:.2f} of funcgrad's   peak {peak:6.0f} MiB")
    if options.save:
        peers = [
            n for n in LIBRARIES if n not in ("funcgrad", "plain") and any(n in found for found in results.values())
        ]
        rows = {
            str(b): {n: {"milliseconds": ms, "peak_mib": peak} for n, (ms, peak) in found.items()}
            for b, found in results.items()
        }
        save(options.save, ["onednn-cpu-gomp", *peers], {"batches": rows})
    if options.plot:
        plot(options.plot, results)


if __name__ == "__main__":
    main()
