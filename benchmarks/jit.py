"""What a jitted call costs, beside eager, `jax.jit` and PyTorch: `python benchmarks/jit.py [--save FILE]`.

Every row is timed in turn in all of them, many rounds in one process, and the medians of the rounds are compared. Rows
that say "us" are calls of jitted functions that have their programs; the table below them says what it costs to get
there: the first calls, which run the function and record it, as multiples of an eager call, and how often a function is
recorded for fifty different numbers of turns of a loop.
"""

from __future__ import annotations

import argparse
import functools
import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from overhead import compare, installed, seconds
from saving import save

import funcgrad as fg
import funcgrad.numpy as fnp

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(100, 5)).astype("float32"), RNG.normal(size=(100, 1)).astype("float32")
TURNS = 0.9**-49.5  # `x > 1` holds for 50 turns of `x * 0.9`
Row = dict[str, Callable[[], Any]]


def loop(x: Any) -> Any:
    """A loop whose length the value decides."""
    total = x * 0
    while x > 1:
        total = total + x * x
        x = x * 0.9
    return total


def linear_step(xp: Any, grad: Any, tree_map: Any) -> Callable[..., Any]:
    """One step of gradient descent on a linear regression."""

    def loss(params: Any, x: Any, y: Any) -> Any:
        return xp.mean((x @ params["w"] + params["b"] - y) ** 2)

    def step(params: Any, x: Any, y: Any) -> Any:
        return tree_map(lambda p, g: p - 0.01 * g, params, grad(loss)(params, x, y))

    return step


def funcgrad_rows(jit: Any) -> Row:
    few, many = ({f"k{i}": fnp.ones(3) for i in range(n)} for n in (4, 100))
    identity = jit(lambda tree: tree)
    params, x, y = {"w": fnp.zeros((5, 1)), "b": fnp.zeros(1)}, fnp.asarray(X), fnp.asarray(Y)
    step = jit(linear_step(fnp, fg.grad, fg.tree.map))
    start = fnp.asarray(TURNS)
    turns, gradient = jit(loop), jit(fg.grad(loop))
    return {
        "identity of 4 arrays": lambda: identity(few),
        "identity of 100 arrays": lambda: identity(many),
        "linear regression, SGD step": lambda: step(params, x, y),
        "50 turns of a while": lambda: turns(start),
        "gradient of 50 turns": lambda: gradient(start),
    }


def jax_rows() -> Row:
    import jax
    import jax.numpy as jnp

    few, many = ({f"k{i}": jnp.ones(3) for i in range(n)} for n in (4, 100))
    identity = jax.jit(lambda tree: tree)
    params, x, y = {"w": jnp.zeros((5, 1)), "b": jnp.zeros(1)}, jnp.asarray(X), jnp.asarray(Y)
    step = jax.jit(linear_step(jnp, jax.grad, jax.tree.map))
    start = jnp.asarray(TURNS, jnp.float32)

    @jax.jit
    def turns(x: Any) -> Any:
        body = lambda c: (c[0] + c[1] * c[1], c[1] * 0.9)  # noqa: E731
        return jax.lax.while_loop(lambda c: c[1] > 1, body, (x * 0, x))[0]

    return {
        "identity of 4 arrays": lambda: jax.block_until_ready(identity(few)),
        "identity of 100 arrays": lambda: jax.block_until_ready(identity(many)),
        "linear regression, SGD step": lambda: jax.block_until_ready(step(params, x, y)),
        "50 turns of a while": lambda: turns(start).block_until_ready(),
    }


