"""Matrices of a form: made of vectors, with derivatives, or of numbers alone."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...config import default_dtype
from ...core import Array
from ...dtypes import default_complex
from ...errors import OptionError, ShapeError
from ...numpy.creation import arange, asarray, zeros_like
from ...numpy.elementwise import abs, conj
from ...numpy.indexing import take
from ...numpy.manipulation import concat
from ...ops.create import promote_all, to_inexact
from ...ops.shape import pad

__all__ = [
    "block_diag",
    "circulant",
    "companion",
    "convolution_matrix",
    "dft",
    "fiedler",
    "hadamard",
    "hankel",
    "helmert",
    "hilbert",
    "invhilbert",
    "invpascal",
    "khatri_rao",
    "leslie",
    "pascal",
    "toeplitz",
]

# ---- of vectors and matrices -------------------------------------------------------------------


def block_diag(*arrs: Any) -> Array:
    """The matrix that has the given ones along its diagonal, and zeros elsewhere.

    Args:
        *arrs: matrices; a vector is a row, and a number a matrix of one element.

    Raises:
        ShapeError: an array of more dimensions.

    >>> import funcgrad.scipy.linalg as linalg
    >>> linalg.block_diag(1, [2, 3])
    Array([[1, 0, 0],
           [0, 2, 3]], dtype=int64)
    """
    blocks: list[Any] = promote_all([asarray(a) for a in arrs]) if arrs else [asarray(np.zeros((1, 0)), float)]
    for i, block in enumerate(blocks):
        if block.ndim > 2:
            raise ShapeError(f"block_diag: matrices are needed, argument {i} has the shape {block.shape}")
        blocks[i] = block.reshape((1,) * (2 - block.ndim) + block.shape)
    width, start, rows = sum(block.shape[1] for block in blocks), 0, []
    for block in blocks:
        rows.append(pad(block, widths=((0, 0), (start, width - start - block.shape[1]))))
        start += block.shape[1]
    return concat(rows, axis=0)


def _vector(name: str, x: Any) -> Any:
    x = asarray(x)
    if x.ndim < 1:
        raise ShapeError(f"{name}: a vector is needed, not a number")
    return x


def _ramps(rows: int, columns: int, beside: Any) -> tuple[Any, Any]:
    """The numbers of rows, as a column, and of columns."""
    return arange(rows, device=beside.device).reshape(rows, 1), arange(columns, device=beside.device)


def toeplitz(c: Any, r: Any = None) -> Array:
    """The matrix that is constant along its diagonals: element (i, j) is c[i - j], or r[j - i] above the diagonal.

    Args:
        c: the first column; its last axis, in a stack of them.
        r: the first row, of which r[0] is not read; conj(c) where None.

    >>> import funcgrad.scipy.linalg as linalg
    >>> linalg.toeplitz([1, 2, 3], [1, 4, 5])
    Array([[1, 4, 5],
           [2, 1, 4],
           [3, 2, 1]], dtype=int64)
    """
    column = _vector("toeplitz", c)
    row = conj(column) if r is None else _vector("toeplitz", r)
    column, row = promote_all((column, row))
    values = concat([row[..., :0:-1], column], axis=-1)
    i, j = _ramps(column.shape[-1], row.shape[-1], column)
    return take(values, i - j + (row.shape[-1] - 1), axis=-1)


def hankel(c: Any, r: Any = None) -> Array:
    """The matrix that is constant along its antidiagonals: c is its first column and r its last row.

    Args:
        c: the first column; its last axis, in a stack of them.
        r: the last row, of which r[0] is not read; zeros where None.

    >>> import funcgrad.scipy.linalg as linalg
    >>> linalg.hankel([1, 2, 3])
    Array([[1, 2, 3],
           [2, 3, 0],
           [3, 0, 0]], dtype=int64)
    """
    column = _vector("hankel", c)
    row = zeros_like(column) if r is None else _vector("hankel", r)
    column, row = promote_all((column, row))
    i, j = _ramps(column.shape[-1], row.shape[-1], column)
    return take(concat([column, row[..., 1:]], axis=-1), i + j, axis=-1)


def circulant(c: Any) -> Array:
    """The matrix whose columns are a vector, turned by one more place in each: element (i, j) is c[(i - j) mod n].

    >>> import funcgrad.scipy.linalg as linalg
    >>> linalg.circulant([1, 2, 3])
    Array([[1, 3, 2],
           [2, 1, 3],
           [3, 2, 1]], dtype=int64)
    """
    c = _vector("circulant", c)
    i, j = _ramps(c.shape[-1], c.shape[-1], c)
    return take(c, (i - j) % max(c.shape[-1], 1), axis=-1)


def convolution_matrix(a: Any, n: int, mode: str = "full") -> Array:
    """The matrix that convolves: `convolution_matrix(a, n) @ v` is convolve(a, v) of a vector of n elements.

    Args:
        a: shape (..., m), m > 0.
        n: how many columns.
        mode: "full" for m + n - 1 rows; "same" for the middle max(m, n) of them; "valid" for those where all of the
            shorter one takes part.

    Raises:
        OptionError: another mode, or no columns.

    >>> import funcgrad.scipy.linalg as linalg
    >>> linalg.convolution_matrix([1, 2], 2)
    Array([[1, 0],
           [2, 1],
           [0, 2]], dtype=int64)
    """
    if mode not in ("full", "same", "valid") or n < 1:
        raise OptionError(f"convolution_matrix: mode 'full', 'same' or 'valid', and n > 0, not {mode!r} and {n!r}")
    a = _vector("convolution_matrix", a)
    m, front = a.shape[-1], ((0, 0),) * (a.ndim - 1)
    row = a[..., :1] * 0
    found = toeplitz(pad(a, widths=(*front, (0, n - 1))), pad(row, widths=(*front, (0, n - 1))))
    trim = min(m, n) - 1
    before = {"full": 0, "same": trim // 2, "valid": trim}[mode]
    after = {"full": 0, "same": trim - trim // 2, "valid": trim}[mode]
    return found[..., before : m + n - 1 - after, :]


def khatri_rao(a: Any, b: Any) -> Array:
    """The products of columns: column j is kron(a[:, j], b[:, j]).

    Args:
        a: shape (..., m, k).
        b: shape (..., n, k).

    Returns:
        Shape (..., m n, k).

    Raises:
        ShapeError: other numbers of columns, or no matrices.

    >>> import funcgrad.scipy.linalg as linalg
    >>> linalg.khatri_rao([[1, 2]], [[3, 4], [5, 6]])
    Array([[ 3,  8],
           [ 5, 12]], dtype=int64)
    """
    x, y = promote_all((asarray(a), asarray(b)))
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-1]:
        raise ShapeError(f"khatri_rao: matrices of equally many columns are needed, not {x.shape} and {y.shape}")
    found: Any = x[..., :, None, :] * y[..., None, :, :]
    return found.reshape((*found.shape[:-3], found.shape[-3] * found.shape[-2], found.shape[-1]))


def companion(a: Any) -> Array:
    """The matrix whose eigenvalues are the roots of a polynomial.

    Args:
        a: shape (..., n), n >= 2: the coefficients, the highest power's first, which must not be zero.

    Returns:
        Shape (..., n - 1, n - 1).

    >>> import funcgrad.scipy.linalg as linalg
    >>> linalg.companion([1, -3, 2])
    Array([[ 3., -2.],
           [ 1.,  0.]], dtype=float32)
    """
    a = to_inexact(_vector("companion", a))
    n = a.shape[-1]
    if n < 2:
        raise ShapeError(f"companion: two coefficients are needed at least, the shape is {a.shape}")
    first = (-a[..., 1:] / a[..., :1])[..., None, :]
    shift = asarray(np.eye(n - 2, n - 1), first.dtype, device=first.device)
    return concat([first, shift.broadcast_to((*first.shape[:-2], n - 2, n - 1))], axis=-2)


def leslie(f: Any, s: Any) -> Array:
    """The matrix that moves a population by a year: fecundities in its first row, survival below the diagonal.

    Args:
        f: shape (..., n): offspring of each age.
        s: shape (..., n - 1): the part of each age but the last that survives.

    >>> import funcgrad.scipy.linalg as linalg
    >>> linalg.leslie([1.0, 2.0], [0.5])
    Array([[1. , 2. ],
           [0.5, 0. ]], dtype=float32)
    """
    births, survival = promote_all((_vector("leslie", f), _vector("leslie", s)))
    n = births.shape[-1]
    if n < 2 or survival.shape[-1] != n - 1:
        raise ShapeError(
            f"leslie: f and s must have n and n - 1 elements, not the shapes {births.shape}, {survival.shape}"
        )
    place = asarray(np.eye(n - 1, n), births.dtype, device=births.device)
    rows = survival[..., :, None] * place
    return concat([births[..., None, :], rows], axis=-2)


def fiedler(a: Any) -> Array:
    """The matrix of distances: element (i, j) is |a[i] - a[j]|.

    >>> import funcgrad.scipy.linalg as linalg
    >>> linalg.fiedler([1, 4])
    Array([[0, 3],
           [3, 0]], dtype=int64)
    """
    a = _vector("fiedler", a)
    return abs(a[..., :, None] - a[..., None, :])


# ---- of numbers alone --------------------------------------------------------------------------


def _given(values: Any) -> Array:
    """Real numbers in the default float."""
    return asarray(np.asarray(values, dtype=default_dtype()))


def dft(n: int, scale: str | None = None) -> Array:
    """The matrix of the discrete Fourier transform: `dft(n) @ x` is fft(x).

    Args:
        n: its size.
        scale: None, "sqrtn" to divide by sqrt(n), or "n" by n.

    >>> import funcgrad.scipy.linalg as linalg
    >>> linalg.dft(2).real.round(3)
    Array([[ 1.,  1.],
           [ 1., -1.]], dtype=float32)
    """
    if scale not in (None, "sqrtn", "n"):
        raise OptionError(f"dft: scale is None, 'sqrtn' or 'n', not {scale!r}")
    turns = np.outer(np.arange(n), np.arange(n)) % max(n, 1)  # below one turn, where exp is exact
    found = np.exp(-2j * np.pi / max(n, 1) * turns)
    found = found / {None: 1.0, "sqrtn": math.sqrt(n), "n": float(n)}[scale]
    return asarray(found.astype(default_complex()))


def hadamard(n: int, dtype: Any = int) -> Array:
    """Hadamard's matrix, of +1 and -1 in orthogonal rows, by Sylvester's construction.

    Args:
        n: its size, a power of two.
        dtype: of its elements.

    >>> import funcgrad.scipy.linalg as linalg
    >>> linalg.hadamard(2)
    Array([[ 1,  1],
           [ 1, -1]], dtype=int64)
    """
    if n < 1 or n & (n - 1):
        raise OptionError(f"hadamard: the size must be a power of two, not {n!r}")
    found = np.ones((1, 1), np.int64)
    while found.shape[0] < n:
        found = np.block([[found, found], [found, -found]])
    return asarray(found, dtype)


def helmert(n: int, full: bool = False) -> Array:
    """Helmert's matrix: orthonormal rows, each of which sums to zero.

    Args:
        n: how many columns.
        full: with the row of equal numbers in front, which makes it square.

    >>> import funcgrad.scipy.linalg as linalg
    >>> linalg.helmert(2).round(3)
    Array([[ 0.707, -0.707]], dtype=float32)
    """
    found = np.tril(np.ones((n, n)), -1) - np.diag(np.arange(n))
    found[0] = 1
    lengths = np.arange(n) * (np.arange(n) + 1.0)
    lengths[0] = n
    found = found / np.sqrt(lengths)[:, None]
    return _given(found if full else found[1:])


def hilbert(n: int) -> Array:
    """Hilbert's matrix: element (i, j) is 1 / (i + j + 1).

    >>> import funcgrad.scipy.linalg as linalg
    >>> linalg.hilbert(2).round(3)
    Array([[1.   , 0.5  ],
           [0.5  , 0.333]], dtype=float32)
    """
    return _given(1.0 / (np.arange(n)[:, None] + np.arange(n) + 1))


def invhilbert(n: int, exact: bool = False) -> Array:
    """The inverse of Hilbert's matrix, whose elements are whole.

    Args:
        n: its size.
        exact: as int64, which hold it up to n = 14; else as floats.

    >>> import funcgrad.scipy.linalg as linalg
    >>> linalg.invhilbert(2, exact=True)
    Array([[ 4, -6],
           [-6, 12]], dtype=int64)
    """
    if exact and n > 14:
        raise OptionError(f"invhilbert: the elements for n = {n} are beyond int64: exact=False")

    def element(i: int, j: int) -> int:
        turn = math.comb(n + i, n - j - 1) * math.comb(n + j, n - i - 1) * math.comb(i + j, i) ** 2
        return (-1) ** (i + j) * (i + j + 1) * turn

    elements = [[element(i, j) for j in range(n)] for i in range(n)]
    return asarray(np.asarray(elements, np.int64)) if exact else _given(elements)


def pascal(n: int, kind: str = "symmetric", exact: bool = True) -> Array:
    """Pascal's matrix of binomial coefficients.

    Args:
        n: its size.
        kind: "symmetric", with (i + j over i); "lower", with (i over j); "upper", its transpose.
        exact: as uint64, which hold it up to n = 34; else as floats.

    >>> import funcgrad.scipy.linalg as linalg
    >>> linalg.pascal(3)
    Array([[1, 1, 1],
           [1, 2, 3],
           [1, 3, 6]], dtype=uint64)
    """
    if kind not in ("symmetric", "lower", "upper"):
        raise OptionError(f"pascal: kind is 'symmetric', 'lower' or 'upper', not {kind!r}")
    if exact and n > 34:
        raise OptionError(f"pascal: the elements for n = {n} are beyond uint64: exact=False")
    kinds: dict[str, Any] = {
        "symmetric": lambda i, j: (i + j, i),
        "lower": lambda i, j: (i, j),
        "upper": lambda i, j: (j, i),
    }
    over = kinds[kind]
    elements = [[math.comb(*over(i, j)) for j in range(n)] for i in range(n)]
    return asarray(np.asarray(elements, np.uint64)) if exact else _given(elements)


def invpascal(n: int, kind: str = "symmetric", exact: bool = True) -> Array:
    """The inverse of Pascal's matrix.

    Args:
        n, kind: as for `pascal`.
        exact: as int64, which hold it up to n = 34; else as floats.

    >>> import funcgrad.scipy.linalg as linalg
    >>> linalg.invpascal(2)
    Array([[ 2, -1],
           [-1,  1]], dtype=int64)
    """
    if kind not in ("symmetric", "lower", "upper"):
        raise OptionError(f"invpascal: kind is 'symmetric', 'lower' or 'upper', not {kind!r}")
    if exact and n > 34:
        raise OptionError(f"invpascal: the elements for n = {n} are beyond int64: exact=False")
    rows = [[(-1) ** (i + j) * math.comb(i, j) for j in range(n)] for i in range(n)]
    if kind == "upper":
        rows = [list(column) for column in zip(*rows, strict=True)]
    elif kind == "symmetric":  # the transpose times the lower one
        rows = [[sum(row[i] * row[j] for row in rows) for j in range(n)] for i in range(n)]
    return asarray(np.asarray(rows, np.int64)) if exact else _given(rows)
