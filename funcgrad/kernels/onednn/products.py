"""Products of float32 matrices by oneDNN, whatever their strides."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from . import declarations as c
from .library import Library, library
from .primitive import Layout, Prepared, Sizes, attributes, contiguous, described, primitive_desc

Raw = Any

_MOST_PREPARED = 512
_ITEM = 4  # bytes of a float

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
    threads = found.threads(out.size * inner)
    ready = _prepare(found, threads, x.shape, x.strides, y.shape, y.strides, out.shape, bias is not None, relu)
    if ready is None:
        return False
    ready(x, y, *(() if bias is None else (bias,)), out)
    return True


def _layout(sizes: Sizes, strides: Sizes, axes: int) -> Layout | None:
    """How floats lie that have so many axes, in front some of size 1; None where oneDNN does not take them.

    It does not take elements that overlap, or lie backwards or askew.
    """
    sizes, strides = (1,) * (axes - len(sizes)) + sizes, (_ITEM,) * (axes - len(sizes)) + strides
    lies = contiguous(sizes)
    longer = [i for i, size in enumerate(sizes) if size > 1]
    if all(lies.steps[i] * _ITEM == strides[i] for i in longer):
        return lies
    least = _ITEM
    for step, size in sorted((strides[i], sizes[i]) for i in longer):
        if step < least or step % _ITEM:
            return None
        least = step * size
    return Layout(sizes, tuple(step // _ITEM if size > 1 else 1 for step, size in zip(strides, sizes, strict=True)))


@lru_cache(_MOST_PREPARED)
def _prepare(
    library: Library,
    threads: int,
    x_sizes: Sizes,
    x_strides: Sizes,
    y_sizes: Sizes,
    y_strides: Sizes,
    out_sizes: Sizes,
    biased: bool = False,
    relu: bool = False,
) -> Prepared | None:
    """The product of arrays of those sizes and strides; None where oneDNN has none.

    By what an array says of itself, as a loop may come here thousands of times a second.
    """
    axes, out = len(out_sizes), contiguous(out_sizes)
    x, y = _layout(x_sizes, x_strides, axes), _layout(y_sizes, y_strides, axes)
    if x is None or y is None:
        return None
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
