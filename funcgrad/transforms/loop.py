"""A scan as one operation: what every transform makes of it is a scan again, of another body.

    jvp       the body pushes tangents along with the carry and the rows
    vjp       forward, each step's carry is one more result; backward, a scan from the other end runs each step again
              from that carry, and carries the cotangents of the carry and the sums of those of the constants
    vmap      the body of a whole batch

A value moves with others where the body makes it depend on them; a carry that does so after any number of steps is
found by asking again until nothing is added (`spread`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import numpy as np

from ..codegen.numpy_program import numpy_program
from ..core import PRIMITIVES, Array, Call, backend_array, bind_call, current_trace, raw, use_trace, wrap
from ..graph.ir import Eqn, Graph, GraphCall, Var, evaluate
from ..graph.loops import ScanCall
from ..graph.passes import simplify
from ..numpy.creation import zeros_like
from ..provenance import here
from ..rules import move_axis
from .arguments import placed
from .body import derived, has_derivative, is_expanded, lowered, reached
from .grad import vjp
from .jvp import jvp
from .vmap import vmap

__all__ = ["Backward", "Scan", "as_on_a_tape", "batched", "beside", "pulled", "pushed", "run_alone", "spread"]


class Scan(ScanCall):
    """A loop over the rows of arrays under every transform."""

    def remade(self, body: Graph, consts: int, carry: int, reverse: bool | None = None) -> Scan:
        """A loop of as many steps with another body."""
        return Scan(body, consts, carry, self.length, self.reverse if reverse is None else reverse)

    def lowered(self) -> Call:
        return lowered(self)  # type: ignore[no-any-return]

    def evaluate(self, args: Sequence[Any]) -> Sequence[Any]:
        return run_alone(self, args)

    def parted(self, xs: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """What belongs to the constants, to the carry, and to the rows."""
        first = self.consts + self.carry
        return list(xs[: self.consts]), list(xs[self.consts : first]), list(xs[first:])

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        moving, results = spread(self.body, [t is not None for t in tangents], self.consts, self.carry, True)
        filled = [zeros_like(p) if m and t is None else t for p, t, m in zip(primals, tangents, moving, strict=True)]
        parts = zip(self.parted(primals), self.parted(filled), strict=True)
        args = [[*xs, *(t for t in ts if t is not None)] for xs, ts in parts]
        groups = self.parted(moving)
        body = pushed(self.body, groups, [results[: self.carry], results[self.carry :]], beside(primals))
        call = self.remade(body, len(args[0]), len(args[1]))
        found = iter(bind_call(current_trace(), call, [x for part in args for x in part]))
        outs: list[Any] = []
        out_tangents: list[Any] = []
        for flags in (results[: self.carry], results[self.carry :]):
            outs += islice(found, len(flags))
            out_tangents += [next(found) if flag else None for flag in flags]
        return outs, out_tangents

    def vjp(self, primals: Sequence[Any], wanted: Sequence[bool]) -> tuple[Sequence[Any], Callable[..., Sequence[Any]]]:
        flags = [w and has_derivative(v.type) for w, v in zip(wanted, self.body.inputs, strict=True)]
        moving, results = spread(self.body, flags, self.consts, self.carry, True)
        device = beside(primals)
        every = pulled(self.body, moving, results, self.consts, self.carry, device)
        body = as_on_a_tape(self.body, moving, device)
        saved = [body.inputs[self.consts + k] for k in every.saved]
        body = Graph(body.inputs, body.eqns, (*body.outputs, *saved))
        found = bind_call(current_trace(), self.remade(body, self.consts, self.carry), primals)
        count = len(self.body.outputs)
        outs, kept = found[:count], dict(zip(every.saved, found[count:], strict=True))
        consts, _, rows = self.parted(primals)

        def pullback(cts: Sequence[Any]) -> list[Any]:
            live = [m and (k < self.carry or cts[k] is not None) for k, m in enumerate(results)]
            if all(cts[k] is None for k, m in enumerate(live) if m):
                return [None] * len(primals)
            back = every if live == results else pulled(self.body, moving, live, self.consts, self.carry, device)
            sums = [zeros_like(x) for x, m in zip(consts, self.parted(moving)[0], strict=True) if m]
            given = [zeros_like(outs[k]) if cts[k] is None else cts[k] for k, m in enumerate(live) if m]
            first = sum(live[: self.carry])
            operands = [*(consts[k] for k in back.consts), *sums, *given[:first]]
            operands += [*(kept[k] for k in back.saved), *(rows[k] for k in back.rows), *given[first:]]
            call = self.remade(back.body, len(back.consts), len(sums) + first, not self.reverse)
            found = iter(bind_call(current_trace(), call, operands))
            gradient = [next(found) if m else None for m in moving]
            return [ct if f else None for ct, f in zip(gradient, flags, strict=True)]

        pullback.residuals = [(x, "an operand of scan") for x in primals]  # type: ignore[attr-defined]
        pullback.residuals += [(x, "the carries of scan") for x in kept.values()]  # type: ignore[attr-defined]
        return outs, pullback

    def batch(
        self, size: int, args: Sequence[Any], dims: Sequence[int | None]
    ) -> tuple[Sequence[Any], Sequence[int | None]]:
        rows, results = spread(self.body, [d is not None for d in dims], self.consts, self.carry, False)
        first = self.consts + self.carry
        given = [
            x if not r else in_front(x, d, size) if i < first else move_axis(x, d, 1)  # type: ignore[arg-type]
            for i, (x, d, r) in enumerate(zip(args, dims, rows, strict=True))
        ]
        body = batched(self.body, rows, results, size, beside(args))
        outs = bind_call(current_trace(), self.remade(body, self.consts, self.carry), given)
        return outs, [(0 if k < self.carry else 1) if r else None for k, r in enumerate(results)]


NUMPYS = (np.ndarray, np.generic)


# ---- what loops have in common ------------------------------------------------------------------


def run_alone(call: GraphCall, args: Sequence[Any]) -> Sequence[Any]:
    """The results by a program of this call and nothing else."""
    raws = [raw(x) for x in args]
    numpy = not any(isinstance(x, Array) and not isinstance(raw(x), NUMPYS) for x in args)
    programs: dict[bool, Any] = call.__dict__.setdefault("programs", {})
    program = programs.get(numpy)
    if program is None:
        program = programs[numpy] = numpy_program(simplify(call.alone()), numpy=numpy)
    with use_trace(None):  # the trace that asked may still be the current one
        return [wrap(x) for x in program(*raws)]


def spread(
    body: Graph, moving: Sequence[bool], consts: int, carry: int, derivative: bool
) -> tuple[list[bool], list[bool]]:
    """Which inputs of a loop's body move if these do, and which of its results, at any step."""
    moving = list(moving)
    while True:
        results = reached(body, moving, derivative)
        before = list(moving)
        for k in range(carry):
            moving[consts + k] = results[k] = moving[consts + k] or results[k]
        if moving == before:
            return moving, results


