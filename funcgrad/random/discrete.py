"""Samplers of booleans, integers and indices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..config import default_dtype
from ..core import SCALARS, Array
from ..dtypes import DType, canonical, finfo, is_floating, is_integer
from ..errors import DtypeError, OptionError, ShapeError
from ..numpy import elementwise as fnp
from ..numpy.creation import asarray, parse_shape
from ..numpy.indexing import take
from ..numpy.manipulation import moveaxis
from ..numpy.reductions import argmax
from ..numpy.sorting import argsort
from ..ops import random as ops
from ..ops.create import to_device
from ..ops.elementwise import astype
from ..ops.shape import normalize_axis
from .continuous import gumbel
from .keys import Key, integer, one_key_array, sample
from .parameters import Shape, check_below, check_broadcast, known, parameter

__all__ = ["bernoulli", "categorical", "choice", "permutation", "rademacher", "randint"]

_DOUBLE, _INT64, _UINT64 = np.dtype(np.float64), np.dtype(np.int64), np.dtype(np.uint64)


def bernoulli(key: Key, p: Any = 0.5, shape: Shape | None = None) -> Array:
    """Booleans that are True with probability p: exactly `uniform(key, shape, dtype) < p`.

    The dtype is float32, or float64 where p is a float64 array, or a Python number and that is the default dtype. A
    Python number is compared as an integer with the bits themselves, which takes no floats and gives the same.

    Args:
        key: a single key.
        p: a number, or an array, from 0 to 1.
        shape: of the result; by default p's.

    Returns:
        Booleans of that shape.

    Raises:
        ShapeError: p does not broadcast to the shape.
        OptionError: a p is not in [0, 1].

    >>> from funcgrad import random
    >>> random.bernoulli(random.key(0), 0.25, (4,))
    Array([False, False,  True, False], dtype=bool)
    """
    values = known(p)
    if values is not None and not bool(np.all((values >= 0) & (values <= 1))):
        raise OptionError(f"bernoulli: p must be from 0 to 1, not {p}")
    if type(p) in SCALARS:
        width, threshold = _threshold(float(p), default_dtype())
        sizes = () if shape is None else parse_shape(shape)
        return sample("bernoulli", ops.below, key, sizes, width=width, threshold=threshold)
    found = asarray(p)
    sizes = found.shape if shape is None else parse_shape(shape)
    dtype = np.promote_types(found.dtype, np.float32) if is_floating(found.dtype) else np.dtype(np.float32)
    u = sample("bernoulli", ops.uniform, key, sizes, dtype=dtype)
    return fnp.less(u, parameter("bernoulli", found, sizes, dtype))


def _threshold(p: float, dtype: DType) -> tuple[int, int]:
    """Width w of integers, and t with: integer < t where the uniform number made of it is below p.

    The number is m / 2^24 with m the top 24 bits of 32, and m / 2^24 < p where m < ceil(2^24 p).
    """
    if dtype == _DOUBLE:
        return 64, math.ceil(p * 2.0**53) << 11
    return 32, math.ceil(float(np.float32(p)) * 2.0**24) << 8


def rademacher(key: Key, shape: Shape = (), dtype: Any = None) -> Array:
    """-1 or 1, each with probability 1/2: 1 where `bernoulli(key, 0.5)` is True.

    Args:
        key: a single key.
        shape: of the result.
        dtype: of the result, able to hold -1; by default int64.

    >>> from funcgrad import random
    >>> random.rademacher(random.key(0), (4,))
    Array([-1,  1,  1, -1], dtype=int64)
    """
    found = canonical(_INT64 if dtype is None else dtype)
    if found.kind in "ub":
        raise DtypeError(f"rademacher: {found} does not hold -1")
    width, threshold = _threshold(0.5, default_dtype())
    up = sample("rademacher", ops.below, key, parse_shape(shape), width=width, threshold=threshold)
    return astype(up, found) * 2 - 1


def randint(key: Key, shape: Shape, minval: Any, maxval: Any, dtype: Any = None) -> Array:
    """Integers from minval up to, and without, maxval.

    minval + floor(w n / 2^64), with n = maxval - minval and w a 64-bit integer of the stream; where n > 2^32 a second
    one, behind all the first, continues w to 128 bits. So no probability differs from 1/n by more than a factor of
    1 +- 2^-32.

    Args:
        key: a single key.
        shape: of the result.
        minval, maxval: integers, or arrays of integers that broadcast to the shape, minval < maxval.
        dtype: an integer dtype that holds them; by default int64.

    Raises:
        ShapeError: the bounds do not broadcast to the shape.
        DtypeError: the bounds or the dtype are no integers.
        OptionError: minval >= maxval, or the dtype does not hold the bounds.

    >>> from funcgrad import random
    >>> random.randint(random.key(0), (5,), 1, 7)
    Array([3, 5, 6, 3, 5], dtype=int64)
    """
    found, sizes = canonical(_INT64 if dtype is None else dtype), parse_shape(shape)
    if not is_integer(found):
        raise DtypeError(f"randint: dtype must be an integer, not {found}")
    low, high = (_bound(v, found, sizes, i) for i, v in enumerate((minval, maxval)))
    check_below("randint", low, high)
    wide = found.itemsize == 8  # the only dtypes with spans above 2^32
    if isinstance(low, int) and isinstance(high, int):
        wide = high - low > 2**32
        if high - low == 2**64:
            return astype(sample("randint", ops.bits, key, (2, *sizes), width=64)[0], found) + low
    span = _modulo(high - low) if isinstance(low, int) and isinstance(high, int) else _modulo(high) - _modulo(low)
    if not wide:
        words = sample("randint", ops.bits, key, sizes, width=64)
        number = ops.multiply_high(words, span)
    else:
        words, more = sample("randint", ops.bits, key, (2, *sizes), width=64)
        number, rest = ops.multiply_high(words, span), words * span
        carried = rest + ops.multiply_high(more, span) < rest
        number = number + astype(carried & (span > 2**32), _UINT64)
    number = astype(number, found)
    return (
        number if isinstance(low, int) and low == 0 else number + (low if isinstance(low, int) else astype(low, found))
    )


def _bound(x: Any, dtype: DType, shape: tuple[int, ...], exclusive: int) -> Any:
    """A bound as a Python int that fits the dtype, or as an array of integers."""
    if not isinstance(x, Array | np.ndarray | list | tuple):
        found, limits = integer(x, "randint: a bound"), np.iinfo(dtype)
        if not limits.min <= found <= int(limits.max) + exclusive:
            raise OptionError(f"randint: {dtype} does not hold the bound {found}; choose another dtype")
        return found
    array = asarray(x)
    if not is_integer(array.dtype):
        raise DtypeError(f"randint: a bound must be an integer, not {array.aval}")
    check_broadcast("randint", array.shape, shape)
    return array


def _modulo(x: Any) -> Array:
    """An integer modulo 2^64."""
    return asarray(np.uint64(x % 2**64)) if isinstance(x, int) else astype(x, _UINT64)


def permutation(key: Key, x: Any, axis: int = 0) -> Array:
    """0, 1, ..., n - 1 in a random order; or an array in a random order along an axis.

    The order is that which sorts n 64-bit integers of the stream, equal ones kept in their order. Differentiable in
    the array.

    Args:
        key: a single key.
        x: n, an integer that is not negative, or an array.
        axis: along which the slices of an array are put in another order; each slice stays as it is.

    Returns:
        int64 of shape (n,), or an array like x.

    Raises:
        ShapeError: n is negative.

    >>> from funcgrad import random
    >>> random.permutation(random.key(0), 5)
    Array([0, 3, 4, 1, 2], dtype=int64)
    """
    if not _is_array(x):
        n = integer(x, "permutation: n")
        if n < 0:
            raise ShapeError(f"permutation: n must not be negative, got {n}")
        return sample("permutation", ops.permutation, key, (n,))
    found = asarray(x)
    along = normalize_axis(axis, found.ndim, "permutation")
    order = sample("permutation", ops.permutation, key, (found.shape[along],))
    return take(found, to_device(order, found.device), axis=along)


def _is_array(x: Any) -> bool:
    """Something to reorder, and not a number (an array without dimensions is one)."""
    return isinstance(x, list | tuple) or (isinstance(x, Array | np.ndarray) and x.ndim > 0)


def choice(key: Key, a: Any, shape: Shape = (), replace: bool = True, p: Any = None, axis: int = 0) -> Array:
    """Random elements of 0, 1, ..., n - 1, or random slices of an array.

    With replacement by `randint`, or with probabilities p by the inverse of their cumulative sums in float64. Without
    replacement the first of a `permutation`, or with p the first of n events that occur at independent exponential
    times with rates p, which is the same as drawing one after the other. Differentiable in the array, not in p.

    Args:
        key: a single key.
        a: n, a positive integer, or an array.
        shape: how many to draw, and in which shape.
        replace: whether an element can be drawn several times.
        p: the probabilities of the n elements, which sum to 1; by default equal ones.
        axis: along which the slices of an array are taken.

    Returns:
        int64 of that shape, or an array like a whose axis is replaced by the shape.

    Raises:
        ShapeError: p has not shape (n,), or without replacement there are fewer elements than draws.
        OptionError: there is nothing to draw from, or p is negative or does not sum to 1.

    >>> from funcgrad import random
    >>> random.choice(random.key(0), 10, (3,), replace=False)
    Array([6, 9, 8], dtype=int64)
    """
    sizes = parse_shape(shape)
    array = asarray(a) if _is_array(a) else None
    along = 0 if array is None else normalize_axis(axis, array.ndim, "choice")
    n = integer(a, "choice: a") if array is None else array.shape[along]
    draws = math.prod(sizes)
    if n <= 0 and (draws or n < 0):
        raise OptionError(f"choice: there must be something to draw from, and n is {n}")
    if not replace and draws > n:
        raise ShapeError(f"choice: {draws} draws without replacement from {n} elements")
    if p is not None:
        index = _weighted(key, p, n, sizes, replace)
    elif replace:
        index = randint(key, sizes, 0, max(n, 1))
    else:
        index = sample("choice", ops.permutation, key, (n,))[:draws].reshape(sizes)
    return index if array is None else take(array, to_device(index, array.device), axis=along)


def _weighted(key: Key, p: Any, n: int, shape: tuple[int, ...], replace: bool) -> Array:
    found = asarray(p)
    if found.shape != (n,) or not is_floating(found.dtype):
        raise ShapeError(f"choice: p must be floats of shape ({n},), one for each element, not {found.aval}")
    if (values := known(found)) is not None:
        total = float(np.sum(values, dtype=_DOUBLE))
        if not abs(total - 1) <= np.sqrt(finfo(values.dtype).eps):
            raise OptionError(f"choice: probabilities must sum to 1, and p sums to {total:.6g}; use p / p.sum()")
    return ops.choice(one_key_array("choice", key), found, shape=shape, replace=bool(replace))


def categorical(key: Key, logits: Any, axis: int = -1, shape: Shape | None = None, replace: bool = True) -> Array:
    """Indices i drawn with probabilities softmax(logits)[i].

    By Gumbel's trick: argmax_i(logits[i] + g[i]), g of `gumbel`. Logits need not be normalised; -inf is never drawn.

    Args:
        key: a single key.
        logits: floats; one distribution along `axis`, for each place of the other axes.
        axis: which axis of the logits the index runs over.
        shape: of the result; the logits' shape without the axis must broadcast to it. By default that shape.
        replace: where False, the draws of one distribution, along the axes that the shape has in front of the logits'
            own, are all different: the largest of the same sums.

    Returns:
        int64 of that shape.

    Raises:
        ShapeError: the logits do not broadcast to the shape, the axis is empty, or there are more draws without
            replacement than indices.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import random
    >>> random.categorical(random.key(0), fnp.log(fnp.asarray([0.9, 0.1])), shape=(5,))
    Array([0, 0, 0, 0, 0], dtype=int64)
    """
    scores = asarray(logits)
    if not is_floating(scores.dtype):
        raise DtypeError(f"categorical: logits must be floats, not {scores.aval}")
    along = normalize_axis(axis, scores.ndim, "categorical")
    batch = scores.shape[:along] + scores.shape[along + 1 :]
    sizes = batch if shape is None else parse_shape(shape)
    check_broadcast("categorical", batch, sizes)
    if not scores.shape[along]:
        raise ShapeError(f"categorical: {scores.aval} has nothing to draw from along axis {along}")
    more = len(sizes) - len(batch)
    if not replace:
        return _without_replacement(key, scores, along, sizes[:more], sizes[more:])
    place = more + along  # of the axis, among the result's
    noise = gumbel(key, (*sizes[:place], scores.shape[along], *sizes[place:]), scores.dtype)
    return argmax(scores + noise, axis=place)


def _without_replacement(key: Any, scores: Any, along: int, lead: tuple[int, ...], batch: tuple[int, ...]) -> Array:
    """Indices of the largest scores plus Gumbel numbers, the largest first, in the shape lead + batch."""
    n, count = scores.shape[along], math.prod(lead)
    if count > n:
        raise ShapeError(f"categorical: {count} different draws, and there are only {n} indices")
    noise = gumbel(key, (*batch[:along], n, *batch[along:]), scores.dtype)
    order = argsort(scores + noise, axis=along, descending=True)
    return moveaxis(order, along, 0)[:count].reshape((*lead, *batch))
