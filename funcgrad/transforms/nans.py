"""Where did the first NaN come from? `config.debug_nans` and `config.debug_infs` stop at the operation that made it.

While one is on, a trace without tracers is the lowest one: it sees the values of every operation, forward and
backward, and looks at each result. While they are off nothing looks, and nothing costs anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np

from ..config import debug_infs, debug_nans
from ..core import Array, Call, Params, Primitive, Trace, Tracer, bind, bind_call, current_trace, set_trace
from ..dtypes import is_complex, is_inexact
from ..errors import NanError
from ..placement import device_get

__all__ = ["DebugTrace", "ValueTrace", "switch"]


class DebugTrace(Trace):
    """A trace that a switch of `config` puts on: it has no tracers and leaves all results as they are."""

    __slots__ = ()


class ValueTrace(DebugTrace):
    """Runs each operation under the parent and looks at the result.

    It asks the settings at each: a `with debug_nans(False)` in a function that runs under a transform cannot take off
    the trace below that.
    """

    __slots__ = ()
    name, carries = "debug_nans", "value"

    def process(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        with np.errstate(all="ignore"):  # NumPy would warn of what is raised below, in one of our lines
            out = bind(self.parent, primitive, args, params)
        self.look(primitive.name, out, args)
        return out

    def process_call(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        outs = bind_call(self.parent, call, args)
        for out in outs:
            self.look(call.name, out, args)
        return outs

    def look(self, name: str, out: Any, args: Sequence[Any]) -> None:
        """An error if this result is the first with a NaN or an infinity."""
        values = _values(out)
        if values is None:
            return
        for wrong, test in ((debug_nans(), np.isnan), (debug_infs(), np.isinf)):
            if wrong and test(values).any():
                what = "NaN" if test is np.isnan else "infinity"
                place = tuple(int(i) for i in np.argwhere(test(values))[0])
                operands = [v for a in args if (v := _values(a)) is not None]
                operands += [a for a in args if isinstance(a, float | complex)]
                made = "got the first" if any(test(v).any() for v in operands) else "made the first"
                listed = "\n".join(f"  operand {i}: {_described(a)}" for i, a in enumerate(args))
                at = f" at {list(place)}" if place else ""
                raise NanError(
                    f"{name} {made} {what}: {int(test(values).sum())} of {values.size} elements{at}\n{listed}"
                )


def _lowest(x: Any) -> Any:
    while isinstance(x, Tracer):
        x = x.inner
    return x


def _values(x: Any) -> Any:
    """The plain values below any tracers, if they are floats; whole batches: to be looked at must part nobody."""
    x = _lowest(x)
    if not isinstance(x, Array) or not is_inexact(x.dtype):
        return None
    return device_get(x)


def _described(x: Any) -> str:
    """'float32[3] from -1 to 4, 1 NaN, 0 infinite', of integers 'int64[3]', of a number '2.0'"""
    values = _values(x)
    if values is None:
        return repr(_lowest(x).aval) if isinstance(x, Array) else repr(x)
    finite = values[np.isfinite(values)]
    size = np.abs(finite) if is_complex(values.dtype) else finite
    span = f" from {size.min():.6g} to {size.max():.6g}" if finite.size else ""
    counts = f", {int(np.isnan(values).sum())} NaN, {int(np.isinf(values).sum())} infinite"
    return f"{values.dtype.name}[{','.join(map(str, values.shape))}]{span}{counts}"


def switch(kind: type[DebugTrace], on: bool) -> None:
    """Put a trace of that kind on, or take it off; those of other kinds stay, with what they know."""
    trace, others = current_trace(), []
    while isinstance(trace, DebugTrace):
        if type(trace) is not kind:
            others.append(trace)
        trace = trace.parent
    for other in reversed(others):
        other = copy(other)  # it may be in the context of another task, too
        other.parent = trace
        trace = other
    set_trace(kind(trace) if on else trace)


debug_nans.install = debug_infs.install = lambda _: switch(ValueTrace, debug_nans() or debug_infs())
