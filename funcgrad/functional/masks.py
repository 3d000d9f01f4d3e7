"""Masks for attention: booleans that are True where a query may see a key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import Array
from ..dtypes import is_boolean, is_integer
from ..errors import DtypeError, ShapeError
from ..numpy.creation import arange
from ..numpy.elementwise import logical_and
from ..ops.create import asarray
from ..ops.shape import expand_dims

__all__ = ["combine_masks", "make_attention_mask", "make_causal_mask", "make_padding_mask"]


def make_attention_mask(
    query_input: Any, key_input: Any, pairwise_fn: Callable[[Any, Any], Any] = logical_and
) -> Array:
    """Which query may see which key, from what is said of each query and of each key.

    Args:
        query_input: (..., L), such as True where there is a token and not padding.
        key_input: (..., S).
        pairwise_fn: of a query's value and a key's; `fnp.equal` for the numbers of the documents that tokens belong to.

    Returns:
        Booleans (..., 1, L, S), whose axis of size 1 broadcasts with heads.

    Raises:
        ShapeError: an input without an axis of tokens.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.make_attention_mask(fnp.asarray([1, 1, 2]), fnp.asarray([1, 1, 2]), fnp.equal)[0]
    Array([[ True,  True, False],
           [ True,  True, False],
           [False, False,  True]], dtype=bool)

    Source: the name and arguments are Flax's.
    """
    queries, keys = asarray(query_input), asarray(key_input)
    for role, x in (("query_input", queries), ("key_input", keys)):
        if not x.ndim:
            raise ShapeError(f"make_attention_mask: {role} must be (..., length), not {x.aval}")
    seen: Any = asarray(pairwise_fn(expand_dims(queries, queries.ndim), expand_dims(keys, keys.ndim - 1)))
    seen = seen if is_boolean(seen.dtype) else seen != 0
    return expand_dims(seen, seen.ndim - 2)


def make_causal_mask(x: Any) -> Array:
    """The mask by which each token sees itself and those before it.

    Args:
        x: (..., L); its values do not matter.

    Returns:
        Booleans (..., 1, L, L). `scaled_dot_product_attention` has is_causal=True, which costs less.

    Raises:
        ShapeError: x has no axis of tokens.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.make_causal_mask(fnp.zeros(3))[0]
    Array([[ True, False, False],
           [ True,  True, False],
           [ True,  True,  True]], dtype=bool)
    """
    tokens = asarray(x)
    if not tokens.ndim:
        raise ShapeError(f"make_causal_mask: x must be (..., length), not {tokens.aval}")
    places: Any = arange(tokens.shape[-1], device=tokens.device)
    places = places.broadcast_to(tokens.shape)
    return make_attention_mask(places, places, lambda query, key: query >= key)


def make_padding_mask(lengths: Any, max_length: int) -> Array:
    """True for the tokens of each sequence, False for the padding behind them.

    Args:
        lengths: how many tokens each sequence has, integers (...).
        max_length: L, the length that all are padded to.

    Returns:
        Booleans (..., L). `make_attention_mask(mask, mask)` makes a mask for attention of it; the layers of PyTorch's
        names have PyTorch's key_padding_mask, which is the opposite: ~mask.

    Raises:
        DtypeError: lengths are no integers.

    >>> import funcgrad.functional as F
    >>> F.make_padding_mask([1, 3], 3)
    Array([[ True, False, False],
           [ True,  True,  True]], dtype=bool)
    """
    lengths = asarray(lengths)
    if not is_integer(lengths.dtype):
        raise DtypeError(f"make_padding_mask: lengths are integers, not {lengths.aval}")
    places: Any = arange(max_length, device=lengths.device)
    return places < expand_dims(lengths, lengths.ndim)


def combine_masks(*masks: Any) -> Array | None:
    """The mask that lets a query see a key where all of these do.

    Args:
        *masks: booleans that broadcast; None says nothing.

    Returns:
        Booleans, or None where there is no mask.

    Raises:
        DtypeError: a mask that is not of booleans: those of floats are added.

    >>> import funcgrad.functional as F
    >>> F.combine_masks([[True, True], [True, False]], None, [False, True])
    Array([[False,  True],
           [False, False]], dtype=bool)

    Source: the name is Flax's.
    """
    found: Any = None
    for mask in masks:
        if mask is None:
            continue
        mask = asarray(mask)
        if not is_boolean(mask.dtype):
            raise DtypeError(f"combine_masks: masks hold booleans, not {mask.aval}; those of floats are added")
        found = mask if found is None else found & mask
    return found
