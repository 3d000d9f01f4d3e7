"""Polynomials, given by their coefficients, the one of the highest power first."""

from __future__ import annotations

import operator
from typing import Any

from ..core import Array
from ..errors import OptionError, ShapeError
from ..ops.create import asarray, promote_all, to_inexact
from ..ops.precision import widened
from ..ops.shape import pad
from .creation import arange, zeros
from .elementwise import abs
from .filtering import convolve
from .manipulation import concat, ravel

__all__ = [
    "polyadd",
    "polyder",
    "polydiv",
    "polyint",
    "polymul",
    "polysub",
    "polyval",
]


def _coefficients(name: str, p: Any) -> Array:
    """Coefficients as an array of one dimension."""
    found = asarray(p)
    if not found.ndim:
        found = found.reshape(1)
    if found.ndim != 1:
        raise ShapeError(f"{name}: the coefficients must have one dimension, not {found.aval}: use vmap for several")
    return found


def _trimmed(p: Array, tolerance: float = 0.0) -> Array:
    """Coefficients without the leading ones that are zero; how many those are is read off the values."""
    start = 0
    while start < p.shape[0] - 1 and bool(abs(p[start]) <= tolerance):  # type: ignore[operator]
        start += 1
    return p[start:]


@widened
def polyval(p: Any, x: Any) -> Array:
    """The polynomial's values, by Horner's rule.

        p[0] x^(n-1) + p[1] x^(n-2) + ... + p[n-1]

    Args:
        p: coefficients, shape (n,).
        x: where to evaluate, an array of any shape.

    Returns:
        An array of x's shape, with derivatives in both.

    Raises:
        ShapeError: the coefficients have more than one dimension.

    >>> from funcgrad import numpy as fnp
    >>> fnp.polyval(fnp.asarray([3, 0, 1]), 5)
    Array(76, dtype=int64)
    """
    coefficients, at = promote_all((_coefficients("polyval", p), x))
    found: Any = zeros(at.shape, at.dtype, device=at.device)
    for k in range(coefficients.shape[0]):
        found = found * at + coefficients[k]
    return found


def _of_one_size(name: str, a1: Any, a2: Any) -> list[Any]:
    """Coefficients of two polynomials, zeros in front of the shorter one."""
    found = promote_all((_coefficients(name, a1), _coefficients(name, a2)))
    n = max(p.shape[0] for p in found)
    return [pad(p, widths=((n - p.shape[0], 0),)) for p in found]


def polyadd(a1: Any, a2: Any) -> Array:
    """The sum of two polynomials.

    Args:
        a1, a2: coefficients, shapes (n,) and (m,).

    Returns:
        Shape (max(n, m),); leading zeros stay, so that the shape does not depend on the values.

    >>> from funcgrad import numpy as fnp
    >>> fnp.polyadd(fnp.asarray([1, 2]), fnp.asarray([9, 5, 4]))
    Array([9, 6, 6], dtype=int64)
    """
    p, q = _of_one_size("polyadd", a1, a2)
    return p + q


def polysub(a1: Any, a2: Any) -> Array:
    """The difference of two polynomials; arguments and result as for `polyadd`."""
    p, q = _of_one_size("polysub", a1, a2)
    return p - q


def polymul(a1: Any, a2: Any, *, trim_leading_zeros: bool = False) -> Array:
    """The product of two polynomials.

    Args:
        a1, a2: coefficients, shapes (n,) and (m,).
        trim_leading_zeros: whether to take zeros in front of a1 and a2 away first, as NumPy does; then the shape
            depends on the values.

    Returns:
        Shape (n + m - 1,).

    >>> from funcgrad import numpy as fnp
    >>> fnp.polymul(fnp.asarray([1, 2, 3]), fnp.asarray([9, 5, 1]))
    Array([ 9, 23, 38, 17,  3], dtype=int64)
    """
    p, q = (_coefficients("polymul", a) for a in (a1, a2))
    if trim_leading_zeros:
        p, q = _trimmed(p), _trimmed(q)
    return convolve(p, q)


