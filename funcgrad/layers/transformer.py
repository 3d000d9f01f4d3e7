"""Transformers: stacks of encoder and decoder layers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import OptionError, ShapeError
from ..functional import KVCache
from ..numpy.diagonals import tri
from ..numpy.elementwise import where
from .example_normalization import LayerNorm
from .initializers import xavier_uniform
from .layer import Layer, Run
from .transformer_layer import TransformerDecoderLayer, TransformerEncoderLayer

__all__ = ["Transformer", "TransformerDecoder", "TransformerEncoder"]


class _Stack(Layer):
    """Layers one after the other, and a last normalisation."""

    layers: tuple[Any, ...]
    norm: Layer | None = None

    def _fill(
        self, layer: Layer | None, number: int | None, norm: Layer | None, layers: Sequence[Layer] | None
    ) -> None:
        if (layer is None) == (layers is None) or (layer is None) != (number is None):
            raise OptionError(f"{type(self).__name__}: give a layer and num_layers, or layers=(...)")
        self.layers = tuple(layers) if layers is not None else (layer,) * (number or 0)
        self.norm = norm

    def init_cache(
        self, capacity: int, batch: int | tuple[int, ...] = (), *, rolling: bool = False, dtype: Any = None
    ) -> tuple[KVCache, ...]:
        """A cache for each layer; `functional.KVCache` says what the arguments are."""
        return tuple(layer.init_cache(capacity, batch, rolling=rolling, dtype=dtype) for layer in self.layers)

    def _through(self, run: Run, x: Any, cache: Sequence[KVCache] | None, *inputs: Any, **options: Any) -> Any:
        if cache is None:
            for layer in run.layers:
                x = layer(x, *inputs, **options)
            return x if run.norm is None else run.norm(x)
        if len(cache) != len(self.layers):
            raise ShapeError(f"expected a cache for each of {len(self.layers)} layers, got {len(cache)}")
        after = []
        for layer, own in zip(run.layers, cache, strict=True):
            x, own = layer(x, *inputs, **options, cache=own)
            after.append(own)
        return (x if run.norm is None else run.norm(x)), tuple(after)


class TransformerEncoder(_Stack):
    """Encoder layers one after the other.

    Args:
        encoder_layer: a `TransformerEncoderLayer`.
        num_layers: how many there are, with parameters and first values of their own (PyTorch starts with copies).
        norm: a layer for what comes out, or None.
        layers: the layers one by one, instead of the first two.

    Called with:
        src, mask, src_key_padding_mask, is_causal: as `TransformerEncoderLayer`.
        cache: from `init_cache`, one entry a layer.

    Returns:
        Of src's shape; with a cache (y, cache).

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.TransformerEncoder(layers.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)
    >>> params, _ = model.init(random.key(0))
    >>> model(params, fnp.ones((3, 5, 8))).shape
    (3, 5, 8)
    """

    def __init__(
        self,
        encoder_layer: Layer | None = None,
        num_layers: int | None = None,
        norm: Layer | None = None,
        *,
        layers: Sequence[Layer] | None = None,
    ):
        self._fill(encoder_layer, num_layers, norm, layers)

    def forward(
        self,
        run: Run,
        src: Any,
        mask: Any = None,
        src_key_padding_mask: Any = None,
        is_causal: bool = False,
        *,
        cache: Sequence[KVCache] | None = None,
    ) -> Any:
        return self._through(run, src, cache, mask, src_key_padding_mask, is_causal)


class TransformerDecoder(_Stack):
    """Decoder layers one after the other.

    Args:
        decoder_layer: a `TransformerDecoderLayer`.
        num_layers: how many there are, with parameters and first values of their own.
        norm: a layer for what comes out, or None.
        layers: the layers one by one, instead of the first two.

    Called with:
        tgt, memory and masks: as `TransformerDecoderLayer`.
        cache: from `init_cache`, one entry a layer.

    Returns:
        Of tgt's shape; with a cache (y, cache).

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.TransformerDecoder(layers.TransformerDecoderLayer(8, 2, 16, batch_first=True), 2)
    >>> params, _ = model.init(random.key(0))
    >>> model(params, fnp.ones((3, 5, 8)), fnp.ones((3, 7, 8))).shape
    (3, 5, 8)
    """

    def __init__(
        self,
        decoder_layer: Layer | None = None,
        num_layers: int | None = None,
        norm: Layer | None = None,
        *,
        layers: Sequence[Layer] | None = None,
    ):
        self._fill(decoder_layer, num_layers, norm, layers)

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
        cache: Sequence[KVCache] | None = None,
    ) -> Any:
        return self._through(
            run,
            tgt,
            cache,
            memory,
            tgt_mask,
            memory_mask,
            tgt_key_padding_mask,
            memory_key_padding_mask,
            tgt_is_causal,
            memory_is_causal,
        )


class Transformer(Layer):
    """An encoder, and a decoder that attends to what it makes of the source.

    Args:
        d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias: as
            `TransformerEncoderLayer`; the encoder and the decoder end in a `LayerNorm`.
        num_encoder_layers, num_decoder_layers: how many layers each has.

    Parameters: those of encoder and decoder, by PyTorch's names; first weights are xavier_uniform.

    Called with:
        src, tgt: (S, N, d_model) and (L, N, d_model), (N, S, d_model) ... with batch_first, or without N.
        src_mask, tgt_mask, memory_mask, src_key_padding_mask, tgt_key_padding_mask, memory_key_padding_mask,
            src_is_causal, tgt_is_causal, memory_is_causal: masks of the three attentions, where True hides a key.

    Returns:
        Of tgt's shape.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.Transformer(8, 2, 1, 1, 16, batch_first=True)
    >>> params, _ = model.init(random.key(0))
    >>> model(params, fnp.ones((3, 7, 8)), fnp.ones((3, 5, 8)), tgt_is_causal=True).shape
    (3, 5, 8)

    Source: A. Vaswani and others, Attention is all you need, 2017.
    """

    d_model: int = 512
    nhead: int = 8
    num_encoder_layers: int = 6
    num_decoder_layers: int = 6
    dim_feedforward: int = 2048
    dropout: float = 0.1
    activation: str | Callable[[Any], Any] = "relu"
    layer_norm_eps: float = 1e-5
    batch_first: bool = False
    norm_first: bool = False
    bias: bool = True
    encoder: Layer = dataclasses.field(init=False)
    decoder: Layer = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        settings = (
            *(self.d_model, self.nhead, self.dim_feedforward, self.dropout, self.activation, self.layer_norm_eps),
            *(self.batch_first, self.norm_first, self.bias, xavier_uniform()),
        )
        norm = LayerNorm(self.d_model, self.layer_norm_eps, bias=self.bias)
        self.encoder = TransformerEncoder(TransformerEncoderLayer(*settings), self.num_encoder_layers, norm)
        self.decoder = TransformerDecoder(TransformerDecoderLayer(*settings), self.num_decoder_layers, norm)

    @staticmethod
    def generate_square_subsequent_mask(sz: int) -> Any:
        """Floats (sz, sz), 0 where a token may see another one and -inf behind itself; is_causal=True costs less.

        >>> from funcgrad import layers
        >>> layers.Transformer.generate_square_subsequent_mask(2).tolist()
        [[0.0, -inf], [0.0, 0.0]]
        """
        return where(tri(sz, dtype=bool), 0.0, float("-inf"))

    def forward(
        self,
        run: Run,
        src: Any,
        tgt: Any,
        src_mask: Any = None,
        tgt_mask: Any = None,
        memory_mask: Any = None,
        src_key_padding_mask: Any = None,
        tgt_key_padding_mask: Any = None,
        memory_key_padding_mask: Any = None,
        src_is_causal: bool = False,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Any:
        memory = run.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        return run.decoder(
            tgt,
            memory,
            tgt_mask,
            memory_mask,
            tgt_key_padding_mask,
            memory_key_padding_mask,
            tgt_is_causal,
            memory_is_causal,
        )
