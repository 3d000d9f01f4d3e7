"""Exceptions that some examples of a batch raise: the others wait, and go on from where it was raised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import Params, Primitive
from ..errors import ArrayIndexError, ShapeError
from ..provenance import here
from .paths import Decision, Flatten, Group, Ids

__all__ = ["Pairs", "again", "failure", "leave", "leave_call", "notes_of", "raised_by"]


class Pairs:
    """Whose an exception of a flat run is.

    Args:
        outer: the trace of the outer batch.
        start: where in its log the flat run began.
        raising: a row for each of its examples that raise, which says with which inner ones.
    """

    __slots__ = ("outer", "raising", "start")

    def __init__(self, outer: Any, start: int, raising: Any):
        self.outer, self.start, self.raising = outer, start, raising

    def of_one_kind(self) -> Ids:
        """The inner examples with which one outer example raises; outer ones with others leave.

        Asked again, in a run that repeats the exception, none is left with others.
        """
        same = (self.raising == self.raising[0]).all(axis=1)
        if not same.all():
            leave(self.outer, self.outer.ids[~same], self.start)
            self.outer.ids, self.raising = self.outer.ids[same], self.raising[same]
        return np.flatnonzero(self.raising[0])


def raised_by(error: BaseException, rows: Ids | Pairs, size: int, results: Sequence[Any] = (), done: int = 0) -> None:
    """Note on an exception whose it is, for the call that ran the batch: it passes through what others wrote.

    A batch of a batch runs one vmap in the other, and each notes its own: the outermost of them last.

    Args:
        error: the exception.
        rows: of the batch; of a flat run, which stands for two, its pairs.
        size: of the batch.
        results: of a call with effects, the first `done` rows, which raised nothing.
    """
    _note(error, (*notes_of(error), (rows, size, results, done)))


def notes_of(error: BaseException) -> tuple[Any, ...]:
    """What `raised_by` noted on the exception, but for what calls have read already."""
    return getattr(error, "_funcgrad_rows", ())


def again(error: Exception, notes: tuple[Any, ...] = ()) -> Exception:
    """An exception of an earlier run, to be raised as it was there."""
    _note(error, notes)
    return error.with_traceback(None)


def _note(error: BaseException, notes: tuple[Any, ...]) -> None:
    error._funcgrad_rows = notes  # type: ignore[attr-defined]


def leave_call(trace: Any, error: Exception, effect: bool) -> None:
    """Let examples wait for which a call has not raised what it raised for others."""
    notes = notes_of(error)
    rows, size, results, done = notes[-1] if notes else ((), -1, (), 0)
    _note(error, notes[:-1])
    if size != len(trace.ids):
        return
    if isinstance(rows, Pairs):
        if trace.may_flatten():
            raise Flatten(trace.queue)
        rows = rows.of_one_kind()
    raising, before = trace.ids[rows], trace.ids[: done if effect else 0]
    if len(before):  # these examples had their effect
        trace.queue.effects.note(before, trace.effects[before] - 1, results, [0] * len(results))
    leave(trace, before)
    leave(trace, np.setdiff1d(trace.ids, np.concatenate([before, raising])))
    trace.ids = raising
    if len(notes) > 1 and isinstance(pairs := notes[-2][0], Pairs):  # the vmap that stood for this batch has ended
        _note(error, (*notes[:-2], (Pairs(trace, trace.starts[-1], pairs.raising), *notes[-2][1:])))


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
