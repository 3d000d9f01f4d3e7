"""Flatten, map and register: all that asks optree, whose only importer this file is."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import functools
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias, TypeVar

import optree

from ..errors import TreeError

__all__ = [
    "Partial",
    "Structure",
    "all",
    "broadcast",
    "broadcast_prefix",
    "difference",
    "flatten",
    "flatten_with_path",
    "keystr",
    "leaves",
    "leaves_with_path",
    "map",
    "map_with_path",
    "paths",
    "reduce",
    "register_dataclass",
    "register_holder",
    "register_node",
    "register_pytree_node",
    "register_pytree_node_class",
    "register_pytree_with_keys",
    "register_pytree_with_keys_class",
    "register_static",
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
    if not _HOLDERS.isdisjoint(builtins.map(type, leaves)):
        leaves = [_held(leaf) for leaf in leaves]
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
    return [(a.codify(""), _held(x)) for a, x in zip(accessors, found, strict=True)], spec


def leaves_with_path(tree: Any, is_leaf: IsLeaf = None) -> list[tuple[str, Any]]:
    """Pairs (path, leaf), left to right: the first result of `flatten_with_path`."""
    return flatten_with_path(tree, is_leaf)[0]


def paths(structure: Structure) -> list[str]:
    """The paths of the leaves of a structure, left to right.

    >>> from funcgrad import tree
    >>> tree.paths(tree.structure({"w": 1, "b": (2, 3)}))
    ["['b'][0]", "['b'][1]", "['w']"]
    """
    return [accessor.codify("") for accessor in structure.accessors()]


_ENTRY = re.compile(r"""\.(\w+)|\[('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^]]*)\]""")


def keystr(path: str, *, simple: bool = False, separator: str = "") -> str:
    """A path in other words: its entries joined by a separator, "layers/0/w" for "['layers'][0].w".

    Args:
        path: from `flatten_with_path` or `map_with_path`.
        simple: the names and numbers alone, without brackets, quotes and dots.
        separator: between entries.

    >>> from funcgrad import tree
    >>> [tree.keystr(path, simple=True, separator="/") for path, _ in tree.leaves_with_path({"layers": [{"w": 1}]})]
    ['layers/0/w']
    """
    found = []
    for entry in _ENTRY.finditer(path):
        name, key = entry.groups()
        quoted = key is not None and key[:1] in ("'", '"')
        plain = name if key is None else ast.literal_eval(key) if quoted else key
        found.append(plain if simple else entry.group())
    return separator.join(found)


_NOT_GIVEN: Any = object()


def reduce(f: Callable[[Any, Any], Any], tree: Any, initializer: Any = _NOT_GIVEN, is_leaf: IsLeaf = None) -> Any:
    """f(f(first, second), third)... over the leaves, starting from `initializer` where given.

    >>> from funcgrad import tree
    >>> tree.reduce(lambda total, x: total + x, {"w": 1, "b": (2, 3)})
    6
    """
    return functools.reduce(f, leaves(tree, is_leaf), *([] if initializer is _NOT_GIVEN else [initializer]))


def all(tree: Any, *, is_leaf: IsLeaf = None) -> bool:
    """True where every leaf is true."""
    return builtins.all(leaves(tree, is_leaf))


def transpose(outer: Structure, inner: Structure | None, tree: Any) -> Any:
    """A tree of trees turned inside out: structure `outer` of `inner` becomes `inner` of `outer`.

    Args:
        outer: the structure of `tree` down to the inner trees.
        inner: theirs; that of the first one where None.
        tree: of structure `outer`, with a tree of structure `inner` in place of each leaf.

    Raises:
        TreeError: the tree has another structure.

    >>> from funcgrad import tree
    >>> tree.transpose(tree.structure([0, 0]), None, [{"loss": 1, "steps": 2}, {"loss": 3, "steps": 4}])
    {'loss': [1, 3], 'steps': [2, 4]}
    """
    try:
        inner_trees = outer.flatten_up_to(tree)
        inner = structure(inner_trees[0]) if inner is None and inner_trees else inner
        columns = zip(*[inner.flatten_up_to(x) for x in inner_trees], strict=True) if inner is not None else ()
        return unflatten(inner, [unflatten(outer, column) for column in columns]) if inner is not None else tree
    except ValueError as error:
        words = difference(unflatten(outer, [0] * outer.num_leaves), tree, prefix=True)
        if words.startswith("the first is"):  # the outer one fits
            words = f"an inner tree is not {inner}: {error}"
        raise TreeError(f"tree.transpose: the outer structure (the first) and the tree (the second): {words}") from None


def broadcast(prefix: Any, full: Any, is_leaf: IsLeaf = None) -> Any:
    """The tree of `full`'s structure that has at every leaf the value of `prefix` above it.

    Args:
        prefix: a tree, each leaf of which stands where `full` has a tree.
        full: decides the structure.
        is_leaf: True for nodes of `prefix` to be treated as leaves.

    Raises:
        TreeError: `prefix` is not a prefix of `full`; the message names the first path that differs.

    >>> from funcgrad import tree
    >>> tree.broadcast({"body": 0.1, "head": 1.0}, {"body": [1, 2], "head": 3})
    {'body': [0.1, 0.1], 'head': 1.0}
    """
    found: list[Any] = []

    def spread(value: Any, below: Any) -> None:
        found.extend([value] * structure(below).num_leaves)

    map(spread, prefix, full, is_leaf=is_leaf)
    return unflatten(structure(full), found)


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


register_pytree_node = register_node  # its name in jax.tree_util


def register_holder(cls: type) -> None:
    """Make a class a leaf in whose place a flattened tree has what it holds, `x.freeze()`."""
    _HOLDERS.add(cls)


_HOLDERS: set[type] = set()


def _held(leaf: Any) -> Any:
    return leaf.freeze() if type(leaf) in _HOLDERS else leaf


class _KeyEntry(optree.PyTreeEntry):
    """A key that says by itself how it is written in a path."""

    def codify(self, /, node: str = "") -> str:
        return f"{node}{self.entry}" if re.match(r"[.\[]", str(self.entry)) else f"{node}[{self.entry!r}]"


def register_pytree_with_keys(
    cls: type,
    flatten_with_keys: Callable[[Any], tuple[Iterable[tuple[Any, Any]], Any]],
    unflatten_func: Callable[[Any, Iterable[Any]], Any],
    flatten_func: Callable[[Any], tuple[Iterable[Any], Any]] | None = None,
) -> None:
    """Make a class a node whose children have names in paths.

    Args:
        cls: the class.
        flatten_with_keys: x -> ([(key, child), ...], static). A key whose text starts with "." or "[" is written so
            (".weight"), another one in brackets ("['weight']").
        unflatten_func: (static, children) -> x.
        flatten_func: as for `register_node`; not needed here.

    >>> from funcgrad import tree
    >>> class Line:
    ...     def __init__(self, slope, offset):
    ...         self.slope, self.offset = slope, offset
    >>> tree.register_pytree_with_keys(
    ...     Line, lambda x: ([(".slope", x.slope), (".offset", x.offset)], None), lambda static, xs: Line(*xs)
    ... )
    >>> tree.leaves_with_path({"line": Line(1, 2)})
    [("['line'].slope", 1), ("['line'].offset", 2)]
    """

    def flatten(x: Any) -> tuple[list[Any], Any, tuple[Any, ...]]:
        pairs, static = flatten_with_keys(x)
        keys, children = tuple(zip(*pairs, strict=True)) or ((), ())
        return list(children), static, keys

    optree.register_pytree_node(cls, flatten, unflatten_func, path_entry_type=_KeyEntry, namespace=_NAMESPACE)


def register_pytree_node_class(cls: type[T]) -> type[T]:
    """Make a class with methods `tree_flatten` and `tree_unflatten` a node; a decorator.

    >>> from funcgrad import tree
    >>> @tree.register_pytree_node_class
    ... class Pair:
    ...     def __init__(self, x, y):
    ...         self.x, self.y = x, y
    ...     def tree_flatten(self):
    ...         return (self.x, self.y), None
    ...     @classmethod
    ...     def tree_unflatten(cls, static, children):
    ...         return cls(*children)
    >>> tree.leaves(Pair(1, (2, 3)))
    [1, 2, 3]
    """
    node: Any = cls
    register_node(node, lambda x: x.tree_flatten(), node.tree_unflatten)
    return cls


def register_pytree_with_keys_class(cls: type[T]) -> type[T]:
    """Make a class with methods `tree_flatten_with_keys` and `tree_unflatten` a node; a decorator.

    The methods are as `register_pytree_with_keys` and `register_pytree_node_class` have them.
    """
    node: Any = cls
    register_pytree_with_keys(node, lambda x: x.tree_flatten_with_keys(), node.tree_unflatten)
    return cls


def register_static(cls: type[T]) -> type[T]:
    """Make a class a node without leaves, whose instances, which must hash, belong to the structure; a decorator.

    >>> from funcgrad import tree
    >>> @tree.register_static
    ... class Mode(str):
    ...     pass
    >>> tree.map(lambda x: 2 * x, {"w": 1, "mode": Mode("fast")})
    {'w': 2, 'mode': 'fast'}
    """
    register_node(cls, lambda x: ((), x), lambda x, _: x)
    return cls


class Partial(functools.partial[Any]):
    """`functools.partial` as a pytree: the arguments are its children, the function belongs to the structure.

    So it can be an argument that is differentiated or mapped over.

    >>> import funcgrad as fg
    >>> apply = lambda f, x: f(x)
    >>> fg.grad(apply)(fg.tree.Partial(lambda a, x: a * x, 2.0), 3.0).args
    (Array(3., dtype=float32),)
    """

    def __new__(cls, func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Partial:
        # functools.partial would merge a partial's arguments with ours, and make children of them
        return super().__new__(cls, _Whole(func) if isinstance(func, functools.partial) else func, *args, **kwargs)


@dataclasses.dataclass(frozen=True, repr=False)
class _Whole:
    func: Callable[..., Any]

    def __repr__(self) -> str:
        return repr(self.func)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.func(*args, **kwargs)


register_node(Partial, lambda f: ((f.args, f.keywords), f.func), lambda func, xs: _rebind(func, *xs))


def _rebind(func: Any, args: Any, keywords: Any) -> Partial:
    return Partial(func, *args, **keywords)


def register_dataclass(
    cls: type[T],
    static: Iterable[str] = (),
    *,
    data_fields: Iterable[str] | None = None,
    meta_fields: Iterable[str] = (),
) -> type[T]:
    """Make a dataclass a node whose fields, but for static ones, are its children; a decorator.

    Args:
        cls: a dataclass.
        static: names of fields that hold no arrays (a name, a size): they belong to the structure, and must hash.
            Fields that say so themselves, `name: str = field(metadata={"static": True})`, are static too.
        data_fields, meta_fields: what JAX calls the children and the static ones; where given, data_fields must be
            all that are not static.

    Returns:
        The class. Trees of it are made anew without its `__init__`, since leaves need not be arrays (`tree.map`).

    Raises:
        TreeError: not a dataclass, or it has no such field, or a field that is neither a child nor static.

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
    constant = (*static, *meta_fields)
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        raise TreeError(f"register_dataclass: {cls!r:.60} is not a dataclass: put @dataclass below it")
    names = [field.name for field in dataclasses.fields(cls)]
    constant += tuple(f.name for f in dataclasses.fields(cls) if f.metadata.get("static") and f.name not in constant)
    if unknown := [name for name in constant if name not in names]:
        raise TreeError(f"register_dataclass: {cls.__name__} has no field {unknown[0]!r}; it has {', '.join(names)}")
    children = tuple(name for name in names if name not in constant)
    if data_fields is not None and set(data_fields := tuple(data_fields)) != set(children):
        listed = ", ".join(data_fields)
        raise TreeError(
            f"register_dataclass: the fields of {cls.__name__} that are not static are {', '.join(children)}; "
            f"data_fields has {listed}"
        )

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


def difference(
    a: Any,
    b: Any,
    *,
    prefix: bool = False,
    none_is_leaf: bool = False,
    names: Sequence[str] = ("the first", "the second"),
) -> str:
    """The first place where two trees differ in structure, in words.

    Args:
        a, b: the trees.
        prefix: whether a leaf of the first fits any tree of the second at its place.
        none_is_leaf: whether None is a leaf, and not a node without children.
        names: what the words call them.
    """
    found = _difference(a, b, "", prefix, none_is_leaf, names)
    return found or f"{names[0]} is {_shown(a)}, {names[1]} {_shown(b)}"


def _shown(tree: Any) -> str:
    """A structure as the user would type it, a * for each leaf: {'w': *}."""
    return (
        str(structure(tree)).removeprefix("PyTreeSpec(").removesuffix(")").removesuffix(f", namespace={_NAMESPACE!r}")
    )


def _difference(a: Any, b: Any, path: str, prefix: bool, none_is_leaf: bool, names: Sequence[str]) -> str:
    (names_a, kind_a, children_a), (names_b, kind_b, children_b) = (_children(x, none_is_leaf) for x in (a, b))
    if prefix and kind_a is None:
        return ""
    at = f"at {path or 'the top'}:"
    if kind_a is not kind_b:
        return f"{at} {names[0]} is {_name(a, kind_a)}, {names[1]} {_name(b, kind_b)}"
    if names_a != names_b:
        only = [
            f"only {which} has {', '.join(n for n in mine if n not in others)}"
            for which, mine, others in ((names[0], names_a, names_b), (names[1], names_b, names_a))
            if not set(mine) <= set(others)
        ]
        return f"{at} {' and '.join(only) or 'the keys have another order'}"
    pairs = zip(names_a, children_a, children_b, strict=True)
    return next(filter(None, (_difference(x, y, path + n, prefix, none_is_leaf, names) for n, x, y in pairs)), "")


def _name(tree: Any, kind: type | None) -> str:
    if tree is None:
        return "None"
    return "a leaf" if kind is None else f"{'an' if kind.__name__[:1] in 'AEIOU' else 'a'} {kind.__name__}"


def _children(tree: Any, none_is_leaf: bool) -> tuple[list[str], type | None, list[Any]]:
    """Names, type and children of the tree's top node; a leaf has type None."""
    if structure(tree).is_leaf() or (tree is None and none_is_leaf):
        return [], None, []
    if tree is None:
        return [], type(None), []
    accessors, children, _ = optree.tree_flatten_with_accessor(
        tree, lambda x: x is not tree, none_is_leaf=True, namespace=_NAMESPACE
    )
    return [accessor.codify("") for accessor in accessors], type(tree), list(children)
