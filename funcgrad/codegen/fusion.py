"""Which equations run together, tile by tile: groups of elementwise ones over one large shape.

An equation joins the last group if all that it reads is made by then: across views, sums and small operations, but not
across one that makes another large array. To run earlier than that would keep its result alive for longer, from the
forward pass to the backward pass.
"""

from __future__ import annotations

from math import gcd, prod

from ..core import Primitive
from ..graph.ir import Atom, Eqn, Graph, Var
from .expressions import takes_no_memory
from .memory import Memory, is_large, nbytes, size_of
from .tiles import TILE

__all__ = ["Group", "schedule"]

FEWEST = 8
"""Tiles of a group that is worth it."""

VECTORS = 64
"""Elements that fill a whole number of vector registers, whatever the dtype and the machine."""

_WIDEST = 16
"""Bytes of an element of the widest dtype."""


class Group:
    """Elementwise equations over one shape.

    Args:
        shape: of every result.
        eqn: the first one.
    """

    def __init__(self, shape: tuple[int, ...], eqn: Eqn):
        self.shape = shape
        self.eqns: list[Eqn] = []
        self._known: set[Atom] = set()  # values of the whole shape that it reads or makes
        self._shapes: set[tuple[int, ...]] = set()  # of the operands, with as many axes as the results
        self._widest = 1  # bytes of an element of the widest result
        self.add(eqn)

    def add(self, eqn: Eqn) -> None:
        """Take one more equation."""
        self.eqns.append(eqn)
        self._known |= {a for a in (*eqn.operands, *eqn.outs) if a.type.shape == self.shape}
        self._shapes |= self._shapes_of(eqn)
        self._widest = max(self._widest, *(nbytes(out) // size_of(out) for out in eqn.outs))

    def takes(self, eqn: Eqn) -> bool:
        """Does the equation read what the group reads or makes, and does the group still fit with it?"""
        if self._known.isdisjoint(eqn.operands):
            return False
        before = self._shapes
        self._shapes = before | self._shapes_of(eqn)
        fits = self.fits()
        self._shapes = before
        return fits

    def operands(self) -> list[Atom]:
        """What it reads from outside, arrays of more than one element, each once."""
        made = {out for e in self.eqns for out in e.outs}
        return list(dict.fromkeys(a for e in self.eqns for a in e.operands if size_of(a) > 1 and a not in made))

    def _shapes_of(self, eqn: Eqn) -> set[tuple[int, ...]]:
        rank = len(self.shape)
        return {(1,) * (rank - len(a.type.shape)) + a.type.shape for a in eqn.operands if size_of(a) > 1}

    def axes(self) -> list[int]:
        """The shape's axes merged wherever no operand is broadcast along one and not along the next.

        The sizes: of (8, 512, 1024) beside (1024,) they are (4096, 1024).
        """
        sizes: list[int] = []
        before = None
        for axis, n in enumerate(self.shape):
            if n == 1:
                continue
            along = [s[axis] == n for s in self._shapes]
            if along == before:
                sizes[-1] *= n
            else:
                sizes.append(n)
            before = along
        return sizes

    def rows(self) -> tuple[int, int, list[int]]:
        """Count of rows, rows in a tile, and the sizes of a row.

        A tile is a whole number of vector registers: so no element falls into a remainder, which may be computed
        otherwise, unless it would do so if the array were one piece.
        """
        count, *row = self.axes()
        together = VECTORS // gcd(VECTORS, prod(row))
        step = max(TILE // (prod(row) * self._widest * together), 1) * together
        return count, step, row

    def fits(self) -> bool:
        """Is the least that can be cut off it not much larger than the cache?"""
        _, step, row = self.rows()
        return step * prod(row) * self._widest <= 2 * TILE

    def pays(self) -> bool:
        """Is it faster in tiles than one operation after the other, each over its dead operand?

        That is as fast as long as all values together stay in the last cache, and needs no threads.
        """
        return self.fits() and len(self.eqns) > 1 and prod(self.shape) * self._widest >= FEWEST * TILE


def schedule(graph: Graph, memory: Memory) -> list[Eqn | Group]:
    """The equations in an order in which each finds its operands made, some of them in groups."""
    steps: list[Eqn | Group] = []
    group: Group | None = None  # the last one, while it is open
    place = -1  # which step it is
    made: dict[Var, int] = {}  # in which step
    for eqn in graph.eqns:
        if is_fusable(eqn, memory):
            needed = max((made.get(a, -1) for a in eqn.operands if isinstance(a, Var)), default=-1)
            if group is not None and group.shape == eqn.outs[0].type.shape and place >= needed and group.takes(eqn):
                group.add(eqn)
                made[eqn.outs[0]] = place
                continue
            group, place = Group(eqn.outs[0].type.shape, eqn), len(steps)
            steps.append(group)
        else:
            steps.append(eqn)
            if not takes_no_memory(eqn) and any(map(is_large, eqn.outs)):
                group = None
        made.update((out, len(steps) - 1) for out in eqn.outs)
    return [step for s in steps for step in ([s] if isinstance(s, Eqn) or s.pays() else s.eqns)]


def is_fusable(eqn: Eqn, memory: Memory) -> bool:
    """May it run tile by tile, and is it large enough?"""
    if not isinstance(eqn.op, Primitive) or not (eqn.op.elementwise or eqn.op.name in ("convert", "cast")):
        return False
    size = size_of(eqn.outs[0])
    if size < 2 or size * _WIDEST < FEWEST * TILE:  # the mask of a large array belongs to it
        return False
    return all(memory.contiguous(a) is not None for a in (*eqn.operands, *eqn.outs))
