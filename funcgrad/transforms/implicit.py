"""Roots and fixed points, differentiated by their equation and not by the solver's steps.

    x(theta) with f(x, theta) = 0                dx = -(df/dx)^-1 (df/dtheta) dtheta

`custom_root` takes the solvers, `fixed_point` brings its own. Their functions may close over what is differentiated or
batched: it is found on a first run at the solution and becomes operands of a `Solution` (`linear_solve.py`, with
`custom_linear_solve`), whose derivatives of every order are linear solves.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

import numpy as np

from .. import tree
from ..core import current_trace
from ..dtypes import finfo, is_complex, is_inexact
from ..errors import ConvergenceError, DtypeError, OptionError
from ..numpy.creation import asarray, zeros
from ..numpy.elementwise import imag, real
from ..numpy.manipulation import concat, stack
from .arguments import split_aux
from .closure import closed, frozen, held
from .grad import vjp
from .jvp import jvp
from .linear_solve import (
    Leaves,
    LinearSystem,
    Solution,
    applied,
    custom_linear_solve,
    distinct,
    like,
    solver,
    stopped,
    transposed,
)

__all__ = ["custom_linear_solve", "custom_root", "fixed_point"]


def custom_root(
    f: Callable[[Any], Any],
    initial_guess: Any,
    solve: Callable[[Callable[[Any], Any], Any], Any],
    tangent_solve: Callable[[Callable[[Any], Any], Any], Any],
    has_aux: bool = False,
) -> Any:
    """A root of f by any solver, differentiated by the equation f(x) = 0.

    The solvers see values without derivatives, so they may loop as they like; `solve` runs once, and `tangent_solve`
    once for each derivative. All functions may close over values that are differentiated or batched; derivatives are
    those by what f closes over.

    Args:
        f: x -> a residual of x's structure and shapes.
        initial_guess: where the solver starts, a pytree; the root's derivative by it is zero.
        solve: (f, initial_guess) -> x with f(x) = 0, of the guess's structure and shapes.
        tangent_solve: (g, y) -> x with g(x) = y for g linear: f's linearisation at the root, and in reverse mode its
            transpose. For a function of one number, `lambda g, y: y / g(1.0)`. A solver that knows its matrix, and so
            does not solve with the transpose when given that (to half of the digits), must be linear in y and
            differentiable: it is then transposed itself.
        has_aux: `solve` returns (x, auxiliary data); the data come back as they are, without derivatives.

    Returns:
        The root, or (root, aux).

    Raises:
        TreeError, ShapeError: the root or the residual has another structure or other shapes than the guess.
        DtypeError: the root is not of floats.
        OptionError: neither `tangent_solve` nor its transpose solves the transposed system.

    >>> import funcgrad as fg
    >>> def newton(f, x):
    ...     while abs(f(x)) > 1e-5:
    ...         x = x - f(x) / fg.grad(f)(x)
    ...     return x
    >>> sqrt = lambda a: fg.custom_root(lambda x: x * x - a, a, newton, lambda g, y: y / g(1.0))
    >>> round(float(sqrt(4.0)), 4), round(float(fg.grad(sqrt)(4.0)), 4)
    (2.0, 0.25)

    Source: jax.lax.custom_root; Blondel et al., Efficient and Modular Implicit Differentiation, NeurIPS 2022.
    """
    return root("custom_root", f, initial_guess, solve, tangent_solve, has_aux)


def root(
    name: str,
    f: Callable[[Any], Any],
    initial_guess: Any,
    solve: Callable[[Callable[[Any], Any], Any], Any],
    tangent_solve: Callable[[Callable[[Any], Any], Any], Any],
    has_aux: bool = False,
) -> Any:
    """`custom_root` under the name of the function that the user called."""
    guess = tree.map(asarray, initial_guess)
    later, tangent_solve = (f, tangent_solve) if current_trace() is None else frozen((f, tangent_solve))
    (found, aux), _ = stopped(lambda x: split_aux(solve(f, x), has_aux), guess)
    x = same_shapes(found, guess, f"{name}: solve", "the initial guess")
    solution = tree.map(asarray, found)
    if not all(is_inexact(v.dtype) for v in x):
        raise DtypeError(f"{name}: solve must return floats, not {[v.aval for v in x]}")
    at_root, moving = stopped(f, solution)
    same_shapes(at_root, solution, f"{name}: f", "the root")
    if current_trace() is None:
        return (solution, aux) if has_aux else solution

    structure = tree.structure(solution)
    still = distinct(held(tangent_solve), moving)
    captured = [*still, *moving]
    inner = closed(later, captured)

    def residual(values: Leaves, x: Leaves) -> Leaves:
        return tree.leaves(inner(values, tree.unflatten(structure, x)))

    def jacobian(values: Leaves, x: Leaves) -> Callable[[Leaves], Leaves]:
        return lambda v: jvp(lambda *x: [asarray(y) for y in residual(values, x)], tuple(x), tuple(v))[1]  # type: ignore[no-any-return]

    transpose = transposed(jacobian)
    what = f"{name}: tangent_solve"
    forward = solver(tangent_solve, captured, structure, jacobian, what)
    backward = solver(tangent_solve, captured, structure, transpose, what)

    def transpose_solve(values: Leaves, x: Leaves, ct: Leaves) -> Leaves:
        apply = transpose(values, x)
        w = backward(values, x, ct)
        miss, size = distance(apply(w), ct), norm(joined(ct))
        if not miss > precision(ct) ** 0.5 * size:  # a NaN is the solver's own answer, as at a double root
            return w
        # it solves with one matrix whatever map it gets, or for its structure: what is linear has a transpose
        _, pull = vjp(lambda *y: list(forward(values, x, y)), *ct)
        other = list(pull(list(ct)))
        other_miss = distance(apply(other), ct)
        if other_miss < miss:
            w, miss = other, other_miss
        if miss > 0.01 * size:
            raise OptionError(
                f"{what} does not solve the transposed system, which reverse mode needs: {float(miss / size):.1g} of "
                "the right-hand side is left. Solve for any linear g, or call custom_linear_solve(g, y, solve, "
                "transpose_solve) in it"
            )
        return w

    system = LinearSystem(applied(jacobian), forward, applied(transpose), transpose_solve)
    outs = Solution(name, residual, system, len(still), len(x)).bind(x, captured)
    solution = tree.unflatten(structure, outs)
    return (solution, aux) if has_aux else solution


def same_shapes(given: Any, pattern: Any, what: str, of: str) -> Leaves:
    """The leaves of what a function returned, in their own dtypes, if it has the pattern's structure and shapes."""
    like(given, pattern, what, of)
    return [asarray(x) for x in tree.leaves(given)]


