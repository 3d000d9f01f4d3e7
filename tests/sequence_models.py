"""What the tests of recurrent networks share: the networks and their cells, weights, a number of all results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from models import KEY

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import layers

LENGTHS = [4, 1, 6, 3]
NETWORKS = [layers.RNN, layers.LSTM, layers.GRU]
CELLS = {layers.RNN: layers.RNNCell, layers.LSTM: layers.LSTMCell, layers.GRU: layers.GRUCell}

every_network = pytest.mark.parametrize("network", NETWORKS, ids=lambda n: n.__name__)


def values(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def made(model: Any, seed: int = 1) -> Any:
    """Parameters in float64 that are not small."""
    rng = np.random.default_rng(seed)
    return fg.tree.map(lambda p: fg.asarray(rng.normal(size=p.shape) / 2), model.init(KEY)[0])


def alike(found: Any, expected: Any, tolerance: float = 1e-10) -> None:
    for a, b in zip(fg.tree.leaves(found), fg.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=tolerance, atol=tolerance)


def objective(model: Any, **options: Any) -> Any:
    """A number that depends on all results, and on each alike."""

    def f(params: Any, x: Any) -> Any:
        found = fg.tree.leaves(model(params, x, **options))
        return sum((y * fnp.cos(fnp.arange(y.size, dtype=y.dtype)).reshape(y.shape)).sum() for y in found)

    return f
