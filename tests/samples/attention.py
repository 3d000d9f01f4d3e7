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


def _operands(batch: tuple[int, ...] = (), length: int = 4, keys: int = 5) -> tuple[Any, ...]:
    return (
        uniform(*batch, length, 3, low=-1, high=1),
        uniform(*batch, keys, 3, low=-1, high=1, seed=1),
        uniform(*batch, keys, 2, seed=2),
    )


SAMPLES = [
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
