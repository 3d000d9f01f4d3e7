"""Where an array has its channels and whether it is a batch, by a layout such as "NHWC".

Inside, images are batched and channels-last, (N, *spatial, C).
"""

from __future__ import annotations

from typing import Any

from ..core import Array
from ..errors import OptionError, ShapeError
from ..ops.shape import expand_dims, permute_dims

__all__ = [
    "LAYOUTS",
    "LAYOUTS_BY_RANK",
    "LAYOUT_RANKS",
    "channel_axis",
    "check_layout",
    "from_channels_last",
    "is_channels_last",
    "layout_rank",
    "one_per_channel",
    "other_layout",
    "spatial_axes",
    "to_channels_last",
]

LAYOUTS_BY_RANK = {1: ("NWC", "NCW"), 2: ("NHWC", "NCHW"), 3: ("NDHWC", "NCDHW")}
"""Of sequences, images and volumes, by the number of spatial axes: channels last and channels first."""

LAYOUT_RANKS = {layout: rank for rank, layouts in LAYOUTS_BY_RANK.items() for layout in layouts}
"""How many spatial axes each layout has."""

LAYOUTS = ("NC", *LAYOUT_RANKS)
"""All layouts, that of features too; N counts examples, and C is the channels' axis."""


def check_layout(name: str, layout: str, layouts: tuple[str, ...] = LAYOUTS) -> None:
    """Refuse a layout that is none of those."""
    if layout not in layouts:
        shown = ", ".join(map(repr, layouts[:-1]))
        raise OptionError(f"{name}: layout must be {shown} or {layouts[-1]!r}, not {layout!r}")


def layout_rank(name: str, layout: str) -> int:
    """How many spatial axes it has."""
    check_layout(name, layout, tuple(LAYOUT_RANKS))
    return LAYOUT_RANKS[layout]


def is_channels_last(name: str, layout: str, rank: int) -> bool:
    """Which of the two layouts is it?"""
    check_layout(name, layout, LAYOUTS_BY_RANK[rank])
    return layout == LAYOUTS_BY_RANK[rank][0]


def channel_axis(name: str, shape: tuple[int, ...], layout: str, channels: int | None = None) -> int:
    """The channels' axis, counted from the front, in an array of that layout with or without N.

    Args:
        name: of the function, for the message; empty for a layer, whose name stands before it anyway.
        shape: of the array.
        layout: one of `LAYOUTS`.
        channels: how many there must be; any number where None.

    Raises:
        ShapeError: the array has another number of axes or of channels.
    """
    axis = layout.index("C") - len(layout) + len(shape)
    batched = len(shape) == len(layout)
    if (not batched and len(shape) != len(layout) - 1) or channels not in (None, shape[axis]):
        sizes = ", ".join(str(channels) if c == "C" and channels is not None else c for c in layout)
        hint = "" if channels is None else other_layout(shape, layout, channels)
        raise ShapeError(f"{name and f'{name}: '}expected ({sizes}), with or without N, got {shape}{hint}")
    return axis


def one_per_channel(name: str, shape: tuple[int, ...], layout: str) -> tuple[int, ...]:
    """The shape of an array with one number for each channel of each example."""
    axis = channel_axis(name, shape, layout)
    return tuple(n if i == axis or (i == 0 and len(shape) == len(layout)) else 1 for i, n in enumerate(shape))


def other_layout(shape: tuple[int, ...], layout: str, channels: int) -> str:
    """What to add to an error about the channels where those that are wanted stand at the other end."""
    rank = LAYOUT_RANKS.get(layout, 0)
    if not rank or len(shape) not in (rank + 1, rank + 2):
        return ""
    last, first = LAYOUTS_BY_RANK[rank]
    if layout == last:
        return f': channels first, as in PyTorch, are layout="{first}"' if shape[-rank - 1] == channels else ""
    return f': channels last are layout="{last}"' if shape[-1] == channels else ""


def to_channels_last(name: str, x: Array, layout: str, rank: int) -> Any:
    """x in that layout, with or without its batch axis, as (N, *spatial, C)."""
    last = is_channels_last(name, layout, rank)
    if x.ndim == rank + 1:
        x = expand_dims(x, 0)
    elif x.ndim != rank + 2:
        raise _not_images(name, x, layout)
    return x if last else permute_dims(x, axes=(0, *range(2, rank + 2), 1))


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
    if layout != LAYOUTS_BY_RANK[rank][0]:
        out = permute_dims(out, axes=(0, rank + 1, *range(1, rank + 1)))
    return out if x.ndim == rank + 2 else out.reshape(out.shape[1:])


def _not_images(name: str, x: Array, layout: str) -> ShapeError:
    return ShapeError(f"{name}: the input must be {layout}, or {layout[1:]} without a batch, not {x.aval}")
