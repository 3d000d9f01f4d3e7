"""How a window moves over images: strides, dilations and paddings as users write them.

Inside, a padding is one pair (low, high) an axis.
"""

from __future__ import annotations

import operator
from typing import Any, Literal, TypeAlias

from ..core import Array
from ..errors import ShapeError
from ..kernels.convolution import conv_output_sizes

__all__ = [
    "Padding",
    "Sizes",
    "pairs",
    "per_axis",
    "window_counts",
]

Sizes: TypeAlias = int | tuple[int, ...]
Padding: TypeAlias = int | tuple[Any, ...] | list[Any] | Literal["SAME", "VALID", "same", "valid"]


def per_axis(name: str, option: str, value: Any, rank: int, least: int = 1) -> tuple[int, ...]:
    """An int for all spatial axes, or one an axis."""
    try:
        if isinstance(value, tuple | list):
            found = tuple(operator.index(v) for v in value)
        else:
            found = (operator.index(value),) * rank
    except TypeError:
        found = ()
    if len(found) != rank or min(found) < least:
        raise ShapeError(
            f"{name}: {option} must be an int, or {rank} ints, one a spatial axis, of at least {least}; got {value!r}"
        )
    return found


def pairs(
    name: str,
    padding: Any,
    spatial: tuple[int, ...],
    window: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> tuple[tuple[int, int], ...]:
    """A padding as one pair (low, high) an axis.

    "SAME" gives ceil(size / stride) windows along each axis, the odd one of the padding at the high side; "VALID" is
    no padding. Small letters, as PyTorch has them, are the same.
    """
    rank = len(spatial)
    padding = padding.upper() if isinstance(padding, str) else padding
    if padding == "VALID":
        return ((0, 0),) * rank
    if padding == "SAME":
        found = []
        for n, k, s, d in zip(spatial, window, stride, dilation, strict=True):
            total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            found.append((total // 2, total - total // 2))
        return tuple(found)
    try:
        entries = padding if isinstance(padding, tuple | list) else (operator.index(padding),) * rank
        both = [e if isinstance(e, tuple | list) else (e, e) for e in entries]
        found = [(operator.index(low), operator.index(high)) for low, high in both]
    except (TypeError, ValueError):
        found = []
    if len(found) != rank or any(min(pair) < 0 for pair in found):
        raise ShapeError(
            f"{name}: padding must be 'SAME', 'VALID', an int, or for each of {rank} spatial axes an int or a pair "
            f"(low, high), none negative; got {padding!r}"
        )
    return tuple(found)


def window_counts(
    name: str, x: Array, spatial: tuple[int, ...], window: tuple[int, ...], **moves: Any
) -> tuple[int, ...]:
    """How many windows fit along each axis; the error shows x as the user passed it."""
    try:
        return conv_output_sizes(spatial, window, **moves)
    except ValueError as error:
        raise ShapeError(f"{name}: {error}; the input is {x.aval}") from None
