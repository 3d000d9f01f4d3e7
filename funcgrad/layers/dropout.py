"""Layers that draw random numbers while training."""

from __future__ import annotations

from typing import Any

from ..errors import OptionError
from ..functional import dropout
from .layer import Layer, Run

__all__ = ["Dropout"]


class Dropout(Layer):
    """While training each value is zero with probability `rate`, and else divided by 1 - rate; otherwise the identity.

    Args:
        rate: the probability of zero, in [0, 1].

    While training it needs a key: `model.apply(params, state, x, key=key, train=True)`.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> y, _ = layers.Dropout(0.5).apply({}, {}, fnp.ones(1000), key=random.key(0), train=True)
    >>> sorted(set(y.tolist()))
    [0.0, 2.0]

    Source: Srivastava et al., Dropout, JMLR 15, 2014.
    """

    rate: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise OptionError(f"Dropout: rate is a probability, in [0, 1], not {self.rate}")

    def forward(self, run: Run, x: Any) -> Any:
        return dropout(x, self.rate, key=run.key) if run.train and self.rate else x
