"""Attention with the projections around it."""

from __future__ import annotations

import dataclasses
from typing import Any

from ..dtypes import is_boolean
from ..errors import OptionError, ShapeError
from ..functional import (
    KVCache,
    attention_weights,
    combine_masks,
    dropout,
    linear,
    scaled_dot_product_attention,
)
from ..functional.attention import Window, times_heads
from ..numpy.creation import arange, asarray, ones, zeros
from ..numpy.elementwise import where
from ..ops.attention import in_band
from ..ops.create import to_inexact
from ..ops.shape import concat, expand_dims
from ..random import split
from .initializers import Initializer, normal, xavier_uniform
from .initializers import zeros as zero_bias
from .layer import Layer, Run
from .linear import Linear
from .torch_entry import TorchEntry

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Layer):
    """Attention in several heads, each with projections of its own of queries, keys and values.

        y = concat(head_1, ..., head_H) W + b,   head_h = softmax(scale q_h k_h^T) v_h

    Arguments, names of parameters and the meaning of masks are PyTorch's: **in the masks of this layer True hides a
    key**, where `functional.scaled_dot_product_attention` shows it.

    Args:
        embed_dim: E, the size of the queries and of the result.
        num_heads: H; each has E / H features.
        dropout: the probability with which an attention weight is zero while training.
        bias: whether the projections have biases.
        add_bias_kv: whether a learned key and its value stand behind the others.
        add_zero_attn: whether a key and a value of zeros stand behind the others.
        kdim, vdim: sizes of the keys and values that are passed in; E where None.
        batch_first: whether arrays are (N, L, E), and not (L, N, E). Beware: False is the default, as in PyTorch.
        num_kv_heads: how many heads keys and values have, a divisor of H that each serve several heads of the queries;
            H where None, 1 for multi-query attention.
        q_norm, k_norm: layers that normalise each head's queries and keys, such as `RMSNorm(E // H)`.
        rope: a `RotaryEmbedding(E // H)`, which turns each head's queries and keys.
        window: how many keys to the left and to the right a query sees, as in `scaled_dot_product_attention`.
        softcap: as there.
        weight_init: for the projections of the input; xavier_uniform where None, as in PyTorch.
        out_init: for the last projection; as in `Linear` where None.

    Parameters:
        in_proj_weight: (E, E + 2 K), where K is num_kv_heads * E / H; or, where kdim or vdim is not E, q_proj_weight
            (E, E), k_proj_weight (kdim, K) and v_proj_weight (vdim, K). Transposes of PyTorch's.
        in_proj_bias: (E + 2 K,), at first 0.
        bias_k, bias_v: (1, 1, K), with add_bias_kv.
        out_proj: those of a `Linear(E, E)`, its bias at first 0.

    Called with:
        query, key, value: (L, N, E), (S, N, kdim), (S, N, vdim), or (N, L, E) ... with batch_first, or without N. The
            key is the query where it is left out, and the value is the key.
        key_padding_mask: (N, S), or (S,) without N: booleans, True for keys that are padding; or floats, added. With a
            cache S is what `KVCache.extend` gives.
        need_weights: whether the weights are returned, too. False is faster.
        attn_mask: (L, S), (N H, L, S), or with four axes what broadcasts with (N, H, L, S): booleans, True where a
            query may not see a key; or floats, added.
        average_attn_weights: whether the weights are the mean over the heads.
        is_causal: whether query l sees keys 0, ..., l only; other masks apply as well.
        cache: the keys and values so far, from `init_cache`: then the queries are the tokens after those, each of
            which sees those before it and itself.
        positions: of the tokens, (L,) or (N, L), for rope; from 0 on, or from where the cache ends, where None.

    Returns:
        (y, weights): like the query, and (N, L, S), or (N, H, L, S) without average_attn_weights, without N where
        there is none; weights are None without need_weights. With a cache (y, weights, cache).

    Raises:
        OptionError: at once: heads do not divide E; when called: a cache together with other keys.
        ShapeError: when called: arrays of other shapes.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> attention = layers.MultiheadAttention(8, 2, batch_first=True)
    >>> params, _ = attention.init(random.key(0))
    >>> y, weights = attention(params, fnp.ones((3, 5, 8)))
    >>> y.shape, weights.shape
    ((3, 5, 8), (3, 5, 5))

    Source: A. Vaswani and others, Attention is all you need, 2017, section 3.2.2; J. Ainslie and others, GQA, 2023,
    for num_kv_heads; M. Dehghani and others, Scaling vision transformers to 22 billion parameters, 2023, for q_norm.
    """

    embed_dim: int
    num_heads: int
    dropout: float = 0.0
    bias: bool = True
    add_bias_kv: bool = False
    add_zero_attn: bool = False
    kdim: int | None = None
    vdim: int | None = None
    batch_first: bool = False
    num_kv_heads: int | None = None
    q_norm: Layer | None = None
    k_norm: Layer | None = None
    rope: Layer | None = None
    window: Window = None
    softcap: float | None = None
    weight_init: Initializer | None = None
    out_init: Initializer | None = None
    out_proj: Layer = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        if self.num_heads < 1 or self.embed_dim % self.num_heads:
            raise OptionError(
                f"MultiheadAttention: embed_dim={self.embed_dim} must be a multiple of num_heads={self.num_heads}"
            )
        if self.num_kv_heads is not None and (self.num_kv_heads < 1 or self.num_heads % self.num_kv_heads):
            raise OptionError(
                f"MultiheadAttention: num_heads={self.num_heads} must be a multiple of num_kv_heads={self.num_kv_heads}"
            )
        if not 0 <= self.dropout < 1:
            raise OptionError(f"MultiheadAttention: dropout is a probability below 1, not {self.dropout}")
        self.out_proj = Linear(self.embed_dim, self.embed_dim, self.bias, self.out_init, zero_bias)

    @property
    def head_dim(self) -> int:
        """The features of a head."""
        return self.embed_dim // self.num_heads

    def parameters(self, key: Any) -> dict[str, Any]:
        size, kv = self.embed_dim, self._kv_size()
        init = self.weight_init or xavier_uniform()
        weights, *others = split(key, 6)
        params: dict[str, Any] = {}
        if self._is_packed():
            params["in_proj_weight"] = init(weights, (size, size + 2 * kv))
        else:
            shapes = {"q": (size, size), "k": (self._sizes()[0], kv), "v": (self._sizes()[1], kv)}
            for own, (name, shape) in zip(others[:3], shapes.items(), strict=True):
                params[f"{name}_proj_weight"] = init(own, shape)
        if self.bias:
            params["in_proj_bias"] = zeros(size + 2 * kv)
        if self.add_bias_kv:
            for own, name in zip(others[3:], ("bias_k", "bias_v"), strict=True):
                params[name] = normal(kv**-0.5)(own, (1, 1, kv))
        return params

    def torch_layout(self) -> dict[str, TorchEntry]:
        names = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight")
        held = names[:1] if self._is_packed() else names[1:]
        return {name: TorchEntry(axes=(1, 0)) for name in held}

    def init_cache(
        self, capacity: int, batch: int | tuple[int, ...] = (), *, rolling: bool = False, dtype: Any = None
    ) -> KVCache:
        """A cache for the keys and values of so many tokens; `functional.KVCache` says what the arguments are."""
        heads, size = self._kv_size() // self.head_dim, self.head_dim
        return KVCache.init(heads, capacity, size, batch=batch, rolling=rolling, dtype=dtype)

    def forward(
        self,
        run: Run,
        query: Any,
        key: Any = None,
        value: Any = None,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
        *,
        cache: KVCache | None = None,
        positions: Any = None,
    ) -> Any:
        itself = (key is None or key is query) and (value is None or value is query)
        if cache is not None and not itself:
            raise OptionError("a cache holds the keys and values: call it with the query alone")
        if cache is not None and (self.add_bias_kv or self.add_zero_attn):
            raise OptionError("add_bias_kv and add_zero_attn put keys behind the last one, and a cache has none")
        query = to_inexact(query)
        key = query if itself or key is None else to_inexact(key)
        value = query if itself else key if value is None else to_inexact(value)
        self._check(query, key, value)
        q, k, v = (self._heads(x) for x in self._projected(run, query, key, value, itself))
        if run.q_norm is not None:
            q = run.q_norm(q)
        if run.k_norm is not None:
            k = run.k_norm(k)
        if run.rope is not None:
            places = None if positions is None else asarray(positions)
            if places is None and cache is not None:
                places = arange(q.shape[-2], device=q.device) + cache.length
            elif places is not None and places.ndim > 1:
                places = expand_dims(places, places.ndim - 1)
            q, k = run.rope(q, places), run.rope(k, places)

        seen, window = None, self.window
        if cache is not None:
            k, v, places, cache = cache.extend(k, v)
            seen = cache.seen(q.shape[-2], places, window[0] if isinstance(window, tuple) else window)
        mask = _both(self._mask(q, k, attn_mask, key_padding_mask), seen)
        if self.add_bias_kv or self.add_zero_attn:
            left, right = window if isinstance(window, tuple) else (window, window)
            band = (left, 0 if is_causal else right)
            mask = _both(mask, in_band(q, range(q.shape[-2]), range(k.shape[-2]), band))
            k, v, mask = self._longer(run, k, v, mask)
        if cache is not None or self.add_bias_kv or self.add_zero_attn:  # the mask says all of it
            window, is_causal = None, False

        options: dict[str, Any] = {
            "is_causal": is_causal,
            "window": window,
            "softcap": self.softcap,
            "enable_gqa": self._kv_size() != self.embed_dim,
        }
        rate = self.dropout if run.train else 0.0
        drawn = run.key if rate else None
        weights = None
        if need_weights:
            weights = attention_weights(q, k, mask, **options)
            if rate:
                weights = dropout(weights, rate, key=drawn)
            heads = k.shape[-3], q.shape[-3] // k.shape[-3]
            y = times_heads(weights, v, heads if options["enable_gqa"] else None)
            weights = weights.mean(-3) if average_attn_weights else weights
        else:
            y = scaled_dot_product_attention(q, k, v, mask, rate, **options, key=drawn)
        y = run.out_proj(self._tokens(y))
        return (y, weights) if cache is None else (y, weights, cache)

    # ---- parts

    def _sizes(self) -> tuple[int, int]:
        kdim, vdim = (self.embed_dim if n is None else n for n in (self.kdim, self.vdim))
        return kdim, vdim

    def _is_packed(self) -> bool:
        return self._sizes() == (self.embed_dim, self.embed_dim)

    def _kv_size(self) -> int:
        """The features of keys and values in all heads."""
        return (self.num_kv_heads or self.num_heads) * self.head_dim

    def _check(self, query: Any, key: Any, value: Any) -> None:
        sizes = (self.embed_dim, *self._sizes())
        batch, tokens = (0, 1) if self.batch_first else (1, 0)
        arrays = [("query", query), ("key", key), ("value", value)]
        rank = query.ndim
        fits = rank in (2, 3) and all(
            x.ndim == rank and x.shape[-1] == n for (_, x), n in zip(arrays, sizes, strict=True)
        )
        if fits and rank == 3:
            fits = query.shape[batch] == key.shape[batch] == value.shape[batch]
        if not fits or key.shape[tokens if rank == 3 else 0] != value.shape[tokens if rank == 3 else 0]:
            order = "(N, {}, {})" if self.batch_first else "({}, N, {})"
            wanted = ", ".join(order.format(at, n) for at, n in zip("LSS", sizes, strict=True))
            got = ", ".join(str(x.shape) for _, x in arrays)
            raise ShapeError(f"expected query, key and value {wanted}, with or without N, got {got}")

    def _projected(self, run: Run, query: Any, key: Any, value: Any, itself: bool) -> tuple[Any, Any, Any]:
        size, kv = self.embed_dim, self._kv_size()
        cuts = (slice(0, size), slice(size, size + kv), slice(size + kv, size + 2 * kv))
        bias = run.in_proj_bias if self.bias else None
        if self._is_packed() and itself:  # one product
            every: Any = linear(query, run.in_proj_weight, bias)
            q, k, v = (every[..., cut] for cut in cuts)
            return q, k, v
        if self._is_packed():
            weights = [run.in_proj_weight[:, cut] for cut in cuts]
        else:
            weights = [run.q_proj_weight, run.k_proj_weight, run.v_proj_weight]
        biases = [None if bias is None else bias[cut] for cut in cuts]
        q, k, v = (linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True))
        return q, k, v

    def _heads(self, x: Any) -> Any:
        """Tokens as heads: (L, N, H D) or (N, L, H D) as (N, H, L, D), and (L, H D) as (H, L, D)."""
        x = x.reshape((*x.shape[:-1], x.shape[-1] // self.head_dim, self.head_dim))
        if x.ndim == 3:
            return x.transpose((1, 0, 2))
        return x.transpose((0, 2, 1, 3) if self.batch_first else (1, 2, 0, 3))

    def _tokens(self, x: Any) -> Any:
        """The way back."""
        if x.ndim == 3:
            x = x.transpose((1, 0, 2))
        else:
            x = x.transpose((0, 2, 1, 3) if self.batch_first else (2, 0, 1, 3))
        return x.reshape((*x.shape[:-2], self.embed_dim))

    def _mask(self, q: Any, k: Any, attn_mask: Any, key_padding_mask: Any) -> Any:
        """What attention takes: booleans that are True where a query may see a key, or floats."""
        found = None
        keys = k.shape[-2]
        if attn_mask is not None:
            mask = asarray(attn_mask)
            if q.ndim == 4 and mask.ndim == 3 and mask.shape[0] != 1:
                if mask.shape[0] != q.shape[0] * q.shape[1]:
                    raise ShapeError(
                        f"expected attn_mask (L, S), ({q.shape[0]} examples * {q.shape[1]} heads, L, S) or, with four "
                        f"axes, what broadcasts with {(*q.shape[:3], keys)}, got {mask.shape}"
                    )
                mask = mask.reshape((*q.shape[:2], *mask.shape[1:]))
            found = ~mask if is_boolean(mask.dtype) else mask
        if key_padding_mask is not None:
            mask = asarray(key_padding_mask)
            wanted = (*q.shape[:-3], keys)
            if mask.shape != wanted:
                raise ShapeError(f"expected key_padding_mask {wanted}, got {mask.shape}")
            mask = mask.reshape((*mask.shape[:-1], 1, 1, keys))
            found = _both(found, ~mask if is_boolean(mask.dtype) else mask)
        return found

    def _longer(self, run: Run, k: Any, v: Any, mask: Any) -> tuple[Any, Any, Any]:
        """Keys, values and mask with what add_bias_kv and add_zero_attn put behind them."""
        axis, shape = k.ndim - 2, (*k.shape[:-2], 1, k.shape[-1])
        if self.add_bias_kv:
            own = ((k.shape[-3], 1, k.shape[-1]), shape)
            k, v = (
                concat(x, b.reshape(own[0]).broadcast_to(own[1]).astype(x.dtype), axis=axis)
                for x, b in ((k, run.bias_k), (v, run.bias_v))
            )
        if self.add_zero_attn:
            k, v = (concat(x, zeros(shape, x.dtype, device=x.device), axis=axis) for x in (k, v))
        if mask is not None:
            more = (*mask.shape[:-1], self.add_bias_kv + self.add_zero_attn)
            free = (ones if is_boolean(mask.dtype) else zeros)(more, mask.dtype, device=mask.device)
            mask = (
                mask
                if mask.shape[-1] == k.shape[-2] - more[-1]
                else mask.broadcast_to((*more[:-1], k.shape[-2] - more[-1]))
            )
            mask = concat(mask, free, axis=mask.ndim - 1)
        return k, v, mask


def _both(mask: Any, other: Any) -> Any:
    """Two masks as one: of booleans where both are, else of floats."""
    if mask is None or other is None:
        return other if mask is None else mask
    if is_boolean(mask.dtype) and is_boolean(other.dtype):
        return combine_masks(mask, other)
    mask, other = (where(x, 0.0, float("-inf")) if is_boolean(x.dtype) else x for x in (mask, other))
    return mask + other
