"""Mixtures of experts: networks of which each token goes through a few."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..errors import OptionError
from ..functional import softmax
from ..functional.options import check_positive
from ..numpy.creation import arange, zeros
from ..numpy.elementwise import where
from ..numpy.indexing import take_along_axis
from ..numpy.sorting import argsort
from ..ops.create import to_inexact
from ..ops.elementwise import astype
from ..ops.shape import expand_dims
from .layer import Layer, Run
from .linear import Linear, check_last_size

__all__ = ["MoE"]


class MoE(Layer):
    """For each token the sum of a few experts' outputs, weighted by a router.

        y = sum over the top_k experts e of w_e expert_e(x),   w = softmax(x W) of those, divided by their sum

    Args:
        in_features: the size of a token.
        expert: a layer on the last axis, such as `SwiGLU(in_features, hidden)`, which keeps its size.
        num_experts: how many there are, with parameters of their own.
        top_k: how many a token goes through.
        capacity_factor: each expert computes at most capacity_factor * top_k * tokens / num_experts tokens, the first
            that come to it; the others go without it. None for no bound: then every expert computes every token.
        normalize: whether the weights of a token's experts are divided by their sum.
        experts: the experts one by one, instead of the second and third argument.
        gate: the router, a layer on the last axis; `Linear(in_features, num_experts, bias=False)` where None.

    Parameters:
        gate: those of the router.
        experts: those of `expert`, for each of them.

    Called with:
        x: tokens, (..., in_features).
        with_loss: whether the loss that keeps the load even is returned, too.

    Returns:
        Of x's shape; with with_loss (y, loss), where the loss is num_experts times the sum over experts of the share
        of choices that fell on it times its mean probability: 1 where the load is even.

    Raises:
        OptionError: at once: top_k or capacity_factor out of range.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.MoE(4, layers.SwiGLU(4, 8), num_experts=3, top_k=2)
    >>> params, _ = model.init(random.key(0))
    >>> y, loss = model(params, fnp.ones((2, 5, 4)), with_loss=True)
    >>> y.shape, len(params["experts"])
    ((2, 5, 4), 3)

    Source: N. Shazeer and others, Outrageously large neural networks, 2017; W. Fedus and others, Switch transformers,
    2021, for capacity and loss; A. Jiang and others, Mixtral of experts, 2024, for the weights.
    """

    in_features: int
    experts: tuple[Layer, ...]
    gate: Layer
    top_k: int = 2
    capacity_factor: float | None = None
    normalize: bool = True

    def __init__(
        self,
        in_features: int,
        expert: Layer | None = None,
        num_experts: int | None = None,
        top_k: int = 2,
        capacity_factor: float | None = None,
        normalize: bool = True,
        *,
        experts: Sequence[Layer] | None = None,
        gate: Layer | None = None,
    ):
        if (expert is None) == (experts is None) or (expert is None) != (num_experts is None):
            raise OptionError("MoE: give an expert and num_experts, or experts=(...)")
        self.in_features = in_features
        self.experts = (
            tuple(experts) if experts is not None else tuple(expert for _ in range(num_experts or 0) if expert)
        )
        self.gate = Linear(in_features, len(self.experts), bias=False) if gate is None else gate
        self.top_k, self.capacity_factor, self.normalize = top_k, capacity_factor, normalize
        if not 1 <= top_k <= len(self.experts):
            raise OptionError(f"MoE: top_k={top_k} of {len(self.experts)} experts: it must be in between")
        if capacity_factor is not None:
            check_positive("MoE", "capacity_factor", capacity_factor)

    def forward(self, run: Run, x: Any, *, with_loss: bool = False) -> Any:
        given = to_inexact(x)
        check_last_size(given, self.in_features)
        x = given.reshape((-1, self.in_features))
        tokens, count = x.shape[0], len(self.experts)
        probabilities = softmax(run.gate(x), axis=-1)
        chosen = argsort(-probabilities, axis=-1)[:, : self.top_k]
        weights: Any = take_along_axis(probabilities, chosen, axis=-1)
        if self.normalize:
            weights = weights / weights.sum(-1, keepdims=True)
        numbers: Any = arange(count, device=x.device)
        hits = expand_dims(chosen, 2) == numbers  # (tokens, top_k, experts)
        shares = where(hits, expand_dims(weights, 2), 0).sum(1)
        picked = hits.any(1)

        room = tokens
        if self.capacity_factor is not None:
            room = min(tokens, math.ceil(self.capacity_factor * self.top_k * tokens / count))
        y: Any = 0
        for number, expert in enumerate(run.experts):
            if room == tokens:
                y = y + expert(x) * shares[:, number, None]
                continue
            # those that come to this expert first; what is left of its room gets tokens of weight 0
            places = argsort(~picked[:, number], stable=True)[:room]
            part = expert(x[places]) * shares[places, number, None]
            whole = zeros((tokens, part.shape[-1]), part.dtype, device=x.device) if number == 0 else y
            y = whole.at[places].add(part)
        y = y.reshape((*given.shape[:-1], y.shape[-1]))
        if not with_loss:
            return y
        load = astype(picked, probabilities.dtype).mean(0) / self.top_k
        return y, count * (load * probabilities.mean(0)).sum()
