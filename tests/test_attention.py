"""Attention with all its options, at once and by chunks of keys; masks; positions."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.functional as F
import funcgrad.numpy as fnp
from funcgrad import random
from funcgrad.errors import DtypeError, OptionError, ShapeError
from funcgrad.testing import check_grads

RNG = np.random.default_rng(0)
SEEN = RNG.random((7, 9)) < 0.6
SEEN[2] = False  # a query that sees nothing
BIAS = RNG.normal(size=(4, 1, 9))
OPTIONS: list[dict[str, Any]] = [
    {},
    {"is_causal": True},
    {"window": (2, 1)},
    {"window": 1, "softcap": 0.7},
    {"window": (0, None), "is_causal": True},
    {"attn_mask": SEEN, "is_causal": True},
    {"attn_mask": BIAS, "scale": 0.3},
    {"attn_mask": np.where(SEEN, 0.5, -np.inf), "softcap": 2.0},
    {"attn_mask": SEEN[0]},
    {"dropout_p": 0.3, "key": random.key(1), "attn_mask": SEEN},
]
every_option = pytest.mark.parametrize("options", OPTIONS, ids=range(len(OPTIONS)))


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape)


def close(found: Any, expected: Any, tolerance: float = 1e-11) -> None:
    pairs = zip(found, expected, strict=True) if isinstance(found, tuple) else [(found, expected)]
    for x, y in pairs:
        np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=tolerance, atol=tolerance)


def plainly(q: Any, k: Any, v: Any, options: dict[str, Any]) -> Any:
    """Attention by a loop over queries and keys, without dropout."""
    mask = options.get("attn_mask")
    left, right = w if isinstance(w := options.get("window"), tuple) else (w, w)
    batch, (length, keys) = q.shape[:-2], (q.shape[-2], k.shape[-2])
    if mask is not None:
        mask = np.broadcast_to(mask, (*batch, length, keys))
    out = np.zeros((*batch, length, v.shape[-1]))
    for *at, i in np.ndindex(*batch, length):
        here = tuple(at)
        head = (*at[:-1], at[-1] * k.shape[-3] // q.shape[-3])
        total = 0.0
        for j in range(keys):
            far = (left is not None and j < i - left) or (right is not None and j > i + right)
            if far or (options.get("is_causal") and j > i):
                continue
            score = q[here][i] @ k[head][j] * options.get("scale", q.shape[-1] ** -0.5)
            if cap := options.get("softcap"):
                score = cap * np.tanh(score / cap)
            if mask is not None and mask.dtype == bool:
                score = score if mask[here][i, j] else -np.inf
            elif mask is not None:
                score += mask[here][i, j]
            total += np.exp(score)
            out[here][i] += np.exp(score) * v[head][j]
        out[here][i] /= total or 1
    return out


@every_option
@pytest.mark.parametrize("heads", [2, 4])
def test_attention_is_the_formula(options: dict[str, Any], heads: int) -> None:
    q, k, v = normal(2, 4, 7, 4), normal(2, heads, 9, 4, seed=1), normal(2, heads, 9, 3, seed=2)
    if options.get("dropout_p"):
        options = {"attn_mask": SEEN}
    expected = plainly(q, k, v, options)
    for chunk in (None, 2, 4, 100):
        found = F.scaled_dot_product_attention(q, k, v, **options, enable_gqa=heads < 4, chunk_size=chunk)
        close(found, expected, 1e-12)
    weights = F.attention_weights(q, k, **options, enable_gqa=heads < 4)
    close(weights @ np.repeat(v, 4 // heads, axis=1), expected, 1e-12)


@every_option
@pytest.mark.parametrize("heads", [2, 4])
def test_chunks_of_keys_change_nothing(options: dict[str, Any], heads: int) -> None:
    q, k, v = normal(2, 4, 7, 4), normal(2, heads, 9, 4, seed=1), normal(2, heads, 9, 3, seed=2)
    mask = options.get("attn_mask")
    rest = {name: value for name, value in options.items() if name != "attn_mask"}

    def loss(chunk: int | None) -> Any:
        def f(q: Any, k: Any, v: Any, mask: Any = mask) -> Any:
            y = F.scaled_dot_product_attention(q, k, v, mask, **rest, enable_gqa=heads < 4, chunk_size=chunk)
            return (y**2).sum()

        return f

    at = (q, k, v) if mask is None or mask.dtype == bool else (q, k, v, mask)
    by = tuple(range(len(at)))
    expected = fg.grad(loss(None), by)(*at)
    assert all(np.isfinite(np.asarray(g)).all() for g in expected)
    program = fg.jit(fg.grad(loss(4), by))
    for _ in range(3):
        close(program(*at), expected)
    moved = (q + 1, k - 1, v * 2, np.ones(()) if mask is None else np.where(np.isfinite(mask), 1.0, 0.0))[: len(at)]
    close(fg.jvp(loss(4), at, moved), fg.jvp(loss(None), at, moved))
    if not options.get("dropout_p"):  # each example would draw for itself
        alone = [lambda q, k, c=c: loss(c)(q, k, v[0]) for c in (None, 4)]
        close(fg.vmap(alone[1])(q, k), fg.vmap(alone[0])(q, k))


@every_option
def test_second_derivatives_by_chunks(options: dict[str, Any]) -> None:
    at = normal(4, 7, 2), normal(2, 9, 2, seed=1), normal(2, 9, 2, seed=2)
    options = options | {"enable_gqa": True, "chunk_size": 5}
    check_grads(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, **options), at, order=2)


@pytest.mark.parametrize("chunk", [None, 3])
def test_a_query_that_sees_nothing_has_no_gradients(chunk: int | None) -> None:
    q, k, v = (normal(7, 4, seed=i) for i in range(3))
    nothing = np.zeros((7, 7), bool)

    def f(q: Any, k: Any, v: Any) -> Any:
        return F.scaled_dot_product_attention(q, k, v, nothing, chunk_size=chunk)

    assert not np.asarray(f(q, k, v)).any()
    for g in fg.grad(lambda *at: f(*at).sum(), (0, 1, 2))(q, k, v):
        assert not np.asarray(g).any()
    assert not np.asarray(fg.hessian(lambda q: (f(q, k, v) ** 2).sum())(q)).any()


def test_dropout_keeps_the_mean_and_is_drawn_from_the_key() -> None:
    q, k, v = normal(64, 4), normal(50, 4, seed=1), np.ones((50, 1))
    f = F.scaled_dot_product_attention
    one, two = (f(q, k, v, None, 0.5, key=random.key(i)) for i in (0, 1))
    assert (np.asarray(one) != np.asarray(two)).any()
    close(one, f(q, k, v, None, 0.5, key=random.key(0), chunk_size=8))
    assert 0.9 < float(one.mean()) < 1.1
    with pytest.raises(DtypeError, match="dropout needs a key"):
        f(q, k, v, dropout_p=0.5)
    with pytest.raises(OptionError, match="a probability"):
        f(q, k, v, dropout_p=1.5)


def test_the_memory_of_chunks() -> None:
    q = fnp.asarray(normal(1, 4096, 8).astype("float32"))

    def loss(q: Any) -> Any:
        return F.scaled_dot_product_attention(q, q, q, chunk_size=128).sum()

    tracemalloc.start()
    fg.grad(loss)(q)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4096 * 4096 * 4 / 3  # all of the scores would be three times as much


def test_long_texts_go_by_chunks_by_themselves() -> None:
    q = fg.eval_shape(lambda: fnp.zeros((8, 8, 4096, 64), "float32"))
    graph = str(fg.make_graph(lambda q: F.scaled_dot_product_attention(q, q, q))(q))
    assert "attention" in graph
    short = str(fg.make_graph(lambda q: F.scaled_dot_product_attention(q, q, q))(normal(8, 8)))
    assert "attention" not in short


def test_16_bits_compute_in_32() -> None:
    q, k, v = (normal(7, 4, seed=i) for i in range(3))
    for chunk in (None, 3):
        found = F.scaled_dot_product_attention(*(fnp.asarray(x, "float16") for x in (q, k, v)), chunk_size=chunk)
        assert found.dtype == "float16"
        close(found, F.scaled_dot_product_attention(q, k, v), 3e-3)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"window": -1}, OptionError, "window is"),
        ({"window": (1.5, 2)}, OptionError, "window is"),
        ({"softcap": 0}, OptionError, "softcap must"),
        ({"chunk_size": 0}, OptionError, "chunk_size"),
        ({"attn_mask": np.ones((7, 7), int)}, DtypeError, "a mask holds"),
        ({"attn_mask": np.ones((3, 7, 7, 7), bool)}, ShapeError, "do not broadcast"),
        ({"attn_mask": np.ones((2, 7), bool)}, ShapeError, "do not broadcast"),
        ({"enable_gqa": True}, ShapeError, "a multiple of the heads"),
    ],
)
def test_mistakes(options: dict[str, Any], error: type[Exception], message: str) -> None:
    q, k = normal(2, 4, 7, 4), normal(2, 3, 7, 4)
    k = k if options.get("enable_gqa") else k[:, :1]
    with pytest.raises(error, match=message):
        F.scaled_dot_product_attention(q, k, k, **options)


# ---- masks -------------------------------------------------------------------------------------


def test_masks() -> None:
    padding = F.make_padding_mask([1, 3], 3)
    assert padding.tolist() == [[True, False, False], [True, True, True]]
    causal = F.make_causal_mask(padding)
    assert causal.shape == (2, 1, 3, 3)
    assert (np.asarray(causal) == np.tri(3, dtype=bool)).all()
    both = F.combine_masks(F.make_attention_mask(padding, padding), None, causal)
    assert both is not None
    assert np.asarray(both)[0, 0].tolist() == [[True, False, False], [False] * 3, [False] * 3]
    assert F.combine_masks() is None
    with pytest.raises(DtypeError, match="masks hold booleans"):
        F.combine_masks(np.ones(3))
    with pytest.raises(DtypeError, match="lengths are integers"):
        F.make_padding_mask([1.0], 3)
    with pytest.raises(ShapeError, match="query_input"):
        F.make_attention_mask(1, [1])
    with pytest.raises(ShapeError, match="length"):
        F.make_causal_mask(1.0)


# ---- positions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize(
    "scaling",
    [None, F.LinearScaling(2.0), F.NTKScaling(4.0), F.YaRNScaling(4.0, 32)],
    ids=lambda s: type(s).__name__,
)
def test_rotary_products_depend_on_the_distance_alone(interleaved: bool, scaling: Any) -> None:
    q, k = normal(1, 8), normal(1, 8, seed=1)

    def product(i: int, j: int) -> Any:
        turned = [F.rotary_embedding(x, [at], 100.0, interleaved, scaling) for x, at in ((q, i), (k, j))]
        return (turned[0] * turned[1]).sum()

    close(product(3, 7), product(1003, 1007), 1e-9)
    assert abs(float(product(3, 7)) - float(product(3, 8))) > 1e-3
    check_grads(lambda x: F.rotary_embedding(x, None, 100.0, interleaved, scaling), (normal(3, 8),), order=2)


def test_rotary_embedding_turns_pairs() -> None:
    x, t = normal(2, 3, 6), np.arange(3)[:, None] * 100.0 ** -(np.arange(2) / 2)
    pairs = (x[..., 0:4:2] + 1j * x[..., 1:4:2]) * np.exp(1j * t)
    expected = np.concatenate([np.stack([pairs.real, pairs.imag], -1).reshape(2, 3, 4), x[..., 4:]], -1)
    close(F.rotary_embedding(x, base=100.0, interleaved=True, dim=4), expected, 1e-12)
    pairs = (x[..., :2] + 1j * x[..., 2:4]) * np.exp(1j * t)
    expected = np.concatenate([pairs.real, pairs.imag, x[..., 4:]], -1)
    close(F.rotary_embedding(x, [0, 1, 2], 100.0, dim=4), expected, 1e-12)
    close(fg.vmap(lambda x: F.rotary_embedding(x, base=100.0, dim=4))(x), expected, 1e-12)
    wanted = F.rotary_embedding(x[:1, :1], [[2]], 100.0, dim=4)
    close(fg.jit(lambda x, n: F.rotary_embedding(x, n, 100.0, dim=4))(x[:1, :1], 2), wanted, 1e-12)
    with pytest.raises(OptionError, match="in pairs"):
        F.rotary_embedding(x, dim=3)
    with pytest.raises(OptionError, match="cannot turn"):
        F.rotary_embedding(x, dim=8)
    with pytest.raises(ShapeError, match="positions"):
        F.rotary_embedding(x, [0, 1])
    with pytest.raises(ShapeError, match="positions"):
        F.rotary_embedding(x, np.zeros((4, 1, 3)))


def test_longer_texts_turn_slower() -> None:
    plain = np.asarray(F.rope_frequencies(64))
    linear, ntk, yarn = (
        np.asarray(F.rope_frequencies(64, scaling=s))
        for s in (F.LinearScaling(4.0), F.NTKScaling(4.0), F.YaRNScaling(4.0, 2048))
    )
    close(linear, plain / 4, 1e-12)
    close([ntk[0], ntk[-1]], [plain[0], plain[-1] / 4], 1e-12)
    turns = 2048 * plain / (2 * np.pi)
    assert (yarn[turns > 35] == plain[turns > 35]).all()
    close(yarn[turns < 0.9], plain[turns < 0.9] / 4, 1e-12)
    assert ((plain / 4 <= yarn) & (yarn <= plain)).all()
    close(F.YaRNScaling(4.0, 2048).sharpening, 0.1 * np.log(4) + 1)


def test_alibi() -> None:
    close(F.alibi_slopes(4), [2**-2, 2**-4, 2**-6, 2**-8])
    close(F.alibi_slopes(6), [2**-2, 2**-4, 2**-6, 2**-8, 2**-1, 2**-3], 1e-7)
    bias = np.asarray(F.alibi_bias(2, 3))
    assert bias.shape == (2, 3, 3)
    close(bias[1], -(2**-8) * np.abs(np.arange(3)[:, None] - np.arange(3)), 1e-7)
    with pytest.raises(OptionError, match="num_heads"):
        F.alibi_slopes(0)


def test_sinusoidal_positions() -> None:
    found = F.sinusoidal_positions(5, 7, 100.0)
    assert found.dtype == "float32"
    angles = np.arange(5)[:, None] * 100.0 ** -(np.arange(4) / 4)
    close(found, np.stack([np.sin(angles), np.cos(angles)], -1).reshape(5, 8)[:, :7], 1e-6)
    close(F.sinusoidal_positions(np.asarray([[3]]), 7, 100.0)[0, 0], found[3], 1e-6)
    with pytest.raises(OptionError, match="dim"):
        F.sinusoidal_positions(3, 0)
