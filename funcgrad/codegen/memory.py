"""What a program knows of its arrays' memory before it runs: who shares it, and in which order its elements stand.

A value may be written over where nothing else can see it: its memory was made in the program, nobody that shares it
is read any more, and the result would have come out in the same order of elements, on which the bits of later sums
depend. NumPy keeps the operands' order, and where they differ takes C's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np

from ..core import Aval, Call, Primitive
from ..graph.barrier import Barrier
from ..graph.ir import Atom, Eqn, Graph, GraphCall, Literal, Var
from ..graph.loops import ScanCall
from .expressions import FRESH, VIEWS
from .strides import Strides, c_strides

__all__ = ["LARGE", "Memory", "is_large", "may_raise", "mebibytes", "nbytes", "size_of", "stacked"]

LARGE = 32 << 10
"""Bytes from which on memory is planned: below, a look at it costs as much as the work."""

Trust: TypeAlias = frozenset[Var]
"""The inputs that must be C-contiguous for another value to be."""

_NONE: Trust = frozenset()
_OUTSIDE = Var(Aval((), np.dtype(bool)))
"""Stands for all memory that is not the program's own."""

_IN_ORDER = frozenset({
    "matmul", "copy", "gather", "erf", "erfc", "erfinv", "multiply_high", "unslice", "pad",
    "conv", "conv_data", "conv_weights",
    "resample", "window_argmax", "window_gather", "window_scatter", "window_sum", "window_spread",
    "random_bits", "random_below", "random_uniform", "random_normal",
})  # fmt: skip
"""Operations whose result is C-contiguous whatever the operands are."""
_AS_FIRST = frozenset({
    "sum", "prod", "max", "min", "any", "all", "set_slice", "reshape", "stop_gradient", "checkpoint_name",
})  # fmt: skip
"""Operations whose result is C-contiguous if the first operand is."""


def size_of(a: Atom) -> int:
    """How many elements; 1 for a Python number."""
    return a.type.size if isinstance(a.type, Aval) else 1  # type: ignore[no-any-return]


def nbytes(a: Atom) -> int:
    """How much memory; 0 for a Python number."""
    return a.type.size * a.type.dtype.itemsize if isinstance(a.type, Aval) else 0  # type: ignore[no-any-return]


def mebibytes(n: int) -> str:
    """'1.5 MiB', '12 KiB', '8 bytes'"""
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if n >= unit:
            return f"{n / unit:.1f}".removesuffix(".0") + f" {name}"
    return f"{n} bytes"


def is_large(a: Atom) -> bool:
    """Is it worth a thought where its values go?"""
    return nbytes(a) >= LARGE and size_of(a) > 1  # NumPy answers with scalars where there are no dimensions


def stacked(eqn: Eqn) -> Sequence[Var]:
    """The results of a loop that a program makes memory for beforehand, to which each step writes its row."""
    return eqn.outs[eqn.op.carry :] if isinstance(eqn.op, ScanCall) else ()


def may_raise(op: Primitive | Call) -> bool:
    """May the operation raise an error of its own for some values?"""
    if isinstance(op, GraphCall):
        return any(may_raise(eqn.op) for graph in op.graphs.values() for eqn in graph.eqns)
    return op.checks if isinstance(op, Primitive) else not isinstance(op, Barrier)


def may_keep(op: Primitive | Call) -> bool:
    """May somebody have the operands after the program, one that a callback told?"""
    if isinstance(op, GraphCall):
        return any(may_keep(eqn.op) for graph in op.graphs.values() for eqn in graph.eqns)
    return not isinstance(op, Primitive | Barrier)


