"""Sequences of different lengths in one array, and what of it counts.

There is no packed form of them: an array of equal rows is what loops and products are fast on. Pad them, and tell
`layers.LSTM` and its like the lengths: outputs, final states and gradients are then those of each sequence by itself.

    x, lengths = F.pad_sequence(sequences), [len(s) for s in sequences]
    out, hx = model(params, x, lengths=lengths)
    outs = F.unpad_sequence(out, lengths)
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from ..core import Array
from ..dtypes import is_integer
from ..errors import ArrayIndexError, DtypeError, OptionError, ShapeError
from ..numpy.creation import full
from ..numpy.elementwise import where
from ..numpy.manipulation import concat, expand_dims, stack
from ..numpy.reductions import max as max_
from ..ops.create import asarray, promote_all
from ..ops.index import gather
from ..rules import iota

__all__ = ["pad_sequence", "sequence_mask", "unpad_sequence"]


def pad_sequence(
    sequences: Sequence[Any], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Array:
    """Sequences of different lengths as one array, as long as the longest.

    Args:
        sequences: arrays (L_i, ...) that differ in their first size alone.
        batch_first: (N, L, ...) instead of (L, N, ...).
        padding_value: what stands beyond a sequence's end.
        padding_side: "right", behind the end, or "left", in front of the beginning.

    Returns:
        (L, N, ...) with L the greatest length, or (N, L, ...).

    Raises:
        ShapeError: there are no sequences, or they differ in more than their length.
        OptionError: another padding_side.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.pad_sequence([fnp.asarray([1.0, 2.0]), fnp.asarray([3.0])], batch_first=True).tolist()
    [[1.0, 2.0], [3.0, 0.0]]
    """
    if padding_side not in ("left", "right"):
        raise OptionError(f"pad_sequence: padding_side must be 'left' or 'right', not {padding_side!r}")
    if not len(sequences):
        raise ShapeError("pad_sequence: there are no sequences")
    rows = promote_all(list(sequences))
    for row in rows:
        if not row.ndim or row.shape[1:] != rows[0].shape[1:]:
            raise ShapeError(f"pad_sequence: sequences must differ in their length alone: {rows[0].aval}, {row.aval}")
    longest = max(row.shape[0] for row in rows)

    def padded(row: Array) -> Array:
        if row.shape[0] == longest:
            return row
        beyond = full((longest - row.shape[0], *row.shape[1:]), padding_value, row.dtype, device=row.device)
        return concat([row, beyond] if padding_side == "right" else [beyond, row])

    return stack([padded(row) for row in rows], axis=0 if batch_first else 1)


def unpad_sequence(padded_sequences: Any, lengths: Any, batch_first: bool = False) -> list[Array]:
    """The sequences of an array that `pad_sequence` made with padding on the right.

    Args:
        padded_sequences: (L, N, ...), or (N, L, ...).
        lengths: N integers, whose values decide the shapes.
        batch_first: the sequences are the rows.

    Returns:
        N arrays (L_i, ...).

    Raises:
        ShapeError: there is not one length for each sequence, or one is above L.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> [x.tolist() for x in F.unpad_sequence(fnp.asarray([[1.0, 2.0], [3.0, 0.0]]), [2, 1], batch_first=True)]
    [[1.0, 2.0], [3.0]]
    """
    x = asarray(padded_sequences)
    counts = [operator.index(n) for n in lengths]
    if x.ndim < 2 or x.shape[0 if batch_first else 1] != len(counts):
        raise ShapeError(f"unpad_sequence: {len(counts)} lengths do not fit {x.aval}, batch_first={batch_first}")
    longest = x.shape[1 if batch_first else 0]
    if counts and not 0 <= min(counts) <= max(counts) <= longest:
        raise ShapeError(f"unpad_sequence: lengths must be between 0 and {longest}, not {counts}")
    return [x[i, :n] if batch_first else x[:n, i] for i, n in enumerate(counts)]


def within(name: str, counts: Any, most: int) -> Any:
    """Integers as they are; an error, also in a program, if one of them is below 0 or beyond the most there can be."""
    if not is_integer(counts.dtype):
        raise DtypeError(f"{name} must be integers, not {counts.aval}")
    try:
        return gather(iota(most + 1, counts), where(counts < 0, most + 1, counts))
    except ArrayIndexError:
        raise ArrayIndexError(f"{name} must be between 0 and {most}") from None


def sequence_mask(lengths: Any, maxlen: int | None = None) -> Array:
    """Which places lie within each sequence: mask[..., k] = k < lengths[...].

    Args:
        lengths: (...), integers.
        maxlen: the size of the new last axis; the greatest length where None, a value that decides the shape.

    Returns:
        (..., maxlen), booleans. For `scaled_dot_product_attention` write `mask[:, None, None, :]`.

    Raises:
        DtypeError: the lengths are no integers.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.sequence_mask([1, 3], 4).astype(int).tolist()
    [[1, 0, 0, 0], [1, 1, 1, 0]]
    """
    lengths = asarray(lengths)
    if not is_integer(lengths.dtype):
        raise DtypeError(f"sequence_mask: lengths must be integers, not {lengths.aval}")
    if maxlen is None:
        maxlen = max(int(max_(lengths)), 0) if lengths.size else 0
    places: Any = iota(operator.index(maxlen), lengths)
    return places < expand_dims(lengths, axis=-1)
