"""Sums of weighted elements along one axis: what makes an image of one size from an image of another.

Each element of the result reads a few elements of the axis, which ones and with what weights being known before: the
two neighbours of linear interpolation, or the bin that adaptive pooling takes the mean of. Only what has a weight is
read, so an infinity stays where it is; a product with a matrix would spread it as NaN.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy

from . import threads

__all__ = ["Taps", "resample"]

Raw = Any

# Elements of the result in one tile on NumPy, which stays in cache from one tap to the next: to double the 64 of
# float32 1024x64x32 takes 3.3 ms, 5.1 in one piece, and 10 in tiles of 4096. Elsewhere (GPUs) one large launch is best.
_TILE = 1 << 16

# Where fewer elements than this lie behind the axis, the taps of each are written out, so that NumPy's loops run along
# the whole axis and not along these few.
_FEW_INNER = 16

# Where fewer than this lie there, weights are written out, for the same reason.
_LONG_INNER = 512


class Taps:
    """Which elements of an axis each element of the result reads, and their weights.

    Args:
        size_in: how long the axis is.
        size_out: how long it becomes.
        outputs, inputs, weights: of equal length: an element of the result, one that it reads, and the weight; in any
            order. Where a pair occurs twice, the weights are added; those that are 0 are not read.
    """

    __slots__ = ("__dict__", "_digest", "index", "is_identity", "size_in", "size_out", "weights")

    def __init__(self, size_in: int, size_out: int, outputs: Any, inputs: Any, weights: Any):
        self.size_in, self.size_out = size_in, size_out
        pairs, place = numpy.unique(numpy.asarray(outputs) * size_in + inputs, return_inverse=True)
        sums = numpy.bincount(place.ravel(), numpy.broadcast_to(weights, place.shape).ravel(), len(pairs))
        rows, columns = numpy.divmod(pairs[sums != 0], size_in)
        sums = sums[sums != 0]
        counts = numpy.bincount(rows, minlength=size_out)
        most = int(counts.max(initial=1))
        starts = numpy.cumsum(counts) - counts
        # A row with fewer taps than others reads its last element several times, by halves of its weight: a weight of
        # 0 would make NaN of an infinity. Halves are exact.
        offset = numpy.arange(most)[:, None]
        held = numpy.minimum(offset, numpy.maximum(counts - 1, 0))
        at = numpy.minimum(starts + held, max(len(columns) - 1, 0))
        spare = most - counts
        halvings = numpy.where(held == counts - 1, numpy.minimum(offset - held + 1, spare), 0)
        some = counts > 0
        self.index = numpy.where(some, columns[at], 0) if len(columns) else numpy.zeros((most, size_out), numpy.int64)
        found = numpy.where(some, sums[at] * 0.5**halvings, 0.0) if len(columns) else numpy.zeros((most, size_out))
        self.weights = None if (found == 1).all() else found  # as where an image grows by a whole factor
        self.is_identity = (
            self.weights is None and most == 1 and numpy.array_equal(self.index[0], numpy.arange(size_in))
        )
        self._digest = (size_in, self.index.tobytes(), found.tobytes())

    @functools.cached_property
    def transposed(self) -> Taps:
        """The taps from the result back to the axis."""
        weights = numpy.ones(self.index.shape) if self.weights is None else self.weights
        outputs = numpy.broadcast_to(numpy.arange(self.size_out), self.index.shape)
        return Taps(self.size_out, self.size_in, self.index.ravel(), outputs.ravel(), weights.ravel())

    @functools.cached_property
    def _hash(self) -> int:
        return hash(self._digest)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Taps) and self._digest == other._digest)

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Taps({self.size_in} to {self.size_out} by {len(self.index)})"

    def laid_out(self, inner: int, dtype: Any) -> tuple[Any, Any, int]:
        """Index and weights as NumPy's loops want them, and how many elements of each tap still lie side by side.

        Few elements behind the axis have taps of their own. More of them have weights of their own, unless they are so
        many that loops are long without.
        """
        known = self.__dict__.setdefault("_laid_out", {})
        if (inner, dtype) not in known:
            index, weights = self.index, None if self.weights is None else self.weights.astype(dtype)
            if weights is not None:
                weights = weights[:, :, None] if inner >= _LONG_INNER else numpy.repeat(weights, inner, 1)
            if 1 < inner < _FEW_INNER:
                index = (index[:, :, None] * inner + numpy.arange(inner)).reshape(len(index), -1)
            known[inner, dtype] = index, weights, 1 if inner < _FEW_INNER else inner
        return known[inner, dtype]  # type: ignore[no-any-return]


def resample(xp: Any, x: Raw, *, axis: int, taps: Taps, out: Raw | None = None) -> Raw:
    """out[..., i, ...] = sum over t of weights[t, i] * x[..., index[t, i], ...], along that axis."""
    shape = (*x.shape[:axis], taps.size_out, *x.shape[axis + 1 :])
    rows, inner = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
    if xp is not numpy:
        return xp.reshape(_elsewhere(xp, xp.reshape(x, (rows, taps.size_in, inner)), taps), shape)
    if out is None:
        out = numpy.empty(shape, x.dtype)
    if not out.size:
        return out
    index, weights, inner = taps.laid_out(inner, x.real.dtype)
    count = index.shape[1]
    source, whole = x.reshape(rows, -1, inner), out.reshape(rows, count, inner)
    columns = max(1, min(count, _TILE // inner))
    height = max(1, _TILE // (count * inner))
    tiles = list(itertools.product(range(0, rows, height), range(0, count, columns)))

    def fill(part: slice) -> None:
        spare = numpy.empty(min(rows, height) * columns * inner, x.dtype)
        for row, column in tiles[part]:
            here, there = slice(row, row + height), slice(column, column + columns)
            _combine(source[here], index[:, there], weights, there, whole[here, there], spare)

    threads.each_part(fill, threads.parts(len(tiles), whole.size * len(index)))
    return out


def _combine(x: Raw, index: Raw, weights: Raw, there: slice, out: Raw, spare: Raw) -> None:
    """The taps of one tile, one after the other; `spare` is memory for one of them."""
    numpy.take(x, index[0], 1, out=out, mode="clip")  # all are in range: so NumPy need not look, nor copy
    term = spare[: out.size].reshape(out.shape)
    flat, flat_term, inner = out, term, x.shape[2]
    if weights is not None and weights.ndim == 2:  # a weight for each element behind the axis, too
        flat, flat_term = out.reshape(len(x), -1), term.reshape(len(x), -1)
        there = slice(there.start * inner, there.stop * inner)
    if weights is not None:
        flat *= weights[0, there]
    for t in range(1, len(index)):
        numpy.take(x, index[t], 1, out=term, mode="clip")
        if weights is not None:
            flat_term *= weights[t, there]
        flat += flat_term


def _elsewhere(xp: Any, x: Raw, taps: Taps) -> Raw:
    """The same with any array module, in one piece."""
    total = None
    for t, line in enumerate(taps.index):
        term = xp.take(x, xp.asarray(line, device=x.device), axis=1)
        if taps.weights is not None:
            term = term * xp.astype(xp.asarray(taps.weights[t], device=x.device), x.dtype)[:, None]
        total = term if total is None else total + term
    return total
