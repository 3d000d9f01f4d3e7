"""What the tests of derivatives of loops share: how to count records, functions with rules, and a comparison."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.transforms.explain import units
from funcgrad.transforms.states import below

X = fg.asarray(0.7)
TURNS = (3, 1, 5, 2, 8, 4, 9, 7, 0, 6, 0)


def number(n: int) -> Any:
    return fg.asarray(np.int64(n))


def runs(jitted: Any) -> int:
    """How many runs were recorded, of the function and of what transforms made of it."""
    return sum(tree.traces for unit in units(jitted) for tree in unit.trees.values())


def by_state(jitted: Any) -> int:
    """How many calls ended in programs that go state by state."""
    trees = [tree for unit in units(jitted) if "state by state" in unit.name for tree in unit.trees.values()]
    return sum(node.hits for tree in trees if tree.root is not None for node in below(tree.root))


def alike(found: Any, expected: Any, note: str = "") -> None:
    for a, b in zip(fg.tree.leaves(found), fg.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-9, atol=1e-12, err_msg=note)


def turned(x: Any, n: Any) -> Any:
    y = x
    while n > 0:
        y = fnp.sin(y) * 1.5 + x * 0.25
        n = n - 1
    return y


def hold_over_turns(f: Any, *args: Any, turns: Any = TURNS, least: int = 5) -> Any:
    """f(x, n, *args) has the same gradients under jit for each number of turns, and goes state by state."""
    jitted = fg.jit(f)
    found, expected = fg.value_and_grad(jitted), fg.value_and_grad(f)
    for n in turns:
        alike(found(X, number(n), *args), expected(X, number(n), *args), f"{n} turns")
    assert by_state(jitted) >= least
    return jitted


WEIGHTS = fg.asarray(np.linspace(-0.5, 1.0, 9).reshape(3, 3))


@fg.custom_vjp
def double(x):
    return x * 2.0


double.defvjp(lambda x: (x * 2.0, x), lambda x, ct: (ct * 5.0 * x,))


@fg.custom_jvp
def triple(x):
    return x * 3.0


triple.defjvp(lambda primals, tangents: (primals[0] * 3.0, tangents[0] * 7.0))


@fg.custom_vjp
def other_forward(x, y):
    return x * y


other_forward.defvjp(lambda x, y: (x * y + 1.0, (x, y)), lambda kept, ct: (ct * kept[1], ct * WEIGHTS[1, 2] * kept[0]))


@functools.partial(fg.custom_vjp, nondiff_argnums=(1,))
def scaled(x, k):
    return x * k


scaled.defvjp(lambda x, k: (x * k, None), lambda k, kept, ct: (ct * (k + 1.0),))
