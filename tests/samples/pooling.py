"""Pooling windows, against loops over every window."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Sample, uniform
from .convolution import output_sizes, visits


def _distinct(*shape: int) -> Any:
    """Numbers no two of which are nearer than 0.1, so that maxima stay where they are under small steps."""
    n = int(np.prod(shape))
    return (np.random.default_rng(3).permutation(n) * 0.1 - n * 0.05).reshape(shape)


def argmax_by_loops(x: Any, *, window: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    spatial = x.shape[1:-1]
    sizes = output_sizes(spatial, window, stride, padding, dilation)
    most = np.full((x.shape[0], *sizes, x.shape[-1]), -np.inf)
    index = np.zeros(most.shape, np.uint8)
    for position, offset, place in visits(spatial, sizes, window, stride, padding, dilation):
        higher = x[place] > most[position]
        most[position][higher] = x[place][higher]
        index[position][higher] = np.ravel_multi_index(offset, window)
    return index


def gather_by_loops(x: Any, index: Any, *, window: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    out = np.zeros(index.shape)
    for position, offset, place in visits(x.shape[1:-1], index.shape[1:-1], window, stride, padding, dilation):
        out[position] += x[place] * (index[position] == np.ravel_multi_index(offset, window))
    return out


def scatter_by_loops(g: Any, index: Any, *, spatial: Any, window: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    out = np.zeros((g.shape[0], *spatial, g.shape[-1]))
    for position, offset, place in visits(spatial, g.shape[1:-1], window, stride, padding, dilation):
        out[place] += g[position] * (index[position] == np.ravel_multi_index(offset, window))
    return out


def sum_by_loops(x: Any, *, window: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    spatial = x.shape[1:-1]
    sizes = output_sizes(spatial, window, stride, padding, dilation)
    out = np.zeros((x.shape[0], *sizes, x.shape[-1]))
    for position, _, place in visits(spatial, sizes, window, stride, padding, dilation):
        out[position] += x[place]
    return out


def spread_by_loops(g: Any, *, spatial: Any, window: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    out = np.zeros((g.shape[0], *spatial, g.shape[-1]))
    for position, _, place in visits(spatial, g.shape[1:-1], window, stride, padding, dilation):
        out[place] += g[position]
    return out


def _moves(window: Any, stride: Any, padding: Any = None, dilation: Any = None) -> dict[str, Any]:
    rank = len(window)
    return {
        "window": window,
        "stride": stride,
        "padding": ((0, 0),) * rank if padding is None else padding,
        "dilation": (1,) * rank if dilation is None else dilation,
    }


# (shape, how the window moves): disjoint, overlapping, padded and dilated windows of one to three dimensions
CASES: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((2, 6, 2), _moves((2,), (2,))),
    ((2, 7, 2), _moves((3,), (2,), ((1, 1),), (2,))),
    ((2, 4, 6, 2), _moves((2, 2), (2, 2))),
    ((1, 5, 5, 3), _moves((3, 2), (1, 2), ((1, 1), (0, 1)))),
    ((1, 6, 5, 2), _moves((2, 2), (1, 1), ((1, 0), (0, 0)), (2, 3))),
    ((1, 4, 3, 4, 2), _moves((2, 2, 2), (2, 1, 2), ((0, 0), (1, 0), (0, 0)))),
]


def _index(shape: Any, moves: Any) -> Any:
    """Offsets of windows, none of them on padding."""
    return argmax_by_loops(uniform(*shape, seed=5), **moves)


def _of_case(shape: tuple[int, ...], moves: dict[str, Any]) -> list[Sample]:
    x, index, spatial = _distinct(*shape), _index(shape, moves), {"spatial": shape[1:-1]}
    g = uniform(*index.shape, seed=1)
    return [
        Sample("window_argmax", (x,), argmax_by_loops, moves, order=0),
        Sample("window_gather", (x, index), gather_by_loops, moves),
        Sample("window_scatter", (g, index), scatter_by_loops, {**spatial, **moves}),
        Sample("window_sum", (x,), sum_by_loops, moves),
        Sample("window_spread", (g,), spread_by_loops, {**spatial, **moves}),
    ]


SAMPLES = [sample for shape, moves in CASES for sample in _of_case(shape, moves)]
