"""A model with other layers in some places."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import Any, TypeAlias

from ..errors import LayerError
from .layer import Layer
from .nesting import sublayers

__all__ = ["Places", "named_layers", "replace_layers"]

Places: TypeAlias = str | Sequence[str] | Callable[[str, Layer], bool]
"""Which layers: a pattern of their paths, such as "encoder.layers.*.linear1", several, or a function of both."""


def named_layers(model: Layer) -> Iterator[tuple[str, Layer]]:
    """Every layer of a model with its path, the model itself with the path "".

    Paths are PyTorch's: names of fields and places in tuples, with dots between them.

    >>> from funcgrad import layers
    >>> model = layers.Sequential(layers.Linear(3, 4), layers.relu, layers.Linear(4, 1))
    >>> for path, layer in layers.named_layers(model[:2]):
    ...     print(repr(path), type(layer).__name__)
    '' Sequential
    '0' Linear
    """
    yield from _named(model, "")


def _named(value: Any, path: str) -> Iterator[tuple[str, Layer]]:
    if isinstance(value, tuple):
        for i, entry in enumerate(value):
            yield from _named(entry, _below(path, str(i)))
    elif isinstance(value, Layer):
        yield path, value
        for name, held in sublayers(value):
            yield from _named(held, path if name == value._spread else _below(path, name))


def replace_layers(model: Layer, places: Places, function: Callable[[Any], Any]) -> Any:
    """The model with function(layer) in the place of each chosen layer.

    Sublayers of a chosen layer that are chosen themselves are replaced first. The model given stays what it is, and so
    does what a layer made of its settings but for the sublayers that are replaced. Parameters are another matter:
    those of the new model have its structure.

    Args:
        model: a layer.
        places: a pattern of paths as `named_layers` gives them, in which * stands for anything, dots too; several
            such patterns; or a function of path and layer that is true for the chosen ones.
        function: of the layer in that place, giving another layer, or a plain function where the place takes one.

    Raises:
        LayerError: a pattern, or the function, chooses nothing; the message lists the paths that there are.

    >>> from funcgrad import layers
    >>> model = layers.Sequential(layers.Linear(3, 4), layers.ReLU(), layers.Linear(4, 1))
    >>> layers.replace_layers(model, "1", lambda layer: layers.Tanh())
    Sequential(
        Linear(3, 4),
        Tanh(),
        Linear(4, 1),
    )
    """
    chosen = chosen_places(model, places, "replace_layers")

    def replaced(value: Any, path: str) -> Any:
        if isinstance(value, tuple):
            return tuple(replaced(entry, _below(path, str(i))) for i, entry in enumerate(value))
        if not isinstance(value, Layer):
            return value
        held = {
            name: replaced(old, path if name == value._spread else _below(path, name)) for name, old in sublayers(value)
        }
        value = rebuilt(value, held)
        return function(value) if path in chosen else value

    return replaced(model, "")


def chosen_places(model: Layer, places: Places, name: str) -> set[str]:
    """The paths of the layers that are meant."""
    paths = dict(named_layers(model))
    if callable(places):
        found = {path for path, layer in paths.items() if places(path, layer)}
        if not found:
            raise LayerError(f"{name}: the function chooses none of the layers {_listed(paths)}")
        return found
    found = set()
    for pattern in (places,) if isinstance(places, str) else places:
        here = {path for path in paths if fnmatch.fnmatchcase(path, pattern)}
        if not here:
            raise LayerError(f"{name}: no layer has a path like {pattern!r}; there are {_listed(paths)}")
        found |= here
    return found


def rebuilt(layer: Layer, values: dict[str, Any]) -> Any:
    """The layer with other values in some fields, those too that its constructor computes."""
    if all(getattr(layer, name) == value for name, value in values.items()):
        return layer
    other: Any = object.__new__(type(layer))
    held: Any = layer
    for field in fields(held):
        setattr(other, field.name, values.get(field.name, getattr(layer, field.name)))
    return other


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _listed(paths: dict[str, Layer]) -> str:
    return ", ".join(repr(path) for path in paths)
