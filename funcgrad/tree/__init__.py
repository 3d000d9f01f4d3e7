"""Pytrees: nested containers of arrays, by optree.

Dicts, lists, tuples, named tuples, `OrderedDict`, `defaultdict`, `deque` and registered classes are nodes, everything
else is a leaf. `None` is an empty node, as in JAX. Dicts are walked in the order of their sorted keys.

    >>> from funcgrad import tree
    >>> tree.map(lambda x: 2 * x, {"w": 1, "b": (2, 3)})
    {'w': 2, 'b': (4, 6)}
    >>> tree.leaves({"w": 1, "b": (2, 3)})
    [2, 3, 1]
"""

from __future__ import annotations

from .parts import at, combine, filter, partition
from .patterns import Pattern, path_string, path_strings, select
from .structure import (
    Partial,
    Structure,
    all,
    broadcast,
    broadcast_prefix,
    difference,
    flatten,
    flatten_with_path,
    keystr,
    leaves,
    leaves_with_path,
    map,
    map_with_path,
    paths,
    reduce,
    register_dataclass,
    register_holder,
    register_node,
    register_pytree_node,
    register_pytree_node_class,
    register_pytree_with_keys,
    register_pytree_with_keys_class,
    register_static,
    same_structure,
    structure,
    transpose,
    unflatten,
)

__all__ = [
    "Partial",
    "Pattern",
    "Structure",
    "all",
    "at",
    "broadcast",
    "broadcast_prefix",
    "combine",
    "difference",
    "filter",
    "flatten",
    "flatten_with_path",
    "keystr",
    "leaves",
    "leaves_with_path",
    "map",
    "map_with_path",
    "partition",
    "path_string",
    "path_strings",
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
    "select",
    "structure",
    "transpose",
    "unflatten",
]
