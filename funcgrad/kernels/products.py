"""Matrix products by oneDNN, or by BLAS on our own threads, so that BLAS's never start.

Once woken, OpenBLAS's threads spin for some 20 ms after each product in the hope of another, and take a core from
whatever runs then: the convolutions of a small network's step took 28 ms apiece beside them, and 15 without.
"""

from __future__ import annotations

from typing import Any

import numpy

from ..dtypes import is_inexact
from . import threads
from .onednn import products as onednn

Raw = Any

# OpenBLAS keeps to one thread below about this many multiplications
SMALL = 1 << 18
_ENOUGH_ROWS = 64


def matmul(xp: Any, x: Raw, y: Raw, *, out: Raw | None = None) -> Raw:
    """x @ y for operands of at least two dimensions; on the CPU in C's order of elements."""
    if y.ndim == 2 and x.ndim > 2 and x.size:  # one product, where NumPy would make one for each leading index
        rows = None if out is None else xp.reshape(out, (-1, y.shape[1]))
        flat = matmul(xp, xp.reshape(x, (-1, x.shape[-1])), y, out=rows)
        return xp.reshape(flat, (*x.shape[:-1], y.shape[1]))
    work = x.size * y.shape[-1]
    if xp is not numpy or work < SMALL or not is_inexact(x.dtype):
        if xp is not numpy:
            return xp.matmul(x, y)
        return numpy.matmul(x, y, order="C") if out is None else numpy.matmul(x, y, out=out)
    shape = (*numpy.broadcast_shapes(x.shape[:-2], y.shape[:-2]), x.shape[-2], y.shape[-1])
    out = numpy.empty(shape, x.dtype) if out is None else out
    if x.dtype == y.dtype == numpy.float32 and onednn.matmul(x, y, out):
        return out
    if len(shape) > 2:
        x, y = (numpy.broadcast_to(a, (*shape[:-2], *a.shape[-2:])) for a in (x, y))
        threads.each_part(lambda s: numpy.matmul(x[s], y[s], out=out[s]), threads.parts(shape[0], work))
    elif shape[0] >= _ENOUGH_ROWS:
        threads.each_part(lambda s: numpy.matmul(x[s], y, out=out[s]), threads.parts(shape[0], work))
    else:
        threads.each_part(lambda s: numpy.matmul(x, y[:, s], out=out[:, s]), threads.parts(shape[1], work))
    return out
