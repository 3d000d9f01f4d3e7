"""Models as text: a layer as one would write it, and the table of a model's parameters."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import tree
from ..core import Array, Aval
from ..errors import TreeError
from ..numpy.creation import asarray
from ..transforms.arguments import described

__all__ = ["summary"]


def show(layer: Any, nested: Sequence[str], spread: str | None) -> str:
    """A layer as one would write it, settings at their defaults left out; one sublayer a line.

    Args:
        layer: a dataclass.
        nested: names of the fields that hold layers.
        spread: the field whose entries stand in the call without a name: `Sequential`'s.
    """
    parts: list[str] = []
    implied = _implied(layer)
    nested = [name for name in nested if name not in implied]
    positional = not nested
    for field in dataclasses.fields(layer):
        value = getattr(layer, field.name)
        if field.name in implied:
            continue
        if field.name == spread:
            parts += map(show_value, value)
        elif field.default is not dataclasses.MISSING and value == field.default:
            positional = False
        else:
            positional = positional and field.default is dataclasses.MISSING
            shown = _tuple(value) if field.name in nested and isinstance(value, tuple) else show_value(value)
            parts.append(shown if positional else f"{field.name}={shown}")
    name = type(layer).__name__
    return name + _lines(parts) if nested and parts else f"{name}({', '.join(parts)})"


def _implied(layer: Any) -> set[str]:
    """The fields that the constructor makes of the others, but for sublayers that were replaced."""
    fields = dataclasses.fields(layer)
    made = [field.name for field in fields if not field.init]
    if not made:
        return set()
    fresh = type(layer)(**{field.name: getattr(layer, field.name) for field in fields if field.init})
    return {name for name in made if getattr(layer, name) == getattr(fresh, name)}


def show_value(value: Any) -> str:
    """A plain function by its name, everything else by its repr."""
    name = getattr(value, "__name__", None)
    return name if isinstance(name, str) else repr(value)


def _tuple(value: Any) -> str:
    return _lines([_tuple(v) for v in value]) if isinstance(value, tuple) else show_value(value)


def _lines(parts: Sequence[str]) -> str:
    """(part, part), one a line."""
    body = "".join(f"{part},\n" for part in parts)
    return "(\n" + "".join(f"    {line}\n" for line in body.splitlines()) + ")"


def summary(params: Any) -> str:
    """The parameters as a table: path, dtype and shape, number of elements, and their sum.

    Args:
        params: a pytree of arrays, such as `model.init` gives; a tree of optimiser state will do as well.

    Raises:
        TreeError: a leaf is no array: the model itself, for one.

    >>> from funcgrad import layers, random
    >>> params, _ = layers.Sequential(layers.Linear(784, 128), layers.relu, layers.Linear(128, 10)).init(random.key(0))
    >>> print(layers.summary(params))
    [0]['bias']    float32[128]          128
    [0]['weight']  float32[784,128]  100,352
    [2]['bias']    float32[10]            10
    [2]['weight']  float32[128,10]     1,280
    total                            101,770
    """
    leaves = tree.flatten_with_path(params)[0]
    for path, x in leaves:
        if not isinstance(x, Array | np.ndarray | np.generic | Aval | bool | int | float | complex):
            place = f"the leaf {path}" if path else "the argument"
            raise TreeError(
                f"summary: {place} is {described(x)}, and not an array: write params, state = model.init(key), and "
                "then summary(params)"
            )
    found = [(path, x if isinstance(x, Aval) else asarray(x).aval) for path, x in leaves]
    rows = [(path, repr(a), f"{a.size:,}") for path, a in found]
    rows.append(("total", "", f"{sum(a.size for _, a in found):,}"))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    return "\n".join(f"{p:<{widths[0]}}  {a:<{widths[1]}}  {n:>{widths[2]}}" for p, a, n in rows)
