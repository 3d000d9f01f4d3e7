"""Attention layers with caches; whole models with PyTorch's weights stand in `test_ported_models.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from models import KEY, close, fails, values
from ported_texts import gpt

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad import config, layers, random
from funcgrad.errors import ArrayIndexError, OptionError, ShapeError


def started(model: Any, seed: int = 0) -> Any:
    params, _ = model.init(random.key(seed))
    return fg.tree.map(lambda p: p + 0.1 * values(*p.shape, seed=seed), params)


TOKENS = np.random.default_rng(0).integers(0, 17, (2, 9))


# ---- first values --------------------------------------------------------------------------------


def test_first_values_have_torchs_distributions() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    for name, settings in (
        ("MultiheadAttention", {"embed_dim": 64, "num_heads": 2, "add_bias_kv": True}),
        ("MultiheadAttention", {"embed_dim": 64, "num_heads": 2, "kdim": 96}),
        ("TransformerDecoderLayer", {"d_model": 64, "nhead": 2, "dim_feedforward": 96}),
        ("Transformer", {"d_model": 64, "nhead": 2, "num_encoder_layers": 1, "num_decoder_layers": 1}),
    ):
        model = getattr(layers, name)(**settings, **({"batch_first": True} if name == "Transformer" else {}))
        theirs = getattr(torch.nn, name)(**settings, **({"batch_first": True} if name == "Transformer" else {}))
        own = layers.to_torch_state_dict(model, model.init(KEY)[0])
        for path, p in theirs.state_dict().items():
            expected, found = p.numpy(), own[path]
            assert abs(found.std() - expected.std()) <= 0.1 * expected.std() + (0.02 if found.size < 200 else 0), path
            assert abs(np.abs(found).max() - np.abs(expected).max()) <= 0.5 * np.abs(expected).max(), path


def test_the_mask_that_hides_what_is_later() -> None:
    hidden = np.asarray([[0.0, -np.inf, -np.inf], [0.0, 0.0, -np.inf], [0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(np.asarray(layers.Transformer.generate_square_subsequent_mask(3)), hidden)


# ---- attention ---------------------------------------------------------------------------------


def test_masks_of_attention_hide_where_they_are_true() -> None:
    attention = layers.MultiheadAttention(4, 2, batch_first=True)
    params, x = started(attention), values(2, 3, 4)
    causal = ~np.tri(3, dtype=bool)
    expected, weights = attention(params, x, is_causal=True)
    assert not np.asarray(weights)[:, causal].any()
    close(attention(params, x, attn_mask=causal)[0], expected)
    close(attention(params, x, attn_mask=np.where(causal, -np.inf, 0.0).astype("float32"))[0], expected)
    close(attention(params, x, attn_mask=np.tile(causal, (4, 1, 1)), need_weights=False)[0], expected)
    close(fg.vmap(lambda x: attention(params, x, is_causal=True)[0])(x), expected)
    padding = np.asarray([[False, False, True], [False, True, True]])
    y, weights = attention(params, x, key_padding_mask=padding)
    assert not np.asarray(weights)[np.broadcast_to(padding[:, None], (2, 3, 3))].any()
    close(y[1, 0], attention(params, x[1, :1])[0][0])
    close(attention(params, x, key_padding_mask=np.where(padding, -np.inf, 0.0).astype("float32"))[0], y)
    float_mask = np.where(causal, -1.0, 0.0).astype("float32")
    both = float_mask + np.where(padding, -np.inf, 0.0)[:, None, None]
    close(
        attention(params, x, key_padding_mask=padding, attn_mask=float_mask)[0],
        attention(params, x, attn_mask=both.astype("float32"))[0],
    )
    hidden = np.ones((2, 3), bool)
    grads = fg.grad(lambda params: attention(params, x, key_padding_mask=hidden)[0].sum())(params)
    assert all(np.isfinite(np.asarray(g)).all() for g in fg.tree.leaves(grads))


def test_dropout_of_attention_is_drawn_alike_with_weights_and_without() -> None:
    attention = layers.MultiheadAttention(8, 2, dropout=0.5, batch_first=True)
    params, x = started(attention), values(2, 3, 8)
    with_weights, without = (
        attention.apply(params, {"out_proj": {}}, x, need_weights=w, key=KEY, train=True)[0][0] for w in (True, False)
    )
    close(with_weights, without)
    assert abs(np.asarray(without) - np.asarray(attention(params, x)[0])).max() > 1e-3


def test_grouped_heads_are_repeated_ones() -> None:
    few = layers.MultiheadAttention(8, 4, num_kv_heads=2, batch_first=True)
    every = layers.MultiheadAttention(8, 4, batch_first=True)
    params = started(few)
    q, k, v = np.split(np.asarray(params["in_proj_weight"]), [8, 12], axis=1)
    qb, kb, vb = np.split(np.asarray(params["in_proj_bias"]), [8, 12])

    def repeated(x: Any) -> Any:
        return np.repeat(x.reshape(*x.shape[:-1], 2, 2), 2, axis=-2).reshape(*x.shape[:-1], 8)

    more = params | {
        "in_proj_weight": np.concatenate([q, repeated(k), repeated(v)], 1),
        "in_proj_bias": np.concatenate([qb, repeated(kb), repeated(vb)]),
    }
    x = values(2, 5, 8)
    for own, expected in zip(few(params, x), every(more, x), strict=True):
        close(own, expected)
    close(few(params, x, need_weights=False)[0], every(more, x)[0])
    one = layers.MultiheadAttention(8, 4, num_kv_heads=1)
    assert one.init(KEY)[0]["in_proj_weight"].shape == (8, 12)


def test_rotary_attention_knows_distances_alone() -> None:
    attention = layers.MultiheadAttention(8, 2, batch_first=True, rope=layers.RotaryEmbedding(4, 100.0))
    params, x = started(attention), values(2, 5, 8)
    y, weights = attention(params, x)
    close(attention(params, x, positions=np.arange(5) + 7)[0], y, 1e-4)
    close(attention(params, x, positions=np.arange(5) + np.asarray([[3], [70]]))[0], y, 1e-4)
    turned = attention(params, x[:, ::-1])[1]
    assert abs(np.asarray(turned)[:, ::-1, ::-1] - np.asarray(weights)).max() > 1e-3


# ---- caches ------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"num_kv_heads": 1}, {"rope": layers.RotaryEmbedding(4, 100.0)}], ids=str)
def test_cached_decoding_is_the_full_forward_pass(options: dict[str, Any]) -> None:
    model = gpt(**options)
    params = started(model)
    expected = model(params, TOKENS)
    step: Any = fg.jit(lambda params, tokens, caches: model(params, tokens, caches))
    caches = tuple(block.attn.init_cache(9, 2) for block in model.h)
    logits, caches = step(params, TOKENS[:, :3], caches)  # the prompt at once
    close(logits, expected[:, :3])
    runs = []
    for i in range(3, 9):
        logits, caches = step(params, TOKENS[:, i : i + 1], caches)
        close(logits[:, 0], expected[:, i])
        runs.append(sum(tree.traces for unit in step.units.values() for tree in unit.trees.values()))
    assert runs[1:] == [runs[1]] * 5  # no more tracing, wherever the token stands
    assert int(caches[0].length) == 9
    with pytest.raises(ArrayIndexError):
        model(params, TOKENS[:, :1], caches)


@pytest.mark.parametrize("steps", [(1,) * 12, (5, 1, 1, 2, 3), (12,), (4, 8)], ids=str)
@pytest.mark.parametrize("capacity", [4, 6, 12])
def test_a_rolling_cache_holds_a_window(steps: tuple[int, ...], capacity: int) -> None:
    attention = layers.MultiheadAttention(
        8, 2, batch_first=True, window=(3, 0), rope=layers.RotaryEmbedding(4, 100.0), num_kv_heads=1
    )
    params, x = started(attention), values(2, 12, 8)
    expected = attention(params, x, need_weights=False)[0]
    cache, start = attention.init_cache(capacity, 2, rolling=True), 0
    for n in steps:
        y, weights, cache = attention(params, x[:, start : start + n], cache=cache)
        close(y, expected[:, start : start + n])
        assert weights.shape[:2] == (2, n)
        start += n
    assert cache.capacity == capacity
    assert sorted(np.asarray(cache.positions())) == list(range(12 - capacity, 12))


def test_a_batch_of_texts_of_other_lengths_decodes_under_vmap() -> None:
    attention = layers.MultiheadAttention(8, 2)
    params, x = started(attention), values(2, 6, 8)
    long, short = (attention(params, x[i, :n], cache=attention.init_cache(6))[2] for i, n in ((0, 5), (1, 2)))
    caches = fg.tree.map(lambda a, b: fnp.stack([a, b]), long, short)
    y = fg.vmap(lambda x, cache: attention(params, x, cache=cache)[0])(x[:, 5:], caches)
    close(y[0], attention(params, x[0])[0][-1:])
    close(y[1], attention(params, np.concatenate([x[1, :2], x[1, 5:]]))[0][-1:])


def test_stacks_decode_with_caches() -> None:
    layer: dict[str, Any] = {"d_model": 8, "nhead": 2, "dim_feedforward": 16, "batch_first": True}
    encoder = layers.TransformerEncoder(layers.TransformerEncoderLayer(**layer), 2, layers.LayerNorm(8))
    decoder = layers.TransformerDecoder(layers.TransformerDecoderLayer(**layer, norm_first=True), 2)
    x, memory = values(2, 5, 8), values(2, 3, 8, seed=1)
    for model, more, causal in ((encoder, (), "is_causal"), (decoder, (memory,), "tgt_is_causal")):
        params = started(model)
        expected = model(params, x, *more, **{causal: True})
        caches: Any = model.init_cache(5, 2)
        for i in range(5):
            y, caches = model(params, x[:, i : i + 1], *more, cache=caches)
            close(y[:, 0], expected[:, i])
        with pytest.raises(ShapeError, match="a cache for each of 2 layers"):
            model(params, x, *more, cache=caches[:1])


def test_a_cache_is_a_tree_of_its_dtype() -> None:
    cache = F.KVCache.init(2, 3, 4, 5, batch=(6,), dtype="float16")
    assert [x.shape for x in fg.tree.leaves(cache)] == [(6, 2, 3, 4), (6, 2, 3, 5), ()]
    k, v, positions, after = cache.extend(np.ones((6, 2, 2, 4), np.float32), np.ones((6, 2, 2, 5), np.float32))
    assert (k.dtype, v.dtype, positions.tolist()) == ("float16", "float16", [0, 1, -1])
    assert int(cache.length) == 0
    assert after.seen(2, positions).tolist() == [[True, False, False], [True, True, False]]
    assert after.seen(1, positions, window=0).tolist() == [[False, True, False]]
    with pytest.raises(ShapeError, match=r"expected k of shape \(6, 2, L, 4\), .* got \(6, 1, 2, 4\)"):
        cache.extend(np.ones((6, 1, 2, 4)), np.ones((6, 2, 2, 5)))
    with pytest.raises(ShapeError, match=r"expected v of shape \(6, 2, L, 5\), .* got \(6, 2, 1, 5\)"):
        cache.extend(np.ones((6, 2, 2, 4)), np.ones((6, 2, 1, 5)))
    with pytest.raises(OptionError, match="capacity"):
        F.KVCache.init(1, 0, 4)


# ---- mixtures of experts -----------------------------------------------------------------------


def test_experts_that_are_full_let_tokens_pass() -> None:
    model = layers.MoE(3, layers.Linear(3, 2), 2, top_k=1, capacity_factor=0.5)
    params, x = started(model), values(8, 3)
    chosen = np.asarray(x @ params["gate"]["weight"]).argmax(-1)
    y = np.asarray(model(params, x))
    full = np.asarray(layers.MoE(3, layers.Linear(3, 2), 2, top_k=1)(params, x))
    for expert in range(2):
        first, rest = np.split(np.flatnonzero(chosen == expert), [2])
        close(y[first], full[first])
        close(full[first], x[first] @ params["experts"][expert]["weight"] + params["experts"][expert]["bias"])
        assert not y[rest].any()


def test_an_even_load_has_loss_one() -> None:
    model = layers.MoE(2, layers.Linear(2, 2), 2, top_k=1)
    params, _ = model.init(KEY)
    params["gate"]["weight"] = fnp.asarray([[3.0, 0.0], [0.0, 3.0]])
    even, uneven = np.eye(2, dtype=np.float32), np.asarray([[1, 0], [1, 0]], np.float32)
    close(model(params, even, with_loss=True)[1], 1)
    close(model(params, uneven, with_loss=True)[1], 2 / (1 + np.exp(-3)))
    with pytest.raises(OptionError, match="give an expert"):
        layers.MoE(2, layers.Linear(2, 2))
    with pytest.raises(OptionError, match="top_k=3 of 2"):
        layers.MoE(2, layers.Linear(2, 2), 2, top_k=3)
    with pytest.raises(OptionError, match="capacity_factor"):
        layers.MoE(2, layers.Linear(2, 2), 2, capacity_factor=0)


# ---- mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"embed_dim": 5, "num_heads": 2}, "must be a multiple of num_heads"),
        ({"embed_dim": 8, "num_heads": 4, "num_kv_heads": 3}, "multiple of num_kv_heads"),
        ({"embed_dim": 8, "num_heads": 4, "dropout": 1.5}, "dropout is a probability"),
    ],
)
def test_wrong_settings_of_attention(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        layers.MultiheadAttention(**settings)


def test_wrong_calls() -> None:
    attention = layers.MultiheadAttention(4, 2, kdim=3)
    params, q = started(attention), values(5, 2, 4)
    fails(
        ShapeError,
        "in layer MultiheadAttention: expected query, key and value (L, N, 4), (S, N, 3), (S, N, 4), with or without "
        "N, got (5, 2, 4), (5, 2, 4), (5, 2, 4)",
        attention,
        params,
        q,
    )
    k, v = values(7, 2, 3), values(7, 2, 4)
    fails(
        ShapeError, "expected key_padding_mask (2, 7), got (7, 2)", attention, params, q, k, v, np.zeros((7, 2), bool)
    )
    fails(ShapeError, "got (5, 2, 4), (7, 2, 3), (5, 2, 4)", attention, params, q, k, q)
    plain = layers.MultiheadAttention(4, 2, add_zero_attn=True)
    with pytest.raises(OptionError, match="a cache has none"):
        plain(started(plain), q, cache=plain.init_cache(5, 2))
    with pytest.raises(OptionError, match="the query alone"):
        attention(params, q, k, q, cache=attention.init_cache(5, 2))
    with pytest.raises(OptionError, match="relu, gelu"):
        layers.TransformerEncoderLayer(4, 2, activation="sin")
    with pytest.raises(OptionError, match="give a layer and num_layers"):
        layers.TransformerEncoder(layers.TransformerEncoderLayer(4, 2))
    with pytest.raises(ShapeError, match="at most 3 tokens"):
        layers.LearnedPositionalEmbedding(3, 2)({"weight": values(3, 2)}, values(4, 2))


def test_parameters_have_the_default_dtype() -> None:
    with config.default_dtype("float64"):
        params, _ = layers.Transformer(4, 2, 1, 1, 4).init(KEY)
        lora, _ = layers.with_lora(gpt(), "*", 2).init(KEY)
    assert {x.dtype.name for x in fg.tree.leaves((params, lora))} == {"float64"}
