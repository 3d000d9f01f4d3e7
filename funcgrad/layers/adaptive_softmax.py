"""Softmax over very many classes, of which few are frequent."""

from __future__ import annotations

from dataclasses import field
from itertools import pairwise
from typing import Any, NamedTuple

from ..dtypes import is_integer
from ..errors import DtypeError, OptionError, ShapeError
from ..functional import log_softmax, nll_loss
from ..numpy.creation import asarray
from ..numpy.manipulation import concatenate
from .layer import Layer, Run
from .linear import Linear
from .sequential import Sequential

__all__ = ["AdaptiveLogSoftmaxWithLoss", "TargetsAndLoss"]


class TargetsAndLoss(NamedTuple):
    """What `AdaptiveLogSoftmaxWithLoss` returns for given targets."""

    output: Any
    loss: Any


class AdaptiveLogSoftmaxWithLoss(Layer):
    """log p(class | x) for very many classes, with smaller maps for rarer ones.

    Classes are sorted by frequency. The first ones have a logit each in the head; the others are in clusters, each of
    which has one logit in the head, and inside of it logits of a map through fewer features:

        log p(c) = head[c]                            for c in the head
        log p(c) = head[cluster] + log_softmax(tail[cluster])[c]      else

    Args:
        in_features: size of the input's last axis.
        n_classes: how many classes there are.
        cutoffs: ascending class numbers, where the head ends and where each cluster but the last does.
        div_value: the i-th cluster has in_features / div_value^(i+1) features.
        head_bias: whether the head's map has a bias.

    Parameters:
        head, tail: those of `Linear` maps, called as in PyTorch.

    Inputs: x, (N, in_features) or (in_features,), and target, integers (N,) or (); or x alone.

    Returns:
        With targets (output, loss): their log probabilities, and minus the mean of them. Without, the log probabilities
        of all classes, (N, n_classes), whose argmax is PyTorch's `predict`.

    All log probabilities are computed for every example, also where the target is in the head: so no shape depends on
    a value.

    Raises:
        OptionError: cutoffs are not ascending class numbers.
        ShapeError, DtypeError, ArrayIndexError: when applied: sizes do not fit, or the targets are no class numbers.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.AdaptiveLogSoftmaxWithLoss(16, 1000, (10, 100))
    >>> params, _ = model.init(random.key(0))
    >>> model(params, fnp.ones((5, 16))).shape
    (5, 1000)
    >>> output, loss = model(params, fnp.ones((5, 16)), fnp.asarray([0, 5, 50, 500, 999]))
    >>> output.shape, bool(loss == -output.mean())
    ((5,), True)

    Source: E. Grave and others, Efficient softmax approximation for GPUs, 2017.
    """

    in_features: int
    n_classes: int
    cutoffs: tuple[int, ...]
    div_value: float = 4.0
    head_bias: bool = False
    head: Linear = field(init=False)
    tail: tuple[Sequential, ...] = field(init=False)

    def __post_init__(self) -> None:
        ends = (*self.cutoffs, self.n_classes)
        if not self.cutoffs or any(not 0 < a < b for a, b in pairwise(ends)):
            raise OptionError(
                f"AdaptiveLogSoftmaxWithLoss: cutoffs must be ascending class numbers between 1 and "
                f"{self.n_classes - 1}, not {self.cutoffs!r}"
            )
        self.head = Linear(self.in_features, self.cutoffs[0] + len(self.cutoffs), bias=self.head_bias)
        tail = []
        for i, (low, high) in enumerate(pairwise(ends)):
            middle = int(self.in_features // self.div_value ** (i + 1))
            if middle < 1:
                raise OptionError(
                    f"AdaptiveLogSoftmaxWithLoss: cluster {i} has no features: {self.in_features} / "
                    f"{self.div_value}^{i + 1} is below 1"
                )
            tail.append(Sequential(Linear(self.in_features, middle, False), Linear(middle, high - low, False)))
        self.tail = tuple(tail)

    def forward(self, run: Run, x: Any, target: Any = None) -> Any:
        x = asarray(x)
        if x.ndim not in (1, 2) or x.shape[-1] != self.in_features:
            raise ShapeError(f"expected (N, {self.in_features}), with or without N, got {x.shape}")
        first = self.cutoffs[0]
        head: Any = log_softmax(run.head(x))
        clusters = [head[..., first + i, None] + log_softmax(part(x)) for i, part in enumerate(run.tail)]
        logs = concatenate([head[..., :first], *clusters], axis=-1)
        if target is None:
            return logs
        target = asarray(target)
        if not is_integer(target.dtype):
            raise DtypeError(f"expected targets that are integers, got {target.aval}")
        if target.shape != x.shape[:-1]:
            raise ShapeError(f"expected one target for each example of {x.shape}, got {target.shape}")
        output: Any = -nll_loss(logs, target, reduction="none")
        return TargetsAndLoss(output, -output.mean())
