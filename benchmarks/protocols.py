"""What NumPy's own names cost on our arrays, beside ours: `python benchmarks/protocols.py [--save FILE]`.

`np.sin(x)` asks x whose function it is (`__array_ufunc__`, `__array_function__`), and is `funcgrad.numpy.sin(x)` then.
Both names are timed in turn, many short rounds in one process; the least times are compared, as other programs on the
machine only add to them. Asked is that the detour costs at most two microseconds. Operators with NumPy's arrays and
numbers on the left go the same way.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
from overhead import seconds
from saving import save

import funcgrad as fg
import funcgrad.numpy as fnp

CHAIN = 100
ASKED = 2.0
"""Microseconds that NumPy's name may cost more than ours."""

x, m, a = fnp.ones(8), fnp.ones((8, 8)), np.ones(8, np.float32)
number = np.float32(2.0)

ROWS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "sin(x)": (lambda: np.sin(x), lambda: fnp.sin(x)),
    "add(x, x)": (lambda: np.add(x, x), lambda: fnp.add(x, x)),
    "sum(x)": (lambda: np.sum(x), lambda: fnp.sum(x)),
    "sum(m, axis=0)": (lambda: np.sum(m, axis=0), lambda: fnp.sum(m, axis=0)),
    "where(x > 0, x, 0)": (lambda: np.where(x > 0, x, 0), lambda: fnp.where(x > 0, x, 0)),
    "concatenate([x, x])": (lambda: np.concatenate([x, x]), lambda: fnp.concatenate([x, x])),
    "linalg.norm(x)": (lambda: np.linalg.norm(x), lambda: fnp.linalg.norm(x)),
    "fft.rfft(x)": (lambda: np.fft.rfft(x), lambda: fnp.fft.rfft(x)),
    "add.reduce(x)": (lambda: np.add.reduce(x), lambda: fnp.sum(x, axis=0)),
    "zeros_like(x)": (lambda: np.zeros_like(x), lambda: fnp.zeros_like(x)),
    "array * x": (lambda: a * x, lambda: x * a),
    "number * x": (lambda: number * x, lambda: x * number),
}


def chain(sin: Callable[[Any], Any]) -> Callable[[], Any]:
    """The gradient of so many sines, by either name."""

    def f(v: Any) -> Any:
        for _ in range(CHAIN):
            v = sin(v)
        return fnp.sum(v)

    gradient = fg.grad(f)
    return lambda: gradient(x)


def detour(theirs: Callable[[], Any], ours: Callable[[], Any], repeats: int, rounds: int) -> dict[str, float]:
    """The least time of a call by either name, and what NumPy's costs more, in microseconds; medians beside them."""
    for work in (theirs, ours):
        seconds(work, repeats)
    pairs = [(1e6 * seconds(theirs, repeats), 1e6 * seconds(ours, repeats)) for _ in range(rounds)]
    columns = {"numpy": [a for a, _ in pairs], "funcgrad": [b for _, b in pairs]}
    least = {name: min(found) for name, found in columns.items()}
    medians = {f"median {name}": statistics.median(found) for name, found in columns.items()}
    return {**least, "more": least["numpy"] - least["funcgrad"], **medians}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=201, help="timed rounds a row (default 201)")
    parser.add_argument("--repeats", type=int, default=100, help="calls a round (default 100)")
    parser.add_argument("--save", metavar="FILE", help="write the results as JSON")
    options = parser.parse_args()
    results: dict[str, dict[str, float]] = {}
    print(f"{'microseconds':<24}{'np.':>10}{'fnp.':>10}{'more':>10}   (asked: at most {ASKED})")
    for title, (theirs, ours) in ROWS.items():
        results[title] = detour(theirs, ours, options.repeats, options.rounds)
    repeats = max(options.repeats // CHAIN, 1)
    found = detour(chain(np.sin), chain(fnp.sin), repeats, options.rounds)
    results["grad of sin, per op"] = {name: t / CHAIN for name, t in found.items()}
    for title, row in results.items():
        print(f"{title:<24}{row['numpy']:>10.2f}{row['funcgrad']:>10.2f}{row['more']:>10.2f}")
    if options.save:
        save(options.save, [], results)


if __name__ == "__main__":
    main()
