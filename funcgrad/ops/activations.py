"""Activation functions worth an operation of their own.

Composed of others, `relu`, `sigmoid` and `softplus` would take several passes over memory, keep more for backward, and
`relu6` and `softplus` would have a wrong derivative at their seams: of `maximum(x, 0) + log1p(exp(-abs(x)))` the second
derivative at 0 comes out as 0, not 1/4.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..device import Raw
from ..rules import elementwise
from .elementwise import cast, greater, less, logical_and

relu = elementwise(
    "relu(x)",
    impl=lambda xp, x: xp.maximum(x, 0),
    x=lambda g, out: g * cast(greater(out, 0), dtype=g.dtype),
)
relu6 = elementwise(
    "relu6(x)",
    impl=lambda xp, x: xp.minimum(xp.maximum(x, 0), 6),
    x=lambda g, out: g * cast(logical_and(greater(out, 0), less(out, 6)), dtype=g.dtype),
)


def _sigmoid(xp: Any, x: Raw) -> Raw:
    """1 / (1 + exp(-x)): where exp overflows the result is 0, as it should be."""
    with np.errstate(over="ignore"):
        denominator = xp.exp(-x)
    denominator += 1
    return 1 / denominator


def _softplus(xp: Any, x: Raw) -> Raw:
    """log(1 + exp(x)) as max(x, 0) + log(1 + exp(-|x|)), which cannot overflow."""
    out = xp.log1p(xp.exp(-xp.abs(x)))
    out += xp.maximum(x, 0)
    return out


sigmoid = elementwise("sigmoid(x)", impl=_sigmoid, x=lambda g, out: g * (out * (1 - out)))
softplus = elementwise("softplus(x)", impl=_softplus, x=lambda g, x: g * sigmoid(x))
