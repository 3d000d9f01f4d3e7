"""Convolution of channels-last float32 arrays and its two transposes by oneDNN.

Each function returns None where oneDNN does not do it, or not as fast as the caller, who has kernels of his own; then
nothing is written to `out`, memory for the result if the caller has some.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy

from . import declarations as c
from .library import Library, library
from .primitive import (
    Layout,
    Prepared,
    any_layout,
    attributes,
    contiguous,
    described,
    implementation,
    primitive_desc,
)

Raw = Any
Sizes = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]

_MOST_PREPARED = 512

# Convolutions of fewer multiplications are not worth the half millisecond in which oneDNN prepares one.
_LEAST_WORK = 1 << 17

# Where the images have so few channels, oneDNN computes a vector of them and drops the rest (d(data) of 100x28x28x1 by
# 3x3x1x32 on one thread: 7.0 ms against 2.3).
_TOO_FEW_CHANNELS = 2


class Geometry(NamedTuple):
    """All that decides a convolution but its numbers: x (N, *S, C) with w (*K, C // groups, O) is (N, *S_out, O)."""

    x: Sizes
    w: Sizes
    out: Sizes
    stride: Sizes
    padding: Padding
    dilation: Sizes
    groups: int

    def suits(self) -> bool:
        """Whether oneDNN has such convolutions at all."""
        sizes = (*self.x, *self.w, *self.out)
        return len(self.w) <= 5 and 0 not in sizes and all(low >= 0 and high >= 0 for low, high in self.padding)

    def work(self) -> int:
        """How many multiplications there are."""
        return prod(self.out) * prod(self.w[:-1])

    def leaves_gaps(self) -> bool:
        """Whether there is data between the windows that none of them sees."""
        return any(step > count for step, count in zip(self.stride, self.w, strict=False))

    def windows(self) -> tuple[list[int], ...]:
        """Strides, dilations and paddings in oneDNN's words: a dilation of zero is none."""
        low, high = ([pair[side] for pair in self.padding] for side in (0, 1))
        return list(self.stride), [d - 1 for d in self.dilation], low, high


def conv(
    x: Raw, w: Raw, geometry: Geometry, *, bias: Raw = None, relu: bool = False, out: Raw | None = None
) -> Raw | None:
    """The convolution of x with w, plus a bias (O,) and with a relu at the end if asked."""
    if not _suits(x, w, geometry):
        return None
    ready = prepared("conv", geometry, bias is not None, relu)
    return None if ready is None else ready.into(geometry.out, x, w, *(() if bias is None else (bias,)), out=out)


def conv_data(g: Raw, w: Raw, geometry: Geometry, *, out: Raw | None = None) -> Raw | None:
    """The transpose of `conv` in x: from g (N, *S_out, O) to (N, *S, C)."""
    if geometry.x[-1] <= _TOO_FEW_CHANNELS or geometry.leaves_gaps() or not _suits(g, w, geometry):
        return None
    ready = prepared("conv_data", geometry)
    return None if ready is None else ready.into(geometry.x, g, w, out=out)


def conv_weights(x: Raw, g: Raw, geometry: Geometry, *, out: Raw | None = None) -> Raw | None:
    """The transpose of `conv` in w: from x and g to (*K, C // groups, O)."""
    if not _suits(x, g, geometry):
        return None
    ready = prepared("conv_weights", geometry)
    return None if ready is None else ready.into(geometry.w, x, g, out=out)


def _suits(a: Raw, b: Raw, geometry: Geometry) -> bool:
    """Whether the arrays are of oneDNN's kind, and there is enough to do."""
    if not a.dtype == b.dtype == numpy.float32:
        return False
    return geometry.work() >= _LEAST_WORK


def prepared(name: str, geometry: Geometry, *options: bool) -> Prepared | None:
    """What runs one of the three, and names the implementations that oneDNN chose."""
    found = library()
    return None if found is None else _prepare(found, found.threads(geometry.work()), name, geometry, *options)


def _images(sizes: Sizes) -> Layout:
    """(N, *S, C) in oneDNN's order, which is (N, C, *S)."""
    last = len(sizes) - 1
    return contiguous(sizes).permuted(0, last, *range(1, last))


def _kernel(sizes: Sizes, groups: int) -> Layout:
    """(*K, C // G, O) in oneDNN's order, which is (O, C, *K), or (G, O // G, C // G, *K)."""
    window, rank = range(len(sizes) - 2), len(sizes)
    layout = contiguous(sizes)
    if groups == 1:
        return layout.permuted(rank - 1, rank - 2, *window)
    each = sizes[-1] // groups
    cut = Layout((*sizes[:-1], groups, each), (*layout.steps[:-1], each, 1))
    return cut.permuted(rank - 1, rank, rank - 2, *window)


@lru_cache(_MOST_PREPARED)
def _prepare(
    library: Library, threads: int, name: str, geometry: Geometry, biased: bool = False, relu: bool = False
) -> Prepared | None:
    """The primitive for channels-last images, and weights in the layout of oneDNN's choice.

    Copying weights costs little, and their gradient takes twice the time if it is to come out channels-last. Images in
    a layout of its choice would make that faster, too, but by no more than what copying them costs.
    """
    if not geometry.suits():
        return None
    dnnl, engine, nothing = library.dnnl, library.engine, library.ffi.NULL
    images, kernel, out = _images(geometry.x), _kernel(geometry.w, geometry.groups), _images(geometry.out)
    bias = contiguous(geometry.out[-1:])
    with library.making, library.using(threads):
        source, target = described(library, images), described(library, out)
        weights = any_layout(library, kernel.sizes)
        added = described(library, bias) if biased else nothing
        rest, attr = geometry.windows(), attributes(library, relu=relu)
        if name == "conv":
            create = dnnl.dnnl_convolution_forward_primitive_desc_create
            desc = primitive_desc(
                library, create, engine, c.TRAINING, c.DIRECT, source, weights, added, target, *rest, attr
            )
            operands = [(c.SOURCE, images), (c.WEIGHTS, kernel)]
            operands += [(c.BIAS, bias)] if biased else []
            result = (c.TARGET, out)
        elif name == "conv_data":
            create = dnnl.dnnl_convolution_backward_data_primitive_desc_create
            desc = primitive_desc(library, create, engine, c.DIRECT, source, weights, target, *rest, nothing, attr)
            operands = [(c.TARGET_GRADIENT, out), (c.WEIGHTS, kernel)]
            result = (c.SOURCE_GRADIENT, images)
        else:
            create = dnnl.dnnl_convolution_backward_weights_primitive_desc_create
            desc = primitive_desc(
                library, create, engine, c.DIRECT, source, weights, nothing, target, *rest, nothing, attr
            )
            if desc is not None and "gemm" in implementation(library, desc):
                return None  # products of copied patches, as the caller's own, and slower
            operands = [(c.SOURCE, images), (c.TARGET_GRADIENT, out)]
            result = (c.WEIGHTS_GRADIENT, kernel)
        return None if desc is None else Prepared(library, desc, operands, result, threads)
