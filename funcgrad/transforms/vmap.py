"""Batching: a function of one example becomes a function of many, without a loop.

Every value carries the axis of its data that runs over the examples; the function sees the shape without it. Each
operation has a rule that says which operation on the whole batch does the same to every example.

    f sees float32[3]           data is float32[8,3] with dim 0, or float32[3,8] with dim 1

Where Python asks for a value (`if`, `while`, `int(x)`, `x[x > 0]`) the examples may differ. Then the function runs
once for each group that agrees: `paths.py` says how, `batch.py` is one run, and here they are started and their
results put together.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..core import SCALARS, Array, Trace, backend_array, current_trace, use_trace
from ..dtypes import weak
from ..errors import AxisError, OptionError, PathError
from ..numpy.creation import asarray
from ..rules import move_axis
from .arguments import OMITTED, as_arrays, takes_function
from .axes import batch_size, hidden_axes, input_axes, mapped_inputs, output_axes, refuse_other_axes
from .batch import BatchTrace, BatchTracer
from .chunks import in_chunks, most_examples
from .pairs import in_pairs
from .paths import Effects, Flatten, Group, Queue, join, line_of, listed, same, table
from .raising import Pairs, leave, raised_by

__all__ = ["BatchTrace", "BatchTracer", "vmap"]


@takes_function
def vmap(
    f: Callable[..., Any] = OMITTED,
    in_axes: Any = 0,
    out_axes: Any = 0,
    axis_name: Any = None,
    axis_size: int | None = None,
    *,
    chunk_size: int | None = None,
    max_bytes: int | str | None = None,
    max_paths: int = 1024,
    explain: bool = False,
    spmd_axis_name: Any = None,
) -> Callable[..., Any]:
    """A function that maps f over an axis of its arguments, all examples at once.

    Python stays Python: where f asks for a value that the examples do not agree on (`if`, `while`, `int(x)`,
    `x[x > 0]`), f runs once for each group of examples that take the same path, each with its own rows, and the
    results come together in the examples' order. So f must do the same on each run: random numbers by keys, no
    changes to what is outside. What f prints is printed on each run, what `debug.print` prints once an example.

    Args:
        f: a function of pytrees of arrays, written for one example; without it, a decorator with the other arguments.
        in_axes: which axis of the positional arguments runs over the examples: an int (negative ones count from the
            back), None for an argument that all examples share, or a tuple with one entry an argument, each an int,
            None or a pytree prefix of the argument. Keyword arguments are mapped along axis 0.
        out_axes: where the examples go in the results: an int, None for a result that does not depend on the
            example, or a pytree prefix of f's output.
        axis_name: what `psum` and the other collectives call this batch.
        axis_size: how many examples there are; needed only where no argument is mapped.
        chunk_size: how many examples to run at a time; all where it is not given. The results are the same.
        max_bytes: choose the chunks so that what is computed and held at one time takes about this much memory:
            a number of bytes or a string, "256MB". The examples' need is found by running f on one and on two.
        max_paths: how many paths the examples may take before that is an error.
        explain: print the paths: how many examples took each, and what they decided at which line.
        spmd_axis_name: for programs written for JAX; without effect.

    Returns:
        A function of the batched arguments.

    Raises:
        ShapeError: the mapped axes have different sizes; the message names every argument's.
        AxisError: an argument has no such axis.
        TreeError: `in_axes` or `out_axes` is not a prefix of the arguments or of the output.
        PathError: more than `max_paths` paths, or results of the paths that do not fit together.
        OptionError: chunks of examples that have a name, by which they communicate.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> x, w = fnp.arange(6.0).reshape(3, 2), fnp.asarray([1.0, 10.0])
    >>> fg.vmap(lambda x, w: x @ w, in_axes=(0, None))(x, w)
    Array([10., 32., 54.], dtype=float32)
    >>> def collatz(n):
    ...     steps = 0
    ...     while n > 1:
    ...         n = n // 2 if n % 2 == 0 else 3 * n + 1
    ...         steps += 1
    ...     return steps
    >>> fg.vmap(collatz)(fnp.arange(1, 9))
    Array([ 0,  1,  7,  2,  5,  8, 16,  3], dtype=int64)
    """

    if type(in_axes) is not int:
        refuse_other_axes(in_axes)

    @functools.wraps(f)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = tree.flatten((args, kwargs), none_is_leaf=True)
        axes = input_axes(in_axes, args, kwargs)
        values, dims = mapped_inputs((args, kwargs), leaves, axes)
        size = batch_size((args, kwargs), values, dims, axis_size)

        def call(inputs: Sequence[Any]) -> Any:
            batched_args, batched_kwargs = tree.unflatten(structure, inputs)
            return f(*batched_args, **batched_kwargs)

        def run(values: Sequence[Any], size: int) -> Any:
            return _Run(f, call, out_axes, axis_name, max_paths, explain).all_paths(values, dims, size)

        chunk = size if chunk_size is None else chunk_size
        if max_bytes is not None:
            chunk = min(chunk, most_examples(run, values, dims, size, max_bytes))
        if chunk < size and axis_name is not None:
            raise OptionError(
                f"vmap: axis_name={axis_name!r} with chunks of {chunk} of {size} examples: the examples of one chunk "
                "cannot communicate with those of another; leave out chunk_size and max_bytes, or the name"
            )
        return run(values, size) if chunk >= size else in_chunks(run, values, dims, size, chunk, out_axes)

    return mapped


class _Run:
    """One call of a vmapped function on one batch: its runs, and their results put together."""

    def __init__(self, f: Any, call: Any, out_axes: Any, axis_name: Any, max_paths: int, explain: bool):
        self.name = getattr(f, "__name__", type(f).__name__)
        self.call, self.out_axes, self.axis_name, self.max_paths = call, out_axes, axis_name, max_paths
        self.explain = explain

    def all_paths(self, values: Sequence[Any], dims: Sequence[int | None], size: int) -> Any:
        """The results of all examples."""
        below = current_trace()
        queue = Queue()
        try:
            done = self.paths(below, values, dims, size, queue)
        except Flatten as flatten:
            if flatten.queue is not queue:
                raise
            assert type(below) is BatchTrace
            return self.pairs(below, values, dims, size, queue.effects)
        return self.together(done, size)

    def paths(
        self,
        parent: Trace | None,
        values: Sequence[Any],
        dims: Sequence[int | None],
        size: int,
        queue: Queue,
        outer: BatchTrace | None = None,
    ) -> list[tuple[BatchTrace, Any]]:
        """Every path's trace and output."""
        inner = 1 if outer is None else size // max(1, len(outer.ids))
        every = np.arange(size)
        beside = next((backend_array(v) for v, d in zip(values, dims, strict=True) if d is not None), None)
        queue.append(Group(every))
        done: list[tuple[BatchTrace, Any]] = []
        while queue:
            if len(done) == self.max_paths:
                last = queue[-1].decisions[-1].origin
                raise PathError(
                    f"vmap: the examples take more than max_paths={self.max_paths} paths; {len(queue)} groups still "
                    f"wait, and the last parted at {line_of(last)}: give a larger max_paths, or keep examples together "
                    "by where, or by cond and while_loop where vmap is the innermost transform (grad of vmap)",
                    last,
                )
            group = queue.pop()
            group.beside = beside
            trace = BatchTrace(parent, size, group, queue, self.axis_name, outer, inner)
            if outer is not None:
                outer.flat = trace
            inputs = [v if d is None else BatchTracer(trace, v, d, every) for v, d in zip(values, dims, strict=True)]
            try:
                with use_trace(trace):
                    out = self.call(inputs)
            except BaseException as error:
                if queue.mixed and not isinstance(error, Flatten | KeyboardInterrupt):
                    raise Flatten(queue) from None  # the user's function caught it, and raised something else
                if isinstance(error, Exception):
                    _blame(error, trace)
                raise
            finally:
                if outer is not None:
                    outer.flat = None
            if queue.mixed:  # the user's function caught what was thrown, and returned
                raise Flatten(queue)
            if trace.replaying:
                raise trace.impure("it returned before it came to where they had parted")
            done.append((trace, out))
        if self.explain:
            print(table(self.name, size, [(trace.ids, trace.decisions) for trace, _ in done]))
        return done

    def together(self, done: list[tuple[BatchTrace, Any]], size: int) -> Any:
        """The outputs of all paths, their batch axes where `out_axes` wants them."""
        first, out = done[0]
        leaves, structure = tree.flatten(out)
        axes, hidden = output_axes(out, self.out_axes), hidden_axes(out)
        if len(done) == 1:
            placed = [_at_axis(x, axis, h, first) for x, axis, h in zip(leaves, axes, hidden, strict=True)]
            return tree.unflatten(structure, placed)
        joined = [
            x if axis is None else move_axis(x, 0, _counted(axis, x.ndim - h))
            for x, axis, h in zip(joined_outputs(done, axes), axes, hidden, strict=True)
        ]
        return tree.unflatten(structure, joined)

    def pairs(
        self, outer: BatchTrace, values: Sequence[Any], dims: Sequence[int | None], size: int, before: Effects
    ) -> Any:
        """The results by one flat run over all pairs of an outer example and one of this batch.

        Where both batches are mixed at a decision, this makes as many paths as there are; one batch at a time would
        part the outer examples by every pattern of their inner ones.
        """
        rows = len(outer.ids)

        def compute() -> tuple[list[Any], list[int | None], Any]:
            with use_trace(outer.parent):
                flat = [in_pairs(outer, v, d, size) for v, d in zip(values, dims, strict=True)]
                front = [None if d is None else 0 for d in dims]
                done = self.paths(outer.parent, flat, front, rows * size, Queue(before), outer)
                first = done[0][1]
                axes, hidden = output_axes(first, self.out_axes), hidden_axes(first)
                outs: list[Any] = []
                places: list[int | None] = []
                for x, axis, h in zip(joined_outputs(done, axes), axes, hidden, strict=True):
                    if axis is not None:
                        x = x.reshape((rows, size, *x.shape[1:]))
                        outs.append(move_axis(x, 1, 1 + _counted(axis, x.ndim - 1 - h)))
                        places.append(0)
                    else:
                        mine = type(x) is BatchTracer and x.owner is outer
                        outs.append(outer.read(x) if mine else x)
                        places.append(x.dim if mine else None)
            return outs, places, tree.structure(first)

        outs, structure = outer.section("vmap", compute)
        return tree.unflatten(structure, outs)


