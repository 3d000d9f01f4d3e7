"""Borders around the last axes of an array, as PyTorch writes them."""

from __future__ import annotations

import operator
from typing import Any

from ..core import Array
from ..errors import OptionError, ShapeError
from ..numpy import padding
from ..ops.create import asarray

__all__ = ["pad"]

_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(x: Any, pad: Any, mode: str = "constant", value: Any = None) -> Array:
    """The array with a border around its last axes; `numpy.pad` is the one that names the axes from the first on.

    Args:
        x: an array.
        pad: two numbers an axis, low and high, **for the last axis first**: (left, right), (left, right, top, bottom),
            and so on. Axes that are not named stay as they are. A negative number cuts off.
        mode: "constant"; "reflect", mirrored at the edge element, which is not repeated; "replicate", the edge element;
            "circular", what stands at the other end, of what is left where something is cut off. Borders longer than
            the array go on in the same way, where PyTorch refuses them.
        value: of a constant border, 0 where None.

    Returns:
        An array of x's dtype.

    Raises:
        OptionError: no such mode, or a value with another one than "constant".
        ShapeError: `pad` is no even number of ints for x's axes, or cuts off more than there is.

    >>> import funcgrad.numpy as fnp, funcgrad.functional as F
    >>> F.pad(fnp.asarray([[1.0, 2.0]]), (0, 1, 1, 0), value=7)
    Array([[7., 7., 7.],
           [1., 2., 7.]], dtype=float32)
    >>> F.pad(fnp.asarray([1, 2, 3]), (2, -1), mode="reflect")
    Array([3, 2, 1, 2], dtype=int64)
    """
    x = asarray(x)
    if mode not in _MODES:
        raise OptionError(f"pad: mode must be one of {', '.join(map(repr, _MODES))}, not {mode!r}")
    if value is not None and mode != "constant":
        raise OptionError(f"pad: mode {mode!r} takes no value")
    try:
        numbers = [operator.index(n) for n in pad]
    except TypeError:
        numbers = [0]
    if len(numbers) % 2 or len(numbers) > 2 * x.ndim:
        raise ShapeError(
            f"pad: pad must be two ints for each of the last axes of x {x.aval}, last axis first, not {pad}"
        )
    widths = {-1 - i: (numbers[2 * i], numbers[2 * i + 1]) for i in range(len(numbers) // 2)}
    for axis, (low, high) in widths.items():
        if x.shape[axis] + low + high < 0 or min(low, high) < -x.shape[axis]:
            raise ShapeError(f"pad: {(low, high)} cuts off more than axis {axis} of x {x.aval} has")
    options = {"constant_values": value} if value is not None else {}
    added = {axis: (max(low, 0), max(high, 0)) for axis, (low, high) in widths.items()}
    if mode == "circular":
        x = _cut(x, widths)
    out: Any = padding.pad(x, added, _MODES[mode], **options) if any(map(any, added.values())) else x
    return out if mode == "circular" else _cut(out, widths)


def _cut(x: Any, widths: dict[int, tuple[int, int]]) -> Any:
    """x without what the negative widths cut off."""
    if not any(n < 0 for pair in widths.values() for n in pair):
        return x
    cut = [slice(None)] * x.ndim
    for axis, (low, high) in widths.items():
        cut[axis] = slice(max(-low, 0), x.shape[axis] - max(-high, 0))
    return x[tuple(cut)]
