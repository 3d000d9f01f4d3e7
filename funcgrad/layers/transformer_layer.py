"""One layer of a transformer: attention and a network on each token."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

from ..errors import OptionError, ShapeError
from ..functional import KVCache, gelu, relu
from ..ops.create import to_inexact
from .attention import MultiheadAttention
from .dropout import Dropout
from .example_normalization import LayerNorm
from .initializers import Initializer
from .layer import Layer, Run
from .linear import Linear

__all__ = ["TransformerDecoderLayer", "TransformerEncoderLayer"]

_ACTIVATIONS: dict[str, Any] = {"relu": relu, "gelu": functools.partial(gelu, approximate=False)}


class _TransformerLayer(Layer):
    """What the layers of encoders and decoders share: their settings, and the part that works token by token."""

    d_model: int
    nhead: int
    dim_feedforward: int = 2048
    dropout: float = 0.1
    activation: str | Callable[[Any], Any] = "relu"
    layer_norm_eps: float = 1e-5
    batch_first: bool = False
    norm_first: bool = False
    bias: bool = True
    weight_init: Initializer | None = None
    self_attn: Layer = dataclasses.field(init=False)
    linear1: Layer = dataclasses.field(init=False)
    hidden_dropout: Layer = dataclasses.field(init=False)
    linear2: Layer = dataclasses.field(init=False)
    norm1: Layer = dataclasses.field(init=False)
    norm2: Layer = dataclasses.field(init=False)
    dropout1: Layer = dataclasses.field(init=False)
    dropout2: Layer = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        if isinstance(self.activation, str) and self.activation not in _ACTIVATIONS:
            raise OptionError(
                f"{type(self).__name__}: activation is a function or one of {', '.join(_ACTIVATIONS)}, not "
                f"{self.activation!r}"
            )
        size, hidden = self.d_model, self.dim_feedforward
        self.self_attn = self._attention()
        self.linear1 = Linear(size, hidden, self.bias, self.weight_init)
        self.linear2 = Linear(hidden, size, self.bias, self.weight_init)
        self.norm1, self.norm2 = self._norm(), self._norm()
        self.hidden_dropout, self.dropout1, self.dropout2 = (Dropout(self.dropout) for _ in range(3))

    def _attention(self) -> Layer:
        return MultiheadAttention(
            self.d_model,
            self.nhead,
            self.dropout,
            self.bias,
            batch_first=self.batch_first,
            out_init=self.weight_init,
        )

    def _norm(self) -> Layer:
        return LayerNorm(self.d_model, self.layer_norm_eps, bias=self.bias)

    def init_cache(
        self, capacity: int, batch: int | tuple[int, ...] = (), *, rolling: bool = False, dtype: Any = None
    ) -> KVCache:
        """A cache for the keys and values of self-attention; `functional.KVCache` says what the arguments are."""
        attention: Any = self.self_attn
        found: KVCache = attention.init_cache(capacity, batch, rolling=rolling, dtype=dtype)
        return found

    def _tokens(self, x: Any, name: str) -> Any:
        x = to_inexact(x)
        if x.ndim not in (2, 3) or x.shape[-1] != self.d_model:
            order = "(N, L, {})" if self.batch_first else "(L, N, {})"
            raise ShapeError(f"expected {name} {order.format(self.d_model)}, with or without N, got {x.shape}")
        return x

    def _feed_forward(self, run: Run, x: Any) -> Any:
        activation = _ACTIVATIONS[self.activation] if isinstance(self.activation, str) else run.activation
        return run.linear2(run.hidden_dropout(activation(run.linear1(x))))


class TransformerEncoderLayer(_TransformerLayer):
    """Self-attention and then a network on each token, each added to what goes in.

        x = norm1(x + attention(x));   y = norm2(x + network(x))          or, with norm_first,
        x = x + attention(norm1(x));   y = x + network(norm2(x)),         network(x) = W2 activation(W1 x + b1) + b2

    Args:
        d_model: the size of a token.
        nhead: heads of attention, a divisor of d_model.
        dim_feedforward: the size of the network's hidden layer.
        dropout: the rate of dropout while training: of attention weights, of the hidden layer, and of what is added.
        activation: "relu", "gelu" (the exact one), or a function.
        layer_norm_eps: as `LayerNorm`'s eps.
        batch_first: whether arrays are (N, L, d_model), and not (L, N, d_model). Beware: False is the default.
        norm_first: whether normalisation comes before attention and network, and not after the sum.
        bias: whether affine maps and normalisations have biases.
        weight_init: for the weights of the affine maps.

    Parameters: those of self_attn, linear1, linear2, norm1 and norm2, by PyTorch's names.

    Called with:
        src: (L, N, d_model), (N, L, d_model) with batch_first, or without N.
        src_mask, src_key_padding_mask, is_causal: attn_mask, key_padding_mask and is_causal of `MultiheadAttention`,
            where True in a mask hides a key.
        cache: of self-attention, from `init_cache`: then src are the tokens after those in it.

    Returns:
        Of src's shape; with a cache (y, cache).

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
    >>> params, _ = model.init(random.key(0))
    >>> model(params, fnp.ones((3, 5, 8)), is_causal=True).shape
    (3, 5, 8)

    Source: A. Vaswani and others, Attention is all you need, 2017; R. Xiong and others, On layer normalization in the
    transformer architecture, 2020, for norm_first.
    """

    def forward(
        self,
        run: Run,
        src: Any,
        src_mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
        *,
        cache: KVCache | None = None,
    ) -> Any:
        x = self._tokens(src, "src")
        given = x if not self.norm_first else run.norm1(x)
        y, _, *after = run.self_attn(
            given,
            key_padding_mask=src_key_padding_mask,
            need_weights=False,
            attn_mask=src_mask,
            is_causal=is_causal,
            cache=cache,
        )
        x = x + run.dropout1(y)
        if self.norm_first:
            x = x + run.dropout2(self._feed_forward(run, run.norm2(x)))
        else:
            x = run.norm1(x)
            x = run.norm2(x + run.dropout2(self._feed_forward(run, x)))
        return x if cache is None else (x, *after)


class TransformerDecoderLayer(_TransformerLayer):
    """Self-attention, attention to another text, and a network on each token, each added to what goes in.

    Arguments are those of `TransformerEncoderLayer`.

    Parameters: those of self_attn, multihead_attn, linear1, linear2, norm1, norm2 and norm3, by PyTorch's names.

    Called with:
        tgt: (L, N, d_model), (N, L, d_model) with batch_first, or without N.
        memory: the other text, (S, N, d_model) or as tgt, such as what an encoder returned.
        tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask, tgt_is_causal, memory_is_causal: masks
            of `MultiheadAttention` for the one and the other attention, where True hides a key.
        cache: of self-attention, from `init_cache`: then tgt are the tokens after those in it.

    Returns:
        Of tgt's shape; with a cache (y, cache).

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.TransformerDecoderLayer(8, 2, 16, batch_first=True)
    >>> params, _ = model.init(random.key(0))
    >>> model(params, fnp.ones((3, 5, 8)), fnp.ones((3, 7, 8)), tgt_is_causal=True).shape
    (3, 5, 8)

    Source: A. Vaswani and others, Attention is all you need, 2017.
    """

    multihead_attn: Layer = dataclasses.field(init=False)
    norm3: Layer = dataclasses.field(init=False)
    dropout3: Layer = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.multihead_attn, self.norm3, self.dropout3 = self._attention(), self._norm(), Dropout(self.dropout)

    def forward(
        self,
        run: Run,
        tgt: Any,
        memory: Any,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
        *,
        cache: KVCache | None = None,
    ) -> Any:
        x, memory = self._tokens(tgt, "tgt"), self._tokens(memory, "memory")
        y, _, *after = run.self_attn(
            run.norm1(x) if self.norm_first else x,
            key_padding_mask=tgt_key_padding_mask,
            need_weights=False,
            attn_mask=tgt_mask,
            is_causal=tgt_is_causal,
            cache=cache,
        )
        x = x + run.dropout1(y)
        x = x if self.norm_first else run.norm1(x)
        y, _ = run.multihead_attn(
            run.norm2(x) if self.norm_first else x,
            memory,
            memory,
            key_padding_mask=memory_key_padding_mask,
            need_weights=False,
            attn_mask=memory_mask,
            is_causal=memory_is_causal,
        )
        x = x + run.dropout2(y)
        x = x if self.norm_first else run.norm2(x)
        y = self._feed_forward(run, run.norm3(x) if self.norm_first else x)
        x = x + run.dropout3(y)
        x = x if self.norm_first else run.norm3(x)
        return x if cache is None else (x, *after)