def polydiv(u: Any, v: Any, *, trim_leading_zeros: bool = False) -> tuple[Array, Array]:
    """Quotient and remainder of two polynomials: u = q v + r.

    Args:
        u: coefficients of the dividend, shape (n,).
        v: coefficients of the divisor, shape (m,), the first one not zero.
        trim_leading_zeros: whether to take zeros in front of the remainder away (below 1e-14), as NumPy does; then its
            shape depends on the values.

    Returns:
        The quotient, shape (n - m + 1,), and the remainder, of m - 1 coefficients; at least one of each.

    >>> from funcgrad import numpy as fnp
    >>> fnp.polydiv(fnp.asarray([3.0, 5.0, 2.0]), fnp.asarray([2.0, 1.0]))
    (Array([1.5 , 1.75], dtype=float32), Array([0.25], dtype=float32))
    """
    a, b = promote_all((_coefficients("polydiv", u), _coefficients("polydiv", v)))
    rest, divisor = to_inexact(a), to_inexact(b)
    n, m = rest.shape[0], divisor.shape[0]
    if not n or not m:
        raise ShapeError(f"polydiv: no coefficients: {a.aval} by {b.aval}")
    quotient: list[Any] = []
    for _ in range(n - m + 1):  # the leading coefficient of the rest is zero then
        factor = rest[0] / divisor[0]
        quotient.append(factor)
        rest = concat([rest[1:m] - factor * divisor[1:], rest[m:]])  # type: ignore[operator]
    found = asarray(quotient) if quotient else zeros(1, rest.dtype, device=rest.device)
    if not rest.shape[0]:
        rest = zeros(1, rest.dtype, device=rest.device)
    return found, _trimmed(rest, 1e-14) if trim_leading_zeros else rest


def polyder(p: Any, m: int = 1) -> Array:
    """The coefficients of the m-th derivative of a polynomial.

    Args:
        p: coefficients, shape (n,).
        m: how often to differentiate.

    Returns:
        Shape (max(n - m, 0),).

    >>> from funcgrad import numpy as fnp
    >>> fnp.polyder(fnp.asarray([1, 1, 1, 1]))
    Array([3, 2, 1], dtype=int64)
    """
    found: Any = _coefficients("polyder", p)
    for _ in range(_order("polyder", m)):
        found = found[:-1] * arange(found.shape[0] - 1, 0, -1, device=found.device)
    return found


def polyint(p: Any, m: int = 1, k: Any = None) -> Array:
    """The coefficients of the m-th antiderivative of a polynomial.

    Args:
        p: coefficients, shape (n,).
        m: how often to integrate.
        k: the constants of integration, of the first integral first; a number for each of them; 0 where None.

    Returns:
        Shape (n + m,), floating.

    Raises:
        ShapeError: another number of constants than m.

    >>> from funcgrad import numpy as fnp
    >>> fnp.polyint(fnp.asarray([3, 2, 1]), k=[5])
    Array([1., 1., 1., 5.], dtype=float32)
    """
    found: Any = to_inexact(_coefficients("polyint", p))
    order = _order("polyint", m)
    constants: Any = ravel(asarray(0 if k is None else k, device=None if isinstance(k, Array) else found.device))
    if constants.shape[0] == 1:
        constants = constants.broadcast_to((order,))
    if constants.shape[0] != order:
        raise ShapeError(f"polyint: {constants.shape[0]} constants for {order} integrations")
    for i in range(order):
        whole = found / arange(found.shape[0], 0, -1, device=found.device)
        found = concat([whole, constants[i : i + 1]])
    return found


def _order(name: str, m: int) -> int:
    order = operator.index(m)
    if order < 0:
        raise OptionError(f"{name}: m must not be negative, got {order}")
    return order
