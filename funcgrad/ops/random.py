"""Random numbers: operations on keys, each key with its own stream (`kernels/philox.py`).

The operand is a uint64 array of keys, two words each: keys of shape (*batch, 2) give (*batch, *shape), one stream after
the other in a loop, since a stream is a function of its key alone. The host makes the numbers, so that they are the
same on every device, and they go to the default device. Nothing here has a derivative: samplers with parameters are
composed of these and of ordinary operations (`funcgrad.random`).
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ..core import Array, Aval
from ..device import CPU, Raw, default_device, move
from ..dtypes import BFLOAT16, NARROW, DType
from ..errors import OptionError, ShapeError
from ..kernels import normal as normals
from ..kernels import philox
from ..rules import batch_to_front, elementwise, general, move_axis

Words = tuple[int, int]
"""A single key."""

_INT64 = np.dtype(np.int64)


class Sampler:
    """One operation that draws from a stream: a primitive, and a short way for a single key outside of any trace.

    Args:
        name: the primitive's.
        draw: (words of a key, n, **params) -> n raw numbers.
        dtype: (**params) -> their dtype.
    """

    __slots__ = ("_draw", "operation")

    def __init__(self, name: str, draw: Callable[..., Raw], dtype: Callable[..., DType]):
        def impl(xp: Any, keys: Raw, *, shape: tuple[int, ...], out: Raw | None = None, **params: Any) -> Raw:
            return _each(keys, shape, dtype(**params), lambda words: draw(words, prod(shape), **params), out)

        def infer(keys: Aval, *, shape: tuple[int, ...], **params: Any) -> Aval:
            return Aval((*_batch_shape(name, keys), *shape), dtype(**params))

        def batch(size: int, args: Any, dims: Any, **params: Any) -> tuple[Any, int]:
            return self.operation(move_axis(args[0], dims[0], 0), **params), 0

        self._draw = draw
        self.operation = general(f"{name}(keys)", impl=impl, infer=infer, batch=batch)

    def __call__(self, keys: Array | Words, *, shape: tuple[int, ...], **params: Any) -> Any:
        if isinstance(keys, tuple):
            drawn = self._draw(keys, prod(shape), **params)
            return Array(move(drawn if len(shape) == 1 else drawn.reshape(shape), default_device()))
        return self.operation(keys, shape=shape, **params)


def _each(keys: Raw, shape: tuple[int, ...], dtype: DType, draw: Callable[[Words], Raw], out: Raw | None = None) -> Raw:
    """The numbers of every key, on the default device or in the caller's memory."""
    keys = move(keys, CPU)
    rows = prod(keys.shape[:-1]), prod(shape)
    result = np.empty(rows, dtype) if out is None else out.reshape(rows)
    for row, words in zip(result, keys.reshape(-1, 2).tolist(), strict=True):
        row[...] = draw(tuple(words))
    return out if out is not None else move(result.reshape((*keys.shape[:-1], *shape)), default_device())


def _batch_shape(name: str, keys: Aval) -> tuple[int, ...]:
    if keys.shape[-1:] != (2,) or keys.dtype != np.uint64:
        raise ShapeError(f"{name}: keys are uint64 arrays of shape (..., 2), not {keys}")
    return keys.shape[:-1]


# ---- numbers from one stream -------------------------------------------------------------------


def _uniform(words: Words, n: int, *, dtype: DType) -> Raw:
    if dtype in NARROW:  # the top 11 bits, as many as float16 holds, or 8
        digits = 8 if dtype is BFLOAT16 else 11
        return ((philox.bits(words, n, 32) >> (32 - digits)) * np.float32(2.0**-digits)).astype(dtype)
    return philox.uniform(words, n, dtype)


def _below(words: Words, n: int, *, width: int, threshold: int) -> Raw:
    """Integers of the stream < threshold, which may be one more than the largest."""
    integers = philox.bits(words, n, width)
    return integers < integers.dtype.type(threshold) if threshold < 2**width else np.ones(n, bool)


def _permutation(words: Words, n: int) -> Raw:
    return stable_order(philox.bits(words, n, 64))


def stable_order(words: Raw) -> Raw:
    """The indices that sort the words, equal ones in their order.

    NumPy's stable sort of 1e6 words takes 94 ms, its other one 18 ms and orders equal words in some way of its own; of
    random words two are equal once in 4e7 sorts of this size.
    """
    order = np.argsort(words)
    found = words[order]
    if bool((found[1:] == found[:-1]).any()):
        order = np.argsort(words, kind="stable")
    return order.astype(_INT64, copy=False)


bits = Sampler("random_bits", philox.bits, lambda *, width: np.dtype(f"u{width // 8}"))
uniform = Sampler("random_uniform", _uniform, lambda *, dtype: dtype)
normal = Sampler("random_normal", normals.normal, lambda *, dtype: dtype)
below = Sampler("random_below", _below, lambda *, width, threshold: np.dtype(bool))
permutation = Sampler("random_permutation", _permutation, lambda: _INT64)

