"""A pytree of arrays as one vector, for solvers that know vectors only: `ravel_pytree`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from math import prod
from typing import Any

from . import tree
from .core import Array
from .dtypes import is_complex, promote_types
from .errors import DtypeError, ShapeError
from .numpy.creation import asarray, zeros
from .numpy.manipulation import concatenate

__all__ = ["ravel_pytree"]


def ravel_pytree(pytree: Any) -> tuple[Array, Callable[[Any], Any]]:
    """All elements of all leaves in one vector, and the function that makes the tree of such a vector again.

    Args:
        pytree: a pytree of arrays and numbers.

    Returns:
        (vector, unravel). The vector's dtype is the one that the leaves' dtypes meet in. Where they are one dtype,
        `unravel` takes vectors of any; where not, of the vector's own, and gives each leaf its dtype back.

    Raises:
        ShapeError, DtypeError: from `unravel`, for a vector of another length or dtype.
        DtypeError: the tree holds random keys.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> vector, unravel = fg.flatten_util.ravel_pytree({"w": fnp.ones((2, 2)), "b": 3.0})
    >>> vector
    Array([3., 1., 1., 1., 1.], dtype=float32)
    >>> unravel(2 * vector)
    {'w': Array([[2., 2.],
           [2., 2.]], dtype=float32), 'b': Array(6., dtype=float32)}

    Source: jax.flatten_util.ravel_pytree.
    """
    for path, x in tree.leaves_with_path(pytree, is_leaf=_is_key):
        if _is_key(x):
            raise DtypeError(f"ravel_pytree: {path or 'it'} is a random key, and no numbers: leave it out of the tree")
    leaves, structure = tree.flatten(pytree)
    arrays = [asarray(x) for x in leaves]
    if not arrays:
        return zeros(0), lambda vector: pytree
    dtypes = [x.dtype for x in arrays]
    shapes = [x.shape for x in arrays]
    common = functools.reduce(promote_types, dtypes)
    mixed = any(dtype != common for dtype in dtypes)
    size = sum(prod(shape) for shape in shapes)
    vector = concatenate([x.astype(common).reshape((-1,)) for x in arrays])

    def unravel(vector: Any) -> Any:
        vector = asarray(vector)
        if vector.shape != (size,):
            raise ShapeError(
                f"unravel: the tree has {size} elements; the vector must be of shape ({size},), not {vector.aval}"
            )
        if mixed and vector.dtype != common:
            raise DtypeError(
                f"unravel: the leaves have several dtypes; the vector must be {common}, not {vector.dtype}"
            )
        found, start = [], 0
        for shape, dtype in zip(shapes, dtypes, strict=True):
            part = vector[start : start + prod(shape)].reshape(shape)
            found.append(_real_if(part, dtype) if mixed else part)
            start += prod(shape)
        return tree.unflatten(structure, found)

    return vector, unravel


def _real_if(x: Any, dtype: Any) -> Any:
    return (x.real if is_complex(x.dtype) and not is_complex(dtype) else x).astype(dtype)


def _is_key(x: Any) -> bool:
    return hasattr(type(x), "hidden_axes")
