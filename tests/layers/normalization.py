"""Normalisation of examples by themselves, with and without running statistics."""

from __future__ import annotations

from hypothesis import strategies as st

from . import Row

booleans = st.booleans()
EPS = st.sampled_from([1e-5, 0.1])


def _instance_norm(rank: int) -> Row:
    settings = st.fixed_dictionaries(
        {
            "num_features": st.integers(1, 3),
            "eps": EPS,
            "momentum": st.sampled_from([0.1, 0.7]),
            "affine": booleans,
            "track_running_stats": booleans,
        }
    )
    return Row(
        f"InstanceNorm{rank}d",
        lambda s: ((3, s["num_features"], *range(3, 3 + rank)),),
        examples=(
            {"num_features": 2},
            {"num_features": 2, "affine": True, "track_running_stats": True, "momentum": None},
        ),
        settings=settings,
        spatial=rank,
        wrong=(3, 3, *(2,) * rank),
    )


ROWS = [
    *[_instance_norm(rank) for rank in (1, 2, 3)],
    *[
        Row(
            "GroupNorm",
            lambda s, rank=rank: ((3, s["num_channels"], *range(2, 2 + rank)),),
            examples=({"num_groups": 2, "num_channels": 4}, {"num_groups": 2, "num_channels": 6, "affine": False}),
            settings=st.integers(1, 3).flatmap(
                lambda groups: st.fixed_dictionaries(
                    {
                        "num_groups": st.just(groups),
                        "num_channels": st.integers(1, 3).map(lambda n: n * groups),
                        "eps": EPS,
                        "affine": booleans,
                    }
                )
            ),
            spatial=rank,
            wrong=(3, 3, *(2,) * rank),
        )
        for rank in (1, 2, 3)
    ],
    Row(
        "RMSNorm",
        lambda s: ((4, 2, 3),),
        examples=({"normalized_shape": 3}, {"normalized_shape": (2, 3), "elementwise_affine": False}),
        settings=st.fixed_dictionaries(
            {
                "normalized_shape": st.sampled_from([3, (3,), (2, 3)]),
                "eps": st.sampled_from([None, 0.1]),
                "elementwise_affine": booleans,
            }
        ),
        wrong=(4, 2),
    ),
    Row(
        "ScaleNorm",
        lambda s: ((4, 3),),
        examples=({"size": 3},),
        torch=None,
        wrong=(4, 2),
        why="PyTorch has none: tests/test_layers_normalization.py",
    ),
    Row(
        "LocalResponseNorm",
        lambda s: ((3, 4, 2, 3),),
        examples=({"size": 3, "alpha": 0.5}, {"size": 4, "alpha": 1.0, "beta": 0.5, "k": 2.0}),
        settings=st.fixed_dictionaries(
            {
                "size": st.integers(1, 6),
                "alpha": st.sampled_from([1e-4, 1.0]),
                "beta": st.sampled_from([0.75, 0.5]),
                "k": st.sampled_from([1.0, 2.0]),
            }
        ),
        spatial=2,
        wrong=(3, 4),
    ),
]
