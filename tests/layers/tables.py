"""Embeddings with their options, and bags of them."""

from __future__ import annotations

from hypothesis import strategies as st

from . import Ints, Row

_SIZES = {
    "num_embeddings": st.integers(2, 5),
    "embedding_dim": st.integers(1, 3),
    "padding_idx": st.sampled_from([None, 1, -1]),
}

ROWS = [
    Row(
        "Embedding",
        lambda s: (Ints((4, 3), s["num_embeddings"]),),
        examples=({"num_embeddings": 5, "embedding_dim": 3, "max_norm": 1.0},),
        settings=st.fixed_dictionaries(_SIZES),
    ),
    Row(
        "EmbeddingBag",
        lambda s: (Ints((4, 3), s["num_embeddings"]),),
        examples=(
            {"num_embeddings": 5, "embedding_dim": 3, "mode": "sum"},
            {"num_embeddings": 5, "embedding_dim": 3, "padding_idx": 0, "max_norm": 1.0, "mode": "max"},
        ),
        settings=st.fixed_dictionaries(_SIZES | {"mode": st.sampled_from(["sum", "mean", "max"])}),
    ),
]
