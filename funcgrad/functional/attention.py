"""Attention."""

from __future__ import annotations

import math
from typing import Any

from ..core import Array
from ..dtypes import is_boolean, is_complex, is_floating, promote_types
from ..errors import DtypeError, ShapeError
from ..numpy.creation import arange
from ..numpy.elementwise import exp, where
from ..ops import reduce
from ..ops.create import asarray, to_inexact
from ..ops.elementwise import astype, isfinite, stop_gradient
from ..ops.precision import widened
from ..rules import broadcast_shapes

__all__ = ["scaled_dot_product_attention"]


@widened
def scaled_dot_product_attention(
    q: Any, k: Any, v: Any, mask: Any = None, is_causal: bool = False, scale: float | None = None
) -> Array:
    """softmax(scale q k^T) v: for each query the mean of the values, weighted by how well their keys fit it.

    Args:
        q: queries, (..., L, D); leading axes (batch, heads) of the three broadcast.
        k: keys, (..., S, D).
        v: values, (..., S, E).
        mask: broadcasts with (..., L, S). Booleans: True where query l may see key s. Floats: added to the scaled
            products, -inf where it may not.
        is_causal: query l may see keys 0, ..., l only; together with a mask both apply.
        scale: 1 / sqrt(D) where None.

    Returns:
        (..., L, E). A query that may see no key gets zeros.

    Raises:
        ShapeError: the shapes do not fit.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> q, k, v = fnp.zeros((2, 4)), fnp.zeros((2, 4)), fnp.asarray([[1.0], [3.0]])
    >>> F.scaled_dot_product_attention(q, k, v).tolist()
    [[2.0], [2.0]]
    >>> F.scaled_dot_product_attention(q, k, v, is_causal=True).tolist()
    [[1.0], [2.0]]

    Source: A. Vaswani and others, Attention is all you need, 2017, section 3.2.1.
    """
    q, k, v = _operands(q, k, v)
    length, keys = q.shape[-2], k.shape[-2]
    scores: Any = (q * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)) @ k.swapaxes(-1, -2)
    if mask is not None:
        scores = _masked(scores, asarray(mask, device=None if isinstance(mask, Array) else q.device))
    if is_causal:
        rows: Any = arange(length, device=q.device)
        scores = where(rows.reshape((length, 1)) >= arange(keys, device=q.device), scores, -math.inf)
    last = (scores.ndim - 1,)
    peak = reduce.max(stop_gradient(scores), axes=last)
    peak = where(isfinite(peak), peak, 0)  # a row of -inf alone: exp(-inf - -inf) would be NaN
    powers: Any = exp(scores - reduce.kept(peak, scores, last))
    total: Any = reduce.kept(reduce.sum(powers, axes=last), scores, last)
    return (powers @ v) / where(total == 0, 1, total)  # after the product there is less to divide


def _operands(q: Any, k: Any, v: Any) -> tuple[Any, Any, Any]:
    """The three in one dtype, their shapes checked."""
    name = "scaled_dot_product_attention"
    q, k, v = to_inexact(q), to_inexact(k), to_inexact(v)
    if min(q.ndim, k.ndim, v.ndim) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ShapeError(
            f"{name}: q (..., L, D), k (..., S, D) and v (..., S, E) must share D and S; got q {q.aval}, k {k.aval}, "
            f"v {v.aval}"
        )
    if not k.shape[-2]:
        raise ShapeError(f"{name}: there are no keys: k {k.aval}")
    broadcast_shapes(name, q.shape[:-2], k.shape[:-2], v.shape[:-2])
    common = promote_types(promote_types(q.dtype, k.dtype), v.dtype)
    if is_complex(common):
        raise DtypeError(f"{name}: operands must be real, not {q.aval}, {k.aval} and {v.aval}")
    return astype(q, common), astype(k, common), astype(v, common)


def _masked(scores: Any, mask: Any) -> Any:
    shape = broadcast_shapes("scaled_dot_product_attention, mask", scores.shape, mask.shape)
    if shape[-2:] != scores.shape[-2:]:
        raise ShapeError(
            f"scaled_dot_product_attention: the mask {mask.aval} must broadcast to (..., L, S) = {scores.shape}"
        )
    if is_boolean(mask.dtype):
        return where(mask, scores, -math.inf)
    if not is_floating(mask.dtype):
        raise DtypeError(f"scaled_dot_product_attention: a mask holds booleans or floats, not {mask.aval}")
    return scores + astype(mask, scores.dtype)
