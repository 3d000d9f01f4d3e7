"""Attention over chunks of keys: neither it nor its gradient holds the (L, S) weights at once.

The gradient computes them again, chunk by chunk, from the logarithm of the softmax's sum that stands beside the result:
with scores s = q k^T, weights p = exp(s - t), t = log(sum(exp(s))) and out = p v, the cotangents are

    v: p^T g      s: p (g v^T - sum(g out) + h)      where g is that of out, and h that of t.

So it is an operation of its own, `attention_pull`, whose derivatives go by the same chunks. Those are ordinary
operations: what a third derivative keeps is as large as the weights, and so does the cotangent of a mask.

Source: M. Rabe and C. Staats, Self-attention does not need O(n^2) memory, 2021; T. Dao and others, FlashAttention,
2022, for the gradient.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, NamedTuple

from ..core import Aval
from ..errors import ShapeError
from ..kernels import attention as kernels
from ..kernels.attention import Band
from ..rules import align_in_front, broadcast_shapes, general, iota, unbroadcast, zeros
from .contract import transposed
from .elementwise import add, exp, tanh, where
from .shape import concat, expand_dims, pad

__all__ = ["attention", "attention_pull", "in_band"]


def in_band(beside: Any, rows: range, keys: range, band: Band) -> Any:
    """Which of those queries see which of those keys, (rows, keys), or None where all do.

    Query l sees the keys l - left, ..., l + right; a bound that is None is none.
    """
    left, right = band
    seen = None
    if right is not None and keys.stop - 1 > rows.start + right:
        seen = _numbers(beside, keys) <= expand_dims(_numbers(beside, rows) + right, 1)
    if left is not None and keys.start < rows.stop - 1 - left:
        near = _numbers(beside, keys) >= expand_dims(_numbers(beside, rows) - left, 1)
        seen = near if seen is None else seen & near
    return seen


def _numbers(beside: Any, some: range) -> Any:
    numbers = iota(len(some), beside)
    return numbers + some.start if some.start else numbers


class _Chunk(NamedTuple):
    """Some keys, the queries that see any of them, and what stands between these two."""

    rows: slice
    keys: slice
    q: Any
    k: Any
    v: Any
    weights: Any
    capped: Any
    """tanh of the scores by the soft cap, or None where there is none."""
    scale: Any
    """What dropout multiplies the weights by, or None."""
    softcap: float | None

    def dropped(self, x: Any) -> Any:
        return x if self.scale is None else x * self.scale

    def sloped(self, x: Any) -> Any:
        """x times the derivative of the capped scores in the plain ones."""
        return x if self.capped is None else x * (1 - self.capped * self.capped)

    def bend(self) -> Any:
        """The second derivative of the capped scores in the plain ones; of a chunk that has a soft cap."""
        return self.capped * (1 - self.capped * self.capped) * (-2 / self.softcap)  # type: ignore[operator]


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
        capped = None
        if softcap is not None:
            capped = tanh(scores / softcap)
            scores = capped * softcap
        if masked:
            part = _part(extra[0], rows, some)
            scores = where(part, scores, float("-inf")) if part.dtype.kind == "b" else scores + part
        seen = in_band(q, range(first, last), range(start, stop), band)
        if seen is not None:
            scores = where(seen, scores, float("-inf"))
        weights = exp(scores - logs[..., rows, :])
        scale = _part(extra[-1], rows, some).astype(q.dtype) * (1 / (1 - rate)) if dropped else None
        yield _Chunk(rows, some, q_rows, k_some, v[..., some, :], weights, capped, scale, softcap)


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
    if masked and wanted[3]:
        return _pull_in_chunks(g, out, q, k, v, *extra, wanted=wanted, shapes=shapes, **params)
    packed = attention_pull(g, out, q, k, v, *extra, masked=masked, **params)
    parts = _three(packed, [x.shape[-2:] for x in (q, k, v)])
    found = [unbroadcast(x, s) if w else None for x, s, w in zip(parts, shapes[:3], wanted[:3], strict=True)]
    return found + [None] * len(extra)


def _three(packed: Any, shapes: list[tuple[int, int]]) -> list[Any]:
    """(..., L D + S D + S E) as (..., L, D), (..., S, D) and (..., S, E)."""
    found, start = [], 0
    for shape in shapes:
        stop = start + prod(shape)
        found.append(packed[..., start:stop].reshape((*packed.shape[:-1], *shape)))
        start = stop
    return found


def _flat(parts: Sequence[Any], batch: tuple[int, ...]) -> Any:
    """The way back; each part may have axes of size 1 in the place of the batch's."""
    flat = [x.broadcast_to((*batch, *x.shape[-2:])).reshape((*batch, prod(x.shape[-2:]))) for x in parts]
    return concat(*flat, axis=len(batch))


