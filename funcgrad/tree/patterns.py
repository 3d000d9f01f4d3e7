"""Leaves chosen by their paths: globs and regular expressions.

The path of a leaf is here its entries joined by slashes, `blocks/0/conv1/weight`. A pattern is one of

- a glob: `*` stands for any characters, slashes among them, `?` for one character, `[ab]` and `[!ab]` for one of a set
  or of the others; upper and lower case differ. A leading `*/` may also stand for nothing, so that `*/bias` is every
  bias. What matches the path of a subtree matches every leaf in it: `encoder` is the same as `encoder/*`.
- a compiled regular expression, `re.compile(r"conv\\d/")`, which is searched for in the path.
- a list or tuple of patterns, of which one at least must match.
"""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Sequence
from typing import Any, TypeAlias

from ..errors import TreeError
from .structure import IsLeaf, Structure, flatten, keystr, paths, unflatten

__all__ = ["Pattern", "first_matches", "path_string", "path_strings", "patterns_of", "select", "unmatched"]

Pattern: TypeAlias = "str | re.Pattern[str]"
"""A glob or a compiled regular expression of paths."""


def path_string(path: str) -> str:
    """A path with slashes between its entries, as patterns see it.

    Args:
        path: from `flatten_with_path` or `map_with_path`.

    >>> from funcgrad import tree
    >>> [tree.path_string(path) for path, _ in tree.leaves_with_path({"blocks": [{"weight": 1.0}]})]
    ['blocks/0/weight']
    """
    return keystr(path, simple=True, separator="/")


@functools.lru_cache(maxsize=256)
def path_strings(structure: Structure) -> tuple[str, ...]:
    """The paths of all leaves of a structure, with slashes between their entries.

    >>> from funcgrad import tree
    >>> tree.path_strings(tree.structure({"blocks": [{"weight": 1.0, "bias": 0.0}]}))
    ('blocks/0/bias', 'blocks/0/weight')
    """
    return tuple(path_string(path) for path in paths(structure))


def select(tree: Any, pattern: Pattern | Sequence[Pattern], is_leaf: IsLeaf = None) -> Any:
    """A tree of booleans: True where the path of the leaf matches a pattern.

    Args:
        tree: any pytree.
        pattern: a glob, a compiled regular expression, or several of them in a list or tuple; see
            `help(funcgrad.tree.patterns)`.
        is_leaf: True for nodes to be treated as leaves.

    Returns:
        A tree of the same structure, for `tree.partition`, `optim.masked` and others that take such a tree.

    Raises:
        TreeError: the pattern is none of these.

    >>> import re
    >>> from funcgrad import tree
    >>> params = {"blocks": [{"weight": 1.0, "bias": 2.0}], "head": {"weight": 3.0, "bias": 4.0}}
    >>> tree.select(params, "*/bias")
    {'blocks': [{'weight': False, 'bias': True}], 'head': {'weight': False, 'bias': True}}
    >>> tree.select(params, ["head", re.compile("0/w")])
    {'blocks': [{'weight': True, 'bias': False}], 'head': {'weight': True, 'bias': True}}
    >>> tree.partition(params, tree.select(params, "head"))[0]
    {'blocks': [{'weight': None, 'bias': None}], 'head': {'weight': 3.0, 'bias': 4.0}}
    """
    given = patterns_of(pattern)
    if given is None:
        raise TreeError(f"tree.select takes a glob, a compiled re.Pattern, or a list of them, not {pattern!r:.60}")
    _, structure = flatten(tree, is_leaf)
    return unflatten(structure, [number is not None for number in first_matches(given, structure)])


def patterns_of(value: Any) -> tuple[Pattern, ...] | None:
    """The patterns of a pattern or of a list or tuple of them; None where the value is something else."""
    if isinstance(value, str | re.Pattern):
        return (value,)
    if isinstance(value, list | tuple) and value and not hasattr(value, "_fields"):
        return tuple(value) if all(isinstance(one, str | re.Pattern) for one in value) else None
    return None


@functools.lru_cache(maxsize=256)
def first_matches(patterns: tuple[Pattern, ...], structure: Structure) -> tuple[int | None, ...]:
    """For each leaf the number of the first pattern that matches it, None where none does."""
    expressions = [_expression(pattern) for pattern in patterns]
    return tuple(
        next((i for i, expression in enumerate(expressions) if expression.search(path)), None)
        for path in path_strings(structure)
    )


def unmatched(patterns: tuple[Pattern, ...], structure: Structure) -> list[Pattern]:
    """The patterns that match no leaf, whichever comes first."""
    return [pattern for pattern in patterns if not any(n == 0 for n in first_matches((pattern,), structure))]


def _expression(pattern: Pattern) -> re.Pattern[str]:
    """What to search for in a path."""
    if isinstance(pattern, re.Pattern):
        return pattern
    rest = pattern[2:] if pattern.startswith("*/") else pattern
    body = fnmatch.translate(rest).removesuffix(r"\Z").removesuffix(r"\z")
    return re.compile(rf"\A{'(?:.*/)?' if rest is not pattern else ''}{body}(?:/|\Z)", re.DOTALL)
