"""Linear systems. In JAX's convention a cotangent of x -> a x is a^T g, without conjugation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core import Aval
from ...errors import ShapeError
from ...kernels import linalg as kernels
from ...rules import align_in_front, batch_to_front, broadcast_shapes, general, move_axis, unbroadcast
from ..contract import transposed
from ..shape import pad
from .matrices import adjoint, conjugate, in_front, lower, square, upper


def _infer_solve(name: str, a: Aval, b: Aval) -> Aval:
    square(name, a)
    if len(b.shape) < 2 or a.shape[-1] != b.shape[-2]:
        raise ShapeError(f"{name}: the matrix {a.shape} and the right-hand sides {b.shape} do not fit: rows must agree")
    return Aval((*broadcast_shapes(name, a.shape[:-2], b.shape[:-2]), *b.shape[-2:]), b.dtype)


def _difference(x: Any, y: Any) -> Any:
    """x - y, where None is zero."""
    if x is None:
        return None if y is None else -y
    return x if y is None else x - y


# ---- solve, inv --------------------------------------------------------------------------------


def _solve_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any) -> Any:
    (a, _), (ta, tb) = primals, tangents
    change = _difference(tb, None if ta is None else ta @ out)
    return solve(a, change).broadcast_to(out.shape)


def _solve_pull(g: Any, a: Any, out: Any, *, wanted: Sequence[bool], shapes: Sequence[Any]) -> tuple[Any, Any]:
    w = solve(transposed(a), g)
    ct_a = unbroadcast(-(w @ transposed(out)), shapes[0]) if wanted[0] else None
    return ct_a, unbroadcast(w, shapes[1]) if wanted[1] else None


solve = general(  # both with at least two dimensions
    "solve(a, b)",
    impl=kernels.solve,
    infer=lambda a, b: _infer_solve("solve", a, b),
    jvp=_solve_jvp,
    pull=_solve_pull,
    batch=lambda size, args, dims: (solve(*align_in_front(size, args, dims)), 0),
)


def _infer_square(name: str) -> Any:
    def infer(x: Aval) -> Aval:
        square(name, x)
        return x

    return infer


inv = general(
    "inv(x)",
    impl=kernels.inv,
    infer=_infer_square("inv"),
    jvp=lambda primals, tangents, out: -(out @ tangents[0] @ out),
    x=lambda g, out: -(transposed(out) @ g @ transposed(out)),
    batch=in_front(lambda: inv),
)

# ---- triangular --------------------------------------------------------------------------------


def part(a: Any, is_lower: bool, unit: bool) -> Any:
    """The triangle that a solve reads."""
    return lower(a, k=-1 if unit else 0) if is_lower else upper(a, k=1 if unit else 0)


def _triangular_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any, *, lower: bool, unit: bool) -> Any:
    (a, _), (ta, tb) = primals, tangents
    change = _difference(tb, None if ta is None else part(ta, lower, unit) @ out)
    return triangular_solve(a, change, lower=lower, unit=unit).broadcast_to(out.shape)


def _triangular_pull(
    g: Any, a: Any, out: Any, *, lower: bool, unit: bool, wanted: Sequence[bool], shapes: Sequence[Any]
) -> tuple[Any, Any]:
    w = triangular_solve(transposed(a), g, lower=not lower, unit=unit)
    ct_a = unbroadcast(part(-(w @ transposed(out)), lower, unit), shapes[0]) if wanted[0] else None
    return ct_a, unbroadcast(w, shapes[1]) if wanted[1] else None


triangular_solve = general(
    "triangular_solve(a, b)",
    impl=kernels.triangular_solve,
    infer=lambda a, b, *, lower, unit: _infer_solve("triangular_solve", a, b),
    jvp=_triangular_jvp,
    pull=_triangular_pull,
    batch=lambda size, args, dims, *, lower, unit: (
        triangular_solve(*align_in_front(size, args, dims), lower=lower, unit=unit),
        0,
    ),
)


def solve_right(b: Any, a: Any, *, lower: bool, unit: bool = False) -> Any:
    """b a^-1 of a triangular a."""
    return transposed(triangular_solve(transposed(a), transposed(b), lower=not lower, unit=unit))


# ---- tridiagonal -------------------------------------------------------------------------------


def _neighbours(x: Any) -> tuple[Any, Any]:
    """For each row the one above it and the one below it, zeros at the ends."""
    front = ((0, 0),) * (x.ndim - 2)
    above = pad(x[..., :-1, :], widths=(*front, (1, 0), (0, 0)))
    return above, pad(x[..., 1:, :], widths=(*front, (0, 1), (0, 0)))


def _moved(x: Any, step: int) -> Any:
    """A diagonal as the transpose has it: its elements one place further, a zero before them, or the other way."""
    front = ((0, 0),) * (x.ndim - 1)
    return pad(x[..., :-1], widths=(*front, (1, 0))) if step > 0 else pad(x[..., 1:], widths=(*front, (0, 1)))


def _infer_tridiagonal(lower: Aval, diagonal: Aval, upper: Aval, b: Aval) -> Aval:
    if not lower.shape == diagonal.shape == upper.shape:
        raise ShapeError(
            f"tridiagonal_solve: the diagonals have the shapes {lower.shape}, {diagonal.shape} and {upper.shape}, "
            "which must be equal: the first of the lower and the last of the upper one are not read"
        )
    if b.shape[:-1] != diagonal.shape:
        raise ShapeError(f"tridiagonal_solve: diagonals {diagonal.shape} and right-hand sides {b.shape} do not fit")
    return b


def _tridiagonal_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any) -> Any:
    change = tangents[3]
    above, below = _neighbours(out)
    for t, rows in zip(tangents, (above, out, below), strict=False):
        change = _difference(change, None if t is None else t[..., None] * rows)
    return tridiagonal_solve(*primals[:3], change)


def _tridiagonal_pull(g: Any, lower: Any, diagonal: Any, upper: Any, out: Any) -> tuple[Any, ...]:
    w = tridiagonal_solve(_moved(upper, 1), diagonal, _moved(lower, -1), g)
    above, below = _neighbours(out)
    return (*[-(w * rows).sum(axis=-1) for rows in (above, out, below)], w)


tridiagonal_solve = general(
    "tridiagonal_solve(lower, diagonal, upper, b)",
    impl=kernels.tridiagonal_solve,
    infer=_infer_tridiagonal,
    jvp=_tridiagonal_jvp,
    pull=_tridiagonal_pull,
    batch=lambda size, args, dims: (tridiagonal_solve(*batch_to_front(args, dims, size)), 0),
)

# ---- Sylvester's equation ------------------------------------------------------------------------


def _infer_sylvester(a: Aval, b: Aval, q: Aval) -> Aval:
    square("solve_sylvester", a)
    square("solve_sylvester", b)
    if q.shape[-2:] != (a.shape[-1], b.shape[-1]) or not a.shape[:-2] == b.shape[:-2] == q.shape[:-2]:
        raise ShapeError(f"solve_sylvester: a x + x b = q of the shapes {a.shape}, {b.shape} and {q.shape} do not fit")
    return q


def _sylvester_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any) -> Any:
    ta, tb, tq = tangents
    change = _difference(_difference(tq, None if ta is None else ta @ out), None if tb is None else out @ tb)
    return sylvester(*primals[:2], change)


def _sylvester_pull(g: Any, a: Any, b: Any, out: Any) -> tuple[Any, Any, Any]:
    w, x = sylvester(transposed(a), transposed(b), g), transposed(out)
    return -(w @ x), -(x @ w), w


sylvester = general(  # the x with a x + x b = q
    "sylvester(a, b, q)",
    impl=kernels.sylvester,
    infer=_infer_sylvester,
    jvp=_sylvester_jvp,
    pull=_sylvester_pull,
    batch=lambda size, args, dims: (sylvester(*batch_to_front(args, dims, size)), 0),
)

# ---- the pseudo-inverse --------------------------------------------------------------------------


def _pinv_jvp(primals: Sequence[Any], tangents: Sequence[Any], out: Any) -> Any:
    x, t, h = primals[0], tangents[0], adjoint(out)
    th = adjoint(t)
    wide, tall = out @ h @ th, th @ h @ out
    return wide - wide @ x @ out + tall - out @ (x @ tall) - out @ t @ out


def _pinv_pull(g: Any, x: Any, out: Any) -> tuple[Any]:
    g, h = conjugate(g), adjoint(out)  # to pair by <a, b> = Re tr(a^H b) in what follows
    gh = adjoint(g)
    wide, tall = gh @ out @ h, h @ out @ gh
    return (conjugate(wide - x @ (out @ wide) + tall - tall @ out @ x - h @ g @ h),)


def _batch_pinv(size: int, args: Any, dims: Any) -> tuple[Any, int]:
    (x, rtol), (dim, along) = args, dims
    x = x.broadcast_to((size, *x.shape)) if dim is None else move_axis(x, dim, 0)
    if along is not None:
        rtol = move_axis(rtol, along, 0)
        rtol = rtol.reshape((size,) + (1,) * (x.ndim - 2 - rtol.ndim) + rtol.shape[1:])
    return pinv(x, rtol), 0


pinv = general(  # of constant rank; Golub and Pereyra, SIAM J. Numer. Anal. 10 (1973)
    "pinv(x; rtol)",
    impl=kernels.pinv,
    infer=lambda x, rtol: Aval((*x.shape[:-2], x.shape[-1], x.shape[-2]), x.dtype),
    jvp=_pinv_jvp,
    pull=_pinv_pull,
    batch=_batch_pinv,
)
