"""Transformations of complex parameters as pairs of real ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ... import tree
from ...core import Array
from ...dtypes import is_complex
from ...numpy import imag, real
from ..transformation import (
    GradientTransformation,
    GradientTransformationExtraArgs,
    checked,
    floating_leaves,
    need_state,
    updated,
)

__all__ = ["SplitRealAndImaginaryArrays", "SplitRealAndImaginaryState", "split_real_and_imaginary"]


class SplitRealAndImaginaryArrays(NamedTuple):
    """The parts of a complex array.

    Args:
        real, imaginary: real arrays of its shape.
    """

    real: Array
    imaginary: Array


class SplitRealAndImaginaryState(NamedTuple):
    """The state of `split_real_and_imaginary`.

    Args:
        inner_state: of the transformation, which sees a `SplitRealAndImaginaryArrays` in the place of a complex array.
    """

    inner_state: Any


@dataclass(frozen=True)
class split_real_and_imaginary(GradientTransformationExtraArgs):  # noqa: N801  # transformations have optax's names
    """A transformation of the real and the imaginary parts of complex parameters, each by itself.

    Args:
        inner: the transformation.

    The gradient of a real loss of z is conjugated on the way from `grad` to an optimiser (`help(funcgrad.grad)`).

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> opt, params = optim.contrib.split_real_and_imaginary(optim.sign_sgd(0.5)), fnp.zeros(1, "complex64")
    >>> opt.update(fnp.asarray([3 - 0.1j]), opt.init(params), params)[0]
    Array([-0.5+0.5j], dtype=complex64)
    """

    inner: GradientTransformation

    def __post_init__(self) -> None:
        checked(self, self.inner)

    def init(self, params: Any) -> SplitRealAndImaginaryState:
        return SplitRealAndImaginaryState(self.inner.init(self._split("params", params)))

    def update(
        self, updates: Any, state: SplitRealAndImaginaryState, params: Any = None, **extra_args: Any
    ) -> tuple[Any, SplitRealAndImaginaryState]:
        need_state(self, state, SplitRealAndImaginaryState)
        parts = None if params is None else self._split("params", params)
        new, inner_state = updated(self.inner, self._split("updates", updates), state.inner_state, parts, extra_args)
        return tree.map(_joined, new, is_leaf=_is_split), SplitRealAndImaginaryState(inner_state)

    def _split(self, name: str, full: Any) -> Any:
        leaves, structure = floating_leaves(self, name, full)
        return tree.unflatten(structure, [_parts(x) if is_complex(x.dtype) else x for x in leaves])


def _parts(x: Array) -> SplitRealAndImaginaryArrays:
    return SplitRealAndImaginaryArrays(real(x), imag(x))


def _is_split(x: Any) -> bool:
    return isinstance(x, SplitRealAndImaginaryArrays)


def _joined(x: Any) -> Any:
    return x.real + 1j * x.imaginary if _is_split(x) else x
