"""Attention and its gradient, beside PyTorch and `jax.jit`: `python benchmarks/attention.py [--save FILE]`.

Value and gradient of sum(attention(q, k, v)^2) in float32 for (batch, heads, tokens, features): eager and under `jit`,
with all of the weights at once and by chunks of 256 keys. PyTorch's is `scaled_dot_product_attention`, JAX's
`jax.nn.dot_product_attention`. The libraries take turns, many rounds in one process; medians are compared, and the
ratios are what counts. Memory is what a call of funcgrad takes at its peak beside its operands.
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
import funcgrad.functional as F

CASES = {
    "4x8x512x64": ((4, 8, 512, 64), False),
    "causal": ((4, 8, 512, 64), True),
    "1x8x2048x64": ((1, 8, 2048, 64), True),
}
CHUNK = 256
Work = Callable[[], Any]


def operands(shape: tuple[int, ...]) -> list[Any]:
    """Queries, keys and values."""
    return [np.random.default_rng(i).standard_normal(shape, dtype=np.float32) for i in range(3)]


def ours(shape: tuple[int, ...], causal: bool, chunk: int | None, jitted: bool) -> Work:
    def loss(q: Any, k: Any, v: Any) -> Any:
        return (F.scaled_dot_product_attention(q, k, v, is_causal=causal, chunk_size=chunk) ** 2).sum()

    f = fg.value_and_grad(loss, (0, 1, 2))
    f = fg.jit(f) if jitted else f
    given = [fg.asarray(x) for x in operands(shape)]
    return lambda: f(*given)


def torchs(shape: tuple[int, ...], causal: bool) -> Work:
    import torch

    torch.set_num_threads(2)
    given = [torch.from_numpy(x).requires_grad_() for x in operands(shape)]

    def work() -> None:
        out = torch.nn.functional.scaled_dot_product_attention(*given, is_causal=causal)
        torch.autograd.grad((out**2).sum(), given)

    return work


def jaxs(shape: tuple[int, ...], causal: bool) -> Work:
    import jax

    def loss(q: Any, k: Any, v: Any) -> Any:
        return (jax.nn.dot_product_attention(q, k, v, is_causal=causal) ** 2).sum()

    f = jax.jit(jax.value_and_grad(loss, (0, 1, 2)))
    given = [jax.device_put(np.ascontiguousarray(x.swapaxes(1, 2))) for x in operands(shape)]
    return lambda: jax.block_until_ready(f(*given))


def peak(work: Work) -> float:
    """MiB that a call needs."""
    work()
    tracemalloc.start()
    work()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11, help="timed rounds a row (default 11)")
    parser.add_argument("--save", metavar="FILE", help="write the results as JSON")
    options = parser.parse_args()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    columns = ["eager", "eager chunks", "jit", "jit chunks", "torch", "jax"]
    print(f"{'ms':<14}" + "".join(f"{name:>14}" for name in columns) + f"{'peak MiB: eager, chunks':>26}")
    results: dict[str, dict[str, float]] = {}
    missing: set[str] = set()
    for title, (shape, causal) in CASES.items():
        works = {
            f"{'jit' if jitted else 'eager'}{' chunks' if chunk else ''}": ours(shape, causal, chunk, jitted)
            for jitted in (False, True)
            for chunk in (None, CHUNK)
        }
        for name, make in (("torch", torchs), ("jax", jaxs)):
            try:
                works[name] = make(shape, causal)
            except ImportError:
                missing.add(name)
        turns = in_turns(works, options.rounds, warm=4)
        found = {name: statistics.median(times) for name, times in turns.items()}
        memory = {f"peak MiB, {name}": peak(works[name]) for name in columns[:2]}
        results[title] = found | memory
        cells = "".join(f"{found[name]:>14.1f}" if name in found else f"{'-':>14}" for name in columns)
        print(f"{title:<14}{cells}" + "".join(f"{value:>13.1f}" for value in memory.values()))
    if missing:
        print(f"(not installed: {', '.join(sorted(missing))})")
    if options.save:
        save(options.save, {"torch", "jax"} - missing, results)


if __name__ == "__main__":
    main()
