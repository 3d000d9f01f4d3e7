"""What stands in a tree under a name, and the paths to it; see `tree_utils`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["DictKey", "NamedTupleKey", "SequenceKey", "tree_get", "tree_get_all_with_path", "tree_set"]


@dataclass(frozen=True)
class DictKey:
    """A step of a path: the value of that key in a dict.

    >>> from funcgrad import optim
    >>> str(optim.tree_utils.DictKey("w"))
    "['w']"
    """

    key: Any

    def __str__(self) -> str:
        return f"[{self.key!r}]"


@dataclass(frozen=True)
class SequenceKey:
    """A step of a path: the place in a tuple or list.

    >>> from funcgrad import optim
    >>> str(optim.tree_utils.SequenceKey(0))
    '[0]'
    """

    idx: int

    def __str__(self) -> str:
        return f"[{self.idx}]"


@dataclass(frozen=True)
class NamedTupleKey:
    """A step of a path: a field of a named tuple.

    Args:
        tuple_name: the name of the tuple's class.
        name: the field.

    >>> from funcgrad import optim
    >>> str(optim.tree_utils.NamedTupleKey("TraceState", "trace"))
    'TraceState.trace'
    """

    tuple_name: str
    name: str

    def __str__(self) -> str:
        return f"{self.tuple_name}.{self.name}"


Key: TypeAlias = DictKey | SequenceKey | NamedTupleKey
Path: TypeAlias = tuple[Key, ...]
"""The steps from the root of a tree, of the outermost node first."""
Filtering: TypeAlias = Callable[[Path, Any], bool]


def tree_get_all_with_path(tree: Any, key: str, filtering: Filtering | None = None) -> list[tuple[Path, Any]]:
    """Pairs (path, value) of all that stand under a name in a tree: fields of named tuples, keys of dicts.

    Args:
        tree: a pytree, mostly a state.
        key: the name; or the name of a named tuple's class, for all of those.
        filtering: (path, value) -> whether it counts. A path is a tuple of `NamedTupleKey`, `DictKey` and
            `SequenceKey`, the value's own step last.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> (path, value), = optim.tree_utils.tree_get_all_with_path(optim.adam(0.5).init(fnp.zeros(1)), "learning_rate")
    >>> value, path[-1], "".join(map(str, path))
    (Array(0.5, dtype=float32), DictKey(key='learning_rate'), "[1]HyperparamsState.hyperparams['learning_rate']")
    """
    found: list[tuple[Path, Any]] = []

    def visit(part: Any, path: Path) -> None:
        for step, below in _steps(part):
            place = (*path, step)
            if key in (_name(step), type(below).__name__ if hasattr(below, "_fields") else None):
                found.append((place, below))
            visit(below, place)

    if hasattr(tree, "_fields") and type(tree).__name__ == key:
        found.append(((), tree))
    visit(tree, ())
    return [(path, value) for path, value in found if filtering is None or filtering(path, value)]


def tree_get(tree: Any, key: str, default: Any = None, filtering: Filtering | None = None) -> Any:
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
        raise KeyError(f"tree_get: {key!r} stands in {', '.join(''.join(map(str, path)) for path, _ in found)}")
    return found[0][1] if found else default


def tree_set(tree: Any, filtering: Filtering | None = None, /, **kwargs: Any) -> Any:
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

    def changed(part: Any, path: Path) -> Any:
        values: list[Any] = []
        for step, below in _steps(part):
            name, place = _name(step), (*path, step)
            chosen = name in kwargs and (filtering is None or filtering(place, below))
            values.append(kwargs[name] if chosen else changed(below, place))
        if isinstance(part, dict):
            return type(part)(zip(part, values, strict=True))
        if isinstance(part, tuple | list):
            return type(part)(*values) if hasattr(part, "_fields") else type(part)(values)
        return part

    return changed(tree, ())


def _steps(part: Any) -> list[tuple[Key, Any]]:
    """What a node holds, each value with the step to it."""
    if isinstance(part, dict):
        return [(DictKey(key), x) for key, x in part.items()]
    if isinstance(part, tuple | list):
        fields = getattr(part, "_fields", None)
        if fields is not None:
            return [(NamedTupleKey(type(part).__name__, name), x) for name, x in zip(fields, part, strict=True)]
        return [(SequenceKey(i), x) for i, x in enumerate(part)]
    return []


def _name(step: Key) -> Any:
    """What a value is asked for by; a place in a sequence is no name."""
    if isinstance(step, DictKey):
        return step.key
    return step.name if isinstance(step, NamedTupleKey) else None
