"""Trees as states: running means of them, random ones, and what stands in them under a name; see `tree_utils`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import numpy as fnp
from .. import random, tree
from ..dtypes import is_complex
from ..tree import map as map_leaves

__all__ = [
    "tree_bias_correction",
    "tree_get",
    "tree_get_all_with_path",
    "tree_random_like",
    "tree_set",
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


# ---- by names ----------------------------------------------------------------------------------


def tree_get_all_with_path(
    tree: Any, key: str, filtering: Callable[[str, Any], bool] | None = None
) -> list[tuple[str, Any]]:
    """Pairs (path, value) of all that stand under a name in a tree: fields of named tuples, keys of dicts.

    Args:
        tree: a pytree, mostly a state.
        key: the name; or the name of a named tuple's class, for all of those.
        filtering: (path, value) -> whether it counts.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_get_all_with_path(optim.adam(0.5).init(fnp.zeros(1)), "learning_rate")
    [("[1].hyperparams['learning_rate']", Array(0.5, dtype=float32))]
    """
    found: list[tuple[str, Any]] = []

    def visit(part: Any, path: str) -> None:
        for name, below, place in named_parts(part, path):
            if key in (name, type(below).__name__ if hasattr(below, "_fields") else None):
                found.append((place, below))
            visit(below, place)

    if hasattr(tree, "_fields") and type(tree).__name__ == key:
        found.append(("", tree))
    visit(tree, "")
    return [(path, value) for path, value in found if filtering is None or filtering(path, value)]


def tree_get(tree: Any, key: str, default: Any = None, filtering: Callable[[str, Any], bool] | None = None) -> Any:
    """What stands under a name in a tree, `default` where nothing does; see `tree_get_all_with_path`.

    Raises:
        KeyError: several values have that name.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_get(optim.adam(0.5).init(fnp.zeros(1)), "learning_rate")
    Array(0.5, dtype=float32)
    """
    found = tree_get_all_with_path(tree, key, filtering)
    if len(found) > 1:
        raise KeyError(f"tree_get: {key!r} stands in {', '.join(path for path, _ in found)}")
    return found[0][1] if found else default


def tree_set(tree: Any, filtering: Callable[[str, Any], bool] | None = None, /, **kwargs: Any) -> Any:
    """A tree with other values under some names; see `tree_get_all_with_path`.

    Args:
        tree: a pytree, mostly a state.
        filtering: (path, value) -> whether it is replaced.
        **kwargs: the new values by name.

    Raises:
        KeyError: nothing has that name.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> state = optim.tree_utils.tree_set(optim.adam(0.5).init(fnp.zeros(1)), learning_rate=fnp.asarray(0.25))
    >>> optim.tree_utils.tree_get(state, "learning_rate")
    Array(0.25, dtype=float32)
    """
    for key in kwargs:
        if not tree_get_all_with_path(tree, key, filtering):
            raise KeyError(f"tree_set: nothing in the tree has the name {key!r}")

    def changed(part: Any, path: str) -> Any:
        new: dict[Any, Any] = {}
        for name, below, place in named_parts(part, path):
            chosen = name in kwargs and (filtering is None or filtering(place, below))
            new[place] = kwargs[name] if chosen else changed(below, place)
        values = list(new.values())
        if isinstance(part, dict):
            return type(part)(zip(part, values, strict=True))
        if isinstance(part, tuple | list):
            return type(part)(*values) if hasattr(part, "_fields") else type(part)(values)
        return part

    return changed(tree, "")


def named_parts(part: Any, path: str) -> list[tuple[Any, Any, str]]:
    """(name, value, path) of what a node holds; a list or a plain tuple has numbers for names."""
    if isinstance(part, dict):
        return [(key, x, f"{path}[{key!r}]") for key, x in part.items()]
    if isinstance(part, tuple | list):
        fields = getattr(part, "_fields", None)
        if fields is not None:
            return [(name, x, f"{path}.{name}") for name, x in zip(fields, part, strict=True)]
        return [(i, x, f"{path}[{i}]") for i, x in enumerate(part)]
    return []
