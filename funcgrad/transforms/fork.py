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
from ..core import current_trace, use_trace
from ..errors import PathError
from .batch import BatchTrace, BatchTracer
from .paths import Ids, join
from .vmap import rows_of

__all__ = ["choose", "deciding_batch", "repeat"]


def deciding_batch(x: Any) -> BatchTrace | None:
    """The batch whose examples decide by x each for itself, where it is the innermost transform."""
    return x.trace if type(x) is BatchTracer and x.trace is current_trace() else None


def choose(index: Any, branches: Sequence[Callable[[], Any]]) -> Any:
    """The value of the branch that each example's index names, each branch run on its own examples alone.

    Args:
        index: a batched integer or boolean, within range.
        branches: functions without arguments.

    Raises:
        PathError: the branches' outputs have different structures or shapes.
    """
    trace: BatchTrace = index.trace

    def compute() -> Any:
        rows = trace.observe(index)
        ids = trace.ids
        found = [trace.branch(ids[rows == k], partial(_Part.of, trace, run)) for k, run in enumerate(branches)]
        return _together(trace, [part for part in found if part is not None])

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
        before, trace.inside = trace.ids, trace.inside + 1
        try:
            while True:
                flag = condition(value)
                mine = type(flag) is BatchTracer and flag.trace is trace
                going = trace.observe(flag) if mine else np.full(len(trace.ids), bool(flag))
                done = trace.branch(trace.ids[~going], partial(_Part, trace, value))
                if done is not None:
                    parts.append(done)
                    if not going.any():
                        break
                    trace.ids = trace.ids[going]
                value = body(value)
        finally:
            trace.ids, trace.inside = before, trace.inside - 1
        return _together(trace, parts)

    outs, structure = trace.section("while_loop", compute)
    return tree.unflatten(structure, outs)


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


def _together(trace: BatchTrace, parts: Sequence[_Part]) -> Any:
    """The results of all parts: (arrays, their batch axes, structure)."""
    first = parts[0]
    for part in parts[1:]:
        if part.structure != first.structure:
            words = tree.difference(*[tree.unflatten(p.structure, p.rows) for p in (first, part)])
            raise PathError(
                f"vmap: the branches that examples {first.ids[0]} (the first) and {part.ids[0]} (the second) take "
                f"return different structures: {words}"
            )
    ids = np.sort(np.concatenate([part.ids for part in parts]))
    if len(ids) < len(trace.ids):
        trace.ids = ids
    with use_trace(trace.parent):
        columns = zip(*[part.rows for part in parts], strict=True)
        outs = [join([(part.ids, x) for part, x in zip(parts, column, strict=True)]) for column in columns]
    return outs, [0] * len(outs), first.structure
