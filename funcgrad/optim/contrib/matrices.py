"""Weights as matrices: which axes of an array are rows and columns of what maps inputs to outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

from ... import tree
from ...core import Array
from ...errors import DtypeError, ShapeError, TreeError
from ...numpy import asarray

__all__ = ["GaLoreDimensionNumbers", "MuonDimensionNumbers"]


class MuonDimensionNumbers(NamedTuple):
    """Which axes of a weight are inputs and which are outputs; matrices along the others are taken by themselves.

    Args:
        reduction_axis: an axis or several, over which a product with the input sums: the rows.
        output_axis: those of the output: the columns.

    >>> from funcgrad import optim
    >>> optim.contrib.MuonDimensionNumbers(reduction_axis=0, output_axis=(1, 2))
    MuonDimensionNumbers(reduction_axis=0, output_axis=(1, 2))
    """

    reduction_axis: int | Sequence[int] = 0
    output_axis: int | Sequence[int] = 1


class GaLoreDimensionNumbers(NamedTuple):
    """Which axes of a weight are inputs and which are outputs; each axis is one of them.

    Args:
        reduction_axis, output_axis: as for `MuonDimensionNumbers`.

    >>> from funcgrad import optim
    >>> optim.contrib.GaLoreDimensionNumbers(reduction_axis=(0, 1), output_axis=2)
    GaLoreDimensionNumbers(reduction_axis=(0, 1), output_axis=2)
    """

    reduction_axis: int | Sequence[int] = 0
    output_axis: int | Sequence[int] = 1


Numbers = MuonDimensionNumbers | GaLoreDimensionNumbers


@dataclass(frozen=True)
class Specs:
    """A tree of dimension numbers, and `None` for leaves that are no matrices, as a value that compares and hashes."""

    by_path: tuple[tuple[str, Numbers | None], ...]

    @staticmethod
    def of(caller: str, specs: Any) -> Specs | Callable[[Any], Any] | None:
        """The specs of a tree or of one for all leaves; a function of the parameters, or None, stays what it is."""
        if specs is None or isinstance(specs, Specs) or (callable(specs) and not isinstance(specs, Numbers)):
            return specs
        found = tree.flatten_with_path(specs, is_leaf=lambda x: x is None or isinstance(x, Numbers))[0]
        for path, spec in found:
            if spec is not None and not isinstance(spec, Numbers):
                raise DtypeError(
                    f"{caller}: the dimension numbers{path} are {spec!r:.60}, not dimension numbers or None"
                )
        return Specs(tuple((path, _hashable(spec)) for path, spec in found))

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{path or 'all'}: {spec}" for path, spec in self.by_path) + "}"

    def at(self, caller: str, path: str) -> Numbers | None:
        """Those of a leaf: what the tree has at its path, or at one above it."""
        for place, spec in self.by_path:
            if path == place or (path.startswith(place) and path[len(place)] in ".["):
                return spec
        raise TreeError(f"{caller}: there are no dimension numbers for {path}; there are: {self}")


def _hashable(spec: Numbers | None) -> Numbers | None:
    if spec is None:
        return None
    axes = [tuple(a) if isinstance(a, Iterable) else a for a in spec]
    return type(spec)(*axes)


def specs_of(
    caller: str, specs: Specs | Callable[[Any], Any] | None, default: Numbers, params: Any
) -> list[Numbers | None]:
    """One for each leaf; without any the default for those with two axes, and None for the others."""
    found = tree.flatten_with_path(params)[0]
    if callable(specs):
        specs = Specs.of(caller, specs(params))  # type: ignore[assignment]
    if not isinstance(specs, Specs):
        return [default if asarray(x).ndim == 2 else None for _, x in found]
    return [specs.at(caller, path) for path, _ in found]


@dataclass(frozen=True)
class Layout:
    """How an array of some shape is read as a stack of matrices."""

    shape: tuple[int, ...]
    order: tuple[int, ...]
    stacked: int
    rows: int
    columns: int

    @staticmethod
    def of(caller: str, path: str, shape: tuple[int, ...], spec: Numbers, *, stacks: bool) -> Layout:
        """The layout that dimension numbers say; `stacks` where axes may be left over."""
        axes = []
        for given in spec:
            listed = tuple(given) if isinstance(given, Iterable) else (given,)
            if not all(-len(shape) <= a < len(shape) for a in listed):
                raise ShapeError(f"{caller}: {path or 'the parameter'} has shape {shape}, and no axes {listed}: {spec}")
            axes.append(tuple(a % len(shape) for a in listed))
        inputs, outputs = axes
        if len({*inputs, *outputs}) < len(inputs) + len(outputs):
            raise ShapeError(f"{caller}: an axis of {path or 'the parameter'} may stand once only, not as in {spec}")
        others = tuple(a for a in range(len(shape)) if a not in (*inputs, *outputs))
        if others and not stacks:
            raise ShapeError(f"{caller}: {path or 'the parameter'} has shape {shape}, and {spec} leaves out {others}")
        rows, columns = (prod([shape[a] for a in group]) for group in axes)
        return Layout(shape, (*others, *inputs, *outputs), len(others), rows, columns)

    def matrices(self, x: Array) -> Array:
        """The array as matrices of shape (..., rows, columns)."""
        turned = x.transpose(self.order) if self.order != tuple(range(x.ndim)) else x
        front = [self.shape[a] for a in self.order[: self.stacked]]
        return turned.reshape((*front, self.rows, self.columns))

    def array(self, x: Array) -> Array:
        """Matrices as the array that they were."""
        turned = x.reshape([self.shape[a] for a in self.order])
        back = sorted(range(len(self.order)), key=self.order.__getitem__)
        return turned.transpose(back) if back != list(range(len(back))) else turned
