"""Attention over chunks of keys: neither it nor its gradient holds the (L, S) weights at once.

The gradient computes them again, chunk by chunk, from the logarithm of the softmax's sum that stands beside the result:
with scores s = q k^T, weights p = exp(s - t), t = log(sum(exp(s))) and out = p v, the cotangents are

    v: p^T g      s: p (g v^T - sum(g out) + h)      where g is that of out, and h that of t.

All of it is ordinary operations, so it can be differentiated again; what that keeps is as large as the weights.

Source: M. Rabe and C. Staats, Self-attention does not need O(n^2) memory, 2021; T. Dao and others, FlashAttention,
2022, for the gradient.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..core import Aval
from ..errors import ShapeError
from ..kernels import attention as kernels
from ..kernels.attention import Band
from ..rules import align_in_front, broadcast_shapes, general, iota, unbroadcast, zeros
from .contract import transposed
from .elementwise import add, exp, tanh, where
from .shape import concat, expand_dims, pad

__all__ = ["attention", "in_band"]


def in_band(beside: Any, rows: range, keys: range, band: Band) -> Any:
    """Which of those queries see which of those keys, (rows, keys), or None where all do.

    Query l sees the keys l - left, ..., l + right; a bound that is None is none.
    """
    left, right = band
    seen = None
    distance = (iota(len(keys), beside) + keys.start) - expand_dims(iota(len(rows), beside) + rows.start, 1)
    if right is not None and keys.stop - 1 > rows.start + right:
        seen = distance <= right
    if left is not None and keys.start < rows.stop - 1 - left:
        near = distance >= -left
        seen = near if seen is None else seen & near
    return seen


class _Chunk(NamedTuple):
    """Some keys, the queries that see any of them, and what stands between these two."""

    rows: slice
    keys: slice
    q: Any
    k: Any
    v: Any
    weights: Any
    slope: Any
    """The derivative of the capped scores in the plain ones, or None where they are the same."""
    scale: Any
    """What dropout multiplies the weights by, or None."""

    def dropped(self, x: Any) -> Any:
        return x if self.scale is None else x * self.scale


def _chunks(
    q: Any,
    k: Any,
    v: Any,
    extra: Sequence[Any],
    logs: Any,
    *,
    band: Band,
    softcap: float | None,
    chunk: int,
    rate: float,
    masked: bool,
    dropped: bool,
) -> Iterator[_Chunk]:
    """The weights again, for chunk after chunk of the keys; `logs` are the logarithms of the sums, (..., L, 1)."""
    length, keys = q.shape[-2], k.shape[-2]
    left, right = band
    for start in range(0, keys, chunk):
        stop = min(start + chunk, keys)
        first = 0 if right is None else min(max(0, start - right), length)
        last = length if left is None else max(first, min(length, stop + left))
        rows, some = slice(first, last), slice(start, stop)
        q_rows, k_some = q[..., rows, :], k[..., some, :]
        scores = q_rows @ transposed(k_some)
        slope = None
        if softcap is not None:
            capped = tanh(scores / softcap)
            scores, slope = capped * softcap, 1 - capped * capped
        if masked:
            part = _part(extra[0], rows, some)
            scores = where(part, scores, float("-inf")) if part.dtype.kind == "b" else scores + part
        seen = in_band(q, range(first, last), range(start, stop), band)
        if seen is not None:
            scores = where(seen, scores, float("-inf"))
        weights = exp(scores - logs[..., rows, :])
        scale = _part(extra[-1], rows, some).astype(q.dtype) * (1 / (1 - rate)) if dropped else None
        yield _Chunk(rows, some, q_rows, k_some, v[..., some, :], weights, slope, scale)


def _part(x: Any, rows: slice, keys: slice) -> Any:
    """That part of a mask whose sizes may be 1."""
    x = x if x.shape[-2] == 1 else x[..., rows, :]
    return x if x.shape[-1] == 1 else x[..., keys]


def _unpacked(packed: Any, length: int, width: int) -> tuple[Any, Any]:
    """(..., L E + L) as (..., L, E) and (..., L, 1)."""
    out = packed[..., : length * width].reshape((*packed.shape[:-1], length, width))
    return out, expand_dims(packed[..., length * width :], packed.ndim)


def _packed(out: Any, logs: Any) -> Any:
    batch, (length, width) = out.shape[:-2], out.shape[-2:]
    return concat(out.reshape((*batch, length * width)), logs.reshape((*batch, length)), axis=len(batch))


def _placed(x: Any, rows: slice, length: int) -> Any:
    """What belongs to those queries, among zeros for the others."""
    if (rows.start, rows.stop) == (0, length):
        return x
    return pad(x, widths=(*[(0, 0)] * (x.ndim - 2), (rows.start, length - rows.stop), (0, 0)))


def _within(x: Any, shape: tuple[int, ...], chunk: int) -> Any:
    """A chunk's cotangent for an operand of that shape, whose last axis is the keys': summed where it was repeated."""
    return unbroadcast(x, shape if shape[-1] == 1 else (*shape[:-1], chunk))


def _added(total: Any, x: Any) -> Any:
    return x if total is None else total + x


def _pull(
    g: Any, out: Any, q: Any, k: Any, v: Any, *extra: Any, wanted: Any, shapes: Any, masked: bool, **params: Any
) -> list[Any]:
    length = q.shape[-2]
    value, logs = _unpacked(out, length, v.shape[-1])
    g, g_logs = _unpacked(g, length, v.shape[-1])
    shift = (g * value).sum(-1, keepdims=True) - g_logs
    of_q, of_k, of_v, of_mask = None, [], [], []
    for part in _chunks(q, k, v, extra, logs, masked=masked, **params):
        n = part.k.shape[-2]
        ct = g[..., part.rows, :]
        into = part.weights * (part.dropped(ct @ transposed(part.v)) - shift[..., part.rows, :])
        if masked and wanted[3]:
            of_mask.append(_within(_placed(into, part.rows, length), shapes[3], n))
        if part.slope is not None:
            into = into * part.slope
        if wanted[0]:
            of_q = _added(of_q, unbroadcast(_placed(into @ part.k, part.rows, length), shapes[0]))
        if wanted[1]:
            of_k.append(unbroadcast(transposed(into) @ part.q, (*shapes[1][:-2], n, shapes[1][-1])))
        if wanted[2]:
            of_v.append(unbroadcast(transposed(part.dropped(part.weights)) @ ct, (*shapes[2][:-2], n, shapes[2][-1])))
    found = [of_q, _joined(of_k, -2), _joined(of_v, -2)]
    if masked:
        once = len(shapes[3]) and shapes[3][-1] == 1
        found.append(functools.reduce(add, of_mask) if once and of_mask else _joined(of_mask, -1))
    return found + [None] * (3 + len(extra) - len(found))


def _joined(parts: list[Any], axis: int) -> Any:
    return concat(*parts, axis=parts[0].ndim + axis) if parts else None


def _jvp(primals: Any, tangents: Any, out: Any, *, masked: bool, **params: Any) -> Any:
    q, k, v, *extra = primals
    dq, dk, dv, *rest = tangents
    d_mask = rest[0] if masked else None
    length = q.shape[-2]
    value, logs = _unpacked(out, length, v.shape[-1])
    moved: Any = None
    d_logs: Any = None
    for part in _chunks(q, k, v, extra, logs, masked=masked, **params):
        terms = []
        if dq is not None:
            terms.append(dq[..., part.rows, :] @ transposed(part.k))
        if dk is not None:
            terms.append(part.q @ transposed(dk[..., part.keys, :]))
        if part.slope is not None:
            terms = [term * part.slope for term in terms]
        if d_mask is not None:
            terms.append(_part(d_mask, part.rows, part.keys))
        if terms:
            pushed = part.weights * functools.reduce(add, terms)
            d_logs = _added(d_logs, _placed(pushed.sum(-1, keepdims=True), part.rows, length))
            moved = _added(moved, _placed(part.dropped(pushed) @ part.v, part.rows, length))
        if dv is not None:
            by_values = part.dropped(part.weights) @ dv[..., part.keys, :]
            moved = _added(moved, _placed(by_values, part.rows, length))
    if d_logs is None:
        d_logs = zeros(logs, logs)
    else:
        moved = moved - d_logs * value
    shape = value.shape[:-2]
    return _packed(moved.broadcast_to(value.shape), d_logs.broadcast_to((*shape, length, 1)))


def _infer(q: Aval, k: Aval, v: Aval, *extra: Aval, **params: Any) -> Aval:
    length, keys = q.shape[-2], k.shape[-2]
    if q.shape[-1] != k.shape[-1] or keys != v.shape[-2]:
        raise ShapeError(f"attention: q {q}, k {k} and v {v} must share D and S")
    batch = broadcast_shapes("attention", *(x.shape[:-2] for x in (q, k, v, *extra)))
    for x in extra:
        broadcast_shapes("attention, mask", x.shape[-2:], (length, keys))
    return Aval((*batch, length * (v.shape[-1] + 1)), q.dtype)


attention = general(  # what the kernel says; a mask of floats is differentiated, one of booleans is not
    "attention(q, k, v, *extra)",
    impl=kernels.attention,
    infer=_infer,
    batch=lambda size, args, dims, **params: (attention(*align_in_front(size, args, dims), **params), 0),
    jvp=_jvp,
    pull=_pull,
)
