"""`tap`: look at a value on its way forward, or at its cotangent on its way back, and change it there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..core import Call, bind_call, current_trace
from ..dtypes import is_complex, is_floating, is_inexact
from ..errors import DtypeError, OptionError, ShapeError
from ..numpy.creation import asarray
from .vmap import vmap

__all__ = ["tap"]


def tap(x: Any, fn: Callable[[Any], Any], when: str = "backward") -> Any:
    """x itself, with a function called on its cotangent in the backward pass, or on its value now.

    The result stands for x: a tap whose result is not used has no cotangent, and fn is never called. What fn gets with
    `when="forward"` belongs to the transforms that are running, so it can be looked at and printed, not stored; to
    store values, `debug.callback` gets NumPy arrays.

    Args:
        x: a pytree of arrays.
        fn: called with each leaf's cotangent (or value). What it returns takes the cotangent's place in the backward
            pass; None leaves it as it is.
        when: "backward", or "forward".

    Returns:
        x, to be used in its place.

    Raises:
        OptionError: another `when`.
        ShapeError, DtypeError: a new cotangent without the shape or dtype of the old one.

    >>> import funcgrad as fg
    >>> float(fg.grad(lambda x: 5 * fg.tap(x, lambda ct: ct / 100))(1.0))
    0.05000000074505806
    >>> float(fg.grad(lambda x: 5 * fg.tap(x, lambda ct: print("cotangent", ct)))(1.0))
    cotangent 5.0
    5.0
    """
    if when == "forward":
        tree.map(lambda leaf: fn(asarray(leaf)) and None, x)
        return tree.map(asarray, x)
    if when != "backward":
        raise OptionError(f"tap: when must be 'backward' or 'forward', not {when!r}")
    return tree.map(lambda leaf: bind_call(current_trace(), Tap(fn), [asarray(leaf)])[0], x)


class Tap(Call):
    """The identity, whose cotangent a function sees."""

    name = "tap"

    def __init__(self, fn: Callable[[Any], Any]):
        self.fn = fn

    def evaluate(self, args: Sequence[Any]) -> Sequence[Any]:
        return list(args)

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        return bind_call(current_trace(), self, primals), bind_call(current_trace(), self, tangents)

    def vjp(self, primals: Sequence[Any], wanted: Sequence[bool]) -> tuple[Sequence[Any], Callable[..., Sequence[Any]]]:
        def pullback(cts: Sequence[Any]) -> list[Any]:
            (ct,) = cts
            return [None if ct is None else replaced(self.fn, ct)]

        return bind_call(current_trace(), self, primals), pullback

    def batch(
        self, size: int, args: Sequence[Any], dims: Sequence[int | None]
    ) -> tuple[Sequence[Any], Sequence[int | None]]:
        one = vmap(lambda ct: replaced(self.fn, ct), in_axes=dims[0], out_axes=dims[0], axis_size=size)
        return bind_call(current_trace(), Tap(one), args), dims


def replaced(fn: Callable[[Any], Any], ct: Any) -> Any:
    """The cotangent that fn makes of one."""
    new = fn(ct)
    if new is None:
        return ct
    new = asarray(new, ct.dtype if isinstance(new, int | float) else None)
    if new.shape != ct.shape:
        raise ShapeError(f"tap: the function got a cotangent {ct.aval} and returned {new.aval}")
    if not is_inexact(new.dtype) or (is_complex(new.dtype) and is_floating(ct.dtype)):
        raise DtypeError(f"tap: the function got a cotangent {ct.aval} and returned {new.aval}")
    return new if new.dtype == ct.dtype else new.astype(ct.dtype)
