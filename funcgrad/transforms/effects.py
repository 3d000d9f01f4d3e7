"""Calls with effects (`io_callback`, `debug.print`) under `vmap`: none is made twice for an example.

A function runs again for the examples that wait, and flat where a decision is mixed in two batches. Runs that repeat
others skip what those logged; here runs that begin anew find what the calls returned before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import use_trace
from ..numpy.indexing import take
from .pairs import in_pairs
from .paths import Flatten, narrow

__all__ = ["made_before", "once"]

Results = tuple[Sequence[Any], Sequence[int | None]]
"""Arrays and their batch axes."""


def once(trace: Any, call: Callable[[], Results]) -> Results:
    """What a call with an effect returns to the examples on the path; made where no run has made it."""
    if trace.queue.mixed:  # this run will be given up
        raise Flatten(trace.queue)
    numbers = trace.effects[trace.ids]
    found = made_before(trace, numbers)
    trace.effects = trace.effects.copy()  # a section may hold the old one
    trace.effects[trace.ids] += 1
    if found is None:
        found = call()
        trace.queue.effects.note(trace.ids, numbers, *found)
    return found


def made_before(trace: Any, numbers: Any) -> Results | None:
    """What another run got from that call, for the examples on this path."""
    ids, queue = trace.ids, trace.queue
    if (found := queue.effects.find(ids, numbers)) is not None:
        members, results, dims = found
        with use_trace(trace.parent):
            return [x if d is None else narrow(x, d, members, ids) for x, d in zip(results, dims, strict=True)], dims
    if queue.before is None or not len(ids):
        return None
    inner, which = np.unique(ids % trace.inner, return_inverse=True)
    each = np.zeros(len(inner), numbers.dtype)
    each[which] = numbers  # an inner example's number is the same with every outer one, or it is another call
    if (each[which] != numbers).any() or (found := queue.before.find(inner, each)) is None:
        return None
    members, results, dims = found
    rows = ids // trace.inner * len(members) + np.searchsorted(members, ids % trace.inner)
    with use_trace(trace.parent):
        wide = [in_pairs(trace.outer, x, d, len(members)) for x, d in zip(results, dims, strict=True)]
        outs = [x if d is None else take(x, rows, axis=0) for x, d in zip(wide, dims, strict=True)]
    return outs, [None if d is None else 0 for d in dims]
