"""Arithmetic of trees of arrays, leaf by leaf: the names of optax.tree_utils.

`optim.tree` has them without the prefix: `optim.tree.norm` is `optim.tree_utils.tree_norm`. Two trees must have one
structure, and results have the dtypes that the arrays' own operations give.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

from .. import numpy as fnp
from .. import tree
from ..core import Array
from ..errors import DtypeError, OptionError
from ..tree import leaves
from ..tree import map as map_leaves
from .tree_params import tree_map_params
from .tree_paths import (
    DictKey,
    NamedTupleKey,
    SequenceKey,
    tree_get,
    tree_get_all_with_path,
    tree_set,
)
from .tree_states import (
    tree_bias_correction,
    tree_random_like,
    tree_split_key_like,
    tree_update_infinity_moment,
    tree_update_moment,
    tree_update_moment_per_elem_norm,
)

__all__ = [
    "DictKey",
    "NamedTupleKey",
    "SequenceKey",
    "tree_add",
    "tree_add_scale",
    "tree_allclose",
    "tree_batch_shape",
    "tree_bias_correction",
    "tree_cast",
    "tree_cast_like",
    "tree_clip",
    "tree_conj",
    "tree_div",
    "tree_dtype",
    "tree_full_like",
    "tree_get",
    "tree_get_all_with_path",
    "tree_map_params",
    "tree_max",
    "tree_min",
    "tree_mul",
    "tree_norm",
    "tree_ones_like",
    "tree_random_like",
    "tree_real",
    "tree_scale",
    "tree_set",
    "tree_size",
    "tree_split_key_like",
    "tree_sub",
    "tree_sum",
    "tree_update_infinity_moment",
    "tree_update_moment",
    "tree_update_moment_per_elem_norm",
    "tree_vdot",
    "tree_where",
    "tree_zeros_like",
]

# ---- two trees ---------------------------------------------------------------------------------


def tree_add(tree_x: Any, tree_y: Any, *other_trees: Any) -> Any:
    """The sum of trees.

    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_add({"a": 1.0}, {"a": 2.0}, {"a": 3.0})
    {'a': 6.0}
    """
    return functools.reduce(lambda x, y: tree.map(operator.add, x, y), (tree_y, *other_trees), tree_x)


def tree_sub(tree_x: Any, tree_y: Any) -> Any:
    """The difference of two trees.

    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_sub({"a": 1.0}, {"a": 3.0})
    {'a': -2.0}
    """
    return tree.map(operator.sub, tree_x, tree_y)


def tree_mul(tree_x: Any, tree_y: Any) -> Any:
    """The product of two trees, element by element.

    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_mul({"a": 2.0}, {"a": 3.0})
    {'a': 6.0}
    """
    return tree.map(operator.mul, tree_x, tree_y)


def tree_div(tree_x: Any, tree_y: Any) -> Any:
    """The quotient of two trees, element by element.

    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_div({"a": 3.0}, {"a": 2.0})
    {'a': 1.5}
    """
    return tree.map(operator.truediv, tree_x, tree_y)


def tree_scale(scalar: Any, tree: Any) -> Any:
    """A number times a tree.

    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_scale(2.0, {"a": 3.0})
    {'a': 6.0}
    """
    return map_leaves(lambda x: scalar * x, tree)


def tree_add_scale(tree_x: Any, scalar: Any, tree_y: Any) -> Any:
    """x + scalar y.

    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_add_scale({"a": 1.0}, 2.0, {"a": 3.0})
    {'a': 7.0}
    """
    return tree.map(lambda x, y: x + scalar * y, tree_x, tree_y)


def tree_where(condition: Any, tree_x: Any, tree_y: Any) -> Any:
    """x where a condition holds, else y, element by element.

    Args:
        condition: a boolean, or an array that broadcasts to every leaf.
        tree_x, tree_y: trees of arrays.

    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_where(True, {"a": 1.0}, {"a": 3.0})
    {'a': Array(1., dtype=float32)}
    """
    return tree.map(lambda x, y: fnp.where(condition, x, y), tree_x, tree_y)


def tree_vdot(tree_x: Any, tree_y: Any) -> Array:
    """The inner product of two trees as of two vectors; the first is conjugated.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_vdot({"a": fnp.ones(2), "b": 2.0}, {"a": fnp.ones(2), "b": 3.0})
    Array(8., dtype=float32)
    """
    return tree_sum(tree.map(fnp.vdot, tree_x, tree_y))


def tree_allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Array:
    """Whether all elements of two trees are close, as `fnp.allclose` says.

    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_allclose({"a": 1.0}, {"a": 1.0 + 1e-7})
    Array(True, dtype=bool)
    """
    flags = tree.leaves(tree.map(lambda x, y: fnp.allclose(x, y, rtol, atol, equal_nan), a, b))
    return functools.reduce(operator.and_, map(fnp.asarray, flags), fnp.asarray(True))


# ---- one tree to one number --------------------------------------------------------------------


def tree_sum(tree: Any, associative_reduction: bool = False) -> Array:
    """The sum of all elements of all leaves; 0 of none.

    Args:
        tree: a tree of arrays.
        associative_reduction: whether to add the leaves' sums in pairs.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_sum({"a": fnp.ones(2), "b": 3.0})
    Array(5., dtype=float32)
    """
    sums = [fnp.sum(x) for x in leaves(tree)]
    while associative_reduction and len(sums) > 1:
        pairs = [a + b for a, b in zip(sums[::2], sums[1::2], strict=False)]
        sums = pairs + sums[2 * len(pairs) :]
    return functools.reduce(operator.add, sums) if sums else fnp.asarray(0.0)


def tree_max(tree: Any) -> Array:
    """The largest element of all leaves; minus infinity of none.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_max({"a": fnp.asarray([1.0, 4.0]), "b": 3.0})
    Array(4., dtype=float32)
    """
    found = [fnp.max(x) for x in leaves(tree)]
    return functools.reduce(fnp.maximum, found) if found else fnp.asarray(-float("inf"))


def tree_min(tree: Any) -> Array:
    """The smallest element of all leaves; infinity of none.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_min({"a": fnp.asarray([1.0, 4.0]), "b": 3.0})
    Array(1., dtype=float32)
    """
    found = [fnp.min(x) for x in leaves(tree)]
    return functools.reduce(fnp.minimum, found) if found else fnp.asarray(float("inf"))


def tree_size(tree: Any) -> int:
    """How many elements there are in all leaves.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_size({"a": fnp.ones((2, 3)), "b": 3.0})
    7
    """
    return sum(fnp.asarray(x).size for x in leaves(tree))


def tree_norm(tree: Any, ord: Any = None, squared: bool = False) -> Array:
    """The norm of a tree as of one vector.

    Args:
        tree: a tree of arrays.
        ord: 1, 2 (also as None) or "inf": sum of magnitudes, root of the sum of their squares, the largest of them.
        squared: whether to give its square.

    Raises:
        OptionError: another `ord`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> params = {"a": fnp.asarray([2.0, -2.0]), "b": 1.0}
    >>> [float(optim.tree_utils.tree_norm(params, ord)) for ord in (None, 1, "inf")]
    [3.0, 5.0, 2.0]
    """
    if ord in (None, 2):
        square = tree_sum([fnp.real(fnp.vdot(x, x)) for x in leaves(tree)])
        return square if squared else fnp.sqrt(square)
    if ord == 1:
        norm = tree_sum(map_leaves(fnp.abs, tree))
    elif ord in ("inf", float("inf")):
        norm = fnp.maximum(tree_max(map_leaves(fnp.abs, tree)), 0.0)
    else:
        raise OptionError(f"tree_norm: ord is 1, 2 or 'inf', not {ord!r}")
    return norm * norm if squared else norm


def tree_dtype(tree: Any, mixed_dtype_handler: str | None = None) -> Any:
    """The dtype of all leaves.

    Args:
        tree: a tree of arrays.
        mixed_dtype_handler: for several dtypes: None refuses them, "promote" and "highest" give the one they meet in,
            "lowest" the smallest of them.

    Raises:
        DtypeError: several dtypes, and None.
        OptionError: another handler.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_dtype({"a": fnp.ones(2), "b": fnp.ones(1, "float64")}, "promote")
    dtype('float64')
    """
    dtypes = list(dict.fromkeys(fnp.asarray(x).dtype for x in leaves(tree)))
    if mixed_dtype_handler not in (None, "promote", "highest", "lowest"):
        raise OptionError(f"tree_dtype: no handler {mixed_dtype_handler!r}: None, 'promote', 'highest' or 'lowest'")
    if not dtypes:
        return fnp.asarray(0.0).dtype
    if len(dtypes) > 1 and mixed_dtype_handler is None:
        raise DtypeError(f"tree_dtype: the leaves have the dtypes {', '.join(map(str, dtypes))}")
    if mixed_dtype_handler == "lowest":
        return min(dtypes, key=lambda dtype: dtype.itemsize)
    return functools.reduce(fnp.promote_types, dtypes)


# ---- one tree to another -----------------------------------------------------------------------


def tree_zeros_like(tree: Any, dtype: Any = None) -> Any:
    """Zeros in the shapes of a tree, and in its dtypes where none is given.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_zeros_like({"a": fnp.ones(2)})
    {'a': Array([0., 0.], dtype=float32)}
    """
    return map_leaves(lambda x: fnp.zeros_like(x, dtype), tree)


def tree_ones_like(tree: Any, dtype: Any = None) -> Any:
    """Ones in the shapes of a tree, and in its dtypes where none is given.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_ones_like({"a": fnp.zeros(2)})
    {'a': Array([1., 1.], dtype=float32)}
    """
    return map_leaves(lambda x: fnp.ones_like(x, dtype), tree)


def tree_full_like(tree: Any, fill_value: Any, dtype: Any = None) -> Any:
    """One value in the shapes of a tree, and in its dtypes where none is given.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_full_like({"a": fnp.zeros(2)}, 5)
    {'a': Array([5., 5.], dtype=float32)}
    """
    return map_leaves(lambda x: fnp.full_like(x, fill_value, dtype), tree)


def tree_cast(tree: Any, dtype: Any) -> Any:
    """A tree in another dtype; as it is where that is None.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_cast({"a": fnp.ones(2)}, "float16")
    {'a': Array([1., 1.], dtype=float16)}
    """
    return tree if dtype is None else map_leaves(lambda x: fnp.asarray(x).astype(dtype), tree)


def tree_cast_like(tree: Any, other_tree: Any) -> Any:
    """A tree in the dtypes of another one.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_cast_like({"a": fnp.ones(2)}, {"a": fnp.ones(1, "float16")})
    {'a': Array([1., 1.], dtype=float16)}
    """
    return map_leaves(lambda x, y: fnp.asarray(x).astype(fnp.asarray(y).dtype), tree, other_tree)


def tree_clip(tree: Any, min_value: Any = None, max_value: Any = None) -> Any:
    """A tree with every element between two bounds; None is no bound.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_clip({"a": fnp.asarray([-3.0, 0.5])}, -1.0, 1.0)
    {'a': Array([-1. ,  0.5], dtype=float32)}
    """
    return map_leaves(lambda x: fnp.clip(x, min_value, max_value), tree)


def tree_conj(tree: Any) -> Any:
    """The complex conjugates.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_conj({"a": fnp.asarray([1.0 + 2.0j])})
    {'a': Array([1.-2.j], dtype=complex64)}
    """
    return map_leaves(fnp.conj, tree)


def tree_real(tree: Any) -> Any:
    """The real parts.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_real({"a": fnp.asarray([1.0 + 2.0j])})
    {'a': Array([1.], dtype=float32)}
    """
    return map_leaves(fnp.real, tree)


def tree_batch_shape(tree: Any, shape: tuple[int, ...] = ()) -> Any:
    """A tree with leading axes of some shape, along which it repeats.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> optim.tree_utils.tree_batch_shape({"a": fnp.ones(3)}, (2,))["a"].shape
    (2, 3)
    """
    return map_leaves(lambda x: fnp.broadcast_to(x, (*shape, *fnp.asarray(x).shape)), tree)
