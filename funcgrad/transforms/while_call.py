"""A while loop as one operation, which values may end after any number of steps.

Forward mode and vmap make another loop of it. Reverse mode saves what each step began with in a history, and replays
that from the last step to the first (`graph/loops.py`). A history has no derivative, so where a backward pass is
differentiated itself there is no such loop, and Python's runs; but a backward pass alone is linear in its cotangents,
which is a loop over the same history the other way round.

Where the examples of a batch end each for itself, the loop of the batch runs until all have. Those that have ended keep
what they have, and stand in the body with the values of one that has not (see `branch.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core import Call, bind_call, current_trace
from ..graph.ir import Graph, Var, evaluate
from ..graph.loops import ReplayCall, WhileCall
from ..numpy.creation import zeros_like
from ..numpy.reductions import any as any_true
from .body import chain, derived, has_derivative, lowered, reached
from .branch import BOOLEAN, along, standing_in
from .custom_arguments import pulled as by_itself
from .jvp import JVPTrace
from .loop import as_on_a_tape, batched, beside, in_front, pulled, pushed, run_alone, spread, wide
from .stage import Unstaged
from .tape import GradTrace

__all__ = ["Replay", "While", "is_rolled"]

NO_DERIVATIVE = "a derivative of the backward pass of a loop whose length the values decide"


class While(WhileCall):
    """A loop as long as a condition is true, under every transform."""

    def lowered(self) -> Call:
        return lowered(self)  # type: ignore[no-any-return]

    def evaluate(self, args: Sequence[Any]) -> Sequence[Any]:
        return run_alone(self, args)

    def step_by_step(self, args: Sequence[Any]) -> list[Any]:
        """The results by Python's loop."""
        consts, value = args[: self.consts], list(args[self.consts :])
        while evaluate(self.condition, [*consts, *value])[0]:
            value = evaluate(self.body, [*consts, *value])
        return value

    @property
    def carry(self) -> int:
        """How many parts the carry has."""
        return len(self.body.outputs)

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        if self.batches:
            raise Unstaged(NO_DERIVATIVE)
        n = self.consts
        moving, results = spread(self.body, [t is not None for t in tangents], n, self.carry, True)
        filled = [zeros_like(p) if m and t is None else t for p, t, m in zip(primals, tangents, moving, strict=True)]
        body = pushed(self.body, [moving[:n], moving[n:]], [results], beside(primals))
        own = iter(self.condition.inputs)
        inputs = [next(own) for _ in range(n)] + [Var(v.type) for v in body.inputs[n : n + sum(moving[:n])]]
        inputs += list(own)
        inputs += [Var(v.type) for v in body.inputs[len(inputs) :]]
        condition = Graph(tuple(inputs), self.condition.eqns, self.condition.outputs)
        args = [
            x
            for part in (slice(None, n), slice(n, None))
            for xs in (primals[part], [t for t in filled[part] if t is not None])
            for x in xs
        ]
        found = iter(bind_call(current_trace(), While(condition, body, n + sum(moving[:n])), args))
        outs = [next(found) for _ in results]
        return outs, [next(found) if m else None for m in results]

    def vjp(self, primals: Sequence[Any], wanted: Sequence[bool]) -> tuple[Sequence[Any], Callable[..., Sequence[Any]]]:
        if self.batches:
            raise Unstaged(NO_DERIVATIVE)
        if differentiated():
            return by_itself(self.step_by_step, primals, wanted)
        n, count = self.consts, self.carry
        flags = [w and has_derivative(v.type) for w, v in zip(wanted, self.body.inputs, strict=True)]
        moving, results = spread(self.body, flags, n, count, True)
        back = pulled(self.body, moving, results, n, count, beside(primals))
        body = as_on_a_tape(self.body, moving, beside(primals))
        saving = While(self.condition, body, n, tuple(back.saved), ((),) * (1 + len(back.saved)))
        found = bind_call(current_trace(), saving, primals)
        outs, histories = found[:count], found[count:]

        def pullback(cts: Sequence[Any]) -> list[Any]:
            if all(cts[k] is None for k, m in enumerate(results) if m):
                return [None] * len(primals)
            sums = [zeros_like(x) for x, m in zip(primals, moving[:n], strict=False) if m]
            given = [zeros_like(outs[k]) if cts[k] is None else cts[k] for k, m in enumerate(results) if m]
            body, first, carried = back.body, len(back.consts), len(sums) + len(given)
            entries = (Var(BOOLEAN), *body.inputs[first + carried :])
            inputs = (*body.inputs[:first], *entries, *body.inputs[first : first + carried])
            replay = Replay(Graph(inputs, body.eqns, body.outputs), first, saving.batches, True)
            operands = [*(primals[k] for k in back.consts), *histories, *sums, *given]
            gradient = iter(bind_call(current_trace(), replay, operands))
            every = [next(gradient) if m else None for m in moving]
            return [ct if f else None for ct, f in zip(every, flags, strict=True)]

        pullback.residuals = [(x, "an operand of while_loop") for x in primals]  # type: ignore[attr-defined]
        return outs, pullback

    def batch(
        self, size: int, args: Sequence[Any], dims: Sequence[int | None]
    ) -> tuple[Sequence[Any], Sequence[int | None]]:
        rows, results = spread(self.body, [d is not None for d in dims], self.consts, self.carry, False)
        device = beside(args)
        apart = reached(self.condition, rows, False)[0]
        if apart:
            rows[self.consts :] = results = [True] * self.carry
            condition, body = self.until_all_end(rows, size, device)
        else:
            body = batched(self.body, rows, results, size, device)
            # the condition reads none of those that have become wider
            inputs = [Var(wide(v.type, size)) if r else v for v, r in zip(self.condition.inputs, rows, strict=True)]
            condition = Graph(tuple(inputs), self.condition.eqns, self.condition.outputs)
        given = [in_front(x, d, size) if r else x for x, d, r in zip(args, dims, rows, strict=True)]
        kept = [apart, *(results[k] for k in self.saves)][: len(self.batches)]
        batches = tuple((size, *b) if r else b for r, b in zip(kept, self.batches, strict=True))
        outs = bind_call(current_trace(), While(condition, body, self.consts, self.saves, batches), given)
        return outs, [0 if r else None for r in (*results, *kept)]

    def until_all_end(self, rows: Sequence[bool], size: int, device: Any) -> tuple[Graph, Graph]:
        """The condition and the body of a batch whose examples end each for itself."""
        flags = batched(self.condition, rows, [True] * len(self.condition.outputs), size, device)
        body = batched(self.body, rows, [True] * self.carry, size, device)

        def some_go_on(given: Sequence[Any]) -> list[Any]:
            first, *rest = evaluate(flags, given)
            return [any_true(first), *(rest or [first])] if self.batches else [any_true(first)]

        def step(given: Sequence[Any]) -> list[Any]:
            mine = evaluate(flags, given)[0]
            after = evaluate(body, standing_in(mine, given, rows, size))
            return [along(mine, x, y) for x, y in zip(after, given[self.consts :], strict=True)]

        types = [v.type for v in body.inputs]
        return derived(some_go_on, types, device), derived(step, types, device)