class Memory:
    """Who shares the memory of each value of a graph, and whether it is C-contiguous.

    Args:
        graph: any.
        donated: inputs whose memory is the program's own.
    """

    def __init__(self, graph: Graph, donated: Iterable[Var] = ()):
        self._owners: dict[Var, frozenset[Var]] = dict.fromkeys(graph.inputs, frozenset({_OUTSIDE}))
        self._owners.update((v, frozenset({v})) for v in donated)
        self._kept: set[Var] = set()  # whose memory a call was shown
        self._order: dict[Var, Trust | None] = {v: frozenset({v}) for v in graph.inputs}
        for eqn in graph.eqns:
            owners, order = self._owners_after(eqn), self._order_after(eqn)
            for out in eqn.outs:
                self._owners[out], self._order[out] = owners or frozenset({out}), order
            if isinstance(eqn.op, ScanCall):
                self._add_results_of_loop(eqn, eqn.op)
            if may_keep(eqn.op):
                self._kept.update(*map(self.owners, eqn.operands))

    def is_own(self, var: Var) -> bool:
        """Did the operation that made it also make its memory, which nobody outside has seen?"""
        return self._owners[var] == {var} and var not in self._kept

    def owners(self, a: Atom) -> frozenset[Var]:
        """Whose memory it may be part of."""
        return self._owners[a] if isinstance(a, Var) else frozenset({_OUTSIDE})

    def contiguous(self, a: Atom) -> Trust | None:
        """Which inputs must be C-contiguous for it to be; None if it may not be.

        One axis alone is in order whatever its stride.
        """
        if sum(n != 1 for n in a.type.shape) < 2:
            return _NONE
        if isinstance(a, Var):
            return self._order[a]
        return _NONE if a.value._data.flags.c_contiguous or _is_one_number(a) else None

    def strides(self, a: Atom) -> Strides | None:
        """Its strides in elements, if it stands in C's order, as far as is known before the program runs."""
        return None if self.contiguous(a) is None else c_strides(a.type.shape)

    def _owners_after(self, eqn: Eqn) -> frozenset[Var]:
        """Of the results of an equation; none for memory of their own."""
        if isinstance(eqn.op, Primitive) and eqn.op.name in FRESH:
            return _NONE
        is_view = isinstance(eqn.op, Primitive) and eqn.op.name in VIEWS
        # a kernel may give back an operand, a call anything that somebody else holds as well
        return frozenset[Var]().union(*map(self.owners, eqn.operands), () if is_view else (_OUTSIDE,))

    def _add_results_of_loop(self, eqn: Eqn, op: ScanCall) -> None:
        """Rows are written to new arrays; what the last step makes and hands on is no part of an operand, either."""
        for out in stacked(eqn):
            self._owners[out], self._order[out] = frozenset({out}), _NONE
        body = Memory(op.body)
        first: dict[Var, Var] = {}  # by value of the body that has memory of its own, the first result in it
        for out, a in zip(eqn.outs[: op.carry], op.body.outputs, strict=False):
            owners = body.owners(a)
            if _OUTSIDE not in owners and all(map(body.is_own, owners)):
                self._owners[out] = frozenset(first.setdefault(v, out) for v in owners)

    def _order_after(self, eqn: Eqn) -> Trust | None:
        """What `contiguous` says of the results of an equation."""
        if not isinstance(eqn.op, Primitive):
            return None
        name, shape = eqn.op.name, eqn.outs[0].type.shape
        if eqn.params.get("groups", 1) != 1:  # a grouped convolution may be a view of its groups' products
            return None
        if name in _IN_ORDER:
            return _NONE
        if name in _AS_FIRST:
            return None if _is_one_number(eqn.operands[0]) else self.contiguous(eqn.operands[0])
        if eqn.op.elementwise or name in ("convert", "cast", "conj", "complex_abs"):
            return self._order_of_broadcast(eqn.operands, shape)
        return self._all_contiguous(eqn.operands) if name == "concat" else None

    def _order_of_broadcast(self, operands: Sequence[Atom], shape: tuple[int, ...]) -> Trust | None:
        """One operand of the whole shape in C's order decides, or else all together."""
        for a in operands:
            order = self.contiguous(a)
            if a.type.shape == shape and order is not None and not _is_one_number(a):
                return order
        return self._all_contiguous(operands)

    def _all_contiguous(self, operands: Iterable[Atom]) -> Trust | None:
        orders = [self.contiguous(a) for a in operands]
        return None if None in orders else _NONE.union(*[order for order in orders if order is not None])


def _is_one_number(a: Atom) -> bool:
    """Is it a constant that repeats one element? It fits every order of elements, and decides none."""
    return isinstance(a, Literal) and bool(a.type.shape) and not any(a.value._data.strides)
