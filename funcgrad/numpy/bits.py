"""Bits of bytes as elements, and elements as bits of bytes."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..core import Array
from ..dtypes import is_boolean, is_integer
from ..errors import DtypeError, OptionError
from ..ops.create import asarray
from ..ops.elementwise import astype, bitwise_and, bitwise_right_shift
from ..ops.shape import normalize_axis, pad
from ..rules import move_axis
from .elementwise import not_equal
from .manipulation import ravel
from .reductions import sum

__all__ = ["packbits", "unpackbits"]


def _shifts(bitorder: str, beside: Array, name: str) -> Any:
    """By how much each of eight bits is shifted."""
    if bitorder not in ("big", "little"):
        raise OptionError(f"{name}: bitorder must be 'big' or 'little', not {bitorder!r}")
    found = np.arange(8, dtype=np.uint8)
    return asarray(found if bitorder == "little" else found[::-1].copy(), device=beside.device)


def packbits(a: Any, axis: int | None = None, bitorder: str = "big") -> Array:
    """Eight elements along an axis as one byte, whose bits say which of them are not zero.

    Args:
        a: booleans or integers.
        axis: along which; the raveled array where None. It is filled up with zeros.
        bitorder: whether the first element is the highest ("big") or the lowest bit ("little").

    Returns:
        uint8.

    >>> from funcgrad import numpy as fnp
    >>> fnp.packbits(fnp.asarray([1, 0, 1, 0, 0, 0, 0, 0, 1]))
    Array([160, 128], dtype=uint8)
    """
    x = ravel(a) if axis is None else asarray(a)
    if not (is_boolean(x.dtype) or is_integer(x.dtype)):
        raise DtypeError(f"packbits: the bits must be booleans or integers, not {x.aval}")
    found = normalize_axis(0 if axis is None else axis, x.ndim, "packbits")
    bits: Any = move_axis(astype(not_equal(x, 0), "uint8"), found, x.ndim - 1)
    n = -(-bits.shape[-1] // 8)
    bits = pad(bits, widths=((0, 0),) * (bits.ndim - 1) + ((0, 8 * n - bits.shape[-1]),))
    bits = bits.reshape((*bits.shape[:-1], n, 8)) << _shifts(bitorder, x, "packbits")
    return move_axis(sum(bits, -1, dtype="uint8"), x.ndim - 1, found)


def unpackbits(a: Any, axis: int | None = None, count: int | None = None, bitorder: str = "big") -> Array:
    """The bits of bytes as elements 0 and 1, along an axis.

    Args:
        a: uint8.
        axis: along which; the raveled array where None.
        count: how many to return: the first ones, all but so many if negative, with zeros behind if there are fewer.
        bitorder: whether the first element is the highest ("big") or the lowest bit ("little").

    Returns:
        uint8.

    >>> from funcgrad import numpy as fnp
    >>> fnp.unpackbits(fnp.asarray([160], dtype="uint8"), count=4)
    Array([1, 0, 1, 0], dtype=uint8)
    """
    x: Any = ravel(a) if axis is None else asarray(a)
    if x.dtype != np.uint8:
        raise DtypeError(f"unpackbits: the bytes must be uint8, not {x.aval}")
    found = normalize_axis(0 if axis is None else axis, x.ndim, "unpackbits")
    moved = move_axis(x, found, x.ndim - 1)
    bits: Any = bitwise_and(bitwise_right_shift(moved[..., None], _shifts(bitorder, x, "unpackbits")), 1)
    bits = bits.reshape((*moved.shape[:-1], 8 * moved.shape[-1]))
    if count is not None:
        n = operator.index(count)
        bits = bits[..., :n]
        if n > bits.shape[-1]:
            bits = pad(bits, widths=((0, 0),) * (bits.ndim - 1) + ((0, n - bits.shape[-1]),))
    return move_axis(bits, x.ndim - 1, found)
