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

from ..core import (
    Array,
    Aval,
    Call,
    Params,
    Primitive,
    Trace,
    Tracer,
    bind,
    bind_call,
    is_running,
    use_trace,
)
from ..errors import PathError, ShapeError
from ..ops.collective import COLLECTIVES
from ..placement import device_get
from ..provenance import here
from .closure import noticed, resolve
from .paths import (
    AGREED,
    DECIDED,
    OBSERVED,
    RESULT,
    Decision,
    Dropped,
    Flatten,
    Group,
    Ids,
    Section,
    hand_over,
    listed,
    narrow,
    partition,
    place,
)

__all__ = ["BatchTrace", "BatchTracer"]


class BatchTracer(Tracer):
    """A batch of values; `dim` is the axis of `inner` whose rows stand for the examples `ids`.

    In a run that repeats an earlier one, a value that nothing held on to is `Dropped`, and has no ids.
    """

    __slots__ = ("dim", "ids", "inner", "view")
    trace: BatchTrace

    def __init__(self, trace: BatchTrace, inner: Array, dim: int, ids: Ids | None):
        self.trace, self.inner, self.dim, self.dtype, self.ids = trace, inner, dim, inner.dtype, ids
        self.view: tuple[Ids, Array] | None = None

    @property
    def aval(self) -> Any:
        """Shape and dtype of one example."""
        shape = self.inner.shape
        return Aval(shape[: self.dim] + shape[self.dim + 1 :], self.dtype)

    def concrete(self) -> Array:
        """The one value that all examples on this path have from here on: others leave it."""
        trace = self.trace
        if trace.flat is not None:
            return trace.flat.decide(trace.flat.lift(self))
        if not is_running(trace):
            if (value := resolve(self)) is not self:
                return value.concrete()  # type: ignore[no-any-return]
            raise self.leaked("reading a value")
        noticed(self)
        return trace.decide(self)

    def shown(self) -> Any:
        """The rows to print: of the examples on this path; nobody parts for being looked at."""
        live = self.ids is not None and self.trace.flat is None and is_running(self.trace)
        return self.trace.read(self) if live else self.inner

    def __repr__(self) -> str:
        rows = self.shown()
        return f"BatchTracer({self.aval}, {rows.shape[self.dim]} examples along axis {self.dim} of {rows!r})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        """Of numbers, every example's by the spec."""
        if not spec or self.shape:
            return repr(self)
        return "[" + " ".join(format(x, spec) for x in self.shown()) + "]"


