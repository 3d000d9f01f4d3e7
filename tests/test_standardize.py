"""`functional.standardize` against JAX and its formula."""

from __future__ import annotations

import numpy as np
import pytest
from models import close

import funcgrad as fg
import funcgrad.functional as F
from funcgrad.testing import check_grads

X = np.random.default_rng(0).normal(size=(3, 4, 5)) + 2
MASK = np.random.default_rng(1).random((3, 4, 5)) < 0.7


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"axis": (0, 2)},
        {"axis": None, "epsilon": 0.1},
        {"where": MASK},
        {"mean": 1.5},
        {"variance": np.linspace(1, 2, 5)},
        {"axis": 1, "mean": np.ones(5), "where": MASK[:, :, :1]},
    ],
    ids=str,
)
def test_standardize_is_jaxs(options):
    jax = pytest.importorskip("jax")
    with jax.enable_x64(True):
        expected = np.asarray(jax.nn.standardize(X, **options, algorithm="stable"))
    close(F.standardize(X, **options), expected, 1e-10)
    check_grads(lambda x: F.standardize(x, **options), (X,), order=2, rtol=1e-5)
    close(fg.jit(lambda x: F.standardize(x, **options))(X), expected, 1e-10)


def test_standardize_has_mean_zero_and_variance_one():
    y = np.asarray(F.standardize(X, epsilon=0.0))
    close(y.mean(-1), np.zeros((3, 4)))
    close(y.var(-1), np.ones((3, 4)))
    close(fg.vmap(F.standardize)(X), F.standardize(X), 1e-12)
    large = np.array([10000.0, 10001.0, 10002.0], np.float32)
    close(F.standardize(large, epsilon=0.0), [-(1.5**0.5), 0, 1.5**0.5])
    assert F.standardize(large.astype(np.float16)).dtype == np.float16
