"""Convolutions in two steps, against two of PyTorch's."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from hypothesis import strategies as st

from . import Row, Settings


def _separable(rank: int) -> Row:
    def twin(torch: Any, s: Settings) -> Any:
        conv, channels = getattr(torch.nn, f"Conv{rank}d"), s["in_channels"]
        between = channels * s.get("depth_multiplier", 1)
        moves = {name: s[name] for name in ("stride", "padding", "dilation") if name in s}
        depthwise = conv(channels, between, s["kernel_size"], groups=channels, bias=False, **moves)
        pointwise = conv(between, s["out_channels"], 1, bias=s.get("bias", True))
        return torch.nn.Sequential(OrderedDict(depthwise=depthwise, pointwise=pointwise))

    small = st.integers(1, 2)
    return Row(
        f"SeparableConv{rank}d",
        lambda s: ((2, s["in_channels"], *(5, 6, 5)[:rank]),),
        examples=({"in_channels": 2, "out_channels": 3, "kernel_size": 2, "depth_multiplier": 2},),
        settings=st.fixed_dictionaries(
            {
                "in_channels": st.integers(1, 3),
                "out_channels": st.integers(1, 3),
                "kernel_size": st.integers(1, 3),
                "stride": small,
                "padding": st.integers(0, 1),
                "dilation": small,
                "depth_multiplier": small,
                "bias": st.booleans(),
            }
        ),
        torch=twin,
        spatial=rank,
        wrong=(2, 3, *(5,) * rank),
    )


ROWS = [_separable(rank) for rank in (1, 2, 3)]
