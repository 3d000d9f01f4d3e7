"""Batching: a function of one example becomes a function of many, without a loop.

Every value carries the axis of its data that runs over the examples; the function sees the shape without it. Each
operation has a rule that says which operation on the whole batch does the same to every example.

    f sees float32[3]           data is float32[8,3] with dim 0, or float32[3,8] with dim 1
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..core import (
    Array,
    Aval,
    Call,
    Params,
    Primitive,
    Trace,
    Tracer,
    bind,
    bind_call,
    current_trace,
    use_trace,
)
from ..errors import AxisError, MixedDecisionError, ShapeError
from ..numpy.creation import asarray
from ..rules import move_axis
from .axes import hidden_axes, input_axes, mapped_inputs, output_axes

__all__ = ["BatchTrace", "BatchTracer", "vmap"]


class BatchTracer(Tracer):
    """A batch of values; `dim` is the axis of `inner` that runs over the examples."""

    __slots__ = ("dim", "inner")

    def __init__(self, trace: BatchTrace, inner: Array, dim: int):
        self.trace, self.inner, self.dim, self.dtype = trace, inner, dim, inner.dtype

    @property
    def aval(self) -> Any:
        """Shape and dtype of one example."""
        shape = self.inner.shape
        return Aval(shape[: self.dim] + shape[self.dim + 1 :], self.inner.dtype)

    def concrete(self) -> Array:
        """The one value that all examples have; where they differ Python cannot go on with both."""
        values = self.inner.concrete()._data
        if not values.shape[self.dim]:
            raise MixedDecisionError(
                f"Python needs a value ({self.aval}) of a batch without examples: use array operations instead of "
                "`if`, int(x), float(x) or x.item()"
            )
        first = values[(slice(None),) * self.dim + (0,)]
        expanded = values[(slice(None),) * self.dim + (slice(0, 1),)]
        agree = (values == expanded) | ((values != values) & (expanded != expanded))  # a NaN agrees with a NaN
        if not bool(agree.all()):
            raise MixedDecisionError(
                f"the {values.shape[self.dim]} examples under vmap do not agree on a value that Python needs "
                f"({self.aval}): use where(condition, x, y) instead of `if`, and array operations instead of "
                "int(x), float(x) or x.item()"
            )
        return asarray(first)

    def __repr__(self) -> str:
        size = self.inner.shape[self.dim]
        return f"BatchTracer({self.aval}, {size} examples along axis {self.dim} of {self.inner!r})"

    __str__ = __repr__


class BatchTrace(Trace):
    """Runs each operation once for the whole batch, by its batch rule."""

    __slots__ = ("size",)
    name, carries, instead = "vmap", "batch", ""

    def __init__(self, parent: Trace | None, size: int):
        super().__init__(parent)
        self.size = size

    def process(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        dims = [x.dim if type(x) is BatchTracer and x.trace is self else None for x in args]
        if all(d is None for d in dims):
            return bind(self.parent, primitive, args, params)
        values = [x if d is None else x.inner for x, d in zip(args, dims, strict=True)]
        with use_trace(self.parent):
            try:
                out, dim = primitive.batch(self.size, values, dims, params)
            except ShapeError:
                # what does not fit is better said by the shapes of one example, which the user's function sees
                primitive.infer_of(args, params)
                raise
        return BatchTracer(self, out, dim)

    def process_call(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        dims = [x.dim if type(x) is BatchTracer and x.trace is self else None for x in args]
        if all(d is None for d in dims):
            return bind_call(self.parent, call, args)
        values = [x if d is None else x.inner for x, d in zip(args, dims, strict=True)]
        with use_trace(self.parent):
            outs, out_dims = call.batch(self.size, values, dims)
        return [x if d is None else BatchTracer(self, x, d) for x, d in zip(outs, out_dims, strict=True)]


def vmap(f: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """A function that maps f over an axis of its arguments, all examples at once.

    Args:
        f: a function of pytrees of arrays, written for one example.
        in_axes: which axis of the positional arguments runs over the examples: an int (negative ones count from the
            back), None for an argument that all examples share, or a tuple with one entry an argument, each an int,
            None or a pytree prefix of the argument. Keyword arguments are mapped along axis 0.
        out_axes: where the examples go in the results: an int, None for a result that does not depend on the
            example, or a pytree prefix of f's output.

    Returns:
        A function of the batched arguments.

    Raises:
        ShapeError: the mapped axes have different sizes; the message names every argument's.
        AxisError: an argument has no such axis.
        TreeError: `in_axes` or `out_axes` is not a prefix of the arguments or of the output.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> x, w = fnp.arange(6.0).reshape(3, 2), fnp.asarray([1.0, 10.0])
    >>> fg.vmap(lambda x, w: x @ w, in_axes=(0, None))(x, w)
    Array([10., 32., 54.], dtype=float32)
    """

    @functools.wraps(f)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = tree.flatten((args, kwargs), none_is_leaf=True)
        axes = input_axes(in_axes, args, kwargs)
        values, dims = mapped_inputs((args, kwargs), leaves, axes)
        size = next(v.shape[d] for v, d in zip(values, dims, strict=True) if d is not None)
        trace = BatchTrace(current_trace(), size)
        inputs = [v if d is None else BatchTracer(trace, v, d) for v, d in zip(values, dims, strict=True)]
        batched_args, batched_kwargs = tree.unflatten(structure, inputs)
        with use_trace(trace):
            out = f(*batched_args, **batched_kwargs)
        return _join(out, out_axes, trace)

    return mapped


def _join(out: Any, out_axes: Any, trace: BatchTrace) -> Any:
    """The outputs with their batch axes where `out_axes` wants them."""
    leaves, structure = tree.flatten(out)
    columns = zip(leaves, output_axes(out, out_axes), hidden_axes(out), strict=True)
    return tree.unflatten(structure, [_place(x, axis, hidden, trace) for x, axis, hidden in columns])


def _place(x: Any, axis: int | None, hidden: int, trace: BatchTrace) -> Any:
    mine = type(x) is BatchTracer and x.trace is trace
    if axis is None:
        if mine:
            raise AxisError(f"vmap: out_axes is None for an output that differs between the examples ({x.aval})")
        return x
    value: Any = x.inner if mine else asarray(x)
    ndim = (value.ndim if mine else value.ndim + 1) - hidden
    if not -ndim <= axis < ndim:
        raise AxisError(f"vmap: an output of {ndim} dimensions, batch included, has no axis {axis}")
    if mine:
        return move_axis(value, x.dim, axis % ndim)
    shape = list(value.shape)
    shape.insert(axis % ndim, 1)
    wide = list(shape)
    wide[axis % ndim] = trace.size
    return value.reshape(tuple(shape)).broadcast_to(tuple(wide))