def pushed(body: Graph, moving: Sequence[Sequence[bool]], results: Sequence[Sequence[bool]], device: Any) -> Graph:
    """A body with tangents: behind each part of its inputs, and of its outputs, the tangents of those that move.

    Args:
        body: any.
        moving: which inputs of each part have tangents.
        results: the same of the outputs.
        device: see `derived`.
    """
    flags = [m for part in moving for m in part]

    def push(given: Sequence[Any]) -> list[Any]:
        values = iter(given)
        primals: list[Any] = []
        tangents: list[Any] = []
        for part in moving:
            primals += islice(values, len(part))
            tangents += islice(values, sum(part))
        places = [i for i, m in enumerate(flags) if m]

        def of_moving(*xs: Any) -> list[Any]:
            whole = placed(primals, places, xs)
            return evaluate(body, whole)

        outs, found = jvp(of_moving, [primals[i] for i in places], tangents)
        both = iter(zip(outs, found, strict=True))
        ordered: list[Any] = []
        for part in results:
            pairs = list(islice(both, len(part)))
            ordered += [x for x, _ in pairs] + [t for (_, t), m in zip(pairs, part, strict=True) if m]
        return ordered

    types, inputs = [], iter(v.type for v in body.inputs)
    for part in moving:
        own = list(islice(inputs, len(part)))
        types += own + [t for t, m in zip(own, part, strict=True) if m]
    return derived(push, types, device)


def as_on_a_tape(body: Graph, moving: Sequence[bool], device: Any) -> Graph:
    """A body as reverse mode runs it forward: what has a rule of its own does what its rule does forward.

    To a derivative below the tape that may be something else than the function itself.
    """
    if is_expanded(body):
        return body
    places = [i for i, m in enumerate(moving) if m]

    def run(given: Sequence[Any]) -> list[Any]:
        def of_moving(*xs: Any) -> list[Any]:
            whole = placed(given, places, xs)
            return evaluate(body, whole)

        return list(vjp(of_moving, *[given[i] for i in places])[0])

    return derived(run, [v.type for v in body.inputs], device)


