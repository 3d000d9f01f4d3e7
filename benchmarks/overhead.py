"""What one eager operation costs, beside PyTorch, autograd and JAX: `python benchmarks/overhead.py [--save FILE]`.

Every row is timed in turn in all libraries, many rounds in one process on one thread, and the medians of the rounds
are compared: on a shared machine the milliseconds drift, the ratios hold. Libraries that are not installed are left
out. `import funcgrad` is timed in fresh processes.
"""

from __future__ import annotations

import argparse
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

CHAIN = 200
Row = dict[str, Callable[[], Any]]


def seconds(work: Callable[[], Any], repeats: int) -> float:
    """The time of one call, over so many."""
    start = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - start) / repeats


def compare(row: Row, repeats: int, rounds: int) -> dict[str, float]:
    """The median time of a call in each library, in microseconds; the libraries take turns."""
    times: dict[str, list[float]] = {name: [] for name in row}
    for work in row.values():
        seconds(work, max(repeats // 10, 1))
    for _ in range(rounds):
        for name, work in row.items():
            times[name].append(seconds(work, repeats))
    return {name: 1e6 * statistics.median(found) for name, found in times.items()}


def funcgrad_rows() -> dict[str, Callable[[], Any]]:
    x, m = fnp.ones(8), fnp.ones((8, 8))

    def chain(x: Any) -> Any:
        for _ in range(CHAIN):
            x = fnp.sin(x)
        return fnp.sum(x)

    gradient = fg.grad(chain)
    return {
        "sin": lambda: fnp.sin(x),
        "multiply": lambda: x * x,
        "matmul": lambda: m @ m,
        "grad": lambda: gradient(x),
    }


def torch_rows() -> dict[str, Callable[[], Any]]:
    import torch

    torch.set_num_threads(1)
    x = torch.ones(8)
    m = torch.ones((8, 8))

    def gradient() -> Any:
        leaf = x.detach().requires_grad_()
        y = leaf
        for _ in range(CHAIN):
            y = torch.sin(y)
        y.sum().backward()
        return leaf.grad

    return {"sin": lambda: torch.sin(x), "multiply": lambda: x * x, "matmul": lambda: m @ m, "grad": gradient}


def autograd_rows() -> dict[str, Callable[[], Any]]:
    import autograd
    import autograd.numpy as anp

    x, m = np.ones(8, np.float32), np.ones((8, 8), np.float32)

    def chain(x: Any) -> Any:
        for _ in range(CHAIN):
            x = anp.sin(x)
        return anp.sum(x)

    gradient = autograd.grad(chain)
    return {
        "sin": lambda: anp.sin(x),
        "multiply": lambda: anp.multiply(x, x),
        "matmul": lambda: anp.matmul(m, m),
        "grad": lambda: gradient(x),
    }


def jax_rows() -> dict[str, Callable[[], Any]]:
    import jax.numpy as jnp

    x, m = jnp.ones(8), jnp.ones((8, 8))
    return {
        "sin": lambda: jnp.sin(x).block_until_ready(),
        "multiply": lambda: (x * x).block_until_ready(),
        "matmul": lambda: (m @ m).block_until_ready(),
    }


def installed(libraries: dict[str, Callable[[], Row]]) -> dict[str, Row]:
    """The rows of the libraries that are there."""
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    found = {}
    for name, rows in libraries.items():
        try:
            found[name] = rows()
        except ImportError:
            print(f"({name} is not installed)")
    return found


LIBRARIES = {"funcgrad": funcgrad_rows, "torch": torch_rows, "autograd": autograd_rows, "jax": jax_rows}
ROWS = {
    "sin": ("forward sin, 8 elements", 2000, 1),
    "multiply": ("forward x * x, 8 elements", 2000, 1),
    "matmul": ("forward 8x8 @ 8x8", 2000, 1),
    "grad": (f"grad of {CHAIN} sin, per op", 10, CHAIN),
}


def import_seconds(module: str, processes: int) -> float:
    """The median time that an import takes in a fresh process, less that of starting Python.

    Byte code is cached, as it is wherever a package is installed.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def run(code: str) -> float:
        return seconds(lambda: subprocess.run([sys.executable, "-c", code], check=True, env=environment), 1)

    run(f"import {module}")
    return statistics.median(run(f"import {module}") - run("pass") for _ in range(processes))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21, help="timed rounds a row (default 21)")
    parser.add_argument("--save", metavar="FILE", help="write the results as JSON")
    options = parser.parse_args()
    libraries = installed(LIBRARIES)
    results: dict[str, dict[str, float]] = {}
    print(f"{'microseconds':<30}" + "".join(f"{name:>12}" for name in libraries) + "   funcgrad / torch")
    for key, (title, repeats, scale) in ROWS.items():
        row = {name: rows[key] for name, rows in libraries.items() if key in rows}
        found = {name: t / scale for name, t in compare(row, repeats, options.rounds).items()}
        results[title] = found
        cells = "".join(f"{found[name]:>12.2f}" if name in found else f"{'-':>12}" for name in libraries)
        ratio = f"{found['funcgrad'] / found['torch']:>18.2f}" if "torch" in found else ""
        print(f"{title:<30}{cells}{ratio}")
    imports = {name: import_seconds(name, 7) for name in ("funcgrad", "numpy")}
    results["import, seconds"] = imports
    print(f"import funcgrad: {imports['funcgrad']:.3f} s (of which numpy {imports['numpy']:.3f} s)")
    if options.save:
        save(options.save, libraries, results)


if __name__ == "__main__":
    main()
