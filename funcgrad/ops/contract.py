"""Products: `matmul`, and einsum composed of it."""

from __future__ import annotations

from math import prod
from typing import Any

from ..core import Aval
from ..errors import ShapeError
from ..kernels import products
from ..rules import align_in_front, broadcast_shapes, multilinear, unbroadcast


def _infer_matmul(x: Aval, y: Aval) -> Aval:
    if x.shape[-1] != y.shape[-2]:
        raise ShapeError(
            f"matmul: the shapes {x.shape} and {y.shape} do not fit: the last size of the first, {x.shape[-1]}, must "
            f"equal the second to last size of the second, {y.shape[-2]}"
        )
    try:
        leading = broadcast_shapes("matmul", x.shape[:-2], y.shape[:-2])
    except ShapeError as error:
        raise ShapeError(f"matmul of {x.shape} and {y.shape}, their leading axes: {error.message}") from None
    return Aval((*leading, x.shape[-2], y.shape[-1]), x.dtype)


def transposed(x: Any) -> Any:
    """The last two axes exchanged."""
    return x.swapaxes(-1, -2)


def _matmul_ct_y(g: Any, x: Any, y: Any) -> Any:
    """x^T g, summed over what y was repeated along; by one product where y is a plain matrix."""
    if len(y.shape) == 2 and x.ndim > 2 and x.shape[:-2] == g.shape[:-2]:
        rows = prod(x.shape[:-1])
        return matmul(transposed(x.reshape(rows, x.shape[-1])), g.reshape(rows, g.shape[-1]))
    return unbroadcast(matmul(transposed(x), g), y.shape)


matmul = multilinear(  # both operands have at least two dimensions
    "matmul(x, y)",
    impl=products.matmul,
    infer=_infer_matmul,
    x=lambda g, x, y: unbroadcast(matmul(g, transposed(y)), x.shape),
    y=_matmul_ct_y,
    batch=lambda size, args, dims: (matmul(*align_in_front(size, args, dims)), 0),
)
