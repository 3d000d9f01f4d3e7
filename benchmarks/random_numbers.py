"""Keys and samplers beside NumPy, JAX and PyTorch: `python benchmarks/random_numbers.py [--save FILE]`.

Keys are values of Python, so `split` and `fold_in` are asked to take less than two microseconds each. A million normal
numbers are asked to take at most 1.3 times what NumPy's generator takes on the same bits (`numpy.random.Philox`).
All libraries draw in turn in one process; the least times are compared, as other programs on the machine only add to
them.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
from overhead import seconds
from saving import save
from turns import in_turns

from funcgrad import random

N = 10**6
ASKED_KEYS, ASKED_NORMAL = 2.0, 1.3

key = random.key(0)
generator = np.random.Generator(np.random.Philox(0))
a = np.full(N, 2.5)

KEYS: dict[str, Callable[[], Any]] = {
    "split(key)": lambda: random.split(key),
    "k1, k2 = split(key)": lambda: tuple(random.split(key)),
    "fold_in(key, 7)": lambda: random.fold_in(key, 7),
    "uniform(key)": lambda: random.uniform(key),
}

SAMPLERS: dict[str, dict[str, Callable[[], Any]]] = {
    "normal, float32": {
        "funcgrad": lambda: random.normal(key, (N,), "float32"),
        "numpy": lambda: generator.standard_normal(N, np.float32),
    },
    "normal, float64": {
        "funcgrad": lambda: random.normal(key, (N,), "float64"),
        "numpy": lambda: generator.standard_normal(N),
    },
    "uniform, float32": {
        "funcgrad": lambda: random.uniform(key, (N,), "float32"),
        "numpy": lambda: generator.random(N, np.float32),
    },
    "bernoulli(0.5)": {
        "funcgrad": lambda: random.bernoulli(key, 0.5, (N,)),
        "numpy": lambda: generator.random(N, np.float32) < 0.5,
    },
    "gamma(2.5)": {
        "funcgrad": lambda: random.gamma(key, 2.5, (N,), "float64"),
        "numpy": lambda: generator.standard_gamma(a),
    },
    "poisson(30)": {
        "funcgrad": lambda: random.poisson(key, 30.0, (N,)),
        "numpy": lambda: generator.poisson(30.0, N),
    },
    "binomial(100, 0.5)": {
        "funcgrad": lambda: random.binomial(key, 100, 0.5, (N,)),
        "numpy": lambda: generator.binomial(100, 0.5, N),
    },
    "permutation": {
        "funcgrad": lambda: random.permutation(key, N),
        "numpy": lambda: generator.permutation(N),
    },
}


def add_jax() -> None:
    import jax

    own, ready = jax.random.key(0), jax.block_until_ready
    KEYS["jax: split(key)"] = lambda: ready(jax.random.split(own))
    KEYS["jax: fold_in(key, 7)"] = lambda: ready(jax.random.fold_in(own, 7))
    SAMPLERS["normal, float32"]["jax"] = lambda: ready(jax.random.normal(own, (N,)))
    SAMPLERS["uniform, float32"]["jax"] = lambda: ready(jax.random.uniform(own, (N,)))
    SAMPLERS["bernoulli(0.5)"]["jax"] = lambda: ready(jax.random.bernoulli(own, 0.5, (N,)))
    SAMPLERS["gamma(2.5)"]["jax"] = lambda: ready(jax.random.gamma(own, 2.5, (N,)))
    SAMPLERS["poisson(30)"]["jax"] = lambda: ready(jax.random.poisson(own, 30.0, (N,)))
    SAMPLERS["binomial(100, 0.5)"]["jax"] = lambda: ready(jax.random.binomial(own, 100.0, 0.5, (N,)))
    SAMPLERS["permutation"]["jax"] = lambda: ready(jax.random.permutation(own, N))


def add_torch() -> None:
    import torch

    rates, twos = torch.full((N,), 30.0), torch.full((N,), 2.5)
    SAMPLERS["normal, float32"]["torch"] = lambda: torch.randn(N)
    SAMPLERS["normal, float64"]["torch"] = lambda: torch.randn(N, dtype=torch.float64)
    SAMPLERS["uniform, float32"]["torch"] = lambda: torch.rand(N)
    SAMPLERS["bernoulli(0.5)"]["torch"] = lambda: torch.empty(N).bernoulli_(0.5)
    SAMPLERS["gamma(2.5)"]["torch"] = lambda: torch._standard_gamma(twos)
    SAMPLERS["poisson(30)"]["torch"] = lambda: torch.poisson(rates)
    SAMPLERS["permutation"]["torch"] = lambda: torch.randperm(N)


PEERS = {"jax": add_jax, "torch": add_torch}


def least(work: Callable[[], Any], repeats: int, rounds: int) -> float:
    """The least time of a call, in microseconds."""
    seconds(work, repeats)
    return min(1e6 * seconds(work, repeats) for _ in range(rounds))


def least_and_median(works: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Milliseconds of each."""
    found = in_turns(works, rounds, warm=1)
    return {**{n: min(t) for n, t in found.items()}, **{f"median {n}": statistics.median(t) for n, t in found.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25, help="turns of each sampler (default 25)")
    parser.add_argument("--save", metavar="FILE", help="write the results as JSON")
    options = parser.parse_args()
    peers = [library for library in PEERS if importlib.util.find_spec(library)]
    for library in peers:
        PEERS[library]()
    keys = {title: least(work, 200, 10 * options.rounds) for title, work in KEYS.items()}
    for title, time in keys.items():
        print(f"{title:<24}{time:>10.2f} us")
    print(f"asked of split and fold_in: less than {ASKED_KEYS} us\n")
    samplers = {title: least_and_median(works, options.rounds) for title, works in SAMPLERS.items()}
    print(f"{'milliseconds a million':<24}{'funcgrad':>10}{'numpy':>10}{'jax':>10}{'torch':>10}{'of numpy':>10}")
    for title, row in samplers.items():
        cells = "".join(f"{row[n]:>10.1f}" if n in row else f"{'-':>10}" for n in ("funcgrad", "numpy", "jax", "torch"))
        print(f"{title:<24}{cells}{row['funcgrad'] / row['numpy']:>10.2f}")
    print(f"asked of normal: at most {ASKED_NORMAL} times numpy")
    if options.save:
        save(options.save, peers, {"keys, us": keys, "samplers, ms": samplers})


if __name__ == "__main__":
    main()
