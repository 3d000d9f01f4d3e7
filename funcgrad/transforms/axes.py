"""Which axis of which argument `vmap` maps over: `in_axes` and `out_axes`, leaf by leaf."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import tree
from ..errors import AxisError, DtypeError, ShapeError, TreeError
from ..numpy.creation import asarray
from .arguments import as_arrays, described

__all__ = ["batch_size", "hidden_axes", "input_axes", "mapped_inputs", "output_axes", "refuse_other_axes"]


def input_axes(in_axes: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[int | None]:
    """The mapped axis of every leaf of (args, kwargs)."""
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    if isinstance(in_axes, tuple) and len(in_axes) != len(args):
        raise TreeError(f"vmap: in_axes has {len(in_axes)} entries for {len(args)} positional arguments")
    try:
        found = tree.broadcast_prefix((in_axes, 0), (args, kwargs))
    except ValueError as error:
        words = tree.difference(in_axes, args, prefix=True, none_is_leaf=True)
        raise TreeError(
            f"vmap: in_axes (the first) does not fit the arguments (the second): {words}; it must be an int, None, or "
            "one entry an argument, each an int, None or a tree that matches the argument's"
        ) from error
    return found


def refuse_other_axes(in_axes: Any) -> None:
    """An error for what is no axis, such as the array that f is to be called with."""
    for axis in tree.leaves(in_axes):
        if not isinstance(axis, int) or isinstance(axis, bool):
            raise TreeError(
                f"vmap: in_axes must hold ints and None, not {described(axis)}; vmap(f) returns a function: vmap(f)(x)"
            )


def mapped_inputs(
    arguments: Any, leaves: Sequence[Any], axes: Sequence[int | None]
) -> tuple[list[Any], list[int | None]]:
    """Leaves as arrays with axes counted from the front, all mapped sizes equal."""
    values: list[Any] = list(leaves)
    dims: list[int | None] = [None] * len(leaves)
    sizes: list[tuple[int, int]] = []
    hidden = hidden_axes(arguments, none_is_leaf=True)
    for i, (x, axis) in enumerate(zip(leaves, axes, strict=True)):
        if axis is None or x is None:
            continue
        try:
            values[i] = x = asarray(x)
        except DtypeError:  # said better
            bound = "bind it by a closure or functools.partial"
            as_arrays([x], "vmap", advice=f"give {_path(arguments, i)} None in in_axes, or {bound}")
        ndim = x.ndim - hidden[i]
        if not -ndim <= axis < ndim:
            what = f"keys of shape {x.shape[:-1]}" if hidden[i] else x.aval
            raise AxisError(f"vmap: {_path(arguments, i)} is {what} and has no axis {axis} to map over")
        dims[i] = axis % ndim
        sizes.append((i, x.shape[dims[i]]))
    if len({n for _, n in sizes}) > 1:
        listed = "; ".join(f"{_path(arguments, i)} {values[i].aval} has {n} along axis {dims[i]}" for i, n in sizes)
        raise ShapeError(f"vmap: the mapped axes must have one size: {listed}")
    return values, dims


def batch_size(arguments: Any, values: Sequence[Any], dims: Sequence[int | None], given: int | None) -> int:
    """How many examples there are, by the mapped arguments and by what the user says."""
    found: int | None = next((v.shape[d] for v, d in zip(values, dims, strict=True) if d is not None), None)
    if found is None and given is None:
        raise ShapeError(
            "vmap: no argument is mapped: give an axis in in_axes for at least one array, or the number of examples "
            "by axis_size"
        )
    if found is not None and given is not None and found != given:
        i = next(i for i, d in enumerate(dims) if d is not None)
        raise ShapeError(f"vmap: axis_size is {given}, but {_path(arguments, i)} has {found} along axis {dims[i]}")
    return given if found is None else found  # type: ignore[return-value]


def hidden_axes(values: Any, none_is_leaf: bool = False) -> list[int]:
    """How many last axes of every leaf are none to the user: one, the words of each key, inside of a `random.Key`."""
    nodes, _ = tree.flatten(values, is_leaf=_hides_axes, none_is_leaf=none_is_leaf)
    return [getattr(type(x), "hidden_axes", 0) for x in nodes]


def _hides_axes(x: Any) -> bool:
    return hasattr(type(x), "hidden_axes")


def _path(arguments: tuple[tuple[Any, ...], dict[str, Any]], index: int) -> str:
    """The user's name for a leaf: 'argument 0['w']' or "argument x"."""
    paths = [p for p, _ in tree.flatten_with_path(arguments, is_leaf=lambda x: x is None or _hides_axes(x))[0]]
    half, rest = paths[index][:3], paths[index][3:]
    place, _, inner = rest[1:].partition("]")
    return f"argument {place}{inner}" if half == "[0]" else f"keyword argument {place}{inner}"


def output_axes(out: Any, out_axes: Any) -> list[int | None]:
    """Where the batch goes in every leaf of the output."""
    try:
        axes = tree.broadcast_prefix(out_axes, out)
    except ValueError as error:
        words = tree.difference(out_axes, out, prefix=True, none_is_leaf=True)
        raise TreeError(f"vmap: out_axes (the first) does not fit the output (the second): {words}") from error
    leaves = tree.flatten(out, none_is_leaf=True)[0]
    return [axis for axis, x in zip(axes, leaves, strict=True) if x is not None]
