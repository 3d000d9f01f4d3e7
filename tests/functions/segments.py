"""Uses of `funcgrad/functional/segments.py`, `indexing.py` and `patches.py`; the expected values are by loops."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from samples import booleans, complexes, integers, uniform

from . import Use


def _segments(join: Callable[[Any, Any], Any], start: Callable[[Any], Any]) -> Callable[..., Any]:
    def oracle(data: Any, segment_ids: Any, num_segments: int | None = None, **_: Any) -> Any:
        count = int(segment_ids.max()) + 1 if num_segments is None else num_segments
        out = np.full((count, *data.shape[segment_ids.ndim :]), start(data.dtype), data.dtype)
        for at in np.ndindex(segment_ids.shape):
            if 0 <= (s := int(segment_ids[at])) < count:
                out[s] = join(out[s], data[at])
        return out

    return oracle


def _extreme(dtype: Any, sign: int) -> Any:
    if dtype.kind == "f":
        return sign * math.inf
    return np.iinfo(dtype).max if sign > 0 else np.iinfo(dtype).min


_IDS = np.array([2, 0, 1, 5, -1, 2])  # two of them out of range
_SEGMENTS: dict[str, Callable[..., Any]] = {
    "segment_sum": _segments(operator.add, lambda dtype: 0),
    "segment_prod": _segments(operator.mul, lambda dtype: 1),
    "segment_max": _segments(np.maximum, lambda dtype: _extreme(dtype, -1)),
    "segment_min": _segments(np.minimum, lambda dtype: _extreme(dtype, 1)),
}

USES = [
    Use(f"functional.{name}", args, kwargs, oracle)
    for name, oracle in _SEGMENTS.items()
    for args, kwargs in [
        ((uniform(6), _IDS), {"num_segments": 3 if name in ("segment_max", "segment_min") else 4}),
        ((uniform(6, 2), np.array([0, 1, 1, 0, 2, 2])), {"num_segments": 3, "indices_are_sorted": False}),
        ((uniform(2, 3), np.array([[0, 1, 0], [2, 2, 1]])), {"num_segments": 3}),
        ((integers(4), np.array([1, 0, 1, 3])), {}),
    ]
]
USES += [
    Use(f"functional.{name}", (complexes(4), np.array([1, 0, 1, 0]), 2), {}, _SEGMENTS[name])
    for name in ("segment_sum", "segment_prod")
]

# ---- as in PyTorch -----------------------------------------------------------------------------


def _places(index: Any, dim: int) -> Any:
    """For each place of an index, the place in the array that it means."""
    for at in np.ndindex(index.shape):
        yield at, (*at[:dim], int(index[at]), *at[dim + 1 :])


def _gather(x: Any, dim: int, index: Any) -> Any:
    out = np.empty(index.shape, x.dtype)
    for at, place in _places(index, dim % x.ndim):
        out[at] = x[place]
    return out


def _scatter(join: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def oracle(x: Any, dim: int, index: Any, src: Any) -> Any:
        out = x.copy()
        for at, place in _places(index, dim % x.ndim):
            out[place] = join(out[place], src if np.ndim(src) == 0 else src[at])
        return out

    return oracle


def _reduced(x: Any, dim: int, index: Any, src: Any, reduce: str, include_self: bool = True) -> Any:
    out = x.copy()
    found: dict[Any, list[Any]] = {}
    for at, place in _places(index, dim % x.ndim):
        found.setdefault(place, [x[place]] if include_self else []).append(src[at])
    join: Any = {"sum": np.sum, "prod": np.prod, "mean": np.mean, "amax": np.max, "amin": np.min}[reduce]
    for place, values in found.items():
        out[place] = join(values)
    return out


def _index_add(x: Any, dim: int, index: Any, source: Any, alpha: float = 1) -> Any:
    out, moved = x.copy(), np.moveaxis(source, dim, 0)
    view = np.moveaxis(out, dim, 0)
    for k, i in enumerate(index):
        view[i] += alpha * moved[k]
    return out


_X, _SRC = uniform(3, 4), uniform(3, 4, seed=1)
_INDEX = np.array([[0, 2, 2], [1, 1, 0]])
_DOWN = np.array([[0, 2, 1, 0], [0, 1, 1, 2]])

USES += [
    Use("functional.gather", (_X, 1, _INDEX), {}, _gather),
    Use("functional.gather", (_X, 0, _DOWN), {}, _gather),
    Use("functional.gather", (complexes(3, 4), -1, np.array([[3], [0], [1]])), {}, _gather),
    Use("functional.scatter", (_X, 1, np.array([[0, 2], [1, 3]]), _SRC), {}, _scatter(lambda old, new: new)),
    Use("functional.scatter", (_X, 0, _DOWN[:1], 2.5), {}, _scatter(lambda old, new: new)),
    Use("functional.scatter_add", (_X, 1, _INDEX, _SRC), {}, _scatter(operator.add)),
    Use("functional.scatter_add", (_X, 0, _DOWN, _SRC), {}, _scatter(operator.add)),
    Use("functional.index_add", (_X, 1, np.array([0, 3, 0]), uniform(3, 3, seed=2)), {}, _index_add),
    Use("functional.index_add", (_X, 0, np.array([2]), uniform(1, 4, seed=2)), {"alpha": 2.5}, _index_add),
    Use("functional.index_select", (_X, 1, np.array([3, 0, 3])), {}, lambda x, dim, index: np.take(x, index, dim)),
    Use("functional.masked_fill", (_X, booleans(3, 4), 2.5), {}, lambda x, mask, value: np.where(mask, value, x)),
    Use("functional.masked_fill", (_X, booleans(4), np.asarray(uniform())), {}, lambda x, m, v: np.where(m, v, x)),
    Use("functional.masked_select", (_X, booleans(3, 4)), {}, lambda x, mask: x[mask]),
    Use("functional.masked_select", (_X, booleans(3, 1)), {}, lambda x, m: x[np.broadcast_to(m, x.shape)]),
]
USES += [
    Use("functional.scatter_reduce", (_X, 1, _INDEX, _SRC), {"reduce": reduce, "include_self": own}, _reduced)
    for reduce in ("sum", "prod", "mean", "amax", "amin")
    for own in (True, False)
]

# ---- patches -----------------------------------------------------------------------------------


def _unfold(
    x: Any, kernel_size: Any, dilation: Any = (1, 1), padding: Any = (0, 0), stride: Any = (1, 1), layout: str = "NHWC"
) -> Any:
    images = x if layout == "NHWC" else np.moveaxis(x, 1, -1)
    images = np.pad(images, ((0, 0), *((p, p) for p in padding), (0, 0)))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel_size, dilation, strict=True)]
    rows, columns = (range(0, n - r + 1, s) for n, r, s in zip(images.shape[1:3], reach, stride, strict=True))
    seen = [
        images[:, i : i + reach[0] : dilation[0], j : j + reach[1] : dilation[1]]
        for i, j in itertools.product(rows, columns)
    ]
    out = np.stack(seen, 1)  # (N, L, *window, C)
    n, places, channels = out.shape[0], out.shape[1], out.shape[-1]
    if layout == "NHWC":
        return out.reshape(n, places, -1)
    return np.moveaxis(out.reshape(n, places, -1, channels), 1, -1).swapaxes(1, 2).reshape(n, -1, places)


def _fold(x: Any, output_size: Any, kernel_size: Any, **options: Any) -> Any:
    """The transpose of `_unfold`, by its matrix."""
    last = options.get("layout", "NHWC") == "NHWC"
    channels = x.shape[2 if last else 1] // math.prod(kernel_size)
    shape = (*output_size, channels) if last else (channels, *output_size)
    eye = np.eye(math.prod(shape)).reshape(-1, *shape)
    matrix = _unfold(eye, kernel_size, **options).reshape(eye.shape[0], -1)
    return (x.reshape(x.shape[0], -1) @ matrix.T).reshape(x.shape[0], *shape)


_MOVES: list[dict[str, Any]] = [
    {},
    {"dilation": (2, 1), "padding": (1, 0)},
    {"stride": (2, 1), "padding": (1, 1)},
]
USES += [
    Use("functional.unfold", (uniform(*shape), (2, 2)), {**moves, "layout": layout}, _unfold)
    for moves in _MOVES
    for layout, shape in [("NHWC", (2, 3, 4, 2)), ("NCHW", (2, 2, 3, 4))]
]
USES += [
    Use("functional.fold", (patches, (3, 4), (2, 2)), {**moves, "layout": layout}, _fold)
    for moves in _MOVES
    for layout, shape in [("NHWC", (1, 3, 4, 2)), ("NCHW", (1, 2, 3, 4))]
    for patches in [_unfold(uniform(*shape), (2, 2), **moves, layout=layout)]
]
