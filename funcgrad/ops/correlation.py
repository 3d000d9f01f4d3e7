"""Correlation of sequences: the inner products of a short one with all pieces of a long one, and its own transposes.

    correlate(x, v)[k] = sum over j of x[k + j] v[j]        for each k for which v lies within x

It is linear in each operand. Pulled back to v, the cotangent slides along x in the same way; pulled back to x, v slides
backwards along the cotangent with zeros around it. So one operation is closed under differentiation.
"""

from __future__ import annotations

from typing import Any

import numpy

from ..core import Aval
from ..device import Raw
from ..errors import ShapeError
from ..rules import batch_to_front, multilinear
from .shape import pad, slice_

__all__ = ["correlate"]


def _correlate(xp: Any, x: Raw, v: Raw) -> Raw:
    m = v.shape[-1]
    n = x.shape[-1] - m + 1
    if xp is numpy and x.ndim == 1:
        return numpy.correlate(x, numpy.conj(v))  # which takes the conjugate of v
    if xp is numpy and x.shape[0] < min(m, n):
        return numpy.stack([_correlate(xp, a, b) for a, b in zip(x, v, strict=True)]) if x.size else x[..., :n]
    if m <= n:  # sums of shifted copies, or inner products: whichever are fewer
        total = x[..., :n] * v[..., :1]
        for j in range(1, m):
            total = total + x[..., j : j + n] * v[..., j : j + 1]
        return total
    return xp.stack([xp.sum(x[..., k : k + m] * v, axis=-1, dtype=x.dtype) for k in range(n)], axis=-1)


def _infer(x: Aval, v: Aval) -> Aval:
    n, m = x.shape[-1], v.shape[-1]
    if x.shape[:-1] != v.shape[:-1] or not 0 < m <= n:
        raise ShapeError(f"correlate: {v} does not lie within {x}")
    return Aval((*x.shape[:-1], n - m + 1), x.dtype)


def _to_long(g: Any, x: Aval, v: Any) -> Any:
    around = v.shape[-1] - 1
    before = (slice(None),) * (len(x.shape) - 1)
    spread = pad(g, widths=((0, 0),) * (len(x.shape) - 1) + ((around, around),))
    return correlate(spread, slice_(v, key=(*before, slice(None, None, -1))))


correlate = multilinear(  # x (*batch, n) and v (*batch, m) with m <= n -> (*batch, n - m + 1)
    "correlate(x, v)",
    impl=_correlate,
    infer=_infer,
    x=_to_long,
    v=lambda g, x, v: correlate(x, g),
    batch=lambda size, args, dims: (correlate(*batch_to_front(args, dims, size)), 0),
)
