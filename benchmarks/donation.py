"""An optimiser step under `jit`, with and without donated arguments: `python benchmarks/donation.py [--save FILE]`.

Parameters are 20 arrays of 512 x 512 float32 (20 MiB), gradients are given; SGD with momentum and Adam of
`funcgrad.optim`, beside PyTorch's (which work in place: `fused` is one kernel, `foreach` one operation for all arrays)
and optax under `jax.jit` with donation. The libraries take turns, many rounds in one process; medians are compared, and
the ratios are what counts. Memory is what a step of funcgrad needs at its peak beside parameters, state and gradients.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
from saving import save
from turns import in_turns

import funcgrad as fg
from funcgrad import optim

COUNT, SIZE = 20, 512
RULES = {"SGD with momentum": ("sgd", {"momentum": 0.9}), "Adam": ("adam", {})}
RATE = 0.01
Step = Callable[[], Any]


def arrays(seed: int) -> dict[str, Any]:
    """Parameters or gradients, as NumPy arrays."""
    random = np.random.default_rng(seed)
    return {f"w{i}": random.standard_normal((SIZE, SIZE), dtype=np.float32) for i in range(COUNT)}


def funcgrad_step(rule: str, donate: bool) -> Step:
    name, options = RULES[rule]
    optimiser = getattr(optim, name)(RATE, **options)

    def update(params: Any, state: Any, grads: Any) -> Any:
        updates, state = optimiser.update(grads, state, params)
        return optim.apply_updates(params, updates), state

    step = fg.jit(update, donate_argnums=(0, 1) if donate else ())
    params, grads = fg.device_put(arrays(0)), fg.device_put(arrays(1))
    held = [params, optimiser.init(params)]

    def run() -> None:
        held[:] = step(*held, grads)

    return run


def torch_step(rule: str, **how: bool) -> Step:
    import torch

    torch.set_num_threads(2)
    name, options = RULES[rule]
    params = [torch.from_numpy(x).requires_grad_() for x in arrays(0).values()]
    for p, g in zip(params, arrays(1).values(), strict=True):
        p.grad = torch.from_numpy(g)
    optimiser = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[name](params, lr=RATE, **options, **how)
    return optimiser.step


def jax_step(rule: str) -> Step:
    import jax
    import optax

    name, options = RULES[rule]
    optimiser = getattr(optax, name)(RATE, **options)

    def update(params: Any, state: Any, grads: Any) -> Any:
        updates, state = optimiser.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    step = jax.jit(update, donate_argnums=(0, 1))
    params, grads = jax.device_put(arrays(0)), jax.device_put(arrays(1))
    held = [params, optimiser.init(params)]

    def run() -> None:
        held[:] = jax.block_until_ready(step(*held, grads))

    return run


def peak(step: Step) -> float:
    """MiB that a step needs beside what there is before it."""
    tracemalloc.start()
    for _ in range(2):
        step()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    step()
    found = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return found / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=41, help="timed rounds a row (default 41)")
    parser.add_argument("--save", metavar="FILE", help="write the results as JSON")
    options = parser.parse_args()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    columns = ["donated", "not donated", "torch fused", "torch foreach", "jax donated"]
    print(f"{'ms':<20}" + "".join(f"{name:>15}" for name in columns) + f"{'peak MiB: donated, not':>26}")
    results: dict[str, dict[str, float]] = {}
    missing: set[str] = set()
    for rule in RULES:
        steps = {"donated": funcgrad_step(rule, True), "not donated": funcgrad_step(rule, False)}
        peers: dict[str, Callable[[], Step]] = {
            "torch fused": lambda rule=rule: torch_step(rule, fused=True),  # type: ignore[misc]
            "torch foreach": lambda rule=rule: torch_step(rule, foreach=True),  # type: ignore[misc]
            "jax donated": lambda rule=rule: jax_step(rule),  # type: ignore[misc]
        }
        for name, make in peers.items():
            try:
                steps[name] = make()
            except ImportError:
                missing.add(name.split()[0])
        turns = in_turns(steps, options.rounds, warm=6)
        found = {name: statistics.median(times) for name, times in turns.items()}
        memory = {f"peak MiB, {name}": peak(steps[name]) for name in columns[:2]}
        results[rule] = found | memory
        cells = "".join(f"{found[name]:>15.2f}" if name in found else f"{'-':>15}" for name in columns)
        print(f"{rule:<20}{cells}" + "".join(f"{value:>13.1f}" for value in memory.values()))
    if missing:
        print(f"(not installed: {', '.join(sorted(missing))})")
    if options.save:
        save(options.save, {"torch", "jax"} - missing, results)


if __name__ == "__main__":
    main()
