"""Functions smoothed by noise: their means and derivatives, by statistics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad import random
from funcgrad.errors import DtypeError, OptionError
from funcgrad.optim.perturbations import Gumbel, Normal, make_perturbed_fun


def one_hot_of_largest(x: Any) -> Any:
    return fnp.where(x == x.max(-1, keepdims=True), 1.0, 0.0)


def test_the_largest_of_gumbel_noise_is_a_softmax() -> None:
    x = fnp.asarray([0.3, 0.0, -0.2])
    smooth = make_perturbed_fun(one_hot_of_largest, 50_000, sigma=0.5)
    weights = np.exp(np.asarray(x) / 0.5)
    p = weights / weights.sum()
    np.testing.assert_allclose(np.asarray(smooth(random.key(0), x)), p, atol=0.01)
    jacobian = fg.jacrev(smooth, argnums=1)(random.key(1), x)
    np.testing.assert_allclose(np.asarray(jacobian), (np.diag(p) - np.outer(p, p)) / 0.5, atol=0.03)


@pytest.mark.parametrize("use_baseline", [True, False])
def test_derivatives_of_a_ramp(use_baseline: bool) -> None:
    """f = max(x, 0) under normal noise: the first derivative is its distribution, the second its density."""

    def ramp(x: Any) -> Any:
        return fnp.maximum(x, 0)

    smooth = make_perturbed_fun(ramp, 200_000, 0.5, Normal(), use_baseline)
    key, x = random.key(2), fnp.asarray(0.25, "float64")
    z = 0.25 / 0.5
    below, density = 0.5 * (1 + math.erf(z / math.sqrt(2))), math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(float(smooth(key, x)), 0.25 * below + 0.5 * density, atol=0.01)
    np.testing.assert_allclose(float(fg.grad(smooth, argnums=1)(key, x)), below, atol=0.02)
    second = fg.grad(fg.grad(smooth, argnums=1), argnums=1)
    np.testing.assert_allclose(float(second(key, x)), density / 0.5, atol=0.05)


def test_trees_and_transforms() -> None:
    x = {"a": fnp.asarray([0.1, -0.2]), "b": fnp.asarray(0.3)}
    smooth = make_perturbed_fun(lambda t: {"sign": fnp.sign(t["a"]), "count": (t["b"] > 0).astype("int32")}, 100)

    def f(key: Any, x: Any) -> Any:
        found = smooth(key, x)
        return (found["sign"] ** 2).sum() + found["count"]

    grads = fg.grad(f, argnums=1)(random.key(0), x)
    jitted = fg.jit(fg.grad(f, argnums=1))(random.key(0), x)
    for name in x:
        assert grads[name].shape == x[name].shape
        np.testing.assert_allclose(np.asarray(jitted[name]), np.asarray(grads[name]), rtol=1e-4, atol=1e-4)
    keys = random.split(random.key(1), 3)
    many = fg.vmap(fg.grad(f, argnums=1), in_axes=(0, None))(keys, x)
    alone = fg.grad(f, argnums=1)(keys[1], x)
    np.testing.assert_allclose(np.asarray(many["a"][1]), np.asarray(alone["a"]), rtol=1e-4, atol=1e-4)


def test_densities_integrate_to_one() -> None:
    z = np.linspace(-8, 30, 100_001)
    for noise, constant in ((Gumbel(), 1.0), (Normal(), np.sqrt(2 * np.pi))):
        density = np.exp(np.asarray(noise.log_prob(z))) / constant
        np.testing.assert_allclose(density.sum() * (z[1] - z[0]), 1, atol=1e-4)


def test_messages() -> None:
    with pytest.raises(DtypeError, match="a function"):
        make_perturbed_fun(3)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="num_samples"):
        make_perturbed_fun(fnp.sign, 0)
    with pytest.raises(OptionError, match="sigma"):
        make_perturbed_fun(fnp.sign, sigma=0.0)
    with pytest.raises(DtypeError, match="x is"):
        make_perturbed_fun(fnp.sign)(random.key(0), fnp.asarray([1, 2]))


def test_the_same_statistics_as_optax() -> None:
    jax = pytest.importorskip("jax")
    optax = pytest.importorskip("optax")
    x = np.asarray([0.05, -0.02, 0.1], "float32")
    ours = make_perturbed_fun(lambda x: fnp.maximum(x, 0).sum(), 20_000)
    theirs = optax.perturbations.make_perturbed_fun(lambda x: jax.numpy.maximum(x, 0).sum(), 20_000)
    found = fg.value_and_grad(ours, argnums=1)(random.key(0), fnp.asarray(x))
    expected = jax.value_and_grad(theirs, argnums=1)(jax.random.key(0), jax.numpy.asarray(x))
    np.testing.assert_allclose(float(found[0]), float(expected[0]), atol=0.01)
    np.testing.assert_allclose(np.asarray(found[1]), np.asarray(expected[1]), atol=0.05)
