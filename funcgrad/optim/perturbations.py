"""Functions without a useful derivative, smoothed by noise on their argument: sorting, argmax, shortest paths.

The derivative is estimated from values of the function alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .. import random, tree
from ..core import Array
from ..errors import DtypeError, OptionError
from ..numpy import exp, mean, sum
from ..ops.create import to_inexact
from ..transforms.grad import stop_gradient
from ..transforms.vmap import vmap
from .transformation import floating_leaves

__all__ = ["Gumbel", "Normal", "make_perturbed_fun"]


@dataclass(frozen=True)
class Gumbel:
    """Gumbel's distribution, of density exp(-z - exp(-z)); the perturbed argmax of x is then softmax(x / sigma).

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.perturbations.Gumbel().log_prob(fnp.asarray(0.0))
    Array(-1., dtype=float32)
    """

    def sample(self, key: random.Key, sample_shape: Sequence[int] = (), dtype: Any = None) -> Array:
        """Numbers of this distribution."""
        return random.gumbel(key, tuple(sample_shape), dtype)

    def log_prob(self, inputs: Any) -> Array:
        """The logarithm of the density."""
        z = to_inexact(inputs)
        return -z - exp(-z)


@dataclass(frozen=True)
class Normal:
    """The standard normal distribution.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.perturbations.Normal().log_prob(fnp.asarray(2.0))
    Array(-2., dtype=float32)
    """

    def sample(self, key: random.Key, sample_shape: Sequence[int] = (), dtype: Any = None) -> Array:
        """Numbers of this distribution."""
        return random.normal(key, tuple(sample_shape), dtype)

    def log_prob(self, inputs: Any) -> Array:
        """The logarithm of the density but for its constant, log(2 pi) / 2, which optax leaves out too."""
        z = to_inexact(inputs)
        return -0.5 * (z * z)


def make_perturbed_fun(
    fun: Callable[[Any], Any],
    num_samples: int = 1000,
    sigma: float = 0.1,
    noise: Any = Gumbel(),  # it is frozen
    use_baseline: bool = True,
) -> Callable[[random.Key, Any], Any]:
    """The mean of a function over noise on its argument, whose derivatives of all orders are estimated from values.

        f_sigma(x) = E f(y)   with   y = x + sigma z
        grad f_sigma(x) = E f(y) grad log p((y - x) / sigma)   where y is held

    The estimates are without bias, so that a derivative exists although the function is flat between jumps.

    Args:
        fun: a function from a pytree of floating arrays to one of arrays. It is called under `vmap`.
        num_samples: how many values are averaged.
        sigma: of the noise, positive.
        noise: an object with the methods `sample(key, sample_shape, dtype)` and `log_prob(inputs)`.
        use_baseline: whether to take f(x) from the values before they are weighted: less variance.

    Returns:
        A function (key, x), with outputs like those of `fun`, floating.

    Raises:
        ValueError: `num_samples` or `sigma` not positive.
        DtypeError: `fun` is no function; by the result, x holds no floats.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> from funcgrad import optim, random
    >>> smooth = optim.perturbations.make_perturbed_fun(lambda x: fnp.where(x > 0, x, 0).sum(), num_samples=20000)
    >>> fnp.round(fg.grad(smooth, argnums=1)(random.key(0), fnp.zeros(2)), 1)  # 1 - exp(-1)
    Array([0.6, 0.6], dtype=float32)

    Source: Berthet et al., Learning with Differentiable Perturbed Optimizers, 2020, arXiv:2002.08676; for all orders
    Foerster et al., DiCE: The Infinitely Differentiable Monte Carlo Estimator, 2018, arXiv:1802.05098.
    """
    if not callable(fun):
        raise DtypeError(f"make_perturbed_fun takes a function, not {fun!r:.60}")
    if isinstance(num_samples, bool) or not isinstance(num_samples, int) or num_samples < 1:
        raise OptionError(f"make_perturbed_fun: num_samples must be a positive integer, not {num_samples!r}")
    if not isinstance(sigma, Array) and not sigma > 0:
        raise OptionError(f"make_perturbed_fun: sigma must be positive, not {sigma}")

    def perturbed(key: random.Key, x: Any) -> Any:
        leaves, structure = floating_leaves("make_perturbed_fun", "x", x)
        keys = random.split(key, max(len(leaves), 1))
        points: list[Array] = []
        log_probs: list[Array] = []
        for leaf, one in zip(leaves, keys, strict=False):
            z = noise.sample(one, (num_samples, *leaf.shape), leaf.dtype)
            points.append(stop_gradient(leaf + sigma * z))
            found = noise.log_prob((points[-1] - leaf) / sigma)
            log_probs.append(sum(found.reshape((num_samples, -1)), axis=1))
        if not leaves:
            return tree.map(to_inexact, fun(x))
        outputs = vmap(fun)(tree.unflatten(structure, points))
        total = log_probs[0]
        for found in log_probs[1:]:
            total = total + found
        # 1 in value, and in its derivatives what weights the values in those of the mean
        weights = exp(total - stop_gradient(total))
        base = tree.map(stop_gradient, fun(x)) if use_baseline else tree.map(lambda y: 0.0, outputs)

        def averaged(y: Any, b: Any) -> Array:
            values = to_inexact(y)
            return mean((values - b) * weights.astype(values.dtype).reshape((-1, *[1] * (values.ndim - 1))), axis=0) + b

        return tree.map(averaged, outputs, base)

    return perturbed
