"""Connectionist temporal classification: the likelihood of a text, whatever its letters' times.

It is a loop over time, a `scan`, so `functional`, from further left, cannot import it; the top of the package sets
`functional.ctc_loss` there.
"""

from __future__ import annotations

import math
from typing import Any

from ..core import Array
from ..dtypes import is_integer
from ..errors import DtypeError, OptionError, ShapeError
from ..functional.reduction import Reduction, check_reduction, reduced
from ..functional.sequences import within
from ..numpy.creation import arange, asarray, full
from ..numpy.elementwise import logaddexp, maximum
from ..numpy.elementwise import where as choose
from ..numpy.indexing import take_along_axis
from ..numpy.manipulation import broadcast_to, concatenate
from ..ops.create import to_inexact
from ..ops.elementwise import astype
from ..ops.index import gather
from ..ops.precision import widened
from .scan import scan

__all__ = ["alignments", "ctc_loss"]

_NOTHING = -1e30
"""The logarithm of no probability; finite, so that no derivative is of infinity minus infinity."""


def alignments(
    log_probs: Any, labels: Any, live: Any, blank: int, nothing: float, keep: bool = False
) -> tuple[Any, Any, Any]:
    """The probabilities of all alignments of the first n labels with the frames so far, as logarithms.

        blank[t, n] = (blank[t-1, n] + label[t-1, n]) p(blank at t)
        label[t, n] = (label[t-1, n] + blank[t-1, n-1] + label[t-1, n-1] unless it is the same label) p(label n at t)

    Args:
        log_probs: (T, B, C).
        labels: (B, N) classes.
        live: (T, B), False for frames that are none.
        blank: the class that stands for no label.
        nothing: the logarithm of 0, where it begins.
        keep: whether the values of all frames are wanted.

    Returns:
        The logarithms of the probabilities of the first n labels after all frames, (B, N + 1), and of `keep` those
        that end in a blank, (T, B, N + 1), and in label n, (T, B, N); None without it.
    """
    batch, count = labels.shape
    blank = blank % log_probs.shape[-1]
    index = broadcast_to(labels, (log_probs.shape[0], batch, count))
    of_labels = take_along_axis(log_probs, index, -1)
    of_blank = log_probs[..., blank : blank + 1]
    same = labels[:, 1:] == labels[:, :-1]
    dtype, device = log_probs.dtype, log_probs.device
    none = full((batch, 1), nothing, dtype, device=device)
    first = concatenate([none * 0, full((batch, count), nothing, dtype, device=device)], 1)

    def ended(blanks: Any, others: Any) -> Any:
        return concatenate([blanks[:, :1], logaddexp(blanks[:, 1:], others)], 1)

    def step(carry: Any, frame: Any) -> Any:
        blanks, others = carry
        on_blank, on_label, counts = frame
        whole = ended(blanks, others)  # of n labels, whatever the last frame was
        before = whole[:, :-1]
        if count > 1:  # between two equal labels there must be a blank
            before = concatenate([before[:, :1], choose(same, blanks[:, 1:-1], before[:, 1:])], 1)
        now = choose(counts, whole + on_blank, blanks), choose(counts, logaddexp(others, before) + on_label, others)
        return now, now if keep else None

    start = first, first[:, 1:]
    (blanks, others), kept = scan(step, start, (of_blank, of_labels, live[..., None]))
    return ended(blanks, others), *(kept if keep else (None, None))


