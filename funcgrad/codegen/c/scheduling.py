"""The equations of a graph as the steps of a program: nests in C, and what stands between them.

An equation joins a nest if all that it reads is made by then. So it may run earlier than it stands in the graph, but
not across one that makes a large array, as a product does: that would keep its result alive for longer, from the
forward pass to the backward pass.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from ...core import Aval, Primitive
from ...graph.ir import Atom, Eqn, Graph, Var
from ..expressions import takes_no_memory
from ..memory import Memory, is_large, size_of
from ..strides import Strides, c_strides, of_view
from .components import components
from .kinds import REDUCTIONS, is_alias, is_view
from .nest import Nest

__all__ = ["schedule"]

MOST_OPEN = 8
"""How many nests, each over a space of its own, equations may still join."""
MOST_EQUATIONS = 200
"""How many equations a nest may have: the compiler takes longer and longer for more."""


Place = tuple[int, int]
"""After how many steps, and after how many others that were moved there."""


def schedule(graph: Graph, memory: Memory, speaks: Callable[[Eqn], bool], every: bool = False) -> list[Eqn | Nest]:
    """The equations in an order in which each finds its operands made, some of them in nests.

    Args:
        graph: any.
        memory: what is known of its arrays.
        speaks: whether an equation may be a part of a nest.
        every: whether nests that pay only where there are no calls of NumPy besides are nests, too.
    """
    found = Scheduling(memory, speaks)
    for eqn in graph.eqns:
        found.add(eqn)
    steps = sorted(found.place, key=found.place.__getitem__)
    paying = {s for s in steps if isinstance(s, Nest)} if every else _paying(steps)
    return [
        part for s in steps for part in ([s] if isinstance(s, Eqn) else components(s) if s in paying else s.eqns)
    ]  # fmt: skip


def _paying(steps: list[Eqn | Nest]) -> set[Eqn | Nest]:
    """The nests that pay; one beside another that does shares its call, and pays always."""
    found: set[Eqn | Nest] = {s for s in steps if isinstance(s, Nest) and s.pays()}
    for ordered in (steps, steps[::-1]):
        for before, s in pairwise(ordered):
            if before in found and isinstance(s, Nest) and not all(map(is_view, s.eqns)):
                found.add(s)
    return found


class Scheduling:
    """The steps so far."""

    def __init__(self, memory: Memory, speaks: Callable[[Eqn], bool]):
        self.memory, self.speaks = memory, speaks
        self.place: dict[Eqn | Nest, Place] = {}  # of each step, where it stands
        self.open: list[Nest] = []  # which equations may still join
        self.makers: dict[Var, Eqn | Nest] = {}
        self.known: dict[Var, Strides | None] = {}
        self.moved = 0

    def add(self, eqn: Eqn) -> None:
        """One more equation, of those whose operands are made."""
        needed = max((self.place[self.makers[a]] for a in eqn.operands if a in self.makers), default=(-1, 0))  # type: ignore[index]
        step: Eqn | Nest | None = None
        for nest in reversed(self.open):
            if len(nest.eqns) < MOST_EQUATIONS and self.may_stand(nest, needed) and nest.take(eqn):
                if needed > self.place[nest]:
                    self.moved += 1
                    self.place[nest] = needed[0], self.moved
                step = nest
                break
        if step is None:
            step = self.refined(eqn, needed)
        if step is None and (shape := _space(eqn)) is not None:
            nest = Nest(shape, self.speaks, self.strides)
            if nest.take(eqn):
                step = nest
                self.open = [*self.open[1 - MOST_OPEN :], nest]
                self.place[nest] = len(self.place), 0
        if step is None:
            step = eqn
            self.place[eqn] = len(self.place), 0
            if not takes_no_memory(eqn) and any(map(is_large, eqn.outs)):
                self.open = []
        self.makers.update((out, step) for out in eqn.outs)
        if len(eqn.outs) == 1 and isinstance(eqn.outs[0].type, Aval):
            self.known[eqn.outs[0]] = self.strides_after(eqn, step)

    def strides_after(self, eqn: Eqn, step: Eqn | Nest) -> Strides | None:
        """Those of the result of an equation; None if they are not known.

        They are what is most likely: inputs in C's order, and what a nest makes, though it may not pay. The nests that
        read them see whether it is so (`linking.mend`).
        """
        out = eqn.outs[0]
        if takes_no_memory(eqn):
            x = eqn.operands[0]
            strides = self.strides(x)
            if strides is None:
                return None
            found = of_view(eqn.op.name, eqn.params, strides, x.type.shape, out.type.shape)
            return c_strides(out.type.shape) if found is None and eqn.op.name == "reshape" else found
        return c_strides(out.type.shape) if isinstance(step, Nest) else self.memory.strides(out)

    def strides(self, a: Atom) -> Strides | None:
        """Those of a value that is made by now, or comes from outside."""
        return self.known[a] if a in self.known else self.memory.strides(a)  # type: ignore[index]

    def refined(self, eqn: Eqn, needed: Place) -> Nest | None:
        """The nest that makes what a window is looked into, as one over the windows, and with that equation."""
        for k, nest in enumerate(self.open):
            if eqn.operands[0] in nest.made and needed <= self.place[nest] and (found := nest.refined(eqn)) is not None:
                self.place[found] = self.place.pop(nest)
                self.open[k] = found
                self.makers.update((v, found) for v in found.made)
                return found
        return None

    def may_stand(self, nest: Nest, needed: Place) -> bool:
        """Is what would be needed made where the nest stands, or may the nest stand behind that?"""
        now = self.place[nest]
        if needed <= now:
            return True
        between = [s for s, at in self.place.items() if now < at and at[0] <= needed[0]]  # it would stand behind all
        eqns = [e for s in between for e in ([s] if isinstance(s, Eqn) else s.eqns)]
        return not any(a in nest.made for e in eqns for a in e.operands)


def _space(eqn: Eqn) -> tuple[int, ...] | None:
    """The space of a nest that the equation may begin."""
    if not isinstance(eqn.op, Primitive) or is_alias(eqn):
        return None
    a = eqn.operands[0] if eqn.op.name in REDUCTIONS else eqn.outs[0]
    return a.type.shape if size_of(a) > 1 else None
