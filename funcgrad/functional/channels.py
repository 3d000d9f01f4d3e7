"""Where an array has its channels and whether it is a batch, by a layout such as "NHWC"."""

from __future__ import annotations

from ..errors import OptionError, ShapeError

__all__ = ["LAYOUTS", "channel_axis", "check_layout", "one_per_channel"]

LAYOUTS = ("NC", "NWC", "NCW", "NHWC", "NCHW", "NDHWC", "NCDHW")
"""Of features, sequences, images and volumes; N counts examples, and C is the channels' axis."""


def check_layout(name: str, layout: str, layouts: tuple[str, ...] = LAYOUTS) -> None:
    """Refuse a layout that is none of those."""
    if layout not in layouts:
        shown = ", ".join(map(repr, layouts[:-1]))
        raise OptionError(f"{name}: layout must be {shown} or {layouts[-1]!r}, not {layout!r}")


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
        raise ShapeError(f"{name and f'{name}: '}expected ({sizes}), with or without N, got {shape}")
    return axis


def one_per_channel(name: str, shape: tuple[int, ...], layout: str) -> tuple[int, ...]:
    """The shape of an array with one number for each channel of each example."""
    axis = channel_axis(name, shape, layout)
    return tuple(n if i == axis or (i == 0 and len(shape) == len(layout)) else 1 for i, n in enumerate(shape))
