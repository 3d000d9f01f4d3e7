"""The table of layers: settings and inputs of each, which `test_layer_table.py` puts through every check.

A public layer that has no row here fails the suite. Rows stand by family in the modules of this package, each a list
`ROWS`; `ALL` is all of them, whatever modules there are.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

Settings = dict[str, Any]


@dataclass(frozen=True)
class Ints:
    """An input of integers in [low, high)."""

    shape: tuple[int, ...]
    high: int
    low: int = 0


@dataclass(frozen=True)
class Bools:
    """An input of booleans."""

    shape: tuple[int, ...]


@dataclass(frozen=True)
class Given:
    """An input of these values, which is neither batched nor differentiated: lengths, masks."""

    values: Any


@dataclass(frozen=True)
class Row:
    """A layer, the settings it is tried with, and what it is applied to.

    Args:
        name: its name in `funcgrad.layers`.
        inputs: of the settings: what `forward` takes, a shape (of normal numbers) or `Ints`, `Bools`, `Given` for each.
            Shapes are PyTorch's: batched, with the channels first.
        examples: settings, keyword arguments of the layer, for the checks that draw none: small ones, in float64.
        settings: a strategy of such dicts, for what is compared with PyTorch; the examples where None.
        torch: (torch, settings) -> the module of PyTorch that does the same; by default that of the same name with the
            same keyword arguments. None where there is none, and then `why` says who else says what is right.
        call: (module, inputs) -> the outputs of PyTorch's module, where that is more than module(*inputs).
        ours: (run, inputs) -> our outputs, where that is more than run(*inputs); `run` is the layer with its params.
        spatial: how many spatial axes its images have; more than 0 for a layer with a `layout`, which is then drawn.
        batch: the axis of the batch in inputs and outputs; None where there is no unbatched input, and then `why`.
        wrong: an input of a shape that must be refused with the first example's settings (in PyTorch's order); None
            where everything is taken.
        random: whether it draws random numbers while training: then only eval is compared with PyTorch.
        order: how often it can be differentiated.
        kinks: whether derivatives jump, so that numbers near 0 are moved away from it.
        why: the reason for torch=None, batch=None, or order < 2.
    """

    name: str
    inputs: Callable[[Settings], tuple[Any, ...]]
    examples: tuple[Settings, ...] = ({},)
    settings: st.SearchStrategy[Settings] | None = None
    torch: Callable[[Any, Settings], Any] | str | None = "same"
    call: Callable[[Any, tuple[Any, ...]], Any] = field(default=lambda module, xs: module(*xs))
    ours: Callable[[Any, tuple[Any, ...]], Any] = field(default=lambda run, xs: run(*xs))
    spatial: int = 0
    batch: int | None = 0
    wrong: tuple[int, ...] | None = None
    random: bool = False
    order: int = 2
    kinks: bool = False
    why: str = ""

    def __str__(self) -> str:
        return self.name

    def twin(self, torch: Any, settings: Settings) -> Any:
        """PyTorch's module."""
        if callable(self.torch):
            return self.torch(torch, settings)
        return getattr(torch.nn, self.name)(**settings)


ALL: list[Row] = []
for _module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
    ALL += importlib.import_module(f"{__name__}.{_module}").ROWS
