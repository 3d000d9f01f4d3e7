"""A compiled function as one operation: what each transform makes of it is a compiled function again, one level down.

vmap(jit(f))(xs)   the unit of f, batched: recorded, rolled and run as any other
grad(jit(f))(x)    the unit of f's forward pass, whose path holds the backward pass as a program of its own
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from ..codegen.numpy_program import numpy_program
from ..codegen.worth import calls_until_native
from ..core import Array, Call, bind_call, current_trace, use_trace
from ..dtypes import is_inexact
from ..graph.ir import Graph, Var, evaluate
from ..numpy.creation import asarray, zeros_like
from .arguments import placed
from .dispatch import wrapped
from .finishing import finished
from .frames import asking
from .grad import vjp
from .jvp import jvp
from .loop_pull import LoopUnit
from .stage import StageTrace, Unstaged
from .unit import Unit, on_numpy
from .vmap import vmap

__all__ = ["JitCall"]


class JitCall(Call):
    """A call of a unit, as one operation: what a transform makes of it is a unit again, one level down.

    Args:
        unit: the function.
    """

    transparent = True

    def __init__(self, unit: Unit):
        self.unit, self.name = unit, f"jit of {unit.name}"
        self.learned: list[Any] = []

    def evaluate(self, args: Sequence[Any]) -> Sequence[Any]:
        if isinstance(current_trace(), StageTrace):  # a part of what is being recorded
            outs, info = self.unit.flat(args)
        else:
            with use_trace(None):  # the trace that asked may still be the current one
                outs, info = self.unit(args)
        self.learned.append(info)
        return outs

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        moving = tuple(i for i, t in enumerate(tangents) if t is not None)
        call = JitCall(pushed(self.unit, moving))
        both = bind_call(current_trace(), call, [*primals, *[tangents[i] for i in moving]])
        info, smooth = call.learned[-1]
        self.learned.append(info)
        count = len(both) - len(smooth)
        found = placed([None] * count, smooth, both[count:])
        return both[:count], found

    def batch(
        self, size: int, args: Sequence[Any], dims: Sequence[int | None]
    ) -> tuple[Sequence[Any], Sequence[int | None]]:
        call = JitCall(batched(self.unit, tuple(dims), size))
        outs = bind_call(current_trace(), call, args)
        self.learned.append(call.learned[-1])
        return outs, [0] * len(outs)

    def vjp(self, primals: Sequence[Any], wanted: Sequence[bool]) -> tuple[Sequence[Any], Callable[..., Sequence[Any]]]:
        places = tuple(i for i, w in enumerate(wanted) if w and is_inexact(asarray(primals[i]).dtype))
        unit = pulled(self.unit, places)
        # below another transform the forward pass runs as it is: programs have values and no tracers
        outs, info = unit(primals) if current_trace() is None else unit.without_programs(primals)
        if isinstance(info, Backward):
            self.learned.append(info.info)
            outs, residuals = outs[: info.count], outs[info.count :]

            def pull(cts: Sequence[Any]) -> Sequence[Any]:
                given = [zeros_like(outs[i]) if cts[i] is None else cts[i] for i in info.smooth]
                if current_trace() is None:
                    return info(residuals, given)
                return evaluate(info.graph, [*residuals, *given])
        else:
            pull = info[0]
            self.learned.append(info[1])

        def pullback(cts: Sequence[Any]) -> list[Any]:
            return placed([None] * len(primals), places, pull(list(cts)))

        return outs, pullback


# ---- what transforms make of a unit -------------------------------------------------------------


def pushed(unit: Unit, moving: tuple[int, ...]) -> Unit:
    """(leaves, then tangents of some) -> results, then the tangents of those that have any."""

    def flat(leaves: Sequence[Any]) -> tuple[Sequence[Any], Any]:
        count = len(leaves) - len(moving)
        primals, tangents = leaves[:count], leaves[count:]

        def of_moving(*xs: Any) -> Any:
            return unit.flat(placed(primals, moving, xs))

        outs, found, info = jvp(of_moving, [primals[i] for i in moving], list(tangents), has_aux=True)
        smooth = [i for i, x in enumerate(outs) if is_inexact(asarray(x).dtype)]
        return [*outs, *[found[i] for i in smooth]], (info, smooth)

    return unit.of(("jvp", moving), lambda: Unit(f"jvp of {unit.name}", flat, unit.captures))


def batched(unit: Unit, dims: tuple[int | None, ...], size: int) -> Unit:
    """The function of whole batches; every result has its batch in front."""

    def flat(leaves: Sequence[Any]) -> tuple[Sequence[Any], Any]:
        infos = []

        def one(*xs: Any) -> Any:
            outs, info = unit.flat(xs)
            infos.append(info)
            return list(outs)

        return vmap(one, in_axes=dims, axis_size=size)(*leaves), infos[-1]

    return unit.of(("vmap", dims, size), lambda: Unit(f"vmap of {unit.name}", flat, unit.captures))


def pulled(unit: Unit, wanted: tuple[int, ...]) -> PullUnit:
    """The forward pass of reverse mode; `info` holds the backward pass."""
    return unit.of(("vjp", wanted), lambda: PullUnit(unit, wanted))  # type: ignore[return-value]


class CutTrace(StageTrace):
    """Also knows the tracer of each variable, so that a record can be cut in two, and whether Python loops."""

    __slots__ = ("branches", "tracers", "turns")

    def __init__(self, hidden: Any):
        super().__init__(hidden)
        self.tracers: dict[Var, Any] = {v: x for x, v in self.hidden.values()}
        self.branches: set[tuple[Any, int]] = set()  # the instructions of frames that asked
        self.turns = False  # whether one asked again

    def note(self, atom: Any, kind: str, answer: Any) -> None:
        super().note(atom, kind, answer)
        frame = asking(sys._getframe(1))
        if frame is not None:
            self.turns = self.turns or (frame, frame.f_lasti) in self.branches
            self.branches.add((frame, frame.f_lasti))

    def named(self, value: Any, var: Var) -> Any:
        self.tracers[var] = made = super().named(value, var)
        return made


class Backward:
    """The backward pass of one path: a graph from residuals and cotangents to the cotangents of the inputs.

    Args:
        info: of the path.
        count: how many results the function has; the residuals come behind them.
        smooth: which of them have cotangents.
        graph: from [*residuals, *cotangents] to the inputs' cotangents.
    """

    __slots__ = ("count", "graph", "info", "program", "ripe", "smooth", "uses")

    def __init__(self, info: Any, count: int, smooth: Sequence[int], graph: Graph):
        self.info, self.count, self.smooth, self.graph = info, count, smooth, graph
        self.program: Any = None
        self.uses = 0
        self.ripe = -1  # after how many it is compiled from C

    def __call__(self, residuals: Sequence[Any], cts: Sequence[Any]) -> list[Any]:
        """The inputs' cotangents, on values."""
        self.uses += 1
        if self.uses == 1:  # once is not worth a program
            return evaluate(self.graph, [*residuals, *cts])
        if self.program is None:
            calls = calls_until_native(self.graph.eqns)
            self.ripe = -1 if calls < 0 else self.uses + calls
        if self.program is None or self.uses == self.ripe:
            numpy, native = on_numpy((*residuals, *cts)), self.uses == self.ripe
            self.program = numpy_program(finished(self.graph, numpy), numpy=numpy, native=native).function
        raws = [x._data if isinstance(x, Array) else x for x in (*residuals, *cts)]
        return [wrapped(x) for x in self.program(*raws)]


