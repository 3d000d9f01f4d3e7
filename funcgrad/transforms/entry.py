"""The short way of a call whose arguments have a structure that was seen before.

`dispatch.py` writes the code that takes such arguments apart. Here is where it goes then: to the program of the last
call, if all but the values is as it was then, and if that program had nothing to ask; else to the tree of paths.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import tree
from ..config import last_change
from .arguments import placed
from .captures import ClosedOverTracer, Look
from .dispatch import assembler, finisher
from .trace_tree import Node, Tree
from .unit import Unit

__all__ = ["AS_IT_IS", "Entry", "assembled", "given", "surroundings"]

AS_IT_IS = object()
"""Says that the function must run without programs."""

NOTHING: tuple[Any, ...] = (None, None, None, None)


class Entry:
    """What is known of calls of one structure.

    Args:
        unit: their compiled function.
    """

    __slots__ = ("fast", "known", "unit")

    def __init__(self, unit: Unit):
        self.unit = unit
        # of the last call: its forms, the last change of a setting, what it looked at, and the tree of all these
        self.known: tuple[Any, ...] = NOTHING
        # the same with what finishes the call in one go, where there is such a thing; see `dispatch.short_way`
        self.fast: tuple[Any, ...] = NOTHING

    def run(self, raws: tuple[Any, ...], forms: tuple[Any, ...], leaves: tuple[Any, ...]) -> Any:
        """The function's result, or `AS_IT_IS`."""
        unit = self.unit
        known, change, look, paths = self.known
        if unit.eager or forms != known or last_change() is not change or not look.unchanged():
            change = last_change()
            around = surroundings(unit, forms, leaves)
            if around is None:
                return AS_IT_IS
            look, paths = around
            self.known = forms, change, look, paths
        found = unit.execute(paths, raws, look.snapshot)
        if found is None:
            return assembled(*unit.record(paths, leaves, look.snapshot))
        results, node = found
        if results is None:
            return AS_IT_IS
        assemble, turned = node.assemble, node.turned
        if assemble is None:
            assemble = assembler(node.info, given(paths, node, len(leaves)))
            if node.turned is turned:  # or another thread has just rolled a loop
                node.assemble = assemble
        self.shorten(paths, look, len(leaves))
        return assemble(results, leaves)

    def shorten(self, paths: Tree, look: Look, count: int) -> None:
        """Let the next call like this one finish in one go, if its program has nothing to ask."""
        start = paths.start
        if start is None or start.asks or start.eager or start.node.effect or look.snapshot.arrays:
            return
        node = start.node
        if node.finish is None:

            def ripen() -> None:
                self.unit.ripen(paths)
                self.fast = NOTHING

            ripe = -1 if paths.native else paths.ripe
            form = node.info, given(paths, node, count), count
            node.finish = finisher(*form, node, start.run, AS_IT_IS, ripe, ripen)
        known, change, at, of = self.known
        if at is look and of is paths:  # or another thread has been here
            self.fast = known, change, look.quick(), node.finish


def surroundings(unit: Unit, forms: tuple[Any, ...], leaves: tuple[Any, ...]) -> tuple[Look, Tree] | None:
    """What the function reads beside its arguments, and the paths for it; None where it runs without programs."""
    try:
        look = unit.look()
    except ClosedOverTracer:
        return None
    return None if look is None else (look, unit.tree(forms, leaves, look.snapshot))


def given(paths: Tree, node: Node, count: int) -> list[int | None]:
    """For each result the number of the argument leaf that it is, or None; after a loop it may be another each time."""
    if node.turned:
        return [None] * len(node.outputs)
    numbers = {v: i for i, v in enumerate(paths.inputs[:count])}
    return [numbers.get(a) for a in node.outputs]  # type: ignore[arg-type]


def assembled(values: Sequence[Any], form: Any) -> Any:
    """A function's result again, from its values and the rest of it."""
    structure, rest, places = form
    return tree.unflatten(structure, placed(rest, places, values))
