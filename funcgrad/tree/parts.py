"""Parts of trees: the leaves that a rule chooses, and trees with other values in some places."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from ..errors import TreeError
from .structure import IsLeaf, flatten, leaves, unflatten
from .structure import map as map_trees

__all__ = ["at", "combine", "filter", "partition"]

_NOT_GIVEN: Any = object()


def partition(tree: Any, filter_spec: Any, replace: Any = None, is_leaf: IsLeaf = None) -> tuple[Any, Any]:
    """The leaves that a rule chooses and the others, as two trees with `replace` in each other's places.

    None is a node without leaves, so a transform sees the chosen leaves alone; `combine` puts both together.

    Args:
        tree: any pytree.
        filter_spec: a function of a leaf, or a tree of such functions and booleans that is a prefix of `tree`.
        replace: what stands where a leaf was taken out.
        is_leaf: True for nodes to be treated as leaves.

    >>> import funcgrad as fg
    >>> model = {"w": 2.0, "name": "linear"}
    >>> params, rest = fg.tree.partition(model, lambda x: isinstance(x, float))
    >>> params, rest
    ({'w': 2.0, 'name': None}, {'w': None, 'name': 'linear'})
    >>> fg.grad(lambda params: fg.tree.combine(params, rest)["w"] ** 2)(params)
    {'w': Array(4., dtype=float32), 'name': None}

    Source: equinox.partition.
    """
    chosen = map_trees(lambda spec, below: _mask(spec, below, is_leaf), filter_spec, tree)
    found, spec = flatten(tree, is_leaf)
    mask = leaves(chosen)
    return tuple(
        unflatten(spec, [x if m is wanted else replace for x, m in zip(found, mask, strict=True)])
        for wanted in (True, False)
    )  # type: ignore[return-value]


def _mask(spec: Any, below: Any, is_leaf: IsLeaf) -> Any:
    """For each leaf of a subtree, whether it is chosen."""
    if isinstance(spec, bool):
        return [spec] * len(leaves(below, is_leaf))
    if not callable(spec):
        raise TreeError(f"tree.partition: filter_spec holds booleans and functions of a leaf, not {spec!r:.60}")
    return [bool(spec(x)) for x in leaves(below, is_leaf)]


def filter(tree: Any, filter_spec: Any, inverse: bool = False, replace: Any = None, is_leaf: IsLeaf = None) -> Any:
    """The tree with `replace` in place of the leaves that are not chosen (inverse: that are); as for `partition`.

    Source: equinox.filter.
    """
    return partition(tree, filter_spec, replace, is_leaf)[1 if inverse else 0]


def combine(*trees: Any, is_leaf: IsLeaf = None) -> Any:
    """At every place the value of the first tree that has one there, and not None: undoes `partition`.

    Source: equinox.combine.
    """

    def first(*values: Any) -> Any:
        return next((x for x in values if x is not None), None)

    return map_trees(first, *trees, is_leaf=lambda x: x is None or (is_leaf is not None and is_leaf(x)))


def at(
    where: Callable[[Any], Any],
    tree: Any,
    replace: Any = _NOT_GIVEN,
    replace_fn: Callable[[Any], Any] = _NOT_GIVEN,
    is_leaf: IsLeaf = None,
) -> Any:
    """The tree with other values in some places.

    Args:
        where: picks, from a tree of that structure, a leaf or a subtree, or a tuple or list of several.
        tree: any pytree; it does not change.
        replace: what comes in its place; of several a sequence.
        replace_fn: or what makes it of what stands there.
        is_leaf: True for nodes to be treated as leaves: `lambda x: x is None` to put something where None is.

    Raises:
        TreeError: `where` picks what is no part of the tree, or `replace` has another number of values.

    >>> from funcgrad import tree
    >>> tree.at(lambda t: t["layers"][1], {"layers": [1, 2], "scale": 3}, replace_fn=lambda x: 10 * x)
    {'layers': [1, 20], 'scale': 3}
    >>> tree.at(lambda t: (t["scale"], t["layers"]), {"layers": [1, 2], "scale": 3}, replace=(0, None))
    {'layers': None, 'scale': 0}

    Source: equinox.tree_at.
    """
    if (replace is _NOT_GIVEN) is (replace_fn is _NOT_GIVEN):
        raise TreeError("tree.at: give replace or replace_fn, one of them")
    found, spec = flatten(tree, is_leaf)
    places = unflatten(spec, [_Place(i) for i in range(len(found))])
    one = where(places)
    several = isinstance(one, tuple | list) and not _occurs(one, places)
    picked = list(one) if several else [one]
    values: Any = [replace] * len(picked) if replace_fn is not _NOT_GIVEN or not several else list(replace)
    if len(values) != len(picked):
        raise TreeError(f"tree.at: {len(values)} values for the {len(picked)} places that were picked")
    parts, outer = flatten(places, lambda x: any(x is p for p in picked))
    if sum(any(x is p for p in picked) for x in parts) != len(picked):
        raise TreeError("tree.at: `where` must pick leaves or subtrees of the tree it is given, each once")
    out = []
    for part in parts:
        k = next((k for k, p in enumerate(picked) if p is part), None)
        if k is not None and replace_fn is _NOT_GIVEN:
            out.append(values[k])
        else:
            below = map_trees(lambda place: found[place.index], part)
            out.append(below if k is None else replace_fn(below))
    return unflatten(outer, out)


@dataclasses.dataclass(frozen=True, eq=False)
class _Place:
    """Stands for a leaf in the tree that `at` shows to `where`."""

    index: int


def _occurs(part: Any, tree: Any) -> bool:
    return any(x is part for x in leaves(tree, lambda x: x is part))
