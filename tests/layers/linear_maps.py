"""Linear maps of several axes and inputs, convolutions without shared weights, softmax of many classes."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from . import Ints, Row, Settings


def _local(rank: int) -> Row:
    first = {"in_channels": 2, "out_channels": 3, "kernel_size": 2, "input_size": tuple(range(3, 3 + rank))}
    return Row(
        f"ConvLocal{rank}d",
        lambda s: ((2, 2, *s["input_size"]),),
        examples=(first, first | {"stride": 2, "padding": 1, "bias": False}),
        torch=None,
        spatial=rank,
        wrong=(2, 2, *(9,) * rank),
        why="PyTorch has none: tests/test_linear_maps.py",
    )


def _adaptive(torch: Any, s: Settings) -> Any:
    return torch.nn.AdaptiveLogSoftmaxWithLoss(**s | {"cutoffs": list(s["cutoffs"])})


ROWS = [
    Row(
        "Bilinear",
        lambda s: ((4, 2, s["in1_features"]), (4, 2, s["in2_features"])),
        examples=({"in1_features": 3, "in2_features": 2, "out_features": 2},),
        settings=st.fixed_dictionaries(
            {
                "in1_features": st.integers(1, 4),
                "in2_features": st.integers(1, 4),
                "out_features": st.integers(1, 4),
                "bias": st.booleans(),
            }
        ),
        wrong=(4, 2, 4),
    ),
    Row(
        "LinearGeneral",
        lambda s: ((4, 3, 2),),
        examples=(
            {"in_features": 2, "out_features": (2, 3)},
            {"in_features": (2, 3), "out_features": 2, "axis": (-1, -2), "bias": False},
        ),
        torch=None,
        wrong=(4, 2, 3),
        why="PyTorch has none: tests/test_linear_maps.py",
    ),
    Row(
        "Einsum",
        lambda s: ((4, 3, 2),),
        examples=(
            {"equation": "...td,dhk->...htk", "shape": (2, 2, 3)},
            {"equation": "...td,td->...t", "shape": (3, 2), "bias": False},
        ),
        torch=None,
        wrong=(4, 3, 3),
        why="PyTorch has none: tests/test_linear_maps.py",
    ),
    *[_local(rank) for rank in (1, 2, 3)],
    Row(
        "AdaptiveLogSoftmaxWithLoss",
        lambda s: ((4, s["in_features"]), Ints((4,), s["n_classes"])),
        examples=({"in_features": 8, "n_classes": 9, "cutoffs": (3, 5), "div_value": 2.0},),
        settings=st.fixed_dictionaries(
            {
                "in_features": st.integers(16, 18),
                "n_classes": st.integers(7, 9),
                "cutoffs": st.sampled_from([(2,), (3, 5), (1, 2, 6)]),
                "div_value": st.sampled_from([2.0, 2.5]),
                "head_bias": st.booleans(),
            }
        ),
        batch=None,
        wrong=(4, 7),
        why="its loss is a mean over the batch",
    ),
]