def _shift(g: Any, g_logs: Any, value: Any) -> Any:
    """What the cotangents of the scores have in common, for each query."""
    return (g * value).sum(-1, keepdims=True) - g_logs


def _pull_in_chunks(
    g: Any, out: Any, q: Any, k: Any, v: Any, *extra: Any, wanted: Any, shapes: Any, **params: Any
) -> list[Any]:
    """The cotangents of all operands where that of the mask, as large as the weights, is among them."""
    length = q.shape[-2]
    value, logs = _unpacked(out, length, v.shape[-1])
    g, g_logs = _unpacked(g, length, v.shape[-1])
    shift = _shift(g, g_logs, value)
    of_q, of_k, of_v, of_mask = None, [], [], []
    for part in _chunks(q, k, v, extra, logs, masked=True, **params):
        n = part.k.shape[-2]
        ct = g[..., part.rows, :]
        into = part.weights * (part.dropped(ct @ transposed(part.v)) - shift[..., part.rows, :])
        of_mask.append(_within(_placed(into, part.rows, length), shapes[3], n))
        into = part.sloped(into)
        if wanted[0]:
            of_q = _added(of_q, unbroadcast(_placed(into @ part.k, part.rows, length), shapes[0]))
        if wanted[1]:
            of_k.append(unbroadcast(transposed(into) @ part.q, (*shapes[1][:-2], n, shapes[1][-1])))
        if wanted[2]:
            of_v.append(unbroadcast(transposed(part.dropped(part.weights)) @ ct, (*shapes[2][:-2], n, shapes[2][-1])))
    mask = functools.reduce(add, of_mask) if shapes[3][-1] == 1 else _joined(of_mask, -1)
    return [of_q, _joined(of_k, -2), _joined(of_v, -2), mask, *[None] * (len(extra) - 1)]


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
        terms = [part.sloped(term) for term in terms]
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


def _pull_jvp(primals: Any, tangents: Any, out: Any, *, masked: bool, **params: Any) -> Any:
    """The product rule, term by term; a second derivative is rare, so absent tangents are zeros here."""
    g, packed, q, k, v, *extra = primals
    d_g, d_packed, dq, dk, dv = (
        zeros(p, p) if t is None else t for p, t in zip(primals[:5], tangents[:5], strict=True)
    )
    d_mask = tangents[5] if masked else None
    length = q.shape[-2]
    (value, logs), (d_value, d_logs) = (_unpacked(x, length, v.shape[-1]) for x in (packed, d_packed))
    (g, g_logs), (d_g, d_g_logs) = (_unpacked(x, length, v.shape[-1]) for x in (g, d_g))
    shift = _shift(g, g_logs, value)
    d_shift = _shift(d_g, d_g_logs, value) + (g * d_value).sum(-1, keepdims=True)
    of_q, of_k, of_v = None, [], []
    for part in _chunks(q, k, v, extra, logs, masked=masked, **params):
        rows, keys = part.rows, part.keys
        ct, d_ct = g[..., rows, :], d_g[..., rows, :]
        d_scores = dq[..., rows, :] @ transposed(part.k) + part.q @ transposed(dk[..., keys, :])
        d_capped = part.sloped(d_scores)
        if d_mask is not None:
            d_capped = d_capped + _part(d_mask, rows, keys)
        d_weights = part.weights * (d_capped - d_logs[..., rows, :])
        inner = part.dropped(ct @ transposed(part.v)) - shift[..., rows, :]
        d_inner = part.dropped(d_ct @ transposed(part.v) + ct @ transposed(dv[..., keys, :])) - d_shift[..., rows, :]
        into, d_into = part.weights * inner, d_weights * inner + part.weights * d_inner
        d_into = part.sloped(d_into) if part.capped is None else part.sloped(d_into) + into * part.bend() * d_scores
        into = part.sloped(into)
        of_q = _added(of_q, _placed(d_into @ part.k + into @ dk[..., keys, :], rows, length))
        of_k.append(transposed(d_into) @ part.q + transposed(into) @ dq[..., rows, :])
        of_v.append(transposed(part.dropped(d_weights)) @ ct + transposed(part.dropped(part.weights)) @ d_ct)
    return _flat([of_q, _joined(of_k, -2), _joined(of_v, -2)], out.shape[:-1])