def _blame(error: Exception, trace: BatchTrace) -> None:
    """Say on an exception whose examples' it is; those of an outer batch that have no part in it leave."""
    if len(trace.ids) < trace.size:
        parted = line_of(trace.decisions[-1].origin)
        error.add_note(f"vmap: on the path of {listed(trace.ids, trace.size)}, parted at {parted}")
    if (outer := trace.outer) is None:
        raised_by(error, trace.ids, trace.size)
        return
    pairs = np.zeros((len(outer.ids), trace.inner), bool)
    pairs.flat[trace.ids] = True
    raising = pairs.any(axis=1)  # an outer example raises where one of its pairs does
    raised_by(error, Pairs(outer, outer.starts[-1], pairs[raising]), trace.inner)
    leave(outer, outer.ids[~raising])
    outer.ids = outer.ids[raising]


def joined_outputs(done: Sequence[tuple[BatchTrace, Any]], axes: Sequence[int | None]) -> list[Any]:
    """The leaves of the outputs of all paths: arrays of all examples along the first axis, or what all share."""
    (first, out), *rest = done
    named, structure = tree.flatten_with_path(out)
    columns = [[x] for _, x in named]
    for trace, other in rest:
        leaves, other_structure = tree.flatten(other)
        if other_structure != structure:
            words = tree.difference(out, other)
            raise PathError(
                f"vmap: the outputs of {parted(first, trace)}, differ: {words}; return the same structure on every path"
            )
        for column, x in zip(columns, leaves, strict=True):
            column.append(x)
    traces = [trace for trace, _ in done]
    return [
        shared_by_all(traces, path, column) if axis is None else joined_rows(traces, path, column)
        for (path, _), column, axis in zip(named, columns, axes, strict=True)
    ]


