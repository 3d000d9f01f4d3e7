"""Samples of `funcgrad/ops/attention.py`; the expected values are by a loop over queries and keys."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import Sample, booleans, uniform


def _attention(
    q: Any,
    k: Any,
    v: Any,
    *extra: Any,
    band: Any,
    softcap: Any,
    chunk: int,
    rate: float,
    masked: bool,
    dropped: bool,
) -> Any:
    batch = np.broadcast_shapes(*(x.shape[:-2] for x in (q, k, v, *extra)))
    length, keys, width = q.shape[-2], k.shape[-2], v.shape[-1]
    q, k, v = (np.broadcast_to(x, batch + x.shape[-2:]) for x in (q, k, v))
    extra = tuple(np.broadcast_to(x, (*batch, length, keys)) for x in extra)
    out = np.zeros((*batch, length * (width + 1)))
    for *at, i in np.ndindex(*batch, length):
        here = tuple(at)
        values, total = np.zeros(width), 0.0
        for j in range(keys):
            if (band[0] is not None and j < i - band[0]) or (band[1] is not None and j > i + band[1]):
                continue
            score = float(q[here][i] @ k[here][j])
            score = score if softcap is None else softcap * math.tanh(score / softcap)
            if masked and extra[0].dtype == bool and not extra[0][here][i, j]:
                continue
            if masked and extra[0].dtype != bool:
                score += extra[0][here][i, j]
            total += math.exp(score)
            values += math.exp(score) * v[here][j] * ((extra[-1][here][i, j] / (1 - rate)) if dropped else 1)
        out[here][i * width : (i + 1) * width] = values / total
        out[here][length * width + i] = math.log(total)
    return out


def _sample(*operands: Any, **params: Any) -> Sample:
    plain = {"band": (None, None), "softcap": None, "chunk": 2, "rate": 0.0, "masked": False, "dropped": False}
    return Sample("attention", operands, _attention, plain | params, rtol=1e-11)


def _pull(g: Any, out: Any, q: Any, k: Any, v: Any, *extra: Any, **params: Any) -> Any:
    """The cotangents from all of the weights at once, `out` being no more than the numbers that it holds."""
    softcap, scale = params["softcap"], 1.0
    (length, keys), width = (q.shape[-2], k.shape[-2]), v.shape[-1]
    batch = np.broadcast_shapes(g.shape[:-1], out.shape[:-1], *(x.shape[:-2] for x in (q, k, v, *extra)))
    (g, g_logs), (value, logs) = (
        (x[..., : length * width].reshape(*x.shape[:-1], length, width), x[..., length * width :, None])
        for x in (g, out)
    )
    scores, slope = q @ np.swapaxes(k, -1, -2), 1.0
    if softcap is not None:
        capped = np.tanh(scores / softcap)
        scores, slope = softcap * capped, 1 - capped**2
    if params["masked"]:
        scores = np.where(extra[0], scores, -np.inf) if extra[0].dtype == bool else scores + extra[0]
    distance = np.arange(keys) - np.arange(length)[:, None]
    left, right = (keys + length if n is None else n for n in params["band"])
    scores = np.where((distance >= -left) & (distance <= right), scores, -np.inf)
    if params["dropped"]:
        scale = extra[-1] / (1 - params["rate"])
    weights = np.exp(scores - logs)
    into = weights * (scale * (g @ np.swapaxes(v, -1, -2)) - ((g * value).sum(-1, keepdims=True) - g_logs)) * slope
    found = into @ k, np.swapaxes(into, -1, -2) @ q, np.swapaxes(weights * scale, -1, -2) @ g
    flat = [np.broadcast_to(x, batch + x.shape[-2:]).reshape(*batch, -1) for x in found]
    return np.concatenate(flat, -1)


def _pulled(sample: Sample) -> Sample:
    """A sample of the cotangents, of one of attention."""
    out = _attention(*sample.args, **sample.params)
    g = uniform(*out.shape, seed=9)
    return Sample("attention_pull", (g, out, *sample.args), _pull, sample.params, rtol=1e-11)


def _operands(batch: tuple[int, ...] = (), length: int = 4, keys: int = 5) -> tuple[Any, ...]:
    return (
        uniform(*batch, length, 3, low=-1, high=1),
        uniform(*batch, keys, 3, low=-1, high=1, seed=1),
        uniform(*batch, keys, 2, seed=2),
    )


FORWARD = [
    _sample(*_operands()),
    _sample(*_operands(), chunk=5),
    _sample(*_operands((2,)), band=(1, 1), softcap=0.7),
    _sample(*_operands(length=5), band=(None, 0)),
    _sample(*_operands((2,)), uniform(1, 5, seed=3), masked=True, softcap=1.5),
    _sample(*_operands(), uniform(2, 4, 1, seed=3), masked=True),
    _sample(*_operands(), booleans(4, 5) | np.eye(4, 5, dtype=bool), masked=True, chunk=3),
    _sample(*_operands((2,)), booleans(2, 4, 5, seed=4), dropped=True, rate=0.25),
    _sample(*_operands(), uniform(4, 5, seed=3), booleans(4, 5, seed=4), masked=True, dropped=True, rate=0.5),
]
SAMPLES = FORWARD + [_pulled(sample) for sample in FORWARD]
