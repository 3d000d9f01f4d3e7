"""Python control flow under vmap and long loops under grad: `python benchmarks/control_flow.py [--save F] [--plot F]`.

- Newton's method to tolerance on 2,048 numbers: the gradient of the batch beside a loop of gradients, and beside
  `jax.jit(jax.vmap(jax.grad(...)))` of the same with a fixed number of steps, which is what JAX can differentiate.
- Nested vmaps of the Mandelbrot escape loop on 64 x 64 points, beside a Python loop over the points.
- grad through Python loops of 1,250 to 10,000 steps: time and memory a step, which must not grow; with `checkpoint`ed
  segments the memory, which must grow as the square root.
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
from saving import save

import funcgrad as fg
import funcgrad.numpy as fnp

EXAMPLES, SIDE, STEPS = 2048, 64, (1250, 2500, 5000, 10_000)


def milliseconds(work: Callable[[], Any], rounds: int) -> float:
    """The median time of a call."""
    work()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def newton(a: Any) -> Any:
    x = a
    while abs(x * x - a) > 1e-10:
        x = 0.5 * (x + a / x)
    return x


def escape_time(cr: Any, ci: Any) -> int:
    x = y = 0.0 * cr
    n = 0
    while n < 50 and x * x + y * y <= 4.0:
        x, y = x * x - y * y + cr, 2 * x * y + ci
        n += 1
    return n


def newton_rows() -> dict[str, float]:
    a = fg.asarray(np.linspace(1.5, 300.0, EXAMPLES))
    slope = fg.grad(newton)
    found = {
        "grad of vmap": milliseconds(lambda: fg.grad(lambda a: fg.vmap(newton)(a).sum())(a), 15),
        "vmap of grad": milliseconds(lambda: fg.vmap(slope)(a), 15),
        "loop of grads": milliseconds(lambda: [slope(x) for x in a], 3),
    }
    found["loop / grad of vmap"] = found["loop of grads"] / found["grad of vmap"]
    found["loop / vmap of grad"] = found["loop of grads"] / found["vmap of grad"]
    try:
        import jax
    except ImportError:
        return found
    jax.config.update("jax_enable_x64", True)

    def fixed(a: Any) -> Any:
        x = a
        for _ in range(12):
            x = 0.5 * (x + a / x)
        return x

    compiled, b = jax.jit(jax.vmap(jax.grad(fixed))), jax.numpy.asarray(np.asarray(a))
    found["jax, compiled, 12 steps for all"] = milliseconds(lambda: compiled(b).block_until_ready(), 15)
    return found


def mandelbrot_rows() -> dict[str, float]:
    re, im = np.linspace(-2, 1, SIDE), np.linspace(-1.5, 1.5, SIDE)
    nested = fg.vmap(fg.vmap(escape_time, (0, None)), (None, 0))
    counts = np.asarray(nested(re, im))
    return {
        "nested vmaps": milliseconds(lambda: nested(re, im), 9),
        "loop over NumPy numbers": milliseconds(lambda: [[escape_time(a, b) for a in re] for b in im], 3),
        "paths": len(set(counts.ravel().tolist())),
    }


def chain(steps: int, segment: int | None) -> Callable[[Any], Any]:
    """So many sines, in checkpointed segments of that length or all on the tape."""

    def run(x: Any, n: int) -> Any:
        for _ in range(n):
            x = fnp.sin(x)
        return x

    def f(x: Any) -> Any:
        if segment is None:
            return fnp.sum(run(x, steps))
        part = fg.checkpoint(lambda x: run(x, segment))
        for _ in range(steps // segment):
            x = part(x)
        return fnp.sum(x)

    return f


def loop_rows() -> dict[str, dict[str, float]]:
    x = fnp.ones(1000)
    rows = {}
    for steps in STEPS:
        plain, kept = fg.grad(chain(steps, None)), fg.grad(chain(steps, round(steps**0.5)))
        row = {"microseconds a step": 1e3 * milliseconds(lambda plain=plain: plain(x), 5) / steps}
        for name, f in (("bytes", plain), ("bytes, checkpointed", kept)):
            gc.collect()
            tracemalloc.start()
            f(x)
            row[name] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        row["bytes a step"] = row["bytes"] / steps
        row["checkpointed bytes / sqrt(steps)"] = row["bytes, checkpointed"] / steps**0.5
        rows[str(steps)] = row
    return rows


def plot(rows: dict[str, dict[str, float]], file: str) -> None:
    """Time and memory against the number of steps."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    steps = np.array([int(n) for n in rows])
    left, right = pyplot.subplots(1, 2, figsize=(9, 3.5), layout="constrained")[1]
    left.plot(steps, [row["microseconds a step"] * n / 1e3 for n, row in zip(steps, rows.values(), strict=True)], "o-")
    left.set(title="grad through a Python loop", xlabel="steps", ylabel="milliseconds")
    right.loglog(steps, [row["bytes"] / 1e6 for row in rows.values()], "o-", label="all on the tape")
    segmented = [row["bytes, checkpointed"] / 1e6 for row in rows.values()]
    right.loglog(steps, segmented, "s-", label="in checkpointed segments")
    right.loglog(steps, 0.0133 * np.sqrt(steps), ":", color="gray", label="square root")
    right.set(title="peak memory", xlabel="steps", ylabel="megabytes")
    right.legend()
    for axes in (left, right):
        axes.set_ylim(bottom=0 if axes is left else None)
    pyplot.savefig(file, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save", metavar="FILE", help="write the results as JSON")
    parser.add_argument("--plot", metavar="FILE", help="draw the loops' time and memory (needs matplotlib)")
    options = parser.parse_args()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    results: dict[str, Any] = {
        f"Newton, {EXAMPLES} examples, milliseconds": newton_rows(),
        f"Mandelbrot, {SIDE} x {SIDE}, milliseconds": mandelbrot_rows(),
        "grad through loops of 1,000 numbers": loop_rows(),
    }
    for title, row in results.items():
        print(title)
        for name, value in row.items():
            text = (
                f"{value:,.2f}" if not isinstance(value, dict) else ", ".join(f"{k} {v:,.1f}" for k, v in value.items())
            )
            print(f"  {name:<34}{text}")
    if options.plot:
        plot(results["grad through loops of 1,000 numbers"], options.plot)
    if options.save:
        save(options.save, ["jax"], results)


if __name__ == "__main__":
    main()