class BatchTrace(Trace):
    """One run over the examples `ids`: each operation once for all of them, by its batch rule.

    Args:
        group: its examples, and how far to repeat an earlier run.
        queue: where groups that part from this run wait.
        axis_name: what collectives call this batch.
        outer: the batch whose examples are paired with this vmap's, in a flat run, `inner` of them each.
    """

    __slots__ = (  # noqa: RUF023  # in the order of __init__, which explains them
        "size", "ids", "group", "queue", "axis_name", "decisions", "replaying", "log", "_at", "_live", "_seen",
        "inside", "flat", "outer", "inner", "lifted",
    )  # fmt: skip
    name, carries, instead = "vmap", "batch", ""

    def __init__(
        self,
        parent: Trace | None,
        size: int,
        group: Group,
        queue: list[Group],
        axis_name: Any = None,
        outer: BatchTrace | None = None,
        inner: int = 1,
    ):
        super().__init__(parent)
        self.size, self.ids, self.group, self.queue, self.axis_name = size, group.ids, group, queue, axis_name
        self.decisions, self.replaying = group.decisions, group.until >= 0
        self.log: list[Any] = []  # (weakref to the result, primitive or Section, dim, shape, dtype) an entry
        self._at = 0  # how far the earlier run is repeated
        self._live: list[int] = []  # places in the log whose results were alive at the last fork,
        self._seen = 0  # and how long the log was
        self.inside = 0  # how many local forks we are in: narrowing ends with them
        self.flat: BatchTrace | None = None  # the flat run that stands for this one at the moment
        self.outer, self.inner = outer, inner
        self.lifted: dict[int, tuple[BatchTracer, BatchTracer]] = {}

    # ---- operations ----

    def process(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        if self.outer is not None:
            args = [self.lift(x) for x in args]
        if params and self.axis_name is not None and params.get("axis_name") == self.axis_name:
            return self.collective(primitive, args, params)
        ids = self.ids
        batched = False
        values: list[Any] = []
        dims: list[int | None] = []
        for x in args:
            if type(x) is BatchTracer and x.trace is self:
                if not batched and self.replaying and (found := self.replay(primitive)) is not None:
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
            except ShapeError:
                # what does not fit is better said by the shapes of one example, which the user's function sees
                primitive.infer_of(args, params)
                raise
        return self.keep(primitive, out, dim, ids)

    def process_call(self, call: Call, args: Sequence[Any]) -> Sequence[Any]:
        args = [self.lift(x) for x in args]
        if not any(type(x) is BatchTracer and x.trace is self for x in args):
            return bind_call(self.parent, call, args)

        def compute() -> tuple[Sequence[Any], Sequence[int | None], Any]:
            values, dims = self.operands(args)
            with use_trace(self.parent):
                return *call.batch(len(self.ids), values, dims), tuple(call.learned)

        outs, learned = self.section(call.name, compute)
        if learned and not call.learned:
            call.learned = list(learned)
        return outs

    def collective(self, primitive: Primitive, args: Sequence[Any], params: Params) -> Any:
        """An operation between the examples of this batch."""

        def compute() -> tuple[Sequence[Any], Sequence[int | None], None]:
            if len(self.ids) < self.size:
                words = f"{primitive.name} over {self.axis_name!r} sees {len(self.ids)} of {self.size} examples"
                parted = f"they parted at {place(self.decisions[-1].origin)}"
                raise PathError(f"{words}: {parted}; communicate before, or use where(...) there")
            values, dims = self.operands(args)
            with use_trace(self.parent):
                out, dim = COLLECTIVES[primitive.name](self.size, values, dims, params)
            return [out], [dim], None

        return self.section(primitive.name, compute, strong=True)[0][0]

    def operands(self, args: Sequence[Any]) -> tuple[list[Any], list[int | None]]:
        """What the parent knows the operands as, and their batch axes."""
        mine = [type(x) is BatchTracer and x.trace is self for x in args]
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

    def lift(self, x: Any) -> Any:
        """In a flat run, a value of the outer batch as one of all pairs."""
        if (outer := self.outer) is None or type(x) is not BatchTracer or x.trace is not outer:
            return x
        found = self.lifted.get(id(x))
        if found is None:
            rows = np.repeat(np.arange(len(outer.ids)), self.inner)
            with use_trace(self.parent):
                wide = narrow(outer.read(x), x.dim, np.arange(len(outer.ids)), rows)
            every = np.arange(self.size)
            self.lifted[id(x)] = found = x, BatchTracer(self, wide, x.dim, every)
        return found[1]

    # ---- the log, and repeating it ----

    def keep(self, what: Any, out: Any, dim: int, ids: Ids) -> BatchTracer:
        """A result as the function gets it, noted in the log."""
        tracer = BatchTracer(self, out, dim, ids)
        self.log.append((weakref.ref(tracer), what, dim, out.shape, out.dtype))
        return tracer

    def entry(self, what: Any) -> Any:
        """What the earlier run did at this place."""
        group, at = self.group, self._at
        found = group.log[at] if at < group.until else (None, DECIDED)
        was = found[1]
        if was is not what and not (isinstance(what, Section) and isinstance(was, Section) and was.name == what.name):
            raise self.impure(f"{what.name} came where {was.name} had been")
        self._at += 1
        return found

    def replay(self, what: Any) -> Any:
        """An earlier run's result: None where it is to be computed again, a stand-in where nothing holds it."""
        at, kept = self._at, self.group.kept
        _, _, dim, shape, dtype = self.entry(what)
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
        old = self.entry(mark)[1] if self.replaying else None
        self.log.append((None, mark))
        # a section that the examples parted in is gone into again
        if old is not None and old.ends_by(self.group.until) and (strong or self.group.kept is not None):
            self._at = old.end
            mark.end, mark.info, mark.kept = len(self.log), old.info, old.kept
            return [self.again(x) for x in old.kept], old.info
        results, dims, mark.info = compute()
        mark.end = len(self.log)
        outs: list[Any] = []
        for x, dim in zip(results, dims, strict=True):
            outs.append(x if dim is None else self.keep(RESULT, x, dim, self.ids))
            mark.kept.append(x if dim is None else (x, dim, self.ids) if strong else None)
        if old is not None and self.replaying:
            self._at = old.end + sum(x is None or type(x) is tuple for x in old.kept)
        return outs, mark.info

    def again(self, kept: Any) -> Any:
        """One result of a section that an earlier run went through."""
        if kept is None:
            return self.replay(RESULT)
        if type(kept) is not tuple:
            return kept
        self._at += 1
        return self.keep(RESULT, *kept)

    def branch(self, ids: Ids, run: Callable[[], Any]) -> Any:
        """run() for some of this path's examples alone; None where there are none of them."""
        mark = Section("a branch")
        old = self.entry(mark)[1] if self.replaying else None
        self.log.append((None, mark))
        out = None
        if len(ids):
            before, self.ids, self.inside = self.ids, ids, self.inside + 1
            try:
                out = run()
            finally:
                self.ids, self.inside = before, self.inside - 1
        mark.end = len(self.log)
        if old is not None and self.replaying:
            self._at = old.end
        return out

    def impure(self, what: str) -> PathError:
        """The error for a function that does not do the same again."""
        return PathError(
            f"vmap runs the function again for {listed(self.group.ids, self.size)}, and {what}: it must do the same "
            "on each run with the same values (no random numbers but by keys, no state that it changes)"
        )

    # ---- decisions ----

    def decide(self, x: BatchTracer) -> Array:
        """The value of x on this path; examples with another one wait for their own run."""
        if self.replaying:
            last = self._at == self.group.until
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

    def observe(self, x: BatchTracer) -> np.ndarray[Any, Any]:
        """The value of x for each example on this path, a row each; nobody parts."""
        if self.replaying:
            _, _, rows, ids = self.entry(OBSERVED)
            rows = rows[np.searchsorted(ids, self.ids)]
        else:
            rows = np.moveaxis(device_get(self.look(x)), x.dim, 0)
        self.log.append((None, OBSERVED, rows, self.ids))
        return rows  # type: ignore[no-any-return]

    def look(self, x: BatchTracer) -> Array:
        """The values of x for the examples on this path, as a plain array."""
        outer: Any = self.parent
        value = self.read(x)
        if not len(self.ids):
            words = "use array operations instead of `if`, int(x), float(x) or x.item()"
            raise PathError(f"Python needs a value ({x.aval}) of a batch without examples: {words}")
        nested = type(outer) is BatchTrace and type(value) is BatchTracer and value.trace is outer
        named = self.axis_name is not None or (nested and outer.axis_name is not None)
        if nested and not named and self.outer is None and not outer.agrees(value):
            # one row would decide for a whole batch of outer examples, and they disagree: run all pairs side by side
            raise Flatten(self.queue)
        with use_trace(outer):
            return value.concrete()  # type: ignore[no-any-return]

    def agrees(self, x: BatchTracer) -> bool:
        """Have all examples on this path the same value? Nobody parts."""
        if self.replaying:
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
