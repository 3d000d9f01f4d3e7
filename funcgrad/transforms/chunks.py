"""A batch in pieces, where all of it at once would take too much memory: `vmap`'s `chunk_size` and `max_bytes`."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..core import Array, Call, Params, Primitive, Trace, Tracer, bind, bind_call, current_trace, use_trace
from ..errors import AxisError, OptionError, PathError
from ..numpy.manipulation import concat
from .arguments import byte_count
from .axes import hidden_axes, output_axes
from .callback import QuietTrace
from .paths import same

__all__ = ["in_chunks", "most_examples"]

Run = Callable[[Sequence[Any], int], Any]
"""(values, how many examples) -> outputs"""


def in_chunks(run: Run, values: Sequence[Any], dims: Sequence[int | None], size: int, chunk: int, out_axes: Any) -> Any:
    """The outputs of a batch, run so many examples at a time."""
    if isinstance(chunk, bool) or not isinstance(chunk, int | np.integer) or chunk < 1:
        raise OptionError(f"vmap: chunk_size must be a positive int, not {chunk!r}")
    outs: list[Any] = []
    for start in range(0, size, chunk):
        stop = min(start + chunk, size)
        try:
            outs.append(run(_rows(values, dims, start, stop), stop - start))
        except Exception as error:
            error.add_note(f"vmap: in the chunk of examples {start} to {stop - 1}, counted from its first one")
            raise
    named, structure = tree.flatten_with_path(outs[0])
    for k, out in enumerate(outs):
        if tree.structure(out) != structure:
            words = tree.difference(outs[0], out)
            raise PathError(
                f"vmap: the outputs of example 0 (the first) and of example {k * chunk} (the second) differ: {words}; "
                "return the same structure for every example"
            )
    columns = zip(*[tree.leaves(out) for out in outs], strict=True)
    axes, hidden = output_axes(outs[0], out_axes), hidden_axes(outs[0])
    joined = [
        _shared(path, column, chunk) if axis is None else _joined(path, column, axis % (column[0].ndim - h), chunk)
        for (path, _), column, axis, h in zip(named, columns, axes, hidden, strict=True)
    ]
    return tree.unflatten(structure, joined)


def _shared(path: str, column: Sequence[Any], chunk: int) -> Any:
    """A leaf that does not depend on the example."""
    for k, x in enumerate(column):
        if x is not column[0] and not same(x, column[0]):
            raise AxisError(
                f"vmap: out_axes is None, but the output{path} of example 0 and of example {k * chunk} differs: give "
                "it an axis in out_axes"
            )
    return column[0]


def _joined(path: str, column: Sequence[Any], axis: int, chunk: int) -> Any:
    """A leaf's chunks as one array."""
    shapes = [x.shape[:axis] + x.shape[axis + 1 :] for x in column]
    for k, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise PathError(
                f"vmap: the output{path} of example 0 has the shape {shapes[0]}, and that of example {k * chunk} "
                f"{shape}; pad it to one shape, or reduce it (a sum, a mean)"
            )
    return concat(column, axis=axis)


def most_examples(run: Run, values: Sequence[Any], dims: Sequence[int | None], size: int, max_bytes: int | str) -> int:
    """How many examples may run at a time for what they compute and hold to stay within that many bytes."""
    limit = byte_count(max_bytes, "vmap: max_bytes")
    if size < 3:
        return max(1, size)
    one, two = (_peak(run, _rows(values, dims, 0, n), n) for n in (1, 2))
    if one > limit:
        raise OptionError(f"vmap: one example alone takes {one} bytes, more than max_bytes={max_bytes!r}")
    each = two - one
    return size if each <= 0 else 1 + (limit - one) // each


def _rows(values: Sequence[Any], dims: Sequence[int | None], start: int, stop: int) -> list[Any]:
    return [
        v if d is None else v[(slice(None),) * d + (slice(start, stop),)] for v, d in zip(values, dims, strict=True)
    ]


def _peak(run: Run, values: Sequence[Any], size: int) -> int:
    """The most bytes that a run computes and holds at one time."""
    meter = MeterTrace(QuietTrace(current_trace()))  # these examples' own run will have their effects
    with use_trace(meter):
        run(values, size)
    return meter.peak


class MeterTrace(Trace):
    """Runs each operation under the parent, and counts the bytes of the results that are alive."""

    __slots__ = ("live", "peak")
    name, carries = "vmap", "size"

    def __init__(self, parent: Trace | None):
        super().__init__(parent)
        self.live = self.peak = 0

    def process(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        return self.count(bind(self.parent, primitive, args, params))

    def process_call(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        return [self.count(x) for x in bind_call(self.parent, call, args)]

    def count(self, out: Any) -> Any:
        """A result, counted until the array at the bottom of it is dropped."""
        x: Array = out
        while isinstance(x, Tracer):  # a tape keeps the array and not the tracer
            x = x.inner
        self.live += x.nbytes
        self.peak = max(self.peak, self.live)
        weakref.finalize(x, self.release, x.nbytes).atexit = False
        return out

    def release(self, nbytes: int) -> None:
        """A counted array has been dropped."""
        self.live -= nbytes