def fixed_point(
    f: Callable[[Any], Any],
    x0: Any,
    *,
    solve: Callable[[Callable[[Any], Any], Any], Any] | None = None,
    tol: float | None = None,
    max_iterations: int = 10_000,
) -> Any:
    """A fixed point x = f(x) by iteration, differentiated by that equation.

    dx = (1 - df/dx)^-1 df: the Neumann series y + Jy + J^2 y + ... (J = df/dx), which is the linearised iteration,
    while each term at least halves what is left; then the solution of least residual in the span of y, Jy, J^2 y, ...
    (GMRES), in which the series has its sums: it converges in no more steps, and needs no contraction.

    Args:
        f: a function from pytrees to pytrees of the same structure and shapes; it may close over what it depends on.
            Without `solve`, a contraction near the fixed point.
        x0: where to start; the result's derivative by it is zero.
        solve: (f, x0) -> x with f(x) = x; by default x0, f(x0), f(f(x0)), ... until it stands still.
        tol: stop when no element changes by more than tol (1 + its size); by default ten units of its precision.
        max_iterations: an error beyond them.

    Returns:
        The fixed point.

    Raises:
        ConvergenceError: it did not converge; or 1 is an eigenvalue of df/dx, where there is no derivative.
        OptionError: max_iterations or tol is no such number.

    >>> import funcgrad as fg
    >>> sqrt = lambda a: fg.fixed_point(lambda x: 0.5 * (x + a / x), 1.0)
    >>> round(float(sqrt(9.0)), 4), round(float(fg.grad(sqrt)(9.0)), 4)
    (3.0, 0.1667)

    Source: Christianson, Reverse accumulation and attractive fixed points, Optimization Methods and Software 3 (1994);
    Saad and Schultz, GMRES, SIAM J. Sci. Stat. Comput. 7 (1986), 856-869; Jiranek and Rozloznik, Adaptive version of
    Simpler GMRES, Numerical Algorithms 53 (2010), 93-112.
    """

    if isinstance(max_iterations, bool) or not isinstance(max_iterations, int | np.integer) or max_iterations < 1:
        raise OptionError(f"fixed_point: max_iterations must be a positive int, not {max_iterations!r}")
    if tol is not None and (isinstance(tol, bool | str) or not tol >= 0):
        raise OptionError(f"fixed_point: tol must be a number that is not negative, not {tol!r}")

    def iterate(f: Callable[[Any], Any], x: Any) -> Any:
        for _ in range(max_iterations):
            following = f(x)
            if stands_still(tree.leaves(x), same_shapes(following, x, "fixed_point: f", "x0"), tol):
                return following
            x = following
        raise ConvergenceError(
            f"fixed_point: no convergence in {max_iterations} iterations: is f a contraction near x? Start nearer, "
            "damp it (half of x and half of f(x)), or give a solver of your own by solve="
        )

    def residual(x: Any) -> Any:
        return tree.map(lambda a, b: a - b, x, f(x))

    find = iterate if solve is None else solve
    return root(
        "fixed_point",
        residual,
        x0,
        lambda _, x: find(f, x),
        lambda g, y: least_residual(g, y, max_iterations),
    )


