"""Layers that rearrange values."""

from __future__ import annotations

from . import Row

ROWS = [
    Row(
        "Unflatten",
        lambda s: ((4, 6, 2),),
        examples=({"axis": 1, "unflattened_size": (2, 3)}, {"axis": -1, "unflattened_size": (1, -1)}),
        torch=lambda torch, s: torch.nn.Unflatten(s["axis"], s["unflattened_size"]),
        batch=None,
        wrong=(4, 5, 2),
        why="its axis may be counted from the front, the batch's included",
    ),
]
