"""Transformations for a part of the parameters: `masked`, `freeze`.

A mask says which leaves: a tree of booleans, or a function from the parameters to one; or by their paths, a glob, a
compiled regular expression, or a list of these (`help(funcgrad.tree.patterns)`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .. import tree
from ..errors import DtypeError, TreeError
from ..tree.patterns import first_matches, patterns_of, unmatched
from .transformation import (
    GradientTransformation,
    GradientTransformationExtraArgs,
    checked,
    fitting,
    floating_leaves,
    need_state,
    set_to_zero,
    updated,
)
from .tree_params import AllParams

__all__ = ["MaskedState", "freeze", "masked"]


@dataclass(frozen=True)
class Mask:
    """A tree of booleans as a value that compares and hashes, which a dict of them does not."""

    flags: tuple[bool, ...]
    structure: tree.Structure

    @staticmethod
    def of(mask: Any) -> Mask | PathMask | Callable[[Any], Any]:
        """The mask of a tree of booleans or of patterns; a function of the parameters stays one."""
        if isinstance(mask, Mask | PathMask) or (callable(mask) and not isinstance(mask, bool)):
            return mask
        patterns = patterns_of(mask)
        if patterns is not None:
            return PathMask(patterns)
        leaves, structure = tree.flatten(mask)
        for path, flag in tree.flatten_with_path(mask)[0]:
            if not isinstance(flag, bool):
                raise DtypeError(f"a mask is a tree of True and False; mask{path} is {flag!r:.60}")
        return Mask(tuple(leaves), structure)

    def __repr__(self) -> str:
        return repr(tree.unflatten(self.structure, self.flags))


@dataclass(frozen=True)
class PathMask:
    """Patterns of paths as a mask."""

    patterns: tuple[tree.Pattern, ...]

    def __repr__(self) -> str:
        return repr(self.patterns[0] if len(self.patterns) == 1 else list(self.patterns))


def flags_of(mask: Mask | PathMask | Callable[[Any], Any], full: Any) -> list[bool]:
    """One boolean for each leaf of a tree of which the mask is a prefix."""
    found = mask if isinstance(mask, Mask | PathMask) else Mask.of(mask(full))
    if isinstance(found, PathMask):
        return _flags_by_path(found.patterns, tree.structure(full))
    if not isinstance(found, Mask):
        raise DtypeError("the mask function must return a tree of True and False, not a function")
    prefix = tree.unflatten(found.structure, found.flags)
    return [bool(flag) for flag in prefix_leaves("mask", prefix, full)]


def prefix_leaves(name: str, prefix: Any, full: Any) -> list[Any]:
    """For each leaf of a tree what a prefix of it holds there.

    Raises:
        TreeError: it is no prefix; the message has the name of what does not fit, and the path.
    """
    if isinstance(full, AllParams):
        return []
    try:
        values = tree.broadcast_prefix(prefix, full)
    except ValueError as error:
        raise TreeError(f"the {name} {prefix} does not fit the tree: {tree.difference(prefix, full)}") from error
    places = tree.flatten(full, none_is_leaf=True)[0]
    return [value for value, x in zip(values, places, strict=True) if x is not None]


@functools.lru_cache(maxsize=256)
def _flags_by_path(patterns: tuple[tree.Pattern, ...], structure: tree.Structure) -> list[bool]:
    nothing = unmatched(patterns, structure)
    if nothing and structure.num_leaves:
        raise TreeError(
            f"the mask {PathMask(patterns)}: no leaf matches {listed(nothing)}; the leaves are "
            f"{listed(tree.path_strings(structure))}"
        )
    return [number is not None for number in first_matches(patterns, structure)]


def listed(names: Any, most: int = 20) -> str:
    """Paths or patterns in a message, not more than a few."""
    shown = ", ".join(map(repr, names[:most]))
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


class MaskedState(NamedTuple):
    """The state of a masked transformation.

    Args:
        inner_state: of the transformation, which sees `None` where the mask is False.
    """

    inner_state: Any


@dataclass(frozen=True)
class masked(GradientTransformationExtraArgs):  # noqa: N801
    """A transformation of some of the updates; the others pass as they are.

    At the end of a chain the others are still gradients, which `apply_updates` would add: to train only a part of the
    parameters, put `freeze` there.

    Args:
        inner: the transformation.
        mask: a tree of booleans, True where `inner` works. One boolean may stand for a whole subtree. Or a function
            from the parameters (in `update` from the updates, which have their structure and shapes) to such a tree.
            Or a pattern of paths, as "*/bias", or a list of patterns: see `funcgrad.tree.select`.
        mask_compatible_extra_args: whether extra arguments that are trees like the updates are masked as they are.

    Raises:
        TreeError: the mask does not fit the tree, and the message names the path; or a pattern matches no leaf, and
            the message names those there are.
        DtypeError: the mask holds something else than booleans.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.masked(optim.scale(10.0), {"w": True, "b": False})
    >>> params = {"w": fnp.ones(2), "b": fnp.ones(1)}
    >>> opt.update(params, opt.init(params))[0]
    {'w': Array([10., 10.], dtype=float32), 'b': Array([1.], dtype=float32)}
    >>> optim.masked(optim.scale(10.0), "w").update(params, opt.init(params))[0]
    {'w': Array([10., 10.], dtype=float32), 'b': Array([1.], dtype=float32)}
    """

    inner: GradientTransformation
    mask: Any
    mask_compatible_extra_args: bool = field(default=False, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        checked(self, self.inner)
        object.__setattr__(self, "mask", Mask.of(self.mask))

    def init(self, params: Any) -> MaskedState:
        floating_leaves(self, "params", params)
        return MaskedState(self.inner.init(kept(params, flags_of(self.mask, params))))

    def update(self, updates: Any, state: Any, params: Any = None, **extra_args: Any) -> tuple[Any, MaskedState]:
        leaves, structure = fitting(self, updates, params)
        need_state(self, state, MaskedState)
        flags = flags_of(self.mask, updates)
        seen = None if params is None else kept(params, flags)
        if self.mask_compatible_extra_args:
            extra_args = kept_extra_args(extra_args, flags, structure)
        new, inner_state = updated(self.inner, kept(updates, flags), state.inner_state, seen, extra_args)
        changed = iter(tree.leaves(new))
        merged = [next(changed) if flag else x for flag, x in zip(flags, leaves, strict=True)]
        return tree.unflatten(structure, merged), MaskedState(inner_state)


def kept(full: Any, flags: list[bool]) -> Any:
    """The tree with `None`, an empty node, where the mask is False."""
    leaves, structure = tree.flatten(full)
    return tree.unflatten(structure, [x if flag else None for x, flag in zip(leaves, flags, strict=True)])


def kept_extra_args(extra_args: Mapping[str, Any], flags: list[bool], structure: tree.Structure) -> dict[str, Any]:
    """The extra arguments, those of this structure with `None` where the mask is False."""
    return {k: kept(v, flags) if tree.structure(v) == structure else v for k, v in extra_args.items()}


def freeze(mask: Any) -> masked:
    """Zeros for the updates of some parameters, which so stay what they are.

    Args:
        mask: True where the parameter is frozen, or a pattern of the paths of those; as for `masked`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.chain(optim.sgd(0.5), optim.freeze({"w": False, "b": True}))
    >>> params = {"w": fnp.ones(2), "b": fnp.ones(1)}
    >>> opt.update(params, opt.init(params))[0]
    {'w': Array([-0.5, -0.5], dtype=float32), 'b': Array([0.], dtype=float32)}
    >>> optim.freeze("b") == optim.freeze("b")
    True
    """
    return masked(set_to_zero(), mask)
