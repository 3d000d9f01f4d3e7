"""Distances of vectors as layers: what they compute stands with the functions of `functional`."""

from __future__ import annotations

from typing import Any

from ..functional import cosine_similarity, pairwise_distance
from .layer import Layer, Run

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class CosineSimilarity(Layer):
    """The cosine of the angle between vectors: `functional.cosine_similarity`.

    Args:
        axis: along which the vectors lie; PyTorch's dim, which is 1 there.
        eps: the least length that is divided by.

    >>> from funcgrad import layers, numpy as fnp
    >>> round(float(layers.CosineSimilarity()({}, fnp.asarray([3.0, 4.0]), fnp.asarray([0.0, 2.0]))), 4)
    0.8
    """

    axis: int = -1
    eps: float = 1e-8

    def forward(self, run: Run, x1: Any, x2: Any) -> Any:
        return cosine_similarity(x1, x2, self.axis, self.eps)


class PairwiseDistance(Layer):
    """The p-norm of a difference: `functional.pairwise_distance`.

    Args:
        p: the order of the norm.
        eps: added to each difference.
        keepdims: whether the axis stays, at size one; PyTorch's keepdim.

    >>> from funcgrad import layers, numpy as fnp
    >>> float(layers.PairwiseDistance(eps=0.0)({}, fnp.asarray([3.0, 4.0]), fnp.zeros(2)))
    5.0
    """

    p: float = 2.0
    eps: float = 1e-6
    keepdims: bool = False

    def forward(self, run: Run, x1: Any, x2: Any) -> Any:
        return pairwise_distance(x1, x2, self.p, self.eps, self.keepdims)
