"""How a window moves over images: layouts, strides, dilations and paddings as users write them.

Inside, images are batched and channels-last, (N, *spatial, C), and a padding is one pair (low, high) an axis.
"""

from __future__ import annotations

import operator
from typing import Any, Literal, TypeAlias

from ..core import Array
from ..errors import OptionError, ShapeError
from ..kernels.convolution import conv_output_sizes
from ..ops.shape import expand_dims, permute_dims

__all__ = [
    "LAYOUT_RANKS",
    "Padding",
    "Sizes",
    "from_channels_last",
    "is_channels_last",
    "layout_rank",
    "pairs",
    "per_axis",
    "spatial_axes",
    "to_channels_last",
    "window_counts",
]

Sizes: TypeAlias = int | tuple[int, ...]
Padding: TypeAlias = int | tuple[Any, ...] | list[Any] | Literal["SAME", "VALID", "same", "valid"]

_LAYOUTS = {1: ("NWC", "NCW"), 2: ("NHWC", "NCHW"), 3: ("NDHWC", "NCDHW")}
LAYOUT_RANKS = {layout: rank for rank, layouts in _LAYOUTS.items() for layout in layouts}
"""How many spatial axes each layout has."""


def layout_rank(name: str, layout: str) -> int:
    """How many spatial axes it has."""
    if layout not in LAYOUT_RANKS:
        raise OptionError(f"{name}: layout is one of {', '.join(LAYOUT_RANKS)}, not {layout!r}")
    return LAYOUT_RANKS[layout]


def is_channels_last(name: str, layout: str, rank: int) -> bool:
    """Which of the two layouts is it?"""
    last, first = _LAYOUTS[rank]
    if layout not in (last, first):
        raise OptionError(
            f"{name}: layout must be {last!r} (channels last) or {first!r} (channels first), not {layout!r}"
        )
    return bool(layout == last)


def to_channels_last(name: str, x: Array, layout: str, rank: int) -> Any:
    """x in that layout, with or without its batch axis, as (N, *spatial, C)."""
    last = is_channels_last(name, layout, rank)
    if x.ndim == rank + 1:
        x = expand_dims(x, 0)
    elif x.ndim != rank + 2:
        raise _not_images(name, x, layout)
    return x if last else permute_dims(x, axes=(0, *range(2, rank + 2), 1))


def _not_images(name: str, x: Array, layout: str) -> ShapeError:
    return ShapeError(f"{name}: the input must be {layout}, or {layout[1:]} without a batch, not {x.aval}")


def spatial_axes(name: str, x: Array, layout: str, rank: int | None = None) -> range:
    """The spatial axes of x in that layout, with or without its batch axis, where they stand."""
    rank = layout_rank(name, layout) if rank is None else rank
    last = is_channels_last(name, layout, rank)
    if x.ndim not in (rank + 1, rank + 2):
        raise _not_images(name, x, layout)
    stop = x.ndim - last
    return range(stop - rank, stop)


def from_channels_last(out: Any, x: Array, layout: str, rank: int) -> Any:
    """The result in the layout that x came in, without a batch axis if x had none."""
    if layout != _LAYOUTS[rank][0]:
        out = permute_dims(out, axes=(0, rank + 1, *range(1, rank + 1)))
    return out if x.ndim == rank + 2 else out.reshape(out.shape[1:])


def per_axis(name: str, option: str, value: Any, rank: int, least: int = 1) -> tuple[int, ...]:
    """An int for all spatial axes, or one an axis."""
    try:
        if isinstance(value, tuple | list):
            found = tuple(operator.index(v) for v in value)
        else:
            found = (operator.index(value),) * rank
    except TypeError:
        found = ()
    if len(found) != rank or min(found) < least:
        raise ShapeError(
            f"{name}: {option} must be an int, or {rank} ints, one a spatial axis, of at least {least}; got {value!r}"
        )
    return found


def pairs(
    name: str,
    padding: Any,
    spatial: tuple[int, ...],
    window: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> tuple[tuple[int, int], ...]:
    """A padding as one pair (low, high) an axis.

    "SAME" gives ceil(size / stride) windows along each axis, the odd one of the padding at the high side; "VALID" is
    no padding. Small letters, as PyTorch has them, are the same.
    """
    rank = len(spatial)
    padding = padding.upper() if isinstance(padding, str) else padding
    if padding == "VALID":
        return ((0, 0),) * rank
    if padding == "SAME":
        found = []
        for n, k, s, d in zip(spatial, window, stride, dilation, strict=True):
            total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            found.append((total // 2, total - total // 2))
        return tuple(found)
    try:
        entries = padding if isinstance(padding, tuple | list) else (operator.index(padding),) * rank
        both = [e if isinstance(e, tuple | list) else (e, e) for e in entries]
        found = [(operator.index(low), operator.index(high)) for low, high in both]
    except (TypeError, ValueError):
        found = []
    if len(found) != rank or any(min(pair) < 0 for pair in found):
        raise ShapeError(
            f"{name}: padding must be 'SAME', 'VALID', an int, or for each of {rank} spatial axes an int or a pair "
            f"(low, high), none negative; got {padding!r}"
        )
    return tuple(found)


def window_counts(
    name: str, x: Array, spatial: tuple[int, ...], window: tuple[int, ...], **moves: Any
) -> tuple[int, ...]:
    """How many windows fit along each axis; the error shows x as the user passed it."""
    try:
        return conv_output_sizes(spatial, window, **moves)
    except ValueError as error:
        raise ShapeError(f"{name}: {error}; the input is {x.aval}") from None
