"""Iterations of linear algebra: the dominant eigenvalue, inverse roots, non-negative least squares."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

from .. import numpy as fnp
from .. import random
from ..core import Array
from ..dtypes import is_inexact
from ..errors import OptionError, ShapeError, TreeError
from ..transforms.control import while_loop
from ..transforms.scan import scan
from ..tree import map as map_leaves
from .tree_utils import tree_add_scale, tree_norm, tree_vdot

__all__ = ["matrix_inverse_pth_root", "nnls", "power_iteration"]


def power_iteration(
    matrix: Any,
    *,
    v0: Any = None,
    num_iters: Any = 100,
    error_tolerance: Any = 1e-6,
    precision: Any = None,
    key: Any = None,
) -> tuple[Array, Any]:
    """The eigenvalue of the largest magnitude and its eigenvector, by powers of the matrix.

        v <- A v / ||A v||,  lambda = <v, A v>,  until ||A v - lambda v|| <= tolerance |lambda|

    It converges as the ratio of the two largest magnitudes to the power of the steps, so not at all where they are
    equal. Reverse mode goes through the steps.

    Args:
        matrix: (n, n), diagonalisable with a real dominant eigenvalue; or a linear function of a pytree.
        v0: where to begin, (n,) or the tree; where None, and for a matrix alone, uniform numbers in [-1, 1).
        num_iters: at most so many steps.
        error_tolerance: of the residual relative to the eigenvalue.
        precision: for programs written for optax; without effect.
        key: of the uniform numbers; `random.key(0)` where None.

    Returns:
        (eigenvalue, eigenvector), the vector of norm 1.

    Raises:
        ShapeError: the matrix is not square.
        TreeError: a function without `v0`.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> value, vector = optim.power_iteration(fnp.asarray([[2.0, 1.0], [1.0, 2.0]]), v0=fnp.asarray([1.0, 0.0]))
    >>> round(float(value), 4), fnp.round(vector, 4)
    (3.0, Array([0.7071, 0.7071], dtype=float32))

    Source: von Mises and Pollaczek-Geiringer, Praktische Verfahren der Gleichungsauflösung, ZAMM 9 (1929).
    """
    product: Callable[[Any], Any]
    if callable(matrix) and not isinstance(matrix, Array):
        if v0 is None:
            raise TreeError("power_iteration: a function needs v0, the vector to begin with")
        product = matrix
    else:
        matrix = _square("power_iteration", matrix)
        if v0 is None:
            key = random.key(0) if key is None else key
            v0 = random.uniform(key, matrix.shape[-1:], matrix.dtype, minval=-1, maxval=1)

        def product(v: Any) -> Any:
            return matrix @ v

    v = _unit(map_leaves(fnp.asarray, v0))
    first = product(v)
    v = map_leaves(lambda x, z: x.astype(z.dtype), v, first)  # a float32 start beside a float64 matrix
    start = (0, v, first, 0 * tree_vdot(v, first), True)

    def step(carry: Any) -> Any:
        i, _, z, _, _ = carry
        v = _unit(z)
        z = product(v)
        value = tree_vdot(v, z)
        return i + 1, v, z, value, tree_norm(tree_add_scale(z, -value, v)) > error_tolerance * fnp.abs(value)

    _, _, z, value, _ = while_loop(lambda carry: fnp.logical_and(carry[0] < num_iters, carry[4]), step, start)
    return value, _unit(z)


def _unit(v: Any) -> Any:
    norm = tree_norm(v)
    return map_leaves(lambda x: x / norm, v)


def _square(name: str, matrix: Any) -> Array:
    matrix = fnp.asarray(matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ShapeError(f"{name}: the matrix must be square, not {matrix.aval}")
    return matrix if is_inexact(matrix.dtype) else matrix.astype(fnp.asarray(0.0).dtype)


def matrix_inverse_pth_root(
    matrix: Any,
    p: int,
    num_iters: Any = 100,
    ridge_epsilon: Any = 1e-6,
    error_tolerance: Any = 1e-6,
    precision: Any = None,
) -> tuple[Array, Array]:
    """A^(-1/p) of a symmetric positive semi-definite matrix, by coupled Newton steps: products alone.

    With A + epsilon lambda_max I in A's place, M = z A and X = z^(1/p) I, where z = (p + 1) / (2 ||A||_F):

        T = ((p + 1) I - M) / p,  X <- X T,  M <- T^p M,  until max |M - I| <= tolerance

    M goes to I and X to the root. The steps also end where the error grows, as it does once rounding is all of it, and
    the X before is taken.

    Args:
        matrix: (n, n).
        p: a positive int.
        num_iters: at most so many steps.
        ridge_epsilon: what is added to the diagonal, in units of the largest eigenvalue.
        error_tolerance: of the largest element of M - I.
        precision: for programs written for optax; without effect.

    Returns:
        (root, error): (n, n), and max |M - I| of it.

    Raises:
        ShapeError: the matrix is not square.
        OptionError: `p` is no positive int.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> root, error = optim.matrix_inverse_pth_root(fnp.asarray([[16.0, 0.0], [0.0, 81.0]]), 4, ridge_epsilon=0.0)
    >>> fnp.round(root, 4)
    Array([[0.5   , 0.    ],
           [0.    , 0.3333]], dtype=float32)

    Source: Higham, Functions of Matrices (2008), equation 7.18; Gupta, Koren and Singer, Shampoo: Preconditioned
    stochastic tensor optimization, ICML 2018.
    """
    matrix = _square("matrix_inverse_pth_root", matrix)
    if not isinstance(p, int) or p < 1:
        raise OptionError(f"matrix_inverse_pth_root: p must be a positive int, not {p!r}")
    eye = fnp.eye(matrix.shape[0], dtype=matrix.dtype)
    largest, _ = power_iteration(matrix)
    matrix = matrix + (ridge_epsilon * largest).astype(matrix.dtype) * eye
    z = (p + 1) / (2 * fnp.linalg.norm(matrix))

    def error_of(m: Array) -> Array:
        return fnp.max(fnp.abs(m - eye))

    def step(carry: Any) -> Any:
        i, x, m, error, _ = carry
        t = ((p + 1) * eye - m) / p
        new_m = fnp.linalg.matrix_power(t, p) @ m
        new_error = error_of(new_m)
        better = new_error < error
        return i + 1, fnp.where(better, x @ t, x), new_m, fnp.where(better, new_error, error), better

    def unfinished(carry: Any) -> Any:
        i, _, _, error, better = carry
        return fnp.logical_and(fnp.logical_and(i < num_iters, error > error_tolerance), better)

    m = z * matrix
    _, root, _, error, _ = while_loop(unfinished, step, (0, z ** (1 / p) * eye, m, error_of(m), True))
    return root, error


def nnls(A: Any, b: Any, iters: int, unroll: int | bool = 1, L: Any = None) -> Array:  # optax's names
    """Non-negative least squares, by projected gradient steps with momentum.

        minimise ||A x - b||^2 over x >= 0:  x' = max(y - (A^T A y - A^T b) / L, 0),
        t' = (1 + sqrt(1 + 4 t^2)) / 2,  y' = x' + (t - 1) / t' (x' - x)

    from x = y = 0 and t = 0. The cost is within 2 L ||x*||^2 / (iters + 1)^2 of the least.

    Args:
        A: (m, n).
        b: (m,), or (m, k) for k problems.
        iters: how many steps.
        unroll: as `scan` has it.
        L: at least the largest eigenvalue of A^T A; where None the less of its Frobenius norm and its largest column
            sum.

    Returns:
        (n,) or (n, k), no number of which is below 0.

    Raises:
        ShapeError: A is no matrix, or b has another number of rows.

    >>> import funcgrad.numpy as fnp
    >>> from funcgrad import optim
    >>> x = optim.nnls(fnp.asarray([[1.0, 2.0], [3.0, 4.0]]), fnp.asarray([5.0, 6.0]), 1000)
    >>> fnp.round(x, 2)
    Array([0. , 1.7], dtype=float32)

    Source: Polyak, Projected gradient method for non-negative least square, Contemporary Mathematics 636 (2015);
    Nesterov, A method of solving a convex programming problem with convergence rate O(1/k^2), 1983.
    """
    matrix, b = fnp.asarray(A), fnp.asarray(b)
    if matrix.ndim != 2 or b.ndim not in (1, 2) or b.shape[0] != matrix.shape[0]:
        raise ShapeError(f"nnls: A must be (m, n) and b (m,) or (m, k), not {matrix.aval} and {b.aval}")
    gram, target = matrix.T @ matrix, matrix.T @ b
    if L is None:
        bound = fnp.minimum(fnp.linalg.norm(gram), fnp.max(fnp.sum(fnp.abs(gram), axis=0)))
    else:
        bound = fnp.asarray(L).astype(gram.dtype)
    momenta, t = [], 0.0
    for _ in range(iters):
        after = (1 + sqrt(1 + 4 * t * t)) / 2
        momenta.append((t - 1) / after)
        t = after

    def step(carry: Any, momentum: Array) -> Any:
        x, y = carry
        new = fnp.maximum(y - (gram @ y - target) / bound, 0)
        return (new, new + momentum * (new - x)), None

    zero = fnp.zeros_like(target)
    return scan(step, (zero, zero), fnp.asarray(momenta, dtype=target.dtype), unroll=unroll)[0][0]
