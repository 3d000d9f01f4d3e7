"""Uses of `funcgrad.lax`'s functions of functions: control flow, reductions by a function, segments."""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np
from samples import booleans, uniform

import funcgrad.numpy as fnp

from . import Use

_X = uniform(3, 4)
_PAIR = (uniform(3), uniform(3, seed=1))


def _windows(x: Any, start: float, join: Any, window: Any, strides: Any, padding: Any) -> Any:
    """Of one axis."""
    ((low, high),) = padding
    wide = np.concatenate([np.full(low, start), x, np.full(high, start)])
    firsts = range(0, len(wide) - window[0] + 1, strides[0])
    return np.array([functools.reduce(join, wide[i : i + window[0]], start) for i in firsts])


def _by_number(which: Any, *cases: Any) -> Any:
    return np.choose(which, cases)


def _steps(f: Any, init: Any, xs: Any) -> Any:
    ys = []
    for x in xs:
        init, y = f(init, x)
        ys.append(y)
    return init, np.stack(ys)


def _while(test: Any, body: Any, value: Any) -> Any:
    while test(value):
        value = body(value)
    return value


USES = [
    Use("lax.select", (booleans(3), *_PAIR), {}, np.where),
    Use(
        "lax.select_n",
        (np.array([2, 0, 1]), *_PAIR, uniform(3, seed=2)),
        {},
        _by_number,
    ),
    Use("lax.stop_gradient", (_X,), {}, lambda x: x, order=0, why="that is its purpose"),
    Use("lax.reduce", (_X, 0.0, lambda a, b: a + b + a * b, (1,)), {}, lambda x, start, f, axes: (1 + x).prod(1) - 1),
    Use("lax.reduce_window", (uniform(5), 1.0, operator.mul, (2,), (2,), ((1, 1),)), {}, _windows, jax=False),
    Use("lax.map", (lambda x: x * x.sum(), _X), {}, lambda f, x: np.stack([f(row) for row in x])),
    Use("lax.scan", (lambda total, x: (total + x, total * x), uniform(4), _X), {}, _steps),
    Use("lax.associative_scan", (operator.mul, _X), {}, lambda f, x: np.cumprod(x, 0)),
    Use(
        "lax.fori_loop", (0, 3, lambda i, x: x * x + i, uniform(3)), {}, lambda a, b, f, x: ((x * x) ** 2 + 1) ** 2 + 2
    ),
    Use("lax.while_loop", (lambda x: x < 5, lambda x: x * 2, np.asarray(uniform(low=0.7))), {}, _while, jax=False),
    Use("lax.cond", (np.array(True), fnp.square, fnp.negative, _X), {}, lambda c, f, g, x: x * x, jax=False),
    Use("lax.switch", (np.array(1), [fnp.negative, fnp.square], _X), {}, lambda i, fs, x: x * x, jax=False),
]
USES += [
    Use(f"lax.segment_{name}", (uniform(4), np.array([0, 1, 0, 1]), 2), {}, f, jax=False)
    for name, f in {
        "prod": lambda x, i, n: np.array([x[i == k].prod() for k in range(n)]),
        "max": lambda x, i, n: np.array([x[i == k].max() for k in range(n)]),
        "min": lambda x, i, n: np.array([x[i == k].min() for k in range(n)]),
    }.items()
]
