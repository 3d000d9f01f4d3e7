"""Reductions by a function of your own, over axes and over windows: `reduce`, `reduce_window`.

The function joins two elements; it runs on all pairs of neighbours at once, then on all pairs of those results, and so
on: n elements take log2(n) rounds, in their order. For `numpy.add`, `multiply`, `maximum` and the other functions that
the namespace has a reduction of, it is that reduction.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from .. import numpy as fnp
from .. import tree
from ..core import Array
from ..dtypes import is_boolean, is_integer, kind
from ..errors import AxisError, DtypeError, ShapeError, TreeError
from ..functional.windows import Padding, pairs, per_axis, window_counts
from ..numpy.creation import asarray
from .arguments import as_arrays
from .vmap import vmap

__all__ = ["reduce", "reduce_window"]

Computation = Callable[[Any, Any], Any]


def reduce(operands: Any, init_values: Any, computation: Computation, dimensions: Sequence[int]) -> Any:
    """All elements along some axes joined by a function.

    Args:
        operands: a pytree of arrays of one shape.
        init_values: a pytree of the same structure, a number for each array: what joined with x gives x.
        computation: (accumulated, element) -> joined, both of the structure of `operands`, for single elements. It
            must be associative: in which order neighbours are joined is not said.
        dimensions: the axes to reduce.

    Returns:
        A pytree of arrays without those axes.

    Raises:
        ShapeError, TreeError: the operands differ in shape, or the trees in structure.
        DtypeError: an initial value does not fit its array.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> def larger(x, y):                                        # the larger value, with its index
    ...     return x if x[0] >= y[0] else y
    >>> x = fnp.asarray([3.0, 7.0, 5.0])
    >>> fg.reduce((x, fnp.arange(3)), (-fnp.inf, -1), larger, (0,))
    (Array(7., dtype=float32), Array(1, dtype=int64))

    Source: jax.lax.reduce.
    """
    arrays, init, structure = _operands(operands, init_values, "reduce")
    ndim = arrays[0].ndim
    if any(not -ndim <= d < ndim for d in dimensions):
        raise AxisError(f"reduce: {arrays[0].aval} has no axes {tuple(dimensions)}")
    axes = sorted({d % ndim for d in dimensions})
    if len(axes) < len(dimensions):
        raise AxisError(f"reduce: an axis is named twice in {tuple(dimensions)}")
    rest = [d for d in range(ndim) if d not in axes]
    shape = arrays[0].shape
    count = prod(shape[d] for d in axes)
    rows = [x.transpose((*axes, *rest)).reshape((count, *[shape[d] for d in rest])) for x in arrays]
    return tree.unflatten(structure, _joined(rows, init, structure, computation, "reduce"))


def reduce_window(
    operand: Any,
    init_value: Any,
    computation: Computation,
    window_dimensions: Sequence[int],
    window_strides: Sequence[int] | None = None,
    padding: Padding = "VALID",
    base_dilation: Sequence[int] | None = None,
    window_dilation: Sequence[int] | None = None,
) -> Any:
    """The elements in each window joined by a function.

    Args:
        operand: a pytree of arrays of one shape.
        init_value, computation: as for `reduce`.
        window_dimensions: the window's size along every axis, 1 where it does not reach.
        window_strides: from window to window; 1 where None.
        padding: "VALID", "SAME", or a pair (low, high) an axis; what is added is `init_value`.
        base_dilation: that many minus one of `init_value` are put between neighbours first.
        window_dilation: from element to element in a window; 1 where None.

    Returns:
        A pytree of arrays with one element a window.

    Raises:
        ShapeError, TreeError: as for `reduce`; no window fits.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> fg.reduce_window(fnp.arange(1.0, 6.0), 1.0, fnp.multiply, (2,))
    Array([ 2.,  6., 12., 20.], dtype=float32)

    Source: jax.lax.reduce_window.
    """
    name = "reduce_window"
    arrays, init, structure = _operands(operand, init_value, name)
    rank = arrays[0].ndim
    window, stride, spread, dilation = (
        per_axis(name, option, 1 if value is None else tuple(value), rank)
        for option, value in (
            ("window_dimensions", window_dimensions),
            ("window_strides", window_strides),
            ("base_dilation", base_dilation),
            ("window_dilation", window_dilation),
        )
    )
    widths = pairs(name, padding, arrays[0].shape, window, stride, dilation)  # "SAME" as the array came, like JAX
    arrays = [_dilated(x, x0, spread) for x, x0 in zip(arrays, init, strict=True)]
    counts = window_counts(name, arrays[0], arrays[0].shape, window, stride=stride, padding=widths, dilation=dilation)
    offsets = list(itertools.product(*(range(0, n * d, d) for n, d in zip(window, dilation, strict=True))))
    rows = []
    for x, x0 in zip(arrays, init, strict=True):
        padded = fnp.pad(x, widths, constant_values=x0) if any(map(any, widths)) else x
        rows.append(
            fnp.stack(
                [
                    padded[tuple(slice(o, o + (n - 1) * s + 1, s) for o, n, s in zip(at, counts, stride, strict=True))]
                    for at in offsets
                ]
            )
        )
    return tree.unflatten(structure, _joined(rows, init, structure, computation, name))


def _operands(operands: Any, init_values: Any, name: str) -> tuple[list[Array], list[Array], Any]:
    """The arrays, the value that each starts with, in its dtype, and their structure."""
    leaves, structure = tree.flatten(operands)
    init, other = tree.flatten(init_values)
    if structure != other:
        words = tree.difference(operands, init_values)
        raise TreeError(f"{name}: the operands (the first) and the initial values (the second) differ: {words}")
    if not leaves:
        raise TreeError(f"{name}: there are no operands")
    arrays = as_arrays(leaves, name)
    if any(x.shape != arrays[0].shape for x in arrays):
        raise ShapeError(f"{name}: the operands must have one shape, not {', '.join(str(x.aval) for x in arrays)}")
    starts = []
    for x0, x in zip(as_arrays(init, name), arrays, strict=True):
        if x0.shape:
            raise ShapeError(f"{name}: an initial value must have no dimensions, not {x0.aval}")
        if kind(x0.dtype) > kind(x.dtype):
            advice = "; the least integer is funcgrad.numpy.iinfo(x.dtype).min" if is_integer(x.dtype) else ""
            raise DtypeError(f"{name}: the initial value {x0.aval} does not fit the operand {x.aval}{advice}")
        starts.append(asarray(x0.astype(x.dtype), device=x.device))
    return arrays, starts, structure


def _dilated(x: Array, x0: Array, spread: Sequence[int]) -> Array:
    """The array with spread - 1 of x0 between neighbours along each axis."""
    for axis, d in enumerate(spread):
        if d > 1 and x.shape[axis] > 1:
            n, widths = x.shape[axis], [(0, 0)] * (x.ndim + 1)
            widths[axis + 1] = (0, d - 1)
            wide = fnp.pad(fnp.expand_dims(x, axis + 1), widths, constant_values=x0)
            wide = wide.reshape((*x.shape[:axis], n * d, *x.shape[axis + 1 :]))
            x = wide[(slice(None),) * axis + (slice(0, (n - 1) * d + 1),)]
    return x


_REDUCTIONS: list[tuple[tuple[Any, ...], Callable[[Array], Array]]] = [
    ((fnp.add, operator.add), lambda x: fnp.sum(x, axis=0, dtype=x.dtype)),
    ((fnp.multiply, operator.mul), lambda x: fnp.prod(x, axis=0, dtype=x.dtype)),
    ((fnp.maximum,), lambda x: fnp.max(x, axis=0)),
    ((fnp.minimum,), lambda x: fnp.min(x, axis=0)),
]


def _joined(rows: list[Any], init: list[Any], structure: Any, computation: Computation, name: str) -> list[Any]:
    """What the rows of each array, along its first axis, come to."""
    shape = rows[0].shape[1:]
    init = [x0.broadcast_to(shape) for x0 in init]
    if not rows[0].shape[0]:
        return init

    def join(xs: list[Any], ys: list[Any]) -> list[Any]:
        def of_elements(*both: Any) -> list[Any]:
            x, y = (tree.unflatten(structure, half) for half in (both[: len(xs)], both[len(xs) :]))
            found = computation(x, y)
            if tree.structure(found) != structure:
                words = tree.difference(x, found)
                raise TreeError(f"{name}: the operands (the first) and a joined value (the second) differ: {words}")
            return tree.leaves(found)

        outs = vmap(of_elements)(*[x.reshape((-1,)) for x in (*xs, *ys)])
        for out in outs:
            if out.ndim != 1:
                raise ShapeError(f"{name}: the function must return single elements, not arrays of {out.shape[1:]}")
        return [out.reshape(x.shape).astype(x.dtype) for out, x in zip(outs, xs, strict=True)]

    if len(rows) == 1 and not is_boolean(rows[0].dtype):
        for names, reduction in _REDUCTIONS:
            if any(computation is f for f in names):
                return [computation(init[0], reduction(rows[0]))]
    while (n := rows[0].shape[0]) > 1:
        joined = join([x[0 : n - 1 : 2] for x in rows], [x[1::2] for x in rows])
        rows = [fnp.concatenate([x, y[n - 1 :]]) for x, y in zip(joined, rows, strict=True)] if n % 2 else joined
    return join(init, [x[0] for x in rows])
