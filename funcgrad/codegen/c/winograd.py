"""Convolutions by 3 x 3 windows with less than half of the multiplications, in compiled programs.

Two windows of three numbers side by side need six multiplications, or four (S. Winograd, Arithmetic complexity of
computations, 1980):

    d0 d1 d2 d3   seen by   g0 g1 g2    at two places:   m0 + m1 + m2   and   m1 - m2 - m3,   where

    m0 = (d0 - d2) g0                        m2 = (d2 - d1) (g0 - g1 + g2) / 2
    m1 = (d1 + d2) (g0 + g1 + g2) / 2        m3 = (d1 - d3) g2

Along both axes (A. Lavin and S. Gray, Fast algorithms for convolutional neural networks, 2016) that makes 16
products of matrices (tiles, channels) by (channels, outputs) instead of 36. What is done to images, to weights and to
products are additions. The same sums read from the other side are the gradient with respect to the weights.

On one core with AVX-512, float32, a convolution of 32x32x32x64 by 64 takes 12 to 14 ms so, 21 to 25 by oneDNN, and 20.5
would be the peak of the processor for all multiplications. As there are fewer terms in a sum, errors are no larger:
2.6e-7 of the standard deviation there, oneDNN's 4.2e-7. But an infinity or a NaN would be seen by windows beside it:
where a result is not finite it is computed again, as eager work does it.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from math import prod
from typing import Any

import numpy as np

from ... import config
from ...core import Aval
from ...errors import JitWarning
from ...graph.ir import Eqn
from ...kernels import convolution as kernels
from .compiler import MOST_SAID, CompileError
from .library import Entry, Parameter
from .toolchain import toolchain
from .winograd_source import SOURCE

__all__ = ["KERNELS", "compiling", "is_for_winograd"]

Raw = Any
Sizes = tuple[int, ...]
Padding = tuple[tuple[int, int], ...]

BLOCK = 32
"""Inputs and outputs come in multiples of it, so that they fill vectors."""
LEAST_WORK = 1 << 21
"""From so many multiplications of the convolution on it is faster (4x8x8x32 by 32 on one thread: 0.04 ms, oneDNN 0.06).
Those of fewer are not worth two threads."""
LEAST_TILES = 16
"""And from so many windows two by two: else what is done to weights takes longest (d(data) of 1x4x4x512 by 512: 4.3 ms,
oneDNN 2.6)."""
KEPT_BYTES = 64 << 20
"""A call that needs more scratch memory than this gives it back."""

_ARGUMENTS = {"threads": 1, "windowed_scratch": 6, "windowed": 15, "weighted_scratch": 6, "weighted": 14}


def is_for_winograd(eqn: Eqn) -> bool:
    """Is the equation a convolution, or one of its transposes, which is faster so?"""
    name = getattr(eqn.op, "name", None)
    if name not in ("conv", "conv_data", "conv_weights"):
        return False
    avals = [a.type for a in (*eqn.operands, *eqn.outs)]
    if not all(isinstance(a, Aval) and a.dtype == np.float32 for a in avals):
        return False
    params = eqn.params
    # the shapes of weights, and of the array that has a number for each window, or for each pixel
    second, out = (a.shape for a in avals[1:])  # type: ignore[union-attr]
    weights, result = (out, second) if name == "conv_weights" else (second, out)
    return (
        len(weights) == 4
        and weights[:2] == (3, 3)
        and params["stride"] == params["dilation"] == (1, 1)
        and params["groups"] == 1
        and all(0 <= side <= 2 for pair in params["padding"] for side in pair)
        and weights[-2] % BLOCK == weights[-1] % BLOCK == 0
        and prod(result[:-1]) * prod(weights) >= LEAST_WORK
        and result[0] * -(-result[1] // 2) * -(-result[2] // 2) >= LEAST_TILES
    )


# ---- the kernels, called like those of the operations ------------------------------------------


def conv(xp: Any, x: Raw, w: Raw, *, padding: Padding, out: Raw | None = None, **params: Any) -> Raw:
    """The convolution of x (N, H, W, C) with w (3, 3, C, O)."""
    sizes = kernels.conv_output_sizes(x.shape[1:-1], (3, 3), (1, 1), padding, (1, 1))
    result = _room((x.shape[0], *sizes, w.shape[-1]), out)
    if _windowed(x, w, padding, result, turned=False):
        return result
    return kernels.placed(kernels.conv(xp, x, w, padding=padding, **params), out)


def conv_data(
    xp: Any, g: Raw, w: Raw, *, spatial: Sizes, padding: Padding, out: Raw | None = None, **params: Any
) -> Raw:
    """The transpose of `conv` in x, which is one by windows that are turned around: each g is seen by 3 x 3 x's."""
    around = tuple((2 - low, 2 - high) for low, high in padding)
    result = _room((g.shape[0], *spatial, w.shape[-2]), out)
    if _windowed(g, w, around, result, turned=True):
        return result
    return kernels.placed(kernels.conv_data(xp, g, w, spatial=spatial, padding=padding, **params), out)


