"""Layers made of others: one after the other, nothing at all, and a plain function as a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from ..errors import LayerError
from .layer import Layer, Run

__all__ = ["Identity", "Lambda", "Sequential"]


class Sequential(Layer):
    """Each layer applied to what the one before it returned.

    Args:
        *layers: layers, and plain functions of one array (`F.relu`, `fnp.tanh`, a lambda).

    Params and state are tuples with one entry a layer, `{}` for a function or a layer that has none.

    >>> from funcgrad import layers, random, numpy as fnp
    >>> model = layers.Sequential(layers.Linear(3, 4), fnp.tanh, layers.Linear(4, 1))
    >>> params, state = model.init(random.key(0))
    >>> params[2]["weight"].shape, state
    ((4, 1), ({}, {}, {}))
    >>> model(params, fnp.ones((5, 3))).shape
    (5, 1)
    >>> model
    Sequential(
        Linear(3, 4),
        tanh,
        Linear(4, 1),
    )
    """

    layers: tuple[Any, ...]

    _spread: ClassVar[str | None] = "layers"

    def __init__(self, *layers: Layer | Callable[[Any], Any]):
        check_parts("Sequential", layers)
        self.layers = layers

    def __getitem__(self, index: int | slice) -> Any:
        """The layer at an index; a slice is a Sequential again, whose params are that slice of these."""
        return Sequential(*self.layers[index]) if isinstance(index, slice) else self.layers[index]

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.layers)

    def forward(self, run: Run, x: Any) -> Any:
        for layer in run.layers:
            x = layer(x)
        return x


class Identity(Layer):
    """Its input: stands where a model is told to have no layer.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.Identity()({}, fnp.asarray([1.0, 2.0])).tolist()
    [1.0, 2.0]
    """

    def forward(self, run: Run, x: Any) -> Any:
        return x


def check_parts(name: str, parts: Sequence[Any]) -> None:
    """Refuse what is neither a layer nor a function among the arguments of a layer that is made of others."""
    for i, part in enumerate(parts):
        hint = f": write {name}(*layers)" if isinstance(part, list | tuple) else ""
        check_part(name, f"[{i}]", part, hint)


def check_part(name: str, place: str, part: Any, hint: str = "") -> None:
    """Refuse what is neither a layer nor a function."""
    if isinstance(part, type) and issubclass(part, Layer):
        raise LayerError(f"{name}: {place} is the class {part.__name__}, not a layer: write {part.__name__}(...)")
    if not callable(part):
        raise LayerError(f"{name}: {place} is neither a layer nor a function, but {part!r:.60}{hint}")


class Lambda(Layer):
    """A plain function as a layer, for a field that must be one; `Sequential` takes functions as they are.

    Args:
        function: of arrays, without parameters. Two Lambdas are equal if their functions are.

    >>> from funcgrad import layers, numpy as fnp
    >>> layers.Lambda(fnp.square)({}, fnp.asarray([1.0, 2.0])).tolist()
    [1.0, 4.0]
    """

    function: Callable[..., Any]

    def forward(self, run: Run, *inputs: Any, **options: Any) -> Any:
        return self.function(*inputs, **options)
