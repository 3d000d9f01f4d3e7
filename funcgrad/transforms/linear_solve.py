"""Values that an equation defines: differentiated by the implicit function theorem, never through their solver.

Where f(v, x) = 0 defines x by v, its derivative is a linear system with the Jacobian J of f by x at the solution:

    J dx = -(df/dv) dv                      forward
    J^T w = ct,   ct_v = -(df/dv)^T w       reverse

A solver runs on values alone. What it finds becomes an operand of a call, `Solution`, that returns it as it is and
states the derivative above, where the solution of the linear system is such a value again (of J y - b = 0): so every
order of derivative is exact. `custom_linear_solve` is here; equations that are not linear are in `implicit.py`.

Source: Blondel et al., Efficient and Modular Implicit Differentiation, NeurIPS 2022.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from .. import tree
from ..core import Call, Trace, Tracer, bind_call, current_trace, use_trace
from ..dtypes import is_inexact
from ..errors import DtypeError, LeakedTracerError, OptionError, ShapeError, TreeError
from ..numpy.creation import zeros_like
from ..ops.elementwise import stop_gradient as constant
from ..rules import move_axis
from .arguments import as_arrays, placed, split_aux
from .closure import CaptureTrace, closed, frozen, held
from .custom_arguments import instantiate
from .grad import stop_gradient, vjp
from .jvp import jvp
from .vmap import vmap

__all__ = ["LinearSystem", "Solution", "custom_linear_solve", "like", "solver", "stopped", "transposed"]

Leaves = Sequence[Any]
Operator = Callable[[Leaves, Leaves], Callable[[Leaves], Leaves]]
"""(values, x) -> the linear map that they make."""
Flat = Callable[[Leaves, Leaves, Leaves], Leaves]
"""(values, x, vector) -> vector: a linear map of the vector that depends on values and on a solution x."""


def custom_linear_solve(
    matvec: Callable[[Any], Any],
    b: Any,
    solve: Callable[[Callable[[Any], Any], Any], Any],
    transpose_solve: Callable[[Callable[[Any], Any], Any], Any] | None = None,
    symmetric: bool = False,
    has_aux: bool = False,
) -> Any:
    """The solution of a linear equation by any solver, differentiated by the equation.

    With matvec(x) = A x, x = A^-1 b; dx = A^-1 (db - dA x), and in reverse ct_b = A^-T ct, ct_A = -ct_b x^T. A solver
    sees values without derivatives, so it may loop as it likes, or outside of vmap leave funcgrad for NumPy. All
    functions may close over values that are differentiated or batched; derivatives are those by b and by what matvec
    closes over.

    Args:
        matvec: x -> A x, a linear function of pytrees like b.
        b: the right-hand side, a pytree of floating arrays.
        solve: (matvec, b) -> x with matvec(x) = b.
        transpose_solve: (vecmat, ct) -> x with vecmat(x) = A^T x = ct, needed by reverse mode.
        symmetric: A is equal to its transpose, so that `solve` serves for both.
        has_aux: the solvers return (x, auxiliary data); those of the first solve come back, without derivatives.

    Returns:
        x, of b's structure, shapes and dtypes; or (x, aux).

    Raises:
        TreeError, ShapeError: matvec or a solver returns another structure or other shapes than b's.
        DtypeError: b holds integers.
        OptionError: reverse mode without `transpose_solve`.
        LeakedTracerError: `transpose_solve` reads a value under a transform which it does not hold by a closure, a
            default, a functools.partial, or an attribute of its object.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> f = lambda a, b: fg.custom_linear_solve(lambda x: a * x, b, lambda mv, b: b / a, lambda vm, ct: ct / a)
    >>> float(f(2.0, 6.0)), float(fg.grad(f)(2.0, 6.0))
    (3.0, -1.5)

    Source: jax.lax.custom_linear_solve; Christianson, Optimization Methods and Software 3 (1994), 311-326.
    """
    name = "custom_linear_solve"
    leaves, structure = tree.flatten(b)
    vector = as_arrays(leaves, name)
    if not all(is_inexact(v.dtype) for v in vector):
        raise DtypeError(f"{name}: b must hold floats, not {[v.aval for v in vector]}: give 3.0 instead of 3")
    b = tree.unflatten(structure, vector)
    now = matvec, solve, transpose_solve
    later, solve_later, transpose_solve = now if current_trace() is None else frozen(now)
    (found, aux), read = stopped(lambda b: split_aux(solve(matvec, b), has_aux), b)
    x = like(found, b, f"{name}: solve", "b")
    product, moving = stopped(matvec, tree.unflatten(structure, x))
    like(product, b, f"{name}: matvec", "b")
    if current_trace() is None:
        result = tree.unflatten(structure, x)
        return (result, aux) if has_aux else result

    still = distinct([*read, *held(solve_later, transpose_solve)], moving)
    captured = [*still, *moving]
    inner, k = closed(later, captured), len(captured)

    def operator(values: Leaves, x: Leaves) -> Callable[[Leaves], Leaves]:
        return lambda v: like(inner(values[:k], tree.unflatten(structure, v)), b, f"{name}: matvec", "b")

    def residual(values: Leaves, x: Leaves) -> Leaves:
        return [u - v for u, v in zip(operator(values, ())(x), values[k:], strict=True)]

    def by(f: Any, operator: Operator, what: str) -> Flat:
        return solver(lambda *args: split_aux(f(*args), has_aux)[0], captured, structure, operator, f"{name}: {what}")

    vecmat = operator if symmetric else transposed(operator)
    backward: Flat = missing_transpose
    if transpose_solve is not None:
        backward = by(transpose_solve, vecmat, "transpose_solve")
    elif symmetric:
        backward = by(solve_later, vecmat, "solve")
    system = LinearSystem(applied(operator), by(solve_later, operator, "solve"), applied(vecmat), backward)
    outs = Solution(name, residual, system, len(still), len(x)).bind(x, [*captured, *vector])
    result = tree.unflatten(structure, outs)
    return (result, aux) if has_aux else result


def missing_transpose(values: Leaves, x: Leaves, ct: Leaves) -> Leaves:
    """The transposed solver where there is none."""
    raise OptionError(
        "custom_linear_solve: reverse mode needs transpose_solve, (vecmat, ct) -> solution with the transpose, or "
        "symmetric=True"
    )


# ---- the call -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class LinearSystem:
    """J v for a Jacobian J that depends on values and on a solution x, J^-1 y, and both for the transpose."""

    apply: Flat
    solve: Flat
    transpose_apply: Flat
    transpose_solve: Flat

    def transposed(self) -> LinearSystem:
        """The system of J^T."""
        return LinearSystem(self.transpose_apply, self.transpose_solve, self.apply, self.solve)

    def each(self, change: Callable[[Flat], Flat]) -> LinearSystem:
        """The system of the four functions changed alike."""
        return LinearSystem(
            change(self.apply), change(self.solve), change(self.transpose_apply), change(self.transpose_solve)
        )


class Solution(Call):
    """(x, values) -> x, with the derivative by the values that the equation residual(values, x) = 0 gives it.

    Args:
        name: whose equation it is.
        residual: (values, x) -> zeros, of x's shapes.
        system: the residual's Jacobian by x.
        still: how many of the values, the first ones, are for the solvers alone; they have no derivative.
        count: how many arrays x is.
    """

    def __init__(
        self, name: str, residual: Callable[[Leaves, Leaves], Leaves], system: LinearSystem, still: int, count: int
    ):
        self.name, self.residual, self.system, self.still, self.count = name, residual, system, still, count

    def bind(self, x: Leaves, values: Leaves) -> Leaves:
        """x, as the current trace sees it."""
        return list(bind_call(current_trace(), self, [*x, *values]))

    def evaluate(self, args: Sequence[Any]) -> Sequence[Any]:
        return args[: self.count]

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        x, values, places = self.taken_apart(primals, [t is not None for t in tangents])
        if not places:
            return x, [None] * self.count
        given = [tangents[self.count + i] for i in places]
        _, change = jvp(partial(self.moved, values, places, x), [values[i] for i in places], given)
        return x, self.linear(self.system, values, x, [-u for u in change])

    def vjp(self, primals: Sequence[Any], wanted: Sequence[bool]) -> tuple[Sequence[Any], Callable[..., Sequence[Any]]]:
        x, values, places = self.taken_apart(primals, wanted)

        def pullback(cts: Sequence[Any]) -> list[Any]:
            found: list[Any] = [None] * len(primals)
            if not places or all(ct is None for ct in cts):
                return found
            w = self.linear(self.system.transposed(), values, x, instantiate(cts, x))
            _, pull = vjp(partial(self.moved, values, places, x), *[values[i] for i in places])
            for i, ct in zip(places, pull([-u for u in w]), strict=True):
                found[self.count + i] = ct
            return found

        return x, pullback

    def taken_apart(self, primals: Leaves, moving: Sequence[bool]) -> tuple[Leaves, Leaves, list[int]]:
        """x as the trace below sees it, the values, and which of them move it."""
        values = list(primals[self.count :])
        places = [
            i
            for i, (v, m) in enumerate(zip(values, moving[self.count :], strict=True))
            if m and i >= self.still and is_inexact(v.dtype)
        ]
        return self.bind(primals[: self.count], values), values, places

    def moved(self, values: Leaves, places: Sequence[int], x: Leaves, *given: Any) -> Leaves:
        """The residual at x with other values in some places."""
        whole = placed(values, places, given)
        return self.residual(whole, x)

    def linear(self, system: LinearSystem, values: Leaves, x: Leaves, b: Leaves) -> Leaves:
        """The y with J y = b, again a value that its equation defines: its values are these, x and b."""
        n, m = len(values), len(x)
        b = [v if v.dtype == u.dtype else v.astype(u.dtype) for v, u in zip(b, x, strict=True)]
        y = system.solve(*stop_gradient((values, list(x), b)))

        def residual(values: Leaves, y: Leaves) -> Leaves:
            product = system.apply(values[:n], values[n : n + m], y)
            return [u - v for u, v in zip(product, values[n + m :], strict=True)]

        at_y = system.each(lambda f: lambda values, _, v: f(values[:n], values[n : n + m], v))
        return Solution(self.name, residual, at_y, self.still, m).bind(y, [*values, *x, *b])

    def batch(
        self, size: int, args: Sequence[Any], dims: Sequence[int | None]
    ) -> tuple[Sequence[Any], Sequence[int | None]]:
        n, axes = self.count, list(dims[self.count :])
        # an x that all examples share moves with each example's values
        rows = [
            x.broadcast_to((size, *x.shape)) if d is None else move_axis(x, d, 0)
            for x, d in zip(args[:n], dims[:n], strict=True)
        ]

        def batched(f: Flat) -> Flat:
            mapped = vmap(lambda *vectors: list(f(*vectors)), in_axes=(axes, 0, 0), axis_size=size)
            return lambda values, x, v: mapped(list(values), list(x), list(v))

        residual = vmap(lambda values, x: list(self.residual(values, x)), in_axes=(axes, 0), axis_size=size)
        call = Solution(
            self.name,
            lambda values, x: residual(list(values), list(x)),
            self.system.each(batched),
            self.still,
            n,
        )
        return call.bind(rows, args[n:]), [0] * n


# ---- the user's functions -----------------------------------------------------------------------


class StoppedTrace(CaptureTrace):
    """Runs each operation under the parent, on what comes from outside without its derivative, and notes what that is.

    So a solver leaves nothing on a tape, however many steps it takes; of a batch it sees one example, as always.
    """

    __slots__ = ("stopped",)

    def __init__(self, parent: Trace | None):
        super().__init__(parent)
        self.stopped: dict[int, Any] = {}

    def read(self, x: Any) -> Any:
        value = super().read(x)
        if value is not x or not isinstance(x, Tracer):
            return value
        if id(x) not in self.stopped:  # `captured` holds x, so that its id stays its own
            with use_trace(self.parent):
                self.stopped[id(x)] = constant(x)
        return self.stopped[id(x)]


def stopped(f: Callable[..., Any], *args: Any) -> tuple[Any, list[Tracer]]:
    """The value of f without derivatives, and the tracers that it reads from around it."""
    if current_trace() is None:
        return f(*args), []
    args = stop_gradient(args)
    trace = StoppedTrace(current_trace())
    with use_trace(trace):
        out = f(*tree.map(trace.lift, args))
    return tree.map(trace.read, out), list(trace.captured.values())


def distinct(tracers: Sequence[Tracer], others: Sequence[Tracer]) -> list[Tracer]:
    """Each tracer once, without the others."""
    found, known = [], {id(x) for x in others}
    for x in tracers:
        if id(x) not in known:
            known.add(id(x))
            found.append(x)
    return found


def like(given: Any, pattern: Any, what: str, of: str) -> Leaves:
    """The leaves of what a function returned, if it has the pattern's structure and shapes, in the pattern's dtypes."""
    leaves, structure = tree.flatten(given)
    wanted, other = tree.flatten(pattern)
    function, _, which = what.partition(": ")
    if structure != other:
        words = tree.difference(pattern, given)
        raise TreeError(f"{function}: {of} (the first) and what {which} returns (the second) differ: {words}")
    found = []
    for x, p in zip(as_arrays(leaves, function), wanted, strict=True):
        if x.shape != p.shape:
            raise ShapeError(f"{what} returned {x.aval} where {of} has {p.aval}")
        found.append(x if x.dtype == p.dtype else x.astype(p.dtype))
    return found


def solver(
    f: Callable[..., Any], captured: Sequence[Tracer], structure: tree.Structure, operator: Operator, what: str
) -> Flat:
    """A user's solver, (linear map, right-hand side) -> solution, for lists of arrays.

    Args:
        f: takes and returns trees of that structure.
        captured: the tracers that it may read; the values begin with what stands for them.
        operator: the map that it gets.
        what: "function: name", for messages.
    """
    inner, k = closed(f, captured), len(captured)

    def run(values: Leaves, x: Leaves, y: Leaves) -> Leaves:
        apply, pattern = operator(values, x), tree.unflatten(structure, x)

        def of_tree(v: Any) -> Any:
            return tree.unflatten(structure, apply(like(v, pattern, f"{what}'s argument", "x")))

        try:
            return like(inner(values[:k], of_tree, tree.unflatten(structure, y)), pattern, what, "x")
        except LeakedTracerError as error:
            error.add_note(
                f"{what} runs for a derivative, and what it reads must be held by its closure, a default, a "
                "functools.partial or an attribute of its object"
            )
            raise

    return run


def applied(operator: Operator) -> Flat:
    """The operator as one function."""
    return lambda values, x, v: operator(values, x)(v)


def transposed(operator: Operator) -> Operator:
    """The transpose of the maps."""

    def of(values: Leaves, x: Leaves) -> Callable[[Leaves], Leaves]:
        apply = operator(values, x)
        _, pull = vjp(lambda *v: list(apply(v)), *[zeros_like(u) for u in x])
        return lambda w: list(pull(list(w)))

    return of