class Backward:
    """A step of the backward pass, and which of a forward step's inputs it reads, by their places in each part.

    Args:
        body: (consts, sums of cotangents, cotangents of the carry, saved carry, rows, cotangents of results)
            -> (next sums, cotangents of the carry before, cotangents of the rows).
    """

    def __init__(self, body: Graph, consts: list[int], saved: list[int], rows: list[int]):
        self.body, self.consts, self.saved, self.rows = body, consts, saved, rows


def pulled_back(graph: Graph, moving: Sequence[bool], live: Sequence[bool], device: Any) -> Graph:
    """The backward pass of a graph: (inputs, cotangents of the live outputs) -> those of the inputs that move."""
    n, places = len(graph.inputs), [i for i, m in enumerate(moving) if m]

    def pull(given: Sequence[Any]) -> list[Any]:
        def of_moving(*xs: Any) -> list[Any]:
            whole = placed(given[:n], places, xs)
            return [x for x, m in zip(evaluate(graph, whole), live, strict=True) if m]

        _, back = vjp(of_moving, *[given[i] for i in places])
        return list(back(list(given[n:])))

    outs = [a.type for a, m in zip(graph.outputs, live, strict=True) if m]
    return derived(pull, [*(v.type for v in graph.inputs), *outs], device)


def pulled(body: Graph, moving: Sequence[bool], live: Sequence[bool], consts: int, carry: int, device: Any) -> Backward:
    """The backward pass of one step.

    Args:
        body: of the loop.
        moving: which of its inputs have cotangents.
        live: which of its outputs have.
        consts, carry: how many there are.
        device: see `derived`.
    """
    n, places = len(body.inputs), [i for i, m in enumerate(moving) if m]
    graph = pulled_back(body, moving, live, device)
    inputs, cts = graph.inputs[:n], graph.inputs[n:]
    read = {a for e in graph.eqns for a in e.operands} | set(graph.outputs)
    used = [v in read for v in inputs]
    parts = [range(consts), range(consts, consts + carry), range(consts + carry, n)]
    eqns, sums, results = list(graph.eqns), [], []
    for i, ct in zip(places, graph.outputs, strict=True):
        if i < consts:
            before, total = Var(ct.type), Var(ct.type)
            eqns.append(Eqn(PRIMITIVES["add"], (before, ct), {}, (total,), here()))
            sums.append(before)
            ct = total
        results.append(ct)
    first = sum(live[:carry])
    chosen = [[i for i in part if used[i]] for part in parts]
    order = [*(inputs[i] for i in chosen[0]), *sums, *cts[:first]]
    order += [*(inputs[i] for i in chosen[1]), *(inputs[i] for i in chosen[2]), *cts[first:]]
    step = Graph(tuple(order), tuple(eqns), tuple(results))
    return Backward(step, *([i - part.start for i in found] for part, found in zip(parts, chosen, strict=True)))


def batched(graph: Graph, rows: Sequence[bool], results: Sequence[bool], size: int, device: Any) -> Graph:
    """A graph of a whole batch, whose examples stand along the first axis of what has them."""
    places = [i for i, r in enumerate(rows) if r]

    def run(given: Sequence[Any]) -> list[Any]:
        def one(*xs: Any) -> list[Any]:
            whole = placed(given, places, xs)
            return evaluate(graph, whole)

        axes = [0 if r else None for r in results]
        return list(vmap(one, out_axes=axes, axis_size=size)(*[given[i] for i in places]))

    return derived(run, [wide(v.type, size) if r else v.type for v, r in zip(graph.inputs, rows, strict=True)], device)


def wide(t: Any, size: int) -> Any:
    """The type of a batch of arrays of a type."""
    return type(t)((size, *t.shape), t.dtype)


def in_front(x: Any, dim: int | None, size: int) -> Any:
    """An operand with the batch along its first axis, repeated (a view) if it has none."""
    return x.broadcast_to((size, *x.shape)) if dim is None else move_axis(x, dim, 0)


def beside(args: Sequence[Any]) -> Any:
    """A backend's array among operands, which tells module and device."""
    return next((backend_array(x) for x in args if isinstance(x, Array)), None)
