"""Projections of trees onto sets: the nearest tree in the set, all leaves counted as one vector.

After each step they keep parameters there: `params = projection_simplex(apply_updates(params, updates))`.
"""

from __future__ import annotations

from typing import Any

from .. import numpy as fnp
from .. import tree as tree_module
from ..flatten_util import ravel_pytree
from ..tree import map as map_leaves
from .tree_utils import tree_add_scale, tree_norm, tree_scale, tree_vdot

__all__ = [
    "projection_box",
    "projection_halfspace",
    "projection_hypercube",
    "projection_hyperplane",
    "projection_l1_ball",
    "projection_l1_sphere",
    "projection_l2_ball",
    "projection_l2_sphere",
    "projection_linf_ball",
    "projection_non_negative",
    "projection_simplex",
    "projection_vector",
]


def projection_non_negative(tree: Any) -> Any:
    """The nearest tree without negative elements: max(x, 0).

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.projections.projection_non_negative({"a": fnp.asarray([-1.0, 2.0])})
    {'a': Array([0., 2.], dtype=float32)}
    """
    return map_leaves(lambda x: fnp.maximum(x, 0), tree)


def projection_box(tree: Any, lower: Any, upper: Any) -> Any:
    """The nearest tree with every element between two bounds, numbers or trees.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.projections.projection_box({"a": fnp.asarray([-1.0, 2.0])}, 0.0, {"a": 1.5})
    {'a': Array([0. , 1.5], dtype=float32)}
    """
    low, high = (tree_module.broadcast(bound, tree) for bound in (lower, upper))
    return map_leaves(fnp.clip, tree, low, high)


def projection_hypercube(tree: Any, scale: Any = 1) -> Any:
    """The nearest tree with every element between 0 and `scale`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.projections.projection_hypercube({"a": fnp.asarray([-1.0, 2.0])})
    {'a': Array([0., 1.], dtype=float32)}
    """
    return map_leaves(lambda x: fnp.clip(x, 0, scale), tree)


def projection_linf_ball(tree: Any, scale: Any = 1) -> Any:
    """The nearest tree with every element between -scale and scale.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.projections.projection_linf_ball({"a": fnp.asarray([-3.0, 0.5])})
    {'a': Array([-1. ,  0.5], dtype=float32)}
    """
    return map_leaves(lambda x: fnp.clip(x, -scale, scale), tree)


def projection_simplex(tree: Any, scale: Any = 1) -> Any:
    """The nearest tree of elements that are not negative and whose sum is `scale`.

    With all elements in one vector it is max(x - t, 0), for the t with which the sum is right.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.projections.projection_simplex({"a": fnp.asarray([2.0, 1.5]), "b": -1.0})
    {'a': Array([0.75, 0.25], dtype=float32), 'b': Array(0., dtype=float32)}

    Source: Duchi et al., Efficient Projections onto the l1-Ball for Learning in High Dimensions, 2008.
    """
    flat, unravel = ravel_pytree(tree)
    down = -fnp.sort(-flat)
    tops = (fnp.cumsum(down) - scale) / fnp.arange(1, len(flat) + 1)
    last = fnp.sum(down > tops) - 1  # the elements that stay are the largest ones
    return unravel(fnp.maximum(flat - tops[last], 0))


def projection_l1_sphere(tree: Any, scale: Any = 1) -> Any:
    """The nearest tree whose elements' magnitudes have the sum `scale`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.projections.projection_l1_sphere({"a": fnp.asarray([2.0, -1.5])})
    {'a': Array([ 0.75, -0.25], dtype=float32)}
    """
    near = projection_simplex(map_leaves(fnp.abs, tree), scale)
    return map_leaves(lambda x, size: fnp.sign(x) * size, tree, near)


def projection_l1_ball(tree: Any, scale: Any = 1) -> Any:
    """The nearest tree whose elements' magnitudes have a sum of at most `scale`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.projections.projection_l1_ball({"a": fnp.asarray([0.25, -0.5])})
    {'a': Array([ 0.25, -0.5 ], dtype=float32)}

    Source: Duchi et al., Efficient Projections onto the l1-Ball for Learning in High Dimensions, 2008.
    """
    inside = tree_norm(tree, 1) <= scale
    return map_leaves(lambda x, near: fnp.where(inside, x, near), tree, projection_l1_sphere(tree, scale))


def projection_l2_sphere(tree: Any, scale: Any = 1) -> Any:
    """The nearest tree whose norm as one vector is `scale`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.projections.projection_l2_sphere({"a": fnp.asarray([3.0, 4.0])})
    {'a': Array([0.6, 0.8], dtype=float32)}
    """
    factor = scale / tree_norm(tree)
    return map_leaves(lambda x: factor * x, tree)


def projection_l2_ball(tree: Any, scale: Any = 1) -> Any:
    """The nearest tree whose norm as one vector is at most `scale`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.projections.projection_l2_ball({"a": fnp.asarray([0.3, 0.4])})
    {'a': Array([0.3, 0.4], dtype=float32)}
    """
    square = tree_norm(tree, squared=True)
    inside = square <= scale * scale  # and no root of 0, whose derivative is infinite
    factor = fnp.where(inside, 1, scale / fnp.sqrt(fnp.where(inside, 1, square)))
    return map_leaves(lambda x: factor * x, tree)


def projection_vector(x: Any, a: Any) -> Any:
    """The nearest multiple of a tree: <x, a> / <a, a> a.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.projections.projection_vector({"a": fnp.asarray([1.0, 2.0])}, {"a": fnp.asarray([2.0, 0.0])})
    {'a': Array([1., 0.], dtype=float32)}
    """
    return tree_scale(tree_vdot(x, a) / tree_vdot(a, a), a)


def projection_hyperplane(x: Any, a: Any, b: Any) -> Any:
    """The nearest tree with <a, x> = b.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.projections.projection_hyperplane({"a": fnp.asarray([1.0, 2.0])}, {"a": fnp.asarray([2.0, 0.0])}, 1.0)
    {'a': Array([0.5, 2. ], dtype=float32)}
    """
    return tree_add_scale(x, -(tree_vdot(a, x) - b) / tree_vdot(a, a), a)


def projection_halfspace(x: Any, a: Any, b: Any) -> Any:
    """The nearest tree with <a, x> at most b.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.projections.projection_halfspace({"a": fnp.asarray([1.0, 2.0])}, {"a": fnp.asarray([2.0, 0.0])}, 3.0)
    {'a': Array([1., 2.], dtype=float32)}
    """
    return tree_add_scale(x, -fnp.maximum(tree_vdot(a, x) - b, 0) / tree_vdot(a, a), a)