def conv_weights(xp: Any, x: Raw, g: Raw, *, padding: Padding, out: Raw | None = None, **params: Any) -> Raw:
    """The transpose of `conv` in w."""
    result = _room((3, 3, x.shape[-1], g.shape[-1]), out)
    if _weighted(x, g, padding, result):
        return result
    return kernels.placed(kernels.conv_weights(xp, x, g, padding=padding, **params), out)


KERNELS: dict[str, Callable[..., Raw]] = {f"{f.__name__}_by_winograd": f for f in (conv, conv_data, conv_weights)}
"""By the name that programs have for them."""


def _room(shape: Sizes, out: Raw | None) -> Raw:
    """Where the result goes: the caller's memory, if he has given some."""
    return np.empty(shape, np.float32) if out is None else out


def _windowed(x: Raw, w: Raw, padding: Padding, out: Raw, turned: bool) -> bool:
    """Compute sums of what windows see; False where one is not finite, or there is no compiler."""
    return _computed("windowed", x, w, padding, out, out.shape, turned)


def _weighted(x: Raw, g: Raw, padding: Padding, out: Raw) -> bool:
    """The same for the gradient with respect to weights."""
    return _computed("weighted", x, g, padding, out, g.shape)


def _computed(name: str, x: Raw, y: Raw, padding: Padding, out: Raw, seen: Sizes, *more: bool) -> bool:
    """Call that function of the file; `seen` is the shape of what there is one of for each window."""
    found = _functions()
    if found is None:
        return False
    x, y = np.ascontiguousarray(x), np.ascontiguousarray(y)
    (n, h, width, c), (_, rows, columns, o), ((top, _), (left, _)) = x.shape, seen, padding
    team = config.threads.get() or found["threads"](0)
    scratch = _scratch(found[f"{name}_scratch"](n, rows, columns, c, o, team))
    sizes = n, h, width, c, top, left, rows, columns, o
    return not found[name](*map(_address, (x, y, out, scratch)), team, *sizes, *more)


def _address(x: Raw) -> int:
    return x.ctypes.data  # type: ignore[no-any-return]


# ---- what they run on --------------------------------------------------------------------------

_found: list[dict[str, Callable[..., int]] | None] = []
_lock = threading.Lock()
_own = threading.local()


def _functions() -> dict[str, Callable[..., int]] | None:
    """The functions of the file, compiled or loaded once; None where they cannot be, or are turned off."""
    if not config.winograd.get():
        return None
    if not _found:
        with _lock:
            if not _found:
                _found.append(_compiled())
    return _found[0]


def _compiled() -> dict[str, Callable[..., int]] | None:
    tools = toolchain()
    if tools is None:
        return None
    entries = [Entry(name, (Parameter("long long"),) * count) for name, count in _ARGUMENTS.items()]
    try:
        return dict(zip(_ARGUMENTS, tools.functions(SOURCE, entries), strict=True))
    except CompileError as error:
        said = str(error)[:MOST_SAID]
        warnings.warn(f"jit: convolutions cannot be compiled, and stay with oneDNN or NumPy: {said}", JitWarning, 2)
        return None


@contextmanager
def compiling() -> Iterator[None]:
    """Inside, another thread compiles the file, if need be: half a second, beside what else there is to compile."""
    if _found or not config.winograd.get():
        yield
        return
    other = threading.Thread(target=copy_context().run, args=(_functions,))
    other.start()
    try:
        yield
    finally:
        other.join()


def _new_lock() -> None:
    """In a forked child the lock may be one that a thread of the parent's held."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock)


def _scratch(floats: int) -> Raw:
    """Memory for so many floats at least, which is the calling thread's until it asks again."""
    kept = getattr(_own, "scratch", None)
    if kept is None or kept.size < floats:
        kept = _aligned(floats)
        if kept.nbytes <= KEPT_BYTES:
            _own.scratch = kept
    return kept


def _aligned(floats: int) -> Raw:
    """New memory that begins where a line of the cache does."""
    buffer = np.empty(floats + 16, np.float32)
    ahead = -buffer.ctypes.data % 64 // buffer.itemsize
    return buffer[ahead : ahead + floats]
