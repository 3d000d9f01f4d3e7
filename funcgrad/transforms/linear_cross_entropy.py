"""The cross-entropy of a linear map's output, some rows at a time.

It is a loop that computes again, a `scan`, so `functional`, from further left, cannot import it; the top of the package
sets `functional.linear_cross_entropy` there.
"""

from __future__ import annotations

from math import prod
from typing import Any

from ..core import Array
from ..dtypes import is_integer
from ..errors import OptionError, ShapeError
from ..functional.linear import linear
from ..functional.losses import cross_entropy
from ..functional.reduction import Reduction, check_reduction, reduced_by_count
from ..numpy.creation import asarray
from ..numpy.elementwise import where as choose
from ..numpy.manipulation import concatenate
from ..ops.create import to_inexact
from ..ops.index import gather
from ..ops.precision import widened
from .scan import scan

__all__ = ["linear_cross_entropy"]

_MOST = 1 << 22
"""How many logits there are at a time; products of so many are as fast as they get."""


@widened
def linear_cross_entropy(
    input: Any,
    linear_weight: Any,
    target: Any,
    *,
    linear_bias: Any = None,
    weight: Any = None,
    reduction: Reduction = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    chunk_size: int | None = None,
) -> Array:
    """`cross_entropy(linear(input, linear_weight, linear_bias), target)`, without holding all logits at once.

    The logits of a language model, (tokens, words), are often its largest array. Here they are computed for some rows
    at a time, and in the backward pass again: memory for one such part, and one product more.

    Args:
        input: (..., D).
        linear_weight: (D, C), the transpose of PyTorch's; of a tied embedding its `.T`.
        target: integers (...), the class of each row, or floats (..., C), the probabilities of the classes.
        linear_bias: (C,), or None.
        weight, reduction, ignore_index, label_smoothing: as for `cross_entropy`.
        chunk_size: how many rows at a time; by default as many as have four million logits.

    Returns:
        One number, or one a row with reduction="none".

    Raises:
        ShapeError, ArrayIndexError: as for `linear` and `cross_entropy`.
        OptionError: the chunk size is not above 0.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> x, w = fnp.asarray([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), fnp.asarray([[2.0, 0.0], [0.0, 1.0]])
    >>> round(float(F.linear_cross_entropy(x, w, fnp.asarray([0, 1, 0]), chunk_size=2)), 4)
    0.2512
    """
    check_reduction("linear_cross_entropy", reduction)
    x, w, t = to_inexact(input), to_inexact(linear_weight), asarray(target)
    if not x.ndim or w.ndim != 2:
        raise ShapeError(
            f"linear_cross_entropy: input must be (..., D) and linear_weight (D, C); got {x.aval} and {w.aval}"
        )
    outer, classes = x.shape[:-1], w.shape[1]
    wanted = outer if is_integer(t.dtype) else (*outer, classes)
    if t.shape != wanted:
        raise ShapeError(f"linear_cross_entropy: for input {x.aval} the target must be {wanted}, not {t.aval}")
    size = max(1, _MOST // max(classes, 1)) if chunk_size is None else chunk_size
    if size < 1:
        raise OptionError(f"linear_cross_entropy: chunk_size must be above 0, not {chunk_size!r}")

    def losses_of(rows: Any, targets: Any) -> Any:
        logits = linear(rows, w, linear_bias)
        return cross_entropy(logits, targets, weight, ignore_index, "none", label_smoothing)

    count = prod(outer)
    if count <= size:
        losses = losses_of(x, t)
    else:
        rows, targets = x.reshape((count, -1)), t.reshape((count, *wanted[len(outer) :]))
        full = count // size * size
        parts = [a[:full].reshape((count // size, size, *a.shape[1:])) for a in (rows, targets)]
        _, found = scan(lambda _, part: (None, losses_of(*part)), None, tuple(parts))
        losses = found.reshape((full,))
        if full < count:
            losses = concatenate([losses, losses_of(rows[full:], targets[full:])])
        losses = losses.reshape(outer)
    if not is_integer(t.dtype):
        return reduced_by_count(losses, None, None, reduction)
    counts = None if ignore_index is None else t != ignore_index
    share = None if weight is None else gather(to_inexact(weight), t if counts is None else choose(counts, t, 0))
    return reduced_by_count(losses, share, counts, reduction)
