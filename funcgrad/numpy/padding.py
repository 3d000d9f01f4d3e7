"""Borders around arrays, in all of NumPy's ways.

Axis by axis, as NumPy does it: what an axis adds continues what the axes before it have added.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import Array
from ..dtypes import is_inexact
from ..errors import DtypeError, OptionError, ShapeError
from ..ops.create import asarray, to_inexact
from ..ops.elementwise import astype, floor, isnan, round, where
from ..ops.shape import concat, normalize_axis, slice_
from ..ops.shape import pad as zero_pad
from ..rules import move_axis
from .averages import mean as mean_
from .manipulation import broadcast_to, reshape, stack
from .reductions import max as max_
from .reductions import min as min_
from .sorting import sort

__all__ = ["pad"]

Pair = tuple[Any, Any]

_OPTIONS: dict[str, tuple[str, ...]] = {
    "constant": ("constant_values",),
    "edge": (),
    "empty": (),
    "linear_ramp": ("end_values",),
    "maximum": ("stat_length",),
    "mean": ("stat_length",),
    "median": ("stat_length",),
    "minimum": ("stat_length",),
    "reflect": ("reflect_type",),
    "symmetric": ("reflect_type",),
    "wrap": (),
}


def pad(array: Any, pad_width: Any, mode: str | Callable[..., Any] = "constant", **kwargs: Any) -> Array:
    """The array with a border.

    The modes, each with its options:

    - "constant": `constant_values`, 0 by default.
    - "edge": the element at the edge. "empty": zeros, as nothing can be written there later.
    - "linear_ramp": from the edge to `end_values`, 0 by default, in equal steps.
    - "maximum", "minimum", "mean", "median": of the `stat_length` elements next to the edge, of all by default.
    - "reflect": mirrored at the edge, which is not repeated; "symmetric": with the edge repeated. With
      reflect_type="odd" what is mirrored is subtracted from twice the edge.
    - "wrap": what stands at the other end.
    - a function: (vector, (before, after), axis, kwargs) -> vector, called with each line along each axis, zeros in its
      border. Unlike NumPy's it returns the changed line.

    Args:
        array: an array.
        pad_width: elements to add: an int for all sides, a pair (before, after) for all axes, one pair an axis, or a
            dict from axes to ints or pairs.
        mode: one of the above.
        **kwargs: the mode's options. Values and lengths are a number, a pair, or one pair an axis.

    Raises:
        OptionError: no such mode, or an option that it does not have.
        ShapeError: the widths do not fit the axes, or there is nothing to repeat.

    >>> from funcgrad import numpy as fnp
    >>> fnp.pad(fnp.ones(2), (1, 2)).tolist()
    [0.0, 1.0, 1.0, 0.0, 0.0]
    >>> fnp.pad(fnp.asarray([1, 2, 3]), 2, mode="reflect")
    Array([3, 2, 1, 2, 3, 2, 1], dtype=int64)
    """
    x = asarray(array)
    widths = _widths(pad_width, x.ndim)
    if callable(mode):
        return _by_function(x, widths, mode, kwargs)
    if mode not in _OPTIONS:
        raise OptionError(f"pad: mode must be one of {', '.join(map(repr, _OPTIONS))} or a function, not {mode!r}")
    if unknown := set(kwargs) - set(_OPTIONS[mode]):
        raise OptionError(f"pad: mode {mode!r} has no option {', '.join(sorted(unknown))}")
    if mode in ("constant", "empty"):
        return _constant(x, widths, kwargs.get("constant_values", 0))
    if mode in ("linear_ramp", "maximum", "mean", "median", "minimum"):
        option = kwargs.get("end_values", 0) if mode == "linear_ramp" else kwargs.get("stat_length")
        pairs = _pairs(option, x.ndim, "end_values" if mode == "linear_ramp" else "stat_length")
        for axis, (width, pair) in enumerate(zip(widths, pairs, strict=True)):
            if any(width):
                _refuse_empty(x, axis, mode)
                line = move_axis(x, axis, 0)
                before, after = (
                    _ramps(line, width, pair) if mode == "linear_ramp" else _statistics(mode, line, width, pair)
                )
                x = move_axis(concat(before, line, after, axis=0), 0, axis)
        return x
    kind = kwargs.get("reflect_type", "even")
    if kind not in ("even", "odd"):
        raise OptionError(f"pad: reflect_type must be 'even' or 'odd', not {kind!r}")
    for axis, width in enumerate(widths):
        if any(width):
            _refuse_empty(x, axis, mode)
            if kind == "odd":
                x = move_axis(_odd(move_axis(x, axis, 0), width, mode), 0, axis)
            else:
                x = _repeated(x, axis, width, mode)
    return x


def _refuse_empty(x: Array, axis: int, mode: str) -> None:
    if not x.shape[axis]:
        raise ShapeError(f"pad: axis {axis} of {x.aval} has nothing to continue by mode {mode!r}; 'constant' would do")


# ---- what users write --------------------------------------------------------------------------


def _widths(pad_width: Any, ndim: int) -> tuple[tuple[int, int], ...]:
    if isinstance(pad_width, dict):
        found = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            (found[normalize_axis(axis, ndim, "pad")],) = _pairs(width, 1, "pad_width")
        pairs = found
    else:
        pairs = _pairs(pad_width, ndim, "pad_width")
    try:
        widths = tuple((operator.index(a), operator.index(b)) for a, b in pairs)
    except TypeError:
        raise DtypeError(f"pad: pad_width must hold ints, not {pad_width!r}") from None
    if any(min(pair) < 0 for pair in widths):
        raise ShapeError(f"pad: pad_width must not be negative: {pad_width!r}")
    return widths


def _pairs(value: Any, ndim: int, option: str) -> list[Pair]:
    """A number, [number], a pair, [pair], one [number] an axis, or one pair an axis, as one pair an axis."""
    if isinstance(value, np.ndarray | Array) and value.ndim:
        value = list(value)
    if not isinstance(value, list | tuple):
        return [(value, value)] * ndim
    parts = [list(p) if isinstance(p, np.ndarray | Array) and p.ndim else p for p in value]
    nested = [isinstance(p, list | tuple) for p in parts]
    if not any(nested) and len(parts) in (1, 2):
        return [(parts[0], parts[-1])] * ndim
    if all(nested) and len(parts) in (1, ndim) and all(len(p) in (1, 2) for p in parts):
        both = [(p[0], p[-1]) for p in parts]
        return both * ndim if len(both) == 1 else both
    raise ShapeError(f"pad: {option}={value!r} does not give one (before, after) for each of {ndim} axes")


# ---- the modes ---------------------------------------------------------------------------------


def _bordered(x: Array, widths: tuple[tuple[int, int], ...], value: Any) -> Array:
    """The array with one value all around."""
    padded: Any = zero_pad(x, widths=widths)
    if type(value) in (int, float) and value == 0:
        return padded  # type: ignore[no-any-return]
    inside = zero_pad(asarray(True, device=x.device).broadcast_to(x.shape), widths=widths)
    return where(inside, padded, asarray(value, x.dtype, device=x.device))


def _constant(x: Array, widths: tuple[tuple[int, int], ...], values: Any) -> Array:
    if not isinstance(values, list | tuple | np.ndarray) and not getattr(values, "ndim", 0):
        return _bordered(x, widths, values)
    for axis, (width, pair) in enumerate(zip(widths, _pairs(values, x.ndim, "constant_values"), strict=True)):
        for side in (0, 1):
            if width[side]:
                own = [(0, 0)] * x.ndim
                own[axis] = (width[0], 0) if side == 0 else (0, width[1])
                x = _bordered(x, tuple(own), pair[side])
    return x


def _repeated(x: Any, axis: int, width: tuple[int, int], mode: str) -> Any:
    """Along one axis. What fits into the array is one slice a side, whose derivative is a sum of slices.

    What does not is a gather: NumPy itself says which element goes where.
    """
    n, (low, high) = x.shape[axis], width
    if mode != "edge" and max(width) > (n - 1 if mode == "reflect" else n):
        line = move_axis(x, axis, 0)
        return move_axis(line[np.pad(np.arange(n), width, mode=mode)], 0, axis)  # type: ignore[call-overload]

    def turned(start: int, count: int) -> slice:
        stop = start - count
        return slice(start, stop if stop >= 0 else None, -1)

    spans = {
        "edge": (slice(0, 1), slice(n - 1, n)),
        "reflect": (turned(low, low), turned(n - 2, high)),
        "symmetric": (turned(low - 1, low), turned(n - 1, high)),
        "wrap": (slice(n - low, n), slice(0, high)),
    }[mode]
    sides = []
    for span, count in zip(spans, width, strict=True):
        piece = x[(slice(None),) * axis + (span,)] if count else None
        if mode == "edge" and count:
            piece = broadcast_to(piece, (*x.shape[:axis], count, *x.shape[axis + 1 :]))
        sides.append(piece)
    return concat(*[piece for piece in (sides[0], x, sides[1]) if piece is not None], axis=axis)


def _odd(line: Any, width: tuple[int, int], mode: str) -> Any:
    """Reflected with its sign turned, 2 edge - x: with each period it grows by twice the rise between the edges."""
    n = line.shape[0]
    period = 2 * (n - 1) if mode == "reflect" else 2 * n
    if period == 0:
        return _repeated(line, 0, width, "edge")
    turns, place = np.divmod(np.arange(-width[0], n + width[1]), period)
    back = place >= n
    source = np.where(back, (period if mode == "reflect" else period - 1) - place, place)
    column = (-1,) + (1,) * (line.ndim - 1)
    parts = [np.where(back, -1, 1), 2 * turns + 2 * back, -2 * turns]
    sign, last, first = (asarray(p.reshape(column), line.dtype, device=line.device) for p in parts)
    return sign * line[source] + last * line[-1:] + first * line[:1]


def _ramps(line: Any, width: tuple[int, int], ends: Pair) -> tuple[Any, Any]:
    found = []
    for count, end, edge in zip(width, ends, (line[:1], line[-1:]), strict=True):
        start: Any = astype(
            asarray(end, None if isinstance(end, Array) else line.dtype, device=line.device), line.dtype
        )
        steps: Any = np.arange(count).reshape((-1,) + (1,) * (line.ndim - 1)) / max(count, 1)
        between: Any = to_inexact(edge)
        if not is_inexact(line.dtype):
            between = astype(edge, "float64")
        steps = asarray(steps, between.dtype, device=line.device)
        ramp = start + (between - start) * steps
        found.append(ramp if is_inexact(line.dtype) else astype(floor(ramp), line.dtype))
    return found[0], found[1][::-1]


def _statistics(mode: str, line: Any, width: tuple[int, int], lengths: Pair) -> tuple[Any, Any]:
    """What the elements next to each edge come to, as often as the border is wide."""
    n, found = line.shape[0], []
    for side in (0, 1):
        count = n if lengths[side] is None else min(operator.index(lengths[side]), n)
        if count < 1:
            raise ShapeError(f"pad: stat_length must be at least 1 for mode {mode!r}, not {lengths[side]!r}")
        part = slice_(line, key=(slice(0, count) if side == 0 else slice(n - count, n),))
        found.append(broadcast_to(_statistic(mode, part), (width[side], *line.shape[1:])))
    return found[0], found[1]


def _statistic(mode: str, part: Any) -> Any:
    if mode in ("maximum", "minimum"):
        return (max_ if mode == "maximum" else min_)(part, 0, keepdims=True)
    whole = not is_inexact(part.dtype)
    numbers = astype(part, "float64") if whole else part
    if mode == "median":
        ordered: Any = sort(numbers, axis=0)
        middle, n = (part.shape[0] - 1) // 2, part.shape[0]
        # NaN are sorted to the end, and a median of any is NaN
        numbers = where(isnan(ordered[-1:]), ordered[-1:], ordered[middle : n - middle])
    value = mean_(numbers, 0, keepdims=True)
    return astype(round(value), part.dtype) if whole else value


def _by_function(x: Any, widths: tuple[tuple[int, int], ...], function: Callable[..., Any], kwargs: Any) -> Array:
    out = zero_pad(x, widths=widths)
    for axis, width in enumerate(widths):
        moved: Any = move_axis(out, axis, out.ndim - 1)
        lines: Any = reshape(moved, (-1, moved.shape[-1]))
        changed = [asarray(function(line, width, axis, kwargs)) for line in lines]
        for line in changed:
            if line.shape != lines.shape[1:]:
                raise ShapeError(f"pad: the function must return a line of shape {lines.shape[1:]}, not {line.aval}")
        if changed:
            out = move_axis(reshape(stack(changed), moved.shape), out.ndim - 1, axis)
    return out
