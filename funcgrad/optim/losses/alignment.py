"""Connectionist temporal classification, as optax has it: paddings instead of lengths."""

from __future__ import annotations

from typing import Any

from ... import functional as F
from ...core import Array
from ...errors import ShapeError
from ...numpy.creation import asarray
from ...numpy.elementwise import where as choose
from ...numpy.indexing import take_along_axis
from ...numpy.manipulation import concatenate
from ...ops.create import to_inexact
from ...ops.precision import widened
from ...transforms.ctc import alignments

__all__ = ["ctc_loss", "ctc_loss_with_forward_probs"]


def ctc_loss(
    logits: Any,
    logit_paddings: Any,
    labels: Any,
    label_paddings: Any,
    *,
    blank_id: int = 0,
    log_epsilon: Any = -1e5,
) -> Array:
    """The negative log-likelihood of texts, summed over all alignments: `functional.ctc_loss` of logits and paddings.

    Args:
        logits: (B, T, K).
        logit_paddings: (B, T), 1 for frames that are none, and 0 elsewhere.
        labels: (B, N) integers.
        label_paddings: (B, N), 1 behind the last label, and 0 elsewhere.
        blank_id: the class that stands for no label.
        log_epsilon: the logarithm of 0; the loss of a text that is too long for its frames is about -log_epsilon.

    Returns:
        (B,)

    >>> from funcgrad import optim, numpy as fnp
    >>> paddings = fnp.zeros((1, 2)), fnp.zeros((1, 1))
    >>> loss = optim.ctc_loss(fnp.zeros((1, 2, 2)), paddings[0], fnp.asarray([[1]]), paddings[1])
    >>> fnp.exp(-loss).round(4)   # the text "1" is read from 11, 01 and 10
    Array([0.75], dtype=float32)

    Source: A. Graves and others, Connectionist temporal classification, 2006.
    """
    return _run(logits, logit_paddings, labels, label_paddings, blank_id, log_epsilon, keep=False)[0]


@widened
def ctc_loss_with_forward_probs(
    logits: Any,
    logit_paddings: Any,
    labels: Any,
    label_paddings: Any,
    *,
    blank_id: int = 0,
    log_epsilon: Any = -1e5,
) -> tuple[Array, Array, Array]:
    """`ctc_loss`, and the logarithms of the probabilities of the first n labels after each frame.

    Args:
        logits, logit_paddings, labels, label_paddings, blank_id, log_epsilon: as for `ctc_loss`.

    Returns:
        (loss, blanks, labels): the loss (B,); the probabilities of alignments that end in a blank, (T, B, N + 1), in
        the last row of whole alignments; and of those that end in label n, (T, B, N).

    >>> from funcgrad import optim, numpy as fnp
    >>> paddings = fnp.zeros((1, 2)), fnp.zeros((1, 1))
    >>> _, blanks, ends = optim.ctc_loss_with_forward_probs(
    ...     fnp.zeros((1, 2, 2)), paddings[0], fnp.asarray([[1]]), paddings[1]
    ... )
    >>> fnp.exp(blanks[:, 0]).round(4), fnp.exp(ends[:, 0]).round(4)
    (Array([[0.5 , 0.  ],
            [0.25, 0.75]], dtype=float32), Array([[0.5],
            [0.5]], dtype=float32))
    """
    return _run(logits, logit_paddings, labels, label_paddings, blank_id, log_epsilon, keep=True)


@widened
def _run(
    logits: Any, logit_paddings: Any, labels: Any, label_paddings: Any, blank_id: int, log_epsilon: Any, keep: bool
) -> Any:
    x, y = to_inexact(logits), asarray(labels)
    frame_pads, label_pads = asarray(logit_paddings), asarray(label_paddings)
    if x.ndim != 3 or frame_pads.shape != x.shape[:2] or y.ndim != 2 or label_pads.shape != y.shape:
        raise ShapeError(
            "ctc_loss: logits must be (B, T, K), their paddings (B, T), labels and their paddings (B, N); got "
            f"{x.aval}, {frame_pads.aval}, {y.aval}, {label_pads.aval}"
        )
    own = label_pads == 0
    y = choose(own, y, 0)
    scores: Any = F.log_softmax(x).swapaxes(0, 1)
    whole, blanks, ends = alignments(scores, y, frame_pads.T == 0, blank_id, log_epsilon, keep)
    loss = -take_along_axis(whole, own.sum(1)[:, None], 1)[:, 0]
    return (loss, concatenate([blanks[:-1], whole[None]]), ends) if keep else (loss,)
