"""Resizing, shuffling of pixels and channels, and patches."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from . import Row, Settings

LINEAR = {1: ["linear"], 2: ["bilinear", "bicubic"], 3: ["trilinear"]}


def _upsample(rank: int) -> Row:
    sizes, factors = st.integers(1, 9), st.sampled_from([1, 2, 3, 0.5, 1.7])
    size = st.fixed_dictionaries({"size": st.one_of(sizes, st.tuples(*[sizes] * rank))})
    scale = st.fixed_dictionaries(
        {
            "scale_factor": st.one_of(factors, st.tuples(*[factors] * rank)),
            "recompute_scale_factor": st.sampled_from([None, True, False]),
        }
    )
    modes = st.one_of(
        st.fixed_dictionaries({"mode": st.sampled_from(["nearest", "area"])}),
        st.fixed_dictionaries(
            {"mode": st.sampled_from(LINEAR[rank]), "align_corners": st.sampled_from([None, True, False])}
        ),
    )
    return Row(
        "Upsample",
        lambda s: ((2, 3, *range(4, 4 + rank)),),
        examples=({"scale_factor": 2}, {"size": 3, "mode": LINEAR[rank][-1]}),
        settings=st.builds(lambda a, b: a | b, st.one_of(size, scale), modes),
        spatial=rank,
        wrong=(4, 3) if rank > 1 else (2, 3, 4, 5),
    )


def _upsampling(name: str) -> Row:
    sizes = st.integers(1, 9)
    return Row(
        name,
        lambda s: ((2, 3, 4, 5),),
        examples=({"scale_factor": 2}, {"size": (3, 7)}),
        settings=st.one_of(
            st.fixed_dictionaries({"size": st.one_of(sizes, st.tuples(sizes, sizes))}),
            st.fixed_dictionaries({"scale_factor": st.sampled_from([1, 2, 3, 0.5])}),
        ),
        spatial=2,
        wrong=(4, 5),
    )


def _patches(name: str) -> Row:
    drawn = {
        "kernel_size": st.one_of(st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3))),
        "dilation": st.integers(1, 2),
        "padding": st.integers(0, 1),
        "stride": st.integers(1, 2),
        "layout": st.just("NCHW"),  # channels last the elements of a patch are in another order
    }
    if name == "Fold":
        drawn["output_size"] = st.sampled_from([5, (5, 6)])

    def patches(s: Settings) -> Any:
        size, window = ((v, v) if isinstance(v, int) else v for v in (s["output_size"], s["kernel_size"]))
        counts = [
            (n + 2 * s.get("padding", 0) - s.get("dilation", 1) * (k - 1) - 1) // s.get("stride", 1) + 1
            for n, k in zip(size, window, strict=True)
        ]
        return ((2, 2 * window[0] * window[1], counts[0] * counts[1]),)

    first = {"kernel_size": 2, "layout": "NCHW"} | ({"output_size": (3, 4)} if name == "Fold" else {})
    return Row(
        name,
        patches if name == "Fold" else lambda s: ((2, 2, 5, 6),),
        examples=(first, first | {"kernel_size": (2, 3), "stride": 2, "padding": 1}),
        settings=st.fixed_dictionaries(drawn),
        torch=lambda torch, s: getattr(torch.nn, name)(**{k: v for k, v in s.items() if k != "layout"}),
        wrong=(2, 7, 6) if name == "Fold" else (5, 6),
    )


ROWS = [
    *[_upsample(rank) for rank in (1, 2, 3)],
    _upsampling("UpsamplingNearest2d"),
    _upsampling("UpsamplingBilinear2d"),
    Row("PixelShuffle", lambda s: ((2, 8, 3, 2),), ({"upscale_factor": 2},), spatial=2, wrong=(2, 6, 3, 2)),
    Row("PixelUnshuffle", lambda s: ((2, 3, 4, 6),), ({"downscale_factor": 2},), spatial=2, wrong=(2, 3, 5, 6)),
    Row("ChannelShuffle", lambda s: ((2, 6, 3, 2),), ({"groups": 2}, {"groups": 3}), spatial=2, wrong=(2, 5, 3, 2)),
    _patches("Unfold"),
    _patches("Fold"),
]
