"""A branch as one operation: the program of each case, of which the index chooses one when it runs.

It is for the bodies of loops, which are written down without values. Elsewhere `cond` asks which way to go.

Where the examples of a batch choose each for itself, every case that somebody takes runs on the whole batch, and each
example gets its own. Those that do not take a case stand in it with the values of one that does: so nothing is computed
that no example has asked for, as the root of a negative number, whose NaN would spoil the derivatives of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import Aval, Call, bind_call, current_trace
from ..dtypes import is_boolean
from ..graph.ir import Graph, evaluate
from ..graph.loops import BranchCall
from ..numpy.elementwise import where
from ..numpy.indexing import take
from ..numpy.reductions import any as any_true
from ..numpy.reductions import argmax
from ..rules import iota, zeros
from .body import derived, has_derivative, lowered, reached
from .loop import as_on_a_tape, batched, beside, in_front, pulled_back, pushed, run_alone, wide

__all__ = ["BOOLEAN", "Branch", "along", "standing_in"]

BOOLEAN = Aval((), np.dtype(bool))


class Branch(BranchCall):
    """One of several functions by an index, under every transform."""

    def lowered(self) -> Call:
        return lowered(self)  # type: ignore[no-any-return]

    def evaluate(self, args: Sequence[Any]) -> Sequence[Any]:
        return run_alone(self, args)

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        moving = [t is not None for t in tangents[1:]]
        results = self.reached(moving, True)
        cases = [pushed(case, [moving], [results], beside(primals)) for case in self.cases]
        operands = [*primals, *(t for t in tangents[1:] if t is not None)]
        found = iter(bind_call(current_trace(), Branch(cases, self.index), operands))
        outs = [next(found) for _ in results]
        return outs, [next(found) if r else None for r in results]

    def vjp(self, primals: Sequence[Any], wanted: Sequence[bool]) -> tuple[Sequence[Any], Callable[..., Sequence[Any]]]:
        moving = [w and has_derivative(v.type) for w, v in zip(wanted[1:], self.cases[0].inputs, strict=True)]
        forward = [as_on_a_tape(case, moving, beside(primals)) for case in self.cases]
        outs = bind_call(current_trace(), Branch(forward, self.index), primals)
        results = self.reached(moving, True)

        def pullback(cts: Sequence[Any]) -> list[Any]:
            live = [r and ct is not None for r, ct in zip(results, cts, strict=True)]
            if not any(live):
                return [None] * len(primals)
            cases = [pulled_back(case, moving, live, beside(primals)) for case in self.cases]
            operands = [*primals, *(ct for ct, m in zip(cts, live, strict=True) if m)]
            found = iter(bind_call(current_trace(), Branch(cases, self.index), operands))
            return [None, *(next(found) if m else None for m in moving)]

        pullback.residuals = [(x, "an operand of cond") for x in primals]  # type: ignore[attr-defined]
        return outs, pullback

    def batch(
        self, size: int, args: Sequence[Any], dims: Sequence[int | None]
    ) -> tuple[Sequence[Any], Sequence[int | None]]:
        rows = [d is not None for d in dims[1:]]
        given = [x if d is None else in_front(x, d, size) for x, d in zip(args, dims, strict=True)]
        if dims[0] is None:
            results = self.reached(rows, False)
            cases = [batched(case, rows, results, size, beside(args)) for case in self.cases]
            outs = bind_call(current_trace(), Branch(cases, self.index), given)
            return outs, [0 if r else None for r in results]
        every = [True] * len(self.cases[0].outputs)
        index = given[0]
        columns: list[Any] = []
        for k, case in enumerate(self.cases):
            mine = (index if k else ~index) if is_boolean(index.dtype) else index == k
            run = batched(case, rows, every, size, beside(args))
            call = Branch(chosen_rows(run, rows, size, beside(args)), any_true(mine).aval)
            found = bind_call(current_trace(), call, [any_true(mine), mine, *given[1:]])
            columns = [along(mine, x, y) for x, y in zip(found, columns, strict=True)] if columns else list(found)
        return columns, [0] * len(columns)

    def reached(self, moving: Sequence[bool], derivative: bool) -> list[bool]:
        """Which results depend on operands, whichever case is taken."""
        return [any(flags) for flags in zip(*(reached(c, moving, derivative) for c in self.cases), strict=True)]


# ---- examples that choose each for itself -------------------------------------------------------


def chosen_rows(run: Graph, rows: Sequence[bool], size: int, device: Any) -> list[Graph]:
    """The cases "nobody takes it" and "some do" of (which examples do, operands).

    Args:
        run: the function of the whole batch.
        rows: which of its operands have a row for each example.
        size: of the batch.
        device: see `derived`.
    """

    results: list[Any] = [a.type for a in run.outputs]

    def nobody(given: Sequence[Any]) -> list[Any]:
        return [zeros(t, given[0]) for t in results]

    def some(given: Sequence[Any]) -> list[Any]:
        return evaluate(run, standing_in(given[0], given[1:], rows, size))

    types = [wide(BOOLEAN, size), *(v.type for v in run.inputs)]
    return [derived(nobody, types, device), derived(some, types, device)]


def standing_in(mine: Any, operands: Sequence[Any], rows: Sequence[bool], size: int) -> list[Any]:
    """The operands with the rows of one of the chosen examples in the place of those that are not chosen."""
    found = where(mine, iota(size, mine), argmax(mine.astype("int8")))
    return [take(x, found, axis=0) if r else x for x, r in zip(operands, rows, strict=True)]


def along(mine: Any, x: Any, y: Any) -> Any:
    """x for the chosen examples, y for the others."""
    return where(mine.reshape(mine.shape + (1,) * (x.ndim - 1)), x, y)
