"""Products of float32 matrices by oneDNN, whatever their strides."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from . import declarations as c
from .library import Library, library
from .primitive import Layout, Prepared, attributes, contiguous, described, primitive_desc

Raw = Any

_MOST_PREPARED = 512

# Products of vectors are bound by memory, and oneDNN copies matrices into blocks (1x4096 by 4096x4096: 7.6 ms against
# NumPy's 2.3; 512x128 by 128x10: 36 us against 25). And in stacks of tiny matrices it spends more on each than NumPy
# (10,000 of 8x8: 590 us against 500).
_LEAST_SIDE = 16
_LEAST_WORK = 1 << 15


def matmul(x: Raw, y: Raw, out: Raw, *, bias: Raw = None, relu: bool = False) -> bool:
    """Whether x @ y has been written to out; if not, NumPy's way is the better one.

    Args:
        x, y: stacks of matrices, repeated along leading axes of size 1 and those that one of them has not.
        out: a C-contiguous array of the product's shape.
        bias: what to add to each row, a C-contiguous (columns,), or None.
        relu: whether negative sums become zero.
    """
    rows, columns, inner = out.shape[-2], out.shape[-1], x.shape[-1]
    if min(rows, columns) < _LEAST_SIDE or rows * columns * inner < _LEAST_WORK or out.ndim > c.MOST_AXES:
        return False
    found = library()
    if found is None:
        return False
    x, y = (a.reshape((1,) * (out.ndim - a.ndim) + a.shape) if a.ndim < out.ndim else a for a in (x, y))
    x_layout, y_layout = _layout(x), _layout(y)
    if x_layout is None or y_layout is None:
        return False
    threads = found.threads(out.size * inner)
    ready = _prepare(found, threads, x_layout, y_layout, contiguous(out.shape), bias is not None, relu)
    if ready is None:
        return False
    ready(x, y, *(() if bias is None else (bias,)), out)
    return True


def _layout(a: Raw) -> Layout | None:
    """How an array lies; None where its elements overlap, or lie backwards or askew, which oneDNN does not take."""
    if a.flags.c_contiguous:
        return contiguous(a.shape)
    least = a.itemsize
    for step, size in sorted(zip(a.strides, a.shape, strict=True)):
        if size > 1:
            if step < least or step % a.itemsize:
                return None
            least = step * size
    steps = (step // a.itemsize if size > 1 else 1 for step, size in zip(a.strides, a.shape, strict=True))
    return Layout(a.shape, tuple(steps))


@lru_cache(_MOST_PREPARED)
def _prepare(
    library: Library, threads: int, x: Layout, y: Layout, out: Layout, biased: bool = False, relu: bool = False
) -> Prepared | None:
    added = contiguous((*(1 for _ in out.sizes[:-1]), out.sizes[-1]))
    with library.making, library.using(threads):
        desc = primitive_desc(
            library,
            library.dnnl.dnnl_matmul_primitive_desc_create,
            library.engine,
            described(library, x),
            described(library, y),
            described(library, added) if biased else library.ffi.NULL,
            described(library, out),
            attributes(library, relu=relu),
        )
        operands = [(c.SOURCE, x), (c.WEIGHTS, y)]
        operands += [(c.BIAS, added)] if biased else []
        return None if desc is None else Prepared(library, desc, operands, (c.TARGET, out), threads)
