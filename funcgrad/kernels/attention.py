"""Attention piece by piece: the softmax over chunks of keys, each of which corrects what the ones before it found.

For rows of scores s that come in chunks, with p the largest score so far, n the sum of exp(s - p) and a the sum of
exp(s - p) v, a new chunk of the largest score p' > p multiplies n and a by exp(p - p') and adds its own. So no more of
the (L, S) scores is there at once than a chunk; on the CPU no more than stays in a core's cache.
"""

from __future__ import annotations

import math
from typing import Any

import numpy

from . import threads

Raw = Any
Band = tuple[int | None, int | None]

# Scores of a tile on the CPU: in float32 they take half of a megabyte
_TILE = 1 << 17


def attention(
    xp: Any,
    q: Raw,
    k: Raw,
    v: Raw,
    *extra: Raw,
    band: Band,
    softcap: float | None,
    chunk: int,
    rate: float,
    masked: bool,
    dropped: bool,
) -> Raw:
    """softmax(q k^T) v and the logarithms of the softmaxes' sums, flat for each example: (..., L E + L).

    Args:
        q, k, v: (..., L, D), (..., S, D), (..., S, E).
        *extra: a mask where `masked`, and which weights are kept where `dropped`, (..., L, S) both.
        band: query l sees the keys l - left, ..., l + right; None is no bound.
        softcap: scores s are softcap * tanh(s / softcap).
        chunk: keys at once.
        rate: of dropout.
    """
    mask = extra[0] if masked else None
    keep = extra[-1] if dropped else None
    settings: dict[str, Any] = {"band": band, "softcap": softcap, "chunk": chunk, "rate": rate}
    batch = numpy.broadcast_shapes(*(x.shape[:-2] for x in (q, k, v, *extra)))
    length, width = q.shape[-2], v.shape[-1]
    if xp is not numpy:
        found, total = _rows(xp, q, k, v, mask, keep, 0, **settings)
        parts = (xp.reshape(found, (*found.shape[:-2], length * width)), xp.reshape(total, total.shape[:-1]))
        return xp.concat([xp.broadcast_to(x, (*batch, x.shape[-1])) for x in parts], axis=-1)
    out = numpy.empty((*batch, length * (width + 1)), q.dtype)
    operands: list[Any] = [
        None if x is None else numpy.broadcast_to(x, batch + x.shape[-2:]) for x in (q, k, v, mask, keep)
    ]
    rows = max(16, _TILE // min(chunk, k.shape[-2]))
    tiles = [(i, start) for i in numpy.ndindex(batch) for start in range(0, length, rows)]

    def work(part: slice) -> None:
        for index, start in tiles[part]:
            here = slice(start, min(start + rows, length))
            own: list[Any] = [None if x is None else x[index] for x in operands]
            q, k, v, *between = own
            mask, keep = (x if x is None or x.shape[-2] == 1 else x[here] for x in between)
            found, total = _rows(numpy, q[here], k, v, mask, keep, start, **settings)
            out[index][: length * width].reshape(length, width)[here] = found
            out[index][length * width :][here] = total[:, 0]

    threads.each_part(work, threads.parts(len(tiles), math.prod(batch) * length * k.shape[-2] * (k.shape[-1] + width)))
    return out


def _rows(
    xp: Any,
    q: Raw,
    k: Raw,
    v: Raw,
    mask: Raw | None,
    keep: Raw | None,
    first: int,
    *,
    band: Band,
    softcap: float | None,
    chunk: int,
    rate: float,
) -> tuple[Raw, Raw]:
    """The same for the queries first, first + 1, ... alone: (..., L, E) and (..., L, 1)."""
    rows, keys = q.shape[-2], k.shape[-2]
    left, right = band
    begin = 0 if left is None else max(0, first - left)
    end = keys if right is None else min(keys, first + rows + right)
    nothing = xp.full((), -math.inf, dtype=q.dtype, device=q.device)
    peak: Any = None
    top: Any = None
    total: Any = 0
    found: Any = 0
    for start in range(begin, end, chunk):
        stop = min(start + chunk, end)
        scores, _ = _scores(xp, q, k, mask, range(first, first + rows), range(start, stop), band, softcap)
        own = {"out": scores} if xp is numpy else {}
        highest = xp.max(scores, axis=-1, keepdims=True)
        new = highest if top is None else xp.maximum(peak, highest)
        base = xp.where(new == -math.inf, xp.zeros_like(new), new)  # -inf - -inf would be NaN
        powers = xp.exp(xp.subtract(scores, base, **own), **own)
        sums = xp.sum(powers, axis=-1, keepdims=True)
        if keep is not None:
            part = keep if keep.shape[-1] == 1 else keep[..., start:stop]
            powers = xp.multiply(powers, xp.astype(part, q.dtype) * (1 / (1 - rate)), **own)
        values = xp.matmul(powers, v[..., start:stop, :])
        if top is None:
            total, found = sums, values
        else:
            shrink = xp.exp(peak - base)
            total, found = total * shrink + sums, found * shrink + values
        peak, top = new, base
    if top is None:  # no key is in the band of any of these
        zero = q[..., :1] * 0
        return zero + xp.zeros((v.shape[-1],), dtype=q.dtype, device=q.device), zero + math.inf
    empty = total == 0
    total = xp.where(empty, xp.ones_like(total), total)
    return found / total, xp.where(empty, -nothing, top + xp.log(total))


def _scores(
    xp: Any, q: Raw, k: Raw, mask: Raw | None, rows: range, keys: range, band: Band, softcap: float | None
) -> tuple[Raw, Raw | None]:
    """The scores of those queries, q, and some of the keys, and what tanh made of them where there is a soft cap.

    A mask has rows for these queries and columns for all keys, or one that stands for all.
    """
    scores = xp.matmul(q, xp.matrix_transpose(k[..., keys.start : keys.stop, :]))
    own = {"out": scores} if xp is numpy else {}  # in place of a new array for each step
    nothing = xp.full((), -math.inf, dtype=q.dtype, device=q.device)
    capped = None
    if softcap is not None:
        capped = xp.tanh(xp.divide(scores, softcap, **own), **own)
        scores = xp.multiply(capped, softcap)
        own = {"out": scores} if xp is numpy else {}
    if mask is not None:
        part = _columns(mask, keys)
        scores = xp.where(part, scores, nothing) if part.dtype == xp.bool else xp.add(scores, part, **own)
    left, right = band
    if (left is not None and keys.start < rows.stop - 1 - left) or (
        right is not None and keys.stop - 1 > rows.start + right
    ):
        scores = xp.where(in_band(xp, q, rows, keys, band), scores, nothing)
    return scores, capped


def _columns(x: Raw, keys: range) -> Raw:
    return x if x.shape[-1] == 1 else x[..., keys.start : keys.stop]


def attention_pull(
    xp: Any,
    g: Raw,
    out: Raw,
    q: Raw,
    k: Raw,
    v: Raw,
    *extra: Raw,
    band: Band,
    softcap: float | None,
    chunk: int,
    rate: float,
    masked: bool,
    dropped: bool,
) -> Raw:
    """The cotangents of q, k and v, flat for each example: (..., L D + S D + S E).

    Args:
        g: that of what `attention` makes of the others, which is `out`.
    """
    batch = numpy.broadcast_shapes(g.shape[:-1], out.shape[:-1], *(x.shape[:-2] for x in (q, k, v, *extra)))
    length, width = q.shape[-2], v.shape[-1]
    shapes = [x.shape[-2:] for x in (q, k, v)]
    ends = [0, *numpy.cumsum([math.prod(shape) for shape in shapes]).tolist()]

    def split(x: Raw) -> tuple[Raw, Raw]:
        values = xp.reshape(x[..., : length * width], (*x.shape[:-1], length, width))
        return values, x[..., length * width :, None]

    (g, g_logs), (value, logs) = split(g), split(out)
    shift = xp.sum(g * value, axis=-1, keepdims=True) - g_logs
    operands = (g, shift, logs, q, k, v, *extra)
    step = chunk if xp is not numpy else min(chunk, k.shape[-2])
    settings: dict[str, Any] = {"band": band, "softcap": softcap, "chunk": step, "rate": rate}
    settings |= {"masked": masked, "dropped": dropped}
    if xp is not numpy:
        wide = [xp.broadcast_to(x, (*batch, *x.shape[-2:])) for x in operands]
        parts = [xp.zeros((*batch, *shape), dtype=q.dtype, device=q.device) for shape in shapes]
        found = _pull_of(xp, parts, wide, length, **settings)
        return xp.concat([xp.reshape(x, (*batch, math.prod(x.shape[-2:]))) for x in found], axis=-1)
    packed = numpy.zeros((*batch, ends[-1]), q.dtype)
    views = [numpy.broadcast_to(x, batch + x.shape[-2:]) for x in operands]
    examples = list(numpy.ndindex(batch))

    def work(cut: slice) -> None:
        for index in examples[cut]:
            flat = packed[index]
            parts = [flat[ends[i] : ends[i + 1]].reshape(shape) for i, shape in enumerate(shapes)]
            _pull_of(numpy, parts, [x[index] for x in views], max(16, _TILE // step), **settings)

    amount = math.prod(batch) * length * k.shape[-2] * (3 * k.shape[-1] + 2 * width)
    threads.each_part(work, threads.parts(len(examples), amount))
    return packed


def _pull_of(
    xp: Any,
    parts: list[Raw],
    operands: list[Raw],
    block: int,
    *,
    band: Band,
    softcap: float | None,
    chunk: int,
    rate: float,
    masked: bool,
    dropped: bool,
) -> list[Raw]:
    """The cotangents added to `parts`, in place where xp is NumPy; so many queries at once."""
    g, shift, logs, q, k, v, *extra = operands
    of_q, of_k, of_v = parts
    length, total = q.shape[-2], k.shape[-2]
    left, right = band
    for start in range(0, total, chunk):
        keys = range(start, min(start + chunk, total))
        some = slice(keys.start, keys.stop)
        first = 0 if right is None else max(0, start - right)
        last = length if left is None else min(length, keys.stop + left)
        for begin in range(first, last, block):
            here = slice(begin, min(begin + block, last))
            between = [x if x.shape[-2] == 1 else x[..., here, :] for x in extra]
            mask, keep = between[0] if masked else None, between[-1] if dropped else None
            at, up = q[..., here, :], g[..., here, :]
            weights, capped = _scores(xp, at, k, mask, range(here.start, here.stop), keys, band, softcap)
            own = {"out": weights} if xp is numpy else {}
            weights = xp.exp(xp.subtract(weights, logs[..., here, :], **own), **own)
            into = xp.matmul(up, xp.matrix_transpose(v[..., some, :]))
            mine = {"out": into} if xp is numpy else {}
            used = weights
            if keep is not None:
                scale = xp.astype(_columns(keep, keys), q.dtype) * (1 / (1 - rate))
                into, used = xp.multiply(into, scale, **mine), weights * scale
            into = xp.multiply(xp.subtract(into, shift[..., here, :], **mine), weights, **mine)
            if capped is not None:
                into = xp.multiply(into, 1 - capped * capped, **mine)
            made = (
                (of_q, here, xp.matmul(into, k[..., some, :])),
                (of_k, some, xp.matmul(xp.matrix_transpose(into), at)),
                (of_v, some, xp.matmul(xp.matrix_transpose(used), up)),
            )
            for whole, place, part in made:
                whole[..., place, :] += part
    return parts


def in_band(xp: Any, like: Raw, rows: range, keys: range, band: Band) -> Raw:
    """Which of those queries see which of those keys, (rows, keys)."""
    left, right = band
    place = {"dtype": xp.int32, "device": like.device}
    distance = xp.arange(keys.start, keys.stop, **place) - xp.arange(rows.start, rows.stop, **place)[:, None]
    seen = distance <= (len(rows) + rows.start + keys.stop if right is None else right)
    return seen if left is None else seen & (distance >= -left)
