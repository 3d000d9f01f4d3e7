"""What tells attention where tokens stand: rotations of queries and keys, distances, waves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..core import Array
from ..errors import OptionError, ShapeError
from ..numpy.creation import arange
from ..numpy.elementwise import absolute, clip, cos, sin
from ..ops.create import asarray, to_inexact
from ..ops.elementwise import astype
from ..ops.precision import widened
from ..ops.shape import concat, expand_dims, stack
from .options import check_count

__all__ = [
    "LinearScaling",
    "NTKScaling",
    "RopeScaling",
    "YaRNScaling",
    "alibi_bias",
    "alibi_slopes",
    "rope_frequencies",
    "rotary_embedding",
    "sinusoidal_positions",
]


@dataclass(frozen=True)
class LinearScaling:
    """Rotary positions for texts `factor` times as long: every position is divided by it.

    Args:
        factor: how many times as long the texts are.

    >>> import funcgrad.functional as F
    >>> F.rope_frequencies(4, scaling=F.LinearScaling(4.0)).tolist()
    [0.25, 0.0025]

    Source: S. Chen and others, Extending context window of large language models via position interpolation, 2023.
    """

    factor: float


@dataclass(frozen=True)
class NTKScaling:
    """Rotary positions for texts `factor` times as long: the slowest rotation is `factor` times as slow, the fastest as
    fast as before.

    The base becomes base * factor^(D / (D - 2)).

    Args:
        factor: how many times as long the texts are.

    >>> import funcgrad.functional as F
    >>> F.rope_frequencies(4, scaling=F.NTKScaling(4.0)).round(6).tolist()
    [1.0, 0.0025]

    Source: bloc97, NTK-aware scaled RoPE, 2023; see section 3.1 of YaRN.
    """

    factor: float


@dataclass(frozen=True)
class YaRNScaling:
    """Rotary positions for texts `factor` times as long: slow rotations are slowed, fast ones stay as they are.

    A rotation that turns r times within `original_length` is divided by `factor` where r is below `slow`, left alone
    where it is above `fast`, and in between goes linearly in the number of its pair. Queries and keys are multiplied
    by 0.1 ln(factor) + 1, which sharpens the softmax.

    Args:
        factor: how many times as long the texts are.
        original_length: the longest text in training.
        fast, slow: numbers of turns (beta_fast and beta_slow).

    >>> import funcgrad.functional as F
    >>> F.rope_frequencies(4, scaling=F.YaRNScaling(4.0, original_length=4096)).round(6).tolist()
    [1.0, 0.00625]

    Source: B. Peng and others, YaRN: efficient context window extension of large language models, 2023.
    """

    factor: float
    original_length: int
    fast: float = 32.0
    slow: float = 1.0

    @property
    def sharpening(self) -> float:
        """What queries and keys are multiplied by."""
        return 0.1 * math.log(self.factor) + 1 if self.factor > 1 else 1.0


RopeScaling: TypeAlias = LinearScaling | NTKScaling | YaRNScaling
"""Ways to use rotary positions for longer texts than those in training."""


def rope_frequencies(dim: int, base: float = 10000.0, scaling: RopeScaling | None = None) -> Array:
    """By how many radians each pair of features turns from one position to the next: base^(-2 i / dim).

    Args:
        dim: D, the number of features that turn; even.
        base: the slowest pair makes a turn in about 2 pi base positions.
        scaling: for longer texts than those in training.

    Returns:
        (D / 2,), float64.

    Raises:
        OptionError: dim is odd.

    >>> import funcgrad.functional as F
    >>> F.rope_frequencies(4).tolist()
    [1.0, 0.01]
    >>> F.rope_frequencies(4, scaling=F.LinearScaling(2.0)).tolist()
    [0.5, 0.005]
    """
    if dim < 2 or dim % 2:
        raise OptionError(f"rope_frequencies: features turn in pairs: dim must be even and at least 2, not {dim}")
    if isinstance(scaling, NTKScaling) and dim > 2:
        base = base * scaling.factor ** (dim / (dim - 2))
    numbers: Any = arange(dim // 2, dtype="float64")
    plain: Any = base ** (numbers * (-2 / dim))
    if isinstance(scaling, LinearScaling):
        return plain / scaling.factor
    if isinstance(scaling, YaRNScaling):
        first, last = (_pair_of(turns, dim, base, scaling.original_length) for turns in (scaling.fast, scaling.slow))
        low, high = max(math.floor(first), 0), min(math.ceil(last), dim - 1)
        slowed: Any = clip((numbers - low) / max(high - low, 0.001), 0, 1)
        return plain * (1 - slowed) + plain / scaling.factor * slowed
    return plain


def _pair_of(turns: float, dim: int, base: float, length: int) -> float:
    """The number of the pair that makes so many turns within that length."""
    return dim * math.log(length / (turns * 2 * math.pi)) / (2 * math.log(base))


@widened
def rotary_embedding(
    x: Any,
    positions: Any = None,
    base: float = 10000.0,
    interleaved: bool = False,
    scaling: RopeScaling | None = None,
    dim: int | None = None,
) -> Array:
    """Each pair of features turned by an angle that is proportional to the position.

        (a, b) -> (a cos(t) - b sin(t), a sin(t) + b cos(t)),   t = position * base^(-2 i / D) for the i-th pair

    So the product of a query and a key depends on how far apart they are, and not on where they stand.

    Args:
        x: queries or keys, (..., L, D).
        positions: broadcasts with (..., L); 0, ..., L - 1 where None.
        base: as for `rope_frequencies`.
        interleaved: whether neighbours, features 2i and 2i + 1, are the i-th pair (GPT-J and the paper), or features i
            and i + D / 2 (GPT-NeoX, Llama in Hugging Face's files).
        scaling: for longer texts than those in training: `LinearScaling`, `NTKScaling`, `YaRNScaling`.
        dim: how many of the features turn, the first ones; D where None.

    Returns:
        An array of x's shape.

    Raises:
        ShapeError: x has fewer than two axes, or positions do not fit.
        OptionError: an odd number of features, or more than D.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.rotary_embedding(fnp.asarray([[1.0, 0.0], [1.0, 0.0]])).round(3)
    Array([[1.   , 0.   ],
           [0.54 , 0.841]], dtype=float32)

    Source: J. Su and others, RoFormer: enhanced transformer with rotary position embedding, 2021.
    """
    x = to_inexact(x)
    if x.ndim < 2:
        raise ShapeError(f"rotary_embedding: x must be (..., L, D), not {x.aval}")
    length, size = x.shape[-2:]
    dim = size if dim is None else dim
    if dim > size:
        raise OptionError(f"rotary_embedding: dim={dim} features of x {x.aval} cannot turn, it has {size}")
    if positions is None:
        places: Any = arange(length, device=x.device)
    else:
        places = asarray(positions, device=None if isinstance(positions, Array) else x.device)
        if places.ndim and places.shape[-1] not in (1, length):
            raise ShapeError(f"rotary_embedding: positions {places.aval} must broadcast with (..., L) of x {x.aval}")
    frequencies = rope_frequencies(dim, base, scaling).to_device(x.device)
    # in float64: at position 100000 float32 is 0.004 radians off, and every further bit of the position is lost
    angles: Any = expand_dims(astype(places, "float64"), places.ndim) * frequencies
    factor = scaling.sharpening if isinstance(scaling, YaRNScaling) else 1.0
    cosine, sine = (astype(f(angles) * factor, x.dtype) for f in (cos, sin))
    turning = x if dim == size else x[..., :dim]
    if interleaved:
        a, b = turning[..., 0::2], turning[..., 1::2]
        turned: Any = stack([a * cosine - b * sine, a * sine + b * cosine], axis=x.ndim)
        turned = turned.reshape((*turned.shape[:-2], dim))
    else:
        a, b = turning[..., : dim // 2], turning[..., dim // 2 :]
        turned = concat(a * cosine - b * sine, a * sine + b * cosine, axis=x.ndim - 1)
    if turned.shape[:-1] != x.shape[:-1]:
        raise ShapeError(f"rotary_embedding: positions {places.aval} have more axes than x {x.aval}")
    return turned if dim == size else concat(turned, x[..., dim:], axis=x.ndim - 1)


def alibi_slopes(num_heads: int) -> Array:
    """How fast each head's attention falls with distance: 2^(-8 h / H) for h = 1, ..., H.

    Where H is no power of two, those of the largest power below it, and between them every second one of twice as many.

    Args:
        num_heads: H.

    Returns:
        (H,).

    >>> import funcgrad.functional as F
    >>> F.alibi_slopes(8).tolist()
    [0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, 0.0078125, 0.00390625]

    Source: O. Press and others, Train short, test long, 2021.
    """
    check_count("alibi_slopes", "num_heads", num_heads)
    whole = 1 << (num_heads.bit_length() - 1)
    slopes = [2 ** (-8 * (h + 1) / whole) for h in range(whole)]
    slopes += [2 ** (-8 * (h + 1) / (2 * whole)) for h in range(0, 2 * (num_heads - whole), 2)]
    return to_inexact(slopes)


def alibi_bias(num_heads: int, length: int, keys: int | None = None) -> Array:
    """What ALiBi adds to the scores: -slope |i - j| for the query at i and the key at j.

    Args:
        num_heads: H.
        length: L, the number of queries, which are the last of the keys.
        keys: S; L where None.

    Returns:
        (H, L, S), the attn_mask of `scaled_dot_product_attention`.

    >>> import funcgrad.functional as F
    >>> F.alibi_bias(1, 2, 3)
    Array([[[-0.00390625, -0.        , -0.00390625],
            [-0.0078125 , -0.00390625, -0.        ]]], dtype=float32)

    Source: as of `alibi_slopes`.
    """
    keys = length if keys is None else keys
    slopes: Any = alibi_slopes(num_heads)
    distance: Any = expand_dims(arange(length) + (keys - length), 1) - arange(keys)
    return -slopes.reshape((num_heads, 1, 1)) * astype(absolute(distance), slopes.dtype)


def sinusoidal_positions(positions: Any, dim: int, base: float = 10000.0) -> Array:
    """A vector for each position, made of waves: sin and cos of position * base^(-2 i / dim) in turns.

    Args:
        positions: (...), or the number of them, for 0, 1, ...
        dim: D, the size of the vectors.
        base: the slowest wave is about 2 pi base positions long.

    Returns:
        (..., D), of the default float.

    Raises:
        OptionError: dim is below 1.

    >>> import funcgrad.functional as F
    >>> F.sinusoidal_positions(2, 4).round(3)
    Array([[0.   , 1.   , 0.   , 1.   ],
           [0.841, 0.54 , 0.01 , 1.   ]], dtype=float32)

    Source: A. Vaswani and others, Attention is all you need, 2017, section 3.5.
    """
    check_count("sinusoidal_positions", "dim", dim)
    places: Any = arange(positions) if isinstance(positions, int) else asarray(positions)
    angles: Any = expand_dims(astype(places, "float64"), places.ndim) * rope_frequencies(dim + dim % 2, base).to_device(
        places.device
    )
    waves: Any = stack([sin(angles), cos(angles)], axis=angles.ndim)
    waves = waves.reshape((*places.shape, dim + dim % 2))[..., :dim]
    return astype(waves, to_inexact(0).dtype)
