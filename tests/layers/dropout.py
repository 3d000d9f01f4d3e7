"""The dropout family; of what it does while training `tests/test_functional_regularization.py` says more."""

from __future__ import annotations

from . import Row


def _channels(name: str, rank: int) -> Row:
    return Row(
        name,
        lambda s: ((4, 3, *range(2, 2 + rank)),),
        examples=({"p": 0.5}, {"p": 0.0}),
        torch=lambda torch, s: getattr(torch.nn, name)(s["p"]),
        spatial=rank,
        wrong=(4, 3, *(2,) * (rank + 1)),
        random=True,
    )


ROWS = [
    *[_channels(f"Dropout{rank}d", rank) for rank in (1, 2, 3)],
    _channels("FeatureAlphaDropout", 3),
    Row(
        "AlphaDropout",
        lambda s: ((4, 3),),
        examples=({"p": 0.5},),
        torch=lambda torch, s: torch.nn.AlphaDropout(s["p"]),
        random=True,
    ),
    Row(
        "DropPath",
        lambda s: ((4, 3, 2),),
        examples=({"p": 0.5}, {"p": 0.25, "scale_by_keep": False}, {"p": 0.5, "mode": "batch"}),
        torch=None,
        random=True,
        why="PyTorch has none: tests/test_functional_regularization.py",
    ),
]
