"""Losses of embeddings: what belongs together should be near, and what does not, far.

`reduction.py` says what `reduction` means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core import Array
from ..errors import ShapeError
from ..numpy.creation import arange, eye
from ..numpy.elementwise import maximum, minimum
from ..numpy.elementwise import where as choose
from ..numpy.linalg.norms import vector_norm
from ..numpy.linear_algebra import matmul
from ..numpy.reductions import logsumexp
from ..ops import activations
from ..ops.create import asarray, promote_inexact, to_inexact
from ..ops.precision import widened
from .distances import cosine_similarity, pairwise_distance
from .losses import cross_entropy
from .options import check_positive
from .reduction import Reduction, check_reduction, reduced, reduced_by_count

__all__ = [
    "clip_loss",
    "cosine_embedding_loss",
    "info_nce_loss",
    "ntxent_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


@widened
def cosine_embedding_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: Reduction = "mean"
) -> Array:
    """1 - cos(x1, x2) where the target is 1, max(0, cos(x1, x2) - margin) where it is -1.

    Args:
        input1, input2: the vectors x1 and x2, (..., D).
        target: 1 for pairs that belong together and -1 for others, of the shape (...).
        margin: how similar others may be, between -1 and 1.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: the target has not the shape of the pairs.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> x1, x2 = fnp.asarray([[3.0, 4.0], [1.0, 0.0]]), fnp.asarray([[1.0, 0.0], [1.0, 0.0]])
    >>> F.cosine_embedding_loss(x1, x2, fnp.asarray([1, -1]), reduction="none").round(4)
    Array([0.4, 1. ], dtype=float32)
    """
    check_reduction("cosine_embedding_loss", reduction)
    cosine: Any = cosine_similarity(input1, input2, eps=1e-6)
    t = asarray(target)
    if t.shape != cosine.shape:
        raise ShapeError(f"cosine_embedding_loss: the target must have the shape {cosine.shape}, not {t.aval}")
    losses: Any = choose(t == 1, 1 - cosine, 0) + choose(t == -1, activations.relu(cosine - margin), 0)
    return reduced(losses, reduction)


@widened
def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> Array:
    """max(0, d(a, p) - d(a, n) + margin): the anchor should be nearer to the positive than to the negative.

    Args:
        anchor, positive, negative: vectors, (..., D).
        margin: by how much, above 0.
        p, eps: of `pairwise_distance`.
        swap: take the distance of the positive from the negative where that is the smaller one.
        reduction: "mean", "sum" or "none".

    Raises:
        OptionError: the margin is not above 0.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> a, p, n = fnp.asarray([0.0, 0.0]), fnp.asarray([1.0, 0.0]), fnp.asarray([0.0, 1.5])
    >>> round(float(F.triplet_margin_loss(a, p, n)), 4)
    0.5

    Source: V. Balntas and others, Learning local feature descriptors with triplets and shallow convolutional neural
    networks, 2016.
    """

    def distance(x: Any, y: Any) -> Any:
        return pairwise_distance(x, y, p, eps)

    return _triplet("triplet_margin_loss", distance, anchor, positive, negative, margin, swap, reduction)


@widened
def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> Array:
    """`triplet_margin_loss` with a distance of your own.

    Args:
        anchor, positive, negative: what the distance takes.
        distance_function: of two arrays, one number an example; `pairwise_distance` where None.
        margin, swap, reduction: as for `triplet_margin_loss`.

    Raises:
        OptionError: the margin is not above 0.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> x = fnp.asarray([[0.0, 0.0], [1.0, 0.0], [0.0, 1.5]])
    >>> far = lambda x, y: abs(x - y).max(-1)
    >>> float(F.triplet_margin_with_distance_loss(x[0], x[1], x[2], distance_function=far))
    0.5
    """
    distance = distance_function or pairwise_distance
    name = "triplet_margin_with_distance_loss"
    return _triplet(name, distance, anchor, positive, negative, margin, swap, reduction)


def _triplet(
    name: str,
    distance: Callable[[Any, Any], Any],
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float,
    swap: bool,
    reduction: str,
) -> Any:
    check_reduction(name, reduction)
    check_positive(name, "margin", margin)
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduced(activations.relu(to_inexact(near - far + margin)), reduction)


# ---- contrastive -------------------------------------------------------------------------------


def _directions(x: Any) -> Any:
    """Vectors divided by their length; those of length 0 stay."""
    return x / maximum(vector_norm(x, axis=-1, keepdims=True), 1e-12)


def _rows(name: str, a: Any, b: Any) -> tuple[Any, Any]:
    a, b = promote_inexact(asarray(a), asarray(b))
    if a.ndim != 2 or a.shape != b.shape:
        raise ShapeError(f"{name}: both must have one shape (N, D), row i of the one with row i of the other; got "
                         f"{a.aval} and {b.aval}")  # fmt: skip
    return a, b


@widened
def info_nce_loss(query: Any, key: Any, temperature: Any = 0.07, reduction: Reduction = "mean") -> Array:
    """Each query should find its own key among all keys by their cosine.

        loss[i] = -log(exp(cos(q[i], k[i]) / temperature) / sum over j of exp(cos(q[i], k[j]) / temperature))

    Args:
        query, key: (N, D); row i of the one belongs to row i of the other.
        temperature: above 0; it may be an array that is learned.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: the shapes are not one (N, D).

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> round(float(F.info_nce_loss(fnp.eye(2), fnp.eye(2), temperature=1.0)), 4)
    0.3133

    Source: A. van den Oord, Y. Li and O. Vinyals, Representation learning with contrastive predictive coding, 2018.
    """
    q, k = _rows("info_nce_loss", query, key)
    logits: Any = matmul(_directions(q), _directions(k).T)
    return cross_entropy(logits / temperature, arange(q.shape[0], device=q.device), reduction=reduction)


@widened
def clip_loss(image: Any, text: Any, logit_scale: Any = 1 / 0.07, reduction: Reduction = "mean") -> Array:
    """`info_nce_loss` both ways, of images among texts and of texts among images, and the mean of the two.

    Args:
        image, text: embeddings, (N, D); row i of the one belongs to row i of the other.
        logit_scale: what cosines are multiplied by, the inverse of a temperature; CLIP learns its logarithm.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: the shapes are not one (N, D).

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> round(float(F.clip_loss(fnp.eye(2), fnp.eye(2), logit_scale=1.0)), 4)
    0.3133

    Source: A. Radford and others, Learning transferable visual models from natural language supervision, 2021.
    """
    a, b = _rows("clip_loss", image, text)
    logits: Any = matmul(_directions(a), _directions(b).T) * logit_scale
    own = arange(a.shape[0], device=a.device)
    both = cross_entropy(logits, own, reduction=reduction), cross_entropy(logits.T, own, reduction=reduction)
    return (both[0] + both[1]) * 0.5


@widened
def ntxent_loss(embeddings: Any, labels: Any, temperature: Any = 0.07, reduction: Reduction = "mean") -> Array:
    """The normalised, temperature-scaled cross-entropy of pairs with one label against those with two.

        loss[i, j] = -log(e[i, j] / (e[i, j] + sum over k of another label of e[i, k])),
        e[i, j] = exp(cos(x[i], x[j]) / temperature)

    Args:
        embeddings: x, (N, D).
        labels: (N,) integers; for two views of each image, the image's number twice.
        temperature: above 0; it may be an array that is learned.
        reduction: over all ordered pairs of one label: "mean" (NaN where there are none), "sum", or "none" for the
            (N, N) of them, 0 elsewhere.

    Raises:
        ShapeError: the shapes are not (N, D) and (N,).

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> x = fnp.asarray([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> round(float(F.ntxent_loss(x, fnp.asarray([0, 0, 1]), temperature=1.0)), 4)
    0.3133

    Source: T. Chen and others, A simple framework for contrastive learning of visual representations, 2020.
    """
    check_reduction("ntxent_loss", reduction)
    x, y = to_inexact(embeddings), asarray(labels)
    if x.ndim != 2 or y.shape != x.shape[:1]:
        raise ShapeError(f"ntxent_loss: embeddings must be (N, D) and labels (N,); got {x.aval} and {y.aval}")
    units = _directions(x)
    logits: Any = matmul(units, units.T) / temperature
    alike = y[:, None] == y[None, :]
    pairs = alike & ~eye(x.shape[0], dtype=bool, device=x.device)
    others = logsumexp(choose(alike, -float("inf"), logits), axis=-1, keepdims=True)
    return reduced_by_count(activations.softplus(others - logits), None, pairs, reduction)
