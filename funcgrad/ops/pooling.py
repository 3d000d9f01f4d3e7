"""Pooling windows on channels-last arrays: where the maximum is, what is there, and sums.

The place of a maximum is a constant to a derivative, and taking what stands at given places is linear: so
`window_gather(x, window_argmax(x))` is max pooling with exact derivatives of every order, and `window_scatter` its
transpose. `window_sum` and `window_spread` are the like pair for sums. What they compute stands in
`kernels/windows.py`.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..core import Aval
from ..dtypes import is_floating, is_integer
from ..errors import DtypeError, ShapeError
from ..kernels import windows as kernels
from ..rules import batch_to_front, general, linear
from .convolution import Sizes, fold, output_sizes, unfold


def _pooled(name: str, x: Aval, *, window: Sizes, **params: Any) -> tuple[int, ...]:
    """(N, *windows, C)."""
    return (x.shape[0], *output_sizes(name, x, window, **params), x.shape[-1])


def _infer_argmax(x: Aval, **params: Any) -> Aval:
    if not (is_integer(x.dtype) or is_floating(x.dtype)):
        raise DtypeError(f"window_argmax: only real numbers have a maximum, not {x}")
    shape = _pooled("window_argmax", x, **params)
    try:
        kernels.check_windows_hold_data(x.shape[1:-1], **params)
    except ValueError as error:
        raise ShapeError(f"window_argmax: {error}; the input is {x}") from None
    byte = prod(params["window"]) <= kernels.MOST_BYTE_OFFSETS
    return Aval(shape, np.dtype(np.uint8 if byte else np.int32))


def _infer_gather(x: Aval, index: Aval, **params: Any) -> Aval:
    shape = _pooled("window_gather", x, **params)
    if index.shape != shape:
        raise ShapeError(f"window_gather: x {x} has windows of shape {shape}, but index is {index}")
    return Aval(shape, x.dtype)


def _infer_scatter(g: Aval, index: Aval, *, spatial: Sizes, **params: Any) -> Aval:
    if g.shape != index.shape:
        raise ShapeError(f"window_scatter: g {g} and index {index} must have one shape")
    return _infer_spread(g, spatial=spatial, **params)


def _infer_spread(g: Aval, *, spatial: Sizes, **params: Any) -> Aval:
    x = Aval((g.shape[0], *spatial, g.shape[-1]), g.dtype)
    shape = _pooled("window_spread", x, **params)
    if g.shape != shape:
        raise ShapeError(f"window_spread: spatial sizes {spatial} have windows of shape {shape}, but g is {g}")
    return x


def _batch(primitive: Any, size: int, args: Any, dims: Any, params: Any) -> tuple[Any, int]:
    """A batch of images is more images."""
    folded = [fold(a, 0) for a in batch_to_front(args, dims, size)]
    return unfold(primitive(*folded, **params), size, args[0].shape[1 if dims[0] == 0 else 0])


window_argmax = general(  # the row-major offset of the first maximum in each window
    "window_argmax(x)",
    impl=kernels.window_argmax,
    infer=_infer_argmax,
    batch=lambda size, args, dims, **params: _batch(window_argmax, size, args, dims, params),
)
window_gather = linear(  # what stands at each window's offset
    "window_gather(x; index)",
    impl=kernels.window_gather,
    infer=_infer_gather,
    transpose=lambda g, x, index, **params: window_scatter(g, index, spatial=x.shape[1:-1], **params),
    batch=lambda size, args, dims, **params: _batch(window_gather, size, args, dims, params),
)
window_scatter = linear(  # each g to its window's offset, added where they meet
    "window_scatter(g; index)",
    impl=kernels.window_scatter,
    infer=_infer_scatter,
    transpose=lambda ct, g, index, *, spatial, **params: window_gather(ct, index, **params),
    batch=lambda size, args, dims, **params: _batch(window_scatter, size, args, dims, params),
)
window_sum = linear(  # padding counts as zero
    "window_sum(x)",
    impl=kernels.window_sum,
    infer=lambda x, **params: Aval(_pooled("window_sum", x, **params), x.dtype),
    transpose=lambda g, x, **params: window_spread(g, spatial=x.shape[1:-1], **params),
    batch=lambda size, args, dims, **params: _batch(window_sum, size, args, dims, params),
)
window_spread = linear(  # each g to every offset of its window, added where they meet
    "window_spread(g)",
    impl=kernels.window_spread,
    infer=_infer_spread,
    transpose=lambda ct, g, *, spatial, **params: window_sum(ct, **params),
    batch=lambda size, args, dims, **params: _batch(window_spread, size, args, dims, params),
)
