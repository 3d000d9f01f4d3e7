"""Attention layers with caches, and whole transformers with PyTorch's weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from models import KEY, close, fails, values

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad import config, layers, random
from funcgrad.errors import ArrayIndexError, OptionError, ShapeError


class Block(layers.Layer):
    ln_1: layers.LayerNorm
    attn: layers.MultiheadAttention
    ln_2: layers.LayerNorm
    mlp: layers.Layer

    def forward(self, run: Any, x: Any, cache: Any = None) -> Any:
        y, _, *after = run.attn(run.ln_1(x), need_weights=False, is_causal=True, cache=cache)
        x = x + y
        x = x + run.mlp(run.ln_2(x))
        return x, *after


class GPT(layers.Layer):
    wte: layers.Embedding
    wpe: layers.LearnedPositionalEmbedding
    h: tuple[Block, ...]
    ln_f: layers.LayerNorm

    def forward(self, run: Any, tokens: Any, caches: Any = None) -> Any:
        start = 0 if caches is None else caches[0].length
        x = run.wpe(run.wte(tokens), fnp.arange(tokens.shape[-1]) + start)
        after = []
        for block, cache in zip(run.h, caches or [None] * len(self.h), strict=True):
            x, *own = block(x, cache)
            after += own
        logits = run.ln_f(x) @ run.wte.weight.T  # tied
        return logits if caches is None else (logits, tuple(after))


def gpt(width: int = 12, heads: int = 3, depth: int = 2, **options: Any) -> GPT:
    mlp = layers.Sequential(layers.Linear(width, 4 * width), layers.GELU(), layers.Linear(4 * width, width))
    attn = layers.MultiheadAttention(width, heads, batch_first=True, **options)
    block = Block(layers.LayerNorm(width), attn, layers.LayerNorm(width), mlp)
    return GPT(
        layers.Embedding(17, width),
        layers.LearnedPositionalEmbedding(9, width),
        (block,) * depth,
        layers.LayerNorm(width),
    )


def started(model: Any, seed: int = 0) -> Any:
    params, _ = model.init(random.key(seed))
    return fg.tree.map(lambda p: p + 0.1 * values(*p.shape, seed=seed), params)


TOKENS = np.random.default_rng(0).integers(0, 17, (2, 9))


# ---- PyTorch's weights -------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_small_gpt_with_torchs_weights(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class TorchBlock(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.ln_1, self.ln_2 = nn.LayerNorm(12), nn.LayerNorm(12)
            self.attn = nn.MultiheadAttention(12, 3, batch_first=True)
            self.mlp = nn.Sequential(nn.Linear(12, 48), nn.GELU("tanh"), nn.Linear(48, 12))

        def forward(self, x: Any, mask: Any) -> Any:
            y = self.ln_1(x)
            x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask, is_causal=True)[0]
            return x + self.mlp(self.ln_2(x))

    class TorchGPT(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.wte, self.wpe, self.ln_f = nn.Embedding(17, 12), nn.Embedding(9, 12), nn.LayerNorm(12)
            self.h = nn.ModuleList(TorchBlock() for _ in range(2))
            self.lm_head = nn.Linear(12, 17, bias=False)
            self.lm_head.weight = self.wte.weight

        def forward(self, tokens: Any) -> Any:
            x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
            mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1], dtype=x.dtype)
            for block in self.h:
                x = block(x, mask)
            return self.lm_head(self.ln_f(x))

    torch.manual_seed(0)
    theirs = TorchGPT().to(getattr(torch, dtype))
    model = gpt()
    params, _ = layers.from_torch_state_dict(model, theirs.state_dict(), ignore=["lm_head.weight"])
    expected = theirs(torch.tensor(TOKENS[:, :-1]))
    loss = nn.functional.cross_entropy(expected.reshape(-1, 17), torch.tensor(TOKENS[:, 1:]).reshape(-1))
    loss.backward()

    def objective(params: Any) -> Any:
        logits = model(params, TOKENS[:, :-1])
        return F.cross_entropy(logits.reshape(-1, 17), TOKENS[:, 1:].reshape(-1)), logits

    (value, logits), grads = fg.jit(fg.value_and_grad(objective, has_aux=True))(params)
    tolerance = 1e-5 if dtype == "float32" else 1e-10
    close(logits, expected.detach().numpy(), tolerance)
    close(value, loss.item(), tolerance)
    own = layers.to_torch_state_dict(model, grads)
    for name, p in theirs.named_parameters():
        close(own[name], p.grad.numpy(), tolerance)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize("norm_first", [False, True])
def test_an_encoder_and_decoder_with_torchs_weights_and_masks(norm_first: bool) -> None:
    torch = pytest.importorskip("torch")
    settings: dict[str, Any] = {"dropout": 0.0, "batch_first": True, "norm_first": norm_first, "activation": "gelu"}
    theirs = torch.nn.Transformer(8, 2, 2, 2, 16, **settings).double()
    model = layers.Transformer(8, 2, 2, 2, 16, **settings)
    params, _ = layers.from_torch_state_dict(model, theirs.state_dict())
    src, tgt = (np.random.default_rng(i).normal(size=(2, n, 8)) for i, n in ((0, 6), (1, 4)))
    padding = np.asarray(~F.make_padding_mask([6, 3], 6))
    causal = torch.nn.Transformer.generate_square_subsequent_mask(4, dtype=torch.float64)
    given = torch.tensor(src, requires_grad=True)
    hidden = torch.tensor(padding)
    expected = theirs(
        given,
        torch.tensor(tgt),
        tgt_mask=causal,
        tgt_is_causal=True,
        src_key_padding_mask=hidden,
        memory_key_padding_mask=hidden,
    )
    (expected**2).sum().backward()

    def loss(params: Any, src: Any) -> Any:
        y = model(params, src, tgt, tgt_is_causal=True, src_key_padding_mask=padding, memory_key_padding_mask=padding)
        return (y**2).sum(), y

    (_, y), (by_params, by_src) = fg.value_and_grad(loss, (0, 1), has_aux=True)(params, src)
    close(y, expected.detach().numpy(), 1e-10)
    close(by_src, given.grad.numpy(), 1e-9)
    own = layers.to_torch_state_dict(model, by_params)
    for name, p in theirs.named_parameters():
        close(own[name], p.grad.numpy(), 1e-9)
    mask = layers.Transformer.generate_square_subsequent_mask(4)
    close(mask, causal.numpy())


def test_first_values_have_torchs_distributions() -> None:
    torch = pytest.importorskip("torch")
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
    with pytest.raises(ShapeError, match="does not fit"):
        cache.extend(np.ones((6, 1, 2, 4)), np.ones((6, 2, 2, 5)))
    with pytest.raises(OptionError, match="capacity"):
        F.KVCache.init(1, 0, 4)


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