@widened
def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: Reduction = "mean",
    zero_infinity: bool = False,
) -> Array:
    """The negative log-likelihood of texts under the probabilities of each frame, summed over all alignments.

    An alignment names a class for each frame; equal classes in a row are read as one label, and blanks not at all.

    Args:
        log_probs: (T, N, C), logarithms of the probabilities of C classes at each of T frames, or (T, C) for one
            example.
        targets: integers: (N, S), rows of labels of which the first `target_lengths` count; or all labels of all
            examples one behind the other, (sum of the lengths,), whose largest length is then asked for; (S,) for one
            example.
        input_lengths: (N,), how many frames each example has, or one number for all.
        target_lengths: (N,), how many labels each example has, or one number for all.
        blank: the class that stands for no label.
        reduction: "mean" divides each loss by the number of its labels (at least 1) before it takes the mean, as
            PyTorch does; "sum" or "none".
        zero_infinity: take 0 for the loss of a text that is too long for its frames, infinity otherwise. Its
            derivative is 0 in both cases.

    Returns:
        One number, or (N,) with reduction="none".

    Raises:
        ShapeError: the shapes do not fit.
        OptionError: the blank is no class.
        ArrayIndexError: a length is beyond the frames or the labels, or a label is no class.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> log_probs = fnp.log(fnp.asarray([[0.5, 0.5], [0.5, 0.5]]))   # the text "1" is read from 11, 01 and 10
    >>> round(float(fnp.exp(-F.ctc_loss(log_probs, fnp.asarray([1]), 2, 1))), 4)
    0.75

    Source: A. Graves and others, Connectionist temporal classification, 2006.
    """
    check_reduction("ctc_loss", reduction)
    scores, labels = to_inexact(log_probs), asarray(targets)
    single = scores.ndim == 2
    if single:
        scores = scores[:, None]
    if scores.ndim != 3:
        raise ShapeError(f"ctc_loss: log_probs must be (T, N, C), or (T, C) for one example; got {scores.aval}")
    frames, batch, classes = scores.shape
    if not -classes <= blank < classes:
        raise OptionError(f"ctc_loss: blank must be one of the {classes} classes, not {blank}")
    if not is_integer(labels.dtype):
        raise DtypeError(f"ctc_loss: targets must be integers, the labels, not {labels.aval}")
    many = _lengths("target_lengths", target_lengths, batch)
    if single and labels.ndim == 1:
        labels = labels[None]
    labels = _padded(labels, many, batch)
    own = arange(labels.shape[1], device=labels.device) < many[:, None]
    labels = choose(own, choose(labels < 0, classes, labels), blank % classes)
    long = within("ctc_loss: input_lengths", _lengths("input_lengths", input_lengths, batch), frames)
    many = within("ctc_loss: target_lengths", many, labels.shape[1])
    live = arange(frames, device=labels.device)[:, None] < long
    whole, _, _ = alignments(scores, labels, live, blank, _NOTHING)
    losses: Any = -take_along_axis(whole, many[:, None], 1)[:, 0]
    possible = losses < -0.1 * _NOTHING
    losses = choose(possible, losses, 0.0 if zero_infinity else math.inf)
    if reduction == "mean":
        losses = losses / astype(maximum(many, 1), losses.dtype)
    return losses[0] if single and reduction == "none" else reduced(losses, reduction)


def _lengths(name: str, lengths: Any, batch: int) -> Any:
    found = asarray(lengths)
    if not is_integer(found.dtype):
        raise DtypeError(f"ctc_loss: {name} must be integers, not {found.aval}")
    if found.shape not in ((), (1,), (batch,)):
        raise ShapeError(f"ctc_loss: {name} must be one for each of {batch} examples, not {found.aval}")
    return astype(broadcast_to(found, (batch,)), "int64")


def _padded(labels: Any, lengths: Any, batch: int) -> Any:
    """Labels as rows, made of one row of all of them if need be."""
    if labels.ndim == 2 and labels.shape[0] == batch:
        return labels
    if labels.ndim != 1:
        raise ShapeError(f"ctc_loss: targets must be ({batch}, S), or all labels in one row; got {labels.aval}")
    most = int(lengths.max()) if batch else 0
    place = (lengths.cumsum() - lengths)[:, None] + arange(most, device=labels.device)
    return gather(labels, choose(arange(most, device=labels.device) < lengths[:, None], place, 0))
