"""Reductions over axes under `jax.lax`'s names; results have the operand's dtype."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import numpy as fnp
from ..core import Array
from ..dtypes import is_boolean, is_integer
from ..errors import DtypeError
from ..numpy.creation import asarray
from ..transforms.reduce import reduce

__all__ = ["reduce_and", "reduce_max", "reduce_min", "reduce_or", "reduce_prod", "reduce_sum", "reduce_xor"]

Axes = Sequence[int]


def reduce_sum(operand: Any, axes: Axes) -> Array:
    """The sum of the elements over axes.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.reduce_sum(fnp.ones((2, 3)), (0,))
    Array([2., 2., 2.], dtype=float32)
    """
    x = asarray(operand)
    return fnp.sum(x, tuple(axes), dtype=x.dtype)


def reduce_prod(operand: Any, axes: Axes) -> Array:
    """The product of the elements over axes.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.reduce_prod(fnp.asarray([2.0, 3.0]), (0,))
    Array(6., dtype=float32)
    """
    x = asarray(operand)
    return fnp.prod(x, tuple(axes), dtype=x.dtype)


def reduce_max(operand: Any, axes: Axes) -> Array:
    """The largest element over axes.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.reduce_max(fnp.asarray([2.0, 3.0]), (0,))
    Array(3., dtype=float32)
    """
    return fnp.max(operand, tuple(axes))


def reduce_min(operand: Any, axes: Axes) -> Array:
    """The least element over axes.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.reduce_min(fnp.asarray([2.0, 3.0]), (0,))
    Array(2., dtype=float32)
    """
    return fnp.min(operand, tuple(axes))


def _bits(name: str, operand: Any, axes: Axes, start: int, join: Any) -> Array:
    x = asarray(operand)
    if is_boolean(x.dtype):
        return reduce(x, bool(start), join, tuple(axes))
    if not is_integer(x.dtype):
        raise DtypeError(f"{name} takes booleans or integers, not {x.aval}")
    first = ~asarray(0, x.dtype, device=x.device) if start else asarray(0, x.dtype, device=x.device)  # type: ignore[operator]
    return reduce(x, first, join, tuple(axes))


def reduce_and(operand: Any, axes: Axes) -> Array:
    """The bits that all elements over axes have; of booleans whether all are true.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.reduce_and(fnp.asarray([6, 3]), (0,))
    Array(2, dtype=int64)
    """
    return _bits("reduce_and", operand, axes, 1, fnp.bitwise_and)


def reduce_or(operand: Any, axes: Axes) -> Array:
    """The bits that some element over axes has; of booleans whether one is true.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.reduce_or(fnp.asarray([6, 3]), (0,))
    Array(7, dtype=int64)
    """
    return _bits("reduce_or", operand, axes, 0, fnp.bitwise_or)


def reduce_xor(operand: Any, axes: Axes) -> Array:
    """The bits that an odd number of elements over axes have; of booleans whether an odd number are true.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.reduce_xor(fnp.asarray([6, 3]), (0,))
    Array(5, dtype=int64)
    """
    return _bits("reduce_xor", operand, axes, 0, fnp.bitwise_xor)
