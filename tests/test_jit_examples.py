"""The training steps of the examples under jit: the same numbers, step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_examples import linear_regression, mnist

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import optim, random


def assert_trees_close(found: Any, expected: Any) -> None:
    assert fg.tree.structure(found) == fg.tree.structure(expected)
    for a, b in zip(fg.tree.leaves(found), fg.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-5, atol=1e-6)


def test_linear_regression():
    x, y, truth = linear_regression.make_data(random.key(0))
    params = again = fg.tree.map(fnp.zeros_like, truth)

    def step(params, rate):
        loss, grads = fg.value_and_grad(linear_regression.loss_fn)(params, x, y)
        return fg.tree.map(lambda p, g: p - rate * g, params, grads), loss

    jitted = fg.jit(step)
    for k in range(20):
        (params, loss), (again, other) = step(params, 0.05 + 0.001 * k), jitted(again, 0.05 + 0.001 * k)
        assert_trees_close((again, other), (params, loss))
    assert sum(tree.traces for unit in jitted.units.values() for tree in unit.trees.values()) == 2


@pytest.mark.parametrize(
    ("name", "optimiser"),
    [
        ("softmax", optim.sgd(0.01, momentum=0.9)),
        ("mlp", optim.adam(1e-3)),
        ("mlp", optim.chain(optim.clip_by_global_norm(1.0), optim.sgd(0.1, momentum=0.9, nesterov=True))),
        ("cnn", optim.sgd(0.01, momentum=0.9)),
    ],
)
def test_mnist(name, optimiser):
    model = mnist.MODELS[name]
    loss_and_grad = fg.value_and_grad(mnist.make_loss(model), has_aux=True)

    def step(params, state, opt_state, batch, key):
        (loss, state), grads = loss_and_grad(params, state, *batch, key)
        updates, opt_state = optimiser.update(grads, opt_state, params)
        return optim.apply_updates(params, updates), state, opt_state, loss

    jitted = fg.jit(step)
    params, state = model.init(random.key(0))
    mine = theirs = (params, state, optimiser.init(params))
    generator = np.random.default_rng(0)
    for k in range(4):
        images = fnp.asarray(generator.normal(size=(20, 28, 28, 1)).astype("float32"))
        batch, key = (images, fnp.asarray(generator.integers(0, 10, 20))), random.key(k)
        *mine, loss = step(*mine, batch, key)
        *theirs, other = jitted(*theirs, batch, key)
        assert_trees_close((theirs, other), (mine, loss))
    (unit,) = jitted.units.values()
    assert not unit.eager
    assert sum(tree.traces for tree in unit.trees.values()) == 2
