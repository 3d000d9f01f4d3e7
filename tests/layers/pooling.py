"""Adaptive and global pooling, pooling by norms, at random places, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from . import Given, Ints, Row, Settings

booleans = st.booleans()


def _adaptive(kind: str, rank: int) -> Row:
    bins = st.one_of(st.none(), st.integers(1, 8))
    size = st.integers(1, 8) if rank == 1 else st.one_of(st.integers(1, 8), st.tuples(*[bins] * rank))
    drawn = {"output_size": size} | ({"return_indices": booleans} if kind == "Max" else {})
    return Row(
        f"Adaptive{kind}Pool{rank}d",
        lambda s: ((2, 3, *range(4, 4 + rank)),),
        examples=(
            {"output_size": 2},
            {"output_size": 3},
            *([{"output_size": (None, 6, 1)[:rank]}] if rank > 1 else []),
        ),
        settings=st.fixed_dictionaries(drawn),
        spatial=rank,
        wrong=(3, 5) if rank > 1 else (2, 3, 4, 5),
    )


def _global(kind: str, rank: int) -> Row:
    def twin(torch: Any, s: Settings) -> Any:
        pool = getattr(torch.nn, f"Adaptive{kind}Pool{rank}d")(1)
        return pool if s.get("keepdims") else torch.nn.Sequential(pool, torch.nn.Flatten())

    return Row(
        f"Global{kind}Pool{rank}d",
        lambda s: ((2, 3, *range(4, 4 + rank)),),
        examples=({}, {"keepdims": True}),
        torch=twin,
        spatial=rank,
        wrong=(3, 5) if rank > 1 else (2, 3, 4, 5),
    )


def _norm(rank: int) -> Row:
    window = st.integers(1, 3) if rank == 1 else st.one_of(st.integers(1, 3), st.tuples(*[st.integers(1, 3)] * rank))
    drawn = {
        "norm_type": st.sampled_from([1, 2, 4]),
        "kernel_size": window,
        "stride": st.one_of(st.none(), st.integers(1, 3)),
        "ceil_mode": booleans,
    }
    return Row(
        f"LPPool{rank}d",
        lambda s: ((2, 3, *range(4, 4 + rank)),),
        examples=({"norm_type": 2, "kernel_size": 2}, {"norm_type": 4, "kernel_size": 3, "stride": 2}),
        settings=st.fixed_dictionaries(drawn),
        spatial=rank,
        wrong=(2, 3, *(1,) * rank),
    )


def _unpool(rank: int) -> Row:
    return Row(
        f"MaxUnpool{rank}d",
        # one window an image: of several values for one place PyTorch keeps any
        lambda s: ((2, 3, *(1,) * rank), Ints((2, 3, *(1,) * rank), s["kernel_size"] ** rank)),
        examples=({"kernel_size": 2}, {"kernel_size": 3}),
        spatial=rank,
        wrong=(2, 4, *(1,) * rank),
    )


def _fractional(rank: int) -> Row:
    samples = np.random.default_rng(0).random((2, 3, rank))

    def call(module: Any, xs: tuple[Any, ...]) -> Any:
        module._random_samples = xs[0].new_tensor(xs[1])
        out = module(xs[0])
        module._random_samples = None  # it is a buffer, and would be in the state dict
        return out

    sizes = st.integers(1, 3)
    drawn = {"kernel_size": st.integers(1, 3), "return_indices": booleans}
    return Row(
        f"FractionalMaxPool{rank}d",
        lambda s: ((2, 3, *range(6, 6 + rank)), Given(samples)),
        examples=({"kernel_size": 2, "output_size": 3}, {"kernel_size": 2, "output_ratio": 0.5}),
        settings=st.one_of(
            st.fixed_dictionaries(drawn | {"output_size": st.one_of(sizes, st.tuples(*[sizes] * rank))}),
            st.fixed_dictionaries(drawn | {"output_ratio": st.sampled_from([0.3, 0.5])}),
        ),
        call=call,
        spatial=rank,
        wrong=(2, 3, *(2,) * rank),
    )


ROWS = [
    *[_adaptive(kind, rank) for kind in ("Avg", "Max") for rank in (1, 2, 3)],
    *[_global(kind, rank) for kind in ("Avg", "Max") for rank in (1, 2, 3)],
    *[_norm(rank) for rank in (1, 2, 3)],
    *[_unpool(rank) for rank in (1, 2, 3)],
    *[_fractional(rank) for rank in (2, 3)],
]
