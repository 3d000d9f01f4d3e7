"""Attention, positions, transformers."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from hypothesis import strategies as st

from funcgrad import layers

from . import Row, Settings

booleans = st.booleans()
NO_TWIN = "PyTorch has none: tests/test_attention.py says what is right"

# for 3 tokens that look at 4 keys: True hides a key
HIDDEN = np.asarray([[False, True, False, True], [True, False, False, False], [False, False, True, True]])


@st.composite
def _attention(draw: Any) -> Settings:
    heads = draw(st.integers(1, 2))
    size = heads * draw(st.integers(1, 3))
    return {
        "embed_dim": size,
        "num_heads": heads,
        "bias": draw(booleans),
        "add_bias_kv": draw(booleans),
        "add_zero_attn": draw(booleans),
        "kdim": draw(st.sampled_from([None, size, 3])),
        "vdim": draw(st.sampled_from([None, 2])),
        "batch_first": draw(booleans),
    }


def _three(s: Settings) -> tuple[tuple[int, ...], ...]:
    size = s["embed_dim"]
    sizes = (size, s.get("kdim") or size, s.get("vdim") or size)
    shapes = [(2, n, d) for n, d in zip((3, 4, 4), sizes, strict=True)]
    return tuple(shapes if s.get("batch_first") else [(n, b, d) for b, n, d in shapes])


def _tokens(*lengths: int) -> Any:
    def inputs(s: Settings) -> tuple[tuple[int, ...], ...]:
        size = s["d_model"]
        return tuple((2, n, size) if s.get("batch_first") else (n, 2, size) for n in lengths)

    return inputs


@st.composite
def _transformer(draw: Any) -> Settings:
    heads = draw(st.integers(1, 2))
    return {
        "d_model": heads * draw(st.integers(2, 4)),
        "nhead": heads,
        "dim_feedforward": draw(st.integers(1, 5)),
        "activation": draw(st.sampled_from(["relu", "gelu"])),
        # to normalise a few numbers that are nearly equal loses more digits than float32 has to lose
        "layer_norm_eps": draw(st.sampled_from([0.1, 0.5])),
        "batch_first": draw(booleans),
        "norm_first": draw(booleans),
        "bias": draw(booleans),
    }


SMALL = {"d_model": 4, "nhead": 2, "dim_feedforward": 3, "batch_first": True, "activation": "gelu"}


def _encoder(torch: Any, s: Settings) -> Any:
    return torch.nn.TransformerEncoder(
        torch.nn.TransformerEncoderLayer(4, 2, 3, batch_first=True, norm_first=s["layers"][0].norm_first),
        len(s["layers"]),
        None if s.get("norm") is None else torch.nn.LayerNorm(4),
        enable_nested_tensor=False,
    )


def _decoder(torch: Any, s: Settings) -> Any:
    return torch.nn.TransformerDecoder(
        torch.nn.TransformerDecoderLayer(4, 2, 3, batch_first=True, norm_first=s["layers"][0].norm_first),
        len(s["layers"]),
        None if s.get("norm") is None else torch.nn.LayerNorm(4),
    )


def _whole(torch: Any, s: Settings) -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "enable_nested_tensor")  # it says that it will not take a short cut
        return torch.nn.Transformer(**s)


def _stacks(layer: Any) -> tuple[Settings, ...]:
    return (
        {"layers": (layer(4, 2, 3, batch_first=True),) * 2},
        {"layers": (layer(4, 2, 3, batch_first=True, norm_first=True),), "norm": layers.LayerNorm(4)},
    )


ROWS = [
    Row(
        "MultiheadAttention",
        _three,
        examples=(
            {"embed_dim": 4, "num_heads": 2, "batch_first": True, "dropout": 0.2},
            {
                "embed_dim": 8,
                "num_heads": 4,
                "batch_first": True,
                "num_kv_heads": 2,
                "rope": layers.RotaryEmbedding(2),
                "q_norm": layers.LayerNorm(2),
                "k_norm": layers.LayerNorm(2),
                "window": (1, 2),
                "softcap": 2.0,
                "kdim": 3,
                "add_bias_kv": True,
                "add_zero_attn": True,
            },
        ),
        settings=_attention(),
        call=lambda module, xs: (
            *module(*xs, attn_mask=xs[0].new_tensor(HIDDEN).bool()),
            *module(*xs, attn_mask=xs[0].new_tensor(HIDDEN), average_attn_weights=False),
            module(*xs, need_weights=False)[0],
        ),
        ours=lambda run, xs: (
            *run(*xs, attn_mask=HIDDEN),
            *run(*xs, attn_mask=HIDDEN.astype("float32"), average_attn_weights=False),
            run(*xs, need_weights=False)[0],
        ),
        wrong=(2, 3, 5),
    ),
    Row(
        "TransformerEncoderLayer",
        _tokens(3),
        examples=(SMALL | {"dropout": 0.2}, SMALL | {"norm_first": True, "bias": False}),
        settings=_transformer(),
        random=True,
        wrong=(2, 3, 5),
    ),
    Row(
        "TransformerDecoderLayer",
        _tokens(3, 4),
        examples=(SMALL, SMALL | {"norm_first": True}),
        settings=_transformer(),
        random=True,
        wrong=(2, 3, 5),
    ),
    Row(
        "TransformerEncoder",
        lambda s: ((2, 3, 4),),
        examples=_stacks(layers.TransformerEncoderLayer),
        torch=_encoder,
        random=True,
        kinks=True,
    ),
    Row(
        "TransformerDecoder",
        lambda s: ((2, 3, 4), (2, 4, 4)),
        examples=_stacks(layers.TransformerDecoderLayer),
        torch=_decoder,
        random=True,
    ),
    Row(
        "Transformer",
        _tokens(4, 3),
        examples=(SMALL | {"num_encoder_layers": 1, "num_decoder_layers": 1},),
        settings=st.builds(
            lambda s, n, m: s | {"num_encoder_layers": n, "num_decoder_layers": m},
            _transformer(),
            st.integers(1, 2),
            st.integers(1, 2),
        ),
        torch=_whole,
        random=True,
    ),
    Row(
        "RotaryEmbedding",
        lambda s: ((2, 3, 4),),
        examples=({"dim": 4}, {"dim": 2, "interleaved": True, "base": 100.0}),
        torch=None,
        wrong=(2, 3, 1),
        why=NO_TWIN,
    ),
    Row(
        "SinusoidalPositionalEncoding",
        lambda s: ((2, 3, 4),),
        examples=({"dim": 4},),
        torch=None,
        wrong=(2, 3, 5),
        why=NO_TWIN,
    ),
    Row(
        "LearnedPositionalEmbedding",
        lambda s: ((2, 3, 4),),
        examples=({"num_embeddings": 5, "embedding_dim": 4},),
        torch=None,
        wrong=(2, 6, 4),
        why=NO_TWIN,
    ),
    Row("ALiBi", lambda s: ((2, 3, 4, 4),), examples=({"num_heads": 3},), torch=None, wrong=(2, 2, 4, 4), why=NO_TWIN),
]
