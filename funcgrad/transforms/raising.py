"""Exceptions that some examples of a batch raise: the others wait, and go on from where it was raised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import Params, Primitive
from ..errors import ArrayIndexError, ShapeError
from ..provenance import here
from .paths import Decision, Flatten, Group, Ids

__all__ = ["failure", "leave", "leave_call", "raised_by"]


def raised_by(error: BaseException, rows: Ids | None, size: int, results: Sequence[Any] = (), done: int = 0) -> None:
    """Note on an exception whose it is, for the call that ran the batch: it passes through what others wrote.

    Args:
        error: the exception.
        rows: of the batch; None where that depends on the example of the batch around this one as well.
        size: of the batch.
        results: of a call with effects, the first `done` rows, which raised nothing.
    """
    error._funcgrad_rows = rows, size, results, done  # type: ignore[attr-defined]


def leave_call(trace: Any, error: Exception, effect: bool) -> None:
    """Let examples wait for which a call has not raised what it raised for others."""
    rows, size, results, done = getattr(error, "_funcgrad_rows", (None, -1, (), 0))
    if size != len(trace.ids):
        return
    if rows is not None:
        raising, before = trace.ids[rows], trace.ids[: done if effect else 0]
        if len(before):  # these examples had their effect
            trace.queue.effects.note(before, trace.effects[before] - 1, results, [0] * len(results))
        leave(trace, before)
        leave(trace, np.setdiff1d(trace.ids, np.concatenate([before, raising])))
        trace.ids = raising
    elif trace.may_flatten():
        raise Flatten(trace.queue)


def failure(trace: Any, primitive: Primitive, args: Sequence[Any], params: Params, error: Exception) -> Exception:
    """What an operation raises, noted for those who repeat it; the examples that it is no matter of leave."""
    if isinstance(error, ShapeError):
        try:  # what does not fit is better said by the shapes of one example, which the user's function sees
            primitive.infer_of(args, params)
        except ShapeError as better:
            error = better
    elif isinstance(error, ArrayIndexError):
        raising = out_of_range(trace, primitive, args, params, trace.ids)
        leave(trace, np.setdiff1d(trace.ids, raising), len(trace.log))
        trace.ids = raising
    trace.log.append((None, primitive, error))
    return error


def out_of_range(trace: Any, primitive: Primitive, args: Sequence[Any], params: Params, ids: Ids) -> Ids:
    """Which of these examples an index is out of range for, found by halves."""
    before, trace.ids = trace.ids, ids
    trace.inside.append(here())
    try:
        values, dims = trace.operands(args)
        primitive.batch(len(ids), values, dims, params)
        return ids[:0]
    except ArrayIndexError:
        halves = [] if len(ids) == 1 else [ids[: len(ids) // 2], ids[len(ids) // 2 :]]
        return (
            np.concatenate([out_of_range(trace, primitive, args, params, half) for half in halves]) if halves else ids
        )
    finally:
        trace.ids = before
        trace.inside.pop()


def leave(trace: Any, ids: Ids, start: int | None = None) -> None:
    """Let examples wait that have no part in the exception being raised, to go on where what raised it began."""
    if len(ids):
        origin = here()
        start = trace.starts[-1] if start is None else start
        decisions = (*trace.decisions, Decision(origin, "no exception"))
        trace.queue.append(Group(ids, trace.log, start, decisions=decisions))
        trace.decisions = (*trace.decisions, Decision(origin, "an exception"))
