"""Where did the first NaN come from? `config.debug_nans` and `config.debug_infs` stop at the operation that made it.

While one is on, a trace without tracers is the lowest one: it sees the values of every operation, forward and
backward, and looks at each result. While they are off nothing looks, and nothing costs anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..config import debug_infs, debug_nans
from ..core import Array, Call, Params, Primitive, Trace, Tracer, bind, bind_call, current_trace, set_trace
from ..errors import NanError
from ..placement import device_get

__all__ = ["ValueTrace"]


class ValueTrace(Trace):
    """Runs each operation under the parent and looks at the result."""

    __slots__ = ("infs", "nans")
    name, carries = "debug_nans", "value"

    def __init__(self, parent: Trace | None, nans: bool, infs: bool):
        super().__init__(parent)
        self.nans, self.infs = nans, infs

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
        for wrong, test in ((self.nans, np.isnan), (self.infs, np.isinf)):
            if wrong and test(values).any():
                operands = [(a, v) for a in args if (v := _values(a)) is not None]
                what = "NaN" if test is np.isnan else "infinity"
                place = tuple(int(i) for i in np.argwhere(test(values))[0])
                came_in = any(test(v).any() for _, v in operands)
                made = "got the first" if came_in else "made the first"
                listed = "\n".join(f"  operand {i}: {_described(v)}" for i, (_, v) in enumerate(operands))
                at = f" at {list(place)}" if place else ""
                raise NanError(
                    f"{name} {made} {what}: {int(test(values).sum())} of {values.size} elements{at}\n{listed}"
                )


def _values(x: Any) -> Any:
    """The plain values below any tracers, if they are floats; whole batches: to be looked at must part nobody."""
    while isinstance(x, Tracer):
        x = x.inner
    if not isinstance(x, Array) or x.dtype.kind not in "fc":
        return None
    return device_get(x)


def _described(values: Any) -> str:
    """'float32[3] from -1 to 4, 1 NaN, 0 infinite'"""
    finite = values[np.isfinite(values)]
    size = np.abs(finite) if values.dtype.kind == "c" else finite
    span = f" from {size.min():.6g} to {size.max():.6g}" if finite.size else ""
    counts = f", {int(np.isnan(values).sum())} NaN, {int(np.isinf(values).sum())} infinite"
    return f"{values.dtype.name}[{','.join(map(str, values.shape))}]{span}{counts}"


def _install(_: Any) -> None:
    """Put the trace on, or take it off, as the settings say now."""
    trace = current_trace()
    while isinstance(trace, ValueTrace):
        trace = trace.parent
    nans, infs = debug_nans(), debug_infs()
    set_trace(ValueTrace(trace, nans, infs) if nans or infs else trace)


debug_nans.install = debug_infs.install = _install
