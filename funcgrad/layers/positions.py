"""Layers that tell attention where tokens stand; `functional` says what they compute."""

from __future__ import annotations

from typing import Any

from ..errors import OptionError, ShapeError
from ..functional import RopeScaling, alibi_bias, rotary_embedding, sinusoidal_positions
from ..ops.create import to_inexact
from ..ops.elementwise import astype
from .initializers import Initializer, normal
from .layer import Layer, Run

__all__ = ["ALiBi", "LearnedPositionalEmbedding", "RotaryEmbedding", "SinusoidalPositionalEncoding"]


class RotaryEmbedding(Layer):
    """Pairs of features turned by an angle that is proportional to the position: `functional.rotary_embedding`.

    Args:
        dim: how many features turn, the first ones; even.
        base: the slowest pair makes a turn in about 2 pi base positions.
        interleaved: whether neighbours are pairs, or the two halves.
        scaling: for longer texts than those in training.

    Called with:
        x: queries or keys, (..., L, D).
        positions: broadcasts with (..., L); 0, ..., L - 1 where None.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.RotaryEmbedding(2)({}, fnp.asarray([[1.0, 0.0], [1.0, 0.0]])).round(3)
    Array([[1.   , 0.   ],
           [0.54 , 0.841]], dtype=float32)
    """

    dim: int
    base: float = 10000.0
    interleaved: bool = False
    scaling: RopeScaling | None = None

    def __post_init__(self) -> None:
        if self.dim < 2 or self.dim % 2:
            raise OptionError(f"RotaryEmbedding: features turn in pairs: dim must be even, not {self.dim}")

    def forward(self, run: Run, x: Any, positions: Any = None) -> Any:
        x = to_inexact(x)
        if x.ndim < 2 or x.shape[-1] < self.dim:
            raise ShapeError(f"expected (..., L, D) with D at least {self.dim}, got {x.shape}")
        return rotary_embedding(x, positions, self.base, self.interleaved, self.scaling, self.dim)


class SinusoidalPositionalEncoding(Layer):
    """x + waves of the positions: `functional.sinusoidal_positions`.

    Args:
        dim: D, the size of a token.
        base: the slowest wave is about 2 pi base positions long.

    Called with:
        x: tokens, (..., L, D).
        positions: broadcasts with (..., L); 0, ..., L - 1 where None.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.SinusoidalPositionalEncoding(2)({}, fnp.zeros((2, 2))).round(3)
    Array([[0.   , 1.   ],
           [0.841, 0.54 ]], dtype=float32)
    """

    dim: int
    base: float = 10000.0

    def forward(self, run: Run, x: Any, positions: Any = None) -> Any:
        x = _tokens(x, self.dim)
        waves = sinusoidal_positions(x.shape[-2] if positions is None else positions, self.dim, self.base)
        return x + astype(waves.to_device(x.device), x.dtype)


class LearnedPositionalEmbedding(Layer):
    """x + a learned vector for each position.

    Args:
        num_embeddings: how many positions there are.
        embedding_dim: D, the size of a token.
        weight_init: by default normal values of deviation 0.02, as in GPT-2 and BERT.

    Parameters:
        weight: (num_embeddings, D).

    Called with:
        x: tokens, (..., L, D).
        positions: broadcasts with (..., L); 0, ..., L - 1 where None.

    Raises:
        ShapeError: when called: more tokens than positions.

    >>> from funcgrad import layers, numpy as fnp
    >>> params = {"weight": fnp.asarray([[1.0], [2.0], [3.0]])}
    >>> layers.LearnedPositionalEmbedding(3, 1)(params, fnp.zeros((2, 1))).tolist()
    [[1.0], [2.0]]

    Source: J. Gehring and others, Convolutional sequence to sequence learning, 2017.
    """

    num_embeddings: int
    embedding_dim: int
    weight_init: Initializer | None = None

    def parameters(self, key: Any) -> dict[str, Any]:
        init = self.weight_init or normal(0.02)
        return {"weight": init(key, (self.num_embeddings, self.embedding_dim))}

    def forward(self, run: Run, x: Any, positions: Any = None) -> Any:
        x = _tokens(x, self.embedding_dim)
        length = x.shape[-2]
        if positions is not None:
            return x + run.weight[positions]
        if length > self.num_embeddings:
            raise ShapeError(f"expected at most {self.num_embeddings} tokens, got {x.shape}")
        return x + run.weight[:length]


class ALiBi(Layer):
    """Scores of attention less what grows with the distance: `functional.alibi_bias`.

    Args:
        num_heads: H.

    Called with:
        scores: (..., H, L, S), queries being the last L of the S tokens. For attention in one call,
            `scaled_dot_product_attention(q, k, v, functional.alibi_bias(num_heads, L))`.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.ALiBi(1)({}, fnp.zeros((1, 2, 2))).tolist()
    [[[0.0, -0.00390625], [-0.00390625, 0.0]]]
    """

    num_heads: int

    def forward(self, run: Run, scores: Any) -> Any:
        scores = to_inexact(scores)
        if scores.ndim < 3 or scores.shape[-3] != self.num_heads:
            raise ShapeError(f"expected (..., {self.num_heads}, L, S), got {scores.shape}")
        bias = alibi_bias(self.num_heads, *scores.shape[-2:])
        return scores + astype(bias.to_device(scores.device), scores.dtype)


def _tokens(x: Any, size: int) -> Any:
    x = to_inexact(x)
    if x.ndim < 2 or x.shape[-1] != size:
        raise ShapeError(f"expected (..., L, {size}), got {x.shape}")
    return x
