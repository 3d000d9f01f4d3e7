"""Norms of whole trees, and functions that bound them, for one gradient and for one of each example.

`clip_by_global_norm` and `clip` are the same as transformations of a chain.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from math import inf, prod
from typing import Any

from .. import tree
from ..core import Array
from ..dtypes import is_complex
from ..errors import DtypeError, OptionError, ShapeError
from ..numpy import abs, asarray, max, maximum, minimum, sqrt, sum, where
from .hyperparams import beside
from .moments import in_float32, squared_magnitude
from .transformation import floating_leaves, rebuilt

__all__ = [
    "clip_grad_norm",
    "clip_grad_value",
    "get_total_norm",
    "global_norm",
    "per_example_global_norm_clip",
    "per_example_layer_norm_clip",
]


# ---- what the others are made of ---------------------------------------------------------------


def squared_norm(leaves: Sequence[Array]) -> Array:
    """The sum of the squared absolute values of all leaves."""
    total = None
    for x in in_float32(leaves):
        # A real vector's product with itself is one pass of BLAS, and needs no array of squares
        part = sum(squared_magnitude(x)) if is_complex(x.dtype) else x.ravel() @ x.ravel()
        total = part if total is None else total + part
    return asarray(0.0) if total is None else total


def leaf_square(x: Array) -> Array:
    """The sum of the squared absolute values of one leaf.

    A sum joins the loop of a program that computes x, which a product does not.
    """
    return sum(squared_magnitude(x))


def mean_square(x: Array) -> Array:
    """The mean of the squared absolute values of one leaf, 0 where it has no elements."""
    return leaf_square(x) / builtins.max(x.size, 1)


def times_each(leaves: Sequence[Array], factors: Array) -> list[Array]:
    """Each leaf times its own entry of a vector.

    What is worked out for all leaves at once, as a vector, takes a handful of operations; number by number it would
    take as many for each leaf.
    """
    return [x * c[i] for i, (x, (c,)) in enumerate(zip(leaves, beside(leaves, factors), strict=True))]


def root(square: Array) -> Array:
    """The square root, with a derivative of 0 at 0 in place of an infinite one."""
    positive = square > 0
    return where(positive, sqrt(where(positive, square, 1)), 0)


def limit(squared: Array, bound: Array) -> Array:
    """min(1, bound / norm), without a division by zero or the infinite slope of a root at 0.

    Where the norm is below the bound this is bound / sqrt(bound * bound), which is exactly 1.
    """
    return bound / sqrt(maximum(squared, bound * bound))


# ---- one gradient ------------------------------------------------------------------------------


def global_norm(updates: Any) -> Array:
    """The Euclidean norm of all leaves as one vector: sqrt(sum |x|^2).

    Args:
        updates: a pytree of floating or complex arrays.

    Returns:
        An array without dimensions in the leaves' common real dtype (float32 for float16, whose largest number is
        65504); 0 for a tree without leaves.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.global_norm({"w": fnp.asarray([3.0, 0.0]), "b": fnp.asarray(4.0)})
    Array(5., dtype=float32)
    """
    return sqrt(squared_norm(floating_leaves("global_norm", "updates", updates)[0]))


def get_total_norm(grads: Any, norm_type: float = 2.0) -> Array:
    """The norm of all leaves as one vector: (sum |x|^p)^(1/p), and the largest |x| for p = inf.

    Args:
        grads: a pytree of floating or complex arrays.
        norm_type: p, positive.

    Returns:
        As `global_norm`.

    Raises:
        ValueError: `norm_type` is not positive.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> grads = {"w": fnp.asarray([3.0, -1.0]), "b": fnp.asarray(4.0)}
    >>> optim.get_total_norm(grads, norm_type=1.0), optim.get_total_norm(grads, norm_type=float("inf"))
    (Array(8., dtype=float32), Array(4., dtype=float32))
    """
    return _total_norm("get_total_norm", floating_leaves("get_total_norm", "grads", grads)[0], norm_type)


def _total_norm(caller: str, leaves: Sequence[Array], norm_type: float) -> Array:
    p = float(norm_type)
    if not p > 0:
        raise OptionError(f"{caller}: norm_type must be positive, not {norm_type}")
    if p == 2:
        return root(squared_norm(leaves))
    parts = [abs(x) for x in in_float32(leaves) if x.size]
    if not parts:
        return asarray(0.0)
    if p == inf:
        found = max(parts[0])
        for x in parts[1:]:
            found = maximum(found, max(x))
        return found
    total = sum(parts[0] ** p)
    for x in parts[1:]:
        total = total + sum(x**p)
    positive = total > 0
    return where(positive, where(positive, total, 1) ** (1 / p), 0)


def clip_grad_norm(grads: Any, max_norm: Any, norm_type: float = 2.0) -> tuple[Any, Array]:
    """The gradients times one number, so that their norm is at most a bound, and the norm that they had.

        g min(1, max_norm / (|g| + 1e-6))

    In a chain `clip_by_global_norm` does this, without the 1e-6, which is PyTorch's.

    Args:
        grads: a pytree of floating or complex arrays.
        max_norm: the bound, a number.
        norm_type: see `get_total_norm`.

    Returns:
        (gradients, norm): the first of the structure, shapes and dtypes of those given.

    Raises:
        ValueError: `norm_type` is not positive.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> grads, norm = optim.clip_grad_norm({"w": fnp.asarray([3.0, 4.0])}, max_norm=1.0)
    >>> fnp.round(grads["w"], 3), norm
    (Array([0.6, 0.8], dtype=float32), Array(5., dtype=float32))

    Source: Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013,
    arXiv:1211.5063.
    """
    leaves, structure = floating_leaves("clip_grad_norm", "grads", grads)
    norm = _total_norm("clip_grad_norm", leaves, norm_type)
    factors = beside(leaves, minimum(max_norm / (norm + 1e-6), 1))
    return rebuilt(structure, [g * c for g, (c,) in zip(leaves, factors, strict=True)], leaves), norm


def clip_grad_value(grads: Any, clip_value: Any) -> Any:
    """Each element of the gradients between -clip_value and clip_value; `clip` does this in a chain.

    Args:
        grads: a pytree of floating arrays.
        clip_value: the bound, a number.

    Raises:
        DtypeError: complex gradients, which have no order.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.clip_grad_value({"w": fnp.asarray([3.0, -0.5])}, clip_value=1.0)
    {'w': Array([ 1. , -0.5], dtype=float32)}
    """
    leaves, structure = floating_leaves("clip_grad_value", "grads", grads)
    if any(is_complex(g.dtype) for g in leaves):
        raise DtypeError("clip_grad_value: complex gradients have no order: use clip_grad_norm")
    out = [minimum(maximum(g, -clip_value), clip_value) for g in leaves]
    return rebuilt(structure, out, leaves)


# ---- one gradient of each example --------------------------------------------------------------


def per_example_global_norm_clip(grads: Any, l2_norm_clip: Any) -> tuple[Any, Array]:
    """The sum over the examples of their gradients, each made at most `l2_norm_clip` long.

        sum_i g_i min(1, l2_norm_clip / |g_i|)

    Args:
        grads: a pytree of floating or complex arrays with the examples on the first axis, as `vmap(grad(f))` makes
            it; |g_i| is the norm of all that one example has.
        l2_norm_clip: the bound, a number.

    Returns:
        (gradients, count): the sum, without the examples' axis, and how many were longer than the bound.

    Raises:
        ShapeError: a leaf has no axis, or another number of examples than the first.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.per_example_global_norm_clip([fnp.asarray([[3.0, 4.0], [0.0, 1.0]])], l2_norm_clip=2.5)
    ([Array([1.5, 3. ], dtype=float32)], Array(1, dtype=int64))

    Source: Abadi et al., Deep Learning with Differential Privacy, 2016, arXiv:1607.00133.
    """
    leaves, structure = _examples("per_example_global_norm_clip", grads)
    squares = [_squares_by_example(x) for x in leaves]
    total = squares[0]
    for s in squares[1:]:
        total = total + s
    summed, count = _clipped_sums(leaves, [total] * len(leaves), [l2_norm_clip] * len(leaves))
    return rebuilt(structure, summed, leaves), count[0]


def per_example_layer_norm_clip(grads: Any, global_l2_norm_clip: Any, uniform: bool = True) -> tuple[Any, Any]:
    """`per_example_global_norm_clip` of each leaf by itself, with bounds whose root of squares is the one given.

    Args:
        grads: as for `per_example_global_norm_clip`.
        global_l2_norm_clip: C, a number.
        uniform: whether all K leaves have the bound C / sqrt(K); otherwise it is C sqrt(D_i / D) for a leaf with
            D_i of the D parameters.

    Returns:
        (gradients, counts): the sums, and for each leaf how many of its examples were longer than the bound.

    Raises:
        ShapeError: a leaf has no axis, or another number of examples than the first.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> grads = {"w": fnp.asarray([[3.0, 4.0], [0.0, 1.0]]), "b": fnp.asarray([[0.5], [0.5]])}
    >>> optim.per_example_layer_norm_clip(grads, global_l2_norm_clip=2.0**0.5)
    ({'w': Array([0.6, 1.8], dtype=float32), 'b': Array([1.], dtype=float32)},
     {'w': Array(1, dtype=int64), 'b': Array(0, dtype=int64)})

    Source: McMahan et al., Learning Differentially Private Recurrent Language Models, 2018, arXiv:1710.06963.
    """
    leaves, structure = _examples("per_example_layer_norm_clip", grads)
    sizes = [prod(x.shape[1:]) for x in leaves]
    total = builtins.sum(sizes)
    parts = [1 / len(leaves) if uniform else n / total for n in sizes]
    bounds = [global_l2_norm_clip * part**0.5 for part in parts]
    summed, counts = _clipped_sums(leaves, [_squares_by_example(x) for x in leaves], bounds)
    return rebuilt(structure, summed, leaves), tree.unflatten(structure, counts)


def _examples(caller: str, grads: Any) -> tuple[list[Array], tree.Structure]:
    leaves, structure = floating_leaves(caller, "grads", grads)
    if not leaves:
        raise ShapeError(f"{caller}: the gradients are a tree without leaves, which has no examples")
    for i, x in enumerate(leaves):
        if x.ndim == 0 or x.shape[0] != leaves[0].shape[0]:
            path = tree.flatten_with_path(grads)[0][i][0]
            expected = "the examples" if i == 0 else f"the {leaves[0].shape[0]} examples of the first leaf"
            raise ShapeError(f"{caller}: grads{path} must have {expected} on its first axis, and is {x.aval}")
    return leaves, structure


def _squares_by_example(x: Array) -> Array:
    """The squared norm of each example, at least float32."""
    (wide,) = in_float32([x])
    return sum(squared_magnitude(wide.reshape((x.shape[0], -1))), axis=1)


def _clipped_sums(
    leaves: Sequence[Array], squares: Sequence[Array], bounds: Sequence[Any]
) -> tuple[list[Any], list[Any]]:
    """For each leaf the sum of its examples' gradients within the bound, and how many were not."""
    sums, counts = [], []
    for x, squared, bound in zip(leaves, squares, bounds, strict=True):
        (wide,) = in_float32([x])
        norms = root(squared)
        over = norms > bound
        (factors,) = beside([wide], where(over, bound / where(over, norms, 1), 1))[0]
        sums.append((factors @ wide.reshape((x.shape[0], -1))).reshape(x.shape[1:]))
        counts.append(sum(over))
    return sums, counts
