"""NumPy's ufuncs beyond the plain call: their keywords, and `np.add.reduce`, `accumulate`, `reduceat`, `outer`, `at`.

Each takes the ufunc and our function of two operands; a reduction that we have is that one (`np.add.reduce` is `sum`),
any other ufunc is applied step by step, so all of them differentiate.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import Array, ArrayHolder
from ..dtypes import canonical
from ..errors import DtypeError, ImmutableArrayError, OptionError, ShapeError
from ..ops.create import as_operand, asarray
from ..ops.elementwise import astype
from ..ops.shape import normalize_axes, normalize_axis
from .creation import full
from .elementwise import where as choose
from .manipulation import concat, stack
from .reductions import all, any, cumsum, logsumexp, max, min, prod, sum

__all__ = ["REDUCTIONS", "accumulate", "at", "call", "chosen", "outer", "reduce", "reduceat"]

REDUCTIONS: dict[Any, Any] = {
    np.add: sum,
    np.logaddexp: logsumexp,
    np.logical_and: all,
    np.logical_or: any,
    np.maximum: max,
    np.minimum: min,
    np.multiply: prod,
}

_ASSOCIATIVE = (
    *(np.add, np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.fmax, np.fmin, np.gcd, np.hypot, np.lcm),
    *(np.logaddexp, np.logaddexp2, np.logical_and, np.logical_or, np.logical_xor, np.maximum, np.minimum, np.multiply),
)

_UPDATES = {
    np.add: "add",
    np.divide: "divide",
    np.maximum: "max",
    np.minimum: "min",
    np.multiply: "multiply",
    np.power: "power",
    np.subtract: "subtract",
}
"""What `np.add.at(x, i, v)` is called here: `x.at[i].add(v)`."""

_HARMLESS = {np.arccosh: 2, np.arccos: 0, np.arcsin: 0, np.arctanh: 0}
"""Where functions have a derivative that is finite, if not at 1."""


def call(
    ufunc: Any, ours: Callable[..., Any], *inputs: Any, where: Any = True, dtype: Any = None, casting: Any = "same_kind"
) -> Any:
    """A ufunc with keywords.

    Args:
        ufunc: NumPy's.
        ours: our function in its place.
        *inputs: its operands.
        where: which elements to compute; the others are 0 (in NumPy they are not set), and have no derivative.
        dtype: to compute in.
        casting: which changes of dtype that may be.

    Raises:
        DtypeError: operands that may not be cast to the dtype.
    """
    if dtype is not None:
        inputs = _cast(ufunc, inputs, canonical(dtype), casting)
    if where is True:
        return ours(*inputs)
    harmless = _HARMLESS.get(ufunc, 1)
    out = ours(*[choose(where, x, harmless) for x in inputs])
    return tuple(choose(where, x, 0) for x in out) if isinstance(out, tuple) else choose(where, out, 0)


def _cast(ufunc: Any, inputs: Sequence[Any], dtype: Any, casting: Any) -> tuple[Any, ...]:
    """The operands in that dtype, as far as it is one of operands."""
    if builtins.all(t[-1] in "?O" for t in ufunc.types):
        return tuple(inputs)
    found = []
    for x in map(as_operand, inputs):
        if isinstance(x, Array) and not np.can_cast(x.dtype, dtype, casting):
            raise DtypeError(
                f"np.{ufunc.__name__}: {x.aval} cannot become {dtype} by the rule {casting!r}: say casting='unsafe' "
                f"or x.astype('{dtype}')"
            )
        found.append(asarray(x, dtype))
    return tuple(found)


def chosen(where: Any, value: Any, other: Any) -> Any:
    """The value where it is to be written."""
    return choose(where, value, other)


def reduce(
    ufunc: Any,
    ours: Callable[..., Any],
    x: Any,
    axis: Any = 0,
    dtype: Any = None,
    keepdims: Any = False,
    initial: Any = np._NoValue,
    where: Any = True,
) -> Array:
    """`np.add.reduce(x, axis)`: the elements along an axis, or along several, put together by a function of two.

    Args:
        ufunc, ours: as for `call`.
        x: an array.
        axis: one, several, or None for all.
        dtype: to compute in.
        keepdims: whether the axes stay, at size one.
        initial: to begin with.
        where: which elements count.

    Raises:
        OptionError: `where` without a value to begin with, for a function that has none of its own.
    """
    x = asarray(x) if dtype is None else asarray(x, canonical(dtype))
    begins = initial is not np._NoValue and initial is not None
    if where is not True:
        if not begins and ufunc.identity is None:
            raise OptionError(f"np.{ufunc.__name__}.reduce: with where= say initial=, what elements left out count for")
        x = choose(where, x, initial if begins else ufunc.identity)
    axes = normalize_axes(axis, x.ndim, f"np.{ufunc.__name__}.reduce")
    whole = REDUCTIONS.get(ufunc)
    empty = 0 in [x.shape[i] for i in axes]
    if whole is not None and not (empty and begins):
        out = whole(x, axis=axes, keepdims=bool(keepdims))
    else:
        out = x
        for i in sorted(axes, reverse=True):
            out = _folded(ufunc, ours, out, i, initial if begins else ufunc.identity)
        if keepdims:
            out = out.reshape(tuple(1 if i in axes else n for i, n in enumerate(x.shape)))
        if empty:
            return out
    return ours(out, initial) if begins else out


def _folded(ufunc: Any, ours: Callable[..., Any], x: Any, axis: int, first: Any) -> Any:
    """The slices along an axis, put together from the first to the last."""
    n = x.shape[axis]
    rest = x.shape[:axis] + x.shape[axis + 1 :]
    if n == 0:
        if first is None:
            raise ShapeError(f"np.{ufunc.__name__}.reduce: no elements along axis {axis} of {x.aval}, and no initial=")
        return full(rest, first, x.dtype)
    out = _part(x, axis, 0)
    if ufunc.__name__.startswith("logical"):
        out = astype(out, canonical(bool))
    for i in range(1, n):
        out = ours(out, _part(x, axis, i))
    return out


def accumulate(ufunc: Any, ours: Callable[..., Any], x: Any, axis: int = 0, dtype: Any = None) -> Array:
    """`np.add.accumulate(x, axis)`: along an axis, at each element what it and those before it come to.

    Args:
        ufunc, ours: as for `call`.
        x: an array.
        axis: which one.
        dtype: to compute in.
    """
    x = asarray(x) if dtype is None else asarray(x, canonical(dtype))
    axis = normalize_axis(axis, x.ndim, f"np.{ufunc.__name__}.accumulate")
    if ufunc is np.add:
        return cumsum(x, axis=axis)
    n = x.shape[axis]
    if ufunc.__name__.startswith("logical"):
        x = astype(x, canonical(bool))
    if ufunc in _ASSOCIATIVE:  # by doubling: after each step an element stands for twice as many
        step = 1
        while step < n:
            joined = ours(_part(x, axis, slice(None, -step)), _part(x, axis, slice(step, None)))
            x = concat([_part(x, axis, slice(None, step)), joined], axis=axis)
            step *= 2
        return x
    if n == 0:
        return x
    found = [_part(x, axis, 0)]
    for i in range(1, n):
        found.append(ours(found[-1], _part(x, axis, i)))
    return stack(found, axis=axis)


def reduceat(ufunc: Any, ours: Callable[..., Any], x: Any, indices: Any, axis: int = 0, dtype: Any = None) -> Array:
    """`np.add.reduceat(x, indices)`: `reduce` of each stretch between two indices, or the one element of an empty one.

    Args:
        ufunc, ours: as for `call`.
        x: an array.
        indices: where stretches begin, integers; the last one goes to the end.
        axis: which one.
        dtype: to compute in.
    """
    x = asarray(x)
    axis = normalize_axis(axis, x.ndim, f"np.{ufunc.__name__}.reduceat")
    begins = [int(i) for i in asarray(indices)]
    parts = []
    for begin, end in zip(begins, [*begins[1:], x.shape[axis]], strict=True):
        part = _part(x, axis, slice(begin, end if end > begin else begin + 1))
        parts.append(reduce(ufunc, ours, part, axis, dtype))
    return stack(parts, axis=axis)


def outer(ufunc: Any, ours: Callable[..., Any], x: Any, y: Any, **options: Any) -> Any:
    """`np.add.outer(x, y)`: the function of every pair of elements, in the shape x.shape + y.shape."""
    x, y = asarray(x), asarray(y)
    return call(ufunc, ours, x.reshape(x.shape + (1,) * y.ndim), y, **options)


def at(ufunc: Any, inputs: Sequence[Any], as_numpy: Callable[..., Any]) -> None:
    """`np.add.at(x, i, v)` for an array of NumPy's; ours does not change.

    Raises:
        ImmutableArrayError: it is ours, with the line to write.
    """
    x, key, *values = inputs
    name = f"np.{ufunc.__name__}.at"
    update = _UPDATES.get(ufunc)
    if isinstance(x, ArrayHolder):
        if update is None:
            raise OptionError(f"{name}: a mutable view has {', '.join(sorted(_UPDATES.values()))}")
        y: Any = x
        y[...] = getattr(x.freeze().at[key], update)(*values)
        return
    if isinstance(x, Array):
        line = f"x = x.at[i].{update}(v)" if update else "x = x.at[i].set(...)"
        raise ImmutableArrayError(f"{name}: arrays do not change in place; write `{line}`; here x has shape {x.shape}")
    ufunc.at(x, *as_numpy([key, *values], name, "let its first argument be fg.mutable(array)"))


def _part(x: Any, axis: int, what: Any) -> Any:
    return x[(slice(None),) * axis + (what,)]