def stands_still(x: Leaves, y: Leaves, tol: float | None) -> bool:
    """Is no element of y further from x's than the tolerance?"""
    for a, b in zip(x, y, strict=True):
        limit = 10 * precision([b]) if tol is None else tol
        step = abs(b - a)
        # what has grown to infinity has not arrived, though its step is within any part of it
        if not bool(((step <= limit * (1 + abs(b))) & (step < inf)).all()):
            return False
    return True


# ---- linear systems, as one vector --------------------------------------------------------------


_DIRECTIONS = 500
"""How many directions a search keeps before it starts again from the residual that is left."""


def least_residual(g: Callable[[Any], Any], y: Any, most: int) -> Any:
    """x with g(x) = y for a linear g = 1 - J, in at most so many applications of g."""
    leaves, structure = tree.flatten(y)

    def apply(v: Any) -> Any:
        return joined(tree.leaves(g(tree.unflatten(structure, parted(v, leaves)))))

    goal = joined(leaves)
    size = norm(goal)
    x = goal * (0 * size)  # zeros, but NaN where the right-hand side is none
    residual, small = goal, 10 * precision(leaves)
    before = size
    while most > 0 and before > small * size:  # the series y + Jy + J^2 y + ...: nothing is cheaper where it is fast
        left = residual - apply(residual)
        after, most = norm(left), most - 1
        if not after < 0.5 * before:
            break
        x, residual, before = x + residual, left, after
    residual = goal - apply(x)
    while most > 0 and norm(residual) > small * size:  # from the true residual: rounding makes what is updated another
        before = norm(residual)
        longest = min(goal.size, most, _DIRECTIONS)
        step, count = search(apply, residual / before, small * size / before, longest, small)
        most -= count + 1
        further = x + before * step
        left = goal - apply(further)
        after = norm(left)
        if after >= before:  # all that is left is rounding
            break
        x, residual = further, left
        if not after < (0.99 if count == _DIRECTIONS else 0.5) * before:
            break
    miss = norm(residual)
    if miss > precision(leaves) ** 0.5 * size:
        raise ConvergenceError(
            f"fixed_point: no derivative found: {float(miss / size):.1g} of y is left of (1 - df/dx) t = y; is 1 an "
            "eigenvalue of df/dx, or max_iterations too small?"
        )
    return tree.unflatten(structure, parted(x + 0 * miss, leaves))


