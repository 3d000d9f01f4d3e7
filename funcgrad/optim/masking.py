"""Transformations for a part of the parameters: `masked`, `freeze`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from .. import tree
from ..errors import DtypeError, TreeError
from ..transforms.arguments import described
from .transformation import GradientTransformation, aligned, floating_leaves, set_to_zero

__all__ = ["MaskedState", "freeze", "masked"]


@dataclass(frozen=True)
class Mask:
    """A tree of booleans as a value that compares and hashes, which a dict of them does not."""

    flags: tuple[bool, ...]
    structure: tree.Structure

    @staticmethod
    def of(mask: Any) -> Mask | Callable[[Any], Any]:
        """The mask of a tree of booleans; a function of the parameters stays one."""
        if isinstance(mask, Mask) or (callable(mask) and not isinstance(mask, bool)):
            return mask
        leaves, structure = tree.flatten(mask)
        for path, flag in tree.flatten_with_path(mask)[0]:
            if not isinstance(flag, bool):
                raise DtypeError(f"a mask is a tree of True and False; mask{path} is {flag!r:.60}")
        return Mask(tuple(leaves), structure)

    def __repr__(self) -> str:
        return repr(tree.unflatten(self.structure, self.flags))


def flags_of(mask: Mask | Callable[[Any], Any], full: Any) -> list[bool]:
    """One boolean for each leaf of a tree of which the mask is a prefix."""
    found = Mask.of(mask if isinstance(mask, Mask) else mask(full))
    if not isinstance(found, Mask):
        raise DtypeError("the mask function must return a tree of True and False, not a function")
    prefix = tree.unflatten(found.structure, found.flags)
    try:
        flags = tree.broadcast_prefix(prefix, full)
    except ValueError as error:
        raise TreeError(f"the mask {prefix} does not fit the tree: {tree.difference(prefix, full)}") from error
    places = tree.flatten(full, none_is_leaf=True)[0]
    return [bool(flag) for flag, x in zip(flags, places, strict=True) if x is not None]


class MaskedState(NamedTuple):
    """The state of a masked transformation.

    Args:
        inner_state: of the transformation, which sees `None` where the mask is False.
    """

    inner_state: Any


@dataclass(frozen=True)
class masked(GradientTransformation):  # noqa: N801
    """A transformation of some of the updates; the others pass as they are.

    At the end of a chain the others are still gradients, which `apply_updates` would add: to train only a part of the
    parameters, put `freeze` there.

    Args:
        inner: the transformation.
        mask: a tree of booleans, True where `inner` works. One boolean may stand for a whole subtree. Or a function
            from the parameters (in `update` from the updates, which have their structure and shapes) to such a tree.

    Raises:
        TreeError: the mask does not fit the tree; the message names the path.
        DtypeError: the mask holds something else than booleans.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.masked(optim.scale(10.0), {"w": True, "b": False})
    >>> params = {"w": fnp.ones(2), "b": fnp.ones(1)}
    >>> opt.update(params, opt.init(params))[0]
    {'w': Array([10., 10.], dtype=float32), 'b': Array([1.], dtype=float32)}
    """

    inner: GradientTransformation
    mask: Any

    def __post_init__(self) -> None:
        object.__setattr__(self, "mask", Mask.of(self.mask))

    def init(self, params: Any) -> MaskedState:
        floating_leaves(self, "params", params)
        return MaskedState(self.inner.init(_kept(params, flags_of(self.mask, params))))

    def update(self, updates: Any, state: Any, params: Any = None) -> tuple[Any, MaskedState]:
        (leaves, *_), structure = aligned(
            self, {"updates": updates} if params is None else {"updates": updates, "params": params}
        )
        if not isinstance(state, MaskedState):
            raise TreeError(
                f"masked.update: the state must be a MaskedState, not {described(state)}: pass what init or the "
                "last update returned"
            )
        flags = flags_of(self.mask, updates)
        seen = None if params is None else _kept(params, flags)
        new, inner_state = self.inner.update(_kept(updates, flags), state.inner_state, seen)
        changed = iter(tree.leaves(new))
        merged = [next(changed) if flag else x for flag, x in zip(flags, leaves, strict=True)]
        return tree.unflatten(structure, merged), MaskedState(inner_state)


def _kept(full: Any, flags: list[bool]) -> Any:
    """The tree with `None`, an empty node, where the mask is False."""
    leaves, structure = tree.flatten(full)
    return tree.unflatten(structure, [x if flag else None for x, flag in zip(leaves, flags, strict=True)])


def freeze(mask: Any) -> masked:
    """Zeros for the updates of some parameters, which so stay what they are.

    Args:
        mask: True where the parameter is frozen; as for `masked`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.chain(optim.sgd(0.5), optim.freeze({"w": False, "b": True}))
    >>> params = {"w": fnp.ones(2), "b": fnp.ones(1)}
    >>> opt.update(params, opt.init(params))[0]
    {'w': Array([-0.5, -0.5], dtype=float32), 'b': Array([0.], dtype=float32)}
    """
    return masked(set_to_zero(), mask)
