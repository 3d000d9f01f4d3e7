"""Values that an equation defines: differentiated by the implicit function theorem, never through their solver.

Where f(v, x) = 0 defines x by v, the derivative is a linear system with the Jacobian J of f by x at the solution:

    J dx = -(df/dv) dv                      forward
    J^T w = ct,   ct_v = -(df/dv)^T w       reverse

A solver runs on values alone. Its solution becomes the operand of a call, `Solution`, that returns it as it is and
states the derivative above, in which the solution of the linear system is such a value again (of J y - b = 0): so
every order of derivative is exact. `custom_linear_solve` is here, the equations that are not linear are in
`implicit.py`.

Source: Blondel et al., Efficient and Modular Implicit Differentiation, NeurIPS 2022.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType, MethodType, ModuleType
from typing import Any

from .. import tree
from ..core import Array, Call, Trace, Tracer, bind_call, current_trace, is_running, use_trace
from ..dtypes import is_inexact
from ..errors import DtypeError, LeakedTracerError, OptionError, ShapeError, TreeError
from ..numpy.creation import asarray, zeros_like
from ..ops.elementwise import stop_gradient as constant
from ..rules import move_axis
from .arguments import as_arrays, split_aux
from .closure import CaptureTrace, closed
from .grad import stop_gradient, vjp
from .jvp import jvp
from .vmap import vmap

__all__ = ["LinearSystem", "Solution", "closures", "custom_linear_solve", "flat_solver", "solve_flat", "stopped"]

Leaves = Sequence[Any]
Flat = Callable[[Leaves, Leaves, Leaves], Leaves]
"""(values, x, vector) -> vector: a linear map of the vector, which depends on the values and on the solution x."""


def custom_linear_solve(
    matvec: Callable[[Any], Any],
    b: Any,
    solve: Callable[[Callable[[Any], Any], Any], Any],
    transpose_solve: Callable[[Callable[[Any], Any], Any], Any] | None = None,
    symmetric: bool = False,
    has_aux: bool = False,
) -> Any:
    """The solution x of A x = b by a solver of yours, differentiated as such and not step by step.

    With A the matrix of `matvec`: dx = A^-1 (db - dA x), and in reverse ct_b = A^-T ct, ct_A = -ct_b x^T. The solver
    is called for each of these systems, on values without derivatives; so it may loop as it likes, or leave funcgrad
    for NumPy. All three functions may close over values that are differentiated or batched; derivatives are taken of
    b and of what matvec closes over.

    Args:
        matvec: x -> A x, linear, with x and A x of b's structure and shapes.
        b: a pytree of arrays, the right-hand side.
        solve: (matvec, b) -> x with matvec(x) = b.
        transpose_solve: (vecmat, b) -> x with vecmat(x) = b, where vecmat(x) = A^T x; reverse mode needs it.
        symmetric: A^T = A, so that `solve` serves for both.
        has_aux: both solvers return (x, auxiliary data); the data come back as they are, without derivative.

    Returns:
        x, of b's structure and shapes; or (x, aux).

    Raises:
        OptionError: reverse mode asks for A^-T, and there is no transpose_solve.
        TreeError, ShapeError: x or A x is not like b.
        LeakedTracerError: a solver reads a value under a transform, and not by its closure, a default, a
            functools.partial, or an attribute of its object.

    >>> import funcgrad as fg, funcgrad.numpy as fnp
    >>> from funcgrad.transforms.linear_solve import custom_linear_solve
    >>> def f(a):                                                    # x of diag(a) x = (1, 1)
    ...     solve = lambda matvec, b: b / a
    ...     return custom_linear_solve(lambda x: a * x, fnp.ones(2), solve, symmetric=True)
    >>> fg.jacrev(f)(fnp.asarray([1.0, 2.0])) + 0.0
    Array([[-1.  ,  0.  ],
           [ 0.  , -0.25]], dtype=float32)

    Source: jax.lax.custom_linear_solve; Giles, An extended collection of matrix derivative results, 2008.
    """
    name = "custom_linear_solve"
    leaves, structure = tree.flatten(b)
    b = tree.unflatten(structure, as_arrays(leaves, name))
    (found, aux), read = stopped(lambda b: split_aux(solve(matvec, b), has_aux), b)
    x = solution_like(found, b, name, "solve returned", "b")
    if current_trace() is not None:
        product, moving = stopped(matvec, x)
        solution_like(product, b, name, "matvec returned", "b")
        still = closures(moving, read, solve, transpose_solve)
        captured, k = [*still, *moving], len(still) + len(moving)
        inner = closed(matvec, captured)

        def flat_matvec(values: Leaves, x: Leaves, v: Leaves) -> Leaves:
            return tree.leaves(inner(values[:k], tree.unflatten(structure, v)))

        def residual(values: Leaves, x: Leaves) -> Leaves:
            return [u - v for u, v in zip(flat_matvec(values, (), x), values[k:], strict=True)]

        def solver(solve: Any, which: str) -> Flat:
            first = solve if not has_aux else lambda matvec, b: split_aux(solve(matvec, b), True)[0]
            return flat_solver(closed(first, captured), k, structure, f"{name}: {which}")

        flat_vecmat = flat_matvec if symmetric else transposed(flat_matvec)
        back = solver(solve, "solve") if symmetric else missing_transpose_solve
        if transpose_solve is not None:
            back = solver(transpose_solve, "transpose_solve")
        forward = solver(solve, "solve")
        system = LinearSystem(
            flat_matvec,
            flat_vecmat,
            lambda values, x, y: forward(values, lambda v: flat_matvec(values, x, v), y),
            lambda values, x, y: back(values, lambda v: flat_vecmat(values, x, v), y),
        )