_DIRECTIONS = 500
"""How many directions a search keeps before it starts again from the residual that is left."""


def search(apply: Callable[[Any], Any], residual: Any, limit: Any, most: int, small: float) -> tuple[Any, int]:
    """The x of least residual in a Krylov space, and how many directions span it.

    Directions p are residuals while these fall, and else the last image, so that the space always grows and the p stay
    far from dependent. Their images are an orthonormal basis q times a triangle: x is found from it at the end.

    Args:
        apply: the linear map.
        residual: the right-hand side, whose largest element has the size 1.
        limit: the size of its largest element at which to stop.
        most: how many directions to take at most.
        small: a part so small of an image is rounding.
    """
    directions: list[Any] = []
    images: Any = None
    triangle: list[tuple[Any, Any]] = []  # a column each: what is above the diagonal, and the diagonal
    parts: list[Any] = []  # of the right-hand side, along each image
    before = length(residual)
    p = residual / before
    while len(directions) < most:
        q = apply(p)
        scale = norm(q)
        if not scale > 0:
            break
        q, above = q / scale, None
        given = kept = length(q)
        if directions:
            above = q @ images.mT
            q = q - above @ images
            kept = length(q)
            if not kept > 0.7 * given:  # or the rounding errors are of the size of what was taken off
                again = q @ images.mT
                above, q = above + again, q - again @ images
                kept = length(q)
        if not kept > small * given:  # the space holds all of its images: nothing is left to find in it
            break
        q = q / kept
        triangle.append((None if above is None else scale * above[0], scale * kept))
        parts.append((q * residual).sum())
        residual = residual - parts[-1] * q
        images = concat([images, q]) if directions else q
        directions.append(p)
        left = length(residual)
        if not norm(residual) > limit:
            break
        p = residual / left if left < 0.9 * before else q
        before = left
    if not directions:
        return 0 * residual, 0
    rest, weights = stack(parts), []
    for j in reversed(range(len(parts))):
        above, diagonal = triangle[j]
        weights.append(rest[j] / diagonal)
        if j:
            rest = rest[:j] - weights[-1] * above
    return stack(weights[::-1])[None] @ concat(directions), len(directions)


def distance(x: Leaves, y: Leaves) -> Any:
    """The largest difference between elements."""
    return norm(joined(x) - joined(y))


def joined(leaves: Leaves) -> Any:
    """All real and imaginary parts as one row: a derivative is linear over the reals, if not the complex numbers."""
    parts = [part for x in leaves for part in ((real(x), imag(x)) if is_complex(x.dtype) else (x,))]
    return concat([part.reshape((1, -1)) for part in parts], axis=1)


def parted(vector: Any, pattern: Leaves) -> Leaves:
    """The arrays that a row is made of, by their pattern."""
    found, at = [], 0
    for x in pattern:
        parts = []
        for _ in range(2 if is_complex(x.dtype) else 1):
            parts.append(vector[0, at : at + x.size].reshape(x.shape))
            at += x.size
        found.append((parts[0] if len(parts) == 1 else parts[0] + 1j * parts[1]).astype(x.dtype))
    return found


def length(vector: Any) -> Any:
    """The Euclidean norm."""
    return ((vector * vector).sum()) ** 0.5


def norm(vector: Any) -> Any:
    """The largest element's size: it neither overflows nor underflows."""
    return abs(vector).max() if vector.size else zeros(())


def precision(leaves: Leaves) -> float:
    """The relative spacing of numbers in the least precise of the arrays."""
    return max(float(finfo(x.dtype).eps) for x in leaves)
