"""How PyTorch holds a parameter: under which name, and with its axes in which order."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TorchEntry"]


@dataclass(frozen=True)
class TorchEntry:
    """One entry of `Layer.torch_layout`.

    Args:
        name: PyTorch's name; the same as here where None. It may hold dots; for a sublayer, "" says that its
            parameters stand among the layer's own.
        axes: the order of the axes that makes PyTorch's array of ours, as for `transpose`; unchanged where None.
        count: for a sublayer whose parameters and state have an axis in front: its length. PyTorch has as many
            modules, a ModuleList, whose names are 0, 1 and so on.
        older: the name in state dicts of older modules, which are read too, where the other one is not there.

    >>> from funcgrad.layers import TorchEntry
    >>> TorchEntry(axes=(1, 0)).name is None
    True
    """

    name: str | None = None
    axes: tuple[int, ...] | None = None
    older: str | None = None
    count: int | None = None
