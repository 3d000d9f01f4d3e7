"""How NumPy's views lie in memory: by how many elements each axis goes on, computed from the operand's.

    x of (16, 64, 128) in C's order      (8192, 128, 1)
    x.reshape(16, 64, 4, 32)             (8192, 128, 32, 1)
    ... .transpose(0, 2, 1, 3)           (8192, 32, 128, 1)
    ... .reshape(16, 64, 128)            none: NumPy makes a copy

Along an axis of one element the number says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

__all__ = ["Strides", "c_strides", "is_c", "of_view"]

Strides: TypeAlias = tuple[int, ...]
"""In elements, not in bytes as NumPy's."""


def c_strides(shape: Sequence[int]) -> Strides:
    """Those of an array in C's order."""
    found, step = [], 1
    for n in reversed(shape):
        found.append(step)
        step *= n
    return tuple(reversed(found))


def is_c(shape: Sequence[int], strides: Strides) -> bool:
    """Are they those of C's order?"""
    return all(n == 1 or a == b for n, a, b in zip(shape, strides, c_strides(shape), strict=True))


def of_view(
    name: str, params: Mapping[str, Any], strides: Strides, shape: Sequence[int], into: Sequence[int]
) -> Strides | None:
    """The strides of a view.

    Args:
        name: of the primitive that looks at the array.
        params: its parameters.
        strides: the array's.
        shape: the array's.
        into: the view's.

    Returns:
        None where NumPy makes a copy, or where this does not know.
    """
    if 0 in into or 0 in shape or not into:  # nothing to look at, or one of NumPy's scalars
        return None
    if name == "permute_dims":
        return tuple(strides[axis] for axis in params["axes"])
    if name == "broadcast_to":
        ahead = (0,) * (len(into) - len(shape))
        return ahead + tuple(
            0 if n != m else s for s, n, m in zip(strides, shape, into[len(ahead) :], strict=True)
        )  # fmt: skip
    if name == "slice":
        return _sliced(params["key"], strides)
    if name == "reshape":
        return _reshaped(strides, shape, into)
    return None


def _sliced(key: Sequence[Any], strides: Strides) -> Strides | None:
    """Of x[key], where the key has slices and whole numbers."""
    found = []
    for k, stride in zip(key, strides, strict=False):
        if isinstance(k, slice):
            found.append(stride * (1 if k.step is None else k.step))
        elif not isinstance(k, int):
            return None
    return tuple(found) + strides[len(key) :]


def _reshaped(strides: Strides, shape: Sequence[int], into: Sequence[int]) -> Strides | None:
    """As few neighbouring axes as have equally many elements on both sides, again and again: each as one in memory."""
    old = [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
    found = [1] * len(into)
    new = [axis for axis, n in enumerate(into) if n != 1]
    while new:
        (size, step), old = old[0], old[1:]
        group, new = [new[0]], new[1:]
        count = into[group[0]]
        while count != size:
            if count < size:
                count *= into[new[0]]
                group, new = [*group, new[0]], new[1:]
            else:
                n, s = old.pop(0)
                if step != n * s:
                    return None
                size, step = size * n, s
        for axis in reversed(group):
            found[axis] = step
            step *= into[axis]
    return tuple(found)
