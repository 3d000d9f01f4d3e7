"""A batch of values, as the function that one example was written for sees it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import Array, Aval, Tracer, is_running, use_trace
from ..dtypes import is_inexact
from .closure import ValueAsked, noticed, resolve
from .paths import Ids

__all__ = ["BatchTracer"]


class BatchTracer(Tracer):
    """A batch of values; `dim` is the axis of `inner` whose rows stand for the examples `ids`.

    In a run that repeats an earlier one, a value that nothing held on to is `Dropped`, and has no ids.
    """

    __slots__ = ("dim", "ids", "inner", "view")
    owner: Any
    """The `BatchTrace` (`batch.py`) that it belongs to."""

    def __init__(self, trace: Any, inner: Array, dim: int, ids: Ids | None):
        self.owner, self.inner, self.dim, self.dtype, self.ids = trace, inner, dim, inner.dtype, ids
        self.view: tuple[Ids, Array] | None = None

    @property
    def aval(self) -> Any:
        """Shape and dtype of one example."""
        shape = self.inner.shape
        return Aval(shape[: self.dim] + shape[self.dim + 1 :], self.dtype)

    def concrete(self) -> Array:
        """The one value that all examples on this path have from here on: others leave it."""
        x, trace = self, self.owner
        while trace.flat is not None:
            x, trace = trace.flat.paired(x), trace.flat
        if not is_running(trace):
            if (value := resolve(self)) is not self:
                if value.shape != self.shape:
                    raise ValueAsked(self)
                return value.concrete()  # type: ignore[no-any-return]
            raise self.leaked("reading a value")
        if trace is self.owner:
            noticed(self)
        return trace.decide(x)  # type: ignore[no-any-return]

    def rows(self, dim: int) -> Array:
        return self.concrete()

    def shown(self) -> Any:
        """The rows to print: of the examples on this path; nobody parts for being looked at, and no log knows."""
        trace = self.owner
        if self.ids is None or self.ids is trace.ids or trace.flat is not None or not is_running(trace):
            return self.inner
        return _seen(self.inner, self.dim, np.searchsorted(self.ids, trace.ids))

    def __repr__(self) -> str:
        rows = self.shown()
        return f"BatchTracer({self.aval}, {rows.shape[self.dim]} examples along axis {self.dim} of {rows!r})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        """Of numbers, every example's by the spec."""
        if not spec or self.shape or self.ids is None:
            return repr(self)
        rows = self.shown()
        return "[" + " ".join(format(_seen(rows, self.dim, i), spec) for i in range(rows.shape[self.dim])) + "]"

    def __hash__(self) -> int:  # type: ignore[override]
        example = "int(i)" if not is_inexact(self.dtype) else "float(x)"
        raise TypeError(
            f"unhashable: a batch's {self.aval} is no key of a dict or a set: write {example}, at which examples with "
            "different numbers part"
        )


def _seen(x: Array, axis: int, rows: Any) -> Any:
    """Rows along an axis (or one, by an int, without the axis), by no operation that a trace would have to repeat."""
    if isinstance(x, BatchTracer):
        dim = x.dim - (isinstance(rows, int) and axis < x.dim)
        return BatchTracer(x.owner, _seen(x.inner, axis + (axis >= x.dim), rows), dim, x.ids)
    while isinstance(x, Tracer):
        if isinstance(x := x.inner, BatchTracer):
            return _seen(x, axis, rows)
    with use_trace(None):
        return x[(slice(None),) * axis + (rows,)]
