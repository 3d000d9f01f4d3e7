"""What a batch is to the operations: its tracers, and the trace that is one run of a function over some examples.

A run's `ids` say which examples are still on its path; a tracer made before others left is narrowed when it is next
read. Where Python asks for a value, `decide` goes on with the largest group that agrees and lets the others wait
(`paths.py`). The run's log lets such a group run the function again up to the fork without computing: results come
from what was handed over.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import Array, Call, Params, Primitive, Trace, bind, bind_call, use_trace
from ..errors import PathError
from ..ops.collective import COLLECTIVES
from ..provenance import Origin, here
from .batch_tracer import BatchTracer
from .effects import once
from .paths import (
    AGREED,
    DECIDED,
    RESULT,
    Decision,
    Dropped,
    Flatten,
    Group,
    Ids,
    Queue,
    Section,
    hand_over,
    line_of,
    listed,
    narrow,
    partition,
)
from .raising import again, failure, leave_call, notes_of

__all__ = ["BatchTrace", "BatchTracer"]


class BatchTrace(Trace):
    """One run over the examples `ids`: each operation once for all of them, by its batch rule.

    Args:
        group: its examples, and how far to repeat an earlier run.
        queue: where groups that part from this run wait.
        axis_name: what collectives call this batch.
        outer: the batch whose examples are paired with this vmap's, in a flat run, `inner` of them each.
    """

    __slots__ = (  # noqa: RUF023  # in the order of __init__, which explains them
        "size", "ids", "group", "queue", "axis_name", "decisions", "replaying", "log", "at", "_live", "_seen",
        "starts", "inside", "flat", "outer", "inner", "pairs", "effects",
    )  # fmt: skip
    name, carries, instead = "vmap", "batch", ""

    def __init__(
        self,
        parent: Trace | None,
        size: int,
        group: Group,
        queue: Queue,
        axis_name: Any = None,
        outer: BatchTrace | None = None,
        inner: int = 1,
    ):
        super().__init__(parent)
        self.size, self.ids, self.group, self.queue, self.axis_name = size, group.ids, group, queue, axis_name
        self.decisions, self.replaying = group.decisions, group.until >= 0
        self.log: list[Any] = []  # what happened, as `paths.py` lists it
        self.at = 0  # how far the earlier run is repeated
        self._live: list[int] = []  # places in the log whose results were alive at the last fork,
        self._seen = 0  # and how long the log was
        self.starts: list[int] = []  # where in the log the sections began that we are in
        self.inside: list[Origin] = []  # where the local forks are that we are in: narrowing ends with them
        self.flat: BatchTrace | None = None  # the flat run that stands for this one at the moment
        self.outer, self.inner = outer, inner
        self.pairs: dict[int, tuple[BatchTracer, BatchTracer]] = {}  # by id: the outer batch's value, and that of pairs
        self.effects = np.zeros(size, int)  # how many calls with effects each example has come to

    # ---- operations ----

    def process(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        if self.outer is not None:
            args = [self.paired(x) for x in args]
        if params and "axis_name" in params:
            if params["axis_name"] == self.axis_name:
                return self.collective(primitive, args, params)
            if not any(type(x) is BatchTracer and x.owner is self for x in args):
                return self.passed_on(primitive, args, params)
        ids = self.ids
        batched = False
        values: list[Any] = []
        dims: list[int | None] = []
        for x in args:
            if type(x) is BatchTracer and x.owner is self:
                if not batched and self.replaying and self.repeats() and (found := self.replay(primitive)) is not None:
                    return found
                batched = True
                values.append(x.inner if x.ids is ids else self.read(x))
                dims.append(x.dim)
            else:
                values.append(x)
                dims.append(None)
        if not batched:  # not in the log, but done again on each path: Python may read the result unseen
            return bind(self.parent, primitive, args, params)
        with use_trace(self.parent):
            try:
                out, dim = primitive.batch(len(ids), values, dims, params)
            except Exception as error:
                raise failure(self, primitive, args, params, error)  # noqa: B904  # that one, or a better one of it
        return self.keep(primitive, out, dim, ids)

    def process_call(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        args = [self.paired(x) for x in args]
        batched = any(type(x) is BatchTracer and x.owner is self for x in args)

        def compute() -> tuple[Sequence[Any], Sequence[int | None]]:
            if not batched:
                outs = bind_call(self.parent, call, args)
                return outs, [None] * len(outs)
            values, dims = self.operands(args)
            with use_trace(self.parent):
                try:
                    return call.batch(len(self.ids), values, dims)
                except Exception as error:
                    leave_call(self, error, call.effect)
                    raise

        if call.effect:
            return self.section(call.name, lambda: (*once(self, compute), None), strong=True)[0]
        if not batched:
            return compute()[0]
        outs, learned = self.section(call.name, lambda: (*compute(), tuple(call.learned)))
        if learned and not call.learned:
            call.learned += learned
        return outs

    def collective(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        """An operation between the examples of this batch."""

        def compute() -> tuple[Sequence[Any], Sequence[int | None], None]:
            if args and len(self.ids) < self.size:  # axis_index, without operands, needs nobody else
                words = f"{primitive.name} over {self.axis_name!r} sees {len(self.ids)} of {self.size} examples"
                parted = self.decisions[-1].origin if self.decisions else self.inside[-1]
                raise PathError(
                    f"{words}: they parted at {line_of(parted)}; communicate before, or use where(...) there"
                )
            values, dims = self.operands(args)
            with use_trace(self.parent):
                out, dim = COLLECTIVES[primitive.name](self.size, values, dims, params)
                if len(self.ids) < self.size and dim is not None:
                    out = narrow(out, dim, np.arange(self.size), self.ids)
            return [out], [dim], None

        return self.section(primitive.name, compute, strong=True)[0][0]

    def passed_on(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        """An operation between the examples of a batch around this one, done once for the paths that come after it.

        When the next of them comes to it, the outer examples may have parted, and could communicate no more.
        """

        def compute() -> tuple[Sequence[Any], Sequence[int | None], None]:
            return [bind(self.parent, primitive, args, params)], [None], None

        return self.section(primitive.name, compute, strong=True)[0][0]

    def operands(self, args: Sequence[Any]) -> tuple[list[Any], list[int | None]]:
        """What the parent knows the operands as, and their batch axes."""
        mine = [type(x) is BatchTracer and x.owner is self for x in args]
        values = [self.read(x) if m else x for x, m in zip(args, mine, strict=True)]
        return values, [x.dim if m else None for x, m in zip(args, mine, strict=True)]

    def read(self, x: BatchTracer) -> Any:
        """The rows of the examples that are on this path now."""
        if x.ids is self.ids:
            return x.inner
        if x.view is not None and x.view[0] is self.ids:
            return x.view[1]
        if x.ids is None:
            raise self.impure(f"it reads {x.aval}, which it had dropped by then")
        with use_trace(self.parent):
            rows = narrow(x.inner, x.dim, x.ids, self.ids)
        if self.inside:
            x.view = self.ids, rows
        else:
            x.inner, x.ids, x.view = rows, self.ids, None
        return rows

    def paired(self, x: Any) -> Any:
        """In a flat run, a value of the outer batch as one of all pairs."""
        if (outer := self.outer) is None or type(x) is not BatchTracer or x.owner is self:
            return x
        x = outer.paired(x)  # where that is a flat run too
        if x.owner is not outer:
            return x
        found = self.pairs.get(id(x))
        if found is None:
            rows = np.repeat(np.arange(len(outer.ids)), self.inner)
            with use_trace(self.parent):
                wide = narrow(outer.read(x), x.dim, np.arange(len(outer.ids)), rows)
            every = np.arange(self.size)
            self.pairs[id(x)] = found = x, BatchTracer(self, wide, x.dim, every)
        return found[1]

    # ---- the log, and repeating it ----

    def keep(self, what: Any, out: Any, dim: int, ids: Ids) -> BatchTracer:
        """A result as the function gets it, noted in the log."""
        tracer = BatchTracer(self, out, dim, ids)
        self.log.append((weakref.ref(tracer), what, dim, out.shape, out.dtype))
        return tracer

    def repeats(self) -> bool:
        """Is what comes next a repetition? Examples that had no part in an exception go on where it was raised."""
        if self.replaying and self.group.key is None and self.at == self.group.until:
            self.replaying = False
        return self.replaying

    def entry(self, what: Any) -> Any:
        """What the earlier run did at this place."""
        group, at = self.group, self.at
        found = group.log[at] if at < group.until else (None, DECIDED)
        was = found[1]
        if was is not what and not (isinstance(what, Section) and isinstance(was, Section) and was.name == what.name):
            raise self.impure(f"{what.name} came where {was.name} had been")
        self.at += 1
        return found

    def replay(self, what: Any) -> Any:
        """An earlier run's result: None where it is to be computed again, a stand-in where nothing holds it."""
        at, kept = self.at, self.group.kept
        entry = self.entry(what)
        if isinstance(entry[2], Exception):
            self.log.append(entry)
            raise again(entry[2])
        _, _, dim, shape, dtype = entry
        if kept is None:
            return None
        found = kept.get(at)
        if found is not None:
            out = BatchTracer(self, found[0], dim, found[1])
        else:
            out = BatchTracer(self, Dropped(shape, dtype, self.group.beside), dim, None)
        self.log.append((weakref.ref(out), what, dim, shape, dtype))
        return out

    def section(
        self,
        name: str,
        compute: Callable[[], tuple[Sequence[Any], Sequence[int | None], Any]],
        strong: bool = False,
    ) -> tuple[list[Any], Any]:
        """(results, info) of a part of the function, skipped where a run repeats what came after it.

        Results that all examples share are kept for that, as Python may read them unseen; `strong` keeps them all.
        """
        mark = Section(name)
        old = self.entry(mark)[1] if self.repeats() else None
        self.log.append((None, mark))
        # a section that the examples parted in is gone into again
        if old is not None and old.ends_by(self.group.until) and (strong or old.error or self.group.kept is not None):
            self.at, self.effects = old.end, old.effects
            mark.end, mark.info, mark.kept, mark.error = len(self.log), old.info, old.kept, old.error
            mark.effects, mark.notes, mark.skipped = old.effects, old.notes, True
            if old.error is not None:
                raise again(old.error, old.notes)
            return [self.again(x) for x in old.kept], old.info
        afresh = old is not None and old.skipped  # the earlier run skipped it too, and its log has nothing to repeat
        if afresh:
            self.replaying = False
        self.starts.append(len(self.log) - 1)
        try:
            results, dims, mark.info = compute()
        except Exception as error:
            mark.end, mark.error, mark.notes = len(self.log), error, notes_of(error)
            raise
        finally:
            self.starts.pop()
            mark.effects = self.effects
            self.replaying |= afresh
        mark.end = len(self.log)
        outs: list[Any] = []
        for x, dim in zip(results, dims, strict=True):
            outs.append(x if dim is None else self.keep(RESULT, x, dim, self.ids))
            mark.kept.append(x if dim is None else (x, dim, self.ids) if strong else None)
        if old is not None and self.replaying:
            self.at = old.end + sum(x is None or type(x) is tuple for x in old.kept)
        return outs, mark.info

    def again(self, kept: Any) -> Any:
        """One result of a section that an earlier run went through."""
        if kept is None:
            return self.replay(RESULT)
        if type(kept) is not tuple:
            return kept
        self.at += 1
        return self.keep(RESULT, *kept)

    def impure(self, what: str) -> PathError:
        """The error for a function that does not do the same again."""
        return PathError(
            f"vmap runs the function again for {listed(self.group.ids, self.size)}, and {what}: it must do the same "
            "on each run with the same values (no random numbers but by keys, no state that it changes)"
        )

    # ---- decisions ----

    def decide(self, x: BatchTracer) -> Array:
        """The value of x on this path; examples with another one wait for their own run."""
        if self.repeats():
            last = self.at == self.group.until
            found = self.entry(DECIDED)
            key: Any = self.group.key if last else found[2]
            if last:
                self.replaying, self.group.kept = False, None
        else:
            value = self.look(x)
            (key, ids), *others = partition(value, x.dim, self.ids)
            if others:
                self.part(key, ids, others)
        self.log.append((None, DECIDED, key))
        return key  # type: ignore[no-any-return]

    def look(self, x: BatchTracer) -> Array:
        """The values of x for the examples on this path, as a plain array."""
        outer: Any = self.parent
        value = self.read(x)
        if not len(self.ids):
            words = "use where, cond and while_loop instead of `if`, int(x), float(x) or x.item()"
            raise PathError(f"Python needs a value ({x.aval}) of a batch without examples: {words}")
        if self.queue.mixed:  # somebody has caught it
            raise Flatten(self.queue)
        nested = type(value) is BatchTracer and value.owner is outer
        if nested and self.may_flatten() and not outer.agrees(value):
            # one row would decide for a whole batch of outer examples, and they disagree: run all pairs side by side
            raise Flatten(self.queue)
        with use_trace(outer):
            return value.rows(x.dim)  # type: ignore[no-any-return]

    def may_flatten(self) -> bool:
        """Is there a batch right around this one, so that a flat run over all pairs can stand for both?

        Not where one has a name: its examples communicate, and then their number counts.
        """
        outer: Any = self.parent
        named = self.axis_name is not None or (type(outer) is BatchTrace and outer.axis_name is not None)
        return type(outer) is BatchTrace and not named and self.outer is None

    def agrees(self, x: BatchTracer) -> bool:
        """Have all examples on this path the same value? Nobody parts."""
        if self.repeats():
            agreed = self.entry(AGREED)[2]
        else:
            agreed = len(partition(self.look(x), x.dim, self.ids)) == 1
        self.log.append((None, AGREED, agreed))
        return agreed  # type: ignore[no-any-return]

    def part(self, key: Array, ids: Ids, others: Sequence[tuple[Array, Ids]]) -> None:
        """Go on with some examples, and let the others wait with what they need."""
        origin = here()
        live = {}
        for i in [*self._live, *range(self._seen, len(self.log))]:
            ref = self.log[i][0]
            x = None if ref is None else ref()
            if x is not None and x.ids is not None:
                live[i] = x
        self._live, self._seen = list(live), len(self.log)
        for value, who in others:
            decisions = (*self.decisions, Decision(origin, value))
            self.queue.append(
                Group(who, self.log, len(self.log), hand_over(live, who, self.parent is None), value, decisions)
            )
        self.ids, self.decisions = ids, (*self.decisions, Decision(origin, key))