# ---- choices with given probabilities ----------------------------------------------------------


def _chosen(words: Words, p: Raw, n: int, replace: bool) -> Raw:
    """n indices drawn with probabilities proportional to p, in float64."""
    _check_probabilities(p, n, replace)
    if n == 0:
        return np.empty(0, _INT64)
    if replace:  # the inverse of the distribution function
        cumulative = np.cumsum(p, dtype=np.float64)
        u = philox.uniform(words, n, np.float64) * cumulative[-1]
        last = np.flatnonzero(p)[-1]  # u can round up to the sum itself
        return np.minimum(np.searchsorted(cumulative, u, side="right"), last)
    # the first n of clocks that ring at exponential times with rates p
    times = -np.log1p(-philox.uniform(words, p.size, np.float64))
    rung = np.divide(times, p, out=np.full(p.size, np.inf), where=p > 0)
    return stable_order(rung)[:n]


def _check_probabilities(p: Raw, n: int, replace: bool) -> None:
    if not bool(np.all(p >= 0)):
        raise OptionError(f"choice: probabilities must not be negative or NaN, and the smallest of p is {np.min(p)}")
    possible = int(np.count_nonzero(p))
    if possible < (min(n, 1) if replace else n):
        how = "with" if replace else "without"
        raise OptionError(f"choice: p has {possible} probabilities above 0, too few for {n} draws {how} replacement")


def _choice(xp: Any, keys: Raw, p: Raw, *, shape: tuple[int, ...], replace: bool) -> Raw:
    keys, p = move(keys, CPU), move(p, CPU)
    rows = iter(p.reshape(-1, p.shape[-1]))
    return _each(keys, shape, _INT64, lambda words: _chosen(words, next(rows), prod(shape), replace))


choice = general(  # keys (*batch, 2), p (*batch, n): indices (*batch, *shape)
    "random_choice(keys, p)",
    impl=_choice,
    infer=lambda keys, p, *, shape, replace: Aval((*_batch_shape("random_choice", keys), *shape), _INT64),
    batch=lambda size, args, dims, **params: (choice(*batch_to_front(args, dims, size), **params), 0),
)
choice.primitive.checks = True  # too few probabilities above 0 are an error

# ---- keys from keys ----------------------------------------------------------------------------

split = general(
    "random_split(keys)",
    impl=lambda xp, keys, *, num: _derived(keys, lambda host: philox.split_array(host, num)),
    infer=lambda keys, *, num: Aval((*_batch_shape("random_split", keys), num, 2), keys.dtype),
    batch=lambda size, args, dims, *, num: (split(move_axis(args[0], dims[0], 0), num=num), 0),
)
fold_in = general(  # keys (*shape, 2), data of that shape
    "random_fold_in(keys, data)",
    impl=lambda xp, keys, data: _derived(keys, lambda host: philox.fold_in_array(host, move(data, CPU))),
    infer=lambda keys, data: Aval((*_batch_shape("random_fold_in", keys), 2), keys.dtype),
    batch=lambda size, args, dims: (fold_in(*batch_to_front(args, dims, size)), 0),
)


def _derived(keys: Raw, derive: Callable[[Raw], Raw]) -> Raw:
    return derive(move(keys, CPU))


# ---- the high word of a product ----------------------------------------------------------------

_BLOCK = 16384
_HALF, _LOW = 32, 2**32 - 1


def _multiply_high(xp: Any, x: Raw, y: Raw) -> Raw:
    """By 32-bit halves; on NumPy in blocks, whose temporaries stay in the cache."""
    if xp is not np:
        return _high(xp, x, y)
    result = np.empty(np.broadcast_shapes(x.shape, y.shape), np.uint64)
    flat = result.reshape(-1)
    flat_x, flat_y = (a.reshape(1) if a.size == 1 else np.broadcast_to(a, result.shape).reshape(-1) for a in (x, y))
    product = _high if flat_y.size != 1 or flat_y[0] > _LOW else _high_of_narrow
    for start in range(0, flat.size, _BLOCK):
        block = slice(start, start + _BLOCK)
        flat[block] = product(np, *[a if a.size == 1 else a[block] for a in (flat_x, flat_y)])
    return result


def _high_of_narrow(xp: Any, x: Raw, y: Raw) -> Raw:
    """For y < 2^32: the low half of x carries into the high one's product, which stays below 2^64."""
    low = x & _LOW
    low *= y
    low >>= _HALF
    high = x >> _HALF
    high *= y
    high += low
    high >>= _HALF
    return high


def _high(xp: Any, x: Raw, y: Raw) -> Raw:
    x_low, x_high, y_low, y_high = x & _LOW, x >> _HALF, y & _LOW, y >> _HALF
    low_high = x_low * y_high
    middle = x_high * y_low + (x_low * y_low >> _HALF) + (low_high & _LOW)
    return x_high * y_high + (middle >> _HALF) + (low_high >> _HALF)


multiply_high = elementwise("multiply_high(x, y)", impl=_multiply_high)  # of uint64: floor(x y / 2^64)
