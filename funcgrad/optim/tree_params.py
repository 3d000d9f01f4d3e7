"""The parts of a state that are like the parameters: `tree_map_params`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import tree
from ..errors import DtypeError

__all__ = ["tree_map_params"]


class AllParams:
    """What stands for a whole tree of parameters: a node without leaves, which `init` puts where it copies them."""


tree.register_pytree_with_keys(AllParams, lambda x: ((), None), lambda _, children: AllParams())


def tree_map_params(
    initable: Any,
    f: Callable[..., Any],
    state: Any,
    /,
    *rest: Any,
    transform_non_params: Callable[[Any], Any] | None = None,
    is_leaf: Callable[[Any], bool] | None = None,
) -> Any:
    """A state with a function of each leaf of those trees in it that are like the parameters: moments, averages.

    Args:
        initable: the transformation whose state it is, or its `init`.
        f: (leaf, leaf of each of the rest) -> what to put there.
        state: from `init` or `update`.
        *rest: trees like the parameters.
        transform_non_params: of the other leaves: counts, hyper-parameters. They stay where it is None.
        is_leaf: True for nodes to be treated as leaves. `None`, which is in the place of what a mask left out, stays
            in any case.

    Returns:
        A tree of the state's structure.

    Raises:
        DtypeError: `initable` is no transformation and no function.
        TreeError: a tree of `rest` has another structure.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt = optim.sgd(0.5, momentum=0.9)
    >>> state = opt.init({"w": fnp.zeros(2)})
    >>> names = optim.tree_map_params(opt, lambda m, name: name, state, {"w": "weight"}, transform_non_params=float)
    >>> optim.tree_utils.tree_get(names, "trace"), round(optim.tree_utils.tree_get(names, "learning_rate"), 2)
    ({'w': 'weight'}, 0.5)
    """
    init = getattr(initable, "init", initable)
    if not callable(init):
        raise DtypeError(f"tree_map_params: not a transformation nor its init: {initable!r:.60}")

    def is_params(x: Any) -> bool:
        return isinstance(x, AllParams)

    def ends(x: Any) -> bool:  # `None` is what a mask leaves, where the rest may have something
        return x is None or (is_leaf is not None and is_leaf(x))

    def of_leaf(x: Any, *others: Any) -> Any:
        return None if x is None else f(x, *others)

    def mapped(place: Any, part: Any) -> Any:
        if is_params(place):
            return tree.map(of_leaf, part, *rest, is_leaf=ends)
        return part if transform_non_params is None else transform_non_params(part)

    return tree.map(mapped, init(AllParams()), state, is_leaf=is_params)
