"""Changing a hyper-parameter never records a jitted step again, and its new value counts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from optax_cases import ALIASES
from optimisers import BRANCHES, OPTIMISERS, every_optimiser, example, update

import funcgrad as fg
from funcgrad import optim, tree
from funcgrad.transforms.explain import units


def hyperparams(state: Any) -> Iterator[tuple[Any, str]]:
    """(the transformation's state, name) of each number that can be set."""
    if isinstance(state, tuple) and hasattr(state, "hyperparams"):
        yield from ((state, name) for name, held in state.hyperparams.items() if held is not None)
    for part in state if isinstance(state, tuple) else state.values() if isinstance(state, dict) else ():
        yield from hyperparams(part)


def changed(state: Any, owner: Any, name: str, factor: float) -> Any:
    """The state with one number times a factor, in this transformation's state alone."""
    if state is owner:
        return state._replace(hyperparams={**state.hyperparams, name: state.hyperparams[name] * factor})
    if isinstance(state, tuple):
        parts = [changed(part, owner, name, factor) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else tuple(parts)
    return {key: changed(part, owner, name, factor) for key, part in state.items()} if type(state) is dict else state


def records(program: Any) -> tuple[int, int]:
    """How often a jitted function was recorded, and how many paths it has."""
    trees = [tree for unit in units(program) for tree in unit.trees.values()]
    return sum(tree.traces for tree in trees), sum(tree.ends() for tree in trees)


@every_optimiser
def test_one_record_for_all_values(opt: optim.GradientTransformation) -> None:
    def step(params: Any, state: Any, grads: Any) -> Any:
        updates, state = update(opt, grads, state, params)
        return optim.apply_updates(params, updates), state

    program = fg.jit(step)
    params, grads = example(0), example(1)
    state = opt.init(params)
    for _ in range(4):
        params, state = program(params, state, grads)
    before, found = records(program), list(hyperparams(state))
    for owner, name in found:
        other = changed(state, owner, name, 0.75)
        after, _ = program(params, other, grads)
        for x, y in zip(tree.leaves(after), tree.leaves(step(params, other, grads)[0]), strict=True):
            np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-5, atol=1e-6, err_msg=name)
    assert records(program) == before
    assert before[1] == (2 if opt in [OPTIMISERS[name] for name in BRANCHES] else 1)
    assert found or opt is OPTIMISERS["scheduled"]


SIZES = {"decay_offset", "min_dim_size_to_factor"}
"""Those that decide about shapes and steps, which Python asks for."""


@pytest.mark.parametrize("name", [*ALIASES, "noisy_sgd"])
def test_one_record_with_injected_hyperparams(name: str) -> None:
    opt = optim.inject_hyperparams(getattr(optim, name))(**({} if name == "polyak_sgd" else {"learning_rate": 0.1}))
    program = fg.jit(partial(update, opt))
    params, grads = example(0), example(1)
    state = opt.init(params)
    for _ in range(4):
        _, state = program(grads, state, params)
    before = records(program)
    for key, held in state.hyperparams.items():
        if key not in SIZES:
            other = state.hyperparams.copy()
            other[key] = held * 0.75 + 1e-4
            program(grads, state._replace(hyperparams=other), params)
    assert records(program) == before