class PullUnit(Unit):
    """A unit's forward pass for reverse mode.

    Forward and backward are recorded as one, and the record is cut where the cotangents come in: what the second part
    reads of the first are the residuals. Of a loop each number of turns would be a path: where one can be rolled, the
    function is differentiated state by state (`loop_pull.py`).
    """

    def __init__(self, unit: Unit, wanted: tuple[int, ...]):
        super().__init__(f"grad of {unit.name}", self.without_programs, unit.captures)
        self.unit, self.wanted = unit, wanted
        self.loops: LoopUnit | None = None

    def __call__(self, leaves: Sequence[Any]) -> tuple[Sequence[Any], Any]:
        if self.loops is not None and not self.eager and (found := self.loops.pulled(leaves)) is not None:
            return found
        return super().__call__(leaves)

    def without_programs(self, leaves: Sequence[Any]) -> tuple[Sequence[Any], Any]:
        """Results, and the pullback of a tape."""
        outs, pull, info = self.differentiated(leaves)
        return outs, (pull, info)

    def differentiated(self, leaves: Sequence[Any]) -> tuple[Any, Any, Any]:
        """vjp of the function in the wanted leaves."""

        def of_wanted(*xs: Any) -> Any:
            outs, info = self.unit.flat(placed(leaves, self.wanted, xs))
            return list(outs), info

        return vjp(of_wanted, *[leaves[i] for i in self.wanted], has_aux=True)  # type: ignore[no-any-return]

    def trace(self, hidden: Any) -> CutTrace:
        return CutTrace(hidden)

    def run(self, trace: Any, inputs: Sequence[Any]) -> tuple[Sequence[Any], Any]:
        try:
            with use_trace(trace):
                outs, pull, info = self.differentiated(inputs)
        finally:
            trace.branches.clear()  # it holds frames
        if trace.turns and self.unit.base is not None and self.loops is None:
            key = "state by state"
            self.loops = self.of(key, lambda: LoopUnit(self.unit, self.wanted, self))  # type: ignore[assignment]
        record = trace.record
        asked, done = len(record.segments), len(record.eqns)
        smooth = [i for i, x in enumerate(outs) if isinstance(x, Array) and is_inexact(x.dtype)]
        cts = [trace.input(zeros_like(trace.read(outs[i]))) for i in smooth]
        with use_trace(trace):
            given = placed([None] * len(outs), smooth, cts)
            found = pull(given)
        if len(record.segments) > asked:
            raise Unstaged("its backward pass decides by values")
        backward, record.eqns = record.eqns[done:], record.eqns[:done]
        results = [trace.atom(x) for x in found]
        own = {v for e in backward for v in e.outs} | {x.variable for x in cts}
        read = [a for e in backward for a in e.operands if isinstance(a, Var)]
        read += [a for a in results if isinstance(a, Var)]
        residuals = [v for v in dict.fromkeys(read) if v not in own]
        graph = Graph((*residuals, *(x.variable for x in cts)), tuple(backward), tuple(results))
        return [*outs, *(trace.tracers[v] for v in residuals)], Backward(info, len(outs), smooth, graph)
