"""Solutions of equations, differentiated by the equation and not by the solver's steps.

    x(theta) with f(x, theta) = 0                d x = -(df/dx)^-1 (df/dtheta) d theta

`custom_linear_solve` solves A x = b, `custom_root` finds a root, `fixed_point` a fixed point. Their functions may
close over what is differentiated or batched: it is found on a first run and becomes operands (`closure.py`). Each
derivative is a linear solve, which is differentiable in the same way, so all orders are exact.

Roots and fixed points need no rule of their own: at a root one Newton step changes nothing, and its derivative is the
root's. n nested derivatives take ceil(log2(n + 1)) steps, as each step doubles the order that is right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .. import tree
from ..core import Array, Call, bind_call, current_trace
from ..dtypes import is_inexact
from ..errors import OptionError, ShapeError, TreeError
from ..numpy.creation import asarray, zeros_like
from ..rules import move_axis
from .checkpoint import running
from .closure import capture, closed
from .custom_arguments import instantiate
from .grad import stop_gradient, vjp
from .jvp import JVPTrace, jvp
from .tape import GradTrace
from .vmap import vmap

__all__ = ["custom_linear_solve", "custom_root", "fixed_point"]

Flat = Callable[[Sequence[Any], Sequence[Any]], Sequence[Any]]
"""(values it closes over, vector) -> vector, both lists of arrays."""


def custom_linear_solve(
    matvec: Callable[[Any], Any],
    b: Any,
    solve: Callable[[Callable[[Any], Any], Any], Any],
    transpose_solve: Callable[[Callable[[Any], Any], Any], Any] | None = None,
    symmetric: bool = False,
) -> Any:
    """The solution of a linear equation by any solver, differentiated by the equation.

    With matvec(x) = A x, x = A^-1 b; d x = A^-1 (db - dA x), and backward one solve with A^T.

    Args:
        matvec: x -> A x, a linear function of pytrees like b; it may close over what A depends on.
        b: the right-hand side, a pytree of floating arrays.
        solve: (matvec, b) -> x; it is not differentiated.
        transpose_solve: (vecmat, ct) -> x with A^T x = ct, needed by reverse mode; by `solve` where A is symmetric.
        symmetric: A is equal to its transpose.

    Returns:
        x, of b's structure, shapes and dtypes.

    Raises:
        TreeError, ShapeError: matvec or a solver returns another structure or other shapes than b's.
        OptionError: reverse mode without `transpose_solve`.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> f = lambda a, b: fg.custom_linear_solve(lambda x: a * x, b, lambda mv, b: b / a, lambda vm, ct: ct / a)
    >>> float(f(2.0, 6.0)), float(fg.grad(f)(2.0, 6.0))
    (3.0, -1.5)

    Source: jax.lax.custom_linear_solve; Christianson, Optimization Methods and Software 3 (1994), 311-326.
    """
    leaves, structure = tree.flatten(b)
    vector = [asarray(x) for x in leaves]

    def flat(f: Callable[..., Any], what: str) -> Callable[..., list[Any]]:
        """A function of trees as one of leaves, its result checked."""

        def call(*args: Any) -> list[Any]:
            out = f(*args)
            found, other = tree.flatten(out)
            if other != structure:
                words = tree.difference(b, out)
                raise TreeError(
                    f"custom_linear_solve: b (the first) and what {what} returns (the second) differ: {words}"
                )
            found = [asarray(x) for x in found]
            for x, like in zip(found, vector, strict=True):
                if x.shape != like.shape:
                    raise ShapeError(f"custom_linear_solve: {what} returned {x.aval} where b has {like.aval}")
            return [x if x.dtype == like.dtype else x.astype(like.dtype) for x, like in zip(found, vector, strict=True)]

        return call

    def apply(xs: Sequence[Any]) -> list[Any]:
        return flat(matvec, "matvec")(tree.unflatten(structure, list(xs)))

    def solver(f: Callable[..., Any], what: str) -> Callable[[Any, Sequence[Any]], list[Any]]:
        def call(operator: Callable[[Sequence[Any]], Sequence[Any]], rhs: Sequence[Any]) -> list[Any]:
            def of_tree(x: Any) -> Any:
                given = [asarray(v, like.dtype) for v, like in zip(tree.leaves(x), vector, strict=True)]  # also 1.0
                return tree.unflatten(structure, operator(given))

            return flat(f, what)(of_tree, tree.unflatten(structure, list(rhs)))

        return call

    backward = solve if symmetric and transpose_solve is None else transpose_solve
    _, in_matvec = capture(apply, [zeros_like(x) for x in vector])
    rest: list[Any] = []
    if current_trace() is not None:
        # the solvers may read what matvec reads and more: running each once tells
        for f, what in ((solve, "solve"), (backward, "transpose_solve")):
            if f is not None:
                _, found = capture(lambda v, f=f, what=what: solver(f, what)(apply, v), vector)
                rest += [x for x in found if all(x is not y for y in (*in_matvec, *rest))]
    captured = [*in_matvec, *rest]
    call = LinearSolve(
        closed(apply, captured),
        closed(solver(solve, "solve"), captured),
        None if backward is None else closed(solver(backward, "transpose_solve"), captured),
        len(captured),
    )
    outs = bind_call(current_trace(), call, [*captured, *vector])
    return tree.unflatten(structure, list(outs))


class LinearSolve(Call):
    """(values, b) -> A(values)^-1 b.

    Args:
        apply: (values, vector) -> A vector.
        solve: (values, operator, vector) -> A^-1 vector.
        transpose_solve: the same for A^T, or None.
        count: how many values there are.
    """

    name = "custom_linear_solve"

    def __init__(self, apply: Flat, solve: Any, transpose_solve: Any, count: int):
        self.apply, self.solve, self.transpose_solve, self.count = apply, solve, transpose_solve, count

    def again(self, values: Sequence[Any], rhs: Sequence[Any]) -> list[Any]:
        """The same solve for another right-hand side."""
        return list(bind_call(current_trace(), self, [*values, *rhs]))

    def evaluate(self, args: Sequence[Any]) -> Sequence[Any]:
        values, b = args[: self.count], args[self.count :]
        return self.solve(values, lambda v: self.apply(values, v), b)  # type: ignore[no-any-return]

    def jvp(self, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        n, values = self.count, list(primals[: self.count])
        x = self.again(values, primals[n:])
        rhs = [zeros_like(p) if t is None else t for p, t in zip(primals[n:], tangents[n:], strict=True)]
        moving = [i for i in range(n) if tangents[i] is not None]
        if moving:

            def at_x(*given: Any) -> list[Any]:
                whole = list(values)
                for i, v in zip(moving, given, strict=True):
                    whole[i] = v
                return list(self.apply(whole, x))

            _, change = jvp(at_x, [values[i] for i in moving], [tangents[i] for i in moving])
            rhs = [r - c for r, c in zip(rhs, change, strict=True)]
        return x, self.again(values, rhs)

    def vjp(self, primals: Sequence[Any], wanted: Sequence[bool]) -> tuple[Sequence[Any], Callable[..., Sequence[Any]]]:
        n, values = self.count, list(primals[: self.count])
        x = self.again(values, primals[n:])
        places = [i for i in range(n) if wanted[i] and is_inexact(values[i].dtype)]

        def pullback(cts: Sequence[Any]) -> list[Any]:
            if self.transpose_solve is None:
                raise OptionError(
                    "custom_linear_solve: reverse mode needs transpose_solve, (vecmat, ct) -> solution with the "
                    "transpose, or symmetric=True"
                )
            given = instantiate(cts, x)
            solved = self.transposed().again(values, given)

            def at_x(*moved: Any) -> list[Any]:
                whole = list(values)
                for i, v in zip(places, moved, strict=True):
                    whole[i] = v
                return list(self.apply(whole, x))

            found: list[Any] = [None] * n
            if places:
                _, pull = vjp(at_x, *[values[i] for i in places])
                for i, ct in zip(places, pull(list(solved)), strict=True):
                    found[i] = None if ct is None else -ct
            return [*found, *solved]

        return x, pullback

    def transposed(self) -> LinearSolve:
        """The solve with A^T."""

        def apply(values: Sequence[Any], v: Sequence[Any]) -> list[Any]:
            return list(vjp(lambda *u: list(self.apply(values, u)), *[zeros_like(x) for x in v])[1](list(v)))

        return LinearSolve(apply, self.transpose_solve, self.solve, self.count)

    def batch(
        self, size: int, args: Sequence[Any], dims: Sequence[int | None]
    ) -> tuple[Sequence[Any], Sequence[int | None]]:
        n = self.count
        axes = list(dims[:n])

        def apply(values: Sequence[Any], v: Sequence[Any]) -> Any:
            return vmap(self.apply, in_axes=(axes, 0), axis_size=size)(list(values), list(v))

        transpose = None if self.transpose_solve is None else self.transposed().batched_solve(axes, size)
        call = LinearSolve(apply, self.batched_solve(axes, size), transpose, n)
        rows = [
            x.broadcast_to((size, *x.shape)) if d is None else move_axis(x, d, 0)
            for x, d in zip(args[n:], dims[n:], strict=True)
        ]
        outs = bind_call(current_trace(), call, [*args[:n], *rows])
        return outs, [0] * len(outs)

    def batched_solve(self, axes: Sequence[int | None], size: int) -> Any:
        """`solve` for many right-hand sides and operators at once."""

        def run(values: Sequence[Any], _: Any, v: Sequence[Any]) -> Any:
            def one(values: Sequence[Any], v: Sequence[Any]) -> Any:
                return self.solve(values, lambda u: self.apply(values, u), v)

            return vmap(one, in_axes=(list(axes), 0), axis_size=size)(list(values), list(v))

        return run


def custom_root(
    f: Callable[[Any], Any],
    initial_guess: Any,
    solve: Callable[[Callable[[Any], Any], Any], Any],
    tangent_solve: Callable[[Callable[[Any], Any], Any], Any],
) -> Any:
    """A root of f by any solver, differentiated by the equation f(x) = 0.

    Args:
        f: x -> a residual of x's structure and shapes; it may close over what it depends on.
        initial_guess: where the solver starts, a pytree of floating arrays; the root's derivative by it is zero.
        solve: (f, initial_guess) -> x with f(x) = 0; it is not differentiated.
        tangent_solve: (g, y) -> x with g(x) = y, for g linear: f's linearisation at the root, and in reverse mode its
            transpose. For a function of one number, `lambda g, y: y / g(1.0)`.

    Returns:
        The root.

    >>> import funcgrad as fg
    >>> def newton(f, x):
    ...     while abs(f(x)) > 1e-5:
    ...         x = x - f(x) / fg.grad(f)(x)
    ...     return x
    >>> sqrt = lambda a: fg.custom_root(lambda x: x * x - a, a, newton, lambda g, y: y / g(1.0))
    >>> round(float(sqrt(4.0)), 4), round(float(fg.grad(sqrt)(4.0)), 4)
    (2.0, 0.25)

    Source: jax.lax.custom_root; Blondel et al., Efficient and Modular Implicit Differentiation, NeurIPS 2022; the
    Newton step: Bolte, Pauwels, Vaiter, One-step differentiation of iterative algorithms, NeurIPS 2023.
    """
    x = stop_gradient(solve(f, stop_gradient(initial_guess)))
    levels = sum(isinstance(t, GradTrace | JVPTrace) for t in running())
    for _ in range(math.ceil(math.log2(levels + 1))):
        at = x

        def push(v: Any, at: Any = at) -> Any:
            return jvp(f, (at,), (v,))[1]

        step = custom_linear_solve(push, f(at), tangent_solve, tangent_solve)
        # the step is zero but for the solver's tolerance: its derivative is added, and the root stays as it was found
        x = tree.map(lambda a, s: a - (s - stop_gradient(s)), at, step)
    return x


def fixed_point(f: Callable[[Any], Any], x0: Any, *, tol: float | None = None, max_iterations: int = 10_000) -> Any:
    """A fixed point x = f(x) by iteration, differentiated by that equation.

    The derivative is the fixed point of the linearised iteration, t = (df/dx) t + df, which converges where the
    iteration itself does.

    Args:
        f: a contraction of pytrees of floating arrays; it may close over what it depends on.
        x0: where to start; the result's derivative by it is zero.
        tol: stop when no element changes by more than tol (1 + its size); by default ten units of its precision.
        max_iterations: an error beyond them.

    Returns:
        The fixed point.

    Raises:
        OptionError: it did not converge.

    >>> import funcgrad as fg
    >>> sqrt = lambda a: fg.fixed_point(lambda x: 0.5 * (x + a / x), 1.0)
    >>> round(float(sqrt(9.0)), 4), round(float(fg.grad(sqrt)(9.0)), 4)
    (3.0, 0.1667)

    Source: Christianson, Reverse accumulation and attractive fixed points, Optimization Methods and Software 3 (1994).
    """
    x0 = tree.map(asarray, x0)

    def iterate(step: Callable[[Any], Any], x: Any) -> Any:
        for _ in range(max_iterations):
            following = step(x)
            if _close(x, following, tol):
                return following
            x = following
        raise OptionError(f"fixed_point: no convergence in {max_iterations} iterations; is f a contraction?")

    def residual(x: Any) -> Any:
        return tree.map(lambda a, b: asarray(a) - b, x, f(x))

    def neumann(g: Callable[[Any], Any], y: Any) -> Any:
        # g = 1 - df/dx: x = y + (x - g(x)) is the linearised iteration
        return iterate(lambda x: tree.map(lambda a, b, c: a + b - c, y, x, g(x)), y)

    return custom_root(residual, x0, lambda _, x: iterate(lambda v: tree.map(asarray, f(v)), x), neumann)


def _close(x: Any, y: Any, tol: float | None) -> bool:
    for a, b in zip(tree.leaves(x), tree.leaves(y), strict=True):
        a, b = stop_gradient(asarray(a)), stop_gradient(asarray(b))
        limit = tol if tol is not None else 10 * _precision(b)
        if not bool((abs(a - b) <= limit * (1 + abs(b))).all()):
            return False
    return True


def _precision(x: Array) -> float:
    return {2: 1e-3, 4: 1.2e-7, 8: 2.3e-16}.get(x.dtype.itemsize // (2 if x.dtype.kind == "c" else 1), 1.2e-7)