class Replay(ReplayCall):
    """A loop over histories, in a backward pass; that is linear in the cotangents, so it has derivatives in them."""

    def remade(self, body: Graph, consts: int | None = None, reverse: bool | None = None) -> Replay:
        """A loop over the same histories with another body."""
        return Replay(
            body,
            self.consts if consts is None else consts,
            self.batches,
            self.reverse if reverse is None else reverse,
        )

    def lowered(self) -> Call:
        return lowered(self)  # type: ignore[no-any-return]

    def evaluate(self, args: Sequence[Any]) -> Sequence[Any]:
        return run_alone(self, args)

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        first = self.consts + len(self.batches)
        if any(t is not None for t in tangents[:first]):
            raise Unstaged(NO_DERIVATIVE)
        moving, results = spread(self.body, [t is not None for t in tangents], first, len(self.body.outputs), True)
        given = zip(primals[first:], tangents[first:], moving[first:], strict=True)
        filled = [zeros_like(p) if t is None else t for p, t, m in given if m]
        body = pushed(self.body, [moving], [results], beside(primals))
        found = iter(bind_call(current_trace(), self.remade(body), [*primals, *filled]))
        outs = [next(found) for _ in results]
        return outs, [next(found) if m else None for m in results]

    def vjp(self, primals: Sequence[Any], wanted: Sequence[bool]) -> tuple[Sequence[Any], Callable[..., Sequence[Any]]]:
        first, count = self.consts + len(self.batches), len(self.body.outputs)
        flags = [w and has_derivative(v.type) for w, v in zip(wanted, self.body.inputs, strict=True)]
        moving, results = spread(self.body, flags, first, count, True)
        back = pulled(self.body, moving, results, first, count, beside(primals))
        if any(moving[:first]) or back.saved:
            raise Unstaged(NO_DERIVATIVE)
        outs = bind_call(current_trace(), self, primals)

        def pullback(cts: Sequence[Any]) -> list[Any]:
            if all(ct is None for ct in cts):
                return [None] * len(primals)
            given = [zeros_like(x) if ct is None else ct for x, ct, m in zip(outs, cts, results, strict=True) if m]
            own = dict(zip(back.consts, back.body.inputs, strict=False))
            consts = [own.get(k) or Var(v.type) for k, v in enumerate(self.body.inputs[:first])]
            body = Graph((*consts, *back.body.inputs[len(own) :]), back.body.eqns, back.body.outputs)
            call = self.remade(body, reverse=not self.reverse)
            found = iter(bind_call(current_trace(), call, [*primals[:first], *given]))
            every = [next(found) if m else None for m in moving]
            return [ct if f else None for ct, f in zip(every, flags, strict=True)]

        return outs, pullback

    def batch(
        self, size: int, args: Sequence[Any], dims: Sequence[int | None]
    ) -> tuple[Sequence[Any], Sequence[int | None]]:
        first = self.consts + len(self.batches)
        count = len(self.body.outputs)
        rows, results = spread(self.body, [d is not None for d in dims], first, count, False)
        apart = rows[self.consts] and not self.batches[0]  # with batch axes before this one, the body knows already
        if apart:
            rows[first:] = results = [True] * count
        given = [
            x if not r or self.consts <= i < first else in_front(x, d, size)
            for i, (x, d, r) in enumerate(zip(args, dims, rows, strict=True))
        ]
        body = (
            self.of_those_who_took_part(rows, size, beside(args))
            if apart
            else batched(self.body, rows, results, size, beside(args))
        )
        of_histories = zip(rows[self.consts : first], self.batches, strict=True)
        call = Replay(body, self.consts, tuple((size, *b) if r else b for r, b in of_histories), self.reverse)
        return bind_call(current_trace(), call, given), [0 if r else None for r in results]

    def of_those_who_took_part(self, rows: Sequence[bool], size: int, device: Any) -> Graph:
        """The body of a batch, in which examples that had ended before a step keep what they have."""
        count = len(self.body.outputs)
        body = batched(self.body, rows, [True] * count, size, device)

        def step(given: Sequence[Any]) -> list[Any]:
            mine = given[self.consts]
            after = evaluate(body, standing_in(mine, given, rows, size))
            return [along(mine, x, y) for x, y in zip(after, given[-count:], strict=True)]

        return derived(step, [v.type for v in body.inputs], device)


def differentiated() -> bool:
    """Will somebody ask for the derivative of what happens now?"""
    return any(isinstance(t, GradTrace | JVPTrace) for t in chain(current_trace()))


def is_rolled() -> bool:
    """Can all the transforms that are running make a loop of one whose length the values decide?"""
    traces = list(chain(current_trace()))
    for i, trace in enumerate(traces):
        if isinstance(trace, GradTrace) and any(isinstance(t, GradTrace | JVPTrace) for t in traces[i + 1 :]):
            return False
    return True
