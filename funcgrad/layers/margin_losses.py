"""Losses with margins, and of embeddings, as layers: what they compute stands with the functions of `functional`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import functional as F
from ..functional.options import check_positive
from ..functional.reduction import Reduction
from .layer import Run
from .losses import Loss, Numbers, as_array

__all__ = [
    "CosineEmbeddingLoss",
    "HingeEmbeddingLoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]

# ---- with margins ------------------------------------------------------------------------------


class HingeEmbeddingLoss(Loss):
    """A distance, or what it lacks of a margin: `functional.hinge_embedding_loss`.

    Args:
        margin: how far apart others should be.
        reduction: "mean", "sum" or "none".
    """

    margin: float = 1.0
    reduction: Reduction = "mean"

    def forward(self, run: Run, input: Any, target: Any, *, where: Any = None) -> Any:
        return F.hinge_embedding_loss(input, target, self.margin, self.reduction, where=where)


class MarginRankingLoss(Loss):
    """Two scores should be in order, by a margin: `functional.margin_ranking_loss`.

    Args:
        margin: by how much.
        reduction: "mean", "sum" or "none".
    """

    margin: float = 0.0
    reduction: Reduction = "mean"

    def forward(self, run: Run, input1: Any, input2: Any, target: Any, *, where: Any = None) -> Any:
        return F.margin_ranking_loss(input1, input2, target, self.margin, self.reduction, where=where)


class SoftMarginLoss(Loss):
    """The logistic loss of targets 1 and -1: `functional.soft_margin_loss`.

    Args:
        reduction: "mean", "sum" or "none".
    """

    reduction: Reduction = "mean"

    def forward(self, run: Run, input: Any, target: Any, *, where: Any = None) -> Any:
        return F.soft_margin_loss(input, target, self.reduction, where=where)


class MultiMarginLoss(Loss):
    """The hinge loss of several classes: `functional.multi_margin_loss`.

    Args:
        p: the power, above 0.
        margin: how far the others should stay below.
        weight: how much each class counts, a number for each; 1 where None.
        reduction: "mean", "sum" or "none".
    """

    p: float = 1
    margin: float = 1.0
    weight: Numbers | None = None
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(type(self).__name__, "p", self.p)

    def forward(self, run: Run, input: Any, target: Any, *, where: Any = None) -> Any:
        weight = as_array(self.weight, input)
        return F.multi_margin_loss(input, target, self.p, self.margin, weight, self.reduction, where=where)


class MultiLabelMarginLoss(Loss):
    """The hinge loss where several classes are right: `functional.multilabel_margin_loss`.

    Args:
        reduction: "mean", "sum" or "none".
    """

    reduction: Reduction = "mean"

    def forward(self, run: Run, input: Any, target: Any, *, where: Any = None) -> Any:
        return F.multilabel_margin_loss(input, target, self.reduction, where=where)


class MultiLabelSoftMarginLoss(Loss):
    """The mean over classes of their binary cross-entropies: `functional.multilabel_soft_margin_loss`.

    Args:
        weight: how much each class counts, a number for each; 1 where None.
        reduction: "mean", "sum" or "none".
    """

    weight: Numbers | None = None
    reduction: Reduction = "mean"

    def forward(self, run: Run, input: Any, target: Any, *, where: Any = None) -> Any:
        weight = as_array(self.weight, input)
        return F.multilabel_soft_margin_loss(input, target, weight, self.reduction, where=where)


# ---- of embeddings -----------------------------------------------------------------------------


class CosineEmbeddingLoss(Loss):
    """Pairs should be alike, or not, by their cosine: `functional.cosine_embedding_loss`.

    Args:
        margin: how similar others may be.
        reduction: "mean", "sum" or "none".
    """

    margin: float = 0.0
    reduction: Reduction = "mean"

    def forward(self, run: Run, input1: Any, input2: Any, target: Any) -> Any:
        return F.cosine_embedding_loss(input1, input2, target, self.margin, self.reduction)


class TripletMarginLoss(Loss):
    """An anchor should be nearer to the positive than to the negative: `functional.triplet_margin_loss`.

    Args:
        margin: by how much, above 0.
        p, eps: of the distance, `functional.pairwise_distance`.
        swap: take the distance of the positive from the negative where that is smaller.
        reduction: "mean", "sum" or "none".
    """

    margin: float = 1.0
    p: float = 2.0
    eps: float = 1e-6
    swap: bool = False
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(type(self).__name__, "margin", self.margin)

    def forward(self, run: Run, anchor: Any, positive: Any, negative: Any) -> Any:
        options = self.margin, self.p, self.eps, self.swap, self.reduction
        return F.triplet_margin_loss(anchor, positive, negative, *options)


class TripletMarginWithDistanceLoss(Loss):
    """`TripletMarginLoss` with a distance of your own: `functional.triplet_margin_with_distance_loss`.

    Args:
        distance_function: of two arrays, one number an example; `functional.pairwise_distance` where None.
        margin, swap, reduction: as for `TripletMarginLoss`.
    """

    distance_function: Callable[[Any, Any], Any] | None = None
    margin: float = 1.0
    swap: bool = False
    reduction: Reduction = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(type(self).__name__, "margin", self.margin)

    def forward(self, run: Run, anchor: Any, positive: Any, negative: Any) -> Any:
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )
