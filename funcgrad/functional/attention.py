"""Attention."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

from .. import random
from ..core import Array
from ..dtypes import is_boolean, is_complex, is_floating, promote_types
from ..errors import DtypeError, OptionError, ShapeError
from ..numpy.elementwise import exp, tanh, where
from ..ops import reduce
from ..ops.attention import attention, in_band
from ..ops.contract import transposed
from ..ops.create import asarray, to_inexact
from ..ops.elementwise import astype, isfinite, stop_gradient
from ..ops.precision import widened
from ..rules import broadcast_shapes
from .options import check_positive

__all__ = ["attention_weights", "scaled_dot_product_attention"]

Window: TypeAlias = int | tuple[int | None, int | None] | None

_NAME = "scaled_dot_product_attention"

# Scores of this size and more are not made at once: as few stay in memory as a chunk of keys has
_MOST_AT_ONCE = 1 << 27
_CHUNK_SIZE = 1 << 25


@widened
def scaled_dot_product_attention(
    q: Any,
    k: Any,
    v: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    window: Window = None,
    softcap: float | None = None,
    chunk_size: int | None = None,
    key: Any = None,
) -> Array:
    """softmax(scale q k^T) v: for each query the mean of the values, weighted by how well their keys fit it.

    The arguments stand in PyTorch's order. Where `chunk_size` is given, or all of the (L, S) weights would take 128
    MiB, the softmax goes over one chunk of keys after the other, and the gradient computes it again: neither holds
    more weights at once than those of a chunk. The gradient of a mask of floats does, and a third derivative.

    Args:
        q: queries, (..., L, D); leading axes (batch, heads) of the three broadcast.
        k: keys, (..., S, D).
        v: values, (..., S, E).
        attn_mask: broadcasts with (..., L, S). Booleans: True where query l may see key s. Floats: added to the scaled
            products, -inf where it may not.
        dropout_p: the probability with which each weight becomes zero; the others are divided by 1 - dropout_p. Unlike
            a layer this function does not know of training: give 0 outside of it.
        is_causal: query l may see keys 0, ..., l only; together with a mask both apply.
        scale: 1 / sqrt(D) where None.
        enable_gqa: q (..., H, L, D) has a multiple of the heads of k and v, (..., G, S, D): each of these serves H / G
            heads of q that follow one another, without being repeated.
        window: (left, right): query l sees the keys l - left, ..., l + right; None for no bound, an int for both.
        softcap: scores s become softcap * tanh(s / softcap), which lie between -softcap and softcap.
        chunk_size: keys at once.
        key: of `funcgrad.random` (k are the keys), needed where dropout_p is above 0.

    Returns:
        (..., L, E). A query that may see no key gets zeros, and so do its gradients.

    Raises:
        ShapeError: the shapes do not fit.
        DtypeError: complex operands, a mask of integers, or dropout without a key.
        OptionError: dropout_p, window, softcap or chunk_size out of range.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> q, k, v = fnp.zeros((2, 4)), fnp.zeros((2, 4)), fnp.asarray([[1.0], [3.0]])
    >>> F.scaled_dot_product_attention(q, k, v).tolist()
    [[2.0], [2.0]]
    >>> F.scaled_dot_product_attention(q, k, v, is_causal=True).tolist()
    [[1.0], [2.0]]

    Source: A. Vaswani and others, Attention is all you need, 2017, section 3.2.1. J. Ainslie and others, GQA, 2023.
    I. Beltagy and others, Longformer, 2020, for the window.
    """
    if not 0 <= dropout_p < 1:
        raise OptionError(f"{_NAME}: dropout_p is a probability, at least 0 and below 1, not {dropout_p!r}")
    if dropout_p and key is None:
        raise DtypeError(f"{_NAME}: dropout needs a key: pass key=random.key(seed), or dropout_p=0 outside of training")
    q, k, v = _operands(q, k, v)
    heads = _heads(q, k, v) if enable_gqa else None
    band, mask = _limits(q, k, attn_mask, is_causal, window, softcap)
    q = q * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    length, keys = q.shape[-2], k.shape[-2]
    shapes = [x.shape[:-2] for x in (q, k, v, mask) if x is not None]
    if heads is not None:
        shapes[1:3] = [(*x.shape[:-3], q.shape[-3]) for x in (k, v)]
    batch = broadcast_shapes(_NAME, *shapes)
    keep = random.bernoulli(key, 1 - dropout_p, (*batch, length, keys)) if dropout_p else None
    if chunk_size is None:
        rows = math.prod(batch) * length * q.dtype.itemsize
        if rows * keys >= _MOST_AT_ONCE:
            chunk_size = max(128, _CHUNK_SIZE // rows)
    elif chunk_size < 1:
        raise OptionError(f"{_NAME}: chunk_size is a number of keys, at least 1, not {chunk_size!r}")
    if chunk_size is None:
        powers, total = _powers(q, k, mask, band, softcap, heads)
        if keep is not None:
            powers = powers * (keep.astype(q.dtype) * (1 / (1 - dropout_p)))
        out = times_heads(powers, v, heads)
        return out / where(total == 0, 1, total)  # after the product there is less to divide
    q, k, v, mask, keep = (x if x is None or heads is None else _grouped(x, heads) for x in (q, k, v, mask, keep))
    packed: Any = attention(
        *(x for x in (q, k, v, mask, keep) if x is not None),
        band=band,
        softcap=None if softcap is None else float(softcap),
        chunk=min(chunk_size, keys),
        rate=float(dropout_p),
        masked=mask is not None,
        dropped=keep is not None,
    )
    out = packed[..., : length * v.shape[-1]]
    return out.reshape((*(packed.shape[:-1] if heads is None else batch), length, v.shape[-1]))


@widened
def attention_weights(
    q: Any,
    k: Any,
    attn_mask: Any = None,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
    *,
    window: Window = None,
    softcap: float | None = None,
) -> Array:
    """softmax(scale q k^T), the weights of `scaled_dot_product_attention`, whose arguments these are.

    Returns:
        (..., L, S), all of it at once. A query that may see no key has zeros.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.attention_weights(fnp.zeros((2, 4)), fnp.zeros((2, 4)), is_causal=True).tolist()
    [[1.0, 0.0], [0.5, 0.5]]
    """
    q, k, _ = _operands(q, k, k)
    heads = _heads(q, k, k) if enable_gqa else None
    band, mask = _limits(q, k, attn_mask, is_causal, window, softcap)
    q = q * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    powers, total = _powers(q, k, mask, band, softcap, heads)
    return powers / where(total == 0, 1, total)


def _powers(q: Any, k: Any, mask: Any, band: Any, softcap: Any, heads: Any) -> tuple[Any, Any]:
    """exp of the scores less the largest of each query, (..., L, S), and their sums, (..., L, 1)."""
    scores: Any = times_heads(q, transposed(k), heads)
    if softcap is not None:
        scores = tanh(scores / softcap) * softcap
    if mask is not None:
        scores = where(mask, scores, -math.inf) if is_boolean(mask.dtype) else scores + mask
    seen = in_band(q, range(q.shape[-2]), range(k.shape[-2]), band)
    if seen is not None:
        scores = where(seen, scores, -math.inf)
    last = (scores.ndim - 1,)
    peak = reduce.max(stop_gradient(scores), axes=last)
    peak = where(isfinite(peak), peak, 0)  # a row of -inf alone: exp(-inf - -inf) would be NaN
    powers: Any = exp(scores - reduce.kept(peak, scores, last))
    return powers, reduce.kept(reduce.sum(powers, axes=last), scores, last)


def _operands(q: Any, k: Any, v: Any) -> tuple[Any, Any, Any]:
    """The three in one dtype, their shapes checked."""
    q, k, v = to_inexact(q), to_inexact(k), to_inexact(v)
    if min(q.ndim, k.ndim, v.ndim) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise ShapeError(
            f"{_NAME}: q (..., L, D), k (..., S, D) and v (..., S, E) must share D and S; got q {q.aval}, k {k.aval}, "
            f"v {v.aval}"
        )
    if not k.shape[-2]:
        raise ShapeError(f"{_NAME}: there are no keys: k {k.aval}")
    common = promote_types(promote_types(q.dtype, k.dtype), v.dtype)
    if is_complex(common):
        raise DtypeError(f"{_NAME}: operands must be real, not {q.aval}, {k.aval} and {v.aval}")
    return astype(q, common), astype(k, common), astype(v, common)


def _limits(
    q: Any, k: Any, mask: Any, is_causal: bool, window: Window, softcap: float | None
) -> tuple[tuple[int | None, int | None], Any]:
    """How far to the left and to the right a query sees, and the mask as an array."""
    left, right = window if isinstance(window, tuple) else (window, window)
    if any(n is not None and (not isinstance(n, int) or n < 0) for n in (left, right)):
        raise OptionError(f"{_NAME}: window is (left, right), integers of at least 0 or None, not {window!r}")
    if softcap is not None:
        check_positive(_NAME, "softcap", softcap)
    if is_causal:
        right = 0 if right is None else min(right, 0)
    if mask is not None:
        mask = asarray(mask, device=None if isinstance(mask, Array) else q.device)
        if not is_boolean(mask.dtype) and not is_floating(mask.dtype):
            raise DtypeError(f"{_NAME}: a mask holds booleans or floats, not {mask.aval}")
        shape = q.shape[-2], k.shape[-2]
        if broadcast_shapes(f"{_NAME}, mask", mask.shape, shape)[-2:] != shape:
            raise ShapeError(
                f"{_NAME}: the mask {mask.aval} must broadcast to (..., L, S) = (..., {shape[0]}, {shape[1]})"
            )
        mask = mask if is_boolean(mask.dtype) else astype(mask, q.dtype)
        mask = mask if mask.ndim > 1 else mask.reshape((1,) * (2 - mask.ndim) + mask.shape)
    return (left, right), mask


# ---- grouped heads -----------------------------------------------------------------------------


def _heads(q: Any, k: Any, v: Any) -> tuple[int, int]:
    """(heads of k and v, heads of q for each of them)."""
    least = min(q.ndim, k.ndim, v.ndim)
    if least < 3 or k.shape[-3] != v.shape[-3] or not k.shape[-3] or q.shape[-3] % k.shape[-3]:
        raise ShapeError(
            f"{_NAME}: with enable_gqa q (..., H, L, D) must have a multiple of the heads of k (..., G, S, D) and v "
            f"(..., G, S, E); got q {q.aval}, k {k.aval}, v {v.aval}"
        )
    return k.shape[-3], q.shape[-3] // k.shape[-3]


def times_heads(x: Any, y: Any, heads: tuple[int, int] | None) -> Any:
    """x @ y, where the heads of y are fewer: the rows of those of x that share one are rows of one product."""
    if heads is None:
        return x @ y
    groups, each = heads
    rows, inner = x.shape[-2:]
    out = x.reshape((*x.shape[:-3], groups, each * rows, inner)) @ y
    return out.reshape((*out.shape[:-3], groups * each, rows, out.shape[-1]))


def _grouped(x: Any, heads: tuple[int, int]) -> Any:
    """Axes (..., G, H / G, L, D) of (..., H, L, D), and (..., G, 1, S, D) of (..., G, S, D)."""
    groups, each = heads
    if x.ndim < 3:
        return x
    n = x.shape[-3]
    shape = (groups, each) if n == groups * each else (groups, 1) if n == groups else (1, 1)
    return x.reshape((*x.shape[:-3], *shape, *x.shape[-2:]))
