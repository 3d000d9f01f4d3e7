"""Convolution and its transposes, against loops over every position of every offset of the window."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import Sample, complexes, uniform


def visits(spatial: Any, sizes: Any, window: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    """(window's position, offset in it, the place on the data it sees) wherever that is not padding."""
    for position in np.ndindex(*sizes):
        for offset in np.ndindex(*window):
            place = tuple(
                r * s + k * d - low
                for r, k, s, d, (low, _) in zip(position, offset, stride, dilation, padding, strict=True)
            )
            if all(0 <= i < n for i, n in zip(place, spatial, strict=True)):
                yield (slice(None), *position), offset, (slice(None), *place)


def output_sizes(spatial: Any, window: Any, stride: Any, padding: Any, dilation: Any) -> tuple[int, ...]:
    return tuple(
        len(range(0, n + low + high - (k - 1) * d, s))
        for n, k, s, (low, high), d in zip(spatial, window, stride, padding, dilation, strict=True)
    )


def _runs(channels: int, groups: int) -> list[slice]:
    each = channels // groups
    return [slice(i * each, (i + 1) * each) for i in range(groups)]


def conv_by_loops(x: Any, w: Any, *, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    window, spatial = w.shape[:-2], x.shape[1:-1]
    sizes = output_sizes(spatial, window, stride, padding, dilation)
    out = np.zeros((x.shape[0], *sizes, w.shape[-1]), np.result_type(x, w))
    for position, offset, place in visits(spatial, sizes, window, stride, padding, dilation):
        for c, o in zip(_runs(x.shape[-1], groups), _runs(w.shape[-1], groups), strict=True):
            out[position][:, o] += x[place][:, c] @ w[offset][:, o]
    return out


def conv_data_by_loops(g: Any, w: Any, *, spatial: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    channels = w.shape[-2] * groups
    out = np.zeros((g.shape[0], *spatial, channels), np.result_type(g, w))
    for position, offset, place in visits(spatial, g.shape[1:-1], w.shape[:-2], stride, padding, dilation):
        for c, o in zip(_runs(channels, groups), _runs(g.shape[-1], groups), strict=True):
            out[place][:, c] += g[position][:, o] @ w[offset][:, o].T
    return out


def conv_weights_by_loops(x: Any, g: Any, *, window: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    out = np.zeros((*window, x.shape[-1] // groups, g.shape[-1]), np.result_type(x, g))
    for position, offset, place in visits(x.shape[1:-1], g.shape[1:-1], window, stride, padding, dilation):
        for c, o in zip(_runs(x.shape[-1], groups), _runs(g.shape[-1], groups), strict=True):
            out[offset][:, o] += x[place][:, c].T @ g[position][:, o]
    return out


def _moves(rank: int, stride: int = 1, padding: Any = (0, 0), dilation: int = 1, groups: int = 1) -> dict[str, Any]:
    return {"stride": (stride,) * rank, "padding": (padding,) * rank, "dilation": (dilation,) * rank, "groups": groups}


# (images, spatial sizes, window, channels in, channels out, how it moves)
CASES: list[tuple[int, Any, Any, int, int, dict[str, Any]]] = [
    (2, (5,), (3,), 2, 3, _moves(1)),
    (2, (7,), (3,), 2, 4, _moves(1, stride=2, padding=(1, 2), groups=2)),
    (1, (6,), (2,), 3, 3, _moves(1, padding=(2, 0), dilation=3, groups=3)),
    (2, (4, 4), (1, 1), 3, 2, _moves(2)),
    (2, (4, 5), (2, 3), 2, 3, _moves(2)),
    (1, (5, 4), (3, 2), 4, 4, _moves(2, stride=2, padding=(1, 1), groups=2)),
    (2, (5, 5), (2, 2), 2, 2, _moves(2, stride=3, padding=(0, 1), dilation=2)),
    (1, (4, 4), (2, 2), 6, 6, _moves(2, padding=(1, 0), groups=6)),
    (
        1,
        (5, 6),
        (2, 3),
        2,
        4,
        {"stride": (1, 2), "padding": ((1, 0), (2, 3)), "dilation": (3, 1), "groups": 2},
    ),
    (1, (3, 4, 3), (2, 2, 2), 2, 2, _moves(3)),
    (2, (3, 3, 4), (2, 1, 2), 2, 2, _moves(3, stride=2, padding=(1, 1), groups=2)),
]


def _triples() -> Any:
    """x, w and g of each case."""
    for images, spatial, window, channels, out_channels, moves in CASES:
        ways = {k: v for k, v in moves.items() if k != "groups"}
        sizes = output_sizes(spatial, window, ways["stride"], ways["padding"], ways["dilation"])
        yield (
            (images, *spatial, channels),
            (*window, channels // moves["groups"], out_channels),
            (images, *sizes, out_channels),
            moves,
        )


SAMPLES = [
    sample
    for x, w, g, moves in _triples()
    for sample in (
        Sample("conv", (uniform(*x), uniform(*w, seed=1)), conv_by_loops, moves),
        Sample("conv_data", (uniform(*g), uniform(*w, seed=1)), conv_data_by_loops, {"spatial": x[1:-1], **moves}),
        Sample("conv_weights", (uniform(*x), uniform(*g, seed=1)), conv_weights_by_loops, {"window": w[:-2], **moves}),
    )
] + [
    Sample("conv", (complexes(1, 4, 4, 2), complexes(2, 2, 2, 2, seed=1)), conv_by_loops, _moves(2, padding=(1, 0))),
    # the image sizes that a strided convolution maps to one size
    Sample(
        "conv_data",
        (uniform(1, 2, 2, 2), uniform(2, 2, 3, 2, seed=1)),
        conv_data_by_loops,
        {"spatial": (5, 4), **_moves(2, stride=2)},
    ),
]
