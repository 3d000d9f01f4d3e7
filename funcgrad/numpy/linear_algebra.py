"""Products of vectors, matrices and tensors."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ..core import SCALARS, Array
from ..errors import AxisError, ShapeError
from ..ops import contract
from ..ops import einsum as _einsum
from ..ops.create import asarray, promote, promote_all
from ..ops.elementwise import astype
from ..ops.shape import normalize_axis, permute_dims
from .elementwise import conj, multiply
from .manipulation import diagonal, moveaxis, ravel, reshape, stack
from .reductions import sum

__all__ = [
    "cross",
    "dot",
    "einsum",
    "einsum_path",
    "inner",
    "matmul",
    "matvec",
    "tensordot",
    "trace",
    "vdot",
    "vecdot",
    "vecmat",
]


def _meeting(x: Any, y: Any, dtype: Any) -> Sequence[Any]:
    """Two operands in one dtype: that one, or the one in which they meet."""
    return promote_all((x, y)) if dtype is None else [astype(asarray(v), dtype) for v in (x, y)]


def matmul(x: Any, y: Any, /, *, precision: Any = None, preferred_element_type: Any = None) -> Array:
    """The matrix product x @ y.

    Args:
        x: shape (n,) or (..., m, n).
        y: shape (n,) or (..., n, k); leading axes broadcast.
        precision: there for JAX's users; products are in the dtype of their operands.
        preferred_element_type: the dtype to multiply and sum in, and of the result.

    Returns:
        Shape (..., m, k); a vector's axis is summed away.

    Raises:
        ShapeError: the inner sizes differ, or an operand has no dimensions.

    >>> from funcgrad import numpy as fnp
    >>> fnp.matmul(fnp.asarray([[1, 2], [3, 4]]), fnp.asarray([1, 1]))
    Array([3, 7], dtype=int64)
    """
    if preferred_element_type is not None:
        x, y = _meeting(x, y, preferred_element_type)
    plain = isinstance(x, Array) and isinstance(y, Array) and x.dtype is y.dtype
    if plain and len(x.shape) > 1 and len(y.shape) > 1:  # two matrices, without the detours of the general case
        return contract.matmul(x, y)
    a, b = promote(asarray(x), asarray(y))
    if not a.ndim or not b.ndim:
        raise ShapeError(f"matmul: the shapes {a.shape} and {b.shape}: numbers are multiplied by `*`, not `@`")
    if a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ShapeError(
            f"matmul: the shapes {a.shape} and {b.shape} do not fit: the last size of the first, {a.shape[-1]}, must "
            f"equal the {'second to last' if b.ndim > 1 else 'only'} size of the second, "
            f"{b.shape[-2 if b.ndim > 1 else 0]}"
        )
    row, column = a.ndim == 1, b.ndim == 1
    out: Any = contract.matmul(reshape(a, (1, -1)) if row else a, reshape(b, (-1, 1)) if column else b)
    if not (row or column):
        return out
    shape = out.shape[:-2] + (() if row else out.shape[-2:-1]) + (() if column else out.shape[-1:])
    return reshape(out, shape)


def dot(x: Any, y: Any, /, *, precision: Any = None, preferred_element_type: Any = None) -> Array:
    """NumPy's dot: the product of numbers, the inner product of vectors, the product of matrices.

    Of more than two dimensions it sums the last axis of x with the second to last of y.

    Args:
        x, y: arrays or numbers.
        precision, preferred_element_type: as for `matmul`.

    Raises:
        ShapeError: the sizes of the axes that are summed over differ.

    >>> from funcgrad import numpy as fnp
    >>> fnp.dot(fnp.asarray([1, 2]), fnp.asarray([3, 4]))
    Array(11, dtype=int64)
    """
    if preferred_element_type is not None:
        x, y = _meeting(x, y, preferred_element_type)
    if type(x) in SCALARS or type(y) in SCALARS:
        return multiply(x, y)
    x, y = promote_all((x, y))
    if not x.ndim or not y.ndim:
        return x * y
    if y.ndim <= 2:
        return matmul(x, y)
    return tensordot(x, y, axes=((x.ndim - 1,), (y.ndim - 2,)))


def tensordot(
    x: Any,
    y: Any,
    /,
    axes: int | tuple[Sequence[int], Sequence[int]] = 2,
    *,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Array:
    """The sum of products over pairs of axes.

    Args:
        x, y: arrays.
        axes: how many last axes of x pair with as many first axes of y, or two sequences of axes that pair.
        precision, preferred_element_type: as for `matmul`.

    Returns:
        x's other axes, then y's.

    Raises:
        ShapeError: the sizes of axes that pair differ.

    >>> from funcgrad import numpy as fnp
    >>> fnp.tensordot(fnp.ones((2, 3, 4)), fnp.ones((4, 2)), axes=((0, 2), (1, 0)))
    Array([8., 8., 8.], dtype=float32)
    """
    x, y = _meeting(x, y, preferred_element_type)
    if isinstance(axes, int):
        if not 0 <= axes <= min(x.ndim, y.ndim):
            raise AxisError(f"tensordot: {axes} axes of arrays of {x.ndim} and {y.ndim} dimensions")
        pairs: Any = (range(x.ndim - axes, x.ndim), range(axes))
    else:
        pairs = axes
    in_x = [normalize_axis(a, x.ndim, "tensordot") for a in pairs[0]]
    in_y = [normalize_axis(a, y.ndim, "tensordot") for a in pairs[1]]
    if [x.shape[a] for a in in_x] != [y.shape[a] for a in in_y]:
        raise ShapeError(f"tensordot: the shapes {x.shape} and {y.shape} differ along the axes {in_x} and {in_y}")
    keep_x = [a for a in range(x.ndim) if a not in in_x]
    keep_y = [a for a in range(y.ndim) if a not in in_y]
    n = prod(x.shape[a] for a in in_x)
    left = reshape(permute_dims(x, axes=(*keep_x, *in_x)), (prod(x.shape[a] for a in keep_x), n))
    right = reshape(permute_dims(y, axes=(*in_y, *keep_y)), (n, prod(y.shape[a] for a in keep_y)))
    shape = (*[x.shape[a] for a in keep_x], *[y.shape[a] for a in keep_y])
    return reshape(contract.matmul(left, right), shape)


def einsum(
    subscripts: Any,
    /,
    *operands: Any,
    dtype: Any = None,
    optimize: Any = True,
    precision: Any = None,
    preferred_element_type: Any = None,
) -> Array:
    """Einstein summation: products of the operands, summed over the letters that the result does not name.

    Args:
        subscripts: "ij,jk->ik": a term of letters for each operand, one letter an axis, and the result's. A letter
            repeated in a term takes the diagonal; "..." stands for axes that broadcast; without "->" the result has
            the letters that occur once, in alphabetical order. Instead of a string the operands may come each with a
            list of ints (and Ellipsis): einsum(x, [0, 1], y, [1, 2], [0, 2]), the last list for the result.
        *operands: arrays.
        dtype: to compute in; by default the one in which the operands meet.
        precision: there for JAX's users.
        preferred_element_type: JAX's name for `dtype`.
        optimize: in which order three or more operands are contracted. True: in the cheapest that a search finds
            (opt_einsum's, where it is installed, else NumPy's); False: from left to right; "greedy" or "optimal": by
            that search; a path, as `einsum_path` returns it.

    Returns:
        An array with the result's axes.

    Raises:
        ShapeError: terms and operands do not fit, or a letter has two sizes.
        OptionError: no such search, or a path that does not fit.

    >>> from funcgrad import numpy as fnp
    >>> fnp.einsum("ij,j->i", fnp.asarray([[1, 2], [3, 4]]), fnp.asarray([1, 1]))
    Array([3, 7], dtype=int64)

    Source: A. Einstein, Die Grundlage der allgemeinen Relativitaetstheorie, 1916; NumPy's conventions.
    """
    text, arrays = _spelled(subscripts, operands)
    found = promote_all(arrays)
    dtype = preferred_element_type if dtype is None else dtype
    return _einsum.einsum(text, found if dtype is None else [astype(x, dtype) for x in found], optimize)


def _spelled(subscripts: Any, operands: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """The string and the operands, of either form of arguments."""
    if not isinstance(subscripts, str):
        return _einsum.written_out((subscripts, *operands))
    if not operands:
        raise ShapeError("einsum needs at least one operand")
    return subscripts, operands


def einsum_path(subscripts: Any, /, *operands: Any, optimize: Any = "greedy") -> tuple[list[Any], str]:
    """In which order `einsum` had best contract its operands, and what that costs, as NumPy says it.

    Args:
        subscripts, *operands: as for `einsum`; only the operands' shapes are looked at.
        optimize: "greedy", "optimal", True, False, either name with a bound on the size of what is in between, or a
            path.

    Returns:
        (path, text): ["einsum_path", (0, 1), ...], which `einsum` takes as `optimize`: at each step the operands of
        these places are contracted, and what becomes of them is the last one. The text is for reading.

    Raises:
        ShapeError: terms and operands do not fit.

    >>> from funcgrad import numpy as fnp
    >>> fnp.einsum_path("ij,jk,k->i", fnp.ones((9, 9)), fnp.ones((9, 9)), fnp.ones(9))[0]
    ['einsum_path', (1, 2), (0, 1)]
    """
    text, arrays = _spelled(subscripts, operands)
    found = [asarray(x) for x in arrays]
    terms, result = _einsum.parse(text, [x.ndim for x in found])
    dummies = [np.broadcast_to(0.0, x.shape) for x in found]
    path, description = np.einsum_path(f"{','.join(terms)}->{result}", *dummies, optimize=optimize)
    return list(path), str(description)


def vecdot(x: Any, y: Any, /, *, axis: int = -1, precision: Any = None, preferred_element_type: Any = None) -> Array:
    """The inner product sum(conj(x) * y) along an axis.

    Args:
        x, y: arrays whose shapes broadcast.
        axis: which one to sum over.
        precision, preferred_element_type: as for `matmul`.

    >>> from funcgrad import numpy as fnp
    >>> fnp.vecdot(fnp.asarray([1j, 2]), fnp.asarray([1j, 1]))
    Array(3.+0.j, dtype=complex64)
    """
    x, y = _meeting(x, y, preferred_element_type)
    return sum(moveaxis(conj(x), axis, -1) * moveaxis(y, axis, -1), -1, dtype=x.dtype)  # as the other products do


def vdot(a: Any, b: Any, /, *, precision: Any = None, preferred_element_type: Any = None) -> Array:
    """The inner product sum(conj(a) * b) of all elements, in their order.

    Args:
        a, b: arrays of one size.
        precision, preferred_element_type: as for `matmul`.

    Raises:
        ShapeError: their sizes differ.

    >>> from funcgrad import numpy as fnp
    >>> fnp.vdot(fnp.asarray([[1, 2], [3, 4]]), fnp.asarray([1, 1, 1, 1]))
    Array(10, dtype=int64)
    """
    x, y = (ravel(v) for v in _meeting(a, b, preferred_element_type))
    if x.shape != y.shape:
        raise ShapeError(f"vdot: {x.shape[0]} and {y.shape[0]} elements: the sizes must be equal")
    return matmul(conj(x), y)


def matvec(x: Any, y: Any, /, *, precision: Any = None, preferred_element_type: Any = None) -> Array:
    """The products of matrices and vectors, x @ y for each pair.

    Args:
        x: shape (..., m, n).
        y: shape (..., n); leading axes broadcast.
        precision, preferred_element_type: as for `matmul`.

    Returns:
        Shape (..., m).

    >>> from funcgrad import numpy as fnp
    >>> fnp.matvec(fnp.ones((2, 3)), fnp.ones((4, 3))).shape
    (4, 2)
    """
    x, y = _meeting(x, y, preferred_element_type)
    if x.ndim < 2 or not y.ndim:
        raise ShapeError(f"matvec: {x.aval} must have two dimensions at least, and {y.aval} one")
    return matmul(x, reshape(y, (*y.shape, 1)))[..., 0]


def vecmat(x: Any, y: Any, /, *, precision: Any = None, preferred_element_type: Any = None) -> Array:
    """The products of vectors and matrices, conj(x) @ y for each pair.

    Args:
        x: shape (..., n).
        y: shape (..., n, m); leading axes broadcast.
        precision, preferred_element_type: as for `matmul`.

    Returns:
        Shape (..., m).

    >>> from funcgrad import numpy as fnp
    >>> fnp.vecmat(fnp.ones((4, 2)), fnp.ones((2, 3))).shape
    (4, 3)
    """
    x, y = _meeting(x, y, preferred_element_type)
    if y.ndim < 2 or not x.ndim:
        raise ShapeError(f"vecmat: {x.aval} must have one dimension at least, and {y.aval} two")
    return matmul(reshape(conj(x), (*x.shape[:-1], 1, x.shape[-1])), y)[..., 0, :]


def inner(x: Any, y: Any, /, *, precision: Any = None, preferred_element_type: Any = None) -> Array:
    """The sum of products along the last axes, for all pairs of rows; of numbers their product.

    Args:
        x: shape (..., n), or a number.
        y: shape (..., n), or a number.
        precision, preferred_element_type: as for `matmul`.

    Returns:
        x's other axes, then y's.

    Raises:
        ShapeError: the last sizes differ.

    >>> from funcgrad import numpy as fnp
    >>> fnp.inner(fnp.asarray([[1, 2], [3, 4]]), fnp.asarray([1, 1]))
    Array([3, 7], dtype=int64)
    """
    if preferred_element_type is not None:
        x, y = _meeting(x, y, preferred_element_type)
    if type(x) in SCALARS or type(y) in SCALARS:
        return multiply(x, y)
    x, y = asarray(x), asarray(y)
    return tensordot(x, y, axes=((-1,), (-1,))) if x.ndim and y.ndim else x * y


def trace(x: Any, /, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Array:
    """The sum of the diagonal of the matrices that two axes hold.

    Args:
        x, offset, axis1, axis2: as for `diagonal`.
        dtype: to sum in; booleans and small integers are summed as int64, unsigned ones as uint64.

    >>> from funcgrad import numpy as fnp
    >>> fnp.trace(fnp.asarray([[1, 2], [3, 4]]))
    Array(5, dtype=int64)
    """
    return sum(diagonal(x, offset, axis1, axis2), -1, dtype=dtype)


def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Array:
    """The vector product of vectors of three components, or of two, whose third is zero.

    Args:
        a, b: arrays, the other axes of which broadcast.
        axisa, axisb: where the components of each are.
        axisc: where the components of the result are; two vectors of two components have only the third, without an
            axis.
        axis: all three of them.

    Raises:
        ShapeError: vectors of another number of components.

    >>> from funcgrad import numpy as fnp
    >>> fnp.cross(fnp.asarray([1, 0, 0]), fnp.asarray([0, 1, 0]))
    Array([0, 0, 1], dtype=int64)
    >>> fnp.cross(fnp.asarray([1, 2]), fnp.asarray([3, 4]))
    Array(-2, dtype=int64)
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    first, second = promote_all((a, b))
    x, y = moveaxis(first, axisa, -1), moveaxis(second, axisb, -1)
    if not {x.shape[-1], y.shape[-1]} <= {2, 3}:
        raise ShapeError(
            f"cross: vectors have 2 or 3 components, not {x.shape[-1]} along axis {axisa} of {first.aval} "
            f"and {y.shape[-1]} along axis {axisb} of {second.aval}"
        )
    (x0, x1, *x2), (y0, y1, *y2) = ([v[..., i] for i in range(v.shape[-1])] for v in (x, y))
    third = x0 * y1 - x1 * y0
    if x2 and y2:
        parts = [x1 * y2[0] - x2[0] * y1, x2[0] * y0 - x0 * y2[0], third]
    elif y2:
        parts = [x1 * y2[0], -(x0 * y2[0]), third]
    elif x2:
        parts = [-(x2[0] * y1), x2[0] * y0, third]
    else:
        return third
    return moveaxis(stack(parts, -1), -1, axisc)