def _pull_pull(
    ct: Any,
    out: Any,
    g: Any,
    packed: Any,
    q: Any,
    k: Any,
    v: Any,
    *extra: Any,
    shapes: Any,
    masked: bool,
    **params: Any,
) -> list[Any]:
    """The transpose of the above: with A, B, C the cotangents of those of q, k, v, and the rest named as there.

    They reach the chunk's weights by the sum of into * (A k^T + q B^T) and of dropped(weights) * g C^T.
    """
    length = q.shape[-2]
    a, b, c = _three(ct, [x.shape[-2:] for x in (q, k, v)])
    value, logs = _unpacked(packed, length, v.shape[-1])
    g, g_logs = _unpacked(g, length, v.shape[-1])
    shift = _shift(g, g_logs, value)
    of_g: Any = None
    of_q: Any = None
    of_logs: Any = None
    of_shift: Any = None
    of_k, of_v, of_mask = [], [], []
    for part in _chunks(q, k, v, extra, logs, masked=masked, **params):
        rows, keys, weights = part.rows, part.keys, part.weights
        up, a_rows, b_some, c_some = g[..., rows, :], a[..., rows, :], b[..., keys, :], c[..., keys, :]
        inner = part.dropped(up @ transposed(part.v)) - shift[..., rows, :]
        into = weights * inner
        both = a_rows @ transposed(part.k) + part.q @ transposed(b_some)
        of_into = part.sloped(both)
        of_inner = of_into * weights
        lost = part.dropped(of_inner)
        # the weights' cotangent times the weights is that of the capped scores
        of_capped = of_into * into + part.dropped(weights) * (up @ transposed(c_some))
        of_scores = part.sloped(of_capped)
        if part.capped is not None:
            of_scores = of_scores + both * into * part.bend()
        into = part.sloped(into)
        of_q = _added(of_q, _placed(of_scores @ part.k + into @ b_some, rows, length))
        of_k.append(transposed(of_scores) @ part.q + transposed(into) @ a_rows)
        of_g = _added(of_g, _placed(lost @ part.v + part.dropped(weights) @ c_some, rows, length))
        of_v.append(transposed(lost) @ up)
        of_logs = _added(of_logs, _placed(of_capped.sum(-1, keepdims=True), rows, length))
        of_shift = _added(of_shift, _placed(of_inner.sum(-1, keepdims=True), rows, length))
        if masked:
            of_mask.append(_within(_placed(of_capped, rows, length), shapes[5], part.k.shape[-2]))
    batch = out.shape[:-1]
    wide = (*batch, length, v.shape[-1])
    found = [
        _packed((of_g - of_shift * value).broadcast_to(wide), of_shift.broadcast_to((*batch, length, 1))),
        _packed((-of_shift * g).broadcast_to(wide), (-of_logs).broadcast_to((*batch, length, 1))),
        of_q,
        _joined(of_k, -2),
        _joined(of_v, -2),
    ]
    if masked:
        found.append(functools.reduce(add, of_mask) if shapes[5][-1] == 1 else _joined(of_mask, -1))
    found = [unbroadcast(x, shape) for x, shape in zip(found, shapes[: len(found)], strict=True)]
    return found + [None] * (5 + len(extra) - len(found))


def _infer_pull(g: Aval, out: Aval, q: Aval, k: Aval, v: Aval, *extra: Aval, **params: Any) -> Aval:
    made = _infer(q, k, v, *extra, **params)
    if g.shape[-1] != made.shape[-1] or out.shape[-1] != made.shape[-1]:
        raise ShapeError(f"attention_pull: g {g} and out {out} must be as what attention makes, {made}")
    batch = broadcast_shapes("attention_pull", g.shape[:-1], out.shape[:-1], made.shape[:-1])
    return Aval((*batch, sum(prod(x.shape[-2:]) for x in (q, k, v))), q.dtype)


def _batch_pull(size: int, args: Any, dims: Any, **params: Any) -> tuple[Any, int]:
    """g and out have one axis for two: with one more, all are aligned at the same end."""
    args = [expand_dims(a, a.ndim) if i < 2 else a for i, a in enumerate(args)]
    g, out, *rest = align_in_front(size, args, dims)
    return attention_pull(g[..., 0], out[..., 0], *rest, **params), 0


attention = general(  # what the kernel says; a mask of floats is differentiated, one of booleans is not
    "attention(q, k, v, *extra)",
    impl=kernels.attention,
    infer=_infer,
    batch=lambda size, args, dims, **params: (attention(*align_in_front(size, args, dims), **params), 0),
    jvp=_jvp,
    pull=_pull,
)
attention_pull = general(  # the cotangents of q, k and v from g, that of what attention makes, `out`; flat
    "attention_pull(g, out, q, k, v, *extra)",
    impl=kernels.attention_pull,
    infer=_infer_pull,
    batch=_batch_pull,
    jvp=_pull_jvp,
    pull=_pull_pull,
)
