"""Trees that go with a tree: random ones, and running means of updates; see `tree_utils`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import numpy as fnp
from .. import random, tree
from ..dtypes import is_complex
from ..tree import map as map_leaves

__all__ = [
    "tree_bias_correction",
    "tree_random_like",
    "tree_split_key_like",
    "tree_update_infinity_moment",
    "tree_update_moment",
    "tree_update_moment_per_elem_norm",
]


# ---- random trees ------------------------------------------------------------------------------


def tree_split_key_like(rng_key: Any, target_tree: Any) -> Any:
    """A key for each leaf of a tree, all made of one.

    >>> from funcgrad import optim, random
    >>> len(optim.tree_utils.tree_split_key_like(random.key(0), {"a": 1.0, "b": 2.0}))
    2
    """
    structure = tree.structure(target_tree)
    return tree.unflatten(structure, list(random.split(rng_key, structure.num_leaves)))


def tree_random_like(
    rng_key: Any, target_tree: Any, sampler: Callable[..., Any] = random.normal, dtype: Any = None
) -> Any:
    """Random numbers in the shapes of a tree, and in its dtypes where none is given.

    Args:
        rng_key: a random key.
        target_tree: a tree of arrays.
        sampler: a function (key, shape, dtype) of `funcgrad.random`.
        dtype: of the result.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim, random
    >>> optim.tree_utils.tree_random_like(random.key(0), {"a": fnp.ones((2, 3))})["a"].shape
    (2, 3)
    """
    keys = tree_split_key_like(rng_key, target_tree)

    def draw(x: Any, key: Any) -> Any:
        x = fnp.asarray(x)
        return sampler(key, x.shape, dtype=x.dtype if dtype is None else dtype)

    return tree.map(draw, target_tree, keys)


# ---- means of updates --------------------------------------------------------------------------


def tree_update_moment(updates: Any, moments: Any, decay: Any, order: int) -> Any:
    """The running mean of powers: decay m + (1 - decay) g^order.

    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_update_moment({"a": 2.0}, {"a": 1.0}, 0.5, 2)
    {'a': 2.5}
    """
    return tree.map(lambda g, m: (1 - decay) * g**order + decay * m, updates, moments)


def tree_update_moment_per_elem_norm(updates: Any, moments: Any, decay: Any, order: int) -> Any:
    """The running mean of powers of magnitudes: decay m + (1 - decay) |g|^order, real also where g is complex.

    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_update_moment_per_elem_norm({"a": 3.0 + 4.0j}, {"a": 1.0}, 0.5, 2)
    {'a': Array(13., dtype=float32)}
    """

    def power(g: Any) -> Any:
        g = fnp.asarray(g)
        if order == 2 and is_complex(g.dtype):
            return fnp.square(fnp.real(g)) + fnp.square(fnp.imag(g))
        return fnp.abs(g) ** order if is_complex(g.dtype) else g**order

    return tree.map(lambda g, m: (1 - decay) * power(g) + decay * m, updates, moments)


def tree_update_infinity_moment(updates: Any, moments: Any, decay: Any, eps: Any) -> Any:
    """The running maximum: max(|g| + eps, decay m).

    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_update_infinity_moment({"a": -2.0}, {"a": 8.0}, 0.5, 0.0)
    {'a': Array(4., dtype=float32)}
    """
    return tree.map(lambda g, m: fnp.maximum(fnp.abs(g) + eps, decay * m), updates, moments)


def tree_bias_correction(moment: Any, decay: Any, count: Any) -> Any:
    """A running mean that began at 0, as it would be without that beginning: m / (1 - decay^count).

    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_bias_correction({"a": 1.0}, 0.5, 1)
    {'a': 2.0}
    """
    return map_leaves(lambda m: m * (1 / (1 - decay**count)), moment)
