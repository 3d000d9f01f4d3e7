"""Products of arrays over any of their axes: `dot_general`, `dot`, `batch_matmul`."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from math import prod
from typing import Any

from .. import numpy as fnp
from ..core import Array
from ..errors import ShapeError
from ..numpy.creation import asarray
from ..ops.contract import matmul
from ..ops.create import promote_all
from ..ops.elementwise import astype
from ..ops.shape import normalize_axes

__all__ = ["Precision", "batch_matmul", "dot", "dot_general"]

Numbers = tuple[tuple[Sequence[int], Sequence[int]], tuple[Sequence[int], Sequence[int]]]


class Precision(enum.Enum):
    """How exactly a product shall be computed, for JAX's users: here it is in the dtype of its operands."""

    DEFAULT = 0
    HIGH = 1
    HIGHEST = 2


def dot_general(
    lhs: Any, rhs: Any, dimension_numbers: Numbers, precision: Any = None, preferred_element_type: Any = None
) -> Array:
    """The sum of products over pairs of axes, for all elements of pairs of other axes.

    Args:
        lhs, rhs: arrays.
        dimension_numbers: ((axes of lhs to sum over, axes of rhs), (axes of lhs that go together, axes of rhs)).
        precision: there for JAX's users.
        preferred_element_type: the dtype to multiply and sum in, and of the result.

    Returns:
        The axes that go together, then the other axes of lhs, then those of rhs.

    Raises:
        ShapeError: sizes of paired axes differ.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.dot_general(fnp.ones((5, 2, 3)), fnp.ones((5, 3, 4)), (((2,), (1,)), ((0,), (0,)))).shape
    (5, 2, 4)

    Source: jax.lax.dot_general.
    """
    if preferred_element_type is None:
        x, y = promote_all((asarray(lhs), asarray(rhs)))
    else:
        x, y = (astype(asarray(v), preferred_element_type) for v in (lhs, rhs))
    (sum_x, sum_y), (with_x, with_y) = dimension_numbers
    sums = normalize_axes(tuple(sum_x), x.ndim, "dot_general"), normalize_axes(tuple(sum_y), y.ndim, "dot_general")
    batch = normalize_axes(tuple(with_x), x.ndim, "dot_general"), normalize_axes(tuple(with_y), y.ndim, "dot_general")
    for of_x, of_y in (sums, batch):
        if [x.shape[a] for a in of_x] != [y.shape[a] for a in of_y]:
            raise ShapeError(f"dot_general: {x.aval} and {y.aval} differ along their axes {of_x} and {of_y}")
    free_x = [a for a in range(x.ndim) if a not in (*sums[0], *batch[0])]
    free_y = [a for a in range(y.ndim) if a not in (*sums[1], *batch[1])]
    together = [x.shape[a] for a in batch[0]]
    rows, columns = [x.shape[a] for a in free_x], [y.shape[a] for a in free_y]
    inner = prod(x.shape[a] for a in sums[0])
    left = fnp.reshape(fnp.permute_dims(x, (*batch[0], *free_x, *sums[0])), (*together, prod(rows), inner))
    right = fnp.reshape(fnp.permute_dims(y, (*batch[1], *sums[1], *free_y)), (*together, inner, prod(columns)))
    return fnp.reshape(matmul(left, right), (*together, *rows, *columns))


def dot(
    lhs: Any,
    rhs: Any,
    *,
    dimension_numbers: Numbers | None = None,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Array:
    """The product of vectors and matrices; with dimension numbers it is `dot_general`.

    Args:
        lhs, rhs: arrays of one or two dimensions.
        dimension_numbers, precision, preferred_element_type: as for `dot_general`.

    Raises:
        ShapeError: there are more dimensions, or the inner sizes differ.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.dot(fnp.ones((2, 3)), fnp.ones(3))
    Array([3., 3.], dtype=float32)

    Source: jax.lax.dot.
    """
    x, y = asarray(lhs), asarray(rhs)
    if dimension_numbers is None:
        if not (1 <= x.ndim <= 2 and 1 <= y.ndim <= 2) or x.shape[-1] != y.shape[0]:
            raise ShapeError(f"dot takes vectors and matrices whose inner sizes are equal, not {x.aval} and {y.aval}")
        dimension_numbers = (((x.ndim - 1,), (0,)), ((), ()))
    return dot_general(x, y, dimension_numbers, precision, preferred_element_type)


def batch_matmul(lhs: Any, rhs: Any, precision: Any = None) -> Array:
    """Products of matrices that lie in the last two axes, the others being equal.

    Args:
        lhs: shape (*batch, m, n).
        rhs: shape (*batch, n, k).
        precision: there for JAX's users.

    Returns:
        Shape (*batch, m, k).

    Raises:
        ShapeError: the shapes do not fit.

    >>> from funcgrad import lax, numpy as fnp
    >>> lax.batch_matmul(fnp.ones((5, 2, 3)), fnp.ones((5, 3, 4))).shape
    (5, 2, 4)

    Source: jax.lax.batch_matmul.
    """
    x, y = asarray(lhs), asarray(rhs)
    if x.ndim < 2 or x.shape[:-2] != y.shape[:-2] or x.ndim != y.ndim:
        raise ShapeError(f"batch_matmul takes matrices with equal axes in front, not {x.aval} and {y.aval}")
    return fnp.matmul(x, y)
