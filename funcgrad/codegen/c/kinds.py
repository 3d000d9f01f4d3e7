"""Which equations a nest understands that are neither elementwise nor a sum: indices, windows, random bits, views."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from ...core import Primitive
from ...graph.ir import Atom, Eqn, Literal

__all__ = [
    "BOXES",
    "RANDOM",
    "REDUCTIONS",
    "WINDOWS",
    "box_of",
    "cost_of",
    "is_alias",
    "is_one_hot",
    "is_pick",
    "is_random",
    "is_view",
    "is_window",
    "read_by_element",
    "repeats",
    "window_of",
]

REDUCTIONS = frozenset({"sum", "max", "min"})
RANDOM = frozenset({"random_bits", "random_below", "random_uniform"})
BOXES = frozenset({"slice", "unslice"})
WINDOWS = frozenset({"window_argmax", "window_gather", "window_scatter"})
_SAME_VALUES = frozenset({"reshape", "broadcast_to", "stop_gradient", "checkpoint_name"})

_FUNCTIONS = frozenset({
    "exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos",
    "atan", "atan2", "asinh", "acosh", "atanh", "hypot", "pow", "erf", "erfc", "erfinv", "sigmoid", "softplus",
    "logaddexp",
})  # fmt: skip

LARGEST_WINDOW = 9
"""Up to how many elements a window has: each is computed by statements of its own."""
LEAST_CHANNELS = 8
"""From how many channels on: their loop is the innermost one."""


def is_alias(eqn: Eqn) -> bool:
    """Are its results its operand's elements, in the same order?"""
    return isinstance(eqn.op, Primitive) and eqn.op.name in _SAME_VALUES


def is_pick(eqn: Eqn) -> bool:
    """Is it `x[arange(n), index]`?"""
    if not isinstance(eqn.op, Primitive) or eqn.op.name != "gather" or len(eqn.operands) != 3:
        return False
    x, rows, _ = eqn.operands
    return len(x.type.shape) == 2 and _counts(rows, x.type.shape[0])


def is_one_hot(eqn: Eqn) -> bool:
    """Is it `zeros.at[arange(n), index].add(value)`?"""
    if not isinstance(eqn.op, Primitive) or eqn.op.name != "scatter_add" or len(eqn.operands) != 4:
        return False
    zeros, _, rows, _ = eqn.operands
    if len(zeros.type.shape) != 2 or not isinstance(zeros, Literal) or not _counts(rows, zeros.type.shape[0]):
        return False
    return not zeros.value._data.any()


def is_random(eqn: Eqn) -> bool:
    """Does it draw from the stream of one key, element by element?"""
    return isinstance(eqn.op, Primitive) and eqn.op.name in RANDOM and eqn.operands[0].type.shape == (2,)


def is_window(eqn: Eqn) -> bool:
    """Does it look for the maximum of windows that lie side by side and leave nothing out, or at where it was?"""
    if not isinstance(eqn.op, Primitive) or eqn.op.name not in WINDOWS:
        return False
    window, params = eqn.params["window"], eqn.params
    big, small = window_of(eqn)
    return (
        params["stride"] == window
        and not any(map(any, params["padding"]))
        and all(n == 1 for n in params["dilation"])
        and all(n > 1 for n in window)
        and prod(window) <= LARGEST_WINDOW
        and small[-1] >= LEAST_CHANNELS
        and big[1:-1] == tuple(n * k for n, k in zip(small[1:-1], window, strict=True))
    )


def window_of(eqn: Eqn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shape that the windows lie in, and that of what there is one of for each window."""
    a, b = eqn.operands[0].type.shape, eqn.outs[0].type.shape
    return (b, a) if eqn.op.name == "window_scatter" else (a, b)


def is_view(eqn: Eqn) -> bool:
    """Does it make no values of its own?"""
    return is_alias(eqn) or (isinstance(eqn.op, Primitive) and eqn.op.name == "slice")


def box_of(eqn: Eqn) -> list[tuple[int, int]] | None:
    """Along each axis from where to where a slice is cut out, or put in; None if it leaves out axes or steps."""
    whole = (eqn.operands[0] if eqn.op.name == "slice" else eqn.outs[0]).type.shape
    key = eqn.params["key"]
    if not all(isinstance(k, slice) for k in key) or len(key) > len(whole):
        return None
    ranges = [k.indices(n) for k, n in zip((*key, *[slice(None)] * (len(whole) - len(key))), whole, strict=True)]
    return None if any(step != 1 for _, _, step in ranges) else [(start, stop) for start, stop, _ in ranges]


def cost_of(eqn: Eqn) -> int:
    """How many additions one element costs, in vectors."""
    return 120 if is_random(eqn) else 30 if eqn.op.name in _FUNCTIONS else 1


def read_by_element(eqn: Eqn) -> Sequence[Atom]:
    """The operands that are read, element by element."""
    if is_pick(eqn):
        return eqn.operands[0], eqn.operands[2]
    return (eqn.operands[1], eqn.operands[3]) if is_one_hot(eqn) else eqn.operands


def repeats(a: Atom) -> bool:
    """Is it a constant that repeats one element?"""
    return isinstance(a, Literal) and not any(a.value._data.strides)


def _counts(a: Atom, n: int) -> bool:
    """Is it the constant 0, 1, ..., n - 1?"""
    return isinstance(a, Literal) and a.type.shape == (n,) and bool((a.value._data == np.arange(n)).all())