def torch_rows() -> Row:
    import torch

    torch.set_num_threads(1)
    x, y = torch.from_numpy(X), torch.from_numpy(Y)
    w, b = torch.zeros((5, 1), requires_grad=True), torch.zeros(1, requires_grad=True)

    def step() -> None:
        loss = ((x @ w + b - y) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            for p in (w, b):
                p -= 0.01 * p.grad  # type: ignore[operator]
                p.grad = None

    def gradient() -> Any:
        start = torch.tensor(TURNS, requires_grad=True)
        loop(start).backward()
        return start.grad

    start = torch.tensor(TURNS)
    return {
        "linear regression, SGD step": step,
        "50 turns of a while": lambda: loop(start),
        "gradient of 50 turns": gradient,
    }


LIBRARIES = {
    "funcgrad": lambda: funcgrad_rows(fg.jit),
    "eager": lambda: funcgrad_rows(lambda f: f),
    "jax": jax_rows,
    "torch": torch_rows,
}
REPEATS = {"identity of 4 arrays": 2000, "identity of 100 arrays": 200, "linear regression, SGD step": 500}


def first_calls(f: Callable[..., Any], args: Sequence[Any], rounds: int) -> list[float]:
    """The first four calls of the jitted function, as multiples of an eager call; medians of calls in turn.

    The first runs as it is, two are recorded (and the second of these makes the program), and the fourth runs it.
    """
    calls: list[list[float]] = [[], [], [], []]
    plain = []
    f(*args)
    for _ in range(rounds):
        plain.append(seconds(lambda: f(*args), 1))
        jitted = fg.jit(f)
        for times in calls:
            times.append(seconds(functools.partial(jitted, *args), 1))
    return [statistics.median(times) / statistics.median(plain) for times in calls]


def traces_of_random_turns() -> tuple[int, float]:
    """How often a loop is recorded for 1 to 50 turns in random order, and all of these calls' milliseconds."""
    jitted = fg.jit(loop)
    order = random.Random(0).sample(range(1, 51), 50)
    starts = [fnp.asarray(0.9 ** -(n - 0.5)) for n in order]
    begin = time.perf_counter()
    for start in starts:
        jitted(start)
    spent = 1e3 * (time.perf_counter() - begin)
    return sum(tree.traces for unit in jitted.units.values() for tree in unit.trees.values()), spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21, help="timed rounds a row (default 21)")
    parser.add_argument("--save", metavar="FILE", help="write the results as JSON")
    options = parser.parse_args()
    libraries = installed(LIBRARIES)
    results: dict[str, Any] = {}
    print(f"{'microseconds':<30}" + "".join(f"{name:>12}" for name in libraries) + "      best peer / funcgrad")
    for title in libraries["funcgrad"]:
        row = {name: rows[title] for name, rows in libraries.items() if title in rows}
        for work in row.values():
            for _ in range(4):
                work()
        results[title] = found = compare(row, REPEATS.get(title, 50), options.rounds)
        cells = "".join(f"{found[name]:>12.2f}" if name in found else f"{'-':>12}" for name in libraries)
        peers = [t for name, t in found.items() if name in ("jax", "torch")]
        ratio = f"{min(peers) / found['funcgrad']:>18.2f}" if peers else ""
        print(f"{title:<30}{cells}{ratio}")

    params, x, y = {"w": fnp.zeros((5, 1)), "b": fnp.zeros(1)}, fnp.asarray(X), fnp.asarray(Y)
    step = linear_step(fnp, fg.grad, fg.tree.map)
    wide = [fnp.asarray(RNG.normal(size=(1024, 1024)).astype("float32")) for _ in range(2)]
    chain = lambda a, b: fnp.tanh(a @ b + a) * fnp.exp(-b * b)  # noqa: E731
    small = first_calls(step, (params, x, y), options.rounds)
    large = first_calls(chain, wide, options.rounds)
    traces, spent = traces_of_random_turns()
    results["first calls / eager call"] = {"linear regression, SGD step": small, "1024 x 1024, 5 operations": large}
    results["1 to 50 turns in random order"] = {"recorded runs": traces, "milliseconds": spent}
    for name, found in results["first calls / eager call"].items():
        print(f"first calls / eager call: {', '.join(f'{ratio:.2f}' for ratio in found)} ({name})")
    print(f"1 to 50 turns in random order: recorded {traces} times, {spent:.1f} ms for all calls")
    if options.save:
        save(options.save, [name for name in libraries if name != "eager"], results)


if __name__ == "__main__":
    main()
