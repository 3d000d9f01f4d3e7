"""Pytrees: nested containers of arrays, by optree (whose only importer this file is).

Dicts, lists, tuples, named tuples, `OrderedDict`, `defaultdict`, `deque` and registered classes are nodes, everything
else is a leaf. `None` is an empty node, as in JAX. Dicts are walked in the order of their sorted keys.

    >>> from funcgrad import tree
    >>> tree.map(lambda x: 2 * x, {"w": 1, "b": (2, 3)})
    {'w': 2, 'b': (4, 6)}
    >>> tree.leaves({"w": 1, "b": (2, 3)})
    [2, 3, 1]
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, TypeVar

import optree

from .errors import TreeError

__all__ = [
    "Structure",
    "all",
    "broadcast_prefix",
    "flatten",
    "flatten_with_path",
    "leaves",
    "map",
    "map_with_path",
    "reduce",
    "register_dataclass",
    "register_node",
    "same_structure",
    "structure",
    "transpose",
    "unflatten",
]

T = TypeVar("T")
Structure: TypeAlias = optree.PyTreeSpec
IsLeaf: TypeAlias = Callable[[Any], bool] | None

_NAMESPACE = "funcgrad"


def flatten(tree: Any, is_leaf: IsLeaf = None, *, none_is_leaf: bool = False) -> tuple[list[Any], Structure]:
    """The leaves of a tree, left to right, and its structure; `unflatten` is the inverse.

    Args:
        tree: any pytree.
        is_leaf: True for nodes to be treated as leaves.
        none_is_leaf: whether None is a leaf, and not a node without children.

    >>> from funcgrad import tree
    >>> leaves, structure = tree.flatten({"w": 1, "b": (2, 3)})
    >>> leaves, tree.unflatten(structure, [x * 10 for x in leaves])
    ([2, 3, 1], {'w': 10, 'b': (20, 30)})
    """
    leaves, structure = optree.tree_flatten(tree, is_leaf, none_is_leaf=none_is_leaf, namespace=_NAMESPACE)
    return list(leaves), structure


def unflatten(structure: Structure, leaves: Iterable[Any]) -> Any:
    """The tree of that structure with those leaves: the inverse of `flatten` (arguments in JAX's order)."""
    return optree.tree_unflatten(structure, leaves)


def leaves(tree: Any, is_leaf: IsLeaf = None) -> list[Any]:
    """The leaves of a tree, left to right."""
    return flatten(tree, is_leaf)[0]


def structure(tree: Any, is_leaf: IsLeaf = None) -> Structure:
    """What is left of a tree without its leaves; two trees fit each other when their structures are equal."""
    return flatten(tree, is_leaf)[1]


def map(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf = None) -> Any:
    """The tree of f(leaf, leaf of each of the rest).

    Args:
        f: called once a leaf of `tree`, with the subtrees of the rest at the same place.
        tree: decides the structure of the result.
        *rest: trees that `tree`'s structure is a prefix of.
        is_leaf: True for nodes to be treated as leaves.

    Returns:
        A tree of the first one's structure.

    Raises:
        TreeError: a tree of the rest has another structure; the message names the first path that differs.

    >>> from funcgrad import tree
    >>> tree.map(lambda p, g: p - 0.5 * g, {"w": 1.0, "b": 2.0}, {"w": 4.0, "b": 2.0})
    {'w': -1.0, 'b': 1.0}
    """
    found, spec = flatten(tree, is_leaf)
    columns = [found]
    for k, other in enumerate(rest):
        try:
            columns.append(spec.flatten_up_to(other))
        except ValueError as error:
            words = difference(tree, other, prefix=True)
            raise TreeError(f"tree.map: the first tree and number {k + 2} (the second here) differ: {words}") from error
    return unflatten(spec, [f(*row) for row in zip(*columns, strict=True)])


def map_with_path(f: Callable[..., Any], tree: Any, *rest: Any, is_leaf: IsLeaf = None) -> Any:
    """As `map`, with the leaf's path ("['layers'][0].w") as f's first argument.

    >>> from funcgrad import tree
    >>> tree.map_with_path(lambda path, x: "w" in path, {"w": 1, "b": 2})     # a mask for optim.masked
    {'w': True, 'b': False}
    """
    names = iter(flatten_with_path(tree, is_leaf)[0])
    return map(lambda *xs: f(next(names)[0], *xs), tree, *rest, is_leaf=is_leaf)


def flatten_with_path(tree: Any, is_leaf: IsLeaf = None) -> tuple[list[tuple[str, Any]], Structure]:
    """Pairs (path, leaf), left to right, and the structure; a path is what you would type after the tree's name.

    >>> from funcgrad import tree
    >>> tree.flatten_with_path({"w": 1, "b": (2, 3)})[0]
    [("['b'][0]", 2), ("['b'][1]", 3), ("['w']", 1)]
    """
    accessors, found, spec = optree.tree_flatten_with_accessor(tree, is_leaf, namespace=_NAMESPACE)
    return [(a.codify(""), x) for a, x in zip(accessors, found, strict=True)], spec


def reduce(f: Callable[[Any, Any], Any], tree: Any, *initial: Any) -> Any:
    """f(f(first, second), third)... over the leaves, starting from `initial` where given."""
    return optree.tree_reduce(f, tree, *initial, namespace=_NAMESPACE)


def all(tree: Any) -> bool:
    """True where every leaf is true."""
    return bool(optree.tree_all(tree, namespace=_NAMESPACE))


def transpose(outer: Structure, inner: Structure, tree: Any) -> Any:
    """A tree of trees turned inside out: structure `outer` of `inner` becomes `inner` of `outer`."""
    return optree.tree_transpose(outer, inner, tree)


def broadcast_prefix(prefix: Any, full: Any) -> list[Any]:
    """One value of `prefix` for each leaf of `full`; `None` is a leaf in both (an axis that is not mapped).

    Raises:
        ValueError: `prefix` is not a prefix of `full`.
    """
    return list(optree.broadcast_prefix(prefix, full, none_is_leaf=True, namespace=_NAMESPACE))


def register_node(
    cls: type,
    flatten: Callable[[Any], tuple[Iterable[Any], Any]],
    unflatten: Callable[[Any, Iterable[Any]], Any],
) -> None:
    """Make a class a node: `flatten(x) -> (children, static)`, `unflatten(static, children) -> x` (JAX's order)."""
    optree.register_pytree_node(cls, flatten, unflatten, namespace=_NAMESPACE)


def register_dataclass(cls: type[T], static: Iterable[str] = ()) -> type[T]:
    """Make a dataclass a node whose fields are its children; a decorator where no field is static.

    Args:
        cls: a dataclass.
        static: names of fields that hold no arrays (a name, a size): they belong to the structure, and must hash.

    Returns:
        The class. Trees of it are made anew without its `__init__`, since leaves need not be arrays (`tree.map`).

    Raises:
        TreeError: not a dataclass, or it has no such field.

    >>> from dataclasses import dataclass
    >>> import funcgrad as fg
    >>> @fg.tree.register_dataclass
    ... @dataclass
    ... class Line:
    ...     slope: float
    ...     offset: float
    >>> fg.grad(lambda line: line.slope * 3 + line.offset)(Line(2.0, 1.0))
    Line(slope=Array(3., dtype=float32), offset=Array(1., dtype=float32))
    """
    constant = tuple(static)
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        raise TreeError(f"register_dataclass: {cls!r:.60} is not a dataclass: put @dataclass below it")
    names = [field.name for field in dataclasses.fields(cls)]
    if unknown := [name for name in constant if name not in names]:
        raise TreeError(f"register_dataclass: {cls.__name__} has no field {unknown[0]!r}; it has {', '.join(names)}")
    children = tuple(name for name in names if name not in constant)

    def flatten(x: Any) -> tuple[list[Any], Any, tuple[str, ...]]:
        return [getattr(x, name) for name in children], tuple(getattr(x, name) for name in constant), children

    def unflatten(values: Any, found: Iterable[Any]) -> Any:
        made = object.__new__(cls)
        for name, value in [*zip(children, found, strict=True), *zip(constant, values, strict=True)]:
            object.__setattr__(made, name, value)
        return made

    node: Any = cls  # optree asks for a Collection, which it does not need to be
    optree.register_pytree_node(node, flatten, unflatten, path_entry_type=optree.GetAttrEntry, namespace=_NAMESPACE)
    return cls


def same_structure(a: Any, b: Any) -> bool:
    """Do two trees fit each other?"""
    return structure(a) == structure(b)


def difference(a: Any, b: Any, *, prefix: bool = False, none_is_leaf: bool = False) -> str:
    """The first place where two trees differ in structure, in words.

    Args:
        a, b: the trees, which the words call the first and the second.
        prefix: whether a leaf of the first fits any tree of the second at its place.
        none_is_leaf: whether None is a leaf, and not a node without children.
    """
    found = _difference(a, b, "", prefix, none_is_leaf)
    return found or f"the first is {structure(a)}, the second {structure(b)}"


def _difference(a: Any, b: Any, path: str, prefix: bool, none_is_leaf: bool) -> str:
    (names_a, kind_a, children_a), (names_b, kind_b, children_b) = (_children(x, none_is_leaf) for x in (a, b))
    if prefix and kind_a is None:
        return ""
    at = f"at {path or 'the top'}:"
    if kind_a is not kind_b:
        return f"{at} the first is {_name(a, kind_a)}, the second {_name(b, kind_b)}"
    if names_a != names_b:
        only = [
            f"only the {which} has {', '.join(n for n in mine if n not in others)}"
            for which, mine, others in (("first", names_a, names_b), ("second", names_b, names_a))
            if not set(mine) <= set(others)
        ]
        return f"{at} {' and '.join(only) or 'the keys have another order'}"
    pairs = zip(names_a, children_a, children_b, strict=True)
    return next(filter(None, (_difference(x, y, path + n, prefix, none_is_leaf) for n, x, y in pairs)), "")


def _name(tree: Any, kind: type | None) -> str:
    if tree is None:
        return "None"
    return "a leaf" if kind is None else f"a {kind.__name__}"


def _children(tree: Any, none_is_leaf: bool) -> tuple[list[str], type | None, list[Any]]:
    """Names, type and children of the tree's top node; a leaf has type None."""
    if structure(tree).is_leaf() or (tree is None and none_is_leaf):
        return [], None, []
    children, _, entries, _ = optree.tree_flatten_one_level(tree, namespace=_NAMESPACE)
    return [f"[{entry!r}]" for entry in entries], type(tree), list(children)