def joined_rows(traces: Sequence[BatchTrace], path: str, column: Sequence[Any]) -> Any:
    """One leaf of the outputs of several paths as an array of all their examples, along its first axis."""
    like = next((x.dtype for x in column if isinstance(x, Array)), None)
    parts: list[tuple[Any, Any]] = []
    for trace, x in zip(traces, column, strict=True):
        if type(x) in SCALARS and like is not None:
            x = asarray(x, weak(like, x))
        rows = rows_of(trace, x)
        if parts and rows.shape[1:] != (shape := parts[0][1].shape[1:]):
            raise PathError(
                f"vmap: the output{path} of {parted(traces[0], trace)}, has the shapes {shape} and {rows.shape[1:]}; "
                "pad it to one shape, or reduce it (a sum, a mean) on each path"
            )
        parts.append((trace.ids, rows))
    return join(parts)


def shared_by_all(traces: Sequence[BatchTrace], path: str, column: Sequence[Any]) -> Any:
    """A leaf that must not depend on the example, so that each path has it by itself."""
    first, outer = column[0], traces[0].outer
    mine = [type(x) is BatchTracer and x.owner is trace for trace, x in zip(traces, column, strict=True)]
    if outer is not None and any(mine):  # in a flat run it may depend on the outer example
        x = joined_rows(traces, path, column)
        x = x.reshape((len(outer.ids), traces[0].inner, *x.shape[1:]))
        if same(x, x[:, :1].broadcast_to(x.shape)):
            return BatchTracer(outer, x[:, 0], 0, outer.ids)
    for trace, x, differs in zip(traces, column, mine, strict=True):
        if differs or (x is not first and not same(x, first)):
            whose = f"example {trace.ids[0]} is its own" if differs else f"{parted(traces[0], trace)}, differs"
            raise AxisError(f"vmap: out_axes is None, but the output{path} of {whose}: give it an axis in out_axes")
    return first


