"""Which layers a layer is made of: its fields, the layers in them, and what they are called."""

from __future__ import annotations

import dataclasses
import zlib
from typing import Any, ClassVar

from . import text

__all__: list[str] = []


class Nest:
    """What has parameters in a model: the base of `Layer`, by which a `Run` knows one."""

    _spread: ClassVar[str | None] = None
    """The field whose params are the layer's params themselves, without a dict around: `Sequential`'s tuple."""

    _reserved: ClassVar[frozenset[str]] = frozenset()
    """Names of Layer itself, which are no functions of a subclass's that a `Run` offers."""


def fields(layer: Any) -> tuple[dataclasses.Field[Any], ...]:
    """The fields of a layer or of its class; Layer's own subclasses are dataclasses, which mypy cannot know."""
    return dataclasses.fields(layer)


def tag(name: str) -> int:
    """A sublayer's name as a number to fold into a key; unlike hash() it is the same in every process."""
    return zlib.crc32(name.encode())


def holds_layers(value: Any) -> bool:
    """Is it a layer, or a tuple with a layer in it?"""
    return isinstance(value, Nest) or (isinstance(value, tuple) and any(map(holds_layers, value)))


def sublayers(layer: Nest) -> list[tuple[str, Any]]:
    """The fields that hold layers, by name."""
    found = [(field.name, getattr(layer, field.name)) for field in fields(layer)]
    return [(name, value) for name, value in found if name == layer._spread or holds_layers(value)]


def label(layer: Any) -> str:
    """A layer in one short line; one that is made of layers by the name of its class."""
    composed = isinstance(layer, Nest) and sublayers(layer)
    return type(layer).__name__ if composed else text.show_value(layer)
