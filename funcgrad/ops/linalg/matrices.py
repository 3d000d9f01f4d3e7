"""Parts of matrices: triangles, diagonals, transposes; and several results in one array."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from ...core import Aval
from ...device import Raw
from ...dtypes import is_complex
from ...errors import ShapeError
from ...rules import iota, linear, move_axis
from ..contract import transposed
from ..elementwise import conj, convert, greater_equal, imag, real_part
from ..shape import concat, reshape, slice_

# ---- primitives --------------------------------------------------------------------------------


def in_front(primitive: Any) -> Any:
    """The batch rule of an operation on matrices of one operand: the batch is one more of the leading axes."""
    return lambda size, xs, dims, **params: (primitive()(move_axis(xs[0], dims[0], 0), *xs[1:], **params), 0)


def _triangle(name: str, function: str) -> Any:
    primitive: Any = linear(
        f"{name}(x)",
        impl=lambda xp, x, *, k: getattr(xp, function)(x, k=k),
        infer=lambda x, *, k: x,
        transpose=lambda g, x, *, k: primitive(g, k=k),
        batch=in_front(lambda: primitive),
        moves=True,
    )
    return primitive


lower = _triangle("lower_triangle", "tril")
upper = _triangle("upper_triangle", "triu")


def _diagonal_matrix(xp: Any, x: Raw) -> Raw:
    inside = xp.eye(x.shape[-1], dtype=xp.bool, device=x.device)
    return xp.where(inside, x[..., None], xp.zeros_like(x)[..., None])


diagonal = linear(  # of square matrices
    "matrix_diagonal(x)",
    impl=lambda xp, x: xp.linalg.diagonal(x),
    infer=lambda x: Aval(x.shape[:-1], x.dtype),
    transpose=lambda g, x: diagonal_matrix(g),
    batch=in_front(lambda: diagonal),
    moves=True,
)
diagonal_matrix = linear(
    "diagonal_matrix(x)",
    impl=_diagonal_matrix,
    infer=lambda x: Aval((*x.shape, x.shape[-1]), x.dtype),
    transpose=lambda g, x: diagonal(g),
    batch=in_front(lambda: diagonal_matrix),
    moves=True,
)

# ---- composed ----------------------------------------------------------------------------------


def conjugate(x: Any) -> Any:
    """The complex conjugate; a real array itself."""
    return conj(x) if is_complex(x.dtype) else x


def adjoint(x: Any) -> Any:
    """The conjugate transpose."""
    return conjugate(transposed(x))


def hermitian_part(x: Any) -> Any:
    """(x + x^H) / 2."""
    return (x + adjoint(x)) / 2


def skew_part(x: Any) -> Any:
    """(x - x^H) / 2."""
    return (x - adjoint(x)) / 2


def real_diagonal(x: Any) -> Any:
    """The real part of the diagonal."""
    return real_part(diagonal(x))


def as_complex(x: Any, dtype: Any) -> Any:
    """The array in a complex dtype, or in the real one that it has."""
    return x if x.dtype == dtype else convert(x, dtype=dtype)


def scaled_columns(x: Any, s: Any) -> Any:
    """x diag(s), of a real s."""
    return x * as_complex(s, x.dtype).reshape((*s.shape[:-1], 1, s.shape[-1]))


def imaginary_diagonal(x: Any) -> Any:
    """i times the imaginary part of the diagonal, as a diagonal matrix."""
    return diagonal_matrix(convert(imag(diagonal(x)), dtype=x.dtype) * 1j)


def identity(n: int, beside: Any) -> Any:
    """The identity of that size, in the dtype and on the device of an array."""
    ramp: Any = iota(n, beside)
    return (ramp.reshape((n, 1)) == ramp).astype(beside.dtype)


def triangle(rows: int, columns: int, k: int, beside: Any) -> Any:
    """Is the place on or below that diagonal?"""
    return greater_equal(iota(rows, beside).reshape((rows, 1)) + k, iota(columns, beside))


def square(name: str, x: Any) -> None:
    """Refuse what is no stack of square matrices."""
    if len(x.shape) < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{name}: square matrices in the last two axes are needed, the shape is {tuple(x.shape)}")


def matrix(name: str, x: Any) -> None:
    """Refuse what has no two axes."""
    if len(x.shape) < 2:
        raise ShapeError(f"{name}: a matrix in the last two axes is needed, the shape is {tuple(x.shape)}")


# ---- orthogonal matrices of which only the first columns have a derivative --------------------


def split(u: Any, k: int) -> tuple[Any, Any]:
    """The first k columns, and the rest."""
    return u[..., :, :k], u[..., :, k:]


def completed(q: Any, rest: Any, t: Any) -> Any:
    """The tangent of a square orthogonal matrix [q, rest] from that of q: rest turns no further than it must."""
    return concat(t, -(q @ (adjoint(t) @ rest)), axis=q.ndim - 1) if rest.shape[-1] else t


def folded(q: Any, rest: Any, g: Any) -> Any:
    """The transpose of that: the cotangent of q."""
    own, other = split(g, q.shape[-1])
    return own - rest @ (adjoint(other) @ q) if rest.shape[-1] else own


# ---- several results in one array --------------------------------------------------------------


def packed_size(shapes: Sequence[Sequence[int]]) -> int:
    """The last axis of what `pack` makes of parts of these shapes (without their leading axes)."""
    return sum(prod(s) for s in shapes)


def pack(lead: int, *parts: Any) -> Any:
    """Parts laid flat beside each other behind their leading axes, real ones as complex ones beside such."""
    common = next((p.dtype for p in parts if is_complex(p.dtype)), parts[0].dtype)
    flat = [reshape(as_complex(p, common), shape=(*p.shape[:lead], prod(p.shape[lead:]))) for p in parts]
    return concat(*flat, axis=lead)


def unpack(packed: Any, *shapes: Sequence[int]) -> list[Any]:
    """The parts of these shapes (without their leading axes)."""
    lead, start, found = packed.shape[:-1], 0, []
    for shape in shapes:
        part = slice_(packed, key=(slice(None),) * len(lead) + (slice(start, start + prod(shape)),))
        found.append(reshape(part, shape=(*lead, *shape)))
        start += prod(shape)
    return found
