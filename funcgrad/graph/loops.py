"""Loops and branches as equations: what they hold, and how their operands and results are laid out.

    scan        consts, first carry, arrays of rows     -> last carry, arrays of results
    while       consts, first carry                     -> last carry, and histories if it saves any
    replay      consts, histories, first carry          -> last carry
    branch      index, operands                         -> results

A body is a graph of (consts, carry, one row of each array) to (next carry, a result of each array). How many steps a
loop takes is no matter of its graph's size.

The **history** of a loop whose length the values decide has no shape that a type could tell. It is one element of dtype
object that holds a list, and only `replay` reads it: from the last step to the first, as the backward pass does. The
first history is that of the condition, which tells how many steps there were, and in a batch who took part in each.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..core import Aval
from .ir import Graph, GraphCall, Type
from .keys import graph_key

__all__ = ["BranchCall", "ReplayCall", "ScanCall", "WhileCall"]

OBJECT = np.dtype(object)


class KeyedCall(GraphCall):
    """A call that is equal to another whose graphs compute the same."""

    @cached_property
    def key(self) -> Hashable:  # type: ignore[override]
        """What two such calls have equal, or None."""
        keys = tuple(graph_key(graph) for graph in self.graphs.values())
        return None if None in keys else (tuple(self.settings.items()), keys)


class ScanCall(KeyedCall):
    """A loop over the rows of arrays.

    Args:
        body: (consts, carry, rows) -> (next carry, results).
        consts: how many of its inputs are the same at each step.
        carry: how many of them, and of its results, go from step to step.
        length: how many steps, one at least.
        reverse: whether it begins with the last row.
    """

    name = "scan"

    def __init__(self, body: Graph, consts: int, carry: int, length: int, reverse: bool):
        super().__init__({"body": body}, {"consts": consts, "carry": carry, "length": length, "reverse": reverse})
        self.body, self.consts, self.carry, self.length, self.reverse = body, consts, carry, length, reverse

    def each(self, change: Callable[[Graph], Graph]) -> ScanCall:
        return type(self)(change(self.body), self.consts, self.carry, self.length, self.reverse)

    def operand_types(self) -> list[Type]:
        types = [v.type for v in self.body.inputs]
        first = self.consts + self.carry
        return [*types[:first], *(self.rows(t) for t in types[first:])]

    def infer(self, avals: Sequence[Any]) -> list[Any]:
        types = [a.type for a in self.body.outputs]
        return [*types[: self.carry], *(self.rows(t) for t in types[self.carry :])]

    def rows(self, row: Any) -> Aval:
        """An array of such rows."""
        return Aval((self.length, *row.shape), row.dtype)


class WhileCall(KeyedCall):
    """A loop as long as a condition is true.

    Args:
        condition: (consts, carry) -> a boolean; where something is kept of a batch, also whether each example goes on.
        body: (consts, carry) -> next carry.
        consts: how many of their inputs are the same at each step.
        saves: parts of the carry of which each step's value is kept, by their places.
        batches: for each history the sizes of its batch axes, outermost first; none where nothing is kept.
    """

    name = "while"

    def __init__(
        self,
        condition: Graph,
        body: Graph,
        consts: int,
        saves: tuple[int, ...] = (),
        batches: tuple[tuple[int, ...], ...] = (),
    ):
        settings: dict[str, Any] = {"consts": consts}
        if batches:
            settings |= {"saves": saves, "batches": batches}
        super().__init__({"condition": condition, "body": body}, settings)
        self.condition, self.body, self.consts, self.saves, self.batches = condition, body, consts, saves, batches

    def each(self, change: Callable[[Graph], Graph]) -> WhileCall:
        return type(self)(change(self.condition), change(self.body), self.consts, self.saves, self.batches)

    def operand_types(self) -> list[Type]:
        return [v.type for v in self.body.inputs]

    def infer(self, avals: Sequence[Any]) -> list[Any]:
        return [*(a.type for a in self.body.outputs), *(Aval(shape, OBJECT) for shape in self.batches)]


class ReplayCall(KeyedCall):
    """A loop over the histories that another has saved.

    Args:
        body: (consts, one entry of each history, carry) -> next carry; the first history is the condition's.
        consts: how many of its inputs are the same at each step.
        batches: for each history the sizes of its batch axes.
        reverse: whether it begins with the last entries.
    """

    name = "replay"

    def __init__(self, body: Graph, consts: int, batches: tuple[tuple[int, ...], ...], reverse: bool):
        super().__init__({"body": body}, {"consts": consts, "batches": batches, "reverse": reverse})
        self.body, self.consts, self.batches, self.reverse = body, consts, batches, reverse

    def each(self, change: Callable[[Graph], Graph]) -> ReplayCall:
        return type(self)(change(self.body), self.consts, self.batches, self.reverse)

    def operand_types(self) -> list[Type]:
        types = [v.type for v in self.body.inputs]
        histories = [Aval(shape, OBJECT) for shape in self.batches]
        return [*types[: self.consts], *histories, *types[self.consts + len(histories) :]]

    def infer(self, avals: Sequence[Any]) -> list[Any]:
        return [a.type for a in self.body.outputs]


class BranchCall(KeyedCall):
    """One of several functions, by an index within their range, or by a boolean.

    Args:
        cases: of the same operands, to results of the same types.
        index: the type of the index.
    """

    name = "branch"

    def __init__(self, cases: Sequence[Graph], index: Type):
        super().__init__({f"case {i}": case for i, case in enumerate(cases)}, {})
        self.cases, self.index = tuple(cases), index

    def each(self, change: Callable[[Graph], Graph]) -> BranchCall:
        return type(self)([change(case) for case in self.cases], self.index)

    def operand_types(self) -> list[Type]:
        return [self.index, *(v.type for v in self.cases[0].inputs)]

    def infer(self, avals: Sequence[Any]) -> list[Any]:
        return [a.type for a in self.cases[0].outputs]
