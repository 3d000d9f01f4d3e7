"""Borders."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from . import Row


def _pad(kind: str, rank: int) -> Row:
    width = st.integers(-1 if kind in ("Constant", "Zero") else 0, 2)
    padding: Any = st.one_of(st.integers(0, 2), st.tuples(*[width] * (2 * rank)))
    more = {"value": 1.5} if kind == "Constant" else {}
    return Row(
        f"{kind}Pad{rank}d",
        lambda s: ((2, 2, *range(3, 3 + rank)),),
        examples=(
            {"padding": 2, **more},
            {"padding": tuple(range(2 * rank))[::-1] if rank == 1 else (0, 1) * rank, **more},
        ),
        settings=st.fixed_dictionaries({"padding": padding} | {name: st.floats(-2, 2) for name in more}),
        spatial=rank,
        wrong=(3,),
    )


KINDS = ("Circular", "Constant", "Reflection", "Replication", "Zero")
ROWS = [_pad(kind, rank) for kind in KINDS for rank in (1, 2, 3)]
