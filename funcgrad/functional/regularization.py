"""Dropout."""

from __future__ import annotations

from typing import Any

from .. import random
from ..core import Array
from ..errors import DtypeError, OptionError
from ..numpy.creation import zeros_like
from ..ops.create import to_inexact

__all__ = ["dropout"]


def dropout(x: Any, rate: float, *, key: Any = None, train: bool = True) -> Array:
    """Each element is zero with probability `rate`, and else divided by 1 - rate, so that its mean stays the same.

    Args:
        x: integers are taken as the default float.
        rate: the probability of being dropped, between 0 and 1.
        key: of `funcgrad.random`; needed in training. Under `vmap` a key that all examples share drops the same
            elements in each; map over `random.split(key, n)` for a choice of its own.
        train: where False, x comes back as it is.

    Returns:
        An array of x's shape.

    Raises:
        DtypeError: in training, and no key was given.
        OptionError: the rate is not between 0 and 1.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> from funcgrad import random
    >>> sorted(set(F.dropout(fnp.ones(100), 0.5, key=random.key(0)).tolist()))
    [0.0, 2.0]

    Source: N. Srivastava and others, Dropout: a simple way to prevent neural networks from overfitting, 2014.
    """
    if not 0 <= rate <= 1:
        raise OptionError(f"dropout: the rate is a probability between 0 and 1, not {rate!r}")
    x = to_inexact(x)
    if not train or rate == 0:
        return x
    if key is None:
        raise DtypeError(
            "dropout: training needs a key: pass key=random.key(seed), a new one at each call by random.split(key), "
            "or train=False to keep every element"
        )
    if rate == 1:
        return zeros_like(x)
    keep: Any = random.bernoulli(key, 1 - rate, x.shape)
    return x * (keep.astype(x.dtype) * (1 / (1 - rate)))
