"""The peak memory of a gradient with a budget: `python benchmarks/memory_budget.py [--save FILE]`.

`value_and_grad(loss, memory=budget)` of the network of `examples/mnist.py` on 256 images. The peak is what NumPy
allocates during the call, by tracemalloc, less the gradients themselves; the budgets are parts of the peak without one.
"""

from __future__ import annotations

import argparse
import gc
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
from saving import save

import funcgrad as fg
import funcgrad.functional as F
from funcgrad import layers, random
from funcgrad.errors import MemoryBudgetError

MODEL = layers.Sequential(
    layers.Conv2d(1, 32, 3),
    layers.ReLU(),
    layers.Conv2d(32, 64, 3),
    layers.ReLU(),
    layers.MaxPool2d(2),
    layers.Flatten(),
    layers.Linear(9216, 128),
    layers.ReLU(),
    layers.Linear(128, 10),
)


def peak_and_time(f: Callable[[], Any]) -> tuple[int, float, Any]:
    """The most bytes allocated at one time during a call, and the seconds of another."""
    start = time.perf_counter()
    out = f()
    seconds = time.perf_counter() - start
    gc.collect()
    tracemalloc.start()
    f()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, seconds, out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save", metavar="FILE", help="write the results as JSON")
    options = parser.parse_args()
    params = MODEL.init(random.key(0))[0]
    x, labels = random.normal(random.key(1), (256, 28, 28, 1)), fg.asarray(np.arange(256) % 10)

    def loss(params: Any) -> Any:
        return F.cross_entropy(MODEL(params, x), labels)

    gradients = sum(leaf.nbytes for leaf in fg.tree.leaves(params))
    fg.value_and_grad(loss)(params)
    plain, base, expected = peak_and_time(lambda: fg.value_and_grad(loss)(params))
    plain -= gradients
    print(f"without a budget: peak {plain / 1e6:.1f} MB beyond the gradients")
    print(f"{'budget / MB':>12}{'peak / MB':>12}{'peak / budget':>15}{'time factor':>13}  same bits")
    results = {"plain peak": plain}
    for part in (1.0, 0.9, 0.8, 0.75, 0.6, 0.4):
        budget = int(plain * part)
        try:
            peak, seconds, found = peak_and_time(lambda budget=budget: fg.value_and_grad(loss, memory=budget)(params))
        except MemoryBudgetError as error:
            print(f"{budget / 1e6:>12.1f}  {error.message}")
            results[f"{part:.2f}"] = error.message
            continue
        peak -= gradients
        pairs = zip(fg.tree.leaves(found), fg.tree.leaves(expected), strict=True)
        same = all(bool((a == b).all()) for a, b in pairs)
        print(f"{budget / 1e6:>12.1f}{peak / 1e6:>12.1f}{peak / budget:>15.2f}{seconds / base:>13.2f}  {same}")
        results[f"{part:.2f}"] = {"peak / budget": peak / budget, "time factor": seconds / base, "same bits": same}
    if options.save:
        save(options.save, [], results)


if __name__ == "__main__":
    main()
