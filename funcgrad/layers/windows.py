"""Windows over images, of convolutions and pools: what settings they may have."""

from __future__ import annotations

from typing import Any

from ..errors import OptionError
from ..functional.layouts import is_channels_last
from ..functional.windows import per_axis

__all__: list[str] = []


def check_windows(layer: Any, rank: int) -> None:
    """Refuse at once what could fail only at the first call: sizes, steps, a padding's word and the layout.

    Args:
        layer: one whose settings are called `kernel_size`, `stride`, `padding` ..., as far as it has them.
        rank: how many spatial axes there are.
    """
    name = type(layer).__name__
    is_channels_last(name, layer.layout, rank)
    for option in ("kernel_size", "stride", "dilation", "output_size"):
        value = getattr(layer, option, None)
        if value is not None:
            per_axis(name, option, value, rank)
    padding = getattr(layer, "padding", None)
    if isinstance(padding, str) and padding.upper() not in ("SAME", "VALID"):
        raise OptionError(f"{name}: padding must be sizes, 'same' or 'valid', not {padding!r}")
