"""What the array API calls the array object: the operators and methods of `Array`, each the function of that name.

They are hung on the class here, above the functions, since the core below knows none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import Array, WeakNumber
from ..device import Device
from ..errors import OptionError, ShapeError
from ..ops.create import to_device
from . import (
    averages,
    creation,
    cumulative,
    data_types,
    indexing,
    linear_algebra,
    manipulation,
    reductions,
    searching,
    sorting,
)
from . import elementwise as e
from .dispatch import install as install_dispatch

_OPERANDS = (Array, int, float, bool, complex, np.ndarray, np.generic, list, tuple, WeakNumber)


def _left(function: Any) -> Callable[[Array, Any], Any]:
    """x + y: elementwise functions are themselves operators, of the others each is wrapped."""
    if hasattr(function, "primitive"):
        return e.operator(function, _OPERANDS)

    def operator(self: Array, other: Any) -> Any:
        return function(self, other) if isinstance(other, _OPERANDS) else NotImplemented

    return operator


def _right(function: Callable[[Any, Any], Any]) -> Callable[[Array, Any], Any]:
    def operator(self: Array, other: Any) -> Any:
        return function(other, self) if isinstance(other, _OPERANDS) else NotImplemented

    return operator


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": e.add,
    "sub": e.subtract,
    "mul": e.multiply,
    "truediv": e.divide,
    "floordiv": e.floor_divide,
    "mod": e.remainder,
    "divmod": e.divmod,
    "pow": e.power,
    "matmul": linear_algebra.matmul,
    "and": e.bitwise_and,
    "or": e.bitwise_or,
    "xor": e.bitwise_xor,
    "lshift": e.bitwise_left_shift,
    "rshift": e.bitwise_right_shift,
}
_COMPARISONS = {
    "eq": e.equal,
    "ne": e.not_equal,
    "lt": e.less,
    "le": e.less_equal,
    "gt": e.greater,
    "ge": e.greater_equal,
}
_UNARY = {"neg": e.negative, "pos": e.positive, "abs": e.abs, "invert": e.bitwise_invert}


def _variadic(x: Array, given: tuple[Any, ...], name: str) -> Any:
    """`x.reshape(2, 3)` and `x.reshape((2, 3))` alike."""
    if len(given) == 1 and isinstance(given[0], tuple | list):
        return given[0]
    if not given and name != "transpose":
        raise ShapeError(f"x.{name}() needs sizes")
    return given


def _reshape(self: Array, *shape: Any, order: str = "C", copy: bool | None = None) -> Array:
    """The same elements, row by row, in another shape: `x.reshape(2, -1)` or `x.reshape((2, -1))`."""
    return manipulation.reshape(self, _variadic(self, shape, "reshape"), order, copy=copy)


def _transpose(self: Array, *axes: Any) -> Array:
    """The axes in another order, reversed where none is given: `x.transpose(0, 2, 1)`."""
    order: Any = _variadic(self, axes, "transpose")
    return manipulation.permute_dims(self, None if order in ((), (None,)) else order)


def _flatten(self: Array, order: str = "C") -> Array:
    """All elements in one axis (see `funcgrad.numpy.ravel`)."""
    return manipulation.ravel(self, order)


def _compress(self: Array, condition: Any, axis: int | None = None) -> Array:
    """The slices along an axis for which the condition is true (see `funcgrad.numpy.compress`)."""
    return searching.compress(condition, self, axis)


def _contains(self: Array, value: Any) -> bool:
    """`value in x`: is any element equal to it?"""
    return bool(reductions.any(e.equal(self, value)))


def _round(self: Array, ndigits: int | None = None) -> Array:
    """`round(x)`: an array of the same dtype, as in JAX; `int(round(x))` is a Python number."""
    return e.round(self, ndigits or 0)


def _astype(self: Array, dtype: Any, copy: bool = True, *, device: str | Device | None = None) -> Array:
    """The array in another dtype (see `funcgrad.numpy.astype`)."""
    return data_types.astype(self, dtype, device=device)


def _to_device(self: Array, device: str | Device, /, *, stream: Any = None) -> Array:
    """The array on another device; differentiable."""
    return to_device(self, device)


_METHODS: dict[str, Any] = {
    "__getitem__": indexing.getitem,
    "__contains__": _contains,
    "__round__": _round,
    "reshape": _reshape,
    "transpose": _transpose,
    "flatten": _flatten,
    "astype": _astype,
    "compress": _compress,
    "to_device": _to_device,
    **{
        name: getattr(module, name)
        for module, names in {
            creation: ("copy",),
            manipulation: ("ravel", "swapaxes", "squeeze", "broadcast_to", "repeat", "diagonal"),
            sorting: ("sort", "argsort", "partition", "argpartition", "searchsorted"),
            cumulative: ("cumprod",),
            reductions: (
                *("sum", "prod", "max", "min", "any", "all", "argmax", "argmin"),
                "cumsum",
            ),
            averages: ("mean", "var", "std"),
            linear_algebra: ("dot", "trace"),
            indexing: ("take",),
            e: ("clip", "round", "conj", "conjugate", "nonzero"),
        }.items()
        for name in names
    },
    "T": property(manipulation.permute_dims, doc="The axes in reverse."),
    "mT": property(manipulation.matrix_transpose, doc="The last two axes exchanged."),
    "real": property(e.real, doc="The real part."),
    "imag": property(e.imag, doc="The imaginary part."),
    "at": property(indexing.At, doc="`x.at[i].set(v)`: a changed copy (see `funcgrad.numpy.indexing.Update`)."),
}


_API_VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")


def install(namespace: dict[str, Any], module: Any) -> None:
    """Hang operators and methods on `Array`, and make `namespace` what NumPy's functions dispatch to."""
    for name, function in _BINARY.items():
        setattr(Array, f"__{name}__", _left(function))
        setattr(Array, f"__r{name}__", _right(function))
    for name, function in _COMPARISONS.items():
        setattr(Array, f"__{name}__", _left(function))
    for name, unary in _UNARY.items():
        setattr(Array, f"__{name}__", unary)
    for name, method in _METHODS.items():
        setattr(Array, name, method)
    Array.__hash__ = None  # setting __eq__ does not unset it
    install_dispatch(namespace)

    def array_namespace(self: Array, /, *, api_version: str | None = None) -> Any:
        """The module whose functions take this array, as the array API standard has it."""
        if api_version not in (None, *_API_VERSIONS):
            raise OptionError(f"the array API standard {api_version!r} is not here; {', '.join(_API_VERSIONS)} are")
        return module

    setattr(Array, "__array_namespace__", array_namespace)  # noqa: B010
