"""A table of a model's parameters."""

from __future__ import annotations

from typing import Any

from .. import tree
from ..core import aval

__all__ = ["summary"]


def summary(params: Any) -> str:
    """The parameters as a table: path, dtype and shape, number of elements, and their sum.

    Args:
        params: a pytree of arrays, such as `model.init` gives; a tree of optimiser state will do as well.

    >>> from funcgrad import layers, random
    >>> params, _ = layers.Sequential(layers.Linear(784, 128), layers.relu, layers.Linear(128, 10)).init(random.key(0))
    >>> print(layers.summary(params))
    [0]['bias']    float32[128]          128
    [0]['weight']  float32[784,128]  100,352
    [2]['bias']    float32[10]            10
    [2]['weight']  float32[128,10]     1,280
    total                            101,770
    """
    found = [(path, aval(x)) for path, x in tree.flatten_with_path(params)[0]]
    rows = [(path, repr(a), f"{a.size:,}") for path, a in found]
    rows.append(("total", "", f"{sum(a.size for _, a in found):,}"))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join(f"{p:<{widths[0]}}  {a:<{widths[1]}}  {n:>{widths[2]}}" for p, a, n in rows)
