"""Linear maps, embeddings, convolutions, plain pooling, batch and layer normalisation, dropout."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from . import Ints, Row, Settings

booleans = st.booleans()


def _linear(s: Settings) -> Any:
    return ((4, 2, s["in_features"]),)


def _image(s: Settings, size: int = 7) -> Any:
    rank = s["_rank"]
    return ((2, s["in_channels"], *range(size, size + rank)),)


def _convolution(name: str, rank: int, transposed: bool = False) -> Row:
    @st.composite
    def settings(draw: Any) -> Settings:
        groups, stride = draw(st.integers(1, 2)), draw(st.integers(1, 3))
        found = {
            "in_channels": groups * draw(st.integers(1, 2)),
            "out_channels": groups * draw(st.integers(1, 2)),
            "kernel_size": draw(st.one_of(st.integers(1, 3), st.tuples(*[st.integers(1, 3)] * rank))),
            "stride": stride,
            # what a transposed convolution makes of 3 elements must be longer than its padding
            "padding": draw(st.integers(0, int(stride > 1) if transposed else 2)),
            "dilation": draw(st.integers(1, 2)),
            "groups": groups,
            "bias": draw(booleans),
        }
        if transposed:
            found["output_padding"] = draw(st.integers(0, stride - 1))
        else:
            found["padding_mode"] = draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
            if draw(booleans):
                found |= {"stride": 1, "padding": draw(st.sampled_from(["same", "valid"]))}
                found["kernel_size"] = draw(st.sampled_from([1, 3]))  # of even ones PyTorch warns
        return found

    first = {"in_channels": 2, "out_channels": 2, "kernel_size": 2, "stride": 2, "groups": 2}
    size = 3 if transposed else 5 if rank == 3 else 6
    return Row(
        name,
        lambda s: ((2, s["in_channels"], *range(size, size + rank)),),
        examples=(
            first,
            first | {"padding": 1, "bias": False, "groups": 1} | ({} if transposed else {"padding_mode": "circular"}),
        ),
        settings=settings(),
        spatial=rank,
        wrong=(2, 3, *(5,) * rank),
    )


def _pool(name: str, rank: int) -> Row:
    window = st.integers(2, 3)
    extra: dict[str, Any] = {"count_include_pad": booleans, "padding": st.integers(0, 1)}
    if name.startswith("Max"):
        extra = {"dilation": st.integers(1, 2), "return_indices": booleans}
    elif rank > 1:
        extra |= {"divisor_override": st.sampled_from([None, 3])}
    settings = st.fixed_dictionaries({"kernel_size": window, "stride": window, "ceil_mode": booleans, **extra})
    return Row(
        name,
        lambda s: ((2, 3, *range(6, 6 + rank)),),
        examples=({"kernel_size": 2},),
        settings=settings,
        spatial=rank,
        wrong=(2, 3, *(1,) * rank),
    )


def _batch_norm(rank: int) -> Row:
    settings = st.fixed_dictionaries(
        {
            "num_features": st.integers(1, 3),
            "eps": st.sampled_from([1e-5, 0.1]),
            "momentum": st.sampled_from([0.1, 0.7, None]),
            "affine": booleans,
            "track_running_stats": booleans,
        }
    )
    return Row(
        f"BatchNorm{rank}d",
        lambda s: ((4, s["num_features"], *range(2, 2 + rank)),),
        examples=({"num_features": 2}, {"num_features": 2, "affine": False, "momentum": None}),
        settings=settings,
        spatial=rank,
        batch=None,
        wrong=(4, 3, *(2,) * rank),
        why="its statistics are those of the batch",
    )


ROWS = [
    Row(
        "Linear",
        _linear,
        examples=({"in_features": 3, "out_features": 2},),
        settings=st.fixed_dictionaries(
            {"in_features": st.integers(1, 5), "out_features": st.integers(1, 5), "bias": booleans}
        ),
        wrong=(4, 2),
    ),
    Row(
        "Embedding",
        lambda s: (Ints((4, 3), s["num_embeddings"]),),
        examples=({"num_embeddings": 5, "embedding_dim": 3},),
        settings=st.fixed_dictionaries({"num_embeddings": st.integers(1, 5), "embedding_dim": st.integers(1, 3)}),
    ),
    *[_convolution(f"Conv{rank}d", rank) for rank in (1, 2, 3)],
    *[_convolution(f"ConvTranspose{rank}d", rank, transposed=True) for rank in (1, 2, 3)],
    *[_pool(f"{kind}Pool{rank}d", rank) for kind in ("Max", "Avg") for rank in (1, 2, 3)],
    *[_batch_norm(rank) for rank in (1, 2, 3)],
    Row(
        "LayerNorm",
        lambda s: ((4, 2, 3),),
        examples=({"normalized_shape": 3}, {"normalized_shape": (2, 3), "bias": False}),
        settings=st.fixed_dictionaries(
            {
                "normalized_shape": st.sampled_from([3, (3,), (2, 3)]),
                "eps": st.sampled_from([1e-5, 0.1]),
                "elementwise_affine": booleans,
                "bias": booleans,
            }
        ),
        wrong=(4, 2),
    ),
    Row(
        "Dropout",
        lambda s: ((4, 3),),
        examples=({"p": 0.5},),
        torch=lambda torch, s: torch.nn.Dropout(s["p"]),
        random=True,
    ),
    *[
        Row(name, lambda s: ((4, 3),), kinks=True)
        for name in ("ReLU", "LeakyReLU", "ELU", "SiLU", "Sigmoid", "Softplus", "Tanh")
    ],
    Row(
        "GELU",
        lambda s: ((4, 3),),
        examples=({}, {"approximate": "tanh"}, {"approximate": "none"}),
    ),
    Row(
        "Softmax",
        lambda s: ((4, 3, 2),),
        examples=({}, {"axis": 1}),
        torch=lambda torch, s: torch.nn.Softmax(s.get("axis", -1)),
        batch=None,
        why="its axis is any, the batch's too",
    ),
    Row("Flatten", lambda s: ((4, 3, 2),), batch=None, why="the axes that it joins are counted with the batch's"),
    Row("Identity", lambda s: ((4, 3),)),
]
