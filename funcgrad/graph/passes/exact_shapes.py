"""Rules for operations that move elements, or change their dtype, and compute nothing."""

from __future__ import annotations

import numpy as np

from ...core import Aval
from ...dtypes import DType, kind
from ..ir import Atom, Eqn
from .matching import Match, Rule

__all__ = ["SHAPE_RULES"]


def reshape(m: Match) -> Eqn | Atom | None:
    """Elements keep their row-major order, so the last of several shapes is the shape."""
    (x,) = m.eqn.operands
    inner = m.maker(x, "reshape")
    if inner is not None:
        return m.becomes("reshape", *inner.operands, shape=m.out.shape)
    return m.instead(x) or _one_value_repeated(m)


def permute_dims(m: Match) -> Eqn | Atom | None:
    """Permutations compose: axis i of the result is axis axes[i] of the operand. Axes of size one move no element."""
    (x,) = m.eqn.operands
    axes = tuple(m.eqn.params["axes"])
    if axes == tuple(range(len(axes))):
        return m.instead(x)
    longer = [axis for axis in axes if x.type.shape[axis] != 1]
    if longer == sorted(longer):
        return m.becomes("reshape", x, shape=m.out.shape)
    inner = m.maker(x, "permute_dims")
    if inner is not None:
        return m.becomes("permute_dims", *inner.operands, axes=tuple(inner.params["axes"][i] for i in axes))
    return _one_value_repeated(m)


def broadcast_to(m: Match) -> Eqn | Atom | None:
    """Repeated and repeated again is repeated."""
    (x,) = m.eqn.operands
    inner = m.maker(x, "broadcast_to")
    if inner is not None:
        return m.becomes("broadcast_to", *inner.operands, shape=m.out.shape)
    return m.instead(x)


def _one_value_repeated(m: Match) -> Eqn | None:
    """A number that was repeated, in whatever order: all elements are equal."""
    (x,) = m.eqn.operands
    inner = m.maker(x, "broadcast_to")
    if inner is not None and inner.operands[0].type.shape == ():
        return m.becomes("broadcast_to", *inner.operands, shape=m.out.shape)
    return None


def slice_(m: Match) -> Eqn | Atom | None:
    """All of an array, perhaps with new axes of size one, which move no element."""
    (x,) = m.eqn.operands
    key = m.eqn.params["key"]
    if not _is_whole(tuple(k for k in key if k is not None), x.type.shape):
        return None
    return m.instead(x) or m.becomes("reshape", x, shape=m.out.shape)


def unslice(m: Match) -> Eqn | Atom | None:
    """All of an array put into zeros, of which nothing stays."""
    (x,) = m.eqn.operands
    return m.instead(x) if _is_whole(m.eqn.params["key"], m.out.shape) else None


def set_slice(m: Match) -> Eqn | Atom | None:
    """All of an array overwritten."""
    _, updates = m.eqn.operands
    return m.instead(updates) if _is_whole(m.eqn.params["key"], m.out.shape) else None


def _is_whole(key: tuple[object, ...], shape: tuple[int, ...]) -> bool:
    """Does an index take every element, in order, and no new axis?"""
    return len(key) <= len(shape) and all(
        isinstance(k, slice) and k.indices(n) == (0, n, 1) for k, n in zip(key, shape, strict=False)
    )


def pad(m: Match) -> Eqn | Atom | None:
    """Nothing put around an array: widths are not negative, so the shape says so."""
    return m.instead(m.eqn.operands[0])


def concat(m: Match) -> Eqn | Atom | None:
    """One array beside none."""
    return m.instead(m.eqn.operands[0]) if len(m.eqn.operands) == 1 else None


def convert(m: Match) -> Eqn | Atom | None:
    """To the same dtype; and by way of a wider one, which rounds nothing."""
    (x,) = m.eqn.operands
    if m.instead(x) is not None:
        return x
    inner = m.maker(x, "convert") or m.maker(x, "cast")
    if inner is None or not isinstance(x.type, Aval) or not isinstance(inner.operands[0].type, Aval):
        return None
    source, between, target = inner.operands[0].type.dtype, x.type.dtype, m.out.dtype
    if not _holds(between, source) or (kind(source) >= 2 and kind(target) != kind(source)):
        return None  # what a float out of an integer's range becomes, each conversion decides for itself
    return m.becomes(m.eqn.op.name, *inner.operands, dtype=target)


def _holds(wide: DType, narrow: DType) -> bool:
    """Has every value of one dtype its exact place in the other? NumPy says so also of int64 in float64."""
    families = max(kind(wide), 1), max(kind(narrow), 1)  # booleans are whole numbers
    return families[0] == families[1] and np.can_cast(narrow, wide, "safe")


def device_put(m: Match) -> Eqn | Atom | None:
    """To where the array is."""
    return m.instead(m.eqn.operands[0]) if m.eqn.params["source"] == m.eqn.params["target"] else None


def stop_gradient(m: Match) -> Eqn | Atom | None:
    """The identity on values."""
    return m.instead(m.eqn.operands[0])


SHAPE_RULES: dict[str, Rule] = {
    "reshape": reshape,
    "permute_dims": permute_dims,
    "broadcast_to": broadcast_to,
    "slice": slice_,
    "unslice": unslice,
    "set_slice": set_slice,
    "pad": pad,
    "concat": concat,
    "convert": convert,
    "cast": convert,
    "device_put": device_put,
    "stop_gradient": stop_gradient,
}