def parted(one: BatchTrace, other: BatchTrace) -> str:
    """The first examples of two paths and where those went apart, for messages."""
    where = next(
        (line_of(a.origin) for a, b in zip(one.decisions, other.decisions, strict=False) if a is not b), "a call"
    )
    return f"example {one.ids[0]} (the first) and of example {other.ids[0]} (the second), which parted at {where}"


def rows_of(trace: BatchTrace, x: Any) -> Any:
    """A value as the parent knows it, with a row for each example on the path in front."""
    x = _output(trace.paired(x))
    if type(x) is BatchTracer and x.owner is trace:
        return move_axis(trace.read(x), x.dim, 0)
    return x.broadcast_to((len(trace.ids), *x.shape))


def _at_axis(x: Any, axis: int | None, hidden: int, trace: BatchTrace) -> Any:
    mine = type(x) is BatchTracer and x.owner is trace
    if axis is None:
        if mine:
            raise AxisError(
                f"vmap: out_axes is None for an output that differs between the examples ({x.aval}): give it an axis "
                "(0), or make it one value for all: y[0] of what vmap returns, or psum, pmean or pmax in f"
            )
        return x
    value: Any = trace.read(x) if mine else _output(x)
    axis = _counted(axis, (value.ndim if mine else value.ndim + 1) - hidden)
    if mine:
        return move_axis(value, x.dim, axis)
    shape = list(value.shape)
    shape.insert(axis, 1)
    wide = list(shape)
    wide[axis] = trace.size
    return value.reshape(tuple(shape)).broadcast_to(tuple(wide))


def _output(x: Any) -> Any:
    """A leaf of an output as an array."""
    return as_arrays([x], "vmap", "output", "give it None in out_axes if all examples share it")[0]


def _counted(axis: int, ndim: int) -> int:
    """The output axis counted from the front."""
    if not -ndim <= axis < ndim:
        raise AxisError(f"vmap: an output of {ndim} dimensions, batch included, has no axis {axis}")
    return axis % ndim
