"""Models of sequences, of our layers and of PyTorch's modules, with fields and attributes of the same names."""

from __future__ import annotations

from typing import Any

import funcgrad.numpy as fnp
from funcgrad import layers

# ---- a classifier of texts by a recurrent network ----------------------------------------------


class LSTMClassifier(layers.Layer):
    """Two layers of LSTM in both directions; texts of other lengths are padded."""

    embedding: layers.Embedding = layers.Embedding(11, 6, padding_idx=0)
    lstm: layers.LSTM = layers.LSTM(6, 8, num_layers=2, batch_first=True, bidirectional=True)
    fc: layers.Linear = layers.Linear(32, 3)

    def forward(self, run: Any, tokens: Any, lengths: Any) -> Any:
        out, (h, _) = run.lstm(run.embedding(tokens), lengths=lengths)
        return run.fc(fnp.concat([h[-2], h[-1], out.max(1)], axis=-1))


def torch_lstm_classifier(torch: Any) -> Any:
    nn, rnn = torch.nn, torch.nn.utils.rnn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(11, 6, padding_idx=0)
            self.lstm = nn.LSTM(6, 8, num_layers=2, batch_first=True, bidirectional=True)
            self.fc = nn.Linear(32, 3)

        def forward(self, tokens: Any, lengths: Any) -> Any:
            packed = rnn.pack_padded_sequence(self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False)
            out, (h, _) = self.lstm(packed)
            out = rnn.pad_packed_sequence(out, batch_first=True)[0]
            return self.fc(torch.cat([h[-2], h[-1], out.amax(1)], -1))

    return Net()


# ---- a language model with tied embeddings -----------------------------------------------------


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
        logits = run.wte.attend(run.ln_f(x))  # tied
        return logits if caches is None else (logits, tuple(after))


def gpt(width: int = 12, heads: int = 3, depth: int = 2, **options: Any) -> GPT:
    mlp = layers.Sequential(layers.Linear(width, 4 * width), layers.GELU("tanh"), layers.Linear(4 * width, width))
    attn = layers.MultiheadAttention(width, heads, batch_first=True, **options)
    block = Block(layers.LayerNorm(width), attn, layers.LayerNorm(width), mlp)
    return GPT(
        layers.Embedding(17, width),
        layers.LearnedPositionalEmbedding(9, width),
        (block,) * depth,
        layers.LayerNorm(width),
    )


def torch_gpt(torch: Any) -> Any:
    nn = torch.nn

    class TorchBlock(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ln_1, self.ln_2 = nn.LayerNorm(12), nn.LayerNorm(12)
            self.attn = nn.MultiheadAttention(12, 3, batch_first=True)
            self.mlp = nn.Sequential(nn.Linear(12, 48), nn.GELU("tanh"), nn.Linear(48, 12))

        def forward(self, x: Any, mask: Any) -> Any:
            y = self.ln_1(x)
            x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask, is_causal=True)[0]
            return x + self.mlp(self.ln_2(x))

    class TorchGPT(nn.Module):
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

    return TorchGPT()


# ---- a translator ------------------------------------------------------------------------------


class Translator(layers.Layer):
    """A Transformer of an encoder and a decoder between embeddings and a head; source texts are padded with 0."""

    src_embed: layers.Embedding
    tgt_embed: layers.Embedding
    positions: layers.LearnedPositionalEmbedding
    transformer: layers.Transformer
    generator: layers.Linear

    def forward(self, run: Any, src: Any, tgt: Any) -> Any:
        hidden = src == 0
        y = run.transformer(
            run.positions(run.src_embed(src)),
            run.positions(run.tgt_embed(tgt)),
            tgt_is_causal=True,
            src_key_padding_mask=hidden,
            memory_key_padding_mask=hidden,
        )
        return run.generator(y)


def translator(norm_first: bool) -> Translator:
    return Translator(
        layers.Embedding(13, 8),
        layers.Embedding(15, 8),
        layers.LearnedPositionalEmbedding(7, 8),
        layers.Transformer(8, 2, 2, 2, 16, 0.0, "gelu", batch_first=True, norm_first=norm_first),
        layers.Linear(8, 15),
    )


def torch_translator(torch: Any, norm_first: bool) -> Any:
    nn = torch.nn

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.src_embed, self.tgt_embed, self.positions = (nn.Embedding(n, 8) for n in (13, 15, 7))
            self.transformer = nn.Transformer(8, 2, 2, 2, 16, 0.0, "gelu", batch_first=True, norm_first=norm_first)
            self.generator = nn.Linear(8, 15)

        def forward(self, src: Any, tgt: Any) -> Any:
            x, y = (
                embed(tokens) + self.positions(torch.arange(tokens.shape[1]))
                for embed, tokens in ((self.src_embed, src), (self.tgt_embed, tgt))
            )
            y = self.transformer(
                x,
                y,
                tgt_mask=nn.Transformer.generate_square_subsequent_mask(tgt.shape[1], dtype=x.dtype),
                tgt_is_causal=True,
                src_key_padding_mask=src == 0,
                memory_key_padding_mask=src == 0,
            )
            return self.generator(y)

    return Net()
