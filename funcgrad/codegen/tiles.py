"""Chains of elementwise operations tile by tile: a tile goes through the whole chain while it is in the cache.

One after the other, operations on large arrays each read and write all of memory. On 4096 x 1024 float32 and two
threads gelu(x + b) * m takes 22 ms so and 4 ms in tiles of half a MiB; in smaller tiles the threads wait for Python's
lock (64 KiB: 12 ms), and larger ones leave the cache.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import SCALARS
from ..kernels import threads

__all__ = ["TILE", "run", "select"]

TILE = 512 << 10
"""Bytes of the widest value in one tile."""


def run(
    tile: Callable[..., None], count: int, step: int, operations: int, *buffers: tuple[tuple[int, ...], Any]
) -> None:
    """Call `tile(rows, *buffers)` for all rows, on the threads.

    Args:
        tile: computes the rows of a slice.
        count: of rows.
        step: rows in a tile; the last one may be shorter.
        operations: arithmetic in all, by which it is decided whether threads are worth it.
        *buffers: shape behind the rows, and dtype, of the memory in which a tile works.
    """

    starts = deque(range(0, count, step))

    def work(_: slice) -> None:
        """Take tiles while there are any: a thread that gets less of its core leaves more to the others."""
        own = [np.empty((min(step, count), *shape), dtype) for shape, dtype in buffers]
        while True:
            try:
                start = starts.popleft()
            except IndexError:
                return
            stop = min(start + step, count)
            tile(slice(start, stop), *(own if stop - start == step else [b[: stop - start] for b in own]))

    cuts = threads.parts(len(starts), operations)
    if len(cuts) == 1:
        work(cuts[0])
    else:
        threads.each_part(work, cuts)


_BITS = {4: (np.int32, np.uint32), 8: (np.int64, np.uint64)}
"""By bytes of an element, the integers that hold its bits."""


def select(condition: Any, x: Any, y: Any, out: Any) -> Any:
    """x where the condition holds and y elsewhere, into `out`, which shares no memory with them.

    By bits: y ^ ((x ^ y) & mask). NumPy's `where` branches on each element: at random conditions it takes 720 us for
    2^17 float32 that are in the cache, and this 120.
    """
    x, y = (np.asarray(a, out.dtype) if type(a) in SCALARS else a for a in (x, y))
    if condition.dtype != np.bool or x.dtype != out.dtype or y.dtype != out.dtype or out.itemsize not in _BITS:
        np.copyto(out, y)
        np.copyto(out, x, where=condition)
        return out
    signed, unsigned = _BITS[out.itemsize]
    x, y, bits = x.view(unsigned), y.view(unsigned), out.view(unsigned)
    mask = np.negative(condition.view(np.int8)).astype(signed).view(unsigned)
    np.bitwise_xor(x, y, out=bits)
    np.bitwise_and(bits, mask, out=bits)
    np.bitwise_xor(bits, y, out=bits)
    return out
