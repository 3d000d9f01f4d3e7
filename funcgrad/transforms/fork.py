"""Decisions of a batch inside of one run: each example its own branch, or its own number of steps.

Python's `if` makes examples part for the rest of the function. `cond`, `switch` and `while_loop` know where their
branches end, so there the examples part only for that long: each branch runs on its own examples, a loop on those that
are not done yet, and then all go on together. That is possible where the batch is the innermost transform: a tape above
it would run backward through a branch whose examples are fewer than the tape's others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from .. import tree
from ..core import backend_array, current_trace, use_trace
from ..errors import PathError
from ..placement import device_get
from ..provenance import here
from .batch import BatchTrace, BatchTracer
from .paths import OBSERVED, Ids, Section, join
from .raising import leave
from .vmap import rows_of

__all__ = ["choose", "deciding_batch", "repeat"]


def deciding_batch(x: Any) -> BatchTrace | None:
    """The batch whose examples decide by x each for itself, where it is the innermost transform."""
    trace: Any = current_trace()
    return trace if type(x) is BatchTracer and x.owner is trace else None


def choose(index: Any, branches: Sequence[Callable[[], Any]]) -> Any:
    """The value of the branch that each example's index names, each branch run on its own examples alone.

    Args:
        index: a batched integer or boolean, within range.
        branches: functions without arguments.

    Raises:
        PathError: the branches' outputs have different structures or shapes.
    """
    trace: BatchTrace = index.owner

    def compute() -> Any:
        rows = observe(index)
        ids = trace.ids
        found = [branch(trace, ids[rows == k], partial(_Part.of, trace, run)) for k, run in enumerate(branches)]
        return _together(trace, ids, [part for part in found if part is not None])

    outs, structure = trace.section("cond", compute)
    return tree.unflatten(structure, outs)


def repeat(trace: BatchTrace, condition: Callable[[Any], Any], body: Callable[[Any], Any], value: Any) -> Any:
    """body(body(...)) for each example as long as its condition is true; finished examples are not computed on.

    Args:
        trace: the innermost transform.
        condition: value -> a boolean.
        body: value -> the next one, of the same structure.
        value: the first one.
    """

    def compute() -> Any:
        nonlocal value
        parts: list[_Part] = []
        before = trace.ids
        trace.inside.append(here())
        try:
            while True:
                flag = condition(value)
                mine = type(flag) is BatchTracer and flag.owner is trace
                going = observe(flag) if mine else np.full(len(trace.ids), bool(flag))
                done = branch(trace, trace.ids[~going], partial(_Part, trace, value))
                if done is not None:
                    parts.append(done)
                    if not going.any():
                        break
                    trace.ids = trace.ids[going]
                value = body(value)
        except Exception:
            leave(trace, np.sort(np.concatenate([trace.ids[:0], *[part.ids for part in parts]])))
            raise
        finally:
            trace.inside.pop()
        return _together(trace, before, parts)

    outs, structure = trace.section("while_loop", compute)
    return tree.unflatten(structure, outs)


def observe(x: BatchTracer) -> np.ndarray[Any, Any]:
    """The value of x for each example on the path, a row each; nobody parts."""
    trace = x.owner
    if trace.repeats():
        _, _, rows, ids = trace.entry(OBSERVED)
        rows = rows[np.searchsorted(ids, trace.ids)]
    elif not backend_array(x).size:  # a batch without examples, this one or one around it: all values are as good
        rows = np.zeros((len(trace.ids), *x.shape), x.dtype)
    else:
        rows = np.moveaxis(device_get(trace.look(x)), x.dim, 0)
    trace.log.append((None, OBSERVED, rows, trace.ids))
    return rows  # type: ignore[no-any-return]


def branch(trace: BatchTrace, ids: Ids, run: Callable[[], Any]) -> Any:
    """run() for some of the path's examples alone; None where there are none of them."""
    mark = Section("a branch")
    old = trace.entry(mark)[1] if trace.repeats() else None
    trace.log.append((None, mark))
    out = None
    before = trace.ids
    if len(ids) or not len(before):
        trace.ids = ids
        trace.inside.append(here())
        try:
            out = run()
        except Exception:
            leave(trace, np.setdiff1d(before, ids))  # who does not take this branch has not raised
            raise
        finally:
            trace.inside.pop()
        # who parted in the branch has left for good
        trace.ids = before if len(trace.ids) == len(ids) else np.setdiff1d(before, np.setdiff1d(ids, trace.ids))
    mark.end = len(trace.log)
    if old is not None and trace.replaying:
        trace.at = old.end
    return out


class _Part:
    """The value that some examples have, a row each, as the trace below the batch knows it."""

    def __init__(self, trace: BatchTrace, value: Any):
        leaves, self.structure = tree.flatten(value)
        self.ids: Ids = trace.ids  # fewer than the branch began with, where some have parted for good
        with use_trace(trace.parent):
            self.rows = [rows_of(trace, x) for x in leaves]

    @classmethod
    def of(cls, trace: BatchTrace, run: Callable[[], Any]) -> _Part:
        """What a branch returns."""
        return cls(trace, run())


def _together(trace: BatchTrace, before: Ids, parts: Sequence[_Part]) -> Any:
    """The results of all parts: (arrays, their batch axes, structure); who parted meanwhile has left for good."""
    first = parts[0]
    for part in parts[1:]:
        if part.structure != first.structure:
            one, other = (tree.unflatten(p.structure, p.rows) for p in (first, part))
            words = tree.difference(one, other, names=[f"that of example {p.ids[0]}" for p in (first, part)])
            raise PathError(f"vmap: the branches return different structures: {words}")
    ids = np.sort(np.concatenate([part.ids for part in parts]))
    trace.ids = before if len(ids) == len(before) else ids
    with use_trace(trace.parent):
        columns = zip(*[part.rows for part in parts], strict=True)
        outs = [join([(part.ids, x) for part, x in zip(parts, column, strict=True)]) for column in columns]
    return outs, [0] * len(outs), first.structure
