"""Writes a graph down as a NumPy program that calls loop nests in C.

    c = np.empty((4096, 1024), float32)
    nest0(a, b, c) and mend(nest0, a, b, c)

A nest returns 0 if all went well. Else `mend` says what is wrong: an operand that lies in another way than the nest
reads it is copied, an index that is out of range is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...graph.ir import Atom, Eqn, Var
from ..comments import Comments
from ..memory import Memory
from ..writer import Writer
from .cluster import Cluster
from .kinds import is_alias, is_one_hot, is_pick, is_view
from .nest import Nest
from .nest_writer import NestWriter
from .scheduling import schedule
from .spelling import c_names, expression, speaks
from .winograd import KERNELS, is_for_winograd

__all__ = ["NativeWriter"]

_INDENT = "    "


class NativeWriter(Writer):
    """The text of a program and of the nests that it calls."""

    plans_small = True

    def __init__(self, *args: Any, **options: Any):
        caller = options.get("caller") or (args[5] if len(args) > 5 else None)
        self.clusters: list[Cluster] = [] if caller is None else caller.clusters
        self._start, self._end = 0, -1  # of the statements of the last call
        self._first = 0  # the step of its first nest
        self._ahead: list[str] = []
        self._behind: list[str] = []
        super().__init__(*args, **options)

    def arranged(self, memory: Memory) -> list[Any]:
        return schedule(self.graph, memory, speaks)

    def kernel(self, eqn: Eqn) -> str:
        """Convolutions by 3 x 3 windows have one in C."""
        if not is_for_winograd(eqn):
            return super().kernel(eqn)
        name = f"{eqn.op.name}_by_winograd"
        self.bound[name] = KERNELS[name]
        return name

    def convolves(self) -> bool:
        """Does the program call one of those?"""
        return not KERNELS.keys().isdisjoint(self.bound)

    def _safe(self) -> int:
        """As in NumPy; a nest that indexes may raise, too."""
        if not self.given:
            return 0
        places = [i for i, s in enumerate(self.steps) if not isinstance(s, Eqn) and any(map(_indexes, s.eqns))]
        return max(super()._safe(), 1 + max(places, default=-1))

    def _write_group(self, i: int, group: Nest) -> None:  # type: ignore[override]
        self._flush(i)
        after = [e.outs[0] for e in group.eqns if self.last[e.outs[0]] > i]
        shown = _shown(group, after)
        sliced = {e.outs[0] for e in shown if not is_alias(e)}  # parts of an array from outside
        for e in shown:
            if is_alias(e) and e.operands[0] in sliced:
                sliced.add(e.outs[0])
        made = [v for v in after if v not in sliced]
        say = Comments("//")
        nest = NestWriter(group, c_names(group, self.names), made, expression, lambda eqn: say(eqn.origin))
        ahead = self._allocations(i, nest)
        behind: list[str] = []
        for e in shown:
            line = f"{self.names[e.outs[0]]} = {self.expression(e, [self.read(e.operands[0])]).text}"
            (ahead if nest.root(e.operands[0]).type.shape else behind).append(line)
        behind = [f"{self.names[v]} = {self.names[v]}[()]" for v in nest.leaves if not v.type.shape] + behind
        self._begin()
        cluster = self._cluster_for(i, nest)
        self.frame.join(i, self._first)  # its threads may be in any of the nests
        cluster.add(nest, [self._given(declaration, a) for declaration, a, _ in nest.parameters()])
        self._ahead += ahead
        self._behind += behind
        given = ", ".join(cluster.arguments)
        call = f"{cluster.name}({given}) and mend({cluster.name}, {given})"
        self.lines[self._start :] = [_INDENT + line for line in (*self._ahead, call, *self._behind)]
        self._end = len(self.lines)
        self._release(i, list(dict.fromkeys([*after, *nest.leaves, *(e.outs[0] for e in shown)])))

    def _allocations(self, i: int, nest: NestWriter) -> list[str]:
        """Where the values of a nest go: the statements that make memory for those which take none that is there."""
        lines = []
        for v in nest.leaves:
            over = self._dead_operand(i, nest, v)
            if over is None:
                lines += self.memory_for(i, v)
                continue
            self.trust(over)
            nest.over[v] = over
            self.names[v] = self.names[over]
            self.take(over, v)
        return lines

    def _cluster_for(self, i: int, nest: NestWriter) -> Cluster:
        """The call that the nest joins: the last one, if nothing has been written since, or a new one."""
        if self._end == len(self.lines):
            last = self.clusters[-1]
            if not last.is_full() and not any(map(last.makes, nest.scalars)):
                return last
        assert self.memory is not None
        cluster = Cluster(f"nest{len(self.clusters)}", self.memory)
        self.clusters.append(cluster)
        self.bound[cluster.name] = None  # the function, once the C is compiled
        self._start, self._ahead, self._behind, self._first = len(self.lines), [], [], i
        return cluster

    def _given(self, declaration: str, a: Atom) -> str:
        """An argument: an array by name, an array of one element as a number."""
        text = self.read(a).text
        return f"{text}.item()" if "*" not in declaration and a.type.shape else text

    def _dead_operand(self, i: int, nest: NestWriter, out: Var) -> Var | None:
        """An operand like the value, which nobody reads after the nest, nor in it once the value is written."""
        assert self.memory is not None
        if nest.is_repeated(out) or out in nest.nest.partials:  # it is written before all is read
            return None
        for a in self.donated_first(nest.arrays):
            if (
                isinstance(a, Var)
                and a.type == out.type
                and a not in nest.over.values()
                and nest.nest.axes[a] == nest.nest.axes[out]
                and self.memory.contiguous(a) is not None
                and self.is_dead(a, i)
                and self.frame.may_take(a, out)
                and nest.last_read(a) <= nest.phase[out]
                and not any(a in self.memory.owners(b) for b in nest.arrays if b is not a)
            ):
                return a
        return None


def _indexes(eqn: Eqn) -> bool:
    return is_pick(eqn) or is_one_hot(eqn)


def _shown(nest: Nest, after: Sequence[Var]) -> list[Eqn]:
    """The views that are read after a nest, and those of which they are views."""
    read: set[Atom] = set(after)
    found: list[Eqn] = []
    for e in reversed(nest.eqns):
        if is_view(e) and e.outs[0] in read:
            found.append(e)
            read.add(e.operands[0])
    return found[::-1]
